# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries of ``targets`` as a user gives them: checked as far as that goes without the network."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from .._base.errors import MAX_ITEMS, InvalidArgument, and_more, first_sentences, printable_number, shown_value
from .snapshot import Backend, address_label, canonical_ip

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

_MAX_TEXT = 2048
"""Characters of a text in an entry: more than the API takes anywhere."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PROTOCOL = re.compile(r"[A-Za-z0-9_-]{1,32}")
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_WHOLE = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")


class Place(NamedTuple):
    """The listener and rule that an entry names; None for a key that was not given."""

    listener_id: Optional[str] = None
    listener_port: Optional[int] = None
    listener_protocol: Optional[str] = None
    location_id: Optional[str] = None
    domain: Optional[str] = None
    url: Optional[str] = None

    @property
    def names_listener(self) -> bool:
        """The listener is named."""
        return self.listener_id is not None or self.listener_port is not None

    @property
    def names_rule(self) -> bool:
        """The rule is named."""
        return self.location_id is not None or self.domain is not None


class Entry(NamedTuple):
    """One entry of ``targets``; None for a key that was not given.

    :param number: its place in the list, from 0.
    """

    number: int
    place: Place = Place()
    backend: Optional[Backend] = None
    port: Optional[int] = None
    weight: Optional[int] = None
    tag: Optional[str] = None
    load_balancer_id: Optional[str] = None
    load_balancer_name: Optional[str] = None
    region: Optional[str] = None

    @property
    def label(self) -> str:
        """The entry in messages: its number and the keys that it selects by."""
        backend = {} if self.backend is None else self.backend._asdict()
        keys = {"load_balancer_id": self.load_balancer_id, **self.place._asdict(), **backend, "port": self.port}
        return f"targets[{self.number}] ({_label({**keys, 'tag': self.tag or None})})"

    @property
    def binding_label(self) -> str:
        """The binding in messages that it names: ``ins-1:80 on listener_id lbl-1 of lb-1``."""
        where = _label(self.place._asdict()) + (f" of {self.load_balancer_id}" if self.load_balancer_id else "")
        if self.backend is None or self.port is None:
            return where
        return f"{address_label(self.backend.address, self.port)} on {where}"


_OTHER_FIELDS = Entry._fields[3:]


def _label(keys: Mapping[str, object]) -> str:
    """Checked values in a message, without quotes where they are IDs or numbers."""
    return ", ".join(
        f"{key} {value if _ID.fullmatch(str(value)) else shown_value(value)}"
        for key, value in keys.items()
        if value is not None
    )


def _any_text(key: str, value: object) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, float):
        raise InvalidArgument(
            f"{key} {shown_value(value)} is a number, and YAML may have changed it (1.10 becomes 1.1); put it into "
            "quotes."
        )
    elif isinstance(value, int) and not isinstance(value, bool):
        # YAML makes whole numbers of some names.
        text = printable_number(value)
    else:
        raise InvalidArgument(f"{key} is {shown_value(value)}, not text.")
    if len(text) > _MAX_TEXT:
        raise InvalidArgument(f"{key} {shown_value(text)} is too long; give at most {_MAX_TEXT} characters.")
    if not text.isascii() and _HALF_CHARACTER.search(text):
        raise InvalidArgument(f"{key} {shown_value(text)} is not encodable as UTF-8.")
    return text


def _text(key: str, value: object) -> str:
    text = _any_text(key, value).strip()
    if not text:
        raise InvalidArgument(f"{key} is empty; give a value, or leave the key out.")
    return text


def _identity(key: str, value: object) -> str:
    text = _text(key, value)
    if not _ID.fullmatch(text):
        raise InvalidArgument(
            f"{key} {shown_value(text)} is not an ID: an ID is made of letters, digits, '-' and '_'. Give one ID in "
            "each entry; to match all, leave the key out."
        )
    return text


def _protocol(key: str, value: object) -> str:
    text = _text(key, value)
    if not _PROTOCOL.fullmatch(text):
        raise InvalidArgument(f"{key} {shown_value(text)} is not a protocol, such as TCP or HTTPS.")
    return text.upper()


def _address(key: str, value: object) -> str:
    text = _text(key, value)
    try:
        return canonical_ip(text)
    except ValueError:
        problem = f"{key} {shown_value(text)} is not an IP address, such as 10.0.0.1 or 2001:db8::1."
        raise InvalidArgument(problem) from None


def _whole(key: str, value: object) -> int:
    """A whole number, also where a template has made a text of it."""
    number = None
    if isinstance(value, int):
        number = None if isinstance(value, bool) else int(value)
    elif isinstance(value, float):
        number = int(value) if value.is_integer() else None
    elif isinstance(value, str) and len(value) <= 20:  # a longer one could take forever to convert
        found = _WHOLE.fullmatch(value.strip())
        number = None if found is None else int(found[1])
    minimum, maximum = WHOLE_KEYS[key]
    if number is None or not minimum <= number <= maximum:
        raise InvalidArgument(f"{key} {shown_value(value)} is not a whole number from {minimum} to {maximum}.")
    return number


TEXT_KEYS: dict[str, Callable[[str, object], str]] = {
    "listener_id": _identity,
    "listener_protocol": _protocol,
    "location_id": _identity,
    "domain": lambda key, value: _text(key, value).lower(),
    "url": _text,
    "instance_id": _identity,
    "eni_ip": _address,
    "tag": _any_text,
    "load_balancer_id": _identity,
}
"""The text keys of an entry, each with its check."""

WHOLE_KEYS = {"listener_port": (1, 65535), "port": (1, 65535), "weight": (0, 100)}
"""The integer keys of an entry, each with minimum and maximum."""

ALIASES = {"ip": "eni_ip"}

_CHECKS: dict[str, Callable[[str, object], Any]] = {
    **TEXT_KEYS,
    **dict.fromkeys(WHOLE_KEYS, _whole),
    # Keys of results that must agree with the load balancer's ID.
    "load_balancer_name": _text,
    "region": _text,
}

OF_LISTENERS = ("status", "bound", "registered", "rules")
"""Keys of the result ``listeners``: beside one of them, ``protocol`` is the listener's."""

_IGNORED = (
    "private_ips", "public_ips", "instance_name", "type", "zone", "registered_time", "remembered", "healthy",
    "health_status", "before", "after", "code", "message", "error",
    "protocol", "end_port", "modified", "deregistered", "unchanged", "serving", *OF_LISTENERS,
)  # fmt: skip
"""Keys of results that only describe; accepted, so that a list of a result goes back in."""

_KNOWN_KEYS = frozenset((*_CHECKS, *ALIASES, *_IGNORED))


def parse_entries(raw_entries: Sequence[Mapping[str, Any]], *, selectors: bool) -> tuple[Entry, ...]:
    """Parse and check the entries of ``targets``.

    :param selectors: keys left out match everything (``absent``, ``drained``, ``targets_info``); otherwise an entry
        names one binding (``present``).
    :raises InvalidArgument: the problem of each wrong entry, and the remedy.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    for number, raw in enumerate(raw_entries):
        try:
            entry = _parse_entry(number, raw)
            if selectors:
                _check_selector(entry, raw)
            else:
                _check_binding(entry)
        except InvalidArgument as exc:
            problems.append(f"targets[{number}]: {exc.message}")
        else:
            entries.append(entry)
    raise_all(problems)
    if not selectors:
        check_agreement(
            ((one.number, (one.load_balancer_id, *one[1:4]), one.weight, one.tag) for one in entries),
            lambda number: entries[number].binding_label,
        )
    return tuple(entries)


def find_doubtful_tags(raw_entries: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Warn of tags that YAML has made a number of: it reads 0123 as 83, and 12:30 as 750."""
    found = [
        f"targets[{number}]: tag {shown_value(raw['tag'])}"
        for number, raw in enumerate(raw_entries)
        if isinstance(raw.get("tag"), int)
    ]
    if not found:
        return ()
    shown = and_more(found)
    return (f"{shown}: a number is not always what was written, YAML reads 0123 as 83. Put tags into quotes.",)


def raise_all(problems: Sequence[str]) -> None:
    """Raise one error for all problems, if there are any.

    :raises InvalidArgument: the first problems, and the number of the others.
    """
    if problems:
        raise InvalidArgument(first_sentences(problems, "more entries with errors"))


def check_agreement(
    claims: Iterable[tuple[int, Hashable, int | None, str | None]], label_of: Callable[[int], str]
) -> None:
    """Check that entries which name the same binding say the same of it.

    :param claims: number of the entry, identity of the binding, weight, tag.
    :param label_of: the binding in messages, by the number of an entry.
    :raises InvalidArgument: two entries disagree.
    """
    first: dict[Hashable, tuple[int, Hashable, int | None, str | None]] = {}
    problems = []
    for claim in claims:
        earlier = first.setdefault(claim[1], claim)
        for name, *values in zip(("weight", "tag"), earlier[2:], claim[2:]):
            if values[0] != values[1]:
                then, now = ("not given" if value is None else shown_value(value) for value in values)
                problems.append(
                    f"targets[{earlier[0]}] and targets[{claim[0]}] name the same binding, {label_of(claim[0])}, with "
                    f"{name} {then} and {name} {now}; list it once, or say the same in both."
                )
    raise_all(problems)


def _parse_entry(number: int, raw: Mapping[str, Any]) -> Entry:
    given = _given(raw)
    values = {key: _CHECKS[key](key, value) for key, value in given.items() if key in _CHECKS}
    instance_id, eni_ip = values.get("instance_id"), values.get("eni_ip")
    if instance_id is not None and eni_ip is not None:
        raise InvalidArgument(
            f"instance_id {shown_value(instance_id)} and eni_ip {shown_value(given['eni_ip'])} are both given; a "
            "backend is addressed by exactly one."
        )
    backend = Backend(instance_id, eni_ip) if instance_id or eni_ip else None
    return Entry(number, Place._make(map(values.get, Place._fields)), backend, *map(values.get, _OTHER_FIELDS))


def _given(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that are not null, under their own names."""
    if not isinstance(raw, Mapping):
        raise InvalidArgument(f"{shown_value(raw)} is not a dictionary.")
    given = {key: value for key, value in raw.items() if value is not None}
    if not _KNOWN_KEYS.issuperset(given):
        unknown = [key for key in given if key not in _KNOWN_KEYS]
        more = f" And {len(unknown) - MAX_ITEMS} more." if len(unknown) > MAX_ITEMS else ""
        raise InvalidArgument(" ".join(map(_unknown_key, unknown[:MAX_ITEMS])) + more)
    for alias, key in ALIASES.items():
        value = given.pop(alias, None)
        if value is not None and given.setdefault(key, value) != value:
            raise InvalidArgument(
                f"{key} {shown_value(given[key])} and its alias {alias} {shown_value(value)} differ; give one of them."
            )
    if "protocol" in given:
        _take_protocol(given)
    return given


def _unknown_key(key: object) -> str:
    keys = (*TEXT_KEYS, *WHOLE_KEYS)
    near = difflib.get_close_matches(key, keys) if isinstance(key, str) and len(key) <= 100 else []
    hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(keys)}."
    return f"{shown_value(key)} is not a key of an entry; {hint}"


def _take_protocol(given: dict[str, Any]) -> None:
    """An entry of the result ``listeners`` names a listener or rule: its port and protocol are the listener's."""
    if not any(key in given for key in OF_LISTENERS):
        raise InvalidArgument(
            f"protocol {shown_value(given['protocol'])} is not a key of an entry; did you mean listener_protocol? Then "
            "port is the backend's, and listener_port the listener's."
        )
    given.setdefault("listener_protocol", given["protocol"])
    if "port" in given and not given.keys() & {"instance_id", "eni_ip", "listener_port"}:
        given["listener_port"] = given.pop("port")


def _check_binding(entry: Entry) -> None:
    place = entry.place
    if not place.names_listener and place.location_id is None:
        raise InvalidArgument(
            "no listener is named; give listener_id, or listener_port with listener_protocol, or location_id."
        )
    if (place.domain is None) != (place.url is None) and place.location_id is None:
        missing, there = ("url", "domain") if place.url is None else ("domain", "url")
        raise InvalidArgument(
            f"{there} is given without {missing}; a rule is named by location_id, or by domain and url together."
        )
    if entry.backend is None:
        raise InvalidArgument("no backend is named; give instance_id or eni_ip.")
    if entry.port is None:
        raise InvalidArgument("port is missing; give the backend's port, 1 to 65535.")


def _check_selector(entry: Entry, raw: Mapping[str, Any]) -> None:
    """A selector must not be widened by what is null, nor select everything by having left everything out."""
    nulls = [key for key in ("instance_id", "eni_ip", "ip") if key in raw]
    if entry.backend is None and nulls:
        raise InvalidArgument(
            f"{' and '.join(nulls)} {'is' if len(nulls) == 1 else 'are'} null; name the backend, or leave the key out "
            "to select every backend."
        )
    if "port" in raw and raw["port"] is None:
        raise InvalidArgument("port is null; give the backend's port, or leave the key out to select every port.")
    if not entry.place.names_listener and not entry.place.names_rule and entry.backend is None:
        raise InvalidArgument(
            "no listener, rule or backend is named; give at least one of listener_id, listener_port, location_id, "
            "domain, instance_id or eni_ip."
        )
