# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a task went on one load balancer: the fate of each change, from the ledger and the last read. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._base.errors import ClbError, GuardRefused, WaitTimeout, and_more, natural
from .._bindings.change import ChangeKind
from .._bindings.plan import bound_meanwhile
from .ledger import NOT_ATTEMPTED, Done, Failure, Pending

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from .._bindings.change import Change
    from .._bindings.plan import Plan, Remaining
    from .._bindings.snapshot import Binding, BindingKey, Snapshot
    from .ledger import Ledger

MAX_NAMED = 10


@dataclass(frozen=True)
class Outcome:
    """How it went on one load balancer.

    :param predicted: whether what was done does not show in the snapshot yet: ``wait: false``, and check mode.
    :param done: the changes that were sent and are in place, with the binding before.
    :param failures: for each change that is not in place, why.
    :param unknown: the changes that were sent and whose state could not be read.
    :param restore: the bindings that were re-weighted, re-tagged or removed, or may have been, as they were before.
    :param accepted: whether the API accepted a change.
    :param error: what stopped the task, or the first failure; None where all went well.
    :param settled: whether what is in place can't be undone any more by a call of a task that was killed.
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
        """Whether something was changed, or may have been."""
        return self.accepted or bool(self.unknown)


def foresee(plan: Plan) -> Outcome:
    """What carrying out a plan will do, for check mode."""
    return Outcome(
        snapshot=plan.snapshot,
        predicted=True,
        done={change: change.before for change in plan.changes},
        restore=former(plan.changes, lambda change: change.before),
        accepted=bool(plan.changes),
    )


def refuse(plan: Plan, error: ClbError | None, message: str) -> Outcome:
    """What is left of a plan that was not begun.

    :param error: why; None where it has no changes.
    :param message: for each of its changes.
    """
    return Outcome(
        snapshot=plan.snapshot,
        failures={change: Failure(NOT_ATTEMPTED, message) for change in plan.changes},
        error=error,
    )


@dataclass(frozen=True)
class Ending:
    """What is known when a task ends on one load balancer, from which :meth:`outcome` tells how it went.

    :param rest: what its last read shows missing.
    :param ledger: what became of each change.
    :param held: the losses that were held back, and why.
    :param error: what stopped the task; None where nothing did.
    :param assumed: whether what was accepted counts as done: with ``wait: false`` nothing is read back.
    :param readable: whether the last call's effect could be read.
    :param awaits_health: whether it ended before every listed target was seen to be healthy.
    :param closed: the pools whose health check is switched off.
    :param warnings: sentences for the user, found on the way.
    """

    plan: Plan
    rest: Remaining
    ledger: Ledger
    held: Mapping[Change, Failure]
    error: ClbError | None = None
    assumed: bool = False
    readable: bool = True
    awaits_health: bool = False
    closed: Collection[str] = ()
    warnings: Sequence[str] = ()
    settled: bool = True

    def outcome(self) -> Outcome:
        """The fate of each change."""
        ledger, error = self.ledger, self.error
        open_changes = {change for change in ledger.sent() if isinstance(ledger.verdict(change), Pending)}
        unknown = set() if self.readable else open_changes
        if self.assumed:
            unknown = {change for change in open_changes if self._is_in_doubt(change)}
        failures = self._failures(open_changes if self.assumed else unknown)
        done = self._done(failures.keys() | unknown)
        if not failures and not unknown and not self.awaits_health and not isinstance(error, GuardRefused):
            error = None
        elif error is None and failures:
            reasons = list(failures.values())
            error = _as_error(next((reason for reason in reasons if reason.code != NOT_ATTEMPTED), reasons[0]))
        return Outcome(
            snapshot=self.rest.snapshot,
            predicted=self.assumed,
            done=done,
            failures=failures,
            unknown=frozenset(unknown),
            restore=self._restore(done, unknown),
            # What FailListenerIdSet names can have been applied in part.
            accepted=ledger.accepted or bool(done),
            request_ids=tuple(ledger.request_ids),
            error=error,
            warnings=tuple(self._all_warnings()),
            settled=self.settled,
        )

    def _is_in_doubt(self, change: Change) -> bool:
        verdict = self.ledger.verdict(change)
        return isinstance(verdict, Pending) and verdict.in_doubt

    def _failures(self, excused: Collection[Change]) -> dict[Change, Failure]:
        """Why each change that is missing is not in place."""
        failures = {
            change: self._reason(change) for change in (*self.rest.changes, *self.rest.gone) if change not in excused
        }
        for change in self.rest.raised:
            failures[change] = Failure(
                NOT_ATTEMPTED,
                "Somebody else has given it a weight above 0 meanwhile; run the task again to drain it.",
            )
        for change in self.ledger.sent():
            if change.loss and change.key in self.ledger.reverted:
                failures[change] = Failure(NOT_ATTEMPTED, "The guard min_healthy: its weight was put back.")
        return failures

    def _done(self, others: Collection[Change]) -> dict[Change, Binding | None]:
        """The changes that this task has sent, that were not refused, and that are in place."""
        rebound = {change.key for change in self.rest.rebound}
        done: dict[Change, Binding | None] = {}
        for change in self._in_order_of_the_plan(self.ledger.sent()):
            if change in others or change.key in self.ledger.reverted or (change.loss and change.key in rebound):
                continue
            verdict = self.ledger.verdict(change)
            shows = change.loss or change.in_place(self.rest.snapshot)
            if (isinstance(verdict, Done) and shows) or (isinstance(verdict, Pending) and self.assumed):
                done[change] = self.ledger.before(change)
        return done

    def _reason(self, change: Change) -> Failure:
        """Why a change is not in place."""
        error = self.error
        verdict = self.ledger.verdict(change)
        if isinstance(verdict, Failure):
            return verdict
        if change.pool.key not in self.rest.snapshot.pools:
            return Failure(NOT_ATTEMPTED, f"{change.pool.label} no longer exists.")
        if change in self.held:
            return self.held[change]
        if not self.ledger.was_sent(change):
            if isinstance(error, WaitTimeout) and error.last is not None:
                return Failure.of(error.last)
            why = "the task had ended" if error is None else f"the task stopped with {error.code}"
            return Failure(NOT_ATTEMPTED, f"Not sent: {why}.")
        doubt = self.ledger.doubt_about(change)
        if doubt is not None:
            return doubt
        if error is None or error.action is None or isinstance(error, WaitTimeout):
            return Failure("WaitTimeout", "It was sent, and DescribeTargets did not show it in time.")
        return Failure.of(error)

    def _restore(self, done: Mapping[Change, Binding | None], unknown: Iterable[Change]) -> tuple[Binding, ...]:
        """The bindings that were changed, or may have been, as they were before; in the order of the plan."""
        rebound = {change.key for change in self.rest.rebound}
        snapshot = self.rest.snapshot
        # Also what a listener in FailListenerIdSet shows in place: this task may have done it.
        maybe = (change for change in self.ledger.sent() if change.key in rebound or change.in_place(snapshot))
        # Also what does not show and still can: its task may run on.
        changed = {*done, *unknown, *maybe, *self.ledger.pending()}
        ordered = self._in_order_of_the_plan(change for change in self.ledger.sent() if change in changed)
        return former((change for change in ordered if change.key not in self.ledger.reverted), self.ledger.before)

    def _in_order_of_the_plan(self, changes: Iterable[Change]) -> list[Change]:
        """Those of the first plan in its order, so that a dry run lists the same; then those that came later."""
        order = {change: number for number, change in enumerate(self.plan.changes)}
        return sorted(changes, key=lambda change: order.get(change, len(order)))

    def _all_warnings(self) -> Iterable[str]:
        yield from dict.fromkeys(self.warnings)
        for label in sorted(self.closed, key=natural):
            yield f"The health check of {label} is switched off: its targets count as healthy."
        snapshot = self.rest.snapshot
        tagged = any(change.kind is ChangeKind.REGISTER and change.tag for change in self.ledger.sent())
        if not self.readable or self.assumed:
            return
        if tagged and not snapshot.tags_known:
            yield "The API response contains no tags: whether the tags of new bindings are in place is not known."
        missing = {change.pool.listener_id for change in (*self.rest.changes, *self.rest.gone)}
        for listener_id in sorted(self.ledger.cleared - missing, key=natural):
            yield f"The API named {listener_id} in FailListenerIdSet, and all that was asked for is in place."
        if self.rest.rebound:
            names = and_more([change.label for change in self.rest.rebound], MAX_NAMED)
            yield f"Somebody else has bound again or raised what this task took away: {names}. It was left as it is."
        later = bound_meanwhile(self.plan, snapshot)
        gone = {change.key for change in self.rest.rebound}
        names = and_more([bound.label for bound in later if bound.identity not in gone], MAX_NAMED)
        if names:
            yield (
                f"Somebody else has bound or changed meanwhile what is within the scope of this task: {names}. "
                "It was left; run the task again to take it away."
            )


def former(changes: Iterable[Change], before: Callable[[Change], Binding | None]) -> tuple[Binding, ...]:
    """The former bindings of changes, each once."""
    found: dict[BindingKey, Binding] = {}
    for change in changes:
        bound = None if change.kind is ChangeKind.REGISTER else before(change)
        if bound is not None:
            found.setdefault(bound.identity, bound)
    return tuple(found.values())


def _as_error(failure: Failure) -> ClbError:
    return ClbError(
        failure.shown,
        code=failure.code,
        action=failure.action,
        request_id=failure.request_id,
    )
