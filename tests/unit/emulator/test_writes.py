# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes: tasks and the lock, what they bind, what they refuse, and how settings make another cloud of it."""

from __future__ import annotations

from typing import Any

import pytest

from .shop import (
    BUSY,
    DEREGISTER,
    HEALTH,
    LB,
    REGISTER,
    RULE,
    TAG,
    TARGETS,
    WEIGHT,
    A,
    B,
    Shop,
    batch,
    modify,
    response,
)

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


@pytest.mark.parametrize("is_task", [True, False])
def test_the_lock_can_outlast_the_work(is_task: bool) -> None:
    cloud = Shop(batch_is_task=is_task, lock_after=1.5, **INSTANT)
    cloud.write(REGISTER, B)
    assert len(cloud.targets()) == 2, "everything is bound"
    codes = []
    for seconds in (0, 1.4, 0.2):
        cloud.sleep(seconds)
        codes.append(cloud.code(REGISTER, **LB, Targets=[RULE]))
    assert codes == [BUSY, BUSY, None]


def test_a_batch_that_is_no_task_is_done_when_it_is_answered() -> None:
    cloud = Shop(batch_is_task=False, task_seconds=2)
    answer = cloud.write(REGISTER, B)
    assert (len(cloud.targets()), cloud.code("DescribeTaskStatus", TaskId=answer["RequestId"])) == (
        2,
        "InvalidParameter",
    )
    assert cloud.status(cloud.ask(WEIGHT, **modify(1))) == 2, "other writes stay tasks"
    slow = Shop(batch_is_task=False, batch_seconds=3, latency_ms=50)
    assert slow.raw(REGISTER, **LB, Targets=[B]).delay == 3.05
    assert (slow.code(REGISTER, **LB, Targets=[RULE]), len(slow.targets())) == (BUSY, 1)
    slow.sleep(3)
    assert len(slow.targets()) == 2


@pytest.mark.parametrize("is_task", [True, False])
@pytest.mark.parametrize("action, setting", [(WEIGHT, "weight_is_task"), (TAG, "tag_is_task")])
def test_which_changes_are_tasks(action: str, setting: str, is_task: bool) -> None:
    cloud = Shop(task_seconds=2, **{setting: is_task})
    cloud.ask(action, **modify(1, Weight=3, Tag="x"))
    seen = []
    for seconds in (0, 2):
        cloud.sleep(seconds)
        (target,) = cloud.targets()
        seen.append((target["Weight"], target["Tag"]) != (10, "blue"))
    assert seen == [not is_task, True]


@pytest.mark.parametrize("needs_free", [True, False])
def test_tags_while_a_task_runs(needs_free: bool) -> None:
    cloud = Shop(task_seconds=2, tag_needs_free=needs_free)
    cloud.write(REGISTER, B)
    assert (cloud.code(TAG, **modify(1, Tag="x")) is not None) is needs_free


@pytest.mark.parametrize(
    "style, code, texts",
    [
        ("coded", BUSY, ["is not in normal state", "is not in normal desState"]),
        ("text", "FailedOperation", ["Task Check Failed : Same wsName is Working(lb-1), pls Try Later"]),
        ("text2", "FailedOperation", ["Your task is working (lb-1)"]),
        ("in_use", "ResourceInUse", ["in use"]),
        ("unavailable", "ResourceUnavailable", ["unavailable"]),
        ("status", BUSY, ["is not in normal status"]),
        ("abnormal", BUSY, ["desState is abnormal"]),
    ],
)
def test_the_styles_of_busy(style: str, code: str, texts: list[str]) -> None:
    cloud = Shop(task_seconds=2)
    cloud.configure(busy_style=style)
    cloud.write(REGISTER, B)
    for index in range(4):
        refusal = cloud.refusal(REGISTER, **LB, Targets=[RULE])
        assert refusal is not None
        assert (refusal.code in (code, "FailedOperation"), texts[index % len(texts)] in refusal.message) == (True, True)


def test_several_styles_take_turns() -> None:
    cloud = Shop(task_seconds=2, busy_style=["in_use", "coded"])
    cloud.write(REGISTER, B)
    codes = [cloud.code(REGISTER, **LB, Targets=[RULE]) for _ in range(4)]
    assert codes == ["ResourceInUse", BUSY, "ResourceInUse", BUSY]


@pytest.mark.parametrize(
    "option, weight, tag",
    [
        ("keep", 10, "blue"),
        ("overwrite", 7, "blue"),
        ("overwrite_tag", 10, "green"),
        ("overwrite_all", 7, "green"),
        ("refuse", 10, "blue"),
    ],
)
def test_registering_again(option: str, weight: int, tag: str) -> None:
    cloud = Shop(reregister=option, **INSTANT)
    code = cloud.code(REGISTER, **LB, Targets=[{**A, "Weight": 7, "Tag": "green"}])
    assert code == ("InvalidParameterValue.Duplicate" if option == "refuse" else None)
    (target,) = cloud.targets()
    assert (target["Weight"], target["Tag"]) == (weight, tag)


@pytest.mark.parametrize("option, bound", [("first", [10, 1]), ("last", [10, 2]), ("refuse", [10])])
def test_the_same_twice_in_one_call(option: str, bound: list[int]) -> None:
    cloud = Shop(repeated=option, **INSTANT)
    code = cloud.code(REGISTER, **LB, Targets=[{**B, "Weight": 1}, {**B, "Weight": 2}])
    assert code == ("InvalidParameterValue.Duplicate" if option == "refuse" else None)
    assert [target["Weight"] for target in cloud.targets()] == bound


def test_an_instance_and_its_primary_address_are_one_binding() -> None:
    names = [{"InstanceId": "ins-b"}, {"EniIp": "10.0.0.2"}]
    for first, second in (names, names[::-1]):
        cloud = Shop(**INSTANT)
        for name in (first, second):
            cloud.write(REGISTER, {"ListenerId": "lbl-tcp", "Port": 80, **name})
        (shown,) = cloud.targets()[1:]
        assert (shown["Type"], shown["InstanceId"], shown["PrivateIpAddresses"]) == ("CVM", "ins-b", ["10.0.0.2"])
        cloud.write(DEREGISTER, {"ListenerId": "lbl-tcp", "Port": 80, **second})
        assert len(cloud.targets()) == 1


def test_ipv6_is_compared_parsed() -> None:
    cloud = Shop(ipv6_spelling="exploded", **INSTANT)
    place = {"ListenerId": "lbl-tcp", "Port": 80}
    for spelling in ("2001:DB8::1", "2001:db8:0::1"):
        cloud.write(REGISTER, {**place, "EniIp": spelling})
    (shown,) = cloud.targets()[1:]
    assert (shown["Type"], shown["PrivateIpAddresses"]) == ("ENI", ["2001:0db8:0000:0000:0000:0000:0000:0001"])
    cloud.write(DEREGISTER, {**place, "EniIp": "2001:db8::0:1"})
    assert len(cloud.targets()) == 1


@pytest.mark.parametrize(
    "order, shown",
    [
        ("as_given", [["10.0.0.5", "10.0.0.6"], ["10.0.0.5", "10.0.0.6"]]),
        ("own_first", [["10.0.0.5", "10.0.0.6"], ["10.0.0.6", "10.0.0.5"]]),
        ("own_last", [["10.0.0.6", "10.0.0.5"], ["10.0.0.5", "10.0.0.6"]]),
    ],
)
def test_an_interface_with_two_addresses(order: str, shown: list[list[str]]) -> None:
    """Each binding shows both addresses, but is addressed by its own alone; at the start and registered later."""
    listener = {"id": "lbl-tcp", "protocol": "TCP", "port": 1, "targets": [{"eni_ip": "10.0.0.5", "port": 1}]}
    interfaces = {"eni-1": ["10.0.0.5", "10.0.0.6"]}
    balancers = [{"id": "lb-1", "listeners": [listener]}]
    cloud = Shop(interfaces=interfaces, interface_order=order, load_balancers=balancers, **INSTANT)
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
    entry = {"ListenerId": "lbl-tcp", "Targets": [own, inherited], "Weight": 55}
    answer = cloud.ask(WEIGHT, **LB, ModifyList=[entry])
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


def test_reads_lag_behind_a_finished_task() -> None:
    cloud = Shop(task_seconds=1, read_lag=3)
    task = cloud.write(REGISTER, B)
    cloud.sleep(1.5)
    assert (cloud.status(task), len(cloud.targets()), len(cloud.bindings())) == (0, 1, 3)
    cloud.sleep(2.6)
    assert len(cloud.targets()) == 2


@pytest.mark.parametrize("shape, expected", [("list", []), ("null", None), (None, None), ("missing", "none")])
def test_the_shapes_of_no_failure(shape: str | None, expected: Any) -> None:
    assert Shop(fail_listener_set=shape).write(REGISTER, B).get("FailListenerIdSet", "none") == expected


@pytest.mark.parametrize(
    "option, failed, left",
    [("fail_listener", ["lbl-tcp"], {"ins-a"}), ("fail_target", ["lbl-tcp"], set()), ("ignore", [], set())],
)
def test_removing_what_is_gone(option: str, failed: list[str], left: set[str]) -> None:
    cloud = Shop(deregister_gone=option, **INSTANT)
    rule = {"ListenerId": "lbl-http", "LocationId": "loc-1", "EniIp": "10.0.0.9", "Port": 8080}
    answer = cloud.write(DEREGISTER, A, B, rule)
    assert (answer["FailListenerIdSet"], bool(answer["Message"])) == (failed, bool(failed))
    assert {target["InstanceId"] for target in cloud.targets()} == left
    assert cloud.targets("lbl-http", "loc-1") == []
    gone = {"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-c", "Port": 80, "Weight": 0}]}
    assert cloud.code(WEIGHT, **LB, ModifyList=[gone]) == "InvalidParameter", "whatever the option"


HTTP = {"ListenerId": "lbl-http", "LocationId": "loc-1", "EniIp": "10.0.0.9", "Port": 8080}


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
        (without(B, Weight=101), "InvalidParameterValue.Range"),
        (without(B, "InstanceId", EniIp="10.0.0"), "InvalidParameter.FormatError"),
        (without(B, ListenerId="lbl-none"), "InvalidParameter.ListenerIdNotFound"),
        (without(B, LocationId="loc-1"), "InvalidParameter.ProtocolCheckFailed"),
        (without(B, ListenerId="lbl-group"), "InvalidParameter"),
        (without(HTTP, "LocationId"), "InvalidParameter.LocationNotFound"),
        (without(HTTP, LocationId="loc-none"), "InvalidParameter.LocationNotFound"),
    ],
)
def test_one_bad_target_refuses_the_batch(target: dict[str, Any], expected: str) -> None:
    cloud = Shop()
    before = cloud.bindings()
    assert cloud.code(REGISTER, **LB, Targets=[B, target]) == expected
    cloud.sleep(1)
    assert cloud.bindings() == before


@pytest.mark.parametrize("target", [without(HTTP, Port=8081), without(HTTP, LocationId="loc-2"), B])
@pytest.mark.parametrize("action", [DEREGISTER, WEIGHT, TAG])
def test_what_is_not_bound(action: str, target: dict[str, Any]) -> None:
    place = {name: target[name] for name in ("ListenerId", "LocationId") if name in target}
    change = {"ModifyList": [{**place, "Targets": [without(target, "ListenerId", "LocationId")]}]}
    refusal = Shop().refusal(action, **LB, **({"Targets": [target]} if action == DEREGISTER else change))
    assert refusal is not None
    assert (refusal.code, "is not bound" in refusal.message) == ("InvalidParameter", True)


def test_an_instance_that_the_scenario_does_not_name() -> None:
    target = without(B, InstanceId="ins-unheard")
    assert Shop(unknown_instances="refuse").code(REGISTER, **LB, Targets=[target]) == "InvalidParameter"
    cloud = Shop(**INSTANT)
    cloud.write(REGISTER, target)
    shown = cloud.targets()[-1]
    assert (shown["InstanceId"], shown["PrivateIpAddresses"][0][:3]) == ("ins-unheard", "10.")


@pytest.mark.parametrize("counts, again", [("new", True), ("sent", False)])
def test_quota_counts_what_is_bound_and_what_is_sent(counts: str, again: bool) -> None:
    cloud = Shop(quotas={"targets": 2}, quota_counts=counts, **INSTANT)
    known, new, more = ({**B, "InstanceId": name} for name in ("ins-a", "ins-b", "ins-c"))
    assert cloud.code(REGISTER, **LB, Targets=[known, new, more]) == "LimitExceeded"
    cloud.write(REGISTER, new)
    assert cloud.code(REGISTER, **LB, Targets=[more]) == "LimitExceeded"
    assert cloud.code(REGISTER, **LB, Targets=[known, new]) == (None if again else "LimitExceeded")
    assert len(cloud.targets()) == 2


def single(amount: int) -> dict[str, Any]:
    return {
        **LB,
        "ListenerId": "lbl-tcp",
        "Targets": [{"InstanceId": "ins-a", "Port": port + 1} for port in range(amount)],
    }


@pytest.mark.parametrize(
    "name, maximum, action, params",
    [
        ("targets", 500, REGISTER, batch),
        ("targets", 500, DEREGISTER, batch),
        ("entries", 100, WEIGHT, lambda amount: modify(*[1] * amount)),
        ("entry_targets", 50, WEIGHT, modify),
        ("targets", 500, WEIGHT, lambda amount: modify(*[25] * (amount // 25), *filter(None, [amount % 25]))),
        ("targets", 500, TAG, lambda amount: modify(amount, Tag="x")),
        ("single_targets", 20, "RegisterTargets", single),
        ("listener_ids", 20, TARGETS, lambda amount: {**LB, "ListenerIds": ["lbl-tcp"] * amount}),
        ("described_listeners", 100, "DescribeListeners", lambda amount: {**LB, "ListenerIds": ["x"] * amount}),
        ("load_balancer_ids", 20, "DescribeLoadBalancers", lambda amount: {"LoadBalancerIds": ["lb-1"] * amount}),
        ("health_load_balancers", 30, HEALTH, lambda amount: {"LoadBalancerIds": ["lb-1"] * amount}),
    ],
)
def test_how_many_a_call_may_have(name: str, maximum: int, action: str, params: Any) -> None:
    def too_long(amount: int, **settings: Any) -> bool:
        answered = response(Shop(quotas={"targets": 1000}, **settings).raw(action, **params(amount)))
        return bool(answered.get("Error", {}).get("Code") == "InvalidParameterValue.Length")

    exclusive = maximum - 1 if name not in ("described_listeners", "single_targets") else maximum
    assert [too_long(maximum), too_long(maximum + 1)] == [False, True]
    assert [too_long(exclusive, limits="exclusive"), too_long(exclusive + 1, limits="exclusive")] == [False, True]
    assert [too_long(2, limits={name: 2}), too_long(3, limits={name: 2})] == [False, True]


def test_the_rate_of_all_and_of_single_actions() -> None:
    cloud = Shop(rate_limit=3, rate_limits={TARGETS: 1, "DescribeListeners": 0})
    codes = [cloud.code(TARGETS, **LB) for _ in range(2)]
    codes += [cloud.code("DescribeListeners", **LB) for _ in range(9)]
    codes += [cloud.code("DescribeLoadBalancers") for _ in range(4)]
    limit = "RequestLimitExceeded"
    assert codes == [None, limit, *[None] * 9, None, None, None, limit]
    codes = []
    for seconds in (0.9, 0.2):
        cloud.sleep(seconds)
        codes.append(cloud.code("DescribeLoadBalancers"))
    assert codes == [limit, None]
