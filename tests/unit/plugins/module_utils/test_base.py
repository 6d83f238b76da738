# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import contextlib
import gc
import gzip
import json
import threading
import time
import weakref
import zlib
from itertools import islice

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._base import errors, limits
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import WaitTimeout
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.pace import Waits
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.secrets import (
    MASK,
    Secrets,
    embedded_passwords,
    may_show,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.threads import DeadlineExceeded, call_within
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.request import MAXIMA, check_range
from clb_emulator.clock import VirtualClock

from ..builders import budget_on, in_threads, neighbours, rows


@rows("name",
    "InvalidArgument", "CredentialsNotFound", "ConnectionFailed", "UnexpectedAnswer", "GuardRefused", "WaitTimeout",
)  # fmt: skip
def test_the_codes_without_the_clouds_part_are_the_contracts(name):
    error = getattr(errors, name)("what happened")
    assert isinstance(error, errors.ClbError)
    assert (error.code, error.action, error.request_id) == (name, None, None)
    assert error.message == error.api_message == str(error) == "what happened"


def test_a_refusal_keeps_the_clouds_own_words_beside_the_message():
    told = {"code": "X.Y", "action": "A", "request_id": "r-1", "api_message": "words"}
    error = errors.Refused("A was refused: words", **told)
    assert (error.message, {name: getattr(error, name) for name in told}) == ("A was refused: words", told)


def test_narrower_kinds_have_the_code_of_the_contract():
    for kind, base in ((errors.NotSent, errors.ConnectionFailed), (errors.UnhealthyTimeout, errors.WaitTimeout)):
        assert isinstance(kind("what happened"), base)
        assert kind("what happened").code == base.__name__


@rows("text, shown",
    ("plain text, 中文, é", "plain text, 中文, é"), ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
    ("a\nb\tc\r", r"a\nb\tc\r"), ("\u202eevil\u2066", r"\u202eevil\u2066"),
    ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
    ("line\u2028end", r"line\u2028end"), ("\x7f\x85\x9b", r"\x7f\x85\x9b"), ("half \ud83d", r"half \ud83d"),
    ("tag \U000e0041", r"tag \U000e0041"), ("", ""),
)  # fmt: skip
def test_what_steers_a_terminal_is_escaped(text, shown):
    assert errors.printable(text) == shown
    assert errors.printable(shown) == shown


def test_long_texts_are_cut():
    for text in ("x" * 10_000_000, "\x1b" * 10_000_000):
        shown = errors.printable(text)
        assert len(shown) < errors.MAX_SHOWN + 50
        assert shown.endswith("... (10000000 characters in all)")
    assert errors.printable("x" * errors.MAX_SHOWN) == "x" * errors.MAX_SHOWN


def test_numbers_of_any_length_can_be_shown():
    for number, shown in ((5, "5"), (-7, "-7"), (10**40, "more than 40"), (-(10**5000), "more than 40")):
        assert shown in errors.printable_number(number)


def test_no_message_can_steer_a_terminal_whoever_its_parts_come_from():
    """Names of instances, listeners and load balancers are words of somebody else."""
    error = errors.ClbError("web-\x1b[31m1 \u202e is bound")
    assert error.message == error.api_message == r"web-\x1b[31m1 \u202e is bound"
    error.add("Look\rthere.")
    assert error.message == r"web-\x1b[31m1 \u202e is bound. Look\rthere."
    assert errors.escape("grün 绿 naïve a\tb\u2028c\ud800") == r"grün 绿 naïve a\tb\u2028c\ud800"


# -- limits of JSON, bodies, files and times


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSON, st.booleans())
def test_json_is_what_json_is(value, ascii_only):
    assert limits.parse_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@rows("content", b"NaN", b"-Infinity", b"1e400", b"1" * 21, b'{"a":1,"a":1}', b'"\\udc00"', b"\xff", b"")
def test_what_is_refused_is_not_shown(content):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is looked at
        limits.parse_json(b'{"sEcReT": %s}' % content if content else content)
    assert "sEcReT" not in str(caught.value)
    assert caught.value.__cause__ is None


@given(st.binary(max_size=5000), st.integers(1, 700))
def test_bodies_come_in_pieces(body, size):
    for encoding, packed in (
        ("", body),
        ("identity", body),
        (" GZIP ", gzip.compress(body)),
        ("x-gzip", gzip.compress(body) + gzip.compress(b"!")),
        ("deflate", zlib.compress(body)),
    ):
        pieces = [packed[start : start + size] for start in range(0, len(packed), size)]
        assert limits.unpack(pieces, encoding) == (body + b"!" if encoding == "x-gzip" else body)


@rows("pieces, encoding, maximum",
    ([b"x" * 11], "", 10), ([b"x"] * 11, "", 10), ([gzip.compress(b"x" * 11)], "gzip", 10),
    ([gzip.compress(b"x" * 10**8)], "gzip", 10**6), ([gzip.compress(b"")] * 10, "gzip", 100),
)  # fmt: skip
def test_a_body_has_a_limit(pieces, encoding, maximum):
    with pytest.raises(limits.TooLarge, match="more than"):
        limits.unpack(pieces, encoding, maximum)


def test_a_packed_body_that_breaks_off():
    with pytest.raises(ValueError, match="breaks off"):
        limits.unpack([gzip.compress(b"hello")[:-4]], "gzip")
    assert limits.unpack([], "gzip") == b""


def test_a_regular_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * limits.MAX_FILE_BYTES)
    assert limits.read_file(path) == b"x" * limits.MAX_FILE_BYTES
    link = tmp_path / "link"
    link.symlink_to(path)
    assert len(limits.read_file(link)) == limits.MAX_FILE_BYTES


@pytest.mark.parametrize("name", MAXIMA)
def test_times_are_bounded_and_named(name):
    check_range({name: 1}, name, 1)
    check_range({name: MAXIMA[name]}, name, 1)
    for value in (0, -1, 10**30, 10**5000, MAXIMA[name] + 1):
        with pytest.raises(errors.InvalidArgument, match=f"^{name} .* from 1 to {MAXIMA[name]}"):
            check_range({name: value}, name, 1)


# -- secrets


SECRET = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=20)


@given(st.lists(SECRET, min_size=1, max_size=4), st.data())
def test_no_secret_survives(secrets, data):
    assume(not any(mask in secret or secret in mask for secret in secrets for mask in (MASK, "*" * 6)))
    pieces = data.draw(st.lists(st.sampled_from([*secrets, " and ", "\n"]), max_size=8))
    scrubbed = Secrets(secrets).scrub(" ".join(pieces))
    assert not [secret for secret in secrets if secret in scrubbed]


def test_a_secret_inside_another_leaves_no_rest():
    assert Secrets(["key-1", "key-1-and-more"]).scrub("key-1-and-more, key-1") == f"{MASK}, {MASK}"


@rows("text", "Signature=00ffAA", "TC3-HMAC-SHA256 Credential=AKID/x, Signature=0123456789abcdef")
def test_signatures_are_masked(text):
    assert Secrets().scrub(f"{text}, end") == f"{text.rpartition('=')[0]}={MASK}, end"


def test_the_signature_of_the_last_request_is_one():
    secrets = Secrets(["key"])
    secrets.remember_signature("00ff")
    assert secrets.scrub("00ff key") == f"{MASK} {MASK}"
    secrets.remember_signature("11ee")
    assert sorted(secrets) == ["11ee", "key"]


def test_nothing_is_no_secret_and_the_repr_shows_none():
    secrets = Secrets([None, ""])
    secrets.add(None, "")
    assert list(secrets) == []
    assert secrets.scrub("as it was") == "as it was"
    assert "sEcReT" not in repr(Secrets(["sEcReT"]))


def test_threads_add_while_others_read():
    secrets, stop = Secrets(["key"]), threading.Event()

    def add():
        number = 0
        while not stop.is_set():
            number += 1
            secrets.add(f"key-{number % 500}")
            secrets.remember_signature(f"{number:064x}")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        assert "key" in set(secrets)
        assert secrets.scrub("key") == MASK
    stop.set()
    for thread in threads:
        thread.join()


def test_the_last_signature_of_each_thread_is_kept():
    secrets, gate = Secrets(), threading.Barrier(4)

    def sign(number):
        gate.wait()
        for signature in ("older", f"{number:064x}"):
            secrets.remember_signature(signature)
        gate.wait()

    in_threads(4, sign)
    assert set(secrets) == {f"{number:064x}" for number in range(4)}


@rows(
    "text, password",
    ("https://me:pass@clb.example.com", "pass"),
    ("me:pass@clb.example.com", "pass"),
    ("me:pass@clb.example.com:x", "pass"),
    ("https://me:pa@ss@clb.example.com:99999", "pa@ss"),
    ("https://me:ab/PW@host", "ab/PW"),
    ("https://me:ab/PWPW@host", "PWPW"),
    ("https://me:p%40s%2Fs@host", "p@s/s"),
    ("https://me:p%40s%2Fs@host", "p%40s%2Fs"),
    ("https:/me:pass@host", "pass"),
    ("https:me:pass@host", "pass"),
    ("me:/pass@host", "/pass"),
    ("socks5h://me:pass@host", "pass"),
    ("http://:pass@127.0.0.1", "pass"),
    ("https://me:pass%40host", "pass"),
    ("https://me:pass\uff20host", "pass"),
    (" https://me:pass@host", "pass"),
    ("https://me:pass@host", base64.b64encode(b"me:pass").decode()),
    ("https://me:caf\u00e9@host", "caf\u00e9"),
)
def test_a_password_in_an_address_is_found_in_every_form(text, password):
    assert password in embedded_passwords(text)
    assert not may_show(text)


@rows("text", "https://me@clb.example.com", "clb.example.com:8443", "https://[::1]:8443", "", None)
def test_an_address_without_a_password(text):
    assert embedded_passwords(text) == ()


@given(st.text())
def test_any_text_can_be_looked_through(text):
    assert all(embedded_passwords(text))
    assert may_show(text) or "@" in text or "%40" in text or not text.isascii()


# -- the time of a task, and a deadline for one function


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
