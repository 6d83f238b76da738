# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README as a person follows it: all files and commands in order, in one shell, in a fresh clone.

And the pages and pictures that programs make.
"""

from __future__ import annotations

import importlib
import os
import re
import socket
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
import yaml

from .checkout import README, REPOSITORY, ROOT, VERSION, commit, copy_tracked

PAGE = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
CONSOLE = [text for language, text in PAGE if language == "console"]

# What the commands need is here already: nothing is downloaded. Other tests are about what `make` runs.
NO_DOWNLOAD = f"""
pip() {{ :; }}
clb-emulator() {{ PYTHONPATH=tests/emulator exec "{sys.executable}" -m clb_emulator "$@"; }}
"""
NO_MAKE = "make() { :; }\n"
MARK = "=== end of block"


def commands(text):
    """Return the commands after the prompts, each with its continuation lines and without its output."""
    found = re.findall(r"^\$ ((?:.*\\\n)*.*)$", text, flags=re.MULTILINE)
    assert found, f"a block for the console without a command:\n{text}"
    return found


def script_of_the_page():
    """Return what a person does who follows the page: write the files, type the commands, in order, in one shell."""
    lines = []
    for language, text in PAGE:
        if language == "yaml":
            name = re.match(r"# ([\w-]+\.yml)\n", text)
            assert name, f"a file without a name:\n{text}"
            lines.append(f"cat > {name[1]} <<'END_OF_FILE'\n{text}END_OF_FILE")
        else:
            lines += [*commands(text), f"echo '{MARK}' $?"]
    return "\n".join(lines)


def outputs(text):
    """Return the lines of output that a block shows, without what stands for more."""
    shown = (line for line in text.splitlines() if not line.startswith("$ "))
    return [line.removesuffix(" ...") for line in shown if line.strip() not in ("", "...")]


@pytest.mark.long
@pytest.mark.parametrize("before", [NO_DOWNLOAD, pytest.param("", marks=pytest.mark.alone)], ids=["here", "with pip"])
def test_whole_page_runs_in_one_shell_and_prints_what_it_shows(tmp_path, before):
    origin, home = tmp_path / "origin", tmp_path / "home"
    copy_tracked(origin)
    commit(origin)
    home.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    # What a test changes: where the repository is, and a port that is free.
    script = NO_MAKE + before + script_of_the_page()
    script = script.replace(f"{REPOSITORY} ", f"file://{origin} tencentcloud.clb ").replace("8765", str(port))
    keep = {name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "LC_", "LANG"))}
    environment = {**keep, "LC_ALL": "C.UTF-8", "HOME": str(home), "PATH": os.environ["PATH"]}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(["bash"], input=script, cwd=tmp_path, env=environment, timeout=240, **output)

    printed = done.stdout.split(MARK)
    assert len(printed) == len(CONSOLE) + 1, done.stdout
    ended = [rest.split()[0] for rest in printed[1:]]
    failed = [commands(text)[-1] for text, code in zip(CONSOLE, ended, strict=True) if code != "0"]
    assert failed == ["ansible-playbook mistake.yml"], done.stdout
    for text, output in zip(CONSOLE, printed, strict=False):
        # Ansible breaks long messages at spaces.
        assert [line for line in outputs(text) if " ".join(line.split()) not in " ".join(output.split())] == [], output
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)), "the emulator still listens"


def test_figures_are_those_that_the_script_draws(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    script = importlib.import_module("figures")
    drawn = {f"{draw.__name__}.svg": draw().svg() for draw in script.FIGURES}

    assert {file.name: file.read_text(encoding="utf-8") for file in script.FOLDER.iterdir()} == drawn


def test_requirements_file_and_archive_are_of_this_version():
    (block,) = (text for _, text in PAGE if "    version:" in text)
    (wanted,) = yaml.safe_load(block)["collections"]
    minimum, below = re.fullmatch(r">=(\d+)\.0\.0,<(\d+)\.0\.0", wanted["version"]).groups()

    assert int(minimum) <= int(VERSION.partition(".")[0]) < int(below)
    assert f"`ansible-galaxy collection install tencentcloud-clb-{VERSION}.tar.gz`" in README


@pytest.mark.alone
@pytest.mark.long
def test_quick_benchmark_runs_and_writes_its_files(collections_path, tmp_path):
    pytest.importorskip("pygal", reason="pygal is a package of requirements/bench.txt")
    command = [sys.executable, ROOT / "tests" / "benchmark" / "run.py", "--quick", "--output", tmp_path]
    environment = {**os.environ, "CLB_COLLECTIONS": str(collections_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr

    page = (tmp_path / "benchmark.md").read_text(encoding="utf-8")
    for row in ("`tencentcloud.clb.targets`", "`RegisterTargets`", "500 targets new", "100,000", "1,000 targets"):
        assert f"| {row}" in page or f"{row} |" in page, page
    labels = set()
    for name in ("loop", "ping", "planning"):
        assert f"(benchmark-{name}.svg)" in page
        picture = ET.parse(tmp_path / f"benchmark-{name}.svg")
        labels |= {element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")}
    beginnings = {label.partition(":")[0] for label in labels if label}
    assert {"one task", "run again", "500 removed", "100,000"} <= beginnings, labels
