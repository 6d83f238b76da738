# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts behind load balancers, with their groups and variables."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible.inventory.group import to_safe_group_name

from ..module_utils._base.errors import and_more, natural, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

Raw = dict[str, Any]

HOSTNAMES: dict[str, Callable[[Raw], Any]] = {
    "instance_name": lambda target: (target["instance_name"] or "").strip(),
    "instance_id": lambda target: target["instance_id"],
    "address": lambda target: target["eni_ip"] or next(iter(target["private_ips"]), None),
}
ADDRESSES: dict[str, Callable[[Raw], Any]] = {
    # Of an interface the cloud may list all addresses, and the first of them may lead to another host.
    "private_ip": HOSTNAMES["address"],
    "public_ip": lambda target: next(iter(target["public_ips"]), None),
    "none": lambda _target: None,
}
BUILT_IN_GROUPS = frozenset({"all", "ungrouped"})
MAX_SHOWN = 255
"""Characters of a name that a message shows."""


class Host(NamedTuple):
    """A backend, once, however many bindings it has.

    :param names: its possible names, the best first; the last one belongs to no other host.
    :param groups: the groups that it is directly in.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    variables: Raw


class Groups(NamedTuple):
    """The groups of some load balancers.

    :param edges: pairs of a group and a group in it.
    :param pools: the group of a listener (layer 4) or rule, by load balancer, listener and location ID.
    """

    edges: tuple[tuple[str, str], ...]
    pools: Mapping[tuple[str, str, str | None], str]
    warnings: tuple[str, ...] = ()


def make_groups(balancers: Sequence[Raw]) -> Groups:
    """Group by load balancer, listener and rule, each by its ID, and by its name.

    An ID stands for one thing. A name gathers what is called the same on every load balancer. Where different names
    would have one group, each thing of these names has a group of its own, with its ID in the name.
    """
    nested: dict[tuple[str, str], None] = {}
    called: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    """The IDs that a name and its group's name stand for."""
    pools: dict[tuple[str, str, str | None], str] = {}
    for outer, identity, pool, name, group in _things(balancers):
        nested[outer, identity] = None
        called[name, group][identity] = None
        pools[pool] = identity
    groups: dict[str, str] = {}
    taken = set(BUILT_IN_GROUPS)
    for identity in dict.fromkeys(identity for edge in nested for identity in edge if identity):
        groups[identity] = _free(_safe(identity), taken)
    edges = {(groups[outer], groups[inner]): None for outer, inner in nested if outer}
    by_group: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for shown, text in called:
        by_group[_safe(text)].append((shown, text))
    warnings = []
    reserved = taken | by_group.keys()
    for group, names in by_group.items():
        if len(names) == 1 and group not in taken:
            edges.update(dict.fromkeys((group, groups[identity]) for identity in called[names[0]]))
            continue
        identities = [identity for name in names for identity in called[name]]
        own = [(_free(f"{group}_{groups[identity]}", reserved), groups[identity]) for identity in identities]
        edges.update(dict.fromkeys(own))
        told = [f"{printable(repr(name[0]), MAX_SHOWN)} ({and_more(list(called[name]), 2)})" for name in names]
        warnings.append(
            f"{and_more(told)} can't have the group {group}, because different names become that name. "
            f"Each has a group with its ID instead: {and_more([pair[0] for pair in own])}."
        )
    return Groups(tuple(edges), {key: groups[identity] for key, identity in pools.items()}, tuple(warnings))


def _things(balancers: Iterable[Raw]) -> Iterator[tuple[str, str, tuple[str, str, str | None], str, str]]:
    """Each load balancer, listener and rule: the ID around it, its own, its pool's key, its name, its group's name."""
    for balancer in balancers:
        balancer_id, balancer_name = balancer["load_balancer_id"], balancer["load_balancer_name"]
        yield "", balancer_id, (balancer_id, "", None), balancer_name, f"clb_{balancer_name}"
        for listener in balancer["listeners"]:
            listener_id = listener["listener_id"]
            name = "_".join(str(listener[key]) for key in ("protocol", "port", "end_port") if listener[key] is not None)
            yield balancer_id, listener_id, (balancer_id, listener_id, None), name, name
            for rule in listener["rules"]:
                location_id = rule["location_id"]
                whole = f"{name}_{rule['domain']}{rule['url']}"
                yield listener_id, location_id, (balancer_id, listener_id, location_id), whole, whole.rstrip("/")


def _safe(name: str) -> str:
    return str(to_safe_group_name(name, force=True, silent=True))


def _free(group: str, taken: set[str]) -> str:
    """Take a group's name that nothing else has."""
    while group in taken:
        group = f"{group}_2"
    taken.add(group)
    return group


def make_hosts(balancers: Iterable[Raw], groups: Groups, hostnames: Sequence[str], ansible_host: str) -> list[Host]:
    """Put the bindings of each backend together.

    :param groups: of the same load balancers.
    :param hostnames: keys of :data:`HOSTNAMES`, best first.
    :param ansible_host: a key of :data:`ADDRESSES`.
    """
    # An instance ID exists once, and an address once in a VPC, or in a region where the VPC is not known.
    bindings: dict[tuple[str, str], list[Raw]] = defaultdict(list)
    for balancer in balancers:
        belongs = {key: balancer[key] for key in ("load_balancer_id", "load_balancer_name", "region")}
        network = balancer["vpc_id"] or balancer["region"]
        for target in balancer["targets"]:
            instance_id = target["instance_id"]
            identity = (instance_id, "") if instance_id else (target["eni_ip"], network)
            bindings[identity].append({**target, **belongs})
    for found in bindings.values():
        # Names, addresses and zones may be missing from a row; then another row of the backend can have them.
        found[0].update((key, next(filter(None, (one[key] for one in found)), found[0][key])) for key in _OF_THE_HOST)
    return [
        Host(
            tuple(_names(*identity, found[0], hostnames)),
            tuple(
                dict.fromkeys(
                    groups.pools[one["load_balancer_id"], one["listener_id"], one["location_id"]] for one in found
                )
            ),
            _variables(found, ADDRESSES[ansible_host](found[0])),
        )
        for identity, found in bindings.items()
    ]


def _names(address: str, network: str, binding: Raw, hostnames: Sequence[str]) -> list[str]:
    """The possible names of a backend, best first."""
    wished = [HOSTNAMES[name](binding) for name in hostnames]
    # In a host pattern, a colon that belongs to no plain address separates two patterns.
    last = f"{address.replace(':', '-')}-{network or binding['region']}"
    return list(dict.fromkeys([*filter(None, wished), address, last]))


_OF_THE_HOST = frozenset({"private_ips", "public_ips", "instance_name", "type", "zone", "registered_time"})
"""Keys of a target that are not those of one binding."""


def _variables(bindings: Sequence[Raw], ansible_host: str | None) -> Raw:
    first = bindings[0]
    health_read = bindings[0]["health_status"] is not None
    variables = {
        "clb_backend": {key: first[key] for key in ("instance_id", "eni_ip") if first[key]},
        "clb_bindings": [
            {key: value for key, value in binding.items() if key not in _OF_THE_HOST} for binding in bindings
        ],
        "clb_healthy": all(binding["healthy"] for binding in bindings) if health_read else None,
        "clb_instance_id": first["instance_id"],
        "clb_instance_name": first["instance_name"],
        "clb_load_balancer_ids": list(dict.fromkeys(binding["load_balancer_id"] for binding in bindings)),
        "clb_private_ips": first["private_ips"],
        "clb_public_ips": first["public_ips"],
        "clb_tags": sorted({binding["tag"] for binding in bindings if binding["tag"]}, key=natural),
        "clb_type": first["type"],
        "clb_weight": max(binding["weight"] for binding in bindings),
        "clb_zone": first["zone"],
    }
    return variables if ansible_host is None else {"ansible_host": ansible_host, **variables}
