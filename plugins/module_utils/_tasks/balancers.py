# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A load balancer of a task, and what is said of many of them together."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, TypeVar

from .._base.errors import ClbError, Refused, UnexpectedAnswer, and_more, escape
from .._base.refusals import NOT_THERE, Concern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .._api.clb import Settings
    from .._api.connection import Connection
    from .._apply.outcome import Outcome
    from .._bindings.entries import Entry
    from .._bindings.health import HealthSnapshot
    from .._bindings.plan import Plan
    from .._bindings.snapshot import Snapshot

Result = dict[str, Any]
Value = TypeVar("Value")


class TaskResult(NamedTuple):
    """The result of a module.

    :param failure: the reason why the task failed, for people; None where it did not.
    :param connection: to the API; None where the task ended before there was one.
    """

    result: Result
    warnings: tuple[str, ...] = ()
    failure: str | None = None
    connection: Connection | None = None


@dataclass(frozen=True, eq=False)
class Balancer:
    """One load balancer, and what the stages of a task have found out so far; None where a stage has not come to it.

    :param name: None where it was chosen by ID.
    :param listed: it comes from a listing of the region, and may be gone by now.
    :param entries: those that can be about it; once it was read, those that are.
    :param failed: entries of ``failed_targets`` for what never came into the plan.
    :param error: the failure here; the stages that follow pass this load balancer over.
    :param left_out: the task goes on without it.
    """

    load_balancer_id: str
    name: str | None = None
    listed: bool = False
    entries: tuple[Entry, ...] = ()
    snapshot: Snapshot | None = None
    health: HealthSnapshot | None = None
    settings: Settings | None = None
    plan: Plan | None = None
    outcome: Outcome | None = None
    failed: tuple[Result, ...] = ()
    error: ClbError | None = None
    left_out: bool = False

    @property
    def label(self) -> str:
        """The ID, with the name where it is known."""
        return f"{self.load_balancer_id} ({self.name})" if self.name else self.load_balancer_id


def known(value: Optional[Value]) -> Value:
    """The value that an earlier stage has found."""
    if value is None:
        raise RuntimeError("a stage was left out")
    return value


class Warnings:
    """The warnings of many load balancers: equal ones come once, with the IDs of some."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def add(self, texts: Iterable[str], load_balancer_id: str | None = None) -> None:
        """Add warnings; about no single load balancer, where none is given."""
        for text in texts:
            where = self._found.setdefault(text, [])
            if load_balancer_id is not None and load_balancer_id not in where:
                where.append(load_balancer_id)

    def all(self, *, several: bool) -> tuple[str, ...]:
        """All of them, in the order in which they came; where several load balancers are meant, with some IDs."""
        return tuple(
            escape(f"{text} ({and_more(where)})" if several and where else text) for text, where in self._found.items()
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


def as_clb_error(error: Exception) -> ClbError:
    """An error as results carry it; one of this collection's own becomes ``UnexpectedAnswer``."""
    if isinstance(error, ClbError):
        return error
    return UnexpectedAnswer(f"An error of this collection, please report it: {type(error).__name__}: {error}")


def retold(error: ClbError, message: str) -> ClbError:
    """The same error with another message."""
    return ClbError(
        message, code=error.code, action=error.action, request_id=error.request_id, api_message=error.api_message
    )


def may_leave_out(error: Exception, *, only_reads: bool) -> bool:
    """Return whether a load balancer that was only listed may be left out: this decides for all plugins.

    Anything else has to stop the task, since nobody would know of a host that stays in traffic there.

    :param only_reads: the task writes nothing; then what these credentials may not read is left out, too.
    """
    if not isinstance(error, Refused):
        return False
    # These reads name nothing but load balancers, so that no other resource can be meant.
    gone = error.concerns in NOT_THERE or error.code.startswith("ResourceNotFound")
    return gone or (only_reads and error.concerns is Concern.PERMISSION)


def tell_left_out(balancers: Iterable[Balancer], where: str = "") -> Iterator[str]:
    """Name the load balancers that are left out: one sentence for each kind of refusal.

    :param where: such as " in region ap-guangzhou".
    """
    kinds: dict[tuple[str | None, str], list[tuple[str, ClbError]]] = {}
    for balancer in balancers:
        if balancer.left_out and balancer.error is not None:
            alike = kinds.setdefault((balancer.error.action, balancer.error.code), [])
            alike.append((balancer.label, balancer.error))
    for alike in kinds.values():
        names = and_more([label for label, _error in alike])
        which = f"load balancers {names} were" if len(alike) > 1 else f"load balancer {names} was"
        yield f"The {which} left out{where}: {alike[0][1].message}"
