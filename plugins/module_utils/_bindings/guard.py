# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who gets traffic, and the guard ``min_healthy``: refuse what would leave too few. Pure, and it fails closed."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from .._base.errors import GuardRefused, and_more, printable
from .change import Change, ChangeKind
from .plan import apply_changes

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from .health import Health, HealthSnapshot
    from .snapshot import Binding, BindingKey, Pool, PoolKey, Snapshot

MAX_SHOWN = 5
"""Listeners and rules, and targets of each, that a message names."""
MAX_DETAIL = 40
"""Characters of a ``HealthStatusDetail`` in messages."""


class Standing(Enum):
    """What is known of the health of one target of weight above 0."""

    HEALTHY = "healthy"
    SICK = "not healthy"
    STOPPED = "Close, with HealthStatus false"
    IN_DOUBT = "HealthStatus is true, and the detail contradicts it"
    UNMENTIONED = "not in the answer"


_NOT_KNOWN = frozenset({Standing.IN_DOUBT, Standing.UNMENTIONED})


def standing_of(health: Health | None) -> Standing:
    """The standing of a target of weight above 0.

    :param health: as the answer gives it; None where the answer does not mention the target.
    """
    if health is None:
        return Standing.UNMENTIONED
    if health.healthy:
        return Standing.HEALTHY
    if health.in_doubt:
        return Standing.IN_DOUBT
    return Standing.STOPPED if health.detail == "Close" else Standing.SICK


class Traffic(NamedTuple):
    """Which targets of one listener or rule get traffic.

    :param sure: the standings of those that do.
    :param possible: the standings of those that may.
    :param not_known: the standings because of which nothing that gets traffic, or may, can be taken.
    :param stopped: whether the listener is stopped: nobody gets traffic, and nothing has to be kept.
    """

    sure: frozenset[Standing] = frozenset()
    possible: frozenset[Standing] = frozenset()
    not_known: frozenset[Standing] = frozenset()
    stopped: bool = False

    @property
    def counts_sick(self) -> bool:
        """Whether nobody is healthy, so that the cloud forwards to all."""
        return Standing.SICK in self.sure


def who_gets_traffic(present: Collection[Standing]) -> Traffic:
    """Tell who of one listener or rule gets traffic.

    Those that are healthy; where nobody is, the cloud forwards to all (vendor's page on health checks). A stopped
    listener answers ``Close`` with ``HealthStatus`` false for each of its targets, and forwards to nobody.

    :param present: the standings of its targets of weight above 0.
    """
    if Standing.HEALTHY in present:
        not_known = frozenset({Standing.UNMENTIONED}.intersection(present))
        return Traffic(frozenset({Standing.HEALTHY}), _NOT_KNOWN, not_known)
    not_known = _NOT_KNOWN.intersection(present)
    if not_known:
        return Traffic(possible=frozenset(Standing), not_known=not_known)
    if Standing.SICK in present:
        # A target that is Close beside one that is not can't tell whether the listener is stopped.
        return Traffic(frozenset({Standing.SICK}), frozenset({Standing.STOPPED}))
    return Traffic(stopped=Standing.STOPPED in present)


class Verdict(NamedTuple):
    """What the guard says to a loss.

    :param traffic: who gets traffic before it.
    :param left: how many of these stay.
    :param refused: whether the loss would leave too few, or nobody can know.
    """

    traffic: Traffic
    now: int
    left: int
    refused: bool


def judge(standings: Counter[Standing], lost: Sequence[Standing], minimum: int) -> Verdict:
    """Judge the loss of targets of one listener or rule.

    :param standings: how many of its targets of weight above 0 have each standing.
    :param lost: the standings of those that would be lost.
    :param minimum: how many of those that get traffic must stay.
    """
    traffic = who_gets_traffic([standing for standing, count in standings.items() if count])
    now = sum(standings[standing] for standing in traffic.sure)
    left = now - sum(standing in traffic.sure for standing in lost)
    takes = any(standing in traffic.sure or standing in traffic.possible for standing in lost)
    return Verdict(traffic, now, left, takes and (bool(traffic.not_known) or left < minimum))


@dataclass(frozen=True, eq=False)
class PoolLoss:
    """What a listener or rule would lose.

    :param verdict: what the guard says to it.
    :param losing: the targets that get traffic, or may, and that it would lose.
    :param not_known: the targets of weight above 0 because of whose health nothing can be taken, with the reason.
    """

    pool: Pool
    verdict: Verdict
    losing: tuple[Binding, ...]
    not_known: tuple[str, ...] = ()

    @property
    def counts_sick(self) -> bool:
        """Whether targets that are not healthy count, because the cloud forwards to them."""
        return self.verdict.traffic.counts_sick

    @property
    def counted(self) -> str:
        """What a count of what is left includes, in messages."""
        return ", counting those that are not healthy" if self.counts_sick else ""

    def describe(self) -> str:
        """What is wrong with this loss, without a full stop."""
        if self.not_known:
            return f"{self.pool.label} serves through {' and '.join(self.not_known)}"
        why = f" ({_WHY_SICK})" if self.counts_sick else ""
        now, left = self.verdict.now, self.verdict.left
        return f"{self.pool.label} would fall from {now} to {left} by losing {_names(self.losing)}{why}"

    def warn(self) -> str:
        """The warning where the loss is allowed, and targets that are not healthy count."""
        return f"{self.pool.label}: {_WHY_SICK}. Check the health check itself."


_WHY_SICK = (
    "none of its targets of weight above 0 is healthy, so the cloud sends traffic to all of these, "
    "and min_healthy counts each"
)


class Checked(NamedTuple):
    """A guard that has passed.

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
    fresh: Collection[BindingKey] = (),
    served: Collection[BindingKey] = (),
) -> list[PoolLoss]:
    """Refuse changes that take too many targets out of traffic.

    :param changes: what is about to be done.
    :param minimum: ``min_healthy``: how many of those that get traffic must be left in each pool.
    :param count_gains: count what the changes add as healthy, because it will be waited for.
    :param fresh: the bindings that this task has just registered: they get nothing until they are healthy.
    :param served: the bindings that got traffic when the guard passed before; the message names those that don't any
        more.
    :returns: what each pool loses, where that gets traffic.
    :raises GuardRefused: which pools would fall to what.
    """
    losses = find_losses(before, changes, health, minimum, count_gains=count_gains, fresh=fresh)
    refused = [loss for loss in losses if loss.verdict.refused]
    if not refused:
        return losses
    serving = all_serving(before, health, [loss.pool.key for loss in refused], fresh)
    stopped = [
        bound
        for loss in refused
        for bound in before.bindings.get(loss.pool.key, ())
        if bound.identity in served and bound.identity not in serving
    ]
    since = f" Not serving any more since the first check: {_names(stopped)}." if stopped else ""
    raise GuardRefused(
        f"min_healthy is {minimum}, and too few targets that get traffic would be left: "
        f"{and_more([loss.describe() for loss in refused], MAX_SHOWN, '; ')}.{since} "
        "Take fewer at once, add healthy ones first, or lower min_healthy."
    )


def find_losses(
    before: Snapshot,
    changes: Sequence[Change],
    health: HealthSnapshot,
    minimum: int,
    *,
    count_gains: bool,
    fresh: Collection[BindingKey] = (),
) -> list[PoolLoss]:
    """What each pool loses of the targets that get traffic, or may, each with the guard's verdict.

    A pool that was short before and loses nothing does not stop a task.

    :param changes: what is about to be done.
    :param minimum: how many must be left in each pool.
    :param count_gains: count what the changes add as healthy.
    :param fresh: the bindings that this task has just registered.
    """
    losing: dict[PoolKey, list[Binding]] = defaultdict(list)
    for change in changes:
        bound = before.find(change.pool.key, change.backend, change.port) if change.loss else None
        if bound is not None and bound.weight > 0:
            losing[change.pool.key].append(bound)
    pools = {change.pool.key: change.pool for change in changes if change.pool.key in losing}
    # What is raised from 0 has a known health; what is registered is known only where it is waited for.
    gains = [change for change in changes if change.pool.key in losing and _adds_capacity(change, count_gains)]
    gained = {change.key for change in gains}
    fresh, waited_for = (fresh, gained) if count_gains else ({*fresh, *gained}, ())
    found = []
    for key, bindings in apply_changes(before, pools.values(), gains).items():
        members = _members(bindings, health, fresh, waited_for)
        lost = [(bound, members[bound.identity]) for bound in losing[key] if bound.identity in members]
        verdict = judge(Counter(members.values()), [standing for dummy, standing in lost], minimum)
        traffic = verdict.traffic
        taken = tuple(bound for bound, standing in lost if standing in traffic.sure | traffic.possible)
        if taken:
            not_known = [bound for bound in bindings if members.get(bound.identity) in traffic.not_known]
            found.append(PoolLoss(pools[key], verdict, taken, tuple(_why_not_known(not_known, health))))
    return found


def _members(
    bindings: Iterable[Binding],
    health: HealthSnapshot,
    fresh: Collection[BindingKey],
    waited_for: Collection[BindingKey] = (),
) -> dict[BindingKey, Standing]:
    """The standings of all targets of weight above 0; what is fresh gets no traffic before it is healthy."""
    members = {}
    for bound in bindings:
        identity = bound.identity
        standing = Standing.HEALTHY if identity in waited_for else standing_of(health.find(bound))
        if bound.weight > 0 and (standing is Standing.HEALTHY or identity not in fresh):
            members[identity] = standing
    return members


def _adds_capacity(change: Change, count_new: bool) -> bool:
    if change.kind is ChangeKind.REGISTER:
        return count_new
    raised = change.kind is ChangeKind.WEIGHT and not change.loss
    return raised and change.before is not None and change.before.weight == 0


def _why_not_known(bindings: Sequence[Binding], health: HealthSnapshot) -> Iterable[str]:
    """Name targets, and say why their health is not known."""
    told = [(bound, health.find(bound)) for bound in bindings]
    silent = [bound for bound, found in told if found is None]
    if silent:
        yield f"{_names(silent)}, whose health is not known: DescribeTargetHealth does not mention it"
    for detail in dict.fromkeys(found.detail for dummy, found in told if found is not None):
        of_detail = [bound for bound, found in told if found is not None and found.detail == detail]
        yield (
            f"{_names(of_detail)}, whose health is not known: DescribeTargetHealth gives HealthStatus true with the "
            f"detail '{printable(detail, MAX_DETAIL)}', and nobody else is healthy"
        )


def all_serving(
    snapshot: Snapshot, health: HealthSnapshot, keys: Iterable[PoolKey], fresh: Collection[BindingKey] = ()
) -> frozenset[BindingKey]:
    """The bindings of some pools that get traffic.

    :param fresh: the bindings that this task has just registered.
    """
    serving: set[BindingKey] = set()
    for key in keys:
        members = _members(snapshot.bindings.get(key, ()), health, fresh)
        sure = who_gets_traffic(set(members.values())).sure
        serving.update(identity for identity, standing in members.items() if standing in sure)
    return frozenset(serving)


def find_short(
    snapshot: Snapshot,
    losses: Iterable[PoolLoss],
    health: HealthSnapshot,
    checked: HealthSnapshot,
    minimum: int,
    fresh: Collection[BindingKey] = (),
) -> dict[PoolKey, int]:
    """The pools in which too few get traffic once losses show, with how many do.

    Those that are not healthy count only where they did at the check before the losses. What the answer does not
    mention is no reason to undo a loss: it counts with the health that it had at the check.

    :param losses: of the pools, as the guard let them pass.
    :param health: as read after the losses.
    :param checked: as it was at the check before them.
    :param fresh: the bindings that this task has registered.
    """
    short = {}
    for loss in losses:
        bindings = snapshot.bindings.get(loss.pool.key, ())
        members, before = _members(bindings, health, fresh), _members(bindings, checked, fresh)
        _replace(Standing.UNMENTIONED, members, before)
        if Standing.HEALTHY not in members.values():
            _replace(Standing.IN_DOUBT, members, before)
        counts = Counter(members.values())
        left = counts[Standing.HEALTHY] + (counts[Standing.SICK] if loss.counts_sick else 0)
        stopped = who_gets_traffic(counts).stopped
        if left < minimum and not stopped:
            short[loss.pool.key] = left
    return short


def _replace(standing: Standing, members: dict[BindingKey, Standing], before: dict[BindingKey, Standing]) -> None:
    """Give the members of one standing the one that they had before, if they had any."""
    for key in [key for key, now in members.items() if now is standing]:
        members[key] = before.get(key, standing)


def takes_capacity(changes: Iterable[Change]) -> bool:
    """Whether changes take a target of weight above 0 away, so that health matters.

    :param changes: what is about to be done.
    """
    return any(change.loss and change.before is not None and change.before.weight > 0 for change in changes)


def _names(bindings: Sequence[Binding]) -> str:
    return and_more([bound.address_label for bound in bindings], MAX_SHOWN)
