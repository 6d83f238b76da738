# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.members import ENTRIES, ENTRY, TARGETS, Capacity
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.batches import batches
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import Change, ChangeKind

from ...builders import backend, pool, rows


def changes(kind, sizes, rules=1):
    """Changes of one kind, so many on each listener, spread over so many rules of it."""
    return [
        Change(
            kind,
            pool(f"lbl-{listener}", f"loc-{listener}-{number % rules}" if rules > 1 else None),
            backend(f"10.2.{number // 250}.{number % 250}"),
            80,
            weight=5 if kind is ChangeKind.WEIGHT else None,
            tag="x" if kind is ChangeKind.TAG else None,
        )
        for listener, size in enumerate(sizes)
        for number in range(size)
    ]


def entries_of(call, size=50):
    """How many entries of ModifyList a call takes."""
    return sum(-(-count // size) for count in Counter(one.pool.key for one in call).values())


def listeners_of(call):
    return {one.pool.listener_id for one in call}


def pieces(calls):
    """In how many pieces the listeners are sent; as many as listeners where none is split."""
    return sum(len(listeners_of(call)) for call in calls)


@pytest.mark.parametrize("kind", ChangeKind)
@rows("sizes, calls", ([], 0), ([1], 1), ([499], 1), ([500], 1), ([501], 2), ([1000], 2), ([1203], 3), ([10] * 50, 1))
def test_calls_are_filled_to_500_targets(kind, sizes, calls):
    sent = batches(changes(kind, sizes))
    assert (len(sent), sum(map(len, sent))) == (calls, sum(sizes))


@rows(
    "sizes, rules, calls",
    # 100 entries of ModifyList in a call, whatever is in them
    ([1] * 100, 1, 1),
    ([1] * 101, 1, 2),
    ([1] * 1000, 1, 10),
    # 50 targets in an entry: 51 of one listener are two entries
    ([50] * 10, 1, 1),
    ([51] * 9 + [41], 1, 1),
    # each rule is an entry of its own
    ([50], 50, 1),
    ([101], 101, 2),
    ([50] * 3, 50, 2),
)
def test_weights_also_keep_to_100_entries_of_50_targets(sizes, rules, calls):
    sent = batches(changes(ChangeKind.WEIGHT, sizes, rules))
    assert len(sent) == calls
    assert max(entries_of(call) for call in sent) <= 100
    for kind in (ChangeKind.REGISTER, ChangeKind.TAG, ChangeKind.DEREGISTER):
        assert len(batches(changes(kind, sizes, rules))) == -(-sum(sizes) // 500)


@rows("kind", ChangeKind.REGISTER, ChangeKind.WEIGHT)
@given(sizes=st.lists(st.integers(1, 160), max_size=16), rules=st.sampled_from([1, 2, 7, 40]))
def test_calls_keep_the_limits_cover_everything_once_and_are_the_fewest(kind, sizes, rules):
    all_of_them = changes(kind, sizes, rules)
    sent = batches(all_of_them)
    assert all(0 < len(call) <= 500 for call in sent)
    assert Counter(one for call in sent for one in call) == Counter(all_of_them)
    minimum = -(-len(all_of_them) // 500)
    if kind is ChangeKind.WEIGHT:
        assert all(entries_of(call) <= 100 for call in sent)
        # Splitting a place over two calls can take one entry more, so the bound is not always attainable.
        minimum = max(minimum, -(-entries_of(all_of_them) // 100))
        assert minimum <= len(sent) <= minimum + 1
        return
    assert len(sent) == minimum
    # Cutting one long row of all listeners at every 500 splits no more than this.
    assert pieces(sent) <= max(len(sizes) + len(sent) - 1, 0)


@given(st.lists(st.sampled_from([125, 250, 500, 25, 5, 1]), min_size=1, max_size=16))
def test_listeners_that_fit_whole_are_never_split(sizes):
    # Of sizes that divide each other, the biggest first always fit whole into the fewest calls.
    sent = batches(changes(ChangeKind.REGISTER, sizes))
    assert pieces(sent) == len(sizes)


@rows(
    "sizes, calls, splits",
    ([300, 300], 2, 0),
    ([300, 200, 300, 200], 2, 0),
    ([400, 100, 300, 200], 2, 0),
    ([260, 240, 250, 250], 2, 0),
    ([10] * 100, 2, 0),
    ([334, 333, 333], 2, 1),
    # A listener goes where least room is left, and what fits nowhere to where most is.
    ([150, 300, 300, 400, 350], 3, 1),
    ([350, 350, 300], 2, 1),
)
def test_a_listener_is_split_only_where_that_saves_a_call(sizes, calls, splits):
    sent = batches(changes(ChangeKind.REGISTER, sizes))
    assert (len(sent), pieces(sent)) == (calls, len(sizes) + splits)


@rows("kind, rules", (ChangeKind.REGISTER, 1), (ChangeKind.WEIGHT, 100))
def test_a_listener_bigger_than_a_call_is_split_into_the_fewest_pieces(kind, rules):
    assert list(map(len, batches(changes(kind, [1203], rules)))) == [500, 500, 203]


class Small(Capacity):
    """Limits that were learnt."""

    def __init__(self, targets, entries, entry):
        super().__init__()
        self._limits["BatchModifyTargetWeight"] = {TARGETS: targets, ENTRIES: entries, ENTRY: entry}


@given(st.lists(st.integers(1, 6), max_size=6), st.sampled_from([(5, 3, 2), (10, 2, 5)]))
def test_small_limits_hold_too(sizes, limits):
    wanted = changes(ChangeKind.WEIGHT, sizes)
    sent = batches(wanted, Small(*limits))
    assert Counter(one for call in sent for one in call) == Counter(wanted)
    assert all(0 < len(call) <= limits[0] and entries_of(call, limits[2]) <= limits[1] for call in sent)
