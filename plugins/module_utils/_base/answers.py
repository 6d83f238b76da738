# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One way to read an answer: each record's fields are written down once, and checked once where they enter. Pure.

What a record always has must be there in its type; unknown fields and unknown values of an enumeration are passed over.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from .errors import UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MAX_SHOWN = 60
"""Characters of an odd value that a message shows."""

MAX_PORT = 65535
MAX_WEIGHT = 100
MAX_COUNT = 2**31 - 1


_MISSING = object()
"""Stands for a key that is not there, where that is not the same as null."""
_REQUEST_ID = re.compile(r"[ -~]{1,128}")
_NULL = type(None)


class Field(NamedTuple):
    """One field of a record.

    :param types: the exact types that its value may have; a bool is no int.
    :param expected: the right values, in words.
    :param maximum: with the minimum, the range of a number.
    :param filled: an empty text is a violation.
    """

    name: str
    types: tuple[type, ...]
    expected: str
    default: object = _MISSING
    minimum: int = 0
    maximum: Optional[int] = None
    filled: bool = False


def text(name: str) -> Field:
    """A text that is always there and never empty, such as an ID."""
    return Field(name, (str,), "a text that is not empty", filled=True)


def text_or_empty(name: str) -> Field:
    """A text that is always there."""
    return Field(name, (str,), "a text")


def whole(name: str, minimum: int, maximum: int) -> Field:
    """A whole number that is always there."""
    return Field(name, (int,), f"a whole number from {minimum} to {maximum}", minimum=minimum, maximum=maximum)


def any_whole(name: str) -> Field:
    """A whole number that is always there, with no limits: the API may add new values of a status."""
    return Field(name, (int,), "a whole number")


def flag(name: str) -> Field:
    """True or false, always there."""
    return Field(name, (bool,), "true or false")


def many(name: str) -> Field:
    """A list that is always there; null stands for an empty one."""
    return Field(name, (list, _NULL), "a list or null")


def optional(field: Field) -> Field:
    """A field that may also be null or missing."""
    expected = field.expected if _NULL in field.types else f"{field.expected}, or null"
    return field._replace(types=(*field.types, _NULL), expected=expected, default=None)


def optional_text(name: str) -> Field:
    """A text that may be null or missing."""
    return optional(text_or_empty(name))


Where = tuple[Any, str, Any]
"""A place in an answer: the place around it, its list there, its number in that list.

The answer itself is (None, action, request ID). A plain tuple, since 100,000 are made of which none is shown.
"""


def answer_place(action: str, answer: Mapping[str, Any]) -> Where:
    """The place of the answer to an action itself."""
    request_id = answer.get("RequestId")
    return (None, action, request_id if is_request_id(request_id) else None)


def is_request_id(value: object) -> bool:
    """True for what can be a request ID, which messages and results show as it is."""
    return isinstance(value, str) and _REQUEST_ID.fullmatch(value) is not None


def _path(place: Where) -> str:
    """Such as ``Listeners[2].Rules[0].Targets[5]``; empty for the answer itself."""
    around, name, index = place
    if around is None:
        return ""
    return ".".join(filter(None, (_path(around), f"{name}[{index}]")))


def unexpected(where: Where, name: str, value: object, expected: str) -> UnexpectedAnswer:
    """The error for an answer that is not in the form of its action.

    :param name: the field in it; empty for the record itself.
    """
    path = ".".join(filter(None, (_path(where), name))) or "Response"
    while where[0] is not None:
        where = where[0]
    _names, action, request_id = where
    return UnexpectedAnswer(
        f"{action} answered something unexpected: {path} is {shown(value)}, not {expected}. "
        "Check endpoint, and any proxy or gateway before it.",
        action=action,
        request_id=request_id,
    )


def shown(value: object) -> str:
    """A value from outside in a message: short, in one line, control characters escaped."""
    if value is _MISSING:
        return "missing"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        # repr escapes whatever is not printable, bidirectional marks included.
        return repr(value) if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]!r}... ({len(value)} characters)"
    if isinstance(value, int):
        return str(value) if -(10**_MAX_SHOWN) < value < 10**_MAX_SHOWN else "a huge number"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"


class Record:
    """The fields of one kind of object in an answer that the plugins read, in the order of their values."""

    def __init__(self, *fields: Field) -> None:
        self._fields = fields
        self._names = tuple(field.name for field in fields)
        self._defaults = tuple(field.default for field in fields)
        self._bounded = tuple((index, field) for index, field in enumerate(fields) if field.maximum is not None)
        self._filled = tuple((index, field) for index, field in enumerate(fields) if field.filled)
        self._right: set[tuple[type, ...]] = set()
        """Combinations of types that passed the check: a look-up here is quicker than a check of each value."""

    def read(self, raw: object, where: Where) -> tuple[Any, ...]:
        """Check one object and take its fields out.

        :returns: None for null, and for a missing key where it may be missing.
        :raises UnexpectedAnswer: a field is missing, or has another type, or is out of its range.
        """
        if not isinstance(raw, dict):
            raise unexpected(where, "", raw, "an object")
        values = tuple(map(raw.get, self._names, self._defaults))
        types = tuple(map(type, values))
        if types not in self._right:
            for field, value in zip(self._fields, values):
                if type(value) not in field.types:
                    raise unexpected(where, field.name, value, field.expected)
            self._right.add(types)
        for index, field in self._bounded:
            value = values[index]
            if value is not None and not field.minimum <= value <= field.maximum:
                raise unexpected(where, field.name, value, field.expected)
        for index, field in self._filled:
            if not values[index]:
                raise unexpected(where, field.name, values[index], field.expected)
        return values


def each(record: Record, raws: list[Any] | None, where: Where, name: str) -> Iterator[tuple[Where, tuple[Any, ...]]]:
    """Read the objects of a list in a record; None is an empty one.

    :returns: the place and the values of each.
    :raises UnexpectedAnswer: as soon as one is not such a record.
    """
    for index, raw in enumerate(raws or ()):
        place = (where, name, index)
        yield place, record.read(raw, place)


def check_texts(values: list[Any] | None, where: Where, name: str) -> None:
    """Check that a list in a record has nothing but texts in it; None is an empty one.

    :raises UnexpectedAnswer: something in it is no text.
    """
    for index, value in enumerate(values or ()):
        if not isinstance(value, str):
            raise unexpected(where, f"{name}[{index}]", value, "a text")
