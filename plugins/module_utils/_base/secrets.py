# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets, and their removal from texts from elsewhere."""

from __future__ import annotations

import base64
import re
import threading
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "********"
MINIMUM_PART = 4
"""Shortest password fragment that is masked on its own; shorter ones occur in ordinary text."""
_SIGNATURE = re.compile(r"(?<=Signature=)[0-9a-fA-F]+")
_SCHEME = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:)?/+")
_AT = re.compile("@|%40|\N{FULLWIDTH COMMERCIAL AT}|\N{SMALL COMMERCIAL AT}")


class Secrets:
    """The keys, tokens and passwords that a task has met so far, and the last signature of each thread.

    It grows while the task runs, in any thread; its ``repr`` shows none.
    """

    def __init__(self, texts: Iterable[Optional[str]] = ()) -> None:
        self._lock = threading.Lock()
        self._texts: set[str] = set()
        self._signatures: dict[int, str] = {}
        self.add(*texts)

    def add(self, *texts: str | None) -> None:
        """Add secrets; None and empty texts are left out."""
        with self._lock:
            self._texts.update(text for text in texts if text)

    def remember_signature(self, signature: str) -> None:
        """Remember the signature of the request that this thread is about to send, in place of its last one."""
        with self._lock:
            self._signatures[threading.get_ident()] = signature

    def hide_signature(self, content: bytes) -> bytes:
        """Mask this thread's signature in the answer to its request: later requests have other signatures."""
        with self._lock:
            signature = self._signatures.get(threading.get_ident())
        return content.replace(signature.encode(), MASK.encode()) if signature else content

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            texts = {*self._texts, *self._signatures.values()}
        # The longest first, so that a secret which is part of another leaves no rest of it.
        return iter(sorted(texts, key=len, reverse=True))

    def scrub(self, value: Any) -> Any:
        """Mask every secret, and every signature, in a text, or in the texts of plain data; tuples become lists."""
        return _scrub(value, tuple(self))


def _scrub(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return _SIGNATURE.sub(MASK, value)
    if isinstance(value, dict):
        return {name: _scrub(item, secrets) for name, item in value.items()}
    return [_scrub(item, secrets) for item in value] if isinstance(value, (list, tuple)) else value


def embedded_passwords(text: str | None) -> tuple[str, ...]:
    """Find the password in a URL, in every form in which it could be shown.

    :param text: what a user gave as an endpoint or proxy; it need not be valid.
    :returns: what stands between the first colon after the scheme and the last ``@``, as it is, percent-decoded, and
        as HTTP's basic authentication sends it; nothing where there is no such thing.
    """
    ends = [found.start() for found in _AT.finditer(text or "")]
    if text is None or not ends:
        return ()
    scheme = _SCHEME.match(text)
    starts = {scheme.end()} if scheme else {0}
    if scheme and not scheme[0].endswith("//"):
        # What looks like a scheme may be the user.
        starts.add(0)
    logins = [text[start : ends[-1]].partition(":") for start in starts]
    found: list[str] = []
    for user, _colon, password in logins:
        if password:
            parts = (password, *(part for part in re.split("[:/@]", password) if len(part) >= MINIMUM_PART))
            found += (*parts, *map(unquote, parts), _basic(user, password))
    return tuple(dict.fromkeys(found))


def _basic(user: str, password: str) -> str:
    login = f"{unquote(user)}:{unquote(password)}"
    return base64.b64encode(login.encode("utf-8", "surrogateescape")).decode("ascii")


def may_show(text: str) -> bool:
    """False for an address that can have a user name and a password in it."""
    return _AT.search(text) is None
