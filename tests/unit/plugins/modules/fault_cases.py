# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fault suite combines: one load balancer, four tasks, and every fault that the emulator can be ordered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Key = tuple[str, str | None, str, int]
"""Listener, rule, backend, port: what identifies a binding."""

Held = dict[Key, tuple[int, str]]
"""Weight and tag of each binding."""

FUNCTION = {
    "Function": {
        "FunctionNamespace": "default",
        "FunctionName": "fallback",
        "FunctionQualifier": "$LATEST",
        "FunctionQualifierType": "VERSION",
    },
    "Weight": 10,
}

UNADDRESSABLE = {"eni_ip": "10.0.8.8", "port": 8443, "type": "SRV", "extra": {"PrivateIpAddresses": None}}
"""A binding that an answer shows without any address."""


def _bound(address: str, port: int, weight: int = 10, tag: str = "") -> dict[str, Any]:
    kind = "instance_id" if address.startswith("ins-") else "eni_ip"
    return {kind: address, "port": port, "weight": weight, "tag": tag}


_TCP = [
    _bound("ins-a", 8443, tag="blue"),
    _bound("ins-b", 8443, 20),
    _bound("10.0.9.1", 8443, 5),
    _bound("ins-old", 8443),
    _bound("ins-old", 8444, 0, "spare"),
    UNADDRESSABLE,
]
_RULE = [_bound("ins-a", 8080), _bound("10.0.9.2", 8080, 0, "kept")]
_RULES = [
    {"id": "loc-1", "domain": "a.example.com", "targets": _RULE, "function_targets": [FUNCTION]},
    {"id": "loc-2", "domain": "b.example.com", "targets": [_bound("ins-b", 8080, 7)]},
]
_LISTENERS = [
    {"id": "lbl-tcp", "protocol": "TCP", "port": 443, "targets": _TCP},
    {"id": "lbl-http", "protocol": "HTTP", "port": 80, "rules": _RULES},
    {"id": "lbl-udp", "protocol": "UDP", "port": 53, "targets": [_bound("ins-a", 53), _bound("10.0.9.3", 53, 1)]},
]
WORLD: dict[str, Any] = {"task_seconds": 1.0, "load_balancers": [{"id": "lb-1", "listeners": _LISTENERS}]}


@dataclass(frozen=True)
class Task:
    """Options of the module, and which bindings they mean to change to what; None: to be unbound."""

    options: dict[str, Any]
    changes: dict[Key, tuple[int, str] | None]

    def desired(self, before: Held) -> Held:
        """What should be bound after the task."""
        after = {**before, **self.changes}
        return {key: value for key, value in after.items() if value is not None}


_PRESENT = [
    {"listener_id": "lbl-tcp", "instance_id": "ins-new1", "port": 8443, "weight": 30, "tag": "green"},
    {"listener_id": "lbl-tcp", "eni_ip": "10.0.9.9", "port": 8443},
    {"listener_id": "lbl-tcp", "instance_id": "ins-a", "port": 8443, "weight": 50},
    {"listener_id": "lbl-tcp", "instance_id": "ins-b", "port": 8443, "weight": 21, "tag": "red"},
    {"listener_id": "lbl-tcp", "eni_ip": "10.0.9.1", "port": 8443, "weight": 0},
    {"listener_id": "lbl-http", "location_id": "loc-1", "instance_id": "ins-new1", "port": 8080, "weight": 1},
    {"listener_id": "lbl-http", "location_id": "loc-1", "eni_ip": "10.0.9.2", "port": 8080},
]
_PRESENT_CHANGES: dict[Key, tuple[int, str] | None] = {
    ("lbl-tcp", None, "ins-new1", 8443): (30, "green"),
    ("lbl-tcp", None, "10.0.9.9", 8443): (10, ""),
    ("lbl-tcp", None, "ins-a", 8443): (50, "blue"),
    ("lbl-tcp", None, "ins-b", 8443): (21, "red"),
    ("lbl-tcp", None, "10.0.9.1", 8443): (0, ""),
    ("lbl-http", "loc-1", "ins-new1", 8080): (1, ""),
}

TASKS = {
    "present": Task({"targets": _PRESENT}, _PRESENT_CHANGES),
    "purge": Task(
        {"targets": _PRESENT, "purge": True},
        {
            **_PRESENT_CHANGES,
            ("lbl-tcp", None, "ins-old", 8443): None,
            ("lbl-tcp", None, "ins-old", 8444): None,
            ("lbl-http", "loc-1", "ins-a", 8080): None,
        },
    ),
    "absent": Task(
        {
            "state": "absent",
            "targets": [
                {"instance_id": "ins-a"},
                {"listener_port": 443, "instance_id": "ins-old", "port": 8443},
                {"listener_id": "lbl-http", "location_id": "loc-1"},
                {"listener_id": "lbl-tcp", "tag": "spare"},
            ],
        },
        {
            ("lbl-tcp", None, "ins-a", 8443): None,
            ("lbl-udp", None, "ins-a", 53): None,
            ("lbl-tcp", None, "ins-old", 8443): None,
            ("lbl-tcp", None, "ins-old", 8444): None,
            ("lbl-http", "loc-1", "ins-a", 8080): None,
            ("lbl-http", "loc-1", "10.0.9.2", 8080): None,
        },
    ),
    "drained": Task(
        {
            "state": "drained",
            "targets": [{"instance_id": "ins-a"}, {"listener_id": "lbl-tcp"}, {"ip": "10.0.9.3", "port": 53}],
        },
        {
            ("lbl-tcp", None, "ins-a", 8443): (0, "blue"),
            ("lbl-tcp", None, "ins-b", 8443): (0, ""),
            ("lbl-tcp", None, "10.0.9.1", 8443): (0, ""),
            ("lbl-tcp", None, "ins-old", 8443): (0, ""),
            ("lbl-http", "loc-1", "ins-a", 8080): (0, ""),
            ("lbl-udp", None, "ins-a", 53): (0, ""),
            ("lbl-udp", None, "10.0.9.3", 53): (0, ""),
        },
    ),
}


def _write(kind: str, **settings: Any) -> dict[str, Any]:
    return {"action": "Batch*", "kind": kind, **settings}


def _refusal(code: str, **settings: Any) -> dict[str, Any]:
    return _write("error", code=code, message=f"The cloud says {code}.", **settings)


def _read(kind: str, **settings: Any) -> dict[str, Any]:
    return {"action": "Describe*", "kind": kind, **settings}


FAULTS: dict[str, dict[str, Any]] = {
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

PAIRED = (
    "locked", "task slow", "lag", "internal, applied", "cut before", "cut after", "502, applied", "refused once",
    "quota once", "forbidden", "one target refused", "two targets refused", "a listener fails in part", "task fails",
    "task fails in part", "read cut", "read internal",
)  # fmt: skip
"""At least one of each kind of consequence: what one fault leaves behind meets every other."""

LASTING: dict[str, dict[str, Any]] = {
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
