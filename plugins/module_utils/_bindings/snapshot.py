# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is bound to a load balancer: DescribeTargets and DescribeTargetHealth, parsed once into indexed snapshots.

The shapes are those of ``tencentcloud.clb.v20180317.models`` in the vendor's SDK.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
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
    optional_many,
    optional_text,
    optional_whole,
    text,
    text_or_empty,
    unexpected,
    whole,
)
from .._base.errors import printable
from .addresses import Claim, find_owners

LAYER7_PROTOCOLS = frozenset({"HTTP", "HTTPS"})
"""Listeners of these protocols hold their targets in rules; any other listener does where it has rules."""

MAX_ADDRESS = 128
"""Characters of an address in messages: more than any ID has."""
DEFAULT_WEIGHT = 10
"""What a register call without a weight gives (vendor's model ``BatchTarget.Weight``)."""

PoolKey = tuple[str, Optional[str]]
"""(listener ID, location ID; None on layer 4): where targets are bound."""

Raw = Mapping[str, Any]

# Source of the fields: DescribeTargetsResponse, ListenerBackend, RuleTargets and Backend of the vendor's models.
_ANSWER = Record(many("Listeners"))
_LISTENER = Record(
    text("ListenerId"),
    text("Protocol"),
    whole("Port", 0, MAX_PORT),
    optional_whole("EndPort", 0, MAX_PORT),
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
    optional_many("PublicIpAddresses"),
    optional_text("InstanceName"),
    optional_text("RegisteredTime"),
    optional_text("Tag"),
    optional_text("Zone"),
)


class BindingKey(NamedTuple):
    """What makes a binding this one, in a load balancer.

    :param pool: the key of its pool.
    :param address: the instance ID or IP address of its backend.
    """

    pool: PoolKey
    address: str
    port: int


_IndexKey = tuple[PoolKey, str, int]
"""What a BindingKey is, as a plain tuple: that is made three times as fast, and looks up the same."""


def address_label(address: str, port: int) -> str:
    """An address with its port in messages; an IPv6 address in brackets.

    :param address: an instance ID or IP address.
    """
    shown = printable(address, MAX_ADDRESS)
    return f"[{shown}]:{port}" if ":" in address else f"{shown}:{port}"


_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PLAIN_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")


def canonical_ip(text: str) -> str:
    """Spell an IP address in its shortest form, so that equal addresses are equal texts.

    An IPv4 address in IPv6 spelling (``::ffff:10.0.0.1``) is the IPv4 address.

    :param text: an IPv4 or IPv6 address in any spelling.
    :raises ValueError: it is none.
    """
    # Nearly all addresses are of this kind, and parsing them would cost a quarter of all planning.
    if _PLAIN_IPV4.fullmatch(text):
        return text
    address = ipaddress.ip_address(text.strip())
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)


def _addresses(raws: list[Any] | None, where: Where, name: str) -> tuple[str, ...]:
    """Addresses of an answer in their shortest form; one that does not parse stays as it came."""
    if not raws:
        return ()
    try:
        return tuple([raw if _PLAIN_IPV4.fullmatch(raw) else _address(raw) for raw in raws if raw != ""])
    except TypeError:
        check_texts(raws, where, name)
        raise


def _address(raw: str) -> str:
    try:
        return canonical_ip(raw)
    except ValueError:
        return raw


@dataclass(frozen=True)
class Pool:
    """A place that targets are bound to: a layer-4 listener, or a rule of a layer-7 listener.

    :param location_id: the rule; None on layer 4.
    :param end_port: the last port of a port-range listener, else None.
    :param domain: the rule's; None on layer 4.
    :param url: the rule's; None on layer 4.
    """

    listener_id: str
    location_id: str | None
    protocol: str
    port: int
    end_port: int | None = None
    domain: str | None = None
    url: str | None = None
    key: PoolKey = field(init=False, repr=False, compare=False)
    """What identifies it in a load balancer; made once, since every binding of the pool asks for it."""

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
    """How a call addresses a backend: exactly one of the two is set.

    :param instance_id: of a CVM, for its primary private IPv4 address.
    :param eni_ip: any other address, in its shortest form.
    """

    instance_id: str | None
    eni_ip: str | None

    @property
    def address(self) -> str:
        """The instance ID or the IP address."""
        return self.instance_id or self.eni_ip or ""


class Binding(NamedTuple):
    """One backend and port bound to one pool.

    :param backend: how a call addresses it.
    :param weight: 0 to 100; 0 gets no new traffic.
    :param tag: empty where it has none, None where the cloud does not tell tags.
    :param aliases: every text that addresses this backend: the instance ID, and IP addresses, but none that
        addresses another one in this pool.
    :param backend_type: the cloud's ``Type``, such as ``CVM`` or ``ENI``.
    :param private_ips: its private addresses in the cloud's order.
    :param instance_name: None where it has none.
    :param zone: None where the cloud does not say.
    :param registered_time: in the cloud's own form, None where it does not say.
    :param public_ips: its public addresses in the cloud's order.
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
        """What makes it this binding."""
        return BindingKey(self.pool.key, self.backend.address, self.port)

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
    """A binding as an entry of ``targets``, in results and in a restore file.

    :param weight: 0 to 100, None where it is not said.
    :param tag: empty for none, None where it is not said.
    """
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
    """A listener and the pools in it.

    :param port: its port, the first of a range.
    :param end_port: the last of a range, else None.
    :param layer7: whether its targets are bound to rules.
    :param pools: itself on layer 4, its rules on layer 7.
    """

    listener_id: str
    protocol: str
    port: int
    end_port: int | None
    layer7: bool
    pools: tuple[Pool, ...]


@dataclass(frozen=True)
class Snapshot:
    """What one DescribeTargets answered, indexed.

    :param listeners: by ID, in the cloud's order.
    :param pools: by key, in the cloud's order.
    :param bindings: by pool key; a pool without any has an empty tuple. Cloud functions and backends that no call can
        address are not in it.
    :param index: by pool key, address (instance ID or IP) and port.
    :param ambiguous: the addresses that may be those of several bindings, with these.
    :param instances: primary private IP to instance ID, for every CVM in the answer.
    :param tags_known: whether the answer tells tags.
    :param listener_ids: what the answer was filtered by, None for the whole load balancer.
    """

    listeners: Mapping[str, Listener]
    pools: Mapping[PoolKey, Pool]
    bindings: Mapping[PoolKey, tuple[Binding, ...]]
    index: Mapping[_IndexKey, Binding]
    instances: Mapping[str, str]
    tags_known: bool
    listener_ids: tuple[str, ...] | None = None
    ambiguous: Mapping[BindingKey, tuple[Binding, ...]] = field(default_factory=dict)

    def find(self, pool: PoolKey, backend: Backend, port: int) -> Binding | None:
        """Find the binding of a backend, asked for by instance ID or by address.

        :returns: None where it is not bound.
        """
        return self.index.get((pool, backend.address, port))

    def all_bindings(self) -> Iterator[Binding]:
        """Every binding, pool by pool."""
        for bindings in self.bindings.values():
            yield from bindings


def parse_targets(answer: Raw, listener_ids: tuple[str, ...] | None = None) -> Snapshot:
    """Parse an answer of DescribeTargets.

    :param listener_ids: the filter that was sent, None for none.
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
    index: dict[_IndexKey, Binding] = {}
    ambiguous: dict[BindingKey, tuple[Binding, ...]] = {}
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
    """A listener, and for each of its pools the raw targets in it."""
    listener_id, protocol, port, end_port, rules, targets = values
    protocol = protocol.upper()
    end_port = end_port or None
    # Whether an empty QUIC listener answers its Targets as null or as a list is not known: its rules say what it is.
    layer7 = bool(rules) or protocol in LAYER7_PROTOCOLS
    found: list[tuple[Where, Pool, list[Any]]]
    if layer7:
        found = [
            (place, Pool(listener_id, location_id, protocol, port, end_port, domain, url), rule_targets or [])
            for place, (location_id, domain, url, rule_targets) in each(_RULE, rules, where, "Rules")
        ]
    else:
        found = [(where, Pool(listener_id, None, protocol, port, end_port), targets or [])]
    return Listener(listener_id, protocol, port, end_port, layer7, tuple(pool for _place, pool, _raws in found)), found


def _parse_target(where: Where, values: tuple[Any, ...], pool: Pool, tags_known: bool) -> Binding | None:
    """Parse one ``Backend`` of an answer; None for what no call can address.

    Only a CVM is addressed by its ``InstanceId``, which stands for its first private address; every other kind by one
    of its private addresses, whatever its other IDs say.
    """
    backend_type, instance_id, port, weight, raw_private, raw_public, name, registered_time, tag, zone = values
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
    return Binding(
        pool,
        backend,
        port,
        weight,
        (tag or "") if tags_known else None,
        aliases,
        backend_type,
        private_ips,
        name or None,
        zone or None,
        registered_time or None,
        _addresses(raw_public, where, "PublicIpAddresses"),
    )


def _index(
    bindings: list[Binding],
    index: dict[_IndexKey, Binding],
    ambiguous: dict[BindingKey, tuple[Binding, ...]],
) -> tuple[Binding, ...]:
    """Add the bindings of one pool to the index.

    :returns: the same bindings; changed where the answer gives several of them the same address.
    """
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
        found, doubts = _tell_apart(same_port)
        ambiguous.update(doubts)
        for binding in found:
            for alias in binding.aliases:
                index.setdefault((binding.pool.key, alias, port), binding)
        told_apart += found
    return tuple(told_apart)


def _tell_apart(bindings: list[Binding]) -> tuple[list[Binding], dict[BindingKey, tuple[Binding, ...]]]:
    """Give each binding of one pool and port the addresses that are its own; with those addresses that are in doubt."""
    # What has one address and is listed twice is one; what has several can be several.
    several = [binding for binding in bindings if len(_claim(binding).addresses) > 1]
    rows = several + list(dict.fromkeys(binding for binding in bindings if len(_claim(binding).addresses) <= 1))
    owners, doubtful = find_owners([_claim(binding) for binding in rows])
    claimants: dict[str, list[int]] = {}
    for number, binding in enumerate(rows):
        for alias in binding.aliases:
            claimants.setdefault(alias, []).append(number)
    doubts = {
        BindingKey(rows[0].pool.key, alias, rows[0].port): tuple(rows[number] for number in numbers)
        for alias, numbers in claimants.items()
        if len(numbers) > 1 and (alias not in owners or not doubtful.isdisjoint(numbers))
    }
    told_apart = []
    for number, binding in enumerate(rows):
        aliases = [alias for alias in binding.aliases if owners.get(alias) == number]
        backend = binding.backend
        if aliases and backend.instance_id is None:
            backend = Backend(None, aliases[0])
        aliases += [alias for alias in binding.aliases if alias not in owners and len(claimants[alias]) == 1]
        told_apart.append(binding._replace(backend=backend, aliases=tuple(aliases) or (backend.address,)))
    return told_apart, doubts


def _claim(binding: Binding) -> Claim:
    instance_id = binding.backend.instance_id
    return Claim(instance_id, binding.aliases if instance_id is None else binding.aliases[1:])
