# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import inspect
import json
import os
import re
import textwrap
import threading
import time
from pathlib import Path

import pytest
import yaml
from tencentcloud.common import credential as sdk
from tencentcloud.common.http import request

from ansible_collections.tencentcloud.clb.plugins.module_utils._api import clb, connection
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import connect
from ansible_collections.tencentcloud.clb.plugins.module_utils._base import pace
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError, CredentialsNotFound
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.secrets import Secrets
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials import chain, credentials, profiles, roles
from clb_emulator.testing import Emulator

from ...builders import in_threads, rows
from ..loopback import HttpServer, Reply, make_certificate

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


# -- the same as in the vendor's SDK


KEYS = {"TENCENTCLOUD_SECRET_ID": "AKIDenv", "TENCENTCLOUD_SECRET_KEY": "key-environ"}
INI = "[default]\nsecret_id = AKIDini\nsecret_key = key-ini-file\n"
PATH = "/latest/meta-data/cam/security-credentials/"
FROM_CVM = {
    "TmpSecretId": "AKIDcvm",
    "TmpSecretKey": "key-of-cvm",
    "Token": "token-cvm",
    "ExpiredTime": 4102444800,
    "Code": "Success",
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TENCENTCLOUD_REGION", "ap-guangzhou")
    return tmp_path


def write_ini(home, text):
    path = home / ".tencentcloud" / "credentials"
    path.parent.mkdir()
    path.write_text(text)
    path.chmod(0o600)


def ours():
    connection = connect({}, os.environ, Budget(10, 5))
    source = connection.clb.api._credentials
    found = source.current()
    return found.secret_id, found.secret_key, found.token


def theirs():
    return sdk.DefaultCredentialProvider().get_credential().get_credential_info()


@rows(
    "variables, ini",
    (KEYS, None),
    (KEYS, INI),
    ({}, INI),
    ({}, "[default]\nsecret_id=AKIDx\nsecret_key=  k%(y)s;z#w  \n[other]\nsecret_id=a\nsecret_key=b\n"),
    ({}, "# comment\n[DEFAULT]\nsecret_key = inherited\n[default]\nSECRET_ID: AKIDx\nSecret_Key: with=sign\n"),
    ({"TENCENTCLOUD_SECRET_ID": "", "TENCENTCLOUD_SECRET_KEY": ""}, INI),
    ({}, INI + "token = ignored\n"),
)
def test_environment_and_profile(home, variables, ini, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if ini is not None:
        write_ini(home, ini)
    assert ours() == theirs()


def test_the_systems_profile(home, tmp_path, monkeypatch):
    # Both look at the same fixed path, which a test must not write: it is led to another file, for both.
    system = tmp_path / "system"
    system.write_text(INI)
    monkeypatch.setattr(profiles, "SYSTEM_FILE", system)

    def led(path):
        return system if path == "/etc/tencentcloud/credentials" else path

    exists, read = os.path.exists, sdk.configparser.ConfigParser.read
    monkeypatch.setattr(os.path, "exists", lambda path: exists(led(path)))
    monkeypatch.setattr(sdk.configparser.ConfigParser, "read", lambda parser, path: read(parser, led(path)))
    assert theirs() == ours() == ("AKIDini", "key-ini-file", None)


def test_role_of_the_cvm(home, monkeypatch):
    with HttpServer(Reply(b"clb-role"), Reply(json.dumps(FROM_CVM).encode())) as metadata:
        # Ours is led there by its variable, the SDK by its class attribute.
        monkeypatch.setenv("TENCENTCLOUD_METADATA_ENDPOINT", metadata.url)
        monkeypatch.setattr(sdk.CVMRoleCredential, "_role_endpoint", metadata.url + PATH)
        found = ours()
        metadata.replies.extendleft([Reply(b"clb-role")])
        assert found == theirs() == ("AKIDcvm", "key-of-cvm", "token-cvm")
    paths = [seen.path for seen in metadata.seen]
    assert paths[:2] == paths[2:4] == [PATH, PATH + "clb-role"]


ROLE = "qcs::cam::uin/100000000001:roleName/deploy"
SCENARIO = {
    "credentials": [{"secret_id": "AKIDenv", "secret_key": "key-environ"}],
    "load_balancers": [{"id": "lb-1"}],
    "sts": {"roles": {ROLE: None}, "web_identity_tokens": {"jwt": {"provider_id": "tke"}}},
}


@pytest.fixture(scope="module")
def sts(tmp_path_factory):
    """STS for both: the SDK knows no other scheme than https there."""
    files = make_certificate(tmp_path_factory.mktemp("tls"))
    with Emulator(SCENARIO, tls=files) as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(files[0]))
        patch.setattr(request.certifi, "where", lambda: str(files[0]))
        patch.setenv("TENCENTCLOUD_STS_ENDPOINT", emulator.url)
        for kind in (sdk.STSAssumeRoleCredential, sdk.OIDCRoleArnCredential):
            patch.setattr(kind, "_endpoint", emulator.host)
        yield emulator


def compare(sts, variables, theirs):
    """Let both ask STS; all of their calls are alike but the name of the session, which each makes up."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        ours()
        theirs()
    calls = sts.calls()[-2:]
    assert [call["outcome"] for call in calls] == ["ok", "ok"]
    one, other = ((call["action"], call["secret_id"], {**call["params"], "RoleSessionName": ""}) for call in calls)
    assert one == other
    return one[:2]


@pytest.mark.filterwarnings("ignore:.*utcfromtimestamp:DeprecationWarning")
def test_identity_of_a_pod_and_role(home, sts):
    (home / "token").write_text("jwt")
    pod = {"TKE_REGION": "ap-guangzhou", "TKE_PROVIDER_ID": "tke", "TKE_ROLE_ARN": ROLE}
    pod["TKE_WEB_IDENTITY_TOKEN_FILE"] = str(home / "token")
    by_pod = compare(sts, pod, lambda: sdk.DefaultTkeOIDCRoleArnProvider().get_credential().get_credential_info())
    assert by_pod[0] == "AssumeRoleWithWebIdentity"
    role = sdk.STSAssumeRoleCredential("AKIDenv", "key-environ", ROLE, "session")
    by_key = compare(sts, {**KEYS, "TENCENTCLOUD_ROLE_ARN": ROLE}, role.get_credential_info)
    assert by_key == ("AssumeRole", "AKIDenv")
