# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = """
name: task_results
type: notification
short_description: Write every task's result to a file
description:
  - One line of JSON for each result, and a last one with the numbers of the recap, so that a test can look at them.
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
from pathlib import Path

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_results"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, entry):
        with Path(self.get_option("path")).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, default=str) + "\n")

    def _write_result(self, result, status):
        entry = {"task": result.task.get_name(), "host": result.host.get_name(), "status": status}
        self._write({**entry, "result": result.result})

    def v2_runner_on_ok(self, result):
        self._write_result(result, "ok")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._write_result(result, "failed")

    def v2_runner_on_skipped(self, result):
        self._write_result(result, "skipped")

    def v2_runner_on_unreachable(self, result):
        self._write_result(result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        self._write({"recap": {host: stats.summarize(host) for host in stats.processed}})
