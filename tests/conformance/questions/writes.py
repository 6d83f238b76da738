# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about writes: when they show, what is refused meanwhile, what they change and answer."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from clb_emulator.busy import STYLES

from ..asker import largest
from ..calls import DEREGISTER, REGISTER, STATUS, TAG, WEIGHT, Kind, NotAsked, Target, is_code, shape
from ..leftovers import MARK
from ..question import Means, Question, Questions, answered, as_code, lookup, measured, refusable, refusal, whole
from ..world import text

if TYPE_CHECKING:
    from ..asker import Asker
    from ..question import Found

PATIENCE = 30.0
"""Seconds to wait for something to show, or to end."""
AT_ONCE = "at the first look"
OTHER_WORDS = "other words"
OTHER_TAG = f"{MARK}-2"
MAX_TARGETS = 400
"""Targets that a run binds to one listener or rule at most."""

question = Questions()


def _seconds_until_shown(ask: Asker, target: Target) -> float:
    passed = ask.wait_for(lambda: bool(ask.entries(target)), PATIENCE)
    if passed is None:
        raise NotAsked(f"what is registered does not show within {PATIENCE:.0f} seconds")
    return passed


def _is_task(ask: Asker, action: str, target: Target) -> str:
    """Return whether the ID of a write's request is that of a task; else the error code."""
    ask.cloud.quiet()
    answer = ask.must(action, target, settle=False)
    status = ask.cloud.read(STATUS, {"TaskId": text(answer.response, "RequestId")})
    ask.settle(answer)
    return "a task" if status.accepted else status.code


def _task_seconds(found: Found) -> dict[str, Any]:
    """Return how long a task takes, where that is worth a word."""
    passed = found.seconds.get("until it shows", 0.0)
    return {"task_seconds": round(passed, 1)} if passed >= 1 else {}


@question(
    "When does DescribeTargets show what BatchRegisterTargets has bound?",
    lookup("batch_is_task", {AT_ONCE: False}),
    Means("task_seconds", _task_seconds, always=True),
)
def _batch_shows(ask: Asker) -> str:
    target = ask.target()
    ask.cloud.quiet()
    answer = ask.must(REGISTER, target, settle=False)
    passed = 0.0 if ask.entries(target) else ask.wait_for(lambda: bool(ask.entries(target)), PATIENCE)
    ask.settle(answer)
    if passed is None:
        return f"not within {PATIENCE:.0f} seconds"
    ask.measured["until it shows"] = passed
    return "later" if passed else AT_ONCE


@question("Do reads lag behind a write that is done?", measured("read_lag", "lag"))
def _read_lag(ask: Asker) -> str:
    target = ask.target()
    ask.lag = 0.0
    ask.must(REGISTER, target)
    if ask.entries(target):
        return "no"
    ask.measured["lag"] = passed = _seconds_until_shown(ask, target)
    # Looks are some tenths of a second apart.
    ask.lag = passed + 0.5
    return "yes"


@question(
    "Does DescribeTaskStatus know the request ID of BatchRegisterTargets?",
    answered("batch_is_task", lambda answer: False if is_code(answer) else None),
    as_code("unknown_task_code"),
)
def _batch_task(ask: Asker) -> str:
    return _is_task(ask, REGISTER, ask.target())


def _is_change_task(action: str, change: Target, ask: Asker) -> str:
    target = ask.bind(ask.target(Weight=20))
    return "a task" if _is_task(ask, action, {**target, **change}) == "a task" else "no task"


for name, action, change in (("weight", WEIGHT, {"Weight": 30}), ("tag", TAG, {"Tag": OTHER_TAG})):
    means = (lookup(f"{name}_is_task", {"a task": True, "no task": False}),)
    asks = f"Does DescribeTaskStatus know the request ID of {action}?"
    question.append(Question(f"{name}-task", asks, partial(_is_change_task, action, change), means))


@question("What does DescribeTaskStatus answer to an ID that no task has?", as_code("unknown_task_code"))
def _unknown_task(ask: Asker) -> str:
    return ask.cloud.read(STATUS, {"TaskId": "00000000-0000-0000-0000-000000000000"}).verdict


def _style(message: str) -> str:
    """Return the emulator's style of busy that has such words."""
    for style, texts in STYLES.items():
        for _code, template in texts:
            if re.fullmatch(re.escape(template).replace(re.escape("{id}"), ".*"), message):
                return style
    return OTHER_WORDS


def _behind(ask: Asker, action: str, target: Target, next_action: str, other: Target) -> str:
    ask.cloud.quiet()
    first = ask.must(action, target, settle=False)
    second = ask.once(next_action, [other])
    for answer in (first, second):
        ask.settle(answer)
    return "accepted" if second.accepted else f"{second.code}, {_style(second.message)}"


def _busy_settings(found: Found) -> dict[str, Any]:
    refusals = {action: shown.split(", ") for action, shown in found.answer.items() if shown != "accepted"}
    settings: dict[str, Any] = {}
    if found.answer[TAG] == "accepted" and len(refusals) == len(found.answer) - 1:
        settings["tag_needs_free"] = False
    style = next((style for _code, style in refusals.values() if style != OTHER_WORDS), "coded")
    if style != "coded":
        settings["busy_style"] = style
    codes = {f"{action}.busy": code for action, (code, _style) in refusals.items() if code != STYLES[style][0][0]}
    return {**settings, "codes": codes} if codes else settings


@question(
    "How is each write answered right behind another one?", Means("busy_style, codes, tag_needs_free", _busy_settings)
)
def _busy(ask: Asker) -> dict[str, str]:
    toggled, removed, weighed, tagged = targets = [ask.target(port) for port in range(4)]
    ask.bind(*targets)
    return {
        REGISTER: _behind(ask, DEREGISTER, toggled, REGISTER, ask.target(4)),
        DEREGISTER: _behind(ask, REGISTER, toggled, DEREGISTER, removed),
        WEIGHT: _behind(ask, DEREGISTER, toggled, WEIGHT, {**weighed, "Weight": 20}),
        TAG: _behind(ask, REGISTER, toggled, TAG, {**tagged, "Tag": OTHER_TAG}),
    }


@question("Is the load balancer locked after a write shows?", measured("lock_after", "locked"))
def _lock(ask: Asker) -> str:
    target = ask.target(Weight=20)
    answer = ask.must(REGISTER, target, settle=False)
    _seconds_until_shown(ask, target)
    started, change = ask.cloud.api.now(), {**target, "Weight": 30}
    change_answer = ask.once(WEIGHT, [change])
    was_locked = change_answer.kind is Kind.BUSY
    if was_locked:
        change_answer = ask.begin(WEIGHT, [change])
        ask.measured["locked"] = ask.cloud.api.now() - started
    for item in (answer, change_answer):
        ask.settle(item)
    return "yes" if was_locked else "no"


@question("Which weight has a target that is registered without one?", whole("default_weight"))
def _default_weight(ask: Asker) -> Any:
    return ask.entry(ask.bind(ask.target())).get("Weight")


def _reregister(answer: Any) -> str | None:
    if is_code(answer):
        return "refuse"
    options = {(True, False): "overwrite", (False, True): "overwrite_tag", (True, True): "overwrite_all"}
    return options.get((answer["weight"] == "as sent", answer["tag"] == "as sent"))


@question(
    "What does registering with another weight and tag change of a target that is bound?",
    answered("reregister", _reregister),
    as_code("codes.bound_already"),
)
def _registered_again(ask: Asker) -> Any:
    target = ask.bind(ask.target(Weight=20, Tag=MARK))
    answer = ask.write(REGISTER, [{**target, "Weight": 30, "Tag": OTHER_TAG}])
    if not answer.accepted:
        return answer.code
    entry = ask.entry(target)
    weights: dict[Any, str] = {20: "kept", 30: "as sent"}
    tags: dict[Any, str] = {MARK: "kept", OTHER_TAG: "as sent"}
    return {"weight": weights.get(entry.get("Weight"), "another"), "tag": tags.get(entry.get("Tag"), "not told")}


@question(
    "Which weight counts where one call registers the same target twice?",
    *refusable("repeated", "duplicate", {"the last counts": "last"}),
)
def _repeated(ask: Asker) -> str:
    target = ask.target()
    answer = ask.write(REGISTER, [{**target, "Weight": 20}, {**target, "Weight": 30}])
    if not answer.accepted:
        return answer.code
    found = ask.entries(target)
    if len(found) != 1:
        return f"{len(found)} bindings"
    return {20: "the first counts", 30: "the last counts"}.get(found[0].get("Weight", 0), "neither counts")


@question("Are an instance and its primary address one binding?")
def _two_names(ask: Asker) -> str:
    target = ask.target()
    if "EniIp" not in target:
        raise NotAsked("it needs a backend that is named by its address")
    ask.bind(target)
    instance_id = text(ask.entry(target), "InstanceId")
    if not instance_id.startswith("ins-"):
        raise NotAsked("the first backend is no instance")
    other = {key: value for key, value in target.items() if key != "EniIp"}
    answer = ask.write(REGISTER, [{**other, "InstanceId": instance_id}])
    if not answer.accepted:
        return answer.code
    return "one binding" if len(ask.entries(target)) == 1 else "two bindings"


def _unknown(action: str) -> Means:
    return as_code(f"codes.{action}.unknown_target")


def _unbind(ask: Asker, whose: str, *targets: Target) -> str:
    answer = ask.write(DEREGISTER, targets)
    named = answer.accepted and answer.response.get("FailListenerIdSet")
    return f"accepted, and {whose} listener named" if named else answer.verdict


# What else it can mean, the next question tells.
@question("What does BatchDeregisterTargets answer to a target that is not bound?", _unknown(DEREGISTER))
def _gone_alone(ask: Asker) -> str:
    return _unbind(ask, "its", ask.target())


def _gone_settings(found: Found) -> dict[str, Any]:
    answer, other = found.answer["answer"], found.answer["the other target"]
    if is_code(answer):
        return {"codes": {f"{DEREGISTER}.unknown_target": answer}}
    if answer == "accepted":
        return {"deregister_gone": "ignore"}
    return {"deregister_gone": "fail_listener" if other == "still bound" else "fail_target"}


@question(
    "What does BatchDeregisterTargets do with the others where one target is not bound?",
    Means("deregister_gone, codes", _gone_settings),
)
def _gone_among(ask: Asker) -> dict[str, str]:
    bound, gone = ask.bind(ask.target()), ask.target(1)
    answer = _unbind(ask, "the", bound, gone)
    return {"answer": answer, "the other target": "still bound" if ask.entries(bound) else "unbound"}


_GONE = "a target that is not bound"
question += [
    refusal("weight-of-gone", WEIGHT, _GONE, lambda ask: ask.target(Weight=20), _unknown(WEIGHT)),
    refusal("tag-of-gone", TAG, _GONE, lambda ask: ask.target(Tag=OTHER_TAG), _unknown(TAG)),
]


@question(
    "How does FailListenerIdSet look where nothing has failed?",
    lookup("fail_listener_set", {"null": "null", "missing": "missing"}),
)
def _fail_set(ask: Asker) -> str:
    return shape(ask.must(REGISTER, ask.target()).response, "FailListenerIdSet")


@question(
    "What does Message say where nothing has failed?",
    answered("batch_message", lambda answer: answer.strip("'") if answer.startswith("'") else None),
    lookup("sparse", {"null": ["Message"]}),
)
def _message(ask: Asker) -> str:
    response = ask.must(REGISTER, ask.target()).response
    if "Message" not in response:
        return "missing"
    return "null" if response["Message"] is None else f"'{response['Message']}'"


@question("How many targets does a listener or rule take?", whole("quotas.targets", MAX_TARGETS))
def _quota(ask: Asker) -> Any:
    """Begin with quotas that accounts are known to have, and one more; each attempt starts with no target."""

    def fits(amount: int) -> bool:
        answer = ask.write(REGISTER, [ask.target(port) for port in range(amount)])
        if answer.accepted:
            ask.clean()
        elif not answer.code.startswith("LimitExceeded"):
            raise NotAsked(f"{amount} targets are refused with {answer.refusal}")
        return answer.accepted

    found = largest(fits, [101, 100, 201, 200, MAX_TARGETS], MAX_TARGETS)
    return found if found < MAX_TARGETS else f"{MAX_TARGETS} or more"


@question("What counts against this quota?", lookup("quota_counts", {"what is not bound yet": "new"}))
def _quota_counts(ask: Asker) -> str:
    """Register more than half of what fits, twice."""
    for half in (51, 101, MAX_TARGETS // 2 + 1):
        targets = [ask.target(port) for port in range(2 * half)]
        if not ask.write(REGISTER, targets[:half]).accepted:
            break
        if ask.write(REGISTER, targets[half:]).accepted:
            # More fits than was thought.
            ask.clean()
            continue
        answer = ask.write(REGISTER, targets[:half])
        if answer.accepted:
            return "what is not bound yet"
        if answer.code.startswith("LimitExceeded"):
            return "what is bound and what is sent"
        raise NotAsked(f"registering again is refused with {answer.refusal}")
    raise NotAsked(f"a listener takes fewer than 51 targets, or {MAX_TARGETS} and more")
