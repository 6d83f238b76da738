# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import ALIASES, TEXT_KEYS, WHOLE_KEYS
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.info import empty_info
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import empty_result
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.request import (
    CONNECTION_SPEC,
    LOAD_BALANCER_SPEC,
    MAXIMA,
    Request,
)
from ansible_collections.tencentcloud.clb.plugins.modules import targets, targets_info
from harness import Cloud

from ..builders import Raw, http, rule, target, tcp, want

MODULES = [targets, targets_info]
PREFIX = "ansible_collections.tencentcloud.clb.plugins"
LOOSE = {"dict", "list", "raw"}


def spec_of(module):
    return {**CONNECTION_SPEC, **LOAD_BALANCER_SPEC, **module.ARGUMENT_SPEC}


def merge(below, above):
    """Documentation with that of a fragment below it, as Ansible merges them."""
    merged = {**below, **above}
    for key in below.keys() & above.keys():
        if isinstance(below[key], dict) and isinstance(above[key], dict):
            merged[key] = merge(below[key], above[key])
    return merged


def fragment(name):
    """The documentation of a fragment such as tencentcloud.clb.bindings.actiongroup_all."""
    file, _, part = name.removeprefix("tencentcloud.clb.").partition(".")
    found = getattr(
        import_module(f"{PREFIX}.doc_fragments.{file}").ModuleDocFragment, (part or "documentation").upper()
    )
    parsed: Raw = yaml.safe_load(found)
    return parsed


def documented(module):
    own: Raw = yaml.safe_load(module.DOCUMENTATION)
    for name in own["extends_documentation_fragment"]:
        own = merge(fragment(name), own)
    return own


def flatten(options, nested, path=""):
    """Option -> what spec and documentation must agree on."""
    flat: dict[str, tuple[Any, ...]] = {}
    for name, one in options.items():
        flat[path + name] = (
            one.get("type", "str"),
            one.get("elements"),
            one.get("required", False),
            one.get("default"),
            one.get("choices"),
            one.get("aliases"),
        )
        flat.update(flatten(one.get(nested) or {}, nested, f"{path}{name}."))
    return flat


@pytest.mark.parametrize("module", MODULES)
def test_the_argument_spec_is_what_is_documented(module):
    spec = spec_of(module)
    # The keys of an entry are checked by the collection itself, which names the entry and the value.
    entry: Raw = {key: {"type": "str"} for key in TEXT_KEYS} | {key: {"type": "int"} for key in WHOLE_KEYS}
    for alias, key in ALIASES.items():
        entry[key]["aliases"] = [alias]
    spec["targets"] = {**spec["targets"], "options": entry}
    assert flatten(documented(module)["options"], "suboptions") == flatten(spec, "options")


@pytest.mark.parametrize("name", sorted(MAXIMA.keys() & spec_of(targets).keys()))
def test_the_largest_value_is_documented(name):
    option = documented(targets)["options"][name]
    assert f"V({MAXIMA[name]})" in "".join(option["description"])


def examples():
    """Every task in the examples that calls one of the modules."""
    names = {f"tencentcloud.clb.{module.__name__.rpartition('.')[2]}": module for module in MODULES}
    return [
        (names[action], {"task": task["name"], **arguments})
        for module in MODULES
        for task in yaml.safe_load(module.EXAMPLES)
        for action, arguments in task.items()
        if action in names
    ]


@pytest.mark.parametrize("module, arguments", examples(), ids=lambda one: one["task"] if isinstance(one, dict) else "")
def test_every_example_passes_the_argument_spec_and_the_checks(module, arguments):
    arguments = {
        # What a template gives is only known when it runs.
        key: [] if key == "targets" and isinstance(value, str) else value
        for key, value in arguments.items()
        if key != "task"
    }
    found = ArgumentSpecValidator(spec_of(module)).validate(arguments)
    assert (found.error_messages, found.unsupported_parameters) == ([], set())
    if module is targets:
        Request.parse(found.validated_parameters)


def written():
    """A result of targets with something in every key."""
    listeners = [
        tcp("lbl-1", 443, target("ins-1", tag="blue"), target("ins-2")),
        http("lbl-2", 80, rule("loc-1", "a.example.com")),
    ]
    cloud = Cloud.of({"lb-1": listeners, "lb-2": []})
    cloud.add_faults({"kind": "refuse_targets", "targets": ["10.2.0.9"], "code": "LimitExceeded", "times": -1})
    entries = [
        want("lbl-1", "ins-1", weight=5),
        want("lbl-1", "ins-3"),
        {"location_id": "loc-1", "eni_ip": "10.2.0.9", "port": 80},
    ]
    run = cloud.run(load_balancer_name="name-lb-1", targets=entries, purge=True)
    return {**without_invocation(run), "left_out": without_invocation(read())["left_out"]}


def read():
    """A result of targets_info with something in every key."""
    listeners = [
        tcp("lbl-1", 443, target("ins-1"), EndPort=450),
        http("lbl-2", 80, rule("loc-1", "a", target("ins-1"))),
    ]
    cloud = Cloud.of({"lb-1": listeners, "lb-2": [tcp("lbl-9", 1, target("ins-1"))]})
    cloud.add_faults({"kind": "error", "code": "ResourceNotFound", "load_balancers": ["lb-2"], "times": -1})
    return cloud.run_info(all_load_balancers=True, health=True)


def without_invocation(run):
    """What the module itself returned."""
    ansibles = {"invocation", "failed", "msg"} - empty_result().keys()
    return {key: value for key, value in run.result.items() if key not in ansibles}


RESULTS = [(targets, written(), empty_result()), (targets_info, without_invocation(read()), empty_info())]
TYPES = {"str": str, "int": int, "bool": bool, "list": list, "dict": dict}


def check_value(path, doc, value):
    """A value is of the documented type, and its keys are exactly the documented ones."""
    if value is None:
        return
    assert isinstance(value, TYPES[doc["type"]]), path
    if doc["type"] == "list":
        for one in value:
            check_value(f"{path}[]", {**doc, "type": doc["elements"]}, one)
    elif doc["type"] == "dict" and "contains" in doc:
        sometimes = ("with O(settings=true)", "success")
        always = {key for key, one in doc["contains"].items() if one.get("returned") not in sometimes}
        assert always <= set(value) <= set(doc["contains"]), path
        for key, one in value.items():
            check_value(f"{path}.{key}", doc["contains"][key], one)


@pytest.mark.parametrize("module, result, empty", RESULTS)
def test_the_documented_keys_are_exactly_those_returned(module, result, empty):
    returns = yaml.safe_load(module.RETURN)
    # Ansible itself documents `changed`; the source of the credentials comes with -vvv only.
    assert set(returns) - {"credentials_source"} == set(result) - {"changed"} == set(empty) - {"changed"}
    assert returns["credentials_source"]["returned"] != "always"
    for key, doc in returns.items():
        check_value(key, doc, result.get(key))
        if doc["type"] == "list" and key != "failed_listeners":
            assert result[key], f"{key} is empty: nothing was compared"
