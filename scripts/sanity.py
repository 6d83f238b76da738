# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-test's sanity tests on the collection as it was built.

ansible-test wants a git repository at ``.../ansible_collections/tencentcloud/clb``, so the installed files are
copied to one. The full set runs on the interpreter of the environment; compile and import also run on the oldest
Python that managed nodes may have, where one is there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

from build_collection import BUILD, ROOT, build_and_install

OLDEST_TARGET_PYTHON = "3.9"
COLLECTION = Path("ansible_collections/tencentcloud/clb")
DOWNLOAD_SECONDS = 10

OFFLINE_GET_PIP = '''"""Install pip from ensurepip, where its bootstrap script cannot be downloaded."""
import subprocess
import sys

# In a process of its own: it turns pip's configuration off for the process that it runs in.
subprocess.check_call([sys.executable, "-m", "ensurepip"])
packages = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *packages]))
'''


def make_tree() -> Path:
    """Copy the installed collection into a git repository of its own and return its path."""
    installed = build_and_install() / COLLECTION
    tree = BUILD / "sanity" / COLLECTION
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(installed, tree, ignore=shutil.ignore_patterns("MANIFEST.json", "FILES.json", "__pycache__"))
    shutil.copy(ROOT / "galaxy.yml", tree)
    subprocess.run(["git", "init", "--quiet", tree], check=True)
    return tree


def starts(executable: Path) -> bool:
    """Say whether a command starts at all; a version manager's shim may refuse to."""
    return subprocess.run([executable, "-c", ""], capture_output=True, check=False).returncode == 0


def usable_path(interpreters: list[Path], links: Path) -> str:
    """Return a ``PATH`` on which every ``python3.N`` starts, the given interpreters first, by links in a folder.

    ansible-test takes any such name for an interpreter, and stops at the first that does not run.
    """
    shutil.rmtree(links, ignore_errors=True)
    links.mkdir(parents=True)
    for interpreter in interpreters:
        version = subprocess.check_output(
            [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True
        ).strip()
        (links / f"python{version}").symlink_to(interpreter)
    named = re.compile(r"python3\.\d+")
    kept = [
        directory
        for directory in map(Path, os.get_exec_path())
        if directory.is_dir() and all(starts(file) for file in directory.iterdir() if named.fullmatch(file.name))
    ]
    return os.pathsep.join(map(str, [links, *kept]))


def find_oldest_target_python() -> Path | None:
    """Return the interpreter of ``OLDEST_TARGET_PYTHON``, or None where there is none."""
    found = subprocess.run(
        [ROOT / "scripts" / "find-python", OLDEST_TARGET_PYTHON], capture_output=True, text=True, check=False
    )
    return Path(found.stdout.strip()) if found.returncode == 0 else None


def provide_pip_bootstrap() -> None:
    """Put a stand-in where ansible-test keeps its pip bootstrap script, if that is not there and can't be downloaded.

    Address and version are read from ansible-test's own sources. Where they can't be found there any more, nothing is
    done, and ansible-test speaks for itself.
    """
    spec = find_spec("ansible_test")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("ansible-test is not installed")
    package = Path(spec.submodule_search_locations[0])
    setup = (package / "_util/target/setup/requirements.py").read_text(encoding="utf-8")
    packages = (package / "_internal/python_requirements.py").read_text(encoding="utf-8")
    address = re.search(r"url = '(https://\S+%s\.py)' % pip_version", setup)
    version = re.search(r"pip='([\d.]+)'", packages)
    if not address or not version:
        return

    cached = Path.home() / f".ansible/test/cache/get_pip_{version[1].replace('.', '_')}.py"
    if cached.exists():
        return
    request = urllib.request.Request(address[1] % version[1], method="HEAD")  # noqa: S310 - the pattern asks for https
    try:
        with urllib.request.urlopen(request, timeout=DOWNLOAD_SECONDS):  # noqa: S310 - as above
            return
    except (urllib.error.URLError, TimeoutError) as error:
        print(f"The pip bootstrap script can't be downloaded ({error}); using {cached} instead.")
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_text(OFFLINE_GET_PIP, encoding="utf-8")


def main() -> int:
    """Run the tests; return the exit status."""
    tree = make_tree()
    provide_pip_bootstrap()
    oldest = find_oldest_target_python()
    env = {
        **os.environ,
        "PATH": usable_path([Path(sys.executable), *([oldest] if oldest else [])], BUILD / "sanity" / "bin"),
    }

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    runs = [["--python", version]]
    if oldest:
        runs.append(["--python", OLDEST_TARGET_PYTHON, "--test", "compile", "--test", "import"])
    else:
        print(f"No Python {OLDEST_TARGET_PYTHON} here: compile and import are tested on {version} only.")
    statuses = [
        subprocess.run(["ansible-test", "sanity", "--color", "no", *run], cwd=tree, env=env, check=False).returncode
        for run in runs
    ]
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main())
