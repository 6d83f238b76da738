# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be known to go wrong with a rolling update before the first host is drained."""

from __future__ import annotations

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.guard import judge
from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _rotation_check as checks
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation import bindings_by_host

from ..builders import rows
from ..rotating import bound, entry, host

NAMES = [f"web{number}" for number in range(1, 9)]


def pool(names=NAMES, **keys):
    """What is bound to one listener: a binding a host."""
    return [bound(f"ins-{name}", **keys) for name in names]


def test_what_is_left_out_stops_a_run_unless_it_is_gone():
    codes = ("UnauthorizedOperation", "InvalidParameter.LBIdNotFound", "UnsupportedOperation")
    left_out = [{"load_balancer_id": f"lb-{code}", "code": code, "message": "no"} for code in codes]
    (problem,) = checks.find_unread(left_out)
    assert problem.startswith("lb-UnauthorizedOperation can't be read (UnauthorizedOperation: no)")


def judge_hosts(hosts, bindings, remembered=(), batch=1):
    """What is wrong with a run of these hosts, and what is worth a warning."""
    bound_of = bindings_by_host(hosts, bindings)
    batches = checks.split_into_batches([one.name for one in hosts], batch)
    problems = checks.check_hosts(hosts, bound_of, remembered) or checks.check_guards(
        hosts, bindings, remembered, batches
    )
    return problems, list(checks.find_warnings(hosts, bound_of, remembered, []))


def check(bindings, names=NAMES, remembered=(), batch=2, minimum=0):
    return judge_hosts([host(name, min_healthy=minimum) for name in names], bindings, remembered, batch)


@rows(
    "batch, taken",
    *((batch, True) for batch in (1, "3", "25%", "100%", [1, "50%"], " 2 ")),
    *((batch, False) for batch in (0, "0%", "00", -1, "-5%", "", "many", 2.5, True, None, [], [1, 0], {"a": 1})),
)
def test_a_batch_is_what_serial_takes_and_more_than_0(batch, taken):
    assert [problem[:13] for problem in checks.check_batch(batch)] == ([] if taken else ["clb_batch is "])


@rows("batch, sizes", (3, [3, 3, 2]), ("25%", [2, 2, 2, 2]), ("1%", [1] * 8), ([1, "50%"], [1, 4, 3]), (99, [8]))
def test_batches_are_those_of_serial(batch, sizes):
    batches = checks.split_into_batches(NAMES, batch)
    assert [len(names) for names in batches] == sizes
    assert [name for names in batches for name in names] == NAMES


@rows(
    "answer, problem",
    ({"ping": "pong"}, None),
    ({"unreachable": True, "msg": "Failed via ssh: ssh: connect: refused"}, "no answer (ssh: connect: refused)"),
    ({"unreachable": True, "msg": "Task failed: no pod."}, "no answer (no pod)"),
    ({"unreachable": True, "msg": "Warning: added\nssh: refused\n"}, "no answer (ssh: refused)"),
    ({"unreachable": True}, "no answer (no cause is known)"),
    ({"rc": 127, "msg": "no Python."}, "it can't run modules (no Python)"),
)
def test_hosts_that_do_not_answer_are_named_with_the_cause(answer, problem):
    assert checks.check_answers(["web1"], ["web1"], {"web1": answer}) == ([f"web1: {problem}."] if problem else [])
    assert len(checks.check_answers(["web1"], [], {"web1": answer})) == 1


INS_1, ADDRESS = {"instance_id": "ins-1"}, {"eni_ip": "10.0.0.1"}
OWN = "give each host its own, or a port in each."
CURE = "check clb_backend, or give clb_listeners."


@rows(
    "problem, hosts",
    (f"web2: its clb_backend is also that of web1; {OWN}", [("web1", INS_1), ("web2", ADDRESS)]),
    (None, [("web1", {**INS_1, "port": 80}), ("web2", {**ADDRESS, "port": 81})]),
    (f"web3: ins-web3 is not bound to any load balancer of the region; {CURE}", [("web3", None)]),
    (f"web1: ins-1 with port 9 is not bound to lb-1, lb-2; {CURE}", [("web1", {**INS_1, "port": 9}, "lb-1,lb-2")]),
)
def test_what_is_wrong_with_where_hosts_are_bound(problem, hosts):
    bindings = [bound("ins-1", port=port, private_ips=["10.0.0.1"]) for port in (80, 81)]
    made = [host(name, backend, load_balancer_ids=next(iter(ids), None)) for name, backend, *ids in hosts]
    assert judge_hosts(made, bindings)[0] == ([problem] if problem else [])


def test_hosts_with_other_files_are_named():
    problems, _ = judge_hosts([host("web1"), host("web2", restore_file="/other.json")], pool(NAMES[:2]))
    assert problems == ["clb_restore_file differs between web1 and web2; it must be the same for all hosts."]


def test_pools_are_read_once_each():
    rule, lb_1 = {"location_id": "loc-1", "listener_id": "lbl-2"}, {"load_balancer_id": "lb-1"}
    assert checks.find_pools([*pool(), *pool(**rule)]) == [{**lb_1, "listener_id": "lbl-1"}, {**lb_1, **rule}]


def sick(names=NAMES, status="Dead", *, healthy=False):
    return pool(names, healthy=healthy, health_status=status)


AT = "lb-1 lbl-1 (TCP:443)"
FEW = "batch 3 (web5, web6): lb-1 lbl-2 (TCP:80) would keep 1 healthy targets, and clb_min_healthy is 2;"
FIRST = "batch 1 (web1, web2, web3)"
ODD = f"batch 1 (web1, web2): {AT} serves ins-web7, ins-web8, whose health the cloud doesn't say"


@rows(
    "bindings, options, problems",
    (pool(), {"minimum": 6}, []),
    ([*pool(), *pool(NAMES[4:7], listener_id="lbl-2", listener_port=80)], {"minimum": 2}, [FEW]),
    (pool(), {"batch": 1, "minimum": 8}, [*(f"batch {n} " for n in range(1, 6)), "The same goes 3 more times."]),
    # What is sick does not count, and may leave.
    ([*sick(NAMES[:2]), *pool(NAMES[2:])], {"minimum": 6}, []),
    ([*sick(NAMES[:2]), *pool(NAMES[2:])], {"minimum": 6, "names": NAMES[::-1]}, ["batch 1", "batch 2", "batch 3"]),
    # Not mentioned: no batch can leave, whoever is in it, and that is said once.
    ([*pool(NAMES[:6]), *sick(NAMES[6:], "Unknown", healthy=None)], {"minimum": 1}, [ODD]),
    ([*pool(NAMES[:6]), *sick(NAMES[6:], None, healthy=None)], {"minimum": 1}, [ODD]),
    ([*pool(NAMES[:6]), *sick(NAMES[6:], healthy=None)], {}, []),
    # HealthStatus is true with a word that nobody knows: that matters only where nobody is healthy.
    ([*pool(NAMES[:6]), *sick(NAMES[6:], "Checking", healthy=None)], {"minimum": 1}, []),
    ([*pool(NAMES[:6]), *sick(NAMES[6:], "Unknown")], {"minimum": 1}, []),
    (sick(status="Checking", healthy=None), {"minimum": 1}, [f"batch 1 (web1, web2): {AT} serves ins-web1, "]),
    # Where nobody is healthy, each counts, until the first batch has come back.
    *((sick(status=one), {"minimum": 6}, []) for one in ("Dead", "Unknown", "Checking")),
    (sick(), {"minimum": 6, "batch": [3, 1]}, [f"{FIRST}: {AT} would keep 5 targets in traffic (none is healthy"]),
    # A stopped listener keeps nobody.
    (sick(status="Close"), {"batch": 8, "minimum": 8}, []),
)
def test_batches_that_would_break_a_guard_are_named(bindings, options, problems):
    found, _ = check(bindings, **options)
    assert [text[: len(problem)] for text, problem in zip(found, problems, strict=True)] == problems


@pytest.mark.parametrize("out, fails", [(["web1", "web2"], False), (["web1", "web2", "web3"], False), ([], False)])
def test_hosts_of_earlier_batches_count_as_back(out, fails):
    bindings = [*pool(out, weight=0), *pool([name for name in NAMES if name not in out])]
    remembered = [entry(binding) for binding in bindings if binding["weight"] == 0]
    assert bool(check(bindings, remembered=remembered, minimum=5)[0]) is fails


def test_a_check_of_400_hosts_and_50_listeners_looks_at_each_binding_a_few_times(monkeypatch):
    names = [f"web{number}" for number in range(1, 401)]
    places = [pool(names, listener_id=f"lbl-{number}", listener_port=number) for number in range(1, 51)]
    looks = []
    monkeypatch.setattr(checks, "judge", lambda *given: looks.append(given) or judge(*given))
    assert check([binding for place in places for binding in place], names, batch=1, minimum=399)[0] == []
    assert len(looks) == 400 * 50
    assert {len(counts) + len(lost) for counts, lost, _ in looks} == {2}


def test_what_the_file_does_not_tell_of_the_hosts_is_worth_a_warning():
    (foreign,) = check(pool(), remembered=[entry(bound(f"ins-{number}")) for number in (10, 2)])[1]
    (drained,) = check([*pool(NAMES[1:]), *pool(NAMES[:1], weight=0)])[1]
    assert "ins-2, ins-10, which no host of this run is" in foreign
    assert drained.startswith("web1: bound with weight 0")


def test_each_host_leaves_its_own_load_balancers_under_its_own_guard():
    hosts = [host("a", load_balancer_id="lb-1", min_healthy=3), host("b", load_balancer_id="lb-2", min_healthy=1)]
    bindings = [bound("ins-a"), bound("ins-b", load_balancer_id="lb-2"), bound("ins-b", load_balancer_id="lb-1")]
    expected = [
        {"min_healthy": guard, "wait_timeout": 300, "targets": [{"instance_id": one, "load_balancer_id": where}]}
        for guard, one, where in ((1, "ins-b", "lb-2"), (3, "ins-a", "lb-1"))
    ]
    assert list(checks.plan_parts(hosts, bindings_by_host(hosts, bindings), [])) == [(part, True) for part in expected]


def test_what_a_killed_warm_up_has_left_leaves_first_and_is_not_remembered_again():
    hosts = [host("a", warm_up=[50])]
    half, whole = bound("ins-a", weight=5), bound("ins-a", weight=10, port=81)
    first, second = checks.plan_parts(hosts, {"a": [half, whole]}, [entry(half), entry(whole)])
    assert ([one["port"] for one in first[0]["targets"]], first[1]) == ([80], False)
    assert (second[0]["targets"], second[1]) == ([{"instance_id": "ins-a", "load_balancer_id": "lb-1"}], True)
