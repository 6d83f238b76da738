# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builders for plays."""

from __future__ import annotations

from typing import Any

Task = dict[str, Any]


def play(*tasks: Task, hosts: str = "localhost", **keywords: Any) -> list[Task]:
    return [{"hosts": hosts, "gather_facts": False, **keywords, "tasks": list(tasks)}]


def task(name: str, keywords: Task | None = None, **options: Any) -> Task:
    """One task of the module ``targets``; ``keywords`` are Ansible's own, such as ``register``."""
    return {"name": name, "tencentcloud.clb.targets": options, **(keywords or {})}


def show(name: str, text: str) -> Task:
    return {"name": name, "ansible.builtin.debug": {"msg": text}}
