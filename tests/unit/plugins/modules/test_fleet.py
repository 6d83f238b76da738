# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many load balancers in one task: all checks before the first write, then each on its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness import Cloud, Raw

from .fault_cases import FAULTS

BALANCERS = ("lb-1", "lb-2", "lb-3")


def balancer(identity: str, *backends: str, weight: int = 10) -> Raw:
    """A load balancer with a TCP listener on port 80, whose ID ends like its own."""
    number = identity.partition("-")[2]
    targets = [{"instance_id": name, "port": 8080, "weight": weight, "tag": "blue"} for name in backends]
    listener = {"id": f"lbl-{number}", "protocol": "TCP", "port": 80, "targets": targets}
    return {"id": identity, "name": f"shop-{number}", "listeners": [listener]}


def world(*balancers: Raw, **settings: Any) -> Raw:
    return {"task_seconds": 1.0, "load_balancers": list(balancers), **settings}


WORLD = world(*(balancer(identity, "ins-a", "ins-b", "ins-c") for identity in BALANCERS))


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(WORLD)


def run(cloud: Cloud, **options: Any) -> Raw:
    done = cloud.run(**options)
    return {**done.result, "warnings": done.warnings}


def weights(cloud: Cloud, backend: str) -> dict[str, int]:
    """Load balancer -> the weight of a backend there."""
    return {
        identity: binding[4] for identity in BALANCERS for binding in cloud.bindings(identity) if binding[2] == backend
    }


def everywhere(**more: Any) -> Raw:
    return {"listener_port": 80, "instance_id": "ins-new", "port": 8080, **more}


@pytest.mark.parametrize(
    "choice",
    [
        {"load_balancer_ids": list(BALANCERS)},
        {"load_balancer_names": ["shop-1", "shop-2", "shop-3"]},
    ],
)
def test_an_entry_without_a_listener_id_holds_for_each(cloud, choice):
    result = run(cloud, targets=[everywhere(weight=7)], **choice)

    assert weights(cloud, "ins-new") == dict.fromkeys(BALANCERS, 7)
    assert [entry["load_balancer_id"] for entry in result["registered"]] == list(BALANCERS)
    assert [entry["load_balancer_id"] for entry in result["load_balancers"]] == list(BALANCERS)
    assert [entry["status"] for entry in result["load_balancers"]] == ["changed"] * 3
    assert result["load_balancer_id"] is None
    again = run(cloud, targets=[everywhere(weight=7)], **choice)
    assert again["changed"] is False


def test_one_in_the_list_of_several_has_the_shape_of_several(cloud):
    result = run(cloud, load_balancer_ids=["lb-1"], targets=[everywhere()])

    assert result["load_balancer_id"] is None
    assert [entry["instance_id"] for entry in result["targets"]] == ["ins-new"]
    assert result["diff"]["after"].startswith("lb-1  TCP:80 (lbl-1)")


def test_entries_can_say_themselves_where_they_belong(cloud):
    entries = [{**everywhere(), "load_balancer_id": "lb-2"}, {**everywhere(weight=3), "load_balancer_id": "lb-3"}]
    result = run(cloud, targets=entries)

    assert weights(cloud, "ins-new") == {"lb-2": 10, "lb-3": 3}
    assert [entry["load_balancer_id"] for entry in result["load_balancers"]] == ["lb-2", "lb-3"]
    assert {call["params"]["LoadBalancerId"] for call in cloud.calls("DescribeTargets")} == {"lb-2", "lb-3"}


def test_a_listener_id_belongs_to_the_one_that_has_it(cloud):
    entry = {"listener_id": "lbl-2", "instance_id": "ins-new", "port": 8080}
    run(cloud, load_balancer_ids=list(BALANCERS), targets=[entry])
    assert weights(cloud, "ins-new") == {"lb-2": 10}

    unknown = {**entry, "listener_id": "lbl-9"}
    refused = run(cloud, load_balancer_ids=list(BALANCERS), targets=[unknown])
    assert refused["error"]["code"] == "InvalidArgument"
    assert "'lbl-9'" in refused["msg"]
    gone = run(cloud, load_balancer_ids=list(BALANCERS), state="absent", targets=[unknown])
    assert gone["changed"] is False
    assert "failed" not in gone


def test_a_listener_that_one_lacks_is_an_error_before_any_write(cloud):
    entry = {"listener_port": 81, "instance_id": "ins-new", "port": 8080}
    cloud.change(
        "create_listener",
        {"load_balancer_id": "lb-1", "listener": {"id": "lbl-x", "protocol": "TCP", "port": 81}},
    )
    result = run(cloud, load_balancer_ids=list(BALANCERS), targets=[everywhere(), entry])

    assert "2 of 3 load balancers failed" in result["msg"]
    assert not [call for call in cloud.calls() if call["action"].startswith("Batch")]
    assert {one["load_balancer_id"] for one in result["load_balancers"]} == {"lb-2", "lb-3"}


@pytest.mark.parametrize(
    "options, told",
    [
        ({"load_balancer_ids": []}, "load_balancer_ids is an empty list"),
        ({"load_balancer_ids": ["lb-1"], "load_balancer_names": ["shop-1"]}, "at most one of"),
        ({"load_balancer_ids": ["lb-1", "no id"]}, "is not an ID"),
        ({"load_balancer_names": ["shop-1", "shop-9"]}, "has the name 'shop-9'"),
        ({"all_load_balancers": True}, "absent or drained"),
        ({}, "No load balancer is chosen"),
        ({"load_balancer_ids": ["lb-1"], "targets": [{**everywhere(), "load_balancer_id": "lb-2"}]}, "is not 'lb-1'"),
    ],
)
def test_a_choice_that_makes_no_sense(cloud, options, told):
    result = run(cloud, **{"targets": [everywhere()], **options})

    assert result["error"]["code"] == "InvalidArgument"
    assert told in result["msg"]
    assert not [call for call in cloud.calls() if call["action"].startswith("Batch")]


def test_out_everywhere_and_back_as_it_was(cloud):
    cloud.change(
        "weight", [{"LoadBalancerId": "lb-2", "ListenerId": "lbl-2", "InstanceId": "ins-a", "Port": 8080, "Weight": 33}]
    )
    before = cloud.bindings()
    targets = [{"instance_id": "ins-a"}]
    planned = cloud.run(check=True, all_load_balancers=True, state="drained", targets=targets)
    out = run(cloud, all_load_balancers=True, state="drained", targets=targets)

    assert weights(cloud, "ins-a") == dict.fromkeys(BALANCERS, 0)
    assert out["restore"] == planned.result["restore"]
    assert out["diff"] == planned.result["diff"]
    assert {entry["load_balancer_id"]: entry["weight"] for entry in out["restore"]} == {
        "lb-1": 10,
        "lb-2": 33,
        "lb-3": 10,
    }
    back = run(cloud, targets=out["restore"])
    assert "failed" not in back
    assert cloud.bindings() == before


def test_removed_bindings_come_back_with_weight_and_tag(cloud):
    before = cloud.bindings()
    out = run(cloud, all_load_balancers=True, state="absent", targets=[{"instance_id": "ins-b"}])
    assert weights(cloud, "ins-b") == {}
    run(cloud, targets=out["restore"])
    assert cloud.bindings() == before


def test_an_interface_behind_two_of_them_is_found_too():
    bindings = [{"eni_ip": "10.9.9.9", "port": 8080, "weight": 5}]
    balancers = [balancer(identity, "ins-a") for identity in BALANCERS]
    for one in balancers[:2]:
        one["listeners"][0]["targets"] += bindings
    cloud = Cloud(world(*balancers))
    run(cloud, all_load_balancers=True, state="drained", targets=[{"eni_ip": "10.9.9.9"}])
    assert weights(cloud, "10.9.9.9") == {"lb-1": 0, "lb-2": 0}


def test_one_that_is_gone_after_the_listing_is_left_out_with_a_warning(cloud):
    cloud.add_events(
        {"change": "delete_load_balancer", "with": {"load_balancer_id": "lb-2"}, "action": "DescribeLoadBalancers"}
    )
    result = run(cloud, all_load_balancers=True, state="drained", targets=[{"instance_id": "ins-a"}])

    assert "failed" not in result
    assert weights(cloud, "ins-a") == {"lb-1": 0, "lb-3": 0}
    assert "lb-2" in json.dumps(result["warnings"])


def test_a_guard_that_refuses_on_one_means_no_write_on_any():
    identities = [f"lb-{number}" for number in range(1, 21)]
    balancers = [balancer(identity, "ins-a", "ins-b", "ins-c") for identity in identities]
    balancers[6] = balancer("lb-7", "ins-a", "ins-b")
    cloud = Cloud(world(*balancers))
    result = run(cloud, all_load_balancers=True, state="drained", min_healthy=2, targets=[{"instance_id": "ins-a"}])

    assert result["error"]["code"] == "GuardRefused"
    assert not [call for call in cloud.calls() if call["action"].startswith("Batch")]
    assert len(result["failed_targets"]) == 20
    assert {entry["code"] for entry in result["failed_targets"]} == {"NotAttempted"}
    assert all("lb-7" in entry["message"] for entry in result["failed_targets"])
    assert result["changed"] is False


def test_a_failure_in_the_middle_of_one_stops_no_other():
    identities = [f"lb-{number}" for number in range(1, 21)]
    cloud = Cloud(world(*(balancer(identity, "ins-a") for identity in identities)))
    cloud.add_faults({"action": "BatchRegisterTargets", "kind": "refuse_targets", "targets": ["ins-odd"], "times": -1})
    odd = {"listener_id": "lbl-7", "instance_id": "ins-odd", "port": 8080}
    result = run(cloud, load_balancer_ids=identities, targets=[everywhere(), odd])

    assert result["msg"].startswith("1 of 20 load balancers failed. lb-7: ")
    assert len(result["registered"]) == 20
    assert [entry["status"] for entry in result["load_balancers"]].count("failed") == 1
    assert [entry["instance_id"] for entry in result["failed_targets"]] == ["ins-odd"]
    cloud.clear_faults()
    home = run(cloud, targets=result["failed_targets"])
    assert "failed" not in home


FAULTY = [name for name, order in FAULTS.items() if order["action"] == "Batch*" and order.get("times", 1) == 1]
"""Those that meet one write, and so one load balancer: the first that writes."""
TASKS: dict[str, tuple[Raw, dict[str, int | None]]] = {
    "present": (
        {"targets": [everywhere(weight=4), everywhere(instance_id="ins-a", weight=50)]},
        {"ins-new": 4, "ins-a": 50},
    ),
    "drained": (
        {"state": "drained", "targets": [{"instance_id": "ins-a"}, {"instance_id": "ins-b"}]},
        {"ins-a": 0, "ins-b": 0},
    ),
    "absent": ({"state": "absent", "targets": [{"instance_id": "ins-a"}]}, {"ins-a": None}),
}
"""Options, and backend -> weight at the end, None where it is not bound any more."""


def as_desired(cloud: Cloud, desired: dict[str, int | None]) -> list[str]:
    """The load balancers that hold what was asked for."""
    return [
        identity
        for identity in BALANCERS
        if all(weights(cloud, name).get(identity) == weight for name, weight in desired.items())
    ]


@pytest.mark.parametrize("fault", FAULTY)
@pytest.mark.parametrize("state", TASKS)
def test_two_end_as_desired_whatever_happens_on_the_third(cloud, fault, state):
    options, desired = TASKS[state]
    cloud.add_faults(FAULTS[fault])
    result = run(cloud, load_balancer_ids=list(BALANCERS), **options)
    done = as_desired(cloud, desired)
    cloud.clear_faults()

    assert len(done) >= 2
    statuses = {one["load_balancer_id"]: one["status"] for one in result["load_balancers"]}
    assert {identity for identity, status in statuses.items() if status == "failed"} == set(BALANCERS) - set(done)
    assert bool(result.get("failed")) == (len(done) < 3)
    again = run(cloud, load_balancer_ids=list(BALANCERS), **options)
    assert "failed" not in again, again["msg"]
    assert as_desired(cloud, desired) == list(BALANCERS)
    assert run(cloud, load_balancer_ids=list(BALANCERS), **options)["changed"] is False
