# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Narrow a refused call down: name the members that spoil it, and get the others through."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .._base.errors import ClbError, Refused
from .._base.refusals import Remedy
from .._bindings.change import ChangeKind
from .bisect import find_culprits
from .ledger import NOT_ATTEMPTED, Failure
from .writer import Answer, Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .._api.clb import Clb
    from .._bindings.change import Change
    from .ledger import Ledger
    from .writer import Writer

MAX_EXTRA_CALLS = 64
"""Calls that narrowing may add in one task."""
DIRECT_TARGETS = "NODE"
"""The ``TargetType`` of a listener or rule that takes direct targets (vendor's model ``Listener``)."""


class ExtraCalls:
    """The calls that narrowing may add, shared by all load balancers of a task.

    :param calls: how many.
    """

    def __init__(self, calls: int = MAX_EXTRA_CALLS) -> None:
        self._left = calls
        self._lock = threading.Lock()

    def give_back(self) -> None:
        """Give one back that was not needed: a load balancer that is busy refuses nothing for good."""
        with self._lock:
            self._left += 1

    def take(self) -> bool:
        """Take one; False where none is left."""
        with self._lock:
            self._left -= 1
            return self._left >= 0


class _NoMoreCalls(Exception):
    """Narrowing has used up its calls."""


class Narrower:
    """Narrows the refused calls of one load balancer.

    :param clb: the actions.
    :param load_balancer_id: its ID.
    :param writer: sends and reads.
    :param ledger: learns what is refused for good.
    :param extra_calls: what is left for narrowing.
    :param missing_of: those of a call that the newest read shows missing and that may still be sent.
    :param check_guard: checks the guard before a loss; whether what is bound was read again for it. None: no guard.
    """

    def __init__(
        self,
        clb: Clb,
        load_balancer_id: str,
        writer: Writer,
        ledger: Ledger,
        extra_calls: ExtraCalls,
        missing_of: Callable[[Iterable[Change]], list[Change]],
        check_guard: Callable[[], bool] | None,
    ) -> None:
        self._clb = clb
        self._load_balancer_id = load_balancer_id
        self._writer = writer
        self._ledger = ledger
        self._extra_calls = extra_calls
        self._missing_of = missing_of
        self._check_guard = check_guard
        self._asked_for_types = False

    def narrow(self, changes: Sequence[Change], refusal: Refused) -> None:
        """Find the members that spoil a refused call, and get the others through.

        :param changes: of the call.
        :param refusal: its answer.
        :raises ClbError: the task can't go on.
        """
        if changes[0].kind is ChangeKind.DEREGISTER:
            self._writer.wait_for_removals(changes)
        else:
            self._writer.read()
        group = self._missing_of(changes)
        try:
            last: Refused | None = refusal
            if refusal.remedy is Remedy.NARROW:
                group = self._without_target_groups(group, refusal)
            # Somebody else may have done a part of it: what is in place is no reason to fail.
            if len(group) < len(changes):
                last = self._send_extra(group) if group else None
            if last is not None:
                for culprits, why in find_culprits(group, last, self._send_extra, self._split):
                    self._ledger.reject(culprits, Failure.of(why))
        except _NoMoreCalls:
            self._ledger.reject(
                [change for change in self._missing_of(changes) if not self._ledger.was_sent(change)],
                Failure(
                    NOT_ATTEMPTED,
                    f"Its call was refused with {refusal.code} ({refusal.api_message}), and {MAX_EXTRA_CALLS} extra "
                    "calls in this task were not enough to narrow that down.",
                ),
            )

    def _split(self, group: list[Change], refusal: Refused) -> tuple[list[Change], list[Change]] | None:
        """Halve what is still missing of a refused group: a part of it can have shown before the refusal came."""
        return _halves(self._missing_of(group) or group, refusal)

    def _send_extra(self, changes: list[Change]) -> Refused | None:
        """Send a part of a refused call; after each wait, only what is still missing of it."""
        group = self._missing_of(changes)
        while group:
            check_guard = self._check_guard if group[0].loss else None
            if check_guard is not None and check_guard():
                group = self._missing_of(group)
                continue
            if not self._extra_calls.take():
                raise _NoMoreCalls
            answer: Answer = self._writer.send(group, more=True, careful=check_guard is not None)
            if isinstance(answer, Refused):
                return answer
            if answer is Sent.ACCEPTED:
                return None
            if answer is Sent.POSTPONED:
                self._extra_calls.give_back()
            group = self._missing_of(group)
        return None

    def _without_target_groups(self, group: list[Change], refusal: Refused) -> list[Change]:
        """Leave out what belongs to a target group; asked once, and only now that a call was refused."""
        if self._asked_for_types or not group:
            return group
        self._asked_for_types = True
        try:
            types = self._clb.describe_listeners(
                self._load_balancer_id, list(dict.fromkeys(change.pool.listener_id for change in group))
            )
        except ClbError:
            # Only the reason would have been better; the refusal itself is known.
            return group
        kept = []
        for change in group:
            target_type = types.get(change.pool.key) or types.get((change.pool.listener_id, None)) or DIRECT_TARGETS
            if target_type == DIRECT_TARGETS:
                kept.append(change)
                continue
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
        return kept


def _halves(changes: list[Change], refusal: Refused) -> tuple[list[Change], list[Change]] | None:
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
