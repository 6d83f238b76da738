# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tasks of both modules share: which load balancers are meant, and reading them side by side."""

from __future__ import annotations

import gc
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from .._api.clb import MAX_HEALTH_LOAD_BALANCERS, MAX_LISTENER_IDS, Clb
from .._base.errors import ClbError, InvalidArgument, Refused, Remedy, UnexpectedAnswer, and_more, escape, printable
from .._base.threads import Finished, side_by_side
from .._bindings.assign import may_apply
from .._bindings.entries import check_belonging, check_same_load_balancer, names_to_check
from .request import LOAD_BALANCER_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .._api.clb import LoadBalancer
    from .._api.connection import Connection
    from .._bindings.entries import Entry
    from .._bindings.health import HealthSnapshot
    from .._bindings.snapshot import Snapshot
    from .report import Result

MAX_LISTED = 10
MAX_WARNED = 5
MAX_NAME = 255
"""Characters of an ID or name of a load balancer: more than the API takes."""
_IDENTITY = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
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


def means_several(params: Mapping[str, Any]) -> bool:
    """Whether several load balancers are meant: the shape of the result depends on the option, not on the count.

    :param params: the module's options.
    """
    return params["load_balancer_id"] is None and params["load_balancer_name"] is None


def _given(params: Mapping[str, Any]) -> list[str]:
    return [name for name in LOAD_BALANCER_OPTIONS if params[name] not in (None, False)]


def check_load_balancers(params: Mapping[str, Any], entries: Sequence[Entry] | None) -> None:
    """Check how load balancers are chosen.

    :param params: the options of a module.
    :param entries: of ``targets``; None where none are given.
    :raises InvalidArgument: none is chosen, or in two ways, or a value can't be an ID or a name.
    """
    given = _given(params)
    ways = f"{', '.join(LOAD_BALANCER_OPTIONS[:-1])} and {LOAD_BALANCER_OPTIONS[-1]}"
    if len(given) > 1:
        raise InvalidArgument(f"Give at most one of {ways}; {' and '.join(given)} are given.")
    if not given:
        without = [f"targets[{entry.number}]" for entry in entries or () if entry.load_balancer_id is None]
        if entries is None or without:
            named = f" {and_more(without, 5)} has no load_balancer_id of its own." if without else ""
            raise InvalidArgument(f"No load balancer is chosen; give one of {ways}.{named}")
        return
    option = given[0]
    if option == "all_load_balancers":
        return
    values = params[option] if isinstance(params[option], list) else [params[option]]
    if not values:
        raise InvalidArgument(f"{option} is an empty list; give at least one load balancer, or leave it out.")
    kind = "ID" if "_id" in option else "exact name"
    stripped = [_check_value(option, value, kind) for value in values]
    if kind == "ID":
        _check_among(entries or (), stripped, option)


def _check_value(option: str, value: object, kind: str) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise InvalidArgument(f"{option} is empty; give the {kind} of a load balancer.")
    if len(text) > MAX_NAME or not _is_encodable(text):
        raise InvalidArgument(
            f"{option} {printable(repr(text), MAX_NAME)} can't be the {kind} of a load balancer; give at most "
            f"{MAX_NAME} characters, none of them half of one."
        )
    if kind == "ID" and not _IDENTITY.fullmatch(text):
        raise InvalidArgument(
            f"{option} {printable(repr(text))} is not an ID: it may hold only letters, digits, '-' and '_', "
            "for example lb-abcd1234."
        )
    return text


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _check_among(entries: Iterable[Entry], chosen: Sequence[str], option: str) -> None:
    """An entry's own load balancer must be among the chosen ones."""
    foreign = [
        f"targets[{entry.number}]: load_balancer_id {entry.load_balancer_id!r}"
        for entry in entries
        if entry.load_balancer_id not in (None, *chosen)
    ]
    if foreign:
        raise InvalidArgument(
            f"{and_more(foreign, 5)} is not {' or '.join(map(repr, chosen[:5]))}, as {option} says; leave the entries "
            "of other load balancers out, or choose these load balancers too."
        )


def choose(connection: Connection, params: Mapping[str, Any], entries: Sequence[Entry]) -> list[Chosen]:
    """The load balancers that the options, or the entries themselves, name.

    :param connection: to the region.
    :param params: the module's options, checked.
    :param entries: of ``targets``.
    :raises InvalidArgument: a name is not the name of exactly one.
    """
    if params["load_balancer_id"] is not None:
        return [Chosen(params["load_balancer_id"].strip())]
    if params["load_balancer_name"] is not None:
        return [find_load_balancer(connection, params["load_balancer_name"].strip())]
    if params["load_balancer_ids"] is not None:
        return [
            Chosen(load_balancer_id) for load_balancer_id in dict.fromkeys(map(str.strip, params["load_balancer_ids"]))
        ]
    if params["load_balancer_names"] is not None:
        names = list(dict.fromkeys(map(str.strip, params["load_balancer_names"])))
        found = side_by_side(lambda name: find_load_balancer(connection, name, "load_balancer_names"), names)
        return values_of(found)
    if params["all_load_balancers"]:
        listed = connection.clb.describe_load_balancers(with_backends=True, forward_only=True)
        return [Chosen(balancer.load_balancer_id, balancer.name, listed=True) for balancer in listed]
    own = (entry.load_balancer_id for entry in entries)
    return [Chosen(load_balancer_id) for load_balancer_id in dict.fromkeys(own) if load_balancer_id is not None]


def check_entries_belong(
    connection: Connection, chosen: Sequence[Chosen], entries: Sequence[Entry], *, several: bool
) -> list[str]:
    """Check what entries say of their load balancer against those that were chosen.

    :param connection: to the region.
    :param chosen: the load balancers.
    :param entries: of ``targets``.
    :param several: whether several load balancers are meant.
    :returns: a warning for each entry of a load balancer that was not listed.
    :raises InvalidArgument: an entry belongs to another load balancer or region, or says another name.
    """
    if not several:
        check_same_load_balancer(entries, chosen[0].load_balancer_id)
    names = {balancer.load_balancer_id: balancer.name for balancer in chosen}
    foreign = [
        f"targets[{entry.number}]: load_balancer_id {entry.load_balancer_id!r} is not among the chosen load balancers."
        for entry in entries
        if entry.load_balancer_id is not None and entry.load_balancer_id not in names
    ]
    listed = not chosen or chosen[0].listed
    if foreign and not listed:
        raise InvalidArgument(and_more(foreign, MAX_WARNED, " "))
    unknown = names_to_check(entries, names)
    if unknown:
        found = connection.clb.describe_load_balancers(load_balancer_ids=unknown)
        names.update((balancer.load_balancer_id, balancer.name) for balancer in found)
    check_belonging(entries, names, connection.region)
    return foreign


def find_load_balancer(connection: Connection, name: str, option: str = "load_balancer_name") -> Chosen:
    """The load balancer with a name.

    Names are not unique and the filter of the API is a fuzzy match, so a name counts only where exactly one is equal
    to it.

    :param connection: to the region.
    :param name: as given.
    :param option: the option that gives it, for messages.
    :raises InvalidArgument: none or several have this name; the message lists the candidates.
    """
    similar = list(connection.clb.describe_load_balancers(name))
    same = [balancer for balancer in similar if balancer.name == name]
    if len(same) == 1:
        return Chosen(same[0].load_balancer_id, name)
    if same:
        raise InvalidArgument(
            f"{option} {name!r} is not unique in region {connection.region}: {_listed(same)}. "
            f"Give {option.replace('_name', '_id')} instead."
        )
    hint = f" Similar names: {_listed(similar)}." if similar else ""
    raise InvalidArgument(
        f"No load balancer in region {connection.region} has the name {name!r}.{hint} Check {option} and region."
    )


def _listed(balancers: Sequence[LoadBalancer]) -> str:
    return and_more(
        [
            f"{balancer.name} ({', '.join(filter(None, (balancer.load_balancer_id, *balancer.vips)))})"
            for balancer in balancers
        ],
        MAX_LISTED,
    )


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
