# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out a plan: gains, then health, then losses; and tell from what is read back how it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._bindings.change import Change, ChangeKind
from .._bindings.guard import check_guard, takes_capacity
from .._bindings.plan import Plan
from .._budget import Budget, growing
from .._errors import ClbError, ConnectionFailed, UnexpectedAnswer, WaitTimeout
from .batches import batches
from .writer import NOT_ATTEMPTED, PACING, Failure, Pacing, Writer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._api.clb import Clb
    from .._bindings.health import HealthSnapshot
    from .._bindings.snapshot import Binding, Snapshot

_GAIN_ORDER = (ChangeKind.REGISTER, ChangeKind.WEIGHT, ChangeKind.TAG)
_LOSS_ORDER = (ChangeKind.WEIGHT, ChangeKind.DEREGISTER)
_MAX_NAMED = 10


@dataclass(frozen=True)
class ApplyOptions:
    """How a plan is to be carried out; the module's options of the same names.

    :param wait: wait for the last task and read back.
    :param wait_for_health: wait until what is wanted is healthy, before anything is taken away.
    :param min_healthy: healthy targets of weight above 0 that must be left in each pool.
    """

    wait: bool = True
    wait_for_health: bool = False
    min_healthy: int = 0


@dataclass(frozen=True)
class Outcome:
    """How it went.

    :param snapshot: as last read; None with ``wait: false``, where nothing was read back.
    :param done: the changes that were sent and are in place.
    :param failures: for each change that is not in place, why.
    :param accepted: whether the cloud took on a write.
    :param request_ids: of those writes.
    :param error: what stopped the task, or the first failure; None where all went well.
    :param warnings: sentences for the user.
    """

    snapshot: Snapshot | None
    done: frozenset[Change]
    failures: Mapping[Change, Failure]
    accepted: bool
    request_ids: tuple[str, ...]
    error: ClbError | None
    warnings: tuple[str, ...]


class Reconciler:
    """Carries out one plan.

    :param plan: what to do.
    :param clb: the actions.
    :param load_balancer_id: whose targets.
    :param options: how.
    :param budget: the time for the whole task.
    :param pacing: how long to wait for what.
    """

    def __init__(
        self,
        plan: Plan,
        clb: Clb,
        load_balancer_id: str,
        options: ApplyOptions,
        budget: Budget,
        pacing: Pacing | None = None,
    ) -> None:
        self._plan = plan
        self._clb = clb
        self._load_balancer_id = load_balancer_id
        self._options = options
        self._budget = budget
        self._pacing = pacing or PACING
        self._writer = Writer(clb, load_balancer_id, plan.snapshot.listener_ids, budget, self._pacing)
        self._writer.snapshot = plan.snapshot
        self._held: dict[Change, Failure] = {}
        self._closed: set[str] = set()

    def run(self) -> Outcome:
        """Do it. What goes wrong is in the outcome, not raised."""
        writer = self._writer
        error: ClbError | None = None
        unhealthy = False
        try:
            self._guard_before()
            gains, losses = list(self._plan.gains), list(self._plan.losses)
            self._send_all(gains, _GAIN_ORDER, last=not losses and not self._options.wait_for_health)
            if writer.stale and (losses or self._options.wait_for_health):
                writer.read_back(gains)
            losses = self._hold_back(gains, losses)
            if self._options.wait_for_health:
                unhealthy = True
                health = self._await_health()
                unhealthy = False
                if self._options.min_healthy and losses:
                    self._guard_again(losses, health)
            self._send_all(losses, _LOSS_ORDER, last=True)
            if self._options.wait and writer.stale:
                writer.read_back(self._plan.changes)
        except ClbError as exc:
            error = exc
        return self._judge(error, unhealthy)

    def dry_run(self) -> Outcome:
        """Tell what :meth:`run` would do, as far as that is known without writing."""
        try:
            self._guard_before()
        except ClbError as exc:
            return self._judge(exc, False)
        changes = self._plan.changes
        return Outcome(None, frozenset(changes), {}, bool(changes), (), None, ())

    def _guard_before(self) -> None:
        """Refuse, before any write, what ``min_healthy`` forbids; health is read only when something is to be lost.

        :raises GuardRefused: which pools would fall to what.
        """
        if self._options.min_healthy and takes_capacity(self._plan):
            health = self._clb.describe_target_health([self._load_balancer_id])[self._load_balancer_id]
            check_guard(self._plan, health, self._options.min_healthy, count_gains=self._options.wait_for_health)

    def _send_all(self, changes: Sequence[Change], order: Sequence[ChangeKind], *, last: bool) -> None:
        calls = [call for kind in order for call in batches([one for one in changes if one.kind is kind])]
        for number, call in enumerate(calls, start=1):
            self._writer.deliver(call, follow=self._options.wait or not (last and number == len(calls)))

    def _hold_back(self, gains: Iterable[Change], losses: Iterable[Change]) -> list[Change]:
        """Leave out the losses of listeners whose gains are not all in place."""
        snapshot = self._writer.snapshot or self._plan.snapshot
        short = {one.pool.listener_id: one for one in gains if not one.in_place(snapshot)}
        kept = []
        for loss in losses:
            gain = short.get(loss.pool.listener_id)
            if gain is None:
                kept.append(loss)
            else:
                self._held[loss] = Failure(
                    NOT_ATTEMPTED,
                    f"Held back: {gain.backend.address}:{gain.port}, which this task adds or changes on the same "
                    "listener, is not in place.",
                )
        return kept

    def _guard_again(self, losses: Sequence[Change], health: HealthSnapshot) -> None:
        """Check the guard on the health just read, right before the losses."""
        snapshot = self._writer.snapshot or self._plan.snapshot
        rest = Plan(snapshot, self._plan.touched, tuple(losses))
        check_guard(rest, health, self._options.min_healthy, count_gains=False)

    def _await_health(self) -> HealthSnapshot:
        """Poll until every wanted target of weight above 0 that is in place is healthy.

        :raises WaitTimeout: naming each that is not, with the detail.
        """
        snapshot = self._writer.snapshot or self._plan.snapshot
        serving = [
            bound
            for one in self._plan.desired
            if (bound := snapshot.find(one.pool.key, one.backend, one.port)) is not None
            # What this task is about to drain need not be healthy.
            and (bound.weight if one.weight is None else one.weight) > 0
        ]
        for delay in growing(self._pacing.health_first, self._pacing.factor, self._pacing.health_most):
            health = self._clb.describe_target_health([self._load_balancer_id])[self._load_balancer_id]
            states = [(bound, health.of(bound)) for bound in serving]
            self._closed = {bound.pool.label for bound, state in states if state.detail == "Close"}
            sick = [f"{_name(bound)} is {state.detail}" for bound, state in states if not state.healthy]
            if not sick:
                return health
            try:
                self._budget.sleep(delay, "targets to become healthy")
            except WaitTimeout as up:
                more = f"; and {len(sick) - _MAX_NAMED} more" if len(sick) > _MAX_NAMED else ""
                raise WaitTimeout(
                    f"{self._budget.words} is over and {len(sick)} of {len(serving)} targets "
                    f"are not healthy: {'; '.join(sick[:_MAX_NAMED])}{more}. Check what these hosts answer to the "
                    "health check, or raise wait_timeout."
                ) from up
        raise AssertionError("growing() does not end")

    def _judge(self, error: ClbError | None, unhealthy: bool) -> Outcome:
        """Tell each change's fate from the last snapshot."""
        writer = self._writer
        if writer.stale and (self._options.wait or error is not None):
            self._look_once_more(error)
        told = self._options.wait or not writer.stale
        done: set[Change] = set()
        failures: dict[Change, Failure] = {}
        for change in self._plan.changes:
            sent = change in writer.sent
            if told and writer.snapshot is not None:
                in_place = change.in_place(writer.snapshot)
            else:
                in_place = change in writer.found or (sent and change not in writer.blamed)
            if not in_place:
                failures[change] = self._reason(change, error)
            elif sent:
                done.add(change)
        if not failures and not unhealthy:
            error = None
        elif error is None:
            reasons = list(failures.values())
            error = _as_error(next((one for one in reasons if one.code != NOT_ATTEMPTED), reasons[0]))
        return Outcome(
            snapshot=writer.snapshot if told else None,
            done=frozenset(done),
            failures=failures,
            # A call cut off after it was applied shows only in what is read back.
            accepted=writer.accepted or bool(done),
            request_ids=tuple(writer.request_ids),
            error=error,
            warnings=tuple(self._warnings()),
        )

    def _look_once_more(self, error: ClbError | None) -> None:
        """After an error: read, if there is time for it, so that the result tells what is there."""
        writer = self._writer
        try:
            if not isinstance(error, (ConnectionFailed, UnexpectedAnswer)):
                # Reads can lag behind what was accepted before the error.
                writer.settle(one for one in writer.sent if one not in writer.blamed)
        except WaitTimeout:
            pass
        except ClbError as exc:
            writer.warnings.append(f"The result could not be read back: {exc.message}")
            return
        if writer.stale and self._budget.until_end() > 0:
            try:
                writer.read(last_attempt=True)
            except ClbError as exc:
                writer.warnings.append(f"The result could not be read back: {exc.message}")

    def _reason(self, change: Change, error: ClbError | None) -> Failure:
        """Why a change is not in place."""
        known = self._writer.blamed.get(change) or self._held.get(change)
        if known is not None:
            return known
        if change not in self._writer.sent:
            why = "the task had ended" if error is None else f"the task stopped with {error.code}"
            return Failure(NOT_ATTEMPTED, f"Not sent: {why}.")
        snapshot = self._writer.snapshot
        if snapshot is not None and change.conflicts_with(snapshot):
            return Failure(
                "TaskFailed", "Somebody else bound it at the same time, with another weight or tag; run the task again."
            )
        if error is None or error.action is None:
            return Failure("WaitTimeout", "It was sent, and DescribeTargets did not show it in time.")
        return Failure.of(error)

    def _warnings(self) -> Iterable[str]:
        yield from self._writer.warnings
        for label in sorted(self._closed):
            yield f"The health check of {label} is switched off: its targets count as healthy."
        snapshot = self._writer.snapshot
        tagged = any(one.kind is ChangeKind.REGISTER and one.tag for one in self._writer.sent)
        if tagged and snapshot is not None and not snapshot.tags_known and self._options.wait:
            yield "The cloud's answer tells no tags: whether the tags of new bindings are in place is not known."
        named = {
            change.pool.listener_id
            for change, failure in self._writer.blamed.items()
            if failure.code == "FailListenerIdSet"
        }
        if snapshot is not None and self._options.wait:
            for listener_id in sorted(named):
                if all(one.in_place(snapshot) for one in self._plan.changes if one.pool.listener_id == listener_id):
                    yield f"The cloud named {listener_id} in FailListenerIdSet, and all that was asked for is in place."


def _name(bound: Binding) -> str:
    return f"{bound.backend.address}:{bound.port} on {bound.pool.label}"


def _as_error(failure: Failure) -> ClbError:
    return ClbError(
        failure.message,
        code=failure.code,
        action=failure.action,
        request_id=failure.request_id,
    )
