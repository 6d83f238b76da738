# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``min_healthy`` on the emulated cloud, whole tasks in this process: who gets traffic, and what is never taken."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator import queries
from harness import Cloud

if TYPE_CHECKING:
    from collections.abc import Mapping


LISTENER = "lbl-1"
WHY = (
    "none of its targets of weight above 0 is healthy, so the cloud sends traffic to all of these, "
    "and min_healthy counts each"
)
CHECKING = {"HealthStatus": True, "HealthStatusDetail": "Checking"}


def farm(
    count: int = 3, *, health: Mapping[str, Any] | None = None, off: tuple[int, ...] = (), **settings: Any
) -> Cloud:
    """``lb-1`` with a listener and so many instances ``ins-1``, ...; those that are ``off`` have weight 0."""
    targets = [{"instance_id": f"ins-{n}", "port": 80, "weight": 0 if n in off else 10} for n in range(1, count + 1)]
    listener = {"id": LISTENER, "protocol": "TCP", "port": 443, "targets": targets}
    scenario = {
        "instances": {f"ins-{n}": {"ip": f"10.0.0.{n}"} for n in range(1, 20)},
        "load_balancers": [{"id": "lb-1", "listeners": [listener]}],
        "health": health or {},
        "task_seconds": 1.0,
    }
    return Cloud(scenario, **settings)


def names(*numbers: int) -> list[str]:
    return [f"ins-{number}" for number in numbers]


def drop(*numbers: int, minimum: int = 1, state: str = "drained", **options: Any) -> dict[str, Any]:
    """A task that takes these out of traffic under the guard."""
    return {"state": state, "min_healthy": minimum, "targets": [{"instance_id": n} for n in names(*numbers)], **options}


def raw(number: int, **more: Any) -> dict[str, Any]:
    """A target of somebody else's write."""
    return {"LoadBalancerId": "lb-1", "ListenerId": LISTENER, "InstanceId": f"ins-{number}", "Port": 80, **more}


def serving(cloud: Cloud) -> set[str]:
    """Whoever has a weight above 0."""
    return {binding[2] for binding in cloud.bindings() if binding[4] > 0}


def least(cloud: Cloud) -> int:
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


def test_dead_ones_do_not_step_in_for_the_last_healthy_one():
    cloud = farm(health={"dead": names(2, 3)})
    assert cloud.run(**drop(1)).code == "GuardRefused"
    together = cloud.run(**drop(2, 3))
    assert (together.failed, together.warnings) == (False, [])
    assert serving(cloud) == {"ins-1"}


@pytest.mark.parametrize(
    "health, allowed, words",
    [
        ({"stopped_listeners": [LISTENER]}, "1 2 3 12 123", None),
        ({"closed_listeners": [LISTENER]}, "1 2 3 12", "would fall from 3 to 0"),
        (
            {"shown": {"ins-1": None}, "dead": names(2)},
            "2",
            "ins-1:80, whose health is not known: DescribeTargetHealth",
        ),
        (
            {"shown": {"ins-1": None}, "dead": names(2, 3)},
            "",
            "ins-1:80, whose health is not known: DescribeTargetHealth",
        ),
        ({"shown": {"ins-1": CHECKING}, "dead": names(2)}, "1 2 12", "would fall from 1 to 0"),
        (
            {"shown": {"ins-1": CHECKING}, "dead": names(2, 3)},
            "",
            "with the detail 'Checking', and nobody else is healthy",
        ),
        ({"shown": {"ins-1": {"HealthStatusDetail": "Checking"}}, "dead": names(1, 2, 3)}, "1 2 3 12", "from 3 to 0"),
    ],
)
def test_what_the_answer_says_decides(health, allowed, words):
    for lost in ("1", "2", "3", "12", "123"):
        run = farm(health=health).run(**drop(*map(int, lost)))
        assert run.failed is (lost not in allowed.split()), (lost, run.message)
        assert not run.failed or run.code == "GuardRefused"
        if lost == "123" and words is not None:
            assert words in run.message


def test_what_is_waited_for_counts_as_healthy_so_that_the_dead_do_not():
    cloud = farm(2, health={"dead": names(1, 2), "after": 3})
    new = [{"listener_id": LISTENER, "instance_id": "ins-3", "port": 80}]
    options: dict[str, Any] = {"targets": new, "purge": True, "min_healthy": 1}
    alone = cloud.run(**options)
    assert (alone.code, alone["changed"]) == ("GuardRefused", False)
    assert "would fall from 2 to 0" in alone.message
    assert not cloud.run(**options, wait_for_health=True).failed
    assert serving(cloud) == {"ins-3"}


@pytest.mark.parametrize("seconds", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("dead", [(), (1, 2, 3)])
def test_what_a_task_has_just_registered_counts_neither_as_dead_nor_as_not_known(dead, seconds):
    cloud = farm(3, health={"dead": names(*dead), "after": 30}, task_seconds=seconds)
    kept = [{"listener_id": LISTENER, "instance_id": name, "port": 80} for name in names(1, 2, 4)]
    run = cloud.run(targets=kept, purge=True, min_healthy=2)
    assert not run.failed, run.message
    assert (serving(cloud), least(cloud)) == ({*names(1, 2, 4)}, 2)
    # Now that somebody else has taken one away, the new one does not stand in for it.
    other = farm(3, health={"dead": names(*dead), "after": 30}, task_seconds=seconds)
    other.before("BatchDeregisterTargets", lambda: other.change("lock", {"load_balancer_id": "lb-1", "seconds": 2}))
    other.before("BatchDeregisterTargets", lambda: other.change("weight", [raw(1, Weight=0)]))
    assert other.run(targets=kept, purge=True, min_healthy=2).code == "GuardRefused"
    assert serving(other) == {*names(2, 3, 4)}


@pytest.mark.parametrize(
    "dead, others, put_back",
    [
        # Another controller takes so many at the same moment.
        ((1, 2, 3), (2,), False),
        ((1, 2, 3), (2, 3), True),
        # Somebody was healthy at the check: what is dead does not stand in.
        ((3,), (2,), True),
        ((2,), (3,), True),
        ((), (2,), False),
    ],
)
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
    {},
    {},
    {"dead": True},
    {"dead": True},
    {"unknown": True},
    {"closed": True},
    {"shown": None},
    {"shown": None, "dead": True},
    {"shown": {"HealthStatusDetail": "Checking"}},
    {"shown": {"HealthStatusDetail": "Checking"}, "dead": True},
    {"shown": CHECKING, "dead": True},
    {"shown": {"HealthStatus": True}, "dead": True},
    {"shown": {"HealthStatusDetail": None}},
    {"shown": {"HealthStatusDetail": ""}, "dead": True},
    {"shown": {"HealthStatus": False, "HealthStatusDetail": "Close"}, "dead": True},
)
"""What can be true of a target (alive, if nothing else is said), and what the answer shows of it instead."""


def any_health(dice: random.Random, count: int) -> dict[str, Any]:
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
