# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The harness, and the sum on which the benchmark's numbers rest."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
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


def test_the_benchmark_counts_the_clouds_time_once_and_only_within_the_task(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent.parent / "benchmark"))
    covered = importlib.import_module("playbooks").covered
    single = [], [(12, 13)], [(8, 11)], [(19, 25)], [(1, 2), (21, 22)]
    assert [covered(spans, 10, 20) for spans in single] == [0, 1, 1, 1, 0]
    pairs = [(12, 13), (15, 17)], [(15, 17), (12, 13)], [(12, 15), (13, 14)], [(12, 15), (14, 16)], [(5, 25), (12, 13)]
    assert [covered(spans, 10, 20) for spans in pairs] == [3, 3, 3, 4, 10]
