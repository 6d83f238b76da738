# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated cloud as the client shows it to the core, on a clock that passes only while the core sleeps.

What the cloud does is told by the emulator alone. Here is what lies between it and the core: calls and errors in the
client's terms, and how a test says which write meets which fault.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.outcome import Outcome, foresee, refuse
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.reconcile import (
    ApplyOptions,
    Reconciler,
    Shared,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import (
    ClbError,
    ConnectionFailed,
    GuardRefused,
    OutcomeUnknown,
    Refused,
    WaitTimeout,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.refusals import Remedy
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.guard import (
    Checked,
    check_guard,
    takes_capacity,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.plan import Goal, make_plan
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import Part
from clb_emulator.clock import VirtualClock
from clb_emulator.errors import ApiError, BrokenAnswer
from clb_emulator.inprocess import InProcess, scenario_of

from .builders import LB, Raw, refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.plan import Plan

WRITES = ("BatchRegisterTargets", "BatchModifyTargetWeight", "BatchModifyTargetTag", "BatchDeregisterTargets")
BUSY = "FailedOperation.ResourceInOperating"
INSTANCES = "10.1.0.0/16"
"""Where builders.ip_of puts instances."""

Rival = tuple[dict[str, str], str, "int | None"]
Fault = Union[Raw, ClbError]
"""What happens to one write: the emulator's order of a fault, or what the client raises before the call goes out."""


class Clock(VirtualClock):
    """Time that passes only in sleep()."""

    def budget(self, seconds: float = 300, grace: float = 30) -> Budget:
        return Budget(seconds, grace, clock=self.now, pause=self.sleep)


class Call(NamedTuple):
    """One call and when it came."""

    action: str
    params: Raw
    at: float


def order(kind: str, **settings: Any) -> Raw:
    """Order a fault of the emulator's; its README tells the kinds and their settings."""
    return {"kind": kind, **settings}


def unknown_outcome(apply: float = 1.0, **more: Any) -> Raw:
    """A connection that is cut behind a write, of which this share was carried out."""
    return order("cut_after", apply=apply, **more)


def refusal(code: str, api_message: str = "no") -> Raw:
    return order("error", code=code, message=api_message)


def send(emulator: InProcess, action: str, params: Mapping[str, Any]) -> Raw:
    """Make one call of the emulator; what goes wrong is raised as the client raises it."""
    try:
        return emulator.call(action, params)
    except ApiError as error:
        refusal = refused(error.code, error.message, action, error.request_id)
        if action in WRITES and refusal.remedy is Remedy.TRANSIENT:
            raise OutcomeUnknown(refusal.message, code=error.code, action=action) from error
        raise refusal from error
    except BrokenAnswer as error:
        if action in WRITES:
            raise OutcomeUnknown(str(error), code=ConnectionFailed.default_code, action=action) from error
        raise ConnectionFailed(str(error), action=action) from error


class FakeCloud:
    """One load balancer of an emulator.

    Args:
        listeners: as DescribeTargets answers them.
        task_seconds: how long a write works and holds the lock; it applies at the end.
        lag: seconds after that in which reads do not show it.
        bad: address -> refusal of every write that holds it.
        full: listener ID -> refusal of every register call that holds it.
        faults: what happens to the next writes that find the load balancer free, one each; None lets one pass.
        health: address -> Alive, Dead or Unknown, or (detail until, seconds, detail from then on); others are Alive.
        closed: listeners whose health check is off.
        fail_set: FailListenerIdSet where nothing failed: a list, null, or missing.
        latency: seconds that each answer takes.
        rivals: what somebody else does before each of our calls, one list a call: see `interfere`.
        emulator: one that has the load balancer already; `listeners`, times and shapes are its own.

    Attributes:
        read_faults: action -> what the client raises on the next reads, one each; None lets one pass.
        budget: the task's; like the client, the double starts nothing when it is used up.
        calls: all of them; `accepted` those that were answered.
        last_read: the listeners of the last answer to DescribeTargets.
    """

    def __init__(
        self,
        listeners: Iterable[Raw] = (),
        *,
        task_seconds: float = 1.0,
        lag: float = 0.0,
        bad: Mapping[str, Refused] | None = None,
        full: Mapping[str, Refused] | None = None,
        faults: Iterable[Fault | None] = (),
        health: Mapping[str, Any] | None = None,
        closed: Iterable[str] = (),
        fail_set: str = "list",
        latency: float = 0.0,
        rivals: Iterable[list[Rival]] = (),
        load_balancer_id: str = LB,
        emulator: InProcess | None = None,
    ) -> None:
        self.emulator = emulator or InProcess(
            scenario_of({load_balancer_id: list(listeners)}),
            clock=Clock(),
            numbered_instances=INSTANCES,
            health={"closed_listeners": list(closed)},
            task_seconds=task_seconds,
            read_lag=lag,
            latency=latency,
            fail_listener_set=fail_set,
        )
        self.load_balancer_id = load_balancer_id
        self.bad = dict(bad or {})
        self.full = dict(full or {})
        self.faults = deque(faults)
        self.read_faults: dict[str, deque[ClbError | None]] = defaultdict(deque)
        self.rivals = deque(rivals)
        self.budget: Budget | None = None
        self.calls: list[Call] = []
        self.accepted: list[Call] = []
        self.busy_answers = 0
        self.last_read: list[Raw] = []
        self.set_health(health or {})

    def read(self, action: str, params: Mapping[str, Any], *, last_attempt: bool = False) -> Raw:
        self._start(action, params, late=last_attempt)
        planned = self.read_faults[action]
        error = planned.popleft() if planned else None
        if error is not None:
            raise error
        answer = send(self.emulator, action, params)
        if action == "DescribeTargets":
            self.last_read = answer["Listeners"]
        return answer

    def write(self, action: str, params: Mapping[str, Any]) -> Raw:
        call = self._start(action, params)
        faults = self._next_faults() if self.clock.now() >= self.locked_until else []
        try:
            with self.emulator.faults_first(*faults):
                answer = send(self.emulator, action, params)
        except Refused as error:
            self.busy_answers += error.remedy is Remedy.WAIT_BUSY
            raise
        self.accepted.append(call)
        return answer

    def _start(self, action: str, params: Mapping[str, Any], *, late: bool = False) -> Call:
        if self.budget is not None and self.budget.remaining() <= 0 and not late:
            raise WaitTimeout(f"{self.budget.label} is over before {action} could be sent.")
        # What comes after the last read of the bindings can be in no result.
        if self.rivals and action != "DescribeListeners" and self.clock.now() >= self.locked_until:
            self.interfere(self.rivals.popleft())
        call = Call(action, dict(params), self.clock.now())
        self.calls.append(call)
        return call

    def _next_faults(self) -> list[Raw]:
        """What the next write meets: a bad target or a full listener, or else the first of `faults`."""
        planned = self.faults.popleft() if self.faults else None
        if isinstance(planned, ClbError):
            raise planned
        return [
            *_refusals("refuse_targets", "targets", self.bad),
            *_refusals("refuse_listeners", "listeners", self.full, action="BatchRegisterTargets"),
            *([] if planned is None else [planned]),
        ]

    @property
    def clock(self) -> Clock:
        clock = self.emulator.clock
        assert isinstance(clock, Clock)
        return clock

    @property
    def locked_until(self) -> float:
        """Until when a task works on the load balancer; setting it lets somebody else's do so."""
        return self.emulator.cloud.load_balancers[self.load_balancer_id].locked_until

    @locked_until.setter
    def locked_until(self, moment: float) -> None:
        self.change("lock", load_balancer_id=self.load_balancer_id, seconds=moment - self.clock.now())

    def change(self, name: str, **payload: Any) -> None:
        """Let somebody else change something at once; the emulator's README tells the changes."""
        self.emulator.change(name, payload)

    def set_health(self, health: Mapping[str, Any]) -> None:
        """Set the results of health checks; see the class's docstring."""
        for address, detail in health.items():
            early, moment, late = detail if isinstance(detail, tuple) else (detail, None, None)
            self.emulator.change("health", {early.lower(): [address]})
            if moment is not None:
                later = {"change": "health", "with": {late.lower(): [address]}, "delay": moment - self.clock.now()}
                self.emulator.add_events(later)

    def interfere(self, doings: Iterable[Rival]) -> None:
        """Let somebody else do something; it shows at once.

        Args:
            doings: each as place, address and weight; a weight of None unbinds, -1 gives it the tag "theirs".
        """
        for place, address, weight in doings:
            here = (place["ListenerId"], place.get("LocationId"), address, 80)
            is_bound = here in {one[:4] for one in self.bound()}
            part = {**place, "LoadBalancerId": self.load_balancer_id, "InstanceId": address, "Port": 80}
            if weight is None:
                if is_bound:
                    self.emulator.change("unbind", [part])
            elif not is_bound:
                self.emulator.change("bind", [{**part, "Weight": max(weight, 0)}])
            elif weight < 0:
                self.emulator.change("tag", [{**part, "Tag": "theirs"}])
            else:
                self.emulator.change("weight", [{**part, "Weight": weight}])

    def finish(self) -> None:
        """Let the task that works on the load balancer come to its end."""
        self.emulator.sleep(self.locked_until - self.clock.now())

    @property
    def request_ids(self) -> list[str]:
        """The request IDs of the writes that reached the cloud, refused ones included."""
        return [entry["request_id"] for entry in self.emulator.writes()]

    @property
    def actions(self) -> list[str]:
        """The actions called, in order."""
        return [call.action for call in self.calls]

    @property
    def writes(self) -> list[Call]:
        """The writes that were sent, refused ones included."""
        return [call for call in self.calls if call.action in WRITES]

    def count(self, action: str) -> int:
        return self.actions.count(action)

    @property
    def listeners(self) -> list[Raw]:
        """What is really bound, as DescribeTargets answers it."""
        return self.emulator.listeners(self.load_balancer_id)

    def bound(self) -> set[tuple[str, str | None, str, int, int, str]]:
        """What is really bound: listener, rule, address, port, weight, tag."""
        return self.emulator.bindings(self.load_balancer_id)

    def addresses(self, listener_id: str | None = None) -> set[str]:
        """The addresses that are bound, on one listener where one is named."""
        return {one[2] for one in self.bound() if listener_id in (None, one[0])}


def _refusals(kind: str, key: str, reasons: Mapping[str, Refused], **more: str) -> Iterable[Raw]:
    """Order refusals, one for all names that are refused with the same words."""
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, why in reasons.items():
        names[why.code, why.api_message].append(name)
    for (code, message), refused_names in names.items():
        yield order(kind, code=code, message=message, **{key: refused_names}, **more)


def _address(part: Raw) -> str:
    address: str = part.get("InstanceId") or part["EniIp"]
    return address


def _parts(params: Mapping[str, Any]) -> Iterable[Raw]:
    """The targets of a write, each with its listener and rule."""
    yield from params.get("Targets", ())
    for entry in params.get("ModifyList", ()):
        where = {key: entry[key] for key in ("ListenerId", "LocationId") if key in entry}
        yield from ({**where, **one} for one in entry["Targets"])


def addresses_in(call: Call) -> list[str]:
    """Whose bindings a write is about, in its order."""
    return [_address(part) for part in _parts(call.params)]


def bindings_in(call: Call) -> set[tuple[str, str | None, str]]:
    """Listener, rule and address of each binding that a write is about."""
    return {(part["ListenerId"], part.get("LocationId"), _address(part)) for part in _parts(call.params)}


@dataclass
class Run:
    """A plan that was carried out on a cloud."""

    cloud: FakeCloud
    plan: Plan
    outcome: Outcome

    @property
    def part(self) -> Part:
        """As the report takes it."""
        return Part(LB, None, self.plan, self.outcome, self.outcome.error)

    def failed(self) -> dict[str, str]:
        """Address -> code of every change that is not in place."""
        return {one.backend.address: failure.code for one, failure in self.outcome.failures.items()}


def reconcile(
    cloud: FakeCloud,
    entries: Iterable[Raw],
    *,
    state: str = "present",
    purge: bool = False,
    check: bool = False,
    seconds: float = 300,
    **options: Any,
) -> Run:
    """What the module does after it has connected: read, plan, carry out."""
    clb = Clb(cloud)
    cloud.budget = budget = cloud.clock.budget(seconds)
    how = ApplyOptions(**options)
    goal = Goal(state, parse_entries(list(entries), selectors=state != "present"), purge)
    plan = make_plan(goal, clb.describe_targets(LB))
    checked = None
    if how.min_healthy and takes_capacity(plan.changes):
        at = budget.now()
        checked = Checked(clb.describe_target_health([LB])[LB], at)
        try:
            check_guard(plan.snapshot, plan.changes, checked.health, how.min_healthy, count_gains=how.wait_for_health)
        except GuardRefused as error:
            return Run(cloud, plan, refuse(plan, error, "Not sent: the task stopped with GuardRefused."))
    if check:
        return Run(cloud, plan, foresee(plan))
    return Run(cloud, plan, Reconciler(plan, clb, LB, how, Shared(budget), checked).run())
