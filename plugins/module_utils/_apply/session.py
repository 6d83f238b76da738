# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send calls to one load balancer, follow their tasks, and read their effect."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Union

from .._api.members import ACTIONS
from .._base import pace
from .._base.budget import Patience
from .._base.errors import ClbError, NotSent, OutcomeUnknown, Refused, UnhealthyTimeout, WaitTimeout
from .._base.refusals import Remedy
from .._bindings.change import ChangeKind
from .._bindings.plan import plan_rest
from .ledger import TASK_FAILED, Failure, Ledger, may_send, pending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .._api.clb import Accepted, Clb
    from .._base.budget import Budget
    from .._bindings.change import Change
    from .._bindings.health import HealthSnapshot
    from .._bindings.plan import Plan, Remaining
    from .._bindings.snapshot import Snapshot
    from .memory import Memory

MAX_EXTRA_CALLS = 64
"""Calls that narrowing may add in one task."""

Words = tuple[str, str]
"""Code and text of a refusal, without the parts that differ from call to call."""


class TaskTimes:
    """The duration of the cloud's tasks.

    :param probes: writes that find it out for all load balancers; None: each write does, until it is known.
    """

    def __init__(self, probes: int | None = None) -> None:
        self._probes = None if probes is None else threading.Semaphore(probes)
        self._learnt = threading.Event()
        self.shared = probes is not None
        self.seconds: float | None = None
        """The latest took so long at most; 0.0 where a write is applied before it is answered, None: not known yet."""

    def learn(self, seconds: float) -> None:
        """Remember the seconds after which a task was seen to have ended."""
        self.seconds = seconds
        self._learnt.set()

    def find(self, budget: Budget) -> float | None:
        """The duration, once the first writes have found it out; None: the caller has to."""
        if self.seconds is None and self._probes is not None and not self._probes.acquire(blocking=False):
            self._learnt.wait(min(pace.LEARN_SECONDS, budget.remaining()))
        return self.seconds


@dataclass(frozen=True)
class Shared:
    """The state that the load balancers of one task share, in threads.

    :param memory: remembers bindings on disk before they are changed; None: nothing does.
    :param extra_calls: those that narrowing may still add.
    :param met: the words of all refusals that were narrowed, on any load balancer.
    :param general: those of them that concern no single change.
    """

    budget: Budget
    times: TaskTimes = field(default_factory=TaskTimes)
    memory: Memory | None = None
    extra_calls: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(MAX_EXTRA_CALLS))
    met: set[Words] = field(default_factory=set)
    general: set[Words] = field(default_factory=set)


class Sent(Enum):
    """The end of a call that was not refused."""

    ACCEPTED = "accepted"
    READ_AGAIN = "read again"
    """It went out, and the snapshot is newer than the plan: compare again before the next call goes out."""
    POSTPONED = "postponed"
    """It was not applied, because the load balancer was busy or a guard has to be checked again: compare again."""


Answer = Union[Sent, Refused]


class _OpenTask(NamedTuple):
    """A task that may still be running."""

    changes: Sequence[Change]
    action: str
    request_id: str
    since: float


class Session:
    """One load balancer in one task: sends calls, one at a time, and reads their effect."""

    def __init__(self, plan: Plan, clb: Clb, load_balancer_id: str, shared: Shared) -> None:
        self.plan = plan
        self.clb = clb
        self.load_balancer_id = load_balancer_id
        self.shared = shared
        self.ledger = Ledger(shared.budget.now)
        self.snapshot = plan.snapshot
        """As last read."""
        self.stale = False
        """A call went out, or its task ended, since the last read."""
        self.waits = 0
        """Waits so far, except those for the end of the last call."""
        self.last_answer: ClbError | None = None
        """The answer to the latest write, if it was not accepted: it explains why time ran out."""
        self.warnings: list[str] = []
        self._budget = shared.budget
        self._listener_ids = plan.snapshot.listener_ids
        self._open: _OpenTask | None = None
        self._busy_waits = pace.BUSY.delays()

    # -- reads and waits

    def read(self, *, last_attempt: bool = False) -> Snapshot:
        """Read the bindings, and learn from them.

        :param last_attempt: send once, even in the budget's grace.
        :raises ClbError: it can't be read.
        """
        started = self._budget.now()
        try:
            snapshot = self.clb.describe_targets(self.load_balancer_id, self._listener_ids, last_attempt=last_attempt)
        except Refused as refusal:
            if self._listener_ids is None or refusal.remedy is not Remedy.NARROW:
                raise
            # A listener of the filter is gone: the whole load balancer shows which.
            self._listener_ids = None
            return self.read(last_attempt=last_attempt)
        self.snapshot, self.stale = snapshot, False
        self.ledger.observe(snapshot, started)
        return snapshot

    def read_health(self) -> HealthSnapshot:
        """Read the health of every target of this load balancer."""
        return self.clb.describe_target_health([self.load_balancer_id])[self.load_balancer_id]

    def sleep(self, seconds: float, waiting_for: str) -> None:
        """Sleep within the budget; raises WaitTimeout at its end."""
        self.waits += 1
        self._budget.sleep(seconds, waiting_for)

    def read_until(
        self, done: Callable[[], bool], waiting_for: str, at_most: float = math.inf, *, at_once: bool = True
    ) -> bool:
        """Read until a condition holds; False where it does not within so many seconds.

        :param at_once: read for the first time without a wait.
        :raises WaitTimeout: the budget is used up.
        """
        for waited in self._budget.polls(pace.READ_BACK, waiting_for, at_once=at_once, at_most=at_most):
            self.waits += waited > 0
            self.read()
            if done():
                return True
        return False

    def settle(self) -> None:
        """Read until all accepted changes show, or a lag of the reads can't be why they do not."""
        self.follow(another_call_follows=False)
        if not self.stale and not pending(self.ledger):
            return
        if self._open is not None:
            self.read()
            if not pending(self.ledger):
                return
            self._poll(self._open, pace.LAST_TASK)
        waiting_for = f"{len(pending(self.ledger))} accepted changes to show in DescribeTargets"
        self.read_until(lambda: not pending(self.ledger), waiting_for)

    def explain(self, error: ClbError) -> ClbError:
        """Add to a time-out the answer that kept the task waiting."""
        if not isinstance(error, WaitTimeout) or isinstance(error, UnhealthyTimeout) or error.last is not None:
            return error
        return WaitTimeout(error.message, last=self.last_answer)

    # -- writes

    def send(
        self, changes: Sequence[Change], *, another_call_follows: bool, guard_before_resend: bool = False
    ) -> Answer:
        """Send one call.

        :param changes: of one kind, within the limits of the API.
        :param another_call_follows: it needs this one's task to have ended.
        :param guard_before_resend: do not send after a wait: the guard has to be checked again first.
        :returns: a refusal that is not about this moment only.
        :raises ClbError: the task can't go on.
        """
        patience, unsent = Patience(self._budget), pace.UNSENT.delays()
        while True:
            self._remember(changes)
            try:
                answer = self.clb.write(self.load_balancer_id, changes)
            except OutcomeUnknown as unknown:
                self.stale, self.last_answer = True, unknown
                self.ledger.doubt(changes, Failure.of(unknown))
                self.read_until(lambda: set(changes).isdisjoint(pending(self.ledger)), "the outcome of a call to show")
                if all(change.in_place(self.snapshot) for change in changes):
                    self.last_answer = None
                return Sent.READ_AGAIN
            except NotSent as fault:
                if not patience.left():
                    raise
                self.last_answer = fault
                self.sleep(next(unsent), "another attempt")
            except Refused as refusal:
                if refusal.remedy is not Remedy.WAIT_THROTTLED:
                    return self._after_refusal(refusal, changes, until_changed=guard_before_resend)
                self.last_answer = refusal
                # The client has waited out the pause.
                self.waits += 1
            else:
                return self._accept(answer, changes, another_call_follows)
            if guard_before_resend:
                return Sent.POSTPONED

    def _remember(self, changes: Sequence[Change]) -> None:
        """Note bindings before a call changes them, on disk too where the task has a restore file."""
        self.ledger.formers.note(changes)
        if self.shared.memory is not None:
            from .._bindings.remembered import asked_of, formers  # noqa: PLC0415 - few tasks have a restore file

            changed = ((change, self.ledger.formers.of(change)) for change in changes)
            self.shared.memory.remember(formers(self.load_balancer_id, asked_of(self.plan), changed))

    def _after_refusal(self, refusal: Refused, changes: Sequence[Change], *, until_changed: bool) -> Answer:
        """Wait while the load balancer is busy, a guarded task until somebody's write shows; return other refusals."""
        if refusal.remedy is not Remedy.WAIT_BUSY:
            # A target that somebody else has unbound meanwhile is no failure: the last read shows it.
            self.stale |= refusal.remedy is Remedy.FATAL and changes[0].kind is ChangeKind.DEREGISTER
            return refusal
        self.last_answer = refusal
        self.ledger.still_running()
        if self.shared.times.seconds == 0 and self.ledger.request_ids:
            # A call that was applied at once still held the load balancer: the next one has to wait a little.
            self.shared.times.learn(pace.FIRST_LOOK_SECONDS)
        before, started = self.snapshot.bindings, self._budget.now()
        while True:
            self.sleep(next(self._busy_waits), "the load balancer")
            self.read()
            waited = self._budget.now() - started
            if not until_changed or self.snapshot.bindings != before or waited >= pace.LEARN_SECONDS:
                return Sent.POSTPONED

    def _accept(self, answer: Accepted, changes: Sequence[Change], another_call_follows: bool) -> Answer:
        action = ACTIONS[changes[0].kind]
        self._busy_waits = pace.BUSY.delays()
        self.last_answer, self.stale = None, True
        named = [change for change in changes if change.pool.listener_id in answer.failed_listeners]
        others = [change for change in changes if change.pool.listener_id not in answer.failed_listeners]
        self.ledger.accept(others, answer.request_id)
        if named:
            message = answer.message or "The API names this listener in FailListenerIdSet, without a reason."
            self.ledger.reject_listener(named, Failure("FailListenerIdSet", message, action, answer.request_id))
        if changes[0].kind is ChangeKind.TAG:
            # BatchModifyTargetTag is synchronous: it has no task.
            self.ledger.task_ended(changes)
        else:
            self._open = _OpenTask(changes, action, answer.request_id or "", self._budget.now())
            if another_call_follows or named:
                # A listener that is named may still show a part of the call: its lag counts from the end of the task.
                self.follow(another_call_follows=True)
        if not named:
            return Sent.ACCEPTED
        self.read_until(
            lambda: not any(one.named and not one.failed_with_listener for one in self.ledger.records()),
            "the listeners in FailListenerIdSet to show what was applied",
        )
        return Sent.READ_AGAIN

    # -- the task of the last call

    def follow(self, *, another_call_follows: bool) -> None:
        """See the task of the last call through, as far as the next step needs it.

        The first step is a read: some clouds apply a batch before they answer. The task is polled only if the read
        does not show all its changes.
        """
        task, times = self._open, self.shared.times
        if task is None:
            return
        known = times.find(self._budget)
        if known is None:
            self._budget.sleep(pace.FIRST_LOOK_SECONDS, f"the changes of {task.action} to show")
            snapshot = self.read()
            if not all(change.in_place(snapshot) for change in task.changes):
                self._poll(task, pace.NEXT_TASK if another_call_follows or times.shared else pace.LAST_TASK)
                return
            times.learn(0.0)
        if not known:
            self._end(task)
            return
        until = task.since + known * (pace.FIRST_LOOK_SHARE if another_call_follows else 1)
        if until > self._budget.now():
            self._budget.sleep(until - self._budget.now(), f"the task {task.request_id} of {task.action}")
        if another_call_follows:
            self._poll(task, pace.NEXT_TASK)

    def _poll(self, task: _OpenTask, waits: pace.Waits) -> None:
        for _waited in self._budget.polls(waits, f"the task {task.request_id} of {task.action}", at_once=True):
            asked = self._budget.now()
            try:
                status = self.clb.describe_task_status(task.request_id)
            except Refused as refusal:
                # A task that is not known, or may not be asked for, counts as ended: the read decides.
                if refusal.remedy is Remedy.FATAL:
                    self.warnings.append(f"{refusal.message} The result comes from DescribeTargets alone.")
                break
            if status.done:
                # A read before its end says nothing of it.
                self.stale = True
                self.shared.times.learn(asked - task.since)
                if status.failed:
                    reason = status.message or "the API gives no reason"
                    message = f"The task {task.request_id} of {task.action} failed: {reason}"
                    self.ledger.task_failed(task.changes, Failure(TASK_FAILED, message))
                break
        self._end(task)

    def _end(self, task: _OpenTask) -> None:
        self.ledger.task_ended(task.changes)
        self._open = None


# -- changes that are still missing


def rest_of(session: Session) -> Remaining:
    """The changes that the newest read shows missing."""
    finished = {record.change.key for record in session.ledger.records() if record.shown and record.change.loss}
    rest = plan_rest(session.plan, session.snapshot, finished)
    reverted = session.ledger.reverted
    return rest._replace(rebound=tuple(change for change in rest.rebound if change.key not in reverted))


def missing_losses(session: Session) -> list[Change]:
    """The losses that are missing and not held back, those that were sent before included."""
    rest = rest_of(session)
    held = rest.held
    return [change for change in rest.losses if change not in held]


def to_send(session: Session, *, losses: bool) -> list[Change]:
    """The gains, or the losses, that are missing and may be sent now."""
    wanted = missing_losses(session) if losses else rest_of(session).gains
    return [change for change in wanted if may_send(session.ledger, change)]


def still_missing(session: Session, changes: Iterable[Change]) -> list[Change]:
    """Those of a call that the newest read shows missing and that may still be sent."""
    missing = set(rest_of(session).changes)
    return [change for change in changes if change in missing and may_send(session.ledger, change)]
