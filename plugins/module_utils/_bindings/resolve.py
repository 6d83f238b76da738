# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the names in entries to the listeners and rules that exist. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from .._errors import InvalidArgument
from .entries import Entry, check_agreement, raise_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .snapshot import Backend, Binding, Listener, Pool, PoolKey, Snapshot

_MAX_LISTED = 20


class DesiredBinding(NamedTuple):
    """One binding that should be in place.

    :param number: the entry that says so.
    :param pool: where.
    :param backend: whose, as asked for.
    :param port: the backend's port.
    :param weight: None keeps what is there; a new binding gets the cloud's default.
    :param tag: None keeps what is there.
    """

    number: int
    pool: Pool
    backend: Backend
    port: int
    weight: int | None
    tag: str | None


class UnknownName(InvalidArgument):
    """No listener or rule is what an entry names, so that it helps to list what exists."""


class PoolResolver:
    """Finds pools by what an entry calls them, each in constant time.

    :param snapshot: what was read.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._by_port: dict[int, list[Listener]] = defaultdict(list)
        self._by_location: dict[str, Pool] = {}
        self._by_rule: dict[tuple[str, str, str], list[Pool]] = defaultdict(list)
        self._by_domain: dict[str, list[Pool]] = defaultdict(list)
        for listener in snapshot.listeners.values():
            self._by_port[listener.port].append(listener)
            for pool in listener.pools:
                if pool.location_id is not None:
                    self._by_location[pool.location_id] = pool
                    self._by_rule[_rule_key(pool)].append(pool)
                    self._by_domain[(pool.domain or "").lower()].append(pool)

    def pool_of(self, entry: Entry) -> Pool:
        """The one pool that an entry of ``present`` names.

        :param entry: it names a listener, or a rule by its ID.
        :raises UnknownName: there is none, or the listener's layer does not fit.
        :raises InvalidArgument: there are several, or names contradict each other.
        """
        if entry.location_id is not None:
            pool = self._by_location.get(entry.location_id)
            if pool is None:
                raise UnknownName(f"there is no rule {entry.location_id!r}{self._where(entry)}.")
            _check_names(entry, pool)
            return pool
        listeners = self._listeners(entry)
        if not listeners:
            raise UnknownName(f"there is no {_listener_words(entry)}.")
        if len(listeners) > 1:
            protocols = ", ".join(f"{one.protocol} ({one.listener_id})" for one in listeners)
            raise InvalidArgument(
                f"listener_port {entry.listener_port} is ambiguous: {protocols}; add listener_protocol."
            )
        listener = listeners[0]
        if not listener.layer7:
            if entry.domain is not None:
                raise UnknownName(
                    f"{_listener_label(listener)} is a layer-4 listener and has no rules; leave out domain and url."
                )
            return listener.pools[0]
        if entry.domain is None or entry.url is None:
            raise UnknownName(
                f"{_listener_label(listener)} is a layer-7 listener; name its rule by location_id, or domain and url."
            )
        pools = self._by_rule.get((listener.listener_id, entry.domain, entry.url), [])
        if not pools:
            raise UnknownName(
                f"{_listener_label(listener)} has no rule with domain {entry.domain!r} and url {entry.url!r}."
            )
        return pools[0]

    def pools_of(self, entry: Entry) -> list[Pool]:
        """Every pool that a selector's listener and rule match.

        :param entry: keys left out match everything.
        :raises UnknownName: it names a listener or rule, and none matches.
        :raises InvalidArgument: names contradict an ID.
        """
        if entry.location_id is not None:
            return [self.pool_of(entry)]
        listeners: Iterable[Listener] = self._snapshot.listeners.values()
        if entry.names_listener:
            named = self._listeners(entry)
            if not named:
                raise UnknownName(f"there is no {_listener_words(entry)}.")
            if (entry.domain is not None or entry.url is not None) and not any(one.layer7 for one in named):
                raise UnknownName(
                    f"{_listener_label(named[0])} is a layer-4 listener and has no rules; leave out domain and url."
                )
            listeners = named
        elif entry.domain is not None:
            listeners = {
                pool.listener_id: self._snapshot.listeners[pool.listener_id]
                for pool in self._by_domain.get(entry.domain, ())
            }.values()
        pools = [
            pool
            for listener in listeners
            if entry.listener_protocol in (None, listener.protocol)
            for pool in listener.pools
            if (entry.domain is None or entry.domain == (pool.domain or "").lower())
            and (entry.url is None or entry.url == pool.url)
        ]
        if not pools and (entry.domain is not None or entry.url is not None):
            api_message = [
                f"{key} {value!r}" for key, value in (("domain", entry.domain), ("url", entry.url)) if value is not None
            ]
            raise UnknownName(f"there is no rule with {' and '.join(api_message)}{self._where(entry)}.")
        return pools

    def _listeners(self, entry: Entry) -> list[Listener]:
        """The listeners that an entry names by ID or by port."""
        if entry.listener_id is not None:
            listener = self._snapshot.listeners.get(entry.listener_id)
            if listener is None:
                return []
            _check_listener(entry, listener.listener_id, listener.protocol, listener.port)
            return [listener]
        if entry.listener_port is None:
            return []
        return [
            listener
            for listener in self._by_port.get(entry.listener_port, ())
            if entry.listener_protocol in (None, listener.protocol)
        ]

    def _where(self, entry: Entry) -> str:
        return f" on {_listener_words(entry)}" if entry.names_listener else ""


def _rule_key(pool: Pool) -> tuple[str, str, str]:
    return (pool.listener_id, (pool.domain or "").lower(), pool.url or "")


def _listener_words(entry: Entry) -> str:
    if entry.listener_id is not None:
        return f"listener {entry.listener_id!r}"
    protocol = f"{entry.listener_protocol} " if entry.listener_protocol else ""
    return f"{protocol}listener on port {entry.listener_port}"


def _listener_label(listener: Listener) -> str:
    return f"{listener.protocol}:{listener.port} ({listener.listener_id})"


def _check_listener(entry: Entry, listener_id: str, protocol: str, port: int) -> None:
    """The names beside a listener's ID must be its own."""
    for key, api_message, real in (
        ("listener_id", entry.listener_id, listener_id),
        ("listener_port", entry.listener_port, port),
        ("listener_protocol", entry.listener_protocol, protocol),
    ):
        if api_message is not None and api_message != real:
            raise InvalidArgument(
                f"{key} {api_message!r} contradicts the ID beside it: {protocol}:{port} ({listener_id})."
            )


def _check_names(entry: Entry, pool: Pool) -> None:
    """The names beside a rule's ID must be its own."""
    _check_listener(entry, pool.listener_id, pool.protocol, pool.port)
    for key, api_message, real in (
        ("domain", entry.domain, (pool.domain or "").lower()),
        ("url", entry.url, pool.url),
    ):
        if api_message is not None and api_message != real:
            raise InvalidArgument(f"{key} {api_message!r} contradicts the ID beside it: {pool.label}.")


def what_exists(snapshot: Snapshot) -> str:
    """List the listeners and rules of a load balancer for an error message.

    :param snapshot: of the whole load balancer.
    """
    labels = [pool.label for pool in snapshot.pools.values()]
    labels += [f"{_listener_label(one)} without rules" for one in snapshot.listeners.values() if not one.pools]
    if not labels:
        return "The load balancer has no listeners."
    more = f" and {len(labels) - _MAX_LISTED} more" if len(labels) > _MAX_LISTED else ""
    return f"What exists: {'; '.join(labels[:_MAX_LISTED])}{more}."


def resolve_desired(entries: Sequence[Entry], snapshot: Snapshot) -> tuple[DesiredBinding, ...]:
    """Resolve the entries of ``present``; what is listed twice in the same words comes out once.

    :param entries: checked without the network.
    :param snapshot: what is bound.
    :raises UnknownName: a listener or rule that is named does not exist.
    :raises InvalidArgument: names are ambiguous or contradict each other, or entries that name one binding disagree.
    """
    names = PoolResolver(snapshot)
    # Many entries name the same place: each is looked up once.
    pools: dict[tuple[int | str | None, ...], Pool] = {}
    desired: list[DesiredBinding] = []
    problems: list[str] = []
    unknown = False
    for entry in entries:
        if entry.backend is None or entry.port is None:
            raise InvalidArgument(f"targets[{entry.number}]: backend and port are required.")
        pool = pools.get(entry.place)
        if pool is None:
            try:
                pool = pools[entry.place] = names.pool_of(entry)
            except InvalidArgument as exc:
                unknown = unknown or isinstance(exc, UnknownName)
                problems.append(f"targets[{entry.number}]: {exc.message}")
                continue
        desired.append(DesiredBinding(entry.number, pool, entry.backend, entry.port, entry.weight, entry.tag))
    _raise(problems, unknown)
    identities = [_identity(one, snapshot) for one in desired]
    check_agreement((one.number, identity, one.weight, one.tag) for one, identity in zip(desired, identities))
    return tuple(dict(zip(reversed(identities), reversed(desired))).values())[::-1]


def _raise(problems: Sequence[str], unknown: bool) -> None:
    """Keep it an UnknownName where any is one: then it helps to list what exists."""
    try:
        raise_all(problems)
    except InvalidArgument as exc:
        if unknown:
            raise UnknownName(exc.message) from exc
        raise


def _identity(desired: DesiredBinding, snapshot: Snapshot) -> tuple[PoolKey, str, int]:
    """One binding has one identity, asked for by instance or by its primary address."""
    bound = snapshot.find(desired.pool.key, desired.backend, desired.port)
    if bound is not None:
        return bound.identity
    address = desired.backend.address
    return (desired.pool.key, snapshot.instances.get(address, address), desired.port)


class Selection(NamedTuple):
    """What selectors matched.

    :param touched: the pools that they name or matched on, in the cloud's order.
    :param bindings: what they matched, each once, pool by pool.
    :param unknown: a sentence for each listener or rule that does not exist.
    :param tags_unknown: whether a selector asked for a tag and the answer tells none.
    """

    touched: tuple[Pool, ...]
    bindings: tuple[Binding, ...]
    unknown: tuple[str, ...]
    tags_unknown: bool
    unmatched: tuple[str, ...] = ()


def select(entries: Sequence[Entry], snapshot: Snapshot) -> Selection:
    """Match selectors with what is bound.

    :param entries: keys left out match everything; the weight is ignored.
    :param snapshot: what is bound.
    :raises InvalidArgument: names contradict an ID.
    """
    names = PoolResolver(snapshot)
    all_places: dict[tuple[int | str | None, ...], _Places] = {}
    by_address: dict[str, list[Binding]] = defaultdict(list)
    for binding in snapshot.all_bindings():
        for alias in binding.aliases:
            by_address[alias].append(binding)
    touched: set[PoolKey] = set()
    matched: set[tuple[PoolKey, str, int]] = set()
    unknown: dict[str, None] = {}
    problems: list[str] = []
    for entry in entries:
        places = all_places.get(entry.place)
        if places is None:
            try:
                places = all_places[entry.place] = _Places.of(names.pools_of(entry))
            except UnknownName as exc:
                unknown[f"targets[{entry.number}]: {exc.message}"] = None
                continue
            except InvalidArgument as exc:
                problems.append(f"targets[{entry.number}]: {exc.message}")
                continue
        if entry.names_listener or entry.names_rule:
            touched |= places.keys
        for binding in _match(entry, places, snapshot, by_address):
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
    )


class _Places(NamedTuple):
    pools: Sequence[Pool]
    keys: frozenset[PoolKey]

    @classmethod
    def of(cls, pools: Sequence[Pool]) -> _Places:
        return cls(pools, frozenset(pool.key for pool in pools))


def _match(
    entry: Entry, places: _Places, snapshot: Snapshot, by_address: Mapping[str, list[Binding]]
) -> Iterator[Binding]:
    """What one selector matches; by address where it has one, so that a long list of hosts stays linear."""
    candidates: Iterable[Binding]
    if entry.backend is None:
        candidates = (binding for pool in places.pools for binding in snapshot.bindings[pool.key])
    elif len(places.pools) == 1 and entry.port is not None:
        bound = snapshot.find(places.pools[0].key, entry.backend, entry.port)
        candidates = () if bound is None else (bound,)
    else:
        candidates = (one for one in by_address.get(entry.backend.address, ()) if one.pool.key in places.keys)
    for binding in candidates:
        if entry.port in (None, binding.port) and (not entry.tag or entry.tag == binding.tag):
            yield binding
