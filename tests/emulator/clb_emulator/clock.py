# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clocks of the emulated cloud: the machine's, a virtual one that only sleep() moves, and a faster one."""

from __future__ import annotations

import threading
import time


class Clock:
    """The machine's clock.

    :param offset: seconds by which the time of day is ahead of the machine's, to test wrong clocks.
    """

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self._start = time.monotonic()

    def now(self) -> float:
        """Return the seconds since the start; never goes back."""
        return time.monotonic() - self._start

    def wall(self) -> float:
        """Return the time of day as seconds since 1970, UTC, the offset included."""
        return time.time() + self.offset

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds of this clock."""
        time.sleep(max(0.0, seconds))


class VirtualClock(Clock):
    """A clock that only sleep() moves. It starts at 0.0 seconds.

    For tests with one thread. With several threads, sleeps that overlap add up; use ScaledClock there.
    """

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__(offset)
        self.seconds = 0.0
        self._base = time.time()
        self._lock = threading.Lock()

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return self._base + self.seconds + self.offset

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            with self._lock:
                # Adding a tiny float may change nothing; a real sleep always moves the clock.
                self.seconds += max(seconds, 1e-6)


class ScaledClock(Clock):
    """A clock that runs ``speed`` times as fast as the machine's, for tests with threads."""

    def __init__(self, speed: float = 100.0, offset: float = 0.0) -> None:
        super().__init__(offset)
        self.speed = speed
        self._base = time.time()

    def now(self) -> float:
        return super().now() * self.speed

    def wall(self) -> float:
        return self._base + self.now() + self.offset

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / self.speed)


def iso(seconds: float) -> str:
    """Return a time of day (seconds since 1970) as the API writes it, ``2026-01-31T12:00:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
