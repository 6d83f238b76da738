# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much one call may hold: as the API documents it, or less where a task has learnt so. Sends nothing."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TARGETS = "targets"
"""Targets in one call."""
ENTRIES = "entries"
"""Entries of ``ModifyList`` in one call."""
ENTRY = "entry"
"""Targets in one entry of ``ModifyList``."""
IDS = "ids"
"""IDs of load balancers or listeners in one call."""

_CHEAPEST_FIRST = (ENTRY, ENTRIES, TARGETS, IDS)
"""Shorter entries take no further call."""
_MODIFY = {TARGETS: 500, ENTRIES: 100, ENTRY: 50}
DOCUMENTED: dict[str, dict[str, int]] = {
    "BatchRegisterTargets": {TARGETS: 500},
    "BatchDeregisterTargets": {TARGETS: 500},
    "BatchModifyTargetWeight": _MODIFY,
    # For tags no limit of entries is documented.
    "BatchModifyTargetTag": {**_MODIFY, ENTRIES: 500},
    "DescribeTargets": {IDS: 20},
    "DescribeListeners": {IDS: 100},
    "DescribeTargetHealth": {IDS: 30},
    "DescribeLoadBalancers": {IDS: 20},
}
"""Action -> its limits, from the vendor's pages."""


class Capacity:
    """The limits of one task's calls. They only fall. Threads may share one."""

    def __init__(self) -> None:
        self._limits = {action: dict(limits) for action, limits in DOCUMENTED.items()}
        self._accepted: dict[str, dict[str, int]] = defaultdict(dict)
        self._lock = threading.Lock()

    def of(self, action: str, part: str) -> int:
        """The most that one call holds."""
        return self._limits[action][part]

    def accept(self, action: str, sizes: Mapping[str, int]) -> None:
        """Remember how large a call was that the API accepted."""
        with self._lock:
            largest = self._accepted[action]
            for part, size in sizes.items():
                largest[part] = max(size, largest.get(part, 0))

    def is_new(self, action: str, sizes: Mapping[str, int]) -> bool:
        """Whether a call is larger than all that were accepted, so that its size can be why it is refused."""
        return any(size > self._accepted[action].get(part, 0) for part, size in sizes.items())

    def learn(self, action: str, sizes: Mapping[str, int]) -> None:
        """Learn a limit: a call was refused for its length, and each half of it was accepted alone.

        Where several limits can be the reason, the one that the call came nearest to counts; if that is wrong, the next
        call shows it.
        """
        with self._lock:
            beyond = {part: size for part, size in sizes.items() if size > self._accepted[action].get(part, 0)}
            if beyond:
                part = self.nearest(action, beyond)
                largest = max(1, self._accepted[action].get(part, 0))
                self._limits[action][part] = min(self._limits[action][part], largest)

    def nearest(self, action: str, sizes: Mapping[str, int]) -> str:
        """The documented limit that a call comes nearest to; of equal ones, the one that costs least to keep below."""
        return max(
            (part for part in _CHEAPEST_FIRST if part in sizes), key=lambda part: sizes[part] / DOCUMENTED[action][part]
        )

    def halve(self, action: str, part: str, size: int) -> None:
        """Halve a limit: a call with this many was refused for its length.

        :param size: how many the call held.
        """
        with self._lock:
            self._limits[action][part] = min(self._limits[action][part], max(1, (size + 1) // 2))
