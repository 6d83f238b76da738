# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From selectors to what they match. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from .._base.errors import InvalidArgument
from .entries import Entry, Place, raise_all
from .resolve import PoolResolver, UnknownName, all_meant, check_certain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .snapshot import Binding, BindingKey, Pool, PoolKey, Snapshot


class Selection(NamedTuple):
    """What selectors matched.

    :param touched: the pools that they name or matched on, in the cloud's order.
    :param bindings: what they matched, each once, pool by pool.
    :param unknown: a sentence for each listener or rule that does not exist.
    :param tags_unknown: whether a selector asked for a tag and the answer has none.
    :param unmatched: the labels of selectors that name a backend, a port or a tag and match nothing bound.
    :param meant: the IDs of the listeners that can have been meant by what does not exist; empty where nothing tells.
    """

    touched: tuple[Pool, ...]
    bindings: tuple[Binding, ...]
    unknown: tuple[str, ...]
    tags_unknown: bool
    unmatched: tuple[str, ...] = ()
    meant: frozenset[str] = frozenset()


def select(entries: Sequence[Entry], snapshot: Snapshot) -> Selection:
    """Match selectors with what is bound.

    :param entries: keys left out match everything; the weight is ignored.
    :raises InvalidArgument: names contradict an ID, or an address may be that of several bindings.
    """
    matcher = _Matcher(snapshot)
    touched: set[PoolKey] = set()
    matched: set[tuple[PoolKey, str, int]] = set()
    unknown: dict[str, UnknownName] = {}
    unmatched: list[str] = []
    problems: list[str] = []
    for entry in entries:
        try:
            places = matcher.places_of(entry.place)
            found = matcher.match(entry, places)
        except UnknownName as exc:
            unknown[f"targets[{entry.number}]: {exc.message}"] = exc
        except InvalidArgument as exc:
            problems.append(f"targets[{entry.number}]: {exc.message}")
        else:
            if entry.place.names_listener or entry.place.names_rule:
                touched |= places.keys
            if not found and (entry.backend is not None or entry.port is not None or entry.tag):
                unmatched.append(entry.label)
            for binding in found:
                matched.add(binding.identity)
                touched.add(binding.pool.key)
    raise_all(problems)
    return Selection(
        touched=tuple(pool for key, pool in snapshot.pools.items() if key in touched),
        bindings=tuple(
            binding
            for key in snapshot.pools
            if key in touched
            for binding in snapshot.bindings[key]
            if binding.identity in matched
        ),
        unknown=tuple(unknown),
        tags_unknown=not snapshot.tags_known
        and any(entry.tag for entry in entries)
        and any(snapshot.bindings.values()),
        unmatched=tuple(unmatched),
        meant=all_meant(unknown.values()),
    )


class _Places(NamedTuple):
    pools: Sequence[Pool]
    keys: frozenset[PoolKey]


class _Matcher:
    """Finds what selectors match; by address where they have one, so that a long list of hosts stays linear."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._names = PoolResolver(snapshot)
        self._places: dict[Place, _Places] = {}
        self._by_address: dict[str, list[Binding]] = defaultdict(list)
        for binding in snapshot.all_bindings():
            for alias in binding.aliases:
                self._by_address[alias].append(binding)
        self._ambiguous: dict[str, list[BindingKey]] = defaultdict(list)
        for key in snapshot.ambiguous:
            self._ambiguous[key[1]].append(key)

    def places_of(self, place: Place) -> _Places:
        """The pools that a selector names; each place is looked up once."""
        places = self._places.get(place)
        if places is None:
            pools = self._names.pools_of(place)
            places = self._places[place] = _Places(pools, frozenset(pool.key for pool in pools))
        return places

    def match(self, entry: Entry, places: _Places) -> list[Binding]:
        """The bindings that one selector matches."""
        backend, port = entry.backend, entry.port
        candidates: Iterable[Binding]
        if backend is None:
            candidates = (binding for pool in places.pools for binding in self._snapshot.bindings[pool.key])
        else:
            for key in self._ambiguous.get(backend.address, ()):
                if key[0] in places.keys and port in (None, key[2]):
                    check_certain(key, self._snapshot)
            if len(places.pools) == 1 and port is not None:
                bound = self._snapshot.find(places.pools[0].key, backend, port)
                candidates = () if bound is None else (bound,)
            else:
                named = self._by_address.get(backend.address, ())
                candidates = (binding for binding in named if binding.pool.key in places.keys)
        return [
            binding
            for binding in candidates
            if port in (None, binding.port) and (not entry.tag or entry.tag == binding.tag)
        ]
