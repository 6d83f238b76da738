# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Order, doubt and waiting, one sentence of the contract at a time, with the real module in this process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from .in_process import run_module
from .plays import keys, web_shop

if TYPE_CHECKING:
    from clb_emulator.testing import Emulator

WORLD: dict[str, Any] = {"rate_limit": 0, "task_seconds": 0.02, "load_balancers": [web_shop()]}
TCP = {"listener_id": "lbl-tcp"}
SHOP = {"location_id": "loc-shop"}


@pytest.fixture
def emulator(fresh_world: Emulator) -> Emulator:
    return fresh_world


def writes(emulator: Emulator) -> list[str]:
    return [call["action"] for call in emulator.calls() if call["action"].startswith("Batch")]


def left(emulator: Emulator) -> set[tuple[Any, ...]]:
    return {binding[:4] for binding in emulator.bindings()}


REPLACE: dict[str, Any] = {
    "purge": True,
    "targets": [{**TCP, "instance_id": "ins-n", "port": 8443}, {**SHOP, "instance_id": "ins-n", "port": 8080}],
}
OLD_TCP = {("lbl-tcp", None, "ins-a", 8443), ("lbl-tcp", None, "ins-b", 8443), ("lbl-tcp", None, "10.0.9.1", 8443)}
OLD_SHOP = {("lbl-http", "loc-shop", "ins-a", 8080), ("lbl-http", "loc-shop", "ins-b", 8080)}


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "fail_listeners", "listeners": ["lbl-tcp"]},
        {"kind": "error", "code": "InvalidParameter", "times": 2},
    ],
    ids=["fail_listeners", "refused"],
)
def test_a_listener_whose_gains_failed_loses_nothing(emulator, fault):
    # Refused as a whole, and the first half of it, which is the first listener, again.
    emulator.add_faults({"action": "BatchRegisterTargets", **fault})
    result = run_module(emulator, **REPLACE).result

    assert left(emulator) >= OLD_TCP
    assert not left(emulator) & OLD_SHOP
    failed = {entry["code"]: entry["message"] for entry in result["failed_targets"]}
    assert "ins-n:8443" in failed["NotAttempted"]
    assert keys(result["failed_targets"]) == OLD_TCP | {("lbl-tcp", None, "ins-n", 8443)}


@pytest.mark.parametrize(
    "fault, code, message",
    [
        ({"kind": "task_fails", "message": "Backend in another VPC."}, "TaskFailed", "Backend in another VPC."),
        ({"kind": "fail_listeners", "message": "Port conflict."}, "FailListenerIdSet", "Port conflict."),
        ({"kind": "fail_listeners", "message": ""}, "FailListenerIdSet", "without a reason"),
        (
            {"kind": "refuse_targets", "targets": ["ins-n"], "times": -1, "message": "Not this one."},
            "InvalidParameter",
            "Not this one.",
        ),
        ({"kind": "error", "code": "OperationDenied", "message": "Frozen."}, "NotAttempted", "OperationDenied"),
    ],
    ids=["task", "listeners", "listeners without a reason", "targets", "for good"],
)
def test_failure_carries_the_clouds_code_and_message_and_comes_soon(emulator, fault, code, message):
    emulator.add_faults({"action": "BatchRegisterTargets", **fault})
    run = run_module(emulator, targets=REPLACE["targets"])

    assert run.seconds < 3
    assert {entry["code"] for entry in run.result["failed_targets"]} == {code}
    assert all(message in entry["message"] for entry in run.result["failed_targets"])
    assert run.result["error"]["code"] == (code if code != "NotAttempted" else "OperationDenied")
    assert len(run.result["failed_targets"]) == 2


def test_gains_that_need_long_to_show_hold_losses_back_until_they_do(emulator):
    emulator.add_faults({"action": "BatchRegisterTargets", "kind": "lag", "seconds": 0.06})
    run = run_module(emulator, **REPLACE)

    assert not run.failed
    assert writes(emulator) == ["BatchRegisterTargets", "BatchDeregisterTargets"]
    register, deregister = (call for call in emulator.calls() if call["action"].startswith("Batch"))
    assert deregister["time"] >= register["applied_at"] + 0.06


def test_lagging_reads_are_waited_for_and_not_answered_with_a_second_write(emulator):
    emulator.add_faults({"action": "Batch*", "kind": "lag", "seconds": 0.08, "times": -1})
    run = run_module(emulator, targets=REPLACE["targets"])

    assert not run.failed
    assert writes(emulator) == ["BatchRegisterTargets"]


@pytest.mark.parametrize("lag", [0.0, 0.06])
def test_refused_removal_of_what_is_already_gone_is_no_failure(emulator, lag):
    """A second run right after one that did not wait: it may still see what is gone."""
    emulator.load(WORLD, read_lag=lag, task_seconds=0.05)
    options = {"state": "absent", "targets": [{"instance_id": "ins-a"}]}
    first = run_module(emulator, wait=False, **options)
    second = run_module(emulator, **options)

    assert not first.failed
    assert not second.failed, second.result["msg"]
    assert not [key for key in left(emulator) if key[2] == "ins-a"]


def test_write_that_may_still_run_is_not_sent_again_while_the_cloud_is_busy(emulator):
    emulator.load(WORLD, task_seconds=0.6)
    emulator.add_faults({"action": "BatchRegisterTargets", "kind": "cut_after"})
    run = run_module(emulator, targets=REPLACE["targets"])

    assert not run.failed
    assert run.result["changed"] is True
    assert len(run.result["registered"]) == 2
    accepted = [call for call in emulator.calls("BatchRegisterTargets") if call["accepted"]]
    assert len(accepted) == 1


def test_guard_is_checked_again_on_real_health_before_the_losses(emulator):
    emulator.load(WORLD, health={"after": 0.6})
    options: dict[str, Any] = {
        "min_healthy": 2,
        "wait_for_health": True,
        "targets": [
            {**SHOP, "instance_id": "ins-n", "port": 8080},
            {**SHOP, "instance_id": "ins-a", "port": 8080, "weight": 0},
        ],
    }
    # ins-b is no business of this task, and was what kept the guard.
    dies = threading.Timer(0.3, emulator.set_health, kwargs={"dead": ["ins-b"]})
    dies.start()
    result = run_module(emulator, **options).result
    dies.join()

    assert result["error"]["code"] == "GuardRefused"
    assert "from 2 to 1" in result["msg"]
    assert keys(result["registered"]) == {("lbl-http", "loc-shop", "ins-n", 8080)}
    assert ("lbl-http", "loc-shop", "ins-a", 8080, 20, "") in emulator.bindings()
    assert writes(emulator) == ["BatchRegisterTargets"]


def test_health_is_read_only_when_something_is_to_be_lost(emulator):
    run_module(emulator, min_healthy=5, targets=REPLACE["targets"])
    run_module(emulator, min_healthy=5, state="drained", targets=[{**TCP, "instance_id": "ins-b"}])

    assert emulator.count("DescribeTargetHealth") == 0


def test_without_waiting_losses_still_follow_gains_that_are_in_place(emulator):
    run = run_module(emulator, wait=False, **REPLACE)
    register, deregister = (call for call in emulator.calls() if call["action"].startswith("Batch"))

    assert not run.failed
    assert register["applied_at"] <= deregister["time"]
    assert run.result["api_calls"]["DescribeTargets"] == 2
    assert keys(run.result["deregistered"]) == OLD_TCP | OLD_SHOP


@pytest.mark.parametrize(
    "selector, gone",
    [
        ({"listener_port": 53, "listener_protocol": "UDP", "instance_id": "ins-a", "port": 54}, 0),
        ({"listener_port": 53, "listener_protocol": "UDP", "instance_id": "ins-a", "port": 53}, 1),
        ({"protocol": "TCP", "port": 53, "status": "unchanged"}, 1),
        ({"listener_id": "lbl-http", "protocol": "HTTP", "port": 80, "domain": None, "rules": []}, 2),
    ],
    ids=["another backend port", "its backend port", "an entry of listeners", "an entry of the tree"],
)
def test_selector_never_matches_more_than_it_says(emulator, selector, gone):
    result = run_module(emulator, state="absent", targets=[selector]).result

    assert len(result["deregistered"]) == gone, result.get("msg")


@pytest.mark.parametrize("place", [{"url": "/ghost"}, {"domain": "ghost.example.com"}])
def test_selector_with_a_rule_that_does_not_exist(emulator, place):
    selector = {"listener_id": "lbl-http", **place}
    drained = run_module(emulator, state="drained", targets=[selector])
    absent = run_module(emulator, state="absent", targets=[selector])

    assert drained.failed
    assert "ghost" in drained.result["msg"]
    assert not absent.failed
    assert any("ghost" in str(warning) for warning in absent.result["warnings"])


def test_answers_without_tags_are_not_compared(emulator):
    emulator.load(WORLD, tags=False)
    desired = [{**TCP, "instance_id": "ins-a", "port": 8443, "tag": "red"}]
    first = run_module(emulator, targets=[*desired, {**TCP, "instance_id": "ins-n", "port": 1, "tag": "green"}])
    second = run_module(emulator, targets=desired)

    assert not first.failed
    assert ("lbl-tcp", None, "ins-n", 1, 10, "green") in emulator.bindings()
    assert second.result["changed"] is False
    assert any("tags" in str(warning) for warning in second.result["warnings"])
    assert emulator.count("BatchModifyTargetTag") == 0


@pytest.mark.parametrize("shape", ["list", "null", "missing"])
def test_every_shape_of_no_failed_listeners(emulator, shape):
    emulator.load(WORLD, fail_listener_set=shape)
    run = run_module(emulator, **REPLACE)

    assert not run.failed
    assert keys(run.result["deregistered"]) == OLD_TCP | OLD_SHOP


def test_listener_bound_to_a_target_group_is_named_with_the_clouds_reason(emulator):
    balancer = web_shop()
    balancer["listeners"].append({"id": "lbl-group", "protocol": "TCP", "port": 7000, "target_type": "TARGETGROUP"})
    emulator.load(WORLD, load_balancers=[balancer])
    group = {"listener_id": "lbl-group", "instance_id": "ins-n", "port": 7000}
    result = run_module(emulator, targets=[*REPLACE["targets"], group]).result

    assert keys(result["failed_targets"]) == {("lbl-group", None, "ins-n", 7000)}
    assert "target group" in result["msg"]
    assert len(result["registered"]) == 2


@pytest.mark.parametrize(
    "order, named",
    [
        ({"kind": "lock", "seconds": 60}, "FailedOperation.ResourceInOperating"),
        ({"kind": "error", "code": "RequestLimitExceeded", "times": -1}, "RequestLimitExceeded"),
        ({"kind": "task_slow", "seconds": 60}, "DescribeTaskStatus"),
    ],
    ids=["busy", "throttled", "a task without end"],
)
def test_at_the_end_of_the_time_it_says_what_was_done_what_not_and_what_to_run(emulator, order, named):
    emulator.add_faults({"action": "BatchRegisterTargets", **order})
    run = run_module(emulator, wait_timeout=1, timeout=1, **REPLACE)
    message = run.result["msg"]

    assert run.result["error"]["code"] == "WaitTimeout"
    for part in (
        "wait_timeout (1 s) expired",
        "7 of 7 changes are not in place",
        "ins-n:8443",
        "run the same task again",
    ):
        assert part in message
    assert named in message or named == "DescribeTaskStatus"
    assert keys(run.result["failed_targets"]) >= OLD_TCP | OLD_SHOP
