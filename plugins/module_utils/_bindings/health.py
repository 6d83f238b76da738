# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The health of targets: an answer of DescribeTargetHealth, parsed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from .._base.answers import MAX_PORT, Record, answer_place, each, flag, many, optional_text, text, text_or_empty, whole
from .snapshot import Binding, BindingKey, PoolKey, Raw, answered_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .._base.answers import Where

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


_DETAILS = ("Alive", "Dead", "Unknown", "Close")
"""The words of ``HealthStatusDetail`` that the API documents."""


class Health(NamedTuple):
    """The health of one target, as the cloud's health check sees it.

    :param healthy: the cloud sends traffic to it (at a weight above 0).
    :param detail: one of ``_DETAILS``, or a new word of the cloud's.
    :param in_doubt: it does not count as healthy, but may well get traffic: its ``HealthStatus`` is true and its detail
        is none of a healthy target, or the answer says two things of it.
    """

    healthy: bool
    detail: str
    in_doubt: bool = False

    @classmethod
    def read(cls, healthy: bool | None, detail: str | None) -> Health | None:
        """The health in a result; None where it is not known."""
        if healthy is None and detail in (None, NO_HEALTH.detail):
            return None
        return cls(bool(healthy), detail or NO_HEALTH.detail, in_doubt=healthy is None)

    @property
    def told(self) -> bool | None:
        """The key ``healthy`` of a result: None where the detail is not a known one, and so proves nothing."""
        return None if self.in_doubt and self.detail not in _DETAILS else self.healthy


NO_HEALTH = Health(False, "Unknown")
"""Of a target that the answer does not mention."""


@dataclass(frozen=True)
class HealthSnapshot:
    """The health of the targets of one load balancer, by pool, address (IP or target ID) and port."""

    index: Mapping[BindingKey, Health]

    def find(self, binding: Binding) -> Health | None:
        """The health of a binding; None where the answer does not mention it."""
        names = binding.aliases
        if binding.backend.instance_id is not None:
            # The ID comes last: a network interface can carry the ID of the very instance that is bound beside it.
            names = (*names[1:], binding.backend.instance_id)
        found = (self.index.get((binding.pool.key, name, binding.port)) for name in names)
        return next((health for health in found if health is not None), None)

    def of(self, binding: Binding) -> Health:
        """The health of a binding; unknown where the answer does not mention it."""
        return self.find(binding) or NO_HEALTH


def parse_health(answer: Raw, load_balancer_ids: Sequence[str]) -> dict[str, HealthSnapshot]:
    """Parse an answer of DescribeTargetHealth.

    :returns: for each load balancer that was asked for; empty for one that the answer does not mention.
    :raises UnexpectedAnswer: it is not what DescribeTargetHealth answers.
    """
    indices: dict[str, dict[BindingKey, Health]] = {load_balancer_id: {} for load_balancer_id in load_balancer_ids}
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
    """Each target with each pool that it may be in; on layer 4 that is the listener, whatever the rule says."""
    for in_listener, (listener_id, raw_rules) in each(_LISTENER, raw_listeners, where, "Listeners"):
        for in_rule, (location_id, raw_targets) in each(_RULE, raw_rules, in_listener, "Rules"):
            for _at, (ip, target_id, port, status, detail, misspelt) in each(_TARGET, raw_targets, in_rule, "Targets"):
                names = tuple(name for name in (answered_address(ip), target_id) if name)
                health = _health(status, detail or misspelt)
                yield (listener_id, None), names, port, health
                if location_id:
                    yield (listener_id, location_id), names, port, health


def _worse(one: Health, other: Health) -> Health:
    """The one that promises less, where an answer says two things of one target."""
    if one.healthy != other.healthy:
        return (other if one.healthy else one)._replace(in_doubt=True)
    # A target that is Close, and something else too, is on no stopped listener.
    return other if other.in_doubt or (one.detail == "Close" and not one.in_doubt) else one


def _health(status: bool, detail: str | None) -> Health:
    if not detail:
        return Health(status, "Alive" if status else "Unknown")
    healthy = status and detail in ("Alive", "Close")
    return Health(healthy, detail, in_doubt=status and not healthy)
