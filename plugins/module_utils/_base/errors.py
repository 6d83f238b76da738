# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exceptions of this collection: each carries what a caller can act on, as data."""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence


class Remedy(Enum):
    """What to do about a code that the cloud answered (the table in the API notes of this project)."""

    WAIT_THROTTLED = "throttled"
    """Too many requests: back off. A read may be sent again; before a write, what is bound is read and planned anew."""
    WAIT_BUSY = "busy"
    """Another task holds the load balancer: wait a little; for the rest see ``WAIT_THROTTLED``."""
    TRANSIENT = "unknown"
    """A read may be sent again; whether a write took effect has to be read back."""
    FATAL = "fatal"
    """Nothing that this task can do will help."""
    NARROW = "narrow"
    """One bad member spoils the whole call: find it."""
    QUOTA = "quota"
    """A quota of a listener, rule or load balancer is used up."""


_PREFIXES: tuple[tuple[str, Remedy], ...] = (
    ("RequestLimitExceeded", Remedy.WAIT_THROTTLED),
    ("FailedOperation.ResourceInOperating", Remedy.WAIT_BUSY),
    ("FailedOperation.ResourceInCloning", Remedy.WAIT_BUSY),
    ("ResourceInUse", Remedy.WAIT_BUSY),
    ("ResourceUnavailable", Remedy.WAIT_BUSY),
    ("InternalError", Remedy.TRANSIENT),
    ("AuthFailure", Remedy.FATAL),
    ("UnauthorizedOperation", Remedy.FATAL),
    ("InvalidParameter.LBIdNotFound", Remedy.FATAL),
    ("InvalidParameter.RegionNotFound", Remedy.FATAL),
    ("UnsupportedRegion", Remedy.FATAL),
    ("UnsupportedOperation", Remedy.FATAL),
    ("MissingParameter", Remedy.FATAL),
    ("OperationDenied", Remedy.FATAL),
    ("InvalidParameter", Remedy.NARROW),
    ("FailedOperation", Remedy.NARROW),
    ("LimitExceeded", Remedy.QUOTA),
    ("ResourceNotFound", Remedy.NARROW),
    ("ResourceInsufficient", Remedy.NARROW),
)


_BUSY_CODE = "FailedOperation"
_BUSY_WORDS = re.compile(
    r"\bis working\b|\b(?:re)?try (?:it )?(?:again )?later\b|\bnot in normal state\b|\bnormal desstate\b"
    r"|\b(?:is|are) being processed\b",
    re.IGNORECASE,
)
"""How a bare FailedOperation says that the load balancer is busy. Recorded by callers in production:
"Same wsName is Working(...), pls Try Later", "is not in normal state, maybe some tasks are being processed",
"normal desState"."""


def remedy_for(code: str, message: str = "") -> Remedy:
    """Look up what to do about a refusal of the cloud.

    :param code: such as ``InvalidParameter.LBIdNotFound``.
    :param message: the cloud's words: some stacks say only there that the load balancer is busy.
    :returns: the remedy; a code that no table lists is fatal.
    """
    if code == _BUSY_CODE and _BUSY_WORDS.search(message):
        return Remedy.WAIT_BUSY
    for prefix, remedy in _PREFIXES:
        if code.startswith(prefix):
            return remedy
    return Remedy.FATAL


_HINTS: tuple[tuple[str, str], ...] = (
    (
        "AuthFailure.SignatureExpire",
        "Set the clock of the host that runs this module: the cloud accepts at most 5 minutes of difference.",
    ),
    ("AuthFailure.SignatureFailure", "Check secret_key: it does not belong to secret_id."),
    (
        "AuthFailure.SecretIdNotFound",
        "Check secret_id: the cloud does not know it, or the key was deleted or disabled.",
    ),
    (
        "AuthFailure.TokenFailure",
        "The temporary credentials have expired, or the token does not belong to them: get new ones.",
    ),
    ("AuthFailure", "Check the credentials, and whether they may be used on this endpoint."),
    ("UnauthorizedOperation", "Allow this action to these credentials in the access management (CAM) of the account."),
    ("InvalidParameter.LBIdNotFound", "Check load_balancer_id and region: the load balancer is not in this region."),
    ("InvalidParameter.RegionNotFound", "Check region, for example ap-guangzhou."),
    ("UnsupportedRegion", "Check region, for example ap-guangzhou."),
    ("LimitExceeded", "This is a quota: unbind what is not needed, or have the quota raised."),
    ("RequestLimitExceeded", "The account sends too many requests: run fewer tasks at once."),
    (
        "FailedOperation.ResourceInOperating",
        "Another task holds the load balancer: run this task again later, or raise wait_timeout.",
    ),
)


def hint_for(code: str) -> str:
    """Look up what an operator can do about an error code of the cloud.

    :param code: such as ``AuthFailure.SignatureExpire``.
    :returns: one sentence, empty where there is nothing useful to say.
    """
    for prefix, hint in _HINTS:
        if code.startswith(prefix):
            return hint
    return ""


MAX_SHOWN = 2048
"""Characters of a text from outside that a message shows."""
MAX_DIGITS = 40
"""Digits of a number that a message shows."""
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that steer a terminal or reorder what it shows: controls, formats, surrogates, separators."""


def printable(text: str, limit: int = MAX_SHOWN) -> str:
    r"""Make a text from outside safe to show.

    :param text: from the cloud, a gateway, a file or the like; secrets are taken out before.
    :param limit: characters to show at most; a text that is cut says how long it was.
    :returns: the text in one line, with control and bidirectional characters escaped, such as ``\x1b``.
    """
    safe = escape(text[:limit])
    if len(text) <= limit and len(safe) <= limit:
        return safe
    return f"{safe[:limit]}... ({len(text)} characters in all)"


def escape(text: str) -> str:
    r"""Escape control and bidirectional characters, such as ``\x1b``.

    :param text: of any length.
    """
    if text.isprintable():
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _ESCAPED else char for char in text)


def printable_number(value: float) -> str:
    """Write a number into a message; Python refuses to write out thousands of digits, and nobody would read them.

    :param value: as a user gave it.
    """
    return str(value) if abs(value) < 10**MAX_DIGITS else f"(a number of more than {MAX_DIGITS} digits)"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def sentences(*parts: str) -> str:
    """Join the parts of a message; the cloud's own sentences often end without a full stop.

    :param parts: empty ones are left out.
    """
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)


def and_more(texts: Sequence[str], maximum: int, separator: str = ", ") -> str:
    """Join the first of many texts and say how many more there are.

    :param texts: all of them.
    :param maximum: how many to show.
    :param separator: between them.
    """
    shown = separator.join(texts[:maximum])
    return f"{shown} and {len(texts) - maximum} more" if len(texts) > maximum else shown


class ClbError(Exception):
    """Base of everything that this collection raises on purpose.

    :param message: what happened, which value, what would help.
    :param code: the cloud's code, or one of this collection's own.
    :param action: the API action, where the cloud had a part in it.
    :param request_id: the cloud's request ID, where there is one.
    :param api_message: the cloud's own words, where there are any.
    """

    default_code: ClassVar[str] = "UnexpectedAnswer"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        action: str | None = None,
        request_id: str | None = None,
        api_message: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.api_message = self.message if api_message is None else api_message
        self.code = code or self.default_code
        self.action = action
        self.request_id = request_id

    @property
    def message(self) -> str:
        """What happened; control and bidirectional characters are escaped, wherever they come from."""
        return self._message

    @message.setter
    def message(self, text: str) -> None:
        self._message = escape(text)


class InvalidArgument(ClbError):
    """A value given by the user is wrong, or contradicts what exists."""

    default_code = "InvalidArgument"


class CredentialsNotFound(ClbError):
    """No source has complete credentials, or one that was chosen is unusable."""

    default_code = "CredentialsNotFound"


class ConnectionFailed(ClbError):
    """The endpoint could not be reached, or did not answer in time."""

    default_code = "ConnectionFailed"


class NotSent(ConnectionFailed):
    """The connection failed before the request went out: nothing was applied, and it may be sent."""


class UnexpectedAnswer(ClbError):
    """Something answered, but not in the form that the API documents."""

    default_code = "UnexpectedAnswer"


class GuardRefused(ClbError):
    """The change would leave fewer healthy targets than ``min_healthy``."""

    default_code = "GuardRefused"


class GuardRefusedElsewhere(GuardRefused):
    """``min_healthy`` refuses on another load balancer of the task, which stops this one."""


class Refused(ClbError):
    """The cloud answered with an error code: nothing of this call was applied."""

    @property
    def remedy(self) -> Remedy:
        """What to do about it."""
        return remedy_for(self.code, self.api_message)


class WaitTimeout(ClbError):
    """The time for the whole task is used up.

    :param refusal: what the cloud answered to the last attempt, where that is why.
    """

    default_code = "WaitTimeout"

    def __init__(self, message: str, *, refusal: Refused | None = None) -> None:
        super().__init__(message)
        self.refusal = refusal


class UnhealthyTimeout(WaitTimeout):
    """The time for the whole task is used up while targets are not healthy yet."""


class OutcomeUnknown(ClbError):
    """A write went out and nobody knows whether it took effect; the cause says what came back."""

    default_code = "UnexpectedAnswer"
