# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator import signature

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import InProcess

DESCRIBE = {"LoadBalancerId": "lb-1"}


def code(answer: Any) -> str | None:
    """Return the error code of an answer, None where it is none."""
    response = json.loads(answer.body)["Response"]
    return response["Error"]["Code"] if "Error" in response else None


def test_published_example() -> None:
    # Tencent Cloud API 3.0, "Signature v3", the example of a DescribeInstances.
    key = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"
    body = b'{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}'
    auth = signature.Authorization(
        "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "2019-02-25", "cvm", ("content-type", "host"), ""
    )
    headers = {"content-type": "application/json; charset=utf-8", "host": "cvm.tencentcloudapi.com"}
    published = "72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    assert signature.sign(key, auth, "1551113065", headers, body) == published
    # Values are signed trimmed and in lower case.
    headers["host"] = " CVM.tencentcloudapi.com "
    assert signature.sign(key, auth, "1551113065", headers, body) == published


@pytest.mark.parametrize(
    "skew, expected",
    [(0, None), (290, None), (-290, None), (310, "AuthFailure.SignatureExpire"), (-310, "AuthFailure.SignatureExpire")],
)
def test_clock_skew(cloud: InProcess, skew: int, expected: str | None) -> None:
    assert code(cloud.answer("DescribeTargets", DESCRIBE, skew=skew)) == expected


def test_server_clock_off(in_process: Callable[..., InProcess]) -> None:
    assert code(in_process(clock_offset=600).answer("DescribeTargets", DESCRIBE)) == "AuthFailure.SignatureExpire"


@pytest.mark.parametrize(
    "headers, expected",
    [
        ({"authorization": ""}, "AuthFailure.InvalidAuthorization"),
        ({"authorization": "SKIP"}, "AuthFailure.InvalidAuthorization"),
        ({"authorization": "Basic dTpw"}, "AuthFailure.InvalidAuthorization"),
        ({"host": "other.example.com"}, "AuthFailure.SignatureFailure"),
        ({"content-type": "application/json; charset=utf-8"}, "AuthFailure.SignatureFailure"),
        ({"x-tc-content-sha256": "UNSIGNED-PAYLOAD"}, "AuthFailure.SignatureFailure"),
        ({"x-tc-token": "stray"}, "AuthFailure.TokenFailure"),
        ({"x-tc-timestamp": ""}, "MissingParameter"),
        ({"x-tc-timestamp": "soon"}, "MissingParameter"),
        ({"x-tc-region": ""}, "MissingParameter"),
        ({"x-tc-region": "xx-nowhere"}, "InvalidParameter.RegionNotFound"),
        ({"x-tc-region": "ap-tokyo"}, "InvalidParameter.LBIdNotFound"),
        ({"x-tc-version": "2017-01-01"}, "NoSuchVersion"),
        ({"x-tc-action": "DeleteLoadBalancer"}, "InvalidAction"),
    ],
)
def test_wrong_headers(cloud: InProcess, headers: dict[str, str], expected: str) -> None:
    assert code(cloud.answer("DescribeTargets", DESCRIBE, headers)) == expected


def test_signed_for_another_service(cloud: InProcess) -> None:
    answer = cloud.answer("DescribeTargets", DESCRIBE, {"x-tc-version": "2018-03-17"}, service="sts")
    assert code(answer) == "AuthFailure.SignatureFailure"


def test_unknown_key_and_wrong_key(in_process: Callable[..., InProcess]) -> None:
    cloud, other = in_process(), in_process(credentials=[{"secret_id": "AKIDother", "secret_key": "x"}])
    proper = cloud.credential
    cloud.credential = other.credential
    assert code(cloud.answer("DescribeTargets", DESCRIBE)) == "AuthFailure.SecretIdNotFound"
    cloud.credential = type(proper)(proper.secret_id, "wrong")
    assert code(cloud.answer("DescribeTargets", DESCRIBE)) == "AuthFailure.SignatureFailure"
    last = [entry for entry in cloud.cloud.journal.read() if entry["kind"] == "call"][-1]
    assert (last["secret_id"], last["outcome"], last["params"]) == (
        proper.secret_id,
        "AuthFailure.SignatureFailure",
        None,
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b"\xff"])
def test_body_is_no_object(cloud: InProcess, body: bytes) -> None:
    from clb_emulator import api

    headers = cloud.headers("DescribeTargets", body)
    assert code(api.handle(cloud.cloud, api.Request(headers, body))) == "InvalidParameter"


def test_body_too_long(cloud: InProcess) -> None:
    params = {"LoadBalancerId": "x" * (10 * 1024 * 1024)}
    assert code(cloud.answer("DescribeTargets", params)) == "RequestSizeLimitExceeded"
