# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bindings of a load balancer: an answer of DescribeTargets, parsed once into an indexed snapshot."""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

from .._base.answers import (
    MAX_PORT,
    MAX_WEIGHT,
    Record,
    Where,
    answer_place,
    check_texts,
    each,
    many,
    optional,
    optional_text,
    text,
    text_or_empty,
    unexpected,
    whole,
)
from .._base.errors import printable

_LAYER7_PROTOCOLS = ("HTTP", "HTTPS")
"""Listeners of these protocols hold their targets in rules; any other listener does where it has rules."""

DEFAULT_WEIGHT = 10
"""The weight that a register call without one gives (vendor's model ``BatchTarget.Weight``)."""

PoolKey = tuple[str, Optional[str]]
"""(listener ID, location ID; None on layer 4): where targets are bound."""

BindingKey = tuple[PoolKey, str, int]
"""(pool, instance ID or IP address of the backend, port): the identity of a binding in a load balancer."""

Raw = Mapping[str, Any]
_Ambiguous = dict[str, dict[BindingKey, tuple["Binding", ...]]]

# Source of the fields: DescribeTargetsResponse, ListenerBackend, RuleTargets and Backend in
# tencentcloud.clb.v20180317.models of the vendor's SDK.
_ANSWER = Record(many("Listeners"))
_LISTENER = Record(
    text("ListenerId"),
    text("Protocol"),
    whole("Port", 0, MAX_PORT),
    optional(whole("EndPort", 0, MAX_PORT)),
    many("Rules"),  # null on layer 4
    many("Targets"),  # null on layer 7
)
_RULE = Record(text("LocationId"), text_or_empty("Domain"), text_or_empty("Url"), many("Targets"))
_TARGET = Record(
    text("Type"),
    optional_text("InstanceId"),
    whole("Port", 0, MAX_PORT),  # 0 on some members of target groups
    whole("Weight", 0, MAX_WEIGHT),
    many("PrivateIpAddresses"),
    optional(many("PublicIpAddresses")),
    optional_text("InstanceName"),
    optional_text("RegisteredTime"),
    optional_text("Tag"),
    optional_text("Zone"),
)


def address_label(address: str, port: int) -> str:
    """An instance ID or IP address with its port in messages; an IPv6 address in brackets."""
    shown = printable(address, 128)
    return f"[{shown}]:{port}" if ":" in address else f"{shown}:{port}"


_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PLAIN_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")


def canonical_ip(text: str) -> str:
    """Spell an IP address in its shortest form, so that equal addresses are equal texts.

    An IPv4 address in IPv6 spelling (``::ffff:10.0.0.1``) is the IPv4 address.

    :raises ValueError: the text is no IP address.
    """
    # Nearly all addresses are of this kind, and parsing them would cost a quarter of all planning.
    if _PLAIN_IPV4.fullmatch(text):
        return text
    address = ipaddress.ip_address(text.strip())
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def answered_address(raw: str) -> str:
    """An address of an answer in its shortest form; one that does not parse stays as it came."""
    try:
        return canonical_ip(raw)
    except ValueError:
        return raw


def _addresses(raws: list[Any] | None, where: Where, name: str) -> tuple[str, ...]:
    if not raws:
        return ()
    try:
        return tuple([raw if _PLAIN_IPV4.fullmatch(raw) else answered_address(raw) for raw in raws if raw != ""])
    except TypeError:
        check_texts(raws, where, name)
        raise


@dataclass(frozen=True)
class Pool:
    """Where targets are bound: a layer-4 listener, or a rule of a layer-7 listener.

    :param location_id: the rule; None on layer 4, as domain and url are.
    :param end_port: the last port of a port-range listener, else None.
    """

    listener_id: str
    location_id: str | None
    protocol: str
    port: int
    end_port: int | None = None
    domain: str | None = None
    url: str | None = None
    key: PoolKey = field(init=False)
    """Made once, since every binding of the pool asks for it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.listener_id, self.location_id))

    @property
    def label(self) -> str:
        """The pool in messages; its domain and path come from outside."""
        ports = f"{self.port}-{self.end_port}" if self.end_port else str(self.port)
        listener = f"{self.protocol}:{ports} ({self.listener_id})"
        if self.location_id is None:
            return printable(listener)
        return printable(f"{listener} {self.domain or ''}{self.url or ''} ({self.location_id})")


class Backend(NamedTuple):
    """The address of a backend in a call: a CVM's ID, which stands for its primary address, or an IP address."""

    instance_id: str | None
    eni_ip: str | None

    @property
    def address(self) -> str:
        """The instance ID or the IP address."""
        return self.instance_id or self.eni_ip or ""


class Binding(NamedTuple):
    """One backend and port bound to one pool; None stands for what the cloud does not tell.

    :param weight: 0 to 100; 0 gets no new traffic.
    :param tag: empty where it has none.
    :param aliases: the instance ID and IP addresses that find this binding, and no other one of its pool and port.
    :param backend_type: the cloud's ``Type``, such as ``CVM`` or ``ENI``.
    :param registered_time: in the cloud's own form.
    """

    pool: Pool
    backend: Backend
    port: int
    weight: int
    tag: str | None
    aliases: tuple[str, ...] = ()
    backend_type: str | None = None
    private_ips: tuple[str, ...] = ()
    instance_name: str | None = None
    zone: str | None = None
    registered_time: str | None = None
    public_ips: tuple[str, ...] = ()

    @property
    def identity(self) -> BindingKey:
        """The key of the binding."""
        return (self.pool.key, self.backend.address, self.port)

    @property
    def address_label(self) -> str:
        """Its address and port in messages."""
        return address_label(self.backend.address, self.port)

    @property
    def label(self) -> str:
        """The binding in messages: ``10.0.0.1:80 on TCP:80 (lbl-1)``."""
        return f"{self.address_label} on {self.pool.label}"


def describe(
    load_balancer_id: str, pool: Pool, backend: Backend, port: int, weight: int | None, tag: str | None
) -> dict[str, Any]:
    """A binding as an entry of ``targets``, in results and in a restore file."""
    return {
        "load_balancer_id": load_balancer_id,
        "listener_id": pool.listener_id,
        "location_id": pool.location_id,
        "instance_id": backend.instance_id,
        "eni_ip": backend.eni_ip,
        "port": port,
        "weight": weight,
        "tag": tag,
    }


class Listener(NamedTuple):
    """A listener and the pools in it: itself on layer 4, its rules on layer 7."""

    listener_id: str
    protocol: str
    port: int
    end_port: int | None
    layer7: bool
    pools: tuple[Pool, ...]


@dataclass(frozen=True)
class Snapshot:
    """One answer of DescribeTargets, indexed; everything is in the cloud's order.

    :param bindings: by pool, without cloud functions and backends that no call can address.
    :param index: each binding under each of its aliases.
    :param instances: primary private IP -> instance ID, of every CVM in the answer.
    :param listener_ids: the filter of the answer, None for the whole load balancer.
    :param ambiguous: by address, the keys that several bindings may have, with these.
    """

    listeners: Mapping[str, Listener]
    pools: Mapping[PoolKey, Pool]
    bindings: Mapping[PoolKey, tuple[Binding, ...]]
    index: Mapping[BindingKey, Binding]
    instances: Mapping[str, str]
    tags_known: bool
    listener_ids: tuple[str, ...] | None = None
    ambiguous: Mapping[str, Mapping[BindingKey, tuple[Binding, ...]]] = field(default_factory=dict)

    def find(self, pool: PoolKey, backend: Backend, port: int) -> Binding | None:
        """The binding of a backend, asked for by instance ID or by address; None where it is not bound."""
        return self.index.get((pool, backend.address, port))

    def all_bindings(self) -> Iterator[Binding]:
        """Every binding, pool by pool."""
        for bindings in self.bindings.values():
            yield from bindings


def parse_targets(answer: Raw, listener_ids: tuple[str, ...] | None = None) -> Snapshot:
    """Parse an answer of DescribeTargets to a request with this filter; None for none.

    :raises UnexpectedAnswer: it is not what DescribeTargets answers.
    """
    root = answer_place("DescribeTargets", answer)
    listeners: dict[str, Listener] = {}
    pools: dict[PoolKey, Pool] = {}
    raw_targets: list[tuple[Where, Pool, list[Any]]] = []
    (raw_listeners,) = _ANSWER.read(answer, root)
    for where, values in each(_LISTENER, raw_listeners, root, "Listeners"):
        listener, found = _parse_listener(where, values)
        if listeners.setdefault(listener.listener_id, listener) is not listener:
            raise unexpected(where, "ListenerId", listener.listener_id, "the ID of one listener only")
        for place, pool, _raws in found:
            if pools.setdefault(pool.key, pool) is not pool:
                raise unexpected(place, "LocationId", pool.location_id, "the ID of one rule only")
        raw_targets += found
    # Older stacks have no tags: then the field is in no entry at all.
    tags_known = any("Tag" in raw for _place, _pool, raws in raw_targets for raw in raws if isinstance(raw, dict))
    bindings: dict[PoolKey, tuple[Binding, ...]] = {}
    index: dict[BindingKey, Binding] = {}
    ambiguous: _Ambiguous = {}
    instances: dict[str, str] = {}
    for place, pool, raws in raw_targets:
        parsed = [
            binding
            for where, values in each(_TARGET, raws, place, "Targets")
            if (binding := _parse_target(where, values, pool, tags_known)) is not None
        ]
        bindings[pool.key] = _index(parsed, index, ambiguous)
        for binding in bindings[pool.key]:
            if binding.backend.instance_id and binding.private_ips:
                instances.setdefault(binding.private_ips[0], binding.backend.instance_id)
    return Snapshot(listeners, pools, bindings, index, instances, tags_known, listener_ids, ambiguous)


def _parse_listener(where: Where, values: tuple[Any, ...]) -> tuple[Listener, list[tuple[Where, Pool, list[Any]]]]:
    """A listener, and the raw targets of each of its pools."""
    listener_id, protocol, port, end_port, rules, targets = values
    protocol = protocol.upper()
    end_port = end_port or None
    # The Targets of an empty QUIC listener may be null or a list: only its rules tell.
    layer7 = bool(rules) or protocol in _LAYER7_PROTOCOLS
    found = [(where, Pool(listener_id, None, protocol, port, end_port), targets or [])]
    if layer7:
        found = [
            (place, Pool(listener_id, location_id, protocol, port, end_port, domain, url), rule_targets or [])
            for place, (location_id, domain, url, rule_targets) in each(_RULE, rules, where, "Rules")
        ]
    return Listener(listener_id, protocol, port, end_port, layer7, tuple(pool for _place, pool, _raws in found)), found


def _parse_target(where: Where, values: tuple[Any, ...], pool: Pool, tags_known: bool) -> Binding | None:
    """One ``Backend`` of an answer; None for one that no call can address."""
    backend_type, instance_id, port, weight, raw_private, raw_public, name, time, tag, zone = values
    private_ips = _addresses(raw_private, where, "PrivateIpAddresses")
    aliases: tuple[str, ...]
    if backend_type.upper() == "CVM":
        if not instance_id:
            raise unexpected(where, "InstanceId", instance_id, "the ID of a CVM")
        backend = Backend(instance_id, None)
        aliases = (instance_id, *private_ips[:1])
    elif private_ips:
        backend = Backend(None, private_ips[0])
        aliases = private_ips
    else:
        return None
    if port == 0:
        return None
    public_ips = _addresses(raw_public, where, "PublicIpAddresses")
    tag = (tag or "") if tags_known else None
    about = (backend_type, private_ips, name or None, zone or None, time or None, public_ips)
    return Binding(pool, backend, port, weight, tag, aliases, *about)


def _index(bindings: list[Binding], index: dict[BindingKey, Binding], ambiguous: _Ambiguous) -> tuple[Binding, ...]:
    """Add the bindings of one pool to the index; they change where several of them show the same address."""
    clash = False
    for binding in bindings:
        for alias in binding.aliases:
            if index.setdefault((binding.pool.key, alias, binding.port), binding) is not binding:
                clash = True
    if not clash:
        return tuple(bindings)
    told_apart: list[Binding] = []
    for port in dict.fromkeys(binding.port for binding in bindings):
        same_port = [binding for binding in bindings if binding.port == port]
        for binding in same_port:
            for alias in binding.aliases:
                index.pop((binding.pool.key, alias, port), None)
        told_apart += _tell_apart(same_port, ambiguous)
    for binding in told_apart:
        for alias in binding.aliases:
            index.setdefault((binding.pool.key, alias, binding.port), binding)
    return tuple(told_apart)


def _tell_apart(rows: list[Binding], ambiguous: _Ambiguous) -> Iterator[Binding]:
    """Give each binding of one pool and port the addresses that are its own; those that may be several's are ambiguous.

    The API can answer a backend with every address of its network interface, though only one of them is bound. A CVM
    has its primary address; any other backend has the first address that is no CVM's, unless that is another's first.
    """
    # Two rows with the same single address are one binding; rows with several addresses may be different ones.
    single = [row for row in rows if row.backend.instance_id or len(row.aliases) == 1]
    rows = [row for row in rows if not row.backend.instance_id and len(row.aliases) > 1] + list(dict.fromkeys(single))
    cvms = _rows_by_name(row.aliases if row.backend.instance_id else () for row in rows)
    own = [
        row.aliases[:1] if row.backend.instance_id else tuple(name for name in row.aliases if name not in cvms)[:1]
        for row in rows
    ]
    claims = _rows_by_name(row.aliases for row in rows)
    holders = {**claims, **_rows_by_name(own), **cvms}
    doubtful = {number for number, names in enumerate(own) if not names or holders[names[0]] != [number]}
    settled = {
        name: holders[name][0]
        for name, numbers in claims.items()
        if len(holders[name]) == 1 and doubtful.isdisjoint(numbers)
    }
    for name in claims.keys() - settled.keys():
        candidates = claims[name] if len(claims[name]) > 1 else sorted(doubtful)
        key = (rows[0].pool.key, name, rows[0].port)
        ambiguous.setdefault(name, {})[key] = tuple(rows[number] for number in candidates)
    # Rows in doubt get different addresses all the same: together, all of them can be selected.
    taken = {*cvms, *(names[0] for number, names in enumerate(own) if number not in doubtful)}
    for number in sorted(doubtful, key=lambda number: len(rows[number].aliases)):
        row = rows[number]
        own[number] = (next((name for name in row.aliases if name not in taken), row.backend.address),)
        taken.add(own[number][0])
    for number, row in enumerate(rows):
        aliases = dict.fromkeys((*own[number], *(name for name in row.aliases if settled.get(name) == number)))
        backend = row.backend if row.backend.instance_id else Backend(None, own[number][0])
        yield row._replace(backend=backend, aliases=tuple(aliases))


def _rows_by_name(rows: Iterable[tuple[str, ...]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for number, names in enumerate(rows):
        for name in set(names):
            found[name].append(number)
    return found
