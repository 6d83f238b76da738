# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long whole tasks wait for a cloud that is not well, and what they say at the end; on a virtual clock."""

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import connect
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.info import reading_budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import describe_error
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.request import Choice, Request
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._health_watch import HealthWatch
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._reading import read_load_balancers
from harness import Cloud

from ..builders import LB, rows, target, tcp, want

WORDS = "backend engine down"


def coded(code):
    return {"kind": "error", "code": code, "message": WORDS}


REPLIES = {
    "internal error": (coded("InternalError"), "InternalError", WORDS),
    "internal error of a kind": (coded("InternalError.Backend"), "InternalError.Backend", WORDS),
    "time-out of the cloud": (coded("FailedOperation.RequestTimeout"), "FailedOperation.RequestTimeout", WORDS),
    "busy": (coded("FailedOperation.ResourceInOperating"), "WaitTimeout", f"ResourceInOperating: {WORDS}"),
    "throttled": (coded("RequestLimitExceeded"), "WaitTimeout", f"RequestLimitExceeded: {WORDS}"),
    "gateway": ({"kind": "http", "status": 503}, "UnexpectedAnswer", "HTTP 503"),
    "cut": ({"kind": "cut_before"}, "ConnectionFailed", "the connection was cut"),
}
"""Name -> the fault, the code of an error that it ends in, and the words there."""
WAITS = ("busy", "throttled")
ROLE = "qcs::cam::uin/1:roleName/deploy"
DRAIN = {"state": "drained", "targets": [want("lbl-1", "ins-1", tag=None)], "min_healthy": 1}
GAIN = {"targets": [want("lbl-1", "ins-9")]}
EVERYWHERE = {"all_load_balancers": True, "state": "absent", "targets": [{"instance_id": "ins-1"}]}
STAGES = {
    "role": ("targets", {"role_arn": ROLE, **GAIN}, "AssumeRole", 1),
    "name": ("targets", {"load_balancer_name": f"name-{LB}", **GAIN}, "DescribeLoadBalancers", 1),
    "listing": ("targets", EVERYWHERE, "DescribeLoadBalancers", 1),
    "first read": ("targets", GAIN, "DescribeTargets", 1),
    "health": ("targets", DRAIN, "DescribeTargetHealth", 1),
    "health after the losses": ("targets", DRAIN, "DescribeTargetHealth", 2),
    "wait for health": ("targets", {**GAIN, "wait_for_health": True}, "DescribeTargetHealth", 1),
    "read-back": ("targets", GAIN, "DescribeTargets", 2),
    "everything but the first read": ("targets", GAIN, "*", 2),
    "task status": ("targets", GAIN, "DescribeTaskStatus", 1),
    "info": ("targets_info", {"load_balancer_id": LB, "health": True}, "Describe*", 1),
    "health of the info": ("targets_info", {"load_balancer_id": LB, "health": True}, "DescribeTargetHealth", 1),
    "inventory": ("inventory", {}, "Describe*", 1),
    "health of the inventory": ("inventory", {}, "DescribeTargetHealth", 1),
    "event source": ("event source", {}, "Describe*", 1),
}
"""Name -> the plugin and its options, the action that is answered badly, and from which of its calls on."""
DISPENSABLE = ("task status", "health after the losses")
"""Stages whose reads say nothing that another read does not, or after which there is nothing to be stopped."""


@pytest.fixture
def cloud():
    listeners = [tcp("lbl-1", 443, target("ins-1"), target("ins-2"))]
    return Cloud.of({LB: listeners}, rate_limit=0, sts={"roles": {ROLE: None}})


def answer_badly(cloud, action, reply, nth=1, seconds=1e6):
    """Let the requests of an action meet a fault for some seconds."""
    until = []

    def fault():
        if not until:
            until.append(cloud.now() + seconds)
        if cloud.now() < until[0]:
            cloud.add_faults({"action": action, **REPLIES[reply][0]})

    cloud.before(action, fault, nth=nth, times=-1)


def error_of(cloud, plugin, options):
    """Run a plugin; its error, None where all went well."""
    if plugin == "targets":
        return cloud.run(**options).result["error"]
    if plugin == "targets_info":
        return cloud.run_info(**options).result["error"]
    with cloud.inside() as environ:
        if plugin == "event source":
            events = HealthWatch({"load_balancer_id": LB}, environ).poll().events
            return next((event["clb_error"] for event in events if "clb_error" in event), None)
        request = Request(Choice(ids=(LB,)), None, 30, health=True)
        try:
            read_load_balancers([connect({}, environ, reading_budget(30))], request)
        except ClbError as error:
            return describe_error(error)
    return None


def check_last_words(cloud, error, reply):
    """Check that an error carries what came last, with its request ID where the API has answered."""
    _, code, words = REPLIES[reply]
    assert (error["code"], words in error["message"]) == (code, True), error
    answers = {(call["action"], call["request_id"]) for call in cloud.calls() if call["fault"]}
    assert (error["action"], error["request_id"]) in (answers if WORDS in words else {(None, None)})


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("stage", STAGES)
def test_40_bad_seconds_are_waited_out_in_every_stage(cloud, stage, reply):
    plugin, options, action, nth = STAGES[stage]
    answer_badly(cloud, action, reply, nth, seconds=40)
    assert error_of(cloud, plugin, options) is None
    assert 40 <= cloud.now() < 80


@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in DISPENSABLE])
def test_a_read_that_never_passes_ends_with_what_came_last(cloud, stage, reply):
    plugin, options, action, nth = STAGES[stage]
    answer_badly(cloud, action, reply, nth)
    error = error_of(cloud, plugin, options)
    assert error is not None
    check_last_words(cloud, error, reply)
    # One read is repeated for 60 seconds; after a write there is a second one.
    assert cloud.now() <= (330 if reply in WAITS else 140)


WRITES = {
    "BatchRegisterTargets": GAIN,
    "BatchModifyTargetWeight": DRAIN,
    "BatchModifyTargetTag": {"targets": [want("lbl-1", "ins-1", tag="green")]},
    "BatchDeregisterTargets": {"state": "absent", "targets": [want("lbl-1", "ins-1", tag=None)]},
}


@rows("wait_timeout", 10, 300)
@pytest.mark.parametrize("reply", REPLIES)
@pytest.mark.parametrize("action", WRITES)
def test_a_write_that_never_passes_ends_with_what_came_last(cloud, action, reply, wait_timeout):
    answer_badly(cloud, action, reply)
    run = cloud.run(**WRITES[action], wait_timeout=wait_timeout)
    check_last_words(cloud, run["error"], reply)
    assert REPLIES[reply][2] in run.message
    (failed,) = run["failed_targets"]
    assert failed["code"] == (REPLIES[reply][0]["code"] if reply in WAITS else REPLIES[reply][1])
    assert failed["message"] in run.message
    assert not run.changed
    assert cloud.now() <= wait_timeout + 30


@pytest.mark.parametrize("reply", REPLIES)
def test_losses_whose_effect_can_not_be_seen_are_done_and_a_warning_says_so(cloud, reply):
    answer_badly(cloud, "DescribeTargetHealth", reply, nth=2)
    run = cloud.run(**DRAIN)
    assert (run["error"], len(run["modified"])) == (None, 1)
    (warning,) = (text for text in run.warnings if "not checked after the losses" in text)
    assert REPLIES[reply][2] in warning


@rows("times", 10, -1)
def test_a_write_that_does_not_reach_the_cloud_is_sent_again_for_60_seconds(cloud, times):
    cloud.unreachable("Batch*", times=times)
    run = cloud.run(**GAIN)
    assert run.code == (None if times > 0 else "ConnectionFailed")
    assert times > 0 or 60 <= cloud.now() < 70


@rows("seconds", 40, 1e6)
def test_one_bad_load_balancer_of_two_is_waited_for_and_then_named(seconds):
    cloud = Cloud.of({f"lb-{number}": [tcp(f"lbl-{number}", 443, target("ins-1"))] for number in (1, 2)})

    def alter(answer):
        if cloud.now() >= seconds or answer["Response"]["Listeners"][0]["ListenerId"] == "lbl-1":
            return answer
        return {"Response": {"Error": {"Code": "InternalError", "Message": WORDS}, "RequestId": "r-1"}}

    cloud.alter("DescribeTargets", alter)
    run = cloud.run(**EVERYWHERE)
    if seconds == 40:
        assert (run.failure, len(run["deregistered"])) == (None, 2)
    else:
        assert (run.code, cloud.writes(), run["error"]["request_id"]) == ("InternalError", [], "r-1")
        assert "lb-2: DescribeTargets was refused with InternalError: backend engine down" in run.message
        assert 60 <= cloud.now() < 70
