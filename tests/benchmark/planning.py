# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much CPU time the plan takes: from the module's options and a parsed answer to a list of changes."""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.plan import Goal, make_plan
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.balancers import gc_paused

if TYPE_CHECKING:
    from collections.abc import Mapping

RULES = 50
"""Rules of one listener; the cloud's default quota."""
BACKENDS = 100
"""Targets of one rule, as wanted; the cloud's default quota."""


def make_case(bindings: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return ``targets`` of so many bindings, and what DescribeTargets answers.

    Of four wanted bindings two are in place, one has another weight, one is missing; a fourth as many as are wanted
    are bound besides, for ``purge`` to remove. Every other rule is named by port, domain and URL instead of by ID.
    """
    desired: list[dict[str, Any]] = []
    listeners: dict[int, dict[str, Any]] = {}
    for rule in range(bindings // BACKENDS):
        number, place = divmod(rule, RULES)
        listener_id, port, location_id, domain = f"lbl-{number}", 1000 + number, f"loc-{rule}", f"{place}.example.com"
        empty = {"ListenerId": listener_id, "Protocol": "HTTP", "Port": port, "Targets": None, "Rules": []}
        listener = listeners.setdefault(number, empty)
        by_name = {"listener_port": port, "domain": domain, "url": "/"}
        where = by_name if rule % 2 else {"listener_id": listener_id, "location_id": location_id}
        bound = []
        for index in range(BACKENDS):
            serial = rule * BACKENDS + index
            desired.append({**where, "instance_id": f"ins-{serial}", "port": 8080, "weight": 10})
            # Where a wanted one is missing, one that nobody wants is bound.
            name = f"ins-{serial}" if index % 4 else f"ins-old{serial}"
            bound.append(_backend(name, serial, weight=20 if index % 4 == 1 else 10))
        listener["Rules"].append({"LocationId": location_id, "Domain": domain, "Url": "/", "Targets": bound})
    return desired, {"Listeners": list(listeners.values())}


def _backend(instance_id: str, serial: int, weight: int) -> dict[str, Any]:
    address = f"10.{serial >> 16 & 255}.{serial >> 8 & 255}.{serial & 255}"
    names = {"Type": "CVM", "InstanceId": instance_id, "InstanceName": f"web-{serial}", "EniId": "", "Tag": ""}
    addresses = {"PublicIpAddresses": [], "PrivateIpAddresses": [address], "Port": 8080, "Weight": weight}
    return {**names, **addresses, "RegisteredTime": "2026-01-01T00:00:00Z", "Zone": "ap-guangzhou-3"}


class Reader:
    """In the place of the client: gives the one answer, at no cost."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answer = answer

    def read(self, action: str, params: Mapping[str, Any], *, last_attempt: bool = False) -> dict[str, Any]:
        return self._answer

    def write(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        raise AssertionError("planning writes nothing")


def planning_seconds(bindings: int, repeats: int) -> float:
    """Return the CPU seconds that planning so many bindings takes: the best of several runs."""
    desired, answer = make_case(bindings)
    clb = Clb(Reader(answer))
    best = float("inf")
    for _ in range(repeats):
        gc.collect()
        # As the module does from its options to the plan.
        with gc_paused():
            started = time.process_time()
            goal = Goal("present", parse_entries(desired, selectors=False), purge=True)
            plan = make_plan(goal, clb.describe_targets("lb-1"))
            best = min(best, time.process_time() - started)
        assert len(plan.changes) == bindings * 3 // 4
        del plan
    return best
