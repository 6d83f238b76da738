# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import LISTING_PASSES, Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import UnexpectedAnswer

from ...builders import rows


class Region:
    """An Api that lists load balancers by number; they can be made and deleted between two pages."""

    def __init__(self, numbers):
        self.numbers = list(numbers)
        self.sent = []
        self.after_page = {}
        self.uncounted = 0

    def read(self, action, params, **_options):
        assert action == "DescribeLoadBalancers"
        self.sent.append(dict(params))
        known = [n for n in self.numbers if f"lb-{n}" in params.get("LoadBalancerIds", [f"lb-{n}"])]
        page = known[params["Offset"] : params["Offset"] + params["Limit"]]
        total = len(known) + self.uncounted
        self.after_page.pop(len(self.sent), lambda _: None)(self.numbers)
        return {"TotalCount": total, "LoadBalancerSet": [balancer(n) for n in page]}

    write = read


def balancer(number, **more):
    return {"LoadBalancerId": f"lb-{number}", "LoadBalancerName": "web", "LoadBalancerVips": None, **more}


def ids(numbers):
    return [f"lb-{number}" for number in numbers]


def listed(region, **how):
    return [one.load_balancer_id for one in Clb(region).describe_load_balancers(**how)]


def test_load_balancers_are_listed_page_by_page():
    region = Region(range(150))
    assert listed(region, name="web") == ids(range(150))
    assert region.sent == [
        {"Offset": 0, "Limit": 100, "LoadBalancerName": "web"},
        {"Offset": 99, "Limit": 100, "LoadBalancerName": "web"},
    ]


@rows(
    "how, params",
    ({}, {}),
    ({"with_backends": True}, {"WithRs": 1}),
    ({"oldest_first": True}, {"OrderType": 0}),
    ({"forward_only": True}, {"Forward": 1}),
    ({"with_backends": True, "forward_only": True}, {"WithRs": 1, "Forward": 1}),
    ({"tags": {"env": ("a", "b")}}, {"Filters": [{"Name": "tag:env", "Values": ["a", "b"]}]}),
)
def test_a_listing_is_narrowed_where_asked(how, params):
    region = Region(range(3))
    assert listed(region, **how) == ids(range(3))
    assert region.sent == [{**params, "Offset": 0, "Limit": 100}]


def test_ids_are_asked_for_20_at_a_time_and_each_once():
    region = Region(range(0, 60, 2))
    assert listed(region, load_balancer_ids=[*ids(range(45)), "lb-0"]) == ids(range(0, 45, 2))
    assert [len(sent["LoadBalancerIds"]) for sent in region.sent] == [20, 20, 5]
    assert listed(region, load_balancer_ids=[]) == []


@rows(
    "meanwhile",
    pytest.param(lambda numbers: numbers.remove(0), id="one of the first page is deleted"),
    pytest.param(lambda numbers: numbers.insert(0, 999), id="a new one comes first"),
    pytest.param(lambda numbers: numbers.append(999), id="a new one comes last"),
    pytest.param(lambda numbers: numbers.clear(), id="all are deleted"),
    pytest.param(lambda numbers: (numbers.remove(0), numbers.append(999)), id="one goes, one comes"),
)
def test_a_listing_that_changes_between_two_pages_is_read_again(meanwhile):
    region = Region(range(150))
    region.after_page[1] = meanwhile
    found = listed(region)
    assert sorted(found) == sorted(ids(region.numbers))
    assert len(set(found)) == len(found)


@rows("size", 1, 2, 40)
def test_a_page_may_be_shorter_than_asked_for(size):
    region = Region(range(150))
    whole_read = region.read
    region.read = lambda action, params, **_: whole_read(action, {**params, "Limit": size})
    assert listed(region) == ids(range(150))


@rows("numbers", [0, 1, 1, 2], [*range(99), 98, *range(99, 150)])
def test_one_that_is_listed_twice_comes_once(numbers):
    region = Region(numbers)
    region.uncounted = -1
    assert listed(region) == ids(sorted(set(numbers)))


@rows("uncounted", -1, 2, 10**9)
def test_a_count_that_never_fits_is_no_listing(uncounted):
    region = Region(range(3))
    region.uncounted = uncounted
    with pytest.raises(UnexpectedAnswer, match="its pages did not fit together"):
        listed(region)
    assert len(region.sent) <= 2 * LISTING_PASSES


@rows(
    "answer, place",
    ({}, "TotalCount is missing"),
    ({"TotalCount": 0}, "LoadBalancerSet is missing"),
    ({"TotalCount": "0", "LoadBalancerSet": []}, "TotalCount is '0'"),
    ({"TotalCount": True, "LoadBalancerSet": []}, "TotalCount is true"),
    ({"TotalCount": -1, "LoadBalancerSet": []}, "TotalCount is -1"),
    ({"TotalCount": 1, "LoadBalancerSet": {}}, "LoadBalancerSet is an object"),
    ({"TotalCount": 1, "LoadBalancerSet": [None]}, "LoadBalancerSet.0. is null"),
    ({"TotalCount": 1, "LoadBalancerSet": [{"LoadBalancerId": "lb-1"}]}, "LoadBalancerName is missing"),
    ({"TotalCount": 1, "LoadBalancerSet": [balancer(1, LoadBalancerVips=[1])]}, "LoadBalancerVips.0. is 1"),
    ({"TotalCount": 1, "LoadBalancerSet": [balancer(1, Tags={})]}, "Tags is an object"),
    ({"TotalCount": 1, "LoadBalancerSet": [balancer(1, Tags=[None])]}, "Tags.0. is null"),
    ({"TotalCount": 1, "LoadBalancerSet": [balancer(1, Tags=[{"TagKey": None}])]}, "TagKey is null"),
)
def test_an_odd_listing_is_no_empty_region(answer, place):
    region = Region(())
    region.read = lambda *_, **__: answer
    with pytest.raises(UnexpectedAnswer, match=place):
        listed(region)


def test_a_listing_may_be_null_where_there_is_nothing():
    region = Region(())
    region.read = lambda *_, **__: {"TotalCount": 0, "LoadBalancerSet": None}
    assert listed(region) == []


@rows(
    "raw, expected",
    ({}, ("lb-1", "web", (), None, ())),
    (
        {
            "LoadBalancerVips": ["203.0.113.1"],
            "AddressIPv6": "2001:db8::1",
            "VpcId": "vpc-1",
            "NewField": {},
            "Tags": [{"TagKey": "a", "TagValue": "b"}, {"TagKey": "c", "TagValue": None}],
        },
        ("lb-1", "web", ("203.0.113.1", "2001:db8::1"), "vpc-1", (("a", "b"), ("c", ""))),
    ),
    ({"LoadBalancerVips": [], "AddressIPv6": None, "VpcId": "", "Tags": None}, ("lb-1", "web", (), None, ())),
)
def test_a_load_balancer_is_listed_with_what_is_known_of_it(raw, expected):
    region = Region(())
    region.read = lambda *_, **__: {"TotalCount": 1, "LoadBalancerSet": [balancer(1, **raw)]}
    (found,) = Clb(region).describe_load_balancers()
    assert found == expected
