# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fill as few calls as possible, and keep what belongs together in one call. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

Item = TypeVar("Item")


@dataclass(frozen=True)
class Limits(Generic[Item]):
    """What fits into one call.

    :param items: how many items.
    :param entries: how many entries; None for no such limit.
    :param entry_size: how many items one entry holds.
    :param entry_of: which entry an item goes to.
    """

    items: int
    entries: int | None = None
    entry_size: int = 1
    entry_of: Callable[[Item], Hashable] = id

    def entries_for(self, items: Sequence[Item]) -> int:
        """How many entries some items take.

        :param items: of one call.
        """
        if self.entries is None:
            return 0
        return sum(-(-count // self.entry_size) for count in Counter(map(self.entry_of, items)).values())


def pack(items: Sequence[Item], group_of: Callable[[Item], Hashable], limits: Limits[Item]) -> list[list[Item]]:
    """Split items into the fewest calls; a group is only split where that saves a call.

    :param items: what to send.
    :param group_of: which group an item belongs to.
    :param limits: of one call.
    :returns: at least one item each.
    """
    groups: dict[Hashable, list[Item]] = {}
    for item in items:
        groups.setdefault(group_of(item), []).append(item)
    ordered = sorted(groups.values(), key=len, reverse=True)
    # Neither order of filling is best for every mix: the tightest fit keeps more groups whole, the roomiest spreads
    # small entries over the calls.
    filled = [_fill(ordered, limits, choose) for choose in (min, max)]
    return min(filled, key=lambda one: (len(one.calls), one.splits)).calls


class _Call(Generic[Item]):
    """A call that is being filled."""

    def __init__(self, limits: Limits[Item]) -> None:
        self._limits = limits
        self.items: list[Item] = []
        self._entries = 0

    def room(self) -> float:
        """The share of this call that is free, by whichever limit is nearer."""
        free = 1 - len(self.items) / self._limits.items
        if self._limits.entries is not None:
            free = min(free, 1 - self._entries / self._limits.entries)
        return free

    def takes(self, items: Sequence[Item]) -> bool:
        """Whether these items fit as well."""
        if len(self.items) + len(items) > self._limits.items:
            return False
        return self._limits.entries is None or self._entries + self._limits.entries_for(items) <= self._limits.entries

    def add(self, items: Sequence[Item]) -> None:
        self.items.extend(items)
        self._entries += self._limits.entries_for(items)

    def take_from(self, items: Sequence[Item]) -> int:
        """Add as many from the front as fit; returns how many."""
        low, high = 0, len(items)
        while low < high:
            middle = (low + high + 1) // 2
            if self.takes(items[:middle]):
                low = middle
            else:
                high = middle - 1
        self.add(items[:low])
        return low


@dataclass(frozen=True)
class _Filled(Generic[Item]):
    calls: list[list[Item]]
    splits: int


def _fill(groups: Sequence[Sequence[Item]], limits: Limits[Item], choose: Callable[..., _Call[Item]]) -> _Filled[Item]:
    """Fill calls, biggest group first; groups that fit nowhere as a whole come last and are split."""
    fewest = -(-sum(map(len, groups)) // limits.items)
    if limits.entries is not None:
        fewest = max(fewest, -(-sum(map(limits.entries_for, groups)) // limits.entries))
    calls = [_Call(limits) for _ in range(fewest)]
    left_over = []
    for group in groups:
        fitting = [call for call in calls if call.takes(group)]
        if fitting:
            choose(fitting, key=_Call.room).add(group)
        else:
            left_over.append(group)
    splits = 0
    for group in left_over:
        start = 0
        while start < len(group):
            taken = max(calls, key=_Call.room).take_from(group[start:])
            if not taken:
                calls.append(_Call(limits))
            start += taken
            splits += 1
    return _Filled([call.items for call in calls if call.items], splits)
