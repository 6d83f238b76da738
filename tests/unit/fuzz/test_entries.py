# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dry runs with something odd in an entry or an option: they succeed, or say which key is wrong."""

from __future__ import annotations

import datetime
import random
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from .cases import PAIR, SHOP, Raw, world
from .fuzzing import BY_ANSIBLE, MISSING, ODDITIES, Case, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

VALUES: dict[str, Any] = {
    **{name: value for name, value in ODDITIES.items() if name != "surrogate"},
    # A text with many digits takes minutes to convert.
    "date": datetime.date(2026, 1, 1),
    "infinity": float("inf"), "65536": 65536, "10**4000": 10**4000, "many digits": "9" * 5000, "minus": "-1",
    "fraction": "8080.5", "exponent": "1e3", "hexadecimal": "0x50", "other digits": "\u0668\u0660",
    "two IDs": "ins-1,ins-2", "two IDs with a space": "ins-1 ins-2", "slash": "../etc/passwd",
    "expression": "{{ lookup('pipe', 'id') }}", "network": "10.0.0.0/8", "half an address": "10.0.0",
    "octal address": "010.0.0.1", "IPv6": "2001:DB8::1", "mapped": "::ffff:10.0.0.1", "scoped": "fe80::1%eth0",
    "combining": "e\u0301\u0301\u0301", "emoji": "\U0001f600", "keys": {"instance_id": "ins-1", "port": 80},
}  # fmt: skip
"""What YAML can hold and Ansible can send to a module."""

NOT_FOR_OPTIONS = ("10**4000", "many digits", "infinity")
"""What stops in Ansible, which converts the options before a module has them."""

ENTRIES: tuple[Raw, ...] = (
    {"listener_id": "lbl-1", "instance_id": "ins-1", "port": 8080, "weight": 10, "tag": "blue"},
    {"listener_port": 443, "listener_protocol": "TCP", "eni_ip": "10.9.9.9", "port": 8080, "weight": 0},
    {"location_id": "loc-lbl-2", "instance_id": "ins-4", "port": 8080},
    {"listener_port": 80, "domain": "shop.example.com", "url": "/", "ip": "10.0.0.3", "port": 80, "tag": "green"},
    {"listener_id": "lbl-1", "instance_id": "ins-5", "port": 80, "load_balancer_id": "lb-1", "region": "ap-guangzhou"},
)
KEYS = (
    "listener_id", "listener_port", "listener_protocol", "location_id", "domain", "url", "instance_id", "eni_ip",
    "ip", "port", "weight", "tag", "load_balancer_id", "load_balancer_name", "region", "protocol", "instance_name",
    "healthy", "unheard_of",
)  # fmt: skip
TASKS: dict[str, Raw] = {
    "present": {"load_balancer_id": "lb-1"},
    "purge": {"load_balancer_id": "lb-1", "purge": True},
    "absent": {"load_balancer_id": "lb-1", "state": "absent", "min_healthy": 1},
    "drained": {"load_balancer_id": "lb-1", "state": "drained"},
    "several": {"load_balancer_ids": ["lb-1", "lb-2"], "state": "absent"},
    "everywhere": {"all_load_balancers": True, "state": "drained"},
}
OPTIONS = (
    "targets", "state", "purge", "min_healthy", "wait", "wait_for_health", "wait_timeout", "load_balancer_id",
    "load_balancer_name", "load_balancer_ids", "load_balancer_names", "load_balancer_tags", "all_load_balancers",
    "secret_id", "secret_key", "token", "profile", "role_arn", "role_session_name", "role_session_duration",
    "region", "endpoint", "sts_endpoint", "timeout", "ca_path", "unheard_of",
)  # fmt: skip
ALONE = {option for option in OPTIONS if "load_balancer" in option}


class Odd(NamedTuple):
    """A dry run with an odd value of this name at a key of an entry, in an option, or as a whole entry (empty)."""

    where: str
    what: str
    case: Case


def odd_entries() -> Iterator[Odd]:
    """Every key of every entry with every odd value, in every task; alone, and behind a sound entry."""
    for task, options in TASKS.items():
        scenario = world(SHOP) if "load_balancer_id" in options else world(SHOP, PAIR[1])
        for entry in ENTRIES:
            for key in KEYS:
                odd = {name: {**entry, key: value} for name, value in VALUES.items()}
                odd[MISSING] = {name: value for name, value in entry.items() if name != key}
                for what, changed in odd.items():
                    yield Odd(key, what, _dry_run(task, scenario, {**options, "targets": [changed]}))
        for what, value in VALUES.items():
            yield Odd("", what, _dry_run(task, scenario, {**options, "targets": [ENTRIES[0], value]}))
            yield Odd("", what, _dry_run(task, scenario, {**options, "targets": value}))


def odd_options() -> Iterator[Odd]:
    """Every option with every odd value, and in a list."""
    for task, options in TASKS.items():
        scenario = world(SHOP) if "load_balancer_id" in options else world(SHOP, PAIR[1])
        for option in OPTIONS:
            others = {"targets": [ENTRIES[4]], **options}
            if option in ALONE:
                others = {name: value for name, value in others.items() if name not in ALONE}
            for what, value in VALUES.items():
                if what in NOT_FOR_OPTIONS:
                    continue
                yield Odd(option, what, _dry_run(task, scenario, {**others, option: value}))
                within: Any = {"env": value} if option == "load_balancer_tags" else [value]
                yield Odd(option, f"one with {what}", _dry_run(task, scenario, {**others, option: within}))


def _dry_run(task: str, scenario: Raw, options: Raw) -> Case:
    return Case(task, "targets", scenario, options, check=True)


SEED = 20260102
SAMPLE = 500
MAX_MESSAGE = 4000
SECRETS = ("secret_id", "secret_key", "token", "profile")
_UNKNOWN = re.compile(r"targets\[\d\]: there is no (?:\S+ )?(?:listener|rule)|matches no")
"""How a message names an ID, a port or a protocol that nothing on the load balancer has."""


def complaint(odd: Odd) -> str | None:
    """What is wrong with how a dry run ended; None where nothing is."""
    outcome, _ = run(odd.case)
    if outcome.trouble is not None:
        return outcome.trouble
    if outcome.failure is None or outcome.code == "GuardRefused":
        return None
    # Only the cloud knows its roles and regions.
    known = {"role_arn": "ResourceNotFound.RoleNotFound", "region": "InvalidParameter.RegionNotFound"}
    known.update(dict.fromkeys(SECRETS, "CredentialsNotFound"))
    if outcome.code not in ("InvalidArgument", known.get(odd.where)):
        return f"{outcome.code}: {outcome.failure}"
    if len(outcome.failure) > MAX_MESSAGE and not BY_ANSIBLE.match(outcome.failure):
        return f"a message of {len(outcome.failure)} characters"
    if odd.where not in outcome.failure and not _UNKNOWN.search(outcome.failure):
        return f"{odd.where} is not named: {outcome.failure}"
    return None


def complaints(odds: Iterable[Odd]) -> list[str]:
    return [
        f"{odd.case.name}, {odd.where or 'an entry'} = {odd.what}: {found[:300]}"
        for odd in odds
        if (found := complaint(odd)) is not None
    ]


@pytest.mark.parametrize("odds", [odd_entries, odd_options])
def test_a_sample_of_odd_entries_and_options(odds):
    assert complaints(random.Random(SEED).sample(list(odds()), SAMPLE)) == []


@pytest.mark.long
@pytest.mark.parametrize("odds, minimum", [(odd_entries, 28_000), (odd_options, 10_000)])
def test_all_odd_entries_and_options(odds, minimum):
    every = list(odds())

    assert complaints(every)[:20] == []
    assert len(every) >= minimum, len(every)
