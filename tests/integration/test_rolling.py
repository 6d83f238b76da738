# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rolling updates through Ansible, each with as few hosts as show it; tests/unit has what the steps decide."""

from __future__ import annotations

import re
import socket
import stat
import time
from pathlib import Path

import pytest

from .plays import play
from .rolling import UPDATE, Farm, seen_out, updated

LOOK = "{{ lookup('ansible.builtin.url', state_url, split_lines=false) | from_json }}"
HANDLERS = f'- name: Restart\n  ansible.builtin.debug:\n    msg: "{LOOK}"\n'
CHANGE = "- name: Change\n  ansible.builtin.debug: {msg: x}\n  changed_when: true\n  notify: Restart\n"


@pytest.fixture
def farm(emulator, playbook):
    return Farm(emulator, playbook)


def ids(*names):
    return {f"ins-{name}" for name in names}


def wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def refuse(farm, *words, arguments=(), **variables):
    """Run the playbook, which fails for reasons with these words, and has written nothing."""
    run = farm.roll(*arguments, **variables)

    assert run.rc != 0, run.output
    assert [text for text in words if text not in run.output.replace("\n", " ")] == [], run.output
    assert farm.writes == []
    assert not farm.restore_file.exists()


def test_batches_leave_are_updated_and_come_back_as_they_were(emulator, playbook):
    farm = Farm(emulator, playbook, hosts=3, balancers=2)
    farm.update = CHANGE + UPDATE
    (farm.directory / "handlers.yml").write_text(HANDLERS)
    warm = {"clb_warm_up": [50], "clb_warm_up_seconds": 0}

    run = farm.roll(clb_batch=2, clb_min_healthy=1, clb_handlers="handlers.yml", **warm)

    assert run.rc == 0, run.output
    assert seen_out(run) == [ids("web1", "web2"), ids("web3")]
    assert farm.as_at_first
    assert emulator.min_serving("lbl-1-443") == 1
    # One call a load balancer takes a batch out, one warms it up, one brings it back.
    assert [call["action"] for call in farm.writes] == ["BatchModifyTargetWeight"] * 12
    # Handlers run before the hosts come back.
    restarts = [(f"ins-{task.host}", task.result["msg"]) for task in run.tasks if task.task == "Restart"]
    assert {one["weight"] for own, seen in restarts for one in seen if one["target"] == own} == {0}
    own = ["Change", "Look at the cloud", "Begin", "Update", "RUNNING HANDLER"]
    batches = [each for each in re.split(r"^PLAY \[", run.stdout, flags=re.MULTILINE) if each.startswith("Update the")]
    assert len(batches) == 2
    for batch in batches:
        names = re.findall(r"^TASK \[(.*)\] \*", batch, re.MULTILINE)
        rotation = [name for name in names if name not in own]
        assert len(rotation) == len(set(rotation)) <= 10, names
    assert {task.task.removeprefix("tencentcloud.clb.rotation : ") for task in run.tasks if task.changed} == {
        "Change", "Take the batch out of traffic", "Bring the batch back, and wait until it is healthy"
    }  # fmt: skip
    lines = run.result("Show what was done")["msg"]
    assert lines[:-1] == ["3 of 3 hosts updated and back in traffic, in 2 batches."]
    assert re.fullmatch(r"Out of traffic: \d+ s on average, \d+ s at most \(web\d\)\.", lines[-1])


def test_a_host_that_fails_stays_out_stops_the_rest_and_comes_first_in_the_next_run(emulator, playbook):
    farm = Farm(emulator, playbook, hosts=3)

    run = farm.roll(clb_batch=2, clb_min_healthy=1, broken=["web2"])

    assert run.rc != 0, run.output
    assert "web2 could not be updated and stays out of traffic." in run.output, run.output
    assert "1 of 3 hosts updated and back in traffic, in 1 batch." in run.output, run.output
    assert sorted(updated(run)) == ["web1", "web2"]
    assert farm.out == ids("web2")
    assert [entry["instance_id"] for entry in farm.remembered] == ["ins-web2"]
    assert stat.S_IMODE(farm.restore_file.stat().st_mode) == 0o600
    emulator.clear_journal()
    before, file = emulator.bindings(), farm.remembered

    dry = farm.roll("--check", clb_batch=3, clb_drain_seconds=3600, clb_drain_connections=True)

    assert dry.rc == 0, dry.output
    assert len(updated(dry)) == 3
    assert (farm.writes, emulator.bindings(), farm.remembered) == ([], before, file)

    rerun = farm.roll(clb_batch=1, clb_min_healthy=1)

    assert rerun.rc == 0, rerun.output
    assert updated(rerun) == ["web2", "web1", "web3"]
    assert farm.as_at_first
    assert emulator.min_serving("lbl-1-443") == 2


@pytest.mark.sample(2)
@pytest.mark.parametrize("moment", ["drained", "returning"])
def test_a_run_that_is_killed_is_completed_by_the_next(emulator, playbook, moment):
    farm = Farm(emulator, playbook, hosts=2)
    run = farm.start(clb_batch=1, clb_warm_up=[10], clb_warm_up_seconds=120)
    wait_for(lambda: len(farm.writes) >= (1 if moment == "drained" else 2))
    assert run.process.poll() is None
    run.process.kill()
    run.wait()
    # What the controller has started can still be at work.
    time.sleep(1)
    assert {entry["instance_id"] for entry in farm.remembered} == ids("web1")

    rerun = farm.roll(clb_batch=2, clb_warm_up=[10], clb_warm_up_seconds=0)

    assert rerun.rc == 0, rerun.output
    assert farm.as_at_first


@pytest.mark.parametrize("meta, lost", [("end_host", ["web1"]), ("end_play", ["web1", "web2"])])
def test_an_update_that_ends_its_play_fails_the_run(emulator, playbook, meta, lost):
    farm = Farm(emulator, playbook, hosts=2)
    farm.update = UPDATE + f"\n- ansible.builtin.meta: {meta}\n  when: inventory_hostname == 'web1'\n"

    run = farm.roll(clb_batch=len(lost))

    assert run.rc != 0, run.output
    assert f"{', '.join(lost)}: the update ended the play" in run.output, run.output
    assert farm.out == ids(*lost)
    assert {entry["instance_id"] for entry in farm.remembered} == ids(*lost)
    assert sorted(updated(run)) == lost


@pytest.mark.parametrize(
    "arguments", [["--start-at-task", "Update the hosts that are out of traffic"], ["--skip-tags", "always"]]
)
def test_no_shortcut_leads_to_an_update_in_traffic(farm, arguments):
    run = farm.roll(*arguments)

    assert updated(run) == []
    assert farm.writes == []


@pytest.mark.long
@pytest.mark.parametrize("arguments, variables", [(["-b"], {}), ([], {"ansible_become": True})])
def test_become_is_for_the_hosts_only(farm, arguments, variables):
    """What becomes another user loses the environment, and so the credentials."""
    farm.update = "- name: Begin\n  ansible.builtin.debug:\n    msg: x\n"
    # In the place of sudo: clears the environment, and stays the same user.
    program = farm.directory / "become"
    skip = 'while [ "$1" != /bin/sh ]; do shift; done'
    program.write_text(f'#!/bin/sh\n{skip}\nexec env -i PATH="$PATH" HOME="$HOME" "$@"\n')
    program.chmod(0o755)
    farm.variables.update(variables, ansible_become_exe=str(program))

    run = farm.roll("--limit", "web1", "--become-user", "nobody-of-this-name", *arguments)

    assert run.rc == 0, run.output
    assert farm.emulator.bindings() == farm.at_first
    assert len(farm.writes) == 2


@pytest.mark.long
@pytest.mark.parametrize("variable, value", [("ANSIBLE_STRATEGY", "free"), ("ANSIBLE_ANY_ERRORS_FATAL", "true")])
def test_the_environment_of_the_command_does_not_count(farm, variable, value):
    run = farm.roll("--tags", "all", clb_batch=2, broken=["web2"], environment={variable: value})

    assert run.rc != 0, run.output
    assert farm.out == ids("web2")


@pytest.mark.long
def test_tags_choose_within_the_update_alone(farm):
    farm.update = UPDATE.replace("\n- name: Begin", "  tags: look\n\n- name: Begin")

    run = farm.roll("--tags", "look", "--limit", "web1", broken=["web1"])

    assert run.rc == 0, run.output
    assert seen_out(run) == [ids("web1")]
    assert farm.emulator.bindings() == farm.at_first


def test_hosts_that_can_not_take_part_are_all_named_at_once(farm):
    farm.hosts["web1"]["ansible_python_interpreter"] = "/no/such/python"
    farm.hosts["web2"]["clb_load_balancer_ids"] = []
    farm.hosts["web3"].update(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)

    unreachable = "web3: no answer (ssh: connect to host 127.0.0.1 port 1: Connection refused)."
    others = ("web1: it can't run modules (", "web2: clb_load_balancer_ids is empty", "No host was drained.")
    refuse(farm, unreachable, *others)


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "update, words",
    [
        ("- name: [\n", "update.yml"),
        ("- name: No such module\n  no.such.module:\n", "no.such.module"),
        ("- name: No such keyword\n  ansible.builtin.ping:\n  no_such_keyword: true\n", "no_such_keyword"),
        ("- ansible.builtin.import_tasks: missing.yml\n", "missing.yml"),
    ],
)
def test_an_update_that_ansible_can_not_load(farm, update, words):
    farm.update = update

    refuse(farm, words)


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "group, host, variables, words",
    [
        ({}, {}, {"clb_handlers": "handlers.yml"}, "handlers.yml"),
        ({}, {}, {"clb_hosts": "web2", "arguments": ["--limit", "web1"]}, "matches clb_hosts web2 within --limit web1"),
        ({}, {}, {"clb_min_healthy": 4}, "batch 1 (web1): lb-1 lbl-1-443 (TCP:443) would keep 3 healthy targets"),
        ({"clb_batch": 2}, {}, {}, "clb_batch can't be set in the inventory"),
        ({"clb_handlers": "handlers.yml"}, {}, {}, "clb_handlers can't be set in the inventory"),
        ({}, {"clb_hosts": "web1"}, {}, "clb_hosts can't be set in the inventory"),
    ],
)
def test_variables_that_can_not_be_meant(farm, group, host, variables, words):
    farm.variables.update(group)
    farm.hosts["web4"].update(host)

    refuse(farm, words, **variables)


def rotate(step):
    role = {"name": "tencentcloud.clb.rotation", "tasks_from": step}
    return {"name": f"Rotate {step}", "ansible.builtin.include_role": role}


def test_the_role_in_plays_of_ones_own(farm):
    """Checked in a play, out in a run of its own, back in another; options from the play and from module_defaults."""
    del farm.playbook.environment["TENCENTCLOUD_REGION"]
    farm.write_files()
    defaults = {"group/tencentcloud.clb.all": {"region": "ap-guangzhou"}}
    variables = {"clb_min_healthy": 2, "clb_restore_file": "kept.json"}
    keywords = {"hosts": "all", "serial": 2, "vars": variables, "module_defaults": defaults}
    check = play(rotate("check"), **{**keywords, "serial": 0})

    refused = farm.playbook(play(hosts="all", roles=["tencentcloud.clb.rotation"]), "-i", "hosts.yml")

    assert refused.rc != 0, refused.output
    assert "give tasks_from: check, tasks_from: out or tasks_from: back." in refused.output

    out = farm.playbook([*check, *play(rotate("out"), **keywords)], "-i", "hosts.yml", "--limit", "web1,web2")

    assert out.rc == 0, out.output
    assert farm.out == ids("web1", "web2")

    back = farm.playbook(play(rotate("back"), **keywords), "-i", "hosts.yml")

    assert back.rc == 0, back.output
    assert farm.emulator.bindings() == farm.at_first
    assert not (farm.directory / "kept.json").exists()


def test_where_out_and_back(emulator, playbook):
    farm = Farm(emulator, playbook, hosts=2, balancers=2)
    asked = ["-e", "clb_backend=ins-web1"]

    def run(name, *arguments):
        return playbook(Path(f"tencentcloud.clb.{name}"), *arguments)

    found = run("where", *asked)
    assert found.rc == 0, found.output
    assert found.result("Show where it is bound")["msg"][0] == "ins-web1 (cvm-web1)"
    refused = run("out", *asked, "-e", "clb_min_healthy=2", "--check")
    assert refused.rc != 0
    assert "min_healthy is 2" in refused.output
    assert farm.writes == []

    out = run("out", *asked, "-e", "clb_min_healthy=1", "-e", "clb_wait_timeout=60")
    assert out.rc == 0, out.output
    assert farm.out == ids("web1")
    told = out.result("Show what was taken out")["msg"][-1]
    assert told.endswith("ansible-playbook tencentcloud.clb.back -e clb_backend=ins-web1")
    assert len(re.findall(r"^TASK", out.stdout, re.MULTILINE)) <= 4

    back = run("back")
    assert back.rc == 0, back.output
    assert back.result("Show what was brought back")["msg"][-1] == "2 bindings were brought back."
    assert farm.as_at_first


def serve(address, *, dual=False):
    if dual:
        return socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)


def connect(server, address):
    """A client's and the server's end of one connection."""
    client = socket.create_connection((address, server.getsockname()[1]))
    return client, server.accept()[0]


def farm_on(emulator, playbook, server, **variables):
    """One host that is bound with the port of the server, which waits for connections."""
    farm = Farm(emulator, playbook, hosts=1, clb_drain_connections=True, **variables)
    farm.targets[0]["port"] = server.getsockname()[1]
    farm.load()
    return farm


def has_begun(run, task):
    """Whether a task has reported a result on a host in the update's play, where nothing is skipped."""
    return run.results.exists() and f'"task": "{task}", "host": "web1", "status": "ok"' in run.results.read_text()


def left_over(server, other, address):
    """Open connections that do not count: one in TIME_WAIT, one of another port, and one of an ignored address."""
    client, accepted = connect(server, address)
    # Who closes first is left in TIME_WAIT: here the server's end.
    accepted.close()
    client.close()
    ends = [*connect(other, address)]
    if address == "127.0.0.1":
        ends += [socket.create_connection((address, server.getsockname()[1]), source_address=("127.0.0.9", 0))]
        ends += [server.accept()[0]]
    return ends


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "address, dual",
    [("127.0.0.1", False), ("::1", False), ("127.0.0.1", True)],
    ids=["IPv4", "IPv6", "IPv4 to a server of both"],
)
def test_a_connection_keeps_its_host_waiting_until_it_ends_and_others_do_not(emulator, playbook, address, dual):
    with serve(address, dual=dual) as server, serve(address) as other:
        others = left_over(server, other, address)
        client, accepted = connect(server, address)
        farm = farm_on(emulator, playbook, server, clb_drain_ignore=["::ffff:127.0.0.9"])
        run = farm.start()
        wait_for(lambda: has_begun(run, "tencentcloud.clb.rotation : Take the batch out of traffic"))
        time.sleep(3)  # longer than a poll
        assert not has_begun(run, "Begin")
        client.close()
        accepted.close()
        done = run.wait()
        for end in others:
            end.close()

    assert done.rc == 0, done.output
    assert updated(done) == ["web1"]
    assert farm.emulator.bindings() == farm.at_first
    assert "connections have not ended" not in done.output


@pytest.mark.sample(2)
@pytest.mark.parametrize("on_timeout", ["continue", "fail"])
def test_a_connection_that_does_not_end(emulator, playbook, on_timeout):
    with serve("127.0.0.1") as server:
        ends = connect(server, "127.0.0.1")
        farm = farm_on(emulator, playbook, server, clb_drain_timeout=2, clb_drain_on_timeout=on_timeout)

        done = farm.roll()

        for end in ends:
            end.close()

    assert farm.as_at_first
    assert "web1: connections have not ended after 2 s" in done.output
    goes_on = on_timeout == "continue"
    assert (done.rc == 0, updated(done)) == (goes_on, ["web1"] if goes_on else []), done.output
    told = "[WARNING]: web1: connections" if goes_on else "The host is back in traffic, and not updated."
    assert told in done.output
