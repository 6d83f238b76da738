# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import GuardRefused
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings import guard
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import ChangeKind
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.health import Health, HealthSnapshot

from ...builders import change, http, plan_for, rows, rule, snapshot, target, tcp, want

ALIVE = Health(True, "Alive")


def health_of(listeners, **odd):
    """The health of everything bound: alive but for these, such as ``ins_1``; None is not mentioned."""
    told = [(one, odd.get(one.backend.address.replace("-", "_"), ALIVE)) for one in snapshot(*listeners).all_bindings()]
    return HealthSnapshot(
        {(one.pool.key, name, one.port): found for one, found in told if found is not None for name in one.aliases}
    )


def refusal(*task, count_gains=False, **options):
    """The message of the guard; empty where it lets the task pass."""
    try:
        guard.check_guard(*task, count_gains=count_gains, **options)
    except GuardRefused as exc:
        return exc.message
    return ""


THREE = [tcp("lbl-1", 443, target("ins-1"), target("ins-2"), target("ins-3")), tcp("lbl-2", 444, target("ins-1"))]
FIRST = {"listener_id": "lbl-1", "instance_id": "ins-1"}


@rows(
    "options, expected",
    ({"state": "drained", "entries": [FIRST]}, 2),
    ({"state": "absent", "entries": [FIRST]}, 2),
    ({"entries": [want("lbl-1", "ins-1", weight=0)]}, 2),
    ({"entries": [want("lbl-1", "ins-1"), want("lbl-1", "ins-2")], "purge": True}, 2),
    ({"entries": [want("lbl-1", "ins-4")], "purge": True}, 0),
    ({"state": "absent", "entries": [{"listener_id": "lbl-1"}]}, 0),
    # A listener that loses nothing does not stop a task, though it was short before.
    ({"entries": [want("lbl-2", "ins-1"), want("lbl-1", "ins-1", weight=0)]}, 2),
    # A target whose weight is raised stays.
    ({"entries": [want("lbl-1", "ins-2", weight=50), want("lbl-1", "ins-1", weight=0)]}, 2),
)
def test_the_guard_counts_what_would_be_left(options, expected):
    plan = plan_for(bound=snapshot(*THREE), **options)
    assert guard.takes_capacity(plan.changes)
    assert refusal(plan.snapshot, plan.changes, health_of(THREE), expected) == ""
    message = refusal(plan.snapshot, plan.changes, health_of(THREE), expected + 1)
    assert f"min_healthy is {expected + 1}" in message
    assert f"TCP:443 (lbl-1) would fall from 3 to {expected} by losing ins-" in message


@rows("count_gains, left", (True, 3), (False, 1))
def test_gains_count_only_where_they_are_waited_for(count_gains, left):
    drained = [target(f"ins-{number}", weight=0) for number in (2, 6, 7)]
    listeners = [tcp("lbl-1", 443, target("ins-1", weight=1), *drained, target("ins-5"))]
    weights = {"ins-2": 5, "ins-3": None, "ins-4": 0, "ins-5": 50, "ins-6": 5}
    entries = [want("lbl-1", address, weight=weight) for address, weight in weights.items()]
    plan = plan_for(entries, snapshot(*listeners), purge=True)
    # ins-2 is healthy, but out of service; ins-3 is not there yet; ins-4 gets no traffic; ins-5 and 6 are raised, dead.
    health = health_of(listeners, ins_5=Health(False, "Dead"), ins_6=Health(False, "Dead"))
    assert f"to {left} by" in refusal(plan.snapshot, plan.changes, health, 9, count_gains=count_gains)


HOST, ALL = {"instance_id": "ins-1"}, {"listener_id": "lbl-1"}
MANY = [tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(8)))]
RULES = [http("lbl-1", 80, rule("loc-1", "a", target("ins-1")), rule("loc-2", "b", target("ins-1"), target("ins-2")))]
TWO = [tcp("lbl-1", 443, target("ins-1"), target("ins-2"))]
DRAINED = [tcp("lbl-1", 443, target("ins-1"), target("ins-2"), target("ins-3", weight=0))]
ODD, STRANGE = Health(False, "Odd", True), Health(False, "Strange", True)


@rows(
    "listeners, selector, odd, minimum, words",
    (THREE, HOST, {}, 3, r"lbl-1\) would fall from 3 to 2 by .*lbl-2\) would fall from 1 to 0 by"),
    (MANY, ALL, {}, 1, "ins-4:80 and 3 more"),
    (RULES, HOST, {}, 1, r"left: HTTP:80 \(lbl-1\) a/ \(loc-1\) would fall from 1 to 0 by losing ins-1:80\. Take"),
    # It fails closed where the health of what serves is not known.
    (THREE, FIRST, {"ins_1": None}, 1, "unknown health: ins-1:80 .DescribeTargetHealth does not mention it"),
    (THREE, FIRST, {"ins_2": None}, 1, "can tell .*: ins-2:80 .* Run the task again"),
    (THREE, HOST, {"ins_1": None}, 1, r"\(lbl-1\) has .*; TCP:444 \(lbl-2\) has"),
    (THREE, HOST, {"ins_2": None}, 1, r"too few .* \(lbl-1\) has .*; TCP:444 \(lbl-2\) would .* Take fewer"),
    (TWO, FIRST, {"ins_1": ODD, "ins_2": STRANGE}, 1, r"1:80 \([^;]*'Odd'.* ins-2:80 \([^;]*'Strange'"),
    (TWO, FIRST, {"ins_1": ODD, "ins_2": ODD}, 1, r"ins-1:80, ins-2:80 \([^;]*'Odd', and nobody else is healthy"),
    # A drained target, or one on another listener, need not be mentioned.
    (DRAINED, FIRST, {"ins_3": None}, 1, "^$"),
    ([*TWO, tcp("lbl-2", 444, target("ins-4"))], FIRST, {"ins_4": None}, 1, "^$"),
)
@rows("state", "absent", "drained")
def test_the_refusal_names_what_would_fall_and_why(listeners, selector, odd, minimum, words, state):
    plan = plan_for([selector], snapshot(*listeners), state=state)
    message = refusal(plan.snapshot, plan.changes, health_of(listeners, **odd), minimum)
    assert re.search(words, message), message


def test_health_matters_only_where_something_is_to_be_lost():
    bound = snapshot(*THREE, tcp("lbl-3", 445, target("ins-5", weight=0)))
    for entries in ([want("lbl-1", "ins-9")], [want("lbl-1", "ins-1", weight=50, tag="x")]):
        assert not guard.takes_capacity(plan_for(entries, bound).changes)
    # Drained already.
    assert not guard.takes_capacity(plan_for([{"instance_id": "ins-5"}], bound, state="absent").changes)
    # Dead beside a healthy one: it gets no traffic.
    plan, health = plan_for([FIRST], bound, state="drained"), health_of(THREE, ins_1=Health(False, "Dead"))
    assert guard.check_guard(bound, plan.changes, health, 2, count_gains=False) == []


def test_a_rule_that_was_deleted_meanwhile_has_nothing_to_lose_and_a_new_gain_need_not_be_mentioned():
    plan = plan_for([HOST], snapshot(*RULES), state="drained")
    assert refusal(snapshot(http("lbl-1", 80)), plan.losses, health_of(RULES), 9) == ""
    listeners = [tcp("lbl-1", 443, target("ins-1"))]
    plan = plan_for([want("lbl-1", "ins-2")], snapshot(*listeners), purge=True)
    assert refusal(plan.snapshot, plan.changes, health_of(listeners), 1, count_gains=True) == ""


def test_the_refusal_names_what_has_stopped_serving_since_the_guard_passed():
    before = guard.all_serving(snapshot(*THREE), health_of(THREE), [("lbl-1", None)])
    drained = snapshot(tcp("lbl-1", 443, target("ins-1"), target("ins-2", weight=0), target("ins-3")))
    plan = plan_for([FIRST], drained, state="drained")
    message = refusal(drained, plan.changes, health_of(THREE, ins_3=Health(False, "Dead")), 1, served=before)
    assert "No longer in traffic since the first check: ins-2:80, ins-3:80." in message


# -- every state of 2 to 4 targets


KINDS = {
    "H": Health(True, "Alive"),
    "C": Health(True, "Close"),
    "D": Health(False, "Dead"),
    "S": Health(False, "Close"),
    "?": Health(False, "Checking", in_doubt=True),
    "-": None,
}
"""What the answer says of a target: S is on a stopped listener, ? gives HealthStatus true with an unheard-of detail."""
NAMES = ("ins-1", "ins-2", "ins-3", "ins-4")


def read(state):
    """One listener with a target for each kind; one in lower case, or with a ``0`` after it, has weight 0."""
    kinds = state.replace("0", "")
    on = [not state.startswith("0", place + 1) for place, char in enumerate(state) if char != "0"]
    names = NAMES[: len(kinds)]
    bound = snapshot(tcp("lbl-1", 443, *(target(name, weight=10 * up) for name, up in zip(names, on))))
    told = zip(bound.all_bindings(), (KINDS[kind] for kind in kinds))
    return bound, HealthSnapshot(
        {(one.pool.key, alias, one.port): health for one, health in told if health for alias in one.aliases}
    )


@rows(
    "state, minimum, allowed, refused",
    # Nobody is healthy: the cloud forwards to all, so that each counts.
    ("DDD", 1, "1 2 3 12 13 23", "123"),
    ("DDD", 2, "1 2 3", "12 13 23 123"),
    ("DDD0", 1, "1 2 3 13 23", "12 123"),
    # A dead one does not step in for the last healthy one, also where that has weight 0.
    ("HDD", 1, "2 3 23", "1 12 13 123"),
    ("CDD", 1, "2 3 23", "1 12 13 123"),
    ("HHD", 1, "1 2 3 13 23", "12 123"),
    ("H0DD", 1, "1 2 3 12", "23 123"),
    # Nothing is kept on a stopped listener; beside others, Close does not prove that it is stopped.
    ("SSS", 3, "1 12 123", ""),
    ("SHD", 1, "1 3 13", "2 12"),
    ("SDD", 2, "1", "2 3 12 23"),
    # What the answer does not mention: no loss of what gets traffic, or may.
    ("-HD", 1, "3", "1 2 12 13"),
    ("-DD", 1, "", "1 2 3 23"),
    ("-SS", 1, "", "1 2 3"),
    ("-0HH", 1, "1 2 3 12", "23"),
    # HealthStatus is true with an unheard-of detail.
    ("?HD", 1, "1 3 13", "2 12"),
    ("?HD", 2, "3", "1 2"),
    ("?DD", 1, "", "1 2 3"),
)
def test_who_may_be_taken(state, minimum, allowed, refused):
    bound, health = read(state)

    def message(lost):
        plan = plan_for([{"instance_id": f"ins-{number}"} for number in lost], bound, state="absent")
        return refusal(bound, plan.changes, health, minimum)

    assert [lost for lost in allowed.split() if message(lost)] == []
    assert [lost for lost in refused.split() if not message(lost)] == []


@rows(
    "before, after, left",
    ("HHH", "H0HD", 1),
    ("DDD", "D0DD", 2),
    # One that is not mentioned counts as it did at the check; one in doubt does so where nobody is healthy.
    ("HHH", "H0-H", 2),
    ("HHH", "H0-?", 1),
    ("HHH", "H0H?", 1),
    ("HHH", "H0??", 2),
    ("HHH", "H0SS", None),
)
def test_how_many_serve_once_a_loss_shows(before, after, left):
    (bound, checked), (later, health) = read(before), read(after)
    losses = guard.find_losses(bound, plan_for([HOST], bound, state="drained").changes, checked, 0, count_gains=False)
    for minimum in (1, 2, 3):
        expected = {} if left is None or left >= minimum else {("lbl-1", None): left}
        assert guard.find_short(later, losses, health, checked, minimum) == expected


class Truth(NamedTuple):
    """What is true of a target of weight above 0, whatever the answer says."""

    number: int
    well: bool
    stopped: bool


def truths(number, kind):
    """What can be true of a target of this kind."""
    return [Truth(number, well, kind == "S") for well in (True, False) if kind in "?-" or well == (kind in "HC")]


def served(targets, *, each):
    """The targets to which the cloud forwards.

    :param each: how it forwards where some are Close with HealthStatus false, and others are not: never to them, or, if
        nobody is healthy, to them too.
    """
    on = list(targets)
    if each or all(one.stopped for one in on):
        on = [one for one in on if not one.stopped]
    return {one.number for one in on if one.well} or {one.number for one in on}


@rows("size", 2, 3, 4)
def test_every_state_and_every_loss(size):
    """Under the guard, never fewer than ``min_healthy`` get traffic, if as many did.

    Losses one by one lead from state to state, so that all of them are here, too.
    """
    kinds = [*KINDS, *(f"{kind}0" for kind in KINDS)]
    # Of 4 targets the 20,736 states are 1,365 but for the order in which they are bound, which 3 targets test.
    every = itertools.product(kinds, repeat=size) if size < 4 else itertools.combinations_with_replacement(kinds, size)
    for state in every:
        bound, health = read("".join(state))
        on = [number for number, kind in enumerate(state) if len(kind) == 1]
        bindings = list(bound.all_bindings())
        worlds = [
            (world, each)
            for world in itertools.product(*(truths(number, state[number]) for number in on))
            for each in {True, "S" not in state}
        ]
        for lost in itertools.chain.from_iterable(itertools.combinations(on, count) for count in range(1, size + 1)):
            losses = [change(ChangeKind.DEREGISTER, bindings[number]) for number in lost]
            for minimum in range(1, len(on) + 1):
                if any(
                    one.verdict.refused for one in guard.find_losses(bound, losses, health, minimum, count_gains=False)
                ):
                    continue
                for world, each in worlds:
                    before = served(world, each=each)
                    after = served([one for one in world if one.number not in lost], each=each)
                    assert len(before) < minimum or len(after) >= minimum, (state, lost, minimum, world)
