# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What selectors and purge take away on a load balancer with a bit of everything."""

from __future__ import annotations

from typing import Any

import pytest

from harness import Cloud
from shop import keys, web_shop

TCP = {"listener_id": "lbl-tcp"}


def shop(**settings: Any) -> Cloud:
    return Cloud({"instances": {"ins-a": {"ip": "10.1.0.1"}}, "load_balancers": [web_shop()], **settings})


def left(cloud: Cloud) -> set[tuple[Any, ...]]:
    """What is bound, without weights and tags."""
    return {binding[:4] for binding in cloud.bindings()}


ALL = {
    ("lbl-tcp", None, "ins-a", 8443),
    ("lbl-tcp", None, "ins-b", 8443),
    ("lbl-tcp", None, "10.0.9.1", 8443),
    ("lbl-dns-tcp", None, "2001:db8::53", 53),
    ("lbl-dns-udp", None, "ins-a", 53),
    ("lbl-http", "loc-shop", "ins-a", 8080),
    ("lbl-http", "loc-shop", "ins-b", 8080),
}
"""What is bound to a web shop."""

SELECTORS: dict[str, tuple[list[dict[str, Any]], set[tuple[Any, ...]]]] = {
    "an instance": ([{"instance_id": "ins-a"}], {key for key in ALL if key[2] == "ins-a"}),
    "an instance on a listener": ([{**TCP, "instance_id": "ins-a"}], {("lbl-tcp", None, "ins-a", 8443)}),
    "an address in another spelling": ([{"ip": "2001:DB8:0:0::53"}], {("lbl-dns-tcp", None, "2001:db8::53", 53)}),
    "a listener with its rules": ([{"listener_id": "lbl-http"}], {key for key in ALL if key[0] == "lbl-http"}),
    "a port of both protocols": ([{"listener_port": 53}], {key for key in ALL if "dns" in key[0]}),
    "a domain without url": ([{"domain": "shop.EXAMPLE.com"}], {key for key in ALL if key[1] == "loc-shop"}),
    "a rule": ([{"location_id": "loc-shop", "instance_id": "ins-b"}], {("lbl-http", "loc-shop", "ins-b", 8080)}),
    "a tag on a listener": ([{**TCP, "tag": "blue"}], {("lbl-tcp", None, f"ins-{x}", 8443) for x in "ab"}),
    "an empty tag narrows nothing": ([{**TCP, "tag": "", "weight": 99}], {key for key in ALL if key[0] == "lbl-tcp"}),
    "a backend port": ([{"instance_id": "ins-a", "port": 53}], {("lbl-dns-udp", None, "ins-a", 53)}),
    "what overlaps": (
        [{"instance_id": "ins-a"}, {**TCP, "instance_id": "ins-a", "port": 8443}],
        {key for key in ALL if key[2] == "ins-a"},
    ),
    "nobody": ([{"instance_id": "ins-nobody"}], set()),
}


@pytest.mark.parametrize("selectors, gone", SELECTORS.values(), ids=SELECTORS)
def test_selectors_of_absent(selectors, gone):
    cloud = shop()
    run = cloud.run(state="absent", targets=selectors)
    assert (run.failure, ALL - left(cloud), keys(run["deregistered"])) == (None, gone, gone)
    assert run.changed == bool(gone)


def test_purge_stays_within_the_named_listeners_and_rules():
    cloud = shop()
    new = {"location_id": "loc-api", "instance_id": "ins-n", "port": 9000}
    cloud.run(purge=True, targets=[{**TCP, "eni_ip": "10.0.9.1", "port": 8443}, new])
    gone = {("lbl-tcp", None, "ins-a", 8443), ("lbl-tcp", None, "ins-b", 8443)}
    assert left(cloud) == (ALL - gone) | {("lbl-http", "loc-api", "ins-n", 9000)}
    assert cloud.actions("Batch*") == ["BatchRegisterTargets", "BatchDeregisterTargets"]
