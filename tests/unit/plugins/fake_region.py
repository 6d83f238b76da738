# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A region with load balancers, as the client shows it to what only reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import Connection
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._reading import InventoryQuery, read_load_balancers

from .builders import http, refused, rule, target, tcp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible_collections.tencentcloud.clb.plugins.module_utils._errors import ClbError
    from ansible_collections.tencentcloud.clb.plugins.plugin_utils._reading import Reading

    from .builders import Raw


def web_1(port: int, weight: int, tag: str = "") -> Raw:
    return target("ins-1", port, weight, tag, InstanceName="web-1", Zone="z-3", PublicIpAddresses=["203.0.113.1"])


SHOP = (
    "shop",
    [
        tcp("lbl-1", 443, web_1(8443, 5, "green"), target("10.9.9.9", 8443)),
        http(
            "lbl-2",
            80,
            rule("loc-1", "shop.example.com", web_1(80, 20, "blue")),
            rule("loc-2", "*.example.com", target("ins-2", 80, 0), url="/v1/"),
        ),
        tcp("lbl-3", 8000, EndPort=8010, protocol="UDP"),
    ],
)
API = ("api", [tcp("lbl-9", 443, web_1(9443, 1))])


@dataclass
class FakeRegion:
    """Load balancers that nobody changes.

    Args:
        balancers: ID -> (name, listeners as DescribeTargets answers them).
        denied: IDs that may be listed, but not read.
        page: how many load balancers a page holds at most, whatever is asked for.
        vpcs: ID -> VPC; the others are in none that the listing names.
        classic: IDs of classic load balancers.
        errors: ID -> what reading it raises.
    """

    balancers: Mapping[str, tuple[str, list[Raw]]]
    name: str = "ap-guangzhou"
    denied: tuple[str, ...] = ()
    page: int = 100
    vpcs: Mapping[str, str] = field(default_factory=dict)
    classic: tuple[str, ...] = ()
    errors: dict[str, ClbError] = field(default_factory=dict)
    calls: list[tuple[str, Raw]] = field(default_factory=list)

    def connection(self) -> Connection:
        return Connection(Clb(self), self.name, Counter())

    def read(self, action: str, params: Mapping[str, Any], *, last_attempt: bool = False, patient: bool = False) -> Raw:
        self.calls.append((action, dict(params)))
        if action == "DescribeLoadBalancers":
            return self._list(params)
        if action == "DescribeTargetHealth":
            return self._health(params["LoadBalancerIds"][0])
        assert action == "DescribeTargets", action
        if params["LoadBalancerId"] in self.errors:
            raise self.errors[params["LoadBalancerId"]]
        if params["LoadBalancerId"] in self.denied:
            raise refused("UnauthorizedOperation", "not allowed", action)
        return {"Listeners": self.balancers[params["LoadBalancerId"]][1]}

    def write(self, action: str, params: Mapping[str, Any]) -> Raw:
        raise AssertionError(f"{action}: what only reads must not write")

    def _list(self, params: Mapping[str, Any]) -> Raw:
        matching = [
            {
                "LoadBalancerId": identity,
                "LoadBalancerName": name,
                "LoadBalancerVips": None,
                "VpcId": self.vpcs.get(identity),
            }
            for identity, (name, _) in self.balancers.items()
            if params.get("LoadBalancerName", "") in name
            and not (params.get("Forward") == 1 and identity in self.classic)
        ]
        start = params["Offset"]
        size = min(self.page, params["Limit"])
        return {"LoadBalancerSet": matching[start : start + size], "TotalCount": len(matching)}

    def _health(self, load_balancer_id: str) -> Raw:
        """Everything is alive but what has a weight of 1."""
        listeners = [
            {
                "ListenerId": listener["ListenerId"],
                "Protocol": listener["Protocol"],
                "Rules": [
                    {
                        "LocationId": place.get("LocationId", ""),
                        "Targets": [
                            {
                                "IP": one["PrivateIpAddresses"][0],
                                "Port": one["Port"],
                                "HealthStatus": one["Weight"] != 1,
                                "HealthStatusDetail": "Dead" if one["Weight"] == 1 else "Alive",
                            }
                            for one in place["Targets"]
                        ],
                    }
                    for place in listener["Rules"] or [listener]
                ],
            }
            for listener in self.balancers[load_balancer_id][1]
        ]
        return {"LoadBalancers": [{"LoadBalancerId": load_balancer_id, "Listeners": listeners}]}

    def count(self, action: str) -> int:
        return sum(one == action for one, _ in self.calls)


def read_regions(
    *regions: FakeRegion,
    ids: list[str] | None = None,
    names: list[str] | None = None,
    targets: list[Raw] | None = None,
    health: bool = False,
) -> Reading:
    """Read regions as the inventory does."""
    entries = None if targets is None else parse_entries(targets, selectors=True)
    query = InventoryQuery(ids, names, entries, health)
    return read_load_balancers([region.connection() for region in regions], query)
