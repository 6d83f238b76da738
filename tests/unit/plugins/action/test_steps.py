# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the private action plugin runs the modules for a step."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest

from ansible_collections.tencentcloud.clb.plugins.action import _targets
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_read import Stop

from ..builders import rows

HOSTS = {f"ansible_play_{which}": ["web1"] for which in ("hosts_all", "hosts", "batch")}
PLAY = {"hostvars": {}, "inventory_hostname": "web1", **HOSTS}
DEFAULTS = [
    {"group/tencentcloud.clb.all": {"region": "ap-guangzhou", "timeout": 7}, "other.module": {"x": 1}},
    {"tencentcloud.clb.targets": {"region": "ap-beijing"}},
]


class Action(_targets.ActionModule):
    """Its modules return ``answers``; ``ran`` has their names, options, and whether they were dry runs."""

    def __init__(self, *answers, check_mode=False):
        task = MagicMock(args={"step": "work", "more": 1}, check_mode=check_mode, async_val=0, module_defaults=DEFAULTS)
        super().__init__(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(template=lambda value: value))
        self.answers = iter(answers)
        self.ran = []

    def _execute_module(self, module_name, module_args, task_vars):
        options = dict(module_args)
        self._update_module_args(module_name, module_args, task_vars)
        self.ran.append((module_name, options, module_args["_ansible_check_mode"]))
        return next(self.answers)


@pytest.fixture
def take(monkeypatch):
    def take(action, work):
        monkeypatch.setitem(_targets.STEPS, "work", work)
        return action.run(task_vars=PLAY)

    return take


def answer(changed=False, **keys):
    return {"changed": changed, "api_calls": {}, **keys}


def test_modules_get_their_defaults_and_their_warnings_are_told(take):
    action = Action(answer(warnings=["one"]), answer(), {"state": "drained", "changed": True})

    def work(modules, more):
        modules.run_module("tencentcloud.clb.targets", timeout=None, targets=[more])
        modules.run_module("tencentcloud.clb.targets_info", timeout=9)
        return modules.run_module("ansible.builtin.wait_for", port=80)

    assert take(action, work) == {"state": "drained", "changed": False, "warnings": ["one"]}
    assert action.ran == [
        ("tencentcloud.clb.targets", {"region": "ap-beijing", "timeout": 7, "targets": [1]}, False),
        ("tencentcloud.clb.targets_info", {"region": "ap-guangzhou", "timeout": 9}, False),
        ("ansible.builtin.wait_for", {"port": 80}, False),
    ]


@rows(
    "check_mode, checks, dry, changed",
    (False, [True], [True], False),
    (False, [True, False], [True, False], True),
    (True, [False], [True], True),
    (True, [True], [True], True),
)
def test_a_dry_run_within_a_real_one_changes_nothing(take, check_mode, checks, dry, changed):
    action = Action(*(answer(changed=True) for _ in checks), check_mode=check_mode)

    def work(modules, more):
        for check in checks:
            modules.run_module("tencentcloud.clb.targets", check=check)
        return {}

    assert take(action, work) == {"changed": changed}
    assert [one for *_, one in action.ran] == dry


def test_what_stops_a_step_fails_it(take):
    def stop(modules, more):
        modules.run_module("tencentcloud.clb.targets")
        raise Stop("Too few.")

    assert take(Action(answer(changed=True)), stop) == {"failed": True, "msg": "Too few.", "changed": True}
    done = take(Action({"msg": "No python.", "module_stderr": "sh: not found"}), stop)
    assert done["msg"] == "tencentcloud.clb.targets could not run: No python. sh: not found"
