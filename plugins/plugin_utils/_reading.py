# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory reads of the cloud: load balancers with their bindings, side by side."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

from ..module_utils._base.errors import ClbError, InvalidArgument
from ..module_utils._base.threads import side_by_side
from ..module_utils._bindings.assign import assign, check_belonging, may_apply
from ..module_utils._tasks.balancers import Chosen, LeftOut, may_leave_out, read_for
from ..module_utils._tasks.choice import NoneTagged, find_by_tags
from ..module_utils._tasks.info import SELECTS_NOTHING, describe_info

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ..module_utils._api.clb import LoadBalancer
    from ..module_utils._api.connection import Connection
    from ..module_utils._bindings.entries import Entry
    from ..module_utils._bindings.health import HealthSnapshot
    from ..module_utils._bindings.snapshot import Snapshot
    from ..module_utils._tasks.choice import Tags

Raw = dict[str, Any]


class _Stopped(ClbError):
    """A load balancer was not read, because the inventory fails already."""


class InventoryQuery(NamedTuple):
    """What is to be read.

    :param load_balancer_ids: None where none are named.
    :param load_balancer_names: exact names; None where none are named.
    :param health: whether to read health, too.
    :param tags: those that the load balancers must have; None where neither these nor IDs nor names choose.
    """

    load_balancer_ids: Collection[str] | None
    load_balancer_names: Collection[str] | None
    entries: Sequence[Entry] | None
    health: bool
    tags: Tags | None = None

    @property
    def is_of_all(self) -> bool:
        """Whether no load balancer is named, so that all in a region are meant."""
        return self.load_balancer_ids is None and self.load_balancer_names is None

    def is_wanted(self, balancer: LoadBalancer) -> bool:
        """Whether a load balancer is to be read."""
        return (
            self.is_of_all
            or balancer.load_balancer_id in (self.load_balancer_ids or ())
            or balancer.name in (self.load_balancer_names or ())
        )


class Reading(NamedTuple):
    """What was read.

    :param balancers: for each load balancer its ``region``, ``vpc_id``, ``load_balancer_id``, ``load_balancer_name``,
        ``listeners`` as ``targets_info`` describes them, and ``targets`` likewise, with ``public_ips``. Plain data.
    """

    balancers: list[Raw]
    warnings: list[str]


class _Answers(NamedTuple):
    """What the cloud answered about one load balancer.

    :param snapshot: what is bound; None where no selector can match on it, so that it was not read.
    """

    region: str
    balancer: LoadBalancer
    snapshot: Snapshot | None = None
    health: HealthSnapshot | None = None


def read_load_balancers(connections: Iterable[Connection], query: InventoryQuery) -> Reading:
    """Read load balancers: one listing for each region, one DescribeTargets for each load balancer.

    Where load balancers are not named, one that is gone, or that these credentials may not read, is left out with a
    warning.

    :param connections: one for each region; one region is read after the other, since they share the rate limit.
    :param query: what to read; every load balancer of the regions where neither IDs nor names are given.
    :raises InvalidArgument: a load balancer that is named exists in no region.
    :raises ClbError: something can't be read; the message says where.
    """
    regions: list[str] = []
    listed: list[LoadBalancer] = []
    answers: list[_Answers] = []
    warnings: list[str] = []
    none_tagged: list[str] = []
    for connection in connections:
        regions.append(connection.region)
        try:
            wanted = [balancer for balancer in _list(connection, query) if query.is_wanted(balancer)]
        except NoneTagged as error:
            none_tagged.append(error.message)
            continue
        except ClbError as error:
            error.message = f"region {connection.region}: {error.message}"
            raise
        listed += wanted
        left_out = LeftOut(only_reads=True)
        answers += _read_region(connection, wanted, query, left_out)
        warnings += left_out.warnings(f" in region {connection.region}")
    if not listed:
        warnings += none_tagged
    _check_named(listed, regions, query)
    entries: Mapping[str, Sequence[Entry]] | None = None
    if query.entries is not None:
        snapshots = {read.balancer.load_balancer_id: read.snapshot for read in answers if read.snapshot is not None}
        assignment = assign(query.entries, snapshots)
        entries = assignment.entries
        warnings += (f"{sentence} {SELECTS_NOTHING}" for sentence in (*assignment.unknown, *assignment.lacking))
    return Reading([_describe(read, entries) for read in answers], warnings)


def _list(connection: Connection, query: InventoryQuery) -> list[LoadBalancer]:
    if query.tags is not None:
        return find_by_tags(connection, query.tags)
    names = query.load_balancer_names
    only = next(iter(names)) if names is not None and len(names) == 1 and not query.load_balancer_ids else None
    return connection.clb.describe_load_balancers(only, forward_only=True)


def _read_region(
    connection: Connection, balancers: Sequence[LoadBalancer], query: InventoryQuery, left_out: LeftOut
) -> list[_Answers]:
    """Read the load balancers of one region, side by side.

    :raises ClbError: one can't be read and must not be left out, or all are left out.
    """
    stop = Event()

    def read(balancer: LoadBalancer) -> _Answers:
        if stop.is_set():
            raise _Stopped("Another load balancer can't be read.")
        try:
            return _read(connection, balancer, query)
        except Exception as error:
            # With this error the inventory fails: what the other threads would still read is of no use.
            if not (query.is_of_all and may_leave_out(error, only_reads=True)):
                stop.set()
            raise

    chosen = [Chosen(balancer.load_balancer_id, balancer.name, listed=query.is_of_all) for balancer in balancers]
    answers, failed = left_out.sort(chosen, side_by_side(read, balancers))
    for balancer in chosen:
        error = failed.get(balancer.load_balancer_id)
        if error is not None and not isinstance(error, _Stopped):
            raise _located(error, connection.region, balancer)
    try:
        left_out.check_some_left(answers)
    except ClbError as error:
        error.message = f"region {connection.region}: {error.message}"
        raise
    return list(answers.values())


def _read(connection: Connection, balancer: LoadBalancer, query: InventoryQuery) -> _Answers:
    load_balancer_id = balancer.load_balancer_id
    entries = _of_region(may_apply(query.entries or (), load_balancer_id), connection.region)
    if query.entries is not None and not entries:
        return _Answers(connection.region, balancer)
    # Of a listener that another load balancer has, a filtered read would be refused.
    filtered = all(entry.load_balancer_id is not None for entry in entries)
    snapshot = read_for(connection.clb, load_balancer_id, entries, filtered=filtered)
    health = connection.clb.describe_target_health([load_balancer_id])[load_balancer_id] if query.health else None
    return _Answers(connection.region, balancer, snapshot, health)


def _of_region(entries: Iterable[Entry], region: str) -> list[Entry]:
    return [entry for entry in entries if entry.region in (None, region)]


def _describe(answers: _Answers, entries: Mapping[str, Sequence[Entry]] | None) -> Raw:
    region, balancer, snapshot, health = answers
    description: Raw = {
        "region": region,
        "vpc_id": balancer.vpc_id,
        "load_balancer_id": balancer.load_balancer_id,
        "load_balancer_name": balancer.name,
        "listeners": [],
        "targets": [],
    }
    if snapshot is None:
        return description
    own = None if entries is None else _of_region(entries[balancer.load_balancer_id], region)
    try:
        info = describe_info(balancer.load_balancer_id, snapshot, own, health)
    except InvalidArgument as error:
        chosen = Chosen(balancer.load_balancer_id, balancer.name)
        raise _located(error, region, chosen) from error
    targets = [
        {**target, "public_ips": list(binding.public_ips)} for binding, target in zip(info.bindings, info.targets)
    ]
    return {**description, "listeners": info.listeners, "targets": targets}


def _located(error: ClbError, region: str, balancer: Chosen) -> ClbError:
    error.message = f"region {region}, load balancer {balancer.label}: {error.message}"
    return error


def _check_named(listed: Sequence[LoadBalancer], regions: Sequence[str], query: InventoryQuery) -> None:
    """Check that everything exists that the options and the selectors name."""
    where = f"{'region' if len(regions) == 1 else 'regions'} {', '.join(regions)}"
    ids = {balancer.load_balancer_id for balancer in listed}
    names = {balancer.name for balancer in listed}
    missing = sorted({*(query.load_balancer_ids or ())} - ids) + sorted({*(query.load_balancer_names or ())} - names)
    if missing:
        raise InvalidArgument(
            f"No load balancer {', '.join(map(repr, missing))} in {where}. Check load_balancer_ids, "
            "load_balancer_names and the region. Classic load balancers are not supported."
        )
    for entry in query.entries or ():
        if entry.load_balancer_id is not None and entry.load_balancer_id not in ids:
            raise InvalidArgument(
                f"targets[{entry.number}]: load_balancer_id {entry.load_balancer_id!r} is none of the load balancers "
                f"that this inventory reads in {where}. Check it, the options that name load balancers, and the region."
            )
    called = {balancer.load_balancer_id: balancer.name for balancer in listed}
    for region in regions:
        others = {*regions} - {region}
        check_belonging([entry for entry in query.entries or () if entry.region not in others], called, region)
