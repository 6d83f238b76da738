# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import UnexpectedAnswer
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.health import (
    NO_HEALTH,
    Health,
    HealthSnapshot,
    parse_health,
)

from ...builders import LB, http, ip_of, rule, snapshot, target, tcp


def health(protocol: str, rules: Any, load_balancer: str = LB, asked: str = LB) -> HealthSnapshot:
    """What is known of one load balancer, from an answer with one listener."""
    listener = {"ListenerId": "lbl-1", "Protocol": protocol, "Rules": rules}
    answer = {"LoadBalancers": [{"LoadBalancerId": load_balancer, "Listeners": [listener]}]}
    return parse_health(answer, [asked])[asked]


def state(address: str, detail: str | None, **more: Any) -> dict[str, Any]:
    healthy = detail in ("Alive", "Close")
    return {
        "IP": address,
        "Port": 80,
        "TargetId": address,
        "HealthStatus": healthy,
        "HealthStatusDetail": detail,
        **more,
    }


def only(bound: Any) -> Any:
    """The one binding of a snapshot."""
    (found,) = bound.all_bindings()
    return found


@pytest.mark.parametrize(
    "status, detail, expected",
    [
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
    ],
)
def test_healthy_is_what_gets_traffic(status: bool, detail: dict[str, Any], expected: object) -> None:
    """B6: HealthStatus decides, and a detail other than Alive or Close is never healthy."""
    bound = only(snapshot(tcp("lbl-1", 443, target("10.2.0.1"))))
    raw = {"IP": "10.2.0.1", "Port": 80, "HealthStatus": status, **detail}
    assert health("TCP", [{"LocationId": "", "Targets": [raw]}]).find(bound) == expected


@pytest.mark.parametrize("location", ["loc-x", "", None, "missing"])
@pytest.mark.parametrize("protocol", ["TCP", "UDP", "TCP_SSL", "QUIC"])
def test_layer4_health_comes_as_one_rule_whatever_its_location_id(location: str | None, protocol: str) -> None:
    bound = only(snapshot(tcp("lbl-1", 443, target("ins-1"), protocol=protocol)))
    nameless = {"LocationId": location, "Domain": None, "Url": None, "Targets": [state(ip_of("ins-1"), "Alive")]}
    if location == "missing":
        del nameless["LocationId"]
    assert health(protocol, [nameless]).of(bound).healthy


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS", "QUIC"])
def test_layer7_health_is_told_rule_by_rule(protocol: str) -> None:
    places = [
        rule("loc-1", "a", target("ins-1")),
        rule("loc-2", "b", target("ins-1")),
        rule("loc-3", "c", target("ins-1")),
    ]
    one, two, three = snapshot(http("lbl-1", 80, *places, protocol=protocol)).all_bindings()
    found = health(
        protocol,
        [
            {"LocationId": "loc-1", "Domain": "a", "Targets": [state("ins-1", "Alive")]},
            {"LocationId": "loc-2", "Domain": "b", "Targets": [state("ins-1", "Dead")]},
        ],
    )
    assert (found.of(one).detail, found.of(two).detail, found.find(three)) == ("Alive", "Dead", None)


def test_an_interface_beside_its_instance_is_told_apart_by_address() -> None:
    eni = target("10.2.0.1", InstanceId="ins-1")
    cvm, interface = snapshot(tcp("lbl-1", 443, target("ins-1"), eni)).all_bindings()
    told = [state("10.2.0.1", "Dead", TargetId="ins-1"), state(ip_of("ins-1"), "Alive", TargetId="ins-1")]
    found = health("TCP", [{"LocationId": "", "Targets": told}])
    assert (found.of(cvm).detail, found.of(interface).detail) == ("Alive", "Dead")


def test_each_address_of_an_interface_has_its_own_health() -> None:
    both = ["10.2.0.1", "10.2.0.2"]
    rows = [target(own, PrivateIpAddresses=sorted(both, key=lambda ip: ip != own)) for own in both]
    one, two = snapshot(tcp("lbl-1", 443, *rows)).all_bindings()
    found = health("TCP", [{"LocationId": None, "Targets": [state(both[0], "Alive"), state(both[1], "Dead")]}])
    assert (found.of(one).detail, found.of(two).detail) == ("Alive", "Dead")


@pytest.mark.parametrize(
    "one, other, expected",
    [
        ("Alive", "Alive", Health(True, "Alive")),
        ("Alive", "Dead", Health(False, "Dead", in_doubt=True)),
        ("Dead", "Unknown", Health(False, "Dead")),
        ("stopped", "Dead", Health(False, "Dead")),
        ("stopped", "Alive", Health(False, "Close", in_doubt=True)),
        ("Checking", "Alive", Health(False, "Checking", in_doubt=True)),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_of_two_things_said_of_one_target_the_worse_counts(
    one: str, other: str, expected: Health, turned: bool
) -> None:
    bound = only(snapshot(tcp("lbl-1", 443, target("ins-1"))))
    entries = {"stopped": state(ip_of("ins-1"), "Close", HealthStatus=False)}
    entries["Checking"] = state(ip_of("ins-1"), "Checking", HealthStatus=True)
    told = [entries.get(name) or state(ip_of("ins-1"), name) for name in (one, other)]
    told = told[::-1] if turned and "Unknown" not in (one, other) else told
    assert health("TCP", [{"LocationId": None, "Targets": told}]).of(bound) == expected


@pytest.mark.parametrize(
    "found, told",
    [
        (Health(True, "Close"), True),
        (Health(False, "Dead"), False),
        (Health(False, "Checking"), False),
        (Health(False, "Checking", in_doubt=True), None),
    ],
)
def test_what_a_result_tells_of_a_health_gives_it_back(found: Health, told: bool | None) -> None:
    assert found.told is told
    assert Health.read(found.told, found.detail) == found
    assert Health.read(None, NO_HEALTH.detail) is None


@pytest.mark.parametrize(
    "answer",
    [
        {"LoadBalancers": None},
        {"LoadBalancers": []},
        {"LoadBalancers": [{"LoadBalancerId": LB, "Listeners": None}]},
        {"LoadBalancers": [{"LoadBalancerId": LB, "Listeners": [{"ListenerId": "lbl-1", "Rules": None}]}]},
        {"LoadBalancers": [{"LoadBalancerId": LB, "Listeners": [{"ListenerId": "lbl-2", "Rules": []}]}]},
    ],
)
def test_what_the_answer_does_not_mention_has_no_known_health(answer: dict[str, Any]) -> None:
    """B1"""
    bound = only(snapshot(tcp("lbl-1", 443, target("ins-1"))))
    found = parse_health(answer, [LB])[LB]
    assert (found.find(bound), found.of(bound)) == (None, NO_HEALTH)


def test_health_of_another_load_balancer_or_port_or_pool_is_not_this_ones() -> None:
    bound = only(snapshot(tcp("lbl-1", 443, target("ins-1"))))
    alive = [{"LocationId": "", "Targets": [state("ins-1", "Alive")]}]
    assert health("TCP", alive).find(bound) is not None
    assert health("TCP", alive, "lb-other").find(bound) is None
    assert health("TCP", [{"LocationId": "", "Targets": [state("ins-1", "Alive", Port=81)]}]).find(bound) is None


def odd_health(**odd: Any) -> dict[str, Any]:
    """An answer in which one field is replaced, or taken away by giving '-'."""
    levels: dict[str, dict[str, Any]] = {
        "target": state("10.2.0.1", "Alive"),
        "rule": {"LocationId": None},
        "listener": {"ListenerId": "lbl-1"},
        "balancer": {"LoadBalancerId": LB},
    }
    levels["rule"]["Targets"] = [levels["target"]]
    levels["listener"]["Rules"] = [levels["rule"]]
    levels["balancer"]["Listeners"] = [levels["listener"]]
    answer = {"LoadBalancers": [levels["balancer"]]}
    levels["answer"] = answer
    for name, value in odd.items():
        level, _, key = name.partition("_")
        levels[level][key] = value
        if value == "-":
            del levels[level][key]
    return answer


@pytest.mark.parametrize(
    "odd, place",
    [
        ({"answer_LoadBalancers": "-"}, "LoadBalancers is missing"),
        ({"answer_LoadBalancers": {}}, "LoadBalancers is an object"),
        ({"answer_LoadBalancers": [3]}, "LoadBalancers[0] is 3"),
        ({"balancer_LoadBalancerId": None}, "LoadBalancers[0].LoadBalancerId is null"),
        ({"balancer_Listeners": "-"}, "LoadBalancers[0].Listeners is missing"),
        ({"listener_ListenerId": 1}, "LoadBalancers[0].Listeners[0].ListenerId is 1"),
        ({"listener_Rules": "[]"}, "LoadBalancers[0].Listeners[0].Rules is '[]'"),
        ({"rule_LocationId": {}}, "LoadBalancers[0].Listeners[0].Rules[0].LocationId is an object"),
        ({"rule_Targets": "-"}, "Rules[0].Targets is missing"),
        ({"rule_Targets": [[]]}, "Rules[0].Targets[0] is a list of 0"),
        ({"target_HealthStatus": "true"}, "Targets[0].HealthStatus is 'true'"),
        ({"target_HealthStatus": 1}, "Targets[0].HealthStatus is 1"),
        ({"target_HealthStatus": "-"}, "Targets[0].HealthStatus is missing"),
        ({"target_HealthStatusDetail": 1}, "Targets[0].HealthStatusDetail is 1"),
        ({"target_Port": "80"}, "Targets[0].Port is '80'"),
        ({"target_Port": 80.0}, "Targets[0].Port is 80.0"),
        ({"target_IP": None}, "Targets[0].IP is null"),
        ({"target_TargetId": []}, "Targets[0].TargetId is a list of 0"),
    ],
)
def test_an_odd_answer_is_never_taken_for_health(odd: dict[str, Any], place: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=re.escape(place)):
        parse_health(odd_health(**odd), [LB])
