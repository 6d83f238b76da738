# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fixtures for tests that run real Ansible with the installed collection against the emulator.

``emulator``
    A ``clb_emulator.testing.Emulator`` in a process of its own, which tests share one after the other. It holds the
    demo's scenario, which ``emulator.load(...)`` replaces.
``playbook``
    ``playbook(plays, ...)`` runs ``ansible-playbook`` to its end and returns a ``PlaybookRun``;
    ``playbook.start(plays, ...)`` only starts it and returns a ``RunningPlaybook``, for several at once.
    It points to the emulator where the test asks for that fixture too.
``inventory``
    ``inventory(...)`` runs ``ansible-inventory`` on a file of the plugin with these options.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from clb_emulator.testing import Emulator

from .checkout import ROOT
from .forks import Ansible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .forks import ForkedRun

    Plays = str | Path | Sequence[Mapping[str, Any]]

DEMO = ROOT / "tests" / "emulator" / "scenarios" / "demo.yml"
TIMEOUT_SECONDS = 300.0
INVENTORY = "tencentcloud.clb.targets"


@dataclass(frozen=True)
class TaskResult:
    """What one task returned on one host; ``status`` is ok, failed, skipped or unreachable."""

    task: str
    host: str
    status: str
    result: dict[str, Any]
    started: float
    ended: float

    @property
    def changed(self) -> bool:
        return bool(self.result.get("changed"))


@dataclass(frozen=True)
class PlaybookRun:
    rc: int
    stdout: str
    stderr: str
    tasks: list[TaskResult]

    @property
    def output(self) -> str:
        return self.stdout + self.stderr

    def task(self, name: str, host: str | None = None) -> TaskResult:
        """Return the only result of the task of that name."""
        found = [task for task in self.tasks if task.task == name and host in (None, task.host)]
        assert len(found) == 1, f"{len(found)} results of task {name!r}, host {host!r}:\n{self.output}"
        return found[0]

    def result(self, name: str, host: str | None = None) -> dict[str, Any]:
        return self.task(name, host).result


@dataclass
class RunningPlaybook:
    process: subprocess.Popen[str] | ForkedRun
    results: Path

    def wait(self, timeout: float = TIMEOUT_SECONDS) -> PlaybookRun:
        """Wait for the end; raise ``subprocess.TimeoutExpired``, the process killed, after ``timeout`` seconds."""
        try:
            stdout, stderr = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        lines = self.results.read_text(encoding="utf-8").splitlines() if self.results.exists() else []
        tasks = [TaskResult(**json.loads(line)) for line in lines]
        return PlaybookRun(self.process.returncode or 0, stdout, stderr, tasks)


class PlaybookRunner:
    def __init__(self, ansible: Ansible, directory: Path, environment: Mapping[str, str]) -> None:
        self.ansible, self.directory, self.environment = ansible, directory, dict(environment)
        self._numbers = itertools.count(1)

    def __call__(self, plays: Plays, *arguments: str, timeout: float = TIMEOUT_SECONDS, **how: Any) -> PlaybookRun:
        """Run a playbook to its end; ``how`` is what ``start`` takes."""
        return self.start(plays, *arguments, **how).wait(timeout)

    def start(self, plays: Plays, *arguments: str, variables=None, environment=None) -> RunningPlaybook:
        """Start a playbook.

        ``plays`` is YAML text, a file, or a list of plays; ``arguments`` go to ``ansible-playbook`` (``--check``);
        ``variables`` are extra variables; ``environment`` comes on top of the fixture's.
        """
        number = next(self._numbers)
        if isinstance(plays, Path):
            file = plays
        else:
            file = self.directory / f"playbook-{number}.yml"
            text = plays if isinstance(plays, str) else yaml.safe_dump(list(plays), sort_keys=False, allow_unicode=True)
            file.write_text(text, encoding="utf-8")
        results = self.directory / f"results-{number}.jsonl"
        process = self.ansible.start(
            ["ansible-playbook", file, "--extra-vars", json.dumps(variables or {}), *arguments],
            cwd=self.directory,
            env={**self.environment, **(environment or {}), "CLB_TASK_RESULTS": str(results)},
        )
        return RunningPlaybook(process, results)


class InventoryRunner:
    """Runs ansible-inventory in a folder, where any source that can't be parsed is a failure."""

    def __init__(self, ansible: Ansible, folder: Path, environment: Mapping[str, str]) -> None:
        self._ansible, self._folder = ansible, folder
        enabled = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true", "ANSIBLE_INVENTORY_ENABLED": INVENTORY}
        self._environment = {**environment, **enabled}

    def __call__(self, *arguments: str, text=None, environment=None, name="shop.clb.yml", **options: Any):
        """List what a file of this name with these options, or with this text, makes of the cloud."""
        self.write(name, text=text, **options)
        command = ["ansible-inventory", "-i", name, "--list", "--export", *arguments]
        env = {**self._environment, **(environment or {})}
        return self._ansible.run(command, cwd=self._folder, env=env, timeout=TIMEOUT_SECONDS)

    def write(self, name: str = "shop.clb.yml", *, text: str | None = None, **options: Any) -> None:
        content = yaml.safe_dump({"plugin": INVENTORY, **options}) if text is None else text
        (self._folder / name).write_text(content, encoding="utf-8")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, so that all processes are busy to the end."""
    items.sort(key=lambda item: not item.path.stem.startswith(("test_rolling", "test_rotation")))


@pytest.fixture(scope="session")
def collections_path() -> Path:
    """Build and install the collection, once for all processes of the test run."""
    command = [sys.executable, ROOT / "scripts" / "build_collection.py"]
    if directory := os.environ.get("CLB_COLLECTIONS"):
        command.append(directory)
    return Path(subprocess.check_output(command, text=True).strip())


@pytest.fixture(scope="session")
def _shared_emulator() -> Iterator[Emulator]:
    with Emulator.spawn(DEMO) as running:
        yield running


@pytest.fixture
def emulator(_shared_emulator) -> Emulator:
    _shared_emulator.load(DEMO)
    return _shared_emulator


@pytest.fixture(scope="session")
def ansible() -> Iterator[Ansible]:
    started = Ansible()
    yield started
    started.stop()


@pytest.fixture
def ansible_environment(collections_path, tmp_path, request) -> dict[str, str]:
    """Return the environment for any Ansible command."""
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        **os.environ,
        "ANSIBLE_CALLBACKS_ENABLED": "task_results",
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "plugins" / "callback"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections_path),
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(Path(__file__).parent / "compiled"),
    }
    if "emulator" in request.fixturenames:
        environment.update(request.getfixturevalue("emulator").environ())
    return environment


@pytest.fixture
def playbook(ansible, ansible_environment, tmp_path) -> PlaybookRunner:
    return PlaybookRunner(ansible, tmp_path, ansible_environment)


@pytest.fixture
def inventory(ansible, ansible_environment, emulator, tmp_path) -> InventoryRunner:
    return InventoryRunner(ansible, tmp_path, ansible_environment)
