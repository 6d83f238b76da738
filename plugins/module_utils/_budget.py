# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one time budget that everything in a task shares."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ._errors import WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Budget:
    """Seconds that a whole task may take, counted from the making of this object.

    :param seconds: how long new work may be started (``wait_timeout``).
    :param grace: seconds after that in which a request under way may still be answered (``timeout``).
    :param name: what messages call it: the option that sets it, where there is one.
    :param clock: monotonic clock in seconds.
    :param pause: sleeps so many seconds.
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
        self.words = f"{name} of {seconds:g} s"
        """How messages call it."""
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

    def sleep(self, seconds: float, waiting_for: str) -> None:
        """Sleep, but not past the deadline.

        :param seconds: how long.
        :param waiting_for: what for, in words that fit behind "waiting for".
        :raises WaitTimeout: when the time is up, at once or after the sleep.
        """
        remaining = self.remaining()
        if remaining > 0:
            self._pause(min(seconds, remaining))
        if seconds >= remaining:
            raise WaitTimeout(f"{self.words} is over while waiting for {waiting_for}")


def growing(first: float, factor: float, maximum: float) -> Iterator[float]:
    """Delays that grow from the first to a cap and stay there.

    :param first: seconds of the first delay.
    :param factor: what each is multiplied with to make the next.
    :param maximum: seconds that no delay exceeds.
    """
    delay = first
    while True:
        yield min(delay, maximum)
        delay = min(delay * factor, maximum)
