# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Release a version: set it, write the changelog, commit, build the archive, tag.

A version that the changelog has already, and that has no tag, is prepared: fragments that came since are added to it.

``release.py [--only-check] VERSION``. Nothing is changed where the version, the work tree or the fragments are
not as they have to be, and nothing is pushed: the tag, once pushed, starts the workflow that publishes to Galaxy.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import yaml

from build_collection import ARCHIVES, ROOT, build_archive

if TYPE_CHECKING:
    from pathlib import Path

GALAXY = ROOT / "galaxy.yml"
EMULATOR = ROOT / "tests" / "emulator" / "pyproject.toml"
FRAGMENTS = ROOT / "changelogs" / "fragments"
CHANGELOG = ROOT / "changelogs" / "changelog.yaml"
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


def git(*arguments: str) -> str:
    """Run git in the work tree and return what it prints. Raises ``subprocess.CalledProcessError`` when it fails."""
    return subprocess.check_output(["git", *arguments], cwd=ROOT, text=True).strip()


def numbers(version: str) -> tuple[int, ...]:
    """Return the parts of a version, to compare it with another."""
    return tuple(int(part) for part in version.split("."))


def read(file: Path) -> dict[str, Any]:
    """Return the content of a YAML file whose top is a mapping; of an empty one, no keys."""
    return yaml.safe_load(file.read_text(encoding="utf-8")) or {}


def newest_in_changelog() -> str:
    """Return the highest version that the changelog has."""
    return max(read(CHANGELOG)["releases"], key=numbers, default="0.0.0")


def find_obstacles(version: str) -> list[str]:
    """Return what speaks against releasing this version now, one sentence each."""
    if not VERSION.fullmatch(version):
        return [f"The version {version!r} is not of the form MAJOR.MINOR.PATCH, such as 1.2.0: set VERSION."]
    obstacles = []
    if changes := git("status", "--porcelain"):
        obstacles.append(f"The work tree is not clean: commit or remove what git status lists.\n{changes}")
    if git("tag", "--list", version):
        obstacles.append(f"The tag {version} exists: take the next version.")
    newest = newest_in_changelog()
    if version == newest:
        return obstacles
    if numbers(version) < numbers(newest):
        obstacles.append(f"The version {version} is not above {newest}, which the changelog has as the newest.")
    summary = f"{version}.yml"
    summaries = [file.name for file in sorted(FRAGMENTS.glob("*.yml")) if "release_summary" in read(file)]
    if summaries != [summary]:
        found = f"found in {', '.join(summaries)}" if summaries else "found in none"
        obstacles.append(f"One fragment has to have a release_summary, changelogs/fragments/{summary}: {found}.")
    return obstacles


def set_version(file: Path, begin: str, version: str) -> None:
    """Set the version on the line of a file that begins so."""
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(rf"^{begin}.*$", begin + version, text, flags=re.MULTILINE), encoding="utf-8")


def release(version: str) -> None:
    """Set the version, write the changelog, commit, build and tag. Raises ``subprocess.CalledProcessError``."""
    set_version(GALAXY, "version: ", version)
    set_version(EMULATOR, "version = ", f'"{version}"')
    if version != newest_in_changelog():
        subprocess.run(["antsibull-changelog", "release"], cwd=ROOT, check=True)
    elif any(FRAGMENTS.glob("*.yml")):
        subprocess.run(["antsibull-changelog", "release", "--update-existing"], cwd=ROOT, check=True)
    git("add", "--all")
    if git("status", "--porcelain"):
        git("commit", "--quiet", "--message", f"Release {version}")
    ARCHIVES.mkdir(parents=True, exist_ok=True)
    archive = build_archive()
    git("tag", "--annotate", "--message", f"Release {version}", version)
    print(f"Built {archive.relative_to(ROOT)} and tagged the commit {version}.")
    print(f"To publish: git push origin HEAD {version}")


def main() -> int:
    """Check, then release; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only-check", action="store_true", help="say what speaks against it, and change nothing")
    parser.add_argument("version")
    options = parser.parse_args()
    obstacles = find_obstacles(options.version)
    for obstacle in obstacles:
        print(obstacle, file=sys.stderr)
    if not obstacles and not options.only_check:
        release(options.version)
    return 1 if obstacles else 0


if __name__ == "__main__":
    sys.exit(main())
