# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builders for plays and load balancers, and what tests ask of a run's results."""

from __future__ import annotations

from typing import Any

FQCN = "tencentcloud.clb.targets"

RETURNED = {
    "changed", "load_balancer_id", "registered", "modified", "deregistered", "targets", "listeners", "failed_listeners",
    "failed_targets", "left_out", "request_ids", "api_calls", "error", "diff",
}  # fmt: skip
"""The keys that every result has, whatever happened."""

Task = dict[str, Any]
Target = dict[str, Any]


def task(name: str, *, keywords: Task | None = None, **options: Any) -> Task:
    """One task of the module ``targets``; ``keywords`` are Ansible's own, such as ``register``."""
    return {"name": name, FQCN: options, **(keywords or {})}


def dry(name: str, **options: Any) -> Task:
    """The same as a dry run with diff."""
    return task(name, keywords={"check_mode": True, "diff": True}, **options)


def shown(name: str, **options: Any) -> Task:
    """The same for real, with diff."""
    return task(name, keywords={"diff": True}, **options)


def failing(name: str, **options: Any) -> Task:
    """A task whose failure does not end the play."""
    return task(name, keywords={"ignore_errors": True}, **options)


def play(*tasks: Task, **keywords: Any) -> list[dict[str, Any]]:
    return [{"hosts": "localhost", "gather_facts": False, **keywords, "tasks": list(tasks)}]


def web_shop(load_balancer_id: str = "lb-1", name: str | None = None) -> dict[str, Any]:
    """A load balancer with a listener of each kind, some of whose bindings are drained or tagged."""
    return {
        "id": load_balancer_id,
        "name": name or load_balancer_id,
        "listeners": [
            {
                "id": "lbl-tcp",
                "protocol": "TCP",
                "port": 443,
                "targets": [
                    {"instance_id": "ins-a", "port": 8443, "weight": 10, "tag": "blue"},
                    {"instance_id": "ins-b", "port": 8443, "weight": 0, "tag": "blue"},
                    {"eni_ip": "10.0.9.1", "port": 8443, "weight": 5},
                ],
            },
            {
                "id": "lbl-dns-tcp",
                "protocol": "TCP",
                "port": 53,
                "targets": [{"eni_ip": "2001:db8::53", "port": 53, "weight": 10}],
            },
            {"id": "lbl-dns-udp", "protocol": "UDP", "port": 53, "targets": [{"instance_id": "ins-a", "port": 53}]},
            {"id": "lbl-range", "protocol": "TCP", "port": 9000, "end_port": 9100},
            {
                "id": "lbl-http",
                "protocol": "HTTP",
                "port": 80,
                "rules": [
                    {
                        "id": "loc-shop",
                        "domain": "Shop.example.com",
                        "url": "/",
                        "targets": [
                            {"instance_id": "ins-a", "port": 8080, "weight": 20},
                            {"instance_id": "ins-b", "port": 8080, "weight": 20, "tag": "blue"},
                        ],
                    },
                    {"id": "loc-api", "domain": "api.example.com", "url": "/v1"},
                ],
            },
            {
                "id": "lbl-https",
                "protocol": "HTTPS",
                "port": 443,
                "rules": [{"id": "loc-tls", "domain": "shop.example.com", "url": "/"}],
            },
        ],
    }


def keys(entries: list[Target]) -> set[tuple[str, str | None, str, int]]:
    """What identifies the bindings of a result's list."""
    return {
        (entry["listener_id"], entry["location_id"], entry["instance_id"] or entry["eni_ip"], entry["port"])
        for entry in entries
    }
