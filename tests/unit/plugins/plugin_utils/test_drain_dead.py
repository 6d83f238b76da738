# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which dead targets the playbook drain_dead may drain."""

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._everywhere import find_dead, plan_drain_dead
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_read import Stop
from harness import Cloud

from ..builders import target, tcp
from ..rotating import Modules, bound


def targets(state, **keys):
    """A target for each letter: Healthy, Dead, Unknown, not mentioned (-); after 0 with weight 0."""
    told = {"H": (True, "Alive"), "D": (False, "Dead"), "U": (False, "Unknown"), "-": (None, "Unknown")}
    return [
        bound(
            f"ins-{place}",
            weight=0 if state[place - 1 : place] == "0" else 10,
            healthy=told[char][0],
            health_status=told[char][1],
            **keys,
        )
        for place, char in enumerate(state)
        if char in told
    ]


@pytest.mark.parametrize(
    "state, required, drained",
    [
        ("HDD", 1, ["ins-1", "ins-2"]),
        ("HD-U", 1, ["ins-1"]),
        ("DDD", 1, []),
        ("0HD-", 1, []),
        ("HDD", 2, []),
        ("HHD", 2, ["ins-2"]),
        ("H0DD", 1, ["ins-3"]),
        ("DD", 0, ["ins-0", "ins-1"]),
    ],
)
def test_what_is_dead_is_drained_where_enough_are_healthy(state, required, drained):
    found = targets(state)
    plan = plan_drain_dead(found, found, required)
    assert [target["instance_id"] for target in plan["targets"]] == drained
    assert len(plan["kept"]) == (not drained)


def test_only_what_is_asked_for_is_drained_each_listener_by_itself():
    pools = [*targets("HDD"), *targets("DD", listener_id="lbl-2", listener_port=444)]
    plan = plan_drain_dead([pools[1], pools[3]], pools, 1)
    assert plan["targets"] == [pools[1]]
    assert plan["kept"] == [
        "lb-1 lbl-2 (TCP:444): 0 targets of weight above 0 are healthy, and clb_min_healthy is 1. Not drained: ins-0."
    ]


def test_the_health_is_read_again():
    cloud = Cloud.of({"lb-1": [tcp("lbl-1", 443, target("ins-1"), target("ins-2"))]})
    cloud.change("health", {"dead": ["ins-2"]})
    selectors = [{"load_balancer_id": "lb-1", "instance_id": f"ins-{number}"} for number in (1, 2)]
    plan = Modules(cloud).step(find_dead, selectors=selectors, min_healthy="1")
    assert [one["instance_id"] for one in plan["targets"]] == ["ins-2"]


@pytest.mark.parametrize("minimum", [-1, "many", "", None, 1.5, True])
def test_a_minimum_that_is_no_number_is_refused(minimum):
    with pytest.raises(Stop, match="give a whole number from 0"):
        find_dead(Modules(), selectors=[], min_healthy=minimum)
