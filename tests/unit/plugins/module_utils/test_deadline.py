# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import gc
import threading
import time
import weakref

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.threads import DeadlineExceeded, call_within


def test_the_result_comes_back() -> None:
    assert call_within(5, lambda: 42) == 42


@pytest.mark.parametrize("error", [ValueError("x"), TimeoutError("own"), KeyboardInterrupt()])
def test_what_is_raised_is_raised_again(error: BaseException) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        call_within(5, fail)
    assert caught.value is error


def test_what_an_error_came_from_is_freed_at_once() -> None:
    """Megabytes of an answer would else stay until the garbage collector runs."""
    freed: list[str] = []

    def fail() -> None:
        body = threading.Event()
        weakref.finalize(body, freed.append, "body")
        raise ValueError

    gc.disable()
    try:
        with contextlib.suppress(ValueError):
            call_within(5, fail)
        assert freed == ["body"]
    finally:
        gc.enable()


def test_waiting_ends_with_the_time() -> None:
    hold = threading.Event()
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        call_within(0.05, lambda: hold.wait(10))
    assert time.monotonic() - started < 5
    hold.set()


def test_the_thread_does_not_hold_up_the_end_of_the_process() -> None:
    hold, seen = threading.Event(), []

    def work() -> None:
        seen.append(threading.current_thread().daemon)
        hold.wait(10)

    with pytest.raises(DeadlineExceeded):
        call_within(0.05, work)
    hold.set()
    assert seen == [True]
