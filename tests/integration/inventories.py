# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running ansible-inventory with the plugin, and reading what it prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from .forks import Ansible

PLUGIN = "tencentcloud.clb.targets"
TIMEOUT_SECONDS = 120


class InventoryRunner:
    """Runs ansible-inventory in a folder, where any source that can't be parsed is a failure."""

    def __init__(self, ansible: Ansible, folder: Path, environment: Mapping[str, str]) -> None:
        self._ansible = ansible
        self.folder = folder
        self._environment = {
            **environment,
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
            "ANSIBLE_INVENTORY_ENABLED": PLUGIN,
        }

    def __call__(
        self,
        *arguments: str,
        text: str | None = None,
        environment: Mapping[str, str] | None = None,
        name: str = "shop.clb.yml",
        **options: Any,
    ) -> subprocess.CompletedProcess[str]:
        """List what a file of this name with these options, or with this text, makes of the cloud."""
        self.write(name, text=text, **options)
        return self._ansible.run(
            ["ansible-inventory", "-i", name, "--list", "--export", *arguments],
            cwd=self.folder,
            env={**self._environment, **(environment or {})},
            timeout=TIMEOUT_SECONDS,
        )

    def write(self, name: str = "shop.clb.yml", *, text: str | None = None, **options: Any) -> None:
        """Write an inventory file."""
        content = yaml.safe_dump({"plugin": PLUGIN, **options}) if text is None else text
        (self.folder / name).write_text(content, encoding="utf-8")


def parsed(run: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What a run has listed; it must have succeeded."""
    assert run.returncode == 0, run.stderr
    listed: dict[str, Any] = json.loads(run.stdout, object_hook=_plain)
    return listed


def _plain(value: dict[str, Any]) -> Any:
    """Undo the marks of texts that are no templates, which is everything from the cloud."""
    return value["__ansible_unsafe"] if set(value) == {"__ansible_unsafe"} else value


def hosts(listed: Mapping[str, Any], group: str) -> list[str]:
    """The hosts in a group and in the groups in it."""
    entry = listed.get(group, {})
    inner = [host for child in entry.get("children", ()) for host in hosts(listed, child)]
    return sorted({*entry.get("hosts", ()), *inner})
