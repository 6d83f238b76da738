# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is installed is pinned, and the same packages are named everywhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"


def names(file):
    """Return the packages that a file names, not those of files that it includes, spelled as in an index."""
    lines = re.findall(r"^[A-Za-z0-9][\w.-]*", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", line).lower() for line in lines}


@pytest.mark.parametrize("file", sorted(REQUIREMENTS.rglob("*.txt")), ids=lambda file: str(file.relative_to(ROOT)))
def test_every_package_is_pinned(file):
    assert names(file) <= names(file.parent / "constraints.txt")


def test_collection_asks_for_what_the_demo_installs():
    assert names(ROOT / "meta" / "ee-requirements.txt") <= names(REQUIREMENTS / "demo.txt")


def test_ansible_test_installs_nothing_else_than_the_tests_do():
    own = names(REQUIREMENTS / "constraints.txt")

    assert names(ROOT / "tests" / "unit" / "requirements.txt") <= own
    assert names(ROOT / "tests" / "integration" / "requirements.txt") <= own
