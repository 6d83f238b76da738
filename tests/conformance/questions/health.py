# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about health: of a new target, at weight 0, without a check, where all are dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..asker import CHECK_SECONDS
from ..calls import DEREGISTER, HEALTH, WEIGHT, NotAsked, Target
from ..question import Questions
from ..world import text

if TYPE_CHECKING:
    from ..asker import Asker
    from ..question import Found

question = Questions()


def _detail(health: Target) -> str:
    return text(health, "HealthStatusDetail") or "none"


def _checked(ask: Asker, *targets: Target) -> dict[int, Target]:
    """Bind targets, wait until their first check is over, and return their health by index."""
    ask.bind(*targets)

    ask.wait_for(lambda: all(_detail(ask.health(target)) == "Alive" for target in targets), ask.check_seconds)
    found = {index: ask.health(target) for index, target in enumerate(targets)}
    for target, health in zip(targets, found.values(), strict=True):
        if _detail(health) == "Dead" and "EniIp" in target:
            ask.world.dead.add(target["EniIp"])
    return found


def _new_means(found: Found) -> dict[str, Any]:
    after = found.seconds.get("until another result", 0.0)
    return {"health": {"after": round(after, 1), "unchecked": found.answer}} if found.answer != "none" else {}


@question(
    f"What does {HEALTH} say of a target right after it was bound?",
    "health.after, health.unchecked",
    _new_means,
    calls=20,
    name="health-new",
)
def _new(ask: Asker) -> str:
    target = ask.target()
    ask.bind(target)
    first = _detail(ask.health(target))
    passed: float | None = 0.0
    if first != "Alive":
        passed = ask.wait_for(lambda: _detail(ask.health(target)) != first, CHECK_SECONDS)
        ask.measured["until another result"] = CHECK_SECONDS if passed is None else passed
    ask.check_seconds = CHECK_SECONDS if passed is None else passed + 2
    return first


@question(
    "What does health say of a target at weight 0?",
    "health.at_zero",
    lambda found: {"health": {"at_zero": found.answer}},
    calls=12,
    name="health-at-zero",
)
def _at_zero(ask: Asker) -> str:
    target = ask.target(Weight=20)
    before = _detail(_checked(ask, target)[0])
    ask.must(WEIGHT, {**target, "Weight": 0})
    after = _detail(ask.health(target))
    return "as before" if after == before else after


@question(
    "What does health say where the check is switched off?",
    "health.close_status",
    lambda found: {"health": {"close_status": found.answer["HealthStatus"] is True}},
    name="health-unchecked",
)
def _unchecked(ask: Asker) -> dict[str, Any]:
    place = next((place for place in ask.world.open() if not place.checked), None)
    if place is None:
        raise NotAsked("no listener or rule has its health check switched off")
    target = ask.target(place=place)
    ask.bind(target)
    health = ask.health(target)
    return {"HealthStatus": health.get("HealthStatus"), "HealthStatusDetail": _detail(health)}


@question(
    "What is HealthStatus where every target is dead?",
    "health.dead_status",
    lambda found: {"health": {"dead_status": found.answer["HealthStatus"] is True}},
    calls=14,
    name="health-all-dead",
)
def _all_dead(ask: Asker) -> dict[str, Any]:
    targets = [ask.target(backend=backend) for backend in ask.world.addresses(4)]
    found = _checked(ask, *targets)
    alive = [targets[index] for index, health in found.items() if _detail(health) != "Dead"]
    if len(alive) == len(targets):
        raise NotAsked("no backend is dead")
    if alive:
        ask.must(DEREGISTER, *alive)
    dead = next(target for target in targets if target not in alive)
    return {"HealthStatus": ask.health(dead).get("HealthStatus")}


@question(
    "Which LocationId has a layer-4 listener in an answer about health?",
    "number_layer4_rules",
    lambda found: {"number_layer4_rules": found.answer != "null"},
    name="health-layer-4",
)
def _layer4_rule(ask: Asker) -> str:
    target = ask.target(place=ask.place(layer4=True))
    ask.bind(target)
    return "null" if ask.health(target).get("LocationId") is None else "an ID"
