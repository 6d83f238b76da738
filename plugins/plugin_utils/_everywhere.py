# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks where, out and back, a backend everywhere in a region; and drain_dead, what is dead."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..module_utils._base.errors import InvalidArgument, natural, printable, sentences
from ..module_utils._bindings.entries import parse_entries
from ..module_utils._bindings.guard import Standing, standing_of
from ..module_utils._bindings.health import Health
from ._rotation import Host, Key, Raw, backend_of, key_of, label_of, listed, pool_of, read_backend
from ._rotation_read import Modules, Stop, failure, read_bound, read_file, read_pools, run_targets, stop_if

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Weights = dict[Key, int]


class _Asked(NamedTuple):
    """The arguments of a command.

    :param hosts: a host for each backend, named by the ID or address that was given; none: all that is remembered.
    :param choice: the option of the modules that chooses load balancers; empty: all of the region.
    :param options: ``min_healthy`` and ``wait_timeout`` of what writes.
    """

    hosts: list[Host]
    choice: Raw
    restore_file: str
    options: Raw


def _parse(given: Mapping[str, Any]) -> _Asked:
    path = str(Path(given.get("restore_file") or ".").expanduser().absolute())
    ids = given["load_balancer_ids"]
    if ids is not None and not _several(ids):
        raise Stop("clb_load_balancer_ids is empty; name load balancers, or leave it out for all of the region.")
    backends = _several(given["backend"])
    if given["backend"] is not None and not backends:
        raise Stop("clb_backend is empty; give the ID or address of a backend, such as -e clb_backend=10.0.0.5.")
    choice = {"load_balancer_ids": _several(ids) or None, "load_balancer_tags": given["load_balancer_tags"]}
    return _Asked(
        [_parse_backend(one, path) for one in backends],
        {name: value for name, value in choice.items() if value is not None},
        path,
        {name: given[name] for name in ("min_healthy", "wait_timeout") if name in given},
    )


def _several(given: object) -> list[Any]:
    """A list of what was given: a list, one thing, JSON, or names parted by commas."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return [part for part in re.split(r"[,\s]+", str(given)) if part]
    return list(given) if isinstance(given, list) else [] if given is None else [given]


def _parse_backend(given: object, restore_file: str) -> Host:
    text = str(given).strip()
    name = "eni_ip" if ":" in text or re.fullmatch(r"[0-9.]+", text) else "instance_id"
    backend = read_backend(given) if isinstance(given, dict) else {name: text}
    try:
        parse_entries([backend], selectors=True)
    except InvalidArgument as error:
        raise Stop(f"clb_backend {printable(str(given))!r}: {error.message}") from error
    port = f":{backend['port']}" if "port" in backend else ""
    return Host(f"{backend_of(backend)}{port}", restore_file, backend=backend)


def _find(modules: Modules, asked: _Asked) -> dict[str, list[Raw]]:
    """Read the bindings of each host, and stop if one has none."""
    if not asked.hosts:
        raise Stop("clb_backend is not given. Give the ID or address of a backend, such as -e clb_backend=10.0.0.5.")
    bound = read_bound(modules, asked.hosts, **(asked.choice or {"all_load_balancers": True}))
    if lacking := [name for name, mine in bound.items() if not mine]:
        place = "these load balancers" if asked.choice else "any load balancer of the region"
        raise Stop(f"{', '.join(lacking)}: not bound to {place}. Check clb_backend, and the region.")
    return bound


def _read_pools(modules: Modules, bound: Mapping[str, Sequence[Raw]]) -> list[Raw]:
    pools: list[Raw] = read_pools(modules, [one for mine in bound.values() for one in mine])["targets"]
    return pools


def _weights(bound: Mapping[str, Sequence[Raw]]) -> Weights:
    return {key_of(one): one["weight"] for mine in bound.values() for one in mine}


def _command(name: str, asked: _Asked, **more: str) -> str:
    """The command for the same backends; a port, or a path that a shell would split, can only be given as JSON."""
    backends = [dict(host.backend) for host in asked.hosts]
    ported = any("port" in one for one in backends)
    given = {"clb_backend": backends if ported else ",".join(map(backend_of, backends)), **more}
    plain = " -e ".join(f"{key}={value}" for key, value in given.items())
    as_json = ported or not all(re.fullmatch(r"[\w.,:/-]*", value) for value in more.values())
    return f"ansible-playbook tencentcloud.clb.{name} -e {shlex.quote(json.dumps(given)) if as_json else plain}"


def _table(
    bound: Mapping[str, Sequence[Raw]], pools: Sequence[Raw], before: Weights, after: Weights | None = None
) -> Iterator[str]:
    """Yield a line for each binding, below its backend.

    :param pools: all targets of the same listeners and rules, with their health.
    :param after: the weights after a change; None where there was none: then the others are counted, not all.
    """
    health = {key_of(one): printable(str(one["health_status"])) for one in pools}
    then = {key_of(one): one["weight"] for one in pools}
    then.update(dict.fromkeys(before, 0) if after is None else after)
    counts = Counter(pool_of(one) for one in pools if one["healthy"] and then[key_of(one)] > 0)
    rows = {name: [_row(one, before, after, health, counts) for one in mine] for name, mine in bound.items()}
    widths = [max(map(len, column)) for column in zip(*(row for mine in rows.values() for row in mine))]
    for name, mine in rows.items():
        titles = dict.fromkeys(printable(one["instance_name"]) for one in bound[name] if one.get("instance_name"))
        yield f"{name}{''.join(f' ({title})' for title in titles)}"
        for row in mine:
            yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def _row(
    binding: Raw, before: Weights, after: Weights | None, health: Mapping[Key, str], counts: Counter[Key]
) -> tuple[str, ...]:
    key, count = key_of(binding), counts[pool_of(binding)]
    rule = f" {binding['domain']}{binding['url']} {binding['location_id']}" if binding["location_id"] else ""
    place = f"{binding['listener_protocol']}:{binding['listener_port']} {binding['listener_id']}{rule}"
    weight = f"weight {before.get(key, binding['weight'])}"
    weight += f" -> {after[key]}" if after and key in after else ""
    others = f"other{'' if count == 1 else 's'} healthy" if after is None else "healthy in traffic"
    return (
        binding["load_balancer_id"], printable(place), f"port {binding['port']}", weight,
        str(health.get(key)), f"{count} {others}",
    )  # fmt: skip


def _bindings(count: int) -> str:
    return f"{count} binding{'' if count == 1 else 's'}"


def _shown(lines: Sequence[str], result: Raw) -> Raw:
    """The result of a command: its summary, and its failures, if there are any."""
    return {"lines": lines, "problem": " ".join(failure(result))}


def where(modules: Modules, **given: Any) -> Raw:
    """Tell where backends are bound, and how healthy it is there."""
    asked = _parse(given)
    bound = _find(modules, asked)
    lines = _table(bound, _read_pools(modules, bound), _weights(bound))
    return {"lines": [*lines, f"Take out of traffic everywhere: {_command('out', asked)}"]}


def take_out(modules: Modules, **given: Any) -> Raw:
    """Drain backends wherever they are bound, and remember their weights."""
    asked = _parse(given)
    held = {key_of(entry) for entry in read_file(asked.restore_file)}
    bound = _find(modules, asked)
    pools = _read_pools(modules, bound)
    targets = [
        selector
        for host in asked.hosts
        for selector in host.selectors_on(dict.fromkeys(one["load_balancer_id"] for one in bound[host.name]))
    ]
    options: Raw = {"restore_file": asked.restore_file, "targets": targets, **asked.options}
    result = run_targets(modules, state="drained", **options)
    before = _weights(bound)
    read = {key_of(one): one["weight"] for one in result["targets"]}
    taken = {key_of(one) for one in result["restore"]}
    after = {key: read.get(key, weight) for key, weight in before.items() if key in read or key not in taken}
    lines = list(_table(bound, pools, before, after))
    out = f"{sum(not weight for weight in after.values())} of {len(before)} bindings"
    if modules.check_mode:
        return _shown([*lines, f"{out} would be out of traffic. Nothing was changed."], result)
    kept = sum(key in taken or (key in held and not weight) for key, weight in before.items())
    doubt = f"; of {len(before) - len(after)} it is not known" if len(after) < len(before) else ""
    lines.append(f"{out} are out of traffic{doubt}.")
    if kept:
        lines[-1] += f" The former weights of {kept} are in {asked.restore_file}."
        file = {} if given["restore_file"] == "clb-restore.json" else {"clb_restore_file": asked.restore_file}
        lines.append(f"Bring back as it was: {_command('back', asked, **file)}")
    return _shown(lines, result)


def bring_back(modules: Modules, **given: Any) -> Raw:
    """Bring back what is remembered, and wait until it is healthy."""
    asked = _parse(given)
    path = asked.restore_file
    remembered = {key_of(entry) for entry in read_file(path)}
    if not remembered:
        return {"lines": [f"Nothing is remembered in {path}, so there is nothing to bring back."], "problem": ""}
    options = {"restore_file": path, "wait_for_health": True, **asked.choice, **asked.options}
    selectors = [selector for host in asked.hosts for selector in host.selectors] or None
    result = run_targets(modules, state="restored", targets=selectors, **options)
    changed = [*result["modified"], *result["registered"]]
    after = {key_of(one): one["weight"] for one in result["targets"] if key_of(one) in remembered}
    before = {**after, **{key_of(one): (one.get("before") or {}).get("weight", 0) for one in changed}}
    bound: dict[str, list[Raw]] = {}
    try:
        pools = _read_pools(modules, {"": result["targets"]}) if after else []
    except Stop as stop:
        raise Stop(sentences(result["msg"], f"The table can't be shown: {stop}")) from stop
    for one in sorted(pools, key=lambda one: natural(backend_of(one))):
        if key_of(one) in after:
            bound.setdefault(backend_of(one), []).append(one)
    lines = list(_table(bound, pools, before, after))
    if modules.check_mode:
        return _shown([*lines, f"{_bindings(len(changed))} would be brought back. Nothing was changed."], result)
    lines.append(f"{_bindings(len(changed))} {'was' if len(changed) == 1 else 'were'} brought back.")
    if left := read_file(path):
        names = ", ".join(sorted(set(map(backend_of, left)), key=natural))
        lines.append(f"Still remembered in {path}: {names} ({_bindings(len(left))}).")
    return _shown(lines, result)


def find_dead(modules: Modules, *, selectors: list[Raw], min_healthy: object, region: str | None = None) -> Raw:
    """Read the health again, and choose as :func:`plan_drain_dead` does."""
    if not str(min_healthy).strip().isdecimal():
        raise Stop(f"clb_min_healthy is {min_healthy!r}; give a whole number from 0.")
    found = modules.run_module("tencentcloud.clb.targets_info", region=region, targets=selectors)
    stop_if(failure(found))
    pools = read_pools(modules, found["targets"], region=region)
    return plan_drain_dead(found["targets"], pools["targets"], int(str(min_healthy)))


def plan_drain_dead(asked: Iterable[Raw], pools: Iterable[Raw], required: int) -> Raw:
    """Choose the dead targets that may be drained. Pure.

    Where too few targets are healthy, the health check itself may be broken: there nothing is drained.

    :param asked: the targets that are to be drained where they are dead.
    :param pools: all targets of the same listeners and rules, with their health.
    :param required: the number of targets of weight above 0 that must be healthy.
    :returns: ``targets`` (to drain) and ``kept`` (a sentence for each listener or rule that keeps its dead ones).
    """
    meant = {key_of(target) for target in asked}
    healthy: Counter[Key] = Counter()
    dead: dict[Key, list[Raw]] = defaultdict(list)
    for target in (target for target in pools if target["weight"] > 0):
        key = key_of(target)
        healthy[key[:3]] += standing_of(Health.read(target["healthy"], target["health_status"])) is Standing.HEALTHY
        if key in meant and target["health_status"] == "Dead":
            dead[key[:3]].append(target)
    return {
        "targets": [target for pool, found in dead.items() if healthy[pool] >= required for target in found],
        "kept": [
            f"{label_of(found[0])}: {healthy[pool]} targets of weight above 0 are healthy, and clb_min_healthy is "
            f"{required}. Not drained: {listed(map(backend_of, found))}."
            for pool, found in dead.items()
            if healthy[pool] < required
        ],
    }
