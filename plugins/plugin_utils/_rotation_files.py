# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of the playbook rolling before there are hosts: its variables, and the files of the update."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

from ._rotation import Raw, listed
from ._rotation_check import check_batch
from ._rotation_read import Modules, stop_if
from ._rotation_steps import NONE_DRAINED

TOO_LATE = ("clb_batch", "clb_handlers", "clb_hosts")
_UNKNOWN = "{{ }}"
"""Stands for the names in a file that can't be read here: an expression, too, can be any name."""


def asked(modules: Modules, *, given: Raw, matched: list[str], limit: str) -> Raw:
    """Check the variables that are needed before there are hosts, and the files.

    :param matched: the hosts that ``clb_hosts`` matches.
    """
    play = modules.play
    late = [name for name in TOO_LATE if any(play.of(host, name, given[name]) != given[name] for host in play.everyone)]
    why = "because there are no hosts yet when it is needed; give it with -e."
    stop_if([f"{', '.join(late)} can't be set in the inventory, {why}"] if late else (), NONE_DRAINED)
    problems = check_batch(given["clb_batch"])
    if not matched:
        within = f" within --limit {limit}" if limit else ""
        problems.append(f"No host matches clb_hosts {given['clb_hosts']}{within}; check the pattern and the inventory.")
    handlers = _path_of(given["clb_handlers"]) if given["clb_handlers"] else None
    updates = dict.fromkeys(play.of(name, "clb_update") for name in matched)
    if None in updates:
        problems.append("clb_update is not given; it names the file with the tasks that update a host.")
    problems += [problem for update in updates if update for problem in check_files(_path_of(update), handlers)]
    stop_if(problems, NONE_DRAINED)
    return {}


def _path_of(given: str) -> Path:
    return Path(given).expanduser().resolve()


def check_files(update: Path, handlers: Path | None) -> Iterable[str]:
    """Return a problem if the update does not exist, or notifies a handler that ``handlers`` lacks.

    What can't be read here is left to Ansible, which loads both files before anything is drained. A notify that is an
    expression can't be known, nor one that a role answers.
    """
    if not update.is_file():
        return [f"clb_update {update} is no file; check the name, relative to where the command runs."]
    answering = list(_tasks_of(handlers, [])) if handlers else []
    answered = {name for task in answering for key in ("name", "listen") for name in _names(task.get(key))}
    tasks = list(_tasks_of(update, []))
    with_roles = any(key in task for task in tasks for key in ("import_role", "include_role", "roles"))
    if with_roles or any("{{" in name for name in answered):
        return []
    notified = dict.fromkeys(name for task in tasks for name in _names(task.get("notify")))
    lacking = [name for name in notified if name not in answered and "{{" not in name]
    where = f"{handlers} has no handler" if handlers else "there are no handlers (clb_handlers is not given)"
    text = f"{update} notifies {listed(map(repr, lacking))}, and {where} of that name; check clb_handlers."
    return [text] if lacking else []


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
