# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts in Ansible's inventory: names that mean nothing else to it, and changes that are made all or none."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import TYPE_CHECKING, Any

from ansible.inventory.data import InventoryData
from ansible.inventory.manager import split_host_pattern
from ansible.template import trust_as_template

from ..module_utils._base.errors import InvalidArgument, and_more, printable
from ._inventory import BUILT_IN_GROUPS, MAX_SHOWN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ._inventory import Host

MAX_BYTES = 255
"""The longest name of a file: Ansible looks for ``host_vars/NAME``, and keeps a host's facts in a file of its name."""
_PATTERN_STARTS = ("!", "&", "~", "@", "-")
"""A host pattern, or an argument of a command, begins so."""
_PATTERN_MARKS = frozenset("*?[]")
_SEPARATORS = frozenset(",:")
"""Two host patterns are separated so."""


class HostNames:
    """Finds a name for each host, beside the hosts of other sources and their variables."""

    def __init__(self, hosts: Sequence[Host], inventory_hosts: Mapping[str, Mapping[str, Any]]) -> None:
        self._hosts = hosts
        self._inventory_hosts = inventory_hosts
        self._all = frozenset(name for host in hosts for name in host.names)

    def choose(self, groups: Collection[str]) -> list[str]:
        """Call each host by the first of its names that no group and no other host has; all are different.

        :raises InvalidArgument: none of a host's names is free.
        """
        free = [[name for name in host.names if self._is_free(host, name, groups)][::-1] for host in self._hosts]
        for host, names in zip(self._hosts, free):
            if not names:
                shown = [printable(repr(name), MAX_SHOWN) for name in host.names]
                raise InvalidArgument(
                    f"No name is left for the host {shown[-1]}: each of {and_more(shown)} is "
                    "the name of a group or of another host. Give keyed_groups a prefix, or rename the group."
                )
        while True:
            taken = Counter(names[-1] for names in free)
            shared = [names for names in free if taken[names[-1]] > 1 and len(names) > 1]
            if not shared:
                return [names[-1] for names in free]
            for names in shared:
                names.pop()

    def _is_free(self, host: Host, name: str, groups: Collection[str]) -> bool:
        return (
            name not in groups
            and is_plain_name(name)
            and not self._is_pattern(name, groups)
            and not self._belongs_to_another(host, name)
        )

    def _is_pattern(self, name: str, groups: Collection[str]) -> bool:
        """Return whether Ansible reads the name as several patterns, of which one can match something else."""
        if _SEPARATORS.isdisjoint(name):
            return False
        parts = [part.strip() for part in split_host_pattern(name)]
        return parts != [name] and any(
            part in groups or part in self._all or part in self._inventory_hosts or not is_plain_name(part)
            for part in parts
            if part
        )

    def _belongs_to_another(self, host: Host, name: str) -> bool:
        """Return whether another source's host of this name is certainly another machine."""
        theirs = self._inventory_hosts.get(name)
        if theirs is None:
            return False
        # A user can give a host some of them, too; only this plugin gives all.
        if theirs.keys() >= {"clb_backend", "clb_bindings", "clb_load_balancer_ids"}:
            return not _is_same_backend(theirs, host.variables)
        address = theirs.get("ansible_host")
        own = (*host.variables["clb_private_ips"], *host.variables["clb_public_ips"])
        return theirs.get("ansible_connection") == "local" or (_ip(address) is not None and address not in own)


def _is_same_backend(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """An instance has an ID of its own; of an address nothing is known but the load balancers that it is behind."""
    if theirs["clb_backend"] != ours["clb_backend"]:
        return False
    return ours["clb_instance_id"] is not None or not set(theirs["clb_load_balancer_ids"]).isdisjoint(
        ours["clb_load_balancer_ids"]
    )


def is_plain_name(name: str) -> bool:
    """Tell whether a text means nothing but a host's name to Ansible.

    Others are the built-in groups, this machine (``localhost``), host patterns (``*``, ``!web``), options of commands
    (``-o``), paths (``../x``: Ansible reads ``host_vars/NAME``), control characters, and what is too long for a file.
    """
    return (
        name not in BUILT_IN_GROUPS
        and not _is_this_machine(name)
        and name.isprintable()
        and len(name.encode("utf-8")) <= MAX_BYTES
        and "/" not in name
        and name not in (".", "..")
        and not name.startswith(_PATTERN_STARTS)
        and _PATTERN_MARKS.isdisjoint(name)
    )


def _is_this_machine(name: str) -> bool:
    address = _ip(name)
    return "localhost" in name.casefold().split(".") or (address is not None and address.is_loopback)


def _ip(text: object) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(str(text))
    except ValueError:
        return None


_TEMPLATE_STARTS = ("{{", "{%", "{#", "#jinja2:")
"""The beginnings of an expression, a statement and a comment, and of a line that sets other beginnings."""


class Draft(InventoryData):  # type: ignore[misc]  # ansible-core has no types
    """A copy of what plugins see and change of an inventory; values from elsewhere enter it here, and here alone."""

    def __init__(self, inventory: InventoryData) -> None:
        self._changes: list[tuple[str, tuple[Any, ...]]] = []
        super().__init__()
        for host in inventory.hosts.values():
            super().add_host(host.name)
            self.hosts[host.name].vars.update(host.vars)
        for group in inventory.groups.values():
            super().add_group(group.name)
        for group in inventory.groups.values():
            copied = self.groups[group.name]
            for child in group.child_groups:
                copied.add_child_group(self.groups[child.name])
            for host in group.hosts:
                copied.add_host(self.hosts[host.name])
        self.current_source = inventory.current_source
        self._changes.clear()

    def add_group(self, group: str) -> str:
        """Add a group; return the name that it got."""
        self._changes.append(("add_group", (group,)))
        return str(super().add_group(group))

    def add_host(self, host: str, group: str | None = None, port: Any = None) -> str:
        """Add a host, to a group if one is named."""
        self._changes.append(("add_host", (host, group, port)))
        return str(super().add_host(host, group, port))

    def add_child(self, group: str, child: str) -> bool:
        """Put a host or group into a group."""
        self._changes.append(("add_child", (group, child)))
        return bool(super().add_child(group, child))

    def set_variable(self, entity: str, varname: str, value: Any) -> None:
        """Set a variable of a host or group."""
        trusted = trust_plain(value)
        self._changes.append(("set_variable", (entity, varname, trusted)))
        super().set_variable(entity, varname, trusted)

    def apply(self, inventory: InventoryData) -> None:
        """Make the changes in the inventory that was copied."""
        for method, arguments in self._changes:
            getattr(inventory, method)(*arguments)


def trust_plain(value: Any) -> Any:
    """Mark every text in a value that can't be a template as one that Ansible may evaluate: it stays what it is.

    An export shows a text without that mark as ``{"__ansible_unsafe": ...}``. A text in which a template could begin
    never gets the mark; nor do the values of a dict with such a key: the name of an instance is never evaluated.
    """
    if isinstance(value, str):
        return value if _may_be_template(value) else trust_as_template(value)
    if isinstance(value, (list, tuple)):
        return [trust_plain(item) for item in value]
    if isinstance(value, dict) and not any(_may_be_template(str(key)) for key in value):
        return {key: trust_plain(item) for key, item in value.items()}
    return value


def _may_be_template(text: str) -> bool:
    return any(start in text for start in _TEMPLATE_STARTS)
