# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scheduled changes by another writer: after a call, or some seconds later."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import changes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .cloud import Cloud
    from .journal import Entry

_KEYS = frozenset({"change", "with", "action", "after_calls", "accepted", "delay", "times"})


@dataclass
class Event:
    """One ordered change.

    :param change: the name of a change, see changes.CHANGES; ``payload`` is what it takes.
    :param action: a call that matches this pattern triggers it. None: it happens ``delay`` seconds from now.
    :param after_calls: how many such calls it takes.
    :param accepted: only writes that were accepted count.
    :param delay: seconds from the call's answer, or from now.
    :param times: how often it happens, each after so many calls; -1: again and again.
    """

    change: str
    payload: Any
    action: str | None
    after_calls: int
    accepted: bool
    delay: float
    times: int
    seen: int = 0

    @classmethod
    def parse(cls, order: Mapping[str, Any]) -> Event:
        """Read one order.

        :raises ValueError: an unknown change or key.
        """
        unknown = sorted(set(order) - _KEYS)
        if unknown:
            raise ValueError(f"an event has no key {', '.join(unknown)}; it has {', '.join(sorted(_KEYS))}")
        if order.get("change") not in changes.CHANGES:
            raise ValueError(f"change {order.get('change')!r} is none of {', '.join(changes.CHANGES)}")
        return cls(
            change=order["change"],
            payload=order.get("with"),
            action=order.get("action"),
            after_calls=order.get("after_calls", 1),
            accepted=order.get("accepted", False),
            delay=order.get("delay", 0.0),
            times=order.get("times", 1),
        )

    def is_triggered_by(self, entry: Entry) -> bool:
        """Count a call that was answered; return whether it triggers the event."""
        if not self.times or self.action is None or not fnmatch.fnmatchcase(entry["action"], self.action):
            return False
        if self.accepted and not entry["accepted"]:
            return False
        self.seen += 1
        if self.seen % self.after_calls:
            return False
        if self.times > 0:
            self.times -= 1
        return True


class Events:
    """All ordered changes of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._events: list[Event] = []

    def add(self, orders: Iterable[Mapping[str, Any]]) -> None:
        """Order changes.

        :raises ValueError: one is malformed; then none is added.
        """
        events = [Event.parse(order) for order in orders]
        for event in events:
            if event.action is None:
                self._schedule(event, self._cloud.clock.now())
            else:
                self._events.append(event)

    def clear(self) -> None:
        """Drop all orders that wait for calls."""
        self._events.clear()

    def call_answered(self, entry: Entry, now: float) -> None:
        """Carry out or schedule the changes that this call triggers."""
        for event in [event for event in self._events if event.is_triggered_by(entry)]:
            self._schedule(event, now)

    def _schedule(self, event: Event, now: float) -> None:
        def happen(moment: float) -> None:
            problem = None
            try:
                changes.carry_out(self._cloud, event.change, event.payload, moment)
            except (ValueError, LookupError, TypeError) as error:
                problem = f"{type(error).__name__}: {error}"
            self._cloud.journal.event(moment, "event", change=event.change, payload=event.payload, problem=problem)

        self._cloud.at(now + event.delay, happen)
