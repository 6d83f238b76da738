# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard ``min_healthy`` while losses are sent: checked again before each call, and once they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._base import pace
from .._base.errors import ClbError, GuardRefused, Refused, and_more, natural, sentences
from .._base.refusals import Remedy
from .._bindings.change import Change, ChangeKind
from .._bindings.guard import Checked, PoolLoss, all_serving, check_guard, find_short, takes_capacity
from .batches import calls_for
from .ledger import Failure, may_send
from .outcome import MAX_NAMED
from .session import Sent, Session, missing_losses, to_send

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .._bindings.snapshot import BindingKey


class Guard:
    """The guard of one load balancer.

    :param minimum: targets that get traffic and must be left in each pool.
    :param checked: the guard as it was checked before the first call; None where nothing was to be guarded.
    """

    def __init__(self, session: Session, minimum: int, checked: Checked | None) -> None:
        self._session = session
        self._minimum = minimum
        self._checked = checked
        self._waits = session.waits
        self._served: frozenset[BindingKey] = frozenset()
        if checked is not None:
            self._served = all_serving(session.snapshot, checked.health, session.snapshot.bindings)
        self._passed: dict[BindingKey, PoolLoss] = {}
        """Targets that got traffic at the last check before they were taken, each with the loss of its pool."""

    def note(self, checked: Checked) -> None:
        """Use health that was read for another reason."""
        self._checked = checked

    def check(self) -> bool:
        """Check the guard for all that is still to be lost, on health that is new enough.

        :returns: True where bindings were read again for it.
        :raises GuardRefused: too few would be left.
        """
        session, checked, now = self._session, self._checked, self._session.shared.budget.now
        again = checked is None or session.waits > self._waits or now() - checked.at > pace.HEALTH_SECONDS
        if checked is None or again:
            if not takes_capacity(to_send(session, losses=True)):
                return False
            # Read bindings last, so that the write follows the newest state. Date the health when the read ends: with a
            # slow API it would otherwise always be too old.
            health = session.read_health()
            session.read()
            checked = self._checked = Checked(health, now())
            self._waits = session.waits
        # With those that were sent and do not show yet: the snapshot still has them in traffic.
        losses = missing_losses(session)
        if takes_capacity(losses):
            fresh, served = _registered(session), self._served
            found = check_guard(
                session.snapshot, losses, checked.health, self._minimum, count_gains=False, fresh=fresh, served=served
            )
            for change in losses:
                self._passed.pop(change.key, None)
            self._passed.update({bound.identity: loss for loss in found for bound in loss.losing})
        return again

    def look_after_losses(self) -> None:
        """Check that enough targets get traffic once the losses show; if not, put back the weights that were taken.

        No lock holds between controllers, so two tasks may have passed the guard at the same time.

        :raises GuardRefused: too few get traffic.
        """
        session = self._session
        records = [record for record in session.ledger.records() if record.shown and record.change.loss]
        lost = [record.change for record in records if record.change.key in self._passed]
        if not lost or self._checked is None:
            return
        try:
            health = session.read_health()
        except ClbError as error:
            session.warnings.append(
                f"min_healthy was not checked after the losses, because the health could not be read: {error.message}"
            )
            return
        losses, fresh = {self._passed[change.key] for change in lost}, _registered(session)
        count = find_short(session.snapshot, losses, health, self._checked.health, self._minimum, fresh)
        short = [change for change in lost if change.pool.key in count]
        if not short:
            return
        labels = {
            f"{loss.pool.label} ({count[loss.pool.key]}{loss.counted})" for loss in losses if loss.pool.key in count
        }
        undone = self._put_back(short)
        raise GuardRefused(
            f"min_healthy is {self._minimum}, and fewer targets that get traffic were left once the losses showed: "
            f"{and_more(sorted(labels, key=natural), MAX_NAMED)}. Something else takes capacity away at the same "
            f"time, such as a task on another controller. {undone}{_cure(short, session.ledger.reverted)}"
        )

    def _put_back(self, losses: Sequence[Change]) -> str:
        """Write weights back that this task has taken; returns how that went, in sentences."""
        session = self._session
        taken = [(change, session.ledger.formers.of(change)) for change in losses if change.kind is ChangeKind.WEIGHT]
        back = [
            Change(change.kind, change.pool, change.backend, change.port, weight=before.weight, before=before)
            for change, before in taken
            if before is not None
        ]
        why = ""
        try:
            self._write_back(back)
        except ClbError as error:
            # Report the shortfall; why the undo failed is a detail of it.
            why = session.explain(error).message
        returned = [change for change in back if change.in_place(session.snapshot)]
        session.ledger.reverted.update(change.key for change in returned)
        text = ""
        if returned:
            text = f"The weight of {and_more([change.label for change in returned], MAX_NAMED)} was put back. "
        failed = [change.label for change in back if change not in returned]
        if failed:
            text += sentences(f"The weight of {and_more(failed, MAX_NAMED)} could not be put back.", why) + " "
        return text

    def _write_back(self, changes: Sequence[Change]) -> None:
        session = self._session
        while True:
            missing = [
                change
                for change in changes
                if not change.in_place(session.snapshot)
                and session.snapshot.find(change.pool.key, change.backend, change.port) is not None
                and may_send(session.ledger, change)
            ]
            if not missing:
                return
            calls = calls_for(missing, session.clb.capacity)
            for number, call in enumerate(calls, start=1):
                answer = session.send(call, another_call_follows=number < len(calls))
                if isinstance(answer, Refused):
                    session.ledger.reject(call, Failure.of(answer))
                    if answer.remedy is Remedy.FATAL:
                        raise answer
                if answer is not Sent.ACCEPTED:
                    break
            session.settle()


def _cure(short: Sequence[Change], returned: Collection[BindingKey]) -> str:
    """Say what helps: a loss that was put back can be tried again; any other one would be left as it is by a rerun."""
    removed = [change.label for change in short if change.kind is ChangeKind.DEREGISTER]
    texts = [f"Removed: {and_more(removed, MAX_NAMED)}"] if removed else []
    back = [change.key in returned for change in short]
    if not all(back):
        texts.append("To put these back, give their entries of restore as targets, with state present")
    if any(back):
        texts.append("Run the task again when enough targets get traffic")
    return sentences(*texts)


def _registered(session: Session) -> set[BindingKey]:
    """The bindings that this task has registered, or may have."""
    sent = [record.change for record in session.ledger.records() if record.sends]
    found = [
        session.snapshot.find(change.pool.key, change.backend, change.port)
        for change in sent
        if change.kind is ChangeKind.REGISTER
    ]
    return {bound.identity for bound in found if bound is not None}
