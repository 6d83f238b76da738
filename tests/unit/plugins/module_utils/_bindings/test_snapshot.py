# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import time

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument, UnexpectedAnswer
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.resolve import resolve_desired, select
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import (
    Backend,
    Pool,
    canonical_ip,
    parse_targets,
)

from ...builders import backend, http, ip_of, only, rows, rule, snapshot, target, tcp, untagged

KEY = ("lbl-1", None)
FUNCTIONS = [{"Function": {"FunctionName": "f"}, "Weight": 10}]


@rows(
    "raw, pools",
    (tcp("lbl-1", 443, protocol="tcp"), [Pool("lbl-1", None, "TCP", 443)]),
    (tcp("lbl-1", 443, protocol="TCP_SSL", EndPort=None), [Pool("lbl-1", None, "TCP_SSL", 443)]),
    (tcp("lbl-1", 8000, EndPort=8010), [Pool("lbl-1", None, "TCP", 8000, 8010)]),
    # B11: a QUIC listener goes by its rules, whatever its Targets are; rules make any protocol layer 7.
    (tcp("lbl-1", 443, protocol="QUIC"), [Pool("lbl-1", None, "QUIC", 443)]),
    ({**tcp("lbl-1", 443, protocol="QUIC"), "Targets": None}, [Pool("lbl-1", None, "QUIC", 443)]),
    (
        http("lbl-1", 80, rule("l-1", "a", url="/v1"), rule("l-2", "b"), protocol="quic"),
        [Pool("lbl-1", "l-1", "QUIC", 80, None, "a", "/v1"), Pool("lbl-1", "l-2", "QUIC", 80, None, "b", "/")],
    ),
    (http("lbl-1", 80, rule("l", "a"), protocol="NEW"), [Pool("lbl-1", "l", "NEW", 80, None, "a", "/")]),
    (http("lbl-1", 80, protocol="http"), []),
    ({**http("lbl-1", 80, protocol="HTTPS"), "Rules": None}, []),
)
def test_a_layer4_listener_is_a_pool_and_a_layer7_listener_has_one_for_each_rule(raw, pools):
    bound = snapshot(raw)
    (listener,) = bound.listeners.values()
    assert list(listener.pools) == list(bound.pools.values()) == pools
    assert bound.bindings == {pool.key: () for pool in pools}
    assert listener.layer7 is not any(pool.location_id is None for pool in pools)


def test_null_and_empty_lists_hold_nothing():
    for empty in (None, []):
        raw = {"ListenerId": "lbl-1", "Protocol": "TCP", "Port": 443, "Targets": empty, "Rules": empty}
        assert snapshot(raw).bindings == {KEY: ()}
        assert parse_targets({"Listeners": empty}).listeners == {}


def test_labels_name_address_port_and_pool():
    """C15"""
    listener = tcp("lbl-1", 8000, target("2001:db8::53", 53), EndPort=8010)
    bound = snapshot(listener, http("lbl-2", 80, rule("loc-1", "a.com", target("ins-1"), url="/v1")))
    one, two = (one.label for one in bound.all_bindings())
    assert one == "[2001:db8::53]:53 on TCP:8000-8010 (lbl-1)"
    assert two == "ins-1:80 on HTTP:80 (lbl-2) a.com/v1 (loc-1)"


def test_a_cvm_is_addressed_by_its_id_or_primary_address_which_are_one_binding():
    for kind in ("CVM", "cvm"):
        one = target("ins-1", Type=kind, PrivateIpAddresses=[ip_of("ins-1"), "10.1.200.1"])
        bound = snapshot(tcp("lbl-1", 443, one, target("ins-1", 81)), tcp("lbl-2", 444))
        by_id, by_ip = Backend("ins-1", None), Backend(None, ip_of("ins-1"))
        found = bound.find(KEY, by_id, 80)
        assert found is not None
        assert (found.backend, found.aliases) == (by_id, ("ins-1", ip_of("ins-1")))
        assert bound.find(KEY, by_ip, 80) is found is not bound.find(KEY, by_id, 81)
        for elsewhere in ((KEY, by_id, 82), (("lbl-2", None), by_ip, 80), (KEY, Backend(None, "10.1.200.1"), 80)):
            assert bound.find(*elsewhere) is None
        assert bound.instances == {ip_of("ins-1"): "ins-1"}


@rows("kind", "ENI", "eni", "CCN", "EVM", "GLOBALROUTE", "NAT", "SRV", "NewKind")
def test_every_other_kind_is_addressed_by_a_private_ip_whatever_its_ids_say(kind):
    for ids in ({"InstanceId": None}, {"InstanceId": ""}, {"InstanceId": "ins-9"}, {"EniId": "e", "InstanceId": "e"}):
        raw = target("10.2.0.1", **{"Type": kind, "PrivateIpAddresses": ["10.2.0.1", "10.2.0.2"], **ids})
        bound = snapshot(tcp("lbl-1", 443, raw))
        assert only(bound).backend == Backend(None, "10.2.0.1")
        for address in ("10.2.0.1", "10.2.0.2"):
            assert bound.find(KEY, Backend(None, address), 80) is only(bound)
        assert bound.find(KEY, Backend("ins-9", None), 80) is None
        both = [{"listener_id": "lbl-1", "eni_ip": address, "port": 80} for address in ("10.2.0.1", "10.2.0.2")]
        assert [one.number for one in resolve_desired(parse_entries(both, selectors=False), bound)] == [0]


@rows("text, expected",
    ("::ffff:10.0.0.1", "10.0.0.1"), ("::FFFF:a00:1", "10.0.0.1"), ("0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1"),
    ("::10.0.0.1", "::a00:1"), ("64:ff9b::10.0.0.1", "64:ff9b::a00:1"),
    (" 2001:0db8:0000:0000:0000:0000:0000:0001 ", "2001:db8::1"), ("2001:DB8:0:0::1", "2001:db8::1"),
    ("10.0.0.1", "10.0.0.1"),
)  # fmt: skip
def test_an_address_has_one_spelling(text, expected):
    """C14: an IPv4 address in IPv6 spelling is the IPv4 address."""
    assert canonical_ip(text) == expected
    bound = snapshot(tcp("lbl-1", 443, target("10.2.0.1", PrivateIpAddresses=[text])))
    assert bound.find(KEY, Backend(None, expected), 80) is only(bound)


def test_what_no_call_can_address_is_not_a_binding():
    odd = [{"PrivateIpAddresses": ips, "InstanceId": name} for ips, name in ((None, None), ([], "e"), ([""], ""))]
    odd = [*({**one, "Type": "SRV"} for one in odd), *odd[::2], {"Port": 0}]
    place = {**rule("loc-1", "a"), "Targets": None, "FunctionTargets": FUNCTIONS}
    layer4 = tcp("lbl-2", 443, *(target("10.2.0.1", **one) for one in odd), FunctionTargets=FUNCTIONS)
    assert list(snapshot(http("lbl-1", 80, place), layer4).all_bindings()) == []
    # An address that does not parse stays as it came.
    assert only(snapshot(tcp("lbl-1", 443, target("10.2.0.1", PrivateIpAddresses=["?"])))).backend.address == "?"


def test_nulls_missing_keys_and_unknown_fields_do_no_harm():
    bare = {"Type": "CVM", "InstanceId": "ins-1", "Port": 80, "Weight": 5, "PrivateIpAddresses": None}
    full = target("ins-2", Zone="z-1", InstanceName="web", PublicIpAddresses=["203.0.113.1"], Weight=0)
    one, two = snapshot(tcp("lbl-1", 443, {**bare, "NewField": {"a": 1}}, full)).all_bindings()
    assert (one.weight, one.tag, one.private_ips, one.instance_name, one.zone) == (5, "", (), None, None)
    assert (two.weight, two.zone, two.instance_name, two.public_ips) == (0, "z-1", "web", ("203.0.113.1",))


def test_tags_are_unknown_where_no_entry_has_the_field_and_known_where_one_has():
    silent = untagged(tcp("lbl-1", 443, target("ins-1", tag="x")))
    assert (silent.tags_known, only(silent).tag) == (False, None)
    mixed = without(target("ins-2"), "Tag")
    bound = snapshot(tcp("lbl-1", 443, mixed), http("lbl-2", 80, rule("loc-1", "a", target("ins-1", tag="x"))))
    assert [one.tag for one in bound.all_bindings()] == ["", "x"]


# -- an answer that is none


def without(raw, key):
    return {name: value for name, value in raw.items() if name != key}


@rows(
    "answer, place",
    ({}, "Listeners is missing, not a list or null"),
    ({"Listeners": ""}, "Listeners is ''"),
    ({"Listeners": {}}, "Listeners is an object"),
    ({"Listeners": False}, "Listeners is false"),
    ({"Listeners": [None]}, "Listeners[0] is null, not an object"),
    ({"Listeners": ["lbl-1"]}, "Listeners[0] is 'lbl-1'"),
    ({"Listeners": [tcp("lbl-1", 443), tcp("lbl-1", 444)]}, "Listeners[1].ListenerId is 'lbl-1'"),
    (
        {"Listeners": [http("lbl-1", 80, rule("loc-1", "a"), rule("loc-1", "b"))]},
        "Listeners[0].Rules[1].LocationId is 'loc-1'",
    ),
)
def test_an_answer_without_listeners_is_not_an_empty_one(answer, place):
    """B2, B3"""
    with pytest.raises(UnexpectedAnswer, match=re.escape(place)) as caught:
        parse_targets({**answer, "RequestId": "r-7"})
    error = caught.value
    assert (error.code, error.action, error.request_id) == ("UnexpectedAnswer", "DescribeTargets", "r-7")


TEXT, PORT, LIST = "a text that is not empty", "a whole number from 0 to 65535", "a list or null"


def inside(level, one):
    """A listener with this listener, rule or target, and the place of that in an answer."""
    if level == "listener":
        return "Listeners[1]", one
    if level == "rule":
        return "Listeners[1].Rules[0]", http("lbl-1", 80, one)
    return "Listeners[1].Rules[0].Targets[0]", http("lbl-1", 80, rule("loc-1", "a", one))


@rows(
    "level, key, odds, expected",
    ("listener", "ListenerId", [None, "", 7], f"{TEXT}."),
    ("listener", "Protocol", [None, ["TCP"]], f"{TEXT}."),
    ("listener", "Port", ["443", True, 443.0, -1, 65536, 10**70], f"{PORT}."),
    ("listener", "EndPort", ["0", False], f"{PORT}, or null."),
    ("listener", "Rules", [{}], f"{LIST}."),
    ("listener", "Targets", [""], f"{LIST}."),
    ("rule", "LocationId", [""], TEXT),
    ("rule", "Domain", [None], ""),
    ("rule", "Url", [1], ""),
    ("rule", "Targets", [{}], LIST),
    ("target", "Type", [None, "", 1, {}], ""),
    ("target", "InstanceId", [None, "", 1, ["ins-1"]], ""),
    ("target", "Port", [None, "80", 80.5, True, -1, 65536, [80]], PORT),
    ("target", "Weight", [None, "abc", "10", 10.0, False, -1, 101, {}], ""),
    ("target", "PrivateIpAddresses", ["10.2.0.1", {}, 1, [None], [1], [["10.2.0.1"]], ["10.2.0.1", 2]], ""),
    ("target", "PublicIpAddresses", ["", {}, [None]], ""),
    ("target", "InstanceName", [{}, 1, True, []], ""),
    ("target", "RegisteredTime", [1, {}], ""),
    ("target", "Tag", [1, False, {}, ["x"]], ""),
    ("target", "Zone", [0, {}], ""),
)
def test_listeners_rules_and_targets_have_what_they_always_have(level, key, odds, expected):
    good = {"listener": tcp("lbl-1", 443), "rule": rule("loc-1", "a"), "target": target("ins-1")}[level]
    for odd in odds:
        place, listener = inside(level, {**good, key: odd})
        with pytest.raises(UnexpectedAnswer, match=rf"{re.escape(f'{place}.{key}')}(\[\d\])? is .*, not {expected}"):
            snapshot(tcp("lbl-0", 80, target("ins-2")), listener)
    if key not in ("EndPort", "PublicIpAddresses", "InstanceName", "RegisteredTime", "Tag", "Zone"):
        place, listener = inside(level, without(good, key))
        with pytest.raises(UnexpectedAnswer, match=re.escape(f"{place}.{key} is ") + "(missing|null)"):
            snapshot(tcp("lbl-0", 80), listener)


@rows(
    "odd, told",
    pytest.param("x" * 10_000, r"'x{60}'\.\.\. \(10000 characters\)", id="long"),
    ("a\x1b[31m\u202e\n", r"'a\\x1b\[31m\\u202e\\n'"),
    (float("inf"), "inf"),
    pytest.param(10**5000, "a huge number", id="huge"),
    ([1] * 9, "a list of 9"),
    ({"a": 1}, "an object"),
)
def test_what_was_there_is_shown_short_and_escaped(odd, told):
    with pytest.raises(UnexpectedAnswer, match=rf"Targets\[0\]\.Weight is {told}, not a whole number") as caught:
        snapshot(tcp("lbl-1", 443, target("ins-1", Weight=odd)))
    assert len(caught.value.message) < 300
    assert caught.value.message.isprintable()


# -- an address that several bindings show

A, B, C = "10.2.0.1", "10.2.0.2", "10.2.0.3"
ONE, TWO = target("ins-1"), target("ins-2", PrivateIpAddresses=[ip_of("ins-1")])


def interface(*addresses, **more):
    return target(addresses[0], Type="ENI", PrivateIpAddresses=list(addresses), **more)


@rows(
    "bound_as, own, ambiguous",
    pytest.param([interface(A, B), interface(B, A)], [A, B], "", id="each is first once"),
    pytest.param([interface(A, B), interface(B)], [A, B], "", id="and once alone"),
    pytest.param([ONE, interface(ip_of("ins-1"), A)], [A, "ins-1"], "", id="a CVM has its primary address"),
    pytest.param([interface(A, C), interface(B, C)], [A, B], C, id="first of none"),
    pytest.param([interface(A, B), interface(A)], [B, A], f"{A} {B}", id="nothing by elimination"),
    pytest.param([interface(A, B), interface(A, C)], [A, C], f"{A} {B} {C}", id="nor by exclusion"),
    pytest.param([interface(A, B)] * 2, [A, B], f"{A} {B}", id="the same"),
    pytest.param([interface(A, B)] * 3, [A, B, A], f"{A} {B}", id="more than addresses"),
    pytest.param([ONE, interface(ip_of("ins-1"))], ["ins-1", ip_of("ins-1")], ip_of("ins-1"), id="none is left"),
    pytest.param([ONE, TWO], ["ins-1", "ins-2"], ip_of("ins-1"), id="one address of two CVMs"),
    pytest.param([ONE, dict(ONE)], ["ins-1"], "", id="a CVM twice"),
    pytest.param([interface(A), interface(A)], [A], "", id="an address twice"),
    pytest.param([ONE, {**ONE, "Weight": 1}], ["ins-1"] * 2, f"{ip_of('ins-1')} ins-1", id="a CVM with two weights"),
    pytest.param([interface(A), interface(A, weight=1)], [A, A], A, id="an address with two weights"),
)
def test_an_address_finds_the_binding_that_it_surely_is(bound_as, own, ambiguous):
    """B5: the address that was asked for, whatever else is in the answer."""
    bound = snapshot(tcp("lbl-1", 443, *bound_as))
    assert sorted(bound.ambiguous) == ambiguous.split()
    assert all(len(several) > 1 for found in bound.ambiguous.values() for several in found.values())
    assert [one.backend.address for one in bound.all_bindings()] == own
    assert all(bound.find(KEY, backend(name), 80) is None for name in {*ambiguous.split()}.difference(own))
    for name in {*own}.difference(ambiguous.split()):
        found = bound.find(KEY, backend(name), 80)
        assert found is not None
        assert found.backend.address == found.aliases[0] == name


def test_very_many_that_share_addresses_are_told_apart_in_no_time():
    many = [f"10.3.{number // 256}.{number % 256}" for number in range(3000)]
    listener = tcp("lbl-1", 443, *(interface(*many[number : number + 3]) for number in range(2998) for _twice in "12"))
    started = time.thread_time()
    assert snapshot(listener).ambiguous
    assert time.thread_time() - started < 5


def test_ports_and_pools_have_nothing_to_do_with_each_other():
    bound = snapshot(
        tcp("lbl-1", 443, interface(A, B), {**interface(A, B), "Port": 81}), tcp("lbl-2", 444, interface(A, B))
    )
    assert bound.ambiguous == {}
    assert [one.aliases for one in bound.all_bindings()] == [(A, B)] * 3
    in_order = snapshot(tcp("lbl-1", 443, ONE, {**ONE, "Port": 81}, interface(A, B))).all_bindings()
    assert [one.port for one in in_order] == [80, 81, 80]
    twice = snapshot(tcp("lbl-1", 443, interface(A), interface(A), {**interface(B), "Port": 81})).all_bindings()
    assert [(one.aliases, one.port) for one in twice] == [((A,), 80), ((B,), 81)]


@rows("address", A, B)
@rows("more", {}, {"port": 80}, {"listener_id": "lbl-1"}, {"listener_id": "lbl-1", "port": 80})
def test_an_address_that_is_asked_for_is_the_one_or_refused(address, more):
    def found(present, *bound_as):
        bound = snapshot(tcp("lbl-1", 443, *(interface(*addresses) for addresses in bound_as)))
        entries = parse_entries([{"eni_ip": address, **more}], selectors=not present)
        bindings = resolve_desired(entries, bound) if present else select(entries, bound).bindings
        return [one.backend.address for one in bindings]

    for present in (False, True) if len(more) == 2 else (False,):
        for order in ((A, B), (B, A)), ((B, A), (A, B)):
            assert found(present, *order) == [address]
        with pytest.raises(InvalidArgument, match=rf"^targets\[0\]: {address}:80 on TCP:443 .* may be either of 2 "):
            found(present, (A, B), (A, B))


@rows("selector, found", ({"listener_id": "lbl-1"}, [A, B]), ({"eni_ip": A, "port": 81}, []), ({"eni_ip": C}, []))
def test_what_does_not_ask_for_an_address_in_doubt_is_not_refused(selector, found):
    bound = snapshot(tcp("lbl-1", 443, interface(A, B), interface(A, B)))
    chosen = select(parse_entries([selector], selectors=True), bound).bindings
    assert sorted(one.backend.address for one in chosen) == found
    wish = {**selector, "listener_id": "lbl-1", "eni_ip": C, "port": 80}
    (wished,) = resolve_desired(parse_entries([wish], selectors=False), bound)
    assert wished.backend.address == C
