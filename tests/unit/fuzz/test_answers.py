# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every node of every answer is replaced by something odd: the task acts as before, or fails and says why."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from .cases import CASES
from .fuzzing import Case, Change, changes_of, run
from .meanings import READ, WRITTEN, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .fuzzing import AlteredCloud, Outcome

SEED = 20260101
SAMPLE = 60


def every_change(cloud: AlteredCloud) -> list[Change]:
    return [change for number, (_, answer) in enumerate(cloud.answers) for change in changes_of(number, answer)]


def complaint(case: Case, action: str, change: Change, whole: Outcome, outcome: Outcome) -> str | None:
    """What is wrong with how a task with a changed answer ended; None where nothing is."""
    if outcome.trouble is not None:
        return outcome.trouble
    if outcome.failure is not None or (outcome.meaning, outcome.bindings) == (whole.meaning, whole.bindings):
        return None
    meanings = WRITTEN if case.kind == "targets" else READ
    if kind_of(change) in meanings.get(action, {}).get(change.pattern, ()):
        return None
    return "it acts otherwise, and says nothing"


def complaints(case: Case, cloud: AlteredCloud, whole: Outcome, changes: Iterable[Change]) -> list[str]:
    found = []
    for change in changes:
        action = cloud.answers[change.call][0]
        said = complaint(case, action, change, whole, run(case, change)[0])
        if said is not None:
            found.append(f"{case.name}, call {change.call}, {action} {change.pattern} = {change.what}: {said}")
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_sample_of_changed_answers(case):
    whole, cloud = run(case)
    assert whole.trouble is None
    again = run(case)[0]
    assert again._replace(failure=whole.failure) == whole, "a task goes the same way each time"

    changes = random.Random(SEED).sample(every_change(cloud), SAMPLE)
    assert complaints(case, cloud, whole, changes) == []


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_changed_answers(case):
    whole, cloud = run(case)
    found = complaints(case, cloud, whole, every_change(cloud))

    assert found[:20] == [], len(found)
