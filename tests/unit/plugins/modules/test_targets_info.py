# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.info import empty_info
from harness import Cloud

from ..builders import http, rows, rule, target, tcp

SHOP = [
    tcp("lbl-tcp", 443, target("ins-2", 8443), target("ins-1", 8443, 0), target("10.9.9.9", 8443, 5, "blue")),
    tcp("lbl-range", 8000, target("ins-1", 81), protocol="UDP", EndPort=8010),
    http(
        "lbl-http",
        80,
        rule("loc-a", "a.example.com", target("ins-1", 80), target("ins-3", 80)),
        rule("loc-b", "b.example.com", target("ins-3", 80, 0), url="/b"),
    ),
    http("lbl-new", 8080),
]


def region(listeners=SHOP, **settings):
    return Cloud.of({"lb-1": listeners}, **settings)


def read(*selectors, health=False, listeners=SHOP, **settings):
    """What is told of a load balancer with these listeners; without selectors, of everything."""
    return region(listeners, **settings).run_info(targets=list(selectors) or None, health=health)


def places(info):
    return [(one["listener_id"], [rule["location_id"] for rule in one["rules"]]) for one in info["listeners"]]


def found(info):
    return [
        (one["listener_id"], one["location_id"], one["instance_id"] or one["eni_ip"], one["port"])
        for one in info["targets"]
    ]


def test_a_target_tells_everything_that_is_known():
    web = target("ins-1", 8080, 7, "blue", InstanceName="web-1", Zone="ap-guangzhou-3")
    [told] = read(listeners=[http("lbl-1", 80, rule("loc-1", "a.example.com", web))], health=True)["targets"]
    assert tuple(told.values()) == (
        *("lb-1", "lbl-1", "loc-1", "ins-1", None, 8080, 7, "blue", "HTTP", 80, "a.example.com", "/", ["10.1.0.1"]),
        *("web-1", "CVM", "ap-guangzhou-3", "2026-01-01 08:00:00", True, "Alive"),
    )
    last = ("type", "zone", "registered_time", "healthy", "health_status")
    assert tuple(told)[8:] == (
        *("listener_protocol", "listener_port", "domain", "url", "private_ips", "instance_name", *last),
    )


def test_health_is_null_where_it_was_not_asked_for():
    info = read()
    assert {(one["healthy"], one["health_status"]) for one in info["targets"]} == {(None, None)}
    assert {one["healthy"] for one in [*info["listeners"], *info["listeners"][2]["rules"]]} == {None}


CHECKING = {"HealthStatusDetail": "Checking"}


@rows(
    "health, healthy, status",
    ({}, True, "Alive"),
    ({"closed_listeners": ["lbl-1"]}, True, "Close"),
    ({"dead": ["ins-1"]}, False, "Dead"),
    ({"unknown": ["ins-1"]}, False, "Unknown"),
    # What the answer does not say is not known.
    ({"shown": {"ins-1": None}}, None, "Unknown"),
    ({"shown": {"ins-1": CHECKING}}, None, "Checking"),
    ({"shown": {"ins-1": {"HealthStatus": False, **CHECKING}}}, False, "Checking"),
    ({"shown": {"ins-1": {"HealthStatusDetail": "Dead"}}}, False, "Dead"),
)
def test_health_is_told_in_the_clouds_words(health, healthy, status):
    run = region([tcp("lbl-1", 443, target("ins-1"))], health=health).run_info(health=True)
    assert [(one["healthy"], one["health_status"]) for one in run["targets"]] == [(healthy, status)]
    assert run["listeners"][0]["healthy"] == int(healthy or False)


BOUND = [
    *[("lbl-tcp", None, "10.9.9.9", 8443), ("lbl-tcp", None, "ins-1", 8443), ("lbl-tcp", None, "ins-2", 8443)],
    *[("lbl-range", None, "ins-1", 81), ("lbl-http", "loc-a", "ins-1", 80), ("lbl-http", "loc-a", "ins-3", 80)],
    ("lbl-http", "loc-b", "ins-3", 80),
]


def test_the_tree_counts_what_is_bound_what_serves_and_what_is_healthy():
    health = {"dead": ["10.9.9.9"], "unknown": ["ins-3"]}
    listeners = region(health=health).run_info(health=True)["listeners"]
    rules = listeners[2].pop("rules")
    assert [rule.pop("rules") for rule in (*listeners[:2], listeners[3])] == [[], [], []]
    assert [tuple(listener.values()) for listener in listeners] == [
        ("lb-1", "lbl-tcp", "TCP", 443, None, 3, 2, 2),
        ("lb-1", "lbl-range", "UDP", 8000, 8010, 1, 1, 1),
        ("lb-1", "lbl-http", "HTTP", 80, None, 3, 2, 1),
        ("lb-1", "lbl-new", "HTTP", 8080, None, 0, 0, 0),
    ]
    assert [tuple(rule.values()) for rule in rules] == [
        ("loc-a", "a.example.com", "/", 2, 2, 1),
        ("loc-b", "b.example.com", "/b", 1, 0, 0),
    ]
    assert list(listeners[0]) == [
        *("load_balancer_id", "listener_id", "protocol", "port", "end_port", "bound", "serving", "healthy")
    ]
    assert list(rules[0]) == ["location_id", "domain", "url", "bound", "serving", "healthy"]


def test_targets_come_slot_by_slot_sorted_by_address():
    assert found(read()) == BOUND


@rows(
    "selector, targets, tree",
    ({"instance_id": "ins-3"}, BOUND[5:], [("lbl-http", ["loc-a", "loc-b"])]),
    ({"domain": "B.example.com"}, BOUND[6:], [("lbl-http", ["loc-b"])]),
    ({"listener_id": "lbl-tcp", "port": 1}, [], [("lbl-tcp", [])]),
    ({"instance_id": "ins-99"}, [], []),
    ({"listener_id": "lbl-new"}, [], [("lbl-new", [])]),
    ({"listener_port": 8080, "listener_protocol": "http"}, [], [("lbl-new", [])]),
    ({"listener_port": 8080, "instance_id": "ins-1"}, [], [("lbl-new", [])]),
)
def test_selectors(selector, targets, tree):
    info = read(selector)
    assert (found(info), places(info), info.warnings, info["changed"]) == (targets, tree, [], False)


def test_a_tag_where_the_cloud_tells_none_is_a_warning():
    run = region(tags=False).run_info(targets=[{"listener_id": "lbl-tcp", "tag": "blue"}])
    assert run["targets"] == []
    assert run.warnings == ["The API response contains no tags: selectors with a tag match nothing."]


@pytest.mark.parametrize("selector, counts", [({"instance_id": "ins-2"}, (3, 2)), ({"location_id": "loc-b"}, (1, 0))])
def test_counts_are_of_everything_bound_on_what_is_shown(selector, counts):
    [listener] = read(selector)["listeners"]
    assert (listener["bound"], listener["serving"]) == counts


def test_a_selector_of_something_that_does_not_exist_is_a_warning():
    info = read({"instance_id": "ins-2"}, {"listener_id": "lbl-nope"})
    assert info.warnings == ["targets[1]: there is no listener 'lbl-nope'. It selects nothing."]
    assert found(info) == BOUND[2:3]


@pytest.mark.parametrize(
    "health, calls", [(False, ["DescribeTargets"]), (True, ["DescribeTargets", "DescribeTargetHealth"])]
)
def test_reading_takes_one_call_and_one_more_for_health(health, calls):
    cloud = Cloud({"load_balancers": [{"id": "lb-1", "generate": {"listeners": 50, "targets": 100}}]})
    assert (len(cloud.run_info(health=health)["targets"]), cloud.actions()) == (5000, calls)


SETTINGS = {
    "session_seconds": 0, "idle_seconds": None, "scheduler": "WRR", "health_check": True, "target_type": "NODE",
}  # fmt: skip


def set_up(count=1):
    """A cloud with settings of every kind, on a TCP listener and on rules."""
    timed = {"protocol": "TCP", "session_seconds": 30}
    tcps = [{"id": f"lbl-{number}", "port": 1000 + number, **timed} for number in range(count)]
    rules = [
        {"id": "loc-a", "domain": "a.example.com", "session_seconds": 60, "scheduler": "IP_HASH"},
        {"id": "loc-b", "domain": "b.example.com", "health_check": False},
    ]
    listeners = [*tcps, {"id": "lbl-http", "protocol": "HTTP", "port": 80, "rules": rules}]
    return Cloud({"load_balancers": [{"id": "lb-1", "listeners": listeners}]})


def settings_of(place):
    return {key: place[key] for key in SETTINGS}


def test_settings_are_told_where_they_are_asked_for():
    cloud = set_up()
    tcp443, http80 = cloud.run_info(settings=True)["listeners"]
    assert settings_of(tcp443) == {**SETTINGS, "session_seconds": 30, "idle_seconds": 900}
    assert settings_of(http80) == dict.fromkeys(SETTINGS)
    hashed, unchecked = map(settings_of, http80["rules"])
    assert hashed == {**SETTINGS, "session_seconds": 60, "scheduler": "IP_HASH"}
    assert (unchecked, cloud.count("DescribeListeners")) == ({**SETTINGS, "health_check": False}, 1)
    assert SETTINGS.keys() & cloud.run_info()["listeners"][0].keys() == set()


def test_settings_are_read_for_a_hundred_listeners_in_one_call():
    cloud = set_up(count=150)
    assert not cloud.run_info(settings=True).failed
    assert [len(call["params"]["ListenerIds"]) for call in cloud.calls("DescribeListeners")] == [100, 51]
    cloud.clear_journal()
    # So many are more than a read of bindings can be filtered by.
    named = [f"lbl-{number}" for number in range(21)]
    cloud.run_info(settings=True, targets=[{"load_balancer_id": "lb-1", "listener_id": one} for one in named])
    assert [call["params"]["ListenerIds"] for call in cloud.calls("DescribeListeners")] == [named]


def test_no_selector_at_all_selects_nothing_and_asks_nothing():
    cloud = region()
    run = cloud.run_info(targets=[], health=True)
    assert (run["targets"], run["listeners"], cloud.calls()) == ([], [], [])


@pytest.mark.parametrize("tags", [True, False])
def test_what_it_tells_is_what_the_module_targets_finds_in_place(tags):
    named = tcp("lbl-named", 444, target("ins-4", InstanceName="web-4", Zone="ap-guangzhou-3"))
    cloud = region([*SHOP, named], tags=tags)
    targets = cloud.run_info(health=True)["targets"]
    run = cloud.run(targets=targets, purge=True)
    assert (len(targets), run.failure, run.changed) == (8, None, False)


def test_a_listener_or_rule_of_the_tree_is_a_selector():
    info = read()
    assert found(read(*info["listeners"][:3])) == found(info)
    assert found(read(info["listeners"][2]["rules"][1])) == BOUND[6:]


@rows(
    "options, words",
    ({"load_balancer_id": None}, "No load balancer is chosen; give one of load_balancer_id, "),
    ({"targets": [{"port": 80}]}, "no listener, rule or backend is named"),
    ({"timeout": 0}, "timeout 0 is too small"),
    ({"targets": [{"instance_id": "ins-1", "load_balancer_id": "lb-2"}]}, "'lb-2'"),
    ({"load_balancer_name": "sho"}, "No load balancer in region ap-guangzhou has the name 'sho'"),
)
def test_bad_options(options, words):
    run = region().run_info(**options)
    assert words in run.failure
    assert "of its own" not in run.failure
    assert run.result.keys() >= empty_info().keys()
    assert (run.code, run["error"]["action"], run["targets"]) == ("InvalidArgument", None, [])


def test_a_refusal_is_told_with_the_clouds_words():
    cloud = region()
    told = {"code": "UnauthorizedOperation", "message": "not allowed"}
    cloud.add_faults({"action": "Describe*", "kind": "error", **told})
    run = cloud.run_info()
    assert (run.failed, run["load_balancer_id"], run["api_calls"]) == (True, "lb-1", {"DescribeTargets": 1})
    assert run["error"].items() >= {"action": "DescribeTargets", **told}.items()
    run = region().run_info(environ={"TENCENTCLOUD_SECRET_ID": ""})
    assert (run.code, run["api_calls"]) == ("CredentialsNotFound", {})


HOST = {"instance_id": "ins-1"}


def shops(**settings):
    balancers = {
        "lb-1": [tcp("lbl-1", 443, target("ins-1"), target("ins-2", weight=0))],
        "lb-2": [http("lbl-2", 80, rule("loc-2", "a", target("ins-1")))],
        "lb-3": [tcp("lbl-3", 444, target("ins-3"))],
    }
    return Cloud.of(balancers, **settings)


def bound_at(run):
    return [(one["load_balancer_id"], one["instance_id"]) for one in run["targets"]]


def test_a_region_is_asked_where_a_host_is():
    run = shops().run_info(all_load_balancers=True, targets=[HOST], health=True)
    assert (run.failure, run.warnings, run["load_balancer_id"]) == (None, [], None)
    assert bound_at(run) == [("lb-1", "ins-1"), ("lb-2", "ins-1")]
    named = {"load_balancer_id": "lb-1", "load_balancer_name": "name-lb-1"}
    assert run["load_balancers"][0] == {**named, "bound": 2, "serving": 1, "healthy": 2}
    assert {one["load_balancer_id"] for one in run["listeners"]} == {"lb-1", "lb-2"}


@rows(
    "options, warnings",
    (
        {"load_balancer_ids": ["lb-1", "lb-2"], "targets": [{"listener_id": "lbl-3"}]},
        ["targets[0]: none of the load balancers has a listener 'lbl-3'. It selects nothing."],
    ),
    (
        {"load_balancer_ids": ["lb-1", "lb-3"], "targets": [{"listener_port": 9}]},
        ["targets[0]: there is no listener on port 9. It selects nothing. (lb-1, lb-3)"],
    ),
    # In a whole region, a selector matches where it matches.
    ({"all_load_balancers": True, "targets": [{"listener_port": 9}]}, []),
    (
        {"all_load_balancers": True, "targets": [{"load_balancer_id": "lb-1", "listener_id": "lbl-3", **HOST}]},
        ["targets[0]: lb-1 has no listener 'lbl-3'. It selects nothing."],
    ),
)
def test_what_a_selector_names_and_is_not_there_is_warned_of_once(options, warnings):
    run = shops().run_info(**options)
    assert (run.failure, run["targets"], run.warnings) == (None, [], warnings)


@pytest.mark.parametrize("chosen", [{"load_balancer_ids": ["lb-1", "lb-3"]}, {"load_balancer_id": "lb-1"}])
def test_names_that_contradict_an_id_are_an_error_that_says_where(chosen):
    run = shops().run_info(targets=[{"listener_id": "lbl-1", "listener_port": 9}], **chosen)
    assert "listener_port 9 contradicts the ID beside it" in run.failure
    assert ("1 of 2 load balancers failed. lb-1: " in run.failure) is ("load_balancer_ids" in chosen)
    assert "Nothing was changed" not in run.failure


@pytest.mark.parametrize("count", [1, 3])
def test_one_that_is_deleted_before_its_health_is_read_is_left_out(count):
    cloud = shops()
    for number in range(1, count + 1):
        gone = {"change": "delete_load_balancer", "with": {"load_balancer_id": f"lb-{number}"}}
        cloud.add_events({**gone, "action": "DescribeTargets", "after_calls": 3})
    run = cloud.run_info(all_load_balancers=True, health=True)
    assert [one["load_balancer_id"] for one in run["left_out"]] == [f"lb-{number}" for number in range(1, count + 1)]
    if count == 3:
        assert "No load balancer could be read." in run.failure
        return
    assert (run.failure, bound_at(run)) == (None, [("lb-2", "ins-1"), ("lb-3", "ins-3")])


@pytest.mark.parametrize("code, calls", [("AuthFailure.TokenFailure", 1), ("UnauthorizedOperation", 3)])
def test_health_that_is_refused_is_read_one_by_one_where_that_can_help(code, calls):
    cloud = shops()
    cloud.add_faults({"action": "DescribeTargetHealth", "kind": "error", "code": code, "times": -1})
    run = cloud.run_info(load_balancer_ids=["lb-1", "lb-2"], health=True)
    assert (run.code, cloud.count("DescribeTargetHealth")) == (code, calls)
