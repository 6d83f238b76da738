# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The small cloud from which the emulator's tests start, in this process and on a clock that only ``sleep`` moves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from clb_emulator import api
from clb_emulator.errors import ApiError
from clb_emulator.inprocess import InProcess

if TYPE_CHECKING:
    from clb_emulator.answer import Answer

ZONE = {"name": "a", "zone": "ap-guangzhou-3", "public_ips": ["203.0.113.1"]}
TCP_TARGET = {"instance_id": "ins-a", "port": 80, "tag": "blue"}
RULES = [
    {
        "id": "loc-1",
        "domain": "a.example.com",
        "url": "/",
        "targets": [{"eni_ip": "10.0.0.9", "port": 8080, "weight": 20}],
    },
    {"id": "loc-2", "domain": "b.example.com", "url": "/v1"},
]
LISTENERS: list[dict[str, Any]] = [
    {"id": "lbl-tcp", "protocol": "TCP", "port": 443, "targets": [TCP_TARGET]},
    {"id": "lbl-http", "protocol": "HTTP", "port": 80, "rules": RULES},
    {"id": "lbl-group", "protocol": "TCP", "port": 9000, "target_type": "TARGETGROUP"},
]
SHOP: dict[str, Any] = {
    "rate_limit": 0,
    "instances": {"ins-a": {"ip": "10.0.0.1", **ZONE}, "ins-b": {"ip": "10.0.0.2"}},
    "load_balancers": [{"id": "lb-1", "name": "shop", "listeners": LISTENERS}],
}

REGISTER, DEREGISTER = "BatchRegisterTargets", "BatchDeregisterTargets"
WEIGHT, TAG = "BatchModifyTargetWeight", "BatchModifyTargetTag"
TARGETS, HEALTH, LISTING = "DescribeTargets", "DescribeTargetHealth", "DescribeLoadBalancers"
LB = {"LoadBalancerId": "lb-1"}
A = {"ListenerId": "lbl-tcp", "InstanceId": "ins-a", "Port": 80}
B = {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}
RULE = {"ListenerId": "lbl-http", "LocationId": "loc-2", "EniIp": "10.0.0.7", "Port": 8080}
BUSY = "FailedOperation.ResourceInOperating"


class Shop(InProcess):
    """The shop; arguments replace keys of its scenario."""

    def __init__(self, **settings: Any) -> None:
        super().__init__({**SHOP, **settings})

    def ask(self, action: str, **params: Any) -> dict[str, Any]:
        return self.call(action, params)

    def raw(self, action: str, **params: Any) -> Answer:
        return api.handle_unsigned(self.cloud, action, params, self.region)

    def refusal(self, action: str, **params: Any) -> ApiError | None:
        """How a call is refused; None where it is not."""
        try:
            self.call(action, params)
        except ApiError as error:
            return error
        return None

    def code(self, action: str, **params: Any) -> str | None:
        error = self.refusal(action, **params)
        return error and error.code

    def write(self, action: str, *targets: dict[str, Any]) -> dict[str, Any]:
        return self.call(action, {**LB, "Targets": list(targets)})

    def status(self, task: dict[str, Any]) -> int:
        return int(self.ask("DescribeTaskStatus", TaskId=task["RequestId"])["Status"])

    def targets(self, listener_id: str = "lbl-tcp", location_id: str | None = None) -> list[dict[str, Any]]:
        (listener,) = self.ask(TARGETS, **LB, ListenerIds=[listener_id])["Listeners"]
        if location_id is None:
            return listener["Targets"]
        (found,) = (rule["Targets"] for rule in listener["Rules"] if rule["LocationId"] == location_id)
        return found

    def ports(self) -> list[int]:
        return [target["Port"] for target in self.targets("lbl-http", "loc-2")]

    def health(self, **params: Any) -> dict[tuple[str, str | None], list[tuple[str, bool, str]]]:
        """IP, HealthStatus and HealthStatusDetail by listener and location."""
        (balancer,) = self.ask(HEALTH, LoadBalancerIds=["lb-1"], **params)["LoadBalancers"]
        return {
            (listener["ListenerId"], rule["LocationId"]): [
                (target["IP"], target["HealthStatus"], target["HealthStatusDetail"]) for target in rule["Targets"]
            ]
            for listener in balancer["Listeners"]
            for rule in listener["Rules"]
        }


def batch(amount: int) -> dict[str, Any]:
    return {**LB, "Targets": [{**A, "Port": port} for port in range(1, amount + 1)]}


def modify(*sizes: int, **change: Any) -> dict[str, Any]:
    """Parameters that change ins-a so many times in each entry."""
    target = {"InstanceId": "ins-a", "Port": 80, **(change or {"Weight": 1})}
    return {**LB, "ModifyList": [{"ListenerId": "lbl-tcp", "Targets": [target] * size} for size in sizes]}


def response(answer: Answer) -> dict[str, Any]:
    return json.loads(answer.body)["Response"]
