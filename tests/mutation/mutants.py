# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change what decides a task in one place at a time, and see whether the fast tests notice.

``python tests/mutation/mutants.py [--number 240] [--seed 1] [--jobs 2]`` prints every change that no test noticed, and
the share of those that were noticed. Changes that make no difference are listed in equivalent.yml, with the reason, and
do not count. The exit status is 0 where the share is at least 95 %.

A first run of the tests says which lines each of them reaches. A change is then tried on the tests that reach its
line, the quickest first, until one fails. Each trial is a fork of this process, in which the changed module is compiled
in memory: no file is touched.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ansible.module_utils.basic
import hypothesis
import pytest
import requests
import yaml
from changes import Mutant, mutants_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent
UTILS = ROOT / "plugins" / "module_utils"
UNIT = ROOT / "tests" / "unit" / "plugins"
MUTATED = [UTILS / "_bindings", UTILS / "_apply", UTILS / "_tasks"]
SPARED = {"__init__.py", "report.py", "info.py"}
"""Files that decide nothing: they put results into words."""
TESTS = [UNIT / "module_utils" / "_bindings", UNIT / "module_utils" / "_apply", UNIT / "modules"]
TESTS += [UNIT / "plugin_utils" / "test_tags.py", UNIT / "plugin_utils" / "test_left_out.py"]
LEFT_OUT = ("test_two_faults", "documentation", "plan_time", "processes")
"""Tests whose cases are many and like others."""
GOAL = 0.95
MAX_SECONDS = 300
"""A trial that takes longer does not end: the change was noticed."""
ARGUMENTS = ["-q", "-x", "--no-header", "-p", "no:cacheprovider"]
SURVIVED = 0

LOADED = (ansible.module_utils.basic, hypothesis, requests)  # by every trial: imported once, before the forks
EQUIVALENT = Path(__file__).with_name("equivalent.yml")

Reached = dict[str, dict[str, Any]]
"""Test -> its ``seconds``, and ``lines``: file -> the lines that it reaches."""


class Reach:
    """Notes which lines of some files each test reaches."""

    def __init__(self, files: Sequence[Path], out: Path) -> None:
        self._files = {str(file): str(file) for file in files}
        self._out = out
        self._tests: Reached = {}
        self._lines: defaultdict[str, set[int]] = defaultdict(set)
        monitoring = sys.monitoring
        monitoring.use_tool_id(monitoring.COVERAGE_ID, "mutants")
        monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.LINE, self._line)
        monitoring.set_events(monitoring.COVERAGE_ID, monitoring.events.LINE)

    def _line(self, code: Any, line: int) -> Any:
        name = code.co_filename
        if name not in self._files:
            self._files[name] = os.path.realpath(name) if "module_utils" in name else ""
        lines = self._lines[self._files[name]]
        # What runs at import runs once, whichever test comes first: all tests of its file are tried for it.
        if code.co_flags & inspect.CO_OPTIMIZED:
            lines.add(line)
        return sys.monitoring.DISABLE

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._lines.clear()
        sys.monitoring.restart_events()
        started = time.monotonic()
        found = yield
        lines = {file: sorted(lines) for file, lines in self._lines.items() if file in self._files and file}
        self._tests[item.nodeid] = {"seconds": time.monotonic() - started, "lines": lines}
        return found

    def pytest_sessionfinish(self) -> None:
        self._out.write_text(json.dumps(self._tests), encoding="utf-8")


class Chosen:
    """Runs some tests only, in this order."""

    def __init__(self, names: Sequence[str]) -> None:
        self._order = {name: number for number, name in enumerate(names)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self._order]
        items[:] = sorted(chosen, key=lambda item: self._order[item.nodeid])


def run_tests(paths: Sequence[str], *plugins: object) -> int:
    """Run tests in this process; return 0 where all pass."""
    return int(pytest.main([*ARGUMENTS, "-m", "not long and not alone", *paths], plugins=plugins))


def fork(work: Callable[[], int], log: Path, seconds: int = MAX_SECONDS) -> int:
    """Start a copy of this process that does this for so long at most, and ends with its status; return its ID."""
    process = os.fork()
    if process:
        return process
    status = 2
    try:
        signal.alarm(seconds)
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        status = work()
    except BaseException:  # noqa: BLE001 - a copy must never go on as the original
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def change_module(mutant: Mutant) -> None:
    """Let the import of its file give the changed code."""
    real = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, name: str) -> Any:
        path = loader.get_filename(name)
        if Path(path).resolve() != mutant.file:
            return real(loader, name)
        return compile(mutant.tree(), path, "exec", dont_inherit=True)

    SourceFileLoader.get_code = get_code  # type: ignore[assignment,method-assign]


def tests_of(mutant: Mutant, reached: Reached) -> list[str]:
    """The tests that reach a change, the quickest first; of what runs at import, all that reach its file."""
    file = str(mutant.file)
    reaching = {name: test["lines"][file] for name, test in reached.items() if file in test["lines"]}
    changed = range(mutant.line, mutant.last_line + 1)
    near = [name for name, lines in reaching.items() if not set(lines).isdisjoint(changed)]
    return sorted(near or reaching, key=lambda name: float(reached[name]["seconds"]))


def find_reached(files: Sequence[Path], folder: Path, keep: Path | None, jobs: int) -> Reached:
    """Run every test once, which has to pass; return what each of them reaches."""
    if keep is not None and keep.exists():
        return dict(json.loads(keep.read_text(encoding="utf-8")))
    tests = [str(file) for path in TESTS for file in sorted([path] if path.is_file() else path.glob("test_*.py"))]
    names = " and ".join(f"not {name}" for name in LEFT_OUT)
    outs = [folder / f"reached-{number}.json" for number in range(jobs)]

    def work(number: int) -> int:
        return run_tests(["-k", names, *tests[number::jobs]], Reach(files, outs[number]))

    logs = [out.with_suffix(".log") for out in outs]
    processes = [fork(lambda number=number: work(number), logs[number], 3600) for number in range(jobs)]
    for process, log in zip(processes, logs, strict=True):
        if os.waitpid(process, 0)[1]:
            sys.exit(f"The tests fail without a change:\n{log.read_text()[-3000:]}")
    found = {test: what for out in outs for test, what in json.loads(out.read_text(encoding="utf-8")).items()}
    if keep is not None:
        keep.write_text(json.dumps(found), encoding="utf-8")
    return found


def try_all(mutants: Sequence[Mutant], reached: Reached, folder: Path, jobs: int) -> list[Mutant]:
    """Try each change; return those that no test noticed."""
    running: dict[int, Mutant] = {}
    survivors: list[Mutant] = []
    waiting = list(reversed(mutants))
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            names = tests_of(mutant, reached)
            files = sorted({str(ROOT / name.partition("::")[0]) for name in names})

            def work(mutant: Mutant = mutant, names: list[str] = names, files: list[str] = files) -> int:
                change_module(mutant)
                return run_tests(files, Chosen(names)) if names else SURVIVED

            running[fork(work, folder / f"trial-{len(mutants) - len(waiting)}.log")] = mutant
        process, status = os.wait()
        mutant = running.pop(process)
        if os.waitstatus_to_exitcode(status) == SURVIVED:
            survivors.append(mutant)
            print(f"NOT NOTICED {mutant.file.name}:{mutant.line}: {mutant.change}", flush=True)
    return survivors


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=240, help="how many changes, chosen by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="of the changes those whose file or words contain this")
    parser.add_argument("--reached", type=Path, help="a file that keeps the first run for the next time")
    given = parser.parse_args()
    os.chdir(ROOT)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    files = [file for path in MUTATED for file in sorted(path.glob("*.py")) if file.name not in SPARED]
    every = [mutant for file in files for mutant in mutants_of(file)]
    known = {(item["file"], item["line"], item["change"]) for item in yaml.safe_load(EQUIVALENT.read_text()) or []}
    stale = known - {mutant.key for mutant in every}
    # By a hash of each change, so that a seed tries the same ones after other lines have changed.
    chosen = sorted(every, key=lambda mutant: sha256(f"{given.seed} {mutant.key}".encode()).digest())[: given.number]
    tried = [mutant for mutant in chosen if mutant.key not in known]
    if given.only:
        tried = [mutant for mutant in tried if given.only in f"{mutant.file.name} {mutant.change}"]
    print(f"{len(every)} changes are possible; {len(tried)} are tried, {len(chosen) - len(tried)} make no difference.")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        reached = find_reached(files, Path(folder), given.reached, given.jobs)
        print(f"{len(reached)} tests, {time.monotonic() - started:.0f} s", flush=True)
        survivors = try_all(tried, reached, Path(folder), given.jobs)
    total, left = (Counter(mutant.file.name for mutant in some) for some in (tried, survivors))
    for name in total:
        print(f"{name:16} {total[name] - left[name]:4} of {total[name]:4}")
    for key in sorted(stale):
        print(f"equivalent.yml has a change that does not exist: {key}")
    share = 1 - len(survivors) / max(1, len(tried))
    took = time.monotonic() - started
    print(f"{share:.1%} of {len(tried)} changes were noticed, in {took:.0f} s (seed {given.seed}).")
    return 0 if share >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
