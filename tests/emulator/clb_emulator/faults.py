# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ordered faults: which calls they meet, how often, and what they do to the call."""

from __future__ import annotations

import fnmatch
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .busy import STYLES
from .model import canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_COMMON: dict[str, Any] = {"action": "*", "times": 1, "skip": 0, "load_balancers": None}

KINDS: dict[str, dict[str, Any]] = {
    "error": {"code": "InternalError", "message": "An internal error has occurred.", "apply": False},
    "fail_listeners": {
        "listeners": None,
        "message": "The listener could not be changed.",
        "apply": "none",
        "rest": "all",
    },
    "refuse_targets": {"targets": [], "code": "InvalidParameter", "message": "The target can not be bound."},
    "refuse_listeners": {"listeners": [], "code": "LimitExceeded", "message": "The quota of the listener is used up."},
    "cut_before": {},
    "cut_after": {"apply": True, "task_seconds": None},
    "http": {"status": 502, "body": "<html><body><h1>502 Bad Gateway</h1></body></html>", "apply": False},
    "redirect": {"status": 302, "location": "http://127.0.0.1:9/", "apply": False},
    "html": {"body": "<html><body><h1>Please log in</h1></body></html>", "apply": False},
    "torn": {"apply": False},
    "no_response": {"apply": False},
    "slow": {"seconds": 1.0},
    "hang": {"seconds": 60.0, "apply": False},
    "lag": {"seconds": 1.0},
    "task_fails": {"message": "The task failed.", "apply": "none"},
    "task_unknown": {"code": None},
    "task_slow": {"seconds": 1.0},
    "lock": {"seconds": 1.0},
    "busy": {"style": None, "code": None, "message": None},
    "not_applied": {"apply": "none"},
    "health_answer": {"shape": "lacks", "targets": []},
    "raw": {
        "body": None,
        "body_base64": None,
        "response": None,
        "patch": None,
        "status": 200,
        "headers": {},
        "apply": True,
    },
    "gzip_bomb": {"megabytes": 1024, "members": 1, "apply": True},
    "endless": {"chunk": " " * 65536, "apply": True},
}
"""Kind -> settings of this kind, with their defaults."""

WRITE_ONLY = frozenset({"fail_listeners", "lag", "task_fails", "task_unknown", "task_slow", "lock", "not_applied"})
"""Kinds that meet writes only."""

_CHOICES = {
    ("busy", "style"): (None, *STYLES),
    ("health_answer", "shape"): ("lacks", "null", "empty", "other", "no_listeners"),
}


@dataclass
class Fault:
    """One ordered fault.

    ``times`` is how many more calls it meets (-1: all), ``skip`` how many matching calls it lets pass first;
    ``load_balancers``: it meets only calls that name one of these, None: all.
    """

    action: str
    kind: str
    times: int
    skip: int
    load_balancers: list[str] | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def parse(cls, order: Mapping[str, Any]) -> Fault:
        """Read one order.

        :raises ValueError: an unknown kind or setting.
        """
        kind = order.get("kind")
        if kind not in KINDS:
            raise ValueError(f"fault kind {kind!r} is none of {', '.join(KINDS)}")
        own = {name: value for name, value in order.items() if name not in (*_COMMON, "kind")}
        unknown = sorted(own.keys() - KINDS[kind].keys())
        if unknown:
            raise ValueError(f"fault kind {kind} has no setting {', '.join(unknown)}")
        for (owner, name), choices in _CHOICES.items():
            if kind == owner and own.get(name, KINDS[kind][name]) not in choices:
                raise ValueError(f"fault kind {kind}: {name} is {own[name]!r}; it must be one of {choices}")
        common = {name: order.get(name, default) for name, default in _COMMON.items()}
        return cls(kind=kind, settings={**KINDS[kind], **own}, **common)

    def __getitem__(self, name: str) -> Any:
        return self.settings[name]

    def matches(self, action: str, params: Mapping[str, Any], is_write: bool) -> bool:
        """Return whether it can meet this call."""
        if not self.times or not fnmatch.fnmatchcase(action, self.action) or (self.kind in WRITE_ONLY and not is_write):
            return False
        if self.load_balancers is not None and _load_balancers(params).isdisjoint(self.load_balancers):
            return False
        if self.kind == "health_answer":
            return action == "DescribeTargetHealth"
        if self.kind == "refuse_targets":
            refused = {canonical_name(name) for name in self["targets"]}
            return any(name in refused for name in _backends(params))
        if self.kind == "refuse_listeners":
            return not _listeners(params).isdisjoint(self["listeners"])
        if self.kind == "fail_listeners":
            # Only these answer with a FailListenerIdSet.
            return action in ("BatchRegisterTargets", "BatchDeregisterTargets") and (
                self["listeners"] is None
                or any(target["ListenerId"] in self["listeners"] for target in params["Targets"])
            )
        return True


class Faults:
    """The orders, oldest first; a call meets the first one that matches it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, orders: Iterable[Mapping[str, Any]]) -> None:
        """Append orders.

        :raises ValueError: one is malformed; then none is added.
        """
        self._faults.extend([Fault.parse(order) for order in orders])

    @contextmanager
    def first(self, orders: Iterable[Mapping[str, Any]]) -> Iterator[None]:
        """Put orders before all others for the time of a ``with`` block.

        :raises ValueError: one is malformed.
        """
        own = [Fault.parse(order) for order in orders]
        self._faults[:0] = own
        try:
            yield
        finally:
            self._faults = [fault for fault in self._faults if not any(fault is one for one in own)]

    def clear(self) -> None:
        """Drop all orders."""
        self._faults.clear()

    def pick(self, action: str, params: Mapping[str, Any], is_write: bool) -> Fault | None:
        """Return the fault that this call meets, and count it as met."""
        for fault in self._faults:
            if not fault.matches(action, params, is_write):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            if fault.times > 0:
                fault.times -= 1
            return fault
        return None


def _load_balancers(params: Mapping[str, Any]) -> set[str]:
    """Return the load balancers that a call's parameters name."""
    return {*params.get("LoadBalancerIds", ()), params.get("LoadBalancerId", "")} - {""}


def _listeners(params: Mapping[str, Any]) -> set[str]:
    """Return every ListenerId that a write's parameters name."""
    parts = [params, *params.get("Targets", []), *params.get("ModifyList", [])]
    return {part["ListenerId"] for part in parts if "ListenerId" in part}


def _backends(params: Mapping[str, Any]) -> Iterator[str]:
    """Yield every InstanceId and EniIp that a write's parameters name."""
    for part in (params, *params.get("ModifyList", [])):
        for target in part.get("Targets", []):
            for name in ("InstanceId", "EniIp"):
                if name in target:
                    yield canonical_name(target[name])
