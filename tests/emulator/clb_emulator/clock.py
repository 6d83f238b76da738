# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time as the emulated cloud sees it."""

from __future__ import annotations

import time


class Clock:
    """The server's clock: seconds since its start, and the time of day, which may be off on purpose.

    :param offset: seconds by which the time of day is ahead of the machine's.
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


def iso(seconds: float) -> str:
    """Return a time of day (seconds since 1970) as the API writes it, ``2026-01-31T12:00:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
