# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark in its quick form: it still runs and writes what it should."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from .checkout import ROOT

RUN = ROOT / "tests" / "benchmark" / "run.py"
pytest.importorskip("pygal", reason="pygal is a package of requirements/bench.txt")


@pytest.mark.alone
@pytest.mark.long
def test_quick_benchmark_runs_and_writes_its_files(collections_path, tmp_path):
    command = [sys.executable, RUN, "--quick", "--output", tmp_path]
    environment = {**os.environ, "CLB_COLLECTIONS": str(collections_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

    page = (tmp_path / "benchmark.md").read_text(encoding="utf-8")
    for row in ("`tencentcloud.clb.targets`", "`RegisterTargets`", "500 targets new", "100,000", "1,000 targets"):
        assert f"| {row}" in page or f"{row} |" in page, page
    labels = set()
    for name in ("loop", "ping", "planning"):
        assert f"(benchmark-{name}.svg)" in page
        picture = ET.parse(tmp_path / f"benchmark-{name}.svg")
        labels |= {element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")}
    beginnings = {label.partition(":")[0] for label in labels if label}
    assert {"one task", "run again", "500 removed", "100,000"} <= beginnings, labels
