# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scenario: everything that the server starts from, read from YAML or JSON."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from .accounts import DEFAULT_SECRET_ID, DEFAULT_SECRET_KEY, Accounts, Credential
from .clock import iso
from .health import Health
from .instances import Instance, Instances
from .model import Binding, Listener, LoadBalancer, Pool, Rule, canonical_ip, is_layer7

if TYPE_CHECKING:
    from pathlib import Path

_EPOCH = 1767225600.0
"""When everything in a scenario was made: 2026-01-01."""

REGIONS = (
    "ap-bangkok", "ap-beijing", "ap-chengdu", "ap-chongqing", "ap-guangzhou", "ap-hongkong", "ap-jakarta", "ap-mumbai",
    "ap-nanjing", "ap-seoul", "ap-shanghai", "ap-singapore", "ap-tokyo", "eu-frankfurt", "na-ashburn",
    "na-siliconvalley", "sa-saopaulo",
)  # fmt: skip
"""Regions that the server knows beside those which a scenario names."""

Raw = Mapping[str, Any]


@dataclass
class Scenario:
    """The parsed scenario; times in seconds. See README.md beside this package for every key."""

    load_balancers: list[LoadBalancer]
    instances: Instances
    accounts: Accounts
    health: Health
    regions: frozenset[str]
    region: str = "ap-guangzhou"
    latency: float = 0.0
    task_seconds: float = 0.05
    read_lag: float = 0.0
    rate_limit: int = 20
    clock_offset: float = 0.0
    tags: bool = True
    fail_listener_set: str = "list"
    describe_unknown_listener: str = "error"
    unknown_task_code: str = "InvalidParameter"
    reregister: str = "keep"
    ipv6_spelling: str = "as_given"
    target_quota: int = 100
    sts: Raw = field(default_factory=dict)
    metadata: Raw | None = None
    faults: list[Raw] = field(default_factory=list)


_PLAIN = (
    "region", "latency", "task_seconds", "read_lag", "rate_limit", "clock_offset", "tags", "unknown_task_code",
    "sts", "metadata", "faults",
)  # fmt: skip
_CHOICES = {
    "fail_listener_set": ("list", "null", "missing"),
    "describe_unknown_listener": ("error", "empty"),
    "unknown_instances": ("accept", "refuse"),
    "reregister": ("keep", "overwrite"),
    "ipv6_spelling": ("as_given", "exploded"),
}
_PARSED = ("credentials", "health", "instances", "load_balancers", "quotas")


def load(path: Path) -> Raw:
    """Read a scenario file.

    :raises OSError: it can't be read.
    :raises ValueError: it is no YAML or holds no mapping.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{path} is not a scenario: it holds no mapping")
    return raw


def parse(raw: Raw) -> Scenario:
    """Turn the raw scenario into the state that it describes.

    :raises ValueError: a key or value that means nothing.
    :raises KeyError: a listener, rule or target lacks something it needs.
    """
    unknown = sorted(set(raw) - {*_PLAIN, *_CHOICES, *_PARSED})
    if unknown:
        raise ValueError(f"the scenario has unknown keys: {', '.join(unknown)}")
    settings: dict[str, Any] = {name: raw[name] for name in _PLAIN if name in raw}
    choices: dict[str, Any] = {name: _choice(name, raw[name]) for name in _CHOICES if name in raw}
    instances = Instances(
        (_instance(key, value or {}) for key, value in raw.get("instances", {}).items()),
        accept_unknown=choices.pop("unknown_instances", "accept") == "accept",
    )
    region = raw.get("region", Scenario.region)
    balancers = [
        _load_balancer(item, region, iso(_EPOCH + index), instances)
        for index, item in enumerate(raw.get("load_balancers", []))
    ]
    for identity, amount in Counter(balancer.id for balancer in balancers).items():
        if amount > 1:
            raise ValueError(f"the scenario has two load balancers {identity}")
    return Scenario(
        load_balancers=balancers,
        instances=instances,
        accounts=Accounts(
            Credential(**item)
            for item in raw.get("credentials", [{"secret_id": DEFAULT_SECRET_ID, "secret_key": DEFAULT_SECRET_KEY}])
        ),
        health=Health(**raw.get("health", {})),
        regions=frozenset({*REGIONS, region, *(balancer.region for balancer in balancers)}),
        target_quota=raw.get("quotas", {}).get("targets", Scenario.target_quota),
        **settings,
        **choices,
    )


def _choice(name: str, value: Any) -> str:
    # YAML reads a bare null as no value.
    value = "null" if value is None else value
    if value not in _CHOICES[name]:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(_CHOICES[name])}")
    return str(value)


def _instance(instance_id: str, raw: Raw) -> Instance:
    public_ips = raw.get("public_ips")
    return Instance(
        id=instance_id,
        ip=canonical_ip(raw["ip"]),
        name=raw.get("name"),
        zone=raw.get("zone"),
        public_ips=None if public_ips is None else tuple(public_ips),
    )


def _load_balancer(raw: Raw, region: str, created: str, instances: Instances) -> LoadBalancer:
    balancer = LoadBalancer(
        id=raw["id"],
        name=raw.get("name", raw["id"]),
        region=raw.get("region", region),
        vip=raw.get("vip", "203.0.113.1"),
        created=created,
    )
    listeners = [*raw.get("listeners", []), *_generate(raw.get("generate"))]
    for item in listeners:
        listener = _listener(item, instances)
        if listener.id in balancer.listeners:
            raise ValueError(f"{balancer.id} has two listeners {listener.id}")
        balancer.listeners[listener.id] = listener
    return balancer


def _listener(raw: Raw, instances: Instances) -> Listener:
    protocol = raw["protocol"].upper()
    rules = None
    if is_layer7(protocol, bool(raw.get("rules"))):
        rules = {
            item["id"]: Rule(
                id=item["id"],
                domain=item["domain"],
                url=item.get("url", "/"),
                pool=_pool(raw["id"], item["id"], item, instances),
                target_type=item.get("target_type", raw.get("target_type", "NODE")),
            )
            for item in raw.get("rules", [])
        }
    return Listener(
        id=raw["id"],
        protocol=protocol,
        port=raw["port"],
        name=raw.get("name", f"{protocol.lower()}-{raw['port']}"),
        pool=_pool(raw["id"], None, raw if rules is None else {}, instances),
        rules=rules,
        end_port=raw.get("end_port", 0),
        target_type=raw.get("target_type", "NODE"),
    )


def _pool(listener_id: str, location_id: str | None, raw: Raw, instances: Instances) -> Pool:
    pool = Pool(listener_id, location_id, raw.get("function_targets"))
    for item in raw.get("targets", []):
        binding = _binding(item, instances)
        if any(pool.find(*key) for key in binding.keys):
            raise ValueError(f"{pool.name} has {binding.label}:{binding.port} twice")
        pool.add(binding)
    return pool


_BINDING_DETAILS = ("port", "weight", "tag", "eni_id", "instance_name", "zone", "extra")


def _binding(raw: Raw, instances: Instances) -> Binding:
    kind = raw.get("type", "CVM" if "instance_id" in raw else "ENI")
    is_cvm = kind.upper() == "CVM"
    instance = instances.get(raw["instance_id"]) if is_cvm else None
    spellings = (
        [instance.ip, *raw.get("private_ips", [])] if instance else [*raw.get("private_ips", [raw.get("eni_ip")])]
    )
    details = {name: raw[name] for name in _BINDING_DETAILS if name in raw}
    if instance:
        details = {"instance_name": instance.name, "zone": instance.zone, **details}
    public_ips = raw.get("public_ips", instance.public_ips if instance else None)
    return Binding(
        addresses=tuple(dict.fromkeys(canonical_ip(item) for item in spellings)),
        type=kind,
        instance_id=raw.get("instance_id"),
        public_ips=None if public_ips is None else tuple(public_ips),
        spelling=spellings[0],
        registered=iso(_EPOCH),
        # Bound long before the start: no health check is still to come.
        alive_at=float("-inf"),
        **details,
    )


def _generate(raw: Raw | None) -> list[dict[str, Any]]:
    """Make many like listeners.

    Keys: ``listeners`` (how many), ``protocol``, ``first_port``, ``rules`` (of each layer-7 listener), ``targets`` (of
    each listener or rule), ``kind`` (of the targets: instance or eni), ``port`` (likewise), ``first_ip`` (of eni).
    """
    if raw is None:
        return []
    protocol, first_ip = raw.get("protocol", "TCP"), ipaddress.ip_address(raw.get("first_ip", "172.16.0.1"))
    layer7 = is_layer7(protocol, bool(raw.get("rules")))

    def targets(index: int) -> list[dict[str, Any]]:
        amount = raw.get("targets", 0)
        backends = range(index * amount, (index + 1) * amount)
        if raw.get("kind", "instance") == "eni":
            return [{"eni_ip": str(first_ip + number), "port": raw.get("port", 8080)} for number in backends]
        return [{"instance_id": f"ins-g{number:05}", "port": raw.get("port", 8080)} for number in backends]

    listeners = []
    for index in range(raw["listeners"]):
        listener: dict[str, Any] = {
            "id": f"lbl-g{index:04}",
            "protocol": protocol,
            "port": raw.get("first_port", 1001) + index,
        }
        if layer7:
            amount = raw.get("rules", 1)
            listener["rules"] = [
                {
                    "id": f"loc-g{index:04}{number:02}",
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
