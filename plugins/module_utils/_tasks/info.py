# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is bound to load balancers, as ``targets_info`` and the inventory report it; knows nothing of AnsibleModule."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .._api.clb import PoolSettings
from .._api.connection import Connection, connect
from .._base import pace
from .._base.budget import Budget
from .._base.errors import ClbError, InvalidArgument
from .._bindings.assign import assign, may_apply
from .._bindings.entries import parse_entries
from .._bindings.selection import Selection, select
from .balancers import (
    Chosen,
    LeftOut,
    TaskResult,
    Warnings,
    gc_paused,
    raise_failed,
    read_all,
    read_for,
    read_healths,
    read_settings,
)
from .choice import check_entries_belong, check_load_balancers, choose, means_several
from .report import Result, describe_binding, describe_error, sort_bindings
from .request import check_minimum
from .words import count_message, tell_failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .._api.clb import Clb, Settings
    from .._base.threads import Finished
    from .._bindings.entries import Entry
    from .._bindings.health import HealthSnapshot
    from .._bindings.snapshot import Binding, Listener, Pool, PoolKey, Snapshot

Value = TypeVar("Value")

SELECTS_NOTHING = "It selects nothing."


class Info(NamedTuple):
    """What is bound to one load balancer, as results carry it.

    :param targets: a dict for each of them; valid as ``targets`` of the module of that name.
    :param listeners: a dict for each listener, with its rules and counts.
    :param counts: ``bound``, ``serving`` and ``healthy`` of its listeners together.
    :param unknown: a sentence for each selector whose listener or rule does not exist here.
    :param warnings: further sentences for the user.
    """

    load_balancer_id: str
    bindings: list[Binding]
    targets: list[Result]
    listeners: list[Result]
    counts: Result
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def reading_budget(timeout: float) -> Budget:
    """The time for reading everything that one task or inventory asks for.

    :param timeout: seconds for one HTTP request.
    """
    return Budget(pace.READ_SECONDS, timeout, name="The reading time")


def empty_info() -> Result:
    """The returned keys of ``targets_info`` where nothing applies."""
    return {
        "msg": "",
        "changed": False,
        "load_balancer_id": None,
        "load_balancers": [],
        "targets": [],
        "listeners": [],
        "left_out": [],
        "api_calls": {},
        "error": None,
    }


def run_info(params: Mapping[str, Any], environ: Mapping[str, str]) -> TaskResult:
    """Read the bindings of one load balancer, or of many."""
    result = empty_info()
    several = means_several(params)
    connection: Connection | None = None
    failure: str | None = None
    warnings, left_out = Warnings(), LeftOut(only_reads=True)
    try:
        check_minimum(params, "timeout", 1)
        entries = None if params["targets"] is None else parse_entries(params["targets"], selectors=True)
        check_load_balancers(params, entries)
        result["load_balancer_id"] = params["load_balancer_id"]
        connection = connect(params, environ, reading_budget(params["timeout"]))
        chosen = choose(connection, params, entries or ())
        if not several:
            result["load_balancer_id"] = chosen[0].load_balancer_id
        warnings.add(check_entries_belong(connection, chosen, entries or (), params))
        if entries is not None:
            chosen = [balancer for balancer in chosen if may_apply(entries, balancer.load_balancer_id)]
        with gc_paused():
            infos = _read_chosen(connection, params, chosen, entries, warnings, left_out)
    except ClbError as error:
        result["error"] = describe_error(error)
        failure = error.message
    else:
        for balancer, info in infos:
            names = {"load_balancer_id": balancer.load_balancer_id, "load_balancer_name": balancer.name}
            result["load_balancers"].append({**names, **info.counts})
            result["targets"] += info.targets
            result["listeners"] += info.listeners
        result["msg"] = count_message(result, several=several)
    warnings.add(left_out.warnings())
    result["left_out"] = left_out.described()
    if connection is not None:
        result["api_calls"] = dict(connection.api_calls)
    return TaskResult(result, warnings.all(several=several), failure, connection)


def _read_chosen(
    connection: Connection,
    params: Mapping[str, Any],
    chosen: Sequence[Chosen],
    entries: Sequence[Entry] | None,
    warnings: Warnings,
    left_out: LeftOut,
) -> list[tuple[Chosen, Info]]:
    """Read the chosen load balancers side by side.

    :raises ClbError: one can't be read and must not be left out, or the names of a selector contradict an ID.
    """
    several = means_several(params)
    snapshots = _sort(left_out, chosen, read_all(connection, chosen, entries, several=several), params, connection)
    healths: Mapping[str, HealthSnapshot] = {}
    if params["health"]:
        asked = [balancer for balancer in chosen if balancer.load_balancer_id in snapshots]
        found = read_healths(connection.clb, list(snapshots))
        healths = _sort(left_out, asked, found, params, connection)
        snapshots = {load_balancer_id: snapshots[load_balancer_id] for load_balancer_id in healths}
    settings: Mapping[str, Settings] = {}
    if params.get("settings"):
        asked = [balancer for balancer in chosen if balancer.load_balancer_id in snapshots]
        described = read_settings(connection.clb, snapshots, entries)
        settings = _sort(left_out, asked, described, params, connection)
        snapshots = {load_balancer_id: snapshots[load_balancer_id] for load_balancer_id in settings}
    left_out.check_some_left(snapshots)
    by_id: Mapping[str, Sequence[Entry] | None] = dict.fromkeys(snapshots, entries)
    everywhere = params["all_load_balancers"]
    if entries is not None and several:
        assignment = assign(entries, snapshots)
        unknown = (*assignment.unknown, *(assignment.lacking if everywhere else ()))
        warnings.add(f"{sentence} {SELECTS_NOTHING}" for sentence in unknown)
        by_id = assignment.entries
    infos: dict[str, Info] = {}
    failed: dict[str, ClbError] = {}
    for load_balancer_id, snapshot in snapshots.items():
        try:
            info = describe_info(
                load_balancer_id,
                snapshot,
                by_id[load_balancer_id],
                healths.get(load_balancer_id),
                settings.get(load_balancer_id),
            )
        except InvalidArgument as error:
            failed[load_balancer_id] = error
            continue
        infos[load_balancer_id] = info
        # In a whole region, a selector matches where it matches.
        warnings.add(() if everywhere else info.unknown, load_balancer_id)
        warnings.add(info.warnings, load_balancer_id)
    _check(failed, len(chosen), params, connection)
    return [(balancer, infos[balancer.load_balancer_id]) for balancer in chosen if balancer.load_balancer_id in infos]


def _sort(
    left_out: LeftOut,
    chosen: Sequence[Chosen],
    finished: Sequence[Finished[Value]],
    params: Mapping[str, Any],
    connection: Connection,
) -> dict[str, Value]:
    values, failed = left_out.sort(chosen, finished)
    _check(failed, len(chosen), params, connection)
    return values


def _check(failed: Mapping[str, ClbError], total: int, params: Mapping[str, Any], connection: Connection) -> None:
    """Stop where something is wrong on a load balancer."""
    if failed:
        raise_failed(failed, tell_failed(failed, total, several=means_several(params), region=connection.region))


def read_info(clb: Clb, load_balancer_id: str, entries: Sequence[Entry] | None, *, health: bool) -> Info:
    """Read what is bound to one load balancer in one call, and its health in a second one where it is asked for.

    :param entries: selectors; None selects everything, an empty sequence nothing, without a call.
    :param health: whether to read health, too.
    :raises ClbError: it can't be read.
    """
    if entries is not None and not entries:
        return Info(load_balancer_id, [], [], [], _counts((), None))
    snapshot = read_for(clb, load_balancer_id, entries or ())
    found = clb.describe_target_health([load_balancer_id])[load_balancer_id] if health else None
    return describe_info(load_balancer_id, snapshot, entries, found)


def describe_info(
    load_balancer_id: str,
    snapshot: Snapshot,
    entries: Sequence[Entry] | None,
    health: HealthSnapshot | None,
    settings: Settings | None = None,
) -> Info:
    """Report what selectors match.

    :param health: None where it was not read.
    :param settings: None where they were not read.
    :raises InvalidArgument: names of a selector contradict an ID.
    """
    selection = _select(snapshot, entries)
    pools: dict[str, list[Pool]] = {listener.listener_id: [] for listener in _without_rules(snapshot, entries)}
    for pool in selection.touched:
        pools.setdefault(pool.listener_id, []).append(pool)
    bindings = list(_sorted(selection))
    touched = (binding for pool in selection.touched for binding in snapshot.bindings[pool.key])
    return Info(
        load_balancer_id=load_balancer_id,
        bindings=bindings,
        targets=[_describe_target(load_balancer_id, binding, health) for binding in bindings],
        listeners=[
            _describe_listener(load_balancer_id, listener, pools[listener.listener_id], snapshot, health, settings)
            for listener in snapshot.listeners.values()
            if listener.listener_id in pools
        ],
        counts=_counts(touched, health),
        unknown=tuple(f"{sentence} {SELECTS_NOTHING}" for sentence in selection.unknown),
        warnings=selection.warnings,
    )


def _select(snapshot: Snapshot, entries: Sequence[Entry] | None) -> Selection:
    if entries is None:
        return Selection(tuple(snapshot.pools.values()), tuple(snapshot.all_bindings()))
    return select(entries, snapshot)


def _sorted(selection: Selection) -> Iterator[Binding]:
    matched: dict[Pool, list[Binding]] = defaultdict(list)
    for binding in selection.bindings:
        matched[binding.pool].append(binding)
    for pool in selection.touched:
        yield from sort_bindings(matched[pool])


def _describe_target(load_balancer_id: str, binding: Binding, health: HealthSnapshot | None) -> Result:
    found = None if health is None else health.find(binding)
    status = None if health is None else health.of(binding).detail
    return {
        **describe_binding(load_balancer_id, binding),
        "listener_protocol": binding.pool.protocol,
        "listener_port": binding.pool.port,
        "domain": binding.pool.domain,
        "url": binding.pool.url,
        "private_ips": list(binding.private_ips),
        "instance_name": binding.instance_name,
        "type": binding.backend_type,
        "zone": binding.zone,
        "registered_time": binding.registered_time,
        "healthy": None if found is None else found.told,
        "health_status": status,
    }


def _without_rules(snapshot: Snapshot, entries: Sequence[Entry] | None) -> list[Listener]:
    """The selected layer-7 listeners that have no rule yet: there is no pool that could stand for them."""
    return [
        listener
        for listener in snapshot.listeners.values()
        if not listener.pools and (entries is None or any(_names(entry, listener) for entry in entries))
    ]


def _names(entry: Entry, listener: Listener) -> bool:
    """Whether a selector asks for this listener as a whole."""
    place = entry.place
    return (
        place.names_listener
        and not place.names_rule
        and place.listener_id in (None, listener.listener_id)
        and place.listener_port in (None, listener.port)
        and place.listener_protocol in (None, listener.protocol)
    )


def _describe_listener(
    load_balancer_id: str,
    listener: Listener,
    pools: Sequence[Pool],
    snapshot: Snapshot,
    health: HealthSnapshot | None,
    settings: Settings | None,
) -> Result:
    # On layer 7 the rules have settings; those of the listener itself mean nothing.
    own = {} if settings is not None and listener.layer7 else settings
    return {
        "load_balancer_id": load_balancer_id,
        "listener_id": listener.listener_id,
        "protocol": listener.protocol,
        "port": listener.port,
        "end_port": listener.end_port,
        **_counts((binding for pool in pools for binding in snapshot.bindings[pool.key]), health),
        **_describe_settings((listener.listener_id, None), own),
        "rules": [
            {
                "location_id": pool.location_id,
                "domain": pool.domain,
                "url": pool.url,
                **_counts(snapshot.bindings[pool.key], health),
                **_describe_settings(pool.key, settings),
            }
            for pool in pools
            if pool.location_id is not None
        ],
    }


def _describe_settings(key: PoolKey, settings: Settings | None) -> Result:
    """The settings of a listener or rule; no keys where they were not read."""
    return {} if settings is None else settings.get(key, PoolSettings())._asdict()


def _counts(bindings: Iterable[Binding], health: HealthSnapshot | None) -> Result:
    bound = list(bindings)
    return {
        "bound": len(bound),
        "serving": sum(binding.weight > 0 for binding in bound),
        "healthy": None if health is None else sum(health.of(binding).healthy for binding in bound),
    }
