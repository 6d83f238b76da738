# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries of ``targets`` as a user gives them: checked as far as that goes without the network."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from .._base.errors import InvalidArgument, and_more, printable, printable_number
from .snapshot import Backend, address_label, canonical_ip

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

ID_KEYS = ("listener_id", "location_id", "instance_id", "load_balancer_id")
"""The keys of an entry that are an ID."""

TEXT_KEYS = (
    "listener_id",
    "listener_protocol",
    "location_id",
    "domain",
    "url",
    "instance_id",
    "eni_ip",
    "tag",
    "load_balancer_id",
)
"""The keys of an entry that say something in words."""

WHOLE_KEYS = {"listener_port": (1, 65535), "port": (1, 65535), "weight": (0, 100)}
"""The keys of an entry that say something in numbers, with the minimum and the maximum."""

BACKEND_KEYS = ("instance_id", "eni_ip", "ip")

ALIASES = {"ip": "eni_ip"}

BELONGING_KEYS = ("load_balancer_name", "region")
"""The keys of results that say where a binding is, beside its IDs: they must say the same."""

DESCRIBING_KEYS = (
    "private_ips",
    "public_ips",
    "instance_name",
    "type",
    "zone",
    "registered_time",
    "remembered",
    "healthy",
    "health_status",
    "before",
    "after",
    "code",
    "message",
    "error",
)
"""The keys of results that only describe a binding; accepted, so that a list of a result goes back in."""

REPORT_KEYS = (
    "protocol",
    "end_port",
    "status",
    "registered",
    "modified",
    "deregistered",
    "unchanged",
    "bound",
    "serving",
    "rules",
)
"""The further keys of an entry of the result ``listeners``."""

_PROTOCOL_BELONGS_TO = ("status", "bound", "registered", "rules")
"""Keys of an entry of the result ``listeners``: beside one of them, ``protocol`` is that listener's."""

_KNOWN_KEYS = frozenset((*TEXT_KEYS, *WHOLE_KEYS, *ALIASES, *BELONGING_KEYS, *DESCRIBING_KEYS, *REPORT_KEYS))

_MAX_SHOWN = 5
_MAX_VALUE_SHOWN = 100
"""Characters of a value that a message shows."""
_MAX_TEXT = 2048
"""Characters of a text in an entry: more than the API takes anywhere."""
_MAX_DIGITS = 20
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PROTOCOL = re.compile(r"[A-Za-z0-9_-]{1,32}")
_WHOLE = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")


class Place(NamedTuple):
    """Which listener and rule an entry names; what was not given is None."""

    listener_id: Optional[str] = None
    listener_port: Optional[int] = None
    listener_protocol: Optional[str] = None
    location_id: Optional[str] = None
    domain: Optional[str] = None
    url: Optional[str] = None

    @property
    def names_listener(self) -> bool:
        """Whether it says which listener."""
        return self.listener_id is not None or self.listener_port is not None

    @property
    def names_rule(self) -> bool:
        """Whether it says which rule."""
        return self.location_id is not None or self.domain is not None

    @property
    def label(self) -> str:
        """The place in messages, by the keys that were given."""
        return _label(self._asdict())


class Entry(NamedTuple):
    """One entry of ``targets``; what was not given is None.

    :param number: its place in the list, from 0.
    :param place: the listener and rule that it names.
    :param backend: the backend that it names.
    :param port: the backend's port, 1 to 65535.
    :param load_balancer_id: the load balancer of the binding.
    :param load_balancer_name: its name, which must be that of the load balancer.
    :param region: its region, which must be the task's.
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
        """The entry in messages: its number, and what it selects by."""
        backend = {} if self.backend is None else self.backend._asdict()
        keys = {"load_balancer_id": self.load_balancer_id, **self.place._asdict(), **backend, "port": self.port}
        return f"targets[{self.number}] ({_label({**keys, 'tag': self.tag or None})})"

    @property
    def binding_label(self) -> str:
        """The binding in messages that it names: ``ins-1:80 on listener_id lbl-1 of lb-1``."""
        backend, port = self.backend, self.port
        where = f" of {self.load_balancer_id}" if self.load_balancer_id else ""
        if backend is None or port is None:
            return f"{self.place.label}{where}"
        return f"{address_label(backend.address, port)} on {self.place.label}{where}"


def _label(keys: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in keys.items() if value is not None)


def _plain(value: object) -> str:
    """A checked value in a message: without quotes where it is an ID or a number."""
    text = str(value)
    return text if _ID.fullmatch(text) else shown_value(value)


def shown_value(value: object) -> str:
    """A value of the user's in a message: short, in one line, and never an error of its own."""
    if isinstance(value, (bool, float, type(None))):
        return repr(value)
    if isinstance(value, int):
        return printable_number(value)
    if isinstance(value, str):
        cut = f"... ({len(value)} characters in all)" if len(value) > _MAX_VALUE_SHOWN else ""
        return printable(repr(value[:_MAX_VALUE_SHOWN])) + cut
    if isinstance(value, Mapping):
        return "a dictionary"
    return "a list" if isinstance(value, (list, tuple, set)) else f"a {type(value).__name__}"


def parse_entries(raw_entries: Sequence[Mapping[str, Any]], *, selectors: bool) -> tuple[Entry, ...]:
    """Parse and check the entries of ``targets``.

    :param raw_entries: as the user gave them.
    :param selectors: whether keys left out match everything (``absent``, ``drained``, ``targets_info``) or name one
        binding (``present``).
    :raises InvalidArgument: what is wrong with which entries, and what would be right.
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
            (
                (
                    entry.number,
                    (entry.load_balancer_id, entry.place, entry.backend, entry.port),
                    entry.weight,
                    entry.tag,
                )
                for entry in entries
            ),
            lambda number: entries[number].binding_label,
        )
    return tuple(entries)


def find_doubtful_tags(raw_entries: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Name the tags that YAML has made a number of: it reads 0123 as 83, and 12:30 as 750.

    :param raw_entries: as the user gave them, parsed without error.
    :returns: a warning, or nothing.
    """
    found = [
        f"targets[{number}]: tag {shown_value(raw['tag'])}"
        for number, raw in enumerate(raw_entries)
        if isinstance(raw.get("tag"), int)
    ]
    if not found:
        return ()
    shown = and_more(found, _MAX_SHOWN)
    return (f"{shown}: a number is not always what was written, YAML reads 0123 as 83. Put tags into quotes.",)


def raise_all(problems: Sequence[str]) -> None:
    """Raise one error for many problems.

    :param problems: a sentence each; an empty list is fine.
    :raises InvalidArgument: when there is any.
    """
    if problems:
        shown = list(problems[:_MAX_SHOWN])
        if len(problems) > _MAX_SHOWN:
            shown.append(f"And {len(problems) - _MAX_SHOWN} more entries with errors.")
        raise InvalidArgument(" ".join(shown))


def check_agreement(
    claims: Iterable[tuple[int, Hashable, int | None, str | None]], label_of: Callable[[int], str]
) -> None:
    """Check that what is listed twice says the same.

    :param claims: (number, identity of a binding, weight, tag) each.
    :param label_of: the binding in messages, by the number of a claim.
    :raises InvalidArgument: which two entries name which binding and disagree in what.
    """
    first: dict[Hashable, tuple[int, int | None, str | None]] = {}
    problems = []
    for number, identity, weight, tag in claims:
        earlier = first.setdefault(identity, (number, weight, tag))
        for name, then, now in (("weight", earlier[1], weight), ("tag", earlier[2], tag)):
            if then != now:
                problems.append(
                    f"targets[{earlier[0]}] and targets[{number}] name the same binding, {label_of(number)}, with "
                    f"{name} {_or_not_given(then)} and {name} {_or_not_given(now)}; list it once, or say the same in "
                    "both."
                )
    raise_all(problems)


def _or_not_given(value: int | str | None) -> str:
    return "not given" if value is None else shown_value(value)


def _parse_entry(number: int, raw: Mapping[str, Any]) -> Entry:
    given = _given(raw)
    if "protocol" in given:
        _take_protocol(given)
    protocol = _protocol(given)
    domain = _text(given, "domain")
    return Entry(
        number,
        Place(
            _identity(given, "listener_id"),
            _whole(given, "listener_port"),
            protocol,
            _identity(given, "location_id"),
            None if domain is None else domain.lower(),
            _text(given, "url"),
        ),
        _backend(given),
        _whole(given, "port"),
        _whole(given, "weight"),
        _text(given, "tag", may_be_empty=True),
        _identity(given, "load_balancer_id"),
        _text(given, "load_balancer_name"),
        _text(given, "region"),
    )


def _given(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that are not null, under their own names."""
    if not isinstance(raw, Mapping):
        raise InvalidArgument(f"{shown_value(raw)} is not a dictionary.")
    given = {key: value for key, value in raw.items() if value is not None}
    if not _KNOWN_KEYS.issuperset(given):
        unknown = [key for key in given if key not in _KNOWN_KEYS]
        more = f" And {len(unknown) - _MAX_SHOWN} more." if len(unknown) > _MAX_SHOWN else ""
        raise InvalidArgument(" ".join(map(_unknown_key, unknown[:_MAX_SHOWN])) + more)
    for alias, key in ALIASES.items():
        value = given.pop(alias, None)
        if value is not None and given.setdefault(key, value) != value:
            raise InvalidArgument(
                f"{key} {shown_value(given[key])} and its alias {alias} {shown_value(value)} differ; give one of them."
            )
    return given


def _unknown_key(key: object) -> str:
    keys = (*TEXT_KEYS, *WHOLE_KEYS)
    near = difflib.get_close_matches(key, keys, n=1) if isinstance(key, str) and len(key) <= _MAX_VALUE_SHOWN else []
    hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(keys)}."
    return f"{shown_value(key)} is not a key of an entry; {hint}"


def _take_protocol(given: dict[str, Any]) -> None:
    """An entry of the result ``listeners`` names a listener or rule: its port and protocol are the listener's."""
    if not any(key in given for key in _PROTOCOL_BELONGS_TO):
        raise InvalidArgument(
            f"protocol {shown_value(given['protocol'])} is not a key of an entry; did you mean listener_protocol? Then "
            "port is the backend's, and listener_port the listener's."
        )
    given.setdefault("listener_protocol", given["protocol"])
    if not given.keys() & {"instance_id", "eni_ip", "listener_port"}:
        given["listener_port"] = given.pop("port", None)


def _text(given: Mapping[str, Any], key: str, *, may_be_empty: bool = False) -> str | None:
    value = given.get(key)
    if value is None:
        return None
    if isinstance(value, float):
        raise InvalidArgument(
            f"{key} {shown_value(value)} is a number, and YAML may have changed it (1.10 becomes 1.1); put it into "
            "quotes."
        )
    # YAML makes whole numbers of some names.
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise InvalidArgument(f"{key} is {shown_value(value)}, not text.")
    text = value if isinstance(value, str) else printable_number(value)
    if len(text) > _MAX_TEXT:
        raise InvalidArgument(f"{key} {shown_value(text)} is too long; give at most {_MAX_TEXT} characters.")
    if not text.isascii():
        _check_encodable(key, text)
    if may_be_empty:
        return text
    text = text.strip()
    if not text:
        raise InvalidArgument(f"{key} is empty; give a value, or leave the key out.")
    return text


def _check_encodable(key: str, text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidArgument(
            f"{key} {shown_value(text)} is not encodable as UTF-8: it holds half of a character."
        ) from None


def _identity(given: Mapping[str, Any], key: str) -> str | None:
    text = _text(given, key)
    if text is not None and not _ID.fullmatch(text):
        raise InvalidArgument(
            f"{key} {shown_value(text)} is not an ID: an ID is made of letters, digits, '-' and '_'. Give one ID in "
            "each entry; to match all, leave the key out."
        )
    return text


def _protocol(given: Mapping[str, Any]) -> str | None:
    text = _text(given, "listener_protocol")
    if text is None:
        return None
    if not _PROTOCOL.fullmatch(text):
        raise InvalidArgument(f"listener_protocol {shown_value(text)} is not a protocol, such as TCP or HTTPS.")
    return text.upper()


def _whole(given: Mapping[str, Any], key: str) -> int | None:
    value = given.get(key)
    if value is None:
        return None
    minimum, maximum = WHOLE_KEYS[key]
    number = _number(value)
    if number is None or not minimum <= number <= maximum:
        raise InvalidArgument(f"{key} {shown_value(value)} is not a whole number from {minimum} to {maximum}.")
    return number


def _number(value: object) -> int | None:
    """A whole number, also where a template has made a text of it; None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if not isinstance(value, str):
        return None
    # A number is never converted before its length is known: that can take forever.
    found = _WHOLE.fullmatch(value.strip()) if len(value) <= _MAX_DIGITS else None
    return None if found is None else int(found[1])


def _backend(given: Mapping[str, Any]) -> Backend | None:
    instance_id = _identity(given, "instance_id")
    text = _text(given, "eni_ip")
    if instance_id is not None and text is not None:
        raise InvalidArgument(
            f"instance_id {shown_value(instance_id)} and eni_ip {shown_value(text)} are both given; a backend is "
            "addressed by exactly one."
        )
    if instance_id is not None:
        return Backend(instance_id, None)
    if text is None:
        return None
    try:
        return Backend(None, canonical_ip(text))
    except ValueError:
        raise InvalidArgument(
            f"eni_ip {shown_value(text)} is not an IP address, such as 10.0.0.1 or 2001:db8::1."
        ) from None


def _check_binding(entry: Entry) -> None:
    """An entry of ``present`` names exactly one binding."""
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
    nulls = [key for key in BACKEND_KEYS if key in raw]
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


def check_same_load_balancer(entries: Iterable[Entry], load_balancer_id: str) -> None:
    """Check that no entry belongs to another load balancer, as one of a list for several may.

    :raises InvalidArgument: which entry names which other one.
    """
    raise_all(
        [
            f"targets[{entry.number}]: load_balancer_id {entry.load_balancer_id!r} is not {load_balancer_id!r}, which "
            "this task is about; leave the entries of other load balancers out."
            for entry in entries
            if entry.load_balancer_id not in (None, load_balancer_id)
        ]
    )


def names_to_check(entries: Iterable[Entry], chosen: Mapping[str, str | None]) -> tuple[str, ...]:
    """The load balancers whose names have to be looked up before :func:`check_belonging` can compare them.

    :param chosen: the names of the task's load balancers by ID; None where a name is not known.
    """
    named = [entry for entry in entries if entry.load_balancer_name is not None]
    own = {entry.load_balancer_id for entry in named}
    return tuple(
        load_balancer_id
        for load_balancer_id, name in chosen.items()
        if name is None and (load_balancer_id in own or (named and len(chosen) == 1))
    )


def check_belonging(entries: Iterable[Entry], chosen: Mapping[str, str | None], region: str) -> None:
    """Check that the names and regions beside the IDs of entries are those of the task's load balancers.

    :param chosen: the names of the task's load balancers by ID; None where a name is not known.
    :raises InvalidArgument: which entry says what, and what is so.
    """
    raise_all(
        [
            f"targets[{entry.number}]: {problem}"
            for entry in entries
            if (problem := _find_contradiction(entry, chosen, region)) is not None
        ]
    )


def _find_contradiction(entry: Entry, chosen: Mapping[str, str | None], region: str) -> str | None:
    if entry.region not in (None, region):
        return f"region {shown_value(entry.region)} is not {region}, in which this task runs."
    name = entry.load_balancer_name
    if name is None:
        return None
    identity = entry.load_balancer_id
    if identity is None and len(chosen) == 1:
        identity = next(iter(chosen))
    if identity is None:
        return f"load_balancer_name {shown_value(name)} alone does not say which load balancer; give load_balancer_id."
    real = chosen.get(identity)
    if real is None or real == name:
        return None
    return f"load_balancer_name {shown_value(name)} is not the name of {identity}, which is {shown_value(real)}."
