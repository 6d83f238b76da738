# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Narrow a refused call down: name the changes that spoil it, and get the others through."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from .._api.members import ACTIONS, ENTRY, members_of, sizes_of
from .._base import pace
from .._base.errors import ClbError, Refused, WaitTimeout
from .._base.refusals import Concern, Remedy
from .._bindings.change import ChangeKind
from .bisect import Cause, find_causes
from .ledger import NOT_ATTEMPTED, Failure, may_show_late
from .session import MAX_EXTRA_CALLS, Sent, still_missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._api.clb import Settings
    from .._bindings.change import Change
    from .guarding import Guard
    from .session import Session, Words

DIRECT_TARGETS = "NODE"
"""The ``TargetType`` of a listener or rule that takes direct targets (vendor's model ``Listener``)."""


class _NoMoreCalls(Exception):
    """Narrowing has used up its calls."""


class Narrower:
    """Narrows the refused calls of one load balancer.

    :param guard: is checked before each loss; None: no guard.
    """

    def __init__(self, session: Session, guard: Guard | None) -> None:
        self._session = session
        self._guard = guard
        self._settings: Settings = {}
        self._asked_for_types: set[str] = set()
        self._general: set[Words] = set()
        self._too_large: dict[str, int] = {}
        """The sizes of the group that was asked for last in `may_be_size`."""

    def narrow(self, changes: Sequence[Change], refusal: Refused) -> None:
        """Find the cause of a refusal, and get the other changes through.

        :raises ClbError: the task can't go on.
        """
        try:
            self._narrow(changes, refusal)
        except _NoMoreCalls:
            self._give_up(changes, refusal, f"{MAX_EXTRA_CALLS} extra calls in this task were not enough to")
        except WaitTimeout:
            self._give_up(changes, refusal, "the time was not enough to")
            raise
        except Refused as fatal:
            # A read that is refused says nothing of the changes.
            if fatal.action == refusal.action:
                self._session.ledger.reject(self._unsent_of(changes), Failure.of(fatal, general=True))
            raise

    def _give_up(self, changes: Sequence[Change], refusal: Refused, why: str) -> None:
        reason = f"Its call was refused with {refusal.code} ({refusal.api_message}), and {why} narrow that down."
        failure = Failure(NOT_ATTEMPTED, reason)
        if self._words(refusal) in self._session.shared.general:
            failure = Failure.of(refusal, general=True)
        self._session.ledger.reject(self._unsent_of(changes), failure)

    def _narrow(self, changes: Sequence[Change], refusal: Refused) -> None:
        session = self._session
        if refusal.remedy is Remedy.FATAL and not (
            refusal.concerns is Concern.UNSUPPORTED and self._reject_target_groups(changes, refusal)
        ):
            raise refusal
        if changes[0].kind is ChangeKind.DEREGISTER:
            # To remove a target that is gone is refused every time: a lag of the reads must not hide that.
            session.read_until(
                lambda: all(change.in_place(session.snapshot) for change in changes),
                "the outcome of a removal to show",
                pace.SETTLE_SECONDS,
            )
        elif refusal.remedy is Remedy.QUOTA:
            # A call of unknown outcome may have filled the quota with these very targets.
            session.read_until(
                lambda: not may_show_late(session.ledger, changes, session.shared.budget.now()),
                "the outcome of a call to show",
            )
        else:
            session.read()
        group = still_missing(session, changes)
        if refusal.remedy is Remedy.NARROW and self._reject_target_groups(group, refusal):
            group = still_missing(session, group)
        last: Refused | None = refusal
        # Somebody else may have done a part of it, which is no reason to fail.
        if len(group) < len(changes):
            last = self._send_extra(group)
        if last is not None:
            self._find(group, last)

    def _find(self, group: list[Change], refusal: Refused) -> None:
        if refusal.remedy is Remedy.FATAL:
            raise refusal
        session, words = self._session, self._words(refusal)
        if words in self._general:
            session.ledger.reject(group, Failure.of(refusal, general=True))
            return
        known = words in session.shared.met and refusal.concerns is not Concern.LENGTH
        session.shared.met.add(words)
        # A quota can be that of each listener, and have the same words for all.
        causes = find_causes(group, refusal, self, ask_alone=refusal.remedy is not Remedy.QUOTA, skip_halves=known)
        for found in causes:
            if found.cause is Cause.SIZE:
                session.clb.capacity.learn(ACTIONS[group[0].kind], self._too_large)
                # The rest is sent in calls of the new size.
                return
            general = found.cause is Cause.NO_MEMBER
            if general:
                self._general.add(words)
                session.shared.general.add(words)
            missing = [change for change in found.members if not change.in_place(session.snapshot)]
            session.ledger.reject(missing, Failure.of(found.refusal, general=general))

    def _unsent_of(self, changes: Sequence[Change]) -> list[Change]:
        ledger = self._session.ledger
        return [change for change in still_missing(self._session, changes) if not ledger.of(change).sends]

    def _words(self, refusal: Refused) -> Words:
        text = refusal.api_message
        for own in (refusal.request_id, self._session.load_balancer_id):
            if own:
                text = text.replace(own, "")
        return refusal.code, text

    # -- the questions of the search

    def send(self, group: list[Change]) -> Refused | None:
        """Send a part of a refused call; returns its refusal, None where all of it got through.

        :raises Refused: no other part would fare better.
        """
        answer = self._send_extra(group)
        if answer is not None and answer.remedy is Remedy.FATAL:
            raise answer
        return answer

    def split(self, group: list[Change], refusal: Refused) -> tuple[list[Change], list[Change]] | None:
        """Halve the changes of a refused group that are still missing: some can have shown before the refusal came."""
        return _halves(still_missing(self._session, group) or group, refusal)

    def are_alike(self, one: Refused, other: Refused) -> bool:
        """Compare the codes and texts of two refusals."""
        return self._words(one) == self._words(other)

    def may_be_size(self, group: list[Change], refusal: Refused) -> bool:
        """True where a refused group may be longer than the API allows; then its parts get shorter entries, too."""
        if refusal.concerns is not Concern.LENGTH:
            return False
        action, capacity = ACTIONS[group[0].kind], self._session.clb.capacity
        self._too_large = sizes = sizes_of(members_of(group, capacity))
        if not capacity.is_new(action, sizes):
            return False
        if capacity.nearest(action, sizes) == ENTRY:
            capacity.halve(action, ENTRY, sizes[ENTRY])
        return True

    def _send_extra(self, changes: list[Change]) -> Refused | None:
        """Send a part of a refused call; after each wait, only its changes that are still missing."""
        session = self._session
        extra_calls = session.shared.extra_calls
        group = still_missing(session, changes)
        while group:
            guard = self._guard if group[0].loss else None
            if guard is not None and guard.check():
                group = still_missing(session, group)
                continue
            if not extra_calls.acquire(blocking=False):
                raise _NoMoreCalls
            answer = session.send(group, another_call_follows=True, guard_before_resend=guard is not None)
            if isinstance(answer, Refused):
                return answer
            if answer is Sent.POSTPONED:
                # A load balancer that is busy refuses nothing for good.
                extra_calls.release()
            group = still_missing(session, group)
        return None

    def _reject_target_groups(self, group: Sequence[Change], refusal: Refused) -> bool:
        """Reject changes of target groups; each listener is asked for once, when a call of it is refused."""
        listeners = dict.fromkeys(change.pool.listener_id for change in group)
        unasked = [listener_id for listener_id in listeners if listener_id not in self._asked_for_types]
        if unasked:
            self._asked_for_types.update(unasked)
            # If this is refused, too, the first refusal has to do as the reason.
            with contextlib.suppress(ClbError):
                self._settings.update(self._session.clb.describe_listeners(self._session.load_balancer_id, unasked))
        found = False
        for change in group:
            place = change.pool.key
            own = [self._settings[key].target_type for key in (place, (place[0], None)) if key in self._settings]
            target_type = next(filter(None, own), DIRECT_TARGETS)
            if target_type == DIRECT_TARGETS:
                continue
            found = True
            message = (
                f"{change.pool.label} is bound to a target group ({target_type}): its targets are managed in the "
                "target group, not by direct binding. Change the target group, or leave this listener or rule out."
            )
            failure = Failure(refusal.code, message, refusal.action, refusal.request_id)
            self._session.ledger.reject([change], failure)
        return found


def _halves(changes: list[Change], refusal: Refused) -> tuple[list[Change], list[Change]] | None:
    """Halve by listeners, within the last one by rules or targets; None where it goes no further.

    A quota belongs to the whole listener, and a rule that is not found to all its targets: these are not told apart.
    """
    for depth in () if refusal.concerns is Concern.LENGTH else (1, 2):
        # A pool's key is its listener's ID and its rule's.
        places = list(dict.fromkeys(change.pool.key[:depth] for change in changes))
        if len(places) > 1:
            first = set(places[: len(places) // 2])
            return (
                [change for change in changes if change.pool.key[:depth] in first],
                [change for change in changes if change.pool.key[:depth] not in first],
            )
        if refusal.remedy is Remedy.QUOTA:
            return None
    if len(changes) == 1 or refusal.concerns is Concern.LISTENER:
        return None
    middle = len(changes) // 2
    return list(changes[:middle]), list(changes[middle:])
