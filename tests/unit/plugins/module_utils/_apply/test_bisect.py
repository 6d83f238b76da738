# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.bisect import find_culprits

Members = list[str]
Halves = Optional[tuple[Members, Members]]
BAD, QUOTA = "bad member", "quota"


class Door:
    """Lets groups through that hold nobody bad and no full listener; a member is called listener and number: ``a1``."""

    def __init__(self, bad: str = "", full: str = "") -> None:
        self.bad = bad.split()
        self.full = full.split()
        self.asked: list[Members] = []
        self.through: list[str] = []

    def __call__(self, group: Members) -> str | None:
        self.asked.append(list(group))
        if any(one[0] in self.full for one in group):
            return QUOTA
        if any(one in self.bad for one in group):
            return BAD
        self.through += group
        return None


def split(group: Members, refusal: str) -> Halves:
    """By listeners first; a quota goes no further than that."""
    listeners = sorted({one[0] for one in group})
    if len(listeners) > 1:
        left = listeners[: len(listeners) // 2]
        return [one for one in group if one[0] in left], [one for one in group if one[0] not in left]
    if len(group) == 1 or refusal == QUOTA:
        return None
    return group[: len(group) // 2], group[len(group) // 2 :]


@pytest.mark.parametrize(
    "group, bad, full, expected",
    [
        ("a1", "a1", "", [("a1", BAD)]),
        ("a1 a2", "a2", "", [("a2", BAD)]),
        ("a1 a2 b1 b2", "a1 b2", "", [("a1", BAD), ("b2", BAD)]),
        ("a1 a2 b1 b2", "a1 a2 b1 b2", "", [("a1", BAD), ("a2", BAD), ("b1", BAD), ("b2", BAD)]),
        ("a1 a2 b1 b2", "", "b", [("b1 b2", QUOTA)]),
        ("a1 a2 b1 b2 c1", "c1", "a", [("a1 a2", QUOTA), ("c1", BAD)]),
        ("a1 a2 b1 b2", "a1", "a", [("a1 a2", QUOTA)]),
    ],
)
def test_culprits_are_found_with_the_answer_to_them_alone(
    group: str, bad: str, full: str, expected: list[tuple[str, str]]
) -> None:
    door = Door(bad, full)
    members = group.split()
    refusal = QUOTA if full else BAD
    assert [(" ".join(found), why) for found, why in find_culprits(members, refusal, door, split)] == expected
    culprits = [one for found, _ in expected for one in found.split()]
    assert sorted(door.through) == sorted(set(members) - set(culprits))


@pytest.mark.parametrize(
    "first, bad, expected",
    [
        # The quota was that of a listener that has room by now; what is left is refused for another reason.
        (QUOTA, "b1", [(["b1"], BAD)]),
        (QUOTA, "b1 b3", [(["b1"], BAD), (["b3"], BAD)]),
        (QUOTA, "a2 b1", [(["a2"], BAD), (["b1"], BAD)]),
    ],
)
def test_a_new_refusal_of_a_smaller_group_is_split_as_far_as_that_one_allows(
    first: str, bad: str, expected: list[tuple[Members, str]]
) -> None:
    door = Door(bad)
    group = ["a1", "a2", "b1", "b2", "b3", "b4"]
    assert list(find_culprits(group, first, door, split)) == expected
    assert sorted(door.through) == sorted(set(group) - set(bad.split()))


def test_the_other_half_of_one_that_got_through_is_not_sent_as_a_whole() -> None:
    door = Door("a4")
    assert list(find_culprits(["a1", "a2", "a3", "a4"], BAD, door, split)) == [(["a4"], BAD)]
    assert door.asked == [["a1", "a2"], ["a3"], ["a4"]]


def test_a_refusal_that_does_not_come_again_names_nobody() -> None:
    door = Door()
    assert list(find_culprits(["a1", "a2", "b1"], BAD, door, split)) == []
    assert sorted(door.through) == ["a1", "a2", "b1"]


def test_culprits_come_as_they_are_found_so_that_a_caller_can_stop() -> None:
    door = Door("a1 b1")
    assert next(find_culprits(["a1", "a2", "b1", "b2"], BAD, door, split)) == (["a1"], BAD)
    assert not any("b1" in group for group in door.asked)


def test_one_culprit_among_many_takes_twice_the_logarithm() -> None:
    group = [f"a{number}" for number in range(512)]
    for bad in group[::37]:
        door = Door(bad)
        assert list(find_culprits(group, BAD, door, split)) == [([bad], BAD)]
        assert len(door.asked) <= 2 * 9 + 1


@given(
    # A call without anybody bad is not refused.
    st.lists(st.booleans(), min_size=1, max_size=40).filter(any),
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from([BAD, QUOTA]), max_size=30),
)
def test_all_bad_ones_are_named_and_nobody_is_sent_after_getting_through(
    spoils: list[bool], random: object, kinds: list[str]
) -> None:
    """With any split that ends at single members, and answers of any kind."""
    group, bad = list(range(len(spoils))), {number for number, one in enumerate(spoils) if one}
    through: set[int] = set()
    answers = iter(kinds)

    def send(members: list[int]) -> str | None:
        assert members
        assert through.isdisjoint(members)
        if bad.isdisjoint(members):
            through.update(members)
            return None
        return next(answers, BAD)

    def anywhere(members: list[int], _refusal: str) -> tuple[list[int], list[int]] | None:
        if len(members) == 1:
            return None
        cut = random.randint(1, len(members) - 1)  # type: ignore[attr-defined]  # hypothesis's Random has no public type
        return members[:cut], members[cut:]

    found = list(find_culprits(group, BAD, send, anywhere))
    named = [one for culprits, _ in found for one in culprits]
    assert sorted(named) == sorted(bad & set(group))
    assert through == set(group) - bad
