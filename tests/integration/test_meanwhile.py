# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real playbooks on one load balancer while somebody else writes there: other playbooks, and changes in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.testing import Emulator

from .plays import play, task

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTENER = "lbl-tcp1"
OTHER = "lbl-tcp2"


def world(bound: int = 4, **settings: Any) -> dict[str, Any]:
    """``lb-1`` with a TCP listener on port 80 that has so many backends on port 8080, and an empty one on port 81."""
    targets = [{"instance_id": f"ins-{number}", "port": 8080, "weight": 10} for number in range(1, bound + 1)]
    return {
        "task_seconds": 1.0,
        "instances": {f"ins-{number}": {"ip": f"10.0.0.{number}"} for number in range(1, 31)},
        "load_balancers": [
            {
                "id": "lb-1",
                "listeners": [
                    {"id": LISTENER, "protocol": "TCP", "port": 80, "targets": targets},
                    {"id": OTHER, "protocol": "TCP", "port": 81},
                ],
            }
        ],
        **settings,
    }


def target(number: int, **more: Any) -> dict[str, Any]:
    return {"listener_id": LISTENER, "instance_id": f"ins-{number}", "port": 8080, **more}


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator.spawn(world()) as running:
        yield running


def weights(emulator: Emulator) -> dict[str, int]:
    """Backend -> weight on the first listener."""
    return {binding[2]: binding[4] for binding in emulator.bindings() if binding[0] == LISTENER}


def do(name: str, **options: Any) -> list[dict[str, Any]]:
    return play(task(name, load_balancer_id="lb-1", **options))


def pause(seconds: float, *plays: dict[str, Any]) -> list[dict[str, Any]]:
    """The same plays, some seconds later."""
    wait = {"name": "Wait", "ansible.builtin.pause": {"seconds": seconds}}
    return [{**one, "tasks": [wait, *one["tasks"]]} for one in plays]


def drains(hosts: int, minimum: int, spread: float = 0) -> str:
    """Every host drains itself, all at once, as a play of its own batch would."""
    inventory = "\n".join(f"    - ins-{number}" for number in range(1, hosts + 1))
    delay = f"{{{{ {spread} * ansible_play_hosts_all.index(inventory_hostname) / {hosts} }}}}"
    return f"""
- name: Know the hosts
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Add
      ansible.builtin.add_host:
        name: "{{{{ item }}}}"
        groups: [web]
      loop:
{inventory.replace("    - ", "        - ")}
- name: Drain them
  hosts: web
  gather_facts: false
  tasks:
    - name: Come when it suits
      ansible.builtin.command: "sleep {delay}"
      delegate_to: localhost
      changed_when: false
    - name: Drain
      tencentcloud.clb.targets:
        load_balancer_id: lb-1
        state: drained
        min_healthy: {minimum}
        targets:
          - instance_id: "{{{{ inventory_hostname }}}}"
      delegate_to: localhost
"""


@pytest.mark.sample(3)
@pytest.mark.alone
@pytest.mark.parametrize("spread", [0, 2])
@pytest.mark.parametrize("settings", [{}, {"batch_is_task": False, "lock_after": 0.5}], ids=["tasks", "at once"])
def test_hosts_that_drain_themselves_take_turns(playbook, emulator, settings, spread):
    check_turns(playbook, emulator, settings, spread)


@pytest.mark.long
@pytest.mark.parametrize("run", range(20))
@pytest.mark.parametrize("spread", [0, 2])
@pytest.mark.parametrize("lag", [0, 2])
@pytest.mark.parametrize("settings", [{}, {"batch_is_task": False}], ids=["tasks", "at once"])
def test_hosts_that_drain_themselves_take_turns_every_time(playbook, emulator, settings, lag, spread, run):
    check_turns(playbook, emulator, {**settings, "read_lag": lag}, spread)


def check_turns(playbook, emulator, settings: dict[str, Any], spread: float) -> None:
    """Six hosts, of which four have to serve: two drain, four are refused, and never fewer than four serve."""
    emulator.load(world(6, task_seconds=2.0, **settings))
    run = playbook(drains(6, 4, spread), "--forks", "6")

    results = [one for one in run.tasks if one.task == "Drain"]
    assert len(results) == 6
    codes = sorted(str((one.result.get("error") or {}).get("code")) for one in results)
    assert codes == ["GuardRefused"] * 4 + ["None"] * 2, run.output
    assert emulator.min_serving(LISTENER) == 4
    assert sorted(weights(emulator).values()) == [0, 0, 10, 10, 10, 10]


@pytest.mark.alone
def test_two_controllers_put_back_what_dips(playbook, emulator, tmp_path):
    """No lock is shared: whoever sees that too few serve puts its weight back and says so."""
    emulator.load(world(5, batch_is_task=False, task_seconds=0.1, latency=0.2))
    started = []
    for number in range(1, 5):
        environment = {"TENCENTCLOUD_CLB_LOCK_DIR": str(tmp_path / f"controller-{number}")}
        plays = do("Drain", state="drained", min_healthy=4, targets=[{"instance_id": f"ins-{number}"}])
        started.append(playbook.start(plays, environment=environment))
    runs = [running.wait() for running in started]
    results = [run.result("Drain") for run in runs]

    drained = [result for result in results if result["error"] is None]
    refused = [result for result in results if result["error"] is not None]
    assert {result["error"]["code"] for result in refused} == {"GuardRefused"}
    assert len(drained) <= 1
    serving = sum(weight > 0 for weight in weights(emulator).values())
    assert serving == 5 - len(drained)
    for result in refused:
        if result["changed"]:
            assert "was put back" in result["msg"]
            assert result["restore"] == []
            assert len(result["failed_targets"]) == 1


def test_the_same_task_twice_without_waiting(playbook, emulator):
    emulator.load(world(task_seconds=2.0))
    options: dict[str, Any] = {"wait": False, "targets": [target(9)]}
    run = playbook(
        play(task("First", load_balancer_id="lb-1", **options), task("Second", load_balancer_id="lb-1", **options))
    )

    assert run.rc == 0, run.output
    assert (run.task("First").changed, run.task("Second").changed) == (True, False)
    assert weights(emulator)["ins-9"] == 10


@pytest.mark.sample(2)
@pytest.mark.parametrize("gone", ["error", "fail_listener"])
def test_two_tasks_unbind_the_same(playbook, emulator, gone):
    emulator.load(world(deregister_gone=gone))
    first = playbook.start(do("Unbind", state="absent", targets=[{"instance_id": "ins-1"}]))
    both = [{"instance_id": "ins-1"}, {"instance_id": "ins-2"}]
    second = playbook.start(pause(0.4, *do("Unbind", state="absent", targets=both)))
    runs = [first.wait(), second.wait()]

    assert [run.rc for run in runs] == [0, 0], runs[0].output + runs[1].output
    assert weights(emulator).keys() == {"ins-3", "ins-4"}
    removed = [entry["instance_id"] for run in runs for entry in run.result("Unbind")["deregistered"]]
    assert sorted(removed) == ["ins-1", "ins-2"]


def test_a_weight_that_is_listed_wins_over_a_drain_meanwhile(playbook, emulator):
    drain = playbook.start(do("Drain", state="drained", targets=[{"instance_id": "ins-1"}]))
    bind = playbook.start(pause(0.3, *do("Bind", targets=[target(1, weight=10), target(9)])))
    drain.wait()
    run = bind.wait()

    assert run.rc == 0, run.output
    assert weights(emulator)["ins-1"] == 10
    result = run.result("Bind")
    assert {entry["instance_id"]: entry["weight"] for entry in result["targets"]}["ins-1"] == 10


@pytest.mark.sample(2)
@pytest.mark.parametrize("style", ["coded", "text", "text2", "in_use", "unavailable"])
def test_every_way_to_say_busy_is_waited_out(playbook, emulator, style):
    emulator.load(world(busy_style=style))
    lock = {"load_balancer_id": "lb-1", "seconds": 1.5}
    emulator.add_events({"change": "lock", "with": lock, "action": "DescribeTargets"})
    run = playbook(do("Bind", targets=[target(8), target(9)]))

    assert run.rc == 0, run.output
    assert {"ins-8", "ins-9"} <= weights(emulator).keys()
    refused = [call for call in emulator.calls("BatchRegisterTargets") if not call["accepted"]]
    assert 1 <= len(refused) <= 8
    assert all(len(call["params"]["Targets"]) == 2 for call in emulator.calls("BatchRegisterTargets"))


def test_a_bad_member_that_is_refused_with_a_bare_failure_is_still_found(playbook, emulator):
    emulator.add_faults(
        {"action": "Batch*", "kind": "refuse_targets", "targets": ["ins-8"], "times": -1, "code": "FailedOperation"}
    )
    run = playbook(do("Bind", targets=[target(7), target(8), target(9)]))

    failed = run.result("Bind")["failed_targets"]
    assert [(entry["instance_id"], entry["code"]) for entry in failed] == [("ins-8", "FailedOperation")]
    assert {"ins-7", "ins-9"} <= weights(emulator).keys()


@pytest.mark.sample(2)
@pytest.mark.parametrize("unknown", ["error", "empty"])
def test_a_listener_that_is_deleted_in_the_middle_is_named_and_the_rest_goes_on(playbook, emulator, unknown):
    emulator.load(world(describe_unknown_listener=unknown))
    emulator.add_events(
        {
            "change": "delete_listener",
            "with": {"load_balancer_id": "lb-1", "listener_id": OTHER},
            "action": "BatchRegisterTargets",
            "accepted": True,
        }
    )
    other = {"listener_id": OTHER, "instance_id": "ins-9", "port": 8080}
    run = playbook(do("Bind", targets=[target(9), other, target(1, weight=3)], wait_timeout=30))

    result = run.result("Bind")
    assert [entry["listener_id"] for entry in result["failed_targets"]] == [OTHER]
    assert f"({OTHER}) no longer exists" in result["failed_targets"][0]["message"]
    assert weights(emulator)["ins-9"] == 10
    assert weights(emulator)["ins-1"] == 3
    assert [entry["listener_id"] for entry in result["registered"]] == [LISTENER]


def test_a_server_that_closes_idle_connections_gets_a_fresh_one_for_each_write(playbook, emulator):
    emulator.load(world(keepalive_ms=20))
    run = playbook(do("Bind", targets=[target(9), target(1, weight=3)], wait_timeout=20))

    assert run.rc == 0, run.output
    assert (weights(emulator)["ins-9"], weights(emulator)["ins-1"]) == (10, 3)
    assert run.result("Bind")["api_calls"]["BatchRegisterTargets"] == 1


def test_what_cannot_be_read_after_a_write_is_in_no_list(playbook, emulator):
    emulator.add_faults({"action": "Describe*", "kind": "error", "code": "AuthFailure", "times": -1, "skip": 1})
    run = playbook(do("Bind", targets=[target(8), target(9)]))
    result = run.result("Bind")

    assert run.rc != 0
    assert result["changed"] is True
    assert len(result["request_ids"]) == 1
    assert (result["registered"], result["failed_targets"]) == ([], [])
    (listener,) = result["listeners"]
    assert (listener["status"], listener["bound"]) == ("failed", None)
    assert "not known" in listener["message"]
    assert "what is in place is not known" in result["msg"]


@pytest.mark.parametrize(
    "settings, calls", [({"batch_is_task": False}, 3), ({"task_seconds": 2.0}, 7)], ids=["at once", "tasks"]
)
def test_calls_for_500_new_targets_on_50_listeners(playbook, emulator, settings, calls):
    emulator.load({"rate_limit": 20, "load_balancers": [{"id": "lb-1", "generate": {"listeners": 50}}], **settings})
    targets = [
        {"listener_id": f"lbl-g{number // 10:04}", "eni_ip": f"10.9.{number // 250}.{number % 250}", "port": 8080}
        for number in range(500)
    ]
    run = playbook(do("Bind", targets=targets))

    assert run.rc == 0, run.output
    assert len(run.result("Bind")["registered"]) == 500
    assert sum(run.result("Bind")["api_calls"].values()) <= calls
