# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Ansible runs at scale: the way of a job through the mesh of AWX, and execution environments."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
import yaml

PLAY = """
- name: Bind the servers of each load balancer
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Bind
      tencentcloud.clb.targets:
        load_balancer_id: "{{ item }}"
        targets: "{{ servers | tencentcloud.clb.bind([{'listener_port': 443, 'port': 8443}]) }}"
      loop: [lb-1, lb-2]
    - name: Read what is behind the first
      tencentcloud.clb.targets_info:
        load_balancer_id: lb-1
        health: true
"""

SCENARIO = {
    "load_balancers": [
        {"id": f"lb-{n}", "listeners": [{"id": f"lbl-{n}", "protocol": "TCP", "port": 443}]} for n in (1, 2)
    ]
}


@pytest.fixture
def job(emulator, collections_path, tmp_path):
    """A job's directory: a project that brings the collection along, extra variables, and what a credential injects."""
    emulator.load(SCENARIO)
    directory = tmp_path / "job"
    shutil.copytree(collections_path, directory / "project" / "collections")
    (directory / "project" / "bind.yml").write_text(PLAY)
    (directory / "env").mkdir()
    (directory / "env" / "extravars").write_text(json.dumps({"servers": [{"instance_id": "ins-1"}]}))
    (directory / "env" / "envvars").write_text(json.dumps({**emulator.environ(), "ANSIBLE_NOCOLOR": "true"}))
    return directory


def run(command, environment, **how):
    done = subprocess.run(command, env=environment, capture_output=True, timeout=120, **how)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
def test_a_job_goes_to_a_worker_and_its_events_come_back(job, emulator, ansible_environment, tmp_path):
    # The worker has nothing but what is sent to it.
    environment = {key: value for key, value in ansible_environment.items() if not key.startswith("ANSIBLE_")}
    environment = {key: value for key, value in environment.items() if not key.startswith("TENCENTCLOUD_")}
    worker, results = tmp_path / "worker", tmp_path / "results"
    worker.mkdir()
    results.mkdir()

    sent = run(["ansible-runner", "transmit", job, "--playbook", "bind.yml", "--ident", "1"], environment)
    shutil.rmtree(job)
    returned = run(["ansible-runner", "worker", "--private-data-dir", worker], environment, input=sent)
    run(["ansible-runner", "process", results, "--ident", "1"], environment, input=returned)

    artifacts = results / "artifacts" / "1"
    assert (artifacts / "rc").read_text() == "0", (artifacts / "stdout").read_text()
    events = [json.loads(file.read_text()) for file in (artifacts / "job_events").glob("*.json")]
    items = [event["event_data"]["res"] for event in events if event["event"] == "runner_item_on_ok"]
    assert {one["load_balancer_id"]: one["changed"] for one in items} == {"lb-1": True, "lb-2": True}
    assert {binding[:4] for binding in emulator.bindings()} == {
        ("lbl-1", None, "ins-1", 8443),
        ("lbl-2", None, "ins-1", 8443),
    }
    # ansible-runner itself notes the environment that it was given, in the file named command.
    shown = [file for file in artifacts.rglob("*") if file.is_file() and file.name != "command"]
    assert len(shown) > len(events)
    assert not [file for file in shown if emulator.secret_key in file.read_text()]


def test_an_execution_environment_can_be_created(ansible_environment, tmp_path):
    definition = {
        "version": 3,
        "images": {"base_image": {"name": "localhost/base:latest"}},
        "dependencies": {
            "ansible_core": {"package_pip": "ansible-core"},
            "ansible_runner": {"package_pip": "ansible-runner"},
            "galaxy": {"collections": ["tencentcloud.clb"]},
        },
    }
    (tmp_path / "execution-environment.yml").write_text(yaml.safe_dump(definition))

    run(["ansible-builder", "create", "--output-filename", "Containerfile"], ansible_environment, cwd=tmp_path)

    context = tmp_path / "context"
    assert "ansible-galaxy collection install" in (context / "Containerfile").read_text()
    assert "tencentcloud.clb" in (context / "_build" / "requirements.yml").read_text()


def test_the_collection_tells_an_execution_environment_what_it_needs(collections_path, ansible_environment):
    needed = yaml.safe_load(run(["ansible-builder", "introspect", collections_path], ansible_environment))

    assert [line.partition("  #")[0] for line in needed["python"]] == ["requests>=2.28.0"]
    assert needed["system"] == []
