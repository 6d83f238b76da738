# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rolling updates with the collection's playbook: 12 hosts in batches of 3, behind a listener and a rule."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

HOSTS = [f"web{number:02}" for number in range(1, 13)]
LEAST = 8
PLACES = [("lbl-tcp", None), ("lbl-http", "loc-shop")]

UPDATE = """
- name: Read what is bound of the batch
  tencentcloud.clb.targets_info:
    load_balancer_id: lb-1
    targets: "{{ ansible_play_batch | map('extract', hostvars, 'clb_backend') | map('combine', {}) }}"
  register: batch
  run_once: true
  delegate_to: localhost

- name: Check that it gets no traffic
  ansible.builtin.assert:
    that:
      - batch.targets | length == 2 * ansible_play_batch | length
      - batch.targets | map(attribute='weight') | max == 0
  run_once: true

- name: Install the new version
  ansible.builtin.copy:
    content: "{{ version }}"
    dest: "{{ versions }}/{{ inventory_hostname }}"
    mode: "0644"

- name: Start it
  ansible.builtin.fail:
    msg: The new version does not start.
  when: inventory_hostname == broken | default('')
"""


def weight_of(host):
    return 10 if int(host[-2:]) % 2 else 20


def bound(drained=()):
    """What is bound to both places, with all hosts in service but these."""
    return {
        (listener_id, location_id, f"ins-{host}", port, 0 if host in drained else weight_of(host), "")
        for host in HOSTS
        for (listener_id, location_id), port in zip(PLACES, (8443, 8080), strict=True)
    }


SCENARIO = {
    "task_seconds": 0.05,
    "load_balancers": [
        {
            "id": "lb-1",
            "listeners": [
                {
                    "id": "lbl-tcp",
                    "protocol": "TCP",
                    "port": 443,
                    "targets": [{"instance_id": f"ins-{h}", "port": 8443, "weight": weight_of(h)} for h in HOSTS],
                },
                {
                    "id": "lbl-http",
                    "protocol": "HTTP",
                    "port": 80,
                    "rules": [
                        {
                            "id": "loc-shop",
                            "domain": "shop.example.com",
                            "targets": [
                                {"instance_id": f"ins-{h}", "port": 8080, "weight": weight_of(h)} for h in HOSTS
                            ],
                        }
                    ],
                },
            ],
        }
    ],
}


@pytest.fixture
def shop(emulator, tmp_path):
    """The load balancer, and a directory with the inventory, the update and what is installed where."""
    emulator.load(SCENARIO)
    variables = {
        "ansible_connection": "local",
        "ansible_pipelining": True,
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "clb_load_balancer_id": "lb-1",
        "clb_listeners": [
            {"listener_port": 443, "listener_protocol": "TCP", "port": 8443},
            {"listener_port": 80, "domain": "shop.example.com", "url": "/", "port": 8080},
        ],
        "clb_min_healthy": LEAST,
        "clb_update": str(tmp_path / "update.yml"),
        "versions": str(tmp_path / "versions"),
    }
    hosts = {host: {"clb_backend": {"instance_id": f"ins-{host}", "weight": weight_of(host)}} for host in HOSTS}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": variables}}))
    (tmp_path / "update.yml").write_text(UPDATE)
    (tmp_path / "versions").mkdir()
    return tmp_path


@pytest.fixture
def roll(playbook, shop):
    def roll(version, *arguments, **variables):
        values = {"clb_batch": 3, "version": version, **variables}
        return playbook(Path("tencentcloud.clb.rolling"), "-i", "hosts.yml", *arguments, variables=values)

    return roll


def versions(shop):
    return {file.name: file.read_text() for file in (shop / "versions").iterdir()}


def fewest_serving(emulator):
    return {place: emulator.min_serving(*place) for place in PLACES}


def test_a_host_that_fails_stays_out_stops_the_rest_and_a_rerun_completes(roll, shop, emulator):
    run = roll("2.0", broken="web05"); print(run.output)

    assert run.rc != 0
    assert "web05 could not be updated and stays out of traffic" in run.output
    assert emulator.bindings() == bound(drained=["web05"])
    assert versions(shop) == dict.fromkeys(HOSTS[:6], "2.0")
    assert fewest_serving(emulator) == dict.fromkeys(PLACES, 9)

    emulator.clear_journal()
    rerun = roll("2.1")

    assert rerun.rc == 0, rerun.output
    assert versions(shop) == dict.fromkeys(HOSTS, "2.1")
    assert emulator.bindings() == bound()
    # While web05 was out, three more were.
    assert fewest_serving(emulator) == dict.fromkeys(PLACES, LEAST)
    # A batch is drained by one call and brought back by one, whatever it holds.
    assert emulator.count("BatchModifyTargetWeight") == 8
    assert emulator.count("BatchRegisterTargets") == 0


def test_the_guard_refuses_a_batch_that_takes_too_many(roll, shop, emulator):
    run = roll("2.0", clb_batch=6)

    assert run.rc != 0
    assert run.result("Take the batch out of traffic")["error"]["code"] == "GuardRefused"
    assert emulator.bindings() == bound()
    assert versions(shop) == {}


@pytest.mark.parametrize(
    "host, listener, words",
    [
        ({"instance_id": "ins-web02"}, {}, "Give a weight in clb_backend or in clb_listeners"),
        ({"instance_id": "ins-web02", "weight": 101}, {}, "weight 101 is not a whole number from 0 to 100"),
        ({"instance_id": "ins-web02", "weight": 1}, {"listener_port": 444}, "there is no TCP listener on port 444"),
    ],
)
def test_what_could_not_be_brought_back_is_not_drained(roll, shop, emulator, host, listener, words):
    inventory = yaml.safe_load((shop / "hosts.yml").read_text())
    inventory["all"]["hosts"]["web02"]["clb_backend"] = host
    inventory["all"]["vars"]["clb_listeners"][0].update(listener)
    (shop / "hosts.yml").write_text(yaml.safe_dump(inventory))

    run = roll("2.0")

    assert run.rc != 0
    assert words in run.output
    assert emulator.bindings() == bound()
    assert not [call for call in emulator.calls() if call["action"].startswith("Batch")]
