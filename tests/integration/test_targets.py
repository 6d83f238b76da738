# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What playbooks rely on: check mode, diff, loops, defaults, results that go back in, failures that show no secret.

What the module does with each option is tested in ``tests/unit/plugins/modules``.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .plays import RETURNED, dry, failing, keys, play, shown, task, web_shop

TCP = {"listener_id": "lbl-tcp"}
WRONG_KEY = "ThisIsNotTheKeyOfThisSecretId000"
PASSWORD = "hunter2hunter2"


def load(emulator: Any) -> None:
    """Load a web shop."""
    emulator.load({"task_seconds": 0.05, "rate_limit": 0, "load_balancers": [web_shop("lb-1", "name-lb-1")]})


def on(load_balancer_id: str) -> dict[str, Any]:
    return {"module_defaults": {"group/tencentcloud.clb.all": {"load_balancer_id": load_balancer_id}}}


def test_a_dry_run_is_the_real_run_and_a_second_one_has_nothing_to_do(playbook, emulator):
    load(emulator)
    options = {
        "load_balancer_name": "name-lb-1",
        "purge": True,
        "targets": [
            {**TCP, "instance_id": "ins-n", "port": 8443, "weight": 30, "tag": "grün"},
            {**TCP, "instance_id": "ins-b", "port": 8443},
            {"listener_port": 80, "domain": "SHOP.example.com", "url": "/", "eni_ip": "10.0.9.8", "port": 9000},
        ],
    }
    run = playbook(play(dry("Dry", **options), shown("Bind", **options), task("Again", **options)))

    assert run.rc == 0, run.output
    real, own = run.result("Bind"), {"api_calls", "request_ids"}
    assert real.keys() >= RETURNED
    assert {key: run.result("Dry")[key] for key in RETURNED - own} == {key: real[key] for key in RETURNED - own}
    assert '+TCP:443 (lbl-tcp)  ins-n:8443  weight 30  tag "grün"' in run.stdout
    assert emulator.bindings("lb-1") >= {
        ("lbl-tcp", None, "ins-n", 8443, 30, "grün"),
        # Neither weight nor tag was given: a drained target stays drained.
        ("lbl-tcp", None, "ins-b", 8443, 0, "blue"),
        ("lbl-http", "loc-shop", "10.0.9.8", 9000, 10, ""),
    }
    assert not run.task("Again").changed
    sent = [call["action"] for call in emulator.calls() if call["action"].startswith("Batch")]
    assert sent == ["BatchRegisterTargets", "BatchDeregisterTargets"]


def test_every_list_of_a_result_goes_back_in(playbook, emulator):
    load(emulator)
    before = emulator.bindings()
    desired = [
        {**TCP, "instance_id": "ins-n", "port": 8443, "tag": "green"},
        {**TCP, "instance_id": "ins-a", "port": 8443, "weight": 1, "tag": "red"},
        {"location_id": "loc-shop", "instance_id": "ins-b", "port": 8080},
    ]
    refusal = {"kind": "fail_listeners", "listeners": ["lbl-tcp"], "message": "Backend is gone"}
    emulator.add_faults({"action": "BatchRegisterTargets", **refusal})
    tasks = [
        {**failing("Refused", targets=desired), "register": "refused"},
        task("failed_targets", targets="{{ refused.failed_targets }}"),
        {**task("Bind", targets=desired, purge=True), "register": "bound"},
        task("targets", targets="{{ bound.targets + bound.registered + bound.modified }}"),
        {**task("deregistered", targets="{{ bound.deregistered }}"), "register": "restored"},
        task("listeners", state="drained", targets="{{ bound.listeners }}"),
        task("restore", targets="{{ refused.restore + bound.restore }}"),
    ]
    run = playbook(play(*tasks, **on("lb-1")))

    assert run.rc == 0, run.output
    refused = run.result("Refused")
    assert refused["failed_listeners"] == ["lbl-tcp"]
    assert "Backend is gone" in refused["msg"]
    assert refused["error"]["request_id"] in refused["request_ids"]
    assert keys(run.result("failed_targets")["registered"]) == {("lbl-tcp", None, "ins-n", 8443)}
    assert not run.task("targets").changed
    assert keys(run.result("deregistered")["registered"]) == keys(run.result("Bind")["deregistered"])
    assert {entry["after"]["weight"] for entry in run.result("listeners")["modified"]} == {0}
    assert run.task("restore").changed
    assert {binding[:4] for binding in emulator.bindings()} >= {binding[:4] for binding in before}


RESTORE = """
- hosts: localhost
  gather_facts: false
  module_defaults: {group/tencentcloud.clb.all: {load_balancer_id: lb-1}}
  tasks:
    - name: Tell what would be done
      tencentcloud.clb.targets: &restore
        purge: true
        targets: "{{ lookup('ansible.builtin.file', 'snapshot.json') | from_json }}"
      check_mode: true
    - name: Restore
      tencentcloud.clb.targets: *restore
    - name: Read again
      tencentcloud.clb.targets_info: {health: true}
"""


def test_a_snapshot_brings_back_exactly_what_was_there(playbook, emulator, tmp_path):
    load(emulator)
    before = emulator.bindings()
    read = {"name": "Read", "tencentcloud.clb.targets_info": {"load_balancer_name": "name-lb-1", "health": True}}
    saved = playbook(play(read)).result("Read")["targets"]
    (tmp_path / "snapshot.json").write_text(json.dumps(saved), encoding="utf-8")
    tcp, shop = {"ListenerId": "lbl-tcp", "Port": 8443}, {"ListenerId": "lbl-http", "LocationId": "loc-shop"}
    gone = [{**tcp, "EniIp": "10.0.9.1"}, {**shop, "Port": 8080, "InstanceId": "ins-b"}]
    changed = {**tcp, "InstanceId": "ins-b"}
    emulator.unbind("lb-1", *gone)
    emulator.bind("lb-1", {**changed, "Weight": 90, "Tag": "red"}, {**tcp, "EniIp": "10.66.6.6"})

    run = playbook(RESTORE)

    assert run.rc == 0, run.output
    assert emulator.bindings() == before
    restored = run.result("Restore")
    assert [len(restored[key]) for key in ("registered", "modified", "deregistered")] == [2, 1, 1]
    assert run.result("Tell what would be done")["targets"] == restored["targets"]
    found = run.result("Read again")
    assert [{**one, "registered_time": None} for one in found["targets"]] == [
        {**one, "registered_time": None} for one in saved
    ]
    assert found["api_calls"] == {"DescribeTargets": 1, "DescribeTargetHealth": 1}


def test_what_is_refused_shows_neither_a_traceback_nor_a_secret(playbook, emulator):
    load(emulator)
    before = emulator.bindings()
    plain = {"load_balancer_id": "lb-1", "targets": [{**TCP, "instance_id": "ins-n", "port": 8443}]}
    wrong_key = "{{ lookup('env', 'WRONG_KEY') }}"
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "unknown listener": ({"targets": [{**plain["targets"][0], "listener_id": "lbl-ghost"}]}, "'lbl-ghost'"),
        "text for a number": ({"targets": [{**plain["targets"][0], "weight": "heavy"}]}, "heavy"),
        "unknown load balancer": ({"load_balancer_id": "lb-ghost"}, "lb-ghost"),
        "unknown pair": ({"secret_id": "AKIDnobody", "secret_key": wrong_key}, "SecretIdNotFound"),
        "password": ({"endpoint": "https://me:{{ lookup('env', 'PASSWORD') }}@clb.example.com"}, "password"),
    }
    nothing = dict.fromkeys(emulator.environ(), "")
    tasks = [failing(name, **{**plain, **options}) for name, (options, _) in cases.items()]
    tasks += [{**failing("nothing", **plain), "environment": nothing}]
    # Not written into the playbook or its variables: Ansible itself shows those.
    secrets = {"WRONG_KEY": WRONG_KEY, "PASSWORD": PASSWORD}
    run = playbook(play(*tasks), "-vvvv", environment=secrets)

    assert run.rc == 0, run.output
    for name, word in {**{name: word for name, (_, word) in cases.items()}, "nothing": "secret_id"}.items():
        outcome = run.task(name)
        assert (outcome.status, outcome.changed) == ("failed", False)
        assert outcome.result.keys() >= RETURNED
        assert word in outcome.result["msg"]
    for hidden in ("Traceback", "MODULE FAILURE", emulator.secret_key, WRONG_KEY, PASSWORD):
        assert hidden not in run.output
    assert not re.search(r"Signature=[0-9a-f]{16}", run.output)
    assert emulator.bindings() == before
