# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers behind load balancers, and the playbook that updates them: what the tests of rolling updates share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from clb_emulator.testing import Emulator

    from .conftest import PlaybookRun, PlaybookRunner, RunningPlaybook

PLAYBOOK = Path("tencentcloud.clb.rolling")

UPDATE = """
- name: Look at the cloud
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.url', state_url, split_lines=false) | from_json }}"
  run_once: true

- name: Begin
  ansible.builtin.debug:
    msg: "{{ inventory_hostname }}"

- name: Update
  ansible.builtin.fail:
    msg: The new version does not start.
  when: inventory_hostname in broken | default([])
"""
"""Looks at what is really bound while a batch is updated, and fails on the hosts that ``broken`` names."""


class Farm:
    """Servers web1, web2, ... that are each bound to port 443 of each load balancer lb-1, lb-2, ...

    :param variables: of all hosts, on top of those that every test needs.
    """

    def __init__(self, emulator: Emulator, playbook: PlaybookRunner, *, hosts=4, balancers=1, **variables: Any) -> None:
        self.emulator, self.playbook, self.directory = emulator, playbook, playbook.directory
        self.update = UPDATE
        names = [f"web{number}" for number in range(1, hosts + 1)]
        self.hosts: dict[str, Any] = {name: {"clb_backend": {"instance_id": f"ins-{name}"}} for name in names}
        self.variables = {
            "ansible_connection": "local",
            "ansible_pipelining": True,
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "clb_update": "update.yml",
            "state_url": f"{emulator.url}/_control/state",
            **variables,
        }
        self.targets = [
            {"instance_id": f"ins-web{n}", "port": 8443, "weight": 10 + n % 3 * 5, "tag": "" if n % 2 else f"rack-{n}"}
            for n in range(1, hosts + 1)
        ]
        self.balancers = balancers
        self.load()

    def load(self) -> None:
        listener = {"protocol": "TCP", "port": 443, "targets": self.targets}
        numbers = range(1, self.balancers + 1)
        balancers = [{"id": f"lb-{n}", "listeners": [{**listener, "id": f"lbl-{n}-443"}]} for n in numbers]
        self.emulator.load({"task_seconds": 0.02, "load_balancers": balancers})
        self.at_first = self.emulator.bindings()

    @property
    def restore_file(self) -> Path:
        return self.directory / "clb-restore.json"

    @property
    def remembered(self) -> list[dict[str, Any]]:
        return json.loads(self.restore_file.read_text()) if self.restore_file.exists() else []

    @property
    def as_at_first(self) -> bool:
        """All is bound as it was, and nothing is remembered."""
        return self.emulator.bindings() == self.at_first and not self.restore_file.exists()

    @property
    def out(self) -> set[str]:
        """The instances and addresses that are bound with weight 0."""
        return {target for _, _, target, _, weight, _ in self.emulator.bindings() if weight == 0}

    @property
    def writes(self) -> list[dict[str, Any]]:
        return [call for call in self.emulator.calls() if call["action"].startswith("Batch")]

    def start(self, *arguments: str, environment: dict[str, str] | None = None, **variables: Any) -> RunningPlaybook:
        """Start the playbook; ``variables`` are given with -e."""
        self.write_files()
        inventory = ("-i", "hosts.yml")
        return self.playbook.start(PLAYBOOK, *inventory, *arguments, variables=variables, environment=environment)

    def write_files(self) -> None:
        inventory = {"all": {"hosts": self.hosts, "vars": self.variables}}
        (self.directory / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False))
        (self.directory / "update.yml").write_text(self.update)

    def roll(self, *arguments: str, environment: dict[str, str] | None = None, **variables: Any) -> PlaybookRun:
        """Run the playbook to its end."""
        return self.start(*arguments, environment=environment, **variables).wait()


def updated(run: PlaybookRun) -> list[str]:
    """The hosts whose update began, in that order."""
    return [task.host for task in run.tasks if task.task == "Begin" and task.status == "ok"]


def seen_out(run: PlaybookRun) -> list[set[str]]:
    """Which instances and addresses were out of traffic when each batch was updated."""
    return [
        {binding["target"] for binding in task.result["msg"] if binding["weight"] == 0}
        for task in run.tasks
        if task.task == "Look at the cloud" and task.status == "ok"
    ]
