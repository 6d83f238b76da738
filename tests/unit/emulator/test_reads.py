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

ODD = {
    "load_balancers": [
        {
            "id": "lb-1",
            "listeners": [
                {
                    "id": "lbl-odd",
                    "protocol": "TCP",
                    "port": 1,
                    "end_port": 9,
                    "targets": [
                        {"instance_id": "ins-a", "port": 80, "type": "cvm", "tag": None},
                        {"private_ips": ["10.1.0.1", "10.1.0.2"], "port": 80, "type": "ENI", "instance_id": "ins-a"},
                        {"eni_ip": "10.1.0.3", "port": 80, "type": "CCN", "extra": {"Novel": 1}},
                    ],
                },
                {
                    "id": "lbl-rules",
                    "protocol": "QUIC",
                    "port": 2,
                    "end_port": None,
                    "rules": [
                        {
                            "id": "loc-f",
                            "domain": "f.example.com",
                            "function_targets": [{"Function": {"FunctionName": "f"}, "Weight": 1}],
                        }
                    ],
                },
            ],
        }
    ]
}


def test_the_shapes_that_bite(in_process: Callable[..., InProcess]) -> None:
    layer4, layer7 = in_process(**ODD).call("DescribeTargets", LoadBalancerId="lb-1")["Listeners"]
    assert layer4["Rules"] is None
    assert layer7["Targets"] is None
    assert (layer4["EndPort"], layer7["EndPort"]) == (9, None)
    (rule,) = layer7["Rules"]
    assert rule["Targets"] == []
    assert rule["FunctionTargets"][0]["Function"]["FunctionName"] == "f"
    cvm, eni, ccn = layer4["Targets"]
    assert (cvm["Type"], cvm["Tag"], cvm["PublicIpAddresses"]) == ("cvm", None, ["203.0.113.1"])
    assert (eni["Type"], eni["InstanceId"], eni["PrivateIpAddresses"]) == ("ENI", "ins-a", ["10.1.0.1", "10.1.0.2"])
    assert eni["EniId"].startswith("eni-")
    assert (ccn["Type"], ccn["InstanceId"], ccn["InstanceName"], ccn["Zone"]) == ("CCN", "", None, None)
    assert ccn["Novel"] == 1


def test_what_is_no_cvm_is_addressed_by_any_of_its_addresses_only(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError]
) -> None:
    cloud = in_process(task_seconds=0, **ODD)
    place = {"ListenerId": "lbl-odd", "Port": 80}
    cloud.write("BatchDeregisterTargets", {**place, "InstanceId": "ins-a"})
    assert refused(cloud.write, "BatchDeregisterTargets", {**place, "InstanceId": "ins-a"}).code == "InvalidParameter"
    cloud.write("BatchDeregisterTargets", {**place, "EniIp": "10.1.0.2"})
    assert [target["Type"] for target in cloud.targets("lbl-odd")] == ["CCN"]


def test_older_answers_have_no_tags(in_process: Callable[..., InProcess]) -> None:
    assert "Tag" in in_process().targets("lbl-tcp")[0]
    assert "Tag" not in in_process(tags=False).targets("lbl-tcp")[0]


@pytest.mark.parametrize(
    "selection, listeners",
    [
        ({}, ["lbl-tcp", "lbl-http", "lbl-group"]),
        ({"ListenerIds": ["lbl-http"]}, ["lbl-http"]),
        ({"Protocol": "TCP"}, ["lbl-tcp", "lbl-group"]),
        ({"Protocol": "TCP", "Port": 443}, ["lbl-tcp"]),
        ({"Port": 80}, ["lbl-http"]),
    ],
)
@pytest.mark.parametrize("action", ["DescribeTargets", "DescribeListeners"])
def test_selecting_listeners(cloud: InProcess, action: str, selection: dict[str, Any], listeners: list[str]) -> None:
    answer = cloud.call(action, LoadBalancerId="lb-1", **selection)
    assert [listener["ListenerId"] for listener in answer["Listeners"]] == listeners


@pytest.mark.parametrize(
    "name, value, found",
    [
        ("location-id", "loc-1", {("loc-1", "10.0.0.9")}),
        ("private-ip-address", "10.0.0.1", {(None, "10.0.0.1")}),
        ("tag", "blue", {(None, "10.0.0.1")}),
        ("tag", "red", set()),
    ],
)
def test_filters(cloud: InProcess, name: str, value: str, found: set[tuple[str | None, str]]) -> None:
    answer = cloud.call("DescribeTargets", LoadBalancerId="lb-1", Filters=[{"Name": name, "Values": [value]}])
    groups = [
        (part.get("LocationId"), part["Targets"])
        for listener in answer["Listeners"]
        for part in (listener["Rules"] or [listener])
    ]
    assert {(location, target["PrivateIpAddresses"][0]) for location, targets in groups for target in targets} == found


def test_an_unknown_filter(cloud: InProcess, refused: Callable[..., ApiError]) -> None:
    filters = [{"Name": "colour", "Values": ["blue"]}]
    error = refused(cloud.call, "DescribeTargets", LoadBalancerId="lb-1", Filters=filters)
    assert error.code == "InvalidParameter.InvalidFilter"


def health(cloud: InProcess, **selection: Any) -> dict[tuple[str, str | None], list[tuple[str, bool, str]]]:
    (balancer,) = cloud.call("DescribeTargetHealth", LoadBalancerIds=["lb-1"], **selection)["LoadBalancers"]
    return {
        (listener["ListenerId"], rule["LocationId"]): [
            (target["IP"], target["HealthStatus"], target["HealthStatusDetail"]) for target in rule["Targets"]
        ]
        for listener in balancer["Listeners"]
        for rule in listener["Rules"]
    }


def test_health_follows_registration(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=1, health={"after": 3})
    assert health(cloud)["lbl-tcp", None] == [("10.0.0.1", True, "Alive")]
    cloud.write("BatchRegisterTargets", {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80})
    cloud.wait(3.9)
    assert health(cloud)["lbl-tcp", None][1] == ("10.0.0.2", False, "Unknown")
    cloud.wait(0.2)
    assert health(cloud)["lbl-tcp", None][1] == ("10.0.0.2", True, "Alive")


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({"dead": ["ins-a"]}, (False, "Dead")),
        ({"dead": ["10.0.0.1"]}, (False, "Dead")),
        ({"unknown": ["ins-a"]}, (False, "Unknown")),
        ({"closed_listeners": ["lbl-tcp"]}, (True, "Close")),
        ({"closed_listeners": ["lbl-tcp"], "close_status": False}, (False, "Close")),
        ({"dead": ["ins-b"]}, (True, "Alive")),
    ],
)
def test_health_by_scenario(
    in_process: Callable[..., InProcess], settings: dict[str, Any], expected: tuple[bool, str]
) -> None:
    assert health(in_process(health=settings))["lbl-tcp", None] == [("10.0.0.1", *expected)]


def test_selecting_health(cloud: InProcess) -> None:
    assert set(health(cloud)) == {
        ("lbl-tcp", None),
        ("lbl-group", None),
        ("lbl-http", "loc-1"),
        ("lbl-http", "loc-2"),
    }
    assert set(health(cloud, ListenerIds=["lbl-tcp"])) == {("lbl-tcp", None)}
    assert set(health(cloud, LocationIds=["loc-2"])) == {("lbl-http", "loc-2")}


def test_describe_listeners(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(health={"closed_listeners": ["lbl-tcp"]})
    answer = cloud.call("DescribeListeners", LoadBalancerId="lb-1")
    tcp, http, group = answer["Listeners"]
    assert answer["TotalCount"] == 3
    assert (tcp["Rules"], tcp["TargetType"], group["TargetType"]) == (None, "NODE", "TARGETGROUP")
    assert tcp["HealthCheck"]["HealthSwitch"] == 0
    assert [(rule["LocationId"], rule["Domain"], rule["Url"]) for rule in http["Rules"]] == [
        ("loc-1", "a.example.com", "/"),
        ("loc-2", "b.example.com", "/v1"),
    ]


def balancers(*names: str) -> dict[str, Any]:
    return {"load_balancers": [{"id": f"lb-{index}", "name": name} for index, name in enumerate(names)]}


def test_names_match_fuzzily_and_are_not_unique(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(**balancers("shop", "shop", "workshop", "other"))
    answer = cloud.call("DescribeLoadBalancers", LoadBalancerName="shop")
    assert [item["LoadBalancerId"] for item in answer["LoadBalancerSet"]] == ["lb-2", "lb-1", "lb-0"]


def test_paging(in_process: Callable[..., InProcess], refused: Callable[..., ApiError]) -> None:
    cloud = in_process(**balancers(*(f"name-{index}" for index in range(45))))
    pages = [cloud.call("DescribeLoadBalancers", Offset=offset) for offset in (0, 20, 40, 60)]
    assert [len(page["LoadBalancerSet"]) for page in pages] == [20, 20, 5, 0]
    assert {page["TotalCount"] for page in pages} == {45}
    found = {item["LoadBalancerId"] for page in pages for item in page["LoadBalancerSet"]}
    assert found == {f"lb-{index}" for index in range(45)}
    assert refused(cloud.call, "DescribeLoadBalancers", Limit=101).code == "InvalidParameterValue.Range"


def test_load_balancers_of_another_region_are_not_seen(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(load_balancers=[{"id": "lb-1"}, {"id": "lb-2", "region": "ap-tokyo"}])
    answer = cloud.call("DescribeLoadBalancers")
    assert [item["LoadBalancerId"] for item in answer["LoadBalancerSet"]] == ["lb-1"]
