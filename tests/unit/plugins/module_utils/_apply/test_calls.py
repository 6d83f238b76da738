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
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.bisect import Cause, find_causes
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
    ([430, 200, 200, 60, 50, 50], 2, 0),
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


def test_only_full_entries_begin_new_ones():
    assert [len(call) for call in batches(changes(ChangeKind.WEIGHT, [12]), Small(12, 2, 4))] == [8, 4]


@given(st.lists(st.integers(1, 6), max_size=6), st.sampled_from([(5, 3, 2), (10, 2, 5)]))
def test_small_limits_hold_too(sizes, limits):
    wanted = changes(ChangeKind.WEIGHT, sizes)
    sent = batches(wanted, Small(*limits))
    assert Counter(one for call in sent for one in call) == Counter(wanted)
    assert all(0 < len(call) <= limits[0] and entries_of(call, limits[2]) <= limits[1] for call in sent)


# -- the cause of a refused call


BAD, QUOTA, LONG = "bad member", "quota", "too long"


class Door:
    """Lets groups through that hold nobody bad and no full listener, and are not too large.

    A member is called listener and number: ``a1``.
    """

    def __init__(self, bad="", full="", most=1000, closed=False):
        self.bad, self.full, self.most, self.closed = bad.split(), full.split(), most, closed
        self.asked = []
        self.through = []
        self.largest = 0

    def send(self, group):
        self.asked.append(list(group))
        if len(group) > self.most:
            return LONG
        if any(one[0] in self.full for one in group):
            return QUOTA
        if self.closed or any(one in self.bad for one in group):
            return BAD
        self.through += group
        self.largest = max(self.largest, len(group))
        return None

    def split(self, group, refusal):
        """By listeners first; a quota goes no further than that."""
        listeners = sorted({one[0] for one in group})
        if len(listeners) > 1:
            left = listeners[: len(listeners) // 2]
            return [one for one in group if one[0] in left], [one for one in group if one[0] not in left]
        if len(group) == 1 or refusal == QUOTA:
            return None
        return group[: len(group) // 2], group[len(group) // 2 :]

    def are_alike(self, one, other):
        return one == other

    def may_be_size(self, group, refusal):
        return refusal == LONG and len(group) > self.largest

    def find(self, members, skip_halves=False):
        """What is found, each with its members as one text."""
        refusal = self.send(members)
        assert refusal is not None
        found = find_causes(members, refusal, self, ask_alone=refusal != QUOTA, skip_halves=skip_halves)
        return [(one.cause, " ".join(one.members), one.refusal) for one in found]


def numbered(amount):
    return [f"a{number}" for number in range(amount)]


@rows(
    "group, bad, full, expected",
    ("a1", "a1", "", [("a1", BAD)]),
    ("a1 a2", "a2", "", [("a2", BAD)]),
    ("a1 a2 b1 b2", "a1 b2", "", [("a1", BAD), ("b2", BAD)]),
    ("a1 a2 b1 b2", "a1 a2 b1 b2", "", [("a1", BAD), ("a2", BAD), ("b1", BAD), ("b2", BAD)]),
    ("a1 a2 b1 b2", "", "b", [("b1 b2", QUOTA)]),
    ("a1 a2 b1 b2 c1", "c1", "a", [("a1 a2", QUOTA), ("c1", BAD)]),
    ("a1 a2 b1 b2", "a1", "a", [("a1 a2", QUOTA)]),
    ("a1 a2 b1 b2 c1 c2", "", "a b c", [("a1 a2", QUOTA), ("b1 b2", QUOTA), ("c1 c2", QUOTA)]),
)
def test_culprits_are_found_with_the_answer_to_them_alone(group, bad, full, expected):
    door = Door(bad, full)
    members = group.split()
    assert door.find(members) == [(Cause.MEMBERS, *one) for one in expected]
    culprits = [one for found, _ in expected for one in found.split()]
    assert sorted(door.through) == sorted(set(members) - set(culprits))


def test_a_refusal_that_does_not_come_again_names_nobody():
    for members in (["a1", "a2", "b1"], numbered(20)):
        door = Door()
        assert list(find_causes(members, BAD, door, ask_alone=True, skip_halves=False)) == []
        assert sorted(door.through) == sorted(members)
    # Another refusal than before is followed.
    (found,) = find_causes(["a1", "b1", "b2"], QUOTA, Door("b1"), ask_alone=False, skip_halves=False)
    assert (found.members, found.refusal) == (["b1"], BAD)
    # Halves that are refused in different words are searched each by itself.
    members = [*numbered(5), "b0", "b1", "b2", "b3", "b4"]
    found = next(find_causes(members, BAD, Door(full="a", closed=True), ask_alone=True, skip_halves=False))
    assert (found.members, found.refusal) == (numbered(5), QUOTA)
    # Four members or fewer are simply halved.
    for amount in (1, 2, 3, 4):
        assert Door(closed=True).find(numbered(amount)) == [(Cause.MEMBERS, one, BAD) for one in numbered(amount)]


@rows("amount, alone", (5, "a0 a3 a4"), (6, "a1 a4 a5"), (7, "a1 a5 a3"), (16, "a3 a13 a9"), (500, "a93 a406 a281"))
def test_five_calls_show_that_no_member_is_the_cause(amount, alone):
    door = Door(closed=True)
    members = numbered(amount)
    assert door.find(members) == [(Cause.NO_MEMBER, " ".join(members), BAD)]
    assert len(door.asked) <= 6
    door.asked.clear()
    assert door.find(members, skip_halves=True) == [(Cause.NO_MEMBER, " ".join(members), BAD)]
    assert door.asked == [members, *([one] for one in alone.split())]


def test_a_half_of_one_member_is_not_sent_again():
    for members in (["a0", "b0", "b1", "b2", "b3", "b4"], [*numbered(5), "b0"]):
        door = Door(closed=True)
        assert door.find(members)[0][0] is Cause.NO_MEMBER
        alone = [one for one, *others in door.asked if not others]
        assert len(alone) == len({*alone}) == 3


@rows("skip_halves", True, False)
@rows("amount", 5, 6, 9, 20)
def test_any_two_bad_ones_are_found_though_they_are_refused_in_the_same_words(amount, skip_halves):
    members = numbered(amount)
    for number, one in enumerate(members):
        for other in members[number:]:
            door = Door(f"{one} {other}")
            found = door.find(members, skip_halves=skip_halves)
            assert {(cause, names) for cause, names, _words in found} == {(Cause.MEMBERS, one), (Cause.MEMBERS, other)}
            assert sorted(door.through) == sorted({*members} - {one, other})
            assert max(door.asked.count([one]) for one in members) <= 1
            assert sum(map(len, door.asked)) - len(door.through) < 8 * amount


@rows("most", 499, 300, 250, 120, 3, 1)
def test_a_call_that_is_only_too_large_is_told_by_its_parts(most):
    door = Door(most=most)
    found = next(find_causes(numbered(500), LONG, door, ask_alone=True, skip_halves=False))
    assert (found.cause, found.refusal) == (Cause.SIZE, LONG)
    assert set(found.members) <= set(door.through)
    assert most // 2 <= max(len(group) for group in door.asked if len(group) <= most) <= most


def test_what_is_too_long_alone_is_to_blame_itself():
    class Fussy(Door):
        def send(self, group):
            return LONG if super().send(group) else None

    for bad in ("a0", "a1", "a250", "a499", "a0 a499", "a1 a2 a3"):
        door = Fussy(bad)
        found = door.find(numbered(500))
        assert sorted(names for cause, names, _words in found if cause is Cause.MEMBERS) == bad.split()
        assert all(cause is Cause.MEMBERS for cause, _names, _words in found)
        assert len(door.asked) <= 40
    door = Fussy("a1")
    assert (door.find(["a0", "a1"]), door.asked) == ([(Cause.MEMBERS, "a1", LONG)], [["a0", "a1"], ["a0"], ["a1"]])


def test_one_culprit_among_many_takes_twice_the_logarithm_and_a_caller_can_stop():
    members = numbered(512)
    for bad in members[::37]:
        door = Door(bad)
        assert door.find(members) == [(Cause.MEMBERS, bad, BAD)]
        assert len(door.asked) <= 2 * 9 + 2
    # What holds one for certain is not sent again as a whole.
    door = Door("a0 a5")
    assert [names for _cause, names, _words in door.find(numbered(6))] == ["a0", "a5"]
    assert len(door.asked) <= 9
    door = Door("a1 b1")
    assert next(find_causes(["a1", "a2", "b1", "b2"], BAD, door, ask_alone=True, skip_halves=False)).members == ["a1"]
    assert not any("b1" in group for group in door.asked)


@given(
    # A call without anybody bad is not refused.
    st.lists(st.booleans(), min_size=1, max_size=40).filter(any),
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from([BAD, QUOTA, LONG]), max_size=30),
    st.booleans(),
)
def test_all_bad_ones_are_named_and_nobody_is_sent_after_getting_through(spoils, random, kinds, ask_alone):
    """With any split that ends at single members, and answers of any kind."""
    group, bad = list(range(len(spoils))), {number for number, one in enumerate(spoils) if one}
    through, answers = set(), iter(kinds)

    class Trial(Door):
        def send(self, members):
            assert members
            assert through.isdisjoint(members)
            if bad.isdisjoint(members):
                through.update(members)
                return None
            return next(answers, BAD)

        def split(self, members, _refusal):
            cut = random.randint(1, len(members) - 1) if len(members) > 1 else 0
            return (members[:cut], members[cut:]) if cut else None

        def may_be_size(self, _members, refusal):
            return refusal == LONG

    found = list(find_causes(group, BAD, Trial(), ask_alone=ask_alone, skip_halves=False))
    if any(one.cause is Cause.NO_MEMBER for one in found):
        # Three single members were refused alike; of two bad ones that can't be.
        assert len(bad) > 2
        return
    named = [member for one in found if one.cause is Cause.MEMBERS for member in one.members]
    assert sorted(named) == sorted(bad)
    assert through == set(group) - bad
