# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions of the CLB API, typed, with their limits. Field names are those of the vendor's SDK models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Protocol, TypeVar

from .._base import answers
from .._base.answers import MAX_COUNT, Record, Where, each, many, optional, optional_text, text, whole
from .._base.errors import OutcomeUnknown, Refused, UnexpectedAnswer, printable
from .._base.refusals import Concern
from .._bindings.health import HealthSnapshot, parse_health
from .._bindings.snapshot import Snapshot, parse_targets
from .members import ACTIONS, IDS, Capacity, members_of, sizes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .._bindings.change import Change

Key = TypeVar("Key")
Answer = TypeVar("Answer")

VERSION = "2018-03-17"
PAGE_SIZE = 100
"""Load balancers in one page of DescribeLoadBalancers."""
MAX_FILTERS = 10
"""Filters in one DescribeLoadBalancers."""
MAX_FILTER_VALUES = 100
"""Values of one such filter."""
LISTING_PASSES = 4
"""Reads of a listing before it counts as one that never stands still."""
OLDEST_FIRST = 0
"""``OrderType``: ascending by creation time; the API's default is descending."""

# Source of the fields: the response models of the vendor's SDK. Of ``Status`` new values may come.
_WRITTEN = Record(text("RequestId"), optional(many("FailListenerIdSet")), optional_text("Message"))
_TASK = Record(answers.any_whole("Status"), optional_text("Message"))
_LISTING = Record(whole("TotalCount", 0, MAX_COUNT), many("LoadBalancerSet"))
_LOAD_BALANCER = Record(
    text("LoadBalancerId"),
    answers.text_or_empty("LoadBalancerName"),
    optional(many("LoadBalancerVips")),
    optional_text("AddressIPv6"),
    optional_text("VpcId"),
    optional(many("Tags")),
)
_TAG = Record(text("TagKey"), optional_text("TagValue"))
_LISTENERS = Record(many("Listeners"))
_POOL = (
    optional_text("TargetType"),
    optional(whole("SessionExpireTime", 0, MAX_COUNT)),
    optional_text("Scheduler"),
    optional(answers.Field("HealthCheck", (dict,), "an object")),
)
_LISTENER = Record(
    text("ListenerId"), optional(many("Rules")), optional(whole("IdleConnectTimeout", 0, MAX_COUNT)), *_POOL
)
_RULE = Record(text("LocationId"), *_POOL)
_HEALTH_CHECK = Record(optional(whole("HealthSwitch", 0, 1)))


class Api(Protocol):
    """The part of the client that this module uses."""

    def read(self, action: str, params: Mapping[str, Any], *, last_attempt: bool = False) -> dict[str, Any]:
        """Send a request that changes nothing."""

    def write(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request that changes something, once."""


class Accepted(NamedTuple):
    """The answer to a write that the cloud has accepted.

    :param request_id: also the ID of the task.
    :param failed_listeners: IDs of the listeners that it could not do everything for; the message says why not.
    """

    request_id: str
    failed_listeners: frozenset[str]
    message: str


class TaskStatus(NamedTuple):
    """The state of a task."""

    done: bool
    failed: bool
    message: str


class LoadBalancer(NamedTuple):
    """One load balancer of a listing.

    :param vips: its virtual IP addresses, the IPv6 address last.
    :param tags: pairs of key and value; empty also where the cloud does not say.
    """

    load_balancer_id: str
    name: str
    vips: tuple[str, ...] = ()
    vpc_id: str | None = None
    tags: tuple[tuple[str, str], ...] = ()


class PoolSettings(NamedTuple):
    """The settings of a listener or rule; None where the API tells none.

    :param target_type: ``NODE``, ``TARGETGROUP`` and the like.
    :param session_seconds: of session persistence; 0 where it is off.
    :param idle_seconds: after which an idle connection is closed.
    :param health_check: True where it is on.
    """

    target_type: Optional[str] = None
    session_seconds: Optional[int] = None
    idle_seconds: Optional[int] = None
    scheduler: Optional[str] = None
    health_check: Optional[bool] = None


Settings = dict[tuple[str, Optional[str]], PoolSettings]
"""By listener ID and location ID, which is None for the listener itself."""


class Clb:
    """The CLB actions of one region. Each raises UnexpectedAnswer where an answer is not what the API documents."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.capacity = Capacity()

    def describe_targets(
        self, load_balancer_id: str, listener_ids: Sequence[str] | None = None, *, last_attempt: bool = False
    ) -> Snapshot:
        """Read what is bound, in one call.

        :param listener_ids: None for the whole load balancer. It is also read where these are too many for one call.
        :param last_attempt: send once, even in the budget's grace.
        """
        params: dict[str, Any] = {"LoadBalancerId": load_balancer_id}
        if listener_ids is not None and len(listener_ids) <= self.capacity.of("DescribeTargets", IDS):
            some = {**params, "ListenerIds": list(listener_ids)}
            try:
                answer = self.api.read("DescribeTargets", some, last_attempt=last_attempt)
            except Refused as refusal:
                if refusal.concerns is not Concern.LENGTH or len(listener_ids) == 1:
                    raise
                self.capacity.halve("DescribeTargets", IDS, len(listener_ids))
            else:
                return parse_targets(answer, tuple(listener_ids))
        return parse_targets(self.api.read("DescribeTargets", params, last_attempt=last_attempt), None)

    def describe_target_health(self, load_balancer_ids: Sequence[str]) -> dict[str, HealthSnapshot]:
        """Read the health of every target of some load balancers, in as few calls as the API takes.

        :returns: by load balancer ID; empty for one that an answer does not mention.
        """

        def ask(some: list[str]) -> dict[str, HealthSnapshot]:
            return parse_health(self.api.read("DescribeTargetHealth", {"LoadBalancerIds": some}), some)

        return self._in_calls("DescribeTargetHealth", load_balancer_ids, ask)

    def _in_calls(
        self, action: str, ids: Sequence[str], ask: Callable[[list[str]], Mapping[Key, Answer]]
    ) -> dict[Key, Answer]:
        """Ask about any number of IDs; a call that is too long for the API is halved, and so are those after it."""
        found: dict[Key, Answer] = {}
        start = 0
        while start < len(ids):
            some = list(ids[start : start + self.capacity.of(action, IDS)])
            try:
                found.update(ask(some))
            except Refused as refusal:
                if refusal.concerns is not Concern.LENGTH or len(some) == 1:
                    raise
                self.capacity.halve(action, IDS, len(some))
            else:
                start += len(some)
        return found

    def describe_task_status(self, task_id: str) -> TaskStatus:
        """Ask how a task stands; its ID is the request ID of the write."""
        answer = self.api.read("DescribeTaskStatus", {"TaskId": task_id})
        status, message = _TASK.read(answer, answers.answer_place("DescribeTaskStatus", answer))
        return TaskStatus(status in (0, 1), status == 1, printable(message or ""))

    def describe_listeners(self, load_balancer_id: str, listener_ids: Sequence[str]) -> Settings:
        """Read the settings of listeners and rules, as far as the answers tell them."""

        def ask(some: list[str]) -> Settings:
            params = {"LoadBalancerId": load_balancer_id, "ListenerIds": some}
            return dict(_parse_settings(self.api.read("DescribeListeners", params)))

        return self._in_calls("DescribeListeners", listener_ids, ask)

    def describe_load_balancers(
        self,
        name: str | None = None,
        *,
        load_balancer_ids: Sequence[str] | None = None,
        tags: Mapping[str, Sequence[str]] | None = None,
        with_backends: bool = False,
        forward_only: bool = False,
        oldest_first: bool = False,
    ) -> list[LoadBalancer]:
        """List load balancers, each once.

        :param name: the cloud's own filter, which is a fuzzy match; None for all.
        :param load_balancer_ids: only these, however many; None for all.
        :param tags: for each of at most 10 tags its possible values, at most 100; the cloud's own filter, which not
            every site knows.
        :param with_backends: only those with something bound.
        :param oldest_first: then one that is made meanwhile comes last, and moves no page.
        :raises UnexpectedAnswer: also where no two pages fit together.
        """
        params: dict[str, Any] = {}
        if name is not None:
            params["LoadBalancerName"] = name
        if tags:
            params["Filters"] = [{"Name": f"tag:{key}", "Values": list(values)} for key, values in tags.items()]
        if with_backends:
            params["WithRs"] = 1
        if oldest_first:
            params["OrderType"] = OLDEST_FIRST
        if forward_only:
            params["Forward"] = 1
        if load_balancer_ids is None:
            return list(self._list(params).values())
        wanted = list(dict.fromkeys(load_balancer_ids))
        found = self._in_calls(
            "DescribeLoadBalancers", wanted, lambda some: self._list({**params, "LoadBalancerIds": some})
        )
        return list(found.values())

    def _list(self, params: Mapping[str, Any]) -> dict[str, LoadBalancer]:
        """List until the pages fit together: what is made or deleted meanwhile moves them against each other."""
        for _attempt in range(LISTING_PASSES):
            found = self._list_once(params)
            if found is not None:
                return found
        raise UnexpectedAnswer(
            f"DescribeLoadBalancers was read {LISTING_PASSES} times, and each time its pages did not fit together, or "
            "held more or fewer load balancers than it counted. Run this again when none are made or deleted.",
            action="DescribeLoadBalancers",
        )

    def _list_once(self, params: Mapping[str, Any]) -> dict[str, LoadBalancer] | None:
        """List once; None where the pages do not fit together.

        Each page begins with the last load balancer of the page before it, so that a shift shows.
        """
        total, page = self._page(params, 0)
        found = {balancer.load_balancer_id: balancer for balancer in page}
        offset = len(page)
        # The rows of a page can hold one twice, so they are not what is counted.
        while page and len(found) < total:
            last = page[-1]
            overlap = min(1, len(page) - 1)
            count, page = self._page(params, offset - overlap)
            fresh = [balancer for balancer in page if balancer.load_balancer_id not in found]
            if count != total or not fresh or (overlap and page[0].load_balancer_id != last.load_balancer_id):
                return None
            found.update((balancer.load_balancer_id, balancer) for balancer in fresh)
            offset += len(page) - overlap
        return found if len(found) == total else None

    def _page(self, params: Mapping[str, Any], offset: int) -> tuple[int, list[LoadBalancer]]:
        answer = self.api.read("DescribeLoadBalancers", {**params, "Offset": offset, "Limit": PAGE_SIZE})
        root = answers.answer_place("DescribeLoadBalancers", answer)
        total, raw_balancers = _LISTING.read(answer, root)
        return total, [
            _load_balancer(where, values)
            for where, values in each(_LOAD_BALANCER, raw_balancers, root, "LoadBalancerSet")
        ]

    def write(self, load_balancer_id: str, changes: Sequence[Change]) -> Accepted:
        """Send one batch of changes of one kind.

        :raises OutcomeUnknown: also where the answer is not what the API documents.
        """
        action = ACTIONS[changes[0].kind]
        members = members_of(changes, self.capacity)
        answer = self.api.write(action, {"LoadBalancerId": load_balancer_id, **members})
        self.capacity.accept(action, sizes_of(members))
        try:
            return _parse_written(action, answer)
        except UnexpectedAnswer as violation:
            raise OutcomeUnknown.of(violation) from violation


def _parse_settings(answer: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str | None], PoolSettings]]:
    root = answers.answer_place("DescribeListeners", answer)
    (raw_listeners,) = _LISTENERS.read(answer, root)
    for where, (listener_id, raw_rules, idle_seconds, *pool) in each(_LISTENER, raw_listeners, root, "Listeners"):
        yield (listener_id, None), _settings(where, pool, idle_seconds)
        for at, (location_id, *rule) in each(_RULE, raw_rules, where, "Rules"):
            yield (listener_id, location_id), _settings(at, rule, None)


def _settings(where: Where, pool: Sequence[Any], idle_seconds: int | None) -> PoolSettings:
    target_type, session_seconds, scheduler, raw_check = pool
    switch = None if raw_check is None else _HEALTH_CHECK.read(raw_check, (where, "HealthCheck", 0))[0]
    check = None if switch is None else switch == 1
    return PoolSettings(target_type or None, session_seconds, idle_seconds, scheduler or None, check)


def _parse_written(action: str, answer: Mapping[str, Any]) -> Accepted:
    root = answers.answer_place(action, answer)
    request_id, failed_listeners, message = _WRITTEN.read(answer, root)
    if not answers.is_request_id(request_id):
        raise answers.unexpected(root, "RequestId", request_id, "an ID of at most 128 characters")
    answers.check_texts(failed_listeners, root, "FailListenerIdSet")
    return Accepted(request_id, frozenset(failed_listeners or ()), printable(message or ""))


def _load_balancer(where: Where, values: tuple[Any, ...]) -> LoadBalancer:
    load_balancer_id, name, vips, ipv6, vpc_id, tags = values
    answers.check_texts(vips, where, "LoadBalancerVips")
    return LoadBalancer(
        load_balancer_id,
        name,
        tuple(dict.fromkeys(filter(None, (*(vips or ()), ipv6)))),
        vpc_id or None,
        tuple((key, value or "") for _place, (key, value) in each(_TAG, tags, where, "Tags")),
    )
