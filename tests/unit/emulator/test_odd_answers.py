# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of shapes that bite: health that lacks something, target groups, QUIC, interfaces with several addresses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from clb_emulator.errors import ApiError

    from .conftest import InProcess

TCP = {"load_balancer_id": "lb-1", "listener_id": "lbl-tcp"}


def one_listener(**listener: Any) -> dict[str, Any]:
    return {
        "load_balancers": [{"id": "lb-1", "listeners": [{"id": "lbl-1", "protocol": "TCP", "port": 1, **listener}]}]
    }


def health(cloud: InProcess) -> Any:
    return cloud.call("DescribeTargetHealth", LoadBalancerIds=["lb-1"])["LoadBalancers"]


def layer4_rule(cloud: InProcess) -> dict[str, Any]:
    rule: dict[str, Any] = health(cloud)[0]["Listeners"][0]["Rules"][0]
    return rule


def test_layer4_rules_can_be_numbered(in_process: Callable[..., InProcess]) -> None:
    assert layer4_rule(in_process())["LocationId"] is None
    numbered = layer4_rule(in_process(number_layer4_rules=True))
    assert numbered["LocationId"].startswith("loc-")
    assert (numbered["Domain"], numbered["Url"]) == (None, None)


def test_a_stopped_listener(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process()
    for stopped in (True, False, True):
        cloud.cloud.events.add([{"change": "stop_listener" if stopped else "start_listener", "with": TCP}])
        cloud.wait(1)
        target = layer4_rule(cloud)["Targets"][0]
        expected = (False, "Close") if stopped else (True, "Alive")
        assert (target["HealthStatus"], target["HealthStatusDetail"]) == expected
    serving = [item["serving"] for item in cloud.cloud.journal.read() if item.get("listener_id") == "lbl-tcp"]
    assert serving == [1, 0, 1, 0]
    assert layer4_rule(in_process(health={"stopped_listeners": ["lbl-tcp"]}))["Targets"][0]["HealthStatus"] is False


@pytest.mark.parametrize(
    "shape, expected",
    [("null", None), ("empty", []), ("other", ["lb-other"]), ("no_listeners", ["lb-1"]), ("lacks", ["lb-1"])],
)
def test_health_that_lacks_something(in_process: Callable[..., InProcess], shape: str, expected: Any) -> None:
    cloud = in_process(faults=[{"kind": "health_answer", "shape": shape, "targets": ["ins-a"]}])
    cloud.targets("lbl-tcp")
    answered = health(cloud)
    ids = answered and [entry["LoadBalancerId"] for entry in answered]
    assert ids == expected
    if shape == "no_listeners":
        assert answered[0]["Listeners"] is None
    if shape == "lacks":
        assert [listener["Rules"][0]["Targets"] == [] for listener in answered[0]["Listeners"]] == [True, False, True]
    assert layer4_rule(cloud)["Targets"], "only the first call meets it"


def test_a_shape_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="shape"):
        Fault.parse({"kind": "health_answer", "shape": "round"})


@pytest.mark.parametrize("kind", ["TARGETGROUP", "TARGETGROUP-V2", "POLARIS"])
@pytest.mark.parametrize("action", ["BatchRegisterTargets", "BatchDeregisterTargets"])
@pytest.mark.parametrize("code", ["InvalidParameter", "FailedOperation"])
def test_what_a_target_group_manages(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError], kind: str, action: str, code: str
) -> None:
    member = {"instance_id": "ins-a", "port": 0}
    group = {"target_type": kind, "target_group": {"TargetGroupId": "lbtg-1"}, "targets": [member]}
    rule = {"id": "loc-1", "domain": "a.example.com", **group}
    for listener in (group, {"protocol": "HTTP", "rules": [rule]}):
        cloud = in_process(target_group_code=code, target_group_refusal="bare", **one_listener(**listener))
        place = {"ListenerId": "lbl-1", **({"LocationId": "loc-1"} if "rules" in listener else {})}
        (shown,) = cloud.targets("lbl-1", place.get("LocationId"))
        assert (shown["InstanceId"], shown["Port"]) == ("ins-a", 0)
        (described,) = cloud.call("DescribeListeners", LoadBalancerId="lb-1")["Listeners"]
        described = described["Rules"][0] if "rules" in listener else described
        assert (described["TargetType"], described["TargetGroup"]["TargetGroupId"]) == (kind, "lbtg-1")
        refusal = refused(cloud.write, action, {**place, "InstanceId": "ins-a", "Port": 80})
        assert (refusal.code, "target group" in refusal.message) == (code, False)


@pytest.mark.parametrize("option, expected", [("list", []), ("null", None)])
def test_an_empty_quic_listener(in_process: Callable[..., InProcess], option: str, expected: Any) -> None:
    cloud = in_process(task_seconds=0, empty_quic_targets=option, **one_listener(protocol="QUIC"))
    (listener,) = cloud.call("DescribeTargets", LoadBalancerId="lb-1")["Listeners"]
    assert (listener["Rules"], listener["Targets"]) == (None, expected)
    cloud.write("BatchRegisterTargets", {"ListenerId": "lbl-1", "InstanceId": "ins-a", "Port": 1})
    assert len(cloud.targets("lbl-1")) == 1


@pytest.mark.parametrize(
    "order, shown",
    [
        ("as_given", [["10.0.0.5", "10.0.0.6"], ["10.0.0.5", "10.0.0.6"]]),
        ("own_first", [["10.0.0.5", "10.0.0.6"], ["10.0.0.6", "10.0.0.5"]]),
        ("own_last", [["10.0.0.6", "10.0.0.5"], ["10.0.0.5", "10.0.0.6"]]),
    ],
)
def test_an_interface_with_two_addresses(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError], order: str, shown: list[list[str]]
) -> None:
    """Each binding shows both addresses, but is addressed by its own alone; at the start and registered later."""
    settings = {"interfaces": {"eni-1": ["10.0.0.5", "10.0.0.6"]}, "interface_order": order, "task_seconds": 0}
    cloud = in_process(**settings, **one_listener(targets=[{"eni_ip": "10.0.0.5", "port": 1}]))
    second = {"ListenerId": "lbl-1", "EniIp": "10.0.0.6", "Port": 1}
    assert refused(cloud.write, "BatchDeregisterTargets", second).code == "InvalidParameter"
    cloud.write("BatchRegisterTargets", second)
    targets = cloud.targets("lbl-1")
    assert [target["PrivateIpAddresses"] for target in targets] == shown
    assert len({target["EniId"] for target in targets}) == 1
    assert [target["IP"] for target in layer4_rule(cloud)["Targets"]] == ["10.0.0.5", "10.0.0.6"]
    cloud.write("BatchDeregisterTargets", second)
    assert {item["address"] for item in cloud.cloud.state()} == {"10.0.0.5"}


def test_a_binding_can_show_addresses_that_it_does_not_have(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError]
) -> None:
    target = {"eni_ip": "10.0.0.6", "port": 1, "shows": ["10.0.0.5", "10.0.0.6"], "type": "CCN"}
    cloud = in_process(task_seconds=0, **one_listener(targets=[target]))
    assert cloud.targets("lbl-1")[0]["PrivateIpAddresses"] == ["10.0.0.5", "10.0.0.6"]
    gone = {"ListenerId": "lbl-1", "Port": 1}
    assert refused(cloud.write, "BatchDeregisterTargets", {**gone, "EniIp": "10.0.0.5"}).code == "InvalidParameter"
    cloud.write("BatchDeregisterTargets", {**gone, "EniIp": "10.0.0.6"})
    assert cloud.targets("lbl-1") == []


def test_types_of_addresses(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=0, backend_types={"10.7.0.1": "CCN", "2001:db8::7": "NOVEL"}, **one_listener())
    cloud.write(
        "BatchRegisterTargets", *({"ListenerId": "lbl-1", "EniIp": ip, "Port": 1} for ip in ("10.7.0.1", "2001:DB8::7"))
    )
    assert [target["Type"] for target in cloud.targets("lbl-1")] == ["CCN", "NOVEL"]


def test_strings_that_look_like_the_inner_marks_of_an_answer(in_process: Callable[..., InProcess]) -> None:
    name = 'quote " backslash \\ \x01deadbeef:0 标签'
    cloud = in_process(instances={"ins-a": {"ip": "10.0.0.1", "name": name}})
    assert cloud.targets("lbl-tcp")[0]["InstanceName"] == name


@pytest.mark.parametrize(
    "order, expected",
    [
        ({"response": {"Listeners": None}}, {"Listeners": None}),
        ({"patch": {"Listeners": []}}, {"Listeners": []}),
        ({"body": {"Response": {"Listeners": [None]}}}, {"Listeners": [None]}),
        ({"body": '{"Response": {"Listeners": [1]}}', "headers": {"X-Odd": "1"}}, {"Listeners": [1]}),
        ({"body_base64": "eyJSZXNwb25zZSI6IHt9fQ=="}, {}),
    ],
)
def test_raw_answers(in_process: Callable[..., InProcess], order: dict[str, Any], expected: dict[str, Any]) -> None:
    cloud = in_process(faults=[{"kind": "raw", "action": "DescribeTargets", **order}])
    answer = cloud.answer("DescribeTargets", {"LoadBalancerId": "lb-1"})
    response = json.loads(answer.body)["Response"]
    assert bool(response.pop("RequestId", None)) is ("response" in order or "patch" in order)
    assert response == expected
    assert answer.headers == order.get("headers", {})


@pytest.mark.parametrize("apply", [True, False])
@pytest.mark.parametrize("kind", ["raw", "gzip_bomb", "endless"])
def test_odd_answers_to_a_write(in_process: Callable[..., InProcess], kind: str, apply: bool) -> None:
    extra = {"gzip_bomb": {"megabytes": 2}, "raw": {"response": {}}}.get(kind, {})
    cloud = in_process(task_seconds=0, faults=[{"kind": kind, "apply": apply, **extra}])
    target = {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}
    cloud.answer("BatchRegisterTargets", {"LoadBalancerId": "lb-1", "Targets": [target]})
    assert (len(cloud.targets("lbl-tcp")) == 2) is apply
