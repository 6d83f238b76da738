# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dry runs with something odd in an entry or an option: they succeed, or say which key is wrong."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest

from .entries import Odd, odd_entries, odd_options
from .fuzzing import BY_ANSIBLE, run

if TYPE_CHECKING:
    from collections.abc import Iterable

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
