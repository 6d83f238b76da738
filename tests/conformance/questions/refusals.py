# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about refusals: how long a call may be, and what is answered to what does not exist or is not allowed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from clb_emulator.settings import LIMITS

from ..asker import NOWHERE, first, members
from ..calls import DEREGISTER, HEALTH, LISTENERS, LISTING, REGISTER, TAG, TARGETS, WEIGHT, Kind, NotAsked
from ..leftovers import MARK
from ..question import Question, Questions, answered, as_code, as_codes, is_code, lookup, refusable, refusal

if TYPE_CHECKING:
    from ..asker import Asker
    from ..calls import Target

CHANGES: dict[str, Target] = {REGISTER: {}, DEREGISTER: {}, WEIGHT: {"Weight": 20}, TAG: {"Tag": f"{MARK}-2"}}
"""Each write, and what it changes of a target."""
TOO_LONG = "InvalidParameterValue.Length"

question = Questions()

# Limits. All is sent to IDs that do not exist: a call that is too long is refused with a code that says so, any other
# one with the code for what does not exist, so that nothing is changed.

Params = Callable[[int], Mapping[str, Any]]
"""Takes an amount, and returns parameters of a call with so many members."""


def _largest(ask: Asker, action: str, params: Params, documented: int) -> Any:
    """Find the largest call that is not refused for its length."""
    fits, too_long = 0, documented + 2
    known = [1, documented + 1, documented, documented - 1]
    while too_long - fits > 1:
        amount = known.pop(0) if known else (fits + too_long) // 2
        if not fits < amount < too_long:
            continue
        if _fits(ask, action, params(amount)):
            fits = amount
        elif amount == 1:
            raise NotAsked(f"{action} refuses even one with {TOO_LONG}")
        else:
            too_long = amount
    return fits if fits <= documented else f"more than {documented}"


def _fits(ask: Asker, action: str, params: Mapping[str, Any]) -> bool:
    call = ask.cloud.write if action in CHANGES else ask.cloud.read
    own = {"LoadBalancerId": ask.world.load_balancer_id} if "LoadBalancerIds" not in params else {}
    for _ in ask.polls():
        answer = call(action, {**own, **params})
        if answer.kind is not Kind.BUSY:
            return answer.code != TOO_LONG
    raise NotAsked("the load balancer stays busy")


def _nowhere(amount: int, **more: Any) -> list[Target]:
    return [{"EniIp": "192.0.2.1", "Port": port, "Weight": 20, **more} for port in range(1, amount + 1)]


def _batch(action: str, amount: int) -> Mapping[str, Any]:
    return members(action, _nowhere(amount, ListenerId=NOWHERE["ListenerId"], Tag=MARK))


def _entries(amount: int) -> Mapping[str, Any]:
    return {"ModifyList": [{"ListenerId": f"lbl-z{number:07}", "Targets": _nowhere(1)} for number in range(amount)]}


def _entry_targets(amount: int) -> Mapping[str, Any]:
    return {"ModifyList": [{"ListenerId": NOWHERE["ListenerId"], "Targets": _nowhere(amount)}]}


def _listeners(amount: int) -> Mapping[str, Any]:
    return {"ListenerIds": [f"lbl-z{number:07}" for number in range(amount)]}


def _load_balancers(amount: int) -> Mapping[str, Any]:
    return {"LoadBalancerIds": [f"lb-z{number:07}" for number in range(amount)]}


def _limit(limit: str, action: str, members_named: str, params: Params) -> Question:
    usual = LIMITS[limit]
    return Question(
        f"limit-{limit.replace('_', '-')}" + (f"-{action}" if limit == "targets" else ""),
        f"How many {members_named} does {action} take?",
        lambda ask: _largest(ask, action, params, usual),
        (answered(f"limits.{limit}", lambda answer: answer if isinstance(answer, int) else 10 * usual),),
    )


question += [
    _limit("targets", REGISTER, "targets", partial(_batch, REGISTER)),
    _limit("targets", DEREGISTER, "targets", partial(_batch, DEREGISTER)),
    _limit("entries", WEIGHT, "entries", _entries),
    _limit("entry_targets", WEIGHT, "targets in an entry", _entry_targets),
    _limit("targets", TAG, "targets", partial(_batch, TAG)),
    _limit("listener_ids", TARGETS, "listener IDs", _listeners),
    _limit("described_listeners", LISTENERS, "listener IDs", _listeners),
    _limit("load_balancer_ids", LISTING, "load balancer IDs", _load_balancers),
    _limit("health_load_balancers", HEALTH, "load balancer IDs", _load_balancers),
]

# What does not exist, or is not allowed


def _elsewhere(ask: Asker, action: str, target: Target) -> str:
    """Send a write to a load balancer that does not exist."""
    params = {"LoadBalancerId": NOWHERE["LoadBalancerId"], **members(action, [{**target, **CHANGES[action]}])}
    return ask.cloud.write(action, params).verdict


def _writes(ask: Asker, target: Target) -> dict[str, str]:
    return {action: ask.write(action, [{**target, **change}]).verdict for action, change in CHANGES.items()}


def _reads(ask: Asker, load_balancer_id: str, **params: Any) -> dict[str, str]:
    single, plural = {"LoadBalancerId": load_balancer_id}, {"LoadBalancerIds": [load_balancer_id]}
    ids: dict[str, dict[str, Any]] = {
        TARGETS: single,
        LISTENERS: single,
        HEALTH: plural,
        **({} if params else {LISTING: plural}),
    }
    return {action: ask.cloud.read(action, {**named, **params}).verdict for action, named in ids.items()}


def _without_rule(target: Target, **other: str) -> Target:
    return {key: value for key, value in {**target, **other}.items() if key != "LocationId"}


@question(
    "What does each action answer to a load balancer that does not exist?", as_codes("unknown_load_balancer"), calls=8
)
def _unknown_load_balancer(ask: Asker) -> dict[str, str]:
    target = _without_rule(ask.target(), ListenerId=NOWHERE["ListenerId"])
    return {**_reads(ask, NOWHERE["LoadBalancerId"]), **{action: _elsewhere(ask, action, target) for action in CHANGES}}


@question(
    "What does each action answer to a listener that does not exist?",
    as_codes("unknown_listener"),
    answered("describe_unknown_listener", lambda answer: "empty" if answer[TARGETS] == "accepted" else None),
    calls=8,
)
def _unknown_listener(ask: Asker) -> dict[str, str]:
    unknown = NOWHERE["ListenerId"]
    target = _without_rule(ask.target(), ListenerId=unknown)
    return {**_reads(ask, ask.world.load_balancer_id, ListenerIds=[unknown]), **_writes(ask, target)}


@question("What does each write answer to a rule that does not exist?", as_codes("unknown_rule"))
def _unknown_rule(ask: Asker) -> dict[str, str]:
    place = ask.place(layer4=False)
    return _writes(ask, {**ask.target(place=place), "LocationId": NOWHERE["LocationId"]})


def _rule_of_layer_4(ask: Asker) -> Target:
    return {**ask.target(place=ask.place(layer4=True)), "LocationId": NOWHERE["LocationId"]}


def _layer_7_without_rule(ask: Asker) -> Target:
    place = next(iter(ask.world.bare), None) or ask.place(layer4=False)
    return _without_rule(ask.target(place=place))


question += [
    refusal("rule-on-layer-4", REGISTER, "a rule on a layer-4 listener", "rule_on_layer4", _rule_of_layer_4),
    refusal("no-rule", REGISTER, "a layer-7 listener without a rule", "no_rule", _layer_7_without_rule),
]


@question(
    "What does BatchRegisterTargets answer to an instance that does not exist?",
    *refusable("unknown_instances", f"{REGISTER}.unknown_instance", {"accepted": "accept"}),
    calls=4,
)
def _unknown_instance(ask: Asker) -> str:
    return ask.write(REGISTER, [ask.target(backend="ins-zzzzzzzz")]).verdict


@question("What do the reads answer to a filter that does not exist?", as_codes("unknown_filter"), calls=2)
def _unknown_filter(ask: Asker) -> dict[str, str]:
    filters = {"Filters": [{"Name": "clb-conformance", "Values": ["none"]}]}
    return {
        TARGETS: ask.cloud.read(TARGETS, {"LoadBalancerId": ask.world.load_balancer_id, **filters}).verdict,
        LISTING: ask.cloud.read(LISTING, filters).verdict,
    }


@question(
    "What does BatchRegisterTargets answer to weights and ports that are out of range?",
    answered(f"codes.{REGISTER}.range", lambda answer: next(filter(is_code, answer.values()), None)),
)
def _out_of_range(ask: Asker) -> dict[str, str]:
    target = ask.target()
    odd = {"weight 101": {"Weight": 101}, "weight -1": {"Weight": -1}, "port 65536": {"Port": 65536}}
    return {name: ask.write(REGISTER, [{**target, **change}]).verdict for name, change in odd.items()}


@question(
    "What does BatchRegisterTargets answer to a listener or rule that a target group manages?",
    as_code("target_group_code"),
    calls=2,
)
def _target_group(ask: Asker) -> str:
    managed = (place for place in ask.world.places if place.target_type != "NODE")
    target = ask.target(place=first(managed, "no listener or rule is bound to a target group"))
    return ask.write(REGISTER, [target]).verdict


@question(
    "Are all texts English, as X-TC-Language asks for?", lookup("language", {"another language": "zh-CN"}), calls=1
)
def _language(ask: Asker) -> str:
    messages = [record.answer.message for record in ask.cloud.records if record.answer.kind is not Kind.LOST]
    messages.append(ask.write(REGISTER, [{**ask.target(), "ListenerId": NOWHERE["ListenerId"]}]).message)
    return "English" if all(message.isascii() for message in messages) else "another language"
