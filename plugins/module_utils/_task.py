# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tasks of both modules share."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._api.clb import MAX_LISTENER_IDS, Clb, LoadBalancer
from ._api.connection import _MAX_LISTED, Connection
from ._errors import InvalidArgument, Refused, Remedy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._bindings.entries import Entry
    from ._bindings.snapshot import Snapshot
    from ._report import Result


class TaskResult(NamedTuple):
    """What the module returns.

    :param result: the returned keys.
    :param warnings: sentences for the user.
    :param failure: why the task failed, for people; None where it did not.
    :param connection: what was talked through; None where the task ended before.
    """

    result: Result
    warnings: tuple[str, ...] = ()
    failure: str | None = None
    connection: Connection | None = None


def read_for(clb: Clb, load_balancer_id: str, entries: Sequence[Entry]) -> Snapshot:
    """Read what is bound, filtered by listener where every entry names one of at most 20 by ID.

    :param clb: the actions.
    :param load_balancer_id: whose targets.
    :param entries: what is asked for.
    """
    named = list(dict.fromkeys(entry.listener_id for entry in entries if entry.listener_id is not None))
    if not named or len(named) > MAX_LISTENER_IDS or any(entry.listener_id is None for entry in entries):
        return clb.describe_targets(load_balancer_id)
    try:
        return clb.describe_targets(load_balancer_id, named)
    except Refused as refusal:
        if refusal.remedy is not Remedy.NARROW:
            raise
        # A listener that does not exist spoils the filtered read; the whole snapshot tells which.
        return clb.describe_targets(load_balancer_id)


def find_load_balancer(connection: Connection, load_balancer_id: str | None, name: str | None) -> str:
    """The ID of the load balancer that the options name.

    Names are not unique and the API's filter is a fuzzy match, so a name counts only where exactly one is equal to it.

    :param connection: where to look.
    :param load_balancer_id: as given.
    :param name: as given; used only without an ID.
    :raises InvalidArgument: none or several have this name; the message lists the candidates.
    """
    if load_balancer_id is not None:
        return load_balancer_id
    similar = list(connection.clb.describe_load_balancers(name))
    same = [one for one in similar if one.name == name]
    if len(same) == 1:
        return same[0].load_balancer_id
    if same:
        raise InvalidArgument(
            f"load_balancer_name {name!r} is not unique in region {connection.region}: {_listed(same)}. "
            "Give load_balancer_id."
        )
    hint = f" Similar names: {_listed(similar)}." if similar else ""
    raise InvalidArgument(
        f"No load balancer in region {connection.region} has the name {name!r}.{hint} "
        "Check load_balancer_name and region."
    )


def _listed(balancers: list[LoadBalancer]) -> str:
    shown = [
        f"{one.name} ({', '.join(filter(None, (one.load_balancer_id, *one.vips)))})" for one in balancers[:_MAX_LISTED]
    ]
    more = f" and {len(balancers) - _MAX_LISTED} more" if len(balancers) > _MAX_LISTED else ""
    return ", ".join(shown) + more
