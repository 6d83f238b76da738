# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's SDK as a second client: it sees what the module did, and the module takes over what it did."""

from __future__ import annotations

import ipaddress
import time
from typing import Any

import pytest
from tencentcloud.clb.v20180317 import models
from tencentcloud.clb.v20180317.clb_client import ClbClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from .plays import play, shown, task, web_shop

# The vendor's SDK signs with it.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

TASK_DONE = 0


class Sdk:
    """The vendor's client for the load balancer lb-1."""

    def __init__(self, emulator: Any) -> None:
        profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=emulator.host))
        self._client = ClbClient(Credential(emulator.secret_id, emulator.secret_key), emulator.region, profile)

    def call(self, action: str, **params: Any) -> Any:
        request = getattr(models, f"{action}Request")()
        request._deserialize(params)
        return getattr(self._client, action)(request)

    def write(self, action: str, **params: Any) -> None:
        """Write, and poll the task to its end as users of the SDK do."""
        task_id = self.call(action, LoadBalancerId="lb-1", **params).RequestId
        for _ in range(50):
            if self.call("DescribeTaskStatus", TaskId=task_id).Status == TASK_DONE:
                return
            time.sleep(0.05)
        pytest.fail(f"{action} did not end")

    def bound(self) -> set[tuple[Any, ...]]:
        """Listener, rule, instance or address, port, weight and tag of everything that is bound."""
        return {
            (
                listener.ListenerId,
                getattr(place, "LocationId", None),
                target.InstanceId or str(ipaddress.ip_address(target.PrivateIpAddresses[0])),
                target.Port,
                target.Weight,
                target.Tag,
            )
            for listener in self.call("DescribeTargets", LoadBalancerId="lb-1").Listeners
            for place in (listener, *(listener.Rules or ()))
            for target in place.Targets or ()
        }


@pytest.fixture
def sdk(emulator):
    emulator.load({"task_seconds": 0.05, "load_balancers": [web_shop()]})
    return Sdk(emulator)


WANTED = [
    {"listener_id": "lbl-tcp", "instance_id": "ins-n", "port": 8443, "weight": 30, "tag": "grün"},
    {"location_id": "loc-api", "eni_ip": "2001:db8::7", "port": 9000, "weight": 1},
]
BOUND = {
    ("lbl-tcp", None, "ins-n", 8443, 30, "grün"),
    ("lbl-http", "loc-api", "2001:db8::7", 9000, 1, ""),
}


def test_the_sdk_sees_what_the_module_did(playbook, emulator, sdk):
    before = sdk.bound()
    gone = {binding for binding in before if binding[0] == "lbl-dns-tcp"}
    drained = {binding for binding in before if binding[0] == "lbl-dns-udp"}
    plays = play(
        task("Bind", targets=WANTED),
        task("Unbind", state="absent", targets=[{"listener_id": "lbl-dns-tcp"}]),
        task("Drain", state="drained", targets=[{"listener_id": "lbl-dns-udp"}]),
        module_defaults={"group/tencentcloud.clb.all": {"load_balancer_id": "lb-1"}},
    )
    run = playbook(plays)

    assert run.rc == 0, run.output
    assert gone
    assert drained
    assert sdk.bound() == ((before | BOUND) - gone - drained) | {(*one[:4], 0, one[5]) for one in drained}


def test_the_module_finds_what_the_sdk_bound_and_corrects_what_it_changed(playbook, emulator, sdk):
    sdk.write(
        "BatchRegisterTargets",
        Targets=[
            {"ListenerId": "lbl-tcp", "InstanceId": "ins-n", "Port": 8443, "Weight": 30, "Tag": "grün"},
            {"ListenerId": "lbl-http", "LocationId": "loc-api", "EniIp": "2001:DB8:0::7", "Port": 9000, "Weight": 1},
        ],
    )
    options = {"load_balancer_id": "lb-1", "targets": WANTED}
    unchanged = playbook(play(task("Bind", **options)))

    assert unchanged.rc == 0, unchanged.output
    assert unchanged.task("Bind").changed is False
    assert unchanged.result("Bind")["api_calls"] == {"DescribeTargets": 1}

    other = {"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-n", "Port": 8443, "Weight": 99}]}
    sdk.write("BatchModifyTargetWeight", ModifyList=[other])
    corrected = playbook(play(shown("Bind", **options)))

    assert [entry["before"]["weight"] for entry in corrected.result("Bind")["modified"]] == [99]
    assert sdk.bound() >= BOUND
