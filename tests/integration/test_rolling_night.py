# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A night with everything in it: 24 hosts behind 3 load balancers, a failing host, a killed controller, and reruns."""

from __future__ import annotations

import time

import pytest

from .rolling import Farm, updated

GUARD = 20
WAIT_SECONDS = 300.0


@pytest.mark.long
def test_a_night_with_a_failing_host_and_a_killed_controller(emulator, playbook):
    farm = Farm(emulator, playbook, hosts=24, balancers=3, clb_min_healthy=GUARD)
    listeners = [f"lbl-{number}-443" for number in (1, 2, 3)]
    # The cloud shows addresses as the instances that they belong to, and IPv6 in a spelling of its own.
    farm.scenario["instances"] = {"ins-web5": {"ip": "10.0.0.5"}, "ins-web9": {"ip": "10.0.0.9"}}
    farm.hosts["web5"]["clb_backend"] = {"eni_ip": "10.0.0.5"}
    farm.hosts["web9"]["clb_backend"] = {"ip": "10.0.0.9"}
    for balancer in farm.scenario["load_balancers"]:
        target = next(one for one in balancer["listeners"][0]["targets"] if one["instance_id"] == "ins-web10")
        target["eni_ip"] = "2001:db8::10"
        del target["instance_id"]
    farm.hosts["web10"]["clb_backend"] = {"eni_ip": "2001:0DB8:0:0:0:0:0:0010"}
    farm.load()

    failed = farm.roll(clb_batch=4, broken=["web5"])

    assert failed.rc != 0
    assert sorted(updated(failed)) == [f"web{number}" for number in range(1, 9)]
    assert farm.out == {"ins-web5"}
    assert len(farm.remembered) == 3

    # web5 comes first now; web9 is of the third batch. The drain shows in the cloud before the task has ended.
    killed = farm.start(clb_batch=4)
    deadline = time.monotonic() + WAIT_SECONDS
    while "ins-web9" not in farm.out:
        assert time.monotonic() < deadline
        assert killed.process.poll() is None
        time.sleep(0.02)
    killed.process.kill()
    killed.wait()

    assert len(farm.out) == 4
    assert len(farm.remembered) == 12

    rerun = farm.roll(clb_batch=4)

    assert rerun.rc == 0, rerun.output
    assert len(updated(rerun)) == 24
    assert "web9" in updated(rerun)[:4]
    assert emulator.bindings() == farm.at_first
    assert not farm.restore_file.exists()
    assert {emulator.min_serving(listener) for listener in listeners} == {GUARD}
