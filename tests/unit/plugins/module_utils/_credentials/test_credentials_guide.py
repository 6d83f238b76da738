# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guide tells an operator to paste is right."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from pathlib import Path

import yaml

from ansible_collections.tencentcloud.clb.plugins.module_utils._api import clb, connection
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials import chain, roles

from ...builders import rows

GUIDE = Path(__file__).resolve().parents[5] / "docs" / "docsite" / "rst" / "guide_credentials.rst"


def blocks(language: str) -> list[str]:
    found = re.findall(rf"\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)", GUIDE.read_text(encoding="utf-8"))
    return [textwrap.dedent(block) for block in found]


def test_the_policy_allows_what_the_collection_calls_and_nothing_else():
    policy, _ = map(json.loads, blocks("json"))
    (statement,) = policy["statement"]
    reads = re.findall(r'\.read\(\s*"(\w+)"', inspect.getsource(clb))

    assert sorted(statement["action"]) == sorted(f"clb:{action}" for action in {*reads, *clb.ACTIONS.values()})


def test_a_role_takes_only_the_right_to_assume_it():
    _, policy = map(json.loads, blocks("json"))
    assert policy["statement"][0]["action"] == ["sts:AssumeRole"]


def test_the_credential_type_sets_variables_that_are_read():
    fields, injector = (yaml.safe_load(block) for block in blocks("yaml")[1:])
    names = {field["id"] for field in fields["fields"]}
    known = {chain.ID_VARIABLE, chain.KEY_VARIABLE, *chain.TOKEN_VARIABLES, *roles.ROLE_VARIABLES}

    assert set(fields["required"]) <= names
    assert {value.strip("{} ") for value in injector["env"].values()} == names
    assert injector["env"].keys() <= {*known, connection.REGION_VARIABLE}
    assert {field["id"] for field in fields["fields"] if field.get("secret")} == {"secret_key", "token"}


@rows("name",
    chain.ID_VARIABLE, chain.KEY_VARIABLE, *chain.TOKEN_VARIABLES, *roles.ROLE_VARIABLES, *connection.CA_VARIABLES,
    connection.REGION_VARIABLE, connection.STS_ENDPOINT_VARIABLE, connection.POD_REGION_VARIABLE,
    roles.METADATA_VARIABLE, roles.TOKEN_FILE_VARIABLE,
)  # fmt: skip
def test_every_variable_is_explained(name):
    assert f"``{name}``" in GUIDE.read_text(encoding="utf-8")


def test_the_list_of_ways_is_the_real_one():
    told = " ".join(GUIDE.read_text(encoding="utf-8").split())
    assert chain.WAYS in told
