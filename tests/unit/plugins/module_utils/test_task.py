# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.clb import Clb
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import (
    ConnectionFailed,
    InvalidArgument,
    Refused,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.threads import Finished
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks import info as _targets_info
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.balancers import (
    Chosen,
    TaskResult,
    Warnings,
    as_clb_error,
    read_healths,
    values_of,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.choice import (
    check_load_balancers,
    choose,
    means_several,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.info import run_info

from ..builders import Raw, http, rule, target, tcp
from ..fake_cloud import refusal
from ..fake_fleet import PARAMS, FakeFleet

HOST: Raw = {"instance_id": "ins-1"}


def region() -> FakeFleet:
    return FakeFleet.of(
        {
            "lb-1": [tcp("lbl-1", 443, target("ins-1"), target("ins-2", weight=0))],
            "lb-2": [http("lbl-2", 80, rule("loc-2", "a", target("ins-1")))],
            "lb-3": [tcp("lbl-3", 444, target("ins-3"))],
        }
    )


def test_equal_warnings_come_once_with_at_most_five_ids_in_the_order_in_which_they_came() -> None:
    warnings = Warnings()
    for number in range(7):
        warnings.add(["One.", "One."], f"lb-{number}")
    warnings.add(["Two.", "Of none."])
    warnings.add(["Two."], "lb-1")
    assert warnings.all(several=True) == (
        "One. (lb-0, lb-1, lb-2, lb-3, lb-4 and 2 more)",
        "Two. (lb-1)",
        "Of none.",
    )
    assert warnings.all(several=False) == ("One.", "Two.", "Of none.")


@pytest.mark.parametrize(
    "options, several",
    [
        ({"load_balancer_id": "lb-1"}, False),
        ({"load_balancer_name": "name-lb-1"}, False),
        ({"load_balancer_ids": ["lb-1"]}, True),
        ({"load_balancer_names": ["name-lb-1"]}, True),
        ({"all_load_balancers": True}, True),
        ({}, True),
    ],
)
def test_several_are_meant_by_the_option_and_not_by_the_count(options: Raw, several: bool) -> None:
    assert means_several({**PARAMS, **options}) is several


@pytest.mark.parametrize(
    "options, entries, words",
    [
        ({}, None, "No load balancer is chosen; give one of load_balancer_id, "),
        ({}, [HOST], "targets[0] has no load_balancer_id of its own"),
        ({}, [{**HOST, "load_balancer_id": "lb-1"}, HOST], "targets[1] has no load_balancer_id of its own"),
        (
            {"load_balancer_id": "lb-1", "all_load_balancers": True},
            [],
            "load_balancer_id and all_load_balancers are given",
        ),
        ({"load_balancer_ids": ["lb-1"], "load_balancer_names": ["x"]}, [], "Give at most one of"),
        ({"load_balancer_ids": []}, [], "load_balancer_ids is an empty list"),
        ({"load_balancer_names": []}, [], "load_balancer_names is an empty list"),
        ({"load_balancer_ids": ["lb-1", " "]}, [], "load_balancer_ids is empty; give the ID"),
        ({"load_balancer_names": [""]}, [], "load_balancer_names is empty; give the exact name"),
        ({"load_balancer_name": " "}, [], "load_balancer_name is empty; give the exact name"),
        ({"load_balancer_ids": ["lb 1"]}, [], "load_balancer_ids 'lb 1' is not an ID"),
        ({"load_balancer_id": "lb-é"}, [], "is not an ID"),
        (
            {"load_balancer_ids": ["lb-1", "lb-2"]},
            [{**HOST, "load_balancer_id": "lb-3"}],
            "targets[0]: load_balancer_id 'lb-3' is not 'lb-1' or 'lb-2', as load_balancer_ids says",
        ),
    ],
)
def test_how_load_balancers_may_not_be_chosen(options: Raw, entries: list[Raw] | None, words: str) -> None:
    parsed = None if entries is None else parse_entries(entries, selectors=True)
    with pytest.raises(InvalidArgument) as caught:
        check_load_balancers({**PARAMS, **options}, parsed)
    assert words in caught.value.message


@pytest.mark.parametrize(
    "options, entries, expected",
    [
        ({"load_balancer_id": " lb-2 "}, [], [Chosen("lb-2")]),
        ({"load_balancer_name": "name-lb-2"}, [], [Chosen("lb-2", "name-lb-2")]),
        ({"load_balancer_ids": ["lb-2", " lb-1", "lb-2"]}, [], [Chosen("lb-2"), Chosen("lb-1")]),
        (
            {"load_balancer_names": ["name-lb-3", "name-lb-1 ", "name-lb-3"]},
            [],
            [Chosen("lb-3", "name-lb-3"), Chosen("lb-1", "name-lb-1")],
        ),
        (
            {"all_load_balancers": True},
            [],
            [Chosen(f"lb-{number}", f"name-lb-{number}", listed=True) for number in (1, 2, 3)],
        ),
        (
            {},
            [{**HOST, "load_balancer_id": "lb-3"}, {**HOST, "load_balancer_id": "lb-1"}],
            [Chosen("lb-3"), Chosen("lb-1")],
        ),
        ({}, [], []),
    ],
)
def test_the_chosen_ones_come_once_in_the_order_chosen(
    options: Raw, entries: list[Raw], expected: list[Chosen]
) -> None:
    parsed = parse_entries(entries, selectors=True)
    check_load_balancers({**PARAMS, **options}, parsed)
    assert choose(region().connection(), {**PARAMS, **options}, parsed) == expected


def test_a_listing_of_the_region_asks_for_those_with_backends_oldest_first_and_no_classic_ones() -> None:
    fleet = region()
    choose(fleet.connection(), {**PARAMS, "all_load_balancers": True}, ())
    ((action, asked),) = fleet.calls
    assert action == "DescribeLoadBalancers"
    assert {key: asked[key] for key in ("WithRs", "Forward", "OrderType")} == {
        "WithRs": 1,
        "Forward": 1,
        "OrderType": 0,
    }


@pytest.mark.parametrize("names", [["name-lb-1", "name-lb"], ["name-lb-1", "no"]])
def test_each_name_must_be_that_of_exactly_one(names: list[str]) -> None:
    with pytest.raises(InvalidArgument, match=f"has the name '{names[1]}'.*Check load_balancer_names and region"):
        choose(region().connection(), {**PARAMS, "load_balancer_names": names}, ())


@pytest.mark.parametrize("count, one_by_one, calls", [(1, True, 1), (30, False, 1), (31, False, 2), (31, True, 32)])
def test_health_is_read_for_up_to_30_in_one_call_and_one_by_one_where_that_is_refused(
    count: int, one_by_one: bool, calls: int
) -> None:
    identities = [f"lb-{number}" for number in range(count)]
    fleet = FakeFleet.of({one: [tcp(f"lbl-{one}", 443, target("ins-1"))] for one in identities})
    if one_by_one:
        fleet.emulator.configure(limits={"health_load_balancers": 1}, codes={"length": "FailedOperation"})
    healths = read_healths(Clb(fleet), identities)
    assert [health.value is not None and len(health.value.index) > 0 for health in healths] == [True] * count
    assert fleet.count("DescribeTargetHealth") == calls


@pytest.mark.parametrize("code, calls", [("AuthFailure.TokenFailure", 1), ("UnauthorizedOperation", 4)])
def test_health_that_is_refused_for_each_is_an_error_of_each(code: str, calls: int) -> None:
    fleet = region()
    fleet.emulator.add_faults({**refusal(code), "action": "DescribeTargetHealth", "times": -1})
    errors = [health.error for health in read_healths(Clb(fleet), list(fleet.clouds))]
    assert [isinstance(error, Refused) and error.code for error in errors] == [code] * 3
    assert fleet.count("DescribeTargetHealth") == calls


def test_an_error_of_this_collection_becomes_one_that_results_can_carry() -> None:
    known, bug = ConnectionFailed("can't connect"), KeyError("oops")
    assert as_clb_error(known) is known
    converted = as_clb_error(bug)
    assert (converted.code, converted.__cause__) == ("UnexpectedAnswer", bug)
    assert "please report it: KeyError: 'oops'" in converted.message
    with pytest.raises(ConnectionFailed):
        values_of([Finished(1), Finished(error=known), Finished(error=bug)])
    assert values_of([Finished(1), Finished(2)]) == [1, 2]


# -- the same for what only reads


def info(monkeypatch: pytest.MonkeyPatch, fleet: FakeFleet, **options: Any) -> TaskResult:
    monkeypatch.setattr(_targets_info, "connect", lambda *_args: fleet.connection())
    return run_info({**PARAMS, "targets": None, "health": False, **options}, {})


def bound_at(done: TaskResult) -> list[tuple[str, str]]:
    return [(one["load_balancer_id"], one["instance_id"]) for one in done.result["targets"]]


def test_a_region_is_asked_where_a_host_is(monkeypatch: pytest.MonkeyPatch) -> None:
    done = info(monkeypatch, region(), all_load_balancers=True, targets=[HOST], health=True)
    assert (done.failure, done.warnings) == (None, ())
    assert bound_at(done) == [("lb-1", "ins-1"), ("lb-2", "ins-1")]
    assert done.result["load_balancer_id"] is None
    assert done.result["load_balancers"][0] == {
        "load_balancer_id": "lb-1",
        "load_balancer_name": "name-lb-1",
        "bound": 2,
        "serving": 1,
        "healthy": 2,
    }
    assert {one["load_balancer_id"] for one in done.result["listeners"]} == {"lb-1", "lb-2"}


def test_an_id_that_none_of_them_has_is_a_warning_and_selects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    done = info(monkeypatch, region(), load_balancer_ids=["lb-1", "lb-2"], targets=[{"listener_id": "lbl-3"}])
    assert (done.failure, done.result["targets"]) == (None, [])
    assert done.warnings == ("targets[0]: none of the load balancers has a listener 'lbl-3'. It selects nothing.",)


@pytest.mark.parametrize("chosen", [{"load_balancer_ids": ["lb-1", "lb-3"]}, {"load_balancer_id": "lb-1"}])
def test_names_that_contradict_an_id_are_an_error_that_says_where(monkeypatch: pytest.MonkeyPatch, chosen: Raw) -> None:
    done = info(monkeypatch, region(), targets=[{"listener_id": "lbl-1", "listener_port": 9}], **chosen)
    assert "listener_port 9 contradicts the ID beside it" in (done.failure or "")
    assert ("1 of 2 load balancers failed. lb-1: " in (done.failure or "")) is ("load_balancer_ids" in chosen)


def test_what_a_selector_names_and_is_not_there_is_warned_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    selector = {"listener_port": 9, "listener_protocol": "UDP"}
    done = info(monkeypatch, region(), load_balancer_ids=["lb-1", "lb-3"], targets=[selector])
    assert done.warnings == ("targets[0]: there is no UDP listener on port 9. It selects nothing. (lb-1, lb-3)",)
    # In a whole region, a selector matches where it matches.
    assert info(monkeypatch, region(), all_load_balancers=True, targets=[selector]).warnings == ()


def test_an_id_that_its_own_load_balancer_lacks_is_a_warning_in_a_whole_region(monkeypatch: pytest.MonkeyPatch) -> None:
    selectors = [{"load_balancer_id": "lb-1", "listener_id": "lbl-3", "instance_id": "ins-1"}, HOST]
    done = info(monkeypatch, region(), all_load_balancers=True, targets=selectors)
    assert done.warnings == ("targets[0]: lb-1 has no listener 'lbl-3'. It selects nothing.",)


@pytest.mark.parametrize("count", [1, 3])
def test_one_that_is_deleted_before_its_health_is_read_is_left_out(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    fleet = region()
    for number in range(1, count + 1):
        gone = {"change": "delete_load_balancer", "with": {"load_balancer_id": f"lb-{number}"}}
        fleet.emulator.add_events({**gone, "action": "DescribeTargets", "after_calls": 3})
    done = info(monkeypatch, fleet, all_load_balancers=True, health=True)
    assert [one["load_balancer_id"] for one in done.result["left_out"]] == [f"lb-{n}" for n in range(1, count + 1)]
    if count == 3:
        assert "No load balancer could be read." in (done.failure or "")
        return
    assert (done.failure, bound_at(done)) == (None, [("lb-2", "ins-1"), ("lb-3", "ins-3")])
