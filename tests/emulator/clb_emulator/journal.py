# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The journal: every call, and every change of state or health, with its time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Entry = dict[str, Any]


class Journal:
    """A list of entries, each a dict with ``time`` and ``kind``.

    ``time`` is in seconds since the server's start; it never goes back. The kinds:

    ``call``
        ``action``, ``request_id``, ``params``, ``outcome`` (``ok``, an error code, or what a fault did), ``accepted``
        (a write that was accepted), ``applied`` and ``applied_at`` (whether and when it took effect), ``fault``,
        ``secret_id``, ``region``, ``client``.
    ``task_started``, ``task_finished``, ``lock``
        Each names a load balancer.
    ``applied``
        A write took effect: ``load_balancer_id``, ``request_id``, ``action``, and how many targets of the load balancer
        are ``bound``, ``healthy``, and ``serving`` (they get new clients, see Health.in_traffic) since then.
    ``serving``
        The same counts of one listener or rule, from that moment on.
    ``event``
        A change by another writer: ``change``, ``payload``, and ``problem`` where it was impossible.
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def call(self, time: float, action: str, request_id: str, headers: Mapping[str, str]) -> Entry:
        """Open the entry of one call; the caller fills in the rest later."""
        entry: Entry = {
            "time": time,
            "kind": "call",
            "action": action,
            "request_id": request_id,
            "params": None,
            "outcome": None,
            "accepted": False,
            "applied": False,
            "applied_at": None,
            "fault": None,
            "secret_id": None,
            "region": headers.get("x-tc-region"),
            "client": headers.get("x-tc-requestclient"),
        }
        self._entries.append(entry)
        return entry

    def event(self, time: float, kind: str, **details: Any) -> None:
        """Add an event."""
        self._entries.append({"time": time, "kind": kind, **details})

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def read(self) -> list[Entry]:
        """Return all entries, oldest first."""
        return sorted(self._entries, key=lambda entry: entry["time"])
