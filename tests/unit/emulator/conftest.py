# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two ways to the emulated cloud: in process with a clock that tests set, and over HTTP with the vendor's SDK."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from tencentcloud.clb.v20180317.clb_client import ClbClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.common.sign import Sign

from clb_emulator import api
from clb_emulator.clock import VirtualClock
from clb_emulator.cloud import Cloud
from clb_emulator.errors import ApiError
from clb_emulator.scenario import parse
from clb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from clb_emulator.answer import Answer

SHOP: dict[str, Any] = {
    "instances": {
        "ins-a": {"ip": "10.0.0.1", "name": "a", "zone": "ap-guangzhou-3", "public_ips": ["203.0.113.1"]},
        "ins-b": {"ip": "10.0.0.2"},
    },
    "load_balancers": [
        {
            "id": "lb-1",
            "name": "shop",
            "listeners": [
                {
                    "id": "lbl-tcp",
                    "protocol": "TCP",
                    "port": 443,
                    "targets": [{"instance_id": "ins-a", "port": 80, "tag": "blue"}],
                },
                {
                    "id": "lbl-http",
                    "protocol": "HTTP",
                    "port": 80,
                    "rules": [
                        {
                            "id": "loc-1",
                            "domain": "a.example.com",
                            "url": "/",
                            "targets": [{"eni_ip": "10.0.0.9", "port": 8080, "weight": 20}],
                        },
                        {"id": "loc-2", "domain": "b.example.com", "url": "/v1"},
                    ],
                },
                {"id": "lbl-group", "protocol": "TCP", "port": 9000, "target_type": "TARGETGROUP"},
            ],
        }
    ],
}
"""A small load balancer that most tests start from."""


class InProcess:
    """Calls the cloud without HTTP; every call is signed with the vendor's code."""

    def __init__(self, **settings: Any) -> None:
        scenario = parse({**SHOP, "rate_limit": 0, **settings})
        self.clock = VirtualClock(scenario.settings.clock_offset)
        self.cloud = Cloud(scenario, self.clock)
        self.credential = self.cloud.accounts.first

    def wait(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.cloud.settle()

    def headers(self, action: str, body: bytes, skew: int = 0, service: str = "clb") -> dict[str, str]:
        timestamp = int(time.time() + self.clock.seconds) + skew
        date = time.strftime("%Y-%m-%d", time.gmtime(timestamp))
        canonical = (
            "POST\n/\n\ncontent-type:application/json\nhost:clb.example.com\n\ncontent-type;host\n"
            + hashlib.sha256(body).hexdigest()
        )
        scope = f"{date}/{service}/tc3_request"
        to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = Sign.sign_tc3(self.credential.secret_key, date, service, to_sign)
        headers = {
            "authorization": f"TC3-HMAC-SHA256 Credential={self.credential.secret_id}/{scope}, "
            f"SignedHeaders=content-type;host, Signature={signature}",
            "content-type": "application/json",
            "host": "clb.example.com",
            "x-tc-action": action,
            "x-tc-region": "ap-guangzhou",
            "x-tc-timestamp": str(timestamp),
            "x-tc-version": "2018-03-17" if service == "clb" else "2018-08-13",
        }
        return {**headers, "x-tc-token": self.credential.token} if self.credential.token else headers

    def answer(
        self, action: str, params: Any, headers: dict[str, str] | None = None, service: str = "clb", skew: int = 0
    ) -> Answer:
        """Send any parameters, with these headers in place of the proper ones, and return the raw answer."""
        body = json.dumps(params, ensure_ascii=False).encode()
        proper = self.headers(action, body, skew, service)
        return api.handle(self.cloud, api.Request({**proper, **(headers or {})}, body))

    def call(self, action: str, service: str = "clb", **params: Any) -> dict[str, Any]:
        """Return the ``Response``; an ``Error`` in it is raised as ApiError."""
        response: dict[str, Any] = json.loads(self.answer(action, params, service=service).body)["Response"]
        if "Error" in response:
            raise ApiError(response["Error"]["Code"], response["Error"]["Message"])
        return response

    def write(self, action: str, *targets: dict[str, Any]) -> dict[str, Any]:
        """Register or deregister targets of lb-1."""
        return self.call(action, LoadBalancerId="lb-1", Targets=list(targets))

    def status(self, task_id: str) -> int:
        return int(self.call("DescribeTaskStatus", TaskId=task_id)["Status"])

    def targets(self, listener_id: str, location_id: str | None = None) -> list[dict[str, Any]]:
        """Read what DescribeTargets shows of one listener or rule."""
        (listener,) = self.call("DescribeTargets", LoadBalancerId="lb-1", ListenerIds=[listener_id])["Listeners"]
        if location_id is None:
            found: list[dict[str, Any]] = listener["Targets"]
            return found
        (found,) = (rule["Targets"] for rule in listener["Rules"] if rule["LocationId"] == location_id)
        return found


@pytest.fixture(scope="session")
def shop() -> dict[str, Any]:
    """Give the scenario of the shop."""
    return SHOP


@pytest.fixture
def in_process() -> Callable[..., InProcess]:
    """Make a cloud with the shop, without HTTP; arguments replace keys of the scenario."""
    return InProcess


@pytest.fixture
def cloud() -> InProcess:
    """Give the shop itself."""
    return InProcess()


@pytest.fixture
def emulate() -> Iterator[Callable[..., Emulator]]:
    """Start emulators with the shop; arguments replace keys of the scenario."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Emulator({**SHOP, "rate_limit": 0, **settings}))


@pytest.fixture(scope="session")
def sdk() -> Callable[..., ClbClient]:
    """Make the vendor's client for an emulator."""

    def make(emulator: Emulator, secret_key: str | None = None, **profile: Any) -> ClbClient:
        http = HttpProfile(protocol=emulator.url.partition("://")[0], endpoint=emulator.host, reqTimeout=5, **profile)
        credential = Credential(emulator.secret_id, secret_key or emulator.secret_key)
        return ClbClient(credential, emulator.region, ClientProfile(httpProfile=http))

    return make


@pytest.fixture
def refused() -> Callable[..., ApiError]:
    """Do something that must be refused, and return the refusal."""

    def check(action: Callable[..., Any], *arguments: Any, **keywords: Any) -> ApiError:
        with pytest.raises(ApiError) as caught:
            action(*arguments, **keywords)
        return caught.value

    return check
