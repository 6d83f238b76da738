# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run unit, integration and sanity tests on every supported ansible-core, each with the newest Python it supports here.

pytest runs the first two, and then ansible-test runs all three.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from ansible_tests import ansible_test_steps
from steps import BUILD, ROOT, Step, pytest_step, report, run_lanes

if TYPE_CHECKING:
    from pathlib import Path

# ansible-core's release, and the Python versions that its controller runs on, newest first.
MATRIX = {
    "2.19.14": ("3.13", "3.12", "3.11"),
    "2.20.10": ("3.14", "3.13", "3.12"),
    "2.21.5": ("3.14", "3.13", "3.12"),
}


def environment(release: str, python: str) -> Path:
    """Make or reuse the virtual environment of one column and return its directory."""
    directory = BUILD / "matrix" / release / "venv"
    requirements = ROOT / "requirements" / "test.txt"
    script = ROOT / "scripts" / "environment.py"
    subprocess.run([python, script, directory, requirements, f"ansible-core=={release}"], check=True)
    return directory


def steps(release: str, python: str) -> list[Step]:
    """Return the steps of one column, which installs the collection with its own ansible-galaxy."""
    binaries = environment(release, python) / "bin"
    env = {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "VIRTUAL_ENV": str(binaries.parent),
        "CLB_COLLECTIONS": str(BUILD / "matrix" / release / "collections"),
    }
    run = str(binaries / "python")
    series = release.rpartition(".")[0]
    return [
        pytest_step(f"{series} unit", "--numprocesses=2", "-m", "not alone", "tests/unit", env=env, python=run),
        pytest_step(
            f"{series} integration", "--numprocesses=2", "-m", "not alone", "tests/integration", env=env, python=run
        ),
        pytest_step(f"{series} alone", "-m", "alone", "tests/unit", "tests/integration", env=env, python=run),
        Step(f"{series} ansible-test sanity", [run, "scripts/sanity.py"], env),
        *ansible_test_steps(run, f"{series} ", env),
    ]


def main() -> int:
    """Run column after column; return the exit status."""
    started = time.monotonic()
    outcomes = []
    for release, versions in MATRIX.items():
        found = subprocess.run(
            [ROOT / "scripts" / "find-python", *versions], stdout=subprocess.PIPE, text=True, check=True
        )
        python = found.stdout.strip()
        print(f"\nansible-core {release} on {python}", flush=True)
        outcomes += run_lanes(steps(release, python))
    return report(outcomes, started)


if __name__ == "__main__":
    sys.exit(main())
