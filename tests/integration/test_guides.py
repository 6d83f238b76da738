# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guides tell a reader to run does what they say, and prints what they show."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from .checkout import ROOT, commit, copy_tracked, git
from .guides import FOLDER, blocks, shown, under

EXAMPLES = ROOT / "tests" / "docs" / "examples"
HEADER = re.compile(r"\A(---\n)?(#.*\n)+\n+")

# Recipes whose blocks are looked at one by one below, or that are no playbooks.
SPECIAL = {"Wait for health, without a change", "Check for drift in CI"}
WEB2 = {("lbl-tcp443", None, "ins-web2", 8443): 10, ("lbl-http80", "loc-shop", "ins-web2", 8080): 20}
RECIPES = [block for block in blocks("recipes", "yaml") if block.heading not in SPECIAL]


def plays(text):
    """Return a block as plays: its own, or one for its tasks."""
    content = yaml.safe_load(text)
    return content if "hosts" in content[0] else [{"hosts": "localhost", "gather_facts": False, "tasks": content}]


def missing(block, run):
    """Return the lines of output that a guide shows and a run has not printed."""
    printed = {line.strip() for line in run.output.splitlines()}
    return [line for line in shown(block) if line.strip() not in printed]


def check_first_task(playbook, emulator, folder):
    """It has five lines and does what the page shows."""
    (first,) = under("getting_started", "The first task", "yaml")
    (dry,) = under("getting_started", "See the changes first", "console")
    once, again = under("getting_started", "Run it", "console")
    (standing,) = under("getting_started", "The result", "console")
    assert len(first.split("tasks:\n")[1].splitlines()) == 5

    play = yaml.safe_load(first)
    play[0]["tasks"][0]["register"] = "bound"
    play[0]["tasks"].append(
        {"name": "Show how each listener stands", "ansible.builtin.debug": {"var": "bound.listeners"}}
    )
    foreseen = playbook(play, "--check", "--diff")
    assert not emulator.count("BatchRegisterTargets")
    done, repeated = playbook(play), playbook(play)

    assert [
        missing(block, run) for block, run in ((dry, foreseen), (once, done), (standing, done), (again, repeated))
    ] == [[]] * 4
    assert emulator.count("BatchRegisterTargets") == 1


def check_typing_error(playbook, emulator, folder):
    (first,) = under("getting_started", "The first task", "yaml")
    (answer,) = under("getting_started", "The result", "text")

    run = playbook(first.replace("listener_port: 443", "listener_port: 444"))

    assert run.result("Bind web-4")["msg"].split() == answer.split()


@pytest.mark.sample(4)
@pytest.mark.parametrize("number", [n for n, recipe in enumerate(RECIPES) if "hosts.yml" not in recipe.text])
def test_recipe_runs(number, playbook, emulator, tmp_path):
    recipe = RECIPES[number]
    arguments = ["--diff"]
    if recipe.heading == "Bind the hosts of a group":
        (hosts,) = (other.text for other in RECIPES if other.heading == recipe.heading and other is not recipe)
        (tmp_path / "hosts.yml").write_text(hosts, encoding="utf-8")
        arguments += ["--inventory", "hosts.yml"]
    if recipe.heading == "List unhealthy targets of a region":
        emulator.set_health(dead=["ins-web2"])
    before = emulator.bindings("lb-demo")

    run = playbook(plays(recipe.text), *arguments, variables={"canary_seconds": 0})

    assert run.rc == 0, run.output
    assert [missing(text, run) for text in under("recipes", recipe.heading, "console")] in ([], [[]])
    after = emulator.bindings("lb-demo")
    changed = {
        "Take a host out, and put it back whatever happens": (set(), set()),
        "Put hosts back after a task was killed": (set(), set()),
        "Blue-green: replace all servers": (
            {("lbl-http80", "loc-shop", web, 8080, 20, "green") for web in ("ins-web3", "ins-web4")},
            {
                ("lbl-http80", "loc-shop", web, 8080, weight, tag)
                for web, weight, tag in (("ins-web1", 20, "blue"), ("ins-web2", 20, "blue"), ("ins-web3", 0, "green"))
            },
        ),
        "Replace one server by another": (
            {("lbl-tcp443", None, "ins-web4", 8443, 10, "")},
            {("lbl-tcp443", None, "ins-web1", 8443, 10, "blue")},
        ),
        "Give a new server a small share first": ({("lbl-http80", "loc-shop", "ins-web4", 8080, 20, "")}, set()),
        "Choose load balancers by tag": (
            {(*place, 0, "blue") for place in WEB2},
            {(*place, weight, "blue") for place, weight in WEB2.items()},
        ),
        "Bind the hosts of a group": (set(), set()),
        "List unhealthy targets of a region": (set(), set()),
        "Say region and load balancer once": ({("lbl-tcp443", None, "ins-web4", 8443, 10, "")}, set()),
    }
    if recipe.heading == "Change the weight of all that have a tag":
        assert {weight for *_, weight, tag in after if tag == "blue"} == {5}
        assert {binding for binding in after if binding[-1] != "blue"} == {
            binding for binding in before if binding[-1] != "blue"
        }
    else:
        assert (after - before, before - after) == changed[recipe.heading]


def check_waiting_for_health(playbook, emulator, folder):
    (recipe,) = under("recipes", "Wait for health, without a change", "yaml")
    (output,) = under("recipes", "Wait for health, without a change", "console")
    emulator.load(ROOT / "tests" / "emulator" / "scenarios" / "demo.yml", health={"after": 3})
    emulator.bind("lb-demo", {"ListenerId": "lbl-tcp443", "InstanceId": "ins-web4", "Port": 8443})

    run = playbook(plays(recipe), timeout=90)

    assert (run.rc, missing(output, run)) == (0, []), run.output
    assert {call["action"] for call in emulator.calls()} == {"DescribeTargets", "DescribeTargetHealth"}


def check_long_task(playbook, emulator, folder):
    """It shows that it is alive."""
    (task,) = under("operating", "Long tasks", "yaml")
    # Ansible looks for the job in the home of the password file, and a test has another one.
    jobs = {"ANSIBLE_ASYNC_DIR": str(folder / "jobs")}

    dry, done = playbook(plays(task), "--check", environment=jobs), playbook(plays(task), environment=jobs)

    assert (dry.rc, done.rc) == (0, 0), dry.output + done.output
    assert "ASYNC OK on localhost" in done.output
    assert "ASYNC" not in dry.output


def check_drift(playbook, emulator, folder):
    """It fails a dry run and is shown."""
    (recipe,) = under("recipes", "Check for drift in CI", "yaml")
    (output,) = under("recipes", "Check for drift in CI", "console")

    drifted = playbook(recipe, "--check", "--diff")
    repaired = playbook(recipe)
    clean = playbook(recipe, "--check", "--diff")

    assert (drifted.rc, missing(output, drifted)) == (2, []), drifted.output
    assert (repaired.rc, clean.rc) == (0, 0), repaired.output + clean.output


def check_terraform(playbook, emulator, folder):
    (recipe,) = under("terraform", "Hand over the IDs", "yaml")
    (output,) = under("terraform", "Find drift", "console")
    ids = {"load_balancer_id": "lb-demo", "listener_id": "lbl-tcp443"}
    (folder / "terraform.json").write_text(json.dumps({"shop": {"sensitive": False, "value": ids}}), encoding="utf-8")

    run = playbook(recipe, "--check", "--diff")

    assert (run.rc, missing(output, run)) == (0, []), run.output


def check_commands_without_hosts(playbook, emulator, folder):
    emulator.set_health(dead=["ins-web2"])
    commands = [
        block.text.removeprefix("$ ") for block in blocks("playbooks", "console") if "hosts.yml" not in block.text
    ]
    for command in commands:
        run = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=playbook.environment, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stdout + run.stderr

    assert len(commands) == 2
    assert {weight for _, _, target, _, weight, _ in emulator.bindings("lb-demo") if target == "ins-web2"} == {0}


CHECKS = [check for name, check in list(globals().items()) if name.startswith("check_")]


@pytest.mark.sample(2)
@pytest.mark.parametrize("check", CHECKS)
def test_what_a_guide_tells_to_run_does_what_it_shows(playbook, emulator, tmp_path, check):
    check(playbook, emulator, tmp_path)


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.iterdir() if path.is_file()))
def test_guide_shows_the_example_files(name):
    text = HEADER.sub("", (EXAMPLES / name).read_text(encoding="utf-8"))
    guide = [re.sub(rf"\A# {re.escape(name)}\n", "", block.text) for block in blocks("testing")]

    assert text in guide


def github_steps():
    (job,) = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text(encoding="utf-8"))["jobs"].values()
    return [step["run"] for step in job["steps"] if "run" in step]


def gitlab_steps():
    (job,) = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text(encoding="utf-8")).values()
    return [*job["before_script"], *job["script"]]


@pytest.fixture
def repository(tmp_path):
    """The work tree as a repository, in place of the public one."""
    folder = tmp_path / "origin"
    copy_tracked(folder)
    commit(folder)
    git(folder, "tag", "1.0.0")
    return folder


@pytest.mark.long
@pytest.mark.parametrize("steps", [github_steps, gitlab_steps])
@pytest.mark.parametrize("download", [False, pytest.param(True, id="with pip", marks=pytest.mark.alone)])
def test_steps_of_the_ci_files_pass_as_written(steps, download, repository, tmp_path):
    project, home = tmp_path / "project", tmp_path / "home"
    home.mkdir()
    shutil.copytree(EXAMPLES, project)
    public = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
    script = "\n".join(steps())
    assert f"git+{public}@1.0.0#subdirectory=tests/emulator" in script
    # What a test changes: where the repository is, for pip and in place of Galaxy.
    script = script.replace(public, f"file://{repository}")
    script, replaced = re.subn(r'"tencentcloud\.clb:[^"]+"', f'"git+file://{repository}"', script)
    assert replaced == 1
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    environment.update({name: os.environ[name] for name in os.environ if name.startswith("PIP_")})
    if download:
        script = f'"{sys.executable}" -m venv venv\n. venv/bin/activate\n{script}'
    else:  # what pip would install is here already
        script = f"pip() {{ :; }}\n{script}"
        environment["PYTHONPATH"] = str(ROOT / "tests" / "emulator")
        environment["PYTEST_ADDOPTS"] = "-p clb_emulator.pytest_plugin -p no:cacheprovider"

    run = subprocess.run(
        ["bash", "-e"], input=script, cwd=project, env=environment, capture_output=True, text=True, timeout=300
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "4 passed" in run.stdout


def test_links_lead_to_files_of_the_repository():
    public = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["repository"]
    for guide in FOLDER.glob("*.rst"):
        links = re.findall(rf"{public}/(?:blob|tree)/main/([^)#>\s]+)", guide.read_text(encoding="utf-8"))
        assert [link for link in links if not (ROOT / link).exists()] == [], guide


@pytest.mark.long
def test_out_everywhere_and_back_goes_as_the_guide_shows(ansible_environment, emulator, tmp_path):
    before = emulator.bindings()
    shown_lines = [line.rstrip() for block in blocks("out_and_back", "text") for line in block.text.splitlines()]
    printed = ""
    for block in blocks("out_and_back", "console"):
        for command in re.findall(r"^\$ (.*)", block.text, re.MULTILINE):
            run = subprocess.run(
                ["bash", "-c", command], cwd=tmp_path, env=ansible_environment, capture_output=True, text=True
            )
            assert run.returncode == 0, run.stdout + run.stderr
            printed += run.stdout

    assert [line for line in shown_lines if line.replace("/home/me", str(tmp_path)) not in printed] == []
    assert emulator.bindings() == before
    assert not (tmp_path / "clb-restore.json").exists()


@pytest.mark.long
def test_commands_of_the_guide_to_rolling_updates_work(ansible_environment, emulator, tmp_path):
    """The first one for real, the others as dry runs; the update of the guide would install a package."""
    (hosts, _update, *_plays) = under("rolling", "Two hosts, one file, one command", "yaml")
    (tmp_path / "hosts.yml").write_text(hosts, encoding="utf-8")
    (tmp_path / "update.yml").write_text("- name: Update\n  ansible.builtin.ping:\n", encoding="utf-8")
    before = emulator.bindings()
    text = "".join(block.text for block in blocks("rolling", "console"))
    commands = re.findall(r"^\$ (ansible-playbook (?:[^\\\n]|\\\n)*)", text, re.MULTILINE)
    local = f" -e ansible_connection=local -e ansible_python_interpreter={sys.executable}"
    for number, command in enumerate(commands):
        if "shop.clb.yml" not in command:
            run = subprocess.run(
                ["bash", "-c", command + local + (" --check" if number else "")],
                cwd=tmp_path, env=ansible_environment, capture_output=True, text=True,
            )  # fmt: skip
            assert run.returncode == 0, run.stdout + run.stderr

    assert len(commands) == 5
    assert emulator.count("BatchModifyTargetWeight") >= 4
    assert emulator.bindings() == before
