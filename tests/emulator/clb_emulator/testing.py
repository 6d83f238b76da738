# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator for tests: ``Emulator(scenario)`` in a thread, ``Emulator.spawn(scenario)`` as a process."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from . import scenario as scenarios
from .remote import Access, Remote
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from .alterations import Alter, Alterations
    from .clock import Clock

HOME = Path(__file__).resolve().parent.parent
"""The folder that holds this package; a process that runs the emulator needs it on its import path."""

START_SECONDS = 60.0


class Emulator(Access, Remote):
    """A running emulator and the way to control it.

    :param scenario: a mapping, or the path of a YAML file; None is a cloud without load balancers.
    :param like: a conformance report: the cloud behaves as the one that it saw.
    :param tls: serve HTTPS with this certificate and key, both paths of PEM files.
    :param clock: whose time it is; None: the machine's. Only for an emulator in this process.
    :param settings: keys that replace those of the scenario.
    """

    def __init__(
        self,
        scenario: Mapping[str, Any] | str | Path | None = None,
        *,
        like: str | Path | None = None,
        tls: tuple[str | Path, str | Path] | None = None,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self.scenario = _scenario(scenario, settings)
        if like is not None:
            self.scenario = dict(scenarios.like(self.scenario, Path(like)))
        self._clock = clock
        self._tls = tls
        self._runs: _Thread | _Process | None = None
        self._as_process = False

    @classmethod
    def spawn(cls, scenario: Mapping[str, Any] | str | Path | None = None, **options: Any) -> Emulator:
        """Return an emulator that runs as a process of its own, not in a thread of this one."""
        emulator = cls(scenario, **options)
        emulator._as_process = True
        return emulator

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Emulator:
        """Start it and wait until it listens.

        :raises RuntimeError: it did not start.
        """
        if self._as_process:
            self._runs = _Process(self.scenario, self._tls)
        else:
            self._runs = _Thread(self.scenario, self._tls, self._clock)
        self.url = self._runs.url
        return self

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._runs is not None:
            self._runs.stop()
            self._runs = None

    def load(self, scenario: Mapping[str, Any] | str | Path, **settings: Any) -> None:
        """Replace everything: load balancers, credentials, settings, faults, tasks and the journal."""
        self.scenario = _scenario(scenario, settings)
        self._control("POST", "scenario", self.scenario)

    def alter(self, action: str, function: Alter, *, times: int = -1, skip: int = 0) -> None:
        """Let a function change the answers of an action (a name or a pattern); see alterations.Alterations.add.

        :raises RuntimeError: the emulator is not started, or runs in another process; order a fault ``raw`` there.
        """
        self._alterations().add(action, function, times=times, skip=skip)

    def clear_alterations(self) -> None:
        """Remove all functions that change answers."""
        self._alterations().clear()

    def _alterations(self) -> Alterations:
        if not isinstance(self._runs, _Thread):
            raise RuntimeError("only an emulator in this process can call a function: not one that was spawned")
        return self._runs.server.cloud.alterations


def _scenario(scenario: Mapping[str, Any] | str | Path | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    raw = scenarios.load(Path(scenario)) if isinstance(scenario, (str, Path)) else scenario or {}
    return {**raw, **settings}


class _Thread:
    """A server in a thread of this process."""

    def __init__(
        self, scenario: dict[str, Any], tls: tuple[str | Path, str | Path] | None, clock: Clock | None
    ) -> None:
        self.server = Server(scenario, clock)
        context = None
        if tls is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*tls)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clb_emulator", daemon=True)
        self._thread.start()
        start = self.server.start("127.0.0.1", 0, context)
        self.url = asyncio.run_coroutine_threadsafe(start, self._loop).result(START_SECONDS)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()


class _Process:
    """A server in a process of its own."""

    def __init__(self, scenario: dict[str, Any], tls: tuple[str | Path, str | Path] | None) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="clb_emulator-")
        folder = Path(self._directory.name)
        (folder / "scenario.yml").write_text(yaml.safe_dump(scenario), encoding="utf-8")
        command = [sys.executable, "-m", "clb_emulator", "--scenario", "scenario.yml", "--ready-file", "ready"]
        if tls is not None:
            command += ["--cert", str(Path(tls[0]).resolve()), "--key", str(Path(tls[1]).resolve())]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, "PYTHONPATH": str(HOME)}, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not (folder / "ready").exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = (folder / "log").read_text(encoding="utf-8", errors="replace")
                self.stop()
                raise RuntimeError(f"the emulator did not start: {text}")
            time.sleep(0.02)
        self.url = (folder / "ready").read_text(encoding="utf-8")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(START_SECONDS)
        self._directory.cleanup()
