# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load balancers, listeners, rules and targets, made from their description in a scenario or in a control call."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from .clock import iso
from .model import NODE, Binding, Listener, LoadBalancer, Pool, Rule, Traits, canonical_ip, is_layer7

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .instances import Instances

    Raw = Mapping[str, Any]

EPOCH = 1767225600.0
"""Creation time of everything in a scenario: 2026-01-01, UTC, as seconds since 1970."""

_REGISTERED = iso(EPOCH)

_BINDING_DETAILS = ("port", "weight", "tag", "eni_id", "instance_name", "zone", "vpc_id", "extra")
_BALANCER_DETAILS = ("vpc_id", "forward", "type")
_TRAITS = frozenset({"session_seconds", "idle_seconds", "scheduler", "health_check"})
TCP_IDLE_SECONDS = 900
"""``IdleConnectTimeout`` of a TCP listener."""


def make_load_balancer(raw: Raw, region: str, created: str, instances: Instances) -> LoadBalancer:
    """Make a load balancer with its listeners, rules and targets.

    :param region: where it is, unless ``raw`` says so.
    :param created: when it was made, as the API writes it.
    :raises ValueError: something is there twice, or means nothing.
    :raises KeyError: something that is needed is missing.
    """
    ipv6 = raw.get("ipv6", "")
    balancer = LoadBalancer(
        id=raw["id"],
        name=raw.get("name", raw["id"]),
        region=raw.get("region", region),
        vip=raw.get("vip", "" if ipv6 else "203.0.113.1"),
        created=created,
        ipv6=ipv6,
        tags=None if raw.get("tags", {}) is None else dict(raw.get("tags", {})),
        **{name: raw[name] for name in _BALANCER_DETAILS if name in raw},
    )
    for item in [*raw.get("listeners", []), *_generate(raw.get("generate"))]:
        add_listener(balancer, item, instances)
    return balancer


def add_listener(balancer: LoadBalancer, raw: Raw, instances: Instances) -> Listener:
    """Make a listener and put it into a load balancer.

    :raises ValueError: its ID is taken, or it means nothing.
    :raises KeyError: something that is needed is missing.
    """
    if raw["id"] in balancer.listeners:
        raise ValueError(f"{balancer.id} has two listeners {raw['id']}")
    protocol = raw["protocol"].upper()
    listener = Listener(
        id=raw["id"],
        protocol=protocol,
        port=raw["port"],
        name=raw.get("name", f"{protocol.lower()}-{raw['port']}"),
        pool=_pool(balancer.id, raw["id"], None, {**_idle(protocol), **raw}, instances),
        end_port=raw.get("end_port", 0),
    )
    if is_layer7(protocol, bool(raw.get("rules"))):
        listener.rules = {}
        for item in raw.get("rules", []):
            add_rule(balancer, listener, {"target_type": raw.get("target_type", NODE), **item}, instances)
    balancer.listeners[listener.id] = listener
    return listener


def add_rule(balancer: LoadBalancer, listener: Listener, raw: Raw, instances: Instances) -> Rule:
    """Make a rule and put it into a layer-7 listener.

    :raises ValueError: its ID is taken, it means nothing, or the listener takes no rules.
    :raises KeyError: something that is needed is missing.
    """
    if listener.rules is None:
        raise ValueError(f"the {listener.protocol} listener {listener.id} takes no rules")
    if raw["id"] in listener.rules:
        raise ValueError(f"{listener.id} has two rules {raw['id']}")
    rule = Rule(
        id=raw["id"],
        domain=raw["domain"],
        url=raw.get("url", "/"),
        pool=_pool(balancer.id, listener.id, raw["id"], raw, instances),
    )
    listener.rules[rule.id] = rule
    return rule


def _idle(protocol: str) -> Raw:
    """Return the idle time that a listener has where a scenario gives none."""
    return {"idle_seconds": TCP_IDLE_SECONDS} if protocol == "TCP" else {}


def _pool(balancer_id: str, listener_id: str, location_id: str | None, raw: Raw, instances: Instances) -> Pool:
    pool = Pool(
        balancer_id,
        listener_id,
        location_id,
        target_type=raw.get("target_type", NODE),
        target_group=raw.get("target_group"),
        function_targets=raw.get("function_targets"),
        traits=Traits(**{name: raw[name] for name in raw.keys() & _TRAITS}),
    )
    for item in raw.get("targets", []):
        binding = _binding(item, instances)
        if any(pool.find(*key) for key in binding.keys):
            raise ValueError(f"{pool.name} has {binding.label}:{binding.port} twice")
        pool.add(binding)
    return pool


def _binding(raw: Raw, instances: Instances) -> Binding:
    kind = raw.get("type") or ("CVM" if "instance_id" in raw else instances.type_at(raw.get("eni_ip", "")))
    is_cvm = kind.upper() == "CVM"
    instance = instances.get(raw["instance_id"]) if is_cvm else None
    spellings = (
        [instance.ip, *raw.get("private_ips", [])] if instance else [*raw.get("private_ips", [raw.get("eni_ip")])]
    )
    details = {name: raw[name] for name in _BINDING_DETAILS if name in raw}
    if instance:
        details = {"instance_name": instance.name, "zone": instance.zone, **details}
    public_ips = raw.get("public_ips", instance.public_ips if instance else None)
    shown = raw.get("shows") or (None if is_cvm else instances.interface(spellings[0]))
    return Binding(
        addresses=tuple(dict.fromkeys(canonical_ip(item) for item in spellings)),
        type=kind,
        instance_id=raw.get("instance_id"),
        public_ips=None if public_ips is None else tuple(public_ips),
        spelling=spellings[0],
        registered=_REGISTERED,
        # Bound long before the start, so that its health check is over.
        alive_at=float("-inf"),
        shown=None if shown is None else tuple(shown),
        **details,
    )


def _generate(raw: Raw | None) -> list[dict[str, Any]]:
    """Make many similar listeners.

    Keys: ``listeners`` (how many), ``protocol``, ``first_port``, ``rules`` (of each layer-7 listener), ``targets`` (of
    each listener or rule), ``kind`` (of the targets: instance or eni), ``port`` (likewise), ``first_ip`` (of eni),
    ``prefix`` (of the IDs, behind ``lbl-`` and ``loc-``).
    """
    if raw is None:
        return []
    protocol, first_ip = raw.get("protocol", "TCP"), ipaddress.ip_address(raw.get("first_ip", "172.16.0.1"))
    prefix = raw.get("prefix", "g")

    def targets(index: int) -> list[dict[str, Any]]:
        amount = raw.get("targets", 0)
        backends = range(index * amount, (index + 1) * amount)
        if raw.get("kind", "instance") == "eni":
            return [{"eni_ip": str(first_ip + number), "port": raw.get("port", 8080)} for number in backends]
        return [{"instance_id": f"ins-g{number:05}", "port": raw.get("port", 8080)} for number in backends]

    listeners = []
    for index in range(raw["listeners"]):
        listener: dict[str, Any] = {
            "id": f"lbl-{prefix}{index:04}",
            "protocol": protocol,
            "port": raw.get("first_port", 1001) + index,
        }
        if is_layer7(protocol, bool(raw.get("rules"))):
            amount = raw.get("rules", 1)
            listener["rules"] = [
                {
                    "id": f"loc-{prefix}{index:04}{number:02}",
                    "domain": f"site{number}.example.com",
                    "url": "/",
                    "targets": targets(index * amount + number),
                }
                for number in range(amount)
            ]
        else:
            listener["targets"] = targets(index)
        listeners.append(listener)
    return listeners
