# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks on one load balancer while somebody else writes there: other tasks, and changes in between."""

from __future__ import annotations

from typing import Any

import pytest

from clb_emulator.queries import min_serving
from harness import Cloud, Raw

from ..builders import target, tcp, want
from .tasks import weights

LISTENER = "lbl-1"
HOSTS = [f"ins-{number}" for number in range(1, 7)]


def shop(bound: int = 4, **settings: Any) -> Cloud:
    """``lb-1`` with a TCP listener that has so many backends."""
    return Cloud.of(
        {"lb-1": [tcp(LISTENER, 443, *(target(f"ins-{number + 1}") for number in range(bound)))]}, **settings
    )


def drain(number: int, minimum: int) -> Raw:
    return {"state": "drained", "min_healthy": minimum, "targets": [{"instance_id": f"ins-{number}"}]}


@pytest.mark.parametrize("lag", [0, 2])
@pytest.mark.parametrize(
    "settings",
    [{}, {"batch_is_task": False}, {"batch_is_task": False, "lock_after": 0.5}, {"health": {"dead": HOSTS}}],
    ids=["tasks", "at once", "at once and locked", "nobody is healthy"],
)
@pytest.mark.parametrize("seed", range(4))
def test_hosts_that_drain_themselves_take_turns(settings, lag, seed):
    """Six hosts, of which four have to serve: two drain, four are refused, and never fewer than four serve."""
    cloud = shop(6, task_seconds=2.0, read_lag=lag, seed=seed, **settings)
    runs = cloud.together(*(drain(number, 4) for number in range(1, 7)))
    assert sorted(str(run.code) for run in runs) == ["GuardRefused"] * 4 + ["None"] * 2
    assert min_serving(cloud.journal(), LISTENER) == 4
    assert sorted(weights(cloud).values()) == [0, 0, 10, 10, 10, 10]


def test_without_a_folder_for_locks_nothing_is_taken_away():
    cloud = shop(6)
    environ = {"TENCENTCLOUD_CLB_LOCK_DIR": "relative/locks"}
    run = cloud.run(**drain(1, 4), environ=environ)
    assert (run.code, run.changed, cloud.writes()) == ("GuardRefused", False, [])
    assert "TENCENTCLOUD_CLB_LOCK_DIR 'relative/locks' is not an absolute path" in run.message
    # What takes nothing away under a guard needs no lock.
    assert not cloud.run(**drain(1, 4), environ=environ, check=True).failed
    assert not cloud.run(**drain(1, 0), environ=environ).failed


@pytest.mark.parametrize("seed", range(8))
def test_two_controllers_put_back_what_dips(tmp_path, seed):
    """No lock is shared: whoever sees that too few serve puts its weight back and says so."""
    cloud = shop(5, batch_is_task=False, task_seconds=0.1, latency_ms=200, seed=seed)
    locks = [{"TENCENTCLOUD_CLB_LOCK_DIR": str(tmp_path / f"controller-{number}")} for number in range(4)]
    runs = cloud.together(*({**drain(number, 4), "environ": locks[number - 1]} for number in range(1, 5)))
    drained = [run for run in runs if not run.failed]
    refused = [run for run in runs if run.failed]
    assert {run.code for run in refused} == {"GuardRefused"}
    assert len(drained) <= 1
    assert sum(weight > 0 for weight in weights(cloud).values()) == 5 - len(drained)
    assert any(run.changed for run in refused) or len(drained) == 1
    for run in refused:
        if run.changed:
            assert "was put back" in run.message
            assert (run["restore"], len(run["failed_targets"])) == ([], 1)


def test_the_same_task_twice_without_waiting():
    cloud = shop(task_seconds=20.0)
    first, second = (cloud.run(wait=False, targets=[want(LISTENER, "ins-9")]) for _ in range(2))
    assert [first.failed, second.failed] == [False, False]
    assert [first.changed, second.changed] == [True, False]
    assert weights(cloud)["ins-9"] == 10


@pytest.mark.parametrize("gone", ["error", "fail_listener"])
@pytest.mark.parametrize("seconds", [0, 0.4, 0.9])
def test_two_tasks_unbind_the_same(gone, seconds):
    cloud = shop(deregister_gone=gone)
    both = [{"instance_id": "ins-1"}, {"instance_id": "ins-2"}]
    runs = cloud.together(
        {"state": "absent", "targets": both[:1]}, {"state": "absent", "targets": both, "after": seconds}
    )
    assert [run.message for run in runs if run.failed] == []
    assert weights(cloud).keys() == {"ins-3", "ins-4"}
    removed = [entry["instance_id"] for run in runs for entry in run["deregistered"]]
    assert sorted(removed) == ["ins-1", "ins-2"]


def test_a_weight_that_is_listed_wins_over_a_drain_meanwhile():
    cloud = shop()
    bind = {"targets": [want(LISTENER, "ins-1", weight=10), want(LISTENER, "ins-9")], "after": 0.3}
    _, run = cloud.together({"state": "drained", "targets": [{"instance_id": "ins-1"}]}, bind)
    assert not run.failed, run.message
    assert weights(cloud)["ins-1"] == 10
    assert {entry["instance_id"]: entry["weight"] for entry in run["targets"]}["ins-1"] == 10
