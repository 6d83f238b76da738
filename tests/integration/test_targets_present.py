# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks with every option: the dry run is the real run to the byte, and a second run has nothing to do."""

from __future__ import annotations

from typing import Any

from clb_emulator.queries import calls

from .plays import RETURNED, dry, keys, play, shown, task, web_shop

PREDICTED = ("changed", "registered", "modified", "deregistered", "targets", "listeners", "diff")
"""What check mode says must be what the real run then says."""

CASES: dict[str, dict[str, Any]] = {
    "layer 4 by ID": {"targets": [{"listener_id": "lbl-tcp", "instance_id": "ins-n", "port": 8443}]},
    "layer 4 by port": {
        "targets": [
            {"listener_port": 443, "listener_protocol": "tcp", "instance_id": "ins-n", "port": 8443, "weight": 0},
            {"listener_port": 53, "listener_protocol": "UDP", "ip": "2001:DB8:0::0:53", "port": 53},
            {"listener_port": 9000, "eni_ip": "10.0.9.7", "port": 9000, "weight": 100},
        ]
    },
    "layer 7 by rule": {
        "targets": [
            {"location_id": "loc-shop", "instance_id": "ins-n", "port": 8080, "weight": 3},
            {"listener_id": "lbl-http", "location_id": "loc-api", "eni_ip": "10.0.9.8", "port": 9000},
        ]
    },
    "layer 7 by domain and url": {
        "targets": [
            {"listener_id": "lbl-http", "domain": "SHOP.example.com", "url": "/", "instance_id": "ins-n", "port": 80},
            {
                "listener_port": 443,
                "listener_protocol": "HTTPS",
                "domain": "shop.EXAMPLE.com",
                "url": "/",
                "eni_ip": "10.0.9.9",
                "port": 8443,
                "tag": "grün",
            },
        ]
    },
    "weights and tags in place": {
        "targets": [
            {"listener_id": "lbl-tcp", "instance_id": "ins-a", "port": 8443, "weight": 77, "tag": "green"},
            {"listener_id": "lbl-tcp", "instance_id": "ins-b", "port": 8443, "tag": ""},
            {"listener_id": "lbl-tcp", "eni_ip": "10.0.9.1", "port": 8443, "weight": 0, "tag": None},
        ]
    },
    "what is there by another name": {
        "targets": [
            {"listener_id": "lbl-tcp", "eni_ip": "10.1.0.1", "port": 8443, "weight": 30},
            {"listener_id": "lbl-range", "eni_ip": "10.1.0.1", "port": 9001},
        ]
    },
    "purge": {
        "purge": True,
        "targets": [
            {"listener_id": "lbl-tcp", "instance_id": "ins-n", "port": 8443},
            {"listener_id": "lbl-tcp", "instance_id": "ins-a", "port": 8443},
            {"location_id": "loc-shop", "instance_id": "ins-b", "port": 8080, "weight": 21},
        ],
    },
    "guarded and awaited": {
        "purge": True,
        "min_healthy": 2,
        "wait_for_health": True,
        "wait_timeout": 60,
        "targets": [
            {"location_id": "loc-shop", "instance_id": "ins-n", "port": 8080},
            {"location_id": "loc-shop", "instance_id": "ins-m", "port": 8080},
        ],
    },
    "absent": {
        "state": "absent",
        "targets": [{"instance_id": "ins-a"}, {"listener_port": 53}, {"domain": "shop.example.com", "tag": "blue"}],
    },
    "drained": {"state": "drained", "targets": [{"listener_id": "lbl-http"}, {"ip": "10.0.9.1"}]},
    "nothing listed": {"targets": []},
    "without waiting": {"wait": False, "targets": [{"listener_id": "lbl-range", "instance_id": "ins-n", "port": 9000}]},
}


def lb_of(case: str) -> str:
    return f"lb-{list(CASES).index(case)}"


def scenario() -> dict[str, Any]:
    return {
        "task_seconds": 0.05,
        "rate_limit": 0,
        "instances": {"ins-a": {"ip": "10.1.0.1"}},
        "load_balancers": [web_shop(lb_of(case), name=case) for case in CASES],
    }


def test_dry_run_is_the_real_run_and_a_second_one_has_nothing_to_do(playbook, emulator, subtests):
    emulator.load(scenario())
    before = emulator.bindings()
    dry_runs = [dry(f"{case}, dry", load_balancer_id=lb_of(case), **options) for case, options in CASES.items()]
    first = playbook(play(*dry_runs))
    assert first.rc == 0, first.output
    assert emulator.bindings() == before
    assert not [call for call in emulator.calls() if call["action"].startswith("Batch")]

    emulator.clear_journal()
    real_runs = [
        run
        for case, options in CASES.items()
        for run in (
            shown(case, load_balancer_id=lb_of(case), **options),
            {
                "name": "Let the task end",
                "ansible.builtin.wait_for": {"timeout": 1},
                "when": not options.get("wait", True),
            },
            shown(f"{case}, again", load_balancer_id=lb_of(case), **options),
        )
    ]
    second = playbook(play(*real_runs))
    assert second.rc == 0, second.output
    journal = emulator.journal()
    for case, options in CASES.items():
        with subtests.test(case):
            check_case(case, first.result(f"{case}, dry"), second.result(case), second.result(f"{case}, again"))
            reads = 1 + bool(options.get("wait_for_health")) if options["targets"] else 0
            expected = dict.fromkeys(("DescribeTargets", "DescribeTargetHealth")[:reads], 1)
            assert second.result(f"{case}, again")["api_calls"] == expected
            sent = [call["action"] for call in calls(journal) if call["params"].get("LoadBalancerId") == lb_of(case)]
            assert sent.count("DescribeTargets") <= 8


def check_case(case: str, dry_run: dict[str, Any], real: dict[str, Any], again: dict[str, Any]) -> None:
    assert dry_run.keys() >= RETURNED
    assert real.keys() >= RETURNED
    assert {key: dry_run[key] for key in PREDICTED} == {key: real[key] for key in PREDICTED}
    assert real["changed"] == (case != "nothing listed")
    assert not again["registered"] + again["modified"] + again["deregistered"]
    assert again["changed"] is False
    if real["diff"]:
        assert real["diff"]["before"] != real["diff"]["after"]
        assert again["diff"]["before"] == again["diff"]["after"]
        gone = CASES[case].get("state") == "absent"
        # What nothing matches any more is not touched any more.
        assert len(again["targets"]) == (0 if gone else len(real["targets"]))


def test_what_a_first_playbook_binds(playbook, emulator):
    emulator.load(scenario())
    lb = lb_of("layer 4 by ID")
    run = playbook(
        play(
            shown(
                "Bind",
                load_balancer_name="layer 4 by ID",
                targets=[
                    {"listener_id": "lbl-tcp", "instance_id": "ins-n", "port": 8443, "weight": 30, "tag": "green"},
                    {"location_id": "loc-api", "eni_ip": "10.0.9.8", "port": 9000},
                    {"listener_id": "lbl-tcp", "instance_id": "ins-b", "port": 8443},
                ],
            )
        )
    )
    assert run.rc == 0, run.output
    result = run.result("Bind")
    new = {("lbl-tcp", None, "ins-n", 8443, 30, "green"), ("lbl-http", "loc-api", "10.0.9.8", 9000, 10, "")}

    assert new <= emulator.bindings(lb)
    # Neither weight nor tag was given: a drained target stays drained.
    assert ("lbl-tcp", None, "ins-b", 8443, 0, "blue") in emulator.bindings(lb)
    assert result["load_balancer_id"] == lb
    assert keys(result["registered"]) == {binding[:4] for binding in new}
    assert result["request_ids"] == [call["request_id"] for call in emulator.calls("BatchRegisterTargets")]
    assert result["api_calls"] == {
        "DescribeLoadBalancers": 1,
        "DescribeTargets": 2,
        "BatchRegisterTargets": 1,
    }
    statuses = {(place["listener_id"], place["location_id"]): place for place in result["listeners"]}
    assert statuses["lbl-tcp", None] == {
        "listener_id": "lbl-tcp",
        "load_balancer_id": "lb-0",
        "location_id": None,
        "protocol": "TCP",
        "port": 443,
        "domain": None,
        "url": None,
        "status": "changed",
        "registered": 1,
        "modified": 0,
        "deregistered": 0,
        "unchanged": 3,
        "bound": 4,
        "message": None,
    }
    assert statuses["lbl-http", "loc-api"]["status"] == "changed"
    assert '+TCP:443 (lbl-tcp)  ins-n:8443  weight 30  tag "green"' in run.stdout


def test_drained_target_tag_and_weight_survive_runs_that_do_not_name_them(playbook, emulator):
    emulator.load({**scenario(), "load_balancers": [web_shop()]})
    drained = [{"listener_id": "lbl-tcp", "instance_id": "ins-a", "port": 8443}]
    again = [*drained, {"listener_id": "lbl-tcp", "instance_id": "ins-n", "port": 8443}]
    run = playbook(
        play(
            task("Drain", state="drained", targets=drained),
            task("Bind, and name the drained one", targets=again),
            task("Purge the rest", targets=again, purge=True),
            module_defaults={"group/tencentcloud.clb.all": {"load_balancer_id": "lb-1"}},
        )
    )

    assert run.rc == 0, run.output
    assert {binding for binding in emulator.bindings() if binding[0] == "lbl-tcp"} == {
        ("lbl-tcp", None, "ins-a", 8443, 0, "blue"),
        ("lbl-tcp", None, "ins-n", 8443, 10, ""),
    }


def test_loop_over_load_balancers(playbook, emulator):
    balancers = ["lb-1", "lb-2", "lb-3"]
    emulator.load({**scenario(), "load_balancers": [web_shop(name) for name in balancers]})
    options = {
        "load_balancer_id": "{{ item }}",
        "targets": "{{ backends | tencentcloud.clb.bind([{'listener_id': 'lbl-range'}, {'location_id': 'loc-tls'}]) }}",
    }
    run = playbook(
        play(task("Bind", keywords={"loop": balancers, "register": "done"}, **options)),
        variables={"backends": [{"instance_id": f"ins-{number}", "port": 9000} for number in range(3)]},
    )

    assert run.rc == 0, run.output
    assert [len(item["registered"]) for item in run.result("Bind")["results"]] == [6, 6, 6]
    assert emulator.count("BatchRegisterTargets") == len(balancers)
