# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import itertools

import pytest
from ansible.errors import AnsibleError
from ansible.inventory.data import InventoryData
from ansible.template import is_trusted_as_template
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _inventory
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._hostnames import Draft, HostNames
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._inventory import make_groups

from ..builders import rows, target, tcp
from ..fake_region import API, SHOP, FakeRegion, read_regions


def hosts(*regions, hostnames=tuple(_inventory.HOSTNAMES), ansible_host="private_ip", **what):
    """Name -> host."""
    balancers = read_regions(*regions, **what).balancers
    made = _inventory.make_hosts(balancers, make_groups(balancers), hostnames, ansible_host)
    names = HostNames(made, {}).choose(())
    assert len(set(names)) == len(made)
    return dict(zip(names, made, strict=True))


@pytest.fixture
def region():
    return FakeRegion({"lb-1": SHOP, "lb-2": API}, health={"stopped_listeners": ["lbl-9"]})


def test_groups_by_id_and_by_name(region):
    assert set(make_groups(read_regions(region).balancers).edges) == {
        *{("clb_shop", "lb_1"), ("lb_1", "lbl_1"), ("lb_1", "lbl_2"), ("lb_1", "lbl_3")},
        *{("TCP_443", "lbl_1"), ("HTTP_80", "lbl_2"), ("UDP_8000_8010", "lbl_3")},
        *{("lbl_2", "loc_1"), ("HTTP_80_shop_example_com", "loc_1")},
        *{("lbl_2", "loc_2"), ("HTTP_80___example_com_v1", "loc_2")},
        *{("clb_api", "lb_2"), ("lb_2", "lbl_9"), ("TCP_443", "lbl_9")},
    }


def balancer(identity, name, *rules):
    """A load balancer with an HTTP listener for each rule, which is a domain and a URL."""
    listeners = [
        {"listener_id": f"lbl-{identity}-{number}", "protocol": "HTTP", "port": 80, "end_port": None}
        | {"rules": [{"location_id": f"loc-{identity}-{number}", "domain": domain, "url": url}]}
        for number, (domain, url) in enumerate(rules)
    ]
    return {"load_balancer_id": identity, "load_balancer_name": name, "listeners": listeners}


@rows(
    "balancers, groups, words",
    (
        [balancer("lb-1", "shop-a"), balancer("lb-2", "shop_a")],
        {"clb_shop_a_lb_1": ["lb_1"], "clb_shop_a_lb_2": ["lb_2"]},
        ["'shop-a' (lb-1), 'shop_a' (lb-2) can't have the group clb_shop_a,", "clb_shop_a_lb_1, clb_shop_a_lb_2."],
    ),
    ([balancer("lb-1", "shop-a"), balancer("lb-2", "shop-a")], {"clb_shop_a": ["lb_1", "lb_2"]}, []),
    (
        [balancer("lb-1", "a-b"), balancer("lb-2", "a-b"), balancer("lb-3", "a b"), balancer("lb-4", "a.b.")],
        {"clb_a_b_lb_1": ["lb_1"], "clb_a_b_lb_2": ["lb_2"], "clb_a_b_lb_3": ["lb_3"], "clb_a_b_": ["lb_4"]},
        ["'a-b' (lb-1, lb-2), 'a b' (lb-3) can't"],
    ),
    # The names that are made have to be free as well.
    (
        [balancer("lb-1", "a-b"), balancer("lb-2", "a_b"), balancer("lb-3", "a_b_lb_1")],
        {"clb_a_b_lb_1_2": ["lb_1"], "clb_a_b_lb_2": ["lb_2"], "clb_a_b_lb_1": ["lb_3"]},
        ["'a-b' (lb-1), 'a_b' (lb-2) can't"],
    ),
    ([balancer("clb-x", "x")], {"clb_x_clb_x": ["clb_x"]}, ["'x' (clb-x) can't have the group clb_x,"]),
    ([balancer("all", "a")], {"clb_a": ["all_2"]}, []),
    ([balancer("lb-1", "a"), balancer("lb_1", "b")], {"clb_a": ["lb_1"], "clb_b": ["lb_1_2"]}, []),
    (
        [balancer("lb-1", "a", ("x.example.com", "/"), ("x-example.com", "/"))],
        {f"HTTP_80_x_example_com_loc_lb_1_{n}": [f"loc_lb_1_{n}"] for n in (0, 1)}
        | {"HTTP_80": ["lbl_lb_1_0", "lbl_lb_1_1"]},
        ["'HTTP_80_x.example.com/' (loc-lb-1-0), 'HTTP_80_x-example.com/' (loc-lb-1-1) can't"],
    ),
    (
        [balancer("lb-1", "a", ("x.y", "/v1"), ("x.y", "/v1/"), ("x.y", "/"))],
        {**{f"HTTP_80_x_y_v1_loc_lb_1_{n}": [f"loc_lb_1_{n}"] for n in (0, 1)}, "HTTP_80_x_y": ["loc_lb_1_2"]},
        ["'HTTP_80_x.y/v1' (loc-lb-1-0), 'HTTP_80_x.y/v1/' (loc-lb-1-1) can't"],
    ),
    (
        [balancer(f"lb-{number}", f"a{mark}b") for number, mark in enumerate("-. :;,+=")],
        {f"clb_a_b_lb_{number}": [f"lb_{number}"] for number in range(8)},
        ["and 3 more can't"],
    ),
)
def test_different_names_never_share_a_group(balancers, groups, words):
    made = make_groups(balancers)
    found = {outer: [inner for other, inner in made.edges if other == outer] for outer, _ in made.edges}
    assert {name: found[name] for name in groups} == groups
    assert len(made.warnings) == bool(words)
    assert not [word for word in words if word not in made.warnings[0]]


@given(st.lists(st.text("ab-_ \U0001f34e", max_size=3), max_size=6), st.sampled_from(["lb-", "lb_", "clb_"]))
def test_each_load_balancer_is_in_one_group_of_its_name_and_of_no_other(names, prefix):
    balancers = [balancer(f"{prefix}{number}", name) for number, name in enumerate(names)]
    made = make_groups(balancers)
    outers = {inner: outer for outer, inner in made.edges}
    assert len(made.edges) == len(outers) == len(names)
    assert outers.keys().isdisjoint(outers.values())
    of_name = [outers[f"{prefix.replace('-', '_')}{number}"] for number in range(len(names))]
    for one, other in itertools.combinations(range(len(names)), 2):
        assert of_name[one] != of_name[other] or names[one] == names[other]


def test_variables(region):
    variables = dict(hosts(region, health=True)["web-1"].variables)
    bindings = variables.pop("clb_bindings")
    assert variables == {
        "ansible_host": "10.1.0.1", "clb_backend": {"instance_id": "ins-1"}, "clb_healthy": False,
        "clb_instance_id": "ins-1", "clb_instance_name": "web-1", "clb_load_balancer_ids": ["lb-1", "lb-2"],
        "clb_private_ips": ["10.1.0.1"], "clb_public_ips": ["203.0.113.1"], "clb_tags": ["blue", "green"],
        "clb_type": "CVM", "clb_weight": 20, "clb_zone": "z-3",
    }  # fmt: skip
    assert [(one["load_balancer_id"], one["port"], one["healthy"]) for one in bindings] == [
        ("lb-1", 8443, True),
        ("lb-1", 80, True),
        ("lb-2", 9443, False),
    ]
    assert bindings[1] == {
        "load_balancer_id": "lb-1", "load_balancer_name": "shop", "region": "ap-guangzhou", "listener_id": "lbl-2",
        "listener_protocol": "HTTP", "listener_port": 80, "location_id": "loc-1", "domain": "shop.example.com",
        "url": "/", "instance_id": "ins-1", "eni_ip": None, "port": 80, "weight": 20, "tag": "blue", "healthy": True,
        "health_status": "Alive",
    }  # fmt: skip
    assert {host.variables["clb_healthy"] for host in hosts(region).values()} == {None}


def test_a_host_with_many_bindings_appears_once_with_valid_entries_of_targets(region):
    found = hosts(region)
    assert {name: host.groups for name, host in found.items()} == {
        "web-1": ("lbl_1", "loc_1", "lbl_9"), "10.9.9.9": ("lbl_1",), "ins-2": ("loc_2",),
    }  # fmt: skip
    for host in found.values():
        assert parse_entries(host.variables["clb_bindings"], selectors=False)
        assert parse_entries([host.variables["clb_backend"]], selectors=True)


PRIVATE = {"web-1": "10.1.0.1", "10.9.9.9": "10.9.9.9", "ins-2": "10.1.0.2"}


@rows("ansible_host, addresses", ("private_ip", PRIVATE), ("public_ip", {"web-1": "203.0.113.1"}), ("none", {}))
def test_ansible_host(region, ansible_host, addresses):
    found = {name: host.variables for name, host in hosts(region, ansible_host=ansible_host).items()}
    assert {name: own["ansible_host"] for name, own in found.items() if "ansible_host" in own} == addresses


def test_a_host_is_reached_at_its_own_address_of_an_interface(region):
    balancers = read_regions(region).balancers
    (bound,) = (one for balancer in balancers for one in balancer["targets"] if one["eni_ip"])
    bound["private_ips"] = ["10.9.9.8", bound["eni_ip"]]
    made = _inventory.make_hosts(balancers, make_groups(balancers), ["address"], "private_ip")
    assert {host.variables["ansible_host"] for host in made} == set(PRIVATE.values())


def test_what_is_missing_from_one_binding_of_a_host_is_taken_from_another(region):
    balancers = read_regions(region).balancers
    expected = _inventory.make_hosts(balancers, make_groups(balancers), ["instance_name"], "private_ip")
    first = next(one for one in balancers[0]["targets"] if one["instance_name"] == "web-1")
    first.update(instance_name=None, private_ips=[], public_ips=[], zone=None)
    assert _inventory.make_hosts(balancers, make_groups(balancers), ["instance_name"], "private_ip") == expected


@rows(
    "hostnames, names",
    (["instance_name", "instance_id", "address"], {"web-1", "10.9.9.9", "ins-2"}),
    (["instance_id"], {"ins-1", "10.9.9.9", "ins-2"}),
    (["address"], {"10.1.0.1", "10.9.9.9", "10.1.0.2"}),
    (["instance_name", "address"], {"web-1", "10.9.9.9", "10.1.0.2"}),
    ([], {"ins-1", "10.9.9.9", "ins-2"}),
)
def test_hostnames(region, hostnames, names):
    assert set(hosts(region, hostnames=hostnames)) == names


def test_hosts_that_share_a_name_are_called_by_the_next_one():
    named = [target("ins-1", InstanceName="web"), target("ins-2", InstanceName="web"), target("10.9.9.9")]
    # The name of one is the ID of another.
    named += [target("ins-3", InstanceName="ins-1"), target("ins-4", InstanceName=" ")]
    region = FakeRegion({"lb-1": ("shop", [tcp("lbl-1", 443, *named)])})
    assert {name: host.variables["clb_backend"] for name, host in hosts(region).items()} == {
        "10.1.0.1": {"instance_id": "ins-1"},
        **{f"ins-{number}": {"instance_id": f"ins-{number}"} for number in (2, 3, 4)},
        "10.9.9.9": {"eni_ip": "10.9.9.9"},
    }
    # Where each is called like the ID of the next one, each has a name of its own.
    named = [target(f"ins-{number}", InstanceName=f"ins-{number + 1}") for number in range(1, 300)]
    assert len(hosts(FakeRegion({"lb-1": ("shop", [tcp("lbl-1", 443, *named)])}))) == 299


@rows(
    "backend, vpcs, groups",
    ("10.0.0.5", ["vpc-a", "vpc-b"], {"10.0.0.5-vpc-a": ("lbl_1",), "10.0.0.5-vpc-b": ("lbl_2",)}),
    ("2001:db8::5", ["vpc-a", "vpc-b"], {"2001-db8--5-vpc-a": ("lbl_1",), "2001-db8--5-vpc-b": ("lbl_2",)}),
    ("10.0.0.5", ["vpc-a", "vpc-a"], {"10.0.0.5": ("lbl_1", "lbl_2")}),
    ("10.0.0.5", [], {"10.0.0.5": ("lbl_1", "lbl_2")}),
    ("ins-1", ["vpc-a", "vpc-b"], {"ins-1": ("lbl_1", "lbl_2")}),
)
def test_an_address_is_one_host_in_each_vpc_and_an_instance_is_one_anywhere(backend, vpcs, groups):
    balancers = {f"lb-{n}": (f"n{n}", [tcp(f"lbl-{n}", 443, target(backend))]) for n in (1, 2)}
    found = hosts(FakeRegion(balancers, own={one: {"vpc_id": vpc} for one, vpc in zip(balancers, vpcs)}))
    assert {name: host.groups for name, host in found.items()} == groups
    own = next(iter(found.values())).variables
    assert own["ansible_host"] == ("10.1.0.1" if backend == "ins-1" else backend)
    assert own["clb_load_balancer_ids"] == ["lb-1", "lb-2"][: 3 - len(groups)]


def test_backends_of_several_regions():
    bound = (target("10.0.0.5"), target("ins-1"))
    south = FakeRegion({"lb-1": ("a", [tcp("lbl-1", 443, *bound)])}, "ap-guangzhou")
    north = FakeRegion({"lb-2": ("b", [tcp("lbl-2", 443, *bound)])}, "ap-beijing")
    found = hosts(south, north)
    assert set(found) == {"10.0.0.5-ap-guangzhou", "10.0.0.5-ap-beijing", "ins-1"}
    assert [one["region"] for one in found["ins-1"].variables["clb_bindings"]] == ["ap-guangzhou", "ap-beijing"]


def host(*names, instance_id="ins-1", eni_ip=None, public_ips=()):
    variables = {
        "clb_backend": {"eni_ip": eni_ip} if eni_ip else {"instance_id": instance_id},
        "clb_instance_id": None if eni_ip else instance_id, "clb_load_balancer_ids": ["lb-1"],
        "clb_private_ips": ["10.0.0.1"], "clb_public_ips": list(public_ips),
    }  # fmt: skip
    return _inventory.Host(names, (), variables)


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
    ({"clb_bindings": [], "clb_backend": {"instance_id": "ins-1"}}, True),
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
    ({"{{ a }}": "b", "c": "d"}, []),
    ({"x": {"a{%": ["b"]}, "y": "c"}, ["c"]),
    (("a", "b"), ["a", "b"]),
    ([1, 1.5, True, None], []),
)
def test_only_what_can_not_be_a_template_is_trusted(inventory, value, plain):
    draft = Draft(inventory)
    draft.set_variable("web-1", "new", value)
    draft.apply(inventory)
    set_to = inventory.get_host("web-1").get_vars()["new"]
    assert set_to == (list(value) if isinstance(value, tuple) else value)
    assert trusted(set_to) == plain
