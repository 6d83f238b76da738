# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings import plan as planning
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.resolve import UnknownName
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import parse_targets

from ...builders import Raw, http, ip_of, plan_for, predict, rows, rule, snapshot, target, tcp, told, untagged, want

if TYPE_CHECKING:
    from collections.abc import Mapping


LISTENERS = [
    tcp("lbl-1", 443, target("ins-1", 80, 10, "blue"), target("ins-2", 80, 0), target("10.2.0.9")),
    tcp("lbl-2", 444, target("ins-1", 80, 30)),
    http("lbl-3", 80, rule("loc-1", "a", target("ins-1"), target("ins-2")), rule("loc-2", "b", target("ins-1"))),
]
SHOP = snapshot(*LISTENERS)


def values(changes):
    """Kind, address, weight and tag."""
    return [(kind, address, weight, tag) for kind, _, _, address, _, weight, tag in told(changes)]


@rows(
    "entry, expected",
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
)
def test_present_plans_what_differs_and_only_that(entry, expected):
    assert values(plan_for([entry], SHOP).changes) == expected


def test_purge_unbinds_what_is_not_listed_on_the_named_listeners_and_rules():
    entries = [want("lbl-1", "ins-1"), {"location_id": "loc-1", "instance_id": "ins-2", "port": 80}]
    assert [value[1:5] for value in told(plan_for(entries, SHOP, purge=True).changes)] == [
        ("lbl-1", None, "ins-2", 80),
        ("lbl-1", None, "10.2.0.9", 80),
        ("lbl-3", "loc-1", "ins-1", 80),
    ]


@rows("names", ("ins-1", "ins-2", "10.2.0.9"), (ip_of("ins-1"), ip_of("ins-2"), "10.2.0.9"))
def test_purge_leaves_what_is_listed_and_what_no_call_can_address(names):
    odd = target("10.2.0.7", PrivateIpAddresses=None, InstanceId=None)
    functions = [{"Function": {"FunctionName": "f"}, "Weight": 10}]
    listener = {**LISTENERS[0], "Targets": [odd, *LISTENERS[0]["Targets"]], "FunctionTargets": functions}
    assert plan_for([want("lbl-1", name) for name in names], snapshot(listener), purge=True).changes == ()


def test_gains_come_before_losses_within_them_registrations_first():
    entries = [want("lbl-1", "ins-1", weight=0, tag="x"), want("lbl-1", "ins-2", weight=5), want("lbl-1", "ins-3")]
    plan = plan_for(entries, SHOP, purge=True)
    assert values(plan.changes) == [
        ("register", "ins-3", None, None),
        ("weight", "ins-2", 5, None),
        ("tag", "ins-1", None, "x"),
        ("weight", "ins-1", 0, None),
        ("deregister", "10.2.0.9", None, None),
    ]
    assert [one.loss for one in plan.changes] == [False, False, False, True, True]
    assert plan.losses == plan.changes[3:]


@rows("selector", {"listener_id": "lbl-no"}, {"location_id": "loc-no"}, {"domain": "no"})
def test_absent_has_nothing_to_do_for_an_unknown_listener_and_warns_drained_fails(selector):
    plan = plan_for([selector], SHOP, state="absent")
    (warning,) = plan.warnings
    assert plan.changes == ()
    assert warning.startswith("targets[0]: there is no ")
    assert warning.endswith(" Nothing to do for it.")
    with pytest.raises(UnknownName, match="there is no "):
        plan_for([selector, {"listener_id": "lbl-1"}], SHOP, state="drained")


def test_tags_that_the_cloud_does_not_tell_are_not_compared_but_warned_of():
    bound = untagged(tcp("lbl-1", 443, target("ins-1")))
    plan = plan_for([want("lbl-1", "ins-1", tag="x"), want("lbl-1", "ins-2", tag="x")], bound)
    assert values(plan.changes) == [("register", "ins-2", None, "x")]
    (warning,) = plan.warnings
    assert "contains no tags" in warning
    assert plan_for([want("lbl-1", "ins-1")], bound).warnings == ()
    selected = plan_for([{"listener_id": "lbl-1", "tag": "x"}], bound, state="absent")
    assert (selected.changes, len(selected.warnings)) == ((), 1)


def test_a_new_binding_is_predicted_with_the_clouds_default_weight_and_no_tag():
    (new,) = predict(plan_for([want("lbl-1", "ins-1")], snapshot(tcp("lbl-1"))))["lbl-1", None]
    assert (new.weight, new.tag) == (10, "")
    silent = untagged(tcp("lbl-1", 443, target("ins-1")), tcp("lbl-2", 444))
    assert predict(plan_for([want("lbl-1", "ins-2")], silent))["lbl-1", None][1].tag is None


@rows("bound, expected",
    ([], False), ([target("ins-1", 80, 5, "x")], True), ([target("ins-1", 80, 6, "x")], False),
    ([target("ins-1", 80, 5, "y")], False), ([target("ins-1", 81, 5, "x")], False),
    ([{**target("ins-1", 80, 5), "Tag": None}], False),
)  # fmt: skip
def test_a_registration_is_in_place_when_weight_and_tag_are_too(bound, expected):
    (change,) = plan_for([want("lbl-1", "ins-1", weight=5, tag="x")], snapshot(tcp("lbl-1"))).changes
    assert change.in_place(snapshot(tcp("lbl-1", 443, *bound))) is expected


def test_a_change_is_in_place_only_where_its_binding_is():
    changes = plan_for([want("lbl-1", "ins-1", weight=5, tag="x")], SHOP, purge=True).changes
    empty = parse_targets({"Listeners": []})
    assert [one.in_place(empty) for one in changes] == [False, False, True, True]
    # A tag that the cloud does not tell can't be held against it.
    silent = untagged(tcp("lbl-1", 443, target("ins-1", 80, 5)))
    assert [one.in_place(silent) for one in changes[:2]] == [True, True]


def test_a_selector_is_unmatched_where_no_load_balancer_has_it():
    hosts = [{"instance_id": "ins-1"}, {"instance_id": "ins-7"}, {"instance_id": "ins-8", "load_balancer_id": "lb-2"}]
    other = snapshot(tcp("lbl-9", 443, target("ins-7")))
    shop, both = plan_for(hosts[:2], SHOP, state="drained"), plan_for(hosts, other, state="drained")
    assert planning.find_unmatched([shop, both]) == ["targets[2] (load_balancer_id lb-2, instance_id ins-8)"]
    assert planning.find_unmatched([shop]) == ["targets[1] (instance_id ins-7)"]


# -- after a newer read


class Case(NamedTuple):
    """A plan, and the bindings of lbl-1 when it was made and now."""

    entries: list[Raw]
    first: list[Raw]
    now: list[Raw]
    finished: tuple[str, ...] = ()
    changes: tuple[Any, ...] = ()
    raised: tuple[Any, ...] = ()
    rebound: tuple[Any, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})


def one(weight=10, tag=""):
    return [target("ins-1", weight=weight, tag=tag)]


def present(**asked):
    return [want("lbl-1", "ins-1", **asked)]


def register(weight=None, tag=None):
    return (("register", "ins-1", weight, tag),)


def weigh(weight):
    return (("weight", "ins-1", weight, None),)


def unbind(address):
    return (("deregister", address, None, None),)


BOTH = [target("ins-1"), target("ins-2")]
PURGE, ABSENT, DRAINED = {"purge": True}, {"state": "absent"}, {"state": "drained"}
ALL, TAGGED = [{"listener_id": "lbl-1"}], [{"listener_id": "lbl-1", "tag": "x"}]
X = (("tag", "ins-1", None, "x"),)
INS1 = ("ins-1",)

CASES = {
    # Gains: all that the newest read shows missing.
    "still missing": Case(present(), [], [], changes=register()),
    "done by whomever": Case(present(), [], one()),
    "in place at first, and unbound": Case(present(), one(), [], changes=register(10)),
    "unbound: it comes back with its weight and tag": Case(present(), one(7, "a"), [], changes=register(7, "a")),
    "unbound: what is given wins": Case(present(weight=3, tag=""), one(7, "a"), [], changes=register(3, "")),
    "drained at first and unbound: it comes back drained": Case(present(), one(0), [], changes=register(0)),
    "reweighted, and no weight given": Case(present(), one(), one(0)),
    "in place at first, and reweighted": Case(present(weight=10), one(), one(2), changes=weigh(10)),
    "in place at first, and tagged": Case(present(tag="x"), one(10, "x"), one(10, "y"), changes=X),
    "bound by somebody else otherwise": Case(present(weight=5), [], one(77), changes=weigh(5)),
    # Losses: only those of the first plan, as far as they still match.
    "purge: bound meanwhile is left": Case(present(), one(), BOTH, options=PURGE),
    "purge: what was planned": Case(present(), BOTH, BOTH, changes=unbind("ins-2"), options=PURGE),
    "purge: gone by itself": Case(present(), BOTH, one(), options=PURGE),
    "absent: bound meanwhile is left": Case(ALL, one(), BOTH, changes=unbind("ins-1"), options=ABSENT),
    "absent: another port": Case([{"instance_id": "ins-1"}], one(), [target("ins-1", 81)], options=ABSENT),
    "absent: it matches no more": Case(TAGGED, one(10, "x"), one(10, "y"), options=ABSENT),
    "drained: gone is done": Case(ALL, one(), [], options=DRAINED),
    "drained: by somebody else": Case(ALL, one(), one(0), options=DRAINED),
    "drained: reweighted, and still to be drained": Case(ALL, one(), one(50), changes=weigh(0), options=DRAINED),
    "drained: drained at first and raised is left": Case(ALL, one(0), one(), options=DRAINED),
    "weight 0: what was planned": Case(present(weight=0), one(), one(3), changes=weigh(0)),
    # A loss that was seen in place is finished.
    "absent: bound again": Case(ALL, one(), one(), INS1, rebound=unbind("ins-1"), options=ABSENT),
    "purge: bound again": Case(present(), BOTH, BOTH, ("ins-2",), rebound=unbind("ins-2"), options=PURGE),
    "drained: raised again": Case(ALL, one(), one(), INS1, rebound=weigh(0), options=DRAINED),
    "weight 0: raised again": Case(present(weight=0), one(), one(), INS1, rebound=weigh(0)),
    # Weight 0 at first, and raised meanwhile.
    "weight 0: at first, and raised": Case(present(weight=0), one(0), one(), raised=weigh(0)),
    "weight 0: new, and bound with a weight": Case(present(weight=0), [], one(), raised=weigh(0)),
    "weight 0 and a tag: the tag is a gain": Case(
        present(weight=0, tag="x"), one(0), one(), changes=X, raised=weigh(0)
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_left_of_a_plan(case):
    plan = plan_for(case.entries, snapshot(tcp("lbl-1", 443, *case.first)), **case.options)
    finished = {change.key for change in plan.losses if change.backend.address in case.finished}
    rest = planning.plan_rest(plan, snapshot(tcp("lbl-1", 443, *case.now)), finished)
    found = tuple(tuple(values(changes)) for changes in (rest.changes, rest.raised, rest.rebound))
    assert (*found, rest.gone, len(finished)) == (case.changes, case.raised, case.rebound, (), len(case.finished))
    # Each change is made from what is bound now.
    for change in (*rest.changes, *rest.raised, *rest.rebound):
        assert change.before == rest.snapshot.find(change.pool.key, change.backend, change.port)
    assert [*rest.gains, *rest.losses] == list(rest.changes)


def test_without_news_the_rest_is_the_plan():
    entries = [want("lbl-1", "ins-1", weight=0), want("lbl-1", ip_of("ins-2"), tag="x"), want("lbl-1", "ins-3")]
    bound = snapshot(tcp("lbl-1", 443, *BOTH, target("ins-4")))
    plan = plan_for(entries, bound, purge=True)
    assert planning.plan_rest(plan, bound, set()).changes == plan.changes
    assert plan.changes[0] not in (None, *plan.changes[1:])


def test_names_are_not_resolved_again():
    # By port and domain; both mean something else by now.
    backend = {"instance_id": "ins-1", "port": 80}
    entries = [{"listener_port": 443, **backend}, {"domain": "a.com", "url": "/", "listener_port": 80, **backend}]
    plan = plan_for(entries, snapshot(tcp("lbl-1"), http("lbl-2", 80, rule("loc-1", "a.com"))))
    rules = rule("loc-1", "b"), rule("loc-2", "a.com")
    later = snapshot(tcp("lbl-1", 444), tcp("lbl-3", 443), http("lbl-2", 80, *rules))
    assert [one.pool.key for one in planning.plan_rest(plan, later, set()).changes] == [
        ("lbl-1", None),
        ("lbl-2", "loc-1"),
    ]


def test_what_is_asked_of_a_listener_or_rule_that_is_gone_is_told_apart():
    entries = [want("lbl-1", "ins-1"), {"location_id": "loc-1", "instance_id": "ins-2", "port": 80}]
    plan = plan_for(entries, snapshot(tcp("lbl-1"), http("lbl-2", 80, rule("loc-1", "a", *one()))), purge=True)
    rest = planning.plan_rest(plan, snapshot(http("lbl-2", 80)), set())
    assert rest.changes == ()
    assert [value[:2] for value in values(rest.gone)] == [("register", "ins-1"), ("register", "ins-2")]


@rows("options", ABSENT, DRAINED)
def test_a_listener_that_is_gone_has_nothing_to_lose_and_hides_nothing(options):
    rest = planning.plan_rest(plan_for(ALL, snapshot(tcp("lbl-1", 443, *one())), **options), snapshot(), set())
    assert (rest.changes, rest.gone, rest.raised, rest.rebound) == ((), (), (), ())
    plan = plan_for([*ALL, {"listener_id": "lbl-2"}], snapshot(tcp("lbl-1"), tcp("lbl-2", 444)), **options)
    purge = plan_for([want("lbl-1", "ins-2"), want("lbl-2", "ins-2")], plan.snapshot, purge=True)
    for first in (plan, purge):
        assert len(planning.bound_meanwhile(first, snapshot(tcp("lbl-1", 443, *one())))) == 1


@rows(
    "entries, options, first, now, expected",
    (present(), {}, [], BOTH[1:], []),
    (present(), PURGE, [], BOTH[1:], ["ins-2"]),
    (present(), PURGE, BOTH[1:], BOTH[1:], []),
    (present(), PURGE, BOTH[1:], [BOTH[1], target("ins-2", 81)], ["ins-2"]),
    (present(weight=0), PURGE, one(0), one(), []),
    (ALL, ABSENT, one(), BOTH[1:], ["ins-2"]),
    ([{"instance_id": "ins-1"}], ABSENT, one(), BOTH[1:], []),
    (TAGGED, ABSENT, one(), one(10, "x"), ["ins-1"]),
    (ALL, DRAINED, one(), BOTH[1:], ["ins-2"]),
    (ALL, DRAINED, one(), [target("ins-2", weight=0)], []),
    (ALL, DRAINED, one(0), one(), ["ins-1"]),
    (ALL, DRAINED, one(), one(), []),
    # The names contradict each other by now, or the listener is gone.
    ([{"listener_id": "lbl-1", "listener_port": 443}], ABSENT, [], None, []),
    (present(), PURGE, [], None, []),
)
def test_what_others_brought_into_the_scope_of_the_task(entries, options, first, now, expected):
    plan = plan_for(entries, snapshot(tcp("lbl-1", 443, *first)), **options)
    listener = "lbl-2" if "purge" in options else "lbl-1"
    later = tcp(listener, 444, *one()) if now is None else tcp("lbl-1", 443, *now)
    assert [bound.backend.address for bound in planning.bound_meanwhile(plan, snapshot(later))] == expected
