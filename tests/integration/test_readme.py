# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README's five commands, as written, in a fresh clone beside a virtual environment and a second clone."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys

import pytest
import yaml

from .checkout import MAX_BYTES, MAX_FILES, ROOT, tracked_files

README = (ROOT / "README.md").read_text(encoding="utf-8")
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
REPOSITORY, VERSION = GALAXY["repository"], GALAXY["version"]
SECOND_CLONE = "git clone --quiet . tencentcloud.clb && cp -R tencentcloud.clb clone"

# What the commands need is here already: nothing is downloaded.
NO_DOWNLOAD = f"""
pip() {{ :; }}
clb-emulator() {{ PYTHONPATH=tests/emulator exec "{sys.executable}" -m clb_emulator "$@"; }}
"""


def block(begin):
    """Return the text of the only code block that contains ``begin``."""
    (found,) = (text for text in re.findall(r"^```\w+\n(.*?)^```$", README, re.MULTILINE | re.DOTALL) if begin in text)
    return found


def commands(text):
    """Return the commands after the prompts, each with its continuation lines."""
    return [command.strip() for command in re.split(r"^\$ ", text, flags=re.MULTILINE) if command.strip()]


@pytest.fixture
def origin(tmp_path):
    """A repository with the work tree's files, in place of the public one."""
    repository = tmp_path / "origin"
    for name in tracked_files():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, repository / name, follow_symlinks=False)
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    for action in (["init", "--quiet"], ["add", "--all"], [*who, "commit", "--quiet", "--message=All of it"]):
        subprocess.run(["git", *action], cwd=repository, check=True)
    return repository


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(NO_DOWNLOAD, id="with what is installed"),
        pytest.param("", id="with pip", marks=[pytest.mark.long, pytest.mark.alone]),
    ],
)
def test_five_commands_install_little_and_show_the_picture(origin, tmp_path, before):
    home = tmp_path / "home"
    home.mkdir()
    port = free_port()
    clone, environment, *rest = commands(block("$ clb-emulator"))
    assert len(rest) == 3
    script = "\n".join([before, clone, environment, SECOND_CLONE, *rest])
    # The one thing that a test changes: where the repository is, and a port that is free.
    script = script.replace(REPOSITORY, f"file://{origin} tencentcloud.clb").replace("8765", str(port))
    keep = {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "LC_", "LANG"))}
    done = subprocess.run(
        ["bash", "-e"],
        input=script,
        cwd=tmp_path,
        env={**keep, "LC_ALL": "C.UTF-8", "HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=180,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (installed,) = home.glob(".ansible/collections/ansible_collections/*/*")
    # What Python has compiled meanwhile was not installed.
    files = [file for file in installed.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert 0 < len(files) < MAX_FILES
    assert sum(file.stat().st_size for file in files) < MAX_BYTES
    picture = block("TASK [Show it as a tree]").splitlines()
    assert set(picture) <= set(done.stdout.splitlines())
    assert {"venv", "clone", "tencentcloud.clb"} <= {path.name for path in (tmp_path / "tencentcloud.clb").iterdir()}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)), "the emulator still listens"


def test_links_lead_to_files_of_the_repository():
    links = re.findall(rf"\]\({REPOSITORY}/(?:blob|tree)/main/([^)#]+)", README)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_first_task_is_one_that_the_demo_accepts(playbook, emulator):
    task = yaml.safe_load(block("Put web-3 behind the shop"))
    run = playbook([{"hosts": "localhost", "gather_facts": False, "tasks": task}])

    assert run.rc == 0, run.output


def test_requirements_file_takes_this_version():
    (wanted,) = yaml.safe_load(block("    version:"))["collections"]
    minimum, below = re.fullmatch(r">=(\d+)\.0\.0,<(\d+)\.0\.0", wanted["version"]).groups()

    assert int(minimum) <= int(VERSION.partition(".")[0]) < int(below)


def test_archive_to_install_is_of_this_version():
    assert f"ansible-galaxy collection install tencentcloud-clb-{VERSION}.tar.gz" in commands(block(".tar.gz"))
