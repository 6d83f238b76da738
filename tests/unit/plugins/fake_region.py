# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An emulated region with load balancers, as the client shows it to what only reads."""

from __future__ import annotations

from collections import Counter

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import Connection
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.request import Choice, Request
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._reading import read_load_balancers
from clb_emulator.errors import ApiError
from clb_emulator.inprocess import InProcess, scenario_of
from harness import INSTANCES

from .builders import http, refused, rule, target, tcp


def web_1(port, weight, tag=""):
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
    """The load balancers of an emulator; `errors` has what reading one raises, by its ID.

    :param balancers: ID -> (name, listeners as DescribeTargets answers them).
    :param own: ID -> what a scenario says of this load balancer, such as its vpc_id.
    """

    def __init__(self, balancers, name="ap-guangzhou", **settings):
        self.name = name
        self.errors = {}
        self.calls = []
        self.hold(balancers, **settings)

    def hold(self, balancers, own=None, **settings):
        """Hold these load balancers and no others."""
        scenario = scenario_of({identity: listeners for identity, (_, listeners) in balancers.items()})
        # All at once: they are listed as they are given.
        common = {"created": "2026-01-01T00:00:00Z", "vpc_id": ""}
        for one in scenario["load_balancers"]:
            one.update({"name": balancers[one["id"]][0], **common, **(own or {}).get(one["id"], {})})
        self.emulator = InProcess(scenario, region=self.name, numbered_instances=INSTANCES, **settings)

    def connection(self):
        return Connection(Clb(self), self.name, Counter())

    def read(self, action, params, *, last_attempt=False):
        self.calls.append((action, dict(params)))
        if error := self.errors.get(params.get("LoadBalancerId")):
            raise error
        try:
            return self.emulator.call(action, params)
        except ApiError as refusal:
            raise refused(refusal.code, refusal.message, action, refusal.request_id) from refusal

    def write(self, action, params):
        raise AssertionError(f"{action}: what only reads must not write")

    def count(self, action):
        return sum(one == action for one, _ in self.calls)


def read_regions(*regions, ids=(), names=(), tags=None, targets=None, **more):
    """Read regions as the inventory does."""
    entries = None if targets is None else parse_entries(targets, selectors=True)
    request = Request(Choice(ids=tuple(ids or ()), names=tuple(names), tags=tags), entries, 30, **more)
    return read_load_balancers([region.connection() for region in regions], request)
