# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the steps of a check, two at a time, and report how each went and how long it took."""

from __future__ import annotations

import os
import re
import subprocess
import time
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build"
AT_ONCE = 2
TAIL_LINES = 60


@dataclass(frozen=True)
class Step:
    """One command. A run of pytest leaves a report where its counts are read."""

    name: str
    command: Sequence[str | Path]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = ROOT

    @property
    def stem(self) -> str:
        """The name as the stem of a file's name."""
        return re.sub(r"[^\w.]+", "-", self.name)

    @property
    def log(self) -> Path:
        """The file that holds everything the command printed."""
        return BUILD / "logs" / f"{self.stem}.log"

    @property
    def junit(self) -> Path:
        """The report of a run of pytest."""
        return BUILD / "reports" / f"{self.stem}.xml"


@dataclass(frozen=True)
class Outcome:
    """How a step went; ``seconds`` is wall-clock time."""

    step: Step
    returncode: int
    seconds: float


def run_one(step: Step) -> Outcome:
    """Run a step, its output going to its log, and print one line when it ends."""
    step.log.parent.mkdir(parents=True, exist_ok=True)
    step.junit.unlink(missing_ok=True)
    command = [*step.command, *([f"--junit-xml={step.junit}"] if "pytest" in step.command else [])]
    started = time.monotonic()
    with step.log.open("w", encoding="utf-8") as log:
        process = subprocess.run(
            command,
            cwd=step.cwd,
            env={**os.environ, **step.env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
        )
    outcome = Outcome(step, process.returncode, time.monotonic() - started)
    print(f"{'ok' if outcome.returncode == 0 else 'FAILED':<8}{step.name:<30}{outcome.seconds:6.1f} s", flush=True)
    return outcome


def run_all(steps: Sequence[Step], at_once: int = AT_ONCE) -> list[Outcome]:
    """Run the steps in this order, each as soon as there is room for it. A failed step stops nothing."""
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        return list(pool.map(run_one, steps))


def count(outcome: Outcome) -> tuple[int, int, int]:
    """Return how many tests of a step passed, failed and were skipped; what is no run of pytest is one test.

    A run that failed without a failed test counts as one failure.
    """
    if not outcome.step.junit.exists():
        return (0, 1, 0) if outcome.returncode else (1, 0, 0)
    # Written a moment ago by our own pytest: no untrusted input.
    suites = list(ET.parse(outcome.step.junit).iter("testsuite"))  # noqa: S314
    total, skipped, *broken = (
        sum(int(suite.get(what, 0)) for suite in suites) for what in ("tests", "skipped", "failures", "errors")
    )
    failed = sum(broken)
    return total - skipped - failed, failed or (1 if outcome.returncode else 0), skipped


def report(outcomes: Sequence[Outcome], started: float) -> int:
    """Print the end of each failed step's log, the durations and the counts; return the exit status.

    ``started`` is the ``time.monotonic()`` at which the whole began.
    """
    for outcome in outcomes:
        if outcome.returncode:
            lines = outcome.step.log.read_text(encoding="utf-8", errors="replace").splitlines()
            print(f"\n--- {outcome.step.name}: exit status {outcome.returncode}, all of it in {outcome.step.log} ---")
            print("\n".join(lines[-TAIL_LINES:]))

    print("\nDurations")
    for outcome in sorted(outcomes, key=lambda outcome: -outcome.seconds):
        print(f"  {outcome.step.name:<30}{outcome.seconds:6.1f} s")
    print(f"  {'everything':<30}{time.monotonic() - started:6.1f} s\n")

    passed, failed, skipped = (sum(counts) for counts in zip(*map(count, outcomes), strict=True))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if any(outcome.returncode for outcome in outcomes) else 0
