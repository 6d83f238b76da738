# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.tencentcloud.clb.plugins.filter import mermaid as mermaid_filter
from ansible_collections.tencentcloud.clb.plugins.filter import tree as tree_filter
from harness import Cloud

from ..builders import LB, http, rule, target, tcp

mermaid = mermaid_filter.FilterModule().filters()["mermaid"]
tree = tree_filter.FilterModule().filters()["tree"]

SHOP = [
    tcp("lbl-1", 443, target("ins-1", 8443, InstanceName="web-1"), target("2001:db8::1", 8443, 0, "blue")),
    http("lbl-2", 80, rule("loc-1", "shop.example.com", target("10.9.9.9", 80, 5)), rule("loc-2", "*", url="/b")),
    tcp("lbl-3", 8000, EndPort=8010, protocol="UDP"),
]


def result(listeners=SHOP, *, health=True, **details):
    """A result of targets_info for a load balancer with these listeners; `details` are address -> Dead, ..."""
    cloud = Cloud.of({LB: listeners})
    for address, detail in details.items():
        cloud.change("health", {detail.lower(): [address]})
    return cloud.run_info(health=health).result


def nodes(chart):
    """Name -> (text, style) of the nodes of a chart."""
    found = re.findall(r'^  (n\d+)\["(.*)"\](?::::(\w+))?$', chart, re.MULTILINE)
    return {name: (text, style) for name, text, style in found}


def edges(chart):
    return re.findall(r"^  (n\d+) --- (n\d+)$", chart, re.MULTILINE)


def test_tree():
    assert tree(result(**{"10.9.9.9": "Dead"})) == (
        "lb-demo\n"
        "├── TCP:443 (lbl-1)  2 bound, 1 serving, 2 healthy\n"
        "│   ├── [2001:db8::1]:8443  weight 0  tag blue  Alive\n"
        "│   └── ins-1:8443  web-1  weight 10  Alive\n"
        "├── HTTP:80 (lbl-2)  1 bound, 1 serving, 0 healthy\n"
        "│   ├── shop.example.com/ (loc-1)  1 bound, 1 serving, 0 healthy\n"
        "│   │   └── 10.9.9.9:80  weight 5  Dead\n"
        "│   └── */b (loc-2)  nothing bound\n"
        "└── UDP:8000-8010 (lbl-3)  nothing bound\n"
    )


def test_without_health_nothing_is_said_of_it():
    drawn = tree(result(health=False))

    assert "Alive" not in drawn
    assert "healthy" not in drawn
    assert "TCP:443 (lbl-1)  2 bound, 1 serving\n" in drawn


def test_tree_shows_settings_where_they_were_read():
    pool = {"bound": 1, "serving": 1, "healthy": None, "target_type": "TARGETGROUP", "health_check": False}
    listener = {
        **pool, "load_balancer_id": "lb-1", "listener_id": "lbl-1", "protocol": "TCP", "port": 443, "end_port": None,
        "session_seconds": 30, "idle_seconds": 900, "scheduler": "WRR", "rules": [],
    }  # fmt: skip

    drawn = tree({"load_balancer_id": "lb-1", "listeners": [listener], "targets": []})

    assert "1 bound, 1 serving, WRR, sessions 30 s, idle 900 s, no health check, TARGETGROUP" in drawn


def test_chart_has_the_nodes_of_the_tree():
    chart = mermaid(result(**{"10.9.9.9": "Dead"}))
    drawn = nodes(chart)

    assert chart.startswith('flowchart LR\n  n0["lb-demo"]\n')
    assert [text for text, _ in drawn.values()] == [
        "lb-demo",
        "TCP:443 (lbl-1)<br>2 bound, 1 serving, 2 healthy",
        "[2001:db8::1]:8443<br>weight 0<br>tag blue<br>Alive",
        "ins-1:8443<br>web-1<br>weight 10<br>Alive",
        "HTTP:80 (lbl-2)<br>1 bound, 1 serving, 0 healthy",
        "shop.example.com/ (loc-1)<br>1 bound, 1 serving, 0 healthy",
        "10.9.9.9:80<br>weight 5<br>Dead",
        "#42;/b (loc-2)<br>nothing bound",
        "UDP:8000-8010 (lbl-3)<br>nothing bound",
    ]
    assert [style for _, style in drawn.values() if style] == ["drained", "healthy", "unhealthy"]
    assert set(re.findall(r"classDef (\w+) ", chart)) == {"drained", "healthy", "unhealthy"}
    assert edges(chart) == [
        ("n0", "n1"),
        ("n1", "n2"),
        ("n1", "n3"),
        ("n0", "n4"),
        ("n4", "n5"),
        ("n5", "n6"),
        ("n4", "n7"),
        ("n0", "n8"),
    ]


def test_chart_without_health():
    assert {style for _, style in nodes(mermaid(result(health=False))).values()} == {"", "bound", "drained"}


@pytest.mark.parametrize(
    "name, in_tree, in_chart",
    [
        ('a "b"', 'a "b"', "a #34;b#34;"),
        ("<script>", "<script>", "#60;script#62;"),
        ("`x` **y** _z_", "`x` **y** _z_", "#96;x#96; #42;#42;y#42;#42; #95;z#95;"),
        ("%%{init}%%; #35;", "%%{init}%%; #35;", "#37;#37;#123;init#125;#37;#37;#59; #35;35#59;"),
        ("{{ 7 }}", "{{ 7 }}", "#123;#123; 7 #125;#125;"),
        ("a\nb\x1b[0m\u202e", "a b [0m ", "a b [0m "),
        ("名前", "名前", "名前"),
    ],
)
def test_names_from_the_cloud_are_text_and_nothing_else(name, in_tree, in_chart):
    drawn = result([tcp("lbl-1", 443, target("ins-1", InstanceName=name))])

    assert tree(drawn).splitlines()[-1] == f"    └── ins-1:80  {in_tree}  weight 10  Alive"
    assert nodes(mermaid(drawn))["n2"] == (f"ins-1:80<br>{in_chart}<br>weight 10<br>Alive", "healthy")


@pytest.mark.parametrize(
    "most, shown, rest", [(0, 30, None), (10, 10, "20 more"), (29, 29, "1 more"), (30, 30, None), (31, 30, None)]
)
@pytest.mark.parametrize("draw", [tree, mermaid])
def test_most(draw, most, shown, rest):
    drawn = draw(result([tcp("lbl-1", 443, *(target(f"ins-{n}") for n in range(1, 31)))]), most)

    assert drawn.count("weight 10") == shown
    assert re.findall(r"\d+ more", drawn) == ([rest] if rest else [])


def test_a_chart_shows_ten_of_each_by_default():
    chart = mermaid(result([tcp("lbl-1", 443, *(target(f"ins-{n}") for n in range(1, 31)))]))

    assert chart.count("weight 10") == 10


def long_name(number):
    return f"a name that takes all the characters that a name may take {number:03}"


@pytest.mark.parametrize(
    "listeners",
    [
        [tcp(f"lbl-{n}", n, *(target(f"ins-{one}") for one in range(1, 101))) for n in range(1, 51)],
        [tcp("lbl-1", 443, *(target(f"ins-{n}", InstanceName=long_name(n)) for n in range(1, 479)))],
        [http(f"lbl-{n}", n, *(rule(f"loc-{n}-{m}", f"{m}.example.com") for m in range(50))) for n in range(1, 51)],
        [http(f"lbl-{n}", n, *(rule(f"loc-{n}-{m}", "a", target("ins-1")) for m in range(8))) for n in range(1, 51)],
    ],
    ids=["many backends", "long names", "many rules", "one backend in each of many rules"],
)
def test_a_chart_stays_within_what_mermaid_draws(listeners):
    chart = mermaid(result(listeners), 0)

    assert len(edges(chart)) <= 500
    assert len(chart) <= 50_000
    assert all(f"({listener['ListenerId']})" in chart for listener in listeners)


def test_where_there_is_no_room_for_backends_the_counts_still_tell_of_them():
    listeners = [
        http(f"lbl-{n}", n, *(rule(f"loc-{n}-{m}", "a", target("ins-1")) for m in range(8))) for n in range(48)
    ]

    chart = mermaid(result(listeners))

    assert "ins-1" not in chart
    assert chart.count("1 bound, 1 serving, 1 healthy") == 48 * 8


@pytest.mark.parametrize("draw", [tree, mermaid])
@pytest.mark.parametrize("value", [None, [], "lb-demo", {"load_balancer_id": "lb-1", "targets": []}])
def test_what_is_no_result_is_an_error(draw, value):
    with pytest.raises(AnsibleFilterError, match=r"takes a result of tencentcloud\.clb\.targets_info"):
        draw(value)


@pytest.mark.parametrize("draw", [tree, mermaid])
@pytest.mark.parametrize("most", [-1, "ten", True, 1.5, None])
def test_most_must_be_a_number(draw, most):
    with pytest.raises(AnsibleFilterError, match=r"most must be a whole number of at least 0"):
        draw(result(), most)
