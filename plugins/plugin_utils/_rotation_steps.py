# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a rotation: check, out and back. They run the modules ``targets`` and ``targets_info``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ..module_utils._apply.memory import RestoreFile
from ..module_utils._base import pace
from ..module_utils._base.budget import Budget
from ..module_utils._base.errors import ClbError
from ..module_utils._base.refusals import NOT_THERE, ruling_for
from ..module_utils._bindings.remembered import parse_remembered
from . import _rotation_check as checks
from ._rotation import Host, Raw, bindings_by_host, key_of, listed, remembered_of, selector_of, warming

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class Stop(Exception):
    """A step can't be done; the message is for the user."""


class Modules(Protocol):
    """Runs modules where the step runs; a failed one returns a result with ``failed``."""

    check_mode: bool

    def targets(self, *, check: bool = False, **options: Any) -> Raw:
        """Run ``targets``; with ``check``, only as a dry run."""

    def info(self, **options: Any) -> Raw:
        """Run ``targets_info``."""

    def warn(self, text: str) -> None:
        """Show a warning."""


class State(NamedTuple):
    """What a run knows of the batch that it has taken out.

    :param out: the hosts that are out of traffic.
    :param since: host -> when it was drained, in seconds since 1970.
    :param ports: host -> the ports that it is bound with.
    :param drained: host -> the entries of the restore file for what was bound when it left.
    :param older: host -> other entries of the restore file for it.
    :param seconds: host -> how long it was out of traffic, once it is back.
    :param batches: host -> the first host of its batch.
    """

    out: Sequence[str] = ()
    since: Mapping[str, float] = {}
    ports: Mapping[str, list[int]] = {}
    drained: Mapping[str, list[Raw]] = {}
    older: Mapping[str, list[Raw]] = {}
    seconds: Mapping[str, float] = {}
    batches: Mapping[str, str] = {}

    @classmethod
    def of(cls, states: Mapping[str, Raw | None]) -> State:
        """Put together what was noted for hosts: of each, what its own last state says of it."""
        merged = cls()
        for name, state in states.items():
            if state:
                merged = merged.plus(cls(**state), [name])
        return merged

    def plus(self, other: State, names: Sequence[str]) -> State:
        """Replace what is known of some hosts by what another state says of them."""
        out = [*(name for name in self.out if name not in names), *(name for name in names if name in other.out)]
        per_host: Raw = {
            field: {**getattr(self, field), **{name: one[name] for name in names if name in one}}
            for field, one in other._asdict().items()
            if field != "out"
        }
        return State(out=out, **per_host)


def _stop_if(problems: Iterable[str]) -> None:
    if text := " ".join(problems):
        raise Stop(text)


# -- the restore file


def _file_of(path: str) -> RestoreFile:
    return RestoreFile(path, Budget(pace.ROTATION_FILE_SECONDS, 0))


def read_file(path: str) -> list[Raw]:
    """Read a restore file.

    :raises Stop: it can't be used.
    """
    try:
        return [dict(item.raw) for item in _file_of(path).read()]
    except ClbError as error:
        raise Stop(error.message) from error


def add_to_file(path: str, entries: Sequence[Raw]) -> None:
    """Put entries into a restore file that it does not hold.

    :raises Stop: it can't be used.
    """
    if not entries:
        return

    def add(there: Sequence[Any]) -> list[Any]:
        known = {key_of(item.raw) for item in there}
        return [*there, *parse_remembered([entry for entry in entries if key_of(entry) not in known])]

    try:
        _file_of(path).change(add)
    except ClbError as error:
        raise Stop(error.message) from error


# -- check


def check(modules: Modules, hosts: Sequence[Host], batch: object) -> list[str]:
    """Find what would fail.

    :returns: the names of the hosts in the order of their update: those that an earlier run has left out come first.
    :raises Stop: something would.
    """
    _stop_if([*(problem for host in hosts for problem in host.problems), *checks.check_batch(batch)])
    remembered, bound = _read_batch(modules, hosts)
    pools = _read_pools(modules, [binding for found in bound.values() for binding in found])
    own = {host.name: remembered_of(host, bound[host.name], remembered) for host in hosts}
    order = sorted(own, key=lambda name: not own[name])
    batches = checks.split_into_batches(order, batch)
    problems = checks.check_guards(hosts, pools["targets"], remembered, batches)
    problems += _check_return(modules, hosts, [entry for entries in own.values() for entry in entries])
    _stop_if(problems)
    for warning in checks.find_warnings(hosts, bound, remembered, pools["listeners"]):
        modules.warn(warning)
    return order


def _read_bound(modules: Modules, hosts: Sequence[Host]) -> list[Raw]:
    """Read where hosts are bound.

    :raises Stop: a load balancer can't be read.
    """
    found = modules.info(
        all_load_balancers=any(not host.balancers for host in hosts),
        targets=[selector for host in hosts for selector in host.selectors],
    )
    _stop_if([found["msg"]] if found.get("failed") else checks.find_unread(found["left_out"]))
    bindings: list[Raw] = found["targets"]
    return bindings


def _read_pools(modules: Modules, bindings: Sequence[Raw]) -> Raw:
    """Read all that is bound beside these bindings, with health, and with settings where that is allowed."""
    selectors = checks.find_pools(bindings)
    found = modules.info(targets=selectors, health=True, settings=True)
    if found.get("failed") and (found.get("error") or {}).get("action") == "DescribeListeners":
        modules.warn(f"The session persistence of the listeners is not known: {found['msg']}")
        found = modules.info(targets=selectors, health=True)
    if found.get("failed"):
        raise Stop(found["msg"])
    return found


def _check_return(modules: Modules, hosts: Sequence[Host], own: Sequence[Raw]) -> list[str]:
    """Find what keeps hosts from coming back; what is remembered of a load balancer that is gone is only a warning."""
    problems: list[str] = []
    if own:
        targets = [selector_of(entry) for entry in own]
        result = modules.targets(check=True, state="restored", restore_file=hosts[0].restore_file, targets=targets)
        problems += _judge(modules, result, must=())
    if wanted := [entry for host in hosts for entry in host.wanted]:
        result = modules.targets(check=True, targets=wanted)
        problems += [result["msg"]] if result.get("failed") else []
    return problems


def _judge(modules: Modules, result: Raw, must: Iterable[Raw]) -> list[str]:
    """Return why ``restored`` failed; load balancers that are gone don't count, but for entries that must be back."""
    if not result.get("failed"):
        return []
    needed = {entry["load_balancer_id"] for entry in must}
    errors = {one["load_balancer_id"]: one for one in result.get("load_balancers") or () if one["error"]}
    gone = [name for name, one in errors.items() if _is_gone(one["error"]) and name not in needed]
    for name in gone:
        modules.warn(errors[name]["message"] or errors[name]["error"]["message"])
    return [] if errors and len(gone) == len(errors) else [result["msg"]]


def _is_gone(error: Mapping[str, Any]) -> bool:
    concern = ruling_for(error["code"], error["message"]).concern
    return concern in NOT_THERE or error["message"].startswith("There is no load balancer")


# -- out


def take_out(modules: Modules, hosts: Sequence[Host]) -> State:
    """Drain a batch, and remember its weights and tags in the restore file.

    :raises Stop: it can't leave. What was drained by then is back.
    """
    path = hosts[0].restore_file
    try:
        remembered, bound = _read_batch(modules, hosts)
    except Stop as stop:
        raise Stop(f"{stop} No host of the batch was drained.") from stop
    taken: list[Raw] = []
    for part, remember in checks.plan_parts(hosts, bound, remembered):
        # In a dry run the batches before are not really out, nor back; the check has judged each batch as it will be.
        options = {**part, "min_healthy": 0} if modules.check_mode else part
        result = modules.targets(state="drained", restore_file=path if remember else None, **options)
        taken += result.get("restore") or []
        if result.get("failed"):
            raise Stop(f"{result['msg']} {_undo(modules, path, taken, part['wait_timeout'])}")
    state = _remember(hosts, bound, [*remembered, *taken] if modules.check_mode else read_file(path))
    if not modules.check_mode:
        time.sleep(max(host.drain_seconds for host in hosts))
    return state


def _read_batch(modules: Modules, hosts: Sequence[Host]) -> tuple[list[Raw], dict[str, list[Raw]]]:
    """Read what is remembered, and what is bound of each host.

    :raises Stop: a host can't leave.
    """
    _stop_if(problem for host in hosts for problem in host.problems)
    remembered = read_file(hosts[0].restore_file)
    bound = bindings_by_host(hosts, _read_bound(modules, hosts))
    _stop_if(checks.check_hosts(hosts, bound, remembered))
    return remembered, bound


def _undo(modules: Modules, path: str, taken: Sequence[Raw], wait_timeout: int) -> str:
    """Put back what was drained; return how that went."""
    if taken:
        targets = [selector_of(entry) for entry in taken]
        result = modules.targets(state="restored", restore_file=path, targets=targets, wait_timeout=wait_timeout)
        if result.get("failed"):
            return f"What was drained could not be put back: {result['msg']} It is remembered in {path}."
    return "No host of the batch was left out of traffic."


def _remember(hosts: Sequence[Host], bound: Mapping[str, list[Raw]], remembered: Sequence[Raw]) -> State:
    drained, older = {}, {}
    for host in hosts:
        keys = {key_of(binding) for binding in bound[host.name]}
        own = remembered_of(host, bound[host.name], remembered)
        drained[host.name] = [entry for entry in own if key_of(entry) in keys]
        older[host.name] = [entry for entry in own if key_of(entry) not in keys]
    names = [host.name for host in hosts]
    ports = {name: sorted({binding["port"] for binding in bound[name]}) for name in names}
    return State(names, dict.fromkeys(names, time.time()), ports, drained, older, {}, dict.fromkeys(names, names[0]))


# -- back


def bring_back(modules: Modules, hosts: Sequence[Host], state: State, *, warm_up: bool = True) -> State:
    """Put hosts back as they were, and wait until they are healthy.

    :param state: what the run knows; of hosts that it does not know, the restore file alone tells.
    :param warm_up: whether they come back with shares of their weight first.
    :returns: the new state.
    :raises Stop: something is not back.
    """
    _stop_if(problem for host in hosts for problem in host.problems)
    slow = [host for host in hosts if warm_up and host.warm_up]
    for some in ([host for host in hosts if host not in slow], slow):
        if some:
            _bring_back(modules, some, state, warm_up=warm_up)
    now = time.time()
    names = [host.name for host in hosts]
    seconds = {name: now - state.since[name] for name in names if name in state.out}
    return state._replace(out=[name for name in state.out if name not in names], seconds={**state.seconds, **seconds})


def _bring_back(modules: Modules, hosts: Sequence[Host], state: State, *, warm_up: bool) -> None:
    path = hosts[0].restore_file
    must = [entry for host in hosts for entry in state.drained.get(host.name, ())]
    known = [*must, *(entry for host in hosts for entry in state.older.get(host.name, ()))]
    wanted = list(_find_wanted(modules, hosts, known)) if any(host.wanted for host in hosts) else []
    if modules.check_mode:
        # What this run would have drained is in place.
        there = {key_of(entry) for entry in read_file(path)}
        known, must = [entry for entry in known if key_of(entry) in there], []
    else:
        add_to_file(path, known)
    strangers = [host for host in hosts if host.name not in state.drained]
    selectors = [selector_of(entry) for entry in known] + [one for host in strangers for one in host.selectors]
    options: Raw = {"wait_timeout": max(host.wait_timeout for host in hosts), "wait_for_health": True}
    problems: list[str] = []
    if selectors:
        restored: Raw = {"state": "restored", "restore_file": path, "targets": selectors, **options}
        if warm_up and not modules.check_mode:
            _warm_up(modules, hosts, state, restored, options)
        result = modules.targets(**restored)
        problems = _judge(modules, result, must) or list(_find_missing(must, result["targets"]))
        if problems:
            in_place = {key_of(binding) for binding in result["targets"]}
            add_to_file(path, [entry for entry in known if key_of(entry) in in_place and not modules.check_mode])
    if wanted:
        result = modules.targets(targets=wanted, **options)
        problems += [result["msg"]] if result.get("failed") else []
    _stop_if(problems)


def _find_missing(must: Iterable[Raw], targets: Iterable[Raw]) -> Iterator[str]:
    """Name what this run has drained and what does not serve with its weight."""
    weights = {key_of(binding): binding["weight"] for binding in targets}
    missing = [entry for entry in must if str(weights.get(key_of(entry))) != str(entry.get("weight"))]
    if missing:
        shown = listed(
            f"{entry.get('instance_id') or entry.get('eni_ip')}:{entry['port']} on {entry['load_balancer_id']} "
            f"{entry.get('listener_id')} {entry.get('location_id') or ''}".rstrip()
            + f" (weight {entry.get('weight')})"
            for entry in missing
        )
        yield f"This run has drained {shown}, and could not put it back as it was. Everything else is back."


def _find_wanted(modules: Modules, hosts: Sequence[Host], known: Iterable[Raw]) -> Iterator[Raw]:
    """Yield what ``clb_listeners`` asks for and is not in place; what is remembered of a binding wins.

    :raises Stop: a listener or rule does not exist.
    """
    result = modules.targets(check=True, targets=[entry for host in hosts for entry in host.wanted])
    if result.get("failed"):
        raise Stop(result["msg"])
    keys = {key_of(entry) for entry in known}
    yield from (one for one in (*result["registered"], *result["modified"]) if key_of(one) not in keys)


def _warm_up(modules: Modules, hosts: Sequence[Host], state: State, restored: Raw, options: Raw) -> None:
    """Bring hosts back with rising shares of their weight. The restore file stays as it is.

    :raises Stop: they do not get healthy.
    """
    steps = max(len(host.warm_up) for host in hosts)
    if not steps:
        return
    foreseen = modules.targets(check=True, **restored)
    there = {key_of(binding) for binding in foreseen.get("targets") or ()}
    remembered = read_file(restored["restore_file"])
    for number in range(steps):
        targets = [
            warming(entry, host.warm_up[min(number, len(host.warm_up) - 1)])
            for host in hosts
            for entry in remembered
            if key_of(entry) in there and _is_of(host, entry, state)
        ]
        if not targets:
            return
        result = modules.targets(targets=targets, **options)
        if result.get("failed"):
            raise Stop(
                f"{result['msg']} It stays at a share of its weight; the whole weight is in "
                f"{restored['restore_file']}. Run the same command again."
            )
        time.sleep(max(host.warm_up_seconds for host in hosts))


def _is_of(host: Host, entry: Raw, state: State) -> bool:
    known = [*state.drained.get(host.name, ()), *state.older.get(host.name, ())]
    if host.name in state.drained:
        return key_of(entry) in {key_of(one) for one in known}
    return bool(remembered_of(host, (), [entry]))
