# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings import recalled, remembered
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import Change, ChangeKind
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries

from ...builders import http, plan_for, rows, rule, snapshot, target, tcp

NOW = 1_790_000_000.0
ENTRY = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "instance_id": "ins-1", "port": 80}


def held(*entries):
    """What a file holds; each entry is ENTRY with these keys."""
    return remembered.parse_remembered([{**ENTRY, **entry} for entry in entries])


def cloud(weight=10, tag="", **more):
    return snapshot(
        tcp("lbl-1", 443, target("ins-1", 80, weight, tag, **more), target("10.9.0.2")),
        http("lbl-2", 80, rule("loc-1", "A.example.com", target("ins-1"))),
    )


def bound(weight, tag="", **more):
    return cloud(weight, tag, **more).bindings[("lbl-1", None)][0]


def former(binding, **asked):
    return remembered.Former("lb-1", binding, **asked)


def said(items):
    """The weights and tags of entries."""
    return [(item.entry.weight, item.entry.tag) for item in items]


@rows(
    "old, now, asked, then",
    # Nothing is remembered yet.
    (None, (100, "a"), {"weight": 0}, (100, "a")),
    (None, (0, "a"), {"removed": True}, (0, "a")),
    (None, (100, "a"), {"weight": 100, "tag": "b"}, (100, "a")),
    # What serves replaces its entry, what has weight 0 does not.
    ((100, "a"), (10, "b"), {"weight": 0}, (10, "b")),
    ((100, "a"), (10, "b"), {"removed": True}, (10, "b")),
    ((100, "a"), (10, "a"), {"tag": "b"}, (10, "a")),
    ((0, "a"), (50, "b"), {"weight": 0}, (50, "b")),
    ((0, "b"), (50, "b"), {"weight": 0}, (50, "b")),
    ((100, "a"), (0, "b"), {"removed": True}, (100, "a")),
    ((100, "a"), (0, "b"), {"tag": "c"}, (100, "a")),
    ((100, "a"), (0, "a"), {"weight": 50}, (100, "a")),
    # A task that brings back what is remembered needs no other memory.
    ((100, "a"), (10, "b"), {"weight": 100, "tag": "a"}, (100, "a")),
    ((100, "a"), (10, "a"), {"weight": 100}, (100, "a")),
    ((1, "a"), (10, "a"), {"weight": 1}, (1, "a")),
    ((100, "a"), (10, "b"), {"weight": 100}, (10, "b")),
    ((100, None), (10, "b"), {"weight": 100}, (100, None)),
    ((100, None), (10, "b"), {"weight": 100, "tag": "c"}, (10, "b")),
    ((None, None), (10, "b"), {"tag": "c"}, (10, "b")),
    ((100, "a"), (100, "b"), {"removed": True}, (100, "b")),
    # What is asked for and in place already may be the work of a run that was killed.
    ((100, "a"), (50, "a"), {"weight": 50, "tag": "b"}, (100, "a")),
    ((100, "a"), (100, "b"), {"weight": 50, "tag": "b"}, (100, "a")),
    ((0, "a"), (50, "a"), {"weight": 50, "tag": "b"}, (50, "a")),
)
def test_what_replaces_what(old, now, asked, then):
    file = held() if old is None else held({"weight": old[0], "tag": old[1], "remembered": "2026-01-01T00:00:00Z"})
    entries, written = remembered.remember(file, [former(bound(*now), **asked)], {}, NOW)
    assert said(entries) == [then]
    (mine,) = written.values()
    assert mine.entry == entries[0]
    if mine.own:
        assert entries[0].raw["remembered"] == "2026-09-21T14:13:20Z"
    # Not done in the end: the file is as it was. Done, and taken out by another task: put back.
    assert remembered.settle(entries, written, set(), (), NOW) == list(file)
    done = set(written)
    assert said(remembered.settle([], written, done, (), NOW)) == [then]
    # Done, and newer than what others have read before it was done.
    (after,) = remembered.settle(entries, written, done, (), NOW)
    assert said([after]) == [then]
    assert (after.raw != entries[0].raw) == mine.own
    # Done, and another task has remembered more since: that stays.
    newer = held({"weight": 3, "tag": "z"})
    assert remembered.settle(newer, written, done, (), NOW) == list(newer)
    assert remembered.settle(newer, written, set(), (), NOW) == list(newer)


def test_a_binding_is_found_by_any_of_its_names():
    file = held(
        {"listener_id": None, "listener_port": 443, "listener_protocol": "tcp", "instance_id": None, "ip": "10.1.0.1"},
        {"listener_id": None, "listener_port": 80, "domain": "a.Example.com", "url": "/"},
        {"load_balancer_id": "lb-2"},
        {"port": 81},
        {"instance_id": "ins-2"},
    )
    rule_binding = cloud().bindings[("lbl-2", "loc-1")][0]
    entries, _written = remembered.remember(file, [former(bound(9)), former(rule_binding)], {}, NOW)
    assert said(entries) == [(9, ""), (10, ""), (None, None), (None, None), (None, None)]


def test_what_a_task_has_written_itself_stays_its_own():
    before = former(bound(100), weight=0)
    entries, mine = remembered.remember(held({"weight": 7}), [before], {}, NOW)
    # Again before a later call: younger, and what it replaced at first is not forgotten.
    entries, again = remembered.remember(entries, [before], mine, NOW + 9.75)
    assert said(entries) == [(100, "")]
    assert entries[0].at == NOW + 9
    assert said(remembered.settle(entries, again, set(), (), NOW)) == [(7, None)]
    # Another task has replaced it meanwhile: that one is not forgotten.
    other = held({"weight": 5})
    assert remembered.settle(*remembered.remember(other, [before], again, NOW + 10), set(), (), NOW) == list(other)
    # Somebody else has set another weight since; then somebody has drained it.
    entries, again = remembered.remember(entries, [former(bound(30), weight=0)], again, NOW + 10)
    entries, again = remembered.remember(entries, [former(bound(0), removed=True)], again, NOW + 20)
    assert (said(entries), entries[0].at) == ([(30, "")], NOW + 20)
    assert said(remembered.settle(entries, again, set(), (), NOW)) == [(7, None)]


def test_what_is_taken_out_is_the_very_entry_that_was_read():
    read = held({"weight": 100, "remembered": "2026-01-01T00:00:00Z"}, {"instance_id": "ins-2"})
    assert remembered.settle(read, {}, (), read[:1], NOW) == [read[1]]
    newer = held({"weight": 100, "remembered": "2026-01-01T00:00:01Z"})
    assert remembered.settle(newer, {}, (), read[:1], NOW) == list(newer)
    # What the task itself brings back is not put back.
    entries, mine = remembered.remember(read[:1], [former(bound(0), weight=100)], {}, NOW)
    assert remembered.settle(entries, mine, set(mine), read[:1], NOW) == []
    assert remembered.settle([], mine, set(mine), read[:1], NOW) == []


def test_an_entry_is_younger_than_the_one_that_it_replaces_and_the_registration_of_its_binding():
    file = held({"weight": 100, "remembered": "2026-09-21T14:13:20Z"})
    entries, _written = remembered.remember(file, [former(bound(10), weight=0)], {}, NOW)
    assert entries[0].raw["remembered"] == "2026-09-21T14:13:21Z"
    registered = "2026-09-21T15:00:00Z"
    (item,), mine = remembered.remember((), [former(bound(10, RegisteredTime=registered))], {}, NOW)
    (after,) = remembered.settle([item], mine, set(mine), (), NOW)
    assert item.at == remembered.seconds_of(registered) < after.at


def test_what_is_remembered_of_changes():
    now = cloud(100, "a")
    wishes = [{**ENTRY, "weight": 50, "tag": "b"}, {**ENTRY, "instance_id": "ins-7"}]
    made = plan_for(wishes, now)
    changed = [(change, change.before) for change in made.changes]
    (only,) = remembered.formers("lb-1", {}, changed)
    assert (only.key, only.weight, only.removed) == (("lb-1", bound(1).identity), 50, False)
    removal = Change(ChangeKind.DEREGISTER, only.binding.pool, only.binding.backend, 80, before=only.binding)
    assert remembered.formers("lb-1", {}, [(removal, only.binding)])[0].removed
    # Nothing is remembered of a binding that is made, nor of one that the task itself has made before.
    kinds = {change.kind: change for change in made.changes}
    made_before = [(kinds.pop(ChangeKind.REGISTER), only.binding), *((change, None) for change in kinds.values())]
    assert (remembered.formers("lb-1", {}, made_before), bool(kinds)) == ([], True)


@rows(
    "value, problem",
    ({"a": 1}, "it holds a dictionary, not a list of entries"),
    (None, "it holds None, not a list"),
    ("x", "it holds 'x', not a list"),
    ([1], "targets[0]: 1 is not a dictionary"),
    ([[]], "targets[0]: a list is not a dictionary"),
    ([{**ENTRY, "load_balancer_id": None}], "targets[0]: load_balancer_id is missing"),
    ([ENTRY, {**ENTRY, "listener_id": None}], "targets[1]: no listener is named"),
    ([{**ENTRY, "wieght": 1}], "'wieght' is not a key"),
    ([{**ENTRY, "remembered": "yesterday"}], "targets[0]: remembered 'yesterday' is not a time in UTC"),
    ([{**ENTRY, "remembered": 5}], "targets[0]: remembered 5 is not a time in UTC"),
    ([{**ENTRY, "weight": 1}, {**ENTRY, "weight": 2}], "targets[0] and targets[1] name the same binding"),
)
def test_what_is_no_restore_file(value, problem):
    with pytest.raises(InvalidArgument) as caught:
        remembered.parse_remembered(value)
    assert problem in caught.value.message


@rows("text, seconds",
    ("1970-01-01T00:01:00Z", 60), ("1970-01-01T00:01:00.250000Z", 60.25), (" 1970-01-01 00:01:00 ", 60),
    ("1970-01-01T08:01:00+08:00", 60), ("", None), ("soon", None), (None, None), (60, None),
)  # fmt: skip
def test_times(text, seconds):
    assert remembered.seconds_of(text) == seconds


SEVERAL = {"PrivateIpAddresses": ["10.9.0.2", "10.9.0.3"]}


@rows(
    "selector, first, read, unread",
    ({"instance_id": "ins-1"}, "01", "0", "0"),
    ({"ip": "10.1.0.1"}, "01234", "0", "0"),  # read on any load balancer
    ({"ip": "10.9.0.2"}, "01234", "1", "134"),  # whose else it is, nobody knows
    ({"ip": "10.9.0.3"}, "01234", "1", "34"),  # another address of the same interface
    ({"ip": "10.1.0.9"}, "01234", "2", "2"),  # not bound there, but elsewhere
    ({"instance_id": "ins-9"}, "12", "2", "2"),
    ({"ip": "10.1.0.8"}, "01234", "", "34"),
    ({"instance_id": "ins-8"}, "13", "3", "3"),
    ({"listener_port": 443}, "01234", "0123", "01234"),
    ({"listener_port": 444}, "01234", "", "01234"),
    ({"listener_port": 80, "domain": "a.example.com"}, "01234", "4", "01234"),
    ({"listener_id": "lbl-1", "port": 81}, "", "", ""),
    ({"listener_id": "lbl-2", "load_balancer_id": "lb-1"}, "4", "4", "4"),
    ({"listener_id": "lbl-2", "load_balancer_id": "lb-2"}, "", "", ""),
    ({"location_id": "loc-1"}, "01234", "4", "01234"),
    ({"url": "/x", "instance_id": "ins-1"}, "01", "", "0"),
)
def test_selectors_of_what_is_remembered(selector, first, read, unread):
    items = held(
        {},
        {"instance_id": None, "ip": "10.9.0.2"},
        {"instance_id": "ins-9"},
        {"instance_id": "ins-8"},
        {"listener_id": "lbl-2", "location_id": "loc-1", "instance_id": "ins-4"},
    )
    now = snapshot(
        tcp("lbl-1", 443, target("ins-1"), target("10.9.0.2", **SEVERAL)),
        http("lbl-2", 80, rule("loc-1", "a.example.com")),
    )
    others = recalled.other_names([now, snapshot(tcp("lbl-9", 1, target("ins-9")))])
    (entry,) = parse_entries([selector], selectors=True)
    assert "".join(str(item.entry.number) for item in items if recalled.may_match(entry, item)) == first
    found = [str(one.item.entry.number) for one in recalled.locate(items, now) if recalled.matches(entry, one, others)]
    assert "".join(found) == read
    assert "".join(str(item.entry.number) for item in items if recalled.can_match(entry, item, others)) == unread


def test_entries_whose_place_is_gone_or_can_not_be_told():
    items = held(
        {"listener_id": "lbl-9"},
        {"listener_id": "lbl-2", "location_id": "loc-9"},
        {"listener_id": "lbl-2"},
        {"location_id": "loc-1"},
        {"listener_id": "lbl-1", "listener_port": 444},
    )
    found = recalled.locate(items, cloud())
    assert [one.gone for one in found] == [True, True, False, False, False]
    assert not any(one.in_place for one in found)
    assert [(one.problem or "").partition(" ")[0] for one in found[2:]] == ["HTTP:80", "listener_id", "listener_port"]
    # A selector by name can't mean what is gone.
    selectors = parse_entries([{"listener_port": 443}, {"listener_id": "lbl-9"}], selectors=True)
    assert [[recalled.matches(one, each, {}) for each in found].count(True) for one in selectors] == [0, 1]


@rows(
    "entry, now, registered, other",
    ({"ip": "10.9.0.2"}, "10.9.0.2", "2026-01-01T00:00:00Z", ""),
    ({"ip": "10.9.0.2"}, "10.9.0.2", "2026-01-01 00:00:01", "it was bound at 2026-01-01 00:00:01"),
    ({"ip": "10.9.0.2"}, "10.9.0.2", "some day", ""),
    ({"ip": "10.9.0.2", "remembered": None}, "10.9.0.2", "2026-09-09T00:00:01Z", ""),
    ({"ip": "10.1.0.5"}, "ins-5", "2025-01-01T00:00:00Z", "it is ins-5 now"),
    ({"instance_id": "ins-5"}, "ins-5", "2026-09-09T00:00:01Z", ""),
    ({"ip": "10.9.0.9"}, "10.9.0.2", "2026-09-09T00:00:01Z", ""),
)
def test_an_address_that_is_another_machine_now(entry, now, registered, other):
    items = held({"instance_id": None, "remembered": "2026-01-01T00:00:00Z", **entry})
    (found,) = recalled.locate(items, snapshot(tcp("lbl-1", 443, target(now, RegisteredTime=registered))))
    assert (found.other_machine or "").startswith(other)
    assert bool(found.other_machine) == bool(other)


def test_what_is_back_in_place():
    items = held({"weight": 10, "tag": ""}, {"instance_id": None, "ip": "10.9.0.2", "weight": 11})
    wishes = [{**ENTRY, "instance_id": None, "ip": "10.1.0.1"}, {**ENTRY, "instance_id": None, "ip": "10.9.0.2"}]
    now = cloud()
    assert [one.item for one in recalled.find_back(items, plan_for(wishes, now), now)] == [items[0]]
    assert recalled.find_back(items, plan_for(wishes[1:], now), now) == []
    assert recalled.find_back(items, plan_for(wishes, now), cloud(10, "b")) == []
    # Without weight and tag, bound is enough.
    assert recalled.find_back(held({}), plan_for(wishes, now), cloud(77, "b"))
