# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument, shown_value
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import (
    Entry,
    Place,
    find_doubtful_tags,
    parse_entries,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import Backend

from ...builders import rows

LISTENER = {"listener_id": "lbl-1", "instance_id": "ins-1", "port": 80}


def parse(*entries, selectors=False):
    return parse_entries(entries, selectors=selectors)


def problem(*entries, selectors=False):
    with pytest.raises(InvalidArgument) as caught:
        parse(*entries, selectors=selectors)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 5000
    return caught.value.message


ONE = Entry(0, Place("lbl-1"), Backend("ins-1", None), 80)
NULLS = dict.fromkeys(("listener_port", "listener_protocol", "location_id", "domain", "url", "eni_ip", "weight", "tag"))
BY_PORT = {"listener_id": None, "listener_port": 80, "listener_protocol": "http"}
OF_LISTENERS = {"listener_id": "lbl-1", "protocol": "tcp", "port": 443}


@rows(
    "change, expected",
    ({"weight": 5, "tag": "blue"}, ONE._replace(weight=5, tag="blue")),
    ({**NULLS, "protocol": None}, ONE),
    ({"tag": ""}, ONE._replace(tag="")),
    ({"tag": 83}, ONE._replace(tag="83")),
    ({"tag": "x" * 2048}, ONE._replace(tag="x" * 2048)),
    ({"port": 1, "weight": 0}, ONE._replace(port=1, weight=0)),
    ({"port": 65535, "weight": 100}, ONE._replace(port=65535, weight=100)),
    ({"location_id": "loc-1", "domain": "a"}, ONE._replace(place=Place("lbl-1", None, None, "loc-1", "a"))),
    ({"listener_id": None, "location_id": "loc-1"}, ONE._replace(place=Place(location_id="loc-1"))),
    ({"listener_id": None, "listener_port": 443}, ONE._replace(place=Place(None, 443))),
    ({"listener_id": None, "listener_port": 1}, ONE._replace(place=Place(None, 1))),
    (
        {**BY_PORT, "domain": "A.Example.COM", "url": "/V1"},
        ONE._replace(place=Place(None, 80, "HTTP", None, "a.example.com", "/V1")),
    ),
    # The listener's port and protocol, beside what only the result `listeners` has.
    ({"protocol": "TCP", "listener_port": 443, "bound": 0}, ONE._replace(place=Place("lbl-1", 443, "TCP"))),
    # Keys that only describe, whatever they hold.
    ({"private_ips": 7, "code": {"a": [1]}, "before": "x", "remembered": True, "healthy": [], "error": 1.5}, ONE),
)
def test_an_entry_of_present_names_listener_backend_and_port(change, expected):
    assert parse({**LISTENER, **change}) == (expected,)


@rows("spelling, parsed",
    (" 10.0.0.1 ", "10.0.0.1"), ("2001:DB8::1", "2001:db8::1"), ("2001:db8:0:0:0:0:0:1", "2001:db8::1"),
    ("::FFFF:0a00:0001", "10.0.0.1"),
)  # fmt: skip
@rows("key", "eni_ip", "ip")
def test_addresses_are_parsed(key, spelling, parsed):
    assert parse({**LISTENER, "instance_id": None, key: spelling})[0].backend == Backend(None, parsed)


@rows(
    "change, words",
    ({"listener_id": None}, "no listener is named; give listener_id, or listener_port"),
    ({"listener_id": None, "listener_protocol": "TCP"}, "no listener is named"),
    ({"listener_id": None, "domain": "a", "url": "/"}, "no listener is named"),
    ({"listener_id": " "}, "listener_id is empty"),
    ({"url": ""}, "url is empty"),
    ({"domain": "a"}, "domain is given without url"),
    ({"url": "/"}, "url is given without domain"),
    ({"instance_id": None}, "no backend is named; give instance_id or eni_ip"),
    ({"eni_ip": "10.0.0.1"}, "'ins-1' and eni_ip '10.0.0.1' are both given; a backend is addressed by exactly one"),
    ({"instance_id": None, "eni_ip": "10.0.0.256"}, "eni_ip '10.0.0.256' is not an IP address"),
    ({"instance_id": None, "eni_ip": "web-1"}, "eni_ip 'web-1' is not an IP address"),
    ({"port": None}, "port is missing"),
    ({"port": 0}, "port 0 is not a whole number from 1 to 65535"),
    ({"port": 70000}, "port 70000 is not"),
    ({"listener_id": {"id": "lbl-1"}}, "listener_id is a dictionary, not text"),
    ({"listener_id": ["lbl-1"]}, "listener_id is a list, not text"),
    ({"tag": True}, "tag is True, not text"),
    ({"tag": 1.1}, "tag 1.1 is a number, and YAML may have changed it (1.10 becomes 1.1); put it into quotes"),
    ({"tag": float("nan")}, "tag nan is a number"),
    ({"domain": 1.5}, "domain 1.5 is a number"),
    ({"tag": "x" * 2049}, "(2049 characters in all) is too long; give at most 2048 characters"),
    ({"tag": "\ud800"}, "is not encodable as UTF-8"),
    ({"listener_protocol": "TCP or UDP"}, "listener_protocol 'TCP or UDP' is not a protocol"),
    ({"ip": "10.0.0.1", "eni_ip": "10.0.0.2"}, "eni_ip '10.0.0.2' and its alias ip '10.0.0.1' differ"),
    ({"wieght": 5}, "'wieght' is not a key of an entry; did you mean weight?"),
    ({"colour": "blue"}, "'colour' is not a key of an entry; the keys are listener_id,"),
    ({"listener_port": 65536}, "listener_port 65536 is not"),
    ({"weight": -1}, "weight -1 is not a whole number from 0 to 100"),
    ({"weight": 101}, "weight 101 is not"),
    # C2: without another key of the result `listeners`, it is a mistake.
    ({"protocol": "TCP"}, "protocol 'TCP' is not a key of an entry; did you mean listener_protocol?"),
    ({"protocol": "TCP", "message": "x"}, "did you mean listener_protocol?"),
)
def test_a_wrong_value_is_named_with_its_entry(change, words):
    message = problem(LISTENER, {**LISTENER, "port": 81, **change})
    assert message.startswith("targets[1]: ")
    assert words in message
    assert (" more." in message, message.count("not a key") > 1) == (False, False)


@rows("value", "80", " 80 ", "80.0", "80.", 80.0, "+80", "0" * 18 + "80")
def test_what_templates_make_of_numbers_is_the_number(value):
    (entry,) = parse({**LISTENER, "port": value, "weight": value, "listener_port": value})
    assert (entry.port, entry.weight, entry.place.listener_port) == (80, 80, 80)


@rows("value",
    "1e99999999", "1e2", "inf", "nan", float("inf"), float("-inf"), float("nan"), 1e300, 80.5, "80.5", "0x50", "8_0",
    "8 0", "\uff18\uff10", "", " ", "9" * 5000, "0" * 10_000_000 + "80", 10**5000, -(10**50), True, False, "http",
    b"80", [80], {"port": 80}, "0" * 19 + "80",
)  # fmt: skip
@rows("key", "port", "weight", "listener_port")
def test_what_is_no_whole_number_is_refused_at_once(key, value):
    """C1"""
    started = time.thread_time()
    assert f"{key} " in problem({**LISTENER, key: value})
    assert time.thread_time() - started < 1


@rows("key", "listener_id", "location_id", "instance_id", "load_balancer_id")
def test_an_id_is_letters_digits_hyphens_and_underscores(key):
    """C6, C12"""
    for value in ("*", "ins-1 ins-2", "ins-1,ins-2", "ins-1\nins-2", "ins/1", "ins-é", "\uff11", "a" * 129, "None()"):
        for selectors in (False, True):
            assert f"{key} " in (told := problem({**LISTENER, key: value}, selectors=selectors))
            assert " is not an ID: an ID is made of letters" in told
    assert parse({**LISTENER, key: "abc-1_X\n"}) == parse({**LISTENER, key: " abc-1_X"})


def test_all_wrong_entries_are_told_at_once_but_not_hundreds():
    message = problem(*({**LISTENER, "port": 0} for _ in range(8)))
    assert [f"targets[{number}]" in message for number in range(8)] == [True] * 5 + [False] * 3
    assert message.endswith("And 3 more entries with errors.")
    assert " more" not in problem(*({**LISTENER, "port": 0} for _ in range(5)))
    unknown = problem(dict.fromkeys("abcdefg", 1))
    assert (unknown.count("is not a key"), unknown.endswith(" And 2 more.")) == (5, True)
    assert " more" not in problem(dict.fromkeys("abcde", 1))


ON_UDP = {"listener_port": 80, "listener_protocol": "udp", "eni_ip": "2001:DB8::1", "port": 53}


@rows(
    "first, change, words",
    (LISTENER, {"weight": 6}, "ins-1:80 on listener_id lbl-1, with weight 5 and weight 6"),
    (LISTENER, {"weight": None}, "weight 5 and weight not given"),
    (LISTENER, {"tag": "green"}, "tag 'blue' and tag 'green'"),
    (LISTENER, {"tag": ""}, "tag 'blue' and tag ''"),
    (LISTENER, {"tag": None}, "tag 'blue' and tag not given"),
    # C8
    (ON_UDP, {"weight": 6}, "[2001:db8::1]:53 on listener_port 80, listener_protocol UDP, with weight 5"),
    ({**LISTENER, "load_balancer_id": "lb-1"}, {"weight": 6}, "ins-1:80 on listener_id lbl-1 of lb-1, with"),
)
def test_the_same_binding_twice_must_say_the_same(first, change, words):
    entry = {**first, "weight": 5, "tag": "blue"}
    message = problem(entry, {**LISTENER, "port": 81}, {**entry, **change})
    assert message.startswith("targets[0] and targets[2] name the same binding, ")
    assert words in message
    assert len(parse(entry, entry)) == len(parse(entry, {**entry, **change}, selectors=True)) == 2


@rows("key, other",
    ("port", 81), ("instance_id", "ins-2"), ("listener_id", "lbl-2"), ("location_id", "l"), ("load_balancer_id", "lb")
)  # fmt: skip
def test_other_bindings_may_say_something_else(key, other):
    assert len(parse({**LISTENER, "weight": 5}, {**LISTENER, key: other, "weight": 6})) == 2


@rows(
    "selector, place",
    ({"listener_id": "lbl-1", "port": 80, "weight": 5}, Place("lbl-1")),
    ({"listener_port": 443}, Place(None, 443)),
    ({"location_id": "loc-1"}, Place(location_id="loc-1")),
    ({"domain": "a.example.com"}, Place(domain="a.example.com")),
    ({"instance_id": "ins-1", "tag": "blue"}, Place()),
    ({"eni_ip": "10.0.0.1"}, Place()),
    # Any other null than that of a port or backend counts as not given.
    ({**LISTENER, **NULLS}, Place("lbl-1")),
    # An entry of the result `listeners`.
    ({**OF_LISTENERS, "status": "changed", "location_id": None, "modified": 0}, Place("lbl-1", 443, "TCP")),
    ({**OF_LISTENERS, "bound": 0}, Place("lbl-1", 443, "TCP")),
    ({**OF_LISTENERS, "registered": 1}, Place("lbl-1", 443, "TCP")),
    ({**OF_LISTENERS, "rules": []}, Place("lbl-1", 443, "TCP")),
)
def test_a_selector_needs_one_of_listener_rule_or_backend(selector, place):
    (entry,) = parse(selector, selectors=True)
    assert (entry.place, entry.port) == (place, None if "protocol" in selector else selector.get("port"))


@rows(
    "selector, words",
    ({}, "no listener, rule or backend is named; give at least one of listener_id"),
    ({"port": 80, "tag": "blue", "weight": 0}, "no listener, rule or backend is named"),
    ({"url": "/", "listener_protocol": "TCP", "region": "r"}, "no listener, rule or backend is named"),
    ({"instance_id": "ins-1", "weight": 101}, "weight 101"),
    ({"instance_id": "ins-1", "eni_ip": "10.0.0.1"}, "both given"),
    ({**OF_LISTENERS, "instance_id": "ins-1"}, "did you mean listener_protocol?"),
    # C3: a template that came out null does not widen a selector.
    ({"listener_id": "lbl-1", "port": None}, "port is null; give the backend's port, or leave the key out to"),
    ({"listener_id": "lbl-1", "instance_id": None}, "instance_id is null; name the backend, or leave the key out"),
    ({"listener_id": "lbl-1", "eni_ip": None}, "eni_ip is null"),
    ({"listener_id": "lbl-1", "ip": None}, "ip is null"),
    ({"listener_id": "lbl-1", "instance_id": None, "eni_ip": None}, "instance_id and eni_ip are null"),
)
def test_a_selector_of_everything_is_refused(selector, words):
    """C9"""
    assert words in problem(selector, selectors=True)


def test_whole_numbers_as_tags_are_warned_of():
    """C11: a float is an error, and YAML makes whole numbers of other texts."""
    entries = [{**LISTENER, "tag": "5"}, {**LISTENER, "port": 81, "tag": 83}, {**LISTENER, "port": 82}]
    (warning,) = find_doubtful_tags(entries)
    assert warning.startswith("targets[1]: tag 83: a number is not always what was written")
    assert warning.endswith(", YAML reads 0123 as 83. Put tags into quotes.")
    assert find_doubtful_tags([entries[0], entries[2]]) == ()


def test_an_entry_is_named_by_what_it_selects_by():
    long, odd, listener = parse(
        {"instance_id": "ins-0000001", "listener_port": 80, "port": 8080, "tag": "blue", "weight": 3},
        {"domain": "*.example.com", "eni_ip": "10.0.0.1", "tag": "a\nb"},
        {"listener_id": "lbl-1", "port": 53},
        selectors=True,
    )
    assert long.label == "targets[0] (listener_port 80, instance_id ins-0000001, port 8080, tag blue)"
    assert odd.label == "targets[1] (domain '*.example.com', eni_ip '10.0.0.1', tag 'a\\nb')"
    assert listener.label == "targets[2] (listener_id lbl-1, port 53)"


@rows("odd",
    None, "ins-1", 7, ["ins-1"], {("a", 1): 1}, {None: 1}, {"\x1b[2J": 1}, "x" * 10_000_000, 10**5000,
    {"x" * 10_000_000: 1}, {10**5000: 1}, {f"key{number}": 1 for number in range(100_000)},
    *({**LISTENER, key: value} for key, value in [
        ("tag", "x" * 10_000_000), ("domain", "\u202e" * 100), ("listener_id", {"a": "x" * 10_000_000}),
    ]),
)  # fmt: skip
def test_odd_entries_are_refused_in_a_short_message_in_no_time(odd):
    started = time.thread_time()
    assert problem(odd).startswith("targets[0]: ")
    assert time.thread_time() - started < 1


@rows("characters, shown", (100, "'"), (101, "'... (101 characters in all)"))
def test_a_value_is_shown_whole_where_it_is_short(characters, shown):
    assert shown_value("x" * characters) == f"'{'x' * 100}{shown}"
