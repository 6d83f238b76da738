# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.ledger import (
    LAST_DOUBT,
    MAX_SENDS,
    SETTLE_SECONDS,
    Done,
    Failure,
    Ledger,
    Pending,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import ChangeKind

from ...builders import change, pool, register, snapshot, target, tcp
from ...fake_cloud import Clock

if TYPE_CHECKING:
    from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import Change
    from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import Snapshot

BEFORE = snapshot(tcp("lbl-1", 443, target("ins-1", weight=7, tag="blue")), tcp("lbl-2", 444))
AFTER = snapshot(tcp("lbl-1", 443, target("ins-8", weight=5)), tcp("lbl-2", 444))
(BOUND,) = BEFORE.all_bindings()
NEW = register("ins-8", weight=5)
GONE = change(ChangeKind.DEREGISTER, BOUND)
BOTH = [NEW, GONE]
NO = Failure("InvalidParameter", "no such host")
TASK = Failure("TaskFailed", "it failed")
LOST = Failure("InternalError", "backend engine down", "BatchRegisterTargets", "r-2")
NAMED = Failure("FailListenerIdSet", "port conflict")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Ledger:
    return Ledger(clock.now)


def later(ledger: Ledger, clock: Clock, seconds: float) -> None:
    """Read after some seconds: nothing has changed."""
    clock.sleep(seconds)
    ledger.observe(BEFORE)


def test_of_what_was_never_sent_nothing_is_known(ledger: Ledger) -> None:
    assert [ledger.verdict(one) for one in BOTH] == [None, None]
    assert all(map(ledger.may_send, BOTH))
    assert not any(map(ledger.was_sent, BOTH))
    ledger.observe(AFTER)
    # In place, and not by this task.
    assert [ledger.verdict(one) for one in BOTH] == [None, None]
    assert (ledger.accepted, ledger.finished, ledger.pending(), list(ledger.sent())) == (False, set(), [], [])


def test_accepted_is_pending_until_a_read_shows_it(ledger: Ledger) -> None:
    ledger.accept(BOTH, "r-1")
    assert [ledger.verdict(one) for one in BOTH] == [Pending(in_doubt=False)] * 2
    assert (ledger.accepted, ledger.request_ids, ledger.pending()) == (True, ["r-1"], BOTH)
    assert not any(map(ledger.may_send, BOTH))
    assert list(ledger.sent()) == BOTH
    ledger.observe(BEFORE)
    assert ledger.pending() == BOTH
    ledger.observe(AFTER)
    assert [ledger.verdict(one) for one in BOTH] == [Done(None), Done(BOUND)]
    assert ledger.pending() == []


def test_a_call_none_of_whose_changes_count_accepts_nothing_but_has_a_request_id(ledger: Ledger) -> None:
    ledger.accept([], "r-1")
    ledger.accept([], None)
    assert (ledger.accepted, ledger.request_ids) == (False, ["r-1"])


def test_only_losses_that_were_seen_in_place_are_finished(ledger: Ledger) -> None:
    ledger.accept(BOTH, "r-1")
    ledger.observe(BEFORE)
    assert ledger.finished == set()
    ledger.observe(AFTER)
    assert ledger.finished == {GONE.key}


def test_in_doubt_counts_as_accepted_only_when_a_read_shows_it(ledger: Ledger) -> None:
    ledger.doubt(BOTH, LOST)
    assert [ledger.verdict(one) for one in BOTH] == [Pending(in_doubt=True)] * 2
    assert (ledger.accepted, ledger.pending(), list(ledger.sent())) == (False, BOTH, BOTH)
    ledger.observe(BEFORE)
    assert not ledger.accepted
    ledger.observe(AFTER)
    assert (ledger.accepted, ledger.request_ids) == (True, [])
    assert [ledger.verdict(one) for one in BOTH] == [Done(None), Done(BOUND)]


@pytest.mark.parametrize("how", ["accepted", "in doubt"])
def test_an_absence_is_believed_once_reads_cannot_lag_any_more(ledger: Ledger, clock: Clock, how: str) -> None:
    if how == "accepted":
        ledger.accept(BOTH, "r-1")
        later(ledger, clock, 100)
        # The task may still run: nothing is overdue.
        assert (ledger.pending(), ledger.may_send(NEW)) == (BOTH, False)
        ledger.end(BOTH)
    else:
        ledger.doubt(BOTH, LOST)
    later(ledger, clock, SETTLE_SECONDS - 0.1)
    assert (ledger.pending(), ledger.may_send(NEW)) == (BOTH, False)
    later(ledger, clock, 0.1)
    assert (ledger.pending(), ledger.may_send(NEW)) == ([], True)
    # Late, but by this task.
    ledger.observe(AFTER)
    assert ledger.verdict(NEW) == Done(None)


def test_a_read_tells_of_the_moment_when_it_was_sent(ledger: Ledger, clock: Clock) -> None:
    ledger.accept(BOTH, "r-1")
    ledger.end(BOTH)
    clock.sleep(100)
    ledger.observe(BEFORE, at=1.0)
    assert ledger.pending() == BOTH


def test_the_lag_counts_from_the_first_end_of_a_task(ledger: Ledger, clock: Clock) -> None:
    ledger.accept(BOTH, "r-1")
    ledger.end(BOTH)
    later(ledger, clock, 3)
    ledger.end(BOTH)
    later(ledger, clock, 2)
    assert ledger.pending() == []


def test_a_change_is_sent_three_times_at_most(ledger: Ledger, clock: Clock) -> None:
    for sends in range(1, MAX_SENDS + 1):
        assert ledger.may_send(NEW)
        ledger.accept([NEW], f"r-{sends}")
        ledger.end([NEW])
        later(ledger, clock, SETTLE_SECONDS)
    assert not ledger.may_send(NEW)
    # The same change planned from another snapshot is the same change.
    assert not ledger.may_send(register("ins-8", weight=5))
    assert ledger.may_send(register("ins-8", weight=6))


def test_the_last_call_in_doubt_is_waited_for_longer_since_no_busy_can_tell_of_its_task(
    ledger: Ledger, clock: Clock
) -> None:
    for number in range(MAX_SENDS):
        assert ledger.may_send(NEW), number
        ledger.doubt([NEW], LOST)
        later(ledger, clock, SETTLE_SECONDS)
    assert ledger.in_doubt()
    assert ledger.pending() == [NEW]
    later(ledger, clock, (LAST_DOUBT - 1) * SETTLE_SECONDS)
    assert (ledger.in_doubt(), ledger.pending()) == (False, [])


def test_what_was_confirmed_and_is_missing_again_may_be_sent_again(ledger: Ledger) -> None:
    ledger.accept([NEW], "r-1")
    ledger.observe(AFTER)
    assert ledger.may_send(NEW)


@pytest.mark.parametrize("first_sent", [True, False])
def test_rejected_is_final_and_not_sent_again(ledger: Ledger, clock: Clock, first_sent: bool) -> None:
    if first_sent:
        ledger.accept([NEW], "r-1")
        ledger.end([NEW])
        later(ledger, clock, SETTLE_SECONDS)
    ledger.reject([NEW], NO)
    later(ledger, clock, 100)
    assert (ledger.verdict(NEW), ledger.may_send(NEW), ledger.pending()) == (NO, False, [])
    assert ledger.was_sent(NEW) is first_sent
    # Somebody else did it.
    ledger.observe(AFTER)
    assert ledger.verdict(NEW) == NO
    assert ledger.accepted is first_sent


def test_what_is_rejected_after_a_call_in_doubt_may_still_show(ledger: Ledger, clock: Clock) -> None:
    """The call in doubt can be why the next one is refused, for example by a full quota."""
    ledger.doubt([NEW], LOST)
    later(ledger, clock, SETTLE_SECONDS)
    ledger.reject([NEW], NO)
    assert (ledger.verdict(NEW), ledger.may_send(NEW), ledger.pending()) == (NO, False, [NEW])
    later(ledger, clock, (LAST_DOUBT - 1) * SETTLE_SECONDS - 0.1)
    assert ledger.pending() == [NEW]
    ledger.observe(AFTER)
    assert (ledger.verdict(NEW), ledger.accepted, ledger.pending()) == (Done(None), True, [])


def test_once_no_call_follows_a_doubt_lasts_longer(ledger: Ledger, clock: Clock) -> None:
    ledger.doubt([NEW], LOST)
    later(ledger, clock, SETTLE_SECONDS)
    assert ledger.pending() == []
    ledger.close()
    assert ledger.pending() == [NEW]
    later(ledger, clock, (LAST_DOUBT - 1) * SETTLE_SECONDS)
    assert ledger.pending() == []


def test_what_a_read_has_shown_is_not_rejected_any_more(ledger: Ledger) -> None:
    ledger.accept([NEW], "r-1")
    ledger.observe(AFTER)
    ledger.reject([NEW], NO)
    assert ledger.verdict(NEW) == Done(None)


def test_what_a_failed_task_did_is_done_and_the_rest_has_failed(ledger: Ledger, clock: Clock) -> None:
    ledger.accept(BOTH, "r-1")
    ledger.end(BOTH)
    ledger.fail(BOTH, TASK)
    assert [ledger.verdict(one) for one in BOTH] == [TASK, TASK]
    assert ledger.pending() == BOTH
    ledger.observe(snapshot(tcp("lbl-1", 443, target("ins-1"), target("ins-8", weight=5))))
    assert [ledger.verdict(one) for one in BOTH] == [Done(None), TASK]
    later(ledger, clock, SETTLE_SECONDS)
    assert ledger.pending() == []
    assert not ledger.may_send(GONE)


def test_a_failed_task_changes_nothing_of_a_listener_that_was_named(ledger: Ledger) -> None:
    ledger.accept([], "r-1")
    ledger.name([NEW], NAMED)
    ledger.fail([NEW], TASK)
    assert ledger.verdict(NEW) == NAMED


ON_TWO = [register("ins-8", pool("lbl-2")), register("ins-9", pool("lbl-2"))]
PARTLY = snapshot(tcp("lbl-1", 443), tcp("lbl-2", 444, target("ins-8")))


def test_a_named_listener_has_failed_unless_a_read_shows_a_part_of_it(ledger: Ledger, clock: Clock) -> None:
    ledger.accept([], "r-1")
    ledger.name(ON_TWO, NAMED)
    assert [ledger.verdict(one) for one in ON_TWO] == [NAMED, NAMED]
    assert (ledger.accepted, ledger.waits_for_named(), ledger.pending()) == (False, True, ON_TWO)
    ledger.observe(BEFORE)
    assert ledger.waits_for_named()
    later(ledger, clock, SETTLE_SECONDS)
    ledger.observe(BEFORE)
    assert not ledger.waits_for_named()
    assert [ledger.verdict(one) for one in ON_TWO] == [NAMED, NAMED]
    assert not any(map(ledger.may_send, ON_TWO))
    assert ledger.cleared == set()


def test_of_a_named_listener_of_which_a_part_shows_the_rest_is_sent_again(ledger: Ledger) -> None:
    ledger.accept([], "r-1")
    ledger.name([*ON_TWO, NEW], NAMED)
    ledger.observe(PARTLY)
    # Sent by this task and in place: a part of a call can have been applied, whatever was answered.
    assert isinstance(ledger.verdict(ON_TWO[0]), Done)
    assert ledger.may_send(ON_TWO[1])
    assert ledger.cleared == {"lbl-2"}
    # Of the other listener nothing shows.
    assert (ledger.verdict(NEW), ledger.may_send(NEW), ledger.waits_for_named()) == (NAMED, False, True)
    assert not ledger.accepted


def test_the_binding_before_is_that_of_the_last_plan_before_the_write_that_took_effect(
    ledger: Ledger, clock: Clock
) -> None:
    def drain(bound: Snapshot) -> Change:
        (found,) = bound.all_bindings()
        return change(ChangeKind.WEIGHT, found, weight=0)

    first, second = drain(BEFORE), drain(snapshot(tcp("lbl-1", 443, target("ins-1", weight=9))))
    ledger.accept([first], "r-1")
    ledger.end([first])
    later(ledger, clock, SETTLE_SECONDS)
    ledger.accept([second], "r-2")
    found = ledger.before(first)
    assert found is not None
    assert found.weight == 9
    ledger.observe(snapshot(tcp("lbl-1", 443, target("ins-1", weight=0))))
    # It has taken effect: what a later call finds is this task's own doing, or a rival's.
    ledger.accept([first], "r-3")
    assert ledger.before(first) == found


@pytest.mark.parametrize("first", [ChangeKind.WEIGHT, ChangeKind.TAG])
def test_what_this_task_has_written_to_a_binding_is_not_its_state_before(
    ledger: Ledger, clock: Clock, first: ChangeKind
) -> None:
    """One call shows late and is sent again: the newest read then shows what the other call did."""
    wanted = {ChangeKind.WEIGHT: {"weight": 9}, ChangeKind.TAG: {"tag": "red"}}
    second = ChangeKind.TAG if first is ChangeKind.WEIGHT else ChangeKind.WEIGHT
    late = change(first, BOUND, **wanted[first])
    shown = change(second, BOUND, **wanted[second])
    ledger.accept([late], "r-1")
    ledger.accept([shown], "r-2")
    ledger.end([late, shown])
    half = snapshot(tcp("lbl-1", 443, target("ins-1", **{"weight": 7, "tag": "blue", **wanted[second]})))
    ledger.observe(half)
    later(ledger, clock, SETTLE_SECONDS)
    (bound,) = half.all_bindings()
    ledger.accept([change(first, bound, **wanted[first])], "r-3")
    ledger.observe(snapshot(tcp("lbl-1", 443, target("ins-1", weight=9, tag="red"))))
    assert [ledger.verdict(one) for one in (late, shown)] == [Done(BOUND), Done(BOUND)]


def test_the_state_before_is_what_somebody_else_wrote_in_between(ledger: Ledger, clock: Clock) -> None:
    ledger.accept([change(ChangeKind.TAG, BOUND, tag="red")], "r-1")
    (bound,) = snapshot(tcp("lbl-1", 443, target("ins-1", weight=7, tag="green"))).all_bindings()
    weight = change(ChangeKind.WEIGHT, bound, weight=9)
    ledger.accept([weight], "r-2")
    assert ledger.before(weight) == bound


def test_a_loss_that_was_taken_back_is_neither_done_nor_failed(ledger: Ledger) -> None:
    ledger.accept(BOTH, "r-1")
    ledger.observe(AFTER)
    ledger.revert([GONE])
    assert ledger.reverted == {GONE.key}
    assert [ledger.verdict(one) for one in BOTH] == [Done(None), None]
    assert ledger.was_sent(GONE)
