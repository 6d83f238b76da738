# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every node of every answer is replaced by something odd: the task acts as before, or fails and says why."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from .fuzz_cases import CASES
from .fuzz_meanings import READ, WRITTEN, kind_of
from .fuzzing import Bench, Case, Change, Recording, changes_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .fuzzing import Outcome

SEED = 20260101
SAMPLE = 60
MINIMUM = 80_000
"""Answers that the whole of it changes."""


@pytest.fixture
def bench(tmp_path) -> Iterator[Bench]:
    tmp_path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        yield Bench(patch, str(tmp_path))


def every_change(recording: Recording) -> list[Change]:
    return [change for number, call in enumerate(recording.calls) for change in changes_of(number, call.answer)]


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


def complaints(bench: Bench, case: Case, recording: Recording, whole: Outcome, changes: Iterable[Change]) -> list[str]:
    found = []
    for change in changes:
        action = recording.calls[change.call].action
        said = complaint(case, action, change, whole, bench.run(case, recording, change))
        if said is not None:
            found.append(f"{case.name}, call {change.call}, {action} {change.pattern} = {change.what}: {said}")
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_sample_of_changed_answers(bench, case):
    recording, whole = bench.record(case)
    assert whole.trouble is None
    assert bench.run(case, recording) == whole, "the recording is the cloud's"

    changes = random.Random(SEED).sample(every_change(recording), SAMPLE)
    assert complaints(bench, case, recording, whole, changes) == []


@pytest.mark.long
def test_all_changed_answers(bench):
    total, found = 0, []
    for case in CASES:
        recording, whole = bench.record(case)
        changes = every_change(recording)
        found += complaints(bench, case, recording, whole, changes)
        total += len(changes)

    assert found[:20] == [], len(found)
    assert total >= MINIMUM, total
