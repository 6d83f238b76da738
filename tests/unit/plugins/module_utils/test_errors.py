# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.tencentcloud.clb.plugins.module_utils._base import errors as _errors
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import (
    MAX_SHOWN,
    ClbError,
    ConnectionFailed,
    NotSent,
    Refused,
    UnhealthyTimeout,
    WaitTimeout,
    escape,
    printable,
    printable_number,
)

from ..builders import rows


@rows("name",
    "InvalidArgument", "CredentialsNotFound", "ConnectionFailed", "UnexpectedAnswer", "GuardRefused", "WaitTimeout",
)  # fmt: skip
def test_the_codes_without_the_clouds_part_are_the_contracts(name):
    error = getattr(_errors, name)("what happened")
    assert isinstance(error, ClbError)
    assert (error.code, error.action, error.request_id) == (name, None, None)
    assert error.message == error.api_message == str(error) == "what happened"


def test_a_refusal_keeps_the_clouds_own_words_beside_the_message():
    error = Refused("A was refused: words", code="X.Y", action="A", request_id="r-1", api_message="words")
    assert (error.message, error.api_message, error.code, error.action, error.request_id) == (
        "A was refused: words",
        "words",
        "X.Y",
        "A",
        "r-1",
    )


@rows(
    "kind, base, code", (NotSent, ConnectionFailed, "ConnectionFailed"), (UnhealthyTimeout, WaitTimeout, "WaitTimeout")
)
def test_narrower_kinds_have_the_code_of_the_contract(kind, base, code):
    assert isinstance(kind("what happened"), base)
    assert kind("what happened").code == code


@rows("text, shown",
    ("plain text, 中文, é", "plain text, 中文, é"), ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
    ("a\nb\tc\r", r"a\nb\tc\r"), ("\u202eevil\u2066", r"\u202eevil\u2066"),
    ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
    ("line\u2028end", r"line\u2028end"), ("\x7f\x85\x9b", r"\x7f\x85\x9b"), ("half \ud83d", r"half \ud83d"),
    ("tag \U000e0041", r"tag \U000e0041"), ("", ""),
)  # fmt: skip
def test_what_steers_a_terminal_is_escaped(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


@rows("text", "x" * 10_000_000, "\x1b" * 10_000_000, ids=["letters", "controls"])
def test_long_texts_are_cut(text):
    shown = printable(text)
    assert len(shown) < MAX_SHOWN + 50
    assert shown.endswith("... (10000000 characters in all)")
    assert printable("x" * MAX_SHOWN) == "x" * MAX_SHOWN


@rows(
    "number, shown",
    (5, "5"),
    (-7, "-7"),
    (10**40, "more than 40"),
    (-(10**5000), "more than 40"),
    ids=["small", "negative", "long", "longer than Python writes"],
)
def test_numbers_of_any_length_can_be_shown(number, shown):
    assert shown in printable_number(number)


def test_no_message_can_steer_a_terminal_whoever_its_parts_come_from():
    """Names of instances, listeners and load balancers are words of somebody else."""
    error = ClbError("web-\x1b[31m1 \u202e is bound")
    assert error.message == r"web-\x1b[31m1 \u202e is bound"
    assert error.api_message == error.message
    error.add("Look\rthere.")
    assert error.message == r"web-\x1b[31m1 \u202e is bound. Look\rthere."


def test_escaping_leaves_what_people_write_as_it_is():
    assert escape("grün 绿 naïve") == "grün 绿 naïve"
    assert escape("a\tb\u2028c\ud800") == r"a\tb\u2028c\ud800"
