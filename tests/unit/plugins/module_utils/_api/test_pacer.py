# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.pacer import Lane, Pacer
from ansible_collections.tencentcloud.clb.plugins.module_utils._base import pace
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import WaitTimeout
from clb_emulator.clock import VirtualClock

from ...builders import budget_on, in_threads, neighbours, refused, rows

LIMIT = 20
"""Requests in a second that the API accepts."""
SLOW_DOWN = refused("RequestLimitExceeded", "slow down", "DescribeTargets")


class Drive:
    """Sends through one lane on a clock that passes only while somebody waits, against a window of one second."""

    def __init__(self, others=0.0):
        self.clock = VirtualClock()
        self.budget = budget_on(self.clock, 10000)
        self.lane = Lane("DescribeTargets")
        self.others = others
        self.accepted = []
        self.throttled = []

    def send(self):
        """One request; whether it was accepted."""
        self.lane.take_turn(self.budget)
        now = self.clock.seconds
        if sum(at > now - 1 for at in self.accepted) + self.others >= LIMIT:
            self.throttled.append(now)
            self.lane.throttled(self.budget, SLOW_DOWN)
            return False
        self.lane.answered()
        self.accepted.append(now)
        return True


def test_turns_are_evenly_spaced_and_the_first_one_of_a_lane_comes_at_once():
    drive, pacer = Drive(), Pacer()
    assert pacer.lane("A") is pacer.lane("A")
    pacer.lane("A").take_turn(drive.budget)
    pacer.lane("B").take_turn(drive.budget)
    assert drive.clock.seconds == 0
    assert all(drive.send() for _ in range(200))
    assert drive.accepted[0] == 0
    gaps = [after - before for before, after in neighbours(drive.accepted)]
    assert min(gaps) == pytest.approx(1 / pace.MAX_RATE, abs=0.0055)
    assert drive.accepted[-1] == pytest.approx(199 / pace.MAX_RATE, rel=0.01)
    # Requests that are late on their way do not fill a second.
    late = sorted(at + (0.09 if number % 7 == 0 else 0) for number, at in enumerate(drive.accepted))
    assert max(sum(at - 1 < other <= at for other in late) for at in late) <= LIMIT


@settings(max_examples=50)
@given(st.lists(st.floats(0, 0.5), min_size=50, max_size=120))
def test_a_lone_task_is_never_throttled_whatever_its_pauses(pauses):
    drive = Drive()
    for pause in pauses:
        drive.clock.sleep(pause if pause > 0.3 else 0)
        assert drive.send()


def test_throttling_halves_the_rate_at_most_once_a_second_and_pauses(monkeypatch):
    monkeypatch.setattr(pace, "THROTTLED", pace.THROTTLED._replace(least=None))
    drive = Drive()
    drive.lane.take_turn(drive.budget)
    for seconds in (0, 0.1, pace.HALVING_SECONDS - 0.01):
        drive.clock.seconds = seconds
        drive.lane.throttled(drive.budget, SLOW_DOWN, wait=False)
    drive.lane.take_turn(drive.budget)
    assert drive.clock.seconds == pytest.approx(pace.THROTTLED.first)
    drive.lane.take_turn(drive.budget)
    # Half of the rate, and what has recovered in a second.
    assert drive.clock.seconds - pace.THROTTLED.first == pytest.approx(1 / 10.25, rel=0.1)


@rows("share", 1, 0.1)
def test_pauses_grow_until_there_is_another_answer(share, monkeypatch):
    monkeypatch.setattr(pace.random, "uniform", lambda _least, most: share * most)
    drive, waits = Drive(), []
    for number in range(7):
        before = drive.clock.seconds
        if number == 6:
            drive.lane.answered()
        drive.lane.throttled(drive.budget, SLOW_DOWN)
        waits.append(drive.clock.seconds - before)
    assert waits == pytest.approx([share * seconds for seconds in (1, 2, 4, 8, 16, 16, 1)])


def test_an_answer_to_another_thread_may_come_while_the_lane_slows_down():
    drive = Drive()

    class Moment(float):
        def __sub__(self, other):
            drive.lane.answered()
            return float(self) - other

    drive.budget.now = lambda: Moment(drive.clock.seconds)
    drive.lane.throttled(drive.budget, SLOW_DOWN, wait=False)
    assert drive.lane._rate == pace.MAX_RATE / 2


def test_the_rate_recovers_by_one_a_second():
    drive = Drive()
    drive.lane.throttled(drive.budget, SLOW_DOWN, wait=False)
    for passed, rate in [(3, pace.MAX_RATE / 2 + 3), (6, pace.MAX_RATE / 2 + 6), (10, pace.MAX_RATE)]:
        drive.clock.seconds = passed
        drive.lane.take_turn(drive.budget)
        drive.lane.take_turn(drive.budget)
        assert drive.clock.seconds - passed == pytest.approx(1 / rate - pace.CATCH_UP_SECONDS, rel=0.02)


def test_a_throttled_task_finds_the_rate_that_others_leave():
    drive = Drive(others=12)
    done = sum(drive.send() for _ in range(600))
    assert done / drive.clock.seconds > 8 * 0.6
    assert len(drive.throttled) < 0.35 * done
    # A cloud that always throttles is asked seldom: 8 seconds on average, at random.
    drive = Drive(others=LIMIT)
    assert not any(drive.send() for _ in range(100))
    assert 400 < drive.clock.seconds < 1200


def test_waiting_for_a_turn_counts_against_the_budget():
    clock = VirtualClock()
    lane = Lane("DescribeTargets")
    budget = budget_on(clock, 0.1, grace=1)
    lane.take_turn(budget)
    lane.take_turn(budget)
    with pytest.raises(WaitTimeout, match=r"wait_timeout \(0\.1 s\) expired .* a turn to send DescribeTargets"):
        lane.take_turn(budget)
    assert clock.seconds == pytest.approx(0.1)
    lane.take_turn(budget, grace=True)
    assert 0.1 < clock.seconds < 0.2


def test_a_thread_that_waits_for_others_ends_with_the_budget():
    lane = Lane("DescribeTargets")
    lane.throttled(Budget(1, 0), SLOW_DOWN, wait=False)
    # As a thread does that waits for its turn.
    with lane._queue, pytest.raises(WaitTimeout, match=r"a turn to send .* slow down"):
        lane.take_turn(Budget(0.05, 0))


def test_threads_share_the_turns():
    lane, granted = Lane("DescribeTargets"), []

    def work(_number):
        for _ in range(3):
            lane.take_turn(Budget(30, 0))
            granted.append(time.monotonic())

    started = time.monotonic()
    in_threads(8, work)
    assert len(granted) == 24
    assert max(granted) - started > 0.9 * 23 / pace.MAX_RATE
