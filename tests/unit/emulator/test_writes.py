# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes: tasks and the lock, what they bind and refuse. Settings: other codes, and those that mean nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.scenario import like
from clb_emulator.testing import Emulator

from .shop import BUSY, DEREGISTER, LB, REGISTER, RULE, SHOP, TAG, TARGETS, WEIGHT, A, B, Shop, batch, modify

if TYPE_CHECKING:
    from pathlib import Path

INSTANT = {"task_seconds": 0}


def weights(targets: list[dict[str, Any]]) -> dict[str, int]:
    return {target["PrivateIpAddresses"][0]: target["Weight"] for target in targets}


def without(target: dict[str, Any], *names: str, **others: Any) -> dict[str, Any]:
    return {**{name: value for name, value in target.items() if name not in names}, **others}


def test_a_write_is_a_task_that_applies_at_its_end() -> None:
    cloud = Shop(task_seconds=2)
    answer = cloud.write(REGISTER, {**B, "Weight": 30, "Tag": "green"}, RULE)
    assert {**answer, "RequestId": ""} == {"FailListenerIdSet": [], "Message": "", "RequestId": ""}
    seen = []
    for seconds in (1.9, 0.2):
        cloud.sleep(seconds)
        seen.append((cloud.status(answer), len(cloud.targets())))
    assert seen == [(2, 1), (0, 2)]
    new = cloud.targets()[1]
    assert (new["InstanceId"], new["Weight"], new["Tag"]) == ("ins-b", 30, "green")
    assert weights(cloud.targets("lbl-http", "loc-2")) == {"10.0.0.7": 10}, "the weight of the API's page"


def test_the_lock_holds_for_one_load_balancer_and_one_task() -> None:
    other = {"id": "lb-2", "listeners": [{"id": "lbl-2", "protocol": "TCP", "port": 1}]}
    cloud = Shop(task_seconds=2)
    cloud.change("create_load_balancer", other)
    cloud.write(REGISTER, B)
    assert [cloud.code(action, **LB, Targets=[A]) for action in (REGISTER, DEREGISTER)] == [BUSY] * 2
    assert cloud.code(TAG, **modify(1, Tag="x")) == BUSY
    cloud.ask(REGISTER, LoadBalancerId="lb-2", Targets=[{**B, "ListenerId": "lbl-2"}])
    cloud.sleep(2)
    cloud.write(DEREGISTER, A)


def test_settings_of_a_task() -> None:
    """The others are tested by the questions of the conformance tool, which find each of them."""
    slow = Shop(batch_is_task=False, batch_seconds=3, task_seconds=1, latency_ms=50)
    assert slow.raw(REGISTER, **LB, Targets=[B]).delay == 3.05
    assert (slow.code(REGISTER, **LB, Targets=[RULE]), len(slow.targets())) == (BUSY, 1)
    slow.sleep(3)
    assert len(slow.targets()) == 2
    assert slow.status(slow.ask(WEIGHT, **modify(1))) == 2, "other writes stay tasks"
    styles = {"in_use": "ResourceInUse", "coded": BUSY, "text": "FailedOperation", "unavailable": "ResourceUnavailable"}
    cloud = Shop(task_seconds=2, busy_style=[*styles], tag_is_task=False)
    cloud.write(REGISTER, B)
    codes = [cloud.code(REGISTER, **LB, Targets=[RULE]) for _ in range(8)]
    assert codes == [*styles.values()] * 2, "styles take turns"
    cloud.sleep(2)
    cloud.ask(TAG, **modify(1, Tag="x"))
    assert cloud.targets()[0]["Tag"] == "x"


@pytest.mark.parametrize(
    "first, second, expected",
    [
        ({"InstanceId": "ins-b"}, {"EniIp": "10.0.0.2"}, ("CVM", "ins-b", ["10.0.0.2"])),
        ({"EniIp": "10.0.0.2"}, {"InstanceId": "ins-b"}, ("CVM", "ins-b", ["10.0.0.2"])),
        ({"EniIp": "2001:DB8::1"}, {"EniIp": "2001:db8:0::1"}, ("ENI", "", ["2001:DB8::1"])),
    ],
)
def test_two_names_of_one_binding(first: dict[str, str], second: dict[str, str], expected: Any) -> None:
    cloud = Shop(**INSTANT)
    for name in (first, second):
        cloud.write(REGISTER, {"ListenerId": "lbl-tcp", "Port": 80, **name})
    (shown,) = cloud.targets()[1:]
    assert (shown["Type"], shown["InstanceId"], shown["PrivateIpAddresses"]) == expected
    cloud.write(DEREGISTER, {"ListenerId": "lbl-tcp", "Port": 80, **second})
    assert len(cloud.targets()) == 1


BOTH, TURNED = ["10.0.0.5", "10.0.0.6"], ["10.0.0.6", "10.0.0.5"]
ORDERS = {"as_given": [BOTH, BOTH], "own_first": [BOTH, TURNED], "own_last": [TURNED, BOTH]}


@pytest.mark.parametrize("order, shown", ORDERS.items())
def test_an_interface_with_two_addresses(order: str, shown: list[list[str]]) -> None:
    """Each binding shows both addresses, but is addressed by its own alone; at the start and registered later."""
    listener = {"id": "lbl-tcp", "protocol": "TCP", "port": 1, "targets": [{"eni_ip": "10.0.0.5", "port": 1}]}
    balancers = [{"id": "lb-1", "listeners": [listener]}]
    cloud = Shop(interfaces={"eni-1": BOTH}, interface_order=order, load_balancers=balancers, **INSTANT)
    second = {"ListenerId": "lbl-tcp", "EniIp": "10.0.0.6", "Port": 1}
    assert cloud.code(DEREGISTER, **LB, Targets=[second]) == "InvalidParameter"
    cloud.write(REGISTER, second)
    assert [target["PrivateIpAddresses"] for target in cloud.targets()] == shown
    assert len({target["EniId"] for target in cloud.targets()}) == 1
    assert [ip for ip, *_ in cloud.health()["lbl-tcp", None]] == ["10.0.0.5", "10.0.0.6"]
    cloud.write(DEREGISTER, second)
    assert [binding[2] for binding in cloud.bindings()] == ["10.0.0.5"]


def test_changes_of_weights_and_tags() -> None:
    cloud = Shop(**INSTANT)
    cloud.write(REGISTER, B)
    own, inherited = {"InstanceId": "ins-a", "Port": 80, "Weight": 0}, {"EniIp": "10.0.0.2", "Port": 80}
    answer = cloud.ask(WEIGHT, **LB, ModifyList=[{"ListenerId": "lbl-tcp", "Targets": [own, inherited], "Weight": 55}])
    assert (answer.keys(), cloud.status(answer)) == ({"RequestId"}, 0)
    assert weights(cloud.targets()) == {"10.0.0.1": 0, "10.0.0.2": 55}, "a target's own weight counts"
    for tag in ("grün", ""):
        cloud.ask(TAG, **modify(1, Tag=tag))
        assert cloud.targets()[0]["Tag"] == tag


def test_rules_are_found_by_domain_and_url_where_the_api_takes_them() -> None:
    cloud = Shop(**INSTANT)
    place = {"ListenerId": "lbl-http", "Domain": "B.example.com", "Url": "/v1"}
    target = {"EniIp": "10.0.0.7", "Port": 1}
    cloud.ask("RegisterTargets", **LB, **place, Targets=[{**target, "Type": "ENI"}])
    assert weights(cloud.targets("lbl-http", "loc-2")) == {"10.0.0.7": 10}
    cloud.ask(WEIGHT, **LB, ModifyList=[{**place, "Targets": [target], "Weight": 3}])
    assert weights(cloud.targets("lbl-http", "loc-2")) == {"10.0.0.7": 3}


@pytest.mark.parametrize(
    "target, expected",
    [
        (without(B, "Port"), "MissingParameter"),
        (without(B, "ListenerId"), "MissingParameter"),
        (without(B, "InstanceId"), "MissingParameter"),
        (without(B, Port=None), "MissingParameter"),
        (without(B, EniIp="10.0.0.5"), "InvalidParameter"),
        (without(B, Port="80"), "InvalidParameter"),
        (without(B, Port=True), "InvalidParameter"),
        (without(B, Wight=5), "UnknownParameter"),
        (without(B, Port=0), "InvalidParameterValue.Range"),
        (without(B, Port=65536), "InvalidParameterValue.Range"),
        (without(B, Weight=-1), "InvalidParameterValue.Range"),
        (without(B, "InstanceId", EniIp="10.0.0"), "InvalidParameter.FormatError"),
        (without(B, ListenerId="lbl-none"), "InvalidParameter.ListenerIdNotFound"),
        (without(B, ListenerId="lbl-group"), "InvalidParameter"),
    ],
)
def test_one_bad_target_refuses_the_batch(target: dict[str, Any], expected: str) -> None:
    cloud = Shop()
    before = cloud.bindings()
    assert cloud.code(REGISTER, **LB, Targets=[B, target]) == expected
    cloud.sleep(1)
    assert cloud.bindings() == before


@pytest.mark.parametrize(
    "option, failed, left",
    [("fail_listener", ["lbl-tcp"], 1), ("fail_target", ["lbl-tcp"], 0), ("ignore", [], 0)],
)
def test_removing_what_is_gone_spoils_its_own_listener_at_most(option: str, failed: list[str], left: int) -> None:
    cloud = Shop(deregister_gone=option, **INSTANT)
    in_rule = {"ListenerId": "lbl-http", "LocationId": "loc-1", "EniIp": "10.0.0.9", "Port": 8080}
    answer = cloud.write(DEREGISTER, A, B, in_rule)
    assert (answer["FailListenerIdSet"], bool(answer["Message"])) == (failed, bool(failed))
    assert (len(cloud.targets()), cloud.targets("lbl-http", "loc-1")) == (left, [])


def test_how_many_a_call_may_have() -> None:
    """The other limits are found by the conformance tool."""
    targets = [{"InstanceId": "ins-a", "Port": port} for port in range(1, 22)]
    for settings, maximum in (({}, 20), ({"limits": "exclusive"}, 20), ({"limits": {"single_targets": 2}}, 2)):
        cloud = Shop(**settings, **INSTANT)
        for amount, code in ((maximum, None), (maximum + 1, "InvalidParameterValue.Length")):
            sent = {**LB, "ListenerId": "lbl-tcp", "Targets": targets[:amount]}
            assert cloud.code("RegisterTargets", **sent) == code
    assert Shop().code(WEIGHT, **modify(*[25] * 20, 1)) == "InvalidParameterValue.Length", "501 in all"


def test_the_rate_of_all_and_of_single_actions() -> None:
    cloud = Shop(rate_limit=3, rate_limits={TARGETS: 1, "DescribeListeners": 0})
    codes = [cloud.code(TARGETS, **LB) for _ in range(2)]
    codes += [cloud.code("DescribeListeners", **LB) for _ in range(9)]
    codes += [cloud.code("DescribeLoadBalancers") for _ in range(4)]
    for seconds in (0.9, 0.2):
        cloud.sleep(seconds)
        codes.append(cloud.code("DescribeLoadBalancers"))
    limit = "RequestLimitExceeded"
    assert codes == [None, limit, *[None] * 9, None, None, None, limit, limit, None]


def register(**change: Any) -> dict[str, Any]:
    return {**LB, "Targets": [{**A, **change}]}


ELSEWHERE = {"LoadBalancerId": "lb-9"}
IN_RULE = {"ListenerId": "lbl-http"}
FILTER = {**LB, "Filters": [{"Name": "colour", "Values": ["red"]}]}
CALLS: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown_load_balancer": (TARGETS, ELSEWHERE, "InvalidParameter.LBIdNotFound"),
    "unknown_listener": (TARGETS, {**LB, "ListenerIds": ["lbl-9"]}, "InvalidParameter.ListenerIdNotFound"),
    "unknown_filter": (TARGETS, FILTER, "InvalidParameter.InvalidFilter"),
    "unknown_rule": (REGISTER, register(**IN_RULE, LocationId="loc-9"), "InvalidParameter.LocationNotFound"),
    "no_rule": (REGISTER, register(**IN_RULE), "InvalidParameter.LocationNotFound"),
    "rule_on_layer4": (REGISTER, register(LocationId="loc-1"), "InvalidParameter.ProtocolCheckFailed"),
    "unknown_target": (DEREGISTER, register(InstanceId="ins-b"), "InvalidParameter"),
    "quota": (REGISTER, batch(101), "LimitExceeded"),
    "length": (REGISTER, batch(501), "InvalidParameterValue.Length"),
    "range": (REGISTER, register(Weight=101), "InvalidParameterValue.Range"),
}


@pytest.mark.parametrize("situation", CALLS)
def test_the_code_of_a_refusal_can_be_another(situation: str) -> None:
    action, params, usual = CALLS[situation]
    other = {"code": "InvalidParameter", "message": "LB not exist"}
    for key in (situation, f"{action}.{situation}"):
        refusal = Shop(codes={key: other, f"RegisterTargets.{situation}": "X"}).refusal(action, **params)
        assert refusal is not None
        assert (refusal.code, refusal.message) == ("InvalidParameter", "LB not exist")
    chinese = Shop(language="zh-CN").refusal(action, **params)
    assert chinese is not None
    assert (chinese.code, chinese.message.isascii()) == (usual, False)


def test_nulls_stand_where_something_is_empty_or_only_describes() -> None:
    cloud = Shop(sparse=True, task_seconds=0)
    tcp, http, group = cloud.ask(TARGETS, **LB)["Listeners"]
    (target,) = tcp["Targets"]
    assert (target["PrivateIpAddresses"], target["Weight"], target["Tag"]) == (["10.0.0.1"], 10, "blue")
    nulls = {"PublicIpAddresses", "InstanceName", "RegisteredTime", "EniId", "Zone"}
    assert {name for name, value in target.items() if value is None} == nulls
    assert (group["Targets"], http["Rules"][1]["Targets"], http["Rules"][0]["Targets"][0]["Tag"]) == (None, None, None)


def test_settings_at_run_time_keep_the_state() -> None:
    cloud = Shop(task_seconds=9)
    cloud.configure(task_seconds=1, tags=False, quotas={"targets": 2})
    cloud.write(REGISTER, B)
    cloud.sleep(1)
    assert ["Tag" in target for target in cloud.targets()] == [False, False]
    cloud.configure(tags=True)
    assert [target["Tag"] for target in cloud.targets()] == ["blue", ""]


def test_an_emulator_like_a_report(tmp_path: Path) -> None:
    report = tmp_path / "conformance.json"
    report.write_text(json.dumps({"settings": {"batch_is_task": False, "health": {"after": 3}}}))
    scenario = {**SHOP, "health": {"dead": ["ins-a"]}, "task_seconds": 7}
    assert like(scenario, report) == {**scenario, "batch_is_task": False, "health": {"dead": ["ins-a"], "after": 3}}
    assert Emulator(SHOP, like=report).scenario["batch_is_task"] is False
    for wrong in ("[]", "no", '{"settings": []}', "{}"):
        report.write_text(wrong)
        with pytest.raises(ValueError, match="is no conformance report"):
            like(SHOP, report)


WRONG: dict[str, tuple[Any, ...]] = {
    "limits": ({"colours": 1}, "strict"), "codes": ({"unknown_colour": "X"}, "odd"), "reregister": ("x",),
    "fail_listener_set": ("nil",), "unknown_instances": ("maybe",), "regoin": ("ap-tokyo",), "task_seconds": ("long",),
    "tags": ("no",), "busy_style": ("loud", [], ["coded", "loud"], None),
}  # fmt: skip


@pytest.mark.parametrize("name, value", [(name, value) for name, values in WRONG.items() for value in values])
def test_settings_that_mean_nothing(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Shop(**{name: value})
