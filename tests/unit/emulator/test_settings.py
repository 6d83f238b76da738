# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clouds unlike the usual one: other codes and texts, nulls, order, spelling; and settings that mean nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.scenario import like
from clb_emulator.testing import Emulator

from .shop import BUSY, DEREGISTER, HEALTH, LB, LISTING, REGISTER, SHOP, TARGETS, WEIGHT, A, B, Shop, batch, modify

if TYPE_CHECKING:
    from pathlib import Path


def register(**change: Any) -> dict[str, Any]:
    return {**LB, "Targets": [{**A, **change}]}


ELSEWHERE = {"LoadBalancerId": "lb-9"}
FILTER = {**LB, "Filters": [{"Name": "colour", "Values": ["red"]}]}
CALLS: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown_load_balancer": (TARGETS, ELSEWHERE, "InvalidParameter.LBIdNotFound"),
    "unknown_listener": (TARGETS, {**LB, "ListenerIds": ["lbl-9"]}, "InvalidParameter.ListenerIdNotFound"),
    "unknown_filter": (TARGETS, FILTER, "InvalidParameter.InvalidFilter"),
    "unknown_rule": (
        REGISTER,
        register(ListenerId="lbl-http", LocationId="loc-9"),
        "InvalidParameter.LocationNotFound",
    ),
    "no_rule": (REGISTER, register(ListenerId="lbl-http"), "InvalidParameter.LocationNotFound"),
    "rule_on_layer4": (REGISTER, register(LocationId="loc-1"), "InvalidParameter.ProtocolCheckFailed"),
    "unknown_target": (DEREGISTER, register(InstanceId="ins-b"), "InvalidParameter"),
    "quota": (REGISTER, batch(101), "LimitExceeded"),
    "length": (REGISTER, batch(501), "InvalidParameterValue.Length"),
    "range": (REGISTER, register(Weight=101), "InvalidParameterValue.Range"),
}


@pytest.mark.parametrize("situation", CALLS)
def test_the_code_of_a_refusal_can_be_another(situation: str) -> None:
    action, params, usual = CALLS[situation]
    other = {"code": "InvalidParameter", "message": "LB not exist"}
    for key in (situation, f"{action}.{situation}"):
        refusal = Shop(codes={key: other, f"RegisterTargets.{situation}": "X"}).refusal(action, **params)
        assert refusal is not None
        assert (refusal.code, refusal.message) == ("InvalidParameter", "LB not exist")
    chinese = Shop(language="zh-CN").refusal(action, **params)
    assert chinese is not None
    assert (chinese.code, chinese.message.isascii()) == (usual, False)


@pytest.mark.parametrize(
    "action, params, code",
    [
        (WEIGHT, {**modify(1), **ELSEWHERE}, "InvalidParameter"),
        (TARGETS, FILTER, "InvalidParameterValue.InvalidFilter"),
        (TARGETS, ELSEWHERE, "InvalidParameter"),
        (REGISTER, {**batch(1), **ELSEWHERE}, "InvalidParameter.LBIdNotFound"),
    ],
)
def test_the_codes_that_the_pages_of_the_actions_list(action: str, params: dict[str, Any], code: str) -> None:
    assert Shop(codes="documented").code(action, **params) == code


def test_busy_has_a_bare_code_where_the_page_lists_no_other() -> None:
    cloud = Shop(codes="documented", task_seconds=9)
    cloud.write(REGISTER, B)
    assert [cloud.code(action, **register()) for action in (DEREGISTER, REGISTER)] == ["FailedOperation", BUSY]


def test_nulls_stand_where_something_is_empty_or_only_describes() -> None:
    cloud = Shop(sparse=True, task_seconds=0)
    tcp, http, group = cloud.ask(TARGETS, **LB)["Listeners"]
    (target,) = tcp["Targets"]
    assert (target["PrivateIpAddresses"], target["Weight"], target["Tag"]) == (["10.0.0.1"], 10, "blue")
    nulls = {"PublicIpAddresses", "InstanceName", "RegisteredTime", "EniId", "Zone"}
    assert {name for name, value in target.items() if value is None} == nulls
    assert (group["Targets"], http["Rules"][1]["Targets"], http["Rules"][0]["Targets"][0]["Tag"]) == (None, None, None)
    answer = cloud.write(REGISTER, B)
    assert (answer["FailListenerIdSet"], answer["Message"]) == (None, None)
    assert cloud.ask("DescribeListeners", **LB)["Listeners"][0]["TargetType"] is None
    assert cloud.ask(LISTING)["LoadBalancerSet"][0]["Tags"] is None
    assert Shop(sparse=True, load_balancers=[{"id": "lb-1"}]).ask(TARGETS, **LB)["Listeners"] is None
    tcp, _, group = Shop(sparse=["Targets", "Zone"]).ask(TARGETS, **LB)["Listeners"]
    assert (group["Targets"], tcp["Targets"][0]["Zone"], tcp["Targets"][0]["InstanceName"]) == (None, None, "a")


def test_answers_in_another_order_each_time() -> None:
    generate = {"listeners": 6, "targets": 3}
    cloud = Shop(load_balancers=[{"id": "lb-1", "generate": generate}], order="random")
    orders = [[item["ListenerId"] for item in cloud.ask(TARGETS, **LB)["Listeners"]] for _ in range(3)]
    assert len({tuple(order) for order in orders}) == 3
    assert {tuple(sorted(order)) for order in orders} == {tuple(f"lbl-g{index:04}" for index in range(6))}


@pytest.mark.parametrize(
    "settings, weight, kind, shown, counted",
    [
        ({}, 10, "ENI", "bücher.example.com", [False, True]),
        ({"default_weight": 1, "target_count": "always"}, 1, "ENI", "bücher.example.com", [True, True]),
        ({"ipv6_type": "CVM", "target_count": "never"}, 10, "CVM", "bücher.example.com", [False, False]),
        ({"domains": "punycode"}, 10, "ENI", "xn--bcher-kva.example.com", [False, True]),
    ],
)
def test_defaults_that_can_be_others(
    settings: dict[str, Any], weight: int, kind: str, shown: str, counted: list[bool]
) -> None:
    rule = {"id": "loc-1", "domain": "bücher.example.com", "targets": [{"instance_id": "ins-a", "port": 1}]}
    listeners = [
        {"id": "lbl-web", "protocol": "HTTP", "port": 80, "rules": [rule]},
        {"id": "lbl-tcp", "protocol": "TCP", "port": 81},
    ]
    cloud = Shop(load_balancers=[{"id": "lb-1", "listeners": listeners}], task_seconds=0, **settings)
    cloud.write(REGISTER, {"ListenerId": "lbl-tcp", "EniIp": "2001:db8::1", "Port": 1})
    (target,) = cloud.targets()
    assert (target["Weight"], target["Type"], bool(target["InstanceId"])) == (weight, kind, kind == "CVM")
    assert cloud.ask(TARGETS, **LB)["Listeners"][0]["Rules"][0]["Domain"] == shown
    asked: list[dict[str, Any]] = [{}, {"AdditionalFields": ["TargetCount"]}]
    assert ["TargetCount" in cloud.ask(LISTING, **params)["LoadBalancerSet"][0] for params in asked] == counted


def test_settings_at_run_time_keep_the_state() -> None:
    cloud = Shop(task_seconds=9)
    cloud.configure(task_seconds=1, tags=False, quotas={"targets": 2})
    cloud.write(REGISTER, B)
    cloud.sleep(1)
    assert ["Tag" in target for target in cloud.targets()] == [False, False]
    cloud.configure(tags=True)
    assert [target["Tag"] for target in cloud.targets()] == ["blue", ""]


def test_layer4_rules_can_be_numbered() -> None:
    def rule(cloud: Shop) -> dict[str, Any]:
        (balancer,) = cloud.ask(HEALTH, LoadBalancerIds=["lb-1"])["LoadBalancers"]
        found: dict[str, Any] = balancer["Listeners"][0]["Rules"][0]
        return found

    numbered = rule(Shop(number_layer4_rules=True))
    assert (rule(Shop())["LocationId"], numbered["LocationId"][:4]) == (None, "loc-")
    assert (numbered["Domain"], numbered["Url"]) == (None, None)


def test_an_emulator_like_a_report(tmp_path: Path) -> None:
    report = tmp_path / "conformance.json"
    report.write_text(json.dumps({"settings": {"batch_is_task": False, "health": {"after": 3}}}))
    scenario = {**SHOP, "health": {"dead": ["ins-a"]}, "task_seconds": 7}
    assert like(scenario, report) == {**scenario, "batch_is_task": False, "health": {"dead": ["ins-a"], "after": 3}}
    assert Emulator(SHOP, like=report).scenario["batch_is_task"] is False
    for wrong in ("[]", "no", '{"settings": []}', "{}"):
        report.write_text(wrong)
        with pytest.raises(ValueError, match="is no conformance report"):
            like(SHOP, report)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limits": {"colours": 1}},
        {"limits": "strict"},
        {"codes": {"unknown_colour": "X"}},
        {"codes": "odd"},
        {"reregister": "x"},
        {"fail_listener_set": "nil"},
        {"unknown_instances": "maybe"},
        {"regoin": "ap-tokyo"},
        {"task_seconds": "long"},
        {"tags": "no"},
        *({"busy_style": style} for style in ("loud", [], ["coded", "loud"], None)),
    ],
)
def test_settings_that_mean_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Shop(**wrong)
