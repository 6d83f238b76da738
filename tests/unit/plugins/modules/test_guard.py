# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``min_healthy``: who gets traffic, and what is never taken; and tasks that meet others on one load balancer."""

from __future__ import annotations

import random
from typing import Any

import pytest

from clb_emulator import queries
from harness import Cloud

from ..builders import rows, target, tcp, want
from .tasks import weights

LISTENER = "lbl-1"
WHY = (
    "none of its targets of weight above 0 is healthy, so the cloud sends traffic to all of these, "
    "and min_healthy counts each"
)
CHECKING = {"HealthStatus": True, "HealthStatusDetail": "Checking"}


def farm(count=3, *, off=(), **settings):
    """``lb-1`` with a listener and so many instances ``ins-1``, ...; those that are ``off`` have weight 0."""
    bound = [target(f"ins-{n}", weight=0 if n in off else 10) for n in range(1, count + 1)]
    return Cloud.of({"lb-1": [tcp(LISTENER, 443, *bound)]}, **settings)


def names(*numbers):
    return [f"ins-{number}" for number in numbers]


def drop(*numbers, minimum=1, state="drained", **options):
    """A task that takes these out of traffic under the guard."""
    return {"state": state, "min_healthy": minimum, "targets": [{"instance_id": n} for n in names(*numbers)], **options}


def raw(number, **more):
    """A target of somebody else's write."""
    return {"LoadBalancerId": "lb-1", "ListenerId": LISTENER, "InstanceId": f"ins-{number}", "Port": 80, **more}


def serving(cloud):
    """Whoever has a weight above 0."""
    return {binding[2] for binding in cloud.bindings() if binding[4] > 0}


def least(cloud):
    """How few got traffic at any moment."""
    return queries.min_serving(cloud.journal(), LISTENER)


@pytest.mark.parametrize("detail", ["dead", "unknown"])
@pytest.mark.parametrize("state", ["drained", "absent"])
def test_of_three_that_are_not_healthy_two_may_be_taken(detail, state):
    cloud = farm(health={detail: names(1, 2, 3)})
    refused = cloud.run(**drop(1, 2, 3, state=state))
    assert (refused.code, cloud.writes()) == ("GuardRefused", [])
    assert f"would fall from 3 to 0 by losing ins-1:80, ins-2:80, ins-3:80 ({WHY})" in refused.message
    assert cloud.run(**drop(1, 2, 3, state=state), check=True)["error"] == refused["error"]
    runs = [cloud.run(**drop(number, state=state)) for number in (1, 2, 3)]
    assert [run.code for run in runs] == [None, None, "GuardRefused"]
    assert [run.warnings for run in runs] == [[f"TCP:443 ({LISTENER}): {WHY}. Check the health check itself."]] * 2 + [
        []
    ]
    assert (serving(cloud), least(cloud)) == ({"ins-3"}, 1)


def test_what_is_waited_for_counts_as_healthy_so_that_the_dead_do_not():
    cloud = farm(2, health={"dead": names(1, 2), "after": 3})
    options: dict[str, Any] = {"targets": [want(LISTENER, "ins-3")], "purge": True, "min_healthy": 1}
    alone = cloud.run(**options)
    assert (alone.code, alone["changed"]) == ("GuardRefused", False)
    assert "would fall from 2 to 0" in alone.message
    assert not cloud.run(**options, wait_for_health=True).failed
    assert serving(cloud) == {"ins-3"}


@pytest.mark.parametrize("seconds", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("dead", [(), (1, 2, 3)])
def test_what_a_task_has_just_registered_counts_neither_as_dead_nor_as_not_known(dead, seconds):
    cloud = farm(3, health={"dead": names(*dead), "after": 30}, task_seconds=seconds)
    kept = [want(LISTENER, name) for name in names(1, 2, 4)]
    run = cloud.run(targets=kept, purge=True, min_healthy=2)
    assert not run.failed, run.message
    assert (serving(cloud), least(cloud)) == ({*names(1, 2, 4)}, 2)
    # Now that somebody else has taken one away, the new one does not stand in for it.
    other = farm(3, health={"dead": names(*dead), "after": 30}, task_seconds=seconds)
    other.before("BatchDeregisterTargets", lambda: other.change("lock", {"load_balancer_id": "lb-1", "seconds": 2}))
    other.before("BatchDeregisterTargets", lambda: other.change("weight", [raw(1, Weight=0)]))
    assert other.run(targets=kept, purge=True, min_healthy=2).code == "GuardRefused"
    assert serving(other) == {*names(2, 3, 4)}


@rows("dead, others, put_back",
    # Another controller takes so many at the same moment.
    ((1, 2, 3), (2,), False),
    ((1, 2, 3), (2, 3), True),
    # Somebody was healthy at the check: what is dead does not stand in.
    ((3,), (2,), True),
    ((2,), (3,), True),
    ((), (2,), False),
)  # fmt: skip
def test_after_the_losses_dead_ones_count_where_nobody_was_healthy_before(dead, others, put_back):
    cloud = farm(health={"dead": names(*dead)}, batch_is_task=False)
    cloud.before(
        "BatchModifyTargetWeight", lambda: cloud.change("weight", [raw(number, Weight=0) for number in others])
    )
    run = cloud.run(**drop(1))
    assert run.failed is put_back, run.message
    assert ("ins-1" in serving(cloud)) is put_back
    assert ("was put back" in run.message) is put_back


SHAPES: tuple[dict[str, Any], ...] = (
    *({}, {}, {"dead": True}, {"dead": True}, {"unknown": True}, {"closed": True}),
    *({"shown": None}, {"shown": None, "dead": True}),
    *({"shown": {"HealthStatusDetail": "Checking"}}, {"shown": {"HealthStatusDetail": "Checking"}, "dead": True}),
    *({"shown": CHECKING, "dead": True}, {"shown": {"HealthStatus": True}, "dead": True}),
    *({"shown": {"HealthStatusDetail": None}}, {"shown": {"HealthStatusDetail": ""}, "dead": True}),
    {"shown": {"HealthStatus": False, "HealthStatusDetail": "Close"}, "dead": True},
)
"""What can be true of a target (alive, if nothing else is said), and what the answer shows of it instead."""


def any_health(dice, count):
    """The health of so many targets; that of the first does not say that the listener is stopped."""
    health: dict[str, Any] = {"shown": {}}
    kinds = dice.sample(SHAPES, dice.randint(1, 4))
    for name in names(*range(1, count + 1)):
        shape = dice.choice(SHAPES[:-1] if name == "ins-1" else kinds)
        for key, value in shape.items():
            if key == "shown":
                health["shown"][name] = value
            else:
                health.setdefault(key, []).append(name)
    return health


@pytest.mark.parametrize("seed", range(40))
def test_health_of_any_shape_under_six_drains_at_once(seed):
    dice = random.Random(seed)
    cloud = farm(
        6,
        health=any_health(dice, 6),
        off=tuple(n for n in range(2, 7) if dice.random() < 0.15),
        task_seconds=dice.choice([0.1, 2]),
        read_lag=dice.choice([0, 0, 1.5]),
        batch_is_task=dice.random() < 0.7,
        order="random",
        sparse=dice.random() < 0.3,
        number_layer4_rules=dice.random() < 0.5,
        seed=seed,
    )
    if dice.random() < 0.3:
        shape = dice.choice(["lacks", "null", "empty", "other", "no_listeners"])
        answer = {"shape": shape, "targets": names(2), "skip": dice.randrange(6), "times": dice.randrange(1, 4)}
        cloud.add_faults({"action": "DescribeTargetHealth", "kind": "health_answer", **answer})
    minimum, at_first = dice.randint(1, 4), len(cloud.in_traffic())
    runs = cloud.together(*(drop(n, minimum=minimum, state=dice.choice(["drained", "absent"])) for n in range(1, 7)))
    assert {run.code for run in runs} <= {None, "GuardRefused"}, [run.message for run in runs]
    assert at_first < minimum or least(cloud) >= minimum


CLOUDS: dict[str, dict[str, Any]] = {
    "tasks": {},
    "at once": {"batch_is_task": False},
    "at once and locked": {"batch_is_task": False, "lock_after": 0.5},
    "nobody is healthy": {"health": {"dead": names(1, 2, 3, 4, 5, 6)}},
}


@pytest.mark.parametrize("lag", [0, 2])
@pytest.mark.parametrize("settings", CLOUDS.values(), ids=CLOUDS)
@pytest.mark.parametrize("seed", range(4))
def test_hosts_that_drain_themselves_take_turns(settings, lag, seed):
    """Six hosts, of which four have to serve: two drain, four are refused, and never fewer than four serve."""
    cloud = farm(6, task_seconds=2.0, read_lag=lag, seed=seed, **settings)
    runs = cloud.together(*(drop(number, minimum=4) for number in range(1, 7)))
    assert (sorted(str(run.code) for run in runs), least(cloud)) == (["GuardRefused"] * 4 + ["None"] * 2, 4)
    assert sorted(weights(cloud).values()) == [0, 0, 10, 10, 10, 10]


def test_without_a_folder_for_locks_nothing_is_taken_away():
    cloud = farm(6)
    environ = {"TENCENTCLOUD_CLB_LOCK_DIR": "relative/locks"}
    run = cloud.run(**drop(1, minimum=4), environ=environ)
    assert (run.code, run.changed, cloud.writes()) == ("GuardRefused", False, [])
    assert "TENCENTCLOUD_CLB_LOCK_DIR 'relative/locks' is not an absolute path" in run.message
    # What takes nothing away under a guard needs no lock.
    assert not cloud.run(**drop(1, minimum=4), environ=environ, check=True).failed
    assert not cloud.run(**drop(1, minimum=0), environ=environ).failed


def test_the_same_task_twice_without_waiting():
    cloud = farm(4, task_seconds=20.0)
    first, second = (cloud.run(wait=False, targets=[want(LISTENER, "ins-9")]) for _ in range(2))
    assert ([first.failed, second.failed], [first.changed, second.changed]) == ([False, False], [True, False])
    assert weights(cloud)["ins-9"] == 10


@pytest.mark.parametrize("gone", ["error", "fail_listener"])
@pytest.mark.parametrize("seconds", [0, 0.4, 0.9])
def test_two_tasks_unbind_the_same(gone, seconds):
    cloud = farm(4, deregister_gone=gone)
    both = [{"instance_id": "ins-1"}, {"instance_id": "ins-2"}]
    runs = cloud.together(
        {"state": "absent", "targets": both[:1]}, {"state": "absent", "targets": both, "after": seconds}
    )
    assert ([run.message for run in runs if run.failed], weights(cloud).keys()) == ([], {"ins-3", "ins-4"})
    removed = [entry["instance_id"] for run in runs for entry in run["deregistered"]]
    assert sorted(removed) == ["ins-1", "ins-2"]
