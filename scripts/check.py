# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fast part of the tests: style, spelling, types, licences, layers, changelog, unit tests with coverage."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from steps import SHORT, Step, pytest_step, report, run_lanes

STATIC = [
    Step("ruff check", ["ruff", "check", "."]),
    Step("ruff format", ["ruff", "format", "--check", "--diff", "."]),
    Step("yamllint", ["yamllint", "--strict", "."]),
    Step("codespell", ["codespell"]),
    Step("changelog", ["antsibull-changelog", "lint"]),
    Step("reuse", ["reuse", "lint", "--lines"]),
    Step(
        "import-linter",
        ["lint-imports", "--no-cache"],
        {"PYTHONPATH": os.pathsep.join(["tests/namespace", "tests/emulator"])},
    ),
    Step("mypy plugins", ["mypy", "--package", "ansible_collections.tencentcloud.clb.plugins"]),
    Step("mypy extensions", ["mypy", "--package", "ansible_collections.tencentcloud.clb.extensions"]),
    Step(
        "mypy scripts, emulator, benchmark",
        ["mypy", "scripts", "tests/emulator/clb_emulator", *map(str, sorted(Path("tests/benchmark").glob("*.py")))],
    ),
]
# The emulator's own tests are run by test.py.
UNIT = [
    pytest_step(
        "unit",
        *("--numprocesses=2", "-m", SHORT, "--cov", "--cov-report=term"),
        *("--ignore=tests/unit/emulator", "tests/unit"),
    )
]

if __name__ == "__main__":
    started = time.monotonic()
    sys.exit(report(run_lanes(STATIC, UNIT), started))
