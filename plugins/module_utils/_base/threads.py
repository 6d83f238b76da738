# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work in threads: side by side, or with a limit of time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, Optional, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")
Value = TypeVar("Value")

MAX_THREADS = 64
"""Load balancers worked on at once: 18.5 requests a second times the seconds that a task of the cloud takes."""


@dataclass(frozen=True)
class Finished(Generic[Value]):
    """The end of the work on one item: exactly one of the two is set, unless the work returns None."""

    value: Value | None = None
    error: Exception | None = None

    def get(self) -> Value:
        """The value; raises the error where there is one."""
        if self.value is None:
            raise self.error or RuntimeError("there is no value")
        return self.value


def side_by_side(
    work: Callable[[Item], Value], items: Sequence[Item], max_threads: int = MAX_THREADS
) -> list[Finished[Value]]:
    """Work on every item in threads, begun in the order of the items; what one raises stops no other.

    :returns: how each ended, in the order of the items.
    """
    results: list[Finished[Value]] = [Finished() for _item in items]
    numbers = iter(range(len(items)))
    lock = threading.Lock()

    def run() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                results[number] = Finished(work(items[number]))
            except Exception as exc:  # noqa: BLE001 - the caller sorts the errors of each item
                results[number] = Finished(error=exc)

    if len(items) == 1:
        run()
        return results
    threads = [threading.Thread(target=run, daemon=True) for _number in range(min(max_threads, len(items)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class DeadlineExceeded(Exception):
    """The time was up before there was a result."""


def call_within(seconds: float, function: Callable[[], Value]) -> Value:
    """Call a function in a thread of its own, and stop waiting for it when the time is up.

    A socket's own time-out starts again with every byte and does not cover the look-up of a name, so that a server
    that sends one byte now and then, or a name server that is silent, would hold a task for ever. The thread that is
    given up keeps waiting on its own; it does not hold up the end of the process.

    :raises DeadlineExceeded: the time is up; the function may still be running.
    """
    ended: SimpleQueue[tuple[Optional[Value], Optional[BaseException]]] = SimpleQueue()

    def work() -> None:
        try:
            ended.put((function(), None))
        except BaseException as exc:  # noqa: BLE001 - whatever it is, the caller raises it again
            ended.put((None, exc))

    threading.Thread(target=work, daemon=True).start()
    try:
        result, error = ended.get(timeout=seconds)
    except Empty:
        raise DeadlineExceeded from None
    if error is None:
        return cast("Value", result)
    try:
        raise error
    finally:
        # Its traceback would keep this frame alive, and so the error and all that it came from: megabytes of an answer.
        del error
