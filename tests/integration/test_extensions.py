# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Automation Platform runs: the playbook that drains what is dead, the rulebook that runs it on an event, and the
queries of event_query.yml that find the nodes to count in results of the modules.

Neither ansible-rulebook nor Java is a requirement of this project; where one is missing, a test says so and is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager

import pytest
import yaml

from .checkout import ROOT
from .plays import play

PLAYBOOK = "- ansible.builtin.import_playbook: tencentcloud.clb.drain_dead\n"
NAMES = {"listener_id": "lbl-http80", "location_id": "loc-shop", "instance_id": "ins-web1", "eni_ip": None}
HEALTH = {"health_before": "Alive", "health_after": "Dead", "healthy": False, "weight": 20, "instance_name": "web-1"}
EVENT = {"region": "ap-guangzhou", "load_balancer_id": "lb-demo", **NAMES, "port": 8080, **HEALTH}
ON_EVENT = {"ansible_eda": {"event": {"clb_health": EVENT}}}


def weights(emulator, *backends):
    return {
        (listener, target): weight
        for listener, _rule, target, _port, weight, _tag in emulator.bindings("lb-demo")
        if not backends or target in backends
    }


@pytest.mark.parametrize("health, drained", [("dead", {("lbl-http80", "ins-web1"): 0}), ("unknown", {})])
def test_playbook_drains_the_target_of_the_event_if_it_is_still_dead(playbook, emulator, health, drained):
    before = weights(emulator)
    emulator.set_health(**{health: ["ins-web1"]})

    # The region is that of the event.
    run = playbook(PLAYBOOK, variables=ON_EVENT, environment={"TENCENTCLOUD_REGION": "ap-beijing"})

    assert run.rc == 0, run.output
    assert weights(emulator) == {**before, **drained}


BY_HAND = {"clb_targets": [{"load_balancer_id": "lb-demo", "instance_id": name} for name in ("ins-web1", "ins-dns1")]}
KEPT = (
    "lb-demo lbl-https8443 (HTTPS:8443 admin.example.com/): 0 targets of weight above 0 are healthy, and "
    "clb_min_healthy is 1. Not drained: ins-web1. The health check itself may be broken"
)


def test_playbook_drains_by_hand_where_somebody_is_healthy_says_where_nobody_is_and_fails(playbook, emulator):
    before = weights(emulator)
    emulator.set_health(dead=["ins-web1", "10.0.9.40"])

    run = playbook(PLAYBOOK, variables=BY_HAND)

    assert run.rc == 2, run.output
    drained = {("lbl-tcp443", "ins-web1"): 0, ("lbl-http80", "ins-web1"): 0}
    assert weights(emulator) == {**before, **drained}
    assert run.result("Stop where too few are healthy")["msg"].startswith(KEPT)


def test_playbook_says_what_it_needs(playbook, emulator):
    run = playbook(PLAYBOOK)

    assert run.rc == 2
    assert "clb_targets is not given, and there is no event" in run.result("Check what is asked for")["msg"]
    assert emulator.calls() == []


def test_playbook_keeps_min_healthy_where_a_target_recovers_meanwhile(playbook, emulator):
    before = weights(emulator)
    emulator.set_health(dead=["ins-web1"])
    turned = {"alive": ["ins-web1"], "dead": ["ins-web2"]}
    emulator.add_events({"change": "health", "with": turned, "action": "DescribeTargetHealth"})

    run = playbook(PLAYBOOK, variables=ON_EVENT)

    assert run.rc == 2
    assert run.result("Drain what is still dead")["error"]["code"] == "GuardRefused"
    assert weights(emulator) == before


def test_rulebook_runs_what_the_collection_has():
    (ruleset,) = yaml.safe_load((ROOT / "extensions" / "eda" / "rulebooks" / "drain_dead.yml").read_text())
    names = [rule["action"]["run_playbook"]["name"] for rule in ruleset["rules"] if "run_playbook" in rule["action"]]
    sources = [key for source in ruleset["sources"] for key in source if key != "name"]

    (file,) = (ROOT / "playbooks" / f"{name.removeprefix('tencentcloud.clb.')}.yml" for name in names)
    assert file.is_file()
    assert sources == ["tencentcloud.clb.health"]


@contextmanager
def rulebook(environment, directory, **variables):
    """Run the rulebook until the block ends; what it prints goes to the file that is yielded."""
    (directory / "vars.yml").write_text(yaml.safe_dump(variables))
    (directory / "hosts.yml").write_text("all: {hosts: {localhost: {ansible_connection: local}}}\n")
    log = directory / "rulebook.log"
    command = ["ansible-rulebook", "--rulebook", "tencentcloud.clb.drain_dead"]
    command += ["--inventory", "hosts.yml", "--vars", "vars.yml"]
    with log.open("w") as output:
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(command, cwd=directory, env=environment, **streams)
        try:
            yield process, log
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(condition, process, log):
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


HAS_RULEBOOK = shutil.which("ansible-rulebook") and (shutil.which("java") or "JAVA_HOME" in os.environ)
needs_rulebook = pytest.mark.skipif(not HAS_RULEBOOK, reason="ansible-rulebook or Java is not installed")


@pytest.mark.long
@needs_rulebook
def test_rulebook_drains_a_target_that_turns_dead(ansible_environment, emulator, tmp_path):
    before = weights(emulator)
    after = {**before, ("lbl-http80", "ins-web2"): 0, ("lbl-tcp443", "ins-web2"): 0}
    names = {"clb_region": "ap-guangzhou", "clb_load_balancer_ids": ["lb-demo"], "clb_interval": 1}

    with rulebook(ansible_environment, tmp_path, **names) as (process, log):
        wait_until(lambda: emulator.count("DescribeTargetHealth") > 1, process, log)
        assert weights(emulator) == before
        # Nobody else is behind the rule of 10.0.9.40: it stays.
        emulator.set_health(dead=["10.0.9.40"])
        wait_until(lambda: "Not drained: 10.0.9.40." in log.read_text(), process, log)
        emulator.set_health(dead=["ins-web2"])
        wait_until(lambda: weights(emulator) == after, process, log)

        refusal = {"kind": "error", "code": "UnauthorizedOperation", "message": "no right", "times": 3}
        emulator.add_faults({"action": "DescribeTargetHealth", **refusal})
        wait_until(lambda: "'failed_reads': 3" in log.read_text(), process, log)

        # It reads on after that.
        emulator.set_health(dead=["ins-dns1"])
        wait_until(lambda: weights(emulator, "ins-dns1") == {("lbl-udp53", "ins-dns1"): 0}, process, log)


@pytest.mark.long
@needs_rulebook
def test_rulebook_ends_with_the_reason_where_a_value_is_wrong(ansible_environment, emulator, tmp_path):
    names = {"clb_region": "ap-guangzhou", "clb_load_balancer_ids": ["lb-nope"]}

    with rulebook(ansible_environment, tmp_path, **names) as (process, log):
        assert process.wait(timeout=120) == 1

    assert "Check load_balancer_id and region: the load balancer is not in this region." in log.read_text()


QUERIES = yaml.safe_load((ROOT / "extensions" / "audit" / "event_query.yml").read_text())
MODULES = {f"tencentcloud.clb.{file.stem}" for file in (ROOT / "plugins" / "modules").glob("*.py")}
TARGETS, INFO = "tencentcloud.clb.targets", "tencentcloud.clb.targets_info"

TASKS = """
- name: Read
  tencentcloud.clb.targets_info:
- name: Bind
  tencentcloud.clb.targets:
    targets:
      - {listener_id: lbl-tcp443, instance_id: ins-web3, port: 8443}
      - {listener_id: lbl-tcp443, instance_id: ins-web3, port: 9443}
      - {listener_id: lbl-tcp443, instance_id: ins-web2, port: 8443, weight: 50}
      - {listener_id: lbl-udp53, eni_ip: "2001:db8::53", port: 53, weight: 20}
- name: Unbind everywhere
  tencentcloud.clb.targets: {state: absent, targets: [{instance_id: ins-web1}]}
- name: Fail
  tencentcloud.clb.targets: {targets: [{listener_id: lbl-nope, instance_id: ins-web1, port: 1}]}
  ignore_errors: true
- name: Skip
  tencentcloud.clb.targets_info:
  when: false
- name: Loop
  tencentcloud.clb.targets_info: {targets: ["{{ item }}"]}
  loop: [{instance_id: ins-web2}]
"""


def nodes(module, result):
    command = ["jq", "--compact-output", QUERIES[module]["query"]]
    printed = subprocess.check_output(command, input=json.dumps(result), text=True)
    return [json.loads(line) for line in printed.splitlines()]


def names(module, result):
    return sorted(node["name"] for node in nodes(module, result))


def test_each_module_has_a_query():
    assert set(QUERIES) == MODULES
    assert all(set(entry) == {"query"} for entry in QUERIES.values())


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_each_backend_is_one_node(playbook, emulator):
    defaults = {"group/tencentcloud.clb.all": {"load_balancer_id": "lb-demo"}}
    run = playbook(play(*yaml.safe_load(TASKS), module_defaults=defaults))
    assert run.rc == 0, run.output
    addresses = ["10.0.9.30", "10.0.9.40", "2001:db8::53"]
    assert names(INFO, run.result("Read")) == [*addresses, "dns-1", "web-1", "web-2", "web-3"]
    assert names(TARGETS, run.result("Bind")) == ["2001:db8::53", "ins-web2", "ins-web3"]
    assert names(TARGETS, run.result("Unbind everywhere")) == ["ins-web1"]

    read = {json.dumps(node["canonical_facts"]): node["facts"] for node in nodes(INFO, run.result("Read"))}
    bound = {json.dumps(node["canonical_facts"]): node["facts"] for node in nodes(TARGETS, run.result("Bind"))}
    # Both modules call a node the same, and nothing is null.
    assert bound.items() <= read.items()
    facts = [{"instance_id": "ins-web2"}, {"instance_id": "ins-web3"}, {"eni_ip": "2001:db8::53"}]
    assert bound.keys() == set(map(json.dumps, facts))
    # Other results are no nodes and no error. The items of a loop are events of their own.
    for task in ("Fail", "Skip", "Loop"):
        assert [nodes(module, run.result(task)) for module in QUERIES] == [[], []], task
