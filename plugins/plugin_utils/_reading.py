# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory's reads of the cloud: load balancers with their bindings, side by side; and its cache."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

from ..module_utils._base.errors import ClbError, InvalidArgument, natural
from ..module_utils._bindings.assign import check_belonging
from ..module_utils._credentials.profiles import ProfileFiles, choose_profile
from ..module_utils._tasks.balancers import Balancer, may_leave_out, retold, tell_left_out
from ..module_utils._tasks.info import SELECTS_NOTHING, describe_balancer
from ..module_utils._tasks.stages import Fleet, NoneTagged, assign_entries, find_by_tags, read, read_health

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..module_utils._api.clb import LoadBalancer
    from ..module_utils._api.connection import Connection
    from ..module_utils._bindings.entries import Entry
    from ..module_utils._tasks.request import Request

Raw = dict[str, Any]


class Reading(NamedTuple):
    """The bindings that were read.

    :param balancers: for each load balancer its ``region``, ``vpc_id``, ``load_balancer_id``, ``load_balancer_name``,
        ``listeners`` as ``targets_info`` describes them, and ``targets`` likewise, with ``public_ips``. Plain data.
    """

    balancers: list[Raw]
    warnings: list[str]


class _Stopped(ClbError):
    """A load balancer was not read, because the inventory fails already."""


class _Region(Fleet):
    """The load balancers of one region."""

    def __init__(self, connection: Connection, request: Request) -> None:
        super().__init__(request, only_reads=True)
        self.name = connection.region
        self._clb = connection.clb
        self._stop = Event()
        self.listed = self._list(connection)
        """Those that are meant, whether or not a selector can match there."""

    def _list(self, connection: Connection) -> list[LoadBalancer]:
        choice = self.request.choice
        if choice.tags is not None:
            return find_by_tags(connection, choice.tags)
        only = choice.names[0] if len(choice.names) == 1 and not choice.ids else None
        found = connection.clb.describe_load_balancers(only, forward_only=True)
        if not choice.ids and not choice.names:
            return found
        return [one for one in found if one.load_balancer_id in choice.ids or one.name in choice.names]

    def read(self) -> None:
        """Read them side by side."""
        entries = None if self.request.entries is None else _of_region(self.request.entries, self.name)
        listed = not self.request.choice.ids and not self.request.choice.names
        self.hold((Balancer(one.load_balancer_id, one.name, listed) for one in self.listed), entries)
        self.run(self._read_one)
        if self.request.health:
            read_health(self, self._clb)
        with _naming(self.name):
            self.check_some_left()

    def _read_one(self, balancer: Balancer) -> Balancer:
        if self._stop.is_set():
            raise _Stopped("Another load balancer can't be read.")
        try:
            return read(self._clb, balancer, several=True)
        except Exception as error:
            # With this error the inventory fails: what the other threads would still read is of no use.
            if not (balancer.listed and may_leave_out(error, only_reads=True)):
                self._stop.set()
            raise

    def failed(self) -> list[tuple[Balancer, ClbError]]:
        """Those that failed, without those that were only stopped."""
        return [pair for pair in super().failed() if not isinstance(pair[1], _Stopped)]

    def tell_failed(self, failed: Sequence[tuple[Balancer, ClbError]]) -> str:
        """Tell of the first, and where it is."""
        balancer, error = failed[0]
        return f"region {self.name}, load balancer {balancer.label}: {error.message}"

    def describe(self) -> list[Raw]:
        """Describe those that are not left out."""
        described: dict[str, Raw] = {}

        def describe(balancer: Balancer) -> Balancer:
            mine = replace(balancer, entries=tuple(_of_region(balancer.entries, self.name)))
            info = describe_balancer(mine, selects=self.request.entries is not None)
            targets = [{**row, "public_ips": list(bound.public_ips)} for bound, row in zip(info.bindings, info.targets)]
            described[balancer.load_balancer_id] = {"listeners": info.listeners, "targets": targets}
            return balancer

        self.run(describe, max_threads=1)
        left_out = {balancer.load_balancer_id for balancer in self.all if balancer.left_out}
        unread: Raw = {"listeners": [], "targets": []}
        return [
            {
                "region": self.name,
                "vpc_id": one.vpc_id,
                "load_balancer_id": one.load_balancer_id,
                "load_balancer_name": one.name,
                **described.get(one.load_balancer_id, unread),
            }
            for one in self.listed
            if one.load_balancer_id not in left_out
        ]


def read_load_balancers(connections: Iterable[Connection], request: Request) -> Reading:
    """Read load balancers, one region after the other, since they share the rate limit.

    Where load balancers are not named, one that is gone, or that these credentials may not read, is left out with a
    warning. The message of a failure says where something can't be read.

    :raises InvalidArgument: a load balancer that is named exists in no region.
    :raises ClbError: something can't be read; the message says where.
    """
    names: list[str] = []
    regions: list[_Region] = []
    warnings: list[str] = []
    none_tagged: list[str] = []
    for connection in connections:
        names.append(connection.region)
        try:
            with _naming(connection.region):
                region = _Region(connection, request)
        except NoneTagged as error:
            none_tagged.append(error.message)
            continue
        region.read()
        regions.append(region)
        warnings += tell_left_out(region.all, f" in region {region.name}")
    if not any(region.listed for region in regions):
        warnings += none_tagged
    _check_named([one for region in regions for one in region.listed], names, request)
    if request.entries is not None:
        balancers, assignment = assign_entries([one for region in regions for one in region.active], request.entries)
        warnings += (f"{sentence} {SELECTS_NOTHING}" for sentence in (*assignment.unknown, *assignment.lacking))
        assigned = {balancer.load_balancer_id: balancer for balancer in balancers}
        for region in regions:
            region.put(assigned[one.load_balancer_id] for one in region.active)
    return Reading([described for region in regions for described in region.describe()], warnings)


@contextmanager
def _naming(region: str) -> Iterator[None]:
    """Have an error name the region."""
    try:
        yield
    except NoneTagged:
        raise
    except ClbError as error:
        raise retold(error, f"region {region}: {error.message}") from error


def _of_region(entries: Iterable[Entry], region: str) -> list[Entry]:
    return [entry for entry in entries if entry.region in (None, region)]


def _check_named(listed: Sequence[LoadBalancer], regions: Sequence[str], request: Request) -> None:
    """Check that everything exists that the options and the selectors name."""
    where = f"{'region' if len(regions) == 1 else 'regions'} {', '.join(regions)}"
    called = {balancer.load_balancer_id: balancer.name for balancer in listed}
    choice, entries = request.choice, request.entries or ()
    unknown = ({*choice.ids} - called.keys(), {*choice.names} - {*called.values()})
    missing = [name for names in unknown for name in sorted(names, key=natural)]
    if missing:
        raise InvalidArgument(
            f"No load balancer {', '.join(map(repr, missing))} in {where}. Check load_balancer_ids, "
            "load_balancer_names and the region. Classic load balancers are not supported."
        )
    for entry in entries:
        if entry.load_balancer_id is not None and entry.load_balancer_id not in called:
            raise InvalidArgument(
                f"targets[{entry.number}]: load_balancer_id {entry.load_balancer_id!r} is none of the load balancers "
                f"that this inventory reads in {where}. Check it, the options that name load balancers, and the region."
            )
    for region in regions:
        others = {*regions} - {region}
        check_belonging([entry for entry in entries if entry.region not in others], called, region)


_FORMAT = 2
"""Changes with the shape of what is kept, so that another version of this collection reads again."""
_OPTIONS = ("secret_id", "profile", "role_arn", "region", "endpoint", "sts_endpoint")
"""The connection options that decide whose load balancers are read, and where."""
_VARIABLES = ("TENCENTCLOUD_", "TCCLI_", "TKE_")
"""The beginnings of the environment variables that can replace them."""
_SECRET_VARIABLES = frozenset({"TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN"})


def fingerprint(
    query: Mapping[str, Any], regions: Sequence[str | None], options: Mapping[str, Any], environ: Mapping[str, str]
) -> str:
    """Summarise everything that changes what is read, in 16 characters. Nothing is asked over the network."""
    summary = {
        "format": _FORMAT,
        "query": dict(query),
        "regions": list(regions),
        "options": {name: options.get(name) for name in _OPTIONS},
        "environ": {
            name: value
            for name, value in environ.items()
            if name.startswith(_VARIABLES) and name not in _SECRET_VARIABLES
        },
        "profile": _profile(options, environ),
    }
    return _digest(summary)[:16]


def _profile(options: Mapping[str, Any], environ: Mapping[str, str]) -> list[Any]:
    """The account and the region of a profile, without its secrets."""
    files = ProfileFiles(environ)
    try:
        choice = choose_profile(options, environ)
        profile = files.find(choice)
        region = files.region(choice)
    except ClbError:
        # If this profile is needed, reading says what is wrong with it.
        return []
    if profile is None:
        return [region]
    account = None if profile.credentials is None else profile.credentials.secret_id
    return [region, account, profile.role_arn, profile.cvm_role]


def pack(reading: Reading) -> dict[str, Any]:
    """Put what was read into the form in which it is kept."""
    content = {"balancers": reading.balancers, "warnings": reading.warnings}
    return {**content, "checksum": _digest(content)}


def unpack(kept: object, where: str) -> Reading:
    """Take what was read out of the form in which it was kept; a message names the place in the cache.

    :raises InvalidArgument: something else has been written there.
    """
    if isinstance(kept, Mapping) and kept.keys() == {"balancers", "warnings", "checksum"}:
        content = {"balancers": kept["balancers"], "warnings": kept["warnings"]}
        if kept["checksum"] == _digest(content):
            return Reading(list(content["balancers"]), list(content["warnings"]))
    raise damaged(where)


def damaged(where: str) -> InvalidArgument:
    """The error for a cache that holds something else."""
    return InvalidArgument(
        f"{where} does not hold what this plugin has put there: it is damaged, or something else has written to it. "
        "Delete it, or run the command again with --flush-cache."
    )


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
