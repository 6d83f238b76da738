# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks where, out and back: a backend everywhere in a region, and a summary to be read in one look."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..module_utils._base.errors import InvalidArgument, printable
from ..module_utils._bindings.entries import parse_entries
from ._rotation import Host, Key, Raw, bindings_by_host, key_of, pool_of, selector_of
from ._rotation_check import find_pools, find_unread
from ._rotation_steps import Modules, Stop, read_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Weights = dict[Key, int]


class Asked(NamedTuple):
    """What a command asks for.

    :param hosts: a host for each backend, named by the ID or address that was given; none: all that is remembered.
    :param choice: the option of the modules that chooses load balancers; empty: all of the region.
    :param options: ``min_healthy`` and ``wait_timeout`` of what writes.
    """

    hosts: list[Host]
    choice: Raw
    restore_file: str
    options: Raw


def parse(given: Mapping[str, Any]) -> Asked:
    """Read the variables of a command.

    :raises Stop: one of them means nothing.
    """
    path = str(Path(given.get("restore_file") or ".").expanduser().absolute())
    ids, tags = given["load_balancer_ids"], given["load_balancer_tags"]
    if ids is not None and not _several(ids):
        raise Stop("clb_load_balancer_ids is empty; name load balancers, or leave it out for all of the region.")
    choice = {"load_balancer_ids": None if ids is None else _several(ids), "load_balancer_tags": tags}
    return Asked(
        [_parse_backend(one, path) for one in _several(given["backend"])],
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
    if isinstance(given, dict):
        backend = {key: given[key] for key in ("instance_id", "eni_ip", "ip", "port") if given.get(key) is not None}
        backend.setdefault("eni_ip", backend.pop("ip", None))
    else:
        text = str(given).strip()
        backend = {"eni_ip" if ":" in text or re.fullmatch(r"[0-9.]+", text) else "instance_id": text}
    backend = {key: value for key, value in backend.items() if value is not None}
    try:
        parse_entries([backend], selectors=True)
    except InvalidArgument as error:
        raise Stop(f"clb_backend {printable(str(given))!r}: {error.message}") from error
    address = backend.get("instance_id") or backend.get("eni_ip")
    return Host(f"{address}:{backend['port']}" if "port" in backend else f"{address}", restore_file, backend=backend)


# -- where


def where(modules: Modules, asked: Asked) -> list[str]:
    """Tell where backends are bound, and how healthy it is there.

    :raises Stop: one is bound nowhere, or a load balancer can't be read.
    """
    bound = _find(modules, asked)
    weights = {key_of(one): one["weight"] for mine in bound.values() for one in mine}
    taken = dict.fromkeys(weights, 0)
    lines = [*_table(bound, _read_pools(modules, bound), weights, None, taken)]
    return [*lines, f"Take out of traffic everywhere: {_command('out', bound)}"]


def _find(modules: Modules, asked: Asked) -> dict[str, list[Raw]]:
    """Read the bindings of each host."""
    if not asked.hosts:
        raise Stop("clb_backend is not given. Give the ID or address of a backend, such as -e clb_backend=10.0.0.5.")
    choice = asked.choice or {"all_load_balancers": True}
    found = modules.info(targets=[selector for host in asked.hosts for selector in host.selectors], **choice)
    problems = [found["msg"]] if found.get("failed") else find_unread(found["left_out"])
    if problems:
        raise Stop(" ".join(problems))
    bound = bindings_by_host(asked.hosts, found["targets"])
    if lacking := [name for name, mine in bound.items() if not mine]:
        place = "these load balancers" if asked.choice else "any load balancer of the region"
        raise Stop(f"{', '.join(lacking)}: not bound to {place}. Check clb_backend, and the region.")
    return bound


def _read_pools(modules: Modules, bound: Mapping[str, Sequence[Raw]]) -> list[Raw]:
    """Read all that is bound beside these bindings, with health."""
    found = modules.info(targets=find_pools(one for mine in bound.values() for one in mine), health=True)
    if found.get("failed"):
        raise Stop(found["msg"])
    pools: list[Raw] = found["targets"]
    return pools


def _command(name: str, bound: Mapping[str, Sequence[Raw]]) -> str:
    return f"ansible-playbook tencentcloud.clb.{name} -e clb_backend={','.join(bound)}"


def _table(
    bound: Mapping[str, Sequence[Raw]], pools: Sequence[Raw], before: Weights, after: Weights | None, then: Weights
) -> Iterator[str]:
    """Yield a line for each binding, below its backend.

    :param after: the weights that are shown behind them; None where nothing was changed.
    :param then: the weights of which those that are healthy are counted.
    """
    health = {key_of(one): one["health_status"] for one in pools}
    left: dict[Key, int] = {}
    for one in pools:
        weight = then.get(key_of(one), one["weight"]) or 0
        serves = bool(one["healthy"]) and weight > 0
        left[pool_of(one)] = left.get(pool_of(one), 0) + serves
    rows = {name: [_row(one, before, after, health, left) for one in mine] for name, mine in bound.items()}
    widths = [max(map(len, column)) for column in zip(*(row for mine in rows.values() for row in mine))]
    for name, mine in rows.items():
        titles = dict.fromkeys(printable(one["instance_name"]) for one in bound[name] if one.get("instance_name"))
        yield f"{name}{''.join(f' ({title})' for title in titles)}"
        for row in mine:
            yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()


def _row(
    binding: Raw, before: Weights, after: Weights | None, health: Mapping[Key, str], left: Mapping[Key, int]
) -> tuple[str, ...]:
    key, pool = key_of(binding), pool_of(binding)
    rule = f" {binding['domain']}{binding['url']} {binding['location_id']}" if binding["location_id"] else ""
    place = f"{binding['listener_protocol']}:{binding['listener_port']} {binding['listener_id']}{rule}"
    weight = f"weight {before.get(key, binding['weight'])}"
    weight += "" if after is None else f" -> {after.get(key, binding['weight'])}"
    others = "others healthy" if after is None else "healthy in traffic"
    return (
        binding["load_balancer_id"], printable(place), f"port {binding['port']}", weight,
        printable(str(health.get(key))), f"{left.get(pool, 0)} {others}",
    )  # fmt: skip


# -- out and back


def take_out(modules: Modules, asked: Asked) -> tuple[list[str], str]:
    """Drain backends wherever they are bound, and remember their weights.

    :returns: lines, and what went wrong; empty where nothing did.
    :raises Stop: one is bound nowhere, or something can't be read. Nothing was drained.
    """
    read_file(asked.restore_file)
    bound = _find(modules, asked)
    pools = _read_pools(modules, bound)
    targets = [
        {**host.backend, "load_balancer_id": balancer}
        for host in asked.hosts
        for balancer in dict.fromkeys(one["load_balancer_id"] for one in bound[host.name])
    ]
    result = modules.targets(state="drained", restore_file=asked.restore_file, targets=targets, **asked.options)
    before = {key_of(one): one["weight"] for mine in bound.values() for one in mine}
    after = {**before, **{key_of(one): one["weight"] for one in result["modified"]}}
    lines = list(_table(bound, pools, before, after, after))
    out = sum(not weight for weight in after.values())
    if modules.check_mode:
        return [*lines, f"{out} of {len(after)} bindings would be out of traffic. Nothing was changed."], _failure(
            result
        )
    lines.append(f"{out} of {len(after)} bindings are out of traffic. Their weights are in {asked.restore_file}.")
    return [*lines, f"Bring back as it was: {_command('back', bound)}"], _failure(result)


def _failure(result: Raw) -> str:
    return str(result["msg"]) if result.get("failed") else ""


def _bindings(count: int) -> str:
    return f"{count} binding{'' if count == 1 else 's'}"


def bring_back(modules: Modules, asked: Asked) -> tuple[list[str], str]:
    """Bring back what is remembered, and wait until it is healthy.

    :returns: lines, and what went wrong; empty where nothing did.
    :raises Stop: the restore file can't be used, or the health can't be read.
    """
    remembered = {key_of(entry) for entry in read_file(asked.restore_file)}
    if not remembered:
        return [f"Nothing is remembered in {asked.restore_file}, so there is nothing to bring back."], ""
    result = modules.targets(
        state="restored", restore_file=asked.restore_file, wait_for_health=True,
        targets=[selector for host in asked.hosts for selector in host.selectors] or None,
        **asked.choice, **asked.options,
    )  # fmt: skip
    changed = [*result["modified"], *result["registered"]]
    after = {key_of(one): one["weight"] for one in result["targets"] if key_of(one) in remembered}
    before = {**after, **{key_of(one): (one.get("before") or {}).get("weight", 0) for one in changed}}
    bound: dict[str, list[Raw]] = {}
    pools = _read_pools(modules, {"": result["targets"]}) if after else []
    for one in pools:
        if key_of(one) in after:
            bound.setdefault(str(one["instance_id"] or one["eni_ip"]), []).append(one)
    lines = list(_table(bound, pools, before, after, after))
    if modules.check_mode:
        return [*lines, f"{_bindings(len(changed))} would be brought back. Nothing was changed."], _failure(result)
    lines.append(f"{_bindings(len(changed))} {'was' if len(changed) == 1 else 'were'} brought back.")
    if left := [selector_of(entry) for entry in read_file(asked.restore_file)]:
        names = dict.fromkeys(str(one.get("instance_id") or one.get("eni_ip")) for one in left)
        lines.append(f"Still remembered in {asked.restore_file}: {', '.join(names)} ({_bindings(len(left))}).")
    return lines, _failure(result)
