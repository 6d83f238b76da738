# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator as its users have it: installed by pip, outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "emulator"

# What the guide shows: it must stay this short.
TEST = """
import os
import subprocess

import pytest


@pytest.mark.parametrize("number", range(2))
def test_web4_gets_traffic(clb_emulator, number):
    environment = {**os.environ, **clb_emulator.environ()}
    subprocess.run(["ansible-playbook", "bind.yml"], env=environment, check=True)
    assert ("lbl-tcp443", None, "ins-web4", 8443, 10, "") in clb_emulator.bindings("lb-demo")
    print("served at", clb_emulator.url)
"""

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - tencentcloud.clb.targets:
        load_balancer_id: lb-demo
        targets: [{listener_port: 443, instance_id: ins-web4, port: 8443}]
"""


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, PACKAGE]
    subprocess.run(command, check=True)
    (file,) = folder.glob("*.whl")
    return file


def test_the_wheel_holds_the_package_and_its_scenarios(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {path.relative_to(PACKAGE).as_posix() for path in (PACKAGE / "clb_emulator").glob("*.py")}
    assert sources <= names
    assert "clb_emulator/scenarios/demo.yml" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("test")]


def test_a_playbook_is_tested_with_the_installed_fixture(wheel, tmp_path, ansible_environment):
    """Two tests at once, with a port each; nothing of the checkout is on the import path."""
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, wheel]
    subprocess.run(install, check=True)
    (tmp_path / "test_shop.py").write_text(TEST, encoding="utf-8")
    (tmp_path / "bind.yml").write_text(PLAY, encoding="utf-8")
    environment = {**ansible_environment, "PYTHONPATH": os.fspath(site)}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-rP", "-p", "no:cacheprovider", "test_shop.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    urls = {line for line in run.stdout.splitlines() if line.startswith("served at")}
    assert len(urls) == 2
