# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pace of one task: below the API's limit of 20 requests a second for each action and account."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from .._base import pace
from .._base.errors import WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._base.budget import Budget
    from .._base.errors import Refused


class Lane:
    """Turns to send one action, granted one by one, evenly spaced and without bursts; the first one at once.

    It is the one mechanism against throttling: all requests of the action pause together, and then come more slowly.
    Several threads may share one.
    """

    def __init__(self, action: str) -> None:
        self._action = action
        self._queue = threading.Lock()
        self._state = threading.Lock()
        self._next = -math.inf
        self._rate = pace.MAX_RATE
        self._halved_at = -math.inf
        self._paused_until = -math.inf
        self._pauses: Iterator[float] | None = None
        """After refusals that no other answer has followed yet."""
        self._last_refusal: Refused | None = None

    def take_turn(self, budget: Budget, *, grace: bool = False) -> None:
        """Wait for a turn.

        :param grace: wait in the budget's grace as well, which only the last attempt of a task may use.
        :raises WaitTimeout: there is no turn before the time is up.
        """
        # One thread at a time waits for the time; the others wait for the thread.
        if not self._queue.acquire(timeout=budget.until_end() if grace else budget.remaining()):
            raise self._time_is_up(
                f"{budget.label} expired while waiting for a turn to send {self._action}", budget.now()
            )
        try:
            self._wait(budget, grace=grace)
            with self._state:
                now = budget.now()
                self._next = max(self._next, now - pace.CATCH_UP_SECONDS) + 1 / self._rate_at(now)
        finally:
            self._queue.release()

    def throttled(self, budget: Budget, refusal: Refused, *, wait: bool = True) -> None:
        """Slow down, for all threads together, and wait: the cloud has answered 'too many requests'.

        :raises WaitTimeout: the time is up, with this refusal as the reason.
        """
        with self._state:
            now = budget.now()
            self._last_refusal = refusal
            # Another thread's answer may end the series at any moment.
            pauses = self._pauses = self._pauses or pace.THROTTLED.delays()
            if now - self._halved_at >= pace.HALVING_SECONDS:
                self._rate = max(pace.MIN_RATE, self._rate_at(now) / 2)
                self._halved_at = now
            if now >= self._paused_until:
                # Not for a request that was under way before the pause: it says nothing of what came after.
                self._paused_until = now + next(pauses)
                self._next = max(self._next, self._paused_until)
        if wait:
            self._wait(budget)

    def answered(self) -> None:
        """Take note that the cloud has answered something else."""
        self._pauses = None

    def _wait(self, budget: Budget, *, grace: bool = False) -> None:
        try:
            # Throttling can put the turn off while it is waited for.
            while (seconds := self._next - budget.now()) > 0:
                budget.sleep(seconds, f"a turn to send {self._action}", grace=grace)
        except WaitTimeout as up:
            raise self._time_is_up(up.message, budget.now()) from up

    def _time_is_up(self, message: str, now: float) -> WaitTimeout:
        """The time-out of a turn, with the refusal that has slowed the lane down."""
        slow = self._pauses is not None or self._rate_at(now) < pace.MAX_RATE
        return WaitTimeout(message, last=self._last_refusal if slow else None)

    def _rate_at(self, now: float) -> float:
        return min(pace.MAX_RATE, self._rate + (now - self._halved_at) * pace.RECOVERY_RATE)


class Pacer:
    """The lanes of one task, one for each action; all its clients and threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}

    def lane(self, action: str) -> Lane:
        """The lane of an action."""
        with self._lock:
            return self._lanes.setdefault(action, Lane(action))
