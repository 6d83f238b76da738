# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of a rotation, their bindings, and the entries of a restore file that are about them. Pure.

A binding is an entry of a result's ``targets``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils._base.errors import InvalidArgument, and_more, sentences
from ..module_utils._bindings.entries import parse_entries
from ..module_utils._bindings.snapshot import canonical_ip
from ._bind import bind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Raw = dict[str, Any]
Key = tuple[Any, ...]

_PLACE_KEYS = ("listener_id", "listener_port", "listener_protocol", "location_id", "domain", "url")
_MINIMA = {"min_healthy": 0, "drain_seconds": 0, "drain_timeout": 1, "wait_timeout": 1, "warm_up_seconds": 0}


@dataclass(frozen=True)
class Host:
    """One host, with the variables of the role as ``meta/argument_specs.yml`` describes them.

    :param problems: of its variables; where there is any, only ``name`` can be relied on.
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
        """A selector of its bindings on the load balancers that it leaves."""
        return self.selectors_on(self.balancers) or [dict(self.backend)]

    def selectors_on(self, balancers: Iterable[str]) -> list[Raw]:
        """A selector of its bindings on these load balancers."""
        return [{**self.backend, "load_balancer_id": balancer} for balancer in balancers]

    @property
    def address(self) -> str | None:
        """The ID or canonical address that names its backend."""
        return str(self.backend.get("instance_id") or "").strip() or canonical(self.backend.get("eni_ip"))


def listed(names: Iterable[object]) -> str:
    """Names in a message, with the number of those that are left out."""
    return and_more([str(name) for name in names])


def canonical(address: object) -> str | None:
    """An address in the one spelling in which addresses are compared; other text as it is."""
    text = str(address or "").strip()
    return _ip_of(text) or text or None


def _ip_of(text: str) -> str | None:
    try:
        return canonical_ip(text)
    except ValueError:
        return None


def key_of(binding: Mapping[str, Any]) -> Key:
    """The identity of a binding, the same in any spelling of its address; its pool comes first."""
    backend = binding.get("instance_id") or canonical(binding.get("eni_ip"))
    return (*pool_of(binding), backend, str(binding.get("port")))


def pool_of(binding: Mapping[str, Any]) -> Key:
    """The load balancer, listener and rule of a binding."""
    return (binding.get("load_balancer_id"), binding.get("listener_id"), binding.get("location_id"))


def label_of(binding: Mapping[str, Any]) -> str:
    """The listener or rule of a binding, as messages name it."""
    rule = f" {binding.get('domain')}{binding.get('url')}" if binding.get("location_id") else ""
    named = f"({binding.get('listener_protocol')}:{binding.get('listener_port')}{rule})"
    return f"{binding.get('load_balancer_id')} {binding.get('listener_id')} {named}"


def backend_of(binding: Mapping[str, Any]) -> str:
    """The instance ID or address of a binding."""
    return str(binding.get("instance_id") or binding.get("eni_ip"))


def selector_of(entry: Mapping[str, Any]) -> Raw:
    """A selector of nothing but the binding that an entry is about."""
    keys = ("load_balancer_id", *_PLACE_KEYS, "instance_id", "eni_ip", "ip", "port")
    return {key: entry[key] for key in keys if entry.get(key) is not None}


def read_backend(given: Mapping[str, Any]) -> Raw:
    """The keys of a ``clb_backend`` that name the backend and its port, an ``ip`` as ``eni_ip``."""
    address = given.get("ip") if given.get("eni_ip") is None else given["eni_ip"]
    backend = {"instance_id": given.get("instance_id"), "eni_ip": address, "port": given.get("port")}
    return {key: value for key, value in backend.items() if value is not None}


def parse_host(name: str, given: Mapping[str, Any], spec: Mapping[str, Any]) -> Host:
    """Check the variables of a host, and give them the types of the role's argument spec; null is not given."""
    values = {key: value for key, value in given.items() if value is not None}
    # The validator changes what it is given.
    validator = ArgumentSpecValidator({key: dict(value) for key, value in spec.items()})
    checked = validator.validate(values, validate_role_argument_spec=True)
    found = {key.removeprefix("clb_"): value for key, value in checked.validated_parameters.items()}
    typed = {key: tuple(value) if isinstance(value, list) else value for key, value in found.items()}
    known: Raw = {key: typed[key] for key in Host.__dataclass_fields__ if typed.get(key) is not None}
    host = Host(name, **known)
    problems = list(checked.error_messages)
    if not problems:
        host, problems = _read_bindings(host, typed)
        problems = [*_check_values(host), *problems]
    return replace(host, problems=tuple(f"{name}: {sentences(text)}" for text in problems))


def _check_values(host: Host) -> list[str]:
    problems = [
        f"clb_{name} {getattr(host, name)} is too small; give a whole number from {minimum}"
        for name, minimum in _MINIMA.items()
        if getattr(host, name) < minimum
    ]
    shares = list(host.warm_up)
    if any(not 1 <= share <= 99 for share in shares) or shares != sorted(set(shares)):
        problems.append(f"clb_warm_up is {shares}; give rising whole numbers from 1 to 99, the shares in %")
    odd = [address for address in host.drain_ignore if not _ip_of(str(address).strip())]
    return problems + [
        f"clb_drain_ignore: {text!r} is not an IP address; ranges and names are not possible" for text in odd
    ]


def _read_bindings(host: Host, typed: Mapping[str, Any]) -> tuple[Host, list[str]]:
    """Fill in what is the host's, and what it wants when it comes back; return what is wrong, too."""
    backend = read_backend(typed["backend"])
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
        own = {key: value for key, value in typed["backend"].items() if key != "ip" and value is not None}
        wanted = bind([{**own, **backend}], typed.get("listeners") or ())
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
    if any(str(entry.get("weight")).strip() == "0" for entry in (typed["backend"], *wanted)):
        problems.append("clb_backend or clb_listeners gives weight 0, with which it gets no traffic; give 1 to 100")
    problems += _parse(wanted, "clb_listeners with clb_backend", selectors=False)
    return replace(host, wanted=tuple(wanted)), problems


def _parse(entries: Sequence[Raw], what: str, *, selectors: bool) -> list[str]:
    """Check entries of ``targets`` as the module will."""
    try:
        parse_entries(entries, selectors=selectors)
    except InvalidArgument as error:
        return [f"{what}: {error.message}"]
    return []


def _addresses_of(binding: Mapping[str, Any]) -> set[str]:
    """The names that the module accepts for the backend of a binding.

    An instance is also known by its primary private address; everything else by any of its private addresses.
    """
    instance_id = binding.get("instance_id")
    addresses = list(binding.get("private_ips") or ())
    own = [binding.get("eni_ip") or binding.get("ip"), *(addresses[:1] if instance_id else addresses)]
    return {name for name in (instance_id, *map(canonical, own)) if name}


def _has_port(host: Host, binding: Mapping[str, Any]) -> bool:
    return str(host.backend.get("port", binding.get("port"))).strip() == str(binding.get("port"))


def bindings_by_host(hosts: Iterable[Host], bindings: Iterable[Raw]) -> dict[str, list[Raw]]:
    """The bindings of each host, by its name, on the load balancers that it leaves."""
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
    """The entries of a restore file that are about a host, by all names under which it is bound."""
    names = {host.address}.union(*map(_addresses_of, bound))
    return [entry for entry in remembered if _has_port(host, entry) and not names.isdisjoint(_addresses_of(entry))]


def scaled(weight: object, share: int) -> int:
    """A share in % of a weight, rounded, at least 1."""
    return max(1, (int(str(weight)) * share + 50) // 100)


def is_warming(host: Host, entry: Raw, weight: int) -> bool:
    """True for a weight that a run which was killed in a warm-up can have left."""
    if not weight or not entry.get("weight") or weight == int(entry["weight"]):
        return False
    return any(weight == scaled(entry["weight"], share) for share in host.warm_up)
