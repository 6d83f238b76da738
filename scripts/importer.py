# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import the built archive as Galaxy does; fail on any warning."""

from __future__ import annotations

import os
import re
import subprocess
import sys

from build_collection import ARCHIVES, BUILD, build_and_install

SETTINGS = {
    "GALAXY_IMPORTER_CHECK_CHANGELOG": "true",
    "GALAXY_IMPORTER_RUN_ANSIBLE_DOC": "true",
    "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "true",
    "GALAXY_IMPORTER_OFFLINE_ANSIBLE_LINT": "true",
    "GALAXY_IMPORTER_RUN_FLAKE8": "false",
}


def main() -> int:
    """Run galaxy-importer on the archive; return 0 when it has nothing to say."""
    build_and_install()
    (archive,) = ARCHIVES.glob("*.tar.gz")
    work = BUILD / "importer"  # the importer leaves its result in the current directory
    work.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "galaxy_importer.main", archive],
        cwd=work,
        env={**os.environ, **SETTINGS},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(done.stdout)
    complaints = re.findall(r"^(?:WARNING|ERROR|CRITICAL):.*$", done.stdout, flags=re.MULTILINE)
    if complaints:
        print("Galaxy would complain:", *complaints, sep="\n  ")
    return done.returncode or (1 if complaints else 0)


if __name__ == "__main__":
    sys.exit(main())
