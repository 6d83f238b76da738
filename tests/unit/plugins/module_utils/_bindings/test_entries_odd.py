# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import (
    ID_KEYS,
    check_belonging,
    find_doubtful_tags,
    names_to_check,
    parse_entries,
)

if TYPE_CHECKING:
    from ...builders import Raw

LISTENER: Raw = {"listener_id": "lbl-1", "instance_id": "ins-1", "port": 80}


def parse(*entries: Raw, selectors: bool = False) -> Any:
    return parse_entries(entries, selectors=selectors)


def problem(*entries: Any, selectors: bool = False) -> str:
    with pytest.raises(InvalidArgument) as caught:
        parse_entries(entries, selectors=selectors)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 5000
    return caught.value.message


@pytest.mark.parametrize("value", ["80", " 80 ", "80.0", "80.", 80.0, "+80", "0080"])
def test_what_templates_make_of_numbers_is_the_number(value: Any) -> None:
    (entry,) = parse({**LISTENER, "port": value, "weight": value, "listener_port": value})
    assert (entry.port, entry.weight, entry.place.listener_port) == (80, 80, 80)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("1e99999999", id="an exponent"),
        "1e2",
        "1E+2",
        "inf",
        "-inf",
        "nan",
        float("inf"),
        float("-inf"),
        float("nan"),
        1e300,
        80.5,
        "80.5",
        "0x50",
        "0b1",
        "8_0",
        "8 0",
        "\uff18\uff10",
        "",
        " ",
        pytest.param("9" * 5000, id="5000 digits as text"),
        pytest.param("0" * 10_000_000 + "80", id="10 MB of digits"),
        pytest.param(10**5000, id="5000 digits"),
        -(10**50),
        True,
        b"80",
        [80],
        {"port": 80},
    ],
)
@pytest.mark.parametrize("key", ["port", "weight", "listener_port"])
def test_what_is_no_whole_number_is_refused_at_once(key: str, value: Any) -> None:
    """C1"""
    started = time.thread_time()
    assert f"{key} " in problem({**LISTENER, key: value})
    assert time.thread_time() - started < 1


@pytest.mark.parametrize("key", ID_KEYS)
@pytest.mark.parametrize(
    "value",
    ["*", "ins-1 ins-2", "ins-1,ins-2", "ins-?", "ins-1\nins-2", "ins/1", "ins-é", "\uff11", "a" * 129, "[]", "None()"],
)
def test_an_id_is_letters_digits_hyphens_and_underscores(key: str, value: str) -> None:
    """C6"""
    assert f"{key} " in problem({**LISTENER, key: value})
    assert " is not an ID: an ID is made of letters" in problem({**LISTENER, key: value}, selectors=True)


@pytest.mark.parametrize("key", ID_KEYS)
def test_ids_are_stripped(key: str) -> None:
    """C12"""
    assert parse({**LISTENER, key: "abc-1_X\n"}) == parse({**LISTENER, key: " abc-1_X"})


@pytest.mark.parametrize("beside", [{}, {"port": 80}, {"instance_id": "ins-1", "port": 80}, {"message": "x"}])
@pytest.mark.parametrize("selectors", [True, False])
def test_protocol_alone_is_taken_for_a_mistake(beside: Raw, selectors: bool) -> None:
    """C2"""
    message = problem({"listener_id": "lbl-1", "protocol": "TCP", **beside}, selectors=selectors)
    assert "protocol 'TCP' is not a key of an entry; did you mean listener_protocol?" in message


@pytest.mark.parametrize("beside", [{"status": "changed"}, {"bound": 0}, {"registered": 0}, {"rules": []}])
def test_protocol_beside_what_a_result_tells_is_the_listeners(beside: Raw) -> None:
    (entry,) = parse({"listener_id": "lbl-1", "protocol": "tcp", "port": 80, **beside}, selectors=True)
    assert (entry.place.listener_protocol, entry.place.listener_port, entry.port) == ("TCP", 80, None)


def test_a_null_protocol_is_not_given() -> None:
    assert parse({**LISTENER, "protocol": None}) == parse(LISTENER)


@pytest.mark.parametrize(
    "nulls, words",
    [
        ({"port": None}, "port is null; give the backend's port, or leave the key out to select every port"),
        ({"instance_id": None}, "instance_id is null; name the backend, or leave the key out"),
        ({"eni_ip": None}, "eni_ip is null"),
        ({"ip": None}, "ip is null"),
        ({"instance_id": None, "eni_ip": None}, "instance_id and eni_ip are null"),
        ({"instance_id": "ins-1", "port": None}, "port is null"),
    ],
)
def test_a_template_that_came_out_null_does_not_widen_a_selector(nulls: Raw, words: str) -> None:
    """C3"""
    assert words in problem({"listener_id": "lbl-1", **nulls}, selectors=True)


@pytest.mark.parametrize(
    "nulls", [{"eni_ip": None}, {"location_id": None}, {"domain": None, "url": None}, {"tag": None}, {"weight": None}]
)
def test_any_other_null_counts_as_not_given(nulls: Raw) -> None:
    assert parse({**LISTENER, **nulls}, selectors=True) == parse(LISTENER, selectors=True)


@pytest.mark.parametrize(
    "selector", [{"tag": "blue"}, {"url": "/api"}, {"listener_protocol": "TCP"}, {"port": 80}, {"region": "ap-tokyo"}]
)
def test_a_selector_says_what_is_missing(selector: Raw) -> None:
    """C9"""
    assert "no listener, rule or backend is named" in problem(selector, selectors=True)


def test_a_disagreement_names_the_binding() -> None:
    """C8"""
    entry = {"listener_port": 80, "listener_protocol": "udp", "eni_ip": "2001:DB8::1", "port": 53}
    message = problem({**entry, "weight": 1}, {**entry, "weight": 2})
    assert "[2001:db8::1]:53 on listener_port 80, listener_protocol UDP, with weight 1 and weight 2" in message


def test_one_binding_may_have_another_weight_on_another_load_balancer() -> None:
    one, two = ({**LISTENER, "load_balancer_id": f"lb-{number}", "weight": number} for number in (1, 2))
    assert len(parse(one, two)) == 2
    assert "ins-1:80 on listener_id lbl-1 of lb-1, with weight 1 and weight 3" in problem(one, {**one, "weight": 3})


def test_whole_numbers_as_tags_are_warned_of() -> None:
    """C11: a float is an error, and YAML makes whole numbers of other texts."""
    entries = [{**LISTENER, "tag": "5"}, {**LISTENER, "port": 81, "tag": 83}, {**LISTENER, "port": 82}]
    assert parse(*entries)[1].tag == "83"
    (warning,) = find_doubtful_tags(entries)
    assert warning.startswith("targets[1]: tag 83: a number is not always what was written")
    assert find_doubtful_tags([entries[0], entries[2]]) == ()


def test_an_entry_is_named_by_what_it_selects_by() -> None:
    (entry,) = parse(
        {"instance_id": "ins-0000001", "listener_port": 80, "port": 8080, "tag": "blue", "weight": 3}, selectors=True
    )
    assert entry.label == "targets[0] (listener_port 80, instance_id ins-0000001, port 8080, tag blue)"
    (entry,) = parse({"domain": "*.example.com", "eni_ip": "10.0.0.1", "tag": "a\nb"}, selectors=True)
    assert entry.label == "targets[0] (domain '*.example.com', eni_ip '10.0.0.1', tag 'a\\nb')"


BELONGS = {"load_balancer_id": "lb-1", "load_balancer_name": "shop", "region": "ap-tokyo"}


@pytest.mark.parametrize(
    "belongs, chosen",
    [
        ({}, {"lb-1": None}),
        (BELONGS, {"lb-1": "shop"}),
        (BELONGS, {"lb-1": None}),
        (BELONGS, {"lb-1": "shop", "lb-2": "blog"}),
        ({"load_balancer_name": "shop"}, {"lb-1": "shop"}),
    ],
)
def test_what_is_said_of_the_own_load_balancer_may_be_said(belongs: Raw, chosen: dict[str, str | None]) -> None:
    check_belonging(parse({**LISTENER, **belongs}), chosen, "ap-tokyo")


@pytest.mark.parametrize(
    "belongs, chosen, words",
    [
        ({"region": "ap-seoul"}, {"lb-1": None}, "region 'ap-seoul' is not ap-tokyo, in which this task runs"),
        ({"load_balancer_name": "blog"}, {"lb-1": "shop"}, "'blog' is not the name of lb-1, which is 'shop'"),
        ({**BELONGS, "load_balancer_name": "Shop"}, {"lb-1": "shop", "lb-2": "Shop"}, "'Shop' is not the name of lb-1"),
        ({"load_balancer_name": "shop"}, {"lb-1": "shop", "lb-2": "blog"}, "alone does not say which load balancer"),
    ],
)
def test_names_and_regions_must_be_those_of_the_load_balancer(
    belongs: Raw, chosen: dict[str, str | None], words: str
) -> None:
    """C5"""
    entries = parse({"instance_id": "ins-1"}, {"instance_id": "ins-1", **belongs}, selectors=True)
    with pytest.raises(InvalidArgument) as caught:
        check_belonging(entries, chosen, "ap-tokyo")
    assert caught.value.message.startswith("targets[1]: ")
    assert words in caught.value.message


@pytest.mark.parametrize(
    "belongs, chosen, expected",
    [
        ({}, {"lb-1": None}, ()),
        ({"load_balancer_name": "shop"}, {"lb-1": None}, ("lb-1",)),
        ({"load_balancer_name": "shop"}, {"lb-1": "shop"}, ()),
        (BELONGS, {"lb-1": None, "lb-2": None}, ("lb-1",)),
    ],
)
def test_a_name_is_looked_up_only_where_an_entry_says_one(
    belongs: Raw, chosen: dict[str, str | None], expected: object
) -> None:
    assert names_to_check(parse({**LISTENER, **belongs}), chosen) == expected


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "ins-1",
        7,
        ["ins-1"],
        pytest.param("x" * 10_000_000, id="10 MB"),
        pytest.param(10**5000, id="5000 digits"),
        pytest.param({"x" * 10_000_000: 1}, id="a key of 10 MB"),
        pytest.param({10**5000: 1}, id="a key of 5000 digits"),
        {("a", 1): 1},
        {None: 1},
        {"\x1b[2J": 1},
        pytest.param({f"key{number}": 1 for number in range(100_000)}, id="100,000 keys"),
        pytest.param({**LISTENER, "tag": "x" * 10_000_000}, id="a tag of 10 MB"),
        pytest.param({**LISTENER, "domain": "\u202e" * 100}, id="bidirectional"),
        pytest.param({**LISTENER, "listener_id": {"a": "x" * 10_000_000}}, id="10 MB inside"),
    ],
)
def test_odd_entries_are_refused_in_a_short_message_in_no_time(odd: Any) -> None:
    started = time.thread_time()
    assert problem(odd).startswith("targets[0]: ")
    assert time.thread_time() - started < 1
