# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.resolve import (
    DesiredBinding,
    UnknownName,
    resolve_desired,
    what_exists,
)

from ...builders import Raw, http, ip_of, rule, snapshot, target, tcp

SHOP = snapshot(
    tcp("lbl-tcp", 443, target("ins-1", 8443)),
    tcp("lbl-udp", 443, protocol="UDP"),
    tcp("lbl-range", 8000, EndPort=8010),
    http(
        "lbl-http",
        80,
        rule("loc-1", "A.example.com", target("ins-1", 8080)),
        rule("loc-2", "a.example.com", url="/v2"),
        rule("loc-3", "b.example.com"),
    ),
    http("lbl-https", 8443, rule("loc-4", "a.example.com"), protocol="HTTPS"),
)
BACKEND: Raw = {"instance_id": "ins-9", "port": 80}


def resolve(*entries: Raw) -> tuple[DesiredBinding, ...]:
    return resolve_desired(parse_entries(entries, selectors=False), SHOP)


def problem(*entries: Raw) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as caught:
        resolve(*entries)
    return caught.value


@pytest.mark.parametrize(
    "place, key",
    [
        ({"listener_id": "lbl-tcp"}, ("lbl-tcp", None)),
        ({"listener_port": 443, "listener_protocol": "udp"}, ("lbl-udp", None)),
        ({"listener_port": 8000}, ("lbl-range", None)),
        ({"location_id": "loc-3"}, ("lbl-http", "loc-3")),
        ({"location_id": "loc-3", "listener_id": "lbl-http", "url": "/"}, ("lbl-http", "loc-3")),
        ({"location_id": "loc-1", "domain": "a.EXAMPLE.com"}, ("lbl-http", "loc-1")),
        ({"listener_id": "lbl-http", "domain": "a.example.com", "url": "/"}, ("lbl-http", "loc-1")),
        ({"listener_id": "lbl-http", "domain": "a.example.com", "url": "/v2"}, ("lbl-http", "loc-2")),
        ({"listener_port": 80, "domain": "B.example.com", "url": "/"}, ("lbl-http", "loc-3")),
        (
            {"listener_port": 8443, "listener_protocol": "HTTPS", "domain": "a.example.com", "url": "/"},
            ("lbl-https", "loc-4"),
        ),
        ({"listener_id": "lbl-tcp", "listener_port": 443, "listener_protocol": "TCP"}, ("lbl-tcp", None)),
    ],
)
def test_names_lead_to_the_listener_or_rule(place: Raw, key: tuple[str, str | None]) -> None:
    (desired,) = resolve({**place, **BACKEND})
    assert desired.pool is SHOP.pools[key]


@pytest.mark.parametrize(
    "place, words",
    [
        ({"listener_id": "lbl-no"}, "there is no listener 'lbl-no'"),
        ({"listener_port": 444}, "there is no listener on port 444"),
        ({"listener_port": 443, "listener_protocol": "HTTP"}, "there is no HTTP listener on port 443"),
        ({"location_id": "loc-no"}, "there is no rule 'loc-no'"),
        ({"location_id": "loc-no", "listener_id": "lbl-http"}, "there is no rule 'loc-no' on listener 'lbl-http'"),
        ({"listener_id": "lbl-http", "domain": "c", "url": "/"}, "has no rule with domain 'c' and url '/'"),
        ({"listener_id": "lbl-http", "domain": "a.example.com", "url": "/V2"}, "url '/V2'"),
        ({"listener_id": "lbl-http"}, "HTTP:80 (lbl-http) is a layer-7 listener; name its rule"),
        (
            {"listener_id": "lbl-tcp", "domain": "a", "url": "/"},
            "TCP:443 (lbl-tcp) is a layer-4 listener and has no rules",
        ),
        ({"listener_id": "lbl-tcp", "location_id": "loc-no"}, "there is no rule 'loc-no' on listener 'lbl-tcp'"),
    ],
)
def test_an_unknown_listener_or_rule_and_the_wrong_layer_fail(place: Raw, words: str) -> None:
    error = problem({"listener_id": "lbl-udp", **BACKEND}, {**place, **BACKEND})
    assert isinstance(error, UnknownName)
    assert error.message.startswith("targets[1]: ")
    assert words in error.message


def test_a_port_alone_is_an_error_where_it_is_ambiguous() -> None:
    error = problem({"listener_port": 443, **BACKEND})
    assert "TCP (lbl-tcp), UDP (lbl-udp); add listener_protocol" in error.message


@pytest.mark.parametrize(
    "place, words",
    [
        ({"listener_id": "lbl-tcp", "listener_port": 80}, "listener_port 80 contradicts"),
        ({"listener_id": "lbl-tcp", "listener_protocol": "UDP"}, "listener_protocol 'UDP' contradicts"),
        ({"location_id": "loc-1", "listener_id": "lbl-https"}, "listener_id 'lbl-https' contradicts"),
        ({"location_id": "loc-1", "listener_port": 8443}, "listener_port 8443 contradicts"),
        ({"location_id": "loc-1", "domain": "b.example.com"}, "domain 'b.example.com' contradicts"),
        ({"location_id": "loc-1", "url": "/v2"}, "url '/v2' contradicts"),
        ({"location_id": "loc-1", "listener_id": "lbl-tcp"}, "listener_id 'lbl-tcp' contradicts"),
    ],
)
def test_a_name_that_contradicts_the_id_beside_it_is_an_error(place: Raw, words: str) -> None:
    error = problem({**place, **BACKEND})
    assert words in error.message
    assert not isinstance(error, UnknownName)


@pytest.mark.parametrize(
    "other",
    [
        {"listener_id": "lbl-tcp", "eni_ip": ip_of("ins-1")},
        {"listener_port": 443, "listener_protocol": "TCP", "instance_id": "ins-1"},
        {"listener_id": "lbl-tcp", "listener_port": 443, "instance_id": "ins-1"},
    ],
)
def test_the_same_binding_in_other_words_must_say_the_same_too(other: Raw) -> None:
    first = {"listener_id": "lbl-tcp", "instance_id": "ins-1", "port": 8443, "weight": 5}
    error = problem(first, {**other, "port": 8443, "weight": 6})
    assert error.message.startswith("targets[0] and targets[1] name the same binding, ")
    assert ":8443 on TCP:443 (lbl-tcp), with weight 5 and weight 6" in error.message
    assert len(resolve(first, {**other, "port": 8443, "weight": 5})) == 1


def test_a_known_instance_is_one_backend_also_where_it_is_not_bound_yet() -> None:
    # 10.1.0.1 is known as the address of ins-1 from another listener of the same answer.
    by_id, by_ip = {"instance_id": "ins-1"}, {"eni_ip": ip_of("ins-1")}
    place = {"listener_id": "lbl-udp", "port": 53}
    assert len(resolve({**place, **by_id}, {**place, **by_ip})) == 1
    assert "same binding" in problem({**place, **by_id, "tag": "x"}, {**place, **by_ip}).message


def test_ipv6_spellings_are_one_backend() -> None:
    place = {"listener_id": "lbl-udp", "port": 53}
    assert len(resolve(*({**place, "eni_ip": one} for one in ("2001:db8::1", "2001:DB8:0::1")))) == 1


def test_what_is_listed_twice_comes_out_once_and_nothing_gets_lost() -> None:
    place = {"listener_id": "lbl-udp", "port": 53}
    entries = [{**place, "instance_id": f"ins-{number}"} for number in (5, 6, 5, 7, 6)]
    assert sorted(one.backend.address for one in resolve(*entries)) == ["ins-5", "ins-6", "ins-7"]


def test_what_exists_lists_every_listener_and_rule() -> None:
    text = what_exists(SHOP)
    for pool in SHOP.pools.values():
        assert pool.label in text
    assert "TCP:8000-8010" in text


def test_what_exists_stays_short_and_tells_of_listeners_without_rules() -> None:
    many = snapshot(*(tcp(f"lbl-{number}", number) for number in range(1, 24)), http("lbl-empty"))
    text = what_exists(many)
    assert text.endswith(" and 4 more.")
    assert text.count("lbl-") == 20
    assert what_exists(snapshot(http("lbl-empty", 80))) == "What exists: HTTP:80 (lbl-empty) without rules."
    assert what_exists(snapshot()) == "The load balancer has no listeners."
