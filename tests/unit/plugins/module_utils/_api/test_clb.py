# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import ACTIONS, Clb, PoolSettings
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.batches import batches
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import OutcomeUnknown, UnexpectedAnswer
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import Change, ChangeKind

from ...builders import LB, backend, change, http, pool, register, rows, rule, snapshot, target, tcp

RULE = pool("lbl-7", "loc-1")


class Recorder:
    """An Api that answers what it is told to."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    def read(self, action, params, **options):
        self.sent.append((action, params, options))
        return self.answers.pop(0) if self.answers else {}

    write = read


def payload(*changes):
    """The action and the parameters that changes are sent with."""
    api = Recorder({"RequestId": "r-1"})
    Clb(api).write(LB, changes)
    ((action, params, _),) = api.sent
    assert params.pop("LoadBalancerId") == LB
    return action, params


def bound(address, *place):
    """One binding on lbl-1, or on a rule of lbl-7."""
    listener = http("lbl-7", 80, rule("loc-1", "a", target(address))) if place else tcp("lbl-1", 443, target(address))
    (found,) = snapshot(listener).all_bindings()
    return found


@rows(
    "one, expected",
    (register("ins-1"), {"ListenerId": "lbl-1", "InstanceId": "ins-1", "Port": 80}),
    (register("10.2.0.1", port=81), {"ListenerId": "lbl-1", "EniIp": "10.2.0.1", "Port": 81}),
    (
        register("ins-1", RULE, weight=0, tag="grün"),
        {"ListenerId": "lbl-7", "LocationId": "loc-1", "InstanceId": "ins-1", "Port": 80, "Weight": 0, "Tag": "grün"},
    ),
    (register("ins-1", tag=""), {"ListenerId": "lbl-1", "InstanceId": "ins-1", "Port": 80}),
)
def test_a_registration_gives_only_what_was_asked_for(one, expected):
    assert payload(one) == ("BatchRegisterTargets", {"Targets": [expected]})


def test_a_removal_names_the_binding_and_nothing_else():
    removals = [change(ChangeKind.DEREGISTER, bound("ins-1")), change(ChangeKind.DEREGISTER, bound("10.2.0.1", "rule"))]
    assert payload(*removals) == (
        "BatchDeregisterTargets",
        {
            "Targets": [
                {"ListenerId": "lbl-1", "InstanceId": "ins-1", "Port": 80},
                {"ListenerId": "lbl-7", "EniIp": "10.2.0.1", "Port": 80, "LocationId": "loc-1"},
            ]
        },
    )


def test_weights_go_by_listener_and_rule():
    weights = [
        change(ChangeKind.WEIGHT, bound("ins-1"), weight=5),
        change(ChangeKind.WEIGHT, bound("ins-1", "rule"), weight=0),
        change(ChangeKind.WEIGHT, bound("10.2.0.1"), weight=6),
    ]
    assert payload(*weights) == (
        "BatchModifyTargetWeight",
        {
            "ModifyList": [
                {
                    "ListenerId": "lbl-1",
                    "Targets": [
                        {"InstanceId": "ins-1", "Port": 80, "Weight": 5},
                        {"EniIp": "10.2.0.1", "Port": 80, "Weight": 6},
                    ],
                },
                {
                    "ListenerId": "lbl-7",
                    "LocationId": "loc-1",
                    "Targets": [{"InstanceId": "ins-1", "Port": 80, "Weight": 0}],
                },
            ]
        },
    )


def test_tags_go_by_value_too_so_that_an_empty_one_clears():
    tags = [
        change(ChangeKind.TAG, bound(address), tag=tag)
        for address, tag in (("ins-1", "a"), ("ins-2", ""), ("ins-3", "a"))
    ]
    action, params = payload(*tags)
    assert action == "BatchModifyTargetTag"
    assert [(one["Tag"], [each["InstanceId"] for each in one["Targets"]]) for one in params["ModifyList"]] == [
        ("a", ["ins-1", "ins-3"]),
        ("", ["ins-2"]),
    ]
    assert [each["Tag"] for one in params["ModifyList"] for each in one["Targets"]] == ["a", "a", ""]


def test_no_entry_holds_more_than_50_targets():
    weights = [
        Change(ChangeKind.WEIGHT, pool(f"lbl-{number % 3}"), backend(f"10.2.0.{number}"), 80, weight=1)
        for number in range(200)
    ]
    (call,) = batches(weights)
    _, params = payload(*call)
    sizes = [len(one["Targets"]) for one in params["ModifyList"]]
    assert sum(sizes) == 200
    assert max(sizes) == 50
    assert len(sizes) == 6


@rows(
    "answer, expected",
    ({"RequestId": "r-1", "FailListenerIdSet": [], "Message": ""}, ("r-1", frozenset(), "")),
    ({"RequestId": "r-1", "FailListenerIdSet": None, "Message": None}, ("r-1", frozenset(), "")),
    ({"RequestId": "r-1"}, ("r-1", frozenset(), "")),
    ({"RequestId": "r-2", "FailListenerIdSet": ["lbl-1"], "Message": "m"}, ("r-2", frozenset({"lbl-1"}), "m")),
    ({"RequestId": "r-1", "Message": "a\x1b[31m\u202eb"}, ("r-1", frozenset(), r"a\x1b[31m\u202eb")),
)
def test_the_list_of_failed_listeners_may_be_null_or_missing(answer, expected):
    assert Clb(Recorder(answer)).write(LB, [register("ins-1")]) == expected


@rows("listener_ids, params", (None, {}), (["lbl-1"], {"ListenerIds": ["lbl-1"]}), ([], {"ListenerIds": []}))
def test_a_read_is_filtered_by_listener_where_asked(listener_ids, params):
    api = Recorder({"Listeners": [tcp("lbl-1")]})
    found = Clb(api).describe_targets(LB, listener_ids, last_attempt=True)
    assert api.sent == [("DescribeTargets", {"LoadBalancerId": LB, **params}, {"last_attempt": True})]
    assert found.listener_ids == (None if listener_ids is None else tuple(listener_ids))


@rows(
    "answer, expected",
    ({"Status": 0}, (True, False, "")),
    ({"Status": 1, "Message": "why"}, (True, True, "why")),
    ({"Status": 1, "Message": "a\nb\u202e"}, (True, True, r"a\nb\u202e")),
    ({"Status": 2, "Message": None}, (False, False, "")),
    ({"Status": 3}, (False, False, "")),
)
def test_a_task_is_done_failed_or_running(answer, expected):
    api = Recorder(answer)
    assert Clb(api).describe_task_status("r-1") == expected
    assert api.sent[0][:2] == ("DescribeTaskStatus", {"TaskId": "r-1"})


@rows(
    "answer, place",
    ({}, "RequestId is missing"),
    ({"RequestId": ""}, "RequestId is ''"),
    ({"RequestId": 7}, "RequestId is 7"),
    ({"RequestId": "r-1\x1b[31m"}, r"RequestId is 'r-1\x1b[31m', not an ID of at most 128 characters"),
    ({"RequestId": "r" * 129}, "not an ID of at most 128 characters"),
    ({"RequestId": "r-1", "FailListenerIdSet": True}, "FailListenerIdSet is true"),
    ({"RequestId": "r-1", "FailListenerIdSet": ["lbl-1", None]}, "FailListenerIdSet[1] is null"),
    ({"RequestId": "r-1", "Message": ["no"]}, "Message is a list of 1"),
)
@rows("kind", ChangeKind.REGISTER, ChangeKind.WEIGHT)
def test_after_an_odd_answer_to_a_write_the_outcome_is_unknown(answer, place, kind):
    one = change(kind, bound("ins-1"), weight=1)
    with pytest.raises(OutcomeUnknown, match=re.escape(place)) as caught:
        Clb(Recorder(answer)).write(LB, [one])
    assert (caught.value.code, caught.value.action) == ("UnexpectedAnswer", ACTIONS[kind])
    assert caught.value.request_id == ("r-1" if answer.get("RequestId") == "r-1" else None)


@rows("answer", {}, {"Status": None}, {"Status": "0"}, {"Status": True}, {"Status": 0, "Message": 1})
def test_an_odd_task_status_is_neither_done_nor_running(answer):
    with pytest.raises(UnexpectedAnswer, match=r"^DescribeTaskStatus answered .*: (Status|Message) is"):
        Clb(Recorder(answer)).describe_task_status("r-1")


def test_health_is_read_for_whole_load_balancers_in_one_call():
    alive = {"IP": "10.2.0.1", "Port": 80, "TargetId": "", "HealthStatus": True, "HealthStatusDetail": "Alive"}
    listeners = [{"ListenerId": "lbl-1", "Rules": [{"LocationId": None, "Targets": [alive]}]}]
    balancers = [{"LoadBalancerId": one, "Listeners": listeners} for one in (LB, "lb-unasked")]
    api = Recorder({"LoadBalancers": balancers})
    found = Clb(api).describe_target_health([LB, "lb-silent"])
    assert {one: health.find(bound("10.2.0.1")) for one, health in found.items()} == {
        LB: (True, "Alive", False),
        "lb-silent": None,
    }
    assert api.sent == [("DescribeTargetHealth", {"LoadBalancerIds": [LB, "lb-silent"]}, {})]


def test_listeners_say_how_they_are_set():
    check = {"HealthSwitch": 0, "TimeOut": 2}
    rules = [
        {"LocationId": "loc-1", "TargetType": "TARGETGROUP", "SessionExpireTime": 30, "Scheduler": "IP_HASH"},
        {"LocationId": "loc-2", "TargetType": None, "HealthCheck": check},
    ]
    answer = {
        "TotalCount": 3,
        "Listeners": [
            {"ListenerId": "lbl-1", "TargetType": "NODE", "Rules": None, "IdleConnectTimeout": 900},
            {"ListenerId": "lbl-2", "TargetType": "", "Rules": rules, "HealthCheck": None},
            {"ListenerId": "lbl-3", "TargetType": "POLARIS"},
        ],
    }
    api = Recorder(answer)
    assert Clb(api).describe_listeners(LB, ["lbl-1", "lbl-2", "lbl-3"]) == {
        ("lbl-1", None): PoolSettings("NODE", None, 900),
        ("lbl-2", None): PoolSettings(),
        ("lbl-2", "loc-1"): PoolSettings("TARGETGROUP", 30, None, "IP_HASH"),
        ("lbl-2", "loc-2"): PoolSettings(health_check=False),
        ("lbl-3", None): PoolSettings("POLARIS"),
    }
    assert api.sent[0][1] == {"LoadBalancerId": LB, "ListenerIds": ["lbl-1", "lbl-2", "lbl-3"]}
