# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole emulated cloud: what there is, and the tasks that change it.

Nothing here waits: what is due is done when somebody looks (``settle``), in the order and with the times at which it
was due.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from .clock import Clock, iso
from .errors import ApiError
from .faults import Faults
from .journal import Entry, Journal
from .model import Binding, LoadBalancer, Pool, canonical_ip
from .rate import RateLimiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .operations import Operation
    from .scenario import Scenario

DONE, FAILED, RUNNING = 0, 1, 2
"""``Status`` in the answer to DescribeTaskStatus."""


@dataclass
class Task:
    """A write that takes time. ``status`` is DONE, FAILED or RUNNING; an ``unknown`` task is denied to whoever asks."""

    id: str
    load_balancer_id: str
    status: int = RUNNING
    message: str | None = None
    unknown: bool = False


@dataclass(frozen=True)
class Twist:
    """What a fault changes about a task. Times in seconds; ``failure`` is the message of a task that fails."""

    seconds: float | None = None
    lag: float | None = None
    failure: str | None = None
    unknown: bool = False


class Cloud:
    """State and time of the emulated cloud, as a scenario describes it at the start."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.clock = Clock(scenario.clock_offset)
        self.load_balancers = {balancer.id: balancer for balancer in scenario.load_balancers}
        self.instances = scenario.instances
        self.accounts = scenario.accounts
        self.health = scenario.health
        self.rate = RateLimiter(scenario.rate_limit)
        self.faults = Faults()
        self.faults.add(scenario.faults)
        self.journal = Journal()
        self.tasks: dict[str, Task] = {}
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self.restart_journal()

    def settle(self) -> float:
        """Do everything that is due by now; return the present moment (seconds since the start)."""
        now = self.clock.now()
        while self._due and self._due[0][0] <= now:
            due, _, action = heapq.heappop(self._due)
            action(due)
        return now

    def balancer(self, load_balancer_id: str, region: str) -> LoadBalancer:
        """Return a load balancer of this region.

        :raises ApiError: there is none.
        """
        balancer = self.load_balancers.get(load_balancer_id)
        if balancer is None or balancer.region != region:
            raise ApiError("InvalidParameter.LBIdNotFound", f"The load balancer `{load_balancer_id}` is not found.")
        return balancer

    def check_free(self, balancer: LoadBalancer) -> None:
        """Check that no task is working on a load balancer.

        :raises ApiError: one is.
        """
        if self.clock.now() < balancer.locked_until:
            raise ApiError(
                "FailedOperation.ResourceInOperating",
                f"Loadbalancer({balancer.id}) is not in normal state, maybe some tasks are being processed, "
                "please try later.",
            )

    def start(self, balancer: LoadBalancer, operations: list[Operation], entry: Entry, twist: Twist) -> None:
        """Accept a write: its task works on the load balancer, locks it, and applies the operations at its end."""
        now = self.clock.now()
        due = now + (self.scenario.task_seconds if twist.seconds is None else twist.seconds)
        task = Task(entry["request_id"], balancer.id, unknown=twist.unknown)
        self.tasks[task.id] = task
        balancer.locked_until = due
        entry["accepted"] = True
        self.journal.event(now, "task_started", load_balancer_id=balancer.id, task_id=task.id, action=entry["action"])

        def finish(moment: float) -> None:
            self.apply(operations, moment, self.scenario.read_lag if twist.lag is None else twist.lag)
            task.status = DONE if twist.failure is None else FAILED
            task.message = twist.failure
            entry["applied_at"] = moment
            self.journal.event(
                moment, "task_finished", load_balancer_id=balancer.id, task_id=task.id, status=task.status
            )

        self._at(due, finish)
        self.settle()

    def lock(self, balancer: LoadBalancer, seconds: float) -> None:
        """Let another writer hold a load balancer for so many seconds from now."""
        now = self.clock.now()
        balancer.locked_until = max(balancer.locked_until, now + seconds)
        self.journal.event(now, "lock", load_balancer_id=balancer.id, until=balancer.locked_until)

    def apply(self, operations: Sequence[Operation], moment: float, lag: float = 0.0) -> None:
        """Carry out operations at a moment; reads see the old state for ``lag`` seconds more."""
        touched = {id(operation.pool): operation.pool for operation in operations}
        if lag:
            for pool in touched.values():
                pool.keep_stale(moment, moment + lag)
        alive_at = moment + self.health.after
        for operation in operations:
            self._apply(operation, alive_at)
        for pool in touched.values():
            self._sample(pool, moment)
        if self.health.after:
            for pool in {id(item.pool): item.pool for item in operations if item.verb == "register"}.values():
                self._at(alive_at, partial(self._sample, pool))

    def mark_health(self, **marks: Iterable[str]) -> None:
        """Change what health checks find, from now on; see Health.mark."""
        now = self.settle()
        self.health.mark(**marks)
        for pool in self._pools():
            self._sample(pool, now)

    def restart_journal(self) -> None:
        """Forget what happened, but note what is healthy now."""
        now = self.settle()
        self.journal.clear()
        for pool in self._pools():
            self._sample(pool, now)

    def state(self) -> list[dict[str, Any]]:
        """Return every binding there really is, flat."""
        return [
            {
                "load_balancer_id": balancer.id,
                "listener_id": pool.listener_id,
                "location_id": pool.location_id,
                "target": binding.label,
                "address": binding.addresses[0],
                "port": binding.port,
                "weight": binding.weight,
                "tag": binding.tag or "",
                "type": binding.type,
            }
            for balancer in self.load_balancers.values()
            for pool in balancer.pools
            for binding in pool
        ]

    def bind(self, pool: Pool, operation: Operation) -> None:
        """Put a binding in place at once, whatever was there, as if somebody else had."""
        existing = pool.find(operation.address, operation.port)
        if existing is not None:
            pool.remove(existing)
        self.apply([operation], self.settle())

    def _pools(self) -> Iterable[Pool]:
        for balancer in self.load_balancers.values():
            yield from balancer.pools

    def _at(self, moment: float, action: Callable[[float], None]) -> None:
        heapq.heappush(self._due, (moment, next(self._order), action))

    def _apply(self, operation: Operation, alive_at: float) -> None:
        # What is bound can have changed between the check and now, by somebody else's hand.
        pool, binding = operation.pool, operation.pool.find(operation.address, operation.port)
        if operation.verb == "register":
            if binding is None:
                pool.add(self._new_binding(operation, alive_at))
            elif self.scenario.reregister == "overwrite":
                binding.weight = operation.weight
        elif binding is not None:
            if operation.verb == "deregister":
                pool.remove(binding)
            elif operation.verb == "weight":
                binding.weight = operation.weight
            else:
                binding.tag = operation.tag

    def _new_binding(self, operation: Operation, alive_at: float) -> Binding:
        instance = operation.instance
        return Binding(
            addresses=(canonical_ip(operation.address),),
            port=operation.port,
            weight=operation.weight,
            tag=operation.tag,
            type="CVM" if instance else "ENI",
            instance_id=instance.id if instance else None,
            instance_name=instance.name if instance else None,
            zone=instance.zone if instance else None,
            public_ips=instance.public_ips if instance else None,
            spelling=operation.spelling,
            registered=iso(self.clock.wall()),
            alive_at=alive_at,
        )

    def _sample(self, pool: Pool, moment: float) -> None:
        self.journal.event(
            moment,
            "serving",
            listener_id=pool.listener_id,
            location_id=pool.location_id,
            serving=self.health.serving(pool, moment),
            bound=len(pool),
        )
