# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several load balancers in one task: which are chosen, what stops all of them, and what is told of each."""

from __future__ import annotations

import re
import time

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.session import TaskTimes
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from harness import Cloud

from ..builders import Raw, http, rows, rule, target, tcp, want
from .tasks import refusal

IDS = ["lb-1", "lb-2", "lb-3"]
HOST: Raw = {"instance_id": "ins-1"}
EVERYWHERE: Raw = {"listener_port": 443, "instance_id": "ins-9", "port": 80}
DRAIN: Raw = {"state": "drained", "targets": [HOST]}
ADD: Raw = {"state": "present", "targets": [EVERYWHERE]}
AT_3: Raw = {"targets": [{**HOST, "load_balancer_id": "lb-3"}]}
GUARDED: Raw = {**DRAIN, "min_healthy": 1}


def region(**settings):
    """Three load balancers; each has a listener on port 443 with ins-1 and another instance."""
    balancers = {
        f"lb-{number}": [
            tcp(f"lbl-{number}", 443, target("ins-1", weight=number), target(f"ins-2{number}")),
            http(f"lbl-{number}0", 80, rule(f"loc-{number}", "a")),
        ]
        for number in (1, 2, 3)
    }
    return Cloud.of(balancers, **{"task_seconds": 0.5, **settings})


def many(count, **settings):
    return Cloud.of({f"lb-{number}": [tcp(f"lbl-{number}", 443)] for number in range(1, count + 1)}, **settings)


def status(run):
    return {one["load_balancer_id"]: one["status"] for one in run["load_balancers"]}


def wrote_to(cloud):
    """The load balancers that were written to, in the order of the first write."""
    return list(dict.fromkeys(call["params"]["LoadBalancerId"] for call in cloud.writes()))


def read(cloud):
    return [call["params"]["LoadBalancerId"] for call in cloud.calls("DescribeTargets")]


def weights(cloud):
    """Load balancer -> address -> weight."""
    return {one: {bound[2]: bound[4] for bound in cloud.bindings(one)} for one in cloud.cloud.load_balancers}


def delete(cloud, identity, action, calls):
    """Delete a load balancer once so many calls of an action were answered."""
    deletion = {"change": "delete_load_balancer", "with": {"load_balancer_id": identity}}
    cloud.add_events({**deletion, "action": action, "after_calls": calls})


def test_one_task_changes_several_and_reports_each():
    cloud = region()
    run = cloud.run(load_balancer_ids=IDS, targets=[EVERYWHERE])
    assert (run.failure, status(run), run.changed) == (None, dict.fromkeys(IDS, "changed"), True)
    assert [one["listener_id"] for one in run["registered"]] == ["lbl-1", "lbl-2", "lbl-3"]
    assert all("ins-9" in bound for bound in weights(cloud).values())
    assert sorted(call["params"]["LoadBalancerId"] for call in cloud.writes()) == IDS
    counts = {"registered": 1, "modified": 0, "deregistered": 0, "unchanged": 2, "bound": 3}
    told = {"load_balancer_id": "lb-1", "load_balancer_name": None, "status": "changed", "message": None, "error": None}
    assert run["load_balancers"][0] == {**told, **counts}
    again = cloud.run(load_balancer_ids=IDS, targets=[EVERYWHERE])
    assert (again.changed, status(again)) == (False, dict.fromkeys(IDS, "unchanged"))


def test_only_what_an_entry_names_or_matches_is_listed():
    run = region().run(all_load_balancers=True, **DRAIN)
    for key in ("targets", "restore", "modified"):
        assert [(one["load_balancer_id"], one["instance_id"]) for one in run[key]] == [(one, "ins-1") for one in IDS]


def test_diff_lines_begin_with_the_load_balancer_and_are_sorted_together():
    run = region().run(load_balancer_ids=["lb-2", "lb-1"], **DRAIN)
    assert (run["diff"]["before"], run["diff"]["prepared"]) == (
        "lb-1  TCP:443 (lbl-1)  ins-1:80  weight 1\nlb-2  TCP:443 (lbl-2)  ins-1:80  weight 2\n",
        "re-weighted 2 on 2 of 2 load balancers",
    )
    assert [one["load_balancer_id"] for one in run["load_balancers"]] == ["lb-2", "lb-1"]


@pytest.mark.parametrize("check", [True, False])
def test_restore_puts_everything_back_and_a_dry_run_says_what_it_will_be(check):
    cloud = region()
    before = weights(cloud)
    run = cloud.run(all_load_balancers=True, targets=[HOST], state="absent", check=check)
    restore = [(one["load_balancer_id"], one["weight"], one["tag"]) for one in run["restore"]]
    assert restore == [("lb-1", 1, ""), ("lb-2", 2, ""), ("lb-3", 3, "")]
    assert (weights(cloud) == before) is check
    back = cloud.run(targets=run["restore"])
    assert (back.failure, weights(cloud), back.changed) == (None, before, not check)


def test_equal_warnings_come_once_with_at_most_five_ids():
    words = "targets[0]: there is no listener on port 9. Nothing to do for it."
    for count, ids in ((3, "lb-1, lb-2, lb-3"), (7, "lb-1, lb-2, lb-3, lb-4, lb-5 and 2 more")):
        cloud = many(count)
        chosen = list(cloud.cloud.load_balancers)
        run = cloud.run(load_balancer_ids=chosen, targets=[{"listener_port": 9}], state="absent")
        assert run.warnings == [f"{words} ({ids})"]


@pytest.mark.parametrize("host, warned", [("ins-1", False), ("ins-5", True)])
def test_matches_nothing_bound_is_said_only_where_it_matched_on_none(host, warned):
    cloud = region()
    unbind(cloud, 2)
    run = cloud.run(load_balancer_ids=IDS, targets=[{"instance_id": host}], state="drained")
    assert run.failure is None
    assert any("matches nothing bound" in one for one in run.warnings) is warned


@pytest.mark.parametrize("faulty", IDS)
@pytest.mark.parametrize("wait", [True, False])
def test_a_failure_on_one_is_told_there_and_stops_no_other(faulty, wait):
    cloud = region()
    cloud.next_writes(refusal("UnauthorizedOperation", "not allowed"), load_balancer_id=faulty)
    run = cloud.run(load_balancer_ids=IDS, wait=wait, **DRAIN)
    assert (status(run), run.changed) == ({one: "failed" if one == faulty else "changed" for one in IDS}, True)
    assert run.message.startswith(f"1 of 3 load balancers failed. {faulty}: ")
    (failed,) = [one for one in run["load_balancers"] if one["error"] is not None]
    assert failed["error"]["code"] == run.code == "UnauthorizedOperation"
    assert [one["load_balancer_id"] for one in run["failed_targets"]] == [faulty]
    assert run["failed_listeners"] == [f"lbl-{faulty[-1]}"]
    cloud.finish()
    # What is done stands in restore, also when the task fails.
    assert [one["load_balancer_id"] for one in run["restore"]] == [one for one in IDS if one != faulty]
    assert {one: bound["ins-1"] == 0 for one, bound in weights(cloud).items()} == {one: one != faulty for one in IDS}


def test_different_failures_are_told_up_to_five():
    cloud = many(8)
    for identity in cloud.cloud.load_balancers:
        cloud.next_writes(refusal("UnauthorizedOperation", f"not on {identity}"), load_balancer_id=identity)
    message = cloud.run(load_balancer_ids=list(cloud.cloud.load_balancers), targets=[EVERYWHERE]).message
    assert message.startswith("8 of 8 load balancers failed. lb-1: ")
    assert (" 3 more are in load_balancers." in message, "not on lb-6" in message) == (True, False)


def test_an_error_of_this_collection_is_told_like_any_other():
    def break_down():
        raise KeyError("oops")

    cloud = region()
    cloud.before("Batch*", break_down, nth=2)
    run = cloud.run(load_balancer_ids=IDS, **DRAIN)
    (broken,) = [one for one, how in status(run).items() if how == "failed"]
    assert "An error of this collection, please report it: KeyError" in run.message
    (listener,) = [one for one in run["listeners"] if one["load_balancer_id"] == broken]
    # Nobody knows how far it came.
    assert (listener["status"], listener["bound"]) == ("failed", None)
    told = [one["load_balancer_id"] for key in ("modified", "failed_targets") for one in run[key]]
    assert told == [one for one in IDS if one != broken]


@pytest.mark.parametrize("check", [True, False])
def test_a_name_that_is_wrong_on_one_stops_all_before_any_write(check):
    cloud = region()
    cloud.change("delete_listener", {"load_balancer_id": "lb-3", "listener_id": "lbl-3"})
    moved = {"id": "lbl-3", "protocol": "TCP", "port": 444}
    cloud.change("create_listener", {"load_balancer_id": "lb-3", "listener": moved})
    run = cloud.run(load_balancer_ids=IDS, targets=[EVERYWHERE], check=check)
    assert (wrote_to(cloud), run.code) == ([], "InvalidArgument")
    assert re.search(r"1 of 3 load balancers failed\. lb-3: targets\[0\]: there is no listener.*444", run.message)


@pytest.mark.parametrize("limit, calls", [(30, 1), (1, 4)])
@pytest.mark.parametrize("check", [True, False])
def test_a_guard_that_refuses_on_one_stops_all_before_any_write(check, limit, calls):
    limits = {"limits": {"health_load_balancers": limit}, "codes": {"length": "FailedOperation"}}
    cloud = region(**limits, health={"dead": ["ins-22"]})
    run = cloud.run(load_balancer_ids=IDS, check=check, **GUARDED)
    assert (wrote_to(cloud), run.changed, run.code, run["restore"]) == ([], False, "GuardRefused", [])
    assert "lb-2: min_healthy is 1" in run.message
    assert "lb-1, lb-3: Not sent: the guard min_healthy refuses on lb-2." in run.message
    assert run.message.count("Nothing was changed.") == 1
    assert "lb-2" not in run["error"]["message"], "the error is that of the load balancer that refuses"
    assert {one["error"]["code"] for one in run["load_balancers"]} == {"GuardRefused"}
    refused = [(one["load_balancer_id"], one["code"]) for one in run["failed_targets"]]
    assert refused == [(one, "NotAttempted") for one in IDS]
    assert all("lb-2" in one["message"] for one in run["failed_targets"])
    assert cloud.count("DescribeTargetHealth") == calls


def unbind(cloud, number):
    """Let somebody else unbind ins-1 from a load balancer."""
    place = {"LoadBalancerId": f"lb-{number}", "ListenerId": f"lbl-{number}"}
    cloud.change("unbind", [{**place, "InstanceId": "ins-1", "Port": 80}])


def test_one_without_changes_has_no_error_where_the_guard_refuses_on_another():
    cloud = region()
    unbind(cloud, 3)
    run = cloud.run(load_balancer_ids=IDS, **{**GUARDED, "min_healthy": 2})
    assert (run.code, status(run)) == ("GuardRefused", {"lb-1": "failed", "lb-2": "failed", "lb-3": "unchanged"})
    assert run["load_balancers"][2]["error"] is None


@pytest.mark.parametrize("other", ["changed", "failed"])
def test_a_guard_that_refuses_later_on_one_stops_no_other(other):
    cloud = region()
    cloud.change("lock", {"load_balancer_id": "lb-2", "seconds": 3.0})
    cloud.add_events({"change": "health", "with": {"dead": ["ins-22"]}, "delay": 1.0})
    if other == "failed":
        cloud.next_writes(refusal("UnauthorizedOperation"), load_balancer_id="lb-1")
    run = cloud.run(load_balancer_ids=IDS[:2], **GUARDED)
    assert status(run) == {"lb-1": other, "lb-2": "failed"}
    assert "No longer in traffic since the first check: ins-22:80" in run.message
    assert "run the same task again" in run.message


@pytest.mark.parametrize("wait", [True, False])
def test_guarded_tasks_read_anew_under_their_locks_and_never_wait_for_each_other_in_a_circle(wait):
    cloud = region()
    tasks = [{**GUARDED, "load_balancer_ids": order, "wait": wait} for order in (IDS, IDS[::-1], IDS[1:] + IDS[:1])]
    runs = cloud.together(*tasks)
    assert ([run.failure for run in runs], sorted(run.changed for run in runs)) == ([None] * 3, [False, False, True])
    alone = region()
    alone.run(load_balancer_ids=IDS[::-1], wait=wait, **GUARDED)
    before = alone.actions().index("BatchModifyTargetWeight")
    assert alone.actions()[:before].count("DescribeTargets") == 6


NO_LOSS: Raw = {"targets": [{**EVERYWHERE, "instance_id": "ins-2"}], "min_healthy": 1}


def test_a_lock_is_given_back_while_another_load_balancer_is_still_written_to():
    cloud = region(task_seconds=0)
    cloud.change("lock", {"load_balancer_id": "lb-2", "seconds": 60})
    alone = {**GUARDED, "load_balancer_id": "lb-1", "wait_timeout": 20, "after": 5}
    assert [run.failure for run in cloud.together({**GUARDED, "load_balancer_ids": IDS}, alone)] == [None] * 2


def locks_of(options, folder, cloud=None):
    """How many lock files a task makes."""
    (cloud or region()).run(environ={"TENCENTCLOUD_CLB_LOCK_DIR": str(folder)}, **options)
    return len(list(folder.glob("*.lock"))) if folder.exists() else 0


@pytest.mark.parametrize("options, locks", [(GUARDED, 3), ({**GUARDED, "check": True}, 0), (DRAIN, 0), (NO_LOSS, 0)])
def test_only_what_takes_something_away_under_the_guard_needs_a_lock(tmp_path, options, locks):
    assert locks_of({**options, "load_balancer_ids": IDS}, tmp_path / "many") == locks
    assert locks_of({**options, "load_balancer_id": "lb-1"}, tmp_path / "one") == bool(locks)


@pytest.mark.parametrize("calls", [3, 4, 6], ids=["before it is locked", "while others are read again", "health"])
def test_one_that_is_deleted_at_any_time_before_the_first_write_is_left_out(calls):
    cloud = region()
    delete(cloud, "lb-2", "DescribeTargets", calls)
    run = cloud.run(all_load_balancers=True, **GUARDED)
    assert (run.failure, list(status(run))) == (None, ["lb-1", "lb-3"])
    assert [one["load_balancer_id"] for one in run["left_out"]] == ["lb-2"]
    assert sorted(wrote_to(cloud)) == ["lb-1", "lb-3"]


@pytest.mark.parametrize("calls", [2, 4])
def test_one_that_is_named_and_deleted_meanwhile_is_an_error_that_names_it(calls):
    cloud = region()
    delete(cloud, "lb-3", "DescribeTargets", calls)
    run = cloud.run(load_balancer_ids=IDS, **GUARDED)
    assert run.message.startswith("1 of 3 load balancers failed. lb-3: Describe")
    assert (wrote_to(cloud), status(run)) == ([], {"lb-3": "failed"})
    assert "1 of 3" not in run["load_balancers"][0]["message"]


def test_the_only_one_that_is_left_is_locked_all_the_same(tmp_path):
    cloud = region()
    for identity in ("lb-1", "lb-3"):
        delete(cloud, identity, "DescribeLoadBalancers", 1)
    assert locks_of({**GUARDED, "all_load_balancers": True}, tmp_path, cloud) == 1
    assert wrote_to(cloud) == ["lb-2"]


def test_extra_calls_and_task_times_are_shared():
    cloud = many(5, task_seconds=2.0)
    assert cloud.run(load_balancer_ids=list(cloud.cloud.load_balancers), targets=[EVERYWHERE]).failure is None
    # The first one or two find out how long a task takes; the others read back once.
    assert sorted(map(read(cloud).count, cloud.cloud.load_balancers))[:3] == [2, 2, 2]
    written = {call["request_id"]: call["params"]["LoadBalancerId"] for call in cloud.writes()}
    assert len({written[call["params"]["TaskId"]] for call in cloud.calls("DescribeTaskStatus")}) == 2
    assert cloud.now() <= 5
    started = time.monotonic()
    assert TaskTimes(probes=0).find(Budget(0.01, 0)) is None
    assert time.monotonic() - started < 2, "nobody finds it out, and the time is up"


@rows(
    "options, words",
    ({"targets": [HOST]}, "targets[0] has no load_balancer_id of its own"),
    ({"targets": [{**HOST, "load_balancer_id": "lb-1"}, HOST]}, "targets[1] has no load_balancer_id of its own"),
    ({"load_balancer_id": "lb-1", "all_load_balancers": True}, "load_balancer_id and all_load_balancers are given"),
    ({"load_balancer_ids": []}, "load_balancer_ids is an empty list"),
    ({"load_balancer_names": []}, "load_balancer_names is an empty list"),
    ({"load_balancer_ids": ["lb-1", " "]}, "load_balancer_ids is empty; give the ID"),
    ({"load_balancer_name": " "}, "load_balancer_name is empty; give the exact name"),
    ({"load_balancer_ids": ["lb 1"]}, "load_balancer_ids 'lb 1' is not an ID"),
    ({"load_balancer_id": "lb-é"}, "is not an ID"),
    ({"load_balancer_names": ["name-lb-1", "name-lb"]}, "has the name 'name-lb'"),
    ({"load_balancer_names": ["name-lb-1", "no"]}, "has the name 'no'. Check load_balancer_names and region"),
    ({"load_balancer_ids": IDS[:2], **AT_3}, "'lb-3' is not 'lb-1' or 'lb-2', as load_balancer_ids says"),
    ({**ADD, "all_load_balancers": True}, "all_load_balancers goes with state absent or drained"),
    ({"all_load_balancers": True, "targets": [{"listener_port": 443}]}, "every entry must name a backend"),
)
def test_how_load_balancers_may_not_be_chosen(options, words):
    cloud = region()
    run = cloud.run(**{**DRAIN, **options})
    assert words in (run.failure or "")
    assert (run.code, cloud.writes()) == ("InvalidArgument", [])


@rows(
    "options, expected",
    ({"load_balancer_id": " lb-2 "}, "lb-2"),
    ({"load_balancer_name": "name-lb-2"}, "lb-2"),
    ({"load_balancer_ids": ["lb-2", " lb-1", "lb-2"]}, "lb-2 lb-1"),
    ({"load_balancer_names": ["name-lb-3", "name-lb-1 ", "name-lb-3"]}, "lb-3 lb-1"),
    ({"all_load_balancers": True}, "lb-1 lb-2 lb-3"),
    ({"targets": [{**HOST, "load_balancer_id": one} for one in ("lb-3", "lb-1")]}, "lb-3 lb-1"),
)
def test_the_chosen_ones_come_once_in_the_order_chosen(options, expected):
    run = region().run(check=True, **{**DRAIN, **options})
    assert run.failure is None
    named = {"load_balancer_name", "load_balancer_names", "all_load_balancers"} & options.keys()
    told = [(one["load_balancer_id"], one["load_balancer_name"]) for one in run["load_balancers"]]
    assert told == [(one, f"name-{one}" if named else None) for one in expected.split()]
    # One is meant by the option, not by the count.
    one_meant = {"load_balancer_id", "load_balancer_name"} & options.keys()
    assert run["load_balancer_id"] == ("lb-2" if one_meant else None)


def test_a_listing_of_the_region_asks_for_those_with_backends_oldest_first_and_no_classic_ones():
    cloud = region()
    cloud.run(all_load_balancers=True, **DRAIN)
    asked = cloud.calls("DescribeLoadBalancers")[0]["params"]
    assert (asked["WithRs"], asked["Forward"], asked["OrderType"]) == (1, 1, 0)


@pytest.mark.parametrize("state, warned", [("drained", 1), ("absent", 0)])
def test_a_region_without_backends_is_a_warning_where_something_is_to_be_drained(state, warned):
    run = many(1).run(all_load_balancers=True, targets=[HOST], state=state)
    assert (run.failure, run.changed, len(run.warnings)) == (None, False, warned)
    # A listener that is nowhere is none.
    elsewhere = region().run(all_load_balancers=True, targets=[{**HOST, "listener_port": 9}], state="absent")
    assert (elsewhere.failure, elsewhere.warnings) == (None, [])


def test_each_id_goes_to_the_load_balancer_that_has_it():
    cloud = region()
    rule_entry = {"location_id": "loc-3", "instance_id": "ins-9", "port": 80}
    run = cloud.run(load_balancer_ids=IDS, targets=[want("lbl-1", "ins-9"), rule_entry])
    assert (run.failure, sorted(wrote_to(cloud))) == (None, ["lb-1", "lb-3"])
    assert status(run) == {"lb-1": "changed", "lb-2": "unchanged", "lb-3": "changed"}
    # An entry that names no load balancer may be about any of them, so nobody is asked for its listener alone.
    cloud.clear_journal()
    cloud.run(load_balancer_ids=IDS, targets=[want("lbl-1", "ins-9", load_balancer_id="lb-1"), want("lbl-3", "ins-9")])
    assert not any("ListenerIds" in call["params"] for call in cloud.calls("DescribeTargets"))


def test_entries_can_choose_by_themselves_and_only_those_load_balancers_are_read():
    cloud = region()
    entries = [want("lbl-3", "ins-9", load_balancer_id="lb-3"), want("lbl-1", "ins-9", load_balancer_id="lb-1")]
    run = cloud.run(targets=entries)
    assert (run.failure, list(status(run))) == (None, ["lb-3", "lb-1"])
    asked = [call["params"] for call in cloud.calls("DescribeTargets")]
    assert {(one["LoadBalancerId"], *one["ListenerIds"]) for one in asked} == {("lb-3", "lbl-3"), ("lb-1", "lbl-1")}
    cloud.clear_journal()
    run = cloud.run(load_balancer_ids=IDS, targets=entries[:1])
    assert (list(status(run)), set(read(cloud))) == (["lb-3"], {"lb-3"})


@pytest.mark.parametrize("state, failed", [("present", True), ("drained", True), ("absent", False)])
def test_an_id_that_none_of_them_has(state, failed):
    cloud = region()
    run = cloud.run(load_balancer_ids=IDS, targets=[want("lbl-9", "ins-1")], state=state)
    words = "targets[0]: none of the load balancers has a listener 'lbl-9'."
    assert (run.failed, wrote_to(cloud)) == (failed, [])
    assert words in (run.failure or run.warnings[0])
    assert not failed or "lb-3: What exists: " in run.message
    everywhere = cloud.run(all_load_balancers=True, targets=[want("lbl-9", "ins-1")], state="drained")
    assert (everywhere.failure, words in everywhere.warnings[0]) == (None, True)
    if state != "present":
        entry = want("lbl-3", "ins-1", load_balancer_id="lb-1")
        own = cloud.run(all_load_balancers=True, targets=[entry], state=state)
        assert own.warnings[0] == "targets[0]: lb-1 has no listener 'lbl-3'. Nothing to do for it."
