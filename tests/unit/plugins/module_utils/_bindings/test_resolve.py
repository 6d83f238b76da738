# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings import assign as assigning
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings import resolve as resolving
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries

from ...builders import http, ip_of, rows, rule, snapshot, target, tcp, untagged

LISTENERS = [
    tcp("lbl-tcp", 443, target("ins-1", 80, 10, "blue"), target("ins-2", 80, 10, "green"), target("10.2.0.9", 81)),
    tcp("lbl-udp", 443, target("ins-1", 53), protocol="UDP"),
    tcp("lbl-range", 8000, EndPort=8010),
    http(
        "lbl-http",
        80,
        rule("loc-1", "A.example.com", target("ins-1", 80), target("2001:db8::1", 80)),
        rule("loc-2", "a.example.com", target("ins-2", 80, 0, "blue"), url="/v2"),
        rule("loc-3", "b.example.com", target("10.2.0.10")),
    ),
    http("lbl-https", 8443, rule("loc-4", "a.example.com", target("ins-1", 81)), protocol="HTTPS"),
    http("lbl-empty", 9000),
]
SHOP = snapshot(*LISTENERS)
BACKEND = {"instance_id": "ins-9", "port": 80}


def resolve(*entries):
    return resolving.resolve_desired(parse_entries(entries, selectors=False), SHOP)


def choose(*selectors):
    return resolving.select(parse_entries(selectors, selectors=True), SHOP)


def problem(*entries):
    with pytest.raises(InvalidArgument) as caught:
        resolve(*entries)
    return caught.value


@rows(
    "place, key",
    ({"listener_id": "lbl-tcp"}, ("lbl-tcp", None)),
    ({"listener_port": 443, "listener_protocol": "udp"}, ("lbl-udp", None)),
    ({"listener_port": 8000}, ("lbl-range", None)),
    ({"location_id": "loc-3"}, ("lbl-http", "loc-3")),
    ({"location_id": "loc-3", "listener_id": "lbl-http", "url": "/"}, ("lbl-http", "loc-3")),
    ({"location_id": "loc-1", "domain": "a.EXAMPLE.com"}, ("lbl-http", "loc-1")),
    ({"listener_id": "lbl-http", "domain": "a.example.com", "url": "/"}, ("lbl-http", "loc-1")),
    ({"listener_id": "lbl-http", "domain": "a.example.com", "url": "/v2"}, ("lbl-http", "loc-2")),
    ({"listener_port": 80, "domain": "B.example.com", "url": "/"}, ("lbl-http", "loc-3")),
    ({"listener_port": 8443, "domain": "a.example.com", "url": "/"}, ("lbl-https", "loc-4")),
    ({"listener_id": "lbl-tcp", "listener_port": 443, "listener_protocol": "TCP"}, ("lbl-tcp", None)),
)
def test_names_lead_to_the_listener_or_rule(place, key):
    (desired,) = resolve({**place, **BACKEND})
    assert desired.pool is SHOP.pools[key]


@rows(
    "place, words",
    # An unknown listener or rule, and the wrong layer.
    ({"listener_id": "lbl-no"}, "there is no listener 'lbl-no'"),
    ({"listener_port": 444}, "there is no listener on port 444"),
    ({"listener_port": 443, "listener_protocol": "HTTP"}, "there is no HTTP listener on port 443"),
    ({"location_id": "loc-no"}, "there is no rule 'loc-no'"),
    ({"location_id": "loc-no", "listener_id": "lbl-http"}, "there is no rule 'loc-no' on listener 'lbl-http'"),
    ({"listener_id": "lbl-http", "domain": "c", "url": "/"}, "has no rule with domain 'c' and url '/'"),
    ({"listener_id": "lbl-http", "domain": "a.example.com", "url": "/V2"}, "url '/V2'"),
    ({"listener_id": "lbl-http"}, "HTTP:80 (lbl-http) is a layer-7 listener; name its rule"),
    ({"listener_id": "lbl-tcp", "domain": "a", "url": "/"}, "TCP:443 (lbl-tcp) is a layer-4 listener and has no rules"),
    ({"listener_id": "lbl-tcp", "location_id": "loc-no"}, "there is no rule 'loc-no' on listener 'lbl-tcp'"),
    # A name that contradicts the ID beside it.
    ({"listener_id": "lbl-tcp", "listener_port": 80}, "listener_port 80 contradicts the ID beside it: TCP:443"),
    ({"listener_id": "lbl-tcp", "listener_protocol": "UDP"}, "listener_protocol 'UDP' contradicts"),
    ({"location_id": "loc-1", "listener_id": "lbl-https"}, "listener_id 'lbl-https' contradicts"),
    ({"location_id": "loc-1", "listener_port": 8443}, "listener_port 8443 contradicts"),
    ({"location_id": "loc-1", "domain": "b.example.com"}, "domain 'b.example.com' contradicts"),
    ({"location_id": "loc-1", "url": "/v2"}, "url '/v2' contradicts the ID beside it: HTTP:80 (lbl-http)"),
)
def test_a_place_that_does_not_exist_is_an_error(place, words):
    error = problem({"listener_id": "lbl-udp", **BACKEND}, {**place, **BACKEND})
    assert error.message.startswith("targets[1]: ")
    assert words in error.message
    contradicts = "contradicts" in words
    assert isinstance(error, resolving.UnknownName) is not contradicts
    if contradicts:
        with pytest.raises(InvalidArgument, match=r"^targets\[0\]: .*contradicts the ID beside it"):
            choose(place)


def test_the_listeners_that_can_be_meant_are_told_where_each_entry_tells():
    assert "TCP (lbl-tcp), UDP (lbl-udp); add listener_protocol" in problem({"listener_port": 443, **BACKEND}).message
    by_port, by_id = ({**place, **BACKEND} for place in ({"listener_id": "lbl-http"}, {"listener_id": "lbl-no"}))
    assert getattr(problem(by_port), "meant", None) == {"lbl-http"}
    assert problem(by_id).message == "targets[0]: there is no listener 'lbl-no'."
    assert getattr(problem(by_port, {**by_id, "port": 81}), "meant", None) == frozenset()


@rows(
    "other",
    {"listener_id": "lbl-tcp", "eni_ip": ip_of("ins-1")},
    {"listener_port": 443, "listener_protocol": "TCP", "instance_id": "ins-1"},
    {"listener_id": "lbl-tcp", "listener_port": 443, "instance_id": "ins-1"},
)
def test_the_same_binding_in_other_words_must_say_the_same_too(other):
    first = {"listener_id": "lbl-tcp", "instance_id": "ins-1", "port": 80, "weight": 5}
    error = problem(first, {**other, "port": 80, "weight": 6})
    assert error.message.startswith("targets[0] and targets[1] name the same binding, ")
    assert ":80 on TCP:443 (lbl-tcp), with weight 5 and weight 6" in error.message
    assert len(resolve(first, {**other, "port": 80, "weight": 5})) == 1


def test_a_backend_is_one_in_any_spelling_also_where_it_is_not_bound_yet():
    # 10.1.0.1 is known as the address of ins-1 from another listener of the same answer.
    place = {"listener_id": "lbl-udp", "port": 54}
    by_id, by_ip = {**place, "instance_id": "ins-1"}, {**place, "eni_ip": ip_of("ins-1")}
    assert [one.backend.address for one in resolve(by_id, by_ip)] == ["ins-1"]
    assert "same binding" in problem({**by_id, "tag": "x"}, by_ip).message
    assert len(resolve(*({**place, "eni_ip": one} for one in ("2001:db8::1", "2001:DB8:0::1")))) == 1
    several = resolve(*({**place, "instance_id": f"ins-{number}"} for number in (5, 6, 5, 7, 6)))
    assert [one.backend.address for one in several] == ["ins-5", "ins-6", "ins-7"]


def test_what_exists_stays_short_and_tells_of_listeners_without_rules():
    text = resolving.what_exists(SHOP)
    assert all(pool.label in text for pool in SHOP.pools.values())
    assert "TCP:8000-8010" in text
    many = snapshot(*(tcp(f"lbl-{number}", number) for number in range(1, 24)), http("lbl-empty"))
    text = resolving.what_exists(many)
    assert (text.endswith(" and 4 more."), text.count("lbl-")) == (True, 20)
    assert resolving.what_exists(snapshot(http("lbl-empty", 80))) == "What exists: HTTP:80 (lbl-empty) without rules."
    assert resolving.what_exists(snapshot()) == "The load balancer has no listeners."


# -- selectors

T1, T2, T9 = ("lbl-tcp", None, "ins-1", 80), ("lbl-tcp", None, "ins-2", 80), ("lbl-tcp", None, "10.2.0.9", 81)
U1 = ("lbl-udp", None, "ins-1", 53)
A1, A6 = ("lbl-http", "loc-1", "ins-1", 80), ("lbl-http", "loc-1", "2001:db8::1", 80)
A2, B3 = ("lbl-http", "loc-2", "ins-2", 80), ("lbl-http", "loc-3", "10.2.0.10", 80)
S1 = ("lbl-https", "loc-4", "ins-1", 81)
EVERYTHING = [T1, T2, T9, U1, A1, A6, A2, B3, S1]


def matched(selection):
    return [(*one.pool.key, one.backend.address, one.port) for one in selection.bindings]


@rows(
    "selector, expected",
    ({"instance_id": "ins-1"}, [T1, U1, A1, S1]),
    ({"eni_ip": ip_of("ins-1")}, [T1, U1, A1, S1]),
    ({"eni_ip": "2001:DB8:0:0::1"}, [A6]),
    ({"listener_id": "lbl-tcp"}, [T1, T2, T9]),
    ({"listener_id": "lbl-http"}, [A1, A6, A2, B3]),
    ({"listener_id": "lbl-http", "domain": "b.example.com"}, [B3]),
    ({"listener_port": 443}, [T1, T2, T9, U1]),
    ({"listener_port": 443, "listener_protocol": "UDP"}, [U1]),
    ({"listener_port": 443, "instance_id": "ins-1", "port": 53}, [U1]),
    ({"location_id": "loc-1"}, [A1, A6]),
    ({"location_id": "loc-1", "instance_id": "ins-1", "port": 80}, [A1]),
    ({"location_id": "loc-1", "instance_id": "ins-1", "port": 81}, []),
    ({"domain": "A.EXAMPLE.COM"}, [A1, A6, A2, S1]),
    ({"domain": "a.example.com", "url": "/v2"}, [A2]),
    ({"domain": "a.example.com", "listener_port": 8443}, [S1]),
    ({"listener_id": "lbl-http", "url": "/v2"}, [A2]),
    ({"instance_id": "ins-1", "port": 80}, [T1, A1]),
    ({"instance_id": "ins-1", "listener_protocol": "tcp"}, [T1]),
    ({"instance_id": "ins-2", "tag": "blue"}, [A2]),
    ({"listener_id": "lbl-tcp", "tag": "blue"}, [T1]),
    ({"listener_id": "lbl-tcp", "tag": "", "weight": 99}, [T1, T2, T9]),
)
def test_each_key_narrows_and_keys_left_out_match_everything(selector, expected):
    assert matched(choose(selector)) == expected
    # What several selectors match comes once, in the cloud's order.
    both = matched(choose({"location_id": "loc-1"}, selector, selector))
    assert both == [one for one in EVERYTHING if one in (A1, A6, *expected)]


def test_of_the_listeners_on_one_port_those_with_rules_are_meant_by_a_domain():
    both = snapshot(
        tcp("lbl-1", 80, target("ins-2"), protocol="UDP"), http("lbl-2", 80, rule("loc-1", "a", target("ins-1")))
    )
    found = resolving.select(parse_entries([{"listener_port": 80, "domain": "a"}], selectors=True), both)
    assert (matched(found), found.unknown) == ([("lbl-2", "loc-1", "ins-1", 80)], ())


@rows(
    "selector, touched",
    ({"listener_id": "lbl-tcp", "instance_id": "ins-3"}, "lbl-tcp"),
    ({"listener_id": "lbl-http", "instance_id": "ins-3"}, "loc-1 loc-2 loc-3"),
    ({"domain": "a.example.com", "url": "/v2", "port": 9}, "loc-2"),
    ({"instance_id": "ins-2"}, "lbl-tcp loc-2"),
    ({"instance_id": "ins-3"}, ""),
)
def test_touched_is_what_a_selector_names_or_matched_on(selector, touched):
    assert [pool.location_id or pool.listener_id for pool in choose(selector).touched] == touched.split()


@rows(
    "selector, words",
    ({"listener_id": "lbl-no"}, "there is no listener 'lbl-no'"),
    ({"listener_port": 9}, "there is no listener on port 9"),
    ({"location_id": "loc-no"}, "there is no rule 'loc-no'"),
    ({"domain": "c.example.com"}, "there is no rule with domain 'c.example.com'."),
    ({"listener_id": "lbl-http", "domain": "a.example.com", "url": "/no"}, "'a.example.com' and url '/no' on"),
    ({"listener_id": "lbl-http", "url": "/no"}, "there is no rule with url '/no' on listener 'lbl-http'"),
    ({"listener_id": "lbl-tcp", "domain": "a.example.com"}, "TCP:443 (lbl-tcp) is a layer-4 listener"),
)
def test_a_selector_of_what_does_not_exist_is_told_and_the_others_match(selector, words):
    selection = choose({"location_id": "loc-2"}, selector)
    (sentence,) = selection.unknown
    assert sentence.startswith("targets[1]: ")
    assert words in sentence
    assert (matched(selection), selection.unmatched) == ([A2], ())


def test_tags_that_the_cloud_does_not_tell_match_nothing_and_say_so():
    silent = untagged(tcp("lbl-tcp", 443, target("ins-1", tag="blue")))
    for tag, found, warnings in (("blue", 0, 1), ("", 1, 0)):
        selection = resolving.select(parse_entries([{"instance_id": "ins-1", "tag": tag}], selectors=True), silent)
        assert (len(selection.bindings), len(selection.warnings)) == (found, warnings)
    assert choose({"instance_id": "ins-1", "tag": "blue"}).warnings == ()


@rows(
    "selector",
    {"instance_id": "ins-0000001"},
    {"instance_id": "ins-1", "port": 8080},
    {"instance_id": "ins-1", "tag": "bleu"},
    {"listener_id": "lbl-udp", "instance_id": "ins-2"},
    {"listener_id": "lbl-udp", "port": 54},
    {"listener_id": "lbl-udp", "tag": "x"},
)
def test_a_selector_that_matches_nothing_is_told_but_an_empty_listener_is_no_mistake(selector):
    """C4"""
    unmatched = choose({"instance_id": "ins-1"}, selector, {"listener_id": "lbl-empty"}).unmatched
    assert [entry.number for entry in unmatched] == [1]


# -- the load balancers of entries

REGION = {
    "lb-1": snapshot(tcp("lbl-1", 443, target("ins-1")), http("lbl-2", 80, rule("loc-1", "a"))),
    "lb-2": snapshot(tcp("lbl-3", 443), http("lbl-4", 80, rule("loc-2", "a"))),
    "lb-3": snapshot(),
}
HOST = {"instance_id": "ins-1"}


@rows(
    "entry, owners",
    ({**HOST, "load_balancer_id": "lb-2"}, ["lb-2"]),
    # Its own ID wins, also where another one has the listener: that is then an error there.
    ({"listener_id": "lbl-1", "load_balancer_id": "lb-2"}, ["lb-2"]),
    ({**HOST, "load_balancer_id": "lb-9"}, []),
    ({"listener_id": "lbl-1", "load_balancer_id": "lb-9"}, []),
    ({"listener_id": "lbl-1"}, ["lb-1"]),
    ({"listener_id": "lbl-4"}, ["lb-2"]),
    ({"location_id": "loc-2"}, ["lb-2"]),
    ({"location_id": "loc-1", "listener_id": "lbl-4"}, ["lb-1"]),
    (HOST, ["lb-1", "lb-2", "lb-3"]),
    ({"listener_port": 443, "listener_protocol": "TCP"}, ["lb-1", "lb-2", "lb-3"]),
    ({"domain": "a"}, ["lb-1", "lb-2", "lb-3"]),
)
def test_an_entry_belongs_to_the_load_balancers_that_it_is_about(entry, owners):
    # Entries keep their order.
    found = assigning.assign(parse_entries([HOST, entry, {"listener_id": "lbl-3"}, HOST], selectors=True), REGION)
    assert {one: [entry.number for entry in mine] for one, mine in found.entries.items()} == {
        one: [0, *([1] if one in owners else []), *([2] if one == "lb-2" else []), 3] for one in REGION
    }
    lacks = entry == {"listener_id": "lbl-1", "load_balancer_id": "lb-2"}
    assert (found.unknown, found.lacking) == ((), ("targets[1]: lb-2 has no listener 'lbl-1'.",) if lacks else ())


@rows(
    "entry, what",
    ({"listener_id": "lbl-9"}, "listener 'lbl-9'"),
    ({"location_id": "loc-9"}, "rule 'loc-9'"),
    ({"location_id": "loc-9", "listener_id": "lbl-1"}, "rule 'loc-9'"),
)
def test_an_id_that_no_load_balancer_has_is_told(entry, what):
    found = assigning.assign(parse_entries([HOST, entry], selectors=True), REGION)
    assert found.unknown == (f"targets[1]: none of the load balancers has a {what}.",)
    assert {one: len(mine) for one, mine in found.entries.items()} == dict.fromkeys(REGION, 1)


@rows("own, expected", (None, True), ("lb-1", True), ("lb-2", False))
def test_before_it_is_read_only_the_load_balancer_of_an_entry_is_known(own, expected):
    entries = parse_entries([{"listener_id": "lbl-9", "load_balancer_id": own}], selectors=True)
    assert (assigning.may_apply(entries, "lb-1") == list(entries)) is expected


BELONGS = {**HOST, "load_balancer_id": "lb-1", "load_balancer_name": "shop", "region": "ap-tokyo"}
NAMED = {**HOST, "load_balancer_name": "shop"}


@rows(
    "entry, chosen, looked_up, words",
    (HOST, {"lb-1": None}, (), ""),
    (BELONGS, {"lb-1": "shop"}, (), ""),
    (BELONGS, {"lb-1": None, "lb-2": None}, ("lb-1",), ""),
    (BELONGS, {"lb-1": "shop", "lb-2": "blog"}, (), ""),
    (NAMED, {"lb-1": None}, ("lb-1",), ""),
    (NAMED, {"lb-1": "shop"}, (), ""),
    ({**HOST, "region": "ap-seoul"}, {"lb-1": None}, (), "region 'ap-seoul' is not ap-tokyo, in which this task"),
    (NAMED, {"lb-1": "blog"}, (), "'shop' is not the name of lb-1, which is 'blog'"),
    ({**BELONGS, "load_balancer_name": "Shop"}, {"lb-1": "shop", "lb-2": "Shop"}, (), "'Shop' is not the name of"),
    (NAMED, {"lb-1": "shop", "lb-2": "blog"}, (), "alone does not say which load balancer"),
)
def test_names_and_regions_must_be_those_of_the_load_balancer(entry, chosen, looked_up, words):
    """C5; a name is looked up only where an entry says one."""
    entries = parse_entries([HOST, entry], selectors=True)
    assert assigning.names_to_check(entries, chosen) == looked_up
    if not words:
        assigning.check_belonging(entries, chosen, "ap-tokyo")
        return
    with pytest.raises(InvalidArgument) as caught:
        assigning.check_belonging(entries, chosen, "ap-tokyo")
    assert caught.value.message.startswith("targets[1]: ")
    assert words in caught.value.message
