# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults: which calls meet them, what comes back, and what was applied all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clb_emulator.errors import BrokenAnswer
from clb_emulator.faults import Fault

from .shop import BUSY, HEALTH, LB, REGISTER, RULE, TARGETS, WEIGHT, A, B, Shop, modify, response

FOUR = [{**RULE, "Port": port} for port in range(1, 5)]
TO_B = {**LB, "Targets": [B]}


def ordered(*faults: dict[str, Any], **settings: Any) -> Shop:
    return Shop(**{"task_seconds": 0, "faults": faults, **settings})


def bound(cloud: Shop) -> bool:
    """Whether B is bound in the end."""
    cloud.sleep(60)
    return "ins-b" in {binding[2] for binding in cloud.bindings()}


@pytest.mark.parametrize(
    "fault, meets",
    [
        ({"action": REGISTER}, [True, False, False]),
        ({"action": "Batch*", "times": 2}, [True, True, False]),
        ({"action": "*", "times": -1}, [True, True, True]),
        ({"action": "*", "skip": 1}, [False, True, False]),
        ({"action": "Describe*"}, [False, False, False]),
        ({}, [True, False, False]),
        ({"load_balancers": ["lb-2"]}, [False, False, False]),
        ({"load_balancers": ["lb-1"]}, [True, False, False]),
    ],
)
def test_which_calls_are_met(fault: dict[str, Any], meets: list[bool]) -> None:
    cloud = ordered({"kind": "error", "code": "FailedOperation", **fault})
    assert [cloud.code(REGISTER, **TO_B) == "FailedOperation" for _ in meets] == meets


def test_faults_are_met_in_order_and_those_of_a_block_first() -> None:
    cloud = ordered({"kind": "error", "code": "Later", "times": 2})
    with cloud.faults_first({"kind": "error", "code": "First"}, {"kind": "error", "code": "Never", "skip": 1}):
        codes = [cloud.code(TARGETS, **LB)]
        cloud.add_faults({"kind": "error", "code": "Last"})
        codes.append(cloud.code(TARGETS, **LB))
    codes += [cloud.code(TARGETS, **LB) for _ in range(3)]
    assert codes == ["First", "Later", "Later", "Last", None]


@pytest.mark.parametrize(
    "kind, settings",
    [("unheard", {}), (None, {}), ("slow", {"minutes": 1}), ("cut_before", {"apply": True}), ("busy", {"style": "x"})],
)
def test_malformed_orders(kind: str | None, settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"fault kind"):
        Fault.parse({"kind": kind, **settings})


@pytest.mark.parametrize("apply", [True, False])
@pytest.mark.parametrize(
    "kind", ["error", "http", "redirect", "html", "torn", "no_response", "hang", "raw", "gzip_bomb", "endless"]
)
def test_an_answer_lost_before_or_after_applying(kind: str, apply: bool) -> None:
    extra = {"gzip_bomb": {"megabytes": 2}, "raw": {"response": {}}}.get(kind, {})
    cloud = ordered({"kind": kind, "apply": apply, **extra})
    cloud.raw(REGISTER, **TO_B)
    assert bound(cloud) is apply
    (call,) = cloud.calls()
    assert (call["accepted"], call["fault"], call["outcome"] == "ok") == (apply, kind, False)


@pytest.mark.parametrize("kind, seconds", [("cut_before", 0), ("cut_after", 0), ("hang", 60), ("torn", 0), ("html", 0)])
def test_a_caller_in_the_process_gets_no_answer(kind: str, seconds: float) -> None:
    cloud = ordered({"kind": kind, "action": TARGETS})
    with pytest.raises(BrokenAnswer):
        cloud.targets()
    assert (cloud.now(), bool(cloud.targets())) == (seconds, True)


def test_what_comes_back() -> None:
    orders: list[dict[str, Any]] = [
        {"kind": "http", "status": 503},
        {"kind": "html"},
        {"kind": "redirect", "location": "http://127.0.0.1:1/"},
        {"kind": "no_response"},
        {"kind": "torn", "apply": True},
        {"kind": "slow", "seconds": 4},
    ]
    cloud = ordered(*orders, latency=0.5)
    bad, page, elsewhere, empty, torn, slow = (cloud.raw(TARGETS, **LB) for _ in orders)
    assert (bad.status, bad.content_type, page.status, page.content_type) == (503, "text/html", 200, "text/html")
    assert (elsewhere.status, elsewhere.headers["Location"]) == (302, "http://127.0.0.1:1/")
    assert (empty.body, torn.body[:24]) == (b"{}", b'{"Response": {"Listeners')
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn.body)
    assert ("Listeners" in response(slow), torn.delay, slow.delay) == (True, 0.5, 4.5)


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
def test_raw_answers(order: dict[str, Any], expected: dict[str, Any]) -> None:
    answer = ordered({"kind": "raw", "action": TARGETS, **order}).raw(TARGETS, **LB)
    answered = response(answer)
    assert bool(answered.pop("RequestId", None)) is ("response" in order or "patch" in order)
    assert (answered, answer.headers) == (expected, order.get("headers", {}))


@pytest.mark.parametrize(
    "shape, expected",
    [("null", None), ("empty", []), ("other", ["lb-other"]), ("no_listeners", ["lb-1"]), ("lacks", ["lb-1"])],
)
def test_health_that_lacks_something(shape: str, expected: Any) -> None:
    cloud = ordered({"kind": "health_answer", "shape": shape, "targets": ["ins-a"]})
    cloud.targets()
    answered = cloud.ask(HEALTH, LoadBalancerIds=["lb-1"])["LoadBalancers"]
    assert (answered and [entry["LoadBalancerId"] for entry in answered]) == expected
    assert shape != "no_listeners" or answered[0]["Listeners"] is None
    if shape == "lacks":
        assert [listener["Rules"][0]["Targets"] == [] for listener in answered[0]["Listeners"]] == [True, False, True]
    assert cloud.health()["lbl-tcp", None], "only the first call meets it"


@pytest.mark.parametrize("apply, kept", [("none", 0), ("some", 2)])
def test_failing_listeners(apply: str, kept: int) -> None:
    order = {"kind": "fail_listeners", "listeners": ["lbl-http", "lbl-none"], "message": "no", "apply": apply}
    cloud = ordered(order)
    answer = cloud.write(REGISTER, B, *FOUR)
    assert (answer["FailListenerIdSet"], answer["Message"], cloud.status(answer)) == (["lbl-http"], "no", 0)
    assert (bound(cloud), len(cloud.ports())) == (True, kept)
    cloud = ordered({**order, "listeners": ["lbl-tcp"], "rest": 0.5})
    failed = [cloud.write(REGISTER, *targets)["FailListenerIdSet"] for targets in ([RULE], [B, *FOUR], [B])]
    assert failed == [[], ["lbl-tcp"], []], "the fault waits for a call that names the listener"
    assert cloud.ports() == [8080, 1, 2], "of the listeners that do not fail a share is applied"


@pytest.mark.parametrize(
    "order, bad",
    [
        ({"kind": "refuse_targets", "targets": ["ins-b"]}, B),
        ({"kind": "refuse_targets", "targets": ["10.0.0.7"]}, RULE),
        ({"kind": "refuse_targets", "targets": ["2001:DB8:0::1"]}, {**RULE, "EniIp": "2001:db8::1"}),
        ({"kind": "refuse_listeners", "listeners": ["lbl-tcp"]}, B),
    ],
)
def test_what_is_refused_spoils_every_call_with_it(order: dict[str, Any], bad: dict[str, Any]) -> None:
    cloud = ordered({**order, "code": "FailedOperation", "message": "no", "times": -1})
    good = {**RULE, "EniIp": "10.0.0.8"}
    refusals = [cloud.refusal(REGISTER, **LB, Targets=[good, bad]) for _ in range(2)]
    assert [(each.code, each.message) for each in refusals if each] == [("FailedOperation", "no")] * 2
    cloud.write(REGISTER, good)


@pytest.mark.parametrize("kind", ["cut_after", "error", "http", "not_applied", "task_fails", "fail_listeners", "raw"])
def test_a_share_of_a_write_is_applied(kind: str) -> None:
    kept = []
    for share in (0, 0.5, 0.75, 1):
        cloud = ordered({"kind": kind, "apply": share})
        cloud.raw(REGISTER, **LB, Targets=FOUR)
        kept.append(len(cloud.ports()))
    assert kept == [0, 2, 3, 4]


def test_a_task_that_fails_and_one_that_nobody_knows() -> None:
    unknown = {"kind": "task_unknown"}
    fails = {"kind": "task_fails", "message": "broken", "apply": "some"}
    cloud = ordered(fails, unknown, {**unknown, "code": "UnauthorizedOperation"}, unknown_task_code="ResourceNotFound")
    pairs = [[{**RULE, "Port": port}, {**RULE, "Port": port + 1}] for port in (1, 3, 5, 7)]
    tasks = [cloud.write(REGISTER, *pair)["RequestId"] for pair in pairs]
    failed = cloud.ask("DescribeTaskStatus", TaskId=tasks[0])
    assert (failed["Status"], failed["Message"], cloud.ports()) == (1, "broken", [1, 3, 4, 5, 6, 7, 8])
    codes = [cloud.code("DescribeTaskStatus", TaskId=task) for task in tasks[1:]]
    assert codes == ["ResourceNotFound", "UnauthorizedOperation", None]


@pytest.mark.parametrize(
    "order, meanwhile, later",
    [
        ({"kind": "task_slow", "seconds": 5}, (BUSY, 1), (None, 2)),
        ({"kind": "cut_after", "task_seconds": 5, "action": "Batch*"}, (BUSY, 1), (None, 2)),
        ({"kind": "lock", "seconds": 5}, (BUSY, 1), (None, 1)),
        ({"kind": "lag", "seconds": 5}, (None, 1), (None, 2)),
    ],
)
def test_what_lasts_some_seconds(order: dict[str, Any], meanwhile: Any, later: Any) -> None:
    """What is answered to another write, and how many targets show."""
    cloud = ordered(order)
    assert cloud.targets(), "a read must not meet it"
    cloud.raw(REGISTER, **TO_B)
    seen = []
    for seconds in (4, 2):
        cloud.sleep(seconds)
        seen.append((cloud.code(WEIGHT, **modify(1)), len(cloud.targets())))
    assert seen == [meanwhile, later]


def test_a_fault_of_busy_in_any_words() -> None:
    cloud = ordered({"kind": "busy", "style": "working", "code": "Novel.Code", "times": 2})
    refusals = [cloud.refusal(REGISTER, **TO_B), cloud.refusal(HEALTH, LoadBalancerIds=["lb-1"])]
    shown = [(each.code, "Your task is working" in each.message) for each in refusals if each]
    assert shown == [("Novel.Code", True)] * 2
    cloud.write(REGISTER, {**A, "Port": 81})
