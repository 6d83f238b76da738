# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Change what decides a task in one place at a time, and see whether the fast tests notice.

``python tests/mutation/mutants.py [--number 240] [--seed 1] [--jobs 2]`` prints every change that no test noticed, and
the share of those that were noticed. Changes that make no difference are listed in equivalent.yml, with the reason, and
do not count. The exit status is 0 where the share is at least 95 %.

A first run of the tests says which lines each of them reaches. A change is then tried on the tests that reach its
line, the quickest first, until one fails. No file is touched: each trial is a fork of a process that has collected the
tests, in which the changed function gets its new code. Where a change concerns what runs at import, it is a fork of a
process that has imported nothing, and compiles the module.
"""

from __future__ import annotations

import argparse
import functools
import gc
import importlib
import inspect
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

import ansible.module_utils.basic  # noqa: F401 - every trial needs it: imported once, before the forks
import hypothesis  # noqa: F401 - as above
import pytest
import requests  # noqa: F401 - as above
import yaml
from changes import Changed, Mutant, changed_functions, mutants_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent.parent
UTILS = ROOT / "plugins" / "module_utils"
PACKAGE = "ansible_collections.tencentcloud.clb.plugins.module_utils"
UNIT = ROOT / "tests" / "unit" / "plugins"
MUTATED = [UTILS / "_bindings", UTILS / "_apply", UTILS / "_tasks"]
SPARED = {"__init__.py", "report.py", "info.py"}
"""Files that decide nothing: they put results into words."""
FOLDERS = [UNIT / "module_utils" / "_bindings", UNIT / "module_utils" / "_apply", UNIT / "modules"]
TESTS = [file for folder in FOLDERS for file in sorted(folder.glob("test_*.py"))]
TESTS += [UNIT / "plugin_utils" / "test_tags.py", UNIT / "plugin_utils" / "test_left_out.py"]
LEFT_OUT = ("test_two_faults", "documentation", "plan_time", "processes")
"""Tests whose cases are many and like others."""
GOAL = 0.95
MAX_SECONDS = 300
"""A trial that takes longer does not end: the change was noticed."""
ARGUMENTS = ["-q", "-x", "-s", "--no-header", "-p", "no:cacheprovider", "-m", "not long and not alone"]
ARGUMENTS += ["-k", " and ".join(f"not {name}" for name in LEFT_OUT)]
SURVIVED, NOTICED, BROKEN = 0, 1, 9  # the first two are pytest's own; the last: not tried

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


class Collected:
    """Does something with the collected tests in place of running them, once every module is imported."""

    def __init__(self, work: Callable[[Mapping[str, pytest.Item]], object]) -> None:
        self._work = work

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        # Some modules are imported only where a task needs them.
        for file in UTILS.rglob("*.py"):
            importlib.import_module(".".join([PACKAGE, *file.relative_to(UTILS).with_suffix("").parts]))
        self._work({item.nodeid: item for item in session.items})
        return True


def run_tests(files: Iterable[Path | str], plugin: object) -> int:
    """Run the tests of these files in this process; return 0 where all pass."""
    return int(pytest.main([*ARGUMENTS, *map(str, files)], plugins=[plugin]))


def run_items(items: Sequence[pytest.Item], reached: Reached) -> int:
    """Run collected tests until one fails; one that takes ten times as long as it did has no end."""
    for item, following in zip(items, [*items[1:], None], strict=False):
        signal.setitimer(signal.ITIMER_PROF, 5 + 10 * reached[item.nodeid]["seconds"])
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed:
            return NOTICED
    return SURVIVED


def fork(work: Callable[[], int], folder: Path, seconds: float) -> int:
    """Start a copy of this process that does this, with its output and its files in a new folder.

    :param seconds: of processor time, after which it is killed.
    :return: the ID of the process, which ends with what ``work`` returned.
    """
    folder.mkdir()
    sys.stdout.flush()
    process = os.fork()
    if process:
        return process
    status = BROKEN
    try:
        signal.alarm(MAX_SECONDS + int(seconds))
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
        with (folder / "log").open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.environ["TMPDIR"] = os.environ["PYTEST_DEBUG_TEMPROOT"] = tempfile.tempdir = str(folder)
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


def functions_by_code() -> dict[tuple[str, CodeType], list[FunctionType]]:
    """Return the functions of the collection that are loaded, by their file and code."""
    found = defaultdict(list)
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and "module_utils" in thing.__code__.co_filename:
            found[os.path.realpath(thing.__code__.co_filename), thing.__code__].append(thing)
    return found


def tests_of(mutant: Mutant, reached: Reached) -> list[str]:
    """The tests that reach a change, the quickest first; of what runs at import, all that reach its file."""
    file = str(mutant.file)
    reaching = {name: test["lines"][file] for name, test in reached.items() if file in test["lines"]}
    changed = range(mutant.line, mutant.last_line + 1)
    near = [name for name, lines in reaching.items() if not set(lines).isdisjoint(changed)]
    return sorted(near or reaching, key=lambda name: float(reached[name]["seconds"]))


def find_reached(files: Sequence[Path], folder: Path, jobs: int) -> Reached:
    """Run every test once, which has to pass; return what each of them reaches."""
    parts = [folder / f"reached-{number}" for number in range(jobs)]

    def work(number: int) -> int:
        return run_tests(TESTS[number::jobs], Reach(files, parts[number] / "found"))

    processes = [fork(functools.partial(work, number), part, 3600) for number, part in enumerate(parts)]
    for process, part in zip(processes, parts, strict=True):
        if os.waitpid(process, 0)[1]:
            sys.exit(f"The tests fail without a change:\n{(part / 'log').read_text()[-3000:]}")
    return {test: what for part in parts for test, what in json.loads((part / "found").read_text()).items()}


def try_all(
    mutants: Sequence[Mutant], work: Callable[[Mutant, list[str]], int], reached: Reached, folder: Path, jobs: int
) -> list[Mutant]:
    """Do this with each change and the tests that reach it; return the changes that no test noticed."""
    running: dict[int, tuple[Mutant, Path]] = {}
    survivors: list[Mutant] = []
    waiting = list(reversed(mutants))
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop()
            names = tests_of(mutant, reached)
            seconds = 30 + 3 * sum(reached[name]["seconds"] for name in names)
            trial = folder / f"{mutant.file.stem}-{mutant.number}"
            running[fork(functools.partial(work, mutant, names), trial, seconds)] = (mutant, trial)
        process, status = os.wait()
        mutant, trial = running.pop(process)
        ended = os.waitstatus_to_exitcode(status)
        if ended in (SURVIVED, BROKEN):
            survivors.append(mutant)
            words = "NOT NOTICED" if ended == SURVIVED else "NOT TRIED"
            print(f"{words} {mutant.file.name}:{mutant.line}: {mutant.change}", flush=True)
        shutil.rmtree(trial)
    return survivors


def try_at_import(mutant: Mutant, names: list[str]) -> int:
    """Import everything with a change, and run these tests."""
    change_module(mutant)
    files = sorted({name.partition("::")[0] for name in names})
    return run_tests(files, Chosen(names)) if names else SURVIVED


def try_in_functions(mutants: Mapping[Mutant, Changed], reached: Reached, folder: Path, jobs: int) -> list[Mutant]:
    """Collect the tests once, and try each change of functions; return the changes that no test noticed."""
    survivors: list[Mutant] = []

    def work(items: Mapping[str, pytest.Item]) -> None:
        loaded = functions_by_code()
        gc.freeze()  # so that a collection in a fork copies nothing

        def try_one(mutant: Mutant, names: list[str]) -> int:
            for old, new in mutants[mutant]:
                functions = loaded[str(mutant.file), old]
                if not functions:
                    return BROKEN
                for function in functions:
                    function.__code__ = new
            return run_items([items[name] for name in names], reached)

        survivors.extend(try_all(list(mutants), try_one, reached, folder, jobs))

    run_tests(TESTS, Collected(work))
    return survivors


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=240, help="how many changes, chosen by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
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
    print(f"{len(every)} changes are possible; {len(tried)} are tried, {len(chosen) - len(tried)} make no difference.")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        reached = find_reached(files, Path(folder), given.jobs)
        print(f"{len(reached)} tests, {time.monotonic() - started:.0f} s", flush=True)
        changed = {mutant: changed_functions(mutant) for mutant in tried}
        outside = [mutant for mutant, functions in changed.items() if functions is None]
        survivors = try_all(outside, try_at_import, reached, Path(folder), given.jobs)
        inside = {mutant: functions for mutant, functions in changed.items() if functions is not None}
        survivors += try_in_functions(inside, reached, Path(folder), given.jobs)
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
