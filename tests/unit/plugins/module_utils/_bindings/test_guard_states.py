# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every state of 2 to 4 targets: under the guard, never fewer than ``min_healthy`` get traffic, if as many did."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import ChangeKind
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.guard import find_losses
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.health import Health, HealthSnapshot

from ...builders import change, plan_for, snapshot, target, tcp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import Snapshot

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


def read(state: str) -> tuple[Snapshot, HealthSnapshot]:
    """One listener with a target for each kind; one in lower case, or with a ``0`` after it, has weight 0."""
    kinds = state.replace("0", "")
    on = [not state.startswith("0", place + 1) for place, char in enumerate(state) if char != "0"]
    names = NAMES[: len(kinds)]
    bound = snapshot(tcp("lbl-1", 443, *(target(name, weight=10 * up) for name, up in zip(names, on))))
    told = zip(bound.all_bindings(), (KINDS[kind] for kind in kinds))
    return bound, HealthSnapshot(
        {(one.pool.key, alias, one.port): health for one, health in told if health for alias in one.aliases}
    )


def allows(state: str, lost: str, minimum: int) -> bool:
    """Whether the guard lets these go, told by their numbers."""
    bound, health = read(state)
    plan = plan_for([{"instance_id": f"ins-{number}"} for number in lost], bound, state="absent")
    losses = find_losses(bound, plan.changes, health, minimum, count_gains=False)
    return not any(one.verdict.refused for one in losses)


@pytest.mark.parametrize(
    "state, minimum, allowed, refused",
    [
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
    ],
)
def test_who_may_be_taken(state: str, minimum: int, allowed: str, refused: str) -> None:
    assert {lost: allows(state, lost, minimum) for lost in [*allowed.split(), *refused.split()]} == {
        **dict.fromkeys(allowed.split(), True),
        **dict.fromkeys(refused.split(), False),
    }


class Truth(NamedTuple):
    """What is true of a target of weight above 0, whatever the answer says."""

    number: int
    well: bool
    stopped: bool


def truths(number: int, kind: str) -> list[Truth]:
    """What can be true of a target of this kind."""
    return [Truth(number, well, kind == "S") for well in (True, False) if kind in "?-" or well == (kind in "HC")]


def served(targets: Iterable[Truth], *, each: bool) -> set[int]:
    """The targets to which the cloud forwards.

    :param each: how it forwards where some are Close with HealthStatus false, and others are not: never to them, or, if
        nobody is healthy, to them too.
    """
    on = list(targets)
    if each or all(one.stopped for one in on):
        on = [one for one in on if not one.stopped]
    return {one.number for one in on if one.well} or {one.number for one in on}


@pytest.mark.parametrize("size", [2, 3, 4])
def test_every_state_and_every_loss(size: int) -> None:
    """Losses one by one lead from state to state, so that all of them are here, too."""
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
                if any(one.verdict.refused for one in find_losses(bound, losses, health, minimum, count_gains=False)):
                    continue
                for world, each in worlds:
                    before = served(world, each=each)
                    after = served([one for one in world if one.number not in lost], each=each)
                    assert len(before) < minimum or len(after) >= minimum, (state, lost, minimum, world)
