# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import deque
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.narrow import MAX_EXTRA_CALLS

from ...builders import Raw, http, refused, rule, target, tcp, want
from ...fake_cloud import FakeCloud, reconcile, refusal, unknown_outcome

if TYPE_CHECKING:
    from collections.abc import Collection

    from ...fake_cloud import Run

BAD = refused("InvalidParameter", "no such host")
QUOTA = refused("LimitExceeded", "too many targets")
NUMBERS = range(500)
FIFTY = [tcp(f"lbl-{index}", 1 + index) for index in range(50)]


def spread(amount: int = 500, each: int = 10) -> list[Raw]:
    """So many new targets, so many on each listener."""
    return [want(f"lbl-{number // each}", f"ins-{number}") for number in range(amount)]


def bind(bad: Collection[int], entries: list[Raw] | None = None, **options: Any) -> Run:
    """Bind 500 targets on 50 listeners, some of which the cloud refuses."""
    cloud = FakeCloud(FIFTY, bad={f"ins-{number}": BAD for number in bad}, task_seconds=0.1)
    return reconcile(cloud, spread() if entries is None else entries, **options)


def names(numbers: Collection[int]) -> set[str]:
    return {f"ins-{number}" for number in numbers}


def extra_calls(run: Run) -> int:
    return len(run.cloud.writes) - run.cloud.busy_answers - 1


def assert_bad_named_good_bound(run: Run, bad: Collection[int], everybody: Collection[int] = NUMBERS) -> None:
    assert run.failed() == dict.fromkeys(names(bad), "InvalidParameter")
    assert {failure.message for failure in run.outcome.failures.values()} <= {"no such host"}
    assert run.cloud.addresses() == names(everybody) - names(bad)
    assert run.outcome.accepted is (len(bad) < len(everybody))


@pytest.mark.parametrize("bad", [0, 1, 9, 10, 249, 250, 499, *range(7, 500, 83)])
def test_one_bad_target_of_500_on_50_listeners_takes_at_most_24_extra_calls(bad: int) -> None:
    run = bind([bad])
    assert_bad_named_good_bound(run, [bad])
    assert extra_calls(run) <= 24


@pytest.mark.parametrize("seed", range(10))
def test_five_bad_targets_of_500_are_all_named_within_64_extra_calls(seed: int) -> None:
    bad = Random(seed).sample(NUMBERS, 5)
    run = bind(bad)
    assert_bad_named_good_bound(run, bad)
    assert extra_calls(run) <= 64


@pytest.mark.parametrize(
    "bad", [[9, 129, 249, 379, 499], [0, 1, 2, 3, 4], [5, 15, 25, 35, 45], [99, 199, 299, 399, 499]]
)
def test_five_bad_targets_far_apart_or_close_together_too(bad: list[int]) -> None:
    run = bind(bad)
    assert_bad_named_good_bound(run, bad)
    assert extra_calls(run) <= 64


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.randoms(use_true_random=False), st.integers(0, 2))
def test_on_any_layout_all_bad_ones_are_named_and_all_good_ones_bound(
    sizes: list[int], random: Any, amount: int
) -> None:
    listeners = [tcp(f"lbl-{index}", 1 + index) for index in range(len(sizes))]
    where = [index for index, size in enumerate(sizes) for _ in range(size)]
    everybody = range(len(where))
    bad = random.sample(everybody, min(amount, len(where)))
    cloud = FakeCloud(listeners, bad={f"ins-{number}": BAD for number in bad}, task_seconds=0)
    run = reconcile(cloud, [want(f"lbl-{index}", f"ins-{number}") for number, index in enumerate(where)])
    assert_bad_named_good_bound(run, bad, everybody)
    assert extra_calls(run) <= 64


def test_the_bad_one_is_found_within_a_rule_too_and_no_good_one_is_sent_after_it_was_bound() -> None:
    listener = http("lbl-7", 80, rule("loc-1", "a"), rule("loc-2", "b"))
    entries = [
        {"location_id": f"loc-{1 + number % 2}", "instance_id": f"ins-{number}", "port": 80} for number in range(20)
    ]
    cloud = FakeCloud([listener], bad={"ins-13": BAD})
    run = reconcile(cloud, entries)
    assert run.failed() == {"ins-13": "InvalidParameter"}
    assert len(cloud.bound()) == 19
    accepted = [call for call in cloud.writes if "ins-13" not in str(call.params)]
    assert sum(len(call.params["Targets"]) for call in accepted) == 19


def test_a_call_is_halved_by_listeners_first_then_within_the_listener() -> None:
    run = bind([0], spread(40))
    asked = [[one["ListenerId"] for one in call.params["Targets"]] for call in run.cloud.writes]
    assert [len(set(one)) for one in asked[:4]] == [4, 2, 2, 1]
    assert [len(one) for one in asked[:7]] == [40, 20, 20, 10, 5, 2, 1]


def test_depth_first_the_first_bad_one_is_found_before_the_others_are_tried() -> None:
    run = bind([0, 499])
    calls = [{one["InstanceId"] for one in call.params["Targets"]} for call in run.cloud.writes]
    # Behind both halves and one that is tried alone.
    assert calls.index({"ins-0"}) < min(number for number, call in enumerate(calls[4:], 4) if "ins-499" in call)


@pytest.mark.parametrize(
    "task",
    [
        {"entries": [want("lbl-1", f"ins-{number}", weight=50) for number in range(8)]},
        {"entries": [want("lbl-1", f"ins-{number}", tag="x") for number in range(8)]},
        {"entries": [{"listener_id": "lbl-1"}], "state": "absent"},
        {"entries": [{"listener_id": "lbl-1"}], "state": "drained"},
    ],
)
def test_other_writes_are_narrowed_alike(task: dict[str, Any]) -> None:
    cloud = FakeCloud([tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(8)))], bad={"ins-5": BAD})
    run = reconcile(cloud, **task)
    assert run.failed() == {"ins-5": "InvalidParameter"}
    assert len(run.outcome.done) == 7


def test_more_bad_ones_than_64_calls_can_find_leave_a_reason_for_each() -> None:
    bad = range(0, 500, 5)
    run = bind(bad)
    assert extra_calls(run) == MAX_EXTRA_CALLS == 64
    failed = run.failed()
    assert set(failed.values()) == {"InvalidParameter", "NotAttempted"}
    assert names(bad) <= failed.keys()
    assert failed.keys() | run.cloud.addresses() == names(NUMBERS)
    assert failed.keys().isdisjoint(run.cloud.addresses())
    reason = next(one.message for one in run.outcome.failures.values() if one.code == "NotAttempted")
    assert "InvalidParameter (no such host)" in reason
    assert "64 extra calls" in reason
    assert run.outcome.error is not None
    assert run.outcome.error.code == "InvalidParameter"


def test_the_64_extra_calls_are_for_the_whole_task() -> None:
    # Three calls of 500 targets, each with bad ones.
    listeners = [tcp(f"lbl-{index}", 1 + index) for index in range(150)]
    cloud = FakeCloud(listeners, bad={f"ins-{number}": BAD for number in range(0, 1500, 20)}, task_seconds=0)
    reconcile(cloud, spread(1500))
    assert len(cloud.writes) <= 3 + MAX_EXTRA_CALLS


def test_a_quota_is_narrowed_to_the_listener_and_not_below() -> None:
    cloud = FakeCloud(FIFTY, full={"lbl-17": QUOTA}, task_seconds=0.1)
    run = reconcile(cloud, spread())
    assert run.failed() == dict.fromkeys(names(range(170, 180)), "LimitExceeded")
    assert cloud.addresses() == names(NUMBERS) - names(range(170, 180))
    for call in cloud.writes:
        on_it = sum(one["ListenerId"] == "lbl-17" for one in call.params["Targets"])
        assert on_it in (0, 10)
    assert all("quota" in failure.message for failure in run.outcome.failures.values())


def test_a_quota_of_the_only_listener_takes_no_extra_call() -> None:
    cloud = FakeCloud(FIFTY, full={"lbl-0": QUOTA})
    run = reconcile(cloud, spread(10))
    assert (len(cloud.writes), set(run.failed().values())) == (1, {"LimitExceeded"})


def test_bad_targets_and_full_listeners_are_told_apart() -> None:
    cloud = FakeCloud(FIFTY, bad={"ins-33": BAD}, full={"lbl-5": QUOTA}, task_seconds=0.1)
    run = reconcile(cloud, spread(100))
    assert run.failed() == {"ins-33": "InvalidParameter", **dict.fromkeys(names(range(50, 60)), "LimitExceeded")}


@pytest.mark.parametrize("after", [1, 3])
def test_a_fatal_code_stops_the_narrowing(after: int) -> None:
    cloud = FakeCloud(FIFTY, task_seconds=0.1)
    cloud.faults.extend([refusal("InvalidParameter")] * after + [refusal("UnauthorizedOperation")])
    run = reconcile(cloud, spread())
    assert len(cloud.writes) == after + 1
    assert run.outcome.error is not None
    assert run.outcome.error.code == "UnauthorizedOperation"
    assert set(run.failed().values()) == {"UnauthorizedOperation"}


def test_the_narrowing_ends_with_the_time_budget() -> None:
    cloud = FakeCloud(FIFTY, bad={f"ins-{number}": BAD for number in range(0, 500, 100)}, task_seconds=4, latency=0.5)
    run = reconcile(cloud, spread(), seconds=20)
    assert cloud.clock.seconds <= 21
    assert max(call.at for call in cloud.writes) <= 20.5
    assert run.outcome.error is not None
    assert run.outcome.error.code == "WaitTimeout"
    assert run.outcome.accepted
    assert names(range(0, 500, 100)) <= run.failed().keys()


def test_a_narrowed_call_with_an_unknown_outcome_is_read_back_like_any_other() -> None:
    cloud = FakeCloud(FIFTY, bad={"ins-3": BAD})
    cloud.faults.extend([refusal("InvalidParameter"), unknown_outcome(), unknown_outcome(0)])
    run = reconcile(cloud, spread(40))
    assert run.failed() == {"ins-3": "InvalidParameter"}
    assert cloud.addresses() == names(range(40)) - {"ins-3"}


def test_a_refusal_that_does_not_come_again_fails_nothing() -> None:
    cloud = FakeCloud(FIFTY, faults=deque([refusal("FailedOperation")]))
    run = reconcile(cloud, spread(40))
    assert (run.outcome.error, run.failed()) == (None, {})
    assert cloud.addresses() == names(range(40))


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("gone", [["ins-1"], ["ins-1", "ins-3"], ["ins-0", "ins-1", "ins-2", "ins-3"]])
def test_a_refused_removal_of_what_is_already_gone_is_no_failure(gone: list[str], wait: bool) -> None:
    cloud = FakeCloud([tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(4)))])
    send = cloud.write

    def somebody_was_faster(action: str, params: Raw, **options: Any) -> Raw:
        if not cloud.writes:
            cloud.interfere([({"ListenerId": "lbl-1"}, one, None) for one in gone])
        return send(action, params, **options)

    cloud.write = somebody_was_faster  # type: ignore[method-assign]  # between the plan and the first write
    run = reconcile(cloud, [{"listener_id": "lbl-1"}], state="absent", wait=wait)
    assert (run.outcome.error, run.failed()) == (None, {})
    cloud.finish()
    assert cloud.bound() == set()
    assert run.outcome.accepted is (len(gone) < 4)
    assert {one.backend.address for one in run.outcome.done} == names(range(4)) - set(gone)
