# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever goes wrong: the result is true, a rerun does the rest, and of a killed task everything can be restored."""

from __future__ import annotations

import itertools
import os
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clb_emulator.queries import min_serving
from clb_emulator.writes import WRITES
from harness import Cloud

from ..builders import Raw, http, neighbours, plan_for, rule, snapshot, target, tcp
from .tasks import address_of, balancer, order, refusal, sent, unknown_outcome

ADDRESSES = [f"ins-{number}" for number in range(1, 6)]
PLACES: list[Raw] = [
    *({"listener_id": "lbl-1"}, {"listener_id": "lbl-2"}),
    *({"location_id": "loc-1"}, {"location_id": "loc-2"}),
]
SHARES = st.sampled_from([0.0, 0.5, 1.0])
LISTENER_SETS = st.sampled_from([["lbl-1"], ["lbl-1", "lbl-3"]])

faults = st.one_of(
    st.none(),
    st.builds(unknown_outcome, SHARES, task_seconds=st.sampled_from([None, 9.0])),
    st.builds(refusal, st.sampled_from(["InvalidParameter", "FailedOperation", "LimitExceeded", "AuthFailure"])),
    st.builds(
        order, st.just("fail_listeners"), listeners=LISTENER_SETS, message=st.just("no"), apply=SHARES, rest=SHARES
    ),
    st.builds(order, st.just("task_fails"), message=st.just("no"), apply=SHARES),
    st.builds(order, st.just("task_unknown"), code=st.sampled_from(["InvalidParameter", "UnauthorizedOperation"])),
)
places = st.lists(st.dictionaries(st.sampled_from(ADDRESSES), st.sampled_from([0, 10, 50])), min_size=4, max_size=4)
tasks = st.one_of(
    st.tuples(st.just("present"), st.booleans()), st.tuples(st.sampled_from(["absent", "drained"]), st.just(False))
)


def listeners_with(bound):
    """Two listeners and two rules with these addresses and weights."""
    one, two, three, four = ([target(address, 80, weight) for address, weight in each.items()] for each in bound)
    return [
        tcp("lbl-1", 443, *one),
        tcp("lbl-2", 444, *two),
        http("lbl-3", 80, rule("loc-1", "a", *three), rule("loc-2", "b", *four)),
    ]


def wish(place, address, weight=None):
    return {**PLACES[place], "instance_id": address, "port": 80, "weight": weight, "tag": None}


asked_for = st.dictionaries(
    st.tuples(st.integers(0, 3), st.sampled_from(ADDRESSES)), st.sampled_from([None, 0, 30]), max_size=8
).map(lambda asked: [wish(*key, weight) for key, weight in asked.items()])
"""What is asked for; it names some of the places, and makes sense in every state."""


def keys(entries):
    return {(one["listener_id"], one["location_id"], address_of(one), one["port"]) for one in entries}


def assert_told_truly(run, cloud, plan):
    """Each change is in place or named as failed, and never both."""
    now, missing = snapshot(*cloud.listeners("lb-1")), keys(run["failed_targets"])
    for change in plan.changes:
        assert change.in_place(now) is ((*change.pool.key, change.backend.address, change.port) not in missing), change
    assert run.failed is bool(missing)
    written = [*run["registered"], *run["modified"], *run["deregistered"]]
    assert run.changed is bool(written) or run["request_ids"]


def assert_no_dip(run, cloud, plan):
    """Where a listener's gains are not all in place, nothing was taken from it."""
    missing = keys(run["failed_targets"])
    short = {
        one.pool.listener_id
        for one in plan.changes
        if not one.loss and (*one.pool.key, one.backend.address, one.port) in missing
    }
    for loss in plan.losses:
        assert loss.pool.listener_id not in short or (*loss.pool.key, loss.backend.address, loss.port) in missing
    actions = cloud.actions("Batch*")
    if {"BatchRegisterTargets", "BatchDeregisterTargets"} <= set(actions):
        last_gain = len(actions) - 1 - actions[::-1].index("BatchRegisterTargets")
        assert last_gain < actions.index("BatchDeregisterTargets")


def bindings_in(call):
    return {(one["ListenerId"], one.get("LocationId"), one["InstanceId"]) for one in sent(call)}


def assert_nothing_sent_twice_unread(cloud):
    calls = [call for call in cloud.calls() if call["action"] in (*WRITES, "DescribeTargets")]
    for call, after in neighbours(calls):
        if call["action"] == after["action"] != "DescribeTargets":
            # A smaller call right behind a refused one is what narrowing does.
            first, second = bindings_in(call), bindings_in(after)
            assert len(second) < len(first) or first.isdisjoint(second)


NOBODY: list[dict[str, int]] = [{}, {}, {}, {}]
PAIR = [wish(0, "ins-1"), wish(0, "ins-2")]
PRESENT = ("present", False)
LOST, HALF_LATE = unknown_outcome(0.0), unknown_outcome(0.5, task_seconds=9.0)
HALF = order("fail_listeners", listeners=["lbl-1"], message="no", apply=0.5, rest=0.0)
NARROWED_IN_PART = [refusal("InvalidParameter"), None, HALF, refusal("InvalidParameter")]
sick_ones = st.sets(st.sampled_from(ADDRESSES), max_size=2)


@settings(max_examples=max(150, settings().max_examples))
# Three calls in doubt: only time can tell what became of the last one.
@example(NOBODY, PAIR, PRESENT, [LOST, LOST, HALF_LATE], set(), 0.0)
# A part of a narrowed call shows, and the rest is refused: it is not sent once more to find that out.
@example(NOBODY, [wish(1, "ins-2"), *PAIR, wish(1, "ins-1"), wish(2, "ins-1")], PRESENT, NARROWED_IN_PART, set(), 0.0)
# What is refused after a call in doubt: that call may be why, and show later.
@example(NOBODY, PAIR, PRESENT, [HALF_LATE, refusal("LimitExceeded")], set(), 2.0)
@example(NOBODY, PAIR, PRESENT, [HALF_LATE, refusal("AuthFailure")], set(), 2.0)
@given(places, asked_for, tasks, st.lists(faults, max_size=5), sick_ones, st.sampled_from([0.0, 2.0]))
def test_whatever_goes_wrong_the_result_is_true_nothing_else_is_touched_and_a_rerun_converges(
    bound, asked, task, ordered, bad, lag
):
    state, purge = task
    listeners = listeners_with(bound)
    plan = plan_for(asked, snapshot(*listeners), state=state, purge=purge)
    cloud = balancer(listeners, *ordered, bad=bad, read_lag=lag, task_seconds=0.5)
    before = cloud.bindings()
    run = cloud.run(targets=asked, state=state, purge=purge)
    cloud.finish()
    assert_told_truly(run, cloud, plan)
    assert_no_dip(run, cloud, plan)
    assert_nothing_sent_twice_unread(cloud)
    desired = {(*one.pool.key, one.backend.address, one.port) for one in plan.changes}
    assert {one[:4] for one in before ^ cloud.bindings()} <= desired
    cloud.clear_faults()
    cloud.sleep(30)
    again = cloud.run(targets=asked, state=state, purge=purge)
    assert again.failure is None
    idle = cloud.run(targets=asked, state=state, purge=purge)
    assert (idle.changed, [one for one in idle["api_calls"] if one.startswith("Batch")]) == (False, [])


@given(places, asked_for, st.lists(faults, max_size=4), st.sets(st.sampled_from(ADDRESSES), max_size=3))
def test_capacity_never_dips_in_one_task_that_replaces_targets(bound, asked, ordered, sick):
    cloud = balancer(listeners_with(bound), *ordered, task_seconds=0.5, health={"dead": sorted(sick)})
    start: dict[tuple[str, str | None], int] = {}
    for listener_id, location_id, address, _, weight, _ in cloud.bindings():
        start.setdefault((listener_id, location_id), 0)
        start[listener_id, location_id] += weight > 0 and address not in sick
    entries = [{**one, "weight": 30} for one in asked]
    cloud.run(targets=entries, purge=True, wait_for_health=True, min_healthy=1, wait_timeout=60)
    cloud.finish()
    # At no moment.
    for place, count in start.items():
        assert min_serving(cloud.journal(), *place) >= min(1, count)


KINDS = ("drained", "absent", "purge", "weight", "weight_and_tag", "raised", "restored", "put_back")
SWEEPS = 100
NEW = "10.9.0.77"
FAULTS: list[Raw | None] = [
    None,
    unknown_outcome(1.0, task_seconds=6.0),
    unknown_outcome(0.5),
    *(order("cut_before"), order("busy")),
    order("task_fails", message="no", apply=0.5),
    order("fail_listeners", listeners=["lbl-lb-1-1"], message="no", apply=0.5, rest=1.0),
    order("fail_listeners", listeners=["lbl-lb-1-1"], message="no", apply=0.0, rest=0.5),
    *(refusal("InvalidParameter"), refusal("AuthFailure")),
]
"""What happens to the first writes of a task; in half of the worlds nothing does."""


class Killed(BaseException):
    """The process is gone: nothing of it runs on, and it tells nobody."""


class Mortal(Cloud):
    """A cloud at whose n-th request the task is killed: before the request arrives, or before its answer does."""

    at, after, requests, last = 0, False, 0, ""

    def answer(self, headers, body, seconds):
        self.requests += 1
        if self.at and self.requests > self.at - (not self.after):
            self.last = headers["X-TC-Action"]
            raise Killed
        answer = super().answer(headers, body, seconds)
        if self.requests == self.at:
            raise Killed
        return answer

    def run_until(self, at, *, after, **options):
        """Run a task that is killed at a request; returns the action of that request, empty where there was none."""
        self.at, self.after, self.requests, self.last = at, after, 0, ""
        try:
            self.run(**options)
        except Killed:
            return self.last or "done"
        finally:
            self.at = 0
            # The threads of other load balancers died with the process.
            self.shared_clock._waiting.clear()
        return ""


def places_of(listeners):
    """Each listener, or rule of one, with its listener."""
    return [(listener, place) for listener in listeners for place in listener["Rules"] or [listener]]


class Sweep:
    """One world and one task in it, made from a seed."""

    def __init__(self, seed, file):
        chance = random.Random(seed)
        self.kind, self.file, self.seed = KINDS[seed % len(KINDS)], file, seed
        self.worlds = {one: self._listeners(one, chance) for one in ["lb-1", "lb-2"][: chance.choice((1, 1, 2))]}
        self.settings: Raw = {
            "task_seconds": chance.choice((0.05, 1.0)),
            "batch_is_task": chance.random() < 0.7,
            "lock_after": chance.choice((0.0, 0.0, 1.5)),
        }
        self.options: Raw = {
            "restore_file": str(file),
            "load_balancer_ids": list(self.worlds),
            "wait": self.kind in ("put_back", "restored") or chance.random() < 0.7,
            **self._task(chance),
        }
        self.faults = chance.choices(FAULTS, k=2) if chance.random() < 0.5 else []

    def _listeners(self, one, chance):
        def targets():
            names = ("ins-1", "10.9.0.3", "ins-2", "2001:db8::4")
            weights = {"put_back": (10, 100), "raised": (0, 10)}.get(self.kind, (1, 10, 100))
            count = 2 if self.kind == "put_back" else chance.randint(1, 4)
            return [target(name, 80, chance.choice(weights), chance.choice(("", "blue"))) for name in names[:count]]

        return [
            tcp(f"lbl-{one}-1", 443, *targets()),
            tcp(f"lbl-{one}-2", 53, *targets(), protocol="UDP"),
            http(f"lbl-{one}-3", 80, rule(f"loc-{one}-1", "a.example.com", *targets())),
        ]

    def _task(self, chance):
        if self.kind == "put_back":
            return {"state": "drained", "min_healthy": 1, "targets": [{"instance_id": "ins-1"}]}
        if self.kind in ("drained", "absent", "restored"):
            some = [{"listener_port": port} for port in (443, 53, 80)]
            state = "absent" if self.kind == "absent" else "drained"
            return {"state": state, "targets": chance.choice(([{"instance_id": "ins-1"}], some))}
        wishes = []
        for one, listeners in self.worlds.items():
            for listener, place in places_of(listeners):
                where = {"load_balancer_id": one, "listener_id": listener["ListenerId"], "port": 80}
                where["location_id"] = place.get("LocationId")
                bound = [found for found in place["Targets"] if self.kind != "raised" or found["Weight"] == 0]
                for found in [{"PrivateIpAddresses": [NEW]}] if self.kind == "purge" else bound:
                    # By the primary address, too, in place of the instance.
                    wish = {**where, "eni_ip": found["PrivateIpAddresses"][0], "weight": chance.choice((1, 50))}
                    wishes.append({**wish, "tag": "green"} if self.kind == "weight_and_tag" else wish)
        return {"targets": wishes, "purge": self.kind == "purge"}

    def start(self):
        """A new cloud, and the task that is killed."""
        self.file.unlink(missing_ok=True)
        cloud = Mortal.of(self.worlds, seed=self.seed, **self.settings)
        if self.kind == "put_back":
            cloud.before("BatchModifyTargetWeight", lambda: self._rival(cloud))
        if self.kind != "restored":
            cloud.next_writes(*self.faults)
            return cloud, self.options
        assert not cloud.run(**self.options).failed
        cloud.finish()
        cloud.next_writes(*self.faults)
        return cloud, {"state": "restored", "restore_file": str(self.file)}

    def _rival(self, cloud):
        """Take away what the guard has counted on, as a task on another controller does."""
        for one, listeners in self.worlds.items():
            for listener, place in places_of(listeners):
                at = {
                    "LoadBalancerId": one,
                    "ListenerId": listener["ListenerId"],
                    "LocationId": place.get("LocationId"),
                }
                cloud.change("weight", [{**at, "EniIp": "10.9.0.3", "Port": 80, "Weight": 0}])

    def check(self, at, *, after, later):
        """Kill the task at a request, restore, and compare; returns the action of that request."""
        cloud, options = self.start()
        before = Cloud.of(self.worlds).bindings()
        killed = cloud.run_until(at, after=after, **options)
        cloud.clear_faults()
        if later or not killed:
            cloud.finish()
        left = self.file.read_text() if self.file.exists() else "no file"
        run = cloud.run(state="restored", restore_file=str(self.file))
        cloud.finish()
        if self.kind == "raised" and run.failed:
            # A weight of 0 that was raised under its eyes, it leaves and tells.
            assert {one["weight"] for one in run["failed_targets"]} == {0}
            run = cloud.run(state="restored", restore_file=str(self.file))
            cloud.finish()
        case = f"seed {self.seed} ({self.kind}), killed at {at}, {after=}, {later=}: {run.message}, it held {left}"
        assert not run.failed, case
        theirs = {NEW, *(["10.9.0.3"] if self.kind == "put_back" else [])}
        now = {binding for binding in cloud.bindings() if binding[2] not in theirs}
        assert now == {binding for binding in before if binding[2] not in theirs}, f"{case}, {run.warnings}"
        assert list(self.file.parent.iterdir()) == [], f"{case}, {self.file.read_text()}, {run.warnings}"
        return killed


@pytest.mark.sample(20)
@pytest.mark.parametrize("seed", range(SWEEPS))
def test_killed_at_any_call_everything_comes_back(seed, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    sweep = Sweep(seed, tmp_path / "restore.json")
    for at in itertools.count(1):
        action = sweep.check(at, after=False, later=bool(at % 2))
        if not action:
            break
        if action in WRITES:
            for later in (False, True):
                sweep.check(at, after=True, later=later)
    assert at > 2
