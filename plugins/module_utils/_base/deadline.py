# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Give up on something after so many seconds, whatever it waits for."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, TypeVar

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
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(function())
        except BaseException as exc:  # noqa: BLE001 - whatever it is, the caller raises it again
            future.set_exception(exc)

    threading.Thread(target=work, daemon=True).start()
    try:
        return future.result(seconds)
    except FutureTimeoutError:
        if future.done():
            # The function's own TimeoutError, which is the same class on newer Python; or a result at the last moment.
            return future.result()
        raise DeadlineExceeded from None
