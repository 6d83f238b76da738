# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a virtual environment, or bring one up to date: ``environment.py DIRECTORY REQUIREMENTS``.

Run by any Python 3.11+, before anything is installed. uv does the work, which takes seconds, or a tenth of one where
nothing is to be done. Where uv can't be had, pip does it. ``constraints.txt`` beside the requirement file pins the
versions.
"""

from __future__ import annotations

import ast
import fcntl
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

# What pip is told by its settings, and the variable under which uv takes the same.
UV_VARIABLES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


def python_version(python: Path) -> str:
    """Return an interpreter's version and build; empty where it doesn't start, as in a moved environment."""
    if not python.exists():
        return ""
    ask = [str(python), "-c", "import pip, sys; print(sys.version)"]
    asked = subprocess.run(ask, capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def uv_settings(python: Path) -> dict[str, str]:
    """Return the environment that makes uv look where pip looks. Variables that are set already stand."""
    listed = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    settings = {
        # Take the newest version of all places, as pip does, not the first place that has any.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_PYTHON_DOWNLOADS": "never",
    }
    for scope in ("global", "install", ":env:"):  # the later ones win, as in pip
        for line in listed.stdout.splitlines():
            name, _, value = line.partition("=")
            if name.startswith(f"{scope}.") and name.removeprefix(f"{scope}.") in UV_VARIABLES:
                settings[UV_VARIABLES[name.removeprefix(f"{scope}.")]] = " ".join(ast.literal_eval(value).split())
    return {**settings, **os.environ}


def install(directory: Path, requirements: Path) -> None:
    """Install a requirement file into the environment, which is made anew where it doesn't fit.

    Raises ``subprocess.CalledProcessError`` where that fails. The environment is then incomplete, and the next call
    goes on with it.
    """
    python, uv = directory / "bin/python", directory / "bin/uv"
    pins = ["--constraint", str(requirements.parent / "constraints.txt")]
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]

    if python_version(python) != sys.version:
        print(f"Making {directory.name} with Python {sys.version.split()[0]} ...", flush=True)
        shutil.rmtree(directory, ignore_errors=True)
        venv.create(directory, with_pip=True)
        subprocess.run([*pip, *pins, "--only-binary=uv", "uv"], check=False)
    wanted = [*pins, "--requirement", str(requirements)]
    if not uv.exists():
        subprocess.run([*pip, *wanted], check=True)
        return
    command = [str(uv), "pip", "install", "-q", "--python", str(python), *wanted]
    # Most often there is nothing to be done, or uv has all of it in its cache.
    if subprocess.run([*command, "--offline"], capture_output=True, check=False).returncode:
        print(f"Installing requirements/{requirements.name} into {directory.name} ...", flush=True)
        subprocess.run(command, check=True, env=uv_settings(python))


def main() -> None:
    """Install, one process at a time."""
    directory, requirements = Path(sys.argv[1]), Path(sys.argv[2])
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_name(f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            install(directory, requirements)
        except subprocess.CalledProcessError as error:
            sys.exit(f"{requirements} could not be installed (exit status {error.returncode}).")


if __name__ == "__main__":
    main()
