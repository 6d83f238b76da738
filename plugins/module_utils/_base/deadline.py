# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Give up on something after so many seconds, whatever it waits for."""

from __future__ import annotations

import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Optional, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class DeadlineExceeded(Exception):
    """The time was up before there was a result."""


def call_within(seconds: float, function: Callable[[], T]) -> T:
    """Call a function, and stop waiting for it when the time is up.

    A socket's own time-out starts again with every byte and does not cover the look-up of a name, so that a server
    that sends one byte now and then, or a name server that is silent, would hold a task for ever. The thread that is
    given up keeps waiting on its own; it does not hold up the end of the process.

    :param function: what to call, in a thread of its own.
    :raises DeadlineExceeded: the time is up; the function may still be running.
    """
    ended: SimpleQueue[tuple[Optional[T], Optional[BaseException]]] = SimpleQueue()

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
        return cast("T", result)
    try:
        raise error
    finally:
        # Its traceback would keep this frame alive, and so the error and all that it came from: megabytes of an answer.
        del error
