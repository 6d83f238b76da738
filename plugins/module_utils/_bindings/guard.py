# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard ``min_healthy``: it decides who gets traffic, refuses losses that leave too few, and fails closed."""

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


class Standing(Enum):
    """The known health of one target of weight above 0."""

    HEALTHY = "healthy"
    SICK = "not healthy"
    STOPPED = "Close, with HealthStatus false"
    IN_DOUBT = "HealthStatus is true, and the detail contradicts it"
    UNMENTIONED = "not in the answer"


_NOT_KNOWN = frozenset({Standing.IN_DOUBT, Standing.UNMENTIONED})


def standing_of(health: Health | None) -> Standing:
    """The standing of a target of weight above 0; None stands for one that the answer does not mention."""
    if health is None:
        return Standing.UNMENTIONED
    if health.healthy:
        return Standing.HEALTHY
    if health.in_doubt:
        return Standing.IN_DOUBT
    return Standing.STOPPED if health.detail == "Close" else Standing.SICK


class Traffic(NamedTuple):
    """The standings of the targets of one listener or rule that get traffic.

    :param sure: of those that do.
    :param possible: of those that may.
    :param not_known: if there are any, no target that gets traffic, or may get some, can be taken.
    :param stopped: the listener is stopped: nobody gets traffic, and nothing has to be kept.
    """

    sure: frozenset[Standing] = frozenset()
    possible: frozenset[Standing] = frozenset()
    not_known: frozenset[Standing] = frozenset()
    stopped: bool = False

    @property
    def counts_sick(self) -> bool:
        """Nobody is healthy, so that the cloud forwards to all."""
        return Standing.SICK in self.sure


def who_gets_traffic(present: Collection[Standing]) -> Traffic:
    """Decide who gets traffic, by the standings of all targets of weight above 0 of one listener or rule.

    The cloud forwards to the healthy ones; where nobody is healthy, to all (vendor's page on health checks). A stopped
    listener answers ``Close`` with ``HealthStatus`` false for each of its targets, and forwards to nobody.
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
    """The guard's decision on a loss.

    :param traffic: who gets traffic before it.
    :param now: the number of these.
    :param left: the number of them that stay.
    :param refused: too few are left, or nobody can know.
    """

    traffic: Traffic
    now: int
    left: int
    refused: bool


def judge(standings: Counter[Standing], lost: Sequence[Standing], minimum: int) -> Verdict:
    """Judge the loss of targets of one listener or rule.

    :param standings: of all its targets of weight above 0.
    """
    # A target that was taken out of a Counter can leave a zero.
    traffic = who_gets_traffic(+standings)
    now = sum(standings[standing] for standing in traffic.sure)
    left = now - sum(standing in traffic.sure for standing in lost)
    takes = any(standing in traffic.sure or standing in traffic.possible for standing in lost)
    return Verdict(traffic, now, left, takes and (bool(traffic.not_known) or left < minimum))


@dataclass(frozen=True, eq=False)
class PoolLoss:
    """A loss of one listener or rule, with the guard's decision.

    :param losing: the targets that get traffic, or may, and that it would lose.
    :param not_known: the targets of weight above 0 and unknown health, with the reason: nothing can be taken.
    """

    pool: Pool
    verdict: Verdict
    losing: tuple[Binding, ...]
    not_known: tuple[str, ...] = ()

    @property
    def counts_sick(self) -> bool:
        """Targets that are not healthy count, because the cloud forwards to them."""
        return self.verdict.traffic.counts_sick

    @property
    def counted(self) -> str:
        """An addition to the number of targets that are left, in messages."""
        return ", counting those that are not healthy" if self.counts_sick else ""

    def describe(self) -> str:
        """The problem with this loss, without a full stop."""
        if self.not_known:
            return f"{self.pool.label} has targets of unknown health: {' and '.join(self.not_known)}"
        why = f" ({_WHY_SICK})" if self.counts_sick else ""
        now, left = self.verdict.now, self.verdict.left
        return f"{self.pool.label} would fall from {now} to {left} by losing {_names(self.losing)}{why}"

    def warn(self) -> str:
        """A warning of a loss that is allowed though targets that are not healthy count."""
        return f"{self.pool.label}: {_WHY_SICK}. Check the health check itself."


_WHY_SICK = (
    "none of its targets of weight above 0 is healthy, so the cloud sends traffic to all of these, "
    "and min_healthy counts each"
)


class Checked(NamedTuple):
    """The health by which the guard has passed, and when that was, on the budget's clock."""

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

    :param minimum: ``min_healthy``: the number of those that get traffic which must be left in each pool.
    :param count_gains: count gains as healthy, because they will be waited for.
    :param fresh: the bindings that this task has just registered: they get nothing until they are healthy.
    :param served: the bindings that got traffic when the guard passed before; the message names those that have
        stopped since.
    :returns: the loss of each pool that loses targets in traffic.
    :raises GuardRefused: too few would be left, or the health of a target is not known.
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
    since = f" No longer in traffic since the first check: {_names(stopped)}." if stopped else ""
    problem = "nobody can tell how many targets would be left in traffic"
    cure = "Run the task again when their health is known, or set min_healthy to 0."
    if not all(loss.not_known for loss in refused):
        problem = "too few targets that get traffic would be left"
        cure = "Take fewer at once, add healthy ones first, or lower min_healthy."
    told = and_more([loss.describe() for loss in refused], separator="; ")
    raise GuardRefused(f"min_healthy is {minimum}, and {problem}: {told}.{since} {cure}")


def find_losses(
    before: Snapshot,
    changes: Sequence[Change],
    health: HealthSnapshot,
    minimum: int,
    *,
    count_gains: bool,
    fresh: Collection[BindingKey] = (),
) -> list[PoolLoss]:
    """The loss of each pool that loses targets which get traffic, or may; for the options see :func:`check_guard`.

    A pool that was short before and loses nothing does not stop a task.
    """
    losing: dict[PoolKey, list[Binding]] = defaultdict(list)
    for change in changes:
        bound = before.find(change.pool.key, change.backend, change.port) if change.loss else None
        if bound is not None:
            losing[change.pool.key].append(bound)
    pools = {change.pool.key: change.pool for change in changes if change.pool.key in losing}
    # A target that is raised from 0 has a known health; a new one counts only where it is waited for.
    gains = [change for change in changes if change.pool.key in losing and _adds_capacity(change, count_gains)]
    gained = {change.key for change in gains}
    fresh, waited_for = (fresh, gained) if count_gains else ({*fresh, *gained}, ())
    found = []
    for key, bindings in apply_changes(before, pools.values(), gains).items():
        members = _members(bindings, health, fresh, waited_for)
        lost = [(bound, members[bound.identity]) for bound in losing[key] if bound.identity in members]
        verdict = judge(Counter(members.values()), [standing for _bound, standing in lost], minimum)
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
    """The standings of all targets of weight above 0; a fresh one gets no traffic before it is healthy."""
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
    was_drained = change.before is not None and change.before.weight == 0
    return was_drained and change.kind is ChangeKind.WEIGHT and not change.loss


def _why_not_known(bindings: Sequence[Binding], health: HealthSnapshot) -> Iterable[str]:
    by_detail: dict[str | None, list[Binding]] = defaultdict(list)
    for bound in bindings:
        found = health.find(bound)
        by_detail[None if found is None else found.detail].append(bound)
    for detail, silent in by_detail.items():
        why = "does not mention it"
        if detail is not None:
            why = f"gives HealthStatus true with the detail '{printable(detail, 40)}', and nobody else is healthy"
        yield f"{_names(silent)} (DescribeTargetHealth {why})"


def all_serving(
    snapshot: Snapshot, health: HealthSnapshot, keys: Iterable[PoolKey], fresh: Collection[BindingKey] = ()
) -> frozenset[BindingKey]:
    """The bindings of some pools that get traffic; ``fresh`` is that of :func:`check_guard`."""
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
    """The pools in which too few get traffic once their losses show, with how many do.

    Targets that are not healthy count only where they did at the check before the losses. One that the answer does not
    mention is no reason to undo a loss: it counts with the health that it had at the check.

    :param health: as read after the losses.
    :param checked: as it was at the check before them.
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
        if left < minimum and not who_gets_traffic(counts).stopped:
            short[loss.pool.key] = left
    return short


def _replace(standing: Standing, members: dict[BindingKey, Standing], before: dict[BindingKey, Standing]) -> None:
    """Give the members of one standing the one that they had before, if they had any."""
    for key in [key for key, now in members.items() if now is standing]:
        members[key] = before.get(key, standing)


def takes_capacity(changes: Iterable[Change]) -> bool:
    """Changes take a target of weight above 0 away, so that health matters."""
    return any(change.loss and change.before is not None and change.before.weight > 0 for change in changes)


def _names(bindings: Sequence[Binding]) -> str:
    return and_more([bound.address_label for bound in bindings])
