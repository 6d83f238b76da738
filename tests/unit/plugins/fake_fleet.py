# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A region with several load balancers that can be changed, as the client shows it to the core."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.client import CallCounts
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import Connection
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.threads import Finished
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks import targets as _targets
from clb_emulator.inprocess import InProcess, scenario_of

from .fake_cloud import INSTANCES, Clock, FakeCloud, send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pytest

    from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError
    from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.balancers import TaskResult

    from .builders import Raw

PARAMS: Raw = {
    "load_balancer_id": None,
    "load_balancer_name": None,
    "load_balancer_ids": None,
    "load_balancer_names": None,
    "load_balancer_tags": None,
    "all_load_balancers": False,
    "targets": [],
    "state": "present",
    "restore_file": None,
    "purge": False,
    "min_healthy": 0,
    "wait": True,
    "wait_for_health": False,
    "wait_timeout": 300,
    "timeout": 30,
}


@dataclass
class FakeFleet:
    """The load balancers of an emulator.

    Args:
        emulator: the name of each load balancer is its ID with "name-" in front.
        errors: ID -> what reading it raises.

    Attributes:
        clouds: each load balancer, by ID.
    """

    emulator: InProcess
    errors: dict[str, ClbError] = field(default_factory=dict)
    calls: list[tuple[str, Raw]] = field(default_factory=list)

    @classmethod
    def of(cls, balancers: Mapping[str, list[Raw]], **settings: Any) -> FakeFleet:
        """Make one from the listeners of each; `settings` are the emulator's."""
        scenario = scenario_of(balancers)
        for one in scenario["load_balancers"]:
            one["name"] = f"name-{one['id']}"
        settings = {"task_seconds": 1.0, **settings}
        return cls(InProcess(scenario, clock=Clock(), numbered_instances=INSTANCES, **settings))

    def __post_init__(self) -> None:
        ids = self.emulator.cloud.load_balancers
        self.clouds = {one: FakeCloud(emulator=self.emulator, load_balancer_id=one) for one in ids}
        self._tasks: dict[str, FakeCloud] = {}

    def connection(self) -> Connection:
        return Connection(Clb(self), "ap-guangzhou", CallCounts(), endpoint="clb.example.com")

    def read(self, action: str, params: Mapping[str, Any], **options: Any) -> Raw:
        self.calls.append((action, dict(params)))
        if action == "DescribeTaskStatus":
            return self._tasks[params["TaskId"]].read(action, params, **options)
        identity = params.get("LoadBalancerId")
        if identity in self.errors:
            raise self.errors[identity]
        if identity in self.clouds:
            return self.clouds[identity].read(action, params, **options)
        return send(self.emulator, action, params)

    def write(self, action: str, params: Mapping[str, Any]) -> Raw:
        self.calls.append((action, dict(params)))
        cloud = self.clouds[params["LoadBalancerId"]]
        answer = cloud.write(action, params)
        self._tasks[answer["RequestId"]] = cloud
        return answer

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
        clock = fleet.emulator.clock
        assert isinstance(clock, Clock)
        made = clock.budget(seconds, grace)
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
