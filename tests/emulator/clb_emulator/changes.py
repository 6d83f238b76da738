# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes by another writer, made at once and without an API call: bind, delete a listener, and so on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from . import seed
from .clock import iso
from .errors import ApiError
from .operations import Operation, plan

if TYPE_CHECKING:
    from .cloud import Cloud
    from .model import Listener, LoadBalancer

_NO_QUOTA = 1 << 30

Change = Callable[["Cloud", Any, float], None]
"""Takes the cloud, the change's payload, and the moment (seconds since the start)."""


def carry_out(cloud: Cloud, name: str, payload: Any, moment: float) -> None:
    """Carry out one change.

    :param name: a key of CHANGES.
    :param moment: when it happens, in seconds since the start.
    :raises ValueError: the payload means nothing, or the change is impossible.
    :raises LookupError: what it names does not exist.
    """
    CHANGES[name](cloud, payload, moment)


def _operations(cloud: Cloud, action: str, targets: list[dict[str, Any]]) -> list[Operation]:
    """Read targets given as API parameters, each with the LoadBalancerId beside them."""
    settings = replace(cloud.settings, target_quota=_NO_QUOTA, deregister_gone="error", reregister="keep")
    operations = []
    for target in targets:
        entry = dict(target)
        balancer = cloud.load_balancers[entry.pop("LoadBalancerId")]
        params = {"ModifyList": [{**entry, "Targets": [entry]}]} if "Modify" in action else {"Targets": [entry]}
        try:
            operations += plan(action, params, balancer, cloud.instances, settings)[0]
        except ApiError as error:
            raise ValueError(str(error)) from error
    return operations


def _bind(cloud: Cloud, targets: list[dict[str, Any]], moment: float) -> None:
    for operation in _operations(cloud, "BatchRegisterTargets", targets):
        cloud.bind(operation.pool, operation, moment)


def _apply(action: str, cloud: Cloud, targets: list[dict[str, Any]], moment: float) -> None:
    cloud.apply(_operations(cloud, action, targets), moment)


def _balancer(cloud: Cloud, payload: dict[str, Any]) -> LoadBalancer:
    balancer = cloud.load_balancers.get(payload["load_balancer_id"])
    if balancer is None:
        raise LookupError(f"there is no load balancer {payload['load_balancer_id']}")
    return balancer


def _listener(cloud: Cloud, payload: dict[str, Any]) -> Listener:
    listener = _balancer(cloud, payload).listeners.get(payload["listener_id"])
    if listener is None:
        raise LookupError(f"{payload['load_balancer_id']} has no listener {payload['listener_id']}")
    return listener


def _create_load_balancer(cloud: Cloud, raw: dict[str, Any], moment: float) -> None:
    created = raw.get("created", iso(cloud.clock.wall()))
    balancer = seed.make_load_balancer(raw, cloud.scenario.region, created, cloud.instances)
    if balancer.id in cloud.load_balancers:
        raise ValueError(f"there is a load balancer {balancer.id} already")
    cloud.load_balancers[balancer.id] = balancer
    for pool in balancer.pools:
        cloud.served.sample(pool, moment)


def _delete_load_balancer(cloud: Cloud, payload: dict[str, Any], moment: float) -> None:
    del cloud.load_balancers[_balancer(cloud, payload).id]


def _create_listener(cloud: Cloud, payload: dict[str, Any], moment: float) -> None:
    listener = seed.add_listener(_balancer(cloud, payload), payload["listener"], cloud.instances)
    for pool in listener.pools:
        cloud.served.sample(pool, moment)


def _delete_listener(cloud: Cloud, payload: dict[str, Any], moment: float) -> None:
    del _balancer(cloud, payload).listeners[_listener(cloud, payload).id]


def _create_rule(cloud: Cloud, payload: dict[str, Any], moment: float) -> None:
    rule = seed.add_rule(_balancer(cloud, payload), _listener(cloud, payload), payload["rule"], cloud.instances)
    cloud.served.sample(rule.pool, moment)


def _delete_rule(cloud: Cloud, payload: dict[str, Any], moment: float) -> None:
    rules = _listener(cloud, payload).rules or {}
    if payload["location_id"] not in rules:
        raise LookupError(f"{payload['listener_id']} has no rule {payload['location_id']}")
    del rules[payload["location_id"]]


def _stop_listener(cloud: Cloud, payload: dict[str, Any], moment: float) -> None:
    cloud.health.stopped_listeners.add(_listener(cloud, payload).id)
    cloud.served.sample_all(moment)


def _start_listener(cloud: Cloud, payload: dict[str, Any], moment: float) -> None:
    cloud.health.stopped_listeners.discard(_listener(cloud, payload).id)
    cloud.served.sample_all(moment)


def _health(cloud: Cloud, marks: dict[str, Any], moment: float) -> None:
    cloud.health.mark(**marks)
    cloud.served.sample_all(moment)


def _lock(cloud: Cloud, payload: dict[str, Any], moment: float) -> None:
    cloud.lock(_balancer(cloud, payload), payload["seconds"], moment)


def _expire(cloud: Cloud, payload: None, moment: float) -> None:
    cloud.accounts.expire()


def _settings(cloud: Cloud, payload: dict[str, Any], moment: float) -> None:
    cloud.configure(payload)


def _faults(cloud: Cloud, payload: list[dict[str, Any]], moment: float) -> None:
    cloud.faults.add(payload)


CHANGES: dict[str, Change] = {
    "bind": _bind,
    "unbind": partial(_apply, "BatchDeregisterTargets"),
    "weight": partial(_apply, "BatchModifyTargetWeight"),
    "tag": partial(_apply, "BatchModifyTargetTag"),
    "create_load_balancer": _create_load_balancer,
    "delete_load_balancer": _delete_load_balancer,
    "create_listener": _create_listener,
    "delete_listener": _delete_listener,
    "stop_listener": _stop_listener,
    "start_listener": _start_listener,
    "create_rule": _create_rule,
    "delete_rule": _delete_rule,
    "health": _health,
    "lock": _lock,
    "expire": _expire,
    "settings": _settings,
    "faults": _faults,
}
"""Name -> change. README.md describes the payload of each."""
