# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gc
import sys
import time

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.batches import batches
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import ChangeKind
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.plan import Goal, make_plan
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.balancers import gc_paused

from ...builders import http, rows, rule, snapshot, target, tcp

POOL_SIZE = 100
"""The default quota of targets for a listener or rule."""


def address(number):
    return f"10.{2 + number // 65536}.{number // 256 % 256}.{number % 256}"


def seconds(work):
    """CPU seconds of the best of three, as in the module's process, without the cost of measuring coverage."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        best = float("inf")
        for _ in range(3):
            gc.collect()
            with gc_paused():
                started = time.process_time()
                work()
                best = min(best, time.process_time() - started)
    finally:
        sys.settrace(tracer)
    return best


def big(amount):
    """A load balancer with so many bindings, and a list that keeps, changes, adds and purges a quarter each."""
    listeners, entries = [], []
    for index in range(amount // POOL_SIZE):
        numbers = range(index * POOL_SIZE, (index + 1) * POOL_SIZE)
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


def plan_all(listeners, entries, *, state="present"):
    """Everything between the options and the first call, but for the network."""
    parsed = parse_entries(entries, selectors=state != "present")
    goal = Goal(state, parsed, purge=state == "present")
    plan = make_plan(goal, snapshot(*listeners))
    calls = sum(len(batches([one for one in plan.changes if one.kind is kind])) for kind in ChangeKind)
    # Most bindings change, at 500 a call at most.
    assert calls >= len(entries) // 1000


@rows("amount", 500, pytest.param(10_000, marks=pytest.mark.long))
def test_ten_times_as_many_bindings_take_12_times_as_long(amount):
    small, large = big(amount), big(10 * amount)
    one = seconds(lambda: plan_all(*small))
    ten = seconds(lambda: plan_all(*large))
    # 12 times, and a third more for the noise of a busy machine; what is not linear is far beyond.
    assert ten < 16 * max(one, 0.02), f"{ten:.2f} s is {ten / one:.1f} times {one:.2f} s"
    # A third of it for 10,000 where nothing else runs.
    assert ten < amount / 1_000


@rows("state", "absent", "drained")
def test_selectors_by_host_stay_linear(state):
    def work(amount):
        listeners, _ = big(amount)
        hosts = [{"eni_ip": address(number)} for number in range(amount)]
        return lambda: plan_all(listeners, hosts, state=state)

    one, ten = seconds(work(300)), seconds(work(3_000))
    assert ten < 16 * max(one, 0.02), f"{ten:.2f} s is {ten / one:.1f} times {one:.2f} s"
