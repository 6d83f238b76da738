# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results of health checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .model import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Optional

    from .model import Binding, Pool

    Shown = Optional[Mapping[str, Any]]


class Health:
    """The state of all health checks.

    :param after: seconds from being bound to being found alive.
    :param dead: instances and IPs that are found dead.
    :param unknown: instances and IPs of which nothing is known.
    :param closed: instances and IPs whose health check is off.
    :param closed_listeners: listeners whose health check is off.
    :param close_status: ``HealthStatus`` of a target whose health check is off.
    :param stopped_listeners: listeners that are stopped: their targets are Close, and get no traffic.
    :param unchecked: ``HealthStatusDetail`` of a target whose first check still runs.
    :param at_zero: ``HealthStatusDetail`` of a target of weight 0; None: as the check says.
    :param dead_status: ``HealthStatus`` of each target where all of a listener or rule are dead.
    :param shown: instances and IPs of which answers show something else than the truth: fields that replace those of
        their entries; None: the answer does not mention them.
    """

    def __init__(
        self,
        after: float = 0.0,
        dead: Iterable[str] = (),
        unknown: Iterable[str] = (),
        closed: Iterable[str] = (),
        closed_listeners: Iterable[str] = (),
        close_status: bool = True,
        stopped_listeners: Iterable[str] = (),
        unchecked: str = "Unknown",
        at_zero: str | None = None,
        dead_status: bool = False,
        shown: Mapping[str, Shown] | None = None,
    ) -> None:
        self.after = after
        self.close_status = close_status
        self.unchecked = unchecked
        self.at_zero = at_zero
        self.dead_status = dead_status
        self.closed_listeners = set(closed_listeners)
        self.stopped_listeners = set(stopped_listeners)
        self.shown: dict[str, Shown] = {}
        self._marks: dict[str, str] = {}
        self.mark(dead=dead, unknown=unknown, closed=closed, shown=shown)

    def mark(
        self,
        dead: Iterable[str] = (),
        alive: Iterable[str] = (),
        unknown: Iterable[str] = (),
        closed: Iterable[str] = (),
        shown: Mapping[str, Shown] | None = None,
    ) -> None:
        """Change the results for instances and IPs from now on; ``alive`` also ends what was ``shown`` of them."""
        for name in map(canonical_name, alive):
            self._marks.pop(name, None)
            self.shown.pop(name, None)
        for detail, names in (("Unknown", unknown), ("Close", closed), ("Dead", dead)):
            self._marks.update(dict.fromkeys(map(canonical_name, names), detail))
        self.shown.update({canonical_name(name): fields for name, fields in (shown or {}).items()})

    def is_closed(self, pool: Pool) -> bool:
        """Return whether the health check of a listener or rule is off."""
        return pool.listener_id in self.closed_listeners or not pool.traits.health_check

    def details(self, pool: Pool, now: float) -> list[str]:
        """Return ``HealthStatusDetail`` of each binding of a pool: Alive, Dead, Unknown or Close."""
        if self.is_closed(pool) or pool.listener_id in self.stopped_listeners:
            return ["Close"] * len(pool)
        if not self._marks and self.at_zero is None:
            return ["Alive" if binding.alive_at <= now else self.unchecked for binding in pool]
        return [self._detail(binding, now) for binding in pool]

    def _detail(self, binding: Binding, now: float) -> str:
        if self.at_zero is not None and not binding.weight:
            return self.at_zero
        marks = {self._marks[name] for name in binding.names if name in self._marks}
        for detail in ("Dead", "Close"):
            if detail in marks:
                return detail
        if marks:
            return "Unknown"
        return "Alive" if binding.alive_at <= now else self.unchecked

    def healthy(self, pool: Pool, detail: str) -> bool:
        """Return ``HealthStatus`` for a ``HealthStatusDetail`` in a pool."""
        if detail == "Close":
            return self.close_status and pool.listener_id not in self.stopped_listeners
        return detail == "Alive"

    def in_traffic(self, pool: Pool, now: float) -> list[bool]:
        """Return of each binding of a pool whether it gets new clients.

        These are the healthy ones of weight above 0. Where there is none, the cloud forwards to all of weight above 0,
        but for those whose first check still runs. A stopped listener forwards to nobody.
        """
        return self._in_traffic(pool, now, self.details(pool, now))

    def _in_traffic(self, pool: Pool, now: float, details: list[str]) -> list[bool]:
        if pool.listener_id in self.stopped_listeners:
            return [False] * len(pool)
        good = {detail for detail in set(details) if self.healthy(pool, detail)}
        found = [binding.weight > 0 and detail in good for binding, detail in zip(pool, details)]
        return found if any(found) else [binding.weight > 0 and binding.alive_at <= now for binding in pool]

    def count(self, pool: Pool, now: float) -> tuple[int, int]:
        """Count the targets of a pool that get new clients, and those that are healthy."""
        details = self.details(pool, now)
        good = {detail for detail in set(details) if self.healthy(pool, detail)}
        return sum(self._in_traffic(pool, now, details)), sum(map(good.__contains__, details))
