# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.abstract_client import AbstractClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.http.request import RequestInternal
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from ansible_collections.tencentcloud.clb.plugins.module_utils._api import response as answers
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.endpoint import parse_endpoint, sts_host
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.signature import authorization, utc_date
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import MAX_SHOWN, InvalidArgument, Refused

from ...builders import rows


@rows(
    "text, url, host, direct",
    ("clb.tencentcloudapi.com", "https://clb.tencentcloudapi.com/", "clb.tencentcloudapi.com", False),
    (" clb.tencentcloudapi.com ", "https://clb.tencentcloudapi.com/", "clb.tencentcloudapi.com", False),
    ("https://clb.tencentcloudapi.com/", "https://clb.tencentcloudapi.com/", "clb.tencentcloudapi.com", False),
    ("HTTPS://CLB.TencentCloudAPI.com", "https://clb.tencentcloudapi.com/", "clb.tencentcloudapi.com", False),
    ("gateway:8443", "https://gateway:8443/", "gateway:8443", False),
    ("https://gateway:443", "https://gateway/", "gateway", False),
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080/", "127.0.0.1:8080", True),
    ("http://127.1.2.3", "http://127.1.2.3/", "127.1.2.3", True),
    ("http://localhost:80", "http://localhost/", "localhost", True),
    ("http://[::1]:8080", "http://[::1]:8080/", "[::1]:8080", True),
    ("[2001:db8::1]:444", "https://[2001:db8::1]:444/", "[2001:db8::1]:444", False),
)
def test_forms_of_an_endpoint(text, url, host, direct):
    endpoint = parse_endpoint(text)
    assert (endpoint.url, endpoint.host, endpoint.direct) == (url, host, direct)


@rows("text",
    "http://clb.tencentcloudapi.com", "http://10.0.0.1", "http://localhost.example.com",
    "http://127.0.0.1.example.com", "http://0.0.0.0", "ftp://clb.tencentcloudapi.com", "https://host/path",
    "https://host?x=1", "https://host#x", "a host", "*.example.com", "host..example.com", "h\u00f6st",
    "x" * 64 + ".example.com", "https://[::zz]", "https://[v1.a:b]", "host:port", "host:70000", "https://", "[::1",
    "host\nX-Evil: 1", "\u212aelvin.example.com", "host:\u0661", "[::1]x:80", "::1",
)  # fmt: skip
def test_what_is_no_endpoint_is_named(text):
    with pytest.raises(InvalidArgument, match="sts_endpoint") as caught:
        parse_endpoint(text, "sts_endpoint")
    assert repr(text) in caught.value.message


METADATA = "http://metadata.tencentyun.com"


@rows(
    "text, url",
    (METADATA, f"{METADATA}/"),
    (f"{METADATA}/", f"{METADATA}/"),
    ("http://169.254.0.23", "http://169.254.0.23/"),
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
    ("http://localhost:8080/", "http://localhost:8080/"),
    ("http://[fe80::1]", "http://[fe80::1]/"),
    ("https://metadata.example.com", "https://metadata.example.com/"),
)
def test_where_the_metadata_service_can_be(text, url):
    endpoint = parse_endpoint(text, "VARIABLE", metadata=True)
    assert (endpoint.url, endpoint.direct) == (url, True)


@rows("text",
    "http://metadata.example.com", "http://10.0.0.1", "http://tencentyun.com", f"{METADATA}.example.com",
    "169.254.0.23", "ftp://169.254.0.23", "http://169.254.0.23/path", "http://127.0.0.1/?x=1", "http://", "http://[::1",
)  # fmt: skip
def test_where_the_metadata_service_can_not_be(text):
    with pytest.raises(InvalidArgument, match="VARIABLE") as caught:
        parse_endpoint(text, "VARIABLE", metadata=True)
    assert repr(text) in caught.value.message


@rows("text, what", ("https://" + "x" * 100000, "is not a host"), ("host:" + "9" * 100000, "is not a host"))
def test_a_long_value_is_cut(text, what):
    with pytest.raises(InvalidArgument, match=what) as caught:
        parse_endpoint(text)
    assert len(caught.value.message) < 500


@rows("port", "0", "00000", "65536", "99999")
def test_a_port_out_of_range_is_named(port):
    with pytest.raises(InvalidArgument, match=f"has the port {int(port)}; give one from 1 to 65535"):
        parse_endpoint(f"host:{port}")


@rows(
    "endpoint, sts",
    ("clb.intl.tencentcloudapi.com", "sts.intl.tencentcloudapi.com"),
    ("clb.tencentcloudapi.com", "sts.tencentcloudapi.com"),
    ("clb.internal.tencentcloudapi.com", "sts.internal.tencentcloudapi.com"),
    ("clb.ap-shanghai-fsi.tencentcloudapi.com", "sts.ap-shanghai-fsi.tencentcloudapi.com"),
    ("clb.example.com", "sts.intl.tencentcloudapi.com"),
    ("clb.eviltencentcloudapi.com", "sts.intl.tencentcloudapi.com"),
    ("http://127.0.0.1:8080", "sts.intl.tencentcloudapi.com"),
)
def test_sts_is_on_the_same_site(endpoint, sts):
    assert sts_host(parse_endpoint(endpoint)) == sts


INTERNATIONAL, CHINA = "clb.intl.tencentcloudapi.com", "clb.tencentcloudapi.com"


@rows(
    "endpoint, words",
    (INTERNATIONAL, f"{INTERNATIONAL} is the international site; keys of the China site need the endpoint {CHINA}."),
    (CHINA, f"{CHINA} is the China site; keys of the international site need the endpoint {INTERNATIONAL}."),
    ("sts.intl.tencentcloudapi.com", "is the international site; keys of the China site"),
    ("CLB.Intl.TencentCloudAPI.com:443", "is the international site"),
    ("clb.ap-shanghai-fsi.tencentcloudapi.com", "is the China site; keys of the international site"),
    ("clb.internal.tencentcloudapi.com", "A key belongs to one site"),
    ("clb.eviltencentcloudapi.com", "A key belongs to one site"),
    ("http://127.0.0.1:8080", "A key belongs to one site"),
)
def test_an_unknown_key_may_belong_to_the_other_site(endpoint, words):
    hint = parse_endpoint(endpoint).site_hint
    assert words in hint
    assert "need the endpoint" in hint or "needs the endpoint" in hint


# -- the signature


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


@pytest.mark.filterwarnings("ignore:.*utcfromtimestamp:DeprecationWarning")
@given(KEY, KEY, TIMES, PARAMS, st.sampled_from(["clb.intl.tencentcloudapi.com", "127.0.0.1:8080"]))
def test_equal_to_a_request_of_the_vendors_sdk(key_id, key, timestamp, params, host):
    """The SDK builds the whole request; nothing of ours is in the expected header."""
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=host))
    client = AbstractClient(Credential(key_id, key), "ap-guangzhou", profile)
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


def test_the_date_is_that_of_utc(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        assert [utc_date(seconds) for seconds in (0, 86399, 86400)] == ["1970-01-01", "1970-01-01", "1970-01-02"]
    finally:
        monkeypatch.undo()
        time.tzset()


# -- the answer


NOW = 1700000000.0


def parse(content, status=200, **more):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return answers.parse_response("Act", status, more.pop("headers", {}), body, **more)


def test_a_response_is_handed_over_as_it_is():
    response = {"RequestId": "r-1", "Listeners": None, "New": [1.5, True]}
    assert parse({"Response": response}) == response
    assert parse({"Response": response}, write=True) == response
    assert parse({"Response": {}}) == {}


def refusal(response, status=200, **more):
    with pytest.raises(Refused) as caught:
        parse({"Response": response}, status, **more)
    return caught.value


@rows("status", 200, 400, 503)
def test_a_refusal(status):
    error = refusal(
        {"Error": {"Code": "LimitExceeded.X", "Message": "no more"}, "RequestId": "r-1"}, status, write=True
    )
    assert (error.code, error.api_message, error.request_id) == ("LimitExceeded.X", "no more", "r-1")
    assert error.action == "Act"
    assert error.message.startswith("Act was refused with LimitExceeded.X: no more. This is a quota")
    for message in ({}, {"Message": None}, {"Message": ""}):
        error = refusal({"Error": {"Code": "X", **message}})
        assert (error.code, error.api_message, error.request_id) == ("X", "", None)
        assert error.message == "Act was refused with X."


@rows(
    "response, what",
    ({"Error": None, "RequestId": "r"}, "an Error that is null"),
    ({"Error": "AuthFailure", "RequestId": "r"}, "an Error that is text"),
    ({"Error": ["AuthFailure"], "RequestId": "r"}, "an Error that is a list"),
    ({"Error": True, "RequestId": "r"}, "an Error that is true or false"),
    ({"Error": {}, "RequestId": "r"}, "without a text Code"),
    ({"Error": {"Code": ""}, "RequestId": "r"}, "without a text Code"),
    ({"Error": {"Code": 7}, "RequestId": "r"}, "without a text Code"),
    ({"Error": {"Code": ["AuthFailure"]}, "RequestId": "r"}, "without a text Code"),
    ({"Error": {"Code": "X", "Message": {}}, "RequestId": "r"}, "an object as Message instead of text"),
    ({"Error": {"Code": "X", "Message": 5}, "RequestId": "r"}, "a number as Message instead of text"),
    ({"Error": {"Code": "X"}, "RequestId": 5}, "a RequestId that is a number"),
    ({"RequestId": None}, "a RequestId that is null"),
    ({"RequestId": ["r"]}, "a RequestId that is a list"),
)
@rows("write", True, False)
def test_an_envelope_in_another_form_names_the_place(response, what, write):
    with pytest.raises(answers.Unreadable, match=what) as caught:
        parse({"Response": response}, write=write, where="Act at https://host/")
    assert caught.value.message.startswith("Act at https://host/: HTTP 200 with ")
    assert caught.value.code == "UnexpectedAnswer"


@rows("response", {}, {"RequestId": ""}, {"Listeners": []})
def test_a_write_has_a_request_id(response):
    with pytest.raises(answers.Unreadable, match="has no RequestId"):
        parse({"Response": response}, write=True)


@rows("body, why",
    (b"", "Expecting value"), (b"<html>", "Expecting value"), (b'{"Response": {"Req', "Unterminated"),
    (b'{"Response": NaN}', "NaN"), (b"[" * 100000, "nested too deep"),
)  # fmt: skip
def test_what_is_no_json(body, why):
    with pytest.raises(answers.Unreadable, match=why) as caught:
        parse(body, headers={"Content-Type": "text/html\x1b[31m" + "x" * 500})
    assert r"text/html\x1b[31mxxx" in caught.value.message
    assert len(caught.value.message) < 500


@rows("body", {}, [], None, "x", 5, {"Response": None}, {"Response": []}, {"Response": "yes"})
@rows("status, cure", (200, "KNOWN_ENDPOINT"), (404, "KNOWN_ENDPOINT"), (500, "TIME"), (302, "NEVER"))
def test_what_is_not_the_api(body, status, cure):
    with pytest.raises(answers.Unreadable) as caught:
        parse(body, status)
    assert caught.value.cure is answers.Cure[cure]
    assert f"HTTP {status}" in caught.value.message


@rows("body",
    b"<html>", b'{"error": "slow down"}', b'{"Response": {"RequestId": "r"}}',
    b'{"Response": {"Error": {"Code": "FailedOperation", "Message": "No."}, "RequestId": "r"}}',
)  # fmt: skip
def test_too_many_requests(body):
    with pytest.raises(Refused) as caught:
        parse(body, 429)
    assert caught.value.code == "RequestLimitExceeded"


def test_long_and_steering_texts_of_the_cloud_are_made_safe():
    error = {"Code": "X\x1b[2J" + "y" * 1000, "Message": "\u202e" + "m" * 5_000_000}
    found = refusal({"Error": error, "RequestId": "r\x07" + "z" * 1000})
    assert found.code.startswith(r"X\x1b[2Jyyy")
    assert found.api_message.startswith(r"\u202emmm")
    assert len(found.message) < MAX_SHOWN + 3 * answers.MAX_NAME
    assert all(text.isprintable() for text in (found.message, found.api_message, found.code, found.request_id))
    # Secrets are taken out before a text is cut.
    error = {"Code": "X", "Message": "m" * (MAX_SHOWN - 3) + "sEcReT"}
    assert "sEc" not in refusal({"Error": error}, scrub=lambda text: text.replace("sEcReT", "***")).message


def expired(**headers):
    return refusal({"Error": {"Code": "AuthFailure.SignatureExpire"}}, headers=headers, now=NOW)


@rows("skew, shown", (600, "600 s ahead of"), (-4000, "4000 s behind"))
def test_a_wrong_clock_is_measured(skew, shown):
    assert shown in expired(Date=formatdate(NOW - skew, usegmt=True)).message


@rows("date",
    None, "soon", formatdate(NOW, usegmt=True), "Mon, 99 Jan 2024 00:00:00 GMT",
    "Mon, 01 Jan %s 00:00:00 GMT" % ("9" * 5000), ", , ,",
)  # fmt: skip
def test_a_clock_that_can_not_be_measured_or_is_right_is_not_blamed(date):
    refusal = expired(**({} if date is None else {"Date": date}))
    assert "This host's clock is" not in refusal.message
    assert "Set the clock" in refusal.message
