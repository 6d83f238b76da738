# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes as the parameters of a write, and how much one call may hold. Sends nothing.

The limits are those that the API documents, or lower ones that a task has learnt.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from .._bindings.change import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ACTIONS = {
    ChangeKind.REGISTER: "BatchRegisterTargets",
    ChangeKind.WEIGHT: "BatchModifyTargetWeight",
    ChangeKind.TAG: "BatchModifyTargetTag",
    ChangeKind.DEREGISTER: "BatchDeregisterTargets",
}
"""The action that makes changes of a kind."""

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
        """True for a call larger than all that were accepted: its size can be why it is refused."""
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
        """Halve a limit: a call with this many was refused for its length."""
        with self._lock:
            self._limits[action][part] = min(self._limits[action][part], max(1, (size + 1) // 2))


def members_of(changes: Sequence[Change], capacity: Capacity) -> dict[str, list[dict[str, Any]]]:
    """The parameter of a write that holds its changes: ``Targets`` or ``ModifyList``."""
    kind = changes[0].kind
    if kind in (ChangeKind.REGISTER, ChangeKind.DEREGISTER):
        return {"Targets": [_batch_target(change) for change in changes]}
    return {"ModifyList": list(_modify_list(kind, changes, capacity.of(ACTIONS[kind], ENTRY)))}


def sizes_of(members: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """The size of a call, in each part that the API limits."""
    if "Targets" in members:
        return {TARGETS: len(members["Targets"])}
    counts = [len(entry["Targets"]) for entry in members["ModifyList"]]
    return {TARGETS: sum(counts), ENTRIES: len(counts), ENTRY: max(counts)}


def _target(change: Change) -> dict[str, Any]:
    backend = change.backend
    address = {"InstanceId": backend.instance_id} if backend.instance_id else {"EniIp": backend.eni_ip}
    return {**address, "Port": change.port}


def _batch_target(change: Change) -> dict[str, Any]:
    target = {"ListenerId": change.pool.listener_id, **_target(change)}
    if change.pool.location_id is not None:
        target["LocationId"] = change.pool.location_id
    if change.kind is ChangeKind.REGISTER:
        if change.weight is not None:
            target["Weight"] = change.weight
        if change.tag:
            target["Tag"] = change.tag
    return target


def _modify_list(kind: ChangeKind, changes: Iterable[Change], most: int) -> Iterator[dict[str, Any]]:
    """Entries of ``ModifyList``: one place and value each, of so many targets at most."""
    groups: dict[tuple[str, str | None, str | None], list[dict[str, Any]]] = {}
    for change in changes:
        # An empty tag on a target falls back to the entry's tag (vendor's model RsTagRule), so the entry says it too.
        value = {"Weight": change.weight} if kind is ChangeKind.WEIGHT else {"Tag": change.tag}
        groups.setdefault((*change.pool.key, change.tag), []).append({**_target(change), **value})
    for (listener_id, location_id, tag), targets in groups.items():
        for start in range(0, len(targets), most):
            entry: dict[str, Any] = {"ListenerId": listener_id, "Targets": targets[start : start + most]}
            if location_id is not None:
                entry["LocationId"] = location_id
            if kind is ChangeKind.TAG:
                entry["Tag"] = tag
            yield entry
