# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What DescribeTargetHealth answered, parsed once. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from .._base.answers import (
    MAX_PORT,
    Record,
    Where,
    answer_place,
    each,
    flag,
    many,
    optional_text,
    text,
    text_or_empty,
    whole,
)
from .snapshot import Binding, PoolKey, Raw, answered_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

# Source of the fields: DescribeTargetHealthResponse, LoadBalancerHealth, ListenerHealth, RuleHealth and TargetHealth of
# the vendor's models. A listener of layer 4 answers as one rule, whose LocationId may be null or not.
_ANSWER = Record(many("LoadBalancers"))
_LOAD_BALANCER = Record(text("LoadBalancerId"), many("Listeners"))
_LISTENER = Record(text("ListenerId"), many("Rules"))
_RULE = Record(optional_text("LocationId"), many("Targets"))
_TARGET = Record(
    text_or_empty("IP"),
    optional_text("TargetId"),
    whole("Port", 0, MAX_PORT),
    flag("HealthStatus"),
    optional_text("HealthStatusDetail"),
    optional_text("HealthStatusDetial"),  # the vendor's own spelling, older than the other one
)


class Health(NamedTuple):
    """What the health check says of one target.

    :param healthy: whether the cloud sends traffic to it (at a weight above 0).
    :param detail: ``Alive``, ``Dead``, ``Unknown``, ``Close``, or what else the cloud says.
    :param in_doubt: whether its ``HealthStatus`` is true although its detail is none of a healthy target, or the answer
        says two things of it: it does not count as healthy, but it may well get traffic.
    """

    healthy: bool
    detail: str
    in_doubt: bool = False

    @classmethod
    def read(cls, healthy: bool | None, detail: str | None) -> Health | None:
        """Make one from what a result says of a target; None where its health is not known."""
        if healthy is None and detail in (None, NO_HEALTH.detail):
            return None
        return cls(bool(healthy), detail or NO_HEALTH.detail, in_doubt=healthy is None)

    @property
    def told(self) -> bool | None:
        """What a result says in ``healthy``: None where the detail is none that is known, and so proves nothing."""
        return None if self.in_doubt and self.detail not in _DETAILS else self.healthy

    @property
    def label(self) -> str:
        """The detail in messages; the API has one word for two things."""
        if self.detail == "Close" and not self.healthy:
            return "Close (the health check is switched off, or the listener is stopped)"
        return self.detail


_DETAILS = ("Alive", "Dead", "Unknown", "Close")
"""The words of ``HealthStatusDetail`` that the API documents."""
NO_HEALTH = Health(False, "Unknown")
"""Of a target that the answer does not mention."""


@dataclass(frozen=True)
class HealthSnapshot:
    """The health of the targets of one load balancer.

    :param index: by pool key, address (IP or target ID) and port.
    """

    index: Mapping[tuple[PoolKey, str, int], Health]

    def find(self, binding: Binding) -> Health | None:
        """The health of a binding.

        :returns: None where the answer does not mention it.
        """
        for address in _names(binding):
            found = self.index.get((binding.pool.key, address, binding.port))
            if found is not None:
                return found
        return None

    def of(self, binding: Binding) -> Health:
        """The health of a binding; unknown where the answer does not mention it."""
        return self.find(binding) or NO_HEALTH


def _names(binding: Binding) -> Iterable[str]:
    """What an answer may call a binding by, the surest first.

    The address comes before the ID: a network interface can carry the ID of the very instance that is bound beside it.
    """
    if binding.backend.instance_id is None:
        return binding.aliases or (binding.backend.address,)
    return (*binding.aliases[1:], binding.backend.instance_id)


def parse_health(answer: Raw, load_balancer_ids: Sequence[str]) -> dict[str, HealthSnapshot]:
    """Parse an answer of DescribeTargetHealth.

    :param load_balancer_ids: those that were asked for.
    :returns: for each of them; one that the answer does not mention has an empty snapshot.
    :raises UnexpectedAnswer: it is not what DescribeTargetHealth answers.
    """
    indices: dict[str, dict[tuple[PoolKey, str, int], Health]] = {
        load_balancer_id: {} for load_balancer_id in load_balancer_ids
    }
    root = answer_place("DescribeTargetHealth", answer)
    (raw_balancers,) = _ANSWER.read(answer, root)
    for where, (load_balancer_id, raw_listeners) in each(_LOAD_BALANCER, raw_balancers, root, "LoadBalancers"):
        index = indices.get(load_balancer_id, {})
        for key, names, port, health in _targets(raw_listeners, where):
            for name in names:
                known = index.get((key, name, port))
                index[key, name, port] = health if known is None else _worse(known, health)
    return {load_balancer_id: HealthSnapshot(index) for load_balancer_id, index in indices.items()}


def _targets(raw_listeners: list[Any] | None, where: Where) -> Iterator[tuple[PoolKey, tuple[str, ...], int, Health]]:
    """Each target with the keys of the pool that it may be in; on layer 4 that is the listener's, whatever the rule."""
    for in_listener, (listener_id, raw_rules) in each(_LISTENER, raw_listeners, where, "Listeners"):
        for in_rule, (location_id, raw_targets) in each(_RULE, raw_rules, in_listener, "Rules"):
            for _at, (ip, target_id, port, status, detail, misspelt) in each(_TARGET, raw_targets, in_rule, "Targets"):
                names = tuple(name for name in (answered_address(ip), target_id) if name)
                health = _health(status, detail or misspelt)
                yield (listener_id, None), names, port, health
                if location_id:
                    yield (listener_id, location_id), names, port, health


def _worse(one: Health, other: Health) -> Health:
    """Of two things that an answer says of one target, the one that promises less."""
    if one.healthy != other.healthy:
        return (other if one.healthy else one)._replace(in_doubt=True)
    # A target that is Close beside something else is on no stopped listener.
    return other if other.in_doubt or (one.detail == "Close" and not one.in_doubt) else one


def _health(status: bool, detail: str | None) -> Health:
    """Only a target whose HealthStatus is true gets traffic; where the answer has no detail, that says it all."""
    if not detail:
        return Health(status, "Alive" if status else "Unknown")
    healthy = status and detail in ("Alive", "Close")
    return Health(healthy, detail, in_doubt=status and not healthy)
