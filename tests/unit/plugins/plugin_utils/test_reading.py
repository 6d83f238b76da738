# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import (
    ClbError,
    ConnectionFailed,
    InvalidArgument,
)

from ..builders import refused, target, tcp
from ..fake_region import API, SHOP, FakeRegion, read_regions

GONE = "InvalidParameter.LBIdNotFound"


@pytest.fixture
def region():
    return FakeRegion({"lb-1": SHOP, "lb-2": API})


def region_of(count, **more):
    balancers = {f"lb-{n}": (f"n{n}", [tcp(f"lbl-{n}", 443, target("ins-1"))]) for n in range(count)}
    return FakeRegion(balancers, **more)


def failure(*regions, **what):
    """The message with which reading fails."""
    with pytest.raises(ClbError) as caught:
        read_regions(*regions, **what)
    return caught.value.message


def ids(reading):
    return [balancer["load_balancer_id"] for balancer in reading.balancers]


@pytest.mark.parametrize(
    "what, balancers",
    [
        ({}, ["lb-1", "lb-2", "lb-3", "lb-4"]),
        ({"ids": ["lb-2"]}, ["lb-2"]),
        ({"names": ["shop"]}, ["lb-1", "lb-3"]),
        ({"ids": ["lb-1"], "names": ["api"]}, ["lb-1", "lb-2"]),
    ],
)
def test_which_load_balancers_are_read(what, balancers):
    region = FakeRegion({"lb-1": SHOP, "lb-2": API, "lb-3": ("shop", []), "lb-4": ("shop-old", [])})
    assert ids(read_regions(region, **what)) == balancers
    assert region.count("DescribeTargets") == len(balancers)


@pytest.mark.parametrize(
    "health, expected",
    [
        (False, {"DescribeLoadBalancers": 1, "DescribeTargets": 20}),
        (True, {"DescribeLoadBalancers": 1, "DescribeTargets": 20, "DescribeTargetHealth": 1}),
    ],
)
def test_twenty_load_balancers_take_one_listing_and_one_call_each_and_one_for_all_of_their_health(health, expected):
    region = region_of(20)
    found = read_regions(region, health=health)
    assert {action: region.count(action) for action, _ in region.calls} == expected
    assert ids(found) == [f"lb-{n}" for n in range(20)]


def test_one_name_is_left_to_the_clouds_own_filter():
    region = region_of(250)
    assert ids(read_regions(region, names=["n7"])) == ["lb-7"]
    [(_, params), *_] = region.calls
    assert (params["LoadBalancerName"], params["Offset"]) == ("n7", 0)


@pytest.mark.parametrize("what", [{"ids": ["lb-1", "lb-77"]}, {"names": ["shop", "lb-77"]}])
def test_a_load_balancer_that_does_not_exist_is_an_error(region, what):
    with pytest.raises(InvalidArgument, match=r"No load balancer 'lb-77' in region ap-guangzhou\. Check"):
        read_regions(region, **what)


def test_an_id_is_no_name_and_a_name_no_id(region):
    with pytest.raises(InvalidArgument, match=r"No load balancer 'shop', 'lb-1' in region"):
        read_regions(region, ids=["shop", "lb-2"], names=["lb-1"])


def test_classic_load_balancers_are_left_out_and_one_that_is_named_is_an_error():
    region = FakeRegion({"lb-1": SHOP, "lb-old": API}, own={"lb-old": {"forward": 0}})
    reading = read_regions(region)
    assert (ids(reading), reading.warnings) == (["lb-1"], [])
    with pytest.raises(InvalidArgument, match=r"'lb-old' in region .* Classic load balancers are not supported"):
        read_regions(region, ids=["lb-old"])


def test_equal_warnings_come_once_and_name_a_few():
    region = region_of(20)
    region.errors = {f"lb-{n}": refused(GONE, f"lb-{n} is gone", "DescribeTargets") for n in range(12)}
    region.errors["lb-15"] = refused("UnsupportedOperation", "no", "DescribeTargets")
    gone, unsupported = read_regions(region).warnings
    assert (
        "load balancers lb-0 (n0), lb-1 (n1), lb-2 (n2), lb-3 (n3), lb-4 (n4) and 7 more were left out in region"
        in gone
    )
    assert "load balancer lb-15 (n15) was left out in region" in unsupported


def test_after_an_error_that_fails_all_nothing_more_is_read():
    region = region_of(1000)
    region.errors["lb-0"] = ConnectionFailed("no answer")
    assert failure(region) == "region ap-guangzhou, load balancer lb-0 (n0): no answer"
    assert region.count("DescribeTargets") < 1000


def test_several_regions_are_read_in_their_order():
    south = FakeRegion({"lb-1": SHOP}, "ap-guangzhou")
    north = FakeRegion({"lb-2": API}, "ap-beijing")
    found = read_regions(south, north, ids=["lb-1", "lb-2"]).balancers
    assert [(balancer["region"], balancer["load_balancer_id"]) for balancer in found] == [
        ("ap-guangzhou", "lb-1"),
        ("ap-beijing", "lb-2"),
    ]


def test_a_selector_with_a_load_balancer_matches_on_that_one_only(region):
    found = read_regions(region, targets=[{"load_balancer_id": "lb-2", "instance_id": "ins-1"}]).balancers
    assert [(balancer["load_balancer_id"], len(balancer["targets"])) for balancer in found] == [
        ("lb-1", 0),
        ("lb-2", 1),
    ]
    assert region.count("DescribeTargets") == 1


def test_a_selector_with_a_load_balancer_that_is_not_read_is_an_error(region):
    selectors = [{"instance_id": "ins-1"}, {"load_balancer_id": "lb-2", "instance_id": "ins-1"}]
    message = failure(region, ids=["lb-1"], targets=selectors)
    assert message.startswith("targets[1]: load_balancer_id 'lb-2' is none of the load balancers that this inventory")


def test_no_selectors_read_nothing(region):
    found = read_regions(region, targets=[])
    assert [balancer["targets"] for balancer in found.balancers] == [[], []]
    assert region.count("DescribeTargets") == 0


def test_a_selector_with_a_listener_matches_where_that_listener_is(region):
    reading = read_regions(region, targets=[{"listener_id": "lbl-9"}, {"listener_id": "lbl-77"}])
    assert [len(balancer["targets"]) for balancer in reading.balancers] == [0, 1]
    assert region.count("DescribeTargets") == 2
    assert reading.warnings == ["targets[1]: none of the load balancers has a listener 'lbl-77'. It selects nothing."]


def test_a_selector_that_contradicts_itself_says_where(region):
    message = failure(region, targets=[{"listener_id": "lbl-9", "listener_port": 80}])
    assert message.startswith("region ap-guangzhou, load balancer lb-2 (api): ")


@pytest.mark.parametrize(
    "more, words",
    [
        ({"region": "ap-beijing"}, "region 'ap-beijing' is not ap-guangzhou"),
        ({"load_balancer_id": "lb-1", "load_balancer_name": "api"}, "load_balancer_name 'api' is not the name of lb-1"),
        ({"load_balancer_name": "api"}, "load_balancer_name 'api' alone does not say which load balancer"),
    ],
)
def test_a_selector_of_another_region_or_name_is_an_error(region, more, words):
    assert failure(region, targets=[{"instance_id": "ins-1", **more}]).startswith(f"targets[0]: {words}")


def test_a_selector_with_a_region_matches_there_only():
    south = FakeRegion({"lb-1": SHOP}, "ap-guangzhou")
    north = FakeRegion({"lb-2": API}, "ap-beijing")
    reading = read_regions(south, north, targets=[{"instance_id": "ins-1", "region": "ap-beijing"}])
    assert [len(balancer["targets"]) for balancer in reading.balancers] == [0, 1]
    assert south.count("DescribeTargets") == 0
