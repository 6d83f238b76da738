# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls that are refused with any code and any text, or are longer than the API takes: who is blamed, what is lost."""

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.members import ENTRIES, ENTRY, TARGETS, Capacity
from harness import Cloud

from ..builders import rows

# Of each remedy some codes, and texts that change it under some of them; all are in the tests of _base.
WAITS = ("RequestLimitExceeded", "FailedOperation.ResourceInOperating", "InternalError")
AT_ONCE = (
    "UnauthorizedOperation",
    "InvalidParameter.LBIdNotFound",
    "MissingParameter",
    "FailedOperation.InvalidLBStatus",
)
NARROWED = ("InvalidParameter", "InvalidParameterValue.Length", "FailedOperation", "ResourceNotFound")
BUSY = "Loadbalancer(lb-1) is not in normal desState, maybe some tasks are being processed."
LATER = "Please try again later."
GONE = "The load balancer lb-1 does not exist."
TEXTS = (BUSY, LATER, GONE, "", "The target can not be bound.", "x" * 3000, "line\nbreak \x1b[31m")


def passes(code, text):
    """Whether a refusal is only of this moment."""
    counts = code not in ("UnauthorizedOperation", "RequestLimitExceeded", "InternalError")
    return code in WAITS or (counts and text == BUSY) or (code == "FailedOperation" and text == LATER)


def name(number):
    return f"ins-{number:04}"


def wanted(amount, listeners=5, **values):
    return [
        {"listener_id": f"lbl-g{number % listeners:04}", "instance_id": name(number), "port": 80, **values}
        for number in range(amount)
    ]


def a_cloud(size, *, first_accepted):
    """A cloud, and targets for a task whose last call is refused: its first one, or the one after an accepted one."""
    balancer = {"id": "lb-1", "generate": {"listeners": 5}}
    cloud = Cloud({"quotas": {"targets": 1000}, "load_balancers": [balancer]})
    targets = wanted(size)
    if first_accepted:
        cloud.run(targets=targets)
        cloud.clear_journal()
        new = {"listener_id": "lbl-g0000", "instance_id": "ins-9999", "port": 80}
        targets = [new, *wanted(size, weight=77)]
    return cloud, targets


def check(code, text, size, *, first_accepted):
    cloud, targets = a_cloud(size, first_accepted=first_accepted)
    before = cloud.bindings()
    # A change is sent three times at most, where each time nobody knows what became of it.
    times = 2 if passes(code, text) else -1
    order = {"kind": "error", "code": code, "message": text, "times": times, "skip": int(first_accepted)}
    cloud.add_faults({"action": "Batch*", **order})
    run = cloud.run(targets=targets)
    assert {binding[:4] for binding in before} <= {binding[:4] for binding in cloud.bindings()}, "lost"
    if passes(code, text):
        assert not run.failed, run.message
        assert run["failed_targets"] == []
    else:
        at_once = code in AT_ONCE or (code in NARROWED and text == GONE)
        assert (run.failed, run.code, run.changed) == (True, code, first_accepted)
        blamed = {(entry["instance_id"], entry["code"]) for entry in run["failed_targets"]}
        assert blamed == {(name(number), code) for number in range(size)}
        assert run["failed_targets"][0]["message"].startswith(text.replace("\n", "\\n").replace("\x1b", "\\x1b")[:2000])
        assert code != "LimitExceeded" or "quota" in run.message
        assert len(run["registered"]) == int(first_accepted)
        assert len(cloud.writes()) - first_accepted <= (1 if at_once else 2 * size - 1)
    cloud.clear_faults()
    assert not cloud.run(targets=targets).failed


@pytest.mark.parametrize("task", [{"state": "absent"}, {"state": "drained"}, {"tag": "new"}], ids=str)
def test_any_action_can_be_busy(task):
    cloud, targets = a_cloud(2, first_accepted=False)
    cloud.run(targets=targets)
    cloud.add_faults({"action": "Batch*", "kind": "error", "code": "InvalidParameter", "message": BUSY, "times": 4})
    cloud.add_faults({"action": "Describe*", "kind": "error", "code": "LimitExceeded", "message": BUSY, "times": 2})
    values = {name: value for name, value in task.items() if name == "tag"}
    run = cloud.run(state=task.get("state"), targets=[{**entry, **values} for entry in targets])
    assert not run.failed, run.message
    assert run.changed


@pytest.mark.parametrize("code", [*WAITS, *AT_ONCE, *NARROWED, "LimitExceeded"])
def test_a_refusal_with_any_text(code):
    for number, text in enumerate(TEXTS):
        for size in (1, 2):
            check(code, text, size, first_accepted=(number + size) % 2 == 0)


def wide_cloud(listeners, balancers=1, **settings):
    generated = [{"id": f"lb-{number}", "generate": {"listeners": listeners}} for number in range(1, 1 + balancers)]
    quiet = {"rate_limit": 0, "task_seconds": 0, "batch_is_task": False, "quotas": {"targets": 5000}}
    return Cloud({"load_balancers": generated, **quiet}, **settings)


LIMITS = [("present", {"targets": n}, calls) for n, calls in ((499, 8), (250, 8), (60, 60))]


@pytest.mark.parametrize("state, limits, calls", [*LIMITS, ("absent", "exclusive", 8)], ids=str)
def test_a_thousand_targets(state, limits, calls):
    cloud, targets = wide_cloud(50), wanted(1000, 50)
    if state == "absent":
        cloud.run(targets=targets)
        cloud.clear_journal()
    cloud.configure(limits=limits)
    assert cloud.run(state=state, targets=targets).failure is None
    assert len(cloud.bindings()) == (1000 if state == "present" else 0)
    assert len(cloud.writes()) <= calls


@rows(
    "limits, listeners, values",
    ({"entries": 99}, 200, {"weight": 33}),
    ({"entry_targets": 49}, 20, {"weight": 33}),
    ({"entry_targets": 49}, 2, {"tag": "new"}),
    ("exclusive", 20, {"weight": 33}),
    ("exclusive", 200, {"tag": "new"}),
)
def test_a_thousand_weights_or_tags(limits, listeners, values):
    cloud = wide_cloud(listeners)
    cloud.run(targets=wanted(1000, listeners))
    cloud.clear_journal()
    cloud.configure(limits=limits)
    run = cloud.run(targets=wanted(1000, listeners, **values))
    assert (run.failure, len(run["modified"]), len(cloud.writes()) <= 8) == (None, 1000, True)


@pytest.mark.parametrize("bad", [[1], [93, 406], [999]], ids=str)
def test_a_tag_that_is_too_long_is_to_blame_itself_and_no_limit_is_learnt(bad):
    cloud = wide_cloud(50)
    names = [name(number) for number in bad]
    refusal = {"code": "InvalidParameterValue.Length", "message": "The tag is too long."}
    cloud.add_faults({"kind": "refuse_targets", "targets": names, "times": -1, **refusal})
    run = cloud.run(targets=wanted(1000, 50))
    assert [entry["instance_id"] for entry in run["failed_targets"]] == names
    assert {entry["message"] for entry in run["failed_targets"]} == {"The tag is too long."}
    assert len(cloud.bindings()) == 1000 - len(bad)
    assert len(cloud.writes()) <= 2 + 14 * len(bad)


@rows(
    "limits, action, calls",
    ({"load_balancer_ids": 19}, "DescribeLoadBalancers", 7),
    ({"health_load_balancers": 29}, "DescribeTargetHealth", 5),
    ({}, "DescribeTargetHealth", 2),
)
def test_reads_of_many_load_balancers(limits, action, calls):
    cloud = wide_cloud(1, balancers=60)
    ids = [f"lb-{number}" for number in range(1, 61)]
    place = {"ListenerId": "lbl-g0000", "InstanceId": "ins-1", "Port": 80}
    cloud.change("bind", [{**place, "LoadBalancerId": one} for one in ids])
    cloud.configure(limits=limits)
    named = [{"load_balancer_id": one, "load_balancer_name": one, "instance_id": "ins-1"} for one in ids]
    run = cloud.run(load_balancer_ids=ids, state="drained", targets=named, min_healthy=1)
    assert run.code == "GuardRefused", run.message
    assert cloud.count(action) == calls


def test_the_listener_filter_is_left_out_where_it_is_too_long():
    cloud = wide_cloud(30, balancers=3, limits="exclusive")
    ids = ["lb-1", "lb-2", "lb-3"]
    targets = [{**entry, "load_balancer_id": one} for one in ids for entry in wanted(20, 20)]
    cloud.run(load_balancer_ids=ids, targets=targets)
    assert cloud.run(load_balancer_ids=ids[:1], targets=targets[:20]).failure is None
    cloud.clear_journal()
    cloud.run(load_balancer_ids=ids[:1], targets=targets[:20])
    assert ["ListenerIds" in call["params"] for call in cloud.calls("DescribeTargets")] == [True, False]


def test_of_several_limits_the_nearest_is_learnt_first():
    action, capacity = "BatchModifyTargetWeight", Capacity()
    refused = {TARGETS: 500, ENTRIES: 10, ENTRY: 50}
    assert capacity.is_new(action, refused)
    capacity.accept(action, {TARGETS: 250, ENTRIES: 10, ENTRY: 25})
    capacity.learn(action, refused)
    assert [capacity.of(action, part) for part in (TARGETS, ENTRIES, ENTRY)] == [500, 100, 25]
    capacity.learn(action, {TARGETS: 500, ENTRIES: 10, ENTRY: 25})
    assert [capacity.of(action, part) for part in (TARGETS, ENTRIES, ENTRY)] == [250, 100, 25]
    capacity.accept(action, {TARGETS: 500, ENTRIES: 10, ENTRY: 25})
    assert not capacity.is_new(action, {TARGETS: 400, ENTRIES: 10, ENTRY: 25})
