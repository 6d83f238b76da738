# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Somebody else writes between the calls of a task: what is read decides, and nothing is lost that was not planned."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ..builders import Raw, http, plan_for, rule, snapshot, target, tcp, want
from .tasks import (
    address_of,
    addresses,
    balancer,
    done,
    failed,
    former,
    interfere,
    lock,
    order,
    refusal,
    sent,
    sent_to,
    weights,
)
from .test_faults import FAULTS

ADDRESSES = [f"ins-{number}" for number in range(1, 5)]
PLACES: list[dict[str, str]] = [{"ListenerId": "lbl-1"}, {"ListenerId": "lbl-2", "LocationId": "loc-1"}]
NAMES: list[Raw] = [{"listener_id": "lbl-1"}, {"location_id": "loc-1"}]
POOLS = [("lbl-1", None), ("lbl-2", "loc-1")]
LBL_1 = PLACES[0]

bound_weights = st.sampled_from([0, 10, 50])
bound = st.lists(st.dictionaries(st.sampled_from(ADDRESSES), bound_weights), min_size=2, max_size=2)
rivals = st.lists(
    st.lists(
        st.tuples(st.sampled_from(PLACES), st.sampled_from(ADDRESSES), st.sampled_from([None, -1, 0, 10, 50])),
        max_size=2,
    ),
    max_size=8,
)
asked = st.dictionaries(
    st.tuples(st.integers(0, 1), st.sampled_from(ADDRESSES)), st.sampled_from([None, 0, 30]), max_size=5
)
tasks = st.one_of(
    st.tuples(st.just("present"), st.booleans()), st.tuples(st.sampled_from(["absent", "drained"]), st.just(False))
)
WRITE_FAULTS = [fault for fault in FAULTS.values() if fault["action"] == "Batch*" and "targets" not in fault]
faults = st.lists(st.one_of(st.none(), st.sampled_from(WRITE_FAULTS)), max_size=3)


def read_last(cloud):
    """Let the answers to DescribeTargets be kept; the last one is at the end of the list."""
    answers: list[Any] = []
    cloud.alter("DescribeTargets", lambda answer: answers.append(answer["Response"]["Listeners"]) or answer)
    return answers


def key_of(entry):
    return (entry["listener_id"], entry["location_id"], address_of(entry))


def assert_true(run, plan, shown):
    """The result says what the last read showed."""
    now = snapshot(*shown)
    missing = {key_of(entry) for entry in run["failed_targets"]}
    warned = " ".join(run.warnings)
    assert {(key_of(one), one["weight"], one["tag"]) for one in run["targets"]} == {
        ((*one.pool.key, one.backend.address), one.weight, one.tag)
        for one in now.all_bindings()
        if one.pool.key in {(place["listener_id"], place["location_id"]) for place in run["listeners"]}
    }
    assert run.failed is bool(missing)
    # Each binding is counted once; one that was drained and is gone is modified, and not bound.
    written = [key_of(one) for one in (*run["registered"], *run["modified"])]
    gone = {*written} - {key_of(one) for one in run["targets"]}
    counts = [
        sum(one[key] or 0 for one in run["listeners"]) for key in ("registered", "modified", "unchanged", "bound")
    ]
    assert (sum(counts[:2]), sum(counts[:3]) - counts[3]) == (len({*written}), len(gone))
    for wish in plan.desired:
        found = now.find(wish.pool.key, wish.backend, wish.port)
        as_asked = found is not None and wish.weight in (None, found.weight) and wish.tag in (None, found.tag)
        label = f"{wish.backend.address}:80 on {wish.pool.label}"
        assert as_asked or label in warned or (*wish.pool.key, wish.backend.address) in missing
    for loss in plan.losses:
        gone = plan.goal.state != "present" and now.find(loss.pool.key, loss.backend, loss.port) is None
        key = (*loss.pool.key, loss.backend.address)
        assert gone or loss.in_place(now) or key in missing or loss.label in warned


def assert_nothing_lost_that_was_not_planned(cloud, plan):
    planned = {(*change.pool.key, change.backend.address) for change in plan.losses}
    for call in cloud.writes():
        losses = sent(call) if call["action"] == "BatchDeregisterTargets" else []
        if call["action"] == "BatchModifyTargetWeight":
            losses = [one for one in sent(call) if one["Weight"] == 0]
        assert {(one["ListenerId"], one.get("LocationId"), one["InstanceId"]) for one in losses} <= planned


@settings(max_examples=max(300, settings().max_examples))
@given(bound, asked, tasks, rivals, faults)
def test_whatever_somebody_else_does_meanwhile_the_result_is_true_and_nothing_else_is_lost(
    places, wishes, task, doings, ordered
):
    state, purge = task
    entries = [
        {**NAMES[place], "instance_id": address, "port": 80, "weight": weight}
        for (place, address), weight in wishes.items()
    ]
    one, two = ([target(address, 80, weight) for address, weight in each.items()] for each in places)
    listeners = [tcp("lbl-1", 443, *one), http("lbl-2", 80, rule("loc-1", "a", *two))]
    plan = plan_for(entries, snapshot(*listeners), state=state, purge=purge)
    # The rival acts from the first write on: before that there is no plan to speak of.
    cloud = balancer(listeners, *ordered, rivals=[[], *doings], task_seconds=0.3)
    before, answers = cloud.bindings(), read_last(cloud)
    run = cloud.run(targets=entries, state=state, purge=purge)
    cloud.finish()
    if answers:
        assert_true(run, plan, answers[-1])
    assert_nothing_lost_that_was_not_planned(cloud, plan)
    # What neither was asked for nor somebody else's doing is as it was.
    theirs = {
        (place["ListenerId"], place.get("LocationId"), address) for batch in doings for place, address, _ in batch
    }
    ours = {(*change.pool.key, change.backend.address) for change in plan.changes}
    named = {(*POOLS[place], address) for place, address in wishes}
    assert {one[:3] for one in before ^ cloud.bindings()} <= theirs | ours | named
    # A rerun finds only what the result names, and what somebody did after the last read.
    unread = answers and snapshot(*answers[-1]).bindings != snapshot(*cloud.listeners("lb-1")).bindings
    cloud.clear_faults()
    again = cloud.run(targets=entries, state=state, purge=purge)
    if not unread:
        known = {key_of(entry) for entry in run["failed_targets"]}
        written = {address_of(entry): key_of(entry) for key in ("registered", "modified") for entry in again[key]}
        written.update({address_of(entry): key_of(entry) for entry in again["deregistered"]})
        warned = " ".join(run.warnings)
        assert all(key in known or f"{address}:80" in warned for address, key in written.items())
    assert not again["failed_targets"]
    assert not cloud.run(targets=entries, state=state, purge=purge).changed


SHOP = [tcp("lbl-1", 443, target("ins-1"), target("ins-2", weight=0), target("ins-3", weight=7, tag="blue"))]


def meanwhile(*doings, listeners=None, after=1):
    """Somebody else does this before the call after so many; the second call is the first write."""
    return balancer(listeners or SHOP, rivals=[*[[]] * after, list(doings)], task_seconds=0)


BETWEEN = {
    # While somebody's task works our first call is answered 'busy', and the next read shows this.
    "bound": (0, ("ins-4", 10), "present", {"ins-4": None, "ins-5": None}, {"ins-5"}, []),
    "raised": (0, ("ins-1", 42), "present", {"ins-1": 5}, {"ins-1"}, [("ins-1", 42, "")]),
    # Before the first write.
    "removed": (1, ("ins-1", None), "absent", {"ins-1": None}, set(), []),
    "unbound": (1, ("ins-1", None), "drained", {"ins-1": None}, set(), []),
    # Behind it; the one was in place at first, and comes back as it was.
    "unbound in place": (2, ("ins-3", None), "present", {"ins-3": None, "ins-4": None}, {"ins-3", "ins-4"}, []),
    "unbound again": (2, ("ins-1", None), "present", {"ins-1": 30}, {"ins-1"}, [("ins-1", 10, "")]),
}
"""After how many calls somebody does what; state and weights of the task, what it has done, and what it was before."""


@pytest.mark.parametrize("after, doing, state, asked, written, before", BETWEEN.values(), ids=BETWEEN)
def test_what_others_do_in_between_is_theirs_and_what_is_asked_for_is_in_place(
    after, doing, state, asked, written, before
):
    cloud = meanwhile((LBL_1, *doing), after=after)
    if not after:
        lock(cloud, 0.1)
    run = cloud.run(targets=[want("lbl-1", name, weight=weight) for name, weight in asked.items()], state=state)
    assert (run.failure, failed(run), sorted(done(run)), former(run)) == (None, {}, sorted(written), before)
    assert run.changed is bool(written)
    if state == "present":
        assert {name: weights(cloud)[name] for name in asked} == {
            name: weight or (7 if name == "ins-3" else 10) for name, weight in asked.items()
        }
        assert ("lbl-1", None, "ins-3", 80, 7, "blue") in cloud.bindings()
        assert all(one["before"]["weight"] == before[0][1] for one in run["modified"])


def assert_left_shown_and_warned_of(run, address):
    assert (run.failure, run["failed_targets"], run.changed) == (None, [], True)
    assert address not in done(run)
    assert address in {one[0] for one in former(run)}
    assert address in {address_of(entry) for entry in run["targets"]}
    assert [f"{address}:80 on" in one for one in run.warnings] == [True]
    assert "bound again or raised targets that this task took away" in run.warnings[0]


def test_a_weight_that_was_taken_and_raised_again_is_left_shown_and_warned_of():
    # Shown in place by the read behind the first of two calls, and undone before the second one.
    cloud = meanwhile((LBL_1, "ins-1", 50), after=3)
    run = cloud.run(targets=[want("lbl-1", "ins-1", weight=0), want("lbl-1", "ins-2")], purge=True)
    assert_left_shown_and_warned_of(run, "ins-1")
    assert weights(cloud) == {"ins-1": 50, "ins-2": 0}


def test_a_removal_that_somebody_else_undid_is_left_shown_and_warned_of():
    listeners = [tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(501)))]
    remove: Raw = {"targets": [{"listener_id": "lbl-1"}], "state": "absent"}
    first = balancer(listeners, task_seconds=0)
    first.run(**remove)
    address = sent_to(first.writes()[0])[0]
    # The second call goes out when the first one shows.
    cloud = meanwhile((LBL_1, address, 10), listeners=listeners, after=3)
    assert_left_shown_and_warned_of(cloud.run(**remove), address)
    assert addresses(cloud) == {address}


@pytest.mark.parametrize("first, missing", [(0, {"ins-2": "NotAttempted"}), (10, {})])
def test_a_weight_of_0_that_was_raised_meanwhile_is_only_taken_away_where_the_first_plan_did(first, missing):
    listeners = [tcp("lbl-1", 443, target("ins-1"), target("ins-2", weight=first))]
    cloud = meanwhile((LBL_1, "ins-2", 50), listeners=listeners)
    run = cloud.run(targets=[want("lbl-1", "ins-2", weight=0), want("lbl-1", "ins-4")])
    assert (failed(run), weights(cloud)["ins-2"], run.warnings) == (missing, 50 if missing else 0, [])
    if missing:
        assert "Somebody else has given it a weight above 0 meanwhile; run" in run["failed_targets"][0]["message"]


@pytest.mark.parametrize("state, weight", [("absent", 10), ("drained", 10), ("drained", 0), ("purge", 10)])
def test_what_others_bind_within_the_scope_is_left_and_named(state, weight):
    cloud = meanwhile((LBL_1, "ins-9", weight))
    options: Raw = {"targets": [{"listener_id": "lbl-1"}], "state": state}
    run = cloud.run(**({"targets": [want("lbl-1", "ins-1")], "purge": True} if state == "purge" else options))
    assert (run.failure, weights(cloud)["ins-9"]) == (None, weight)
    named = [one for one in run.warnings if "ins-9:80 on TCP:443 (lbl-1)" in one and "run the task again" in one]
    # A rerun has nothing to do for what is drained already.
    assert len(named) == (0 if (state, weight) == ("drained", 0) else 1)


def test_what_others_do_of_a_listener_that_has_failed_counts_as_unchanged():
    listeners = [tcp(f"lbl-{number}", 440 + number, target("ins-1")) for number in (1, 2)]
    cloud = balancer(listeners, order("fail_listeners", listeners=["lbl-1"]), *[order("busy")] * 3, task_seconds=1)
    bound = {"LoadBalancerId": "lb-1", **LBL_1, "InstanceId": "ins-3", "Port": 80}
    cloud.add_events({"change": "bind", "with": [bound], "delay": 7})
    run = cloud.run(targets=[want("lbl-1", "ins-3"), want("lbl-2", "ins-1", weight=5)])
    assert (run.failure, done(run)) == (None, ["ins-1"])


@pytest.mark.parametrize("state", ["drained", "absent"])
def test_a_rule_that_is_renamed_after_the_call_is_still_the_one_that_was_meant(state):
    cloud = balancer([http("lbl-2", 80, rule("loc-1", "a", target("ins-1")))])

    def rename(answer):
        answer["Response"]["Listeners"][0]["Rules"][0]["Domain"] = "b" if cloud.writes() else "a"
        return answer

    cloud.alter("DescribeTargets", rename)
    run = cloud.run(state=state, targets=[{"location_id": "loc-1", "domain": "a", "instance_id": "ins-1"}])
    assert (run.failure, run.changed, done(run), len(run["request_ids"])) == (None, True, ["ins-1"], 1)


@pytest.mark.parametrize("change", ["unbind", "delete_listener"])
def test_what_is_drained_and_gone_is_told_as_drained(change):
    cloud = balancer(SHOP)
    gone = {"LoadBalancerId": "lb-1", **LBL_1, "InstanceId": "ins-1", "Port": 80}
    what = [gone] if change == "unbind" else {"load_balancer_id": "lb-1", "listener_id": "lbl-1"}
    cloud.add_events({"change": change, "with": what, "action": "Batch*", "accepted": True, "delay": 0.1})
    run = cloud.run(targets=[{"instance_id": "ins-1"}], state="drained")
    assert (run.failure, run.message) == (None, "re-weighted 1 on 1 of 1 listeners of lb-1")
    assert [one["after"] for one in run["modified"]] == [{"weight": 0, "tag": ""}]
    left = 2 if change == "unbind" else 0
    assert [(one["unchanged"], one["bound"]) for one in run["listeners"]] == [(left, left)]


@pytest.mark.parametrize("weight", [0, 30])
def test_what_is_re_weighted_and_gone_is_not_told_as_modified(weight):
    cloud = balancer(SHOP)
    gone = {"load_balancer_id": "lb-1", "listener_id": "lbl-1"}
    cloud.add_events({"change": "delete_listener", "with": gone, "action": "Batch*", "accepted": True, "delay": 0.1})
    run = cloud.run(targets=[want("lbl-1", "ins-1", weight=weight)])
    assert (run.changed, failed(run), done(run)) == (True, {"ins-1": "NotAttempted"}, [])
    assert [one["weight"] for one in run["restore"]] == [10]


@pytest.mark.parametrize("backend", [{"instance_id": "ins-4"}, {"eni_ip": "10.1.0.4"}])
def test_what_this_task_has_bound_by_any_name_has_no_state_before(backend):
    rivals = [[], [], [], [(LBL_1, "ins-4", 50)]]
    cloud = balancer(SHOP, None, order("busy"), rivals=rivals, task_seconds=0)
    run = cloud.run(
        targets=[want("lbl-1", "ins-1", weight=5), {"listener_id": "lbl-1", "port": 80, "weight": 30, **backend}]
    )
    assert (run.failure, former(run), weights(cloud)["ins-4"]) == (None, [("ins-1", 10, "")], 30)


def test_without_wait_a_call_that_was_seen_to_have_done_nothing_leaves_no_doubt():
    rivals = [*[[]] * 6, [(LBL_1, "ins-4", 50)]]
    cloud = balancer(SHOP, order("cut_after", apply=0.0), rivals=rivals, task_seconds=0)
    run = cloud.run(targets=[want("lbl-1", "ins-4", weight=30)], wait=False)
    assert (run.failure, run["failed_listeners"], done(run)) == (None, [], ["ins-4"])


def test_somebody_who_undoes_it_every_time_is_given_up_on_after_three_sends():
    cloud = balancer(SHOP, rivals=[[], [], *[[(LBL_1, "ins-4", None)]] * 30], task_seconds=0)
    run = cloud.run(targets=[want("lbl-1", "ins-4")])
    assert (failed(run).keys(), cloud.count("BatchRegisterTargets")) == ({"ins-4"}, 3)


def test_a_gain_that_somebody_undid_and_that_is_then_refused_has_failed():
    faults = [None, None, *[refusal("InvalidParameter")] * 9]
    cloud = balancer(SHOP, *faults, rivals=[[], [], [], [(LBL_1, "ins-4", None)]], task_seconds=0)
    run = cloud.run(targets=[want("lbl-1", "ins-4"), want("lbl-1", "ins-1", weight=0)])
    assert (failed(run), done(run)) == ({"ins-4": "InvalidParameter"}, ["ins-1"])
    assert cloud.actions("Batch*") == ["BatchRegisterTargets", "BatchModifyTargetWeight", "BatchRegisterTargets"]


def test_what_this_task_has_written_to_a_binding_is_not_its_state_before():
    """The weight shows late and is sent again; the newest read then shows this task's own tag."""
    cloud = balancer([tcp("lbl-1", 443, target("ins-1", weight=7, tag="blue"))], {"kind": "not_applied"})
    run = cloud.run(targets=[want("lbl-1", "ins-1", weight=9, tag="red")])
    assert (run.failure, former(run)) == (None, [("ins-1", 7, "blue")])
    assert [one["before"] for one in run["modified"]] == [{"weight": 7, "tag": "blue"}]


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("lag", [0.0, 3.0])
@pytest.mark.parametrize("gone", [["ins-1"], ["ins-1", "ins-3"], ["ins-0", "ins-1", "ins-2", "ins-3"]])
def test_a_refused_removal_of_what_is_already_gone_is_no_failure(gone, lag, wait):
    listeners = [tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(4)))]
    cloud = balancer(listeners, rivals=[[], [(LBL_1, one, None) for one in gone]], read_lag=lag)
    run = cloud.run(targets=[{"listener_id": "lbl-1"}], state="absent", wait=wait)
    cloud.finish()
    assert (run.failure, cloud.bindings()) == (None, set())
    assert run.changed is (len(gone) < 4)
    assert sorted(done(run)) == sorted({f"ins-{number}" for number in range(4)} - set(gone))


FOUR = [tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(1, 5)))]


def test_the_same_task_twice_without_waiting():
    cloud = balancer(FOUR, task_seconds=20.0)
    first, second = (cloud.run(wait=False, targets=[want("lbl-1", "ins-9")]) for _ in range(2))
    assert ([first.failed, second.failed], [first.changed, second.changed]) == ([False, False], [True, False])
    assert weights(cloud)["ins-9"] == 10


@pytest.mark.parametrize("gone", ["error", "fail_listener"])
@pytest.mark.parametrize("seconds", [0, 0.4, 0.9])
def test_two_tasks_unbind_the_same(gone, seconds):
    cloud = balancer(FOUR, deregister_gone=gone)
    both = [{"instance_id": "ins-1"}, {"instance_id": "ins-2"}]
    runs = cloud.together(
        {"state": "absent", "targets": both[:1]}, {"state": "absent", "targets": both, "after": seconds}
    )
    assert ([run.message for run in runs if run.failed], weights(cloud).keys()) == ([], {"ins-3", "ins-4"})
    removed = [entry["instance_id"] for run in runs for entry in run["deregistered"]]
    assert sorted(removed) == ["ins-1", "ins-2"]


@pytest.mark.parametrize("lag, seconds", [(0, 60), (3, 20)])
def test_weights_of_more_listeners_than_a_call_takes_are_put_back(lag, seconds):
    places = [f"lbl-{number}" for number in range(150)]
    listeners = [tcp(place, 1000 + number, target("ins-1"), target("ins-2")) for number, place in enumerate(places)]
    cloud = balancer(listeners, task_seconds=0, read_lag=lag)

    def drain_others():
        if len(cloud.writes()) == 1:
            for place in places:
                interfere(cloud, {"ListenerId": place}, "ins-2", 0)

    cloud.before("Batch*", drain_others, times=-1)
    options = {"state": "drained", "min_healthy": 1, "wait_timeout": seconds}
    run = cloud.run(targets=[{"instance_id": "ins-1"}], **options)
    assert (run.code, len(cloud.writes())) == ("GuardRefused", 4)
    assert {binding[4] for binding in cloud.bindings() if binding[2] == "ins-1"} == {10}
