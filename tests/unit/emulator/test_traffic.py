# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who gets new clients, what health answers show of it, and how listeners and rules say that they forward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.inprocess import InProcess

if TYPE_CHECKING:
    from collections.abc import Callable

PLACE = {"load_balancer_id": "lb-1", "listener_id": "lbl-1"}


def pool(*weights: int, **scenario: Any) -> InProcess:
    """Return a cloud with one listener, on which ins-1, ins-2, ... have these weights."""
    targets = [{"instance_id": f"ins-{index}", "port": 80, "weight": one} for index, one in enumerate(weights, 1)]
    listener = {"id": "lbl-1", "protocol": "TCP", "port": 443, "targets": targets}
    return InProcess({"task_seconds": 0, "load_balancers": [{"id": "lb-1", "listeners": [listener]}], **scenario})


def in_traffic(cloud: InProcess) -> set[int]:
    """Return the numbers of the instances that get new clients; the journal has to count as many."""
    found = {int(target.removeprefix("ins-")) for _, _, target, *_ in cloud.in_traffic("lb-1")}
    assert [item["serving"] for item in cloud.journal() if item["kind"] == "serving"][-1] == len(found)
    return found


@pytest.mark.parametrize(
    "weights, marks, expected",
    [
        ((10, 10, 10), {}, {1, 2, 3}),
        ((10, 0, 10), {}, {1, 3}),
        ((10, 10, 10), {"dead": [1]}, {2, 3}),
        ((10, 10, 10), {"dead": [1], "unknown": [2]}, {3}),
        ((10, 10, 10), {"dead": [1], "unknown": [2, 3]}, {1, 2, 3}),
        ((10, 10, 0), {"dead": [1, 2]}, {1, 2}),
        ((10, 0, 0), {"dead": [1]}, {1}),
        ((0, 0, 0), {"dead": [1]}, set()),
        ((10, 10), {"dead": [1], "closed": [2]}, {2}),
    ],
)
def test_where_nobody_is_healthy_all_of_some_weight_get_traffic(
    weights: tuple[int, ...], marks: dict[str, list[int]], expected: set[int]
) -> None:
    named = {kind: [f"ins-{number}" for number in numbers] for kind, numbers in marks.items()}
    assert in_traffic(pool(*weights, health=named)) == expected
    cloud = pool(*weights)
    cloud.change("health", named)
    assert in_traffic(cloud) == expected


def test_a_stopped_listener_forwards_to_nobody_and_one_without_check_to_all() -> None:
    cloud = pool(10, 10, health={"dead": ["ins-1", "ins-2"]})
    cloud.change("stop_listener", PLACE)
    assert in_traffic(cloud) == set()
    cloud.change("start_listener", PLACE)
    assert in_traffic(cloud) == {1, 2}
    assert in_traffic(pool(10, 10, health={"dead": ["ins-1"], "closed_listeners": ["lbl-1"]})) == {1, 2}


def test_a_target_gets_nothing_before_its_first_check_is_over() -> None:
    cloud = pool(10, health={"after": 5, "dead": ["ins-1"]})
    cloud.call(
        "BatchRegisterTargets",
        {"LoadBalancerId": "lb-1", "Targets": [{"ListenerId": "lbl-1", "InstanceId": "ins-2", "Port": 80}]},
    )
    assert in_traffic(cloud) == {1}
    cloud.sleep(5)
    assert in_traffic(cloud) == {2}


def test_health_can_be_shown_in_any_shape() -> None:
    """The truth stays: only the answer is odd."""
    cloud = pool(10, 10, 10)
    odd = {"HealthStatusDetail": "Warming"}
    cloud.change("health", {"shown": {"ins-1": None, "ins-2": odd}})

    def shown() -> dict[str, str]:
        answer = cloud.call("DescribeTargetHealth", {"LoadBalancerIds": ["lb-1"]})
        targets = answer["LoadBalancers"][0]["Listeners"][0]["Rules"][0]["Targets"]
        return {target["TargetId"]: target["HealthStatusDetail"] for target in targets}

    assert shown() == {"ins-2": "Warming", "ins-3": "Alive"}
    assert in_traffic(cloud) == {1, 2, 3}
    cloud.change("health", {"alive": ["ins-1", "ins-2"]})
    assert set(shown().values()) == {"Alive"}


@pytest.mark.parametrize(
    "health, expected",
    [
        ({}, [("Alive", True), ("Alive", True), ("Unknown", False)]),
        ({"unchecked": "Dead"}, [("Alive", True), ("Alive", True), ("Dead", False)]),
        ({"at_zero": "Close"}, [("Alive", True), ("Close", True), ("Unknown", False)]),
        ({"dead": ["ins-1", "ins-2"]}, [("Dead", False), ("Dead", False), ("Unknown", False)]),
        ({"dead": ["ins-1", "ins-2", "ins-3"], "dead_status": True}, [("Dead", True)] * 3),
    ],
)
def test_what_health_says_can_be_something_else(health: dict[str, Any], expected: list[tuple[str, bool]]) -> None:
    cloud = pool(10, 0, health={"after": 5, **health})
    target = {"ListenerId": "lbl-1", "InstanceId": "ins-3", "Port": 80}
    cloud.call("BatchRegisterTargets", {"LoadBalancerId": "lb-1", "Targets": [target]})
    answer = cloud.call("DescribeTargetHealth", {"LoadBalancerIds": ["lb-1"]})
    targets = answer["LoadBalancers"][0]["Listeners"][0]["Rules"][0]["Targets"]
    assert [(target["HealthStatusDetail"], target["HealthStatus"]) for target in targets] == expected


@pytest.mark.parametrize("protocol, idle", [("TCP", 900), ("UDP", None), ("HTTP", None)])
def test_how_listeners_and_rules_forward(in_process: Callable[..., Any], protocol: str, idle: int | None) -> None:
    traits = {"session_seconds": 60, "scheduler": "LEAST_CONN", "health_check": False}
    rule = {"id": "loc-1", "domain": "a.example.com", **traits, "targets": [{"instance_id": "ins-a", "port": 1}]}
    listener = {"id": "lbl-1", "protocol": protocol, "port": 1, **({"rules": [rule]} if protocol == "HTTP" else traits)}
    cloud = in_process(load_balancers=[{"id": "lb-1", "listeners": [listener]}])
    (shown,) = cloud.call("DescribeListeners", LoadBalancerId="lb-1")["Listeners"]
    assert (shown["IdleConnectTimeout"], shown["TargetType"]) == (idle, "NODE")
    place = shown["Rules"][0] if protocol == "HTTP" else shown
    assert (place["SessionExpireTime"], place["Scheduler"]) == (60, "LEAST_CONN")
    assert place["HealthCheck"]["HealthSwitch"] == 0
    if protocol == "HTTP":
        health = cloud.call("DescribeTargetHealth", LoadBalancerIds=["lb-1"])["LoadBalancers"][0]["Listeners"][0]
        assert health["Rules"][0]["Targets"][0]["HealthStatusDetail"] == "Close"
