# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Get a batch of changes to the cloud: follow its task, read back what is in doubt, narrow down what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .._api.clb import ACTIONS, Accepted, Clb
from .._bindings.change import Change, ChangeKind
from .._budget import Budget, growing
from .._errors import ClbError, OutcomeUnknown, Refused, Remedy, WaitTimeout, hint_for, sentences

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from .._bindings.snapshot import Snapshot

NOT_ATTEMPTED = "NotAttempted"
MAX_EXTRA_CALLS = 64
"""Calls that narrowing may add in one task."""


@dataclass(frozen=True)
class Pacing:
    """How long to wait for what, in seconds.

    :param poll_first: before the first poll of a task; each wait grows by `factor`.
    :param poll_most: between polls at most.
    :param read_first: between the first two read-backs.
    :param read_most: between read-backs at most.
    :param settle: how long a read may lag behind a write: so long it is read again before an absence is believed.
    :param health_first: between the first two reads of the health.
    :param health_most: between reads of the health at most.
    :param factor: growth of every wait.
    """

    poll_first: float = 0.2
    poll_most: float = 2.0
    read_first: float = 0.3
    read_most: float = 2.0
    settle: float = 5.0
    health_first: float = 0.5
    health_most: float = 3.0
    factor: float = 1.7


PACING = Pacing()


class Failure(NamedTuple):
    """Why a change is not in place.

    :param code: the cloud's, or ``NotAttempted``, or one of this collection's own.
    :param message: the cloud's words, or the reason.
    :param action: the action that was answered so, where one was.
    :param request_id: of that answer.
    """

    code: str
    message: str
    action: str | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, error: ClbError) -> Failure:
        """Make one from an exception; of a quota it says that it is one.

        :param error: which.
        """
        quota = isinstance(error, Refused) and error.remedy is Remedy.QUOTA
        message = sentences(error.api_message, hint_for(error.code)) if quota else error.api_message
        return cls(error.code, message, error.action, error.request_id)


class _NoMoreCalls(Exception):
    """Narrowing has used up its calls."""


class Writer:
    """The writes of one task, and what is known of each.

    :param clb: the actions.
    :param load_balancer_id: whose targets.
    :param listener_ids: what reads are filtered by; None reads the whole load balancer.
    :param budget: the time for the whole task.
    :param pacing: how long to wait for what.
    """

    def __init__(
        self,
        clb: Clb,
        load_balancer_id: str,
        listener_ids: Sequence[str] | None,
        budget: Budget,
        pacing: Pacing,
    ) -> None:
        self._clb = clb
        self._load_balancer_id = load_balancer_id
        self._listener_ids = listener_ids
        self._budget = budget
        self._pacing = pacing
        self._extra_calls = MAX_EXTRA_CALLS
        self.accepted = False
        """Whether the cloud took on a write."""
        self.sent: set[Change] = set()
        """Changes of calls that the cloud took on, or may have."""
        self.found: set[Change] = set()
        """Changes that a read showed in place while their call was in doubt or refused."""
        self.blamed: dict[Change, Failure] = {}
        """Changes that the cloud said no to, for now: what is read back decides."""
        self.request_ids: list[str] = []
        self.snapshot: Snapshot | None = None
        """As last read."""
        self.stale = False
        """Whether it may be older than what was sent: something of that does not show."""
        self.warnings: list[str] = []

    def read(self, *, last_attempt: bool = False) -> Snapshot:
        """Read what is bound now.

        :param last_attempt: send once, even in the budget's grace.
        """
        snapshot = self._clb.describe_targets(self._load_balancer_id, self._listener_ids, last_attempt=last_attempt)
        self.snapshot = snapshot
        self.stale = bool(_missing(self.sent, snapshot))
        return snapshot

    def deliver(self, changes: Sequence[Change], *, follow: bool = True) -> None:
        """Send one batch, and see it through.

        What the cloud refuses for good or reports as failed is written down in :attr:`blamed`; the task goes on.

        :param changes: of one kind, within the API's limits.
        :param follow: poll the task until it has ended.
        :raises ClbError: the task can't go on: refused for a reason that no other call escapes, connection lost, or
            time up.
        """
        try:
            refusal = self._send(changes, follow)
            if refusal is not None:
                self._narrow(changes, refusal)
        except WaitTimeout as up:
            if up.refusal is not None:
                self._blame((one for one in changes if one not in self.sent), Failure.of(up.refusal))
            raise

    def settle(self, changes: Iterable[Change]) -> list[Change]:
        """Read until changes show, or until a lag of the reads can't be why they don't.

        :param changes: which may have been applied.
        :returns: those that do not show.
        """
        changes = list(changes)
        started = self._budget.now()
        for delay in growing(self._pacing.read_first, self._pacing.factor, self._pacing.read_most):
            missing = _missing(changes, self.read())
            left = self._pacing.settle - (self._budget.now() - started)
            # Not exactly 0: sums of seconds are rounded.
            if not missing or left < 0.001:
                break
            self._budget.sleep(min(delay, left), "the outcome of a call to show")
        return missing

    def read_back(self, changes: Collection[Change]) -> Snapshot:
        """Read until everything shows that was accepted without complaint.

        What the cloud complained about may have been applied in part: it is given the time that reads may lag. So is a
        new binding that shows otherwise than asked for: somebody else has made it, and no waiting changes that.

        :param changes: what was asked for so far.
        :raises WaitTimeout: the time is up.
        """
        sent = [one for one in changes if one in self.sent]
        started = self._budget.now()
        delays = growing(self._pacing.read_first, self._pacing.factor, self._pacing.read_most)
        while True:
            snapshot = self.read()
            missing = _missing(sent, snapshot)
            settled = self._budget.now() - started >= self._pacing.settle
            hopeless = all(one in self.blamed or one.conflicts_with(snapshot) for one in missing)
            if not missing or (settled and hopeless):
                self.stale = False
                return snapshot
            self._budget.sleep(next(delays), f"{len(missing)} accepted changes to show in DescribeTargets")

    def _send(self, changes: Sequence[Change], follow: bool) -> Refused | None:
        """Send until the cloud has answered clearly; returns a refusal that can be narrowed down."""
        pending = list(changes)
        doubt = False
        while pending:
            refusal = None
            try:
                answer = self._clb.write(self._load_balancer_id, pending, wait_when_busy=not doubt)
            except OutcomeUnknown:
                doubt = True
                self.stale = True
                self.sent.update(pending)
            except Refused as exc:
                refusal = exc
                if refusal.remedy not in (Remedy.NARROW, Remedy.QUOTA, Remedy.WAIT_BUSY):
                    raise
                if not doubt:
                    return refusal
            else:
                self._accept(answer, pending, follow)
                return None
            # The task of a call in doubt may still run, or reads may lag: only what is missing then is sent again.
            missing = self.settle(pending)
            if len(missing) == len(pending) and refusal is not None and refusal.remedy is not Remedy.WAIT_BUSY:
                self.sent.difference_update(missing)
                return refusal
            self.accepted = self.accepted or len(missing) < len(pending)
            self.found.update(set(pending).difference(missing))
            pending = missing
        return None

    def _accept(self, answer: Accepted, changes: Sequence[Change], follow: bool) -> None:
        action = ACTIONS[changes[0].kind]
        self.accepted = True
        self.stale = True
        self.sent.update(changes)
        for change in changes:
            self.blamed.pop(change, None)
        if answer.request_id is not None:
            self.request_ids.append(answer.request_id)
        if answer.failed_listeners:
            told = answer.message or "The cloud names this listener in FailListenerIdSet, without a reason."
            self._blame(
                (one for one in changes if one.pool.listener_id in answer.failed_listeners),
                Failure("FailListenerIdSet", told, action, answer.request_id),
            )
        # BatchModifyTargetTag is synchronous: it has no task.
        if follow and answer.request_id is not None and changes[0].kind is not ChangeKind.TAG:
            problem = self._await_task(action, answer.request_id)
            if problem is not None:
                self._blame((one for one in changes if one not in self.blamed), Failure("TaskFailed", problem))

    def _await_task(self, action: str, task_id: str) -> str | None:
        """Poll a task until it has ended; returns why it failed."""
        for delay in growing(self._pacing.poll_first, self._pacing.factor, self._pacing.poll_most):
            self._budget.sleep(delay, f"the task {task_id} of {action}")
            try:
                status = self._clb.describe_task_status(task_id)
            except Refused as refusal:
                # A task that the cloud does not know counts as done, and so does one that may not be asked for:
                # the read-back decides.
                if refusal.remedy is Remedy.FATAL:
                    self.warnings.append(f"{refusal.message} Its result is told from DescribeTargets alone.")
                return None
            if status.done:
                if not status.failed:
                    return None
                return f"The task {task_id} of {action} failed: {status.message or 'the cloud gives no reason'}"
        raise AssertionError("growing() does not end")

    def _blame(self, changes: Iterable[Change], failure: Failure) -> None:
        for change in changes:
            self.blamed[change] = failure

    def _narrow(self, changes: Sequence[Change], refusal: Refused) -> None:
        """Find the members that spoil a refused call, and get the others through."""
        # Somebody else may have done a part of it: what is already in place is no reason to fail. A removal of what is
        # gone is refused every time, so a lag of the reads must not hide that it is.
        group = self.settle(changes) if changes[0].kind is ChangeKind.DEREGISTER else _missing(changes, self.read())
        self.found.update(set(changes).difference(group))
        last: Refused | None = refusal
        try:
            if group and len(group) < len(changes):
                last = self._send_extra(group)
            while group and last is not None:
                culprits, group, why = self._find_culprit(group, last)
                self._blame(culprits, Failure.of(why))
                last = self._send_extra(group) if group else None
        except _NoMoreCalls:
            reason = (
                f"Its call was refused with {refusal.code} ({refusal.api_message}), and {MAX_EXTRA_CALLS} extra calls "
                "in this task were not enough to narrow that down."
            )
            self._blame(
                (one for one in changes if one not in self.sent and one not in self.blamed),
                Failure(NOT_ATTEMPTED, reason),
            )

    def _find_culprit(self, group: list[Change], refusal: Refused) -> tuple[list[Change], list[Change], Refused]:
        """Halve a refused pool until what spoils it is alone.

        A half that gets through is bound by that, and proves that the other half holds the culprit, which saves sending
        it as a whole. A half that is refused leaves its sibling for later, together with all other such.

        :returns: the culprits, what was not tried, and the refusal of the culprits.
        """
        rest, proven = list[Change](), True
        while True:
            halves = _halves(group, refusal)
            if halves is None:
                if proven:
                    return group, rest, refusal
                answer = self._send_extra(group)
                if answer is None:
                    return [], rest, refusal
                refusal, proven = answer, True
                continue
            left, right = halves
            answer = self._send_extra(left)
            if answer is None:
                group, proven = right, False
            else:
                group, rest, refusal, proven = left, right + rest, answer, True

    def _send_extra(self, changes: Sequence[Change]) -> Refused | None:
        if self._extra_calls <= 0:
            raise _NoMoreCalls
        self._extra_calls -= 1
        return self._send(changes, follow=True)


def _missing(changes: Iterable[Change], snapshot: Snapshot) -> list[Change]:
    return [change for change in changes if not change.in_place(snapshot)]


def _halves(changes: Sequence[Change], refusal: Refused) -> tuple[list[Change], list[Change]] | None:
    """Halve by listeners, within the last one by targets; None where it goes no further.

    A quota belongs to the whole listener: its targets are not told apart.
    """
    listeners = list(dict.fromkeys(change.pool.listener_id for change in changes))
    if len(listeners) > 1:
        first = set(listeners[: len(listeners) // 2])
        return (
            [change for change in changes if change.pool.listener_id in first],
            [change for change in changes if change.pool.listener_id not in first],
        )
    if len(changes) == 1 or refusal.remedy is Remedy.QUOTA:
        return None
    middle = len(changes) // 2
    return list(changes[:middle]), list(changes[middle:])
