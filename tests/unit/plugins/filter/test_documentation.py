# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import inspect
from importlib import import_module

import pytest
import yaml

PACKAGE = "ansible_collections.tencentcloud.clb.plugins.filter"
NAMES = ["bind", "mermaid", "tree"]


def documentation(name, part="DOCUMENTATION"):
    return yaml.safe_load(getattr(import_module(f"{PACKAGE}.{name}"), part))


@pytest.mark.parametrize("name", NAMES)
def test_the_documented_options_are_the_parameters(name):
    work = import_module(f"{PACKAGE}.{name}").FilterModule().filters()[name]
    _, *parameters = inspect.signature(work).parameters.values()
    documented = documentation(name)
    options = {key: value for key, value in documented["options"].items() if key != "_input"}
    assert documented["name"] == name
    assert documented["positional"].split(", ") == [parameter.name for parameter in parameters]
    assert {key: value.get("default", inspect.Parameter.empty) for key, value in options.items()} == {
        parameter.name: parameter.default for parameter in parameters
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_are_tasks_that_use_the_filter(name):
    examples = documentation(name, "EXAMPLES")
    assert all(task["name"] for task in examples)
    assert f"tencentcloud.clb.{name}" in str(examples)
