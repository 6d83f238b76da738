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
import textwrap
from typing import NamedTuple

import pytest
import yaml

from .checkout import README, REPOSITORY, ROOT, commit, copy_tracked, git
from .conftest import DEMO
from .plays import play

FOLDER = ROOT / "docs" / "docsite" / "rst"
EXAMPLES = ROOT / "tests" / "docs" / "examples"
HEADER = re.compile(r"\A(---\n)?(#.*\n)+\n+")


class Block(NamedTuple):
    heading: str
    language: str
    text: str


def blocks(guide, language=None):
    """Return the blocks of a guide in their order, of one language or all."""
    lines = (FOLDER / f"guide_{guide}.rst").read_text(encoding="utf-8").splitlines()
    found, heading = [], ""
    for number, line in enumerate(lines):
        if re.fullmatch(r"(-{3,}|={3,}|~{3,})", line):
            heading = lines[number - 1]
        elif match := re.fullmatch(r"\.\. code-block:: (\S+)", line):
            end = number + 1
            while end < len(lines) and (not lines[end] or lines[end].startswith("    ")):
                end += 1
            text = textwrap.dedent("\n".join(lines[number + 1 : end])).strip("\n") + "\n"
            found.append(Block(heading, match.group(1), text))
    return [block for block in found if language in (None, block.language)]


def under(guide, heading, language):
    """Return the texts of the blocks of a language below a heading."""
    return [block.text for block in blocks(guide, language) if block.heading == heading]


def plays(text):
    """Return a block as plays: its own, or one for its tasks."""
    content = yaml.safe_load(text)
    return content if "hosts" in content[0] else play(*content)


def missing(block, run):
    """Return the lines of output that a guide shows, but for what stands for more, and a run has not printed."""
    printed = {line.strip() for line in run.output.splitlines()}
    shown = [line.strip() for line in block.splitlines() if not line.startswith("$ ")]
    return [line for line in shown if line not in (*printed, "", "...")]


def shell(command, folder, environment):
    """Run a command, which has to succeed, and return what it prints."""
    run = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


# Recipes whose blocks are looked at one by one below, or that need hosts.
SPECIAL = {"Wait for health, without a change", "Check for drift in CI"}
RECIPES = [block for block in blocks("recipes", "yaml") if block.heading not in SPECIAL]


def on_shop(backend, weight, tag):
    return ("lbl-http80", "loc-shop", backend, 8080, weight, tag)


def on_tcp(backend, weight, tag):
    return ("lbl-tcp443", None, backend, 8443, weight, tag)


BLUE = {on_shop("ins-web1", 20, "blue"), on_shop("ins-web2", 20, "blue")}
WEB2 = {on_tcp("ins-web2", 10, "blue"), on_shop("ins-web2", 20, "blue")}
CHANGES = {
    "Blue-green: replace all servers": (
        {on_shop("ins-web3", 20, "green"), on_shop("ins-web4", 20, "green")},
        BLUE | {on_shop("ins-web3", 0, "green")},
    ),
    "Replace one server by another": ({on_tcp("ins-web4", 10, "")}, {on_tcp("ins-web1", 10, "blue")}),
    "Give a new server a small share first": ({on_shop("ins-web4", 20, "")}, set()),
    "Choose load balancers by tag": ({(*place, 0, tag) for *place, _, tag in WEB2}, WEB2),
    "Say region and load balancer once": ({on_tcp("ins-web4", 10, "")}, set()),
}
"""Bindings that a recipe adds and removes, where it does not put all of them back."""


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
    if recipe.heading == "Change the weight of all that have a tag":
        assert after == {(*binding[:4], 5, "blue") if binding[-1] == "blue" else binding for binding in before}
    else:
        assert (after - before, before - after) == CHANGES.get(recipe.heading, (set(), set()))


def check_first_task(playbook, emulator, folder):
    (first,) = under("getting_started", "The first task", "yaml")
    (dry,) = under("getting_started", "See the changes first", "console")
    once, again = under("getting_started", "Run it", "console")
    (standing,) = under("getting_started", "The result", "console")
    assert len(first.split("tasks:\n")[1].splitlines()) == 5

    (only,) = yaml.safe_load(first)
    only["tasks"][0]["register"] = "bound"
    only["tasks"].append({"name": "Show how each listener stands", "ansible.builtin.debug": {"var": "bound.listeners"}})
    foreseen = playbook([only], "--check", "--diff")
    assert not emulator.count("BatchRegisterTargets")
    done, repeated = playbook([only]), playbook([only])

    shown = ((dry, foreseen), (once, done), (standing, done), (again, repeated))
    assert [missing(block, run) for block, run in shown] == [[]] * 4
    assert emulator.count("BatchRegisterTargets") == 1


def check_typing_error(playbook, emulator, folder):
    (first,) = under("getting_started", "The first task", "yaml")
    (answer,) = under("getting_started", "The result", "text")

    run = playbook(first.replace("listener_port: 443", "listener_port: 444"))

    assert run.result("Bind web-4")["msg"].split() == answer.split()


def check_waiting_for_health(playbook, emulator, folder):
    (recipe,) = under("recipes", "Wait for health, without a change", "yaml")
    (output,) = under("recipes", "Wait for health, without a change", "console")
    # Longer than Ansible takes to start on a busy machine.
    emulator.load(DEMO, health={"after": 10})
    emulator.bind("lb-demo", {"ListenerId": "lbl-tcp443", "InstanceId": "ins-web4", "Port": 8443})

    run = playbook(plays(recipe), timeout=90)

    assert (run.rc, missing(output, run)) == (0, []), run.output
    assert {call["action"] for call in emulator.calls()} == {"DescribeTargets", "DescribeTargetHealth"}


def check_long_task(playbook, emulator, folder):
    (task,) = under("operating", "Long tasks", "yaml")
    # Ansible looks for the job in the home of the password file, and a test has another one.
    jobs = {"ANSIBLE_ASYNC_DIR": str(folder / "jobs")}

    dry, done = playbook(plays(task), "--check", environment=jobs), playbook(plays(task), environment=jobs)

    assert (dry.rc, done.rc) == (0, 0), dry.output + done.output
    assert "ASYNC OK on localhost" in done.output
    assert "ASYNC" not in dry.output


def check_drift(playbook, emulator, folder):
    (recipe,) = under("recipes", "Check for drift in CI", "yaml")
    (output,) = under("recipes", "Check for drift in CI", "console")

    dry = ("--check", "--diff")
    drifted, repaired, clean = playbook(recipe, *dry), playbook(recipe), playbook(recipe, *dry)

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
    commands = [block.text for block in blocks("playbooks", "console") if "hosts.yml" not in block.text]
    for command in commands:
        shell(command.removeprefix("$ "), folder, playbook.environment)

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


@pytest.mark.long
@pytest.mark.parametrize("steps", [github_steps, gitlab_steps])
@pytest.mark.parametrize("download", [False, pytest.param(True, id="with pip", marks=pytest.mark.alone)])
def test_steps_of_the_ci_files_pass_as_written(steps, download, tmp_path):
    # The work tree as a repository, in place of the public one.
    repository, project, home = (tmp_path / name for name in ("origin", "project", "home"))
    copy_tracked(repository)
    commit(repository)
    git(repository, "tag", "1.0.0")
    home.mkdir()
    shutil.copytree(EXAMPLES, project)
    script = "\n".join(steps())
    assert f"git+{REPOSITORY}@1.0.0#subdirectory=tests/emulator" in script
    # What a test changes: where the repository is, for pip and in place of Galaxy.
    script = script.replace(REPOSITORY, f"file://{repository}")
    script, replaced = re.subn(r'"tencentcloud\.clb:[^"]+"', f'"git+file://{repository}"', script)
    assert replaced == 1
    pip = {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
    environment = {**pip, "HOME": str(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    if download:
        script = f'"{sys.executable}" -m venv venv\n. venv/bin/activate\n{script}'
    else:  # what pip would install is here already
        script = f"pip() {{ :; }}\n{script}"
        environment["PYTHONPATH"] = str(ROOT / "tests" / "emulator")
        environment["PYTEST_ADDOPTS"] = "-p clb_emulator.pytest_plugin -p no:cacheprovider"

    assert "4 passed" in shell(f"set -e\n{script}", project, environment)


def test_links_lead_to_files_of_the_repository():
    links = re.findall(r"^!\[[^]]+\]\((.*)\)$", README, re.MULTILINE)
    for text in (README, *(guide.read_text(encoding="utf-8") for guide in FOLDER.glob("*.rst"))):
        links += re.findall(rf"{REPOSITORY}/(?:blob|tree)/main/([^)#>\s]+)", text)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.long
def test_out_everywhere_and_back_goes_as_the_guide_shows(ansible_environment, emulator, tmp_path):
    before = emulator.bindings()
    shown_lines = [line.rstrip() for block in blocks("out_and_back", "text") for line in block.text.splitlines()]
    printed = ""
    for block in blocks("out_and_back", "console"):
        for command in re.findall(r"^\$ (.*)", block.text, re.MULTILINE):
            printed += shell(command, tmp_path, ansible_environment)

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
            shell(command + local + (" --check" if number else ""), tmp_path, ansible_environment)

    assert len(commands) == 5
    assert emulator.count("BatchModifyTargetWeight") >= 4
    assert emulator.bindings() == before
