# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks all questions of one cloud, one after the other, and cleans up behind each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .asker import Asker, NotClean
from .calls import LISTENERS, TARGETS, Cloud, GaveUp, NotAsked, Record
from .world import World, bindings_in, objects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .leftovers import Leftovers
    from .question import Question

INTERRUPTED = "the run was interrupted"


@dataclass
class Outcome:
    """How a question went.

    :param reason: why it was not asked; empty where it was.
    :param seconds: what it measured, by name.
    """

    question: Question
    answer: Any = None
    reason: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)


@dataclass
class Run:
    """A run over one cloud.

    :param refused: the load balancer does not fit, so that nothing was begun.
    :param stopped: why nothing was asked any more; empty where all was.
    :param left: what could not be cleaned up; empty where all was.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    stopped: str = ""
    left: str = ""
    interrupted: bool = False
    refused: bool = False


def prepare(cloud: Cloud, load_balancer_id: str, backends: tuple[str, ...], leftovers: Leftovers) -> World:
    """Look at a load balancer, after cleaning up what a killed run has left on it.

    :raises Unusable: it has bindings, or nothing to bind to.
    :raises NotAsked: it can't be read.
    :raises GaveUp: nobody answers.
    :raises NotClean: what a killed run has left can't be unbound.
    """
    targets = _read(cloud, TARGETS, load_balancer_id)
    asker = Asker(cloud, World(load_balancer_id, backends), leftovers)
    asker.in_doubt = was_killed = leftovers.recall()
    marked = [bound for bound, _target in asker.mine(bindings_in(targets))]
    if marked and not leftovers.pending:
        leftovers.add(marked)
    asker.clean()
    if marked or was_killed:
        targets = _read(cloud, TARGETS, load_balancer_id)
    return World.read(load_balancer_id, backends, targets, _read(cloud, LISTENERS, load_balancer_id))


def _read(cloud: Cloud, action: str, load_balancer_id: str) -> Mapping[str, Any]:
    answer = cloud.read(action, {"LoadBalancerId": load_balancer_id})
    if not answer.accepted:
        raise NotAsked(f"{action} is refused: {answer.refusal}")
    if not objects(answer.response, "Listeners"):
        raise NotAsked(f"{action} tells no listener: make a TCP listener first, if this is the API at all")
    return answer.response


def run(asker: Asker, questions: Sequence[Question], progress: Callable[[int, Outcome], None] | None = None) -> Run:
    """Ask all questions, whatever is answered, and leave nothing bound.

    :param progress: is told each outcome, with its number.
    """
    done = Run()
    for number, question in enumerate(questions, 1):
        outcome = Outcome(question)
        done.outcomes.append(outcome)
        if done.stopped:
            outcome.reason = done.stopped
        else:
            _ask(asker, outcome, done)
        if progress is not None:
            _tell(progress, number, outcome, done)
    return done


def _tell(progress: Callable[[int, Outcome], None], number: int, outcome: Outcome, done: Run) -> None:
    try:
        progress(number, outcome)
    except KeyboardInterrupt:
        done.stopped, done.interrupted = INTERRUPTED, True


def _ask(asker: Asker, outcome: Outcome, done: Run) -> None:
    first_record = len(asker.cloud.records)
    asker.measured = {}
    try:
        outcome.answer = outcome.question.ask(asker)
    except NotAsked as error:
        outcome.reason = str(error)
    except GaveUp as error:
        outcome.reason = done.stopped = str(error)
    except KeyboardInterrupt:
        outcome.reason = done.stopped = INTERRUPTED
        done.interrupted = True
    except Exception as error:  # noqa: BLE001  # whatever a server answers, the other questions are asked
        outcome.reason = f"an answer has an unexpected shape ({type(error).__name__})"
    outcome.seconds = asker.measured
    outcome.records = asker.cloud.records[first_record:]
    _clean(asker, done)


def _clean(asker: Asker, done: Run) -> None:
    try:
        asker.clean()
    except NotClean as error:
        done.left = str(error)
        done.stopped = done.stopped or "what was bound could not be unbound"
    except KeyboardInterrupt:
        done.stopped, done.interrupted = INTERRUPTED, True
        # Only once more: a second Ctrl+C while it cleans up ends it.
        try:
            asker.clean()
        except NotClean as error:
            done.left = str(error)
