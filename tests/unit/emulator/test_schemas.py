# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator's parameters and answers against the models of the vendor's SDK: names and types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tencentcloud.clb.v20180317 import models

from clb_emulator import api
from clb_emulator.params import SCHEMAS, Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import InProcess

ACTIONS = sorted(action for service, action in api.HANDLERS if service == "clb")
PLAIN = {"str": str, "int": int, "bool": bool, "float": float}
TYPE = r":type {}: (?:(list of )?(\w+)|:class:`[\w.]*?\.(\w+)`)\s"


def type_of(model: type, field: str) -> tuple[bool, Any]:
    """Return whether the SDK has a list in this field, and its (or its members') plain type or model.

    :raises AssertionError: the SDK does not know the field.
    """
    match = re.search(TYPE.format(field), model.__init__.__doc__ or "")
    assert match is not None, f"{model.__name__} has no {field}"
    name = match[2] or match[3]
    return bool(match[1]), PLAIN.get(name) or getattr(models, name)


def check_struct(struct: Struct, model: type) -> Iterator[str]:
    """Yield each parameter that was compared.

    :raises AssertionError: the SDK has another name or type.
    """
    for name, kind in struct.fields.items():
        is_list, expected = type_of(model, name)
        assert isinstance(kind, list) is is_list, f"{model.__name__}.{name}"
        member = kind[0] if isinstance(kind, list) else kind
        if isinstance(member, Struct):
            yield from check_struct(member, expected)
        else:
            assert member is expected, f"{model.__name__}.{name}"
        yield name
    assert set(struct.required) <= set(struct.fields)


@pytest.mark.parametrize("action", ACTIONS)
def test_every_parameter_is_the_sdks(action: str) -> None:
    assert list(check_struct(SCHEMAS[action], getattr(models, f"{action}Request")))


@pytest.mark.parametrize("struct", [Struct({"TaskID": str}), Struct({"TaskId": int}), Struct({"TaskId": [str]})])
def test_a_parameter_that_differs_is_found(struct: Struct) -> None:
    with pytest.raises(AssertionError):
        list(check_struct(struct, models.DescribeTaskStatusRequest))


def check_answer(answer: dict[str, Any], model: type) -> Iterator[str]:
    """Yield each field that was compared and was not null; see check_struct."""
    for name, value in answer.items():
        is_list, expected = type_of(model, name)
        if value is None:
            continue
        assert isinstance(value, list) is is_list, f"{model.__name__}.{name}"
        for member in value if isinstance(value, list) else [value]:
            if isinstance(member, dict):
                yield from check_answer(member, expected)
            else:
                assert type(member) is expected, f"{model.__name__}.{name}"
            yield name


TARGETS = [{"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}]
MODIFY = [{"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-a", "Port": 80, "Weight": 1}]}]
TAG = [{"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-a", "Port": 80, "Tag": "x"}]}]
LB = {"LoadBalancerId": "lb-1"}
PARAMS: dict[str, dict[str, Any]] = {
    "BatchDeregisterTargets": {**LB, "Targets": [{**TARGETS[0], "InstanceId": "ins-a"}]},
    "BatchModifyTargetTag": {**LB, "ModifyList": TAG},
    "BatchModifyTargetWeight": {**LB, "ModifyList": MODIFY},
    "BatchRegisterTargets": {**LB, "Targets": TARGETS},
    "DescribeLBListeners": {
        "Backends": [{"VpcId": "vpc-emulator", "PrivateIp": ip} for ip in ("10.0.0.1", "10.0.0.9")]
    },
    "DescribeListeners": LB,
    "DescribeLoadBalancers": {"AdditionalFields": ["TargetCount"]},
    "DescribeLoadBalancersDetail": {},
    "DescribeTargetHealth": {"LoadBalancerIds": ["lb-1"]},
    "DescribeTargets": LB,
    "DescribeTaskStatus": {},
    "RegisterTargets": {**LB, "ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-b", "Port": 80}]},
}


@pytest.mark.parametrize("action", ACTIONS)
def test_every_field_of_an_answer_is_the_sdks(
    in_process: Callable[..., InProcess], shop: dict[str, Any], action: str
) -> None:
    balancer = {**shop["load_balancers"][0], "tags": {"team": "web"}}
    function = {"Function": {"FunctionName": "f", "FunctionNamespace": "default"}, "Weight": 10}
    rule = {"id": "loc-f", "domain": "f.example.com", "function_targets": [function], "target_type": "TARGETGROUP"}
    web = {"id": "lbl-f", "protocol": "HTTPS", "port": 443, "rules": [rule]}
    balancer["listeners"] = [*balancer["listeners"], web]
    cloud = in_process(load_balancers=[balancer], number_layer4_rules=True)
    params = dict(PARAMS[action])
    if action == "DescribeTaskStatus":
        params["TaskId"] = cloud.write("BatchRegisterTargets", TARGETS[0])["RequestId"]
    seen = list(check_answer(cloud.call(action, **params), getattr(models, f"{action}Response")))
    assert "RequestId" in seen
    assert action not in ("DescribeTargets", "DescribeLBListeners") or "Weight" in seen


@pytest.mark.parametrize("answer", [{"Status": "0"}, {"Status": [0]}, {"State": 0}, {"LoadBalancerIds": [1]}])
def test_a_field_that_differs_is_found(answer: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        list(check_answer(answer, models.DescribeTaskStatusResponse))
