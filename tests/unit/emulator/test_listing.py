# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding load balancers: in a region, by an address behind them, while others make and delete some."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clb_emulator.errors import ApiError

    from .conftest import InProcess


def balancer(identity: str, *targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    listener = {
        "id": f"lbl-{identity}",
        "protocol": "TCP",
        "port": 80,
        "targets": [{"port": 1, **item} for item in targets],
    }
    return {"id": identity, "listeners": [listener], **more}


REGION = {
    "load_balancers": [
        balancer("lb-cvm", {"instance_id": "ins-a"}, tags={"team": "web", "stage": "live"}),
        balancer(
            "lb-eni", {"eni_ip": "10.0.0.9"}, {"eni_ip": "10.0.0.1", "type": "ENI"}, vpc_id="vpc-2", tags={"team": "db"}
        ),
        balancer("lb-empty", type="INTERNAL", tags={"team": "web"}),
        balancer("lb-old", {"instance_id": "ins-a"}, forward=0),
        balancer("lb-six", ipv6="2001:db8::80"),
        balancer("lb-far", {"instance_id": "ins-a"}, region="ap-tokyo"),
    ]
}


def found(cloud: InProcess, **params: Any) -> list[str]:
    return [item["LoadBalancerId"] for item in cloud.call("DescribeLoadBalancers", **params)["LoadBalancerSet"]]


@pytest.mark.parametrize(
    "params, expected",
    [
        ({}, ["lb-six", "lb-old", "lb-empty", "lb-eni", "lb-cvm"]),
        ({"OrderType": 0}, ["lb-cvm", "lb-eni", "lb-empty", "lb-old", "lb-six"]),
        ({"OrderBy": "LoadBalancerName", "OrderType": 0}, ["lb-cvm", "lb-empty", "lb-eni", "lb-old", "lb-six"]),
        ({"Forward": 1}, ["lb-six", "lb-empty", "lb-eni", "lb-cvm"]),
        ({"Forward": 0}, ["lb-old"]),
        ({"Forward": -1, "WithRs": 1}, ["lb-old", "lb-eni", "lb-cvm"]),
        ({"WithRs": 0}, ["lb-six", "lb-empty"]),
        ({"WithRs": 1, "Forward": 1}, ["lb-eni", "lb-cvm"]),
        ({"VpcId": "vpc-2"}, ["lb-eni"]),
        ({"LoadBalancerType": "INTERNAL"}, ["lb-empty"]),
        ({"LoadBalancerVips": ["2001:db8::80"]}, ["lb-six"]),
        ({"BackendPrivateIps": ["10.0.0.1"]}, ["lb-old", "lb-cvm"]),
        ({"BackendPrivateIps": ["10.0.0.9"]}, []),
        ({"LoadBalancerIds": ["lb-cvm", "lb-far"]}, ["lb-cvm"]),
        ({"LoadBalancerName": "b-e"}, ["lb-empty", "lb-eni"]),
        ({"Filters": [{"Name": "tag:team", "Values": ["web"]}]}, ["lb-empty", "lb-cvm"]),
        ({"Filters": [{"Name": "tag:team", "Values": ["web", "db"]}]}, ["lb-empty", "lb-eni", "lb-cvm"]),
        (
            {"Filters": [{"Name": "tag:team", "Values": ["web"]}, {"Name": "tag:stage", "Values": ["live"]}]},
            ["lb-cvm"],
        ),
        ({"Filters": [{"Name": "tag-key", "Values": ["stage"]}]}, ["lb-cvm"]),
    ],
)
def test_selecting_load_balancers(
    in_process: Callable[..., InProcess], params: dict[str, Any], expected: list[str]
) -> None:
    assert found(in_process(**REGION), **params) == expected


@pytest.mark.parametrize(
    "params, code",
    [
        ({"Filters": [{"Name": "colour", "Values": ["red"]}]}, "InvalidParameter.InvalidFilter"),
        ({"Filters": [{"Name": "tag-key", "Values": ["a"]}] * 11}, "InvalidParameterValue.Length"),
        ({"Filters": [{"Name": "tag-key", "Values": ["a"] * 101}]}, "InvalidParameterValue.Length"),
        ({"LoadBalancerIds": [f"lb-{number}" for number in range(21)]}, "InvalidParameterValue.Length"),
        ({"OrderBy": "Weather"}, "InvalidParameterValue"),
    ],
)
def test_what_a_listing_refuses(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError], params: dict[str, Any], code: str
) -> None:
    assert refused(in_process(**REGION).call, "DescribeLoadBalancers", **params).code == code


def test_what_a_listing_shows(in_process: Callable[..., InProcess]) -> None:
    entries = {
        item["LoadBalancerId"]: item for item in in_process(**REGION).call("DescribeLoadBalancers")["LoadBalancerSet"]
    }
    six, cvm = entries["lb-six"], entries["lb-cvm"]
    assert (six["AddressIPVersion"], six["AddressIPv6"], six["LoadBalancerVips"]) == ("ipv6", "2001:db8::80", [])
    assert (cvm["AddressIPVersion"], cvm["AddressIPv6"], cvm["LoadBalancerVips"]) == ("ipv4", None, ["203.0.113.1"])
    assert cvm["Tags"] == [{"TagKey": "team", "TagValue": "web"}, {"TagKey": "stage", "TagValue": "live"}]
    assert (entries["lb-old"]["Forward"], entries["lb-eni"]["VpcId"]) == (0, "vpc-2")


def test_offsets_shift_when_others_make_and_delete_load_balancers(in_process: Callable[..., InProcess]) -> None:
    """The newest comes first: a new one moves all others down, so that one of them is seen twice."""
    many = [{"id": f"lb-{number:03}"} for number in range(250)]
    new = {"change": "create_load_balancer", "with": {"id": "lb-new"}, "action": "DescribeLoadBalancers"}
    cloud = in_process(load_balancers=many, events=[new])
    pages = [found(cloud, Offset=offset, Limit=100) for offset in (0, 100, 200)]
    assert pages[0][-1] == pages[1][0] == "lb-150"
    assert found(cloud, Limit=1) == ["lb-new"]
    gone = {"change": "delete_load_balancer", "with": {"load_balancer_id": "lb-249"}, "action": "DescribeLoadBalancers"}
    cloud = in_process(load_balancers=many, events=[gone])
    pages = [found(cloud, Offset=offset, Limit=100) for offset in (0, 100, 200)]
    missed = {item["id"] for item in many} - {identity for page in pages for identity in page}
    assert missed == {"lb-149"}


@pytest.mark.parametrize(
    "action", ["DescribeTargets", "DescribeListeners", "DescribeTargetHealth", "BatchRegisterTargets"]
)
@pytest.mark.parametrize("code", ["UnsupportedOperation", "InvalidParameter.LBIdNotFound"])
def test_a_classic_load_balancer_is_refused(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError], action: str, code: str
) -> None:
    cloud = in_process(**REGION, classic_code=code)
    params: dict[str, Any] = {"LoadBalancerId": "lb-old"}
    if action == "DescribeTargetHealth":
        params = {"LoadBalancerIds": ["lb-cvm", "lb-old"]}
    if action.startswith("Batch"):
        params["Targets"] = [{"ListenerId": "lbl-lb-old", "InstanceId": "ins-b", "Port": 1}]
    assert refused(cloud.call, action, **params).code == code


@pytest.mark.parametrize("maximum, several", [(30, True), (1, False)])
def test_health_of_several_load_balancers(
    in_process: Callable[..., InProcess], refused: Callable[..., ApiError], maximum: int, several: bool
) -> None:
    cloud = in_process(
        load_balancers=[balancer(f"lb-{number}") for number in range(31)], limits={"health_load_balancers": maximum}
    )
    ids = [f"lb-{number}" for number in range(31)]
    assert refused(cloud.call, "DescribeTargetHealth", LoadBalancerIds=ids).code == "InvalidParameterValue.Length"
    if several:
        answered = cloud.call("DescribeTargetHealth", LoadBalancerIds=ids[:30])["LoadBalancers"]
        assert [entry["LoadBalancerId"] for entry in answered] == ids[:30]
    else:
        assert refused(cloud.call, "DescribeTargetHealth", LoadBalancerIds=ids[:2])
        assert len(cloud.call("DescribeTargetHealth", LoadBalancerIds=ids[:1])["LoadBalancers"]) == 1


def test_what_is_behind_an_address(in_process: Callable[..., InProcess]) -> None:
    rules = [
        {"id": "loc-a", "domain": "a.example.com", "targets": [{"eni_ip": "10.0.0.9", "port": 2, "weight": 7}]},
        {"id": "loc-b", "domain": "b.example.com", "targets": [{"eni_ip": "10.0.0.8", "port": 2}]},
    ]
    web = {
        "id": "lb-web",
        "region": "ap-tokyo",
        "listeners": [{"id": "lbl-web", "protocol": "HTTP", "port": 80, "rules": rules}],
    }
    cloud = in_process(load_balancers=[*REGION["load_balancers"], web])

    def behind(*backends: tuple[str, str]) -> dict[str, Any]:
        asked = [{"VpcId": vpc, "PrivateIp": address} for vpc, address in backends]
        answer = cloud.call("DescribeLBListeners", Backends=asked)["LoadBalancers"]
        return {item["LoadBalancerId"]: item for item in answer}

    assert set(behind(("vpc-emulator", "10.0.0.1"))) == {"lb-cvm", "lb-old", "lb-far"}
    assert set(behind(("vpc-2", "10.0.0.1"))) == {"lb-eni"}
    assert behind(("vpc-none", "10.0.0.1")) == {}
    web_answer = behind(("vpc-2", "10.0.0.1"), ("vpc-emulator", "10.0.0.9"))["lb-web"]
    assert web_answer["Region"] == "ap-tokyo"
    (listener,) = web_answer["Listeners"]
    (rule,) = listener["Rules"]
    assert (listener["ListenerId"], listener["Targets"], rule["LocationId"]) == ("lbl-web", None, "loc-a")
    (target,) = rule["Targets"]
    assert {name: target[name] for name in ("Type", "PrivateIp", "Port", "Weight")} == {
        "Type": "eni",
        "PrivateIp": "10.0.0.9",
        "Port": 2,
        "Weight": 7,
    }
