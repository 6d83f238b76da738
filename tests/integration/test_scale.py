# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many calls reading takes, however much there is."""

from __future__ import annotations

import json
import subprocess
from collections import Counter

READ = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Read
      tencentcloud.clb.targets_info:
        load_balancer_id: lb-1
    - name: Read with health
      tencentcloud.clb.targets_info:
        load_balancer_id: lb-1
        health: true
"""


def test_five_thousand_bindings_take_one_call_and_one_more_for_health(playbook, emulator):
    emulator.load({"load_balancers": [{"id": "lb-1", "generate": {"listeners": 50, "targets": 100}}]})

    run = playbook(READ)

    assert run.rc == 0, run.output
    assert [len(task.result["targets"]) for task in run.tasks] == [5000, 5000]
    assert run.result("Read")["api_calls"] == {"DescribeTargets": 1}
    assert run.result("Read with health")["api_calls"] == {"DescribeTargets": 1, "DescribeTargetHealth": 1}
    assert Counter(call["action"] for call in emulator.calls()) == {"DescribeTargets": 2, "DescribeTargetHealth": 1}


def test_twenty_load_balancers_take_one_call_each_and_the_listing(ansible_environment, emulator, tmp_path):
    listener = {"protocol": "TCP", "port": 443, "targets": [{"instance_id": "ins-1", "port": 8443}]}
    emulator.load(
        {
            "load_balancers": [
                {"id": f"lb-{n}", "name": f"shop-{n}", "listeners": [{"id": f"lbl-{n}", **listener}]} for n in range(20)
            ]
        }
    )
    (tmp_path / "all.clb.yml").write_text("plugin: tencentcloud.clb.targets\n")

    command = ["ansible-inventory", "-i", "all.clb.yml", "--list", "--export"]
    listed = json.loads(subprocess.check_output(command, cwd=tmp_path, env=ansible_environment, text=True))

    assert Counter(call["action"] for call in emulator.calls()) == {"DescribeLoadBalancers": 1, "DescribeTargets": 20}
    [variables] = listed["_meta"]["hostvars"].values()
    assert len(variables["clb_bindings"]) == 20
    assert len(listed["TCP_443"]["children"]) == 20
