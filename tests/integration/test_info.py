# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module targets_info through ansible-playbook."""

from __future__ import annotations

READ = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Everything
      tencentcloud.clb.targets_info:
        load_balancer_id: lb-demo
    - name: With health, by name
      tencentcloud.clb.targets_info:
        load_balancer_name: demo
        health: true
    - name: One rule in check mode
      tencentcloud.clb.targets_info:
        load_balancer_id: lb-demo
        targets:
          - {domain: SHOP.example.com}
      check_mode: true
    - name: Something that does not exist
      tencentcloud.clb.targets_info:
        load_balancer_id: lb-demo
        targets:
          - {listener_id: lbl-nope}
          - {ip: "2001:0db8::0053"}
    - name: Nothing
      tencentcloud.clb.targets_info:
        load_balancer_id: lb-demo
        targets: []
    - name: No such load balancer
      tencentcloud.clb.targets_info:
        load_balancer_id: lb-nope
      ignore_errors: true
"""


def addresses(result):
    return [one["instance_id"] or one["eni_ip"] for one in result["targets"]]


def test_reading(playbook, emulator):
    emulator.set_health(dead=["ins-dns1"])

    run = playbook(READ)

    assert run.rc == 0, run.output
    assert not any(task.changed for task in run.tasks)
    everything, health, rule, unknown, nothing, failed = (task.result for task in run.tasks)
    assert {result["load_balancer_id"] for result in (everything, health, rule, unknown, nothing)} == {"lb-demo"}

    assert len(everything["targets"]) == len(emulator.bindings()) == 10
    assert [(one["listener_id"], one["bound"], one["serving"], one["healthy"]) for one in everything["listeners"]] == [
        ("lbl-tcp443", 3, 3, None),
        ("lbl-udp53", 2, 2, None),
        ("lbl-http80", 4, 3, None),
        ("lbl-https8443", 1, 1, None),
    ]
    assert everything["api_calls"] == {"DescribeTargets": 1}

    assert health["listeners"][1]["healthy"] == 1
    assert {one["health_status"] for one in health["targets"]} == {"Alive", "Dead"}
    assert health["api_calls"] == {"DescribeLoadBalancers": 1, "DescribeTargets": 1, "DescribeTargetHealth": 1}

    assert addresses(rule) == ["ins-web1", "ins-web2", "ins-web3"]
    assert [one["location_id"] for one in rule["listeners"][0]["rules"]] == ["loc-shop"]

    assert addresses(unknown) == ["2001:db8::53"]
    assert unknown["warnings"] == ["targets[0]: there is no listener 'lbl-nope'. It selects nothing."]

    assert (nothing["targets"], nothing["listeners"], nothing["api_calls"]) == ([], [], {})

    assert failed["error"]["code"] == "InvalidParameter.LBIdNotFound"
    assert "Check load_balancer_id and region" in failed["msg"]
    assert (failed["changed"], failed["targets"], failed["listeners"]) == (False, [], [])

    reads = {"DescribeTargets", "DescribeTargetHealth", "DescribeLoadBalancers"}
    assert {call["action"] for call in emulator.calls()} == reads
