# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fate of each change of a task on one load balancer. No I/O."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from .._base import pace
from .._base.errors import ClbError, Refused, escape, sentences
from .._base.refusals import Remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .._bindings.change import Change
    from .._bindings.snapshot import Binding, BindingKey, Snapshot

NOT_ATTEMPTED = "NotAttempted"
TASK_FAILED = "TaskFailed"
MAX_SENDS = 3
"""Calls of a task that may hold one change."""


class Failure(NamedTuple):
    """The reason why a change is not in place, with the API's code and words or this collection's own.

    :param general: no single change is the cause.
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
        """Make one from an exception, for a quota with its hint."""
        message = error.api_message
        if isinstance(error, Refused) and error.remedy is Remedy.QUOTA:
            message = sentences(message, error.ruling.hint)
        return cls(error.code, message, error.action, error.request_id, general)


class Record(NamedTuple):
    """The fate of one change.

    :param sends: calls with it that were accepted, or may have been.
    :param since: the end of its last call's task, or the time of a call of unknown outcome: reads may lag from then on.
    :param doubtful: the outcome of its last call is unknown.
    :param named: its last call was accepted, and its listener named in ``FailListenerIdSet``: a part may show.
    :param final: it is not sent again.
    :param shown: a read has shown it since it was last sent.
    """

    change: Change
    sends: int = 0
    since: float | None = None
    doubtful: bool = False
    named: bool = False
    failure: Failure | None = None
    final: bool = False
    shown: bool = False

    @property
    def refused(self) -> Failure | None:
        """The reason why it is not in place, if it is known."""
        return None if self.doubtful and not self.final else self.failure

    @property
    def failed_with_listener(self) -> bool:
        """Its listener was named, and no part of its call has shown: if it is in place later, others did it."""
        return self.named and self.final

    @property
    def open(self) -> bool:
        """It was accepted, or may have been, and has neither failed nor shown."""
        return self.sends > 0 and not self.shown and self.refused is None


class Formers:
    """The bindings of changes as they were before this task: in the last read before the first call that has shown."""

    def __init__(self) -> None:
        self._bindings: dict[BindingKey, Binding | None] = {}
        self._shown: set[BindingKey] = set()

    def note(self, changes: Iterable[Change]) -> None:
        """A call is about to go out with changes that were planned from the newest read."""
        for change in changes:
            # The task may have bound it by another address than the one by which the cloud lists it.
            aliases = () if change.before is None else change.before.aliases
            if not self._shown.isdisjoint([change.key, *((change.pool.key, name, change.port) for name in aliases)]):
                continue
            # A binding that somebody else unbinds after the call is registered anew: its former state stays known.
            if change.before is not None or change.key not in self._bindings:
                self._bindings[change.key] = change.before

    def keep(self, bindings: Iterable[BindingKey]) -> None:
        """A read has shown changes of this task: later reads show no former state of these bindings."""
        self._shown.update(bindings)

    def of(self, change: Change) -> Binding | None:
        """The former binding; None where the task binds it."""
        return self._bindings.get(change.key)


class Ledger:
    """The fate of every change that was sent or refused."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: dict[Change, Record] = {}
        self.formers = Formers()
        self.accepted = False
        """The API accepted a change and did not report its listener as failed."""
        self.request_ids: list[str] = []
        """Of every accepted write."""
        self.cleared: set[str] = set()
        """Listeners that were named in ``FailListenerIdSet`` and of which a read has shown changes in place."""
        self.reverted: set[BindingKey] = set()
        """Bindings that this task has drained, and given their weight back."""
        self.closed = False
        """No call follows any more."""
        self.seen_at = clock()
        """The time at which the newest read was sent."""

    # -- events

    def accept(self, changes: Iterable[Change], request_id: str | None) -> None:
        """The API accepted a call and did not report the listeners of these changes as failed."""
        if request_id is not None:
            self.request_ids.append(request_id)
        self.accepted |= self._sent(changes)

    def doubt(self, changes: Iterable[Change], answer: Failure) -> None:
        """A call went out and its outcome is unknown; its task can't be asked for, so its lag counts from here."""
        self._sent(changes, since=self._clock(), doubtful=True, failure=answer)

    def still_running(self) -> None:
        """The load balancer is busy: the task of a call in doubt may be why, so its lag counts from here."""
        self._update((record for record in self.records() if record.doubtful), since=self._clock())

    def reject_listener(self, changes: Iterable[Change], failure: Failure) -> None:
        """The API accepted a call and named the listener of these changes in ``FailListenerIdSet``."""
        self._sent(changes, named=True, failure=failure)

    def task_ended(self, changes: Iterable[Change]) -> None:
        """The task of an accepted call has ended; reads may lag behind it."""
        records = map(self.of, changes)
        self._update((record for record in records if record.since is None), since=self._clock())

    def task_failed(self, changes: Iterable[Change], failure: Failure) -> None:
        """The task of an accepted call has ended badly; a part of it may have been done, and reads may lag behind."""
        records = map(self.of, changes)
        self._update((record for record in records if record.open), failure=failure, final=True)

    def reject(self, changes: Iterable[Change], failure: Failure) -> None:
        """The API refused changes that are missing for good: they are not sent again."""
        for record in map(self.of, changes):
            # A call in doubt can be why this one was refused: it may have filled a quota.
            since = record.since if record.doubtful else -math.inf
            self._update([record], failure=failure, final=True, shown=False, named=False, since=since)

    def no_more_calls(self) -> None:
        """No call follows any more."""
        self.closed = True

    def observe(self, snapshot: Snapshot, at: float) -> None:
        """Learn from a read: a change that shows is confirmed, no matter how its call was answered.

        :param at: when the read was sent, on the ledger's clock; its answer can take long.
        """
        self.seen_at = at
        shown = [
            record
            for record in self.records()
            if record.sends
            and not record.shown
            and not record.failed_with_listener
            and record.change.in_place(snapshot)
        ]
        self.accepted |= any(record.doubtful for record in shown)
        self.formers.keep(record.change.key for record in shown)
        self._update(shown, shown=True, doubtful=False, named=False, failure=None, final=False)
        # A call can have been applied in part: a listener that shows such a part is sent again.
        helped = {record.change.pool.listener_id for record in shown if record.named}
        self.cleared |= helped
        for record in self.records():
            if not record.named or record.failed_with_listener:
                continue
            if record.change.pool.listener_id in helped:
                self._update([record], named=False, since=-math.inf)
            elif is_overdue(self, record):
                self._update([record], final=True)

    def _sent(self, changes: Iterable[Change], **fields: Any) -> bool:
        records = {change: Record(change, self.of(change).sends + 1, **fields) for change in changes}
        self._records.update(records)
        return bool(records)

    def _update(self, records: Iterable[Record], **fields: Any) -> None:
        self._records.update([(record.change, record._replace(**fields)) for record in records])

    # -- questions

    def of(self, change: Change) -> Record:
        """The fate of a change."""
        return self._records.get(change) or Record(change)

    def records(self) -> list[Record]:
        """All changes that were sent or refused, in the order of the first answer."""
        return list(self._records.values())


def is_overdue(ledger: Ledger, record: Record) -> bool:
    """True where a lag of the reads can't explain why the newest one does not show a change."""
    last = ledger.closed or record.sends >= MAX_SENDS or record.final
    settle = pace.LAST_DOUBT_SECONDS if record.doubtful and last else pace.SETTLE_SECONDS
    return record.since is not None and ledger.seen_at - record.since >= settle - pace.ROUNDING_SECONDS


def in_doubt(ledger: Ledger) -> bool:
    """True where a call of unknown outcome may still show."""
    records = ledger.records()
    return any(record.doubtful and record.open and not is_overdue(ledger, record) for record in records)


def pending(ledger: Ledger) -> list[Change]:
    """The changes that were accepted, or may have been, and do not show yet, though they still can."""
    return [
        record.change
        for record in ledger.records()
        if record.sends and not record.shown and not is_overdue(ledger, record)
    ]


def may_send(ledger: Ledger, change: Change) -> bool:
    """True where a change that is missing in the newest read may be sent, or sent again."""
    record = ledger.of(change)
    if record.final or record.named or record.sends >= MAX_SENDS:
        return False
    return not record.sends or record.shown or is_overdue(ledger, record)


def may_show_late(ledger: Ledger, changes: Iterable[Change], now: float) -> bool:
    """True where a call of unknown outcome may still show some changes, if none follows it."""
    since = [record.since for record in map(ledger.of, changes) if record.doubtful and record.since is not None]
    return any(now - then < pace.LAST_DOUBT_SECONDS - pace.ROUNDING_SECONDS for then in since)
