# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import (
    DESCRIBING_KEYS,
    Entry,
    Place,
    check_same_load_balancer,
    parse_entries,
    shown_value,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import Backend

from ...builders import Raw, want

LISTENER: Raw = {"listener_id": "lbl-1", "instance_id": "ins-1", "port": 80}


def parse(*entries: Raw, selectors: bool = False) -> tuple[Entry, ...]:
    return parse_entries(entries, selectors=selectors)


def problem(*entries: Raw, selectors: bool = False) -> str:
    with pytest.raises(InvalidArgument) as caught:
        parse(*entries, selectors=selectors)
    return caught.value.message


def test_an_entry_of_present_names_listener_backend_and_port() -> None:
    (entry,) = parse({**LISTENER, "weight": 5, "tag": "blue"})
    assert entry == Entry(0, Place("lbl-1"), backend=Backend("ins-1", None), port=80, weight=5, tag="blue")


def test_a_null_counts_as_not_given() -> None:
    nulls = dict.fromkeys(
        ("listener_port", "listener_protocol", "location_id", "domain", "url", "eni_ip", "weight", "tag")
    )
    assert parse({**LISTENER, **nulls}) == parse(LISTENER)


def test_an_empty_tag_is_kept_because_it_clears_the_tag() -> None:
    assert parse({**LISTENER, "tag": ""})[0].tag == ""


def test_domains_lose_their_case_and_protocols_gain_it() -> None:
    (entry,) = parse(
        {
            "listener_port": 80,
            "listener_protocol": "http",
            "domain": "A.Example.COM",
            "url": "/V1",
            **want(None, "ins-1"),
        }
    )
    assert entry.place == Place(None, 80, "HTTP", None, "a.example.com", "/V1")


@pytest.mark.parametrize(
    "spelling, parsed",
    [
        ("10.0.0.1", "10.0.0.1"),
        (" 10.0.0.1 ", "10.0.0.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::FFFF:0a00:0001", "10.0.0.1"),
    ],
)
def test_addresses_are_parsed(spelling: str, parsed: str) -> None:
    assert parse({**LISTENER, "instance_id": None, "eni_ip": spelling})[0].backend == Backend(None, parsed)


@pytest.mark.parametrize(
    "place",
    [
        {"listener_id": "lbl-1"},
        {"listener_port": 443},
        {"listener_port": 443, "listener_protocol": "TCP"},
        {"location_id": "loc-1"},
        {"listener_id": "lbl-1", "domain": "a", "url": "/"},
        {"location_id": "loc-1", "domain": "a"},
        {"location_id": "loc-1", "url": "/"},
    ],
)
def test_these_name_a_place(place: Raw) -> None:
    assert parse({**place, "instance_id": "ins-1", "port": 80})


@pytest.mark.parametrize(
    "change, words",
    [
        ({"listener_id": None}, "no listener is named"),
        ({"listener_id": None, "listener_protocol": "TCP"}, "no listener is named"),
        ({"listener_id": None, "domain": "a", "url": "/"}, "no listener is named"),
        ({"listener_id": " "}, "listener_id is empty"),
        ({"url": ""}, "url is empty"),
        ({"domain": "a"}, "domain is given without url"),
        ({"url": "/"}, "url is given without domain"),
        ({"instance_id": None}, "no backend is named; give instance_id or eni_ip"),
        ({"eni_ip": "10.0.0.1"}, "'ins-1' and eni_ip '10.0.0.1' are both given"),
        ({"instance_id": None, "eni_ip": "10.0.0.256"}, "eni_ip '10.0.0.256' is not an IP address"),
        ({"instance_id": None, "eni_ip": "web-1"}, "eni_ip 'web-1' is not an IP address"),
        ({"port": None}, "port is missing"),
        ({"port": 0}, "port 0 is not a whole number from 1 to 65535"),
        ({"port": 70000}, "port 70000 is not"),
        ({"port": True}, "port True is not"),
        ({"port": "http"}, "port 'http' is not"),
        ({"port": 80.5}, "port 80.5 is not"),
        ({"listener_id": {"id": "lbl-1"}}, "listener_id is a dictionary, not text"),
        ({"listener_id": ["lbl-1"]}, "listener_id is a list, not text"),
        ({"tag": True}, "tag is True, not text"),
        ({"tag": 1.1}, "tag 1.1 is a number, and YAML may have changed it (1.10 becomes 1.1); put it into quotes"),
        ({"tag": float("nan")}, "tag nan is a number"),
        ({"domain": 1.5}, "domain 1.5 is a number"),
        ({"tag": "x" * 5000}, "(5000 characters in all) is too long; give at most 2048 characters"),
        ({"tag": "\ud800"}, "is not encodable as UTF-8"),
        ({"listener_protocol": "TCP or UDP"}, "listener_protocol 'TCP or UDP' is not a protocol"),
        ({"ip": "10.0.0.1", "eni_ip": "10.0.0.2"}, "eni_ip '10.0.0.2' and its alias ip '10.0.0.1' differ"),
        ({"wieght": 5}, "'wieght' is not a key of an entry; did you mean weight?"),
        ({"colour": "blue"}, "'colour' is not a key of an entry; the keys are listener_id,"),
        ({"listener_port": 65536}, "listener_port 65536 is not"),
        ({"weight": -1}, "weight -1 is not a whole number from 0 to 100"),
        ({"weight": 101}, "weight 101 is not"),
        ({"weight": False}, "weight False is not"),
    ],
)
def test_a_wrong_value_is_named_with_its_entry(change: Raw, words: str) -> None:
    message = problem(LISTENER, {**LISTENER, "port": 81, **change})
    assert message.startswith("targets[1]: ")
    assert words in message
    assert " more." not in message


@pytest.mark.parametrize("port", [1, 65535])
@pytest.mark.parametrize("weight", [0, 100])
def test_the_limits_themselves_are_allowed(port: int, weight: int) -> None:
    (entry,) = parse({**LISTENER, "port": port, "weight": weight})
    assert (entry.port, entry.weight) == (port, weight)


def test_all_wrong_entries_are_told_at_once_but_not_hundreds() -> None:
    message = problem(*({**LISTENER, "port": 0} for _ in range(8)))
    assert [f"targets[{number}]" in message for number in range(8)] == [True] * 5 + [False] * 3
    assert message.endswith("And 3 more entries with errors.")


@pytest.mark.parametrize(
    "change, words",
    [
        ({"weight": 6}, "weight 5 and weight 6"),
        ({"weight": None}, "weight 5 and weight not given"),
        ({"tag": "green"}, "tag 'blue' and tag 'green'"),
        ({"tag": ""}, "tag 'blue' and tag ''"),
        ({"tag": None}, "tag 'blue' and tag not given"),
    ],
)
def test_the_same_binding_twice_must_say_the_same(change: Raw, words: str) -> None:
    entry = {**LISTENER, "weight": 5, "tag": "blue"}
    message = problem(entry, {**LISTENER, "port": 81}, {**entry, **change})
    assert message.startswith("targets[0] and targets[2] name the same binding, ins-1:80 on listener_id lbl-1, with ")
    assert words in message


def test_the_same_binding_twice_in_the_same_words_is_fine() -> None:
    assert len(parse({**LISTENER, "weight": 5}, {**LISTENER, "weight": 5})) == 2


@pytest.mark.parametrize(
    "other", [{"port": 81}, {"instance_id": "ins-2"}, {"listener_id": "lbl-2"}, {"location_id": "loc-1"}]
)
def test_other_bindings_may_say_something_else(other: Raw) -> None:
    assert len(parse({**LISTENER, "weight": 5}, {**LISTENER, **other, "weight": 6})) == 2


@pytest.mark.parametrize("key", DESCRIBING_KEYS)
def test_keys_that_only_describe_are_ignored(key: str) -> None:
    for anything in ("anything", 7, {"a": [1]}, True):
        assert parse({**LISTENER, key: anything}) == parse(LISTENER)


def test_an_entry_of_the_result_listeners_names_its_listener() -> None:
    listed = {
        "listener_id": "lbl-1",
        "protocol": "TCP",
        "port": 443,
        "location_id": None,
        "domain": None,
        "url": None,
        "status": "changed",
        "registered": 1,
        "modified": 0,
        "deregistered": 0,
        "unchanged": 2,
        "bound": 3,
    }
    (entry,) = parse(listed, selectors=True)
    assert entry == Entry(0, Place("lbl-1", 443, "TCP"))


def test_an_entry_with_a_backend_keeps_its_own_port_beside_a_protocol() -> None:
    (entry,) = parse({**LISTENER, "protocol": "TCP", "listener_port": 443, "bound": 0})
    assert (entry.port, entry.place) == (80, Place("lbl-1", 443, "TCP"))


@pytest.mark.parametrize(
    "selector",
    [
        {"listener_id": "lbl-1"},
        {"listener_port": 443},
        {"location_id": "loc-1"},
        {"domain": "a.example.com"},
        {"instance_id": "ins-1"},
        {"eni_ip": "10.0.0.1"},
        {"instance_id": "ins-1", "tag": "blue"},
        {"listener_id": "lbl-1", "port": 80, "weight": 5},
    ],
)
def test_a_selector_needs_one_of_listener_rule_or_backend(selector: Raw) -> None:
    assert parse(selector, selectors=True)


@pytest.mark.parametrize(
    "selector", [{}, {"port": 80}, {"tag": "blue"}, {"weight": 0}, {"url": "/"}, {"listener_protocol": "TCP"}]
)
def test_a_selector_of_everything_is_refused(selector: Raw) -> None:
    message = problem(selector, selectors=True)
    assert "no listener, rule or backend is named; give at least one of listener_id" in message


@pytest.mark.parametrize("change", [{"port": 0}, {"weight": 101}, {"eni_ip": "10.0.0.1"}, {"location_id": ""}])
def test_values_of_selectors_are_checked_like_others(change: Raw) -> None:
    assert problem({"instance_id": "ins-1", **change}, selectors=True)


def test_selectors_may_name_one_thing_with_several_weights() -> None:
    assert len(parse({**LISTENER, "weight": 5}, {**LISTENER, "weight": 6}, selectors=True)) == 2


def test_an_entry_of_another_load_balancer_is_refused() -> None:
    entries = parse(LISTENER, {**LISTENER, "load_balancer_id": "lb-1"}, {**LISTENER, "load_balancer_id": "lb-2"})
    with pytest.raises(InvalidArgument, match=r"^targets\[2\]: load_balancer_id 'lb-2' is not 'lb-1'"):
        check_same_load_balancer(entries, "lb-1")
    check_same_load_balancer(entries[:2], "lb-1")


@pytest.mark.parametrize("characters, shown", [(100, "'"), (101, "'... (101 characters in all)")])
def test_a_value_is_shown_whole_where_it_is_short(characters: int, shown: str) -> None:
    assert shown_value("x" * characters) == f"'{'x' * 100}{shown}"
