# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every node of every answer is replaced by something odd: the task acts as before, or fails and says why."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from .cases import CASES
from .fuzzing import MISSING, ODDITIES, Case, Change, changes_of, run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .fuzzing import AlteredCloud, Outcome

# The changes of an answer that mean something else: a sound answer of a cloud in another state. Whatever is not listed
# here must leave what a task does as it was, or make it fail.

TEXT, EMPTY, NUMBER = "another text", "an empty text", "another number"
FALSE, NULL, NOTHING, OTHERS = "false", "null", "an empty list", "a list of other texts"
GONE = (NULL, MISSING)
LEFT_OUT = {MISSING}
NAME = {TEXT, EMPTY}
OPTIONAL = {TEXT, EMPTY, *GONE}
NO_ITEMS = {NULL, NOTHING}


def kind_of(change: Change) -> str:
    """The kind of a change; the name of the oddity where no sound answer has anything like it there."""
    value: Any = ODDITIES.get(change.what)
    if isinstance(value, str):
        return TEXT if value else EMPTY
    if type(value) is int:
        return NUMBER
    return {"null": NULL, "false": FALSE, "[]": NOTHING, "[text]": OTHERS}.get(change.what, change.what)


_TARGET: dict[str, set[str]] = {
    "": LEFT_OUT,  # a target less
    ".InstanceId": {TEXT},
    ".InstanceName": OPTIONAL,
    ".Port": {NUMBER},
    ".PrivateIpAddresses": {*NO_ITEMS, OTHERS},
    ".PrivateIpAddresses[]": {TEXT, EMPTY, MISSING},
    ".PublicIpAddresses": {OTHERS},
    ".RegisteredTime": OPTIONAL,
    ".Tag": OPTIONAL,
    ".Type": {TEXT},  # whatever is no CVM is addressed by its IP
    ".Weight": {NUMBER},
    ".Zone": OPTIONAL,
}
_BOUND: dict[str, set[str]] = {
    "Listeners": NO_ITEMS,
    "Listeners[]": LEFT_OUT,
    "Listeners[].EndPort": {NUMBER},
    "Listeners[].ListenerId": {TEXT},
    "Listeners[].Port": {NUMBER},
    "Listeners[].Protocol": {TEXT},
    "Listeners[].Rules": NO_ITEMS,
    "Listeners[].Rules[]": LEFT_OUT,
    "Listeners[].Rules[].Domain": NAME,
    "Listeners[].Rules[].LocationId": {TEXT},
    "Listeners[].Rules[].Url": NAME,
    **{f"{pool}.Targets": NO_ITEMS for pool in ("Listeners[]", "Listeners[].Rules[]")},
    **{
        f"{pool}.Targets[]{name}": kinds
        for pool in ("Listeners[]", "Listeners[].Rules[]")
        for name, kinds in _TARGET.items()
    },
}
_LISTED: dict[str, set[str]] = {
    "LoadBalancerSet[].LoadBalancerId": {TEXT},
    "LoadBalancerSet[].LoadBalancerName": NAME,
    "LoadBalancerSet[].VpcId": OPTIONAL,
    # One without the tags that choose is not chosen.
    "LoadBalancerSet[].Tags": {*GONE, NOTHING},
    "LoadBalancerSet[].Tags[]": LEFT_OUT,
    "LoadBalancerSet[].Tags[].TagKey": {TEXT},
    "LoadBalancerSet[].Tags[].TagValue": OPTIONAL,
}
_HEALTH: dict[str, set[str]] = {
    "LoadBalancers": NO_ITEMS,
    "LoadBalancers[]": LEFT_OUT,
    "LoadBalancers[].LoadBalancerId": {TEXT},
    "LoadBalancers[].Listeners": NO_ITEMS,
    "LoadBalancers[].Listeners[]": LEFT_OUT,
    "LoadBalancers[].Listeners[].ListenerId": {TEXT},
    "LoadBalancers[].Listeners[].Rules": NO_ITEMS,
    "LoadBalancers[].Listeners[].Rules[]": LEFT_OUT,
    "LoadBalancers[].Listeners[].Rules[].LocationId": OPTIONAL,
    "LoadBalancers[].Listeners[].Rules[].Targets": NO_ITEMS,
    "LoadBalancers[].Listeners[].Rules[].Targets[]": LEFT_OUT,
    "LoadBalancers[].Listeners[].Rules[].Targets[].HealthStatus": {FALSE},
    "LoadBalancers[].Listeners[].Rules[].Targets[].HealthStatusDetail": {TEXT},
    "LoadBalancers[].Listeners[].Rules[].Targets[].IP": NAME,
    "LoadBalancers[].Listeners[].Rules[].Targets[].Port": {NUMBER},
}

READ: dict[str, dict[str, set[str]]] = {
    "DescribeTargets": _BOUND,
    "DescribeTargetHealth": _HEALTH,
    "DescribeLoadBalancers": _LISTED,
}
"""What tasks and inventories report otherwise that only read, by action and place."""

_ONLY_SHOWN = (".InstanceName", ".PublicIpAddresses", ".RegisteredTime", ".Zone")
WRITTEN: dict[str, dict[str, set[str]]] = {
    "DescribeTargets": {place: kinds for place, kinds in _BOUND.items() if not place.endswith(_ONLY_SHOWN)},
    "DescribeLoadBalancers": {place: kinds for place, kinds in _LISTED.items() if not place.endswith(".VpcId")},
    # Of the target that is to be lost: it gets no traffic, so that nothing is lost.
    "DescribeTargetHealth": {"LoadBalancers[].Listeners[].Rules[].Targets[].HealthStatus": {FALSE}},
}
"""What tasks do otherwise that write. Of an answer about health nothing else is here: less that is known of it makes a
guard refuse, never pass."""

SEED = 20260101
SAMPLE = 60


def every_change(cloud: AlteredCloud) -> list[Change]:
    return [change for number, (_, answer) in enumerate(cloud.answers) for change in changes_of(number, answer)]


def complaint(case: Case, action: str, change: Change, whole: Outcome, outcome: Outcome) -> str | None:
    """What is wrong with how a task with a changed answer ended; None where nothing is."""
    if outcome.trouble is not None:
        return outcome.trouble
    if outcome.failure is not None or (outcome.meaning, outcome.bindings) == (whole.meaning, whole.bindings):
        return None
    meanings = WRITTEN if case.kind == "targets" else READ
    if kind_of(change) in meanings.get(action, {}).get(change.pattern, ()):
        return None
    return "it acts otherwise, and says nothing"


def complaints(case: Case, cloud: AlteredCloud, whole: Outcome, changes: Iterable[Change]) -> list[str]:
    found = []
    for change in changes:
        action = cloud.answers[change.call][0]
        said = complaint(case, action, change, whole, run(case, change)[0])
        if said is not None:
            found.append(f"{case.name}, call {change.call}, {action} {change.pattern} = {change.what}: {said}")
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_sample_of_changed_answers(case):
    whole, cloud = run(case)
    assert whole.trouble is None
    again = run(case)[0]
    assert again._replace(failure=whole.failure) == whole, "a task goes the same way each time"

    changes = random.Random(SEED).sample(every_change(cloud), SAMPLE)
    assert complaints(case, cloud, whole, changes) == []


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_changed_answers(case):
    whole, cloud = run(case)
    found = complaints(case, cloud, whole, every_change(cloud))

    assert found[:20] == [], len(found)
