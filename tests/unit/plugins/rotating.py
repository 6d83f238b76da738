# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts and bindings as the role rotation sees them, and its steps on an emulated cloud in this process."""

from __future__ import annotations

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation import parse_host
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_read import Play, read_spec

SPEC = read_spec()


def given(name="web1", backend=None, **variables):
    """The variables of a host as the role reads them; `variables` are without their ``clb_``."""
    backend = {"instance_id": f"ins-{name}"} if backend is None else backend
    return {f"clb_{key}": value for key, value in {"backend": backend, "restore_file": "/r.json", **variables}.items()}


def host(name="web1", backend=None, **variables):
    return parse_host(name, given(name, backend, **variables), SPEC)


def play(hostvars, batch=None, present=None):
    """A play of the hosts that have these variables."""
    there = list(hostvars) if present is None else present
    hosts = {"hosts_all": list(hostvars), "hosts": there, "batch": there if batch is None else batch}
    own = {f"ansible_play_{key}": names for key, names in hosts.items()}
    return Play({"hostvars": hostvars, "inventory_hostname": next(iter(hostvars)), **own})


class Modules:
    """Runs the modules for real, in this process; ``results`` has what they returned, ``waits`` what was waited for.

    ``busy`` has the message with which waiting fails, by address and port.
    """

    def __init__(self, cloud=None, current=None):
        self.cloud = cloud
        self.play = current
        self.check_mode = False
        self.warnings, self.results, self.waits, self.busy = [], [], [], {}

    def run_module(self, module, /, *, check=False, **options):
        if module == "ansible.builtin.wait_for":
            self.waits.append(options)
            message = self.busy.get((options["host"], options["port"]))
            return {"msg": message} if message else {"state": "drained"}
        options = {"load_balancer_id": None, **{key: value for key, value in options.items() if value is not None}}
        if module == "tencentcloud.clb.targets":
            # As in somebody's module_defaults.
            run = self.cloud.run(check=check or self.check_mode, **{"return_targets": False, "wait": False, **options})
        else:
            run = self.cloud.run_info(**options)
        self.warnings += run.warnings
        self.results.append(run.result)
        return run.result

    def warn(self, text):
        self.warnings.append(text)

    def step(self, function, **arguments):
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
