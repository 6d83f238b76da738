# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of the module ``targets`` from options to result; knows nothing of AnsibleModule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._api.connection import Connection, connect
from .._apply.outcome import Outcome, foresee, refuse
from .._base.budget import Budget
from .._base.errors import ClbError, GuardRefused, GuardRefusedElsewhere, InvalidArgument, and_more
from .._base.threads import side_by_side
from .._bindings.assign import assign, may_apply
from .._bindings.entries import Entry, find_doubtful_tags, parse_entries
from .._bindings.guard import Checked, check_guard, takes_capacity
from .._bindings.plan import Goal, Plan, make_plan
from .._bindings.resolve import UnknownName, what_exists
from .balancers import (
    Chosen,
    TaskResult,
    Warnings,
    as_clb_error,
    gc_paused,
    left_out,
    may_leave_out,
    read_all,
    read_healths,
    values_of,
)
from .choice import check_entries_belong, check_load_balancers, choose, means_several
from .report import Part, Result, describe_error, failure_message, first_error, report
from .request import check_minimum

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .._api.clb import Clb
    from .._apply.locks import GuardLocks
    from .._bindings.snapshot import Snapshot

PROBES = 2
"""The writes that find out how long a task of the cloud takes, where several load balancers are changed."""


def check_options(params: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Check everything that can be checked without the network.

    :param params: the module's options.
    :returns: the parsed entries of ``targets``.
    :raises InvalidArgument: which value is wrong, why, and what would be right.
    """
    for name, minimum in (("timeout", 1), ("wait_timeout", 1), ("min_healthy", 0)):
        check_minimum(params, name, minimum)
    state = params["state"]
    if params["purge"] and state != "present":
        raise InvalidArgument(f"purge goes with state present, not with {state}; leave it out.")
    if params["wait_for_health"] and not params["wait"]:
        raise InvalidArgument("wait_for_health needs wait: true; set wait to true, or leave wait_for_health out.")
    entries = parse_entries(params["targets"], selectors=state != "present")
    check_load_balancers(params, entries)
    if params["all_load_balancers"]:
        if state == "present":
            raise InvalidArgument(
                "all_load_balancers goes with state absent or drained: what is bound nowhere can't be found. "
                "Give load_balancer_ids or load_balancer_names."
            )
        without = [f"targets[{entry.number}]" for entry in entries if entry.backend is None]
        if without:
            raise InvalidArgument(
                f"With all_load_balancers every entry must name a backend, and {and_more(without, 5)} does not; "
                "give instance_id or eni_ip."
            )
    return entries


def run_task(params: Mapping[str, Any], environ: Mapping[str, str], *, check_mode: bool, diff: bool) -> TaskResult:
    """Bring the bindings of one load balancer, or of many, to the desired state.

    :param params: the module's options.
    :param environ: the environment variables.
    :param check_mode: only say what would be done.
    :param diff: whether the task runs in diff mode.
    """
    task = _Task(params, environ, check_mode=check_mode)
    failure: str | None = None
    try:
        task.run()
    except ClbError as error:
        result: Result = {**task.report(diff=False), "error": describe_error(error)}
        failure = error.message
    else:
        result = task.report(diff=diff)
        failure = failure_message(task.parts, several=task.several, check_mode=check_mode)
    if task.connection is not None:
        result["api_calls"] = dict(task.connection.api_calls)
    return TaskResult(result, task.warnings.all(several=task.several), failure, task.connection)


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
        self._found_id: str | None = params["load_balancer_id"] and params["load_balancer_id"].strip()
        self._min_healthy: int = params["min_healthy"]
        self._wait_for_health: bool = params["wait_for_health"] and params["state"] == "present"

    def report(self, *, diff: bool) -> Result:
        """The returned keys."""
        result = report(self.parts, several=self.several, diff=diff)
        if not self.several:
            result["load_balancer_id"] = self._found_id
        return result

    def run(self) -> None:
        """Do it.

        :raises ClbError: nothing was done, and why.
        """
        entries = check_options(self._params)
        self.warnings.add(find_doubtful_tags(self._params["targets"]))
        if not entries and self._params["purge"]:
            self.warnings.add(["purge has nothing to work on: targets is empty, so no listener or rule is named."])
        if not entries and self._params["load_balancer_name"] is None and self._params["load_balancer_names"] is None:
            return
        budget = Budget(self._params["wait_timeout"], self._params["timeout"])
        self.connection = connect(self._params, self._environ, budget)
        chosen = choose(self.connection, self._params, entries)
        if not self.several:
            self._found_id = chosen[0].load_balancer_id
        self.warnings.add(check_entries_belong(self.connection, chosen, entries, several=self.several))
        chosen = [balancer for balancer in chosen if may_apply(entries, balancer.load_balancer_id)]
        if not chosen:
            return
        locks = self._locks(self.connection, budget)
        try:
            self._run_locked(self.connection, budget, entries, chosen, locks)
        finally:
            if locks is not None:
                locks.release_all()

    def _locks(self, connection: Connection, budget: Budget) -> GuardLocks | None:
        """The locks of a task that may take capacity away under the guard; none in check mode, which takes nothing."""
        if self._check_mode or not self._min_healthy:
            return None
        from .._apply.locks import GuardLocks, lock_folder  # noqa: PLC0415 - few tasks have a guard

        return GuardLocks(lock_folder(self._environ), connection.endpoint, budget)

    def _may_lose(self, entries: Sequence[Entry]) -> bool:
        if self._params["state"] != "present":
            return True
        return bool(self._params["purge"]) or any(entry.weight == 0 for entry in entries)

    def _run_locked(
        self,
        connection: Connection,
        budget: Budget,
        entries: Sequence[Entry],
        chosen: Sequence[Chosen],
        locks: GuardLocks | None,
    ) -> None:
        if locks is not None and len(chosen) == 1 and self._may_lose(entries):
            # One load balancer is read once, under its lock; of many, only those that lose something are locked.
            locks.acquire(chosen[0].load_balancer_id)
        with gc_paused():
            chosen, snapshots = self._read(connection, entries, chosen)
            plans = self._plan(connection, entries, chosen, snapshots)
        guarded = [
            balancer.load_balancer_id
            for balancer in chosen
            if self._min_healthy and takes_capacity(plans[balancer.load_balancer_id].changes)
        ]
        if locks is not None and len(chosen) > 1 and guarded:
            for load_balancer_id in sorted(guarded):
                locks.acquire(load_balancer_id)
            again = [balancer for balancer in chosen if balancer.load_balancer_id in guarded]
            with gc_paused():
                newer = values_of(read_all(connection, again, entries, several=self.several))
                for balancer, snapshot in zip(again, newer):
                    plans[balancer.load_balancer_id] = make_plan(plans[balancer.load_balancer_id].goal, snapshot)
        at = budget.now()
        checked, refused = self._guard(connection, plans, guarded, at)
        if refused is not None:
            self._refuse_all(chosen, plans, refused)
            return
        self._warn_of_unmatched(plans)
        carry_out = self._performer(connection.clb, budget, plans, checked)

        def apply(balancer: Chosen) -> Outcome:
            try:
                return carry_out(balancer.load_balancer_id)
            finally:
                if locks is not None:
                    locks.release(balancer.load_balancer_id)

        for balancer, finished in zip(chosen, side_by_side(apply, chosen)):
            plan = plans[balancer.load_balancer_id]
            outcome = finished.value
            if finished.error is not None or outcome is None:
                error = as_clb_error(finished.error or RuntimeError("no outcome"))
                outcome = Outcome(snapshot=plan.snapshot, unknown=frozenset(plan.changes), error=error)
            self.warnings.add((*plan.warnings, *outcome.warnings), balancer.load_balancer_id)
            self.parts.append(Part(balancer.load_balancer_id, balancer.name, plan, outcome, outcome.error))

    def _performer(
        self, clb: Clb, budget: Budget, plans: Mapping[str, Plan], checked: Mapping[str, Checked]
    ) -> Callable[[str], Outcome]:
        """What carries out the plan of a load balancer, given its ID; in check mode, what says how that would end."""
        if self._check_mode:
            return lambda load_balancer_id: foresee(plans[load_balancer_id])
        if not self._wait_for_health and not any(plan.changes for plan in plans.values()):
            return lambda load_balancer_id: Outcome(snapshot=plans[load_balancer_id].snapshot)
        # Ansible compiles what a module imports each time a task runs it, and a rerun finds everything in place.
        from .._apply.reconcile import ApplyOptions, Reconciler, Shared  # noqa: PLC0415 - only to write or wait
        from .._apply.writer import PACING, TaskTimes  # noqa: PLC0415 - as above

        options = ApplyOptions(self._params["wait"], self._wait_for_health, self._min_healthy)
        shared = Shared(budget, pacing=PACING, times=TaskTimes(PROBES if len(plans) > 1 else None))
        return lambda load_balancer_id: Reconciler(
            plans[load_balancer_id], clb, load_balancer_id, options, shared, checked.get(load_balancer_id)
        ).run()

    def _read(
        self, connection: Connection, entries: Sequence[Entry], chosen: Sequence[Chosen]
    ) -> tuple[list[Chosen], dict[str, Snapshot]]:
        """Read every load balancer; one that was only listed and is gone is left out."""
        snapshots: dict[str, Snapshot] = {}
        there: list[Chosen] = []
        errors: list[Part] = []
        for balancer, finished in zip(chosen, read_all(connection, chosen, entries, several=self.several)):
            if finished.error is None and finished.value is not None:
                there.append(balancer)
                snapshots[balancer.load_balancer_id] = finished.value
                continue
            error = as_clb_error(finished.error or RuntimeError("no answer"))
            if may_leave_out(balancer, error):
                self.warnings.add([left_out(error)], balancer.load_balancer_id)
            else:
                errors.append(Part(balancer.load_balancer_id, balancer.name, error=error))
        self._raise_first(errors, len(chosen))
        return there, snapshots

    def _raise_first(self, failed: list[Part], total: int) -> None:
        """Stop before any write where something is wrong on a load balancer."""
        error = first_error(failed)
        if error is None:
            return
        self.parts = failed
        if self.several:
            texts: dict[str, list[str]] = {}
            for part in failed:
                if part.error is not None:
                    texts.setdefault(part.error.message, []).append(part.load_balancer_id)
            shown = [f"{and_more(where, 5)}: {text}" for text, where in texts.items()]
            error.message = (
                f"{len(failed)} of {total} load balancers failed. {' '.join(shown[:5])} Nothing was changed."
            )
        raise error

    def _plan(
        self,
        connection: Connection,
        entries: Sequence[Entry],
        chosen: Sequence[Chosen],
        snapshots: Mapping[str, Snapshot],
    ) -> dict[str, Plan]:
        """Plan every load balancer.

        :raises InvalidArgument: a name leads nowhere or to several things; the message lists what exists.
        """
        state, everywhere = self._params["state"], self._params["all_load_balancers"]
        if self.several:
            assignment = assign(entries, snapshots)
            if assignment.unknown and state != "absent" and not everywhere:
                raise InvalidArgument(" ".join(assignment.unknown[:5]))
            self.warnings.add(f"{sentence} Nothing to do for it." for sentence in assignment.unknown)
            by_id = assignment.entries
        else:
            by_id = {balancer.load_balancer_id: tuple(entries) for balancer in chosen}
        plans: dict[str, Plan] = {}
        failed: list[Part] = []
        for balancer in chosen:
            load_balancer_id = balancer.load_balancer_id
            goal = Goal(state, by_id[load_balancer_id], purge=self._params["purge"], lenient=everywhere)
            try:
                plans[load_balancer_id] = self._plan_one(connection, load_balancer_id, goal, snapshots)
            except InvalidArgument as error:
                failed.append(Part(load_balancer_id, balancer.name, error=error))
        self._raise_first(failed, len(chosen))
        return plans

    def _plan_one(
        self, connection: Connection, load_balancer_id: str, goal: Goal, snapshots: Mapping[str, Snapshot]
    ) -> Plan:
        snapshot = snapshots[load_balancer_id]
        try:
            return make_plan(goal, snapshot)
        except UnknownName as unknown:
            problem = unknown.message
        whole = snapshot
        if snapshot.listener_ids is not None:
            whole = connection.clb.describe_targets(load_balancer_id)
        raise InvalidArgument(f"{problem} {what_exists(whole)}")

    def _guard(
        self, connection: Connection, plans: Mapping[str, Plan], guarded: Sequence[str], at: float
    ) -> tuple[dict[str, Checked], dict[str, ClbError] | None]:
        """Check the guard on every load balancer that loses something.

        :returns: the checks that passed, and what refused where any did.
        """
        losing = [load_balancer_id for load_balancer_id in guarded if takes_capacity(plans[load_balancer_id].changes)]
        if not losing:
            return {}, None
        healths = read_healths(connection.clb, losing)
        refused: dict[str, ClbError] = {}
        for load_balancer_id in losing:
            plan = plans[load_balancer_id]
            try:
                check_guard(
                    plan.snapshot,
                    plan.changes,
                    healths[load_balancer_id],
                    self._min_healthy,
                    count_gains=self._wait_for_health,
                )
            except GuardRefused as refusal:
                refused[load_balancer_id] = refusal
        return {
            load_balancer_id: Checked(healths[load_balancer_id], at) for load_balancer_id in losing
        }, refused or None

    def _refuse_all(self, chosen: Sequence[Chosen], plans: Mapping[str, Plan], refused: Mapping[str, ClbError]) -> None:
        """A guard that refuses on one load balancer stops all, before any write."""
        where = and_more(list(refused), 5)
        message = f"Not sent: the guard min_healthy refuses on {where}."
        if not self.several:
            message = "Not sent: the task stopped with GuardRefused."
        stopped = GuardRefusedElsewhere(message)
        for balancer in chosen:
            plan = plans[balancer.load_balancer_id]
            error = refused.get(balancer.load_balancer_id) or (stopped if plan.changes else None)
            self.warnings.add(plan.warnings, balancer.load_balancer_id)
            self.parts.append(
                Part(balancer.load_balancer_id, balancer.name, plan, refuse(plan, error, stopped.message), error)
            )

    def _warn_of_unmatched(self, plans: Mapping[str, Plan]) -> None:
        """Name each selector that matches nothing bound on any load balancer."""
        labels = dict.fromkeys(label for plan in plans.values() for label in plan.unmatched)
        for label in labels:
            concerned = [
                plan
                for plan in plans.values()
                if any(label.startswith(f"targets[{entry.number}]") for entry in plan.goal.entries)
            ]
            if all(label in plan.unmatched for plan in concerned):
                self.warnings.add(
                    [f"{label} matches nothing bound: nothing was drained for it. Check its backend, port and tag."]
                )
