# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import (
    Backend,
    Pool,
    canonical_ip,
    parse_targets,
)

from ...builders import http, ip_of, rule, snapshot, target, tcp, untagged


def only(bound: Any) -> Any:
    """The one binding of a snapshot."""
    (found,) = bound.all_bindings()
    return found


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "TCP_SSL", "tcp"])
def test_a_layer4_listener_is_its_own_slot(protocol: str) -> None:
    bound = snapshot(tcp("lbl-1", 443, target("ins-1"), protocol=protocol))
    listener = bound.listeners["lbl-1"]
    assert not listener.layer7
    assert listener.pools == (Pool("lbl-1", None, protocol.upper(), 443),)
    assert [one.backend.address for one in bound.bindings["lbl-1", None]] == ["ins-1"]


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS", "QUIC", "http"])
def test_a_layer7_listener_has_a_slot_for_each_rule(protocol: str) -> None:
    bound = snapshot(
        http("lbl-1", 80, rule("loc-1", "a.example.com", target("ins-1")), rule("loc-2", "b"), protocol=protocol)
    )
    assert bound.listeners["lbl-1"].layer7
    assert list(bound.pools) == [("lbl-1", "loc-1"), ("lbl-1", "loc-2")]
    assert bound.pools["lbl-1", "loc-1"] == Pool("lbl-1", "loc-1", protocol.upper(), 80, None, "a.example.com", "/")
    assert len(bound.bindings["lbl-1", "loc-1"]) == 1
    assert bound.bindings["lbl-1", "loc-2"] == ()


def test_a_layer7_listener_without_rules_has_no_slot() -> None:
    bound = snapshot(http("lbl-1"), {**http("lbl-2"), "Rules": None})
    assert [one.layer7 for one in bound.listeners.values()] == [True, True]
    assert bound.pools == {}


def test_rules_make_any_protocol_layer7_and_quic_without_them_is_layer4() -> None:
    bound = snapshot(
        http("lbl-1", 80, rule("loc-1", "a"), protocol="NEW"), tcp("lbl-2", 443, target("ins-1"), protocol="QUIC")
    )
    assert list(bound.pools) == [("lbl-1", "loc-1"), ("lbl-2", None)]


@pytest.mark.parametrize("empty", [None, []])
def test_null_and_empty_lists_hold_nothing(empty: Any) -> None:
    raw = {"ListenerId": "lbl-1", "Protocol": "TCP", "Port": 443, "Targets": empty, "Rules": empty}
    assert snapshot(raw).bindings == {("lbl-1", None): ()}
    assert parse_targets({"Listeners": empty}).listeners == {}


@pytest.mark.parametrize("targets", [None, []])
def test_an_empty_quic_listener_is_layer4(targets: Any) -> None:
    """B11: it goes by its rules, whatever its Targets are."""
    (listener,) = snapshot({**tcp("lbl-1", 443, protocol="QUIC"), "Targets": targets}).listeners.values()
    assert not listener.layer7
    assert [pool.key for pool in listener.pools] == [("lbl-1", None)]


@pytest.mark.parametrize("end_port, expected", [(0, None), (None, None), (8010, 8010)])
def test_the_end_port_is_set_on_port_ranges_only(end_port: int | None, expected: int | None) -> None:
    (pool,) = snapshot(tcp("lbl-1", 8000, EndPort=end_port)).pools.values()
    assert pool.end_port == expected
    assert pool.label == ("TCP:8000-8010 (lbl-1)" if expected else "TCP:8000 (lbl-1)")


def test_the_label_of_a_rule_names_listener_and_rule() -> None:
    (pool,) = snapshot(http("lbl-1", 80, rule("loc-1", "a.example.com", url="/v1"))).pools.values()
    assert pool.label == "HTTP:80 (lbl-1) a.example.com/v1 (loc-1)"


@pytest.mark.parametrize("kind", ["CVM", "cvm"])
def test_a_cvm_is_addressed_by_its_instance_id(kind: str) -> None:
    bound = snapshot(tcp("lbl-1", 443, target("ins-1", Type=kind)))
    assert only(bound).backend == Backend("ins-1", None)
    assert only(bound).aliases == ("ins-1", ip_of("ins-1"))


@pytest.mark.parametrize("kind", ["ENI", "eni", "CCN", "EVM", "GLOBALROUTE", "NAT", "SRV", "NewKind"])
@pytest.mark.parametrize("ids", [{}, {"InstanceId": "ins-9"}, {"EniId": "eni-9", "InstanceId": "eni-9"}])
def test_every_other_kind_is_addressed_by_a_private_ip_whatever_its_ids_say(kind: str, ids: dict[str, str]) -> None:
    raw = target("10.2.0.1", **{"Type": kind, "PrivateIpAddresses": ["10.2.0.1", "10.2.0.2"], **ids})
    bound = snapshot(tcp("lbl-1", 443, raw))
    assert only(bound).backend == Backend(None, "10.2.0.1")
    for address in ("10.2.0.1", "10.2.0.2"):
        assert bound.find(("lbl-1", None), Backend(None, address), 80) is only(bound)
    assert bound.find(("lbl-1", None), Backend("ins-9", None), 80) is None


def test_instance_id_and_primary_ip_are_one_binding_in_one_slot_and_port() -> None:
    bound = snapshot(tcp("lbl-1", 443, target("ins-1"), target("ins-1", 81)), tcp("lbl-2", 444))
    by_id, by_ip = Backend("ins-1", None), Backend(None, ip_of("ins-1"))
    key = ("lbl-1", None)
    assert bound.find(key, by_id, 80) is bound.find(key, by_ip, 80) is not None
    assert bound.find(key, by_id, 81) is not bound.find(key, by_id, 80)
    assert bound.find(key, by_id, 82) is None
    assert bound.find(("lbl-2", None), by_ip, 80) is None
    assert bound.instances == {ip_of("ins-1"): "ins-1"}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("::FFFF:a00:1", "10.0.0.1"),
        ("0:0:0:0:0:ffff:10.0.0.1", "10.0.0.1"),
        ("::10.0.0.1", "::a00:1"),
        ("64:ff9b::10.0.0.1", "64:ff9b::a00:1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("10.0.0.1", "10.0.0.1"),
    ],
)
def test_an_ipv4_address_in_ipv6_spelling_is_the_ipv4_address(text: str, expected: str) -> None:
    """C14"""
    assert canonical_ip(text) == expected
    bound = snapshot(tcp("lbl-1", 443, target("10.2.0.1", PrivateIpAddresses=[text])))
    assert only(bound).backend.address == expected


def test_labels_name_address_port_and_pool() -> None:
    """C15"""
    bound = snapshot(tcp("lbl-1", 443, target("2001:db8::53", 53), target("ins-1", 80)))
    assert [one.label for one in bound.all_bindings()] == [
        "[2001:db8::53]:53 on TCP:443 (lbl-1)",
        "ins-1:80 on TCP:443 (lbl-1)",
    ]


def test_only_the_primary_address_of_a_cvm_stands_for_it() -> None:
    raw = target("ins-1", PrivateIpAddresses=[ip_of("ins-1"), "10.1.200.1"])
    bound = snapshot(tcp("lbl-1", 443, raw))
    assert bound.find(("lbl-1", None), Backend(None, "10.1.200.1"), 80) is None


@pytest.mark.parametrize("spelling", ["2001:db8::1", "2001:DB8:0:0::1", "2001:0db8:0000:0000:0000:0000:0000:0001"])
def test_ipv6_addresses_compare_parsed(spelling: str) -> None:
    bound = snapshot(tcp("lbl-1", 443, target(spelling)))
    assert canonical_ip(f" {spelling} ") == "2001:db8::1"
    assert bound.find(("lbl-1", None), Backend(None, "2001:db8::1"), 80) is only(bound)


@pytest.mark.parametrize(
    "odd",
    [
        {"PrivateIpAddresses": None, "InstanceId": None},
        {"PrivateIpAddresses": [], "Type": "SRV", "InstanceId": "srv-1"},
        {"PrivateIpAddresses": [""], "InstanceId": ""},
        {"Port": 0},
    ],
)
def test_what_no_call_can_address_is_not_a_binding(odd: dict[str, Any]) -> None:
    assert list(snapshot(tcp("lbl-1", 443, target("10.2.0.1", **odd))).all_bindings()) == []


def test_cloud_functions_are_not_bindings() -> None:
    functions = [{"Function": {"FunctionName": "f"}, "Weight": 10}]
    place = {**rule("loc-1", "a"), "Targets": None, "FunctionTargets": functions}
    bound = snapshot(http("lbl-1", 80, place), tcp("lbl-2", FunctionTargets=functions))
    assert list(bound.all_bindings()) == []


def test_nulls_missing_keys_and_unknown_fields_do_no_harm() -> None:
    bare = {"Type": "CVM", "InstanceId": "ins-1", "Port": 80, "Weight": 5, "PrivateIpAddresses": None}
    bound = snapshot(
        tcp(
            "lbl-1",
            443,
            {**bare, "NewField": {"a": 1}},
            target("ins-2", Zone="z-1", InstanceName="web", PublicIpAddresses=["203.0.113.1"], Weight=0),
            EndPort=None,
        )
    )
    one, two = bound.all_bindings()
    assert (one.weight, one.tag, one.private_ips, one.instance_name, one.zone) == (5, "", (), None, None)
    assert (two.weight, two.zone, two.instance_name, two.public_ips) == (0, "z-1", "web", ("203.0.113.1",))


def test_an_address_that_does_not_parse_stays_as_it_came() -> None:
    assert only(snapshot(tcp("lbl-1", 443, target("10.2.0.1", PrivateIpAddresses=["?"])))).backend.address == "?"


def test_tags_are_unknown_where_no_entry_has_the_field_and_known_where_one_has() -> None:
    assert untagged(tcp("lbl-1", 443, target("ins-1", tag="x"))).tags_known is False
    assert only(untagged(tcp("lbl-1", 443, target("ins-1", tag="x")))).tag is None
    mixed = target("ins-2")
    del mixed["Tag"]
    bound = snapshot(tcp("lbl-1", 443, mixed), http("lbl-2", 80, rule("loc-1", "a", target("ins-1", tag="x"))))
    assert [one.tag for one in bound.all_bindings()] == ["", "x"]
