# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cloud as a unit test holds it: without HTTP, on a clock that moves only while somebody sleeps."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from clb_emulator.clock import ScaledClock
from clb_emulator.errors import ApiError, BrokenAnswer
from clb_emulator.inprocess import InProcess, scenario_of
from clb_emulator.queries import min_serving

LB = {"LoadBalancerId": "lb-1"}
B = {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}
REGISTER = {**LB, "Targets": [B]}


@pytest.fixture
def cloud(shop: dict[str, Any]) -> InProcess:
    return InProcess(shop, task_seconds=2)


def test_time_passes_only_in_sleep(cloud: InProcess) -> None:
    task = cloud.call("BatchRegisterTargets", REGISTER)["RequestId"]
    assert (cloud.now(), cloud.call("DescribeTaskStatus", {"TaskId": task})["Status"]) == (0, 2)
    cloud.sleep(2)
    assert (cloud.now(), cloud.call("DescribeTaskStatus", {"TaskId": task})["Status"]) == (2, 0)
    assert ("lbl-tcp", None, "ins-b", 80, 10, "") in cloud.bindings("lb-1")
    assert cloud.bindings("lb-2") == set()


def test_an_answer_that_takes_time_moves_the_clock(cloud: InProcess) -> None:
    cloud.configure(batch_is_task=False, batch_seconds=3, latency_ms=50)
    cloud.call("BatchRegisterTargets", REGISTER)
    assert cloud.now() == pytest.approx(3.05)
    assert ("lbl-tcp", None, "ins-b", 80, 10, "") in cloud.bindings()


def test_refusals(cloud: InProcess) -> None:
    for action, params, code in (
        ("DescribeTargets", {"LoadBalancerId": "lb-9"}, "InvalidParameter.LBIdNotFound"),
        ("DescribeTargets", {}, "MissingParameter"),
        ("AssumeRole", {}, "InvalidAction"),
    ):
        with pytest.raises(ApiError) as caught:
            cloud.call(action, params)
        assert caught.value.code == code
        assert caught.value.request_id == cloud.calls()[-1]["request_id"]
    with pytest.raises(ApiError, match="RegionNotFound"):
        cloud.call("DescribeTargets", LB, region="moon")


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "hang", "http", "html", "torn", "no_response", "redirect"])
def test_broken_answers(cloud: InProcess, kind: str) -> None:
    cloud.add_faults({"kind": kind, "action": "DescribeTargets"})
    with pytest.raises(BrokenAnswer):
        cloud.call("DescribeTargets", LB)
    assert cloud.now() == (60 if kind == "hang" else 0)
    assert cloud.call("DescribeTargets", LB)["Listeners"]


def test_what_was_given_and_what_is_returned_are_copies(cloud: InProcess) -> None:
    params: dict[str, Any] = {**LB, "Targets": [dict(B)]}
    cloud.call("BatchRegisterTargets", params)
    params["Targets"][0]["Port"] = 99
    answer = cloud.call("DescribeTargets", LB)
    answer["Listeners"].clear()
    cloud.sleep(2)
    assert cloud.writes()[0]["params"]["Targets"] == [B]
    assert len(cloud.call("DescribeTargets", LB)["Listeners"]) == 3
    assert {binding[3] for binding in cloud.bindings() if binding[2] == "ins-b"} == {80}


def test_changes_events_and_altered_answers(cloud: InProcess) -> None:
    cloud.change("weight", [{**LB, **B, "InstanceId": "ins-a", "Weight": 0}])
    cloud.add_events({"change": "unbind", "with": [{**LB, **B, "InstanceId": "ins-a"}], "delay": 1})
    assert ("lbl-tcp", None, "ins-a", 80, 0, "blue") in cloud.bindings()
    cloud.sleep(1)
    assert not [binding for binding in cloud.bindings() if binding[2] == "ins-a"]
    cloud.alter("Describe*", lambda answer: {"Response": {"Listeners": len(answer["Response"]["Listeners"])}}, times=1)
    assert cloud.call("DescribeTargets", LB) == {"Listeners": 3}


def test_altered_answers_are_met_in_order(cloud: InProcess) -> None:
    cloud.alter("DescribeTargets", lambda _: b"[]", skip=1, times=1)
    assert cloud.call("DescribeTargets", LB)["Listeners"]
    with pytest.raises(BrokenAnswer, match="no answer"):
        cloud.call("DescribeTargets", LB)
    assert cloud.call("DescribeTargets", LB)["Listeners"]


ENI: dict[str, Any] = {
    "Type": "ENI",
    "InstanceId": "ins-9",
    "Port": 80,
    "Weight": 7,
    "PublicIpAddresses": None,
    "PrivateIpAddresses": ["10.2.0.1", "10.2.0.2"],
    "InstanceName": None,
    "RegisteredTime": "2026-01-01 08:00:00",
    "EniId": None,
    "Tag": "blue",
    "Zone": None,
}
CVM = {**ENI, "Type": "CVM", "InstanceId": "ins-3", "PrivateIpAddresses": ["10.1.0.3"]}
RULE = {"LocationId": "loc-1", "Domain": "a.example.com", "Url": "/", "FunctionTargets": None, "Targets": [ENI]}
LAYER7 = {"ListenerId": "lbl-7", "Protocol": "HTTP", "Port": 80, "EndPort": 0, "Targets": None, "Rules": [RULE]}
LAYER4 = {"ListenerId": "lbl-4", "Protocol": "TCP", "Port": 443, "EndPort": 0, "Rules": None, "Targets": [CVM]}


def test_a_scenario_made_of_an_answer_answers_the_same() -> None:
    cloud = InProcess(scenario_of({"lb-1": [LAYER7, LAYER4], "lb-2": []}))
    assert cloud.call("DescribeTargets", LB)["Listeners"] == [LAYER7, LAYER4]
    assert cloud.call("DescribeTargets", {"LoadBalancerId": "lb-2"})["Listeners"] == []


def test_a_scenario_made_of_an_answer_takes_target_groups() -> None:
    rules = [RULE, {**RULE, "LocationId": "loc-2", "Url": "/2", "Targets": [], "TargetType": "TARGETGROUP-V2"}]
    managed = {**LAYER4, "ListenerId": "lbl-5", "Port": 444, "Targets": [], "TargetType": "TARGETGROUP"}
    cloud = InProcess(scenario_of({"lb-1": [LAYER4, managed, {**LAYER7, "Rules": rules}]}))
    four, five, seven = cloud.call("DescribeListeners", LB)["Listeners"]
    assert (four["TargetType"], five["TargetType"]) == ("NODE", "TARGETGROUP")
    assert [item["TargetType"] for item in seven["Rules"]] == ["NODE", "TARGETGROUP-V2"]


def test_what_is_bound_is_told_without_lag_and_without_a_call() -> None:
    cloud = InProcess(scenario_of({"lb-1": [LAYER7, LAYER4]}), task_seconds=2, read_lag=5)
    target = {"ListenerId": "lbl-4", "InstanceId": "ins-3", "Port": 80}
    cloud.call("BatchDeregisterTargets", {**LB, "Targets": [target]})
    assert cloud.listeners("lb-1") == [LAYER7, LAYER4]
    cloud.sleep(2)
    assert cloud.listeners("lb-1") == [LAYER7, {**LAYER4, "Targets": []}]
    assert cloud.call("DescribeTargets", LB)["Listeners"] == [LAYER7, LAYER4]
    assert cloud.count() == 2


def test_faults_of_a_block_come_first_and_end_with_it(cloud: InProcess) -> None:
    cloud.add_faults({"kind": "error", "code": "Later", "times": 2})
    with cloud.faults_first({"kind": "error", "code": "First"}, {"kind": "error", "code": "Never", "skip": 1}):
        codes = [refusal_of(cloud)]
        cloud.add_faults({"kind": "error", "code": "Last"})
        codes.append(refusal_of(cloud))
    codes += [refusal_of(cloud), refusal_of(cloud)]
    assert codes == ["First", "Later", "Later", "Last"]
    assert cloud.call("DescribeTargets", LB)["Listeners"]


def refusal_of(cloud: InProcess) -> str:
    with pytest.raises(ApiError) as caught:
        cloud.call("DescribeTargets", LB)
    return caught.value.code


def test_numbered_instances() -> None:
    cloud = InProcess(scenario_of({"lb-1": [LAYER4]}), numbered_instances="10.1.0.0/16", task_seconds=0)
    target = {"ListenerId": "lbl-4", "Port": 1}
    cloud.call("BatchRegisterTargets", {**LB, "Targets": [{**target, "InstanceId": "ins-258"}]})
    cloud.call("BatchRegisterTargets", {**LB, "Targets": [{**target, "EniIp": "10.1.1.3"}]})
    shown = cloud.call("DescribeTargets", LB)["Listeners"][0]["Targets"]
    assert [(item["Type"], item["InstanceId"], item["PrivateIpAddresses"]) for item in shown] == [
        ("CVM", "ins-3", ["10.1.0.3"]),
        ("CVM", "ins-258", ["10.1.1.2"]),
        ("CVM", "ins-259", ["10.1.1.3"]),
    ]


def test_threads_on_a_fast_clock(shop: dict[str, Any]) -> None:
    balancers = [{**shop["load_balancers"][0], "id": f"lb-{number}"} for number in range(8)]
    cloud = InProcess(shop, load_balancers=balancers, task_seconds=20, clock=ScaledClock(200))

    def work(load_balancer_id: str) -> None:
        task = cloud.call("BatchRegisterTargets", {"LoadBalancerId": load_balancer_id, "Targets": [B]})["RequestId"]
        while cloud.call("DescribeTaskStatus", {"TaskId": task})["Status"] == 2:
            cloud.sleep(1)

    threads = [threading.Thread(target=work, args=(item["id"],)) for item in balancers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert all(("lbl-tcp", None, "ins-b", 80, 10, "") in cloud.bindings(item["id"]) for item in balancers)
    assert cloud.now() >= 20


def test_the_journal_counts_what_serves_after_each_write(shop: dict[str, Any]) -> None:
    other = {**shop["load_balancers"][0], "id": "lb-2"}
    cloud = InProcess(shop, load_balancers=[*shop["load_balancers"], other], task_seconds=1, health={"after": 3})
    cloud.call("BatchRegisterTargets", REGISTER)
    with pytest.raises(ApiError):
        cloud.call("BatchRegisterTargets", REGISTER)
    cloud.sleep(5)
    entry = {"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-a", "Port": 80, "Weight": 0}]}
    cloud.call("BatchModifyTargetWeight", {**LB, "ModifyList": [entry]})
    cloud.call("BatchDeregisterTargets", {"LoadBalancerId": "lb-2", "Targets": [{**B, "InstanceId": "ins-a"}]})
    cloud.sleep(2)
    writes = cloud.writes()
    assert [(write["accepted"], write["applied"], write["applied_at"]) for write in writes] == [
        (True, True, 1),
        (False, False, None),
        (True, True, 6),
        (True, True, 6),
    ]
    applied = [item for item in cloud.journal() if item["kind"] == "applied"]
    assert [item["request_id"] for item in applied] == [writes[index]["request_id"] for index in (0, 2, 3)]
    counts = [(item["load_balancer_id"], item["bound"], item["healthy"], item["serving"]) for item in applied]
    assert counts == [("lb-1", 3, 2, 2), ("lb-1", 3, 3, 2), ("lb-2", 1, 1, 1)]
    journal = cloud.journal()
    assert min_serving(journal, "lbl-tcp", load_balancer_id="lb-1") == 1
    assert min_serving(journal, "lbl-tcp", load_balancer_id="lb-2") == 0
