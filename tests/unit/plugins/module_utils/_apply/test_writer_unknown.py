# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.ledger import MAX_SENDS
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.writer import PACING
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ConnectionFailed, OutcomeUnknown

from ...builders import Raw, neighbours, refused, target, tcp, want
from ...fake_cloud import WRITES, FakeCloud, Run, addresses_in, order, reconcile, refusal, unknown_outcome

BOUND = tcp("lbl-1", 443, target("ins-1"), target("ins-2"), target("ins-3"))
TASKS: dict[str, dict[str, Any]] = {
    "BatchRegisterTargets": {"entries": [want("lbl-1", f"ins-{number}") for number in (7, 8, 9, 10)]},
    "BatchModifyTargetWeight": {"entries": [want("lbl-1", f"ins-{number}", weight=50) for number in (1, 2, 3)]},
    "BatchModifyTargetTag": {"entries": [want("lbl-1", f"ins-{number}", tag="x") for number in (1, 2, 3)]},
    "BatchDeregisterTargets": {"entries": [{"listener_id": "lbl-1"}], "state": "absent"},
}
ACTIONS = list(TASKS)


def run(cloud: FakeCloud, action: str) -> Run:
    options = dict(TASKS[action])
    return reconcile(cloud, options.pop("entries"), **options)


def assert_read_before_sending_again(cloud: FakeCloud, doubtful: int = 1) -> None:
    """After each of the first so many writes, the next call but for polls is a read."""
    for number, call in enumerate(cloud.calls):
        if call.action in WRITES and doubtful:
            doubtful -= 1
            assert cloud.calls[number + 1].action == "DescribeTargets"


@pytest.mark.parametrize("action", ACTIONS)
def test_a_write_that_took_effect_is_never_sent_again(action: str) -> None:
    cloud = FakeCloud([BOUND], task_seconds=2, lag=2, faults=deque([unknown_outcome()]))
    result = run(cloud, action)
    assert result.outcome.error is None
    assert len(cloud.writes) == 1
    assert result.outcome.accepted
    assert result.outcome.done.keys() == set(result.plan.changes)


@pytest.mark.parametrize("action", ACTIONS)
def test_a_write_that_was_lost_is_sent_again_only_after_reads_that_could_not_lag_any_more(action: str) -> None:
    cloud = FakeCloud([BOUND], faults=deque([unknown_outcome(0)]))
    result = run(cloud, action)
    assert result.outcome.error is None
    first, second = cloud.writes
    assert second.at - first.at >= PACING.settle
    assert_read_before_sending_again(cloud)
    assert first.params == second.params


@pytest.mark.parametrize("action", ACTIONS)
def test_of_a_write_that_took_effect_in_part_only_the_rest_is_sent(action: str) -> None:
    cloud = FakeCloud([BOUND], faults=deque([unknown_outcome(0.5)]))
    result = run(cloud, action)
    assert result.outcome.error is None
    first, second = map(addresses_in, cloud.writes)
    applied = round(len(first) * 0.5)
    assert second == first[applied:]


def test_a_doubtful_write_whose_task_still_runs_is_read_before_each_further_attempt() -> None:
    # The task lasts longer than reads may lag: the next attempt is answered 'busy'.
    cloud = FakeCloud([BOUND], faults=deque([unknown_outcome(task_seconds=8)]))
    result = run(cloud, "BatchRegisterTargets")
    assert result.outcome.error is None
    assert len(cloud.writes) >= 2
    assert cloud.writes[1].at < 8
    assert_read_before_sending_again(cloud, doubtful=len(cloud.writes))
    assert len(cloud.bound()) == 7


def test_a_doubtful_write_behind_somebody_elses_task_is_read_between_busy_answers_and_then_sent() -> None:
    cloud = FakeCloud([BOUND], faults=deque([unknown_outcome(0)]))
    cut = cloud.write

    def cut_then_locked(*args: Any, **options: Any) -> Raw:
        try:
            return cut(*args, **options)
        except OutcomeUnknown:
            cloud.locked_until = cloud.clock.now() + 30
            raise

    cloud.write = cut_then_locked  # type: ignore[method-assign]  # somebody takes the lock right behind the cut
    result = run(cloud, "BatchRegisterTargets")
    assert result.outcome.error is None
    for call, after in neighbours(cloud.calls[1:-1]):
        assert not (call.action in WRITES and after.action in WRITES), "sent again without a read"
    assert cloud.writes[-1].at >= 30


@pytest.mark.parametrize("times", [2, 3])
def test_the_doubt_can_come_several_times(times: int) -> None:
    cloud = FakeCloud([BOUND], faults=deque([unknown_outcome(0.5), unknown_outcome(0), unknown_outcome(1)][:times]))
    result = run(cloud, "BatchRegisterTargets")
    assert result.outcome.error is None
    assert cloud.addresses() == {f"ins-{number}" for number in (1, 2, 3, 7, 8, 9, 10)}
    assert_read_before_sending_again(cloud, times)


def test_a_doubtful_removal_that_is_refused_because_it_took_effect_is_no_failure() -> None:
    # The cut call took effect, but shows only after the retry was refused.
    cloud = FakeCloud([BOUND], lag=6, task_seconds=0, faults=deque([unknown_outcome()]))
    result = run(cloud, "BatchDeregisterTargets")
    assert result.outcome.error is None
    assert cloud.bound() == set()
    assert result.outcome.accepted


def test_a_doubtful_write_that_is_then_refused_is_narrowed() -> None:
    cloud = FakeCloud([BOUND], faults=deque([unknown_outcome(0)]))
    send = cloud.write

    def refused_from_now_on(*args: Any, **options: Any) -> Raw:
        try:
            return send(*args, **options)
        finally:
            cloud.bad = {"ins-8": refused("InvalidParameter", "no such host")}

    cloud.write = refused_from_now_on  # type: ignore[method-assign]  # the first one is cut
    result = run(cloud, "BatchRegisterTargets")
    assert result.failed() == {"ins-8": "InvalidParameter"}
    assert cloud.addresses() >= {"ins-7", "ins-9", "ins-10"}


def test_a_fatal_code_after_a_doubt_stops_the_task_and_the_result_is_still_read() -> None:
    cloud = FakeCloud([BOUND], faults=deque([unknown_outcome(0.5), refusal("AuthFailure.TokenFailure")]))
    result = run(cloud, "BatchRegisterTargets")
    assert result.outcome.error is not None
    assert result.outcome.error.code == "AuthFailure.TokenFailure"
    assert result.outcome.accepted
    assert {one.backend.address for one in result.outcome.done} == {"ins-7", "ins-8"}
    assert result.failed().keys() == {"ins-9", "ins-10"}


def test_a_cut_write_that_only_the_last_look_shows_counts_as_a_change() -> None:
    cloud = FakeCloud([BOUND], task_seconds=0, faults=deque([unknown_outcome()]))
    cloud.read_faults["DescribeTargets"].extend([None, ConnectionFailed("away")])
    result = run(cloud, "BatchRegisterTargets")
    assert result.outcome.done.keys() == set(result.plan.changes)
    assert (result.outcome.accepted, result.outcome.error) == (True, None)


def test_when_nothing_can_be_read_any_more_the_doubt_is_reported() -> None:
    away = ConnectionFailed("can't connect")
    cloud = FakeCloud([BOUND], faults=deque([unknown_outcome()]))
    cloud.read_faults["DescribeTargets"].extend([None, *[away] * 9])
    result = run(cloud, "BatchRegisterTargets")
    assert result.outcome.error is away
    assert len(cloud.writes) == 1
    assert (result.outcome.failures, result.outcome.done) == ({}, {})
    assert result.outcome.unknown == set(result.plan.changes)
    assert len(result.outcome.restore) == 0
    assert "can't connect" in " ".join(result.outcome.warnings)


@given(
    st.sampled_from(ACTIONS),
    st.lists(
        st.one_of(
            st.none(),
            st.builds(
                unknown_outcome, st.sampled_from([0.0, 0.5, 1.0]), task_seconds=st.sampled_from([None, 0.0, 9.0])
            ),
            st.just(order("task_unknown", code="InvalidParameter")),
        ),
        max_size=4,
    ),
    st.sampled_from([0.0, 3.0]),
)
def test_whatever_comes_back_the_end_is_as_desired_and_nothing_is_sent_twice_unread(
    action: str, faults: list[Raw | None], lag: float
) -> None:
    cloud = FakeCloud([BOUND], lag=lag, faults=deque(faults))
    result = run(cloud, action)
    if sum(one is not None and one.get("apply", 1) < 1 for one in faults) < MAX_SENDS:
        assert result.outcome.error is None
        assert result.outcome.failures == {}
    again = run(cloud, action)
    assert not again.outcome.failures
    assert run(cloud, action).plan.changes == ()
    sent: set[str] = set()
    for call in cloud.calls:
        if call.action == "DescribeTargets":
            sent = set()
        elif call.action in WRITES:
            assert sent.isdisjoint(addresses_in(call))
            sent.update(addresses_in(call))
