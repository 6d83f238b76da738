# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin through ansible-inventory and ansible-playbook."""

from __future__ import annotations

import json

import pytest

from .inventories import PLUGIN, hosts, parsed

WEB = {"instance_id": "ins-1", "port": 8443, "weight": 20, "tag": "blue"}
RULES = [
    {"id": "loc-1", "domain": "shop.example.com", "targets": [{"instance_id": "ins-1", "port": 80}]},
    {"id": "loc-2", "domain": "shop.example.com", "url": "/v1"},
]


def tcp(identity, *targets):
    return {"id": identity, "protocol": "TCP", "port": 443, "targets": list(targets)}


# Several load balancers, one of them in another region; two instances have the same name.
SCENARIO = {
    "instances": {
        "ins-1": {"ip": "10.0.0.1", "name": "web", "zone": "ap-guangzhou-3", "public_ips": ["203.0.113.1"]},
        "ins-2": {"ip": "10.0.0.2", "name": "web", "zone": "ap-guangzhou-4"},
        "ins-3": {"ip": "10.0.0.3", "name": "{{ lookup('pipe', 'touch pwned') }}"},
    },
    "health": {"dead": ["ins-2"]},
    "load_balancers": [
        {
            "id": "lb-1",
            "name": "shop front",
            "listeners": [
                tcp("lbl-1", WEB, {"instance_id": "ins-2", "port": 8443, "weight": 0}),
                {"id": "lbl-2", "protocol": "HTTP", "port": 80, "rules": RULES},
            ],
        },
        {
            "id": "lb-2",
            "name": "api",
            "listeners": [
                tcp("lbl-3", {"instance_id": "ins-3", "port": 9443}, {"eni_ip": "2001:db8::1", "port": 9443})
            ],
        },
        {"id": "lb-3", "name": "north", "region": "ap-beijing", "listeners": [tcp("lbl-4", WEB)]},
    ],
}


@pytest.fixture(autouse=True)
def scenario(emulator):
    emulator.load(SCENARIO)


def test_everything_in_a_region(inventory, tmp_path):
    listed = parsed(inventory(health=True))
    variables = listed["_meta"]["hostvars"]
    name = SCENARIO["instances"]["ins-3"]["name"]

    assert set(variables) == {"ins-1", "ins-2", name, "2001:db8::1"}
    assert {group: hosts(listed, group) for group in ("TCP_443", "clb_shop_front", "lb_1", "loc_1", "lbl_3")} == {
        "TCP_443": sorted(variables),
        "clb_shop_front": ["ins-1", "ins-2"],
        "lb_1": ["ins-1", "ins-2"],
        "loc_1": ["ins-1"],
        "lbl_3": ["2001:db8::1", name],
    }
    assert hosts(listed, "HTTP_80_shop_example_com") == ["ins-1"]
    assert hosts(listed, "HTTP_80_shop_example_com_v1") == []
    assert "HTTP_80_shop_example_com_v1" in listed["all"]["children"]
    assert variables["ins-1"]["ansible_host"] == "10.0.0.1"
    assert variables["ins-1"]["clb_weight"] == 20
    assert variables["ins-1"]["clb_healthy"] is True
    assert (variables["ins-2"]["clb_weight"], variables["ins-2"]["clb_healthy"]) == (0, False)
    assert [one["listener_id"] for one in variables["ins-1"]["clb_bindings"]] == ["lbl-1", "lbl-2"]
    # A name is never run as a template.
    assert variables[name]["clb_instance_name"] == name
    assert not (tmp_path / "pwned").exists()


def test_an_export_shows_plain_texts_but_for_what_can_be_a_template(inventory, playbook, tmp_path):
    run = inventory(compose={"greeting": "'hello ' ~ clb_instance_id", "odd": "'{' ~ '{ 7 * 7 }}'"})
    variables = json.loads(run.stdout)["_meta"]["hostvars"]
    odd, name = variables.pop(SCENARIO["instances"]["ins-3"]["name"]), SCENARIO["instances"]["ins-3"]["name"]

    assert "__ansible_unsafe" not in json.dumps({host: {**values, "odd": ""} for host, values in variables.items()})
    assert variables["ins-1"]["greeting"] == "hello ins-1"
    assert (odd["ansible_host"], odd["clb_bindings"][0]["load_balancer_name"]) == ("10.0.0.3", "api")
    assert odd["clb_instance_name"] == {"__ansible_unsafe": name}
    assert odd["odd"] == {"__ansible_unsafe": "{{ 7 * 7 }}"}

    both = "{{ odd }} {{ greeting[:0] ~ '{' ~ '{ 7 * 7 }}' }}"
    show = {"name": "Show", "ansible.builtin.debug": {"msg": both}}
    shown = playbook([{"hosts": "ins-1", "gather_facts": False, "tasks": [show]}], "-i", str(tmp_path / "shop.clb.yml"))
    assert shown.result("Show")["msg"] == "{{ 7 * 7 }} {{ 7 * 7 }}"


def test_the_cache_spares_the_calls(inventory, emulator, tmp_path):
    options = {"cache": True, "cache_plugin": "jsonfile", "cache_connection": str(tmp_path / "cache"), "health": True}

    first = parsed(inventory(**options))
    calls = emulator.count()
    again = parsed(inventory(**options))

    assert calls > 0
    assert emulator.count() == calls
    assert again == first
    cached = "".join(file.read_text() for file in (tmp_path / "cache").iterdir())
    assert emulator.secret_key not in cached

    # "auto" is what ansible-core enables by default.
    parsed(inventory("--flush-cache", environment={"ANSIBLE_INVENTORY_ENABLED": "auto"}, **options))
    assert emulator.count() == 2 * calls


@pytest.mark.parametrize(
    "what, words",
    [
        ({"text": "plugin: ["}, "YAML"),
        ({"load_balancer_id": "lb-1"}, "There is no option load_balancer_id."),
        ({"hostnames": ["dns"]}, "hostnames"),
        (
            {"endpoint": "http://127.0.0.1:1"},
            "region ap-guangzhou: DescribeLoadBalancers at http://127.0.0.1:1/: can't",
        ),
    ],
)
def test_what_is_wrong_names_the_file_and_the_cause(inventory, tmp_path, what, words):
    run = inventory("-vvvv", **what)

    assert run.returncode != 0
    lines = [line for line in run.stderr.splitlines() if "shop.clb.yml: " in line or "shop.clb.yml is" in line]
    assert lines, run.stderr
    assert words in lines[0]
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"secret_id": "{{ 'AKIDwrong' }}", "secret_key": "{{ 'hidden-' ~ 'key-1' }}", "token": "hidden-token-1"},
    ],
)
def test_no_secret_is_shown(inventory, emulator, options):
    run = inventory("-vvvv", **options)

    shown = run.stdout + run.stderr
    assert (run.returncode == 0) is not bool(options)
    assert not [word for word in (emulator.secret_key, "hidden-key-1", "hidden-token-1", "Signature=") if word in shown]


PLAY = """
- name: Drain and bring back what is behind one load balancer
  hosts: lb_1:&TCP_443
  gather_facts: false
  tasks:
    - name: Drain
      tencentcloud.clb.targets:
        load_balancer_id: lb-1
        state: drained
        targets: ["{{ clb_backend }}"]
      delegate_to: localhost
      throttle: 1
    - name: Bring back
      tencentcloud.clb.targets:
        load_balancer_id: lb-1
        targets: "{{ clb_bindings | selectattr('load_balancer_id', 'eq', 'lb-1') }}"
      delegate_to: localhost
      throttle: 1
    - name: Give the bindings of another load balancer
      tencentcloud.clb.targets:
        load_balancer_id: lb-2
        targets: "{{ clb_bindings }}"
      delegate_to: localhost
      ignore_errors: true
"""


def test_a_play_over_the_hosts_of_a_group(playbook, emulator, tmp_path):
    before = emulator.bindings()
    (tmp_path / "shop.clb.yml").write_text(f"plugin: {PLUGIN}\n")

    run = playbook(PLAY, "-i", "shop.clb.yml")

    assert run.rc == 0, run.output
    assert {task.host for task in run.tasks} == {"ins-1", "ins-2"}
    assert run.task("Drain", "ins-1").changed
    assert not run.task("Drain", "ins-2").changed
    assert run.task("Bring back", "ins-1").changed
    assert emulator.bindings() == before
    refused = run.task("Give the bindings of another load balancer", "ins-1")
    assert refused.status == "failed"
    assert "load_balancer_id 'lb-1' is not 'lb-2'" in refused.result["msg"]
