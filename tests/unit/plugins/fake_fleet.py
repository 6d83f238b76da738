# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A region with several load balancers that can be changed, as the client shows it to the core."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.module_utils import _targets
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.client import CallCounts
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import Connection
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.fleet import Finished

from .builders import refused
from .fake_cloud import Clock, FakeCloud

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pytest

    from ansible_collections.tencentcloud.clb.plugins.module_utils._errors import ClbError
    from ansible_collections.tencentcloud.clb.plugins.module_utils._task import TaskResult

    from .builders import Raw

PARAMS: Raw = {
    "load_balancer_id": None,
    "load_balancer_name": None,
    "load_balancer_ids": None,
    "load_balancer_names": None,
    "all_load_balancers": False,
    "targets": [],
    "state": "present",
    "purge": False,
    "min_healthy": 0,
    "wait": True,
    "wait_for_health": False,
    "wait_timeout": 300,
    "timeout": 30,
}


@dataclass
class FakeFleet:
    """Load balancers on one clock.

    Args:
        clouds: by ID; the name of each is its ID with "name-" in front.
        errors: ID -> what reading it raises.
        one_by_one: whether the health of several in one call is refused.
    """

    clouds: dict[str, FakeCloud]
    errors: dict[str, ClbError] = field(default_factory=dict)
    one_by_one: bool = False
    clock: Clock = field(default_factory=Clock)
    calls: list[tuple[str, Raw]] = field(default_factory=list)

    @classmethod
    def of(cls, balancers: Mapping[str, list[Raw]], **options: Any) -> FakeFleet:
        """Make one from the listeners of each; `options` are those of every cloud."""
        return cls({one: FakeCloud(listeners, **options) for one, listeners in balancers.items()})

    def __post_init__(self) -> None:
        for cloud in self.clouds.values():
            cloud.clock = self.clock

    def connection(self) -> Connection:
        return Connection(Clb(self), "ap-guangzhou", CallCounts(), endpoint="clb.example.com")

    def read(self, action: str, params: Mapping[str, Any], **options: Any) -> Raw:
        self.calls.append((action, dict(params)))
        if action == "DescribeLoadBalancers":
            return self._list(params)
        if action == "DescribeTargetHealth":
            return self._health(params["LoadBalancerIds"])
        if action == "DescribeTaskStatus":
            identity, _, task = params["TaskId"].rpartition(" ")
            return self.clouds[identity].read(action, {"TaskId": task}, **options)
        identity = params["LoadBalancerId"]
        if identity in self.errors:
            raise self.errors[identity]
        if identity not in self.clouds:
            raise refused("InvalidParameter.LBIdNotFound", "no such load balancer", action)
        return self.clouds[identity].read(action, params, **options)

    def write(self, action: str, params: Mapping[str, Any]) -> Raw:
        self.calls.append((action, dict(params)))
        identity = params["LoadBalancerId"]
        answer = self.clouds[identity].write(action, params)
        return {**answer, "RequestId": f"{identity} {answer['RequestId']}"}

    def _list(self, params: Mapping[str, Any]) -> Raw:
        matching = [
            {"LoadBalancerId": one, "LoadBalancerName": f"name-{one}", "LoadBalancerVips": None}
            for one in self.clouds
            if params.get("LoadBalancerName", "") in f"name-{one}"
        ]
        start = params["Offset"]
        return {"LoadBalancerSet": matching[start : start + params["Limit"]], "TotalCount": len(matching)}

    def _health(self, load_balancer_ids: Sequence[str]) -> Raw:
        if self.one_by_one and len(load_balancer_ids) > 1:
            raise refused("InvalidParameterValue", "one at a time", "DescribeTargetHealth")
        answers = [{"LoadBalancerId": one, "Listeners": self.clouds[one]._health()} for one in load_balancer_ids]
        return {"LoadBalancers": answers}

    def count(self, action: str) -> int:
        return sum(one == action for one, _ in self.calls)

    def wrote_to(self) -> list[str]:
        """The load balancers that were written to, in the order of the first write."""
        return list(
            dict.fromkeys(params["LoadBalancerId"] for action, params in self.calls if action.startswith("Batch"))
        )

    def weights(self) -> dict[str, dict[str, int]]:
        """Load balancer -> address -> weight."""
        return {one: {bound[2]: bound[4] for bound in cloud.bound()} for one, cloud in self.clouds.items()}


def one_after_the_other(work: Callable[[Any], Any], items: Sequence[Any], max_threads: int = 1) -> list[Finished[Any]]:
    """As :func:`side_by_side`, so that a test on one clock goes the same way each time."""
    results = []
    for item in items:
        try:
            results.append(Finished(work(item)))
        except Exception as exc:  # noqa: BLE001 - as the real one
            results.append(Finished(error=exc))
    return results


def run_fleet(
    monkeypatch: pytest.MonkeyPatch,
    fleet: FakeFleet,
    *,
    check: bool = False,
    diff: bool = False,
    environ: Mapping[str, str] | None = None,
    **options: Any,
) -> TaskResult:
    """Run the task of the module ``targets`` on a fleet."""

    def budget(seconds: float, grace: float) -> Any:
        made = fleet.clock.budget(seconds, grace)
        for cloud in fleet.clouds.values():
            cloud.budget = made
        return made

    monkeypatch.setattr(_targets, "Budget", budget)
    monkeypatch.setattr(_targets, "connect", lambda *_args: fleet.connection())
    monkeypatch.setattr(_targets, "side_by_side", one_after_the_other)
    return _targets.run_task({**PARAMS, **options}, environ or {}, check_mode=check, diff=diff)


def actions_by_load_balancer(fleet: FakeFleet) -> Counter[str]:
    """How many writes each load balancer got."""
    return Counter(params["LoadBalancerId"] for action, params in fleet.calls if action.startswith("Batch"))
