# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that are not what they should be: whatever is answered, there is a report, and nothing is left bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.inprocess import InProcess
from conformance.asker import Asker
from conformance.calls import Answer, Cloud, Kind
from conformance.collection import EmulatorApi, refused
from conformance.leftovers import Leftovers
from conformance.masking import Mask
from conformance.questions import QUESTIONS
from conformance.report import as_json, as_markdown, compare
from conformance.runner import Run, prepare, run
from conformance.world import EMULATED, EMULATED_BACKENDS, EMULATED_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

ABOUT = {"endpoint": "x", "region": "x", "date": "x", "collection": "x"}

Change = Callable[[Callable[[], Answer]], Answer]
"""Takes what carries out a call, and returns the answer."""


class Odd:
    """The emulator behind a function that answers in its place."""

    def __init__(self, change: Change) -> None:
        self.emulator = InProcess(EMULATED)
        self._change = change
        self._api = EmulatorApi(self.emulator)
        self.now, self.sleep = self._api.now, self._api.sleep

    def call(self, action: str, params: Mapping[str, Any], *, write: bool) -> Answer:
        return self._change(lambda: self._api.call(action, params, write=write))

    def run(self, minutes: float = 30.0) -> Run:
        """Ask all questions."""
        cloud = Cloud(self, self.now() + 60 * minutes)
        world = prepare(cloud, EMULATED_ID, EMULATED_BACKENDS, Leftovers())
        return run(Asker(cloud, world, Leftovers()), QUESTIONS)


def mutate(value: Any, random: Random) -> Any:
    """Return an answer in which some values are others."""
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

    done, usual = Odd(garble).run(minutes=10), Odd(lambda carry_out: carry_out()).run()
    report = as_json(compare(done, usual), done, Mask(), ABOUT)
    assert json.loads(json.dumps(report))["questions"][0]["name"] == QUESTIONS[0].name
    assert as_markdown(report).count("\n| ") == len(QUESTIONS) + 1


LOST = Answer(Kind.LOST, code="UnexpectedAnswer", message="HTTP 502")


@pytest.mark.parametrize(
    "odd",
    [
        LOST,
        refused("RequestLimitExceeded", "too many"),
        refused("FailedOperation", "Your task is working"),
        refused("LimitExceeded", "no"),
        refused("InternalError", "no"),
        refused("UnauthorizedOperation", "no"),
        refused("InvalidParameterValue.Length", "no"),
    ],
    ids=lambda answer: answer.code,
)
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

    cloud = Odd(spoil)
    done = cloud.run()
    assert bool(done.left) is bool(cloud.emulator.bindings())
    assert last == 10**6 or not done.left
    assert all(outcome.reason or outcome.answer is not None for outcome in done.outcomes)


def test_a_slow_server_is_left_when_the_time_is_up() -> None:
    def slow(carry_out: Callable[[], Answer]) -> Answer:
        cloud.sleep(8)
        return carry_out()

    cloud = Odd(slow)
    done = cloud.run(minutes=2)
    assert done.stopped == done.outcomes[-1].reason == "the time is up"
    assert cloud.emulator.bindings() == set()


@pytest.mark.parametrize("left", ["ins-one", "10.0.0.6"])
def test_others_are_left_alone(left: str) -> None:
    cloud = Odd(lambda carry_out: carry_out())
    name = "InstanceId" if left.startswith("ins") else "EniIp"
    other = {"LoadBalancerId": EMULATED_ID, "ListenerId": "lbl-tcp", name: left, "Port": 80, "Tag": "mine"}
    cloud.emulator.add_events({"change": "bind", "with": [other], "action": "BatchRegisterTargets", "after_calls": 5})
    cloud.run()
    assert {(listener, port, tag) for listener, _, _, port, _, tag in cloud.emulator.bindings()} == {
        ("lbl-tcp", 80, "mine")
    }
