# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Desired against current: the plan that check mode shows, diff prints and the reconciler carries out. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from .._errors import GuardRefused
from .resolve import UnknownName
from .snapshot import DEFAULT_WEIGHT, Backend, Binding, HealthPicture, Picture, Slot, SlotKey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .resolve import Selection, Wanted


class Kind(Enum):
    """What a change does to a binding."""

    REGISTER = "register"
    WEIGHT = "weight"
    TAG = "tag"
    DEREGISTER = "deregister"


@dataclass(frozen=True, eq=False)
class Change:
    """One write to one binding; two changes are never equal, so that each has its own fate.

    :param kind: what it does.
    :param slot: where.
    :param backend: how the call addresses the backend.
    :param port: the backend's port.
    :param weight: to set; None where none was asked for.
    :param tag: to set, empty to clear; None where none was asked for.
    :param before: the binding as it is; None for a new one.
    """

    kind: Kind
    slot: Slot
    backend: Backend
    port: int
    weight: int | None = None
    tag: str | None = None
    before: Binding | None = None

    @property
    def loss(self) -> bool:
        """Whether it takes capacity away: a weight set to 0, or a removal."""
        return self.kind is Kind.DEREGISTER or (self.kind is Kind.WEIGHT and self.weight == 0)

    def in_place(self, picture: Picture) -> bool:
        """Tell whether a picture shows what this change asks for.

        :param picture: read at any time.
        """
        found = picture.find(self.slot.key, self.backend, self.port)
        if self.kind is Kind.DEREGISTER:
            return found is None
        if found is None:
            return False
        if self.weight is not None and found.weight != self.weight:
            return False
        # Where the cloud tells no tags there is nothing to compare with.
        return self.tag is None or found.tag is None or found.tag == self.tag

    def made_otherwise(self, picture: Picture) -> bool:
        """Tell whether a binding that this change was to make is there with another weight or tag.

        :param picture: read after the change was sent.
        """
        if self.kind is not Kind.REGISTER or self.in_place(picture):
            return False
        return picture.find(self.slot.key, self.backend, self.port) is not None

    def as_new(self, tag: str | None) -> Binding:
        """The binding that a registration makes.

        :param tag: what a binding has that was given no tag.
        """
        return Binding(
            slot=self.slot,
            backend=self.backend,
            port=self.port,
            weight=DEFAULT_WEIGHT if self.weight is None else self.weight,
            tag=tag if self.tag is None else self.tag,
            aliases=(self.backend.address,),
        )


@dataclass(frozen=True)
class Plan:
    """Everything that a task will do, in the order in which it will do it.

    :param picture: what it was made from.
    :param touched: the slots that the task is about, in the cloud's order.
    :param changes: gains before losses; within them by kind.
    :param wanted: the bindings that ``present`` asks for.
    :param warnings: sentences for the user.
    """

    picture: Picture
    touched: tuple[Slot, ...]
    changes: tuple[Change, ...]
    wanted: tuple[Wanted, ...] = ()
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


def plan_present(wanted: Sequence[Wanted], picture: Picture, *, purge: bool = False) -> Plan:
    """Plan ``state: present``.

    :param wanted: resolved in this picture.
    :param picture: what is bound.
    :param purge: also remove what is bound to the slots of `wanted` and not in it.
    """
    registers, weights, tags, removals = [], [], [], []
    touched = {one.slot.key for one in wanted}
    kept: set[tuple[SlotKey, str, int]] = set()
    tags_unknown = False
    for one in wanted:
        bound = picture.find(one.slot.key, one.backend, one.port)
        if bound is None:
            registers.append(Change(Kind.REGISTER, one.slot, one.backend, one.port, one.weight, one.tag))
            continue
        if purge:
            # Under any of its addresses: what answers to the address of a wanted binding is never purged.
            kept.update((one.slot.key, alias, bound.port) for alias in bound.aliases)
        if one.weight is not None and one.weight != bound.weight:
            weights.append(Change(Kind.WEIGHT, one.slot, bound.backend, one.port, weight=one.weight, before=bound))
        if one.tag is not None and bound.tag is None:
            tags_unknown = True
        elif one.tag is not None and one.tag != bound.tag:
            tags.append(Change(Kind.TAG, one.slot, bound.backend, one.port, tag=one.tag, before=bound))
    if purge:
        removals = [
            _removal(bound)
            for key in picture.slots
            if key in touched
            for bound in picture.bindings[key]
            if bound.identity not in kept
        ]
    return Plan(
        picture=picture,
        touched=tuple(slot for key, slot in picture.slots.items() if key in touched),
        changes=(
            *registers,
            *(change for change in weights if not change.loss),
            *tags,
            *(change for change in weights if change.loss),
            *removals,
        ),
        wanted=tuple(wanted),
        warnings=(_TAGS_UNKNOWN,) if tags_unknown else (),
    )


def _removal(bound: Binding) -> Change:
    return Change(Kind.DEREGISTER, bound.slot, bound.backend, bound.port, before=bound)


def plan_absent(selection: Selection, picture: Picture) -> Plan:
    """Plan ``state: absent``.

    :param selection: what the selectors matched.
    :param picture: what is bound.
    """
    return Plan(
        picture,
        selection.touched,
        tuple(_removal(bound) for bound in selection.bindings),
        warnings=(*(f"{sentence} Nothing to do for it." for sentence in selection.unknown), *_tag_warnings(selection)),
    )


def plan_drained(selection: Selection, picture: Picture) -> Plan:
    """Plan ``state: drained``.

    :param selection: what the selectors matched.
    :param picture: what is bound.
    :raises UnknownName: a selector names a listener or rule that does not exist: it can't be drained.
    """
    if selection.unknown:
        raise UnknownName(" ".join(selection.unknown))
    return Plan(
        picture,
        selection.touched,
        tuple(
            Change(Kind.WEIGHT, bound.slot, bound.backend, bound.port, weight=0, before=bound)
            for bound in selection.bindings
            if bound.weight != 0
        ),
        warnings=_tag_warnings(selection),
    )


def _tag_warnings(selection: Selection) -> tuple[str, ...]:
    if not selection.tags_unknown:
        return ()
    return ("The cloud's answer tells no tags: selectors with a tag match nothing.",)


def predict(plan: Plan, without: Collection[Change] = ()) -> dict[SlotKey, tuple[Binding, ...]]:
    """Tell what will be bound to the touched slots once a plan is carried out.

    :param plan: which.
    :param without: changes that are not carried out.
    :returns: bindings by slot key.
    """
    left_out = set(without)
    untagged = "" if plan.picture.tags_known or not any(plan.picture.bindings.values()) else None
    result: dict[SlotKey, dict[tuple[SlotKey, str, int], Binding]] = {
        slot.key: {bound.identity: bound for bound in plan.picture.bindings.get(slot.key, ())} for slot in plan.touched
    }
    for change in plan.changes:
        if change in left_out:
            continue
        bindings = result[change.slot.key]
        if change.before is None:
            new = change.as_new(untagged)
            bindings[new.identity] = new
        elif change.kind is Kind.DEREGISTER:
            bindings.pop(change.before.identity, None)
        elif (now := bindings.get(change.before.identity)) is not None:
            bindings[now.identity] = now._replace(
                weight=now.weight if change.weight is None else change.weight,
                tag=now.tag if change.tag is None else change.tag,
            )
    return {key: tuple(bindings.values()) for key, bindings in result.items()}


class Shortfall(NamedTuple):
    """A slot that would be left with too few healthy targets of weight above 0.

    :param slot: which.
    :param now: how many it has.
    :param left: how many it would have.
    :param losing: the healthy ones it would lose.
    """

    slot: Slot
    now: int
    left: int
    losing: tuple[Binding, ...]


def check_guard(plan: Plan, health: HealthPicture, min_healthy: int, *, count_gains: bool) -> None:
    """Refuse a plan that takes too many healthy targets away.

    Only a slot that loses a healthy target of weight above 0 is looked at: one that was short before and loses nothing
    does not stop a task.

    :param plan: what is about to be done, or what is left of it.
    :param health: as read just now.
    :param min_healthy: how many must be left in each slot.
    :param count_gains: count what the plan adds as healthy, because it will be waited for.
    :raises GuardRefused: which slots would fall to what.
    """
    shortfalls = find_shortfalls(plan, health, min_healthy, count_gains=count_gains)
    if shortfalls:
        told = "; ".join(
            f"{one.slot.label} would fall from {one.now} to {one.left} by losing {_some(one.losing)}"
            for one in shortfalls
        )
        raise GuardRefused(
            f"min_healthy is {min_healthy}, and too few healthy targets of weight above 0 would be left: {told}. "
            "Take fewer at once, add healthy ones first, or lower min_healthy."
        )


def find_shortfalls(plan: Plan, health: HealthPicture, min_healthy: int, *, count_gains: bool) -> list[Shortfall]:
    """The slots that a plan would leave with fewer healthy serving targets than allowed.

    :param plan: what is about to be done.
    :param health: as read just now.
    :param min_healthy: how many must be left in each slot.
    :param count_gains: count what the plan adds as healthy.
    """
    losing: dict[SlotKey, list[Binding]] = defaultdict(list)
    for change in plan.losses:
        if change.before is not None and change.before.weight > 0 and health.of(change.before).healthy:
            losing[change.slot.key].append(change.before)
    if not losing:
        return []
    gained = {
        (change.slot.key, change.backend.address, change.port)
        for change in plan.gains
        if change.kind is Kind.REGISTER
        or (change.kind is Kind.WEIGHT and change.before is not None and change.before.weight == 0)
    }
    after = predict(plan)
    shortfalls = []
    for slot in plan.touched:
        if slot.key not in losing:
            continue
        left = sum(
            1
            for binding in after[slot.key]
            if binding.weight > 0 and (health.of(binding).healthy or (count_gains and binding.identity in gained))
        )
        if left < min_healthy:
            now = sum(1 for one in plan.picture.bindings.get(slot.key, ()) if one.weight > 0 and health.of(one).healthy)
            shortfalls.append(Shortfall(slot, now, left, tuple(losing[slot.key])))
    return shortfalls


def takes_capacity(plan: Plan) -> bool:
    """Whether a plan takes a target of weight above 0 away, so that health matters.

    :param plan: which.
    """
    return any(change.before is not None and change.before.weight > 0 for change in plan.losses)


def _some(bindings: Sequence[Binding]) -> str:
    shown = ", ".join(f"{one.backend.address}:{one.port}" for one in bindings[:5])
    return shown + (f" and {len(bindings) - 5} more" if len(bindings) > 5 else "")


class SlotCounts(NamedTuple):
    """What happened in one slot, counted.

    :param registered: new bindings.
    :param modified: bindings whose weight or tag changed.
    :param deregistered: removed bindings.
    """

    registered: int
    modified: int
    deregistered: int


def count_by_slot(changes: Iterable[Change]) -> Mapping[SlotKey, SlotCounts]:
    """Count changes by slot; a binding whose weight and tag both change counts once.

    :param changes: those that took effect.
    """
    registered: Counter[SlotKey] = Counter()
    deregistered: Counter[SlotKey] = Counter()
    modified: dict[SlotKey, set[tuple[str, int]]] = defaultdict(set)
    for change in changes:
        if change.kind is Kind.REGISTER:
            registered[change.slot.key] += 1
        elif change.kind is Kind.DEREGISTER:
            deregistered[change.slot.key] += 1
        else:
            modified[change.slot.key].add((change.backend.address, change.port))
    keys = registered.keys() | deregistered.keys() | modified.keys()
    return {key: SlotCounts(registered[key], len(modified[key]), deregistered[key]) for key in keys}
