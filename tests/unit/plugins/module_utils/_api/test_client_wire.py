# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes over the wire: headers, bytes, connections, proxies, certificates, time-outs."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
import time
import traceback

import pytest
import requests
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ProtocolError, SSLError

from ansible_collections.tencentcloud.clb.plugins.module_utils._api import client as client_module
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.endpoint import parse_endpoint
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.signature import authorization
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.transport import AnswerLost, Tls, Transport
from ansible_collections.tencentcloud.clb.plugins.module_utils._base import errors
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.secrets import Secrets

from ...builders import rows
from ..loopback import (
    KEY,
    KEY_ID,
    TOKEN,
    HttpServer,
    RawServer,
    Reply,
    SkippingBudget,
    make_certificate,
    make_client,
    response,
)

NOW = 1700000000
PROXY_VARIABLES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def test_one_signed_post():
    params = {"LoadBalancerId": "lb-1", "Tag": "蓝 é", "Weight": 10, "Targets": [{"Port": 80}]}
    with HttpServer() as server:
        make_client(server.url, clock=lambda: NOW + 0.9).read("DescribeTargets", params)
    (seen,) = server.seen
    body = json.dumps(params, ensure_ascii=False).encode()
    signed = {"host": server.host, "content_type": "application/json; charset=utf-8"}
    expected = {
        "host": signed["host"],
        "content-type": signed["content_type"],
        "x-tc-action": "DescribeTargets",
        "x-tc-version": "2018-03-17",
        "x-tc-region": "ap-guangzhou",
        "x-tc-timestamp": str(NOW),
        "x-tc-language": "en-US",
        "x-tc-requestclient": client_module.CALLER,
        "x-tc-token": TOKEN,
        "authorization": authorization(
            secret_id=KEY_ID, secret_key=KEY, service="clb", body=body, timestamp=NOW, **signed
        ),
    }
    assert (seen.method, seen.path, seen.body) == ("POST", "/", body)
    assert {name: seen.headers.get(name) for name in expected} == expected


def test_a_signature_in_the_data_of_an_answer_is_masked():
    with HttpServer(lambda seen: response(Echo=seen.headers["authorization"].rpartition("=")[2])) as server:
        client = make_client(server.url)
        assert [client.read("DescribeTargets", {"Port": port})["Echo"] for port in (1, 2)] == ["********"] * 2


def test_without_credentials_the_signature_is_skipped():
    with HttpServer() as server:
        make_client(server.url, credentials=None).read("AssumeRoleWithWebIdentity", {})
    assert server.seen[0].headers["authorization"] == "SKIP"
    assert "x-tc-token" not in server.seen[0].headers


def test_netrc_does_not_replace_the_signature_and_loopback_needs_no_proxy(tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password x\ndefault login me password x\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with HttpServer() as server, HttpServer() as proxy:
        for name in PROXY_VARIABLES:
            monkeypatch.setenv(name, proxy.url)
        assert requests.utils.get_netrc_auth(server.url) == ("me", "x")
        make_client(server.url).read("DescribeTargets", {})
    assert server.seen[0].headers["authorization"].startswith("TC3-HMAC-SHA256 ")
    assert proxy.seen == []


def serve_tls(folder, name="127.0.0.1", reply=None):
    """A server with a certificate of this name, and the option that trusts it."""
    files = make_certificate(folder, name)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    return HttpServer(reply or response(), tls=context), str(files[0])


@rows("tls", False, True)
def test_other_hosts_are_reached_through_the_proxy_of_the_environment(tls, tmp_path, monkeypatch):
    refusal = Reply(b"", 403)
    proxy, trusted = serve_tls(tmp_path, reply=refusal) if tls else (HttpServer(refusal), None)
    for name in PROXY_VARIABLES:
        monkeypatch.setenv(name, proxy.url)
    client = make_client("clb.example.com", budget=SkippingBudget(), ca_path=trusted)
    with proxy, pytest.raises(errors.ConnectionFailed, match="proxy"):
        client.read("DescribeTargets", {}, last_attempt=True)
    (seen,) = proxy.seen
    assert (seen.method, seen.path) == ("CONNECT", "clb.example.com:443")
    assert not {"authorization", "x-tc-token"} & seen.headers.keys()


@rows("bundle", "", "0", "false")
def test_an_unknown_certificate_is_refused_at_once(tmp_path, bundle, monkeypatch):
    monkeypatch.setenv("CURL_CA_BUNDLE", bundle)
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    server, _ = serve_tls(tmp_path)
    client = make_client(server.url)
    with server, pytest.raises(errors.ConnectionFailed, match=r"certificate.*ca_path"):
        client.write("BatchRegisterTargets", {})
    assert (sum(client.api_calls.values()), server.seen) == (1, [])


def test_a_certificate_of_another_name_is_refused(tmp_path):
    other, trusted = serve_tls(tmp_path, "127.0.0.2")
    with other as server, pytest.raises(errors.ConnectionFailed, match=r"127\.0\.0\.1"):
        make_client(server.url, ca_path=trusted).read("DescribeTargets", {})
    assert server.seen == []


def test_tls_that_breaks_after_sending_leaves_a_write_in_doubt(monkeypatch):
    def urlopen(*_, body, **__):
        assert b"".join(body) == b"{}"
        raise SSLError(ssl.SSLError(1, "[SSL: SSLV3_ALERT_BAD_RECORD_MAC]"))

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", urlopen)
    with pytest.raises(errors.OutcomeUnknown, match="BAD_RECORD_MAC"):
        make_client("https://127.0.0.1:1").write("BatchRegisterTargets", {})


@rows("reply", Reply(delay=30), Reply(response().body, drip=2), ids=["silent", "a byte now and then"])
@rows("send, error", ("read", errors.ConnectionFailed), ("write", errors.OutcomeUnknown))
def test_a_request_ends_with_its_time_out(reply, send, error):
    with HttpServer(reply, response(Ok=1)) as server:
        client = make_client(server.url, timeout=0.5, seconds=60)
        started = time.monotonic()
        with pytest.raises(error, match=r"within 0\.5 s"):
            getattr(client, send)("Anything", {}, **({"last_attempt": True} if send == "read" else {}))
        assert time.monotonic() - started < 20
        # The client goes on with a fresh connection.
        assert client.read("DescribeTargets", {})["Ok"] == 1


def test_a_name_server_that_is_silent_does_not_hold_the_task(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(30))
    started = time.monotonic()
    with pytest.raises(errors.ConnectionFailed, match="no full answer"):
        make_client("clb.example.com", timeout=0.3).read("DescribeTargets", {}, last_attempt=True)
    assert time.monotonic() - started < 20


def test_objects_in_messages_are_left_out(monkeypatch):
    reason = "<urllib3.connection.HTTPSConnection object at 0x7f361c8b7550>: Failed to establish a new connection"

    def urlopen(*_, **__):
        raise ProtocolError(reason)

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", urlopen)
    with pytest.raises(errors.ConnectionFailed, match="can't connect: Failed to establish"):
        make_client("http://127.0.0.1:1").read("DescribeTargets", {}, last_attempt=True)


@rows("proxy",
    "http://me:pAsSwOrD@GONE", "me:pAsSwOrD@GONE", "https://me:pAsSwOrD@GONE", "https://me:pAsSwOrD@host:99999",
    "me:pAsSwOrD@host:x", "https://me:ab/pAsSwOrD@host", "https://me:pAsSwOrD@", "https://me:pAsSwOrD@[::1",
    "socks5h://me:pAsSwOrD@GONE", "gopher://me:pAsSwOrD@GONE", "http://me:ab%2FpAsSwOrD@ho st",
)  # fmt: skip
def test_credentials_in_a_proxy_address_are_not_shown(proxy, monkeypatch):
    with HttpServer() as gone:
        pass
    monkeypatch.setenv("https_proxy", proxy.replace("GONE", gone.host))
    with pytest.raises(errors.ConnectionFailed) as caught:
        make_client("clb.example.com").read("DescribeTargets", {}, last_attempt=True)
    shown = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    assert "pAsSwOrD" not in shown
    assert base64.b64encode(b"me:pAsSwOrD").decode() not in shown


# -- which connection a request goes out on, and what becomes of one in doubt


@rows("pause", 0.0, 0.018, 0.03)
def test_a_write_is_not_lost_on_a_connection_that_the_server_closes(pause):
    with HttpServer(closes_after=0.02) as server:
        client = make_client(server.url, budget=SkippingBudget())
        for _ in range(8):
            client.read("DescribeTargets", {})
            time.sleep(pause)
            client.write("BatchRegisterTargets", {})
            time.sleep(pause)
    assert client.api_calls["BatchRegisterTargets"] == 8


def test_a_read_that_meets_a_closed_connection_is_sent_again_at_once_on_a_new_one():
    with HttpServer(response(), Reply(cut=True), response()) as server:
        budget = SkippingBudget()
        client = make_client(server.url, budget=budget)
        for _ in range(2):
            client.read("DescribeTargets", {})
    assert budget.slept == [0.0]
    assert len({seen.connection for seen in server.seen}) == 2


def test_each_write_has_a_connection_of_its_own():
    with HttpServer(*[response() for _ in range(4)]) as server:
        client = make_client(server.url)
        for send in (client.read, client.write, client.write, client.read):
            send("DescribeTargets", {})
    first, *_, last = made = [seen.connection for seen in server.seen]
    assert (len(set(made)), last) == (3, first)


def test_connections_share_one_context(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(Tls, "_make", lambda self, make=Tls._make: made.append(1) or make(self))
    server, trusted = serve_tls(tmp_path)
    with server:
        client = make_client(server.url, ca_path=trusted)
        for _ in range(3):
            client.read("DescribeTargets", {})
            client.write("BatchRegisterTargets", {})
    assert (len(made), len(server.seen)) == (1, 6)


def test_http_where_https_is_expected_is_called_so_and_asked_once():
    with HttpServer() as server, pytest.raises(errors.ConnectionFailed, match="is http where https was expected"):
        make_client(server.url.replace("http:", "https:")).read("DescribeTargets", {})
    assert server.seen == []


def test_a_thread_that_is_given_up_ends():
    before = set(threading.enumerate())

    def ours():
        return [thread.name for thread in {*threading.enumerate()} - before if "(work)" in thread.name]

    with HttpServer(Reply(response().body, drip=2)) as server:
        transport = Transport(parse_endpoint(server.url), Secrets(), Tls())
        with pytest.raises(AnswerLost, match=r"no (full )?answer within 0\.3 s"):
            transport.post("DescribeTargets", {}, b"{}", seconds=0.3)
        deadline = time.monotonic() + 20
        while ours() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not ours()


@rows("encoding", "br", "zstd", "gzip, gzip", "x\x1b", "gzip")
def test_what_can_not_be_unpacked_leaves_a_write_in_doubt(encoding):
    reply = Reply(b"\x1f\x8b????", headers={"Content-Encoding": encoding})
    with HttpServer(reply) as server, pytest.raises(errors.OutcomeUnknown, match="can't be unpacked") as caught:
        make_client(server.url).write("BatchRegisterTargets", {})
    assert caught.value.message.isprintable()
    assert caught.value.code == "UnexpectedAnswer"


def test_an_answer_that_is_no_http_is_not_shown():
    # What answers so can be a service that gives credentials.
    answer = [b'{"TmpSecretKey": "sEcReT"}\r\n']
    with RawServer(lambda: iter(answer)) as server, pytest.raises(errors.OutcomeUnknown, match="is no HTTP") as caught:
        make_client(server.url).write("BatchRegisterTargets", {})
    assert "sEcReT" not in caught.value.message


@rows("location", "http://[bad", "http://u:pAsSwOrD@host", "//[", "\xff", "")
@rows("status", 301, 302, 303, 307, 308)
def test_no_redirect_is_followed_or_shown(location, status):
    reply = Reply(b"", status, {"Location": location})
    with HttpServer(reply) as server, pytest.raises(errors.OutcomeUnknown, match="points elsewhere") as caught:
        make_client(server.url).write("BatchRegisterTargets", {})
    assert "pAsSwOrD" not in caught.value.message
    assert len(server.seen) == 1
