# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task says before it writes anything, clearly and without a secret; and what selectors take away."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.tencentcloud.clb.plugins.module_utils import _module
from ansible_collections.tencentcloud.clb.plugins.module_utils._module import ClbModule
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import empty_result
from ansible_collections.tencentcloud.clb.plugins.modules import targets
from clb_emulator.accounts import DEFAULT_SECRET_ID as OWN_ID
from harness import Cloud
from shop import keys, web_shop

from ..builders import Raw, http, rows, rule, target, tcp, want


def shop(**settings):
    one = rule("loc-1", "a.example.com", target("2001:db8::1"), target("ins-1"))
    listeners = [
        tcp("lbl-1", 443, target("ins-1", tag="blue"), target("ins-2", weight=0)),
        http("lbl-2", 80, one, rule("loc-2", "b.example.com")),
        *(tcp(f"lbl-{number}", 1000 + number) for number in range(10, 40)),
    ]
    return Cloud.of({"lb-1": listeners}, **settings)


TCP: Raw = {"listener_id": "lbl-1", "port": 80}
NEW: Raw = {**TCP, "instance_id": "ins-3"}


def test_calls_are_counted_and_outside_diff_mode_there_is_no_diff():
    cloud = shop(task_seconds=0.1)
    run = cloud.run(targets=[NEW], diff=False)
    assert not run["diff"]
    assert run["api_calls"] == {"DescribeTargets": 2, "BatchRegisterTargets": 1}
    assert cloud.actions() == ["DescribeTargets", "BatchRegisterTargets", "DescribeTargets"]
    assert run["request_ids"] == [cloud.writes()[0]["request_id"]]


def test_the_source_of_the_credentials_is_told_with_vvv_only():
    entries = [{**TCP, "instance_id": "ins-1"}]
    assert "credentials_source" not in shop().run(targets=entries, verbosity=2).result
    assert shop().run(targets=entries, verbosity=3)["credentials_source"]


@rows(
    "options, words",
    ({"targets": None}, "targets is missing. State present needs it"),
    ({"timeout": 0}, "timeout 0 is too small"),
    ({"wait_timeout": 0}, "wait_timeout 0 is too small; give a whole number of seconds from 1 to 86400."),
    ({"timeout": 3601}, "timeout 3601 is too large; give a whole number of seconds from 1 to 3600."),
    ({"min_healthy": -1}, "min_healthy -1 is too small; give a whole number from 0 to 1000000."),
    ({"min_healthy": 10**4000}, "min_healthy (a number of more than 40 digits) is too large"),
    ({"load_balancer_id": None, "load_balancer_name": "a" * 256}, "is longer than 255 characters"),
    ({"purge": True, "state": "drained"}, "not with drained"),
    ({"wait_for_health": True, "wait": False, "state": "absent"}, "wait_for_health needs wait: true"),
    ({"targets": [want("lbl-1", "ins-1", load_balancer_id="lb-other")]}, "load_balancer_id 'lb-other'"),
)
def test_bad_options_fail_with_every_key_and_without_a_call(options, words):
    cloud = shop()
    run = cloud.run(**{"load_balancer_id": "lb-1", "targets": [NEW], **options})
    assert words in (run.failure or "")
    assert run.result.keys() >= empty_result().keys()
    assert run["error"] == {"action": None, "code": "InvalidArgument", "message": run.message, "request_id": None}
    assert (run.changed, cloud.calls(), run["load_balancer_id"]) == (False, [], options.get("load_balancer_id", "lb-1"))


@rows("options",
    {"state": "absent", "wait_for_health": True}, {"wait_timeout": 1, "timeout": 1}, {"min_healthy": 1_000_000},
)  # fmt: skip
def test_these_options_go_together(options):
    assert shop().run(targets=[want("lbl-1", "ins-1")], check=True, **options).failure is None


@pytest.mark.parametrize("options", [{}, {"purge": True}, {"state": "absent"}, {"state": "drained"}])
def test_an_empty_list_is_no_change_and_asks_nobody(options):
    cloud = shop()
    run = cloud.run(targets=[], environ={"TENCENTCLOUD_REGION": ""}, **options)
    assert (run.failure, cloud.calls()) == (None, [])
    assert {key: run[key] for key in empty_result() if key != "msg"} == {
        key: value for key, value in {**empty_result(), "load_balancer_id": "lb-1"}.items() if key != "msg"
    }
    assert len(run.warnings) == bool(options.get("purge"))


def test_a_whole_number_as_a_tag_is_warned_of():
    run = shop().run(targets=[want("lbl-1", "ins-9", tag=83)])
    assert [entry["tag"] for entry in run["registered"]] == ["83"]
    assert "targets[0]: tag 83: a number is not always what was written" in run.warnings[0]


def entries(amount, **more):
    return [want(f"lbl-{10 + number}", "ins-1", **more) for number in range(amount)]


@rows(
    "targets, state, filtered",
    (entries(1), "present", 1),
    (entries(20), "present", 20),
    (entries(21), "present", None),
    (entries(20) * 2, "present", 20),
    ([*entries(1), {"location_id": "loc-1", "instance_id": "ins-1", "port": 80}], "present", None),
    ([*entries(1), {"listener_port": 443, "instance_id": "ins-1", "port": 80}], "present", None),
    ([{"listener_id": "lbl-1"}], "absent", 1),
    ([{"listener_id": "lbl-1"}, {"instance_id": "ins-1"}], "absent", None),
    ([{"instance_id": "ins-1"}], "drained", None),
)
def test_the_read_is_filtered_where_at_most_20_listeners_are_named_by_id(targets, state, filtered):
    cloud = shop()
    assert cloud.run(targets=targets, state=state).failure is None
    asked = [call["params"].get("ListenerIds") for call in cloud.calls("DescribeTargets")]
    assert {None if one is None else len(one) for one in asked} == {filtered}


TCP_443 = "TCP:443 (lbl-1)"
RULES = "HTTP:80 (lbl-2) a.example.com/ (loc-1); HTTP:80 (lbl-2) b.example.com/ (loc-2)"
ALL = f"{TCP_443}; {RULES}; "
UNKNOWN: list[tuple[list[Raw], str, str]] = [
    ([want("lbl-1", "ins-3"), want("lbl-no", "ins-3")], "targets[1]: there is no listener 'lbl-no'.", ALL),
    ([want("lbl-2", "ins-3")], "HTTP:80 (lbl-2) is a layer-7 listener", f"{RULES}."),
    ([want("lbl-2", "ins-3", domain="a", url="/")], "HTTP:80 (lbl-2) has no rule with domain", f"{RULES}."),
    ([want("lbl-1", "ins-3", domain="a", url="/")], "TCP:443 (lbl-1) is a layer-4 listener", f"{TCP_443}."),
    ([{"listener_port": 443, "listener_protocol": "UDP", "instance_id": "ins-3", "port": 80}], "no UDP", f"{TCP_443}."),
    ([{**want("lbl-2", "ins-3"), "location_id": "loc-no"}], "no rule 'loc-no'", f"{RULES}."),
]


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("unknown", ["error", "empty"])
@pytest.mark.parametrize("targets, words, exists", UNKNOWN)
def test_an_unknown_name_fails_before_any_write_and_lists_what_exists_of_what_is_meant(
    check, unknown, targets, words, exists
):
    cloud = shop(describe_unknown_listener=unknown)
    run = cloud.run(targets=targets, check=check)
    assert words in (run.failure or "")
    assert f" What exists: {exists}" in run.message
    assert run.message.endswith(f". The load balancer is lb-1 in region {cloud.region}.")
    assert (set(cloud.actions()), len(cloud.calls()) <= 2) == ({"DescribeTargets"}, True)
    assert (run.code, run.changed) == ("InvalidArgument", False)


@pytest.mark.parametrize("state", ["absent", "drained"])
def test_wait_for_health_has_no_meaning_for_absent_and_drained(state):
    cloud = shop(health={"dead": ["ins-1", "ins-2"]})
    assert cloud.run(targets=[{"listener_id": "lbl-1"}], state=state, wait_for_health=True).failure is None
    assert cloud.count("DescribeTargetHealth") == 0


NAMED = [
    ("shop", "lb-1"),
    ("twin", "'twin' is not unique in region ap-guangzhou: twin (lb-4"),
    ("sho", "No load balancer in region ap-guangzhou has the name 'sho'. Similar names: shop-old (lb-2"),
    ("nothing", "has the name 'nothing'. Check load_balancer_name and region"),
]


NAMES = {"lb-1": "shop", "lb-2": "shop-old", "lb-3": "twin", "lb-4": "twin"}


@pytest.mark.parametrize("name, expected", NAMED)
@pytest.mark.parametrize("targets", [[], [want("lbl-1", "ins-1")]])
def test_a_name_must_match_exactly_one_load_balancer(name, expected, targets):
    listener = {"id": "lbl-1", "protocol": "TCP", "port": 443}
    balancers = [{"id": one, "name": called, "listeners": [listener]} for one, called in NAMES.items()]
    run = Cloud({"load_balancers": balancers}).run(load_balancer_name=name, targets=targets, check=True)
    if expected == "lb-1":
        assert (run.failure, run["load_balancer_id"]) == (None, expected)
    else:
        assert (run.code, expected in run.message) == ("InvalidArgument", True)


def test_secrets_are_in_no_result():
    cloud = shop()
    pair = cloud.cloud.accounts.first
    refusal = {"kind": "error", "code": "AuthFailure.SignatureFailure", "message": pair.secret_key}
    cloud.add_faults({"action": "*", **refusal})
    run = cloud.run(targets=[NEW], secret_id=pair.secret_id, secret_key=pair.secret_key)
    assert "Check secret_key" in run.message
    assert "The load balancer is" not in run.message, "it has nothing to do with it"
    assert pair.secret_key not in str(run)


def test_without_requests_the_module_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(_module, "REQUESTS_ERROR", ImportError("No module named 'requests'"))
    run = shop().run(targets=[NEW])
    assert f"{sys.executable} -m pip install requests" in run.message
    assert "delegate_to: localhost" in run.message
    assert run.result.keys() >= empty_result().keys()


@rows("option", "secret_id", "secret_key", "token", "endpoint", "sts_endpoint")
def test_what_is_secret_is_masked_where_ansible_shows_the_options(option):
    # Up to ansible-core 2.20, results carry the options of the task.
    value = "https://me:hunter2hunter2@clb.example.com" if option.endswith("endpoint") else "hunter2hunter2"
    with patch_module_args({option: value, "targets": []}):
        module = ClbModule(targets.ARGUMENT_SPEC, empty_result)
    assert "hunter2hunter2" in module.no_log_values


def test_what_writes_is_not_loaded_before_something_is_to_be_written():
    code = "import sys; from ansible_collections.tencentcloud.clb.plugins.modules import targets; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    loaded = {name.partition(".module_utils.")[2] for name in done.stdout.split()}
    assert "_tasks.targets" in loaded
    assert loaded.isdisjoint({"_apply.reconcile", "_apply.session", "_apply.narrow", "_apply.batches", "_apply.locks"})


@pytest.mark.parametrize("collects", [True, False])
def test_planning_leaves_the_garbage_collector_as_it_was(collects):
    (gc.enable if collects else gc.disable)()
    try:
        shop().run(targets=[want("lbl-1", "ins-3")], check=True)
        assert gc.isenabled() is collects
    finally:
        gc.enable()


@pytest.mark.parametrize("name", ["secret_key", "token"])
@pytest.mark.parametrize("value", ["80", "e", "lbl-1", "1234567"])
def test_a_short_key_or_token_is_refused_by_name_and_masks_nothing(name, value):
    cloud = shop()
    pair = {"secret_id": "AKIDsomebody", "secret_key": "key-of-somebody", "token": "token-of-somebody"}
    run = cloud.run(**{**pair, name: value}, targets=[NEW])
    assert (run.code, cloud.calls()) == ("CredentialsNotFound", [])
    assert run.message.startswith(f"{name} in the options can't be right: it has fewer than 8 characters.")
    arguments = run["invocation"]["module_args"]
    assert (arguments[name], arguments["targets"]) == ("********", [NEW])


def test_a_short_secret_id_masks_nothing():
    run = shop().run(secret_id="80", secret_key="key-of-nobody", targets=[NEW])
    assert (run.code, run["invocation"]["module_args"]["targets"]) == ("AuthFailure.SecretIdNotFound", [NEW])


WORLD = {"instances": {"ins-a": {"ip": "10.1.0.1"}}, "load_balancers": [web_shop()]}
REGION = "The region of this request is ap-guangzhou."
WRONG_KEY = "ThisIsNotTheKeyOfThisSecretId000"
PASSWORD = "hunter2hunter2"
PORT_53 = {"listener_port": 53}
SHOP_TCP = {"listener_id": "lbl-tcp", "instance_id": "ins-n", "port": 8443}
ENTRIES: dict[str, tuple[list[Raw], list[str]]] = {
    "port 70000": ([SHOP_TCP, {**SHOP_TCP, "port": 70000}], ["targets[1]", "port 70000", "1 to 65535"]),
    "two weights once resolved": (
        [
            {**SHOP_TCP, "instance_id": "ins-a", "weight": 1},
            {"listener_port": 443, "listener_protocol": "TCP", "eni_ip": "10.1.0.1", "port": 8443, "weight": 2},
        ],
        ["targets[0]", "targets[1]", "weight 1", "weight 2"],
    ),
    "ambiguous port": ([{**PORT_53, "instance_id": "ins-n", "port": 53}], ["TCP", "UDP", "listener_protocol"]),
    "unknown key": ([{**SHOP_TCP, "wieght": 3}], ["wieght", "weight"]),
}

OPTIONS: dict[str, tuple[Raw, list[str]]] = {
    "unknown load balancer": ({"load_balancer_id": "lb-ghost"}, ["LBIdNotFound", "lb-ghost", REGION]),
    "unknown region": ({"region": "mars-north"}, ["mars-north", "region"]),
    "unknown state": ({"state": "gone"}, ["gone", "present, absent, drained"]),
    "selector of everything": ({"state": "absent", "targets": [{"port": 80}]}, ["targets[0]", "rule or backend"]),
    "half a pair": ({"secret_id": "AKIDsomething"}, ["secret_key"]),
    "wrong key": ({"secret_id": OWN_ID, "secret_key": WRONG_KEY}, ["SignatureFailure", "secret_key"]),
    "unknown key pair": ({"secret_id": "AKIDnobody", "secret_key": WRONG_KEY}, ["SecretIdNotFound", "secret_id"]),
    "http to elsewhere": ({"endpoint": "http://clb.example.com"}, ["'http://clb.example.com'", "https"]),
    "password in the endpoint": ({"endpoint": f"https://me:{PASSWORD}@clb.example.com"}, ["endpoint", "password"]),
    "path in the endpoint": ({"endpoint": "https://clb.example.com/v3"}, ["clb.example.com/v3", "without a path"]),
}

CLOUD_SAID = {"unknown load balancer", "unknown region", "wrong key", "unknown key pair"}
"""Cases in which the cloud, not the module, finds out."""


def check_clear(cloud, run, parts):
    assert (run.failed, run.changed, cloud.writes()) == (True, False, [])
    assert all(part in run.message for part in parts), run.message
    assert len(run.message) < 1000, "nobody reads that"
    assert WRONG_KEY not in str(run)
    assert PASSWORD not in str(run)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("name", [*ENTRIES, *OPTIONS])
def test_bad_options_and_entries(name, check):
    cloud = Cloud(WORLD)
    options, parts = OPTIONS.get(name) or ({"targets": ENTRIES[name][0]}, ENTRIES[name][1])
    run = cloud.run(check=check, **{"load_balancer_id": "lb-1", "targets": [SHOP_TCP], **options})
    check_clear(cloud, run, parts)
    assert set(cloud.actions()) <= {"DescribeTargets"}
    if name in CLOUD_SAID:
        assert run["error"]["action"] == "DescribeTargets"
        assert run["error"]["request_id"]
    else:
        assert run["error"]["action"] is None
        assert run.code in ("InvalidArgument", "CredentialsNotFound")


ENDPOINTS: dict[str, tuple[Raw, str, list[str]]] = {
    "html": ({"kind": "html"}, "UnexpectedAnswer", ["no JSON", "text/html", "endpoint"]),
    "gateway": ({"kind": "http", "status": 502}, "UnexpectedAnswer", ["HTTP 502", "endpoint"]),
    "torn": ({"kind": "torn"}, "UnexpectedAnswer", ["no JSON", "endpoint"]),
    "another api": ({"kind": "no_response"}, "UnexpectedAnswer", ["no object Response", "endpoint"]),
    "redirect": ({"kind": "redirect"}, "UnexpectedAnswer", ["redirect", "endpoint"]),
    "hang": ({"kind": "hang", "seconds": 30}, "ConnectionFailed", ["within 1 s", "endpoint"]),
    "cut": ({"kind": "cut_before"}, "ConnectionFailed", ["cut", "endpoint"]),
}
"""Name -> the fault that every call meets there, the code in ``error``, and what the message names."""


@pytest.mark.parametrize("fault, code, parts", ENDPOINTS.values(), ids=ENDPOINTS)
def test_endpoints_that_do_not_answer_as_the_api_does(fault, code, parts):
    cloud = Cloud(WORLD)
    cloud.add_faults({"action": "*", "times": -1, **fault})
    run = cloud.run(targets=[SHOP_TCP], timeout=1, wait_timeout=8)
    check_clear(cloud, run, parts)
    assert (run.code, set(cloud.actions())) == (code, {"DescribeTargets"})


def test_a_clock_that_is_wrong_and_an_endpoint_where_nobody_listens():
    cloud = Cloud(WORLD, clock_offset=600)
    run = cloud.run(targets=[SHOP_TCP])
    check_clear(cloud, run, ["clock", "5 minutes"])
    assert run.code == "AuthFailure.SignatureExpire"
    cloud.unreachable(times=-1)
    run = cloud.run(targets=[SHOP_TCP], wait_timeout=8)
    check_clear(cloud, run, ["can't connect", "refused", "endpoint"])
    assert run.code == "ConnectionFailed"


def left(cloud):
    """What is bound, without weights and tags."""
    return {binding[:4] for binding in cloud.bindings()}


IN_SHOP = {
    *(("lbl-tcp", None, backend, 8443) for backend in ("ins-a", "ins-b", "10.0.9.1")),
    *{("lbl-dns-tcp", None, "2001:db8::53", 53), ("lbl-dns-udp", None, "ins-a", 53)},
    *{("lbl-http", "loc-shop", "ins-a", 8080), ("lbl-http", "loc-shop", "ins-b", 8080)},
}
"""What is bound to a web shop."""
ON_TCP = {"listener_id": "lbl-tcp"}
A_8443 = {"instance_id": "ins-a", "port": 8443}
SELECTORS: dict[str, tuple[list[Raw], set[tuple[Any, ...]]]] = {
    "an instance": ([{"instance_id": "ins-a"}], {key for key in IN_SHOP if key[2] == "ins-a"}),
    "an address in another spelling": ([{"ip": "2001:DB8:0:0::53"}], {("lbl-dns-tcp", None, "2001:db8::53", 53)}),
    "a listener with its rules": ([{"listener_id": "lbl-http"}], {key for key in IN_SHOP if key[0] == "lbl-http"}),
    "a domain without url": ([{"domain": "shop.EXAMPLE.com"}], {key for key in IN_SHOP if key[1] == "loc-shop"}),
    "an empty tag narrows nothing": (
        [{**ON_TCP, "tag": "", "weight": 99}],
        {key for key in IN_SHOP if key[0] == "lbl-tcp"},
    ),
    "what overlaps": ([{"instance_id": "ins-a"}, {**ON_TCP, **A_8443}], {key for key in IN_SHOP if key[2] == "ins-a"}),
}


@pytest.mark.parametrize("selectors, gone", SELECTORS.values(), ids=SELECTORS)
def test_selectors_of_absent(selectors, gone):
    cloud = Cloud(WORLD)
    run = cloud.run(state="absent", targets=selectors)
    assert (run.failure, IN_SHOP - left(cloud), keys(run["deregistered"])) == (None, gone, gone)
    assert run.changed == bool(gone)


def test_purge_stays_within_the_named_listeners_and_rules():
    cloud = Cloud(WORLD)
    new = {"location_id": "loc-api", "instance_id": "ins-n", "port": 9000}
    cloud.run(purge=True, targets=[{**ON_TCP, "eni_ip": "10.0.9.1", "port": 8443}, new])
    gone = {("lbl-tcp", None, "ins-a", 8443), ("lbl-tcp", None, "ins-b", 8443)}
    assert left(cloud) == (IN_SHOP - gone) | {("lbl-http", "loc-api", "ins-n", 9000)}
    assert cloud.actions("Batch*") == ["BatchRegisterTargets", "BatchDeregisterTargets"]
