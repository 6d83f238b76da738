# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Measure the collection on the emulator, and write ``docs/benchmark.md`` and its pictures.

``run.py [--quick] [--output DIRECTORY]``. Exits with 1 where a number is not what the project promises. ``--quick``
takes less than a minute and is there to see that everything still works: its tasks are shorter and its repetitions too
few to judge a number by.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.extend(
    str(Path(__file__).resolve().parents[2] / place) for place in ("tests/emulator", "tests/namespace", "scripts")
)

from measures import FULL, QUICK, measure_all
from plot import draw
from report import limits, write

from build_collection import ROOT, build_and_install


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="only see that it works")
    parser.add_argument("--output", type=Path, default=ROOT / "docs", help="where to write to (default: docs)")
    options = parser.parse_args()

    busy = os.getloadavg()[0]
    if busy > 0.5:
        print(f"The load is {busy:.1f}: other work on this machine spoils the numbers.", file=sys.stderr)
    collections = build_and_install(*(Path(path) for path in [os.environ.get("CLB_COLLECTIONS")] if path))
    size = QUICK if options.quick else FULL
    results = measure_all(size, collections)
    options.output.mkdir(parents=True, exist_ok=True)
    text = write(results, size)
    (options.output / "benchmark.md").write_text(text, encoding="utf-8")
    for name, picture in draw(results).items():
        (options.output / f"benchmark-{name}.svg").write_text(picture, encoding="utf-8")
    print(text)
    missed = [limit for limit in limits(results) if not limit.kept]
    for limit in missed:
        measured = f"{limit.what} is {limit.value:.2f} {limit.unit}"
        print(f"Not kept: {measured}, not {limit.maximum} at most.", file=sys.stderr)
    return 1 if missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
