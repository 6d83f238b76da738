# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks all questions of one cloud, one after the other, and cleans up behind each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .asker import Asker, NotClean
from .calls import LISTENERS, TARGETS, Cloud, GaveUp, NotAsked, Raw, Record, Unusable
from .world import World, bindings_in, objects

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .leftovers import Leftovers
    from .question import Question

INTERRUPTED = "the run was interrupted"


@dataclass
class Outcome:
    """How a question went; ``reason`` says why it was not asked, ``seconds`` has what it measured, by name."""

    question: Question
    answer: Any = None
    reason: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)


@dataclass
class Run:
    outcomes: list[Outcome] = field(default_factory=list)
    stopped: str = ""
    """Why nothing was asked any more."""
    left: str = ""
    """What could not be cleaned up."""
    refused: bool = False
    """The load balancer does not fit, so that nothing was begun."""


def reason_of(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, (Unusable, NotAsked, GaveUp)):
        return str(error)
    return f"an answer has an unexpected shape ({type(error).__name__})"


def prepare(cloud: Cloud, load_balancer_id: str, backends: tuple[str, ...], leftovers: Leftovers) -> World:
    """Look at a load balancer, after cleaning up what a killed run has left on it; raise Unusable or NotClean."""
    targets = _read(cloud, TARGETS, load_balancer_id)
    asker = Asker(cloud, World(load_balancer_id, backends), leftovers)
    asker.in_doubt = was_killed = leftovers.recall()
    marked = list(asker.mine(bindings_in(targets)))
    if marked and not leftovers.pending:
        leftovers.add(marked)
    asker.clean()
    if marked or was_killed:
        targets = _read(cloud, TARGETS, load_balancer_id)
    return World.read(load_balancer_id, backends, targets, _read(cloud, LISTENERS, load_balancer_id))


def _read(cloud: Cloud, action: str, load_balancer_id: str) -> Raw:
    response = cloud.known(action, {"LoadBalancerId": load_balancer_id})
    if not objects(response, "Listeners"):
        raise NotAsked(f"{action} tells no listener: make a TCP listener first, if this is the API at all")
    return response


def run(asker: Asker, questions: Sequence[Question], progress: Callable[[int, Outcome], None] | None = None) -> Run:
    """Ask all questions, whatever is answered, and leave nothing bound; tell ``progress`` each outcome."""
    done = Run()
    for number, question in enumerate(questions, 1):
        outcome = Outcome(question, reason=done.stopped)
        done.outcomes.append(outcome)
        if not done.stopped:
            _ask(asker, outcome, done)
        try:
            if progress is not None:
                progress(number, outcome)
        except KeyboardInterrupt:
            done.stopped = INTERRUPTED
    return done


def _ask(asker: Asker, outcome: Outcome, done: Run) -> None:
    first_record = len(asker.cloud.records)
    asker.measured = {}
    try:
        outcome.answer = outcome.question.ask(asker)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # the other questions are asked all the same
        outcome.reason = reason_of(error)
        if isinstance(error, (GaveUp, KeyboardInterrupt)):
            done.stopped = outcome.reason
    outcome.seconds = asker.measured
    outcome.records = asker.cloud.records[first_record:]
    try:
        try:
            asker.clean()
        except KeyboardInterrupt:
            done.stopped = INTERRUPTED
            # Only once more: a second Ctrl+C while it cleans up ends it.
            asker.clean()
    except NotClean as error:
        done.left = str(error)
        done.stopped = done.stopped or "what was bound could not be unbound"
