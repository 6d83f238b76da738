# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measurements of many calls, many tasks at once, and many load balancers in one task."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clb_emulator.testing import Emulator
from playbooks import Bench

LATENCY_SECONDS = 0.05
RATE = 20
"""Requests a second that the cloud allows for each action."""
EACH = 5
"""New targets of each load balancer."""


@dataclass(frozen=True)
class Batches:
    """One task of many calls.

    :param cloud: the time that the cloud itself worked on its tasks.
    """

    targets: int
    seconds: float
    cloud: float


@dataclass(frozen=True)
class Drains:
    """Guarded tasks that drain a host each, all at once.

    :param allowed: how many of them the guard allows.
    :param lowest: the smallest number of targets that got traffic at any moment.
    :param seconds: from the first to the last.
    """

    tasks: int
    allowed: int
    passed: int
    lowest: int
    seconds: float


@dataclass(frozen=True)
class Fleet:
    """Many load balancers.

    :param task_seconds: how long the cloud works on each write.
    :param first: one task that binds new targets everywhere, in seconds.
    :param drain: one task that drains one host everywhere.
    :param loop: a loop of tasks of one load balancer each; of the first tenth, ten times.
    :param forks: a play with a host for each load balancer, 20 at a time.
    :param throttled: requests of the lone tasks that were refused for too many requests.
    :param three: three such tasks at once, each on its own load balancers.
    """

    balancers: int
    task_seconds: float
    first: float
    again: float
    drain: float
    loop: float
    forks: float
    throttled: int
    three: float

    @property
    def read_floor(self) -> float:
        """The least that the rate limit allows for one read of each."""
        return self.balancers / RATE

    @property
    def floor(self) -> float:
        """The same for a read, a write and a read-back of each after its task; the two last overlap."""
        return 2 * self.balancers / RATE + self.task_seconds

    @property
    def floor_of_three(self) -> float:
        """The floor of three tasks that share the limit."""
        return 6 * self.balancers / RATE + self.task_seconds


def run(bench: Bench, plays: list[dict[str, Any]], *arguments: str, inventory: str = "localhost,") -> float:
    """Run a playbook of any plays; a failed task of the guard is no error here."""
    playbook = bench.directory / "fleet.json"
    playbook.write_text(json.dumps(plays))
    command = [sys.executable, "-m", "ansible", "playbook", "-i", inventory, str(playbook), *arguments]
    started = time.monotonic()
    done = subprocess.run(command, env=bench.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode and "GuardRefused" not in done.stdout:
        raise RuntimeError(f"the playbook failed:\n{done.stdout}{done.stderr}")
    return time.monotonic() - started


def play(task: dict[str, Any], hosts: str = "localhost", **keywords: Any) -> dict[str, Any]:
    return {"hosts": hosts, "gather_facts": False, "connection": "local", "tasks": [task], **keywords}


def targets(**options: Any) -> dict[str, Any]:
    return {"name": "ours", "tencentcloud.clb.targets": options}


def measure_batches(collections: Path, amounts: tuple[int, ...], task_seconds: float) -> list[Batches]:
    """Bind 5,000 and 10,000 targets, 500 a call."""
    found = []
    for amount in amounts:
        cloud = {
            "latency": LATENCY_SECONDS,
            "task_seconds": task_seconds,
            "quotas": {"targets": amount},
            "load_balancers": [{"id": "lb-ours", "generate": {"listeners": 50}}],
        }
        entries = [
            {"listener_id": f"lbl-g{number % 50:04}", "instance_id": f"ins-web{number // 50}", "port": 8080}
            for number in range(amount)
        ]
        with tempfile.TemporaryDirectory() as directory, Emulator.spawn(cloud) as emulator:
            bench = Bench(emulator, collections, Path(directory))
            (timed,) = bench.play([targets(load_balancer_id="lb-ours", targets="{{ all }}")], {"all": entries})
            assert len(emulator.bindings()) == amount, "not all is bound"
        found.append(Batches(amount, timed.seconds, -(-amount // 500) * task_seconds))
    return found


def measure_drains(collections: Path, tasks: int, task_seconds: float) -> Drains:
    """Let many hosts drain themselves at once, of which half may."""
    bound = [{"instance_id": f"ins-{number}", "port": 8080} for number in range(tasks)]
    cloud = {
        "latency": LATENCY_SECONDS,
        "task_seconds": task_seconds,
        "load_balancers": [
            {"id": "lb-1", "listeners": [{"id": "lbl-1", "protocol": "TCP", "port": 80, "targets": bound}]}
        ],
    }
    allowed = tasks // 2
    drain = targets(
        load_balancer_id="lb-1",
        state="drained",
        min_healthy=tasks - allowed,
        targets=[{"instance_id": "{{ inventory_hostname }}"}],
    )
    hosts = ",".join(f"ins-{number}" for number in range(tasks)) + ","
    with tempfile.TemporaryDirectory() as directory, Emulator.spawn(cloud) as emulator:
        bench = Bench(emulator, collections, Path(directory))
        seconds = run(bench, [play(drain, "all")], "--forks", str(tasks), inventory=hosts)
        passed = sum(binding[4] == 0 for binding in emulator.bindings())
        return Drains(tasks, allowed, passed, emulator.min_serving("lbl-1"), seconds)


def measure_fleet(collections: Path, balancers: int, task_seconds: float) -> Fleet:
    """Bind new targets to many load balancers, each with one listener, and compare with a task for each."""
    groups = ("a", "b", "c", "d", "e")
    names = {group: [f"lb-{group}{number}" for number in range(balancers)] for group in groups}
    cloud = {
        "latency": LATENCY_SECONDS,
        "task_seconds": task_seconds,
        "rate_limit": RATE,
        "load_balancers": [
            {
                "id": name,
                "listeners": [
                    {
                        "id": name.replace("lb", "lbl"),
                        "protocol": "TCP",
                        "port": 80,
                        "targets": [{"instance_id": "ins-old", "port": 8080}],
                    }
                ],
            }
            for group in groups
            for name in names[group]
        ],
    }
    new = [{"listener_port": 80, "instance_id": f"ins-{number}", "port": 8080} for number in range(EACH)]
    with tempfile.TemporaryDirectory() as directory, Emulator.spawn(cloud) as emulator:
        bench = Bench(emulator, collections, Path(directory))
        ours = targets(load_balancer_ids=names["a"], targets=new)
        first, again = (one.seconds for one in bench.play([ours, ours], {}))
        throttled = sum(call["outcome"] == "RequestLimitExceeded" for call in emulator.calls())
        drained = targets(load_balancer_ids=names["a"], state="drained", targets=[{"instance_id": "ins-old"}])
        (drain,) = (one.seconds for one in bench.play([drained], {}))
        throttled += sum(call["outcome"] == "RequestLimitExceeded" for call in emulator.calls())
        tenth = names["b"][: max(1, balancers // 10)]
        loop = {**targets(load_balancer_id="{{ item }}", targets=new), "loop": tenth}
        looped = sum(one.seconds for one in bench.play([loop], {})) * balancers / len(tenth)
        each = play(targets(load_balancer_id="{{ inventory_hostname }}", targets=new), "all")
        forks = run(bench, [each], "--forks", "20", inventory=",".join(names["c"]) + ",")
        three = _three_at_once(bench, [names[group] for group in ("b", "d", "e")], new)
    return Fleet(balancers, task_seconds, first, again, drain, looped, forks, throttled, three)


def _three_at_once(bench: Bench, chosen: list[list[str]], new: list[dict[str, Any]]) -> float:
    commands = []
    for number, identities in enumerate(chosen):
        playbook = bench.directory / f"three-{number}.json"
        playbook.write_text(json.dumps([play(targets(load_balancer_ids=identities, targets=new))]))
        commands.append([sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", str(playbook)])
    started = time.monotonic()
    running = [
        subprocess.Popen(command, env=bench.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        for command in commands
    ]
    assert [process.wait() for process in running] == [0, 0, 0], "one of three failed"
    return time.monotonic() - started
