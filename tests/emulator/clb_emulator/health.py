# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What health checks say of a binding."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Binding, Pool


def _canonical(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name


class Health:
    """The state of all health checks.

    :param after: seconds from being bound to being found alive.
    :param dead: instances and IPs that are found dead.
    :param unknown: instances and IPs of which nothing is known.
    :param closed_listeners: listeners whose health check is off.
    :param close_status: ``HealthStatus`` of a target whose health check is off.
    """

    def __init__(
        self,
        after: float = 0.0,
        dead: Iterable[str] = (),
        unknown: Iterable[str] = (),
        closed_listeners: Iterable[str] = (),
        close_status: bool = True,
    ) -> None:
        self.after = after
        self.dead = {_canonical(name) for name in dead}
        self.unknown = {_canonical(name) for name in unknown}
        self.closed_listeners = set(closed_listeners)
        self.close_status = close_status

    def mark(self, dead: Iterable[str] = (), alive: Iterable[str] = (), unknown: Iterable[str] = ()) -> None:
        """Change what is found of instances and IPs from now on."""
        dead, alive, unknown = ({_canonical(name) for name in names} for names in (dead, alive, unknown))
        self.dead = (self.dead - alive - unknown) | dead
        self.unknown = (self.unknown - alive - dead) | unknown

    def detail(self, pool: Pool, binding: Binding, now: float) -> str:
        """Return ``HealthStatusDetail``: Alive, Dead, Unknown or Close."""
        names = {*binding.addresses, binding.instance_id}
        if pool.listener_id in self.closed_listeners:
            return "Close"
        if names & self.dead:
            return "Dead"
        if names & self.unknown or now < binding.alive_at:
            return "Unknown"
        return "Alive"

    def healthy(self, detail: str) -> bool:
        """Return ``HealthStatus`` for a ``HealthStatusDetail``."""
        return detail == "Alive" or (detail == "Close" and self.close_status)

    def serving(self, pool: Pool, now: float) -> int:
        """Count the targets that get new traffic: weight above 0, and alive or not checked at all."""
        return sum(binding.weight > 0 and self.detail(pool, binding, now) in ("Alive", "Close") for binding in pool)
