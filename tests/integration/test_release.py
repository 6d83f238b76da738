# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make release``: what it refuses, and what it leaves behind; and what the contracts on imports find."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from .checkout import ROOT, WHO, commit, copy_tracked, git

# What is shipped, the settings of the changelog, the script, and the file that has the emulator's version.
PARTS = ("changelogs/", "docs/", "extensions/", "meta/", "playbooks/", "plugins/", "roles/", "scripts/")
PARTS += (".gitignore", "CHANGELOG.md", "COPYING", "README.md", "galaxy.yml", "tests/emulator/pyproject.toml")
SUMMARY = {"changelogs/fragments/9.8.7.yml": "release_summary: A release.\n"}
ANOTHER = {"changelogs/fragments/9.8.6.yml": "release_summary: Another.\n"}


class Checkout:
    """A repository with the work tree's files, and what runs in it."""

    def __init__(self, directory):
        self.directory = directory
        copy_tracked(directory, PARTS)
        for fragment in (directory / "changelogs" / "fragments").glob("*.yml"):
            fragment.unlink()
        commit(directory)

    def write(self, files):
        for name, text in files.items():
            (self.directory / name).parent.mkdir(exist_ok=True)
            (self.directory / name).write_text(text)

    def read(self, name):
        return (self.directory / name).read_text()

    def state(self):
        commands = (("status", "--porcelain"), ("log", "--format=%H"), ("tag",))
        return [git(self.directory, *command) for command in commands]

    def release(self, *arguments):
        command = [sys.executable, self.directory / "scripts" / "release.py", *arguments]
        return subprocess.run(command, env={**os.environ, **WHO}, capture_output=True, text=True)

    def is_released(self):
        """Run the script, after which the version has its tag, and all is committed."""
        done = self.release("9.8.7")
        assert done.returncode == 0, done.stdout + done.stderr
        assert git(self.directory, "describe", "--exact-match").strip() == "9.8.7"
        assert git(self.directory, "status", "--porcelain") == ""


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path / "checkout")


@pytest.mark.parametrize(
    "version, committed, tag, edited, message",
    [
        ("9.8.7", SUMMARY, None, {"README.md": "Edited"}, "not clean"),
        ("9.8.7", SUMMARY, None, {"new.txt": "New"}, "new.txt"),
        ("9.8.7", SUMMARY, "9.8.7", {}, "The tag 9.8.7 exists"),
        ("9.8.7", {}, None, {}, "changelogs/fragments/9.8.7.yml: found in none"),
        ("9.8.7", SUMMARY | ANOTHER, None, {}, "changelogs/fragments/9.8.7.yml: found in 9.8.6.yml, 9.8.7.yml"),
        ("0.1.0", SUMMARY, None, {}, "not above"),
        ("v9.8.7", SUMMARY, None, {}, "MAJOR.MINOR.PATCH"),
        ("9.8.07", SUMMARY, None, {}, "MAJOR.MINOR.PATCH"),
    ],
)
def test_refuses_and_changes_nothing(checkout, version, committed, tag, edited, message):
    if committed:
        checkout.write(committed)
        commit(checkout.directory)
    if tag:
        git(checkout.directory, "tag", tag)
    checkout.write(edited)
    before = checkout.state()

    done = checkout.release(version)

    assert (done.returncode, checkout.state()) == (1, before)
    assert message in done.stderr


@pytest.mark.long
@pytest.mark.parametrize("later", [{}, {"changelogs/fragments/later.yml": "bugfixes:\n  - targets - a correction.\n"}])
def test_a_version_that_is_prepared_is_tagged(checkout, later):
    pytest.importorskip("antsibull_changelog", reason="antsibull-changelog is a tool of requirements/dev.txt")
    checkout.write(SUMMARY)
    commit(checkout.directory)
    subprocess.run(["antsibull-changelog", "release", "--version=9.8.7"], cwd=checkout.directory, check=True)
    checkout.write(later)
    commit(checkout.directory)

    checkout.is_released()

    assert ("a correction" in checkout.read("CHANGELOG.md")) is bool(later)


def test_sets_version_writes_changelog_builds_and_tags(checkout):
    pytest.importorskip("antsibull_changelog", reason="antsibull-changelog is a tool of requirements/dev.txt")
    checkout.write(SUMMARY)
    commit(checkout.directory)
    before = checkout.state()
    checked = checkout.release("--only-check", "9.8.7")
    assert (checked.returncode, checked.stderr, checkout.state()) == (0, "", before)

    checkout.is_released()

    assert yaml.safe_load(checkout.read("galaxy.yml"))["version"] == "9.8.7"
    assert '\nversion = "9.8.7"\n' in checkout.read("tests/emulator/pyproject.toml")
    releases = yaml.safe_load(checkout.read("changelogs/changelog.yaml"))["releases"]
    assert releases["9.8.7"]["changes"]["release_summary"] == "A release."
    assert "9\\.8\\.7" in checkout.read("CHANGELOG.md")
    assert (checkout.directory / ".build" / "archive" / "tencentcloud-clb-9.8.7.tar.gz").exists()


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
    pytest.importorskip("importlinter", reason="import-linter is a tool of requirements/dev.txt")
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
