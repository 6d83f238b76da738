# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import ChangeKind
from clb_emulator.queries import min_serving

from ...builders import Raw, http, neighbours, refused, rule, snapshot, target, tcp
from ...fake_cloud import WRITES, FakeCloud, Run, bindings_in, order, reconcile, refusal, unknown_outcome

ADDRESSES = [f"ins-{number}" for number in range(1, 7)]
PLACES: list[Raw] = [
    {"listener_id": "lbl-1"},
    {"listener_id": "lbl-2"},
    {"location_id": "loc-1"},
    {"location_id": "loc-2"},
]
SHARES = st.sampled_from([0.0, 0.5, 1.0])
LISTENER_SETS = st.sampled_from([["lbl-1"], ["lbl-1", "lbl-3"]])

faults = st.one_of(
    st.none(),
    st.builds(unknown_outcome, SHARES, task_seconds=st.sampled_from([None, 9.0])),
    st.builds(refusal, st.sampled_from(["InvalidParameter", "FailedOperation", "LimitExceeded", "AuthFailure"])),
    st.builds(
        order, st.just("fail_listeners"), listeners=LISTENER_SETS, message=st.just("no"), apply=SHARES, rest=SHARES
    ),
    st.builds(order, st.just("task_fails"), message=st.just("no"), apply=SHARES),
    st.builds(order, st.just("task_unknown"), code=st.sampled_from(["InvalidParameter", "UnauthorizedOperation"])),
)
places = st.lists(st.dictionaries(st.sampled_from(ADDRESSES), st.sampled_from([0, 10, 50])), min_size=4, max_size=4)
tasks = st.one_of(
    st.tuples(st.just("present"), st.booleans()), st.tuples(st.sampled_from(["absent", "drained"]), st.just(False))
)


def balancer(bound: list[dict[str, int]]) -> list[Raw]:
    """Two listeners and two rules with these addresses and weights."""
    one, two, three, four = ([target(address, 80, weight) for address, weight in each.items()] for each in bound)
    return [
        tcp("lbl-1", 443, *one),
        tcp("lbl-2", 444, *two),
        http("lbl-3", 80, rule("loc-1", "a", *three), rule("loc-2", "b", *four)),
    ]


@st.composite
def entries(draw: Any) -> list[Raw]:
    """What is asked for; it names some of the places, and makes sense in every state."""
    asked = draw(
        st.dictionaries(
            st.tuples(st.integers(0, 3), st.sampled_from(ADDRESSES)), st.sampled_from([None, 0, 30]), max_size=8
        )
    )
    return [
        {**PLACES[place], "instance_id": address, "port": 80, "weight": weight, "tag": None}
        for (place, address), weight in asked.items()
    ]


def assert_told_truly(run: Run) -> None:
    """Each change is in place or named as failed, and never both."""
    now = snapshot(*run.cloud.listeners)
    for change in run.plan.changes:
        assert change.in_place(now) is (change not in run.outcome.failures), change
    assert (run.outcome.error is None) is (not run.outcome.failures)
    assert run.outcome.accepted is bool(run.outcome.done) or run.outcome.request_ids


def assert_no_dip(run: Run) -> None:
    """Where a listener's gains are not all in place, nothing was taken from it."""
    short = {one.pool.listener_id for one in run.plan.gains if one in run.outcome.failures}
    for loss in run.plan.losses:
        assert loss.pool.listener_id not in short or loss in run.outcome.failures
    actions = [call.action for call in run.cloud.writes]
    removals = [number for number, action in enumerate(actions) if action == "BatchDeregisterTargets"]
    gains = [number for number, action in enumerate(actions) if action == "BatchRegisterTargets"]
    assert not removals or not gains or max(gains) < min(removals)


def assert_nothing_sent_twice_unread(cloud: FakeCloud) -> None:
    for call, after in neighbours([one for one in cloud.calls if one.action in (*WRITES, "DescribeTargets")]):
        if call.action == after.action != "DescribeTargets":
            # A smaller call right behind a refused one is what narrowing does.
            first, second = bindings_in(call), bindings_in(after)
            assert len(second) < len(first) or first.isdisjoint(second)


@settings(max_examples=max(150, settings().max_examples))
# Three calls in doubt: only time can tell what became of the last one.
@example(
    [{}, {}, {}, {}],
    [{**PLACES[0], "instance_id": address, "port": 80, "weight": None, "tag": None} for address in ("ins-1", "ins-2")],
    ("present", False),
    [unknown_outcome(0.0), unknown_outcome(0.0), unknown_outcome(0.5, task_seconds=9.0)],
    set(),
    0.0,
)
# A part of a narrowed call shows, and the rest is refused: it is not sent once more to find that out.
@example(
    [{}, {}, {}, {}],
    [
        {**place, "instance_id": address, "port": 80, "weight": None, "tag": None}
        for place, address in (
            (PLACES[1], "ins-2"),
            (PLACES[0], "ins-1"),
            (PLACES[0], "ins-2"),
            (PLACES[1], "ins-1"),
            (PLACES[2], "ins-1"),
        )
    ],
    ("present", False),
    [
        refusal("InvalidParameter"),
        None,
        order("fail_listeners", listeners=["lbl-1"], message="no", apply=0.5, rest=0.0),
        refusal("InvalidParameter"),
    ],
    set(),
    0.0,
)
# What is refused after a call in doubt: that call may be why, and show later.
@example(
    [{}, {}, {}, {}],
    [{**PLACES[0], "instance_id": address, "port": 80, "weight": None, "tag": None} for address in ("ins-1", "ins-2")],
    ("present", False),
    [unknown_outcome(0.5, task_seconds=9.0), refusal("LimitExceeded")],
    set(),
    2.0,
)
@example(
    [{}, {}, {}, {}],
    [{**PLACES[0], "instance_id": address, "port": 80, "weight": None, "tag": None} for address in ("ins-1", "ins-2")],
    ("present", False),
    [unknown_outcome(0.5, task_seconds=9.0), refusal("AuthFailure")],
    set(),
    2.0,
)
@given(
    places,
    entries(),
    tasks,
    st.lists(faults, max_size=5),
    st.sets(st.sampled_from(ADDRESSES), max_size=2),
    st.sampled_from([0.0, 2.0]),
)
def test_whatever_goes_wrong_the_result_is_true_nothing_else_is_touched_and_a_rerun_converges(
    bound: list[dict[str, int]],
    asked: list[Raw],
    task: tuple[str, bool],
    ordered: list[Raw | None],
    bad: set[str],
    lag: float,
) -> None:
    state, purge = task
    cloud = FakeCloud(balancer(bound), faults=deque(ordered), lag=lag, task_seconds=0.5)
    cloud.bad = {address: refused("InvalidParameterValue", "bad") for address in bad}
    before = cloud.bound()
    run = reconcile(cloud, asked, state=state, purge=purge)
    cloud.finish()
    assert_told_truly(run)
    assert_no_dip(run)
    assert_nothing_sent_twice_unread(cloud)
    desired = {(*one.pool.key, one.backend.address, one.port) for one in run.plan.changes}
    assert {one[:4] for one in before ^ cloud.bound()} <= desired
    cloud.faults.clear()
    cloud.bad.clear()
    cloud.clock.sleep(30)
    again = reconcile(cloud, asked, state=state, purge=purge)
    assert (again.outcome.error, again.outcome.failures) == (None, {})
    sent = len(cloud.writes)
    assert not reconcile(cloud, asked, state=state, purge=purge).plan.changes
    assert len(cloud.writes) == sent


@given(places, entries(), st.lists(faults, max_size=4), st.sets(st.sampled_from(ADDRESSES), max_size=3))
def test_capacity_never_dips_in_one_task_that_replaces_targets(
    bound: list[dict[str, int]], asked: list[Raw], ordered: list[Raw | None], sick: set[str]
) -> None:
    asked = [{**one, "weight": 30} for one in asked]
    cloud = FakeCloud(balancer(bound), faults=deque(ordered), task_seconds=0.5, health=dict.fromkeys(sick, "Dead"))
    start: dict[tuple[str, str | None], int] = {}
    for listener_id, location_id, address, _, weight, _ in cloud.bound():
        start.setdefault((listener_id, location_id), 0)
        start[listener_id, location_id] += weight > 0 and address not in sick
    minimum = 1
    run = reconcile(cloud, asked, purge=True, wait_for_health=True, min_healthy=minimum, seconds=60)
    cloud.finish()
    # At no moment.
    journal = cloud.emulator.journal()
    for place, count in start.items():
        assert min_serving(journal, *place) >= min(minimum, count)
    assert all(one.kind is not ChangeKind.REGISTER for one in run.plan.losses)
