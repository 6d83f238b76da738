# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.ledger import MAX_SENDS
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.outcome import Outcome
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.writer import PACING
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ConnectionFailed, GuardRefused

from ...builders import Raw, http, neighbours, refused, rule, target, tcp, want
from ...fake_cloud import BUSY, FakeCloud, Run, order, reconcile, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

BAD = refused("InvalidParameter", "no such host")


def shop() -> list[Raw]:
    return [
        tcp("lbl-1", 443, target("ins-1", tag="blue"), target("ins-2", weight=0)),
        http("lbl-2", 80, rule("loc-1", "a", target("ins-1")), rule("loc-2", "b", target("ins-2"))),
    ]


def codes(run: Run) -> set[str]:
    return set(run.failed().values())


def error_of(run: Run) -> Any:
    assert run.outcome.error is not None
    return run.outcome.error


def test_500_new_targets_over_50_listeners_are_one_call_and_2_reads() -> None:
    cloud = FakeCloud([tcp(f"lbl-{index}", 1 + index) for index in range(50)], task_seconds=0.1)
    entries = [want(f"lbl-{number % 50}", f"ins-{number}") for number in range(500)]
    run = reconcile(cloud, entries)
    assert len(run.outcome.done) == 500
    assert cloud.actions == ["DescribeTargets", "BatchRegisterTargets", "DescribeTargets"]
    reconcile(cloud, entries)
    assert cloud.actions[3:] == ["DescribeTargets"]


def test_1203_new_targets_are_3_register_calls() -> None:
    cloud = FakeCloud([tcp(f"lbl-{index}", 1 + index) for index in range(50)], task_seconds=0)
    reconcile(cloud, [want(f"lbl-{number % 50}", f"ins-{number}") for number in range(1203)])
    assert cloud.count("BatchRegisterTargets") == 3
    assert len(cloud.bound()) == 1203


def test_gains_are_sent_and_read_back_before_losses() -> None:
    cloud = FakeCloud(shop(), task_seconds=0.1)
    entries = [want("lbl-1", "ins-3"), want("lbl-1", "ins-2", weight=5, tag="x"), want("lbl-1", "ins-1", weight=0)]
    run = reconcile(cloud, [*entries, {"location_id": "loc-1", "instance_id": "ins-4", "port": 80}], purge=True)
    assert run.outcome.error is None
    assert [call.action for call in cloud.accepted] == [
        "BatchRegisterTargets",
        "BatchModifyTargetWeight",
        "BatchModifyTargetTag",
        "BatchModifyTargetWeight",
        "BatchDeregisterTargets",
    ]
    tagged = cloud.calls.index(cloud.accepted[2])
    assert cloud.actions[tagged + 1 : tagged + 3] == ["DescribeTargets", "BatchModifyTargetWeight"]
    assert cloud.actions[-1] == "DescribeTargets"
    assert cloud.bound() == {
        ("lbl-1", None, "ins-1", 80, 0, "blue"),
        ("lbl-1", None, "ins-2", 80, 5, "x"),
        ("lbl-1", None, "ins-3", 80, 10, ""),
        ("lbl-2", "loc-1", "ins-4", 80, 10, ""),
        ("lbl-2", "loc-2", "ins-2", 80, 10, ""),
    }


def test_writes_follow_one_another_only_when_the_last_task_is_done() -> None:
    cloud = FakeCloud(shop(), task_seconds=7)
    reconcile(cloud, [want("lbl-1", "ins-3"), want("lbl-1", "ins-2", weight=5)], purge=True)
    times = [call.at for call in cloud.writes]
    assert len(times) == 3
    assert all(later - earlier >= 7 for earlier, later in neighbours(times))


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize(
    "fault", [None, order("fail_listeners", listeners=["lbl-1"], message="no"), order("task_fails", message="no")]
)
def test_a_listener_whose_gains_are_not_in_place_loses_nothing(wait: bool, fault: Raw | None) -> None:
    # Without a fault of the call, the target itself is refused.
    cloud = FakeCloud(shop(), bad={} if fault else {"ins-3": BAD}, faults=deque([fault]))
    gains = [want("lbl-1", "ins-3"), {"location_id": "loc-2", "instance_id": "ins-9", "port": 80}]
    run = reconcile(cloud, gains, purge=True, wait=wait)
    cloud.finish()
    assert cloud.addresses("lbl-1") == {"ins-1", "ins-2"}
    held = [failure for failure in run.outcome.failures.values() if failure.message.startswith("Held back: ins-3:80")]
    assert {failure.code for failure in held} == {"NotAttempted"}
    assert len(held) == 2
    if fault is None:
        # The other listener goes on.
        assert cloud.addresses("lbl-2") == {"ins-1", "ins-9"}
    assert error_of(run).code != "NotAttempted"


def test_a_gain_that_somebody_else_undid_is_sent_again_before_anything_is_taken_away() -> None:
    cloud = FakeCloud(shop(), task_seconds=1, faults=deque([order("not_applied")]))
    run = reconcile(cloud, [want("lbl-1", "ins-3")], purge=True)
    assert (run.outcome.error, cloud.addresses("lbl-1")) == (None, {"ins-3"})
    assert [call.action for call in cloud.writes] == ["BatchRegisterTargets"] * 2 + ["BatchDeregisterTargets"]
    first, second, _ = cloud.writes
    assert second.at - first.at >= 1 + PACING.settle


def test_a_gain_that_never_shows_is_sent_three_times_and_holds_the_losses_back() -> None:
    cloud = FakeCloud(shop(), faults=deque([order("not_applied")] * 4))
    run = reconcile(cloud, [want("lbl-1", "ins-3")], purge=True)
    assert [call.action for call in cloud.writes] == ["BatchRegisterTargets"] * MAX_SENDS
    assert error_of(run).code == "WaitTimeout"
    assert run.failed() == {"ins-3": "WaitTimeout", "ins-1": "NotAttempted", "ins-2": "NotAttempted"}
    assert cloud.addresses("lbl-1") == {"ins-1", "ins-2"}


def test_results_are_told_from_the_read_back_not_from_the_request() -> None:
    # Named as failed, its task failed, and yet it is there.
    cloud = FakeCloud(shop(), faults=deque([order("task_fails", message="half of it", apply=1)]))
    run = reconcile(cloud, [want("lbl-1", "ins-3")])
    assert (run.outcome.error, run.outcome.failures) == (None, {})
    assert run.outcome.done.keys() == set(run.plan.changes)


def test_failed_listeners_fail_the_task_and_everything_else_is_bound() -> None:
    cloud = FakeCloud(shop(), faults=deque([order("fail_listeners", listeners=["lbl-2"], message="port conflict")]))
    gains = [want("lbl-1", "ins-3"), {"location_id": "loc-2", "instance_id": "ins-9", "port": 80}]
    run = reconcile(cloud, gains)
    assert run.failed() == {"ins-9": "FailListenerIdSet"}
    assert run.outcome.accepted
    assert (error_of(run).message, error_of(run).action, error_of(run).request_id) == (
        "port conflict",
        "BatchRegisterTargets",
        cloud.request_ids[0],
    )
    assert cloud.addresses("lbl-1") == {"ins-1", "ins-2", "ins-3"}
    assert len(cloud.writes) == 1


def test_a_listener_named_as_failed_where_all_is_in_place_is_a_warning() -> None:
    cloud = FakeCloud(shop(), faults=deque([order("fail_listeners", listeners=["lbl-1"], message="wolf", apply="all")]))
    run = reconcile(cloud, [want("lbl-1", "ins-3")])
    assert (run.outcome.error, run.failed()) == (None, {})
    assert any("lbl-1 in FailListenerIdSet" in warning for warning in run.outcome.warnings)


@pytest.mark.parametrize("wait", [True, False])
def test_wait_false_leaves_out_only_the_last_poll_and_read_back(wait: bool) -> None:
    cloud = FakeCloud(shop(), task_seconds=0.7)
    run = reconcile(cloud, [want("lbl-1", "ins-3")], purge=True, wait=wait)
    expected = [
        *["DescribeTargets", "BatchRegisterTargets", "DescribeTargets", "DescribeTaskStatus", "DescribeTargets"],
        # By now it is known how long a task takes: one read does.
        *["BatchDeregisterTargets", "DescribeTargets"],
    ]
    polls_as_one = [action for action, before in zip(cloud.actions, ["", *cloud.actions]) if action != before]
    assert polls_as_one == (expected if wait else expected[:-1])
    assert len(run.outcome.done) == 3
    assert (run.outcome.error, run.outcome.predicted) == (None, not wait)


def test_wait_false_with_one_call_returns_as_soon_as_it_is_accepted() -> None:
    cloud = FakeCloud(shop(), task_seconds=100)
    run = reconcile(cloud, [want("lbl-1", "ins-3")], wait=False)
    assert (cloud.clock.seconds, cloud.actions) == (0, ["DescribeTargets", "BatchRegisterTargets"])
    assert (run.outcome.accepted, len(run.outcome.done), run.outcome.request_ids) == (True, 1, tuple(cloud.request_ids))


def test_wait_false_tells_what_was_refused() -> None:
    cloud = FakeCloud(shop(), bad={"ins-3": BAD}, task_seconds=0)
    run = reconcile(cloud, [want("lbl-1", "ins-3"), want("lbl-1", "ins-4")], wait=False)
    assert run.failed() == {"ins-3": "InvalidParameter"}
    assert {one.backend.address for one in run.outcome.done} == {"ins-4"}


def test_nothing_to_do_sends_nothing_but_the_one_read() -> None:
    cloud = FakeCloud(shop())
    run = reconcile(cloud, [want("lbl-1", "ins-1"), want("lbl-1", "ins-2")], purge=True, min_healthy=5)
    assert cloud.actions == ["DescribeTargets"]
    # What a task says without a reconciler where no load balancer has anything to do.
    assert run.outcome == Outcome(snapshot=run.plan.snapshot)


@pytest.mark.parametrize(
    "entries, options",
    [
        ([{"instance_id": "ins-1", "listener_id": "lbl-1"}], {"state": "absent"}),
        ([{"instance_id": "ins-1", "listener_id": "lbl-1"}], {"state": "drained"}),
        ([want("lbl-1", "ins-3")], {"purge": True}),
        ([want("lbl-1", "ins-1", weight=0)], {}),
    ],
)
@pytest.mark.parametrize("check", [True, False])
def test_the_guard_refuses_before_any_write_also_in_check_mode(
    entries: list[Raw], options: dict[str, Any], check: bool
) -> None:
    cloud = FakeCloud(shop())
    run = reconcile(cloud, entries, min_healthy=1, check=check, **options)
    assert isinstance(error_of(run), GuardRefused)
    assert cloud.actions == ["DescribeTargets", "DescribeTargetHealth"]
    assert not run.outcome.accepted
    assert run.outcome.failures.keys() == set(run.plan.changes)
    assert codes(run) == {"NotAttempted"}


def test_check_mode_reads_no_health_where_nothing_is_guarded() -> None:
    cloud = FakeCloud(shop())
    run = reconcile(cloud, [want("lbl-1", "ins-3")], purge=True, check=True, wait_for_health=True)
    assert cloud.actions == ["DescribeTargets"]
    assert (run.outcome.accepted, run.outcome.done.keys()) == (True, set(run.plan.changes))


def test_losses_wait_until_the_gains_are_healthy() -> None:
    cloud = FakeCloud(shop(), health={"ins-3": ("Unknown", 40, "Alive")})
    run = reconcile(cloud, [want("lbl-1", "ins-3")], purge=True, wait_for_health=True)
    assert run.outcome.error is None
    assert next(call.at for call in cloud.calls if call.action == "BatchDeregisterTargets") >= 40
    # One call tells the health of the whole load balancer.
    assert all(call.params == {"LoadBalancerIds": ["lb-demo"]} for call in cloud.calls if "Health" in call.action)


def test_with_wait_for_health_the_targets_about_to_be_added_count_in_the_guard() -> None:
    cloud = FakeCloud(shop(), health={"ins-3": ("Unknown", 3, "Alive")})
    run = reconcile(cloud, [want("lbl-1", "ins-3")], purge=True, wait_for_health=True, min_healthy=1)
    assert run.outcome.error is None
    assert cloud.addresses("lbl-1") == {"ins-3"}


def test_the_guard_is_checked_again_on_real_health_right_before_the_losses() -> None:
    # Alive when the guard was checked first; by the time the new one is healthy, another has died.
    listeners = [tcp("lbl-1", 443, target("ins-1"), target("ins-2"))]
    cloud = FakeCloud(listeners, health={"ins-3": ("Unknown", 5, "Alive"), "ins-2": ("Alive", 4, "Dead")})
    entries = [want("lbl-1", "ins-3"), want("lbl-1", "ins-1", weight=0)]
    run = reconcile(cloud, entries, wait_for_health=True, min_healthy=2)
    assert isinstance(error_of(run), GuardRefused)
    assert "would fall from 2 to 1" in error_of(run).message
    assert run.failed() == {"ins-1": "NotAttempted"}
    assert run.outcome.accepted
    assert cloud.count("BatchModifyTargetWeight") == 0


def test_what_does_not_get_healthy_in_time_is_named_with_its_detail_and_nothing_is_taken_away() -> None:
    cloud = FakeCloud(shop(), health={"ins-3": "Dead", "ins-4": "Unknown"})
    entries = [want("lbl-1", "ins-3"), want("lbl-1", "ins-4"), want("lbl-1", "ins-5")]
    run = reconcile(cloud, entries, purge=True, wait_for_health=True, seconds=60)
    assert error_of(run).code == "WaitTimeout"
    assert "2 of 3 targets are not healthy" in error_of(run).message
    assert "ins-3:80 on TCP:443 (lbl-1) is Dead" in error_of(run).message
    assert "ins-4:80 on TCP:443 (lbl-1) is Unknown" in error_of(run).message
    assert "ins-5" not in error_of(run).message
    assert cloud.clock.seconds == pytest.approx(60)
    assert cloud.addresses("lbl-1") == {f"ins-{number}" for number in range(1, 6)}


def test_an_unhealthy_target_fails_the_task_also_where_nothing_else_is_left_to_do() -> None:
    cloud = FakeCloud(shop(), health={"ins-1": "Dead"})
    run = reconcile(cloud, [want("lbl-1", "ins-1")], wait_for_health=True, seconds=30)
    assert error_of(run).code == "WaitTimeout"
    assert (run.outcome.failures, run.outcome.accepted) == ({}, False)


def test_a_long_list_of_sick_targets_stays_readable() -> None:
    addresses = [f"ins-{number}" for number in range(1, 15)]
    cloud = FakeCloud([tcp("lbl-1")], health=dict.fromkeys(addresses, "Dead"))
    run = reconcile(cloud, [want("lbl-1", one) for one in addresses], wait_for_health=True, seconds=30)
    assert error_of(run).message.count("is Dead") == 10
    assert "and 4 more" in error_of(run).message


@pytest.mark.parametrize("entry", [want("lbl-1", "ins-1", weight=0), want("lbl-1", "ins-2")])
def test_only_listed_targets_of_weight_above_0_have_to_be_healthy(entry: Raw) -> None:
    cloud = FakeCloud(shop(), health={entry["instance_id"]: "Dead"})
    run = reconcile(cloud, [entry, want("lbl-1", "ins-3")], wait_for_health=True, seconds=60)
    assert run.outcome.error is None
    assert run.outcome.failures == {}


def test_what_is_not_listed_need_not_be_healthy() -> None:
    cloud = FakeCloud(shop(), health={"ins-1": "Dead"})
    assert reconcile(cloud, [want("lbl-1", "ins-3")], wait_for_health=True).outcome.error is None


def test_a_health_check_that_is_off_counts_as_healthy_and_says_so() -> None:
    cloud = FakeCloud(shop(), closed=["lbl-1"])
    run = reconcile(cloud, [want("lbl-1", "ins-3")], wait_for_health=True)
    assert run.outcome.error is None
    assert any("health check of TCP:443 (lbl-1) is switched off" in warning for warning in run.outcome.warnings)


def test_a_fatal_error_between_calls_keeps_what_was_done_and_says_what_was_not() -> None:
    cloud = FakeCloud(shop(), faults=deque([None, refusal("UnauthorizedOperation", "not allowed")]))
    run = reconcile(cloud, [want("lbl-1", "ins-3"), want("lbl-1", "ins-2", weight=4, tag="x")])
    assert error_of(run).code == "UnauthorizedOperation"
    assert {one.backend.address for one in run.outcome.done} == {"ins-3"}
    assert [failure[:2] for failure in run.outcome.failures.values()] == [
        ("UnauthorizedOperation", "not allowed"),
        ("NotAttempted", "Not sent: the task stopped with UnauthorizedOperation."),
    ]


def test_busy_until_the_end_of_the_time_is_told_and_the_end_is_kept() -> None:
    cloud = FakeCloud(shop())
    cloud.locked_until = 10_000
    run = reconcile(cloud, [want("lbl-1", "ins-3")], seconds=60)
    assert (error_of(run).code, run.failed()) == ("WaitTimeout", {"ins-3": BUSY})
    assert "ResourceInOperating" in error_of(run).message
    assert cloud.clock.seconds == 60
    assert not run.outcome.accepted


def test_an_accepted_change_that_never_shows_is_a_time_out() -> None:
    cloud = FakeCloud(shop(), lag=10_000)
    run = reconcile(cloud, [want("lbl-1", "ins-3")], seconds=60)
    assert (error_of(run).code, run.failed()) == ("WaitTimeout", {"ins-3": "WaitTimeout"})
    assert len(cloud.writes) == MAX_SENDS
    assert run.outcome.accepted
    assert cloud.clock.seconds <= 60


class Rival(FakeCloud):
    """Somebody else binds the same targets with weight 77, just before our first call gets through."""

    def write(self, action: str, params: Mapping[str, Any]) -> Raw:
        if not self.writes:
            for part in params["Targets"]:
                self.interfere([({"ListenerId": part["ListenerId"]}, part["InstanceId"], 77)])
        return super().write(action, params)


def test_a_binding_that_somebody_else_made_otherwise_is_put_right() -> None:
    cloud = Rival(shop())
    run = reconcile(cloud, [want("lbl-1", "ins-3", weight=5), want("lbl-1", "ins-4")])
    assert (run.outcome.error, run.failed()) == (None, {})
    assert [call.action for call in cloud.writes] == ["BatchRegisterTargets", "BatchModifyTargetWeight"]
    assert {("lbl-1", None, "ins-3", 80, 5, ""), ("lbl-1", None, "ins-4", 80, 77, "")} <= cloud.bound()
    # What the other one bound goes back to what it was before this task's write.
    assert [(one.backend.address, one.weight) for one in run.outcome.restore] == [("ins-3", 77)]


def test_a_read_back_that_fails_leaves_the_task_failed_with_what_is_known() -> None:
    cloud = FakeCloud(shop())
    away = ConnectionFailed("can't connect")
    cloud.read_faults["DescribeTargets"].extend([None, away, away])
    run = reconcile(cloud, [want("lbl-1", "ins-3")])
    assert error_of(run) is away
    assert (run.failed(), run.outcome.done) == ({}, {})
    assert run.outcome.unknown == set(run.plan.changes)
    assert any("could not be read back" in warning for warning in run.outcome.warnings)


def test_a_read_back_that_fails_once_is_made_good_by_the_last_look() -> None:
    cloud = FakeCloud(shop())
    cloud.read_faults["DescribeTargets"].extend([None, ConnectionFailed("can't connect"), None])
    run = reconcile(cloud, [want("lbl-1", "ins-3")])
    assert (run.outcome.error, run.outcome.failures, len(run.outcome.done)) == (None, {}, 1)


def test_tags_of_new_bindings_that_the_cloud_does_not_tell_are_warned_of() -> None:
    cloud = FakeCloud([tcp("lbl-1", 443, target("ins-1"))])
    cloud.emulator.configure(tags=False)
    run = reconcile(cloud, [want("lbl-1", "ins-3", tag="x")])
    assert run.outcome.error is None
    assert any("contains no tags" in warning for warning in run.outcome.warnings)
    assert reconcile(cloud, [want("lbl-1", "ins-3", tag="x")]).plan.changes == ()


def test_a_drained_target_a_tag_and_a_weight_of_0_survive_a_run_that_does_not_name_them() -> None:
    cloud = FakeCloud([tcp("lbl-1", 443, target("ins-1", weight=0, tag="blue"), target("ins-2"))])
    reconcile(cloud, [want("lbl-1", "ins-1"), want("lbl-1", "ins-2", weight=4), want("lbl-1", "ins-3")], purge=True)
    assert ("lbl-1", None, "ins-1", 80, 0, "blue") in cloud.bound()


@pytest.mark.parametrize("purge", [True, False])
def test_a_read_on_account_of_another_call_does_not_pass_for_the_read_back(purge: bool) -> None:
    # Registering is accepted and shows late; the weight is refused, which takes a read in between.
    cloud = FakeCloud(shop(), bad={"ins-2": BAD}, lag=3)
    entries = [want("lbl-1", "ins-3"), {"location_id": "loc-2", "instance_id": "ins-2", "port": 80, "weight": 50}]
    run = reconcile(cloud, entries, purge=purge)
    assert {one for one, code in run.failed().items() if code != "InvalidParameter"} == set()
    assert ("lbl-1", None, "ins-3", 80, 10, "") in cloud.bound()
    assert "ins-3" in {one.backend.address for one in run.outcome.done}
