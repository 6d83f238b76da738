# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From selectors to the bindings that they match."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from .._base.errors import InvalidArgument
from .entries import Entry, Place, raise_all
from .resolve import PoolResolver, UnknownName, all_meant, check_certain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .snapshot import Binding, BindingKey, Pool, PoolKey, Snapshot


class Selection(NamedTuple):
    """What selectors matched, in the cloud's order.

    :param touched: the pools that they name or matched on.
    :param bindings: each once.
    :param unknown: a sentence for each listener or rule that does not exist.
    :param unmatched: the selectors that name a backend, a port or a tag and match nothing bound.
    :param meant: the listeners that can have been meant by what does not exist; empty where nothing tells.
    """

    touched: tuple[Pool, ...]
    bindings: tuple[Binding, ...]
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unmatched: tuple[Entry, ...] = ()
    meant: frozenset[str] = frozenset()


def select(entries: Sequence[Entry], snapshot: Snapshot) -> Selection:
    """Match selectors with what is bound; keys left out match everything, and the weight is ignored.

    :raises InvalidArgument: names contradict an ID, or an address may be that of several bindings.
    """
    matcher = _Matcher(snapshot)
    touched: set[PoolKey] = set()
    matched: set[BindingKey] = set()
    unknown: dict[str, UnknownName] = {}
    unmatched: list[Entry] = []
    problems: list[str] = []
    for entry in entries:
        try:
            pools = matcher.pools_of(entry.place)
            found = matcher.match(entry, pools)
        except UnknownName as exc:
            unknown[f"targets[{entry.number}]: {exc.message}"] = exc
        except InvalidArgument as exc:
            problems.append(f"targets[{entry.number}]: {exc.message}")
        else:
            if entry.place.names_listener or entry.place.names_rule:
                touched.update(pools)
            if not found and (entry.backend is not None or entry.port is not None or entry.tag):
                unmatched.append(entry)
            matched.update(binding.identity for binding in found)
            touched.update(binding.pool.key for binding in found)
    raise_all(problems)
    silent = not snapshot.tags_known and any(entry.tag for entry in entries) and any(snapshot.bindings.values())
    in_order = [pool for key, pool in snapshot.pools.items() if key in touched]
    return Selection(
        tuple(in_order),
        tuple(one for pool in in_order for one in snapshot.bindings[pool.key] if one.identity in matched),
        tuple(unknown),
        ("The API response contains no tags: selectors with a tag match nothing.",) if silent else (),
        tuple(unmatched),
        all_meant(unknown.values()),
    )


class _Matcher:
    """Finds what selectors match; by address where they have one, so that a long list of hosts stays linear."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._names = PoolResolver(snapshot)
        self._pools: dict[Place, dict[PoolKey, Pool]] = {}
        self._by_address: dict[str, list[Binding]] = defaultdict(list)
        for binding in snapshot.all_bindings():
            for alias in binding.aliases:
                self._by_address[alias].append(binding)
        self._ambiguous: dict[str, list[BindingKey]] = defaultdict(list)
        for key in snapshot.ambiguous:
            self._ambiguous[key[1]].append(key)

    def pools_of(self, place: Place) -> Mapping[PoolKey, Pool]:
        """The pools that a selector names; each place is looked up once."""
        if place not in self._pools:
            self._pools[place] = {pool.key: pool for pool in self._names.pools_of(place)}
        return self._pools[place]

    def match(self, entry: Entry, pools: Mapping[PoolKey, Pool]) -> list[Binding]:
        backend, port = entry.backend, entry.port
        candidates: Iterable[Binding]
        if backend is None:
            candidates = (binding for key in pools for binding in self._snapshot.bindings[key])
        else:
            for key in self._ambiguous.get(backend.address, ()):
                if key[0] in pools and port in (None, key[2]):
                    check_certain(key, self._snapshot)
            if len(pools) == 1 and port is not None:
                bound = self._snapshot.find(next(iter(pools)), backend, port)
                candidates = () if bound is None else (bound,)
            else:
                named = self._by_address.get(backend.address, ())
                candidates = (binding for binding in named if binding.pool.key in pools)
        return [
            binding
            for binding in candidates
            if port in (None, binding.port) and (not entry.tag or entry.tag == binding.tag)
        ]
