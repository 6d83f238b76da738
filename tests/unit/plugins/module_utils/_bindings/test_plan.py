# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.plan import Plan, find_unmatched
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.resolve import UnknownName
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import parse_targets
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import count_by_pool

from ...builders import Raw, http, ip_of, plan_for, predict, rule, snapshot, target, tcp, told, untagged, want

LISTENERS = [
    tcp("lbl-1", 443, target("ins-1", 80, 10, "blue"), target("ins-2", 80, 0), target("10.2.0.9")),
    tcp("lbl-2", 444, target("ins-1", 80, 30)),
    http("lbl-3", 80, rule("loc-1", "a", target("ins-1"), target("ins-2")), rule("loc-2", "b", target("ins-1"))),
]
SHOP = snapshot(*LISTENERS)


def values(plan: Plan) -> list[tuple[Any, ...]]:
    """Kind, address, weight and tag of what is planned."""
    return [(kind, address, weight, tag) for kind, _, _, address, _, weight, tag in told(plan.changes)]


@pytest.mark.parametrize(
    "entry, expected",
    [
        (want("lbl-1", "ins-3"), [("register", "ins-3", None, None)]),
        (want("lbl-1", "ins-3", weight=0, tag="x"), [("register", "ins-3", 0, "x")]),
        (want("lbl-1", "ins-1", 81), [("register", "ins-1", None, None)]),
        (want("lbl-1", "ins-1"), []),
        (want("lbl-1", ip_of("ins-1")), []),
        (want("lbl-1", "ins-1", weight=10, tag="blue"), []),
        (want("lbl-1", "ins-1", weight=20), [("weight", "ins-1", 20, None)]),
        (want("lbl-1", ip_of("ins-1"), weight=20), [("weight", "ins-1", 20, None)]),
        (want("lbl-1", "ins-1", weight=0), [("weight", "ins-1", 0, None)]),
        (want("lbl-1", "ins-1", tag="green"), [("tag", "ins-1", None, "green")]),
        (want("lbl-1", "ins-1", tag=""), [("tag", "ins-1", None, "")]),
        (want("lbl-1", "ins-2", tag=""), []),
        (want("lbl-1", "ins-1", weight=1, tag="x"), [("weight", "ins-1", 1, None), ("tag", "ins-1", None, "x")]),
    ],
)
def test_present_plans_what_differs_and_only_that(entry: Raw, expected: list[object]) -> None:
    assert values(plan_for([entry], SHOP)) == expected


def test_purge_unbinds_what_is_not_listed_on_the_named_listeners_and_rules() -> None:
    plan = plan_for(
        [want("lbl-1", "ins-1"), {"location_id": "loc-1", "instance_id": "ins-2", "port": 80}], SHOP, purge=True
    )
    assert told(plan.changes) == [
        ("deregister", "lbl-1", None, "ins-2", 80, None, None),
        ("deregister", "lbl-1", None, "10.2.0.9", 80, None, None),
        ("deregister", "lbl-3", "loc-1", "ins-1", 80, None, None),
    ]


@pytest.mark.parametrize("names", [("ins-1", "ins-2", "10.2.0.9"), (ip_of("ins-1"), ip_of("ins-2"), "10.2.0.9")])
def test_purge_leaves_what_is_listed_and_what_no_call_can_address(names: tuple[str, ...]) -> None:
    odd = target("10.2.0.7", PrivateIpAddresses=None, InstanceId=None)
    functions = [{"Function": {"FunctionName": "f"}, "Weight": 10}]
    listener = {**LISTENERS[0], "Targets": [odd, *LISTENERS[0]["Targets"]], "FunctionTargets": functions}
    assert plan_for([want("lbl-1", name) for name in names], snapshot(listener), purge=True).changes == ()


def test_gains_come_before_losses_within_them_registrations_first() -> None:
    entries = [
        want("lbl-1", "ins-1", weight=0, tag="x"),
        want("lbl-1", "ins-2", weight=5),
        want("lbl-1", "ins-3"),
    ]
    plan = plan_for(entries, SHOP, purge=True)
    assert values(plan) == [
        ("register", "ins-3", None, None),
        ("weight", "ins-2", 5, None),
        ("tag", "ins-1", None, "x"),
        ("weight", "ins-1", 0, None),
        ("deregister", "10.2.0.9", None, None),
    ]
    assert [one.loss for one in plan.changes] == [False, False, False, True, True]
    assert plan.gains + plan.losses == plan.changes


def test_selectors_are_drained_or_unbound_where_they_match() -> None:
    selector = {"listener_id": "lbl-1", "weight": 77}
    assert values(plan_for([selector], SHOP, state="drained")) == [
        ("weight", "ins-1", 0, None),
        ("weight", "10.2.0.9", 0, None),
    ]
    absent = plan_for([selector], SHOP, state="absent")
    assert [value[:2] for value in values(absent)] == [
        ("deregister", "ins-1"),
        ("deregister", "ins-2"),
        ("deregister", "10.2.0.9"),
    ]


@pytest.mark.parametrize("selector", [{"listener_id": "lbl-no"}, {"location_id": "loc-no"}, {"domain": "no"}])
def test_absent_has_nothing_to_do_for_an_unknown_listener_and_warns_drained_fails(selector: Raw) -> None:
    plan = plan_for([selector], SHOP, state="absent")
    (warning,) = plan.warnings
    assert plan.changes == ()
    assert warning.startswith("targets[0]: there is no ")
    assert warning.endswith(" Nothing to do for it.")
    with pytest.raises(UnknownName, match="there is no "):
        plan_for([selector, {"listener_id": "lbl-1"}], SHOP, state="drained")


@pytest.mark.parametrize("state", ["present", "absent", "drained"])
def test_an_empty_list_is_no_change(state: str) -> None:
    plan = plan_for([], SHOP, state=state, purge=state == "present")
    assert (plan.changes, plan.touched) == ((), ())


def test_tags_that_the_cloud_does_not_tell_are_not_compared_but_warned_of() -> None:
    bound = untagged(tcp("lbl-1", 443, target("ins-1")))
    plan = plan_for([want("lbl-1", "ins-1", tag="x"), want("lbl-1", "ins-2", tag="x")], bound)
    assert values(plan) == [("register", "ins-2", None, "x")]
    (warning,) = plan.warnings
    assert "contains no tags" in warning
    assert plan_for([want("lbl-1", "ins-1")], bound).warnings == ()
    selected = plan_for([{"listener_id": "lbl-1", "tag": "x"}], bound, state="absent")
    assert (selected.changes, len(selected.warnings)) == ((), 1)


def test_a_new_binding_is_predicted_with_the_clouds_default_weight_and_no_tag() -> None:
    (new,) = predict(plan_for([want("lbl-1", "ins-1")], snapshot(tcp("lbl-1"))))["lbl-1", None]
    assert (new.weight, new.tag) == (10, "")
    silent = untagged(tcp("lbl-1", 443, target("ins-1")))
    assert predict(plan_for([want("lbl-1", "ins-2")], silent))["lbl-1", None][1].tag is None


@pytest.mark.parametrize(
    "bound, expected",
    [
        ([], False),
        ([target("ins-1", 80, 5, "x")], True),
        ([target("ins-1", 80, 6, "x")], False),
        ([target("ins-1", 80, 5, "y")], False),
        ([target("ins-1", 81, 5, "x")], False),
        ([{**target("ins-1", 80, 5), "Tag": None}], False),
    ],
)
def test_a_registration_is_in_place_when_weight_and_tag_are_too(bound: list[Raw], expected: bool) -> None:
    (change,) = plan_for([want("lbl-1", "ins-1", weight=5, tag="x")], snapshot(tcp("lbl-1"))).changes
    assert change.in_place(snapshot(tcp("lbl-1", 443, *bound))) is expected


def test_a_change_is_in_place_only_where_its_binding_is() -> None:
    changes = plan_for([want("lbl-1", "ins-1", weight=5, tag="x")], SHOP, purge=True).changes
    empty = parse_targets({"Listeners": []})
    assert [one.in_place(empty) for one in changes] == [False, False, True, True]
    # A tag that the cloud does not tell can't be held against it.
    silent = untagged(tcp("lbl-1", 443, target("ins-1", 80, 5)))
    assert [one.in_place(silent) for one in changes[:2]] == [True, True]


def test_a_binding_whose_weight_and_tag_change_counts_once() -> None:
    entries = [want("lbl-1", "ins-1", weight=5, tag="x"), want("lbl-1", "ins-3"), want("lbl-2", "ins-1", weight=1)]
    counts = count_by_pool(plan_for(entries, SHOP, purge=True).changes)
    assert counts == {("lbl-1", None): (1, 1, 2), ("lbl-2", None): (0, 1, 0)}


def test_a_selector_is_unmatched_where_no_load_balancer_has_it() -> None:
    hosts = [{"instance_id": "ins-1"}, {"instance_id": "ins-7"}, {"instance_id": "ins-8", "load_balancer_id": "lb-2"}]
    other = snapshot(tcp("lbl-9", 443, target("ins-7")))
    shop, both = plan_for(hosts[:2], SHOP, state="drained"), plan_for(hosts, other, state="drained")
    assert find_unmatched([shop, both]) == ["targets[2] (load_balancer_id lb-2, instance_id ins-8)"]
    assert find_unmatched([shop]) == ["targets[1] (instance_id ins-7)"]
