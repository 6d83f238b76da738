# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builders for plays, and what tests ask of a run's results."""

from __future__ import annotations

from typing import Any

from shop import keys, web_shop

__all__ = ["RETURNED", "dry", "failing", "keys", "play", "shown", "task", "web_shop"]

FQCN = "tencentcloud.clb.targets"

RETURNED = {
    "changed", "load_balancer_id", "registered", "modified", "deregistered", "targets", "listeners", "failed_listeners",
    "failed_targets", "left_out", "request_ids", "api_calls", "error", "diff",
}  # fmt: skip
"""The keys that every result has, whatever happened."""

Task = dict[str, Any]


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
