# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions of the CLB API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import views
from .cloud import Cloud, Twist
from .errors import ApiError
from .operations import Operation, check_lengths, plan

if TYPE_CHECKING:
    from .faults import Fault
    from .journal import Entry
    from .model import Binding, Listener

WRITES = frozenset(
    {
        "BatchRegisterTargets",
        "BatchDeregisterTargets",
        "BatchModifyTargetWeight",
        "BatchModifyTargetTag",
        "RegisterTargets",
    }
)

MAX_LISTENER_IDS = 20
"""ListenerIds in one DescribeTargets."""


@dataclass(frozen=True)
class Context:
    """One call: its parameters, its region, its journal entry, the fault that it meets, and the caller's account."""

    params: dict[str, Any]
    region: str
    entry: Entry
    fault: Fault | None
    account: str


def write(cloud: Cloud, call: Context) -> dict[str, Any]:
    """Answer any of WRITES."""
    action, params, fault = call.entry["action"], call.params, call.fault
    check_lengths(action, params)
    balancer = cloud.balancer(params["LoadBalancerId"], call.region)
    cloud.check_free(balancer)
    operations = plan(action, params, balancer, cloud.instances, cloud.scenario.target_quota)
    if action == "BatchModifyTargetTag":
        call.entry["accepted"] = True
        now = cloud.clock.now()
        call.entry["applied_at"] = now
        lag = fault["seconds"] if fault and fault.kind == "lag" else cloud.scenario.read_lag
        cloud.apply(operations, now, lag)
        return {}
    kind = fault.kind if fault else None
    failed: list[str] = []
    if fault is not None and kind == "fail_listeners":
        named = {operation.pool.listener_id for operation in operations}
        failed = sorted(named if fault["listeners"] is None else named & set(fault["listeners"]))
        operations = _spare(operations, set(failed), fault["apply"])
    elif fault is not None and kind == "task_fails":
        operations = _spare(operations, None, fault["apply"])
    cloud.start(balancer, operations, call.entry, _twist(fault))
    if action in ("BatchRegisterTargets", "BatchDeregisterTargets"):
        return _failed_listeners(cloud, failed, fault["message"] if fault is not None and failed else "")
    return {}


def _twist(fault: Fault | None) -> Twist:
    kind = fault.kind if fault else None
    if fault is None:
        return Twist()
    return Twist(
        seconds=fault["seconds"] if kind == "task_slow" else None,
        lag=fault["seconds"] if kind == "lag" else None,
        failure=fault["message"] if kind == "task_fails" else None,
        unknown=kind == "task_unknown",
    )


def _spare(operations: list[Operation], listeners: set[str] | None, apply: str) -> list[Operation]:
    """Drop none, half or all of the operations on these listeners (None: on any); ``apply`` is all, some or none."""
    kept, seen = [], 0
    for operation in operations:
        if listeners is not None and operation.pool.listener_id not in listeners:
            kept.append(operation)
            continue
        seen += 1
        if apply == "all" or (apply == "some" and seen % 2):
            kept.append(operation)
    return kept


def _failed_listeners(cloud: Cloud, failed: list[str], message: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"Message": message}
    shape = cloud.scenario.fail_listener_set
    if failed or shape == "list":
        answer["FailListenerIdSet"] = failed
    elif shape == "null":
        answer["FailListenerIdSet"] = None
    return answer


def describe_task_status(cloud: Cloud, call: Context) -> dict[str, Any]:
    """Answer DescribeTaskStatus."""
    task = cloud.tasks.get(call.params["TaskId"])
    if task is None or task.unknown:
        raise ApiError(cloud.scenario.unknown_task_code, f"The task `{call.params['TaskId']}` is not found.")
    return {"Status": task.status, "LoadBalancerIds": [task.load_balancer_id], "Message": task.message}


def _selected(cloud: Cloud, call: Context, unknown: str) -> tuple[list[Listener], str]:
    """Return the listeners that ListenerIds, Protocol and Port leave, and when the load balancer was made.

    :param unknown: ``error`` refuses an unknown listener, ``empty`` leaves it out.
    """
    params = call.params
    balancer = cloud.balancer(params["LoadBalancerId"], call.region)
    wanted = params.get("ListenerIds") or list(balancer.listeners)
    for listener_id in wanted:
        if unknown == "error" and listener_id not in balancer.listeners:
            raise ApiError("InvalidParameter.ListenerIdNotFound", f"The listener `{listener_id}` is not found.")
    chosen = set(wanted)
    listeners = [
        listener
        for listener in balancer.listeners.values()
        if listener.id in chosen
        and params.get("Protocol", listener.protocol) == listener.protocol
        and params.get("Port", listener.port) == listener.port
    ]
    return listeners, balancer.created


def describe_targets(cloud: Cloud, call: Context) -> dict[str, Any]:
    """Answer DescribeTargets."""
    _at_most("ListenerIds", call.params.get("ListenerIds", []), MAX_LISTENER_IDS)
    filters: dict[str, set[str]] = {}
    for item in call.params.get("Filters", []):
        if item["Name"] not in ("location-id", "private-ip-address", "tag"):
            raise ApiError("InvalidParameter.InvalidFilter", f"The filter `{item['Name']}` is not supported.")
        filters.setdefault(item["Name"], set()).update(item["Values"])
    addresses, tags, locations = (filters.get(name) for name in ("private-ip-address", "tag", "location-id"))

    def keep(binding: Binding) -> bool:
        by_address = addresses is None or not addresses.isdisjoint(binding.addresses)
        return by_address and (tags is None or binding.tag in tags)

    now = cloud.clock.now()
    picky = keep if addresses is not None or tags is not None else None
    answer = []
    for listener in _selected(cloud, call, cloud.scenario.describe_unknown_listener)[0]:
        rules = [rule for rule in (listener.rules or {}).values() if locations is None or rule.id in locations]
        if locations is None or rules:
            answer.append(views.listener_backend(listener, cloud.scenario, now, picky, rules))
    return {"Listeners": answer}


def describe_target_health(cloud: Cloud, call: Context) -> dict[str, Any]:
    """Answer DescribeTargetHealth."""
    params = call.params
    _at_most("LoadBalancerIds", params["LoadBalancerIds"], 30)
    listeners, locations = params.get("ListenerIds"), params.get("LocationIds")
    now = cloud.clock.now()
    answer = []
    for balancer in [cloud.balancer(item, call.region) for item in params["LoadBalancerIds"]]:
        entries = []
        for listener in balancer.listeners.values():
            if listeners and listener.id not in listeners:
                continue
            if listener.rules is None:
                rules = [] if locations else [views.rule_health(listener.pool, None, cloud.health, now)]
            else:
                rules = [
                    views.rule_health(rule.pool, rule, cloud.health, now)
                    for rule in listener.rules.values()
                    if not locations or rule.id in locations
                ]
            if rules or not locations:
                entries.append(
                    {
                        "ListenerId": listener.id,
                        "ListenerName": listener.name,
                        "Protocol": listener.protocol,
                        "Port": listener.port,
                        "Rules": rules,
                    }
                )
        answer.append({"LoadBalancerId": balancer.id, "LoadBalancerName": balancer.name, "Listeners": entries})
    return {"LoadBalancers": answer}


def describe_listeners(cloud: Cloud, call: Context) -> dict[str, Any]:
    """Answer DescribeListeners."""
    _at_most("ListenerIds", call.params.get("ListenerIds", []), 100)
    listeners, created = _selected(cloud, call, "empty")
    return {
        "TotalCount": len(listeners),
        "Listeners": [views.listener(listener, cloud.health, created) for listener in listeners],
    }


def describe_load_balancers(cloud: Cloud, call: Context) -> dict[str, Any]:
    """Answer DescribeLoadBalancers: newest first, names matched anywhere within them."""
    params = call.params
    ids = params.get("LoadBalancerIds")
    _at_most("LoadBalancerIds", ids or [], 20)
    offset, limit = params.get("Offset", 0), params.get("Limit", 20)
    if offset < 0 or not 1 <= limit <= 100:
        raise ApiError("InvalidParameterValue.Range", "`Offset` must be 0 or more and `Limit` 1 to 100.")
    found = [
        balancer
        for balancer in cloud.load_balancers.values()
        if balancer.region == call.region
        and (not ids or balancer.id in ids)
        and params.get("LoadBalancerName", "") in balancer.name
        and params.get("Forward", 1) in (1, -1)
    ]
    found.sort(key=lambda balancer: balancer.created, reverse=True)
    return {
        "TotalCount": len(found),
        "LoadBalancerSet": [views.load_balancer(balancer) for balancer in found[offset : offset + limit]],
    }


def _at_most(name: str, values: list[str], most: int) -> None:
    if len(values) > most:
        raise ApiError("InvalidParameterValue.Length", f"The length of `{name}` is {len(values)}; at most {most}.")
