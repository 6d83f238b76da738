# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes of an inventory that are tried on a copy first, so that all of them are made or none.

Values from elsewhere enter the inventory here, and here alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.inventory.data import InventoryData
from ansible.template import trust_as_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ansible.inventory.group import Group
    from ansible.inventory.host import Host


_TEMPLATE_STARTS = ("{{", "{%", "{#", "#jinja2:")
"""What begins an expression, a statement, a comment, or a line that says what else begins one."""


class Draft:
    """A copy of an inventory, with the methods by which plugins change one; it remembers the changes.

    :param inventory: it stays as it is.
    """

    def __init__(self, inventory: InventoryData) -> None:
        self._copy = _copy(inventory)
        self._steps: list[tuple[str, tuple[Any, ...]]] = []

    @property
    def groups(self) -> Mapping[str, Group]:
        """The groups, by name."""
        groups: Mapping[str, Group] = self._copy.groups
        return groups

    def get_host(self, name: str) -> Host | None:
        """A host, with its variables so far."""
        return self._copy.get_host(name)

    def add_group(self, group: str) -> str:
        """Add a group.

        :returns: the name that it got.
        """
        return str(self._make("add_group", group))

    def add_host(self, host: str, group: str | None = None) -> str:
        """Add a host.

        :param group: a group to put it into.
        """
        return str(self._make("add_host", host, group))

    def add_child(self, group: str, child: str) -> bool:
        """Put a host or group into a group.

        :param group: the name of the outer one.
        :param child: the name of the inner one.
        """
        return bool(self._make("add_child", group, child))

    def set_variable(self, entity: str, varname: str, value: Any) -> None:
        """Set a variable.

        :param entity: the name of a host or group.
        :param varname: the name of the variable.
        """
        self._make("set_variable", entity, varname, trust_plain(value))

    def set_variables(self, host: str, variables: Mapping[str, Any]) -> None:
        """Set the variables of a host.

        :param variables: their values by name; the names are valid for variables.
        """
        trusted = {name: trust_plain(value) for name, value in variables.items()}
        self._copy.hosts[host].vars.update(trusted)
        self._steps.extend(("set_variable", (host, name, value)) for name, value in trusted.items())

    def _make(self, method: str, *arguments: Any) -> Any:
        done = getattr(self._copy, method)(*arguments)
        self._steps.append((method, arguments))
        return done

    def apply(self, inventory: InventoryData) -> None:
        """Make the changes.

        :param inventory: the one that was copied.
        """
        for method, arguments in self._steps:
            getattr(inventory, method)(*arguments)


def _copy(inventory: InventoryData) -> InventoryData:
    """Copy what a plugin can see or change: hosts with their variables, groups, and who is in them."""
    copy = InventoryData()
    copy.current_source = inventory.current_source
    for host in inventory.hosts.values():
        copy.add_host(host.name)
        copy.hosts[host.name].vars = dict(host.vars)
    for group in inventory.groups.values():
        copy.add_group(group.name)
    for group in inventory.groups.values():
        copied = copy.groups[group.name]
        for child in group.child_groups:
            copied.add_child_group(copy.groups[child.name])
        for host in group.hosts:
            copied.add_host(copy.hosts[host.name])
    return copy


def trust_plain(value: Any) -> Any:
    """Mark every text in a value that can't be a template as one that Ansible may evaluate: it stays what it is.

    An export shows a text without that mark as ``{"__ansible_unsafe": ...}``. A text in which a template could begin
    never gets it, nor what stands beside such a key: whoever may name an instance must not get anything evaluated.

    :param value: plain data, such as a variable.
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
