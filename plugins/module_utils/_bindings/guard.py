# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard min_healthy: refuse what would leave too few healthy targets. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from .._errors import GuardRefused
from .change import ChangeKind
from .plan import Plan, predict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .health import HealthSnapshot
    from .snapshot import Binding, Pool, PoolKey


class Shortfall(NamedTuple):
    """A pool that would be left with too few healthy targets of weight above 0.

    :param pool: which.
    :param now: how many it has.
    :param left: how many it would have.
    :param losing: the healthy ones it would lose.
    """

    pool: Pool
    now: int
    left: int
    losing: tuple[Binding, ...]


def check_guard(plan: Plan, health: HealthSnapshot, min_healthy: int, *, count_gains: bool) -> None:
    """Refuse a plan that takes too many healthy targets away.

    Only a pool that loses a healthy target of weight above 0 is looked at: one that was short before and loses nothing
    does not stop a task.

    :param plan: what is about to be done, or what is left of it.
    :param health: as read just now.
    :param min_healthy: how many must be left in each pool.
    :param count_gains: count what the plan adds as healthy, because it will be waited for.
    :raises GuardRefused: which pools would fall to what.
    """
    shortfalls = find_shortfalls(plan, health, min_healthy, count_gains=count_gains)
    if shortfalls:
        told = "; ".join(
            f"{one.pool.label} would fall from {one.now} to {one.left} by losing {_some(one.losing)}"
            for one in shortfalls
        )
        raise GuardRefused(
            f"min_healthy is {min_healthy}, and too few healthy targets of weight above 0 would be left: {told}. "
            "Take fewer at once, add healthy ones first, or lower min_healthy."
        )


def find_shortfalls(plan: Plan, health: HealthSnapshot, min_healthy: int, *, count_gains: bool) -> list[Shortfall]:
    """The pools that a plan would leave with fewer healthy serving targets than allowed.

    :param plan: what is about to be done.
    :param health: as read just now.
    :param min_healthy: how many must be left in each pool.
    :param count_gains: count what the plan adds as healthy.
    """
    losing: dict[PoolKey, list[Binding]] = defaultdict(list)
    for change in plan.losses:
        if change.before is not None and change.before.weight > 0 and health.of(change.before).healthy:
            losing[change.pool.key].append(change.before)
    if not losing:
        return []
    gained = {
        (change.pool.key, change.backend.address, change.port)
        for change in plan.gains
        if change.kind is ChangeKind.REGISTER
        or (change.kind is ChangeKind.WEIGHT and change.before is not None and change.before.weight == 0)
    }
    after = predict(plan)
    shortfalls = []
    for pool in plan.touched:
        if pool.key not in losing:
            continue
        left = sum(
            1
            for binding in after[pool.key]
            if binding.weight > 0 and (health.of(binding).healthy or (count_gains and binding.identity in gained))
        )
        if left < min_healthy:
            now = sum(
                1 for one in plan.snapshot.bindings.get(pool.key, ()) if one.weight > 0 and health.of(one).healthy
            )
            shortfalls.append(Shortfall(pool, now, left, tuple(losing[pool.key])))
    return shortfalls


def takes_capacity(plan: Plan) -> bool:
    """Whether a plan takes a target of weight above 0 away, so that health matters.

    :param plan: which.
    """
    return any(change.before is not None and change.before.weight > 0 for change in plan.losses)


def _some(bindings: Sequence[Binding]) -> str:
    shown = ", ".join(f"{one.backend.address}:{one.port}" for one in bindings[:5])
    return shown + (f" and {len(bindings) - 5} more" if len(bindings) > 5 else "")
