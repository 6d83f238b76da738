# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbook drain_dead may drain. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError

from ..module_utils._bindings.guard import Standing, standing_of
from ..module_utils._bindings.health import Health
from ._rotation import Key, Raw, key_of, label_of, listed

if TYPE_CHECKING:
    from collections.abc import Iterable


def plan_drain_dead(asked: Iterable[Raw], pools: Iterable[Raw], minimum: object) -> Raw:
    """Choose the dead targets that may be drained.

    Where too few targets are healthy, the health check itself may be broken: there nothing is drained.

    :param asked: the targets that are to be drained where they are dead.
    :param pools: all targets of the same listeners and rules, with their health.
    :param minimum: ``clb_min_healthy``: how many targets of weight above 0 must be healthy.
    :returns: ``targets`` (to drain) and ``kept`` (a sentence for each listener or rule that keeps its dead ones).
    :raises AnsibleFilterError: ``clb_min_healthy`` is no whole number from 0.
    """
    if not str(minimum).strip().isdecimal():
        raise AnsibleFilterError(f"clb_min_healthy is {minimum!r}; give a whole number from 0.")
    required = int(str(minimum))
    meant = {key_of(target) for target in asked}
    healthy: Counter[Key] = Counter()
    dead: dict[Key, list[Raw]] = {}
    for target in (target for target in pools if target["weight"] > 0):
        key = key_of(target)
        health = Health.read(target["healthy"], target["health_status"])
        healthy[key[:3]] += standing_of(health) is Standing.HEALTHY
        if key in meant and target["health_status"] == "Dead":
            dead.setdefault(key[:3], []).append(target)
    return {
        "targets": [target for pool, found in dead.items() if healthy[pool] >= required for target in found],
        "kept": [
            f"{label_of(found[0])}: {healthy[pool]} targets of weight above 0 are healthy, and clb_min_healthy is "
            f"{required}. Not drained: {listed(map(_address, found))}."
            for pool, found in dead.items()
            if healthy[pool] < required
        ],
    }


def _address(target: Raw) -> Any:
    return target["instance_id"] or target["eni_ip"]
