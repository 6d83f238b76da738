# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Order, doubt and waiting, one sentence of the contract at a time."""

from __future__ import annotations

from typing import Any

import pytest

from harness import Cloud, Raw
from shop import keys, web_shop

TCP = {"listener_id": "lbl-tcp"}
SHOP = {"location_id": "loc-shop"}


def shop(**settings: Any) -> Cloud:
    return Cloud({"task_seconds": 1.0, "load_balancers": [web_shop()], **settings})


@pytest.fixture
def cloud() -> Cloud:
    return shop()


def left(cloud: Cloud) -> set[tuple[Any, ...]]:
    return {binding[:4] for binding in cloud.bindings()}


REPLACE: Raw = {
    "purge": True,
    "targets": [{**TCP, "instance_id": "ins-n", "port": 8443}, {**SHOP, "instance_id": "ins-n", "port": 8080}],
}
OLD_TCP = {("lbl-tcp", None, "ins-a", 8443), ("lbl-tcp", None, "ins-b", 8443), ("lbl-tcp", None, "10.0.9.1", 8443)}
OLD_SHOP = {("lbl-http", "loc-shop", "ins-a", 8080), ("lbl-http", "loc-shop", "ins-b", 8080)}


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
        ({"kind": "error", "code": "OperationDenied", "message": "Frozen."}, "OperationDenied", "Frozen."),
    ],
    ids=["task", "listeners", "listeners without a reason", "targets", "for good"],
)
def test_failure_carries_the_clouds_code_and_message_and_comes_soon(cloud, fault, code, message):
    cloud.add_faults({"action": "BatchRegisterTargets", **fault})
    run = cloud.run(targets=REPLACE["targets"])
    assert run.seconds < 15
    assert {entry["code"] for entry in run["failed_targets"]} == {code}
    assert all(message in entry["message"] for entry in run["failed_targets"])
    assert run["error"]["code"] == code
    assert len(run["failed_targets"]) == 2


def test_gains_that_need_long_to_show_hold_losses_back_until_they_do(cloud):
    cloud.add_faults({"action": "BatchRegisterTargets", "kind": "lag", "seconds": 3})
    run = cloud.run(**REPLACE)
    assert not run.failed
    assert cloud.actions("Batch*") == ["BatchRegisterTargets", "BatchDeregisterTargets"]
    register, deregister = cloud.writes()
    assert deregister["time"] >= register["applied_at"] + 3


@pytest.mark.parametrize("lag", [0.0, 3.0])
def test_refused_removal_of_what_is_already_gone_is_no_failure(lag):
    """A second run right after one that did not wait: it may still see what is gone."""
    cloud = shop(read_lag=lag, task_seconds=3)
    options = {"state": "absent", "targets": [{"instance_id": "ins-a"}]}
    first = cloud.run(wait=False, **options)
    second = cloud.run(**options)
    assert not first.failed
    assert not second.failed, second.message
    assert not [key for key in left(cloud) if key[2] == "ins-a"]


def test_health_is_read_only_when_something_is_to_be_lost(cloud):
    cloud.run(min_healthy=5, targets=REPLACE["targets"])
    cloud.run(min_healthy=5, state="drained", targets=[{**TCP, "instance_id": "ins-b"}])
    assert cloud.count("DescribeTargetHealth") == 0


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
def test_selector_never_matches_more_than_it_says(cloud, selector, gone):
    result = cloud.run(state="absent", targets=[selector]).result
    assert len(result["deregistered"]) == gone, result.get("msg")


@pytest.mark.parametrize("place", [{"url": "/ghost"}, {"domain": "ghost.example.com"}])
def test_selector_with_a_rule_that_does_not_exist(cloud, place):
    selector = {"listener_id": "lbl-http", **place}
    drained = cloud.run(state="drained", targets=[selector])
    absent = cloud.run(state="absent", targets=[selector])
    assert drained.failed
    assert "ghost" in drained.message
    assert not absent.failed
    assert any("ghost" in str(warning) for warning in absent.warnings)


def test_answers_without_tags_are_not_compared():
    cloud = shop(tags=False)
    desired = [{**TCP, "instance_id": "ins-a", "port": 8443, "tag": "red"}]
    first = cloud.run(targets=[*desired, {**TCP, "instance_id": "ins-n", "port": 1, "tag": "green"}])
    second = cloud.run(targets=desired)
    assert not first.failed
    assert ("lbl-tcp", None, "ins-n", 1, 10, "green") in cloud.bindings()
    assert second["changed"] is False
    assert any("tags" in str(warning) for warning in second.warnings)
    assert cloud.count("BatchModifyTargetTag") == 0


@pytest.mark.parametrize("shape", ["list", "null", "missing"])
def test_every_shape_of_no_failed_listeners(shape):
    cloud = shop(fail_listener_set=shape)
    run = cloud.run(**REPLACE)
    assert not run.failed
    assert keys(run["deregistered"]) == OLD_TCP | OLD_SHOP


@pytest.mark.parametrize(
    "order, named",
    [
        ({"kind": "lock", "seconds": 6000}, "FailedOperation.ResourceInOperating"),
        ({"kind": "error", "code": "RequestLimitExceeded", "times": -1}, "RequestLimitExceeded"),
        ({"kind": "task_slow", "seconds": 6000}, "DescribeTaskStatus"),
    ],
    ids=["busy", "throttled", "a task without end"],
)
def test_at_the_end_of_the_time_it_says_what_was_done_what_not_and_what_to_run(cloud, order, named):
    cloud.add_faults({"action": "BatchRegisterTargets", **order})
    run = cloud.run(wait_timeout=60, timeout=10, **REPLACE)
    message = run.message
    assert run["error"]["code"] == "WaitTimeout"
    for part in (
        "wait_timeout (60 s) expired",
        "7 of 7 changes are not in place",
        "ins-n:8443",
        "run the same task again",
    ):
        assert part in message
    assert named in message or named == "DescribeTaskStatus"
    assert keys(run["failed_targets"]) >= OLD_TCP | OLD_SHOP
