# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What needs real processes and a real network: hosts that take turns under the guard, and connections that close."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.testing import Emulator

from .plays import play, task

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTENER = "lbl-tcp1"
OTHER = "lbl-tcp2"


def world(bound: int = 4, **settings: Any) -> dict[str, Any]:
    """``lb-1`` with a TCP listener on port 80 that has so many backends on port 8080, and an empty one on port 81."""
    targets = [{"instance_id": f"ins-{number}", "port": 8080, "weight": 10} for number in range(1, bound + 1)]
    return {
        "task_seconds": 1.0,
        "instances": {f"ins-{number}": {"ip": f"10.0.0.{number}"} for number in range(1, 31)},
        "load_balancers": [
            {
                "id": "lb-1",
                "listeners": [
                    {"id": LISTENER, "protocol": "TCP", "port": 80, "targets": targets},
                    {"id": OTHER, "protocol": "TCP", "port": 81},
                ],
            }
        ],
        **settings,
    }


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator.spawn(world()) as running:
        yield running


def weights(emulator: Emulator) -> dict[str, int]:
    """Backend -> weight on the first listener."""
    return {binding[2]: binding[4] for binding in emulator.bindings() if binding[0] == LISTENER}


def drains(hosts: int, minimum: int) -> str:
    """Every host drains itself, all at once, as a play of its own batch would."""
    inventory = "\n".join(f"    - ins-{number}" for number in range(1, hosts + 1))
    return f"""
- name: Know the hosts
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Add
      ansible.builtin.add_host:
        name: "{{{{ item }}}}"
        groups: [web]
      loop:
{inventory.replace("    - ", "        - ")}
- name: Drain them
  hosts: web
  gather_facts: false
  tasks:
    - name: Drain
      tencentcloud.clb.targets:
        load_balancer_id: lb-1
        state: drained
        min_healthy: {minimum}
        targets:
          - instance_id: "{{{{ inventory_hostname }}}}"
      delegate_to: localhost
"""


def test_hosts_that_drain_themselves_take_turns(playbook, emulator):
    """Six hosts, of which four have to serve: two drain, four are refused, and never fewer than four serve."""
    emulator.load(world(6, task_seconds=2.0))
    run = playbook(drains(6, 4), "--forks", "6")

    results = [one for one in run.tasks if one.task == "Drain"]
    assert len(results) == 6
    codes = sorted(str((one.result.get("error") or {}).get("code")) for one in results)
    assert codes == ["GuardRefused"] * 4 + ["None"] * 2, run.output
    assert emulator.min_serving(LISTENER) == 4
    assert sorted(weights(emulator).values()) == [0, 0, 10, 10, 10, 10]


def test_a_server_that_closes_idle_connections_gets_a_fresh_one_for_each_write(playbook, emulator):
    emulator.load(world(keepalive_ms=20))
    entries = [
        {"listener_id": LISTENER, "instance_id": f"ins-{number}", "port": 8080, "weight": weight}
        for number, weight in ((9, 10), (1, 3))
    ]
    run = playbook(play(task("Bind", load_balancer_id="lb-1", targets=entries, wait_timeout=20)))

    assert run.rc == 0, run.output
    assert (weights(emulator)["ins-9"], weights(emulator)["ins-1"]) == (10, 3)
    assert run.result("Bind")["api_calls"]["BatchRegisterTargets"] == 1
