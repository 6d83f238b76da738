# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan that is carried out on one load balancer: order, waiting, health, and what is not in place at the end."""

from __future__ import annotations

import pytest

from ..builders import Raw, http, neighbours, rule, target, tcp, want
from .tasks import BUSY, accepted, addresses, balancer, done, failed, former, interfere, lock, order, refusal, weights

SETTLE = 5
"""Seconds that a read may lag behind a task that has ended."""
MAX_SENDS = 3
ON_RULE: Raw = {"location_id": "loc-2", "instance_id": "ins-9", "port": 80}
LISTENERS = [
    tcp("lbl-1", 443, target("ins-1", tag="blue"), target("ins-2", weight=0)),
    http("lbl-2", 80, rule("loc-1", "a", target("ins-1")), rule("loc-2", "b", target("ins-2"))),
]


NEW = [want("lbl-1", "ins-3")]


def shop(*faults, **settings):
    return balancer(LISTENERS, *faults, **settings)


def named(listener, **more):
    """Order an answer that names a listener as failed."""
    return order("fail_listeners", listeners=[listener], **{"message": "no", **more})


def test_gains_are_sent_and_read_back_before_losses():
    cloud = shop(task_seconds=0.1)
    entries = [*NEW, want("lbl-1", "ins-2", weight=5, tag="x"), want("lbl-1", "ins-1", weight=0)]
    run = cloud.run(targets=[*entries, {"location_id": "loc-1", "instance_id": "ins-4", "port": 80}], purge=True)
    assert run.failure is None
    assert accepted(cloud) == [
        "BatchRegisterTargets",
        "BatchModifyTargetWeight",
        "BatchModifyTargetTag",
        "BatchModifyTargetWeight",
        "BatchDeregisterTargets",
    ]
    tagged = next(n for n, call in enumerate(cloud.calls()) if call["accepted"] and "TargetTag" in call["action"])
    assert cloud.actions()[tagged + 1 : tagged + 3] == ["DescribeTargets", "BatchModifyTargetWeight"]
    assert cloud.actions()[-1] == "DescribeTargets"
    assert cloud.bindings() == {
        ("lbl-1", None, "ins-1", 80, 0, "blue"),
        ("lbl-1", None, "ins-2", 80, 5, "x"),
        ("lbl-1", None, "ins-3", 80, 10, ""),
        ("lbl-2", "loc-1", "ins-4", 80, 10, ""),
        ("lbl-2", "loc-2", "ins-2", 80, 10, ""),
    }


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("fault", [None, named("lbl-1"), order("task_fails", message="no")])
def test_a_listener_whose_gains_are_not_in_place_loses_nothing(wait, fault):
    # Without a fault of the call, the target itself is refused.
    cloud = shop(fault, bad=[] if fault else ["ins-3"])
    run = cloud.run(targets=[*NEW, ON_RULE], purge=True, wait=wait)
    cloud.finish()
    assert addresses(cloud, "lbl-1") == {"ins-1", "ins-2"}
    held = [one["code"] for one in run["failed_targets"] if one["message"].startswith("Held back: ins-3:80")]
    assert (held, run.code != "NotAttempted") == (["NotAttempted"] * 2, True)
    # The other listener goes on.
    assert fault is not None or addresses(cloud, "lbl-2") == {"ins-1", "ins-9"}


def test_a_gain_that_does_not_show_is_sent_again_before_anything_is_taken_away():
    cloud = shop(order("not_applied"))
    run = cloud.run(targets=NEW, purge=True)
    assert (run.failure, addresses(cloud, "lbl-1")) == (None, {"ins-3"})
    assert cloud.actions("Batch*") == ["BatchRegisterTargets"] * 2 + ["BatchDeregisterTargets"]
    first, second, _ = (call["time"] for call in cloud.writes())
    assert 1 + SETTLE <= second - first <= 1 + SETTLE + 2


def test_a_tag_that_does_not_show_is_waited_for_as_long_as_other_changes():
    cloud = shop(order("not_applied"))
    assert cloud.run(targets=[want("lbl-1", "ins-1", tag="x")]).failure is None
    first, second = (call["time"] for call in cloud.writes())
    assert SETTLE <= second - first <= SETTLE + 2
    assert "DescribeTaskStatus" not in cloud.actions(), "a tag has no task"


@pytest.mark.parametrize(
    "fault, code", [(order("not_applied"), "WaitTimeout"), (refusal("InternalError"), "InternalError")]
)
def test_a_gain_that_never_shows_is_sent_three_times_and_holds_the_losses_back(fault, code):
    cloud = shop(*[fault] * 4)
    run = cloud.run(targets=NEW, purge=True)
    assert cloud.actions("Batch*") == ["BatchRegisterTargets"] * MAX_SENDS
    assert failed(run) == {"ins-3": code, "ins-1": "NotAttempted", "ins-2": "NotAttempted"}
    changed = fault["kind"] == "not_applied"
    assert (run.code, run.changed, addresses(cloud, "lbl-1")) == (code, changed, {"ins-1", "ins-2"})
    assert "ins-1:80 on TCP:443 (lbl-1), ins-2:80 on TCP:443 (lbl-1) (NotAttempted" in run.message


def test_what_was_sent_and_does_not_show_has_failed_with_what_stopped_the_task():
    cloud = shop(order("not_applied"), refusal("UnauthorizedOperation"))
    run = cloud.run(targets=[*NEW, want("lbl-1", "ins-1", weight=5)])
    assert failed(run) == dict.fromkeys(("ins-3", "ins-1"), "UnauthorizedOperation")


@pytest.mark.parametrize("message, words", [("out of luck", "out of luck"), ("", "no reason")])
def test_what_a_failed_task_did_counts_and_the_rest_has_failed_with_it(message, words):
    cloud = shop(order("task_fails", message=message, apply=0.5), read_lag=3)
    run = cloud.run(targets=[*NEW, want("lbl-1", "ins-4")])
    assert (done(run), failed(run), len(cloud.writes())) == (["ins-3"], {"ins-4": "TaskFailed"}, 1)
    told = run["failed_targets"][0]["message"]
    assert (run.code, run["error"]["action"], run["error"]["request_id"]) == ("TaskFailed", None, None)
    assert f"{cloud.writes()[0]['request_id']} of BatchRegisterTargets failed" in told
    assert words in told


@pytest.mark.parametrize("message", ["port conflict", "", "it is not in normal state"])
def test_failed_listeners_fail_the_task_and_everything_else_is_bound(message):
    cloud = shop(named("lbl-2", message=message))
    run = cloud.run(targets=[*NEW, ON_RULE])
    assert (failed(run), run.changed, len(cloud.writes())) == ({"ins-9": "FailListenerIdSet"}, True, 1)
    told, request_id = run["error"]["message"], cloud.writes()[0]["request_id"]
    assert (run["error"]["action"], run["error"]["request_id"]) == ("BatchRegisterTargets", request_id)
    assert told == message or "without a reason" in told
    assert ("Another task holds the load balancer" in run.message) is ("state" in message)
    assert addresses(cloud, "lbl-1") == {"ins-1", "ins-2", "ins-3"}
    # Where all listeners have failed, nothing is changed.
    cloud = shop(order("fail_listeners", message=message))
    run = cloud.run(targets=[*NEW, ON_RULE])
    assert (run.changed, run["request_ids"]) == (False, [cloud.writes()[0]["request_id"]])


@pytest.mark.parametrize("task_seconds", [1, 8])
def test_what_was_done_of_a_failed_listener_may_show_late_after_its_task(task_seconds):
    cloud = shop(named("lbl-1", apply="some"), task_seconds=task_seconds, read_lag=3)
    run = cloud.run(targets=[*NEW, want("lbl-1", "ins-4")])
    assert (run.failure, sorted(done(run)), len(cloud.writes())) == (None, ["ins-3", "ins-4"], 2)


def test_the_last_of_several_calls_that_names_its_listener_is_not_waited_for_until_the_end():
    run = shop(None, order("fail_listeners")).run(targets=NEW, purge=True)
    assert (run.code, failed(run)) == ("FailListenerIdSet", dict.fromkeys(("ins-1", "ins-2"), "FailListenerIdSet"))
    assert (former(run), run.seconds < 10) == ([], True)


def test_a_listener_named_as_failed_where_all_is_in_place_is_a_warning():
    run = shop(named("lbl-1", apply="all")).run(targets=NEW)
    assert (run.failure, failed(run)) == (None, {})
    assert any("lbl-1 in FailListenerIdSet" in warning for warning in run.warnings)


def test_a_named_listener_of_which_somebody_else_did_a_part_is_sent_again():
    cloud = shop(named("lbl-1"))
    theirs = {"LoadBalancerId": "lb-1", "ListenerId": "lbl-1", "InstanceId": "ins-3", "Port": 80}
    cloud.add_events({"change": "bind", "with": [theirs], "action": "Batch*", "delay": 1.0})
    run = cloud.run(targets=[*NEW, want("lbl-1", "ins-4")])
    assert (run.failure, len(cloud.writes())) == (None, 2)
    assert {"ins-3", "ins-4"} <= addresses(cloud, "lbl-1")


def test_a_task_that_fails_too_leaves_the_reason_of_the_named_listener():
    cloud = shop(order("task_fails", message="half"))
    also = {"FailListenerIdSet": ["lbl-2"], "Message": "port conflict"}
    cloud.alter("BatchRegisterTargets", lambda answer: {"Response": {**answer["Response"], **also}})
    assert failed(cloud.run(targets=[*NEW, ON_RULE])) == {"ins-3": "TaskFailed", "ins-9": "FailListenerIdSet"}


@pytest.mark.parametrize("wait", [True, False])
def test_wait_false_leaves_out_only_the_last_poll_and_read_back(wait):
    cloud = shop(task_seconds=0.7)
    run = cloud.run(targets=NEW, purge=True, wait=wait)
    expected = [
        *["DescribeTargets", "BatchRegisterTargets", "DescribeTargets", "DescribeTaskStatus", "DescribeTargets"],
        # By now it is known how long a task takes: one read does.
        *["BatchDeregisterTargets", "DescribeTargets"],
    ]
    polls_as_one = [action for action, before in zip(cloud.actions(), ["", *cloud.actions()]) if action != before]
    assert polls_as_one == (expected if wait else expected[:-1])
    assert (run.failure, sorted(done(run))) == (None, ["ins-1", "ins-2", "ins-3"])


def test_a_busy_load_balancer_tells_nothing_of_how_long_a_task_takes():
    cloud = shop(None, order("busy"), task_seconds=3)
    assert cloud.run(targets=NEW, purge=True).failure is None
    assert cloud.actions()[-3:] == ["DescribeTargets", "BatchDeregisterTargets", "DescribeTargets"], "no poll"


def test_wait_false_with_one_call_returns_as_soon_as_it_is_accepted():
    cloud = shop(task_seconds=100)
    run = cloud.run(targets=NEW, wait=False)
    assert (cloud.now(), cloud.actions()) == (0, ["DescribeTargets", "BatchRegisterTargets"])
    assert (run.changed, done(run), run["request_ids"]) == (True, ["ins-3"], [cloud.writes()[0]["request_id"]])


@pytest.mark.parametrize(
    "names, options, changes",
    [(["ins-1", "ins-2"], {"min_healthy": 5}, 0), (["ins-3"], {"check": True, "wait_for_health": True}, 3)],
)
def test_one_read_is_enough_where_nothing_is_written(names, options, changes):
    cloud = shop()
    run = cloud.run(targets=[want("lbl-1", name) for name in names], purge=True, **options)
    assert (cloud.actions(), run.changed, len(done(run))) == (["DescribeTargets"], bool(changes), changes)


def become(cloud, address, health, seconds):
    """Change the result of a health check some seconds from now."""
    cloud.add_events({"change": "health", "with": {health: [address]}, "delay": seconds})


def test_the_guard_uses_the_health_that_was_waited_for():
    run = shop(task_seconds=0).run(targets=NEW, purge=True, wait_for_health=True, min_healthy=1)
    assert (run.failure, run["api_calls"]["DescribeTargetHealth"]) == (None, 3)


def test_a_write_that_reaches_nobody_is_tried_for_a_minute():
    cloud = shop()
    cloud.unreachable("Batch*", times=-1)
    run = cloud.run(targets=NEW)
    assert (run.code, 55 <= run.seconds <= 65) == ("ConnectionFailed", True)
    assert 10 < run["api_calls"]["BatchRegisterTargets"] < 40
    # Where the time is up before that, it is told, too.
    assert failed(cloud.run(targets=NEW, wait_timeout=30)) == {"ins-3": "ConnectionFailed"}


def test_a_drained_target_is_removed_without_a_look_at_health():
    cloud, named = shop(task_seconds=0), [{"listener_id": "lbl-1", "instance_id": "ins-1"}]
    assert cloud.run(targets=named, state="drained").failure is None
    assert cloud.run(targets=named, state="absent", min_healthy=1).changed
    assert cloud.count("DescribeTargetHealth") == 0


@pytest.mark.parametrize("options", [{}, {"min_healthy": 1}], ids=str)
def test_losses_wait_until_the_gains_are_healthy_which_count_in_the_guard_too(options):
    cloud = shop(health={"unknown": ["ins-3"]})
    assert cloud.run(targets=NEW, purge=True, min_healthy=1, check=True).code == "GuardRefused", "not waited for"
    become(cloud, "ins-3", "alive", 40)
    run = cloud.run(targets=NEW, purge=True, wait_for_health=True, **options)
    assert (run.failure, addresses(cloud, "lbl-1")) == (None, {"ins-3"})
    assert cloud.calls("BatchDeregisterTargets")[0]["time"] >= 40
    # One call tells the health of the whole load balancer.
    assert all(call["params"] == {"LoadBalancerIds": ["lb-1"]} for call in cloud.calls("DescribeTargetHealth"))


def test_the_guard_is_checked_again_on_real_health_right_before_the_losses():
    # Alive when the guard was checked first; by the time the new one is healthy, another has died.
    cloud = balancer([tcp("lbl-1", 443, target("ins-1"), target("ins-2"))], health={"unknown": ["ins-3"]})
    become(cloud, "ins-3", "alive", 5)
    become(cloud, "ins-2", "dead", 4)
    entries = [*NEW, want("lbl-1", "ins-1", weight=0)]
    run = cloud.run(targets=entries, wait_for_health=True, min_healthy=2)
    assert (run.code, run.changed, failed(run)) == ("GuardRefused", True, {"ins-1": "NotAttempted"})
    assert "would fall from 2 to 1" in run["error"]["message"]
    assert cloud.count("BatchModifyTargetWeight") == 0


def test_what_does_not_get_healthy_in_time_is_named_with_its_detail_and_nothing_is_taken_away():
    cloud = shop(health={"dead": ["ins-3"], "unknown": ["ins-4"]})
    entries = [want("lbl-1", f"ins-{number}") for number in (3, 4, 5)]
    run = cloud.run(targets=entries, purge=True, wait_for_health=True, wait_timeout=60)
    message = run["error"]["message"]
    assert "2 of 3 targets are not healthy: ins-3:80 on TCP:443 (lbl-1) is Dead" in message
    assert "ins-4:80 on TCP:443 (lbl-1) is Unknown" in message
    assert (run.code, cloud.now()) == ("WaitTimeout", pytest.approx(60))
    assert addresses(cloud, "lbl-1") == {f"ins-{number}" for number in range(1, 6)}


def test_of_many_targets_that_are_not_healthy_ten_are_named():
    names = [f"ins-{number}" for number in range(14)]
    cloud, entries = balancer([tcp("lbl-1")], health={"dead": names}), [want("lbl-1", name) for name in names]
    run = cloud.run(targets=entries, wait_for_health=True, wait_timeout=30)
    message = run["error"]["message"]
    assert (message.count("is Dead"), "and 4 more" in message) == (10, True)
    assert run["load_balancers"][0]["message"] == "WaitTimeout: all changes are in place."


def test_an_unhealthy_target_fails_the_task_also_where_nothing_else_is_left_to_do():
    run = shop(health={"dead": ["ins-1"]}).run(targets=[want("lbl-1", "ins-1")], wait_for_health=True, wait_timeout=30)
    assert (run.code, run["failed_targets"], run.changed) == ("WaitTimeout", [], False)


@pytest.mark.parametrize(
    "entries", [[want("lbl-1", "ins-1", weight=0)], [want("lbl-1", "ins-2")], []], ids=["weight 0", "at 0", "unlisted"]
)
def test_only_listed_targets_of_weight_above_0_have_to_be_healthy(entries):
    cloud = shop(health={"dead": ["ins-1", "ins-2"]})
    run = cloud.run(targets=[*entries, want("lbl-1", "ins-3")], wait_for_health=True, wait_timeout=60)
    assert (run.failure, run["failed_targets"]) == (None, [])


def test_a_health_check_that_is_off_counts_as_healthy_and_says_so():
    run = shop(health={"closed_listeners": ["lbl-1"]}).run(targets=NEW, wait_for_health=True)
    assert run.failure is None
    assert any("health check of TCP:443 (lbl-1) is switched off" in warning for warning in run.warnings)


def test_an_error_after_the_targets_were_healthy_is_none_where_everything_is_in_place():
    cloud = shop(task_seconds=0)
    cloud.add_faults({"action": "DescribeTargets", "skip": 2, **refusal("UnauthorizedOperation")})
    run = cloud.run(targets=NEW, purge=True, wait_for_health=True)
    assert (run.failure, addresses(cloud, "lbl-1"), cloud.count("DescribeTargets")) == (None, {"ins-3"}, 4)


def test_a_read_before_the_end_of_a_task_says_nothing_of_it():
    cloud = shop(task_seconds=3)
    cloud.add_faults({"action": "DescribeTargets", "skip": 2, "times": -1, **refusal("UnauthorizedOperation")})
    run = cloud.run(targets=NEW)
    assert (run.code, failed(run), run["listeners"][0]["bound"]) == ("UnauthorizedOperation", {}, None)
    assert "1 change was accepted, or may have been, and the state after that is not known." in run.message


def test_busy_until_the_end_of_the_time_is_told_and_the_end_is_kept():
    cloud = shop()
    lock(cloud, 10_000)
    run = cloud.run(targets=NEW, wait_timeout=60)
    assert (run.code, failed(run), run.changed) == ("WaitTimeout", {"ins-3": BUSY}, False)
    assert "ResourceInOperating" in run["error"]["message"]
    assert cloud.now() == pytest.approx(60)
    # Every few seconds, so that many tasks keep the load balancer at work.
    times = [call["time"] for call in cloud.writes()]
    assert all(0.2 <= after - before <= 4 for before, after in neighbours(times))
    assert 20 <= len(times) <= 45


def test_waiting_for_a_task_ends_with_the_time():
    cloud = shop(task_seconds=1000)
    run = cloud.run(targets=NEW, wait_timeout=60)
    assert (run.code, cloud.now()) == ("WaitTimeout", pytest.approx(60))
    assert f"the task {cloud.writes()[0]['request_id']} of BatchRegisterTargets" in run.message


def test_tags_of_new_bindings_that_the_cloud_does_not_tell_are_warned_of():
    cloud = balancer([tcp("lbl-1", 443, target("ins-1"))], tags=False)
    for name, warnings in (("ins-3", 1), ("ins-4", 0)):
        run = cloud.run(targets=[want("lbl-1", name, tag="x"), want("lbl-1", "ins-5")], wait=name == "ins-3")
        assert (run.failure, sum("contains no tags" in one for one in run.warnings)) == (None, warnings)
    assert not cloud.run(targets=[want("lbl-1", "ins-3", tag="x")]).changed
    cloud = balancer([tcp("lbl-1", 443, target("ins-1")), tcp("lbl-2", 80)], tags=False)
    entries = [{"listener_port": 80, "instance_id": "ins-3", "port": 80}]
    runs = [cloud.run(targets=entries, check=check) for check in (True, False)]
    assert [(run["targets"][0]["tag"], run.warnings) for run in runs] == [(None, [])] * 2


@pytest.mark.parametrize("purge", [True, False])
def test_a_read_on_account_of_another_call_does_not_pass_for_the_read_back(purge):
    # Registering is accepted and shows late; the weight is refused, which takes a read in between.
    cloud = shop(bad=["ins-2"], read_lag=3)
    run = cloud.run(targets=[*NEW, {**ON_RULE, "instance_id": "ins-2", "weight": 50}], purge=purge)
    assert {one for one, code in failed(run).items() if code != "InvalidParameter"} == set()
    assert ("lbl-1", None, "ins-3", 80, 10, "") in cloud.bindings()
    assert "ins-3" in done(run)


def test_a_binding_that_somebody_else_made_otherwise_is_put_right():
    cloud = shop()
    for name in ("ins-3", "ins-4"):
        cloud.before("Batch*", lambda name=name: interfere(cloud, {"ListenerId": "lbl-1"}, name, 77))
    run = cloud.run(targets=[want("lbl-1", "ins-3", weight=5), want("lbl-1", "ins-4")])
    assert (run.failure, accepted(cloud)) == (None, ["BatchRegisterTargets", "BatchModifyTargetWeight"])
    # One of two that shows at once does not tell that the call was applied before its answer.
    assert {call["params"]["TaskId"] for call in cloud.calls("DescribeTaskStatus")} == {cloud.writes()[0]["request_id"]}
    assert {name: weights(cloud)[name] for name in ("ins-3", "ins-4")} == {"ins-3": 5, "ins-4": 77}
    # What the other one bound goes back to what it was before this task's write.
    assert former(run) == [("ins-3", 77, "")]


def test_a_read_that_is_refused_because_a_listener_of_its_filter_is_gone_is_sent_without_it():
    cloud = shop()
    gone = {"change": "delete_listener", "with": {"load_balancer_id": "lb-1", "listener_id": "lbl-2"}}
    cloud.add_events({**gone, "action": "Batch*", "accepted": True})
    run = cloud.run(targets=[*NEW, {"listener_id": "lbl-2", **ON_RULE}])
    assert (failed(run), done(run)) == ({"ins-9": "NotAttempted"}, ["ins-3"])
    assert "(lbl-2) b/ (loc-2) no longer exists" in run["failed_targets"][0]["message"]
    asked = [call["params"].get("ListenerIds") for call in cloud.calls("DescribeTargets")]
    assert (asked[:3], set(map(str, asked[2:]))) == ([["lbl-1", "lbl-2"], ["lbl-1", "lbl-2"], None], {"None"})
