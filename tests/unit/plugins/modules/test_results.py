# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import empty_result
from harness import Cloud

from ..builders import Raw, http, ip_of, rows, rule, target, tcp, want


def shop(*refused):
    """One load balancer, of which no write may name these backends."""
    listeners = [
        tcp("lbl-1", 443, target("ins-2", weight=0), target("ins-1", tag="blue"), target("ins-1", 9)),
        http("lbl-2", 80, rule("loc-1", "a.example.com", target("10.2.0.1")), rule("loc-2", "b", target("ins-2"))),
    ]
    cloud = Cloud.of({"lb-1": listeners})
    refusal = {"kind": "refuse_targets", "code": "InvalidParameter", "message": "no such host", "times": -1}
    cloud.add_faults({**refusal, "targets": list(refused)})
    return cloud


def lines(bindings):
    """Place, backend, port, weight and tag of each."""
    keys = ("port", "weight", "tag")
    return [
        (one["location_id"] or one["listener_id"], one["instance_id"] or one["eni_ip"], *(one[key] for key in keys))
        for one in bindings
    ]


MIXED = [
    want("lbl-1", "ins-1", weight=5, tag="green"),
    want("lbl-1", "ins-3", weight=7, tag="grün"),
    {"location_id": "loc-1", "eni_ip": "10.2.0.1", "port": 80},
]
ADDED = [want("lbl-1", "ins-3")]
KEYS = {"load_balancer_id", "listener_id", "location_id", "instance_id", "eni_ip", "port", "weight", "tag"}


def test_a_result_tells_what_was_written_and_what_is_in_place():
    cloud = shop()
    result = cloud.run(targets=MIXED, purge=True)
    assert lines(result["registered"]) == [("lbl-1", "ins-3", 80, 7, "grün")]
    (modified,) = result["modified"]
    assert lines([modified]) == [("lbl-1", "ins-1", 80, 5, "green")]
    changes = ({"weight": 10, "tag": "blue"}, {"weight": 5, "tag": "green"})
    assert (modified["before"], modified["after"]) == changes
    assert lines(result["deregistered"]) == [("lbl-1", "ins-2", 80, 0, ""), ("lbl-1", "ins-1", 9, 10, "")]
    # On touched listeners and rules only.
    assert lines(result["targets"]) == [
        ("lbl-1", "ins-1", 80, 5, "green"),
        ("lbl-1", "ins-3", 80, 7, "grün"),
        ("loc-1", "10.2.0.1", 80, 10, ""),
    ]
    assert (result["changed"], len(cloud.writes())) == (True, 4)
    assert result["request_ids"] == [call["request_id"] for call in cloud.writes()]
    assert result.result.keys() >= empty_result().keys()
    assert set(result["registered"][0]) == set(result["deregistered"][0]) == set(result["targets"][0]) == KEYS
    assert set(modified) == KEYS | {"before", "after"}


def test_every_touched_listener_and_rule_has_one_entry_with_its_counts():
    one, two = shop().run(targets=MIXED)["listeners"]
    places = ("load_balancer_id", "listener_id", "protocol", "port", "location_id", "domain", "url", "status")
    counts = ("registered", "modified", "deregistered", "unchanged", "bound", "message")
    assert [tuple(place[key] for key in (*places, *counts)) for place in (one, two)] == [
        ("lb-1", "lbl-1", "TCP", 443, None, None, None, "changed", 1, 1, 0, 2, 4, None),
        ("lb-1", "lbl-2", "HTTP", 80, "loc-1", "a.example.com", "/", "unchanged", 0, 0, 0, 1, 1, None),
    ]
    assert one.keys() == two.keys() == {*places, *counts}


def test_the_diff_is_sorted_text_with_a_line_for_each_binding():
    diff = shop().run(targets=MIXED, purge=True)["diff"]
    assert diff["before"] == (
        "HTTP:80 (lbl-2) a.example.com/ (loc-1)  10.2.0.1:80  weight 10\n"
        "TCP:443 (lbl-1)  ins-1:9  weight 10\n"
        'TCP:443 (lbl-1)  ins-1:80  weight 10  tag "blue"\n'
        "TCP:443 (lbl-1)  ins-2:80  weight 0\n"
    )
    assert diff["after"] == (
        "HTTP:80 (lbl-2) a.example.com/ (loc-1)  10.2.0.1:80  weight 10\n"
        'TCP:443 (lbl-1)  ins-1:80  weight 5  tag "green"\n'
        'TCP:443 (lbl-1)  ins-3:80  weight 7  tag "grün"\n'
    )


PURGE: Raw = {"purge": True}
ABSENT, DRAINED = {"state": "absent"}, {"state": "drained"}
ONE_ADDED = "registered 1 on 1 of 1 listeners of lb-1"
GUARDED: Raw = {**ABSENT, "min_healthy": 1}
CASES = {
    "nothing": ([want("lbl-1", "ins-1")], {}, "nothing to do on 1 listener of lb-1"),
    "nothing asked": ([], {}, "nothing to do"),
    "the address of an instance": ([want("lbl-1", ip_of("ins-3"))], {}, ONE_ADDED),
    "the instance behind a known address": ([want("lbl-1", ip_of("ins-1"), 81)], {}, ONE_ADDED),
    "IPv6": ([want("lbl-1", "2001:DB8:0::1", tag="x")], {}, ONE_ADDED),
    "weight and tag": ([want("lbl-1", ip_of("ins-1"), weight=3, tag="")], {}, None),
    "a tag": ([want("lbl-1", "ins-1", tag="new")], {}, "re-tagged 1 on 1 of 1 listeners of lb-1"),
    "absent": ([{"instance_id": "ins-2"}], ABSENT, "deregistered 2 on 2 of 2 listeners and rules of lb-1"),
    "absent nothing": ([{"listener_id": "lbl-1", "tag": "no"}], ABSENT, "nothing to do on 1 listener of lb-1"),
    "nothing there": ([{"instance_id": "ins-9"}], ABSENT, "nothing to do on lb-1"),
    "drained": ([{"location_id": "loc-1"}], DRAINED, "re-weighted 1 on 1 of 1 rules of lb-1"),
    "by name": (ADDED, {"load_balancer_name": "name-lb-1"}, f"{ONE_ADDED} (name-lb-1)"),
    "several": (ADDED, {"load_balancer_ids": ["lb-1"]}, "registered 1 on 1 of 1 load balancers"),
    "several, nothing": ([want("lbl-1", "ins-1")], {"load_balancer_ids": ["lb-1"]}, "nothing to do on 1 load balancer"),
    "all": (MIXED, PURGE, "registered 1, re-weighted 1, deregistered 2 on 1 of 2 listeners and rules of lb-1"),
    "no wait": (MIXED, {**PURGE, "wait": False}, None),
    "health": (MIXED, {**PURGE, "wait_for_health": True, "min_healthy": 1}, None),
    "refused by the guard": ([{"listener_id": "lbl-1"}], GUARDED, None),
}


@pytest.mark.parametrize("entries, options, expected", CASES.values(), ids=CASES)
def test_check_mode_predicts_the_real_run_and_a_second_run_changes_nothing(entries, options, expected):
    cloud = shop()
    before = cloud.bindings()
    dry = cloud.run(targets=entries, check=True, **options)
    assert (cloud.bindings(), cloud.writes()) == (before, [])
    real = cloud.run(targets=entries, **options)
    assert (dry.warnings, dry.message if expected else None) == (real.warnings, expected)
    # Only the real run says what to run then.
    own = {"api_calls": None, "request_ids": None, **({"msg": None} if dry.failed else {})}
    assert {**dry.result, **own} == {**real.result, **own}
    # After wait: false, once the cloud is done.
    cloud.sleep(10)
    sent = len(cloud.writes())
    again = cloud.run(targets=entries, **options)
    assert (again.changed, len(cloud.writes())) == (False, sent)
    assert again["diff"].get("before") == again["diff"].get("after")


@pytest.mark.parametrize("key", ["registered", "modified", "deregistered", "targets"])
@pytest.mark.parametrize("selectors", [True, False])
def test_any_list_of_a_result_goes_back_in(key, selectors):
    found = shop().run(targets=MIXED, purge=True)[key]
    assert len(parse_entries(found, selectors=selectors)) == len(found) > 0


def test_what_a_result_tells_selects_that_changes_nothing_and_is_bound_again_as_it_was():
    cloud = shop()
    before = cloud.bindings()
    listeners = cloud.run(targets=[{"listener_id": "lbl-1"}, {"location_id": "loc-1"}], state="drained")["listeners"]
    assert {binding[:2] for binding in before ^ cloud.bindings()} == {("lbl-1", None), ("lbl-2", "loc-1")}
    drained = cloud.run(targets=listeners, state="drained")
    assert (drained.changed, len(drained["targets"])) == (False, 4)
    assert not cloud.run(targets=drained["targets"], purge=True).changed
    now = cloud.bindings()
    removed = cloud.run(targets=listeners, state="absent")["deregistered"]
    assert (len(removed), len(cloud.bindings())) == (4, 1)
    cloud.run(targets=removed)
    assert cloud.bindings() == now


def test_failed_targets_try_again_exactly_what_failed():
    entries = [
        *(want("lbl-1", "ins-1", weight=5, tag="green"), want("lbl-1", "ins-2", tag=""), want("lbl-1", "ins-3")),
        *({"location_id": "loc-1", "eni_ip": "10.2.0.1", "port": 80, "tag": "t"}, want("lbl-1", "ins-4")),
    ]
    cloud = shop("ins-1", "ins-3", "10.2.0.1")
    run = cloud.run(targets=entries)
    failed = run["failed_targets"]
    assert [(one["status"], one["message"]) for one in run["listeners"]] == [("failed", "no such host")] * 2
    assert run["failed_listeners"] == ["lbl-1", "lbl-2"]
    assert {(one["code"], one["message"]) for one in failed} == {("InvalidParameter", "no such host")}
    assert lines(failed) == [
        ("lbl-1", "ins-3", 80, None, None),
        ("lbl-1", "ins-1", 80, 5, "green"),
        ("loc-1", "10.2.0.1", 80, None, "t"),
    ]
    assert set(failed[0]) == KEYS | {"code", "message"}
    cloud.clear_faults()
    again = cloud.run(targets=failed)
    assert (again["failed_targets"], len(again["registered"]), len(again["modified"])) == ([], 1, 2)
    assert not cloud.run(targets=entries)["changed"]


@given(st.sets(st.sampled_from(["ins-1", "ins-2", "ins-3", "10.2.0.1"])), st.booleans(), st.booleans())
def test_counts_and_lists_agree_whatever_fails(bad, purge, wait):
    cloud = shop(*bad)
    result = cloud.run(targets=MIXED, purge=purge, wait=wait)
    for name in ("registered", "modified", "deregistered"):
        assert sum(one[name] for one in result["listeners"]) == len(result[name])
    assert sum(one["bound"] for one in result["listeners"]) == len(result["targets"])
    assert len(result["diff"]["after"].splitlines()) == len(result["targets"])
    for one in result["listeners"]:
        assert one["bound"] == one["registered"] + one["modified"] + one["unchanged"]
        assert (one["status"] == "failed") is (one["message"] is not None)
    assert bool(result["failed_targets"]) is bool(result["failed_listeners"])
    if wait:
        bound = {(key[1] or key[0], *key[2:]) for key in cloud.bindings() if key[1] != "loc-2"}
        assert set(lines(result["targets"])) == bound


def test_a_failure_says_what_is_wrong_what_was_done_what_not_and_what_to_run():
    cloud = shop("ins-3")
    text = cloud.run(targets=MIXED).message
    # The call with ins-3 was narrowed to it.
    request = next(call["request_id"] for call in cloud.writes() if call["outcome"] == "InvalidParameter")
    assert text.startswith(f"BatchRegisterTargets (request ID {request}) reported InvalidParameter: no such host")
    assert "1 of 3 changes are not in place: ins-3:80 on TCP:443 (lbl-1) (InvalidParameter)" in text
    assert "Done: 1 modified." in text
    assert "run the same task again" in text


def test_a_refusal_that_stopped_the_task_speaks_for_itself():
    cloud = shop()
    told = {"code": "UnauthorizedOperation", "message": "not allowed"}
    cloud.next_writes({"kind": "error", **told})
    run = cloud.run(targets=MIXED)
    assert run.message.startswith("BatchRegisterTargets was refused with UnauthorizedOperation: not allowed")
    assert (run.message.count("UnauthorizedOperation: not allowed"), run.message.count("(CAM)")) == (1, 1)
    assert "are not in place: ins-3:80 on TCP:443 (lbl-1) (UnauthorizedOperation)" in run.message
    request_id = cloud.writes()[0]["request_id"]
    assert run["error"] == {"action": "BatchRegisterTargets", **told, "request_id": request_id}


def test_a_dry_run_does_not_say_what_to_run():
    text = shop().run(targets=[{"listener_id": "lbl-1"}], state="absent", min_healthy=1, check=True).message
    assert (text.startswith("min_healthy is 1"), "run the same task again" in text) == (True, False)


@pytest.mark.parametrize("count, more", [(5, []), (8, ["3"])])
def test_long_lists_of_failures_stay_readable(count, more):
    names = [f"lbl-{index}" for index in range(count)]
    cloud = Cloud.of({"lb-1": [tcp(name, 1 + index) for index, name in enumerate(names)]})
    quota = {"kind": "refuse_listeners", "action": "BatchRegisterTargets", "times": -1}
    cloud.add_faults(*({**quota, "listeners": [name], "message": f"{name} is full"} for name in names))
    text = cloud.run(targets=[want(name, f"ins-{number}") for name in names for number in range(7)]).message
    assert f"{7 * count} of {7 * count} changes are not in place" in text
    assert "ins-4:80 on TCP:1 (lbl-0) and 2 more (" in text
    assert re.findall("([0-9]+) more causes are in failed_targets", text) == more


@rows(
    "options, expected",
    ({}, "5 targets on 2 listeners of lb-1"),
    ({"targets": [{"instance_id": "ins-1", "port": 9}]}, "1 target on 1 listener of lb-1"),
    ({"load_balancer_ids": ["lb-1"]}, "5 targets on 1 load balancer"),
)
def test_a_task_that_reads_says_how_much_it_found(options, expected):
    assert shop().run_info(**options).message == expected


BOTH: Raw = {**GUARDED, "targets": [{"listener_id": "lbl-1"}, {"listener_id": "lbl-2"}]}


def test_numbers_in_names_are_sorted_as_numbers():
    names = ["ins-1", "ins-2", "ins-10", "10.2.0.9", "10.2.0.10"]
    cloud = Cloud.of({"lb-1": [tcp("lbl-1", 443, *map(target, reversed(names)))]})
    run = cloud.run(targets=[{"listener_id": "lbl-1"}], state="drained")
    expected = ["10.2.0.9", "10.2.0.10", "ins-1", "ins-2", "ins-10"]
    assert [line[1] for line in lines(run["targets"])] == expected
    assert [line.split()[2].split(":")[0] for line in run["diff"]["after"].splitlines()] == expected
    assert [line[1] for line in lines(cloud.run_info()["targets"])] == expected


def test_the_list_of_targets_can_be_left_out():
    whole, without = (shop().run(targets=MIXED, return_targets=wanted).result for wanted in (True, False))
    assert len(whole["targets"]) > len(without["targets"]) == 0
    own = {"targets": None, "invocation": None, "request_ids": None}
    assert {**whole, **own} == {**without, **own}


NO = {"kind": "error", "action": "Batch*", "code": "UnauthorizedOperation", "message": "not allowed", "times": -1}


ONE_NO = {**NO, "kind": "refuse_targets", "targets": ["ins-3"], "code": "InvalidParameter"}
FAILURES: dict[str, tuple[list[Raw], Raw]] = {
    "the guard": ([], BOTH),
    "the guard among several": ([], {**BOTH, "load_balancer_ids": ["lb-1"]}),
    "all refused": ([NO], {"targets": MIXED}),
    "a part refused": ([{**NO, "action": "BatchRegisterTargets"}], {"targets": MIXED, "wait": False}),
    "one refused": ([ONE_NO], {"targets": MIXED}),
}


@pytest.mark.parametrize("faults, options", FAILURES.values(), ids=FAILURES)
def test_a_failure_says_once_why_and_whether_anything_was_changed(faults, options):
    cloud = shop()
    cloud.add_faults(*faults)
    run = cloud.run(**options)
    begun, words = run.changed, run["error"]["message"]
    assert run.failed
    assert ("Nothing was changed." in run.message, "What is in place stays" in run.message) == (not begun, begun)
    assert run.code != "GuardRefused" or "changes are not in place" not in run.message
    copies = str({key: run[key] for key in run.result.keys() - {"msg", "error", "invocation"}}).count(words[:60])
    told = sum(words in (one["message"] or "") for key in ("listeners", "failed_targets") for one in run[key])
    assert (copies - told, run["load_balancers"][0]["error"]["message"]) == (1, words)
    assert len(run["load_balancers"][0]["message"]) < 80
