# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about refusals: what each action answers to what does not exist, or is not allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..asker import NOWHERE, members
from ..calls import (
    DEREGISTER,
    HEALTH,
    LISTENERS,
    LISTING,
    REGISTER,
    TAG,
    TARGETS,
    WEIGHT,
    Kind,
    NotAsked,
    Target,
)
from ..question import Questions, as_code, as_codes, is_code, lookup

if TYPE_CHECKING:
    from ..asker import Asker
    from ..question import Found

CHANGES: dict[str, Target] = {REGISTER: {}, DEREGISTER: {}, WEIGHT: {"Weight": 20}, TAG: {"Tag": "clb-conformance-2"}}

question = Questions()


def _elsewhere(ask: Asker, action: str, target: Target) -> str:
    """Send a write to a load balancer that does not exist."""
    params = {"LoadBalancerId": NOWHERE["LoadBalancerId"], **members(action, [{**target, **CHANGES[action]}])}
    answer = ask.cloud.write(action, params)
    if answer.kind is Kind.LOST:
        raise NotAsked(f"{action} got no answer: {answer.code}: {answer.message}")
    return answer.verdict


def _writes(ask: Asker, target: Target) -> dict[str, str]:
    return {action: ask.write(action, [{**target, **change}]).verdict for action, change in CHANGES.items()}


@question(
    "What does each action answer to a load balancer that does not exist?",
    "codes",
    as_codes("unknown_load_balancer"),
    calls=8,
)
def _unknown_load_balancer(ask: Asker) -> dict[str, str]:
    unknown = NOWHERE["LoadBalancerId"]
    target = {**ask.target(), "ListenerId": NOWHERE["ListenerId"]}
    target.pop("LocationId", None)
    return {
        TARGETS: ask.cloud.read(TARGETS, {"LoadBalancerId": unknown}).verdict,
        LISTENERS: ask.cloud.read(LISTENERS, {"LoadBalancerId": unknown}).verdict,
        HEALTH: ask.cloud.read(HEALTH, {"LoadBalancerIds": [unknown]}).verdict,
        LISTING: ask.cloud.read(LISTING, {"LoadBalancerIds": [unknown]}).verdict,
        **{action: _elsewhere(ask, action, target) for action in CHANGES},
    }


def _unknown_listener_means(found: Found) -> dict[str, Any]:
    codes = as_codes("unknown_listener")(found)
    return {"describe_unknown_listener": "empty", **codes} if found.answer[TARGETS] == "accepted" else codes


@question(
    "What does each action answer to a listener that does not exist?",
    "codes, describe_unknown_listener",
    _unknown_listener_means,
    calls=8,
)
def _unknown_listener(ask: Asker) -> dict[str, str]:
    own, unknown = ask.world.load_balancer_id, [NOWHERE["ListenerId"]]
    target = {**ask.target(), "ListenerId": NOWHERE["ListenerId"]}
    target.pop("LocationId", None)
    return {
        TARGETS: ask.cloud.read(TARGETS, {"LoadBalancerId": own, "ListenerIds": unknown}).verdict,
        LISTENERS: ask.cloud.read(LISTENERS, {"LoadBalancerId": own, "ListenerIds": unknown}).verdict,
        HEALTH: ask.cloud.read(HEALTH, {"LoadBalancerIds": [own], "ListenerIds": unknown}).verdict,
        **_writes(ask, target),
    }


@question("What does each write answer to a rule that does not exist?", "codes", as_codes("unknown_rule"))
def _unknown_rule(ask: Asker) -> dict[str, str]:
    place = ask.place(layer4=False)
    return _writes(ask, {**ask.target(place=place), "LocationId": NOWHERE["LocationId"]})


@question(
    "What does BatchRegisterTargets answer to a rule on a layer-4 listener?",
    "codes",
    as_code(f"{REGISTER}.rule_on_layer4"),
    calls=2,
    name="rule-on-layer-4",
)
def _rule_on_layer4(ask: Asker) -> str:
    target = {**ask.target(place=ask.place(layer4=True)), "LocationId": NOWHERE["LocationId"]}
    return ask.write(REGISTER, [target]).verdict


@question(
    "What does BatchRegisterTargets answer to a layer-7 listener without a rule?",
    "codes",
    as_code(f"{REGISTER}.no_rule"),
    calls=2,
)
def _no_rule(ask: Asker) -> str:
    """Register with a layer-7 listener, but no rule."""
    place = next(iter(ask.world.bare), None) or ask.place(layer4=False)
    target = ask.target(place=place)
    target.pop("LocationId", None)
    return ask.write(REGISTER, [target]).verdict


def _unknown_instance_means(found: Found) -> dict[str, Any]:
    if not is_code(found.answer):
        return {"unknown_instances": "accept"}
    return {"unknown_instances": "refuse", "codes": {f"{REGISTER}.unknown_instance": found.answer}}


@question(
    "What does BatchRegisterTargets answer to an instance that does not exist?",
    "unknown_instances, codes",
    _unknown_instance_means,
    calls=4,
)
def _unknown_instance(ask: Asker) -> str:
    return ask.write(REGISTER, [ask.target(backend="ins-zzzzzzzz")]).verdict


@question("What do the reads answer to a filter that does not exist?", "codes", as_codes("unknown_filter"), calls=2)
def _unknown_filter(ask: Asker) -> dict[str, str]:
    filters = {"Filters": [{"Name": "clb-conformance", "Values": ["none"]}]}
    return {
        TARGETS: ask.cloud.read(TARGETS, {"LoadBalancerId": ask.world.load_balancer_id, **filters}).verdict,
        LISTING: ask.cloud.read(LISTING, filters).verdict,
    }


def _range_means(found: Found) -> dict[str, Any]:
    codes = [code for code in found.answer.values() if is_code(code)]
    return {"codes": {f"{REGISTER}.range": codes[0]}} if codes else {}


@question(
    "What does BatchRegisterTargets answer to weights and ports that are out of range?",
    "codes",
    _range_means,
    name="out-of-range",
)
def _range(ask: Asker) -> dict[str, str]:
    target = ask.target()
    odd = {"weight 101": {"Weight": 101}, "weight -1": {"Weight": -1}, "port 65536": {"Port": 65536}}
    return {name: ask.write(REGISTER, [{**target, **change}]).verdict for name, change in odd.items()}


@question(
    "What does BatchRegisterTargets answer to a listener or rule that a target group manages?",
    "target_group_code",
    as_code("target_group_code"),
    calls=2,
)
def _target_group(ask: Asker) -> str:
    place = next((place for place in ask.world.places if place.target_type != "NODE"), None)
    if place is None:
        raise NotAsked("no listener or rule is bound to a target group")
    return ask.write(REGISTER, [ask.target(place=place)]).verdict


@question(
    "Are all texts English, as X-TC-Language asks for?",
    "language",
    lookup("language", {"another language": "zh-CN"}),
    calls=1,
    name="language",
)
def _texts(ask: Asker) -> str:
    messages = [record.answer.message for record in ask.cloud.records if record.answer.kind is Kind.REFUSED]
    messages.append(ask.write(REGISTER, [{**ask.target(), "ListenerId": NOWHERE["ListenerId"]}]).message)
    return "English" if all(message.isascii() for message in messages) else "another language"
