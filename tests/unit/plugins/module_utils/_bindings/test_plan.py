# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import ChangeKind
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.plan import Plan, predict
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.resolve import UnknownName
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import parse_targets
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import count_by_pool

from ...builders import Raw, http, ip_of, plan_for, rule, snapshot, target, tcp, told, untagged, want

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


def test_a_weight_that_is_not_given_leaves_a_drained_target_drained() -> None:
    assert values(plan_for([want("lbl-1", "ins-2")], SHOP)) == []
    assert values(plan_for([want("lbl-1", "ins-2", tag="x")], SHOP)) == [("tag", "ins-2", None, "x")]


def test_a_weight_or_tag_is_changed_in_place_and_never_by_unbinding() -> None:
    entries = [want("lbl-1", "ins-1", weight=7, tag="x"), want("lbl-1", "ins-2", weight=9), want("lbl-1", "10.2.0.9")]
    plan = plan_for(entries, SHOP, purge=True)
    assert {one.kind for one in plan.changes} == {ChangeKind.WEIGHT, ChangeKind.TAG}


def test_present_without_purge_unbinds_nothing() -> None:
    assert plan_for([want("lbl-1", "ins-3")], SHOP).losses == ()


def test_purge_unbinds_what_is_not_listed_on_the_named_listeners_and_rules() -> None:
    plan = plan_for(
        [want("lbl-1", "ins-1"), {"location_id": "loc-1", "instance_id": "ins-2", "port": 80}], SHOP, purge=True
    )
    assert told(plan.changes) == [
        ("deregister", "lbl-1", None, "ins-2", 80, None, None),
        ("deregister", "lbl-1", None, "10.2.0.9", 80, None, None),
        ("deregister", "lbl-3", "loc-1", "ins-1", 80, None, None),
    ]


def test_purge_leaves_a_listed_binding_under_any_of_its_names() -> None:
    entries = [want("lbl-1", ip_of("ins-1")), want("lbl-1", "ins-2"), want("lbl-1", "10.2.0.9")]
    assert plan_for(entries, SHOP, purge=True).changes == ()


def test_cloud_functions_and_what_cannot_be_addressed_are_never_purged() -> None:
    functions = [{"Function": {"FunctionName": "f"}, "Weight": 10}]
    odd = target("10.2.0.7", PrivateIpAddresses=None, InstanceId=None)
    bound = snapshot(tcp("lbl-1", 443, odd, target("ins-1"), FunctionTargets=functions))
    assert plan_for([want("lbl-1", "ins-1")], bound, purge=True).changes == ()


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


@pytest.mark.parametrize(
    "selector, expected",
    [
        ({"instance_id": "ins-2"}, [("lbl-1", None), ("lbl-3", "loc-1")]),
        ({"listener_id": "lbl-3"}, [("lbl-3", "loc-1"), ("lbl-3", "loc-1"), ("lbl-3", "loc-2")]),
        ({"instance_id": "ins-7"}, []),
        ({"listener_id": "lbl-1", "tag": "blue", "weight": 77}, [("lbl-1", None)]),
    ],
)
def test_absent_unbinds_what_the_selectors_match(selector: Raw, expected: list[object]) -> None:
    plan = plan_for([selector], SHOP, state="absent")
    assert [one.pool.key for one in plan.changes] == expected
    assert {one.kind for one in plan.changes} <= {ChangeKind.DEREGISTER}


def test_drained_sets_weight_0_and_leaves_the_binding() -> None:
    plan = plan_for([{"listener_id": "lbl-1"}], SHOP, state="drained")
    assert values(plan) == [("weight", "ins-1", 0, None), ("weight", "10.2.0.9", 0, None)]
    after = predict(plan)["lbl-1", None]
    assert [(one.backend.address, one.weight, one.tag) for one in after] == [
        ("ins-1", 0, "blue"),
        ("ins-2", 0, ""),
        ("10.2.0.9", 0, ""),
    ]


@pytest.mark.parametrize("selector", [{"listener_id": "lbl-no"}, {"location_id": "loc-no"}, {"domain": "no"}])
def test_absent_has_nothing_to_do_for_an_unknown_listener_and_warns_drained_fails(selector: Raw) -> None:
    plan = plan_for([selector], SHOP, state="absent")
    assert plan.changes == ()
    assert len(plan.warnings) == 1
    assert plan.warnings[0].startswith("targets[0]: there is no ")
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
    assert len(plan.warnings) == 1
    assert "contains no tags" in plan.warnings[0]
    assert plan_for([want("lbl-1", "ins-1")], bound).warnings == ()
    selected = plan_for([{"listener_id": "lbl-1", "tag": "x"}], bound, state="absent")
    assert (selected.changes, len(selected.warnings)) == ((), 1)


def test_a_new_binding_is_predicted_with_the_clouds_default_weight_and_no_tag() -> None:
    (new,) = predict(plan_for([want("lbl-1", "ins-1")], snapshot(tcp("lbl-1"))))["lbl-1", None]
    assert (new.weight, new.tag) == (10, "")
    silent = untagged(tcp("lbl-1", 443, target("ins-1")))
    assert predict(plan_for([want("lbl-1", "ins-2")], silent))["lbl-1", None][1].tag is None


def test_a_prediction_can_leave_changes_out() -> None:
    plan = plan_for([want("lbl-1", "ins-1", weight=1), want("lbl-1", "ins-3")], SHOP, purge=True)
    unchanged = predict(plan, without=plan.changes)
    assert unchanged == {("lbl-1", None): SHOP.bindings["lbl-1", None]}


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
