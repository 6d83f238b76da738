# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every option on a load balancer with a bit of everything: dry runs, real runs and second ones, selectors, guards."""

from __future__ import annotations

from typing import Any

import pytest

from harness import Cloud
from shop import keys, web_shop

TCP = {"listener_id": "lbl-tcp"}
SHOP = {"location_id": "loc-shop"}
PREDICTED = ("changed", "registered", "modified", "deregistered", "targets", "listeners", "restore", "diff")
"""What check mode says must be what the real run then says."""


def shop(**settings: Any) -> Cloud:
    return Cloud({"instances": {"ins-a": {"ip": "10.1.0.1"}}, "load_balancers": [web_shop()], **settings})


def left(cloud: Cloud) -> set[tuple[Any, ...]]:
    """What is bound, without weights and tags."""
    return {binding[:4] for binding in cloud.bindings()}


CASES: dict[str, dict[str, Any]] = {
    "layer 4 by ID": {"targets": [{"listener_id": "lbl-tcp", "instance_id": "ins-n", "port": 8443}]},
    "layer 4 by port": {
        "targets": [
            {"listener_port": 443, "listener_protocol": "tcp", "instance_id": "ins-n", "port": 8443, "weight": 0},
            {"listener_port": 53, "listener_protocol": "UDP", "ip": "2001:DB8:0::0:53", "port": 53},
            {"listener_port": 9000, "eni_ip": "10.0.9.7", "port": 9000, "weight": 100},
        ]
    },
    "layer 7 by rule": {
        "targets": [
            {"location_id": "loc-shop", "instance_id": "ins-n", "port": 8080, "weight": 3},
            {"listener_id": "lbl-http", "location_id": "loc-api", "eni_ip": "10.0.9.8", "port": 9000},
        ]
    },
    "layer 7 by domain and url": {
        "targets": [
            {"listener_id": "lbl-http", "domain": "SHOP.example.com", "url": "/", "instance_id": "ins-n", "port": 80},
            {
                "listener_port": 443,
                "listener_protocol": "HTTPS",
                "domain": "shop.EXAMPLE.com",
                "url": "/",
                "eni_ip": "10.0.9.9",
                "port": 8443,
                "tag": "grün",
            },
        ]
    },
    "weights and tags in place": {
        "targets": [
            {"listener_id": "lbl-tcp", "instance_id": "ins-a", "port": 8443, "weight": 77, "tag": "green"},
            {"listener_id": "lbl-tcp", "instance_id": "ins-b", "port": 8443, "tag": ""},
            {"listener_id": "lbl-tcp", "eni_ip": "10.0.9.1", "port": 8443, "weight": 0, "tag": None},
        ]
    },
    "what is there by another name": {
        "targets": [
            {"listener_id": "lbl-tcp", "eni_ip": "10.1.0.1", "port": 8443, "weight": 30},
            {"listener_id": "lbl-range", "eni_ip": "10.1.0.1", "port": 9001},
        ]
    },
    "purge": {
        "purge": True,
        "targets": [
            {"listener_id": "lbl-tcp", "instance_id": "ins-n", "port": 8443},
            {"listener_id": "lbl-tcp", "instance_id": "ins-a", "port": 8443},
            {"location_id": "loc-shop", "instance_id": "ins-b", "port": 8080, "weight": 21},
        ],
    },
    "guarded and awaited": {
        "purge": True,
        "min_healthy": 2,
        "wait_for_health": True,
        "wait_timeout": 60,
        "targets": [
            {"location_id": "loc-shop", "instance_id": "ins-n", "port": 8080},
            {"location_id": "loc-shop", "instance_id": "ins-m", "port": 8080},
        ],
    },
    "absent": {
        "state": "absent",
        "targets": [{"instance_id": "ins-a"}, {"listener_port": 53}, {"domain": "shop.example.com", "tag": "blue"}],
    },
    "drained": {"state": "drained", "targets": [{"listener_id": "lbl-http"}, {"ip": "10.0.9.1"}]},
    "nothing listed": {"targets": []},
    "without waiting": {"wait": False, "targets": [{"listener_id": "lbl-range", "instance_id": "ins-n", "port": 9000}]},
}


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_the_dry_run_is_the_real_run_and_a_second_one_has_nothing_to_do(options: dict[str, Any]) -> None:
    cloud = shop()
    before = cloud.bindings()
    dry = cloud.run(check=True, **options)
    assert (dry.failure, cloud.bindings(), cloud.writes()) == (None, before, [])
    cloud.clear_journal()

    real = cloud.run(**options)
    assert {key: dry[key] for key in PREDICTED} == {key: real[key] for key in PREDICTED}
    assert real.changed == bool(options["targets"])
    assert cloud.count("DescribeTargets") <= 8
    cloud.finish()

    again = cloud.run(**options)
    assert (again.changed, again["registered"] + again["modified"] + again["deregistered"]) == (False, [])
    assert again["diff"].get("before") == again["diff"].get("after")
    assert set(again["api_calls"].values()) <= {1}
    # What nothing matches any more is not touched any more.
    assert len(again["targets"]) == (0 if options.get("state") == "absent" else len(real["targets"]))


ALL = {
    ("lbl-tcp", None, "ins-a", 8443),
    ("lbl-tcp", None, "ins-b", 8443),
    ("lbl-tcp", None, "10.0.9.1", 8443),
    ("lbl-dns-tcp", None, "2001:db8::53", 53),
    ("lbl-dns-udp", None, "ins-a", 53),
    ("lbl-http", "loc-shop", "ins-a", 8080),
    ("lbl-http", "loc-shop", "ins-b", 8080),
}
"""What is bound to a web shop."""

SELECTORS: dict[str, tuple[list[dict[str, Any]], set[tuple[Any, ...]]]] = {
    "an instance": ([{"instance_id": "ins-a"}], {key for key in ALL if key[2] == "ins-a"}),
    "an instance on a listener": ([{**TCP, "instance_id": "ins-a"}], {("lbl-tcp", None, "ins-a", 8443)}),
    "an address in another spelling": (
        [{"ip": "2001:DB8:0:0::53"}],
        {("lbl-dns-tcp", None, "2001:db8::53", 53)},
    ),
    "a listener with its rules": ([{"listener_id": "lbl-http"}], {key for key in ALL if key[0] == "lbl-http"}),
    "a port of both protocols": ([{"listener_port": 53}], {key for key in ALL if "dns" in key[0]}),
    "a domain without url": ([{"domain": "shop.EXAMPLE.com"}], {key for key in ALL if key[1] == "loc-shop"}),
    "a rule": ([{"location_id": "loc-shop", "instance_id": "ins-b"}], {("lbl-http", "loc-shop", "ins-b", 8080)}),
    "a tag on a listener": ([{**TCP, "tag": "blue"}], {("lbl-tcp", None, f"ins-{x}", 8443) for x in "ab"}),
    "an empty tag narrows nothing": ([{**TCP, "tag": "", "weight": 99}], {key for key in ALL if key[0] == "lbl-tcp"}),
    "a backend port": ([{"instance_id": "ins-a", "port": 53}], {("lbl-dns-udp", None, "ins-a", 53)}),
    "what overlaps": (
        [{"instance_id": "ins-a"}, {**TCP, "instance_id": "ins-a", "port": 8443}],
        {key for key in ALL if key[2] == "ins-a"},
    ),
    "nobody": ([{"instance_id": "ins-nobody"}], set()),
}


@pytest.mark.parametrize("selectors, gone", SELECTORS.values(), ids=SELECTORS)
def test_selectors_of_absent(selectors: list[dict[str, Any]], gone: set[tuple[Any, ...]]) -> None:
    cloud = shop()
    run = cloud.run(state="absent", targets=selectors)
    assert (run.failure, ALL - left(cloud), keys(run["deregistered"])) == (None, gone, gone)
    assert run.changed == bool(gone)


def test_purge_stays_within_the_named_listeners_and_rules() -> None:
    cloud = shop()
    new = {"location_id": "loc-api", "instance_id": "ins-n", "port": 9000}
    cloud.run(purge=True, targets=[{**TCP, "eni_ip": "10.0.9.1", "port": 8443}, new])
    gone = {("lbl-tcp", None, "ins-a", 8443), ("lbl-tcp", None, "ins-b", 8443)}
    assert left(cloud) == (ALL - gone) | {("lbl-http", "loc-api", "ins-n", 9000)}
    assert cloud.actions("Batch*") == ["BatchRegisterTargets", "BatchDeregisterTargets"]


REMOVAL = {"state": "absent", "targets": [{**SHOP, "instance_id": "ins-a"}]}


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        REMOVAL,
        {**REMOVAL, "state": "drained"},
        {"targets": [{**SHOP, "instance_id": "ins-a", "port": 8080, "weight": 0}]},
        {"purge": True, "targets": [{**SHOP, "instance_id": "ins-b", "port": 8080}]},
    ],
)
def test_the_guard_refuses_every_kind_of_loss(options: dict[str, Any], check: bool) -> None:
    cloud = shop(health={"dead": ["ins-b"]})
    run = cloud.run(min_healthy=1, check=check, **options)
    assert (run.code, run.changed, cloud.writes()) == ("GuardRefused", False, [])
    assert all(part in run.message for part in ("min_healthy is 1", "loc-shop", "from 1 to 0", "ins-a:8080"))
    assert {entry["code"] for entry in run["failed_targets"]} == {"NotAttempted"}
    assert cloud.run(min_healthy=0, **options).changed


def test_new_targets_are_waited_for_until_they_are_healthy() -> None:
    health = {"after": 3, "dead": ["ins-x"], "closed_listeners": ["lbl-range"]}
    cloud = shop(health=health)
    run = cloud.run(wait_for_health=True, targets=[{**TCP, "instance_id": "ins-n", "port": 8443}])
    assert (run.failure, run.seconds > 3, run["api_calls"]["DescribeTargetHealth"] >= 2) == (None, True, True)
    never = {**TCP, "instance_id": "ins-x", "port": 8443, "weight": 4}
    drained = {**never, "instance_id": "ins-y", "weight": 0}
    failed = cloud.run(wait_for_health=True, wait_timeout=20, purge=True, targets=[never, drained])
    assert (failed.code, failed["deregistered"]) == ("WaitTimeout", [])
    assert all(part in failed.message for part in ("ins-x:8443", "Dead", "wait_timeout"))
    assert "ins-y" not in failed["error"]["message"], "a target of weight 0 need not be healthy"
    assert keys(failed["registered"]) == {("lbl-tcp", None, f"ins-{x}", 8443) for x in "xy"}
    unchecked = cloud.run(wait_for_health=True, targets=[{"listener_port": 9000, "ip": "10.0.9.7", "port": 9000}])
    assert any("lbl-range" in text and "switched off" in text for text in unchecked.warnings), unchecked.warnings


def test_without_waiting_it_returns_once_the_cloud_has_accepted() -> None:
    cloud = shop(task_seconds=20.0)
    stay = [{**TCP, "instance_id": "ins-a", "port": 8443}, {**TCP, "instance_id": "ins-n", "port": 8443}]
    run = cloud.run(wait=False, targets=stay)
    assert (run.failure, run.changed, run.seconds < 1) == (None, True, True)
    assert run["api_calls"] == {"DescribeTargets": 1, "BatchRegisterTargets": 1}
    (place,) = run["listeners"]
    assert (place["status"], place["registered"], place["bound"]) == ("changed", 1, 4)
