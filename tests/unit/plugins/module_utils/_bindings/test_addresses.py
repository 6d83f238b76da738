# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.addresses import Claim, find_owners

from ...builders import backend, snapshot, target, tcp

A, B, C = "10.2.0.1", "10.2.0.2", "10.2.0.3"
KEY = ("lbl-1", None)


def interface(*addresses: str, weight: int = 10, **more: Any) -> Any:
    return target(addresses[0], weight=weight, PrivateIpAddresses=list(addresses), **more)


@pytest.mark.parametrize(
    "claims, owners, doubtful",
    [
        pytest.param([(A, B), (B, A)], {A: 0, B: 1}, [], id="each is first once"),
        pytest.param([(A, B), (A,)], {A: 1, B: 0}, [], id="found by elimination"),
        pytest.param([(A, B, C), (A, B), (A,)], {A: 2, B: 1, C: 0}, [], id="found by elimination, twice"),
        pytest.param([(A, B), (A, B)], {A: 0, B: 1}, [0], id="either could be either"),
        pytest.param([(A, B, C), (A, B, C), (A, B, C)], {A: 0, B: 1, C: 2}, [0, 1], id="any could be any"),
        pytest.param([(A, B), (A, B), (A, B)], {A: 0, B: 1}, [0, 2], id="more than addresses"),
        pytest.param([("ins-1", A), (A, B)], {"ins-1": 0, A: 0, B: 1}, [], id="an instance has its primary address"),
        pytest.param([(A, B), ("ins-1", A)], {"ins-1": 1, A: 1, B: 0}, [], id="in any order"),
        pytest.param([("ins-1", A), (A,)], {"ins-1": 0, A: 0}, [1], id="nothing is left"),
        pytest.param([("ins-1", A), ("ins-2", A)], {"ins-1": 0, A: 0, "ins-2": 1}, [1], id="one address of two"),
    ],
)
def test_an_address_is_its_owners(claims: Any, owners: dict[str, int], doubtful: list[int]) -> None:
    parsed = [Claim(one[0], one[1:]) if one[0].startswith("ins-") else Claim(None, one) for one in claims]
    assert find_owners(parsed) == (owners, frozenset(doubtful))


def test_very_many_that_share_addresses_are_told_apart_in_no_time() -> None:
    many = [f"10.3.{number // 256}.{number % 256}" for number in range(3000)]
    owners, doubtful = find_owners([Claim(None, tuple(many[number : number + 3])) for number in range(2998)] * 2)
    assert len(owners) <= len(many)
    assert doubtful


@pytest.mark.parametrize("rows", [[(A, B), (B, A)], [(A, B), (B,)], [(B, A), (A, B)], [(A, B), (A,)]])
def test_each_of_two_addresses_of_one_interface_finds_its_own_binding(rows: list[tuple[str, ...]]) -> None:
    """B5: the address that was asked for, whatever else is in the answer."""
    bound = snapshot(tcp("lbl-1", 443, *(interface(*row) for row in rows)))
    assert bound.ambiguous == {}
    assert [one.backend.address for one in bound.all_bindings()].count(A) == 1
    for address in (A, B):
        found = bound.find(KEY, backend(address), 80)
        assert found is not None
        assert found.backend.address == address
        assert found.aliases == (address,)


def test_two_bindings_with_the_same_addresses_in_the_same_order_are_ambiguous_but_both_there() -> None:
    bound = snapshot(tcp("lbl-1", 443, interface(A, B, weight=5), interface(A, B, weight=7)))
    assert sorted(one.backend.address for one in bound.all_bindings()) == [A, B]
    assert {(key.address, len(found)) for key, found in bound.ambiguous.items()} == {(A, 2), (B, 2)}


def test_an_address_that_two_could_have_and_none_is_first_is_ambiguous() -> None:
    bound = snapshot(tcp("lbl-1", 443, interface(A, C), interface(B, C)))
    assert [key.address for key in bound.ambiguous] == [C]
    assert bound.find(KEY, backend(C), 80) is None
    assert bound.find(KEY, backend(B), 80) is not None


def test_an_address_that_only_one_of_two_in_doubt_has_is_its_own() -> None:
    bound = snapshot(tcp("lbl-1", 443, interface(A, B), interface(A, B, C)))
    found = bound.find(KEY, backend(C), 80)
    assert found is not None
    assert C in found.aliases


def test_ports_and_pools_have_nothing_to_do_with_each_other() -> None:
    rows = [interface(A, B), {**interface(A, B), "Port": 81}]
    bound = snapshot(tcp("lbl-1", 443, *rows), tcp("lbl-2", 444, interface(A, B)))
    assert bound.ambiguous == {}
    assert len(list(bound.all_bindings())) == 3
    assert all(one.aliases == (A, B) for one in bound.all_bindings())


@pytest.mark.parametrize("row", [target("ins-1"), interface(A)])
def test_a_binding_that_is_listed_twice_is_one(row: Any) -> None:
    bound = snapshot(tcp("lbl-1", 443, row, dict(row)))
    assert len(list(bound.all_bindings())) == 1
    assert bound.ambiguous == {}


@pytest.mark.parametrize("address", ["ins-1", A])
def test_a_binding_that_is_listed_twice_with_two_weights_is_ambiguous(address: str) -> None:
    bound = snapshot(tcp("lbl-1", 443, target(address, weight=1), target(address, weight=2)))
    assert address in {key.address for key in bound.ambiguous}
