# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests that take minutes: those marked ``long``, and the property tests with many more examples."""

from __future__ import annotations

import sys
import time

from build_collection import build_and_install
from steps import LONG, LONG_ALONE, PROPERTIES, pytest_step, report, run_lanes

STEPS = [
    pytest_step("properties", "--numprocesses=2", "-m", PROPERTIES, "--hypothesis-profile=long", "tests/unit"),
    pytest_step("long", "--numprocesses=2", "-m", LONG, "tests/unit", "tests/integration"),
    pytest_step("long, alone", "-m", LONG_ALONE, "tests/unit", "tests/integration"),
]


def main() -> int:
    """Run them; return the exit status."""
    started = time.monotonic()
    build_and_install()
    return report(run_lanes(STEPS), started)


if __name__ == "__main__":
    sys.exit(main())
