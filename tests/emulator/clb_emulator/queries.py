# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evaluations of a journal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

Entries = Iterable[dict[str, Any]]

Binding = tuple[str, Optional[str], str, int, int, str]
"""listener_id, location_id, instance ID or address, port, weight, tag."""


def bindings(state: Entries, load_balancer_id: str | None = None) -> set[Binding]:
    """Return what a cloud's state says as tuples, of this load balancer only where one is given."""
    return {
        (item["listener_id"], item["location_id"], item["target"], item["port"], item["weight"], item["tag"])
        for item in state
        if load_balancer_id in (None, item["load_balancer_id"])
    }


def calls(entries: Entries, action: str | None = None) -> list[dict[str, Any]]:
    """Return the calls, of this action only where one is given."""
    return [entry for entry in entries if entry["kind"] == "call" and action in (None, entry["action"])]


def busy_share(
    entries: Entries, load_balancer_id: str, since: float | None = None, until: float | None = None
) -> float:
    """Return the share of the time from ``since`` to ``until`` in which a task worked on a load balancer, 0.0 to 1.0.

    :param since: seconds since the server's start; None: when its first task started.
    :param until: likewise; None: when its last task finished.
    """
    started: dict[str, float] = {}
    spans = []
    for entry in entries:
        if entry.get("load_balancer_id") != load_balancer_id:
            continue
        if entry["kind"] == "task_started":
            started[entry["task_id"]] = entry["time"]
        elif entry["kind"] == "task_finished" and entry["task_id"] in started:
            spans.append((started[entry["task_id"]], entry["time"]))
    if not spans:
        return 0.0
    since = min(start for start, _ in spans) if since is None else since
    until = max(end for _, end in spans) if until is None else until
    # Two tasks of a load balancer never overlap, because of its lock: their lengths add up.
    worked = sum(max(0.0, min(end, until) - max(start, since)) for start, end in spans)
    return worked / (until - since) if until > since else 0.0


def min_serving(
    entries: Entries,
    listener_id: str,
    location_id: str | None = None,
    since: float | None = None,
    *,
    load_balancer_id: str | None = None,
) -> int:
    """Return the smallest number of targets of a listener or rule that got new clients at any moment.

    :param since: look only from this moment on (seconds since the server's start).
    :param load_balancer_id: needed only where listeners of several load balancers have the same ID.
    :raises LookupError: the journal says nothing about this listener or rule.
    """
    seen = [
        entry
        for entry in entries
        if entry["kind"] == "serving"
        and (entry["listener_id"], entry["location_id"]) == (listener_id, location_id)
        and load_balancer_id in (None, entry["load_balancer_id"])
    ]
    if not seen:
        raise LookupError(f"the journal knows no listener {listener_id} with rule {location_id}")
    later = [entry["serving"] for entry in seen if since is None or entry["time"] > since]
    # The entry that holds at ``since`` is an earlier one.
    earlier = [entry["serving"] for entry in seen if since is not None and entry["time"] <= since]
    return int(min(earlier[-1:] + later))


class Reads:
    """What is asked of a cloud's journal and state, however they are got."""

    def journal(self) -> list[dict[str, Any]]:
        """Return everything that happened, oldest first; see journal.Journal for the entries."""
        raise NotImplementedError

    def state(self) -> list[dict[str, Any]]:
        """Return every binding, without any lag; see cloud.Cloud.state."""
        raise NotImplementedError

    def calls(self, action: str | None = None) -> list[dict[str, Any]]:
        """Return the journal's calls, of this action only where one is given."""
        return calls(self.journal(), action)

    def count(self, action: str | None = None) -> int:
        """Count the calls of an action, refused ones included."""
        return len(self.calls(action))

    def bindings(self, load_balancer_id: str | None = None) -> set[Binding]:
        """Return all bindings, without any lag; a tag that is not set is ``""``."""
        return bindings(self.state(), load_balancer_id)

    def in_traffic(self, load_balancer_id: str | None = None) -> set[Binding]:
        """Return the bindings that get new clients now: of a pool without a healthy one, all of weight above 0."""
        return bindings([item for item in self.state() if item["in_traffic"]], load_balancer_id)

    def busy_share(self, load_balancer_id: str, since: float | None = None, until: float | None = None) -> float:
        """Return the share of time in which a task worked on the load balancer; see busy_share()."""
        return busy_share(self.journal(), load_balancer_id, since, until)

    def min_serving(
        self,
        listener_id: str,
        location_id: str | None = None,
        since: float | None = None,
        *,
        load_balancer_id: str | None = None,
    ) -> int:
        """Return the smallest number of targets that got new clients at any moment; see min_serving()."""
        return min_serving(self.journal(), listener_id, location_id, since, load_balancer_id=load_balancer_id)
