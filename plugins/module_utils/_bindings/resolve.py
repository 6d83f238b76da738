# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the names in entries to the listeners, rules and bindings that exist."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from .._base.errors import InvalidArgument, and_more, shown_value
from .entries import Entry, Place, check_agreement, raise_all
from .snapshot import address_label

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .snapshot import Backend, Binding, BindingKey, Listener, Pool, PoolKey, Snapshot


class DesiredBinding(NamedTuple):
    """One binding that an entry of ``present`` asks for; a weight or tag of None stays as it is."""

    number: int
    pool: Pool
    backend: Backend
    port: int
    weight: int | None
    tag: str | None

    @property
    def label(self) -> str:
        """The binding in messages: ``10.0.0.1:80 on TCP:80 (lbl-1)``."""
        return f"{address_label(self.backend.address, self.port)} on {self.pool.label}"


class UnknownName(InvalidArgument):
    """An entry names a listener or rule that does not exist; the caller lists those that do.

    :param meant: the IDs of the listeners that can have been meant; empty where nothing tells.
    """

    def __init__(self, message: str, meant: Collection[str] = ()) -> None:
        super().__init__(message)
        self.meant = frozenset(meant)


class WrongLayer(UnknownName):
    """A layer-7 listener is named without a rule, or a layer-4 listener with one."""


class Selection(NamedTuple):
    """The matches of selectors, in the cloud's order.

    :param touched: the pools that they name or matched on.
    :param unknown: a sentence for each listener or rule that does not exist.
    :param unmatched: the selectors that name a backend, a port or a tag and match nothing bound.
    """

    touched: tuple[Pool, ...]
    bindings: tuple[Binding, ...]
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unmatched: tuple[Entry, ...] = ()
    meant: frozenset[str] = frozenset()


class PoolResolver:
    """Finds the pools of entries by ID or name, each in constant time."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._found: dict[Place, Pool] = {}
        self._matched: dict[Place, dict[PoolKey, Pool]] = {}
        self._by_port: dict[int, list[Listener]] = defaultdict(list)
        self._by_location: dict[str, Pool] = {}
        self._by_rule: dict[tuple[str, str, str], Pool] = {}
        self._by_domain: dict[str, list[Pool]] = defaultdict(list)
        for listener in snapshot.listeners.values():
            self._by_port[listener.port].append(listener)
            for pool in listener.pools:
                if pool.location_id is not None:
                    self._by_location[pool.location_id] = pool
                    domain = (pool.domain or "").lower()
                    self._by_rule.setdefault((pool.listener_id, domain, pool.url or ""), pool)
                    self._by_domain[domain].append(pool)

    def pool_for(self, entry: Entry) -> Pool:
        """The one pool of an entry of ``present``, each place looked up once.

        :raises UnknownName: there is none, or the listener's layer does not fit.
        :raises InvalidArgument: there are several, names contradict each other, or the backend may be one of several.
        """
        pool = self._found.get(entry.place)
        if pool is None:
            pool = self._found[entry.place] = self._pool_of(entry.place)
        if self._snapshot.ambiguous and entry.backend is not None and entry.port is not None:
            check_certain((pool.key, entry.backend.address, entry.port), self._snapshot)
        return pool

    def pools_of(self, place: Place) -> Mapping[PoolKey, Pool]:
        """Every pool that a selector's listener and rule match, each place looked up once.

        :raises UnknownName: it names a listener or rule, and none matches.
        :raises InvalidArgument: names contradict an ID.
        """
        if place not in self._matched:
            self._matched[place] = {pool.key: pool for pool in self._pools_of(place)}
        return self._matched[place]

    def _pool_of(self, place: Place) -> Pool:
        if place.location_id is not None:
            return self._rule_by_id(place, place.location_id)
        listeners = self._listeners(place)
        if not listeners:
            raise self._no_listener(place)
        if len(listeners) > 1:
            protocols = ", ".join(f"{listener.protocol} ({listener.listener_id})" for listener in listeners)
            raise InvalidArgument(
                f"listener_port {place.listener_port} is ambiguous: {protocols}; add listener_protocol."
            )
        listener = listeners[0]
        if not listener.layer7:
            if place.domain is not None:
                raise WrongLayer(_no_rules(listener), [listener.listener_id])
            return listener.pools[0]
        if place.domain is None or place.url is None:
            raise WrongLayer(
                f"{_listener_label(listener)} is a layer-7 listener; name its rule by location_id, or domain and url.",
                [listener.listener_id],
            )
        pool = self._by_rule.get((listener.listener_id, place.domain, place.url))
        if pool is None:
            raise UnknownName(
                f"{_listener_label(listener)} has no rule with domain {shown_value(place.domain)} and url "
                f"{shown_value(place.url)}.",
                [listener.listener_id],
            )
        return pool

    def _pools_of(self, place: Place) -> list[Pool]:
        if place.location_id is not None:
            return [self._rule_by_id(place, place.location_id)]
        listeners: Iterable[Listener] = self._snapshot.listeners.values()
        by_rule = place.domain is not None or place.url is not None
        if place.names_listener:
            named = self._listeners(place)
            if not named:
                raise self._no_listener(place)
            if by_rule and not any(listener.layer7 for listener in named):
                raise UnknownName(_no_rules(named[0]), [named[0].listener_id])
            listeners = named
        elif place.domain is not None:
            ids = dict.fromkeys(pool.listener_id for pool in self._by_domain.get(place.domain, ()))
            listeners = [self._snapshot.listeners[listener_id] for listener_id in ids]
        pools = [
            pool
            for listener in listeners
            if place.listener_protocol in (None, listener.protocol)
            for pool in listener.pools
            if place.domain in (None, (pool.domain or "").lower()) and place.url in (None, pool.url)
        ]
        if not pools and by_rule:
            names = {"domain": place.domain, "url": place.url}
            told = " and ".join(f"{key} {shown_value(value)}" for key, value in names.items() if value is not None)
            raise UnknownName(f"there is no rule with {told}{_where(place)}.", self._meant(place))
        return pools

    def _rule_by_id(self, place: Place, location_id: str) -> Pool:
        pool = self._by_location.get(location_id)
        if pool is None:
            raise UnknownName(f"there is no rule {location_id!r}{_where(place)}.", self._meant(place))
        _check_names(place, _place_of(pool), pool.label)
        return pool

    def _listeners(self, place: Place) -> list[Listener]:
        if place.listener_id is not None:
            listener = self._snapshot.listeners.get(place.listener_id)
            if listener is None:
                return []
            real = place._replace(listener_port=listener.port, listener_protocol=listener.protocol)
            _check_names(place, real, _listener_label(listener))
            return [listener]
        if place.listener_port is None:
            return []
        return [
            listener
            for listener in self._by_port.get(place.listener_port, ())
            if place.listener_protocol in (None, listener.protocol)
        ]

    def _no_listener(self, place: Place) -> UnknownName:
        known = {listener.protocol for listener in self._snapshot.listeners.values()}
        strange = place.listener_protocol is not None and known and place.listener_protocol not in known
        others = f" The listeners here have the protocols {', '.join(sorted(known))}." if strange else ""
        return UnknownName(f"there is no {_listener_words(place)}.{others}", self._meant(place))

    def _meant(self, place: Place) -> list[str]:
        """The IDs of the listeners that an entry can mean, by its ID or else its port."""
        if place.listener_id is not None and place.listener_id in self._snapshot.listeners:
            return [place.listener_id]
        return [one.listener_id for one in self._snapshot.listeners.values() if one.port == place.listener_port]


def _where(place: Place) -> str:
    return f" on {_listener_words(place)}" if place.names_listener else ""


def _no_rules(listener: Listener) -> str:
    return f"{_listener_label(listener)} is a layer-4 listener and has no rules; leave out domain and url."


def _listener_words(place: Place) -> str:
    if place.listener_id is not None:
        return f"listener {place.listener_id!r}"
    protocol = f"{place.listener_protocol} " if place.listener_protocol else ""
    return f"{protocol}listener on port {place.listener_port}"


def _listener_label(listener: Listener) -> str:
    return f"{listener.protocol}:{listener.port} ({listener.listener_id})"


def _place_of(pool: Pool) -> Place:
    domain = (pool.domain or "").lower()
    return Place(pool.listener_id, pool.port, pool.protocol, pool.location_id, domain, pool.url)


def contradicts(place: Place, pool: Pool) -> bool:
    """The place has a name that the pool does not have."""
    return any(given not in (None, own) for given, own in zip(place, _place_of(pool)))


def _check_names(place: Place, real: Place, label: str) -> None:
    for key, given, own in zip(Place._fields, place, real):
        if given not in (None, own):
            raise InvalidArgument(f"{key} {shown_value(given)} contradicts the ID beside it: {label}.")


def what_exists(snapshot: Snapshot, meant: Collection[str] = ()) -> str:
    """List the listeners and rules of a load balancer, or of these listeners, in a message."""
    listeners = [one for one in snapshot.listeners.values() if not meant or one.listener_id in meant]
    labels = [pool.label for listener in listeners for pool in listener.pools]
    labels += [f"{_listener_label(listener)} without rules" for listener in listeners if not listener.pools]
    if not labels:
        return "The load balancer has no listeners."
    return f"What exists: {and_more(labels, 20, '; ')}."


def resolve_desired(entries: Sequence[Entry], snapshot: Snapshot) -> tuple[DesiredBinding, ...]:
    """Resolve the entries of ``present``; a binding that is listed twice comes out once.

    :raises UnknownName: a listener or rule that is named does not exist.
    :raises InvalidArgument: names are ambiguous or contradict each other, or entries that name one binding disagree.
    """
    names = PoolResolver(snapshot)
    desired: list[DesiredBinding] = []
    problems: list[str] = []
    unknown: list[UnknownName] = []
    for entry in entries:
        if entry.backend is None or entry.port is None:
            raise InvalidArgument(f"targets[{entry.number}]: backend and port are required.")
        try:
            pool = names.pool_for(entry)
        except InvalidArgument as exc:
            unknown += [exc] if isinstance(exc, UnknownName) else []
            problems.append(f"targets[{entry.number}]: {exc.message}")
        else:
            desired.append(DesiredBinding(entry.number, pool, entry.backend, entry.port, entry.weight, entry.tag))
    try:
        raise_all(problems)
    except InvalidArgument as exc:
        # The caller lists the existing listeners and rules where any name is unknown.
        if unknown:
            raise UnknownName(exc.message, all_meant(unknown)) from exc
        raise
    identities = [identity_of(wish.pool, wish.backend, wish.port, snapshot) for wish in desired]
    by_number = {wish.number: wish for wish in desired}
    check_agreement(
        ((wish.number, identity, wish.weight, wish.tag) for wish, identity in zip(desired, identities)),
        lambda number: by_number[number].label,
    )
    wishes: dict[BindingKey, DesiredBinding] = {}
    for wish, identity in zip(desired, identities):
        wishes.setdefault(identity, wish)
    return tuple(wishes.values())


def all_meant(unknown: Iterable[UnknownName]) -> frozenset[str]:
    """The listeners that entries can mean together; empty where nothing tells for one of them."""
    meant = [one.meant for one in unknown]
    return frozenset().union(*meant) if all(meant) else frozenset()


def check_certain(key: BindingKey, snapshot: Snapshot) -> None:
    """Refuse a backend that may be one of several: nobody can say afterwards which of them was changed.

    :raises InvalidArgument: the API names the address for several bindings.
    """
    _pool, address, port = key
    candidates = snapshot.ambiguous.get(address, {}).get(key)
    if candidates:
        shown = and_more([f"weight {bound.weight} with {', '.join(bound.private_ips)}" for bound in candidates])
        raise InvalidArgument(
            f"{address_label(address, port)} on {candidates[0].pool.label} may be either of {len(candidates)} "
            f"bindings, since the API names the same addresses for them: {shown}. Name the listener or rule without a "
            "backend to select all of them, or give these backends one address each."
        )


def identity_of(pool: Pool, backend: Backend, port: int, snapshot: Snapshot) -> BindingKey:
    """The key of a binding, the same for an instance and for its primary address."""
    bound = snapshot.find(pool.key, backend, port)
    if bound is not None:
        return bound.identity
    return (pool.key, snapshot.instances.get(backend.address, backend.address), port)


def select(entries: Sequence[Entry], snapshot: Snapshot) -> Selection:
    """Match selectors with what is bound; keys left out match everything, and the weight is ignored.

    :raises InvalidArgument: names contradict an ID, or an address may be that of several bindings.
    """
    names = PoolResolver(snapshot)
    by_address: dict[str, list[Binding]] = defaultdict(list)
    for binding in snapshot.all_bindings():
        for alias in binding.aliases:
            by_address[alias].append(binding)
    touched: set[PoolKey] = set()
    matched: set[BindingKey] = set()
    unknown: dict[str, UnknownName] = {}
    unmatched: list[Entry] = []
    problems: list[str] = []
    for entry in entries:
        try:
            pools = names.pools_of(entry.place)
            found = _match(entry, pools, snapshot, by_address)
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


def _match(
    entry: Entry, pools: Mapping[PoolKey, Pool], snapshot: Snapshot, by_address: Mapping[str, list[Binding]]
) -> list[Binding]:
    """The bindings that a selector matches; found by address where it has one, so that many hosts stay linear."""
    backend, port = entry.backend, entry.port
    candidates: Iterable[Binding]
    if backend is None:
        candidates = (binding for key in pools for binding in snapshot.bindings[key])
    else:
        for key in snapshot.ambiguous.get(backend.address, ()):
            if key[0] in pools and port in (None, key[2]):
                check_certain(key, snapshot)
        if len(pools) == 1 and port is not None:
            bound = snapshot.find(next(iter(pools)), backend, port)
            candidates = () if bound is None else (bound,)
        else:
            candidates = (binding for binding in by_address.get(backend.address, ()) if binding.pool.key in pools)
    return [one for one in candidates if port in (None, one.port) and (not entry.tag or entry.tag == one.tag)]
