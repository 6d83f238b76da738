# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A snapshot taken with targets_info, a disaster, and the way back with the module targets."""

from __future__ import annotations

FUNCTION = {"Function": {"FunctionNamespace": "default", "FunctionName": "f"}, "Weight": 10}

SCENARIO = {
    "task_seconds": 0.05,
    "instances": {"ins-1": {"ip": "10.0.0.1", "name": "web {{ 1 }}"}, "ins-2": {"ip": "10.0.0.2"}},
    "load_balancers": [
        {
            "id": "lb-1",
            "name": "shop",
            "listeners": [
                {
                    "id": "lbl-tcp",
                    "protocol": "TCP",
                    "port": 443,
                    "targets": [
                        {"instance_id": "ins-1", "port": 8443, "weight": 0, "tag": "blue"},
                        {"instance_id": "ins-1", "port": 8444, "weight": 100},
                        {"instance_id": "ins-2", "port": 8443, "weight": 7, "tag": "grün"},
                        {"eni_ip": "2001:db8::1", "port": 8443, "weight": 0},
                        {"eni_ip": "10.9.9.9", "port": 8443, "type": "CCN"},
                    ],
                },
                {
                    "id": "lbl-http",
                    "protocol": "HTTP",
                    "port": 80,
                    "rules": [
                        {
                            "id": "loc-1",
                            "domain": "shop.example.com",
                            "targets": [{"instance_id": "ins-2", "port": 80, "weight": 3, "tag": "green"}],
                            "function_targets": [FUNCTION],
                        },
                        {
                            "id": "loc-2",
                            "domain": "*.example.com",
                            "url": "/api",
                            "targets": [{"eni_ip": "10.9.9.8", "port": 1}],
                        },
                    ],
                },
            ],
        }
    ],
}

SAVE = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Read what is bound
      tencentcloud.clb.targets_info:
        load_balancer_name: shop
        health: true
      register: shop
    - name: Save it
      ansible.builtin.copy:
        content: "{{ shop.targets | to_nice_json }}"
        dest: snapshot.json
        mode: "0600"
"""

RESTORE = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Tell what would be done
      tencentcloud.clb.targets: &restore
        load_balancer_id: lb-1
        purge: true
        targets: "{{ lookup('ansible.builtin.file', 'snapshot.json') | from_json }}"
      check_mode: true
    - name: Restore
      tencentcloud.clb.targets: *restore
    - name: Restore again
      tencentcloud.clb.targets: *restore
    - name: Read again
      tencentcloud.clb.targets_info:
        load_balancer_id: lb-1
"""


def without(target, *keys):
    return {key: value for key, value in target.items() if key not in keys}


def test_a_snapshot_brings_back_exactly_what_was_there(playbook, emulator):
    emulator.load(SCENARIO)
    before = emulator.bindings()
    saved = playbook(SAVE)
    assert saved.rc == 0, saved.output

    tcp, shop = {"ListenerId": "lbl-tcp", "Port": 8443}, {"ListenerId": "lbl-http", "LocationId": "loc-1", "Port": 80}
    gone = [{**tcp, "InstanceId": "ins-1"}, {**tcp, "EniIp": "2001:db8::1"}, {**shop, "InstanceId": "ins-2"}]
    changed = {**tcp, "InstanceId": "ins-2"}
    emulator.unbind("lb-1", *gone, changed)
    emulator.bind("lb-1", {**changed, "Weight": 90, "Tag": "red"}, {**tcp, "EniIp": "10.66.6.6"})
    assert emulator.bindings() != before

    run = playbook(RESTORE)

    assert run.rc == 0, run.output
    assert emulator.bindings() == before
    restored = run.result("Restore")
    assert [len(restored[key]) for key in ("registered", "modified", "deregistered")] == [3, 1, 1]
    assert run.result("Tell what would be done")["targets"] == restored["targets"]
    assert not run.task("Restore again").changed
    # Nothing differs but when things were bound, and the health that the second reading was not asked for.
    ignored = ("registered_time", "healthy", "health_status")
    assert [without(one, *ignored) for one in run.result("Read again")["targets"]] == [
        without(one, *ignored) for one in saved.result("Read what is bound")["targets"]
    ]
