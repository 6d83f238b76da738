# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load balancers that each entry of ``targets`` belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._base.errors import shown_value
from .entries import raise_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .entries import Entry
    from .snapshot import Snapshot


class Assignment(NamedTuple):
    """The entries of each load balancer.

    :param entries: by load balancer ID, in their own order; empty where none applies.
    :param unknown: a sentence for each entry with a listener or rule ID that no load balancer has.
    :param lacking: a sentence for each entry that names a load balancer without that listener or rule ID.
    """

    entries: dict[str, tuple[Entry, ...]]
    unknown: tuple[str, ...]
    lacking: tuple[str, ...]


def may_apply(entries: Iterable[Entry], load_balancer_id: str) -> list[Entry]:
    """The entries that can be about a load balancer, before it is read."""
    return [entry for entry in entries if entry.load_balancer_id in (None, load_balancer_id)]


def assign(entries: Sequence[Entry], snapshots: Mapping[str, Snapshot]) -> Assignment:
    """Give each entry to its load balancer: the one that it names, else the one that has its listener or rule ID.

    An entry without any of these holds for every load balancer.
    """
    owners: dict[str | None, list[str]] = {}
    for load_balancer_id, snapshot in snapshots.items():
        for identity in (*snapshot.listeners, *(pool.location_id for pool in snapshot.pools.values())):
            owners.setdefault(identity, []).append(load_balancer_id)
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


def names_to_check(entries: Iterable[Entry], chosen: Mapping[str, str | None]) -> tuple[str, ...]:
    """The IDs of the load balancers whose names must be read before :func:`check_belonging`.

    :param chosen: the names of the task's load balancers by ID; None where a name is not known.
    """
    named = [entry for entry in entries if entry.load_balancer_name is not None]
    own = {entry.load_balancer_id for entry in named}
    return tuple(
        load_balancer_id
        for load_balancer_id, name in chosen.items()
        if name is None and (load_balancer_id in own or (named and len(chosen) == 1))
    )


def check_belonging(entries: Iterable[Entry], chosen: Mapping[str, str | None], region: str) -> None:
    """Check that the names and regions beside the IDs of entries are those of the task's load balancers.

    :raises InvalidArgument: an entry contradicts them.
    """
    found = [(entry.number, _find_contradiction(entry, chosen, region)) for entry in entries]
    raise_all([f"targets[{number}]: {problem}" for number, problem in found if problem])


def _find_contradiction(entry: Entry, chosen: Mapping[str, str | None], region: str) -> str | None:
    if entry.region not in (None, region):
        return f"region {shown_value(entry.region)} is not {region}, in which this task runs."
    name = entry.load_balancer_name
    if name is None:
        return None
    identity = entry.load_balancer_id
    if identity is None and len(chosen) == 1:
        identity = next(iter(chosen))
    if identity is None:
        return f"load_balancer_name {shown_value(name)} alone does not say which load balancer; give load_balancer_id."
    real = chosen.get(identity)
    if real is None or real == name:
        return None
    return f"load_balancer_name {shown_value(name)} is not the name of {identity}, which is {shown_value(real)}."
