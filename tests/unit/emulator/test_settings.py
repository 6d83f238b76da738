# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clouds that are not like the usual one: other codes, texts, limits, nulls, order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.busy import STYLES
from clb_emulator.scenario import like
from clb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from clb_emulator.errors import ApiError

    from .conftest import InProcess

    Clouds = Callable[..., InProcess]
    Refused = Callable[..., ApiError]

A = {"ListenerId": "lbl-tcp", "InstanceId": "ins-a", "Port": 80}
B = {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}
WEIGHT, TARGETS, HEALTH = "BatchModifyTargetWeight", "DescribeTargets", "DescribeTargetHealth"


def batch(amount: int) -> dict[str, Any]:
    return {"LoadBalancerId": "lb-1", "Targets": [{**A, "Port": port} for port in range(1, amount + 1)]}


def weights(*sizes: int) -> dict[str, Any]:
    entries = [
        {"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-a", "Port": 80, "Weight": 1}] * size}
        for size in sizes
    ]
    return {"LoadBalancerId": "lb-1", "ModifyList": entries}


CALLS: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown_load_balancer": (TARGETS, {"LoadBalancerId": "lb-9"}, "InvalidParameter.LBIdNotFound"),
    "unknown_listener": (
        TARGETS,
        {"LoadBalancerId": "lb-1", "ListenerIds": ["lbl-9"]},
        "InvalidParameter.ListenerIdNotFound",
    ),
    "unknown_filter": (
        TARGETS,
        {"LoadBalancerId": "lb-1", "Filters": [{"Name": "colour", "Values": ["red"]}]},
        "InvalidParameter.InvalidFilter",
    ),
    "unknown_rule": (
        "BatchRegisterTargets",
        {"LoadBalancerId": "lb-1", "Targets": [{**A, "ListenerId": "lbl-http", "LocationId": "loc-9"}]},
        "InvalidParameter.LocationNotFound",
    ),
    "no_rule": (
        "BatchRegisterTargets",
        {"LoadBalancerId": "lb-1", "Targets": [{**A, "ListenerId": "lbl-http"}]},
        "InvalidParameter.LocationNotFound",
    ),
    "rule_on_layer4": (
        "BatchRegisterTargets",
        {"LoadBalancerId": "lb-1", "Targets": [{**A, "LocationId": "loc-1"}]},
        "InvalidParameter.ProtocolCheckFailed",
    ),
    "unknown_target": ("BatchDeregisterTargets", {"LoadBalancerId": "lb-1", "Targets": [B]}, "InvalidParameter"),
    "quota": ("BatchRegisterTargets", batch(101), "LimitExceeded"),
    "length": ("BatchRegisterTargets", batch(501), "InvalidParameterValue.Length"),
    "range": (
        "BatchRegisterTargets",
        {"LoadBalancerId": "lb-1", "Targets": [{**A, "Weight": 101}]},
        "InvalidParameterValue.Range",
    ),
}


@pytest.mark.parametrize("situation", CALLS)
def test_the_code_of_a_refusal_can_be_another(in_process: Clouds, refused: Refused, situation: str) -> None:
    action, params, usual = CALLS[situation]
    assert refused(in_process().call, action, **params).code == usual
    other = {"code": "InvalidParameter", "message": "LB not exist"}
    for key in (situation, f"{action}.{situation}"):
        refusal = refused(in_process(codes={key: other, f"RegisterTargets.{situation}": "X"}).call, action, **params)
        assert (refusal.code, refusal.message) == ("InvalidParameter", "LB not exist")
    chinese = refused(in_process(language="zh-CN").call, action, **params)
    assert (chinese.code, chinese.message.isascii()) == (usual, False)


@pytest.mark.parametrize(
    "action, params, code",
    [
        (WEIGHT, {**weights(1), "LoadBalancerId": "lb-9"}, "InvalidParameter"),
        (TARGETS, CALLS["unknown_filter"][1], "InvalidParameterValue.InvalidFilter"),
        (TARGETS, {"LoadBalancerId": "lb-9"}, "InvalidParameter"),
        ("BatchRegisterTargets", {**batch(1), "LoadBalancerId": "lb-9"}, "InvalidParameter.LBIdNotFound"),
    ],
)
def test_the_codes_that_the_pages_of_the_actions_list(
    in_process: Clouds, refused: Refused, action: str, params: dict[str, Any], code: str
) -> None:
    assert refused(in_process(codes="documented").call, action, **params).code == code


def test_busy_has_a_bare_code_where_the_page_lists_no_other(in_process: Clouds, refused: Refused) -> None:
    cloud = in_process(codes="documented", task_seconds=9)
    cloud.write("BatchRegisterTargets", B)
    for action, code in (("BatchDeregisterTargets", "FailedOperation"), ("BatchRegisterTargets", None)):
        refusal = refused(cloud.write, action, A)
        assert refusal.code == (code or "FailedOperation.ResourceInOperating")
        assert "is not in normal" in refusal.message


@pytest.mark.parametrize("code", [None, "InvalidParameter", "InternalError", "Novel.Code"])
@pytest.mark.parametrize(
    "style, text",
    [
        ("working", "Your task is working"),
        ("status", "is not in normal status"),
        ("des_state", "is not in normal desState"),
        ("abnormal", "desState is abnormal"),
        ("des_status", "des status abnormal"),
    ],
)
def test_busy_in_any_words_under_any_code(
    in_process: Clouds, refused: Refused, style: str, text: str, code: str | None
) -> None:
    order = {"kind": "busy", "style": style, "times": 2, **({"code": code} if code else {})}
    cloud = in_process(faults=[order])
    for call in (lambda: cloud.write("BatchRegisterTargets", B), lambda: cloud.call(HEALTH, LoadBalancerIds=["lb-1"])):
        refusal = refused(call)
        assert (refusal.code, text in refusal.message) == (code or STYLES[style][0][0], True)
    cloud.write("BatchRegisterTargets", B)


def test_a_fault_can_meet_the_calls_of_one_load_balancer(in_process: Clouds, refused: Refused) -> None:
    order = {"kind": "error", "code": "InternalError", "times": -1, "load_balancers": ["lb-2"]}
    cloud = in_process(load_balancers=[{"id": "lb-1"}, {"id": "lb-2"}], faults=[order])
    cloud.call(TARGETS, LoadBalancerId="lb-1")
    cloud.call("DescribeLoadBalancers")
    assert refused(cloud.call, TARGETS, LoadBalancerId="lb-2").code == "InternalError"
    assert refused(cloud.call, HEALTH, LoadBalancerIds=["lb-1", "lb-2"]).code == "InternalError"


@pytest.mark.parametrize(
    "name, maximum, action, of",
    [
        ("targets", 500, "BatchRegisterTargets", batch),
        ("targets", 500, "BatchDeregisterTargets", batch),
        ("entries", 100, WEIGHT, lambda amount: weights(*[1] * amount)),
        ("entry_targets", 50, WEIGHT, weights),
        ("targets", 500, "BatchModifyTargetTag", weights),
        ("listener_ids", 20, TARGETS, lambda amount: {"LoadBalancerId": "lb-1", "ListenerIds": ["lbl-tcp"] * amount}),
        ("described_listeners", 100, "DescribeListeners", lambda amount: {**batch(0), "ListenerIds": ["x"] * amount}),
        ("load_balancer_ids", 20, "DescribeLoadBalancers", lambda amount: {"LoadBalancerIds": ["lb-1"] * amount}),
        ("health_load_balancers", 30, HEALTH, lambda amount: {"LoadBalancerIds": ["lb-1"] * amount}),
    ],
)
def test_limits_can_be_lower(in_process: Clouds, name: str, maximum: int, action: str, of: Callable[..., Any]) -> None:
    def is_too_long(amount: int, **settings: Any) -> bool:
        params = {key: value for key, value in of(amount).items() if value}
        answer = json.loads(in_process(quotas={"targets": 1000}, **settings).answer(action, params).body)["Response"]
        return bool(answer.get("Error", {}).get("Code") == "InvalidParameterValue.Length")

    assert [is_too_long(maximum), is_too_long(maximum + 1)] == [False, True]
    assert [is_too_long(2, limits={name: 2}), is_too_long(3, limits={name: 2})] == [False, True]
    exclusive = maximum if name == "described_listeners" else maximum - 1
    assert [is_too_long(exclusive, limits="exclusive"), is_too_long(exclusive + 1, limits="exclusive")] == [False, True]


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
def test_registering_again(in_process: Clouds, refused: Refused, option: str, weight: int, tag: str) -> None:
    cloud = in_process(reregister=option, task_seconds=0)
    again = {**A, "Weight": 7, "Tag": "green"}
    if option == "refuse":
        assert refused(cloud.write, "BatchRegisterTargets", again).code == "InvalidParameterValue.Duplicate"
    else:
        cloud.write("BatchRegisterTargets", again)
    (target,) = cloud.targets("lbl-tcp")
    assert (target["Weight"], target["Tag"]) == (weight, tag)


@pytest.mark.parametrize("option, weight", [("first", 1), ("last", 2), ("refuse", None)])
def test_the_same_twice_in_one_call(in_process: Clouds, refused: Refused, option: str, weight: int | None) -> None:
    cloud = in_process(repeated=option, task_seconds=0)
    twice = [{**B, "Weight": 1}, {**B, "Weight": 2}]
    if weight is None:
        assert refused(cloud.write, "BatchRegisterTargets", *twice).code == "InvalidParameterValue.Duplicate"
        return
    cloud.write("BatchRegisterTargets", *twice)
    assert [target["Weight"] for target in cloud.targets("lbl-tcp")] == [10, weight]


@pytest.mark.parametrize(
    "option, found", [("accept", ["lb-web"]), ("ignore", ["lb-none", "lb-db", "lb-web"]), ("refuse", None)]
)
def test_filters_by_tag(in_process: Clouds, refused: Refused, option: str, found: list[str] | None) -> None:
    balancers = [{"id": f"lb-{team}", "tags": {"team": team}} for team in ("web", "db")]
    cloud = in_process(load_balancers=[*balancers, {"id": "lb-none", "tags": None}], tag_filters=option)
    params = {"Filters": [{"Name": "tag:team", "Values": ["web"]}]}
    if found is None:
        assert refused(cloud.call, "DescribeLoadBalancers", **params).code == "InvalidParameter.InvalidFilter"
        return
    answered = cloud.call("DescribeLoadBalancers", **params)["LoadBalancerSet"]
    assert [item["LoadBalancerId"] for item in answered] == found
    assert [item["Tags"] for item in answered if item["LoadBalancerId"] == "lb-none"] in ([], [None])


def test_the_number_of_targets_is_answered_where_it_is_asked_for(in_process: Clouds, refused: Refused) -> None:
    cloud = in_process()
    (plain,) = cloud.call("DescribeLoadBalancers")["LoadBalancerSet"]
    (full,) = cloud.call("DescribeLoadBalancers", AdditionalFields=["TargetCount"])["LoadBalancerSet"]
    assert full == {**plain, "TargetCount": 2}
    assert refused(cloud.call, "DescribeLoadBalancers", AdditionalFields=["X"]).code == "InvalidParameterValue"


def test_nulls_stand_where_something_is_empty_or_only_describes(in_process: Clouds) -> None:
    cloud = in_process(sparse=True, task_seconds=0)
    tcp, http, group = cloud.call(TARGETS, LoadBalancerId="lb-1")["Listeners"]
    (target,) = tcp["Targets"]
    assert (target["PrivateIpAddresses"], target["Weight"], target["Tag"]) == (["10.0.0.1"], 10, "blue")
    assert {name for name, value in target.items() if value is None} == {
        "PublicIpAddresses", "InstanceName", "RegisteredTime", "EniId", "Zone",
    }  # fmt: skip
    assert (group["Targets"], http["Rules"][1]["Targets"], http["Rules"][0]["Targets"][0]["Tag"]) == (None, None, None)
    answer = cloud.write("BatchRegisterTargets", B)
    assert (answer["FailListenerIdSet"], answer["Message"]) == (None, None)
    assert cloud.call("DescribeListeners", LoadBalancerId="lb-1")["Listeners"][0]["TargetType"] is None
    cloud = in_process(sparse=True, load_balancers=[{"id": "lb-1"}])
    assert cloud.call(TARGETS, LoadBalancerId="lb-1")["Listeners"] is None
    assert cloud.call("DescribeLoadBalancers")["LoadBalancerSet"][0]["Tags"] is None


def test_answers_in_another_order_each_time(in_process: Clouds) -> None:
    generate = {"listeners": 6, "targets": 3}
    cloud = in_process(load_balancers=[{"id": "lb-1", "generate": generate}], order="random")
    answers = [cloud.call(TARGETS, LoadBalancerId="lb-1")["Listeners"] for _ in range(3)]
    orders = [[listener["ListenerId"] for listener in answer] for answer in answers]
    assert len({tuple(order) for order in orders}) == 3
    assert {tuple(sorted(order)) for order in orders} == {tuple(f"lbl-g{index:04}" for index in range(6))}


def test_single_fields_can_be_null(in_process: Clouds) -> None:
    cloud = in_process(sparse=["Targets", "Zone"])
    tcp, _, group = cloud.call(TARGETS, LoadBalancerId="lb-1")["Listeners"]
    assert (group["Targets"], tcp["Targets"][0]["Zone"], tcp["Targets"][0]["InstanceName"]) == (None, None, "a")


@pytest.mark.parametrize("is_task", [True, False])
@pytest.mark.parametrize("action, setting", [(WEIGHT, "weight_is_task"), ("BatchModifyTargetTag", "tag_is_task")])
def test_which_writes_are_tasks(in_process: Clouds, action: str, setting: str, is_task: bool) -> None:
    cloud = in_process(task_seconds=2, **{setting: is_task})
    entry = {"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-a", "Port": 80, "Weight": 3, "Tag": "x"}]}
    cloud.call(action, LoadBalancerId="lb-1", ModifyList=[entry])

    def is_old() -> bool:
        (target,) = cloud.targets("lbl-tcp")
        return (target["Weight"], target["Tag"]) == (10, "blue")

    assert is_old() is is_task
    cloud.wait(2)
    assert not is_old()


@pytest.mark.parametrize("needs_free", [True, False])
def test_tags_while_a_task_runs(in_process: Clouds, needs_free: bool) -> None:
    cloud = in_process(task_seconds=2, tag_needs_free=needs_free)
    cloud.write("BatchRegisterTargets", B)
    entry = {"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-a", "Port": 80, "Tag": "x"}]}
    body = json.loads(cloud.answer("BatchModifyTargetTag", {"LoadBalancerId": "lb-1", "ModifyList": [entry]}).body)
    assert ("Error" in body["Response"]) is needs_free


def test_defaults_that_can_be_others(in_process: Clouds) -> None:
    domain = "bücher.example.com"
    rule = {"id": "loc-1", "domain": domain, "targets": [{"instance_id": "ins-a", "port": 1}]}
    web = {"id": "lbl-web", "protocol": "HTTP", "port": 80, "rules": [rule]}
    tcp = {"id": "lbl-tcp", "protocol": "TCP", "port": 81}
    balancers = {"load_balancers": [{"id": "lb-1", "listeners": [web, tcp]}], "task_seconds": 0}
    usual = in_process(**balancers)
    other = in_process(**balancers, default_weight=1, ipv6_type="CVM", domains="punycode", target_count="always")
    for cloud, weight, kind, shown, counted in (
        (usual, 10, "ENI", domain, False),
        (other, 1, "CVM", "xn--bcher-kva.example.com", True),
    ):
        cloud.write("BatchRegisterTargets", {"ListenerId": "lbl-tcp", "EniIp": "2001:db8::1", "Port": 1})
        (target,) = cloud.targets("lbl-tcp")
        assert (target["Weight"], target["Type"], bool(target["InstanceId"])) == (weight, kind, kind == "CVM")
        assert cloud.call(TARGETS, LoadBalancerId="lb-1")["Listeners"][0]["Rules"][0]["Domain"] == shown
        assert ("TargetCount" in cloud.call("DescribeLoadBalancers")["LoadBalancerSet"][0]) is counted
    never = in_process(target_count="never").call("DescribeLoadBalancers", AdditionalFields=["TargetCount"])
    assert "TargetCount" not in never["LoadBalancerSet"][0]


def test_looking_for_a_target_sees_it_late(in_process: Clouds, refused: Refused) -> None:
    cloud = in_process(task_seconds=1, detail_lag=5)
    filters = [{"Name": "target-ip", "Values": ["10.0.0.2"]}, {"Name": "loadbalancer-id", "Values": ["lb-1"]}]
    cloud.write("BatchRegisterTargets", B)
    for seconds, found in ((0, 0), (5, 0), (1, 1)):
        cloud.wait(seconds)
        assert cloud.call("DescribeLoadBalancersDetail", Filters=filters)["TotalCount"] == found
    wrong = [{"Name": "colour", "Values": ["red"]}]
    assert refused(cloud.call, "DescribeLoadBalancersDetail", Filters=wrong).code == "InvalidParameter.InvalidFilter"


def test_an_emulator_like_a_report(shop: dict[str, Any], tmp_path: Path) -> None:
    report = tmp_path / "conformance.json"
    report.write_text(json.dumps({"settings": {"batch_is_task": False, "health": {"after": 3}}}))
    scenario = {**shop, "health": {"dead": ["ins-a"]}, "task_seconds": 7}
    assert like(scenario, report) == {**scenario, "batch_is_task": False, "health": {"dead": ["ins-a"], "after": 3}}
    with Emulator(shop, like=report) as emulator:
        assert emulator.scenario["batch_is_task"] is False
    for wrong in ("[]", "no", '{"settings": []}', "{}"):
        report.write_text(wrong)
        with pytest.raises(ValueError, match="is no conformance report"):
            like(shop, report)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limits": {"colours": 1}},
        {"limits": "strict"},
        {"codes": {"unknown_colour": "X"}},
        {"codes": "odd"},
        {"reregister": "x"},
    ],
)
def test_settings_that_mean_nothing(in_process: Clouds, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        in_process(**wrong)
