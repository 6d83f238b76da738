# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from typing import Any

import pytest

from harness import Cloud
from virtual_time import Endless

from .plugins.builders import target, tcp

NEW = {"listener_id": "lbl-1", "instance_id": "ins-3", "port": 80}
BOUND = {("lbl-1", None, "ins-1", 80, 10, ""), ("lbl-1", None, "ins-2", 80, 10, "")}


def shop(**settings: Any) -> Cloud:
    return Cloud.of({"lb-1": [tcp("lbl-1", 443, target("ins-1"), target("ins-2"))]}, **settings)


def test_a_task_is_real_but_for_network_and_time():
    cloud = shop(task_seconds=20)
    started = time.process_time()
    run = cloud.run(targets=[NEW])
    assert (run.failed, run.changed, run.warnings, run.code) == (False, True, [], None)
    assert cloud.bindings() == {*BOUND, ("lbl-1", None, "ins-3", 80, 10, "")}
    assert cloud.actions()[:3] == ["DescribeTargets", "BatchRegisterTargets", "DescribeTargets"]
    assert 20 <= run.seconds < 25
    assert time.process_time() - started < 10
    assert not cloud.run(targets=[NEW]).changed
    assert cloud.run_info()["listeners"][0]["bound"] == 3


def test_a_wrong_key_is_refused():
    run = shop().run(targets=[NEW], secret_id="AKIDnobody", secret_key="x-of-nobody")
    assert run.code == "AuthFailure.SecretIdNotFound"
    assert "clb.intl.tencentcloudapi.com is the international site; keys of the China site need" in run.message


def test_load_balancers_are_worked_on_side_by_side():
    ids = [f"lb-{number}" for number in range(30)]
    cloud = Cloud.of({one: [tcp(f"lbl-{one}", 443, target("ins-1"), target("ins-2"))] for one in ids}, task_seconds=10)
    run = cloud.run(load_balancer_ids=ids, state="drained", targets=[{"instance_id": "ins-1"}])
    assert not run.failed, run.message
    assert len(run["modified"]) == 30
    assert run.seconds < 30


def test_faults_rivals_and_no_connection():
    cloud = shop()
    cloud.next_writes(None, {"kind": "cut_after"})
    cloud.before("BatchRegisterTargets", lambda: cloud.change("lock", {"load_balancer_id": "lb-1", "seconds": 2}))
    cloud.unreachable("DescribeTargets", nth=2)
    run = cloud.run(targets=[NEW], purge=True)
    assert not run.failed, run.message
    assert [call["fault"] for call in cloud.writes() if call["accepted"]] == [None, "cut_after"]
    assert [binding[2] for binding in cloud.bindings()] == ["ins-3"]


def test_tasks_run_at_once_and_the_guard_holds_among_them():
    cloud = shop(task_seconds=3)
    drains = [{"state": "drained", "min_healthy": 1, "targets": [{"instance_id": f"ins-{one}"}]} for one in (1, 2)]
    runs = cloud.together(*drains)
    assert sorted(run.failed for run in runs) == [False, True]
    assert {run.code for run in runs} == {None, "GuardRefused"}
    assert sorted(binding[4] for binding in cloud.bindings()) == [0, 10]


def test_a_task_inside_of_a_task():
    cloud = shop()
    inner = []
    cloud.before("Batch*", lambda: inner.append(cloud.run(state="absent", targets=[{"instance_id": "ins-1"}])))
    outer = cloud.run(targets=[NEW])
    assert not inner[0].failed
    assert inner[0]["deregistered"][0]["instance_id"] == "ins-1"
    assert outer["registered"][0]["instance_id"] == "ins-3"


def test_runs_are_the_same_every_time():
    def once() -> list[float]:
        cloud = shop(task_seconds=2)
        cloud.add_faults({"action": "Batch*", "kind": "busy", "times": 2})
        cloud.run(targets=[NEW], purge=True)
        return [call["time"] for call in cloud.calls()]

    assert once() == once()


def test_a_task_without_end_is_stopped(monkeypatch):
    monkeypatch.setattr("harness.MAX_CALLS", 3)
    with pytest.raises(Endless):
        shop().run(targets=[NEW], purge=True)
