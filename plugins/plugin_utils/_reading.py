# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory reads of the cloud: load balancers with their bindings, side by side."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

from ..module_utils._base.errors import ClbError, InvalidArgument, Refused, and_more
from ..module_utils._base.threads import side_by_side
from ..module_utils._bindings.assign import assign, may_apply
from ..module_utils._bindings.entries import check_belonging
from ..module_utils._tasks.balancers import read_for
from ..module_utils._tasks.info import describe_info

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from ..module_utils._api.clb import LoadBalancer
    from ..module_utils._api.connection import Connection
    from ..module_utils._bindings.entries import Entry
    from ..module_utils._bindings.health import HealthSnapshot
    from ..module_utils._bindings.snapshot import Snapshot

Raw = dict[str, Any]

MAX_SHOWN = 5
"""Load balancers that one warning names."""
_NOT_ALLOWED = "UnauthorizedOperation"
_NOT_OF_ONE = (
    "AuthFailure",
    "InternalError",
    "InvalidParameter.RegionNotFound",
    "RequestLimitExceeded",
    "UnsupportedRegion",
)
"""Refusals that say nothing about one load balancer: the next one would be refused likewise, or this one later not."""


class InventoryQuery(NamedTuple):
    """What is to be read.

    :param load_balancer_ids: None where none are named.
    :param load_balancer_names: exact names; None where none are named.
    :param entries: selectors; None selects everything.
    :param health: whether to read health, too.
    """

    load_balancer_ids: Collection[str] | None
    load_balancer_names: Collection[str] | None
    entries: Sequence[Entry] | None
    health: bool

    @property
    def is_of_all(self) -> bool:
        """Whether no load balancer is named, so that all in a region are meant."""
        return self.load_balancer_ids is None and self.load_balancer_names is None

    def is_wanted(self, balancer: LoadBalancer) -> bool:
        """Whether a load balancer is to be read.

        :param balancer: one that exists.
        """
        return (
            self.is_of_all
            or balancer.load_balancer_id in (self.load_balancer_ids or ())
            or balancer.name in (self.load_balancer_names or ())
        )


class Reading(NamedTuple):
    """What was read.

    :param balancers: for each load balancer its ``region``, ``vpc_id``, ``load_balancer_id``, ``load_balancer_name``,
        ``listeners`` as ``targets_info`` describes them, and ``targets`` likewise, with ``public_ips``. Plain data.
    :param warnings: sentences for the user.
    """

    balancers: list[Raw]
    warnings: list[str]


class _Answers(NamedTuple):
    """What the cloud answered about one load balancer.

    :param region: the name of its region.
    :param balancer: its entry in the listing.
    :param snapshot: what is bound; None where no selector can match on it, so that it was not read.
    :param health: None where it was not read.
    """

    region: str
    balancer: LoadBalancer
    snapshot: Snapshot | None = None
    health: HealthSnapshot | None = None


def read_load_balancers(connections: Iterable[Connection], query: InventoryQuery) -> Reading:
    """Read load balancers: one listing for each region, one DescribeTargets for each load balancer.

    A load balancer that is gone, or refuses to be read, is left out with a warning where it was not named.

    :param connections: one for each region; one region is read after the other, since they share the rate limit.
    :param query: what to read; every load balancer of the regions where neither IDs nor names are given.
    :raises InvalidArgument: a load balancer that is named exists in no region.
    :raises ClbError: something can't be read; the message says where.
    """
    regions: list[str] = []
    listed: list[LoadBalancer] = []
    answers: list[_Answers] = []
    warnings: list[str] = []
    for connection in connections:
        regions.append(connection.region)
        try:
            wanted = [balancer for balancer in _list(connection, query) if query.is_wanted(balancer)]
        except ClbError as error:
            error.message = f"region {connection.region}: {error.message}"
            raise
        listed += wanted
        found, refused = _read_region(connection, wanted, query)
        answers += found
        warnings += _warnings(connection.region, refused)
    _check_named(listed, regions, query)
    entries: Mapping[str, Sequence[Entry]] | None = None
    if query.entries is not None:
        snapshots = {read.balancer.load_balancer_id: read.snapshot for read in answers if read.snapshot is not None}
        entries, unknown = assign(query.entries, snapshots)
        warnings += (f"{sentence} It selects nothing." for sentence in unknown)
    return Reading([_describe(read, entries) for read in answers], warnings)


def _list(connection: Connection, query: InventoryQuery) -> list[LoadBalancer]:
    names = query.load_balancer_names
    only = next(iter(names)) if names is not None and len(names) == 1 and not query.load_balancer_ids else None
    return connection.clb.describe_load_balancers(only, forward_only=True)


def _read_region(
    connection: Connection, balancers: Sequence[LoadBalancer], query: InventoryQuery
) -> tuple[list[_Answers], list[tuple[LoadBalancer, Refused]]]:
    """Read the load balancers of one region, side by side: what they answered, and those that can be left out."""
    stop = Event()

    def read(balancer: LoadBalancer) -> _Answers | None:
        if stop.is_set():
            return None
        try:
            return _read(connection, balancer, query)
        except ClbError as error:
            # With this error the inventory fails: what the other threads would still read is of no use.
            if not _can_be_left_out(error, query):
                stop.set()
            raise

    found: list[_Answers] = []
    refused: list[tuple[LoadBalancer, Refused]] = []
    for balancer, finished in zip(balancers, side_by_side(read, balancers)):
        error = finished.error
        if isinstance(error, Refused) and _can_be_left_out(error, query):
            refused.append((balancer, error))
        elif error is not None:
            raise _located(error, connection.region, balancer)
        elif finished.value is not None:
            found.append(finished.value)
    if (
        refused
        and len(refused) == len(balancers)
        and all(error.code.startswith(_NOT_ALLOWED) for _balancer, error in refused)
    ):
        balancer, refusal = refused[0]
        raise _located(refusal, connection.region, balancer)
    return found, refused


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
        raise _located(error, region, balancer) from error
    targets = [
        {**target, "public_ips": list(binding.public_ips)} for binding, target in zip(info.bindings, info.targets)
    ]
    return {**description, "listeners": info.listeners, "targets": targets}


def _can_be_left_out(error: Exception, query: InventoryQuery) -> bool:
    return query.is_of_all and isinstance(error, Refused) and not error.code.startswith(_NOT_OF_ONE)


def _located(error: Exception, region: str, balancer: LoadBalancer) -> Exception:
    if isinstance(error, ClbError):
        error.message = f"region {region}, load balancer {_called(balancer)}: {error.message}"
    return error


def _called(balancer: LoadBalancer) -> str:
    return f"{balancer.load_balancer_id} ({balancer.name})"


def _warnings(region: str, refused: Sequence[tuple[LoadBalancer, Refused]]) -> Iterator[str]:
    """A sentence for each kind of refusal."""
    kinds: dict[tuple[str | None, str], list[tuple[LoadBalancer, Refused]]] = {}
    for balancer, error in refused:
        kinds.setdefault((error.action, error.code), []).append((balancer, error))
    for alike in kinds.values():
        shown = and_more([_called(balancer) for balancer, _error in alike], MAX_SHOWN)
        several = "load balancers" if len(alike) > 1 else "load balancer"
        yield f"The inventory lacks the {several} {shown} in region {region}: {alike[0][1].message}"


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
