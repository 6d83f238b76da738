# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A `notify` of the update's tasks that no handler answers. Reads the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

from ._rotation import Raw, listed

_TASK_LISTS = ("block", "rescue", "always")
_STATIC = ("import_tasks", "include_tasks")
_UNKNOWN = "{{ }}"
"""Stands for the names in a file that can't be read here: an expression, too, can be any name."""
_ROLES = ("import_role", "include_role", "roles")


def check_files(update: str, handlers: str | None) -> list[str]:
    """Return a problem if the update does not exist, or notifies a handler that does not.

    What can't be read here is left to Ansible, which loads both files before anything is drained. A notify that is an
    expression can't be known, nor one that a role answers.

    :param update: path of the file with the tasks.
    :param handlers: path of the file with the handlers; None where there is none.
    """
    if not Path(update).is_file():
        return [f"clb_update {update} is no file; check the name, relative to where the command runs."]
    answered = set(_answered(_tasks_of(Path(handlers), []))) if handlers else set()
    seen: list[Path] = []
    tasks = list(_tasks_of(Path(update), seen))
    if any(_module_of(task) in _ROLES for task in tasks) or any("{{" in name for name in answered):
        return []
    lacking = [name for name in dict.fromkeys(_notified(tasks)) if name not in answered and "{{" not in name]
    if not lacking:
        return []
    where = f"{handlers} has no handler" if handlers else "there are no handlers (clb_handlers is not given)"
    return [f"{update} notifies {listed(map(repr, lacking))}, and {where} of that name; check clb_handlers."]


def _tasks_of(path: Path, seen: list[Path]) -> Iterator[Raw]:
    """The tasks of a file and of those that it names, blocks opened."""
    if path in seen:
        return
    seen.append(path)
    try:
        loaded = DataLoader().load_from_file(str(path), cache="none")
    except AnsibleError:
        # Missing, no YAML or encrypted: whoever loads it next has the better message, or the password.
        yield {"name": _UNKNOWN}
        return
    yield from _opened(loaded, path, seen)


def _opened(tasks: object, path: Path, seen: list[Path]) -> Iterator[Raw]:
    for task in tasks if isinstance(tasks, list) else ():
        if not isinstance(task, Mapping):
            continue
        yield dict(task)
        for key in _TASK_LISTS:
            yield from _opened(task.get(key), path, seen)
        if _module_of(task) in _STATIC:
            named = next((value for key, value in task.items() if _short(key) in _STATIC), None)
            name = named.get("file") if isinstance(named, Mapping) else named
            if isinstance(name, str) and "{{" not in name:
                yield from _tasks_of(path.parent / name, seen)


def _module_of(task: Mapping[str, Any]) -> str | None:
    return next((_short(key) for key in task if _short(key) in (*_STATIC, *_ROLES)), None)


def _short(key: object) -> str:
    return str(key).removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")


def _notified(tasks: Iterable[Raw]) -> Iterator[str]:
    for task in tasks:
        notify = task.get("notify")
        yield from map(str, notify if isinstance(notify, list) else [notify] if notify else [])


def _answered(handlers: Iterable[Raw]) -> Iterator[str]:
    for handler in handlers:
        listen = handler.get("listen")
        yield from map(str, [handler.get("name"), *(listen if isinstance(listen, list) else [listen])])
