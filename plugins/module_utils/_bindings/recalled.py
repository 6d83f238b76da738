# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries of a restore file on a load balancer: the binding of each, and the entries that a selector means."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from .._base.errors import InvalidArgument
from .remembered import Remembered, seconds_of
from .resolve import PoolResolver, UnknownName, WrongLayer, contradicts, identity_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .entries import Entry
    from .plan import Plan
    from .snapshot import Binding, Pool, Snapshot


class Located(NamedTuple):
    """An entry on a load balancer that was read.

    :param pool: its listener or rule; None where that does not exist, or `problem` says why it can't be told.
    :param problem: of the entry itself.
    """

    item: Remembered
    pool: Optional[Pool] = None
    bound: Optional[Binding] = None
    problem: Optional[str] = None

    @property
    def gone(self) -> bool:
        """Its listener or rule does not exist: there is nothing left to bring back."""
        return self.pool is None and self.problem is None

    @property
    def in_place(self) -> bool:
        """It is bound with the entry's weight and tag."""
        entry, bound = self.item.entry, self.bound
        if bound is None:
            return False
        return entry.weight in (None, bound.weight) and (bound.tag is None or entry.tag in (None, bound.tag))

    @property
    def other_machine(self) -> str | None:
        """The reason why its address is another machine now, None where nothing says so."""
        item, bound = self.item, self.bound
        backend = item.entry.backend
        if bound is None or item.at is None or backend is None or backend.eni_ip is None:
            return None
        if bound.backend.instance_id is not None:
            return f"it is {bound.backend.instance_id} now"
        registered = seconds_of(bound.registered_time)
        if registered is not None and registered > item.at:
            return f"it was bound at {bound.registered_time}, after its entry was written"
        return None


def locate(items: Iterable[Remembered], snapshot: Snapshot) -> list[Located]:
    """Find the bindings of entries."""
    names = PoolResolver(snapshot)
    found: list[Located] = []
    for item in items:
        entry = item.entry
        try:
            pool = names.pool_for(entry)
        except InvalidArgument as exc:
            gone = isinstance(exc, UnknownName) and not isinstance(exc, WrongLayer)
            found.append(Located(item, problem=None if gone else exc.message))
        else:
            if entry.backend is not None and entry.port is not None:
                found.append(Located(item, pool, snapshot.find(pool.key, entry.backend, entry.port)))
    return found


def may_match(selector: Entry, item: Remembered) -> bool:
    """A selector can be about an entry, as far as that is known without a read."""
    entry = item.entry
    if selector.load_balancer_id not in (None, entry.load_balancer_id) or selector.port not in (None, entry.port):
        return False
    if any(given and real and given != real for given, real in zip(selector.place, entry.place)):
        return False
    if selector.backend is None or entry.backend is None or selector.backend == entry.backend:
        return True
    # An address can be an instance's, or one of several of an interface.
    return selector.backend.instance_id is None or entry.backend.instance_id is None


def find_back(items: Iterable[Remembered], plan: Plan, snapshot: Snapshot) -> list[Located]:
    """Find the entries that are in place with their weight and tag, of the bindings that a plan asks for."""
    named = {identity_of(wish.pool, wish.backend, wish.port, snapshot) for wish in plan.desired}
    located = [found for found in locate(items, snapshot) if found.in_place]
    return [found for found in located if found.bound is not None and found.bound.identity in named]


def other_names(snapshots: Iterable[Snapshot]) -> dict[str, str]:
    """Instance ID -> primary address, and the other way round, of every instance that was read."""
    found: dict[str, str] = {}
    for snapshot in snapshots:
        for address, instance_id in snapshot.instances.items():
            found[address] = instance_id
            found[instance_id] = address
    return found


def matches(selector: Entry, found: Located, others: Mapping[str, str]) -> bool:
    """A selector is about an entry whose load balancer was read; ``others`` is made by :func:`other_names`."""
    item, pool = found.item, found.pool
    if not may_match(selector, item):
        return False
    if pool is not None and contradicts(selector.place, pool):
        return False
    if pool is None and any(given and not real for given, real in zip(selector.place, item.entry.place)):
        return False
    return selector.backend is None or selector.backend.address in _addresses(found, others)


def can_match(selector: Entry, item: Remembered, others: Mapping[str, str]) -> bool:
    """A selector may be about an entry whose load balancer can't be read."""
    if not may_match(selector, item):
        return False
    named, own = selector.backend, item.entry.backend
    if named is None or own is None or named.address in _addresses(Located(item), others):
        return True
    unknown = named.address not in others and own.address not in others
    return unknown and named.eni_ip is not None and own.instance_id is not None


def _addresses(found: Located, others: Mapping[str, str]) -> Iterator[str]:
    backend = found.item.entry.backend
    if backend is not None:
        yield backend.address
        yield others.get(backend.address, backend.address)
    if found.bound is not None:
        yield from found.bound.aliases
