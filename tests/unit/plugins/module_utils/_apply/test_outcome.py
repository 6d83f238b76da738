# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.ledger import NOT_ATTEMPTED, Failure, Ledger
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.outcome import Ending, foresee, refuse
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import GuardRefused, WaitTimeout
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.plan import plan_rest

from ...builders import plan_for, refused, snapshot, target, tcp, want
from ...fake_cloud import Clock

if TYPE_CHECKING:
    from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.outcome import Outcome
    from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import Change
    from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import Snapshot

EMPTY = snapshot(tcp("lbl-1", 443, target("ins-1", weight=7)))
ONE = snapshot(tcp("lbl-1", 443, target("ins-1", weight=7), target("ins-2")))
BOTH = snapshot(tcp("lbl-1", 443, target("ins-1", weight=7), target("ins-2"), target("ins-3")))
PLAN = plan_for([want("lbl-1", "ins-2"), want("lbl-1", "ins-3")], EMPTY)
SECOND, THIRD = PLAN.changes
NO = Failure("InvalidParameter", "no such host", "BatchRegisterTargets", "r-9")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(Clock().now)


def end(ledger: Ledger, last: Snapshot, **known: Any) -> Outcome:
    ledger.observe(last)
    rest = plan_rest(PLAN, last, ledger.finished)
    return Ending(plan=PLAN, rest=rest, ledger=ledger, **{"held": {}, **known}).outcome()


def codes(outcome: Outcome) -> dict[Change, str]:
    return {change: failure.code for change, failure in outcome.failures.items()}


def test_all_that_was_sent_and_shows_is_done(ledger: Ledger) -> None:
    ledger.accept([SECOND, THIRD], "r-1")
    outcome = end(ledger, BOTH)
    assert (list(outcome.done), outcome.failures, outcome.error) == ([SECOND, THIRD], {}, None)
    assert (outcome.accepted, outcome.request_ids, outcome.unknown) == (True, ("r-1",), frozenset())


def test_what_somebody_else_has_done_is_neither_done_nor_missing(ledger: Ledger) -> None:
    outcome = end(ledger, BOTH)
    assert (outcome.done, outcome.failures, outcome.accepted, outcome.error) == ({}, {}, False, None)


def test_an_error_that_left_nothing_missing_is_none(ledger: Ledger) -> None:
    ledger.accept([SECOND, THIRD], "r-1")
    assert end(ledger, BOTH, error=WaitTimeout("time is up")).error is None
    guard = GuardRefused("too few")
    assert end(ledger, BOTH, error=guard).error is guard


def test_the_error_is_the_first_reason_that_is_not_a_consequence(ledger: Ledger) -> None:
    ledger.accept([SECOND], "r-1")
    ledger.reject([THIRD], NO)
    outcome = end(ledger, EMPTY)
    assert codes(outcome) == {SECOND: "WaitTimeout", THIRD: "InvalidParameter"}
    ledger = Ledger(Clock().now)
    ledger.reject([THIRD], NO)
    outcome = end(ledger, EMPTY)
    assert codes(outcome) == {SECOND: NOT_ATTEMPTED, THIRD: "InvalidParameter"}
    assert outcome.error is not None
    assert (outcome.error.code, outcome.error.request_id) == ("InvalidParameter", "r-9")


def test_what_kept_a_task_waiting_is_the_reason_of_what_it_did_not_send(ledger: Ledger) -> None:
    busy = refused("FailedOperation.ResourceInOperating", "it is busy")
    outcome = end(ledger, EMPTY, error=WaitTimeout("time is up", last=busy))
    assert set(codes(outcome).values()) == {"FailedOperation.ResourceInOperating"}


def test_of_what_cannot_be_read_nothing_is_claimed(ledger: Ledger) -> None:
    ledger.accept([SECOND], "r-1")
    outcome = end(ledger, EMPTY, error=WaitTimeout("time is up"), readable=False)
    assert outcome.unknown == {SECOND}
    assert codes(outcome) == {THIRD: NOT_ATTEMPTED}
    assert outcome.done == {}


def test_without_waiting_what_was_accepted_counts_and_what_is_in_doubt_does_not(ledger: Ledger) -> None:
    ledger.accept([SECOND], "r-1")
    ledger.doubt([THIRD], NO)
    outcome = end(ledger, EMPTY, assumed=True)
    assert (list(outcome.done), outcome.unknown, outcome.predicted) == ([SECOND], {THIRD}, True)


def test_a_pool_that_is_gone_is_the_reason(ledger: Ledger) -> None:
    outcome = end(ledger, snapshot(tcp("lbl-2", 80)))
    assert {failure.message for failure in outcome.failures.values()} == {"TCP:443 (lbl-1) no longer exists."}


def test_a_dry_run_foresees_every_change_and_a_refusal_none() -> None:
    dry, no = foresee(PLAN), refuse(PLAN, GuardRefused("too few"), "Not sent.")
    assert (list(dry.done), dry.predicted, dry.accepted) == ([SECOND, THIRD], True, True)
    assert (no.done, no.accepted, set(codes(no).values())) == ({}, False, {NOT_ATTEMPTED})
