# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import gc
import threading
import time
import weakref
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import WaitTimeout
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.pace import Waits
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.threads import DeadlineExceeded, call_within
from clb_emulator.clock import VirtualClock

from ..builders import budget_on, neighbours, rows


@rows("passed, remaining, until_end", (0, 10, 15), (4, 6, 11), (10, 0, 5), (12, 0, 3), (15, 0, 0), (99, 0, 0))
def test_work_starts_until_the_deadline_and_answers_come_until_the_end(passed, remaining, until_end):
    clock = VirtualClock()
    clock.sleep(1000)
    budget = budget_on(clock, 10, grace=5)
    clock.sleep(passed)
    assert (budget.remaining(), budget.until_end()) == (remaining, until_end)
    assert budget.now() == 1000 + passed


@rows("passed, seconds, slept", (0, 11, 10), (9, 5, 1), (0, 10, 10), (10, 1, 0), (20, 1, 0))
def test_a_sleep_ends_at_the_deadline_and_says_what_for(passed, seconds, slept):
    clock = VirtualClock()
    budget = Budget(10, 30, name="timeout", clock=clock.now, pause=clock.sleep)
    clock.sleep(passed)
    with pytest.raises(WaitTimeout, match=r"^timeout \(10 s\) expired while waiting for the task t-1"):
        budget.sleep(seconds, "the task t-1")
    assert clock.seconds == passed + slept


@given(st.floats(0.01, 5), st.floats(1.0, 3), st.floats(0.01, 30))
def test_delays_grow_to_a_cap_and_stay_there(first, factor, maximum):
    delays = list(islice(Waits("", first, factor, maximum, "").delays(), 12))
    assert delays[0] == min(first, maximum)
    assert delays == sorted(delays)
    assert max(delays) <= maximum
    for before, after in neighbours(delays):
        assert after == pytest.approx(min(before * factor, maximum))


WAITS = Waits("rain", 1, 2, 3, "the day")


def test_random_waits_lie_between_the_least_and_the_growing_number():
    runs = [list(islice(WAITS._replace(least=0.5).delays(), 60)) for _ in range(2)]
    assert runs[0] != runs[1]
    for waits in runs:
        assert all(0.5 <= wait <= most for wait, most in zip(waits, WAITS.delays()))
        assert max(waits) > 2


@rows("at_once, looks", (False, [1, 3, 6, 9]), (True, [0, 1, 3, 6, 9]))
def test_polls_come_with_growing_delays_and_end_with_the_budget(at_once, looks):
    clock = VirtualClock()
    polls = budget_on(clock, 10).polls(WAITS, "rain", at_once=at_once)
    for passed in looks:
        assert next(polls) == clock.seconds == passed
    with pytest.raises(WaitTimeout, match=r"wait_timeout \(10 s\) expired while waiting for rain"):
        next(polls)
    assert clock.seconds == 10


def test_only_the_last_attempt_sleeps_in_the_grace():
    clock = VirtualClock()
    budget = budget_on(clock, 10, grace=5)
    clock.sleep(12)
    with pytest.raises(WaitTimeout):
        budget.sleep(1, "rain")
    assert clock.seconds == 12
    budget.sleep(1, "rain", grace=True)
    assert clock.seconds == 13
    with pytest.raises(WaitTimeout):
        budget.sleep(3, "rain", grace=True)
    assert clock.seconds == 15


# -- a deadline for one function


@rows("error", ValueError("x"), TimeoutError("own"), KeyboardInterrupt())
def test_a_result_comes_back_and_what_is_raised_is_raised_again(error):
    def fail():
        raise error

    assert call_within(5, lambda: 42) == 42
    with pytest.raises(type(error)) as caught:
        call_within(5, fail)
    assert caught.value is error


def test_what_an_error_came_from_is_freed_at_once():
    """Megabytes of an answer would else stay until the garbage collector runs."""
    freed = []

    def fail():
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


def test_waiting_ends_with_the_time_and_the_thread_does_not_hold_up_the_end_of_the_process():
    hold, seen = threading.Event(), []

    def work():
        seen.append(threading.current_thread().daemon)
        hold.wait(10)

    started = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        call_within(0.05, work)
    assert time.monotonic() - started < 5
    hold.set()
    assert seen == [True]
