# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guide's table of waits is the one that ``pace`` makes, and no other file has a length of time of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base import pace

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "docsite" / "rst" / "guide_operating.rst"
HEAD = """\
.. list-table:: Waits, in seconds
   :header-rows: 1
   :class: clb-whole-names
   :widths: 36 24 40

   * - situation
     - waits
     - gives up
"""
LENGTH_OF_TIME = re.compile(r"^\s*_?[A-Z_]*(SECONDS|WAIT|PAUSE|POLL|DELAY)(: \w+)? = [\d(]", re.MULTILINE)


def table() -> str:
    rows = [HEAD]
    for waits in vars(pace).values():
        if isinstance(waits, pace.Waits):
            first = f"{waits.first:g}" if waits.least is None else f"{waits.least:g} to {waits.first:g} at random"
            growing = f", then \N{MULTIPLICATION SIGN}{waits.growth:g}, up to {waits.maximum:g}"
            more = " each time" if waits.growth == 1 else growing
            cells = (waits.situation, first + more, waits.gives_up)
            rows.append("   * - " + "\n     - ".join(cells) + "\n")
    return "".join(rows)


@pytest.mark.skipif(not PAGE.exists(), reason="the page is not in this copy of the work tree")
def test_the_guide_has_the_table_of_waits() -> None:
    assert table() in PAGE.read_text(encoding="utf-8"), f"put this table into {PAGE.name}:\n{table()}"


def test_no_other_file_has_a_length_of_time() -> None:
    sources = [path for path in (ROOT / "plugins").rglob("*.py") if path.name != "pace.py"]
    assert [str(path) for path in sources if LENGTH_OF_TIME.search(path.read_text(encoding="utf-8"))] == []
