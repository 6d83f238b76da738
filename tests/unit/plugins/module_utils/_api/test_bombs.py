# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers that are made to use up memory or time, met by a process whose peak is measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ..loopback import BOMBS, RawServer

MAX_PEAK_MB = 300
PROGRAM = """
import json, re, sys, time
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.client import Client
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.endpoint import parse_endpoint
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError

details = {"service": "clb", "version": "2018-03-17", "region": "ap-guangzhou", "credentials": None, "timeout": 100}
for bomb in sys.argv[2:]:
    # A client each, and so a new connection.
    client = Client(endpoint=parse_endpoint(sys.argv[1]), budget=Budget(100, 5), **details)
    started = time.process_time()
    try:
        client.write("BatchRegisterTargets", {})
    except ClbError as exc:
        outcome = [type(exc).__name__, exc.message]
    # Not ru_maxrss: it begins with what the process that started this one had used.
    with open("/proc/self/status") as status:
        peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1]) / 1024
    print(json.dumps([bomb, *outcome, time.process_time() - started, peak]))
"""
READABLE = ("long_message", "wide_message")


def test_memory_and_time_are_bounded():
    paths = [str(Path(path).resolve()) for path in ("tests/namespace", "tests/emulator")]
    with RawServer(*BOMBS.values()) as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, server.url, *BOMBS],
            capture_output=True,
            text=True,
            timeout=1000,
            check=True,
            env={"PYTHONPATH": ":".join([*paths, *sys.path])},
        )
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert [outcome[0] for outcome in outcomes] == list(BOMBS)
    for bomb, kind, message, seconds, peak in outcomes:
        assert kind == ("Refused" if bomb in READABLE else "OutcomeUnknown"), (bomb, message)
        assert len(message) < 5000, bomb
        assert seconds < 5, bomb
        # It only grows: the first that is too high is the one.
        assert peak < MAX_PEAK_MB, bomb
