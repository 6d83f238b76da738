# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each target of ansible-test fails where its plugin does nothing, or only pretends, and leaves no emulator behind."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "scripts"
TARGETS = Path(__file__).resolve().parent / "targets"
TIMEOUT_SECONDS = 300
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

RUN = 'if __name__ == "__main__":'
"""The end of a module, before which what it does can still be bent."""

MODULE_DOES_NOTHING = """
from ansible.module_utils.basic import AnsibleModule

start = AnsibleModule.__init__


def start_and_leave(self, *arguments, **keywords):
    start(self, *arguments, **keywords)
    self.exit_json(changed=False)


AnsibleModule.__init__ = start_and_leave
"""

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

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
'''

CHECK_MODE = """
from ansible.module_utils.basic import AnsibleModule

AnsibleModule.check_mode = property(lambda self: {value}, lambda self, value: None)
"""

RESULT = """
from ansible.module_utils.basic import AnsibleModule

leave = AnsibleModule.exit_json
AnsibleModule.exit_json = lambda self, **result: leave(self, **{{**result, **{value}}})
"""

NO_FAILURE = """
from ansible.module_utils.basic import AnsibleModule

AnsibleModule.fail_json = lambda self, msg, **result: self.exit_json(msg=msg, **result)
"""

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


@dataclass(frozen=True)
class Replacement:
    """Something else in a plugin's place: a text of its own, or, ``bent``, what runs before the plugin's own end."""

    target: str
    plugin: str
    text: str
    bent: bool = False


DO_NOTHING = {
    "module targets": Replacement("targets", "modules/targets.py", MODULE_DOES_NOTHING, bent=True),
    "module targets_info": Replacement("targets_info", "modules/targets_info.py", MODULE_DOES_NOTHING, bent=True),
    "inventory": Replacement("inventory_targets", "inventory/targets.py", INVENTORY_DOES_NOTHING),
    **{
        f"filter {name}": Replacement(f"filter_{name}", f"filter/{name}.py", FILTER.format(name=name))
        for name in ("bind", "tree", "mermaid")
    },
    "action _targets": Replacement("role_rotation", "action/_targets.py", ACTION_DOES_NOTHING),
}

PRETEND = {
    "writes nothing and says that it did": CHECK_MODE.format(value=True),
    "writes in check mode": CHECK_MODE.format(value=False),
    "is never changed": RESULT.format(value={"changed": False}),
    "shows no diff": RESULT.format(value={"diff": {"before": "", "after": ""}}),
    "never fails": NO_FAILURE,
}
REPLACEMENTS = DO_NOTHING | {
    f"module targets, which {what}": Replacement("targets", "modules/targets.py", text, bent=True)
    for what, text in PRETEND.items()
}


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("ansible_tests")


@pytest.fixture
def run_target(scripts, tmp_path):
    """Copy the work tree, replace something in it, and run one target there."""
    tree = scripts.copy_work_tree(tmp_path)

    def run_target(target, replacement=None):
        if replacement is not None:
            plugin = tree / "plugins" / replacement.plugin
            text = replacement.text
            if replacement.bent:
                before, run, after = plugin.read_text().partition(RUN)
                assert run
                text = before + replacement.text + run + after
            plugin.write_text(text)
        run = subprocess.run(
            ["ansible-test", "integration", "--color", "no", "--python", VERSION, target],
            cwd=tree,
            env=scripts.environment(tmp_path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )
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

    assert {replacement.plugin for replacement in DO_NOTHING.values()} == existing
    targets = {target.name for target in TARGETS.iterdir() if not target.name.startswith("setup_")}
    assert {replacement.target for replacement in DO_NOTHING.values()} == targets


@pytest.mark.long
def test_a_target_passes_with_its_plugin(run_target):
    run = run_target("filter_bind")

    assert run.returncode == 0, run.stdout + run.stderr
    assert " failed=0 " in run.stdout


@pytest.mark.long
@pytest.mark.parametrize("replacement", REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_a_target_fails_with_something_else_in_its_plugins_place(run_target, replacement):
    run = run_target(replacement.target, replacement)

    assert run.returncode != 0, run.stdout
    # It was a check that failed, and the emulator was stopped without one more failure.
    assert re.findall(r"^TASK \[\S+ : (\w+)", run.stdout, re.MULTILINE)[-1] == "Check", run.stdout + run.stderr
    assert " failed=1 " in run.stdout
