# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What somebody else does to the cloud: at once, after a call, or some seconds later."""

from __future__ import annotations

from typing import Any

import pytest

from clb_emulator import control

from .shop import BUSY, DEREGISTER, LB, REGISTER, TARGETS, B, Shop

A = {**LB, "ListenerId": "lbl-tcp", "InstanceId": "ins-a", "Port": 80}
BALANCER = {"load_balancer_id": "lb-1"}
TCP, HTTP = ({**BALANCER, "listener_id": name} for name in ("lbl-tcp", "lbl-http"))
NEW = {"eni_ip": "10.9.9.9", "port": 5}
NEW_RULE = {"id": "loc-3", "domain": "c.example.com", "targets": [NEW]}
LISTENER = {"id": "lbl-new", "protocol": "UDP", "port": 5, "targets": [NEW]}
OLD = ("lbl-tcp", None, "ins-a", 80, 10, "blue")


@pytest.mark.parametrize(
    "name, payload, gone, new",
    [
        ("unbind", [A], OLD, None),
        ("weight", [{**A, "Weight": 3}], OLD, ("lbl-tcp", None, "ins-a", 80, 3, "blue")),
        ("tag", [{**A, "Tag": "x"}], OLD, ("lbl-tcp", None, "ins-a", 80, 10, "x")),
        ("bind", [{**A, "Port": 81, "Weight": 1}], None, ("lbl-tcp", None, "ins-a", 81, 1, "")),
        ("bind", [{**A, "Weight": 1}], OLD, ("lbl-tcp", None, "ins-a", 80, 1, "")),
        ("delete_listener", TCP, OLD, None),
        ("delete_rule", {**HTTP, "location_id": "loc-1"}, ("lbl-http", "loc-1", "10.0.0.9", 8080, 20, ""), None),
        ("create_listener", {**BALANCER, "listener": LISTENER}, None, ("lbl-new", None, "10.9.9.9", 5, 10, "")),
        ("create_rule", {**HTTP, "rule": NEW_RULE}, None, ("lbl-http", "loc-3", "10.9.9.9", 5, 10, "")),
    ],
)
@pytest.mark.parametrize("locked", [False, True])
def test_changes(name: str, payload: Any, gone: Any, new: Any, locked: bool) -> None:
    cloud = Shop(task_seconds=5)
    if locked:
        cloud.write(REGISTER, {**B, "Port": 99})
    before = cloud.bindings()
    cloud.change(name, payload)
    assert before - cloud.bindings() == ({gone} if gone else set())
    assert cloud.bindings() - before == ({new} if new else set())


def test_load_balancers_come_and_go() -> None:
    cloud = Shop()
    cloud.change("create_load_balancer", {"id": "lb-2", "listeners": [LISTENER]})
    assert cloud.ask(TARGETS, LoadBalancerId="lb-2")["Listeners"][0]["ListenerId"] == "lbl-new"
    cloud.change("delete_load_balancer", {"load_balancer_id": "lb-1"})
    assert cloud.code(TARGETS, **LB) == "InvalidParameter.LBIdNotFound"


@pytest.mark.parametrize("name, payload", [("delete_listener", TCP), ("unbind", [A])])
def test_a_task_survives_what_others_did_meanwhile(name: str, payload: Any) -> None:
    cloud = Shop(task_seconds=2)
    task = cloud.write(DEREGISTER, {key: value for key, value in A.items() if key not in LB})
    cloud.change(name, payload)
    cloud.sleep(3)
    assert (cloud.status(task), OLD in cloud.bindings()) == (0, False)


@pytest.mark.parametrize(
    "name, payload",
    [
        ("unbind", [{**A, "Port": 7}]),
        ("weight", [{**A, "InstanceId": "ins-b"}]),
        ("delete_listener", {**TCP, "listener_id": "lbl-none"}),
        ("delete_rule", {**HTTP, "location_id": "loc-none"}),
        ("delete_load_balancer", {"load_balancer_id": "lb-none"}),
        ("create_load_balancer", {"id": "lb-1"}),
        ("create_listener", {**BALANCER, "listener": {**LISTENER, "id": "lbl-tcp"}}),
        ("create_rule", {**TCP, "rule": NEW_RULE}),
        ("settings", {"busy_stile": "text"}),
        ("nothing", None),
        ("events", [{"change": "unbind", "after": 1}]),
        ("events", [{"change": "explode"}]),
    ],
)
def test_what_is_impossible_is_said(name: str, payload: Any) -> None:
    cloud = Shop()
    before = cloud.bindings()
    with pytest.raises((ValueError, LookupError)):
        control.handle(cloud.cloud, "POST", name, payload)
    assert cloud.bindings() == before


@pytest.mark.parametrize(
    "order, happens_at",
    [
        ({"action": REGISTER}, [(1, 0)]),
        ({"action": "Batch*", "delay": 2}, [(1, 2)]),
        ({"action": TARGETS, "after_calls": 3}, [(4, 0)]),
        ({"delay": 1.5}, [(0, 1.5)]),
        ({"action": "Batch*", "accepted": True}, [(1, 0)]),
        ({"action": TARGETS, "times": 2}, [(2, 0), (3, 0)]),
    ],
)
def test_when_an_ordered_change_happens(order: dict[str, Any], happens_at: list[tuple[int, float]]) -> None:
    """A write, then three reads, each at its second; the change comes after so many calls, so many seconds later."""
    cloud = Shop(task_seconds=0, events=[{"change": "health", "with": {"dead": ["ins-a"]}, **order}])
    moments = [0.0]
    for call in (lambda: cloud.write(REGISTER, B), *[cloud.targets] * 3):
        call()
        moments.append(cloud.now())
        cloud.sleep(0.25)
    cloud.sleep(5)
    seen = [(entry["time"], entry["problem"]) for entry in cloud.journal() if entry["kind"] == "event"]
    assert seen == [(moments[calls] + seconds, None) for calls, seconds in happens_at]


def test_a_refused_write_does_not_count_as_accepted() -> None:
    cloud = Shop(task_seconds=2)
    cloud.change("lock", {"load_balancer_id": "lb-1", "seconds": 1})
    cloud.add_events({"change": "unbind", "with": [A], "action": "Batch*", "accepted": True})
    assert (cloud.code(REGISTER, **LB, Targets=[B]), OLD in cloud.bindings()) == (BUSY, True)
    cloud.sleep(1)
    cloud.write(REGISTER, B)
    assert OLD not in cloud.bindings()


def test_a_change_can_happen_again_and_again() -> None:
    event = {"change": "bind", "with": [{**A, "Weight": 7}], "action": TARGETS, "after_calls": 2, "times": -1}
    cloud = Shop(events=[event])
    seen = []
    for _ in range(6):
        cloud.change("weight", [{**A, "Weight": 0}])
        shown = cloud.targets()[0]["Weight"]
        seen.append((shown, next(item[4] for item in cloud.bindings() if item[2] == "ins-a")))
    assert seen == [(0, 0), (0, 7)] * 3


def test_ordered_changes_that_are_dropped_or_have_become_impossible() -> None:
    when: list[dict[str, Any]] = [{"delay": 1}, {"delay": 2}, {"action": "*"}]
    cloud = Shop(events=[{"change": "unbind", "with": [A], **moment} for moment in when])
    cloud.sleep(3)
    control.handle(cloud.cloud, "DELETE", "events", None)
    cloud.targets()
    problems = [entry["problem"] for entry in cloud.journal() if entry["kind"] == "event"]
    assert [problem and "is not bound" in problem for problem in problems] == [None, True]
