# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counts of the targets that get new clients, written into the journal whenever they may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .health import Health
    from .journal import Entry, Journal
    from .model import LoadBalancer, Pool


class Served:
    """Counts who serves in each pool."""

    def __init__(self, journal: Journal, health: Health, load_balancers: Mapping[str, LoadBalancer]) -> None:
        self._journal = journal
        self._health = health
        self._load_balancers = load_balancers
        self._counts: WeakKeyDictionary[Pool, tuple[int, int]] = WeakKeyDictionary()

    def sample(self, pool: Pool, moment: float) -> None:
        """Write into the journal how many targets of a pool serve from this moment on."""
        serving, healthy = self._counts[pool] = self._health.count(pool, moment)
        self._journal.event(
            moment,
            "serving",
            load_balancer_id=pool.load_balancer_id,
            listener_id=pool.listener_id,
            location_id=pool.location_id,
            serving=serving,
            healthy=healthy,
            bound=len(pool),
        )

    def sample_all(self, moment: float) -> None:
        """Write into the journal how many targets serve in every pool."""
        for balancer in self._load_balancers.values():
            for pool in balancer.pools:
                self.sample(pool, moment)

    def note_applied(self, balancer: LoadBalancer, moment: float, entry: Entry) -> None:
        """Write into the journal that a write was applied, and how many targets serve from then on."""
        entry["applied"], entry["applied_at"] = True, moment
        counts = [self._counts[pool] for pool in balancer.pools]
        self._journal.event(
            moment,
            "applied",
            load_balancer_id=balancer.id,
            request_id=entry["request_id"],
            action=entry["action"],
            bound=sum(len(pool) for pool in balancer.pools),
            serving=sum(serving for serving, _ in counts),
            healthy=sum(healthy for _, healthy in counts),
        )
