# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module under every fault, alone and in pairs: nothing is lost, nothing else is touched, the report is true."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

import pytest

from harness import Cloud, Raw
from shop import bound

from .tasks import accepted, sent

_FALLBACK = {"Namespace": "default", "Name": "fallback", "Qualifier": "$LATEST", "QualifierType": "VERSION"}
FUNCTION = {"Function": {f"Function{key}": value for key, value in _FALLBACK.items()}, "Weight": 10}

UNADDRESSABLE = {"eni_ip": "10.0.8.8", "port": 8443, "type": "SRV", "extra": {"PrivateIpAddresses": None}}
"""A binding that an answer shows without any address."""

_TCP = [
    *(bound("ins-a", 8443, tag="blue"), bound("ins-b", 8443, 20), bound("10.0.9.1", 8443, 5)),
    *(bound("ins-old", 8443), bound("ins-old", 8444, 0, "spare"), UNADDRESSABLE),
]
_RULE = [bound("ins-a", 8080), bound("10.0.9.2", 8080, 0, "kept")]
_RULES = [
    {"id": "loc-1", "domain": "a.example.com", "targets": _RULE, "function_targets": [FUNCTION]},
    {"id": "loc-2", "domain": "b.example.com", "targets": [bound("ins-b", 8080, 7)]},
]
_LISTENERS = [
    {"id": "lbl-tcp", "protocol": "TCP", "port": 443, "targets": _TCP},
    {"id": "lbl-http", "protocol": "HTTP", "port": 80, "rules": _RULES},
    {"id": "lbl-udp", "protocol": "UDP", "port": 53, "targets": [bound("ins-a", 53), bound("10.0.9.3", 53, 1)]},
]
WORLD: Raw = {"task_seconds": 1.0, "load_balancers": [{"id": "lb-1", "listeners": _LISTENERS}]}


@dataclass(frozen=True)
class Task:
    """Options of the module, and binding -> weight and tag that they mean to give it; None: to be unbound."""

    options: Raw
    changes: Raw

    def desired(self, before):
        """What should be bound after the task."""
        after = {**before, **self.changes}
        return {key: value for key, value in after.items() if value is not None}


_TCP_8443 = {"listener_id": "lbl-tcp", "port": 8443}
_LOC_1 = {"listener_id": "lbl-http", "location_id": "loc-1", "port": 8080}
_PRESENT = [
    {**_TCP_8443, "instance_id": "ins-new1", "weight": 30, "tag": "green"},
    {**_TCP_8443, "eni_ip": "10.0.9.9"},
    {**_TCP_8443, "instance_id": "ins-a", "weight": 50},
    {**_TCP_8443, "instance_id": "ins-b", "weight": 21, "tag": "red"},
    {**_TCP_8443, "eni_ip": "10.0.9.1", "weight": 0},
    {**_LOC_1, "instance_id": "ins-new1", "weight": 1},
    {**_LOC_1, "eni_ip": "10.0.9.2"},
]
_ABSENT = [
    *({"instance_id": "ins-a"}, {"listener_port": 443, "instance_id": "ins-old", "port": 8443}),
    *({"listener_id": "lbl-http", "location_id": "loc-1"}, {"listener_id": "lbl-tcp", "tag": "spare"}),
]
_DRAINED = [{"instance_id": "ins-a"}, {"listener_id": "lbl-tcp"}, {"ip": "10.0.9.3", "port": 53}]


def _keys(names):
    """Keys of bindings, each written as ``place/backend:port``."""
    places = {"tcp": ("lbl-tcp", None), "udp": ("lbl-udp", None), "rule": ("lbl-http", "loc-1")}
    found = [re.split("[/:]", name) for name in names.split()]
    return [(*places[place], backend, int(port)) for place, backend, port in found]


_WRITTEN = _keys(
    "tcp/ins-new1:8443 tcp/10.0.9.9:8443 tcp/ins-a:8443 tcp/ins-b:8443 tcp/10.0.9.1:8443 rule/ins-new1:8080"
)
_CHANGES = dict(zip(_WRITTEN, [(30, "green"), (10, ""), (50, "blue"), (21, "red"), (0, ""), (1, "")]))
_PURGED = _keys("tcp/ins-old:8443 tcp/ins-old:8444 rule/ins-a:8080")
_GONE = _keys("tcp/ins-a:8443 udp/ins-a:53 tcp/ins-old:8443 tcp/ins-old:8444 rule/ins-a:8080 rule/10.0.9.2:8080")
_AT_ZERO = _keys("tcp/ins-b:8443 tcp/10.0.9.1:8443 tcp/ins-old:8443 rule/ins-a:8080 udp/ins-a:53 udp/10.0.9.3:53")
TASKS = {
    "present": Task({"targets": _PRESENT}, {**_CHANGES}),
    "purge": Task({"targets": _PRESENT, "purge": True}, {**_CHANGES, **dict.fromkeys(_PURGED)}),
    "absent": Task({"targets": _ABSENT, "state": "absent"}, dict.fromkeys(_GONE)),
    "drained": Task(
        {"targets": _DRAINED, "state": "drained"}, {**dict.fromkeys(_AT_ZERO, (0, "")), _WRITTEN[2]: (0, "blue")}
    ),
}


def _write(kind, **settings):
    return {"action": "Batch*", "kind": kind, **settings}


def _refusal(code, **settings):
    return _write("error", code=code, message=f"The cloud says {code}.", **settings)


def _read(kind, **settings):
    return {"action": "Describe*", "kind": kind, **settings}


FAULTS: dict[str, Raw] = {
    # Answers of a sound cloud that has other things to do.
    "throttled": _refusal("RequestLimitExceeded"),
    "busy": _refusal("FailedOperation.ResourceInOperating"),
    "cloning": _refusal("FailedOperation.ResourceInCloning"),
    "locked": _write("lock", seconds=5),
    "task slow": _write("task_slow", seconds=5),
    "lag": _write("lag", seconds=4),
    "slow": _write("slow", seconds=5),
    # Answers after which nobody knows.
    "internal": _refusal("InternalError"),
    "internal, applied": _refusal("InternalError", apply=True),
    "cut before": _write("cut_before"),
    "cut after": _write("cut_after"),
    "502": _write("http"),
    "502, applied": _write("http", apply=True),
    "html": _write("html"),
    "html, applied": _write("html", apply=True),
    "torn": _write("torn"),
    "torn, applied": _write("torn", apply=True),
    "no response": _write("no_response"),
    "no response, applied": _write("no_response", apply=True),
    "hang": _write("hang", seconds=60),
    "hang, applied": _write("hang", seconds=60, apply=True),
    "task unknown": _write("task_unknown"),
    # Refusals.
    "refused once": _refusal("InvalidParameter"),
    "failed once": _refusal("FailedOperation"),
    "quota once": _refusal("LimitExceeded"),
    "forbidden": _refusal("UnauthorizedOperation"),
    "one target refused": _write("refuse_targets", targets=["ins-a"], times=-1),
    "two targets refused": _write("refuse_targets", targets=["ins-new1", "ins-old"], times=-1, code="FailedOperation"),
    "an address over quota": _write("refuse_targets", targets=["10.0.9.9", "10.0.9.3"], times=-1, code="LimitExceeded"),
    # Accepted, and not all done.
    "listeners fail": _write("fail_listeners", message="No."),
    "a listener fails in part": _write("fail_listeners", listeners=["lbl-tcp"], apply="some", message="Half."),
    "task fails": _write("task_fails"),
    "task fails in part": _write("task_fails", apply="some"),
    "task fails, all applied": _write("task_fails", apply="all"),
    # Reads.
    "read throttled": _read("error", code="RequestLimitExceeded", message="Too many.", times=2),
    "read internal": _read("error"),
    "read cut": _read("cut_before", skip=1),
    "read 502": _read("http", status=503, times=2),
    "read html": _read("html", skip=2),
    "read torn": _read("torn", skip=1, apply=True),
    "read no response": _read("no_response"),
    "read slow": _read("slow", seconds=10, times=3),
    "read hang": _read("hang", seconds=60, skip=1),
    "poll internal": {"action": "DescribeTaskStatus", "kind": "error", "times": 9},
    "poll forbidden": {"action": "DescribeTaskStatus", "kind": "error", "code": "UnauthorizedOperation", "times": -1},
}
"""Name -> order. Those without ``times`` meet one call."""

RECOVERABLE = FAULTS.keys() - {
    "refused once", "failed once", "quota once", "forbidden", "one target refused", "two targets refused",
    "an address over quota", "listeners fail", "a listener fails in part", "task fails", "task fails in part",
}  # fmt: skip
"""Faults that pass, or only blur what happened: a task has to get over them without failing."""

LASTING: dict[str, Raw] = {
    "throttled": _refusal("RequestLimitExceeded", times=-1),
    "busy": _refusal("FailedOperation.ResourceInOperating", times=-1),
    "locked": _write("lock", seconds=6000),
    "task never ends": _write("task_slow", seconds=6000),
    "lag never ends": _write("lag", seconds=6000),
    "internal": _refusal("InternalError", times=-1),
    "cut before": _write("cut_before", times=-1),
    "cut after": _write("cut_after", times=-1),
    "html": _write("html", times=-1),
    "hang": _write("hang", seconds=60, times=-1),
    "hang, applied": _write("hang", seconds=60, times=-1, apply=True),
    "reads cut after the first": _read("cut_before", skip=1, times=-1),
    "reads hang after the first": _read("hang", seconds=60, skip=1, times=-1),
    "reads hang after the write": _read("hang", seconds=60, skip=2, times=-1),
}
"""Faults that outlast any task: the module has to end all the same."""

PAIRS = [*itertools.combinations_with_replacement(FAULTS, 2)]


def held(cloud):
    return {binding[:4]: binding[4:] for binding in cloud.bindings()}


def functions(cloud):
    """The cloud functions of each rule."""
    rules = [rule for listener in cloud.listeners("lb-1") for rule in listener["Rules"] or ()]
    return {rule["LocationId"]: rule["FunctionTargets"] for rule in rules}


def written_keys(cloud):
    """Every binding that some write named, refused ones included."""
    named = [one for call in cloud.writes() for one in sent(call)]
    return {
        (one["ListenerId"], one.get("LocationId"), one.get("InstanceId") or one["EniIp"], one["Port"]) for one in named
    }


def key_of(entry):
    return (entry["listener_id"], entry["location_id"], entry["instance_id"] or entry["eni_ip"], entry["port"])


def difference(one, other):
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


def check_report(run, cloud, task, before):
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
    assert result["changed"] == (bool(accepted(cloud)) and not only_named)
    assert set(result["failed_listeners"]) == {key[0] for key in (*missing, *unknown)}
    assert bool(result["error"] and result["error"]["code"]) is run.failed
    assert all(entry["code"] and entry["message"] for entry in result["failed_targets"])
    reported = {key_of(entry): (entry["weight"], entry["tag"]) for entry in result["targets"]}
    touched = {(place["listener_id"], place["location_id"]) for place in result["listeners"]} - unknown
    assert reported == {key: value for key, value in after.items() if key[:2] in touched and key[2] != "10.0.8.8"}
    check_written(result, without(unknown, before), without(unknown, after))
    check_restore(result, before, after)


def unknown_pools(result):
    """The listeners and rules whose state could not be read after a write."""
    return {(place["listener_id"], place["location_id"]) for place in result["listeners"] if place["bound"] is None}


def without(pools, bindings):
    return {key: value for key, value in bindings.items() if key[:2] not in pools}


def check_written(result, before, after):
    """`registered`, `modified` and `deregistered` must be what became different, and only that."""
    assert {key_of(entry) for entry in result["registered"]} == after.keys() - before.keys()
    assert {key_of(entry) for entry in result["deregistered"]} == before.keys() - after.keys()
    modified = {key_of(entry): entry for entry in result["modified"]}
    assert modified.keys() == {key for key in difference(before, after) if key in before and key in after}
    for key, entry in modified.items():
        assert (entry["before"]["weight"], entry["before"]["tag"]) == before[key]
        assert (entry["after"]["weight"], entry["after"]["tag"]) == after[key]


def check_restore(result, before, after):
    """`restore` must hold every binding that was changed or removed, as it was."""
    restore = {key_of(entry): (entry["weight"], entry["tag"]) for entry in result["restore"]}
    assert restore.keys() >= {key for key in difference(before, after) if key in before}
    assert restore == {key: before[key] for key in restore}


def check_untouched(cloud, task, before):
    """Only what the task asks for may be different, or named in any write."""
    assert difference(before, held(cloud)) <= task.changes.keys()
    assert written_keys(cloud) <= task.changes.keys()


def check_converges(cloud, task, before):
    """The same task again, without faults, does the rest; and then has nothing to do."""
    cloud.clear_faults()
    again = cloud.run(**task.options)
    assert not again.failed, again.message
    assert held(cloud) == task.desired(before)
    cloud.clear_journal()
    idle = cloud.run(**task.options)
    assert (idle.failed, idle.changed, cloud.actions()) == (False, False, ["DescribeTargets"])


def run_under(task, *faults):
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


@pytest.mark.sample(15)
@pytest.mark.parametrize("faults", PAIRS, ids=" + ".join)
@pytest.mark.parametrize("state", TASKS)
def test_two_faults(state, faults):
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
    assert run.changed == bool(accepted(cloud))
    named = {key_of(entry) for entry in run["failed_targets"]}
    unknown = unknown_pools(run.result)
    assert run.failed == bool(named or unknown)
    missing = difference(held(cloud), task.desired(before))
    assert all(key[:2] in unknown for key in missing - named)
    assert named <= task.changes.keys()
    check_untouched(cloud, task, before)
