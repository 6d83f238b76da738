# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters tree and mermaid."""

from __future__ import annotations

import re

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.tencentcloud.clb.plugins.filter.mermaid import FilterModule as MermaidFilter
from ansible_collections.tencentcloud.clb.plugins.filter.tree import FilterModule as TreeFilter
from harness import Cloud

from ..builders import LB, http, rows, rule, target, tcp

mermaid, tree = MermaidFilter().filters()["mermaid"], TreeFilter().filters()["tree"]

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
    """The numbers of the nodes that each edge joins, such as 01."""
    return ["".join(pair) for pair in re.findall(r"^  n(\d+) --- n(\d+)$", chart, re.MULTILINE)]


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


def test_tree_shows_settings_where_they_were_read():
    pool = {"bound": 1, "serving": 1, "healthy": None, "target_type": "TARGETGROUP", "health_check": False}
    listener = {
        **pool, "load_balancer_id": "lb-1", "listener_id": "lbl-1", "protocol": "TCP", "port": 443, "end_port": None,
        "session_seconds": 30, "idle_seconds": 900, "scheduler": "WRR", "rules": [],
    }  # fmt: skip
    drawn = tree({"load_balancer_id": "lb-1", "listeners": [listener], "targets": []})
    assert "1 bound, 1 serving, WRR, sessions 30 s, idle 900 s, no health check, TARGETGROUP" in drawn


def test_chart_has_the_nodes_of_the_tree():
    shop = result(**{"10.9.9.9": "Dead"})
    lines = [line.lstrip("│├└─ ").replace("  ", "<br>").replace("*", "#42;") for line in tree(shop).splitlines()]
    chart = mermaid(shop)
    drawn = nodes(chart)
    assert chart.startswith('flowchart LR\n  n0["lb-demo"]\n')
    assert [text for text, _ in drawn.values()] == lines
    assert [style for _, style in drawn.values() if style] == ["drained", "healthy", "unhealthy"]
    assert set(re.findall(r"classDef (\w+) ", chart)) == {"drained", "healthy", "unhealthy"}
    assert edges(chart) == ["01", "12", "13", "04", "45", "56", "47", "08"]


def test_without_health_nothing_is_said_of_it():
    drawn = result(health=False)
    assert "TCP:443 (lbl-1)  2 bound, 1 serving\n" in tree(drawn)
    assert not re.search("Alive|healthy", tree(drawn))
    assert {style for _, style in nodes(mermaid(drawn)).values()} == {"", "bound", "drained"}


@rows(
    "name, in_tree, in_chart",
    ('a "b"', 'a "b"', "a #34;b#34;"),
    ("<script>", "<script>", "#60;script#62;"),
    ("`x` **y** _z_", "`x` **y** _z_", "#96;x#96; #42;#42;y#42;#42; #95;z#95;"),
    ("%%{init}%%; #35;", "%%{init}%%; #35;", "#37;#37;#123;init#125;#37;#37;#59; #35;35#59;"),
    ("{{ 7 }}", "{{ 7 }}", "#123;#123; 7 #125;#125;"),
    ("a\nb\x1b[0m\u202e", "a b [0m ", "a b [0m "),
    ("名前", "名前", "名前"),
)
def test_names_from_the_cloud_are_text_and_nothing_else(name, in_tree, in_chart):
    drawn = result([tcp("lbl-1", 443, target("ins-1", InstanceName=name))])
    assert tree(drawn).splitlines()[-1] == f"    └── ins-1:80  {in_tree}  weight 10  Alive"
    assert nodes(mermaid(drawn))["n2"] == (f"ins-1:80<br>{in_chart}<br>weight 10<br>Alive", "healthy")


@pytest.mark.parametrize("draw, usual", [(tree, (30, [])), (mermaid, (10, ["20 more"]))])
def test_most(draw, usual):
    drawn = result([tcp("lbl-1", 443, *(target(f"ins-{n}") for n in range(1, 31)))])
    for given, shown in (([], usual), *(([most], (30, [])) for most in (0, 30, 31)), ([29], (29, ["1 more"]))):
        text = draw(drawn, *given)
        assert (text.count("weight 10"), re.findall(r"\d+ more", text)) == shown


@rows(
    "listeners",
    [tcp(f"lbl-{n}", n, *(target(f"ins-{one}") for one in range(1, 101))) for n in range(1, 51)],
    [tcp("lbl-1", 443, *(target(f"ins-{n}", InstanceName=f"{n} {'x' * 60}") for n in range(1, 479)))],
    [http(f"lbl-{n}", n, *(rule(f"loc-{n}-{m}", f"{m}.example.com") for m in range(50))) for n in range(1, 51)],
    [http(f"lbl-{n}", n, *(rule(f"loc-{n}-{m}", "a", target("ins-1")) for m in range(8))) for n in range(1, 51)],
    ids=["many backends", "long names", "many rules", "one backend in each of many rules"],
)
def test_a_chart_stays_within_what_mermaid_draws(listeners):
    chart = mermaid(result(listeners), 0)
    assert mermaid(result(listeners), 10**12) == chart
    assert (len(edges(chart)) <= 500, len(chart) <= 50_000) == (True, True)
    assert all(f"({listener['ListenerId']})" in chart for listener in listeners)


def test_where_there_is_no_room_for_backends_the_counts_still_tell_of_them():
    rules = [rule(f"loc-{m}", "a", target("ins-1")) for m in range(8)]
    chart = mermaid(result([http(f"lbl-{n}", n, *rules) for n in range(48)]))
    assert "ins-1" not in chart
    assert chart.count("1 bound, 1 serving, 1 healthy") == 48 * 8


@pytest.mark.parametrize("draw", [tree, mermaid])
@rows(
    "given, words",
    *(([value], "takes a result of tencentcloud.clb.targets_info") for value in (None, [], "x", {"targets": []})),
    ([{"load_balancer_id": "lb-1", "listeners": [], "targets": [{}]}], "part of this one is missing.*'listener_id'"),
    ([{"load_balancer_id": "lb-1", "listeners": None, "targets": []}], "or is of another type"),
    *(([result(), most], "most must be a whole number of at least 0") for most in (-1, "ten", True, 1.5, None)),
)
def test_what_is_no_result_or_no_number_is_an_error(draw, given, words):
    with pytest.raises(AnsibleFilterError, match=words):
        draw(*given)


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


def test_tree_of_several():
    assert tree(several(TWO, names={"lb-1": "shop"})) == (
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


def test_chart_of_several():
    chart = mermaid(several(TWO, names={"lb-2": "a_b"}))
    drawn = nodes(chart)
    assert [drawn[name][0] for name in ("n0", "n4")] == [
        "lb-1<br>2 bound, 1 serving, 2 healthy",
        "lb-2 (a#95;b)<br>2 bound, 2 serving, 2 healthy",
    ]
    assert edges(chart) == ["01", "12", "13", "45", "56", "47", "78", "89"]


def test_titles():
    one = several({"lb-1": TWO["lb-1"]}, names={"lb-1": "shop"})
    assert "lb-1  2 bound, 1 serving\n" in tree(several(TWO, health=False))
    assert tree(several({"lb-1": []}, names={"lb-1": "shop"})) == "lb-1 (shop)  nothing bound\n"
    # Where one load balancer is meant, its tree is as if there were no others.
    assert tree({**one, "load_balancer_id": "lb-1"}).splitlines()[0] == "lb-1"


@pytest.mark.parametrize("more", [{}, {"load_balancers": []}])
def test_no_load_balancer(more):
    nothing = {"load_balancer_id": None, "targets": [], "listeners": [], **more}
    assert tree(nothing) == "no load balancer\n"
    assert nodes(mermaid(nothing)) == {"n0": ("no load balancer", "")}


def many(balancers, listeners, backends, name=""):
    bound = [target(f"ins-{n}") for n in range(1, backends + 1)]
    made = {
        f"lb-{number}": [tcp(f"lbl-{number}-{port}", port, *bound) for port in range(1, listeners + 1)]
        for number in range(balancers)
    }
    return several(made, names={f"lb-{number}": f"{name}{number}" for number in range(balancers)})


@rows("given", (100, 1, 20, "n"), (100, 6, 1, "n"), (3, 50, 20, "n"), (900, 1, 0, "a" * 60), (5, 2, 2, "漢" * 60))
def test_a_chart_of_many_stays_within_what_mermaid_draws(given):
    chart = mermaid(many(*given), 0)
    assert (len(edges(chart)) <= 500, len(chart) <= 50_000) == (True, True)
    shown = sum(text.startswith("lb-") for text, _ in nodes(chart).values())
    left_out = sum(int(count) for count in re.findall(r"(\d+) more load balancers", chart))
    assert shown + left_out == given[0]


def test_where_there_is_no_room_for_listeners_the_load_balancers_still_count():
    chart = mermaid(many(100, 6, 1))
    assert edges(chart) == []
    assert nodes(chart)["n7"][0] == "lb-7 (7)<br>6 bound, 6 serving, 6 healthy"
