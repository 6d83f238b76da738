# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries of a restore file: what replaces what, what is taken out, and which one is about which binding.

A task that changes a binding, when the file already has an entry for it:

=================================================  ===============================================================
the binding before the task                        the entry
=================================================  ===============================================================
has a weight above 0                               is replaced by the binding as it is
has weight 0                                       is kept
that, and the task gives it the entry's values     is kept, and taken out once they are in place
that, and it has the weight or tag that is asked   is replaced, but keeps that weight or tag: an earlier run of the
for                                                same task may have set it and been killed
=================================================  ===============================================================
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from .._base import pace
from .._base.errors import InvalidArgument, shown_value
from .change import Change, ChangeKind
from .entries import Entry, Place, parse_entries
from .resolve import contradicts
from .snapshot import Binding, BindingKey, describe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .plan import Plan
    from .snapshot import Pool

Key = tuple[str, BindingKey]
"""A load balancer's ID and a binding there."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Remembered(NamedTuple):
    """One entry of a restore file.

    :param entry: the same, parsed. Its number is its place in the file, from 0.
    :param at: when it was remembered, in seconds since 1970.
    """

    raw: Mapping[str, Any]
    entry: Entry
    at: Optional[float]

    @property
    def load_balancer_id(self) -> str:
        """The ID that every entry has."""
        return self.entry.load_balancer_id or ""


class Former(NamedTuple):
    """A binding that a task is about to change, as it was before the task.

    :param weight: the weight that the task asks for, as tag.
    :param removed: the task removes the binding.
    """

    load_balancer_id: str
    binding: Binding
    weight: Optional[int] = None
    tag: Optional[str] = None
    removed: bool = False

    @property
    def key(self) -> Key:
        """The load balancer and the binding."""
        return (self.load_balancer_id, self.binding.identity)


class Written(NamedTuple):
    """The entry of a file for a binding that a task changes.

    :param own: the task wrote the entry; else it was there before, and is kept.
    :param replaced: the entry that the task replaced by its own.
    """

    former: Former
    entry: Remembered
    own: bool = True
    replaced: Optional[Remembered] = None


def seconds_of(text: object) -> float | None:
    """Seconds since 1970 of a time such as ``2026-01-31T12:00:00Z`` or the cloud's ``2026-01-31 12:00:00``; else None.

    It is UTC where it names no zone.
    """
    if not isinstance(text, str):
        return None
    spelled = text.strip()
    try:
        # Python 3.9 and 3.10 know no 'Z'.
        time = datetime.fromisoformat(f"{spelled[:-1]}+00:00" if spelled.endswith(("Z", "z")) else spelled)
        return ((time if time.tzinfo else time.replace(tzinfo=timezone.utc)) - _EPOCH).total_seconds()
    except (ValueError, OverflowError):
        return None


def parse_remembered(value: object) -> tuple[Remembered, ...]:
    """Parse the JSON of a restore file.

    :raises InvalidArgument: it is not a list of entries, each with a load balancer, listener, backend and port.
    """
    if not isinstance(value, list):
        raise InvalidArgument(f"it holds {shown_value(value)}, not a list of entries.")
    entries = parse_entries(value, selectors=False)
    found = [Remembered(raw, entry, seconds_of(raw.get("remembered"))) for raw, entry in zip(value, entries)]
    for number, item in enumerate(found):
        if item.entry.load_balancer_id is None:
            raise InvalidArgument(f"targets[{number}]: load_balancer_id is missing.")
        time = item.raw.get("remembered")
        if time is not None and item.at is None:
            raise InvalidArgument(
                f"targets[{number}]: remembered {shown_value(time)} is not a time in UTC, such as 2026-01-31T12:00:00Z."
            )
    return tuple(found)


def _entry_of(former: Former, now: float, after: Remembered | None) -> Remembered:
    """A new entry for a binding, younger than the one that it replaces."""
    bound = former.binding
    raw = describe(former.load_balancer_id, bound.pool, bound.backend, bound.port, bound.weight, bound.tag)
    place = Place(bound.pool.listener_id, location_id=bound.pool.location_id)
    entry = Entry(0, place, bound.backend, bound.port, bound.weight, bound.tag, former.load_balancer_id)
    return _younger(Remembered(raw, entry, None if after is None else after.at), former, now)


def _younger(item: Remembered, former: Former, now: float) -> Remembered:
    """The same entry with a later time: later, too, than the binding's registration by the cloud's own clock."""
    later = None if item.at is None else item.at + pace.REMEMBERED_STEP_SECONDS
    registered = seconds_of(former.binding.registered_time)
    at = max(seconds for seconds in (now // 1, registered, later) if seconds is not None)
    time = (_EPOCH + timedelta(seconds=at)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return item._replace(raw={**item.raw, "remembered": time}, at=at)


class _File:
    def __init__(self, entries: Iterable[Remembered]) -> None:
        self.entries: list[Remembered | None] = []
        self._numbers: dict[tuple[str, str, int | None], list[int]] = defaultdict(list)
        for item in entries:
            self.put(item, None)

    def find(self, former: Former) -> int | None:
        """The number of the entry for a binding, whichever of its addresses the entry names."""
        binding = former.binding
        for address in (binding.backend.address, *binding.aliases):
            for number in self._numbers.get((former.load_balancer_id, address, binding.port), ()):
                item = self.entries[number]
                if item is not None and _is_about(item.entry.place, binding.pool):
                    return number
        return None

    def put(self, item: Remembered, number: int | None) -> None:
        """Add an entry; in place of another where a number is given."""
        if number is None:
            self._numbers[_address_of(item)].append(len(self.entries))
            self.entries.append(item)
        else:
            self.entries[number] = item

    def take(self, item: Remembered) -> bool:
        """Take an entry out, if it is still the very same."""
        for number in self._numbers.get(_address_of(item), ()):
            found = self.entries[number]
            if found is not None and found.raw == item.raw:
                self.entries[number] = None
                return True
        return False

    def left(self) -> list[Remembered]:
        return [item for item in self.entries if item is not None]


def _address_of(item: Remembered) -> tuple[str, str, int | None]:
    backend = item.entry.backend
    return (item.load_balancer_id, "" if backend is None else backend.address, item.entry.port)


def _is_about(place: Place, pool: Pool) -> bool:
    names_rule = place.location_id is not None or (place.domain is None) == (pool.location_id is None)
    return names_rule and not contradicts(place, pool)


Asked = dict[BindingKey, tuple[Optional[int], Optional[str]]]
"""The weight and tag that ``present`` asks for, of bindings that exist."""


def asked_of(plan: Plan) -> Asked:
    """The weights and tags that a plan asks for."""
    asked: Asked = {}
    for wish in plan.desired:
        bound = plan.snapshot.find(wish.pool.key, wish.backend, wish.port)
        if bound is not None:
            asked[bound.identity] = (wish.weight, wish.tag)
    return asked


def formers(load_balancer_id: str, asked: Asked, changed: Iterable[tuple[Change, Binding | None]]) -> list[Former]:
    """The former bindings of changes that are about to be sent, once for each binding.

    :param changed: each change with its binding before the task; None for a new one.
    """
    found: dict[BindingKey, Former] = {}
    for change, before in changed:
        if before is None or change.kind is ChangeKind.REGISTER:
            continue
        if change.kind is ChangeKind.DEREGISTER:
            former = Former(load_balancer_id, before, removed=True)
        else:
            former = Former(load_balancer_id, before, *asked.get(before.identity, (change.weight, change.tag)))
        found.setdefault(before.identity, former)
    return list(found.values())


def remember(
    file: Iterable[Remembered], wanted: Iterable[Former], mine: Mapping[Key, Written], now: float
) -> tuple[list[Remembered], dict[Key, Written]]:
    """Put bindings into a file before they are changed; the module's docstring has the rules.

    :param mine: returned by earlier calls of this task.
    :returns: the new entries of the file, and of these the entry for each binding.
    """
    entries = _File(file)
    written: dict[Key, Written] = {}
    for former in wanted:
        number = entries.find(former)
        old = None if number is None else entries.entries[number]
        earlier = mine.get(former.key)
        if earlier is not None and not (earlier.own and old is not None and earlier.entry.raw == old.raw):
            earlier = None
        if old is None or not _is_kept(old, former):
            new = _entry_of(_without_own_writes(former, old), now, after=old)
            replaced = old if earlier is None else earlier.replaced
            written[former.key] = Written(former, new, replaced=replaced)
        elif earlier is None:
            new = old
            written[former.key] = Written(former, old, own=False)
        else:
            # The task's own entry is made younger: the call that follows may be its last.
            new = _younger(old, former, now)
            written[former.key] = Written(former, new, replaced=earlier.replaced)
        entries.put(new, number)
    return entries.left(), written


def _is_kept(old: Remembered, former: Former) -> bool:
    binding = former.binding
    if binding.weight == 0:
        return True
    weight = binding.weight if former.weight is None else former.weight
    tag = binding.tag if former.tag is None else former.tag
    same_tag = old.entry.tag == tag or (old.entry.tag is None and tag == binding.tag)
    return not former.removed and weight > 0 and old.entry.weight == weight and same_tag


def _without_own_writes(former: Former, old: Remembered | None) -> Former:
    """A weight or tag that is asked for and in place may come from an earlier run that was killed: not former."""
    binding = former.binding
    if old is None:
        return former
    if former.weight == binding.weight and old.entry.weight:
        binding = binding._replace(weight=old.entry.weight)
    if former.tag is not None and former.tag == binding.tag and old.entry.tag is not None:
        binding = binding._replace(tag=old.entry.tag)
    return former._replace(binding=binding)


def settle(
    file: Iterable[Remembered],
    mine: Mapping[Key, Written],
    changed: Collection[Key],
    taken: Sequence[Remembered],
    now: float,
) -> list[Remembered]:
    """Bring a file up to date when a task ends, and return its new entries.

    The task takes out its entries of bindings that it has not changed. Those that another task has taken out meanwhile
    it puts back. It makes its entries younger, so that no other task takes them out for an older read.

    :param mine: returned by :func:`remember`.
    :param changed: the bindings that the task has changed, or may have.
    :param taken: entries, as the task has read them, that are in place again or lead nowhere.
    """
    entries, gone = _File(file), _File(taken)
    for item in taken:
        entries.take(item)
    for key, written in mine.items():
        number = entries.find(written.former)
        found = None if number is None else entries.entries[number]
        untouched = found is not None and found.raw == written.entry.raw
        if key in changed:
            if found is None and not gone.take(written.entry):
                entries.put(written.entry, None)
            elif untouched and written.own:
                entries.put(_younger(written.entry, written.former, now), number)
        elif untouched and written.own:
            entries.take(written.entry)
            if written.replaced is not None:
                entries.put(written.replaced, number)
    return entries.left()
