# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import UnexpectedAnswer
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import parse_targets

from ...builders import Raw, http, rule, snapshot, target, tcp


def without(raw: Raw, key: str) -> Raw:
    return {name: value for name, value in raw.items() if name != key}


@pytest.mark.parametrize(
    "answer, place",
    [
        ({}, "Listeners is missing, not a list or null"),
        ({"Listeners": ""}, "Listeners is ''"),
        ({"Listeners": {}}, "Listeners is an object"),
        ({"Listeners": False}, "Listeners is false"),
        ({"Listeners": [None]}, "Listeners[0] is null, not an object"),
        ({"Listeners": ["lbl-1"]}, "Listeners[0] is 'lbl-1'"),
    ],
)
def test_an_answer_without_listeners_is_not_an_empty_one(answer: Raw, place: str) -> None:
    """B2, B3"""
    with pytest.raises(UnexpectedAnswer, match=re.escape(place)) as caught:
        parse_targets({**answer, "RequestId": "r-7"})
    assert (caught.value.code, caught.value.action, caught.value.request_id) == (
        "UnexpectedAnswer",
        "DescribeTargets",
        "r-7",
    )


@pytest.mark.parametrize(
    "key, value, expected",
    [
        ("ListenerId", None, "a text that is not empty"),
        ("ListenerId", "", "a text that is not empty"),
        ("ListenerId", 7, "a text that is not empty"),
        ("Protocol", None, "a text that is not empty"),
        ("Protocol", ["TCP"], "a text that is not empty"),
        ("Port", "443", "a whole number from 0 to 65535"),
        ("Port", True, "a whole number from 0 to 65535"),
        ("Port", 443.0, "a whole number from 0 to 65535"),
        ("Port", -1, "a whole number from 0 to 65535"),
        ("Port", 65536, "a whole number from 0 to 65535"),
        ("Port", 10**70, "a whole number from 0 to 65535"),
        ("EndPort", "0", "a whole number from 0 to 65535, or null"),
        ("EndPort", False, "a whole number from 0 to 65535, or null"),
        ("Rules", {}, "a list or null"),
        ("Targets", "", "a list or null"),
    ],
)
def test_a_listener_has_what_it_always_has(key: str, value: Any, expected: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=rf"Listeners\[1\]\.{key} is .*, not {re.escape(expected)}\."):
        snapshot(tcp("lbl-0", 80), tcp("lbl-1", 443, **{key: value}))


@pytest.mark.parametrize("key", ["ListenerId", "Protocol", "Port", "Rules", "Targets"])
def test_a_listener_lacks_nothing(key: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=rf"Listeners\[0\]\.{key} is missing"):
        snapshot(without(tcp("lbl-1", 443), key))


@pytest.mark.parametrize("key, odd", [("LocationId", ""), ("Domain", None), ("Url", 1), ("Targets", {})])
def test_a_rule_has_what_it_always_has(key: str, odd: Any) -> None:
    one = rule("loc-1", "a")
    with pytest.raises(UnexpectedAnswer, match=rf"Listeners\[0\]\.Rules\[1\]\.{key} is "):
        snapshot(http("lbl-1", 80, rule("loc-0", "b"), {**one, key: odd}))
    with pytest.raises(UnexpectedAnswer, match=rf"Listeners\[0\]\.Rules\[0\]\.{key} is missing"):
        snapshot(http("lbl-1", 80, without(one, key)))


@pytest.mark.parametrize(
    "key, odds",
    [
        ("Type", [None, "", 1, {}]),
        ("InstanceId", [None, "", 1, ["ins-1"]]),
        ("Port", [None, "80", 80.5, True, -1, 65536, [80]]),
        ("Weight", [None, "abc", "10", 10.0, False, -1, 101, {}]),
        ("PrivateIpAddresses", ["10.2.0.1", {}, 1, [None], [1], [["10.2.0.1"]], ["10.2.0.1", 2]]),
        ("PublicIpAddresses", ["", {}, [None]]),
        ("InstanceName", [{}, 1, True, []]),
        ("RegisteredTime", [1, {}]),
        ("Tag", [1, False, {}, ["x"]]),
        ("Zone", [0, {}]),
    ],
)
def test_a_target_has_what_it_always_has(key: str, odds: list[Any]) -> None:
    for odd in odds:
        place = re.escape(f"Listeners[0].Rules[0].Targets[1].{key}")
        with pytest.raises(UnexpectedAnswer, match=rf"{place}(\[\d\])? is .*, not "):
            snapshot(http("lbl-1", 80, rule("loc-1", "a", target("ins-1"), target("ins-2", **{key: odd}))))


@pytest.mark.parametrize("key", ["Type", "InstanceId", "Port", "Weight", "PrivateIpAddresses"])
def test_a_target_lacks_nothing(key: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=rf"Listeners\[0\]\.Targets\[0\]\.{key} is (missing|null)"):
        snapshot(tcp("lbl-1", 443, without(target("ins-1"), key)))


@pytest.mark.parametrize("kind", ["ENI", "SRV", "NewKind"])
@pytest.mark.parametrize("instance_id", [None, "", "x"])
def test_only_a_cvm_needs_an_instance_id(kind: str, instance_id: str | None) -> None:
    bound = snapshot(tcp("lbl-1", 443, target("10.2.0.1", Type=kind, InstanceId=instance_id)))
    assert [one.backend.address for one in bound.all_bindings()] == ["10.2.0.1"]


def test_one_id_stands_for_one_thing() -> None:
    with pytest.raises(UnexpectedAnswer, match=r"Listeners\[1\]\.ListenerId is 'lbl-1'"):
        snapshot(tcp("lbl-1", 443, target("ins-1")), tcp("lbl-1", 444))
    with pytest.raises(UnexpectedAnswer, match=r"Listeners\[0\]\.Rules\[1\]\.LocationId is 'loc-1'"):
        snapshot(http("lbl-1", 80, rule("loc-1", "a"), rule("loc-1", "b")))


@pytest.mark.parametrize(
    "odd, told",
    [
        pytest.param("x" * 10_000, r"'x{60}'\.\.\. \(10000 characters\)", id="long"),
        ("a\x1b[31m\u202e\n", r"'a\\x1b\[31m\\u202e\\n'"),
        (float("inf"), "inf"),
        pytest.param(10**5000, "a huge number", id="huge"),
        ([1] * 9, "a list of 9"),
        ({"a": 1}, "an object"),
    ],
)
def test_what_was_there_is_shown_short_and_escaped(odd: Any, told: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=rf"Targets\[0\]\.Weight is {told}, not a whole number") as caught:
        snapshot(tcp("lbl-1", 443, target("ins-1", Weight=odd)))
    assert len(caught.value.message) < 300
    assert caught.value.message.isprintable()
