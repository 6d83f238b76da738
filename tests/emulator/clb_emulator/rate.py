# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests per second, for each action and account."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

from .errors import ApiError

if TYPE_CHECKING:
    from .settings import Settings


class RateLimiter:
    """Refuses what exceeds a number of requests within any one second; refused requests do not count.

    :param settings: ``rate_limits`` has the limits of single actions, ``rate_limit`` that of all others; 0 is no limit.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._passed: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def admit(self, action: str, account: str, now: float) -> None:
        """Count one request at ``now`` seconds.

        :raises ApiError: it is one too many.
        """
        limit = self._settings.rate_limits.get(action, self._settings.rate_limit)
        if not limit:
            return
        passed = self._passed[action, account]
        while passed and passed[0] <= now - 1:
            passed.popleft()
        if len(passed) >= limit:
            raise ApiError(
                "RequestLimitExceeded",
                f"Your current request times equals to `{len(passed) + 1}` in a second, which exceeds the frequency "
                f"limit `{limit}` for a second. Please reduce the frequency of calls.",
            )
        passed.append(now)
