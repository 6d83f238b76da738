# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

import os
import subprocess

import pytest

SHOP = {
    "load_balancers": [
        {"id": "lb-demo", "listeners": [{"id": "lbl-1", "protocol": "TCP", "port": 443, "targets": []}]},
    ],
}


def play(emulator, *arguments):
    environment = {**os.environ, **emulator.environ()}
    return subprocess.run(["ansible-playbook", "bind.yml", *arguments], env=environment, capture_output=True, text=True)


@pytest.mark.clb_scenario(SHOP, task_seconds=2)
def test_a_dry_run_writes_nothing(clb_emulator):
    assert play(clb_emulator, "--check").returncode == 0
    assert not clb_emulator.bindings("lb-demo")


@pytest.mark.clb_scenario(SHOP)
def test_a_cut_connection_is_survived(clb_emulator):
    clb_emulator.add_faults({"action": "BatchRegisterTargets", "kind": "cut_after"})
    assert play(clb_emulator).returncode == 0
    assert clb_emulator.count("BatchRegisterTargets") == 1


@pytest.mark.clb_scenario(SHOP)
def test_a_refusal_is_reported(clb_emulator):
    clb_emulator.add_faults({"kind": "refuse_targets", "targets": ["ins-web4"], "times": -1})
    run = play(clb_emulator)
    assert run.returncode == 2
    assert "ins-web4" in run.stdout + run.stderr
