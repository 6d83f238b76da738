# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.resolve import resolve_desired, select

from ...builders import Raw, backend, ip_of, snapshot, target, tcp

A, B, C = "10.2.0.1", "10.2.0.2", "10.2.0.3"
ONE, TWO = target("ins-1"), target("ins-2", PrivateIpAddresses=[ip_of("ins-1")])
KEY = ("lbl-1", None)


def interface(*addresses: str, **more: Any) -> Raw:
    return target(addresses[0], Type="ENI", PrivateIpAddresses=list(addresses), **more)


@pytest.mark.parametrize(
    "rows, own, ambiguous",
    [
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
        pytest.param(
            [ONE, {**ONE, "Weight": 1}], ["ins-1"] * 2, f"{ip_of('ins-1')} ins-1", id="a CVM with two weights"
        ),
        pytest.param([interface(A), interface(A, weight=1)], [A, A], A, id="an address with two weights"),
    ],
)
def test_an_address_finds_the_binding_that_it_surely_is(rows: list[Raw], own: list[str], ambiguous: str) -> None:
    """B5: the address that was asked for, whatever else is in the answer."""
    bound = snapshot(tcp("lbl-1", 443, *rows))
    assert sorted(bound.ambiguous) == ambiguous.split()
    assert all(len(several) > 1 for found in bound.ambiguous.values() for several in found.values())
    assert [one.backend.address for one in bound.all_bindings()] == own
    for name in {*own}.difference(ambiguous.split()):
        found = bound.find(KEY, backend(name), 80)
        assert found is not None
        assert found.backend.address == found.aliases[0] == name


def test_very_many_that_share_addresses_are_told_apart_in_no_time() -> None:
    many = [f"10.3.{number // 256}.{number % 256}" for number in range(3000)]
    listener = tcp("lbl-1", 443, *(interface(*many[number : number + 3]) for number in range(2998) for _twice in "12"))
    started = time.thread_time()
    assert snapshot(listener).ambiguous
    assert time.thread_time() - started < 5


def test_ports_and_pools_have_nothing_to_do_with_each_other() -> None:
    rows = [interface(A, B), {**interface(A, B), "Port": 81}]
    bound = snapshot(tcp("lbl-1", 443, *rows), tcp("lbl-2", 444, interface(A, B)))
    assert bound.ambiguous == {}
    assert [one.aliases for one in bound.all_bindings()] == [(A, B)] * 3


@pytest.mark.parametrize("address", [A, B])
@pytest.mark.parametrize("more", [{}, {"port": 80}, {"listener_id": "lbl-1"}, {"listener_id": "lbl-1", "port": 80}])
def test_an_address_that_is_asked_for_is_the_one_or_refused(address: str, more: Raw) -> None:
    def found(present: bool, *rows: tuple[str, str]) -> list[str]:
        bound = snapshot(tcp("lbl-1", 443, *(interface(*row) for row in rows)))
        entries = parse_entries([{"eni_ip": address, **more}], selectors=not present)
        bindings = resolve_desired(entries, bound) if present else select(entries, bound).bindings
        return [one.backend.address for one in bindings]

    for present in (False, True) if len(more) == 2 else (False,):
        for order in ((A, B), (B, A)), ((B, A), (A, B)):
            assert found(present, *order) == [address]
        with pytest.raises(InvalidArgument, match=rf"^targets\[0\]: {address}:80 on TCP:443 .* may be either of 2 "):
            found(present, (A, B), (A, B))


@pytest.mark.parametrize("selector", [{"listener_id": "lbl-1"}, {"eni_ip": A, "port": 81}, {"eni_ip": "10.2.0.9"}])
def test_what_does_not_ask_for_an_address_in_doubt_is_not_refused(selector: Raw) -> None:
    bound = snapshot(tcp("lbl-1", 443, interface(A, B), interface(A, B)))
    found = select(parse_entries([selector], selectors=True), bound).bindings
    assert sorted(one.backend.address for one in found) == ([A, B] if "listener_id" in selector else [])
