# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads: which load balancers and listeners are found, what is shown of them, and what is odd about some."""

from __future__ import annotations

from typing import Any

import pytest

from .shop import DEREGISTER, HEALTH, LB, LISTING, REGISTER, SHOP, TARGETS, Shop

LISTENERS, DETAIL = "DescribeListeners", "DescribeLoadBalancersDetail"


def ids(cloud: Shop, **params: Any) -> list[str]:
    return [item["LoadBalancerId"] for item in cloud.ask(LISTING, **params)["LoadBalancerSet"]]


def balancer(identity: str, *targets: dict[str, Any], **more: Any) -> dict[str, Any]:
    members = [{"port": 1, **item} for item in targets]
    listener = {"id": f"lbl-{identity}", "protocol": "TCP", "port": 80, "targets": members}
    return {"id": identity, "listeners": [listener], **more}


def one_listener(**listener: Any) -> dict[str, Any]:
    listeners = [{"id": "lbl-1", "protocol": "TCP", "port": 1, **listener}]
    return {"load_balancers": [{"id": "lb-1", "listeners": listeners}]}


ENI = [{"eni_ip": "10.0.0.9"}, {"eni_ip": "10.0.0.1", "type": "ENI"}]
REGION = [
    balancer("lb-cvm", {"instance_id": "ins-a"}, tags={"team": "web", "stage": "live"}),
    balancer("lb-eni", *ENI, vpc_id="vpc-2", tags={"team": "db"}),
    balancer("lb-empty", type="INTERNAL", tags={"team": "web"}),
    balancer("lb-old", {"instance_id": "ins-a"}, forward=0),
    balancer("lb-six", ipv6="2001:db8::80"),
    balancer("lb-far", {"instance_id": "ins-a"}, region="ap-tokyo"),
]
TEAM = {"Name": "tag:team", "Values": ["web"]}


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
        ({"VpcId": "vpc-2"}, ["lb-eni"]),
        ({"LoadBalancerType": "INTERNAL"}, ["lb-empty"]),
        ({"LoadBalancerVips": ["2001:db8::80"]}, ["lb-six"]),
        ({"BackendPrivateIps": ["10.0.0.1"]}, ["lb-old", "lb-cvm"]),
        ({"BackendPrivateIps": ["10.0.0.9"]}, []),
        ({"LoadBalancerIds": ["lb-cvm", "lb-far"]}, ["lb-cvm"]),
        ({"LoadBalancerName": "b-e"}, ["lb-empty", "lb-eni"]),
        ({"Filters": [TEAM]}, ["lb-empty", "lb-cvm"]),
        ({"Filters": [{**TEAM, "Values": ["web", "db"]}]}, ["lb-empty", "lb-eni", "lb-cvm"]),
        ({"Filters": [TEAM, {"Name": "tag:stage", "Values": ["live"]}]}, ["lb-cvm"]),
        ({"Filters": [{"Name": "tag-key", "Values": ["stage"]}]}, ["lb-cvm"]),
    ],
)
def test_selecting_load_balancers(params: dict[str, Any], expected: list[str]) -> None:
    assert ids(Shop(load_balancers=REGION), **params) == expected


@pytest.mark.parametrize(
    "action, params, code",
    [
        (LISTING, {"Filters": [{"Name": "colour", "Values": ["red"]}]}, "InvalidParameter.InvalidFilter"),
        (LISTING, {"Filters": [{"Name": "tag-key", "Values": ["a"]}] * 11}, "InvalidParameterValue.Length"),
        (LISTING, {"Filters": [{"Name": "tag-key", "Values": ["a"] * 101}]}, "InvalidParameterValue.Length"),
        (LISTING, {"OrderBy": "Weather"}, "InvalidParameterValue"),
        (LISTING, {"AdditionalFields": ["X"]}, "InvalidParameterValue"),
        (LISTING, {"Limit": 101}, "InvalidParameterValue.Range"),
        (TARGETS, {}, "MissingParameter"),
        (DETAIL, {"Filters": [{"Name": "colour", "Values": ["red"]}]}, "InvalidParameter.InvalidFilter"),
        ("AssumeRole", {}, "InvalidAction"),
    ],
)
def test_what_reads_refuse(action: str, params: dict[str, Any], code: str) -> None:
    cloud = Shop()
    refusal = cloud.refusal(action, **params)
    assert refusal is not None
    assert (refusal.code, refusal.request_id) == (code, cloud.calls()[-1]["request_id"])


def test_what_a_listing_shows() -> None:
    entries = {item["LoadBalancerId"]: item for item in Shop(load_balancers=REGION).ask(LISTING)["LoadBalancerSet"]}
    names = ("AddressIPVersion", "AddressIPv6", "LoadBalancerVips")
    assert [entries["lb-six"][name] for name in names] == ["ipv6", "2001:db8::80", []]
    assert [entries["lb-cvm"][name] for name in names] == ["ipv4", None, ["203.0.113.1"]]
    tags = [{"TagKey": "team", "TagValue": "web"}, {"TagKey": "stage", "TagValue": "live"}]
    assert (entries["lb-cvm"]["Tags"], entries["lb-old"]["Forward"], entries["lb-eni"]["VpcId"]) == (tags, 0, "vpc-2")
    (plain,) = Shop().ask(LISTING)["LoadBalancerSet"]
    (full,) = Shop().ask(LISTING, AdditionalFields=["TargetCount"])["LoadBalancerSet"]
    assert full == {**plain, "TargetCount": 2}


def test_paging() -> None:
    cloud = Shop(load_balancers=[{"id": f"lb-{number:03}"} for number in range(250)])
    pages = [ids(cloud, Offset=offset, Limit=100) for offset in (0, 100, 200)]
    assert [(page[0], len(page)) for page in pages] == [("lb-249", 100), ("lb-149", 100), ("lb-049", 50)]
    cloud.change("create_load_balancer", {"id": "lb-new"})
    assert ids(cloud, Limit=1) + ids(cloud, Offset=100, Limit=1) == ["lb-new", "lb-150"], "a new one moves the others"
    assert (len(ids(cloud)), cloud.ask(LISTING)["TotalCount"]) == (20, 251)


@pytest.mark.parametrize("settings, code", [({}, "UnsupportedOperation"), ({"classic_code": "Odd"}, "Odd")])
def test_a_classic_load_balancer_is_refused(settings: dict[str, str], code: str) -> None:
    cloud, old = Shop(load_balancers=REGION, **settings), {"LoadBalancerId": "lb-old"}
    targets = [{"ListenerId": "lbl-lb-old", "InstanceId": "ins-b", "Port": 1}]
    params: dict[str, dict[str, Any]] = {TARGETS: old, LISTENERS: old, REGISTER: {**old, "Targets": targets}}
    params[HEALTH] = {"LoadBalancerIds": ["lb-cvm", "lb-old"]}
    assert {cloud.code(action, **asked) for action, asked in params.items()} == {code}


def test_the_load_balancers_behind_an_address() -> None:
    cloud = Shop(load_balancers=[*REGION, {**SHOP["load_balancers"][0], "region": "ap-tokyo"}])

    def behind(*backends: tuple[str, str]) -> dict[str, Any]:
        asked = [{"VpcId": vpc, "PrivateIp": address} for vpc, address in backends]
        found = cloud.ask("DescribeLBListeners", Backends=asked)["LoadBalancers"]
        return {item["LoadBalancerId"]: item for item in found}

    assert set(behind(("vpc-emulator", "10.0.0.1"))) == {"lb-cvm", "lb-old", "lb-far", "lb-1"}
    assert set(behind(("vpc-2", "10.0.0.1"), ("vpc-none", "10.0.0.1"))) == {"lb-eni"}
    web = behind(("vpc-2", "10.0.0.1"), ("vpc-emulator", "10.0.0.9"))["lb-1"]
    ((rule,),) = (listener["Rules"] for listener in web["Listeners"])
    shown = [(item["Type"], item["PrivateIp"], item["Port"], item["Weight"]) for item in rule["Targets"]]
    assert (web["Region"], rule["LocationId"], shown) == ("ap-tokyo", "loc-1", [("eni", "10.0.0.9", 8080, 20)])


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
def test_selecting_listeners(selection: dict[str, Any], listeners: list[str]) -> None:
    for action in (TARGETS, LISTENERS):
        answer = Shop().ask(action, **LB, **selection)
        assert [listener["ListenerId"] for listener in answer["Listeners"]] == listeners


@pytest.mark.parametrize("name, value", [("location-id", "loc-1"), ("private-ip-address", "10.0.0.9"), ("tag", "red")])
def test_filters_of_targets(name: str, value: str) -> None:
    cloud = Shop()
    place = {"ListenerId": "lbl-http", "LocationId": "loc-1"}
    cloud.change("tag", [{**LB, **place, "EniIp": "10.0.0.9", "Port": 8080, "Tag": "red"}])
    listeners = cloud.ask(TARGETS, **LB, Filters=[{"Name": name, "Values": [value]}])["Listeners"]
    pools = [pool for listener in listeners for pool in (listener["Rules"] or [listener])]
    assert [target["PrivateIpAddresses"][0] for pool in pools for target in pool["Targets"]] == ["10.0.0.9"]


ODD_TARGETS = [
    {"instance_id": "ins-a", "port": 80, "type": "cvm", "tag": None},
    {"private_ips": ["10.1.0.1", "10.1.0.2"], "port": 80, "type": "ENI", "instance_id": "ins-a"},
    {"eni_ip": "10.1.0.3", "port": 80, "type": "CCN", "extra": {"Novel": 1}},
]
FUNCTION = [{"Function": {"FunctionName": "f"}, "Weight": 1}]
ODD_RULE = {"id": "loc-f", "domain": "f.example.com", "function_targets": FUNCTION}
ODD = [
    {"id": "lbl-tcp", "protocol": "TCP", "port": 1, "end_port": 9, "targets": ODD_TARGETS},
    {"id": "lbl-quic", "protocol": "QUIC", "port": 2, "end_port": None, "rules": [ODD_RULE]},
]


def test_odd_targets() -> None:
    cloud = Shop(load_balancers=[{"id": "lb-1", "listeners": ODD}], task_seconds=0)
    layer4, layer7 = cloud.ask(TARGETS, **LB)["Listeners"]
    assert (layer4["Rules"], layer4["EndPort"], layer7["Targets"], layer7["EndPort"]) == (None, 9, None, None)
    assert (layer7["Rules"][0]["Targets"], layer7["Rules"][0]["FunctionTargets"]) == ([], FUNCTION)
    cvm, eni, ccn = layer4["Targets"]
    assert (cvm["Type"], cvm["Tag"], cvm["PublicIpAddresses"]) == ("cvm", None, ["203.0.113.1"])
    assert (eni["Type"], eni["InstanceId"], eni["PrivateIpAddresses"]) == ("ENI", "ins-a", ["10.1.0.1", "10.1.0.2"])
    assert (eni["EniId"][:4], ccn["Type"], ccn["InstanceId"], ccn["Zone"]) == ("eni-", "CCN", "", None)
    assert ccn["Novel"] == 1
    by_name = {"ListenerId": "lbl-tcp", "Port": 80, "InstanceId": "ins-a"}
    assert [cloud.code(DEREGISTER, **LB, Targets=[by_name]) for _ in range(2)] == [None, "InvalidParameter"]
    cloud.write(DEREGISTER, {"ListenerId": "lbl-tcp", "Port": 80, "EniIp": "10.1.0.2"})
    assert [target["Type"] for target in cloud.targets()] == ["CCN"], "no CVM goes by any of its addresses alone"


@pytest.mark.parametrize("kind, on_rule", [("TARGETGROUP", False), ("TARGETGROUP-V2", True), ("POLARIS", False)])
def test_target_groups(kind: str, on_rule: bool) -> None:
    member = {"instance_id": "ins-a", "port": 0}
    group = {"target_type": kind, "target_group": {"TargetGroupId": "lbtg-1"}, "targets": [member]}
    rule = {"id": "loc-1", "domain": "a.example.com", **group}
    listener = {"protocol": "HTTP", "rules": [rule]} if on_rule else group
    cloud = Shop(target_group_code="FailedOperation", **one_listener(**listener))
    location = {"LocationId": "loc-1"} if on_rule else {}
    (shown,) = cloud.targets("lbl-1", location.get("LocationId"))
    (described,) = cloud.ask(LISTENERS, **LB)["Listeners"]
    described = described["Rules"][0] if on_rule else described
    assert (shown["InstanceId"], shown["Port"]) == ("ins-a", 0)
    assert (described["TargetType"], described["TargetGroup"]["TargetGroupId"]) == (kind, "lbtg-1")
    target = {"ListenerId": "lbl-1", **location, "InstanceId": "ins-a", "Port": 80}
    assert [cloud.code(action, **LB, Targets=[target]) for action in (REGISTER, DEREGISTER)] == ["FailedOperation"] * 2


@pytest.mark.parametrize("protocol, idle", [("TCP", 900), ("UDP", None), ("HTTP", None)])
def test_how_listeners_and_rules_forward(protocol: str, idle: int | None) -> None:
    traits = {"session_seconds": 60, "scheduler": "LEAST_CONN", "health_check": False}
    rule = {"id": "loc-1", "domain": "a.example.com", **traits, "targets": [{"instance_id": "ins-a", "port": 1}]}
    cloud = Shop(**one_listener(protocol=protocol, **({"rules": [rule]} if protocol == "HTTP" else traits)))
    (shown,) = cloud.ask(LISTENERS, **LB)["Listeners"]
    assert (shown["IdleConnectTimeout"], shown["TargetType"]) == (idle, "NODE")
    place = shown["Rules"][0] if protocol == "HTTP" else shown
    check = place["HealthCheck"]["HealthSwitch"]
    assert (place["SessionExpireTime"], place["Scheduler"], check) == (60, "LEAST_CONN", 0)


def test_types_and_names_of_backends() -> None:
    name = 'quote " backslash \\ \x01deadbeef:0 标签'
    types, instances = {"10.7.0.1": "CCN", "2001:db8::7": "NOVEL"}, {"ins-a": {"ip": "10.0.0.1", "name": name}}
    cloud = Shop(task_seconds=0, backend_types=types, instances=instances)
    cloud.write(REGISTER, *({"ListenerId": "lbl-tcp", "EniIp": ip, "Port": 1} for ip in ("10.7.0.1", "2001:DB8::7")))
    assert [target["Type"] for target in cloud.targets()] == ["CVM", "CCN", "NOVEL"]
    assert cloud.targets()[0]["InstanceName"] == name, "what looks like the inner marks of an answer is none"
