# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast one task may send: below the API's limit of 20 requests a second for each action and account."""

from __future__ import annotations

import math
import random
import threading
from typing import TYPE_CHECKING

from .._base import pace
from .._base.errors import WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._base.budget import Budget
    from .._base.errors import Refused


class Lane:
    """Turns to send one action, granted one by one, evenly spaced and without bursts; the first one at once.

    Several threads may share one.

    :param action: the action's name, for messages.
    :param random_share: gives numbers from 0 to 1.
    """

    def __init__(self, action: str, random_share: Callable[[], float] = random.random) -> None:
        self._action = action
        self._random_share = random_share
        self._queue = threading.Lock()
        self._state = threading.Lock()
        self._next = -math.inf
        self._rate = pace.MAX_RATE
        self._halved_at = -math.inf
        self._last_refusal: Refused | None = None

    def take_turn(self, budget: Budget, *, grace: bool = False) -> None:
        """Wait for a turn.

        :param budget: the time for the whole task.
        :param grace: wait in the budget's grace as well, which only the last attempt of a task may use.
        :raises WaitTimeout: there is no turn before the time is up.
        """
        waiting_for = f"a turn to send {self._action}"
        # One thread at a time waits for the time; the others wait for the thread.
        if not self._queue.acquire(timeout=budget.until_end() if grace else budget.remaining()):
            raise self._time_is_up(f"{budget.label} expired while waiting for {waiting_for}", budget.now())
        try:
            # Throttling can put the turn off while it is waited for.
            while (seconds := self._until_turn(budget.now())) > 0:
                budget.sleep(seconds, waiting_for, grace=grace)
            self._grant(budget.now())
        except WaitTimeout as up:
            raise self._time_is_up(up.message, budget.now()) from up
        finally:
            self._queue.release()

    def throttled(self, now: float, refusal: Refused) -> None:
        """Slow down, for all threads together: the cloud has answered 'too many requests'.

        :param now: seconds on the budget's clock.
        """
        with self._state:
            self._last_refusal = refusal
            if now - self._halved_at < pace.HALVING_SECONDS:
                return
            self._rate = max(pace.MIN_RATE, self._rate_at(now) / 2)
            self._halved_at = now
            self._next = max(self._next, now + self._random_share() * pace.MAX_THROTTLED_PAUSE_SECONDS)

    def _time_is_up(self, message: str, now: float) -> WaitTimeout:
        """The time-out of a turn, with the refusal that has slowed the lane down."""
        with self._state:
            return WaitTimeout(message, last=self._last_refusal if self._rate_at(now) < pace.MAX_RATE else None)

    def _until_turn(self, now: float) -> float:
        with self._state:
            return self._next - now

    def _grant(self, now: float) -> None:
        with self._state:
            self._next = max(self._next, now - pace.CATCH_UP_SECONDS) + 1 / self._rate_at(now)

    def _rate_at(self, now: float) -> float:
        return min(pace.MAX_RATE, self._rate + (now - self._halved_at) * pace.RECOVERY_RATE)


class Pacer:
    """The lanes of one task, one for each action; all its clients and threads share it.

    :param random_share: gives numbers from 0 to 1.
    """

    def __init__(self, random_share: Callable[[], float] = random.random) -> None:
        self._random_share = random_share
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}

    def lane(self, action: str) -> Lane:
        """The lane of an action."""
        with self._lock:
            if action not in self._lanes:
                self._lanes[action] = Lane(action, self._random_share)
            return self._lanes[action]
