# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One question: what it asks, and which settings of the emulator its answer means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from .calls import is_code

if TYPE_CHECKING:
    from .asker import Asker
    from .calls import Target

Ask = Callable[["Asker"], Any]


class Found(NamedTuple):
    """The answer of this cloud, the emulator's usual one, and the seconds that were measured, by name."""

    answer: Any
    usual: Any
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Means:
    """The settings that make the emulator answer so; ``always``: even where both clouds answer alike."""

    sets: str
    settings: Callable[[Found], dict[str, Any]]
    always: bool = False


@dataclass(frozen=True)
class Question:
    """One question, as a sentence in ``asks``; ``ask`` returns the answer as JSON, or raises NotAsked."""

    name: str
    asks: str
    ask: Ask
    means: tuple[Means, ...] = ()


class Questions(list[Question]):
    """A list of questions, and the decorator that adds a function to it as a question of the function's name."""

    def __call__(self, asks: str, *means: Means) -> Callable[[Ask], Ask]:
        def add(ask: Ask) -> Ask:
            self.append(Question(ask.__name__.strip("_").replace("_", "-"), asks, ask, means))
            return ask

        return add


def answered(path: str, value: Callable[[Any], Any] = lambda answer: answer) -> Means:
    """Return how an answer means one setting, or one key such as ``health.at_zero``; None is no setting."""
    setting, _, key = path.partition(".")

    def settings(found: Found) -> dict[str, Any]:
        meant = value(found.answer)
        return {} if meant is None else {setting: {key: meant} if key else meant}

    # 'health' has few keys, which have a meaning each; the keys of the others are countless.
    return Means(path if setting == "health" else setting, settings)


def lookup(path: str, values: Mapping[Any, Any]) -> Means:
    return answered(path, values.get)


def whole(path: str, otherwise: Any = None) -> Means:
    """Return how a whole number means one setting; another answer means ``otherwise``."""
    return answered(path, lambda answer: answer if isinstance(answer, int) else otherwise)


def as_code(path: str) -> Means:
    return answered(path, lambda answer: answer if is_code(answer) else None)


def as_codes(situation: str) -> Means:
    def settings(found: Found) -> dict[str, Any]:
        other = {name: code for name, code in found.answer.items() if is_code(code) and code != found.usual.get(name)}
        return {"codes": {f"{name.partition(' ')[0]}.{situation}": code for name, code in other.items()}}

    return Means("codes", settings)


def refusable(setting: str, code: str, values: Mapping[Any, Any]) -> tuple[Means, Means]:
    """Return how an answer out of a few, or an error code, means a setting that can be ``refuse``."""
    how = answered(setting, lambda answer: "refuse" if is_code(answer) else values.get(answer))
    return how, as_code(f"codes.{code}")


def measured(setting: str, name: str, usual: float = 0.0) -> Means:
    return Means(setting, lambda found: {setting: round(found.seconds.get(name, usual), 1)})


def refusal(name: str, action: str, to: str, target: Callable[[Asker], Target], *means: Means) -> Question:
    """Return the question for the error code of a write of one target, which ``to`` describes."""
    asks = f"What does {action} answer to {to}?"
    return Question(name, asks, lambda ask: ask.write(action, [target(ask)]).verdict, means)
