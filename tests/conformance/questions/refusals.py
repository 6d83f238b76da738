# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about refusals: how long a call may be, and what is answered to what does not exist or is not allowed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from clb_emulator.settings import LIMITS

from ..asker import NOWHERE, first, largest, members
from ..calls import DEREGISTER, HEALTH, LISTENERS, LISTING, REGISTER, TAG, TARGETS, WEIGHT, Kind, NotAsked, is_code
from ..leftovers import MARK
from ..question import Means, Question, Questions, answered, as_code, as_codes, lookup, refusable, refusal, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..asker import Asker
    from ..calls import Target

CHANGES: dict[str, Target] = {REGISTER: {}, DEREGISTER: {}, WEIGHT: {"Weight": 20}, TAG: {"Tag": f"{MARK}-2"}}
"""Each write, and what it changes of a target."""
TOO_LONG = "InvalidParameterValue.Length"

question = Questions()

# Limits. All is sent to IDs that do not exist: a call that is too long is refused with a code that says so, any other
# one with the code for what does not exist, so that nothing is changed.


def _largest(action: str, params: Callable[[int], Mapping[str, Any]], documented: int, ask: Asker) -> Any:
    call = ask.cloud.write if action in CHANGES else ask.cloud.read
    own = {"LoadBalancerId": ask.world.load_balancer_id} if "LoadBalancerIds" not in params(1) else {}

    def fits(amount: int) -> bool:
        answer = ask.until_free(lambda: call(action, {**own, **params(amount)}))
        if answer.code == TOO_LONG and amount == 1:
            raise NotAsked(f"{action} refuses even one with {TOO_LONG}")
        return answer.code != TOO_LONG

    found = largest(fits, [1, documented + 1, documented, documented - 1], documented + 1)
    return found if found <= documented else f"more than {documented}"


def _nowhere(amount: int, **more: Any) -> list[Target]:
    return [{"EniIp": "192.0.2.1", "Port": port, "Weight": 20, **more} for port in range(1, amount + 1)]


def _ids(prefix: str, amount: int) -> list[str]:
    return [f"{prefix}-z{number:07}" for number in range(amount)]


def _batch(action: str, amount: int) -> Mapping[str, Any]:
    return members(action, _nowhere(amount, ListenerId=NOWHERE["ListenerId"], Tag=MARK))


def _entries(amount: int, targets: int = 1) -> Mapping[str, Any]:
    return {"ModifyList": [{"ListenerId": listener, "Targets": _nowhere(targets)} for listener in _ids("lbl", amount)]}


_LIMITS: tuple[tuple[str, str, str, Callable[[int], Mapping[str, Any]]], ...] = (
    ("targets", REGISTER, "targets", lambda amount: _batch(REGISTER, amount)),
    ("targets", DEREGISTER, "targets", lambda amount: _batch(DEREGISTER, amount)),
    ("entries", WEIGHT, "entries", _entries),
    ("entry_targets", WEIGHT, "targets in an entry", lambda amount: _entries(1, amount)),
    ("targets", TAG, "targets", lambda amount: _batch(TAG, amount)),
    ("listener_ids", TARGETS, "listener IDs", lambda amount: {"ListenerIds": _ids("lbl", amount)}),
    ("described_listeners", LISTENERS, "listener IDs", lambda amount: {"ListenerIds": _ids("lbl", amount)}),
    ("load_balancer_ids", LISTING, "load balancer IDs", lambda amount: {"LoadBalancerIds": _ids("lb", amount)}),
    ("health_load_balancers", HEALTH, "load balancer IDs", lambda amount: {"LoadBalancerIds": _ids("lb", amount)}),
)
for limit, action, what, params in _LIMITS:
    name = f"limit-{limit.replace('_', '-')}" + (f"-{action}" if limit == "targets" else "")
    find_largest = partial(_largest, action, params, LIMITS[limit])
    means = (whole(f"limits.{limit}", 10 * LIMITS[limit]),)
    question.append(Question(name, f"How many {what} does {action} take?", find_largest, means))

# What does not exist, or is not allowed


_INSTANCE = refusable("unknown_instances", f"{REGISTER}.unknown_instance", {"accepted": "accept"})


def _code(situation: str) -> Means:
    return as_code(f"codes.{REGISTER}.{situation}")


def _writes(ask: Asker, target: Target) -> dict[str, str]:
    return {action: ask.write(action, [{**target, **change}]).verdict for action, change in CHANGES.items()}


def _reads(ask: Asker, load_balancer_id: str, **params: Any) -> dict[str, str]:
    single, plural = {"LoadBalancerId": load_balancer_id}, {"LoadBalancerIds": [load_balancer_id]}
    actions = (TARGETS, LISTENERS, HEALTH) if params else (TARGETS, LISTENERS, HEALTH, LISTING)
    ids = {action: single if action in (TARGETS, LISTENERS) else plural for action in actions}
    return {action: ask.cloud.read(action, {**named, **params}).verdict for action, named in ids.items()}


def _without_rule(target: Target, **other: str) -> Target:
    return {key: value for key, value in {**target, **other}.items() if key != "LocationId"}


@question("What does each action answer to a load balancer that does not exist?", as_codes("unknown_load_balancer"))
def _unknown_load_balancer(ask: Asker) -> dict[str, str]:
    target = _without_rule(ask.target(), ListenerId=NOWHERE["ListenerId"])
    found = _reads(ask, NOWHERE["LoadBalancerId"])
    for action, change in CHANGES.items():
        params = {"LoadBalancerId": NOWHERE["LoadBalancerId"], **members(action, [{**target, **change}])}
        found[action] = ask.cloud.write(action, params).verdict
    return found


_LEFT_OUT = answered("describe_unknown_listener", lambda answer: "empty" if answer[TARGETS] == "accepted" else None)


@question("What does each action answer to a listener that does not exist?", as_codes("unknown_listener"), _LEFT_OUT)
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
    return _without_rule(ask.target(place=next(iter(ask.world.bare), None) or ask.place(layer4=False)))


def _managed(ask: Asker) -> Target:
    managed = (place for place in ask.world.places if place.target_type != "NODE")
    return ask.target(place=first(managed, "no listener or rule is bound to a target group"))


_REFUSED: tuple[tuple[str, str, Callable[[Asker], Target], tuple[Means, ...]], ...] = (
    ("rule-on-layer-4", "a rule on a layer-4 listener", _rule_of_layer_4, (_code("rule_on_layer4"),)),
    ("no-rule", "a layer-7 listener without a rule", _layer_7_without_rule, (_code("no_rule"),)),
    ("unknown-instance", "an instance that does not exist", lambda ask: ask.target(backend="ins-zzzzzzzz"), _INSTANCE),
    ("target-group", "a listener or rule that a target group manages", _managed, (as_code("target_group_code"),)),
)
question += [refusal(name, REGISTER, to, target, *means) for name, to, target, means in _REFUSED]


@question("What do the reads answer to a filter that does not exist?", as_codes("unknown_filter"))
def _unknown_filter(ask: Asker) -> dict[str, str]:
    filters = {"Filters": [{"Name": "clb-conformance", "Values": ["none"]}]}
    asked = {TARGETS: {"LoadBalancerId": ask.world.load_balancer_id}, LISTING: {}}
    return {action: ask.cloud.read(action, {**ids, **filters}).verdict for action, ids in asked.items()}


_RANGE = answered(f"codes.{REGISTER}.range", lambda answer: next(filter(is_code, answer.values()), None))


@question("What does BatchRegisterTargets answer to weights and ports that are out of range?", _RANGE)
def _out_of_range(ask: Asker) -> dict[str, str]:
    target = ask.target()
    odd = {"weight 101": {"Weight": 101}, "weight -1": {"Weight": -1}, "port 65536": {"Port": 65536}}
    return {name: ask.write(REGISTER, [{**target, **change}]).verdict for name, change in odd.items()}


@question("Are all texts English, as X-TC-Language asks for?", lookup("language", {"another language": "zh-CN"}))
def _language(ask: Asker) -> str:
    messages = [record.answer.message for record in ask.cloud.records if record.answer.kind is not Kind.LOST]
    messages.append(ask.write(REGISTER, [{**ask.target(), "ListenerId": NOWHERE["ListenerId"]}]).message)
    return "English" if all(message.isascii() for message in messages) else "another language"
