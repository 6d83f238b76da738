# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The envelope of an API 3.0 answer: a response, a refusal, or something else than the API. Sends nothing."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from .._base import pace
from .._base.errors import Refused, UnexpectedAnswer, printable, sentences
from .._base.limits import parse_json
from .._base.refusals import Remedy, ruling_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_NAME = 128
"""Characters that a message shows of a code, a request ID or a content type."""
MAX_DATE = 64
"""Characters of a ``Date`` header that can be one."""


class Cure(Enum):
    """When another attempt of a read may help."""

    NEVER = "never"
    KNOWN_ENDPOINT = "known endpoint"
    """Where the API has answered at this endpoint before: otherwise the address is probably wrong."""
    TIME = "time"


class Unreadable(UnexpectedAnswer):
    """Something answered that is no answer of the API; nobody knows whether the request took effect."""

    def __init__(self, message: str, *, cure: Cure) -> None:
        super().__init__(message)
        self.cure = cure


class _Source(NamedTuple):
    """The origin of an answer."""

    action: str
    where: str
    status: int
    scrub: Callable[[str], str]

    def odd(self, came: str) -> Exception:
        """The error to raise where something else than the API has answered, or not in its form."""
        if self.status == HTTPStatus.TOO_MANY_REQUESTS:
            message = f"{self.where}: HTTP 429, too many requests."
            return Refused(message, code="RequestLimitExceeded", action=self.action)
        if 300 <= self.status < 400:
            where_to = "points elsewhere; redirects are not followed. Check endpoint."
            return Unreadable(f"{self.where}: HTTP {self.status} {where_to}", cure=Cure.NEVER)
        return Unreadable(
            f"{self.where}: HTTP {self.status} with {came}. Check endpoint, and any proxy or gateway before it.",
            cure=Cure.TIME if self.status >= 500 else Cure.KNOWN_ENDPOINT,
        )


def parse_response(
    action: str,
    status: int,
    headers: Mapping[str, str],
    content: bytes,
    *,
    write: bool = False,
    where: str = "",
    now: float | None = None,
    scrub: Callable[[str], str] = str,
) -> dict[str, Any]:
    """Open the envelope of an answer.

    :param write: the action changes something: its answer always has a ``RequestId``.
    :param where: the action and the address, for messages.
    :param now: this host's clock in seconds since the epoch, None where it is not to be compared with the server's.
    :raises Refused: the cloud refused, and applied nothing.
    :raises Unreadable: the answer is not in the form of the API.
    """
    source = _Source(action, where or action, status, scrub)
    try:
        parsed = parse_json(content)
    except ValueError as exc:
        kind = printable(scrub(headers.get("Content-Type") or "an unnamed type"), MAX_NAME)
        raise source.odd(f"{len(content)} bytes of {kind} that are no JSON ({exc})") from None
    response = parsed.get("Response") if isinstance(parsed, dict) else None
    if not isinstance(response, dict):
        raise source.odd("JSON that has no object Response")
    request_id = response.get("RequestId", "")
    if not isinstance(request_id, str):
        raise source.odd(f"a RequestId that is {_kind(request_id)} instead of text")
    request_id = printable(request_id, MAX_NAME) or None
    if "Error" in response:
        raise _refusal(response["Error"], source, request_id, _skew_hint(headers, now))
    # The API reports its own errors in the body: with another status, a gateway stands in between.
    if not 200 <= status < 300:
        raise source.odd("JSON that has no Error")
    if write and not request_id:
        raise source.odd("a Response that has no RequestId")
    return response


def _refusal(error: Any, source: _Source, request_id: str | None, skew_hint: str) -> Exception:
    if not isinstance(error, dict):
        return source.odd(f"an Error that is {_kind(error)} instead of an object")
    code, words = error.get("Code"), error.get("Message")
    if not isinstance(code, str) or not code:
        return source.odd("an Error without a text Code")
    if words is not None and not isinstance(words, str):
        return source.odd(f"an Error with {_kind(words)} as Message instead of text")
    code, words = printable(source.scrub(code), MAX_NAME), printable(source.scrub(words or ""))
    ruling = ruling_for(code, words)
    if source.status == HTTPStatus.TOO_MANY_REQUESTS and ruling.remedy is not Remedy.WAIT_THROTTLED:
        # Whatever a gateway writes into the body.
        return source.odd("")
    hint = skew_hint if code.startswith("AuthFailure.SignatureExpire") else ""
    told = f"{code}: {words}" if words else code
    message = sentences(f"{source.action} was refused with {told}", ruling.hint, hint)
    return Refused(message, code=code, action=source.action, request_id=request_id, api_message=words)


def _kind(value: Any) -> str:
    """The type of a JSON value in words."""
    names = {type(None): "null", bool: "true or false", dict: "an object", list: "a list", str: "text"}
    return names.get(type(value), "a number")


def _skew_hint(headers: Mapping[str, str], now: float | None) -> str:
    """Compare this host's clock with the server's, which the answer's ``Date`` shows."""
    date = headers.get("Date") or ""
    if now is None or len(date) > MAX_DATE:
        return ""
    try:
        skew = now - parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, IndexError, OverflowError):
        return ""
    if abs(skew) < pace.CLOCK_SKEW_SECONDS:
        return ""
    return f"This host's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's."
