# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A `notify` of the update's tasks that no handler answers. Reads the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

from ._rotation import Raw, listed

_UNKNOWN = "{{ }}"
"""Stands for the names in a file that can't be read here: an expression, too, can be any name."""


def check_files(update: str, handlers: str | None) -> list[str]:
    """Return a problem if the update does not exist, or notifies a handler that does not.

    What can't be read here is left to Ansible, which loads both files before anything is drained. A notify that is an
    expression can't be known, nor one that a role answers.

    :param update: path of the file with the tasks.
    :param handlers: path of the file with the handlers; None where there is none.
    """
    if not Path(update).is_file():
        return [f"clb_update {update} is no file; check the name, relative to where the command runs."]
    answering = list(_tasks_of(Path(handlers), [])) if handlers else []
    answered = {name for task in answering for key in ("name", "listen") for name in _names(task.get(key))}
    tasks = list(_tasks_of(Path(update), []))
    with_roles = any(key in task for task in tasks for key in ("import_role", "include_role", "roles"))
    if with_roles or any("{{" in name for name in answered):
        return []
    notified = dict.fromkeys(name for task in tasks for name in _names(task.get("notify")))
    lacking = [name for name in notified if name not in answered and "{{" not in name]
    if not lacking:
        return []
    where = f"{handlers} has no handler" if handlers else "there are no handlers (clb_handlers is not given)"
    return [f"{update} notifies {listed(map(repr, lacking))}, and {where} of that name; check clb_handlers."]


def _names(given: object) -> list[str]:
    return [str(one) for one in (given if isinstance(given, list) else [given] if given else [])]


def _tasks_of(path: Path, seen: list[Path]) -> Iterator[Raw]:
    """Yield the tasks of a file and of those that it names, blocks opened, module names without their collection."""
    if path in seen:
        return
    seen.append(path)
    try:
        unopened = [DataLoader().load_from_file(str(path), cache="none")]
    except AnsibleError:
        # Missing, no YAML or encrypted: whoever loads it next has the better message, or the password.
        unopened = [[{"name": _UNKNOWN}]]
    while unopened:
        tasks = unopened.pop()
        for given in tasks if isinstance(tasks, list) else ():
            task = {str(key).rpartition(".")[2]: given[key] for key in given} if isinstance(given, Mapping) else {}
            yield task
            unopened += [task.get(key) for key in ("block", "rescue", "always")]
            named = task.get("import_tasks", task.get("include_tasks"))
            name = named.get("file") if isinstance(named, Mapping) else named
            if isinstance(name, str) and "{{" not in name:
                yield from _tasks_of(path.parent / name, seen)
