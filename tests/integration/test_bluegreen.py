# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From blue to green in one task: capacity never dips, whatever the end."""

from __future__ import annotations

from typing import Any

import pytest

from .plays import failing, keys, play, task

BLUE = [f"ins-blue{number}" for number in range(3)]
GREEN = [f"ins-green{number}" for number in range(3)]
PLACES: list[dict[str, Any]] = [{"listener_id": "lbl-tcp"}, {"location_id": "loc-1"}]


def load(emulator: Any, **settings: Any) -> None:
    blue = [{"instance_id": name, "port": 8080, "weight": 10, "tag": "blue"} for name in BLUE]
    emulator.load(
        {
            "rate_limit": 0,
            "task_seconds": 0.3,
            "health": {"after": 0.8},
            "load_balancers": [
                {
                    "id": "lb-1",
                    "listeners": [
                        {"id": "lbl-tcp", "protocol": "TCP", "port": 443, "targets": blue},
                        {
                            "id": "lbl-http",
                            "protocol": "HTTP",
                            "port": 80,
                            "rules": [{"id": "loc-1", "domain": "a.example.com", "targets": blue}],
                        },
                    ],
                }
            ],
            **settings,
        }
    )


def everywhere(names: list[str], **more: Any) -> list[dict[str, Any]]:
    return [{**place, "instance_id": name, "port": 8080, **more} for place in PLACES for name in names]


def fewest_serving(emulator: Any) -> int:
    return min(emulator.min_serving("lbl-tcp"), emulator.min_serving("lbl-http", "loc-1"))


OPTIONS = {
    "purge": {"purge": True, "targets": everywhere(GREEN, tag="green")},
    "weight 0": {"targets": [*everywhere(BLUE, weight=0), *everywhere(GREEN, tag="green")]},
}


@pytest.mark.parametrize("way", OPTIONS)
def test_capacity_never_dips(playbook, emulator, way):
    load(emulator)
    safe = {"load_balancer_id": "lb-1", "wait_for_health": True, "min_healthy": len(BLUE)}
    run = playbook(play(task("Deploy", **safe, **OPTIONS[way])))

    assert run.rc == 0, run.output
    assert fewest_serving(emulator) == len(BLUE)
    serving = {binding[2] for binding in emulator.bindings() if binding[4] > 0}
    assert serving == set(GREEN)
    losing = "BatchDeregisterTargets" if way == "purge" else "BatchModifyTargetWeight"
    order = [
        call["action"] for call in emulator.calls() if call["action"].startswith(("Batch", "DescribeTargetHealth"))
    ]
    assert order[:2] == ["DescribeTargetHealth", "BatchRegisterTargets"]
    # Once more at the end: the guard looks whether enough serve now that the losses show.
    assert set(order[2:]) == {"DescribeTargetHealth", losing}
    assert (order.count(losing), order[-1]) == (1, "DescribeTargetHealth")


def test_green_that_does_not_get_healthy_leaves_blue_serving(playbook, emulator):
    load(emulator, health={"dead": [GREEN[1]]})
    options = {"load_balancer_id": "lb-1", "wait_for_health": True, "min_healthy": 3, "wait_timeout": 4}
    run = playbook(play(failing("Deploy", **options, **OPTIONS["purge"])))
    result = run.result("Deploy")

    assert result["error"]["code"] == "WaitTimeout"
    assert f"{GREEN[1]}:8080" in result["msg"]
    assert f"{GREEN[0]}:8080" not in result["error"]["message"]
    assert fewest_serving(emulator) == len(BLUE)
    assert keys(result["failed_targets"]) == {
        (listener, rule, name, 8080) for listener, rule in (("lbl-tcp", None), ("lbl-http", "loc-1")) for name in BLUE
    }
    assert emulator.count("BatchDeregisterTargets") == 0
