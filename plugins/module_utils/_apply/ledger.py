# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of each change of a task: the one mutable thing, with named transitions. No I/O."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Union

from .._base import pace
from .._base.errors import ClbError, Refused, escape, sentences
from .._base.refusals import Remedy
from .._bindings.change import ChangeKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .._bindings.change import Change
    from .._bindings.snapshot import Binding, BindingKey, Snapshot

NOT_ATTEMPTED = "NotAttempted"
TASK_FAILED = "TaskFailed"
MAX_SENDS = 3
"""How often one change is sent in a task."""


class Failure(NamedTuple):
    """Why a change is not in place.

    :param code: the API's, or ``NotAttempted``, or one of this collection's own.
    :param message: the API's words, or the reason.
    :param action: the API action that was answered so, where there was one.
    :param general: whether it is known that no single change is the cause.
    """

    code: str
    message: str
    action: str | None = None
    request_id: str | None = None
    general: bool = False

    @property
    def shown(self) -> str:
        """The message, with control and bidirectional characters escaped."""
        return escape(self.message)

    @classmethod
    def of(cls, error: ClbError, *, general: bool = False) -> Failure:
        """Make one from an exception; of a quota it says that it is one.

        :param general: whether it is known that no single change is the cause.
        """
        message = error.api_message
        if isinstance(error, Refused) and error.remedy is Remedy.QUOTA:
            message = sentences(message, error.ruling.hint)
        return cls(error.code, message, error.action, error.request_id, general)


class Done(NamedTuple):
    """This task has made a change, and it is in place.

    :param before: the binding in the last read before the accepted write; None for a new one.
    """

    before: Binding | None


class Pending(NamedTuple):
    """A change was accepted, or may have been, and no read has shown it yet.

    :param in_doubt: whether the outcome of its call is unknown.
    """

    in_doubt: bool


Verdict = Union[Done, Failure, Pending, None]
"""None: this task has not sent the change, or somebody else did it."""


class _State(Enum):
    UNSENT = "unsent"
    ACCEPTED = "accepted"
    IN_DOUBT = "in doubt"
    NAMED = "named in FailListenerIdSet"
    TASK_FAILED = "its task failed"
    REJECTED = "rejected"
    REJECTED_IN_DOUBT = "rejected, after a call in doubt"
    CONFIRMED = "confirmed"


_DOUBTFUL = (_State.IN_DOUBT, _State.REJECTED_IN_DOUBT)
_CAN_SHOW = (_State.ACCEPTED, _State.TASK_FAILED, *_DOUBTFUL)
"""Where a read may show what this task did: a failed task can have done a part of its changes."""
_CANNOT_GO_ON = (_State.REJECTED, _State.REJECTED_IN_DOUBT, _State.NAMED, _State.TASK_FAILED)
"""Where a failure is known, and a change is not sent again."""


@dataclass
class _Record:
    change: Change
    state: _State = _State.UNSENT
    sends: int = 0
    before: Binding | None = None
    ended: float | None = None
    failure: Failure | None = None


class Ledger:
    """The fate of every change that was sent or refused.

    :param settle: how long a read may lag behind a write, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: dict[Change, _Record] = {}
        self._of_binding: defaultdict[BindingKey, list[_Record]] = defaultdict(list)
        self.accepted = False
        """Whether the API accepted a change and did not report its listener as failed."""
        self.request_ids: list[str] = []
        """Of every accepted write."""
        self.finished: set[BindingKey] = set()
        """Bindings whose loss was seen in place."""
        self.cleared: set[str] = set()
        """Listeners that were named in ``FailListenerIdSet`` and of which a read has shown changes in place."""
        self.reverted: set[BindingKey] = set()
        """Bindings whose loss this task has taken back."""
        self._closed = False
        self._seen_at = clock()
        """When the newest read was sent."""

    def accept(self, changes: Iterable[Change], request_id: str | None) -> None:
        """The API accepted a call.

        :param changes: those of its listeners that it did not report as failed.
        """
        if request_id is not None:
            self.request_ids.append(request_id)
        for change in changes:
            self.accepted = True
            self._sent(change, _State.ACCEPTED)

    def doubt(self, changes: Iterable[Change], answer: Failure) -> None:
        """A call went out and its outcome is unknown."""
        for change in changes:
            record = self._sent(change, _State.IN_DOUBT)
            # The task of a call in doubt can't be asked for: its lag counts from here.
            record.ended, record.failure = self._clock(), answer

    def still_running(self) -> None:
        """The load balancer is busy: the task of a call in doubt may be why, so its lag counts from here."""
        now = self._clock()
        for record in self._records.values():
            if record.state in _DOUBTFUL:
                record.ended = now

    def in_doubt(self) -> bool:
        """Whether a call of unknown outcome may still show."""
        return any(record.state is _State.IN_DOUBT and not self._overdue(record) for record in self._records.values())

    def name(self, changes: Iterable[Change], failure: Failure) -> None:
        """The API accepted a call and named the listener of these changes in ``FailListenerIdSet``."""
        for change in changes:
            self._sent(change, _State.NAMED).failure = failure

    def end(self, changes: Iterable[Change]) -> None:
        """The task of an accepted call has ended; reads may lag behind it."""
        now = self._clock()
        for change in changes:
            record = self._records[change]
            if record.ended is None:
                record.ended = now

    def fail(self, changes: Iterable[Change], failure: Failure) -> None:
        """The task of an accepted call has ended badly; a part of it may have been done, and reads may lag behind."""
        for change in changes:
            record = self._records[change]
            if record.state is _State.ACCEPTED:
                record.state, record.failure = _State.TASK_FAILED, failure

    def reject(self, changes: Iterable[Change], failure: Failure) -> None:
        """The API refused changes for good: they are not sent again."""
        for change in changes:
            record = self._record(change)
            if record.state is _State.CONFIRMED:
                continue
            # The call in doubt can be why this one was refused: it may have filled a quota.
            record.state = _State.REJECTED_IN_DOUBT if record.state in _DOUBTFUL else _State.REJECTED
            record.failure = failure

    def close(self) -> None:
        """No call follows any more."""
        self._closed = True

    def revert(self, changes: Iterable[Change]) -> None:
        """This task has taken its own changes back.

        :param changes: losses that were in place.
        """
        for change in changes:
            self.reverted.add(change.key)
            self._records[change].state = _State.UNSENT

    def observe(self, snapshot: Snapshot, at: float | None = None) -> None:
        """Learn from a read: what shows is confirmed, whatever was answered to its call.

        :param at: when the read was sent, on the ledger's clock; its answer can take long. None: now.
        """
        self._seen_at = self._clock() if at is None else at
        named: dict[str, list[_Record]] = {}
        helped: set[str] = set()
        for record in self._records.values():
            if record.state is _State.NAMED:
                if record.change.in_place(snapshot):
                    # A part of a call can have been applied, whatever was answered; its listener is not hopeless.
                    helped.add(record.change.pool.listener_id)
                    self._confirm(record)
                else:
                    named.setdefault(record.change.pool.listener_id, []).append(record)
            elif record.state in _CAN_SHOW and record.change.in_place(snapshot):
                self._confirm(record)
        self.cleared |= helped
        for listener_id, records in named.items():
            for record in records:
                if listener_id in helped:
                    record.state = _State.UNSENT
                elif self._overdue(record):
                    record.state = _State.REJECTED

    def _confirm(self, record: _Record) -> None:
        if record.state in _DOUBTFUL:
            self.accepted = True
        record.state, record.failure = _State.CONFIRMED, None
        if record.change.loss:
            self.finished.add(record.change.key)

    def pending(self) -> list[Change]:
        """The changes that were accepted, or may have been, and do not show yet, though they still can."""
        return [
            record.change
            for record in self._records.values()
            if record.state in (*_CAN_SHOW, _State.NAMED) and not self._overdue(record)
        ]

    def may_show_late(self, changes: Iterable[Change]) -> bool:
        """Whether a call of unknown outcome may still show some of these changes, if none follows it."""
        now, longest = self._clock(), pace.LAST_DOUBT_SECONDS - pace.ROUNDING_SECONDS
        records = (self._records[change] for change in changes if change in self._records)
        return any(
            record.state in _DOUBTFUL and record.ended is not None and now - record.ended < longest
            for record in records
        )

    def waits_for_named(self) -> bool:
        """Whether a listener in ``FailListenerIdSet`` may still show that a part was applied."""
        return any(record.state is _State.NAMED for record in self._records.values())

    def may_send(self, change: Change) -> bool:
        """Whether a change that is missing may be sent, or sent again.

        :param change: that a newest read shows missing.
        """
        record = self._records.get(change)
        if record is None:
            return True
        if record.state in _CANNOT_GO_ON or record.sends >= MAX_SENDS:
            return False
        return record.state in (_State.UNSENT, _State.CONFIRMED) or self._overdue(record)

    def verdict(self, change: Change) -> Verdict:
        """What became of a change."""
        record = self._records.get(change)
        if record is None or record.state is _State.UNSENT:
            return None if record is None else record.failure
        if record.state is _State.CONFIRMED:
            return Done(record.before)
        if record.state in _CANNOT_GO_ON:
            return record.failure
        return Pending(record.state is _State.IN_DOUBT)

    def doubt_about(self, change: Change) -> Failure | None:
        """What came back for the last call with a change, where its outcome is unknown."""
        record = self._records.get(change)
        return None if record is None or record.state is not _State.IN_DOUBT else record.failure

    def before(self, change: Change) -> Binding | None:
        """The binding in the last read before the write that was accepted, or may have been."""
        return self._records[change].before

    def former(self, change: Change) -> Binding | None:
        """The binding as it was before this task, for a change that is about to be sent; None for a new one.

        :param change: as planned from the newest read.
        """
        record = self._records.get(change)
        if record is not None and record.state is _State.CONFIRMED:
            return record.before
        return self._before_own_writes(change)

    def was_sent(self, change: Change) -> bool:
        """Whether a call with this change was accepted, or may have been."""
        record = self._records.get(change)
        return record is not None and record.sends > 0

    def sent(self) -> Iterator[Change]:
        """The changes of calls that were accepted, or may have been, in the order of their first call."""
        return (record.change for record in self._records.values() if record.sends)

    def registered(self, snapshot: Snapshot) -> set[BindingKey]:
        """The bindings that this task has registered, or may have."""
        sent = (change for change in self.sent() if change.kind is ChangeKind.REGISTER)
        found = (snapshot.find(change.pool.key, change.backend, change.port) for change in sent)
        return {bound.identity for bound in found if bound is not None}

    def _record(self, change: Change) -> _Record:
        record = self._records.get(change)
        if record is None:
            record = self._records[change] = _Record(change)
            self._of_binding[change.key].append(record)
        return record

    def _sent(self, change: Change, state: _State) -> _Record:
        record = self._record(change)
        record.before = self.former(change)
        record.state, record.ended, record.failure = state, None, None
        record.sends += 1
        return record

    def _before_own_writes(self, change: Change) -> Binding | None:
        """The binding that a change was planned from, without what this task itself has written to it before."""
        before = change.before
        for record in self._of_binding[change.key]:
            other, own = record.change, record.before
            if before is None or own is None or not record.sends or other == change:
                continue
            if other.kind is ChangeKind.WEIGHT and before.weight == other.weight:
                before = before._replace(weight=own.weight)
            elif other.kind is ChangeKind.TAG and before.tag == other.tag:
                before = before._replace(tag=own.tag)
        return before

    def _overdue(self, record: _Record) -> bool:
        last = self._closed or record.sends >= MAX_SENDS or record.state is _State.REJECTED_IN_DOUBT
        last_doubt = record.state in _DOUBTFUL and last
        settle = pace.LAST_DOUBT_SECONDS if last_doubt else pace.SETTLE_SECONDS
        return record.ended is not None and self._seen_at - record.ended >= settle - pace.ROUNDING_SECONDS
