# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carry out a plan: gains, then health, then losses. Each read decides on the next call, the last on the outcome."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from .._base import pace
from .._base.errors import ClbError, Refused, UnhealthyTimeout, WaitTimeout, and_more, natural
from .._bindings.change import ChangeKind
from .._bindings.guard import Checked
from .batches import calls_for
from .guarding import Guard
from .ledger import in_doubt, pending
from .narrow import Narrower
from .outcome import MAX_NAMED, Ending
from .session import Sent, Session, rest_of, to_send

if TYPE_CHECKING:
    from .._api.clb import Clb
    from .._bindings.plan import Plan
    from .outcome import Outcome
    from .session import Shared


class ApplyOptions(NamedTuple):
    """The module's options of the same names."""

    wait: bool
    wait_for_health: bool
    min_healthy: int


class Reconciler:
    """Carries out the plan of one load balancer.

    :param checked: the guard as it was checked before; None where nothing was to be guarded.
    :param remembered_at: the time on the budget's clock at which another task remembered the bindings in place: a call
        of it may still be under way. None where no such call can be under way.
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
        self._budget = shared.budget
        self._session = Session(plan, clb, load_balancer_id, shared)
        self._guard = Guard(self._session, options.min_healthy, checked) if options.min_healthy else None
        self._narrower = Narrower(self._session, self._guard)
        self._remembered_at = remembered_at
        self._settled = True
        self._awaits_health = False

    def run(self) -> Outcome:
        """Carry out the plan. An error is in the outcome, not raised."""
        error: ClbError | None = None
        try:
            self._reach()
        except ClbError as exc:
            error = self._session.explain(exc)
        return self._conclude(error)

    def _reach(self) -> None:
        session, options = self._session, self._options
        while True:
            follow = options.wait or options.wait_for_health or bool(rest_of(session).losses)
            self._send_all(losses=False, follow=follow)
            if options.wait_for_health:
                self._await_health()
            self._send_all(losses=True, follow=options.wait or self._guard is not None)
            if self._guard is not None:
                self._guard.look_after_losses()
            if not to_send(session, losses=False) and not self._undone_by_others():
                return

    def _send_all(self, *, losses: bool, follow: bool) -> None:
        """Send the gains, or the losses, as long as any can still be sent; `follow`: read back each call."""
        while to_send(self._session, losses=losses):
            self._drive(losses=losses)
            if not follow and not in_doubt(self._session.ledger):
                return
            self._session.settle()

    def _drive(self, *, losses: bool) -> None:
        """Send everything of one side that is missing; after each surprise, compare with the newest read."""
        session, guard = self._session, self._guard if losses else None
        while True:
            calls = calls_for(to_send(session, losses=losses), session.clb.capacity)
            for number, call in enumerate(calls, start=1):
                if guard is not None and guard.check():
                    break
                answer = session.send(
                    call, another_call_follows=number < len(calls), guard_before_resend=guard is not None
                )
                if isinstance(answer, Refused):
                    self._narrower.narrow(call, answer)
                if answer is not Sent.ACCEPTED:
                    break
            else:
                return

    def _undone_by_others(self) -> bool:
        """Wait for calls of a task that was killed just now; True where one has undone a binding that was in place."""
        session = self._session
        # A load balancer that has carried out a call of this task has no other task's under way.
        written = any(record.shown and record.change.kind is not ChangeKind.TAG for record in session.ledger.records())
        if self._remembered_at is None or written:
            return False
        left = self._remembered_at + pace.LAST_DOUBT_SECONDS - self._budget.now()
        self._settled = left <= pace.ROUNDING_SECONDS
        if self._settled or left >= self._budget.remaining():
            return False
        undone = session.read_until(
            lambda: bool(to_send(session, losses=False) or to_send(session, losses=True)),
            "calls of another task to show",
            left,
            at_once=False,
        )
        self._settled = True
        return undone

    def _await_health(self) -> None:
        """Poll until every listed target of weight above 0 that is in place is healthy."""
        session = self._session
        serving = [
            bound
            for wish in self._plan.desired
            if (bound := session.snapshot.find(wish.pool.key, wish.backend, wish.port)) is not None
            # A target that this task is about to drain need not be healthy.
            and (bound.weight if wish.weight is None else wish.weight) > 0
        ]
        self._awaits_health = True
        for delay in pace.HEALTH.delays():
            at = self._budget.now()
            health = session.read_health()
            closed = {bound.pool.label for bound in serving if health.of(bound).detail == "Close"}
            session.warnings.extend(
                f"The health check of {label} is switched off: its targets count as healthy."
                for label in sorted(closed, key=natural)
            )
            sick = [f"{bound.label} is {health.of(bound).detail}" for bound in serving if not health.of(bound).healthy]
            if not sick:
                break
            try:
                session.sleep(delay, "targets to become healthy")
            except WaitTimeout as up:
                raise UnhealthyTimeout(
                    f"{self._budget.label} expired and {len(sick)} of {len(serving)} targets are not healthy: "
                    f"{and_more(sick, MAX_NAMED, '; ')}. Check what these hosts answer to the health check, or raise "
                    "wait_timeout."
                ) from up
        self._awaits_health = False
        if self._guard is not None:
            self._guard.note(Checked(health, at))

    # -- the result

    def _conclude(self, error: ClbError | None) -> Outcome:
        session = self._session
        # With `wait: false` nothing was read back: an accepted change is reported as done.
        assumed = not self._options.wait and error is None and self._is_open()
        readable = assumed or self._look_once_more()
        return Ending(
            plan=self._plan,
            rest=rest_of(session),
            ledger=session.ledger,
            error=error,
            assumed=assumed,
            readable=readable,
            awaits_health=self._awaits_health,
            warnings=session.warnings,
            settled=self._settled,
        ).conclude()

    def _look_once_more(self) -> bool:
        """Read the effect of the last call, if there is time for it; True where the state is known."""
        session = self._session
        session.ledger.no_more_calls()
        try:
            if self._is_open() and self._budget.remaining() > 0:
                with contextlib.suppress(WaitTimeout):
                    session.settle()
            if self._is_open() and self._budget.until_end() > 0:
                session.read(last_attempt=True)
        except ClbError as error:
            session.warnings.append(f"The result could not be read back: {error.message}")
        return not session.stale

    def _is_open(self) -> bool:
        return self._session.stale or bool(pending(self._session.ledger))
