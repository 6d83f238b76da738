# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions of the CLB API, typed, with their limits. Field names are those of the vendor's SDK models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .._bindings.change import Change, ChangeKind
from .._bindings.health import HealthSnapshot, parse_health
from .._bindings.snapshot import Snapshot, parse_targets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

VERSION = "2018-03-17"
MAX_TARGETS = 500
"""Targets in one call of a batch action."""
MAX_WEIGHT_ENTRIES = 100
"""Entries of ``ModifyList`` in one BatchModifyTargetWeight."""
MAX_WEIGHT_TARGETS = 50
"""Targets in one entry of ``ModifyList``."""
MAX_LISTENER_IDS = 20
"""Listener IDs in one DescribeTargets."""
PAGE_SIZE = 100
"""Load balancers in one page of DescribeLoadBalancers."""

ACTIONS = {
    ChangeKind.REGISTER: "BatchRegisterTargets",
    ChangeKind.WEIGHT: "BatchModifyTargetWeight",
    ChangeKind.TAG: "BatchModifyTargetTag",
    ChangeKind.DEREGISTER: "BatchDeregisterTargets",
}


class Api(Protocol):
    """What this module needs of the client."""

    def read(self, action: str, params: Mapping[str, Any], *, last_attempt: bool = False) -> dict[str, Any]:
        """Send a request that changes nothing."""

    def write(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request that changes something."""


class Accepted(NamedTuple):
    """What the cloud answered to a write that it took on.

    :param request_id: also the ID of the task; None where the answer has none.
    :param failed_listeners: IDs of the listeners that it could not do everything for.
    :param message: why not, in the cloud's words.
    """

    request_id: str | None
    failed_listeners: frozenset[str]
    message: str


class TaskStatus(NamedTuple):
    """How a task stands.

    :param done: whether it has ended.
    :param failed: whether it ended badly.
    :param message: why, in the cloud's words.
    """

    done: bool
    failed: bool
    message: str


class LoadBalancer(NamedTuple):
    """One load balancer of a listing.

    :param load_balancer_id: its ID.
    :param name: its name; not unique.
    :param vips: its virtual IP addresses.
    :param domain: its domain name, empty where it has none.
    """

    load_balancer_id: str
    name: str
    vips: tuple[str, ...] = ()
    domain: str = ""


class Clb:
    """The CLB actions of one region.

    :param api: the client that signs and sends.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def describe_targets(
        self, load_balancer_id: str, listener_ids: Sequence[str] | None = None, *, last_attempt: bool = False
    ) -> Snapshot:
        """Read what is bound, in one call.

        :param load_balancer_id: whose.
        :param listener_ids: at most 20; None for the whole load balancer.
        :param last_attempt: send once, even in the budget's grace.
        """
        params: dict[str, Any] = {"LoadBalancerId": load_balancer_id}
        if listener_ids is not None:
            params["ListenerIds"] = list(listener_ids)
        answer = self._api.read("DescribeTargets", params, last_attempt=last_attempt)
        return parse_targets(answer, None if listener_ids is None else tuple(listener_ids))

    def describe_target_health(self, load_balancer_id: str) -> HealthSnapshot:
        """Read the health of every target of a load balancer, in one call.

        :param load_balancer_id: whose.
        """
        answer = self._api.read("DescribeTargetHealth", {"LoadBalancerIds": [load_balancer_id]})
        return parse_health(answer, load_balancer_id)

    def describe_task_status(self, task_id: str) -> TaskStatus:
        """Ask how a task stands.

        :param task_id: the request ID of the write.
        """
        answer = self._api.read("DescribeTaskStatus", {"TaskId": task_id})
        status = answer.get("Status")
        return TaskStatus(status in (0, 1), status == 1, str(answer.get("Message") or ""))

    def describe_load_balancers(self, name: str | None = None) -> Iterator[LoadBalancer]:
        """List load balancers, page by page.

        :param name: the cloud's own filter, which is a fuzzy match; None for all.
        """
        offset = 0
        while True:
            params: dict[str, Any] = {"Offset": offset, "Limit": PAGE_SIZE}
            if name is not None:
                params["LoadBalancerName"] = name
            answer = self._api.read("DescribeLoadBalancers", params)
            page = answer.get("LoadBalancerSet") or ()
            for raw in page:
                yield LoadBalancer(
                    str(raw.get("LoadBalancerId") or ""),
                    str(raw.get("LoadBalancerName") or ""),
                    tuple(raw.get("LoadBalancerVips") or ()),
                    str(raw.get("Domain") or raw.get("LoadBalancerDomain") or ""),
                )
            offset += len(page)
            if not page or offset >= int(answer.get("TotalCount") or 0):
                return

    def write(
        self,
        load_balancer_id: str,
        changes: Sequence[Change],
        *,
        wait_when_busy: bool = True,  # noqa: ARG002 - as said
    ) -> Accepted:
        """Send one batch of changes of one kind.

        :param load_balancer_id: whose.
        :param changes: as many as :func:`batches` puts together.
        :param wait_when_busy: has no effect: a busy load balancer is for the caller to wait for.
        """
        kind = changes[0].kind
        params: dict[str, Any] = {"LoadBalancerId": load_balancer_id}
        if kind in (ChangeKind.REGISTER, ChangeKind.DEREGISTER):
            params["Targets"] = [_batch_target(change) for change in changes]
        else:
            params["ModifyList"] = list(_modify_list(kind, changes))
        answer = self._api.write(ACTIONS[kind], params)
        request_id = answer.get("RequestId")
        return Accepted(
            request_id=str(request_id) if request_id else None,
            failed_listeners=frozenset(answer.get("FailListenerIdSet") or ()),
            message=str(answer.get("Message") or ""),
        )


def _target(change: Change) -> dict[str, Any]:
    backend = change.backend
    address = {"InstanceId": backend.instance_id} if backend.instance_id else {"EniIp": backend.eni_ip}
    return {**address, "Port": change.port}


def _batch_target(change: Change) -> dict[str, Any]:
    target = {"ListenerId": change.pool.listener_id, **_target(change)}
    if change.pool.location_id is not None:
        target["LocationId"] = change.pool.location_id
    if change.kind is ChangeKind.REGISTER:
        if change.weight is not None:
            target["Weight"] = change.weight
        if change.tag:
            target["Tag"] = change.tag
    return target


def _modify_list(kind: ChangeKind, changes: Iterable[Change]) -> Iterator[dict[str, Any]]:
    """Entries of ``ModifyList``: one place and value each, of at most 50 targets."""
    groups: dict[tuple[str, str | None, str | None], list[dict[str, Any]]] = {}
    for change in changes:
        # An empty tag on a target falls back to the entry's tag (vendor's model RsTagRule), so the entry says it too.
        target = {
            **_target(change),
            **({"Weight": change.weight} if kind is ChangeKind.WEIGHT else {"Tag": change.tag}),
        }
        groups.setdefault((*change.pool.key, change.tag), []).append(target)
    for (listener_id, location_id, tag), targets in groups.items():
        for start in range(0, len(targets), MAX_WEIGHT_TARGETS):
            entry: dict[str, Any] = {"ListenerId": listener_id, "Targets": targets[start : start + MAX_WEIGHT_TARGETS]}
            if location_id is not None:
                entry["LocationId"] = location_id
            if kind is ChangeKind.TAG:
                entry["Tag"] = tag
            yield entry
