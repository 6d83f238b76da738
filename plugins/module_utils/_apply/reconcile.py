# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out a plan: gains, then health, then losses. What is seen decides what is sent next, and how it went."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from .._bindings.change import Change, ChangeKind
from .._bindings.guard import check_guard, healthy_serving, takes_capacity
from .._bindings.plan import Plan, Rest, bound_meanwhile, plan_rest
from .._errors import ClbError, GuardRefused, Refused, Remedy, UnhealthyTimeout, WaitTimeout, and_more
from .batches import batches
from .bisect import find_culprits
from .ledger import NOT_ATTEMPTED, Done, Failure, Ledger, Pending
from .writer import PACING, Answer, Pacing, Sent, TaskTimes, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from .._api.clb import Clb
    from .._bindings.health import HealthSnapshot
    from .._bindings.snapshot import Binding, BindingKey, Snapshot
    from .._budget import Budget

MAX_EXTRA_CALLS = 64
"""Calls that narrowing may add in one task."""
MAX_NAMED = 10
HEALTH_SECONDS = 2.0
"""How old health may be when a loss is sent."""
DIRECT_TARGETS = "NODE"
"""The ``TargetType`` of a listener or rule that takes direct targets (vendor's model ``Listener``)."""


@dataclass(frozen=True)
class ApplyOptions:
    """How a plan is to be carried out; the module's options of the same names.

    :param wait: wait for the last task and read back.
    :param wait_for_health: wait until what is listed is healthy, before anything is taken away.
    :param min_healthy: healthy targets of weight above 0 that must be left in each pool.
    """

    wait: bool = True
    wait_for_health: bool = False
    min_healthy: int = 0


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


@dataclass(frozen=True)
class Shared:
    """What the load balancers of one task share.

    :param budget: the time for the whole task.
    :param pacing: how long to wait for what.
    :param times: how long the cloud's tasks take.
    :param extra_calls: what is left for narrowing.
    """

    budget: Budget
    pacing: Pacing = PACING
    times: TaskTimes = field(default_factory=TaskTimes)
    extra_calls: ExtraCalls = field(default_factory=ExtraCalls)


@dataclass(frozen=True)
class Checked:
    """A guard that has passed.

    :param health: as it was read.
    :param at: when, on the budget's clock.
    """

    health: HealthSnapshot
    at: float


@dataclass(frozen=True)
class Outcome:
    """How it went on one load balancer.

    :param snapshot: as last read.
    :param predicted: whether what was done does not show in the snapshot yet: ``wait: false``, and check mode.
    :param done: the changes that were sent and are in place, with the binding before.
    :param failures: for each change that is not in place, why.
    :param unknown: the changes that were sent and whose state could not be read.
    :param restore: the bindings that were re-weighted, re-tagged or removed, or may have been, as they were before.
    :param accepted: whether the API accepted a change.
    :param request_ids: of the accepted writes.
    :param error: what stopped the task, or the first failure; None where all went well.
    :param warnings: sentences for the user.
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


def foresee(plan: Plan) -> Outcome:
    """What carrying out a plan will do, for check mode.

    :param plan: the plan.
    """
    return Outcome(
        snapshot=plan.snapshot,
        predicted=True,
        done={change: change.before for change in plan.changes},
        restore=_before(plan.changes, lambda change: change.before),
        accepted=bool(plan.changes),
    )


def refuse(plan: Plan, error: ClbError | None, message: str) -> Outcome:
    """What is left of a plan that was not begun.

    :param plan: the plan.
    :param error: why; None where it has no changes.
    :param message: for each of its changes.
    """
    return Outcome(
        snapshot=plan.snapshot,
        failures={change: Failure(NOT_ATTEMPTED, message) for change in plan.changes},
        error=error,
    )


class _NoMoreCalls(Exception):
    """Narrowing has used up its calls."""


class Reconciler:
    """Carries out the plan of one load balancer.

    :param plan: what to do.
    :param clb: the actions.
    :param load_balancer_id: its ID.
    :param options: how.
    :param shared: what the load balancers of the task share.
    :param checked: the guard as it was checked before; None where nothing was to be guarded.
    """

    def __init__(
        self,
        plan: Plan,
        clb: Clb,
        load_balancer_id: str,
        options: ApplyOptions,
        shared: Shared,
        checked: Checked | None = None,
    ) -> None:
        self._plan = plan
        self._clb = clb
        self._load_balancer_id = load_balancer_id
        self._options = options
        self._shared = shared
        self._budget = shared.budget
        self._ledger = Ledger(shared.budget.now, shared.pacing.settle)
        self._writer = Writer(
            clb, load_balancer_id, plan.snapshot, self._ledger, shared.budget, shared.pacing, shared.times
        )
        self._checked = checked
        self._served: frozenset[BindingKey] = (
            frozenset() if checked is None else healthy_serving(plan.snapshot, checked.health)
        )
        self._held: dict[Change, Failure] = {}
        self._closed: set[str] = set()
        self._asked_for_types = False

    @property
    def _guarded(self) -> bool:
        return self._options.min_healthy > 0

    def run(self) -> Outcome:
        """Do it. What goes wrong is in the outcome, not raised."""
        error: ClbError | None = None
        try:
            self._reach()
        except WaitTimeout as exc:
            error = self._explained(exc)
        except ClbError as exc:
            error = exc
        return self._conclude(error)

    def _explained(self, expired: WaitTimeout) -> WaitTimeout:
        """Say what kept the task waiting where the time ran out elsewhere."""
        refusal = self._writer.last_refusal
        if expired.refusal is not None or refusal is None or isinstance(expired, UnhealthyTimeout):
            return expired
        message = f"{expired.message.rstrip('.')}. The last answer was: {refusal.message}"
        return WaitTimeout(message, refusal=refusal)

    def _reach(self) -> None:
        """Send until nothing is missing that can still be sent."""
        while True:
            self._gains()
            if self._options.wait_for_health:
                self._await_health()
            self._losses()
            if not self._to_send(lambda change: not change.loss):
                return

    def _gains(self) -> None:
        losses = bool(self._rest().losses)
        follow = losses or self._options.wait or self._options.wait_for_health
        while True:
            self._drive(lambda change: not change.loss)
            if not follow and not self._ledger.in_doubt():
                return
            self._writer.settle()
            if not self._to_send(lambda change: not change.loss):
                return

    def _losses(self) -> None:
        follow = self._options.wait or self._guarded
        while self._to_send(self._may_lose):
            self._drive(self._may_lose, guarded=self._guarded)
            if not follow and not self._ledger.in_doubt():
                return
            self._writer.settle()
        if follow and self._guarded:
            self._look_after_losses()

    def _rest(self) -> Rest:
        reverted = self._ledger.reverted
        rest = plan_rest(self._plan, self._writer.snapshot, self._ledger.finished | reverted)
        if not reverted:
            return rest
        return replace(rest, rebound=tuple(change for change in rest.rebound if change.key not in reverted))

    def _to_send(self, wanted: Callable[[Change], bool]) -> list[Change]:
        rest = self._rest()
        self._hold_back(rest)
        return [change for change in rest.changes if wanted(change) and self._ledger.may_send(change)]

    def _may_lose(self, change: Change) -> bool:
        return change.loss and change not in self._held

    def _drive(self, wanted: Callable[[Change], bool], *, guarded: bool = False) -> None:
        """Send everything of one kind that is missing; after each surprise, compare with what is read."""
        while True:
            if guarded:
                self._check_guard()
            calls = _calls(self._to_send(wanted))
            for number, call in enumerate(calls, start=1):
                if guarded and self._check_guard():
                    break
                last = number == len(calls)
                answer = self._writer.send(call, more=not last, careful=guarded)
                if isinstance(answer, Refused):
                    self._narrow(call, answer)
                if answer is not Sent.ACCEPTED:
                    break
            else:
                return

    # -- health and the guard

    def _check_guard(self) -> bool:
        """Check the guard for all that is still to be lost, on health that is new enough.

        :returns: whether what is bound was read again for it.
        :raises GuardRefused: too few would be left.
        """
        checked = self._checked
        again = checked is None or self._writer.waited or self._budget.now() - checked.at > HEALTH_SECONDS
        if checked is None or again:
            if not takes_capacity(self._to_send(self._may_lose)):
                return False
            # Health first and targets last: the write follows what is bound as closely as it can. Its age counts from
            # here: where reading takes longer than it may be old, it could never be new enough.
            health = self._writer.read_health()
            self._writer.read()
            checked = self._checked = Checked(health, self._budget.now())
            self._writer.waited = False
        losses = [change for change in self._rest().losses if self._may_lose(change)]
        if takes_capacity(losses):
            check_guard(
                self._writer.snapshot,
                losses,
                checked.health,
                self._options.min_healthy,
                count_gains=False,
                served=self._served,
            )
        return again

    def _look_after_losses(self) -> None:
        """See that enough serve now that the losses show; where not, put back the weights that were taken.

        No lock holds between controllers, so two tasks may have passed the guard at the same time.

        :raises GuardRefused: too few served.
        """
        lost = [change for change in self._ledger.sent() if change.loss and self._took_capacity(change)]
        if not lost:
            return
        health = self._writer.read_health()
        count = {change.pool.key: 0 for change in lost}
        for key in count:
            for bound in self._writer.snapshot.bindings.get(key, ()):
                found = health.find(bound)
                # An answer that does not mention a target is no reason to undo: it counts as it did at the check.
                healthy = bound.identity in self._served if found is None else found.healthy
                count[key] += bound.weight > 0 and healthy
        short = [change for change in lost if count[change.pool.key] < self._options.min_healthy]
        if not short:
            return
        back = [
            Change(ChangeKind.WEIGHT, change.pool, change.backend, change.port, weight=before.weight, before=before)
            for change in short
            if change.kind is ChangeKind.WEIGHT and (before := self._ledger.before(change)) is not None
        ]
        labels = dict.fromkeys(f"{change.pool.label} ({count[change.pool.key]})" for change in short)
        failed = [change.label for change in self._put_back(back)]
        returned = [change.label for change in back if change.label not in failed]
        put_back = f"The weight of {and_more(returned, MAX_NAMED)} was put back. " if returned else ""
        if failed:
            put_back += f"The weight of {and_more(failed, MAX_NAMED)} could not be put back. "
        raise GuardRefused(
            f"min_healthy is {self._options.min_healthy}, and fewer healthy targets of weight above 0 were left once "
            f"the losses showed: {and_more(list(labels), MAX_NAMED)}. Something else takes capacity away at the same "
            f"time, such as a task on another controller. {put_back}Run the task again when enough targets serve."
        )

    def _took_capacity(self, change: Change) -> bool:
        before = self._ledger.before(change)
        if self._checked is None or before is None or not isinstance(self._ledger.verdict(change), Done):
            return False
        return before.weight > 0 and self._checked.health.of(before).healthy

    def _put_back(self, changes: Sequence[Change]) -> list[Change]:
        """Write weights back that this task has taken; returns those that are not in place at the end."""
        while True:
            snapshot = self._writer.snapshot
            missing = [
                change
                for change in changes
                if not change.in_place(snapshot)
                and snapshot.find(change.pool.key, change.backend, change.port) is not None
                and self._ledger.may_send(change)
            ]
            if not missing:
                break
            for call in _calls(missing):
                answer = self._writer.send(call, more=False)
                if isinstance(answer, Refused):
                    self._ledger.reject(call, Failure.of(answer))
                if answer is not Sent.ACCEPTED:
                    break
            self._writer.settle()
        missing = [change for change in changes if not change.in_place(self._writer.snapshot)]
        returned = {change.key for change in changes} - {change.key for change in missing}
        self._ledger.revert([change for change in self._ledger.sent() if change.loss and change.key in returned])
        return missing

    def _hold_back(self, rest: Rest) -> None:
        """Leave out the losses of listeners whose gains are not all in place."""
        short = {change.pool.listener_id: change for change in (*rest.gains, *rest.gone)}
        self._held = {
            loss: Failure(
                NOT_ATTEMPTED,
                f"Held back: {short[loss.pool.listener_id].label}, which this task adds or changes on the same "
                "listener, is not in place.",
            )
            for loss in rest.losses
            if loss.pool.listener_id in short
        }

    def _await_health(self) -> None:
        """Poll until every listed target of weight above 0 that is in place is healthy.

        :raises UnhealthyTimeout: naming each that is not, with the detail.
        """
        snapshot = self._writer.snapshot
        serving = [
            bound
            for wish in self._plan.desired
            if (bound := snapshot.find(wish.pool.key, wish.backend, wish.port)) is not None
            # What this task is about to drain need not be healthy.
            and (bound.weight if wish.weight is None else wish.weight) > 0
        ]
        delays = self._shared.pacing.health.delays()
        while True:
            at = self._budget.now()
            health = self._writer.read_health()
            self._closed = {bound.pool.label for bound in serving if health.of(bound).detail == "Close"}
            sick = [f"{bound.label} is {health.of(bound).detail}" for bound in serving if not health.of(bound).healthy]
            if not sick:
                self._checked = Checked(health, at)
                return
            try:
                self._writer.sleep(next(delays), "targets to become healthy")
            except WaitTimeout as up:
                raise UnhealthyTimeout(
                    f"{self._budget.words} expired and {len(sick)} of {len(serving)} targets are not healthy: "
                    f"{and_more(sick, MAX_NAMED, '; ')}. Check what these hosts answer to the health check, or raise "
                    "wait_timeout."
                ) from up

    # -- narrowing

    def _narrow(self, changes: Sequence[Change], refusal: Refused) -> None:
        """Find the members that spoil a refused call, and get the others through."""
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
                for culprits, why in find_culprits(group, last, self._send_extra, _halves):
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

    def _missing_of(self, changes: Iterable[Change]) -> list[Change]:
        """Those of a call that the newest read shows missing and that may still be sent."""
        missing = set(self._rest().changes)
        return [change for change in changes if change in missing and self._ledger.may_send(change)]

    def _send_extra(self, changes: list[Change]) -> Refused | None:
        """Send a part of a refused call; after each wait, only what is still missing of it."""
        group = self._missing_of(changes)
        while group:
            if self._guarded and group[0].loss and self._check_guard():
                group = self._missing_of(group)
                continue
            if not self._shared.extra_calls.take():
                raise _NoMoreCalls
            answer: Answer = self._writer.send(group, more=True, careful=self._guarded and group[0].loss)
            if isinstance(answer, Refused):
                return answer
            if answer is Sent.ACCEPTED:
                return None
            if answer is Sent.POSTPONED:
                self._shared.extra_calls.give_back()
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

    # -- the result

    def _conclude(self, error: ClbError | None) -> Outcome:
        """The fate of each change, from the last snapshot."""
        writer, ledger = self._writer, self._ledger
        # With `wait: false` nothing was read back: what was accepted is reported as done.
        assumed = not self._options.wait and error is None and (writer.unread or bool(ledger.pending()))
        readable = assumed or self._look_once_more()
        rest = self._rest()
        self._hold_back(rest)
        open_changes = {change for change in ledger.sent() if isinstance(ledger.verdict(change), Pending)}
        unknown = set() if readable else open_changes
        if assumed:
            unknown = {change for change in open_changes if self._is_in_doubt(change)}
        failures = self._failures(rest, open_changes if assumed else unknown, error)
        done = self._done(rest, failures.keys() | unknown, assumed=assumed)
        if not failures and not unknown and not isinstance(error, (UnhealthyTimeout, GuardRefused)):
            error = None
        elif error is None and failures:
            reasons = list(failures.values())
            error = _as_error(next((reason for reason in reasons if reason.code != NOT_ATTEMPTED), reasons[0]))
        return Outcome(
            snapshot=writer.snapshot,
            predicted=assumed,
            done=done,
            failures=failures,
            unknown=frozenset(unknown),
            restore=self._restore(done, unknown, rest),
            # What FailListenerIdSet names can have been applied in part.
            accepted=ledger.accepted or bool(done),
            request_ids=tuple(ledger.request_ids),
            error=error,
            warnings=tuple(self._warnings(rest, readable=readable and not assumed)),
        )

    def _is_in_doubt(self, change: Change) -> bool:
        verdict = self._ledger.verdict(change)
        return isinstance(verdict, Pending) and verdict.in_doubt

    def _failures(self, rest: Rest, excused: Collection[Change], error: ClbError | None) -> dict[Change, Failure]:
        """Why each change that is missing is not in place."""
        failures = {
            change: self._reason(change, error) for change in (*rest.changes, *rest.gone) if change not in excused
        }
        for change in rest.raised:
            failures[change] = Failure(
                NOT_ATTEMPTED,
                "Its weight was 0 at first and somebody else has raised it meanwhile; run the task again to drain it.",
            )
        for change in self._ledger.sent():
            if change.loss and change.key in self._ledger.reverted:
                failures[change] = Failure(NOT_ATTEMPTED, "The guard min_healthy: its weight was put back.")
        return failures

    def _done(self, rest: Rest, others: Collection[Change], *, assumed: bool) -> dict[Change, Binding | None]:
        """The changes that this task has sent, that were not refused, and that are in place."""
        rebound = {change.key for change in rest.rebound}
        done: dict[Change, Binding | None] = {}
        for change in self._in_order_of_the_plan(self._ledger.sent()):
            if change in others or change.key in self._ledger.reverted or (change.loss and change.key in rebound):
                continue
            verdict = self._ledger.verdict(change)
            shows = change.loss or change.in_place(self._writer.snapshot)
            if (isinstance(verdict, Done) and shows) or (isinstance(verdict, Pending) and assumed):
                done[change] = self._ledger.before(change)
        return done

    def _look_once_more(self) -> bool:
        """Read what the last call did, if there is time for it; returns whether the state is known."""
        writer = self._writer
        if not writer.unread and not self._ledger.pending():
            return True
        try:
            if self._budget.remaining() > 0:
                writer.settle()
        except WaitTimeout:
            pass
        except ClbError as exc:
            return self._unreadable(exc)
        if (writer.unread or self._ledger.pending()) and self._budget.until_end() > 0:
            try:
                writer.read(last_attempt=True)
            except ClbError as exc:
                return self._unreadable(exc)
        return not writer.unread

    def _unreadable(self, error: ClbError) -> bool:
        self._writer.warnings.append(f"The result could not be read back: {error.message}")
        return not self._writer.unread

    def _reason(self, change: Change, error: ClbError | None) -> Failure:
        """Why a change is not in place."""
        verdict = self._ledger.verdict(change)
        if isinstance(verdict, Failure):
            return verdict
        if change.pool.key not in self._writer.snapshot.pools:
            return Failure(NOT_ATTEMPTED, f"{change.pool.label} no longer exists.")
        if change in self._held:
            return self._held[change]
        if not self._ledger.was_sent(change):
            refusal = error.refusal if isinstance(error, WaitTimeout) else None
            if refusal is not None:
                return Failure.of(refusal)
            why = "the task had ended" if error is None else f"the task stopped with {error.code}"
            return Failure(NOT_ATTEMPTED, f"Not sent: {why}.")
        if error is None or error.action is None:
            return Failure("WaitTimeout", "It was sent, and DescribeTargets did not show it in time.")
        return Failure.of(error)

    def _restore(
        self, done: Mapping[Change, Binding | None], unknown: Iterable[Change], rest: Rest
    ) -> tuple[Binding, ...]:
        """The bindings that were changed, or may have been, as they were before; in the order of the plan."""
        rebound = {change.key for change in rest.rebound}
        snapshot = self._writer.snapshot
        # Also what a listener in FailListenerIdSet shows in place: this task may have done it.
        maybe = (change for change in self._ledger.sent() if change.key in rebound or change.in_place(snapshot))
        changed = {*done, *unknown, *maybe}
        ordered = self._in_order_of_the_plan(change for change in self._ledger.sent() if change in changed)
        return _before((change for change in ordered if change.key not in self._ledger.reverted), self._ledger.before)

    def _in_order_of_the_plan(self, changes: Iterable[Change]) -> list[Change]:
        """Those of the first plan in its order, so that a dry run lists the same; then those that came later."""
        order = {change: number for number, change in enumerate(self._plan.changes)}
        return sorted(changes, key=lambda change: order.get(change, len(order)))

    def _warnings(self, rest: Rest, *, readable: bool) -> Iterable[str]:
        yield from dict.fromkeys(self._writer.warnings)
        for label in sorted(self._closed):
            yield f"The health check of {label} is switched off: its targets count as healthy."
        snapshot = self._writer.snapshot
        tagged = any(change.kind is ChangeKind.REGISTER and change.tag for change in self._ledger.sent())
        if not readable:
            return
        if tagged and not snapshot.tags_known:
            yield "The API response contains no tags: whether the tags of new bindings are in place is not known."
        missing = {change.pool.listener_id for change in (*rest.changes, *rest.gone)}
        for listener_id in sorted(self._ledger.cleared - missing):
            yield f"The API named {listener_id} in FailListenerIdSet, and all that was asked for is in place."
        if rest.rebound:
            names = and_more([change.label for change in rest.rebound], MAX_NAMED)
            yield f"Somebody else has bound again or raised what this task took away: {names}. It was left as it is."
        later = bound_meanwhile(self._plan, snapshot)
        gone = {change.key for change in rest.rebound}
        names = and_more([bound.label for bound in later if bound.identity not in gone], MAX_NAMED)
        if names:
            yield (
                f"Somebody else has bound or changed meanwhile what is within the scope of this task: {names}. "
                "It was left; run the task again to take it away."
            )


def _calls(changes: Sequence[Change]) -> list[list[Change]]:
    """Changes in calls, in the order of the plan: each kind by itself, gains before losses."""
    steps = dict.fromkeys((change.loss, change.kind) for change in changes)
    return [
        call for step in steps for call in batches([change for change in changes if (change.loss, change.kind) == step])
    ]


def _before(changes: Iterable[Change], before: Callable[[Change], Binding | None]) -> tuple[Binding, ...]:
    """The former bindings of changes, each once."""
    found: dict[BindingKey, Binding] = {}
    for change in changes:
        bound = None if change.kind is ChangeKind.REGISTER else before(change)
        if bound is not None:
            found.setdefault(bound.identity, bound)
    return tuple(found.values())


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


def _as_error(failure: Failure) -> ClbError:
    return ClbError(
        failure.message,
        code=failure.code,
        action=failure.action,
        request_id=failure.request_id,
    )
