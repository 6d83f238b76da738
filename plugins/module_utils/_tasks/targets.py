# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of the module ``targets`` from options to result; knows nothing of AnsibleModule."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from .._apply.outcome import Outcome, foresee, refuse
from .._base.budget import Budget
from .._base.errors import (
    MAX_ITEMS,
    ClbError,
    GuardRefused,
    GuardRefusedElsewhere,
    InvalidArgument,
    and_more,
    first_sentences,
    sentences,
)
from .._base.threads import side_by_side
from .._bindings.guard import Checked, check_guard, takes_capacity
from .._bindings.plan import Goal, find_unmatched, make_plan
from .._bindings.resolve import UnknownName, what_exists
from .balancers import TaskResult, as_clb_error, gc_paused, known
from .report import describe_error, empty_result, report
from .request import Request
from .stages import Fleet, assign_entries, check_entries_belong, read, read_health
from .words import failure_message, success_message

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from .._api.clb import Clb
    from .._api.connection import Connection
    from .._apply.locks import GuardLocks
    from .._bindings.guard import PoolLoss
    from .balancers import Balancer
    from .recall import Recall

PROBES = 2
"""The writes that find out how long a task of the cloud takes, where several load balancers are changed."""


def run_task(params: Mapping[str, Any], environ: Mapping[str, str], *, check_mode: bool, diff: bool) -> TaskResult:
    """Bring the bindings of one load balancer, or of many, to the desired state."""
    try:
        request = Request.parse(params)
    except ClbError as error:
        load_balancer_id = params["load_balancer_id"] and params["load_balancer_id"].strip()
        result = {**empty_result(), "load_balancer_id": load_balancer_id, "error": describe_error(error)}
        return TaskResult(result, failure=error.message)
    task = _Task(request, environ, check_mode=check_mode)
    failure: str | None
    try:
        task.run_all(params)
    except ClbError as error:
        result = {**report(task.ended, request, diff=False), "error": describe_error(error)}
        failure = error.message
    else:
        result = report(task.ended, request, diff=diff)
        failure = failure_message(task.ended, several=task.several, check_mode=check_mode)
        result["msg"] = failure or success_message(result, several=task.several)
        if result["diff"] and failure is None:
            # Ansible prints this below the lines of the diff.
            result["diff"]["prepared"] = result["msg"]
    return task.conclude(result, failure)


class _Task(Fleet):
    def __init__(self, request: Request, environ: Mapping[str, str], *, check_mode: bool) -> None:
        super().__init__(request, only_reads=False)
        self._environ = environ
        self._check_mode = check_mode
        self._budget = Budget(request.wait_timeout, request.timeout)
        self._entries = request.entries or ()
        """Those that may be meant; with ``restored``, of the restore file."""
        self._recall: Recall | None = None
        """The restore file; None where there is none."""
        self._locks: GuardLocks | None = None

    def run_all(self, params: Mapping[str, Any]) -> None:
        """Run all stages in order; an error means that nothing was done."""
        self._open_recall()
        connection = self._connect(params)
        if connection is not None:
            self._find(connection)
        if connection is None or not self.all:
            if self._recall is not None:
                self._recall.warn_of(self._recall.selectors or ())
            return
        try:
            self._lock(connection)
            with gc_paused():
                self._read_and_assign(connection.clb)
                self._plan(connection.clb)
            self._lock_and_plan_again(connection.clb)
            checked_at = self._budget.now()
            if self._pass_guard(connection.clb):
                self._apply(connection.clb, checked_at)
        finally:
            if self._locks is not None:
                self._locks.release_all()
        if self._recall is not None and self.request.restores:
            self.put(map(self._recall.complete, self.all))

    def _open_recall(self) -> None:
        if self.request.restore_file is None:
            return
        from .recall import Recall  # noqa: PLC0415 - few tasks have a restore file

        self._recall = Recall(self.request, self._budget, self.warnings)
        if self.request.restores:
            self._entries = self._recall.candidates()

    def _connect(self, params: Mapping[str, Any]) -> Connection | None:
        """Connect, unless there is nothing to look up and nothing to do."""
        choice = self.request.choice
        if not self._entries and self.request.purge:
            self.warnings.add(["purge has nothing to work on: targets is empty, so no listener or rule is named."])
        looks_up = choice.names or choice.tags is not None
        return self.connect(params, self._environ, self._budget) if self._entries or looks_up else None

    def _find(self, connection: Connection) -> None:
        chosen = self.choose(connection, self._entries)
        named = self._entries
        if self._recall is not None and self.request.restores:
            # What is remembered somewhere is never left out silently.
            chosen = [replace(balancer, listed=False) for balancer in chosen]
            identities = {balancer.load_balancer_id for balancer in chosen}
            self._entries = self._recall.candidates(identities)
            try:
                check_entries_belong(connection, chosen, self._entries, self.request.choice)
            except InvalidArgument as error:
                raise self._recall.blame(error) from None
            about = {None, *identities}
            named = tuple(one for one in self._recall.selectors or () if one.load_balancer_id in about)
        self.warnings.add(check_entries_belong(connection, chosen, named, self.request.choice))
        self.hold(chosen, self._entries)
        if not chosen and self._entries and self.request.state == "drained":
            self.warnings.add([f"No load balancer in region {connection.region} has backends: nothing was drained."])

    def _lock(self, connection: Connection) -> None:
        """Under the guard, lock a single load balancer that may lose something before its first read."""
        request = self.request
        if not request.min_healthy or self._check_mode:
            return
        from .._apply.locks import GuardLocks  # noqa: PLC0415 - few tasks have a guard

        self._locks = GuardLocks(self._environ, connection.endpoint, self._budget)
        may_lose = not request.binds or request.purge or any(entry.weight == 0 for entry in self._entries)
        if len(self.all) == 1 and may_lose:
            self._locks.acquire(self.all[0].load_balancer_id)

    def _read_and_assign(self, clb: Clb) -> None:
        self.run(partial(read, clb, several=self.several))
        self.check_some_left()
        if self._recall is not None and self.request.restores:
            self.keep(self._recall.select(self.all, clb))
        elif self.several:
            everywhere = self.request.choice.everywhere
            balancers, assignment = assign_entries(self.active, self._entries)
            if assignment.unknown and self.request.state != "absent" and not everywhere:
                exists = [f"{one.load_balancer_id}: {what_exists(known(one.snapshot))}" for one in balancers]
                raise InvalidArgument(sentences(*assignment.unknown[:MAX_ITEMS], first_sentences(exists)))
            unknown = (*assignment.unknown, *(assignment.lacking if everywhere else ()))
            self.warnings.add(f"{sentence} Nothing to do for it." for sentence in unknown)
            self.put(balancers)

    def _plan(self, clb: Clb, only: Collection[str] | None = None) -> None:
        self.run(lambda balancer: _plan_one(self.request, clb, balancer), only, max_threads=1)

    def _losing(self) -> set[str]:
        """The load balancers that lose capacity under the guard."""
        guarded = self.active if self.request.min_healthy else []
        return {one.load_balancer_id for one in guarded if takes_capacity(known(one.plan).changes)}

    def _lock_and_plan_again(self, clb: Clb) -> None:
        """Of several load balancers, lock those that lose something, and read and plan them once more."""
        losing = self._losing()
        if self._locks is None or not losing or self._locks.held:
            return
        for load_balancer_id in sorted(losing):
            self._locks.acquire(load_balancer_id)
        with gc_paused():
            self.run(partial(read, clb, several=self.several), losing)
            self._plan(clb, losing)

    def _pass_guard(self, clb: Clb) -> bool:
        """Check the guard where capacity is lost; if it refuses on one load balancer, nothing is sent to any."""
        read_health(self, clb, self._losing())
        self.check_some_left()
        refused: dict[str, ClbError] = {}
        for balancer in self.active:
            try:
                losses = _check_guard(self.request, balancer)
            except GuardRefused as refusal:
                refused[balancer.load_balancer_id] = refusal
            else:
                self.warnings.add((loss.warn() for loss in losses if loss.counts_sick), balancer.load_balancer_id)
        if refused:
            where = f"the guard min_healthy refuses on {and_more(list(refused))}"
            where = where if self.several else "the task stopped with GuardRefused"
            stopped = GuardRefusedElsewhere(f"Not sent: {where}.")
            for balancer in self.active:
                plan = known(balancer.plan)
                error = refused.get(balancer.load_balancer_id) or (stopped if plan.changes else None)
                self._end(balancer, refuse(plan, error, stopped.message))
        return not refused

    def _apply(self, clb: Clb, checked_at: float) -> None:
        """Carry out all plans side by side, and bring the restore file up to date."""
        active = self.active
        self.warnings.add(
            f"{label} matches nothing bound: nothing was drained for it. Check its backend, port and tag."
            for label in find_unmatched([known(balancer.plan) for balancer in active])
        )
        if self._check_mode:
            for balancer in active:
                self._end(balancer, foresee(known(balancer.plan)))
            return
        if self._recall is not None:
            self._recall.remember(active)
        send = self._sender(clb, checked_at)

        def apply(balancer: Balancer) -> Outcome:
            try:
                return send(balancer)
            finally:
                if self._locks is not None:
                    self._locks.release(balancer.load_balancer_id)

        broken: set[str] = set()
        for balancer, finished in zip(active, side_by_side(apply, active)):
            outcome = finished.value
            if outcome is None:
                # An error of this collection: nobody knows what was changed.
                broken.add(balancer.load_balancer_id)
                error, plan = as_clb_error(finished.error or RuntimeError("no outcome")), known(balancer.plan)
                unknown, former = frozenset(plan.changes), foresee(plan).restore
                outcome = Outcome(plan.snapshot, unknown=unknown, restore=former, error=error)
            self._end(balancer, outcome)
        if self._recall is not None:
            self._recall.settle(self.all, broken)

    def _end(self, balancer: Balancer, outcome: Outcome) -> None:
        self.warnings.add((*known(balancer.plan).warnings, *outcome.warnings), balancer.load_balancer_id)
        self.put([replace(balancer, outcome=outcome, error=outcome.error)])

    def _sender(self, clb: Clb, checked_at: float) -> Callable[[Balancer], Outcome]:
        """Return the function that carries out the plan of one load balancer."""
        request, recall, active, now = self.request, self._recall, self.active, self._budget.now()
        remembered_at = {one.load_balancer_id: recall.remembered_at(one, now) for one in active} if recall else {}
        unsettled = any(at is not None for at in remembered_at.values())
        if not request.wait_for_health and not unsettled and not any(known(one.plan).changes for one in active):
            return lambda balancer: Outcome(snapshot=known(balancer.plan).snapshot)
        # Ansible compiles what a module imports each time a task runs it, and a rerun finds everything in place.
        from .._apply.reconcile import ApplyOptions, Reconciler  # noqa: PLC0415 - only to write or wait
        from .._apply.session import Shared, TaskTimes  # noqa: PLC0415 - as above

        options = ApplyOptions(request.wait, request.wait_for_health, request.min_healthy)
        memory = None if recall is None else recall.memory_for_calls
        times = TaskTimes(PROBES if len(active) > 1 else None)
        shared = Shared(self._budget, times=times, memory=memory)
        return lambda balancer: Reconciler(
            known(balancer.plan),
            clb,
            balancer.load_balancer_id,
            options,
            shared,
            None if balancer.health is None else Checked(balancer.health, checked_at),
            remembered_at.get(balancer.load_balancer_id),
        ).run()


def _plan_one(request: Request, clb: Clb, balancer: Balancer) -> Balancer:
    """Plan one load balancer; where a name leads nowhere, the error lists what exists."""
    snapshot = known(balancer.snapshot)
    state = "present" if request.restores else request.state
    goal = Goal(state, balancer.entries, request.purge, lenient=request.choice.everywhere)
    try:
        return replace(balancer, plan=make_plan(goal, snapshot))
    except UnknownName as unknown:
        problem, meant = unknown.message, unknown.meant
    whole = snapshot if snapshot.listener_ids is None else clb.describe_targets(balancer.load_balancer_id)
    raise InvalidArgument(f"{problem} {what_exists(whole, meant)}")


def _check_guard(request: Request, balancer: Balancer) -> Sequence[PoolLoss]:
    """Check the guard on one load balancer; nothing is lost where its health was not read."""
    if balancer.health is None:
        return ()
    plan, minimum = known(balancer.plan), request.min_healthy
    return check_guard(plan.snapshot, plan.changes, balancer.health, minimum, count_gains=request.wait_for_health)
