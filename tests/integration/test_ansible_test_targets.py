# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each target of ansible-test fails where its plugin does nothing, or only pretends, and leaves no emulator behind."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "scripts"
TARGETS = Path(__file__).resolve().parent / "targets"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

RUN = 'if __name__ == "__main__":'
"""The end of a module, before which what it does can still be bent."""

MODULE = "\nfrom ansible.module_utils.basic import AnsibleModule\n\n"
DOES_NOTHING = """
start = AnsibleModule.__init__


def start_and_leave(self, *arguments, **keywords):
    start(self, *arguments, **keywords)
    self.exit_json(changed=False)


AnsibleModule.__init__ = start_and_leave
"""
CHECK_MODE = "AnsibleModule.check_mode = property(lambda self: {value}, lambda self, value: None)\n"
RESULT = """
leave = AnsibleModule.exit_json
AnsibleModule.exit_json = lambda self, **result: leave(self, **{{**result, **{value}}})
"""
NO_FAILURE = "AnsibleModule.fail_json = lambda self, msg, **result: self.exit_json(msg=msg, **result)\n"

INVENTORY_DOES_NOTHING = '''
from ansible.plugins.inventory import BaseInventoryPlugin

DOCUMENTATION = """
name: targets
short_description: Nothing
options: {}
"""


class InventoryModule(BaseInventoryPlugin):
    NAME = "tencentcloud.clb.targets"

    def verify_file(self, path):
        return True
'''
FILTER = """
class FilterModule:
    def filters(self):
        return {{"{name}": lambda given, *others: given}}
"""
ACTION_DOES_NOTHING = """
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        hosts = sorted(task_vars["groups"]["all"])
        return {"order": hosts, "out": hosts, "lines": [], "problem": ""}
"""

# Target, plugin, and what stands in its place: a text of its own, or, for a module, what runs before the module's end.
DO_NOTHING = [
    ("targets", "modules/targets.py", DOES_NOTHING),
    ("targets_info", "modules/targets_info.py", DOES_NOTHING),
    ("inventory_targets", "inventory/targets.py", INVENTORY_DOES_NOTHING),
    *((f"filter_{name}", f"filter/{name}.py", FILTER.format(name=name)) for name in ("bind", "tree", "mermaid")),
    ("role_rotation", "action/_targets.py", ACTION_DOES_NOTHING),
]
PRETEND = {
    "writes nothing and says that it did": CHECK_MODE.format(value=True),
    "writes in check mode": CHECK_MODE.format(value=False),
    "is never changed": RESULT.format(value={"changed": False}),
    "shows no diff": RESULT.format(value={"diff": {"before": "", "after": ""}}),
    "never fails": NO_FAILURE,
}
REPLACEMENTS = [
    *(pytest.param(*plugin, id=plugin[1]) for plugin in DO_NOTHING),
    *(pytest.param("targets", "modules/targets.py", text, id=what) for what, text in PRETEND.items()),
]


@pytest.fixture
def run_target(monkeypatch, tmp_path):
    """Copy the work tree, put something in a plugin's place, and run one target there."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    scripts = importlib.import_module("ansible_tests")
    tree = scripts.copy_work_tree(tmp_path)

    def run_target(target, place=None, text=""):
        if place is not None:
            plugin = tree / "plugins" / place
            if place.startswith("modules/"):
                before, run, after = plugin.read_text().partition(RUN)
                assert run
                text = before + MODULE + text + run + after
            plugin.write_text(text)
        command = ["ansible-test", "integration", "--color", "no", "--python", VERSION, target]
        how = {"cwd": tree, "env": scripts.environment(tmp_path), "stdin": subprocess.DEVNULL, "timeout": 300}
        run = subprocess.run(command, **how, capture_output=True, text=True)
        assert emulators_of(tree) == []
        return run

    return run_target


def emulators_of(tree: Path) -> list[str]:
    """The processes that run the emulator of this tree, where the system can be asked."""
    home = f"PYTHONPATH={tree}/tests/emulator".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            # Not what waits for it: that ends a few seconds later.
            if b"-m\0clb_emulator\0" in (process / "cmdline").read_bytes():
                environment = (process / "environ").read_bytes().split(b"\0")
                found += [process.name] * (home in environment)
        except OSError:  # it has ended meanwhile, or is somebody else's
            continue
    return found


def test_each_plugin_has_a_target_that_is_run_without_it():
    plugins = SCRIPTS.parent / "plugins"
    # The role's action plugin is private, and its name begins with an underscore.
    kinds = {"modules": "[!_]*.py", "inventory": "[!_]*.py", "filter": "[!_]*.py", "action": "*.py"}
    existing = {f"{kind}/{file.name}" for kind, names in kinds.items() for file in (plugins / kind).glob(names)}

    targets = {target.name for target in TARGETS.iterdir() if not target.name.startswith("setup_")}
    assert ({plugin for _, plugin, _ in DO_NOTHING}, {target for target, _, _ in DO_NOTHING}) == (existing, targets)


@pytest.mark.long
def test_a_target_passes_with_its_plugin(run_target):
    run = run_target("filter_bind")

    assert run.returncode == 0, run.stdout + run.stderr
    assert " failed=0 " in run.stdout


@pytest.mark.long
@pytest.mark.parametrize("target, plugin, text", REPLACEMENTS)
def test_a_target_fails_with_something_else_in_its_plugins_place(run_target, target, plugin, text):
    run = run_target(target, plugin, text)

    assert run.returncode != 0, run.stdout
    # It was a check that failed, and the emulator was stopped without one more failure.
    assert re.findall(r"^TASK \[\S+ : (\w+)", run.stdout, re.MULTILINE)[-1] == "Check", run.stdout + run.stderr
    assert " failed=1 " in run.stdout
