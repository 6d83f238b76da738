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
EXTENSIONS = "extensions/eda/plugins/event_source"
SOURCES = "ansible_collections.tencentcloud.clb.extensions.eda.plugins.event_source"
COLLECTION = Path("ansible_collections", "tencentcloud", "clb")

# Contract -> the module that gets an import it may not have, and that import.
VIOLATIONS = {
    "plugins": [("plugin_utils/_bind.py", f"import {PLUGINS}.filter.tree")],
    "module-utils": [
        ("module_utils/_base/errors.py", f"import {UTILS}._bindings.snapshot"),
        ("module_utils/_bindings/snapshot.py", f"import {UTILS}._api.signature"),
        ("module_utils/_unplaced.py", "import json"),
    ],
    "tasks": [
        ("module_utils/_tasks/request.py", f"import {UTILS}._tasks.report"),
        ("module_utils/_tasks/info.py", f"import {UTILS}._tasks.targets"),
    ],
    "base": [("module_utils/_base/errors.py", f"import {UTILS}._base.secrets")],
    "bindings": [("module_utils/_bindings/snapshot.py", f"import {UTILS}._bindings.plan")],
    "credentials": [("module_utils/_credentials/roles.py", f"import {UTILS}._credentials.chain")],
    "api": [("module_utils/_api/signature.py", f"import {UTILS}._api.client")],
    "apply": [
        ("module_utils/_apply/session.py", f"import {UTILS}._apply.reconcile"),
        ("module_utils/_apply/batches.py", f"import {UTILS}._apply.reconcile"),
    ],
    "pure": [
        ("module_utils/_bindings/plan.py", "import requests"),
        ("module_utils/_bindings/guard.py", "import time"),
    ],
    "modules": [("modules/targets.py", f"import {PLUGINS}.plugin_utils._bind")],
    "extensions": [("plugin_utils/_health_watch.py", f"import {SOURCES}.health")],
    "event-sources": [(f"{EXTENSIONS}/health.py", f"import {PLUGINS}.filter.tree")],
    "emulator": [
        ("clb_emulator/model.py", f"import {UTILS}._base.errors"),
        ("clb_emulator/views.py", "import ansible.release"),
    ],
    "no-emulator": [("module_utils/_api/client.py", "import clb_emulator.model")],
}


def test_every_contract_finds_what_it_forbids(tmp_path):
    assert set(VIOLATIONS) == set(CONTRACTS)
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("extensions", "plugins"):
        shutil.copytree(ROOT / part, tmp_path / COLLECTION / part, ignore=ignore)
    shutil.copytree(ROOT / "tests" / "emulator" / "clb_emulator", tmp_path / "clb_emulator", ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    roots = {"clb_emulator": tmp_path, "extensions": tmp_path / COLLECTION}
    found = []
    for file, statement in (violation for violations in VIOLATIONS.values() for violation in violations):
        place = roots.get(file.split("/")[0], tmp_path / COLLECTION / "plugins") / file
        with place.open("a", encoding="utf-8") as module:
            module.write(f"\n{statement}\n")
        importer = ".".join(place.relative_to(tmp_path).with_suffix("").parts)
        imported = statement.removeprefix("import ")
        # A module without a place is told by its name, an import by both, an outer one's without what is in it.
        imported = statement.removeprefix("import ").removesuffix(".release")
        found.append(importer if "_unplaced" in importer else f"{importer} -> {imported}")

    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--config", tmp_path / "pyproject.toml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)\b", done.stdout, re.MULTILINE))
    assert verdicts == dict.fromkeys(CONTRACTS.values(), "BROKEN"), done.stdout + done.stderr
    told = " ".join(done.stdout.split())
    assert [one for one in found if one not in told] == []
