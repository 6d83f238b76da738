# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results of health checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Binding, Pool


class Health:
    """The state of all health checks.

    :param after: seconds from being bound to being found alive.
    :param dead: instances and IPs that are found dead.
    :param unknown: instances and IPs of which nothing is known.
    :param closed_listeners: listeners whose health check is off.
    :param close_status: ``HealthStatus`` of a target whose health check is off.
    :param stopped_listeners: listeners that are stopped: their targets are Close, and get no traffic.
    """

    def __init__(
        self,
        after: float = 0.0,
        dead: Iterable[str] = (),
        unknown: Iterable[str] = (),
        closed_listeners: Iterable[str] = (),
        close_status: bool = True,
        stopped_listeners: Iterable[str] = (),
    ) -> None:
        self.after = after
        self.dead = {canonical_name(name) for name in dead}
        self.unknown = {canonical_name(name) for name in unknown}
        self.closed_listeners = set(closed_listeners)
        self.close_status = close_status
        self.stopped_listeners = set(stopped_listeners)

    def mark(self, dead: Iterable[str] = (), alive: Iterable[str] = (), unknown: Iterable[str] = ()) -> None:
        """Change the results for instances and IPs from now on."""
        dead, alive, unknown = ({canonical_name(name) for name in names} for names in (dead, alive, unknown))
        self.dead = (self.dead - alive - unknown) | dead
        self.unknown = (self.unknown - alive - dead) | unknown

    def details(self, pool: Pool, now: float) -> list[str]:
        """Return ``HealthStatusDetail`` of each binding of a pool: Alive, Dead, Unknown or Close."""
        if pool.listener_id in self.closed_listeners or pool.listener_id in self.stopped_listeners:
            return ["Close"] * len(pool)
        if not self.dead and not self.unknown:
            return ["Alive" if binding.alive_at <= now else "Unknown" for binding in pool]
        return [self._detail(binding, now) for binding in pool]

    def _detail(self, binding: Binding, now: float) -> str:
        if not self.dead.isdisjoint(binding.names):
            return "Dead"
        if now < binding.alive_at or not self.unknown.isdisjoint(binding.names):
            return "Unknown"
        return "Alive"

    def healthy(self, pool: Pool, detail: str) -> bool:
        """Return ``HealthStatus`` for a ``HealthStatusDetail`` in a pool."""
        if detail == "Close":
            return self.close_status and pool.listener_id not in self.stopped_listeners
        return detail == "Alive"

    def count(self, pool: Pool, now: float) -> tuple[int, int]:
        """Count the targets of a pool that serve (healthy, and of weight above 0), and those that are healthy."""
        details = self.details(pool, now)
        good = {detail for detail in set(details) if self.healthy(pool, detail)}
        serving = sum(detail in good and binding.weight > 0 for binding, detail in zip(pool, details))
        return serving, sum(map(good.__contains__, details))
