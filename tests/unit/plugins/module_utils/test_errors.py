# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils import _errors
from ansible_collections.tencentcloud.clb.plugins.module_utils._errors import (
    ClbError,
    Refused,
    Remedy,
    WaitTimeout,
    hint_for,
    remedy_for,
)

# The error codes of the API notes, by what to do; a * there stands for any ending.
TABLE = {
    Remedy.WAIT_THROTTLED: ["RequestLimitExceeded", "RequestLimitExceeded.UinLimitExceeded"],
    Remedy.WAIT_BUSY: ["FailedOperation.ResourceInOperating", "FailedOperation.ResourceInCloning"],
    Remedy.TRANSIENT: ["InternalError", "InternalError.Unknown"],
    Remedy.FATAL: [
        "AuthFailure",
        "AuthFailure.SignatureExpire",
        "AuthFailure.UnauthorizedOperation",
        "UnauthorizedOperation",
        "UnauthorizedOperation.CamNoAuth",
        "InvalidParameter.LBIdNotFound",
        "InvalidParameter.RegionNotFound",
        "UnsupportedRegion",
        "UnsupportedOperation",
        "UnsupportedOperation.InvalidAction",
        "MissingParameter",
        "OperationDenied",
        "OperationDenied.SubAccountOperationDenied",
    ],
    Remedy.NARROW: [
        "InvalidParameter",
        "InvalidParameter.FormatError",
        "InvalidParameter.ListenerIdNotFound",
        "InvalidParameter.LocationNotFound",
        "InvalidParameter.PortCheckFailed",
        "InvalidParameter.ProtocolCheckFailed",
        "InvalidParameter.SomethingNew",
        "InvalidParameterValue",
        "InvalidParameterValue.Length",
        "FailedOperation",
        "ResourceNotFound",
        "ResourceNotFound.Target",
        "ResourceInsufficient",
        "ResourceInsufficient.Any",
    ],
    Remedy.QUOTA: ["LimitExceeded", "LimitExceeded.Targets"],
}


@pytest.mark.parametrize("code, remedy", [(code, remedy) for remedy, codes in TABLE.items() for code in codes])
def test_every_code_of_the_table_has_its_remedy(code: str, remedy: Remedy) -> None:
    assert remedy_for(code) is remedy
    assert Refused("no", code=code).remedy is remedy


@pytest.mark.parametrize("code", ["FailedOperation.NoSuchThing", "FailedOperation.TargetNotFound"])
def test_other_failed_operations_narrow(code: str) -> None:
    assert remedy_for(code) is Remedy.NARROW


@pytest.mark.parametrize("code", ["", "DryRunOperation", "NewInTheCloud", "ResourceInUse", "Limit", "Internal"])
def test_a_code_that_no_table_lists_fails_at_once(code: str) -> None:
    assert remedy_for(code) is Remedy.FATAL


@pytest.mark.parametrize(
    "code, word",
    [
        ("AuthFailure.SignatureExpire", "clock"),
        ("AuthFailure.SignatureFailure", "secret_key"),
        ("AuthFailure.SecretIdNotFound", "secret_id"),
        ("AuthFailure.TokenFailure", "expired"),
        ("AuthFailure.InvalidAuthorization", "credentials"),
        ("UnauthorizedOperation", "CAM"),
        ("InvalidParameter.LBIdNotFound", "load_balancer_id"),
        ("InvalidParameter.RegionNotFound", "region"),
        ("LimitExceeded.Targets", "quota"),
        ("RequestLimitExceeded", "fewer tasks"),
        ("FailedOperation.ResourceInOperating", "wait_timeout"),
    ],
)
def test_a_hint_names_the_remedy(code: str, word: str) -> None:
    assert word in hint_for(code)


def test_no_hint_where_there_is_nothing_useful_to_say() -> None:
    assert hint_for("InvalidParameter.FormatError") == ""


@pytest.mark.parametrize(
    "name",
    ["InvalidArgument", "CredentialsNotFound", "ConnectionFailed", "UnexpectedAnswer", "GuardRefused", "WaitTimeout"],
)
def test_the_codes_without_the_clouds_part_are_the_contracts(name: str) -> None:
    error = getattr(_errors, name)("what happened")
    assert isinstance(error, ClbError)
    assert (error.code, error.action, error.request_id) == (name, None, None)
    assert error.message == error.api_message == str(error) == "what happened"


def test_a_refusal_keeps_the_clouds_own_words_beside_the_message() -> None:
    error = Refused("A was refused: words", code="X.Y", action="A", request_id="r-1", api_message="words")
    assert (error.message, error.api_message, error.code, error.action, error.request_id) == (
        "A was refused: words",
        "words",
        "X.Y",
        "A",
        "r-1",
    )


def test_running_out_of_time_remembers_what_the_cloud_last_said() -> None:
    refusal = Refused("busy", code="FailedOperation.ResourceInOperating")
    assert WaitTimeout("over", refusal=refusal).refusal is refusal
    assert WaitTimeout("over").refusal is None
