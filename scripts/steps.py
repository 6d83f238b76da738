# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the steps of a check, some at the same time, and report how each went and how long it took."""

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
LOGS = BUILD / "logs"
TAIL_LINES = 60

# Of the tests' markers (pyproject.toml): what runs side by side, what needs the machine for itself, what takes minutes.
SHORT = "not alone and not long"
ALONE = "alone and not long"
LONG = "long and not alone"
LONG_ALONE = "long and alone"
PROPERTIES = "hypothesis and not long"  # a marker that hypothesis itself sets


@dataclass(frozen=True)
class Step:
    """One command. ``junit`` is the report that it writes, where it is a pytest run."""

    name: str
    command: Sequence[str | Path]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = ROOT
    junit: Path | None = None

    @property
    def log(self) -> Path:
        """The file that holds everything the command printed."""
        return LOGS / f"{file_name(self.name)}.log"


@dataclass(frozen=True)
class Outcome:
    """How a step went; ``seconds`` is wall-clock time."""

    step: Step
    returncode: int
    seconds: float


@dataclass(frozen=True)
class Tally:
    """Tests counted: those of pytest's reports, and one for each other step."""

    passed: int
    failed: int
    skipped: int


def file_name(step: str) -> str:
    """Return a step's name as the stem of a file's name."""
    return re.sub(r"[^\w.]+", "-", step)


def pytest_step(name: str, *arguments: str, env: Mapping[str, str] | None = None, python: str = "python") -> Step:
    """Return a step that runs pytest and leaves its counts where ``report`` finds them."""
    junit = BUILD / "reports" / f"{file_name(name)}.xml"
    command = [python, "-m", "pytest", "--color=no", f"--junit-xml={junit}", *arguments]
    return Step(name, command, env=env or {}, junit=junit)


def run_one(step: Step) -> Outcome:
    """Run a step, its output going to its log, and print one line when it ends."""
    step.log.parent.mkdir(parents=True, exist_ok=True)
    if step.junit:
        step.junit.unlink(missing_ok=True)
    started = time.monotonic()
    with step.log.open("w", encoding="utf-8") as log:
        process = subprocess.run(
            step.command,
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


def run_lanes(*lanes: Sequence[Step]) -> list[Outcome]:
    """Run the lanes at the same time, and the steps of each lane one after the other. A failed step stops nothing."""
    with ThreadPoolExecutor(max_workers=len(lanes)) as pool:
        return [
            outcome
            for outcomes in pool.map(lambda lane: [run_one(step) for step in lane], lanes)
            for outcome in outcomes
        ]


def tally(outcomes: Sequence[Outcome]) -> Tally:
    """Count the tests of all steps. A pytest run that failed without a failed test counts as one failure."""
    passed = failed = skipped = 0
    for outcome in outcomes:
        broken = skips = total = 0
        if outcome.step.junit and outcome.step.junit.exists():
            # Written a moment ago by our own pytest: no untrusted input.
            for suite in ET.parse(outcome.step.junit).iter("testsuite"):  # noqa: S314
                total += int(suite.get("tests", 0))
                skips += int(suite.get("skipped", 0))
                broken += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        elif not outcome.step.junit:
            total = 1
        if outcome.returncode and not broken:
            broken, total = 1, max(total, 1)
        passed += total - skips - broken
        failed += broken
        skipped += skips
    return Tally(passed, failed, skipped)


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

    counts = tally(outcomes)
    print(f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return 1 if any(outcome.returncode for outcome in outcomes) else 0
