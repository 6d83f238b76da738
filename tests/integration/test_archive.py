# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a user gets: the archive's content, and that Ansible finds everything in the installed collection."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile

import pytest
import yaml

from .checkout import MAX_BYTES, MAX_FILES, ROOT, tracked_files

REQUIRED = {"CHANGELOG.md", "COPYING", "README.md", "changelogs", "docs", "extensions", "meta", "playbooks", "plugins"}
OPTIONAL = {"roles"}
SHIPPED = REQUIRED | OPTIONAL

# What people have in a checkout.
CLUTTER = (
    "venv/pyvenv.cfg",
    ".venv/pyvenv.cfg",
    "env/bin/python",
    "collections/ansible_collections/x/y/MANIFEST.json",
    "build/x.whl",
    "dist/x.tar.gz",
    "clb-restore.json",
    "tencentcloud-clb-0.1.0.tar.gz",
    "docs/.DS_Store",
    "plugins/modules/.targets.py.swp",
    "plugins/modules/targets.py.orig",
    "plugins/modules/targets.py~",
    "changelogs/fragments/x.yml",
)


@pytest.fixture(scope="module")
def installed(collections_path):
    return collections_path / "ansible_collections" / "tencentcloud" / "clb"


def names_in(archive):
    with tarfile.open(archive) as opened:
        return {member.name for member in opened}


def test_archive_holds_only_what_runs_and_what_a_reader_needs(installed):
    entries = json.loads((installed / "FILES.json").read_text())["files"]
    roots = {entry["name"].split("/")[0] for entry in entries if entry["name"] != "."}
    # What other tests run from there, Python has compiled.
    files = [file for file in installed.rglob("*") if file.is_file() and file.suffix != ".pyc"]

    assert REQUIRED <= roots <= SHIPPED
    assert not [entry["name"] for entry in entries if entry["name"].endswith((".pyc", "__pycache__", ".orig", "~"))]
    assert len(files) < MAX_FILES
    assert sum(file.stat().st_size for file in files) < MAX_BYTES


def test_what_the_repository_has_beside_the_collection_stays_out(installed, ansible_environment, tmp_path):
    checkout = tmp_path / "checkout"
    for name in [*tracked_files(), *CLUTTER]:
        place = checkout / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, place)
        else:
            place.write_text("clutter")
    command = ["ansible-galaxy", "collection", "build", "--output-path", tmp_path, checkout]
    subprocess.run(command, env=ansible_environment, check=True, capture_output=True)

    (archive,) = tmp_path.glob("*.tar.gz")
    entries = json.loads((installed / "FILES.json").read_text())["files"]
    expected = {entry["name"] for entry in entries} - {"."} | {"MANIFEST.json", "FILES.json"}
    assert names_in(archive) == expected


@pytest.mark.parametrize(
    "kind, names",
    [
        ("module", ["tencentcloud.clb.targets", "tencentcloud.clb.targets_info"]),
        ("inventory", ["tencentcloud.clb.targets"]),
        ("filter", [f"tencentcloud.clb.{name}" for name in ("bind", "mermaid", "tree")]),
    ],
)
def test_ansible_doc_lists_every_plugin(ansible_environment, kind, names):
    command = ["ansible-doc", "--json", "--list", "--type", kind, "tencentcloud.clb"]
    listed = json.loads(subprocess.check_output(command, env=ansible_environment, text=True))

    assert sorted(listed) == names
    assert all(listed.values())


def test_version_is_the_newest_of_the_changelog_or_awaits_its_release(installed):
    version = json.loads((installed / "MANIFEST.json").read_text())["collection_info"]["version"]
    released = yaml.safe_load((installed / "changelogs" / "changelog.yaml").read_text())["releases"]

    newest = max(released, key=lambda release: tuple(map(int, release.split("."))))
    assert version == newest or (ROOT / "changelogs" / "fragments" / f"{version}.yml").exists()


def test_galaxy_shows_where_to_ask_and_to_read(installed):
    information = json.loads((installed / "MANIFEST.json").read_text())["collection_info"]

    assert information["issues"] == f"{information['repository']}/issues"
    assert information["homepage"].startswith("https://")
    assert information["documentation"].startswith("https://")
