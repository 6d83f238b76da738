# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module targets_info through ansible-playbook."""

from __future__ import annotations

import pytest

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
"""

FAIL = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Fail
      tencentcloud.clb.targets_info: {options}
"""


def addresses(result):
    return [one["instance_id"] or one["eni_ip"] for one in result["targets"]]


def test_reading(playbook, emulator):
    emulator.set_health(dead=["ins-dns1"])

    run = playbook(READ)

    assert run.rc == 0, run.output
    assert not any(task.changed for task in run.tasks)
    assert {task.result["load_balancer_id"] for task in run.tasks} == {"lb-demo"}
    everything, health, rule, unknown, nothing = (task.result for task in run.tasks)

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

    reads = {"DescribeTargets", "DescribeTargetHealth", "DescribeLoadBalancers"}
    assert {call["action"] for call in emulator.calls()} == reads


@pytest.mark.parametrize(
    "options, code, words",
    [
        ("{load_balancer_id: lb-nope}", "InvalidParameter.LBIdNotFound", "Check load_balancer_id and region"),
        ("{load_balancer_name: dem}", "InvalidArgument", "Similar names: demo (lb-demo"),
        (
            "{load_balancer_id: lb-demo, targets: [{port: 443}]}",
            "InvalidArgument",
            "no listener, rule or backend is named",
        ),
        ("{load_balancer_id: lb-demo, targets: [{location_id: loc-shop, url: /x}]}", "InvalidArgument", "contradicts"),
        ("{load_balancer_id: lb-demo, region: mars-1}", None, "region"),
    ],
)
def test_failures_have_the_keys_of_the_contract(playbook, emulator, options, code, words):
    run = playbook(FAIL.format(options=options))

    result = run.result("Fail")
    assert run.rc != 0
    assert words in result["msg"]
    assert result["error"]["code"] == (code or result["error"]["code"])
    assert (result["changed"], result["targets"], result["listeners"]) == (False, [], [])
    assert "Traceback" not in run.output


def test_throttling_and_torn_answers_are_waited_out(playbook, emulator):
    emulator.add_faults(
        {"action": "DescribeTargets", "kind": "error", "code": "RequestLimitExceeded", "message": "slow down"},
        {"action": "DescribeTargets", "kind": "torn"},
    )

    run = playbook(FAIL.format(options="{load_balancer_id: lb-demo}"))

    assert run.rc == 0, run.output
    assert run.result("Fail")["api_calls"] == {"DescribeTargets": 3}
