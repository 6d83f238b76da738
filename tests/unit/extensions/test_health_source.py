# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source ``health`` as ansible-rulebook runs it, on an emulated cloud."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._health_watch import WATCH_SPEC, HealthWatch
from clb_emulator.testing import Emulator

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "extensions" / "eda" / "plugins" / "event_source" / "health.py"
LISTENER = {"id": "lbl-1", "protocol": "TCP", "port": 443, "targets": [{"instance_id": "ins-1", "port": 8443}]}
WORLD = {"load_balancers": [{"id": "lb-1", "listeners": [LISTENER]}]}
REFUSED = {"action": "DescribeTargetHealth", "kind": "error", "code": "UnauthorizedOperation", "message": "no right"}


@pytest.fixture(scope="module")
def source():
    # Where Ansible's importer of collections is in place, as under ansible-test, runpy takes any file for a package.
    spec = importlib.util.spec_from_file_location("health", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def emulator(monkeypatch):
    with Emulator(WORLD) as running:
        for name, value in running.environ().items():
            monkeypatch.setenv(name, value)
        yield running


def test_main_puts_events_logs_failed_reads_and_sleeps_between_them(source, emulator, monkeypatch, caplog):
    slept, events = [], []

    class Events:
        async def put(self, event):
            events.append(next(iter(event)))

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 1:
            emulator.add_faults({**REFUSED, "times": 2})
        elif len(slept) == 3:
            emulator.set_health(dead=["ins-1"])
        elif len(slept) == 4:
            asyncio.current_task().cancel()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    selectors = [{"listener_id": "lbl-1"}, {"listener_id": "no"}]
    with caplog.at_level(logging.WARNING), pytest.raises(asyncio.CancelledError):
        asyncio.run(source.main(Events(), {"load_balancer_id": "lb-1", "interval": 7, "targets": selectors}))
    assert (events, slept) == (["clb_error", "clb_error", "clb_health"], [7, 7, 14, 7])
    warning, _first, second = caplog.messages[:3]
    assert "no" in warning
    assert "the next read is in 14 s. DescribeTargetHealth was refused" in second


def test_main_ends_with_the_message_on_a_wrong_option(source):
    with pytest.raises(InvalidArgument, match="interval"):
        asyncio.run(source.main(None, {"load_balancer_id": "lb-1", "interval": -1}))


def test_main_does_not_block_the_loop_of_the_rulebook(source, emulator):
    emulator.add_faults({"action": "DescribeTargets", "kind": "slow", "seconds": 1.0})

    async def ticks():
        reading = asyncio.create_task(source.main(asyncio.Queue(), {"load_balancer_id": "lb-1"}))
        count = 0
        while not emulator.count("DescribeTargetHealth") and count < 1000:
            await asyncio.sleep(0.01)
            count += 1
        reading.cancel()
        await asyncio.wait([reading])
        return count

    assert asyncio.run(ticks()) > 2


def test_documentation_has_each_option_with_its_type_and_default(source):
    documented = yaml.safe_load(source.DOCUMENTATION)["options"]
    assert documented.keys() == WATCH_SPEC.keys()
    for name, spec in WATCH_SPEC.items():
        for key in ("type", "elements", "default"):
            assert documented[name].get(key) == spec.get(key), name


def test_examples_are_valid_with_what_ansible_rulebook_adds(source):
    for example in yaml.safe_load(source.EXAMPLES):
        HealthWatch({**example["tencentcloud.clb.health"], "eda_feedback_queue": object()}, {})


@pytest.mark.parametrize("other", ["none", "package"])
def test_it_finds_its_own_collection_where_it_is_run_by_its_path(tmp_path, other):
    collection = tmp_path / "collections" / "ansible_collections" / "tencentcloud" / "clb"
    for part in ("plugins", "extensions"):
        shutil.copytree(ROOT / part, collection / part, ignore=shutil.ignore_patterns("__pycache__"))
    elsewhere = tmp_path / "elsewhere"
    if other == "package":
        (elsewhere / "ansible_collections").mkdir(parents=True)
        (elsewhere / "ansible_collections" / "__init__.py").touch()
    code = "import runpy, sys; watch = runpy.run_path(sys.argv[1])['HealthWatch']; "
    code += "print(sys.modules[watch.__module__].__file__)"
    paths = os.pathsep.join(filter(None, [str(elsewhere), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", code, collection / SOURCE.relative_to(ROOT)]
    environ = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(collection))
