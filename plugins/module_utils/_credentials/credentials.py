# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Credentials, and sources that keep them good while a task runs."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from .._base import pace
from .._base.errors import ClbError, CredentialsNotFound, UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._base.secrets import Secrets

MIN_LENGTH = 8
"""Shortest key or token, in characters: Ansible would mask a shorter one everywhere in a result, ports included."""
MAX_LENGTH = 16384
"""Longest ID, key or token, in characters: tokens have up to a few thousand."""
MAX_TIME = 1e11
"""Seconds since the epoch: no credentials last for thousands of years."""
_HEADER_TEXT = re.compile(rf"[!-~]{{1,{MAX_LENGTH}}}")
TOO_SHORT = (
    f"can't be right: it has fewer than {MIN_LENGTH} characters. Ansible would mask such a short text everywhere in "
    "the result. Give the whole value."
)


@dataclass(frozen=True)
class Credentials:
    """One set of credentials; the secret parts are left out of ``repr``.

    :param token: for temporary credentials.
    :param expires_at: seconds since the epoch, None where that is not known or never.
    """

    secret_id: str = field(repr=False)
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: float | None = None


class CredentialProvider(Protocol):
    """Gives credentials that are good now; asked before every request, so that expired ones can be renewed."""

    def current(self) -> Credentials:
        """The credentials to sign the next request with."""

    def invalidate(self, refused: Credentials) -> bool:
        """Take note that the cloud refused these; True where others can be had now."""


class StaticCredentials:
    """Credentials that do not change while a task runs."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def current(self) -> Credentials:
        """The credentials given at the start."""
        return self._credentials

    def invalidate(self, refused: Credentials) -> bool:  # noqa: ARG002 - the protocol's
        """There are no others."""
        return False


class RefreshableCredentials:
    """Temporary credentials, fetched when they are first needed and again before they end; once for all threads.

    :param fetch: gets new ones; raises a ClbError where that fails.
    :param secrets: learns every key and token that was fetched.
    """

    def __init__(
        self, fetch: Callable[[], Credentials], secrets: Secrets, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._fetch = fetch
        self._secrets = secrets
        self._clock = clock
        # A fetch holds it: other threads wait for what it brings instead of fetching as well.
        self._lock = threading.Lock()
        self._credentials: Credentials | None = None
        self._renew_at: float | None = None

    def current(self) -> Credentials:
        """The credentials fetched last, or new ones where their end is near.

        :raises ClbError: there are none, and none can be had.
        """
        with self._lock:
            held = self._credentials
            if held is None:
                return self._renew()
            if self._renew_at is None or self._clock() < self._renew_at:
                return held
            try:
                return self._renew()
            except ClbError:
                if held.expires_at is None or self._clock() >= held.expires_at:
                    raise
                self._renew_at = self._clock() + pace.RENEW_PAUSE_SECONDS
                return held

    def invalidate(self, refused: Credentials) -> bool:
        """Drop credentials that the cloud refused before their time, unless another thread has replaced them."""
        with self._lock:
            if self._credentials is refused:
                self._credentials = None
        return True

    def _renew(self) -> Credentials:
        fetched = self._fetch()
        self._secrets.add(fetched.secret_key, fetched.token)
        self._credentials = fetched
        self._renew_at = None
        if fetched.expires_at is not None:
            now = self._clock()
            # Renew at 3/4 of a short lifetime; the 5-minute margin would renew on every request.
            self._renew_at = fetched.expires_at - min(pace.RENEW_BEFORE_SECONDS, max(0.0, fetched.expires_at - now) / 4)
        return fetched


def read_pair(values: Mapping[str, Any], names: tuple[str, str, str], where: str) -> Credentials | None:
    """Take the ID, the key and the token of an API key out of options, variables or a file.

    :param where: the place in words, for messages: "the options".
    :returns: None where neither ID nor key is given; null and empty values count as not given.
    :raises CredentialsNotFound: half of the pair is missing, or a value can't be right. The message never shows it.
    """
    secret_id, secret_key, token = (_clean(values.get(name), name, where) for name in names)
    if secret_id and secret_key:
        for name, value in zip(names[1:], (secret_key, token)):
            if value is not None and len(value) < MIN_LENGTH:
                raise CredentialsNotFound(f"{name} in {where} {TOO_SHORT}")
        return Credentials(secret_id, secret_key, token)
    if secret_id or secret_key:
        missing, given = (names[1], names[0]) if secret_id else (names[0], names[1])
        raise CredentialsNotFound(f"{missing} is missing in {where}, where {given} is given. Give both in one place.")
    return None


def _clean(value: Any, name: str, where: str) -> str | None:
    if value is None or value == "":
        return None
    # A header can carry no other characters, and what complains of them later shows the value.
    if not _is_header_text(value):
        raise CredentialsNotFound(
            f"{name} in {where} can't be right: it must be text of at most {MAX_LENGTH} ASCII characters, "
            "without spaces and line ends."
        )
    return str(value)


def parse_temporary(given: Any, ends: Any, where: str) -> Credentials:
    """Read the form in which STS and the metadata service hand out credentials.

    :param ends: should be their end, in seconds since the epoch.
    :raises UnexpectedAnswer: something is missing or can't be right; the message names the keys, never a value.
    """
    names = ("TmpSecretId", "TmpSecretKey", "Token")
    values = given if isinstance(given, Mapping) else {}
    wrong = [
        name
        for name, minimum in zip(names, (1, MIN_LENGTH, MIN_LENGTH))
        if not _is_header_text(values.get(name)) or len(values[name]) < minimum
    ]
    if isinstance(ends, bool) or not isinstance(ends, (int, float)) or not 0 < ends < MAX_TIME:
        wrong.append("ExpiredTime")
    if wrong:
        raise UnexpectedAnswer(f"{where} answered without a valid {', '.join(wrong)}.")
    return Credentials(values["TmpSecretId"], values["TmpSecretKey"], values["Token"], float(ends))


def _is_header_text(value: Any) -> bool:
    """True for what can stand in a header: ASCII, printable, no spaces, of a bounded length."""
    return isinstance(value, str) and _HEADER_TEXT.fullmatch(value) is not None
