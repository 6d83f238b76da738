# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions of the CLB API that look for load balancers: all of a region, or those that have an address bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import views
from .errors import ApiError
from .model import canonical_name
from .reads import check_maximum

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .call import Call
    from .cloud import Cloud
    from .model import Binding, LoadBalancer

_MAX_FILTERS = 10
_MAX_FILTER_VALUES = 100

_ORDERS: dict[str, Callable[[LoadBalancer], str]] = {
    "CreateTime": lambda balancer: balancer.created,
    "LoadBalancerName": lambda balancer: balancer.name,
    "LoadBalancerType": lambda balancer: balancer.type,
}


def describe_load_balancers(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Answer DescribeLoadBalancers: the newest first where no order is asked for, names matched anywhere in them."""
    params = call.params
    check_maximum("LoadBalancerIds", params.get("LoadBalancerIds", []), cloud.settings.limits["load_balancer_ids"])
    offset, limit = params.get("Offset", 0), params.get("Limit", 20)
    if offset < 0 or not 1 <= limit <= 100:
        raise ApiError("InvalidParameterValue.Range", "`Offset` must be 0 or more and `Limit` 1 to 100.")
    order = _ORDERS.get(params.get("OrderBy", "CreateTime"))
    if order is None:
        raise ApiError("InvalidParameterValue", f"`OrderBy` {params['OrderBy']} is not supported.")
    filters = _filters(params.get("Filters", []), cloud.settings.tag_filters)
    extras = frozenset(params.get("AdditionalFields", []))
    if not extras <= views.ADDITIONAL_FIELDS.keys():
        raise ApiError("InvalidParameterValue", f"`AdditionalFields` {', '.join(sorted(extras))} is not supported.")
    shown = {"asked": extras, "always": views.ADDITIONAL_FIELDS, "never": ()}[cloud.settings.target_count]
    found = [
        balancer
        for balancer in cloud.load_balancers.values()
        if balancer.region == call.region and _matches(balancer, params) and _passes(balancer, filters)
    ]
    found.sort(key=order, reverse=params.get("OrderType", 1) == 1)
    return {
        "TotalCount": len(found),
        "LoadBalancerSet": [
            {**views.load_balancer(balancer), **{name: views.ADDITIONAL_FIELDS[name](balancer) for name in shown}}
            for balancer in found[offset : offset + limit]
        ],
    }


def _matches(balancer: LoadBalancer, params: Mapping[str, Any]) -> bool:
    """Return whether a load balancer is what the parameters ask for, ``Filters`` aside."""
    ids, vips = params.get("LoadBalancerIds"), params.get("LoadBalancerVips")
    with_backends, forward = params.get("WithRs", -1), params.get("Forward", -1)
    conditions = (
        not ids or balancer.id in ids,
        not vips or balancer.vip in vips or balancer.ipv6 in vips,
        params.get("LoadBalancerName", "") in balancer.name,
        params.get("LoadBalancerType", balancer.type) == balancer.type,
        params.get("VpcId", balancer.vpc_id) == balancer.vpc_id,
        forward == -1 or balancer.forward == forward,
        with_backends == -1 or any(len(pool) for pool in balancer.pools) == bool(with_backends),
    )
    return all(conditions) and _has_instance_at(balancer, params.get("BackendPrivateIps", []))


def _has_instance_at(balancer: LoadBalancer, addresses: list[str]) -> bool:
    """Return whether a CVM with one of these private addresses is bound; like the cloud, it looks at CVMs only."""
    wanted = {canonical_name(address) for address in addresses}
    return not wanted or any(
        binding.is_cvm and not wanted.isdisjoint(binding.addresses) for pool in balancer.pools for binding in pool
    )


def _filters(raw: list[dict[str, Any]], tag_filters: str) -> list[tuple[str, list[str]]]:
    """Return the filters that count.

    :param tag_filters: ``accept``; ``refuse``: filters by tag are unknown; ``ignore``: more is answered than asked for.
    :raises ApiError: one is unknown, or they are too many.
    """
    check_maximum("Filters", raw, _MAX_FILTERS)
    filters = []
    for item in raw:
        check_maximum("Values", item["Values"], _MAX_FILTER_VALUES)
        is_known = item["Name"] == "tag-key" or item["Name"].startswith("tag:")
        if not is_known or tag_filters == "refuse":
            raise ApiError(
                "InvalidParameter.InvalidFilter",
                f"The filter `{item['Name']}` is not supported.",
                situation="unknown_filter",
            )
        filters.append((item["Name"], item["Values"]))
    return filters if tag_filters == "accept" else []


def _passes(balancer: LoadBalancer, filters: list[tuple[str, list[str]]]) -> bool:
    """Return whether a load balancer passes all filters; one matching value of a filter is enough."""
    tags = balancer.tags or {}
    for name, values in filters:
        if name == "tag-key":
            if tags.keys().isdisjoint(values):
                return False
        elif tags.get(name.removeprefix("tag:")) not in values:
            return False
    return True


def describe_load_balancers_detail(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Answer DescribeLoadBalancersDetail: only the fields that are always there, and filters by ID and target."""
    wanted: dict[str, set[str]] = {}
    for item in call.params.get("Filters", []):
        if item["Name"] not in ("loadbalancer-id", "target-ip"):
            raise ApiError(
                "InvalidParameter.InvalidFilter",
                f"The filter `{item['Name']}` is not supported.",
                situation="unknown_filter",
            )
        wanted.setdefault(item["Name"], set()).update(map(canonical_name, item["Values"]))
    seen_until = cloud.clock.now() - cloud.settings.detail_lag
    ids, addresses = wanted.get("loadbalancer-id"), wanted.get("target-ip")

    def has_target(balancer: LoadBalancer) -> bool:
        return addresses is None or any(
            not addresses.isdisjoint(binding.addresses) and binding.alive_at - cloud.health.after <= seen_until
            for pool in balancer.pools
            for binding in pool
        )

    found = [
        {"LoadBalancerId": balancer.id, "LoadBalancerName": balancer.name}
        for balancer in cloud.load_balancers.values()
        if balancer.region == call.region and (ids is None or balancer.id in ids) and has_target(balancer)
    ]
    offset = call.params.get("Offset", 0)
    return {
        "TotalCount": len(found),
        "LoadBalancerDetailSet": found[offset : offset + call.params.get("Limit", 20)],
    }


def describe_lb_listeners(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Answer DescribeLBListeners: in all regions, for an address can be bound across them."""
    wanted = {(item["VpcId"], canonical_name(item["PrivateIp"])) for item in call.params["Backends"]}
    found = []
    for balancer in cloud.load_balancers.values():

        def keep(binding: Binding, own_vpc: str = balancer.vpc_id) -> bool:
            return any((binding.vpc_id or own_vpc, address) in wanted for address in binding.addresses)

        entry = views.bound_load_balancer(balancer, keep)
        if entry is not None:
            found.append(entry)
    return {"LoadBalancers": found}
