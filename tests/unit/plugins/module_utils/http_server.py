# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An HTTP server on loopback that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Reply:
    """One answer.

    ``cut`` ends the connection instead, ``torn`` ends it before the body is complete; ``drip`` is a pause in seconds
    after every byte of the body.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    torn: bool = False
    drip: float = 0.0
    delay: float = 0.0


@dataclass(frozen=True)
class Seen:
    """One request; ``connection`` tells connections apart."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def params(self) -> Any:
        return json.loads(self.body)


def response(**keys: Any) -> Reply:
    """An answer of the API."""
    return Reply(json.dumps({"Response": {"RequestId": "req-1", **keys}}).encode())


def error(code: str, message: str = "no", **headers: str) -> Reply:
    """A refusal of the API."""
    return Reply(response(Error={"Code": code, "Message": message}).body, headers=headers)


class HttpServer:
    """The server; it gives ``replies`` in order, and the last of them again and again.

    A reply can be a function of the request. ``closes_after`` ends each connection so many seconds after an answer.
    """

    def __init__(
        self,
        *replies: Reply | Callable[[Seen], Reply],
        closes_after: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.closes_after = closes_after
        self.replies = deque(replies or (response(),))
        self.seen: list[Seen] = []
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        scheme = "https" if tls else "http"
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{scheme}://{self.host}"

    def __enter__(self) -> HttpServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_reply(self, seen: Seen) -> Reply:
        reply = self.replies.popleft() if len(self.replies) > 1 else self.replies[0]
        return reply(seen) if callable(reply) else reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner: HttpServer, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner = self.server.owner
        seen = Seen(self.command, self.path, headers, body, self.client_address[1])
        owner.seen.append(seen)
        reply = owner.next_reply(seen)
        time.sleep(reply.delay)
        if reply.cut:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) + reply.torn))
        self.end_headers()
        self.close_connection = self.close_connection or reply.torn
        if not reply.drip:
            self.wfile.write(reply.body)
            if owner.closes_after is not None:
                # The time-out of the next read from this connection.
                self.connection.settimeout(owner.closes_after)
            return
        for position in range(len(reply.body)):
            self.wfile.write(reply.body[position : position + 1])
            time.sleep(reply.drip)

    do_GET = do_POST = do_CONNECT = _answer  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: Any) -> None:
        """Nothing: tests look at ``seen``."""
