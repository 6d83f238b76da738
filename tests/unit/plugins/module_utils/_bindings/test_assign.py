# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.assign import (
    assign,
    check_belonging,
    may_apply,
    names_to_check,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries

from ...builders import Raw, http, rule, snapshot, target, tcp

REGION = {
    "lb-1": snapshot(tcp("lbl-1", 443, target("ins-1")), http("lbl-2", 80, rule("loc-1", "a"))),
    "lb-2": snapshot(tcp("lbl-3", 443), http("lbl-4", 80, rule("loc-2", "a"))),
    "lb-3": snapshot(),
}
HOST: Raw = {"instance_id": "ins-1"}


def assigned(entries: list[Raw]) -> dict[str, list[int]]:
    found = assign(parse_entries(entries, selectors=True), REGION)
    assert found.unknown == ()
    return {one: [entry.number for entry in mine] for one, mine in found.entries.items()}


@pytest.mark.parametrize(
    "entry, owners",
    [
        ({**HOST, "load_balancer_id": "lb-2"}, ["lb-2"]),
        # Its own ID wins, also where another one has the listener: that is then an error there.
        ({"listener_id": "lbl-1", "load_balancer_id": "lb-2"}, ["lb-2"]),
        ({**HOST, "load_balancer_id": "lb-9"}, []),
        ({"listener_id": "lbl-1"}, ["lb-1"]),
        ({"listener_id": "lbl-4"}, ["lb-2"]),
        ({"location_id": "loc-2"}, ["lb-2"]),
        ({"location_id": "loc-1", "listener_id": "lbl-4"}, ["lb-1"]),
        (HOST, ["lb-1", "lb-2", "lb-3"]),
        ({"listener_port": 443, "listener_protocol": "TCP"}, ["lb-1", "lb-2", "lb-3"]),
        ({"domain": "a"}, ["lb-1", "lb-2", "lb-3"]),
    ],
)
def test_an_entry_belongs_to_the_load_balancers_that_it_is_about(entry: Raw, owners: list[str]) -> None:
    assert assigned([entry]) == {one: [0] if one in owners else [] for one in REGION}


def test_entries_keep_their_order() -> None:
    entries: list[Raw] = [HOST, {"listener_id": "lbl-3"}, {"listener_id": "lbl-1"}, {"domain": "a"}]
    assert assigned(entries) == {"lb-1": [0, 2, 3], "lb-2": [0, 1, 3], "lb-3": [0, 3]}


@pytest.mark.parametrize(
    "entry, sentence",
    [
        ({"listener_id": "lbl-9"}, "targets[1]: none of the load balancers has a listener 'lbl-9'."),
        ({"location_id": "loc-9"}, "targets[1]: none of the load balancers has a rule 'loc-9'."),
        (
            {"location_id": "loc-9", "listener_id": "lbl-1"},
            "targets[1]: none of the load balancers has a rule 'loc-9'.",
        ),
    ],
)
def test_an_id_that_no_load_balancer_has_is_told(entry: Raw, sentence: str) -> None:
    found = assign(parse_entries([HOST, entry], selectors=True), REGION)
    assert found.unknown == (sentence,)
    assert {one: len(mine) for one, mine in found.entries.items()} == dict.fromkeys(REGION, 1)


@pytest.mark.parametrize("own, expected", [(None, True), ("lb-1", True), ("lb-2", False)])
def test_before_it_is_read_only_the_load_balancer_of_an_entry_is_known(own: Any, expected: bool) -> None:
    entries = parse_entries([{"listener_id": "lbl-9", "load_balancer_id": own}], selectors=True)
    assert (may_apply(entries, "lb-1") == list(entries)) is expected


BELONGS = {**HOST, "load_balancer_id": "lb-1", "load_balancer_name": "shop", "region": "ap-tokyo"}
NAMED = {**HOST, "load_balancer_name": "shop"}


@pytest.mark.parametrize(
    "entry, chosen, looked_up, words",
    [
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
    ],
)
def test_names_and_regions_must_be_those_of_the_load_balancer(
    entry: Raw, chosen: dict[str, Any], looked_up: tuple[str, ...], words: str
) -> None:
    """C5; a name is looked up only where an entry says one."""
    entries = parse_entries([HOST, entry], selectors=True)
    assert names_to_check(entries, chosen) == looked_up
    if not words:
        check_belonging(entries, chosen, "ap-tokyo")
        return
    with pytest.raises(InvalidArgument) as caught:
        check_belonging(entries, chosen, "ap-tokyo")
    assert caught.value.message.startswith("targets[1]: ")
    assert words in caught.value.message
