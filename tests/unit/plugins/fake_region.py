# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An emulated region with load balancers, as the client shows it to what only reads."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import Connection
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.request import Choice, Request
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._reading import read_load_balancers
from clb_emulator.errors import ApiError
from clb_emulator.inprocess import InProcess, scenario_of
from harness import INSTANCES

from .builders import http, refused, rule, target, tcp

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError
    from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.request import Tags
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


class FakeRegion:
    """The load balancers of an emulator.

    Args:
        balancers: ID -> (name, listeners as DescribeTargets answers them).
        vpcs: ID -> VPC; the others are in none that the listing names.
        classic: IDs of classic load balancers.
        health: the results of health checks, as in a scenario.

    Attributes:
        errors: ID -> what reading it raises.
    """

    def __init__(
        self,
        balancers: Mapping[str, tuple[str, list[Raw]]],
        name: str = "ap-guangzhou",
        *,
        vpcs: Mapping[str, str] | None = None,
        classic: Collection[str] = (),
        health: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.errors: dict[str, ClbError] = {}
        self.calls: list[tuple[str, Raw]] = []
        self.hold(balancers, vpcs=vpcs, classic=classic, health=health)

    def hold(
        self,
        balancers: Mapping[str, tuple[str, list[Raw]]],
        *,
        vpcs: Mapping[str, str] | None = None,
        classic: Collection[str] = (),
        health: Mapping[str, Any] | None = None,
    ) -> None:
        """Hold these load balancers and no others."""
        scenario = scenario_of({identity: listeners for identity, (_, listeners) in balancers.items()})
        for balancer in scenario["load_balancers"]:
            identity = balancer["id"]
            balancer["name"] = balancers[identity][0]
            # All at once: they are listed as they are given.
            balancer["created"] = "2026-01-01T00:00:00Z"
            balancer["vpc_id"] = (vpcs or {}).get(identity, "")
            balancer["forward"] = int(identity not in classic)
        self.emulator = InProcess(scenario, region=self.name, numbered_instances=INSTANCES, health=health or {})

    def connection(self) -> Connection:
        return Connection(Clb(self), self.name, Counter())

    def deny(self, *identities: str) -> None:
        """Let load balancers be listed, but not read."""
        for identity in identities:
            self.errors[identity] = refused("UnauthorizedOperation", "not allowed", "DescribeTargets")

    def read(self, action: str, params: Mapping[str, Any], *, last_attempt: bool = False) -> Raw:
        self.calls.append((action, dict(params)))
        error = self.errors.get(params.get("LoadBalancerId", ""))
        if error is not None:
            raise error
        try:
            return self.emulator.call(action, params)
        except ApiError as refusal:
            raise refused(refusal.code, refusal.message, action, refusal.request_id) from refusal

    def write(self, action: str, params: Mapping[str, Any]) -> Raw:
        raise AssertionError(f"{action}: what only reads must not write")

    def count(self, action: str) -> int:
        return sum(one == action for one, _ in self.calls)


def read_regions(
    *regions: FakeRegion,
    ids: list[str] | None = None,
    names: list[str] | None = None,
    targets: list[Raw] | None = None,
    health: bool = False,
    tags: Tags | None = None,
) -> Reading:
    """Read regions as the inventory does."""
    entries = None if targets is None else parse_entries(targets, selectors=True)
    request = Request(Choice(ids=tuple(ids or ()), names=tuple(names or ()), tags=tags), entries, 30, health=health)
    return read_load_balancers([region.connection() for region in regions], request)
