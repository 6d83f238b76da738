# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role rotation in plays of one's own."""

from __future__ import annotations

import pytest
import yaml

from .rolling import UPDATE, Farm, seen_out, updated


def rotate(step):
    return {
        "name": f"Rotate {step}",
        "ansible.builtin.include_role": {"name": "tencentcloud.clb.rotation", "tasks_from": step},
    }


def plays(*tasks, check=True, **keywords):
    """A play that checks, and one that updates with these tasks."""
    common = {"hosts": "all", "gather_facts": False}
    updates = {**common, "name": "Update", "serial": 2, "tasks": list(tasks), **keywords}
    return [{**common, "name": "Check", "tasks": [rotate("check")]}, updates] if check else [updates]


@pytest.fixture
def farm(emulator, playbook):
    farm = Farm(emulator, playbook, clb_min_healthy=2)
    farm.write_files()
    return farm


def run(farm, content, *arguments, **variables):
    return farm.playbook(content, "-i", "hosts.yml", *arguments, variables=variables)


def test_the_role_updates_hosts_in_plays_of_ones_own(farm):
    done = run(
        farm,
        plays(rotate("out"), *yaml.safe_load(UPDATE), rotate("back")),
        clb_drain_seconds=1,
        clb_restore_file="kept/elsewhere.json",
        clb_batch=2,
    )

    assert done.rc != 0, done.output
    assert "kept is no directory; check clb_restore_file. No host was drained." in done.output, done.output
    assert farm.writes == []

    (farm.directory / "kept").mkdir()
    done = run(farm, plays(rotate("out"), *yaml.safe_load(UPDATE), rotate("back")), clb_drain_seconds=1, clb_batch=2)

    assert done.rc == 0, done.output
    assert [len(out) for out in seen_out(done)] == [2, 2]
    assert farm.emulator.bindings() == farm.at_first
    assert farm.emulator.min_serving("lbl-1-443") == 2


@pytest.mark.long
def test_out_and_back_can_be_runs_of_their_own(farm):
    out = run(farm, plays(rotate("out"), check=False, serial=1), "--limit", "web2")

    assert out.rc == 0, out.output
    assert farm.out == {"ins-web2"}

    again = run(farm, plays(rotate("out"), check=False, serial=1), "--limit", "web2,web3")

    assert again.rc == 0, again.output
    assert farm.out == {"ins-web2", "ins-web3"}

    back = run(farm, plays(rotate("back"), check=False, serial=4))

    assert back.rc == 0, back.output
    assert farm.emulator.bindings() == farm.at_first
    assert not farm.restore_file.exists()


def test_out_checks_again_what_it_can(farm):
    farm.hosts["web2"]["clb_backend"] = {"instance_id": "ins-web22"}
    farm.write_files()

    done = run(farm, plays(rotate("out"), *yaml.safe_load(UPDATE), rotate("back"), check=False))

    assert done.rc != 0, done.output
    assert "web2: ins-web22 is not bound" in done.output, done.output
    assert updated(done) == []
    assert farm.writes == []


def test_the_role_has_no_default_step(farm):
    done = run(farm, [{"hosts": "web1", "gather_facts": False, "roles": ["tencentcloud.clb.rotation"]}])

    assert done.rc != 0, done.output
    assert "give tasks_from: check, tasks_from: out or tasks_from: back." in done.output, done.output


def test_check_refuses_a_play_with_serial(farm):
    done = run(farm, plays(rotate("check"), check=False))

    assert done.rc != 0, done.output
    assert "check runs in a play without serial;" in done.output, done.output


def test_a_drain_that_is_not_allowed_leaves_nothing_behind(farm):
    farm.emulator.add_faults(
        {
            "kind": "error",
            "action": "BatchModifyTargetWeight",
            "times": -1,
            "code": "AuthFailure.UnauthorizedOperation",
            "message": "no",
        }
    )

    done = run(farm, plays(rotate("out"), *yaml.safe_load(UPDATE), rotate("back")))

    assert done.rc != 0, done.output
    assert "AuthFailure.UnauthorizedOperation" in done.output, done.output
    assert "No host of the batch was left out of traffic." in done.output, done.output
    assert updated(done) == []
    assert farm.emulator.bindings() == farm.at_first
    assert not farm.restore_file.exists()


def test_a_drain_that_fails_on_one_load_balancer_is_undone_on_the_other(emulator, playbook):
    farm = Farm(emulator, playbook, balancers=2)
    farm.write_files()
    refusal = {"kind": "error", "code": "AuthFailure.UnauthorizedOperation", "message": "no", "skip": 1, "times": 1}
    emulator.add_faults({**refusal, "action": "BatchModifyTargetWeight"})

    done = run(farm, plays(rotate("out"), *yaml.safe_load(UPDATE), rotate("back")))

    assert done.rc != 0, done.output
    assert "No host of the batch was left out of traffic." in done.output, done.output
    assert len(farm.writes) == 3
    assert updated(done) == []
    assert emulator.bindings() == farm.at_first
    assert not farm.restore_file.exists()


@pytest.mark.long
def test_a_batch_that_does_not_get_healthy_stops_the_run_and_comes_first_in_the_next(farm):
    sick = [
        {
            "name": "Break the new version",
            "ansible.builtin.uri": {
                "url": "{{ state_url | replace('state', 'health') }}",
                "method": "POST",
                "body_format": "json",
                "body": {"dead": ["ins-web2"], "alive": [], "unknown": []},
            },
            "run_once": True,
        }
    ]

    done = run(farm, plays(rotate("out"), *sick, rotate("back")), clb_wait_timeout=5)

    assert done.rc != 0, done.output
    assert farm.emulator.bindings() == farm.at_first
    assert {entry["instance_id"] for entry in farm.remembered} == {"ins-web1", "ins-web2"}

    farm.emulator.set_health(alive=["ins-web2"])
    rerun = run(farm, plays(rotate("out"), *yaml.safe_load(UPDATE), rotate("back")), clb_batch=2)

    assert rerun.rc == 0, rerun.output
    assert farm.emulator.bindings() == farm.at_first
    assert not farm.restore_file.exists()
