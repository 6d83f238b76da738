# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On a load balancer with a bit of everything: what is wrong is said clearly, and what selectors take away."""

from __future__ import annotations

from typing import Any

import pytest

from clb_emulator.accounts import DEFAULT_SECRET_ID as OWN_ID
from harness import Cloud, Run
from shop import keys, web_shop

WORLD = {"instances": {"ins-a": {"ip": "10.1.0.1"}}, "load_balancers": [web_shop()]}
WRONG_KEY = "ThisIsNotTheKeyOfThisSecretId000"
PASSWORD = "hunter2hunter2"
PORT_53 = {"listener_port": 53}
TCP = {"listener_id": "lbl-tcp", "instance_id": "ins-n", "port": 8443}
ENTRIES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "unknown listener": ([{**TCP, "listener_id": "lbl-ghost"}], ["'lbl-ghost'", "lbl-tcp", "lbl-http"]),
    "port 70000": ([TCP, {**TCP, "port": 70000}], ["targets[1]", "port 70000", "1 to 65535"]),
    "two weights once resolved": (
        [
            {**TCP, "instance_id": "ins-a", "weight": 1},
            {"listener_port": 443, "listener_protocol": "TCP", "eni_ip": "10.1.0.1", "port": 8443, "weight": 2},
        ],
        ["targets[0]", "targets[1]", "weight 1", "weight 2"],
    ),
    "ambiguous port": ([{**PORT_53, "instance_id": "ins-n", "port": 53}], ["TCP", "UDP", "listener_protocol"]),
    "unknown key": ([{**TCP, "wieght": 3}], ["wieght", "weight"]),
}

OPTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown load balancer": ({"load_balancer_id": "lb-ghost"}, ["LBIdNotFound", "lb-ghost", "region"]),
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


def check_clear(cloud: Cloud, run: Run, parts: list[str]) -> None:
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
    run = cloud.run(check=check, **{"load_balancer_id": "lb-1", "targets": [TCP], **options})
    check_clear(cloud, run, parts)
    assert set(cloud.actions()) <= {"DescribeTargets"}
    if name in CLOUD_SAID:
        assert run["error"]["action"] == "DescribeTargets"
        assert run["error"]["request_id"]
    else:
        assert run["error"]["action"] is None
        assert run.code in ("InvalidArgument", "CredentialsNotFound")


ENDPOINTS: dict[str, tuple[dict[str, Any], str, list[str]]] = {
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
    run = cloud.run(targets=[TCP], timeout=1, wait_timeout=8)
    check_clear(cloud, run, parts)
    assert (run.code, set(cloud.actions())) == (code, {"DescribeTargets"})


def test_a_clock_that_is_wrong_and_an_endpoint_where_nobody_listens():
    cloud = Cloud(WORLD, clock_offset=600)
    run = cloud.run(targets=[TCP])
    check_clear(cloud, run, ["clock", "5 minutes"])
    assert run.code == "AuthFailure.SignatureExpire"
    cloud.unreachable(times=-1)
    run = cloud.run(targets=[TCP], wait_timeout=8)
    check_clear(cloud, run, ["can't connect", "refused", "endpoint"])
    assert run.code == "ConnectionFailed"


def left(cloud: Cloud) -> set[tuple[Any, ...]]:
    """What is bound, without weights and tags."""
    return {binding[:4] for binding in cloud.bindings()}


ALL = {
    *(("lbl-tcp", None, backend, 8443) for backend in ("ins-a", "ins-b", "10.0.9.1")),
    *{("lbl-dns-tcp", None, "2001:db8::53", 53), ("lbl-dns-udp", None, "ins-a", 53)},
    *{("lbl-http", "loc-shop", "ins-a", 8080), ("lbl-http", "loc-shop", "ins-b", 8080)},
}
"""What is bound to a web shop."""
ON_TCP = {"listener_id": "lbl-tcp"}
A_8443 = {"instance_id": "ins-a", "port": 8443}
SELECTORS: dict[str, tuple[list[dict[str, Any]], set[tuple[Any, ...]]]] = {
    "an instance": ([{"instance_id": "ins-a"}], {key for key in ALL if key[2] == "ins-a"}),
    "an address in another spelling": ([{"ip": "2001:DB8:0:0::53"}], {("lbl-dns-tcp", None, "2001:db8::53", 53)}),
    "a listener with its rules": ([{"listener_id": "lbl-http"}], {key for key in ALL if key[0] == "lbl-http"}),
    "a domain without url": ([{"domain": "shop.EXAMPLE.com"}], {key for key in ALL if key[1] == "loc-shop"}),
    "an empty tag narrows nothing": (
        [{**ON_TCP, "tag": "", "weight": 99}],
        {key for key in ALL if key[0] == "lbl-tcp"},
    ),
    "what overlaps": ([{"instance_id": "ins-a"}, {**ON_TCP, **A_8443}], {key for key in ALL if key[2] == "ins-a"}),
}


@pytest.mark.parametrize("selectors, gone", SELECTORS.values(), ids=SELECTORS)
def test_selectors_of_absent(selectors, gone):
    cloud = Cloud(WORLD)
    run = cloud.run(state="absent", targets=selectors)
    assert (run.failure, ALL - left(cloud), keys(run["deregistered"])) == (None, gone, gone)
    assert run.changed == bool(gone)


def test_purge_stays_within_the_named_listeners_and_rules():
    cloud = Cloud(WORLD)
    new = {"location_id": "loc-api", "instance_id": "ins-n", "port": 9000}
    cloud.run(purge=True, targets=[{**ON_TCP, "eni_ip": "10.0.9.1", "port": 8443}, new])
    gone = {("lbl-tcp", None, "ins-a", 8443), ("lbl-tcp", None, "ins-b", 8443)}
    assert left(cloud) == (ALL - gone) | {("lbl-http", "loc-api", "ins-n", 9000)}
    assert cloud.actions("Batch*") == ["BatchRegisterTargets", "BatchDeregisterTargets"]
