# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control API under ``/_control/``: faults, events, journal, state, and changes by another writer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import changes

if TYPE_CHECKING:
    from .cloud import Cloud


def handle(cloud: Cloud, method: str, name: str, payload: Any) -> Any:
    """Carry out one request and return what to answer as JSON.

    :raises LookupError: there is no such request, or what it names does not exist.
    :raises ValueError: the payload is malformed.
    """
    now = cloud.settle()
    if method == "POST" and name in changes.CHANGES:
        changes.carry_out(cloud, name, payload, now)
        return None
    handlers = {
        ("GET", "journal"): cloud.journal.read,
        ("DELETE", "journal"): cloud.restart_journal,
        ("GET", "now"): cloud.settle,
        ("GET", "state"): cloud.state,
        ("DELETE", "faults"): cloud.faults.clear,
        ("POST", "events"): lambda: cloud.events.add(payload),
        ("DELETE", "events"): cloud.events.clear,
    }
    if (method, name) not in handlers:
        raise LookupError(f"there is no {method} {name}")
    return handlers[method, name]()
