# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard in real time: from blue to green in one task, and hosts that drain themselves at once in processes."""

from __future__ import annotations

from .plays import play, task

BLUE = [f"ins-blue{number}" for number in range(3)]
GREEN = [f"ins-green{number}" for number in range(3)]


def load(emulator, names, **settings):
    """Load a TCP listener with these backends."""
    targets = [{"instance_id": name, "port": 8080, "weight": 10} for name in names]
    listener = {"id": "lbl-1", "protocol": "TCP", "port": 80, "targets": targets}
    emulator.load({"load_balancers": [{"id": "lb-1", "listeners": [listener]}], **settings})


def test_from_blue_to_green_capacity_never_dips(playbook, emulator):
    load(emulator, BLUE, task_seconds=0.3, health={"after": 0.8})
    green = [{"listener_id": "lbl-1", "instance_id": name, "port": 8080} for name in GREEN]
    options = {"load_balancer_id": "lb-1", "wait_for_health": True, "min_healthy": len(BLUE), "purge": True}
    run = playbook(play(task("Deploy", targets=green, **options)))

    assert run.rc == 0, run.output
    assert emulator.min_serving("lbl-1") == len(BLUE)
    assert {binding[2] for binding in emulator.bindings()} == set(GREEN)
    assert [emulator.count(f"Batch{verb}Targets") for verb in ("Register", "Deregister")] == [1, 1]


DRAIN = """
- name: Know the hosts
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Add
      ansible.builtin.add_host: {name: "ins-{{ item }}", groups: [web]}
      loop: [1, 2, 3, 4, 5, 6]
- name: Drain them
  hosts: web
  gather_facts: false
  tasks:
    - name: Drain
      tencentcloud.clb.targets:
        load_balancer_id: lb-1
        state: drained
        min_healthy: 4
        targets: [{instance_id: "{{ inventory_hostname }}"}]
      delegate_to: localhost
"""


def test_hosts_that_drain_themselves_take_turns(playbook, emulator):
    """Six hosts, of which four have to serve: two drain, four are refused, and never fewer than four serve."""
    load(emulator, [f"ins-{number}" for number in range(1, 7)], task_seconds=2.0)
    run = playbook(DRAIN, "--forks", "6")

    codes = sorted(str((one.result.get("error") or {}).get("code")) for one in run.tasks if one.task == "Drain")
    assert codes == ["GuardRefused"] * 4 + ["None"] * 2, run.output
    assert emulator.min_serving("lbl-1") == 4
    assert sorted(binding[4] for binding in emulator.bindings()) == [0, 0, 10, 10, 10, 10]
