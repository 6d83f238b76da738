# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated cloud: its load balancers, and the tasks that change them.

Nothing here waits. ``settle`` does everything that is due, in the right order, each with the time at which it was due.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from .alterations import Alterations
from .busy import BusyReplies
from .clock import Clock, iso
from .errors import ApiError
from .events import Events
from .faults import Faults
from .journal import Journal
from .looks import Looks
from .model import Binding, LoadBalancer, Pool, canonical_ip, short_hash
from .rate import RateLimiter
from .served import Served

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .accounts import Accounts
    from .journal import Entry
    from .operations import Operation
    from .scenario import Scenario

DONE, FAILED, RUNNING = 0, 1, 2
"""``Status`` in the answer to DescribeTaskStatus."""


@dataclass
class Task:
    """A write that takes time.

    :param status: DONE, FAILED or RUNNING.
    :param unknown: DescribeTaskStatus denies it, with ``unknown_code``; None: with the code that the settings say.
    """

    id: str
    load_balancer_id: str
    status: int = RUNNING
    message: str | None = None
    unknown: bool = False
    unknown_code: str | None = None


@dataclass(frozen=True)
class TaskOverrides:
    """What a fault changes about a task.

    :param seconds: how long it takes; None: as long as the settings say.
    :param lag: seconds by which reads lag behind it; None: as the settings say.
    :param failure: the message with which it fails; None: it does not fail.
    :param unknown: DescribeTaskStatus denies it, with ``unknown_code``; None: with the code that the settings say.
    """

    seconds: float | None = None
    lag: float | None = None
    failure: str | None = None
    unknown: bool = False
    unknown_code: str | None = None


class Cloud:
    """State and time of the emulated cloud; a scenario describes its start.

    :param clock: whose time it is; None: the machine's clock, ahead by the scenario's ``clock_offset``.
    :raises ValueError: the scenario orders a fault or an event that means nothing.
    """

    def __init__(self, scenario: Scenario, clock: Clock | None = None) -> None:
        self.scenario = scenario
        self.settings = scenario.settings
        self.clock = Clock(scenario.settings.clock_offset) if clock is None else clock
        self.load_balancers = {balancer.id: balancer for balancer in scenario.load_balancers}
        self.instances = scenario.instances
        self.accounts: Accounts = scenario.accounts
        self.health = scenario.health
        self.rate = RateLimiter(scenario.settings)
        self.faults: Faults = Faults()
        self.faults.add(scenario.faults)
        self.events = Events(self)
        self.looks = Looks(scenario.settings)
        self.alterations = Alterations()
        self.journal = Journal()
        self.tasks: dict[str, Task] = {}
        self._busy = BusyReplies()
        self.served = Served(self.journal, self.health, self.load_balancers)
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = count()
        self.restart_journal()
        self.events.add(scenario.events)

    def settle(self) -> float:
        """Do everything that is due by now; return the present moment (seconds since the start)."""
        now = self.clock.now()
        while self._due and self._due[0][0] <= now:
            due, _, action = heapq.heappop(self._due)
            action(due)
        return now

    def at(self, moment: float, action: Callable[[float], None]) -> None:
        """Call ``action`` at a moment (seconds since the start), with that moment as its argument."""
        heapq.heappush(self._due, (moment, next(self._order), action))

    def configure(self, raw: Mapping[str, Any]) -> None:
        """Change settings from now on.

        :param raw: keys as in a scenario.
        :raises ValueError: a key or value that means nothing; then nothing is changed.
        """
        self.settings.change(raw)
        for balancer in self.load_balancers.values():
            for pool in balancer.pools:
                pool.forget_json()
        self.clock.offset = self.settings.clock_offset

    def balancer(self, load_balancer_id: str, region: str) -> LoadBalancer:
        """Return a load balancer of this region.

        :raises ApiError: there is none.
        """
        balancer = self.load_balancers.get(load_balancer_id)
        if balancer is None or balancer.region != region:
            raise ApiError(
                "InvalidParameter.LBIdNotFound",
                f"The load balancer `{load_balancer_id}` is not found.",
                situation="unknown_load_balancer",
            )
        return balancer

    def application_balancer(self, load_balancer_id: str, region: str) -> LoadBalancer:
        """Return a load balancer of this region that is not a classic one.

        :raises ApiError: there is none, or it is a classic one.
        """
        balancer = self.balancer(load_balancer_id, region)
        if not balancer.forward:
            raise ApiError(
                self.settings.classic_code,
                f"The classic load balancer `{load_balancer_id}` does not support this action.",
            )
        return balancer

    def busy_refusal(
        self, load_balancer_id: str, style: str | None = None, code: str | None = None, message: str | None = None
    ) -> ApiError:
        """Return the refusal of a call because something is working on a load balancer.

        :param style: one of busy.STYLES; None: as the settings say.
        :param code: given, it replaces that of the style; so does ``message``.
        """
        styles = self.settings.busy_style if style is None else (style,)
        return self._busy.refusal(load_balancer_id, styles, code, message)

    def check_free(self, balancer: LoadBalancer) -> None:
        """Check that no task is working on a load balancer.

        :raises ApiError: one is.
        """
        if self.clock.now() < balancer.locked_until:
            raise self.busy_refusal(balancer.id)

    def start(
        self,
        balancer: LoadBalancer,
        operations: list[Operation],
        entry: Entry,
        overrides: TaskOverrides,
        *,
        is_task: bool = True,
    ) -> float:
        """Accept a write, which locks the load balancer while it works and applies the operations at its end.

        :param is_task: it runs behind the answer, and DescribeTaskStatus knows it. Otherwise it is done before the
            answer goes out.
        :returns: seconds by which the answer has to wait.
        """
        settings = self.settings
        now = self.clock.now()
        usual = settings.task_seconds if is_task else settings.batch_seconds
        seconds = usual if overrides.seconds is None else overrides.seconds
        task = Task(entry["request_id"], balancer.id, unknown=overrides.unknown, unknown_code=overrides.unknown_code)
        if is_task:
            self.tasks[task.id] = task
        due = now + seconds
        balancer.locked_until = due + settings.lock_after
        entry["accepted"] = True
        self.journal.event(now, "task_started", load_balancer_id=balancer.id, task_id=task.id, action=entry["action"])

        def finish(moment: float) -> None:
            self.apply(operations, moment, settings.read_lag if overrides.lag is None else overrides.lag)
            task.status = DONE if overrides.failure is None else FAILED
            task.message = overrides.failure
            self.served.note_applied(balancer, moment, entry)
            self.journal.event(
                moment, "task_finished", load_balancer_id=balancer.id, task_id=task.id, status=task.status
            )

        self.at(due, finish)
        self.settle()
        return 0.0 if is_task else seconds

    def lock(self, balancer: LoadBalancer, seconds: float, moment: float) -> None:
        """Let another writer lock a load balancer for ``seconds``, from a moment on."""
        balancer.locked_until = max(balancer.locked_until, moment + seconds)
        self.journal.event(moment, "lock", load_balancer_id=balancer.id, until=balancer.locked_until)

    def apply(self, operations: Sequence[Operation], moment: float, lag: float = 0.0) -> None:
        """Carry out operations at a moment; reads see the old state for ``lag`` seconds more."""
        touched = {id(operation.pool): operation.pool for operation in operations}
        if lag:
            for pool in touched.values():
                pool.keep_stale(moment, moment + lag)
        alive_at = moment + self.health.after
        registered = iso(self.clock.wall())
        for operation in operations:
            self._apply(operation, alive_at, registered)
        for pool in touched.values():
            self.served.sample(pool, moment)
        if self.health.after:
            for pool in {id(item.pool): item.pool for item in operations if item.verb == "register"}.values():
                self.at(alive_at, partial(self.served.sample, pool))

    def restart_journal(self) -> None:
        """Clear the journal, and write into it what is healthy now."""
        now = self.settle()
        self.journal.clear()
        self.served.sample_all(now)

    def state(self) -> list[dict[str, Any]]:
        """Return every binding as a flat list, without any lag; ``in_traffic``: it gets new clients now."""
        now = self.clock.now()
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
                "in_traffic": in_traffic,
            }
            for balancer in self.load_balancers.values()
            for pool in balancer.pools
            for binding, in_traffic in zip(pool, self.health.in_traffic(pool, now))
        ]

    def bind(self, pool: Pool, operation: Operation, moment: float) -> None:
        """Bind a target at a moment, as another writer would; an existing binding is replaced."""
        existing = pool.find(operation.address, operation.port)
        if existing is not None:
            pool.remove(existing)
        self.apply([operation], moment)

    def _apply(self, operation: Operation, alive_at: float, registered: str) -> None:
        # Another writer may have changed the bindings since the call was checked.
        pool, binding = operation.pool, operation.pool.find(operation.address, operation.port)
        if operation.verb == "register":
            if binding is None:
                pool.add(_new_binding(operation, self, alive_at, registered))
            else:
                pool.update(binding, **_overwritten(operation, self.settings.reregister))
        elif binding is not None:
            if operation.verb == "deregister":
                pool.remove(binding)
            elif operation.verb == "weight":
                pool.update(binding, weight=operation.weight)
            else:
                pool.update(binding, tag=operation.tag)


def _overwritten(operation: Operation, reregister: str) -> dict[str, Any]:
    """Return what registering again changes of a binding."""
    changed = {"overwrite": ("weight",), "overwrite_tag": ("tag",), "overwrite_all": ("weight", "tag")}
    return {name: getattr(operation, name) for name in changed.get(reregister, ())}


def _new_binding(operation: Operation, cloud: Cloud, alive_at: float, registered: str) -> Binding:
    instance = operation.instance
    usual = cloud.settings.ipv6_type if ":" in operation.address else "ENI"
    kind = "CVM" if instance else cloud.instances.type_at(operation.address, usual)
    identity = f"ins-{short_hash(operation.address)}" if kind.upper() == "CVM" else None
    return Binding(
        addresses=(canonical_ip(operation.address),),
        port=operation.port,
        weight=operation.weight,
        tag=operation.tag,
        type=kind,
        instance_id=instance.id if instance else identity,
        instance_name=instance.name if instance else None,
        zone=instance.zone if instance else None,
        public_ips=instance.public_ips if instance else None,
        spelling=operation.spelling,
        registered=registered,
        alive_at=alive_at,
        shown=None if instance else cloud.instances.interface(operation.address),
    )
