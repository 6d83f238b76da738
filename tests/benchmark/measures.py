# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The measurements: which playbooks run, and which numbers come out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from planning import planning_seconds

from playbooks import Cost, Timed, bench

if TYPE_CHECKING:
    from pathlib import Path

LATENCY_SECONDS = 0.05
OURS, LOOP = "lb-ours", "lb-loop"
PLANNED = (1_000, 10_000, 100_000)
"""Numbers of bindings whose planning is timed."""
RATE = 20
"""Requests a second that the cloud allows for each action."""


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
    task_seconds: float  # that the cloud works on each write
    against: Shape  # that the comparison with a loop binds
    playbooks: int  # of the comparison with ping
    rounds: int
    plans: int
    many: Shape
    batches: tuple[Shape, ...]  # that one task of many calls binds
    drains: int
    balancers: int  # in one task


FULL = Size(2.0, Shape(50, 10), 3, 4, 7, Shape(50, 200), (Shape(50, 100), Shape(50, 200)), drains=40, balancers=100)
QUICK = Size(0.1, Shape(2, 25), 1, 3, 3, Shape(10, 100), (Shape(50, 20),), drains=4, balancers=10)
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
    """What a task takes beside ping; medians, in seconds."""

    targets: int
    what: str
    seconds: float
    cloud: float  # of these, the cloud's and the network's
    ping: float  # in the same play
    samples: int

    @property
    def added(self) -> float:
        """What the module adds to ping beside the time that is the cloud's."""
        return self.seconds - self.cloud - self.ping


@dataclass(frozen=True)
class Many:
    """A large load balancer: a task that fills it, and its process."""

    targets: int
    first: tuple[Timed, Cost]
    again: tuple[Timed, Cost]
    echo: tuple[Timed, Cost]  # ping with the same list as its ``data``: what Ansible takes to carry it
    ping: Cost


@dataclass(frozen=True)
class Batches:
    """One task of many calls; ``cloud`` is the time that the cloud itself worked on its tasks."""

    targets: int
    seconds: float
    cloud: float


@dataclass(frozen=True)
class Drains:
    """Guarded tasks that drain a host each, all at once."""

    tasks: int
    allowed: int  # by the guard
    passed: int
    lowest: int  # number of targets that got traffic at any moment
    seconds: float


@dataclass(frozen=True)
class Fleet:
    """Seconds that many load balancers take."""

    balancers: int
    task_seconds: float
    first: float  # one task that binds new targets everywhere
    again: float
    drain: float  # one task that drains one host everywhere
    loop: float  # of tasks of one load balancer each; of the first tenth, ten times
    forks: float  # of a play with a host for each load balancer, 20 at a time
    throttled: int  # requests of the lone tasks that were refused for too many requests
    three: float  # such tasks at once, each on its own load balancers

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


@dataclass(frozen=True)
class Results:
    against: Against
    added: list[Added]
    first_use: float  # seconds that the first use in a playbook adds
    planning: dict[int, float]  # bindings -> CPU seconds
    many: Many
    batches: list[Batches]
    drains: Drains
    fleet: Fleet


def cloud_of(size: Size, balancers: list[dict[str, Any]], **settings: Any) -> dict[str, Any]:
    return {"latency": LATENCY_SECONDS, "task_seconds": size.task_seconds, **settings, "load_balancers": balancers}


def empty(size: Size, shape: Shape, *names: str) -> dict[str, Any]:
    """Return a cloud of load balancers without targets, on which those of a shape just fit."""
    balancers = [{"id": name, "generate": {"listeners": shape.listeners}} for name in names]
    return cloud_of(size, balancers, quotas={"targets": shape.backends})


def make_targets(shape: Shape) -> list[dict[str, Any]]:
    return [
        {"listener_id": f"lbl-g{listener:04}", "instance_id": f"ins-web{backend}", "port": 8080, "weight": 10}
        for listener in range(shape.listeners)
        for backend in range(shape.backends)
    ]


def task(name: str = "ours", **options: Any) -> dict[str, Any]:
    return {"name": name, "tencentcloud.clb.targets": options}


def ping(name: str = "ping", **options: Any) -> dict[str, Any]:
    return {"name": name, "ansible.builtin.ping": options}


def measure_against(size: Size, collections: Path) -> Against:
    """Bind the same targets with one task, and with a loop of one task a listener."""
    targets = make_targets(size.against)
    by_listener = defaultdict(list)
    for one in targets:
        by_listener[one["listener_id"]].append(one)
    ours = task(load_balancer_id=OURS, targets="{{ all }}")
    options = {"load_balancer_id": LOOP, "listener_id": "{{ item }}", "targets": "{{ by[item] }}"}
    loop = {"name": "loop", "register_targets": options, "loop": list(by_listener)}
    with bench(collections, empty(size, size.against, OURS, LOOP)) as run:
        timed = run.play([ours, loop, ours, loop], {"all": targets, "by": by_listener})
        bound = {name: run.emulator.bindings(name) for name in (OURS, LOOP)}
    assert len(bound[OURS]) == len(targets), "not all is bound"
    assert bound[OURS] == bound[LOOP], "the two did not do the same"
    assert [one.changed for one in timed] == [True, True, False, False], "a first run changes, a second one does not"
    return Against(size.against, *timed)


def measure_added(size: Size, collections: Path) -> tuple[list[Added], float]:
    """Time tasks of 1 and of 500 targets, and ping before each, again and again in the same plays."""
    targets = make_targets(ADDED)
    kinds = [
        (amount, what, task(f"{amount} {what}", load_balancer_id=OURS, targets=f"{{{{ {name} }}}}", state=state))
        for amount, name in ((1, "one"), (ADDED.targets, "all"))
        for what, state in (("new", "present"), ("in place", "present"), ("removed", "absent"))
    ]
    one_round = [each for _amount, _what, timed_task in kinds for each in (ping(), timed_task)]
    samples: dict[str, list[Timed]] = defaultdict(list)
    first_uses = []
    with bench(collections, empty(size, ADDED, OURS)) as run:
        for _ in range(size.playbooks):
            timed = run.play(one_round * size.rounds, {"all": targets, "one": targets[:1]})
            first_uses.append(timed[1].own_seconds)
            # Ansible packs a module when a playbook first uses it: that is told apart from what each use costs.
            for entry in timed[2:]:
                samples[entry.name].append(entry)
    pings = median(entry.seconds for entry in samples["ping"])
    added = []
    for amount, what, timed_task in kinds:
        found = samples[timed_task["name"]]
        seconds, cloud = median(entry.seconds for entry in found), median(entry.cloud_seconds for entry in found)
        added.append(Added(amount, what, seconds, cloud, pings, len(found)))
    return added, median(first_uses) - median(entry.own_seconds for entry in samples["1 new"])


def measure_many(size: Size, collections: Path) -> Many:
    """Bind a load balancer full of targets in one task, quotas lifted, and measure the module's process."""
    targets = make_targets(size.many)
    ours = task(load_balancer_id=OURS, targets="{{ all }}")
    with bench(collections, empty(size, size.many, OURS)) as run:
        tasks = [ping(), ours, ours, ping("echo", data="{{ all }}")]
        (_, ping_cost), first, again, echoed = run.play_measured(tasks, {"all": targets})
        assert len(run.emulator.bindings()) == len(targets), "not all is bound"
    assert (first[0].changed, again[0].changed) == (True, False), "a first run changes, a second one does not"
    return Many(len(targets), first, again, echoed, ping_cost)


def measure_batches(size: Size, collections: Path, shape: Shape) -> Batches:
    """Bind thousands of targets, 500 a call."""
    with bench(collections, empty(size, shape, OURS)) as run:
        ours = task(load_balancer_id=OURS, targets="{{ all }}")
        (timed,) = run.play([ours], {"all": make_targets(shape)})
        assert len(run.emulator.bindings()) == shape.targets, "not all is bound"
    return Batches(shape.targets, timed.seconds, -(-shape.targets // 500) * size.task_seconds)


def measure_drains(size: Size, collections: Path) -> Drains:
    """Let many hosts drain themselves at once, of which half may."""
    hosts = [f"ins-{number}" for number in range(size.drains)]
    allowed = size.drains // 2
    bound = [{"instance_id": host, "port": 8080} for host in hosts]
    listener = {"id": "lbl-1", "protocol": "TCP", "port": 80, "targets": bound}
    own = [{"instance_id": "{{ inventory_hostname }}"}]
    drain = task(load_balancer_id=OURS, state="drained", min_healthy=size.drains - allowed, targets=own)
    with bench(collections, cloud_of(size, [{"id": OURS, "listeners": [listener]}])) as run:
        seconds = run.run([drain], hosts=",".join(hosts), arguments=["--forks", str(size.drains)])
        passed = sum(binding[4] == 0 for binding in run.emulator.bindings())
        return Drains(size.drains, allowed, passed, run.emulator.min_serving("lbl-1"), seconds)


def measure_fleet(size: Size, collections: Path) -> Fleet:
    """Bind new targets to many load balancers, each with one listener, and compare with a task for each."""
    groups = {group: [f"lb-{group}{number}" for number in range(size.balancers)] for group in "abcde"}
    listener = {"protocol": "TCP", "port": 80, "targets": [{"instance_id": "ins-old", "port": 8080}]}
    every = [name for names in groups.values() for name in names]
    balancers = [{"id": name, "listeners": [{**listener, "id": name.replace("lb", "lbl")}]} for name in every]
    new = [{"listener_port": 80, "instance_id": f"ins-{number}", "port": 8080} for number in range(5)]
    ours = {group: task(load_balancer_ids=names, targets=new) for group, names in groups.items()}
    drained = task(load_balancer_ids=groups["a"], state="drained", targets=[{"instance_id": "ins-old"}])
    tenth = groups["b"][: max(1, size.balancers // 10)]
    loop = {**task(load_balancer_id="{{ item }}", targets=new), "loop": tenth}
    each = task(load_balancer_id="{{ inventory_hostname }}", targets=new)
    with bench(collections, cloud_of(size, balancers, rate_limit=RATE)) as run:
        first, again, drain = (one.seconds for one in run.play([ours["a"], ours["a"], drained]))
        throttled = sum(call["outcome"] == "RequestLimitExceeded" for call in run.emulator.calls())
        (looped,) = run.play([loop])
        in_loop = looped.seconds * size.balancers / len(tenth)
        forks = run.run([each], hosts=",".join(groups["c"]), arguments=["--forks", "20"])
        three = run.run(*([ours[group]] for group in "bde"))
    return Fleet(size.balancers, size.task_seconds, first, again, drain, in_loop, forks, throttled, three)


def measure_all(size: Size, collections: Path) -> Results:
    print("Planning ...", flush=True)
    planning = {bindings: planning_seconds(bindings, size.plans) for bindings in PLANNED}
    print("One task against a loop ...", flush=True)
    against = measure_against(size, collections)
    print("What the module adds to ping ...", flush=True)
    added, first_use = measure_added(size, collections)
    print("A large load balancer ...", flush=True)
    many = measure_many(size, collections)
    print("Many calls, many tasks at once, many load balancers ...", flush=True)
    batches = [measure_batches(size, collections, shape) for shape in size.batches]
    drains, fleet = measure_drains(size, collections), measure_fleet(size, collections)
    return Results(against, added, first_use, planning, many, batches, drains, fleet)
