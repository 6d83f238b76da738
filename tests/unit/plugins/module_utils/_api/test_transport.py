# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which connection a request goes out on, and what becomes of one in doubt."""

from __future__ import annotations

import ssl
import threading
import time
from typing import TYPE_CHECKING

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.endpoint import parse_endpoint
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.transport import AnswerLost, Tls, Transport
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ConnectionFailed, OutcomeUnknown
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.secrets import Secrets

from ..clients import SkippingBudget, make_certificate, make_client
from ..http_server import HttpServer, Reply, response

if TYPE_CHECKING:
    from pathlib import Path

CLOSES_AFTER = 0.02


def connections(server: HttpServer) -> int:
    return len({seen.connection for seen in server.seen})


@pytest.mark.parametrize("pause", [0.0, 0.018, 0.03])
def test_a_write_is_not_lost_on_a_connection_that_the_server_closes(pause: float) -> None:
    with HttpServer(closes_after=CLOSES_AFTER) as server:
        client = make_client(server.url, budget=SkippingBudget())
        for _ in range(8):
            client.read("DescribeTargets", {})
            time.sleep(pause)
            client.write("BatchRegisterTargets", {})
            time.sleep(pause)
    assert client.api_calls["BatchRegisterTargets"] == 8


def test_a_read_that_meets_a_closed_connection_is_sent_again_at_once_on_a_new_one() -> None:
    with HttpServer(response(), Reply(cut=True), response()) as server:
        budget = SkippingBudget()
        client = make_client(server.url, budget=budget)
        client.read("DescribeTargets", {})
        client.read("DescribeTargets", {})
    assert budget.slept == [0.0]
    assert connections(server) == 2


def test_each_write_has_a_connection_of_its_own() -> None:
    with HttpServer(*[response() for _ in range(4)]) as server:
        client = make_client(server.url)
        for send in (client.read, client.write, client.write, client.read):
            send("DescribeTargets", {})
    assert connections(server) == 3


def test_threads_borrow_connections_from_a_stack() -> None:
    with HttpServer(Reply(response().body, delay=0.01)) as server:
        client = make_client(server.url)
        gate = threading.Semaphore(3)

        def work() -> None:
            for _ in range(5):
                with gate:
                    client.read("DescribeTargets", {})

        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(server.seen) == 100
    assert connections(server) <= 3


def test_connections_share_one_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    made = []
    monkeypatch.setattr(Tls, "_make", lambda self, make=Tls._make: made.append(1) or make(self))
    with HttpServer(tls=context) as server:
        client = make_client(server.url, ca_path=str(files[0]))
        for _ in range(3):
            client.read("DescribeTargets", {})
            client.write("BatchRegisterTargets", {})
    assert (len(made), len(server.seen)) == (1, 6)


def test_http_where_https_is_expected_is_called_so_and_asked_once() -> None:
    with (
        HttpServer() as server,
        pytest.raises(ConnectionFailed, match="this is http where https was expected") as caught,
    ):
        make_client(server.url.replace("http:", "https:")).read("DescribeTargets", {})
    assert caught.value.code == "ConnectionFailed"
    assert len(server.seen) == 0


def test_a_thread_that_is_given_up_ends() -> None:
    before = set(threading.enumerate())

    def ours() -> list[str]:
        return [thread.name for thread in {*threading.enumerate()} - before if "(work)" in thread.name]

    with HttpServer(Reply(response().body, drip=2)) as server:
        transport = Transport(parse_endpoint(server.url), Secrets(), Tls())
        with pytest.raises(AnswerLost, match=r"no (full )?answer within 0\.3 s"):
            transport.post("DescribeTargets", {}, b"{}", seconds=0.3)
        deadline = time.monotonic() + 20
        while ours() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not ours()


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x\x1b", "gzip"])
def test_what_can_not_be_unpacked_leaves_a_write_in_doubt(encoding: str) -> None:
    reply = Reply(b"\x1f\x8b????", headers={"Content-Encoding": encoding})
    with HttpServer(reply) as server, pytest.raises(OutcomeUnknown, match="can't be unpacked") as caught:
        make_client(server.url).write("BatchRegisterTargets", {})
    assert caught.value.message.isprintable()
    assert caught.value.code == "UnexpectedAnswer"


@pytest.mark.parametrize("location", ["http://[bad", "http://u:pAsSwOrD@host", "//[", "\xff", ""])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed_or_shown(location: str, status: int) -> None:
    reply = Reply(b"", status, {"Location": location})
    with HttpServer(reply) as server, pytest.raises(OutcomeUnknown, match="points elsewhere") as caught:
        make_client(server.url).write("BatchRegisterTargets", {})
    assert "pAsSwOrD" not in caught.value.message
    assert len(server.seen) == 1
