# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts behind load balancers, with their groups and variables; knows nothing of Ansible's inventory."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from ..module_utils._errors import ClbError, InvalidArgument
from ..module_utils._targets_info import read_info

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from ..module_utils._api.clb import LoadBalancer
    from ..module_utils._api.connection import Connection
    from ..module_utils._bindings.entries import Entry

Raw = dict[str, Any]

HOSTNAMES: dict[str, Callable[[Raw], Any]] = {
    "instance_name": lambda target: (target["instance_name"] or "").strip(),
    "instance_id": lambda target: target["instance_id"],
    "address": lambda target: target["eni_ip"] or next(iter(target["private_ips"]), None),
}
"""What a host can be called by."""

ADDRESSES: dict[str, Callable[[Raw], Any]] = {
    "private_ip": lambda target: next(iter(target["private_ips"]), None),
    "public_ip": lambda target: next(iter(target["public_ips"]), None),
    "none": lambda _target: None,
}
"""What ``ansible_host`` can be."""


class InventoryQuery(NamedTuple):
    """What is to be read.

    :param load_balancer_ids: None where none are named.
    :param load_balancer_names: exact names; None where none are named.
    :param entries: selectors; None selects everything.
    :param health: whether to read health, too.
    """

    load_balancer_ids: Collection[str] | None
    load_balancer_names: Collection[str] | None
    entries: Sequence[Entry] | None
    health: bool


class Host(NamedTuple):
    """A backend, once, however many bindings it has.

    :param name: unique.
    :param groups: the groups that it is directly in.
    :param variables: its variables.
    """

    name: str
    groups: tuple[str, ...]
    variables: Raw


class Groups(NamedTuple):
    """The groups of some load balancers, before any is made valid as a group's name.

    :param edges: pairs of a group and a group in it.
    :param pools: the group of a listener (layer 4) or rule, by load balancer, listener and location ID.
    """

    edges: tuple[tuple[str, str], ...]
    pools: Mapping[tuple[str, str, str | None], str]


def read_load_balancers(connections: Iterable[Connection], query: InventoryQuery) -> list[Raw]:
    """Read load balancers: one listing for each region, one DescribeTargets for each load balancer.

    :param connections: one for each region.
    :param query: what to read; every load balancer of the regions where neither IDs nor names are given.
    :returns: for each, its ``region``, ``load_balancer_id``, ``load_balancer_name``, ``listeners`` as ``targets_info``
        tells them, and ``targets`` likewise, with ``public_ips``. Plain data, fit for a cache.
    :raises InvalidArgument: a load balancer that is named exists in no region.
    :raises ClbError: something can't be read; the message says where.
    """
    found: list[Raw] = []
    regions: list[str] = []
    for connection in connections:
        regions.append(connection.region)
        where = f"region {connection.region}"
        try:
            listed = [one for one in _list(connection, query) if _is_wanted(one, query)]
            for one in listed:
                where = f"region {connection.region}, load balancer {one.load_balancer_id} ({one.name})"
                found.append({"region": connection.region, **_read(connection, one, query)})
        except ClbError as error:
            error.message = f"{where}: {error.message}"
            raise
    _check_found(found, regions, query)
    return found


def _list(connection: Connection, query: InventoryQuery) -> list[LoadBalancer]:
    names = query.load_balancer_names
    only = next(iter(names)) if names is not None and len(names) == 1 and not query.load_balancer_ids else None
    return connection.clb.describe_load_balancers(only)


def _is_wanted(balancer: LoadBalancer, query: InventoryQuery) -> bool:
    if query.load_balancer_ids is None and query.load_balancer_names is None:
        return True
    return balancer.load_balancer_id in (query.load_balancer_ids or ()) or balancer.name in (
        query.load_balancer_names or ()
    )


def _read(connection: Connection, balancer: LoadBalancer, query: InventoryQuery) -> Raw:
    load_balancer_id = balancer.load_balancer_id
    info = read_info(connection.clb, load_balancer_id, query.entries, health=query.health)
    return {
        "load_balancer_id": load_balancer_id,
        "load_balancer_name": balancer.name,
        "listeners": info.listeners,
        "targets": [
            {**target, "public_ips": list(binding.public_ips)} for binding, target in zip(info.bindings, info.targets)
        ],
    }


def _check_found(found: Sequence[Raw], regions: Sequence[str], query: InventoryQuery) -> None:
    there = {one[key] for one in found for key in ("load_balancer_id", "load_balancer_name")}
    missing = sorted({*(query.load_balancer_ids or ()), *(query.load_balancer_names or ())} - there)
    if missing:
        raise InvalidArgument(
            f"No load balancer {', '.join(map(repr, missing))} in region {', '.join(regions)}. "
            "Check load_balancer_ids, load_balancer_names and the region."
        )


def make_groups(balancers: Iterable[Raw]) -> Groups:
    """Group by load balancer, listener and rule, each by its ID, and by its name.

    An ID stands for one thing. A name gathers what is called the same on every load balancer.

    :param balancers: as :func:`read_load_balancers` returns them.
    """
    edges: dict[tuple[str, str], None] = {}
    pools: dict[tuple[str, str, str | None], str] = {}
    for balancer in balancers:
        balancer_id = balancer["load_balancer_id"]
        edges[f"clb_{balancer['load_balancer_name']}", balancer_id] = None
        for listener in balancer["listeners"]:
            listener_id = listener["listener_id"]
            ports = [listener["port"], *([listener["end_port"]] if listener["end_port"] else [])]
            name = "_".join(map(str, (listener["protocol"], *ports)))
            edges[balancer_id, listener_id] = None
            edges[name, listener_id] = None
            pools[balancer_id, listener_id, None] = listener_id
            for rule in listener["rules"]:
                location_id = rule["location_id"]
                edges[listener_id, location_id] = None
                edges[f"{name}_{rule['domain']}{rule['url'].rstrip('/')}", location_id] = None
                pools[balancer_id, listener_id, location_id] = location_id
    return Groups(tuple(edges), pools)


def make_hosts(balancers: Iterable[Raw], groups: Groups, hostnames: Sequence[str], ansible_host: str) -> list[Host]:
    """Put the bindings of each backend together.

    :param balancers: as :func:`read_load_balancers` returns them.
    :param groups: of the same load balancers.
    :param hostnames: what to call a host by, best first; keys of :data:`HOSTNAMES`.
    :param ansible_host: a key of :data:`ADDRESSES`.
    """
    bindings: dict[str, list[Raw]] = defaultdict(list)
    for balancer in balancers:
        belongs = {key: balancer[key] for key in ("load_balancer_id", "load_balancer_name", "region")}
        for target in balancer["targets"]:
            bindings[target["instance_id"] or target["eni_ip"]].append({**target, **belongs})
    names = _unique_names({address: found[0] for address, found in bindings.items()}, hostnames)
    return [
        Host(
            names[address],
            tuple(
                dict.fromkeys(
                    groups.pools[one["load_balancer_id"], one["listener_id"], one["location_id"]] for one in found
                )
            ),
            _variables(found, ADDRESSES[ansible_host](found[0])),
        )
        for address, found in bindings.items()
    ]


def _unique_names(targets: Mapping[str, Raw], hostnames: Sequence[str]) -> dict[str, str]:
    """Call each backend by the first choice that no other backend is called by; in the end by its own address."""
    choices = {
        address: [*filter(None, (HOSTNAMES[name](target) for name in hostnames)), address][::-1]
        for address, target in targets.items()
    }
    while True:
        taken = Counter(left[-1] for left in choices.values())
        doubled = [left for left in choices.values() if taken[left[-1]] > 1 and len(left) > 1]
        if not doubled:
            return {address: left[-1] for address, left in choices.items()}
        for left in doubled:
            left.pop()


_BINDING = (
    "load_balancer_id",
    "load_balancer_name",
    "region",
    "listener_id",
    "listener_protocol",
    "listener_port",
    "location_id",
    "domain",
    "url",
    "instance_id",
    "eni_ip",
    "port",
    "weight",
    "tag",
    "healthy",
    "health_status",
)


def _variables(bindings: Sequence[Raw], ansible_host: str | None) -> Raw:
    first = bindings[0]
    healthy = [one["healthy"] for one in bindings]
    variables = {
        "clb_backend": {key: first[key] for key in ("instance_id", "eni_ip") if first[key]},
        "clb_bindings": [{key: one[key] for key in _BINDING} for one in bindings],
        "clb_healthy": None if None in healthy else all(healthy),
        "clb_instance_id": first["instance_id"],
        "clb_instance_name": first["instance_name"],
        "clb_load_balancer_ids": list(dict.fromkeys(one["load_balancer_id"] for one in bindings)),
        "clb_private_ips": first["private_ips"],
        "clb_public_ips": first["public_ips"],
        "clb_tags": sorted({one["tag"] for one in bindings if one["tag"]}),
        "clb_type": first["type"],
        "clb_weight": max(one["weight"] for one in bindings),
        "clb_zone": first["zone"],
    }
    return variables if ansible_host is None else {"ansible_host": ansible_host, **variables}
