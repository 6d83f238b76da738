# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module under every fault, alone and in pairs: nothing is lost, nothing else is touched, the report is true."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from harness import Cloud, Raw, Run

from .fault_cases import FAULTS, LASTING, PAIRED, RECOVERABLE, TASKS, WORLD, Held, Key, Task

PAIRS = list(itertools.combinations_with_replacement(PAIRED, 2))
OTHER_PAIRS = sorted({*itertools.combinations_with_replacement(FAULTS, 2)}.difference(PAIRS))


def held(cloud: Cloud) -> Held:
    return {binding[:4]: binding[4:] for binding in cloud.bindings()}


def functions(cloud: Cloud) -> Raw:
    """The cloud functions of each rule."""
    rules = [rule for listener in cloud.listeners("lb-1") for rule in listener["Rules"] or ()]
    return {rule["LocationId"]: rule["FunctionTargets"] for rule in rules}


def accepted_writes(cloud: Cloud) -> list[Raw]:
    return [call for call in cloud.writes() if call["accepted"]]


def written_keys(cloud: Cloud) -> set[Key]:
    """Every binding that some write named, refused ones included."""
    keys = set()
    for call in cloud.writes():
        for part in call["params"].get("ModifyList") or [call["params"]]:
            for target in part["Targets"]:
                place = {**part, **target}
                address = place.get("InstanceId") or place["EniIp"]
                keys.add((place["ListenerId"], place.get("LocationId"), address, place["Port"]))
    return keys


def key_of(entry: dict[str, Any]) -> Key:
    return (entry["listener_id"], entry["location_id"], entry["instance_id"] or entry["eni_ip"], entry["port"])


def difference(one: Held, other: Held) -> set[Key]:
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def check_report(run: Run, cloud: Cloud, task: Task, before: Held) -> None:
    """What the module says must be what is there."""
    result, after = run.result, held(cloud)
    missing = difference(after, task.desired(before))
    unknown = unknown_pools(result)
    named = [key_of(entry) for entry in result["failed_targets"]]
    assert set(named) <= missing
    assert all(key[:2] in unknown for key in missing.difference(named))
    assert len(named) == len(set(named)), "a binding is named twice, so that the list does not go back in"
    assert run.failed == bool(missing or unknown), result.get("msg")
    only_named = run.failed and result["error"]["code"] == "FailListenerIdSet" and not difference(before, after)
    assert result["changed"] == (bool(accepted_writes(cloud)) and not only_named)
    assert set(result["failed_listeners"]) == {key[0] for key in (*missing, *unknown)}
    if run.failed:
        assert result["error"]["code"]
        assert all(entry["code"] and entry["message"] for entry in result["failed_targets"])
        assert result["msg"]
    else:
        assert result["error"] is None
    reported = {key_of(entry): (entry["weight"], entry["tag"]) for entry in result["targets"]}
    touched = {(place["listener_id"], place["location_id"]) for place in result["listeners"]} - unknown
    assert reported == {key: value for key, value in after.items() if key[:2] in touched and key[2] != "10.0.8.8"}, (
        "`targets` is not what is bound"
    )
    check_written(result, without(unknown, before), without(unknown, after))
    check_restore(result, before, after)


def unknown_pools(result: dict[str, Any]) -> set[tuple[str, str | None]]:
    """The listeners and rules whose state could not be read after a write."""
    return {(place["listener_id"], place["location_id"]) for place in result["listeners"] if place["bound"] is None}


def without(pools: set[tuple[str, str | None]], bindings: Held) -> Held:
    return {key: value for key, value in bindings.items() if key[:2] not in pools}


def check_written(result: dict[str, Any], before: Held, after: Held) -> None:
    """`registered`, `modified` and `deregistered` must be what became different, and only that."""
    assert {key_of(entry) for entry in result["registered"]} == after.keys() - before.keys()
    assert {key_of(entry) for entry in result["deregistered"]} == before.keys() - after.keys()
    modified = {key_of(entry): entry for entry in result["modified"]}
    assert modified.keys() == {key for key in difference(before, after) if key in before and key in after}
    for key, entry in modified.items():
        assert (entry["before"]["weight"], entry["before"]["tag"]) == before[key]
        assert (entry["after"]["weight"], entry["after"]["tag"]) == after[key]


def check_restore(result: dict[str, Any], before: Held, after: Held) -> None:
    """`restore` must hold every binding that was changed or removed, as it was."""
    restore = {key_of(entry): (entry["weight"], entry["tag"]) for entry in result["restore"]}
    assert restore.keys() >= {key for key in difference(before, after) if key in before}
    assert restore == {key: before[key] for key in restore}


def check_untouched(cloud: Cloud, task: Task, before: Held) -> None:
    """Only what the task asks for may be different, or named in any write."""
    assert difference(before, held(cloud)) <= task.changes.keys()
    assert written_keys(cloud) <= task.changes.keys()


def check_converges(cloud: Cloud, task: Task, before: Held) -> None:
    """The same task again, without faults, does the rest; and then has nothing to do."""
    cloud.clear_faults()
    again = cloud.run(**task.options)
    assert not again.failed, again.message
    assert held(cloud) == task.desired(before)
    cloud.clear_journal()
    idle = cloud.run(**task.options)
    assert (idle.failed, idle.changed, cloud.actions()) == (False, False, ["DescribeTargets"])


def run_under(task: Task, *faults: str) -> None:
    """Run a task under these of FAULTS and check everything that must hold whatever they are."""
    cloud = Cloud(WORLD)
    before, functions_before = held(cloud), functions(cloud)
    cloud.add_faults(*(FAULTS[name] for name in faults))
    run = cloud.run(**task.options)
    assert run.seconds <= 300 + 30
    assert not (run.failed and RECOVERABLE.issuperset(faults)), run.message
    check_report(run, cloud, task, before)
    check_untouched(cloud, task, before)
    check_converges(cloud, task, before)
    assert functions(cloud) == functions_before


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("state", TASKS)
def test_one_fault(state, fault):
    run_under(TASKS[state], fault)


@pytest.mark.sample(3)
@pytest.mark.parametrize("faults", PAIRS, ids=" + ".join)
@pytest.mark.parametrize("state", TASKS)
def test_two_faults(state, faults):
    run_under(TASKS[state], *faults)


@pytest.mark.sample(48)
@pytest.mark.parametrize("faults", OTHER_PAIRS, ids=" + ".join)
@pytest.mark.parametrize("state", TASKS)
def test_any_two_faults(state, faults):
    run_under(TASKS[state], *faults)


@pytest.mark.parametrize("fault", LASTING)
@pytest.mark.parametrize("state", ["purge", "absent"])
def test_fault_that_lasts(state, fault):
    """It ends in time, and tells the truth about how far it came."""
    cloud, task = Cloud(WORLD), TASKS[state]
    before = held(cloud)
    cloud.add_faults(LASTING[fault])
    run = cloud.run(**task.options, wait_timeout=60, timeout=10)
    assert run.seconds <= 60 + 10
    assert run.changed == bool(accepted_writes(cloud))
    named = {key_of(entry) for entry in run["failed_targets"]}
    unknown = unknown_pools(run.result)
    assert run.failed == bool(named or unknown)
    missing = difference(held(cloud), task.desired(before))
    assert all(key[:2] in unknown for key in missing - named)
    assert named <= task.changes.keys()
    check_untouched(cloud, task, before)
