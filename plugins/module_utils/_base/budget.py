# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one time budget that everything in a task shares."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from . import pace
from .errors import WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Patience:
    """The time for sending one request again after faults that may pass; it counts from the first of them."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._since: float | None = None

    def left(self) -> float:
        """Seconds in which another attempt may begin; to be asked after each fault."""
        now = self._budget.now()
        if self._since is None:
            self._since = now
        return max(0.0, pace.PATIENCE_SECONDS - (now - self._since))


class Budget:
    """Seconds that a whole task may take, counted from the making of this object.

    Several threads may share one: after it is made it holds no state but its clock.

    :param seconds: the time in which new work may be started (``wait_timeout``).
    :param grace: seconds after that in which a request under way may still be answered (``timeout``).
    :param name: its name in messages: the option that sets it, where there is one.
    """

    def __init__(
        self,
        seconds: float,
        grace: float,
        *,
        name: str = "wait_timeout",
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._pause = pause
        self.label = f"{name} ({seconds:g} s)"
        self._deadline = clock() + seconds
        self._end = self._deadline + grace

    def now(self) -> float:
        """Seconds on the budget's own clock; only differences mean anything."""
        return self._clock()

    def remaining(self) -> float:
        """Seconds in which new work may still be started; 0.0 when there are none."""
        return max(0.0, self._deadline - self._clock())

    def until_end(self) -> float:
        """Seconds until the very end, the grace included; 0.0 when there are none."""
        return max(0.0, self._end - self._clock())

    def sleep(self, seconds: float, waiting_for: str, *, grace: bool = False) -> None:
        """Sleep, but not past the deadline.

        :param waiting_for: the reason, in words that fit behind "waiting for".
        :param grace: sleep in the grace as well, which only the last attempt of a task may use.
        :raises WaitTimeout: the time is up, at once or after the sleep.
        """
        remaining = self.until_end() if grace else self.remaining()
        if remaining > 0:
            self._pause(min(seconds, remaining))
        if seconds >= remaining:
            raise WaitTimeout(f"{self.label} expired while waiting for {waiting_for}")

    def polls(
        self, waits: pace.Waits, waiting_for: str, *, at_once: bool = False, at_most: float = math.inf
    ) -> Iterator[float]:
        """Say when to look again; the loop over it ends with ``break``, ``return`` or the exception.

        :param waits: the first is slept before the first look.
        :param at_once: look for the first time without a delay.
        :param at_most: after so many seconds comes the last look.
        :returns: at each look the seconds since the first call.
        :raises WaitTimeout: the time is up.
        """
        started = self.now()
        if at_once:
            yield 0.0
        for delay in waits.delays():
            left = at_most - (self.now() - started)
            if left < pace.ROUNDING_SECONDS:
                return
            self.sleep(min(delay, left), waiting_for)
            yield self.now() - started
