# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of the role rotation. Each of them raises :class:`Stop` where it can't be done."""

from __future__ import annotations

import time
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..module_utils._base.refusals import NOT_THERE, ruling_for
from . import _rotation_check as checks
from ._rotation import Host, Raw, backend_of, canonical, key_of, listed, remembered_of, scaled, selector_of
from ._rotation_read import Left, Modules, Stop, failure, read_bound, read_file, read_pools, run_targets, stop_if

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

NONE_DRAINED = "No host was drained."


def _read_batch(modules: Modules, hosts: Sequence[Host]) -> tuple[list[Raw], dict[str, list[Raw]]]:
    """Read what is remembered, and what is bound of each host, and stop if a host can't leave."""
    stop_if(problem for host in hosts for problem in host.problems)
    remembered = read_file(hosts[0].restore_file)
    bound = read_bound(modules, hosts, all_load_balancers=any(not host.balancers for host in hosts))
    stop_if(checks.check_hosts(hosts, bound, remembered))
    return remembered, bound


def check(modules: Modules, *, batch: object) -> Raw:
    """Find what would fail.

    :param batch: as ``serial`` takes it.
    :returns: ``order``, patterns of the hosts in the order of their update: those that an earlier run has left out of
        traffic come first.
    """
    play = modules.play
    if len(play.batch) != len(play.present):
        raise Stop(f"check runs in a play without serial; run out and back in another. {NONE_DRAINED}")
    hosts = play.hosts(play.present)
    answers = {name: play.of(name, "__rotation_answer") or {} for name in play.everyone}
    problems = checks.check_answers(play.everyone, play.present, answers)
    problems += [problem for host in hosts for problem in host.problems]
    stop_if([*problems, *checks.check_batch(batch)], NONE_DRAINED)
    try:
        return {"order": [checks.pattern_of(name) for name in _check(modules, hosts, batch)]}
    except Stop as stop:
        raise Stop(f"{stop} {NONE_DRAINED}") from stop


def _check(modules: Modules, hosts: Sequence[Host], batch: object) -> list[str]:
    remembered, bound = _read_batch(modules, hosts)
    pools = read_pools(modules, [binding for found in bound.values() for binding in found], settings=True)
    own = {host.name: remembered_of(host, bound[host.name], remembered) for host in hosts}
    order = sorted(own, key=lambda name: not own[name])
    batches = checks.split_into_batches(order, batch)
    problems = checks.check_guards(hosts, pools["targets"], remembered, batches)
    # An entry that can't come back is a problem; one of a load balancer that is gone is only a warning.
    if targets := [selector_of(entry) for entries in own.values() for entry in entries]:
        path = hosts[0].restore_file
        result = run_targets(modules, check=True, state="restored", restore_file=path, targets=targets)
        problems += _judge(modules, result, must=())
    wanted = [entry for host in hosts for entry in host.wanted]
    foreseen = run_targets(modules, check=True, targets=wanted) if wanted else {"targets": ()}
    stop_if([*problems, *failure(foreseen)])
    for warning in checks.find_warnings(hosts, bound, remembered, pools["listeners"], foreseen["targets"]):
        modules.warn(warning)
    return order


def _judge(modules: Modules, result: Raw, must: Iterable[Raw]) -> list[str]:
    """Return why ``restored`` failed; load balancers that are gone don't count, but for entries that must be back."""
    needed = {entry["load_balancer_id"] for entry in must}
    errors = {one["load_balancer_id"]: one for one in result.get("load_balancers") or () if one["error"]}
    gone = [name for name, one in errors.items() if _is_gone(one["error"]) and name not in needed]
    # failed_targets says what to do; load_balancers has only the code.
    texts = {one["load_balancer_id"]: one["message"] for one in result.get("failed_targets") or ()}
    for name in gone:
        modules.warn(f"{name}: {texts.get(name, errors[name]['message'])}")
    return [] if errors and len(gone) == len(errors) else failure(result)


def _is_gone(error: Mapping[str, Any]) -> bool:
    concern = ruling_for(error["code"], error["message"]).concern
    return concern in NOT_THERE or error["message"].startswith("There is no load balancer")


def out(modules: Modules) -> Raw:
    """Drain the batch, and remember its weights and tags. If that fails, what of it was drained by then is put back.

    :returns: ``left``, what is known of all hosts that have left; ``out``, the names of those that are not back.
    """
    play = modules.play
    left = play.left(play.everyone)
    if lost := [name for name in play.everyone if name not in play.present]:
        stays = " and stays out of traffic" if set(lost) & set(_out(left)) else ""
        raise Stop(f"{', '.join(lost)} could not be updated{stays}. {' '.join(_sum_up(modules, left))}")
    stop_if(_ended([name for name in _out(left) if name not in play.batch]))
    return _noted({**left, **_take_out(modules, play.hosts(play.batch))})


def _noted(left: Mapping[str, Left]) -> Raw:
    return {"left": {name: one._asdict() for name, one in left.items()}, "out": _out(left)}


def _out(left: Mapping[str, Left]) -> list[str]:
    return [name for name, one in left.items() if one.seconds is None]


def _ended(names: Sequence[str]) -> list[str]:
    """Name the hosts whose update has ended their play: those that have failed are no longer in it."""
    why = "the update ended the play (end_host, end_batch or end_play) before the run could bring it back."
    cure = "It stays out of traffic; take that out of the update, and run the same command again."
    return [f"{', '.join(names)}: {why} {cure}"] if names else []


def _take_out(modules: Modules, hosts: Sequence[Host]) -> dict[str, Left]:
    path = hosts[0].restore_file
    try:
        remembered, bound = _read_batch(modules, hosts)
    except Stop as stop:
        raise Stop(f"{stop} No host of the batch was drained.") from stop
    taken: list[Raw] = []
    for part, remember in checks.plan_parts(hosts, bound, remembered):
        # In a dry run the batches before are not really out, nor back; the check has judged each batch as it will be.
        options = {**part, "min_healthy": 0} if modules.check_mode else part
        result = run_targets(modules, state="drained", restore_file=path if remember else None, **options)
        # Where a killed warm-up has left a share, the drain tells the share; the whole weight is remembered.
        whole = {} if remember else {key_of(entry): entry for entry in remembered}
        taken += [whole.get(key_of(one), one) for one in result["restore"]]
        remembered = _keep(modules, path, taken, {"wait_timeout": part["wait_timeout"]})
        if result.get("failed"):
            raise Stop(f"{result['msg']} {_undo(modules, path, taken, part['wait_timeout'])}")
    now, left = time.time(), {}
    for host in hosts:
        keys = {key_of(binding) for binding in bound[host.name]}
        ports = sorted({binding["port"] for binding in bound[host.name]})
        left[host.name] = Left(now, ports, [entry for entry in remembered if key_of(entry) in keys])
    if not modules.check_mode:
        time.sleep(max(host.drain_seconds for host in hosts))
    return left


def _keep(modules: Modules, path: str, drained: Sequence[Raw], options: Raw) -> list[Raw]:
    """Read the restore file, with what it lacks of the entries of this run; a dry run does not write them.

    :raises Stop: it can't be used. What this run has drained is put back without it.
    """
    try:
        return [*read_file(path), *drained] if modules.check_mode else read_file(path, drained)
    except Stop as stop:
        if not drained or modules.check_mode:
            raise
        result = run_targets(modules, targets=drained, **options)
        problems = [*failure(result), *_find_missing(drained, result["targets"])]
        raise Stop(" ".join([str(stop), *(problems or ["What this run has drained is back in traffic."])])) from stop


def _undo(modules: Modules, path: str, taken: Sequence[Raw], wait_timeout: int) -> str:
    """Put back what was drained; return how that went."""
    targets = [selector_of(entry) for entry in taken]
    options: Raw = {"restore_file": path, "targets": targets, "wait_timeout": wait_timeout}
    if taken and (result := run_targets(modules, state="restored", **options)).get("failed"):
        names = listed(dict.fromkeys(map(backend_of, taken)))
        return f"{names}: drained, and could not be put back: {result['msg']} The weights are in {path}."
    return "No host of the batch was left out of traffic."


def connections(modules: Modules) -> Raw:
    """Wait on the host until its connections have ended; ``busy`` is why the host has to go back, or empty."""
    play = modules.play
    (host,) = play.hosts([play.current])
    left = play.left([host.name]).get(host.name)
    ports = left.ports if left and host.drain_connections else []
    end = time.monotonic() + host.drain_timeout
    failures: dict[str, None] = {}
    # Both families: an IPv4 connection of a server that listens on IPv6 is listed with the IPv6 ones.
    for address, port in [(address, port) for address in ("0.0.0.0", "::") for port in ports]:  # noqa: S104 - no bind
        found = modules.run_module(
            "ansible.builtin.wait_for", host=address, port=port, state="drained",
            active_connection_states=["ESTABLISHED"], exclude_hosts=[canonical(one) for one in host.drain_ignore],
            timeout=max(1, int(end - time.monotonic())),
        )  # fmt: skip
        if "state" not in found:
            failures[str(found.get("msg"))] = None
    text = f"{host.name}: connections have not ended after {host.drain_timeout} s ({'; '.join(failures)})."
    if failures and host.drain_on_timeout == "fail":
        return {"busy": text}
    if failures:
        modules.warn(f"{text} The host is updated all the same.")
    return {"busy": ""}


def back(modules: Modules, *, hosts: list[str] | None = None, warm_up: bool = True) -> Raw:
    """Put hosts back as they were, and wait until they are healthy.

    :param hosts: names; None for the batch. Of hosts that the run has not taken out, the restore file alone tells.
    :param warm_up: they come back with shares of their weight first.
    :returns: as :func:`out`.
    """
    play = modules.play
    returning = play.hosts(play.batch if hosts is None else hosts)
    stop_if(problem for host in returning for problem in host.problems)
    left = play.left(play.everyone)

    def shares(host: Host) -> tuple[int, ...]:
        return host.warm_up if warm_up and not modules.check_mode else ()

    seconds = max((host.warm_up_seconds for host in returning), default=0)
    problems = []
    for common, some in groupby(sorted(returning, key=shares), shares):
        try:
            _bring_back(modules, list(some), left, dict.fromkeys(common, seconds))
        except Stop as stop:
            problems.append(str(stop))
    stop_if(problems)
    now = time.time()
    done = {host.name: left[host.name] for host in returning if host.name in left}
    return _noted({**left, **{name: one._replace(seconds=now - one.since) for name, one in done.items()}})


def _bring_back(modules: Modules, hosts: Sequence[Host], left: Mapping[str, Left], shares: Mapping[int, int]) -> None:
    """Bring hosts back.

    :param shares: of the weight in %, with the seconds that the hosts keep it.
    """
    path = hosts[0].restore_file
    known = [host for host in hosts if host.name in left]
    drained = [entry for host in known for entry in left[host.name].drained]
    # In a dry run, what this run would have drained is in place.
    must = [] if modules.check_mode else drained
    options: Raw = {"wait_timeout": max(host.wait_timeout for host in hosts), "wait_for_health": True}
    remembered = _keep(modules, path, must, options)
    own = [entry for host in known for entry in remembered_of(host, left[host.name].drained, remembered)]
    selectors = [selector_of(entry) for entry in own]
    selectors += [selector for host in hosts if host not in known for selector in host.selectors]
    problems: list[str] = []
    if selectors:
        restored = {"state": "restored", "restore_file": path, "targets": selectors, **options}
        try:
            _warm_up(modules, shares, restored, options)
        finally:
            # A warm-up takes long enough for somebody to delete the file.
            _keep(modules, path, must, options)
        result = run_targets(modules, **restored)
        problems = [*_judge(modules, result, must), *_find_missing(must, result["targets"])]
        if problems and not modules.check_mode:
            in_place = {key_of(binding) for binding in result["targets"]}
            read_file(path, [entry for entry in own if key_of(entry) in in_place])
    # Last, so that a listener that is gone keeps no host out of traffic elsewhere.
    stop_if([*problems, *_bind_wanted(modules, hosts, [*drained, *remembered], options)])


def _find_missing(must: Iterable[Raw], targets: Iterable[Raw]) -> Iterator[str]:
    """Name the bindings that this run has drained and that do not have their former weight."""
    weights = {key_of(binding): binding["weight"] for binding in targets}
    missing = [
        f"{backend_of(entry)}:{entry['port']} on {entry['load_balancer_id']} {entry.get('listener_id')} "
        f"{entry.get('location_id') or ''}".rstrip()
        + f" (weight {entry.get('weight')})"
        for entry in must
        if str(weights.get(key_of(entry))) != str(entry.get("weight"))
    ]
    if missing:
        yield f"This run has drained {listed(missing)}, and could not put it back as it was."


def _bind_wanted(modules: Modules, hosts: Sequence[Host], remembered: Iterable[Raw], options: Raw) -> list[str]:
    """Bind hosts as ``clb_listeners`` asks, and return why that failed; what is remembered of a binding wins."""
    wanted = [entry for host in hosts for entry in host.wanted]
    result: Raw = run_targets(modules, check=True, targets=wanted) if wanted else {"registered": (), "modified": ()}
    keys = {key_of(entry) for entry in remembered}
    # What serves keeps its weight and tag.
    idle = [one for one in result["modified"] if not one["before"]["weight"]]
    lacking = [one for one in (*result["registered"], *idle) if key_of(one) not in keys]
    if lacking and not result.get("failed"):
        result = run_targets(modules, targets=lacking, **options)
    return [f"clb_listeners: {text}" for text in failure(result)]


def _warm_up(modules: Modules, shares: Mapping[int, int], restored: Raw, options: Raw) -> None:
    """Bring hosts back with rising shares of the weight that ``restored`` gives them. The restore file stays."""
    foreseen = run_targets(modules, check=True, **restored) if shares else {}
    rising = [*foreseen.get("modified", ()), *foreseen.get("registered", ())]
    for share, seconds in shares.items() if rising else ():
        targets = [{**one, "weight": scaled(one["weight"], share)} if one["weight"] else one for one in rising]
        names = listed(dict.fromkeys(map(backend_of, rising)))
        end = f"At a share of their weight now: {names}. The whole weights are in {restored['restore_file']};"
        stop_if(failure(run_targets(modules, targets=targets, **options)), f"{end} run the same command again.")
        time.sleep(seconds)


def summary(modules: Modules) -> Raw:
    """Sum up a run: ``lines``, and the ``problem`` that fails it."""
    play = modules.play
    lines = _sum_up(modules, play.left(play.everyone))
    return {"lines": lines, "problem": " ".join(_ended(_out(play.left(play.present))))}


def _sum_up(modules: Modules, left: Mapping[str, Left]) -> list[str]:
    names, dry = modules.play.everyone, modules.check_mode
    # A host that was put back because of its connections has failed, and is not updated.
    back = {name: one.seconds for name, one in left.items() if one.seconds is not None and name in modules.play.present}
    batches = len({one.since for one in left.values()})
    what = "would be updated" if dry else "updated and back in traffic"
    lines = [f"{len(back)} of {len(names)} hosts {what}, in {batches} batch{'' if batches == 1 else 'es'}."]
    if back and not dry:
        slowest = max(back, key=lambda name: back[name])
        mean = sum(back.values()) / len(back)
        lines.append(f"Out of traffic: {mean:.0f} s on average, {back[slowest]:.0f} s at most ({slowest}).")
    if still := _out(left):
        path = modules.play.hosts(still[:1])[0].restore_file
        place = f"Their weights are in {path}."
        try:
            # Somebody can have deleted the file during the update.
            read_file(path, [entry for name in still if not dry for entry in left[name].drained])
        except Stop as stop:
            place = str(stop)
        lines.append(f"Still out of traffic: {listed(still)}. {place}")
    if untouched := [name for name in names if name not in left]:
        lines.append(f"Not touched: {listed(untouched)}.")
    if len(back) < len(names):
        lines.append("Remove the cause and run the same command again.")
    return lines
