# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.locks import FOLDER_VARIABLE, GuardLocks
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.reconcile import Reconciler
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ConnectionFailed
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.threads import side_by_side
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks import targets as _targets

from ..builders import Raw, http, refused, rule, target, tcp, want
from ..fake_cloud import refusal
from ..fake_fleet import FakeFleet, actions_by_load_balancer, run_fleet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.balancers import TaskResult

    Run = Callable[..., TaskResult]

IDS = ["lb-1", "lb-2", "lb-3"]
HOST: Raw = {"instance_id": "ins-1"}
EVERYWHERE: Raw = {"listener_port": 443, "instance_id": "ins-9", "port": 80}
GONE = refused("InvalidParameter.LBIdNotFound", "no such load balancer", "DescribeTargets")


TASKS = "ansible_collections.tencentcloud.clb.plugins.module_utils._tasks"


def region(**options: Any) -> FakeFleet:
    """Three load balancers; each has a listener on port 443 with ins-1 and another instance."""
    numbers = {one: one[-1] for one in IDS}
    return FakeFleet.of(
        {
            one: [
                tcp(f"lbl-{number}", 443, target("ins-1", weight=int(number)), target(f"ins-2{number}")),
                http(f"lbl-{number}0", 80, rule(f"loc-{number}", "a")),
            ]
            for one, number in numbers.items()
        },
        **{"task_seconds": 0.5, **options},
    )


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    environ = {FOLDER_VARIABLE: str(tmp_path / "locks")}
    return lambda fleet, **options: run_fleet(monkeypatch, fleet, environ=environ, **options)


def status(done: TaskResult) -> dict[str, str]:
    return {one["load_balancer_id"]: one["status"] for one in done.result["load_balancers"]}


def test_one_task_changes_several_and_reports_each(run: Run) -> None:
    fleet = region()
    done = run(fleet, load_balancer_ids=IDS, targets=[EVERYWHERE])
    assert (done.failure, status(done)) == (None, dict.fromkeys(IDS, "changed"))
    assert (done.result["load_balancer_id"], done.result["changed"]) == (None, True)
    assert [(one["load_balancer_id"], one["listener_id"]) for one in done.result["registered"]] == [
        ("lb-1", "lbl-1"),
        ("lb-2", "lbl-2"),
        ("lb-3", "lbl-3"),
    ]
    assert all("ins-9" in bound for bound in fleet.weights().values())
    assert actions_by_load_balancer(fleet) == dict.fromkeys(IDS, 1)
    assert done.result["load_balancers"][0] == {
        "load_balancer_id": "lb-1",
        "load_balancer_name": None,
        "status": "changed",
        "registered": 1,
        "modified": 0,
        "deregistered": 0,
        "unchanged": 2,
        "bound": 3,
        "message": None,
        "error": None,
    }
    again = run(fleet, load_balancer_ids=IDS, targets=[EVERYWHERE])
    assert (again.result["changed"], status(again)) == (False, dict.fromkeys(IDS, "unchanged"))


def test_it_goes_side_by_side_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = region(task_seconds=0)
    monkeypatch.setattr(
        "ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.targets.side_by_side", side_by_side
    )
    done = run(fleet, load_balancer_ids=IDS, targets=[EVERYWHERE])
    assert (done.failure, status(done)) == (None, dict.fromkeys(IDS, "changed"))


@pytest.mark.parametrize("key", ["targets", "restore", "modified"])
def test_only_what_an_entry_names_or_matches_is_listed(run: Run, key: str) -> None:
    done = run(region(), all_load_balancers=True, targets=[HOST], state="drained")
    assert [(one["load_balancer_id"], one["instance_id"]) for one in done.result[key]] == [
        (one, "ins-1") for one in IDS
    ]


def test_diff_lines_begin_with_the_load_balancer_and_are_sorted_together(run: Run) -> None:
    done = run(region(), load_balancer_ids=["lb-2", "lb-1"], targets=[HOST], state="drained", diff=True)
    assert done.result["diff"] == {
        "before": "lb-1  TCP:443 (lbl-1)  ins-1:80  weight 1\nlb-2  TCP:443 (lbl-2)  ins-1:80  weight 2\n",
        "after": "lb-1  TCP:443 (lbl-1)  ins-1:80  weight 0\nlb-2  TCP:443 (lbl-2)  ins-1:80  weight 0\n",
    }
    assert [one["load_balancer_id"] for one in done.result["load_balancers"]] == ["lb-2", "lb-1"]


@pytest.mark.parametrize("check", [True, False])
def test_restore_puts_everything_back_and_a_dry_run_says_what_it_will_be(run: Run, check: bool) -> None:
    fleet = region()
    before = fleet.weights()
    done = run(fleet, all_load_balancers=True, targets=[HOST], state="absent", check=check)
    restore = done.result["restore"]
    assert [(one["load_balancer_id"], one["weight"], one["tag"]) for one in restore] == [
        ("lb-1", 1, ""),
        ("lb-2", 2, ""),
        ("lb-3", 3, ""),
    ]
    assert (fleet.weights() == before) is check
    back = run(fleet, targets=restore)
    assert (back.failure, fleet.weights(), back.result["changed"]) == (None, before, not check)


@pytest.mark.parametrize("faulty", IDS)
@pytest.mark.parametrize("wait", [True, False])
def test_a_failure_on_one_is_told_there_and_stops_no_other(run: Run, faulty: str, wait: bool) -> None:
    fleet = region()
    fleet.clouds[faulty].faults.append(refusal("UnauthorizedOperation", "not allowed"))
    done = run(fleet, load_balancer_ids=IDS, targets=[HOST], state="drained", wait=wait)
    assert status(done) == {one: "failed" if one == faulty else "changed" for one in IDS}
    assert done.failure is not None
    assert done.failure.startswith(f"1 of 3 load balancers failed. {faulty}: ")
    assert done.result["changed"]
    (failed,) = [one for one in done.result["load_balancers"] if one["error"] is not None]
    assert failed["error"]["code"] == done.result["error"]["code"] == "UnauthorizedOperation"
    assert [one["load_balancer_id"] for one in done.result["failed_targets"]] == [faulty]
    assert done.result["failed_listeners"] == [f"lbl-{faulty[-1]}"]
    for cloud in fleet.clouds.values():
        cloud.finish()
    # What is done stands in restore, also when the task fails.
    assert [one["load_balancer_id"] for one in done.result["restore"]] == [one for one in IDS if one != faulty]
    assert {one: bound["ins-1"] == 0 for one, bound in fleet.weights().items()} == {one: one != faulty for one in IDS}


def test_an_error_of_this_collection_is_told_like_any_other(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Reconciler.run

    def broken(self: Reconciler) -> Any:
        if self._writer._load_balancer_id == "lb-2":
            raise KeyError("oops")
        return real(self)

    monkeypatch.setattr(Reconciler, "run", broken)
    done = run(region(), load_balancer_ids=IDS, targets=[HOST], state="drained")
    assert status(done) == {"lb-1": "changed", "lb-2": "failed", "lb-3": "changed"}
    assert "An error of this collection, please report it: KeyError" in (done.failure or "")
    (listener,) = [one for one in done.result["listeners"] if one["load_balancer_id"] == "lb-2"]
    # Nobody knows how far it came.
    assert (listener["status"], listener["bound"]) == ("failed", None)
    assert [one for one in done.result["modified"] if one["load_balancer_id"] == "lb-2"] == []
    assert [one for one in done.result["failed_targets"] if one["load_balancer_id"] == "lb-2"] == []


def test_equal_failures_are_told_once_and_different_ones_up_to_five(run: Run) -> None:
    same = region()
    for cloud in same.clouds.values():
        cloud.faults.append(ConnectionFailed("can't connect"))
    failure = run(same, load_balancer_ids=IDS, targets=[EVERYWHERE]).failure
    assert failure is not None
    assert failure.count("can't connect") == 3 or "lb-1, lb-2, lb-3: " in failure
    many = {f"lb-{number}": [tcp(f"lbl-{number}", 443)] for number in range(1, 9)}
    fleet = FakeFleet.of(many)
    for name, cloud in fleet.clouds.items():
        cloud.faults.append(refusal("UnauthorizedOperation", f"not on {name}"))
    failure = run(fleet, load_balancer_ids=list(many), targets=[EVERYWHERE]).failure
    assert failure is not None
    assert failure.startswith("8 of 8 load balancers failed. lb-1: ")
    assert "3 more are in load_balancers." in failure
    assert "not on lb-6" not in failure


@pytest.mark.parametrize("one_by_one", [True, False])
@pytest.mark.parametrize("check", [True, False])
def test_a_guard_that_refuses_on_one_stops_all_before_any_write(run: Run, check: bool, one_by_one: bool) -> None:
    fleet = region()
    if one_by_one:
        fleet.emulator.configure(limits={"health_load_balancers": 1}, codes={"length": "FailedOperation"})
    fleet.clouds["lb-2"].set_health({"ins-22": "Dead"})
    done = run(fleet, load_balancer_ids=IDS, targets=[HOST], state="drained", min_healthy=1, check=check)
    assert fleet.wrote_to() == []
    assert (done.result["changed"], done.result["error"]["code"]) == (False, "GuardRefused")
    assert "lb-2: min_healthy is 1" in (done.failure or "")
    assert "lb-1, lb-3: Not sent: the guard min_healthy refuses on lb-2." in (done.failure or "")
    assert (done.failure or "").count("Nothing was changed.") == 1
    assert "lb-2" not in done.result["error"]["message"], "the error is that of the load balancer that refuses"
    assert {one["error"]["code"] for one in done.result["load_balancers"]} == {"GuardRefused"}
    refused = [(one["load_balancer_id"], one["code"]) for one in done.result["failed_targets"]]
    assert refused == [(one, "NotAttempted") for one in IDS]
    assert all("lb-2" in one["message"] for one in done.result["failed_targets"])
    assert done.result["restore"] == []
    assert fleet.count("DescribeTargetHealth") == (4 if one_by_one else 1)


def test_a_guard_that_refuses_later_on_one_stops_no_other(run: Run) -> None:
    fleet = region()
    fleet.clouds["lb-2"].locked_until = 3.0
    fleet.clouds["lb-2"].set_health({"ins-22": ("Alive", 1.0, "Dead")})
    done = run(fleet, load_balancer_ids=IDS, targets=[HOST], state="drained", min_healthy=1)
    assert status(done) == {"lb-1": "changed", "lb-2": "failed", "lb-3": "changed"}
    assert "Not serving any more since the first check: ins-22:80" in (done.failure or "")


def test_guarded_tasks_lock_in_the_order_of_the_ids_and_give_back(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    acquired: list[str] = []
    real = GuardLocks.acquire

    def acquire(self: GuardLocks, load_balancer_id: str) -> None:
        acquired.append(load_balancer_id)
        real(self, load_balancer_id)

    monkeypatch.setattr(GuardLocks, "acquire", acquire)
    for wait in (True, False):
        fleet = region()
        done = run(fleet, load_balancer_ids=IDS[::-1], targets=[HOST], state="drained", min_healthy=1, wait=wait)
        assert done.failure is None
    assert acquired == IDS * 2
    # Under the lock it is read anew: each of them twice before the first write.
    first_write = next(number for number, (action, _) in enumerate(fleet.calls) if action.startswith("Batch"))
    read = [params["LoadBalancerId"] for action, params in fleet.calls[:first_write] if action == "DescribeTargets"]
    assert sorted(read) == sorted(IDS * 2)


@pytest.mark.parametrize(
    "options",
    [
        {"state": "drained", "min_healthy": 1, "check": True},
        {"state": "drained"},
        {"targets": [{**EVERYWHERE, "instance_id": "ins-2"}], "min_healthy": 1},
    ],
)
def test_what_takes_nothing_away_under_the_guard_needs_no_lock(
    run: Run, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.setattr(GuardLocks, "acquire", lambda *_args: pytest.fail("it locks"))
    for chosen in ({"load_balancer_ids": IDS}, {"load_balancer_id": "lb-1"}):
        assert run(region(), **{"targets": [HOST], **chosen, **options}).failure is None


def test_the_locks_of_a_task_that_fails_are_given_back(run: Run, tmp_path: Path) -> None:
    fleet = region()
    fleet.errors["lb-1"] = GONE
    options = {"targets": [HOST], "state": "drained", "min_healthy": 1, "load_balancer_id": "lb-1"}
    assert run(fleet, **options).failure is not None
    del fleet.errors["lb-1"]
    assert run(fleet, **options).failure is None


def test_a_region_without_backends_is_a_warning_where_something_is_to_be_drained(run: Run) -> None:
    fleet = FakeFleet.of({"lb-1": [tcp("lbl-1", 443)]})
    for state, warned in (("drained", 1), ("absent", 0)):
        done = run(fleet, all_load_balancers=True, targets=[HOST], state=state)
        assert (done.failure, done.result["changed"], len(done.warnings)) == (None, False, warned)


def gone_after(fleet: FakeFleet, action: str, calls: int, identity: str = "lb-2") -> None:
    """Delete a load balancer once so many calls of an action were answered."""
    deletion = {"change": "delete_load_balancer", "with": {"load_balancer_id": identity}}
    fleet.emulator.add_events({**deletion, "action": action, "after_calls": calls})


@pytest.mark.parametrize("calls", [3, 4, 6], ids=["before it is locked", "while others are read again", "health"])
def test_one_that_is_deleted_at_any_time_before_the_first_write_is_left_out(run: Run, calls: int) -> None:
    fleet = region()
    gone_after(fleet, "DescribeTargets", calls)
    done = run(fleet, all_load_balancers=True, targets=[HOST], state="drained", min_healthy=1)
    assert (done.failure, list(status(done))) == (None, ["lb-1", "lb-3"])
    assert [one["load_balancer_id"] for one in done.result["left_out"]] == ["lb-2"]
    assert fleet.wrote_to() == ["lb-1", "lb-3"]


@pytest.mark.parametrize("action, calls", [("DescribeTargets", 2), ("DescribeTargets", 4)])
def test_one_that_is_named_and_deleted_meanwhile_is_an_error_that_names_it(run: Run, action: str, calls: int) -> None:
    fleet = region()
    gone_after(fleet, action, calls, "lb-3")
    done = run(fleet, load_balancer_ids=IDS, targets=[HOST], state="drained", min_healthy=1)
    assert (done.failure or "").startswith("1 of 3 load balancers failed. lb-3: Describe")
    assert (fleet.wrote_to(), status(done)) == ([], {"lb-3": "failed"})
    (failed,) = done.result["load_balancers"]
    assert "1 of 3" not in failed["message"]


def test_the_only_one_that_is_left_is_locked_all_the_same(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    acquired: list[str] = []
    monkeypatch.setattr(GuardLocks, "acquire", lambda _self, identity: acquired.append(identity))
    fleet = region()
    fleet.errors = {"lb-1": GONE, "lb-3": GONE}
    done = run(fleet, all_load_balancers=True, targets=[HOST], state="drained", min_healthy=1)
    assert (done.failure, status(done), acquired) == (None, {"lb-2": "changed"}, ["lb-2"])


@pytest.mark.parametrize("check", [True, False])
def test_a_name_that_is_wrong_on_one_stops_all_before_any_write(run: Run, check: bool) -> None:
    fleet = region()
    fleet.clouds["lb-3"].change("delete_listener", load_balancer_id="lb-3", listener_id="lbl-3")
    moved = {"id": "lbl-3", "protocol": "TCP", "port": 444}
    fleet.clouds["lb-3"].change("create_listener", load_balancer_id="lb-3", listener=moved)
    done = run(fleet, load_balancer_ids=IDS, targets=[EVERYWHERE], check=check)
    assert fleet.wrote_to() == []
    assert re.search(
        r"1 of 3 load balancers failed\. lb-3: targets\[0\]: there is no listener.*444", done.failure or ""
    )
    assert done.result["error"]["code"] == "InvalidArgument"


@pytest.mark.parametrize("state, failed", [("present", True), ("drained", True), ("absent", False)])
def test_an_id_that_none_of_them_has(run: Run, state: str, failed: bool) -> None:
    fleet = region()
    done = run(fleet, load_balancer_ids=IDS, targets=[want("lbl-9", "ins-1")], state=state)
    words = "targets[0]: none of the load balancers has a listener 'lbl-9'."
    assert (done.failure is not None) is failed
    assert words in (done.failure or done.warnings[0])
    assert not failed or "lb-3: What exists: " in (done.failure or "")
    assert fleet.wrote_to() == []
    everywhere = run(fleet, all_load_balancers=True, targets=[want("lbl-9", "ins-1")], state="drained")
    assert (everywhere.failure, words in everywhere.warnings[0]) == (None, True)
    own = run(fleet, all_load_balancers=True, targets=[want("lbl-3", "ins-1", load_balancer_id="lb-1")], state=state)
    assert state == "present" or own.warnings[0] == "targets[0]: lb-1 has no listener 'lbl-3'. Nothing to do for it."


def test_each_id_goes_to_the_load_balancer_that_has_it(run: Run) -> None:
    fleet = region()
    rule_entry = {"location_id": "loc-3", "instance_id": "ins-9", "port": 80}
    done = run(fleet, load_balancer_ids=IDS, targets=[want("lbl-1", "ins-9"), rule_entry])
    assert (done.failure, fleet.wrote_to()) == (None, ["lb-1", "lb-3"])
    assert status(done) == {"lb-1": "changed", "lb-2": "unchanged", "lb-3": "changed"}


def test_entries_can_choose_by_themselves_and_only_those_load_balancers_are_read(run: Run) -> None:
    fleet = region()
    entries = [want("lbl-3", "ins-9", load_balancer_id="lb-3"), want("lbl-1", "ins-9", load_balancer_id="lb-1")]
    done = run(fleet, targets=entries)
    assert (done.failure, list(status(done))) == (None, ["lb-3", "lb-1"])
    read = [params for action, params in fleet.calls if action == "DescribeTargets"]
    assert {(one["LoadBalancerId"], tuple(one["ListenerIds"])) for one in read} == {
        ("lb-3", ("lbl-3",)),
        ("lb-1", ("lbl-1",)),
    }


def test_one_to_which_no_entry_applies_is_not_read(run: Run) -> None:
    fleet = region()
    done = run(fleet, load_balancer_ids=IDS, targets=[want("lbl-2", "ins-9", load_balancer_id="lb-2")])
    assert list(status(done)) == ["lb-2"]
    assert {params["LoadBalancerId"] for action, params in fleet.calls if action == "DescribeTargets"} == {"lb-2"}
    nobody = run(fleet, load_balancer_ids=[], targets=[])
    assert "load_balancer_ids is an empty list" in (nobody.failure or "")


def test_equal_warnings_come_once_with_the_ids(run: Run) -> None:
    selector = {"listener_port": 9, "listener_protocol": "UDP"}
    done = run(region(), load_balancer_ids=IDS, targets=[selector], state="absent")
    assert done.warnings == (
        "targets[0]: there is no UDP listener on port 9. Nothing to do for it. (lb-1, lb-2, lb-3)",
    )


@pytest.mark.parametrize("host, warned", [("ins-1", False), ("ins-5", True)])
def test_matches_nothing_bound_is_said_only_where_it_matched_on_none(run: Run, host: str, warned: bool) -> None:
    fleet = region()
    fleet.clouds["lb-2"].interfere([({"ListenerId": "lbl-2"}, "ins-1", None)])
    done = run(fleet, load_balancer_ids=IDS, targets=[{"instance_id": host}], state="drained")
    assert done.failure is None
    assert any("matches nothing bound" in one for one in done.warnings) is warned


def test_extra_calls_and_task_times_are_shared(run: Run) -> None:
    many = {f"lb-{number}": [tcp(f"lbl-{number}", 443)] for number in range(1, 6)}
    fleet = FakeFleet.of(many, task_seconds=2.0)
    assert run(fleet, load_balancer_ids=list(many), targets=[EVERYWHERE]).failure is None
    polled = [one for one, cloud in fleet.clouds.items() if cloud.count("DescribeTaskStatus")]
    # The first one or two find out how long a task takes; the others read back once.
    assert 1 <= len(polled) <= 2
    others = [cloud for one, cloud in fleet.clouds.items() if one not in polled]
    assert [cloud.count("DescribeTargets") for cloud in others][-3:] == [2, 2, 2]
    assert _targets.PROBES == 2


def test_one_load_balancer_in_a_list_has_the_shape_of_several(run: Run) -> None:
    fleet = FakeFleet.of({"lb-1": [tcp("lbl-1", 443, target("ins-1"))]})
    fleet.clouds["lb-1"].faults.append(refusal("AuthFailure"))
    done = run(fleet, load_balancer_ids=["lb-1"], targets=[HOST], state="drained")
    assert done.result["load_balancer_id"] is None
    assert (done.failure or "").startswith("1 of 1 load balancers failed. lb-1: ")
