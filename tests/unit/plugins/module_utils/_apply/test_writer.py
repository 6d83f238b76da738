# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.batches import batches
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.ledger import Done, Failure, Ledger, Pending
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.writer import (
    MIN_LEAD,
    PACING,
    Sent,
    TaskTimes,
    Writer,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import (
    ClbError,
    ConnectionFailed,
    NotSent,
    Refused,
    WaitTimeout,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import Change, ChangeKind

from ...builders import LB, change, pool, refused, register, snapshot, target, tcp
from ...fake_cloud import BUSY, FakeCloud, Fault, order, refusal, unknown_outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.writer import Answer

LISTENERS = [tcp("lbl-1", 443, target("ins-1"), target("ins-2")), tcp("lbl-2", 444)]
BOUND = snapshot(*LISTENERS)
NEW = [register("ins-8"), register("ins-9", pool("lbl-2"))]
CALLS = {
    "BatchRegisterTargets": NEW[:1],
    "BatchModifyTargetWeight": [change(ChangeKind.WEIGHT, one, weight=3) for one in BOUND.all_bindings()],
    "BatchModifyTargetTag": [change(ChangeKind.TAG, one, tag="x") for one in BOUND.all_bindings()],
    "BatchDeregisterTargets": [change(ChangeKind.DEREGISTER, one) for one in BOUND.all_bindings()],
}
TASKS = [action for action in CALLS if action != "BatchModifyTargetTag"]


@dataclass
class Desk:
    """A writer on a cloud, and what its calls came to."""

    cloud: FakeCloud
    writer: Writer
    ledger: Ledger
    answer: Answer | None = None
    error: ClbError | None = None

    def send(self, changes: Sequence[Change], *, more: bool = True, careful: bool = False) -> Desk:
        try:
            self.answer = self.writer.send(changes, more=more, careful=careful)
        except ClbError as error:
            self.error = error
        return self


def desk(cloud: FakeCloud, *, seconds: float = 300, times: TaskTimes | None = None) -> Desk:
    cloud.budget = cloud.clock.budget(seconds)
    ledger = Ledger(cloud.clock.now)
    writer = Writer(Clb(cloud), LB, snapshot(*cloud.listeners), ledger, cloud.budget, PACING, times or TaskTimes())
    return Desk(cloud, writer, ledger)


@pytest.mark.parametrize("action", TASKS)
def test_a_write_is_followed_by_one_early_read_and_polls_of_its_task(action: str) -> None:
    done = desk(FakeCloud(LISTENERS)).send(CALLS[action])
    assert (done.answer, done.error) == (Sent.ACCEPTED, None)
    assert done.cloud.actions[:2] == [action, "DescribeTargets"]
    assert done.cloud.calls[1].at == pytest.approx(PACING.look)
    assert set(done.cloud.actions[2:]) == {"DescribeTaskStatus"}
    assert {call.params["TaskId"] for call in done.cloud.calls[2:]} == set(done.ledger.request_ids)
    assert done.ledger.request_ids == done.cloud.request_ids
    assert all(done.ledger.verdict(one) == Pending(in_doubt=False) for one in CALLS[action])
    done.writer.settle()
    assert all(done.ledger.verdict(one) == Done(one.before) for one in CALLS[action])


@pytest.mark.parametrize("action", TASKS)
def test_a_batch_that_is_applied_before_it_is_answered_is_never_polled(action: str) -> None:
    done = desk(FakeCloud(LISTENERS, task_seconds=0)).send(CALLS[action])
    assert done.cloud.actions == [action, "DescribeTargets"]
    assert all(done.ledger.verdict(one) == Done(one.before) for one in CALLS[action])


def test_a_second_call_learns_from_the_first_how_long_a_task_takes() -> None:
    done = desk(FakeCloud(LISTENERS, task_seconds=2, latency=0.05)).send(NEW[:1])
    before = len(done.cloud.calls)
    done.send(NEW[1:])
    polls = done.cloud.calls[before + 1 :]
    # No early read any more, and the first poll comes about when the first task ended.
    assert {call.action for call in polls} == {"DescribeTaskStatus"}
    assert 1.95 <= polls[0].at - done.cloud.writes[1].at <= 2.25
    assert len(polls) <= 3


def test_a_task_time_that_was_too_long_corrects_itself() -> None:
    """A task that had ended when it was looked for is looked for earlier the next time, more so each time in a row."""
    times = TaskTimes()
    times.learn(8.0)
    looks = []
    for _call in range(9):
        started = desk(FakeCloud(LISTENERS, task_seconds=1), times=times).send(NEW[:1])
        assert started.error is None
        looks.append(times.seconds or 0.0)
    assert looks == sorted(looks, reverse=True)
    assert looks[0] == pytest.approx(7.94)
    assert looks[-1] <= 1.3
    # It was seen to end at last: the next look comes at that time.
    assert 0.95 <= times.first_look() <= 1.05


def test_a_task_is_looked_for_in_the_middle_between_two_looks_and_read_back_after_the_second() -> None:
    times = TaskTimes()
    times.learn(2.06, running=2.0)
    assert times.seconds == pytest.approx(2.06)
    assert times.first_look() == pytest.approx(2.03 * (1 - MIN_LEAD))
    times.learn(2.02)
    assert times.seconds == pytest.approx(2.02)
    assert times.first_look() < 2.02 * (1 - MIN_LEAD)


def test_where_tasks_take_equally_long_the_looks_close_in_on_their_end() -> None:
    times = TaskTimes()
    lost = []
    for _call in range(20):
        done = desk(FakeCloud(LISTENERS, task_seconds=2, latency=0.05), times=times).send(NEW[:1])
        lost.append(done.cloud.clock.now() - done.cloud.writes[0].at - 2)
    # The answer to the look takes 0.05 s of it. A look that comes late or too early costs the rest.
    assert sum(lost[1:]) / 19 <= 0.082


def test_among_several_load_balancers_only_the_first_writes_find_the_time_out() -> None:
    times = TaskTimes(probes=1)
    first = desk(FakeCloud(LISTENERS, task_seconds=2), times=times).send(NEW[:1], more=False)
    first.writer.settle()
    assert first.cloud.count("DescribeTaskStatus") > 0
    second = desk(FakeCloud(LISTENERS, task_seconds=2), times=times).send(NEW[:1], more=False)
    second.writer.settle()
    assert second.cloud.actions == ["BatchRegisterTargets", "DescribeTargets"]


def test_tags_are_synchronous_and_have_no_task_to_poll() -> None:
    done = desk(FakeCloud(LISTENERS)).send(CALLS["BatchModifyTargetTag"])
    assert done.cloud.actions == ["BatchModifyTargetTag"]
    done.writer.settle()
    assert done.cloud.actions == ["BatchModifyTargetTag", "DescribeTargets"]


def test_polls_back_off_to_2_seconds() -> None:
    done = desk(FakeCloud(LISTENERS, task_seconds=20)).send(NEW, more=False)
    done.writer.settle()
    polls = [call.at for call in done.cloud.calls if call.action == "DescribeTaskStatus"]
    waits = [after - before for before, after in zip(polls, polls[1:])]
    assert polls[0] <= 0.5
    assert waits == pytest.approx(sorted(waits))
    assert waits[-1] == pytest.approx(2.0)
    assert polls[-1] < 22


def test_without_another_call_behind_it_nothing_is_polled_before_it_settles() -> None:
    done = desk(FakeCloud(LISTENERS)).send(NEW, more=False)
    assert (done.cloud.actions, done.ledger.accepted, done.writer.unread) == (["BatchRegisterTargets"], True, True)


@pytest.mark.parametrize("code", ["InvalidParameter", "ResourceNotFound", "FailedOperation"])
def test_a_task_that_the_cloud_does_not_know_counts_as_ended(code: str) -> None:
    done = desk(FakeCloud(LISTENERS, faults=deque([order("task_unknown", code=code)]))).send(NEW)
    assert done.cloud.count("DescribeTaskStatus") == 1
    done.writer.settle()
    assert (done.error, done.writer.warnings) == (None, [])
    assert all(done.ledger.verdict(one) == Done(None) for one in NEW)


def test_a_poll_that_is_not_allowed_warns_and_leaves_it_to_the_read_back() -> None:
    done = desk(FakeCloud(LISTENERS, faults=deque([order("task_unknown", code="UnauthorizedOperation")]))).send(NEW)
    done.writer.settle()
    assert (done.error, len(done.writer.warnings)) == (None, 1)
    assert "UnauthorizedOperation" in done.writer.warnings[0]
    assert all(done.ledger.verdict(one) == Done(None) for one in NEW)


@pytest.mark.parametrize("lag", [0.0, 3.0])
@pytest.mark.parametrize("message, words", [("out of luck", "out of luck"), ("", "no reason")])
def test_what_a_failed_task_did_counts_and_the_rest_has_failed_with_it(lag: float, message: str, words: str) -> None:
    cloud = FakeCloud(LISTENERS, lag=lag, faults=deque([order("task_fails", message=message, apply=0.5)]))
    done = desk(cloud).send(NEW, more=False)
    done.writer.settle()
    failure = done.ledger.verdict(NEW[1])
    assert done.ledger.verdict(NEW[0]) == Done(None)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.action, failure.request_id) == ("TaskFailed", None, None)
    assert f"{cloud.request_ids[0]} of BatchRegisterTargets failed" in failure.message
    assert words in failure.message
    assert [done.ledger.may_send(one) for one in NEW] == [True, False]


@pytest.mark.parametrize("message", ["port conflict", ""])
def test_a_listener_in_the_set_of_failed_ones_has_failed_with_the_clouds_message(message: str) -> None:
    cloud = FakeCloud(LISTENERS, faults=deque([order("fail_listeners", listeners=["lbl-2"], message=message)]))
    done = desk(cloud).send(NEW)
    assert (done.answer, done.ledger.accepted, len(cloud.writes)) == (Sent.READ_AGAIN, True, 1)
    failure = done.ledger.verdict(NEW[1])
    assert isinstance(failure, Failure)
    assert (failure.code, failure.action) == ("FailListenerIdSet", "BatchRegisterTargets")
    assert [failure.request_id] == cloud.request_ids
    assert failure.message == message or "without a reason" in failure.message
    assert not done.ledger.may_send(NEW[1])
    assert done.ledger.verdict(NEW[0]) == Done(None)


def test_a_call_all_of_whose_listeners_have_failed_accepts_nothing() -> None:
    fault = order("fail_listeners", listeners=["lbl-1", "lbl-2"], message="no")
    done = desk(FakeCloud(LISTENERS, faults=deque([fault]))).send(NEW)
    assert (done.ledger.accepted, done.ledger.request_ids) == (False, done.cloud.request_ids)


def test_a_named_listener_of_which_somebody_else_did_a_part_is_sent_again() -> None:
    both = [register("ins-8", pool("lbl-2")), register("ins-9", pool("lbl-2"))]
    cloud = FakeCloud(LISTENERS, faults=deque([order("fail_listeners", listeners=["lbl-2"], message="no")]))
    bound_by_others = {"LoadBalancerId": LB, "ListenerId": "lbl-2", "InstanceId": "ins-8", "Port": 80}
    cloud.emulator.add_events({"change": "bind", "with": [bound_by_others], "delay": 1.0})
    done = desk(cloud).send(both)
    assert done.answer is Sent.READ_AGAIN
    assert [done.ledger.verdict(one) for one in both] == [
        Done(None),
        Failure("FailListenerIdSet", "no", cloud.actions[0], cloud.request_ids[0]),
    ]
    assert done.ledger.may_send(both[1])
    assert done.ledger.cleared == {"lbl-2"}


def test_a_task_that_fails_too_leaves_the_reason_of_the_named_listener() -> None:
    cloud = FakeCloud(LISTENERS, faults=deque([order("task_fails", message="half")]))
    named = {"FailListenerIdSet": ["lbl-2"], "Message": "port conflict"}
    cloud.emulator.alter("BatchRegisterTargets", lambda answer: {"Response": {**answer["Response"], **named}})
    done = desk(cloud).send(NEW)
    codes = [one.code for one in map(done.ledger.verdict, NEW) if isinstance(one, Failure)]
    assert codes == ["TaskFailed", "FailListenerIdSet"]


@pytest.mark.parametrize("shape", ["list", "null", "missing"])
def test_an_empty_set_of_failed_listeners_fails_nobody_in_any_shape(shape: str) -> None:
    done = desk(FakeCloud(LISTENERS, fail_set=shape)).send(NEW)
    done.writer.settle()
    assert (done.error, done.ledger.accepted) == (None, True)
    assert all(done.ledger.verdict(one) == Done(None) for one in NEW)


@pytest.mark.parametrize("code", ["InvalidParameter", "FailedOperation.New", "LimitExceeded", "AuthFailure", "New"])
def test_a_refusal_comes_back_as_the_answer(code: str) -> None:
    done = desk(FakeCloud(LISTENERS, faults=deque([refusal(code)]))).send(NEW)
    assert isinstance(done.answer, Refused)
    assert (done.answer.code, done.cloud.actions) == (code, ["BatchRegisterTargets"])
    assert (done.ledger.accepted, list(done.ledger.sent())) == (False, [])


def test_a_lost_connection_stops_the_task() -> None:
    fault = ConnectionFailed("can't connect")
    done = desk(FakeCloud(LISTENERS, faults=deque([fault]))).send(NEW)
    assert (done.error, done.cloud.actions) == (fault, ["BatchRegisterTargets"])
    assert list(done.ledger.sent()) == []


@pytest.mark.parametrize("code, steps", [("RequestLimitExceeded", 1), ("RequestLimitExceeded", 5)])
def test_throttled_waits_and_sends_again(code: str, steps: int) -> None:
    done = desk(FakeCloud(LISTENERS, faults=deque([refusal(code)] * steps))).send(NEW)
    assert (done.error, done.answer, len(done.cloud.writes)) == (None, Sent.ACCEPTED, steps + 1)
    assert done.writer.waited


@pytest.mark.parametrize("fault", [NotSent("no route"), refusal("RequestLimitExceeded")])
def test_after_a_wait_a_careful_call_is_not_sent_before_the_guard_is_checked_again(fault: Fault) -> None:
    done = desk(FakeCloud(LISTENERS, faults=deque([fault]))).send(CALLS["BatchDeregisterTargets"], careful=True)
    assert (done.answer, len(done.cloud.writes), done.writer.waited) == (Sent.POSTPONED, 1, True)


def test_after_busy_the_snapshot_is_read_again_before_anything_is_sent() -> None:
    cloud = FakeCloud(LISTENERS)
    cloud.locked_until = 2.0
    done = desk(cloud).send(NEW)
    assert (done.answer, cloud.actions) == (Sent.POSTPONED, ["BatchRegisterTargets", "DescribeTargets"])
    assert PACING.busy <= cloud.clock.seconds <= PACING.busy + PACING.busy_spread
    assert list(done.ledger.sent()) == []


@pytest.mark.parametrize("somebody_writes", [True, False])
def test_a_careful_call_that_meets_busy_reads_until_something_changes_and_5_seconds_at_most(
    somebody_writes: bool,
) -> None:
    cloud = FakeCloud(LISTENERS)
    cloud.locked_until = 2.0
    done = desk(cloud)
    if somebody_writes:
        bound_by_others = {"LoadBalancerId": LB, "ListenerId": "lbl-2", "InstanceId": "ins-5", "Port": 80}
        cloud.emulator.add_events({"change": "bind", "with": [bound_by_others], "delay": 2.0})
    assert done.send(CALLS["BatchDeregisterTargets"], careful=True).answer is Sent.POSTPONED
    longest = PACING.busy + PACING.busy_maximum
    first, last = (2.0, 2.0 + longest) if somebody_writes else (PACING.learn, PACING.learn + longest)
    assert first <= cloud.clock.seconds < last


def test_a_load_balancer_that_stays_busy_is_named_as_the_reason_when_the_time_is_up() -> None:
    cloud = FakeCloud(LISTENERS)
    cloud.locked_until = 1000
    done = desk(cloud, seconds=60)
    while done.error is None:
        done.send(NEW)
    assert isinstance(done.error, WaitTimeout)
    assert done.writer.last_answer is not None
    assert done.writer.last_answer.code == BUSY
    assert (cloud.clock.seconds, done.ledger.accepted) == (60, False)


def test_waiting_for_a_task_ends_with_the_budget() -> None:
    done = desk(FakeCloud(LISTENERS, task_seconds=1000), seconds=60).send(NEW)
    assert isinstance(done.error, WaitTimeout)
    assert f"the task {done.cloud.request_ids[0]} of BatchRegisterTargets" in done.error.message
    assert done.cloud.clock.seconds == 60
    assert all(done.ledger.verdict(one) == Pending(in_doubt=False) for one in NEW)


def test_a_lagging_read_is_waited_for() -> None:
    done = desk(FakeCloud(LISTENERS, task_seconds=0, lag=4.5)).send(NEW, more=False)
    done.writer.settle()
    assert 4.5 <= done.cloud.clock.seconds < 4.5 + PACING.read.maximum
    assert all(done.ledger.verdict(one) == Done(None) for one in NEW)


def test_what_does_not_show_5_seconds_after_its_task_counts_as_not_done() -> None:
    done = desk(FakeCloud(LISTENERS, faults=deque([order("not_applied")]))).send(NEW, more=False)
    done.writer.settle()
    ended = [call.at for call in done.cloud.calls if call.action == "DescribeTaskStatus"][-1]
    assert ended + PACING.settle <= done.cloud.clock.seconds < ended + PACING.settle + PACING.read.maximum
    assert done.ledger.pending() == []
    assert all(done.ledger.may_send(one) for one in NEW)


@pytest.mark.parametrize("applied", [0.0, 0.5, 1.0])
def test_a_call_in_doubt_is_read_until_its_outcome_can_no_longer_be_expected(applied: float) -> None:
    done = desk(FakeCloud(LISTENERS, lag=1, faults=deque([unknown_outcome(applied)]))).send(NEW)
    assert (done.answer, len(done.cloud.writes)) == (Sent.READ_AGAIN, 1)
    assert set(done.cloud.actions[1:]) == {"DescribeTargets"}
    shown = [one for one in NEW if done.ledger.verdict(one) == Done(None)]
    assert shown == NEW[: round(2 * applied)]
    assert done.ledger.accepted is bool(shown)
    assert done.ledger.request_ids == []
    assert (done.cloud.clock.seconds >= PACING.settle) is (applied < 1)


def test_a_filter_whose_listener_is_gone_is_dropped() -> None:
    cloud = FakeCloud(LISTENERS)
    cloud.budget = cloud.clock.budget(60)
    read = Clb(cloud).describe_targets(LB, ["lbl-1", "lbl-2"])
    writer = Writer(Clb(cloud), LB, read, Ledger(cloud.clock.now), cloud.budget, PACING, TaskTimes())
    cloud.change("delete_listener", load_balancer_id=LB, listener_id="lbl-2")
    assert list(writer.read().listeners) == ["lbl-1"]
    assert [call.params.get("ListenerIds") for call in cloud.calls[1:]] == [["lbl-1", "lbl-2"], None]
    writer.read()
    assert "ListenerIds" not in cloud.calls[-1].params


def test_a_read_that_is_refused_for_good_is_not_tried_without_the_filter() -> None:
    cloud = FakeCloud(LISTENERS)
    cloud.read_faults["DescribeTargets"].extend([None, refused("UnauthorizedOperation", action="DescribeTargets")])
    read = Clb(cloud).describe_targets(LB, ["lbl-1"])
    writer = Writer(Clb(cloud), LB, read, Ledger(cloud.clock.now), cloud.clock.budget(60), PACING, TaskTimes())
    with pytest.raises(Refused, match="UnauthorizedOperation"):
        writer.read()
    assert cloud.count("DescribeTargets") == 2


@pytest.mark.parametrize("lag", [0.0, 3.0, 60.0])
def test_refused_removals_are_read_until_they_are_gone_or_reads_cannot_lag_any_more(lag: float) -> None:
    cloud = FakeCloud(LISTENERS, task_seconds=0, lag=lag)
    done = desk(cloud)
    (removal,) = batches(CALLS["BatchDeregisterTargets"])
    Clb(cloud).write(LB, removal)
    done.writer.wait_for_removals(CALLS["BatchDeregisterTargets"])
    assert cloud.clock.seconds == pytest.approx(min(lag, PACING.settle), abs=2)


@pytest.mark.parametrize("code, api_message", [("LimitExceeded", "too many"), ("InvalidParameter", "bad")])
def test_a_failure_carries_the_clouds_words_and_says_when_it_is_a_quota(code: str, api_message: str) -> None:
    failure = Failure.of(refused(code, api_message))
    assert (failure.code, failure.action, failure.request_id) == (code, "BatchRegisterTargets", "r-refused")
    assert api_message in failure.message
    assert ("quota" in failure.message) is (code == "LimitExceeded")
