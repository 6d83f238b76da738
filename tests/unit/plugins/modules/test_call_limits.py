# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls that are longer than this API takes: the limit is learnt once in a task, and nobody is blamed."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.members import ENTRIES, ENTRY, TARGETS, Capacity
from harness import Cloud, Raw


def a_cloud(listeners: int, balancers: int = 1, **settings: Any) -> Cloud:
    generated = [{"id": f"lb-{number}", "generate": {"listeners": listeners}} for number in range(1, 1 + balancers)]
    quiet = {"rate_limit": 0, "task_seconds": 0, "batch_is_task": False, "quotas": {"targets": 5000}}
    return Cloud({"load_balancers": generated, **quiet}, **settings)


def wanted(amount: int, listeners: int, **values: Any) -> list[Raw]:
    return [
        {"listener_id": f"lbl-g{number % listeners:04}", "instance_id": f"ins-{number:04}", "port": 80, **values}
        for number in range(amount)
    ]


@pytest.mark.parametrize(
    "state, limits", [("present", {"targets": 499}), ("present", {"targets": 250}), ("absent", "exclusive")], ids=str
)
def test_a_thousand_targets(state, limits):
    cloud = a_cloud(50)
    targets = wanted(1000, 50)
    if state == "absent":
        cloud.run(targets=targets)
        cloud.clear_journal()
    cloud.configure(limits=limits)
    run = cloud.run(state=state, targets=targets)
    assert not run.failed, run.message
    assert len(cloud.bindings()) == (1000 if state == "present" else 0)
    assert len(cloud.writes()) <= 8


@pytest.mark.parametrize(
    "limits, listeners, values",
    [
        ({"entries": 99}, 200, {"weight": 33}),
        ({"entry_targets": 49}, 20, {"weight": 33}),
        ({"entry_targets": 49}, 2, {"tag": "new"}),
        ("exclusive", 20, {"weight": 33}),
        ("exclusive", 200, {"tag": "new"}),
    ],
    ids=str,
)
def test_a_thousand_weights_or_tags(limits, listeners, values):
    cloud = a_cloud(listeners)
    cloud.run(targets=wanted(1000, listeners))
    cloud.clear_journal()
    cloud.configure(limits=limits)
    run = cloud.run(targets=wanted(1000, listeners, **values))
    assert not run.failed, run.message
    assert len(run["modified"]) == 1000
    assert len(cloud.writes()) <= 8


def test_a_much_lower_limit_is_found_too():
    cloud = a_cloud(50, limits={"targets": 60})
    run = cloud.run(targets=wanted(1000, 50))
    assert not run.failed, run.message
    assert len(cloud.writes()) <= 60


@pytest.mark.parametrize("bad", [[1], [93, 406]], ids=str)
def test_a_tag_that_is_too_long_is_to_blame_itself_and_no_limit_is_learnt(bad):
    cloud = a_cloud(50)
    names = [f"ins-{number:04}" for number in bad]
    refusal = {"code": "InvalidParameterValue.Length", "message": "The tag is too long."}
    cloud.add_faults({"kind": "refuse_targets", "targets": names, "times": -1, **refusal})
    run = cloud.run(targets=wanted(1000, 50))
    assert [entry["instance_id"] for entry in run["failed_targets"]] == names
    assert {entry["message"] for entry in run["failed_targets"]} == {"The tag is too long."}
    assert len(cloud.bindings()) == 1000 - len(bad)
    assert len(cloud.writes()) <= 2 + 14 * len(bad)


@pytest.mark.parametrize(
    "limits, action, calls",
    [
        ({"load_balancer_ids": 19}, "DescribeLoadBalancers", 5),
        ({"health_load_balancers": 29}, "DescribeTargetHealth", 4),
        ({}, "DescribeTargetHealth", 2),
    ],
    ids=str,
)
def test_reads_of_many_load_balancers(limits, action, calls):
    cloud = a_cloud(1, balancers=40)
    ids = [f"lb-{number}" for number in range(1, 41)]
    place = {"ListenerId": "lbl-g0000", "InstanceId": "ins-1", "Port": 80}
    cloud.change("bind", [{**place, "LoadBalancerId": one} for one in ids])
    cloud.configure(limits=limits)
    named = [{"load_balancer_id": one, "load_balancer_name": one, "instance_id": "ins-1"} for one in ids]
    run = cloud.run(load_balancer_ids=ids, state="drained", targets=named, min_healthy=1)
    assert run.code == "GuardRefused", run.message
    assert cloud.count(action) == calls


def test_the_listener_filter_is_left_out_where_it_is_too_long():
    cloud = a_cloud(30, balancers=3, limits="exclusive")
    ids = ["lb-1", "lb-2", "lb-3"]
    targets = [{**entry, "load_balancer_id": one} for one in ids for entry in wanted(20, 20)]
    cloud.run(load_balancer_ids=ids, targets=targets)
    run = cloud.run(load_balancer_ids=ids[:1], targets=targets[:20])
    assert not run.failed, run.message
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
