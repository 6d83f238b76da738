# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenarios, made of a file or of answers; what somebody else does to the cloud, at once, after a call, or later."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from clb_emulator import control
from clb_emulator.clock import ScaledClock
from clb_emulator.errors import ApiError
from clb_emulator.inprocess import InProcess, scenario_of
from clb_emulator.scenario import parse

from .shop import BUSY, DEREGISTER, LB, REGISTER, SHOP, TARGETS, B, Shop

PLAIN = {"id": "lbl-1", "protocol": "TCP", "port": 1}
TARGET = {"instance_id": "ins-1", "port": 80}


def one(*listeners: dict[str, Any]) -> dict[str, Any]:
    return {"load_balancers": [{"id": "lb-1", "listeners": list(listeners)}]}


@pytest.mark.parametrize(
    "raw, message",
    [
        (one(PLAIN, PLAIN), "two listeners lbl-1"),
        (one({**PLAIN, "targets": [TARGET, TARGET]}), "ins-1:80 twice"),
        (one({**PLAIN, "targets": [{"eni_ip": "10.0", "port": 1}]}), "10.0"),
        ({"load_balancers": [{"id": "lb-1"}, {"id": "lb-1"}]}, "two load balancers lb-1"),
    ],
)
def test_what_means_nothing_is_an_error(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(raw)


def test_invented_addresses_are_stable_and_differ() -> None:
    raw = one({**PLAIN, "targets": [{"instance_id": f"ins-{number}", "port": 80} for number in range(3000)]})
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


ENI = dict.fromkeys(("PublicIpAddresses", "InstanceName", "RegisteredTime", "EniId", "Zone"))
ENI |= {"Type": "ENI", "InstanceId": "", "Port": 80, "Weight": 10, "PrivateIpAddresses": ["10.0.0.9"], "Tag": "blue"}
CVM = {**ENI, "Type": "CVM", "InstanceId": "ins-3", "PrivateIpAddresses": ["10.1.0.3"]}
LOCATION = {"LocationId": "loc-1", "Domain": "a.example.com", "Url": "/", "FunctionTargets": None, "Targets": [ENI]}
LAYER7 = {"ListenerId": "lbl-7", "Protocol": "HTTP", "Port": 80, "EndPort": 0, "Targets": None, "Rules": [LOCATION]}
LAYER4 = {"ListenerId": "lbl-4", "Protocol": "TCP", "Port": 443, "EndPort": 0, "Rules": None, "Targets": [CVM]}


def test_a_scenario_made_of_an_answer_answers_the_same() -> None:
    rules = [LOCATION, {**LOCATION, "LocationId": "loc-2", "Url": "/2", "Targets": [], "TargetType": "TARGETGROUP-V2"}]
    managed = {**LAYER4, "ListenerId": "lbl-5", "Port": 444, "Targets": [], "TargetType": "TARGETGROUP"}
    groups = InProcess(scenario_of({"lb-1": [managed, {**LAYER7, "Rules": rules}]}))
    five, seven = groups.call("DescribeListeners", LB)["Listeners"]
    assert [item["TargetType"] for item in (five, *seven["Rules"])] == ["TARGETGROUP", "NODE", "TARGETGROUP-V2"]
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

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(work, names))
    assert all(("lbl-tcp", None, "ins-b", 80, 10, "") in cloud.bindings(name) for name in names)
    assert cloud.now() >= 20


A = {**LB, "ListenerId": "lbl-tcp", "InstanceId": "ins-a", "Port": 80}
BALANCER = {"load_balancer_id": "lb-1"}
TCP, HTTP = ({**BALANCER, "listener_id": name} for name in ("lbl-tcp", "lbl-http"))
NEW = {"eni_ip": "10.9.9.9", "port": 5}
NEW_RULE = {"id": "loc-3", "domain": "c.example.com", "targets": [NEW]}
LISTENER = {"id": "lbl-new", "protocol": "UDP", "port": 5, "targets": [NEW]}
OLD = ("lbl-tcp", None, "ins-a", 80, 10, "blue")


@pytest.mark.parametrize(
    "name, payload, gone, new",
    [
        ("unbind", [A], OLD, None),
        ("weight", [{**A, "Weight": 3}], OLD, ("lbl-tcp", None, "ins-a", 80, 3, "blue")),
        ("tag", [{**A, "Tag": "x"}], OLD, ("lbl-tcp", None, "ins-a", 80, 10, "x")),
        ("bind", [{**A, "Port": 81, "Weight": 1}], None, ("lbl-tcp", None, "ins-a", 81, 1, "")),
        ("bind", [{**A, "Weight": 1}], OLD, ("lbl-tcp", None, "ins-a", 80, 1, "")),
        ("delete_listener", TCP, OLD, None),
        ("delete_rule", {**HTTP, "location_id": "loc-1"}, ("lbl-http", "loc-1", "10.0.0.9", 8080, 20, ""), None),
        ("create_listener", {**BALANCER, "listener": LISTENER}, None, ("lbl-new", None, "10.9.9.9", 5, 10, "")),
        ("create_rule", {**HTTP, "rule": NEW_RULE}, None, ("lbl-http", "loc-3", "10.9.9.9", 5, 10, "")),
    ],
)
@pytest.mark.parametrize("locked", [False, True])
def test_changes(name: str, payload: Any, gone: Any, new: Any, locked: bool) -> None:
    cloud = Shop(task_seconds=5)
    if locked:
        cloud.write(REGISTER, {**B, "Port": 99})
    before = cloud.bindings()
    cloud.change(name, payload)
    assert before - cloud.bindings() == ({gone} if gone else set())
    assert cloud.bindings() - before == ({new} if new else set())


def test_load_balancers_come_and_go() -> None:
    cloud = Shop()
    cloud.change("create_load_balancer", {"id": "lb-2", "listeners": [LISTENER]})
    assert cloud.ask(TARGETS, LoadBalancerId="lb-2")["Listeners"][0]["ListenerId"] == "lbl-new"
    cloud.change("delete_load_balancer", {"load_balancer_id": "lb-1"})
    assert cloud.code(TARGETS, **LB) == "InvalidParameter.LBIdNotFound"


@pytest.mark.parametrize("name, payload", [("delete_listener", TCP), ("unbind", [A])])
def test_a_task_survives_what_others_did_meanwhile(name: str, payload: Any) -> None:
    cloud = Shop(task_seconds=2)
    task = cloud.write(DEREGISTER, {key: value for key, value in A.items() if key not in LB})
    cloud.change(name, payload)
    cloud.sleep(3)
    assert (cloud.status(task), OLD in cloud.bindings()) == (0, False)


@pytest.mark.parametrize(
    "name, payload",
    [
        ("unbind", [{**A, "Port": 7}]),
        ("weight", [{**A, "InstanceId": "ins-b"}]),
        ("delete_listener", {**TCP, "listener_id": "lbl-none"}),
        ("delete_rule", {**HTTP, "location_id": "loc-none"}),
        ("delete_load_balancer", {"load_balancer_id": "lb-none"}),
        ("create_load_balancer", {"id": "lb-1"}),
        ("create_listener", {**BALANCER, "listener": {**LISTENER, "id": "lbl-tcp"}}),
        ("create_rule", {**TCP, "rule": NEW_RULE}),
        ("settings", {"busy_stile": "text"}),
        ("nothing", None),
        ("events", [{"change": "unbind", "after": 1}]),
        ("events", [{"change": "explode"}]),
    ],
)
def test_what_is_impossible_is_said(name: str, payload: Any) -> None:
    cloud = Shop()
    before = cloud.bindings()
    with pytest.raises((ValueError, LookupError)):
        control.handle(cloud.cloud, "POST", name, payload)
    assert cloud.bindings() == before


@pytest.mark.parametrize(
    "order, happens_at",
    [
        ({"action": REGISTER}, [(1, 0)]),
        ({"action": "Batch*", "delay": 2}, [(1, 2)]),
        ({"action": TARGETS, "after_calls": 3}, [(4, 0)]),
        ({"delay": 1.5}, [(0, 1.5)]),
        ({"action": "Batch*", "accepted": True}, [(1, 0)]),
        ({"action": TARGETS, "times": 2}, [(2, 0), (3, 0)]),
    ],
)
def test_when_an_ordered_change_happens(order: dict[str, Any], happens_at: list[tuple[int, float]]) -> None:
    """A write, then three reads, each at its second; the change comes after so many calls, so many seconds later."""
    cloud = Shop(task_seconds=0, events=[{"change": "health", "with": {"dead": ["ins-a"]}, **order}])
    moments = [0.0]
    for call in (lambda: cloud.write(REGISTER, B), *[cloud.targets] * 3):
        call()
        moments.append(cloud.now())
        cloud.sleep(0.25)
    cloud.sleep(5)
    seen = [(entry["time"], entry["problem"]) for entry in cloud.journal() if entry["kind"] == "event"]
    assert seen == [(moments[calls] + seconds, None) for calls, seconds in happens_at]


def test_a_refused_write_does_not_count_as_accepted() -> None:
    cloud = Shop(task_seconds=2)
    cloud.change("lock", {"load_balancer_id": "lb-1", "seconds": 1})
    cloud.add_events({"change": "unbind", "with": [A], "action": "Batch*", "accepted": True})
    assert (cloud.code(REGISTER, **LB, Targets=[B]), OLD in cloud.bindings()) == (BUSY, True)
    cloud.sleep(1)
    cloud.write(REGISTER, B)
    assert OLD not in cloud.bindings()


def test_a_change_can_happen_again_and_again() -> None:
    event = {"change": "bind", "with": [{**A, "Weight": 7}], "action": TARGETS, "after_calls": 2, "times": -1}
    cloud = Shop(events=[event])
    seen = []
    for _ in range(6):
        cloud.change("weight", [{**A, "Weight": 0}])
        shown = cloud.targets()[0]["Weight"]
        seen.append((shown, next(item[4] for item in cloud.bindings() if item[2] == "ins-a")))
    assert seen == [(0, 0), (0, 7)] * 3


def test_ordered_changes_that_are_dropped_or_have_become_impossible() -> None:
    when: list[dict[str, Any]] = [{"delay": 1}, {"delay": 2}, {"action": "*"}]
    cloud = Shop(events=[{"change": "unbind", "with": [A], **moment} for moment in when])
    cloud.sleep(3)
    control.handle(cloud.cloud, "DELETE", "events", None)
    cloud.targets()
    problems = [entry["problem"] for entry in cloud.journal() if entry["kind"] == "event"]
    assert [problem and "is not bound" in problem for problem in problems] == [None, True]
