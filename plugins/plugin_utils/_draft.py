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

_TEMPLATE_STARTS = ("{{", "{%", "{#", "#jinja2:")
"""What begins an expression, a statement, a comment, or a line that says what else begins one."""


class Draft(InventoryData):  # type: ignore[misc]  # ansible-core has no types
    """A copy of what plugins see and change of an inventory; it remembers its changes."""

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

    def set_variables(self, host: str, variables: Mapping[str, Any]) -> None:
        """Set variables of a host, whose names are valid for variables."""
        for name, value in variables.items():
            self.set_variable(host, name, value)

    def apply(self, inventory: InventoryData) -> None:
        """Make the changes in the inventory that was copied."""
        for method, arguments in self._changes:
            getattr(inventory, method)(*arguments)


def trust_plain(value: Any) -> Any:
    """Mark every text in a value that can't be a template as one that Ansible may evaluate: it stays what it is.

    An export shows a text without that mark as ``{"__ansible_unsafe": ...}``. A text in which a template could begin
    never gets it, nor what stands beside such a key: whoever may name an instance must not get anything evaluated.
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
