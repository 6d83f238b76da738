# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.faults import KINDS, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from clb_emulator.errors import ApiError

    from .conftest import InProcess

    Clouds = Callable[..., InProcess]
    Refused = Callable[..., ApiError]

B = {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}
RULE = {"ListenerId": "lbl-http", "LocationId": "loc-2", "EniIp": "10.0.0.7", "Port": 8080}
REGISTER = {"LoadBalancerId": "lb-1", "Targets": [B]}


def ordered(in_process: Clouds, *faults: dict[str, Any], **settings: Any) -> InProcess:
    cloud = in_process(**{"task_seconds": 0, **settings})
    cloud.cloud.faults.add(faults)
    return cloud


def applied(cloud: InProcess) -> bool:
    cloud.wait(60)
    return ("lbl-tcp", "ins-b") in {(item["listener_id"], item["target"]) for item in cloud.cloud.state()}


@pytest.mark.parametrize(
    "fault, meets",
    [
        ({"action": "BatchRegisterTargets"}, [True, False, False]),
        ({"action": "Batch*", "times": 2}, [True, True, False]),
        ({"action": "*", "times": -1}, [True, True, True]),
        ({"action": "*", "skip": 1}, [False, True, False]),
        ({"action": "Describe*"}, [False, False, False]),
        ({}, [True, False, False]),
    ],
)
def test_which_calls_are_met(in_process: Clouds, fault: dict[str, Any], meets: list[bool]) -> None:
    cloud = ordered(in_process, {"kind": "error", "code": "FailedOperation", **fault})
    answers = [json.loads(cloud.answer("BatchRegisterTargets", REGISTER).body) for _ in meets]
    assert ["Error" in answer["Response"] for answer in answers] == meets


def test_faults_are_met_in_order_one_a_call(in_process: Clouds, refused: Refused) -> None:
    orders = [{"kind": "error", "code": code} for code in ("First", "Second")]
    cloud = ordered(in_process, *orders)
    assert [refused(cloud.targets, "lbl-tcp").code for _ in orders] == ["First", "Second"]
    assert cloud.targets("lbl-tcp")


def test_dropping_orders(in_process: Clouds) -> None:
    cloud = ordered(in_process, {"kind": "error", "times": -1})
    cloud.cloud.faults.clear()
    assert cloud.targets("lbl-tcp")


@pytest.mark.parametrize(
    "order",
    [{"kind": "unheard"}, {}, {"kind": "slow", "minutes": 1}, {"kind": "cut_before", "apply": True}],
)
def test_malformed_orders(order: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="fault kind"):
        Fault.parse(order)


@pytest.mark.parametrize("kind", ["error", "http", "redirect", "html", "torn", "no_response", "hang"])
@pytest.mark.parametrize("apply", [True, False])
def test_an_answer_lost_before_or_after_applying(in_process: Clouds, kind: str, apply: bool) -> None:
    cloud = ordered(in_process, {"kind": kind, "apply": apply})
    cloud.answer("BatchRegisterTargets", REGISTER)
    assert applied(cloud) is apply
    (call,) = [entry for entry in cloud.cloud.journal.read() if entry["kind"] == "call"]
    assert (call["accepted"], call["fault"]) == (apply, kind)
    assert call["outcome"] != "ok"


@pytest.mark.parametrize("kind, expected", [("cut_before", False), ("cut_after", True)])
def test_cuts(in_process: Clouds, kind: str, expected: bool) -> None:
    cloud = ordered(in_process, {"kind": kind})
    assert cloud.answer("BatchRegisterTargets", REGISTER).cut
    assert applied(cloud) is expected


def test_what_comes_back(in_process: Clouds) -> None:
    cloud = ordered(
        in_process,
        {"kind": "http", "status": 503},
        {"kind": "html"},
        {"kind": "redirect", "location": "http://127.0.0.1:1/"},
        {"kind": "no_response"},
        {"kind": "torn", "apply": True},
        {"kind": "slow", "seconds": 4},
        latency=0.5,
    )
    bad, page, elsewhere, empty, torn, slow = (
        cloud.answer("DescribeTargets", {"LoadBalancerId": "lb-1"}) for _ in range(6)
    )
    assert (bad.status, bad.content_type) == (503, "text/html")
    assert (page.status, page.content_type) == (200, "text/html")
    assert (elsewhere.status, elsewhere.headers["Location"]) == (302, "http://127.0.0.1:1/")
    assert empty.body == b"{}"
    assert torn.body.startswith(b'{"Response": {"Listeners"')
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn.body)
    assert "Listeners" in json.loads(slow.body)["Response"]
    assert (torn.delay, slow.delay) == (0.5, 4.5)


@pytest.mark.parametrize("apply, kept", [("none", 0), ("some", 2)])
def test_failing_listeners(in_process: Clouds, apply: str, kept: int) -> None:
    order = {"kind": "fail_listeners", "listeners": ["lbl-http", "lbl-none"], "message": "no", "apply": apply}
    cloud = ordered(in_process, order)
    rules = [{**RULE, "Port": port} for port in range(1, 5)]
    answer = cloud.write("BatchRegisterTargets", B, *rules)
    assert (answer["FailListenerIdSet"], answer["Message"]) == (["lbl-http"], "no")
    assert cloud.status(answer["RequestId"]) == 0
    assert applied(cloud)
    assert len(cloud.targets("lbl-http", "loc-2")) == kept


def test_of_the_listeners_that_do_not_fail_a_share_is_applied(in_process: Clouds) -> None:
    cloud = ordered(in_process, {"kind": "fail_listeners", "listeners": ["lbl-tcp"], "rest": 0.5})
    answer = cloud.write("BatchRegisterTargets", B, *({**RULE, "Port": port} for port in range(1, 5)))
    assert answer["FailListenerIdSet"] == ["lbl-tcp"]
    assert len(cloud.targets("lbl-tcp")) == 1
    assert [target["Port"] for target in cloud.targets("lbl-http", "loc-2")] == [1, 2]


def test_failing_listeners_wait_for_a_call_that_names_them(in_process: Clouds) -> None:
    cloud = ordered(in_process, {"kind": "fail_listeners", "listeners": ["lbl-http"]})
    assert cloud.write("BatchRegisterTargets", B)["FailListenerIdSet"] == []
    assert cloud.write("BatchRegisterTargets", RULE)["FailListenerIdSet"] == ["lbl-http"]
    assert cloud.write("BatchRegisterTargets", RULE)["FailListenerIdSet"] == []


@pytest.mark.parametrize("name", ["ins-b", "10.0.0.7", "2001:DB8:0::1"])
def test_refused_targets_spoil_every_call_with_them(in_process: Clouds, refused: Refused, name: str) -> None:
    order = {"kind": "refuse_targets", "targets": [name], "code": "FailedOperation", "message": "no", "times": -1}
    cloud = ordered(in_process, order)
    bad = {"ins-b": B, "10.0.0.7": RULE}.get(name, {**RULE, "EniIp": "2001:db8::1"})
    good = {**RULE, "EniIp": "10.0.0.8"}
    for _ in range(2):
        assert refused(cloud.write, "BatchRegisterTargets", good, bad).code == "FailedOperation"
    cloud.write("BatchRegisterTargets", good)
    target = {name: bad[name] for name in ("InstanceId", "EniIp", "Port") if name in bad}
    entry = {"ListenerId": bad["ListenerId"], "Targets": [target]}
    assert refused(cloud.call, "BatchModifyTargetWeight", LoadBalancerId="lb-1", ModifyList=[entry]).message == "no"


@pytest.mark.parametrize("kind", ["cut_after", "error", "http", "not_applied", "task_fails", "fail_listeners", "raw"])
@pytest.mark.parametrize("share, kept", [(0, []), (0.5, [1, 2]), (0.75, [1, 2, 3]), (1, [1, 2, 3, 4])])
def test_a_share_of_a_write_is_applied(in_process: Clouds, kind: str, share: float, kept: list[int]) -> None:
    cloud = ordered(in_process, {"kind": kind, "apply": share})
    targets = [{**RULE, "Port": port} for port in range(1, 5)]
    cloud.answer("BatchRegisterTargets", {"LoadBalancerId": "lb-1", "Targets": targets})
    assert [target["Port"] for target in cloud.targets("lbl-http", "loc-2")] == kept


def test_a_share_of_new_tags_is_applied(in_process: Clouds) -> None:
    cloud = ordered(in_process, {"kind": "cut_after", "apply": 0.5, "action": "BatchModifyTargetTag"})
    cloud.write("BatchRegisterTargets", B)
    targets = [{"InstanceId": name, "Port": 80, "Tag": "new"} for name in ("ins-a", "ins-b")]
    modify = {"LoadBalancerId": "lb-1", "ModifyList": [{"ListenerId": "lbl-tcp", "Targets": targets}]}
    cloud.answer("BatchModifyTargetTag", modify)
    assert [target["Tag"] for target in cloud.targets("lbl-tcp")] == ["new", ""]


def test_refused_listeners_spoil_every_call_with_them(in_process: Clouds, refused: Refused) -> None:
    order = {"kind": "refuse_listeners", "action": "BatchRegisterTargets", "listeners": ["lbl-http"], "times": -1}
    cloud = ordered(in_process, order)
    assert refused(cloud.write, "BatchRegisterTargets", B, RULE).code == "LimitExceeded"
    cloud.write("BatchRegisterTargets", B)
    gone = {"ListenerId": "lbl-http", "LocationId": "loc-1", "EniIp": "10.0.0.9", "Port": 8080}
    cloud.write("BatchDeregisterTargets", gone)


@pytest.mark.parametrize("apply, kept", [("none", 0), ("some", 1), ("all", 2)])
def test_a_task_that_fails(in_process: Clouds, apply: str, kept: int) -> None:
    cloud = ordered(in_process, {"kind": "task_fails", "message": "broken", "apply": apply})
    answer = cloud.write("BatchRegisterTargets", RULE, {**RULE, "Port": 1})
    task = cloud.call("DescribeTaskStatus", TaskId=answer["RequestId"])
    assert (task["Status"], task["Message"]) == (1, "broken")
    assert len(cloud.targets("lbl-http", "loc-2")) == kept


def test_a_task_that_nobody_knows(in_process: Clouds, refused: Refused) -> None:
    cloud = ordered(in_process, {"kind": "task_unknown"}, unknown_task_code="ResourceNotFound")
    answer = cloud.write("BatchRegisterTargets", B)
    assert refused(cloud.status, answer["RequestId"]).code == "ResourceNotFound"
    assert applied(cloud)


def test_a_task_that_is_denied_with_a_code_of_its_own(in_process: Clouds, refused: Refused) -> None:
    cloud = ordered(in_process, {"kind": "task_unknown", "code": "UnauthorizedOperation"})
    first, second = (cloud.write("BatchRegisterTargets", {**B, "Port": port})["RequestId"] for port in (1, 2))
    assert refused(cloud.status, first).code == "UnauthorizedOperation"
    assert cloud.status(second) == 0


def test_a_task_that_fails_and_does_nothing_is_known(in_process: Clouds) -> None:
    cloud = ordered(in_process, {"kind": "task_fails", "apply": 0})
    assert cloud.status(cloud.write("BatchRegisterTargets", B)["RequestId"]) == 1
    assert not applied(cloud)


def test_a_cut_call_whose_task_is_slow(in_process: Clouds, refused: Refused) -> None:
    cloud = ordered(in_process, {"kind": "cut_after", "task_seconds": 9})
    assert cloud.answer("BatchRegisterTargets", REGISTER).cut
    cloud.wait(8)
    assert refused(cloud.call, "BatchRegisterTargets", **REGISTER).code == "FailedOperation.ResourceInOperating"
    assert len(cloud.targets("lbl-tcp")) == 1
    cloud.wait(2)
    assert len(cloud.targets("lbl-tcp")) == 2


def test_a_slow_task(in_process: Clouds) -> None:
    cloud = ordered(in_process, {"kind": "task_slow", "seconds": 9})
    answer = cloud.write("BatchRegisterTargets", B)
    cloud.wait(8)
    assert cloud.status(answer["RequestId"]) == 2
    cloud.wait(2)
    assert cloud.status(answer["RequestId"]) == 0


def test_lag_of_one_write(in_process: Clouds) -> None:
    cloud = ordered(in_process, {"kind": "lag", "seconds": 5})
    cloud.write("BatchRegisterTargets", B)
    cloud.wait(4)
    assert len(cloud.targets("lbl-tcp")) == 1
    cloud.wait(2)
    assert len(cloud.targets("lbl-tcp")) == 2


def test_lag_of_changed_values(in_process: Clouds) -> None:
    cloud = ordered(in_process, {"kind": "lag", "seconds": 5})
    entry = {"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-a", "Port": 80, "Weight": 0}]}
    cloud.call("BatchModifyTargetWeight", LoadBalancerId="lb-1", ModifyList=[entry])
    seen = [cloud.targets("lbl-tcp")[0]["Weight"]]
    cloud.wait(6)
    assert [*seen, cloud.targets("lbl-tcp")[0]["Weight"]] == [10, 0]


def test_another_writer_holds_the_lock(in_process: Clouds, refused: Refused) -> None:
    cloud = ordered(in_process, {"kind": "lock", "seconds": 5})
    assert cloud.targets("lbl-tcp"), "a read must not meet it"
    for wait in (0, 4):
        cloud.wait(wait)
        assert refused(cloud.write, "BatchRegisterTargets", B).code == "FailedOperation.ResourceInOperating"
    cloud.wait(2)
    cloud.write("BatchRegisterTargets", B)


def test_every_kind_has_an_effect(in_process: Clouds) -> None:
    # A kind that is listed but never looked at would be met without a trace.
    sound = in_process(task_seconds=0.5)
    reference = json.loads(sound.answer("BatchRegisterTargets", REGISTER).body)["Response"]
    settings = {
        "refuse_targets": {"targets": ["ins-b"]},
        "refuse_listeners": {"listeners": ["lbl-tcp"]},
        "raw": {"status": 500},
        "gzip_bomb": {"megabytes": 1},
    }
    for kind in KINDS.keys() - {"health_answer"}:
        cloud = ordered(in_process, {"kind": kind, **settings.get(kind, {})}, task_seconds=0.5)
        answer = cloud.answer("BatchRegisterTargets", REGISTER)
        cloud.wait(0.6)
        seen = len(cloud.targets("lbl-tcp"))
        unchanged = not (answer.cut or answer.delay or answer.headers or answer.stream)
        plain = answer.status == 200 and unchanged and seen == 2
        if plain:
            response = json.loads(answer.body).get("Response", {})
            plain = response.keys() == reference.keys() and not response["FailListenerIdSet"]
        if plain:
            task = json.loads(cloud.answer("DescribeTaskStatus", {"TaskId": response["RequestId"]}).body)["Response"]
            plain = task.get("Status") == 0
        assert not plain, kind
