# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks whose answers are changed."""

from __future__ import annotations

from typing import Any

from .fuzzing import Case

Raw = dict[str, Any]


def tcp(identity: str, port: int, *targets: Raw, **more: Any) -> Raw:
    return {"id": identity, "protocol": "TCP", "port": port, "targets": list(targets), **more}


def http(identity: str, *targets: Raw) -> Raw:
    rule = {"id": f"loc-{identity}", "domain": "shop.example.com", "url": "/", "targets": list(targets)}
    return {"id": identity, "protocol": "HTTP", "port": 80, "rules": [rule]}


def at(address: str, weight: int = 10, tag: str = "") -> Raw:
    key = "instance_id" if address.startswith("ins-") else "eni_ip"
    return {key: address, "port": 8080, "weight": weight, "tag": tag}


def entry(listener: str, address: str, **more: Any) -> Raw:
    key = "instance_id" if address.startswith("ins-") else "eni_ip"
    return {"listener_id": listener, key: address, "port": 8080, **more}


def world(*load_balancers: Raw, **more: Any) -> Raw:
    instances = {f"ins-{number}": {"ip": f"10.0.0.{number}", "name": f"web-{number}"} for number in range(1, 6)}
    return {"task_seconds": 0.3, "instances": instances, "load_balancers": list(load_balancers), **more}


SHOP = {
    "id": "lb-1",
    "name": "shop",
    "listeners": [
        tcp("lbl-1", 443, at("ins-1", 10, "blue"), at("10.9.9.9", 5)),
        http("lbl-2", at("ins-2", 20), at("ins-1", 0, "green")),
    ],
}
PROD: Raw = {"tags": {"env": "prod"}}
PAIR = [
    {"id": f"lb-{n}", "name": f"n{n}", **PROD, "listeners": [tcp(f"lbl-{n}", 443, at("ins-1"), at("ins-2"))]}
    for n in (1, 2)
]
ONE = {"id": "lb-1", "name": "shop", "listeners": [tcp("lbl-1", 443, at("ins-1"), at("ins-2"), at("ins-3"))]}
ROLE = "qcs::cam::uin/1:roleName/r"
RULE = {"location_id": "loc-lbl-2", "domain": "shop.example.com", "url": "/", "port": 8080}
TWO = world(*PAIR)
FEW = world(ONE, instances={f"ins-{n}": {"ip": f"10.0.0.{n}"} for n in (1, 2, 3)}, unknown_instances="refuse")
GROUP = tcp("lbl-1", 443, target_type="TARGETGROUP", target_group={"TargetGroupId": "lbtg-1"})
FIRST = entry("lbl-1", "ins-1")
FORMER = [{**entry(f"lbl-{n}", "ins-1", weight=w), "load_balancer_id": f"lb-{n}"} for n, w in ((1, 4), (2, 10))]
PORT_443 = {"listener_port": 443, "instance_id": "ins-1"}
NEW = {"listener_protocol": "TCP", "instance_id": "ins-3", "port": 80}


def case(name: str, scenario: Raw, *entries: Raw, **options: Any) -> Case:
    if not any("load_balancer" in option for option in options):
        options["load_balancer_id"] = "lb-1"
    return Case(name, "targets", scenario, {"targets": list(entries), **options})


def info(name: str, scenario: Raw, **options: Any) -> Case:
    return Case(name, "targets_info", scenario, options)


CASES = (
    info("info", world(SHOP), load_balancer_id="lb-1", health=True),
    info("info by name", world(SHOP), load_balancer_name="shop"),
    info("info of all", TWO, all_load_balancers=True, health=True),
    info("info by tag", TWO, load_balancer_tags={"env": ["prod", "test"]}, health=True),
    Case("inventory", "inventory", world(SHOP), {"health": True}),
    Case("inventory by tag", "inventory", TWO, {"load_balancer_tags": {"env": "prod"}}),
    Case("inventory with selectors", "inventory", TWO, {"load_balancer_names": ["n1", "n2"], "targets": [PORT_443]}),
    case("nothing to do", world(SHOP), entry("lbl-1", "ins-1", weight=10), {**RULE, "instance_id": "ins-2"}),
    case("bind", world(SHOP), entry("lbl-1", "ins-3"), {**RULE, "instance_id": "ins-4", "tag": "x"}),
    case("bind and wait for health", world(ONE, health={"after": 2}), entry("lbl-1", "ins-4"), wait_for_health=True),
    case("purge", world(SHOP), entry("lbl-1", "ins-1", weight=3, tag="new"), purge=True),
    case("purge guarded", world(ONE), FIRST, purge=True, min_healthy=1),
    case("absent", world(SHOP), {"instance_id": "ins-1"}, state="absent"),
    case("drain guarded", world(ONE), FIRST, state="drained", min_healthy=2),
    case("guard refuses", world(ONE), FIRST, state="drained", min_healthy=3),
    case("guard refuses for the dead", world(ONE, health={"dead": ["ins-2"]}), FIRST, state="absent", min_healthy=2),
    case("target group", world({**ONE, "listeners": [GROUP]}), FIRST),
    case("several", TWO, {**PORT_443, **NEW}, load_balancer_names=["n1", "n2"]),
    case("drain everywhere", TWO, {"instance_id": "ins-1"}, state="drained", all_load_balancers=True, min_healthy=1),
    case("restore", TWO, *FORMER, load_balancer_ids=["lb-1", "lb-2"]),
    case("one fails", FEW, entry("lbl-1", "ins-77"), entry("lbl-1", "ins-78", weight=1)),
    case("with a role", world(ONE, sts={"roles": {ROLE: {}}}), FIRST, role_arn=ROLE),
)
