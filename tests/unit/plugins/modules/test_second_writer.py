# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module under faults while somebody else writes: what is seen decides, and the report is what is there."""

from __future__ import annotations

import random
from typing import Any

import pytest

from harness import Cloud, Raw, Run

from .fault_cases import FAULTS, TASKS, WORLD, Held, Key, Task
from .test_faults import held, key_of, written_keys

MINE: tuple[Key, ...] = (
    ("lbl-tcp", None, "ins-a", 8443),
    ("lbl-tcp", None, "ins-b", 8443),
    ("lbl-tcp", None, "ins-new1", 8443),
    ("lbl-tcp", None, "ins-old", 8443),
    ("lbl-http", "loc-1", "ins-a", 8080),
    ("lbl-http", "loc-1", "ins-new1", 8080),
)
"""What the tasks are about."""
OTHERS: tuple[Key, ...] = (
    ("lbl-http", "loc-2", "ins-b", 8080),
    ("lbl-udp", None, "ins-other", 53),
    ("lbl-tcp", None, "ins-other", 9999),
)
"""What they are not about, but for a purge of lbl-tcp."""
# An odd outcome of reads alone says nothing of who wrote what.
CHOSEN_FAULTS = [name for name in FAULTS if not name.startswith(("poll", "read hang", "hang", "slow", "read slow"))]


def raw(key: Key, **more: Any) -> dict[str, Any]:
    listener_id, location_id, address, port = key
    kind = "InstanceId" if address.startswith("ins-") else "EniIp"
    where = {} if location_id is None else {"LocationId": location_id}
    return {"LoadBalancerId": "lb-1", "ListenerId": listener_id, kind: address, "Port": port, **where, **more}


def foreign_writes(chance: random.Random, amount: int) -> tuple[list[Raw], set[Key]]:
    """Some writes of somebody else, in between the calls of the task; and whose bindings they are about."""
    events, keys = [], set()
    for _ in range(amount):
        key = chance.choice(MINE + OTHERS)
        keys.add(key)
        change, payload = chance.choice(
            [
                ("weight", raw(key, Weight=0)),
                ("weight", raw(key, Weight=chance.choice([1, 33, 77]))),
                ("unbind", raw(key)),
                ("bind", raw(key, Weight=chance.choice([0, 10, 44]))),
            ]
        )
        action = chance.choice(["DescribeTargets", "Batch*", "DescribeTaskStatus"])
        events.append(
            {
                "change": change,
                "with": [payload],
                "action": action,
                "after_calls": chance.choice([1, 1, 2]),
                "delay": chance.choice([0, 0, 1, 3]),
            }
        )
    return events, keys


def lost(cloud: Cloud) -> set[Key]:
    """Every binding that a write of the task meant to take away."""
    keys = set()
    for call in cloud.calls():
        if call["action"] == "BatchDeregisterTargets":
            parts = call["params"]["Targets"]
        elif call["action"] == "BatchModifyTargetWeight":
            parts = [{**entry, **one} for entry in call["params"]["ModifyList"] for one in entry["Targets"]]
            parts = [one for one in parts if one["Weight"] == 0]
        else:
            continue
        keys |= {
            (one["ListenerId"], one.get("LocationId"), one.get("InstanceId") or one["EniIp"], one["Port"])
            for one in parts
        }
    return keys


def named_by(task: Task) -> set[Key]:
    """The bindings that the entries of a task name, whether they are to change or not."""
    entries = task.options["targets"]
    full = [entry for entry in entries if {"listener_id", "port"} <= entry.keys()]
    return {
        (entry["listener_id"], entry.get("location_id"), entry.get("instance_id") or entry["eni_ip"], entry["port"])
        for entry in full
        if "instance_id" in entry or "eni_ip" in entry
    }


def check_truth(run: Run, after: Held) -> None:
    """The result is what the cloud holds, as far as it could be read."""
    result = run.result
    unknown = {(place["listener_id"], place["location_id"]) for place in result["listeners"] if place["bound"] is None}
    touched = {(place["listener_id"], place["location_id"]) for place in result["listeners"]} - unknown
    reported = {key_of(entry): (entry["weight"], entry["tag"]) for entry in result["targets"]}
    assert reported == {key: value for key, value in after.items() if key[:2] in touched and key[2] != "10.0.8.8"}
    assert run.failed == bool(result["failed_targets"] or unknown or result["error"])
    for entry in result["registered"]:
        assert key_of(entry) in after
    for entry in result["deregistered"]:
        assert key_of(entry) not in after
    if not run.failed:
        assert not result["failed_targets"]


@pytest.mark.parametrize("seed", range(320))
def test_faults_and_a_second_writer(seed):
    chance, cloud = random.Random(seed), Cloud(WORLD)
    state = chance.choice(list(TASKS))
    task, before = TASKS[state], held(cloud)
    faults = chance.sample(CHOSEN_FAULTS, chance.choice([0, 1, 2]))
    events, foreign = foreign_writes(chance, chance.choice([1, 2, 3]))
    cloud.add_faults(*(FAULTS[name] for name in faults))
    cloud.add_events(*events)
    run = cloud.run(**task.options)
    last_read = max(call["time"] for call in cloud.calls("DescribeTargets"))
    cloud.clear_faults()
    after = held(cloud)

    # Nothing outside the task is touched, and nothing is lost that the first plan did not lose.
    mine = task.changes.keys() | named_by(task) | foreign
    assert written_keys(cloud) <= mine
    if state == "present":
        losses = {key for key, value in task.changes.items() if value is None or value[0] == 0}
        assert lost(cloud) <= losses | foreign
    assert {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} <= mine

    # Events can come after the last read: then the report is what that read showed.
    if all(entry["time"] < last_read for entry in cloud.journal() if entry["kind"] == "event"):
        check_truth(run, after)

    # The last of the others' writes comes up to 3 s after a call.
    cloud.sleep(5)
    again = cloud.run(**task.options)
    assert not again.failed, again.message
    cloud.clear_journal()
    idle = cloud.run(**task.options)
    assert (idle.failed, idle.changed, cloud.actions()) == (False, False, ["DescribeTargets"])
