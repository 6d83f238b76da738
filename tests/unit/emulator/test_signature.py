# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is let in: signatures, regions and versions, temporary credentials of STS and of the metadata service."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

import pytest
from tencentcloud.common.sign import Sign

from clb_emulator import api, metadata, signature
from clb_emulator.accounts import Credential

from .shop import LB, TARGETS, Shop

ROLE, CLOSED, FOREIGN = (f"qcs::cam::uin/100000000001:roleName/{name}" for name in ("deploy", "closed", "foreign"))
STS = {
    "roles": {ROLE: None, CLOSED: {"allow": False}, FOREIGN: {"trusted": ["AKIDsomebody"]}},
    "max_duration": 10000,
    "web_identity_tokens": {"jwt-good": {"provider_id": "tke", "role_arn": ROLE}},
}
ENDED = "AuthFailure.TokenFailure"


class Signed(Shop):
    """Calls the shop with signatures that the vendor's code makes, as this credential."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"sts": STS, **settings})
        self.credential = self.cloud.accounts.first

    def headers(self, action: str, body: bytes, service: str = "clb", skew: int = 0) -> dict[str, str]:
        timestamp = int(self.clock.wall() - self.cloud.settings.clock_offset) + skew
        date = time.strftime("%Y-%m-%d", time.gmtime(timestamp))
        payload = hashlib.sha256(body).hexdigest()
        canonical = f"POST\n/\n\ncontent-type:application/json\nhost:clb.example.com\n\ncontent-type;host\n{payload}"
        scope = f"{date}/{service}/tc3_request"
        to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        sign = Sign.sign_tc3(self.credential.secret_key, date, service, to_sign)
        headers = {
            "authorization": f"TC3-HMAC-SHA256 Credential={self.credential.secret_id}/{scope}, "
            f"SignedHeaders=content-type;host, Signature={sign}",
            "content-type": "application/json",
            "host": "clb.example.com",
            "x-tc-action": action,
            "x-tc-region": "ap-guangzhou",
            "x-tc-timestamp": str(timestamp),
            "x-tc-version": "2018-03-17" if service == "clb" else "2018-08-13",
        }
        return {**headers, "x-tc-token": self.credential.token} if self.credential.token else headers

    def send(self, action: str = TARGETS, params: Any = LB, headers: Any = None, **how: Any) -> dict[str, Any]:
        """Return the ``Response``; these headers replace the proper ones."""
        body = params if isinstance(params, bytes) else json.dumps(params).encode()
        request = api.Request({**self.headers(action, body, **how), **(headers or {})}, body)
        return json.loads(api.handle(self.cloud, request).body)["Response"]

    def denial(self, *call: Any, **how: Any) -> str | None:
        return self.send(*call, **how).get("Error", {}).get("Code")

    def assume(self, role: str = ROLE, **params: Any) -> dict[str, Any]:
        return self.send("AssumeRole", {"RoleArn": role, "RoleSessionName": "test", **params}, service="sts")

    def use(self, given: dict[str, Any]) -> None:
        self.credential = Credential(given["TmpSecretId"], given["TmpSecretKey"], given["Token"])


def test_published_example() -> None:
    # Tencent Cloud API 3.0, "Signature v3", the example of a DescribeInstances.
    key = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"
    body = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    key_id, signed = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", ("content-type", "host")
    auth = signature.Authorization(key_id, "2019-02-25", "cvm", signed, "")
    published = "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    # Values are signed trimmed and in lower case.
    for host in ("cvm.tencentcloudapi.com", " CVM.tencentcloudapi.com "):
        headers = {"content-type": "application/json; charset=utf-8", "host": host}
        assert signature.sign(key, auth, "1551113065", headers, body) == published


@pytest.mark.parametrize("skew, accepted", [(0, True), (290, True), (-290, True), (310, False), (-310, False)])
def test_clock_skew(skew: int, accepted: bool) -> None:
    expected = None if accepted else "AuthFailure.SignatureExpire"
    assert Signed().denial(skew=skew) == expected
    assert Signed(clock_offset=-skew).denial() == expected


@pytest.mark.parametrize(
    "headers, expected",
    [
        ({"authorization": ""}, "AuthFailure.InvalidAuthorization"),
        ({"authorization": "SKIP"}, "AuthFailure.InvalidAuthorization"),
        ({"authorization": "Basic dTpw"}, "AuthFailure.InvalidAuthorization"),
        ({"host": "other.example.com"}, "AuthFailure.SignatureFailure"),
        ({"content-type": "application/json; charset=utf-8"}, "AuthFailure.SignatureFailure"),
        ({"x-tc-content-sha256": "UNSIGNED-PAYLOAD"}, "AuthFailure.SignatureFailure"),
        ({"x-tc-token": "stray"}, ENDED),
        ({"x-tc-timestamp": ""}, "MissingParameter"),
        ({"x-tc-timestamp": "soon"}, "MissingParameter"),
        ({"x-tc-region": ""}, "MissingParameter"),
        ({"x-tc-region": "xx-nowhere"}, "InvalidParameter.RegionNotFound"),
        ({"x-tc-region": "ap-tokyo"}, "InvalidParameter.LBIdNotFound"),
        ({"x-tc-version": "2017-01-01"}, "NoSuchVersion"),
        ({"x-tc-action": "DeleteLoadBalancer"}, "InvalidAction"),
    ],
)
def test_wrong_headers(headers: dict[str, str], expected: str) -> None:
    assert Signed().denial(TARGETS, LB, headers) == expected


@pytest.mark.parametrize("name, code", [("AKIDother", "SecretIdNotFound"), (None, "SignatureFailure")])
def test_unknown_key_and_wrong_key(name: str | None, code: str) -> None:
    cloud = Signed()
    cloud.credential = Credential(name or cloud.credential.secret_id, "wrong")
    assert cloud.denial() == f"AuthFailure.{code}"
    (call,) = cloud.calls()
    assert (call["secret_id"], call["outcome"]) == (cloud.credential.secret_id, f"AuthFailure.{code}")
    assert (call["params"], cloud.cloud.accounts.first.secret_key in repr(call)) == (None, False)


def test_what_is_no_object_or_too_long_or_sent_to_another_service() -> None:
    cloud = Signed()
    assert {cloud.denial(TARGETS, body) for body in (b"", b"[]", b"{", b"null", b"\xff")} == {"InvalidParameter"}
    for_another = cloud.denial(TARGETS, LB, {"x-tc-version": "2018-03-17"}, service="sts")
    assert (for_another, cloud.denial(service="sts")) == ("AuthFailure.SignatureFailure", "InvalidAction")
    assert cloud.denial(TARGETS, {"LoadBalancerId": "x" * (10 << 20)}) == "RequestSizeLimitExceeded"


@pytest.mark.parametrize("settings, asked, lasts", [({}, {"DurationSeconds": 600}, 600), ({"lifetime": 2}, {}, 2)])
def test_a_temporary_pair_works_until_it_ends(settings: dict[str, int], asked: dict[str, int], lasts: float) -> None:
    cloud = Signed(sts={**STS, **settings})
    answer = cloud.assume(**asked)
    assert answer["ExpiredTime"] == pytest.approx(cloud.clock.wall() + lasts, abs=2)
    cloud.use(answer["Credentials"])
    assert cloud.denial() is None
    cloud.sleep(lasts + 1)
    assert cloud.denial() == ENDED


def test_all_tokens_can_be_ended_and_a_token_belongs_to_its_pair() -> None:
    cloud = Signed()
    lasting, pair = cloud.credential, cloud.assume()["Credentials"]
    for token in (None, "", "wrong"):
        cloud.use({**pair, "Token": token})
        assert cloud.denial() == ENDED
    cloud.use(pair)
    seen = [cloud.denial()]
    cloud.change("expire")
    seen.append(cloud.denial())
    cloud.credential = lasting
    assert [*seen, cloud.denial()] == [None, ENDED, None]


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
def test_roles_that_may_not_be_assumed(role: str, params: dict[str, Any], expected: str) -> None:
    assert Signed().assume(role, **params)["Error"]["Code"] == expected


@pytest.mark.parametrize(
    "params, expected",
    [
        ({}, None),
        ({"WebIdentityToken": "jwt-bad"}, "InvalidParameter.WebIdentityTokenError"),
        ({"ProviderId": "other"}, "InvalidParameter.ParamError"),
        ({"RoleArn": FOREIGN}, "UnauthorizedOperation"),
        ({"RoleArn": "qcs::none"}, "ResourceNotFound.RoleNotFound"),
    ],
)
def test_web_identities_and_nothing_else_go_unsigned(params: dict[str, Any], expected: str | None) -> None:
    cloud, unsigned = Signed(), {"authorization": "SKIP"}
    proper = {"ProviderId": "tke", "WebIdentityToken": "jwt-good", "RoleArn": ROLE, "RoleSessionName": "test"}
    answer = cloud.send("AssumeRoleWithWebIdentity", {**proper, **params}, unsigned, service="sts")
    assert answer.get("Error", {}).get("Code") == expected
    if expected is None:
        cloud.use(answer["Credentials"])
        assert cloud.denial() is None
    role = {"RoleArn": ROLE, "RoleSessionName": "test"}
    assert cloud.denial("AssumeRole", role, unsigned, service="sts") == "AuthFailure.InvalidAuthorization"


def test_the_metadata_service_hands_out_a_pair_that_works() -> None:
    cloud = Signed(metadata={"role": "clb-role", "lifetime": 100})
    assert metadata.handle(cloud.cloud, "", {}).body == b"clb-role"
    given = json.loads(metadata.handle(cloud.cloud, "clb-role", {}).body)
    assert (given["Code"], given["ExpiredTime"]) == ("Success", pytest.approx(cloud.clock.wall() + 100, abs=2))
    cloud.use(given)
    assert cloud.denial() is None
    cloud.sleep(101)
    assert cloud.denial() == ENDED


def test_a_metadata_service_that_has_nothing_or_fails() -> None:
    for settings, role in ((None, ""), (None, "clb-role"), ({"role": "clb-role"}, "other")):
        assert metadata.handle(Shop(metadata=settings).cloud, role, {}).status == 404
    broken = Shop(metadata={"role": "clb-role", "code": "Failed"})
    assert json.loads(metadata.handle(broken.cloud, "clb-role", {}).body) == {"Code": "Failed"}
    faults: list[dict[str, Any]] = [
        {"action": "MetadataCredentials", "kind": "torn", "apply": True},
        {"action": "MetadataRole", "kind": "redirect"},
        {"action": "Metadata*", "kind": "hang", "seconds": 3},
        {"action": "MetadataRole", "kind": "http", "status": 200, "body": "<garbage>"},
    ]
    cloud = Shop(metadata={"role": "clb-role"}, faults=faults)
    first, second, third = (metadata.handle(cloud.cloud, "", {}) for _ in range(3))
    assert (first.status, second.cut, second.delay, third.body) == (302, True, 3, b"<garbage>")
    with pytest.raises(json.JSONDecodeError):
        json.loads(metadata.handle(cloud.cloud, "clb-role", {}).body)
    assert [entry["outcome"] for entry in cloud.calls()] == ["http 302", "hang", "http 200", "torn"]
