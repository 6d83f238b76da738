# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator import control, queries

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import InProcess

A = {"ListenerId": "lbl-tcp", "InstanceId": "ins-a", "Port": 80}
B = {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}


def serving(cloud: InProcess, since: float | None = None) -> int:
    return queries.min_serving(cloud.cloud.journal.read(), "lbl-tcp", since=since)


def test_a_call_is_noted_with_its_parameters_and_outcome(cloud: InProcess) -> None:
    answer = cloud.write("BatchRegisterTargets", B)
    cloud.answer("DescribeTargets", {"LoadBalancerId": "lb-9"})
    cloud.wait(1)
    good, bad = queries.calls(cloud.cloud.journal.read())
    assert good["params"] == {"LoadBalancerId": "lb-1", "Targets": [B]}
    assert (good["outcome"], good["accepted"], good["request_id"]) == ("ok", True, answer["RequestId"])
    assert good["applied_at"] == pytest.approx(0.05)
    assert (bad["action"], bad["outcome"], bad["accepted"]) == (
        "DescribeTargets",
        "InvalidParameter.LBIdNotFound",
        False,
    )
    assert queries.calls(cloud.cloud.journal.read(), "DescribeTargets") == [bad]
    assert cloud.credential.secret_key not in repr(good)


def test_busy_share(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=2)
    assert queries.busy_share(cloud.cloud.journal.read(), "lb-1") == 0
    cloud.write("BatchRegisterTargets", B)
    cloud.wait(3)
    cloud.write("BatchDeregisterTargets", B)
    cloud.wait(10)
    entries = cloud.cloud.journal.read()
    assert queries.busy_share(entries, "lb-1") == pytest.approx(4 / 5)
    assert queries.busy_share(entries, "lb-1", since=1, until=9) == pytest.approx(3 / 8)
    assert queries.busy_share(entries, "lb-2") == 0


def test_serving_waits_for_health(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=1, health={"after": 5})
    assert serving(cloud) == 1
    cloud.write("BatchRegisterTargets", B)
    cloud.wait(2)
    cloud.write("BatchDeregisterTargets", A)
    cloud.wait(10)
    # From 3 s, when A is gone, to 6 s, when B is found alive.
    events = [(entry["time"], entry["serving"]) for entry in cloud.cloud.journal.read() if entry["kind"] == "serving"]
    assert [entry for entry in events if entry[0] > 0] == [(1, 1), (3, 0), (6, 1)]
    assert (serving(cloud), serving(cloud, since=6.5), serving(cloud, since=4)) == (0, 1, 0)


def test_a_weight_of_zero_and_a_death_do_not_serve(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=0)
    cloud.write("BatchRegisterTargets", B)
    cloud.wait(1)
    cloud.cloud.restart_journal()
    assert serving(cloud) == 2
    control.handle(cloud.cloud, "POST", "health", {"dead": ["ins-b"]})
    assert serving(cloud) == 1
    for weight, left in ((0, 1), (10, 1)):
        entry = {"ListenerId": "lbl-tcp", "Targets": [{"InstanceId": "ins-b", "Port": 80, "Weight": weight}]}
        cloud.call("BatchModifyTargetWeight", LoadBalancerId="lb-1", ModifyList=[entry])
        cloud.wait(1)
        assert serving(cloud, since=cloud.clock.now()) == left
    control.handle(cloud.cloud, "POST", "health", {"alive": ["10.0.0.2"]})
    assert serving(cloud, since=3) == 1, "the address is marked alive, the instance is still dead"
    control.handle(cloud.cloud, "POST", "health", {"alive": ["ins-b"]})
    cloud.wait(1)
    assert serving(cloud, since=2.5) == 1, "what held at that moment counts"
    assert serving(cloud, since=3.5) == 2


def test_an_unknown_pool(cloud: InProcess) -> None:
    with pytest.raises(LookupError, match="lbl-none"):
        queries.min_serving(cloud.cloud.journal.read(), "lbl-none")


def test_behind_the_operators_back(cloud: InProcess) -> None:
    def state() -> set[tuple[str, int, int]]:
        found: list[dict[str, Any]] = control.handle(cloud.cloud, "GET", "state", None)
        return {(item["target"], item["port"], item["weight"]) for item in found if item["listener_id"] == "lbl-tcp"}

    control.handle(cloud.cloud, "POST", "bind", [{"LoadBalancerId": "lb-1", **A, "Weight": 3}])
    assert state() == {("ins-a", 80, 3)}
    control.handle(cloud.cloud, "POST", "unbind", [{"LoadBalancerId": "lb-1", **A}])
    assert state() == set()
    with pytest.raises(ValueError, match="is not bound"):
        control.handle(cloud.cloud, "POST", "unbind", [{"LoadBalancerId": "lb-1", **A}])


def test_a_task_survives_what_others_did_meanwhile(in_process: Callable[..., InProcess]) -> None:
    cloud = in_process(task_seconds=2)
    task = cloud.write("BatchDeregisterTargets", A)["RequestId"]
    control.handle(cloud.cloud, "POST", "unbind", [{"LoadBalancerId": "lb-1", **A}])
    cloud.wait(3)
    assert cloud.status(task) == 0
    assert cloud.targets("lbl-tcp") == []
