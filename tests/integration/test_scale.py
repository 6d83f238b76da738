# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much memory a task takes, however much there is."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from clb_emulator.testing import Emulator

CHILD = r"""
import contextlib, json, re, sys
from pathlib import Path
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tencentcloud.clb.plugins.modules import targets
with patch_module_args(json.loads(sys.argv[1])), contextlib.suppress(SystemExit):
    targets.main()
# Not ru_maxrss: it begins with what the process that started this one had used.
print(int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024)
"""


@pytest.mark.long
def test_memory_and_result_of_100_with_1000_bindings_each():
    balancers = [
        {"id": f"lb-{number}", "generate": {"listeners": 10, "targets": 100, "prefix": f"n{number}"}}
        for number in range(100)
    ]
    with Emulator.spawn({"rate_limit": 0, "load_balancers": balancers}) as running:
        named = min(binding[2] for binding in running.bindings("lb-0"))
        backend = {"instance_id" if named.startswith("ins-") else "eni_ip": named}
        options = {"all_load_balancers": True, "state": "drained", "targets": [backend]}
        arguments = {**options, "_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False}
        environment = {**running.environ(), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
        output = subprocess.check_output([sys.executable, "-c", CHILD, json.dumps(arguments)], env=environment)
    *_, result, peak = output.splitlines()

    assert json.loads(result)["error"] is None
    assert int(peak) < 400e6
    assert len(output) < 1e6
