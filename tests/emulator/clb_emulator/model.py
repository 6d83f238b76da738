# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load balancers, listeners, rules and what is bound to them."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

DEFAULT_WEIGHT = 10

NODE = "NODE"
"""``TargetType`` of a pool that takes targets directly; all others are managed in a target group or a registry."""

_ALWAYS_LAYER7 = frozenset({"HTTP", "HTTPS"})


def canonical_ip(text: str) -> str:
    """Return an IP address in its one canonical spelling.

    :raises ValueError: it is no IP address.
    """
    try:
        # Much faster than ipaddress, and as strict; a scenario can have 100,000 of them.
        return socket.inet_ntop(socket.AF_INET, socket.inet_pton(socket.AF_INET, text))
    except (OSError, TypeError, ValueError):
        return str(ipaddress.ip_address(text))


def canonical_name(text: str) -> str:
    """Return an IP address in its canonical spelling, and anything else, such as an instance ID, as it is."""
    try:
        return canonical_ip(text)
    except ValueError:
        return text


def short_hash(text: str) -> str:
    """Return eight hexadecimal digits, the hash of a text, for an ID."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@dataclass(eq=False)
class Binding:
    """One backend bound to a listener or rule. It never changes: Pool.update replaces it.

    :param addresses: the canonical private addresses, the primary one first. A CVM is addressed by its instance or its
        primary address; every other type by any of its addresses.
    :param shown: what answers show in place of ``addresses``: an interface shows its secondary addresses, too.
    :param spelling: the primary address as it was written.
    :param alive_at: when health checks can find it alive, in seconds since the server's start.
    :param extra: fields added to its entry in answers.
    :param vpc_id: where it is; None: in the load balancer's VPC.
    """

    addresses: tuple[str, ...]
    port: int
    weight: int = DEFAULT_WEIGHT
    tag: str | None = ""
    type: str = "CVM"
    instance_id: str | None = None
    instance_name: str | None = None
    eni_id: str | None = None
    zone: str | None = None
    public_ips: tuple[str, ...] | None = None
    spelling: str = ""
    registered: str = ""
    alive_at: float = 0.0
    shown: tuple[str, ...] | None = None
    vpc_id: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    backend_json: str = field(default="", repr=False)
    """Its cached entry in the answer to DescribeTargets; empty until it is needed."""
    health_json: str = field(default="", repr=False)
    """The cached part of its entry in the answer to DescribeTargetHealth, without its health."""

    def __post_init__(self) -> None:
        self.is_cvm = self.type.upper() == "CVM"
        self.names = frozenset({*self.addresses, *([self.instance_id] if self.instance_id else [])})
        """All names by which health marks can refer to it."""

    @property
    def keys(self) -> list[tuple[str, int]]:
        """All (address, port) pairs by which a caller can refer to this binding."""
        return [(address, self.port) for address in (self.addresses[:1] if self.is_cvm else self.addresses)]

    @property
    def label(self) -> str:
        """The instance ID of a CVM, the primary address of everything else."""
        return self.instance_id if self.is_cvm and self.instance_id else self.addresses[0]


@dataclass(frozen=True)
class Traits:
    """How a listener (layer 4) or a rule forwards.

    :param session_seconds: session persistence; 0: off.
    :param idle_seconds: after which an idle connection is closed; None: the API tells none. Only TCP listeners have it.
    :param scheduler: WRR, LEAST_CONN or IP_HASH.
    """

    session_seconds: int = 0
    idle_seconds: int | None = None
    scheduler: str | None = "WRR"
    health_check: bool = True


class Pool:
    """The bindings of one listener (layer 4) or of one rule (layer 7).

    :param target_type: NODE, or what manages its members, such as TARGETGROUP.
    :param target_group: ``TargetGroupId`` and ``TargetGroupName`` of the target group.
    """

    def __init__(
        self,
        load_balancer_id: str,
        listener_id: str,
        location_id: str | None,
        *,
        target_type: str = NODE,
        target_group: Mapping[str, Any] | None = None,
        function_targets: list[dict[str, Any]] | None = None,
        traits: Traits = Traits(),
    ) -> None:
        self.load_balancer_id = load_balancer_id
        self.listener_id = listener_id
        self.location_id = location_id
        self.target_type = target_type
        self.target_group = target_group
        self.function_targets = function_targets
        self.traits = traits
        self._bindings: dict[tuple[str, int], Binding] = {}
        self._primary: dict[tuple[str, int], tuple[str, int]] = {}
        self._stale: list[Binding] = []
        self._stale_until = 0.0

    def __len__(self) -> int:
        return len(self._bindings)

    def __iter__(self) -> Iterator[Binding]:
        return iter(self._bindings.values())

    @property
    def name(self) -> str:
        """Its name in messages."""
        return f"listener {self.listener_id}" + (f" location {self.location_id}" if self.location_id else "")

    def find(self, address: str, port: int) -> Binding | None:
        """Return the binding with this canonical address and port; None where it is not bound."""
        key = self._primary.get((address, port))
        return None if key is None else self._bindings[key]

    def add(self, binding: Binding) -> None:
        """Bind it. None of its keys may be in use."""
        primary = binding.keys[0]
        self._bindings[primary] = binding
        for key in binding.keys:
            self._primary[key] = primary

    def remove(self, binding: Binding) -> None:
        """Unbind it."""
        del self._bindings[binding.keys[0]]
        for key in binding.keys:
            del self._primary[key]

    def update(self, binding: Binding, **values: Any) -> None:
        """Change values of what is bound; its addresses and port stay."""
        self._bindings[binding.keys[0]] = replace(binding, backend_json="", health_json="", **values)

    def forget_json(self) -> None:
        """Drop the cached JSON, because answers have to look different from now on."""
        for binding in (*self._bindings.values(), *self._stale):
            binding.backend_json = binding.health_json = ""

    def keep_stale(self, now: float, until: float) -> None:
        """Let reads see the present bindings until the moment ``until``."""
        if now >= self._stale_until:
            self._stale = list(self)
        self._stale_until = max(self._stale_until, until)

    def visible(self, now: float) -> Iterable[Binding]:
        """Return what a read at the moment ``now`` sees."""
        return self._stale if now < self._stale_until else self._bindings.values()


@dataclass
class Rule:
    """A forwarding rule of a layer-7 listener."""

    id: str
    domain: str
    url: str
    pool: Pool


@dataclass
class Listener:
    """A listener. ``rules`` is None on layer 4, where ``pool`` holds the bindings."""

    id: str
    protocol: str
    port: int
    name: str
    pool: Pool
    rules: dict[str, Rule] | None = None
    end_port: int | None = 0

    @property
    def pools(self) -> list[Pool]:
        return [self.pool] if self.rules is None else [rule.pool for rule in self.rules.values()]


def is_layer7(protocol: str, has_rules: bool) -> bool:
    """Return whether a listener forwards by rules; QUIC does where it has some."""
    return protocol in _ALWAYS_LAYER7 or (protocol == "QUIC" and has_rules)


@dataclass
class LoadBalancer:
    """A load balancer.

    :param vip: its IPv4 address; ``ipv6`` its IPv6 address, of which it has one or the other.
    :param created: when it was made, as the API writes it.
    :param forward: 1, or 0 for a classic load balancer.
    :param locked_until: until when a task works on it, in seconds since the server's start.
    """

    id: str
    name: str
    region: str
    vip: str
    created: str
    vpc_id: str = "vpc-emulator"
    ipv6: str = ""
    forward: int = 1
    type: str = "OPEN"
    tags: dict[str, str] | None = field(default_factory=dict)
    listeners: dict[str, Listener] = field(default_factory=dict)
    locked_until: float = 0.0

    @property
    def pools(self) -> Iterator[Pool]:
        for listener in self.listeners.values():
            yield from listener.pools
