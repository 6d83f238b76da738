# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the names in entries to the listeners and rules that exist. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from .._errors import InvalidArgument
from .entries import Entry, check_agreement, raise_all

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .snapshot import Backend, Binding, Listener, Picture, Slot, SlotKey

_MOST_LISTED = 20


class Wanted(NamedTuple):
    """One binding that should be in place.

    :param number: the entry that says so.
    :param slot: where.
    :param backend: whose, as asked for.
    :param port: the backend's port.
    :param weight: None keeps what is there; a new binding gets the cloud's default.
    :param tag: None keeps what is there.
    """

    number: int
    slot: Slot
    backend: Backend
    port: int
    weight: int | None
    tag: str | None


class UnknownName(InvalidArgument):
    """No listener or rule is what an entry names, so that it helps to list what exists."""


class Names:
    """Finds slots by what an entry calls them, each in constant time.

    :param picture: what was read.
    """

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._by_port: dict[int, list[Listener]] = defaultdict(list)
        self._by_location: dict[str, Slot] = {}
        self._by_rule: dict[tuple[str, str, str], list[Slot]] = defaultdict(list)
        self._by_domain: dict[str, list[Slot]] = defaultdict(list)
        for listener in picture.listeners.values():
            self._by_port[listener.port].append(listener)
            for slot in listener.slots:
                if slot.location_id is not None:
                    self._by_location[slot.location_id] = slot
                    self._by_rule[_rule_key(slot)].append(slot)
                    self._by_domain[(slot.domain or "").lower()].append(slot)

    def slot_of(self, entry: Entry) -> Slot:
        """The one slot that an entry of ``present`` names.

        :param entry: it names a listener, or a rule by its ID.
        :raises UnknownName: there is none, or the listener's layer does not fit.
        :raises InvalidArgument: there are several, or names contradict each other.
        """
        if entry.location_id is not None:
            slot = self._by_location.get(entry.location_id)
            if slot is None:
                raise UnknownName(f"there is no rule {entry.location_id!r}{self._where(entry)}.")
            _check_names(entry, slot)
            return slot
        listeners = self._listeners(entry)
        if not listeners:
            raise UnknownName(f"there is no {_listener_words(entry)}.")
        if len(listeners) > 1:
            protocols = ", ".join(f"{one.protocol} ({one.listener_id})" for one in listeners)
            raise InvalidArgument(
                f"listener_port {entry.listener_port} is ambiguous: {protocols}; add listener_protocol."
            )
        listener = listeners[0]
        if not listener.layer7:
            if entry.domain is not None:
                raise UnknownName(
                    f"{_listener_label(listener)} is a layer-4 listener and has no rules; leave out domain and url."
                )
            return listener.slots[0]
        if entry.domain is None or entry.url is None:
            raise UnknownName(
                f"{_listener_label(listener)} is a layer-7 listener; name its rule by location_id, or domain and url."
            )
        slots = self._by_rule.get((listener.listener_id, entry.domain, entry.url), [])
        if not slots:
            raise UnknownName(
                f"{_listener_label(listener)} has no rule with domain {entry.domain!r} and url {entry.url!r}."
            )
        return slots[0]

    def slots_of(self, entry: Entry) -> list[Slot]:
        """Every slot that a selector's listener and rule match.

        :param entry: keys left out match everything.
        :raises UnknownName: it names a listener or rule, and none matches.
        :raises InvalidArgument: names contradict an ID.
        """
        if entry.location_id is not None:
            return [self.slot_of(entry)]
        listeners: Iterable[Listener] = self._picture.listeners.values()
        if entry.names_listener:
            named = self._listeners(entry)
            if not named:
                raise UnknownName(f"there is no {_listener_words(entry)}.")
            if (entry.domain is not None or entry.url is not None) and not any(one.layer7 for one in named):
                raise UnknownName(
                    f"{_listener_label(named[0])} is a layer-4 listener and has no rules; leave out domain and url."
                )
            listeners = named
        elif entry.domain is not None:
            listeners = {
                slot.listener_id: self._picture.listeners[slot.listener_id]
                for slot in self._by_domain.get(entry.domain, ())
            }.values()
        slots = [
            slot
            for listener in listeners
            if entry.listener_protocol in (None, listener.protocol)
            for slot in listener.slots
            if (entry.domain is None or entry.domain == (slot.domain or "").lower())
            and (entry.url is None or entry.url == slot.url)
        ]
        if not slots and (entry.domain is not None or entry.url is not None):
            said = [
                f"{key} {value!r}" for key, value in (("domain", entry.domain), ("url", entry.url)) if value is not None
            ]
            raise UnknownName(f"there is no rule with {' and '.join(said)}{self._where(entry)}.")
        return slots

    def _listeners(self, entry: Entry) -> list[Listener]:
        """The listeners that an entry names by ID or by port."""
        if entry.listener_id is not None:
            listener = self._picture.listeners.get(entry.listener_id)
            if listener is None:
                return []
            _check_listener(entry, listener.listener_id, listener.protocol, listener.port)
            return [listener]
        if entry.listener_port is None:
            return []
        return [
            listener
            for listener in self._by_port.get(entry.listener_port, ())
            if entry.listener_protocol in (None, listener.protocol)
        ]

    def _where(self, entry: Entry) -> str:
        return f" on {_listener_words(entry)}" if entry.names_listener else ""


def _rule_key(slot: Slot) -> tuple[str, str, str]:
    return (slot.listener_id, (slot.domain or "").lower(), slot.url or "")


def _listener_words(entry: Entry) -> str:
    if entry.listener_id is not None:
        return f"listener {entry.listener_id!r}"
    protocol = f"{entry.listener_protocol} " if entry.listener_protocol else ""
    return f"{protocol}listener on port {entry.listener_port}"


def _listener_label(listener: Listener) -> str:
    return f"{listener.protocol}:{listener.port} ({listener.listener_id})"


def _check_listener(entry: Entry, listener_id: str, protocol: str, port: int) -> None:
    """The names beside a listener's ID must be its own."""
    for key, said, real in (
        ("listener_id", entry.listener_id, listener_id),
        ("listener_port", entry.listener_port, port),
        ("listener_protocol", entry.listener_protocol, protocol),
    ):
        if said is not None and said != real:
            raise InvalidArgument(f"{key} {said!r} contradicts the ID beside it: {protocol}:{port} ({listener_id}).")


def _check_names(entry: Entry, slot: Slot) -> None:
    """The names beside a rule's ID must be its own."""
    _check_listener(entry, slot.listener_id, slot.protocol, slot.port)
    for key, said, real in (
        ("domain", entry.domain, (slot.domain or "").lower()),
        ("url", entry.url, slot.url),
    ):
        if said is not None and said != real:
            raise InvalidArgument(f"{key} {said!r} contradicts the ID beside it: {slot.label}.")


def what_exists(picture: Picture) -> str:
    """List the listeners and rules of a load balancer for an error message.

    :param picture: of the whole load balancer.
    """
    labels = [slot.label for slot in picture.slots.values()]
    labels += [f"{_listener_label(one)} without rules" for one in picture.listeners.values() if not one.slots]
    if not labels:
        return "The load balancer has no listeners."
    more = f" and {len(labels) - _MOST_LISTED} more" if len(labels) > _MOST_LISTED else ""
    return f"What exists: {'; '.join(labels[:_MOST_LISTED])}{more}."


def resolve_wanted(entries: Sequence[Entry], picture: Picture) -> tuple[Wanted, ...]:
    """Resolve the entries of ``present``; what is listed twice in the same words comes out once.

    :param entries: checked without the network.
    :param picture: what is bound.
    :raises UnknownName: a listener or rule that is named does not exist.
    :raises InvalidArgument: names are ambiguous or contradict each other, or entries that name one binding disagree.
    """
    names = Names(picture)
    # Many entries name the same place: each is looked up once.
    slots: dict[tuple[int | str | None, ...], Slot] = {}
    wanted: list[Wanted] = []
    problems: list[str] = []
    unknown = False
    for entry in entries:
        if entry.backend is None or entry.port is None:
            raise InvalidArgument(f"targets[{entry.number}]: backend and port are required.")
        slot = slots.get(entry.place)
        if slot is None:
            try:
                slot = slots[entry.place] = names.slot_of(entry)
            except InvalidArgument as exc:
                unknown = unknown or isinstance(exc, UnknownName)
                problems.append(f"targets[{entry.number}]: {exc.message}")
                continue
        wanted.append(Wanted(entry.number, slot, entry.backend, entry.port, entry.weight, entry.tag))
    _raise(problems, unknown)
    identities = [_identity(one, picture) for one in wanted]
    check_agreement((one.number, identity, one.weight, one.tag) for one, identity in zip(wanted, identities))
    return tuple(dict(zip(reversed(identities), reversed(wanted))).values())[::-1]


def _raise(problems: Sequence[str], unknown: bool) -> None:
    """Keep it an UnknownName where any is one: then it helps to list what exists."""
    try:
        raise_all(problems)
    except InvalidArgument as exc:
        if unknown:
            raise UnknownName(exc.message) from exc
        raise


def _identity(wanted: Wanted, picture: Picture) -> tuple[SlotKey, str, int]:
    """One binding has one identity, asked for by instance or by its primary address."""
    bound = picture.find(wanted.slot.key, wanted.backend, wanted.port)
    if bound is not None:
        return bound.identity
    address = wanted.backend.address
    return (wanted.slot.key, picture.instances.get(address, address), wanted.port)


class Selection(NamedTuple):
    """What selectors matched.

    :param touched: the slots that they name or matched on, in the cloud's order.
    :param bindings: what they matched, each once, slot by slot.
    :param unknown: a sentence for each listener or rule that does not exist.
    :param tags_unknown: whether a selector asked for a tag and the answer tells none.
    """

    touched: tuple[Slot, ...]
    bindings: tuple[Binding, ...]
    unknown: tuple[str, ...]
    tags_unknown: bool


def select(entries: Sequence[Entry], picture: Picture) -> Selection:
    """Match selectors with what is bound.

    :param entries: keys left out match everything; the weight is ignored.
    :param picture: what is bound.
    :raises InvalidArgument: names contradict an ID.
    """
    names = Names(picture)
    all_places: dict[tuple[int | str | None, ...], _Places] = {}
    by_address: dict[str, list[Binding]] = defaultdict(list)
    for binding in picture.all_bindings():
        for alias in binding.aliases:
            by_address[alias].append(binding)
    touched: set[SlotKey] = set()
    matched: set[tuple[SlotKey, str, int]] = set()
    unknown: dict[str, None] = {}
    problems: list[str] = []
    for entry in entries:
        places = all_places.get(entry.place)
        if places is None:
            try:
                places = all_places[entry.place] = _Places.of(names.slots_of(entry))
            except UnknownName as exc:
                unknown[f"targets[{entry.number}]: {exc.message}"] = None
                continue
            except InvalidArgument as exc:
                problems.append(f"targets[{entry.number}]: {exc.message}")
                continue
        if entry.names_listener or entry.names_rule:
            touched |= places.keys
        for binding in _match(entry, places, picture, by_address):
            matched.add(binding.identity)
            touched.add(binding.slot.key)
    raise_all(problems)
    return Selection(
        touched=tuple(slot for key, slot in picture.slots.items() if key in touched),
        bindings=tuple(
            binding
            for key in picture.slots
            if key in touched
            for binding in picture.bindings[key]
            if binding.identity in matched
        ),
        unknown=tuple(unknown),
        tags_unknown=not picture.tags_known and any(entry.tag for entry in entries) and any(picture.bindings.values()),
    )


class _Places(NamedTuple):
    slots: Sequence[Slot]
    keys: frozenset[SlotKey]

    @classmethod
    def of(cls, slots: Sequence[Slot]) -> _Places:
        return cls(slots, frozenset(slot.key for slot in slots))


def _match(
    entry: Entry, places: _Places, picture: Picture, by_address: Mapping[str, list[Binding]]
) -> Iterator[Binding]:
    """What one selector matches; by address where it has one, so that a long list of hosts stays linear."""
    candidates: Iterable[Binding]
    if entry.backend is None:
        candidates = (binding for slot in places.slots for binding in picture.bindings[slot.key])
    elif len(places.slots) == 1 and entry.port is not None:
        bound = picture.find(places.slots[0].key, entry.backend, entry.port)
        candidates = () if bound is None else (bound,)
    else:
        candidates = (one for one in by_address.get(entry.backend.address, ()) if one.slot.key in places.keys)
    for binding in candidates:
        if entry.port in (None, binding.port) and (not entry.tag or entry.tag == binding.tag):
            yield binding
