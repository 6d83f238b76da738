# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Desired against current: the plan that check mode shows, diff prints and the reconciler carries out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._base.errors import InvalidArgument
from .change import Change, ChangeKind
from .resolve import UnknownName, resolve_desired
from .selection import select

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from .entries import Entry
    from .resolve import DesiredBinding
    from .selection import Selection
    from .snapshot import Binding, BindingKey, Pool, PoolKey, Snapshot


class Goal(NamedTuple):
    """What a task asks of one load balancer.

    :param entries: of ``targets``, those that apply to this load balancer.
    :param purge: with ``present``: also remove what is bound to the pools that the entries name, and not listed.
    :param lenient: a listener or rule that does not exist is no error and no warning: the entry just doesn't match.
    """

    state: str
    entries: tuple[Entry, ...]
    purge: bool = False
    lenient: bool = False


class Plan(NamedTuple):
    """Everything that a task will do, in the order in which it will do it.

    :param snapshot: what it was made from.
    :param touched: the pools that the task is about, in the cloud's order.
    :param changes: gains before losses; within them by kind.
    :param desired: the bindings that ``present`` asks for.
    :param named: the bindings that an entry names or matches.
    :param unmatched: selectors that match nothing bound and should, as labels.
    :param goal: what it was made for.
    """

    snapshot: Snapshot
    touched: tuple[Pool, ...]
    changes: tuple[Change, ...]
    desired: tuple[DesiredBinding, ...] = ()
    named: frozenset[BindingKey] = frozenset()
    warnings: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()
    goal: Goal = Goal("present", ())

    @property
    def gains(self) -> tuple[Change, ...]:
        """The changes that add or keep capacity."""
        return tuple(change for change in self.changes if not change.loss)

    @property
    def losses(self) -> tuple[Change, ...]:
        """The changes that take capacity away."""
        return tuple(change for change in self.changes if change.loss)


TAGS_UNKNOWN = "The API response contains no tags: tags are not compared, and the tag of an existing binding is kept."


def make_plan(goal: Goal, snapshot: Snapshot) -> Plan:
    """Plan the way from what is bound to what is asked for.

    :raises UnknownName: a listener or rule that is named does not exist.
    :raises InvalidArgument: names are ambiguous or contradict each other.
    """
    if goal.state == "present":
        return plan_present(resolve_desired(goal.entries, snapshot), snapshot, goal)
    selection = select(goal.entries, snapshot)
    if goal.state == "absent":
        return plan_absent(selection, snapshot, goal)
    return plan_drained(selection, snapshot, goal)


def plan_present(desired: Sequence[DesiredBinding], snapshot: Snapshot, goal: Goal) -> Plan:
    """Plan ``state: present``."""
    touched = {wish.pool.key for wish in desired}
    found = [(wish, snapshot.find(wish.pool.key, wish.backend, wish.port)) for wish in desired]
    removals: list[Change] = []
    if goal.purge:
        # Under any of its addresses: what answers to the address of a listed binding is never purged.
        kept = {
            (wish.pool.key, alias, bound.port) for wish, bound in found if bound is not None for alias in bound.aliases
        }
        removals = [
            _removal(bound)
            for key in snapshot.pools
            if key in touched
            for bound in snapshot.bindings[key]
            if bound.identity not in kept
        ]
    changes = [change for wish, bound in found for change in _towards(wish, bound)]
    no_tags = any(wish.tag is not None and bound is not None and bound.tag is None for wish, bound in found)
    return Plan(
        snapshot=snapshot,
        touched=tuple(pool for key, pool in snapshot.pools.items() if key in touched),
        changes=_in_order([*changes, *removals]),
        desired=tuple(desired),
        named=frozenset(bound.identity for _wish, bound in found if bound is not None),
        warnings=(TAGS_UNKNOWN,) if no_tags else (),
        goal=goal,
    )


def _towards(wish: DesiredBinding, bound: Binding | None) -> Iterator[Change]:
    """The changes from what is bound to what one entry asks for."""
    if bound is None:
        yield Change(ChangeKind.REGISTER, wish.pool, wish.backend, wish.port, wish.weight, wish.tag)
        return
    if wish.weight is not None and wish.weight != bound.weight:
        yield Change(ChangeKind.WEIGHT, wish.pool, bound.backend, wish.port, weight=wish.weight, before=bound)
    if wish.tag is not None and bound.tag is not None and wish.tag != bound.tag:
        yield Change(ChangeKind.TAG, wish.pool, bound.backend, wish.port, tag=wish.tag, before=bound)


_ORDER = (
    (False, ChangeKind.REGISTER),
    (False, ChangeKind.WEIGHT),
    (False, ChangeKind.TAG),
    (True, ChangeKind.WEIGHT),
    (True, ChangeKind.DEREGISTER),
)
"""Whether a change is a loss, and its kind: in this order."""


def _in_order(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Gains before losses, within them by kind."""
    return tuple(change for step in _ORDER for change in changes if (change.loss, change.kind) == step)


def _removal(bound: Binding) -> Change:
    return Change(ChangeKind.DEREGISTER, bound.pool, bound.backend, bound.port, before=bound)


def _drain(bound: Binding) -> Change:
    return Change(ChangeKind.WEIGHT, bound.pool, bound.backend, bound.port, weight=0, before=bound)


def plan_absent(selection: Selection, snapshot: Snapshot, goal: Goal) -> Plan:
    """Plan ``state: absent``."""
    unknown = () if goal.lenient else tuple(f"{sentence} Nothing to do for it." for sentence in selection.unknown)
    return Plan(
        snapshot,
        selection.touched,
        tuple(map(_removal, selection.bindings)),
        named=frozenset(bound.identity for bound in selection.bindings),
        warnings=(*unknown, *_tag_warnings(selection)),
        goal=goal,
    )


def plan_drained(selection: Selection, snapshot: Snapshot, goal: Goal) -> Plan:
    """Plan ``state: drained``.

    :raises UnknownName: a selector names a listener or rule that does not exist: it can't be drained.
    """
    if selection.unknown and not goal.lenient:
        raise UnknownName(" ".join(selection.unknown), selection.meant)
    return Plan(
        snapshot,
        selection.touched,
        tuple(_drain(bound) for bound in selection.bindings if bound.weight != 0),
        named=frozenset(bound.identity for bound in selection.bindings),
        warnings=_tag_warnings(selection),
        unmatched=selection.unmatched,
        goal=goal,
    )


def find_unmatched(plans: Collection[Plan]) -> list[str]:
    """Find the selectors that match nothing bound on any load balancer, as labels."""
    labels = dict.fromkeys(label for plan in plans for label in plan.unmatched)
    return [
        label
        for label in labels
        if all(
            label in plan.unmatched
            for plan in plans
            if any(label.startswith(f"targets[{entry.number}]") for entry in plan.goal.entries)
        )
    ]


def _tag_warnings(selection: Selection) -> tuple[str, ...]:
    if not selection.tags_unknown:
        return ()
    return ("The API response contains no tags: selectors with a tag match nothing.",)


class Rest(NamedTuple):
    """What is still missing of a plan, in a newer snapshot.

    :param changes: still to be sent, gains before losses.
    :param gone: changes to listeners or rules that no longer exist.
    :param raised: weights of 0 that somebody else has raised and that this task may not take away again.
    :param rebound: losses that were seen in place and that somebody else has undone since.
    """

    snapshot: Snapshot
    changes: tuple[Change, ...] = ()
    gone: tuple[Change, ...] = ()
    raised: tuple[Change, ...] = ()
    rebound: tuple[Change, ...] = ()

    @property
    def gains(self) -> list[Change]:
        """The changes that add or keep capacity."""
        return [change for change in self.changes if not change.loss]

    @property
    def losses(self) -> list[Change]:
        """The changes that take capacity away."""
        return [change for change in self.changes if change.loss]


def plan_rest(first: Plan, snapshot: Snapshot, finished: Collection[BindingKey]) -> Rest:
    """Compare the goal of a plan with a newer snapshot; names are not resolved again.

    Gains are all that the snapshot shows missing. Losses are only those of the first plan, so that a task never takes
    away what its dry run did not show.

    :param first: the first plan of the task.
    :param finished: bindings whose loss was seen in place.
    """
    changes: list[Change] = []
    gone: list[Change] = []
    raised: list[Change] = []
    rebound: list[Change] = []
    losses = {change.key: change for change in first.losses}
    for wish in first.desired:
        bound = snapshot.find(wish.pool.key, wish.backend, wish.port)
        if wish.pool.key not in snapshot.pools:
            gone.extend(_towards(wish, None))
            continue
        for change in _towards(wish if bound is not None else _as_first_read(wish, first.snapshot), bound):
            if not change.loss:
                changes.append(change)
            elif change.key in finished:
                rebound.append(change)
            elif change.key in losses:
                changes.append(change)
            else:
                raised.append(change)
    for change, bound in _still_matching(first, snapshot):
        again = _removal(bound) if change.kind is ChangeKind.DEREGISTER else _drain(bound)
        (rebound if change.key in finished else changes).append(again)
    return Rest(snapshot, _in_order(changes), tuple(gone), tuple(raised), tuple(rebound))


def _as_first_read(wish: DesiredBinding, snapshot: Snapshot) -> DesiredBinding:
    """What somebody else has unbound comes back with the weight and tag that were first read, where none is given."""
    bound = snapshot.find(wish.pool.key, wish.backend, wish.port)
    if bound is None:
        return wish
    return wish._replace(
        weight=bound.weight if wish.weight is None else wish.weight,
        tag=(bound.tag or None) if wish.tag is None else wish.tag,
    )


def _still_matching(first: Plan, snapshot: Snapshot) -> Iterator[tuple[Change, Binding]]:
    """The losses of selectors and of purge in the first plan that still apply, with their binding now."""
    candidates = [change for change in first.losses if first.goal.state != "present" or _is_removal(change)]
    if not candidates:
        return
    matching = None if first.goal.state == "present" else _selected(first.goal.entries, snapshot)
    for change in candidates:
        bound = snapshot.find(change.pool.key, change.backend, change.port)
        if bound is None or (matching is not None and bound.identity not in matching):
            continue
        if _is_removal(change) or bound.weight != 0:
            yield change, bound


def _is_removal(change: Change) -> bool:
    return change.kind is ChangeKind.DEREGISTER


def _selected(entries: Sequence[Entry], snapshot: Snapshot) -> set[BindingKey]:
    return {bound.identity for bound in select(entries, snapshot).bindings}


def bound_meanwhile(first: Plan, snapshot: Snapshot) -> tuple[Binding, ...]:
    """What others have brought into the scope of the task since the first read: the next run would take it away.

    :param first: the first plan of the task.
    """
    if first.goal.state == "present" and not first.goal.purge:
        return ()
    planned = {change.key for change in first.losses}
    try:
        if first.goal.state == "present":
            again = plan_present(
                [wish for wish in first.desired if wish.pool.key in snapshot.pools], snapshot, first.goal
            )
        else:
            again = make_plan(Goal(first.goal.state, first.goal.entries, lenient=True), snapshot)
    except InvalidArgument:
        # The names contradict each other by now: there is no scope to speak of.
        return ()
    # What `present` lists with weight 0 is in the scope of an entry: its failure is reported, not warned of.
    scope = [change for change in again.losses if first.goal.state != "present" or _is_removal(change)]
    return tuple(change.before for change in scope if change.before is not None and change.key not in planned)


def apply_changes(
    snapshot: Snapshot, pools: Iterable[Pool], changes: Iterable[Change]
) -> dict[PoolKey, tuple[Binding, ...]]:
    """The bindings of some pools once changes are carried out.

    :param pools: those that the changes are about.
    :returns: bindings by pool key.
    """
    untagged = "" if snapshot.tags_known or not any(snapshot.bindings.values()) else None
    result: dict[PoolKey, dict[BindingKey, Binding]] = {
        pool.key: {bound.identity: bound for bound in snapshot.bindings.get(pool.key, ())} for pool in pools
    }
    for change in changes:
        bindings = result[change.pool.key]
        if change.kind is ChangeKind.REGISTER:
            new = change.as_new(untagged)
            bindings[new.identity] = new
            continue
        identity = change.key if change.before is None else change.before.identity
        if change.kind is ChangeKind.DEREGISTER:
            bindings.pop(identity, None)
        elif (bound := bindings.get(identity)) is not None:
            bindings[identity] = bound._replace(
                weight=bound.weight if change.weight is None else change.weight,
                tag=bound.tag if change.tag is None else change.tag,
            )
    return {key: tuple(bindings.values()) for key, bindings in result.items()}


def predict(plan: Plan, without: Collection[Change] = ()) -> dict[PoolKey, tuple[Binding, ...]]:
    """What will be bound to the touched pools once a plan is carried out.

    :param without: changes that are not carried out.
    :returns: bindings by pool key.
    """
    left_out = set(without)
    return apply_changes(plan.snapshot, plan.touched, (change for change in plan.changes if change not in left_out))
