# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import ChangeKind
from harness import Cloud

from ...builders import LB, backend_key, http, instance_at, ip_of, plan_for, rule, snapshot, target, tcp

# listener, rule -> every way to name it
PLACES = {
    ("lbl-1", None): [{"listener_id": "lbl-1"}, {"listener_port": 443, "listener_protocol": "tcp"}],
    ("lbl-2", None): [{"listener_id": "lbl-2"}, {"listener_port": 443, "listener_protocol": "UDP"}],
    ("lbl-3", "loc-1"): [
        {"location_id": "loc-1"},
        {"listener_id": "lbl-3", "domain": "a.example.com", "url": "/"},
        {"listener_port": 80, "domain": "A.EXAMPLE.COM", "url": "/"},
    ],
    ("lbl-3", "loc-2"): [{"location_id": "loc-2", "listener_id": "lbl-3"}, {"location_id": "loc-2", "url": "/v2"}],
}
# backend -> every spelling of it
SPELLINGS = {
    "ins-1": ["ins-1", ip_of("ins-1")],
    "ins-2": ["ins-2", ip_of("ins-2")],
    "ins-3": ["ins-3"],
    "10.2.0.1": ["10.2.0.1"],
    "2001:db8::1": ["2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:0db8::0001"],
}
ALL_PLACES = [place for names in PLACES.values() for place in names]
ALL_SPELLINGS = [one for spellings in SPELLINGS.values() for one in spellings]

keys = st.tuples(*map(st.sampled_from, (list(PLACES), list(SPELLINGS), [80, 81]))).map(lambda one: (*one[0], *one[1:]))
values = st.tuples(st.sampled_from([0, 10, 50, 100]), st.sampled_from(["", "blue", "grün"]))
states = st.dictionaries(keys, values, max_size=12)


@st.composite
def desires(draw):
    """Entries of present by the binding that each names."""
    asked = {}
    for key in draw(st.lists(keys, max_size=10, unique=True)):
        spelling = draw(st.sampled_from(SPELLINGS[key[2]]))
        entry = {**draw(st.sampled_from(PLACES[key[0], key[1]])), backend_key(spelling): spelling, "port": key[3]}
        weight, tag = draw(st.sampled_from([None, 0, 10, 70])), draw(st.sampled_from([None, "", "blue", "new"]))
        asked[key] = {**entry, "weight": weight, "tag": tag}
    return asked


@st.composite
def selectors(draw):
    """A selector that names at least one of listener, rule or backend."""
    place = draw(st.sampled_from([{}, {"listener_id": "lbl-3"}, {"listener_port": 443}, *ALL_PLACES]))
    spelling = draw(st.sampled_from([None, *ALL_SPELLINGS])) if place else "ins-1"
    chosen = dict(place)
    if spelling is not None:
        chosen[backend_key(spelling)] = spelling
    return {
        **chosen,
        **draw(st.sampled_from([{}, {"port": 80}, {"port": 81}])),
        "tag": draw(st.sampled_from([None, "", "blue"])),
        "weight": draw(st.sampled_from([None, 3])),
    }


def listeners(state):
    """A load balancer with these bindings."""

    def at(*place):
        return [target(key[2], key[3], *value) for key, value in state.items() if key[:2] == place]

    first = rule("loc-1", "a.example.com", *at("lbl-3", "loc-1"))
    second = rule("loc-2", "a.example.com", *at("lbl-3", "loc-2"), url="/v2")
    udp = tcp("lbl-2", 443, *at("lbl-2", None), protocol="UDP")
    return [tcp("lbl-1", 443, *at("lbl-1", None)), udp, http("lbl-3", 80, first, second)]


def check_run(state, options, after):
    """A dry run foretells the run, which leads to this state; the second run writes nothing."""
    cloud = Cloud.of({LB: listeners(state)})
    dry = cloud.run(check=True, **options)
    assert cloud.writes() == []
    run = cloud.run(**options)
    assert run.failure is None
    assert {one[:4]: one[4:] for one in cloud.bindings()} == after
    assert (dry["targets"], dry["listeners"], dry.changed) == (run["targets"], run["listeners"], run.changed)
    assert run.changed is bool(cloud.writes())
    sent = len(cloud.writes())
    assert (cloud.run(**options).changed, len(cloud.writes())) == (False, sent)


def desired(state, asked, purge):
    """The bindings that the contract asks for, worked out without the code under test."""
    named = {key[:2] for key in asked}
    after = {key: value for key, value in state.items() if key in asked or not (purge and key[:2] in named)}
    for key, entry in asked.items():
        wanted = entry["weight"], entry["tag"]
        after[key] = tuple(old if new is None else new for old, new in zip(after.get(key, (10, "")), wanted))
    return after


@given(states, desires(), st.booleans())
def test_present_leads_to_what_is_asked_for(state, asked, purge):
    check_run(state, {"targets": list(asked.values()), "purge": purge}, desired(state, asked, purge))


@given(states, desires(), st.booleans(), st.randoms(use_true_random=False))
def test_a_plan_holds_no_needless_no_double_and_no_foreign_change_in_whatever_order_it_is_asked_for(
    state, asked, purge, random
):
    before = snapshot(*listeners(state))
    plan = plan_for(asked.values(), before, purge=purge)
    assert {pool.key for pool in plan.touched} == {key[:2] for key in asked}
    assert not any(change.in_place(before) for change in plan.changes)
    named = [
        (change.kind, *change.pool.key, instance_at(change.backend.address) or change.backend.address, change.port)
        for change in plan.changes
    ]
    assert len(named) == len(set(named))
    assert {one[1:3] for one in named} <= {key[:2] for key in asked}
    removed = {one[1:] for one in named if one[0] is ChangeKind.DEREGISTER}
    assert removed.isdisjoint(asked)
    assert purge or not removed
    assert [change.loss for change in plan.changes] == sorted(change.loss for change in plan.changes)
    shuffled = list(asked.values())
    random.shuffle(shuffled)
    assert {*plan_for(shuffled, before, purge=purge).changes} == {*plan.changes}


def matches(selector, key, tag):
    """A selector matches a binding, worked out without the code under test."""
    listener_id, location_id, address, port = key
    asked = selector.get("instance_id") or selector.get("eni_ip")
    about = {
        "listener_id": listener_id,
        "listener_port": 80 if listener_id == "lbl-3" else 443,
        "listener_protocol": {"lbl-1": "tcp", "lbl-2": "udp", "lbl-3": "http"}[listener_id],
        "location_id": location_id,
        "domain": "a.example.com" if location_id else None,
        "url": {"loc-1": "/", "loc-2": "/v2"}.get(location_id or ""),
        "port": port,
    }
    if any(selector.get(one) is not None and str(selector[one]).lower() != str(about[one]).lower() for one in about):
        return False
    return (asked is None or asked in SPELLINGS[address]) and selector.get("tag") in (None, "", tag)


@given(states, st.lists(selectors(), max_size=3), st.sampled_from(["absent", "drained"]))
def test_selectors_take_exactly_what_they_match(state, chosen, how):
    hit = {key for key, (_, tag) in state.items() if any(matches(one, key, tag) for one in chosen)}
    after = {key: value for key, value in state.items() if key not in hit}
    if how == "drained":
        after.update({key: (0, state[key][1]) for key in hit})
    check_run(state, {"targets": chosen, "state": how}, after)
