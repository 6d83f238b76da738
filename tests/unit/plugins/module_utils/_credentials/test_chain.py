# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which link of the chain wins. The files are real; what the network would give is told by the test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import CredentialsNotFound
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.secrets import Secrets
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.chain import CredentialChain
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.credentials import Credentials
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.profiles import ProfileFiles, choose_profile

from ...builders import rows

ROLE = "qcs::cam::uin/1:roleName/deploy"


class Remote:
    """What the chain can reach; ``asked`` keeps what it asked for, and with which key."""

    def __init__(self, *, cvm=False):
        self.cvm = cvm
        self.asked = []

    def from_metadata(self):
        self.asked.append(("metadata",))
        if not self.cvm:
            raise CredentialsNotFound("The metadata service at http://m/ can't be reached.")
        return Credentials("AKIDcvm", "key-of-cvm", "token-cvm")

    def from_role(self, base, session):
        self.asked.append(("role", base.current().secret_id, session.arn, session.name, str(session.seconds)))
        return Credentials("AKIDrole", "key-role", "token-role")

    def from_pod_identity(self, identity, session):
        self.asked.append(("pod", identity.role_arn, identity.provider_id, session.name))
        return Credentials("AKIDpod", "key-of-pod", "token-pod")


OPTIONS = {"secret_id": "AKIDopt", "secret_key": "key-option"}
ENVIRONMENT = {"TENCENTCLOUD_SECRET_ID": "AKIDenv", "TENCENTCLOUD_SECRET_KEY": "key-environ"}
POD = {"TKE_ROLE_ARN": "arn-pod", "TKE_PROVIDER_ID": "tke", "TKE_WEB_IDENTITY_TOKEN_FILE": "/token"}
KEYS = {"secretId": "AKIDtccli", "secretKey": "key-tccli"}
DEPLOY = {"secretId": "AKIDdeploy", "secretKey": "key-deploy"}
INI = (
    "[default]\nsecret_id = AKIDini\nsecret_key = key-ini-file\n"
    "[deploy]\nsecret_id = AKIDinideploy\nsecret_key = k-deploy\n"
)


class Case:
    """Everything that a chain looks at."""

    def __init__(self, folder):
        self.folder = folder
        self.secrets = Secrets()
        self.remote = Remote()

    def tccli(self, content, name="default"):
        return self._write(self.folder / ".tccli" / f"{name}.credential", json.dumps(content))

    def ini(self, text=INI):
        return self._write(self.folder / ".tencentcloud" / "credentials", text)

    def cvm(self):
        self.remote.cvm = True
        return self

    def _write(self, path, text):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return self

    def everything(self):
        return self.tccli(KEYS).tccli(DEPLOY, "deploy").ini().cvm()

    def find(self, options=None, environ=None):
        files = ProfileFiles({"HOME": str(self.folder)}, system_file=Path("/nowhere"))
        choice = choose_profile(options or {}, environ or {})
        return CredentialChain(options or {}, environ or {}, files, choice, self.remote, self.secrets).find()

    def secret_id(self, *where):
        return self.find(*where).source.current().secret_id

    def assumed_with(self, *where):
        assert self.secret_id(*where) == "AKIDrole"
        return self.remote.asked[-1]


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


NAMED = {"TENCENTCLOUD_PROFILE": "deploy"}


@rows(
    "options, environ, expected",
    (OPTIONS, {}, "AKIDopt"),
    (OPTIONS, ENVIRONMENT | POD | NAMED, "AKIDopt"),
    (OPTIONS | {"profile": "deploy"}, ENVIRONMENT, "AKIDopt"),
    ({"profile": "deploy"}, ENVIRONMENT | POD, "AKIDdeploy"),
    ({"profile": "default"}, ENVIRONMENT | POD, "AKIDtccli"),
    ({}, ENVIRONMENT | POD | NAMED, "AKIDenv"),
    ({}, NAMED | POD, "AKIDdeploy"),
    ({}, {"TCCLI_PROFILE": "deploy"} | POD, "AKIDdeploy"),
    ({}, {"TCCLI_PROFILE": "deploy", "TENCENTCLOUD_PROFILE": "default"}, "AKIDtccli"),
    ({}, POD, "AKIDtccli"),
    ({}, {"TENCENTCLOUD_SECRET_ID": "", "TENCENTCLOUD_SECRET_KEY": ""}, "AKIDtccli"),
    ({}, {"TENCENTCLOUD_TOKEN": "stray"}, "AKIDtccli"),
)
def test_the_first_hit_wins_where_all_are_there(case, options, environ, expected):
    assert case.everything().secret_id(options, environ) == expected
    assert case.remote.asked == [], "nothing is asked for over the network when something earlier matched"


def test_the_later_links(case):
    assert case.ini().cvm().secret_id({"profile": "deploy"}, ENVIRONMENT) == "AKIDinideploy"
    assert case.secret_id({}, POD) == "AKIDini"
    case.ini("")
    found = case.find({}, POD)
    assert (found.source.current().secret_id, found.name) == ("AKIDpod", "the TKE pod identity (arn-pod)")
    assert ("metadata",) not in case.remote.asked
    assert (case.secret_id(), case.find().name) == ("AKIDcvm", "the role of this CVM")
    assert case.assumed_with({"role_arn": ROLE}, POD)[1] == "AKIDpod"
    assert case.assumed_with({"role_arn": ROLE}, {})[1] == "AKIDcvm"
    assert case.tccli({"type": "cvm-role"}).find().name.startswith("the role of this CVM, as profile 'default'")


SHORT = ".* can't be right: it has fewer than 8 characters"


@rows(
    "options, environ, words",
    # Half a pair stops the chain.
    ({"secret_id": "x"}, ENVIRONMENT, "secret_key is missing in the options"),
    ({"secret_key": "x"}, ENVIRONMENT, "secret_id is missing in the options, where secret_key is given"),
    ({"token": "x"}, ENVIRONMENT, "token is given without secret_id and secret_key"),
    ({}, {"TENCENTCLOUD_SECRET_ID": "x"}, "TENCENTCLOUD_SECRET_KEY is missing in the environment"),
    ({}, {"TENCENTCLOUD_SECRET_KEY": "x"}, "TENCENTCLOUD_SECRET_ID is missing in the environment"),
    ({"secret_id": "x"}, {"TENCENTCLOUD_SECRET_KEY": "x"}, "secret_key is missing in the options"),
    # A key or token that is too short, wherever it is.
    (OPTIONS | {"secret_key": "80"}, {}, f"secret_key in the options{SHORT}"),
    (OPTIONS | {"token": "80"}, {}, f"token in the options{SHORT}"),
    ({}, ENVIRONMENT | {"TENCENTCLOUD_SECRET_KEY": "80"}, f"TENCENTCLOUD_SECRET_KEY in the environment{SHORT}"),
    ({}, ENVIRONMENT | {"TENCENTCLOUD_TOKEN": "80"}, f"TENCENTCLOUD_TOKEN in the environment{SHORT}"),
    ({}, ENVIRONMENT | {"TENCENTCLOUD_SECURITY_TOKEN": "80"}, f"TENCENTCLOUD_SECURITY_TOKEN in the environment{SHORT}"),
    ({"profile": "short"}, {}, f"secretKey in profile 'short'{SHORT}"),
    ({"profile": "token"}, {}, f"token in profile 'token'{SHORT}"),
    ({"profile": "sdk"}, {}, f"secret_key in profile 'sdk'{SHORT}"),
    # A profile that was asked for has to be there, and to say something.
    ({"profile": "gone"}, ENVIRONMENT, "There is no profile 'gone'"),
    ({}, {"TCCLI_PROFILE": "gone"}, "There is no profile 'gone'"),
    ({"profile": "empty"}, ENVIRONMENT, ".* neither keys nor a role"),
)
def test_what_stops_the_chain(case, options, environ, words):
    case.everything().ini(INI + "[sdk]\nsecret_id = AKIDsdk\nsecret_key = 80\n").tccli({"type": "x"}, "empty")
    case.tccli(KEYS | {"secretKey": "80"}, "short").tccli(KEYS | {"token": "80"}, "token")
    with pytest.raises(CredentialsNotFound, match=f"^{words}"):
        case.find(options, environ)
    assert list(case.secrets) == []


@rows(
    "environ, token",
    ({}, None),
    ({"TENCENTCLOUD_TOKEN": "token-of-a"}, "token-of-a"),
    ({"TENCENTCLOUD_SECURITY_TOKEN": "token-of-b"}, "token-of-b"),
    ({"TENCENTCLOUD_TOKEN": "token-of-a", "TENCENTCLOUD_SECURITY_TOKEN": "token-of-b"}, "token-of-a"),
    ({"TENCENTCLOUD_TOKEN": "", "TENCENTCLOUD_SECURITY_TOKEN": "token-of-b"}, "token-of-b"),
)
def test_names_of_the_token(case, environ, token):
    assert case.find({}, ENVIRONMENT | environ).source.current().token == token


def test_nothing_at_all_lists_the_ways(case):
    with pytest.raises(CredentialsNotFound, match="can't be reached") as caught:
        case.find()
    for way in ("secret_id", "profile", "TENCENTCLOUD_SECRET_ID", "tccli configure", ".tencentcloud", "TKE", "CVM"):
        assert way in caught.value.message
    assert case.remote.asked == [("metadata",)]


WITH_ROLE = {"role-arn": "arn-profile", "role-session-name": "night"}


@rows(
    "options, environ, base, arn",
    ({"role_arn": ROLE} | OPTIONS, {}, "AKIDopt", ROLE),
    ({"role_arn": ROLE}, ENVIRONMENT, "AKIDenv", ROLE),
    ({}, ENVIRONMENT | {"TENCENTCLOUD_ROLE_ARN": ROLE}, "AKIDenv", ROLE),
    ({}, ENVIRONMENT | {"TENCENTCLOUD_ASSUME_ROLE_ARN": ROLE}, "AKIDenv", ROLE),
    ({"role_arn": ROLE}, {}, "AKIDtccli", ROLE),
    ({}, {}, "AKIDtccli", "arn-profile"),
    ({}, {"TENCENTCLOUD_ROLE_ARN": ROLE}, "AKIDtccli", ROLE),
    # A role of a profile that was asked for counts with other keys as well.
    ({"profile": "roleonly"}, ENVIRONMENT, "AKIDenv", "arn-only"),
    ({}, ENVIRONMENT | {"TENCENTCLOUD_PROFILE": "roleonly"}, "AKIDenv", "arn-only"),
    ({"profile": "roleonly"} | OPTIONS, {}, "AKIDopt", "arn-only"),
    ({"profile": "roleonly"}, POD, "AKIDpod", "arn-only"),
    ({"profile": "roleonly"}, {}, "AKIDcvm", "arn-only"),
    ({"profile": "cvm", "role_arn": ROLE}, ENVIRONMENT, "AKIDcvm", ROLE),
)
def test_a_role_on_top(case, options, environ, base, arn):
    case.tccli(KEYS | WITH_ROLE).tccli({"role-arn": "arn-only"}, "roleonly").tccli({"type": "cvm-role"}, "cvm").cvm()
    assert case.assumed_with(options, environ)[1:3] == (base, arn)


def test_the_role_of_the_default_profile_stays_with_its_keys(case):
    case.tccli(KEYS | WITH_ROLE)
    assert (case.secret_id({}, ENVIRONMENT), case.secret_id(OPTIONS, {})) == ("AKIDenv", "AKIDopt")
    assert case.remote.asked == []
    assert case.assumed_with()[3:] == ("night", "7200")
    assert case.assumed_with({"role_session_name": "day", "role_session_duration": 900})[3:] == ("day", "900")


@rows(
    "options, environ, name",
    (OPTIONS, {}, "the options"),
    ({}, ENVIRONMENT, "the environment (TENCENTCLOUD_SECRET_ID)"),
    ({}, {}, "profile 'default' in "),
    ({"profile": "deploy"}, {}, "profile 'deploy' in "),
    ({"role_arn": ROLE}, ENVIRONMENT, f"the role {ROLE}, assumed with the environment"),
    ({"profile": "cvm"}, {}, "the role of this CVM, as profile 'cvm' in "),
)
def test_the_source_has_a_name_and_shows_no_value(case, options, environ, name):
    found = case.everything().tccli({"type": "cvm-role"}, "cvm").find(options, environ)
    assert found.name.startswith(name)
    assert not [text for text in ("AKID", "key-") if text in found.name]


def test_every_secret_is_learnt(case):
    case.cvm().secret_id({"role_arn": ROLE}, ENVIRONMENT | {"TENCENTCLOUD_TOKEN": "token-env"})
    case.secret_id({}, POD)
    case.secret_id()
    expected = "key-environ token-env key-role token-role key-of-pod token-pod key-of-cvm token-cvm"
    assert set(case.secrets) == set(expected.split())


def test_a_profile_that_others_can_read_gives_a_warning_only_where_it_is_used(case):
    case.tccli(KEYS)
    (case.folder / ".tccli" / "default.credential").chmod(0o644)
    assert len(case.find().warnings) == 1
    assert case.find(OPTIONS).warnings == ()
    assert case.find({"role_arn": ROLE}).warnings == case.find().warnings
