# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ConnectionFailed, GuardRefused

from ...builders import LB, Raw, http, refused, rule, target, tcp, want
from ...fake_cloud import FakeCloud, reconcile, unknown_outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

BAD = refused("InvalidParameter", "no such host")
ON_RULE: Raw = {"location_id": "loc-1", "instance_id": "ins-9", "port": 80}


def grouped(code: str = "InvalidParameter") -> FakeCloud:
    """A listener and a rule are bound to target groups, and refuse direct targets with this code."""
    other_rule = {**rule("loc-1", "a"), "TargetType": "TARGETGROUP-V2"}
    listeners = [tcp("lbl-1", 443), tcp("lbl-2", 444, TargetType="TARGETGROUP"), http("lbl-3", 80, other_rule)]
    cloud = FakeCloud(listeners, task_seconds=0)
    cloud.emulator.configure(target_group_code=code)
    return cloud


@pytest.mark.parametrize("code", ["InvalidParameter", "FailedOperation"])
def test_a_refusal_because_of_a_target_group_says_so_and_the_others_are_bound(code: str) -> None:
    cloud = grouped(code)
    run = reconcile(cloud, [want("lbl-1", "ins-8"), want("lbl-2", "ins-8"), ON_RULE])
    assert cloud.addresses() == {"ins-8"}
    assert cloud.count("DescribeListeners") == 1
    messages = sorted(failure.message for failure in run.outcome.failures.values())
    assert [message.partition(": its targets")[0] for message in messages] == [
        "HTTP:80 (lbl-3) a/ (loc-1) is bound to a target group (TARGETGROUP-V2)",
        "TCP:444 (lbl-2) is bound to a target group (TARGETGROUP)",
    ]
    # The refused call, and one with the rest.
    assert len(cloud.writes) == 2


def test_before_a_refusal_nobody_is_asked_what_a_listener_is_bound_to() -> None:
    cloud = grouped()
    assert reconcile(cloud, [want("lbl-1", "ins-8")]).outcome.error is None
    assert cloud.count("DescribeListeners") == 0


def test_where_that_cannot_be_asked_the_refusal_itself_is_the_reason() -> None:
    cloud = grouped()
    cloud.read_faults["DescribeListeners"].append(refused("UnauthorizedOperation", action="DescribeListeners"))
    run = reconcile(cloud, [want("lbl-1", "ins-8"), want("lbl-2", "ins-9")])
    assert run.failed() == {"ins-9": "InvalidParameter"}
    assert cloud.addresses() == {"ins-8"}


FOUR = [tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(4)))]


@pytest.mark.parametrize("state", ["absent", "drained"])
def test_a_guarded_call_is_narrowed_and_each_part_checked(state: str) -> None:
    cloud = FakeCloud(FOUR, bad={"ins-1": BAD}, latency=0.9)
    entries: list[Raw] = [{"instance_id": f"ins-{number}"} for number in range(3)]
    run = reconcile(cloud, entries, state=state, min_healthy=1)
    assert run.failed() == {"ins-1": "InvalidParameter"}
    assert {one.backend.address for one in run.outcome.done} == {"ins-0", "ins-2"}
    # Each part follows a check that is at most 2 seconds old.
    checked = [call.at for call in cloud.calls if call.action == "DescribeTargetHealth"]
    for write in cloud.writes:
        assert any(0 <= write.at - at <= 4 for at in checked)


def test_a_guard_that_refuses_while_a_call_is_narrowed_keeps_what_was_done() -> None:
    health = {"ins-3": ("Alive", 4.0, "Dead")}
    cloud = FakeCloud(FOUR, bad={"ins-2": BAD}, health=health, task_seconds=5)
    entries: list[Raw] = [{"instance_id": f"ins-{number}"} for number in range(3)]
    run = reconcile(cloud, entries, state="drained", min_healthy=1)
    assert isinstance(run.outcome.error, GuardRefused), (run.outcome.error, run.failed(), cloud.bound())
    assert {one.backend.address for one in run.outcome.done} == {"ins-0"}
    assert run.failed() == {"ins-1": "NotAttempted", "ins-2": "NotAttempted"}
    assert run.outcome.accepted


def test_a_narrowed_part_of_unknown_outcome_is_read_and_only_the_rest_of_it_sent() -> None:
    cloud = FakeCloud([tcp("lbl-1"), tcp("lbl-2", 444)], bad={"ins-9": BAD}, task_seconds=0.1)
    cloud.faults.extend([None, unknown_outcome(0.5)])
    # The first call is refused; its first half is cut.
    entries = [*(want("lbl-1", f"ins-{number}") for number in range(4)), want("lbl-2", "ins-9")]
    run = reconcile(cloud, entries)
    assert run.failed() == {"ins-9": "InvalidParameter"}
    assert cloud.addresses() == {f"ins-{number}" for number in range(4)}


def test_a_listener_that_is_deleted_meanwhile_is_named_as_the_reason() -> None:
    cloud = FakeCloud([tcp("lbl-1", 443, target("ins-1")), tcp("lbl-2", 444)])
    send = cloud.write

    def delete_first(action: str, params: Mapping[str, Any]) -> Raw:
        if len(cloud.listeners) == 2:
            cloud.change("delete_listener", load_balancer_id=LB, listener_id="lbl-2")
        return send(action, params)

    cloud.write = delete_first  # type: ignore[method-assign]  # somebody deletes it as our first call arrives
    run = reconcile(cloud, [want("lbl-1", "ins-8"), want("lbl-2", "ins-9")])
    assert run.failed() == {"ins-9": "NotAttempted"}
    (failure,) = run.outcome.failures.values()
    assert failure.message == "TCP:444 (lbl-2) no longer exists."
    assert cloud.addresses() == {"ins-1", "ins-8"}


def test_when_the_last_look_fails_too_the_state_is_not_known() -> None:
    cloud = FakeCloud([tcp("lbl-1")], task_seconds=1000)
    away = ConnectionFailed("can't connect")
    cloud.read_faults["DescribeTargets"].extend([None, None, away])
    run = reconcile(cloud, [want("lbl-1", "ins-1")], seconds=20)
    assert run.outcome.error is not None
    assert run.outcome.error.code == "WaitTimeout"
    assert any("could not be read back: can't connect" in one for one in run.outcome.warnings)
