# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server on loopback that sends raw bytes, for answers that no HTTP server makes."""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MEGABYTE = 1 << 20
BOMB_MEGABYTES = 500


class RawServer:
    """Sends the pieces of the next answer to each connection, until they end or the client hangs up."""

    def __init__(self, *answers: Callable[[], Iterator[bytes]]) -> None:
        self._answers = iter(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> RawServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _serve(self) -> None:
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
def _packed() -> tuple[bytes, ...]:
    """More letters than memory may be used, a hundred times smaller, and made in no time."""
    packer = zlib.compressobj(1, wbits=31)
    begin = packer.compress(b'{"Response": {"Message": "') + packer.flush(zlib.Z_FULL_FLUSH)
    megabyte = packer.compress(b"A" * MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush, what is packed depends on nothing before it.
    return (begin, *[megabyte] * BOMB_MEGABYTES)


def gzip_bomb() -> Iterator[bytes]:
    body = b"".join(_packed())
    yield HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def chunked_gzip_bomb() -> Iterator[bytes]:
    yield HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    for piece in _packed():
        yield b"%x\r\n%s\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def empty_members() -> Iterator[bytes]:
    """Packed members without end, with nothing in them."""
    packer = zlib.compressobj(wbits=31)
    member = packer.flush()
    yield HEAD + b"Content-Encoding: gzip\r\n\r\n"
    while True:
        yield member * 10000


def endless_chunks() -> Iterator[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"100000\r\n" + b"A" * MEGABYTE + b"\r\n"


def one_endless_chunk() -> Iterator[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\n"
    while True:
        yield b"A" * MEGABYTE


def endless_chunk_size() -> Iterator[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"0" * MEGABYTE


def endless_body() -> Iterator[bytes]:
    yield HEAD + b"\r\n"
    while True:
        yield b"A" * MEGABYTE


def huge_length() -> Iterator[bytes]:
    yield HEAD + b"Content-Length: 99999999999999\r\n\r\n"
    while True:
        yield b"A" * MEGABYTE


def endless_header() -> Iterator[bytes]:
    yield HEAD + b"X-Long: "
    while True:
        yield b"A" * MEGABYTE


def many_headers() -> Iterator[bytes]:
    yield HEAD
    while True:
        yield b"X-Many: 1\r\n" * 1000


def endless_status() -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1" + b"1" * MEGABYTE


def _whole(body: bytes) -> Iterator[bytes]:
    yield HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def long_message() -> Iterator[bytes]:
    return _whole(b'{"Response": {"Error": {"Code": "X", "Message": "' + b"m" * (20 * MEGABYTE) + b'"}}}')


def wide_message() -> Iterator[bytes]:
    """One emoji makes Python keep four bytes for each letter."""
    text = "m" * (11 * MEGABYTE) + "\U0001f600"
    return _whole(b'{"Response": {"Error": {"Code": "X", "Message": "' + text.encode() + b'"}}}')


def too_wide_message() -> Iterator[bytes]:
    return _whole(b'{"Response": {"RequestId": "' + b"m" * (22 * MEGABYTE) + "\U0001f600".encode() + b'"}}')


def many_lists() -> Iterator[bytes]:
    return _whole(b'{"Response": {"X": [' + b"[]," * (7 * MEGABYTE) + b"[]]}}")


def many_keys() -> Iterator[bytes]:
    keys = b",".join(b'"%06x":%d' % (number, number + 10**9) for number in range(490_000))
    return _whole(b'{"Response": {"RequestId": 5, "X": {' + keys + b"}}}")


BOMBS = {
    function.__name__: function
    for function in (
        gzip_bomb,
        chunked_gzip_bomb,
        empty_members,
        endless_chunks,
        one_endless_chunk,
        endless_chunk_size,
        endless_body,
        huge_length,
        endless_header,
        many_headers,
        endless_status,
        long_message,
        wide_message,
        too_wide_message,
        many_lists,
        many_keys,
    )
}
