# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many playbooks at once on one load balancer, which takes one task at a time and 20 requests a second."""

from __future__ import annotations

import pytest

from clb_emulator.testing import Emulator

from .plays import play, task

WRITERS = 40
TARGETS_EACH = 5
TASK_SECONDS = 2.0
LISTENERS = 4
"""So that no listener gets more than the 100 targets of its quota."""


@pytest.fixture
def emulator():
    scenario = {
        "task_seconds": TASK_SECONDS,
        "rate_limit": 20,
        "load_balancers": [{"id": "lb-1", "generate": {"listeners": LISTENERS}}],
    }
    with Emulator.spawn(scenario) as running:
        yield running


def targets_of(writer: int) -> list[dict[str, object]]:
    return [
        {"listener_id": f"lbl-g{writer % LISTENERS:04}", "eni_ip": f"10.1.{writer}.{number}", "port": 8080}
        for number in range(TARGETS_EACH)
    ]


@pytest.mark.alone
@pytest.mark.long
def test_forty_playbooks_at_once(playbook, emulator):
    started = [
        playbook.start(play(task("Bind", load_balancer_id="lb-1", targets=targets_of(writer))))
        for writer in range(WRITERS)
    ]
    runs = [running.wait() for running in started]

    assert [run.rc for run in runs] == [0] * WRITERS, "\n".join(run.output for run in runs if run.rc)
    assert [len(run.result("Bind")["registered"]) for run in runs] == [TARGETS_EACH] * WRITERS
    desired = {(target["listener_id"], target["eni_ip"]) for writer in range(WRITERS) for target in targets_of(writer)}
    assert len(desired) == WRITERS * TARGETS_EACH
    assert {(binding[0], binding[2]) for binding in emulator.bindings()} == desired

    writes = emulator.calls("BatchRegisterTargets")
    outcomes = [call["outcome"] for call in writes]
    assert outcomes.count("ok") == WRITERS
    # Otherwise this has not tested what it is for.
    assert outcomes.count("FailedOperation.ResourceInOperating") > WRITERS
    last = max(call["applied_at"] for call in writes if call["accepted"])
    assert emulator.busy_share("lb-1", since=writes[0]["time"], until=last) >= 0.5
