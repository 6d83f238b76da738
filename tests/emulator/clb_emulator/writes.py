# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions of the CLB API that change something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .cloud import TaskOverrides
from .operations import Operation, check_lengths, plan

if TYPE_CHECKING:
    from .call import Call
    from .cloud import Cloud
    from .faults import Fault

WRITES = frozenset(
    {
        "BatchRegisterTargets",
        "BatchDeregisterTargets",
        "BatchModifyTargetWeight",
        "BatchModifyTargetTag",
        "RegisterTargets",
    }
)

_BATCHES = ("BatchRegisterTargets", "BatchDeregisterTargets")


def write(cloud: Cloud, call: Call) -> dict[str, Any]:
    """Answer any of WRITES."""
    action, params, fault = call.action, call.params, call.fault
    check_lengths(action, params, cloud.settings.limits)
    balancer = cloud.application_balancer(params["LoadBalancerId"], call.region)
    if action != "BatchModifyTargetTag" or cloud.settings.tag_needs_free:
        cloud.check_free(balancer)
    operations, gone = plan(action, params, balancer, cloud.instances, cloud.settings)
    overrides = _overrides(fault)
    failed, message = sorted(gone), "The target is not bound." if gone else ""
    if fault is not None and fault.kind == "fail_listeners":
        named = {operation.pool.listener_id for operation in operations}
        failed = sorted(gone | (named if fault["listeners"] is None else named & set(fault["listeners"])))
        operations = _keep_applied(operations, set(failed), fault["apply"])
        operations = _keep_applied(operations, named - set(failed), fault["rest"])
        message = fault["message"]
    elif fault is not None and "apply" in fault.settings:
        operations = _keep_applied(operations, None, fault["apply"])
    if action == "BatchModifyTargetTag" and not cloud.settings.tag_is_task:
        call.entry["accepted"] = True
        now = cloud.clock.now()
        cloud.apply(operations, now, cloud.settings.read_lag if overrides.lag is None else overrides.lag)
        cloud.served.note_applied(balancer, now, call.entry)
        return {}
    is_task = {
        **dict.fromkeys(_BATCHES, cloud.settings.batch_is_task),
        "BatchModifyTargetWeight": cloud.settings.weight_is_task,
    }.get(action, True)
    call.wait = cloud.start(balancer, operations, call.entry, overrides, is_task=is_task)
    return _failed_listeners(cloud, failed, message) if action in _BATCHES else {}


def _overrides(fault: Fault | None) -> TaskOverrides:
    if fault is None:
        return TaskOverrides()
    kind = fault.kind
    return TaskOverrides(
        seconds=fault["seconds"] if kind == "task_slow" else fault.settings.get("task_seconds"),
        lag=fault["seconds"] if kind == "lag" else None,
        failure=fault["message"] if kind == "task_fails" else None,
        unknown=kind == "task_unknown",
        unknown_code=fault["code"] if kind == "task_unknown" else None,
    )


def _keep_applied(operations: list[Operation], listeners: set[str] | None, apply: str | float) -> list[Operation]:
    """Return the operations that are carried out although their listener, task or answer fails.

    :param listeners: the listeners that fail; None: all. Operations on others are kept.
    :param apply: of those on failing listeners, ``all``, ``some`` (every second one) or ``none`` are kept, or a share
        from 0 to 1, from the front.
    """
    failing = [item for item in operations if listeners is None or item.pool.listener_id in listeners]
    if isinstance(apply, str):
        kept = {"all": failing, "some": failing[::2], "none": []}[apply]
    else:
        kept = failing[: round(len(failing) * apply)]
    lost = {id(item) for item in failing} - {id(item) for item in kept}
    return [item for item in operations if id(item) not in lost]


def _failed_listeners(cloud: Cloud, failed: list[str], message: str) -> dict[str, Any]:
    answer: dict[str, Any] = {"Message": message or cloud.settings.batch_message}
    shape = cloud.settings.fail_listener_set
    if failed or shape == "list":
        answer["FailListenerIdSet"] = failed
    elif shape == "null":
        answer["FailListenerIdSet"] = None
    return answer
