# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test's unit and integration tests on a copy of the work tree.

``ansible_tests.py [--venv] units|integration [ARGUMENT...]``: the arguments go to ansible-test. It wants a git
repository at ``.../ansible_collections/tencentcloud/clb``; whoever has cloned to such a path can call it there himself.

Without ``--venv`` the tests run in the environment that this script runs in. With it ansible-test makes one, and
installs what ``tests/unit/requirements.txt`` or ``tests/integration/requirements.txt`` ask for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from build_collection import BUILD, ROOT
from sanity import COLLECTION, find_oldest_target_python, provide_pip_bootstrap, usable_path

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


def main() -> int:
    """Run the tests; return the exit status."""
    command, *arguments = [argument for argument in sys.argv[1:] if argument != "--venv"]
    directory = BUILD / "ansible-test"
    if "--venv" in sys.argv:
        provide_pip_bootstrap()
        arguments = ["--venv", *arguments]
    if "--python" not in arguments:
        arguments = ["--python", VERSION, *arguments]
    return subprocess.run(
        ["ansible-test", command, "--color", "no", *arguments],
        cwd=copy_work_tree(directory),
        env=environment(directory),
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
