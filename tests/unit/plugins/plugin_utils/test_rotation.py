# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of a host, whose a binding is, and what can be known to go wrong before the first host is drained."""

from __future__ import annotations

import contextlib

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.guard import judge
from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _rotation, _rotation_files, _rotation_read
from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _rotation_check as checks
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation import bindings_by_host, parse_host
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_read import Stop

from ..builders import rows
from ..rotating import SPEC, Modules, bound, entry, host, play

LB_1, PLACE = {"load_balancer_id": "lb-1"}, {"listener_id": "lbl-1", "port": 80}


def test_the_defaults_are_those_of_the_spec():
    read = host()
    assert (read.problems, read.selectors) == ((), [{"instance_id": "ins-web1"}])
    for name, option in SPEC.items():
        field = name.removeprefix("clb_")
        if "default" in option and hasattr(read, field) and field != "restore_file":
            default = option["default"]
            assert getattr(read, field) == (tuple(default) if isinstance(default, list) else default)


def test_the_role_gives_its_steps_every_variable_of_the_spec():
    variables = (_rotation_read.SPEC.parents[1] / "vars" / "main.yml").read_text(encoding="utf-8")
    given = yaml.safe_load(variables)["__rotation_variables"]
    passed = {name for name, text in given.items() if text.startswith(f"{{{{ {name} | default(")}
    # The role itself reads clb_batch, once for all hosts.
    assert passed == SPEC.keys() - {"clb_batch"}


@rows(
    "variables, selectors",
    ({"load_balancer_id": "lb-2"}, ["lb-2"]),
    ({"load_balancer_ids": ["lb-1", "lb-2"]}, ["lb-1", "lb-2"]),
    # The inventory plugin sets the second one; a group that names one load balancer means this one.
    ({"load_balancer_id": "lb-2", "load_balancer_ids": ["lb-1", "lb-2"]}, ["lb-2"]),
)
def test_a_host_leaves_the_load_balancers_that_it_names(variables, selectors):
    assert [one["load_balancer_id"] for one in host(**variables).selectors] == selectors


@rows(
    "backend, variables, words",
    ({}, {}, "names no backend"),
    ({"instance_id": None}, {}, "names no backend"),
    ({"instance_id": "ins-1", "eni_ip": "10.0.0.1"}, {}, "exactly one"),
    ({"eni_ip": "10.0.0"}, {}, "not an IP address"),
    ("ins-1", {}, "clb_backend"),
    (None, {"min_healthy": "many"}, "clb_min_healthy"),
    (None, {"min_healthy": -1}, "clb_min_healthy -1 is too small"),
    (None, {"wait_timeout": 0}, "clb_wait_timeout 0 is too small"),
    (None, {"drain_on_timeout": "stop"}, "clb_drain_on_timeout"),
    (None, {"drain_ignore": ["10.0.0.0/8"]}, "ranges"),
    (None, {"warm_up": [50, 10]}, "clb_warm_up is [50, 10]; give rising whole numbers"),
    (None, {"warm_up": [0, 10]}, "clb_warm_up"),
    (None, {"warm_up": [100]}, "clb_warm_up"),
    (None, {"load_balancer_id": ""}, "clb_load_balancer_id is empty"),
    (None, {"load_balancer_ids": []}, "clb_load_balancer_ids is empty"),
    (None, {"load_balancer_ids": ["lb-1", " "]}, "clb_load_balancer_ids is empty"),
    (None, {"listeners": [PLACE]}, "for which load balancer"),
    (None, {"listeners": [{"protocol": "HTTP", "rules": ["x"]}]}, "clb_listeners: tencentcloud.clb.bind: rules[0]"),
    (None, {**LB_1, "listeners": [{"listener_id": "lbl-1"}]}, "port is missing"),
    (None, {**LB_1, "listeners": [{"port": 80}]}, "no listener is named"),
    (None, {**LB_1, "listeners": [{**PLACE, "weight": 0}]}, "weight 0"),
    ({"instance_id": "ins-1", "weight": "0"}, {}, "weight 0"),
    ({"instance_id": "ins-1", "weight": 101}, {**LB_1, "listeners": [PLACE]}, "weight 101 is not a whole number"),
)
def test_what_is_wrong_with_the_variables_of_a_host_is_said_with_its_name(backend, variables, words):
    problems = host(backend=backend, **variables).problems
    assert words in " ".join(problems)
    assert all(problem.startswith("web1: ") and problem.endswith(".") for problem in problems)


def test_a_host_without_a_backend_is_named():
    host = parse_host("web3", {"clb_backend": None, "clb_restore_file": "/r.json"}, SPEC)
    assert host.problems == ("web3: missing required arguments: clb_backend.",)


@rows(
    "backend, binding, is_its",
    ({"instance_id": "ins-1"}, {"instance_id": "ins-1"}, True),
    ({"instance_id": "ins-1"}, {"instance_id": "ins-10"}, False),
    ({"eni_ip": "10.0.0.1"}, {"instance_id": "ins-1", "private_ips": ["10.0.0.1"]}, True),
    # Only the primary address of an instance stands for it.
    ({"eni_ip": "10.0.0.2"}, {"instance_id": "ins-1", "private_ips": ["10.0.0.1", "10.0.0.2"]}, False),
    ({"eni_ip": "10.0.0.2"}, {"eni_ip": "10.0.0.1", "private_ips": ["10.0.0.1", "10.0.0.2"]}, True),
    ({"ip": "2001:DB8:0::1"}, {"eni_ip": "2001:db8::1"}, True),
    ({"eni_ip": "2001:db8::1"}, {"eni_ip": "2001:0db8:0000:0000:0000:0000:0000:0001"}, True),
    ({"instance_id": "ins-1", "port": 80}, {"instance_id": "ins-1"}, True),
    ({"instance_id": "ins-1", "port": "81"}, {"instance_id": "ins-1"}, False),
)
def test_hosts_and_bindings_are_matched_as_the_module_does(backend, binding, is_its):
    assert bool(bindings_by_host([host(backend=backend)], [bound(**binding)])["web1"]) is is_its


def test_a_host_has_only_what_is_bound_on_its_load_balancers():
    bindings = [bound("ins-web1"), bound("ins-web1", load_balancer_id="lb-2")]
    assert bindings_by_host([host(load_balancer_id="lb-2")], bindings) == {"web1": bindings[1:]}


def test_what_is_remembered_of_a_host_is_found_by_every_name_of_its_backend():
    address = bound(None, weight=0, eni_ip="2001:db8::1")
    instance = bound("ins-2", weight=0, private_ips=["10.0.0.2"])
    remembered = [entry(address, 30), entry(instance, 20), entry(bound("ins-9"), 40)]
    assert _rotation.remembered_of(host(backend={"eni_ip": "2001:DB8::0:1"}), [], remembered) == remembered[:1]
    assert _rotation.remembered_of(host(backend={"eni_ip": "10.0.0.2"}), [instance], remembered) == remembered[1:2]
    assert _rotation.remembered_of(host(backend={"instance_id": "ins-2", "port": 81}), [], remembered) == []


@pytest.mark.parametrize(
    "name", ["web-1.example.com", "web 1", "web,1", "web:1", "2001:db8::1", "!web", "网站 *", "w[1]"]
)
def test_the_pattern_of_a_host_is_of_no_other(name):
    inventory = InventoryManager(DataLoader())
    for one in (name, "web", "1", "web-1xexample", "2001"):
        inventory._inventory.add_host(one)
    assert [str(host) for host in inventory.get_hosts([checks.pattern_of(name)])] == [name]


@pytest.mark.parametrize("weight, share, part", [(10, 25, 3), (10, 1, 1), (100, 33, 33), ("20", 50, 10), (1, 99, 1)])
def test_a_share_is_rounded_and_at_least_1(weight, share, part):
    assert _rotation.scaled(weight, share) == part


@pytest.mark.parametrize("weight, left", [(0, False), (5, True), (2, True), (10, False), (7, False)])
def test_a_share_that_a_killed_warm_up_has_left_is_known(weight, left):
    assert _rotation.is_warming(host(warm_up=[20, 50]), {"weight": 10}, weight) is left
    assert not _rotation.is_warming(host(), {"weight": 10}, weight)
    assert not _rotation.is_warming(host(warm_up=[20, 50]), {}, weight)


@rows(
    "more, inventory, matched, words",
    ({}, {}, ["web1"], None),
    ({"clb_batch": 0}, {}, ["web1"], "clb_batch is 0; give a number of hosts from 1"),
    ({"clb_hosts": "shop"}, {}, [], "No host matches clb_hosts shop within --limit web1; check the pattern"),
    ({}, {"clb_batch": 2, "clb_hosts": "web1"}, ["web1"], r"clb_batch, clb_hosts can't be set in the inventory"),
    ({}, {"clb_update": None}, ["web1"], "clb_update is not given"),
    ({}, {"clb_update": "missing.yml"}, ["web1"], "missing.yml is no file"),
    ({}, {"clb_update": "/dev/null"}, [], "No host matches"),
)
def test_what_the_playbook_needs_before_there_are_hosts(tmp_path, more, inventory, matched, words):
    (tmp_path / "update.yml").write_text("- name: Nothing\n  meta: noop\n")
    variables = {"clb_update": str(tmp_path / "update.yml"), **inventory}
    modules = Modules(current=play({"web1": variables, "web2": {}}))
    options = {"clb_batch": "25%", "clb_handlers": "", "clb_hosts": "all", **more}

    stops = contextlib.nullcontext() if words is None else pytest.raises(Stop, match=f"{words}.* No host was drained")
    with stops:
        assert _rotation_files.asked(modules, given=options, matched=matched, limit="web1") == {}


TASKS = """
- name: Copy
  copy: {dest: /x, content: y}
  notify: %s
"""


@rows(
    "tasks, handlers, lacking",
    ("- name: Nothing\n  meta: noop\n", None, None),
    (TASKS % "Restart", None, "'Restart'"),
    (TASKS % "Restart", "- name: Restart\n  meta: noop\n", None),
    (TASKS % "Restart", "- name: Other\n  listen: [Restart, More]\n  meta: noop\n", None),
    (TASKS % "Restart", "- name: Other\n  meta: noop\n", "'Restart'"),
    (TASKS % "[Restart, Reload]", "- name: Restart\n  meta: noop\n", "'Reload'"),
    (TASKS % '"{{ service }}"', None, None),
    (TASKS % "Restart", '- name: "{{ service }}"\n  meta: noop\n', None),
    ("- block: [{block: [], rescue: [{meta: noop, notify: Restart}]}]\n", None, "'Restart'"),
    ("- block: []\n  notify: Restart\n", None, "'Restart'"),
    ("- import_tasks: more.yml\n", None, "'More'"),
    ("- ansible.builtin.include_tasks: {file: more.yml}\n", None, "'More'"),
    ('- include_tasks: "{{ other }}.yml"\n', None, None),
    ("- include_tasks: missing.yml\n", None, None),
    ("- include_role: {name: web}\n" + TASKS % "Restart", None, None),
    ("- broken: [\n", None, None),
    (TASKS % "Restart", "- broken: [\n", None),
    (TASKS % "More", "- import_tasks: handlers2.yml\n", None),
    (TASKS % "Restart", "- import_tasks: handlers2.yml\n", "'Restart'"),
    ("just text\n", None, None),
    ("- just text\n", None, None),
)
def test_every_notify_needs_a_handler(tmp_path, tasks, handlers, lacking):
    files = {
        "update.yml": tasks, "more.yml": TASKS % "More" + "- import_tasks: update.yml\n",
        "handlers2.yml": "- name: More\n  meta: noop\n", "handlers.yml": handlers or "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    handler_file = None if handlers is None else tmp_path / "handlers.yml"
    problems = _rotation_files.check_files(tmp_path / "update.yml", handler_file)
    assert (lacking in " ".join(problems)) if lacking else not problems


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
    problems = checks.check_hosts(hosts, bound_of, remembered)
    problems = problems or checks.check_guards(hosts, bindings, remembered, batches)
    return problems, list(checks.find_warnings(hosts, bound_of, remembered, [], []))


def check(bindings, names=NAMES, remembered=(), batch=2, minimum=0):
    return judge_hosts([host(name, min_healthy=minimum) for name in names], bindings, remembered, batch)


def test_a_target_whose_health_nobody_says_stops_no_batch_after_its_own():
    hosts = [host("web1", min_healthy=0), host("web2", min_healthy=1)]
    bindings = [bound("ins-web1", healthy=None, health_status=None), bound("ins-web2")]
    assert judge_hosts(hosts, bindings) == ([], [])


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
    ({"unreachable": True, "msg": "Warning: added\nssh: refused\n \n"}, "no answer (ssh: refused)"),
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


def test_hosts_with_other_files_are_told_once():
    hosts = [host("web1"), *(host(name, restore_file="/other.json") for name in NAMES[1:3])]
    problem = "clb_restore_file differs between web1 and web2; it must be the same for all hosts."
    assert judge_hosts(hosts, pool(NAMES[:3]))[0] == [problem]


def test_a_listener_is_bound_on_its_own_load_balancer_or_else_on_all():
    wanted = host(load_balancer_ids=["lb-1", "lb-2"], listeners=[{**PLACE, "load_balancer_id": "lb-2"}, PLACE]).wanted
    assert [one["load_balancer_id"] for one in wanted] == ["lb-2", "lb-1", "lb-2"]


def test_pools_are_read_once_each():
    rule, lb_1 = {"location_id": "loc-1", "listener_id": "lbl-2"}, {"load_balancer_id": "lb-1"}
    assert checks.find_pools([*pool(), *pool(**rule)]) == [{**lb_1, "listener_id": "lbl-1"}, {**lb_1, **rule}]


def sick(names=NAMES, status="Dead", *, healthy=False):
    return pool(names, healthy=healthy, health_status=status)


AT = "lb-1 lbl-1 (TCP:443)"
FEW = "batch 3 (web5, web6): lb-1 lbl-2 (TCP:80) would keep 1 healthy targets, and clb_min_healthy is 2;"
FIRST = "batch 1 (web1, web2, web3)"
ODD = f"batch 1 (web1, web2): {AT} has targets of unknown health (ins-web7, ins-web8)"


@rows(
    "bindings, options, problems",
    (pool(), {"minimum": 6}, []),
    ([*pool(), *pool(NAMES[4:7], listener_id="lbl-2", listener_port=80)], {"minimum": 2}, [FEW]),
    (pool(), {"batch": 1, "minimum": 8}, [*(f"batch {n} " for n in range(1, 6)), "3 more problems of this kind."]),
    (pool(), {"batch": [3, 1], "minimum": 8}, [*(f"batch {n} " for n in range(1, 6)), "1 more problem of this kind."]),
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
    (sick(status="Checking", healthy=None), {"minimum": 1}, [f"batch 1 (web1, web2): {AT} has targets of unk"]),
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
    (foreign,) = check(pool(), remembered=[entry(bound(f"ins-{name}")) for name in (10, "web1", 2)])[1]
    (drained,) = check([*pool(NAMES[1:]), *pool(NAMES[:1], weight=0)])[1]
    assert "ins-2, ins-10, which belong to no host of this run" in foreign
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
