# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of the module ``targets`` from options to result; knows nothing of AnsibleModule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .._api.connection import Connection, connect
from .._apply.outcome import Outcome, foresee, refuse
from .._base.budget import Budget
from .._base.errors import ClbError, GuardRefused, GuardRefusedElsewhere, InvalidArgument, and_more, sentences
from .._base.threads import side_by_side
from .._bindings.assign import assign, may_apply
from .._bindings.entries import Entry, find_doubtful_tags
from .._bindings.guard import Checked, check_guard, takes_capacity
from .._bindings.plan import Goal, Plan, find_unmatched, make_plan
from .._bindings.resolve import UnknownName, what_exists
from .balancers import (
    Chosen,
    LeftOut,
    TaskResult,
    Warnings,
    as_clb_error,
    gc_paused,
    raise_failed,
    read_all,
    read_healths,
)
from .choice import check_entries_belong, choose, means_several
from .options import check_options
from .report import Part, Result, describe_error, report
from .words import failure_message, success_message, tell_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .._api.clb import Clb
    from .._apply.locks import GuardLocks
    from .._base.threads import Finished
    from .._bindings.health import HealthSnapshot
    from .._bindings.snapshot import Snapshot
    from .recall import Recall

Value = TypeVar("Value")

PROBES = 2
"""The writes that find out how long a task of the cloud takes, where several load balancers are changed."""


def run_task(params: Mapping[str, Any], environ: Mapping[str, str], *, check_mode: bool, diff: bool) -> TaskResult:
    """Bring the bindings of one load balancer, or of many, to the desired state.

    :param check_mode: only say what would be done.
    :param diff: whether the task runs in diff mode.
    """
    task = _Task(params, environ, check_mode=check_mode)
    try:
        task.run()
    except ClbError as error:
        result: Result = {**task.report(diff=False), "error": describe_error(error)}
        failure: str | None = error.message
    else:
        result = task.report(diff=diff)
        failure = failure_message(task.parts, several=task.several, check_mode=check_mode)
        result["msg"] = failure or success_message(result, several=task.several)
        if result["diff"] and failure is None:
            # Ansible prints this below the lines of the diff.
            result["diff"]["prepared"] = result["msg"]
    if task.connection is not None:
        result["api_calls"] = dict(task.connection.api_calls)
    return TaskResult(result, task.all_warnings(), failure, task.connection)


class _Task:
    """One run of the module: chooses, reads, plans, guards, then applies."""

    def __init__(self, params: Mapping[str, Any], environ: Mapping[str, str], *, check_mode: bool) -> None:
        self._params = params
        self._environ = environ
        self._check_mode = check_mode
        self.several = means_several(params)
        self.connection: Connection | None = None
        self.parts: list[Part] = []
        self.warnings = Warnings()
        self._left_out = LeftOut(only_reads=False)
        self._chosen: list[Chosen] = []
        self._found_id: str | None = params["load_balancer_id"] and params["load_balancer_id"].strip()
        self._min_healthy: int = params["min_healthy"]
        self._restores = params["state"] == "restored"
        self._recall: Recall | None = None
        """The restore file; None where there is none."""
        self._selectors: tuple[Entry, ...] | None = None
        """Of `restored`; None: all that is remembered."""
        self._wait_for_health: bool = params["wait_for_health"] and (self._restores or params["state"] == "present")

    def report(self, *, diff: bool) -> Result:
        """The returned keys."""
        result = report(self.parts, several=self.several, diff=diff)
        result["left_out"] = self._left_out.described()
        if not self._params.get("return_targets", True):
            result["targets"] = []
        if not self.several:
            result["load_balancer_id"] = self._found_id
        return result

    def all_warnings(self) -> tuple[str, ...]:
        """The warnings, those of load balancers that are left out included."""
        self.warnings.add(self._left_out.warnings())
        return self.warnings.all(several=self.several)

    def run(self) -> None:
        """Do it.

        :raises ClbError: nothing was done, and why.
        """
        entries = check_options(self._params)
        self.warnings.add(find_doubtful_tags(self._params["targets"] or ()))
        budget = Budget(self._params["wait_timeout"], self._params["timeout"])
        if self._params["restore_file"] is not None:
            from .recall import open_recall  # noqa: PLC0415 - few tasks have one

            self._recall = open_recall(self._params, budget, self.warnings)
        if self._recall is not None and self._restores:
            self._selectors = None if self._params["targets"] is None else entries
            entries = self._recall.candidates(self._selectors)
        if not entries and self._params["purge"]:
            self.warnings.add(["purge has nothing to work on: targets is empty, so no listener or rule is named."])
        looked_up = ("load_balancer_name", "load_balancer_names", "load_balancer_tags")
        if entries or any(self._params[name] is not None for name in looked_up):
            self.connection = connect(self._params, self._environ, budget)
            entries = self._choose(self.connection, entries)
        if self.connection is None or not self._chosen:
            if self._recall is not None:
                self._recall.warn_of(self._selectors or ())
            return
        locks = self._locks(self.connection, budget)
        try:
            self._run_locked(self.connection, budget, entries, locks)
        finally:
            if locks is not None:
                locks.release_all()

    def _choose(self, connection: Connection, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """Find the load balancers; returns the entries that can be about them.

        :raises ClbError: a name is not the name of exactly one, or entries contradict what was chosen.
        """
        chosen = choose(connection, self._params, entries)
        if not self.several:
            self._found_id = chosen[0].load_balancer_id
        named = entries
        if self._recall is not None and self._restores:
            # What is remembered somewhere is never left out silently.
            chosen = [balancer._replace(listed=False) for balancer in chosen]
            entries = self._recall.candidates(None, [balancer.load_balancer_id for balancer in chosen])
            about = {None, *(balancer.load_balancer_id for balancer in chosen)}
            named = (*entries, *(one for one in self._selectors or () if one.load_balancer_id in about))
        self.warnings.add(check_entries_belong(connection, chosen, named, self._params))
        self._chosen = [balancer for balancer in chosen if may_apply(entries, balancer.load_balancer_id)]
        if not chosen and entries and self._params["state"] == "drained":
            self.warnings.add([f"No load balancer in region {connection.region} has backends: nothing was drained."])
        return entries

    def _locks(self, connection: Connection, budget: Budget) -> GuardLocks | None:
        """The locks of a task that may take capacity away under the guard; none in check mode, which takes nothing."""
        if self._check_mode or not self._min_healthy:
            return None
        from .._apply.locks import GuardLocks, lock_folder  # noqa: PLC0415 - few tasks have a guard

        return GuardLocks(lock_folder(self._environ), connection.endpoint, budget)

    def _may_lose(self, entries: Sequence[Entry]) -> bool:
        if self._params["state"] not in ("present", "restored"):
            return True
        return bool(self._params["purge"]) or any(entry.weight == 0 for entry in entries)

    def _run_locked(
        self, connection: Connection, budget: Budget, entries: Sequence[Entry], locks: GuardLocks | None
    ) -> None:
        chosen = self._chosen
        early = len(chosen) == 1 and self._may_lose(entries)
        if locks is not None and early:
            # One load balancer is read once, under its lock; of many, only those that lose something are locked.
            locks.acquire(chosen[0].load_balancer_id)
        with gc_paused():
            snapshots = self._sort(chosen, read_all(connection, chosen, entries, several=self.several))
            self._left_out.check_some_left(snapshots)
            goals = self._goals(connection, entries, snapshots)
            plans = self._plan_all(connection, goals, snapshots)
        guarded = [name for name, plan in plans.items() if self._min_healthy and takes_capacity(plan.changes)]
        if locks is not None and guarded and not early:
            for load_balancer_id in sorted(guarded):
                locks.acquire(load_balancer_id)
            again = [balancer for balancer in chosen if balancer.load_balancer_id in guarded]
            with gc_paused():
                newer = self._sort(again, read_all(connection, again, entries, several=self.several))
                goals = {load_balancer_id: plans.pop(load_balancer_id).goal for load_balancer_id in guarded}
                plans.update(self._plan_all(connection, goals, newer))
        at = budget.now()
        healths = self._read_healths(connection, plans, guarded)
        self._left_out.check_some_left(plans)
        refused = self._guard(plans, healths)
        if refused:
            self._refuse_all(plans, refused)
            return
        self.warnings.add(
            f"{label} matches nothing bound: nothing was drained for it. Check its backend, port and tag."
            for label in find_unmatched(plans.values())
        )
        if self._recall is not None and not self._check_mode:
            self._recall.remember(plans)
        checked = {load_balancer_id: Checked(health, at) for load_balancer_id, health in healths.items()}
        carry_out = self._performer(connection.clb, budget, plans, checked)

        def apply(balancer: Chosen) -> Outcome:
            try:
                return carry_out(balancer.load_balancer_id)
            finally:
                if locks is not None:
                    locks.release(balancer.load_balancer_id)

        there = [balancer for balancer in chosen if balancer.load_balancer_id in plans]
        self._conclude(plans, {one.load_balancer_id: end for one, end in zip(there, side_by_side(apply, there))})

    def _conclude(self, plans: Mapping[str, Plan], ends: Mapping[str, Finished[Outcome]]) -> None:
        """Note how each load balancer ended, and bring the restore file up to date."""
        outcomes: dict[str, tuple[Plan, Outcome]] = {}
        broken: list[str] = []
        for load_balancer_id, finished in ends.items():
            plan, outcome = plans[load_balancer_id], finished.value
            if finished.error is not None or outcome is None:
                broken.append(load_balancer_id)
                error = as_clb_error(finished.error or RuntimeError("no outcome"))
                former, unknown = foresee(plan).restore, frozenset(plan.changes)
                outcome = Outcome(plan.snapshot, unknown=unknown, restore=former, error=error)
            outcomes[load_balancer_id] = (plan, outcome)
            self.warnings.add((*plan.warnings, *outcome.warnings), load_balancer_id)
        self._report_parts({name: (*ended, ended[1].error) for name, ended in outcomes.items()})
        if self._recall is not None and not self._check_mode:
            self._recall.settle(outcomes, broken)

    def _report_parts(self, ended: Mapping[str, tuple[Plan, Outcome, ClbError | None]]) -> None:
        """Note how each load balancer ended, in the order chosen; on some, nothing may have been brought back."""
        for balancer in self._chosen:
            plan, outcome, error = ended.get(balancer.load_balancer_id, (None, None, None))
            part = Part(balancer.load_balancer_id, balancer.name, plan, outcome, error)
            if self._recall is not None:
                part = self._recall.part(part)
            if part.plan is not None or part.error is not None:
                self.parts.append(part)

    def _performer(
        self, clb: Clb, budget: Budget, plans: Mapping[str, Plan], checked: Mapping[str, Checked]
    ) -> Callable[[str], Outcome]:
        """What carries out the plan of a load balancer, given its ID; in check mode, what says how that would end."""
        if self._check_mode:
            return lambda load_balancer_id: foresee(plans[load_balancer_id])
        recall, now = self._recall, budget.now()
        remembered_at = {} if recall is None else {one: recall.remembered_at(one, plans[one], now) for one in plans}
        unsettled = any(at is not None for at in remembered_at.values())
        if not self._wait_for_health and not unsettled and not any(plan.changes for plan in plans.values()):
            return lambda load_balancer_id: Outcome(snapshot=plans[load_balancer_id].snapshot)
        # Ansible compiles what a module imports each time a task runs it, and a rerun finds everything in place.
        from .._apply.reconcile import ApplyOptions, Reconciler, Shared  # noqa: PLC0415 - only to write or wait
        from .._apply.writer import TaskTimes  # noqa: PLC0415 - as above

        options = ApplyOptions(self._params["wait"], self._wait_for_health, self._min_healthy)
        times = TaskTimes(PROBES if len(plans) > 1 else None)
        memory = None if recall is None else recall.memory_for_calls
        shared = Shared(budget, times=times, memory=memory)
        return lambda load_balancer_id: Reconciler(
            plans[load_balancer_id],
            clb,
            load_balancer_id,
            options,
            shared,
            checked.get(load_balancer_id),
            remembered_at.get(load_balancer_id),
        ).run()

    def _sort(self, chosen: Sequence[Chosen], finished: Sequence[Finished[Value]]) -> dict[str, Value]:
        """Keep what was read, by load balancer ID; what may be left out is remembered.

        :raises ClbError: a load balancer can't be read, and must not be left out.
        """
        values, failed = self._left_out.sort(chosen, finished)
        self._stop(failed)
        return values

    def _stop(self, failed: Mapping[str, ClbError]) -> None:
        """Stop before any write where something is wrong on a load balancer."""
        if not failed:
            return
        if self._recall is not None and self._restores:
            # The others are brought back all the same.
            self._recall.lose(failed)
            return
        self.parts = [
            Part(balancer.load_balancer_id, balancer.name, error=failed[balancer.load_balancer_id])
            for balancer in self._chosen
            if balancer.load_balancer_id in failed
        ]
        region = None if self.connection is None else self.connection.region
        raise_failed(failed, tell_failed(failed, len(self._chosen), several=self.several, region=region, writes=True))

    def _goals(
        self, connection: Connection, entries: Sequence[Entry], snapshots: Mapping[str, Snapshot]
    ) -> dict[str, Goal]:
        """What is asked for on each load balancer.

        :raises InvalidArgument: no load balancer has a listener or rule that an entry names by its ID.
        """
        if self._recall is not None and self._restores:
            back = self._recall.select(self._selectors, snapshots, connection.clb)
            return {name: Goal("present", mine) for name, mine in back.items()}
        state, purge, everywhere = (self._params[name] for name in ("state", "purge", "all_load_balancers"))
        if not self.several:
            return {load_balancer_id: Goal(state, tuple(entries), purge) for load_balancer_id in snapshots}
        assignment = assign(entries, snapshots)
        if assignment.unknown and state != "absent" and not everywhere:
            exists = [f"{name}: {what_exists(snapshot)}" for name, snapshot in snapshots.items()]
            raise InvalidArgument(sentences(*assignment.unknown[:5], and_more(exists, 5, " ")))
        unknown = (*assignment.unknown, *(assignment.lacking if everywhere else ()))
        self.warnings.add(f"{sentence} Nothing to do for it." for sentence in unknown)
        return {name: Goal(state, mine, purge, lenient=everywhere) for name, mine in assignment.entries.items()}

    def _plan_all(
        self, connection: Connection, goals: Mapping[str, Goal], snapshots: Mapping[str, Snapshot]
    ) -> dict[str, Plan]:
        """Plan every load balancer that was read.

        :raises InvalidArgument: a name leads nowhere or to several things; the message lists what exists.
        """
        plans: dict[str, Plan] = {}
        failed: dict[str, ClbError] = {}
        for load_balancer_id, goal in goals.items():
            if load_balancer_id not in snapshots:
                continue
            try:
                plans[load_balancer_id] = self._plan_one(
                    connection, load_balancer_id, goal, snapshots[load_balancer_id]
                )
            except ClbError as error:
                failed[load_balancer_id] = error
        self._stop(failed)
        return plans

    @staticmethod
    def _plan_one(connection: Connection, load_balancer_id: str, goal: Goal, snapshot: Snapshot) -> Plan:
        try:
            return make_plan(goal, snapshot)
        except UnknownName as unknown:
            problem, meant = unknown.message, unknown.meant
        whole = snapshot
        if snapshot.listener_ids is not None:
            whole = connection.clb.describe_targets(load_balancer_id)
        raise InvalidArgument(f"{problem} {what_exists(whole, meant)}")

    def _read_healths(
        self, connection: Connection, plans: dict[str, Plan], guarded: Sequence[str]
    ) -> dict[str, HealthSnapshot]:
        """Read the health where capacity is lost; the plan of a load balancer that is gone by now is dropped."""
        losing = [name for name in guarded if name in plans and takes_capacity(plans[name].changes)]
        asked = [balancer for balancer in self._chosen if balancer.load_balancer_id in losing]
        healths = self._sort(asked, read_healths(connection.clb, [one.load_balancer_id for one in asked]))
        for load_balancer_id in losing:
            if load_balancer_id not in healths:
                del plans[load_balancer_id]
        return healths

    def _guard(self, plans: Mapping[str, Plan], healths: Mapping[str, HealthSnapshot]) -> dict[str, ClbError]:
        """Check the guard on every load balancer that loses something: what refuses, by load balancer ID."""
        refused: dict[str, ClbError] = {}
        for load_balancer_id, health in healths.items():
            plan = plans[load_balancer_id]
            try:
                losses = check_guard(
                    plan.snapshot, plan.changes, health, self._min_healthy, count_gains=self._wait_for_health
                )
            except GuardRefused as refusal:
                refused[load_balancer_id] = refusal
            else:
                self.warnings.add((loss.warn() for loss in losses if loss.counts_sick), load_balancer_id)
        return refused

    def _refuse_all(self, plans: Mapping[str, Plan], refused: Mapping[str, ClbError]) -> None:
        """A guard that refuses on one load balancer stops all, before any write."""
        where = and_more(list(refused), 5)
        message = f"Not sent: the guard min_healthy refuses on {where}."
        if not self.several:
            message = "Not sent: the task stopped with GuardRefused."
        stopped = GuardRefusedElsewhere(message)
        ended: dict[str, tuple[Plan, Outcome, ClbError | None]] = {}
        for load_balancer_id, plan in plans.items():
            error = refused.get(load_balancer_id) or (stopped if plan.changes else None)
            self.warnings.add(plan.warnings, load_balancer_id)
            ended[load_balancer_id] = (plan, refuse(plan, error, stopped.message), error)
        self._report_parts(ended)
