# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Functions of a test that change answers; the test runs in the server's process."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .answer import Answer, to_json

Alter = Callable[[Any], Any]
"""Takes the whole answer as parsed JSON; returns what to send instead: an Answer, bytes, or anything that is JSON."""


@dataclass
class _Alteration:
    action: str
    alter: Alter
    times: int
    skip: int


class Alterations:
    """All functions that change answers, oldest first; an answer meets the first one that matches its action."""

    def __init__(self) -> None:
        self._alterations: list[_Alteration] = []

    def add(self, action: str, alter: Alter, *, times: int = -1, skip: int = 0) -> None:
        """Let a function change answers.

        :param action: the name of an action, or a pattern.
        :param times: how many answers it meets (-1: all); ``skip``: how many matching answers it lets pass first.
        """
        self._alterations.append(_Alteration(action, alter, times, skip))

    def clear(self) -> None:
        """Drop all functions."""
        self._alterations.clear()

    def alter(self, action: str, answer: Answer) -> None:
        """Change an answer in place, if a function was added for its action."""
        for alteration in self._alterations:
            if not alteration.times or not fnmatch.fnmatchcase(action, alteration.action):
                continue
            if alteration.skip:
                alteration.skip -= 1
                continue
            if alteration.times > 0:
                alteration.times -= 1
            self._replace(answer, alteration.alter(json.loads(answer.body)))
            return

    @staticmethod
    def _replace(answer: Answer, changed: Any) -> None:
        if isinstance(changed, Answer):
            for name, value in vars(changed).items():
                setattr(answer, name, value)
        else:
            answer.body = changed if isinstance(changed, bytes) else to_json(changed).encode()
