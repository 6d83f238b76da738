# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fill as few calls as possible, and keep the changes of one listener in one call. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from .._api.members import ACTIONS, ENTRIES, ENTRY, TARGETS, Capacity
from .._bindings.change import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def batches(changes: Sequence[Change], capacity: Capacity | None = None) -> list[list[Change]]:
    """Split changes of one kind into as few calls as the limits allow; a listener only where that saves a call.

    :param capacity: the limits; None for those that are documented.
    """
    if not changes:
        return []
    action, capacity = ACTIONS[changes[0].kind], capacity or Capacity()
    most, most_entries, size = capacity.of(action, TARGETS), len(changes), len(changes)
    if changes[0].kind in (ChangeKind.WEIGHT, ChangeKind.TAG):
        most_entries, size = capacity.of(action, ENTRIES), capacity.of(action, ENTRY)
    groups: dict[str, list[Change]] = defaultdict(list)
    for change in changes:
        groups[change.pool.listener_id].append(change)
    entries = sum(_entries(group, size) for group in groups.values())
    fewest = max(-(-len(changes) // most), -(-entries // most_entries))
    calls = [_Call(most, most_entries, size) for _number in range(fewest)]
    left_over: list[list[Change]] = []
    for group in sorted(groups.values(), key=len, reverse=True):
        needed = _entries(group, size)
        fitting = [call for call in calls if call.free >= len(group) and call.free_entries >= needed]
        if fitting:
            min(fitting, key=_Call.room).add(group)
        else:
            left_over.append(group)
    for group in left_over:
        rest = group
        while rest:
            roomiest = max(calls, key=_Call.room)
            count = roomiest.count_fitting(rest)
            if count == 0:
                calls.append(_Call(most, most_entries, size))
            roomiest.add(rest[:count])
            rest = rest[count:]
    return [call.changes for call in calls]


def calls_for(changes: Sequence[Change], capacity: Capacity) -> list[list[Change]]:
    """Split changes into calls, in the order of the plan: each kind by itself, gains before losses."""
    steps: dict[tuple[bool, ChangeKind], list[Change]] = defaultdict(list)
    for change in changes:
        steps[change.loss, change.kind].append(change)
    return [call for step in steps.values() for call in batches(step, capacity)]


class _Call:
    def __init__(self, most: int, most_entries: int, entry_size: int) -> None:
        self.changes: list[Change] = []
        self._most, self._most_entries, self._entry_size = most, most_entries, entry_size
        self.free, self.free_entries = most, most_entries

    def room(self) -> float:
        """The free share of the limit that is nearer."""
        return min(self.free / self._most, self.free_entries / self._most_entries)

    def count_fitting(self, group: Sequence[Change]) -> int:
        """The number of changes from the front that fit."""
        counts: Counter[object] = Counter()
        entries = 0
        for number, change in enumerate(group[: self.free]):
            place = _place_of(change)
            entries += counts[place] % self._entry_size == 0
            counts[place] += 1
            if entries > self.free_entries:
                return number
        return min(len(group), self.free)

    def add(self, group: Sequence[Change]) -> None:
        self.changes.extend(group)
        self.free -= len(group)
        self.free_entries -= _entries(group, self._entry_size)


def _place_of(change: Change) -> object:
    """Changes of one place and value go to one entry of ``ModifyList``."""
    return change.pool.key, change.tag


def _entries(group: Iterable[Change], size: int) -> int:
    return sum(-(-count // size) for count in Counter(map(_place_of, group)).values())
