# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking at one load balancer: what is bound, how healthy it is, and waiting until something shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .calls import HEALTH, TARGETS, Cloud, NotAsked, Target
from .leftovers import Bound
from .world import World, objects, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLL_SECONDS = 0.3
WAIT_SECONDS = 60.0
"""How long a load balancer may be busy, or a task may take."""


class Looker:
    """Looks at one load balancer."""

    def __init__(self, cloud: Cloud, world: World) -> None:
        self.cloud = cloud
        self.world = world

    def bindings(self) -> Iterator[tuple[str, str | None, Target]]:
        """Yield what is bound: listener ID, location ID and the target's entry.

        :raises NotAsked: it can't be read.
        """
        answer = self.cloud.read(TARGETS, {"LoadBalancerId": self.world.load_balancer_id})
        if not answer.accepted:
            raise NotAsked(f"{TARGETS} is refused: {answer.code}: {answer.message}")
        for listener_id, location_id, entries in self.world.pools(answer.response):
            yield from ((listener_id, location_id, entry) for entry in entries)

    def entries(self, target: Target) -> list[Target]:
        """Return the entries of a target: more than one where it is bound twice."""
        wanted = bound_of(target)
        found = [
            entry
            for listener_id, location_id, entry in self.bindings()
            if wanted.is_shown_by(listener_id, location_id, entry)
        ]
        for entry in found[:1]:
            self.world.instances.setdefault(wanted.backend, entry)
        return found

    def find(self, target: Target) -> Target | None:
        """Return a target's entry; None where it does not show."""
        return next(iter(self.entries(target)), None)

    def health(self, target: Target) -> Target:
        """Return the health of a target.

        :raises NotAsked: it is not told.
        """
        answer = self.cloud.read(HEALTH, {"LoadBalancerIds": [self.world.load_balancer_id]})
        wanted = bound_of(target)
        for balancer in objects(answer.response, "LoadBalancers"):
            for listener in objects(balancer, "Listeners"):
                for rule in objects(listener, "Rules"):
                    location = text(rule, "LocationId") if wanted.location_id else None
                    for entry in objects(rule, "Targets"):
                        shown = {**entry, "PrivateIpAddresses": [entry.get("IP")], "InstanceId": entry.get("TargetId")}
                        if wanted.is_shown_by(text(listener, "ListenerId"), location, shown):
                            return {**entry, "LocationId": rule.get("LocationId")}
        raise NotAsked(f"{HEALTH} does not mention the target: {answer.verdict}")

    def polls(self, seconds: float = WAIT_SECONDS) -> Iterator[float]:
        """Yield the seconds since the first look, again and again until the time is up."""
        started = self.cloud.api.now()
        while (passed := self.cloud.api.now() - started) <= seconds:
            yield passed
            self.cloud.api.sleep(POLL_SECONDS)

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> float | None:
        """Return after how many seconds something holds; None where it does not within ``seconds``."""
        return next((passed for passed in self.polls(seconds) if condition()), None)


def bound_of(target: Target) -> Bound:
    """Return the binding that a target of a batch call means."""
    backend = target.get("InstanceId") or target.get("EniIp") or ""
    return Bound(target["ListenerId"], target.get("LocationId"), backend, target["Port"])
