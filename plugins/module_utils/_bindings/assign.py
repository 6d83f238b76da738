# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which entry of ``targets`` belongs to which of several load balancers. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .entries import Entry
    from .snapshot import Snapshot


class Assignment(NamedTuple):
    """The entries of each load balancer.

    :param entries: by load balancer ID, in their own order; empty where none applies.
    :param unknown: a sentence for each entry whose listener or rule ID no load balancer has.
    :param lacking: the same for each entry with a load balancer of its own, which lacks that ID.
    """

    entries: dict[str, tuple[Entry, ...]]
    unknown: tuple[str, ...]
    lacking: tuple[str, ...]


def may_apply(entries: Iterable[Entry], load_balancer_id: str) -> list[Entry]:
    """The entries that can be about a load balancer, as far as that is known before it is read."""
    return [entry for entry in entries if entry.load_balancer_id in (None, load_balancer_id)]


def assign(entries: Sequence[Entry], snapshots: Mapping[str, Snapshot]) -> Assignment:
    """Give each entry to the load balancers that it is about.

    An entry with a load balancer ID belongs there. One with a listener or rule ID belongs to the load balancer that
    has it. Any other holds for every load balancer.

    :param snapshots: what is bound, by load balancer ID.
    """
    owners: dict[str, list[str]] = {}
    for load_balancer_id, snapshot in snapshots.items():
        for listener_id in snapshot.listeners:
            owners.setdefault(listener_id, []).append(load_balancer_id)
        for pool in snapshot.pools.values():
            if pool.location_id is not None:
                owners.setdefault(pool.location_id, []).append(load_balancer_id)
    assigned: dict[str, list[Entry]] = {load_balancer_id: [] for load_balancer_id in snapshots}
    unknown: list[str] = []
    lacking: list[str] = []
    for entry in entries:
        place, own = entry.place, entry.load_balancer_id
        identity = place.location_id or place.listener_id
        kind = "listener" if place.location_id is None else "rule"
        there = list(snapshots) if identity is None else owners.get(identity, [])
        if identity is not None and own is None and not there:
            unknown.append(f"targets[{entry.number}]: none of the load balancers has a {kind} {identity!r}.")
        if identity is not None and own in snapshots and own not in there:
            lacking.append(f"targets[{entry.number}]: {own} has no {kind} {identity!r}.")
        belongs = there if own is None else [own] if own in snapshots else []
        for load_balancer_id in belongs:
            assigned[load_balancer_id].append(entry)
    return Assignment(
        {load_balancer_id: tuple(chosen) for load_balancer_id, chosen in assigned.items()},
        tuple(unknown),
        tuple(lacking),
    )
