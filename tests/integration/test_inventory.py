# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin through ansible-inventory and ansible-playbook."""

from __future__ import annotations

import json
import time

import pytest

from .plays import play, show, task

WEB = {"instance_id": "ins-1", "port": 8443, "weight": 20, "tag": "blue"}
RULES = [
    {"id": "loc-1", "domain": "shop.example.com", "targets": [{"instance_id": "ins-1", "port": 80}]},
    {"id": "loc-2", "domain": "shop.example.com", "url": "/v1"},
]
TEMPLATE = "{{ lookup('pipe', 'touch pwned') }}"


def balancer(number, name, *listeners, **more):
    return {"id": f"lb-{number}", "name": name, "listeners": list(listeners), **more}


def tcp(identity, *targets):
    return {"id": identity, "protocol": "TCP", "port": 443, "targets": list(targets)}


FRONT = tcp("lbl-1", WEB, {"instance_id": "ins-2", "port": 8443, "weight": 0})
API = tcp("lbl-3", {"instance_id": "ins-3", "port": 9443}, {"eni_ip": "2001:db8::1", "port": 9443})
# Several load balancers, one of them in another region; two instances have the same name.
SCENARIO = {
    "instances": {
        "ins-1": {"ip": "10.0.0.1", "name": "web"},
        "ins-2": {"ip": "10.0.0.2", "name": "web"},
        "ins-3": {"ip": "10.0.0.3", "name": TEMPLATE},
    },
    "health": {"dead": ["ins-2"]},
    "load_balancers": [
        balancer(1, "shop front", FRONT, {"id": "lbl-2", "protocol": "HTTP", "port": 80, "rules": RULES}),
        balancer(2, "api", API),
        balancer(3, "north", tcp("lbl-4", WEB), region="ap-beijing"),
    ],
}


@pytest.fixture(autouse=True)
def scenario(emulator):
    emulator.load(SCENARIO)


def parsed(run):
    """What a run has listed, without the marks of texts that are no templates; it must have succeeded."""
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout, object_hook=lambda value: value.get("__ansible_unsafe", value))


def hosts(listed, group):
    """The hosts in a group and in the groups in it."""
    entry = listed.get(group, {})
    inner = [host for child in entry.get("children", ()) for host in hosts(listed, child)]
    return sorted({*entry.get("hosts", ()), *inner})


def test_everything_in_a_region(inventory):
    listed = parsed(inventory(health=True))
    variables = listed["_meta"]["hostvars"]

    assert set(variables) == {"ins-1", "ins-2", TEMPLATE, "2001:db8::1"}
    assert {group: hosts(listed, group) for group in ("TCP_443", "clb_shop_front", "lb_1", "loc_1", "lbl_3")} == {
        "TCP_443": sorted(variables),
        "clb_shop_front": ["ins-1", "ins-2"],
        "lb_1": ["ins-1", "ins-2"],
        "loc_1": ["ins-1"],
        "lbl_3": ["2001:db8::1", TEMPLATE],
    }
    assert hosts(listed, "HTTP_80_shop_example_com") == ["ins-1"]
    assert hosts(listed, "HTTP_80_shop_example_com_v1") == []
    assert "HTTP_80_shop_example_com_v1" in listed["all"]["children"]
    named = ("ansible_host", "clb_weight", "clb_healthy")
    assert [variables["ins-1"][name] for name in named] == ["10.0.0.1", 20, True]
    assert [variables["ins-2"][name] for name in named] == ["10.0.0.2", 0, False]
    assert [one["listener_id"] for one in variables["ins-1"]["clb_bindings"]] == ["lbl-1", "lbl-2"]


def test_an_export_shows_plain_texts_but_for_what_can_be_a_template(inventory, playbook, tmp_path):
    run = inventory(compose={"greeting": "'hello ' ~ clb_instance_id", "odd": "'{' ~ '{ 7 * 7 }}'"})
    variables = json.loads(run.stdout)["_meta"]["hostvars"]
    odd = variables.pop(TEMPLATE)

    assert "__ansible_unsafe" not in json.dumps({host: {**values, "odd": ""} for host, values in variables.items()})
    assert variables["ins-1"]["greeting"] == "hello ins-1"
    assert (odd["ansible_host"], odd["clb_bindings"][0]["load_balancer_name"]) == ("10.0.0.3", "api")
    assert odd["clb_instance_name"] == {"__ansible_unsafe": TEMPLATE}
    assert odd["odd"] == {"__ansible_unsafe": "{{ 7 * 7 }}"}

    both = show("Show", "{{ odd }} {{ greeting[:0] ~ '{' ~ '{ 7 * 7 }}' }}")
    shown = playbook(play(both, hosts="ins-1"), "-i", "shop.clb.yml")
    assert shown.result("Show")["msg"] == "{{ 7 * 7 }} {{ 7 * 7 }}"
    assert not (tmp_path / "pwned").exists()


CACHED = {"cache": True, "cache_plugin": "jsonfile", "cache_connection": "./cache"}


def test_the_cache_spares_the_calls_and_a_broken_one_is_named(inventory, emulator, tmp_path):
    first = parsed(inventory(health=True, **CACHED))
    calls = emulator.count()
    again = parsed(inventory(health=True, **CACHED))

    assert (emulator.count(), again) == (calls, first)
    assert calls > 0
    (file,) = (tmp_path / "cache").iterdir()
    assert emulator.secret_key not in file.read_text()

    file.write_text('{"a":', encoding="utf-8")
    broken = inventory(health=True, **CACHED)
    assert broken.returncode != 0
    assert str(file) in broken.stderr
    assert "--flush-cache" in broken.stderr or "re-run your command" in broken.stderr
    assert "indices must be" not in broken.stderr

    # "auto" is what ansible-core enables by default.
    auto = {"ANSIBLE_INVENTORY_ENABLED": "auto"}
    assert parsed(inventory("--flush-cache", environment=auto, health=True, **CACHED)) == first
    assert parsed(inventory(health=True, **CACHED)) == first
    assert emulator.count() == 2 * calls


@pytest.mark.parametrize(
    "what, words",
    [
        ({"text": "plugin: ["}, "YAML"),
        ({"hostnames": ["dns"]}, "hostnames"),
        ({"endpoint": "http://127.0.0.1:1"}, "ap-guangzhou: DescribeLoadBalancers at http://127.0.0.1:1/: can't"),
        ({"name": "shop.yaml", "environment": {"ANSIBLE_INVENTORY_ENABLED": "auto"}}, "names end with .clb.yml or"),
    ],
)
def test_what_is_wrong_names_the_file_and_the_cause(inventory, what, words):
    run = inventory("-vvvv", **what)

    assert run.returncode != 0
    name = what.get("name", "shop.clb.yml")
    lines = [line for line in run.stderr.splitlines() if f"{name}: " in line or f"{name} is" in line]
    assert lines, run.stderr
    assert words in lines[0]
    assert "Traceback" not in run.stderr


def test_a_play_over_the_hosts_of_a_group(playbook, inventory, emulator):
    before = emulator.bindings()
    here = {"delegate_to": "localhost", "throttle": 1}
    own = "{{ clb_bindings | selectattr('load_balancer_id', 'eq', 'lb-1') }}"
    tasks = [
        task("Drain", here, load_balancer_id="lb-1", state="drained", targets=["{{ clb_backend }}"]),
        task("Bring back", here, load_balancer_id="lb-1", targets=own),
        task("Another's", {**here, "ignore_errors": True}, load_balancer_id="lb-2", targets="{{ clb_bindings }}"),
    ]
    inventory.write()

    run = playbook(play(*tasks, hosts="lb_1:&TCP_443"), "-i", "shop.clb.yml")

    assert run.rc == 0, run.output
    assert {task.host for task in run.tasks} == {"ins-1", "ins-2"}
    assert [run.task("Drain", host).changed for host in ("ins-1", "ins-2")] == [True, False]
    assert run.task("Bring back", "ins-1").changed
    assert emulator.bindings() == before
    assert "load_balancer_id 'lb-1' is not 'lb-2'" in run.result("Another's", "ins-1")["msg"]


def shop(*names):
    """A load balancer with an instance for each name: ins-1 and on, at 10.0.0.1 and on."""
    instances = {f"ins-{n}": {"ip": f"10.0.0.{n}", "name": name} for n, name in enumerate(names, 1)}
    targets = [{"instance_id": instance, "port": 8080} for instance in instances]
    return {"instances": instances, "load_balancers": [balancer(1, "shop", tcp("lbl-1", *targets))]}


def test_this_machine_and_groups_of_another_source_stay_what_they_are(playbook, emulator, tmp_path):
    emulator.load(shop("localhost", "site", "bastion", "web-4"))
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "1-hosts").write_text("bastion ansible_host=203.0.113.9\n[site]\nweb-4 colour=blue\n", encoding="utf-8")
    (folder / "2-shop.clb.yml").write_text("plugin: tencentcloud.clb.targets\n", encoding="utf-8")
    text = "{{ ansible_host | default('none') }} {{ colour | default('') }}"

    run = playbook([*play(show("Show", text), hosts="all"), *play(show("Here", text))], "-i", str(folder))

    assert run.rc == 0, run.output
    assert {task.host: task.result["msg"].strip() for task in run.tasks if task.task == "Show"} == {
        "bastion": "203.0.113.9",
        "web-4": "10.0.0.4 blue",
        **{f"ins-{number}": f"10.0.0.{number}" for number in (1, 2, 3)},
    }
    assert not run.result("Here")["msg"].startswith("10.")


def test_where_an_expression_fails_no_play_runs_on_a_part_of_the_hosts(playbook, inventory, emulator):
    emulator.load(shop("a", "b", "c", "d", "e"))
    inventory.write(strict=True, compose={"x": "1 // (0 if clb_instance_id == 'ins-3' else 1)"})

    run = playbook(play(show("Ping", "pong"), hosts="all"), "-i", "shop.clb.yml")

    assert run.tasks == []
    assert "shop.clb.yml: Could not set x for host c" in run.output


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("health", [False, True])
def test_200_load_balancers_take_little_longer_than_the_rate_limit_allows(inventory, emulator, health):
    addresses = [[f"10.0.{number}.{host}" for host in range(1, 6)] for number in range(200)]
    balancers = [
        balancer(number, "x", tcp(f"lbl-{number}", *({"eni_ip": address, "port": 80} for address in own)))
        for number, own in enumerate(addresses)
    ]
    emulator.load({"rate_limit": 20, "latency_ms": 50, "load_balancers": balancers})

    def took():
        started = time.monotonic()
        assert len(parsed(inventory(health=health, **CACHED))["_meta"]["hostvars"]) == 1000
        return time.monotonic() - started

    from_the_cloud = took()
    # The same without reading: Ansible's own start, and the making of the hosts.
    from_the_cache = took()

    assert emulator.count("DescribeTargets") == 200
    assert {call["outcome"] for call in emulator.calls()} == {"ok"}
    assert from_the_cloud - from_the_cache <= 1.3 * 200 / 20, (from_the_cloud, from_the_cache)
