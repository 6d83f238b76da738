# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts and bindings as the role rotation sees them, and its steps on an emulated cloud in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation import parse_host
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_read import Play, read_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from harness import Cloud

SPEC = read_spec()


def given(name="web1", backend=None, **variables):
    """The variables of a host as the role reads them; `variables` are without their ``clb_``."""
    backend = {"instance_id": f"ins-{name}"} if backend is None else backend
    return {
        "clb_backend": backend,
        "clb_restore_file": "/r.json",
        **{f"clb_{key}": value for key, value in variables.items()},
    }


def host(name="web1", backend=None, **variables):
    return parse_host(name, given(name, backend, **variables), SPEC)


def play(
    hostvars: Mapping[str, Mapping[str, Any]], batch: Sequence[str] | None = None, present: Sequence[str] | None = None
) -> Play:
    """A play of the hosts that have these variables."""
    there = list(hostvars) if present is None else present
    return Play(
        {
            "hostvars": hostvars,
            "inventory_hostname": next(iter(hostvars)),
            "ansible_play_hosts_all": list(hostvars),
            "ansible_play_hosts": there,
            "ansible_play_batch": there if batch is None else batch,
        }
    )


class Modules:
    """Runs the modules for real, in this process; ``results`` has what they returned, ``waits`` what was waited for."""

    def __init__(self, cloud: Cloud | None = None, current: Play | None = None) -> None:
        self.cloud = cloud
        self.play = current
        self.check_mode = False
        self.warnings: list[str] = []
        self.results: list[dict[str, Any]] = []
        self.waits: list[dict[str, Any]] = []
        self.busy: dict[Any, str] = {}
        """(address, port) -> the message with which waiting fails."""

    def run_module(self, module: str, /, *, check: bool = False, **options: Any) -> dict[str, Any]:
        if module == "ansible.builtin.wait_for":
            self.waits.append(options)
            message = self.busy.get((options["host"], options["port"]))
            return {"msg": message} if message else {"state": "drained"}
        options = {"load_balancer_id": None, **{key: value for key, value in options.items() if value is not None}}
        if module == "tencentcloud.clb.targets":
            run = self.cloud.run(check=check or self.check_mode, **options)
        else:
            run = self.cloud.run_info(**options)
        self.warnings += run.warnings
        self.results.append(run.result)
        return run.result

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def step(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """Take a step, on the cloud's clock."""
        with self.cloud.inside():
            return function(self, **arguments)


def bound(instance_id=None, weight=10, **keys):
    """A binding as a result's ``targets`` have it."""
    binding = {
        "load_balancer_id": "lb-1", "listener_id": "lbl-1", "location_id": None, "instance_id": instance_id,
        "eni_ip": None, "port": 80, "weight": weight, "tag": "", "listener_protocol": "TCP", "listener_port": 443,
        "domain": None, "url": None, "private_ips": [], "healthy": True, "health_status": "Alive",
    }  # fmt: skip
    return {**binding, **keys}


def entry(binding, weight=10):
    """What is remembered of a binding."""
    keys = ("load_balancer_id", "listener_id", "location_id", "instance_id", "eni_ip", "port", "tag")
    return {**{key: binding[key] for key in keys}, "weight": weight}
