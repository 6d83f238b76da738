# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One question: what it asks, and which settings of the emulator its answer means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .asker import Asker

Raw = Mapping[str, Any]
Ask = Callable[["Asker"], Any]


class Found(NamedTuple):
    """What a question found.

    :param seconds: what was measured, by name.
    """

    answer: Any
    usual: Any
    seconds: Mapping[str, float]


Meant = Callable[[Found], dict[str, Any]]
"""Returns the settings that make the emulator answer so; it is asked only where the emulator's answer is another."""


def nothing(found: Found) -> dict[str, Any]:
    """Return no settings: the emulator can't be made to answer so."""
    return {}


@dataclass(frozen=True)
class Question:
    """One question.

    :param asks: the question itself, as a sentence.
    :param ask: asks it, and returns the answer as JSON; it raises NotAsked where that is not possible.
    :param sets: names the emulator's settings that an answer can mean.
    :param means: turns an answer into these settings.
    :param times: turns what it measured into settings, whatever the answer is.
    :param calls: how many requests it takes, roughly.
    """

    name: str
    asks: str
    ask: Ask
    sets: str = ""
    means: Meant = nothing
    times: Meant = nothing
    calls: int = 6


class Questions:
    """A decorator that makes a question of a function, called like it; ``every`` has them in their order."""

    def __init__(self) -> None:
        self.every: list[Question] = []

    def __call__(
        self,
        asks: str,
        sets: str = "",
        means: Meant = nothing,
        times: Meant = nothing,
        *,
        calls: int = 6,
        name: str | None = None,
    ) -> Callable[[Ask], Ask]:
        """See Question."""

        def add(ask: Ask) -> Ask:
            called = name or ask.__name__.strip("_").replace("_", "-")
            self.every.append(Question(called, asks, ask, sets, means, times, calls))
            return ask

        return add


def lookup(setting: str, values: Mapping[Any, Any]) -> Meant:
    """Return how an answer out of a few means one setting."""

    def means(found: Found) -> dict[str, Any]:
        return {setting: values[found.answer]} if found.answer in values else {}

    return means


def as_code(key: str) -> Meant:
    """Return how an error code means a setting: a name of a setting, or of a refusal, as in ``codes``."""

    def means(found: Found) -> dict[str, Any]:
        if not is_code(found.answer):
            return {}
        return {"codes": {key: found.answer}} if "." in key else {key: found.answer}

    return means


def as_codes(situation: str) -> Meant:
    """Return how error codes by action mean ``codes``."""

    def means(found: Found) -> dict[str, Any]:
        other = {name: code for name, code in found.answer.items() if is_code(code) and code != found.usual.get(name)}
        return {"codes": {f"{name.partition(' ')[0]}.{situation}": code for name, code in other.items()}}

    return means


def is_code(answer: Any) -> bool:
    """Return whether an answer is an error code."""
    return isinstance(answer, str) and answer[:1].isupper() and " " not in answer


def shape(value: Raw, name: str) -> str:
    """Return how a list looks in an answer."""
    if name not in value:
        return "missing"
    found = value[name]
    if found is None:
        return "null"
    return ("[]" if not found else "a list") if isinstance(found, list) else "something else"
