# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plugin without Ansible's plugin loader; tests/integration runs it with ansible-inventory."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible.errors import AnsibleParserError

from ansible_collections.tencentcloud.clb.plugins.inventory import targets

from ..builders import target, tcp
from .conftest import DEFAULTS, Plugin, parse


def members(inventory, group):
    return sorted(host.name for host in inventory.groups[group].get_hosts())


@pytest.mark.parametrize(
    "name, meant",
    [("x.clb.yml", True), ("x.clb.yaml", True), ("clb.yml", False), ("x.yml", False), ("x.clb.json", False)],
)
def test_which_files_are_meant(tmp_path, name, meant):
    assert not Plugin().verify_file(str(tmp_path / name)), "it is not there"
    (tmp_path / name).touch()
    assert Plugin().verify_file(str(tmp_path / name)) is meant


def test_groups_have_valid_names_and_hold_their_hosts(read):
    inventory = read()
    assert {name: members(inventory, name) for name in inventory.groups if name not in ("all", "ungrouped")} == {
        "clb_shop": ["web-1"],
        "lb_1": ["web-1"],
        "lbl_1": ["web-1"],
        "lbl_2": ["web-1"],
        "loc_1": ["web-1"],
        "TCP_443": ["10.9.9.9", "web-1"],
        "HTTP_80": ["web-1"],
        "HTTP_80___example_com_v1": ["web-1"],
        "clb_api": ["10.9.9.9"],
        "lb_2": ["10.9.9.9"],
        "lbl_3": ["10.9.9.9"],
    }


def test_hosts_have_their_variables_and_the_names_that_are_asked_for(read):
    variables = read(health=True).get_host("web-1").get_vars()
    assert (variables["ansible_host"], variables["clb_healthy"]) == ("10.1.0.1", True)
    assert [one["listener_id"] for one in variables["clb_bindings"]] == ["lbl-1", "lbl-2"]
    inventory = read(hostnames=["address"], ansible_host="none")
    assert set(inventory.hosts) == {"10.1.0.1", "10.9.9.9"}
    assert "ansible_host" not in inventory.get_host("10.1.0.1").get_vars()


def test_constructed_groups_and_variables(read):
    inventory = read(
        compose={"fifth": "clb_weight // 5", "nothing": "no_such_variable"},
        groups={"drained": "clb_weight == 0", "broken": "no_such_variable"},
        keyed_groups=[{"key": "clb_zone", "prefix": "zone"}, {"key": "no_such_variable"}],
    )
    assert inventory.get_host("web-1").get_vars()["fifth"] == 1
    assert members(inventory, "drained") == ["10.9.9.9"]
    assert members(inventory, "zone_ap_guangzhou_3") == ["web-1"]
    assert "broken" not in inventory.groups


@pytest.mark.parametrize(
    "options",
    [
        {"compose": {"x": "no_such_variable"}},
        {"groups": {"x": "no_such_variable"}},
        {"keyed_groups": [{"key": "no_such_variable"}]},
    ],
)
def test_strict(read, options):
    with pytest.raises(AnsibleParserError, match=r"shop\.clb\.yml: .*no_such_variable"):
        read(strict=True, **options)


def test_names_from_the_cloud_are_no_templates(read, region):
    name = "{{ lookup('pipe', 'id') }}"
    region.hold({"lb-1": (name, [tcp("lbl-1", 443, target("ins-1", InstanceName=name))])})
    inventory = read(compose={"copied": "clb_instance_name"}, keyed_groups=[{"key": "clb_instance_name"}])
    assert inventory.get_host(name).get_vars()["copied"] == name


def test_connection_options_may_be_expressions(read, connected):
    read(secret_id="{{ 'AKID' ~ 'x' }}", secret_key="plain", timeout=7)
    assert {key: connected[0][key] for key in ("secret_id", "secret_key", "timeout", "region", "ca_path")} == {
        "secret_id": "AKIDx",
        "secret_key": "plain",
        "timeout": 7,
        "region": "ap-guangzhou",
        "ca_path": None,
    }


def test_regions_take_the_place_of_the_region(read, connected):
    read(regions=["ap-beijing", "ap-shanghai"])
    assert [options["region"] for options in connected] == ["ap-beijing", "ap-shanghai"]


def test_what_is_cached_is_not_read_again(read, region):
    plugin = Plugin()
    first = read(plugin, health=True, cache=True)
    calls = len(region.calls)
    again = read(plugin, health=True, cache=True)
    assert len(region.calls) == calls
    assert {host: one.get_vars() for host, one in first.hosts.items()} == {
        host: one.get_vars() for host, one in again.hosts.items()
    }
    assert json.loads(json.dumps(plugin._cache)) == plugin._cache


def test_a_refresh_reads_again_and_updates_the_cache(file, region, connected):
    file.write_text(yaml.safe_dump({"plugin": Plugin.NAME, "region": "ap-guangzhou", "cache": True}))
    plugin = Plugin()
    parse(file, plugin)
    region.emulator.change("delete_load_balancer", {"load_balancer_id": "lb-1"})
    assert set(parse(file, plugin).hosts) == {"web-1", "10.9.9.9"}
    assert set(parse(file, plugin, from_cache=False).hosts) == {"10.9.9.9"}
    assert set(parse(file, plugin).hosts) == {"10.9.9.9"}


def test_without_cache_every_parse_reads(read, region):
    plugin = Plugin()
    read(plugin)
    read(plugin)
    assert region.count("DescribeLoadBalancers") == 2
    assert plugin._cache == {}


@pytest.mark.parametrize(
    "options, words",
    [
        ({"load_balancer_id": "lb-1", "helth": True}, "There is no option helth, load_balancer_id."),
        ({"load_balancer_ids": ["lb-9"]}, "No load balancer 'lb-9' in region ap-guangzhou."),
        ({"targets": [{"port": 1}]}, "targets[0]: no listener, rule or backend is named"),
        ({"timeout": 0}, "timeout 0 is too small"),
    ],
)
def test_a_bad_file_is_an_error_that_names_it_and_the_cause(read, file, options, words):
    with pytest.raises(AnsibleParserError) as caught:
        read(**options)
    assert caught.value.message.startswith(f"{file}: ")
    assert words in caught.value.message


@pytest.mark.parametrize(
    "text, words",
    [("- a\n- b\n", "must hold a mapping of options"), ("just a text", "must hold a mapping"), ("a: [", "YAML")],
)
def test_a_file_that_is_no_mapping(file, connected, text, words):
    file.write_text(text)
    with pytest.raises(AnsibleParserError) as caught:
        parse(file)
    assert str(file) in caught.value.message
    assert words in caught.value.message


def test_a_missing_permission(read, file, region):
    region.deny("lb-2")
    with pytest.raises(AnsibleParserError) as caught:
        read(load_balancer_ids=["lb-1", "lb-2"])
    assert caught.value.message.startswith(f"{file}: region ap-guangzhou, load balancer lb-2 (api): ")
    assert "not allowed" in caught.value.message
    assert caught.value.__cause__ is None


def test_without_requests(read, monkeypatch):
    monkeypatch.setattr(targets, "REQUESTS_ERROR", "Traceback ...")
    with pytest.raises(AnsibleParserError, match="pip install requests"):
        read()


@pytest.mark.parametrize("example", list(yaml.safe_load_all(targets.EXAMPLES)), ids=len)
def test_examples_have_only_options_that_there_are(example):
    assert set(example) <= {*DEFAULTS, "cache_plugin", "cache_connection", "cache_timeout"}
    assert example["plugin"] == Plugin.NAME


def test_every_variable_of_a_host_is_documented(read):
    described = " ".join(yaml.safe_load(targets.DOCUMENTATION)["description"])
    names = {name for name in read().get_host("web-1").vars if name.startswith("clb_")}
    assert len(names) == 12
    assert {name for name in names if f"C({name})" not in described} == set()
