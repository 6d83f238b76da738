# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rolling updates with the collection's playbook."""

from __future__ import annotations

import stat

import pytest

from .rolling import UPDATE, Farm, listener, seen_out, updated

HEALS = """
- name: Start what answers the health check
  ansible.builtin.uri:
    url: "{{ control_url }}/health"
    method: POST
    body_format: json
    body: {alive: ["{{ clb_backend.instance_id }}"]}
    status_code: [200, 204]
"""

HANDLERS = """
- name: Restart
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.url', state_url, split_lines=false) | from_json }}"
"""


@pytest.fixture
def farm(emulator, playbook):
    return Farm(emulator, playbook)


def ids(*names):
    return {f"ins-{name}" for name in names}


def test_batches_leave_are_updated_and_come_back_as_they_were(farm):
    run = farm.roll(clb_batch=2, clb_min_healthy=2)

    assert run.rc == 0, run.output
    first, second = ids("web1", "web2"), ids("web3", "web4")
    assert seen_out(run) == [first, second]
    assert farm.emulator.bindings() == farm.at_first
    assert farm.emulator.min_serving("lbl-1-443") == 2
    assert not farm.restore_file.exists()
    # One call takes a batch out, one brings it back.
    assert [call["action"] for call in farm.writes] == ["BatchModifyTargetWeight"] * 4


@pytest.mark.parametrize("detail", ["dead", "unknown"])
def test_a_pool_that_is_all_dead_is_healed_a_host_at_a_time(emulator, playbook, detail):
    farm = Farm(emulator, playbook, hosts=3, control_url=f"{emulator.url}/_control")
    farm.scenario["health"] = {detail: ["ins-web1", "ins-web2", "ins-web3"]}
    farm.load()
    farm.update += HEALS

    run = farm.roll(clb_batch=1, clb_min_healthy=2)

    assert run.rc == 0, run.output
    assert seen_out(run) == [ids("web1"), ids("web2"), ids("web3")]
    assert farm.emulator.bindings() == farm.at_first
    assert (
        "none of its targets of weight above 0 is healthy, so the cloud sends traffic to all of these"
        in run.output.replace("\n", " ")
    )


@pytest.mark.sample(2)
@pytest.mark.parametrize("broken", ["web1", "web2"])
def test_a_host_that_fails_stays_out_stops_the_rest_and_comes_first_in_the_next_run(farm, broken):
    run = farm.roll(clb_batch=2, clb_min_healthy=2, broken=[broken])

    assert run.rc != 0, run.output
    assert f"{broken} could not be updated and stays out of traffic. Remove the cause" in run.output, run.output
    assert sorted(updated(run)) == ["web1", "web2"]
    assert farm.out == ids(broken)
    assert [entry["instance_id"] for entry in farm.remembered] == [f"ins-{broken}"]
    assert stat.S_IMODE(farm.restore_file.stat().st_mode) == 0o600

    rerun = farm.roll(clb_batch=2, clb_min_healthy=2)

    assert rerun.rc == 0, rerun.output
    other = "web2" if broken == "web1" else "web1"
    assert sorted(updated(rerun)[:2]) == sorted([broken, other])
    assert farm.emulator.bindings() == farm.at_first
    # The guard of all but one batch was met again.
    assert farm.emulator.min_serving("lbl-1-443") == 2
    assert not farm.restore_file.exists()


@pytest.mark.long
def test_a_host_that_is_remembered_is_updated_before_those_in_front_of_it(farm):
    assert farm.roll("--limit", "web3", broken=["web3"]).rc != 0

    run = farm.roll(clb_batch=1, clb_min_healthy=3)

    assert run.rc == 0, run.output
    assert updated(run) == ["web3", "web1", "web2", "web4"]
    assert farm.emulator.bindings() == farm.at_first


def test_hosts_of_two_load_balancers_in_one_batch_each_leave_their_own(emulator, playbook):
    farm = Farm(emulator, playbook, balancers=2)
    # web1 and web2 are in the charge of lb-1 alone, web3 and web4 of lb-2, with guards of their own.
    for name in farm.names:
        number = 1 if name in ("web1", "web2") else 2
        farm.hosts[name].update(clb_load_balancer_id=f"lb-{number}", clb_min_healthy=number)

    run = farm.roll(clb_batch=4)

    assert run.rc == 0, run.output
    assert emulator.bindings() == farm.at_first
    assert emulator.min_serving("lbl-1-443") == emulator.min_serving("lbl-2-443") == 2
    assert {call["params"]["LoadBalancerId"] for call in farm.writes} == {"lb-1", "lb-2"}


def test_hosts_by_address_in_any_spelling_come_back_with_their_weights(farm):
    addresses = {"ins-web1": "10.0.0.1", "ins-web2": "10.0.0.2"}
    farm.scenario["instances"] = {instance_id: {"ip": ip} for instance_id, ip in addresses.items()}
    farm.scenario["load_balancers"][0]["listeners"][0]["targets"] += [
        {"eni_ip": "2001:db8::1", "port": 8443, "weight": 33, "tag": "v6"},
        {"eni_ip": "10.0.9.9", "port": 8443, "weight": 44},
    ]
    farm.hosts["web1"]["clb_backend"] = {"eni_ip": "10.0.0.1"}
    farm.hosts["web2"]["clb_backend"] = {"ip": "10.0.0.2"}
    farm.hosts["web3"]["clb_backend"] = {"eni_ip": "2001:0DB8:0:0::0001"}
    farm.hosts["web4"]["clb_backend"] = {"eni_ip": "10.0.9.9"}
    farm.load()

    run = farm.roll(clb_batch=4, broken=["web1", "web3"])

    assert run.rc != 0, run.output
    assert len(seen_out(run)[0]) == 4
    assert len(farm.out) == 2
    assert farm.roll(clb_batch=4).rc == 0
    assert farm.emulator.bindings() == farm.at_first


def test_listeners_bind_hosts_that_are_new_and_leave_the_others_as_they_were(farm):
    farm.scenario["load_balancers"][0]["listeners"].append(listener(1, [], port=80))
    farm.hosts["web5"] = {"clb_backend": {"instance_id": "ins-web5", "weight": 7}}
    farm.load()

    run = farm.roll(
        clb_batch=5,
        clb_load_balancer_id="lb-1",
        clb_listeners=[
            {"listener_port": 443, "port": 8443, "weight": 99},
            {"listener_id": "lbl-1-80", "port": 8080, "weight": 5},
        ],
    )

    assert run.rc == 0, run.output
    assert farm.emulator.bindings() == farm.at_first | {
        ("lbl-1-443", None, "ins-web5", 8443, 7, ""),
        ("lbl-1-80", None, "ins-web5", 8080, 7, ""),
        *(("lbl-1-80", None, f"ins-{name}", 8080, 5, "") for name in farm.names),
    }


def test_a_guard_that_fails_in_the_middle_puts_back_what_was_drained(emulator, playbook):
    farm = Farm(emulator, playbook, balancers=2)
    # The check and both dry runs see healthy targets; the reads of health after them don't, on one load balancer.
    run = farm.start(clb_batch=2, clb_min_healthy=2)
    _kill_health_once_remembered(farm, ["ins-web3", "ins-web4"])
    done = run.wait()

    assert done.rc != 0
    assert updated(done) == []
    assert farm.out == set()
    assert emulator.bindings() == farm.at_first
    assert not farm.restore_file.exists()


def _kill_health_once_remembered(farm, dead):
    import time

    deadline = time.monotonic() + 120
    while not farm.restore_file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    farm.emulator.set_health(dead=dead)


@pytest.mark.long
@pytest.mark.parametrize(
    "meta, lost", [("end_host", ["web4"]), ("end_batch", ["web3", "web4"]), ("end_play", ["web3", "web4"])]
)
def test_an_update_that_ends_its_play_fails_the_run(farm, meta, lost):
    where = "inventory_hostname == 'web4'" if meta == "end_host" else "ansible_play_batch is contains('web3')"
    farm.update = UPDATE + f"\n- ansible.builtin.meta: {meta}\n  when: {where}\n"

    run = farm.roll(clb_batch=2)

    assert run.rc != 0, run.output
    assert f"{', '.join(lost)}: the update ended the play" in run.output, run.output
    assert farm.out == ids(*lost)
    assert {entry["instance_id"] for entry in farm.remembered} == ids(*lost)


@pytest.mark.long
def test_no_batch_leaves_after_one_whose_play_ended(farm):
    farm.update = UPDATE + "\n- ansible.builtin.meta: end_host\n  when: inventory_hostname == 'web1'\n"

    run = farm.roll(clb_batch=2)

    assert run.rc != 0, run.output
    assert "web1: the update ended the play" in run.output, run.output
    assert sorted(updated(run)) == ["web1", "web2"]
    assert farm.out == ids("web1")


def test_handlers_run_before_the_hosts_come_back(farm):
    farm.update = UPDATE.replace(
        "- name: Look at",
        "- name: Change\n  ansible.builtin.debug:\n    msg: x\n"
        "  changed_when: true\n  notify: Restart\n\n- name: Look at",
    )
    (farm.directory / "handlers.yml").write_text(HANDLERS)

    run = farm.roll(clb_batch=4, clb_handlers="handlers.yml")

    assert run.rc == 0, run.output
    weights = {binding["weight"] for task in run.tasks if task.task == "Restart" for binding in task.result["msg"]}
    assert weights == {0}
    assert len([task for task in run.tasks if task.task == "Restart"]) == 4
    assert farm.emulator.bindings() == farm.at_first


@pytest.mark.sample(2)
@pytest.mark.parametrize("remembered", [False, True])
def test_a_dry_run_says_what_it_would_do_and_does_not_wait(farm, remembered):
    if remembered:
        farm.roll("--limit", "web3", broken=["web3"])
        farm.emulator.clear_journal()
    before, file = farm.emulator.bindings(), farm.remembered

    run = farm.roll("--check", clb_batch=2, clb_min_healthy=2, clb_drain_seconds=3600, clb_drain_connections=True)

    assert run.rc == 0, run.output
    assert len(updated(run)) == 4
    assert farm.writes == []
    assert farm.emulator.bindings() == before
    assert farm.remembered == file


@pytest.mark.long
@pytest.mark.parametrize("how", ["-b", "inventory"])
def test_become_is_for_the_hosts_only(farm, how):
    """What becomes another user loses the environment, and so the credentials."""
    farm.update = "- name: Begin\n  ansible.builtin.debug:\n    msg: x\n"
    arguments = ["--limit", "web1", "--become-user", "nobody-of-this-name"]
    if how == "-b":
        arguments.append("-b")
    else:
        farm.variables["ansible_become"] = True
    # In the place of sudo: clears the environment, and stays the same user.
    program = farm.directory / "become"
    program.write_text(
        '#!/bin/sh\nwhile [ "$1" != /bin/sh ]; do shift; done\nexec env -i PATH="$PATH" HOME="$HOME" "$@"\n'
    )
    program.chmod(0o755)
    farm.variables["ansible_become_exe"] = str(program)

    run = farm.roll(*arguments)

    assert run.rc == 0, run.output
    assert farm.emulator.bindings() == farm.at_first
    assert len(farm.writes) == 2


@pytest.mark.long
def test_the_strategy_of_the_environment_does_not_count(farm):
    run = farm.roll(clb_batch=2, clb_min_healthy=2, environment={"ANSIBLE_STRATEGY": "free"})

    assert run.rc == 0, run.output
    assert farm.emulator.min_serving("lbl-1-443") == 2
    assert farm.emulator.bindings() == farm.at_first


@pytest.mark.long
def test_fatal_errors_of_the_environment_strand_nobody(farm):
    run = farm.roll(clb_batch=4, broken=["web2"], environment={"ANSIBLE_ANY_ERRORS_FATAL": "true"})

    assert run.rc != 0, run.output
    assert farm.out == ids("web2")


@pytest.mark.parametrize("arguments", [["--start-at-task", "Update the batch"], ["--skip-tags", "always"]])
def test_no_shortcut_leads_to_an_update_in_traffic(farm, arguments):
    run = farm.roll(*arguments)

    assert updated(run) == []
    assert farm.writes == []


@pytest.mark.long
def test_tags_choose_within_the_update_alone(farm):
    farm.update = UPDATE.replace("\n- name: Begin", "  tags: look\n\n- name: Begin")

    run = farm.roll("--tags", "look", "--limit", "web1", broken=["web1"])

    assert run.rc == 0, run.output
    assert seen_out(run) == [ids("web1")]
    assert farm.emulator.bindings() == farm.at_first
