# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is bound to a load balancer: DescribeTargets and DescribeTargetHealth, parsed once into indexed snapshots.

The shapes are those of ``tencentcloud.clb.v20180317.models`` in the vendor's SDK.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional

LAYER7_PROTOCOLS = frozenset({"HTTP", "HTTPS"})
"""Listeners of these protocols hold their targets in rules; those of ``QUIC`` do where they have rules."""

DEFAULT_WEIGHT = 10
"""What a register call without a weight gives (vendor's model ``BatchTarget.Weight``)."""

PoolKey = tuple[str, Optional[str]]
"""(listener ID, location ID; None on layer 4): where targets are bound."""

Raw = Mapping[str, Any]


class BindingKey(NamedTuple):
    """What makes a binding this one, in a load balancer.

    :param pool: the key of its pool.
    :param address: the instance ID or IP address of its backend.
    :param port: the backend's port.
    """

    pool: PoolKey
    address: str
    port: int


def address_label(address: str, port: int) -> str:
    """An address with its port in messages; an IPv6 address in brackets.

    :param address: an instance ID or IP address.
    :param port: the backend's port.
    """
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PLAIN_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")


def canonical_ip(text: str) -> str:
    """Spell an IP address in its shortest form, so that equal addresses are equal texts.

    :param text: an IPv4 or IPv6 address in any spelling.
    :raises ValueError: it is none.
    """
    # Nearly all addresses are of this kind, and parsing them would cost a quarter of all planning.
    if _PLAIN_IPV4.fullmatch(text):
        return text
    return str(ipaddress.ip_address(text.strip()))


def _address(text: object) -> str | None:
    """An address of an answer in its shortest form; what does not parse stays as it came."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return canonical_ip(text)
    except ValueError:
        return text


def _addresses(texts: Iterable[object] | None) -> tuple[str, ...]:
    if not texts:
        return ()
    return tuple(address for address in map(_address, texts) if address is not None)


@dataclass(frozen=True)
class Pool:
    """A place that targets are bound to: a layer-4 listener, or a rule of a layer-7 listener.

    :param listener_id: the listener.
    :param location_id: the rule; None on layer 4.
    :param protocol: the listener's, in capitals.
    :param port: the listener's.
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
        """How it is called in texts for people."""
        ports = f"{self.port}-{self.end_port}" if self.end_port else str(self.port)
        listener = f"{self.protocol}:{ports} ({self.listener_id})"
        if self.location_id is None:
            return listener
        return f"{listener} {self.domain or ''}{self.url or ''} ({self.location_id})"


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

    :param pool: where.
    :param backend: how a call addresses it.
    :param port: the backend's port.
    :param weight: 0 to 100; 0 gets no new traffic.
    :param tag: empty where it has none, None where the cloud does not tell tags.
    :param aliases: every text that addresses this backend: the instance ID, and IP addresses.
    :param kind: the cloud's ``Type``, such as ``CVM`` or ``ENI``.
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
    kind: str | None = None
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


@dataclass(frozen=True)
class Listener:
    """A listener and the pools in it.

    :param listener_id: its ID.
    :param protocol: in capitals.
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
    :param instances: primary private IP to instance ID, for every CVM in the answer.
    :param tags_known: whether the answer tells tags.
    :param listener_ids: what the answer was filtered by, None for the whole load balancer.
    """

    listeners: Mapping[str, Listener]
    pools: Mapping[PoolKey, Pool]
    bindings: Mapping[PoolKey, tuple[Binding, ...]]
    index: Mapping[tuple[PoolKey, str, int], Binding]
    instances: Mapping[str, str]
    tags_known: bool
    listener_ids: tuple[str, ...] | None = None

    def find(self, pool: PoolKey, backend: Backend, port: int) -> Binding | None:
        """Find the binding of a backend, asked for by instance ID or by address.

        :param pool: where.
        :param backend: whose.
        :param port: the backend's port.
        :returns: None where it is not bound.
        """
        return self.index.get((pool, backend.address, port))

    def all_bindings(self) -> Iterator[Binding]:
        """Every binding, pool by pool."""
        for bindings in self.bindings.values():
            yield from bindings


def parse_targets(answer: Raw, listener_ids: tuple[str, ...] | None = None) -> Snapshot:
    """Parse an answer of DescribeTargets.

    :param answer: its ``Response``.
    :param listener_ids: the filter that was sent, None for none.
    """
    listeners: dict[str, Listener] = {}
    pools: dict[PoolKey, Pool] = {}
    bindings: dict[PoolKey, tuple[Binding, ...]] = {}
    index: dict[tuple[PoolKey, str, int], Binding] = {}
    instances: dict[str, str] = {}
    raw_listeners = answer.get("Listeners") or ()
    tags_known = any("Tag" in raw for raw in _raw_backends(raw_listeners))
    for raw_listener in raw_listeners:
        listener, targets = _parse_listener(raw_listener)
        listeners[listener.listener_id] = listener
        for pool, raw_targets in zip(listener.pools, targets):
            found = tuple(
                binding for raw in raw_targets if (binding := parse_backend(pool, raw, tags_known)) is not None
            )
            pools[pool.key] = pool
            bindings[pool.key] = found
            for binding in found:
                for alias in binding.aliases:
                    index.setdefault((pool.key, alias, binding.port), binding)
                if binding.backend.instance_id and binding.private_ips:
                    instances.setdefault(binding.private_ips[0], binding.backend.instance_id)
    return Snapshot(listeners, pools, bindings, index, instances, tags_known, listener_ids)


def _raw_backends(raw_listeners: Any) -> Iterator[Raw]:
    for listener in raw_listeners:
        yield from listener.get("Targets") or ()
        for rule in listener.get("Rules") or ():
            yield from rule.get("Targets") or ()


def _parse_listener(raw: Raw) -> tuple[Listener, list[Any]]:
    """A listener with, pool by pool, the raw backends in it."""
    listener_id = str(raw.get("ListenerId") or "")
    protocol = str(raw.get("Protocol") or "").upper()
    port = int(raw.get("Port") or 0)
    end_port = int(raw.get("EndPort") or 0) or None
    rules = raw.get("Rules") or ()
    # On layer 7 the listener's own Targets are null; a QUIC listener can be either.
    layer7 = bool(rules) or protocol in LAYER7_PROTOCOLS or (protocol == "QUIC" and raw.get("Targets") is None)
    if layer7:
        pools = tuple(
            Pool(
                listener_id,
                str(rule.get("LocationId") or ""),
                protocol,
                port,
                end_port,
                str(rule.get("Domain") or ""),
                str(rule.get("Url") or ""),
            )
            for rule in rules
        )
        targets = [rule.get("Targets") or () for rule in rules]
    else:
        pools = (Pool(listener_id, None, protocol, port, end_port),)
        targets = [raw.get("Targets") or ()]
    return Listener(listener_id, protocol, port, end_port, layer7, pools), targets


def parse_backend(pool: Pool, raw: Raw, tags_known: bool) -> Binding | None:
    """Parse one ``Backend`` of an answer.

    Only a CVM is addressed by its ``InstanceId``, which stands for its first private address; every other kind by one
    of its private addresses, whatever its other IDs say.

    :param pool: where it is bound.
    :param raw: the entry.
    :param tags_known: whether the answer tells tags at all.
    :returns: None for what no call can address.
    """
    kind = raw.get("Type") or None
    private_ips = _addresses(raw.get("PrivateIpAddresses"))
    instance_id = raw.get("InstanceId") or None
    port = int(raw.get("Port") or 0)
    if instance_id is not None and (kind is None or str(kind).upper() == "CVM"):
        backend = Backend(str(instance_id), None)
        aliases = (str(instance_id), *private_ips[:1])
    elif private_ips:
        backend = Backend(None, private_ips[0])
        aliases = private_ips
    else:
        return None
    if not 1 <= port <= 65535:
        return None
    weight = raw.get("Weight")
    return Binding(
        pool=pool,
        backend=backend,
        port=port,
        weight=DEFAULT_WEIGHT if weight is None else int(weight),
        tag=str(raw.get("Tag") or "") if tags_known else None,
        aliases=aliases,
        kind=None if kind is None else str(kind),
        private_ips=private_ips,
        instance_name=raw.get("InstanceName") or None,
        zone=raw.get("Zone") or None,
        registered_time=raw.get("RegisteredTime") or None,
        public_ips=_addresses(raw.get("PublicIpAddresses")),
    )
