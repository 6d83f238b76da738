# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import time
import traceback
from pathlib import Path

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import connect
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.pacer import Pacer
from ansible_collections.tencentcloud.clb.plugins.module_utils._base import errors
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.roles import METADATA_VARIABLE
from clb_emulator.testing import Emulator

from ...builders import rows
from ..loopback import make_certificate

ROLE = "qcs::cam::uin/100000000001:roleName/deploy"
SCENARIO = {
    "rate_limit": 0,
    "load_balancers": [{"id": "lb-1"}],
    "sts": {"roles": {ROLE: None}, "web_identity_tokens": {"web-token": {"provider_id": "tke"}}},
    "metadata": {"role": "clb-role"},
}


@pytest.fixture(scope="module")
def running():
    with Emulator(SCENARIO) as emulator:
        yield emulator


@pytest.fixture
def emulator(running):
    running.load(SCENARIO)
    return running


@pytest.fixture
def place(emulator, tmp_path):
    """Variables that say where everything is, and nothing of credentials."""
    endpoints = {f"TENCENTCLOUD_{service}_ENDPOINT": emulator.url for service in ("CLB", "STS", "METADATA")}
    return {**endpoints, "TENCENTCLOUD_REGION": "ap-guangzhou", "HOME": str(tmp_path)}


@pytest.fixture
def environ(emulator, place):
    return {**place, **emulator.environ()}


def open_(environ, **options):
    return connect(options, environ, Budget(20, 5))


def use(connection):
    connection.clb.describe_targets("lb-1")


def test_nothing_is_sent_by_connecting_and_calls_to_sts_are_counted(emulator, environ):
    connection = open_(environ, role_arn=ROLE)
    assert (emulator.calls(), connection.api_calls) == ([], {})
    use(connection)
    use(connection)
    assert connection.api_calls == {"AssumeRole": 1, "DescribeTargets": 2}
    assert connection.source == f"the role {ROLE}, assumed with the environment (TENCENTCLOUD_SECRET_ID)"


def test_a_pod_and_a_cvm(place, tmp_path):
    (tmp_path / "token").write_text("web-token")
    pod = {"TKE_REGION": "ap-tokyo", "TKE_ROLE_ARN": ROLE, "TKE_PROVIDER_ID": "tke"}
    pod["TKE_WEB_IDENTITY_TOKEN_FILE"] = str(tmp_path / "token")
    connection = open_({**place, **pod})
    use(connection)
    assert connection.api_calls == {"AssumeRoleWithWebIdentity": 1, "DescribeTargets": 1}
    assert "web-token" in set(connection.secrets)
    assert open_({**place, **pod, "TENCENTCLOUD_REGION": ""}).region == "ap-tokyo"
    connection = open_(place, role_arn=ROLE)
    use(connection)
    assert connection.api_calls == {"AssumeRole": 1, "DescribeTargets": 1}


def test_a_long_task_gets_fresh_credentials(emulator, environ):
    connection = open_(environ, role_arn=ROLE)
    use(connection)
    emulator.expire_tokens()
    use(connection)
    assert connection.api_calls == {"AssumeRole": 2, "DescribeTargets": 3}
    # The key of the environment, two keys and tokens of the role, the last signature.
    assert len(set(connection.secrets)) == 6


def test_nothing_configured_is_about_credentials_and_not_about_the_region(emulator, tmp_path):
    emulator.load(SCENARIO, metadata=None)
    with pytest.raises(errors.CredentialsNotFound, match="TENCENTCLOUD_SECRET_ID"):
        open_({"HOME": str(tmp_path), "TENCENTCLOUD_METADATA_ENDPOINT": emulator.url})


@rows(
    "options, variables, region",
    ({"region": "ap-option"}, {"TENCENTCLOUD_REGION": "ap-env", "TKE_REGION": "ap-pod"}, "ap-option"),
    ({}, {"TENCENTCLOUD_REGION": "ap-env", "TKE_REGION": "ap-pod"}, "ap-env"),
    ({"region": ""}, {"TENCENTCLOUD_REGION": "", "TKE_REGION": "ap-pod"}, "ap-profile"),
    ({}, {"TCCLI_PROFILE": "deploy", "TKE_REGION": "ap-pod"}, "ap-deploy"),
    ({}, {"TENCENTCLOUD_PROFILE": "none", "TKE_REGION": "ap-pod"}, "ap-pod"),
)
def test_where_the_region_comes_from(environ, tmp_path, options, variables, region):
    (tmp_path / ".tccli").mkdir()
    for name, content in (("default", "ap-profile"), ("deploy", "ap-deploy")):
        (tmp_path / ".tccli" / f"{name}.configure").write_text(json.dumps({"_sys_param": {"region": content}}))
    assert open_({**environ, "TENCENTCLOUD_REGION": "", **variables}, **options).region == region


@rows("region", "ap guangzhou", "ap-guangzhou\n", "ap-guangzhou\r\nX-Evil: 1", "广州", "x" * 65)
def test_what_is_no_region(environ, region):
    with pytest.raises(errors.InvalidArgument, match="not the name of a region") as caught:
        open_(environ, region=region)
    assert repr(region) in caught.value.message
    with pytest.raises(errors.InvalidArgument, match="region is missing"):
        open_({**environ, "TENCENTCLOUD_REGION": ""})


def test_options_of_endpoints_come_before_variables(emulator, environ):
    wrong = {"TENCENTCLOUD_CLB_ENDPOINT": "https://127.0.0.1:9", "TENCENTCLOUD_STS_ENDPOINT": "https://127.0.0.1:9"}
    use(open_({**environ, **wrong}, endpoint=emulator.url, sts_endpoint=emulator.url, role_arn=ROLE))


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    files = make_certificate(tmp_path_factory.mktemp("tls"))
    with Emulator(SCENARIO, tls=files) as emulator:
        yield emulator, files[0]


@rows("how", "option", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
def test_a_private_authority(tls, place, how):
    emulator, certificate = tls
    environ = {**place, **emulator.environ(), "TENCENTCLOUD_STS_ENDPOINT": emulator.url}
    with pytest.raises(errors.ClbError, match="certificate"):
        use(open_(environ))
    given = {"ca_path": str(certificate)} if how == "option" else {}
    use(open_(environ if given else {**environ, how: str(certificate)}, role_arn=ROLE, **given))


@rows(
    "make, told",
    (Path.exists, "No such file"),
    (lambda path: path.write_text("no certificate"), "holds no certificates"),
    (os.mkfifo, "regular"),
)
def test_a_ca_path_that_is_no_use(environ, tmp_path, make, told):
    make(tmp_path / "ca")
    with pytest.raises(errors.InvalidArgument, match=told) as caught:
        open_(environ, ca_path=str(tmp_path / "ca"))
    assert f"ca_path {str(tmp_path / 'ca')!r}" in caught.value.message
    # It can be a folder.
    use(open_(environ, ca_path=str(tmp_path)))


PLACES = ("endpoint", "sts_endpoint", "TENCENTCLOUD_CLB_ENDPOINT", "TENCENTCLOUD_STS_ENDPOINT", METADATA_VARIABLE)


@rows("variable", *PLACES)
@rows("text",
    "https://me:pAsSwOrD@host", "pAsSwOrD@host", "me:pAsSwOrD@host", "http://:pAsSwOrD@127.0.0.1",
    "https://me:pAsSwOrD@host:99999", "me:pAsSwOrD@host:x", "https://me:ab/pAsSwOrD@host", "https://me:pAsSwOrD@",
    "https://me:pAsSwOrD@@host", "https://me:pAsSwOrD@[::1", "https:/me:pAsSwOrD@host", "https:me:pAsSwOrD@host",
    "me:/pAsSwOrD@host", "https://me:pAsSwOrD%40host", "https://me:pAsSwOrD\uff20host",
    "ftp://me:pAsSwOrD@host/path?x#y", " https://me:pAsSwOrD@ho st\n",
)  # fmt: skip
def test_a_password_in_an_endpoint_is_nowhere(environ, variable, text):
    option = {variable: text} if variable.islower() else {}
    with pytest.raises(errors.InvalidArgument, match=f"^{variable} must not carry .*user name or password") as caught:
        open_(environ if option else {**environ, variable: text}, **option)
    assert "pAsSwOrD" not in "".join(traceback.format_exception(caught.type, caught.value, caught.tb))


@rows("variable", "HTTPS_PROXY", "http_proxy", "all_proxy")
def test_passwords_of_proxies_are_secrets(environ, variable):
    connection = open_({**environ, variable: "http://me:p%40ssw0rd@proxy:3128"})
    assert {"p%40ssw0rd", "p@ssw0rd"} <= set(connection.secrets)
    # So short that it is in every result.
    assert "80" not in set(open_({**environ, variable: "http://me:80@proxy"}).secrets)


def test_connections_share_a_pacer(environ):
    pacer = Pacer()
    connections = [connect({}, environ, Budget(20, 5), pacer=pacer) for _ in "12"]
    started = time.monotonic()
    for connection in connections * 2:
        use(connection)
    assert time.monotonic() - started >= 3 * 0.05
