# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a task, parsed and checked once, as far as that goes without the network."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._base import pace
from .._base.errors import MAX_ITEMS, InvalidArgument, and_more, printable, printable_number
from .._bindings.entries import Entry, find_doubtful_tags, parse_entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Spec = dict[str, Any]
Tags = dict[str, tuple[str, ...]]

CONNECTION_SPEC: Spec = {
    "secret_id": {"type": "str", "no_log": True},
    "secret_key": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "profile": {"type": "str"},
    "role_arn": {"type": "str"},
    "role_session_name": {"type": "str"},
    "role_session_duration": {"type": "int"},
    "region": {"type": "str"},
    "endpoint": {"type": "str"},
    "sts_endpoint": {"type": "str"},
    "timeout": {"type": "int", "default": pace.REQUEST_SECONDS},
    "ca_path": {"type": "path"},
}
"""The connection options; documented in the doc fragment of the same name."""

LOAD_BALANCER_SPEC: Spec = {
    "load_balancer_id": {"type": "str"},
    "load_balancer_name": {"type": "str"},
    "load_balancer_ids": {"type": "list", "elements": "str"},
    "load_balancer_names": {"type": "list", "elements": "str"},
    "load_balancer_tags": {"type": "dict"},
    "all_load_balancers": {"type": "bool", "default": False},
}
"""The ways to choose load balancers; documented in the doc fragment ``bindings``."""

TAGS_OPTION = "load_balancer_tags"
MAXIMA = {
    "timeout": pace.MAX_REQUEST_SECONDS,
    "wait_timeout": pace.MAX_TASK_SECONDS,
    "interval": pace.MAX_TASK_SECONDS,
    "min_healthy": 1_000_000,
}
"""The largest values of options; of targets, more than there are."""
MAX_NAME = 255
"""Characters of an ID or name of a load balancer: more than the API takes."""
_IDENTITY = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)


@dataclass(frozen=True)
class Choice:
    """Which load balancers a task is about; those that its entries name, where nothing is given.

    :param option: the option of a module that chooses; None where none does, and in the inventory.
    :param tags: for each tag the values of which a load balancer must have one.
    """

    option: str | None = None
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    tags: Tags | None = None

    @property
    def several(self) -> bool:
        """Several may be meant: the shape of a result depends on the option, not on the count."""
        return self.option not in ("load_balancer_id", "load_balancer_name")

    @property
    def everywhere(self) -> bool:
        """Every load balancer of the region that has backends is meant."""
        return self.option == "all_load_balancers"

    @classmethod
    def parse(cls, params: Mapping[str, Any], entries: Sequence[Entry] | None) -> Choice:
        """Check how load balancers are chosen.

        :param entries: of ``targets``; None where none are given.
        :raises InvalidArgument: none is chosen, or in two ways, or a value can't be an ID or a name.
        """
        given = [name for name in LOAD_BALANCER_SPEC if params[name] not in (None, False)]
        *most, last = LOAD_BALANCER_SPEC
        ways = f"{', '.join(most)} and {last}"
        if len(given) > 1:
            raise InvalidArgument(f"Give at most one of {ways}; {' and '.join(given)} are given.")
        if not given:
            without = _numbers(entry for entry in entries or () if entry.load_balancer_id is None)
            if entries is None or without:
                named = f" {and_more(without)} has no load_balancer_id of its own." if without else ""
                raise InvalidArgument(f"No load balancer is chosen; give one of {ways}.{named}")
            return cls()
        (option,) = given
        if option == "all_load_balancers":
            return cls(option)
        if option == TAGS_OPTION:
            return cls(option, tags=parse_tags(params[option]))
        values = params[option] if isinstance(params[option], list) else [params[option]]
        if not values:
            raise InvalidArgument(f"{option} is an empty list; give at least one load balancer, or leave it out.")
        kind = "ID" if "_id" in option else "exact name"
        texts = tuple(dict.fromkeys(_check_value(option, value, kind) for value in values))
        if kind != "ID":
            return cls(option, names=texts)
        _check_among(entries or (), texts, option)
        return cls(option, ids=texts)


@dataclass(frozen=True)
class Request:
    """The options of a task, without those of the connection.

    :param entries: of ``targets``; None where none are given, which means all that is bound or remembered.
    :param state: ``read`` where nothing is to be written.
    """

    choice: Choice
    entries: tuple[Entry, ...] | None
    timeout: int
    state: str = "read"
    purge: bool = False
    min_healthy: int = 0
    wait: bool = True
    wait_for_health: bool = False
    wait_timeout: int = 300
    restore_file: str | None = None
    return_targets: bool = True
    health: bool = False
    settings: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def restores(self) -> bool:
        """The state is ``restored``."""
        return self.state == "restored"

    @property
    def binds(self) -> bool:
        """The task puts bindings in place, and takes away only by `purge` and weight 0."""
        return self.state in ("present", "restored")

    @classmethod
    def parse(cls, params: Mapping[str, Any]) -> Request:
        """Check the options of the module ``targets``.

        :raises InvalidArgument: which value is wrong, why, and what would be right.
        """
        for name, minimum in (("timeout", 1), ("wait_timeout", 1), ("min_healthy", 0)):
            check_range(params, name, minimum)
        state, raw = params["state"], params["targets"]
        if params["restore_file"] is None and state == "restored":
            raise InvalidArgument("state restored needs restore_file: the file with the former weights and tags.")
        if raw is None and state != "restored":
            raise InvalidArgument(f"targets is missing. State {state} needs it; only state restored does without.")
        if params["purge"] and state != "present":
            raise InvalidArgument(f"purge goes with state present, not with {state}; leave it out.")
        if params["wait_for_health"] and not params["wait"]:
            raise InvalidArgument("wait_for_health needs wait: true; set wait to true, or leave wait_for_health out.")
        entries = parse_entries(raw or (), selectors=state != "present")
        names = ("timeout", "state", "purge", "min_healthy", "wait", "wait_timeout", "restore_file", "return_targets")
        request = cls(
            choice=_parse_restored(params, entries) if state == "restored" else Choice.parse(params, entries),
            entries=None if raw is None else entries,
            wait_for_health=params["wait_for_health"] and state in ("present", "restored"),
            warnings=find_doubtful_tags(raw or ()),
            **{name: params[name] for name in names},
        )
        if request.choice.everywhere:
            _check_everywhere(state, entries)
        return request

    @classmethod
    def parse_query(cls, params: Mapping[str, Any]) -> Request:
        """Check the options of what only reads.

        :raises InvalidArgument: which value is wrong, why, and what would be right.
        """
        check_range(params, "timeout", 1)
        raw = params["targets"]
        entries = None if raw is None else parse_entries(raw, selectors=True)
        return cls(
            Choice.parse(params, entries),
            entries,
            params["timeout"],
            health=params["health"],
            settings=params.get("settings", False),
        )


def check_range(params: Mapping[str, Any], name: str, minimum: int) -> None:
    """Check that a number is neither too small nor larger than :data:`MAXIMA` allows.

    :raises InvalidArgument: the value is out of this range.
    """
    value, maximum = params[name], MAXIMA[name]
    if not minimum <= value <= maximum:
        problem = "small" if value < minimum else "large"
        unit = "" if name == "min_healthy" else " of seconds"
        raise InvalidArgument(
            f"{name} {printable_number(value)} is too {problem}; give a whole number{unit} from {minimum} to {maximum}."
        )


def _numbers(entries: Iterable[Entry]) -> list[str]:
    return [f"targets[{entry.number}]" for entry in entries]


def _check_everywhere(state: str, entries: Iterable[Entry]) -> None:
    if state == "present":
        raise InvalidArgument(
            "all_load_balancers goes with state absent or drained: a backend that is bound nowhere can't be found. "
            "Give load_balancer_ids or load_balancer_names."
        )
    without = _numbers(entry for entry in entries if entry.backend is None)
    if without:
        raise InvalidArgument(
            f"With all_load_balancers every entry must name a backend, and {and_more(without)} does not; "
            "give instance_id or eni_ip."
        )


def _parse_restored(params: Mapping[str, Any], selectors: Sequence[Entry]) -> Choice:
    """The restore file names the load balancers, and options only narrow."""
    if params["all_load_balancers"]:
        raise InvalidArgument(
            "all_load_balancers does not go with state restored: the restore file says which load balancers are "
            "meant. Leave it out."
        )
    tagged = _numbers(entry for entry in selectors if entry.tag)
    if tagged:
        raise InvalidArgument(
            f"{and_more(tagged)}: with state restored, a tag selects nothing. Leave tag out; the restore file "
            "says which tag comes back."
        )
    return Choice.parse(params, [entry for entry in selectors if entry.load_balancer_id is not None])


def _check_value(option: str, value: object, kind: str) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise InvalidArgument(f"{option} is empty; give the {kind} of a load balancer.")
    if not _fits(text):
        raise InvalidArgument(
            f"{option} {printable(repr(text), MAX_NAME)} can't be the {kind} of a load balancer: it is longer than "
            f"{MAX_NAME} characters, or not encodable as UTF-8."
        )
    if kind == "ID" and not _IDENTITY.fullmatch(text):
        raise InvalidArgument(
            f"{option} {printable(repr(text))} is not an ID: it may hold only letters, digits, '-' and '_', "
            "for example lb-abcd1234."
        )
    return text


def _fits(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return len(text) <= MAX_NAME


def _check_among(entries: Iterable[Entry], chosen: Sequence[str], option: str) -> None:
    foreign = [
        f"targets[{entry.number}]: load_balancer_id {entry.load_balancer_id!r}"
        for entry in entries
        if entry.load_balancer_id not in (None, *chosen)
    ]
    if foreign:
        raise InvalidArgument(
            f"{and_more(foreign)} is not {' or '.join(map(repr, chosen[:MAX_ITEMS]))}, as {option} says; leave the "
            "entries of other load balancers out, or choose these load balancers too."
        )


def parse_tags(raw: Mapping[Any, Any]) -> Tags:
    """Check the option ``load_balancer_tags``.

    :raises InvalidArgument: there is no tag, or a key or value is no text.
    """
    if not raw:
        raise InvalidArgument(f"{TAGS_OPTION} is empty; give at least one tag, such as env: prod, or leave it out.")
    tags: Tags = {}
    for key, given in raw.items():
        name, shown = _tag_text(key, "a key"), printable(repr(key), MAX_NAME)
        values = given if isinstance(given, (list, tuple)) else [given]
        if not values:
            raise InvalidArgument(f"{TAGS_OPTION}: the list of {shown} is empty; give a value.")
        checked = [_tag_text(value, f"the value of {shown}", may_be_empty=True) for value in values]
        tags[name] = tuple(dict.fromkeys(checked))
    return tags


def _tag_text(value: object, what: str, *, may_be_empty: bool = False) -> str:
    if not isinstance(value, str):
        raise InvalidArgument(
            f"{TAGS_OPTION}: {what} is {printable(repr(value), MAX_NAME)}, which is no text; put it in quotes. "
            "A value is a text, or a list of texts."
        )
    if not value and not may_be_empty:
        raise InvalidArgument(f"{TAGS_OPTION}: {what} is empty; give the name of a tag.")
    if not _fits(value):
        raise InvalidArgument(
            f"{TAGS_OPTION}: {what}, {printable(repr(value), MAX_NAME)}, is longer than {MAX_NAME} characters, or not "
            "encodable as UTF-8."
        )
    return str(value)
