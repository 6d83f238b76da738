# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api import clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.batches import batches
from ansible_collections.tencentcloud.clb.plugins.module_utils._base import errors
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import Change, ChangeKind

from ...builders import LB, backend, change, http, pool, register, rows, rule, snapshot, target, tcp

RULE = pool("lbl-7", "loc-1")


class Recorder:
    """An Api that answers what it is told to."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    def read(self, action, params, **options):
        self.sent.append((action, params, options))
        return self.answers.pop(0) if self.answers else {}

    write = read


def payload(*changes):
    """The action and the parameters that changes are sent with."""
    api = Recorder({"RequestId": "r-1"})
    clb.Clb(api).write(LB, changes)
    ((action, params, _),) = api.sent
    assert params.pop("LoadBalancerId") == LB
    return action, params


def bound(address, *place):
    """One binding on lbl-1, or on a rule of lbl-7."""
    listener = http("lbl-7", 80, rule("loc-1", "a", target(address))) if place else tcp("lbl-1", 443, target(address))
    (found,) = snapshot(listener).all_bindings()
    return found


ON_LISTENER, ON_RULE = {"ListenerId": "lbl-1"}, {"ListenerId": "lbl-7", "LocationId": "loc-1"}
INS1, ENI = {"InstanceId": "ins-1", "Port": 80}, {"EniIp": "10.2.0.1", "Port": 80}


@rows(
    "one, expected",
    (register("ins-1"), {**ON_LISTENER, **INS1}),
    (register("10.2.0.1", port=81), {**ON_LISTENER, **ENI, "Port": 81}),
    (register("ins-1", RULE, weight=0, tag="grün"), {**ON_RULE, **INS1, "Weight": 0, "Tag": "grün"}),
    (register("ins-1", tag=""), {**ON_LISTENER, **INS1}),
)
def test_a_registration_gives_only_what_was_asked_for(one, expected):
    assert payload(one) == ("BatchRegisterTargets", {"Targets": [expected]})


def test_a_removal_names_the_binding_and_nothing_else():
    removals = [change(ChangeKind.DEREGISTER, bound("ins-1")), change(ChangeKind.DEREGISTER, bound("10.2.0.1", "rule"))]
    targets = [{**ON_LISTENER, **INS1}, {**ON_RULE, **ENI}]
    assert payload(*removals) == ("BatchDeregisterTargets", {"Targets": targets})


def test_weights_go_by_listener_and_rule():
    weights = [
        change(ChangeKind.WEIGHT, bound("ins-1"), weight=5),
        change(ChangeKind.WEIGHT, bound("ins-1", "rule"), weight=0),
        change(ChangeKind.WEIGHT, bound("10.2.0.1"), weight=6),
    ]
    modified = [
        {**ON_LISTENER, "Targets": [{**INS1, "Weight": 5}, {**ENI, "Weight": 6}]},
        {**ON_RULE, "Targets": [{**INS1, "Weight": 0}]},
    ]
    assert payload(*weights) == ("BatchModifyTargetWeight", {"ModifyList": modified})


def test_tags_go_by_value_too_so_that_an_empty_one_clears():
    tags = {"ins-1": "a", "ins-2": "", "ins-3": "a"}
    action, params = payload(*(change(ChangeKind.TAG, bound(address), tag=tag) for address, tag in tags.items()))
    assert action == "BatchModifyTargetTag"
    assert [
        (one["Tag"], [(each["InstanceId"], each["Tag"]) for each in one["Targets"]]) for one in params["ModifyList"]
    ] == [("a", [("ins-1", "a"), ("ins-3", "a")]), ("", [("ins-2", "")])]


def test_no_entry_holds_more_than_50_targets():
    pools = [pool(f"lbl-{number % 3}") for number in range(200)]
    (call,) = batches(
        [Change(ChangeKind.WEIGHT, one, backend(f"10.2.0.{n}"), 80, weight=1) for n, one in enumerate(pools)]
    )
    sizes = [len(one["Targets"]) for one in payload(*call)[1]["ModifyList"]]
    assert (sum(sizes), max(sizes), len(sizes)) == (200, 50, 6)


@rows(
    "answer, expected",
    ({"RequestId": "r-1", "FailListenerIdSet": [], "Message": ""}, ("r-1", frozenset(), "")),
    ({"RequestId": "r-1", "FailListenerIdSet": None, "Message": None}, ("r-1", frozenset(), "")),
    ({"RequestId": "r-1"}, ("r-1", frozenset(), "")),
    ({"RequestId": "r-2", "FailListenerIdSet": ["lbl-1"], "Message": "m"}, ("r-2", frozenset({"lbl-1"}), "m")),
    ({"RequestId": "r-1", "Message": "a\x1b[31m\u202eb"}, ("r-1", frozenset(), r"a\x1b[31m\u202eb")),
)
def test_the_list_of_failed_listeners_may_be_null_or_missing(answer, expected):
    assert clb.Clb(Recorder(answer)).write(LB, [register("ins-1")]) == expected


@rows("listener_ids, params", (None, {}), (["lbl-1"], {"ListenerIds": ["lbl-1"]}), ([], {"ListenerIds": []}))
def test_a_read_is_filtered_by_listener_where_asked(listener_ids, params):
    api = Recorder({"Listeners": [tcp("lbl-1")]})
    found = clb.Clb(api).describe_targets(LB, listener_ids, last_attempt=True)
    assert api.sent == [("DescribeTargets", {"LoadBalancerId": LB, **params}, {"last_attempt": True})]
    assert found.listener_ids == (None if listener_ids is None else tuple(listener_ids))


@rows(
    "answer, expected",
    ({"Status": 0}, (True, False, "")),
    ({"Status": 1, "Message": "why"}, (True, True, "why")),
    ({"Status": 1, "Message": "a\nb\u202e"}, (True, True, r"a\nb\u202e")),
    ({"Status": 2, "Message": None}, (False, False, "")),
    ({"Status": 3}, (False, False, "")),
)
def test_a_task_is_done_failed_or_running(answer, expected):
    api = Recorder(answer)
    assert clb.Clb(api).describe_task_status("r-1") == expected
    assert api.sent[0][:2] == ("DescribeTaskStatus", {"TaskId": "r-1"})


@rows(
    "answer, place",
    ({}, "RequestId is missing"),
    ({"RequestId": ""}, "RequestId is ''"),
    ({"RequestId": 7}, "RequestId is 7"),
    ({"RequestId": "r-1\x1b[31m"}, r"RequestId is 'r-1\x1b[31m', not an ID of at most 128 characters"),
    ({"RequestId": "r" * 129}, "not an ID of at most 128 characters"),
    ({"RequestId": "r-1", "FailListenerIdSet": True}, "FailListenerIdSet is true"),
    ({"RequestId": "r-1", "FailListenerIdSet": ["lbl-1", None]}, "FailListenerIdSet[1] is null"),
    ({"RequestId": "r-1", "Message": ["no"]}, "Message is a list of 1"),
)
@rows("kind", ChangeKind.REGISTER, ChangeKind.WEIGHT)
def test_after_an_odd_answer_to_a_write_the_outcome_is_unknown(answer, place, kind):
    one = change(kind, bound("ins-1"), weight=1)
    with pytest.raises(errors.OutcomeUnknown, match=re.escape(place)) as caught:
        clb.Clb(Recorder(answer)).write(LB, [one])
    assert (caught.value.code, caught.value.action) == ("UnexpectedAnswer", clb.ACTIONS[kind])
    assert caught.value.request_id == ("r-1" if answer.get("RequestId") == "r-1" else None)


@rows("answer", {}, {"Status": None}, {"Status": "0"}, {"Status": True}, {"Status": 0, "Message": 1})
def test_an_odd_task_status_is_neither_done_nor_running(answer):
    with pytest.raises(errors.UnexpectedAnswer, match=r"^DescribeTaskStatus answered .*: (Status|Message) is"):
        clb.Clb(Recorder(answer)).describe_task_status("r-1")


def test_health_is_read_for_whole_load_balancers_in_one_call():
    alive = {"IP": "10.2.0.1", "Port": 80, "TargetId": "", "HealthStatus": True, "HealthStatusDetail": "Alive"}
    listeners = [{"ListenerId": "lbl-1", "Rules": [{"LocationId": None, "Targets": [alive]}]}]
    api = Recorder({"LoadBalancers": [{"LoadBalancerId": one, "Listeners": listeners} for one in (LB, "lb-unasked")]})
    found = clb.Clb(api).describe_target_health([LB, "x"])
    assert [found[one].find(bound("10.2.0.1")) for one in (LB, "x")] == [(True, "Alive", False), None]
    assert len(found) == 2
    assert api.sent == [("DescribeTargetHealth", {"LoadBalancerIds": [LB, "x"]}, {})]


def test_listeners_say_how_they_are_set():
    rules = [
        {"LocationId": "loc-1", "TargetType": "TARGETGROUP", "SessionExpireTime": 30, "Scheduler": "IP_HASH"},
        {"LocationId": "loc-2", "TargetType": None, "HealthCheck": {"HealthSwitch": 0, "TimeOut": 2}},
    ]
    listeners = [
        {"ListenerId": "lbl-1", "TargetType": "NODE", "Rules": None, "IdleConnectTimeout": 900},
        {"ListenerId": "lbl-2", "TargetType": "", "Rules": rules, "HealthCheck": None},
        {"ListenerId": "lbl-3", "TargetType": "POLARIS"},
    ]
    api = Recorder({"TotalCount": 3, "Listeners": listeners})
    assert clb.Clb(api).describe_listeners(LB, ["lbl-1", "lbl-2", "lbl-3"]) == {
        ("lbl-1", None): clb.PoolSettings("NODE", None, 900),
        ("lbl-2", None): clb.PoolSettings(),
        ("lbl-2", "loc-1"): clb.PoolSettings("TARGETGROUP", 30, None, "IP_HASH"),
        ("lbl-2", "loc-2"): clb.PoolSettings(health_check=False),
        ("lbl-3", None): clb.PoolSettings("POLARIS"),
    }
    assert api.sent[0][1] == {"LoadBalancerId": LB, "ListenerIds": ["lbl-1", "lbl-2", "lbl-3"]}


# -- the listing of load balancers


class Region:
    """An Api that lists load balancers by number; they can be made and deleted between two pages."""

    def __init__(self, numbers):
        self.numbers = list(numbers)
        self.sent = []
        self.after_page = {}
        self.uncounted = 0

    def read(self, action, params, **_options):
        assert action == "DescribeLoadBalancers"
        self.sent.append(dict(params))
        known = [n for n in self.numbers if f"lb-{n}" in params.get("LoadBalancerIds", [f"lb-{n}"])]
        page = known[params["Offset"] : params["Offset"] + params["Limit"]]
        total = len(known) + self.uncounted
        self.after_page.pop(len(self.sent), lambda _: None)(self.numbers)
        return {"TotalCount": total, "LoadBalancerSet": [balancer(n) for n in page]}

    write = read


def balancer(number, **more):
    return {"LoadBalancerId": f"lb-{number}", "LoadBalancerName": "web", "LoadBalancerVips": None, **more}


def ids(numbers):
    return [f"lb-{number}" for number in numbers]


def listed(region, **how):
    return [one.load_balancer_id for one in clb.Clb(region).describe_load_balancers(**how)]


def test_load_balancers_are_listed_page_by_page():
    region = Region(range(150))
    assert listed(region, name="web") == ids(range(150))
    assert region.sent == [
        {"Offset": 0, "Limit": 100, "LoadBalancerName": "web"},
        {"Offset": 99, "Limit": 100, "LoadBalancerName": "web"},
    ]


@rows(
    "how, params",
    ({}, {}),
    ({"with_backends": True}, {"WithRs": 1}),
    ({"oldest_first": True}, {"OrderType": 0}),
    ({"forward_only": True}, {"Forward": 1}),
    ({"with_backends": True, "forward_only": True}, {"WithRs": 1, "Forward": 1}),
    ({"tags": {"env": ("a", "b")}}, {"Filters": [{"Name": "tag:env", "Values": ["a", "b"]}]}),
)
def test_a_listing_is_narrowed_where_asked(how, params):
    region = Region(range(3))
    assert listed(region, **how) == ids(range(3))
    assert region.sent == [{**params, "Offset": 0, "Limit": 100}]


def test_ids_are_asked_for_20_at_a_time_and_each_once():
    region = Region(range(0, 60, 2))
    assert listed(region, load_balancer_ids=[*ids(range(45)), "lb-0"]) == ids(range(0, 45, 2))
    assert [len(sent["LoadBalancerIds"]) for sent in region.sent] == [20, 20, 5]
    assert listed(region, load_balancer_ids=[]) == []


@rows("code, count", ("InvalidParameter", 20), ("InvalidParameterValue.Length", 1))
def test_a_call_is_made_smaller_only_where_it_is_too_long(code, count):
    def refuse(action, params):
        sent.append(params)
        raise errors.Refused("no", code=code)

    sent, api = [], Recorder()
    api.read = refuse
    with pytest.raises(errors.Refused):
        clb.Clb(api).describe_target_health(ids(range(count)))
    assert len(sent) == 1


@rows(
    "meanwhile",
    pytest.param(lambda numbers: numbers.remove(0), id="one of the first page is deleted"),
    pytest.param(lambda numbers: numbers.insert(0, 999), id="a new one comes first"),
    pytest.param(lambda numbers: numbers.append(999), id="a new one comes last"),
    pytest.param(lambda numbers: numbers.clear(), id="all are deleted"),
    pytest.param(lambda numbers: (numbers.remove(0), numbers.append(999)), id="one goes, one comes"),
)
def test_a_listing_that_changes_between_two_pages_is_read_again(meanwhile):
    region = Region(range(150))
    region.after_page[1] = meanwhile
    found = listed(region)
    assert sorted(found) == sorted(ids(region.numbers))
    assert len(set(found)) == len(found)


@rows("size", 1, 2, 40)
def test_a_page_may_be_shorter_than_asked_for(size):
    region = Region(range(150))
    whole_read = region.read
    region.read = lambda action, params, **_: whole_read(action, {**params, "Limit": size})
    assert listed(region) == ids(range(150))


@rows("numbers", [0, 1, 1, 2], [*range(99), 98, *range(99, 150)])
def test_one_that_is_listed_twice_comes_once(numbers):
    region = Region(numbers)
    region.uncounted = -1
    assert listed(region) == ids(sorted(set(numbers)))


@rows("uncounted", -1, 2, 10**9)
def test_a_count_that_never_fits_is_no_listing(uncounted):
    region = Region(range(3))
    region.uncounted = uncounted
    with pytest.raises(errors.UnexpectedAnswer, match="its pages did not fit together"):
        listed(region)
    assert len(region.sent) <= 2 * clb.LISTING_PASSES


@rows(
    "answer, place",
    ({}, "TotalCount is missing"),
    ({"TotalCount": 0}, "LoadBalancerSet is missing"),
    ({"TotalCount": "0", "LoadBalancerSet": []}, "TotalCount is '0'"),
    ({"TotalCount": True, "LoadBalancerSet": []}, "TotalCount is true"),
    ({"TotalCount": -1, "LoadBalancerSet": []}, "TotalCount is -1"),
    ({"LoadBalancerSet": {}}, "LoadBalancerSet is an object"),
    ({"LoadBalancerSet": [None]}, "LoadBalancerSet.0. is null"),
    ({"LoadBalancerSet": [{"LoadBalancerId": "lb-1"}]}, "LoadBalancerName is missing"),
    ({"LoadBalancerSet": [balancer(1, LoadBalancerVips=[1])]}, "LoadBalancerVips.0. is 1"),
    ({"LoadBalancerSet": [balancer(1, Tags={})]}, "Tags is an object"),
    ({"LoadBalancerSet": [balancer(1, Tags=[None])]}, "Tags.0. is null"),
    ({"LoadBalancerSet": [balancer(1, Tags=[{"TagKey": None}])]}, "TagKey is null"),
)
def test_an_odd_listing_is_no_empty_region(answer, place):
    if answer.keys() == {"LoadBalancerSet"}:
        answer = {"TotalCount": 1, **answer}
    with pytest.raises(errors.UnexpectedAnswer, match=place):
        listed(Recorder(answer))


TAGS = [{"TagKey": "a", "TagValue": "b"}, {"TagKey": "c", "TagValue": None}]


@rows(
    "raw, expected",
    ({}, ((), None, ())),
    ({"LoadBalancerVips": [], "AddressIPv6": None, "VpcId": "", "Tags": None}, ((), None, ())),
    ({"LoadBalancerVips": ["203.0.113.1"], "AddressIPv6": "2001:db8::1"}, (("203.0.113.1", "2001:db8::1"), None, ())),
    ({"VpcId": "vpc-1", "NewField": {}, "Tags": TAGS}, ((), "vpc-1", (("a", "b"), ("c", "")))),
)
def test_a_load_balancer_is_listed_with_what_is_known_of_it(raw, expected):
    (found,) = clb.Clb(Recorder({"TotalCount": 1, "LoadBalancerSet": [balancer(1, **raw)]})).describe_load_balancers()
    assert found == ("lb-1", "web", *expected)
    assert listed(Recorder({"TotalCount": 0, "LoadBalancerSet": None})) == []
