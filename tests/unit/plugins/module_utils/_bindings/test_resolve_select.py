# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.selection import Selection, select

from ...builders import Raw, http, ip_of, rule, snapshot, target, tcp, untagged

LISTENERS = [
    tcp("lbl-tcp", 443, target("ins-1", 80, 10, "blue"), target("ins-2", 80, 10, "green"), target("10.2.0.9", 81)),
    tcp("lbl-udp", 443, target("ins-1", 53), protocol="UDP"),
    http(
        "lbl-http",
        80,
        rule("loc-1", "a.example.com", target("ins-1", 80), target("2001:db8::1", 80)),
        rule("loc-2", "a.example.com", target("ins-2", 80, 0, "blue"), url="/v2"),
    ),
    http("lbl-https", 8443, rule("loc-3", "A.example.com", target("ins-1", 81)), protocol="HTTPS"),
    http("lbl-empty", 9000),
]
SHOP = snapshot(*LISTENERS)
T1, T2, T9 = ("lbl-tcp", None, "ins-1", 80), ("lbl-tcp", None, "ins-2", 80), ("lbl-tcp", None, "10.2.0.9", 81)
U1 = ("lbl-udp", None, "ins-1", 53)
A1, A6, A2 = (
    ("lbl-http", "loc-1", "ins-1", 80),
    ("lbl-http", "loc-1", "2001:db8::1", 80),
    ("lbl-http", "loc-2", "ins-2", 80),
)
S1 = ("lbl-https", "loc-3", "ins-1", 81)


def choose(*selectors: Raw) -> Selection:
    return select(parse_entries(selectors, selectors=True), SHOP)


def matched(selection: Selection) -> list[tuple[str, str | None, str, int]]:
    return [(*one.pool.key, one.backend.address, one.port) for one in selection.bindings]


@pytest.mark.parametrize(
    "selector, expected",
    [
        ({"instance_id": "ins-1"}, [T1, U1, A1, S1]),
        ({"eni_ip": ip_of("ins-1")}, [T1, U1, A1, S1]),
        ({"eni_ip": "2001:DB8:0:0::1"}, [A6]),
        ({"listener_id": "lbl-tcp"}, [T1, T2, T9]),
        ({"listener_id": "lbl-http"}, [A1, A6, A2]),
        ({"listener_port": 443}, [T1, T2, T9, U1]),
        ({"listener_port": 443, "listener_protocol": "UDP"}, [U1]),
        ({"location_id": "loc-1"}, [A1, A6]),
        ({"location_id": "loc-1", "instance_id": "ins-1"}, [A1]),
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
        ({"listener_id": "lbl-tcp", "tag": ""}, [T1, T2, T9]),
        ({"listener_id": "lbl-tcp", "weight": 99}, [T1, T2, T9]),
        ({"listener_id": "lbl-tcp", "port": 81}, [T9]),
        ({"instance_id": "ins-3"}, []),
        ({"listener_id": "lbl-empty"}, []),
    ],
)
def test_each_key_narrows_and_keys_left_out_match_everything(selector: Raw, expected: list[object]) -> None:
    assert matched(choose(selector)) == expected


def test_what_several_selectors_match_comes_once_in_the_clouds_order() -> None:
    assert matched(choose({"location_id": "loc-1"}, {"instance_id": "ins-1"}, {"instance_id": "ins-1"})) == [
        T1,
        U1,
        A1,
        A6,
        S1,
    ]


@pytest.mark.parametrize(
    "selector, touched",
    [
        ({"listener_id": "lbl-tcp", "instance_id": "ins-3"}, [("lbl-tcp", None)]),
        ({"listener_id": "lbl-http", "instance_id": "ins-3"}, [("lbl-http", "loc-1"), ("lbl-http", "loc-2")]),
        ({"domain": "a.example.com", "url": "/v2", "port": 9}, [("lbl-http", "loc-2")]),
        ({"instance_id": "ins-2"}, [("lbl-tcp", None), ("lbl-http", "loc-2")]),
        ({"instance_id": "ins-3"}, []),
    ],
)
def test_touched_is_what_a_selector_names_or_matched_on(selector: Raw, touched: list[object]) -> None:
    assert [pool.key for pool in choose(selector).touched] == touched


@pytest.mark.parametrize(
    "selector, words",
    [
        ({"listener_id": "lbl-no"}, "there is no listener 'lbl-no'"),
        ({"listener_port": 9}, "there is no listener on port 9"),
        ({"location_id": "loc-no"}, "there is no rule 'loc-no'"),
        ({"domain": "b.example.com"}, "there is no rule with domain 'b.example.com'"),
        (
            {"listener_id": "lbl-http", "domain": "a.example.com", "url": "/no"},
            "domain 'a.example.com' and url '/no' on",
        ),
        ({"listener_id": "lbl-http", "url": "/no"}, "there is no rule with url '/no' on listener 'lbl-http'"),
        ({"listener_id": "lbl-tcp", "domain": "a.example.com"}, "TCP:443 (lbl-tcp) is a layer-4 listener"),
    ],
)
def test_a_selector_of_what_does_not_exist_is_told_and_the_others_match(selector: Raw, words: str) -> None:
    selection = choose({"location_id": "loc-2"}, selector)
    assert len(selection.unknown) == 1
    assert selection.unknown[0].startswith("targets[1]: ")
    assert words in selection.unknown[0]
    assert matched(selection) == [A2]


@pytest.mark.parametrize(
    "selector",
    [
        {"listener_id": "lbl-tcp", "listener_port": 80},
        {"location_id": "loc-1", "domain": "b.example.com"},
        {"location_id": "loc-1", "listener_id": "lbl-tcp"},
    ],
)
def test_a_selector_that_contradicts_itself_is_an_error(selector: Raw) -> None:
    with pytest.raises(InvalidArgument, match=r"^targets\[0\]: .*contradicts the ID beside it"):
        choose(selector)


def test_tags_that_the_cloud_does_not_tell_match_nothing_and_say_so() -> None:
    listeners = [tcp("lbl-tcp", 443, target("ins-1", tag="blue"))]
    selection = select(parse_entries([{"instance_id": "ins-1", "tag": "blue"}], selectors=True), untagged(*listeners))
    assert (matched(selection), len(selection.warnings)) == ([], 1)
    assert choose({"instance_id": "ins-1", "tag": "blue"}).warnings == ()


@pytest.mark.parametrize(
    "selector, label",
    [
        ({"instance_id": "ins-0000001"}, "targets[1] (instance_id ins-0000001)"),
        ({"instance_id": "ins-1", "port": 8080}, "targets[1] (instance_id ins-1, port 8080)"),
        ({"instance_id": "ins-1", "tag": "bleu"}, "targets[1] (instance_id ins-1, tag bleu)"),
        ({"listener_id": "lbl-udp", "instance_id": "ins-2"}, "targets[1] (listener_id lbl-udp, instance_id ins-2)"),
        ({"listener_id": "lbl-udp", "port": 54}, "targets[1] (listener_id lbl-udp, port 54)"),
        ({"listener_id": "lbl-udp", "tag": "x"}, "targets[1] (listener_id lbl-udp, tag x)"),
    ],
)
def test_a_selector_that_matches_nothing_is_named(selector: Raw, label: str) -> None:
    """C4"""
    (entry,) = choose({"instance_id": "ins-1"}, selector).unmatched
    assert entry.label == label


@pytest.mark.parametrize(
    "selector", [{"listener_id": "lbl-empty"}, {"listener_id": "lbl-none", "instance_id": "ins-9"}]
)
def test_an_empty_listener_is_no_mistake_and_an_unknown_one_another(selector: Raw) -> None:
    assert choose(selector).unmatched == ()
