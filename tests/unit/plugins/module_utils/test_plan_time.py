# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gc
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._clb import batches
from ansible_collections.tencentcloud.clb.plugins.module_utils._plan import Kind

from ..builders import Raw, http, picture, plan_for, rule, target, tcp

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.alone

SLOT_SIZE = 100
"""The default quota of targets for a listener or rule."""


def address(number: int) -> str:
    return f"10.{2 + number // 65536}.{number // 256 % 256}.{number % 256}"


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the best of three, without the cost of measuring coverage."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        best = float("inf")
        for _ in range(3):
            gc.collect()
            started = time.process_time()
            work()
            best = min(best, time.process_time() - started)
    finally:
        sys.settrace(tracer)
    return best


def big(amount: int) -> tuple[list[Raw], list[Raw]]:
    """A load balancer with so many bindings, and a list that keeps, changes, adds and purges a quarter each."""
    listeners, entries = [], []
    for index in range(amount // SLOT_SIZE):
        numbers = range(index * SLOT_SIZE, (index + 1) * SLOT_SIZE)
        bound = [target(address(number)) for number in numbers if number % 4]
        if index % 2:
            listeners.append(tcp(f"lbl-{index}", 1 + index % 60000, *bound))
        else:
            listeners.append(http(f"lbl-{index}", 80, rule(f"loc-{index}", "a.example.com", *bound)))
        for number in numbers:
            if number % 4 != 3:
                place = {"listener_id": f"lbl-{index}", "location_id": None if index % 2 else f"loc-{index}"}
                entry = {"eni_ip": address(number), "port": 80, "weight": 10 + number % 4}
                entries.append({**place, **entry})
    return listeners, entries


def plan_all(listeners: list[Raw], entries: list[Raw]) -> None:
    """Everything between the answer of DescribeTargets and the first call."""
    plan = plan_for(entries, picture(*listeners), purge=True)
    calls = sum(len(batches([one for one in plan.changes if one.kind is kind])) for kind in Kind)
    # Three quarters of the bindings change, by three kinds of calls of at most 500.
    assert calls >= len(entries) // 500


def test_10000_bindings_are_planned_in_half_a_second_and_100000_in_12_times_that() -> None:
    small, large = big(10_000), big(100_000)
    ten = seconds(lambda: plan_all(*small))
    hundred = seconds(lambda: plan_all(*large))
    assert ten < 0.5
    assert hundred < 12 * max(ten, 0.1), f"{hundred:.2f} s is {hundred / ten:.1f} times {ten:.2f} s"


@pytest.mark.parametrize("state", ["absent", "drained"])
def test_selectors_by_host_stay_linear(state: str) -> None:
    def work(amount: int) -> Callable[[], object]:
        listeners, _ = big(amount)
        hosts = [{"eni_ip": address(number)} for number in range(amount)]
        return lambda: plan_for(hosts, picture(*listeners), state=state)

    ten, hundred = seconds(work(2_000)), seconds(work(20_000))
    assert hundred < 15 * max(ten, 0.03)
