# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find out why a call is refused: for some of its members, for its size, or for neither. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Generic, Optional, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Item = TypeVar("Item")
Refusal = TypeVar("Refusal")

Halves = Optional[tuple[list[Item], list[Item]]]
Refused = tuple[list[Item], Refusal]
"""A group that was refused, and its answer."""
Answered = tuple[Item, Optional[Refusal]]
"""A member that was sent alone, and its refusal; None where it got through."""

MAX_HALVED = 4
"""A call of so few members is halved at once: to ask first for another cause would take as many calls."""


class Cause(Enum):
    """The cause of a refusal."""

    MEMBERS = "members"
    """These members spoil every call, and can't be told apart."""
    SIZE = "size"
    """These members are too many for one call: in smaller parts, all of them got through."""
    NO_MEMBER = "no member"
    """Single members from all over the call are refused with the words of the call."""


@dataclass(frozen=True)
class Found(Generic[Item, Refusal]):
    """The cause that was found, and the answer to a call with exactly these members."""

    cause: Cause
    members: list[Item]
    refusal: Refusal


class Trial(Protocol[Item, Refusal]):
    """Sends parts of a refused call, and judges the answers."""

    def send(self, group: list[Item]) -> Refusal | None:
        """Send a part of the call; returns its refusal, None where it got through."""

    def split(self, group: list[Item], refusal: Refusal) -> Halves[Item]:
        """Halve a refused group; None where its refusal makes no sense of smaller groups."""

    def are_alike(self, one: Refusal, other: Refusal) -> bool:
        """Compare what two refusals say."""

    def may_be_size(self, group: list[Item], refusal: Refusal) -> bool:
        """True where a refused group may be too large for one call."""


def find_causes(
    call: Sequence[Item], refusal: Refusal, trial: Trial[Item, Refusal], *, ask_alone: bool, skip_halves: bool
) -> Iterator[Found[Item, Refusal]]:
    """Send the members of a refused call in smaller groups until it is known why it was refused.

    Five calls show that no member is the cause. Else each refused half is searched, depth first: a group that holds a
    culprit for certain is halved until the culprit is alone, and the members beside it are sent as a whole.

    :param ask_alone: try single members where both halves are refused with the same words.
    :param skip_halves: the words are known from elsewhere: try single members at once.
    :returns: the causes as they are found; nothing follows after ``NO_MEMBER``.
    """
    members = list(call)
    may_be_size = trial.may_be_size(members, refusal)
    halves = trial.split(members, refusal) if ask_alone and len(members) > MAX_HALVED else None
    refused: list[Refused[Item, Refusal]] = [(members, refusal)]
    loose: list[Item] = []
    if halves is not None and not skip_halves:
        answers = [(half, trial.send(half)) for half in halves]
        refused = [(half, answer) for half, answer in answers if answer is not None]
        if not refused and may_be_size:
            yield Found(Cause.SIZE, members, refusal)
    alike = len(refused) > 1 and trial.are_alike(refused[0][1], refused[1][1])
    if halves is not None and (skip_halves or alike):
        alone, others = _try_alone(halves, refused, trial)
        if not others:
            yield Found(Cause.NO_MEMBER, members, refusal)
            return
        answered = (*alone, *others)
        yield from (Found(Cause.MEMBERS, [member], answer) for member, answer in answered if answer is not None)
        refused, loose = _without(answered, refused)
    while refused or loose:
        if not refused:
            answer = trial.send(loose)
            if answer is None:
                return
            refused, loose = [(loose, answer)], []
        found, beside = _isolate(*refused.pop(0), trial)
        loose = beside + loose
        if found is not None:
            yield found


def _try_alone(
    halves: tuple[list[Item], list[Item]], refused: Sequence[Refused[Item, Refusal]], trial: Trial[Item, Refusal]
) -> tuple[list[Answered[Item, Refusal]], list[Answered[Item, Refusal]]]:
    """Try three single members, since two can be the only bad ones; stop at one that is answered differently.

    :returns: those that were answered like their halves, and the one that was not, if any.
    """
    left, right = halves
    first, second = len(left) * 3 // 8, len(right) * 5 // 8
    longer, taken = (left, first) if len(left) > len(right) else (right, second)
    alone: list[Answered[Item, Refusal]] = []
    for member in (left[first], right[second], longer[(taken + len(longer) // 2) % len(longer)]):
        sent = [answer for group, answer in refused if group == [member]]
        answer = sent[0] if sent else trial.send([member])
        if answer is None or not trial.are_alike(answer, refused[0][1]):
            return alone, [(member, answer)]
        alone.append((member, answer))
    return alone, []


def _without(
    answered: Sequence[Answered[Item, Refusal]], refused: Sequence[Refused[Item, Refusal]]
) -> tuple[list[Refused[Item, Refusal]], list[Item]]:
    """Take single members out of refused groups.

    :returns: the groups that still hold a culprit for certain, and the members of those that may hold none any more.
    """
    bad = [member for member, answer in answered if answer is not None]
    known = [member for member, _answer in answered]
    certain: list[Refused[Item, Refusal]] = []
    loose: list[Item] = []
    for group, answer in refused:
        others = [member for member in group if member not in known]
        if any(member in bad for member in group):
            loose += others
        else:
            certain.append((others, answer))
    return certain, loose


def _isolate(
    group: list[Item], refusal: Refusal, trial: Trial[Item, Refusal]
) -> tuple[Found[Item, Refusal] | None, list[Item]]:
    """Halve a refused group until the members that spoil it are alone.

    A half that gets through proves that the other one holds a culprit, unless the size of both can be the reason.

    :returns: the cause, None where no refusal came again; and the members that were not tried.
    """
    beside: list[Item] = []
    # True while `refusal` is the answer to exactly this group.
    proven = True
    while True:
        may_be_size = trial.may_be_size(group, refusal)
        halves = trial.split(group, refusal)
        if halves is None:
            answer = refusal if proven else trial.send(group)
            if answer is None:
                return None, beside
            if proven:
                return Found(Cause.MEMBERS, group, refusal), beside
            # A new refusal may be of another kind, and split further than the old one.
            refusal, proven = answer, True
            continue
        left, right = halves
        answer = trial.send(left)
        if answer is not None:
            group, beside, refusal, proven = left, right + beside, answer, True
        elif not may_be_size:
            group, proven = right, False
        else:
            answer = trial.send(right)
            if answer is None:
                return Found(Cause.SIZE, group, refusal), beside
            group, refusal, proven = right, answer, True
