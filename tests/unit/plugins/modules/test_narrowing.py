# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls that one bad member spoils: the good ones get through, the bad ones are named, in a bounded number of calls."""

from __future__ import annotations

import random

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply import session
from harness import Cloud

from ..builders import http, rule, tcp, want

LISTENERS, EACH = 50, 10
MAX_EXTRA_CALLS = 64


@pytest.fixture
def cloud():
    return Cloud({"load_balancers": [{"id": "lb-1", "generate": {"listeners": LISTENERS}}]})


def name(number):
    return f"ins-{number:04}"


def targets():
    """500 targets, listed as a loop over backends would: each listener's are spread over the whole list."""
    return [
        {"listener_id": f"lbl-g{number % LISTENERS:04}", "instance_id": name(number), "port": 80}
        for number in range(LISTENERS * EACH)
    ]


def refuse(cloud, numbers, **settings):
    names = sorted(map(name, numbers))
    cloud.add_faults({"kind": "refuse_targets", "targets": names, "times": -1, "message": "No.", **settings})
    return names


def named(run):
    return sorted(entry["instance_id"] for entry in run["failed_targets"])


def codes(run):
    """Address -> code of each target that has failed."""
    return {entry["instance_id"]: entry["code"] for entry in run["failed_targets"]}


def error(code, **more):
    return {"kind": "error", "code": code, **more}


def extra_calls(cloud, action="BatchRegisterTargets"):
    return cloud.count(action) - 1


@pytest.mark.parametrize("number", [0, 49, 237, 250, 450, 499])
def test_one_of_500(cloud, number):
    refused = refuse(cloud, [number])
    run = cloud.run(targets=targets())
    assert (codes(run), run["error"]["action"]) == ({refused[0]: "InvalidParameter"}, "BatchRegisterTargets")
    assert run["failed_listeners"] == [f"lbl-g{number % LISTENERS:04}"]
    assert len(run["registered"]) == len(cloud.bindings()) == 499
    assert extra_calls(cloud) <= 24


AWKWARD = {
    "in one listener": [5, 55, 105, 155, 205],
    "in one listener, apart": [0, 50, 250, 400, 450],
    "in five": [0, 10, 20, 30, 40],
    "in the middles": [0, 12, 25, 37, 49],
    "first to last": [1, 101, 202, 303, 404],
}


@pytest.mark.parametrize("where", [*range(6), *AWKWARD])
def test_five_of_500(cloud, where):
    refused = refuse(cloud, AWKWARD.get(where) or random.Random(where).sample(range(500), 5))
    assert (named(cloud.run(targets=targets())), len(cloud.bindings())) == (refused, 495)
    assert extra_calls(cloud) <= MAX_EXTRA_CALLS


def test_too_many_to_be_found_are_not_attempted_and_tried_again_next_time(cloud):
    refused = refuse(cloud, list(range(0, 500, 5)))
    run = cloud.run(targets=targets())
    failed = codes(run)
    assert extra_calls(cloud) == MAX_EXTRA_CALLS
    assert set(refused) <= failed.keys()
    assert set(failed.values()) == {"InvalidParameter", "NotAttempted"}
    assert all(failed[one] == "NotAttempted" for one in failed if one not in refused)
    assert all("No." in entry["message"] for entry in run["failed_targets"])
    assert run.code == "InvalidParameter", "the cloud's reason, not that the rest was left out"
    assert len(cloud.bindings()) == 500 - len(failed)
    cloud.clear_faults()
    again = cloud.run(targets=run["failed_targets"])
    assert (again.failure, len(again["registered"]), len(cloud.bindings())) == (None, len(failed), 500)


def test_a_refusal_tells_more_than_that_others_were_not_attempted(cloud, monkeypatch):
    cloud.run(targets=targets()[2:3])
    monkeypatch.setattr(session, "MAX_EXTRA_CALLS", 0)
    bad, *others = refuse(cloud, [2, 3, 4])
    run = cloud.run(targets=[{**targets()[2], "weight": 5}, *targets()[3:5]])
    assert codes(run) == {bad: "InvalidParameter", **dict.fromkeys(others, "NotAttempted")}
    assert run.code == "InvalidParameter"


def test_what_is_refused_is_found_in_tags_weights_and_removals_too(cloud):
    cloud.run(targets=targets())
    cloud.clear_journal()
    refused = refuse(cloud, [123])
    tagged = cloud.run(targets=[{**entry, "tag": "x"} for entry in targets()])
    assert (named(tagged), len(tagged["modified"])) == (refused, 499)
    everything = [{"listener_id": f"lbl-g{number:04}"} for number in range(LISTENERS)]
    assert named(cloud.run(state="drained", targets=everything)) == refused
    assert {binding[4] for binding in cloud.bindings() if binding[2] != refused[0]} == {0}
    assert named(cloud.run(state="absent", targets=everything)) == refused
    assert {binding[2] for binding in cloud.bindings()} == set(refused)
    assert all(extra_calls(cloud, action) <= 24 for action in ("BatchModifyTargetWeight", "BatchDeregisterTargets"))


def test_quota_is_narrowed_to_the_listener_and_called_a_quota(cloud):
    where = {"LoadBalancerId": "lb-1", "ListenerId": "lbl-g0007", "Port": 80}
    cloud.change("bind", [{**where, "EniIp": f"10.9.0.{number}"} for number in range(95)])
    run = cloud.run(targets=targets())
    told = [(entry["listener_id"], entry["code"]) for entry in run["failed_targets"]]
    assert told == [("lbl-g0007", "LimitExceeded")] * EACH
    assert "quota" in run.message
    assert len(run["registered"]) == 490
    # Halving 50 listeners down to one, and the halves that were left aside; and no part of that one.
    assert extra_calls(cloud) <= 12
    assert all(
        {one["ListenerId"] for one in call["params"]["Targets"]} != {"lbl-g0007"} or size >= EACH
        for call, size in zip(cloud.writes(), sizes(cloud))
    )


def test_narrowing_ends_with_the_time(cloud):
    refuse(cloud, [3, 117, 240, 366, 481])
    cloud.add_faults({"action": "BatchRegisterTargets", "kind": "task_slow", "seconds": 40, "times": -1})
    run = cloud.run(targets=targets(), wait_timeout=100, timeout=10)
    assert run.seconds <= 110
    bound = {binding[2] for binding in cloud.bindings()}
    assert {name(number) for number in range(500)} - bound <= set(named(run))
    assert "wait_timeout" in run.message


def test_a_load_balancer_that_is_busy_until_the_end_ends_the_narrowing_too(cloud):
    cloud.next_writes(error("InvalidParameter"))
    cloud.before("Batch*", lambda: cloud.change("lock", {"load_balancer_id": "lb-1", "seconds": 999}), nth=2)
    run = cloud.run(targets=targets(), wait_timeout=60)
    assert (run.code, run["failed_targets"][0]["code"]) == ("WaitTimeout", "NotAttempted")
    assert "InvalidParameter" in run["failed_targets"][0]["message"]


REFUSED = error("FailedOperation", action="Batch*", message="No.", times=-1)


def assert_blames_nobody(run, amount):
    assert {(entry["code"], entry["message"]) for entry in run["failed_targets"]} == {("FailedOperation", "No.")}
    assert (len(run["failed_targets"]), "ins-" in run.message) == (amount, False)


def test_what_concerns_the_load_balancer_is_found_once_and_blames_nobody(cloud):
    cloud.add_faults(REFUSED)
    run = cloud.run(targets=[{**entry, "port": port} for port in (80, 81, 82) for entry in targets()])
    assert_blames_nobody(run, 1500)
    assert extra_calls(cloud) == 5 + 2, "six calls for the first, one for each of the others"
    assert "1500 changes that were refused together, no single one is the cause (FailedOperation)" in run.message
    described = [one for call in cloud.calls("DescribeListeners") for one in call["params"].get("ListenerIds", ())]
    assert len(described) == len(set(described)), "each listener is asked for once"


def test_after_what_concerns_the_load_balancer_other_words_are_narrowed(cloud):
    cloud.next_writes(*[error("FailedOperation", message="All.")] * 6)
    refuse(cloud, [40])
    cloud.run(targets=[*targets(), *({**entry, "port": 81} for entry in targets())])
    assert len(cloud.bindings()) == 500 - 2


def test_the_same_words_on_another_load_balancer_go_straight_to_single_members():
    ids = ["lb-1", "lb-2"]
    cloud = Cloud.of({one: [tcp(f"lbl-{one[3:]}", 1001)] for one in ids})
    entries = [{"load_balancer_id": ids[n % 2], "listener_port": 1001, **want(None, name(n))} for n in range(40)]
    # The second one is busy until the first one's words are known.
    busy = {"code": "FailedOperation.ResourceInOperating", "times": 5}
    cloud.add_faults({"kind": "refuse_listeners", "listeners": ["lbl-2"], **busy}, REFUSED)
    run = cloud.run(load_balancer_ids=ids, targets=entries)
    assert (len(run["failed_targets"]), sizes(cloud, "lb-1")) == (40, [20, 10, 10, 1, 1, 1])
    assert sizes(cloud, "lb-2")[-4:] == [20, 1, 1, 1]


@pytest.mark.parametrize("amount, extra", [(5, 5 + 4 * 3), (40, MAX_EXTRA_CALLS)])
def test_what_concerns_the_account_blames_nobody_on_any_load_balancer(amount, extra):
    ids = [f"lb-{number}" for number in range(amount)]
    cloud = Cloud({"load_balancers": [{"id": one, "generate": {"listeners": 1}} for one in ids]})
    cloud.add_faults(REFUSED)
    entries = [want("lbl-g0000", name(number), load_balancer_id=one) for one in ids for number in range(10)]
    assert_blames_nobody(cloud.run(load_balancer_ids=ids, targets=entries), 10 * amount)
    assert len(cloud.writes()) == amount + extra


@pytest.mark.parametrize("code", ["InvalidParameter", "FailedOperation", "UnsupportedOperation"])
def test_a_listener_of_a_target_group_is_told_and_the_others_get_theirs(code):
    group = {"id": "lbl-group", "protocol": "TCP", "port": 9999, "target_type": "TARGETGROUP"}
    balancer = {"id": "lb-1", "generate": {"listeners": 130}, "listeners": [group]}
    cloud = Cloud({"load_balancers": [balancer]}, target_group_code=code)
    cloud.configure(limits={"described_listeners": 99})
    places = [*(f"lbl-g{number:04}" for number in range(130)), "lbl-group"]
    run = cloud.run(targets=[want(place, "ins-1") for place in places])
    assert [(entry["listener_id"], entry["code"]) for entry in run["failed_targets"]] == [("lbl-group", code)]
    assert ("target group" in run.message, len(run["registered"])) == (True, 130)
    assert cloud.actions("Batch*") == ["BatchRegisterTargets"] * 2
    assert [len(call["params"]["ListenerIds"]) for call in cloud.calls("DescribeListeners")] == [100, 50, 50, 31]


def test_where_listeners_can_not_be_asked_for_the_first_refusal_is_the_reason(cloud):
    cloud.add_faults({"action": "DescribeListeners", "kind": "error", "code": "UnauthorizedOperation", "times": -1})
    assert refuse(cloud, [3]) == named(cloud.run(targets=targets()[:9]).result)


@pytest.mark.parametrize("wait", [True, False])
def test_a_quota_that_the_call_itself_has_filled_is_no_failure(cloud, wait):
    """The outcome is unknown, reads lag, and what is bound already counts when the call comes again."""
    cloud.configure(read_lag=9)
    full = error("LimitExceeded", action="BatchRegisterTargets", message="Full.", times=-1)
    cloud.add_faults({"action": "BatchRegisterTargets", "kind": "cut_after"}, full)
    run = cloud.run(targets=targets()[:100], wait=wait)
    assert (run.failure, len(run["registered"]), len(cloud.bindings())) == (None, 100, 100)
    assert extra_calls(cloud) == 1, "sent again once, and not narrowed"


@pytest.mark.parametrize("code", ["InvalidParameter", "FailedOperation.InvalidLBStatus", "LimitExceeded", "New"])
def test_a_refused_removal_of_what_is_gone_is_no_failure(cloud, code):
    cloud.run(targets=targets()[:2])
    gone = [{"LoadBalancerId": "lb-1", "ListenerId": f"lbl-g000{n}", "InstanceId": name(n), "Port": 80} for n in (0, 1)]
    cloud.before("BatchDeregisterTargets", lambda: cloud.change("unbind", gone))
    cloud.add_faults(error(code, action="BatchDeregisterTargets", message="Not bound."))
    run = cloud.run(state="absent", targets=targets()[:2])
    assert (run.failure, run.changed, run["restore"]) == (None, False, [])


def test_a_code_that_fails_at_once_is_that_of_its_call_and_the_rest_is_not_attempted(cloud):
    cloud.run(targets=targets()[:2])
    code = "FailedOperation.InvalidLBStatus"
    cloud.add_faults(error(code, action="BatchRegisterTargets", message="Isolated."))
    run = cloud.run(targets=[{**entry, "weight": 5} for entry in targets()[:4]])
    assert codes(run) == {**dict.fromkeys(map(name, (2, 3)), code), **dict.fromkeys(map(name, (0, 1)), "NotAttempted")}
    assert run["error"]["message"].count("Isolated.") == 1


def sizes(cloud, balancer="lb-1"):
    """How many targets each write to a load balancer has."""
    calls = [call["params"] for call in cloud.writes()]
    return [len(params["Targets"]) for params in calls if params["LoadBalancerId"] == balancer]


def listed(amount):
    """So many of the 500, those of each listener together."""
    return sorted(targets(), key=lambda entry: entry["listener_id"])[:amount]


def test_a_call_is_halved_by_listeners_first_then_within_the_listener(cloud):
    refuse(cloud, [0])
    cloud.run(targets=listed(40))
    asked = [{one["ListenerId"] for one in call["params"]["Targets"]} for call in cloud.writes()]
    assert ([len(one) for one in asked[:4]], sizes(cloud)[:7]) == ([4, 2, 2, 1], [40, 20, 20, 10, 5, 2, 1])


def two_rules():
    return Cloud.of({"lb-1": [http("lbl-1", 80, rule("loc-0", "0.example.com"), rule("loc-1", "1.example.com"))]})


def test_a_bad_one_is_found_within_a_rule_and_no_good_one_is_sent_after_it_was_bound():
    cloud = two_rules()
    refused = refuse(cloud, [13])
    entries = [{"location_id": f"loc-{number % 2}", "instance_id": name(number), "port": 80} for number in range(20)]
    assert (named(cloud.run(targets=entries)), len(cloud.bindings())) == (refused, 19)
    assert sum(len(call["params"]["Targets"]) for call in cloud.writes() if call["accepted"]) == 19


def test_a_listener_is_halved_between_its_rules():
    cloud = two_rules()
    refuse(cloud, [0])
    cloud.run(targets=[{"location_id": f"loc-{int(n > 1)}", "instance_id": name(n), "port": 80} for n in range(10)])
    assert sizes(cloud)[:3] == [10, 2, 8]


FULL = {"kind": "refuse_listeners", "action": "BatchRegisterTargets", "code": "LimitExceeded", "times": -1}


def test_a_quota_of_the_only_listener_takes_no_extra_call(cloud):
    cloud.add_faults({**FULL, "listeners": ["lbl-g0000"]})
    run = cloud.run(targets=listed(10))
    assert (len(cloud.writes()), {entry["code"] for entry in run["failed_targets"]}) == (1, {"LimitExceeded"})


def test_bad_targets_and_full_listeners_are_told_apart(cloud):
    bad = refuse(cloud, [33])
    cloud.add_faults({**FULL, "listeners": ["lbl-g0005"]})
    run = cloud.run(targets=targets()[:200])
    assert codes(run) == {bad[0]: "InvalidParameter", **dict.fromkeys(map(name, (5, 55, 105, 155)), "LimitExceeded")}
    assert "ins-0033:80 on TCP:1034 (lbl-g0033) (InvalidParameter, No)" in run.message


@pytest.mark.parametrize(
    "after, code", [(1, "UnauthorizedOperation"), (3, "UnauthorizedOperation"), (0, "UnsupportedOperation")]
)
def test_a_code_that_fails_at_once_stops_the_narrowing(cloud, after, code):
    cloud.next_writes(*[error("InvalidParameter")] * after, error(code))
    run = cloud.run(targets=targets())
    assert (len(cloud.writes()), run.code, len(run["failed_targets"])) == (after + 1, code, 500)
    assert cloud.actions()[-1] != "DescribeTargets", "at once"
    assert "changes that were refused together, no single one is the cause" in run.message


def test_a_read_that_is_refused_while_a_call_is_narrowed_blames_no_change(cloud):
    cloud.next_writes({"kind": "error", "code": "InvalidParameter"})
    cloud.add_faults({"action": "DescribeTargets", "kind": "error", "code": "UnauthorizedOperation", "skip": 1})
    run = cloud.run(targets=listed(4))
    assert (run.code, {one["code"] for one in run["failed_targets"]}) == ("UnauthorizedOperation", {"NotAttempted"})
    assert "Not sent: the task stopped with UnauthorizedOperation." in run["failed_targets"][0]["message"]


@pytest.mark.parametrize("share", [0.5, 0])
def test_a_narrowed_call_with_an_unknown_outcome_is_read_back_like_any_other(cloud, share):
    refused = refuse(cloud, [453])
    cut = {"kind": "cut_after", "apply": share}
    cloud.next_writes(error("InvalidParameter"), cut, cut)
    assert (named(cloud.run(targets=listed(40))), len(cloud.bindings())) == (refused, 39)


def test_a_call_with_an_unknown_outcome_is_one_of_the_extra_calls(cloud, monkeypatch):
    monkeypatch.setattr(session, "MAX_EXTRA_CALLS", 2)
    refuse(cloud, [453])
    cloud.next_writes(error("InvalidParameter"), {"kind": "cut_after"})
    cloud.run(targets=listed(40))
    assert sizes(cloud) == [40, 20, 20]


def test_a_throttled_call_under_the_guard_is_none_of_the_extra_calls(cloud, monkeypatch):
    cloud.run(targets=listed(40))
    monkeypatch.setattr(session, "MAX_EXTRA_CALLS", 2)
    cloud.next_writes(error("InvalidParameter"), error("RequestLimitExceeded"), error("RequestLimitExceeded"))
    assert cloud.run(targets=listed(2), state="absent", min_healthy=1).failure is None


def test_a_refusal_that_does_not_come_again_fails_nothing(cloud):
    cloud.next_writes(error("FailedOperation"))
    assert (cloud.run(targets=listed(40)).failure, len(cloud.bindings())) == (None, 40)
