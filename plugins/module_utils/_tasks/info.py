# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bindings of load balancers, as ``targets_info`` and the inventory report them; knows nothing of AnsibleModule."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from .._api.clb import PoolSettings
from .._base import pace
from .._base.budget import Budget
from .._base.errors import ClbError
from .._bindings.resolve import Selection, select
from .balancers import TaskResult, gc_paused, known
from .report import describe_binding, describe_error, sort_bindings
from .request import Request
from .stages import Fleet, assign_entries, check_entries_belong, read, read_health, read_settings
from .words import count_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .._api.clb import Settings
    from .._api.connection import Connection
    from .._bindings.entries import Entry
    from .._bindings.health import HealthSnapshot
    from .._bindings.snapshot import Binding, Listener, Pool, PoolKey, Snapshot
    from .balancers import Balancer, Result

SELECTS_NOTHING = "It selects nothing."


class Info(NamedTuple):
    """The bindings of one load balancer, as results carry them.

    :param counts: ``bound``, ``serving`` and ``healthy`` of its listeners together.
    :param unknown: a sentence for each selector whose listener or rule does not exist here.
    """

    bindings: list[Binding]
    targets: list[Result]
    listeners: list[Result]
    counts: Result
    unknown: tuple[str, ...]
    warnings: tuple[str, ...]


def reading_budget(timeout: float) -> Budget:
    """The time for reading everything that one task or inventory asks for; `timeout` is that of one HTTP request."""
    return Budget(pace.READ_SECONDS, timeout, name="The reading time")


def empty_info() -> Result:
    """The returned keys of ``targets_info`` where nothing applies."""
    lists = ("load_balancers", "targets", "listeners", "left_out")
    first: Result = {"msg": "", "changed": False, "load_balancer_id": None}
    return {**first, **{name: [] for name in lists}, "api_calls": {}, "error": None}


def run_info(params: Mapping[str, Any], environ: Mapping[str, str]) -> TaskResult:
    """Read the bindings of one load balancer, or of many."""
    result, failure = empty_info(), None
    try:
        request = Request.parse_query(params)
    except ClbError as error:
        return TaskResult({**result, "error": describe_error(error)}, failure=error.message)
    fleet = Fleet(request, only_reads=True)
    try:
        connection = fleet.connect(params, environ, reading_budget(request.timeout))
        chosen = fleet.choose(connection, request.entries or ())
        fleet.warnings.add(check_entries_belong(connection, chosen, request.entries or (), request.choice))
        fleet.hold(chosen, request.entries)
        with gc_paused():
            infos = _read(fleet, connection)
    except ClbError as error:
        result["error"], failure = describe_error(error), error.message
    else:
        for balancer, info in infos:
            names = {"load_balancer_id": balancer.load_balancer_id, "load_balancer_name": balancer.name}
            result["load_balancers"].append({**names, **info.counts})
            result["targets"] += info.targets
            result["listeners"] += info.listeners
        result["msg"] = count_message(result, several=fleet.several)
    return fleet.conclude(result, failure)


def _read(fleet: Fleet, connection: Connection) -> list[tuple[Balancer, Info]]:
    request, clb = fleet.request, connection.clb
    fleet.run(lambda balancer: read(clb, balancer, several=fleet.several))
    if request.health:
        read_health(fleet, clb)
    if request.settings:
        fleet.run(partial(read_settings, clb))
    fleet.check_some_left()
    everywhere = request.choice.everywhere
    if request.entries is not None and fleet.several:
        balancers, assignment = assign_entries(fleet.active, request.entries)
        fleet.put(balancers)
        unknown = (*assignment.unknown, *(assignment.lacking if everywhere else ()))
        fleet.warnings.add(f"{sentence} {SELECTS_NOTHING}" for sentence in unknown)
    infos: dict[str, Info] = {}

    def describe(balancer: Balancer) -> Balancer:
        infos[balancer.load_balancer_id] = describe_balancer(balancer, selects=request.entries is not None)
        return balancer

    fleet.run(describe, max_threads=1)
    for load_balancer_id, info in infos.items():
        # In a whole region, a selector matches where it matches.
        fleet.warnings.add(() if everywhere else info.unknown, load_balancer_id)
        fleet.warnings.add(info.warnings, load_balancer_id)
    return [(balancer, infos[balancer.load_balancer_id]) for balancer in fleet.active]


def describe_balancer(balancer: Balancer, *, selects: bool = True) -> Info:
    """Report what its entries match; all that is bound, where there are no selectors.

    :raises InvalidArgument: names of a selector contradict an ID.
    """
    snapshot, entries = known(balancer.snapshot), balancer.entries if selects else None
    if entries is None:
        selection = Selection(tuple(snapshot.pools.values()), tuple(snapshot.all_bindings()))
    else:
        selection = select(entries, snapshot)
    touched: dict[str, list[Pool]] = defaultdict(list)
    for pool in selection.touched:
        touched[pool.listener_id].append(pool)
    bindings = list(_sorted(selection))
    return Info(
        bindings=bindings,
        targets=[_describe_target(balancer, binding) for binding in bindings],
        listeners=[
            _describe_listener(balancer, listener, touched[listener.listener_id], snapshot)
            for listener in snapshot.listeners.values()
            if listener.listener_id in touched or _selects_empty(entries, listener)
        ],
        counts=_counts((bound for pool in selection.touched for bound in snapshot.bindings[pool.key]), balancer.health),
        unknown=tuple(f"{sentence} {SELECTS_NOTHING}" for sentence in selection.unknown),
        warnings=selection.warnings,
    )


def _sorted(selection: Selection) -> Iterator[Binding]:
    matched: dict[Pool, list[Binding]] = defaultdict(list)
    for binding in selection.bindings:
        matched[binding.pool].append(binding)
    for pool in selection.touched:
        yield from sort_bindings(matched[pool])


def _describe_target(balancer: Balancer, binding: Binding) -> Result:
    found = None if balancer.health is None else balancer.health.find(binding)
    return {
        **describe_binding(balancer.load_balancer_id, binding),
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
        "health_status": None if balancer.health is None else balancer.health.of(binding).detail,
    }


def _selects_empty(entries: Sequence[Entry] | None, listener: Listener) -> bool:
    """Return whether selectors ask for a layer-7 listener that has no rule yet: no pool stands for it."""
    places = (entry.place for entry in entries or ())
    return not listener.pools and (
        entries is None
        or any(
            place.names_listener
            and not place.names_rule
            and place.listener_id in (None, listener.listener_id)
            and place.listener_port in (None, listener.port)
            and place.listener_protocol in (None, listener.protocol)
            for place in places
        )
    )


def _describe_listener(balancer: Balancer, listener: Listener, pools: Sequence[Pool], snapshot: Snapshot) -> Result:
    health, settings = balancer.health, balancer.settings
    # On layer 7 the rules have settings; those of the listener itself mean nothing.
    own = {} if settings is not None and listener.layer7 else settings
    return {
        "load_balancer_id": balancer.load_balancer_id,
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
