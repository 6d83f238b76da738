# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulated cloud inside a program: calls are function calls, and time passes only in sleep().

For unit tests of a client's core, without HTTP and without real waiting::

    cloud = InProcess(scenario_of({"lb-1": listeners}), task_seconds=2)
    task = cloud.call("BatchRegisterTargets", {"LoadBalancerId": "lb-1", "Targets": [...]})["RequestId"]
    cloud.sleep(2)
    assert cloud.call("DescribeTaskStatus", {"TaskId": task})["Status"] == 0

Everything that a scenario says holds here, too; only signatures, TLS and ``keepalive_ms`` have no meaning.
"""

from __future__ import annotations

import json
import math
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import api, changes, views
from .answer import to_json
from .clock import VirtualClock
from .cloud import Cloud
from .errors import ApiError, BrokenAnswer
from .model import NODE
from .queries import Reads
from .scenario import parse
from .writes import WRITES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .alterations import Alter
    from .clock import Clock


class InProcess(Reads):
    """A cloud in this process.

    :param scenario: as in a scenario file.
    :param clock: a VirtualClock where none is given; a ScaledClock for tests with threads.
    :param settings: keys that replace those of the scenario. There is no rate limit unless one is given.
    :raises ValueError: the scenario is malformed.
    """

    def __init__(
        self, scenario: Mapping[str, Any] | None = None, *, clock: Clock | None = None, **settings: Any
    ) -> None:
        parsed = parse({"rate_limit": 0, **(scenario or {}), **settings})
        self.clock = VirtualClock(parsed.settings.clock_offset) if clock is None else clock
        self.cloud = Cloud(parsed, self.clock)
        self.region = parsed.region
        self._lock = threading.RLock()

    def call(self, action: str, params: Mapping[str, Any], *, region: str | None = None) -> dict[str, Any]:
        """Send one call, and wait on the clock as long as its answer takes.

        :param params: the API's parameters. They are copied.
        :param region: the region it is sent to; None: the scenario's.
        :returns: the ``Response``, a copy that the caller may change.
        :raises ApiError: it has an ``Error``.
        :raises BrokenAnswer: there is no sound answer, because a fault was ordered.
        """
        with self._lock:
            sent = json.loads(json.dumps(params))
            answer = api.handle_unsigned(self.cloud, action, sent, region or self.region)
        self.sleep(answer.delay)
        if answer.cut:
            raise BrokenAnswer("the connection was cut", answer)
        if answer.status != 200:
            raise BrokenAnswer(f"HTTP status {answer.status}", answer)
        try:
            response = json.loads(answer.body)["Response"]
        except (ValueError, LookupError, TypeError):
            raise BrokenAnswer("the body is no answer", answer) from None
        if isinstance(response, dict) and isinstance(response.get("Error"), dict):
            error = response["Error"]
            raise ApiError(error.get("Code", ""), error.get("Message", ""), request_id=response.get("RequestId"))
        found: dict[str, Any] = response
        return found

    def now(self) -> float:
        """Return the present moment: seconds since the start."""
        return self.clock.now()

    def sleep(self, seconds: float) -> None:
        """Move the clock forward, and do everything that is due by then."""
        self.clock.sleep(seconds)
        with self._lock:
            self.cloud.settle()

    def configure(self, **settings: Any) -> None:
        """Change settings from now on."""
        with self._lock:
            self.cloud.configure(settings)

    def change(self, name: str, payload: Any = None) -> None:
        """Make a change as another writer would, at once; see changes.CHANGES.

        :raises ValueError: the payload means nothing, or the change is impossible.
        :raises LookupError: what it names does not exist.
        """
        with self._lock:
            changes.carry_out(self.cloud, name, payload, self.cloud.settle())

    def add_faults(self, *faults: Mapping[str, Any]) -> None:
        """Order faults.

        :raises ValueError: one is malformed.
        """
        with self._lock:
            self.cloud.faults.add(faults)

    @contextmanager
    def faults_first(self, *faults: Mapping[str, Any]) -> Iterator[None]:
        """Order faults for a ``with`` block, in which other threads wait; its calls meet them before all others.

        :raises ValueError: one is malformed.
        """
        with self._lock, self.cloud.faults.first(faults):
            yield

    def add_events(self, *events: Mapping[str, Any]) -> None:
        """Schedule changes by another writer.

        :raises ValueError: one is malformed.
        """
        with self._lock:
            self.cloud.events.add(events)

    def alter(self, action: str, function: Alter, *, times: int = -1, skip: int = 0) -> None:
        """Let a function change the answers of an action; see alterations.Alterations.add."""
        with self._lock:
            self.cloud.alterations.add(action, function, times=times, skip=skip)

    def journal(self) -> list[dict[str, Any]]:
        """Return everything that happened, oldest first; see journal.Journal for the entries."""
        with self._lock:
            return self.cloud.journal.read()

    def writes(self) -> list[dict[str, Any]]:
        """Return the journal's writes, refused ones included."""
        return [entry for entry in self.calls() if entry["action"] in WRITES]

    def state(self) -> list[dict[str, Any]]:
        """Return every binding, without any lag; see cloud.Cloud.state."""
        with self._lock:
            self.cloud.settle()
            return self.cloud.state()

    def listeners(self, load_balancer_id: str) -> list[dict[str, Any]]:
        """Return the listeners of a load balancer as DescribeTargets answers them, without any lag."""
        with self._lock:
            self.cloud.settle()
            listeners = self.cloud.load_balancers[load_balancer_id].listeners.values()
            answered = [
                views.listener_backend(item, self.cloud.settings, math.inf, None, list((item.rules or {}).values()))
                for item in listeners
            ]
        found: list[dict[str, Any]] = json.loads(to_json(answered))
        return found


def scenario_of(load_balancers: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return a scenario with these load balancers.

    :param load_balancers: ID -> its listeners, as DescribeTargets answers them; where one or its rule is bound to a
        target group, with a ``TargetType`` as DescribeListeners answers it.
    """
    instances: dict[str, Any] = {}
    balancers = [
        {"id": identity, "listeners": [_listener(item, instances) for item in listeners]}
        for identity, listeners in load_balancers.items()
    ]
    return {"instances": instances, "load_balancers": balancers}


def _listener(answered: Mapping[str, Any], instances: dict[str, Any]) -> dict[str, Any]:
    listener: dict[str, Any] = {
        "id": answered["ListenerId"],
        "protocol": answered["Protocol"],
        "port": answered["Port"],
        "end_port": answered.get("EndPort"),
        "target_type": answered.get("TargetType", NODE),
        "function_targets": answered.get("FunctionTargets"),
    }
    if answered.get("Rules") is None:
        listener["targets"] = _targets(answered.get("Targets") or (), instances)
    else:
        listener["rules"] = [
            {
                "id": rule["LocationId"],
                "domain": rule["Domain"],
                "url": rule["Url"],
                "target_type": rule.get("TargetType", listener["target_type"]),
                "targets": _targets(rule.get("Targets") or (), instances),
                "function_targets": rule.get("FunctionTargets"),
            }
            for rule in answered["Rules"]
        ]
    return listener


_EXPRESSED = frozenset({"Type", "InstanceId", "Port", "Weight", "PrivateIpAddresses", "Tag"})


def _targets(answered: Iterable[Mapping[str, Any]], instances: dict[str, Any]) -> list[dict[str, Any]]:
    targets = []
    for item in answered:
        addresses = list(item["PrivateIpAddresses"])
        target: dict[str, Any] = {
            "type": item["Type"],
            "port": item["Port"],
            "weight": item["Weight"],
            "tag": item.get("Tag"),
            # Fields without a key in a scenario are answered as given.
            "extra": {name: value for name, value in item.items() if name not in _EXPRESSED},
        }
        if item.get("InstanceId"):
            target["instance_id"] = item["InstanceId"]
        if item["Type"].upper() == "CVM":
            instances.setdefault(item["InstanceId"], {"ip": addresses[0]})
            target["private_ips"] = addresses[1:]
        else:
            target["private_ips"] = addresses
        targets.append(target)
    return targets
