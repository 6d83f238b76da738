# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions of the CLB API that read one load balancer, its health, or a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import views
from .errors import ApiError
from .model import canonical_name

if TYPE_CHECKING:
    from .call import Call
    from .cloud import Cloud
    from .faults import Fault
    from .model import Binding, Listener, LoadBalancer, Pool, Rule


def check_maximum(name: str, values: list[Any], maximum: int) -> None:
    """Check the length of a list.

    :raises ApiError: it is longer than the API takes.
    """
    if len(values) > maximum:
        raise ApiError(
            "InvalidParameterValue.Length",
            f"The length of `{name}` is {len(values)}; at most {maximum}.",
            situation="length",
        )


def describe_task_status(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Answer DescribeTaskStatus."""
    task = cloud.tasks.get(call.params["TaskId"])
    if task is None or task.unknown:
        code = None if task is None else task.unknown_code
        raise ApiError(code or cloud.settings.unknown_task_code, f"The task `{call.params['TaskId']}` is not found.")
    return {"Status": task.status, "LoadBalancerIds": [task.load_balancer_id], "Message": task.message}


def _selected(balancer: LoadBalancer, params: dict[str, Any], unknown: str) -> list[Listener]:
    """Return the listeners that ListenerIds, Protocol and Port leave.

    :param unknown: ``error`` refuses an unknown listener, ``empty`` leaves it out.
    """
    wanted = params.get("ListenerIds") or list(balancer.listeners)
    for listener_id in wanted:
        if unknown == "error" and listener_id not in balancer.listeners:
            raise ApiError(
                "InvalidParameter.ListenerIdNotFound",
                f"The listener `{listener_id}` is not found.",
                situation="unknown_listener",
            )
    chosen = set(wanted)
    return [
        listener
        for listener in balancer.listeners.values()
        if listener.id in chosen
        and params.get("Protocol", listener.protocol) == listener.protocol
        and params.get("Port", listener.port) == listener.port
    ]


def describe_targets(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Answer DescribeTargets."""
    params = call.params
    check_maximum("ListenerIds", params.get("ListenerIds", []), cloud.settings.limits["listener_ids"])
    filters: dict[str, set[str]] = {}
    for item in params.get("Filters", []):
        if item["Name"] not in ("location-id", "private-ip-address", "tag"):
            raise ApiError(
                "InvalidParameter.InvalidFilter",
                f"The filter `{item['Name']}` is not supported.",
                situation="unknown_filter",
            )
        filters.setdefault(item["Name"], set()).update(item["Values"])
    addresses, tags, locations = (filters.get(name) for name in ("private-ip-address", "tag", "location-id"))

    def keep(binding: Binding) -> bool:
        by_address = addresses is None or not addresses.isdisjoint(binding.addresses)
        return by_address and (tags is None or binding.tag in tags)

    balancer = cloud.application_balancer(params["LoadBalancerId"], call.region)
    now = cloud.clock.now()
    picky = keep if addresses is not None or tags is not None else None
    answer = []
    for listener in _selected(balancer, params, cloud.settings.describe_unknown_listener):
        rules = [rule for rule in (listener.rules or {}).values() if locations is None or rule.id in locations]
        if locations is None or rules:
            answer.append(views.listener_backend(listener, cloud.settings, now, picky, rules))
    return {"Listeners": answer}


def describe_listeners(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Answer DescribeListeners."""
    check_maximum("ListenerIds", call.params.get("ListenerIds", []), cloud.settings.limits["described_listeners"])
    balancer = cloud.application_balancer(call.params["LoadBalancerId"], call.region)
    listeners = _selected(balancer, call.params, "empty")
    return {
        "TotalCount": len(listeners),
        "Listeners": [views.listener(listener, cloud.health, balancer.created) for listener in listeners],
    }


def describe_target_health(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Answer DescribeTargetHealth."""
    params = call.params
    check_maximum("LoadBalancerIds", params["LoadBalancerIds"], cloud.settings.limits["health_load_balancers"])
    balancers = [cloud.application_balancer(item, call.region) for item in params["LoadBalancerIds"]]
    answers = [_health(cloud, balancer, params, _lacking(call.fault)) for balancer in balancers]
    return {"LoadBalancers": _odd_health(answers, call.fault)}


def _lacking(fault: Fault | None) -> frozenset[str]:
    """Return the canonical names of the targets that a fault leaves out of the answer."""
    if fault is None or fault.kind != "health_answer" or fault["shape"] != "lacks":
        return frozenset()
    return frozenset(canonical_name(name) for name in fault["targets"])


def _odd_health(answers: list[dict[str, Any]], fault: Fault | None) -> list[dict[str, Any]] | None:
    """Return ``LoadBalancers`` as a fault leaves it."""
    shape = fault["shape"] if fault is not None and fault.kind == "health_answer" else "lacks"
    if shape == "null":
        return None
    if shape == "empty":
        return []
    if shape == "other":
        return [{**answer, "LoadBalancerId": "lb-other"} for answer in answers]
    if shape == "no_listeners":
        return [{**answer, "Listeners": None} for answer in answers]
    return answers


def _health(cloud: Cloud, balancer: LoadBalancer, params: dict[str, Any], lacking: frozenset[str]) -> dict[str, Any]:
    """Return one entry of ``LoadBalancers`` in the answer to DescribeTargetHealth."""
    wanted, locations = params.get("ListenerIds"), params.get("LocationIds")
    now = cloud.clock.now()
    entries = []
    for listener in balancer.listeners.values():
        if wanted and listener.id not in wanted:
            continue
        chosen: list[tuple[Pool, Rule | None]]
        if listener.rules is None:
            chosen = [] if locations else [(listener.pool, None)]
        else:
            chosen = [(rule.pool, rule) for rule in listener.rules.values() if not locations or rule.id in locations]
        if chosen or not locations:
            entries.append(
                {
                    "ListenerId": listener.id,
                    "ListenerName": listener.name,
                    "Protocol": listener.protocol,
                    "Port": listener.port,
                    "Rules": [
                        views.rule_health(pool, rule, cloud.health, cloud.settings, now, lacking)
                        for pool, rule in chosen
                    ],
                }
            )
    return {"LoadBalancerId": balancer.id, "LoadBalancerName": balancer.name, "Listeners": entries}
