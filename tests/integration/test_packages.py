# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users get: the collection's archive, in execution environments and AWX's mesh too, and the emulator's wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
import yaml

from .checkout import ROOT, VERSION, copy_tracked
from .plays import play, task

REQUIRED = {"CHANGELOG.md", "COPYING", "README.md", "changelogs", "docs", "extensions", "meta", "playbooks", "plugins"}
MAX_BYTES = 1_100_000
MAX_FILES = 120
# What people have in a checkout.
CLUTTER = (
    *("venv/pyvenv.cfg", ".venv/pyvenv.cfg", "env/bin/python", "collections/ansible_collections/x/y/MANIFEST.json"),
    *("build/x.whl", "dist/x.tar.gz", "clb-restore.json", "tencentcloud-clb-0.1.0.tar.gz", "docs/.DS_Store"),
    *("plugins/modules/.targets.py.swp", "plugins/modules/targets.py.orig", "plugins/modules/targets.py~"),
    "changelogs/fragments/x.yml",
)


def run(command, environment, **how):
    done = subprocess.run(command, env=environment, capture_output=True, timeout=240, **how)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(collections_path):
    return collections_path / "ansible_collections" / "tencentcloud" / "clb"


@pytest.fixture(scope="module")
def names(installed):
    entries = json.loads((installed / "FILES.json").read_text())["files"]
    return {entry["name"] for entry in entries} - {"."}


def test_archive_holds_only_what_runs_and_what_a_reader_needs(installed, names):
    # What other tests run from there, Python has compiled.
    files = [file for file in installed.rglob("*") if file.is_file() and file.suffix != ".pyc"]

    assert REQUIRED <= {name.split("/")[0] for name in names} <= {*REQUIRED, "roles"}
    assert not [name for name in names if name.endswith((".pyc", "__pycache__", ".orig", "~"))]
    assert len(files) < MAX_FILES
    assert sum(file.stat().st_size for file in files) < MAX_BYTES


def test_what_the_repository_has_beside_the_collection_stays_out(names, ansible_environment, tmp_path):
    checkout = tmp_path / "checkout"
    copy_tracked(checkout)
    for name in CLUTTER:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("clutter")
    run(["ansible-galaxy", "collection", "build", "--output-path", tmp_path, checkout], ansible_environment)

    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        assert set(opened.getnames()) == names | {"MANIFEST.json", "FILES.json"}


@pytest.mark.parametrize(
    "kind, plugins",
    [("module", ["targets", "targets_info"]), ("inventory", ["targets"]), ("filter", ["bind", "mermaid", "tree"])],
)
def test_ansible_doc_lists_every_plugin(ansible_environment, kind, plugins):
    listed = json.loads(run(["ansible-doc", "--json", "-l", "-t", kind, "tencentcloud.clb"], ansible_environment))

    assert sorted(listed) == [f"tencentcloud.clb.{name}" for name in plugins]
    assert all(listed.values())


def test_version_is_the_newest_of_the_changelog_or_awaits_its_release(installed):
    released = yaml.safe_load((installed / "changelogs" / "changelog.yaml").read_text())["releases"]
    newest = max(released, key=lambda release: tuple(map(int, release.split("."))))
    assert newest == VERSION or (ROOT / "changelogs" / "fragments" / f"{VERSION}.yml").exists()


@pytest.mark.long
def test_a_job_goes_to_a_worker_and_its_events_come_back(emulator, collections_path, ansible_environment, tmp_path):
    listener = {"protocol": "TCP", "port": 443}
    balancers = [{"id": f"lb-{n}", "listeners": [{"id": f"lbl-{n}", **listener}]} for n in (1, 2)]
    emulator.load({"load_balancers": balancers})
    servers = "{{ servers | tencentcloud.clb.bind([{'listener_port': 443, 'port': 8443}]) }}"
    bind = task("Bind", {"loop": ["lb-1", "lb-2"]}, load_balancer_id="{{ item }}", targets=servers)
    # A project that brings the collection along, extra variables, and what a credential injects.
    job, worker, results = (tmp_path / name for name in ("job", "worker", "results"))
    shutil.copytree(collections_path, job / "project" / "collections")
    for folder in (job / "env", worker, results):
        folder.mkdir()
    (job / "project" / "bind.yml").write_text(yaml.safe_dump(play(bind)))
    (job / "env" / "extravars").write_text(json.dumps({"servers": [{"instance_id": "ins-1"}]}))
    (job / "env" / "envvars").write_text(json.dumps({**emulator.environ(), "ANSIBLE_NOCOLOR": "true"}))
    # The worker has nothing but what is sent to it.
    own = ("ANSIBLE_", "TENCENTCLOUD_")
    environment = {key: value for key, value in ansible_environment.items() if not key.startswith(own)}

    sent = run(["ansible-runner", "transmit", job, "--playbook", "bind.yml", "--ident", "1"], environment)
    shutil.rmtree(job)
    returned = run(["ansible-runner", "worker", "--private-data-dir", worker], environment, input=sent)
    run(["ansible-runner", "process", results, "--ident", "1"], environment, input=returned)

    artifacts = results / "artifacts" / "1"
    assert (artifacts / "rc").read_text() == "0", (artifacts / "stdout").read_text()
    events = [json.loads(file.read_text()) for file in (artifacts / "job_events").glob("*.json")]
    items = [event["event_data"]["res"] for event in events if event["event"] == "runner_item_on_ok"]
    assert {one["load_balancer_id"]: one["changed"] for one in items} == {"lb-1": True, "lb-2": True}
    bound = {binding[:4] for binding in emulator.bindings()}
    assert bound == {("lbl-1", None, "ins-1", 8443), ("lbl-2", None, "ins-1", 8443)}
    # ansible-runner itself notes the environment that it was given, in the file named command.
    shown = [file for file in artifacts.rglob("*") if file.is_file() and file.name != "command"]
    assert len(shown) > len(events)
    assert not [file for file in shown if emulator.secret_key in file.read_text()]


def test_an_execution_environment_can_be_created(collections_path, ansible_environment, tmp_path):
    packages = {name.replace("-", "_"): {"package_pip": name} for name in ("ansible-core", "ansible-runner")}
    dependencies = {**packages, "galaxy": {"collections": ["tencentcloud.clb"]}}
    images = {"base_image": {"name": "localhost/base:latest"}}
    definition = {"version": 3, "images": images, "dependencies": dependencies}
    (tmp_path / "execution-environment.yml").write_text(yaml.safe_dump(definition))

    run(["ansible-builder", "create", "--output-filename", "Containerfile"], ansible_environment, cwd=tmp_path)

    context = tmp_path / "context"
    assert "ansible-galaxy collection install" in (context / "Containerfile").read_text()
    assert "tencentcloud.clb" in (context / "_build" / "requirements.yml").read_text()
    needed = yaml.safe_load(run(["ansible-builder", "introspect", collections_path], ansible_environment))
    assert [line.partition("  #")[0] for line in needed["python"]] == ["requests>=2.28.0"]
    assert needed["system"] == []


PACKAGE = ROOT / "tests" / "emulator"
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


@pytest.mark.long
def test_a_playbook_is_tested_with_the_installed_emulator(tmp_path, ansible_environment):
    """Two tests at once, with a port each; nothing of the checkout is on the import path."""
    site, pip = tmp_path / "site", [sys.executable, "-m", "pip"]
    run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, PACKAGE], os.environ)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    sources = {path.relative_to(PACKAGE).as_posix() for path in (PACKAGE / "clb_emulator").glob("*.py")}
    assert sources | {"clb_emulator/scenarios/demo.yml"} <= packed
    assert not [name for name in packed if "__pycache__" in name or name.startswith("test")]

    run([*pip, "install", "--quiet", "--no-deps", "--target", site, wheel], os.environ)
    (tmp_path / "test_shop.py").write_text(TEST, encoding="utf-8")
    target = {"listener_port": 443, "instance_id": "ins-web4", "port": 8443}
    bind = task("Bind", load_balancer_id="lb-demo", targets=[target])
    (tmp_path / "bind.yml").write_text(yaml.safe_dump(play(bind)), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-n", "2", "-rP", "-p", "no:cacheprovider", "test_shop.py"]
    printed = run(command, {**ansible_environment, "PYTHONPATH": os.fspath(site)}, cwd=tmp_path, text=True)
    assert len({line for line in printed.splitlines() if line.startswith("served at")}) == 2
