# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's own client must notice no difference: neither over the wire, nor in a name or type of any field."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tencentcloud.clb.v20180317 import errorcodes, models
from tencentcloud.clb.v20180317.clb_client import ClbClient
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from clb_emulator import api
from clb_emulator.params import SCHEMAS, Struct
from clb_emulator.testing import Emulator

from .shop import DEREGISTER, HEALTH, LB, LISTING, REGISTER, SHOP, TAG, TARGETS, WEIGHT, A, B, Shop, modify

if TYPE_CHECKING:
    from collections.abc import Iterator

# The SDK reckons its dates in a way that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

PLACE = {"ListenerId": "lbl-http", "LocationId": "loc-2"}
TARGET = {"EniIp": "10.0.0.7", "Port": 8080}


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator(SHOP) as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    running.load(SHOP)
    return running


def profile(emulator: Emulator) -> ClientProfile:
    return ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=emulator.host, reqTimeout=30))


def sdk(emulator: Emulator, secret_key: str | None = None) -> ClbClient:
    credential = Credential(emulator.secret_id, secret_key or emulator.secret_key)
    return ClbClient(credential, emulator.region, profile(emulator))


def ask(client: ClbClient, action: str, **params: Any) -> Any:
    request = getattr(models, f"{action}Request")()
    request.from_json_string(json.dumps(params))
    return getattr(client, action)(request)


def code(client: ClbClient, action: str, **params: Any) -> str | None:
    try:
        ask(client, action, **params)
    except TencentCloudSDKException as error:
        return str(error.code)
    return None


def finish(client: ClbClient, answer: Any) -> list[int]:
    """Poll a task, as the SDK's users do, until it is done; return what was seen."""
    seen: list[int] = []
    while 2 in seen[-1:] or not seen:
        seen.append(ask(client, "DescribeTaskStatus", TaskId=answer.RequestId).Status)
        time.sleep(0.02)
    return seen


def test_register_poll_describe_modify_deregister(emulator: Emulator) -> None:
    emulator.configure(task_seconds=1000)
    client, new = sdk(emulator), {**PLACE, **TARGET, "Tag": "标签", "Weight": 7}
    answer = ask(client, REGISTER, **LB, Targets=[new])
    assert (answer.FailListenerIdSet, answer.Message) == ([], "")
    assert code(client, REGISTER, **LB, Targets=[new]) == errorcodes.FAILEDOPERATION_RESOURCEINOPERATING
    assert ask(client, "DescribeTaskStatus", TaskId=answer.RequestId).Status == 2
    emulator.load(SHOP, task_seconds=0.2)
    assert finish(client, ask(client, REGISTER, **LB, Targets=[new]))[-1] == 0
    (listener,) = ask(client, TARGETS, **LB, ListenerIds=["lbl-http"]).Listeners
    (backend,) = listener.Rules[1].Targets
    shown = (listener.Targets, backend.Type, backend.PrivateIpAddresses, backend.Tag)
    assert shown == (None, "ENI", ["10.0.0.7"], "标签")
    finish(client, ask(client, WEIGHT, **LB, ModifyList=[{**PLACE, "Targets": [{**TARGET, "Weight": 0}]}]))
    ask(client, TAG, **LB, ModifyList=[{**PLACE, "Targets": [{**TARGET, "Tag": "v2"}]}])
    assert ("lbl-http", "loc-2", "10.0.0.7", 8080, 0, "v2") in emulator.bindings("lb-1")
    listeners = ask(client, HEALTH, LoadBalancerIds=["lb-1"]).LoadBalancers[0].Listeners
    rules = {rule.LocationId: rule.Targets for listener in listeners for rule in listener.Rules}
    assert [(health.IP, health.HealthStatusDetail) for health in rules["loc-2"]] == [("10.0.0.7", "Alive")]
    gone = {**PLACE, **TARGET}
    finish(client, ask(client, DEREGISTER, **LB, Targets=[gone]))
    assert "10.0.0.7" not in {binding[2] for binding in emulator.bindings()}
    assert code(client, DEREGISTER, **LB, Targets=[gone]) == errorcodes.INVALIDPARAMETER


@pytest.mark.parametrize("kind, bound", [("cut_before", 2), ("cut_after", 3), ("hang", 2)])
def test_a_connection_that_is_cut(emulator: Emulator, kind: str, bound: int) -> None:
    emulator.configure(task_seconds=0)
    emulator.add_faults({"action": "Batch*", "kind": kind, **({"seconds": 0.1} if kind == "hang" else {})})
    assert code(sdk(emulator), REGISTER, **LB, Targets=[B]) == "ClientNetworkError"
    assert len(emulator.bindings()) == bound


def test_a_wrong_key_and_a_payload_without_signature(emulator: Emulator) -> None:
    assert code(sdk(emulator, "wrong"), TARGETS, **LB) == "AuthFailure.SignatureFailure"
    client = sdk(emulator)
    client.profile.unsignedPayload = True
    assert code(client, TARGETS, **LB) is None


@settings(max_examples=25, deadline=None)
@given(name=st.text(max_size=20), offset=st.integers(0, 5))
def test_whatever_the_sdk_signs_is_accepted(running: Emulator, name: str, offset: int) -> None:
    running.load(SHOP)
    ask(sdk(running), LISTING, LoadBalancerName=name, Offset=offset)


def test_assuming_a_role(emulator: Emulator) -> None:
    role = "qcs::cam::uin/100000000001:roleName/deploy"
    emulator.load(SHOP, sts={"roles": {role: None}, "web_identity_tokens": {"jwt": {}}})
    asked, client = {"RoleArn": role, "RoleSessionName": "test"}, sdk(emulator)
    own = Credential(emulator.secret_id, emulator.secret_key)
    sts = CommonClient("sts", "2018-08-13", own, emulator.region, profile(emulator))
    given = sts.call_json("AssumeRole", asked)["Response"]["Credentials"]
    client.credential = Credential(given["TmpSecretId"], given["TmpSecretKey"], given["Token"])
    assert code(client, TARGETS, **LB) is None
    assert emulator.calls(TARGETS)[0]["secret_id"] == given["TmpSecretId"]
    emulator.expire_tokens()
    assert code(client, TARGETS, **LB) == errorcodes.AUTHFAILURE_TOKENFAILURE
    unsigned = CommonClient("sts", "2018-08-13", None, emulator.region, profile(emulator))
    web = {"ProviderId": "tke", "WebIdentityToken": "jwt", **asked}
    answer = unsigned.call_json("AssumeRoleWithWebIdentity", web, options={"SkipSign": True})["Response"]
    assert answer["Credentials"]["Token"]


ACTIONS = sorted(action for service, action in api.HANDLERS if service == "clb")
PLAIN = {"str": str, "int": int, "bool": bool, "float": float}
TYPE = r":type {}: (?:(list of )?(\w+)|:class:`[\w.]*?\.(\w+)`)\s"


def type_of(model: type, field: str) -> tuple[bool, Any]:
    """Return whether the SDK has a list in this field, and its (or its members') plain type or model."""
    match = re.search(TYPE.format(field), model.__init__.__doc__ or "")
    assert match is not None, f"{model.__name__} has no {field}"
    name = match[2] or match[3]
    return bool(match[1]), PLAIN.get(name) or getattr(models, name)


def check_struct(struct: Struct, model: type) -> Iterator[str]:
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


@pytest.mark.parametrize("action", ACTIONS)
def test_every_parameter_is_the_sdks(action: str) -> None:
    assert list(check_struct(SCHEMAS[action], getattr(models, f"{action}Request")))


BACKENDS = [{"VpcId": "vpc-emulator", "PrivateIp": address} for address in ("10.0.0.1", "10.0.0.9")]
PARAMS: dict[str, dict[str, Any]] = {
    DEREGISTER: {**LB, "Targets": [A]},
    TAG: modify(1, Tag="x"),
    WEIGHT: modify(1),
    REGISTER: {**LB, "Targets": [B]},
    "DescribeLBListeners": {"Backends": BACKENDS},
    "DescribeListeners": LB,
    LISTING: {"AdditionalFields": ["TargetCount"]},
    "DescribeLoadBalancersDetail": {},
    HEALTH: {"LoadBalancerIds": ["lb-1"]},
    TARGETS: LB,
    "DescribeTaskStatus": {},
    "RegisterTargets": {**LB, "ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-b", "Port": 80}]},
}


@pytest.mark.parametrize("action", ACTIONS)
def test_every_field_of_an_answer_is_the_sdks(action: str) -> None:
    function = {"Function": {"FunctionName": "f", "FunctionNamespace": "default"}, "Weight": 10}
    rule = {"id": "loc-f", "domain": "f.example.com", "function_targets": [function], "target_type": "TARGETGROUP"}
    balancer = {**SHOP["load_balancers"][0], "tags": {"team": "web"}}
    web = {"id": "lbl-f", "protocol": "HTTPS", "port": 443, "rules": [rule]}
    balancer["listeners"] = [*balancer["listeners"], web]
    cloud = Shop(load_balancers=[balancer], number_layer4_rules=True)
    params = dict(PARAMS[action])
    if action == "DescribeTaskStatus":
        params["TaskId"] = cloud.write(REGISTER, B)["RequestId"]
    seen = list(check_answer(cloud.ask(action, **params), getattr(models, f"{action}Response")))
    assert "RequestId" in seen
    assert action not in (TARGETS, "DescribeLBListeners") or "Weight" in seen
