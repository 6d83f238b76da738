# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out a plan: gains, then health, then losses. What is seen decides what is sent next, and how it went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .._base import pace
from .._base.errors import ClbError, GuardRefused, Refused, UnhealthyTimeout, WaitTimeout, and_more, natural, sentences
from .._base.refusals import Remedy
from .._bindings.change import Change, ChangeKind
from .._bindings.guard import Checked, PoolLoss, all_serving, check_guard, find_short, takes_capacity
from .._bindings.plan import Plan, Remaining, plan_rest
from .batches import batches
from .ledger import NOT_ATTEMPTED, Done, Failure, Ledger
from .narrow import Narrower, SharedNarrowing
from .outcome import MAX_NAMED, Ending
from .writer import Sent, TaskTimes, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .._api.capacity import Capacity
    from .._api.clb import Clb
    from .._base.budget import Budget
    from .._bindings.snapshot import BindingKey
    from .memory import Memory
    from .outcome import Outcome


class ApplyOptions(NamedTuple):
    """How a plan is to be carried out; the module's options of the same names.

    :param wait: wait for the last task and read back.
    :param wait_for_health: wait until what is listed is healthy, before anything is taken away.
    :param min_healthy: targets that get traffic and must be left in each pool.
    """

    wait: bool = True
    wait_for_health: bool = False
    min_healthy: int = 0


@dataclass(frozen=True)
class Shared:
    """What the load balancers of one task share.

    :param budget: the time for the whole task.
    :param times: how long the cloud's tasks take.
    :param narrowing: what narrowing has learnt, and may still do.
    :param memory: what remembers bindings on disk before they are changed; None: nothing does.
    """

    budget: Budget
    times: TaskTimes = field(default_factory=TaskTimes)
    narrowing: SharedNarrowing = field(default_factory=SharedNarrowing)
    memory: Memory | None = None


class Reconciler:
    """Carries out the plan of one load balancer.

    :param shared: what the load balancers of the task share.
    :param checked: the guard as it was checked before; None where nothing was to be guarded.
    :param remembered_at: when another task last remembered what is in place, on the budget's clock: a call of it may
        still be under way. None: that does not matter.
    """

    def __init__(
        self,
        plan: Plan,
        clb: Clb,
        load_balancer_id: str,
        options: ApplyOptions,
        shared: Shared,
        checked: Checked | None = None,
        remembered_at: float | None = None,
    ) -> None:
        self._plan = plan
        self._options = options
        self._shared = shared
        self._budget = shared.budget
        self._capacity = clb.capacity
        self._ledger = Ledger(shared.budget.now)
        self._writer = Writer(
            clb,
            load_balancer_id,
            plan.snapshot,
            self._ledger,
            shared.budget,
            shared.times,
            None if shared.memory is None else self._rememberer(shared.memory, load_balancer_id),
        )
        self._remembered_at = remembered_at
        self._settled = True
        self._checked = checked
        self._served: frozenset[BindingKey] = (
            frozenset() if checked is None else all_serving(plan.snapshot, checked.health, plan.snapshot.bindings)
        )
        self._passed: dict[BindingKey, PoolLoss] = {}
        """Targets that got traffic at the last check before they were taken, with what their pool lost."""
        self._held: dict[Change, Failure] = {}
        self._closed: set[str] = set()
        self._awaits_health = False
        self._narrower = Narrower(
            clb,
            load_balancer_id,
            self._writer,
            self._ledger,
            shared.narrowing,
            self._missing_of,
            self._check_guard if options.min_healthy else None,
        )

    @property
    def _guarded(self) -> bool:
        return self._options.min_healthy > 0

    def run(self) -> Outcome:
        """Do it. What goes wrong is in the outcome, not raised."""
        error: ClbError | None = None
        try:
            self._reach()
        except ClbError as exc:
            error = self._explained(exc)
        return self._conclude(error)

    def _rememberer(self, memory: Memory, load_balancer_id: str) -> Callable[[Sequence[Change]], None]:
        """Return the function that has bindings on disk before a call changes them."""
        from .._bindings.remembered import asked_of, formers  # noqa: PLC0415 - few tasks have a restore file

        asked = asked_of(self._plan)

        def remember(changes: Sequence[Change]) -> None:
            changed = ((change, self._ledger.former(change)) for change in changes)
            memory.remember(formers(load_balancer_id, asked, changed))

        return remember

    def _explained(self, error: ClbError) -> ClbError:
        """Say what kept the task waiting where the time ran out."""
        if not isinstance(error, WaitTimeout) or isinstance(error, UnhealthyTimeout) or error.last is not None:
            return error
        return WaitTimeout(error.message, last=self._writer.last_answer)

    def _reach(self) -> None:
        """Send until nothing is missing that can still be sent."""
        while True:
            self._gains()
            if self._options.wait_for_health:
                self._await_health()
            self._losses()
            if not self._to_send(lambda change: not change.loss) and not self._undone_by_others():
                return

    def _undone_by_others(self) -> bool:
        """Wait for calls of a task that was killed just now; returns whether one has undone what was in place."""
        if self._remembered_at is None or self._has_written():
            return False
        until = self._remembered_at + pace.LAST_DOUBT_SECONDS
        self._settled = False
        for delay in pace.READ_BACK.delays():
            left = until - self._budget.now()
            # Sums of seconds are rounded.
            if left <= pace.ROUNDING_SECONDS:
                self._settled = True
                return False
            if left >= self._budget.remaining():
                return False
            self._writer.sleep(min(delay, left), "calls of another task to show")
            self._writer.read()
            if self._to_send(lambda _change: True):
                self._settled = True
                return True
        return False

    def _has_written(self) -> bool:
        """Whether the load balancer has carried out a call of this task: then no other task's is under way."""
        return any(
            change.kind is not ChangeKind.TAG and isinstance(self._ledger.verdict(change), Done)
            for change in self._ledger.sent()
        )

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

    def _rest(self) -> Remaining:
        reverted = self._ledger.reverted
        rest = plan_rest(self._plan, self._writer.snapshot, self._ledger.finished | reverted)
        if not reverted:
            return rest
        return rest._replace(rebound=tuple(change for change in rest.rebound if change.key not in reverted))

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
            calls = _calls(self._to_send(wanted), self._capacity)
            for number, call in enumerate(calls, start=1):
                if guarded and self._check_guard():
                    break
                last = number == len(calls)
                answer = self._writer.send(call, more=not last, careful=guarded)
                if isinstance(answer, Refused):
                    self._narrower.narrow(call, answer)
                if answer is not Sent.ACCEPTED:
                    break
            else:
                return

    def _missing_of(self, changes: Iterable[Change]) -> list[Change]:
        """Those of a call that the newest read shows missing and that may still be sent."""
        missing = set(self._rest().changes)
        return [change for change in changes if change in missing and self._ledger.may_send(change)]

    # -- health and the guard

    def _check_guard(self) -> bool:
        """Check the guard for all that is still to be lost, on health that is new enough.

        :returns: whether what is bound was read again for it.
        :raises GuardRefused: too few would be left.
        """
        checked = self._checked
        again = checked is None or self._writer.waited or self._budget.now() - checked.at > pace.HEALTH_SECONDS
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
            snapshot, minimum = self._writer.snapshot, self._options.min_healthy
            fresh = self._ledger.registered(snapshot)
            found = check_guard(
                snapshot, losses, checked.health, minimum, count_gains=False, fresh=fresh, served=self._served
            )
            for change in losses:
                self._passed.pop(change.key, None)
            self._passed.update({bound.identity: loss for loss in found for bound in loss.losing})
        return again

    def _look_after_losses(self) -> None:
        """See that enough serve now that the losses show; where not, put back the weights that were taken.

        No lock holds between controllers, so two tasks may have passed the guard at the same time.

        :raises GuardRefused: too few served.
        """
        sent = (change for change in self._ledger.sent() if change.loss and change.key in self._passed)
        lost = [change for change in sent if isinstance(self._ledger.verdict(change), Done)]
        if not lost or self._checked is None:
            return
        try:
            health = self._writer.read_health()
        except ClbError as error:
            self._writer.warnings.append(f"How many targets serve after the losses could not be read: {error.message}")
            return
        snapshot, minimum = self._writer.snapshot, self._options.min_healthy
        losses, fresh = {self._passed[change.key] for change in lost}, self._ledger.registered(snapshot)
        count = find_short(snapshot, losses, health, self._checked.health, minimum, fresh)
        short = [change for change in lost if change.pool.key in count]
        if not short:
            return
        back = [
            Change(ChangeKind.WEIGHT, change.pool, change.backend, change.port, weight=before.weight, before=before)
            for change in short
            if change.kind is ChangeKind.WEIGHT and (before := self._ledger.before(change)) is not None
        ]
        labels = {
            f"{loss.pool.label} ({count[loss.pool.key]}{loss.counted})" for loss in losses if loss.pool.key in count
        }
        missing, why = self._put_back(back)
        failed = [change.label for change in missing]
        returned = [change.label for change in back if change.label not in failed]
        put_back = f"The weight of {and_more(returned, MAX_NAMED)} was put back. " if returned else ""
        if failed:
            put_back += sentences(f"The weight of {and_more(failed, MAX_NAMED)} could not be put back.", why) + " "
        raise GuardRefused(
            f"min_healthy is {minimum}, and fewer targets that get traffic were left once the losses showed: "
            f"{and_more(sorted(labels, key=natural), MAX_NAMED)}. Something else takes capacity away at the same "
            f"time, such as a task on another controller. {put_back}Run the task again when enough targets serve."
        )

    def _put_back(self, changes: Sequence[Change]) -> tuple[list[Change], str]:
        """Write weights back that this task has taken; returns those that are not seen in place at the end, and why."""
        why = ""
        try:
            self._write_back(changes)
        except ClbError as error:
            # That too few serve is the news; what came in the way of putting it right is a part of it.
            why = self._explained(error).message
        missing = [change for change in changes if not change.in_place(self._writer.snapshot)]
        returned = {change.key for change in changes} - {change.key for change in missing}
        self._ledger.revert([change for change in self._ledger.sent() if change.loss and change.key in returned])
        return missing, why

    def _write_back(self, changes: Sequence[Change]) -> None:
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
                return
            for call in _calls(missing, self._capacity):
                answer = self._writer.send(call, more=False)
                if isinstance(answer, Refused):
                    self._ledger.reject(call, Failure.of(answer))
                    if answer.remedy is Remedy.FATAL:
                        raise answer
                if answer is not Sent.ACCEPTED:
                    break
            self._writer.settle()

    def _hold_back(self, rest: Remaining) -> None:
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
        delays = pace.HEALTH.delays()
        self._awaits_health = True
        while True:
            at = self._budget.now()
            health = self._writer.read_health()
            self._closed = {bound.pool.label for bound in serving if health.of(bound).detail == "Close"}
            sick = [f"{bound.label} is {health.of(bound).detail}" for bound in serving if not health.of(bound).healthy]
            if not sick:
                self._awaits_health = False
                self._checked = Checked(health, at)
                return
            try:
                self._writer.sleep(next(delays), "targets to become healthy")
            except WaitTimeout as up:
                raise UnhealthyTimeout(
                    f"{self._budget.label} expired and {len(sick)} of {len(serving)} targets are not healthy: "
                    f"{and_more(sick, MAX_NAMED, '; ')}. Check what these hosts answer to the health check, or raise "
                    "wait_timeout."
                ) from up

    # -- the result

    def _conclude(self, error: ClbError | None) -> Outcome:
        """The fate of each change, from the last snapshot."""
        writer, ledger = self._writer, self._ledger
        # With `wait: false` nothing was read back: what was accepted is reported as done.
        assumed = not self._options.wait and error is None and (writer.unread or bool(ledger.pending()))
        readable = assumed or self._look_once_more()
        rest = self._rest()
        self._hold_back(rest)
        return Ending(
            plan=self._plan,
            rest=rest,
            ledger=ledger,
            held=self._held,
            error=error,
            assumed=assumed,
            readable=readable,
            awaits_health=self._awaits_health,
            closed=self._closed,
            warnings=writer.warnings,
            settled=self._settled,
        ).outcome()

    def _look_once_more(self) -> bool:
        """Read what the last call did, if there is time for it; returns whether the state is known."""
        writer = self._writer
        self._ledger.close()
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


def _calls(changes: Sequence[Change], capacity: Capacity) -> list[list[Change]]:
    """Changes in calls, in the order of the plan: each kind by itself, gains before losses."""
    steps = dict.fromkeys((change.loss, change.kind) for change in changes)
    return [
        call
        for step in steps
        for call in batches([change for change in changes if (change.loss, change.kind) == step], capacity)
    ]
