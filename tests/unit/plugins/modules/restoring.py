# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load balancers with one host, and tasks that keep a restore file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness import Cloud

from ..builders import http, rule, target, tcp

if TYPE_CHECKING:
    from pathlib import Path

    from harness import Run

    from ..builders import Raw

HOST: Raw = {"instance_id": "ins-1"}
HERE: Raw = {"listener_id": "lbl-1", **HOST}
ONE: Raw = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "instance_id": "ins-1", "port": 80}
OLD = "2026-01-02T00:00:00Z"


def region(count: int = 1, **settings: Any) -> Cloud:
    """Load balancers, each with ins-1 (weight 100, tag a) and an interface on TCP:443, and ins-1 on a rule."""
    return Cloud.of(
        {
            f"lb-{one}": [
                tcp(f"lbl-{one}", 443, target("ins-1", 80, 100, "a"), target("10.9.0.2", 80, 30)),
                http(f"lbl-{one}0", 80, rule(f"loc-{one}", "a.example.com", target("ins-1", 80, 50))),
            ]
            for one in range(1, count + 1)
        },
        **settings,
    )


def held(file: Path) -> list[Raw]:
    return json.loads(file.read_text()) if file.exists() else []


def weights(file: Path) -> dict[str, int | None]:
    return {
        f"{one['location_id'] or one['listener_id']} {one['instance_id'] or one['eni_ip']}": one["weight"]
        for one in held(file)
    }


def write(file: Path, *entries: Raw) -> None:
    file.write_text(json.dumps(list(entries)))


def drain(cloud: Cloud, file: Path, *targets: Raw, **options: Any) -> Run:
    run = cloud.run(state="drained", targets=list(targets or [HOST]), restore_file=str(file), **options)
    assert not run.failed, run.message
    return run


def restore(cloud: Cloud, file: Path, **options: Any) -> Run:
    return cloud.run(state="restored", restore_file=str(file), **options)
