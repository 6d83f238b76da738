# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import CredentialsNotFound, InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.profiles import Profile
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.roles import (
    USUAL_NAME,
    RoleSession,
    find_pod_identity,
    find_role,
)

if TYPE_CHECKING:
    from pathlib import Path

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


@pytest.mark.parametrize(
    "options, environ, profile, expected",
    [
        ({}, {}, None, None),
        ({}, {}, Profile("a profile", role_session_name="lonely"), None),
        ({"role_session_name": "lonely"}, {"TENCENTCLOUD_ROLE_SESSION_NAME": "lonely"}, None, None),
        ({"role_arn": "arn-o"}, {}, None, RoleSession("arn-o", USUAL_NAME, 7200)),
        ({}, {}, PROFILE, RoleSession("arn-p", "name-p", 7200)),
        ({}, TERRAFORM, PROFILE, RoleSession("arn-t", "name-t", 900)),
        ({}, ENVIRON, PROFILE, RoleSession("arn-e", "name-e", 900)),
        (OPTIONS, ENVIRON, PROFILE, RoleSession("arn-o", "name-o", 600)),
        ({"role_arn": "arn-o"}, {}, PROFILE, RoleSession("arn-o", "name-p", 7200)),
    ],
)
def test_which_role(options: dict[str, Any], environ: dict[str, str], profile: Profile | None, expected: Any) -> None:
    assert find_role(options, environ, profile) == expected


@pytest.mark.parametrize(
    "options, environ, named",
    [
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
    ],
)
def test_impossible_sessions(options: dict[str, Any], environ: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidArgument, match=named) as caught:
        find_role({"role_arn": "arn", **options}, environ, None)
    assert len(caught.value.message) < 500


@pytest.mark.parametrize("environ", [{}, {"TKE_REGION": "ap-tokyo"}, dict.fromkeys(POD, "")])
def test_outside_of_a_pod(environ: dict[str, str]) -> None:
    assert find_pod_identity(environ) is None


@pytest.mark.parametrize("missing", POD)
def test_a_part_of_a_pods_identity(missing: str) -> None:
    with pytest.raises(CredentialsNotFound, match=f"^{missing} missing in the environment"):
        find_pod_identity({**POD, missing: ""})


def test_the_token_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    identity = find_pod_identity({**POD, "TKE_WEB_IDENTITY_TOKEN_FILE": str(file)})
    assert identity is not None
    file.write_text("first\n")
    assert identity.read_token() == "first"
    file.write_text("second")
    assert identity.read_token() == "second"


@pytest.mark.parametrize(
    "content, told",
    [
        (None, "No such file"),
        (b"", "empty"),
        (b" \n", "empty"),
        (b"\xff", "not UTF-8"),
        ("folder", "Is a directory"),
        ("pipe", "not a regular file"),
        (b"x" * 2**20 + b"x", "larger"),
    ],
)
def test_a_token_file_that_is_no_use(tmp_path: Path, content: Any, told: str) -> None:
    file = tmp_path / "token"
    if content == "folder":
        file.mkdir()
    elif content == "pipe":
        os.mkfifo(file)
    elif content is not None:
        file.write_bytes(content)
    identity = find_pod_identity({**POD, "TKE_WEB_IDENTITY_TOKEN_FILE": str(file)})
    assert identity is not None
    with pytest.raises(CredentialsNotFound, match=told) as caught:
        identity.read_token()
    assert str(file) in caught.value.message
    assert "TKE_WEB_IDENTITY_TOKEN_FILE" in caught.value.message
