# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""State that the load balancers of one task share while their plans are carried out."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._base import pace

if TYPE_CHECKING:
    from .._base.budget import Budget
    from .memory import Memory

MAX_EXTRA_CALLS = 64
"""Calls that narrowing may add in one task."""

Words = tuple[str, str]
"""Code and text of a refusal, without the parts that differ from call to call."""


class TaskTimes:
    """The duration of the cloud's tasks.

    :param probes: writes that find it out for all load balancers; None: each write does, until it is known.
    """

    def __init__(self, probes: int | None = None) -> None:
        self._probes = None if probes is None else threading.Semaphore(probes)
        self._learnt = threading.Event()
        self.shared = probes is not None
        self.seconds: float | None = None
        """The latest took so long at most; 0.0 where a write is applied before it is answered, None: not known yet."""

    def learn(self, seconds: float) -> None:
        """Remember the seconds after which a task was seen to have ended."""
        self.seconds = seconds
        self._learnt.set()

    def find(self, budget: Budget) -> float | None:
        """The duration, once the first writes have found it out; None: the caller has to."""
        if self.seconds is None and self._probes is not None and not self._probes.acquire(blocking=False):
            self._learnt.wait(min(pace.LEARN_SECONDS, budget.remaining()))
        return self.seconds


@dataclass(frozen=True)
class Shared:
    """The state itself. Threads may share one.

    :param budget: the time for the whole task.
    :param memory: remembers bindings on disk before they are changed; None: nothing does.
    :param extra_calls: those that narrowing may still add.
    :param met: the words of all refusals that were narrowed, on any load balancer.
    :param general: those of them that concern no single change.
    """

    budget: Budget
    times: TaskTimes = field(default_factory=TaskTimes)
    memory: Memory | None = None
    extra_calls: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_EXTRA_CALLS))
    met: set[Words] = field(default_factory=set)
    general: set[Words] = field(default_factory=set)
