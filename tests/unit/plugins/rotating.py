# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts and bindings as the role rotation sees them."""

from __future__ import annotations

from pathlib import Path

import yaml

from ansible_collections.tencentcloud.clb.plugins.filter.rotation import rotation

ROOT = Path(__file__).resolve().parents[3]
SPEC = yaml.safe_load((ROOT / "roles/rotation/meta/argument_specs.yml").read_text())["argument_specs"]["check"][
    "options"
]


def host(name="web1", backend=None, **variables):
    """A host with the variables given, without their ``clb_``."""
    given = {f"clb_{key}": value for key, value in variables.items()}
    backend = {"instance_id": f"ins-{name}"} if backend is None else backend
    return rotation(name, "host", {"clb_backend": backend, "clb_restore_file": "/r.json", **given}, SPEC)


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
