# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks in environments of their own: antsibull-nox's, and each supported ansible-core's. `make nox` lists them.

Sanity looks at the collection as it is shipped: see scripts/ansible_tests.py. The sessions of antsibull-nox take their
settings from antsibull-nox.toml.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import antsibull_nox
import nox

ROOT = Path(__file__).resolve().parent
WORK = ROOT / ".build" / "nox"

# ansible-core's series: what to install, and the Python versions that its controller runs on, the newest first. The
# sessions of `devel` have no tags, so that they run only where somebody names them.
CORES = {
    "2.19": ("ansible-core==2.19.14", ("3.13", "3.12", "3.11")),
    "2.20": ("ansible-core==2.20.10", ("3.14", "3.13", "3.12")),
    "2.21": ("ansible-core==2.21.5", ("3.14", "3.13", "3.12")),
    "devel": ("ansible-core @ https://github.com/ansible/ansible/archive/devel.tar.gz", ("3.14", "3.13")),
}

nox.needs_version = ">=2026.8.10"
nox.options.default_venv_backend = "uv"
nox.options.reuse_existing_virtualenvs = True
nox.options.envdir = str(WORK / "sessions")

# No session downloads an interpreter, and all take the project's pins; those that need another ansible-core say so.
os.environ["UV_PYTHON_DOWNLOADS"] = "never"
WORK.mkdir(parents=True, exist_ok=True)
PINS = WORK / "constraints.txt"
PINS.write_text(
    "".join(
        line
        for line in (ROOT / "requirements" / "constraints.txt").read_text(encoding="utf-8").splitlines(keepends=True)
        if not line.startswith("ansible-core==")
    ),
    encoding="utf-8",
)
os.environ["UV_CONSTRAINT"] = str(PINS)

antsibull_nox.load_antsibull_nox_toml()


def find_interpreter(versions: tuple[str, ...]) -> str:
    """Return the path of the first of these Python versions that starts, or the first version where none does."""
    found = subprocess.run([ROOT / "scripts" / "find-python", *versions], capture_output=True, text=True, check=False)
    return found.stdout.strip() or versions[0]


def add_sessions(series: str, core: str, python: str) -> None:
    """Add what runs on one ansible-core."""
    released = series != "devel"
    collections = {"CLB_COLLECTIONS": str(WORK / series / "collections")}

    @nox.session(name=f"sanity-{series}", python=python, default=False, tags=["sanity"] if released else [])
    def sanity(session: nox.Session) -> None:
        """Run ansible-test sanity on the built collection."""
        session.install(core)
        session.run("python", "scripts/ansible_tests.py", "sanity", *session.posargs)

    @nox.session(name=f"units-{series}", python=python, default=False, tags=["units"] if released else [])
    def units(session: nox.Session) -> None:
        """Run the unit tests with ansible-test, which makes an environment for them."""
        session.install(core)
        session.run("python", "scripts/ansible_tests.py", "units", *session.posargs)

    @nox.session(name=f"integration-{series}", python=python, default=False, tags=["integration"] if released else [])
    def integration(session: nox.Session) -> None:
        """Run the integration targets with ansible-test, which makes an environment for them."""
        session.install(core)
        session.run("python", "scripts/ansible_tests.py", "integration", *session.posargs)

    @nox.session(name=f"tests-{series}", python=python, default=False, tags=["tests"] if released else [])
    def tests(session: nox.Session) -> None:
        """Run the project's own unit and integration tests."""
        # uv makes environments without pip, which builds the emulator's wheel in a test.
        session.install(core, "pip", "-r", "requirements/test.txt")
        places = ["tests/unit", "tests/integration"]
        pytest = ["python", "-m", "pytest", *session.posargs]
        # Whoever chooses some tests may have chosen none of one kind: pytest then ends with 5.
        good = [0, 5] if session.posargs else [0]
        marks = ["--numprocesses=2", "-m", "not alone and not long"]
        session.run(*pytest, *marks, *places, env=collections, success_codes=good)


for _series, (_core, _versions) in CORES.items():
    add_sessions(_series, _core, find_interpreter(_versions))
