# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tasks of both modules share: their load balancers, read side by side."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from .._api.clb import MAX_HEALTH_LOAD_BALANCERS, MAX_LISTENER_IDS, Clb
from .._base.errors import ClbError, Refused, UnexpectedAnswer, and_more, escape
from .._base.refusals import Remedy
from .._base.threads import Finished, side_by_side
from .._bindings.assign import may_apply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .._api.connection import Connection
    from .._bindings.entries import Entry
    from .._bindings.health import HealthSnapshot
    from .._bindings.snapshot import Snapshot
    from .report import Result

MAX_WARNED = 5
_NOBODY_MAY = "AuthFailure"
"""Codes that say nothing of a load balancer: the credentials are wrong for all of them."""


class TaskResult(NamedTuple):
    """What a module returns.

    :param result: the returned keys.
    :param warnings: sentences for the user.
    :param failure: why the task failed, for people; None where it did not.
    :param connection: to the API; None where the task ended before there was one.
    """

    result: Result
    warnings: tuple[str, ...] = ()
    failure: str | None = None
    connection: Connection | None = None


class Chosen(NamedTuple):
    """A load balancer that a task is about.

    :param load_balancer_id: its ID.
    :param name: its name; None where it was chosen by ID.
    :param listed: whether it comes from a listing of the region, and may be gone by now.
    """

    load_balancer_id: str
    name: str | None = None
    listed: bool = False


class Warnings:
    """The warnings of many load balancers: equal ones come once, with the IDs of some."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, texts: Iterable[str], load_balancer_id: str | None = None) -> None:
        """Add some.

        :param texts: sentences.
        :param load_balancer_id: of the load balancer that they are about; None where they are about none.
        """
        for text in texts:
            where = self._found.setdefault(text, [])
            if load_balancer_id is not None and load_balancer_id not in where:
                where.append(load_balancer_id)

    def all(self, *, several: bool) -> tuple[str, ...]:
        """All of them, in the order in which they came.

        :param several: whether several load balancers are meant, so that each says which.
        """
        return tuple(
            escape(f"{text} ({and_more(where, MAX_WARNED)})" if several and where else text)
            for text, where in self._found.items()
        )


@contextmanager
def gc_paused() -> Iterator[None]:
    """Keep the garbage collector out: a plan has no cycles, and walking one costs a third of the time of making it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def values_of(finished: Iterable[Finished[Any]]) -> list[Any]:
    """The values of work that was done side by side.

    :param finished: of :func:`side_by_side`.
    :raises ClbError: the first error among them.
    """
    values = []
    for result in finished:
        if result.error is not None:
            raise as_clb_error(result.error)
        values.append(result.value)
    return values


def as_clb_error(error: Exception) -> ClbError:
    """An error as results carry it; one of this collection's own becomes ``UnexpectedAnswer``.

    :param error: whatever was raised.
    """
    if isinstance(error, ClbError):
        return error
    converted = UnexpectedAnswer(
        f"An error of this collection, please report it: {type(error).__name__}: {error}", code="UnexpectedAnswer"
    )
    converted.__cause__ = error
    return converted


def read_for(clb: Clb, load_balancer_id: str, entries: Sequence[Entry], *, filtered: bool = True) -> Snapshot:
    """Read what is bound, filtered by listener where every entry names one of at most 20 by ID.

    :param clb: the actions.
    :param load_balancer_id: the load balancer.
    :param entries: those that can be about it.
    :param filtered: whether the filter may be used.
    """
    named = list(dict.fromkeys(entry.place.listener_id for entry in entries if entry.place.listener_id is not None))
    if (
        not filtered
        or not named
        or len(named) > MAX_LISTENER_IDS
        or any(entry.place.listener_id is None for entry in entries)
    ):
        return clb.describe_targets(load_balancer_id)
    try:
        return clb.describe_targets(load_balancer_id, named)
    except Refused as refusal:
        if refusal.remedy is not Remedy.NARROW:
            raise
        # A listener that does not exist spoils the filtered read; the whole snapshot shows which.
        return clb.describe_targets(load_balancer_id)


def read_all(
    connection: Connection, chosen: Sequence[Chosen], entries: Sequence[Entry] | None, *, several: bool
) -> list[Finished[Snapshot]]:
    """Read load balancers side by side.

    :param connection: to the region.
    :param chosen: the load balancers.
    :param entries: of ``targets``; None reads everything.
    :param several: whether several load balancers are meant.
    """

    def read(balancer: Chosen) -> Snapshot:
        mine = may_apply(entries or (), balancer.load_balancer_id)
        own = all(entry.load_balancer_id is not None for entry in mine)
        return read_for(connection.clb, balancer.load_balancer_id, mine, filtered=own or not several)

    return side_by_side(read, chosen)


def may_leave_out(balancer: Chosen, error: Exception) -> bool:
    """Whether a load balancer that can't be read is left out: it was listed only, and is gone or refuses.

    :param balancer: the load balancer.
    :param error: why it can't be read.
    """
    return balancer.listed and isinstance(error, Refused) and not error.code.startswith(_NOBODY_MAY)


def left_out(error: Exception) -> str:
    """The warning for a load balancer that is left out.

    :param error: why it can't be read.
    """
    return f"A load balancer of the region was left out, because it can't be read: {as_clb_error(error).message}"


def read_healths(clb: Clb, load_balancer_ids: Sequence[str]) -> dict[str, HealthSnapshot]:
    """Read the health of many load balancers: up to 30 in one call, one by one where that is refused.

    :param clb: the actions.
    :param load_balancer_ids: the load balancers.
    :raises ClbError: health can't be read.
    """
    size = MAX_HEALTH_LOAD_BALANCERS
    chunks = [load_balancer_ids[start : start + size] for start in range(0, len(load_balancer_ids), size)]

    def read(chunk: Sequence[str]) -> dict[str, HealthSnapshot]:
        try:
            return clb.describe_target_health(chunk)
        except Refused as refusal:
            if len(chunk) == 1 or refusal.remedy is Remedy.FATAL:
                raise
            singles = values_of(
                side_by_side(lambda load_balancer_id: clb.describe_target_health([load_balancer_id]), chunk)
            )
            return {key: health for single in singles for key, health in single.items()}

    found = values_of(side_by_side(read, chunks))
    return {key: health for chunk in found for key, health in chunk.items()}
