# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fill as few calls as possible, and keep what belongs together in one call. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from .._api.capacity import ENTRIES, ENTRY, TARGETS, Capacity
from .._api.members import ACTIONS
from .._bindings.change import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

Item = TypeVar("Item")


@dataclass(frozen=True)
class Limits(Generic[Item]):
    """What fits into one call.

    :param entries: how many entries; None for no such limit.
    :param entry_size: how many items one entry holds.
    :param entry_of: which entry an item goes to.
    """

    items: int
    entries: int | None = None
    entry_size: int = 1
    entry_of: Callable[[Item], Hashable] = id

    def entries_for(self, items: Sequence[Item]) -> int:
        """How many entries some items take; 0 where entries are not limited."""
        if self.entries is None:
            return 0
        return sum(-(-count // self.entry_size) for count in Counter(map(self.entry_of, items)).values())


def pack(items: Sequence[Item], group_of: Callable[[Item], Hashable], limits: Limits[Item]) -> list[list[Item]]:
    """Split items into the fewest calls; a group is only split where that saves a call.

    :param group_of: which group an item belongs to.
    :returns: at least one item each.
    """
    by_group: dict[Hashable, list[Item]] = defaultdict(list)
    for item in items:
        by_group[group_of(item)].append(item)
    groups = [_Group(group, limits.entries_for(group)) for group in by_group.values()]
    groups.sort(key=lambda group: len(group.items), reverse=True)
    # Neither order of filling is best for every mix: the tightest fit keeps more groups whole, the roomiest spreads
    # small entries over the calls.
    filled = [_Filling(limits, choose).fill(groups) for choose in (min, max)]
    return min(filled, key=lambda packing: (len(packing.calls), packing.splits)).calls


@dataclass(frozen=True)
class _Group(Generic[Item]):
    items: Sequence[Item]
    entries: int


@dataclass(frozen=True)
class _Filled(Generic[Item]):
    calls: list[list[Item]]
    splits: int


@dataclass
class _Call(Generic[Item]):
    free_items: int
    free_entries: int
    items: list[Item] = field(default_factory=list)


class _Filling(Generic[Item]):
    """Calls that are being filled, biggest group first; groups that fit nowhere as a whole come last and are split.

    Calls with the same room are interchangeable, so that a place is sought among rooms and not among calls.
    """

    def __init__(self, limits: Limits[Item], choose: Callable[..., tuple[int, int]]) -> None:
        self._limits = limits
        self._choose = choose
        self._by_room: dict[tuple[int, int], list[_Call[Item]]] = defaultdict(list)
        self._calls: list[_Call[Item]] = []

    def fill(self, groups: Sequence[_Group[Item]]) -> _Filled[Item]:
        fewest = -(-sum(len(group.items) for group in groups) // self._limits.items)
        if self._limits.entries is not None:
            fewest = max(fewest, -(-sum(group.entries for group in groups) // self._limits.entries))
        for _number in range(fewest):
            self._open()
        left_over = [group for group in groups if not self._place(group)]
        splits = sum(self._split(group.items) for group in left_over)
        return _Filled([call.items for call in self._calls if call.items], splits)

    def _open(self) -> None:
        call = _Call[Item](self._limits.items, self._limits.entries or 0)
        self._calls.append(call)
        self._by_room[call.free_items, call.free_entries].append(call)

    def _share(self, room: tuple[int, int]) -> float:
        """The share of a call that is free, by whichever limit is nearer."""
        free = room[0] / self._limits.items
        return free if self._limits.entries is None else min(free, room[1] / self._limits.entries)

    def _place(self, group: _Group[Item]) -> bool:
        """Put a group as a whole where it fits."""
        rooms = [room for room in self._by_room if room[0] >= len(group.items) and room[1] >= group.entries]
        if not rooms:
            return False
        self._add(self._choose(rooms, key=self._share), group.items, group.entries)
        return True

    def _add(self, room: tuple[int, int], items: Sequence[Item], entries: int) -> None:
        call = self._by_room[room].pop()
        if not self._by_room[room]:
            del self._by_room[room]
        call.items.extend(items)
        call.free_items -= len(items)
        call.free_entries -= entries
        self._by_room[call.free_items, call.free_entries].append(call)

    def _split(self, items: Sequence[Item]) -> int:
        """Put a group into the calls with most room, part by part; returns the number of parts."""
        parts = 0
        while items:
            room = max(self._by_room, key=self._share)
            count = self._most(items, room)
            if not count:
                self._open()
                continue
            self._add(room, items[:count], self._limits.entries_for(items[:count]))
            items = items[count:]
            parts += 1
        return parts

    def _most(self, items: Sequence[Item], room: tuple[int, int]) -> int:
        """How many items from the front fit."""
        low, high = 0, min(len(items), room[0])
        while low < high:
            middle = (low + high + 1) // 2
            if self._limits.entries_for(items[:middle]) <= room[1]:
                low = middle
            else:
                high = middle - 1
        return low


def batches(changes: Sequence[Change], capacity: Capacity | None = None) -> list[list[Change]]:
    """Split changes of one kind into the calls that they take: as few as the limits allow.

    :param capacity: the limits; None for those that are documented.
    """
    if not changes:
        return []
    capacity = capacity or Capacity()
    kind = changes[0].kind
    action = ACTIONS[kind]
    limits = Limits[Change](capacity.of(action, TARGETS))
    if kind in (ChangeKind.WEIGHT, ChangeKind.TAG):
        limits = Limits(
            limits.items,
            capacity.of(action, ENTRIES),
            capacity.of(action, ENTRY),
            lambda change: (change.pool.key, change.tag),
        )
    return pack(changes, lambda change: change.pool.listener_id, limits)
