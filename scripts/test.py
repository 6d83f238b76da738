# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every test: the fast checks, integration tests, ansible-test, ansible-lint, Galaxy's import, the documentation."""

from __future__ import annotations

import os
import sys
import time

from build_collection import COLLECTIONS, KEEP, build_and_install
from check import STATIC, UNIT
from sanity import COLLECTION, OLDEST_TARGET_PYTHON, find_oldest_target_python
from steps import ALONE, SHORT, Step, pytest_step, report, run_lanes

INSTALLED = COLLECTIONS / COLLECTION
FIND_COLLECTION = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
LINT = ["ansible-lint", "--strict", "--offline", "--profile=production", "--nocolor"]
LINT_DOCS = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--check-extra-docs-refs"]
LINT_DOCS += ["--validate-collection-refs=self"]

SANITY = [Step("ansible-test sanity", [sys.executable, "scripts/sanity.py"])]
# How addresses and numbers are read, which Python's own library decides in part.
BINDINGS = "tests/unit/plugins/module_utils/_bindings"
VALUES = [f"{BINDINGS}/test_{name}.py" for name in ("addresses", "entries", "entries_odd", "snapshot", "snapshot_odd")]
VALUES += ["tests/unit/plugins/module_utils/test_limits.py"]
PUBLICATION = [
    # antsibull-changelog writes changelog.yaml in a layout of its own.
    Step("ansible-lint collection", [*LINT, "--exclude=changelogs/changelog.yaml"], FIND_COLLECTION, INSTALLED),
    Step("ansible-lint playbooks", [*LINT, "--project-dir=demo", "demo"], FIND_COLLECTION),
    Step("galaxy-importer", [sys.executable, "scripts/importer.py"]),
    # On the work tree: antsibull-docs sees only files that git knows, and none below .build.
    Step("antsibull-docs lint", [*LINT_DOCS, "."]),
    Step("make docs", [sys.executable, "scripts/docs.py"]),
]
DEMO = [Step("make demo", [sys.executable, "scripts/demo.py"], {"PYTHONPATH": "tests/emulator"})]
EMULATOR = pytest_step("emulator", "--numprocesses=2", "-m", SHORT, "tests/unit/emulator")
INTEGRATION = pytest_step("integration", "--numprocesses=2", "-m", SHORT, "tests/integration")
ONE_BY_ONE = pytest_step("alone", "-m", ALONE, "tests/unit", "tests/integration")


def oldest_python() -> list[Step]:
    """Return the step that reads values on the oldest Python of managed nodes, where there is one."""
    if find_oldest_target_python() is None:
        print(f"No Python {OLDEST_TARGET_PYTHON} here: addresses and numbers are tested on this Python only.")
        return []
    command = [sys.executable, "scripts/ansible_tests.py", "units", "--python", OLDEST_TARGET_PYTHON, *VALUES]
    return [Step(f"units on Python {OLDEST_TARGET_PYTHON}", command)]


def main() -> int:
    """Run everything; return the exit status."""
    started = time.monotonic()
    build_and_install()
    os.environ[KEEP] = "1"
    # What measures time has the machine for itself.
    outcomes = run_lanes([*STATIC, *UNIT, *DEMO], [*SANITY, *oldest_python(), *PUBLICATION])
    outcomes += run_lanes([EMULATOR, INTEGRATION, ONE_BY_ONE])
    return report(outcomes, started)


if __name__ == "__main__":
    sys.exit(main())
