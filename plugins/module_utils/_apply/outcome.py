# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The outcome of a task on one load balancer, from the ledger and the last read. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._base.errors import ClbError, GuardRefused, WaitTimeout, and_more, natural
from .._bindings.change import ChangeKind
from .._bindings.plan import bound_meanwhile
from .ledger import NOT_ATTEMPTED, Failure, is_overdue, pending

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from .._bindings.change import Change
    from .._bindings.plan import Plan, Remaining
    from .._bindings.snapshot import Binding, BindingKey, Snapshot
    from .ledger import Ledger, Record


MAX_NAMED = 10
"""Bindings that a message names."""


@dataclass(frozen=True)
class Outcome:
    """The outcome on one load balancer.

    :param predicted: the snapshot does not show the done changes yet: ``wait: false``, and check mode.
    :param done: the changes that were sent and are in place, each with its former binding.
    :param unknown: the changes that were sent and whose state could not be read.
    :param restore: the former bindings that were re-weighted, re-tagged or removed, or may have been.
    :param error: the error that stopped the task, or the first failure.
    :param settled: no call of a task that was killed can undo the bindings in place any more.
    """

    snapshot: Snapshot
    predicted: bool = False
    done: Mapping[Change, Binding | None] = field(default_factory=dict)
    failures: Mapping[Change, Failure] = field(default_factory=dict)
    unknown: frozenset[Change] = frozenset()
    restore: tuple[Binding, ...] = ()
    accepted: bool = False
    request_ids: tuple[str, ...] = ()
    error: ClbError | None = None
    warnings: tuple[str, ...] = ()
    settled: bool = True

    @property
    def begun(self) -> bool:
        """Something was changed, or may have been."""
        return self.accepted or bool(self.unknown)


def foresee(plan: Plan) -> Outcome:
    """Predict the outcome of a plan, for check mode."""
    return Outcome(
        snapshot=plan.snapshot,
        predicted=True,
        done={change: change.before for change in plan.changes},
        restore=former(plan.changes, lambda change: change.before),
        accepted=bool(plan.changes),
    )


def refuse(plan: Plan, error: ClbError | None, message: str) -> Outcome:
    """The outcome of a plan that was not begun; the message is for each of its changes."""
    return Outcome(
        snapshot=plan.snapshot,
        failures={change: Failure(NOT_ATTEMPTED, message) for change in plan.changes},
        error=error,
    )


@dataclass(frozen=True)
class Ending:
    """The state of a task when it ends on one load balancer.

    :param assumed: an accepted change counts as done: with ``wait: false`` nothing is read back.
    :param awaits_health: the task ended before every listed target was seen to be healthy.
    """

    plan: Plan
    rest: Remaining
    ledger: Ledger
    error: ClbError | None
    assumed: bool
    readable: bool
    awaits_health: bool
    warnings: Sequence[str]
    settled: bool

    def conclude(self) -> Outcome:
        """Tell the fate of each change."""
        ledger, error = self.ledger, self.error
        still_open = {
            record.change: record.doubtful
            for record in ledger.records()
            # With `wait: false`, calls of unknown outcome are read back all the same.
            if record.open and not (self.assumed and record.doubtful and is_overdue(ledger, record))
        }
        unknown: set[Change] = set()
        if self.assumed:
            unknown = {change for change, doubtful in still_open.items() if doubtful}
        elif not self.readable:
            unknown = set(still_open)
        failures = self._failures(still_open if self.assumed else unknown)
        made = self._made(failures.keys() | unknown)
        done = self._in_place(made, failures, still_open if self.assumed else ())
        if not failures and not unknown and not self.awaits_health and not isinstance(error, GuardRefused):
            error = None
        elif error is None and failures:
            reasons = list(failures.values())
            why = next((reason for reason in reasons if reason.code != NOT_ATTEMPTED), reasons[0])
            error = ClbError(why.shown, code=why.code, action=why.action, request_id=why.request_id)
        return Outcome(
            snapshot=self.rest.snapshot,
            predicted=self.assumed,
            done=done,
            failures=failures,
            unknown=frozenset(unknown),
            restore=self._restore({*made, *unknown}),
            # A listener that FailListenerIdSet names can have been changed in part.
            accepted=ledger.accepted or bool(made),
            request_ids=tuple(ledger.request_ids),
            error=error,
            warnings=tuple(self._all_warnings()),
            settled=self.settled,
        )

    def _sent(self) -> list[Record]:
        """The changes that were sent: first those of the plan, in its order, as a dry run lists them."""
        order = {change: number for number, change in enumerate(self.plan.changes)}
        sent = [record for record in self.ledger.records() if record.sends]
        return sorted(sent, key=lambda record: order.get(record.change, len(order)))

    def _failures(self, excused: Collection[Change]) -> dict[Change, Failure]:
        missing, held = (*self.rest.changes, *self.rest.gone), self.rest.held
        failures = {change: self._reason(change, held) for change in missing if change not in excused}
        for change in self.rest.raised:
            failures[change] = Failure(
                NOT_ATTEMPTED,
                "Somebody else has given it a weight above 0 meanwhile; run the task again to drain it.",
            )
        put_back = Failure(NOT_ATTEMPTED, "The guard min_healthy: its weight was put back.")
        reverted = (record.change for record in self._sent() if record.change.key in self.ledger.reverted)
        failures.update((change, put_back) for change in reverted if change.loss)
        return failures

    def _reason(self, change: Change, held: Mapping[Change, Change]) -> Failure:
        error, record = self.error, self.ledger.of(change)
        if record.refused is not None:
            return record.refused
        if change.pool.key not in self.rest.snapshot.pools:
            return Failure(NOT_ATTEMPTED, f"{change.pool.label} no longer exists.")
        if change in held:
            why = f"{held[change].label}, which this task adds or changes on the same listener, is not in place"
            return Failure(NOT_ATTEMPTED, f"Held back: {why}.")
        if not record.sends:
            if isinstance(error, WaitTimeout) and error.last is not None:
                return Failure.of(error.last)
            why = "the task had ended" if error is None else f"the task stopped with {error.code}"
            return Failure(NOT_ATTEMPTED, f"Not sent: {why}.")
        if record.failure is not None:
            return record.failure
        if error is None or error.action is None or isinstance(error, WaitTimeout):
            return Failure("WaitTimeout", "It was sent, and DescribeTargets did not show it in time.")
        return Failure.of(error)

    def _made(self, others: Collection[Change]) -> dict[Change, Binding | None]:
        """The changes that took effect, and those that may have, except others; each with its former binding."""
        left_out = {change.key for change in self.rest.rebound}
        made: dict[Change, Binding | None] = {}
        for record in self._sent():
            change = record.change
            if change in others or change.key in self.ledger.reverted or (change.loss and change.key in left_out):
                continue
            shows = record.shown and (change.loss or change.in_place(self.rest.snapshot))
            if shows or record.open:
                made[change] = self.ledger.formers.of(change)
        return made

    def _in_place(
        self, made: Mapping[Change, Binding | None], failures: Iterable[Change], assumed: Collection[Change]
    ) -> dict[Change, Binding | None]:
        """The changes that are in place at the end.

        Where somebody has unbound a target after it was changed, and it was bound anew, only the latter is told.

        :param assumed: the changes that count as in place without a read.
        """
        snapshot = self.rest.snapshot
        # A weight of 0 does not show where somebody has unbound the target since, and is in place all the same.
        kept = {change for change in made if change.loss or change in assumed or change.in_place(snapshot)}
        bound = {change.key for change in (*kept, *failures) if change.kind is ChangeKind.REGISTER}
        done: dict[Change, Binding | None] = {}
        for change, before in made.items():
            alone = before and bound.isdisjoint((before.pool.key, name, before.port) for name in before.aliases)
            if change in kept and (change.kind is ChangeKind.REGISTER or alone):
                done[change] = before
        return done

    def _restore(self, changed: Collection[Change]) -> tuple[Binding, ...]:
        """The former bindings of changes that were made, or may have been, in the order of the plan."""
        snapshot, rebound = self.rest.snapshot, {change.key for change in self.rest.rebound}
        # Also a change that does not show yet, since its task may run on; and one that a listener in FailListenerIdSet
        # shows in place, since this task may have made it.
        changed = {*changed, *pending(self.ledger)}
        sent = [record.change for record in self._sent() if record.change.key not in self.ledger.reverted]
        return former(
            (change for change in sent if change in changed or change.key in rebound or change.in_place(snapshot)),
            self.ledger.formers.of,
        )

    def _all_warnings(self) -> Iterable[str]:
        yield from dict.fromkeys(self.warnings)
        if not self.readable or self.assumed:
            return
        snapshot = self.rest.snapshot
        sent = [record.change for record in self._sent()]
        if any(change.kind is ChangeKind.REGISTER and change.tag for change in sent) and not snapshot.tags_known:
            yield "The API response contains no tags: the tags of new bindings could not be checked."
        missing = {change.pool.listener_id for change in (*self.rest.changes, *self.rest.gone)}
        for listener_id in sorted(self.ledger.cleared - missing, key=natural):
            yield f"The API named {listener_id} in FailListenerIdSet, and all that was asked for is in place."
        if self.rest.rebound:
            names = and_more([change.label for change in self.rest.rebound], MAX_NAMED)
            yield f"Somebody else has bound again or raised targets that this task took away: {names}. They stay so."
        rebound = {change.key for change in self.rest.rebound}
        later = [bound.label for bound in bound_meanwhile(self.plan, snapshot) if bound.identity not in rebound]
        if later:
            names = and_more(later, MAX_NAMED)
            yield (
                f"Somebody else has meanwhile bound or changed targets within the scope of this task: {names}. "
                "They were left; run the task again to take them away."
            )


def former(changes: Iterable[Change], before: Callable[[Change], Binding | None]) -> tuple[Binding, ...]:
    """The former bindings of changes, each once."""
    found: dict[BindingKey, Binding] = {}
    for change in changes:
        bound = None if change.kind is ChangeKind.REGISTER else before(change)
        if bound is not None:
            found.setdefault(bound.identity, bound)
    return tuple(found.values())
