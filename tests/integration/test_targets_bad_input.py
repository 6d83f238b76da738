# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong is said clearly: the value and the remedy, no traceback, no secret, and nothing is written."""

from __future__ import annotations

import re
import socket
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.testing import Emulator

from .plays import RETURNED, failing, play, task, web_shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import PlaybookRun, TaskResult

WORLD = {"rate_limit": 0, "instances": {"ins-a": {"ip": "10.1.0.1"}}, "load_balancers": [web_shop()]}
WRONG_KEY = "ThisIsNotTheKeyOfThisSecretId000"
PASSWORD = "hunter2hunter2"
TCP = {"listener_id": "lbl-tcp", "instance_id": "ins-n", "port": 8443}
HTTP = {"listener_id": "lbl-http", "instance_id": "ins-n", "port": 8080}


def without(target: dict[str, Any], *names: str, **more: Any) -> dict[str, Any]:
    return {**{key: value for key, value in target.items() if key not in names}, **more}


ENTRIES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "unknown listener": ([{**TCP, "listener_id": "lbl-ghost"}], ["'lbl-ghost'", "lbl-tcp", "lbl-http"]),
    "unknown port": ([without(TCP, "listener_id", listener_port=81)], ["81", "TCP:443 (lbl-tcp)"]),
    "unknown rule": ([{**HTTP, "location_id": "loc-ghost"}], ["'loc-ghost'", "loc-shop"]),
    "unknown domain": ([{**HTTP, "domain": "no.example.com", "url": "/"}], ["'no.example.com'", "loc-api"]),
    "layer 7 without a rule": ([HTTP], ["lbl-http", "layer-7", "location_id", "domain", "loc-shop"]),
    "layer 4 with a domain": ([{**TCP, "domain": "shop.example.com", "url": "/"}], ["lbl-tcp", "layer-4"]),
    "layer 4 with a rule": ([{**TCP, "location_id": "loc-shop"}], ["lbl-tcp", "loc-shop"]),
    "both backends": ([{**TCP, "eni_ip": "10.0.0.1"}], ["'ins-n'", "'10.0.0.1'", "exactly one"]),
    "no backend": ([without(TCP, "instance_id")], ["targets[0]", "instance_id", "eni_ip"]),
    "no port": ([without(TCP, "port")], ["targets[0]", "port"]),
    "no listener": ([without(TCP, "listener_id")], ["listener_id", "listener_port", "location_id"]),
    "port 0": ([{**TCP, "port": 0}], ["port 0", "1 to 65535"]),
    "port 70000": ([TCP, {**TCP, "port": 70000}], ["targets[1]", "port 70000", "1 to 65535"]),
    "weight -1": ([{**TCP, "weight": -1}], ["weight -1", "0 to 100"]),
    "weight 101": ([{**TCP, "weight": 101}], ["weight 101", "0 to 100"]),
    "weight that is text": ([{**TCP, "weight": "heavy"}], ["weight", "heavy"]),
    "bad IP": ([without(TCP, "instance_id", eni_ip="10.0.0.256")], ["'10.0.0.256'", "IP address"]),
    "two weights": ([{**TCP, "weight": 1}, {**TCP, "weight": 2}], ["targets[0]", "targets[1]", "weight 1", "weight 2"]),
    "two tags": ([{**TCP, "tag": "a"}, TCP], ["tag 'a'", "not given"]),
    "two weights once resolved": (
        [
            {**TCP, "instance_id": "ins-a", "weight": 1},
            {"listener_port": 443, "listener_protocol": "TCP", "eni_ip": "10.1.0.1", "port": 8443, "weight": 2},
        ],
        ["targets[0]", "targets[1]", "weight 1", "weight 2"],
    ),
    "ambiguous port": ([without(TCP, "listener_id", listener_port=53)], ["53", "TCP", "UDP", "listener_protocol"]),
    "contradicting port": ([{**TCP, "listener_port": 80}], ["80", "TCP:443 (lbl-tcp)"]),
    "contradicting domain": ([{**HTTP, "location_id": "loc-api", "domain": "shop.example.com"}], ["shop", "loc-api"]),
    "unknown protocol": (
        [without(TCP, "listener_id", listener_port=443, listener_protocol="SCTP")],
        ["SCTP", "443", "UDP"],
    ),
    "domain without url": ([{**HTTP, "domain": "shop.example.com"}], ["domain", "url"]),
    "unknown key": ([{**TCP, "wieght": 3}], ["wieght", "weight"]),
}

OPTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown load balancer": ({"load_balancer_id": "lb-ghost"}, ["lb-ghost", "load_balancer_id", "region"]),
    "unknown region": ({"region": "mars-north"}, ["mars-north", "region"]),
    "no load balancer": ({"load_balancer_id": None}, ["load_balancer_id", "load_balancer_name"]),
    "two load balancers": ({"load_balancer_name": "lb-1"}, ["load_balancer_id", "load_balancer_name"]),
    "unknown state": ({"state": "gone"}, ["gone", "present, absent, drained"]),
    "purge with absent": ({"state": "absent", "purge": True}, ["purge", "absent"]),
    "health without waiting": ({"wait_for_health": True, "wait": False}, ["wait_for_health", "wait"]),
    "no time": ({"wait_timeout": 0}, ["wait_timeout 0", "from 1 to"]),
    "negative guard": ({"min_healthy": -1}, ["min_healthy -1", "from 0 to"]),
    "selector of everything": (
        {"state": "absent", "targets": [{"port": 80}]},
        ["targets[0]", "rule or backend is named"],
    ),
    "half a pair": ({"secret_id": "AKIDsomething"}, ["secret_key"]),
    "wrong key": (
        {"secret_id": "{{ lookup('env', 'OWN_ID') }}", "secret_key": "{{ lookup('env', 'WRONG_KEY') }}"},
        ["SignatureFailure", "secret_key"],
    ),
    "unknown key pair": (
        {"secret_id": "AKIDnobody", "secret_key": "{{ lookup('env', 'WRONG_KEY') }}"},
        ["SecretIdNotFound", "secret_id"],
    ),
    "http to elsewhere": ({"endpoint": "http://clb.example.com"}, ["'http://clb.example.com'", "https"]),
    "password in the endpoint": (
        {"endpoint": "https://me:{{ lookup('env', 'PASSWORD') }}@clb.example.com"},
        ["endpoint", "password"],
    ),
    "path in the endpoint": ({"endpoint": "https://clb.example.com/v3"}, ["clb.example.com/v3", "without a path"]),
}

CLOUD_SAID = {"unknown load balancer", "unknown region", "wrong key", "unknown key pair"}
"""Cases in which the cloud, not the module, finds out."""


def check_harmless(run: PlaybookRun, secrets: list[str]) -> None:
    """No traceback, and no secret or signature anywhere in what was printed at any verbosity."""
    assert "Traceback" not in run.output
    assert "MODULE FAILURE" not in run.output
    for secret in secrets:
        assert secret not in run.output
    assert not re.search(r"Signature=[0-9a-f]{16}", run.output)


def check_clear(outcome: TaskResult, parts: list[str]) -> None:
    result = outcome.result
    assert outcome.status == "failed"
    assert result.keys() >= RETURNED
    assert result["changed"] is False
    assert all(part in result["msg"] for part in parts), result["msg"]
    assert len(result["msg"]) < 1000, "nobody reads that"


def test_bad_options_and_entries(playbook, emulator, subtests):
    emulator.load(WORLD)
    before = emulator.bindings()
    plain = {"load_balancer_id": "lb-1", "targets": [TCP]}
    tasks = [failing(name, **{**plain, "targets": entries}) for name, (entries, _) in ENTRIES.items()]
    tasks += [
        failing(name, **{key: value for key, value in {**plain, **options}.items() if value is not None})
        for name, (options, _) in OPTIONS.items()
    ]
    # Not written into the playbook or its variables: Ansible itself shows those.
    secrets = {"OWN_ID": emulator.secret_id, "WRONG_KEY": WRONG_KEY, "PASSWORD": PASSWORD}
    run = playbook(play(*tasks), "-vvvv", environment=secrets)

    assert run.rc == 0, run.output
    check_harmless(run, [emulator.secret_key, WRONG_KEY, PASSWORD])
    for name, (_, parts) in {**ENTRIES, **OPTIONS}.items():
        with subtests.test(name):
            result = run.result(name)
            check_clear(run.task(name), parts)
            if name in CLOUD_SAID:
                assert result["error"]["action"] == "DescribeTargets"
                assert result["error"]["request_id"]
            else:
                assert result["error"]["action"] is None
                assert result["error"]["code"] in ("InvalidArgument", "CredentialsNotFound")
    assert emulator.bindings() == before
    assert {call["action"] for call in emulator.calls()} == {"DescribeTargets"}


def test_check_mode_refuses_what_the_real_run_refuses(playbook, emulator):
    emulator.load(WORLD)
    names = ["unknown listener", "unknown rule", "layer 7 without a rule", "layer 4 with a domain"]
    tasks = [failing(name, load_balancer_id="lb-1", targets=ENTRIES[name][0]) for name in names]
    run = playbook(play(*tasks), "--check", "--diff")

    for name in names:
        check_clear(run.task(name), ENTRIES[name][1])


def test_without_any_credentials_it_says_how_to_give_them(playbook, emulator):
    nothing = {"TENCENTCLOUD_SECRET_ID": "", "TENCENTCLOUD_SECRET_KEY": "", "TENCENTCLOUD_TOKEN": ""}
    run = playbook(play(task("Bind", load_balancer_id="lb-1", targets=[TCP])), "-vvvv", environment=nothing)

    assert run.rc == 2
    check_harmless(run, [])
    check_clear(run.task("Bind"), ["secret_id", "secret_key", "TENCENTCLOUD_SECRET_ID"])
    assert run.result("Bind")["error"]["code"] == "CredentialsNotFound"
    assert emulator.count() == 0


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


@pytest.fixture
def endpoints() -> Iterator[dict[str, Emulator]]:
    """An emulator for each endpoint that never answers well."""
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Emulator(WORLD, faults=[{"action": "*", "times": -1, **fault}]))
            for name, (fault, _, _) in ENDPOINTS.items()
        }


def test_endpoints_that_do_not_answer_as_the_api_does(playbook, emulator, endpoints, subtests):
    emulator.load(WORLD, clock_offset=600)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        urls = {name: running.url for name, running in endpoints.items()}
        urls["refused"] = f"http://127.0.0.1:{closed.getsockname()[1]}"
        urls["clock"] = emulator.url
        options = {"endpoint": "{{ urls[inventory_hostname] }}", "timeout": 1, "wait_timeout": 8}
        bind = failing("Bind", load_balancer_id="lb-1", targets=[TCP], **options)
        # A host for each endpoint, so that their waits run side by side.
        run = playbook(
            play(bind, hosts="all", connection="local"),
            "-vvvv",
            f"--inventory={','.join(urls)},",
            "--forks=9",
            # Not whatever Python Ansible finds first on this machine.
            variables={"urls": urls, "ansible_python_interpreter": sys.executable},
        )

    assert run.rc == 0, run.output
    check_harmless(run, [emulator.secret_key])
    expected = {name: rest for name, (_, *rest) in ENDPOINTS.items()}
    expected["refused"] = ["ConnectionFailed", ["can't connect", "refused", "endpoint"]]
    expected["clock"] = ["AuthFailure.SignatureExpire", ["clock", "5 minutes"]]
    for name, (code, parts) in expected.items():
        with subtests.test(name):
            check_clear(run.task("Bind", name), [*parts, urls[name]] if name != "clock" else parts)
            assert run.result("Bind", name)["error"]["code"] == code
    for running in (emulator, *endpoints.values()):
        assert not [call for call in running.calls() if call["action"] != "DescribeTargets"]
