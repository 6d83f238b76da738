# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import GuardRefused

from ...builders import Raw, target, tcp, want
from ...fake_cloud import FakeCloud, Run, order, reconcile, refusal, unknown_outcome

if TYPE_CHECKING:
    from ...fake_cloud import Rival

LBL_1 = {"ListenerId": "lbl-1"}
TWO = [tcp("lbl-1", 443, target("ins-1", weight=7, tag="blue"), target("ins-2"))]
ONE_OF_TWO: list[Raw] = [{"listener_id": "lbl-1", "instance_id": "ins-1"}]
LOSSES: dict[str, dict[str, Any]] = {
    "drained": {"entries": ONE_OF_TWO, "state": "drained"},
    "absent": {"entries": ONE_OF_TWO, "state": "absent"},
    "weight 0": {"entries": [want("lbl-1", "ins-1", weight=0)]},
    "purge": {"entries": [want("lbl-1", "ins-2")], "purge": True},
}


def guarded(cloud: FakeCloud, how: str, **options: Any) -> Run:
    task = {**LOSSES[how], "min_healthy": 1, **options}
    return reconcile(cloud, task.pop("entries"), **task)


def weights_of(cloud: FakeCloud) -> dict[str, int]:
    return {one[2]: one[4] for one in cloud.bound()}


def refusal_of(run: Run) -> str:
    assert isinstance(run.outcome.error, GuardRefused)
    return run.outcome.error.message


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("how", LOSSES)
def test_a_guarded_loss_is_followed_until_it_shows_and_enough_serve(how: str, wait: bool) -> None:
    cloud = FakeCloud(TWO, task_seconds=3, lag=1)
    run = guarded(cloud, how, wait=wait)
    assert (run.outcome.error, len(run.outcome.done)) == (None, 1)
    assert weights_of(cloud).get("ins-1", 0) == 0
    write = cloud.calls.index(cloud.accepted[0])
    assert cloud.actions[:write] == ["DescribeTargets", "DescribeTargetHealth"]
    assert cloud.actions[-1] == "DescribeTargetHealth"
    assert not run.outcome.predicted


@pytest.mark.parametrize(
    "fault", [order("task_unknown", code="InvalidParameter"), refusal("RequestLimitExceeded"), unknown_outcome(0)]
)
def test_after_any_wait_health_and_targets_are_read_again_before_the_loss(fault: Raw) -> None:
    cloud = FakeCloud(TWO, faults=deque([fault]))
    run = guarded(cloud, "drained")
    assert run.outcome.error is None
    for number, call in enumerate(cloud.calls):
        if call in cloud.writes and call is not cloud.writes[0]:
            assert cloud.actions[number - 2 : number] == ["DescribeTargetHealth", "DescribeTargets"]


@pytest.mark.parametrize("latency, reads", [(0.1, 2), (3.0, 3)])
def test_health_that_is_older_than_2_seconds_is_read_again(latency: float, reads: int) -> None:
    cloud = FakeCloud(TWO, latency=latency, task_seconds=0)
    run = guarded(cloud, "drained")
    assert run.outcome.error is None
    # The last one looks after the loss.
    assert cloud.count("DescribeTargetHealth") == reads


def test_a_guard_that_passed_and_refuses_after_busy_names_what_has_stopped_serving_since() -> None:
    cloud = FakeCloud(TWO, health={"ins-2": ("Alive", 1.0, "Dead")})
    cloud.locked_until = 1.5
    run = guarded(cloud, "drained")
    assert "would fall from 1 to 0 by losing ins-1:80" in refusal_of(run)
    assert "Not serving any more since the first check: ins-2:80" in refusal_of(run)
    assert run.failed() == {"ins-1": "NotAttempted"}
    assert weights_of(cloud) == {"ins-1": 7, "ins-2": 10}
    assert not run.outcome.accepted


def test_a_guard_that_refuses_later_is_all_or_nothing_for_what_is_still_to_be_lost() -> None:
    # Weight 0 goes out first; then the other one dies, and nothing is purged.
    cloud = FakeCloud(
        [tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(1, 5)))],
        task_seconds=3,
        health={"ins-3": ("Alive", 2.0, "Dead")},
    )
    entries = [want("lbl-1", "ins-1", weight=0), want("lbl-1", "ins-3"), want("lbl-1", "ins-4")]
    run = reconcile(cloud, entries, purge=True, min_healthy=2)
    assert isinstance(run.outcome.error, GuardRefused)
    assert run.failed() == {"ins-2": "NotAttempted"}
    assert (weights_of(cloud), run.outcome.accepted) == ({"ins-1": 0, "ins-2": 10, "ins-3": 10, "ins-4": 10}, True)
    assert [one.backend.address for one in run.outcome.restore] == ["ins-1"]


def two_controllers(*doings: Rival, **options: Any) -> FakeCloud:
    """The other controller's task passes its guard at the same time, and writes right before ours."""
    return FakeCloud(TWO, task_seconds=0, rivals=deque([[], [], list(doings)]), **options)


@pytest.mark.parametrize("how", ["drained", "weight 0"])
def test_a_weight_is_put_back_when_fewer_than_min_healthy_are_left(how: str) -> None:
    cloud = two_controllers((LBL_1, "ins-2", 0))
    run = guarded(cloud, how)
    message = refusal_of(run)
    assert "fewer targets that get traffic were left once the losses showed: TCP:443 (lbl-1) (0)" in message
    assert "The weight of ins-1:80 on TCP:443 (lbl-1) was put back." in message
    assert ("lbl-1", None, "ins-1", 80, 7, "blue") in cloud.bound()
    assert (run.failed(), run.outcome.done, run.outcome.restore) == ({"ins-1": "NotAttempted"}, {}, ())
    assert [failure.message for failure in run.outcome.failures.values()] == [
        "The guard min_healthy: its weight was put back."
    ]
    assert run.outcome.accepted


@pytest.mark.parametrize("how", ["absent", "purge"])
def test_a_removal_cannot_be_put_back_and_stands_in_restore(how: str) -> None:
    cloud = two_controllers((LBL_1, "ins-2", 0))
    run = guarded(cloud, how)
    assert "put back" not in refusal_of(run)
    assert [one.backend.address for one in run.outcome.done] == ["ins-1"]
    assert [(one.backend.address, one.weight, one.tag) for one in run.outcome.restore] == [("ins-1", 7, "blue")]


def test_a_weight_that_cannot_be_put_back_is_named_and_stands_in_restore() -> None:
    cloud = two_controllers((LBL_1, "ins-2", 0), faults=deque([None, refusal("InvalidParameter")]))
    run = guarded(cloud, "drained")
    assert "The weight of ins-1:80 on TCP:443 (lbl-1) could not be put back." in refusal_of(run)
    assert "was put back" not in refusal_of(run)
    assert weights_of(cloud) == {"ins-1": 0, "ins-2": 0}
    assert ([one.backend.address for one in run.outcome.done], run.failed()) == (["ins-1"], {})
    assert [one.weight for one in run.outcome.restore] == [7]


@pytest.mark.parametrize(
    "fault, why",
    [
        (refusal("FailedOperation.ResourceInOperating"), "wait_timeout (30 s) expired"),
        (refusal("AuthFailure.UnauthorizedOperation"), "was refused with AuthFailure.UnauthorizedOperation"),
    ],
)
def test_what_keeps_a_weight_from_being_put_back_does_not_hide_that_too_few_serve(fault: Raw, why: str) -> None:
    cloud = two_controllers((LBL_1, "ins-2", 0), faults=deque([None, *[fault] * 200]))
    run = guarded(cloud, "drained", seconds=30)
    message = refusal_of(run)
    assert "The weight of ins-1:80 on TCP:443 (lbl-1) could not be put back. " in message
    assert why in message
    assert [one.weight for one in run.outcome.restore] == [7]


def test_a_weight_that_somebody_else_put_back_is_not_written() -> None:
    cloud = two_controllers((LBL_1, "ins-2", 0))
    # Calls after our write: read, health, and then ours is raised again.
    cloud.rivals.extend([[], [(LBL_1, "ins-1", 7)]])
    run = guarded(cloud, "drained")
    assert weights_of(cloud)["ins-1"] == 7
    assert isinstance(run.outcome.error, GuardRefused)


def test_losing_what_is_sick_needs_no_look_afterwards() -> None:
    cloud = FakeCloud(TWO, task_seconds=0, health={"ins-1": "Dead"})
    run = guarded(cloud, "drained")
    assert (run.outcome.error, cloud.actions[-1]) == (None, "DescribeTargets")


def test_a_health_that_the_answer_does_not_mention_refuses_the_loss() -> None:
    cloud = FakeCloud(TWO)
    cloud.emulator.add_faults(order("health_answer", targets=["ins-2"]))
    run = guarded(cloud, "drained", min_healthy=1)
    assert "serves through ins-2:80, whose health is not known: DescribeTargetHealth does not mention it" in refusal_of(
        run
    )
    assert cloud.writes == []
