# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sorting, retries, credentials and clock; what goes over the wire is in test_client_wire.py."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._api import client as client_module
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.pacer import Lane, Pacer
from ansible_collections.tencentcloud.clb.plugins.module_utils._base import errors, pace
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import WaitTimeout
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.refusals import Remedy
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.secrets import Secrets
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials import credentials as sources
from clb_emulator.clock import VirtualClock

from ...builders import budget_on, in_threads, neighbours, refused, rows
from ..loopback import KEY, TOKEN, HttpServer, Reply, SkippingBudget, error, make_client, response

HTML = b"<html><body>login</body></html>"
DOUBTFUL = {
    "internal error": error("InternalError"),
    "internal error of a kind": error("InternalError.Busy"),
    "502 with HTML": Reply(HTML, 502),
    "200 with HTML": Reply(HTML, headers={"Content-Type": "text/html"}),
    "torn": Reply(b'{"Response": {"Req'),
    "500 with an answer": Reply(b'{"Response": {"RequestId": "r-1"}}', 500),
    "no response": Reply(b"{}"),
    "cut": Reply(cut=True),
    "cut within the body": Reply(b'{"Response": {}}', torn=True),
    "nested too deep": Reply(b"[" * 100000),
}
doubtful = pytest.mark.parametrize("reply", DOUBTFUL.values(), ids=DOUBTFUL.keys())


@doubtful
def test_reads_are_sent_again_but_for_a_last_attempt_and_writes_are_not(reply):
    budget = SkippingBudget()
    with HttpServer(*[reply] * 4, response(Ok=1)) as server:
        client = make_client(server.url, budget=budget)
        with pytest.raises(errors.OutcomeUnknown):
            client.write("BatchRegisterTargets", {})
        with pytest.raises(errors.ClbError):
            client.read("DescribeTargets", {}, last_attempt=True)
        assert (len(server.seen), budget.slept) == (2, [])
        assert client.read("DescribeTargets", {})["Ok"] == 1
    assert client.api_calls == {"BatchRegisterTargets": 1, "DescribeTargets": 4}
    assert len(budget.slept) == 2


@doubtful
@rows("seconds, words", (300, "It was sent again for 60 s."), (30, "until wait_timeout (30 s)"))
def test_reads_are_repeated_for_60_seconds_within_the_budget_and_then_say_why(reply, seconds, words):
    budget = SkippingBudget(seconds)
    with HttpServer(response(), reply) as server:
        client = make_client(server.url, budget=budget)
        client.read("DescribeTargets", {})
        with pytest.raises(errors.ClbError) as caught:
            client.read("DescribeTargets", {})
    assert sum(budget.slept) == pytest.approx(min(seconds, pace.PATIENCE_SECONDS))
    assert "DescribeTargets" in caught.value.message
    assert words in caught.value.message
    assert caught.value.code in ("InternalError", "InternalError.Busy", "UnexpectedAnswer", "ConnectionFailed")


@doubtful
def test_the_first_read_of_a_task_is_repeated_where_the_address_is_not_in_doubt(reply):
    budget = SkippingBudget()
    with HttpServer(reply) as server, pytest.raises(errors.ClbError) as caught:
        make_client(server.url, budget=budget).read("DescribeTargets", {})
    passes = caught.value.code != "UnexpectedAnswer" or "HTTP 50" in caught.value.message
    assert (sum(budget.slept) == pytest.approx(pace.PATIENCE_SECONDS)) is passes
    assert passes or len(server.seen) == pace.FIRST_ATTEMPTS


def test_what_does_not_pass_is_not_repeated():
    for reply in (error("AuthFailure"), error("Unheard.Of"), Reply(b"", 302, {"Location": "http://[bad"})):
        with HttpServer(reply) as server, pytest.raises((errors.Refused, errors.UnexpectedAnswer)):
            make_client(server.url).read("DescribeTargets", {})
        assert len(server.seen) == 1


def test_a_read_that_never_went_out_is_tried_again_and_a_write_says_so():
    with HttpServer() as closed:
        pass
    budget = SkippingBudget()
    client = make_client(closed.url, budget=budget)
    with pytest.raises(errors.NotSent, match=r"can't connect: [^W]*refused"):
        client.write("BatchRegisterTargets", {})
    assert budget.slept == []
    with pytest.raises(errors.ConnectionFailed, match=r"can't connect[^$]*Check endpoint"):
        client.read("DescribeTargets", {})
    assert client.api_calls == {"BatchRegisterTargets": 1, "DescribeTargets": pace.FIRST_ATTEMPTS}


THROTTLED = [error("RequestLimitExceeded.UinLimitExceeded"), Reply(HTML, 429), Reply(b'{"error": "slow down"}', 429)]
BUSY = [
    error("FailedOperation.ResourceInOperating"),
    error("ResourceInUse.Something"),
    error("FailedOperation", "Same wsName is Working(7), pls Try Later"),
]


@pytest.mark.parametrize("refusal", THROTTLED)
def test_reads_back_off_when_throttled(refusal, monkeypatch):
    monkeypatch.setattr(pace, "THROTTLED", pace.THROTTLED._replace(least=None))
    budget = SkippingBudget()
    with HttpServer(refusal, refusal, refusal, response()) as server:
        make_client(server.url, budget=budget).read("Anything", {})
    assert list(filter(None, budget.slept)) == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("refusal", BUSY)
def test_reads_wait_while_the_load_balancer_is_busy(refusal):
    budget = SkippingBudget()
    with HttpServer(*[refusal] * 10, response()) as server:
        make_client(server.url, budget=budget).read("Anything", {})
    assert len(budget.slept) == 10


@rows(
    "refusal, remedy",
    *((reply, Remedy.WAIT_THROTTLED) for reply in THROTTLED),
    *((reply, Remedy.WAIT_BUSY) for reply in BUSY),
)
def test_writes_leave_sending_again_to_the_caller(refusal, remedy):
    budget = SkippingBudget()
    with HttpServer(refusal, response()) as server, pytest.raises(errors.Refused) as caught:
        make_client(server.url, budget=budget).write("BatchRegisterTargets", {})
    assert caught.value.remedy is remedy
    assert len(server.seen) == 1
    assert bool(budget.slept) is (remedy is Remedy.WAIT_THROTTLED)


def test_the_budget_ends_waiting_with_the_reason():
    with HttpServer(error("RequestLimitExceeded", "slow down")) as server, pytest.raises(errors.WaitTimeout) as caught:
        make_client(server.url, budget=SkippingBudget(40), pacer=Pacer()).read("DescribeTargets", {})
    assert caught.value.message.startswith("wait_timeout (40 s) expired while waiting for a turn to send Desc")
    assert "The last answer was: " in caught.value.message
    assert "slow down" in caught.value.message


def test_nothing_is_sent_when_the_time_is_up():
    with HttpServer() as server, pytest.raises(errors.WaitTimeout, match="expired before BatchRegisterTargets could"):
        make_client(server.url, seconds=0).write("BatchRegisterTargets", {})
    assert server.seen == []


@rows(
    "reply",
    error("Unheard.Of", f"not {KEY} and {TOKEN}, Signature=00ff"),
    error(f"Odd.{KEY}"),
    Reply(HTML, 502, {"Content-Type": KEY}),
)
def test_answers_that_show_secrets_are_masked(reply):
    with HttpServer(reply) as server, pytest.raises(errors.ClbError) as caught:
        make_client(server.url, seconds=0).read("DescribeTargets", {}, last_attempt=True)
    told = f"{caught.value} {caught.value.message} {caught.value.api_message} {caught.value.code}"
    assert "********" in told
    assert not [secret for secret in (KEY, TOKEN, "00ff") if secret in told]


def test_half_a_character_is_refused_before_it_is_sent():
    with HttpServer() as server, pytest.raises(errors.InvalidArgument, match=r"'\\ud83d' can't be sent, because"):
        make_client(server.url).write("BatchModifyTargetTag", {"Tag": "\ud83d"})
    assert server.seen == []


class Fetches:
    """Hands out credentials with a number in their ID."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return sources.Credentials(f"AKID{self.count}", f"key{self.count}", f"token{self.count}", time.time() + 7200)


@pytest.mark.parametrize("code", client_module.RENEWABLE)
@rows("send", "read", "write")
def test_credentials_that_ended_early_are_renewed_once(code, send):
    fetch, secrets = Fetches(), Secrets()
    with HttpServer(response(), error(code), response()) as server:
        client = make_client(server.url, credentials=sources.RefreshableCredentials(fetch, secrets), secrets=secrets)
        client.read("DescribeTargets", {})
        getattr(client, send)("Anything", {})
    assert [seen.headers["x-tc-token"] for seen in server.seen] == ["token1", "token1", "token2"]
    assert {"key1", "token1", "key2", "token2"} <= set(secrets)


@pytest.mark.parametrize("code", client_module.RENEWABLE)
def test_refused_fresh_credentials_end_it(code):
    fetch = Fetches()
    with HttpServer(error(code)) as server, pytest.raises(errors.Refused):
        make_client(server.url, credentials=sources.RefreshableCredentials(fetch, Secrets())).write(
            "BatchRegisterTargets", {}
        )
    assert fetch.count == len(server.seen) == 2
    with HttpServer(error(code)) as server, pytest.raises(errors.Refused):
        make_client(server.url).write("BatchRegisterTargets", {})
    assert len(server.seen) == 1


def test_threads_share_a_client():
    secrets, fetch = Secrets(), Fetches()
    credentials = sources.RefreshableCredentials(fetch, secrets)
    with HttpServer(Reply(response().body, delay=0.02)) as server:
        client = make_client(server.url, credentials=credentials, secrets=secrets)

        def work(_number):
            for _ in range(10):
                client.read("DescribeTargets", {})
                assert list(secrets)

        in_threads(8, work)
    assert client.api_calls == {"DescribeTargets": 80}
    assert (len(server.seen), fetch.count) == (80, 1)
    assert len({seen.connection for seen in server.seen}) <= 8
    # A key, a token, and the last signature of each thread.
    assert 3 <= len(list(secrets)) <= 10


# -- the turns of requests


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
