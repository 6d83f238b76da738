# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cloud as the client shows it to the core, on a clock that passes only while the core sleeps."""

from __future__ import annotations

import copy
import itertools
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.outcome import Outcome, foresee, refuse
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.reconcile import (
    ApplyOptions,
    Checked,
    Reconciler,
    Shared,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.guard import check_guard, takes_capacity
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.plan import Goal, make_plan
from ansible_collections.tencentcloud.clb.plugins.module_utils._budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._errors import (
    ClbError,
    GuardRefused,
    OutcomeUnknown,
    Refused,
    WaitTimeout,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._report import Part

from .builders import LB, instance_at, ip_of, refused, target

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.plan import Plan

    from .builders import Raw

WRITES = ("BatchRegisterTargets", "BatchModifyTargetWeight", "BatchModifyTargetTag", "BatchDeregisterTargets")
Rival = tuple[dict[str, str], str, "int | None"]
BUSY = "FailedOperation.ResourceInOperating"


class Clock:
    """Time that passes only in sleep()."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            # No real sleep is so short that the clock does not move, as a float's rounding would have it.
            self.seconds += max(seconds, 1e-6)

    def budget(self, seconds: float = 300, grace: float = 30) -> Budget:
        return Budget(seconds, grace, clock=self.now, pause=self.sleep)


class Call(NamedTuple):
    """One call and when it came."""

    action: str
    params: Raw
    at: float


@dataclass
class Fault:
    """What happens to one write.

    Args:
        raises: instead of an answer.
        applied: share of the call's targets that take effect all the same, from the front.
        fail_listeners: answered in FailListenerIdSet; nothing of them is applied.
        task_fails: the task's message; what it applies is told by `applied`.
        task_unknown: DescribeTaskStatus refuses to know the task, with this code.
        seconds: how long the task takes; None for the usual time.
    """

    raises: ClbError | None = None
    applied: float = 1.0
    fail_listeners: tuple[str, ...] = ()
    message: str = ""
    task_fails: str | None = None
    task_unknown: str | None = None
    seconds: float | None = None


def unknown_outcome(applied: float = 1.0, **more: Any) -> Fault:
    """A connection that is cut, or a torn answer."""
    return Fault(OutcomeUnknown("the connection was cut", code="ConnectionFailed"), applied, **more)


def refusal(code: str, api_message: str = "no") -> Fault:
    return Fault(refused(code, api_message), applied=0)


@dataclass
class _Task:
    ends: float
    fault: Fault


@dataclass
class FakeCloud:
    """One load balancer. A write applies at once and shows to reads when its task has ended and `lag` has passed.

    Args:
        listeners: as DescribeTargets answers them.
        task_seconds: how long a write holds the lock.
        lag: seconds after its task in which a write does not show.
        bad: address -> refusal of every call that holds it.
        full: listener ID -> refusal of every register call that holds it.
        faults: what happens to the next writes, one each; None lets one pass.
        read_faults: action -> what the next reads raise, one each; None lets one pass.
        health: address -> detail, or (detail until, seconds, detail from then on); others are Alive.
        fail_set: FailListenerIdSet where nothing failed: a list, None, or missing.
        latency: seconds that each call takes.
        rivals: what somebody else does before each of our calls, one list a call: see `interfere`.
        budget: the task's; like the client, the cloud's double starts nothing when it is used up.
    """

    listeners: list[Raw]
    task_seconds: float = 1.0
    lag: float = 0.0
    bad: dict[str, Refused] = field(default_factory=dict)
    full: dict[str, Refused] = field(default_factory=dict)
    faults: deque[Fault | None] = field(default_factory=deque)
    read_faults: dict[str, deque[ClbError | None]] = field(default_factory=lambda: defaultdict(deque))
    health: dict[str, Any] = field(default_factory=dict)
    fail_set: str = "list"
    latency: float = 0.0
    rivals: deque[list[Rival]] = field(default_factory=deque)
    budget: Budget | None = None
    clock: Clock = field(default_factory=Clock)
    calls: list[Call] = field(default_factory=list)
    accepted: list[Call] = field(default_factory=list)
    busy_answers: int = 0
    last_read: list[Raw] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.listeners = copy.deepcopy(self.listeners)
        self._shown: list[tuple[float, list[Raw]]] = [(0.0, copy.deepcopy(self.listeners))]
        self._tasks: dict[str, _Task] = {}
        self._numbers = itertools.count(1)
        self.locked_until = 0.0

    def read(self, action: str, params: Mapping[str, Any], *, last_attempt: bool = False, patient: bool = False) -> Raw:
        self._arrive(action, params, started_late=last_attempt)
        planned = self.read_faults[action]
        error = planned.popleft() if planned else None
        if error is not None:
            raise error
        if action == "DescribeTargets":
            self.last_read = self._visible(params.get("ListenerIds"))
            return {"Listeners": copy.deepcopy(self.last_read), "RequestId": "r-read"}
        if action == "DescribeTargetHealth":
            return {"LoadBalancers": [{"LoadBalancerId": LB, "Listeners": self._health()}], "RequestId": "r-health"}
        if action == "DescribeListeners":
            chosen = [one for one in self.listeners if one["ListenerId"] in params["ListenerIds"]]
            types = [{"ListenerId": one["ListenerId"], "TargetType": "NODE", "Rules": None} for one in chosen]
            return {"Listeners": types, "TotalCount": len(types), "RequestId": "r-listeners"}
        assert action == "DescribeTaskStatus", action
        return self._status(params["TaskId"])

    def write(self, action: str, params: Mapping[str, Any]) -> Raw:
        busy = refused(BUSY, "some tasks are being processed", action)
        self._arrive(action, copy.deepcopy(dict(params)))
        if self.clock.now() < self.locked_until:
            self.busy_answers += 1
            raise busy
        fault = (self.faults.popleft() if self.faults else None) or Fault()
        parts = list(_parts(params))
        self._check(action, parts)
        applied = [one for one in parts if one["ListenerId"] not in fault.fail_listeners]
        applied = applied[: round(len(applied) * fault.applied)]
        for part in applied:
            self._apply(action, part)
        request_id = f"r-{next(self._numbers)}"
        if applied or fault.raises is None:
            self._begin(request_id, action, fault)
        if fault.raises is not None:
            raise fault.raises
        self.accepted.append(self.calls[-1])
        failed: Raw = {"FailListenerIdSet": list(fault.fail_listeners), "Message": fault.message}
        if not fault.fail_listeners:
            failed = {"list": failed, "null": {"FailListenerIdSet": None}, "missing": {}}[self.fail_set]
        return {**failed, "RequestId": request_id}

    def _arrive(self, action: str, params: Mapping[str, Any], *, started_late: bool = False) -> None:
        if self.budget is not None and self.budget.remaining() <= 0 and not started_late:
            raise WaitTimeout(f"{self.budget.label} is over before {action} could be sent.")
        self.clock.sleep(self.latency)
        # What comes after the last read of the bindings can be in no result.
        if self.rivals and action != "DescribeListeners" and self.clock.now() >= self.locked_until:
            self.interfere(self.rivals.popleft())
        self.calls.append(Call(action, dict(params), self.clock.now()))

    def _begin(self, request_id: str, action: str, fault: Fault) -> None:
        seconds = self.task_seconds if fault.seconds is None else fault.seconds
        if action == "BatchModifyTargetTag":
            seconds = 0.0
        self.locked_until = self.clock.now() + seconds
        self._tasks[request_id] = _Task(self.locked_until, fault)
        self.show()

    def show(self) -> None:
        """Let reads see the present state, once the running task has ended and the lag has passed."""
        self._shown.append((max(self.locked_until, self.clock.now()) + self.lag, copy.deepcopy(self.listeners)))

    def interfere(self, doings: Iterable[Rival]) -> None:
        """Let somebody else do something; it shows at once.

        Args:
            doings: each as place, address and weight; a weight of None unbinds, -1 gives it the tag "theirs".
        """
        for place, address, weight in doings:
            part = {**place, "InstanceId": address, "Port": 80}
            bound = self._find(part)
            if weight is None:
                if bound is not None:
                    self._place(part)["Targets"].remove(bound)
            elif bound is None:
                self._apply("BatchRegisterTargets", {**part, "Weight": max(weight, 0)})
            else:
                bound.update({"Tag": "theirs"} if weight < 0 else {"Weight": weight})
            self.show()

    def _check(self, action: str, parts: Iterable[Raw]) -> None:
        for part in parts:
            why = self.bad.get(_address(part))
            if why is None and action == "BatchRegisterTargets":
                why = self.full.get(part["ListenerId"])
            if why is not None:
                raise why
            if action != "BatchRegisterTargets" and self._find(part) is None:
                raise refused("InvalidParameter", f"{_address(part)} is not bound", action)

    def _place(self, part: Raw) -> Raw:
        listener = next(one for one in self.listeners if one["ListenerId"] == part["ListenerId"])
        if part.get("LocationId") is None:
            assert listener["Rules"] is None, "a layer-7 listener takes targets in its rules"
            return listener
        return next(one for one in listener["Rules"] if one["LocationId"] == part["LocationId"])

    def _find(self, part: Raw) -> Raw | None:
        address = _address(part)
        desired = ip_of(address) if address.startswith("ins-") else address
        for bound in self._place(part)["Targets"]:
            if desired in bound["PrivateIpAddresses"] and bound["Port"] == part["Port"]:
                found: Raw = bound
                return found
        return None

    def _apply(self, action: str, part: Raw) -> None:
        bound = self._find(part)
        targets = self._place(part)["Targets"]
        if action == "BatchRegisterTargets":
            if bound is None:
                targets.append(target(_address(part), part["Port"], part.get("Weight", 10), part.get("Tag", "")))
        elif action == "BatchDeregisterTargets":
            targets.remove(bound)
        elif bound is not None:
            key = "Weight" if action == "BatchModifyTargetWeight" else "Tag"
            bound[key] = part[key]

    def _visible(self, listener_ids: Iterable[str] | None) -> list[Raw]:
        now = self.clock.now()
        state = [listeners for since, listeners in self._shown if since <= now][-1]
        if listener_ids is None:
            return copy.deepcopy(state)
        known = {one["ListenerId"] for one in state}
        if not known.issuperset(listener_ids):
            raise refused("InvalidParameter.ListenerIdNotFound", "no such listener", "DescribeTargets")
        return [copy.deepcopy(one) for one in state if one["ListenerId"] in set(listener_ids)]

    def _status(self, task_id: str) -> Raw:
        task = self._tasks[task_id]
        if task.fault.task_unknown is not None:
            raise refused(task.fault.task_unknown, "no such task", "DescribeTaskStatus")
        if self.clock.now() < task.ends:
            return {"Status": 2, "Message": None}
        if task.fault.task_fails is not None:
            return {"Status": 1, "Message": task.fault.task_fails}
        return {"Status": 0, "Message": None}

    def _health(self) -> list[Raw]:
        listeners = []
        for listener in self.listeners:
            places = listener["Rules"] if listener["Rules"] is not None else [listener]
            rules = [
                {
                    "LocationId": place.get("LocationId", ""),
                    "Domain": place.get("Domain"),
                    "Url": place.get("Url"),
                    "Targets": [self._target_health(one) for one in place["Targets"]],
                }
                for place in places
            ]
            listeners.append({"ListenerId": listener["ListenerId"], "Protocol": listener["Protocol"], "Rules": rules})
        return listeners

    def _target_health(self, bound: Raw) -> Raw:
        address = bound["PrivateIpAddresses"][0]
        detail = self.health.get(address) or self.health.get(instance_at(address) or "", "Alive")
        if isinstance(detail, tuple):
            early, seconds, late = detail
            detail = early if self.clock.now() < seconds else late
        return {
            "IP": address,
            "Port": bound["Port"],
            "TargetId": bound["InstanceId"] or address,
            "HealthStatus": detail in ("Alive", "Close"),
            "HealthStatusDetail": detail,
        }

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

    def bound(self) -> set[tuple[str, str | None, str, int, int, str]]:
        """What is really bound: listener, rule, address, port, weight, tag."""
        return {
            (
                listener["ListenerId"],
                place.get("LocationId"),
                instance_at(one["PrivateIpAddresses"][0]) or one["PrivateIpAddresses"][0],
                one["Port"],
                one["Weight"],
                one["Tag"],
            )
            for listener in self.listeners
            for place in (listener["Rules"] if listener["Rules"] is not None else [listener])
            for one in place["Targets"]
        }

    def addresses(self, listener_id: str | None = None) -> set[str]:
        """The addresses that are bound, on one listener where one is named."""
        return {one[2] for one in self.bound() if listener_id in (None, one[0])}


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
