# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook drain_dead: which dead targets may be drained."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from ..module_utils._bindings.guard import Standing, standing_of
from ..module_utils._bindings.health import Health
from ._rotation import Key, Raw, backend_of, key_of, label_of, listed
from ._rotation_read import Modules, Stop, failure, read_pools, stop_if

if TYPE_CHECKING:
    from collections.abc import Iterable


def find_dead(modules: Modules, *, selectors: list[Raw], min_healthy: object, region: str | None = None) -> Raw:
    """Read the health again, and choose as :func:`plan_drain_dead` does."""
    if not str(min_healthy).strip().isdecimal():
        raise Stop(f"clb_min_healthy is {min_healthy!r}; give a whole number from 0.")
    found = modules.run_module("tencentcloud.clb.targets_info", region=region, targets=selectors)
    stop_if(failure(found))
    pools = read_pools(modules, found["targets"], region=region)
    return plan_drain_dead(found["targets"], pools["targets"], int(str(min_healthy)))


def plan_drain_dead(asked: Iterable[Raw], pools: Iterable[Raw], required: int) -> Raw:
    """Choose the dead targets that may be drained. Pure.

    Where too few targets are healthy, the health check itself may be broken: there nothing is drained.

    :param asked: the targets that are to be drained where they are dead.
    :param pools: all targets of the same listeners and rules, with their health.
    :param required: how many targets of weight above 0 must be healthy.
    :returns: ``targets`` (to drain) and ``kept`` (a sentence for each listener or rule that keeps its dead ones).
    """
    meant = {key_of(target) for target in asked}
    healthy: Counter[Key] = Counter()
    dead: dict[Key, list[Raw]] = defaultdict(list)
    for target in (target for target in pools if target["weight"] > 0):
        key = key_of(target)
        healthy[key[:3]] += standing_of(Health.read(target["healthy"], target["health_status"])) is Standing.HEALTHY
        if key in meant and target["health_status"] == "Dead":
            dead[key[:3]].append(target)
    return {
        "targets": [target for pool, found in dead.items() if healthy[pool] >= required for target in found],
        "kept": [
            f"{label_of(found[0])}: {healthy[pool]} targets of weight above 0 are healthy, and clb_min_healthy is "
            f"{required}. Not drained: {listed(map(backend_of, found))}."
            for pool, found in dead.items()
            if healthy[pool] < required
        ],
    }
