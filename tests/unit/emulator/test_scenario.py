# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenarios, made of a file or of answers, and the cloud as a unit test holds it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from clb_emulator.clock import ScaledClock
from clb_emulator.errors import ApiError
from clb_emulator.inprocess import InProcess, scenario_of
from clb_emulator.scenario import parse

from .shop import LB, REGISTER, SHOP, TARGETS, B, Shop

TCP = {"id": "lbl-1", "protocol": "TCP", "port": 1}
TARGET = {"instance_id": "ins-1", "port": 80}


def one(*listeners: dict[str, Any]) -> dict[str, Any]:
    return {"load_balancers": [{"id": "lb-1", "listeners": list(listeners)}]}


@pytest.mark.parametrize(
    "raw, message",
    [
        (one(TCP, TCP), "two listeners lbl-1"),
        (one({**TCP, "targets": [TARGET, TARGET]}), "ins-1:80 twice"),
        (one({**TCP, "targets": [{"eni_ip": "10.0", "port": 1}]}), "10.0"),
        ({"load_balancers": [{"id": "lb-1"}, {"id": "lb-1"}]}, "two load balancers lb-1"),
    ],
)
def test_what_means_nothing_is_an_error(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(raw)


def test_invented_addresses_are_stable_and_differ() -> None:
    raw = one({**TCP, "targets": [{"instance_id": f"ins-{number}", "port": 80} for number in range(3000)]})
    pools = [parse(raw).load_balancers[0].listeners["lbl-1"].pool for _ in range(2)]
    first, second = ([binding.addresses[0] for binding in pool] for pool in pools)
    assert first == second
    assert len(set(first)) == 3000


def test_generated_listeners() -> None:
    layer4 = {"listeners": 3, "targets": 2, "first_port": 7000}
    layer7 = {"listeners": 2, "protocol": "HTTP", "rules": 2, "targets": 2, "kind": "eni", "first_port": 80}
    cloud = Shop(load_balancers=[{"id": "lb-4", "generate": layer4}, {"id": "lb-7", "generate": layer7}])
    tcp, http = (cloud.ask(TARGETS, LoadBalancerId=name)["Listeners"] for name in ("lb-4", "lb-7"))
    assert [(listener["Port"], len(listener["Targets"])) for listener in tcp] == [(7000, 2), (7001, 2), (7002, 2)]
    assert [[len(rule["Targets"]) for rule in listener["Rules"]] for listener in http] == [[2, 2], [2, 2]]
    assert len({item["address"] for item in cloud.state()}) == 3 * 2 + 2 * 2 * 2


def test_regions_and_what_a_caller_may_change() -> None:
    cloud, params = Shop(task_seconds=2), {**LB, "Targets": [dict(B)]}
    with pytest.raises(ApiError, match="RegionNotFound"):
        cloud.call(TARGETS, LB, region="moon")
    cloud.call(REGISTER, params)
    params["Targets"][0]["Port"] = 99
    cloud.ask(TARGETS, **LB)["Listeners"].clear()
    cloud.sleep(2)
    assert cloud.writes()[0]["params"]["Targets"] == [B]
    assert len(cloud.ask(TARGETS, **LB)["Listeners"]) == 3
    assert ("lbl-tcp", None, "ins-b", 80, 10, "") in cloud.bindings()
    assert cloud.bindings("lb-2") == set()


SHOWN = {"PublicIpAddresses": None, "InstanceName": None, "RegisteredTime": None, "EniId": None, "Zone": None}
ENI = {"Type": "ENI", "InstanceId": "", "Port": 80, "Weight": 10, "PrivateIpAddresses": ["10.0.0.9"], "Tag": "blue"}
ENI = {**ENI, **SHOWN}
CVM = {**ENI, "Type": "CVM", "InstanceId": "ins-3", "PrivateIpAddresses": ["10.1.0.3"]}
LOCATION = {"LocationId": "loc-1", "Domain": "a.example.com", "Url": "/", "FunctionTargets": None, "Targets": [ENI]}
LAYER7 = {"ListenerId": "lbl-7", "Protocol": "HTTP", "Port": 80, "EndPort": 0, "Targets": None, "Rules": [LOCATION]}
LAYER4 = {"ListenerId": "lbl-4", "Protocol": "TCP", "Port": 443, "EndPort": 0, "Rules": None, "Targets": [CVM]}


def test_a_scenario_made_of_an_answer_answers_the_same() -> None:
    rules = [LOCATION, {**LOCATION, "LocationId": "loc-2", "Url": "/2", "Targets": [], "TargetType": "TARGETGROUP-V2"}]
    managed = {**LAYER4, "ListenerId": "lbl-5", "Port": 444, "Targets": [], "TargetType": "TARGETGROUP"}
    groups = InProcess(scenario_of({"lb-1": [managed, {**LAYER7, "Rules": rules}]}))
    five, seven = groups.call("DescribeListeners", LB)["Listeners"]
    types = [item["TargetType"] for item in (five, *seven["Rules"])]
    assert types == ["TARGETGROUP", "NODE", "TARGETGROUP-V2"]
    cloud = InProcess(scenario_of({"lb-1": [LAYER7, LAYER4], "lb-2": []}), task_seconds=2, read_lag=5)
    assert cloud.call(TARGETS, LB)["Listeners"] == cloud.listeners("lb-1") == [LAYER7, LAYER4]
    assert cloud.call(TARGETS, {"LoadBalancerId": "lb-2"})["Listeners"] == []
    target = {"ListenerId": "lbl-4", "InstanceId": "ins-3", "Port": 80}
    cloud.call("BatchDeregisterTargets", {**LB, "Targets": [target]})
    cloud.sleep(2)
    assert cloud.listeners("lb-1") == [LAYER7, {**LAYER4, "Targets": []}], "what is bound, without lag"
    assert cloud.call(TARGETS, LB)["Listeners"] == [LAYER7, LAYER4]


def test_numbered_instances() -> None:
    cloud = InProcess(scenario_of({"lb-1": [LAYER4]}), numbered_instances="10.1.0.0/16", task_seconds=0)
    names = [{"InstanceId": "ins-258"}, {"EniIp": "10.1.1.3"}]
    cloud.call(REGISTER, {**LB, "Targets": [{"ListenerId": "lbl-4", "Port": 1, **name} for name in names]})
    shown = cloud.call(TARGETS, LB)["Listeners"][0]["Targets"]
    assert {item["Type"] for item in shown} == {"CVM"}
    addresses = {item["InstanceId"]: item["PrivateIpAddresses"][0] for item in shown}
    assert addresses == {"ins-3": "10.1.0.3", "ins-258": "10.1.1.2", "ins-259": "10.1.1.3"}


def test_threads_on_a_fast_clock() -> None:
    names = [f"lb-{number}" for number in range(8)]
    balancers = [{**SHOP["load_balancers"][0], "id": name} for name in names]
    cloud = InProcess(SHOP, load_balancers=balancers, task_seconds=20, clock=ScaledClock(200))

    def work(name: str) -> None:
        task = cloud.call(REGISTER, {"LoadBalancerId": name, "Targets": [B]})["RequestId"]
        while cloud.call("DescribeTaskStatus", {"TaskId": task})["Status"] == 2:
            cloud.sleep(1)

    threads = [threading.Thread(target=work, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(("lbl-tcp", None, "ins-b", 80, 10, "") in cloud.bindings(name) for name in names)
    assert cloud.now() >= 20
