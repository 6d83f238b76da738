# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.writer import PACING, Failure, Writer
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import Change, ChangeKind
from ansible_collections.tencentcloud.clb.plugins.module_utils._errors import (
    ClbError,
    ConnectionFailed,
    Refused,
    WaitTimeout,
)

from ...builders import LB, change, pool, refused, register, snapshot, target, tcp
from ...fake_cloud import BUSY, FakeCloud, Fault, refusal

LISTENERS = [tcp("lbl-1", 443, target("ins-1"), target("ins-2")), tcp("lbl-2", 444)]
NEW = [register("ins-8"), register("ins-9", pool("lbl-2"))]
CALLS = {
    "BatchRegisterTargets": NEW[:1],
    "BatchModifyTargetWeight": [
        change(ChangeKind.WEIGHT, one, weight=3) for one in snapshot(*LISTENERS).all_bindings()
    ],
    "BatchModifyTargetTag": [change(ChangeKind.TAG, one, tag="x") for one in snapshot(*LISTENERS).all_bindings()],
    "BatchDeregisterTargets": [change(ChangeKind.DEREGISTER, one) for one in snapshot(*LISTENERS).all_bindings()],
}


def deliver(
    cloud: FakeCloud, changes: list[Change], *, seconds: float = 300, follow: bool = True
) -> tuple[Writer, ClbError | None]:
    """Deliver one batch; what stops the task comes back, too."""
    cloud.budget = cloud.clock.budget(seconds)
    writer = Writer(Clb(cloud), LB, None, cloud.budget, PACING)
    try:
        writer.deliver(changes, follow=follow)
    except ClbError as error:
        return writer, error
    return writer, None


@pytest.mark.parametrize("action", ["BatchRegisterTargets", "BatchModifyTargetWeight", "BatchDeregisterTargets"])
def test_a_write_is_followed_by_polls_of_its_task(action: str) -> None:
    cloud = FakeCloud(LISTENERS)
    writer, error = deliver(cloud, CALLS[action])
    assert error is None
    assert cloud.actions[:2] == [action, "DescribeTaskStatus"]
    assert set(cloud.actions[1:]) == {"DescribeTaskStatus"}
    assert {call.params["TaskId"] for call in cloud.calls[1:]} == {"r-1"} == set(writer.request_ids)
    assert writer.sent == set(CALLS[action])
    assert (writer.accepted, writer.blamed) == (True, {})


def test_tags_are_synchronous_and_have_no_task_to_poll() -> None:
    cloud = FakeCloud(LISTENERS)
    deliver(cloud, CALLS["BatchModifyTargetTag"])
    assert cloud.actions == ["BatchModifyTargetTag"]


def test_the_first_poll_comes_soon_then_they_back_off_to_2_seconds() -> None:
    cloud = FakeCloud(LISTENERS, task_seconds=20)
    deliver(cloud, NEW)
    polls = [call.at for call in cloud.calls if call.action == "DescribeTaskStatus"]
    waits = [after - before for before, after in zip([0.0, *polls], polls)]
    assert waits[0] <= 0.5
    assert waits == sorted(waits)
    assert waits[-1] == pytest.approx(2.0)
    assert polls[-1] < 22


def test_a_task_done_at_the_first_poll_is_polled_once() -> None:
    cloud = FakeCloud(LISTENERS, task_seconds=0.1)
    deliver(cloud, NEW)
    assert cloud.count("DescribeTaskStatus") == 1


def test_without_following_nothing_is_polled() -> None:
    cloud = FakeCloud(LISTENERS)
    writer, _ = deliver(cloud, NEW, follow=False)
    assert (cloud.actions, writer.accepted) == (["BatchRegisterTargets"], True)


@pytest.mark.parametrize("code", ["InvalidParameter", "ResourceNotFound", "FailedOperation"])
def test_a_task_that_the_cloud_does_not_know_counts_as_done(code: str) -> None:
    cloud = FakeCloud(LISTENERS, faults=deque([Fault(task_unknown=code)]))
    writer, error = deliver(cloud, NEW)
    assert cloud.count("DescribeTaskStatus") == 1
    assert (error, writer.blamed, writer.warnings) == (None, {}, [])


def test_a_poll_that_is_not_allowed_warns_and_leaves_it_to_the_read_back() -> None:
    cloud = FakeCloud(LISTENERS, faults=deque([Fault(task_unknown="UnauthorizedOperation")]))
    writer, error = deliver(cloud, NEW)
    assert (error, writer.blamed) == (None, {})
    assert len(writer.warnings) == 1
    assert "UnauthorizedOperation" in writer.warnings[0]


@pytest.mark.parametrize("message, words", [("out of luck", "out of luck"), ("", "no reason")])
def test_a_failed_task_is_blamed_on_its_changes_and_not_narrowed(message: str, words: str) -> None:
    cloud = FakeCloud(LISTENERS, faults=deque([Fault(task_fails=message, applied=0)]))
    writer, error = deliver(cloud, NEW)
    assert error is None
    assert len(cloud.writes) == 1
    assert writer.blamed.keys() == set(NEW)
    failure = writer.blamed[NEW[0]]
    assert (failure.code, failure.action, failure.request_id) == ("TaskFailed", None, None)
    assert "r-1 of BatchRegisterTargets failed" in failure.message
    assert words in failure.message


@pytest.mark.parametrize("message", ["port conflict", ""])
def test_failed_listeners_are_blamed_with_the_clouds_message_and_not_narrowed(message: str) -> None:
    cloud = FakeCloud(LISTENERS, faults=deque([Fault(fail_listeners=("lbl-2",), message=message)]))
    writer, _ = deliver(cloud, NEW)
    assert len(cloud.writes) == 1
    assert writer.accepted
    ((blamed, failure),) = writer.blamed.items()
    assert blamed is NEW[1]
    assert (failure.code, failure.action, failure.request_id) == ("FailListenerIdSet", "BatchRegisterTargets", "r-1")
    assert failure.message == message or "without a reason" in failure.message


def test_a_task_that_fails_too_leaves_the_blame_on_the_named_listener() -> None:
    fault = Fault(fail_listeners=("lbl-2",), message="port conflict", task_fails="half", applied=0)
    writer, _ = deliver(FakeCloud(LISTENERS, faults=deque([fault])), NEW)
    assert [writer.blamed[one].code for one in NEW] == ["TaskFailed", "FailListenerIdSet"]


@pytest.mark.parametrize("shape", ["list", "null", "missing"])
def test_an_empty_set_of_failed_listeners_blames_nobody_in_any_shape(shape: str) -> None:
    writer, error = deliver(FakeCloud(LISTENERS, fail_set=shape), NEW)
    assert (error, writer.blamed, writer.accepted) == (None, {}, True)


@pytest.mark.parametrize(
    "code", ["AuthFailure.SignatureExpire", "UnauthorizedOperation", "InvalidParameter.LBIdNotFound", "SomethingNew"]
)
def test_a_fatal_code_stops_the_task_at_once(code: str) -> None:
    cloud = FakeCloud(LISTENERS, faults=deque([refusal(code)]))
    writer, error = deliver(cloud, NEW)
    assert isinstance(error, Refused)
    assert error.code == code
    assert cloud.actions == ["BatchRegisterTargets"]
    assert (writer.accepted, writer.sent) == (False, set())


def test_a_lost_connection_stops_the_task() -> None:
    fault = Fault(ConnectionFailed("can't connect"), applied=0)
    cloud = FakeCloud(LISTENERS, faults=deque([fault]))
    writer, error = deliver(cloud, NEW)
    assert (error, cloud.actions, writer.sent) == (fault.raises, ["BatchRegisterTargets"], set())


def test_a_load_balancer_that_stays_busy_is_named_as_the_reason_when_the_time_is_up() -> None:
    cloud = FakeCloud(LISTENERS)
    cloud.locked_until = 1000
    writer, error = deliver(cloud, NEW, seconds=60)
    assert isinstance(error, WaitTimeout)
    assert (cloud.clock.seconds, cloud.writes, writer.accepted) == (60, [], False)
    assert {failure.code for failure in writer.blamed.values()} == {BUSY}
    assert writer.blamed.keys() == set(NEW)


def test_waiting_for_a_task_ends_with_the_budget() -> None:
    cloud = FakeCloud(LISTENERS, task_seconds=1000)
    writer, error = deliver(cloud, NEW, seconds=60)
    assert isinstance(error, WaitTimeout)
    assert "the task r-1 of BatchRegisterTargets" in error.message
    assert cloud.clock.seconds == 60
    # Nobody said no: the read-back decides.
    assert (writer.accepted, writer.blamed) == (True, {})


def settle(cloud: FakeCloud, changes: list[Change], how: str) -> tuple[Writer, Any]:
    cloud.budget = cloud.clock.budget(60)
    writer = Writer(Clb(cloud), LB, None, cloud.budget, PACING)
    writer.sent.update(changes)
    return writer, getattr(writer, how)(changes)


def test_a_lagging_read_is_waited_for() -> None:
    cloud = FakeCloud(LISTENERS, task_seconds=0, lag=30)
    cloud.write("BatchRegisterTargets", {"Targets": [{"ListenerId": "lbl-1", "InstanceId": "ins-8", "Port": 80}]})
    settle(cloud, NEW[:1], "read_back")
    assert 30 <= cloud.clock.seconds < 33
    assert len(cloud.writes) == 1


def test_a_read_back_that_shows_everything_is_one_read() -> None:
    cloud = FakeCloud(LISTENERS)
    settle(cloud, [change(ChangeKind.TAG, one, tag="") for one in snapshot(*LISTENERS).all_bindings()], "read_back")
    assert cloud.actions == ["DescribeTargets"]


def test_what_nobody_complained_about_is_waited_for_until_the_time_is_up() -> None:
    with pytest.raises(WaitTimeout, match="1 accepted changes to show in DescribeTargets"):
        settle(FakeCloud(LISTENERS), NEW[:1], "read_back")


def test_an_absence_is_believed_when_reads_cannot_lag_any_more() -> None:
    cloud = FakeCloud(LISTENERS)
    _, missing = settle(cloud, NEW, "settle")
    assert missing == NEW
    assert cloud.clock.seconds == pytest.approx(PACING.settle)


def test_what_the_cloud_complained_about_is_given_the_time_that_reads_lag() -> None:
    cloud = FakeCloud(LISTENERS)
    cloud.budget = cloud.clock.budget(60)
    writer = Writer(Clb(cloud), LB, None, cloud.budget, PACING)
    writer.sent.update(NEW)
    writer.blamed.update(dict.fromkeys(NEW, Failure("FailListenerIdSet", "no")))
    writer.read_back(NEW)
    assert PACING.settle <= cloud.clock.seconds < PACING.settle + PACING.read_most


@pytest.mark.parametrize("code, api_message", [("LimitExceeded", "too many"), ("InvalidParameter", "bad")])
def test_a_failure_carries_the_clouds_words_and_says_when_it_is_a_quota(code: str, api_message: str) -> None:
    failure = Failure.of(refused(code, api_message))
    assert (failure.code, failure.action, failure.request_id) == (code, "BatchRegisterTargets", "r-refused")
    assert api_message in failure.message
    assert ("quota" in failure.message) is (code == "LimitExceeded")
