# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about writes: what they change, what they answer, what they do with members that do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..calls import DEREGISTER, REGISTER, TAG, WEIGHT, NotAsked, Target
from ..leftovers import MARK
from ..question import Questions, as_code, is_code, lookup, shape
from ..world import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..asker import Asker
    from ..question import Found

OTHER_TAG = f"{MARK}-2"

question = Questions()


def _entry(ask: Asker, target: Target) -> Target:
    found = ask.find(target)
    if found is None:
        raise NotAsked("the target does not show")
    return found


def _change_of_gone(action: str, change: Target) -> Callable[[Asker], str]:
    return lambda ask: ask.write(action, [ask.target(**change)]).verdict


MOST = 400


"""Targets that a run binds to one listener or rule at most."""


def _attempts() -> tuple[int, ...]:
    """Return the numbers to try first: quotas that accounts are known to have, and one more."""
    return (101, 100, 201, 200, MOST)


def _default_weight_means(found: Found) -> dict[str, Any]:
    return {"default_weight": found.answer} if isinstance(found.answer, int) else {}


@question("Which weight has a target that is registered without one?", "default_weight", _default_weight_means)
def _default_weight(ask: Asker) -> Any:
    target = ask.target()
    ask.bind(target)
    return _entry(ask, target).get("Weight")


def _again_means(found: Found) -> dict[str, Any]:
    if is_code(found.answer):
        return {"reregister": "refuse", "codes": {"bound_already": found.answer}}
    sent = (found.answer["weight"] == "as sent", found.answer["tag"] == "as sent")
    options = {(True, False): "overwrite", (False, True): "overwrite_tag", (True, True): "overwrite_all"}
    return {"reregister": options[sent]} if sent in options else {}


@question(
    "What does registering with another weight and tag change of a target that is bound?",
    "reregister, codes",
    _again_means,
    calls=8,
    name="registered-again",
)
def _again(ask: Asker) -> Any:
    target = ask.target(Weight=20, Tag=MARK)
    ask.bind(target)
    answer = ask.write(REGISTER, [{**target, "Weight": 30, "Tag": OTHER_TAG}])
    if not answer.accepted:
        return answer.code
    entry = _entry(ask, target)
    weights: dict[Any, str] = {20: "kept", 30: "as sent"}
    tags: dict[Any, str] = {MARK: "kept", OTHER_TAG: "as sent"}
    return {
        "weight": weights.get(entry.get("Weight"), "another"),
        "tag": tags.get(entry.get("Tag"), "not told"),
    }


def _repeated_means(found: Found) -> dict[str, Any]:
    if is_code(found.answer):
        return {"repeated": "refuse", "codes": {"duplicate": found.answer}}
    return {"repeated": "last"} if found.answer == "the last counts" else {}


@question("Which weight counts where one call registers the same target twice?", "repeated, codes", _repeated_means)
def _repeated(ask: Asker) -> str:
    target = ask.target()
    answer = ask.write(REGISTER, [{**target, "Weight": 20}, {**target, "Weight": 30}])
    if not answer.accepted:
        return answer.code
    found = ask.entries(target)
    if len(found) != 1:
        return f"{len(found)} bindings"
    return {20: "the first counts", 30: "the last counts"}.get(found[0].get("Weight", 0), "neither counts")


@question("Are an instance and its primary address one binding?", calls=8)
def _two_names(ask: Asker) -> str:
    target = ask.target()
    if "EniIp" not in target:
        raise NotAsked("it needs a backend that is named by its address")
    ask.bind(target)
    instance_id = text(_entry(ask, target), "InstanceId")
    if not instance_id.startswith("ins-"):
        raise NotAsked("the first backend is no instance")
    other = {key: value for key, value in target.items() if key != "EniIp"}
    answer = ask.write(REGISTER, [{**other, "InstanceId": instance_id}])
    return {1: "one binding"}.get(len(ask.entries(target)), "two bindings") if answer.accepted else answer.code


def _gone_alone_means(found: Found) -> dict[str, Any]:
    # What else it can mean, the next question tells.
    return {"codes": {f"{DEREGISTER}.unknown_target": found.answer}} if is_code(found.answer) else {}


@question("What does BatchDeregisterTargets answer to a target that is not bound?", "codes", _gone_alone_means, calls=2)
def _gone_alone(ask: Asker) -> str:
    answer = ask.write(DEREGISTER, [ask.target()])
    if not answer.accepted:
        return answer.code
    return "accepted, and its listener named" if answer.response.get("FailListenerIdSet") else "accepted"


def _gone_among_means(found: Found) -> dict[str, Any]:
    if is_code(found.answer["answer"]):
        return {"codes": {f"{DEREGISTER}.unknown_target": found.answer["answer"]}}
    if found.answer["answer"] == "accepted":
        return {"deregister_gone": "ignore"}
    return {"deregister_gone": "fail_listener" if found.answer["the other target"] == "still bound" else "fail_target"}


@question(
    "What does BatchDeregisterTargets do with the others where one target is not bound?",
    "deregister_gone, codes",
    _gone_among_means,
    calls=8,
)
def _gone_among(ask: Asker) -> dict[str, str]:
    bound, gone = ask.target(), ask.target(1)
    ask.bind(bound)
    answer = ask.write(DEREGISTER, [bound, gone])
    named = answer.accepted and bool(answer.response.get("FailListenerIdSet"))
    return {
        "answer": "accepted, and the listener named" if named else answer.verdict,
        "the other target": "still bound" if ask.find(bound) else "unbound",
    }


question(
    "What does BatchModifyTargetWeight answer to a target that is not bound?",
    "codes",
    as_code(f"{WEIGHT}.unknown_target"),
    calls=2,
    name="weight-of-gone",
)(_change_of_gone(WEIGHT, {"Weight": 20}))


question(
    "What does BatchModifyTargetTag answer to a target that is not bound?",
    "codes",
    as_code(f"{TAG}.unknown_target"),
    calls=2,
    name="tag-of-gone",
)(_change_of_gone(TAG, {"Tag": OTHER_TAG}))


@question(
    "How does FailListenerIdSet look where nothing has failed?",
    "fail_listener_set",
    lookup("fail_listener_set", {"null": "null", "missing": "missing"}),
)
def _fail_set(ask: Asker) -> str:
    return shape(ask.must(REGISTER, ask.target()).response, "FailListenerIdSet")


def _message_means(found: Found) -> dict[str, Any]:
    if found.answer == "null":
        return {"sparse": ["Message"]}
    return {"batch_message": found.answer.strip("'")} if found.answer.startswith("'") else {}


@question("What does Message say where nothing has failed?", "batch_message, sparse", _message_means)
def _message(ask: Asker) -> str:
    response = ask.must(REGISTER, ask.target()).response
    if "Message" not in response:
        return "missing"
    return "null" if response["Message"] is None else f"'{response['Message']}'"


def _quota_means(found: Found) -> dict[str, Any]:
    return {"quotas": {"targets": found.answer if isinstance(found.answer, int) else MOST}}


@question("How many targets does a listener or rule take?", "quotas", _quota_means, calls=30)
def _quota(ask: Asker) -> Any:
    """Find how many targets one listener or rule takes; each attempt starts with none."""
    largest, refused = 0, MOST + 1
    for amount in _attempts():
        if not largest < amount < refused:
            continue
        answer = ask.write(REGISTER, [ask.target(port) for port in range(amount)])
        if answer.accepted:
            largest = amount
            ask.clean()
        elif answer.code.startswith("LimitExceeded"):
            refused = amount
        else:
            raise NotAsked(f"{amount} targets are refused with {answer.code}: {answer.message}")
    while refused - largest > 1:
        amount = (largest + refused) // 2
        answer = ask.write(REGISTER, [ask.target(port) for port in range(amount)])
        largest, refused = (amount, refused) if answer.accepted else (largest, amount)
        ask.clean()
    return largest if largest < MOST else f"{MOST} or more"


@question(
    "What counts against this quota?",
    "quota_counts",
    lookup("quota_counts", {"what is not bound yet": "new"}),
    calls=12,
)
def _quota_counts(ask: Asker) -> str:
    """Register more than half of what fits, twice."""
    for half in (51, 101, MOST // 2 + 1):
        targets = [ask.target(port) for port in range(half)]
        if not ask.write(REGISTER, targets).accepted:
            break
        more = [ask.target(port) for port in range(2 * half)]
        if ask.write(REGISTER, more[half:]).accepted:
            # More fits than was thought.
            ask.clean()
            continue
        answer = ask.write(REGISTER, targets)
        if answer.accepted:
            return "what is not bound yet"
        if answer.code.startswith("LimitExceeded"):
            return "what is bound and what is sent"
        raise NotAsked(f"registering again is refused with {answer.code}: {answer.message}")
    raise NotAsked(f"a listener takes fewer than 51 targets, or {MOST} and more")
