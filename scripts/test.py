# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a set of tests: ``test.py check|test|long|ansible-test``; each step is a command, the longest ones first."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ansible_tests import COLLECTION, OLDEST_TARGET_PYTHON, find_oldest_target_python
from build_collection import COLLECTIONS, KEEP, build_and_install
from steps import Outcome, Step, report, run_all

PYTHON = sys.executable
UNIT, INTEGRATION = "tests/unit", "tests/integration"
INNER = f"{UNIT}/plugins/module_utils"


def pytest(name: str, marks: str, *arguments: str, workers: int = 2) -> Step:
    """Return a step that runs pytest on what has these marks."""
    processes = [f"--numprocesses={workers}", "--maxschedchunk=1"] if workers else []
    return Step(name, [PYTHON, "-m", "pytest", "--color=no", *processes, "-m", marks, *arguments])


TYPED = ("scripts", "tests/emulator/clb_emulator", "tests/conformance")
CODE = "ansible_collections.tencentcloud.clb"
STATIC = [
    Step("mypy scripts, tests", ["mypy", *TYPED, *map(str, sorted(Path("tests/benchmark").glob("*.py")))]),
    Step("mypy plugins", ["mypy", f"--package={CODE}.plugins", f"--package={CODE}.extensions"]),
    Step("reuse", ["reuse", "lint", "--lines"]),
    Step("yamllint", ["yamllint", "--strict", "."]),
    Step("codespell", ["codespell"]),
    Step("changelog", ["antsibull-changelog", "lint"]),
    Step("import-linter", ["lint-imports", "--no-cache"], {"PYTHONPATH": "tests/namespace:tests/emulator"}),
    Step("ruff check", ["ruff", "check", "."]),
    Step("ruff format", ["ruff", "format", "--check", "--diff", "."]),
]

FIND_COLLECTION = {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
LINT = ["ansible-lint", "--strict", "--offline", "--profile=production", "--nocolor"]
LINT_DOCS = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--check-extra-docs-refs"]
LINT_DOCS += ["--validate-collection-refs=self"]
SHIPPED = [
    Step("ansible-test sanity", [PYTHON, "scripts/ansible_tests.py", "sanity"]),
    # antsibull-changelog writes changelog.yaml in a layout of its own.
    Step(
        "ansible-lint collection",
        [*LINT, "--exclude=changelogs/changelog.yaml"],
        FIND_COLLECTION,
        COLLECTIONS / COLLECTION,
    ),
    Step("ansible-lint playbooks", [*LINT, "--project-dir=demo", "demo"], FIND_COLLECTION),
    # On the work tree: antsibull-docs sees only files that git knows, and none below .build.
    Step("antsibull-docs lint", [*LINT_DOCS, "."]),
    Step("make demo", [PYTHON, "scripts/demo.py"], {"PYTHONPATH": "tests/emulator"}),
]


# Whole tasks, tests of the tests' own tools, and measurements of CPU time and memory.
NOT_IN_SECONDS = (
    "conformance",
    "emulator",
    "fuzz",
    "plugins/modules",
    "plugins/module_utils/_api/test_bombs.py",
    "plugins/module_utils/_bindings/test_plan_time.py",
)


def check() -> list[Outcome]:
    """What takes seconds."""
    how = ["--hypothesis-profile=quick", *(f"--ignore={UNIT}/{place}" for place in NOT_IN_SECONDS)]
    # Two halves beside each other: of two workers, each would collect all tests.
    inner = pytest("unit module_utils", "not alone and not long", *how, INNER, workers=0)
    outer = pytest("unit others", "not alone and not long", *how, f"--ignore={INNER}", UNIT, workers=0)
    first, *others = STATIC
    return run_all([first, inner, outer, *others])


def test() -> list[Outcome]:
    """What has to pass."""
    build_and_install()
    os.environ[KEEP] = "1"
    side_by_side = "not alone and not long"
    integration = pytest("integration", side_by_side, INTEGRATION)
    unit = pytest("unit", side_by_side, "--cov", "--cov-report=term", UNIT)
    return run_all([integration, *SHIPPED, unit, *STATIC])


def ansible_test() -> list[Outcome]:
    """What ansible-test runs, and on the oldest Python of managed nodes, where there is one, what runs there."""
    runs = ["integration", "units", "sanity"]
    if find_oldest_target_python():
        oldest = f"--python {OLDEST_TARGET_PYTHON}"
        runs[1:1] = [f"units {oldest} tests/unit/plugins/modules/ tests/unit/plugins/module_utils/"]
        runs += [f"sanity {oldest} --test compile --test import"]
    else:
        print(f"No Python {OLDEST_TARGET_PYTHON} here: nothing is tested on it.")
    build_and_install()
    # One after the other: they share the copies of the work tree.
    steps = [
        Step("ansible-test " + " ".join(run.split()[:3]), [PYTHON, "scripts/ansible_tests.py", *run.split()])
        for run in runs
    ]
    return run_all(steps, at_once=1)


def long() -> list[Outcome]:
    """What takes minutes: the tests marked so, and many more examples of properties."""
    build_and_install()
    # A marker that hypothesis itself sets.
    properties = pytest("properties", "hypothesis and not long", "--hypothesis-profile=long", UNIT)
    return [
        *run_all([pytest("long", "long and not alone", UNIT, INTEGRATION), properties]),
        # What measures time has the machine for itself.
        *run_all([pytest("alone", "alone", UNIT, INTEGRATION, workers=0)]),
    ]


SETS = {"check": check, "test": test, "long": long, "ansible-test": ansible_test}

if __name__ == "__main__":
    begun = time.monotonic()
    sys.exit(report(SETS[sys.argv[1]](), begun))
