# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The entries of ``targets`` as a user gives them: checked as far as that goes without the network."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible.module_utils.common.validation import check_type_int

from .._errors import InvalidArgument
from .snapshot import Backend, canonical_ip

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

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
"""The keys of an entry that say something in numbers, with the least and the most."""

ALIASES = {"ip": "eni_ip"}

DESCRIBING_KEYS = (
    "load_balancer_name",
    "region",
    "private_ips",
    "instance_name",
    "type",
    "zone",
    "registered_time",
    "healthy",
    "health_status",
    "before",
    "after",
    "code",
    "message",
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

_KNOWN_KEYS = frozenset((*TEXT_KEYS, *WHOLE_KEYS, *ALIASES, *DESCRIBING_KEYS, *REPORT_KEYS))

_MAX_SHOWN = 5


class Entry(NamedTuple):
    """One entry of ``targets``; what was not given is None.

    :param number: its place in the list, from 0.
    :param listener_id: as given.
    :param listener_port: 1 to 65535.
    :param listener_protocol: in capitals.
    :param location_id: as given.
    :param domain: in small letters.
    :param url: as given.
    :param backend: whose binding.
    :param port: the backend's port, 1 to 65535.
    :param weight: 0 to 100.
    :param tag: empty to clear it.
    :param load_balancer_id: whose binding it is; it must be the task's.
    """

    number: int
    listener_id: str | None = None
    listener_port: int | None = None
    listener_protocol: str | None = None
    location_id: str | None = None
    domain: str | None = None
    url: str | None = None
    backend: Backend | None = None
    port: int | None = None
    weight: int | None = None
    tag: str | None = None
    load_balancer_id: str | None = None

    @property
    def place(self) -> tuple[int | str | None, ...]:
        """The part that says which listener and rule."""
        return self[1:7]

    @property
    def names_listener(self) -> bool:
        """Whether it says which listener."""
        return self.listener_id is not None or self.listener_port is not None

    @property
    def names_rule(self) -> bool:
        """Whether it says which rule."""
        return self.location_id is not None or self.domain is not None


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
                _check_selector(entry)
            else:
                _check_binding(entry)
        except InvalidArgument as exc:
            problems.append(f"targets[{number}]: {exc.message}")
        else:
            entries.append(entry)
    raise_all(problems)
    if not selectors:
        check_agreement((entry.number, entry[1:9], entry.weight, entry.tag) for entry in entries)
    return tuple(entries)


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


def check_agreement(api_message: Iterable[tuple[int, Hashable, int | None, str | None]]) -> None:
    """Check that what is listed twice says the same.

    :param api_message: (number of the entry, identity of its binding, weight, tag) each.
    :raises InvalidArgument: which two entries name one binding and disagree in what.
    """
    first: dict[Hashable, tuple[int, int | None, str | None]] = {}
    problems = []
    for number, identity, weight, tag in api_message:
        earlier = first.setdefault(identity, (number, weight, tag))
        for name, then, now in (("weight", earlier[1], weight), ("tag", earlier[2], tag)):
            if then != now:
                problems.append(
                    f"targets[{earlier[0]}] and targets[{number}] name the same binding with {name} {_shown(then)} and "
                    f"{name} {_shown(now)}; list it once, or say the same in both."
                )
    raise_all(problems)


def _shown(value: int | str | None) -> str:
    return "not given" if value is None else repr(value)


def _parse_entry(number: int, raw: Mapping[str, Any]) -> Entry:
    given = _given(raw)
    if "protocol" in given:
        # An entry of `listeners` names a listener or rule, and no backend: its port and protocol are the listener's.
        given.setdefault("listener_protocol", given["protocol"])
        if not given.keys() & {"instance_id", "eni_ip", "listener_port"}:
            given["listener_port"] = given.pop("port", None)
    protocol = _text(given, "listener_protocol")
    domain = _text(given, "domain")
    return Entry(
        number=number,
        listener_id=_text(given, "listener_id"),
        listener_port=_whole(given, "listener_port"),
        listener_protocol=None if protocol is None else protocol.upper(),
        location_id=_text(given, "location_id"),
        domain=None if domain is None else domain.lower(),
        url=_text(given, "url"),
        backend=_backend(given),
        port=_whole(given, "port"),
        weight=_whole(given, "weight"),
        tag=_text(given, "tag", may_be_empty=True),
        load_balancer_id=_text(given, "load_balancer_id"),
    )


def _given(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that are not null, under their own names."""
    if not isinstance(raw, Mapping):
        raise InvalidArgument(f"{raw!r} is not a dictionary.")
    given = {key: value for key, value in raw.items() if value is not None}
    if not _KNOWN_KEYS.issuperset(given):
        unknown = sorted(map(str, given.keys() - _KNOWN_KEYS))
        raise InvalidArgument(" ".join(map(_unknown_key, unknown)))
    for alias, key in ALIASES.items():
        value = given.pop(alias, None)
        if value is not None and given.setdefault(key, value) != value:
            raise InvalidArgument(f"{key} {given[key]!r} and its alias {alias} {value!r} differ; give one of them.")
    return given


def _unknown_key(key: str) -> str:
    keys = (*TEXT_KEYS, *WHOLE_KEYS)
    near = difflib.get_close_matches(key, keys, n=1)
    hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(keys)}."
    return f"{key!r} is not a key of an entry; {hint}"


def _text(given: Mapping[str, Any], key: str, *, may_be_empty: bool = False) -> str | None:
    value = given.get(key)
    if value is None:
        return None
    # YAML makes numbers of some names.
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InvalidArgument(f"{key} {value!r} is not text.")
    if may_be_empty:
        return str(value)
    text = str(value).strip()
    if not text:
        raise InvalidArgument(f"{key} is empty; give a value, or leave the key out.")
    return text


def _whole(given: Mapping[str, Any], key: str) -> int | None:
    value = given.get(key)
    if value is None:
        return None
    minimum, maximum = WHOLE_KEYS[key]
    number = _number(value)
    if number is None or not minimum <= number <= maximum:
        raise InvalidArgument(f"{key} {value!r} is not a whole number from {minimum} to {maximum}.")
    return number


def _number(value: object) -> int | None:
    """A whole number, also where a template has made a text of it; None for everything else."""
    # check_type_int lets a boolean pass.
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    try:
        return int(check_type_int(value))
    except TypeError:
        return None


def _backend(given: Mapping[str, Any]) -> Backend | None:
    instance_id = _text(given, "instance_id")
    text = _text(given, "eni_ip")
    if instance_id is not None and text is not None:
        raise InvalidArgument(
            f"instance_id {instance_id!r} and eni_ip {text!r} are both given; a backend is addressed by exactly one."
        )
    if instance_id is not None:
        return Backend(instance_id, None)
    if text is None:
        return None
    try:
        return Backend(None, canonical_ip(text))
    except ValueError:
        raise InvalidArgument(f"eni_ip {text!r} is not an IP address, such as 10.0.0.1 or 2001:db8::1.") from None


def _check_binding(entry: Entry) -> None:
    """An entry of ``present`` names exactly one binding."""
    if not entry.names_listener and entry.location_id is None:
        raise InvalidArgument(
            "no listener is named; give listener_id, or listener_port with listener_protocol, or location_id."
        )
    if (entry.domain is None) != (entry.url is None) and entry.location_id is None:
        missing, there = ("url", "domain") if entry.url is None else ("domain", "url")
        raise InvalidArgument(
            f"{there} is given without {missing}; a rule is named by location_id, or by domain and url together."
        )
    if entry.backend is None:
        raise InvalidArgument("no backend is named; give instance_id or eni_ip.")
    if entry.port is None:
        raise InvalidArgument("port is missing; give the backend's port, 1 to 65535.")


def _check_selector(entry: Entry) -> None:
    """A selector must not select everything by having left everything out."""
    if not entry.names_listener and not entry.names_rule and entry.backend is None:
        raise InvalidArgument(
            "it names no listener, no rule and no backend and would match everything; give at least one of "
            "listener_id, listener_port, location_id, domain, instance_id or eni_ip."
        )


def check_same_load_balancer(entries: Iterable[Entry], load_balancer_id: str) -> None:
    """Check that no entry belongs to another load balancer, as one of a list for several may.

    :param entries: of ``targets``.
    :param load_balancer_id: the task's.
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
