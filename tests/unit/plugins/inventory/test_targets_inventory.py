# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plugin without Ansible's plugin loader: an inventory is whole or an error, whatever instances are called."""

from __future__ import annotations

import json
import re
from unittest.mock import Mock

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData

from ansible_collections.tencentcloud.clb.plugins.inventory import targets
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import connect as real_connect
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import UnexpectedAnswer

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
    ({"load_balancer_tags": {}}, "load_balancer_tags is empty"),
    ({"load_balancer_tags": "env=prod"}, "load_balancer_tags must hold a text for each tag"),
    ({"load_balancer_tags": {"env": "prod"}, "load_balancer_ids": ["lb-1"]}, "Give load_balancer_tags or load_bal"),
)
def test_a_bad_file_is_an_error_that_names_it_and_the_cause(failure, options, words):
    assert words in failure(**options)


@rows("text, words", ("- a\n- b\n", "must hold a mapping of options"), ("a: [", "YAML"))
def test_a_file_that_is_no_mapping(file, connected, text, words):
    file.write_text(text)
    with pytest.raises(AnsibleParserError, match=rf"shop\.clb\.yml(.|\n)*{words}"):
        parse(file)


def test_a_missing_permission(read, region):
    region.errors["lb-2"] = refused("UnauthorizedOperation", "not allowed", "DescribeTargets")
    words = r"shop\.clb\.yml: region ap-guangzhou, load balancer lb-2 \(api\): .*not allowed"
    with pytest.raises(AnsibleParserError, match=words) as caught:
        read(load_balancer_ids=["lb-1", "lb-2"])
    assert caught.value.__cause__ is None


def test_a_secret_in_an_answer_is_not_shown(read, failure, region):
    region.hold({"lb-1": ("shop", [tcp("lbl-1", 443, target("ins-1", InstanceName="hush-hush"))])})
    assert read().hosts["ins-1"].vars["clb_instance_name"] == "********"
    region.errors["lb-1"] = UnexpectedAnswer("Port is 'hush-hush'.")
    assert failure() == "region ap-guangzhou, load balancer lb-1 (shop): Port is '********'."


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


def instances(region, *names, port=80):
    """Let the region have one load balancer with an instance for each name, ins-1 and on."""
    bound = [target(f"ins-{number}", InstanceName=name) for number, name in enumerate(names, 1)]
    region.hold({"lb-1": ("shop", [tcp("lbl-1", port, *bound)])})


@rows("name", "TCP_80", "clb_shop", "lb_1", "lbl_1", "all", "ungrouped", "localhost", "../../x", "*", "a\nb", " ")
def test_no_name_of_an_instance_breaks_it(read, region, name):
    instances(region, name, "web")
    inventory = read()
    assert set(inventory.hosts) == {"ins-1", "web"}
    assert {host.name for host in inventory.groups["TCP_80"].get_hosts()} == {"ins-1", "web"}
    assert inventory.get_host("ins-1").vars["clb_instance_name"] == name
    assert "ansible_host" not in inventory.get_host("localhost").vars


@rows(
    "options",
    {"groups": {"web": "true"}},
    {"groups": {"web": "false"}},
    {"keyed_groups": [{"key": "clb_instance_name", "separator": ""}]},
    {"keyed_groups": [{"key": "['db', 'web']", "separator": ""}]},
    {"keyed_groups": [{"key": "inventory_hostname", "separator": ""}]},
    {"keyed_groups": [{"key": "clb_type", "parent_group": "web"}]},
    {"keyed_groups": [{"key": "clb_zone", "default_value": "web", "separator": ""}]},
    {"keyed_groups": [{"key": "'b'", "prefix": "we", "separator": ""}], "strict": True},
)
def test_a_host_is_not_called_like_a_group_of_the_users_own(read, region, options):
    instances(region, "web", "app")
    inventory = read(**options)
    assert "ins-1" in inventory.hosts
    assert set(inventory.hosts).isdisjoint(inventory.groups)
    assert [host.name for host in inventory.groups["lbl_1"].get_hosts()] == list(inventory.hosts)


def test_names_that_one_after_the_other_turn_out_to_be_groups(read, region):
    instances(region, "web", "app")
    key = "{'web': 'app', 'app': 'x', 'ins-2': 'web'}[inventory_hostname] | default('y')"
    inventory = read(keyed_groups=[{"key": key, "separator": ""}])
    assert set(inventory.hosts) == {"ins-1", "ins-2"}


@pytest.fixture
def static():
    """What a file of hosts has put there before."""
    inventory = InventoryData()
    inventory.add_group("web")
    hosts = {"bastion": ("ansible_host", "203.0.113.9"), "app": ("colour", "blue")}
    for name, variable in {**hosts, "localhost": ("ansible_connection", "local")}.items():
        inventory.add_host(name, "web")
        inventory.set_variable(name, *variable)
    return inventory


def test_groups_and_other_machines_of_another_source_keep_their_names(read, region, static):
    instances(region, "web", "bastion", "app", "localhost")
    inventory = read(inventory=static, groups={"of_both": "colour == 'blue'"})
    assert set(inventory.hosts) == {"bastion", "app", "localhost", "ins-1", "ins-2", "ins-4"}
    assert inventory.get_host("bastion").vars["ansible_host"] == "203.0.113.9"
    # The same host in two sources is one, and expressions see the variables of both.
    assert inventory.get_host("app").vars["clb_instance_id"] == "ins-3"
    assert [host.name for host in inventory.groups["of_both"].get_hosts()] == ["app"]


@rows(
    "options",
    {"compose": {"x": "{'ins-3': no_such_variable}[clb_instance_id] if clb_instance_id == 'ins-3' else 1"}},
    {"groups": {"x": "clb_instance_id != 'ins-3' or no_such_variable"}},
    {"keyed_groups": [{"key": "no_such_variable if clb_instance_id == 'ins-3' else 'x'"}]},
    {"keyed_groups": [{"key": "'' if clb_instance_id == 'ins-3' else 'x'"}]},
    {"keyed_groups": [{"key": "clb_zone", "prefix": "x", "default_value": "y", "trailing_separator": False}]},
    {"keyed_groups": [{"key": "'x'", "parent_group": "'y' ~ no_such_variable"}, "no mapping"]},
    {"keyed_groups": [{"key": "'lb_1'", "separator": "", "parent_group": "lbl_1"}]},
)
def test_an_expression_that_fails_leaves_nothing_behind(failure, region, static, options):
    instances(region, "a", "b", "c", "d", "e")
    before = {name: host.get_vars() for name, host in static.hosts.items()}
    failure(inventory=static, strict=True, **options)
    assert {name: host.get_vars() for name, host in static.hosts.items()} == before
    assert set(static.groups) == {"all", "ungrouped", "web"}


def test_a_plugin_that_has_failed_can_be_used_again(read, region):
    plugin = Plugin()
    with pytest.raises(AnsibleParserError):
        read(plugin, strict=True, compose={"x": UNKNOWN})
    assert set(read(plugin).hosts) == {"web-1", "10.9.9.9"}


def test_what_cannot_be_read_is_left_out_with_a_warning_also_from_the_cache(read, region, file, shown):
    plugin = Plugin()
    region.errors["lb-2"] = refused("InvalidParameter.LBIdNotFound", "gone", "DescribeTargets")
    for _ in range(2):
        assert set(read(plugin, cache=True).hosts) == {"web-1"}
    assert region.count("DescribeLoadBalancers") == 1
    assert [text.startswith(f"{file}: The load balancer lb-2 (api) was left out") for text in shown] == [True] * 2


@rows(
    "more, reads",
    *((more, 2) for more in ({"health": True}, {"load_balancer_names": ["shop"]}, {"profile": "other"})),
    # What is done with the hosts needs no other cache.
    *((more, 1) for more in ({"groups": {"x": "true"}}, {"hostnames": ["address"]}, {"ansible_host": "none"})),
    ({"timeout": 7}, 1),
)
def test_only_what_is_read_otherwise_is_not_answered_from_the_cache(read, region, more, reads):
    plugin = Plugin()
    read(plugin, cache=True)
    healthy = [host.vars["clb_healthy"] for host in read(plugin, cache=True, **more).hosts.values()]
    assert (region.count("DescribeLoadBalancers"), True in healthy) == (reads, "health" in more)


@pytest.mark.parametrize("error", [TypeError, ValueError, AttributeError, RecursionError])
def test_a_cache_that_ansible_stumbles_over_is_named_likewise(failure, error):
    plugin = Plugin()
    plugin._cache = Mock(spec=["get"], **{"get.side_effect": error})
    assert re.match(r"The cache entry \S+ does not hold what this plugin has put", failure(plugin=plugin, cache=True))


@pytest.mark.parametrize("secret", [{}, {"secret_key": "hidden", "secret_id": "AKID"}, {"token": "hidden"}])
@rows("broken", {"regions": "{{ no_such_variable }}"}, {"strict": True, "compose": {"x": UNKNOWN, "y": " " * 70000}})
def test_lines_of_a_file_with_secrets_are_not_shown(read, secret, broken):
    with pytest.raises(AnsibleParserError) as caught:
        read(**secret, **broken)
    assert "no_such_variable" in caught.value.message
    assert (caught.value.__cause__ is None) is bool(secret)


@rows("value", ["hidden"], {"hidden": 1})
def test_a_secret_of_another_type_is_not_shown(failure, value):
    assert failure(token=value, secret_key=value).startswith("secret_key and token must be a text,")


@pytest.mark.parametrize("kept", [[], {"balancers": 1, "warnings": [], "checksum": "x"}])
def test_a_broken_cache_is_named_with_what_to_do(read, failure, file, kept):
    plugin = Plugin()
    read(plugin, cache=True)
    plugin._cache = dict.fromkeys(plugin._cache, kept)
    message = failure(plugin=plugin, cache=True)
    [key] = plugin._cache
    assert message.startswith(f"The cache entry {key} does not hold what this plugin has put there")
    assert message.endswith("Delete it, or run the command again with --flush-cache.")
    for from_cache in (False, True):
        assert set(parse(file, plugin, from_cache=from_cache).hosts) == {"web-1", "10.9.9.9"}


@pytest.mark.parametrize("value", ["{{ ['lb-2'] }}", ["{{ 'lb-' ~ 2 }}"], "{{ 'lb-2, lb-2' }}", "lb-2", [" lb-2 "]])
def test_load_balancers_may_be_named_by_expressions(read, region, value):
    assert set(read(load_balancer_ids=value).hosts) == {"10.9.9.9"}


def test_expressions_in_other_lists(read, region, connected):
    inventory = read(
        load_balancer_names=["{{ 'API' | lower }}"],
        regions="{{ ['ap-a', 'ap-b', 'ap-a'] }}",
        targets=[{"ip": "{{ '10.9.9' ~ '.9' }}", "port": "{{ 8000 + 443 }}"}],
    )
    assert set(inventory.hosts) == {"10.9.9.9"}
    assert [options["region"] for options in connected] == ["ap-a", "ap-b"]


@pytest.mark.parametrize("name", ["regions", "load_balancer_ids", "load_balancer_names"])
@rows(
    "value, words",
    *((one, " is an empty list; name at least one, or leave the") for one in ([], "{{ [] }}", "{{ '' }}")),
    (["lb-1", ""], "[1] is empty; give a value, or leave it out of the list."),
    (["{{ '' }}"], "[0] is empty; give a value, or leave it out of the list."),
    (["{{ none }}"], "[0] must be a text; it is None."),
    ([["lb-1"]], "[0] must be a text; it is ['lb-1']."),
    ([{"id": "lb-1"}], "[0] must be a text; it is {'id': 'lb-1'}."),
    ([True], "[0] must be a text; it is True."),
    ("{{ {'id': 'lb-1'} }}", " must be a list; it is {'id': 'lb-1'}."),
)
def test_a_list_that_names_nothing_is_an_error(failure, region, name, value, words):
    assert failure(**{name: value}).startswith(f"{name}{words}")
    assert region.calls == []


@rows("name", "regions", "load_balancer_ids", "load_balancer_names", "targets")
@rows("value", "{{ none }}", "{% if false %}lb-1{% endif %}")
def test_an_expression_for_a_choice_must_give_one(failure, region, name, value):
    assert failure(**{name: value}).startswith(f"The expression in {name} gives null;")
    assert region.calls == []


@rows("name", "region", "regions", "load_balancer_ids", "load_balancer_names", "targets", "endpoint")
def test_an_expression_that_cannot_be_rendered_is_named(failure, name):
    message = failure(**{name: "{{ no_such_variable }}"})
    assert message.startswith(f"The expression in {name} cannot be rendered: ")
    assert "no_such_variable" in message


def test_an_expression_for_a_secret_is_not_shown(failure):
    message = failure(secret_id="AKID", secret_key="{{ 'hidden' ~ no_such_variable }}")
    assert message == "The expression in secret_key cannot be rendered."


@pytest.mark.parametrize("name", ["endpoint", "sts_endpoint", "TENCENTCLOUD_CLB_ENDPOINT", "TENCENTCLOUD_STS_ENDPOINT"])
@pytest.mark.parametrize("value", ["https://u:hidden@host:99999", "u:hidden@host:x", "https://u:hidden@host/path"])
def test_no_password_of_an_endpoint_is_shown(failure, monkeypatch, name, value):
    monkeypatch.setattr(targets, "connect", real_connect)
    monkeypatch.setenv(name, value)
    message = failure(secret_id="AKID", secret_key="key", **({name: value} if name.islower() else {}))
    assert name in message
    assert "hidden" not in message


@pytest.mark.parametrize("name", ["clb.yml", "clb.yaml", "shop.yml", "shop_clb.yml", "shop.clb.json", "shop.CLB.yml"])
@pytest.mark.parametrize("line", ["plugin: {0}", "plugin: '{0}'", 'plugin:   "{0}"  # ours', "---\nplugin: {0}\r"])
def test_a_file_for_this_plugin_with_another_name_is_warned_of(tmp_path, shown, name, line):
    path = tmp_path / name
    path.write_text(f"# the shop\n{line.format(Plugin.NAME)}\nregion: ap-guangzhou\n")
    assert not Plugin().verify_file(str(path))
    end = "which reads only files whose names end with .clb.yml or .clb.yaml. Rename it, for example to shop.clb.yml."
    assert shown == [f"{path} is for the inventory plugin {Plugin.NAME}, {end}"]


@rows("content", b"plugin: other.plugin\n", b"web-1\n", b"\xff\xfe", b"", b"x:\n  plugin: tencentcloud.clb.targets\n")
def test_files_of_others_are_passed_over_in_silence(tmp_path, shown, content):
    (tmp_path / "hosts.yml").write_bytes(content)
    for path in (tmp_path / "hosts.yml", tmp_path):
        assert not Plugin().verify_file(str(path))
    assert shown == []


def test_tags_choose_and_are_in_the_key_of_the_cache(read, region, file, shown):
    plugin = Plugin()
    for identity, env in (("lb-1", "prod"), ("lb-2", "test")):
        region.emulator.cloud.load_balancers[identity].tags = {"env": env}
    for env, hosts in (("prod", {"web-1"}), ("{{ 'test' }}", {"10.9.9.9"}), ("prod", {"web-1"}), ("live", set())):
        assert set(read(plugin, cache=True, load_balancer_tags={"env": env}).hosts) == hosts
    assert region.count("DescribeLoadBalancers") == 4, "one each, and one more for the tags that there are"
    assert [text.startswith(f"{file}: load_balancer_tags: none of the 2 load balancers") for text in shown] == [True]
