# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our chain beside the vendor's own: the same files and variables give the same credentials."""

from __future__ import annotations

import json
import os

import pytest
from tencentcloud.common import credential as sdk
from tencentcloud.common.http import request

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import connect
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials import profiles
from clb_emulator.testing import Emulator

from ...builders import rows
from ..clients import make_certificate
from ..servers import HttpServer, Reply

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
