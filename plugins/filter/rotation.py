# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The decisions of the role rotation and of the playbook drain_dead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _drain_dead, _rotation, _rotation_check

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def warn(warnings: list[str]) -> list[str]:
    """Show warnings as Ansible does.

    :param warnings: a sentence each.
    """
    for warning in warnings:
        Display().warning(warning)
    return warnings


STEPS: Mapping[str, Callable[..., Any]] = {
    "answers": _rotation_check.check_answers,
    "back": _rotation.plan_back,
    "batch": _rotation_check.check_batch,
    "check": _rotation_check.plan_check,
    "dead": _drain_dead.plan_drain_dead,
    "files": _rotation_check.check_files,
    "host": _rotation.read_host,
    "merge": _rotation.merge_remembered,
    "out": _rotation.plan_out,
    "parse": _rotation.parse_remembered,
    "pools": _rotation_check.find_pools,
    "unread": _rotation_check.find_unread,
    "warn": warn,
    "without": _rotation.without,
}


def rotation(given: object, step: str, *arguments: object) -> Any:
    """Take one decision.

    :param given: what the decision is about.
    :param step: which decision, one of ``STEPS``.
    :param arguments: what else it needs.
    :raises AnsibleFilterError: there is no such step, or what is given makes the decision impossible.
    """
    if step not in STEPS:
        raise AnsibleFilterError(f"tencentcloud.clb.rotation: {step!r} is no step; the steps are {', '.join(STEPS)}.")
    return STEPS[step](given, *arguments)


class FilterModule:
    """The filter ``tencentcloud.clb.rotation``."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Its name and what does the work."""
        return {"rotation": rotation}
