# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A load balancer of a scenario with a bit of everything, and what identifies the bindings of a result."""

from __future__ import annotations

from typing import Any

Target = dict[str, Any]


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
