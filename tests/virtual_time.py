# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time and threads of the harness: of all threads one runs at a time, and time passes only while all of them wait."""

from __future__ import annotations

import functools
import importlib
import io
import math
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clb_emulator.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

SECONDS_AT_START = 1_790_000_000.0
"""The time of day when every clock starts: seconds since 1970."""

ACTIVE: list[SharedClock] = []
"""The clock of the tasks that run; none, or one."""


class Endless(BaseException):
    """A task sends calls without end, or all of its threads wait for each other."""


@dataclass(eq=False)
class _Waiting:
    """A thread that waits until something is so, or until a moment."""

    ready: Callable[[], bool]
    until: float
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    stuck: bool = False


class SharedClock(Clock):
    """A clock for several threads, of which one runs at a time; it moves when all of them wait. It starts at 0.0.

    :param offset: seconds by which the cloud's time of day is ahead of the tasks'.
    :param seed: of the random pauses that tasks make.
    """

    def __init__(self, offset: float = 0.0, seed: int = 0) -> None:
        self.random = random.Random(seed)
        self.offset = offset
        self._now = 0.0
        self._waiting: list[_Waiting] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return SECONDS_AT_START + self._now + self.offset

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            # As a real sleep, even the shortest moves the clock.
            self.wait(lambda: False, max(seconds, 1e-6))

    def wait(self, ready: Callable[[], bool], seconds: float = math.inf) -> bool:
        """Let the other threads run until something is so, or the time is up; return whether it is so."""
        mine = self.enter(ready, seconds)
        chosen = self._choose()
        if chosen is not mine:
            chosen.gate.release()
            mine.gate.acquire()
        if mine.stuck:
            raise Endless("all threads wait for each other")
        return ready()

    def enter(self, ready: Callable[[], bool], seconds: float = math.inf) -> _Waiting:
        """Add a thread that waits."""
        mine = _Waiting(ready, self._now + seconds)
        self._waiting.append(mine)
        return mine

    def leave(self) -> None:
        """End the thread that runs."""
        if self._waiting:
            self._choose().gate.release()

    def _choose(self) -> _Waiting:
        """Take out the thread that runs next: of those that can, the one that has waited longest."""
        chosen = next((one for one in self._waiting if one.ready()), None)
        if chosen is None:
            chosen = min(self._waiting, key=lambda one: one.until)
            chosen.stuck = chosen.until == math.inf
            self._now = self._now if chosen.stuck else max(self._now, chosen.until)
        self._waiting.remove(chosen)
        return chosen


def _clock() -> SharedClock:
    return ACTIVE[0]


class _Semaphore:
    """threading.Semaphore on the shared clock."""

    def __init__(self, value: int = 1) -> None:
        self._value = value

    def acquire(self, blocking: bool = True, timeout: float | None = -1) -> bool:
        if self._value <= 0 and not blocking:
            return False
        if self._value <= 0:
            _clock().wait(lambda: self._value > 0, math.inf if timeout in (None, -1) else timeout)
        if self._value <= 0:
            return False
        self._value -= 1
        return True

    def release(self, n: int = 1) -> None:
        self._value += n

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_exception: object) -> None:
        self.release()


class _Lock(_Semaphore):
    def __init__(self) -> None:
        super().__init__(1)


class _Event:
    """threading.Event on the shared clock."""

    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True

    def wait(self, timeout: float | None = None) -> bool:
        return self._set or _clock().wait(self.is_set, math.inf if timeout is None else timeout)


class Thread:
    """threading.Thread on the shared clock."""

    def __init__(self, *, target: Callable[..., object], args: Sequence[Any] = (), daemon: bool = True) -> None:
        self._work = functools.partial(target, *args)
        self._started, self._done = False, False
        self._error: BaseException | None = None

    def start(self) -> None:
        clock, self._started = _clock(), True
        mine = clock.enter(lambda: True)

        def run() -> None:
            mine.gate.acquire()
            try:
                self._work()
            except BaseException as error:  # noqa: BLE001 - join() raises it again
                self._error = error
            finally:
                self._done = True
                clock.leave()

        threading.Thread(target=run, daemon=True).start()

    def is_alive(self) -> bool:
        return self._started and not self._done

    def join(self, timeout: float | None = None) -> None:
        if not self._done:
            _clock().wait(lambda: self._done, math.inf if timeout is None else timeout)
        if self._error is not None:
            raise self._error


class _Time:
    """The module ``time`` on the shared clock."""

    @staticmethod
    def monotonic() -> float:
        # As on a real machine, its start is not the task's.
        return 1000.0 + _clock().now()

    @staticmethod
    def time() -> float:
        return SECONDS_AT_START + _clock().now()

    @staticmethod
    def sleep(seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        _clock().sleep(seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class _Threading:
    """The module ``threading`` on the shared clock."""

    Thread, Lock, Event, Semaphore = Thread, _Lock, _Event, _Semaphore
    get_ident, current_thread, local = threading.get_ident, threading.current_thread, threading.local


class _Random:
    """The module ``random`` with the clock's own numbers."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_clock().random, name)


_TIME = _Time()
_SHIMS: dict[int, Any] = {
    id(time): _TIME,
    id(time.monotonic): _TIME.monotonic,
    id(time.sleep): _TIME.sleep,
    id(time.time): _TIME.time,
    id(threading): _Threading(),
    id(threading.Thread): Thread,
    id(threading.Lock): _Lock,
    id(threading.Event): _Event,
    id(threading.Semaphore): _Semaphore,
    id(random): _Random(),
}
"""The ID of what plugins use -> what stands there while a task runs."""


class Patch(NamedTuple):
    """One attribute of an object, or one key of a dict, and what stands there while a task runs."""

    owner: Any
    name: str
    original: Any
    shim: Any

    def set(self, value: Any) -> None:
        if isinstance(self.owner, dict):
            self.owner[self.name] = value
        else:
            setattr(self.owner, self.name, value)


@functools.cache
def import_all(package: ModuleType) -> None:
    """Import every module of a package: some are imported late, only where a task needs them."""
    for folder in package.__path__:
        for file in Path(folder).rglob("*.py"):
            importlib.import_module(".".join([package.__name__, *file.relative_to(folder).with_suffix("").parts]))


def shims_in(names: dict[str, Any], package: str) -> Iterator[Patch]:
    """What a module uses of time, threads and random numbers, default values of the package's functions included."""
    for name, value in list(names.items()):
        if id(value) in _SHIMS:
            yield Patch(names, name, value, _SHIMS[id(value)])
        elif str(getattr(value, "__module__", "")).startswith(package):
            functions = [value, *vars(value).values()] if isinstance(value, type) else [value]
            for function in functions:
                for option, default in (getattr(function, "__kwdefaults__", None) or {}).items():
                    if id(default) in _SHIMS:
                        yield Patch(function.__kwdefaults__, option, default, _SHIMS[id(default)])


@dataclass
class Said:
    """What one run prints."""

    output: io.StringIO = field(default_factory=io.StringIO)
    warnings: list[str] = field(default_factory=list)


class _SaidByThread(threading.local):
    def __init__(self) -> None:
        self.stack: list[Said] = []


SAID = _SaidByThread()


class Stdout(io.TextIOBase):
    """Standard output, parted by run."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def write(self, text: str) -> int:
        return (SAID.stack[-1].output if SAID.stack else self._real).write(text)
