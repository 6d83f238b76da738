# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The drawing of several load balancers."""

from __future__ import annotations

import re

import pytest

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._drawing import draw_mermaid, draw_tree
from harness import Cloud

from ..builders import http, rule, target, tcp


def several(balancers, *, health=True, names=None):
    """A result of targets_info for load balancers with these listeners."""
    result = Cloud.of(balancers).run_info(load_balancer_ids=list(balancers), health=health).result
    for one in result["load_balancers"]:
        one["load_balancer_name"] = (names or {}).get(one["load_balancer_id"])
    return result


# The same IDs of listeners on both: those of one load balancer must not get the backends of the other.
TWO = {
    "lb-1": [tcp("lbl-1", 443, target("ins-1"), target("ins-2", weight=0))],
    "lb-2": [tcp("lbl-1", 443, target("ins-3")), http("lbl-2", 80, rule("loc-1", "a.example.com", target("ins-1")))],
}


def edges(chart):
    return re.findall(r"^  (n\d+) --- (n\d+)$", chart, re.MULTILINE)


def nodes(chart):
    return dict(re.findall(r'^  (n\d+)\["(.*)"\](?::::\w+)?$', chart, re.MULTILINE))


def test_tree():
    assert draw_tree(several(TWO, names={"lb-1": "shop"})) == (
        "lb-1 (shop)  2 bound, 1 serving, 2 healthy\n"
        "└── TCP:443 (lbl-1)  2 bound, 1 serving, 2 healthy\n"
        "    ├── ins-1:80  weight 10  Alive\n"
        "    └── ins-2:80  weight 0  Alive\n"
        "lb-2  2 bound, 2 serving, 2 healthy\n"
        "├── TCP:443 (lbl-1)  1 bound, 1 serving, 1 healthy\n"
        "│   └── ins-3:80  weight 10  Alive\n"
        "└── HTTP:80 (lbl-2)  1 bound, 1 serving, 1 healthy\n"
        "    └── a.example.com/ (loc-1)  1 bound, 1 serving, 1 healthy\n"
        "        └── ins-1:80  weight 10  Alive\n"
    )


def test_chart():
    chart = draw_mermaid(several(TWO, names={"lb-2": "a_b"}))
    drawn = nodes(chart)

    assert [drawn[name] for name in ("n0", "n4")] == [
        "lb-1<br>2 bound, 1 serving, 2 healthy",
        "lb-2 (a#95;b)<br>2 bound, 2 serving, 2 healthy",
    ]
    assert edges(chart) == [
        ("n0", "n1"),
        ("n1", "n2"),
        ("n1", "n3"),
        ("n4", "n5"),
        ("n5", "n6"),
        ("n4", "n7"),
        ("n7", "n8"),
        ("n8", "n9"),
    ]


def test_without_health():
    assert "lb-1  2 bound, 1 serving\n" in draw_tree(several(TWO, health=False))


def test_one_of_several_is_drawn_like_several():
    assert draw_tree(several({"lb-1": []}, names={"lb-1": "shop"})) == "lb-1 (shop)  nothing bound\n"


def test_one_load_balancer_looks_as_if_there_were_no_others():
    result = several({"lb-1": TWO["lb-1"]}, names={"lb-1": "shop"})

    assert draw_tree({**result, "load_balancer_id": "lb-1"}).splitlines()[0] == "lb-1"


@pytest.mark.parametrize("more", [{}, {"load_balancers": []}])
def test_no_load_balancer(more):
    result = {"load_balancer_id": None, "targets": [], "listeners": [], **more}

    assert draw_tree(result) == "no load balancer\n"
    assert nodes(draw_mermaid(result)) == {"n0": "no load balancer"}


def many(balancers, listeners, backends, name=""):
    return several(
        {
            f"lb-{number}": [
                tcp(f"lbl-{number}-{port}", port, *(target(f"ins-{n}") for n in range(1, backends + 1)))
                for port in range(1, listeners + 1)
            ]
            for number in range(balancers)
        },
        names={f"lb-{number}": f"{name}{number}" for number in range(balancers)},
    )


@pytest.mark.parametrize(
    "balancers, listeners, backends, name",
    [
        (100, 1, 20, "n"),
        (100, 4, 1, "n"),
        (100, 6, 1, "n"),
        (3, 50, 20, "n"),
        (900, 1, 0, "a" * 60),
        (5, 2, 2, "漢" * 60),
    ],
)
def test_a_chart_stays_within_what_mermaid_draws(balancers, listeners, backends, name):
    chart = draw_mermaid(many(balancers, listeners, backends, name), 0)

    assert len(edges(chart)) <= 500
    assert len(chart) <= 50_000
    shown = sum(text.startswith("lb-") for text in nodes(chart).values())
    left_out = sum(int(count) for count in re.findall(r"(\d+) more load balancers", chart))
    assert shown + left_out == balancers


def test_where_there_is_no_room_for_listeners_the_load_balancers_still_count():
    chart = draw_mermaid(many(100, 6, 1))

    assert edges(chart) == []
    assert nodes(chart)["n7"] == "lb-7 (7)<br>6 bound, 6 serving, 6 healthy"
