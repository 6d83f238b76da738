# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No key, token or signature in what Ansible prints, returns or writes, with a cloud that tells all it sees."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import DEMO
from .credential_places import (
    CLOSED_ROLE,
    ENVIRONMENT,
    EXPIRED_TOKEN,
    OPTIONS,
    PAIRS,
    ROLE,
    SETTINGS,
    WEB_TOKEN,
    Places,
    key,
    key_id,
    play,
    task,
)
from .echo_gateway import EchoGateway

if TYPE_CHECKING:
    from pathlib import Path

LEAST_LENGTH = 16
"""Shorter pieces of a secret could be there by chance."""


@pytest.fixture
def gateway(emulator):
    emulator.load(DEMO, **SETTINGS)
    gateway = EchoGateway(emulator.url, {key_id(pair): key(pair) for pair in PAIRS})
    gateway.secrets |= {WEB_TOKEN, EXPIRED_TOKEN}
    with gateway.running():
        yield gateway


@pytest.fixture
def places(emulator, gateway, tmp_path) -> Places:
    return Places(emulator, tmp_path / "user", gateway.url)


def link_tasks(places: Places) -> list[dict[str, Any]]:
    """One task for each link; those of the environment take the keys of the process."""
    places.tccli("role", "deploy", **{"role-arn": ROLE})
    bare = Places(places.emulator, places.home.parent / "bare", places.url)
    option = {"secret_id": OPTIONS["secret_id"], "secret_key": "{{ lookup('env', 'KEY_FOR_OPTION') }}"}
    tasks = [
        task("options", bare.environment(), **option),
        task("environment", bare.environment(keep=ENVIRONMENT)),
        task("pod", bare.environment(bare.pod())),
        task("cvm", bare.environment(cvm=True)),
        task("profile with role", places.environment(), profile="role"),
        task("expired token", bare.environment(keep=[*ENVIRONMENT, "TENCENTCLOUD_TOKEN"])),
        task("closed role", bare.environment(keep=ENVIRONMENT), role_arn=CLOSED_ROLE),
        {
            **task("a write", bare.environment(keep=ENVIRONMENT), role_arn=ROLE),
            "tencentcloud.clb.targets_info": None,
            "tencentcloud.clb.targets": {
                "load_balancer_id": "lb-demo",
                "role_arn": ROLE,
                "targets": [{"listener_id": "lbl-tcp443", "instance_id": "ins-web4", "port": 8443, "tag": "new"}],
            },
        },
    ]
    del tasks[-1]["tencentcloud.clb.targets_info"]
    return tasks


def remember() -> list[dict[str, Any]]:
    """Tasks that put all results wherever a result can go."""
    copy = {"content": "{{ done | to_nice_json }}", "dest": "{{ folder }}/done.json", "mode": "0600"}
    return [
        {"name": "show", "ansible.builtin.debug": {"var": "done"}},
        {"name": "fact", "ansible.builtin.set_fact": {"kept": "{{ done }}", "cacheable": True}},
        {"name": "write", "ansible.builtin.copy": copy},
    ]


def everything_written(run, folder: Path, but: list[Path]) -> dict[str, str]:
    """All that was printed, returned or written, by where it stands."""
    texts = {"stdout": run.stdout, "stderr": run.stderr, "results": str([one.result for one in run.tasks])}
    for path in folder.rglob("*"):
        if path.is_file() and path not in but:
            # The cache plugin gives its file a prefix that differs between versions.
            where = "facts" if path.parent.name == "facts" else str(path.relative_to(folder))
            texts[where] = path.read_text(encoding="utf-8", errors="replace")
    return texts


def leaks(texts: dict[str, str], secrets: set[str]) -> list[tuple[str, str]]:
    """Where which secret stands, whole or its first or last half."""
    pieces = {
        piece
        for secret in secrets
        for piece in (secret, secret[: len(secret) // 2], secret[-(len(secret) // 2) :])
        if len(piece) >= LEAST_LENGTH
    }
    return [(where, piece) for where, text in texts.items() for piece in pieces if piece in text]


def run_all(playbook, places: Places, tasks: list[dict[str, Any]], tmp_path: Path):
    facts = tmp_path / "facts"
    settings = {
        "ANSIBLE_LOG_PATH": str(tmp_path / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(facts),
        "ANSIBLE_INJECT_INVOCATION": "true",
        "ANSIBLE_DISPLAY_TRACEBACK": "always",
        "KEY_FOR_OPTION": OPTIONS["secret_key"],
        "TENCENTCLOUD_TOKEN": EXPIRED_TOKEN,
        **ENVIRONMENT,
    }
    registered = [{**each, "register": f"done_{number}"} for number, each in enumerate(tasks)]
    variables = {"folder": str(tmp_path), "done": [f"{{{{ done_{number} }}}}" for number in range(len(tasks))]}
    steps = play(*registered, *remember())
    run = playbook(steps, "-vvvv", "--diff", variables=variables, environment=settings)
    written = everything_written(run, tmp_path, [file for file in tmp_path.rglob("*") if is_input(file)])
    assert {"ansible.log", "facts", "done.json"} <= written.keys()
    return run, written


def is_input(path: Path) -> bool:
    """Tell whether a file is one in which a test has put secrets itself."""
    return path.suffix == ".credential" or path.name in ("credentials", "token")


@pytest.mark.sample(3)
@pytest.mark.parametrize("echo", ["data", "error", "sts", pytest.param("html", marks=pytest.mark.long)])
def test_nothing_is_shown(playbook, gateway, places, tmp_path, echo):
    gateway.echo = echo
    tasks = link_tasks(places)
    if echo in ("html", "sts"):
        # Each of these is asked for again and again, which takes its time.
        chosen = ("options", "cvm", "expired token", "closed role", *(["pod"] if echo == "sts" else []))
        tasks = [each for each in tasks if each["name"] in chosen]
    run, written = run_all(playbook, places, tasks, tmp_path)

    # Keys, tokens and signatures: at least those of the links that hand out temporary ones were seen.
    assert len(gateway.secrets) > len(PAIRS) + len(tasks)
    assert gateway.echoed, run.output
    statuses = {each["name"]: run.task(each["name"]).status for each in tasks}
    good = echo == "data"
    assert statuses["cvm"] == statuses["options"] == ("ok" if good else "failed"), run.output
    assert statuses["closed role"] == statuses["expired token"] == "failed"
    assert leaks(written, gateway.secrets) == []


def test_the_search_finds_what_leaks(playbook, gateway, places, tmp_path):
    """The search itself: a task that does show a key is caught in each of the places."""
    shown = {"name": "leak", "ansible.builtin.debug": {"msg": "{{ lookup('env', 'KEY_FOR_OPTION') }}"}}
    _, written = run_all(playbook, places, [shown], tmp_path)

    found = {where for where, _ in leaks(written, gateway.secrets)}
    assert {"stdout", "results", "ansible.log", "facts", "done.json"} <= found


@pytest.mark.parametrize("echo", ["error", pytest.param("html", marks=pytest.mark.long)])
def test_the_inventory_shows_nothing(ansible_environment, gateway, places, tmp_path, echo):
    gateway.echo = echo
    source = tmp_path / "demo.clb.yml"
    source.write_text("plugin: tencentcloud.clb.targets\nload_balancer_ids: [lb-demo]\nregion: ap-guangzhou\n")
    places.tccli("role", "deploy", **{"role-arn": ROLE})
    log = tmp_path / "ansible.log"
    done = subprocess.run(
        ["ansible-inventory", "-i", source, "--list", "-vvvv"],
        env={
            **ansible_environment,
            **places.environment({"TENCENTCLOUD_PROFILE": "role"}),
            "TENCENTCLOUD_REGION": "ap-guangzhou",
            "ANSIBLE_LOG_PATH": str(log),
        },
        capture_output=True,
        text=True,
    )
    texts = {"stdout": done.stdout, "stderr": done.stderr, "log": log.read_text()}

    assert gateway.echoed, done.stderr
    assert leaks(texts, gateway.secrets) == []
