# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts and bindings as the role rotation sees them, and its steps on an emulated cloud in this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _rotation_steps as steps
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation import parse_host

if TYPE_CHECKING:
    from harness import Cloud

ROOT = Path(__file__).resolve().parents[3]
SPEC = yaml.safe_load((ROOT / "roles/rotation/meta/argument_specs.yml").read_text())["argument_specs"]["check"][
    "options"
]


def host(name="web1", backend=None, **variables):
    """A host with the variables given, without their ``clb_``."""
    given = {f"clb_{key}": value for key, value in variables.items()}
    backend = {"instance_id": f"ins-{name}"} if backend is None else backend
    return parse_host(name, {"clb_backend": backend, "clb_restore_file": "/r.json", **given}, SPEC)


class Modules:
    """Runs the modules for real, in this process; the last results are in ``results``."""

    def __init__(self, cloud: Cloud, *, check_mode: bool = False) -> None:
        self.cloud = cloud
        self.check_mode = check_mode
        self.warnings: list[str] = []
        self.results: list[dict[str, Any]] = []

    def targets(self, *, check: bool = False, **options: Any) -> dict[str, Any]:
        return self._noted(self.cloud.run(check=check or self.check_mode, load_balancer_id=None, **options))

    def info(self, **options: Any) -> dict[str, Any]:
        return self._noted(self.cloud.run_info(load_balancer_id=None, **options))

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def _noted(self, run):
        self.warnings += run.warnings
        self.results.append(run.result)
        return run.result

    def step(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Take a step of the role, on the cloud's clock."""
        with self.cloud.inside():
            return getattr(steps, name)(self, *arguments, **options)


def bound(instance_id=None, weight=10, **keys):
    """A binding as a result's ``targets`` have it."""
    binding = {
        "load_balancer_id": "lb-1",
        "listener_id": "lbl-1",
        "location_id": None,
        "instance_id": instance_id,
        "eni_ip": None,
        "port": 80,
        "weight": weight,
        "tag": "",
        "listener_protocol": "TCP",
        "listener_port": 443,
        "domain": None,
        "url": None,
        "private_ips": [],
        "healthy": True,
        "health_status": "Alive",
    }
    return {**binding, **keys}


def entry(binding, weight=10):
    """What is remembered of a binding."""
    keys = ("load_balancer_id", "listener_id", "location_id", "instance_id", "eni_ip", "port", "tag")
    return {**{key: binding[key] for key in keys}, "weight": weight}
