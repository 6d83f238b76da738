# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many load balancers in one task: all checks before the first write, then each on its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from clb_emulator.testing import Emulator

from .fault_cases import FAULTS
from .in_process import run_module

BALANCERS = ("lb-1", "lb-2", "lb-3")


def balancer(identity: str, *backends: str, weight: int = 10) -> dict[str, Any]:
    """A load balancer with a TCP listener on port 80, whose ID ends like its own."""
    number = identity.partition("-")[2]
    targets = [{"instance_id": name, "port": 8080, "weight": weight, "tag": "blue"} for name in backends]
    listener = {"id": f"lbl-{number}", "protocol": "TCP", "port": 80, "targets": targets}
    return {"id": identity, "name": f"shop-{number}", "listeners": [listener]}


def world(*balancers: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"rate_limit": 0, "task_seconds": 0.02, "load_balancers": list(balancers), **settings}


WORLD = world(*(balancer(identity, "ins-a", "ins-b", "ins-c") for identity in BALANCERS))


@pytest.fixture
def emulator(fresh_world: Emulator) -> Emulator:
    return fresh_world


def run(emulator: Emulator, **options: Any) -> dict[str, Any]:
    return run_module(emulator, **{"load_balancer_id": None, **options}).result


def weights(emulator: Emulator, backend: str) -> dict[str, int]:
    """Load balancer -> the weight of a backend there."""
    return {
        identity: binding[4]
        for identity in BALANCERS
        for binding in emulator.bindings(identity)
        if binding[2] == backend
    }


def everywhere(**more: Any) -> dict[str, Any]:
    return {"listener_port": 80, "instance_id": "ins-new", "port": 8080, **more}


@pytest.mark.parametrize(
    "choice",
    [
        {"load_balancer_ids": list(BALANCERS)},
        {"load_balancer_names": ["shop-1", "shop-2", "shop-3"]},
    ],
)
def test_an_entry_without_a_listener_id_holds_for_each(emulator, choice):
    result = run(emulator, targets=[everywhere(weight=7)], **choice)

    assert weights(emulator, "ins-new") == dict.fromkeys(BALANCERS, 7)
    assert [entry["load_balancer_id"] for entry in result["registered"]] == list(BALANCERS)
    assert [entry["load_balancer_id"] for entry in result["load_balancers"]] == list(BALANCERS)
    assert [entry["status"] for entry in result["load_balancers"]] == ["changed"] * 3
    assert result["load_balancer_id"] is None
    again = run(emulator, targets=[everywhere(weight=7)], **choice)
    assert again["changed"] is False


def test_one_in_the_list_of_several_has_the_shape_of_several(emulator):
    result = run(emulator, load_balancer_ids=["lb-1"], targets=[everywhere()])

    assert result["load_balancer_id"] is None
    assert [entry["instance_id"] for entry in result["targets"]] == ["ins-new"]
    assert result["diff"]["after"].startswith("lb-1  TCP:80 (lbl-1)")


def test_entries_can_say_themselves_where_they_belong(emulator):
    entries = [{**everywhere(), "load_balancer_id": "lb-2"}, {**everywhere(weight=3), "load_balancer_id": "lb-3"}]
    result = run(emulator, targets=entries)

    assert weights(emulator, "ins-new") == {"lb-2": 10, "lb-3": 3}
    assert [entry["load_balancer_id"] for entry in result["load_balancers"]] == ["lb-2", "lb-3"]
    assert {call["params"]["LoadBalancerId"] for call in emulator.calls("DescribeTargets")} == {"lb-2", "lb-3"}


def test_a_listener_id_belongs_to_the_one_that_has_it(emulator):
    entry = {"listener_id": "lbl-2", "instance_id": "ins-new", "port": 8080}
    run(emulator, load_balancer_ids=list(BALANCERS), targets=[entry])
    assert weights(emulator, "ins-new") == {"lb-2": 10}

    unknown = {**entry, "listener_id": "lbl-9"}
    refused = run(emulator, load_balancer_ids=list(BALANCERS), targets=[unknown])
    assert refused["error"]["code"] == "InvalidArgument"
    assert "'lbl-9'" in refused["msg"]
    gone = run(emulator, load_balancer_ids=list(BALANCERS), state="absent", targets=[unknown])
    assert gone["changed"] is False
    assert "failed" not in gone


def test_a_listener_that_one_lacks_is_an_error_before_any_write(emulator):
    entry = {"listener_port": 81, "instance_id": "ins-new", "port": 8080}
    emulator.change(
        "create_listener",
        {"load_balancer_id": "lb-1", "listener": {"id": "lbl-x", "protocol": "TCP", "port": 81}},
    )
    result = run(emulator, load_balancer_ids=list(BALANCERS), targets=[everywhere(), entry])

    assert "2 of 3 load balancers failed" in result["msg"]
    assert not [call for call in emulator.calls() if call["action"].startswith("Batch")]
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
def test_a_choice_that_makes_no_sense(emulator, options, told):
    result = run(emulator, **{"targets": [everywhere()], **options})

    assert result["error"]["code"] == "InvalidArgument"
    assert told in result["msg"]
    assert not [call for call in emulator.calls() if call["action"].startswith("Batch")]


def test_out_everywhere_and_back_as_it_was(emulator):
    emulator.change(
        "weight", [{"LoadBalancerId": "lb-2", "ListenerId": "lbl-2", "InstanceId": "ins-a", "Port": 8080, "Weight": 33}]
    )
    before = emulator.bindings()
    targets = [{"instance_id": "ins-a"}]
    planned = run_module(
        emulator, check=True, load_balancer_id=None, all_load_balancers=True, state="drained", targets=targets
    )
    out = run(emulator, all_load_balancers=True, state="drained", targets=targets)

    assert weights(emulator, "ins-a") == dict.fromkeys(BALANCERS, 0)
    assert out["restore"] == planned.result["restore"]
    assert out["diff"] == planned.result["diff"]
    assert {entry["load_balancer_id"]: entry["weight"] for entry in out["restore"]} == {
        "lb-1": 10,
        "lb-2": 33,
        "lb-3": 10,
    }
    back = run(emulator, targets=out["restore"])
    assert "failed" not in back
    assert emulator.bindings() == before


def test_removed_bindings_come_back_with_weight_and_tag(emulator):
    before = emulator.bindings()
    out = run(emulator, all_load_balancers=True, state="absent", targets=[{"instance_id": "ins-b"}])
    assert weights(emulator, "ins-b") == {}
    run(emulator, targets=out["restore"])
    assert emulator.bindings() == before


def test_an_interface_behind_two_of_them_is_found_too(emulator):
    bindings = [{"eni_ip": "10.9.9.9", "port": 8080, "weight": 5}]
    balancers = [balancer(identity, "ins-a") for identity in BALANCERS]
    for one in balancers[:2]:
        one["listeners"][0]["targets"] += bindings
    emulator.load(world(*balancers))
    run(emulator, all_load_balancers=True, state="drained", targets=[{"eni_ip": "10.9.9.9"}])
    assert weights(emulator, "10.9.9.9") == {"lb-1": 0, "lb-2": 0}


def test_one_that_is_gone_after_the_listing_is_left_out_with_a_warning(emulator):
    emulator.add_events(
        {"change": "delete_load_balancer", "with": {"load_balancer_id": "lb-2"}, "action": "DescribeLoadBalancers"}
    )
    result = run(emulator, all_load_balancers=True, state="drained", targets=[{"instance_id": "ins-a"}])

    assert "failed" not in result
    assert weights(emulator, "ins-a") == {"lb-1": 0, "lb-3": 0}
    assert "lb-2" in json.dumps(result["warnings"])


def test_a_guard_that_refuses_on_one_means_no_write_on_any(emulator):
    identities = [f"lb-{number}" for number in range(1, 21)]
    balancers = [balancer(identity, "ins-a", "ins-b", "ins-c") for identity in identities]
    balancers[6] = balancer("lb-7", "ins-a", "ins-b")
    emulator.load(world(*balancers))
    result = run(emulator, all_load_balancers=True, state="drained", min_healthy=2, targets=[{"instance_id": "ins-a"}])

    assert result["error"]["code"] == "GuardRefused"
    assert not [call for call in emulator.calls() if call["action"].startswith("Batch")]
    assert len(result["failed_targets"]) == 20
    assert {entry["code"] for entry in result["failed_targets"]} == {"NotAttempted"}
    assert all("lb-7" in entry["message"] for entry in result["failed_targets"])
    assert result["changed"] is False


def test_a_failure_in_the_middle_of_one_stops_no_other(emulator):
    identities = [f"lb-{number}" for number in range(1, 21)]
    emulator.load(world(*(balancer(identity, "ins-a") for identity in identities)))
    emulator.add_faults(
        {"action": "BatchRegisterTargets", "kind": "refuse_targets", "targets": ["ins-odd"], "times": -1}
    )
    odd = {"listener_id": "lbl-7", "instance_id": "ins-odd", "port": 8080}
    result = run(emulator, load_balancer_ids=identities, targets=[everywhere(), odd])

    assert result["msg"].startswith("1 of 20 load balancers failed. lb-7: ")
    assert len(result["registered"]) == 20
    assert [entry["status"] for entry in result["load_balancers"]].count("failed") == 1
    assert [entry["instance_id"] for entry in result["failed_targets"]] == ["ins-odd"]
    emulator.clear_faults()
    home = run(emulator, targets=result["failed_targets"])
    assert "failed" not in home


FAULTY = [name for name, order in FAULTS.items() if order["action"] == "Batch*" and order.get("times", 1) == 1]
"""Those that meet one write, and so one load balancer: the first that writes."""
TASKS: dict[str, tuple[dict[str, Any], dict[str, int | None]]] = {
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


def as_desired(emulator: Emulator, desired: dict[str, int | None]) -> list[str]:
    """The load balancers that hold what was asked for."""
    return [
        identity
        for identity in BALANCERS
        if all(weights(emulator, name).get(identity) == weight for name, weight in desired.items())
    ]


@pytest.mark.sample(5)
@pytest.mark.parametrize("fault", FAULTY)
@pytest.mark.parametrize("state", TASKS)
def test_two_end_as_desired_whatever_happens_on_the_third(emulator, fault, state):
    options, desired = TASKS[state]
    emulator.add_faults(FAULTS[fault])
    result = run(emulator, load_balancer_ids=list(BALANCERS), wait_timeout=6, timeout=1, **options)
    done = as_desired(emulator, desired)
    emulator.clear_faults()

    assert len(done) >= 2
    statuses = {one["load_balancer_id"]: one["status"] for one in result["load_balancers"]}
    assert {identity for identity, status in statuses.items() if status == "failed"} == set(BALANCERS) - set(done)
    assert bool(result.get("failed")) == (len(done) < 3)
    again = run(emulator, load_balancer_ids=list(BALANCERS), **options)
    assert "failed" not in again, again["msg"]
    assert as_desired(emulator, desired) == list(BALANCERS)
    assert run(emulator, load_balancer_ids=list(BALANCERS), **options)["changed"] is False


CHILD = r"""
import json, os, re, sys
from pathlib import Path
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.targets import run_task
options = json.loads(sys.argv[1])
done = run_task(options, dict(os.environ), check_mode=False, diff=True)
# Not ru_maxrss: it begins with what the process that started this one had used.
peak = int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024
print(json.dumps({"failure": done.failure, "peak": peak, "size": len(json.dumps(done.result))}))
"""


@pytest.mark.long
def test_memory_and_result_of_100_with_1000_bindings_each(tmp_path):
    balancers = [
        {"id": f"lb-{number}", "generate": {"listeners": 10, "targets": 100, "prefix": f"n{number}"}}
        for number in range(100)
    ]
    with Emulator.spawn({"rate_limit": 0, "load_balancers": balancers}) as running:
        named = min(binding[2] for binding in running.bindings("lb-0"))
        options = {
            "load_balancer_id": None, "load_balancer_name": None, "load_balancer_ids": None,
            "load_balancer_names": None, "all_load_balancers": True, "state": "drained", "purge": False,
            "min_healthy": 0, "wait": True, "wait_for_health": False, "wait_timeout": 300, "timeout": 30,
            "targets": [{"instance_id" if named.startswith("ins-") else "eni_ip": named}],
        }  # fmt: skip
        environment = {**running.environ(), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
        output = subprocess.check_output([sys.executable, "-c", CHILD, json.dumps(options)], env=environment, text=True)
    done = json.loads(output)

    assert done["failure"] is None
    assert done["peak"] < 400e6
    assert done["size"] < 1e6
