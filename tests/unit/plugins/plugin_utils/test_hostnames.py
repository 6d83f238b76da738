# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.inventory.data import InventoryData
from ansible.template import is_trusted_as_template

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._hostnames import Draft, HostNames
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._inventory import Host

from ..builders import rows


def host(*names, instance_id="ins-1", eni_ip=None, public_ips=()):
    variables = {
        "clb_backend": {"eni_ip": eni_ip} if eni_ip else {"instance_id": instance_id},
        "clb_instance_id": None if eni_ip else instance_id, "clb_load_balancer_ids": ["lb-1"],
        "clb_private_ips": ["10.0.0.1"], "clb_public_ips": list(public_ips),
    }  # fmt: skip
    return Host(names, (), variables)


def choose(*hosts, groups=(), there=None):
    return HostNames(hosts, there or {}).choose(groups)


@rows(
    "name",
    *("all", "ungrouped"),
    *("localhost", "LocalHost", "localhost.localdomain", "127.0.0.1", "127.0.0.7", "::1"),
    *("../../x", "a/b", "/etc", ".", ".."),
    *("*", "web*", "web?", "web[0]", "web[a-z]", "!web", "&web", "~web.*"),
    *("@limit", "-oProxyCommand=x", "--help"),
    *("a\nb", "a\tb", "a\x1b[0m", "a\u202eb", "a\u200bb", "a\xa0b", "a\x00b", "\ud800"),
    *("x" * 256, "名" * 86),
)
def test_names_that_mean_something_else(name):
    assert choose(host(name, "ins-1")) == ["ins-1"]


def test_plain_names():
    names = ["web 1", "web.example.com", "Web_1", "名前", "café", "10.0.0.9", "::2", "{{ x }}", "a=b", "x" * 255]
    assert choose(*(host(name, f"ins-{number}") for number, name in enumerate(names))) == names


def test_the_name_of_a_group_is_not_free():
    assert choose(host("TCP_80", "ins-1"), host("web", "ins-2"), groups={"TCP_80", "lb_1"}) == ["ins-1", "web"]
    assert choose(host("web", "ins-1", "ins-1-ap-beijing"), groups={"web", "ins-1"}) == ["ins-1-ap-beijing"]
    with pytest.raises(InvalidArgument, match=r"No name is left for the host 'ins-1': each of 'web', 'ins-1' is"):
        choose(host("web", "ins-1"), groups={"web", "ins-1"})


@rows(
    "name, free",
    *((name, False) for name in ("web-2,x", "x:web-2", "x, TCP_80", "x,!y", "x,all", "static,y")),
    *((name, True) for name in ("x,y", "x, y:80", "web:80")),
)
def test_a_name_that_as_a_pattern_matches_something_else_is_not_free(name, free):
    names = choose(host(name, "ins-1"), host("web-2", "ins-2"), groups={"TCP_80"}, there={"static": {}})
    assert names == [name if free else "ins-1", "web-2"]


INSTANCE = {"clb_backend": {"instance_id": "ins-1"}, "clb_load_balancer_ids": ["lb-9"], "clb_bindings": []}
ADDRESS = {"clb_backend": {"eni_ip": "10.0.0.1"}, "clb_load_balancer_ids": ["lb-1", "lb-2"], "clb_bindings": []}


@rows(
    "theirs, same",
    ({}, True),
    ({"ansible_host": "10.0.0.1"}, True),
    ({"ansible_host": "203.0.113.1"}, True),
    ({"ansible_host": "web.example.com"}, True),
    ({"ansible_host": "10.0.0.2"}, False),
    ({"ansible_host": "2001:db8::1"}, False),
    ({"ansible_connection": "local"}, False),
    ({"clb_backend": {"instance_id": "ins-2"}}, True),
    ({"clb_backend": "{{ x }}", "ansible_host": "10.0.0.2"}, False),
    (INSTANCE, True),
    ({**INSTANCE, "clb_backend": {"instance_id": "ins-2"}}, False),
    (ADDRESS, False),
)
def test_a_host_of_another_source_is_the_same_where_nothing_says_otherwise(theirs, same):
    ours = host("web", "ins-1", public_ips=["203.0.113.1"])
    assert choose(ours, there={"web": theirs}) == ["web" if same else "ins-1"]


@pytest.mark.parametrize("theirs, same", [(ADDRESS, True), ({**ADDRESS, "clb_load_balancer_ids": ["lb-2"]}, False)])
def test_an_address_of_another_source_is_the_same_behind_the_same_load_balancer(theirs, same):
    ours = host("10.0.0.1", "10.0.0.1-vpc-a", eni_ip="10.0.0.1")
    assert choose(ours, there={"10.0.0.1": theirs}) == ["10.0.0.1" if same else "10.0.0.1-vpc-a"]


@pytest.fixture
def inventory():
    """What another source has put there."""
    inventory = InventoryData()
    inventory.current_source = "/inventory/hosts"
    for group in ("web", "site", "empty"):
        inventory.add_group(group)
    inventory.add_host("web-1", "web")
    inventory.set_variable("web-1", "colour", "blue")
    inventory.add_child("site", "web")
    return inventory


def content(inventory):
    """Hosts with their variables, and groups with what is in them."""
    groups = {
        name: ([child.name for child in group.child_groups], [host.name for host in group.hosts])
        for name, group in inventory.groups.items()
    }
    return {name: host.get_vars() for name, host in inventory.hosts.items()}, groups


def test_a_draft_changes_the_inventory_only_when_it_is_applied(inventory):
    before = content(inventory)
    draft = Draft(inventory)
    assert content(draft) == before
    draft.add_group("new")
    draft.add_host("web-2")
    draft.add_child("new", "web-2")
    draft.add_child("site", "new")
    draft.add_host("web-1", "new")
    draft.set_variable("web-1", "colour", "green")
    assert content(inventory) == before
    draft.apply(inventory)
    applied = content(inventory)
    assert applied == content(draft)
    assert applied[0]["web-1"]["colour"] == "green"
    with pytest.raises(AnsibleError, match="loop"):
        draft.add_child("web", "site")
    assert (applied[1]["site"], applied[1]["new"]) == ((["web", "new"], []), ([], ["web-2", "web-1"]))


def trusted(value):
    """The texts in a value that Ansible may evaluate."""
    if isinstance(value, str):
        return [str(value)] if is_trusted_as_template(value) else []
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in trusted(item)]


@rows(
    "value, plain",
    ("web-1", ["web-1"]),
    ("", [""]),
    ("{web} 100% #1 }} %} #}", ["{web} 100% #1 }} %} #}"]),
    *((f"web{start} 7 * 7", []) for start in ("{{", "{%", "{#", "#jinja2:", "{{{", "\n{{")),
    (["a", "{{ b }}", ["c", {"d": "e", "f": "{% g %}"}]], ["a", "c", "e"]),
    ({"{{ a }}": "b"}, []),
    ({"x": {"a{%": ["b"]}, "y": "c"}, ["c"]),
    (("a", "b"), ["a", "b"]),
    ([1, 1.5, True, None], []),
)
def test_only_what_can_not_be_a_template_is_trusted(inventory, value, plain):
    draft = Draft(inventory)
    draft.set_variable("web-1", "new", value)
    draft.set_variables("web-1", {"more": value})
    draft.apply(inventory)
    variables = inventory.get_host("web-1").get_vars()
    for name in ("new", "more"):
        assert variables[name] == (list(value) if isinstance(value, tuple) else value)
        assert trusted(variables[name]) == plain
