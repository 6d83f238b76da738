# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Desired against current: the plan that check mode shows, diff prints and the reconciler carries out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .change import Change, ChangeKind
from .resolve import UnknownName

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .resolve import DesiredBinding, Selection
    from .snapshot import Binding, Pool, PoolKey, Snapshot


@dataclass(frozen=True)
class Plan:
    """Everything that a task will do, in the order in which it will do it.

    :param snapshot: what it was made from.
    :param touched: the pools that the task is about, in the cloud's order.
    :param changes: gains before losses; within them by kind.
    :param desired: the bindings that ``present`` asks for.
    :param warnings: sentences for the user.
    """

    snapshot: Snapshot
    touched: tuple[Pool, ...]
    changes: tuple[Change, ...]
    desired: tuple[DesiredBinding, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def gains(self) -> tuple[Change, ...]:
        """The changes that add or keep capacity."""
        return tuple(change for change in self.changes if not change.loss)

    @property
    def losses(self) -> tuple[Change, ...]:
        """The changes that take capacity away."""
        return tuple(change for change in self.changes if change.loss)


_TAGS_UNKNOWN = (
    "The cloud's answer tells no tags: they are not compared, and a tag of an existing binding is left as it is."
)


def plan_present(desired: Sequence[DesiredBinding], snapshot: Snapshot, *, purge: bool = False) -> Plan:
    """Plan ``state: present``.

    :param desired: resolved in this snapshot.
    :param snapshot: what is bound.
    :param purge: also remove what is bound to the pools of `desired` and not in it.
    """
    registers, weights, tags, removals = [], [], [], []
    touched = {one.pool.key for one in desired}
    kept: set[tuple[PoolKey, str, int]] = set()
    tags_unknown = False
    for one in desired:
        bound = snapshot.find(one.pool.key, one.backend, one.port)
        if bound is None:
            registers.append(Change(ChangeKind.REGISTER, one.pool, one.backend, one.port, one.weight, one.tag))
            continue
        if purge:
            # Under any of its addresses: what answers to the address of a wanted binding is never purged.
            kept.update((one.pool.key, alias, bound.port) for alias in bound.aliases)
        if one.weight is not None and one.weight != bound.weight:
            weights.append(
                Change(ChangeKind.WEIGHT, one.pool, bound.backend, one.port, weight=one.weight, before=bound)
            )
        if one.tag is not None and bound.tag is None:
            tags_unknown = True
        elif one.tag is not None and one.tag != bound.tag:
            tags.append(Change(ChangeKind.TAG, one.pool, bound.backend, one.port, tag=one.tag, before=bound))
    if purge:
        removals = [
            _removal(bound)
            for key in snapshot.pools
            if key in touched
            for bound in snapshot.bindings[key]
            if bound.identity not in kept
        ]
    return Plan(
        snapshot=snapshot,
        touched=tuple(pool for key, pool in snapshot.pools.items() if key in touched),
        changes=(
            *registers,
            *(change for change in weights if not change.loss),
            *tags,
            *(change for change in weights if change.loss),
            *removals,
        ),
        desired=tuple(desired),
        warnings=(_TAGS_UNKNOWN,) if tags_unknown else (),
    )


def _removal(bound: Binding) -> Change:
    return Change(ChangeKind.DEREGISTER, bound.pool, bound.backend, bound.port, before=bound)


def plan_absent(selection: Selection, snapshot: Snapshot) -> Plan:
    """Plan ``state: absent``.

    :param selection: what the selectors matched.
    :param snapshot: what is bound.
    """
    return Plan(
        snapshot,
        selection.touched,
        tuple(_removal(bound) for bound in selection.bindings),
        warnings=(*(f"{sentence} Nothing to do for it." for sentence in selection.unknown), *_tag_warnings(selection)),
    )


def plan_drained(selection: Selection, snapshot: Snapshot) -> Plan:
    """Plan ``state: drained``.

    :param selection: what the selectors matched.
    :param snapshot: what is bound.
    :raises UnknownName: a selector names a listener or rule that does not exist: it can't be drained.
    """
    if selection.unknown:
        raise UnknownName(" ".join(selection.unknown))
    return Plan(
        snapshot,
        selection.touched,
        tuple(
            Change(ChangeKind.WEIGHT, bound.pool, bound.backend, bound.port, weight=0, before=bound)
            for bound in selection.bindings
            if bound.weight != 0
        ),
        warnings=_tag_warnings(selection),
    )


def _tag_warnings(selection: Selection) -> tuple[str, ...]:
    if not selection.tags_unknown:
        return ()
    return ("The cloud's answer tells no tags: selectors with a tag match nothing.",)


def predict(plan: Plan, without: Collection[Change] = ()) -> dict[PoolKey, tuple[Binding, ...]]:
    """Tell what will be bound to the touched pools once a plan is carried out.

    :param plan: which.
    :param without: changes that are not carried out.
    :returns: bindings by pool key.
    """
    left_out = set(without)
    untagged = "" if plan.snapshot.tags_known or not any(plan.snapshot.bindings.values()) else None
    result: dict[PoolKey, dict[tuple[PoolKey, str, int], Binding]] = {
        pool.key: {bound.identity: bound for bound in plan.snapshot.bindings.get(pool.key, ())} for pool in plan.touched
    }
    for change in plan.changes:
        if change in left_out:
            continue
        bindings = result[change.pool.key]
        if change.before is None:
            new = change.as_new(untagged)
            bindings[new.identity] = new
        elif change.kind is ChangeKind.DEREGISTER:
            bindings.pop(change.before.identity, None)
        elif (now := bindings.get(change.before.identity)) is not None:
            bindings[now.identity] = now._replace(
                weight=now.weight if change.weight is None else change.weight,
                tag=now.tag if change.tag is None else change.tag,
            )
    return {key: tuple(bindings.values()) for key, bindings in result.items()}
