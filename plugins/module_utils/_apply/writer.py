# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Send one call, follow its task, read back: everything of a task that talks to one load balancer."""

from __future__ import annotations

import threading
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Union

from .._api.members import ACTIONS
from .._base import pace
from .._base.budget import Patience
from .._base.errors import ClbError, NotSent, OutcomeUnknown, Refused
from .._base.refusals import Remedy
from .._bindings.change import ChangeKind
from .ledger import TASK_FAILED, Failure, Ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._api.clb import Accepted, Clb
    from .._base.budget import Budget
    from .._bindings.change import Change
    from .._bindings.health import HealthSnapshot
    from .._bindings.snapshot import Snapshot


class TaskTimes:
    """How long the cloud's tasks take, learnt by the first writes and shared by all load balancers of a task.

    :param probes: how many writes find it out; the others wait for what they learn. None: each for itself.
    """

    def __init__(self, probes: int | None = None) -> None:
        self._probes = probes
        self.shared = probes is not None
        self._lock = threading.Lock()
        self._learnt = threading.Event()
        self._seconds: float | None = None
        self._likely = 0.0
        self._lead = pace.MIN_LEAD

    @property
    def seconds(self) -> float | None:
        """How long the latest took at most; 0.0 where a batch is applied before it is answered, None: not known yet."""
        return self._seconds

    def learn(self, seconds: float, *, running: float | None = None) -> None:
        """Remember how long a task took.

        :param seconds: after its start, when it was seen to have ended; 0.0 where the first read showed everything.
        :param running: after its start, when it was last seen to run; None where the first look found it ended, nobody
            knows how long before.
        """
        self._lead = min(3 * self._lead, pace.MAX_LEAD) if running is None else pace.MIN_LEAD
        # It ended between two looks, at about the middle.
        self._likely = seconds if running is None else (seconds + running) / 2
        self._seconds = seconds
        self._learnt.set()

    def first_look(self) -> float:
        """When to look first whether a task has ended that another call waits for, in seconds after its start."""
        return self._likely * (1 - self._lead)

    def is_probe(self) -> bool:
        """Whether the caller is among the first, which find it out."""
        with self._lock:
            if self._probes is None:
                return True
            if self._probes > 0:
                self._probes -= 1
                return True
            return False

    def wait(self, budget: Budget, seconds: float) -> float | None:
        """Wait for what others learn.

        :param budget: the time for the whole task.
        """
        self._learnt.wait(min(seconds, budget.remaining()))
        return self._seconds


class Sent(Enum):
    """How a call ended, where it was not refused."""

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


class Writer:
    """Sends the calls of one task to one load balancer, and reads what they did.

    :param ledger: learns what became of each change.
    :param budget: the time for the whole task.
    :param times: how long the cloud's tasks take.
    :param remember: called with the changes of each call right before it goes out; what it raises stops the call.
    """

    def __init__(
        self,
        clb: Clb,
        load_balancer_id: str,
        snapshot: Snapshot,
        ledger: Ledger,
        budget: Budget,
        times: TaskTimes,
        remember: Callable[[Sequence[Change]], None] | None = None,
    ) -> None:
        self._clb = clb
        self._load_balancer_id = load_balancer_id
        self._listener_ids = snapshot.listener_ids
        self._ledger = ledger
        self._budget = budget
        self._times = times
        self._remember = remember
        self._open: _OpenTask | None = None
        self._busy_waits = pace.WRITE_BUSY.delays()
        self.snapshot = snapshot
        """As last read."""
        self.read_at = budget.now()
        self.unread = False
        """Whether a call went out, or its task ended, since the last read."""
        self.waited = False
        """Whether the task has waited since the guard was checked: it has to be checked again."""
        self.last_answer: ClbError | None = None
        """What the latest write ended with that was not accepted: it explains why time ran out."""
        self.warnings: list[str] = []

    def read(self, *, last_attempt: bool = False) -> Snapshot:
        """Read what is bound now, and learn from it.

        :param last_attempt: send once, even in the budget's grace.
        :raises ClbError: it can't be read.
        """
        started = self._budget.now()
        try:
            snapshot = self._describe(last_attempt)
        except Refused as refusal:
            if self._listener_ids is None or refusal.remedy is not Remedy.NARROW:
                raise
            # A listener of the filter is gone: the whole load balancer shows which.
            self._listener_ids = None
            snapshot = self._describe(last_attempt)
        self.snapshot, self.read_at, self.unread = snapshot, started, False
        self._ledger.observe(snapshot, started)
        return snapshot

    def _describe(self, last_attempt: bool) -> Snapshot:
        return self._clb.describe_targets(self._load_balancer_id, self._listener_ids, last_attempt=last_attempt)

    def read_health(self) -> HealthSnapshot:
        """Read the health of every target of this load balancer."""
        return self._clb.describe_target_health([self._load_balancer_id])[self._load_balancer_id]

    def sleep(self, seconds: float, waiting_for: str) -> None:
        """Sleep within the budget, and remember that time has passed.

        :param waiting_for: for the message when the time is up.
        :raises WaitTimeout: the time is up.
        """
        self.waited = True
        self._budget.sleep(seconds, waiting_for)

    def send(self, changes: Sequence[Change], *, more: bool, careful: bool = False) -> Answer:
        """Send one call.

        :param changes: of one kind, within the limits of the API.
        :param more: whether another call follows, which needs this one's task to have ended.
        :param careful: do not send after a wait: the guard has to be checked again first.
        :returns: the refusal, unless it only was that the API is busy or throttles.
        :raises ClbError: the task can't go on.
        """
        patience = Patience(self._budget)
        unsent, throttled = pace.UNSENT.delays(), pace.WRITE_THROTTLED.delays()
        while True:
            if self._remember is not None:
                self._remember(changes)
            try:
                answer = self._clb.write(self._load_balancer_id, changes)
            except OutcomeUnknown as unknown:
                self.unread = True
                self.last_answer = unknown
                self._ledger.doubt(changes, Failure.of(unknown))
                self._settle_doubt(changes)
                return Sent.READ_AGAIN
            except NotSent as fault:
                if not patience.left():
                    raise
                self.last_answer = fault
                self.sleep(next(unsent), "another attempt")
            except Refused as refusal:
                if refusal.remedy is not Remedy.WAIT_THROTTLED:
                    return self._after_refusal(refusal, until_changed=careful)
                self.last_answer = refusal
                self.sleep(next(throttled), "another attempt")
            else:
                return self._accept(answer, changes, more=more)
            if careful:
                return Sent.POSTPONED

    def _after_refusal(self, refusal: Refused, *, until_changed: bool) -> Answer:
        """Wait while the load balancer is busy; give back any other refusal."""
        if refusal.remedy is Remedy.WAIT_BUSY:
            self.last_answer = refusal
            self._ledger.still_running()
            if self._times.seconds == 0 and self._ledger.request_ids:
                # What was applied at once still held the load balancer: the next call has to wait a little.
                self._times.learn(pace.FIRST_LOOK_SECONDS)
            self._wait_while_busy(until_changed=until_changed)
            return Sent.POSTPONED
        return refusal

    def _accept(self, answer: Accepted, changes: Sequence[Change], *, more: bool) -> Answer:
        action = ACTIONS[changes[0].kind]
        self._busy_waits = pace.WRITE_BUSY.delays()
        self.last_answer = None
        self.unread = True
        named = [change for change in changes if change.pool.listener_id in answer.failed_listeners]
        others = [change for change in changes if change.pool.listener_id not in answer.failed_listeners]
        self._ledger.accept(others, answer.request_id)
        if named:
            message = answer.message or "The API names this listener in FailListenerIdSet, without a reason."
            self._ledger.name(named, Failure("FailListenerIdSet", message, action, answer.request_id))
        if changes[0].kind is ChangeKind.TAG:
            # BatchModifyTargetTag is synchronous: it has no task.
            self._ledger.end(changes)
        else:
            self._open = _OpenTask(changes, action, answer.request_id or "", self._budget.now())
            if more or named:
                self.follow(more=more)
        if named:
            self._settle_named()
            return Sent.READ_AGAIN
        return Sent.ACCEPTED

    def follow(self, *, more: bool) -> None:
        """See the task of the last call through, as far as the next step needs it.

        Read first: a cloud may apply a batch before it answers. Poll only what does not show.

        :raises WaitTimeout: the time is up.
        """
        task = self._open
        if task is None:
            return
        known = self._times.seconds
        if known is None and not self._times.is_probe():
            known = self._times.wait(self._budget, pace.LEARN_SECONDS)
        if known is None:
            self._probe(task, more=more)
        elif known == 0:
            self._close(task)
        else:
            left = (self._times.first_look() if more else known) - (self._budget.now() - task.since)
            if left > 0:
                self._budget.sleep(left, f"the task {task.request_id} of {task.action}")
            if more:
                self._poll(task, pace.NEXT_TASK)

    def _probe(self, task: _OpenTask, *, more: bool) -> None:
        """Find out whether the cloud applies before it answers, or how long its task takes."""
        self._budget.sleep(pace.FIRST_LOOK_SECONDS, f"the changes of {task.action} to show")
        snapshot = self.read()
        if all(change.in_place(snapshot) for change in task.changes):
            self._times.learn(0.0)
            self._close(task)
        else:
            self._poll(task, pace.NEXT_TASK if more or self._times.shared else pace.LAST_TASK)

    def _poll(self, task: _OpenTask, waits: pace.Waits) -> None:
        """Poll a task until it has ended."""
        delays = waits.delays()
        running: float | None = None
        while True:
            asked = self._budget.now()
            try:
                status = self._clb.describe_task_status(task.request_id)
            except Refused as refusal:
                # A task that is not known counts as ended, and so does one that may not be asked for: the read decides.
                if refusal.remedy is Remedy.FATAL:
                    self.warnings.append(f"{refusal.message} The result comes from DescribeTargets alone.")
                self._close(task)
                return
            if status.done:
                # What was read before it ended says nothing of it.
                self.unread = True
                self._times.learn(asked - task.since, running=running)
                self._close(task)
                if status.failed:
                    reason = status.message or "the API gives no reason"
                    self._ledger.fail(
                        task.changes,
                        Failure(TASK_FAILED, f"The task {task.request_id} of {task.action} failed: {reason}"),
                    )
                return
            running = asked - task.since
            self._budget.sleep(next(delays), f"the task {task.request_id} of {task.action}")

    def _close(self, task: _OpenTask) -> None:
        self._ledger.end(task.changes)
        self._open = None

    def settle(self) -> None:
        """Read until everything that was accepted shows, or a lag of the reads can't be why it does not.

        :raises WaitTimeout: the time is up.
        """
        self.follow(more=False)
        if not self.unread and not self._ledger.pending():
            return
        delays = pace.READ_BACK.delays()
        while True:
            self.read()
            pending = self._ledger.pending()
            if not pending:
                return
            if self._open is not None:
                self._poll(self._open, pace.LAST_TASK)
                continue
            self._budget.sleep(next(delays), f"{len(pending)} accepted changes to show in DescribeTargets")

    def _settle_doubt(self, changes: Sequence[Change]) -> None:
        """Read until a call of unknown outcome shows, or can no longer be expected to."""
        delays = pace.READ_BACK.delays()
        waiting = set(changes)
        while True:
            self.read()
            if waiting.isdisjoint(self._ledger.pending()):
                if all(change.in_place(self.snapshot) for change in changes):
                    self.last_answer = None
                return
            self.sleep(next(delays), "the outcome of a call to show")

    def _settle_named(self) -> None:
        """Read until the listeners in ``FailListenerIdSet`` show progress, or can no longer be expected to."""
        delays = pace.READ_BACK.delays()
        while True:
            self.read()
            if not self._ledger.waits_for_named():
                return
            self.sleep(next(delays), "the listeners in FailListenerIdSet to show what was applied")

    def wait_for_removals(self, changes: Sequence[Change]) -> None:
        """Read until refused removals are gone, or a lag of the reads can't be why they are not.

        A removal of what is gone is refused every time, so a lag must not hide that it is.

        :raises WaitTimeout: the time is up.
        """
        started = self._budget.now()
        delays = pace.READ_BACK.delays()
        while True:
            snapshot = self.read()
            left = pace.SETTLE_SECONDS - (self._budget.now() - started)
            if all(change.in_place(snapshot) for change in changes) or left < pace.ROUNDING_SECONDS:
                return
            self.sleep(min(next(delays), left), "the outcome of a removal to show")

    def wait_for_doubtful(self, changes: Sequence[Change]) -> None:
        """Read until calls of unknown outcome show what they did with changes, or can no longer be expected to.

        :raises WaitTimeout: the time is up.
        """
        delays = pace.READ_BACK.delays()
        while True:
            self.read()
            if not self._ledger.may_show_late(changes):
                return
            self.sleep(next(delays), "the outcome of a call to show")

    def _wait_while_busy(self, *, until_changed: bool) -> None:
        """Wait a little, then read; a guarded task reads until somebody's write shows."""
        before = self.snapshot
        started = self._budget.now()
        while True:
            self.sleep(next(self._busy_waits), "the load balancer")
            self.read()
            if not until_changed or self.snapshot.bindings != before.bindings:
                return
            if self._budget.now() - started >= pace.LEARN_SECONDS:
                return
