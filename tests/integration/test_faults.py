# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module under every fault, alone and in pairs: nothing is lost, nothing else is touched, the report is true."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from tencentcloud.clb.v20180317 import models
from tencentcloud.clb.v20180317.clb_client import ClbClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from . import fault_cases
from .fault_cases import FAULTS, LASTING, PAIRED, RECOVERABLE, TASKS, Held, Key, Task
from .in_process import Run, run_module

if TYPE_CHECKING:
    from clb_emulator.testing import Emulator

# The vendor's SDK signs with it.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

WORLD = fault_cases.WORLD
WAIT_TIMEOUT = 10
GRACE_SECONDS = 10.0
SLACK_SECONDS = 1.0
"""For a machine that does other things as well."""
WRITES = (
    "BatchRegisterTargets",
    "BatchDeregisterTargets",
    "BatchModifyTargetWeight",
    "BatchModifyTargetTag",
)
PAIRS = list(itertools.combinations_with_replacement(PAIRED, 2))


@pytest.fixture
def emulator(fresh_world: Emulator) -> Emulator:
    return fresh_world


def held(emulator: Emulator) -> Held:
    return {binding[:4]: binding[4:] for binding in emulator.bindings()}


def functions(emulator: Emulator) -> dict[str, Any]:
    """The cloud functions of each rule, as the vendor's own client sees them."""
    profile = ClientProfile(httpProfile=HttpProfile(protocol="http", endpoint=emulator.host))
    client = ClbClient(Credential(emulator.secret_id, emulator.secret_key), emulator.region, profile)
    request = models.DescribeTargetsRequest()
    request.LoadBalancerId = "lb-1"
    answer = json.loads(client.DescribeTargets(request).to_json_string())
    rules = [rule for listener in answer["Listeners"] for rule in listener["Rules"] or ()]
    return {rule["LocationId"]: rule["FunctionTargets"] for rule in rules}


def accepted_writes(emulator: Emulator) -> list[dict[str, Any]]:
    return [call for call in emulator.calls() if call["accepted"]]


def written_keys(emulator: Emulator) -> set[Key]:
    """Every binding that some write named, refused ones included."""
    keys = set()
    for call in emulator.calls():
        if call["action"] in WRITES:
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


def check_report(run: Run, emulator: Emulator, task: Task, before: Held) -> None:
    """What the module says must be what is there."""
    result, after = run.result, held(emulator)
    missing = difference(after, task.desired(before))
    unknown = unknown_pools(result)
    named = [key_of(entry) for entry in result["failed_targets"]]

    assert set(named) <= missing
    assert all(key[:2] in unknown for key in missing.difference(named))
    assert len(named) == len(set(named)), "a binding is named twice, so that the list does not go back in"
    assert run.failed == bool(missing or unknown), result.get("msg")
    only_named = run.failed and result["error"]["code"] == "FailListenerIdSet" and not difference(before, after)
    assert result["changed"] == (bool(accepted_writes(emulator)) and not only_named)
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


def check_untouched(emulator: Emulator, task: Task, before: Held) -> None:
    """Only what the task asks for may be different, or named in any write."""
    assert difference(before, held(emulator)) <= task.changes.keys()
    assert written_keys(emulator) <= task.changes.keys()


def check_converges(emulator: Emulator, task: Task, before: Held) -> None:
    """The same task again, without faults, does the rest; and then has nothing to do."""
    emulator.clear_faults()
    again = run_module(emulator, **task.options)
    assert not again.failed, again.result["msg"]
    assert held(emulator) == task.desired(before)

    emulator.clear_journal()
    idle = run_module(emulator, **task.options)
    assert not idle.failed
    assert idle.result["changed"] is False
    assert [call["action"] for call in emulator.calls()] == ["DescribeTargets"]


def run_under(emulator: Emulator, task: Task, *faults: str) -> None:
    """Run a task under these of FAULTS and check everything that must hold whatever they are."""
    before, functions_before = held(emulator), functions(emulator)
    emulator.clear_journal()
    emulator.add_faults(*(FAULTS[name] for name in faults))
    run = run_module(emulator, **task.options, wait_timeout=WAIT_TIMEOUT, timeout=1)
    emulator.clear_faults()

    assert run.seconds <= WAIT_TIMEOUT + GRACE_SECONDS
    assert not (run.failed and RECOVERABLE.issuperset(faults)), run.result["msg"]
    check_report(run, emulator, task, before)
    check_untouched(emulator, task, before)
    check_converges(emulator, task, before)
    assert functions(emulator) == functions_before


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("state", TASKS)
def test_one_fault(emulator, state, fault):
    run_under(emulator, TASKS[state], fault)


@pytest.mark.sample(12)
@pytest.mark.parametrize("faults", PAIRS, ids=" + ".join)
@pytest.mark.parametrize("state", TASKS)
def test_two_faults(emulator, state, faults):
    run_under(emulator, TASKS[state], *faults)


@pytest.mark.parametrize("fault", LASTING)
@pytest.mark.parametrize("state", ["purge", "absent"])
def test_fault_that_lasts(emulator, state, fault):
    """It ends in time, and tells the truth about how far it came."""
    task, before = TASKS[state], held(emulator)
    emulator.add_faults(LASTING[fault])
    run = run_module(emulator, **task.options, wait_timeout=1, timeout=1)

    assert run.seconds <= 2 + SLACK_SECONDS
    assert run.result["changed"] == bool(accepted_writes(emulator))
    named = {key_of(entry) for entry in run.result["failed_targets"]}
    unknown = unknown_pools(run.result)
    assert run.failed == bool(named or unknown)
    missing = difference(held(emulator), task.desired(before))
    assert all(key[:2] in unknown for key in missing - named)
    assert named <= task.changes.keys()
    check_untouched(emulator, task, before)
