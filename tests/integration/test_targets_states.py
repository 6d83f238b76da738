# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks with purge, absent and drained, guards and health, names, and results that go back in."""

from __future__ import annotations

from typing import Any

import pytest

from .plays import dry, failing, keys, play, task, web_shop

TCP = {"listener_id": "lbl-tcp"}


def load(emulator: Any, *names: str, **settings: Any) -> None:
    """Load one web shop for each of these load balancers."""
    world = {"task_seconds": 0.05, "rate_limit": 0, "load_balancers": [web_shop(name) for name in names or ("lb-1",)]}
    emulator.load({**world, **settings})


def on(load_balancer_id: str) -> dict[str, Any]:
    return {"module_defaults": {"group/tencentcloud.clb.all": {"load_balancer_id": load_balancer_id}}}


def left(emulator: Any, load_balancer_id: str = "lb-1") -> set[tuple[Any, ...]]:
    """What is bound, without weights and tags."""
    return {binding[:4] for binding in emulator.bindings(load_balancer_id)}


ALL = {
    ("lbl-tcp", None, "ins-a", 8443),
    ("lbl-tcp", None, "ins-b", 8443),
    ("lbl-tcp", None, "10.0.9.1", 8443),
    ("lbl-dns-tcp", None, "2001:db8::53", 53),
    ("lbl-dns-udp", None, "ins-a", 53),
    ("lbl-http", "loc-shop", "ins-a", 8080),
    ("lbl-http", "loc-shop", "ins-b", 8080),
}
"""What is bound to a web shop."""

SELECTORS: dict[str, tuple[list[dict[str, Any]], set[tuple[Any, ...]]]] = {
    "an instance": ([{"instance_id": "ins-a"}], {key for key in ALL if key[2] == "ins-a"}),
    "an instance on a listener": ([{**TCP, "instance_id": "ins-a"}], {("lbl-tcp", None, "ins-a", 8443)}),
    "an address in another spelling": (
        [{"ip": "2001:DB8:0:0::53"}],
        {("lbl-dns-tcp", None, "2001:db8::53", 53)},
    ),
    "a listener with its rules": ([{"listener_id": "lbl-http"}], {key for key in ALL if key[0] == "lbl-http"}),
    "a port of both protocols": ([{"listener_port": 53}], {key for key in ALL if "dns" in key[0]}),
    "a domain without url": ([{"domain": "shop.EXAMPLE.com"}], {key for key in ALL if key[1] == "loc-shop"}),
    "a rule": ([{"location_id": "loc-shop", "instance_id": "ins-b"}], {("lbl-http", "loc-shop", "ins-b", 8080)}),
    "a tag on a listener": ([{**TCP, "tag": "blue"}], {("lbl-tcp", None, f"ins-{x}", 8443) for x in "ab"}),
    "an empty tag narrows nothing": ([{**TCP, "tag": "", "weight": 99}], {key for key in ALL if key[0] == "lbl-tcp"}),
    "a backend port": ([{"instance_id": "ins-a", "port": 53}], {("lbl-dns-udp", None, "ins-a", 53)}),
    "what overlaps": (
        [{"instance_id": "ins-a"}, {**TCP, "instance_id": "ins-a", "port": 8443}],
        {key for key in ALL if key[2] == "ins-a"},
    ),
    "nobody": ([{"instance_id": "ins-nobody"}], set()),
}


def test_selectors_of_absent(playbook, emulator, subtests):
    names = {case: f"lb-{number}" for number, case in enumerate(SELECTORS)}
    load(emulator, *names.values())
    run = playbook(
        play(
            *(
                task(case, load_balancer_id=names[case], state="absent", targets=selectors)
                for case, (selectors, _) in SELECTORS.items()
            )
        )
    )
    assert run.rc == 0, run.output
    for case, (_, gone) in SELECTORS.items():
        with subtests.test(case):
            assert ALL - left(emulator, names[case]) == gone
            assert keys(run.result(case)["deregistered"]) == gone
            assert run.task(case).changed == bool(gone)


def test_drained_keeps_the_bindings_and_unknown_names_differ_by_state(playbook, emulator):
    load(emulator)
    ghost = [{"listener_id": "lbl-ghost"}, {"instance_id": "ins-a"}]
    run = playbook(
        play(
            task(
                "Drain", state="drained", targets=[{"instance_id": "ins-a"}, {"listener_id": "lbl-http", "weight": 7}]
            ),
            failing("Drain a ghost", state="drained", targets=ghost),
            task("Remove a ghost", state="absent", targets=ghost),
            **on("lb-1"),
        )
    )

    assert run.rc == 0, run.output
    drained = run.result("Drain")
    assert keys(drained["modified"]) == {key for key in ALL if key[2] == "ins-a" or key[0] == "lbl-http"}
    assert {entry["after"]["weight"] for entry in drained["modified"]} == {0}
    refused = run.result("Drain a ghost")
    assert "lbl-ghost" in refused["msg"]
    assert "lbl-dns-udp" in refused["msg"], "it does not say what exists"
    assert refused["error"]["code"] == "InvalidArgument"
    assert "BatchModifyTargetWeight" not in refused["api_calls"]
    removed = run.result("Remove a ghost")
    assert keys(removed["deregistered"]) == {key for key in ALL if key[2] == "ins-a"}
    assert any("lbl-ghost" in warning for warning in removed["warnings"])


def test_purge_stays_within_the_named_listeners_and_rules(playbook, emulator):
    load(emulator)
    desired = [
        {**TCP, "eni_ip": "10.0.9.1", "port": 8443},
        {"location_id": "loc-api", "instance_id": "ins-n", "port": 9000},
    ]
    run = playbook(play(task("Purge", purge=True, targets=desired), **on("lb-1")))

    assert run.rc == 0, run.output
    gone = {("lbl-tcp", None, "ins-a", 8443), ("lbl-tcp", None, "ins-b", 8443)}
    assert left(emulator) == (ALL - gone) | {("lbl-http", "loc-api", "ins-n", 9000)}
    order = [call["action"] for call in emulator.calls() if call["action"].startswith("Batch")]
    assert order == ["BatchRegisterTargets", "BatchDeregisterTargets"]


@pytest.mark.parametrize(
    "name, names, message",
    [
        ("shop", {"lb-1": "shop", "lb-2": "shop"}, ["'shop'", "not unique", "lb-1", "lb-2", "load_balancer_id"]),
        ("shop", {"lb-1": "shop-1", "lb-2": "my shop"}, ["'shop'", "shop-1", "lb-1", "my shop"]),
        ("none", {"lb-1": "shop"}, ["'none'", "ap-guangzhou"]),
    ],
    ids=["two of that name", "similar names only", "no such name"],
)
def test_load_balancer_name_that_is_not_exactly_one(playbook, emulator, name, names, message):
    load(emulator, load_balancers=[web_shop(key, value) for key, value in names.items()])
    run = playbook(play(task("Bind", load_balancer_name=name, targets=[{**TCP, "instance_id": "ins-n", "port": 1}])))

    assert run.rc == 2, run.output
    assert all(part in run.result("Bind")["msg"] for part in message), run.result("Bind")["msg"]
    assert {call["action"] for call in emulator.calls()} == {"DescribeLoadBalancers"}


def test_min_healthy_guards_every_loss_also_in_a_dry_run(playbook, emulator):
    load(emulator, "lb-1", health={"dead": ["ins-b"]})
    shop = {"location_id": "loc-shop"}
    removal: dict[str, Any] = {"min_healthy": 1, "state": "absent", "targets": [{**shop, "instance_id": "ins-a"}]}
    replaced = {"min_healthy": 1, "purge": True, "targets": [{**shop, "instance_id": "ins-b", "port": 8080}]}
    run = playbook(
        play(
            {**dry("Dry", **removal), "ignore_errors": True},
            failing("Absent", **removal),
            failing("Drained", **{**removal, "state": "drained"}),
            failing("Weight 0", min_healthy=1, targets=[{**shop, "instance_id": "ins-a", "port": 8080, "weight": 0}]),
            failing("Purge", **replaced),
            task("Remove a dead one", **{**removal, "targets": [{**shop, "instance_id": "ins-b"}]}),
            task("Remove from where the guard is kept", **{**removal, "targets": [{"instance_id": "ins-b"}]}),
            task("Lower it", **{**removal, "min_healthy": 0}),
            **on("lb-1"),
        )
    )

    assert run.rc == 0, run.output
    for name in ("Dry", "Absent", "Drained", "Weight 0", "Purge"):
        result = run.result(name)
        assert result["error"]["code"] == "GuardRefused", name
        for part in ("min_healthy is 1", "loc-shop", "from 1 to 0", "ins-a:8080"):
            assert part in result["msg"], name
        assert result["changed"] is False
        assert {entry["code"] for entry in result["failed_targets"]} == {"NotAttempted"}
        assert not [action for action in result["api_calls"] if action.startswith("Batch")], name
    assert run.task("Remove a dead one").changed
    assert run.task("Lower it").changed


def test_wait_for_health(playbook, emulator):
    load(emulator, "lb-1", health={"after": 0.5, "dead": ["ins-x"], "closed_listeners": ["lbl-range"]})
    run = playbook(
        play(
            task("Healthy in time", wait_for_health=True, targets=[{**TCP, "instance_id": "ins-n", "port": 8443}]),
            failing(
                "Never healthy",
                wait_for_health=True,
                wait_timeout=2,
                purge=True,
                targets=[
                    {**TCP, "instance_id": "ins-x", "port": 8443, "weight": 4},
                    {**TCP, "instance_id": "ins-y", "port": 8443, "weight": 0},
                ],
            ),
            task("Unchecked", wait_for_health=True, targets=[{"listener_port": 9000, "ip": "10.0.9.7", "port": 9000}]),
            **on("lb-1"),
        )
    )

    assert run.rc == 0, run.output
    assert run.result("Healthy in time")["api_calls"]["DescribeTargetHealth"] >= 2
    failed = run.result("Never healthy")
    assert failed["error"]["code"] == "WaitTimeout"
    for part in ("ins-x:8443", "Dead", "wait_timeout"):
        assert part in failed["msg"]
    assert "ins-y" not in failed["error"]["message"], "a target of weight 0 need not be healthy"
    assert keys(failed["registered"]) == {("lbl-tcp", None, "ins-x", 8443), ("lbl-tcp", None, "ins-y", 8443)}
    assert failed["deregistered"] == []
    assert {entry["code"] for entry in failed["failed_targets"]} == {"NotAttempted"}
    assert ("lbl-tcp", None, "ins-n", 8443) in left(emulator)
    warnings = run.result("Unchecked")["warnings"]
    assert any("lbl-range" in text and "switched off" in text for text in warnings), warnings


def test_without_waiting_it_returns_once_the_cloud_has_accepted(playbook, emulator):
    load(emulator, "lb-1", task_seconds=2.0)
    run = playbook(
        play(
            task(
                "Send",
                wait=False,
                purge=True,
                targets=[
                    {**TCP, "instance_id": "ins-n", "port": 8443},
                    {**TCP, "instance_id": "ins-a", "port": 8443},
                    {**TCP, "instance_id": "ins-b", "port": 8443},
                    {**TCP, "eni_ip": "10.0.9.1", "port": 8443},
                ],
            ),
            **on("lb-1"),
        )
    )

    assert run.rc == 0, run.output
    result = run.result("Send")
    assert result["api_calls"] == {"DescribeTargets": 1, "BatchRegisterTargets": 1}
    assert result["changed"]
    assert [(place["status"], place["registered"], place["bound"]) for place in result["listeners"]] == [
        ("changed", 1, 4)
    ]
    assert keys(result["targets"]) >= {("lbl-tcp", None, "ins-n", 8443)}


def test_failed_listeners_are_named_and_all_else_is_bound_and_failures_go_back_in(playbook, emulator):
    load(emulator)
    emulator.add_faults(
        {
            "action": "BatchRegisterTargets",
            "kind": "fail_listeners",
            "listeners": ["lbl-tcp"],
            "message": "Backend is gone",
        }
    )
    desired = [
        {**TCP, "instance_id": "ins-n", "port": 8443, "weight": 3, "tag": "green"},
        {"listener_id": "lbl-range", "instance_id": "ins-n", "port": 9000},
        {"location_id": "loc-shop", "instance_id": "ins-n", "port": 8080},
    ]
    tasks = [
        {**failing("Bind", targets=desired), "register": "bound"},
        task("Try again what failed", targets="{{ bound.failed_targets }}"),
        task("All of it", targets=desired),
    ]
    run = playbook(play(*tasks, **on("lb-1")))

    assert run.rc == 0, run.output
    result = run.result("Bind")
    assert result["changed"] is True
    assert result["failed_listeners"] == ["lbl-tcp"]
    assert "Backend is gone" in result["msg"]
    assert "lbl-tcp" in result["msg"]
    assert result["error"]["action"] == "BatchRegisterTargets"
    assert result["error"]["request_id"] in result["request_ids"]
    assert [place["status"] for place in result["listeners"]] == ["failed", "changed", "changed"]
    assert [entry["message"] for entry in result["failed_targets"]] == ["Backend is gone"]
    assert keys(result["registered"]) == {
        ("lbl-range", None, "ins-n", 9000),
        ("lbl-http", "loc-shop", "ins-n", 8080),
    }
    again = run.result("Try again what failed")
    assert keys(again["registered"]) == {("lbl-tcp", None, "ins-n", 8443)}
    assert ("lbl-tcp", None, "ins-n", 8443, 3, "green") in emulator.bindings()
    assert run.task("All of it").changed is False


def test_every_list_of_a_result_goes_back_in(playbook, emulator):
    load(emulator)
    desired = [
        {**TCP, "instance_id": "ins-n", "port": 8443, "tag": "green"},
        {**TCP, "instance_id": "ins-a", "port": 8443, "weight": 1, "tag": "red"},
        {"location_id": "loc-shop", "instance_id": "ins-b", "port": 8080},
    ]
    emulator.add_faults({"action": "Batch*", "kind": "error", "code": "UnauthorizedOperation", "message": "Not you."})
    tasks = [
        {**failing("Refused", targets=desired, purge=True), "register": "refused"},
        task("failed_targets", targets="{{ refused.failed_targets }}"),
        {**task("Bind", targets=desired, purge=True), "register": "bound"},
        task("targets", targets="{{ bound.targets }}"),
        task("registered and modified", targets="{{ bound.registered + bound.modified }}"),
        {**task("deregistered", targets="{{ bound.deregistered }}"), "register": "restored"},
        {**task("Drain it", state="drained", targets="{{ bound.targets }}"), "register": "drained"},
        task("Its modified", targets="{{ drained.modified }}"),
        task("absent by targets", state="absent", targets="{{ bound.targets }}"),
        task("absent by listeners", state="absent", targets="{{ bound.listeners }}"),
    ]
    run = playbook(play(*tasks, **on("lb-1")))

    assert run.rc == 0, run.output
    assert len(run.result("Refused")["failed_targets"]) == len(keys(run.result("Refused")["failed_targets"]))
    assert keys(run.result("failed_targets")["registered"]) == {("lbl-tcp", None, "ins-n", 8443)}
    assert keys(run.result("failed_targets")["modified"]) == {("lbl-tcp", None, "ins-a", 8443)}
    for name in ("targets", "registered and modified", "Its modified"):
        assert run.task(name).changed is False, name
    assert keys(run.result("deregistered")["registered"]) == keys(run.result("Bind")["deregistered"])
    assert keys(run.result("absent by targets")["deregistered"]) == keys(run.result("Bind")["targets"])
    assert left(emulator) == {key for key in ALL if key[0] not in ("lbl-tcp", "lbl-http")}
