# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test's unit and integration tests on a copy of the work tree.

``ansible_tests.py units|integration [ARGUMENT...]``: the arguments go to ansible-test. It wants a git repository at
``.../ansible_collections/tencentcloud/clb``; in a clone at such a path it can also be called by hand.

ansible-test makes virtual environments of its own, and installs what ``tests/unit/requirements.txt`` or
``tests/integration/requirements.txt`` ask for. Without an argument the sanity tests run, too, and the unit tests of
modules and module_utils once more on the oldest Python that managed nodes may have, where one is there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from build_collection import BUILD, ROOT
from sanity import (
    COLLECTION,
    OLDEST_TARGET_PYTHON,
    find_oldest_target_python,
    provide_pip_bootstrap,
    usable_path,
)
from steps import Step, report, run_lanes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def copy_work_tree(directory: Path) -> Path:
    """Copy what git knows, or would add, into a repository of its own below ``directory``; return its path."""
    tree = directory / COLLECTION
    shutil.rmtree(tree, ignore_errors=True)
    listed = subprocess.check_output(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    )
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, tree / name
        if source.is_symlink() or source.is_file():  # not what is deleted, but still known to git
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet", tree], check=True)
    return tree


def environment(directory: Path) -> dict[str, str]:
    """Return the environment for ansible-test: with a ``PATH`` on which every interpreter starts."""
    oldest = find_oldest_target_python()
    interpreters = [Path(sys.executable), *([oldest] if oldest else [])]
    return {**os.environ, "PATH": usable_path(interpreters, directory / "bin")}


def ansible_test_steps(python: str, prefix: str = "", env: Mapping[str, str] | None = None) -> list[Step]:
    """Return the steps that run everything with one interpreter."""
    script = [python, "scripts/ansible_tests.py"]
    steps = [
        Step(f"{prefix}ansible-test units", [*script, "units"], env or {}),
        Step(f"{prefix}ansible-test integration", [*script, "integration"], env or {}),
    ]
    if find_oldest_target_python():
        oldest = [*script, "units", "--python", OLDEST_TARGET_PYTHON]
        steps.insert(1, Step(f"{prefix}ansible-test units {OLDEST_TARGET_PYTHON}", oldest, env or {}))
    return steps


def run_ansible_test(command: str, arguments: Sequence[str]) -> int:
    """Run one of ansible-test's commands in environments that it makes; return its exit status."""
    directory = BUILD / "ansible-test"
    tree = copy_work_tree(directory)
    provide_pip_bootstrap()
    python = [] if "--python" in arguments else ["--python", VERSION]
    return subprocess.run(
        ["ansible-test", command, "--color", "no", "--venv", *python, *arguments],
        cwd=tree,
        env=environment(directory),
        check=False,
    ).returncode


def main() -> int:
    """Run what the arguments ask for, or everything; return the exit status."""
    if sys.argv[1:]:
        return run_ansible_test(sys.argv[1], sys.argv[2:])
    started = time.monotonic()
    sanity = Step("ansible-test sanity", [sys.executable, "scripts/sanity.py"])
    return report(run_lanes([sanity, *ansible_test_steps(sys.executable)]), started)


if __name__ == "__main__":
    sys.exit(main())
