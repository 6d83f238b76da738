# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from email.utils import formatdate

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.response import (
    MAX_NAME,
    Cure,
    Unreadable,
    parse_response,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import MAX_SHOWN, Refused

from ...builders import rows

NOW = 1700000000.0


def parse(content, status=200, **more):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return parse_response("Act", status, more.pop("headers", {}), body, **more)


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
    with pytest.raises(Unreadable, match=what) as caught:
        parse({"Response": response}, write=write, where="Act at https://host/")
    assert caught.value.message.startswith("Act at https://host/: HTTP 200 with ")
    assert caught.value.code == "UnexpectedAnswer"


@rows("response", {}, {"RequestId": ""}, {"Listeners": []})
def test_a_write_has_a_request_id(response):
    with pytest.raises(Unreadable, match="has no RequestId"):
        parse({"Response": response}, write=True)


@rows("body, why",
    (b"", "Expecting value"), (b"<html>", "Expecting value"), (b'{"Response": {"Req', "Unterminated"),
    (b'{"Response": NaN}', "NaN"), (b"[" * 100000, "nested too deep"),
)  # fmt: skip
def test_what_is_no_json(body, why):
    with pytest.raises(Unreadable, match=why) as caught:
        parse(body, headers={"Content-Type": "text/html\x1b[31m" + "x" * 500})
    assert r"text/html\x1b[31mxxx" in caught.value.message
    assert len(caught.value.message) < 500


@rows("body", {}, [], None, "x", 5, {"Response": None}, {"Response": []}, {"Response": "yes"})
@rows("status, cure", (200, Cure.KNOWN_ENDPOINT), (404, Cure.KNOWN_ENDPOINT), (500, Cure.TIME), (302, Cure.NEVER))
def test_what_is_not_the_api(body, status, cure):
    with pytest.raises(Unreadable) as caught:
        parse(body, status)
    assert caught.value.cure is cure
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
    assert len(found.message) < MAX_SHOWN + 3 * MAX_NAME
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
