# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Python interpreter for Ansible that writes down what each module cost.

``measured_python.py FILE ARGUMENTS...`` runs this interpreter with the arguments, waits, and adds a line of JSON with
its peak memory in bytes and its CPU time in seconds to the file.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

# Linux counts in KiB, macOS in bytes.
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024

if __name__ == "__main__":
    path, arguments = sys.argv[1], sys.argv[2:]
    status = subprocess.run([sys.executable, *arguments], check=False).returncode
    # This process is small and has no other child: what its child used is what the module used.
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    with Path(path).open("a", encoding="utf-8") as file:
        entry = {"peak_bytes": usage.ru_maxrss * MAXRSS_UNIT, "cpu_seconds": usage.ru_utime + usage.ru_stime}
        file.write(json.dumps(entry) + "\n")
    sys.exit(status)
