# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests' own way in, under ``/_control/``: faults, journal, state, and changes behind the operator's back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ApiError
from .operations import Operation, plan

if TYPE_CHECKING:
    from .cloud import Cloud

_NO_QUOTA = 1 << 30


def handle(cloud: Cloud, method: str, name: str, payload: Any) -> Any:
    """Carry out one request and return what to answer as JSON.

    :raises LookupError: there is no such request.
    :raises ValueError: the payload is malformed.
    """
    handlers = {
        ("GET", "journal"): cloud.journal.read,
        ("DELETE", "journal"): cloud.restart_journal,
        ("GET", "now"): cloud.settle,
        ("GET", "state"): cloud.state,
        ("POST", "faults"): lambda: cloud.faults.add(payload),
        ("DELETE", "faults"): cloud.faults.clear,
        ("POST", "bind"): lambda: _bind(cloud, payload),
        ("POST", "unbind"): lambda: _unbind(cloud, payload),
        ("POST", "health"): lambda: cloud.mark_health(**payload),
        ("POST", "expire"): cloud.accounts.expire,
    }
    cloud.settle()
    return handlers[method, name]()


def _operations(cloud: Cloud, action: str, targets: list[dict[str, Any]]) -> list[Operation]:
    """Read targets given as API parameters, each with the LoadBalancerId beside them."""
    operations = []
    for target in targets:
        entry = dict(target)
        balancer = cloud.load_balancers[entry.pop("LoadBalancerId")]
        try:
            operations += plan(action, {"Targets": [entry]}, balancer, cloud.instances, _NO_QUOTA)
        except ApiError as error:
            raise ValueError(str(error)) from error
    return operations


def _bind(cloud: Cloud, targets: list[dict[str, Any]]) -> None:
    for operation in _operations(cloud, "BatchRegisterTargets", targets):
        cloud.bind(operation.pool, operation)


def _unbind(cloud: Cloud, targets: list[dict[str, Any]]) -> None:
    cloud.apply(_operations(cloud, "BatchDeregisterTargets", targets), cloud.settle())
