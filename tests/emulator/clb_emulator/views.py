# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is there, in the shapes of the API's answers, its nulls included.

Source of fields and shapes: ``tencentcloud.clb.v20180317.models`` (ListenerBackend, RuleTargets, Backend, TargetHealth,
Listener, RuleOutput, LoadBalancer).
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .model import Binding, Listener, LoadBalancer, Pool, Rule

if TYPE_CHECKING:
    from .health import Health
    from .scenario import Scenario

Keep = Callable[[Binding], bool]


def backend(binding: Binding, scenario: Scenario) -> dict[str, Any]:
    """Return one entry of ``Targets`` in the answer to DescribeTargets."""
    address = binding.spelling
    if scenario.ipv6_spelling == "exploded" and ":" in address:
        address = ipaddress.ip_address(address).exploded
    entry = {
        "Type": binding.type,
        "InstanceId": binding.instance_id or "",
        "Port": binding.port,
        "Weight": binding.weight,
        "PublicIpAddresses": None if binding.public_ips is None else list(binding.public_ips),
        "PrivateIpAddresses": [address, *binding.addresses[1:]],
        "InstanceName": binding.instance_name,
        "RegisteredTime": binding.registered,
        "EniId": "" if binding.is_cvm else eni_id(binding),
        "Zone": binding.zone,
    }
    if scenario.tags:
        entry["Tag"] = binding.tag
    entry.update(binding.extra)
    return entry


def eni_id(binding: Binding) -> str:
    """Return the ID of the network interface that has a binding's address."""
    return binding.eni_id or f"eni-{hashlib.sha256(binding.addresses[0].encode()).hexdigest()[:8]}"


def listener_backend(
    listener: Listener, scenario: Scenario, now: float, keep: Keep | None, rules: list[Rule]
) -> dict[str, Any]:
    """Return one entry of ``Listeners`` in the answer to DescribeTargets.

    :param keep: which bindings are asked for; None for all.
    :param rules: which rules are asked for.
    """

    def targets(pool: Pool) -> list[dict[str, Any]]:
        return [backend(binding, scenario) for binding in pool.visible(now) if keep is None or keep(binding)]

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
        if listener.pool.function_targets is not None:
            answer["FunctionTargets"] = listener.pool.function_targets
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


def rule_health(pool: Pool, rule: Rule | None, health: Health, now: float) -> dict[str, Any]:
    """Return one entry of ``Rules`` in the answer to DescribeTargetHealth; ``rule`` is None on layer 4."""
    targets = []
    for binding in pool:
        detail = health.detail(pool, binding, now)
        targets.append(
            {
                "IP": binding.spelling,
                "Port": binding.port,
                "HealthStatus": health.healthy(detail),
                "TargetId": binding.instance_id or ("" if binding.is_cvm else eni_id(binding)),
                "HealthStatusDetail": detail,
                "HealthStatusDetial": detail,
                "TargetGroupId": "",
                "Weight": binding.weight,
            }
        )
    return {
        "LocationId": rule.id if rule else None,
        "Domain": rule.domain if rule else None,
        "Url": rule.url if rule else None,
        "RuleId": "",
        "Targets": targets,
    }


def _health_check(listener: Listener, health: Health) -> dict[str, Any]:
    return {
        "HealthSwitch": 0 if listener.id in health.closed_listeners else 1,
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
                "HealthCheck": _health_check(item, health),
                "Certificate": None,
                "Scheduler": "WRR",
                "SessionExpireTime": 0,
                "ForwardType": "HTTP",
                "TargetType": rule.target_type,
                "TargetGroup": None,
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
        "HealthCheck": _health_check(item, health) if rules is None else None,
        "Scheduler": "WRR" if rules is None else None,
        "SessionExpireTime": 0,
        "SniSwitch": 0,
        "Rules": rules,
        "CreateTime": created,
        "TargetType": item.target_type,
        "TargetGroup": None,
        "SessionType": "NORMAL",
        "KeepaliveEnable": 0,
        "Toa": False,
        "DeregisterTargetRst": False,
    }


def load_balancer(item: LoadBalancer) -> dict[str, Any]:
    """Return one entry of ``LoadBalancerSet`` in the answer to DescribeLoadBalancers."""
    return {
        "LoadBalancerId": item.id,
        "LoadBalancerName": item.name,
        "LoadBalancerType": "OPEN",
        "Forward": 1,
        "Domain": "",
        "LoadBalancerVips": [item.vip],
        "Status": 1,
        "CreateTime": item.created,
        "StatusTime": item.created,
        "ProjectId": 0,
        "VpcId": "vpc-emulator",
        "SubnetId": "",
        "Isolation": 0,
        "AddressIPVersion": "ipv4",
        "ChargeType": "POSTPAID_BY_HOUR",
        "Tags": [],
        "TargetRegionInfo": {"Region": item.region, "VpcId": "vpc-emulator"},
        "TargetCount": sum(len(pool) for pool in item.pools),
    }
