# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import socket
import time
from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import _Network
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.pacer import Pacer
from ansible_collections.tencentcloud.clb.plugins.module_utils._base import pace
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import CredentialsNotFound, UnexpectedAnswer
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.credentials import Credentials
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.roles import (
    METADATA_PATH,
    METADATA_VARIABLE,
)

from ...builders import rows
from ..http_server import HttpServer, Reply

GIVEN = {
    "TmpSecretId": "AKIDtmp",
    "TmpSecretKey": "temporary-key",
    "Token": "temporary-token",
    "ExpiredTime": 1700000900,
    "Code": "Success",
}
ROLE = Reply(b"clb-role")


def fetch(*replies: Reply, seconds: float = 60) -> tuple[Credentials, HttpServer]:
    with HttpServer(*replies) as server:
        return network({METADATA_VARIABLE: server.url}, seconds).from_metadata(), server


def network(environ: dict[str, str], seconds: float) -> _Network:
    return _Network({}, environ, Budget(seconds, 0), Pacer(), "")


def given(**changes: Any) -> Reply:
    return Reply(json.dumps({**GIVEN, **changes}).encode())


@rows("name", b"clb-role", b"clb-role\n", b"CVM_role.1")
def test_a_role(name):
    credentials, server = fetch(Reply(name), given())
    assert credentials == Credentials("AKIDtmp", "temporary-key", "temporary-token", 1700000900.0)
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("GET", f"/{METADATA_PATH}"),
        ("GET", f"/{METADATA_PATH}" + name.decode().strip()),
    ]


def test_no_proxy_and_no_netrc(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password x\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with HttpServer(Reply(b"", 500)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        _, server = fetch(ROLE, given())
    assert proxy.seen == []
    assert not any("authorization" in seen.headers for seen in server.seen)


@rows(
    "replies, error, told",
    ([Reply(b"404", 404)], CredentialsNotFound, "has no role"),
    ([ROLE, Reply(b"404", 404)], CredentialsNotFound, "has no role"),
    ([Reply(b"", 302, {"Location": "http://127.0.0.1:9/"})], UnexpectedAnswer, "HTTP 302"),
    ([Reply(b"oops", 500)], UnexpectedAnswer, "HTTP 500"),
    ([Reply(b"<html>log in</html>")], UnexpectedAnswer, "no role's name"),
    ([Reply(b"../../user-data")], UnexpectedAnswer, "no role's name"),
    ([Reply(b"")], UnexpectedAnswer, "no role's name"),
    ([Reply(b"\xff\xfe")], UnexpectedAnswer, "no role's name"),
    ([Reply(b"one\ntwo")], UnexpectedAnswer, "no role's name"),
    ([ROLE, Reply(b"<html>")], UnexpectedAnswer, "no JSON object"),
    ([ROLE, Reply(b'"sEcReT"')], UnexpectedAnswer, "no JSON object"),
    ([ROLE, Reply(given(TmpSecretKey="sEcReT").body[:60])], UnexpectedAnswer, "no JSON object"),
    ([ROLE, Reply(b"[" * 60000)], UnexpectedAnswer, "no JSON object"),
    ([ROLE, given(Code="Failed")], CredentialsNotFound, "code 'Failed'"),
    ([ROLE, given(Code=None)], CredentialsNotFound, "without a code"),
    ([ROLE, given(TmpSecretKey="")], UnexpectedAnswer, "valid TmpSecretKey"),
    ([ROLE, given(ExpiredTime="soon")], UnexpectedAnswer, "valid ExpiredTime"),
    ([Reply(cut=True)], CredentialsNotFound, "connection was cut"),
    ([ROLE, Reply(given().body, torn=True)], CredentialsNotFound, "connection was cut"),
)
def test_answers_are_checked(replies, error, told):
    with pytest.raises(error, match=told) as caught:
        fetch(*replies)
    assert METADATA_PATH in caught.value.message
    assert "sEcReT" not in caught.value.message


@rows(
    "replies",
    [Reply(delay=30)],
    [ROLE, Reply(delay=30)],
    [Reply(b"clb-role", drip=4)],
    ids=["silent", "silent later", "a byte now and then"],
)
def test_it_takes_no_longer_than_its_time(replies, monkeypatch):
    monkeypatch.setattr(pace, "METADATA_SECONDS", 0.2)
    started = time.monotonic()
    with pytest.raises(CredentialsNotFound, match=r"no (full )?answer within"):
        fetch(*replies)
    assert time.monotonic() - started < 20


def test_nor_longer_than_the_task():
    started = time.monotonic()
    with pytest.raises(CredentialsNotFound, match=r"no (full )?answer within"):
        fetch(Reply(delay=30), seconds=0.2)
    assert time.monotonic() - started < 20


def test_a_name_server_that_is_silent(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5))
    with pytest.raises(CredentialsNotFound, match=r"no (full )?answer within"):
        network({}, 0.3).from_metadata()
