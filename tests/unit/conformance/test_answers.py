# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clouds that answer otherwise, by a setting or by accident: it is found, and nothing stays bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.inprocess import InProcess
from clb_emulator.scenario import like
from conformance.asker import Asker
from conformance.calls import Answer, Cloud, Kind
from conformance.collection import EmulatorApi, refused
from conformance.leftovers import Leftovers
from conformance.masking import Mask
from conformance.questions import QUESTIONS
from conformance.report import DIFFERS, NOT_ASKED, SAME, as_json, as_markdown, compare
from conformance.runner import Run, prepare, run
from conformance.world import EMULATED, EMULATED_BACKENDS, EMULATED_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from conformance.question import Question

ABOUT = {"endpoint": "x", "region": "x", "date": "x", "collection": "x"}

Change = Callable[[Callable[[], Answer]], Answer]
"""Takes what carries out a call, and returns the answer."""


class Odd:
    """The emulator, behind a function that answers in its place."""

    def __init__(self, scenario: Mapping[str, Any] = EMULATED, change: Change = lambda carry_out: carry_out()) -> None:
        self.emulator = InProcess(scenario)
        self._change = change
        self._api = EmulatorApi(self.emulator)
        self.now, self.sleep = self._api.now, self._api.sleep

    def call(self, action: str, params: Mapping[str, Any], *, write: bool) -> Answer:
        return self._change(lambda: self._api.call(action, params, write=write))

    def run(self, questions: Sequence[Question] = QUESTIONS, minutes: float = 30.0) -> Run:
        cloud = Cloud(self, self.now() + 60 * minutes)
        self.world = prepare(cloud, EMULATED_ID, EMULATED_BACKENDS, Leftovers())
        return run(Asker(cloud, self.world, Leftovers()), questions)


@cache
def usual(twin: str) -> Run:
    return Odd(json.loads(twin)).run()


GONE = "gone-alone gone-among"
LIMITS = [question.name for question in QUESTIONS if "limit-" in question.name]
CASES: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"batch_is_task": False}, "batch-shows batch-task busy"),
    ({"task_seconds": 4}, ""),
    ({"read_lag": 3}, "read-lag"),
    ({"lock_after": 2, "repeated": "last"}, "lock repeated"),
    ({"weight_is_task": False, "tag_is_task": True, "default_weight": 1}, "weight-task tag-task default-weight"),
    ({"tag_needs_free": False, "unknown_task_code": "ResourceNotFound"}, "busy unknown-task"),
    *(({"busy_style": style}, "busy") for style in ("text", "text2", "in_use", "unavailable", "working", "abnormal")),
    ({"codes": {"BatchRegisterTargets.busy": "InvalidParameter"}}, "busy"),
    ({"codes": "documented"}, "busy unknown-filter unknown-load-balancer unknown-listener unknown-rule"),
    ({"reregister": "overwrite", "fail_listener_set": "null"}, "registered-again fail-set"),
    ({"reregister": "overwrite_tag", "fail_listener_set": "missing"}, "registered-again fail-set"),
    ({"reregister": "overwrite_all", "quotas": {"targets": 60}}, "registered-again quota"),
    ({"reregister": "refuse"}, "registered-again two-names"),
    ({"repeated": "refuse", "batch_message": "success"}, "repeated message"),
    *(({"deregister_gone": how}, GONE) for how in ("fail_listener", "fail_target", "ignore")),
    ({"codes": {"unknown_target": "FailedOperation"}}, f"{GONE} weight-of-gone tag-of-gone"),
    ({"quotas": {"targets": 200}}, "quota"),
    ({"quota_counts": "new"}, "quota-counts"),
    ({"health": {"after": 4}}, "health-new"),
    ({"health": {"after": 4, "unchecked": "Dead"}}, "health-new"),
    ({"health": {"at_zero": "Close", "close_status": False}}, "health-at-zero health-unchecked"),
    ({"health": {"dead_status": True}, "number_layer4_rules": True}, "health-all-dead health-layer-4"),
    ({"sparse": True}, "fail-set message no-listeners empty-listener empty-rule empty-quic nulls traits tags"),
    ({"sparse": ["Zone"], "tags": False}, "nulls tag registered-again"),
    ({"empty_quic_targets": "null", "order": "random"}, "empty-quic order"),
    ({"domains": "punycode", "ipv6_type": "CVM", "ipv6_spelling": "exploded"}, "domain ipv6-type ipv6-spelling"),
    ({"tag_filters": "refuse", "target_count": "always", "detail_lag": 5}, "tag-filter target-count target-ip"),
    ({"tag_filters": "ignore", "target_count": "never"}, "tag-filter target-count"),
    ({"limits": {"targets": 499}}, " ".join(name for name in LIMITS if "limit-targets" in name)),
    ({"limits": "exclusive"}, " ".join(name for name in LIMITS if name != "limit-described-listeners")),
    ({"limits": {"described_listeners": 7}}, "limit-described-listeners"),
    ({"describe_unknown_listener": "empty", "unknown_instances": "refuse"}, "unknown-listener unknown-instance"),
    ({"codes": dict.fromkeys(("unknown_rule", "no_rule"), "InvalidParameter")}, "unknown-rule no-rule"),
    ({"codes": dict.fromkeys(("rule_on_layer4", "range"), "FailedOperation")}, "rule-on-layer-4 out-of-range"),
    ({"target_group_code": "FailedOperation"}, "target-group"),
    ({"language": "zh-CN"}, "language busy"),
]
HIDDEN = {
    # Without its field HealthCheck, nobody knows where the check is switched off.
    str({"sparse": True}): ["health-unchecked"],
    str({"reregister": "refuse"}): ["quota-counts"],
}
"""Settings -> questions that can't be asked then."""


@pytest.mark.sample(2)
@pytest.mark.parametrize("settings, expected", CASES, ids=[str(settings) for settings, _ in CASES])
def test_a_changed_setting_is_found_and_brought_back(settings: dict[str, Any], expected: str, tmp_path: Path) -> None:
    health = {"health": {**EMULATED["health"], **settings["health"]}} if "health" in settings else {}
    cloud = Odd({**EMULATED, **settings, **health})
    here = cloud.run()
    assert cloud.emulator.bindings() == set(), "it leaves nothing bound"
    compared = compare(here, usual(json.dumps(cloud.world.twin("ap-guangzhou"))))
    found = {item.here.question.name: item.result for item in compared if item.result != SAME}
    hidden = dict.fromkeys(HIDDEN.get(str(settings), ()), NOT_ASKED)
    assert found == {**dict.fromkeys(expected.split(), DIFFERS), **hidden}
    shown = [item.here.answer for item in compared]
    assert Mask().answer(shown) == shown, "the report shows all of it"
    report = tmp_path / "conformance.json"
    report.write_text(json.dumps(as_json(compared, here, Mask(), ABOUT)))
    # Limits are quick to ask in the cloud, and slow here.
    asked = [one for one in QUESTIONS if one.name in found or "limit-" not in one.name]
    again = {item.question.name: item.answer for item in Odd(like(EMULATED, report)).run(asked).outcomes}
    assert again == {item.question.name: item.answer for item in here.outcomes if item.question.name in again}


def mutate(value: Any, random: Random) -> Any:
    if random.random() < 0.03:
        return random.choice([None, [], {}, "", "x", -1, 2**70, 1.5, True, [None, "x", {}], {"x": [{}]}])
    if isinstance(value, dict):
        return {name: mutate(item, random) for name, item in value.items() if random.random() > 0.02}
    return [mutate(item, random) for item in value] if isinstance(value, list) else value


@pytest.mark.sample(2)
@pytest.mark.parametrize("seed", range(8))
def test_garbled_answers(seed: int) -> None:
    """After the first few, nothing an answer holds can be trusted."""
    random = Random(seed)
    calls = iter(range(10**6))

    def garble(carry_out: Callable[[], Answer]) -> Answer:
        answer = carry_out()
        if next(calls) < 4 or not answer.accepted:
            return answer
        changed = mutate(dict(answer.response), random)
        return Answer(answer.kind, changed if isinstance(changed, dict) else {})

    done = Odd(change=garble).run(minutes=10)
    report = as_json(compare(done, Odd().run()), done, Mask(), ABOUT)
    assert json.loads(json.dumps(report))["questions"][0]["name"] == QUESTIONS[0].name
    assert as_markdown(report).count("\n| ") == len(QUESTIONS) + 1


LOST = Answer(Kind.LOST, code="UnexpectedAnswer", message="HTTP 502")
CODES = "RequestLimitExceeded LimitExceeded InternalError UnauthorizedOperation InvalidParameterValue.Length"
ODD = [LOST, refused("FailedOperation", "Your task is working"), *(refused(code, "no") for code in CODES.split())]


@pytest.mark.parametrize("odd", ODD, ids=lambda answer: answer.code)
@pytest.mark.sample(3)
@pytest.mark.parametrize("share, last", [(0.2, 400), (1.0, 30), (1.0, 10**6)])
def test_what_is_bound_is_unbound_whatever_is_refused_or_lost(odd: Answer, share: float, last: int) -> None:
    """Lost answers are those of calls that were carried out; a cloud that stays so can't be cleaned up."""
    random = Random(1)
    calls = iter(range(10**6))

    def spoil(carry_out: Callable[[], Answer]) -> Answer:
        number = next(calls)
        is_odd = 3 < number < last and random.random() < share
        answer = carry_out() if not is_odd or odd.kind is Kind.LOST else odd
        return odd if is_odd else answer

    cloud = Odd(change=spoil)
    done = cloud.run()
    assert bool(done.left) is bool(cloud.emulator.bindings())
    assert last == 10**6 or not done.left
    assert all(outcome.reason or outcome.answer is not None for outcome in done.outcomes)


def test_a_write_that_was_lost_is_waited_for_and_unbound() -> None:
    calls = iter(range(10**6))

    def lose_the_first_write(carry_out: Callable[[], Answer]) -> Answer:
        answer = carry_out()
        return LOST if next(calls) == 2 else answer

    cloud = Odd(change=lose_the_first_write)
    (outcome,) = cloud.run(QUESTIONS[:1]).outcomes
    assert outcome.reason.startswith("nobody knows how BatchRegisterTargets ended")
    cloud.sleep(60)
    assert cloud.emulator.bindings() == set()


def test_a_slow_server_is_left_when_the_time_is_up() -> None:
    def slow(carry_out: Callable[[], Answer]) -> Answer:
        cloud.sleep(8)
        return carry_out()

    cloud = Odd(change=slow)
    done = cloud.run(minutes=2)
    assert done.stopped == done.outcomes[-1].reason == "the time is up"
    assert cloud.emulator.bindings() == set()


@pytest.mark.parametrize("left", [{"InstanceId": "ins-one"}, {"EniIp": "10.0.0.6"}])
def test_others_are_left_alone(left: dict[str, str]) -> None:
    cloud = Odd()
    other = {"LoadBalancerId": EMULATED_ID, "ListenerId": "lbl-tcp", **left, "Port": 80, "Tag": "mine"}
    cloud.emulator.add_events({"change": "bind", "with": [other], "action": "BatchRegisterTargets", "after_calls": 5})
    cloud.run()
    ((listener, _, _, port, _, tag),) = cloud.emulator.bindings()
    assert (listener, port, tag) == ("lbl-tcp", 80, "mine")
