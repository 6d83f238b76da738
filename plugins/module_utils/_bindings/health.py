# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What DescribeTargetHealth answered, parsed once. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from .snapshot import LAYER7_PROTOCOLS, Binding, PoolKey, Raw, _address

if TYPE_CHECKING:
    from collections.abc import Mapping


class Health(NamedTuple):
    """What the health check says of one target.

    :param healthy: whether it gets traffic; a check that is switched off (``Close``) counts as healthy.
    :param detail: ``Alive``, ``Dead``, ``Unknown``, ``Close``, or what else the cloud says.
    """

    healthy: bool
    detail: str


NO_HEALTH = Health(False, "Unknown")
"""Of a target that the answer does not mention."""


@dataclass(frozen=True)
class HealthSnapshot:
    """What one DescribeTargetHealth answered.

    :param index: by pool key, address (target ID or IP) and port.
    """

    index: Mapping[tuple[PoolKey, str, int], Health]

    def of(self, binding: Binding) -> Health:
        """The health of a binding; unknown where the answer does not mention it.

        :param binding: which.
        """
        # The address first: a network interface can carry the ID of the very instance that is bound beside it.
        for alias in reversed(binding.aliases or (binding.backend.address,)):
            found = self.index.get((binding.pool.key, alias, binding.port))
            if found is not None:
                return found
        return NO_HEALTH


def parse_health(answer: Raw, load_balancer_id: str) -> HealthSnapshot:
    """Parse an answer of DescribeTargetHealth.

    Layer-4 listeners answer as one rule without domain and URL.

    :param answer: its ``Response``.
    :param load_balancer_id: which load balancer of the answer.
    """
    index: dict[tuple[PoolKey, str, int], Health] = {}
    for balancer in answer.get("LoadBalancers") or ():
        if balancer.get("LoadBalancerId") not in (load_balancer_id, None):
            continue
        for listener in balancer.get("Listeners") or ():
            layer7 = str(listener.get("Protocol") or "").upper() in LAYER7_PROTOCOLS
            for rule in listener.get("Rules") or ():
                location = str(rule.get("LocationId") or "") if layer7 or rule.get("Domain") else None
                key = (str(listener.get("ListenerId") or ""), location)
                for target in rule.get("Targets") or ():
                    health = _parse_target_health(target)
                    for address in (_address(target.get("IP")), _address(target.get("TargetId"))):
                        if address is not None:
                            index.setdefault((key, address, int(target.get("Port") or 0)), health)
    return HealthSnapshot(index)


def _parse_target_health(raw: Raw) -> Health:
    detail = raw.get("HealthStatusDetail") or raw.get("HealthStatusDetial")
    if detail:
        return Health(str(detail) in ("Alive", "Close"), str(detail))
    alive = bool(raw.get("HealthStatus"))
    return Health(alive, "Alive" if alive else "Unknown")
