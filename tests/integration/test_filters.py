# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters, and the playbook that draws, through ansible-playbook."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

BIND = """
- hosts: localhost
  gather_facts: false
  vars:
    servers:
      - {instance_id: ins-web4}
      - {ip: 10.0.9.50, weight: 1}
    listeners:
      - {listener_port: 443, port: 8443, weight: 7}
      - {listener_port: 80, domain: api.example.com, url: /v1, port: 9000}
  tasks:
    - name: Bind
      tencentcloud.clb.targets:
        load_balancer_id: lb-demo
        targets: "{{ servers | tencentcloud.clb.bind(listeners) }}"
    - name: Bind by generators
      tencentcloud.clb.targets:
        load_balancer_id: lb-demo
        targets: >-
          {{ servers | map('combine', {'tag': 'x'})
             | tencentcloud.clb.bind(listeners | selectattr('domain', 'defined')) }}
"""


def test_bind(playbook, emulator):
    before = emulator.bindings()

    run = playbook(BIND)

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
    tasks = [
        {"ansible.builtin.debug": {"msg": f"{{{{ {expression} }}}}"}, "ignore_errors": True, "name": expression}
        for expression in ODD
    ]
    run = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}])

    assert run.rc == 0, run.output
    for expression, words in ODD.items():
        assert words in str(run.result(expression)["msg"])
    assert "Traceback" not in run.output


def test_the_picture_of_a_load_balancer(playbook, emulator, tmp_path):
    emulator.set_health(dead=["10.0.9.40"])
    page = tmp_path / "demo.md"

    run = playbook(
        Path("tencentcloud.clb.picture"), variables={"clb_load_balancer_id": "lb-demo", "clb_page": str(page)}
    )

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


@pytest.mark.parametrize("page, arguments", [("./wiki/../wiki/shop.md", ("-b",)), ("~/shop.md", ("-b",))])
def test_a_page_goes_beside_where_the_command_runs(playbook, emulator, tmp_path, collections_path, page, arguments):
    (tmp_path / "wiki").mkdir()
    before = set(collections_path.rglob("*"))
    variables = {"clb_load_balancer_id": "lb-demo", "clb_page": page}

    run = playbook(Path("tencentcloud.clb.picture"), *arguments, variables=variables)

    assert run.rc == 0, run.output
    file = tmp_path / "home" / "shop.md" if page.startswith("~") else tmp_path / page
    assert file.read_text(encoding="utf-8").startswith("# lb-demo")
    assert set(collections_path.rglob("*")) - before == set()


TWO = {
    "load_balancers": [
        {
            "id": f"lb-{name}",
            "name": name,
            "listeners": [
                {"id": f"lbl-{name}", "protocol": "TCP", "port": 80, "targets": [{"eni_ip": "10.0.0.1", "port": 8080}]}
            ],
        }
        for name in ("a", "b")
    ]
}


def test_the_picture_of_several_load_balancers(playbook, emulator, tmp_path):
    emulator.load(TWO)

    run = playbook(Path("tencentcloud.clb.picture"), variables={"clb_all_load_balancers": True, "clb_page": "all.md"})

    assert run.rc == 0, run.output
    tree = "\n".join(run.result("Show it as a tree")["msg"])
    for name in ("a", "b"):
        assert (
            f"1 bound, 1 serving, 1 healthy\n└── TCP:80 (lbl-{name})  1 bound, 1 serving, 1 healthy\n    └── 10.0"
            in tree
        )
    page = (tmp_path / "all.md").read_text(encoding="utf-8")
    assert page.startswith("# Load balancers\n\n```mermaid\nflowchart LR\n")
    assert page.count("10.0.0.1:8080") == 2
