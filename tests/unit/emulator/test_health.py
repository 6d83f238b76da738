# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Health and traffic: what checks find, what answers show of it, who gets new clients, and what the journal counts."""

from __future__ import annotations

from typing import Any

import pytest

from .shop import BUSY, DEREGISTER, LB, REGISTER, WEIGHT, A, B, Shop

PLACE = {"load_balancer_id": "lb-1", "listener_id": "lbl-tcp"}
TCP = ("lbl-tcp", None)


def pool(*weights: int, **scenario: Any) -> Shop:
    """A cloud with one listener, on which ins-1, ins-2, ... have these weights."""
    targets = [{"instance_id": f"ins-{index}", "port": 80, "weight": one} for index, one in enumerate(weights, 1)]
    listener = {"id": "lbl-tcp", "protocol": "TCP", "port": 443, "targets": targets}
    return Shop(task_seconds=0, load_balancers=[{"id": "lb-1", "listeners": [listener]}], **scenario)


def in_traffic(cloud: Shop) -> set[int]:
    """The numbers of the instances that get new clients; the journal has to count as many."""
    found = {int(target.removeprefix("ins-")) for _, _, target, *_ in cloud.in_traffic("lb-1")}
    assert [item["serving"] for item in cloud.journal() if item["kind"] == "serving"][-1] == len(found)
    return found


def details(cloud: Shop) -> list[tuple[str, bool]]:
    return [(detail, status) for _, status, detail in cloud.health()[TCP]]


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
def test_where_nobody_is_healthy_all_of_some_weight_get_traffic(weights: Any, marks: Any, expected: set[int]) -> None:
    named = {kind: [f"ins-{number}" for number in numbers] for kind, numbers in marks.items()}
    assert in_traffic(pool(*weights, health=named)) == expected
    cloud = pool(*weights)
    cloud.change("health", named)
    assert in_traffic(cloud) == expected


def test_a_stopped_listener_forwards_to_nobody_and_one_without_check_to_all() -> None:
    cloud = pool(10, 10, health={"dead": ["ins-1", "ins-2"]})
    cloud.change("stop_listener", PLACE)
    assert (in_traffic(cloud), details(cloud)) == (set(), [("Close", False)] * 2)
    cloud.change("start_listener", PLACE)
    assert (in_traffic(cloud), details(cloud)) == ({1, 2}, [("Dead", False)] * 2)
    assert in_traffic(pool(10, 10, health={"dead": ["ins-1"], "closed_listeners": ["lbl-tcp"]})) == {1, 2}
    assert details(pool(10, health={"stopped_listeners": ["lbl-tcp"]})) == [("Close", False)]


def test_a_target_gets_nothing_before_its_first_check_is_over() -> None:
    cloud = pool(10, health={"after": 5, "dead": ["ins-1"]})
    cloud.write(REGISTER, {"ListenerId": "lbl-tcp", "InstanceId": "ins-2", "Port": 80})
    seen = []
    for seconds in (0, 5):
        cloud.sleep(seconds)
        seen.append((in_traffic(cloud), details(cloud)[1]))
    assert seen == [({1}, ("Unknown", False)), ({2}, ("Alive", True))]


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"dead": ["ins-a"]}, ("Dead", False)),
        ({"dead": ["10.0.0.1"]}, ("Dead", False)),
        ({"unknown": ["ins-a"], "dead": ["ins-b"]}, ("Unknown", False)),
        ({"closed_listeners": ["lbl-tcp"]}, ("Close", True)),
    ],
)
def test_health_by_scenario(settings: dict[str, Any], expected: tuple[str, bool]) -> None:
    cloud = Shop(health=settings)
    assert details(cloud) == [expected]
    switch = cloud.ask("DescribeListeners", **LB)["Listeners"][0]["HealthCheck"]["HealthSwitch"]
    assert switch == (0 if "closed_listeners" in settings else 1)


def test_what_is_shown_can_differ_from_the_truth() -> None:
    cloud = pool(10, 10, 10)
    cloud.change("health", {"shown": {"ins-1": None, "ins-2": {"HealthStatusDetail": "Warming"}}})
    assert ([detail for detail, _ in details(cloud)], in_traffic(cloud)) == (["Warming", "Alive"], {1, 2, 3})
    cloud.change("health", {"alive": ["ins-1", "ins-2"]})
    assert [detail for detail, _ in details(cloud)] == ["Alive"] * 3


def test_selecting_health() -> None:
    cloud, second = Shop(), ("lbl-http", "loc-2")
    assert set(cloud.health()) == {TCP, ("lbl-group", None), ("lbl-http", "loc-1"), second}
    assert set(cloud.health(ListenerIds=["lbl-tcp"])) == {TCP}
    assert set(cloud.health(LocationIds=["loc-2"])) == {second}


def test_the_journal_counts_who_serves() -> None:
    cloud = Shop(task_seconds=1, health={"after": 5})
    cloud.write(REGISTER, B)
    cloud.sleep(2)
    cloud.write(DEREGISTER, A)
    cloud.sleep(10)
    # From 3 s, when A is gone, to 6 s, when B is found alive.
    events = [(entry["time"], entry["serving"]) for entry in cloud.journal() if entry["kind"] == "serving"]
    assert [entry for entry in events if entry[0] > 0] == [(1, 1), (3, 0), (6, 1)]
    assert [cloud.min_serving("lbl-tcp", since=since) for since in (None, 6.5, 6, 4)] == [0, 1, 1, 0]
    with pytest.raises(LookupError, match="lbl-none"):
        cloud.min_serving("lbl-none")


def test_the_journal_notes_each_call_and_what_serves_after_it() -> None:
    cloud = Shop(task_seconds=1, health={"after": 3})
    assert [cloud.code(REGISTER, **LB, Targets=[B]) is None for _ in range(2)] == [True, False]
    cloud.sleep(5)
    entry = {"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-a", "Port": 80, "Weight": 0}]}
    cloud.ask(WEIGHT, **LB, ModifyList=[entry])
    cloud.sleep(2)
    writes = cloud.writes()
    outcomes = [(item["outcome"], item["accepted"], item["applied"], item["applied_at"]) for item in writes]
    assert outcomes == [("ok", True, True, 1), (BUSY, False, False, None), ("ok", True, True, 6)]
    assert (writes[0]["params"], cloud.calls(WEIGHT)) == ({**LB, "Targets": [B]}, writes[2:])
    assert (cloud.count(REGISTER), cloud.count()) == (2, 3)
    applied = [item for item in cloud.journal() if item["kind"] == "applied"]
    assert [item["request_id"] for item in applied] == [writes[index]["request_id"] for index in (0, 2)]
    assert [(item["bound"], item["healthy"], item["serving"]) for item in applied] == [(3, 2, 2), (3, 3, 2)]


def test_the_share_of_time_in_which_a_task_worked() -> None:
    cloud = Shop(task_seconds=2)
    assert cloud.busy_share("lb-1") == 0
    cloud.write(REGISTER, B)
    cloud.sleep(3)
    cloud.write(DEREGISTER, B)
    cloud.sleep(10)
    assert cloud.busy_share("lb-1") == pytest.approx(4 / 5)
    assert cloud.busy_share("lb-1", since=1, until=9) == pytest.approx(3 / 8)
    assert cloud.busy_share("lb-2") == 0
