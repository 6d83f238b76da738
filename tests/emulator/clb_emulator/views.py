# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of the cloud in the shapes of the API's answers, with their nulls.

Source of fields and shapes: ``tencentcloud.clb.v20180317.models`` (ListenerBackend, RuleTargets, Backend, TargetHealth,
Listener, RuleOutput, LoadBalancer, LBItem).

Lists of targets are returned as Fragments: each binding keeps its JSON, because there can be 10,000 of them.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .answer import Fragment
from .model import NODE, Binding, Listener, LoadBalancer, Pool, Rule, canonical_name, short_hash

if TYPE_CHECKING:
    from .health import Health
    from .settings import Settings

Keep = Callable[[Binding], bool]


def eni_id(binding: Binding) -> str:
    """Return the ID of the network interface that has a binding's address."""
    return binding.eni_id or f"eni-{short_hash(min(binding.shown or binding.addresses[:1]))}"


def _private_ips(binding: Binding, settings: Settings) -> list[str]:
    """Return ``PrivateIpAddresses``: its own addresses, or those of its network interface in the order that is set."""
    own = binding.spelling
    if settings.ipv6_spelling == "exploded" and ":" in own:
        own = ipaddress.ip_address(own).exploded
    if binding.shown is None:
        return [own, *binding.addresses[1:]]
    if settings.interface_order == "as_given":
        return list(binding.shown)
    others = [address for address in binding.shown if canonical_name(address) not in binding.addresses]
    return [own, *others] if settings.interface_order == "own_first" else [*others, own]


def _backend(binding: Binding, settings: Settings) -> str:
    """Return one entry of ``Targets`` as JSON, and keep it with the binding."""
    entry = {
        "Type": binding.type,
        "InstanceId": binding.instance_id or "",
        "Port": binding.port,
        "Weight": binding.weight,
        "PublicIpAddresses": None if binding.public_ips is None else list(binding.public_ips),
        "PrivateIpAddresses": _private_ips(binding, settings),
        "InstanceName": binding.instance_name,
        "RegisteredTime": binding.registered,
        "EniId": "" if binding.is_cvm else eni_id(binding),
        "Zone": binding.zone,
    }
    if settings.tags:
        entry["Tag"] = binding.tag
    entry.update(binding.extra)
    binding.backend_json = json.dumps(entry, ensure_ascii=False)
    return binding.backend_json


def backends(bindings: Iterable[Binding], settings: Settings) -> Fragment:
    """Return ``Targets`` in the answer to DescribeTargets."""
    return Fragment(f"[{', '.join([item.backend_json or _backend(item, settings) for item in bindings])}]")


def listener_backend(
    listener: Listener, settings: Settings, now: float, keep: Keep | None, rules: list[Rule]
) -> dict[str, Any]:
    """Return one entry of ``Listeners`` in the answer to DescribeTargets.

    :param keep: returns whether a binding is asked for; None: all.
    :param rules: the rules that are asked for.
    """

    def targets(pool: Pool) -> Fragment:
        visible = pool.visible(now)
        return backends(visible if keep is None else filter(keep, visible), settings)

    answer: dict[str, Any] = {
        "ListenerId": listener.id,
        "Protocol": listener.protocol,
        "Port": listener.port,
        "EndPort": listener.end_port,
        "Rules": None,
        "Targets": None,
    }
    if listener.rules is None:
        answer["Targets"] = targets(listener.pool)
        is_empty_quic = listener.protocol == "QUIC" and answer["Targets"].text == "[]"
        if is_empty_quic and settings.empty_quic_targets == "null":
            answer["Targets"] = None
    else:
        answer["Rules"] = [
            {
                "LocationId": rule.id,
                "Domain": rule.domain,
                "Url": rule.url,
                "Targets": targets(rule.pool),
                "FunctionTargets": rule.pool.function_targets,
            }
            for rule in rules
        ]
    return answer


def _health_part(binding: Binding) -> str:
    """Return an entry of ``Targets`` without its health, as JSON without its last brace; the binding keeps it."""
    entry = {
        "IP": binding.spelling,
        "Port": binding.port,
        "TargetId": binding.instance_id or ("" if binding.is_cvm else eni_id(binding)),
        "TargetGroupId": "",
        "Weight": binding.weight,
    }
    binding.health_json = json.dumps(entry, ensure_ascii=False)[:-1]
    return binding.health_json


def rule_health(
    pool: Pool, rule: Rule | None, health: Health, settings: Settings, now: float, lacking: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return one entry of ``Rules`` in the answer to DescribeTargetHealth.

    :param rule: None on layer 4.
    :param lacking: canonical names of targets that the answer leaves out.
    """
    details = health.details(pool, now)
    is_open = health.dead_status and set(details) == {"Dead"}
    endings = {
        detail: f', "HealthStatus": {json.dumps(is_open or health.healthy(pool, detail))}, '
        f'"HealthStatusDetail": "{detail}", "HealthStatusDetial": "{detail}"}}'
        for detail in set(details)
    }
    entries = [
        _as_shown(binding, (binding.health_json or _health_part(binding)) + endings[detail], health)
        for binding, detail in zip(pool, details)
        if not lacking or lacking.isdisjoint(binding.names)
    ]
    mentioned = filter(None, entries)
    layer4_id = f"loc-{short_hash(pool.listener_id)}" if settings.number_layer4_rules else None
    return {
        "LocationId": rule.id if rule else layer4_id,
        "Domain": rule.domain if rule else None,
        "Url": rule.url if rule else None,
        "RuleId": "",
        "Targets": Fragment(f"[{', '.join(mentioned)}]"),
    }


def _as_shown(binding: Binding, entry: str, health: Health) -> str:
    """Return a target's entry, as JSON, as the scenario wants it to be shown; empty: not at all."""
    if not health.shown:
        return entry
    for name in binding.names & health.shown.keys():
        fields = health.shown[name]
        return "" if fields is None else json.dumps({**json.loads(entry), **fields}, ensure_ascii=False)
    return entry


def _health_check(listener: Listener, pool: Pool, health: Health) -> dict[str, Any]:
    return {
        "HealthSwitch": 0 if health.is_closed(pool) else 1,
        "TimeOut": 2,
        "IntervalTime": 5,
        "HealthNum": 3,
        "UnHealthNum": 3,
        "CheckType": "TCP" if listener.rules is None else "HTTP",
        "CheckPort": -1,
        "HttpCode": None,
        "HttpCheckPath": None,
        "HttpCheckDomain": None,
        "HttpCheckMethod": None,
        "SourceIpType": 1,
    }


def _target_group(pool: Pool) -> dict[str, Any] | None:
    """Return ``TargetGroup``: None for what takes targets directly."""
    if pool.target_type == NODE:
        return None
    identity = f"lbtg-{short_hash(pool.listener_id + (pool.location_id or ''))}"
    return {"TargetGroupId": identity, "TargetGroupName": identity, "Weight": None, **(pool.target_group or {})}


def listener(item: Listener, health: Health, created: str) -> dict[str, Any]:
    """Return one entry of ``Listeners`` in the answer to DescribeListeners."""
    rules = None
    if item.rules is not None:
        rules = [
            {
                "LocationId": rule.id,
                "ListenerId": item.id,
                "Domain": rule.domain,
                "Domains": [rule.domain],
                "Url": rule.url,
                "HealthCheck": _health_check(item, rule.pool, health),
                "Certificate": None,
                "Scheduler": rule.pool.traits.scheduler,
                "SessionExpireTime": rule.pool.traits.session_seconds,
                "ForwardType": "HTTP",
                "TargetType": rule.pool.target_type,
                "TargetGroup": _target_group(rule.pool),
                "CreateTime": created,
                "DefaultServer": index == 0,
                "Http2": False,
                "HttpGzip": True,
                "BeAutoCreated": False,
            }
            for index, rule in enumerate(item.rules.values())
        ]
    return {
        "ListenerId": item.id,
        "ListenerName": item.name,
        "Protocol": item.protocol,
        "Port": item.port,
        "EndPort": item.end_port,
        "Certificate": None,
        "HealthCheck": _health_check(item, item.pool, health) if rules is None else None,
        "Scheduler": item.pool.traits.scheduler if rules is None else None,
        "SessionExpireTime": item.pool.traits.session_seconds if rules is None else 0,
        "SniSwitch": 0,
        "Rules": rules,
        "CreateTime": created,
        "TargetType": item.pool.target_type,
        "TargetGroup": _target_group(item.pool) if rules is None else None,
        "SessionType": "NORMAL",
        "KeepaliveEnable": 0,
        "Toa": False,
        "DeregisterTargetRst": False,
        "IdleConnectTimeout": item.pool.traits.idle_seconds,
    }


def load_balancer(item: LoadBalancer) -> dict[str, Any]:
    """Return one entry of ``LoadBalancerSet`` in the answer to DescribeLoadBalancers."""
    return {
        "LoadBalancerId": item.id,
        "LoadBalancerName": item.name,
        "LoadBalancerType": item.type,
        "Forward": item.forward,
        "Domain": "",
        "LoadBalancerVips": [item.vip] if item.vip else [],
        "AddressIPv6": item.ipv6 or None,
        "Status": 1,
        "CreateTime": item.created,
        "StatusTime": item.created,
        "ProjectId": 0,
        "VpcId": item.vpc_id,
        "NumericalVpcId": numerical_vpc_id(item.vpc_id),
        "SubnetId": "",
        "Isolation": 0,
        "AddressIPVersion": "ipv6" if item.ipv6 else "ipv4",
        "ChargeType": "POSTPAID_BY_HOUR",
        "Tags": None if item.tags is None else [{"TagKey": key, "TagValue": value} for key, value in item.tags.items()],
        "TargetRegionInfo": {"Region": item.region, "VpcId": item.vpc_id},
    }


ADDITIONAL_FIELDS: dict[str, Callable[[LoadBalancer], Any]] = {
    "TargetCount": lambda item: sum(len(pool) for pool in item.pools)
}
"""Fields of a load balancer that DescribeLoadBalancers answers only where they are asked for."""


def numerical_vpc_id(vpc_id: str) -> int:
    """Return the number that stands for a VPC in some fields."""
    return int(short_hash(vpc_id), 16) % 10_000_000


def bound_load_balancer(item: LoadBalancer, keep: Keep) -> dict[str, Any] | None:
    """Return one entry of ``LoadBalancers`` in the answer to DescribeLBListeners.

    :param keep: returns whether a binding is asked for.
    :returns: None where none of them is bound there.
    """

    def targets(pool: Pool) -> list[dict[str, Any]]:
        return [
            {
                "Type": "cvm" if binding.is_cvm else "eni",
                "PrivateIp": binding.spelling,
                "Port": binding.port,
                "VpcId": numerical_vpc_id(binding.vpc_id or item.vpc_id),
                "Weight": binding.weight,
            }
            for binding in pool
            if keep(binding)
        ]

    listeners = []
    for entry in item.listeners.values():
        own = targets(entry.pool) if entry.rules is None else None
        rules = None
        if entry.rules is not None:
            rules = [
                {"LocationId": rule.id, "Domain": rule.domain, "Url": rule.url, "Targets": found}
                for rule in entry.rules.values()
                if (found := targets(rule.pool))
            ]
        if own or rules:
            listeners.append(
                {
                    "ListenerId": entry.id,
                    "Protocol": entry.protocol,
                    "Port": entry.port,
                    "EndPort": entry.end_port,
                    "Rules": rules,
                    "Targets": own,
                }
            )
    if not listeners:
        return None
    return {"LoadBalancerId": item.id, "Vip": item.vip or item.ipv6, "Listeners": listeners, "Region": item.region}
