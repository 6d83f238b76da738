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

from ..builders import refused, rows, target, tcp
from .conftest import DEFAULTS, Plugin, parse

UNKNOWN = "no_such_variable"


def members(inventory, group):
    return sorted(host.name for host in inventory.groups[group].get_hosts())


@pytest.mark.parametrize("name", ["x.clb.yml", "x.clb.yaml", "clb.yml", "x.yml", "x.clb.json"])
def test_which_files_are_meant(tmp_path, name):
    assert not Plugin().verify_file(str(tmp_path / name)), "it is not there"
    (tmp_path / name).touch()
    assert Plugin().verify_file(str(tmp_path / name)) is name.startswith("x.clb.y")


def test_groups_have_valid_names_and_hold_their_hosts(read):
    inventory = read()
    assert {name: members(inventory, name) for name in inventory.groups if name not in ("all", "ungrouped")} == {
        **{name: ["web-1"] for name in ("clb_shop", "lb_1", "lbl_1", "lbl_2", "loc_1", "HTTP_80")},
        **{name: ["10.9.9.9"] for name in ("clb_api", "lb_2", "lbl_3")},
        "TCP_443": ["10.9.9.9", "web-1"], "HTTP_80___example_com_v1": ["web-1"],
    }  # fmt: skip


def test_hosts_have_their_variables_and_the_names_that_are_asked_for(read):
    variables = read(health=True).get_host("web-1").get_vars()
    assert (variables["ansible_host"], variables["clb_healthy"]) == ("10.1.0.1", True)
    assert [one["listener_id"] for one in variables["clb_bindings"]] == ["lbl-1", "lbl-2"]
    inventory = read(hostnames=["address"], ansible_host="none")
    assert set(inventory.hosts) == {"10.1.0.1", "10.9.9.9"}
    assert "ansible_host" not in inventory.get_host("10.1.0.1").get_vars()


def test_constructed_groups_and_variables(read):
    inventory = read(
        compose={"fifth": "clb_weight // 5", "nothing": UNKNOWN},
        groups={"drained": "clb_weight == 0", "broken": UNKNOWN},
        keyed_groups=[{"key": "clb_zone", "prefix": "zone"}, {"key": UNKNOWN}],
    )
    assert inventory.get_host("web-1").get_vars()["fifth"] == 1
    assert [members(inventory, name) for name in ("drained", "zone_ap_guangzhou_3")] == [["10.9.9.9"], ["web-1"]]
    assert "broken" not in inventory.groups


def test_names_from_the_cloud_are_no_templates(read, region):
    name = "{{ lookup('pipe', 'id') }}"
    region.hold({"lb-1": (name, [tcp("lbl-1", 443, target("ins-1", InstanceName=name))])})
    inventory = read(compose={"copied": "clb_instance_name"}, keyed_groups=[{"key": "clb_instance_name"}])
    assert inventory.get_host(name).get_vars()["copied"] == name


def test_connection_options_may_be_expressions(read, connected):
    given = {"secret_id": "{{ 'AKID' ~ 'x' }}", "secret_key": "plain", "timeout": 7}
    read(**given)
    expected = {**given, "secret_id": "AKIDx", "region": "ap-guangzhou", "ca_path": None}
    assert {key: connected[0][key] for key in expected} == expected


def test_regions_take_the_place_of_the_region(read, connected):
    read(regions=["ap-beijing", "ap-shanghai"])
    assert [options["region"] for options in connected] == ["ap-beijing", "ap-shanghai"]


def test_what_is_cached_is_not_read_again(read, region):
    plugin = Plugin()
    first, calls = read(plugin, health=True, cache=True), len(region.calls)
    again = read(plugin, health=True, cache=True)
    assert len(region.calls) == calls
    of_first, of_second = ({name: host.get_vars() for name, host in one.hosts.items()} for one in (first, again))
    assert of_first == of_second
    assert json.loads(json.dumps(plugin._cache)) == plugin._cache


def test_a_refresh_reads_again_and_updates_the_cache(file, region, connected):
    file.write_text(yaml.safe_dump({"plugin": Plugin.NAME, "region": "ap-guangzhou", "cache": True}))
    plugin = Plugin()
    parse(file, plugin)
    region.emulator.change("delete_load_balancer", {"load_balancer_id": "lb-1"})
    for from_cache, hosts in ((True, {"web-1", "10.9.9.9"}), (False, {"10.9.9.9"}), (True, {"10.9.9.9"})):
        assert set(parse(file, plugin, from_cache=from_cache).hosts) == hosts


def test_without_cache_every_parse_reads(read, region):
    plugin = Plugin()
    for times in (1, 2):
        read(plugin)
        assert (region.count("DescribeLoadBalancers"), plugin._cache) == (times, {})


@rows(
    "options, words",
    ({"load_balancer_id": "lb-1", "helth": True}, "There is no option helth, load_balancer_id."),
    ({"load_balancer_ids": ["lb-9"]}, "No load balancer 'lb-9' in region ap-guangzhou."),
    ({"targets": [{"port": 1}]}, "targets[0]: no listener, rule or backend is named"),
    ({"timeout": 0}, "timeout 0 is too small"),
)
def test_a_bad_file_is_an_error_that_names_it_and_the_cause(failure, options, words):
    assert words in failure(**options)


@rows(
    "text, words",
    ("- a\n- b\n", "must hold a mapping of options"),
    ("just a text", "must hold a mapping"),
    ("a: [", "YAML"),
)
def test_a_file_that_is_no_mapping(file, connected, text, words):
    file.write_text(text)
    with pytest.raises(AnsibleParserError) as caught:
        parse(file)
    assert str(file) in caught.value.message
    assert words in caught.value.message


def test_a_missing_permission(read, region):
    region.errors["lb-2"] = refused("UnauthorizedOperation", "not allowed", "DescribeTargets")
    words = r"shop\.clb\.yml: region ap-guangzhou, load balancer lb-2 \(api\): .*not allowed"
    with pytest.raises(AnsibleParserError, match=words) as caught:
        read(load_balancer_ids=["lb-1", "lb-2"])
    assert caught.value.__cause__ is None


def test_without_requests(read, monkeypatch):
    monkeypatch.setattr(targets, "REQUESTS_ERROR", "Traceback ...")
    with pytest.raises(AnsibleParserError, match="pip install requests"):
        read()


def test_examples_have_only_options_that_there_are():
    for example in yaml.safe_load_all(targets.EXAMPLES):
        assert set(example) <= {*DEFAULTS, "cache_plugin", "cache_connection", "cache_timeout"}
        assert example["plugin"] == Plugin.NAME


def test_every_variable_of_a_host_is_documented(read):
    described = " ".join(yaml.safe_load(targets.DOCUMENTATION)["description"])
    names = {name for name in read().get_host("web-1").vars if name.startswith("clb_")}
    assert (len(names), [name for name in names if f"C({name})" not in described]) == (12, [])
