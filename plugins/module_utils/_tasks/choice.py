# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Look up the load balancers that a task is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._api.clb import MAX_FILTER_VALUES, MAX_FILTERS
from .._base.errors import InvalidArgument, Refused, and_more, printable
from .._base.refusals import Concern
from .._base.threads import side_by_side
from .._bindings.assign import check_belonging, names_to_check
from .balancers import MAX_WARNED, Balancer, as_clb_error
from .request import TAGS_OPTION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .._api.clb import LoadBalancer
    from .._api.connection import Connection
    from .._bindings.entries import Entry
    from .request import Choice, Tags

MAX_LISTED = 10
MAX_TAG_SHOWN = 100
"""Characters of a tag that a message shows."""


class NoneTagged(InvalidArgument):
    """No load balancer has all of the tags that choose."""


def choose(connection: Connection, choice: Choice, entries: Iterable[Entry]) -> list[Balancer]:
    """Find the load balancers that the options, or the entries themselves, name.

    :raises InvalidArgument: a name is not the name of exactly one, or none has all tags.
    """
    if choice.names:
        found = side_by_side(lambda name: find_load_balancer(connection, name, choice.option or ""), choice.names)
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


def find_load_balancer(connection: Connection, name: str, option: str = "load_balancer_name") -> Balancer:
    """Find the load balancer with a name.

    Names are not unique and the filter of the API is a fuzzy match, so a name counts only where exactly one is equal
    to it.

    :param option: the option that gives it, for messages.
    :raises InvalidArgument: none or several have this name; the message lists the candidates.
    """
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
        raise InvalidArgument(f"{and_more(foreign, MAX_WARNED, ' ')} These are {and_more(list(names), MAX_LISTED)}.")
    unknown = names_to_check(entries, names)
    if unknown:
        found = connection.clb.describe_load_balancers(load_balancer_ids=unknown)
        names.update((balancer.load_balancer_id, balancer.name) for balancer in found)
    check_belonging(entries, names, connection.region)
    return foreign
