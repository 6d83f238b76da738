# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import Connection
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import (
    ConnectionFailed,
    CredentialsNotFound,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks import targets as _targets
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import empty_result
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.targets import check_options, run_task

from ..builders import LB, Raw, http, refused, rule, target, tcp, want
from ..fake_cloud import FakeCloud
from ..fake_region import FakeRegion

if TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.balancers import TaskResult

PARAMS: Raw = {
    "load_balancer_id": LB,
    "load_balancer_name": None,
    "load_balancer_ids": None,
    "load_balancer_names": None,
    "load_balancer_tags": None,
    "all_load_balancers": False,
    "targets": [],
    "state": "present",
    "purge": False,
    "min_healthy": 0,
    "wait": True,
    "wait_for_health": False,
    "wait_timeout": 300,
    "timeout": 30,
}


def shop() -> FakeCloud:
    return FakeCloud(
        [
            tcp("lbl-1", 443, target("ins-1"), target("ins-2")),
            http("lbl-2", 80, rule("loc-1", "a.example.com", target("ins-1"))),
            *(tcp(f"lbl-{number}", 1000 + number) for number in range(10, 40)),
        ]
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TaskResult]:
    """Run the task on a cloud whose clock passes only while the task sleeps."""

    def run(cloud: FakeCloud, *, check: bool = False, diff: bool = False, **options: Any) -> TaskResult:
        def budget(seconds: float, grace: float) -> Any:
            cloud.budget = cloud.clock.budget(seconds, grace)
            return cloud.budget

        counts = Counter({"DescribeTargets": 1})
        monkeypatch.setattr(_targets, "Budget", budget)
        monkeypatch.setattr(_targets, "connect", lambda *_args: Connection(Clb(cloud), "ap-guangzhou", counts))
        return run_task({**PARAMS, **options}, {}, check_mode=check, diff=diff)

    return run


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that asks for a connection."""

    def connect(*_args: Any) -> None:
        pytest.fail("it connects")

    monkeypatch.setattr(_targets, "connect", connect)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"load_balancer_name": "shop"}, "load_balancer_id and load_balancer_name are given"),
        (
            {"load_balancer_id": None, "targets": [want("lbl-1", "ins-1")]},
            "targets[0] has no load_balancer_id of its own",
        ),
        ({"wait_timeout": 0}, "wait_timeout 0 is too small"),
        ({"timeout": 0}, "timeout 0 is too small"),
        ({"min_healthy": -1}, "min_healthy -1 is too small"),
        ({"min_healthy": 10**5000}, "min_healthy (a number of more than 40 digits) is too large"),
        ({"load_balancer_id": None, "load_balancer_name": "a\ud800"}, r"load_balancer_name 'a\ud800' can't be the"),
        ({"load_balancer_id": None, "load_balancer_names": ["a", "\udfff"]}, r"load_balancer_names '\udfff' can't be"),
        ({"load_balancer_id": None, "load_balancer_name": "a" * 256}, "give at most 255 characters"),
        ({"purge": True, "state": "absent"}, "purge goes with state present, not with absent"),
        ({"purge": True, "state": "drained"}, "not with drained"),
        ({"wait_for_health": True, "wait": False}, "wait_for_health needs wait: true"),
        ({"wait_for_health": True, "wait": False, "state": "absent"}, "wait_for_health needs wait: true"),
        ({"targets": [want("lbl-1", "ins-1", 70000)]}, "targets[0]: port 70000"),
        ({"targets": [{"port": 80}], "state": "absent"}, "no listener, rule or backend is named"),
        ({"targets": [want("lbl-1", "ins-1", load_balancer_id="lb-other")]}, "load_balancer_id 'lb-other'"),
    ],
)
def test_arguments_are_checked_without_the_network(offline: None, options: Raw, words: str) -> None:
    done = run_task({**PARAMS, **options}, {}, check_mode=False, diff=False)
    assert done.failure is not None
    assert words in done.failure
    assert done.result["error"] == {
        "action": None,
        "code": "InvalidArgument",
        "message": done.failure,
        "request_id": None,
    }
    assert done.result.keys() == empty_result().keys()
    assert not done.result["changed"]


@pytest.mark.parametrize(
    "options",
    [
        {"purge": True},
        {"wait_for_health": True},
        {"wait": False},
        {"state": "absent", "wait_for_health": True},
        {"wait_timeout": 1, "timeout": 1},
    ],
)
def test_these_options_go_together(options: Raw) -> None:
    assert check_options({**PARAMS, **options, "targets": [want("lbl-1", "ins-1")]})


@pytest.mark.parametrize("state", ["present", "absent", "drained"])
@pytest.mark.parametrize("purge", [True, False])
def test_an_empty_list_is_no_change_and_asks_nobody(offline: None, state: str, purge: bool) -> None:
    options = {"state": state, "purge": purge and state == "present"}
    done = run_task({**PARAMS, **options}, {}, check_mode=False, diff=True)
    assert (done.failure, done.result) == (None, {**empty_result(), "load_balancer_id": LB})


def test_a_task_reads_once_writes_and_reads_back(run: Callable[..., TaskResult]) -> None:
    cloud = shop()
    cloud.emulator.configure(task_seconds=0.1)
    done = run(cloud, targets=[want("lbl-1", "ins-3")], diff=True)
    assert cloud.actions == ["DescribeTargets", "BatchRegisterTargets", "DescribeTargets"]
    assert (done.failure, done.result["changed"], done.result["load_balancer_id"]) == (None, True, LB)
    assert done.result["api_calls"] == {"DescribeTargets": 1}
    assert done.result["diff"]["after"] != done.result["diff"]["before"]
    assert done.result.keys() == empty_result().keys()


def test_a_whole_number_as_a_tag_is_warned_of(run: Callable[..., TaskResult]) -> None:
    done = run(shop(), targets=[want("lbl-1", "ins-9", tag=83)])
    assert [entry["tag"] for entry in done.result["registered"]] == ["83"]
    assert [text for text in done.warnings if "YAML" in text] == [
        "targets[0]: tag 83: a number is not always what was written, YAML reads 0123 as 83. Put tags into quotes."
    ]


def test_check_mode_writes_nothing(run: Callable[..., TaskResult]) -> None:
    cloud = shop()
    done = run(cloud, targets=[want("lbl-1", "ins-3")], check=True)
    assert cloud.actions == ["DescribeTargets"]
    assert done.result["changed"]
    assert [one["instance_id"] for one in done.result["registered"]] == ["ins-3"]
    assert done.result["request_ids"] == []


def entries(amount: int, **more: Any) -> list[Raw]:
    return [want(f"lbl-{10 + number}", "ins-1", **more) for number in range(amount)]


@pytest.mark.parametrize(
    "targets, state, filtered",
    [
        (entries(1), "present", 1),
        (entries(20), "present", 20),
        (entries(21), "present", None),
        (entries(20) * 2, "present", 20),
        ([*entries(1), {"location_id": "loc-1", "instance_id": "ins-1", "port": 80}], "present", None),
        ([*entries(1), {"listener_port": 443, "instance_id": "ins-1", "port": 80}], "present", None),
        ([{"listener_id": "lbl-1"}], "absent", 1),
        ([{"listener_id": "lbl-1"}, {"instance_id": "ins-1"}], "absent", None),
        ([{"instance_id": "ins-1"}], "drained", None),
    ],
)
def test_the_read_is_filtered_where_at_most_20_listeners_are_named_by_id(
    run: Callable[..., TaskResult], targets: list[Raw], state: str, filtered: int | None
) -> None:
    cloud = shop()
    done = run(cloud, targets=targets, state=state)
    assert done.failure is None
    for call in cloud.calls:
        if call.action == "DescribeTargets":
            asked = call.params.get("ListenerIds")
            assert (None if asked is None else len(asked)) == filtered


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    "targets, words",
    [
        ([want("lbl-1", "ins-3"), want("lbl-no", "ins-3")], "targets[1]: there is no listener 'lbl-no'."),
        ([want("lbl-2", "ins-3")], "HTTP:80 (lbl-2) is a layer-7 listener"),
        ([want("lbl-1", "ins-3", domain="a", url="/")], "TCP:443 (lbl-1) is a layer-4 listener"),
        ([{"location_id": "loc-no", "instance_id": "ins-3", "port": 80}], "there is no rule 'loc-no'"),
    ],
)
def test_an_unknown_name_fails_before_any_write_and_lists_what_exists(
    run: Callable[..., TaskResult], check: bool, targets: list[Raw], words: str
) -> None:
    cloud = shop()
    done = run(cloud, targets=targets, check=check)
    assert done.failure is not None
    assert words in done.failure
    assert "What exists: TCP:443 (lbl-1); HTTP:80 (lbl-2) a.example.com/ (loc-1)" in done.failure
    assert set(cloud.actions) == {"DescribeTargets"}
    assert len(cloud.actions) <= 2
    assert done.result["error"]["code"] == "InvalidArgument"
    assert not done.result["changed"]


def test_an_unknown_listener_is_found_also_where_the_cloud_answers_the_filtered_read_without_it(
    run: Callable[..., TaskResult],
) -> None:
    cloud = shop()
    cloud.emulator.configure(describe_unknown_listener="empty")
    done = run(cloud, targets=[want("lbl-1", "ins-3"), want("lbl-no", "ins-3")])
    assert re.search(r"'lbl-no'.* What exists: .*lbl-2", done.failure or "")
    assert cloud.actions == ["DescribeTargets"] * 2


@pytest.mark.parametrize("state, failed", [("absent", False), ("drained", True)])
def test_a_selector_of_an_unknown_listener_warns_with_absent_and_fails_with_drained(
    run: Callable[..., TaskResult], state: str, failed: bool
) -> None:
    cloud = shop()
    done = run(cloud, targets=[{"listener_id": "lbl-no"}, {"listener_id": "lbl-1"}], state=state)
    assert (done.failure is not None) is failed
    assert "there is no listener 'lbl-no'" in (done.failure or done.warnings[0])
    assert (cloud.addresses("lbl-1") == set()) is not failed


def test_an_unknown_load_balancer_fails_at_the_first_read(run: Callable[..., TaskResult]) -> None:
    cloud = shop()
    cloud.read_faults["DescribeTargets"].append(
        refused("InvalidParameter.LBIdNotFound", "no such LB", "DescribeTargets")
    )
    done = run(cloud, targets=[want("lbl-1", "ins-3")])
    assert cloud.actions == ["DescribeTargets"]
    assert done.result["error"]["code"] == "InvalidParameter.LBIdNotFound"
    assert done.result["error"]["request_id"] == "r-refused"


@pytest.mark.parametrize("error", [ConnectionFailed("can't connect"), CredentialsNotFound("no credentials")])
def test_what_fails_before_the_plan_is_told_with_every_key(
    monkeypatch: pytest.MonkeyPatch, error: ConnectionFailed | CredentialsNotFound
) -> None:
    def connect(*_args: Any) -> None:
        raise error

    monkeypatch.setattr(_targets, "connect", connect)
    done = run_task({**PARAMS, "targets": [want("lbl-1", "ins-1")]}, {}, check_mode=False, diff=True)
    assert (done.failure, done.connection) == (error.message, None)
    assert done.result == {
        **empty_result(),
        "load_balancer_id": LB,
        "error": {"action": None, "code": error.code, "message": error.message, "request_id": None},
    }


@pytest.mark.parametrize("state", ["absent", "drained"])
def test_wait_for_health_has_no_meaning_for_absent_and_drained(run: Callable[..., TaskResult], state: str) -> None:
    cloud = shop()
    cloud.set_health({"ins-1": "Dead", "ins-2": "Dead"})
    done = run(cloud, targets=[{"listener_id": "lbl-1"}], state=state, wait_for_health=True)
    assert done.failure is None
    assert cloud.count("DescribeTargetHealth") == 0


def test_a_failure_tells_everything_that_was_done(run: Callable[..., TaskResult]) -> None:
    cloud = shop()
    cloud.bad = {"ins-3": refused("InvalidParameter", "no such host")}
    done = run(cloud, targets=[want("lbl-1", "ins-3"), want("lbl-1", "ins-4")])
    assert done.failure is not None
    assert "no such host" in done.failure
    assert done.result["changed"]
    assert done.result["error"]["code"] == "InvalidParameter"
    assert [one["instance_id"] for one in done.result["registered"]] == ["ins-4"]
    assert [one["instance_id"] for one in done.result["failed_targets"]] == ["ins-3"]


@pytest.mark.parametrize("state", ["present", "absent"])
def test_the_end_comes_at_the_latest_wait_timeout_and_timeout_after_the_start(
    run: Callable[..., TaskResult], state: str
) -> None:
    cloud = shop()
    cloud.emulator.configure(task_seconds=10_000, read_lag=10_000, latency=3)
    done = run(cloud, targets=[want("lbl-1", "ins-1", tag=None, weight=50)], state=state, wait_timeout=40, timeout=5)
    assert done.result["error"]["code"] == "WaitTimeout"
    assert cloud.clock.seconds <= 45


def test_what_writes_is_not_loaded_before_something_is_to_be_written() -> None:
    code = "import sys; from ansible_collections.tencentcloud.clb.plugins.modules import targets; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    loaded = {name.partition(".module_utils.")[2] for name in done.stdout.split()}
    assert "_tasks.targets" in loaded
    assert loaded.isdisjoint({"_apply.reconcile", "_apply.writer", "_apply.narrow", "_apply.batches", "_apply.locks"})


def test_planning_leaves_the_garbage_collector_as_it_was(run: Callable[..., TaskResult]) -> None:
    assert gc.isenabled()
    run(shop(), targets=[want("lbl-1", "ins-3")], check=True)
    assert gc.isenabled()
    gc.disable()
    try:
        run(shop(), targets=[want("lbl-1", "ins-3")], check=True)
        assert not gc.isenabled()
    finally:
        gc.enable()


NAMES = FakeRegion(
    {
        "lb-1": ("shop", [tcp("lbl-1")]),
        "lb-2": ("shop-old", []),
        "lb-3": ("twin", []),
        "lb-4": ("twin", []),
    }
)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("shop", "lb-1"),
        ("twin", "'twin' is not unique in region ap-guangzhou: twin (lb-3"),
        ("sho", "No load balancer in region ap-guangzhou has the name 'sho'. Similar names: shop (lb-1"),
        ("nothing", "has the name 'nothing'. Check load_balancer_name and region"),
    ],
)
@pytest.mark.parametrize("targets", [[], [want("lbl-1", "ins-1")]])
def test_a_name_must_match_exactly_one_load_balancer(
    monkeypatch: pytest.MonkeyPatch, name: str, expected: str, targets: list[Raw]
) -> None:
    monkeypatch.setattr(_targets, "connect", lambda *_args: NAMES.connection())
    params = {**PARAMS, "load_balancer_id": None, "load_balancer_name": name, "targets": targets}
    done = run_task(params, {}, check_mode=True, diff=False)
    if expected.startswith("lb-"):
        assert (done.failure, done.result["load_balancer_id"]) == (None, expected)
    else:
        assert done.failure is not None
        assert expected in done.failure
        assert done.result["error"]["code"] == "InvalidArgument"
