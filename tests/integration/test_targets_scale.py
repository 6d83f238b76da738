# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hundreds of targets in one task: as few calls as the API's limits allow, counted in the emulator's journal."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .plays import failing, play, task

WIDE = {"load_balancer_id": "lb-wide", "targets": "{{ wide }}"}
DEEP = {"load_balancer_id": "lb-deep", "targets": "{{ deep }}"}
REFUSED = "10.1.23.4"


def targets(listeners: int, each: int) -> list[dict[str, Any]]:
    """Targets of their own for each listener."""
    return [
        {
            "listener_id": f"lbl-g{listener:04}",
            "eni_ip": f"10.{1 + number // 250}.{listener}.{number % 250}",
            "port": 80,
        }
        for number in range(each)
        for listener in range(listeners)
    ]


def load(emulator: Any, **settings: Any) -> None:
    emulator.load(
        {
            # Done at the first poll.
            "task_seconds": 0.1,
            "quotas": {"targets": 1000},
            "load_balancers": [
                {"id": "lb-wide", "generate": {"listeners": 50}},
                {"id": "lb-deep", "generate": {"listeners": 3}},
            ],
            **settings,
        }
    )


def test_500_over_50_listeners_and_1203_over_3(playbook, emulator):
    load(emulator)
    run = playbook(
        play(
            task("Bind wide", **WIDE),
            task("Bind wide again", **WIDE),
            task("Bind deep", **DEEP),
            task("Bind deep again", **DEEP),
            task("Drain wide", state="drained", **WIDE),
            task("Drain deep", state="drained", **DEEP),
            task("Unbind deep", state="absent", load_balancer_id="lb-deep", targets=[{"listener_port": 1001}]),
        ),
        variables={"wide": targets(50, 10), "deep": targets(3, 401)},
    )

    assert run.rc == 0, run.output
    calls = {name: Counter(run.result(name)["api_calls"]) for name in ("Bind wide", "Bind deep", "Unbind deep")}
    assert len(run.result("Bind wide")["registered"]) == 500
    assert calls["Bind wide"]["BatchRegisterTargets"] == 1
    assert calls["Bind wide"]["DescribeTargets"] <= 2
    assert calls["Bind wide"]["DescribeTaskStatus"] <= 2
    assert calls["Bind wide"].total() <= 5
    assert len(run.result("Bind deep")["registered"]) == 1203
    assert 3 <= calls["Bind deep"]["BatchRegisterTargets"] <= 5
    assert calls["Unbind deep"]["BatchDeregisterTargets"] == 1
    for name in ("Bind wide again", "Bind deep again"):
        assert run.task(name).changed is False
        assert run.result(name)["api_calls"] == {"DescribeTargets": 1}
    assert run.result("Drain wide")["api_calls"]["BatchModifyTargetWeight"] == 1
    assert run.result("Drain deep")["api_calls"]["BatchModifyTargetWeight"] in (3, 4, 5)
    # What the module says is what the cloud has counted, and none of it was in vain: each write waited for the last.
    assert Counter(call["action"] for call in emulator.calls()) == sum(
        (Counter(outcome.result["api_calls"]) for outcome in run.tasks), Counter()
    )
    assert {call["outcome"] for call in emulator.calls()} <= {"ok", "FailedOperation.ResourceInOperating"}
    assert len(emulator.bindings("lb-deep")) == 802


def test_one_refused_target_of_500_is_named_and_the_others_are_bound(playbook, emulator):
    load(emulator, task_seconds=0.02)
    emulator.add_faults(
        {"action": "*", "kind": "refuse_targets", "targets": [REFUSED], "times": -1, "message": "Not in this VPC."}
    )
    run = playbook(play(failing("Bind", **WIDE)), variables={"wide": targets(50, 10)})
    result = run.result("Bind")

    assert [(entry["eni_ip"], entry["code"], entry["message"]) for entry in result["failed_targets"]] == [
        (REFUSED, "InvalidParameter", "Not in this VPC.")
    ]
    assert REFUSED in result["msg"]
    assert len(result["registered"]) == len(emulator.bindings("lb-wide")) == 499
    assert emulator.count("BatchRegisterTargets") - 1 <= 24
