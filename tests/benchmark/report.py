# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results as a page of Markdown."""

from __future__ import annotations

import math
import os
import platform
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from ansible.release import __version__ as ansible_version
from measures import LATENCY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measures import Results, Size

MAX_ADDED_SECONDS = 1.5
MAX_PLANNING_SECONDS = 0.5
MAX_GROWTH = 12.0
MAX_BATCH_SHARE, MAX_BATCH_SECONDS = 1.05, 3.0
"""Of the cloud's own time, what a task of many calls may take, and how many seconds more."""
MAX_TARGETS = 20
"""Targets in one RegisterTargets."""
LINE = 120
REPOSITORY = "https://github.com/ansible-collections/tencentcloud.clb/blob/main"
TIMES = "\N{MULTIPLICATION SIGN}"

LICENCE = """<!--
Copyright (c) 2026, the tencentcloud.clb contributors
GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
"""


class Limit(NamedTuple):
    """A number that the project promises to stay under."""

    what: str
    value: float
    maximum: float
    unit: str

    @property
    def kept(self) -> bool:
        return self.value <= self.maximum


def limits(results: Results) -> list[Limit]:
    planning, fleet, drains = results.planning, results.fleet, results.drains
    growth = planning[100_000] / planning[10_000]
    beside = f"targets beside {MAX_BATCH_SHARE} of the cloud's own time"
    added = [(f"added to ping, {one.targets} {one.what}", one.added) for one in results.added]
    batches = [(f"{one.targets:,} {beside}", one.seconds - MAX_BATCH_SHARE * one.cloud) for one in results.batches]
    return [
        *(Limit(*one, MAX_ADDED_SECONDS, "s") for one in added),
        Limit("planning 10,000 bindings", planning[10_000], MAX_PLANNING_SECONDS, "s of CPU"),
        *(Limit(*one, MAX_BATCH_SECONDS, "s") for one in batches),
        Limit("guarded tasks that went through", drains.passed, drains.allowed, "tasks"),
        Limit("targets that the guard did not keep", drains.tasks - drains.allowed - drains.lowest, 0, "targets"),
        Limit("many load balancers, first run", fleet.first / fleet.floor, 1.25, "of its floor"),
        Limit("many load balancers, rerun", fleet.again / fleet.read_floor, 1.2, "of its floor"),
        Limit("many load balancers against the loop", fleet.first / fleet.loop, 1 / 20, "of the loop"),
        Limit("three tasks at once", fleet.three / fleet.floor_of_three, 1.6, "of their floor"),
        Limit("throttled requests of a lone task", fleet.throttled, 0, "requests"),
        Limit("planning 100,000 bindings", growth, MAX_GROWTH, "times 10,000"),
    ]


def _batches(results: Results) -> str:
    rows = [
        (f"{one.targets:,} targets", *_seconds(one.seconds, one.cloud), f"{one.seconds / one.cloud:.2f}")
        for one in results.batches
    ]
    drains = results.drains
    return (
        "## Many calls, and many guarded tasks at once\n\n"
        + _table(("one task binds", "takes", "the cloud's tasks alone", "ratio"), rows)
        + f"\n\n{drains.tasks} tasks drained a host each at once, with `min_healthy: {drains.tasks - drains.allowed}`. "
        f"{drains.passed} went through, at no moment did fewer than {drains.lowest} serve, and all was over after "
        f"{drains.seconds:.0f} s."
    )


def _fleet(results: Results) -> str:
    fleet = results.fleet
    rows = [
        ("one task, first run", fleet.first, fleet.floor),
        ("one task, once more", fleet.again, fleet.read_floor),
        ("one task, one host drained everywhere", fleet.drain, fleet.floor),
        ("a loop of tasks of one load balancer each", fleet.loop, fleet.floor),
        ("a host for each load balancer, 20 forks", fleet.forks, fleet.floor),
        ("three tasks at once, each on as many", fleet.three, fleet.floor_of_three),
    ]
    cells = [(name, *_seconds(seconds, floor), f"{seconds / floor:.2f}") for name, seconds, floor in rows]
    return (
        f"## {fleet.balancers} load balancers\n\n"
        "The floor comes from the rate limit of 20 requests a second and action. It has a read, a write and a "
        "read-back for each load balancer, and one task of the cloud; for a rerun one read for each. The loop was "
        "timed on a tenth of them.\n\n" + _table(("task", "takes", "floor", "ratio"), cells)
    )


def write(results: Results, size: Size) -> str:
    head = f"{LICENCE}\nWritten by `make bench`; what is changed here is lost.\n-->"
    sections = [head, "# Measurements", _summary(results)]
    sections += [_against(results, size), _added(results), _planning(results), _many(results)]
    sections += [_batches(results), _fleet(results), _method(size)]
    return "\n\n".join(sections) + "\n"


def _summary(results: Results) -> str:
    against, planning, many = results.against, results.planning, results.many
    ours, loop, shape = against.ours, against.loop, against.shape
    worst = max(results.added, key=lambda one: one.added)
    peak = many.first[1].peak_bytes
    return (
        "| result | measured |\n| --- | --- |\n"
        f"| **{_ratio(loop.seconds / ours.seconds)}** as fast | {shape.targets:,} targets bound to {shape.listeners} "
        "listeners by one task, against a loop of one task a listener that sends `RegisterTargets` |\n"
        f"| **{_ratio(against.loop_again.seconds / against.ours_again.seconds)}** as fast "
        "| the same once more, with nothing left to do |\n"
        f"| **1/{loop.calls / ours.calls:.0f}** of the calls "
        f"| {ours.calls} instead of {loop.calls} in the first run |\n"
        f"| **{worst.added:.2f} s** more than ping | the most that a task adds to `ansible.builtin.ping`, without the "
        f"cloud's time ({_targets(worst.targets)} {worst.what}; promised: {MAX_ADDED_SECONDS} s) |\n"
        f"| **{planning[100_000] / planning[10_000]:.1f}{TIMES}** the CPU time "
        f"| to plan 100,000 bindings instead of 10,000, which take {planning[10_000]:.2f} s "
        f"(promised: {MAX_GROWTH:.0f}{TIMES} and {MAX_PLANNING_SECONDS} s) |\n"
        f"| **{_ratio(peak / many.ping.peak_bytes)}** the memory of ping "
        f"| at the peak of a task of {many.targets:,} targets: {_megabytes(peak)} |"
    )


def _against(results: Results, size: Size) -> str:
    one = results.against
    tasks = one.shape.listeners * math.ceil(one.shape.backends / MAX_TARGETS)
    head = f"{one.shape.targets:,} targets, {one.shape.listeners} listeners"
    runs = [("one task, `tencentcloud.clb.targets`", one.ours, one.ours_again)]
    runs += [("a loop, `RegisterTargets`", one.loop, one.loop_again)]
    rows = [
        (name, f"{first.seconds:.1f} s", str(first.calls), f"{again.seconds:.1f} s", str(again.calls))
        for name, first, again in runs
    ]
    table = _table((head, "first run", "calls", "run again", "calls"), rows)
    text = (
        "The loop runs a module of its own, "
        f"[`register_targets.py`]({REPOSITORY}/tests/benchmark/library/register_targets.py), "
        "as a careful user of the vendor's SDK would write it. It reads first, and sends missing targets in twenties "
        "over one open connection. It polls each task every half second, and waits while the load balancer is locked. "
        f"The cloud takes {tasks * size.task_seconds:.0f} s of its first run: each of its {tasks} writes starts a task "
        f"of {size.task_seconds:g} s that locks the load balancer. A batch call is one task."
    )
    return _section("One task against a loop", _with_picture("loop", table), text)


def _added(results: Results) -> str:
    rows = []
    for one in results.added:
        seconds = _seconds(one.seconds, one.cloud, one.ping, digits=2)
        rows.append((f"{_targets(one.targets)} {one.what}", f"**{one.added:.2f} s**", *seconds))
    table = _table(("task", "added by the module", "whole task", "of it the cloud's", "ping"), rows)
    text = (
        f"Medians of at least {min(one.samples for one in results.added)} tasks of each kind, each with an "
        "`ansible.builtin.ping` before it in the same play. The cloud's part is the time of answers on their way and "
        "of running tasks, from the emulator's journal. All other waits belong to the module. "
        "Ansible packs a module when a playbook first uses it: that one task takes "
        f"{max(0.0, results.first_use):.2f} s more, and is not among these."
    )
    return _section("A task beside ping", _with_picture("ping", table), text)


def _planning(results: Results) -> str:
    smallest = min(results.planning)
    base = results.planning[smallest] / smallest
    rows = [
        (f"{bindings:,}", f"{each / base:.2f}{TIMES}", f"{each * bindings:.3f} s", f"{each * 1e6:.0f} µs")
        for bindings, each in ((bindings, seconds / bindings) for bindings, seconds in results.planning.items())
    ]
    table = _table(("bindings", f"a binding, against {smallest:,}", "CPU time", "a binding"), rows)
    text = (
        "From the options and the answer of `DescribeTargets` to the list of changes, with `purge`. Of four wanted "
        "bindings two are in place, one has another weight, and one is missing; a fourth as many are removed. The best "
        "of several runs. As in the module, the garbage collector is paused."
    )
    return _section("Planning", _with_picture("planning", table), text)


def _many(results: Results) -> str:
    many = results.many
    echo = "`ansible.builtin.ping` with the same list as `data`"
    rows = []
    for name, (timed, cost) in (("first run", many.first), ("run again", many.again), (echo, many.echo)):
        peak = f"{_megabytes(cost.peak_bytes)} ({_ratio(cost.peak_bytes / many.ping.peak_bytes)} ping's)"
        seconds = _seconds(timed.seconds, timed.cloud_seconds, cost.cpu_seconds)
        rows.append((name, *seconds, str(timed.calls), peak))
    columns = ("whole task", "of it the cloud's", "CPU time of the module", "calls", "peak memory of the module")
    table = _table((f"{many.targets:,} targets", *columns), rows)
    text = (
        "One task, with the emulator's quotas lifted. CPU time and peak memory belong to the module's process, with "
        "its interpreter. The last row is Ansible alone, which carries a list of that length to a module and back."
    )
    return _section("A large load balancer", table, text)


def _method(size: Size) -> str:
    text = (
        "Real `ansible-playbook` with the built and installed collection and Ansible's default settings. "
        f"[The emulator]({REPOSITORY}/tests/emulator/README.md) runs on the same machine, with answers after "
        f"{LATENCY_SECONDS * 1000:.0f} ms and tasks of {size.task_seconds:g} s. The machine has {os.cpu_count()} "
        f"cores, {platform.system()} on {platform.machine()}, {platform.python_implementation()} "
        f"{platform.python_version()}, ansible-core {ansible_version}."
    )
    return _section("How this was measured", "```console\n$ make bench\n```", text)


def _with_picture(name: str, table: str) -> str:
    return f"{table}\n\n![The same as a picture](benchmark-{name}.svg)"


def _section(title: str, body: str, text: str) -> str:
    filled = textwrap.fill(text, LINE, break_long_words=False, break_on_hyphens=False)
    return f"## {title}\n\n{body}\n\n{filled}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ratio(value: float) -> str:
    return f"{value:.0f}{TIMES}" if value >= 10 else f"{value:.1f}{TIMES}"


def _seconds(*amounts: float, digits: int = 1) -> list[str]:
    return [f"{amount:.{digits}f} s" for amount in amounts]


def _targets(number: int) -> str:
    return "1 target" if number == 1 else f"{number:,} targets"


def _megabytes(amount: int) -> str:
    return f"{amount / 1e6:.0f} MB"
