# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose a binding is, what is remembered, and what brings a host back."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.tencentcloud.clb.plugins.filter.rotation import STEPS, rotation

from ..rotating import ROOT, SPEC, bound, entry, host


def test_the_defaults_are_those_of_the_spec():
    read = host()

    assert read["problems"] == []
    assert {key: read[key] for key in ("min_healthy", "drain_timeout", "drain_on_timeout", "batch")} == {
        "min_healthy": 0,
        "drain_timeout": 300,
        "drain_on_timeout": "continue",
        "batch": 1,
    }
    assert read["selectors"] == [{"instance_id": "ins-web1"}]


@pytest.mark.parametrize(
    "variables, selectors",
    [
        ({"load_balancer_id": "lb-2"}, ["lb-2"]),
        ({"load_balancer_ids": ["lb-1", "lb-2"]}, ["lb-1", "lb-2"]),
        # The inventory plugin sets the second one; a group that names one load balancer means this one.
        ({"load_balancer_id": "lb-2", "load_balancer_ids": ["lb-1", "lb-2"]}, ["lb-2"]),
    ],
)
def test_a_host_leaves_the_load_balancers_that_it_names(variables, selectors):
    assert [one["load_balancer_id"] for one in host(**variables)["selectors"]] == selectors


@pytest.mark.parametrize(
    "backend, variables, words",
    [
        ({}, {}, "names no backend"),
        ({"instance_id": None}, {}, "names no backend"),
        ({"instance_id": "ins-1", "eni_ip": "10.0.0.1"}, {}, "exactly one"),
        ({"eni_ip": "10.0.0"}, {}, "not an IP address"),
        ("ins-1", {}, "clb_backend"),
        (None, {"min_healthy": "many"}, "clb_min_healthy"),
        (None, {"min_healthy": -1}, "clb_min_healthy -1 is too small"),
        (None, {"wait_timeout": 0}, "clb_wait_timeout 0 is too small"),
        (None, {"drain_on_timeout": "stop"}, "clb_drain_on_timeout"),
        (None, {"drain_ignore": ["10.0.0.0/8"]}, "ranges"),
        (None, {"listeners": [{"listener_id": "lbl-1", "port": 80}]}, "for which load balancer"),
        (None, {"load_balancer_id": "lb-1", "listeners": [{"listener_id": "lbl-1"}]}, "port is missing"),
        (None, {"load_balancer_id": "lb-1", "listeners": [{"port": 80}]}, "no listener is named"),
        (
            None,
            {"load_balancer_id": "lb-1", "listeners": [{"listener_id": "lbl-1", "port": 80, "weight": 0}]},
            "weight 0",
        ),
        ({"instance_id": "ins-1", "weight": 0}, {}, "weight 0"),
        ({"instance_id": "ins-1", "weight": "0"}, {}, "weight 0"),
        (
            {"instance_id": "ins-1", "weight": 101},
            {"load_balancer_id": "lb-1", "listeners": [{"listener_id": "lbl-1", "port": 80}]},
            "weight 101 is not a whole number from 0 to 100",
        ),
    ],
)
def test_what_is_wrong_with_the_variables_of_a_host_is_said_with_its_name(backend, variables, words):
    problems = host(backend=backend, **variables)["problems"]

    assert words in " ".join(problems)
    assert all(problem.startswith("web1: ") and problem.endswith(".") for problem in problems)


def test_a_host_without_a_backend_is_named():
    (problem,) = rotation("web3", "host", {"clb_backend": None}, SPEC)["problems"]

    assert problem == "web3: missing required arguments: clb_backend."


@pytest.mark.parametrize(
    "backend, binding, is_its",
    [
        ({"instance_id": "ins-1"}, {"instance_id": "ins-1"}, True),
        ({"instance_id": "ins-1"}, {"instance_id": "ins-10"}, False),
        ({"eni_ip": "10.0.0.1"}, {"instance_id": "ins-1", "private_ips": ["10.0.0.1"]}, True),
        # Only the primary address of an instance stands for it.
        ({"eni_ip": "10.0.0.2"}, {"instance_id": "ins-1", "private_ips": ["10.0.0.1", "10.0.0.2"]}, False),
        ({"eni_ip": "10.0.0.2"}, {"eni_ip": "10.0.0.1", "private_ips": ["10.0.0.1", "10.0.0.2"]}, True),
        ({"ip": "2001:DB8:0::1"}, {"eni_ip": "2001:db8::1"}, True),
        ({"eni_ip": "2001:db8::1"}, {"eni_ip": "2001:0db8:0000:0000:0000:0000:0000:0001"}, True),
        ({"instance_id": "ins-1", "port": 80}, {"instance_id": "ins-1"}, True),
        ({"instance_id": "ins-1", "port": "81"}, {"instance_id": "ins-1"}, False),
    ],
)
def test_hosts_and_bindings_are_matched_as_the_module_does(backend, binding, is_its):
    plan = rotation([host(backend=backend)], "out", [bound(**binding)], [])

    assert bool(plan["parts"]) is is_its
    assert plan["ports"] == {"web1": [80] if is_its else []}
    assert bool(plan["problems"]) is not is_its


def test_each_host_leaves_its_own_load_balancers_under_its_own_guard():
    hosts = [host("a", load_balancer_id="lb-1", min_healthy=3), host("b", load_balancer_id="lb-2", min_healthy=1)]
    bindings = [bound("ins-a"), bound("ins-b", load_balancer_id="lb-2"), bound("ins-b", load_balancer_id="lb-1")]

    plan = rotation(hosts, "out", bindings, [])

    assert plan["parts"] == [
        {"min_healthy": 3, "wait_timeout": 300, "targets": [{"instance_id": "ins-a", "load_balancer_id": "lb-1"}]},
        {"min_healthy": 1, "wait_timeout": 300, "targets": [{"instance_id": "ins-b", "load_balancer_id": "lb-2"}]},
    ]


@pytest.mark.parametrize(
    "variables, where",
    [({}, "any load balancer of the region"), ({"load_balancer_ids": ["lb-1", "lb-2"]}, "to lb-1, lb-2;")],
)
def test_a_host_that_is_bound_nowhere_can_not_leave(variables, where):
    (problem,) = rotation([host(**variables)], "out", [], [])["problems"]

    assert problem.startswith("web1: ins-web1 is not bound")
    assert where in problem


def test_a_host_that_is_to_be_bound_or_is_remembered_need_not_be_bound():
    listeners = [{"listener_id": "lbl-1", "port": 80}]
    hosts = [host("new", load_balancer_id="lb-1", listeners=listeners), host("old")]

    assert rotation(hosts, "out", [], [entry(bound("ins-old"))])["problems"] == []


def test_what_serves_now_replaces_what_was_remembered_and_the_rest_is_kept():
    first, second = bound("ins-1"), bound("ins-2")
    old = [entry(first, weight=10), entry(second, weight=20)]

    merged = rotation(old, "merge", [entry(first, weight=30)])

    assert merged == [entry(first, weight=30), entry(second, weight=20)]
    assert rotation(merged, "without", [first]) == [entry(second, weight=20)]


def test_a_host_comes_back_with_what_is_remembered_of_it():
    address = bound(None, weight=0, eni_ip="2001:db8::1")
    instance = bound("ins-2", weight=0, private_ips=["10.0.0.2"])
    remembered = [entry(address, 30), entry(instance, 20), entry(bound("ins-9"), 40)]
    hosts = [host("a", backend={"eni_ip": "2001:DB8::0:1"}), host("b", backend={"eni_ip": "10.0.0.2"})]

    way = rotation(hosts, "back", [address, instance], remembered)

    assert way["targets"] == way["done"] == remembered[:2]


def test_a_binding_that_is_gone_meanwhile_is_remembered_by_its_name():
    remembered = [entry(bound("ins-web1"), 20)]

    assert rotation([host()], "back", [], remembered)["targets"] == remembered


def test_listeners_add_what_nothing_is_remembered_of():
    listeners = [
        {"listener_port": 443, "listener_protocol": "tcp", "port": 80, "weight": 5},
        {"listener_port": 80, "domain": "Shop.example.com", "url": "/", "port": 80},
        {"listener_port": 80, "domain": "shop.example.com", "url": "/new", "port": 80},
    ]
    rule = {"listener_id": "lbl-2", "listener_port": 80, "listener_protocol": "HTTP", "location_id": "loc-1"}
    layer4 = bound("ins-web1", weight=0)
    layer7 = bound("ins-web1", weight=0, domain="shop.example.com", url="/", **rule)
    remembered = [entry(layer4, 30), entry(layer7, 40)]

    way = rotation([host(load_balancer_id="lb-1", listeners=listeners)], "back", [layer4, layer7], remembered)

    assert way["targets"][:2] == remembered
    assert [one["url"] for one in way["targets"][2:]] == ["/new"]
    assert way["targets"][2]["load_balancer_id"] == "lb-1"


def test_listeners_hold_for_each_load_balancer_and_a_backend_knows_better():
    listeners = [{"listener_port": 443, "port": 80, "weight": 5}]
    backend = {"instance_id": "ins-1", "weight": 7}
    named = host(backend=backend, load_balancer_ids=["lb-1", "lb-2"], listeners=listeners)

    assert [(one["load_balancer_id"], one["weight"]) for one in named["wanted"]] == [("lb-1", 7), ("lb-2", 7)]


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "is not valid JSON"),
        ("[{", "is not valid JSON"),
        ("{}", "does not hold a JSON list"),
        ("[1]", "does not hold a JSON list"),
        ('[{"instance_id": "ins-1"}]', "can't be used"),
        (json.dumps([{"listener_id": "lbl-1", "instance_id": "ins-1", "port": 80}]), "no load_balancer_id"),
    ],
)
def test_a_broken_restore_file_is_named(text, words):
    with pytest.raises(AnsibleFilterError, match=r"The restore file /r\.json .*") as caught:
        rotation(text, "parse", "/r.json")

    assert words in str(caught.value)


def test_a_restore_file_holds_what_goes_back_into_the_module():
    entries = [entry(bound("ins-1"), 20), entry(bound(None, eni_ip="10.0.0.1"), 5)]

    assert rotation(json.dumps(entries), "parse", "/r.json") == entries


def test_a_step_that_does_not_exist_is_named_with_those_that_do():
    with pytest.raises(AnsibleFilterError, match="'in' is no step; the steps are answers, back"):
        rotation([], "in")

    documented = yaml.safe_load((ROOT / "plugins/filter/rotation.yml").read_text())
    assert documented["DOCUMENTATION"]["options"]["step"]["choices"] == sorted(STEPS)
