# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import GuardRefused
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.guard import (
    PoolLoss,
    all_serving,
    check_guard,
    find_losses,
    takes_capacity,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.health import Health, HealthSnapshot

from ...builders import Raw, http, ip_of, plan_for, rule, snapshot, target, tcp, want


def health_of(listeners: list[Raw], *dead: str) -> HealthSnapshot:
    """Everything healthy but these addresses."""
    return HealthSnapshot(
        {
            (one.pool.key, alias, one.port): Health(one.backend.address not in dead, "Alive")
            for one in snapshot(*listeners).all_bindings()
            for alias in one.aliases
        }
    )


def refused_of(*task: Any, **options: Any) -> list[PoolLoss]:
    """The losses that the guard refuses."""
    return [one for one in find_losses(*task, **options) if one.verdict.refused]


THREE = [tcp("lbl-1", 443, target("ins-1"), target("ins-2"), target("ins-3")), tcp("lbl-2", 444, target("ins-1"))]


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"state": "drained", "entries": [{"listener_id": "lbl-1", "instance_id": "ins-1"}]}, 2),
        ({"state": "absent", "entries": [{"listener_id": "lbl-1", "instance_id": "ins-1"}]}, 2),
        ({"entries": [want("lbl-1", "ins-1", weight=0)]}, 2),
        ({"entries": [want("lbl-1", "ins-1"), want("lbl-1", "ins-2")], "purge": True}, 2),
        ({"entries": [want("lbl-1", "ins-4")], "purge": True}, 0),
        ({"state": "absent", "entries": [{"listener_id": "lbl-1"}]}, 0),
    ],
)
def test_the_guard_counts_what_would_be_left(options: dict[str, Any], expected: int) -> None:
    options = dict(options)
    plan = plan_for(options.pop("entries"), snapshot(*THREE), **options)
    assert refused_of(plan.snapshot, plan.changes, health_of(THREE), expected, count_gains=False) == []
    (short,) = refused_of(plan.snapshot, plan.changes, health_of(THREE), expected + 1, count_gains=False)
    assert (short.pool.key, *short.verdict[1:3]) == (("lbl-1", None), 3, expected)


def test_a_listener_that_loses_nothing_does_not_stop_a_task_that_was_short_before() -> None:
    entries = [want("lbl-2", "ins-1"), want("lbl-1", "ins-1", weight=0)]
    plan = plan_for(entries, snapshot(*THREE))
    assert refused_of(plan.snapshot, plan.changes, health_of(THREE), 2, count_gains=False) == []


def test_the_targets_about_to_be_added_count_only_where_they_are_waited_for() -> None:
    listeners = [tcp("lbl-1", 443, target("ins-1"), target("ins-2", weight=0))]
    entries = [want("lbl-1", "ins-3"), want("lbl-1", "ins-2", weight=5), want("lbl-1", "ins-4", weight=0)]
    plan = plan_for(entries, snapshot(*listeners), purge=True)
    health = health_of(listeners)
    # ins-2 is healthy now, but out of service; ins-3 is not there yet; ins-4 gets no traffic.
    assert [one.verdict.left for one in refused_of(plan.snapshot, plan.changes, health, 9, count_gains=True)] == [2]
    assert [one.verdict.left for one in refused_of(plan.snapshot, plan.changes, health, 9, count_gains=False)] == [1]


def test_each_rule_is_guarded_by_itself() -> None:
    listeners = [
        http("lbl-1", 80, rule("loc-1", "a", target("ins-1")), rule("loc-2", "b", target("ins-1"), target("ins-2")))
    ]
    plan = plan_for([{"instance_id": "ins-1"}], snapshot(*listeners), state="drained")
    shortfalls = refused_of(plan.snapshot, plan.changes, health_of(listeners), 1, count_gains=False)
    assert [(one.pool.location_id, one.verdict.left) for one in shortfalls] == [("loc-1", 0)]


def test_the_refusal_says_which_listener_would_fall_to_what_by_losing_whom() -> None:
    plan = plan_for([{"instance_id": "ins-1"}], snapshot(*THREE), state="drained")
    with pytest.raises(GuardRefused) as caught:
        check_guard(plan.snapshot, plan.changes, health_of(THREE), 3, count_gains=False)
    message = caught.value.message
    assert "min_healthy is 3" in message
    assert "TCP:443 (lbl-1) would fall from 3 to 2 by losing ins-1:80" in message
    assert "TCP:444 (lbl-2) would fall from 1 to 0 by losing ins-1:80" in message


def test_the_refusal_stays_short() -> None:
    listeners = [tcp("lbl-1", 443, *(target(f"ins-{number}") for number in range(8)))]
    plan = plan_for([{"listener_id": "lbl-1"}], snapshot(*listeners), state="absent")
    with pytest.raises(GuardRefused, match=r"ins-4:80 and 3 more"):
        check_guard(plan.snapshot, plan.changes, health_of(listeners), 1, count_gains=False)


def test_the_guard_lets_enough_pass() -> None:
    plan = plan_for([{"listener_id": "lbl-1", "instance_id": "ins-1"}], snapshot(*THREE), state="drained")
    check_guard(plan.snapshot, plan.changes, health_of(THREE), 2, count_gains=False)


@pytest.mark.parametrize(
    "entries, purge, expected",
    [
        ([want("lbl-1", "ins-9")], False, False),
        ([want("lbl-1", "ins-1", weight=50, tag="x")], False, False),
        ([want("lbl-1", "ins-1", weight=0)], False, True),
        ([want("lbl-1", "ins-1")], True, True),
    ],
)
def test_health_matters_only_where_something_is_to_be_lost(entries: list[Raw], purge: bool, expected: bool) -> None:
    assert takes_capacity(plan_for(entries, snapshot(*THREE), purge=purge).changes) is expected


def test_removing_what_is_drained_needs_no_health() -> None:
    bound = snapshot(tcp("lbl-1", 443, target("ins-1", weight=0)))
    assert not takes_capacity(plan_for([{"instance_id": "ins-1"}], bound, state="absent").changes)


def test_a_rule_that_was_deleted_meanwhile_has_nothing_to_lose() -> None:
    listeners = [http("lbl-1", 80, rule("loc-1", "a", target("ins-1"), target("ins-2")))]
    plan = plan_for([{"instance_id": "ins-1"}], snapshot(*listeners), state="drained")
    assert refused_of(snapshot(http("lbl-1", 80)), plan.losses, health_of(listeners), 1, count_gains=False) == []


def without(health: HealthSnapshot, *addresses: str) -> HealthSnapshot:
    """An answer that does not mention these."""
    names = {one for address in addresses for one in (address, ip_of(address))}
    return HealthSnapshot({key: value for key, value in health.index.items() if key[1] not in names})


@pytest.mark.parametrize("missing", ["ins-1", "ins-2", "ins-3"])
@pytest.mark.parametrize("state", ["absent", "drained"])
def test_the_guard_fails_closed_where_the_health_of_what_serves_is_not_known(missing: str, state: str) -> None:
    plan = plan_for([{"listener_id": "lbl-1", "instance_id": "ins-1"}], snapshot(*THREE), state=state)
    health = without(health_of(THREE), missing)
    with pytest.raises(GuardRefused, match=f"serves through {missing}:80, whose health is not known"):
        check_guard(plan.snapshot, plan.changes, health, 1, count_gains=False)


def test_what_is_not_known_is_told_by_what_the_answer_gives() -> None:
    details = {"ins-1": "Odd", "ins-2": "Strange"}
    told = {alias: Health(False, detail, True) for name, detail in details.items() for alias in (name, ip_of(name))}
    health = HealthSnapshot({(("lbl-1", None), alias, 80): found for alias, found in told.items()})
    listeners = [tcp("lbl-1", 443, target("ins-1"), target("ins-2"))]
    plan = plan_for([{"instance_id": "ins-1"}], snapshot(*listeners), state="drained")
    with pytest.raises(GuardRefused, match=r"ins-1:80, whose [^;]*'Odd'.* ins-2:80, whose [^;]*'Strange'") as caught:
        check_guard(plan.snapshot, plan.changes, health, 1, count_gains=False)
    assert "ins-1:80, ins-2:80" not in caught.value.message


def test_what_is_drained_or_on_another_listener_need_not_be_mentioned() -> None:
    listeners = [tcp("lbl-1", 443, target("ins-1"), target("ins-2"), target("ins-3", weight=0))]
    listeners.append(tcp("lbl-2", 444, target("ins-4")))
    plan = plan_for([{"listener_id": "lbl-1", "instance_id": "ins-1"}], snapshot(*listeners), state="absent")
    check_guard(plan.snapshot, plan.changes, without(health_of(listeners), "ins-3", "ins-4"), 1, count_gains=False)


def test_what_is_about_to_be_raised_and_waited_for_need_not_be_mentioned_yet() -> None:
    listeners = [tcp("lbl-1", 443, target("ins-1"))]
    plan = plan_for([want("lbl-1", "ins-2")], snapshot(*listeners), purge=True)
    check_guard(plan.snapshot, plan.changes, health_of(listeners), 1, count_gains=True)


def test_an_answer_without_anything_refuses_every_loss() -> None:
    plan = plan_for([{"instance_id": "ins-1"}], snapshot(*THREE), state="drained")
    with pytest.raises(GuardRefused, match=r"TCP:443 \(lbl-1\) serves through .*; TCP:444 \(lbl-2\) serves through"):
        check_guard(plan.snapshot, plan.changes, HealthSnapshot({}), 1, count_gains=False)


def test_the_refusal_names_what_has_stopped_serving_since_the_guard_passed() -> None:
    before = all_serving(snapshot(*THREE), health_of(THREE), [("lbl-1", None)])
    drained = snapshot(tcp("lbl-1", 443, target("ins-1"), target("ins-2", weight=0), target("ins-3")))
    plan = plan_for([{"instance_id": "ins-1"}], drained, state="drained")
    with pytest.raises(GuardRefused, match=r"Not serving any more since the first check: ins-2:80, ins-3:80\."):
        check_guard(drained, plan.changes, health_of(THREE, "ins-3"), 1, count_gains=False, served=before)
