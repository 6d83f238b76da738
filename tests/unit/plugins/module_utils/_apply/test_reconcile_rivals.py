# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ...builders import Raw, http, rule, snapshot, target, tcp, want
from ...fake_cloud import FakeCloud, addresses_in, reconcile, refusal, unknown_outcome

if TYPE_CHECKING:
    from ...fake_cloud import Call, Rival, Run

ADDRESSES = [f"ins-{number}" for number in range(1, 5)]
PLACES: list[dict[str, str]] = [{"ListenerId": "lbl-1"}, {"ListenerId": "lbl-2", "LocationId": "loc-1"}]
NAMES: list[Raw] = [{"listener_id": "lbl-1"}, {"location_id": "loc-1"}]
LBL_1 = PLACES[0]

weights = st.sampled_from([0, 10, 50])
bound = st.lists(st.dictionaries(st.sampled_from(ADDRESSES), weights), min_size=2, max_size=2)
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
faults = st.lists(
    st.one_of(
        st.none(), st.builds(unknown_outcome, st.sampled_from([0.0, 0.5, 1.0])), st.just(refusal("FailedOperation"))
    ),
    max_size=3,
)


def balancer(places: list[dict[str, int]]) -> list[Raw]:
    one, two = ([target(address, 80, weight) for address, weight in each.items()] for each in places)
    return [tcp("lbl-1", 443, *one), http("lbl-2", 80, rule("loc-1", "a", *two))]


def lost_by(call: Call) -> set[tuple[str, str | None, str]]:
    """Listener, rule and address of what a call takes away."""
    if call.action == "BatchDeregisterTargets":
        parts = call.params["Targets"]
    elif call.action == "BatchModifyTargetWeight":
        parts = [
            {**entry, **one} for entry in call.params["ModifyList"] for one in entry["Targets"] if one["Weight"] == 0
        ]
    else:
        return set()
    return {(one["ListenerId"], one.get("LocationId"), one["InstanceId"]) for one in parts}


def assert_true(run: Run) -> None:
    """The result says what the last read showed."""
    outcome, now = run.outcome, snapshot(*run.cloud.last_read)
    failed = {change.key for change in outcome.failures}
    warned = " ".join(outcome.warnings)
    assert outcome.snapshot.bindings == now.bindings
    assert not outcome.unknown
    assert (outcome.error is None) is (not outcome.failures)
    for change in outcome.done:
        # What this task drained and somebody else removed is done.
        gone = change.loss and now.find(change.pool.key, change.backend, change.port) is None
        assert gone or change.in_place(now), change.label
    for change in outcome.failures:
        assert not change.in_place(now), change.label
    for wish in run.plan.desired:
        found = now.find(wish.pool.key, wish.backend, wish.port)
        as_asked = found is not None and wish.weight in (None, found.weight) and wish.tag in (None, found.tag)
        label = f"{wish.backend.address}:80 on {wish.pool.label}"
        assert as_asked or label in warned or any(key.address == wish.backend.address for key in failed)
    for loss in run.plan.losses:
        gone = run.plan.goal.state != "present" and now.find(loss.pool.key, loss.backend, loss.port) is None
        assert gone or loss.in_place(now) or loss.key in failed or loss.label in warned


def assert_nothing_lost_that_was_not_planned(run: Run) -> None:
    planned = {(*change.pool.key, change.backend.address) for change in run.plan.losses}
    for call in run.cloud.writes:
        assert lost_by(call) <= planned


@settings(max_examples=200)
@given(bound, asked, tasks, rivals, faults)
def test_whatever_somebody_else_does_meanwhile_the_result_is_true_and_nothing_else_is_lost(
    places: list[dict[str, int]],
    wishes: dict[tuple[int, str], int | None],
    task: tuple[str, bool],
    doings: list[list[Rival]],
    ordered: list[Raw | None],
) -> None:
    state, purge = task
    entries = [
        {**NAMES[place], "instance_id": address, "port": 80, "weight": weight}
        for (place, address), weight in wishes.items()
    ]
    # The rival acts from the first write on: before that there is no plan to speak of.
    cloud = FakeCloud(balancer(places), rivals=deque([[], *doings]), faults=deque(ordered), task_seconds=0.3)
    before = cloud.bound()
    run = reconcile(cloud, entries, state=state, purge=purge)
    cloud.finish()
    assert_true(run)
    assert_nothing_lost_that_was_not_planned(run)
    # What neither was asked for nor somebody else's doing is as it was.
    theirs = {
        (place["ListenerId"], place.get("LocationId"), address) for batch in doings for place, address, _ in batch
    }
    ours = {(*change.pool.key, change.backend.address) for change in run.plan.changes}
    named = {(*NAMES_KEYS[place], address) for place, address in wishes}
    assert {one[:3] for one in before ^ cloud.bound()} <= theirs | ours | named
    # A rerun finds only what the result names, and what somebody did after the last read.
    unread = snapshot(*cloud.last_read).bindings != snapshot(*cloud.listeners).bindings
    cloud.rivals.clear()
    cloud.faults.clear()
    again = reconcile(cloud, entries, state=state, purge=purge)
    failed = {change.key for change in run.outcome.failures}
    warned = " ".join(run.outcome.warnings)
    for change in again.plan.changes:
        assert unread or change.key in failed or change.label in warned
    assert not again.outcome.failures
    assert not reconcile(cloud, entries, state=state, purge=purge).plan.changes


NAMES_KEYS: list[tuple[str, str | None]] = [("lbl-1", None), ("lbl-2", "loc-1")]
SHOP = [tcp("lbl-1", 443, target("ins-1"), target("ins-2", weight=0), target("ins-3", weight=7, tag="blue"))]


def meanwhile(*doings: Rival, listeners: list[Raw] | None = None, late: bool = False) -> FakeCloud:
    """Somebody else does this while our first call is answered 'busy', or right before our first read-back."""
    cloud = FakeCloud(listeners or SHOP, task_seconds=0)
    cloud.rivals.extend([[], [], list(doings)] if late else [[], list(doings)])
    return cloud


def weights_of(cloud: FakeCloud) -> dict[str, int]:
    return {one[2]: one[4] for one in cloud.bound()}


def test_what_was_in_place_at_first_and_is_unbound_meanwhile_comes_back_as_it_was() -> None:
    cloud = meanwhile((LBL_1, "ins-3", None), late=True)
    run = reconcile(cloud, [want("lbl-1", "ins-3"), want("lbl-1", "ins-4")])
    assert run.outcome.error is None
    assert ("lbl-1", None, "ins-3", 80, 7, "blue") in cloud.bound()
    assert {one.backend.address for one in run.outcome.done} == {"ins-3", "ins-4"}


def assert_left_shown_and_warned_of(run: Run, address: str) -> None:
    assert (run.outcome.error, run.failed()) == (None, {})
    assert address not in {one.backend.address for one in run.outcome.done}
    assert address in {one.backend.address for one in run.outcome.restore}
    assert address in {one.backend.address for one in run.outcome.snapshot.all_bindings()}
    assert [f"{address}:80 on" in one for one in run.outcome.warnings] == [True]
    assert "bound again or raised what this task took away" in run.outcome.warnings[0]
    assert run.outcome.accepted


def test_a_weight_that_was_taken_and_raised_again_is_left_shown_and_warned_of() -> None:
    # Shown in place by the read behind the first of two calls, and undone before the second one.
    cloud = FakeCloud(SHOP, task_seconds=0, rivals=deque([[], [], [], [(LBL_1, "ins-1", 50)]]))
    entries = [want("lbl-1", "ins-1", weight=0), want("lbl-1", "ins-2")]
    run = reconcile(cloud, entries, purge=True)
    assert_left_shown_and_warned_of(run, "ins-1")
    assert weights_of(cloud) == {"ins-1": 50, "ins-2": 0}


def test_a_removal_that_somebody_else_undid_is_left_shown_and_warned_of() -> None:
    listeners = [tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(501)))]
    # The second call goes out when the first one shows.
    cloud = FakeCloud(listeners, task_seconds=0)
    first_call = reconcile(FakeCloud(listeners, task_seconds=0), [{"listener_id": "lbl-1"}], state="absent")
    address = addresses_in(first_call.cloud.writes[0])[0]
    cloud.rivals.extend([[], [], [], [(LBL_1, address, 10)]])
    run = reconcile(cloud, [{"listener_id": "lbl-1"}], state="absent")
    assert_left_shown_and_warned_of(run, address)
    assert cloud.addresses() == {address}


@pytest.mark.parametrize("first, failed", [(0, {"ins-2": "NotAttempted"}), (10, {})])
def test_a_weight_of_0_that_was_raised_meanwhile_is_only_taken_away_where_the_first_plan_did(
    first: int, failed: dict[str, str]
) -> None:
    listeners = [tcp("lbl-1", 443, target("ins-1"), target("ins-2", weight=first))]
    cloud = meanwhile((LBL_1, "ins-2", 50), listeners=listeners)
    run = reconcile(cloud, [want("lbl-1", "ins-2", weight=0), want("lbl-1", "ins-4")])
    assert run.failed() == failed
    assert weights_of(cloud)["ins-2"] == (50 if failed else 0)
    if failed:
        (failure,) = run.outcome.failures.values()
        assert "Somebody else has given it a weight above 0 meanwhile; run" in failure.message


@pytest.mark.parametrize("state, weight", [("absent", 10), ("drained", 10), ("drained", 0)])
def test_what_others_bind_within_the_scope_is_left_and_named(state: str, weight: int) -> None:
    cloud = meanwhile((LBL_1, "ins-9", weight))
    run = reconcile(cloud, [{"listener_id": "lbl-1"}], state=state)
    assert run.outcome.error is None
    assert weights_of(cloud)["ins-9"] == weight
    named = [one for one in run.outcome.warnings if "ins-9:80 on TCP:443 (lbl-1)" in one]
    # A rerun has nothing to do for what is drained already.
    assert len(named) == (0 if (state, weight) == ("drained", 0) else 1)


def test_what_others_bind_within_the_scope_of_purge_is_left_and_named() -> None:
    cloud = meanwhile((LBL_1, "ins-9", 10))
    run = reconcile(cloud, [want("lbl-1", "ins-1")], purge=True)
    assert (run.outcome.error, set(weights_of(cloud))) == (None, {"ins-1", "ins-9"})
    assert any("ins-9:80" in one and "run the task again" in one for one in run.outcome.warnings)


@pytest.mark.parametrize("state", ["absent", "drained"])
def test_what_is_gone_meanwhile_is_done_and_not_this_tasks_doing(state: str) -> None:
    cloud = meanwhile((LBL_1, "ins-1", None))
    run = reconcile(cloud, [{"instance_id": "ins-1"}], state=state)
    assert (run.outcome.error, run.failed(), run.outcome.done, run.outcome.restore) == (None, {}, {}, ())
    assert not run.outcome.accepted


def test_what_was_done_by_others_counts_as_unchanged() -> None:
    cloud = FakeCloud(SHOP, task_seconds=0, rivals=deque([[(LBL_1, "ins-4", 10)]]))
    # Our first call is answered 'busy', and the next read shows why.
    cloud.locked_until = 0.1
    run = reconcile(cloud, [want("lbl-1", "ins-4"), want("lbl-1", "ins-5")])
    assert run.outcome.error is None
    assert {one.backend.address for one in run.outcome.done} == {"ins-5"}


def test_before_and_restore_are_of_the_last_read_before_the_accepted_write() -> None:
    cloud = FakeCloud(SHOP, task_seconds=0)
    cloud.locked_until = 0.1
    # After the 'busy' the task reads again; between the first read and that, the weight changed.
    cloud.rivals.extend([[(LBL_1, "ins-1", 42)]])
    run = reconcile(cloud, [want("lbl-1", "ins-1", weight=5)])
    ((before),) = run.outcome.done.values()
    assert before is not None
    assert before.weight == 42
    assert [one.weight for one in run.outcome.restore] == [42]


def test_somebody_who_undoes_it_every_time_is_given_up_on_after_three_sends() -> None:
    cloud = FakeCloud(SHOP, task_seconds=0)
    undo: list[Any] = [(LBL_1, "ins-4", None)]
    cloud.rivals.extend([[], [], *[undo] * 30])
    run = reconcile(cloud, [want("lbl-1", "ins-4")])
    assert run.failed().keys() == {"ins-4"}
    assert cloud.count("BatchRegisterTargets") == 3
