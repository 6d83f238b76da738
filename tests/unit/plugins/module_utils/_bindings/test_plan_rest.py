# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.plan import bound_meanwhile, plan_rest

from ...builders import Raw, http, ip_of, plan_for, rule, snapshot, target, tcp, told, want

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import Change
    from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.plan import Remaining


class Case(NamedTuple):
    """A plan, and what is bound to lbl-1 when it was made and now."""

    entries: list[Raw]
    first: list[Raw]
    now: list[Raw]
    finished: tuple[str, ...] = ()
    changes: tuple[Any, ...] = ()
    raised: tuple[Any, ...] = ()
    rebound: tuple[Any, ...] = ()
    options: Mapping[str, Any] = MappingProxyType({})


def rest_of(case: Case) -> Remaining:
    plan = plan_for(case.entries, snapshot(tcp("lbl-1", 443, *case.first)), **case.options)
    finished = {change.key for change in plan.losses if change.backend.address in case.finished}
    assert len(finished) == len(case.finished)
    return plan_rest(plan, snapshot(tcp("lbl-1", 443, *case.now)), finished)


def values(changes: Iterable[Change]) -> tuple[Any, ...]:
    """Kind, address, weight and tag."""
    return tuple((kind, address, weight, tag) for kind, _, _, address, _, weight, tag in told(changes))


ONE, TWO = target("ins-1"), target("ins-2")
PURGE, ABSENT, DRAINED = {"purge": True}, {"state": "absent"}, {"state": "drained"}
ALL = [{"listener_id": "lbl-1"}]

CASES = {
    # Gains: all that the newest read shows missing.
    "still missing": Case([want("lbl-1", "ins-1")], [], [], changes=(("register", "ins-1", None, None),)),
    "done by whomever": Case([want("lbl-1", "ins-1")], [], [ONE]),
    "in place at first, and unbound": Case(
        [want("lbl-1", "ins-1")], [ONE], [], changes=(("register", "ins-1", 10, None),)
    ),
    "unbound: it comes back with its weight and tag": Case(
        [want("lbl-1", "ins-1")],
        [target("ins-1", weight=7, tag="blue")],
        [],
        changes=(("register", "ins-1", 7, "blue"),),
    ),
    "unbound: what is given wins": Case(
        [want("lbl-1", "ins-1", weight=3, tag="")],
        [target("ins-1", weight=7, tag="blue")],
        [],
        changes=(("register", "ins-1", 3, ""),),
    ),
    "drained at first and unbound: it comes back drained": Case(
        [want("lbl-1", "ins-1")], [target("ins-1", weight=0)], [], changes=(("register", "ins-1", 0, None),)
    ),
    "reweighted, and no weight given": Case([want("lbl-1", "ins-1")], [ONE], [target("ins-1", weight=0)]),
    "in place at first, and reweighted": Case(
        [want("lbl-1", "ins-1", weight=10)],
        [ONE],
        [target("ins-1", weight=2)],
        changes=(("weight", "ins-1", 10, None),),
    ),
    "in place at first, and tagged": Case(
        [want("lbl-1", "ins-1", tag="")], [ONE], [target("ins-1", tag="x")], changes=(("tag", "ins-1", None, ""),)
    ),
    "bound by somebody else otherwise": Case(
        [want("lbl-1", "ins-1", weight=5)], [], [target("ins-1", weight=77)], changes=(("weight", "ins-1", 5, None),)
    ),
    # Losses: only those of the first plan, as far as they still match.
    "purge: bound meanwhile is left": Case([want("lbl-1", "ins-1")], [ONE], [ONE, TWO], options=PURGE),
    "purge: what was planned": Case(
        [want("lbl-1", "ins-1")], [ONE, TWO], [ONE, TWO], changes=(("deregister", "ins-2", None, None),), options=PURGE
    ),
    "purge: gone by itself": Case([want("lbl-1", "ins-1")], [ONE, TWO], [ONE], options=PURGE),
    "absent: bound meanwhile is left": Case(
        ALL, [ONE], [ONE, TWO], changes=(("deregister", "ins-1", None, None),), options=ABSENT
    ),
    "absent: another port is another binding": Case(
        [{"instance_id": "ins-1"}], [ONE], [target("ins-1", 81)], options=ABSENT
    ),
    "absent: it matches no more": Case(
        [{"listener_id": "lbl-1", "tag": "x"}], [target("ins-1", tag="x")], [target("ins-1", tag="y")], options=ABSENT
    ),
    "drained: gone is done": Case(ALL, [ONE], [], options=DRAINED),
    "drained: by somebody else": Case(ALL, [ONE], [target("ins-1", weight=0)], options=DRAINED),
    "drained: reweighted, and still to be drained": Case(
        ALL, [ONE], [target("ins-1", weight=50)], changes=(("weight", "ins-1", 0, None),), options=DRAINED
    ),
    "drained: drained at first and raised is left": Case(ALL, [target("ins-1", weight=0)], [ONE], options=DRAINED),
    "weight 0: what was planned": Case(
        [want("lbl-1", "ins-1", weight=0)], [ONE], [target("ins-1", weight=3)], changes=(("weight", "ins-1", 0, None),)
    ),
    # A loss that was seen in place is finished.
    "absent: bound again": Case(
        ALL, [ONE], [ONE], ("ins-1",), rebound=(("deregister", "ins-1", None, None),), options=ABSENT
    ),
    "purge: bound again": Case(
        [want("lbl-1", "ins-1")],
        [ONE, TWO],
        [ONE, TWO],
        ("ins-2",),
        rebound=(("deregister", "ins-2", None, None),),
        options=PURGE,
    ),
    "drained: raised again": Case(
        ALL, [ONE], [ONE], ("ins-1",), rebound=(("weight", "ins-1", 0, None),), options=DRAINED
    ),
    "weight 0: raised again": Case(
        [want("lbl-1", "ins-1", weight=0)], [ONE], [ONE], ("ins-1",), rebound=(("weight", "ins-1", 0, None),)
    ),
    # Weight 0 at first, and raised meanwhile.
    "weight 0: at first, and raised": Case(
        [want("lbl-1", "ins-1", weight=0)], [target("ins-1", weight=0)], [ONE], raised=(("weight", "ins-1", 0, None),)
    ),
    "weight 0: new, and bound with a weight": Case(
        [want("lbl-1", "ins-1", weight=0)], [], [ONE], raised=(("weight", "ins-1", 0, None),)
    ),
    "weight 0 and a tag: the tag is a gain": Case(
        [want("lbl-1", "ins-1", weight=0, tag="x")],
        [target("ins-1", weight=0)],
        [ONE],
        changes=(("tag", "ins-1", None, "x"),),
        raised=(("weight", "ins-1", 0, None),),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_left_of_a_plan(case: Case) -> None:
    rest = rest_of(case)
    assert (values(rest.changes), values(rest.raised), values(rest.rebound)) == (
        case.changes,
        case.raised,
        case.rebound,
    )
    assert rest.gone == ()
    # Each change is made from what is bound now.
    for change in (*rest.changes, *rest.raised, *rest.rebound):
        assert change.before == rest.snapshot.find(change.pool.key, change.backend, change.port)
    assert [*rest.gains, *rest.losses] == list(rest.changes)


def test_without_news_the_rest_is_the_plan() -> None:
    entries = [want("lbl-1", "ins-1", weight=0), want("lbl-1", ip_of("ins-2"), tag="x"), want("lbl-1", "ins-3")]
    bound = snapshot(tcp("lbl-1", 443, ONE, TWO, target("ins-4")))
    plan = plan_for(entries, bound, purge=True)
    assert plan_rest(plan, bound, set()).changes == plan.changes


def test_names_are_not_resolved_again() -> None:
    # By port and domain; both mean something else by now.
    entries = [
        {"listener_port": 443, "instance_id": "ins-1", "port": 80},
        {"domain": "a.example.com", "url": "/", "listener_port": 80, "instance_id": "ins-1", "port": 80},
    ]
    plan = plan_for(entries, snapshot(tcp("lbl-1"), http("lbl-2", 80, rule("loc-1", "a.example.com"))))
    later = snapshot(
        tcp("lbl-1", 444), tcp("lbl-3", 443), http("lbl-2", 80, rule("loc-1", "b"), rule("loc-2", "a.example.com"))
    )
    assert [(one.pool.listener_id, one.pool.location_id) for one in plan_rest(plan, later, set()).changes] == [
        ("lbl-1", None),
        ("lbl-2", "loc-1"),
    ]


def test_what_is_asked_of_a_listener_or_rule_that_is_gone_is_told_apart() -> None:
    entries = [want("lbl-1", "ins-1"), {"location_id": "loc-1", "instance_id": "ins-2", "port": 80}]
    listeners = [tcp("lbl-1"), http("lbl-2", 80, rule("loc-1", "a", ONE))]
    plan = plan_for(entries, snapshot(*listeners), purge=True)
    rest = plan_rest(plan, snapshot(http("lbl-2", 80)), set())
    assert (rest.changes, values(rest.gone)) == (
        (),
        (("register", "ins-1", None, None), ("register", "ins-2", None, None)),
    )


@pytest.mark.parametrize("options", [ABSENT, DRAINED])
def test_a_loss_on_a_listener_that_is_gone_is_done(options: Raw) -> None:
    plan = plan_for(ALL, snapshot(tcp("lbl-1", 443, ONE)), **options)
    rest = plan_rest(plan, snapshot(), set())
    assert (rest.changes, rest.gone, rest.raised, rest.rebound) == ((), (), (), ())


@pytest.mark.parametrize(
    "entries, options, first, now, expected",
    [
        ([want("lbl-1", "ins-1")], {}, [], [TWO], []),
        ([want("lbl-1", "ins-1")], PURGE, [], [TWO], ["ins-2"]),
        ([want("lbl-1", "ins-1")], PURGE, [TWO], [TWO], []),
        ([want("lbl-1", "ins-1")], PURGE, [TWO], [TWO, target("ins-2", 81)], ["ins-2"]),
        ([want("lbl-1", "ins-1", weight=0)], PURGE, [target("ins-1", weight=0)], [ONE], []),
        (ALL, ABSENT, [ONE], [TWO], ["ins-2"]),
        ([{"instance_id": "ins-1"}], ABSENT, [ONE], [TWO], []),
        ([{"listener_id": "lbl-1", "tag": "x"}], ABSENT, [ONE], [target("ins-1", tag="x")], ["ins-1"]),
        (ALL, DRAINED, [ONE], [TWO], ["ins-2"]),
        (ALL, DRAINED, [ONE], [target("ins-2", weight=0)], []),
        (ALL, DRAINED, [target("ins-1", weight=0)], [ONE], ["ins-1"]),
        (ALL, DRAINED, [ONE], [ONE], []),
    ],
)
def test_what_others_brought_into_the_scope_of_the_task(
    entries: list[Raw], options: Raw, first: list[Raw], now: list[Raw], expected: list[str]
) -> None:
    plan = plan_for(entries, snapshot(tcp("lbl-1", 443, *first)), **options)
    found = bound_meanwhile(plan, snapshot(tcp("lbl-1", 443, *now)))
    assert [one.backend.address for one in found] == expected


def test_a_scope_that_contradicts_itself_by_now_holds_nothing() -> None:
    selector = {"listener_id": "lbl-1", "listener_port": 443}
    plan = plan_for([selector], snapshot(tcp("lbl-1", 443)), state="absent")
    assert bound_meanwhile(plan, snapshot(tcp("lbl-1", 444, ONE))) == ()
    purge = plan_for([want("lbl-1", "ins-1")], snapshot(tcp("lbl-1", 443)), purge=True)
    assert bound_meanwhile(purge, snapshot(tcp("lbl-2", 443, ONE))) == ()
