# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import (
    Result,
    describe_error,
    empty_result,
    failure_message,
    report,
)

from ..builders import LB, Raw, http, ip_of, plan_for, refused, rule, snapshot, target, tcp, want
from ..fake_cloud import FakeCloud, Run, order, reconcile, refusal

BAD = refused("InvalidParameter", "no such host")


def shop() -> list[Raw]:
    return [
        tcp("lbl-1", 443, target("ins-2", weight=0), target("ins-1", tag="blue"), target("ins-1", 9)),
        http("lbl-2", 80, rule("loc-1", "a.example.com", target("10.2.0.1")), rule("loc-2", "b", target("ins-2"))),
    ]


def tell(entries: list[Raw], cloud: FakeCloud | None = None, **options: Any) -> Result:
    """The result of a task in diff mode."""
    run = reconcile(cloud or FakeCloud(shop()), entries, **options)
    return report([run.part], several=False, diff=True)


def message(run: Run, *, check: bool = False) -> str:
    return failure_message([run.part], several=False, check_mode=check) or ""


def lines(bindings: list[Result]) -> list[tuple[Any, ...]]:
    return [
        (
            one["location_id"] or one["listener_id"],
            one["instance_id"] or one["eni_ip"],
            one["port"],
            one["weight"],
            one["tag"],
        )
        for one in bindings
    ]


MIXED = [
    want("lbl-1", "ins-1", weight=5, tag="green"),
    want("lbl-1", "ins-3", weight=7, tag="new"),
    {"location_id": "loc-1", "eni_ip": "10.2.0.1", "port": 80},
]
KEYS = {"load_balancer_id", "listener_id", "location_id", "instance_id", "eni_ip", "port", "weight", "tag"}


def test_a_result_tells_what_was_written() -> None:
    cloud = FakeCloud(shop())
    result = tell(MIXED, cloud, purge=True)
    assert lines(result["registered"]) == [("lbl-1", "ins-3", 80, 7, "new")]
    assert lines(result["modified"]) == [("lbl-1", "ins-1", 80, 5, "green")]
    assert result["modified"][0]["before"] == {"weight": 10, "tag": "blue"}
    assert result["modified"][0]["after"] == {"weight": 5, "tag": "green"}
    assert lines(result["deregistered"]) == [("lbl-1", "ins-2", 80, 0, ""), ("lbl-1", "ins-1", 9, 10, "")]
    assert result["changed"] is True
    assert result["request_ids"] == cloud.request_ids
    assert len(cloud.request_ids) == 4
    assert result.keys() == empty_result().keys()
    assert set(result["registered"][0]) == set(result["deregistered"][0]) == set(result["targets"][0]) == KEYS
    assert set(result["modified"][0]) == KEYS | {"before", "after"}


def test_targets_are_the_bindings_now_in_place_on_touched_listeners_and_rules_only() -> None:
    assert lines(tell(MIXED, purge=True)["targets"]) == [
        ("lbl-1", "ins-1", 80, 5, "green"),
        ("lbl-1", "ins-3", 80, 7, "new"),
        ("loc-1", "10.2.0.1", 80, 10, ""),
    ]


def test_every_touched_listener_and_rule_has_one_entry_with_its_counts() -> None:
    one, two = tell(MIXED)["listeners"]
    assert one == {
        "load_balancer_id": LB,
        "listener_id": "lbl-1",
        "protocol": "TCP",
        "port": 443,
        "location_id": None,
        "domain": None,
        "url": None,
        "status": "changed",
        "registered": 1,
        "modified": 1,
        "deregistered": 0,
        "unchanged": 2,
        "bound": 4,
        "message": None,
    }
    assert two == {
        "load_balancer_id": LB,
        "listener_id": "lbl-2",
        "protocol": "HTTP",
        "port": 80,
        "location_id": "loc-1",
        "domain": "a.example.com",
        "url": "/",
        "status": "unchanged",
        "message": None,
        "registered": 0,
        "modified": 0,
        "deregistered": 0,
        "unchanged": 1,
        "bound": 1,
    }


def test_a_failed_listener_says_why() -> None:
    result = tell(MIXED, FakeCloud(shop(), bad={"ins-3": BAD}))
    assert [(one["status"], one["message"]) for one in result["listeners"]] == [
        ("failed", "no such host"),
        ("unchanged", None),
    ]
    assert result["failed_listeners"] == ["lbl-1"]


def test_the_diff_is_sorted_text_with_a_line_for_each_binding() -> None:
    diff = tell(MIXED, purge=True)["diff"]
    assert diff["before"] == (
        "HTTP:80 (lbl-2) a.example.com/ (loc-1)  10.2.0.1:80  weight 10\n"
        'TCP:443 (lbl-1)  ins-1:80  weight 10  tag "blue"\n'
        "TCP:443 (lbl-1)  ins-1:9  weight 10\n"
        "TCP:443 (lbl-1)  ins-2:80  weight 0\n"
    )
    assert diff["after"] == (
        "HTTP:80 (lbl-2) a.example.com/ (loc-1)  10.2.0.1:80  weight 10\n"
        'TCP:443 (lbl-1)  ins-1:80  weight 5  tag "green"\n'
        'TCP:443 (lbl-1)  ins-3:80  weight 7  tag "new"\n'
    )


def test_ipv6_addresses_and_foreign_letters_stay_readable() -> None:
    cloud = FakeCloud([tcp("lbl-1", 443, target("2001:db8::1", tag="grün"))])
    assert (
        tell([{"listener_id": "lbl-1", "port": 1}], cloud, state="absent")["diff"]["before"]
        == 'TCP:443 (lbl-1)  [2001:db8::1]:80  weight 10  tag "grün"\n'
    )


def test_outside_diff_mode_there_is_no_diff() -> None:
    run = reconcile(FakeCloud(shop()), MIXED)
    assert not report([run.part], several=False, diff=False)["diff"]


CASES: dict[str, tuple[list[Raw], dict[str, Any]]] = {
    "nothing": ([want("lbl-1", "ins-1")], {}),
    "register": ([want("lbl-1", "ins-3")], {}),
    "register by the address of an instance": ([want("lbl-1", ip_of("ins-3"))], {}),
    "register the instance behind a known address": ([want("lbl-1", ip_of("ins-1"), 81)], {}),
    "register IPv6": ([want("lbl-1", "2001:DB8:0::1", tag="x")], {}),
    "weight and tag": ([want("lbl-1", ip_of("ins-1"), weight=3, tag="")], {}),
    "purge": (MIXED, {"purge": True}),
    "absent": ([{"instance_id": "ins-2"}], {"state": "absent"}),
    "absent nothing": ([{"listener_id": "lbl-1", "tag": "no"}], {"state": "absent"}),
    "drained": ([{"listener_id": "lbl-1"}, {"location_id": "loc-2"}], {"state": "drained"}),
    "no wait": (MIXED, {"purge": True, "wait": False}),
    "health": (MIXED, {"purge": True, "wait_for_health": True, "min_healthy": 1}),
    "refused by the guard": ([{"listener_id": "lbl-1"}], {"state": "absent", "min_healthy": 1}),
}


@pytest.mark.parametrize("entries, options", CASES.values(), ids=CASES)
def test_what_check_mode_says_is_what_the_real_run_then_does(entries: list[Raw], options: dict[str, Any]) -> None:
    cloud = FakeCloud(shop())
    dry = tell(entries, cloud, check=True, **options)
    assert cloud.writes == []
    real = tell(entries, cloud, **options)
    assert real["diff"] == dry["diff"]
    assert {**dry, "request_ids": None} == {**real, "request_ids": None}


@pytest.mark.parametrize("entries, options", CASES.values(), ids=CASES)
def test_a_second_run_says_unchanged_and_sends_no_write(entries: list[Raw], options: dict[str, Any]) -> None:
    cloud = FakeCloud(shop())
    tell(entries, cloud, **options)
    # After wait: false, once the cloud is done.
    cloud.clock.sleep(10)
    sent = len(cloud.writes)
    again = tell(entries, cloud, **options)
    assert (again["changed"], len(cloud.writes)) == (False, sent)
    assert again["diff"]["before"] == again["diff"]["after"]


LISTS = ["registered", "modified", "deregistered", "targets"]


@pytest.mark.parametrize("key", LISTS)
@pytest.mark.parametrize("selectors", [True, False])
def test_any_list_of_a_result_goes_back_in(key: str, selectors: bool) -> None:
    found = tell(MIXED, purge=True)[key]
    assert len(parse_entries(found, selectors=selectors)) == len(found) > 0


def test_listeners_of_a_result_go_back_in_as_selectors() -> None:
    cloud = FakeCloud(shop())
    listeners = tell(MIXED, cloud)["listeners"]
    plan = plan_for(listeners, snapshot(*cloud.listeners), state="drained")
    assert {one.pool.key for one in plan.changes} == {("lbl-1", None), ("lbl-2", "loc-1")}


def test_the_targets_of_a_result_are_no_change() -> None:
    cloud = FakeCloud(shop())
    targets = tell([{"listener_id": "lbl-1"}, {"listener_id": "lbl-2"}], cloud, state="drained")["targets"]
    assert len(targets) == 5
    assert not tell(targets, cloud, purge=True)["changed"]


def test_deregistered_bindings_can_be_bound_again_as_they_were() -> None:
    cloud = FakeCloud(shop())
    before = cloud.bound()
    removed = tell([{"listener_id": "lbl-1"}], cloud, state="absent")["deregistered"]
    tell(removed, cloud)
    assert cloud.bound() == before


def test_failed_targets_try_again_exactly_what_failed() -> None:
    entries = [
        want("lbl-1", "ins-1", weight=5, tag="green"),
        want("lbl-1", "ins-2", tag=""),
        want("lbl-1", "ins-3"),
        {"location_id": "loc-1", "eni_ip": "10.2.0.1", "port": 80, "tag": "t"},
        want("lbl-1", "ins-4"),
    ]
    cloud = FakeCloud(shop(), bad={"ins-1": BAD, "ins-3": BAD, "10.2.0.1": BAD})
    failed = tell(entries, cloud)["failed_targets"]
    assert {(one["code"], one["message"]) for one in failed} == {("InvalidParameter", "no such host")}
    assert lines(failed) == [
        ("lbl-1", "ins-3", 80, None, None),
        ("lbl-1", "ins-1", 80, 5, "green"),
        ("loc-1", "10.2.0.1", 80, None, "t"),
    ]
    assert set(failed[0]) == KEYS | {"code", "message"}
    cloud.bad.clear()
    again = tell(failed, cloud)
    assert (again["failed_targets"], len(again["registered"]), len(again["modified"])) == ([], 1, 2)
    assert not tell(entries, cloud)["changed"]


@pytest.mark.parametrize("state", ["absent", "drained"])
def test_failed_targets_of_selectors_go_back_in_too(state: str) -> None:
    cloud = FakeCloud(shop(), bad={"ins-1": BAD})
    failed = tell([{"listener_id": "lbl-1"}], cloud, state=state)["failed_targets"]
    assert {one["instance_id"] for one in failed} == {"ins-1"}
    cloud.bad.clear()
    again = tell(failed, cloud, state=state)
    assert (again["failed_targets"], again["changed"]) == ([], True)


def test_a_change_that_failed_is_neither_written_nor_predicted_without_waiting() -> None:
    result = tell(MIXED, FakeCloud(shop(), bad={"ins-3": BAD}), wait=False)
    assert lines(result["targets"]) == [
        ("lbl-1", "ins-1", 9, 10, ""),
        ("lbl-1", "ins-1", 80, 5, "green"),
        ("lbl-1", "ins-2", 80, 0, ""),
        ("loc-1", "10.2.0.1", 80, 10, ""),
    ]
    assert (result["registered"], len(result["modified"])) == ([], 1)


@given(st.sets(st.sampled_from(["ins-1", "ins-2", "ins-3", "10.2.0.1"])), st.booleans(), st.booleans())
def test_counts_and_lists_agree_whatever_fails(bad: set[str], purge: bool, wait: bool) -> None:
    cloud = FakeCloud(shop(), bad=dict.fromkeys(bad, BAD))
    result = tell(MIXED, cloud, purge=purge, wait=wait)
    for name in ("registered", "modified", "deregistered"):
        assert sum(one[name] for one in result["listeners"]) == len(result[name])
    assert sum(one["bound"] for one in result["listeners"]) == len(result["targets"])
    assert len(result["diff"]["after"].splitlines()) == len(result["targets"])
    for one in result["listeners"]:
        assert one["bound"] == one["registered"] + one["modified"] + one["unchanged"]
        assert (one["status"] == "failed") is (one["message"] is not None)
    assert bool(result["failed_targets"]) is bool(result["failed_listeners"])
    if wait:
        bound = {(key[1] or key[0], *key[2:]) for key in cloud.bound() if key[1] != "loc-2"}
        assert set(lines(result["targets"])) == bound


def test_a_failure_says_what_is_wrong_what_was_done_what_not_and_what_to_run() -> None:
    run = reconcile(FakeCloud(shop(), bad={"ins-3": BAD}), MIXED)
    text = message(run)
    # The call with ins-3 was narrowed to it.
    refusal_id = next(iter(run.outcome.failures.values())).request_id
    assert refusal_id in run.cloud.request_ids
    assert text.startswith(f"BatchRegisterTargets (request ID {refusal_id}) reported InvalidParameter: no such host")
    assert "1 of 3 changes are not in place: ins-3:80 on TCP:443 (lbl-1) (InvalidParameter)" in text
    assert "Done: 1 modified." in text
    assert "run the same task again" in text


def test_a_refusal_that_stopped_the_task_speaks_for_itself() -> None:
    run = reconcile(FakeCloud(shop(), faults=deque([refusal("UnauthorizedOperation", "not allowed")])), MIXED)
    text = message(run)
    assert text.startswith("BatchRegisterTargets was refused with UnauthorizedOperation: not allowed")
    assert text.count("UnauthorizedOperation: not allowed") == 1
    assert "CAM" in text
    assert "Nothing was changed." in text


def test_a_quota_is_called_one() -> None:
    run = reconcile(FakeCloud(shop(), full={"lbl-1": refused("LimitExceeded", "too many targets")}), MIXED)
    assert message(run).count("This is a quota") == 1


def test_a_dry_run_does_not_say_what_to_run() -> None:
    run = reconcile(FakeCloud(shop()), [{"listener_id": "lbl-1"}], state="absent", min_healthy=1, check=True)
    text = message(run, check=True)
    assert text.startswith("min_healthy is 1")
    assert "Nothing was changed." in text
    assert "run the same task again" not in text


def test_long_lists_of_failures_stay_readable() -> None:
    listeners = [tcp(f"lbl-{index}", 1 + index) for index in range(8)]
    entries = [want(f"lbl-{index}", f"ins-{number}") for index in range(8) for number in range(7)]
    full = {f"lbl-{index}": refused("LimitExceeded", f"listener {index} is full") for index in range(8)}
    text = message(reconcile(FakeCloud(listeners, full=full), entries))
    assert "56 of 56 changes are not in place" in text
    assert "ins-4:80 on TCP:1 (lbl-0) and 2 more (" in text
    assert "3 more causes are in failed_targets" in text


def test_no_message_where_nothing_failed() -> None:
    assert message(reconcile(FakeCloud(shop()), MIXED)) == ""


def test_an_error_is_told_as_data() -> None:
    assert describe_error(BAD) == {
        "action": "BatchRegisterTargets",
        "code": "InvalidParameter",
        "message": "no such host",
        "request_id": "r-refused",
    }


def test_a_failed_task_has_no_part_of_the_cloud_in_its_error() -> None:
    run = reconcile(FakeCloud(shop(), faults=deque([order("task_fails", message="no")])), [want("lbl-1", "ins-3")])
    assert run.outcome.error is not None
    error = describe_error(run.outcome.error)
    assert (error["code"], error["action"], error["request_id"]) == ("TaskFailed", None, None)
