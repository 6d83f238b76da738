# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The load balancers that a task works on, the entries that are for each, and a fault on one of them."""

from __future__ import annotations

import pytest

from ..builders import want
from .test_several import DRAIN, EVERYWHERE, HOST, IDS, many, read, region, status, wrote_to


@pytest.mark.parametrize(
    "options, words",
    [
        ({"targets": [HOST]}, "targets[0] has no load_balancer_id of its own"),
        ({"targets": [{**HOST, "load_balancer_id": "lb-1"}, HOST]}, "targets[1] has no load_balancer_id of its own"),
        ({"load_balancer_id": "lb-1", "all_load_balancers": True}, "load_balancer_id and all_load_balancers are given"),
        ({"load_balancer_ids": ["lb-1"], "load_balancer_names": ["x"]}, "Give at most one of"),
        ({"load_balancer_ids": []}, "load_balancer_ids is an empty list"),
        ({"load_balancer_names": []}, "load_balancer_names is an empty list"),
        ({"load_balancer_ids": ["lb-1", " "]}, "load_balancer_ids is empty; give the ID"),
        ({"load_balancer_names": [""]}, "load_balancer_names is empty; give the exact name"),
        ({"load_balancer_name": " "}, "load_balancer_name is empty; give the exact name"),
        ({"load_balancer_ids": ["lb 1"]}, "load_balancer_ids 'lb 1' is not an ID"),
        ({"load_balancer_id": "lb-é"}, "is not an ID"),
        ({"load_balancer_names": ["name-lb-1", "name-lb"]}, "has the name 'name-lb'"),
        ({"load_balancer_names": ["name-lb-1", "no"]}, "has the name 'no'. Check load_balancer_names and region"),
        (
            {"load_balancer_ids": ["lb-1", "lb-2"], "targets": [{**HOST, "load_balancer_id": "lb-3"}]},
            "targets[0]: load_balancer_id 'lb-3' is not 'lb-1' or 'lb-2', as load_balancer_ids says",
        ),
        (
            {"all_load_balancers": True, "state": "present", "targets": [EVERYWHERE]},
            "all_load_balancers goes with state absent or drained",
        ),
        ({"all_load_balancers": True, "targets": [{"listener_port": 443}]}, "every entry must name a backend"),
    ],
)
def test_how_load_balancers_may_not_be_chosen(options, words):
    cloud = region()
    run = cloud.run(**{**DRAIN, **options})
    assert words in (run.failure or "")
    assert (run.code, cloud.writes()) == ("InvalidArgument", [])


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"load_balancer_id": " lb-2 "}, [("lb-2", None)]),
        ({"load_balancer_name": "name-lb-2"}, [("lb-2", "name-lb-2")]),
        ({"load_balancer_ids": ["lb-2", " lb-1", "lb-2"]}, [("lb-2", None), ("lb-1", None)]),
        (
            {"load_balancer_names": ["name-lb-3", "name-lb-1 ", "name-lb-3"]},
            [("lb-3", "name-lb-3"), ("lb-1", "name-lb-1")],
        ),
        ({"all_load_balancers": True}, [(one, f"name-{one}") for one in IDS]),
        (
            {"targets": [{**HOST, "load_balancer_id": "lb-3"}, {**HOST, "load_balancer_id": "lb-1"}]},
            [("lb-3", None), ("lb-1", None)],
        ),
    ],
)
def test_the_chosen_ones_come_once_in_the_order_chosen(options, expected):
    run = region().run(check=True, **{**DRAIN, **options})
    assert run.failure is None
    assert [(one["load_balancer_id"], one["load_balancer_name"]) for one in run["load_balancers"]] == expected
    # One is meant by the option, not by the count.
    one_meant = {"load_balancer_id", "load_balancer_name"} & options.keys()
    assert run["load_balancer_id"] == (expected[0][0] if one_meant else None)


def test_a_listing_of_the_region_asks_for_those_with_backends_oldest_first_and_no_classic_ones():
    cloud = region()
    cloud.run(all_load_balancers=True, **DRAIN)
    asked = cloud.calls("DescribeLoadBalancers")[0]["params"]
    assert {key: asked[key] for key in ("WithRs", "Forward", "OrderType")} == {
        "WithRs": 1,
        "Forward": 1,
        "OrderType": 0,
    }


@pytest.mark.parametrize("state, warned", [("drained", 1), ("absent", 0)])
def test_a_region_without_backends_is_a_warning_where_something_is_to_be_drained(state, warned):
    run = many(1).run(all_load_balancers=True, targets=[HOST], state=state)
    assert (run.failure, run.changed, len(run.warnings)) == (None, False, warned)
    # A listener that is nowhere is none.
    elsewhere = region().run(all_load_balancers=True, targets=[{**HOST, "listener_port": 9}], state="absent")
    assert (elsewhere.failure, elsewhere.warnings) == (None, [])


def test_each_id_goes_to_the_load_balancer_that_has_it():
    cloud = region()
    rule_entry = {"location_id": "loc-3", "instance_id": "ins-9", "port": 80}
    run = cloud.run(load_balancer_ids=IDS, targets=[want("lbl-1", "ins-9"), rule_entry])
    assert (run.failure, sorted(wrote_to(cloud))) == (None, ["lb-1", "lb-3"])
    assert status(run) == {"lb-1": "changed", "lb-2": "unchanged", "lb-3": "changed"}


def test_entries_can_choose_by_themselves_and_only_those_load_balancers_are_read():
    cloud = region()
    entries = [want("lbl-3", "ins-9", load_balancer_id="lb-3"), want("lbl-1", "ins-9", load_balancer_id="lb-1")]
    run = cloud.run(targets=entries)
    assert (run.failure, list(status(run))) == (None, ["lb-3", "lb-1"])
    asked = {
        (call["params"]["LoadBalancerId"], *call["params"]["ListenerIds"]) for call in cloud.calls("DescribeTargets")
    }
    assert asked == {("lb-3", "lbl-3"), ("lb-1", "lbl-1")}


def test_one_to_which_no_entry_applies_is_not_read():
    cloud = region()
    run = cloud.run(load_balancer_ids=IDS, targets=[want("lbl-2", "ins-9", load_balancer_id="lb-2")])
    assert (list(status(run)), set(read(cloud))) == (["lb-2"], {"lb-2"})


@pytest.mark.parametrize("state, failed", [("present", True), ("drained", True), ("absent", False)])
def test_an_id_that_none_of_them_has(state, failed):
    cloud = region()
    run = cloud.run(load_balancer_ids=IDS, targets=[want("lbl-9", "ins-1")], state=state)
    words = "targets[0]: none of the load balancers has a listener 'lbl-9'."
    assert (run.failed, wrote_to(cloud)) == (failed, [])
    assert words in (run.failure or run.warnings[0])
    assert not failed or "lb-3: What exists: " in run.message
    everywhere = cloud.run(all_load_balancers=True, targets=[want("lbl-9", "ins-1")], state="drained")
    assert (everywhere.failure, words in everywhere.warnings[0]) == (None, True)
    if state != "present":
        entry = want("lbl-3", "ins-1", load_balancer_id="lb-1")
        own = cloud.run(all_load_balancers=True, targets=[entry], state=state)
        assert own.warnings[0] == "targets[0]: lb-1 has no listener 'lbl-3'. Nothing to do for it."
