# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who leaves the traffic, and what brings a host back as it was: the decisions of the role ``rotation``. Pure.

Hosts are dicts as ``read_host`` makes them, bindings are entries of a result's ``targets``, and what is remembered is
a list of such entries.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import canonical_ip

from ._bind import bind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Raw = dict[str, Any]
Key = tuple[Any, ...]

_BACKEND_KEYS = ("instance_id", "eni_ip", "port")
"""What of ``clb_backend`` says which bindings are the host's."""
_MINIMA = {"min_healthy": 0, "drain_seconds": 0, "drain_timeout": 1, "wait_timeout": 1}
_MAX_NAMED = 5


def listed(names: Iterable[object]) -> str:
    """Names in a message, with the number of those that are left out.

    :param names: of hosts, pools or the like.
    """
    every = [str(name) for name in names]
    more = f" and {len(every) - _MAX_NAMED} more" if len(every) > _MAX_NAMED else ""
    return ", ".join(every[:_MAX_NAMED]) + more


def key_of(binding: Mapping[str, Any]) -> Key:
    """What tells a binding from every other, in any spelling of its address.

    :param binding: an entry of a result's ``targets`` or of the restore file.
    """
    return (
        binding.get("load_balancer_id"),
        binding.get("listener_id"),
        binding.get("location_id"),
        binding.get("instance_id") or _canonical(binding.get("eni_ip")),
        binding.get("port"),
    )


def _canonical(address: object) -> str | None:
    """An address in the one spelling in which addresses are compared; other text as it is."""
    if not address:
        return None
    try:
        return canonical_ip(str(address))
    except ValueError:
        return str(address)


# --- the variables of a host ---


def read_host(name: str, given: Mapping[str, Any], spec: Mapping[str, Any]) -> Raw:
    """The variables of a host, checked and in the types of the argument spec.

    :param name: of the host.
    :param given: variable -> value; null is the same as not given.
    :param spec: the options of the role's argument spec.
    :returns: ``name``, ``problems`` (sentences), ``backend``, ``selectors`` and ``wanted`` (entries of ``targets``),
        and the variables without ``clb_``.
    """
    values = {key: value for key, value in given.items() if value is not None}
    # The spec checks strings strictly: a port that a template has made a text stays what it is.
    validator = ArgumentSpecValidator({key: dict(value) for key, value in spec.items()})
    checked = validator.validate(values, validate_role_argument_spec=True)
    problems = [str(message) for message in checked.error_messages]
    host: Raw = {"name": name, "problems": problems, "backend": {}, "selectors": [], "wanted": []}
    host.update({key[len("clb_") :]: checked.validated_parameters.get(key) for key in spec if key != "clb_backend"})
    if not problems:
        problems += _read_numbers(host) + _read_ignored(host) + _read_bindings(host, values)
    return {**host, "problems": [f"{name}: {_sentence(problem)}" for problem in problems]}


def _read_numbers(host: Raw) -> list[str]:
    return [
        f"clb_{name} {host[name]} is too small; give a whole number from {minimum}"
        for name, minimum in _MINIMA.items()
        if host[name] < minimum
    ]


def _read_ignored(host: Raw) -> list[str]:
    """Spell the addresses that don't count in the one way in which addresses are compared."""
    wrong = []
    addresses = []
    for text in host["drain_ignore"]:
        try:
            addresses.append(canonical_ip(str(text).strip()))
        except ValueError:
            wrong.append(f"clb_drain_ignore: {text!r} is not an IP address; ranges and names are not possible")
    host["drain_ignore"] = addresses
    return wrong


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _read_bindings(host: Raw, given: Mapping[str, Any]) -> list[str]:
    """Fill in what is the host's, and what it wants when it comes back; return what is wrong."""
    raw = {key: value for key, value in given["clb_backend"].items() if value is not None}
    raw.setdefault("eni_ip", raw.pop("ip", None))
    backend = {key: raw[key] for key in _BACKEND_KEYS if raw.get(key) is not None}
    if not backend.keys() & {"instance_id", "eni_ip"}:
        return ["clb_backend names no backend; give its instance_id or eni_ip"]
    host["backend"] = backend
    balancers = [host["load_balancer_id"]] if host["load_balancer_id"] else host["load_balancer_ids"] or []
    host["selectors"] = [{**backend, "load_balancer_id": load_balancer_id} for load_balancer_id in balancers] or [
        backend
    ]
    problems = _parse(host["selectors"], "clb_backend", selectors=True)
    try:
        wanted = bind([{key: value for key, value in raw.items() if value is not None}], host["listeners"] or [])
    except AnsibleFilterError as error:
        return [*problems, f"clb_listeners: {error}"]
    if any(not entry.get("load_balancer_id") for entry in wanted) and not balancers:
        problems.append(
            "clb_listeners is given, but not for which load balancer; give clb_load_balancer_id, or a "
            "load_balancer_id in each entry"
        )
        return problems
    host["wanted"] = [
        {**entry, "load_balancer_id": load_balancer_id}
        for entry in wanted
        for load_balancer_id in ([entry["load_balancer_id"]] if entry.get("load_balancer_id") else balancers)
    ]
    if _is_zero(raw.get("weight")) or any(_is_zero(entry.get("weight")) for entry in wanted):
        problems.append("weight 0 as the weight to come back with would leave it out of traffic; give 1 to 100")
    return problems + _parse(host["wanted"], "clb_listeners with clb_backend", selectors=False)


def _is_zero(weight: object) -> bool:
    return weight is not None and str(weight).strip() == "0"


def _parse(entries: Sequence[Raw], what: str, *, selectors: bool) -> list[str]:
    """Check entries of ``targets`` as the module will."""
    try:
        parse_entries(entries, selectors=selectors)
    except InvalidArgument as error:
        return [f"{what}: {error.message}"]
    return []


def find_disagreement(hosts: Sequence[Raw], names: Iterable[str]) -> list[str]:
    """What has to be the same on all hosts of a run, and is not.

    :param hosts: of the run.
    :param names: of variables, without ``clb_``.
    """
    return [
        f"clb_{name} differs between {hosts[0]['name']} and {other['name']}; it must be the same for all hosts."
        for name in names
        for other in hosts
        if other.get(name) != hosts[0].get(name)
    ][:1]


# --- what is remembered ---


def parse_remembered(text: str, path: str) -> list[Raw]:
    """The entries of the restore file.

    :param text: what it holds.
    :param path: its path, for messages.
    :raises AnsibleFilterError: it is no JSON list of bindings; the message names the file and the cure.
    """
    cure = "Correct it, or move it away after you have put back by hand what it remembers."
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise AnsibleFilterError(f"The restore file {path} is not valid JSON: {error}. {cure}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise AnsibleFilterError(f"The restore file {path} does not hold a JSON list of bindings. {cure}")
    problems = _parse(entries, "its entries are numbered as targets", selectors=False)
    lacking = [number for number, entry in enumerate(entries) if not entry.get("load_balancer_id")]
    if lacking:
        problems.append(f"targets[{lacking[0]}] has no load_balancer_id")
    if problems:
        raise AnsibleFilterError(f"The restore file {path} can't be used: {problems[0]} {cure}")
    return entries


def merge_remembered(old: Iterable[Raw], new: Iterable[Raw]) -> list[Raw]:
    """What is to be remembered once more bindings are drained.

    A binding that serves now, and so is among the new ones, replaces its old entry; the entry of one that had weight 0
    already is kept.

    :param old: what was remembered.
    :param new: the ``restore`` of the drain.
    """
    merged = {key_of(entry): entry for entry in old}
    merged.update({key_of(entry): entry for entry in new})
    return list(merged.values())


def without(entries: Iterable[Raw], gone: Iterable[Raw]) -> list[Raw]:
    """The entries that are left once others are done.

    :param entries: what was remembered.
    :param gone: what is back.
    """
    keys = {key_of(entry) for entry in gone}
    return [entry for entry in entries if key_of(entry) not in keys]


# --- whose is a binding ---


def _address_of(host: Raw) -> str | None:
    backend = host["backend"]
    return (
        str(backend["instance_id"]).strip() if "instance_id" in backend else _canonical(str(backend["eni_ip"]).strip())
    )


def _addresses_of(binding: Mapping[str, Any]) -> set[str | None]:
    """The names that the module itself accepts for the backend of a binding.

    An instance is also known by its primary private address; everything else by any of its private addresses.
    """
    instance_id = binding.get("instance_id")
    private_ips = list(binding.get("private_ips") or ())
    addresses = [binding.get("eni_ip"), *(private_ips[:1] if instance_id else private_ips)]
    return {instance_id, *map(_canonical, addresses)} - {None}


def _has_port(host: Raw, binding: Mapping[str, Any]) -> bool:
    return str(host["backend"].get("port", binding.get("port"))).strip() == str(binding.get("port"))


def bindings_by_host(hosts: Iterable[Raw], bindings: Iterable[Raw]) -> dict[str, list[Raw]]:
    """What is bound of each host, on the load balancers that it leaves.

    :param hosts: as ``read_host`` makes them.
    :param bindings: as read for their selectors.
    """
    index: dict[str | None, list[Raw]] = {}
    for binding in bindings:
        for address in _addresses_of(binding):
            index.setdefault(address, []).append(binding)
    found: dict[str, list[Raw]] = {}
    for host in hosts:
        only = {selector.get("load_balancer_id") for selector in host["selectors"]} - {None}
        found[host["name"]] = [
            binding
            for binding in (index.get(_address_of(host), ()) if host["selectors"] else ())
            if _has_port(host, binding) and (not only or binding["load_balancer_id"] in only)
        ]
    return found


def remembered_of(host: Raw, bound: Iterable[Raw], remembered: Iterable[Raw]) -> list[Raw]:
    """What is remembered of a host.

    :param host: as ``read_host`` makes it.
    :param bound: its bindings: they know it by the names that were remembered.
    :param remembered: what the restore file holds.
    """
    if not host["selectors"]:
        return []
    keys = {key_of(binding) for binding in bound}
    address = _address_of(host)
    return [
        entry
        for entry in remembered
        if key_of(entry) in keys or (address in _addresses_of(entry) and _has_port(host, entry))
    ]


# --- out ---


def plan_out(hosts: Sequence[Raw], bindings: Sequence[Raw], remembered: Sequence[Raw]) -> Raw:
    """How the hosts of a batch leave the traffic.

    :param hosts: of the batch.
    :param bindings: as read for their selectors.
    :param remembered: what the restore file holds.
    :returns: ``problems``; ``parts``, one for each guard, with ``min_healthy``, ``wait_timeout`` and ``targets``; and
        ``ports``, host -> the ports on which it is bound.
    """
    bound = bindings_by_host(hosts, bindings)
    problems = [problem for host in hosts for problem in host["problems"]]
    problems += find_disagreement(hosts, ["restore_file"])
    problems += [
        problem
        for host in hosts
        for problem in find_unbound(host, bound[host["name"]], remembered)
        if not host["problems"]
    ]
    parts: dict[int, Raw] = {}
    for host in hosts:
        part = parts.setdefault(
            host["min_healthy"], {"min_healthy": host["min_healthy"], "wait_timeout": 0, "targets": []}
        )
        part["wait_timeout"] = max(part["wait_timeout"], host["wait_timeout"])
        # Where the host is known to be: so no other load balancer has to be read for the dry run and the drain.
        balancers = dict.fromkeys(binding["load_balancer_id"] for binding in bound[host["name"]])
        part["targets"] += [{**host["backend"], "load_balancer_id": load_balancer_id} for load_balancer_id in balancers]
    return {
        "problems": problems,
        "parts": [part for part in parts.values() if part["targets"]],
        "ports": {name: sorted({binding["port"] for binding in found}) for name, found in bound.items()},
    }


def find_unbound(host: Raw, bound: Sequence[Raw], remembered: Sequence[Raw]) -> list[str]:
    """Why a host can't leave the traffic: it is in none.

    :param host: as ``read_host`` makes it.
    :param bound: its bindings.
    :param remembered: what the restore file holds.
    """
    if bound or host["wanted"] or remembered_of(host, bound, remembered):
        return []
    backend = host["backend"]
    address = backend.get("instance_id") or backend.get("eni_ip")
    port = f" with port {backend['port']}" if backend.get("port") is not None else ""
    balancers = [selector["load_balancer_id"] for selector in host["selectors"] if "load_balancer_id" in selector]
    where = f"to {listed(balancers)}" if balancers else "to any load balancer of the region"
    return [f"{host['name']}: {address}{port} is not bound {where}; check clb_backend, or give clb_listeners."]


# --- back ---


def plan_back(hosts: Sequence[Raw], bindings: Sequence[Raw], remembered: Sequence[Raw]) -> Raw:
    """What brings hosts back as they were.

    What is remembered comes first; of ``clb_listeners`` is added what nothing is remembered of.

    :param hosts: that come back.
    :param bindings: as read for their selectors.
    :param remembered: what the restore file holds.
    :returns: ``targets``, ``done`` (what of the restore file they make superfluous) and ``wait_timeout``.
    """
    bound = bindings_by_host(hosts, bindings)
    done: list[Raw] = []
    targets: list[Raw] = []
    for host in hosts:
        own = remembered_of(host, bound[host["name"]], remembered)
        keys = {key_of(entry) for entry in own}
        covered = [binding for binding in bound[host["name"]] if key_of(binding) in keys]
        done += own
        targets += own
        targets += [entry for entry in host["wanted"] if not any(_names(entry, binding) for binding in covered)]
    return {
        "targets": targets,
        "done": done,
        "wait_timeout": max((host["wait_timeout"] for host in hosts), default=1),
    }


_PLACE = ("load_balancer_id", "listener_id", "location_id", "listener_port", "port", "url")


def _names(entry: Mapping[str, Any], binding: Mapping[str, Any]) -> bool:
    """Whether an entry of the way back is about this binding of the same host."""
    same = all(entry.get(key) is None or str(entry[key]).strip() == str(binding.get(key)) for key in _PLACE)
    return same and all(
        entry.get(key) is None or str(entry[key]).strip().lower() == str(binding.get(key)).lower()
        for key in ("listener_protocol", "domain")
    )
