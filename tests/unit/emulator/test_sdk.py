# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vendor's own client must notice no difference."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tencentcloud.clb.v20180317 import errorcodes, models
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from clb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tencentcloud.clb.v20180317.clb_client import ClbClient


# The SDK reckons its dates in a way that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")


def ask(client: ClbClient, action: str, **params: Any) -> Any:
    """Send parameters through the SDK's request model, and return its response model."""
    request = getattr(models, f"{action}Request")()
    request.from_json_string(json.dumps(params))
    return getattr(client, action)(request)


def finish(client: ClbClient, task_id: str) -> list[int]:
    """Poll a task, as the SDK's users do, until it is done; return what was seen."""
    seen: list[int] = []
    while 2 in seen[-1:] or not seen:
        seen.append(ask(client, "DescribeTaskStatus", TaskId=task_id).Status)
        time.sleep(0.02)
    return seen


def test_register_poll_describe_modify_deregister(
    emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient]
) -> None:
    emulator = emulate(task_seconds=0.2)
    client = sdk(emulator)
    place = {"ListenerId": "lbl-http", "LocationId": "loc-2"}
    target = {"EniIp": "10.0.0.7", "Port": 8080}
    answer = ask(
        client, "BatchRegisterTargets", LoadBalancerId="lb-1", Targets=[{**place, **target, "Tag": "标签", "Weight": 7}]
    )
    assert (answer.FailListenerIdSet, answer.Message) == ([], "")
    with pytest.raises(TencentCloudSDKException) as busy:
        ask(client, "BatchRegisterTargets", LoadBalancerId="lb-1", Targets=[{**place, **target}])
    assert busy.value.code == errorcodes.FAILEDOPERATION_RESOURCEINOPERATING
    seen = finish(client, answer.RequestId)
    assert (seen[0], seen[-1]) == (2, 0)

    listeners = ask(client, "DescribeTargets", LoadBalancerId="lb-1", ListenerIds=["lbl-http"]).Listeners
    assert listeners[0].Targets is None
    (backend,) = listeners[0].Rules[1].Targets
    assert (backend.Type, backend.PrivateIpAddresses, backend.Tag) == ("ENI", ["10.0.0.7"], "标签")

    entry = {**place, "Targets": [{**target, "Weight": 0}]}
    finish(client, ask(client, "BatchModifyTargetWeight", LoadBalancerId="lb-1", ModifyList=[entry]).RequestId)
    entry = {**place, "Targets": [{**target, "Tag": "v2"}]}
    ask(client, "BatchModifyTargetTag", LoadBalancerId="lb-1", ModifyList=[entry])
    assert ("lbl-http", "loc-2", "10.0.0.7", 8080, 0, "v2") in emulator.bindings("lb-1")

    health = ask(client, "DescribeTargetHealth", LoadBalancerIds=["lb-1"]).LoadBalancers[0]
    details = {
        (rule.LocationId, health_of.IP): (health_of.HealthStatus, health_of.HealthStatusDetail)
        for listener in health.Listeners
        for rule in listener.Rules
        for health_of in rule.Targets
    }
    assert details["loc-2", "10.0.0.7"] == (True, "Alive")

    done = ask(client, "BatchDeregisterTargets", LoadBalancerId="lb-1", Targets=[{**place, **target}])
    finish(client, done.RequestId)
    assert "10.0.0.7" not in {binding[2] for binding in emulator.bindings()}
    with pytest.raises(TencentCloudSDKException) as gone:
        ask(client, "BatchDeregisterTargets", LoadBalancerId="lb-1", Targets=[{**place, **target}])
    assert gone.value.code == errorcodes.INVALIDPARAMETER
    assert emulator.count("BatchDeregisterTargets") == 2


def test_the_call_for_one_listener(emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient]) -> None:
    emulator = emulate()
    client = sdk(emulator)
    params = {"LoadBalancerId": "lb-1", "ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-b", "Port": 80}]}
    finish(client, ask(client, "RegisterTargets", **params).RequestId)
    assert ("lbl-tcp", None, "ins-b", 80, 10, "") in emulator.bindings()


def test_finding_load_balancers_and_listeners(emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient]) -> None:
    client = sdk(emulate())
    found = ask(client, "DescribeLoadBalancers", LoadBalancerName="ho")
    assert (found.TotalCount, found.LoadBalancerSet[0].LoadBalancerId) == (1, "lb-1")
    listeners = ask(client, "DescribeListeners", LoadBalancerId="lb-1", Protocol="HTTP")
    assert [rule.Url for rule in listeners.Listeners[0].Rules] == ["/", "/v1"]


MODELS = {
    "DescribeTargets": models.ListenerBackend,
    "DescribeListeners": models.Listener,
}


@pytest.mark.parametrize("action", MODELS)
@pytest.mark.filterwarnings("error::UserWarning")
def test_no_field_is_unknown_to_the_sdk(
    emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient], action: str
) -> None:
    raw = json.loads(sdk(emulate()).call(action, {"LoadBalancerId": "lb-1"}))["Response"]["Listeners"]
    for listener in raw:
        assert_known(listener, MODELS[action]())


def assert_known(raw: dict[str, Any], model: Any) -> None:
    fields = {name[1:] for name in vars(model)}
    assert raw.keys() <= fields, type(model).__name__
    model._deserialize(raw)
    for name, value in raw.items():
        inner = getattr(model, name)
        for item, parsed in zip(value, inner, strict=True) if isinstance(value, list) else [(value, inner)]:
            if isinstance(item, dict):
                assert_known(item, type(parsed)())


def test_a_wrong_key_is_refused(emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient]) -> None:
    emulator = emulate()
    with pytest.raises(TencentCloudSDKException) as caught:
        ask(sdk(emulator, secret_key="wrong"), "DescribeTargets", LoadBalancerId="lb-1")
    assert caught.value.code == "AuthFailure.SignatureFailure"
    assert caught.value.requestId == emulator.calls()[0]["request_id"]


@pytest.fixture(scope="module")
def lasting(shop: dict[str, Any], sdk: Callable[..., ClbClient]) -> Iterator[ClbClient]:
    """Give a client of an emulator that lasts for many generated requests."""
    with Emulator(shop, rate_limit=0) as emulator:
        yield sdk(emulator)


@settings(max_examples=50, deadline=None)
@given(name=st.text(max_size=20), offset=st.integers(0, 5))
def test_whatever_the_sdk_signs_is_accepted(lasting: ClbClient, name: str, offset: int) -> None:
    ask(lasting, "DescribeLoadBalancers", LoadBalancerName=name, Offset=offset)


def test_unsigned_payload(emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient]) -> None:
    client = sdk(emulate())
    client.profile.unsignedPayload = True
    assert ask(client, "DescribeTargets", LoadBalancerId="lb-1").Listeners


def test_assuming_a_role(emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient]) -> None:
    role = "qcs::cam::uin/100000000001:roleName/deploy"
    emulator = emulate(sts={"roles": {role: None}})
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=emulator.host))
    credential = Credential(emulator.secret_id, emulator.secret_key)
    sts = CommonClient("sts", "2018-08-13", credential, emulator.region, profile)
    given = sts.call_json("AssumeRole", {"RoleArn": role, "RoleSessionName": "test"})["Response"]["Credentials"]
    client = sdk(emulator)
    client.credential = Credential(given["TmpSecretId"], given["TmpSecretKey"], given["Token"])
    assert ask(client, "DescribeTargets", LoadBalancerId="lb-1").Listeners
    assert emulator.calls("DescribeTargets")[0]["secret_id"] == given["TmpSecretId"]
    emulator.expire_tokens()
    with pytest.raises(TencentCloudSDKException) as ended:
        ask(client, "DescribeTargets", LoadBalancerId="lb-1")
    assert ended.value.code == errorcodes.AUTHFAILURE_TOKENFAILURE


def test_an_unsigned_role_for_a_web_identity(emulate: Callable[..., Emulator]) -> None:
    role = "qcs::cam::uin/100000000001:roleName/pod"
    emulator = emulate(sts={"roles": {role: None}, "web_identity_tokens": {"jwt": {}}})
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=emulator.host))
    sts = CommonClient("sts", "2018-08-13", None, emulator.region, profile)
    params = {"ProviderId": "tke", "WebIdentityToken": "jwt", "RoleArn": role, "RoleSessionName": "pod"}
    answer = sts.call_json("AssumeRoleWithWebIdentity", params, options={"SkipSign": True})["Response"]
    assert answer["Credentials"]["Token"]


def test_rate_limit_and_clock(emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient]) -> None:
    emulator = emulate(rate_limit=3)
    client = sdk(emulator)
    codes = []
    for _ in range(5):
        try:
            ask(client, "DescribeTargets", LoadBalancerId="lb-1")
        except TencentCloudSDKException as error:
            codes.append(error.code)
    assert codes == ["RequestLimitExceeded"] * 2
    emulator.load(emulator.scenario, clock_offset=-601)
    with pytest.raises(TencentCloudSDKException) as late:
        ask(client, "DescribeTargets", LoadBalancerId="lb-1")
    assert late.value.code == "AuthFailure.SignatureExpire"


def test_looking_for_load_balancers(emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient]) -> None:
    old = {"id": "lb-old", "forward": 0}
    six = {"id": "lb-six", "ipv6": "2001:db8::80", "tags": {"team": "web"}, "vpc_id": "vpc-2"}
    client = sdk(emulate(load_balancers=[old, six, {"id": "lb-new"}]))

    def found(**params: Any) -> list[str]:
        return [item.LoadBalancerId for item in ask(client, "DescribeLoadBalancers", **params).LoadBalancerSet]

    assert found(Forward=1) == ["lb-new", "lb-six"]
    assert found(WithRs=1, BackendPrivateIps=["10.0.0.1"]) == []
    assert found(VpcId="vpc-2", Filters=[{"Name": "tag:team", "Values": ["web"]}]) == ["lb-six"]
    (shown,) = ask(client, "DescribeLoadBalancers", LoadBalancerIds=["lb-six"]).LoadBalancerSet
    assert (shown.AddressIPv6, shown.LoadBalancerVips, shown.Tags[0].TagKey) == ("2001:db8::80", [], "team")
    with pytest.raises(TencentCloudSDKException) as classic:
        ask(client, "DescribeTargets", LoadBalancerId="lb-old")
    assert classic.value.code == errorcodes.UNSUPPORTEDOPERATION


def test_looking_for_what_is_behind_an_address(emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient]) -> None:
    client = sdk(emulate())
    backends = [{"VpcId": "vpc-emulator", "PrivateIp": address} for address in ("10.0.0.1", "10.0.0.9")]
    (balancer,) = ask(client, "DescribeLBListeners", Backends=backends).LoadBalancers
    assert (balancer.LoadBalancerId, balancer.Region) == ("lb-1", "ap-guangzhou")
    tcp, http = balancer.Listeners
    assert [(target.Type, target.PrivateIp, target.Port, target.Weight) for target in tcp.Targets] == [
        ("cvm", "10.0.0.1", 80, 10)
    ]
    assert [(rule.LocationId, [target.Type for target in rule.Targets]) for rule in http.Rules] == [("loc-1", ["eni"])]


@pytest.mark.parametrize(
    "style, code",
    [
        ("coded", errorcodes.FAILEDOPERATION_RESOURCEINOPERATING),
        ("text", errorcodes.FAILEDOPERATION),
        ("text2", errorcodes.FAILEDOPERATION),
        ("in_use", errorcodes.RESOURCEINUSE),
        ("unavailable", errorcodes.RESOURCEUNAVAILABLE),
    ],
)
def test_busy_while_a_batch_is_done_already(
    emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient], style: str, code: str
) -> None:
    emulator = emulate(batch_is_task=False, lock_after=30, busy_style=style)
    client = sdk(emulator)
    batch = {"LoadBalancerId": "lb-1", "Targets": [{"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}]}
    task = ask(client, "BatchRegisterTargets", **batch).RequestId
    assert len(ask(client, "DescribeTargets", LoadBalancerId="lb-1").Listeners[0].Targets) == 2
    with pytest.raises(TencentCloudSDKException) as busy:
        ask(client, "BatchDeregisterTargets", **batch)
    assert busy.value.code == code
    with pytest.raises(TencentCloudSDKException) as unknown:
        ask(client, "DescribeTaskStatus", TaskId=task)
    assert unknown.value.code == errorcodes.INVALIDPARAMETER


def test_the_sdk_reads_sparse_answers_in_any_order(
    emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient]
) -> None:
    client = sdk(emulate(sparse=True, order="random", task_seconds=0))
    listeners = {item.ListenerId: item for item in ask(client, "DescribeTargets", LoadBalancerId="lb-1").Listeners}
    assert (listeners["lbl-group"].Targets, listeners["lbl-tcp"].Targets[0].Zone) == (None, None)
    (listed,) = ask(client, "DescribeLoadBalancers", AdditionalFields=["TargetCount"]).LoadBalancerSet
    assert (listed.Tags, listed.TargetCount) == (None, 2)
    target = {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}
    assert ask(client, "BatchRegisterTargets", LoadBalancerId="lb-1", Targets=[target]).FailListenerIdSet is None
