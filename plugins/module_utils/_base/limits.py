# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what comes from outside, bounded in memory and time: files, packed bodies, JSON."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MAX_FILE_BYTES = 1 << 20
"""Bytes of a profile, a token or a file of certificates."""
MAX_BODY_BYTES = 24 << 20
"""Bytes of an answer, both packed and unpacked. A binding takes about 500."""
MAX_WIDE_BYTES = 12 << 20
"""Bytes of an answer with characters such as emoji: Python then keeps each letter of it in four bytes."""
MAX_VALUES = 500_000
"""Values in one JSON text, about 17 for a binding. Each takes up to 250 bytes of memory, however short it is."""
MAX_DIGITS = 20
"""Digits of a whole number: more than 64 bits need."""
MAX_MEMBERS = 100
"""Parts of a packed body: each takes time, even an empty one."""
_WIDE = re.compile(rb"[\xf0-\xff]")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ENCODINGS = ("gzip", "x-gzip", "deflate")
_WINDOW_BITS = 47
"""Lets zlib find out by itself which of these encodings a body has."""


class TooLarge(Exception):
    """More than the limit came; the message says what the limit is."""


def read_file(path: Path) -> bytes:
    """Read a small regular file; a pipe or device is not waited for.

    :raises OSError: it can't be read; ``strerror`` also says that it is no regular file, or too large.
    """
    # Without O_NONBLOCK, opening a pipe waits until somebody writes into it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor, no path
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_FILE_BYTES >> 20} MB", str(path))
    return content


def read_text(path: Path) -> str:
    """Read a small regular file of UTF-8 text.

    :raises OSError: as :func:`read_file`; ``strerror`` also says that it is no such text.
    """
    try:
        # Editors of Windows begin a file with a byte order mark.
        return read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise OSError(errno.EILSEQ, "it is not UTF-8 text", str(path)) from None


def unpack(pieces: Iterable[bytes], encoding: str, maximum: int = MAX_BODY_BYTES) -> bytes:
    """Put a body together and unpack it, a piece at a time.

    :param encoding: its ``Content-Encoding``, empty for none.
    :param maximum: bytes that it may have, both packed and unpacked.
    :raises TooLarge: it has more.
    :raises ValueError: it is not packed in this way, or in a way that is not known here.
    """
    encoding = encoding.strip().lower()
    body = bytearray()
    inflate = None
    if encoding not in ("", "identity"):
        if encoding not in _ENCODINGS:
            raise ValueError("it is packed in an unknown way")
        inflate = _Inflate()
    came = 0
    for piece in pieces:
        came += len(piece)
        body += piece if inflate is None else inflate.unpack(piece, maximum + 1 - len(body))
        if max(came, len(body)) > maximum:
            raise TooLarge(f"more than {maximum >> 20} MB" if maximum >> 20 else f"more than {maximum >> 10} kB")
    if inflate is not None and came and not inflate.ended:
        raise ValueError("it breaks off")
    return bytes(body)


class _Inflate:
    """Unpacks gzip, which may come in several members, without ever making more than is asked for."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_WINDOW_BITS)
        self._members = 1

    @property
    def ended(self) -> bool:
        """True where all that was begun is complete."""
        return self._inflate.eof

    def unpack(self, piece: bytes, maximum: int) -> bytes:
        """Unpack a piece; of what is longer than the maximum the rest is dropped."""
        made = bytearray()
        while piece and len(made) < maximum:
            if self._inflate.eof:
                self._members += 1
                if self._members > MAX_MEMBERS:
                    raise ValueError(f"it has more than {MAX_MEMBERS} parts")
                self._inflate = zlib.decompressobj(_WINDOW_BITS)
            try:
                made += self._inflate.decompress(piece, maximum - len(made))
            except zlib.error:
                raise ValueError("it can't be unpacked") from None
            piece = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
        return bytes(made)


def parse_json(content: bytes) -> Any:
    """Parse JSON strictly: UTF-8, no key twice, no NaN, no number or text that Python can't write out again.

    :raises ValueError: it is no such JSON; the message says what is wrong and shows nothing of the content.
    """
    if sum(content.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        raise ValueError(f"it has more than {MAX_VALUES} values")
    if len(content) > MAX_WIDE_BYTES and not content.isascii() and _WIDE.search(content):
        raise ValueError(f"it is larger than {MAX_WIDE_BYTES >> 20} MB and has characters that take much memory")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    try:
        parsed = json.loads(
            text, parse_int=_whole, parse_float=_fraction, parse_constant=_constant, object_pairs_hook=_object
        )
    except json.JSONDecodeError as exc:
        raise ValueError(f"{exc.msg} in line {exc.lineno}, column {exc.colno}") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    if _SURROGATE.search(text):
        try:
            json.dumps(parsed, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("it has text that is not encodable as UTF-8") from None
    return parsed


def _whole(digits: str) -> int:
    # Python's own limit is far higher, and older releases take a time that grows with the square of the length.
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"it has a number of {len(digits)} digits")
    return int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("it has a number that is too large")
    return value


def _constant(name: str) -> float:
    raise ValueError(f"it has {name}, which is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has the same key twice")
    return made
