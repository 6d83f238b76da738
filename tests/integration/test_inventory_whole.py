# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An inventory is whole or an error, seen as a user sees it."""

from __future__ import annotations

import time

import pytest

from .inventories import parsed

# Somebody deletes a load balancer right after it was listed.
GONE = {"change": "delete_load_balancer", "with": {"load_balancer_id": "lb-2"}, "action": "DescribeLoadBalancers"}


def shop(*names, vpc="vpc-a", balancer="lb-1", **more):
    """A load balancer with an instance for each name: ins-1 and on, at 10.0.0.1 and on."""
    instances = {f"ins-{n}": {"ip": f"10.0.0.{n}", "name": name} for n, name in enumerate(names, 1)}
    targets = [{"instance_id": instance, "port": 8080} for instance in instances]
    listener = {"id": "lbl-1", "protocol": "TCP", "port": 80, "targets": targets}
    return {
        "instances": instances,
        "load_balancers": [{"id": balancer, "name": "shop", "vpc_id": vpc, "listeners": [listener]}],
        **more,
    }


def test_this_machine_and_groups_of_another_source_stay_what_they_are(playbook, emulator, tmp_path):
    emulator.load(shop("localhost", "site", "bastion", "web-4"))
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "1-hosts").write_text("bastion ansible_host=203.0.113.9\n[site]\nweb-4 colour=blue\n", encoding="utf-8")
    (folder / "2-shop.clb.yml").write_text("plugin: tencentcloud.clb.targets\n", encoding="utf-8")
    show = {
        "name": "Show",
        "ansible.builtin.debug": {"msg": "{{ ansible_host | default('none') }} {{ colour | default('') }}"},
    }

    run = playbook(
        [
            {"hosts": "all", "gather_facts": False, "tasks": [show]},
            {"hosts": "localhost", "gather_facts": False, "tasks": [{**show, "name": "Here"}]},
        ],
        *("-i", str(folder)),
    )

    assert run.rc == 0, run.output
    shown = {task.host: task.result["msg"].strip() for task in run.tasks if task.task == "Show"}
    assert shown == {
        "bastion": "203.0.113.9",
        "web-4": "10.0.0.4 blue",
        "ins-1": "10.0.0.1",
        "ins-2": "10.0.0.2",
        "ins-3": "10.0.0.3",
    }
    assert not run.result("Here")["msg"].startswith("10.")


def test_where_an_expression_fails_no_play_runs_on_a_part_of_the_hosts(playbook, inventory, emulator):
    emulator.load(shop("a", "b", "c", "d", "e"))
    inventory.write(strict=True, compose={"x": "1 // (0 if clb_instance_id == 'ins-3' else 1)"})

    run = playbook(
        [{"hosts": "all", "gather_facts": False, "tasks": [{"name": "Ping", "ansible.builtin.debug": {}}]}],
        *("-i", "shop.clb.yml"),
    )

    assert run.tasks == []
    assert "shop.clb.yml: Could not set x for host c" in run.output


CACHED = {"cache": True, "cache_plugin": "jsonfile", "cache_connection": "./cache"}


def test_a_broken_cache_file_is_named(inventory, emulator):
    emulator.load(shop("a", "b"))
    parsed(inventory(**CACHED))
    [file] = (inventory.folder / "cache").iterdir()
    file.write_text('{"a":', encoding="utf-8")

    run = inventory(**CACHED)

    assert run.returncode != 0
    assert str(file) in run.stderr
    assert "--flush-cache" in run.stderr or "re-run your command" in run.stderr
    assert "indices must be" not in run.stderr
    assert set(parsed(inventory("--flush-cache", **CACHED))["_meta"]["hostvars"]) == {"a", "b"}
    assert set(parsed(inventory(**CACHED))["_meta"]["hostvars"]) == {"a", "b"}


@pytest.mark.sample(2)
@pytest.mark.parametrize("enabled", ["auto", "tencentcloud.clb.targets"])
def test_a_file_with_another_name_says_how_it_must_be_named(inventory, emulator, enabled):
    run = inventory(name="shop.yaml", environment={"ANSIBLE_INVENTORY_ENABLED": enabled})

    assert run.returncode != 0
    assert "shop.yaml is for the inventory plugin tencentcloud.clb.targets, which reads only files" in run.stderr
    assert "names end with .clb.yml or .clb.yaml. Rename it, for example to shop.clb.yml." in run.stderr
    assert emulator.count() == 0


def test_classic_load_balancers_and_those_that_are_gone_are_left_out(inventory, emulator):
    world = shop("a", "b")
    world["load_balancers"] += [{"id": "lb-old", "name": "old", "forward": 0}, {"id": "lb-2", "name": "gone"}]
    emulator.load(world)
    emulator.add_events(GONE)

    run = inventory()

    assert set(parsed(run)["_meta"]["hostvars"]) == {"a", "b"}
    assert "The load balancer lb-2 (gone)" in run.stderr
    assert "lb-old" not in run.stderr


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("health", [False, True])
def test_200_load_balancers_take_little_longer_than_the_rate_limit_allows(inventory, emulator, health):
    def balancer(number):
        targets = [{"eni_ip": f"10.0.{number}.{host}", "port": 80} for host in range(1, 6)]
        return {
            "id": f"lb-{number}",
            "listeners": [{"id": f"lbl-{number}", "protocol": "TCP", "port": 80, "targets": targets}],
        }

    emulator.load({"rate_limit": 20, "latency_ms": 50, "load_balancers": [balancer(number) for number in range(200)]})

    def took():
        started = time.monotonic()
        listed = parsed(inventory(health=health, **CACHED))
        assert len(listed["_meta"]["hostvars"]) == 1000
        return time.monotonic() - started

    from_the_cloud = took()
    # The same without reading: Ansible's own start, and the making of the hosts.
    from_the_cache = took()

    assert emulator.count("DescribeTargets") == 200
    assert {call["outcome"] for call in emulator.calls()} == {"ok"}
    assert from_the_cloud - from_the_cache <= 1.3 * 200 / 20, (from_the_cloud, from_the_cache)
