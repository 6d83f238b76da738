# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's commands, forked from a process that has imported them, so that a run needs a third of the time.

Each run is a process of its own, with its own arguments, environment, folder and output. A server imports Ansible and
runs nothing itself. Ansible reads its settings while it is imported: so each set of ``ANSIBLE_*`` variables has a
server of its own, from its second use on. What is used once, or where an ``ansible.cfg`` lies, is started as ever.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Command = Sequence[str | Path]

COMMANDS = ("ansible-inventory", "ansible-playbook")
# What nearly every run loads later on.
PLUGINS = (
    *("action.assert", "action.debug", "action.normal", "action.set_fact", "cache.memory", "callback.default"),
    *("connection.local", "filter.core", "inventory.auto", "inventory.ini", "inventory.yaml", "shell.sh"),
    *("strategy.linear", "test.core", "vars.host_group_vars"),
)


class ForkedRun:
    """A started command; the part of ``subprocess.Popen`` that tests use."""

    def __init__(self, server: _Server, number: int) -> None:
        self._server, self._number = server, number
        self.pid = server.told(f"{number} pid", None)

    @property
    def returncode(self) -> int | None:
        """The exit status, None while nobody has asked for it since the end."""
        return self._server.words.get(f"{self._number} exit")

    def poll(self) -> int | None:
        with contextlib.suppress(TimeoutError):
            self._server.told(f"{self._number} exit", 0)
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Return what was printed until the end. Raises ``subprocess.TimeoutExpired`` after ``timeout`` seconds."""
        try:
            self._server.told(f"{self._number} exit", timeout)
        except TimeoutError:
            raise subprocess.TimeoutExpired("ansible", timeout or 0) from None
        out, err = (file.read_text(encoding="utf-8") for file in self._server.output(self._number))
        return out, err


class _Server:
    """A process that forks runs of Ansible with the settings of this environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.words: dict[str, int] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="forks-")
        self._numbers = itertools.count(1)
        self._control, theirs = socket.socketpair()
        self._lines = b""
        with theirs:
            self._process = subprocess.Popen([sys.executable, __file__], env=environment, stdin=theirs)

    def output(self, number: int) -> list[Path]:
        """Return the files with what a run has printed, and with its errors."""
        return [Path(self._folder.name, f"{number}.{stream}") for stream in ("out", "err")]

    def start(self, command: Command, cwd: Path, env: Mapping[str, str]) -> ForkedRun:
        number = next(self._numbers)
        request = {"number": number, "command": command, "cwd": cwd, "env": env, "output": self.output(number)}
        self._control.settimeout(None)
        self._control.sendall(json.dumps(request, default=str).encode() + b"\n")
        return ForkedRun(self, number)

    def told(self, word: str, timeout: float | None) -> int:
        """Wait until the server has told a number and return it. Raises ``TimeoutError`` after ``timeout`` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while word not in self.words:
            ready, _, _ = select.select([self._control], [], [], deadline and max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            received = self._control.recv(1 << 16)
            if not received:
                raise RuntimeError("the process that forks Ansible has ended")
            *lines, self._lines = (self._lines + received).split(b"\n")
            self.words.update((line.rpartition(b" ")[0].decode(), int(line.split()[-1])) for line in lines)
        return self.words[word]

    def stop(self) -> None:
        self._control.close()
        self._process.wait()
        self._folder.cleanup()


class Ansible:
    """Starts Ansible's commands, without input: those with settings that were used before are forked."""

    def __init__(self) -> None:
        self._servers: dict[str, _Server] = {}
        self._used: set[str] = set()

    def start(self, command: Command, cwd: Path, env: Mapping[str, str]) -> ForkedRun | subprocess.Popen[str]:
        settings = json.dumps(sorted(item for item in env.items() if item[0].startswith("ANSIBLE_")))
        if settings not in self._used or (cwd / "ansible.cfg").exists():
            self._used.add(settings)
            pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            return subprocess.Popen(command, cwd=cwd, env=env, encoding="utf-8", **pipes)
        if settings not in self._servers:
            self._servers[settings] = _Server({**os.environ, **dict(json.loads(settings)), "LC_ALL": "C.UTF-8"})
        return self._servers[settings].start(command, cwd, env)

    def run(self, command: Command, cwd: Path, env: Mapping[str, str], timeout: float):
        """Run a command to its end, or kill it and raise ``subprocess.TimeoutExpired`` after ``timeout`` seconds."""
        started = self.start(command, cwd, env)
        try:
            stdout, stderr = started.communicate(timeout=timeout)
        finally:
            started.kill()
        return subprocess.CompletedProcess(command, started.returncode or 0, stdout, stderr)

    def stop(self) -> None:
        for server in self._servers.values():
            server.stop()


def _serve() -> None:
    """Fork a run for each line that asks for one, until nobody is left who could."""
    mains = {name: importlib.import_module(f"ansible.cli.{name.removeprefix('ansible-')}").main for name in COMMANDS}
    for name in ("executor.playbook_executor", *(f"plugins.{plugin}" for plugin in PLUGINS)):
        importlib.import_module(f"ansible.{name}")
    control = socket.socket(fileno=0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the watchers
    for line in control.makefile("rb"):
        if not os.fork():
            request = json.loads(line)
            _watch(request["number"], control)
            _become(request)
            mains[Path(sys.argv[0]).name]()
            sys.exit(0)


def _watch(number: int, control: socket.socket) -> None:
    """Return in a child; report its ID and its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    child = os.fork()
    if child:
        control.sendall(b"%d pid %d\n" % (number, child))
        control.sendall(b"%d exit %d\n" % (number, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
        os._exit(0)


def _become(request: Mapping[str, Any]) -> None:
    """Take what a run has of its own: output, environment, and a folder for Ansible's temporary files."""
    from ansible import constants
    from ansible.utils.path import cleanup_tmp_file

    for number, file in enumerate((os.devnull, *request["output"])):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv = request["command"]
    atexit.unregister(cleanup_tmp_file)
    temporary = constants.config.get_config_value("DEFAULT_LOCAL_TMP", variables=vars(constants))
    constants.set_constant("DEFAULT_LOCAL_TMP", temporary)


if __name__ == "__main__":
    _serve()
