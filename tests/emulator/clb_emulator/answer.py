# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An answer on its way out, and what a fault does to it."""

from __future__ import annotations

import base64
import gzip
import json
import re
import secrets
import struct
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .faults import WRITE_ONLY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .faults import Fault

JSON = "application/json"

_MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Fragment:
    """A part of an answer that is already JSON text."""

    text: str


# A control character in a string is escaped in JSON, and the rest can't be guessed: no tag or name looks like it.
_MARK = f"\x01{secrets.token_hex(8)}:"
_MARKED = re.compile(re.escape(json.dumps(_MARK)[:-1]) + r'(\d+)"')


def to_json(payload: Any) -> str:
    """Return ``payload`` as JSON; it may hold Fragments."""
    fragments: list[str] = []

    def mark(value: Any) -> str:
        if not isinstance(value, Fragment):
            raise TypeError(f"{type(value).__name__} is no JSON")
        fragments.append(value.text)
        return f"{_MARK}{len(fragments) - 1}"

    text = json.dumps(payload, ensure_ascii=False, default=mark)
    return _MARKED.sub(lambda match: fragments[int(match[1])], text) if fragments else text


@dataclass
class Answer:
    """What the server sends.

    :param delay: seconds before it is sent.
    :param cut: only the end of the connection is sent.
    :param stream: chunks that are sent instead of ``body``, until there are no more or the client goes away.
    """

    body: bytes = b""
    status: int = 200
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False
    stream: Iterable[bytes] | None = None

    @classmethod
    def json(cls, payload: Any, status: int = 200) -> Answer:
        return cls(to_json(payload).encode(), status)


def _cut(fault: Fault, answer: Answer) -> str:
    answer.cut = True
    return fault.kind


def _hang(fault: Fault, answer: Answer) -> str:
    answer.cut, answer.delay = True, fault["seconds"]
    return "hang"


def _slow(fault: Fault, answer: Answer) -> None:
    answer.delay = fault["seconds"]


def _torn(fault: Fault, answer: Answer) -> str:
    answer.body = answer.body[: max(1, len(answer.body) // 2)]
    return "torn"


def _no_response(fault: Fault, answer: Answer) -> str:
    answer.body = b"{}"
    return "no_response"


def _page(fault: Fault, answer: Answer) -> str:
    answer.body, answer.content_type = fault["body"].encode(), "text/html"
    answer.status = fault["status"] if fault.kind == "http" else 200
    return f"http {answer.status}" if fault.kind == "http" else "html"


def _redirect(fault: Fault, answer: Answer) -> str:
    answer.body, answer.status = b"", fault["status"]
    answer.headers["Location"] = fault["location"]
    return f"http {answer.status}"


def _raw(fault: Fault, answer: Answer) -> str:
    if fault["body_base64"] is not None:
        answer.body = base64.b64decode(fault["body_base64"])
    elif fault["body"] is not None:
        body = fault["body"]
        answer.body = (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()
    if fault["response"] is not None:
        # A real answer always has a RequestId.
        sent = json.loads(answer.body)["Response"]
        answer.body = json.dumps({"Response": {"RequestId": sent["RequestId"], **fault["response"]}}).encode()
    if fault["patch"] is not None:
        sent = json.loads(answer.body)
        for name, value in fault["patch"].items():
            sent["Response"][name] = value
        answer.body = json.dumps(sent, ensure_ascii=False).encode()
    answer.status = fault["status"]
    answer.headers.update(fault["headers"])
    answer.content_type = answer.headers.pop("Content-Type", answer.content_type)
    return "raw"


@lru_cache(maxsize=4)
def _bomb(megabytes: int) -> bytes:
    """Return that many megabytes of spaces as gzip, a thousand times smaller; they are never in memory unpacked."""
    block = b" " * _MEGABYTE
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    # After a full flush a block does not depend on earlier ones, so the same bytes can be repeated.
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(block, checksum)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    trailer = struct.pack("<II", checksum, megabytes * _MEGABYTE & 0xFFFFFFFF)
    return header + packed * megabytes + packer.flush() + trailer


def _gzip_bomb(fault: Fault, answer: Answer) -> str:
    # The bomb is the last member: a client's limit may cover the first member only.
    answer.body = gzip.compress(b" " * _MEGABYTE) * (fault["members"] - 1) + _bomb(int(fault["megabytes"]))
    answer.headers["Content-Encoding"] = "gzip"
    return "gzip_bomb"


def _endless(fault: Fault, answer: Answer) -> str:
    chunk = fault["chunk"].encode()

    def chunks() -> Iterable[bytes]:
        while True:
            yield chunk

    answer.stream = chunks()
    return "endless"


_DISTORTIONS: dict[str, Callable[[Fault, Answer], str | None]] = {
    "cut_before": _cut,
    "cut_after": _cut,
    "hang": _hang,
    "slow": _slow,
    "torn": _torn,
    "no_response": _no_response,
    "http": _page,
    "html": _page,
    "redirect": _redirect,
    "raw": _raw,
    "gzip_bomb": _gzip_bomb,
    "endless": _endless,
}


def distort(fault: Fault, answer: Answer) -> str | None:
    """Apply a fault to ``answer``; return the outcome that the journal shows, None where the answer is still sound."""
    distortion = _DISTORTIONS.get(fault.kind)
    return None if distortion is None else distortion(fault, answer)


def is_carried_out(fault: Fault) -> bool:
    """Return whether a call that meets this fault is carried out, completely or in part."""
    if fault.kind in ("cut_before", "refuse_targets", "refuse_listeners", "busy"):
        return False
    if fault.kind in WRITE_ONLY:
        # Accepted all the same, even where nothing of it is applied.
        return True
    apply = fault.settings.get("apply")
    return True if apply is None or isinstance(apply, str) else apply > 0
