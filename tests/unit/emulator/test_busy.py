# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the cloud says that it is at work, and batches that are done before they are answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clb_emulator.errors import ApiError

    from .conftest import InProcess

A = {"ListenerId": "lbl-tcp", "InstanceId": "ins-a", "Port": 80}
B = {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}
RULE = {"ListenerId": "lbl-http", "LocationId": "loc-2", "EniIp": "10.0.0.7", "Port": 8080}
CODED = "FailedOperation.ResourceInOperating"


@pytest.mark.parametrize(
    "style, code, texts",
    [
        ("coded", CODED, ["is not in normal state", "is not in normal desState"]),
        ("text", "FailedOperation", ["Task Check Failed : Same wsName is Working(lb-1), pls Try Later"]),
        ("text2", "FailedOperation", ["Your task is working (lb-1)"]),
        ("in_use", "ResourceInUse", ["in use"]),
        ("unavailable", "ResourceUnavailable", ["unavailable"]),
    ],
)
@pytest.mark.parametrize("way", ["scenario", "run time", "fault"])
def test_the_styles_of_busy(
    in_process: Callable[..., InProcess],
    refused: Callable[..., ApiError],
    style: str,
    code: str,
    texts: list[str],
    way: str,
) -> None:
    cloud = in_process(task_seconds=2, **({"busy_style": style} if way == "scenario" else {}))
    if way == "run time":
        cloud.cloud.configure({"busy_style": style})
    if way == "fault":
        cloud.cloud.faults.add([{"kind": "busy", "style": style, "action": "Batch*", "times": 4}])
    else:
        cloud.write("BatchRegisterTargets", B)
    refusals = [refused(cloud.write, "BatchRegisterTargets", RULE) for _ in range(4)]
    assert {refusal.code for refusal in refusals} == {code}
    for index, refusal in enumerate(refusals):
        assert texts[index % len(texts)] in refusal.message


def test_several_styles_take_turns(in_process: Callable[..., InProcess], refused: Callable[..., ApiError]) -> None:
    cloud = in_process(task_seconds=2, busy_style=["in_use", "coded"])
    cloud.write("BatchRegisterTargets", B)
    codes = [refused(cloud.write, "BatchRegisterTargets", RULE).code for _ in range(4)]
    assert codes == ["ResourceInUse", CODED, "ResourceInUse", CODED]


@pytest.mark.parametrize("style", ["loud", [], ["coded", "loud"], None])
def test_a_style_that_does_not_exist(in_process: Callable[..., InProcess], style: Any) -> None:
    with pytest.raises(ValueError, match="busy_style"):
        in_process(busy_style=style)


def test_a_batch_that_is_no_task_is_done_when_it_is_answered(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError]
) -> None:
    cloud = in_process(batch_is_task=False, task_seconds=9)
    answer = cloud.write("BatchRegisterTargets", B)
    assert len(cloud.targets("lbl-tcp")) == 2
    assert refused(cloud.status, answer["RequestId"]).code == "InvalidParameter"
    cloud.write("BatchDeregisterTargets", A)
    assert [target["InstanceId"] for target in cloud.targets("lbl-tcp")] == ["ins-b"]


def test_other_writes_stay_tasks(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(batch_is_task=False, task_seconds=2)
    entry = {"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-a", "Port": 80, "Weight": 0}]}
    task = cloud.call("BatchModifyTargetWeight", LoadBalancerId="lb-1", ModifyList=[entry])["RequestId"]
    assert cloud.status(task) == 2
    cloud.wait(2)
    assert (cloud.status(task), cloud.targets("lbl-tcp")[0]["Weight"]) == (0, 0)


@pytest.mark.parametrize("is_task", [True, False])
def test_the_lock_can_outlast_the_work(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError], is_task: bool
) -> None:
    cloud = in_process(batch_is_task=is_task, lock_after=1.5, task_seconds=0)
    cloud.write("BatchRegisterTargets", B)
    assert len(cloud.targets("lbl-tcp")) == 2, "everything is bound"
    assert refused(cloud.write, "BatchRegisterTargets", RULE).code == CODED
    cloud.wait(1.4)
    assert refused(cloud.write, "BatchRegisterTargets", RULE).code == CODED
    cloud.wait(0.2)
    cloud.write("BatchRegisterTargets", RULE)


def test_a_batch_that_takes_time_before_it_is_answered(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError]
) -> None:
    cloud = in_process(batch_is_task=False, batch_seconds=3)
    answer = cloud.answer("BatchRegisterTargets", {"LoadBalancerId": "lb-1", "Targets": [B]})
    assert answer.delay == 3
    assert refused(cloud.write, "BatchRegisterTargets", RULE).code == CODED
    assert len(cloud.targets("lbl-tcp")) == 1
    cloud.wait(3)
    assert len(cloud.targets("lbl-tcp")) == 2


def test_an_overloaded_cloud_binds_nothing_and_says_nothing(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=0)
    cloud.cloud.faults.add([{"kind": "not_applied", "apply": "some"}])
    answer = cloud.write("BatchRegisterTargets", RULE, {**RULE, "Port": 1})
    assert (answer["FailListenerIdSet"], cloud.status(answer["RequestId"])) == ([], 0)
    assert len(cloud.targets("lbl-http", "loc-2")) == 1


@pytest.mark.parametrize(
    "option, failed, left",
    [
        ("fail_listener", ["lbl-tcp"], {"ins-a"}),
        ("fail_target", ["lbl-tcp"], set()),
        ("ignore", [], set()),
    ],
)
def test_removing_what_is_gone(
    in_process: Callable[..., InProcess], option: str, failed: list[str], left: set[str]
) -> None:
    cloud = in_process(task_seconds=0, deregister_gone=option)
    rule = {"ListenerId": "lbl-http", "LocationId": "loc-1", "EniIp": "10.0.0.9", "Port": 8080}
    answer = cloud.write("BatchDeregisterTargets", A, B, rule)
    assert (answer["FailListenerIdSet"], bool(answer["Message"])) == (failed, bool(failed))
    assert {target["InstanceId"] for target in cloud.targets("lbl-tcp")} == left
    assert cloud.targets("lbl-http", "loc-1") == []


def test_a_weight_of_what_is_gone_is_refused_whatever_the_option(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError]
) -> None:
    cloud = in_process(deregister_gone="ignore")
    entry = {"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-b", "Port": 80, "Weight": 0}]}
    weight = {"LoadBalancerId": "lb-1", "ModifyList": [entry]}
    assert refused(cloud.call, "BatchModifyTargetWeight", **weight).code == "InvalidParameter"


def test_the_rate_of_single_actions(in_process: Callable[..., InProcess], refused: Callable[..., ApiError]) -> None:
    cloud = in_process(rate_limit=3, rate_limits={"DescribeTargets": 1, "DescribeListeners": 0})
    cloud.targets("lbl-tcp")
    assert refused(cloud.targets, "lbl-tcp").code == "RequestLimitExceeded"
    for _ in range(9):
        cloud.call("DescribeListeners", LoadBalancerId="lb-1")
    for _ in range(3):
        cloud.call("DescribeLoadBalancers")
    assert refused(cloud.call, "DescribeLoadBalancers").code == "RequestLimitExceeded"
