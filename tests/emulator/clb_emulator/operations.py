# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parameters of a write, turned into single operations on bindings, each checked against what is bound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .errors import ApiError
from .model import DEFAULT_WEIGHT, NODE, Listener, LoadBalancer, Pool, canonical_ip

if TYPE_CHECKING:
    from .instances import Instance, Instances
    from .settings import Settings

Verb = Literal["register", "deregister", "weight", "tag"]
Params = Mapping[str, Any]


@dataclass
class Operation:
    """One change of one binding. ``spelling`` is the address as it was sent, ``weight`` and ``tag`` the new values."""

    verb: Verb
    pool: Pool
    address: str
    port: int
    spelling: str
    instance: Instance | None
    weight: int = DEFAULT_WEIGHT
    tag: str = ""


def check_lengths(action: str, params: Params, limits: Mapping[str, int]) -> None:
    """Check how many targets and entries a write has.

    :param limits: as in settings.LIMITS.
    :raises ApiError: none, or more than the API takes.
    """
    if action == "RegisterTargets":
        _length("Targets", len(params["Targets"]), limits["single_targets"])
    elif "ModifyList" in params:
        entries = params["ModifyList"]
        if action == "BatchModifyTargetWeight":
            _length("ModifyList", len(entries), limits["entries"])
            for index, entry in enumerate(entries):
                _length(f"ModifyList.{index}.Targets", len(entry["Targets"]), limits["entry_targets"])
        _length("ModifyList.Targets", sum(len(entry["Targets"]) for entry in entries), limits["targets"])
    else:
        _length("Targets", len(params["Targets"]), limits["targets"])


def plan(
    action: str, params: Params, balancer: LoadBalancer, instances: Instances, settings: Settings
) -> tuple[list[Operation], set[str]]:
    """Check the parameters of a write against what is bound, and turn them into operations.

    :returns: the operations, and the listeners that fail because a target to be deregistered is gone.
    :raises ApiError: one of them is impossible; the whole call is refused then.
    """
    operations: list[Operation] = []
    failed: set[str] = set()
    for verb, entry, target in _flatten(action, params):
        pool = _pool(balancer, entry, settings)
        address, spelling, instance = _address(target, instances)
        operation = Operation(
            verb=verb,
            pool=pool,
            address=address,
            port=_in_range("Port", target["Port"], 1, 65535),
            spelling=spelling,
            instance=instance,
            weight=_in_range("Weight", target.get("Weight", entry.get("Weight", settings.default_weight)), 0, 100),
            tag=target.get("Tag") or entry.get("Tag") or "",
        )
        if verb == "register" or pool.find(address, operation.port) is not None:
            operations.append(operation)
        elif verb == "deregister" and settings.deregister_gone != "error":
            if settings.deregister_gone != "ignore":
                failed.add(pool.listener_id)
        else:
            raise ApiError(
                "InvalidParameter",
                f"The target {spelling}:{operation.port} is not bound to {pool.name}.",
                situation="unknown_target",
            )
    if settings.deregister_gone == "fail_listener":
        operations = [operation for operation in operations if operation.pool.listener_id not in failed]
    operations = _distinct(operations, settings)
    _check_quota(operations, settings.target_quota, all_count=settings.quota_counts == "sent")
    return operations, failed


def _distinct(operations: list[Operation], settings: Settings) -> list[Operation]:
    """Return one operation for each binding, as the settings say.

    :raises ApiError: the settings refuse what is listed twice, or bound already.
    """
    chosen: dict[tuple[int, str, int], Operation] = {}
    for operation in operations:
        key = (id(operation.pool), operation.address, operation.port)
        name = f"{operation.spelling}:{operation.port}"
        if key in chosen and settings.repeated == "refuse":
            message = f"The target {name} is listed twice for {operation.pool.name}."
            raise ApiError("InvalidParameterValue.Duplicate", message, situation="duplicate")
        is_bound = operation.verb == "register" and operation.pool.find(operation.address, operation.port) is not None
        if is_bound and settings.reregister == "refuse":
            message = f"The target {name} is bound to {operation.pool.name} already."
            raise ApiError("InvalidParameterValue.Duplicate", message, situation="bound_already")
        if key not in chosen or settings.repeated == "last":
            chosen[key] = operation
    return list(chosen.values())


def _flatten(action: str, params: Params) -> Iterable[tuple[Verb, Params, Params]]:
    """Yield the verb, the part of the parameters that names listener and rule, and the target."""
    if "ModifyList" in params:
        verb: Verb = "weight" if action == "BatchModifyTargetWeight" else "tag"
        for entry in params["ModifyList"]:
            for target in entry["Targets"]:
                yield verb, entry, target
    elif action == "RegisterTargets":
        for target in params["Targets"]:
            yield "register", params, target
    else:
        for target in params["Targets"]:
            yield "register" if action == "BatchRegisterTargets" else "deregister", target, target


def _pool(balancer: LoadBalancer, entry: Params, settings: Settings) -> Pool:
    listener = balancer.listeners.get(entry["ListenerId"])
    if listener is None:
        raise ApiError(
            "InvalidParameter.ListenerIdNotFound",
            f"The listener `{entry['ListenerId']}` is not found.",
            situation="unknown_listener",
        )
    pool = _layer4(listener, entry) if listener.rules is None else _layer7(listener, entry)
    if pool.target_type != NODE:
        bare = settings.target_group_refusal == "bare"
        message = f"The {pool.name} is bound to a target group and takes no targets."
        raise ApiError(settings.target_group_code, "The request is not valid." if bare else message)
    return pool


def _layer4(listener: Listener, entry: Params) -> Pool:
    for name in ("LocationId", "Domain", "Url"):
        if entry.get(name):
            raise ApiError(
                "InvalidParameter.ProtocolCheckFailed",
                f"`{name}` is not supported by the {listener.protocol} listener `{listener.id}`.",
                situation="rule_on_layer4",
            )
    return listener.pool


def _layer7(listener: Listener, entry: Params) -> Pool:
    rules = listener.rules or {}
    wanted = entry.get("LocationId")
    if wanted:
        rule = rules.get(wanted)
    elif "Domain" in entry and "Url" in entry:
        wanted = entry["Domain"] + entry["Url"]
        names = (entry["Domain"].lower(), entry["Url"])
        rule = next((rule for rule in rules.values() if (rule.domain.lower(), rule.url) == names), None)
    else:
        raise ApiError(
            "InvalidParameter.LocationNotFound",
            f"The {listener.protocol} listener `{listener.id}` needs a `LocationId`.",
            situation="no_rule",
        )
    if rule is None:
        raise ApiError(
            "InvalidParameter.LocationNotFound",
            f"The location `{wanted}` is not found in listener `{listener.id}`.",
            situation="unknown_rule",
        )
    return rule.pool


def _address(target: Params, instances: Instances) -> tuple[str, str, Instance | None]:
    """Return the canonical address, its spelling, and the instance there, if any."""
    instance_id, eni_ip = target.get("InstanceId"), target.get("EniIp")
    if instance_id and eni_ip:
        raise ApiError("InvalidParameter", "Only one of `InstanceId` and `EniIp` can be specified.")
    if instance_id:
        instance = instances.get(instance_id)
        return instance.ip, instance.ip, instance
    if not eni_ip:
        raise ApiError("MissingParameter", "One of `InstanceId` and `EniIp` must be specified.")
    try:
        address = canonical_ip(eni_ip)
    except ValueError:
        raise ApiError("InvalidParameter.FormatError", f"`EniIp` {eni_ip} is not an IP address.") from None
    return address, eni_ip, instances.at(address)


def _check_quota(operations: Iterable[Operation], quota: int, *, all_count: bool) -> None:
    """Check how many targets the listeners and rules would have.

    :param all_count: what is registered again counts, too, beside what is bound.
    """
    counted = {
        (id(operation.pool), operation.address, operation.port): operation.pool
        for operation in operations
        if operation.verb == "register" and (all_count or not operation.pool.find(operation.address, operation.port))
    }
    pools = {id(pool): pool for pool in counted.values()}
    for key, count in Counter(map(id, counted.values())).items():
        if len(pools[key]) + count > quota:
            raise ApiError(
                "LimitExceeded",
                f"The number of targets bound to {pools[key].name} exceeds the quota of {quota}.",
                situation="quota",
            )


def _length(name: str, count: int, maximum: int) -> None:
    if not 1 <= count <= maximum:
        raise ApiError(
            "InvalidParameterValue.Length",
            f"The length of `{name}` is {count}; it must be 1 to {maximum}.",
            situation="length",
        )


def _in_range(name: str, value: int, minimum: int, maximum: int) -> int:
    if not minimum <= value <= maximum:
        raise ApiError(
            "InvalidParameterValue.Range", f"`{name}` is {value}; it must be {minimum} to {maximum}.", situation="range"
        )
    return value
