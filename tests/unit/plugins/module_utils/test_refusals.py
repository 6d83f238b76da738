# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import Refused
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.refusals import Concern, Remedy, ruling_for

from ..builders import rows

# The error codes of the API notes, by what to do; where a * stands there, one with an ending too.
TABLE = {
    Remedy.WAIT_THROTTLED: "RequestLimitExceeded RequestLimitExceeded.Uin FailedOperation.RateLimitExceeded",
    Remedy.WAIT_BUSY: """FailedOperation.ResourceInOperating FailedOperation.ResourceInCloning ResourceInUse
        ResourceInUse.LoadBalancer ResourceUnavailable ResourceUnavailable.Locked""",
    Remedy.TRANSIENT: "InternalError InternalError.Unknown FailedOperation.RequestTimeout",
    Remedy.FATAL: """AuthFailure AuthFailure.SignatureExpire UnauthorizedOperation UnauthorizedOperation.CamNoAuth
        InvalidParameter.LBIdNotFound InvalidParameter.RegionNotFound UnsupportedRegion UnsupportedOperation
        UnsupportedOperation.InvalidAction MissingParameter OperationDenied OperationDenied.SubAccount
        FailedOperation.InvalidLBStatus FailedOperation.InsufficientBalance FailedOperation.AssociationNotActive
        InvalidParameterCombination DryRunOperation NewInTheCloud ResourceIn resourceinuse Limit Internal""",
    Remedy.NARROW: """InvalidParameter InvalidParameter.FormatError InvalidParameter.ListenerIdNotFound
        InvalidParameter.SomethingNew InvalidParameterValue InvalidParameterValue.Length FailedOperation
        FailedOperation.NoSuchThing ResourceNotFound ResourceNotFound.Target ResourceInsufficient
        ResourceInsufficient.Any""",
    Remedy.QUOTA: "LimitExceeded LimitExceeded.Targets",
}


@pytest.mark.parametrize("code, remedy", [(code, remedy) for remedy, codes in TABLE.items() for code in codes.split()])
def test_what_to_do_about_a_code(code, remedy):
    assert Refused("no", code=code).remedy is remedy


@rows("message",
    "LB lb-1 is not in normal status", "Loadbalancer(lb-1) is not in normal desState", "desState is abnormal",
    "The load balancer is not in normal state, maybe some tasks are being processed, please try later",
    "Your task is working (BindTargetGroupDevice). Pls wait for the task to complete and try again.",
    "Task Check Failed : Same wsName is Working(1234), pls Try Later", "lb-1: des status abnormal",
    "YOUR TASK IS WORKING",
)  # fmt: skip
def test_a_text_can_say_busy_under_any_code(message):
    codes = "InvalidParameter FailedOperation FailedOperation.Other LimitExceeded OperationDenied MissingParameter New"
    assert {ruling_for(code, message).remedy for code in codes.split()} == {Remedy.WAIT_BUSY}
    for code in ("RequestLimitExceeded", "InternalError", "AuthFailure.TokenFailure", "UnauthorizedOperation"):
        assert ruling_for(code, message) == ruling_for(code)


@rows("message", "Something went wrong. Please try again later.", "retry later", "It is being processed", "请稍后重试")
def test_general_words_say_busy_under_a_bare_failed_operation_alone(message):
    assert ruling_for("FailedOperation", message).remedy is Remedy.WAIT_BUSY
    for code in ("FailedOperation.Other", "InvalidParameter", "OperationDenied"):
        assert ruling_for(code, message) == ruling_for(code)


@rows("message",
    "", "The target ins-1 does not exist", "ins-1 is not working", "the network this working group uses is unknown",
    "the country later joined", "the target is in an abnormal state", "is workingset",
    "Listener lbl-1 of LB lb-1 not found", "some ListenerId lbl-1 not found", "LB exists",
    "the LB listener does not exist", "The target is not found in load balancer lb-1",
)  # fmt: skip
def test_other_texts_change_nothing(message):
    for code in ("FailedOperation", "InvalidParameter"):
        assert ruling_for(code, message) == ruling_for(code)


@rows("message",
    "LoadBalancer not exist", "LB not exist", "The load balancer lb-1 does not exist.",
    "LoadBalancerId `lb-1` is not found", "lb-1 can not be found", "Load balancer doesn't exist",
)  # fmt: skip
def test_a_text_can_say_that_the_load_balancer_is_gone(message):
    refusal = Refused("no", code="InvalidParameter", api_message=message)
    assert (refusal.remedy, refusal.concerns) == (Remedy.FATAL, Concern.GONE)
    assert "region" in refusal.ruling.hint


@rows(
    "concern, codes",
    (Concern.MOMENT, "FailedOperation.ResourceInOperating InternalError"),
    (Concern.LENGTH, "InvalidParameterValue.Length"),
    (Concern.LISTENER, "InvalidParameter.ListenerIdNotFound LimitExceeded"),
    (Concern.LOAD_BALANCER, "FailedOperation.InvalidLBStatus"),
    (Concern.GONE, "InvalidParameter.LBIdNotFound"),
    (Concern.UNSUPPORTED, "UnsupportedOperation"),
    (Concern.PERMISSION, "UnauthorizedOperation.CamNoAuth AuthFailure.UnauthorizedOperation"),
    (Concern.ACCOUNT, "AuthFailure FailedOperation.InsufficientBalance"),
    (Concern.UNKNOWN, "InvalidParameter NewInTheCloud"),
)
def test_what_a_code_concerns(concern, codes):
    assert {Refused("no", code=code).concerns for code in codes.split()} == {concern}


HINTS = {
    "AuthFailure.SignatureExpire": "clock", "AuthFailure.SignatureFailure": "secret_key",
    "AuthFailure.SecretIdNotFound": "secret_id", "AuthFailure.TokenFailure": "expired",
    "AuthFailure.InvalidAuthorization": "credentials", "UnauthorizedOperation": "CAM",
    "InvalidParameter.LBIdNotFound": "load_balancer_id", "InvalidParameter.RegionNotFound": "region",
    "LimitExceeded.Targets": "quota", "RequestLimitExceeded": "fewer tasks",
    "FailedOperation.ResourceInOperating": "wait_timeout",
}  # fmt: skip


def test_a_hint_names_what_helps_if_anything_does():
    assert [code for code, word in HINTS.items() if word not in ruling_for(code).hint] == []
    assert ruling_for("InvalidParameter.FormatError").hint == ""
