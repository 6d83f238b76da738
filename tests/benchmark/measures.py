# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The measurements: what runs, and which numbers come out."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from fleet import Batches, Drains, Fleet, measure_batches, measure_drains, measure_fleet
from planning import planning_seconds

from clb_emulator.testing import Emulator
from playbooks import Bench, Cost, Timed

if TYPE_CHECKING:
    from collections.abc import Iterator

LATENCY_SECONDS = 0.05
OURS, LOOP = "lb-ours", "lb-loop"
PLANNED = (1_000, 10_000, 100_000)
"""Numbers of bindings whose planning is timed."""


@dataclass(frozen=True)
class Shape:
    """A load balancer: how many listeners, and how many targets each of them gets."""

    listeners: int
    backends: int

    @property
    def targets(self) -> int:
        return self.listeners * self.backends


@dataclass(frozen=True)
class Size:
    """How much is measured.

    :param task_seconds: how long the cloud works on each write.
    :param against: what the comparison with a loop binds.
    :param playbooks: that the comparison with ping is made of.
    :param batches: targets bound by one task of many calls.
    :param balancers: load balancers in one task.
    """

    task_seconds: float
    against: Shape
    playbooks: int
    rounds: int
    plans: int
    many: Shape
    batches: tuple[int, ...]
    drains: int
    balancers: int


FULL = Size(
    2.0,
    Shape(50, 10),
    playbooks=3,
    rounds=4,
    plans=7,
    many=Shape(50, 200),
    batches=(5_000, 10_000),
    drains=40,
    balancers=100,
)
QUICK = Size(
    0.1, Shape(2, 25), playbooks=1, rounds=3, plans=3, many=Shape(10, 100), batches=(1_000,), drains=4, balancers=10
)
ADDED = Shape(50, 10)
"""What the comparison with ping binds, beside a single target."""


@dataclass(frozen=True)
class Against:
    """One task of ours, and a loop over listeners that does the same, for a first run and for one more."""

    shape: Shape
    ours: Timed
    loop: Timed
    ours_again: Timed
    loop_again: Timed


@dataclass(frozen=True)
class Added:
    """What a task takes beside ping; medians, in seconds.

    :param cloud: of these, the cloud's and the network's.
    :param ping: ``ansible.builtin.ping`` in the same play.
    :param samples: how many tasks that is.
    """

    targets: int
    what: str
    seconds: float
    cloud: float
    ping: float
    samples: int

    @property
    def parts(self) -> tuple[float, float, float]:
        return self.seconds, self.cloud, self.ping

    @property
    def added(self) -> float:
        """What the module adds to ping beside the time that is the cloud's."""
        return self.seconds - self.cloud - self.ping


@dataclass(frozen=True)
class Many:
    """A large load balancer.

    :param first: that task and its process.
    :param again: the same task once more.
    :param echo: ``ansible.builtin.ping`` with the same list as its ``data``: what Ansible takes to carry it.
    """

    targets: int
    first: tuple[Timed, Cost]
    again: tuple[Timed, Cost]
    echo: tuple[Timed, Cost]
    ping: Cost


@dataclass(frozen=True)
class Results:
    """All of it. ``planning`` is bindings -> CPU seconds, ``first_use`` what the first use in a playbook adds."""

    against: Against
    added: list[Added]
    first_use: float
    planning: dict[int, float]
    many: Many
    batches: list[Batches]
    drains: Drains
    fleet: Fleet


def scenario(size: Size, shape: Shape, *balancers: str) -> dict[str, Any]:
    return {
        "latency": LATENCY_SECONDS,
        "task_seconds": size.task_seconds,
        "quotas": {"targets": shape.backends},
        "load_balancers": [{"id": name, "generate": {"listeners": shape.listeners}} for name in balancers],
    }


def make_targets(shape: Shape) -> list[dict[str, Any]]:
    return [
        {"listener_id": f"lbl-g{listener:04}", "instance_id": f"ins-web{backend}", "port": 8080, "weight": 10}
        for listener in range(shape.listeners)
        for backend in range(shape.backends)
    ]


def task(name: str, balancer: str, targets: str, **options: Any) -> dict[str, Any]:
    options = {"load_balancer_id": balancer, "targets": f"{{{{ {targets} }}}}", **options}
    return {"name": name, "tencentcloud.clb.targets": options}


def ping(name: str = "ping") -> dict[str, Any]:
    return {"name": name, "ansible.builtin.ping": {}}


@contextmanager
def bench(collections: Path, cloud: dict[str, Any]) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as directory, Emulator.spawn(cloud) as emulator:
        yield Bench(emulator, collections, Path(directory))


def measure_against(size: Size, collections: Path) -> Against:
    """Bind the same targets with one task, and with a loop of one task a listener."""
    targets = make_targets(size.against)
    by_listener = defaultdict(list)
    for one in targets:
        by_listener[one["listener_id"]].append(one)
    loop = {
        "register_targets": {
            "load_balancer_id": LOOP,
            "listener_id": "{{ item.key }}",
            "targets": "{{ item.value }}",
        },
        "loop": "{{ by_listener }}",
        "loop_control": {"label": "{{ item.key }}"},
    }
    variables = {
        "all": targets,
        "by_listener": [{"key": key, "value": value} for key, value in by_listener.items()],
    }
    tasks = [
        task("ours", OURS, "all"),
        {"name": "loop", **loop},
        task("ours again", OURS, "all"),
        {"name": "loop again", **loop},
    ]
    with bench(collections, scenario(size, size.against, OURS, LOOP)) as run:
        timed = run.play(tasks, variables)
        bound = {name: run.emulator.bindings(name) for name in (OURS, LOOP)}
    assert len(bound[OURS]) == len(targets), "not all is bound"
    assert bound[OURS] == bound[LOOP], "the two did not do the same"
    assert [one.changed for one in timed] == [True, True, False, False], "a first run changes, a second one does not"
    return Against(size.against, *timed)


def measure_added(size: Size, collections: Path) -> tuple[list[Added], float]:
    """Time tasks of 1 and of 500 targets, and ping before each, again and again in the same plays."""
    one_round = []
    sizes = {1: "one", ADDED.targets: "all"}
    for amount, name in sizes.items():
        for what, options in (("new", {}), ("in place", {}), ("removed", {"state": "absent"})):
            one_round += [ping(), task(f"{amount} {what}", OURS, name, **options)]
    targets = make_targets(ADDED)
    samples: dict[str, list[Timed]] = defaultdict(list)
    first_uses = []
    with bench(collections, scenario(size, ADDED, OURS)) as run:
        for _ in range(size.playbooks):
            timed = run.play(one_round * size.rounds, {"all": targets, "one": targets[:1]})
            first_uses.append(timed[1])
            # Ansible packs a module when a playbook first uses it: that is told apart from what each use costs.
            for entry in timed[2:]:
                samples[entry.name].append(entry)
    pings = median(entry.seconds for entry in samples["ping"])
    added = [
        Added(
            targets=amount,
            what=what,
            seconds=median(entry.seconds for entry in found),
            cloud=median(entry.cloud_seconds for entry in found),
            ping=pings,
            samples=len(found),
        )
        for amount in sizes
        for what in ("new", "in place", "removed")
        if (found := samples[f"{amount} {what}"])
    ]
    first_use = median(entry.own_seconds for entry in first_uses)
    return added, first_use - median(entry.own_seconds for entry in samples["1 new"])


def measure_many(size: Size, collections: Path) -> Many:
    """Bind a load balancer full of targets in one task, quotas lifted, and measure the module's process."""
    targets = make_targets(size.many)
    echo = {"name": "echo", "ansible.builtin.ping": {"data": "{{ all }}"}}
    tasks = [ping(), task("first", OURS, "all"), task("again", OURS, "all"), echo]
    with bench(collections, scenario(size, size.many, OURS)) as run:
        (_, ping_cost), first, again, echoed = run.play_measured(tasks, {"all": targets})
        assert len(run.emulator.bindings()) == len(targets), "not all is bound"
    assert (first[0].changed, again[0].changed) == (True, False), "a first run changes, a second one does not"
    return Many(len(targets), first, again, echoed, ping_cost)


def measure_all(size: Size, collections: Path) -> Results:
    """Run everything, telling what is under way."""
    print("Planning ...", flush=True)
    planning = {bindings: planning_seconds(bindings, size.plans) for bindings in PLANNED}
    print("One task against a loop ...", flush=True)
    against = measure_against(size, collections)
    print("What the module adds to ping ...", flush=True)
    added, first_use = measure_added(size, collections)
    print("A large load balancer ...", flush=True)
    many = measure_many(size, collections)
    print("Many calls, many tasks at once, many load balancers ...", flush=True)
    return Results(
        against,
        added,
        first_use,
        planning,
        many,
        measure_batches(collections, size.batches, size.task_seconds),
        measure_drains(collections, size.drains, size.task_seconds),
        measure_fleet(collections, size.balancers, size.task_seconds),
    )
