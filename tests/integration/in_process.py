# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real module in this process, for suites of hundreds of runs that would take hours with ansible-playbook."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.tencentcloud.clb.plugins.module_utils._api import client as client_module
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply import writer as writer_module
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.writer import Pacing
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Backoff
from ansible_collections.tencentcloud.clb.plugins.module_utils._module import ClbModule
from ansible_collections.tencentcloud.clb.plugins.modules import targets

if TYPE_CHECKING:
    from clb_emulator.testing import Emulator

FAST = Pacing(
    look=0.01,
    poll=Backoff(0.01, 0.05, 1.7),
    dense_poll=Backoff(0.005, 0.05, 1.7),
    read=Backoff(0.01, 0.05, 1.7),
    health=Backoff(0.01, 0.05, 1.7),
    busy=0.005,
    busy_spread=0.01,
    busy_maximum=0.03,
    throttled=0.02,
    throttled_maximum=0.1,
    learn=0.2,
    settle=0.1,
)
"""The module's waits, scaled to an emulator whose tasks take hundredths of a second."""

FAST_RETRY_SECONDS = 0.01


@dataclass(frozen=True)
class Run:
    """What one run of the module returned, and how long it took in seconds."""

    result: dict[str, Any]
    seconds: float

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))


def hurry(patch: pytest.MonkeyPatch, pacing: Pacing = FAST) -> None:
    """Let the module wait for hundredths of a second where it would wait for seconds."""
    patch.setattr(writer_module, "PACING", pacing)
    for name in ("throttle_delays", "busy_delays", "transient_delays"):
        patch.setattr(client_module, name, lambda: itertools.repeat(FAST_RETRY_SECONDS))


def run_module(emulator: Emulator, *, check: bool = False, **options: Any) -> Run:
    """Run ``targets`` with these options against an emulator."""
    arguments = {
        "load_balancer_id": "lb-1",
        "secret_id": emulator.secret_id,
        "secret_key": emulator.secret_key,
        "region": emulator.region,
        "endpoint": emulator.endpoint,
        **options,
        "_ansible_check_mode": check,
        "_ansible_diff": True,
        "_ansible_remote_tmp": "/tmp",
        "_ansible_keep_remote_files": False,
    }
    output = io.StringIO()
    started = time.monotonic()
    warned: list[str] = []
    with (
        pytest.MonkeyPatch.context() as patch,
        patch_module_args(arguments),
        contextlib.redirect_stdout(output),
        contextlib.suppress(SystemExit),
    ):
        # Where a test of this process has loaded the controller's code, warn() prints, and says equal things once only.
        patch.setattr(ClbModule, "warn", lambda _self, text: warned.append(text))
        targets.main()
    return Run({**json.loads(output.getvalue()), "warnings": warned}, time.monotonic() - started)
