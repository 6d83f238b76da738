# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Find the members that spoil a call: group testing by binary splitting. No cloud in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Item = TypeVar("Item")
Refusal = TypeVar("Refusal")

Halves = Optional[tuple[list[Item], list[Item]]]


def find_culprits(
    group: Sequence[Item],
    refusal: Refusal,
    send: Callable[[list[Item]], Optional[Refusal]],
    split: Callable[[list[Item], Refusal], Halves[Item]],
) -> Iterator[tuple[list[Item], Refusal]]:
    """Send the members of a refused call in ever smaller groups, until those that spoil it are alone.

    A half that gets through is done by that, and proves that the other half holds a culprit, which saves sending it as
    a whole. A half that is refused leaves its sibling for later, together with all others that were left.

    :param group: the members of the refused call.
    :param refusal: its answer.
    :param send: sends a group; returns its refusal, or None where it got through.
    :param split: halves a group as far as its refusal makes sense of; None where it goes no further.
    :returns: the culprits that can't be told apart, with the answer to a call with them alone, as they are found.
    """
    pool: list[Item] = list(group)
    last: Refusal | None = refusal
    while pool and last is not None:
        culprits, pool, why = _isolate(pool, last, send, split)
        if culprits:
            yield culprits, why
        last = send(pool) if pool else None


def _isolate(
    group: list[Item],
    refusal: Refusal,
    send: Callable[[list[Item]], Optional[Refusal]],
    split: Callable[[list[Item], Refusal], Halves[Item]],
) -> tuple[list[Item], list[Item], Refusal]:
    """Halve a refused group until what spoils it is alone.

    :returns: the culprits, the members that were not tried, and the answer to the culprits.
    """
    rest: list[Item] = []
    # Whether `refusal` is the answer to exactly this group.
    proven = True
    while True:
        halves = split(group, refusal)
        if halves is None:
            if proven:
                return group, rest, refusal
            answer = send(group)
            if answer is None:
                return [], rest, refusal
            # A new refusal may be of another kind, and split further than the old one.
            refusal, proven = answer, True
            continue
        left, right = halves
        answer = send(left)
        if answer is None:
            group, proven = right, False
        else:
            group, rest, refusal, proven = left, right + rest, answer, True
