# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tencentcloud.common.abstract_client import AbstractClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.common.sign import Sign

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.signature import (
    authorization,
    string_to_sign,
    utc_date,
)

from ...builders import rows

CONTENT_TYPE = "application/json; charset=utf-8"
KEY = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64)
TIMES = st.integers(0, 4102444800)
# Text without halves of surrogate pairs, which no UTF-8 can carry.
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
PARAMS = st.dictionaries(TEXT, st.recursive(TEXT | st.integers() | st.none(), st.lists, max_leaves=8), max_size=6)


def test_published_example():
    """Tencent Cloud API 3.0, "Signature v3", the example of a DescribeInstances; signed headers are the same two."""
    made = authorization(
        secret_id="AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
        secret_key="Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
        service="cvm",
        host="cvm.tencentcloudapi.com",
        content_type=CONTENT_TYPE,
        body=rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}',
        timestamp=1551113065,
    )
    assert made == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host, Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )


@given(KEY, TIMES, st.from_regex(r"[a-z]{2,8}", fullmatch=True), PARAMS)
def test_equal_to_the_primitive_of_the_vendors_sdk(key, timestamp, service, params):
    host, body = f"{service}.tencentcloudapi.com", json.dumps(params, ensure_ascii=False).encode()
    details = {"service": service, "host": host, "content_type": CONTENT_TYPE, "body": body, "timestamp": timestamp}

    made = authorization(secret_id="AKID", secret_key=key, **details)

    assert made.rpartition("=")[2] == Sign.sign_tc3(key, utc_date(timestamp), service, string_to_sign(**details))


@pytest.mark.filterwarnings("ignore:.*utcfromtimestamp:DeprecationWarning")
@settings(max_examples=50)
@given(KEY, KEY, TIMES, PARAMS, st.sampled_from(["clb.intl.tencentcloudapi.com", "127.0.0.1:8080"]))
def test_equal_to_a_request_of_the_vendors_sdk(key_id, key, timestamp, params, host):
    """The SDK builds the whole request; nothing of ours is in the expected header."""
    client = AbstractClient(
        Credential(key_id, key), "ap-guangzhou", ClientProfile(httpProfile=HttpProfile(endpoint=host))
    )
    client._service, client._apiVersion = "clb", "2018-03-17"
    request = RequestInternal(host, "POST", "/", {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: timestamp)
        client._build_req_with_tc3_signature("DescribeTargets", params, request, {})

    made = authorization(
        secret_id=key_id,
        secret_key=key,
        service="clb",
        host=request.header["Host"],
        content_type=request.header["Content-Type"],
        body=request.data.encode(),
        timestamp=timestamp,
    )

    assert made == request.header["Authorization"]


@rows("change",
    {"body": b"{} "}, {"timestamp": 86400 * 365}, {"host": "other"}, {"content_type": "text/plain"}, {"service": "sts"},
)  # fmt: skip
def test_everything_that_is_signed_changes_the_signature(change):
    details = {"service": "clb", "host": "h", "content_type": CONTENT_TYPE, "body": b"{}", "timestamp": 0}

    assert authorization(secret_id="i", secret_key="k", **details) != authorization(
        secret_id="i", secret_key="k", **{**details, **change}
    )


@rows("timestamp, date", (0, "1970-01-01"), (86399, "1970-01-01"), (86400, "1970-01-02"))
def test_the_date_is_that_of_utc(timestamp, date, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert utc_date(timestamp) == date
    finally:
        monkeypatch.undo()
        time.tzset()
