# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes as the parameters of a write. Sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._bindings.change import Change, ChangeKind
from .capacity import ENTRIES, ENTRY, TARGETS, Capacity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ACTIONS = {
    ChangeKind.REGISTER: "BatchRegisterTargets",
    ChangeKind.WEIGHT: "BatchModifyTargetWeight",
    ChangeKind.TAG: "BatchModifyTargetTag",
    ChangeKind.DEREGISTER: "BatchDeregisterTargets",
}
"""The action that makes changes of a kind."""


def members_of(changes: Sequence[Change], capacity: Capacity) -> dict[str, list[dict[str, Any]]]:
    """The parameter of a write that holds its changes: ``Targets`` or ``ModifyList``.

    :param capacity: how long an entry may be.
    """
    kind = changes[0].kind
    if kind in (ChangeKind.REGISTER, ChangeKind.DEREGISTER):
        return {"Targets": [_batch_target(change) for change in changes]}
    return {"ModifyList": list(_modify_list(kind, changes, capacity.of(ACTIONS[kind], ENTRY)))}


def sizes_of(members: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, int]:
    """How large a call is, in each part that the API limits."""
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
        target = {
            **_target(change),
            **({"Weight": change.weight} if kind is ChangeKind.WEIGHT else {"Tag": change.tag}),
        }
        groups.setdefault((*change.pool.key, change.tag), []).append(target)
    for (listener_id, location_id, tag), targets in groups.items():
        for start in range(0, len(targets), most):
            entry: dict[str, Any] = {"ListenerId": listener_id, "Targets": targets[start : start + most]}
            if location_id is not None:
                entry["LocationId"] = location_id
            if kind is ChangeKind.TAG:
                entry["Tag"] = tag
            yield entry
