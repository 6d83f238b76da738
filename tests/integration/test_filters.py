# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters, and the playbook that draws, through ansible-playbook."""

from __future__ import annotations

from pathlib import Path

import pytest

from .checkout import ROOT
from .plays import play, show, task

PICTURE = Path("tencentcloud.clb.picture")
SERVERS = [{"instance_id": "ins-web4"}, {"ip": "10.0.9.50", "weight": 1}]
LISTENERS = [
    {"listener_port": 443, "port": 8443, "weight": 7},
    {"listener_port": 80, "domain": "api.example.com", "url": "/v1", "port": 9000},
]


def test_bind(playbook, emulator):
    before = emulator.bindings()
    rules = "listeners | selectattr('domain', 'defined')"
    generated = f"{{{{ servers | map('combine', {{'tag': 'x'}}) | tencentcloud.clb.bind({rules}) }}}}"
    tasks = [
        task("Bind", load_balancer_id="lb-demo", targets="{{ servers | tencentcloud.clb.bind(listeners) }}"),
        task("Bind by generators", load_balancer_id="lb-demo", targets=generated),
    ]

    run = playbook(play(*tasks, vars={"servers": SERVERS, "listeners": LISTENERS}))

    assert run.rc == 0, run.output
    assert emulator.bindings() - before == {
        ("lbl-tcp443", None, "ins-web4", 8443, 7, ""),
        ("lbl-tcp443", None, "10.0.9.50", 8443, 1, ""),
        ("lbl-http80", "loc-api", "ins-web4", 9000, 10, "x"),
        ("lbl-http80", "loc-api", "10.0.9.50", 9000, 1, "x"),
    }


ODD = {
    "['ins-1'] | tencentcloud.clb.bind([])": "backends[0] must be a dict; it is the str 'ins-1'.",
    "[] | tencentcloud.clb.bind('lbl-1')": "listeners must be a list of dicts; it is the str 'lbl-1'.",
    "{} | tencentcloud.clb.tree": "takes a result of tencentcloud.clb.targets_info",
    "nowhere | tencentcloud.clb.bind([])": "'nowhere' is undefined",
}


def test_odd_input_fails_the_task_with_a_reason(playbook):
    run = playbook(play(*({**show(odd, f"{{{{ {odd} }}}}"), "ignore_errors": True} for odd in ODD)))

    assert run.rc == 0, run.output
    for expression, words in ODD.items():
        assert words in str(run.result(expression)["msg"])
    assert "Traceback" not in run.output


def test_the_picture_of_a_load_balancer(playbook, emulator, tmp_path):
    emulator.set_health(dead=["10.0.9.40"])
    page = tmp_path / "demo.md"

    run = playbook(PICTURE, variables={"clb_load_balancer_id": "lb-demo", "clb_page": str(page)})

    assert run.rc == 0, run.output
    tree = run.result("Show it as a tree")["msg"]
    assert tree[0] == "lb-demo"
    assert "│   │   ├── ins-web1:8080  web-1  weight 20  tag blue  Alive" in tree
    assert '"│   │   ├── ins-web1:8080  web-1  weight 20  tag blue  Alive"' in run.stdout
    written = page.read_text()
    assert written.startswith("# lb-demo\n\n```mermaid\nflowchart LR\n")
    assert written.endswith("\n```\n")
    assert written.count(":::unhealthy") == 1
    # The page in the documentation is this one, as GitHub shows it.
    assert (ROOT / "docs" / "picture.md").read_text().partition("-->\n\n")[2] == written


@pytest.mark.parametrize("page", ["./wiki/../wiki/shop.md", "~/shop.md"])
def test_a_page_goes_beside_where_the_command_runs(playbook, emulator, tmp_path, collections_path, page):
    (tmp_path / "wiki").mkdir()
    before = set(collections_path.rglob("*"))

    run = playbook(PICTURE, "-b", variables={"clb_load_balancer_id": "lb-demo", "clb_page": page})

    assert run.rc == 0, run.output
    file = tmp_path / "home" / "shop.md" if page.startswith("~") else tmp_path / page
    assert file.read_text(encoding="utf-8").startswith("# lb-demo")
    assert set(collections_path.rglob("*")) == before


def test_the_picture_of_several_load_balancers(playbook, emulator, tmp_path):
    targets = [{"eni_ip": "10.0.0.1", "port": 8080}]
    listeners = {name: {"id": f"lbl-{name}", "protocol": "TCP", "port": 80, "targets": targets} for name in ("a", "b")}
    balancers = [{"id": f"lb-{name}", "name": name, "listeners": [one]} for name, one in listeners.items()]
    emulator.load({"load_balancers": balancers})

    run = playbook(PICTURE, variables={"clb_all_load_balancers": True, "clb_page": "all.md"})

    assert run.rc == 0, run.output
    tree = "\n".join(run.result("Show it as a tree")["msg"])
    counts = "1 bound, 1 serving, 1 healthy"
    for name in listeners:
        assert f"{counts}\n└── TCP:80 (lbl-{name})  {counts}\n    └── 10.0" in tree
    page = (tmp_path / "all.md").read_text(encoding="utf-8")
    assert page.startswith("# Load balancers\n\n```mermaid\nflowchart LR\n")
    assert page.count("10.0.0.1:8080") == 2
