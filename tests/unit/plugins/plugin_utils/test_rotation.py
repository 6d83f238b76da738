# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of a host, whose a binding is, what is remembered of it, and the files of the playbook rolling."""

from __future__ import annotations

import contextlib

import pytest

from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _rotation_files
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation import (
    bindings_by_host,
    is_warming,
    parse_host,
    remembered_of,
    scaled,
)
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_read import Stop

from ..builders import rows
from ..rotating import SPEC, Modules, bound, entry, host, play

LB_1, PLACE = {"load_balancer_id": "lb-1"}, {"listener_id": "lbl-1", "port": 80}


def test_the_defaults_are_those_of_the_spec():
    read = host()
    assert (read.problems, read.selectors) == ((), [{"instance_id": "ins-web1"}])
    for name, option in SPEC.items():
        field = name.removeprefix("clb_")
        if "default" in option and hasattr(read, field) and field != "restore_file":
            default = option["default"]
            assert getattr(read, field) == (tuple(default) if isinstance(default, list) else default)


@rows(
    "variables, selectors",
    ({"load_balancer_id": "lb-2"}, ["lb-2"]),
    ({"load_balancer_ids": ["lb-1", "lb-2"]}, ["lb-1", "lb-2"]),
    # The inventory plugin sets the second one; a group that names one load balancer means this one.
    ({"load_balancer_id": "lb-2", "load_balancer_ids": ["lb-1", "lb-2"]}, ["lb-2"]),
)
def test_a_host_leaves_the_load_balancers_that_it_names(variables, selectors):
    assert [one["load_balancer_id"] for one in host(**variables).selectors] == selectors


@rows(
    "backend, variables, words",
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
    (None, {"warm_up": [50, 10]}, "clb_warm_up is [50, 10]; give rising whole numbers"),
    (None, {"warm_up": [0, 10]}, "clb_warm_up"),
    (None, {"warm_up": [100]}, "clb_warm_up"),
    (None, {"load_balancer_id": ""}, "clb_load_balancer_id is empty"),
    (None, {"load_balancer_ids": []}, "clb_load_balancer_ids is empty"),
    (None, {"load_balancer_ids": ["lb-1", " "]}, "clb_load_balancer_ids is empty"),
    (None, {"listeners": [PLACE]}, "for which load balancer"),
    (None, {"listeners": [{"protocol": "HTTP", "rules": ["x"]}]}, "clb_listeners: tencentcloud.clb.bind: rules[0]"),
    (None, {**LB_1, "listeners": [{"listener_id": "lbl-1"}]}, "port is missing"),
    (None, {**LB_1, "listeners": [{"port": 80}]}, "no listener is named"),
    (None, {**LB_1, "listeners": [{**PLACE, "weight": 0}]}, "weight 0"),
    ({"instance_id": "ins-1", "weight": "0"}, {}, "weight 0"),
    ({"instance_id": "ins-1", "weight": 101}, {**LB_1, "listeners": [PLACE]}, "weight 101 is not a whole number"),
)
def test_what_is_wrong_with_the_variables_of_a_host_is_said_with_its_name(backend, variables, words):
    problems = host(backend=backend, **variables).problems
    assert words in " ".join(problems)
    assert all(problem.startswith("web1: ") and problem.endswith(".") for problem in problems)


def test_a_host_without_a_backend_is_named():
    host = parse_host("web3", {"clb_backend": None, "clb_restore_file": "/r.json"}, SPEC)
    assert host.problems == ("web3: missing required arguments: clb_backend.",)


@rows(
    "backend, binding, is_its",
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
)
def test_hosts_and_bindings_are_matched_as_the_module_does(backend, binding, is_its):
    assert bool(bindings_by_host([host(backend=backend)], [bound(**binding)])["web1"]) is is_its


def test_a_host_has_only_what_is_bound_on_its_load_balancers():
    bindings = [bound("ins-web1"), bound("ins-web1", load_balancer_id="lb-2")]
    assert bindings_by_host([host(load_balancer_id="lb-2")], bindings) == {"web1": bindings[1:]}


def test_what_is_remembered_of_a_host_is_found_by_every_name_of_its_backend():
    address = bound(None, weight=0, eni_ip="2001:db8::1")
    instance = bound("ins-2", weight=0, private_ips=["10.0.0.2"])
    remembered = [entry(address, 30), entry(instance, 20), entry(bound("ins-9"), 40)]
    assert remembered_of(host(backend={"eni_ip": "2001:DB8::0:1"}), [], remembered) == remembered[:1]
    assert remembered_of(host(backend={"eni_ip": "10.0.0.2"}), [instance], remembered) == remembered[1:2]
    assert remembered_of(host(backend={"instance_id": "ins-2", "port": 81}), [], remembered) == []


@pytest.mark.parametrize("weight, share, part", [(10, 25, 3), (10, 1, 1), (100, 33, 33), ("20", 50, 10), (1, 99, 1)])
def test_a_share_is_rounded_and_at_least_1(weight, share, part):
    assert scaled(weight, share) == part


@pytest.mark.parametrize("weight, left", [(0, False), (5, True), (2, True), (10, False), (7, False)])
def test_a_share_that_a_killed_warm_up_has_left_is_known(weight, left):
    assert is_warming(host(warm_up=[20, 50]), {"weight": 10}, weight) is left
    assert not is_warming(host(), {"weight": 10}, weight)
    assert not is_warming(host(warm_up=[20, 50]), {}, weight)


@rows(
    "more, inventory, matched, words",
    ({}, {}, ["web1"], None),
    ({"clb_batch": 0}, {}, ["web1"], "clb_batch is 0; give a number of hosts from 1"),
    ({"clb_hosts": "shop"}, {}, [], "No host matches clb_hosts shop within --limit web1; check the pattern"),
    ({}, {"clb_batch": 2, "clb_hosts": "web1"}, ["web1"], r"clb_batch, clb_hosts can't be set in the inventory"),
    ({}, {"clb_update": None}, ["web1"], "clb_update is not given"),
    ({}, {"clb_update": "missing.yml"}, ["web1"], "missing.yml is no file"),
    ({}, {"clb_update": "/dev/null"}, [], "No host matches"),
)
def test_what_the_playbook_needs_before_there_are_hosts(tmp_path, more, inventory, matched, words):
    (tmp_path / "update.yml").write_text("- name: Nothing\n  meta: noop\n")
    variables = {"clb_update": str(tmp_path / "update.yml"), **inventory}
    modules = Modules(current=play({"web1": variables, "web2": {}}))
    options = {"clb_batch": "25%", "clb_handlers": "", "clb_hosts": "all", **more}

    stops = contextlib.nullcontext() if words is None else pytest.raises(Stop, match=f"{words}.* No host was drained")
    with stops:
        assert _rotation_files.asked(modules, given=options, matched=matched, limit="web1") == {}


TASKS = """
- name: Copy
  copy: {dest: /x, content: y}
  notify: %s
"""


@rows(
    "tasks, handlers, lacking",
    ("- name: Nothing\n  meta: noop\n", None, None),
    (TASKS % "Restart", None, "'Restart'"),
    (TASKS % "Restart", "- name: Restart\n  meta: noop\n", None),
    (TASKS % "Restart", "- name: Other\n  listen: [Restart, More]\n  meta: noop\n", None),
    (TASKS % "Restart", "- name: Other\n  meta: noop\n", "'Restart'"),
    (TASKS % "[Restart, Reload]", "- name: Restart\n  meta: noop\n", "'Reload'"),
    (TASKS % '"{{ service }}"', None, None),
    (TASKS % "Restart", '- name: "{{ service }}"\n  meta: noop\n', None),
    ("- block: [{block: [], rescue: [{meta: noop, notify: Restart}]}]\n", None, "'Restart'"),
    ("- block: []\n  notify: Restart\n", None, "'Restart'"),
    ("- import_tasks: more.yml\n", None, "'More'"),
    ("- ansible.builtin.include_tasks: {file: more.yml}\n", None, "'More'"),
    ('- include_tasks: "{{ other }}.yml"\n', None, None),
    ("- include_tasks: missing.yml\n", None, None),
    ("- include_role: {name: web}\n" + TASKS % "Restart", None, None),
    ("- broken: [\n", None, None),
    (TASKS % "Restart", "- broken: [\n", None),
    (TASKS % "More", "- import_tasks: handlers2.yml\n", None),
    (TASKS % "Restart", "- import_tasks: handlers2.yml\n", "'Restart'"),
    ("just text\n", None, None),
    ("- just text\n", None, None),
)
def test_every_notify_needs_a_handler(tmp_path, tasks, handlers, lacking):
    files = {
        "update.yml": tasks, "more.yml": TASKS % "More" + "- import_tasks: update.yml\n",
        "handlers2.yml": "- name: More\n  meta: noop\n", "handlers.yml": handlers or "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    handler_file = None if handlers is None else tmp_path / "handlers.yml"
    problems = _rotation_files.check_files(tmp_path / "update.yml", handler_file)
    assert (lacking in " ".join(problems)) if lacking else not problems
