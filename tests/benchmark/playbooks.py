# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run real playbooks with the installed collection, and time their tasks against the emulator's journal."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Task = dict[str, Any]

HERE = Path(__file__).resolve().parent
STREAMS: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
FOREIGN = ("ANSIBLE_", "TENCENTCLOUD_", "TCCLI_", "TKE_")
"""Variables that would bring settings of whoever runs the benchmark into it."""


class Timed(NamedTuple):
    name: str
    seconds: float  # from its start to its result, as the user waits for it
    cloud_seconds: float  # of these, those in which an answer was on its way or the cloud worked on a task
    calls: int  # HTTP requests that it sent
    changed: bool

    @property
    def own_seconds(self) -> float:
        """What Ansible, the module and its waiting took beside the cloud."""
        return self.seconds - self.cloud_seconds


class Cost(NamedTuple):
    """Peak memory in bytes and CPU time in seconds of one module process."""

    peak_bytes: int
    cpu_seconds: float


class Bench:
    """Runs playbooks with the installed collections against one emulator, in an empty directory."""

    def __init__(self, emulator: Emulator, collections: Path, directory: Path) -> None:
        self.emulator = emulator
        self._directory = directory
        self._times, self._costs = directory / "times.jsonl", directory / "costs.jsonl"
        foreign = [name for name in os.environ if name.startswith(FOREIGN) or name.lower().endswith("_proxy")]
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in foreign},
            **emulator.environ(),
            "ANSIBLE_CALLBACKS_ENABLED": "task_results",
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE.parent / "integration" / "plugins" / "callback"),
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_LIBRARY": str(HERE / "library"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "CLB_TASK_RESULTS": str(self._times),
            "HOME": tempfile.mkdtemp(dir=directory),
            "LC_ALL": "C.UTF-8",
        }

    def run(self, *playbooks: list[Task], hosts: str = "localhost", arguments: Sequence[str] = ()) -> float:
        """Run playbooks of these tasks, all at once, and return the seconds that it took.

        :raises RuntimeError: one failed, and not because the guard refused.
        """
        where = {"hosts": "all", "connection": "local"} if hosts != "localhost" else {"hosts": "localhost"}
        inventory = ["-i", f"{hosts},"] if hosts != "localhost" else []
        started, running = time.monotonic(), []
        for number, tasks in enumerate(playbooks):
            # JSON is YAML, and read much faster.
            file = self._directory / f"playbook-{number}.json"
            file.write_text(json.dumps([{**where, "gather_facts": False, "tasks": tasks}]))
            command = [sys.executable, "-m", "ansible", "playbook", *inventory, str(file), *arguments]
            running.append(subprocess.Popen(command, cwd=self._directory, env=self._environment, text=True, **STREAMS))
        for process in running:
            output, _ = process.communicate()
            if process.returncode and "GuardRefused" not in output:
                raise RuntimeError(f"the playbook failed:\n{output}")
        return time.monotonic() - started

    def play(self, tasks: list[Task], variables: Mapping[str, Any] | None = None) -> list[Timed]:
        """Run tasks on this machine, in one playbook, and return how each went."""
        self.emulator.clear_journal()
        self._times.unlink(missing_ok=True)
        values = self._directory / "variables.json"
        values.write_text(json.dumps(variables or {}))
        self.run(tasks, arguments=["--extra-vars", f"@{values}"])
        spans, calls = self._cloud()
        timed = []
        for entry in map(json.loads, self._times.read_text(encoding="utf-8").splitlines()):
            since, until, changed = entry["started"], entry["ended"], bool(entry["result"].get("changed"))
            sent = sum(since <= moment <= until for moment in calls)
            timed.append(Timed(entry["task"], until - since, covered(spans, since, until), sent, changed))
        return timed

    def play_measured(self, tasks: list[Task], variables: Mapping[str, Any]) -> list[tuple[Timed, Cost]]:
        """Run tasks that start one module each, and measure its process."""
        interpreter = self._directory / "python"
        command = shlex.join([sys.executable, str(HERE / "measured_python.py"), str(self._costs)])
        interpreter.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        interpreter.chmod(0o700)
        self._costs.unlink(missing_ok=True)
        timed = self.play(tasks, {**variables, "ansible_python_interpreter": str(interpreter)})
        costs = [Cost(**json.loads(line)) for line in self._costs.read_text(encoding="utf-8").splitlines()]
        return list(zip(timed, costs, strict=True))

    def _cloud(self) -> tuple[list[tuple[float, float]], list[float]]:
        """When the cloud was at work, and when calls came in, on this machine's monotonic clock."""
        journal = self.emulator.journal()
        before = time.monotonic()
        now = self.emulator.now()
        offset = (before + time.monotonic()) / 2 - now
        latency = float(self.emulator.scenario["latency"])
        calls = [entry["time"] + offset for entry in journal if entry["kind"] == "call"]
        spans = [(moment, moment + latency) for moment in calls]
        started: dict[str, float] = {}
        for entry in journal:
            if entry["kind"] == "task_started":
                started[entry["task_id"]] = entry["time"] + offset
            elif entry["kind"] == "task_finished":
                spans.append((started[entry["task_id"]], entry["time"] + offset))
        return spans, calls


@contextmanager
def bench(collections: Path, cloud: dict[str, Any]) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as directory, Emulator.spawn(cloud) as emulator:
        yield Bench(emulator, collections, Path(directory))


def covered(spans: Iterable[tuple[float, float]], since: float, until: float) -> float:
    """Return how much of the time from ``since`` to ``until`` the spans cover; they may overlap."""
    total, reached = 0.0, since
    for start, end in sorted(spans):
        new = min(end, until) - max(start, reached)
        if new > 0:
            total += new
            reached = min(end, until)
    return total
