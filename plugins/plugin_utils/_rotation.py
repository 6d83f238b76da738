# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of a rotation, their bindings, and what is remembered of them. Pure.

Bindings are entries of a result's ``targets``; what is remembered is a list of entries of a restore file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils._base.errors import InvalidArgument, and_more
from ..module_utils._bindings.entries import parse_entries
from ..module_utils._bindings.snapshot import canonical_ip
from ._bind import bind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Raw = dict[str, Any]
Key = tuple[Any, ...]

MAX_NAMED = 5
"""Hosts, pools or the like that a message names."""
_BACKEND_KEYS = ("instance_id", "eni_ip", "port")
_PLACE_KEYS = ("listener_id", "listener_port", "listener_protocol", "location_id", "domain", "url")
_MINIMA = {"min_healthy": 0, "drain_seconds": 0, "drain_timeout": 1, "wait_timeout": 1, "warm_up_seconds": 0}


@dataclass(frozen=True)
class Host:
    """One host, with the variables of the role as ``meta/argument_specs.yml`` describes them.

    :param problems: what is wrong with its variables; where there is any, only ``name`` can be relied on.
    :param backend: its ``instance_id`` or ``eni_ip``, and its ``port`` where one is given.
    :param balancers: the load balancers that it leaves; empty: all of the region.
    :param wanted: entries of ``targets`` that it is bound to when it comes back.
    """

    name: str
    restore_file: str
    problems: tuple[str, ...] = ()
    backend: Mapping[str, Any] = MappingProxyType({})
    balancers: tuple[str, ...] = ()
    wanted: tuple[Raw, ...] = ()
    min_healthy: int = 0
    wait_timeout: int = 300
    drain_seconds: int = 0
    drain_connections: bool = False
    drain_ignore: tuple[str, ...] = ()
    drain_timeout: int = 300
    drain_on_timeout: str = "continue"
    warm_up: tuple[int, ...] = ()
    warm_up_seconds: int = 30

    @property
    def selectors(self) -> list[Raw]:
        """What selects its bindings on the load balancers that it leaves."""
        own = dict(self.backend)
        return [{**own, "load_balancer_id": balancer} for balancer in self.balancers] or [own]

    @property
    def address(self) -> str | None:
        """The ID or canonical address that names its backend."""
        return str(self.backend.get("instance_id") or "").strip() or canonical(self.backend.get("eni_ip"))


def listed(names: Iterable[object]) -> str:
    """Names in a message, with the number of those that are left out."""
    return and_more([str(name) for name in names], MAX_NAMED)


def canonical(address: object) -> str | None:
    """An address in the one spelling in which addresses are compared; other text as it is."""
    text = str(address or "").strip()
    try:
        return canonical_ip(text)
    except ValueError:
        return text or None


def key_of(binding: Mapping[str, Any]) -> Key:
    """What tells a binding from every other, in any spelling of its address."""
    backend = binding.get("instance_id") or canonical(binding.get("eni_ip"))
    return (*pool_of(binding), backend, str(binding.get("port")))


def pool_of(binding: Mapping[str, Any]) -> Key:
    """The load balancer, listener and rule of a binding."""
    return (binding.get("load_balancer_id"), binding.get("listener_id"), binding.get("location_id"))


def label_of(binding: Mapping[str, Any]) -> str:
    """A listener or rule as messages call it."""
    rule = f" {binding.get('domain')}{binding.get('url')}" if binding.get("location_id") else ""
    named = f"({binding.get('listener_protocol')}:{binding.get('listener_port')}{rule})"
    return f"{binding.get('load_balancer_id')} {binding.get('listener_id')} {named}"


def selector_of(entry: Mapping[str, Any]) -> Raw:
    """A selector for just the binding that an entry is about."""
    keys = ("load_balancer_id", *_PLACE_KEYS, *_BACKEND_KEYS, "ip")
    return {key: entry[key] for key in keys if entry.get(key) is not None}


# -- the variables of a host


def parse_host(name: str, given: Mapping[str, Any], spec: Mapping[str, Any]) -> Host:
    """Check the variables of a host, and give them the types of the argument spec.

    :param given: variable -> value; null is the same as not given.
    :param spec: the options of the role's argument spec.
    """
    values = {key: value for key, value in given.items() if value is not None}
    # The validator changes what it is given.
    validator = ArgumentSpecValidator({key: dict(value) for key, value in spec.items()})
    checked = validator.validate(values, validate_role_argument_spec=True)
    found = {key[len("clb_") :]: value for key, value in checked.validated_parameters.items()}
    typed = {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}
    known: Raw = {key: typed[key] for key in Host.__dataclass_fields__ if typed.get(key) is not None}
    host = Host(name, **known)
    problems = list(checked.error_messages)
    if not problems:
        problems = _check_numbers(host)
        host, more = _read_bindings(host, typed)
        problems += more
        ignored = [canonical(address) or "" for address in host.drain_ignore]
        problems += [
            f"clb_drain_ignore: {address!r} is not an IP address; ranges and names are not possible"
            for address in ignored
            if not _is_address(address)
        ]
        host = replace(host, drain_ignore=tuple(ignored))
    ended = (text if text.endswith((".", "!", "?")) else f"{text}." for text in problems)
    return replace(host, problems=tuple(f"{name}: {text}" for text in ended))


def _check_numbers(host: Host) -> list[str]:
    problems = [
        f"clb_{name} {getattr(host, name)} is too small; give a whole number from {minimum}"
        for name, minimum in _MINIMA.items()
        if getattr(host, name) < minimum
    ]
    shares = host.warm_up
    if any(not 1 <= share <= 99 for share in shares) or list(shares) != sorted(set(shares)):
        problems.append(f"clb_warm_up is {list(shares)}; give rising whole numbers from 1 to 99, the shares in %")
    return problems


def _is_address(text: str) -> bool:
    try:
        canonical_ip(text)
    except ValueError:
        return False
    return True


def _read_bindings(host: Host, typed: Mapping[str, Any]) -> tuple[Host, list[str]]:
    """Fill in what is the host's, and what it wants when it comes back; return what is wrong, too."""
    raw = {key: value for key, value in typed["backend"].items() if value is not None}
    raw.setdefault("eni_ip", raw.pop("ip", None))
    raw = {key: value for key, value in raw.items() if value is not None}
    backend = {key: raw[key] for key in _BACKEND_KEYS if key in raw}
    if not backend.keys() & {"instance_id", "eni_ip"}:
        return host, ["clb_backend names no backend; give its instance_id or eni_ip"]
    name = next((key for key in ("load_balancer_id", "load_balancer_ids") if typed.get(key) is not None), "")
    given = typed.get(name, ())
    balancers = tuple(str(one).strip() for one in ((given,) if isinstance(given, str) else given))
    if name and (not balancers or not all(balancers)):
        return host, [f"clb_{name} is empty; name load balancers, or leave it out for all of the region"]
    host = replace(host, backend=backend, balancers=balancers)
    problems = _parse(host.selectors, "clb_backend", selectors=True)
    try:
        wanted = bind([raw], typed.get("listeners") or ())
    except AnsibleFilterError as error:
        return host, [*problems, f"clb_listeners: {error}"]
    if any(not entry.get("load_balancer_id") for entry in wanted) and not balancers:
        lacks = "give clb_load_balancer_id, or a load_balancer_id in each entry"
        return host, [*problems, f"clb_listeners is given, but not for which load balancer; {lacks}"]
    wanted = [
        {**entry, "load_balancer_id": balancer}
        for entry in wanted
        for balancer in ([entry["load_balancer_id"]] if entry.get("load_balancer_id") else balancers)
    ]
    if any(str(entry.get("weight")).strip() == "0" for entry in (raw, *wanted)):
        problems.append("weight 0 as the weight to come back with would leave it out of traffic; give 1 to 100")
    problems += _parse(wanted, "clb_listeners with clb_backend", selectors=False)
    return replace(host, wanted=tuple(wanted)), problems


def _parse(entries: Sequence[Raw], what: str, *, selectors: bool) -> list[str]:
    """Check entries of ``targets`` as the module will."""
    try:
        parse_entries(entries, selectors=selectors)
    except InvalidArgument as error:
        return [f"{what}: {error.message}"]
    return []


# -- whose is a binding


def _addresses_of(binding: Mapping[str, Any]) -> set[str]:
    """The names that the module itself accepts for the backend of a binding.

    An instance is also known by its primary private address; everything else by any of its private addresses.
    """
    instance_id = binding.get("instance_id")
    addresses = list(binding.get("private_ips") or ())
    own = [binding.get("eni_ip") or binding.get("ip"), *(addresses[:1] if instance_id else addresses)]
    return {name for name in (instance_id, *map(canonical, own)) if name}


def _has_port(host: Host, binding: Mapping[str, Any]) -> bool:
    return str(host.backend.get("port", binding.get("port"))).strip() == str(binding.get("port"))


def bindings_by_host(hosts: Iterable[Host], bindings: Iterable[Raw]) -> dict[str, list[Raw]]:
    """What is bound of each host, on the load balancers that it leaves.

    :param bindings: as read for the hosts' selectors.
    :returns: by name of the host.
    """
    index: dict[str | None, list[Raw]] = {}
    for binding in bindings:
        for address in _addresses_of(binding):
            index.setdefault(address, []).append(binding)
    return {
        host.name: [
            binding
            for binding in index.get(host.address, ())
            if _has_port(host, binding) and (not host.balancers or binding["load_balancer_id"] in host.balancers)
        ]
        for host in hosts
    }


def remembered_of(host: Host, bound: Iterable[Raw], remembered: Iterable[Raw]) -> list[Raw]:
    """What is remembered of a host.

    :param bound: its bindings: they know it by the names that were remembered.
    :param remembered: what the restore file holds.
    """
    keys = {key_of(binding) for binding in bound}
    return [
        entry
        for entry in remembered
        if key_of(entry) in keys or (host.address in _addresses_of(entry) and _has_port(host, entry))
    ]


# -- weights of a warm-up


def scaled(weight: object, share: int) -> int:
    """A share in % of a weight, rounded, at least 1."""
    return max(1, (int(str(weight)) * share + 50) // 100)


def warming(entry: Raw, share: int) -> Raw:
    """An entry of a restore file with a share of its weight; one that has no weight above 0 as it is."""
    return {**entry, "weight": scaled(entry["weight"], share)} if entry.get("weight") else entry


def is_warming(host: Host, entry: Raw, weight: int) -> bool:
    """Whether a run that was killed in a warm-up has left a binding with this weight."""
    if not weight or not entry.get("weight") or weight == int(entry["weight"]):
        return False
    return any(weight == scaled(entry["weight"], share) for share in host.warm_up)
