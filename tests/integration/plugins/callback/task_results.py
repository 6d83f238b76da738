# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = """
name: task_results
type: notification
short_description: Write every task's result to a file
description:
  - One line of JSON for each result, so that tests can look at it.
  - Tasks start and end at moments of the machine's monotonic clock, which other processes see too.
  - What is printed stays as a user sees it.
options:
  path:
    description: The file.
    type: str
    required: true
    env:
      - name: CLB_TASK_RESULTS
"""

import json
import time
from pathlib import Path

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_results"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._started = 0.0

    def _write(self, result, status):
        times = {"started": self._started, "ended": time.monotonic()}
        entry = {"task": result.task.get_name(), "host": result.host.get_name(), "status": status}
        with Path(self.get_option("path")).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**entry, "result": result.result, **times}, default=str) + "\n")

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._started = time.monotonic()

    def v2_runner_on_ok(self, result):
        self._write(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._write(result, "failed")

    def v2_runner_on_skipped(self, result):
        self._write(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._write(result, "unreachable")
