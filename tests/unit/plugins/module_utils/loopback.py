# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers on loopback, of HTTP and of raw bytes, that keep what they were asked; clients of the API; certificates."""

from __future__ import annotations

import contextlib
import datetime
import functools
import ipaddress
import json
import socket
import threading
import time
import zlib
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.client import Client
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.endpoint import parse_endpoint
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.pacer import Lane, Pacer
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.transport import Tls
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials import credentials


class Reply(NamedTuple):
    """One answer; ``cut`` ends the connection instead, ``torn`` ends it before the body is complete."""

    body: bytes = b""
    status: int = 200
    headers: Any = MappingProxyType({})
    cut: bool = False
    torn: bool = False
    drip: float = 0.0
    """A pause in seconds after every byte of the body."""
    delay: float = 0.0


class Seen(NamedTuple):
    """One request; ``connection`` tells connections apart."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


def response(**keys):
    """An answer of the API."""
    return Reply(json.dumps({"Response": {"RequestId": "req-1", **keys}}).encode())


def error(code, message="no", **headers):
    """A refusal of the API."""
    return Reply(response(Error={"Code": code, "Message": message}).body, headers=headers)


class HttpServer:
    """The server; it gives ``replies`` in order, and the last of them again and again.

    A reply can be a function of the request. ``closes_after`` ends each connection so many seconds after an answer.
    """

    def __init__(self, *replies, closes_after=None, tls=None):
        self.closes_after = closes_after
        self.replies = deque(replies or (response(),))
        self.seen = []
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        scheme = "https" if tls else "http"
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{scheme}://{self.host}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_reply(self, seen):
        reply = self.replies.popleft() if len(self.replies) > 1 else self.replies[0]
        return reply(seen) if callable(reply) else reply


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner, tls):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.owner = owner
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        """A client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self):
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

    def log_message(self, *_):
        """Nothing: tests look at ``seen``."""


# -- raw bytes, for answers that no HTTP server makes


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MEGABYTE = 1 << 20
BOMB_MEGABYTES = 500


class RawServer:
    """Sends the pieces of the next answer to each connection, until they end or the client hangs up."""

    def __init__(self, *answers):
        self._answers = iter(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    # All of it: what is not read makes the end of the connection a reset.
                    while not connection.recv(65536).endswith(b"{}"):
                        pass
                    for piece in next(self._answers)():
                        connection.sendall(piece)


@functools.cache
def _packed():
    """More letters than memory may be used, a hundred times smaller, and made in no time."""
    packer = zlib.compressobj(1, wbits=31)
    begin = packer.compress(b'{"Response": {"Message": "') + packer.flush(zlib.Z_FULL_FLUSH)
    megabyte = packer.compress(b"A" * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush, what is packed depends on nothing before it.
    return (begin, *[megabyte] * BOMB_MEGABYTES)


def chunked_gzip_bomb():
    yield HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    for piece in _packed():
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _whole(body, encoding=b""):
    yield HEAD + encoding + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _endless(begin, piece):
    yield begin
    while True:
        yield piece


def _many_keys():
    keys = b",".join(b'"%06x":%d' % (number, number + 10**9) for number in range(490_000))
    return b'{"Response": {"RequestId": 5, "X": {' + keys + b"}}}"


LETTERS, WIDE = b"A" * MEGABYTE, "\U0001f600".encode()
"""One emoji makes Python keep four bytes for each letter."""
CHUNKED, MESSAGE = HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b'{"Response": {"Error": {"Code": "X", "Message": "'
BOMBS = {
    "gzip_bomb": lambda: _whole(b"".join(_packed()), b"Content-Encoding: gzip\r\n"),
    "chunked_gzip_bomb": chunked_gzip_bomb,
    # Packed members without end, with nothing in them.
    "empty_members": lambda: _endless(
        HEAD + b"Content-Encoding: gzip\r\n\r\n", zlib.compressobj(wbits=31).flush() * 10000
    ),
    "endless_chunks": lambda: _endless(CHUNKED, b"100000\r\n" + LETTERS + b"\r\n"),
    "one_endless_chunk": lambda: _endless(CHUNKED + b"ffffffffffff\r\n", LETTERS),
    "endless_chunk_size": lambda: _endless(CHUNKED, b"0" * MEGABYTE),
    "endless_body": lambda: _endless(HEAD + b"\r\n", LETTERS),
    "huge_length": lambda: _endless(HEAD + b"Content-Length: 99999999999999\r\n\r\n", LETTERS),
    "endless_header": lambda: _endless(HEAD + b"X-Long: ", LETTERS),
    "many_headers": lambda: _endless(HEAD, b"X-Many: 1\r\n" * 1000),
    "endless_status": lambda: _endless(b"", b"HTTP/1.1" + b"1" * MEGABYTE),
    "long_message": lambda: _whole(MESSAGE + b"m" * (20 * MEGABYTE) + b'"}}}'),
    "wide_message": lambda: _whole(MESSAGE + b"m" * (11 * MEGABYTE) + WIDE + b'"}}}'),
    "too_wide_message": lambda: _whole(b'{"Response": {"RequestId": "' + b"m" * (22 * MEGABYTE) + WIDE + b'"}}'),
    "many_lists": lambda: _whole(b'{"Response": {"X": [' + b"[]," * (7 * MEGABYTE) + b"[]]}}"),
    "many_keys": lambda: _whole(_many_keys()),
}


# -- clients


KEY_ID, KEY, TOKEN = "AKIDexample", "sEcReTkEy0123456789", "tOkEn/with+signs=="


class FreeLane(Lane):
    """A lane whose turns come at once."""

    def take_turn(self, budget, *, grace=False):
        pass


class FreePacer(Pacer):
    """Lets requests through as fast as they come, for tests of something else than their pace."""

    def lane(self, action):
        return self._lanes.setdefault(action, FreeLane(action))


def make_client(url, *, seconds=20, timeout=5, **how):
    """A client of the CLB API at ``url`` with temporary credentials."""
    how.setdefault("credentials", credentials.StaticCredentials(credentials.Credentials(KEY_ID, KEY, TOKEN)))
    if "ca_path" in how:
        how["tls"] = Tls(how.pop("ca_path"))
    how.setdefault("pacer", FreePacer())
    how.setdefault("budget", Budget(seconds, timeout))
    details = {"service": "clb", "version": "2018-03-17", "region": "ap-guangzhou", "timeout": timeout}
    return Client(endpoint=parse_endpoint(url), **{**details, **how})


class SkippingBudget(Budget):
    """A budget whose sleeps take no time but count: ``slept`` holds their seconds."""

    def __init__(self, seconds=300, grace=5):
        self.slept = []
        self._skipped = 0.0
        super().__init__(seconds, grace, clock=lambda: self._skipped, pause=self._skip)

    def _skip(self, seconds):
        self.slept.append(seconds)
        self._skipped += seconds


def make_certificate(folder, name="127.0.0.1"):
    """A certificate that signs itself, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
