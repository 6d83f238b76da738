# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which load balancers a task is about: the options that choose them, checked and looked up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .._base.errors import InvalidArgument, and_more, printable
from .._base.threads import side_by_side
from .._bindings.entries import check_belonging, check_same_load_balancer, names_to_check
from .balancers import MAX_WARNED, Chosen, values_of
from .request import LOAD_BALANCER_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._api.clb import LoadBalancer
    from .._api.connection import Connection
    from .._bindings.entries import Entry

MAX_LISTED = 10
MAX_NAME = 255
"""Characters of an ID or name of a load balancer: more than the API takes."""
_IDENTITY = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


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
