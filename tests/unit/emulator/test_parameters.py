# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from clb_emulator.errors import ApiError

    from .conftest import InProcess

    Refused = Callable[..., ApiError]

TCP = {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}
HTTP = {"ListenerId": "lbl-http", "LocationId": "loc-1", "EniIp": "10.0.0.9", "Port": 8080}


def without(target: dict[str, Any], *names: str, **others: Any) -> dict[str, Any]:
    return {**{name: value for name, value in target.items() if name not in names}, **others}


@pytest.mark.parametrize(
    "target, expected",
    [
        (without(TCP, "Port"), "MissingParameter"),
        (without(TCP, "ListenerId"), "MissingParameter"),
        (without(TCP, "InstanceId"), "MissingParameter"),
        (without(TCP, Port=None), "MissingParameter"),
        (without(TCP, EniIp="10.0.0.5"), "InvalidParameter"),
        (without(TCP, Port="80"), "InvalidParameter"),
        (without(TCP, Port=True), "InvalidParameter"),
        (without(TCP, Wight=5), "UnknownParameter"),
        (without(TCP, Port=0), "InvalidParameterValue.Range"),
        (without(TCP, Port=65536), "InvalidParameterValue.Range"),
        (without(TCP, Weight=-1), "InvalidParameterValue.Range"),
        (without(TCP, Weight=101), "InvalidParameterValue.Range"),
        (without(TCP, "InstanceId", EniIp="10.0.0"), "InvalidParameter.FormatError"),
        (without(TCP, ListenerId="lbl-none"), "InvalidParameter.ListenerIdNotFound"),
        (without(TCP, LocationId="loc-1"), "InvalidParameter.ProtocolCheckFailed"),
        (without(TCP, ListenerId="lbl-group"), "InvalidParameter"),
        (without(HTTP, "LocationId"), "InvalidParameter.LocationNotFound"),
        (without(HTTP, LocationId="loc-none"), "InvalidParameter.LocationNotFound"),
    ],
)
def test_one_bad_target_refuses_the_batch(
    cloud: InProcess, refused: Refused, target: dict[str, Any], expected: str
) -> None:
    before = cloud.cloud.state()
    assert refused(cloud.write, "BatchRegisterTargets", TCP, target).code == expected
    cloud.wait(1)
    assert cloud.cloud.state() == before
    assert not cloud.cloud.tasks


def test_unknown_instance(in_process: Callable[..., InProcess], refused: Refused) -> None:
    target = without(TCP, InstanceId="ins-unheard")
    assert refused(in_process(unknown_instances="refuse").write, "BatchRegisterTargets", target).code == (
        "InvalidParameter"
    )
    accepting = in_process()
    accepting.write("BatchRegisterTargets", target)
    accepting.wait(1)
    shown = accepting.targets("lbl-tcp")[-1]
    assert shown["InstanceId"] == "ins-unheard"
    assert shown["PrivateIpAddresses"][0].startswith("10.")


@pytest.mark.parametrize(
    "target", [without(HTTP, Port=8081), without(HTTP, LocationId="loc-2"), without(TCP, InstanceId="ins-b")]
)
@pytest.mark.parametrize("action", ["BatchDeregisterTargets", "BatchModifyTargetWeight", "BatchModifyTargetTag"])
def test_not_bound(cloud: InProcess, refused: Refused, action: str, target: dict[str, Any]) -> None:
    if action == "BatchDeregisterTargets":
        error = refused(cloud.write, action, target)
    else:
        places: dict[str, Any] = {name: target[name] for name in ("ListenerId", "LocationId") if name in target}
        entry: dict[str, Any] = {**places, "Targets": [without(target, "ListenerId", "LocationId")]}
        error = refused(cloud.call, action, LoadBalancerId="lb-1", ModifyList=[entry])
    assert error.code == "InvalidParameter"
    assert "is not bound" in error.message


def batch(amount: int) -> dict[str, Any]:
    targets = [{**TCP, "InstanceId": f"ins-{number}"} for number in range(amount)]
    return {"LoadBalancerId": "lb-1", "Targets": targets}


def modify(entries: int, targets: int) -> dict[str, Any]:
    bound: list[dict[str, Any]] = [{"InstanceId": "ins-a", "Port": 80, "Weight": 1}] * targets
    entry: dict[str, Any] = {"ListenerId": "lbl-tcp", "Targets": bound}
    return {"LoadBalancerId": "lb-1", "ModifyList": [entry] * entries}


def retag(entries: int, targets: int) -> dict[str, Any]:
    params = modify(entries, targets)
    for entry in params["ModifyList"]:
        entry["Targets"] = [{"InstanceId": "ins-a", "Port": 80, "Tag": "x"}] * targets
    return params


def single(amount: int) -> dict[str, Any]:
    targets = [{"InstanceId": f"ins-{number}", "Port": 80} for number in range(amount)]
    return {"LoadBalancerId": "lb-1", "ListenerId": "lbl-tcp", "Targets": targets}


@pytest.mark.parametrize(
    "action, fits, too_long",
    [
        ("BatchRegisterTargets", batch(500), batch(501)),
        ("BatchRegisterTargets", batch(1), batch(0)),
        ("BatchDeregisterTargets", None, batch(501)),
        ("BatchModifyTargetWeight", modify(100, 5), modify(101, 1)),
        ("BatchModifyTargetWeight", modify(1, 50), modify(1, 51)),
        ("BatchModifyTargetWeight", modify(10, 50), modify(11, 50)),
        ("BatchModifyTargetTag", retag(1, 500), retag(1, 501)),
        ("RegisterTargets", single(20), single(21)),
        ("DescribeTargets", {"LoadBalancerId": "lb-1", "ListenerIds": ["lbl-tcp"] * 20}, None),
        ("DescribeTargets", None, {"LoadBalancerId": "lb-1", "ListenerIds": ["lbl-tcp"] * 21}),
        ("DescribeListeners", None, {"LoadBalancerId": "lb-1", "ListenerIds": ["lbl-tcp"] * 101}),
        ("DescribeTargetHealth", {"LoadBalancerIds": ["lb-1"] * 30}, {"LoadBalancerIds": ["lb-1"] * 31}),
        ("DescribeLoadBalancers", None, {"LoadBalancerIds": ["lb-1"] * 21}),
    ],
)
def test_lengths(in_process: Callable[..., InProcess], refused: Refused, action: str, fits: Any, too_long: Any) -> None:
    cloud = in_process(quotas={"targets": 1000}, task_seconds=0)
    if too_long is not None:
        assert refused(cloud.call, action, **too_long).code == "InvalidParameterValue.Length"
    if fits is not None:
        cloud.call(action, **fits)


@pytest.mark.parametrize("counts, again", [("new", True), ("sent", False)])
def test_quota_counts_what_is_bound_and_what_is_sent(
    in_process: Callable[..., InProcess], refused: Refused, counts: str, again: bool
) -> None:
    cloud = in_process(quotas={"targets": 2}, quota_counts=counts, task_seconds=0)
    known, new, more = ({**TCP, "InstanceId": name} for name in ("ins-a", "ins-b", "ins-c"))
    assert refused(cloud.write, "BatchRegisterTargets", known, new, more).code == "LimitExceeded"
    cloud.write("BatchRegisterTargets", new)
    assert refused(cloud.write, "BatchRegisterTargets", more).code == "LimitExceeded"
    if again:
        cloud.write("BatchRegisterTargets", known, new)
    else:
        assert refused(cloud.write, "BatchRegisterTargets", known).code == "LimitExceeded"
    assert len(cloud.targets("lbl-tcp")) == 2


@pytest.mark.parametrize("listener_id", ["lbl-none"])
def test_describe_an_unknown_listener(in_process: Callable[..., InProcess], refused: Refused, listener_id: str) -> None:
    params: dict[str, Any] = {"LoadBalancerId": "lb-1", "ListenerIds": [listener_id]}
    assert refused(in_process().call, "DescribeTargets", **params).code == "InvalidParameter.ListenerIdNotFound"
    assert in_process(describe_unknown_listener="empty").call("DescribeTargets", **params)["Listeners"] == []


def test_unknown_load_balancer(cloud: InProcess, refused: Refused) -> None:
    assert refused(cloud.call, "DescribeTargets", LoadBalancerId="lb-2").code == "InvalidParameter.LBIdNotFound"
