# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The restore file of one task: the entries that it writes there, and with ``restored``, brings back."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from .._apply.memory import Memory, RestoreFile
from .._base import pace
from .._base.errors import ClbError, InvalidArgument, printable, sentences
from .._bindings.recalled import Located, can_match, find_back, locate, matches, may_match, other_names
from .._bindings.remembered import Remembered, asked_of, formers
from .balancers import known, retold

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from .._api.clb import Clb
    from .._base.budget import Budget
    from .._bindings.entries import Entry
    from .._bindings.remembered import Key
    from .._bindings.snapshot import Snapshot
    from .balancers import Balancer, Result, Warnings
    from .request import Request


Item = TypeVar("Item")


class Recall:
    """The restore file of one task.

    :raises InvalidArgument: the file can't be used.
    """

    def __init__(self, request: Request, budget: Budget, warnings: Warnings) -> None:
        self._memory = Memory(RestoreFile(known(request.restore_file), budget))
        self._shown = self._memory.file.shown
        self.blame = self._memory.file.blame
        """Names the file in an error about its entries."""
        self._takes_out = request.wait and request.binds
        self._warnings = warnings
        self._items: tuple[Remembered, ...] = self._memory.file.read()
        """The entries that this task may bring back or take out."""
        self._gone: list[Remembered] = []
        self._wrong: list[tuple[Remembered, ClbError]] = []
        self.selectors = request.entries if request.restores else ()
        """Of ``restored``; None: all that is remembered."""
        self.memory_for_calls = None if request.restores else self._memory
        """The memory of bindings before they are changed; None with ``restored``."""

    def _of(self, load_balancer_id: str) -> list[Remembered]:
        return [item for item in self._items if item.load_balancer_id == load_balancer_id]

    # -- what `restored` brings back

    def candidates(self, load_balancer_ids: Collection[str] | None = None) -> tuple[Entry, ...]:
        """The entries of the file that can be meant, as far as that is known without a read.

        :param load_balancer_ids: the load balancers that are meant; None: all.
        """
        selectors = self.selectors
        self._items = tuple(
            item
            for item in self._items
            if (load_balancer_ids is None or item.load_balancer_id in load_balancer_ids)
            and (selectors is None or any(may_match(selector, item) for selector in selectors))
        )
        return tuple(item.entry for item in self._items)

    def select(self, balancers: Iterable[Balancer], clb: Clb) -> list[Balancer]:
        """Give each load balancer the entries that are brought back there; those without any meant are dropped.

        :param balancers: those that were read, and those that could not be.
        :param clb: is asked for load balancers on which nothing was read.
        """
        balancers = list(balancers)
        others = other_names(one.snapshot for one in balancers if one.snapshot is not None)
        unmatched = dict.fromkeys(self.selectors or ())
        selected: list[Balancer] = []
        items: list[Remembered] = []

        def meant(found: Iterable[Item], fits: Callable[[Entry, Item], bool]) -> list[Item]:
            chosen = []
            for item in found:
                mine = [selector for selector in self.selectors or () if fits(selector, item)]
                for selector in mine:
                    unmatched.pop(selector, None)
                if mine or self.selectors is None:
                    chosen.append(item)
            return chosen

        for balancer in balancers:
            remembered = self._of(balancer.load_balancer_id)
            if balancer.snapshot is None:
                mine = meant(remembered, lambda selector, item: can_match(selector, item, others))
                items += mine
                selected += [balancer] if mine else []
                continue
            located = locate(remembered, balancer.snapshot)
            located = meant(located, lambda selector, found: matches(selector, found, others))
            items += [found.item for found in located]
            error = _find_doubt(balancer.load_balancer_id, located, balancer.snapshot, clb)
            back = [] if error is not None else self._sort(located)
            selected.append(replace(balancer, entries=tuple(item.entry for item in back), error=error))
        self._items = tuple(items)
        self.warn_of(unmatched)
        return selected

    def warn_of(self, unmatched: Iterable[Entry]) -> None:
        """Name selectors that match nothing remembered."""
        self._warnings.add(
            f"{selector.label} matches nothing in {self._shown}: nothing was restored for it." for selector in unmatched
        )

    def _sort(self, located: Iterable[Located]) -> list[Remembered]:
        """Part what is brought back from what is gone, wrong, or another machine by now."""
        back: list[Remembered] = []
        for found in located:
            item, reason = found.item, found.other_machine
            if found.problem is not None:
                cure = f"Its entry stays in {self._shown}; correct it there, or take it out"
                self._wrong.append((item, InvalidArgument(sentences(found.problem, cure))))
            elif found.gone:
                self._gone.append(item)
                text = (
                    "A listener or rule no longer exists, so there is nothing left to bring back there. Its entry is "
                    f"taken out of {self._shown}: {printable(json.dumps(dict(item.raw)))}"
                )
                self._warnings.add([text], item.load_balancer_id)
            elif reason is not None and not found.in_place:
                what = "tag" if item.entry.weight is None else f"weight {item.entry.weight}"
                text = (
                    f"{item.entry.binding_label} is not given its former {what}: {reason}, so it may be another "
                    f"machine. Its entry stays in {self._shown}; set that with state present, or take the entry out by "
                    "hand."
                )
                self._warnings.add([text], item.load_balancer_id)
            else:
                back.append(item)
        return back

    def complete(self, balancer: Balancer) -> Balancer:
        """Add to the end of a load balancer what can't be brought back there."""
        error = balancer.error
        mine = [(item, why) for item, why in self._wrong if item.load_balancer_id == balancer.load_balancer_id]
        if error is not None and balancer.outcome is None:
            cure = (
                f"Its entries stay in {self._shown}; if the load balancer is gone for good, take its "
                "entries out of that file by hand"
            )
            if isinstance(error, InvalidArgument) and balancer.snapshot is not None and balancer.snapshot.listeners:
                # It was read, so the entries themselves are the problem.
                cure = f"These are entries of {self._shown}, which stay there; correct them in that file"
            error = retold(error, sentences(error.message, cure))
            mine = [*((item, error) for item in self._of(balancer.load_balancer_id)), *mine]
        failed = tuple({**_shape(item), "code": why.code, "message": why.message} for item, why in mine)
        return replace(balancer, failed=failed, error=error or (mine[0][1] if mine else None))

    # -- what every task remembers, and what it takes out

    def remember(self, balancers: Iterable[Balancer]) -> None:
        """Write to disk the bindings that plans will change.

        :raises ClbError: that is not possible; the file is as it was.
        """
        memory = self.memory_for_calls
        if memory is None:
            return
        wanted = [
            former
            for balancer in balancers
            for plan in [known(balancer.plan)]
            for former in formers(
                balancer.load_balancer_id, asked_of(plan), ((change, change.before) for change in plan.changes)
            )
        ]
        try:
            memory.remember(wanted)
        except ClbError:
            memory.settle((), ())
            raise

    def remembered_at(self, balancer: Balancer, now: float) -> float | None:
        """The time of the youngest entry that is in place: a call of a task that was killed may still be under way.

        :returns: on the clock of ``now``; None where no such call can be under way.
        """
        mine, plan = self._of(balancer.load_balancer_id) if self._takes_out else [], known(balancer.plan)
        back = find_back(mine, plan, plan.snapshot)
        age = min((_age(found.item) for found in back), default=pace.LAST_DOUBT_SECONDS)
        return None if age >= pace.LAST_DOUBT_SECONDS else now - age

    def settle(self, balancers: Iterable[Balancer], unknown: Collection[str]) -> None:
        """Bring the file up to date when the task ends.

        :param unknown: load balancers of which nobody knows what was changed there.
        """
        changed: set[Key] = set()
        taken = list(self._gone)
        fresh = 0
        for balancer in balancers:
            load_balancer_id, outcome = balancer.load_balancer_id, balancer.outcome
            if outcome is None:
                continue
            changed.update((load_balancer_id, bound.identity) for bound in outcome.restore)
            mine = self._of(load_balancer_id) if self._takes_out and load_balancer_id not in unknown else []
            doubtful = {change.pool.key for change in outcome.unknown}
            for found in find_back(mine, known(balancer.plan), outcome.snapshot):
                if found.pool is None or found.pool.key in doubtful:
                    continue
                if not outcome.settled and _age(found.item) < pace.LAST_DOUBT_SECONDS:
                    fresh += 1
                else:
                    taken.append(found.item)
        self._warnings.add(self._memory.settle(changed, taken, unknown))
        if fresh:
            text = (
                f"{'1 entry stays' if fresh == 1 else f'{fresh} entries stay'} in {self._shown}, although in place: a "
                "call of the task that wrote there may still be under way. Run the task again."
            )
            self._warnings.add([text])


def _find_doubt(load_balancer_id: str, located: Sequence[Located], snapshot: Snapshot, clb: Clb) -> ClbError | None:
    """Return the error if no listener was read because the load balancer is not in this region."""
    if snapshot.listeners or not located:
        return None
    try:
        listed = clb.describe_load_balancers(load_balancer_ids=[load_balancer_id])
    except ClbError as error:
        return error
    if any(balancer.load_balancer_id == load_balancer_id for balancer in listed):
        return None
    return InvalidArgument(f"There is no load balancer {load_balancer_id} in this region.")


def _age(item: Remembered) -> float:
    """Seconds since it was remembered."""
    return pace.LAST_DOUBT_SECONDS if item.at is None else max(0.0, time.time() - item.at)


def _shape(item: Remembered) -> Result:
    keys = ("load_balancer_id", "listener_id", "location_id", "instance_id", "eni_ip", "port", "weight", "tag")
    return {**dict.fromkeys(keys), **{key: value for key, value in item.raw.items() if key != "remembered"}}
