# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rolling updates through Ansible, each with as few hosts as show it; tests/unit has what the steps decide."""

from __future__ import annotations

import re
import stat
import time
from pathlib import Path

import pytest

from .rolling import UPDATE, Farm, seen_out, updated

HANDLERS = """
- name: Restart
  ansible.builtin.debug:
    msg: "{{ lookup('ansible.builtin.url', state_url, split_lines=false) | from_json }}"
"""
CHANGE = """
- name: Change
  ansible.builtin.debug:
    msg: x
  changed_when: true
  notify: Restart
"""
DEADLINE_SECONDS = 120.0


@pytest.fixture
def farm(emulator, playbook):
    return Farm(emulator, playbook)


def ids(*names):
    return {f"ins-{name}" for name in names}


def banners(run):
    """The names of the tasks that each batch shows, one list for each."""
    plays = re.split(r"^PLAY \[", run.stdout, flags=re.MULTILINE)
    return [re.findall(r"^TASK \[(.*)\] \*", play, re.MULTILINE) for play in plays if play.startswith("Update the")]


def refuse(farm, *arguments, words, **variables):
    """Run the playbook, which fails for the reason that ``words`` say, and has written nothing."""
    run = farm.roll(*arguments, **variables)

    assert run.rc != 0, run.output
    for text in [words] if isinstance(words, str) else words:
        assert text in run.output.replace("\n", " "), run.output
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
    assert emulator.bindings() == farm.at_first
    assert emulator.min_serving("lbl-1-443") == 1
    assert not farm.restore_file.exists()
    # One call a load balancer takes a batch out, one warms it up, one brings it back.
    assert [call["action"] for call in farm.writes] == ["BatchModifyTargetWeight"] * 12
    # Handlers run before the hosts come back.
    restarts = [(f"ins-{task.host}", task.result["msg"]) for task in run.tasks if task.task == "Restart"]
    assert {one["weight"] for own, seen in restarts for one in seen if one["target"] == own} == {0}
    own = ["Change", "Look at the cloud", "Begin", "Update", "RUNNING HANDLER"]
    for names in banners(run):
        rotation = [name for name in names if name not in own]
        assert len(rotation) == len(set(rotation)) <= 10, names
    assert {task.task.removeprefix("tencentcloud.clb.rotation : ") for task in run.tasks if task.changed} == {
        "Change", "Take the batch out of traffic", "Bring the batch back, and wait until it is healthy"
    }  # fmt: skip
    lines = run.result("Show what was done")["msg"]
    assert lines[0] == "3 of 3 hosts updated and back in traffic, in 2 batches."
    assert re.fullmatch(r"Out of traffic: \d+ s on average, \d+ s at most \(web\d\)\.", lines[1])
    assert len(lines) == 2


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

    rerun = farm.roll(clb_batch=2, clb_min_healthy=1)

    assert rerun.rc == 0, rerun.output
    assert (updated(rerun)[0], sorted(updated(rerun)[:2])) == ("web2", ["web1", "web2"])
    assert emulator.bindings() == farm.at_first
    # The guard of all but one batch was met again.
    assert emulator.min_serving("lbl-1-443") == 1
    assert not farm.restore_file.exists()


@pytest.mark.sample(2)
@pytest.mark.parametrize("moment", ["drained", "returning"])
def test_a_run_that_is_killed_is_completed_by_the_next(emulator, playbook, moment):
    farm = Farm(emulator, playbook, hosts=2)
    run = farm.start(clb_batch=1, clb_warm_up=[10], clb_warm_up_seconds=DEADLINE_SECONDS)
    deadline = time.monotonic() + DEADLINE_SECONDS
    while len(farm.writes) < (1 if moment == "drained" else 2):
        assert time.monotonic() < deadline
        assert run.process.poll() is None
        time.sleep(0.02)
    run.process.kill()
    run.wait()
    # What the controller has started can still be at work.
    time.sleep(1)
    assert {entry["instance_id"] for entry in farm.remembered} == ids("web1")

    rerun = farm.roll(clb_batch=2, clb_warm_up=[10], clb_warm_up_seconds=0)

    assert rerun.rc == 0, rerun.output
    assert emulator.bindings() == farm.at_first
    assert not farm.restore_file.exists()


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


# -- what is found before the first host is drained


def test_hosts_that_can_not_take_part_are_all_named_at_once(farm):
    farm.hosts["web1"]["ansible_python_interpreter"] = "/no/such/python"
    farm.hosts["web2"]["clb_load_balancer_ids"] = []
    farm.hosts["web3"].update(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)

    refuse(
        farm,
        words=[
            "web1: it can't run modules (",
            "web2: clb_load_balancer_ids is empty",
            "web3: no answer (ssh: connect to host 127.0.0.1 port 1: Connection refused).",
            "No host was drained.",
        ],
    )


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

    refuse(farm, "--limit", "web1", words=words)


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "variables, words",
    [
        ({"clb_handlers": "handlers.yml"}, "handlers.yml"),
        ({"clb_hosts": "web2"}, "No host matches clb_hosts web2 within --limit web1"),
        ({"clb_update": "missing.yml"}, "missing.yml is no file"),
        ({"clb_min_healthy": 4}, "batch 1 (web1): lb-1 lbl-1-443 (TCP:443) would keep 3 healthy targets"),
    ],
)
def test_variables_that_can_not_be_meant(farm, variables, words):
    refuse(farm, "--limit", "web1", words=words, **variables)


@pytest.mark.sample(6)
@pytest.mark.parametrize("name, value", [("clb_hosts", "web1"), ("clb_batch", 2), ("clb_handlers", "handlers.yml")])
@pytest.mark.parametrize("where", ["group", "host"])
def test_variables_of_the_inventory_that_come_too_late(farm, name, value, where):
    (farm.variables if where == "group" else farm.hosts["web4"])[name] = value

    refuse(farm, words=f"{name} can't be set in the inventory")


# -- the role in plays of one's own


def rotate(step):
    role = {"name": "tencentcloud.clb.rotation", "tasks_from": step}
    return {"name": f"Rotate {step}", "ansible.builtin.include_role": role}


def plays(*tasks, **keywords):
    return [{"name": "Rotate", "hosts": "all", "gather_facts": False, "tasks": list(tasks), **keywords}]


def test_the_role_in_plays_of_ones_own(farm):
    """Checked in a play, out in a run of its own, back in another; options from the play and from module_defaults."""
    del farm.playbook.environment["TENCENTCLOUD_REGION"]
    farm.write_files()
    keywords = {
        "serial": 2,
        "vars": {"clb_min_healthy": 2, "clb_restore_file": "kept.json"},
        "module_defaults": {"group/tencentcloud.clb.all": {"region": "ap-guangzhou"}},
    }
    check = plays(rotate("check"), **{**keywords, "serial": 0})

    out = farm.playbook([*check, *plays(rotate("out"), **keywords)], "-i", "hosts.yml", "--limit", "web1,web2")

    assert out.rc == 0, out.output
    assert farm.out == ids("web1", "web2")

    back = farm.playbook(plays(rotate("back"), **keywords), "-i", "hosts.yml")

    assert back.rc == 0, back.output
    assert farm.emulator.bindings() == farm.at_first
    assert not (farm.directory / "kept.json").exists()


def test_the_role_says_how_it_is_used(farm):
    farm.write_files()

    done = farm.playbook(plays(roles=["tencentcloud.clb.rotation"]), "-i", "hosts.yml", "--limit", "web1")

    assert done.rc != 0, done.output
    assert "give tasks_from: check, tasks_from: out or tasks_from: back." in done.output


# -- one command each


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
    assert out.result("Show what was taken out")["msg"][-1].endswith(
        "ansible-playbook tencentcloud.clb.back -e clb_backend=ins-web1"
    )
    assert len(re.findall(r"^TASK", out.stdout, re.MULTILINE)) <= 4

    back = run("back")
    assert back.rc == 0, back.output
    assert back.result("Show what was brought back")["msg"][-1] == "2 bindings were brought back."
    assert emulator.bindings() == farm.at_first
    assert not farm.restore_file.exists()
