# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every node of every answer is replaced by something odd: the task acts as before, or fails and says why."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from .fuzz_cases import CASES
from .fuzzing import Bench, changes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SEED = 20260101


@pytest.fixture
def bench(tmp_path) -> Iterator[Bench]:
    tmp_path.chmod(0o700)
    with pytest.MonkeyPatch.context() as patch:
        yield Bench(patch, str(tmp_path))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_sample_of_changed_answers(bench, case):
    recording, whole = bench.record(case)
    assert whole.trouble is None
    every = [change for number, call in enumerate(recording.calls) for change in changes_of(number, call.answer)]
    for change in random.Random(SEED).sample(every, 40):
        outcome = bench.run(case, recording, change)
        assert outcome.trouble is None, change
