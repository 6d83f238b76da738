# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work tree as a user would clone it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
REPOSITORY, VERSION = GALAXY["repository"], GALAXY["version"]
NAMES = {"NAME": "test", "EMAIL": "test@example.com"}
WHO = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in NAMES.items()}
"""Environment variables with which git knows who commits."""


def copy_tracked(folder, parts=()):
    """Copy what a commit would hold into a folder: all, or the files whose names begin with one of ``parts``."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for name in subprocess.check_output(command, cwd=ROOT, text=True).split("\0"):
        if (ROOT / name).is_file() and (not parts or name.startswith(parts)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)


def git(folder, *arguments):
    return subprocess.check_output(["git", *arguments], cwd=folder, env={**os.environ, **WHO}, text=True)


def commit(folder):
    """Commit all that is new in a folder, which becomes a repository."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=Something")
