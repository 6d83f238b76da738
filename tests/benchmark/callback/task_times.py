# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = """
name: task_times
type: notification
short_description: Write how long every task took to a file
description:
  - One line of JSON for each task on each host, with the moments of its start and end on the monotonic clock of the
    machine, so that they can be compared with those of other processes.
options:
  path:
    description: The file.
    type: str
    required: true
    env:
      - name: CLB_TASK_TIMES
"""

import json
import time
from pathlib import Path

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "task_times"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._started = 0.0

    def v2_playbook_on_task_start(self, task, is_conditional):
        self._started = time.monotonic()

    def v2_runner_on_ok(self, result):
        ended = time.monotonic()
        entry = {
            "name": result.task.get_name(),
            "started": self._started,
            "ended": ended,
            "changed": bool(result.result.get("changed")),
        }
        with Path(self.get_option("path")).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
