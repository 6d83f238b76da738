# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody else does to the cloud: at once, after a call, or some seconds later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator import control

if TYPE_CHECKING:
    from collections.abc import Callable

    from clb_emulator.errors import ApiError

    from .conftest import InProcess

A = {"LoadBalancerId": "lb-1", "ListenerId": "lbl-tcp", "InstanceId": "ins-a", "Port": 80}
B = {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}
TCP = {"load_balancer_id": "lb-1", "listener_id": "lbl-tcp"}
NEW = {"eni_ip": "10.9.9.9", "port": 5}
HTTP = {"load_balancer_id": "lb-1", "listener_id": "lbl-http"}


def bound(cloud: InProcess) -> set[tuple[str, str, int, int, str]]:
    cloud.cloud.settle()
    return {
        (item["listener_id"], item["target"], item["port"], item["weight"], item["tag"]) for item in cloud.cloud.state()
    }


def change(cloud: InProcess, name: str, payload: Any) -> None:
    control.handle(cloud.cloud, "POST", name, payload)


def listeners(cloud: InProcess) -> list[str]:
    return [item["ListenerId"] for item in cloud.call("DescribeTargets", LoadBalancerId="lb-1")["Listeners"]]


@pytest.mark.parametrize(
    "name, payload, gone, new",
    [
        ("unbind", [A], ("lbl-tcp", "ins-a", 80, 10, "blue"), None),
        ("weight", [{**A, "Weight": 3}], ("lbl-tcp", "ins-a", 80, 10, "blue"), ("lbl-tcp", "ins-a", 80, 3, "blue")),
        ("tag", [{**A, "Tag": "x"}], ("lbl-tcp", "ins-a", 80, 10, "blue"), ("lbl-tcp", "ins-a", 80, 10, "x")),
        ("bind", [{**A, "Port": 81, "Weight": 1}], None, ("lbl-tcp", "ins-a", 81, 1, "")),
        ("delete_listener", TCP, ("lbl-tcp", "ins-a", 80, 10, "blue"), None),
        ("delete_rule", {**HTTP, "location_id": "loc-1"}, ("lbl-http", "10.0.0.9", 8080, 20, ""), None),
        (
            "create_listener",
            {
                "load_balancer_id": "lb-1",
                "listener": {
                    "id": "lbl-new",
                    "protocol": "UDP",
                    "port": 5,
                    "targets": [{"eni_ip": "10.9.9.9", "port": 5}],
                },
            },
            None,
            ("lbl-new", "10.9.9.9", 5, 10, ""),
        ),
        (
            "create_rule",
            {
                **HTTP,
                "rule": {"id": "loc-3", "domain": "c.example.com", "targets": [NEW]},
            },
            None,
            ("lbl-http", "10.9.9.9", 5, 10, ""),
        ),
    ],
)
@pytest.mark.parametrize("locked", [False, True])
def test_changes(
    in_process: Callable[..., InProcess], name: str, payload: Any, gone: Any, new: Any, locked: bool
) -> None:
    cloud = in_process(task_seconds=5)
    if locked:
        cloud.write("BatchRegisterTargets", {**B, "Port": 99})
    before = bound(cloud)
    change(cloud, name, payload)
    assert before - bound(cloud) == ({gone} if gone else set())
    assert bound(cloud) - before == ({new} if new else set())


def test_listeners_and_load_balancers_come_and_go(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError]
) -> None:
    cloud = in_process()
    change(cloud, "delete_listener", TCP)
    assert listeners(cloud) == ["lbl-http", "lbl-group"]
    assert refused(cloud.write, "BatchRegisterTargets", B).code == "InvalidParameter.ListenerIdNotFound"
    change(cloud, "create_load_balancer", {"id": "lb-2", "listeners": [{"id": "lbl-2", "protocol": "TCP", "port": 1}]})
    assert cloud.call("DescribeTargets", LoadBalancerId="lb-2")["Listeners"][0]["ListenerId"] == "lbl-2"
    change(cloud, "delete_load_balancer", {"load_balancer_id": "lb-1"})
    gone = refused(cloud.call, "DescribeTargets", LoadBalancerId="lb-1")
    assert gone.code == "InvalidParameter.LBIdNotFound"


def test_a_listener_that_goes_while_a_task_works_on_it(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=2)
    task = cloud.write("BatchRegisterTargets", B)["RequestId"]
    change(cloud, "delete_listener", TCP)
    cloud.wait(3)
    assert cloud.status(task) == 0
    assert "lbl-tcp" not in listeners(cloud)


def test_a_strict_and_a_lenient_cloud(in_process: Callable[..., InProcess], refused: Callable[..., ApiError]) -> None:
    cloud = in_process()
    change(cloud, "delete_listener", TCP)
    asked = {"LoadBalancerId": "lb-1", "ListenerIds": ["lbl-tcp", "lbl-http"]}
    assert refused(cloud.call, "DescribeTargets", **asked).code == "InvalidParameter.ListenerIdNotFound"
    change(cloud, "settings", {"describe_unknown_listener": "empty"})
    assert [item["ListenerId"] for item in cloud.call("DescribeTargets", **asked)["Listeners"]] == ["lbl-http"]


@pytest.mark.parametrize(
    "name, payload",
    [
        ("unbind", [{**A, "Port": 7}]),
        ("weight", [{**A, "InstanceId": "ins-b"}]),
        ("delete_listener", {**TCP, "listener_id": "lbl-none"}),
        ("delete_rule", {**HTTP, "location_id": "loc-none"}),
        ("delete_load_balancer", {"load_balancer_id": "lb-none"}),
        ("create_load_balancer", {"id": "lb-1"}),
        ("create_listener", {"load_balancer_id": "lb-1", "listener": {"id": "lbl-tcp", "protocol": "TCP", "port": 1}}),
        ("create_rule", {**TCP, "rule": {"id": "loc-9", "domain": "d"}}),
        ("settings", {"busy_stile": "text"}),
        ("settings", {"task_seconds": "long"}),
        ("settings", {"tags": "no"}),
        ("nothing", None),
        ("events", [{"change": "unbind", "after": 1}]),
        ("events", [{"change": "explode"}]),
    ],
)
def test_what_is_impossible_is_said(in_process: Callable[..., InProcess], name: str, payload: Any) -> None:
    cloud = in_process()
    before = bound(cloud)
    with pytest.raises((ValueError, LookupError)):
        change(cloud, name, payload)
    assert bound(cloud) == before


@pytest.mark.parametrize(
    "order, happens_at",
    [
        ({"action": "BatchRegisterTargets"}, [(1, 0)]),
        ({"action": "Batch*", "delay": 2}, [(1, 2)]),
        ({"action": "DescribeTargets", "after_calls": 3}, [(4, 0)]),
        ({"delay": 1.5}, [(0, 1.5)]),
        ({"action": "Batch*", "accepted": True}, [(1, 0)]),
    ],
)
def test_when_an_ordered_change_happens(
    in_process: Callable[..., InProcess], order: dict[str, Any], happens_at: list[tuple[int, float]]
) -> None:
    """A write, then three reads, each at its second; the change comes after so many calls, so many seconds later."""
    cloud = in_process(task_seconds=0, events=[{"change": "health", "with": {"dead": ["ins-a"]}, **order}])
    moments = [0.0]
    for call in range(4):
        if call:
            cloud.targets("lbl-tcp")
        else:
            cloud.write("BatchRegisterTargets", B)
        moments.append(cloud.clock.now())
        cloud.wait(0.25)
    cloud.wait(5)
    seen = [entry for entry in cloud.cloud.journal.read() if entry["kind"] == "event"]
    assert [entry["time"] for entry in seen] == [moments[calls] + seconds for calls, seconds in happens_at]
    assert [entry["problem"] for entry in seen] == [None]


def test_a_refused_write_does_not_count_as_accepted(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError]
) -> None:
    cloud = in_process(task_seconds=2)
    change(cloud, "lock", {"load_balancer_id": "lb-1", "seconds": 1})
    change(cloud, "events", [{"change": "unbind", "with": [A], "action": "Batch*", "accepted": True}])
    assert refused(cloud.write, "BatchRegisterTargets", B).code.endswith("ResourceInOperating")
    assert ("lbl-tcp", "ins-a", 80, 10, "blue") in bound(cloud)
    cloud.wait(1)
    cloud.write("BatchRegisterTargets", B)
    assert ("lbl-tcp", "ins-a", 80, 10, "blue") not in bound(cloud)


def test_a_change_can_happen_again_and_again(in_process: Callable[..., InProcess]) -> None:
    event = {"change": "bind", "with": [{**A, "Weight": 7}], "action": "DescribeTargets", "after_calls": 2, "times": -1}
    cloud = in_process(events=[event])
    seen = []
    for _ in range(6):
        change(cloud, "weight", [{**A, "Weight": 0}])
        seen.append(cloud.targets("lbl-tcp")[0]["Weight"])
        seen.append(next(item[3] for item in bound(cloud) if item[1] == "ins-a"))
    assert seen == [0, 0, 0, 7] * 3


def test_an_ordered_change_that_has_become_impossible_is_noted(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(events=[{"change": "unbind", "with": [A], "delay": delay} for delay in (1, 2)])
    cloud.wait(3)
    problems = [entry["problem"] for entry in cloud.cloud.journal.read() if entry["kind"] == "event"]
    assert problems[0] is None
    assert "is not bound" in problems[1]


def test_dropping_ordered_changes(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(events=[{"change": "unbind", "with": [A], "action": "*"}])
    control.handle(cloud.cloud, "DELETE", "events", None)
    cloud.targets("lbl-tcp")
    assert ("lbl-tcp", "ins-a", 80, 10, "blue") in bound(cloud)


def test_settings_at_run_time_keep_the_state(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=9)
    change(cloud, "settings", {"task_seconds": 1, "tags": False, "quotas": {"targets": 2}})
    cloud.write("BatchRegisterTargets", B)
    cloud.wait(1)
    assert ["Tag" in target for target in cloud.targets("lbl-tcp")] == [False, False]
    change(cloud, "settings", {"tags": True})
    assert [target["Tag"] for target in cloud.targets("lbl-tcp")] == ["blue", ""]
