# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import inspect
from importlib import import_module

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.tencentcloud.clb.plugins.filter.bind import FilterModule
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.resolve import resolve_desired
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.balancers import Balancer
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.info import describe_balancer

from ..builders import http, rows, rule, snapshot, target, tcp

bind = FilterModule().filters()["bind"]

WEB_8080 = {"instance_id": "ins-9", "port": 8080}
WEB = [{"instance_id": "ins-1"}, {"eni_ip": "10.9.9.9"}]
TCP = {"listener_id": "lbl-1", "port": 8443}
RULE = {"domain": "a.example.com", "url": "/", "port": 80}


def test_every_backend_on_every_listener_backend_by_backend():
    pairs = [(listener, backend) for backend in WEB for listener in (TCP, RULE)]
    assert bind(WEB, [TCP, RULE]) == [{**listener, **backend} for listener, backend in pairs]


@rows(
    "backend, listener, expected",
    ({"weight": 5}, {"weight": 10}, {"weight": 5}),
    ({"weight": 0}, {"weight": 10}, {"weight": 0}),
    ({"tag": ""}, {"tag": "blue"}, {"tag": ""}),
    ({"weight": None}, {"weight": 10}, {"weight": 10}),
    ({"weight": None}, {}, {"weight": None}),
    ({"weight": 5}, {"weight": None}, {"weight": 5}),
    ({"port": 1}, {"port": 2, "listener_port": 3}, {"port": 1, "listener_port": 3}),
    # No entry of a result: the module says that listener_protocol is meant.
    ({}, {"listener_port": 3, "protocol": "TCP"}, {"listener_port": 3, "protocol": "TCP"}),
)
def test_a_backends_value_wins_unless_it_is_null(backend, listener, expected):
    assert bind([backend], [listener]) == [expected]


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_anything_that_yields_dicts_will_do_and_stays_as_it_was(kind):
    backends, listeners = [dict(one) for one in WEB], [dict(TCP), dict(RULE)]
    entries = bind(kind(backends), kind(listeners))
    entries[0]["weight"] = 1
    assert (len(entries), backends, listeners) == (4, WEB, [TCP, RULE])
    assert bind(kind([]), kind(listeners)) == bind(kind(backends), kind([])) == []


def test_entries_of_a_results_listeners_stand_for_the_places_that_they_describe():
    bound = snapshot(
        tcp("lbl-1", 443, target("ins-1", 8443)),
        http("lbl-2", 80, rule("loc-1", "a.example.com", target("ins-1")), rule("loc-2", "b.example.com", url="/b")),
    )
    info = describe_balancer(Balancer("lb-1", snapshot=bound), selects=False)
    entries = bind([{**WEB_8080, "weight": 3}], info.listeners)
    wanted = resolve_desired(parse_entries(entries, selectors=False), bound)
    pools = (("lbl-1", None), ("lbl-2", "loc-1"), ("lbl-2", "loc-2"))
    found = [(one.pool.key, one.backend.address, one.port, one.weight) for one in wanted]
    assert found == [(key, "ins-9", 8080, 3) for key in pools]


HTTP_80 = {"listener_id": "lbl-2", "protocol": "HTTP", "port": 80}
LOC_1 = {"location_id": "loc-1", "domain": "a.example.com", "url": "/"}


def test_an_entry_of_the_module_targets_listeners():
    reported = {**HTTP_80, **LOC_1, "status": "changed", "registered": 1, "bound": 3, "message": None}
    expected = {"listener_id": "lbl-2", **LOC_1, "listener_protocol": "HTTP", "listener_port": 80, **WEB_8080}
    assert bind([WEB_8080], [reported]) == [expected]


def test_listeners_of_several_load_balancers_keep_theirs():
    first = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "protocol": "TCP", "port": 443, "rules": []}
    entries = bind([WEB_8080], [first, {**HTTP_80, "load_balancer_id": "lb-2", "rules": [LOC_1]}])
    found = [(entry["load_balancer_id"], entry["listener_id"], entry["location_id"]) for entry in entries]
    assert found == [("lb-1", "lbl-1", None), ("lb-2", "lbl-2", "loc-1")]
    assert parse_entries(entries, selectors=False)


@rows(
    "backends, listeners, words",
    ("ins-1", [TCP], "backends must be a list of dicts; it is the str 'ins-1'."),
    (["ins-1"], [TCP], "backends[0] must be a dict; it is the str 'ins-1'."),
    (WEB, [TCP, None], "listeners[1] must be a dict; it is the NoneType None."),
    (WEB, TCP, "listeners must be a list of dicts; it is the dict {'listener_id': 'lbl-1', 'port': 8443}."),
    (None, [TCP], "backends must be a list of dicts; it is the NoneType None."),
    (WEB, 443, "listeners must be a list of dicts; it is the int 443."),
    (b"ins-1", [TCP], "backends must be a list of dicts; it is the bytes b'ins-1'."),
    ([*WEB, ["ins-3"]], [TCP], "backends[2] must be a dict; it is the list ['ins-3']."),
    (["x" * 1000], [TCP], f"backends[0] must be a dict; it is the str '{'x' * 79}...."),
    (WEB, [{"protocol": "HTTP", "rules": ["loc-1"]}], "rules[0] must be a dict; it is the str 'loc-1'."),
)
def test_odd_input_is_an_error_that_names_it(backends, listeners, words):
    with pytest.raises(AnsibleFilterError) as caught:
        bind(backends, listeners)
    assert caught.value.message == f"tencentcloud.clb.bind: {words}"


@pytest.mark.parametrize("name", ["bind", "mermaid", "tree"])
def test_the_documented_options_are_the_parameters_and_the_examples_use_the_filter(name):
    module = import_module(f"ansible_collections.tencentcloud.clb.plugins.filter.{name}")
    _, *parameters = inspect.signature(module.FilterModule().filters()[name]).parameters.values()
    documented, examples = yaml.safe_load(module.DOCUMENTATION), yaml.safe_load(module.EXAMPLES)
    del documented["options"]["_input"]
    defaults = {key: value.get("default", inspect.Parameter.empty) for key, value in documented["options"].items()}
    assert (documented["name"], documented["positional"].split(", ")) == (name, [one.name for one in parameters])
    assert defaults == {parameter.name: parameter.default for parameter in parameters}
    assert all(task["name"] for task in examples)
    assert f"tencentcloud.clb.{name}" in str(examples)
