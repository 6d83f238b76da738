# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard ``min_healthy``: refuse what would leave too few healthy targets. Pure, and it fails closed."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from .._base.errors import GuardRefused, and_more
from .change import Change, ChangeKind
from .plan import apply_changes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from .health import HealthSnapshot
    from .snapshot import Binding, BindingKey, Pool, PoolKey, Snapshot


class Shortfall(NamedTuple):
    """A pool that would be left with too few healthy targets of weight above 0, or with who knows how many.

    :param pool: the pool.
    :param now: how many it has.
    :param left: how many it would have.
    :param losing: the serving targets that it would lose.
    :param unknown: the serving targets whose health the answer does not mention.
    """

    pool: Pool
    now: int
    left: int
    losing: tuple[Binding, ...]
    unknown: tuple[Binding, ...] = ()

    def describe(self) -> str:
        """What is wrong with this pool, without a full stop."""
        if self.unknown:
            return (
                f"{self.pool.label} serves through {_names(self.unknown)}, whose health is not known: "
                "DescribeTargetHealth does not mention it"
            )
        return f"{self.pool.label} would fall from {self.now} to {self.left} by losing {_names(self.losing)}"


class Checked(NamedTuple):
    """A guard that has passed.

    :param health: as it was read.
    :param at: when, on the budget's clock.
    """

    health: HealthSnapshot
    at: float


def check_guard(
    before: Snapshot,
    changes: Sequence[Change],
    health: HealthSnapshot,
    minimum: int,
    *,
    count_gains: bool,
    served: Collection[BindingKey] = (),
) -> None:
    """Refuse changes that take too many healthy targets away.

    :param before: what is bound.
    :param changes: what is about to be done.
    :param health: as read just now.
    :param minimum: ``min_healthy``: how many must be left in each pool.
    :param count_gains: count what the changes add as healthy, because it will be waited for.
    :param served: the bindings that were healthy when the guard passed before; the message names those that are not
        any more.
    :raises GuardRefused: which pools would fall to what.
    """
    shortfalls = find_shortfalls(before, changes, health, minimum, count_gains=count_gains)
    if not shortfalls:
        return
    stopped = [
        bound
        for shortfall in shortfalls
        for bound in before.bindings.get(shortfall.pool.key, ())
        if bound.identity in served and not (bound.weight > 0 and health.of(bound).healthy)
    ]
    since = f" Not serving any more since the first check: {_names(stopped)}." if stopped else ""
    raise GuardRefused(
        f"min_healthy is {minimum}, and too few healthy targets of weight above 0 would be left: "
        f"{'; '.join(shortfall.describe() for shortfall in shortfalls)}.{since} "
        "Take fewer at once, add healthy ones first, or lower min_healthy."
    )


def find_shortfalls(
    before: Snapshot, changes: Sequence[Change], health: HealthSnapshot, minimum: int, *, count_gains: bool
) -> list[Shortfall]:
    """The pools that changes would leave with fewer healthy serving targets than allowed.

    Only a pool that loses a serving target which may be healthy is looked at: one that was short before and loses
    nothing does not stop a task.

    :param before: what is bound.
    :param changes: what is about to be done.
    :param health: as read just now.
    :param minimum: how many must be left in each pool.
    :param count_gains: count what the changes add as healthy.
    """
    losing: dict[PoolKey, list[Binding]] = defaultdict(list)
    for change in _losses(changes):
        bound = before.find(change.pool.key, change.backend, change.port)
        if bound is not None and bound.weight > 0 and _may_be_healthy(bound, health):
            losing[change.pool.key].append(bound)
    gained = {change.key for change in changes if _adds_capacity(change)} if count_gains else set()
    pools = {change.pool.key: change.pool for change in changes}
    after = apply_changes(before, pools.values(), changes)
    shortfalls = []
    for key, lost in losing.items():
        serving = [bound for bound in before.bindings.get(key, ()) if bound.weight > 0]
        unknown = tuple(bound for bound in serving if bound.identity not in gained and health.find(bound) is None)
        left = sum(
            1 for bound in after[key] if bound.weight > 0 and (bound.identity in gained or health.of(bound).healthy)
        )
        if unknown or left < minimum:
            now = sum(1 for bound in serving if health.of(bound).healthy)
            shortfalls.append(Shortfall(pools[key], now, left, tuple(lost), unknown))
    return shortfalls


def _losses(changes: Iterable[Change]) -> Iterable[Change]:
    return (change for change in changes if change.loss)


def _may_be_healthy(bound: Binding, health: HealthSnapshot) -> bool:
    found = health.find(bound)
    return found is None or found.healthy or found.in_doubt


def _adds_capacity(change: Change) -> bool:
    if change.kind is ChangeKind.REGISTER:
        return True
    return (
        change.kind is ChangeKind.WEIGHT and not change.loss and change.before is not None and change.before.weight == 0
    )


def healthy_serving(snapshot: Snapshot, health: HealthSnapshot) -> frozenset[BindingKey]:
    """The bindings that get traffic: healthy, and of weight above 0.

    :param snapshot: what is bound.
    :param health: as read just now.
    """
    return frozenset(
        bound.identity for bound in snapshot.all_bindings() if bound.weight > 0 and health.of(bound).healthy
    )


def takes_capacity(changes: Iterable[Change]) -> bool:
    """Whether changes take a target of weight above 0 away, so that health matters.

    :param changes: what is about to be done.
    """
    return any(change.before is not None and change.before.weight > 0 for change in _losses(changes))


def _names(bindings: Sequence[Binding]) -> str:
    return and_more([bound.address_label for bound in bindings], 5)
