# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happened: every call, and every change of state or health, in time."""

from __future__ import annotations

from typing import Any

Entry = dict[str, Any]


class Journal:
    """A list of entries, each a dict with ``time`` (seconds since the server's start) and ``kind``.

    ``kind: call`` also has action, request_id, params, outcome, accepted, applied_at, fault, secret_id, region and
    client. ``kind: task_started``, ``task_finished`` and ``lock`` name a load balancer, ``kind: serving`` says how many
    targets of a listener or rule are healthy and have a weight above 0 from that moment on.
    """

    def __init__(self) -> None:
        self._entries: list[Entry] = []

    def call(self, time: float, action: str, request_id: str, headers: dict[str, str]) -> Entry:
        """Open the entry of one call; the caller fills in the rest as it gets known."""
        entry: Entry = {
            "time": time,
            "kind": "call",
            "action": action,
            "request_id": request_id,
            "params": None,
            "outcome": None,
            "accepted": False,
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
