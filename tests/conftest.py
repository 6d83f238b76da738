# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What holds for every test, whether pytest runs it or ansible-test, which reads none of pyproject.toml's settings.

``ansible_collections`` is importable by pyproject.toml, or by ansible-test; ``clb_emulator``, ``harness`` and
``virtual_time`` are so by this file.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [folder for folder in (str(TESTS), str(TESTS / "emulator")) if folder not in sys.path]

MARKERS = (
    "alone: needs the whole machine (it measures time, or starts many processes): `make test-long` runs these last",
    "long: takes minutes: run by `make test-long` alone",
    "sample(n): of the cases of this test one in n is run each day, another one the next day; the others are `long`",
)

# The same 100 examples every day, and a part of them for `make check`; for `make test-long` many more, and others each
# time. On a machine that is busy with other tests, the time of one example says nothing.
settings.register_profile("everyday", deadline=None, derandomize=True)
settings.register_profile("quick", settings.get_profile("everyday"), max_examples=25)
settings.register_profile("long", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("everyday")

# What would lead a test to an account, a proxy or settings of whoever runs it.
FOREIGN = ("ANSIBLE_", "TENCENTCLOUD_", "TCCLI_", "TKE_")
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "netrc")


SAMPLE = "CLB_SAMPLE"
"""The environment variable with the number of the sample, for a run that is to be repeated; else it is the day's."""


def pytest_configure(config: pytest.Config) -> None:
    """Name the project's own markers; both ways of running tests refuse any other."""
    # Processes that run a part of the tests inherit it.
    os.environ.setdefault(SAMPLE, str(int(time.time() // 86400)))
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the cases ``long`` that are not in the sample."""
    numbers = defaultdict(lambda: int(os.environ[SAMPLE]))
    for item in items:
        marker = item.get_closest_marker("sample")
        if marker is not None:
            test = item.nodeid.partition("[")[0]
            if numbers[test] % marker.args[0]:
                item.add_marker(pytest.mark.long)
            numbers[test] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how to run the same cases again."""
    terminalreporter.write_line(f"Cases marked `sample` were chosen by {SAMPLE}={os.environ[SAMPLE]}.")


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
