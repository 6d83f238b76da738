# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls that one bad member spoils: the good ones get through, the bad ones are named, in a bounded number of calls."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from .in_process import run_module

if TYPE_CHECKING:
    from clb_emulator.testing import Emulator

LISTENERS, EACH = 50, 10
MAX_EXTRA_CALLS = 64
WORLD = {
    "rate_limit": 0,
    "task_seconds": 0.002,
    "load_balancers": [{"id": "lb-1", "generate": {"listeners": LISTENERS}}],
}


@pytest.fixture
def emulator(fresh_world: Emulator) -> Emulator:
    return fresh_world


def name(number: int) -> str:
    return f"ins-{number:04}"


def targets() -> list[dict[str, Any]]:
    """500 targets, listed as a loop over backends would: each listener's are spread over the whole list."""
    return [
        {"listener_id": f"lbl-g{number % LISTENERS:04}", "instance_id": name(number), "port": 80}
        for number in range(LISTENERS * EACH)
    ]


def refuse(emulator: Emulator, numbers: list[int], **settings: Any) -> list[str]:
    names = sorted(map(name, numbers))
    emulator.add_faults({"kind": "refuse_targets", "targets": names, "times": -1, "message": "No.", **settings})
    return names


def named(result: dict[str, Any]) -> list[str]:
    return sorted(entry["instance_id"] for entry in result["failed_targets"])


def extra_calls(emulator: Emulator, action: str = "BatchRegisterTargets") -> int:
    return emulator.count(action) - 1


@pytest.mark.sample(2)
@pytest.mark.parametrize("number", [0, 49, 237, 250, 450, 499])
def test_one_of_500(emulator, number):
    refused = refuse(emulator, [number])
    result = run_module(emulator, targets=targets()).result

    assert named(result) == refused
    assert result["failed_targets"][0]["code"] == "InvalidParameter"
    assert result["error"]["action"] == "BatchRegisterTargets"
    assert result["failed_listeners"] == [f"lbl-g{number % LISTENERS:04}"]
    assert len(result["registered"]) == len(emulator.bindings()) == 499
    assert extra_calls(emulator) <= 24


@pytest.mark.sample(2)
@pytest.mark.parametrize("seed", range(6))
def test_five_of_500_anywhere(emulator, seed):
    refused = refuse(emulator, random.Random(seed).sample(range(500), 5))
    result = run_module(emulator, targets=targets()).result

    assert named(result) == refused
    assert len(emulator.bindings()) == 495
    assert extra_calls(emulator) <= MAX_EXTRA_CALLS


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "numbers",
    [[5, 55, 105, 155, 205], [0, 50, 250, 400, 450], [0, 10, 20, 30, 40], [0, 12, 25, 37, 49], [1, 101, 202, 303, 404]],
    ids=["in one listener", "in one listener, apart", "in five", "in the middles", "first to last"],
)
def test_five_of_500_in_awkward_places(emulator, numbers):
    refused = refuse(emulator, numbers)
    result = run_module(emulator, targets=targets()).result

    assert named(result) == refused
    assert len(emulator.bindings()) == 495
    assert extra_calls(emulator) <= MAX_EXTRA_CALLS


def test_too_many_to_be_found_are_not_attempted_and_tried_again_next_time(emulator):
    refused = refuse(emulator, list(range(0, 500, 5)))
    result = run_module(emulator, targets=targets()).result
    codes = {entry["instance_id"]: entry["code"] for entry in result["failed_targets"]}

    assert extra_calls(emulator) == MAX_EXTRA_CALLS
    assert set(refused) <= codes.keys()
    assert set(codes.values()) == {"InvalidParameter", "NotAttempted"}
    assert all(codes[one] == "NotAttempted" for one in codes if one not in refused)
    assert all("No." in entry["message"] for entry in result["failed_targets"])
    assert result["error"]["code"] == "InvalidParameter", "the cloud's reason, not that the rest was left out"
    assert len(emulator.bindings()) == 500 - len(codes)

    emulator.clear_faults()
    again = run_module(emulator, targets=result["failed_targets"])
    assert not again.failed
    assert named({"failed_targets": again.result["registered"]}) == sorted(codes)


def test_what_is_refused_is_found_in_weights_and_removals_too(emulator):
    run_module(emulator, targets=targets())
    emulator.clear_journal()
    refused = refuse(emulator, [123])
    everything = [{"listener_id": f"lbl-g{number:04}"} for number in range(LISTENERS)]

    drained = run_module(emulator, state="drained", targets=everything)
    assert named(drained.result) == refused
    assert {binding[4] for binding in emulator.bindings() if binding[2] != refused[0]} == {0}
    assert extra_calls(emulator, "BatchModifyTargetWeight") <= 24

    removed = run_module(emulator, state="absent", targets=everything)
    assert named(removed.result) == refused
    assert {binding[2] for binding in emulator.bindings()} == set(refused)
    assert extra_calls(emulator, "BatchDeregisterTargets") <= 24


def test_quota_is_narrowed_to_the_listener_and_called_a_quota(emulator):
    full = [{"ListenerId": "lbl-g0007", "EniIp": f"10.9.0.{number}", "Port": 80} for number in range(95)]
    emulator.bind("lb-1", *full)
    result = run_module(emulator, targets=targets()).result

    assert {entry["listener_id"] for entry in result["failed_targets"]} == {"lbl-g0007"}
    assert len(result["failed_targets"]) == EACH
    assert {entry["code"] for entry in result["failed_targets"]} == {"LimitExceeded"}
    assert "quota" in result["msg"]
    assert len(result["registered"]) == 490
    # Halving 50 listeners down to one, and the halves that were left aside.
    assert extra_calls(emulator) <= 12
    assert not [
        call
        for call in emulator.calls("BatchRegisterTargets")
        if {target["ListenerId"] for target in call["params"]["Targets"]} == {"lbl-g0007"}
        and len(call["params"]["Targets"]) < EACH
    ]


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "OperationDenied", "UnsupportedOperation.Nope", "Curious"])
def test_what_no_other_call_escapes_is_not_narrowed(emulator, code):
    refuse(emulator, [3], code=code)
    result = run_module(emulator, targets=targets()).result

    assert extra_calls(emulator) == 0
    assert len(result["failed_targets"]) == 500
    assert result["error"]["code"] == code
    assert result["changed"] is False


def test_narrowing_ends_with_the_time(emulator):
    refuse(emulator, [3, 117, 240, 366, 481])
    emulator.add_faults({"action": "BatchRegisterTargets", "kind": "task_slow", "seconds": 0.4, "times": -1})
    run = run_module(emulator, targets=targets(), wait_timeout=1, timeout=1)

    assert run.seconds < 3
    bound = {binding[2] for binding in emulator.bindings()}
    assert {name(number) for number in range(500)} - bound <= set(named(run.result))
    assert "wait_timeout" in run.result["msg"]
