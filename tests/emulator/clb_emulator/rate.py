# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests per second, for each action and account."""

from __future__ import annotations

from collections import defaultdict, deque

from .errors import ApiError


class RateLimiter:
    """Refuses what exceeds ``limit`` requests within any one second; refused requests do not count. 0 is no limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._passed: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def admit(self, action: str, account: str, now: float) -> None:
        """Count one request at ``now`` seconds.

        :raises ApiError: it is one too many.
        """
        if not self._limit:
            return
        passed = self._passed[action, account]
        while passed and passed[0] <= now - 1:
            passed.popleft()
        if len(passed) >= self._limit:
            raise ApiError(
                "RequestLimitExceeded",
                f"Your current request times equals to `{len(passed) + 1}` in a second, which exceeds the frequency "
                f"limit `{self._limit}` for a second. Please reduce the frequency of calls.",
            )
        passed.append(now)
