# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import UnexpectedAnswer
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.health import NO_HEALTH, Health, parse_health

from ...builders import LB, http, ip_of, only, rows, rule, snapshot, target, tcp


def answer_of(rules, load_balancer_id=LB, listener_id="lbl-1"):
    """An answer with one listener."""
    listener = {"ListenerId": listener_id, "Protocol": "TCP", "Rules": rules}
    return {"LoadBalancers": [{"LoadBalancerId": load_balancer_id, "Listeners": [listener]}]}


def answered(*rules):
    return parse_health(answer_of(list(rules)), [LB])[LB]


def state(address, detail, **more):
    told = {"HealthStatus": detail in ("Alive", "Close"), "HealthStatusDetail": detail}
    return {"IP": address, "Port": 80, "TargetId": address, **told, **more}


@rows(
    "status, detail, expected",
    (True, {"HealthStatusDetail": "Alive"}, Health(True, "Alive")),
    (True, {"HealthStatusDetail": "Close"}, Health(True, "Close")),
    (False, {"HealthStatusDetail": "Close"}, Health(False, "Close")),
    (False, {"HealthStatusDetail": "Dead"}, Health(False, "Dead")),
    (True, {"HealthStatusDetail": "Dead"}, Health(False, "Dead", in_doubt=True)),
    (False, {"HealthStatusDetail": "Alive"}, Health(False, "Alive")),
    (True, {"HealthStatusDetail": "Unknown"}, Health(False, "Unknown", in_doubt=True)),
    (True, {"HealthStatusDetail": "Brand new"}, Health(False, "Brand new", in_doubt=True)),
    (True, {"HealthStatusDetial": "Alive"}, Health(True, "Alive")),
    (True, {"HealthStatusDetail": "", "HealthStatusDetial": "Dead"}, Health(False, "Dead", in_doubt=True)),
    (True, {"HealthStatusDetail": None}, Health(True, "Alive")),
    (False, {"HealthStatusDetail": ""}, Health(False, "Unknown")),
)
def test_healthy_is_what_gets_traffic(status, detail, expected):
    """B6: HealthStatus decides, and a detail other than Alive or Close is never healthy."""
    bound = only(snapshot(tcp("lbl-1", 443, target("10.2.0.1"))))
    raw = {"IP": "10.2.0.1", "Port": 80, "HealthStatus": status, **detail}
    assert answered({"LocationId": "", "Targets": [raw]}).find(bound) == expected


def test_health_comes_rule_by_rule_on_layer4_as_one_whatever_its_location_id():
    bound = only(snapshot(tcp("lbl-1", 443, target("ins-1"))))
    for location in ({"LocationId": "loc-x"}, {"LocationId": ""}, {"LocationId": None}, {}):
        nameless = {**location, "Domain": None, "Url": None, "Targets": [state(ip_of("ins-1"), "Alive")]}
        assert answered(nameless).of(bound).healthy
    places = [rule(f"loc-{number}", "a", target("ins-1")) for number in (1, 2, 3)]
    rules = [
        {"LocationId": key, "Targets": [state("ins-1", how)]} for key, how in (("loc-1", "Alive"), ("loc-2", "Dead"))
    ]
    found = [answered(*rules).find(one) for one in snapshot(http("lbl-1", 80, *places)).all_bindings()]
    assert found == [Health(True, "Alive"), Health(False, "Dead"), None]


def test_addresses_tell_an_interface_from_its_instance_and_from_another_address():
    eni = target("10.2.0.1", InstanceId="ins-1")
    bound = snapshot(tcp("lbl-1", 443, target("ins-1"), eni))
    told = [state("10.2.0.1", "Dead", TargetId="ins-1"), state(ip_of("ins-1"), "Alive", TargetId="ins-1")]
    found = answered({"LocationId": "", "Targets": told})
    assert [found.of(one).detail for one in bound.all_bindings()] == ["Alive", "Dead"]
    both = ["10.2.0.1", "10.2.0.2"]
    rows = [target(own, PrivateIpAddresses=sorted(both, key=lambda ip: ip != own)) for own in both]
    found = answered({"LocationId": None, "Targets": [state(both[0], "Alive"), state(both[1], "Dead")]})
    assert [found.of(one).detail for one in snapshot(tcp("lbl-1", 443, *rows)).all_bindings()] == ["Alive", "Dead"]


@rows(
    "one, other, expected",
    ("Alive", "Alive", Health(True, "Alive")),
    ("Alive", "Dead", Health(False, "Dead", in_doubt=True)),
    ("Dead", "Unknown", Health(False, "Dead")),
    ("stopped", "Dead", Health(False, "Dead")),
    ("stopped", "Alive", Health(False, "Close", in_doubt=True)),
    ("Checking", "Alive", Health(False, "Checking", in_doubt=True)),
)
def test_of_two_things_said_of_one_target_the_worse_counts(one, other, expected):
    bound = only(snapshot(tcp("lbl-1", 443, target("ins-1"))))
    odd = {"stopped": ("Close", {"HealthStatus": False}), "Checking": ("Checking", {"HealthStatus": True})}
    entries = [odd.get(name, (name, {})) for name in (one, other)]
    said = [state(ip_of("ins-1"), detail, **more) for detail, more in entries]
    for order in (said, said[::-1]) if other != "Unknown" else (said,):
        assert answered({"LocationId": None, "Targets": order}).of(bound) == expected


@rows("found, told",
    (Health(True, "Close"), True), (Health(False, "Dead"), False), (Health(False, "Checking"), False),
    (Health(False, "Checking", in_doubt=True), None),
)  # fmt: skip
def test_what_a_result_tells_of_a_health_gives_it_back(found, told):
    assert found.told is told
    assert Health.read(found.told, found.detail) == found
    assert Health.read(None, NO_HEALTH.detail) is None


MENTIONED = {"LocationId": "", "Targets": [state("ins-1", "Alive")]}


@rows(
    "balancers",
    None,
    [],
    [{"LoadBalancerId": LB, "Listeners": None}],
    answer_of(None)["LoadBalancers"],
    answer_of([MENTIONED], listener_id="lbl-2")["LoadBalancers"],
    answer_of([MENTIONED], load_balancer_id="lb-other")["LoadBalancers"],
    answer_of([{**MENTIONED, "Targets": [state("ins-1", "Alive", Port=port) for port in (0, 81)]}])["LoadBalancers"],
)
def test_a_target_that_the_answer_does_not_mention_has_no_known_health(balancers):
    """B1"""
    bound = only(snapshot(tcp("lbl-1", 443, target("ins-1"))))
    found = parse_health({"LoadBalancers": balancers}, [LB])[LB]
    assert (found.find(bound), found.of(bound)) == (None, NO_HEALTH)


@rows(
    "level, key, odd, place",
    ("answer", "LoadBalancers", "-", "LoadBalancers is missing"),
    ("answer", "LoadBalancers", {}, "LoadBalancers is an object"),
    ("answer", "LoadBalancers", [3], "LoadBalancers[0] is 3"),
    ("balancer", "LoadBalancerId", None, "LoadBalancers[0].LoadBalancerId is null"),
    ("balancer", "Listeners", "-", "LoadBalancers[0].Listeners is missing"),
    ("listener", "ListenerId", 1, "LoadBalancers[0].Listeners[0].ListenerId is 1"),
    ("listener", "Rules", "[]", "LoadBalancers[0].Listeners[0].Rules is '[]'"),
    ("rule", "LocationId", {}, "LoadBalancers[0].Listeners[0].Rules[0].LocationId is an object"),
    ("rule", "Targets", "-", "Rules[0].Targets is missing"),
    ("rule", "Targets", [[]], "Rules[0].Targets[0] is a list of 0"),
    ("target", "HealthStatus", "true", "Targets[0].HealthStatus is 'true'"),
    ("target", "HealthStatus", 1, "Targets[0].HealthStatus is 1"),
    ("target", "HealthStatus", "-", "Targets[0].HealthStatus is missing"),
    ("target", "HealthStatusDetail", 1, "Targets[0].HealthStatusDetail is 1"),
    ("target", "Port", "80", "Targets[0].Port is '80'"),
    ("target", "Port", 80.0, "Targets[0].Port is 80.0"),
    ("target", "IP", None, "Targets[0].IP is null"),
    ("target", "TargetId", [], "Targets[0].TargetId is a list of 0"),
)
def test_an_odd_answer_is_never_taken_for_health(level, key, odd, place):
    levels = {"target": state("10.2.0.1", "Alive")}
    levels["rule"] = {"LocationId": None, "Targets": [levels["target"]]}
    levels["answer"] = answer_of([levels["rule"]])
    (levels["balancer"],) = levels["answer"]["LoadBalancers"]
    (levels["listener"],) = levels["balancer"]["Listeners"]
    levels[level][key] = odd
    if odd == "-":
        del levels[level][key]
    with pytest.raises(UnexpectedAnswer, match=re.escape(place)):
        parse_health(levels["answer"], [LB])
