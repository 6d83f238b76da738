# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Build the collection's archive and install it, as a user would, into a directory of the project's own.

``build_collection.py [DIRECTORY]``: the directory (default ``.build/collections``) is what ``ANSIBLE_COLLECTIONS_PATH``
has to name. Nothing is done where it already holds a build of the present sources.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
COLLECTIONS = BUILD / "collections"
ARCHIVES = BUILD / "archive"
KEEP = "CLB_KEEP_BUILD"  # set while make test runs: all its steps look at one build, whatever is edited meanwhile
SHIPPED_FILES = ("CHANGELOG.md", "COPYING", "README.md")
SHIPPED_DIRECTORIES = ("changelogs", "docs", "extensions", "meta", "playbooks", "plugins", "roles")


def fingerprint() -> str:
    """Return a hash that changes with any file that the archive holds."""
    places = ["galaxy.yml", *SHIPPED_FILES, *(f"{directory}/**/*" for directory in SHIPPED_DIRECTORIES)]
    files = sorted(path for place in places for path in ROOT.glob(place) if path.is_file() and path.suffix != ".pyc")
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(ROOT)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def build_archive() -> Path:
    """Build the archive under ``.build/archive`` and return its path.

    It is built from a copy of what is shipped: whatever else is in the work tree can't get in.
    """
    for old in ARCHIVES.glob("*.tar.gz"):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        for name in (*SHIPPED_FILES, "galaxy.yml"):
            shutil.copy(ROOT / name, folder)
        for name in SHIPPED_DIRECTORIES:
            shutil.copytree(ROOT / name, Path(folder) / name, ignore=shutil.ignore_patterns("__pycache__"))
        galaxy("build", "--force", "--output-path", str(ARCHIVES), folder)
    (archive,) = ARCHIVES.glob("*.tar.gz")
    return archive


def install(archive: Path, directory: Path) -> None:
    """Install an archive below ``directory``, without asking any server."""
    galaxy("install", "--force", "--offline", "--no-deps", "--collections-path", str(directory), str(archive))


def galaxy(action: str, *arguments: str) -> None:
    """Run ``ansible-galaxy collection`` quietly. Raises ``SystemExit`` with its output when it fails."""
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_DEVEL_WARNING": "false"}
    command = ["ansible-galaxy", "collection", action, *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def build_and_install(directory: Path = COLLECTIONS) -> Path:
    """Make ``directory`` hold the installed collection as the sources are now; return ``directory``.

    Safe to call from several processes at once.
    """
    for needed in (BUILD, directory):
        needed.mkdir(parents=True, exist_ok=True)
    stamp = directory / "built-from"
    with (BUILD / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and KEEP in os.environ:
            return directory
        sources = fingerprint()
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != sources:
            install(build_archive(), directory)
            stamp.write_text(sources, encoding="utf-8")
    return directory


if __name__ == "__main__":
    print(build_and_install(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else COLLECTIONS))
