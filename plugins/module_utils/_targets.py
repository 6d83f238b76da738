# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The task of the module ``targets`` from options to result; knows nothing of AnsibleModule."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._api.connection import Connection, connect
from ._apply.reconcile import ApplyOptions, Reconciler
from ._argspec import check_load_balancer, check_minimum
from ._bindings.entries import Entry, check_same_load_balancer, parse_entries
from ._bindings.plan import Plan, plan_absent, plan_drained, plan_present
from ._bindings.resolve import UnknownName, resolve_desired, select, what_exists
from ._budget import Budget
from ._errors import ClbError, InvalidArgument
from ._report import describe_error, empty_result, failure_message, report
from ._task import TaskResult, find_load_balancer, read_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ._api.clb import Clb


def check_options(params: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Check everything that can be checked without the network.

    :param params: the module's options.
    :returns: the parsed entries of ``targets``.
    :raises InvalidArgument: which value is wrong, why, and what would be right.
    """
    check_load_balancer(params)
    for name, minimum in (("timeout", 1), ("wait_timeout", 1), ("min_healthy", 0)):
        check_minimum(params, name, minimum)
    if params["purge"] and params["state"] != "present":
        raise InvalidArgument(f"purge goes with state present, not with {params['state']}; leave it out.")
    if params["wait_for_health"] and not params["wait"]:
        raise InvalidArgument("wait_for_health needs wait: true; set wait to true, or leave wait_for_health out.")
    entries = parse_entries(params["targets"], selectors=params["state"] != "present")
    if params["load_balancer_id"] is not None:
        check_same_load_balancer(entries, params["load_balancer_id"])
    return entries


@contextmanager
def gc_paused() -> Iterator[None]:
    """Keep the garbage collector out: a plan has no cycles, and walking one costs a third of the time of making it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def run_task(params: Mapping[str, Any], environ: Mapping[str, str], *, check_mode: bool, diff: bool) -> TaskResult:
    """Bring the bindings of one load balancer to the desired state.

    :param params: the module's options.
    :param environ: the environment variables.
    :param check_mode: only tell what would be done.
    :param diff: whether the task runs in diff mode.
    """
    result = empty_result()
    connection: Connection | None = None
    try:
        with gc_paused():
            entries = check_options(params)
            result["load_balancer_id"] = params["load_balancer_id"]
            if not entries and params["load_balancer_id"] is not None:
                return TaskResult(result)
            budget = Budget(params["wait_timeout"], params["timeout"])
            connection = connect(params, environ, budget)
            load_balancer_id = find_load_balancer(connection, params["load_balancer_id"], params["load_balancer_name"])
            result["load_balancer_id"] = load_balancer_id
            # Where the load balancer is named, its ID is known only now.
            check_same_load_balancer(entries, load_balancer_id)
            if not entries:
                result["api_calls"] = dict(connection.api_calls)
                return TaskResult(result, connection=connection)
            plan = make_plan(connection.clb, load_balancer_id, entries, state=params["state"], purge=params["purge"])
    except ClbError as error:
        result["error"] = describe_error(error)
        if connection is not None:
            result["api_calls"] = dict(connection.api_calls)
        return TaskResult(result, failure=error.message, connection=connection)
    options = ApplyOptions(
        wait=params["wait"],
        wait_for_health=params["wait_for_health"] and params["state"] == "present",
        min_healthy=params["min_healthy"],
    )
    reconciler = Reconciler(plan, connection.clb, load_balancer_id, options, budget)
    outcome = reconciler.dry_run() if check_mode else reconciler.run()
    result = {
        **report(plan, outcome, diff=diff),
        "load_balancer_id": load_balancer_id,
        "api_calls": dict(connection.api_calls),
    }
    failure = None
    if outcome.error is not None:
        result["error"] = describe_error(outcome.error)
        failure = failure_message(plan, outcome, check_mode=check_mode)
    return TaskResult(result, (*plan.warnings, *outcome.warnings), failure, connection)


def make_plan(clb: Clb, load_balancer_id: str, entries: Sequence[Entry], *, state: str, purge: bool) -> Plan:
    """Read what is bound and plan the way from there to what is asked for.

    :param clb: the actions.
    :param load_balancer_id: whose targets.
    :param entries: what is asked for.
    :param state: ``present``, ``absent`` or ``drained``.
    :param purge: as the option.
    :raises InvalidArgument: a name leads nowhere or to several things; the message lists what exists.
    """
    snapshot = read_for(clb, load_balancer_id, entries)
    try:
        if state == "present":
            return plan_present(resolve_desired(entries, snapshot), snapshot, purge=purge)
        selection = select(entries, snapshot)
        return plan_absent(selection, snapshot) if state == "absent" else plan_drained(selection, snapshot)
    except UnknownName as exc:
        everything = snapshot if snapshot.listener_ids is None else clb.describe_targets(load_balancer_id)
        raise InvalidArgument(f"{exc.message} {what_exists(everything)}") from exc
