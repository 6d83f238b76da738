# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

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


def weights(targets: list[dict[str, Any]]) -> dict[str, int]:
    return {target["PrivateIpAddresses"][0]: target["Weight"] for target in targets}


def modify(listener_id: str, *targets: dict[str, Any], **entry: Any) -> dict[str, Any]:
    return {"LoadBalancerId": "lb-1", "ModifyList": [{"ListenerId": listener_id, "Targets": list(targets), **entry}]}


def test_a_write_is_a_task_that_applies_at_its_end(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=2)
    answer = cloud.write("BatchRegisterTargets", {**B, "Weight": 30, "Tag": "green"}, RULE)
    assert answer.keys() == {"FailListenerIdSet", "Message", "RequestId"}
    assert (answer["FailListenerIdSet"], answer["Message"]) == ([], "")
    cloud.wait(1.9)
    assert cloud.status(answer["RequestId"]) == 2
    assert len(cloud.targets("lbl-tcp")) == 1
    cloud.wait(0.2)
    assert cloud.status(answer["RequestId"]) == 0
    new = cloud.targets("lbl-tcp")[1]
    assert (new["InstanceId"], new["Weight"], new["Tag"]) == ("ins-b", 30, "green")
    # Where a call gives no weight, the API's page says 10.
    assert weights(cloud.targets("lbl-http", "loc-2")) == {"10.0.0.7": 10}


def test_the_lock_holds_for_one_load_balancer_and_one_task(
    in_process: Callable[..., InProcess], shop: dict[str, Any], refused: Callable[..., ApiError]
) -> None:
    other = {"id": "lb-2", "listeners": [{"id": "lbl-2", "protocol": "TCP", "port": 1}]}
    cloud = in_process(task_seconds=2, load_balancers=[*shop["load_balancers"], other])
    cloud.write("BatchRegisterTargets", B)
    for action in ("BatchRegisterTargets", "BatchDeregisterTargets"):
        assert refused(cloud.write, action, A).code == "FailedOperation.ResourceInOperating"
    tag = modify("lbl-tcp", {"InstanceId": "ins-a", "Port": 80, "Tag": "x"})
    assert refused(cloud.call, "BatchModifyTargetTag", **tag).code == "FailedOperation.ResourceInOperating"
    cloud.call("BatchRegisterTargets", LoadBalancerId="lb-2", Targets=[{**B, "ListenerId": "lbl-2"}])
    cloud.wait(2)
    cloud.write("BatchDeregisterTargets", A)


def test_registering_again_changes_nothing(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=0)
    cloud.write("BatchRegisterTargets", {**A, "Weight": 77, "Tag": "new"})
    (bound,) = cloud.targets("lbl-tcp")
    assert (bound["Weight"], bound["Tag"]) == (10, "blue")


def test_registering_again_can_overwrite_the_weight(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=0, reregister="overwrite")
    cloud.write("BatchRegisterTargets", {**A, "Weight": 77})
    assert weights(cloud.targets("lbl-tcp")) == {"10.0.0.1": 77}


@pytest.mark.parametrize("first", ["InstanceId", "EniIp"])
def test_an_instance_and_its_primary_address_are_one_binding(in_process: Callable[..., InProcess], first: str) -> None:
    cloud = in_process(task_seconds=0)
    names = {"InstanceId": {"InstanceId": "ins-b"}, "EniIp": {"EniIp": "10.0.0.2"}}
    place = {"ListenerId": "lbl-tcp", "Port": 80}
    second = next(name for name in names if name != first)
    cloud.write("BatchRegisterTargets", {**place, **names[first]})
    cloud.write("BatchRegisterTargets", {**place, **names[second]})
    (shown,) = cloud.targets("lbl-tcp")[1:]
    assert (shown["Type"], shown["InstanceId"], shown["PrivateIpAddresses"]) == ("CVM", "ins-b", ["10.0.0.2"])
    cloud.write("BatchDeregisterTargets", {**place, **names[second]})
    assert len(cloud.targets("lbl-tcp")) == 1


def test_ipv6_is_compared_parsed(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=0, ipv6_spelling="exploded")
    place = {"ListenerId": "lbl-tcp", "Port": 80}
    cloud.write("BatchRegisterTargets", {**place, "EniIp": "2001:DB8::1"})
    cloud.write("BatchRegisterTargets", {**place, "EniIp": "2001:db8:0::1"})
    (shown,) = cloud.targets("lbl-tcp")[1:]
    assert (shown["Type"], shown["PrivateIpAddresses"]) == ("ENI", ["2001:0db8:0000:0000:0000:0000:0000:0001"])
    cloud.write("BatchDeregisterTargets", {**place, "EniIp": "2001:db8::0:1"})
    assert len(cloud.targets("lbl-tcp")) == 1


def test_modify_weight_prefers_the_targets_own(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=0)
    cloud.write("BatchRegisterTargets", B)
    own, inherited = {"InstanceId": "ins-a", "Port": 80, "Weight": 0}, {"EniIp": "10.0.0.2", "Port": 80}
    answer = cloud.call("BatchModifyTargetWeight", **modify("lbl-tcp", own, inherited, Weight=55))
    assert answer.keys() == {"RequestId"}
    assert cloud.status(answer["RequestId"]) == 0
    assert weights(cloud.targets("lbl-tcp")) == {"10.0.0.1": 0, "10.0.0.2": 55}


def test_modify_tag_is_synchronous_and_no_task(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError]
) -> None:
    cloud = in_process(task_seconds=5)
    target = {"InstanceId": "ins-a", "Port": 80}
    answer = cloud.call("BatchModifyTargetTag", **modify("lbl-tcp", {**target, "Tag": "grün"}))
    assert cloud.targets("lbl-tcp")[0]["Tag"] == "grün"
    assert refused(cloud.status, answer["RequestId"]).code == "InvalidParameter"
    cloud.call("BatchModifyTargetTag", **modify("lbl-tcp", {**target, "Tag": ""}))
    assert cloud.targets("lbl-tcp")[0]["Tag"] == ""


def test_rules_are_found_by_domain_and_url_where_the_api_takes_them(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=0)
    cloud.call(
        "RegisterTargets",
        LoadBalancerId="lb-1",
        ListenerId="lbl-http",
        Domain="B.example.com",
        Url="/v1",
        Targets=[{"EniIp": "10.0.0.7", "Port": 1, "Type": "ENI"}],
    )
    assert weights(cloud.targets("lbl-http", "loc-2")) == {"10.0.0.7": 10}
    target = {"EniIp": "10.0.0.7", "Port": 1}
    params = modify("lbl-http", target, Domain="b.example.com", Url="/v1", Weight=3)
    cloud.call("BatchModifyTargetWeight", **params)
    assert weights(cloud.targets("lbl-http", "loc-2")) == {"10.0.0.7": 3}


def test_reads_lag_behind_a_finished_task(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=1, read_lag=3)
    task = cloud.write("BatchRegisterTargets", B)["RequestId"]
    cloud.wait(1.5)
    assert cloud.status(task) == 0
    assert len(cloud.targets("lbl-tcp")) == 1
    assert len(cloud.cloud.state()) == 3
    cloud.wait(2.6)
    assert len(cloud.targets("lbl-tcp")) == 2


@pytest.mark.parametrize(
    "shape, expected", [("list", {"FailListenerIdSet": []}), ("null", {"FailListenerIdSet": None}), ("missing", {})]
)
def test_the_shapes_of_no_failure(in_process: Callable[..., InProcess], shape: str, expected: dict[str, Any]) -> None:
    answer = in_process(fail_listener_set=shape).write("BatchRegisterTargets", B)
    assert {name: value for name, value in answer.items() if name == "FailListenerIdSet"} == expected


def test_rate_limit_is_for_each_action(in_process: Callable[..., InProcess], refused: Callable[..., ApiError]) -> None:
    cloud = in_process(rate_limit=20)
    for _ in range(20):
        cloud.targets("lbl-tcp")
    assert refused(cloud.targets, "lbl-tcp").code == "RequestLimitExceeded"
    cloud.call("DescribeListeners", LoadBalancerId="lb-1")
    cloud.wait(0.9)
    assert refused(cloud.targets, "lbl-tcp").code == "RequestLimitExceeded"
    cloud.wait(0.2)
    cloud.targets("lbl-tcp")
