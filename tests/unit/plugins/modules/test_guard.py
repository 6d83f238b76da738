# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The guard min_healthy while a plan is carried out: before each loss, and after it."""

from __future__ import annotations

import random
from functools import partial

import pytest

from clb_emulator import queries
from harness import Cloud

from ..builders import Raw, rows, target, tcp, want
from .tasks import addresses, balancer, done, failed, former, interfere, lock, order, refusal, unknown_outcome, weights

LISTENER = "lbl-1"
LBL_1 = {"ListenerId": LISTENER}
TWO = [tcp("lbl-1", 443, target("ins-1", weight=7, tag="blue"), target("ins-2"))]
FOUR = [tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(4)))]
ONE_OF_TWO: list[Raw] = [{"listener_id": "lbl-1", "instance_id": "ins-1"}]
LOSSES: dict[str, Raw] = {
    "drained": {"targets": ONE_OF_TWO, "state": "drained"},
    "absent": {"targets": ONE_OF_TWO, "state": "absent"},
    "weight 0": {"targets": [want("lbl-1", "ins-1", weight=0)]},
    "purge": {"targets": [want("lbl-1", "ins-2")], "purge": True},
}


def guarded(cloud, how="drained", **options):
    return cloud.run(**{"min_healthy": 1, **LOSSES[how], **options})


def dies(cloud, address, seconds):
    cloud.add_events({"change": "health", "with": {"dead": [address]}, "delay": seconds})


def message_of(run):
    assert run.code == "GuardRefused"
    return str(run["error"]["message"])


@pytest.mark.parametrize("how", LOSSES)
@pytest.mark.parametrize("check", [True, False])
def test_it_refuses_before_any_write_also_in_check_mode(how, check):
    cloud = balancer(TWO)
    run = guarded(cloud, how, min_healthy=2, check=check)
    assert (run.code, run.changed) == ("GuardRefused", False)
    assert cloud.actions() == ["DescribeTargets", "DescribeTargetHealth"]
    assert failed(run) == {"ins-1": "NotAttempted"}
    assert "since the first check" not in run.message


@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("how", LOSSES)
def test_a_guarded_loss_is_followed_until_it_shows_and_enough_serve(how, wait):
    cloud = balancer(TWO, task_seconds=3, read_lag=1)
    run = guarded(cloud, how, wait=wait)
    assert (run.failure, done(run), weights(cloud).get("ins-1", 0)) == (None, ["ins-1"], 0)
    write = next(number for number, call in enumerate(cloud.calls()) if call["accepted"])
    assert cloud.actions()[:write] == ["DescribeTargets", "DescribeTargetHealth"]
    assert cloud.actions()[-1] == "DescribeTargetHealth"


@pytest.mark.parametrize(
    "fault", [order("task_unknown", code="InvalidParameter"), refusal("RequestLimitExceeded"), unknown_outcome(0), None]
)
def test_after_any_wait_health_and_targets_are_read_again_before_the_loss(fault):
    cloud = balancer(TWO, fault)
    if fault is None:
        cloud.unreachable("Batch*")
    assert guarded(cloud).failure is None
    for number, call in enumerate(cloud.calls()):
        if call in cloud.writes() and number > 2:
            assert cloud.actions()[number - 2 : number] == ["DescribeTargetHealth", "DescribeTargets"]


@pytest.mark.parametrize("latency, reads", [(0.1, 2), (1.0, 2), (2.0, 2), (2.25, 3), (3.0, 3)])
def test_health_that_is_older_than_2_seconds_is_read_again(latency, reads):
    cloud = balancer(TWO, latency_ms=1000 * latency, task_seconds=0)
    assert guarded(cloud).failure is None
    # The last one looks after the loss.
    assert cloud.count("DescribeTargetHealth") == reads


@pytest.mark.parametrize("somebody_writes", [True, False])
def test_after_busy_it_reads_until_something_changes_and_5_seconds_at_most(somebody_writes):
    cloud = balancer(TWO)
    lock(cloud, 2.0)
    if somebody_writes:
        bound = {"LoadBalancerId": "lb-1", **LBL_1, "InstanceId": "ins-5", "Port": 80}
        cloud.add_events({"change": "bind", "with": [bound], "delay": 2.0})
    assert guarded(cloud).failure is None
    refused, written = (call["time"] for call in cloud.writes())
    assert refused == 0
    assert 2.0 <= written < 4.0 if somebody_writes else 5.0 <= written < 7.0


def test_a_guard_that_passed_and_refuses_after_busy_names_what_has_stopped_serving_since():
    cloud = balancer(TWO)
    lock(cloud, 1.5)
    dies(cloud, "ins-2", 1.0)
    run = guarded(cloud)
    assert "would fall from 1 to 0 by losing ins-1:80" in message_of(run)
    assert "No longer in traffic since the first check: ins-2:80" in message_of(run)
    assert (failed(run), run.changed) == ({"ins-1": "NotAttempted"}, False)
    assert weights(cloud) == {"ins-1": 7, "ins-2": 10}


@pytest.mark.parametrize("lag", [0, 4])
def test_a_guard_that_refuses_later_is_all_or_nothing_for_what_is_still_to_be_lost(lag):
    # Weight 0 goes out first; then the other one dies, and nothing is purged, even if no read shows the weight 0 yet.
    listener = tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(1, 5)))
    cloud = balancer([listener], task_seconds=3, read_lag=lag)
    dies(cloud, "ins-3", 2.0)
    entries = [want("lbl-1", "ins-1", weight=0), want("lbl-1", "ins-3"), want("lbl-1", "ins-4")]
    run = cloud.run(targets=entries, purge=True, min_healthy=2)
    assert (run.code, run.changed, failed(run)) == ("GuardRefused", True, {"ins-2": "NotAttempted"})
    assert weights(cloud) == {"ins-1": 0, "ins-2": 10, "ins-3": 10, "ins-4": 10}
    assert [one[0] for one in former(run)] == ["ins-1"]


def two_controllers(*faults, then=None, seconds=0):
    """The other controller's task passes its guard at the same time, and drains ins-2 right before our write."""
    rivals = [[], [], [(LBL_1, "ins-2", 0)], *(then or [])]
    return balancer(TWO, *faults, task_seconds=seconds, rivals=rivals)


@pytest.mark.parametrize("how", ["drained", "weight 0"])
def test_a_weight_is_put_back_when_fewer_than_min_healthy_are_left(how):
    cloud = two_controllers(None, order("busy"))
    run = guarded(cloud, how)
    message = message_of(run)
    assert "fewer targets that get traffic were left once the losses showed: TCP:443 (lbl-1) (0)" in message
    assert ". The weight of ins-1:80 on TCP:443 (lbl-1) was put back. Run the task again" in message
    assert ("lbl-1", None, "ins-1", 80, 7, "blue") in cloud.bindings()
    assert (failed(run), done(run), former(run)) == ({"ins-1": "NotAttempted"}, [], [])
    assert [one["message"] for one in run["failed_targets"]] == ["The guard min_healthy: its weight was put back."]
    _, busy, again = (call["time"] for call in cloud.writes())
    assert (run.changed, run.warnings, again - busy < 4) == (True, [], True), "as soon as the load balancer is free"
    assert run["load_balancers"][0]["message"] == "GuardRefused: 1 of 1 changes are not in place."


def test_of_several_listeners_only_the_one_that_is_short_gets_its_weight_back():
    other = tcp("lbl-2", 444, target("ins-1"), target("ins-3"))
    cloud = balancer([*TWO, other], rivals=[[], [], [(LBL_1, "ins-2", 0)]], task_seconds=0)
    run = cloud.run(targets=[{"instance_id": "ins-1"}], state="drained", min_healthy=1)
    assert "TCP:443 (lbl-1) (0)" in message_of(run)
    assert "lbl-2" not in run["error"]["message"]
    assert {binding[0]: binding[4] for binding in cloud.bindings() if binding[2] == "ins-1"} == {"lbl-1": 7, "lbl-2": 0}


@pytest.mark.parametrize("how", ["absent", "purge"])
def test_a_removal_cannot_be_put_back_and_stands_in_restore(how):
    run = guarded(two_controllers(), how)
    assert "controller. Removed: ins-1:80 on TCP:443 (lbl-1). To put these back, give" in message_of(run)
    assert (done(run), former(run)) == (["ins-1"], [("ins-1", 7, "blue")])


def test_a_weight_that_cannot_be_put_back_is_named_and_stands_in_restore():
    cloud = two_controllers(None, refusal("InvalidParameter"))
    run = guarded(cloud)
    assert "The weight of ins-1:80 on TCP:443 (lbl-1) could not be put back. To put these back, give" in message_of(run)
    assert [words in message_of(run) for words in ("was put back", "Run the task again")] == [False, False]
    assert weights(cloud) == {"ins-1": 0, "ins-2": 0}
    assert (done(run), failed(run), former(run)) == (["ins-1"], {}, [("ins-1", 7, "blue")])


@rows(
    "fault, why",
    (refusal("FailedOperation.ResourceInOperating"), "wait_timeout (30 s) expired"),
    (refusal("AuthFailure.UnauthorizedOperation"), "was refused with AuthFailure.UnauthorizedOperation"),
)
def test_what_keeps_a_weight_from_being_put_back_does_not_hide_that_too_few_serve(fault, why):
    run = guarded(two_controllers(None, *[fault] * 200), wait_timeout=30)
    assert "The weight of ins-1:80 on TCP:443 (lbl-1) could not be put back. " in message_of(run)
    assert why in message_of(run)
    assert former(run) == [("ins-1", 7, "blue")]


def test_a_weight_that_somebody_else_put_back_is_not_written():
    # Calls after our write: read, health, and then ours is raised again.
    cloud = two_controllers(then=[[], [(LBL_1, "ins-1", 7)]])
    run = guarded(cloud)
    assert (run.code, weights(cloud)["ins-1"]) == ("GuardRefused", 7)


def test_losing_what_is_sick_needs_no_look_afterwards():
    cloud = balancer(TWO, task_seconds=0, health={"dead": ["ins-1"]})
    assert (guarded(cloud).failure, cloud.actions()[-1]) == (None, "DescribeTargets")


def test_a_health_that_can_not_be_read_after_the_loss_is_a_warning():
    cloud = balancer(TWO, task_seconds=0)
    cloud.add_faults({"action": "DescribeTargetHealth", "skip": 1, "times": -1, **refusal("UnauthorizedOperation")})
    run = guarded(cloud)
    assert (run.failure, done(run), len(run.warnings)) == (None, ["ins-1"], 1)
    assert "min_healthy was not checked after the losses" in run.warnings[0]


@pytest.mark.parametrize("meanwhile", [False, True])
@pytest.mark.parametrize("state, weight", [("absent", None), ("drained", 0)])
def test_a_guarded_call_is_narrowed_and_each_part_checked(state, weight, meanwhile):
    cloud = balancer(FOUR, bad=["ins-1"], latency_ms=900)
    if meanwhile:
        cloud.before("DescribeTargetHealth", lambda: interfere(cloud, LBL_1, "ins-0", weight), nth=2)
    entries: list[Raw] = [{"instance_id": f"ins-{number}"} for number in range(3)]
    run = cloud.run(targets=entries, state=state, min_healthy=1)
    assert (failed(run), sorted(done(run))) == ({"ins-1": "InvalidParameter"}, ["ins-0", "ins-2"][meanwhile:])
    # Each part follows a check that is at most 2 seconds old.
    checked = [call["time"] for call in cloud.calls("DescribeTargetHealth")]
    for write in cloud.writes():
        assert any(0 <= write["time"] - at <= 4 for at in checked)


def test_what_somebody_else_has_bound_after_it_was_refused_counts_in_the_guard():
    names = [f"ins-{number}" for number in range(1, 6)]
    listener = tcp("lbl-1", 443, *map(target, ("ins-1", "ins-2", "ins-5")))
    cloud = balancer([listener], bad=["ins-3"], health={"dead": names}, task_seconds=3)
    for name, weight in (("ins-3", 10), ("ins-5", 0)):
        cloud.before("DescribeTargets", partial(interfere, cloud, LBL_1, name, weight), nth=3)
    run = cloud.run(targets=[want("lbl-1", name) for name in names[1:]], purge=True, min_healthy=2)
    assert (run.failure, weights(cloud)) == (None, {"ins-2": 10, "ins-3": 10, "ins-4": 10, "ins-5": 0})


def test_a_guard_that_refuses_while_a_call_is_narrowed_keeps_what_was_done():
    cloud = balancer(FOUR, bad=["ins-2"], task_seconds=5)
    dies(cloud, "ins-3", 4.0)
    entries: list[Raw] = [{"instance_id": f"ins-{number}"} for number in range(3)]
    run = cloud.run(targets=entries, state="drained", min_healthy=1)
    assert (run.code, done(run), run.changed) == ("GuardRefused", ["ins-0"], True)
    assert failed(run) == {"ins-1": "NotAttempted", "ins-2": "NotAttempted"}
    assert addresses(cloud) == {f"ins-{number}" for number in range(4)}


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
    other.before("BatchDeregisterTargets", lambda: interfere(other, LBL_1, "ins-1", 0))
    assert other.run(targets=kept, purge=True, min_healthy=2).code == "GuardRefused"
    assert serving(other) == {*names(2, 3, 4)}


@rows(
    "dead, others, put_back",
    # Another controller takes so many at the same moment.
    ((1, 2, 3), (2,), False),
    ((1, 2, 3), (2, 3), True),
    # Somebody was healthy at the check: what is dead does not stand in.
    ((3,), (2,), True),
    ((2,), (3,), True),
    ((), (2,), False),
)
def test_after_the_losses_dead_ones_count_where_nobody_was_healthy_before(dead, others, put_back):
    cloud = farm(health={"dead": names(*dead)}, batch_is_task=False)
    for number in others:
        cloud.before("BatchModifyTargetWeight", lambda name=f"ins-{number}": interfere(cloud, LBL_1, name, 0))
    run = cloud.run(**drop(1))
    assert (run.failed, "ins-1" in serving(cloud)) == (put_back, put_back), run.message
    told = [words in run.message for words in ("was put back", ", counting those that are not healthy)")]
    assert told == [put_back, put_back and 1 in dead]


SHAPES = (
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
    health = {"shown": {}}
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


CLOUDS = {
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
    cloud, environ = farm(6), {"TENCENTCLOUD_CLB_LOCK_DIR": "relative/locks"}
    run = cloud.run(**drop(1, minimum=4), environ=environ)
    assert (run.code, run.changed, cloud.writes()) == ("GuardRefused", False, [])
    assert "TENCENTCLOUD_CLB_LOCK_DIR 'relative/locks' is not an absolute path" in run.message
    # What takes nothing away under a guard needs no lock.
    new = {"targets": [want(LISTENER, "ins-7")], "min_healthy": 4}
    for options in (new, {**drop(1, minimum=4), "check": True}, drop(1, minimum=0)):
        assert not cloud.run(**options, environ=environ).failed
