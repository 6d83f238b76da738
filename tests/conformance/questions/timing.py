# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about writes in time: when they show, whether they are tasks, what is refused meanwhile."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from clb_emulator.busy import STYLES

from ..calls import DEREGISTER, REGISTER, STATUS, TAG, WEIGHT, Meaning, NotAsked, Target
from ..leftovers import MARK
from ..question import Questions, as_code, is_code
from ..world import text

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..asker import Asker
    from ..question import Found

PATIENCE = 30.0
"""Seconds to wait for something to show, or to end."""
AT_ONCE = "at the first look"
OTHER_WORDS = "other words"

question = Questions()


def _is_task(ask: Asker, action: str, target: Target) -> str:
    """Return whether the ID of a write's request is that of a task; else the error code."""
    ask.cloud.quiet()
    answer = ask.must(action, target, settle=False)
    status = ask.cloud.read(STATUS, {"TaskId": text(answer.response, "RequestId")})
    ask.settle(answer)
    return "a task" if status.accepted else status.code


def _change_task(action: str, change: Target) -> Callable[[Asker], str]:
    def asks(ask: Asker) -> str:
        target = ask.target(Weight=20)
        ask.bind(target)
        return "a task" if _is_task(ask, action, {**target, **change}) == "a task" else "no task"

    return asks


def _behind(ask: Asker, action: str, target: Target, next_action: str, other: Target) -> str:
    ask.cloud.quiet()
    first = ask.must(action, target, settle=False)
    second = ask.once(next_action, [other])
    for answer in (first, second):
        if answer.accepted:
            ask.settle(answer)
    return "accepted" if second.accepted else f"{second.code}, {_style(second.message)}"


def _style(message: str) -> str:
    """Return the emulator's style of busy that has such words."""
    for style, texts in STYLES.items():
        for _code, template in texts:
            if re.fullmatch(re.escape(template).replace(re.escape("{id}"), ".*"), message):
                return style
    return OTHER_WORDS


def _task_time(found: Found) -> dict[str, Any]:
    """Return how long a task takes, where that is worth a word."""
    passed = found.seconds.get("until it shows", 0.0)
    return {"task_seconds": round(passed, 1)} if passed >= 1 else {}


@question(
    "When does DescribeTargets show what BatchRegisterTargets has bound?",
    "batch_is_task, task_seconds",
    lambda found: {"batch_is_task": False} if found.answer == AT_ONCE else {},
    _task_time,
    name="batch-shows",
)
def _shows(ask: Asker) -> str:
    target = ask.target()
    ask.cloud.quiet()
    answer = ask.must(REGISTER, target, settle=False)
    passed = 0.0 if ask.find(target) else ask.wait_for(lambda: ask.find(target) is not None, PATIENCE)
    ask.settle(answer)
    if passed is None:
        return f"not within {PATIENCE:.0f} seconds"
    ask.measured["until it shows"] = passed
    return "later" if passed else AT_ONCE


@question(
    "Do reads lag behind a write that is done?",
    "read_lag",
    lambda found: {"read_lag": round(found.seconds.get("lag", 0.0), 1)},
    name="read-lag",
)
def _lag(ask: Asker) -> str:
    target = ask.target()
    ask.lag = 0.0
    ask.must(REGISTER, target)
    if ask.find(target) is not None:
        return "no"
    passed = ask.wait_for(lambda: ask.find(target) is not None, PATIENCE)
    if passed is None:
        raise NotAsked(f"what is registered does not show within {PATIENCE:.0f} seconds")
    ask.measured["lag"] = passed
    # Looks are some tenths of a second apart.
    ask.lag = passed + 0.5
    return "yes"


def _batch_task_means(found: Found) -> dict[str, Any]:
    return {"batch_is_task": False, "unknown_task_code": found.answer} if is_code(found.answer) else {}


@question(
    "Does DescribeTaskStatus know the request ID of BatchRegisterTargets?",
    "batch_is_task, unknown_task_code",
    _batch_task_means,
)
def _batch_task(ask: Asker) -> str:
    return _is_task(ask, REGISTER, ask.target())


question(
    "Does DescribeTaskStatus know the request ID of BatchModifyTargetWeight?",
    "weight_is_task",
    lambda found: {"weight_is_task": found.answer == "a task"},
    name="weight-task",
)(_change_task(WEIGHT, {"Weight": 30}))


question(
    "Does DescribeTaskStatus know the request ID of BatchModifyTargetTag?",
    "tag_is_task",
    lambda found: {"tag_is_task": found.answer == "a task"},
    name="tag-task",
)(_change_task(TAG, {"Tag": f"{MARK}-2"}))


@question(
    "What does DescribeTaskStatus answer to an ID that no task has?",
    "unknown_task_code",
    as_code("unknown_task_code"),
    calls=1,
)
def _unknown_task(ask: Asker) -> str:
    return ask.cloud.read(STATUS, {"TaskId": "00000000-0000-0000-0000-000000000000"}).verdict


def _busy_means(found: Found) -> dict[str, Any]:
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
    "How is each write answered right behind another one?", "busy_style, codes, tag_needs_free", _busy_means, calls=30
)
def _busy(ask: Asker) -> dict[str, str]:
    """Send each write right behind another one."""
    toggled, removed, weighed, tagged = targets = [ask.target(port) for port in range(4)]
    ask.bind(*targets)
    return {
        REGISTER: _behind(ask, DEREGISTER, toggled, REGISTER, ask.target(4)),
        DEREGISTER: _behind(ask, REGISTER, toggled, DEREGISTER, removed),
        WEIGHT: _behind(ask, DEREGISTER, toggled, WEIGHT, {**weighed, "Weight": 20}),
        TAG: _behind(ask, REGISTER, toggled, TAG, {**tagged, "Tag": f"{MARK}-2"}),
    }


@question(
    "Is the load balancer locked after a write shows?",
    "lock_after",
    lambda found: {"lock_after": round(found.seconds.get("locked", 0.0), 1)},
    calls=8,
)
def _lock(ask: Asker) -> str:
    target = ask.target(Weight=20)
    answer = ask.must(REGISTER, target, settle=False)
    if ask.wait_for(lambda: ask.find(target) is not None, PATIENCE) is None:
        raise NotAsked(f"what is registered does not show within {PATIENCE:.0f} seconds")
    started, change = ask.cloud.api.now(), {**target, "Weight": 30}
    change_answer = ask.once(WEIGHT, [change])
    was_locked = change_answer.meaning is Meaning.BUSY
    if was_locked:
        change_answer = ask.begin(WEIGHT, [change])
        ask.measured["locked"] = ask.cloud.api.now() - started
    for item in (answer, change_answer):
        if item.accepted:
            ask.settle(item)
    return "yes" if was_locked else "no"
