# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test: ``ansible_tests.py sanity|units|integration [ARGUMENT...]``; the arguments go to ansible-test.

It wants a git repository at ``.../ansible_collections/tencentcloud/clb``. Sanity tests get a copy of the collection as
it was built, the others a copy of the work tree; in a clone at such a path ansible-test can also be called by hand.

ansible-test makes environments of its own, below ``.build/ansible-test/home``. It gets uv in place of pip for them,
which needs a tenth of the time, and no script from its makers' server.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from build_collection import BUILD, ROOT, build_and_install
from environment import uv_settings

OLDEST_TARGET_PYTHON = "3.9"
COLLECTION = Path("ansible_collections/tencentcloud/clb")
WORK = BUILD / "ansible-test"
HOME = WORK / "home"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

# Run by ansible-test in an environment without pip, in place of pip's own bootstrap script.
GET_PIP = '''"""Install what takes the commands of pip and gives them to uv."""
import pathlib, sysconfig
package = pathlib.Path(sysconfig.get_path("purelib"), "pip")
package.mkdir(exist_ok=True)
(package / "__init__.py").touch()
(package / "__main__.py").write_text("""
import os, subprocess, sys
command, *arguments = (argument for argument in sys.argv[1:] if argument != "--disable-pip-version-check")
uv = [{uv!r}, "pip", command, "--quiet", "--python", sys.executable, *arguments]
sys.exit(subprocess.call(uv, env={{**os.environ, **{settings!r}}}))
""")
'''


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


def copy_built(directory: Path) -> Path:
    """Copy the collection as it is installed into a repository of its own below ``directory``; return its path."""
    installed = build_and_install() / COLLECTION
    tree = directory / COLLECTION
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(installed, tree, ignore=shutil.ignore_patterns("MANIFEST.json", "FILES.json", "__pycache__"))
    shutil.copy(ROOT / "galaxy.yml", tree)
    subprocess.run(["git", "init", "--quiet", tree], check=True)
    return tree


def starts(executable: Path) -> bool:
    """Say whether a command starts at all; a version manager's shim may refuse to."""
    return subprocess.run([executable, "-c", ""], capture_output=True, check=False).returncode == 0


def usable_path(links: Path) -> str:
    """Return a ``PATH`` on which every ``python3.N`` starts: this one and the oldest first, by links in a folder.

    ansible-test takes any such name for an interpreter, and stops at the first that does not run.
    """
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir(parents=True)
    (links / f"python{VERSION}").symlink_to(sys.executable)
    if oldest := find_oldest_target_python():
        (links / f"python{OLDEST_TARGET_PYTHON}").symlink_to(oldest)
    named = re.compile(r"python3\.\d+")
    kept = [
        directory
        for directory in map(Path, os.get_exec_path())
        if directory.is_dir() and all(starts(file) for file in directory.iterdir() if named.fullmatch(file.name))
    ]
    return os.pathsep.join(map(str, [links, *kept]))


def find_oldest_target_python() -> str:
    """Return the path of the oldest interpreter that managed nodes may have; empty where there is none."""
    find = [str(ROOT / "scripts" / "find-python"), OLDEST_TARGET_PYTHON]
    return subprocess.run(find, capture_output=True, text=True, check=False).stdout.strip()


def replace_pip() -> None:
    """Put a stand-in where ansible-test keeps pip's bootstrap script.

    The version in its name is read from ansible-test's own sources. Where it can't be found there any more, or there is
    no uv, nothing is done, and ansible-test downloads its own.
    """
    spec, uv = find_spec("ansible_test"), shutil.which("uv")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("ansible-test is not installed")
    packages = Path(spec.submodule_search_locations[0], "_internal/python_requirements.py").read_text(encoding="utf-8")
    version = re.search(r"pip='([\d.]+)'", packages)
    if not version or not uv:
        return
    settings = {
        name: value
        for name, value in uv_settings(Path(sys.executable)).items()
        if name.startswith(("UV_", "SSL_")) or name.lower().endswith("_proxy")
    }
    # Environments made with this home find the packages of the project's own.
    settings.setdefault("UV_CACHE_DIR", subprocess.check_output([uv, "cache", "dir"], text=True).strip())
    cached = HOME / f".ansible/test/cache/get_pip_{version[1].replace('.', '_')}.py"
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_text(GET_PIP.format(uv=uv, settings=settings), encoding="utf-8")


def environment(directory: Path) -> dict[str, str]:
    """Return the environment for ansible-test, with a folder in ``directory`` on its ``PATH``."""
    replace_pip()
    return {**os.environ, "PATH": usable_path(directory / "bin"), "HOME": str(HOME)}


def main() -> int:
    """Run one of ansible-test's commands; return its exit status."""
    command, *arguments = sys.argv[1:]
    # nox gives the project's pins to all that uv installs; each ansible-test has pins of its own.
    os.environ.pop("UV_CONSTRAINT", None)
    options = ["--color", "no", *([] if command == "sanity" else ["--venv"])]
    if "--python" not in arguments:
        options += ["--python", VERSION]
    directory = WORK / command
    tree = (copy_built if command == "sanity" else copy_work_tree)(directory)
    done = subprocess.run(
        ["ansible-test", command, *options, *arguments], cwd=tree, env=environment(directory), check=False
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
