# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that share a restore file, and processes that are killed; what can be tested in one is in test_restore."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..builders import Raw

HOSTS = [f"10.9.0.{number}" for number in range(1, 7)]
SCENARIO: Raw = {
    "task_seconds": 0.2,
    "load_balancers": [
        {
            "id": f"lb-{one}",
            "listeners": [
                {
                    "id": f"lbl-{one}",
                    "protocol": "TCP",
                    "port": 443,
                    "targets": [
                        {"eni_ip": host, "port": 80, "weight": 10 + number} for number, host in enumerate(HOSTS)
                    ],
                }
            ],
        }
        for one in (1, 2)
    ],
}
MODULE = "from ansible_collections.tencentcloud.clb.plugins.modules import targets; targets.main()"


@pytest.fixture
def cloud() -> Iterator[Emulator]:
    with Emulator(SCENARIO) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "restore.json"


def start(cloud: Emulator, file: Path, **options: Any) -> subprocess.Popen[str]:
    """Start a task as a process of its own."""
    arguments = {"load_balancer_ids": ["lb-1", "lb-2"], "restore_file": str(file), **options}
    process = subprocess.Popen(
        [sys.executable, "-c", MODULE],
        env={**os.environ, **cloud.environ(), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
    process.stdin.close()
    process.stdin = None
    return process


def result(process: subprocess.Popen[str]) -> Raw:
    return json.loads(process.communicate(timeout=120)[0])


def test_six_tasks_share_a_file_and_a_reader_never_sees_a_part(cloud, file):
    before = cloud.bindings()
    read: list[int] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.005):
            with contextlib.suppress(FileNotFoundError):
                text = file.read_text()
                read.append(len(json.loads(text)) if text else -1)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        processes = [start(cloud, file, state="drained", targets=[{"eni_ip": host}]) for host in HOSTS]
        runs = [result(process) for process in processes]
    finally:
        done.set()
        reader.join()
    assert not any(run.get("failed") for run in runs)
    assert {one[4] for one in cloud.bindings()} == {0}
    remembered = json.loads(file.read_text())
    assert sorted((one["load_balancer_id"], one["eni_ip"], one["weight"]) for one in remembered) == [
        (f"lb-{one}", host, 10 + number) for one in (1, 2) for number, host in enumerate(HOSTS)
    ]
    assert set(read) <= set(range(1, 13))
    assert len(read) > 10
    halves = [[{"eni_ip": host} for host in half] for half in (HOSTS[:3], HOSTS[3:])]
    processes = [start(cloud, file, state="restored", targets=half) for half in halves]
    assert not any(result(process).get("failed") for process in processes)
    assert cloud.bindings() == before
    assert list(file.parent.iterdir()) == []


@pytest.mark.parametrize(
    "state, applied",
    [
        ("drained", True),
        ("absent", True),
        # What is not applied may come late: it is waited for 15 s.
        pytest.param("drained", False, marks=pytest.mark.long),
    ],
)
def test_a_process_that_is_killed(cloud, file, state, applied):
    before = cloud.bindings()
    action = "BatchModifyTargetWeight" if state == "drained" else "BatchDeregisterTargets"
    cloud.add_faults(
        {"action": action, "kind": "hang", "seconds": 3, "apply": applied, "times": -1, "load_balancers": ["lb-2"]}
    )
    process = start(cloud, file, state=state, targets=[{"eni_ip": host} for host in HOSTS[:3]])
    deadline = time.monotonic() + 60
    while cloud.count(action) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(json.loads(file.read_text())) == 6
    cloud.clear_faults()
    assert not result(start(cloud, file, state="restored")).get("failed")
    assert cloud.bindings() == before
    assert list(file.parent.iterdir()) == []
