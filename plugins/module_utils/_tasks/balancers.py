# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tasks of both modules share: their load balancers, read side by side."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from .._api.capacity import IDS
from .._base.errors import ClbError, Refused, UnexpectedAnswer, and_more, escape, sentences
from .._base.refusals import NOT_THERE, Concern, Remedy
from .._base.threads import Finished, side_by_side
from .._bindings.assign import may_apply

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from .._api.clb import Clb, Settings
    from .._api.connection import Connection
    from .._bindings.entries import Entry
    from .._bindings.health import HealthSnapshot
    from .._bindings.snapshot import Snapshot
    from .report import Result

Value = TypeVar("Value")

MAX_WARNED = 5


class TaskResult(NamedTuple):
    """What a module returns.

    :param failure: why the task failed, for people; None where it did not.
    :param connection: to the API; None where the task ended before there was one.
    """

    result: Result
    warnings: tuple[str, ...] = ()
    failure: str | None = None
    connection: Connection | None = None


class Chosen(NamedTuple):
    """A load balancer that a task is about.

    :param name: its name; None where it was chosen by ID.
    :param listed: whether it comes from a listing of the region, and may be gone by now.
    """

    load_balancer_id: str
    name: str | None = None
    listed: bool = False

    @property
    def label(self) -> str:
        """The ID, with the name where it is known."""
        return f"{self.load_balancer_id} ({self.name})" if self.name else self.load_balancer_id


class Warnings:
    """The warnings of many load balancers: equal ones come once, with the IDs of some."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, texts: Iterable[str], load_balancer_id: str | None = None) -> None:
        """Add some.

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

    :raises ClbError: the first error among them.
    """
    values = []
    for result in finished:
        if result.error is not None:
            raise as_clb_error(result.error)
        values.append(result.value)
    return values


def as_clb_error(error: Exception) -> ClbError:
    """An error as results carry it; one of this collection's own becomes ``UnexpectedAnswer``."""
    if isinstance(error, ClbError):
        return error
    converted = UnexpectedAnswer(
        f"An error of this collection, please report it: {type(error).__name__}: {error}", code="UnexpectedAnswer"
    )
    converted.__cause__ = error
    return converted


def read_for(clb: Clb, load_balancer_id: str, entries: Sequence[Entry], *, filtered: bool = True) -> Snapshot:
    """Read what is bound, filtered by listener where every entry names one of at most 20 by ID.

    :param entries: those that can be about it.
    :param filtered: whether the filter may be used.
    """
    named = list(dict.fromkeys(entry.place.listener_id for entry in entries if entry.place.listener_id is not None))
    if not filtered or not named or any(entry.place.listener_id is None for entry in entries):
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

    :param entries: of ``targets``; None reads everything.
    :param several: whether several load balancers are meant.
    """

    def read(balancer: Chosen) -> Snapshot:
        mine = may_apply(entries or (), balancer.load_balancer_id)
        own = all(entry.load_balancer_id is not None for entry in mine)
        return read_for(connection.clb, balancer.load_balancer_id, mine, filtered=own or not several)

    return side_by_side(read, chosen)


def may_leave_out(error: Exception, *, only_reads: bool) -> bool:
    """Return whether a load balancer that was only listed may be left out: this decides for all plugins.

    Anything else has to stop the task, since nobody would know of a host that stays in traffic there.

    :param error: why the load balancer can't be read.
    :param only_reads: whether the task writes nothing; then what these credentials may not read is left out, too.
    """
    if not isinstance(error, Refused):
        return False
    # These reads name nothing but load balancers, so that no other resource can be meant.
    gone = error.concerns in NOT_THERE or error.code.startswith("ResourceNotFound")
    return gone or (only_reads and error.concerns is Concern.PERMISSION)


class LeftOut:
    """The load balancers that a task leaves out: they were listed, and can't be read.

    :param only_reads: whether the task writes nothing.
    """

    def __init__(self, *, only_reads: bool) -> None:
        self._only_reads = only_reads
        self._refusals: dict[Chosen, ClbError] = {}

    def sort(
        self, chosen: Sequence[Chosen], finished: Sequence[Finished[Value]]
    ) -> tuple[dict[str, Value], dict[str, ClbError]]:
        """Sort out how reading each load balancer ended, and remember those to leave out.

        :param finished: how each ended, in the same order.
        :returns: what was read, and the errors of those that must not be left out; both by load balancer ID.
        """
        values: dict[str, Value] = {}
        failed: dict[str, ClbError] = {}
        for balancer, result in zip(chosen, finished):
            if result.error is None and result.value is not None:
                values[balancer.load_balancer_id] = result.value
                continue
            error = as_clb_error(result.error or RuntimeError("no answer"))
            if balancer.listed and may_leave_out(error, only_reads=self._only_reads):
                self._refusals[balancer] = error
            else:
                failed[balancer.load_balancer_id] = error
        return values, failed

    def check_some_left(self, left: Collection[object]) -> None:
        """Check that not all load balancers are left out.

        :raises ClbError: nothing could be read, and why.
        """
        if left or not self._refusals:
            return
        first = next(iter(self._refusals.values()))
        raise _retold(first, sentences("No load balancer could be read.", *self.warnings())) from first

    def warnings(self, where: str = "") -> Iterator[str]:
        """Say which load balancers are left out: one sentence for each kind of refusal.

        :param where: such as "in region ap-guangzhou".
        """
        kinds: dict[tuple[str | None, str], list[Chosen]] = {}
        for balancer, error in self._refusals.items():
            kinds.setdefault((error.action, error.code), []).append(balancer)
        for alike in kinds.values():
            names = and_more([balancer.label for balancer in alike], MAX_WARNED)
            which = f"load balancers {names} were" if len(alike) > 1 else f"load balancer {names} was"
            yield f"The {which} left out{where}: {self._refusals[alike[0]].message}"

    def described(self) -> list[Result]:
        """The returned key ``left_out``."""
        return [
            {"load_balancer_id": balancer.load_balancer_id, "code": error.code, "message": error.api_message}
            for balancer, error in self._refusals.items()
        ]


def raise_failed(failed: Mapping[str, ClbError], message: str) -> NoReturn:
    """Stop a task where something is wrong on some load balancers.

    :param failed: the errors by load balancer ID, in the order chosen.
    :param message: tells of all of them.
    :raises ClbError: the first of the errors, with this message.
    """
    first = next(iter(failed.values()))
    raise _retold(first, message) from first


def _retold(error: ClbError, message: str) -> ClbError:
    return ClbError(
        message, code=error.code, action=error.action, request_id=error.request_id, api_message=error.api_message
    )


def read_healths(clb: Clb, load_balancer_ids: Sequence[str]) -> list[Finished[HealthSnapshot]]:
    """Read the health of many load balancers: up to 30 in one call, one by one where that is refused.

    The first call finds out how many the API takes; then the others are sent side by side.

    :returns: how reading each ended, in the same order.
    """

    def read_one(load_balancer_id: str) -> HealthSnapshot:
        return clb.describe_target_health([load_balancer_id])[load_balancer_id]

    def read(chunk: Sequence[str]) -> list[Finished[HealthSnapshot]]:
        try:
            found = clb.describe_target_health(chunk)
        except Refused as refusal:
            if len(chunk) == 1 or refusal.concerns is Concern.ACCOUNT:
                raise
            return side_by_side(read_one, chunk)
        return [Finished(found[load_balancer_id]) for load_balancer_id in chunk]

    healths: list[Finished[HealthSnapshot]] = []
    first = clb.capacity.of("DescribeTargetHealth", IDS)
    for ids in (load_balancer_ids[:first], load_balancer_ids[first:]):
        size = clb.capacity.of("DescribeTargetHealth", IDS)
        chunks = [ids[start : start + size] for start in range(0, len(ids), size)]
        for chunk, finished in zip(chunks, side_by_side(read, chunks)):
            healths += finished.value or [Finished(error=finished.error)] * len(chunk)
    return healths


def read_settings(
    clb: Clb, snapshots: Mapping[str, Snapshot], entries: Sequence[Entry] | None
) -> list[Finished[Settings]]:
    """Read the settings of listeners and rules, side by side.

    :param snapshots: what is bound, by load balancer.
    :param entries: selectors; a load balancer on which each names a listener by ID is asked for these only.
    :returns: how reading each ended, in the same order.
    """

    def read(load_balancer_id: str) -> Settings:
        listeners = list(snapshots[load_balancer_id].listeners)
        named = {entry.place.listener_id for entry in may_apply(entries or (), load_balancer_id)}
        wanted = [one for one in listeners if one in named] if named and None not in named else listeners
        return clb.describe_listeners(load_balancer_id, wanted)

    return side_by_side(read, list(snapshots))
