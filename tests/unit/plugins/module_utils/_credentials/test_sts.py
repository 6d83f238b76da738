# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import (
    CredentialsNotFound,
    Refused,
    UnexpectedAnswer,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.credentials import (
    Credentials,
    parse_temporary,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.roles import (
    RoleSession,
    assume_role,
    assume_role_with_web_identity,
)

SESSION = RoleSession("qcs::cam::uin/1:roleName/deploy", "nightly", 900)
ANSWER = {
    "Credentials": {"TmpSecretId": "AKIDtmp", "TmpSecretKey": "temporary-key", "Token": "temporary-token"},
    "ExpiredTime": 1700000900,
    "Expiration": "2023-11-14T22:28:20Z",
}
EXPECTED = Credentials("AKIDtmp", "temporary-key", "temporary-token", 1700000900.0)


class Api:
    """Stands for a client: answers, or refuses, and keeps what it was asked."""

    def __init__(self, answer: dict[str, Any] | Refused) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def read(self, action: str, params: Any) -> dict[str, Any]:
        self.asked.append((action, dict(params)))
        if isinstance(self.answer, Refused):
            raise self.answer
        return self.answer


def ask(api: Api, action: str) -> Credentials:
    if action == "AssumeRole":
        return assume_role(api, SESSION)
    return assume_role_with_web_identity(api, SESSION, "tke", "jwt")


BASE = {"RoleArn": SESSION.arn, "RoleSessionName": "nightly", "DurationSeconds": 900}
ACTIONS = {"AssumeRole": BASE, "AssumeRoleWithWebIdentity": {**BASE, "ProviderId": "tke", "WebIdentityToken": "jwt"}}
both = pytest.mark.parametrize("action", ACTIONS)


@both
def test_what_is_asked_and_answered(action: str) -> None:
    api = Api(ANSWER)
    assert ask(api, action) == EXPECTED
    assert api.asked == [(action, ACTIONS[action])]


@both
@pytest.mark.parametrize(
    "code", ["UnauthorizedOperation", "ResourceNotFound.RoleNotFound", "InvalidParameter.ParamError"]
)
def test_a_refusal_is_not_one_of_the_write_that_wanted_credentials(action: str, code: str) -> None:
    refusal = Refused("AssumeRole was refused", code=code, action=action, request_id="r-1", api_message="no {{ x }}")
    with pytest.raises(CredentialsNotFound) as caught:
        ask(Api(refusal), action)
    error = caught.value
    assert (error.code, error.action, error.request_id, error.api_message) == (code, action, "r-1", "no {{ x }}")
    assert SESSION.arn in error.message
    assert "jwt" not in error.message


@pytest.mark.parametrize("key", ["TmpSecretId", "TmpSecretKey", "Token", "ExpiredTime"])
@pytest.mark.parametrize("value", [None, "", 7, "a b", "sEcReT\n", ["x"], "80", "missing"])
def test_improper_answers_name_the_key_and_no_value(key: str, value: Any) -> None:
    given = dict(ANSWER["Credentials"])
    ends: Any = ANSWER["ExpiredTime"]
    if value == "80" and key == "TmpSecretId":
        # Nobody masks it.
        assert parse_temporary({**given, key: value}, ends, "STS").secret_id == value
        return
    if key == "ExpiredTime":
        ends = value if value != 7 else True
    elif value == "missing":
        del given[key]
    else:
        given[key] = value
    with pytest.raises(UnexpectedAnswer, match=f"STS answered without a valid {key}") as caught:
        parse_temporary(given, ends, "STS")
    assert "sEcReT" not in caught.value.message
    assert "temporary-key" not in caught.value.message


@both
@pytest.mark.parametrize(
    "answer", [{}, {"Credentials": None}, {"Credentials": "x", "ExpiredTime": 1}, {"Credentials": []}]
)
def test_answers_without_credentials(action: str, answer: dict[str, Any]) -> None:
    with pytest.raises(UnexpectedAnswer, match=f"{action} of STS answered without a valid TmpSecretId"):
        ask(Api(answer), action)
