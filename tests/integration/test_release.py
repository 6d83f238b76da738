# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make release``: what it refuses, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import yaml

from .checkout import WHO, commit, copy_tracked, git

# What is shipped, the settings of the changelog, the script, and the file that has the emulator's version.
PARTS = ("changelogs/", "docs/", "extensions/", "meta/", "playbooks/", "plugins/", "roles/", "scripts/")
PARTS += (".gitignore", "CHANGELOG.md", "COPYING", "README.md", "galaxy.yml", "tests/emulator/pyproject.toml")
SUMMARY = "release_summary: A release.\n"


class Checkout:
    """A repository with the work tree's files, and what runs in it."""

    def __init__(self, directory):
        self.directory = directory
        copy_tracked(directory, PARTS)
        for fragment in (directory / "changelogs" / "fragments").glob("*.yml"):
            fragment.unlink()
        self.commit()

    def git(self, *arguments):
        return git(self.directory, *arguments)

    def commit(self):
        commit(self.directory)

    def summarize(self, version):
        fragments = self.directory / "changelogs" / "fragments"
        fragments.mkdir(exist_ok=True)
        (fragments / f"{version}.yml").write_text(SUMMARY)

    def release(self, *arguments):
        command = [sys.executable, self.directory / "scripts" / "release.py", *arguments]
        return subprocess.run(command, env={**os.environ, **WHO}, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path / "checkout")


def prepared(checkout):
    checkout.summarize("9.8.7")
    checkout.commit()


def with_an_edit(checkout):
    prepared(checkout)
    (checkout.directory / "README.md").write_text("Edited")


def with_a_new_file(checkout):
    prepared(checkout)
    (checkout.directory / "new.txt").write_text("New")


def with_a_tag(checkout):
    prepared(checkout)
    checkout.git("tag", "9.8.7")


def without_summary(checkout):
    pass


def with_the_summary_of_another(checkout):
    checkout.summarize("9.8.6")
    prepared(checkout)


@pytest.mark.parametrize(
    "version, prepare, message",
    [
        ("9.8.7", with_an_edit, "not clean"),
        ("9.8.7", with_a_new_file, "new.txt"),
        ("9.8.7", with_a_tag, "The tag 9.8.7 exists"),
        ("9.8.7", without_summary, "changelogs/fragments/9.8.7.yml: found in none"),
        ("9.8.7", with_the_summary_of_another, "changelogs/fragments/9.8.7.yml: found in 9.8.6.yml, 9.8.7.yml"),
        ("0.1.0", prepared, "not above"),
        ("v9.8.7", prepared, "MAJOR.MINOR.PATCH"),
        ("9.8.07", prepared, "MAJOR.MINOR.PATCH"),
    ],
)
def test_refuses_and_changes_nothing(checkout, version, prepare, message):
    prepare(checkout)
    before = checkout.git("status", "--porcelain"), checkout.git("log", "--format=%H"), checkout.git("tag")

    done = checkout.release(version)

    assert done.returncode == 1
    assert message in done.stderr
    assert (checkout.git("status", "--porcelain"), checkout.git("log", "--format=%H"), checkout.git("tag")) == before


def test_only_check_changes_nothing(checkout):
    prepared(checkout)

    done = checkout.release("--only-check", "9.8.7")

    assert (done.returncode, done.stderr) == (0, "")
    assert checkout.git("tag") == ""


@pytest.mark.long
@pytest.mark.parametrize("fragment", [False, True])
def test_a_version_that_is_prepared_is_tagged(checkout, fragment):
    pytest.importorskip("antsibull_changelog", reason="antsibull-changelog is a tool of requirements/dev.txt")
    prepared(checkout)
    subprocess.run(["antsibull-changelog", "release", "--version=9.8.7"], cwd=checkout.directory, check=True)
    file = checkout.directory / "changelogs" / "fragments" / "later.yml"
    if fragment:
        file.parent.mkdir(exist_ok=True)
        file.write_text("bugfixes:\n  - targets - a late correction.\n")
    checkout.commit()

    done = checkout.release("9.8.7")

    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.git("describe", "--exact-match").strip() == "9.8.7"
    assert checkout.git("status", "--porcelain") == ""
    assert ("a late correction" in (checkout.directory / "CHANGELOG.md").read_text()) is fragment


def test_sets_version_writes_changelog_builds_and_tags(checkout):
    pytest.importorskip("antsibull_changelog", reason="antsibull-changelog is a tool of requirements/dev.txt")
    prepared(checkout)

    done = checkout.release("9.8.7")

    assert done.returncode == 0, done.stdout + done.stderr
    assert yaml.safe_load((checkout.directory / "galaxy.yml").read_text())["version"] == "9.8.7"
    assert '\nversion = "9.8.7"\n' in (checkout.directory / "tests" / "emulator" / "pyproject.toml").read_text()
    releases = yaml.safe_load((checkout.directory / "changelogs" / "changelog.yaml").read_text())["releases"]
    assert releases["9.8.7"]["changes"]["release_summary"] == "A release."
    assert "9\\.8\\.7" in (checkout.directory / "CHANGELOG.md").read_text()
    assert checkout.git("describe", "--exact-match").strip() == "9.8.7"
    assert checkout.git("status", "--porcelain") == ""
    assert (checkout.directory / ".build" / "archive" / "tencentcloud-clb-9.8.7.tar.gz").exists()
