# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of one load balancer: the changes from what is bound to what a task asks for."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from .._base.errors import InvalidArgument
from .change import Change, ChangeKind
from .resolve import UnknownName, resolve_desired, select

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from .entries import Entry
    from .resolve import DesiredBinding, Selection
    from .snapshot import Binding, BindingKey, Pool, PoolKey, Snapshot


class Goal(NamedTuple):
    """The wish of a task for one load balancer, by the entries that apply to it.

    :param purge: with ``present``: also remove what is bound to the pools that the entries name, and not listed.
    :param lenient: without error or warning for a listener or rule that does not exist: the entry matches nothing.
    """

    state: str
    entries: tuple[Entry, ...]
    purge: bool
    lenient: bool = False


class Plan(NamedTuple):
    """All changes that a task will make, in their order.

    :param touched: the pools that the task is about, in the cloud's order.
    :param changes: gains before losses; within them by kind.
    :param desired: the bindings that ``present`` asks for.
    :param named: the bindings that an entry names or matches.
    :param unmatched: selectors that match nothing bound and should.
    """

    goal: Goal
    snapshot: Snapshot
    touched: tuple[Pool, ...]
    changes: tuple[Change, ...]
    desired: tuple[DesiredBinding, ...] = ()
    named: frozenset[BindingKey] = frozenset()
    warnings: tuple[str, ...] = ()
    unmatched: tuple[Entry, ...] = ()

    @property
    def losses(self) -> tuple[Change, ...]:
        """The changes that take capacity away."""
        return tuple(change for change in self.changes if change.loss)


_NO_TAGS = "The API response contains no tags: tags are not compared, and the tag of an existing binding is kept."


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
        # A listed binding is kept under each of its addresses.
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
        goal=goal,
        snapshot=snapshot,
        touched=tuple(pool for key, pool in snapshot.pools.items() if key in touched),
        changes=_in_order([*changes, *removals]),
        desired=tuple(desired),
        named=frozenset(bound.identity for _wish, bound in found if bound is not None),
        warnings=(_NO_TAGS,) if no_tags else (),
    )


def _towards(wish: DesiredBinding, bound: Binding | None) -> Iterator[Change]:
    if bound is None:
        yield Change(ChangeKind.REGISTER, wish.pool, wish.backend, wish.port, wish.weight, wish.tag)
        return
    if wish.weight is not None and wish.weight != bound.weight:
        yield Change(ChangeKind.WEIGHT, wish.pool, bound.backend, wish.port, weight=wish.weight, before=bound)
    if wish.tag is not None and bound.tag is not None and wish.tag != bound.tag:
        yield Change(ChangeKind.TAG, wish.pool, bound.backend, wish.port, tag=wish.tag, before=bound)


def _in_order(changes: Sequence[Change]) -> tuple[Change, ...]:
    kinds = list(ChangeKind)
    return tuple(sorted(changes, key=lambda change: (change.loss, kinds.index(change.kind))))


def _removal(bound: Binding) -> Change:
    return Change(ChangeKind.DEREGISTER, bound.pool, bound.backend, bound.port, before=bound)


def _drain(bound: Binding) -> Change:
    return Change(ChangeKind.WEIGHT, bound.pool, bound.backend, bound.port, weight=0, before=bound)


def plan_absent(selection: Selection, snapshot: Snapshot, goal: Goal) -> Plan:
    """Plan ``state: absent``."""
    unknown = () if goal.lenient else tuple(f"{sentence} Nothing to do for it." for sentence in selection.unknown)
    return Plan(
        goal,
        snapshot,
        selection.touched,
        tuple(map(_removal, selection.bindings)),
        named=frozenset(bound.identity for bound in selection.bindings),
        warnings=(*unknown, *selection.warnings),
    )


def plan_drained(selection: Selection, snapshot: Snapshot, goal: Goal) -> Plan:
    """Plan ``state: drained``; what does not exist can't be drained.

    :raises UnknownName: a selector names a listener or rule that does not exist: it can't be drained.
    """
    if selection.unknown and not goal.lenient:
        raise UnknownName(" ".join(selection.unknown), selection.meant)
    return Plan(
        goal,
        snapshot,
        selection.touched,
        tuple(_drain(bound) for bound in selection.bindings if bound.weight != 0),
        named=frozenset(bound.identity for bound in selection.bindings),
        warnings=selection.warnings,
        unmatched=selection.unmatched,
    )


def find_unmatched(plans: Collection[Plan]) -> list[str]:
    """The labels of selectors that match nothing bound on any of the load balancers that they apply to."""
    asked = Counter(entry.number for plan in plans for entry in plan.goal.entries)
    unmatched = [entry for plan in plans for entry in plan.unmatched]
    silent = Counter(entry.number for entry in unmatched)
    return list(dict.fromkeys(entry.label for entry in unmatched if silent[entry.number] == asked[entry.number]))


class Remaining(NamedTuple):
    """The part of a plan that is missing in a newer snapshot, and what others have undone of it.

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

    @property
    def held(self) -> dict[Change, Change]:
        """The losses that must wait: for each, a gain on the same listener that is not in place yet."""
        short = {change.pool.listener_id: change for change in (*self.gains, *self.gone)}
        return {loss: short[loss.pool.listener_id] for loss in self.losses if loss.pool.listener_id in short}


# A loss is sent only where the first plan, and so the dry run, shows it.
#
# wanted                   first read       newest read            loss was seen   outcome
#                                                                  in place
# -----------------------  ---------------  ---------------------  --------------  -------------------------------
# anything                 anything         as wanted              -               finished: no change
# bound                    anything         no such listener, rule -               gone
# bound                    not bound        not bound              -               send: register
# bound                    bound            not bound              -               send: register as it was at first
# a weight above 0, a tag  anything         another one            -               send: weight, tag
# weight 0                 weight above 0   weight above 0         no              send: weight 0
# weight 0                 weight above 0   weight above 0         yes             rebound
# weight 0                 0, or not bound  weight above 0         -               raised
# absent, drained, purged  matches          matches                no              send: deregister, weight 0
# absent, drained, purged  matches          matches                yes             rebound
# absent, drained, purged  matches          matches no more        -               finished: no change
# absent, drained, purged  not bound        matches                -               left, see bound_meanwhile
def plan_rest(first: Plan, snapshot: Snapshot, finished: Collection[BindingKey]) -> Remaining:
    """Compare the goal of a task's first plan with a newer snapshot; names are not resolved again.

    :param finished: the bindings whose loss a read has shown.
    """
    changes: list[Change] = []
    gone: list[Change] = []
    raised: list[Change] = []
    rebound: list[Change] = []
    losses = {change.key for change in first.losses}
    for wish in first.desired:
        if wish.pool.key not in snapshot.pools:
            gone.extend(_towards(wish, None))
            continue
        bound = snapshot.find(wish.pool.key, wish.backend, wish.port)
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
    return Remaining(snapshot, _in_order(changes), tuple(gone), tuple(raised), tuple(rebound))


def _as_first_read(wish: DesiredBinding, snapshot: Snapshot) -> DesiredBinding:
    """The wish with the weight and tag that were first read, where none is given."""
    bound = snapshot.find(wish.pool.key, wish.backend, wish.port)
    if bound is None:
        return wish
    return wish._replace(
        weight=bound.weight if wish.weight is None else wish.weight,
        tag=(bound.tag or None) if wish.tag is None else wish.tag,
    )


def _still_matching(first: Plan, snapshot: Snapshot) -> Iterator[tuple[Change, Binding]]:
    """The losses of selectors and of purge in the first plan that still apply, with their binding now."""
    present = first.goal.state == "present"
    candidates = [change for change in first.losses if not present or change.kind is ChangeKind.DEREGISTER]
    matching = None
    if not present:
        # Where the entries no longer resolve, as names have changed meanwhile, the first plan says what matches.
        with suppress(InvalidArgument):
            matching = {bound.identity for bound in select(first.goal.entries, snapshot).bindings}
    for change in candidates:
        bound = snapshot.find(change.pool.key, change.backend, change.port)
        if bound is None or (matching is not None and bound.identity not in matching):
            continue
        if change.kind is ChangeKind.DEREGISTER or bound.weight != 0:
            yield change, bound


def bound_meanwhile(first: Plan, snapshot: Snapshot) -> tuple[Binding, ...]:
    """The bindings that others have brought into the scope of the task since its first plan.

    The next run would take them away.
    """
    present = first.goal.state == "present"
    planned = {change.key for change in first.losses}
    try:
        if present:
            again = plan_present(first.desired, snapshot, first.goal)
        else:
            again = make_plan(first.goal._replace(lenient=True), snapshot)
    except InvalidArgument:
        # The entries no longer resolve, as names have changed meanwhile.
        return ()
    # A weight of 0 that `present` lists is reported where it fails, not warned of.
    scope = [change for change in again.losses if not present or change.kind is ChangeKind.DEREGISTER]
    return tuple(change.before for change in scope if change.before is not None and change.key not in planned)


def apply_changes(
    snapshot: Snapshot, pools: Iterable[Pool], changes: Iterable[Change]
) -> dict[PoolKey, tuple[Binding, ...]]:
    """The bindings of some pools once changes to them are carried out."""
    untagged = "" if snapshot.tags_known or not any(snapshot.bindings.values()) else None
    result: dict[PoolKey, dict[BindingKey, Binding]] = {
        pool.key: {bound.identity: bound for bound in snapshot.bindings.get(pool.key, ())} for pool in pools
    }
    for change in changes:
        bindings = result[change.pool.key]
        if change.kind is ChangeKind.REGISTER:
            new = change.as_new(untagged)
            bindings[new.identity] = new
        elif change.kind is ChangeKind.DEREGISTER:
            bindings.pop(change.key, None)
        elif (bound := bindings.get(change.key)) is not None:
            bindings[change.key] = change.applied_to(bound)
    return {key: tuple(bindings.values()) for key, bindings in result.items()}
