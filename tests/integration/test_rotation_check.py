# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be known to fail is found before the first host is drained: the journal shows no write."""

from __future__ import annotations

import pytest

from .rolling import UPDATE, Farm, listener

NOTIFIES = UPDATE + "  notify: Restart\n"


@pytest.fixture
def farm(emulator, playbook):
    return Farm(emulator, playbook)


def refuse(farm, *arguments, words, **variables):
    """Run the playbook, which fails for the reason that ``words`` say, and has written nothing."""
    run = farm.roll(*arguments, **variables)

    assert run.rc != 0, run.output
    for text in [words] if isinstance(words, str) else words:
        assert text in run.output.replace("\n", " "), run.output
    assert farm.writes == []
    assert not farm.restore_file.exists()


def test_a_host_that_does_not_answer(farm):
    farm.hosts["web3"].update(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)

    refuse(
        farm,
        words=["web3: no answer (ssh: connect to host 127.0.0.1 port 1: Connection refused). No host was drained."],
    )


@pytest.mark.parametrize("name", ["web1", "web4"])
def test_a_host_that_can_not_run_modules(farm, name):
    farm.hosts[name]["ansible_python_interpreter"] = "/no/such/python"

    refuse(farm, words=[f"{name}: it can't run modules (", "No host was drained."])


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "backend, words",
    [
        (None, "web2: missing required arguments: clb_backend. No host was drained."),
        (
            {"instance_id": "ins-web22"},
            "web2: ins-web22 is not bound to any load balancer of the region; check clb_backend",
        ),
        ({"instance_id": "ins-web3"}, "web3: its clb_backend is also that of web2"),
        ({"instance_id": "ins-web2", "weight": 0}, "web2: weight 0 as the weight to come back with"),
        ({"ip": "10.0.0"}, "web2: clb_backend"),
    ],
)
def test_a_backend_that_can_not_be_meant(farm, backend, words):
    farm.hosts["web2"]["clb_backend"] = backend

    refuse(farm, words=[words, "No host was drained."])


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    "update, words",
    [
        ("- name: [\n", "update.yml"),
        ("- name: No such module\n  no.such.module:\n", "no.such.module"),
        ("- name: No such keyword\n  ansible.builtin.ping:\n  no_such_keyword: true\n", "no_such_keyword"),
        ("- ansible.builtin.import_tasks: missing.yml\n", "missing.yml"),
        (NOTIFIES, "notifies 'Restart', and there are no handlers (clb_handlers is not given)"),
    ],
)
def test_an_update_that_can_not_run(farm, update, words):
    farm.update = update

    refuse(farm, words=words)


def test_handlers_that_lack_what_is_notified(farm):
    farm.update = NOTIFIES
    (farm.directory / "handlers.yml").write_text("- name: Reload\n  ansible.builtin.meta: noop\n")

    refuse(
        farm, clb_handlers="handlers.yml", words=["handlers.yml has no handler of that name", "No host was drained."]
    )


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "arguments, variables, words",
    [
        (
            [],
            {"clb_update": "nowhere.yml"},
            "nowhere.yml is no file; check the name, relative to where the command runs.",
        ),
        ([], {"clb_handlers": "handlers.yml"}, "handlers.yml"),
        ([], {"clb_batch": 0}, "clb_batch is 0; give a number of hosts from 1"),
        ([], {"clb_batch": "0%"}, "clb_batch is '0%'"),
        ([], {"clb_hosts": "shop"}, "No host matches clb_hosts shop; check the pattern and the inventory."),
        (["--limit", "web1"], {"clb_hosts": "web2"}, "No host matches clb_hosts web2 within --limit web1"),
        ([], {"clb_min_healthy": 4}, "batch 1 (web1): lb-1 lbl-1-443 (TCP:443) would keep 3 healthy targets"),
        ([], {"clb_load_balancer_id": "lb-9"}, "lb-9"),
        ([], {"clb_restore_file": "no/such/folder/r.json"}, "no/such/folder is no directory; check clb_restore_file."),
        ([], {"clb_listeners": [{"listener_id": "lbl-1-443", "port": 80}]}, "for which load balancer"),
        (
            [],
            {"clb_load_balancer_id": "lb-1", "clb_listeners": [{"listener_port": 444, "port": 80}]},
            "there is no listener on port 444",
        ),
    ],
)
def test_variables_that_can_not_be_meant(farm, arguments, variables, words):
    refuse(farm, *arguments, words=words, **variables)


@pytest.mark.sample(2)
@pytest.mark.parametrize("name, value", [("clb_hosts", "web1"), ("clb_batch", 2), ("clb_handlers", "handlers.yml")])
@pytest.mark.parametrize("where", ["group", "host"])
def test_variables_of_the_inventory_that_come_too_late(farm, name, value, where):
    (farm.variables if where == "group" else farm.hosts["web4"])[name] = value

    refuse(farm, words=f"{name} can't be set in the inventory")


def test_an_update_that_nobody_has_named(farm):
    del farm.variables["clb_update"]

    refuse(farm, words="clb_update is not given")


def test_a_guard_that_only_the_third_batch_would_break(farm):
    small = [farm.target(name) for name in ("web3", "web4")]
    farm.scenario["load_balancers"][0]["listeners"].append(listener(1, small, port=80))
    farm.load()

    refuse(
        farm,
        clb_batch=1,
        clb_min_healthy=2,
        words="batch 3 (web3): lb-1 lbl-1-80 (TCP:80) would keep 1 healthy targets, and clb_min_healthy is 2",
    )


def test_a_health_that_the_cloud_does_not_say(farm):
    farm.emulator.set_health(shown={"ins-web3": None})

    refuse(
        farm,
        clb_min_healthy=1,
        words="batch 1 (web1): lb-1 lbl-1-443 (TCP:443) serves ins-web3, whose health the cloud doesn't say; "
        "nothing can be taken. No host was drained.",
    )


@pytest.mark.sample(2)
@pytest.mark.parametrize("text", ["", "[{", "{}", '[{"instance_id": "ins-web1"}]'])
def test_a_restore_file_that_can_not_be_used_is_named_and_kept(farm, text):
    farm.restore_file.write_text(text)

    run = farm.roll()

    assert run.rc != 0, run.output
    assert f"The restore file {farm.restore_file}" in run.output
    assert farm.writes == []
    assert farm.restore_file.read_text() == text


@pytest.mark.sample(2)
@pytest.mark.parametrize("action", ["DescribeTargets", "DescribeTargetHealth"])
def test_reads_that_are_not_allowed(farm, action):
    code = "AuthFailure.UnauthorizedOperation"
    farm.emulator.add_faults({"kind": "error", "action": action, "code": code, "times": -1})

    refuse(farm, words=[code, "No host was drained."])


def test_one_of_two_load_balancers_that_may_not_be_read(emulator, playbook):
    farm = Farm(emulator, playbook, balancers=2)
    denied = {"kind": "error", "action": "DescribeTargets", "code": "UnauthorizedOperation", "load_balancers": ["lb-2"]}
    farm.emulator.add_faults({**denied, "times": -1})

    refuse(farm, words=["lb-2 can't be read (UnauthorizedOperation", "No host was drained."])
