# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many load balancers in one task: all checks before the first write, then each on its own."""

from __future__ import annotations

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
