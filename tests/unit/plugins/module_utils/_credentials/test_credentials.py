# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import inspect
import json
import re
import textwrap
import threading
import time
from pathlib import Path

import pytest
import yaml

from ansible_collections.tencentcloud.clb.plugins.module_utils._api import clb, connection
from ansible_collections.tencentcloud.clb.plugins.module_utils._base import pace
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError, CredentialsNotFound
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.secrets import Secrets
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials import chain, credentials, roles

from ...builders import in_threads, rows

NAMES = ("secret_id", "secret_key", "token")


def read(**values):
    return credentials.read_pair(values, NAMES, "the options")


def test_fixed_credentials_stay_and_show_nothing():
    fixed = credentials.StaticCredentials(credentials.Credentials("AKIDx", "sEcReT", "tOkEn", 5.0))
    assert fixed.current() is fixed.current()
    assert not fixed.invalidate(fixed.current())
    assert not [secret for secret in ("AKIDx", "sEcReT", "tOkEn") if secret in f"{fixed!r} {fixed.current()!r}"]


@rows(
    "values, expected",
    ({"token": ""}, credentials.Credentials("i", "key-of-i")),
    ({"token": "token-of-i"}, credentials.Credentials("i", "key-of-i", "token-of-i")),
    ({"secret_id": None, "secret_key": ""}, None),
    ({"secret_id": None, "secret_key": None, "token": "token-of-i"}, None),
)
def test_read_pair(values, expected):
    assert read(**{"secret_id": "i", "secret_key": "key-of-i", **values}) == expected


@pytest.mark.parametrize("name", NAMES)
@rows("value", "vAlUe\n", "vAlUe vAlUe", "vAlUe\0", "vAlUeé", "vAlUe\udcff", 1234567, ["vAlUe"])
def test_a_value_that_no_header_can_carry_is_refused_and_not_shown(name, value):
    with pytest.raises(CredentialsNotFound, match=f"^{name} in the options") as caught:
        read(**{"secret_id": "i", "secret_key": "key-of-i", "token": "token-of-i", name: value})
    assert "vAlUe" not in caught.value.message
    assert "1234567" not in caught.value.message


@rows("name", "secret_key", "token")
@rows("value", "8", "80", "8443", "green", "1234567")
def test_what_ansible_would_mask_everywhere_is_refused_by_name(name, value):
    given = {"secret_id": "80", "secret_key": "12345678", "token": "12345678"}
    assert read(**given) == credentials.Credentials("80", "12345678", "12345678")
    with pytest.raises(CredentialsNotFound, match=f"^{name} in the options can't be right: it has fewer t") as caught:
        read(**{**given, name: value})
    assert value == "8" or value not in caught.value.message


class Clock:
    """A clock that a test sets, and credentials that live ``life`` seconds, None for an end that is not known."""

    def __init__(self, life=7200.0):
        self.now = 1000.0
        self.life = life
        self.fetched = 0
        self.broken = False
        self.secrets = Secrets()
        self.source = credentials.RefreshableCredentials(self._fetch, self.secrets, clock=lambda: self.now)

    def _fetch(self):
        self.fetched += 1
        if self.broken:
            raise ClbError("STS is down")
        ends = None if self.life is None else self.now + self.life
        return credentials.Credentials("AKID", f"key-{self.fetched}", f"token-{self.fetched}", ends)


@rows("life, margin", (7200, pace.RENEW_BEFORE_SECONDS), (43200, pace.RENEW_BEFORE_SECONDS), (60, 15))
def test_renewed_before_the_end(life, margin):
    clock = Clock(life)
    first = clock.source.current()
    clock.now += life - margin - 1
    assert clock.source.current() is first
    clock.now += 1
    assert clock.source.current().secret_key == "key-2"
    clock.now += life - margin - 1
    assert clock.source.current().secret_key == "key-2"
    assert {"key-1", "token-1", "key-2", "token-2"} == set(clock.secrets)
    # Without a known end nothing is renewed.
    clock = Clock(None)
    first = clock.source.current()
    clock.now += 1e6
    assert clock.source.current() is first


def test_credentials_that_are_still_good_outlive_a_failure():
    clock = Clock()
    first = clock.source.current()
    clock.broken = True
    clock.now += 7200 - pace.RENEW_BEFORE_SECONDS
    assert clock.source.current() is first
    assert clock.fetched == 2
    clock.now += pace.RENEW_PAUSE_SECONDS - 1
    assert clock.source.current() is first
    assert clock.fetched == 2, "a source that just failed is left alone for a while"
    clock.now += 1
    assert clock.source.current() is first
    assert clock.fetched == 3
    clock.now += pace.RENEW_BEFORE_SECONDS
    with pytest.raises(ClbError, match="STS is down"):
        clock.source.current()
    clock.broken = False
    assert clock.source.current().secret_key == "key-5"


def test_refused_credentials_are_replaced_once():
    clock = Clock()
    first = clock.source.current()
    assert clock.source.invalidate(first)
    second = clock.source.current()
    assert second.secret_key == "key-2"
    # A refusal of the old ones that comes late changes nothing.
    assert clock.source.invalidate(first)
    assert clock.source.current() is second


def test_threads_fetch_once():
    fetched, gate = [], threading.Barrier(8)

    def fetch():
        fetched.append(1)
        time.sleep(0.05)
        return credentials.Credentials("AKID", f"key-{len(fetched)}", "token", time.time() + 7200)

    source, seen = credentials.RefreshableCredentials(fetch, Secrets()), []

    def work(_number):
        gate.wait()
        first = source.current()
        gate.wait()
        assert source.invalidate(first)
        seen.append(source.current().secret_key)

    in_threads(8, work)
    assert (len(fetched), set(seen)) == (2, {"key-2"})


# -- what the guide tells an operator to paste


GUIDE = Path(__file__).resolve().parents[5] / "docs" / "docsite" / "rst" / "guide_credentials.rst"


def blocks(language):
    found = re.findall(rf"\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)", GUIDE.read_text(encoding="utf-8"))
    return [textwrap.dedent(block) for block in found]


def test_the_policies_allow_what_the_collection_calls_and_nothing_else():
    policy, of_a_role = (json.loads(block)["statement"] for block in blocks("json"))
    reads = re.findall(r'\.read\(\s*"(\w+)"', inspect.getsource(clb))
    (statement,) = policy
    assert sorted(statement["action"]) == sorted(f"clb:{action}" for action in {*reads, *clb.ACTIONS.values()})
    assert of_a_role[0]["action"] == ["sts:AssumeRole"]


def test_the_credential_type_sets_variables_that_are_read():
    fields, injector = (yaml.safe_load(block) for block in blocks("yaml")[1:])
    names = {field["id"] for field in fields["fields"]}
    known = {chain.ID_VARIABLE, chain.KEY_VARIABLE, *chain.TOKEN_VARIABLES, *roles.ROLE_VARIABLES}

    assert set(fields["required"]) <= names
    assert {value.strip("{} ") for value in injector["env"].values()} == names
    assert injector["env"].keys() <= {*known, connection.REGION_VARIABLE}
    assert {field["id"] for field in fields["fields"] if field.get("secret")} == {"secret_key", "token"}


def test_every_variable_and_the_ways_are_explained():
    told = " ".join(GUIDE.read_text(encoding="utf-8").split())
    names = {
        *(chain.ID_VARIABLE, chain.KEY_VARIABLE, *chain.TOKEN_VARIABLES, *roles.ROLE_VARIABLES),
        *(roles.METADATA_VARIABLE, roles.TOKEN_FILE_VARIABLE, *connection.CA_VARIABLES, connection.REGION_VARIABLE),
        *(connection.STS_ENDPOINT_VARIABLE, connection.POD_REGION_VARIABLE),
    }
    assert [name for name in names if f"``{name}``" not in told] == []
    assert chain.WAYS in told
