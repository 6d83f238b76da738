# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the inventory reads of the cloud: load balancers with their bindings, side by side."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

from ..module_utils._apply.fleet import side_by_side
from ..module_utils._errors import ClbError, InvalidArgument, Refused
from ..module_utils._targets_info import read_info

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from ..module_utils._api.clb import LoadBalancer
    from ..module_utils._api.connection import Connection
    from ..module_utils._bindings.entries import Entry

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

    def entries_for(self, load_balancer_id: str) -> Sequence[Entry] | None:
        """The selectors that can match on a load balancer; None where there are no selectors at all.

        :param load_balancer_id: its ID.
        """
        if self.entries is None:
            return None
        return [entry for entry in self.entries if entry.load_balancer_id in (None, load_balancer_id)]


class Reading(NamedTuple):
    """What was read.

    :param balancers: for each load balancer its ``region``, ``vpc_id``, ``load_balancer_id``, ``load_balancer_name``,
        ``listeners`` as ``targets_info`` describes them, and ``targets`` likewise, with ``public_ips``. Plain data.
    :param warnings: sentences for the user.
    """

    balancers: list[Raw]
    warnings: list[str]


def read_load_balancers(connections: Iterable[Connection], query: InventoryQuery) -> Reading:
    """Read load balancers: one listing for each region, one DescribeTargets for each load balancer.

    A load balancer that is gone, or refuses to be read, is left out with a warning where it was not named.

    :param connections: one for each region; one region is read after the other, since they share the rate limit.
    :param query: what to read; every load balancer of the regions where neither IDs nor names are given.
    :raises InvalidArgument: a load balancer that is named exists in no region.
    :raises ClbError: something can't be read; the message says where.
    """
    reading = Reading([], [])
    regions: list[str] = []
    listed: list[LoadBalancer] = []
    for connection in connections:
        regions.append(connection.region)
        try:
            wanted = [balancer for balancer in _list(connection, query) if query.is_wanted(balancer)]
        except ClbError as error:
            error.message = f"region {connection.region}: {error.message}"
            raise
        listed += wanted
        _read_region(connection, wanted, query, reading)
    _check_named(listed, regions, query)
    return reading


def _list(connection: Connection, query: InventoryQuery) -> list[LoadBalancer]:
    names = query.load_balancer_names
    only = next(iter(names)) if names is not None and len(names) == 1 and not query.load_balancer_ids else None
    return connection.clb.describe_load_balancers(only, forward_only=True)


def _read_region(
    connection: Connection, balancers: Sequence[LoadBalancer], query: InventoryQuery, reading: Reading
) -> None:
    """Read the load balancers of one region, side by side, and add them to what was read."""
    stop = Event()

    def read(balancer: LoadBalancer) -> Raw | None:
        if stop.is_set():
            return None
        try:
            return _read(connection, balancer, query)
        except ClbError as error:
            # With this error the inventory fails: what the other threads would still read is of no use.
            if not _can_be_left_out(error, query):
                stop.set()
            raise

    refused: list[tuple[LoadBalancer, Refused]] = []
    for balancer, finished in zip(balancers, side_by_side(read, balancers)):
        error = finished.error
        if isinstance(error, Refused) and _can_be_left_out(error, query):
            refused.append((balancer, error))
        elif error is not None:
            raise _located(error, connection, balancer)
        elif finished.value is not None:
            reading.balancers.append(finished.value)
    if refused and len(refused) == len(balancers) and all(error.code.startswith(_NOT_ALLOWED) for _, error in refused):
        balancer, refusal = refused[0]
        raise _located(refusal, connection, balancer)
    reading.warnings.extend(_warnings(connection.region, refused))


def _read(connection: Connection, balancer: LoadBalancer, query: InventoryQuery) -> Raw:
    load_balancer_id = balancer.load_balancer_id
    info = read_info(connection.clb, load_balancer_id, query.entries_for(load_balancer_id), health=query.health)
    return {
        "region": connection.region,
        "vpc_id": balancer.vpc_id,
        "load_balancer_id": load_balancer_id,
        "load_balancer_name": balancer.name,
        "listeners": info.listeners,
        "targets": [
            {**target, "public_ips": list(binding.public_ips)} for binding, target in zip(info.bindings, info.targets)
        ],
    }


def _can_be_left_out(error: Exception, query: InventoryQuery) -> bool:
    return query.is_of_all and isinstance(error, Refused) and not error.code.startswith(_NOT_OF_ONE)


def _located(error: Exception, connection: Connection, balancer: LoadBalancer) -> Exception:
    if isinstance(error, ClbError):
        where = f"region {connection.region}, load balancer {_called(balancer)}"
        error.message = f"{where}: {error.message}"
    return error


def _called(balancer: LoadBalancer) -> str:
    return f"{balancer.load_balancer_id} ({balancer.name})"


def _warnings(region: str, refused: Sequence[tuple[LoadBalancer, Refused]]) -> Iterator[str]:
    """A sentence for each kind of refusal."""
    kinds: dict[tuple[str | None, str], list[tuple[LoadBalancer, Refused]]] = {}
    for balancer, error in refused:
        kinds.setdefault((error.action, error.code), []).append((balancer, error))
    for alike in kinds.values():
        shown = ", ".join(_called(balancer) for balancer, _ in alike[:MAX_SHOWN])
        more = f" and {len(alike) - MAX_SHOWN} more" if len(alike) > MAX_SHOWN else ""
        several = "load balancers" if len(alike) > 1 else "load balancer"
        yield f"The inventory lacks the {several} {shown}{more} in region {region}: {alike[0][1].message}"


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
