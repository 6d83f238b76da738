# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._errors import ClbError, InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._inventory import (
    HOSTNAMES,
    InventoryQuery,
    make_groups,
    make_hosts,
    read_load_balancers,
)

from ..builders import http, rule, target, tcp
from ..fake_region import FakeRegion


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


def read(*regions, ids=None, names=None, targets=None, health=False):
    entries = None if targets is None else parse_entries(targets, selectors=True)
    query = InventoryQuery(ids, names, entries, health)
    return read_load_balancers([region.connection() for region in regions], query)


def hosts(*regions, hostnames=tuple(HOSTNAMES), ansible_host="private_ip", **what):
    balancers = read(*regions, **what)
    made = make_hosts(balancers, make_groups(balancers), hostnames, ansible_host)
    assert len({host.name for host in made}) == len(made)
    return {host.name: host for host in made}


@pytest.fixture
def region():
    return FakeRegion({"lb-1": SHOP, "lb-2": API})


def test_groups_by_id_and_by_name(region):
    assert set(make_groups(read(region)).edges) == {
        ("clb_shop", "lb-1"),
        ("lb-1", "lbl-1"),
        ("TCP_443", "lbl-1"),
        ("lb-1", "lbl-2"),
        ("HTTP_80", "lbl-2"),
        ("lbl-2", "loc-1"),
        ("HTTP_80_shop.example.com", "loc-1"),
        ("lbl-2", "loc-2"),
        ("HTTP_80_*.example.com/v1", "loc-2"),
        ("lb-1", "lbl-3"),
        ("UDP_8000_8010", "lbl-3"),
        ("clb_api", "lb-2"),
        ("lb-2", "lbl-9"),
        ("TCP_443", "lbl-9"),
    }


def test_a_host_with_many_bindings_appears_once(region):
    assert {name: host.groups for name, host in hosts(region).items()} == {
        "web-1": ("lbl-1", "loc-1", "lbl-9"),
        "10.9.9.9": ("lbl-1",),
        "ins-2": ("loc-2",),
    }


def test_variables(region):
    variables = dict(hosts(region, health=True)["web-1"].variables)
    bindings = variables.pop("clb_bindings")

    assert variables == {
        "ansible_host": "10.1.0.1",
        "clb_backend": {"instance_id": "ins-1"},
        "clb_healthy": False,
        "clb_instance_id": "ins-1",
        "clb_instance_name": "web-1",
        "clb_load_balancer_ids": ["lb-1", "lb-2"],
        "clb_private_ips": ["10.1.0.1"],
        "clb_public_ips": ["203.0.113.1"],
        "clb_tags": ["blue", "green"],
        "clb_type": "CVM",
        "clb_weight": 20,
        "clb_zone": "z-3",
    }
    assert [(one["load_balancer_id"], one["port"], one["healthy"]) for one in bindings] == [
        ("lb-1", 8443, True),
        ("lb-1", 80, True),
        ("lb-2", 9443, False),
    ]
    assert bindings[1] == {
        "load_balancer_id": "lb-1",
        "load_balancer_name": "shop",
        "region": "ap-guangzhou",
        "listener_id": "lbl-2",
        "listener_protocol": "HTTP",
        "listener_port": 80,
        "location_id": "loc-1",
        "domain": "shop.example.com",
        "url": "/",
        "instance_id": "ins-1",
        "eni_ip": None,
        "port": 80,
        "weight": 20,
        "tag": "blue",
        "healthy": True,
        "health_status": "Alive",
    }


def test_bindings_are_valid_entries_of_targets(region):
    for host in hosts(region).values():
        assert parse_entries(host.variables["clb_bindings"], selectors=False)
        assert parse_entries([host.variables["clb_backend"]], selectors=True)


def test_health_is_null_where_it_was_not_asked_for(region):
    assert {host.variables["clb_healthy"] for host in hosts(region).values()} == {None}


@pytest.mark.parametrize(
    "ansible_host, addresses",
    [
        ("private_ip", {"web-1": "10.1.0.1", "10.9.9.9": "10.9.9.9", "ins-2": "10.1.0.2"}),
        ("public_ip", {"web-1": "203.0.113.1"}),
        ("none", {}),
    ],
)
def test_ansible_host(region, ansible_host, addresses):
    found = hosts(region, ansible_host=ansible_host)

    assert {
        name: host.variables["ansible_host"] for name, host in found.items() if "ansible_host" in host.variables
    } == addresses


@pytest.mark.parametrize(
    "hostnames, names",
    [
        (["instance_name", "instance_id", "address"], {"web-1", "10.9.9.9", "ins-2"}),
        (["instance_id"], {"ins-1", "10.9.9.9", "ins-2"}),
        (["address"], {"10.1.0.1", "10.9.9.9", "10.1.0.2"}),
        (["instance_name", "address"], {"web-1", "10.9.9.9", "10.1.0.2"}),
        ([], {"ins-1", "10.9.9.9", "ins-2"}),
    ],
)
def test_hostnames(region, hostnames, names):
    assert set(hosts(region, hostnames=hostnames)) == names


def test_hosts_that_share_a_name_are_called_by_the_next_one():
    named = [target("ins-1", InstanceName="web"), target("ins-2", InstanceName="web"), target("10.9.9.9")]
    # The name of one is the ID of another.
    named += [target("ins-3", InstanceName="ins-1"), target("ins-4", InstanceName=" ")]
    region = FakeRegion({"lb-1": ("shop", [tcp("lbl-1", 443, *named)])})

    assert {name: host.variables["clb_backend"] for name, host in hosts(region).items()} == {
        "10.1.0.1": {"instance_id": "ins-1"},
        "ins-2": {"instance_id": "ins-2"},
        "ins-3": {"instance_id": "ins-3"},
        "ins-4": {"instance_id": "ins-4"},
        "10.9.9.9": {"eni_ip": "10.9.9.9"},
    }


@pytest.mark.parametrize(
    "what, balancers",
    [
        ({}, ["lb-1", "lb-2", "lb-3"]),
        ({"ids": ["lb-2"]}, ["lb-2"]),
        ({"names": ["shop"]}, ["lb-1", "lb-3"]),
        ({"ids": ["lb-1"], "names": ["api"]}, ["lb-1", "lb-2"]),
        ({"ids": []}, []),
    ],
)
def test_which_load_balancers_are_read(what, balancers):
    region = FakeRegion({"lb-1": SHOP, "lb-2": API, "lb-3": ("shop", []), "lb-4": ("shop-old", [])})
    if not what:
        balancers = [*balancers, "lb-4"]

    assert [one["load_balancer_id"] for one in read(region, **what)] == balancers
    assert region.count("DescribeTargets") == len(balancers)


@pytest.mark.parametrize(
    "health, expected",
    [
        (False, {"DescribeLoadBalancers": 1, "DescribeTargets": 20}),
        (True, {"DescribeLoadBalancers": 1, "DescribeTargets": 20, "DescribeTargetHealth": 20}),
    ],
)
def test_twenty_load_balancers_take_one_listing_and_one_call_each(health, expected):
    region = FakeRegion({f"lb-{n}": (f"n{n}", [tcp(f"lbl-{n}", 443, target("ins-1"))]) for n in range(20)})

    found = hosts(region, health=health)

    assert {action: region.count(action) for action, _ in region.calls} == expected
    assert len(found["ins-1"].variables["clb_bindings"]) == 20


def test_all_pages_of_a_region_are_read():
    region = FakeRegion({f"lb-{n}": (f"n{n}", []) for n in range(250)})

    assert len(read(region)) == 250
    assert region.count("DescribeLoadBalancers") == 3


def test_one_name_is_left_to_the_clouds_own_filter():
    region = FakeRegion({f"lb-{n}": (f"n{n}", []) for n in range(250)})

    assert [one["load_balancer_id"] for one in read(region, names=["n7"])] == ["lb-7"]
    assert region.calls[0] == ("DescribeLoadBalancers", {"Offset": 0, "Limit": 100, "LoadBalancerName": "n7"})


def test_several_regions():
    south = FakeRegion({"lb-1": SHOP}, "ap-guangzhou")
    north = FakeRegion({"lb-2": API}, "ap-beijing")

    found = hosts(south, north, ids=["lb-1", "lb-2"])

    assert [one["region"] for one in found["web-1"].variables["clb_bindings"]] == [
        "ap-guangzhou",
        "ap-guangzhou",
        "ap-beijing",
    ]


def test_selectors_leave_out_what_they_do_not_match(region):
    found = hosts(region, targets=[{"domain": "shop.example.com"}])

    assert {name: host.groups for name, host in found.items()} == {"web-1": ("loc-1",)}


def test_what_is_read_can_be_cached(region):
    balancers = read(region, health=True)

    assert json.loads(json.dumps(balancers)) == balancers


@pytest.mark.parametrize("what", [{"ids": ["lb-1", "lb-77"]}, {"names": ["shop", "lb-77"]}])
def test_a_load_balancer_that_does_not_exist_is_an_error(region, what):
    with pytest.raises(InvalidArgument, match=r"No load balancer 'lb-77' in region ap-guangzhou\. Check"):
        read(region, **what)


def test_an_error_says_where(region):
    region.denied = ("lb-2",)

    with pytest.raises(ClbError) as caught:
        read(region)

    assert caught.value.message.startswith("region ap-guangzhou, load balancer lb-2 (api): ")
    assert "not allowed" in caught.value.message


def test_hosts_that_are_called_like_each_others_ids():
    named = [target(f"ins-{n}", InstanceName=f"ins-{n + 1}") for n in range(1, 300)]
    region = FakeRegion({"lb-1": ("shop", [tcp("lbl-1", 443, *named)])})

    assert len(hosts(region)) == 299
