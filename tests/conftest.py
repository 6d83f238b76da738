# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every test. ``ansible_collections`` and ``clb_emulator`` are importable: see pyproject.toml."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# What would lead a test to an account, a proxy or settings of whoever runs it.
FOREIGN = ("ANSIBLE_", "TENCENTCLOUD_", "TCCLI_", "TKE_")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "netrc")


@pytest.fixture(autouse=True, scope="session")
def clean_environment(tmp_path_factory):
    """Take credentials, proxies and the home directory away from all tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FOREIGN) or name.lower() in PROXIES:
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        # Ansible's commands are those beside the interpreter, also where the environment was not activated.
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
        yield
