# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user gets: the archive's content, and that Ansible finds everything in the installed collection."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml

ROOTS = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "COPYING",
    "README.md",
    "changelogs",
    "docs",
    "meta",
    "playbooks",
    "plugins",
}
LARGEST_BYTES = 1_000_000


@pytest.fixture(scope="module")
def installed(collections_path):
    return collections_path / "ansible_collections" / "tencentcloud" / "clb"


def test_archive_holds_only_what_runs_and_what_a_reader_needs(installed):
    entries = json.loads((installed / "FILES.json").read_text())["files"]

    assert {entry["name"].split("/")[0] for entry in entries if entry["name"] != "."} == ROOTS
    assert not [entry["name"] for entry in entries if entry["name"].endswith((".pyc", "__pycache__", ".orig", "~"))]
    assert sum(file.stat().st_size for file in installed.rglob("*") if file.is_file()) < LARGEST_BYTES


def test_action_group_sets_defaults_for_both_modules(playbook, emulator):
    plays = """
    - hosts: localhost
      gather_facts: false
      module_defaults:
        group/tencentcloud.clb.all:
          load_balancer_id: lb-demo
      tasks:
        - name: Change nothing
          tencentcloud.clb.targets:
            targets: []
        - name: Read
          tencentcloud.clb.targets_info:
    """
    run = playbook(plays)

    assert run.rc == 0, run.output
    assert [task.result["load_balancer_id"] for task in run.tasks] == ["lb-demo", "lb-demo"]


@pytest.mark.parametrize(
    "kind, names",
    [
        ("module", ["tencentcloud.clb.targets", "tencentcloud.clb.targets_info"]),
        ("inventory", ["tencentcloud.clb.targets"]),
        ("filter", ["tencentcloud.clb.bind", "tencentcloud.clb.mermaid", "tencentcloud.clb.tree"]),
    ],
)
def test_ansible_doc_lists_every_plugin(ansible_environment, kind, names):
    command = ["ansible-doc", "--json", "--list", "--type", kind, "tencentcloud.clb"]
    listed = json.loads(subprocess.check_output(command, env=ansible_environment, text=True))

    assert sorted(listed) == names
    assert all(listed.values())


def test_version_is_the_newest_of_the_changelog(installed):
    manifest = json.loads((installed / "MANIFEST.json").read_text())
    changelog = yaml.safe_load((installed / "changelogs" / "changelog.yaml").read_text())

    assert manifest["collection_info"]["version"] == list(changelog["releases"])[-1]
