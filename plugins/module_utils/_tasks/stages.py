# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stages that tasks share: choose load balancers, read them side by side, give each its entries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .._api.clb import MAX_FILTER_VALUES, MAX_FILTERS
from .._api.connection import Connection, connect
from .._api.members import IDS
from .._base.errors import ClbError, InvalidArgument, Refused, and_more, first_sentences, printable, sentences
from .._base.refusals import Concern, Remedy
from .._base.threads import MAX_THREADS, Finished, side_by_side
from .._bindings.assign import Assignment, assign, check_belonging, may_apply, names_to_check
from .balancers import Balancer, TaskResult, Warnings, as_clb_error, known, may_leave_out, retold, tell_left_out
from .request import TAGS_OPTION
from .words import tell_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from .._api.clb import Clb, LoadBalancer
    from .._base.budget import Budget
    from .._bindings.entries import Entry
    from .._bindings.health import HealthSnapshot
    from .balancers import Result
    from .request import Choice, Request, Tags

MAX_LISTED = 10
"""Load balancers, or tags, that a message lists."""
MAX_TAG_SHOWN = 100
"""Characters of a tag that a message shows."""


class NoneTagged(InvalidArgument):
    """No load balancer has all of the tags that choose."""


class Fleet:
    """The load balancers of one task, in the order chosen, and its warnings."""

    def __init__(self, request: Request, *, only_reads: bool) -> None:
        self.request = request
        self.several = request.choice.several
        self.warnings = Warnings()
        self.warnings.add(request.warnings)
        self._connection: Connection | None = None
        self._only_reads = only_reads
        self._balancers: dict[str, Balancer] = {}
        self._found_id = next(iter(request.choice.ids), None)

    @property
    def all(self) -> list[Balancer]:
        """All that were chosen."""
        return list(self._balancers.values())

    @property
    def active(self) -> list[Balancer]:
        """Those on which nothing has gone wrong."""
        return [balancer for balancer in self._balancers.values() if balancer.error is None]

    @property
    def ended(self) -> list[Balancer]:
        """Those of which a result tells: with an outcome, or an error for which they must not be left out."""
        return [
            balancer
            for balancer in self._balancers.values()
            if balancer.outcome is not None or (balancer.error is not None and not balancer.left_out)
        ]

    def connect(self, params: Mapping[str, Any], environ: Mapping[str, str], budget: Budget) -> Connection:
        """Connect to the API.

        :raises ClbError: an option is wrong, or there are no credentials.
        """
        self._connection = connect(params, environ, budget)
        return self._connection

    def choose(self, connection: Connection, entries: Iterable[Entry]) -> list[Balancer]:
        """Find the load balancers that are meant.

        :raises ClbError: a name is not the name of exactly one, or none has all tags.
        """
        chosen = choose(connection, self.request.choice, entries)
        if not self.several:
            self._found_id = chosen[0].load_balancer_id
        return chosen

    def hold(self, balancers: Iterable[Balancer], entries: Sequence[Entry] | None) -> None:
        """Keep the load balancers that an entry can be about; all of them, where there are no entries."""
        for balancer in balancers:
            mine = tuple(may_apply(entries or (), balancer.load_balancer_id))
            if mine or entries is None:
                self.put([replace(balancer, entries=mine)])

    def put(self, balancers: Iterable[Balancer]) -> None:
        """Replace load balancers by what is known of them now."""
        self._balancers.update((balancer.load_balancer_id, balancer) for balancer in balancers)

    def keep(self, balancers: Iterable[Balancer]) -> None:
        """Keep only these load balancers."""
        self._balancers.clear()
        self.put(balancers)

    def run(
        self,
        stage: Callable[[Balancer], Balancer],
        only: Collection[str] | None = None,
        *,
        max_threads: int = MAX_THREADS,
    ) -> None:
        """Run a stage on the active load balancers, side by side.

        :param only: the IDs of those that the stage is for.
        :raises ClbError: one failed that must not be left out; with state ``restored``, the others go on.
        """
        active = [balancer for balancer in self.active if only is None or balancer.load_balancer_id in only]
        for balancer, finished in zip(active, side_by_side(stage, active, max_threads)):
            after = finished.value
            if after is None:
                error = as_clb_error(finished.error or RuntimeError("no answer"))
                left_out = balancer.listed and may_leave_out(error, only_reads=self._only_reads)
                after = replace(balancer, plan=None, error=error, left_out=left_out)
            self.put([after])
        failed = [] if self.request.restores else self.failed()
        if failed:
            raise retold(failed[0][1], self.tell_failed(failed)) from failed[0][1]

    def failed(self) -> list[tuple[Balancer, ClbError]]:
        """Those that failed and must not be left out."""
        return [(balancer, balancer.error) for balancer in self.ended if balancer.error is not None]

    def tell_failed(self, failed: Sequence[tuple[Balancer, ClbError]]) -> str:
        """Tell of what is wrong on load balancers before anything was written; on one at least."""
        region, writes = known(self._connection).region, not self._only_reads
        return tell_failed(failed, len(self._balancers), several=self.several, region=region, writes=writes)

    def check_some_left(self) -> None:
        """Check that not all load balancers are left out.

        :raises ClbError: nothing could be read, and why.
        """
        first = next((balancer.error for balancer in self._balancers.values() if balancer.left_out), None)
        if first is not None and not self.active:
            told = sentences("No load balancer could be read.", *tell_left_out(self.all))
            raise retold(first, told) from first

    def conclude(self, result: Result, failure: str | None) -> TaskResult:
        """Add to a result what all tasks return."""
        if not self.several:
            result["load_balancer_id"] = self._found_id
        result["left_out"] = [
            {"load_balancer_id": balancer.load_balancer_id, "code": error.code, "message": error.api_message}
            for balancer in self.all
            if balancer.left_out
            for error in [known(balancer.error)]
        ]
        self.warnings.add(tell_left_out(self.all))
        if self._connection is not None:
            result["api_calls"] = dict(self._connection.api_calls)
        return TaskResult(result, self.warnings.all(several=self.several), failure, self._connection)


def read(clb: Clb, balancer: Balancer, *, several: bool) -> Balancer:
    """Read what is bound, filtered by listener where every entry names one of at most 20 by ID."""
    load_balancer_id, entries = balancer.load_balancer_id, balancer.entries
    places = [entry.place for entry in entries]
    named = list(dict.fromkeys(place.listener_id for place in places if place.listener_id is not None))
    # Of several load balancers, an entry without one of its own may name a listener of another one.
    own = not several or all(entry.load_balancer_id is not None for entry in entries)
    if named and own and all(place.listener_id is not None for place in places):
        try:
            return replace(balancer, snapshot=clb.describe_targets(load_balancer_id, named))
        except Refused as refusal:
            # A listener that does not exist spoils the filtered read; the whole snapshot shows which.
            if refusal.remedy is not Remedy.NARROW:
                raise
    return replace(balancer, snapshot=clb.describe_targets(load_balancer_id))


def read_health(fleet: Fleet, clb: Clb, only: Collection[str] | None = None) -> None:
    """Read the health of load balancers: up to 30 in one call, one by one where that is refused.

    The first call finds out how many the API takes; then the others are sent side by side.

    :param only: the IDs of those to read.
    :raises ClbError: one can't be read, and must not be left out.
    """

    def read_one(load_balancer_id: str) -> HealthSnapshot:
        return clb.describe_target_health([load_balancer_id])[load_balancer_id]

    def read_chunk(chunk: Sequence[str]) -> list[Finished[HealthSnapshot]]:
        try:
            found = clb.describe_target_health(chunk)
        except Refused as refusal:
            if len(chunk) == 1 or refusal.concerns is Concern.ACCOUNT:
                raise
            return side_by_side(read_one, chunk)
        return [Finished(found[load_balancer_id]) for load_balancer_id in chunk]

    names = [balancer.load_balancer_id for balancer in fleet.active]
    asked = [name for name in names if only is None or name in only]
    healths: dict[str, Finished[HealthSnapshot]] = {}
    first = clb.capacity.of("DescribeTargetHealth", IDS)
    for ids in (asked[:first], asked[first:]):
        size = clb.capacity.of("DescribeTargetHealth", IDS)
        chunks = [ids[start : start + size] for start in range(0, len(ids), size)]
        for chunk, finished in zip(chunks, side_by_side(read_chunk, chunks)):
            healths.update(zip(chunk, finished.value or [Finished(error=finished.error)] * len(chunk)))
    fleet.run(
        lambda balancer: replace(balancer, health=healths[balancer.load_balancer_id].get()), healths, max_threads=1
    )


def read_settings(clb: Clb, balancer: Balancer) -> Balancer:
    """Read the settings of listeners and rules; where each entry names a listener by ID, of these only."""
    listeners = list(known(balancer.snapshot).listeners)
    named = {entry.place.listener_id for entry in balancer.entries}
    wanted = [one for one in listeners if one in named] if named and None not in named else listeners
    return replace(balancer, settings=clb.describe_listeners(balancer.load_balancer_id, wanted))


def assign_entries(balancers: Sequence[Balancer], entries: Sequence[Entry]) -> tuple[list[Balancer], Assignment]:
    """Give each load balancer that was read the entries that are about it."""
    assignment = assign(entries, {one.load_balancer_id: known(one.snapshot) for one in balancers})
    return [replace(one, entries=assignment.entries[one.load_balancer_id]) for one in balancers], assignment


def choose(connection: Connection, choice: Choice, entries: Iterable[Entry]) -> list[Balancer]:
    """Find the load balancers that the options, or the entries themselves, name.

    :raises InvalidArgument: a name is not the name of exactly one, or none has all tags.
    """
    if choice.names:
        found = side_by_side(lambda name: _find_by_name(connection, name, choice.option or ""), choice.names)
        errors = [result.error for result in found if result.error is not None]
        if errors:
            raise as_clb_error(errors[0])
        return [result.value for result in found if result.value is not None]
    if choice.tags is not None:
        listed = find_by_tags(connection, choice.tags)
    elif choice.everywhere:
        listed = connection.clb.describe_load_balancers(with_backends=True, forward_only=True, oldest_first=True)
    else:
        own = (entry.load_balancer_id for entry in entries if entry.load_balancer_id is not None)
        return [Balancer(load_balancer_id) for load_balancer_id in choice.ids or dict.fromkeys(own)]
    return [Balancer(balancer.load_balancer_id, balancer.name, listed=True) for balancer in listed]


def _find_by_name(connection: Connection, name: str, option: str) -> Balancer:
    """Find the only load balancer with a name: names are not unique, and the API's filter is a fuzzy match."""
    similar = list(connection.clb.describe_load_balancers(name))
    same = [balancer for balancer in similar if balancer.name == name]
    if len(same) == 1:
        return Balancer(same[0].load_balancer_id, name)
    if same:
        raise InvalidArgument(
            f"{option} {name!r} is not unique in region {connection.region}: {_listed(same)}. "
            f"Give {option.replace('_name', '_id')} instead."
        )
    hint = f" Similar names: {_listed(similar)}." if similar else ""
    raise InvalidArgument(
        f"No load balancer in region {connection.region} has the name {name!r}.{hint} Check {option} and region."
    )


def _listed(balancers: Iterable[LoadBalancer]) -> str:
    texts = [
        f"{balancer.name} ({', '.join(filter(None, (balancer.load_balancer_id, *balancer.vips)))})"
        for balancer in balancers
    ]
    return and_more(texts, MAX_LISTED)


def find_by_tags(connection: Connection, tags: Tags) -> list[LoadBalancer]:
    """Find the load balancers that have all of some tags, oldest first.

    The API is asked to filter, and its answer is filtered once more: not every site knows the filter.

    :raises NoneTagged: none has them; the message says which tags there are.
    """
    listed: list[LoadBalancer] = []
    for listed in _listings(connection, tags):
        found = [balancer for balancer in listed if _has(balancer, tags)]
        if found:
            return found
    raise NoneTagged(_why_none(tags, listed, connection.region))


def _listings(connection: Connection, tags: Tags) -> Iterator[list[LoadBalancer]]:
    """List what the API finds by these tags, where it can, and then everything."""
    narrow = [(key, values) for key, values in tags.items() if len(values) <= MAX_FILTER_VALUES]
    for asked in (dict(narrow[:MAX_FILTERS]), None):
        if asked == {}:
            continue
        try:
            listed = connection.clb.describe_load_balancers(tags=asked, forward_only=True, oldest_first=True)
        except Refused as refusal:
            if asked is None or refusal.concerns in (Concern.PERMISSION, Concern.MOMENT):
                raise
        else:
            yield listed


def _has(balancer: LoadBalancer, tags: Tags) -> bool:
    return all(any(own == key and value in values for own, value in balancer.tags) for key, values in tags.items())


def _why_none(tags: Tags, balancers: Sequence[LoadBalancer], region: str) -> str:
    known: dict[str, dict[str, None]] = {}
    for balancer in balancers:
        for key, value in balancer.tags:
            known.setdefault(key, {})[value] = None
    if not balancers:
        return f"{TAGS_OPTION}: there are no load balancers in region {region}. Check region."
    if not known:
        return f"{TAGS_OPTION}: the API tells no tags of any of the {len(balancers)} load balancers in region {region}."
    texts = [f"{TAGS_OPTION}: none of the {len(balancers)} load balancers in region {region} has all of these tags."]
    unknown = [key for key in tags if key not in known]
    if unknown:
        texts.append(f"None has a tag {_shown(unknown)}; the tags are {_shown(known)}.")
    texts += [
        f"The values of {_shown([key])} are {_shown(known[key])}, and none of them is {_shown(values)}."
        for key, values in tags.items()
        if key in known and known[key].keys().isdisjoint(values)
    ]
    return " ".join(texts)


def _shown(texts: Iterable[str]) -> str:
    return and_more([printable(repr(text), MAX_TAG_SHOWN) for text in texts], MAX_LISTED)


def check_entries_belong(
    connection: Connection, chosen: Sequence[Balancer], entries: Sequence[Entry], choice: Choice
) -> list[str]:
    """Check what entries say of their load balancer against those that were chosen.

    :returns: with ``all_load_balancers``, a warning for each entry of a load balancer that was not listed.
    :raises InvalidArgument: an entry belongs to another load balancer or region, or says another name.
    """
    names = {balancer.load_balancer_id: balancer.name for balancer in chosen}
    foreign = [
        f"targets[{entry.number}]: load_balancer_id {entry.load_balancer_id!r} is not among the chosen load balancers."
        for entry in entries
        if entry.load_balancer_id is not None and entry.load_balancer_id not in names
    ]
    if foreign and not choice.everywhere:
        raise InvalidArgument(f"{first_sentences(foreign)} These are {and_more(list(names), MAX_LISTED)}.")
    found = connection.clb.describe_load_balancers(load_balancer_ids=names_to_check(entries, names))
    names.update((balancer.load_balancer_id, balancer.name) for balancer in found)
    check_belonging(entries, names, connection.region)
    return foreign
