# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import _Network
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.pacer import Pacer
from ansible_collections.tencentcloud.clb.plugins.module_utils._base import errors, pace, secrets
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials import credentials as sources
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials import roles
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.profiles import Profile

from ...builders import rows
from ..loopback import HttpServer, Reply

PROFILE = Profile("a profile", role_arn="arn-p", role_session_name="name-p")
ENVIRON = {
    "TENCENTCLOUD_ROLE_ARN": "arn-e",
    "TENCENTCLOUD_ASSUME_ROLE_ARN": "arn-t",
    "TENCENTCLOUD_ROLE_SESSION_NAME": "name-e",
    "TENCENTCLOUD_ASSUME_ROLE_SESSION_NAME": "name-t",
    "TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION": "900",
}
TERRAFORM = {name: value for name, value in ENVIRON.items() if "ASSUME" in name}
OPTIONS = {"role_arn": "arn-o", "role_session_name": "name-o", "role_session_duration": 600}
POD = {"TKE_ROLE_ARN": "arn", "TKE_PROVIDER_ID": "tke", "TKE_WEB_IDENTITY_TOKEN_FILE": "/token"}


@rows(
    "options, environ, profile, expected",
    ({}, {}, None, None),
    ({}, {}, Profile("a profile", role_session_name="lonely"), None),
    ({"role_session_name": "lonely"}, {"TENCENTCLOUD_ROLE_SESSION_NAME": "lonely"}, None, None),
    ({"role_arn": "arn-o"}, {}, None, roles.RoleSession("arn-o", roles.USUAL_NAME, 7200)),
    ({}, {}, PROFILE, roles.RoleSession("arn-p", "name-p", 7200)),
    ({}, TERRAFORM, PROFILE, roles.RoleSession("arn-t", "name-t", 900)),
    ({}, ENVIRON, PROFILE, roles.RoleSession("arn-e", "name-e", 900)),
    (OPTIONS, ENVIRON, PROFILE, roles.RoleSession("arn-o", "name-o", 600)),
    ({"role_arn": "arn-o"}, {}, PROFILE, roles.RoleSession("arn-o", "name-p", 7200)),
)
def test_which_role(options, environ, profile, expected):
    assert roles.find_role(options, environ, profile) == expected


@rows(
    "options, environ, named",
    ({"role_session_duration": 0}, {}, "role_session_duration 0"),
    ({"role_session_duration": 43201}, {}, "role_session_duration 43201"),
    ({}, {"TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION": "long"}, "SESSION_DURATION 'long'"),
    ({}, {"TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION": "-1"}, "SESSION_DURATION '-1'"),
    ({}, {"TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION": "9" * 100000}, "SESSION_DURATION '999"),
    ({"role_session_duration": 10**5000}, {}, "a number of more than 40 digits"),
    ({"role_session_duration": -1}, {}, "role_session_duration -1 must be"),
    ({"role_arn": "a\ud800"}, {}, r"role_arn 'a\\ud800'"),
    ({"role_arn": "a\nb"}, {}, r"role_arn 'a\\nb'"),
    ({"role_arn": "a" * 2049}, {}, "role_arn 'aaa"),
    ({"role_session_name": "x"}, {}, "role_session_name 'x'"),
    ({"role_session_name": "a b"}, {}, "role_session_name 'a b'"),
    ({"role_session_name": "x" * 129}, {}, "role_session_name"),
)
def test_impossible_sessions(options, environ, named):
    with pytest.raises(errors.InvalidArgument, match=named) as caught:
        roles.find_role({"role_arn": "arn", **options}, environ, None)
    assert len(caught.value.message) < 500


def test_a_pod_has_all_of_its_identity_or_none():
    for environ in ({}, {"TKE_REGION": "ap-tokyo"}, dict.fromkeys(POD, "")):
        assert roles.find_pod_identity(environ) is None
    for missing in POD:
        with pytest.raises(errors.CredentialsNotFound, match=f"^{missing} missing in the environment"):
            roles.find_pod_identity({**POD, missing: ""})


def test_the_token_is_read_anew(tmp_path):
    identity = roles.find_pod_identity({**POD, "TKE_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token")})
    for content in ("first\n", "second"):
        (tmp_path / "token").write_text(content)
        assert identity.read_token() == content.strip()


@rows("make, told",
    (Path.exists, "No such file"), (Path.touch, "empty"), (lambda path: path.write_text(" \n"), "empty"),
    (lambda path: path.write_bytes(b"\xff"), "not UTF-8"), (lambda path: path.write_text("x" * (2**20 + 1)), "larger"),
    (Path.mkdir, "Is a directory"), (os.mkfifo, "not a regular file"),
)  # fmt: skip
def test_a_token_file_that_is_no_use(tmp_path, make, told):
    file = tmp_path / "token"
    make(file)
    with pytest.raises(errors.CredentialsNotFound, match=told) as caught:
        roles.find_pod_identity({**POD, "TKE_WEB_IDENTITY_TOKEN_FILE": str(file)}).read_token()
    assert str(file) in caught.value.message
    assert "TKE_WEB_IDENTITY_TOKEN_FILE" in caught.value.message


# -- the two actions of STS

SESSION = roles.RoleSession("qcs::cam::uin/1:roleName/deploy", "nightly", 900)
ANSWER = {
    "Credentials": {"TmpSecretId": "AKIDtmp", "TmpSecretKey": "temporary-key", "Token": "temporary-token"},
    "ExpiredTime": 1700000900,
    "Expiration": "2023-11-14T22:28:20Z",
}
EXPECTED = sources.Credentials("AKIDtmp", "temporary-key", "temporary-token", 1700000900.0)


class Api:
    """Stands for a client: answers, or refuses, and keeps what it was asked."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def read(self, action, params):
        self.asked.append((action, dict(params)))
        if isinstance(self.answer, errors.ClbError):
            raise self.answer
        return self.answer


def ask(api, action):
    if action == "AssumeRole":
        return roles.assume_role(api, SESSION)
    return roles.assume_role_with_web_identity(api, SESSION, "tke", "jwt")


BASE = {"RoleArn": SESSION.arn, "RoleSessionName": "nightly", "DurationSeconds": 900}
ACTIONS = {"AssumeRole": BASE, "AssumeRoleWithWebIdentity": {**BASE, "ProviderId": "tke", "WebIdentityToken": "jwt"}}


@rows("action", *ACTIONS)
def test_what_is_asked_and_answered(action):
    api = Api(ANSWER)
    assert ask(api, action) == EXPECTED
    assert api.asked == [(action, ACTIONS[action])]
    for answer in ({}, {"Credentials": None}, {"Credentials": "x", "ExpiredTime": 1}, {"Credentials": []}):
        with pytest.raises(errors.UnexpectedAnswer, match=f"{action} of STS answered without a valid TmpSecretId"):
            ask(Api(answer), action)


@rows("action", *ACTIONS)
@rows("code", "UnauthorizedOperation", "ResourceNotFound.RoleNotFound", "InvalidParameter.ParamError")
def test_a_refusal_is_not_one_of_the_write_that_wanted_credentials(action, code):
    refusal = errors.Refused(
        "AssumeRole was refused", code=code, action=action, request_id="r-1", api_message="no {{ x }}"
    )
    with pytest.raises(errors.CredentialsNotFound) as caught:
        ask(Api(refusal), action)
    error = caught.value
    assert (error.code, error.action, error.request_id, error.api_message) == (code, action, "r-1", "no {{ x }}")
    assert SESSION.arn in error.message
    assert "jwt" not in error.message


@rows("action", *ACTIONS)
@rows("error", errors.NotSent, errors.UnexpectedAnswer)
def test_a_fault_names_the_option_of_its_address(action, error):
    with pytest.raises(error) as caught:
        ask(Api(error("can't connect. Check endpoint.")), action)
    assert caught.value.message.endswith(" Check endpoint. The endpoint of STS is the option sts_endpoint.")


@rows("key", "TmpSecretId", "TmpSecretKey", "Token", "ExpiredTime")
@rows("value", None, "", 7, "a b", "sEcReT\n", ["x"], "8", "missing")
def test_improper_answers_name_the_key_and_no_value(key, value):
    given = dict(ANSWER["Credentials"])
    ends = ANSWER["ExpiredTime"]
    if value == "8" and key == "TmpSecretId":
        # Nobody masks it.
        assert sources.parse_temporary({**given, key: value}, ends, "STS").secret_id == value
        return
    if key == "ExpiredTime":
        ends = value if value != 7 else True
    elif value == "missing":
        del given[key]
    else:
        given[key] = value
    with pytest.raises(errors.UnexpectedAnswer, match=f"STS answered without a valid {key}") as caught:
        sources.parse_temporary(given, ends, "STS")
    assert "sEcReT" not in caught.value.message
    assert "temporary-key" not in caught.value.message


# -- the metadata service

GIVEN = {
    "TmpSecretId": "AKIDtmp", "TmpSecretKey": "temporary-key", "Token": "temporary-token", "ExpiredTime": 1700000900,
    "Code": "Success",
}  # fmt: skip
NAME = Reply(b"clb-role")


def fetch(*replies, seconds=60):
    with HttpServer(*replies) as server:
        environ = {roles.METADATA_VARIABLE: server.url}
        return _Network({}, environ, Budget(seconds, 0), Pacer(), "", secrets.Secrets()).from_metadata(), server


def given(**changes):
    return Reply(json.dumps({**GIVEN, **changes}).encode())


@rows("name", b"clb-role", b"clb-role\n", b"CVM_role.1")
def test_a_role_of_the_cvm(name):
    credentials, server = fetch(Reply(name), given())
    assert credentials == EXPECTED
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("GET", f"/{roles.METADATA_PATH}"),
        ("GET", f"/{roles.METADATA_PATH}" + name.decode().strip()),
    ]


@rows(
    "replies, error, told",
    ([Reply(b"404", 404)], errors.CredentialsNotFound, "has no role"),
    ([NAME, Reply(b"404", 404)], errors.CredentialsNotFound, "has no role"),
    ([Reply(b"", 302, {"Location": "http://127.0.0.1:9/"})], errors.UnexpectedAnswer, "HTTP 302"),
    ([Reply(b"oops", 500)], errors.UnexpectedAnswer, "HTTP 500"),
    ([Reply(b"<html>log in</html>")], errors.UnexpectedAnswer, "no role's name"),
    ([Reply(b"../../user-data")], errors.UnexpectedAnswer, "no role's name"),
    ([Reply(b"")], errors.UnexpectedAnswer, "no role's name"),
    ([Reply(b"\xff\xfe")], errors.UnexpectedAnswer, "no role's name"),
    ([Reply(b"one\ntwo")], errors.UnexpectedAnswer, "no role's name"),
    ([NAME, Reply(b"<html>")], errors.UnexpectedAnswer, "no JSON object"),
    ([NAME, Reply(b'"sEcReT"')], errors.UnexpectedAnswer, "no JSON object"),
    ([NAME, Reply(given(TmpSecretKey="sEcReT").body[:60])], errors.UnexpectedAnswer, "no JSON object"),
    ([NAME, Reply(b"[" * 60000)], errors.UnexpectedAnswer, "no JSON object"),
    ([NAME, given(Code="Failed")], errors.CredentialsNotFound, "code 'Failed'"),
    ([NAME, given(Code=None)], errors.CredentialsNotFound, "without a code"),
    ([NAME, given(TmpSecretKey="")], errors.UnexpectedAnswer, "valid TmpSecretKey"),
    ([NAME, given(ExpiredTime="soon")], errors.UnexpectedAnswer, "valid ExpiredTime"),
    ([Reply(cut=True)], errors.CredentialsNotFound, "connection was cut"),
    ([NAME, Reply(given().body, torn=True)], errors.CredentialsNotFound, "connection was cut"),
)
def test_answers_of_the_metadata_service_are_checked(replies, error, told):
    with pytest.raises(error, match=told) as caught:
        fetch(*replies)
    assert roles.METADATA_PATH in caught.value.message
    assert "sEcReT" not in caught.value.message


@rows(
    "replies, seconds",
    ([Reply(delay=30)], 60),
    ([NAME, Reply(delay=30)], 60),
    ([Reply(b"clb-role", drip=4)], 60),
    ([Reply(delay=30)], 0.1),
    ids=["silent", "silent later", "a byte now and then", "the time of the task"],
)
def test_the_metadata_service_has_little_time(replies, seconds, monkeypatch):
    monkeypatch.setattr(pace, "METADATA_SECONDS", 0.2 if seconds == 60 else 60)
    started = time.monotonic()
    with pytest.raises(errors.CredentialsNotFound, match=r"no (full )?answer within"):
        fetch(*replies, seconds=seconds)
    assert time.monotonic() - started < 20
