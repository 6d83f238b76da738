# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When a task looks whether its writes are done, and how it finds out where nobody tells."""

from __future__ import annotations

import pytest

from ..builders import Raw, neighbours, target, tcp, want
from .tasks import addresses, balancer, done, order, refusal, sent_to, unknown_outcome

LISTENER = tcp("lbl-1", 443, target("ins-1"), target("ins-2"), target("ins-3"))
TASKS: dict[str, Raw] = {
    "BatchRegisterTargets": {"targets": [want("lbl-1", f"ins-{number}") for number in (7, 8, 9, 10)]},
    "BatchModifyTargetWeight": {"targets": [want("lbl-1", f"ins-{number}", weight=50) for number in (1, 2, 3)]},
    "BatchModifyTargetTag": {"targets": [want("lbl-1", f"ins-{number}", tag="x") for number in (1, 2, 3)]},
    "BatchDeregisterTargets": {"targets": [{"listener_id": "lbl-1"}], "state": "absent"},
}
BIND = TASKS["BatchRegisterTargets"]
ASYNCHRONOUS = [action for action in TASKS if action != "BatchModifyTargetTag"]


def times(cloud, action):
    return [call["time"] for call in cloud.calls(action)]


@pytest.mark.parametrize("action", ASYNCHRONOUS)
def test_a_write_is_followed_by_one_early_read_polls_of_its_task_and_a_last_read(action):
    cloud = balancer([LISTENER])
    run = cloud.run(**TASKS[action])
    assert cloud.actions()[:3] == ["DescribeTargets", action, "DescribeTargets"]
    assert times(cloud, "DescribeTargets")[1] == pytest.approx(0.2)
    assert (set(cloud.actions()[3:-1]), cloud.actions()[-1]) == ({"DescribeTaskStatus"}, "DescribeTargets")
    assert {call["params"]["TaskId"] for call in cloud.calls("DescribeTaskStatus")} == set(run["request_ids"])
    assert (run.failure, len(done(run))) == (None, len(sent_to(cloud.writes()[0])))


@pytest.mark.parametrize("action, seconds", [*((action, 0) for action in TASKS), ("BatchModifyTargetTag", 20)])
def test_what_is_applied_before_it_is_answered_is_never_polled(action, seconds):
    cloud = balancer([LISTENER], task_seconds=seconds)
    assert cloud.run(**TASKS[action]).failure is None
    assert cloud.actions() == ["DescribeTargets", action, "DescribeTargets"]


def test_the_first_of_several_calls_tells_that_writes_show_at_once():
    cloud = balancer([LISTENER], task_seconds=0)
    assert cloud.run(**BIND, purge=True).failure is None
    assert (len(cloud.writes()), cloud.now() < 0.4) == (2, True)


def test_polls_back_off_to_2_seconds():
    cloud = balancer([LISTENER], task_seconds=20)
    cloud.run(**BIND)
    polls = times(cloud, "DescribeTaskStatus")
    waits = [after - before for before, after in neighbours(polls)]
    assert polls[0] <= 0.5
    assert (waits, waits[-1]) == (pytest.approx(sorted(waits)), pytest.approx(2.0))
    assert polls[-1] < 22


def test_later_calls_learn_from_the_first_how_long_a_task_takes():
    """Nine calls, one after the other: each task is looked for shortly before its end."""
    cloud = balancer([tcp(f"lbl-{number}", 1 + number) for number in range(50)], task_seconds=2, latency_ms=50)
    entries = [want(f"lbl-{number % 50}", f"ins-{number}") for number in range(4500)]
    run = cloud.run(targets=entries)
    assert (run.failure, len(cloud.writes())) == (None, 9)
    started = times(cloud, "BatchRegisterTargets")
    assert started[1] - started[0] <= 2.3
    # The answers to the write and to the look take 0.1 s of each.
    assert all(2 <= after - before <= 2.35 for before, after in neighbours(started[1:]))
    assert (started[-1] - started[1]) / 7 <= 2.22
    assert cloud.count("DescribeTaskStatus") <= 8 + 4 * 8
    # No early read any more.
    assert cloud.count("DescribeTargets") <= 4


@pytest.mark.parametrize("code", ["InvalidParameter", "ResourceNotFound", "FailedOperation"])
def test_a_task_that_the_cloud_does_not_know_counts_as_ended(code):
    cloud = balancer([LISTENER], order("task_unknown", code=code))
    run = cloud.run(**BIND)
    assert (run.failure, run.warnings, cloud.count("DescribeTaskStatus")) == (None, [], 1)


def test_a_poll_that_is_not_allowed_warns_and_leaves_it_to_the_read_back():
    run = balancer([LISTENER], order("task_unknown", code="UnauthorizedOperation")).run(**BIND)
    assert (run.failure, len(run.warnings)) == (None, 1)
    assert "UnauthorizedOperation" in run.warnings[0]


def test_a_lagging_read_is_waited_for():
    cloud = balancer([LISTENER], task_seconds=0, read_lag=4.5)
    run = cloud.run(**BIND)
    assert (run.failure, len(cloud.writes())) == (None, 1)
    assert 4.5 <= cloud.now() < 6.5


def assert_read_before_sending_again(cloud, doubtful=1):
    """After each of the first so many writes, the next call but for polls is a read."""
    actions = cloud.actions()
    writes = [number for number, action in enumerate(actions) if action.startswith("Batch")]
    assert [actions[number + 1] for number in writes[:doubtful]] == ["DescribeTargets"] * doubtful


@pytest.mark.parametrize("action", TASKS)
def test_a_write_that_took_effect_is_never_sent_again(action):
    cloud = balancer([LISTENER], unknown_outcome(), task_seconds=2, read_lag=2)
    run = cloud.run(**TASKS[action])
    assert (run.failure, run.changed, len(cloud.writes())) == (None, True, 1)
    assert (sorted(done(run)), run["request_ids"]) == (sorted(sent_to(cloud.writes()[0])), [])


@pytest.mark.parametrize("action", TASKS)
def test_a_write_that_was_lost_is_sent_again_only_after_reads_that_could_not_lag_any_more(action):
    cloud = balancer([LISTENER], unknown_outcome(0))
    assert cloud.run(**TASKS[action]).failure is None
    first, second = cloud.writes()
    assert second["time"] - first["time"] >= 5
    assert_read_before_sending_again(cloud)
    assert first["params"] == second["params"]


@pytest.mark.parametrize("action", TASKS)
def test_of_a_write_that_took_effect_in_part_only_the_rest_is_sent(action):
    cloud = balancer([LISTENER], unknown_outcome(0.5))
    assert cloud.run(**TASKS[action]).failure is None
    first, second = map(sent_to, cloud.writes())
    assert second == first[round(len(first) * 0.5) :]


def test_a_doubtful_write_whose_task_still_runs_is_read_before_each_further_attempt():
    # The task lasts longer than reads may lag: the next attempt is answered 'busy'.
    cloud = balancer([LISTENER], unknown_outcome(task_seconds=8))
    assert cloud.run(**BIND).failure is None
    writes = cloud.writes()
    assert len(writes) >= 2
    assert writes[1]["time"] < 8
    assert_read_before_sending_again(cloud, len(writes))
    assert len(cloud.bindings()) == 7


def test_a_doubtful_write_whose_task_was_long_busy_may_show_late():
    cloud = balancer([LISTENER], unknown_outcome(task_seconds=12), read_lag=3)
    assert cloud.run(**BIND).failure is None
    assert sum(call["applied"] for call in cloud.writes()) == 1
    assert not any(call["accepted"] for call in cloud.writes()[1:])


@pytest.mark.parametrize("wait", [True, False])
def test_a_doubtful_write_behind_somebody_elses_task_is_read_between_busy_answers_and_then_sent(wait):
    cloud = balancer([LISTENER], None, unknown_outcome(0))
    # Somebody takes the lock right behind the cut.
    taken = {"change": "lock", "with": {"load_balancer_id": "lb-1", "seconds": 30}}
    cloud.add_events({**taken, "action": "BatchModifyTargetWeight"})
    assert cloud.run(targets=[*BIND["targets"], want("lbl-1", "ins-1", weight=50)], wait=wait).failure is None
    for action, after in neighbours(cloud.actions()[1:-1]):
        assert not (action.startswith("Batch") and after.startswith("Batch")), "sent again without a read"
    assert cloud.writes()[-1]["time"] >= 30


def test_a_busy_answer_extends_no_wait_for_what_was_accepted():
    cloud = balancer([LISTENER], order("not_applied"), task_seconds=0)
    taken = {"change": "lock", "with": {"load_balancer_id": "lb-1", "seconds": 20}}
    cloud.add_events({**taken, "action": "BatchRegisterTargets"})
    assert cloud.run(targets=[want("lbl-1", "ins-7"), want("lbl-1", "ins-1", weight=50)]).failure is None
    assert 20 <= times(cloud, "BatchRegisterTargets")[-1] < 24


def test_without_waiting_what_is_in_doubt_is_not_claimed_beside_what_was_accepted():
    cloud = balancer([LISTENER], *[unknown_outcome(0)] * 3)
    run = cloud.run(targets=[want("lbl-1", "ins-7"), want("lbl-1", "ins-1", weight=50)], wait=False)
    assert done(run) == ["ins-1"]


@pytest.mark.parametrize("times_in_doubt", [2, 3])
def test_the_doubt_can_come_several_times(times_in_doubt):
    doubts = [unknown_outcome(0.5), unknown_outcome(0), unknown_outcome(1)][:times_in_doubt]
    cloud = balancer([LISTENER], *doubts)
    assert cloud.run(**BIND).failure is None
    assert addresses(cloud) == {f"ins-{number}" for number in (1, 2, 3, 7, 8, 9, 10)}
    assert_read_before_sending_again(cloud, times_in_doubt)


def test_a_doubtful_removal_that_is_refused_because_it_took_effect_is_no_failure():
    # The cut call took effect, but shows only after the retry was refused.
    cloud = balancer([LISTENER], unknown_outcome(), read_lag=6, task_seconds=0)
    run = cloud.run(**TASKS["BatchDeregisterTargets"])
    assert (run.failure, run.changed, cloud.bindings()) == (None, True, set())


@pytest.mark.parametrize("fault", [None, unknown_outcome()], ids=["accepted", "in doubt"])
@pytest.mark.parametrize("reads", [1, 9])
def test_when_nothing_can_be_read_any_more_that_is_reported(reads, fault):
    cloud = balancer([LISTENER], fault, task_seconds=0)
    cloud.add_faults({"action": "DescribeTargets", "skip": 1, "times": reads, **refusal("UnauthorizedOperation")})
    run = cloud.run(**BIND)
    if reads == 1:
        # The last look shows it.
        assert (run.failure, run.changed, len(done(run))) == (None, True, 4)
        return
    assert (len(cloud.writes()), run["failed_targets"], done(run), run["restore"]) == (1, [], [], [])
    assert (run.code, run["listeners"][0]["bound"]) == ("UnauthorizedOperation", None)
    assert "4 changes were accepted, or may have been" in run.message
    assert run.changed is (fault is None)
    assert any("could not be read back" in warning for warning in run.warnings)


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_an_answer_that_says_internal_error_leaves_the_outcome_open(share):
    cloud = balancer([LISTENER], refusal("InternalError", apply=share))
    run = cloud.run(**BIND)
    assert (run.failure, len(done(run)), len(cloud.writes())) == (None, 4, 1 if share == 1 else 2)
