# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator import api, control, metadata
from clb_emulator.accounts import Credential

if TYPE_CHECKING:
    from collections.abc import Callable

    from clb_emulator.errors import ApiError

    from .conftest import InProcess

    Clouds = Callable[..., InProcess]
    Refused = Callable[..., ApiError]

ROLE = "qcs::cam::uin/100000000001:roleName/deploy"
CLOSED = "qcs::cam::uin/100000000001:roleName/closed"
FOREIGN = "qcs::cam::uin/100000000001:roleName/foreign"
STS = {
    "roles": {ROLE: None, CLOSED: {"allow": False}, FOREIGN: {"trusted": ["AKIDsomebody"]}},
    "max_duration": 10000,
    "web_identity_tokens": {"jwt-good": {"provider_id": "tke", "role_arn": ROLE}},
}


def assume(cloud: InProcess, role: str = ROLE, **params: Any) -> dict[str, Any]:
    return cloud.call("AssumeRole", service="sts", RoleArn=role, RoleSessionName="test", **params)


def use(cloud: InProcess, credentials: dict[str, Any]) -> None:
    cloud.credential = Credential(credentials["TmpSecretId"], credentials["TmpSecretKey"], credentials["Token"])


def web_identity(cloud: InProcess, **params: Any) -> dict[str, Any]:
    proper = {"ProviderId": "tke", "WebIdentityToken": "jwt-good", "RoleArn": ROLE, "RoleSessionName": "test"}
    answer = cloud.answer("AssumeRoleWithWebIdentity", {**proper, **params}, {"authorization": "SKIP"}, service="sts")
    response: dict[str, Any] = json.loads(answer.body)["Response"]
    return response


def test_a_temporary_pair_works_until_it_ends(in_process: Clouds, refused: Refused) -> None:
    cloud = in_process(sts=STS)
    answer = assume(cloud, DurationSeconds=600)
    assert answer["ExpiredTime"] == pytest.approx(time.time() + 600, abs=5)
    use(cloud, answer["Credentials"])
    assert cloud.targets("lbl-tcp")
    cloud.wait(601)
    assert refused(cloud.targets, "lbl-tcp").code == "AuthFailure.TokenFailure"


def test_a_lifetime_of_the_scenario_wins(in_process: Clouds, refused: Refused) -> None:
    cloud = in_process(sts={**STS, "lifetime": 2})
    answer = assume(cloud)
    assert answer["ExpiredTime"] == pytest.approx(time.time() + 2, abs=1.5)
    use(cloud, answer["Credentials"])
    cloud.wait(3)
    assert refused(cloud.targets, "lbl-tcp").code == "AuthFailure.TokenFailure"


def test_ending_all_tokens(in_process: Clouds, refused: Refused) -> None:
    cloud = in_process(sts=STS)
    lasting = cloud.credential
    use(cloud, assume(cloud)["Credentials"])
    control.handle(cloud.cloud, "POST", "expire", None)
    assert refused(cloud.targets, "lbl-tcp").code == "AuthFailure.TokenFailure"
    cloud.credential = lasting
    assert cloud.targets("lbl-tcp")


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_the_token_belongs_to_the_pair(in_process: Clouds, refused: Refused, token: str | None) -> None:
    cloud = in_process(sts=STS)
    pair = assume(cloud)["Credentials"]
    use(cloud, {**pair, "Token": token})
    assert refused(cloud.targets, "lbl-tcp").code == "AuthFailure.TokenFailure"


@pytest.mark.parametrize(
    "role, params, expected",
    [
        ("qcs::cam::uin/1:roleName/none", {}, "ResourceNotFound.RoleNotFound"),
        (CLOSED, {}, "UnauthorizedOperation"),
        (FOREIGN, {}, "UnauthorizedOperation"),
        (ROLE, {"DurationSeconds": 10001}, "InvalidParameter.OverTimeError"),
        (ROLE, {"DurationSeconds": 0}, "InvalidParameter.OverTimeError"),
    ],
)
def test_roles_that_may_not_be_assumed(
    in_process: Clouds, refused: Refused, role: str, params: dict[str, Any], expected: str
) -> None:
    assert refused(assume, in_process(sts=STS), role, **params).code == expected


def test_web_identity_needs_no_signature(in_process: Clouds) -> None:
    cloud = in_process(sts=STS)
    use(cloud, web_identity(cloud)["Credentials"])
    assert cloud.targets("lbl-tcp")


@pytest.mark.parametrize(
    "params, expected",
    [
        ({"WebIdentityToken": "jwt-bad"}, "InvalidParameter.WebIdentityTokenError"),
        ({"ProviderId": "other"}, "InvalidParameter.ParamError"),
        ({"RoleArn": FOREIGN}, "UnauthorizedOperation"),
        ({"RoleArn": "qcs::none"}, "ResourceNotFound.RoleNotFound"),
    ],
)
def test_web_identities_that_are_refused(in_process: Clouds, params: dict[str, Any], expected: str) -> None:
    assert web_identity(in_process(sts=STS), **params)["Error"]["Code"] == expected


def test_only_web_identity_goes_unsigned(in_process: Clouds) -> None:
    params = {"RoleArn": ROLE, "RoleSessionName": "test"}
    answer = in_process(sts=STS).answer("AssumeRole", params, {"authorization": "SKIP"}, service="sts")
    assert json.loads(answer.body)["Response"]["Error"]["Code"] == "AuthFailure.InvalidAuthorization"


def test_the_actions_of_one_service_are_unknown_to_the_other(cloud: InProcess) -> None:
    answer = cloud.answer("DescribeTargets", {"LoadBalancerId": "lb-1"}, service="sts")
    assert json.loads(answer.body)["Response"]["Error"]["Code"] == "InvalidAction"
    assert ("sts", "DescribeTargets") not in api.HANDLERS


def test_metadata_hands_out_a_pair_that_works(in_process: Clouds, refused: Refused) -> None:
    cloud = in_process(metadata={"role": "clb-role", "lifetime": 100})
    assert metadata.handle(cloud.cloud, "", {}).body == b"clb-role"
    given = json.loads(metadata.handle(cloud.cloud, "clb-role", {}).body)
    assert given["Code"] == "Success"
    assert given["ExpiredTime"] == pytest.approx(time.time() + 100, abs=5)
    use(cloud, given)
    assert cloud.targets("lbl-tcp")
    cloud.wait(101)
    assert refused(cloud.targets, "lbl-tcp").code == "AuthFailure.TokenFailure"


@pytest.mark.parametrize(
    "settings, role, status", [(None, "", 404), (None, "clb-role", 404), ({"role": "clb-role"}, "other", 404)]
)
def test_metadata_without_a_role(in_process: Clouds, settings: Any, role: str, status: int) -> None:
    assert metadata.handle(in_process(metadata=settings).cloud, role, {}).status == status


def test_metadata_that_fails(in_process: Clouds) -> None:
    cloud = in_process(metadata={"role": "clb-role", "code": "Failed"})
    assert json.loads(metadata.handle(cloud.cloud, "clb-role", {}).body) == {"Code": "Failed"}


def test_metadata_meets_faults(in_process: Clouds) -> None:
    cloud = in_process(metadata={"role": "clb-role"})
    cloud.cloud.faults.add(
        [
            {"action": "MetadataCredentials", "kind": "torn", "apply": True},
            {"action": "MetadataRole", "kind": "redirect"},
            {"action": "Metadata*", "kind": "hang", "seconds": 3},
            {"action": "MetadataRole", "kind": "http", "status": 200, "body": "<garbage>"},
        ]
    )
    first, second, third = (metadata.handle(cloud.cloud, "", {}) for _ in range(3))
    assert (first.status, second.cut, second.delay, third.body) == (302, True, 3, b"<garbage>")
    with pytest.raises(json.JSONDecodeError):
        json.loads(metadata.handle(cloud.cloud, "clb-role", {}).body)
    calls = [entry for entry in cloud.cloud.journal.read() if entry["kind"] == "call"]
    assert [entry["outcome"] for entry in calls] == ["http 302", "hang", "http 200", "torn"]
