# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which load balancers a task is about: the options that choose them, checked and looked up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .._api.clb import MAX_FILTER_VALUES, MAX_FILTERS
from .._base.errors import InvalidArgument, Refused, and_more, printable
from .._base.refusals import Concern
from .._base.threads import side_by_side
from .._bindings.assign import check_belonging, names_to_check
from .balancers import MAX_WARNED, Chosen, values_of
from .request import LOAD_BALANCER_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .._api.clb import LoadBalancer
    from .._api.connection import Connection
    from .._bindings.entries import Entry

Tags = dict[str, tuple[str, ...]]
TAGS_OPTION = "load_balancer_tags"

MAX_LISTED = 10
MAX_TAG_SHOWN = 100
"""Characters of a tag that a message shows."""
MAX_NAME = 255
"""Characters of an ID or name of a load balancer: more than the API takes."""
_IDENTITY = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


class NoneTagged(InvalidArgument):
    """No load balancer has all of the tags that choose."""


def means_several(params: Mapping[str, Any]) -> bool:
    """Whether several load balancers are meant: the shape of the result depends on the option, not on the count."""
    return params["load_balancer_id"] is None and params["load_balancer_name"] is None


def _given(params: Mapping[str, Any]) -> list[str]:
    return [name for name in LOAD_BALANCER_OPTIONS if params[name] not in (None, False)]


def is_chosen(params: Mapping[str, Any]) -> bool:
    """Whether an option says which load balancers are meant."""
    return bool(_given(params))


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
    if option == "load_balancer_tags":
        parse_tags(params[option])
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


def parse_tags(raw: Mapping[Any, Any]) -> Tags:
    """Check the option ``load_balancer_tags``.

    :returns: for each tag the values of which a load balancer must have one.
    :raises InvalidArgument: there is no tag, or a key or value is no text.
    """
    if not raw:
        raise InvalidArgument(f"{TAGS_OPTION} is empty; give at least one tag, such as env: prod, or leave it out.")
    return {
        _tag_text(key, "a key"): tuple(
            _tag_text(value, f"the value of {printable(repr(key), MAX_NAME)}", may_be_empty=True)
            for value in _values(key, values)
        )
        for key, values in raw.items()
    }


def _values(key: object, values: object) -> Sequence[object]:
    if not isinstance(values, (list, tuple)):
        return [values]
    if not values:
        raise InvalidArgument(f"{TAGS_OPTION}: the list of {printable(repr(key), MAX_NAME)} is empty; give a value.")
    return list(dict.fromkeys(values)) if all(isinstance(value, str) for value in values) else values


def _tag_text(value: object, what: str, *, may_be_empty: bool = False) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(
            f"{TAGS_OPTION}: {what} is {printable(repr(value), MAX_NAME)}, which is no text; put it in quotes. "
            "A value is a text, or a list of texts."
        )
    if not value and not may_be_empty:
        raise InvalidArgument(f"{TAGS_OPTION}: {what} is empty; give the name of a tag.")
    if len(value) > MAX_NAME or not _is_encodable(value):
        raise InvalidArgument(
            f"{TAGS_OPTION}: {what} is {printable(repr(value), MAX_NAME)}; give at most {MAX_NAME} characters, none of "
            "them half of one."
        )
    return str(value)


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
    """Say which tags there are instead."""
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


def choose(connection: Connection, params: Mapping[str, Any], entries: Sequence[Entry]) -> list[Chosen]:
    """The load balancers that the options, or the entries themselves, name.

    :raises InvalidArgument: a name is not the name of exactly one, or none has all tags.
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
    if params["load_balancer_tags"] is not None or params["all_load_balancers"]:
        if params["all_load_balancers"]:
            listed = connection.clb.describe_load_balancers(with_backends=True, forward_only=True, oldest_first=True)
        else:
            listed = find_by_tags(connection, parse_tags(params["load_balancer_tags"]))
        return [Chosen(balancer.load_balancer_id, balancer.name, listed=True) for balancer in listed]
    own = (entry.load_balancer_id for entry in entries)
    return [Chosen(load_balancer_id) for load_balancer_id in dict.fromkeys(own) if load_balancer_id is not None]


def check_entries_belong(
    connection: Connection, chosen: Sequence[Chosen], entries: Sequence[Entry], params: Mapping[str, Any]
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
    if foreign and not params["all_load_balancers"]:
        raise InvalidArgument(f"{and_more(foreign, MAX_WARNED, ' ')} These are {and_more(list(names), MAX_LISTED)}.")
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
