# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exceptions of this collection: each carries what a caller can act on, as data."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, TypeVar

from .refusals import Remedy, ruling_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .refusals import Concern, Ruling


MAX_SHOWN = 2048
"""Characters of a text from outside that a message shows."""
MAX_VALUE = 100
"""Characters of a user's value that a message shows."""
MAX_ITEMS = 5
"""Items of a list that a message shows."""
MAX_DIGITS = 40
"""Digits of a number that a message shows."""
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that steer a terminal or reorder what it shows: controls, formats, surrogates, separators."""

_DIGITS = re.compile("([0-9]+)")
Error = TypeVar("Error", bound="ClbError")


def printable(text: str, limit: int = MAX_SHOWN) -> str:
    """Make a text from outside, without secrets, safe to show: escaped, in one line, cut with its length told."""
    safe = escape(text[:limit])
    if len(text) <= limit and len(safe) <= limit:
        return safe
    return f"{safe[:limit]}... ({len(text)} characters in all)"


def escape(text: str) -> str:
    r"""Escape control and bidirectional characters, such as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _ESCAPED else char for char in text)


def printable_number(value: float) -> str:
    """Write a number into a message; Python refuses to write out thousands of digits, and nobody would read them."""
    return str(value) if abs(value) < 10**MAX_DIGITS else f"(a number of more than {MAX_DIGITS} digits)"


def shown_value(value: object) -> str:
    """A value of the user's in a message: short, in one line, and never an error of its own."""
    if isinstance(value, (bool, float, type(None))):
        return repr(value)
    if isinstance(value, int):
        return printable_number(value)
    if isinstance(value, str):
        cut = f"... ({len(value)} characters in all)" if len(value) > MAX_VALUE else ""
        return printable(repr(value[:MAX_VALUE])) + cut
    if isinstance(value, Mapping):
        return "a dictionary"
    return "a list" if isinstance(value, (list, tuple, set)) else f"a {type(value).__name__}"


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def sentences(*parts: str) -> str:
    """Join the parts of a message that are not empty; the cloud's own sentences often end without a full stop."""
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)


def and_more(texts: Sequence[str], maximum: int = MAX_ITEMS, separator: str = ", ") -> str:
    """Join the first of many texts and say how many more there are."""
    shown = separator.join(texts[:maximum])
    return f"{shown} and {len(texts) - maximum} more" if len(texts) > maximum else shown


def first_sentences(texts: Sequence[str], rest: str = "more") -> str:
    """Join the first of many sentences, and say in one more how many are left out."""
    left_out = len(texts) - MAX_ITEMS
    return sentences(*texts[:MAX_ITEMS], f"And {left_out} {rest}" if left_out > 0 else "")


def natural(text: str) -> tuple[object, ...]:
    """A key for sorting that puts ``ins-2`` before ``ins-10``."""
    parts = _DIGITS.split(text)
    # Numbers are compared by length and digits: Python reads none of thousands of digits.
    parts[1::2] = [f"{len(digits.lstrip('0')):09}{digits.lstrip('0')}" for digits in parts[1::2]]
    return (*parts, text)


@contextmanager
def without_context() -> Iterator[None]:
    """Let a ClbError forget the exception that led to it, which may show a secret or hold a whole answer."""
    try:
        yield
    except ClbError as exc:
        exc.forget_context()
        raise


class ClbError(Exception):
    """Base of everything that this collection raises on purpose.

    :param message: the problem, the value and the remedy.
    :param code: the cloud's code, or one of this collection's own.
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
        self.message = escape(message)
        """The text for people; control and bidirectional characters are escaped, wherever they come from."""
        self.api_message = self.message if api_message is None else api_message
        self.code = code or self.default_code
        self.action = action
        self.request_id = request_id

    @classmethod
    def of(cls: type[Error], cause: ClbError, message: str | None = None) -> Error:
        """Make an error of this class with the code, action and request ID of another error.

        :param message: None takes the message of the other error.
        """
        return cls(
            cause.message if message is None else message,
            code=cause.code,
            action=cause.action,
            request_id=cause.request_id,
            api_message=cause.api_message,
        )

    def forget_context(self) -> None:
        """Let go of the exception that led to it."""
        self.__context__ = self.__cause__ = None

    def add(self, text: str) -> None:
        """Say one sentence more."""
        self.message = escape(sentences(self.message, text))


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


class GuardRefused(ClbError):
    """The change would leave fewer targets in traffic than ``min_healthy``."""

    default_code = "GuardRefused"


class GuardRefusedElsewhere(GuardRefused):
    """``min_healthy`` refuses on another load balancer of the task, which stops this one."""


class Refused(ClbError):
    """The cloud answered with an error code: nothing of this call was applied."""

    @property
    def ruling(self) -> Ruling:
        """The ruling for its code and text."""
        return ruling_for(self.code, self.api_message)

    @property
    def remedy(self) -> Remedy:
        """The action that can help."""
        return self.ruling.remedy

    @property
    def concerns(self) -> Concern:
        """The thing that the refusal is about."""
        return self.ruling.concern

    @property
    def asks_to_wait(self) -> bool:
        """True where only the load balancer is busy, or the account sends too many requests."""
        return self.remedy in (Remedy.WAIT_THROTTLED, Remedy.WAIT_BUSY)


class WaitTimeout(ClbError):
    """The time for the whole task is used up.

    :param last: the end of the latest attempt, if it is the reason. This error has its words, action and request ID;
        unless it only asked to wait, its code too.
    """

    default_code = "WaitTimeout"

    def __init__(self, message: str, *, last: ClbError | None = None) -> None:
        self.last = last
        if last is None:
            super().__init__(message)
            return
        waits = isinstance(last, Refused) and last.asks_to_wait
        super().__init__(
            sentences(message, f"The last {'answer was' if last.action else 'attempt failed'}: {last.message}"),
            code=None if waits else last.code,
            action=last.action,
            request_id=last.request_id,
            api_message=None if waits else last.api_message,
        )


class UnhealthyTimeout(WaitTimeout):
    """The time for the whole task is used up while targets are not healthy yet."""


class OutcomeUnknown(ClbError):
    """A write went out and its effect is not known; the cause has the answer, or the fault."""
