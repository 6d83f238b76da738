# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the benchmark's numbers rest on."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).resolve().parent.parent / "benchmark"


@pytest.fixture
def benchmark(monkeypatch):
    """Import one of the benchmark's modules, which are no package: they stand beside the script that uses them."""
    monkeypatch.syspath_prepend(str(BENCHMARK))
    return importlib.import_module


@pytest.mark.parametrize(
    "spans, seconds",
    [
        ([], 0),
        ([(12, 13)], 1),
        ([(12, 13), (15, 17)], 3),
        ([(15, 17), (12, 13)], 3),
        ([(12, 15), (13, 14)], 3),
        ([(12, 15), (14, 16)], 4),
        ([(8, 11)], 1),
        ([(19, 25)], 1),
        ([(5, 25), (12, 13)], 10),
        ([(1, 2), (21, 22)], 0),
    ],
)
def test_the_clouds_time_is_counted_once_and_only_within_the_task(benchmark, spans, seconds):
    assert benchmark("playbooks").covered(spans, 10, 20) == seconds


@pytest.mark.parametrize(
    "added, planning, missed",
    [
        (1.4, {10_000: 0.4, 100_000: 4.7}, []),
        (1.6, {10_000: 0.4, 100_000: 4.7}, ["added to ping, 500 new"]),
        (1.4, {10_000: 0.6, 100_000: 7.0}, ["planning 10,000 bindings"]),
        (1.4, {10_000: 0.4, 100_000: 4.9}, ["planning 100,000 bindings"]),
    ],
)
def test_a_number_over_its_limit_is_noticed(benchmark, added, planning, missed):
    measures = benchmark("measures")
    # Ping and the cloud have 5 s of the whole task.
    entry = measures.Added(targets=500, what="new", seconds=5 + added, cloud=4, ping=1, samples=1)
    results = measures.Results(
        against=None,
        added=[entry],
        first_use=0,
        planning=planning,
        many=None,
        batches=[measures.Batches(targets=10_000, seconds=44, cloud=40)],
        drains=measures.Drains(tasks=40, allowed=20, passed=20, lowest=20, seconds=30),
        fleet=measures.Fleet(100, 2.0, first=14, again=5.5, drain=14, loop=300, forks=50, throttled=0, three=40),
    )
    assert [limit.what for limit in benchmark("report").limits(results) if not limit.kept] == missed
