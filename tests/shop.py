# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A load balancer of a scenario with a bit of everything, and what identifies the bindings of a result."""

from __future__ import annotations

from typing import Any

Target = dict[str, Any]


def bound(backend: str, port: int, weight: int = 10, tag: str = "") -> Target:
    """A target of a scenario's listener or rule."""
    key = "instance_id" if backend.startswith("ins-") else "eni_ip"
    return {key: backend, "port": port, "weight": weight, "tag": tag}


def web_shop(load_balancer_id: str = "lb-1", name: str | None = None) -> dict[str, Any]:
    """A load balancer with a listener of each kind, some of whose bindings are drained or tagged."""
    tcp = [bound("ins-a", 8443, 10, "blue"), bound("ins-b", 8443, 0, "blue"), bound("10.0.9.1", 8443, 5)]
    http = [bound("ins-a", 8080, 20), bound("ins-b", 8080, 20, "blue")]
    shop = {"id": "loc-shop", "domain": "Shop.example.com", "url": "/", "targets": http}
    rules = [shop, {"id": "loc-api", "domain": "api.example.com", "url": "/v1"}]
    tls = [{"id": "loc-tls", "domain": "shop.example.com", "url": "/"}]
    listeners = [
        {"id": "lbl-tcp", "protocol": "TCP", "port": 443, "targets": tcp},
        {"id": "lbl-dns-tcp", "protocol": "TCP", "port": 53, "targets": [bound("2001:db8::53", 53)]},
        {"id": "lbl-dns-udp", "protocol": "UDP", "port": 53, "targets": [bound("ins-a", 53)]},
        {"id": "lbl-range", "protocol": "TCP", "port": 9000, "end_port": 9100},
        {"id": "lbl-http", "protocol": "HTTP", "port": 80, "rules": rules},
        {"id": "lbl-https", "protocol": "HTTPS", "port": 443, "rules": tls},
    ]
    return {"id": load_balancer_id, "name": name or load_balancer_id, "listeners": listeners}


def keys(entries: list[Target]) -> set[tuple[str, str | None, str, int]]:
    """What identifies the bindings of a result's list."""
    return {
        (entry["listener_id"], entry["location_id"], entry["instance_id"] or entry["eni_ip"], entry["port"])
        for entry in entries
    }
