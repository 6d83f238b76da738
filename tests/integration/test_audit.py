# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes that Automation Platform counts: the queries of event_query.yml on real results of the modules."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
import yaml

from .checkout import ROOT
from .plays import play

QUERIES = yaml.safe_load((ROOT / "extensions" / "audit" / "event_query.yml").read_text())
MODULES = {f"tencentcloud.clb.{file.stem}" for file in (ROOT / "plugins" / "modules").glob("*.py")}
TARGETS, INFO = "tencentcloud.clb.targets", "tencentcloud.clb.targets_info"
with_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")

TASKS = """
- name: Read
  tencentcloud.clb.targets_info:
- name: Bind
  tencentcloud.clb.targets:
    targets:
      - {listener_id: lbl-tcp443, instance_id: ins-web3, port: 8443}
      - {listener_id: lbl-tcp443, instance_id: ins-web3, port: 9443}
      - {listener_id: lbl-tcp443, instance_id: ins-web2, port: 8443, weight: 50}
      - {listener_id: lbl-udp53, eni_ip: "2001:db8::53", port: 53, weight: 20}
- name: Unbind everywhere
  tencentcloud.clb.targets: {state: absent, targets: [{instance_id: ins-web1}]}
- name: Fail
  tencentcloud.clb.targets: {targets: [{listener_id: lbl-nope, instance_id: ins-web1, port: 1}]}
  ignore_errors: true
- name: Skip
  tencentcloud.clb.targets_info:
  when: false
- name: Loop
  tencentcloud.clb.targets_info: {targets: ["{{ item }}"]}
  loop: [{instance_id: ins-web2}]
"""


def nodes(module, result):
    command = ["jq", "--compact-output", QUERIES[module]["query"]]
    printed = subprocess.run(command, input=json.dumps(result), capture_output=True, text=True)
    assert printed.returncode == 0, printed.stderr
    return [json.loads(line) for line in printed.stdout.splitlines()]


def names(module, result):
    return sorted(node["name"] for node in nodes(module, result))


def test_each_module_has_a_query():
    assert set(QUERIES) == MODULES
    assert all(set(entry) == {"query"} for entry in QUERIES.values())


@with_jq
def test_each_backend_is_one_node(playbook, emulator):
    defaults = {"group/tencentcloud.clb.all": {"load_balancer_id": "lb-demo"}}
    run = playbook(play(*yaml.safe_load(TASKS), module_defaults=defaults))
    assert run.rc == 0, run.output
    addresses = ["10.0.9.30", "10.0.9.40", "2001:db8::53"]
    assert names(INFO, run.result("Read")) == [*addresses, "dns-1", "web-1", "web-2", "web-3"]
    assert names(TARGETS, run.result("Bind")) == ["2001:db8::53", "ins-web2", "ins-web3"]
    assert names(TARGETS, run.result("Unbind everywhere")) == ["ins-web1"]

    read = {json.dumps(node["canonical_facts"]): node["facts"] for node in nodes(INFO, run.result("Read"))}
    bound = {json.dumps(node["canonical_facts"]): node["facts"] for node in nodes(TARGETS, run.result("Bind"))}
    # Both modules call a node the same, and nothing is null.
    assert bound.items() <= read.items()
    assert bound.keys() == {f'{{"instance_id": "ins-web{number}"}}' for number in (2, 3)} | {
        '{"eni_ip": "2001:db8::53"}'
    }
    # Other results are no nodes and no error. The items of a loop are events of their own.
    for task in ("Fail", "Skip", "Loop"):
        assert [nodes(module, run.result(task)) for module in QUERIES] == [[], []], task
