# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load balancers that are chosen by their tags: by the modules and the inventory, on sites with and without filter."""

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.request import parse_tags
from harness import Cloud

from ..builders import rows, target, tcp
from ..fake_region import FakeRegion, read_regions

HOST = {"instance_id": "ins-1"}
TAGS = {
    "lb-1": {"env": "prod", "team": "shop"},
    "lb-2": {"env": "prod", "team": "api", "old": ""},
    "lb-3": {"env": "test", "team": "shop"},
    "lb-4": None,
    "lb-5": {},
    "lb-6": {"Env": "prod"},
}
SITES = ["accept", "refuse", "ignore"]


def fleet_of(tags, site="accept"):
    """Load balancers with these tags, the first one the oldest; ins-1 and ins-2 are bound to each."""
    listeners = {one: [tcp(f"lbl-{one}", 443, target("ins-1"), target("ins-2"))] for one in tags}
    cloud = Cloud.of(listeners, tag_filters=site)
    for number, (one, own) in enumerate(tags.items()):
        balancer = cloud.cloud.load_balancers[one]
        balancer.tags, balancer.created = own, f"2026-01-01T{number // 60:02}:{number % 60:02}:00Z"
    return cloud


def chosen(cloud, tags):
    run = cloud.run_info(load_balancer_tags=tags)
    assert run.failure is None
    return [one["load_balancer_id"] for one in run["load_balancers"]]


def filters(cloud):
    """The filters of each listing that was asked for."""
    return [call["params"].get("Filters") for call in cloud.calls("DescribeLoadBalancers")]


@pytest.mark.parametrize("site", SITES)
@rows(
    "tags, expected",
    ({"env": "prod"}, ["lb-1", "lb-2"]),
    ({"env": "prod", "team": "shop"}, ["lb-1"]),
    ({"env": ["prod", "test"]}, ["lb-1", "lb-2", "lb-3"]),
    ({"env": ["prod", "none"], "team": ["api", "shop"]}, ["lb-1", "lb-2"]),
    ({"old": ""}, ["lb-2"]),
    ({"Env": "prod"}, ["lb-6"]),
    ({"env": ["prod", *(f"v{number}" for number in range(100))]}, ["lb-1", "lb-2"]),
)
def test_those_with_all_tags_are_chosen_oldest_first(site, tags, expected):
    fleet = fleet_of(TAGS, site)
    assert chosen(fleet, tags) == expected
    listings = [call["params"] for call in fleet.calls("DescribeLoadBalancers")]
    assert {(params["Forward"], params["OrderType"]) for params in listings} == {(1, 0)}


@pytest.mark.parametrize("site, listings", [("accept", 1), ("ignore", 1), ("refuse", 2)])
def test_the_api_is_asked_to_filter(site, listings):
    fleet = fleet_of(TAGS, site)
    assert chosen(fleet, {"env": ["prod", "test", "prod"], "team": "shop"}) == ["lb-1", "lb-3"]
    asked = [{"Name": "tag:env", "Values": ["prod", "test"]}, {"Name": "tag:team", "Values": ["shop"]}]
    assert filters(fleet) == [asked, None][:listings]


def test_of_more_than_ten_tags_the_rest_is_filtered_here():
    many = {f"tag{number}": "x" for number in range(12)}
    fleet = fleet_of({"lb-1": many, "lb-2": {**many, "tag11": "y"}})
    assert chosen(fleet, many) == ["lb-1"]
    assert [len(one) for one in filters(fleet)] == [10]
    # The same is done with a tag of more than 100 values.
    fleet, others = fleet_of(TAGS), [f"v{number}" for number in range(99)]
    assert chosen(fleet, {"env": ["prod", *others, "v99"], "team": ["shop", *others]}) == ["lb-1"]
    assert filters(fleet) == [[{"Name": "tag:team", "Values": ["shop", *others]}]]
    # Where no tag is left to ask for, everything is listed once.
    fleet.clear_journal()
    assert fleet.run_info(load_balancer_tags={"env": [*others, "v99", "v100"]}).failed
    assert filters(fleet) == [None]


@pytest.mark.parametrize("site", SITES)
def test_three_hundred_on_three_pages(site):
    fleet = fleet_of({f"lb-{number}": {"env": "prod" if number % 300 else "test"} for number in range(301)}, site)
    assert chosen(fleet, {"env": "prod"}) == [f"lb-{number}" for number in range(301) if number % 300]
    # Each page begins with the last one of the page before.
    assert fleet.count("DescribeLoadBalancers") == {"accept": 4, "refuse": 5, "ignore": 4}[site]


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "AuthFailure.UnauthorizedOperation", "InternalError"])
def test_what_is_no_refusal_of_the_filter_is_an_error(code):
    fleet = fleet_of(TAGS)
    fleet.add_faults({"kind": "error", "code": code, "action": "DescribeLoadBalancers", "times": -1})
    assert fleet.run_info(load_balancer_tags={"env": "prod"}).code == code
    assert None not in filters(fleet)


@pytest.mark.parametrize("site", SITES)
@rows(
    "tags, own, words",
    ({"env": "live"}, TAGS, "The values of 'env' are 'prod', 'test', and none of them is 'live'."),
    ({"envi": "prod"}, TAGS, "None has a tag 'envi'; the tags are 'env', 'team', 'old', 'Env'."),
    ({"env": "test", "team": "api"}, TAGS, "none of the 6 load balancers in region ap-guangzhou has all of these"),
    ({"env": "prod"}, {"lb-1": None, "lb-2": {}}, "the API tells no tags of any of the 2 load balancers"),
    ({"env": "prod"}, {}, "there are no load balancers in region ap-guangzhou."),
)
def test_where_none_has_them_the_message_says_which_tags_there_are(site, tags, own, words):
    run = fleet_of(own, site).run_info(load_balancer_tags=tags)
    assert (words in (run.failure or ""), run.code) == (True, "InvalidArgument")
    assert ("None has a tag" in run.message) is ("envi" in tags)


def test_many_tags_and_long_ones_keep_a_message_short():
    own = {f"lb-{number}": {f"\x1b{'k' * 126}{number}": "v" * 255, "env": f"{number}"} for number in range(99)}
    message = fleet_of(own).run_info(load_balancer_tags={"env": "x", "none": "y"}).message
    assert (len(message) < 3000, "and 90 more" in message, "\x1b" in message) == (True, True, False)


@rows(
    "tags, words",
    ({}, "load_balancer_tags is empty; give at least one tag, such as env: prod"),
    ({"cost": 7}, "the value of 'cost' is 7, which is no text; put it in quotes"),
    ({"live": True}, "the value of 'live' is True, which is no text"),
    ({"env": None}, "the value of 'env' is None, which is no text"),
    ({"env": {"a": "b"}}, "which is no text"),
    ({"env": ["prod", 1]}, "the value of 'env' is 1, which is no text"),
    ({"env": [["prod"]]}, "which is no text"),
    ({"env": []}, "the list of 'env' is empty"),
    ({1: "a"}, "a key is 1, which is no text"),
    ({"": "a"}, "a key is empty"),
    ({"env": "x" * 256}, "is longer than 255 characters"),
    ({"env": "\ud800"}, "or not encodable as UTF-8"),
)
def test_what_can_be_no_tag(tags, words):
    with pytest.raises(InvalidArgument) as caught:
        parse_tags(tags)
    assert words in caught.value.message


@pytest.mark.parametrize("site", SITES)
def test_a_task_changes_those_with_the_tags_and_a_dry_run_says_so(site):
    fleet = fleet_of(TAGS, site)
    runs = []
    for check in (True, False):
        assert fleet.writes() == []
        runs.append(fleet.run(state="drained", targets=[HOST], load_balancer_tags={"env": "prod"}, check=check))
    changed = [("lb-1", "name-lb-1", "changed"), ("lb-2", "name-lb-2", "changed")]
    keys = ("load_balancer_id", "load_balancer_name", "status")
    for run in runs:
        assert (run.failure, run["load_balancer_id"], run["diff"]) == (None, None, runs[0]["diff"])
        assert [tuple(one[key] for key in keys) for one in run["load_balancers"]] == changed
    assert {call["params"]["LoadBalancerId"] for call in fleet.writes()} == {"lb-1", "lb-2"}


@rows(
    "options, words",
    ({"load_balancer_id": "lb-1"}, "Give at most one of"),
    ({"load_balancer_tags": {}}, "load_balancer_tags is empty"),
    ({"load_balancer_tags": {"env": "live"}, "targets": []}, "none of them is 'live'"),
    ({"targets": [{**HOST, "load_balancer_id": "lb-3"}]}, "among the chosen load balancers. These are lb-1, lb-2."),
    (
        {"targets": [{**HOST, "port": port, "load_balancer_id": "lb-3"} for port in range(1, 7)]},
        "targets[4]: load_balancer_id 'lb-3' is not among the chosen load balancers. And 1 more. These are",
    ),
    ({"targets": [{"listener_id": "lbl-lb-3"}]}, "none of the load balancers has a listener 'lbl-lb-3'"),
)
def test_how_tags_may_not_choose(options, words):
    fleet = fleet_of(TAGS)
    run = fleet.run(**{"state": "drained", "targets": [HOST], "load_balancer_tags": {"env": "prod"}, **options})
    assert words in (run.failure or "")
    assert (run.code, fleet.writes()) == ("InvalidArgument", [])


def read_by_tags(wanted, *regions):
    """What the inventory reads from regions with load balancers of these tags, and its warnings."""
    made = [
        FakeRegion(
            {one: (f"name-{one}", [tcp(f"lbl-{one}", 443, target("ins-1"))]) for one in tags},
            name,
            own={one: {"tags": own} for one, own in tags.items()},
        )
        for name, tags in zip(("ap-guangzhou", "ap-beijing"), regions)
    ]
    reading = read_regions(*made, tags=parse_tags(wanted))
    return [one["load_balancer_id"] for one in reading.balancers], reading.warnings


def test_the_inventory_has_those_with_the_tags_of_all_regions():
    north = {"lb-7": {"env": "prod"}, "lb-8": {}}
    assert read_by_tags({"env": "prod"}, TAGS, north) == (["lb-1", "lb-2", "lb-7"], [])
    assert read_by_tags({"team": "api"}, TAGS, north) == (["lb-2"], [])
    found, warnings = read_by_tags({"env": "live"}, TAGS, {})
    assert (found, "'prod', 'test'" in warnings[0], "region ap-beijing" in warnings[1]) == ([], True, True)
