# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each contract on imports in pyproject.toml is broken by an import that it forbids."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("importlinter", reason="import-linter is a tool of requirements/dev.txt")

ROOT = Path(__file__).resolve().parent.parent.parent
CONTRACTS = {
    contract["id"]: contract["name"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
PLUGINS = "ansible_collections.tencentcloud.clb.plugins"
UTILS = f"{PLUGINS}.module_utils"
SOURCES = "ansible_collections.tencentcloud.clb.extensions.eda.plugins.event_source"
COLLECTION = Path("ansible_collections", "tencentcloud", "clb")
MODULES = COLLECTION / "plugins" / "module_utils"

# Contract -> the module that gets an import it may not have, and that import.
VIOLATIONS = {
    "plugins": (COLLECTION / "plugins/plugin_utils/_bind.py", f"{PLUGINS}.filter.tree"),
    "module-utils": (MODULES / "_bindings/snapshot.py", f"{UTILS}._api.signature"),
    "tasks": (MODULES / "_tasks/request.py", f"{UTILS}._tasks.report"),
    "base": (MODULES / "_base/errors.py", f"{UTILS}._base.secrets"),
    "bindings": (MODULES / "_bindings/snapshot.py", f"{UTILS}._bindings.plan"),
    "credentials": (MODULES / "_credentials/roles.py", f"{UTILS}._credentials.chain"),
    "api": (MODULES / "_api/signature.py", f"{UTILS}._api.client"),
    "apply": (MODULES / "_apply/batches.py", f"{UTILS}._apply.reconcile"),
    "pure": (MODULES / "_bindings/plan.py", "requests"),
    "modules": (COLLECTION / "plugins/modules/targets.py", f"{PLUGINS}.plugin_utils._bind"),
    "extensions": (COLLECTION / "plugins/plugin_utils/_health_watch.py", f"{SOURCES}.health"),
    "event-sources": (COLLECTION / "extensions/eda/plugins/event_source/health.py", f"{PLUGINS}.filter.tree"),
    "emulator": (Path("clb_emulator/views.py"), "ansible"),
    "no-emulator": (MODULES / "_api/client.py", "clb_emulator.model"),
}


def test_every_contract_finds_what_it_forbids_and_modules_without_a_place(tmp_path):
    assert set(VIOLATIONS) == set(CONTRACTS)
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("extensions", "plugins"):
        shutil.copytree(ROOT / part, tmp_path / COLLECTION / part, ignore=ignore)
    shutil.copytree(ROOT / "tests" / "emulator" / "clb_emulator", tmp_path / "clb_emulator", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / MODULES / "_unplaced.py").touch()
    for place, imported in VIOLATIONS.values():
        with (tmp_path / place).open("a", encoding="utf-8") as module:
            module.write(f"\nimport {imported}\n")

    command = [Path(sys.executable).parent / "lint-imports", "--no-cache", "--config", tmp_path / "pyproject.toml"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)

    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b", done.stdout, re.MULTILINE))
    assert verdicts == dict.fromkeys(CONTRACTS.values(), "BROKEN"), done.stdout + done.stderr
    told = " ".join(done.stdout.split())
    found = [f"{'.'.join(place.with_suffix('').parts)} -> {imported}" for place, imported in VIOLATIONS.values()]
    assert [one for one in (*found, f"{UTILS}._unplaced") if one not in told] == []
