# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Narrow a refused call down: name what spoils it, and get the others through."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._api.capacity import ENTRY
from .._api.members import ACTIONS, members_of, sizes_of
from .._base.errors import ClbError, Refused, WaitTimeout
from .._base.refusals import Concern, Remedy
from .._bindings.change import ChangeKind
from .bisect import Cause, find_causes
from .ledger import NOT_ATTEMPTED, Failure
from .writer import Answer, Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from .._api.clb import Clb, Settings
    from .._bindings.change import Change
    from .ledger import Ledger
    from .writer import Writer

MAX_EXTRA_CALLS = 64
"""Calls that narrowing may add in one task."""
DIRECT_TARGETS = "NODE"
"""The ``TargetType`` of a listener or rule that takes direct targets (vendor's model ``Listener``)."""

Words = tuple[str, str]
"""Code and text of a refusal, without what differs from call to call."""


class ExtraCalls:
    """The calls that narrowing may add, shared by all load balancers of a task."""

    def __init__(self, calls: int = MAX_EXTRA_CALLS) -> None:
        self._left = calls
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Take one; False where none is left."""
        with self._lock:
            if not self._left:
                return False
            self._left -= 1
            return True

    def give_back(self) -> None:
        """Give one back that was not needed: a load balancer that is busy refuses nothing for good."""
        with self._lock:
            self._left += 1


@dataclass(frozen=True)
class SharedNarrowing:
    """What the load balancers of a task share when they narrow calls.

    :param extra_calls: those that narrowing may still add.
    :param met: the words of all refusals that were narrowed, on any load balancer.
    :param general: those of them that were found to concern no member.
    """

    extra_calls: ExtraCalls = field(default_factory=ExtraCalls)
    met: set[Words] = field(default_factory=set)
    general: set[Words] = field(default_factory=set)


class _NoMoreCalls(Exception):
    """Narrowing has used up its calls."""


class Narrower:
    """Narrows the refused calls of one load balancer.

    :param ledger: learns what is refused for good.
    :param shared: what the load balancers of the task share.
    :param missing_of: those of a call that the newest read shows missing and that may still be sent.
    :param check_guard: checks the guard before a loss; whether what is bound was read again for it. None: no guard.
    """

    def __init__(
        self,
        clb: Clb,
        load_balancer_id: str,
        writer: Writer,
        ledger: Ledger,
        shared: SharedNarrowing,
        missing_of: Callable[[Iterable[Change]], list[Change]],
        check_guard: Callable[[], bool] | None,
    ) -> None:
        self._clb = clb
        self._load_balancer_id = load_balancer_id
        self._writer = writer
        self._ledger = ledger
        self._shared = shared
        self._missing_of = missing_of
        self._check_guard = check_guard
        self._settings: Settings = {}
        self._asked_for_types: set[str] = set()
        self._general: set[Words] = set()
        self._too_large: dict[str, int] = {}
        """The sizes of the group that was asked for last in `may_be_size`."""

    def narrow(self, changes: Sequence[Change], refusal: Refused) -> None:
        """Find out what spoils a refused call, and get the others through.

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
                self._ledger.reject(self._unsent_of(changes), Failure.of(fatal, general=True))
            raise

    def _give_up(self, changes: Sequence[Change], refusal: Refused, why: str) -> None:
        reason = f"Its call was refused with {refusal.code} ({refusal.api_message}), and {why} narrow that down."
        failure = Failure(NOT_ATTEMPTED, reason)
        if self._words(refusal) in self._shared.general:
            failure = Failure.of(refusal, general=True)
        self._ledger.reject(self._unsent_of(changes), failure)

    def _narrow(self, changes: Sequence[Change], refusal: Refused) -> None:
        if refusal.remedy is Remedy.FATAL and not (
            refusal.concerns is Concern.UNSUPPORTED and self._reject_target_groups(changes, refusal)
        ):
            # What somebody else has unbound meanwhile is no failure, whatever the code: the last read shows it.
            self._writer.unread |= changes[0].kind is ChangeKind.DEREGISTER
            raise refusal
        if changes[0].kind is ChangeKind.DEREGISTER:
            self._writer.wait_for_removals(changes)
        elif refusal.remedy is Remedy.QUOTA:
            # What is bound counts already: a call of unknown outcome may have filled the quota with these very targets.
            self._writer.wait_for_doubtful(changes)
        else:
            self._writer.read()
        group = self._missing_of(changes)
        if refusal.remedy is Remedy.NARROW and self._reject_target_groups(group, refusal):
            group = self._missing_of(group)
        last: Refused | None = refusal
        # Somebody else may have done a part of it: what is in place is no reason to fail.
        if len(group) < len(changes):
            last = self._send_extra(group) if group else None
        if last is not None:
            self._find(group, last)

    def _find(self, group: list[Change], refusal: Refused) -> None:
        if refusal.remedy is Remedy.FATAL:
            raise refusal
        words = self._words(refusal)
        if words in self._general:
            self._ledger.reject(group, Failure.of(refusal, general=True))
            return
        known = words in self._shared.met and refusal.concerns is not Concern.LENGTH
        self._shared.met.add(words)
        # A quota can be that of each listener, and have the same words for all.
        causes = find_causes(group, refusal, self, ask_alone=refusal.remedy is not Remedy.QUOTA, skip_halves=known)
        for found in causes:
            if found.cause is Cause.SIZE:
                self._clb.capacity.learn(ACTIONS[group[0].kind], self._too_large)
                # The rest is sent in calls of the new size.
                return
            if found.cause is Cause.NO_MEMBER:
                self._general.add(words)
                self._shared.general.add(words)
            general = found.cause is Cause.NO_MEMBER
            self._ledger.reject(found.members, Failure.of(found.refusal, general=general))

    def _unsent_of(self, changes: Sequence[Change]) -> list[Change]:
        return [change for change in self._missing_of(changes) if not self._ledger.was_sent(change)]

    def _words(self, refusal: Refused) -> Words:
        text = refusal.api_message
        for own in (refusal.request_id, self._load_balancer_id):
            if own:
                text = text.replace(own, "")
        return refusal.code, text

    # -- what the search asks for

    def send(self, group: list[Change]) -> Refused | None:
        """Send a part of a refused call; returns its refusal, None where all of it got through.

        :param group: the part; after each wait, only what is still missing of it is sent.
        :raises Refused: no other part would fare better.
        """
        answer = self._send_extra(group)
        if answer is not None and answer.remedy is Remedy.FATAL:
            raise answer
        return answer

    def split(self, group: list[Change], refusal: Refused) -> tuple[list[Change], list[Change]] | None:
        """Halve what is still missing of a refused group: a part of it can have shown before the refusal came."""
        return _halves(self._missing_of(group) or group, refusal)

    def are_alike(self, one: Refused, other: Refused) -> bool:
        """Whether two refusals have the same code and text."""
        return self._words(one) == self._words(other)

    def may_be_size(self, group: list[Change], refusal: Refused) -> bool:
        """Whether a refused group may be longer than the API takes; then its parts get shorter entries, too."""
        if refusal.concerns is not Concern.LENGTH:
            return False
        action, capacity = ACTIONS[group[0].kind], self._clb.capacity
        self._too_large = sizes = sizes_of(members_of(group, capacity))
        if not capacity.is_new(action, sizes):
            return False
        if capacity.nearest(action, sizes) == ENTRY:
            capacity.halve(action, ENTRY, sizes[ENTRY])
        return True

    def _send_extra(self, changes: list[Change]) -> Refused | None:
        """Send a part of a refused call; after each wait, only what is still missing of it."""
        group = self._missing_of(changes)
        while group:
            check_guard = self._check_guard if group[0].loss else None
            if check_guard is not None and check_guard():
                group = self._missing_of(group)
                continue
            if not self._shared.extra_calls.take():
                raise _NoMoreCalls
            answer: Answer = self._writer.send(group, more=True, careful=check_guard is not None)
            if isinstance(answer, Refused):
                return answer
            if answer is Sent.ACCEPTED:
                return None
            if answer is Sent.POSTPONED:
                self._shared.extra_calls.give_back()
            group = self._missing_of(group)
        return None

    def _reject_target_groups(self, group: Sequence[Change], refusal: Refused) -> bool:
        """Reject what belongs to a target group; each listener is asked for once, when a call of it is refused."""
        listeners = dict.fromkeys(change.pool.listener_id for change in group)
        unasked = [listener_id for listener_id in listeners if listener_id not in self._asked_for_types]
        if unasked:
            self._asked_for_types.update(unasked)
            # Where this is refused, only the reason would have been better; the refusal itself is known.
            with contextlib.suppress(ClbError):
                self._settings.update(self._clb.describe_listeners(self._load_balancer_id, unasked))
        found = False
        for change in group:
            place = change.pool.key
            own = [self._settings[key].target_type for key in (place, (place[0], None)) if key in self._settings]
            target_type = next(filter(None, own), DIRECT_TARGETS)
            if target_type == DIRECT_TARGETS:
                continue
            found = True
            self._ledger.reject(
                [change],
                Failure(
                    refusal.code,
                    f"{change.pool.label} is bound to a target group ({target_type}): its targets are managed in the "
                    "target group, not by direct binding. Change the target group, or leave this listener or rule out.",
                    refusal.action,
                    refusal.request_id,
                ),
            )
        return found


def _halves(changes: list[Change], refusal: Refused) -> tuple[list[Change], list[Change]] | None:
    """Halve by listeners, within the last one by rules or targets; None where it goes no further.

    A quota belongs to the whole listener, and a rule that is not found to all its targets: these are not told apart.
    """
    for place_of in () if refusal.concerns is Concern.LENGTH else (_listener_of, _pool_of):
        places = list(dict.fromkeys(map(place_of, changes)))
        if len(places) > 1:
            first = set(places[: len(places) // 2])
            return (
                [change for change in changes if place_of(change) in first],
                [change for change in changes if place_of(change) not in first],
            )
        if refusal.remedy is Remedy.QUOTA:
            return None
    if len(changes) == 1 or refusal.concerns is Concern.LISTENER:
        return None
    middle = len(changes) // 2
    return list(changes[:middle]), list(changes[middle:])


def _listener_of(change: Change) -> Hashable:
    return change.pool.listener_id


def _pool_of(change: Change) -> Hashable:
    return change.pool.key
