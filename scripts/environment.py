# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make a virtual environment, and remake it only when what it was made from has changed.

Run by any Python 3.11+, before anything is installed: ``environment.py DIRECTORY REQUIREMENTS [PACKAGE==VERSION...]``.
Several requirement files can be installed into one environment one after the other; they share the pins in
``requirements/constraints.txt``, so that they never disagree.
"""

from __future__ import annotations

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path


def read_with_includes(requirements: Path) -> str:
    """Return the text of a requirement file and of every file that it includes by ``-r``."""
    text = requirements.read_text(encoding="utf-8")
    included = re.findall(r"^-r\s+(\S+)", text, flags=re.MULTILINE)
    return text + "".join(read_with_includes(requirements.parent / name) for name in included)


def pins(requirements: Path, overrides: list[str]) -> str:
    """Return the project's pins, with those of ``overrides`` (``ansible-core==2.20.10``) in place of its own."""
    lines = (requirements.parent / "constraints.txt").read_text(encoding="utf-8").splitlines()
    replaced = tuple(f"{override.split('==')[0]}==" for override in overrides)
    return "\n".join([*(line for line in lines if not line.startswith(replaced)), *overrides, ""])


def starts(python: Path) -> bool:
    """Say whether an interpreter exists and runs: in a moved or half-made environment it does not."""
    return python.exists() and subprocess.run([python, "-c", "import pip"], check=False).returncode == 0


def install(directory: Path, requirements: Path, overrides: list[str]) -> None:
    """Install a requirement file into the environment at ``directory``, made or remade where needed.

    Raises ``subprocess.CalledProcessError`` when pip fails. The environment is then incomplete, and the next call
    goes on with it.
    """
    constraints = pins(requirements, overrides)
    made_from = "\n".join([sys.version, read_with_includes(requirements), constraints])
    fingerprint = hashlib.sha256(made_from.encode()).hexdigest()
    stamp = directory / f"installed-{requirements.stem}"
    python = directory / "bin" / "python"

    if stamp.exists() and stamp.read_text(encoding="utf-8") == fingerprint and starts(python):
        return
    if stamp.exists() or not starts(python):
        shutil.rmtree(directory, ignore_errors=True)
        venv.create(directory, with_pip=True)

    print(f"Installing requirements/{requirements.name} into {directory.name} ...", flush=True)
    constraints_file = directory / "constraints.txt"
    constraints_file.write_text(constraints, encoding="utf-8")
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", str(requirements), "--constraint", str(constraints_file)], check=True)
    stamp.write_text(fingerprint, encoding="utf-8")


def main() -> None:
    """Install, one process at a time."""
    directory, requirements = Path(sys.argv[1]), Path(sys.argv[2])
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_name(f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            install(directory, requirements, sys.argv[3:])
        except subprocess.CalledProcessError as error:
            sys.exit(f"pip could not install {requirements} (exit status {error.returncode}).")


if __name__ == "__main__":
    main()
