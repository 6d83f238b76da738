# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be known to go wrong with a rolling update before the first host is drained. Pure but for reading files."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.utils.helpers import pct_to_int

from ..module_utils._base.refusals import Concern, ruling_for
from ..module_utils._bindings.guard import Standing, judge, standing_of
from ..module_utils._bindings.health import Health
from ._rotation import (
    Key,
    Raw,
    bindings_by_host,
    find_disagreement,
    find_unbound,
    key_of,
    listed,
    plan_back,
    remembered_of,
)

_BATCH = re.compile(r"0*[1-9][0-9]*%?")
_TASK_LISTS = ("block", "rescue", "always")
_STATIC = ("import_tasks", "include_tasks")
_UNKNOWN = "{{ }}"
"""What stands for the names in a file that can't be read here: an expression, too, can be any name."""
_NOT_SAID = "whose health the cloud doesn't say"
_NONE_HEALTHY = "none is healthy, so the cloud sends traffic to all of them, and each counts"
MAX_PROBLEMS = 5
"""Batches that the message about the guards names."""
_ROLES = ("import_role", "include_role", "roles")


def find_unread(left_out: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name the load balancers of a listing that could not be read, although they exist.

    :param left_out: the returned key of that name.
    """
    return [
        f"{one['load_balancer_id']} can't be read ({one['code']}: {one['message']}), and hosts can be bound there. "
        "Allow these credentials to read it, or choose load balancers with clb_load_balancer_ids."
        for one in left_out
        if ruling_for(one["code"], one["message"]).concern is Concern.PERMISSION
    ]


# --- the batches ---


def check_batch(batch: object) -> list[str]:
    """What is wrong with ``clb_batch``.

    :param batch: a number, a share such as 25%, or a list of these, as ``serial`` takes them.
    """
    sizes = batch if isinstance(batch, list) else [batch]
    wrong = [size for size in sizes if isinstance(size, bool) or not _BATCH.fullmatch(str(size).strip())]
    if sizes and not wrong:
        return []
    shown = f"{wrong[0]!r}" if wrong else "an empty list"
    return [f"clb_batch is {shown}; give a number of hosts from 1, a share from 1%, or a list of these."]


def split_into_batches(names: Sequence[str], batch: object) -> list[list[str]]:
    """The batches that ``serial`` makes of hosts.

    :param names: of the hosts, in the order of the play.
    :param batch: as ``serial`` takes it.
    """
    sizes = [pct_to_int(str(size).strip(), len(names)) for size in (batch if isinstance(batch, list) else [batch])]
    batches = []
    rest = list(names)
    while rest:
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        batches.append(rest[:size])
        rest = rest[size:]
    return batches


def order_hosts(hosts: Sequence[Raw], bindings: Sequence[Raw], remembered: Sequence[Raw]) -> list[str]:
    """The hosts in the order in which they are updated: those that an earlier run has left out come first.

    :param hosts: in the order of the inventory.
    :param bindings: as read for their selectors.
    :param remembered: what the restore file holds.
    """
    bound = bindings_by_host(hosts, bindings)
    names = [host["name"] for host in hosts]
    out = {host["name"] for host in hosts if remembered_of(host, bound[host["name"]], remembered)}
    return [name for name in names if name in out] + [name for name in names if name not in out]


# --- the hosts ---


def check_answers(names: Sequence[str], present: Iterable[str], answers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Which hosts don't answer, and why.

    :param names: of all hosts of the play.
    :param present: those that have not failed so far.
    :param answers: host -> the result of its ping.
    """
    there = set(present)
    problems = []
    for name in names:
        answer = answers.get(name) or {}
        cause = _cause(answer.get("msg"))
        if answer.get("unreachable"):
            problems.append(f"{name}: no answer ({cause}).")
        elif name not in there:
            problems.append(f"{name}: it failed before the check; its own message says why.")
        elif answer.get("ping") != "pong":
            problems.append(f"{name}: it can't run modules ({cause}).")
    return problems


def _cause(text: object) -> str:
    """The part of a message that says why: ssh's own words, or the last line."""
    lines = [line.strip() for line in str(text or "").splitlines() if line.strip()]
    line = lines[-1] if lines else "no cause is known"
    start = max(line.rfind("ssh: "), 0)
    return line[start:].removeprefix("Task failed: ").rstrip(".")


def find_pools(bindings: Iterable[Raw]) -> list[Raw]:
    """Selectors for everything that is bound to the listeners and rules of these bindings.

    :param bindings: as read for the hosts' selectors.
    """
    pools = {
        _pool_of(binding): {
            key: binding[key] for key in ("load_balancer_id", "listener_id", "location_id") if binding.get(key)
        }
        for binding in bindings
    }
    return list(pools.values())


def _pool_of(binding: Mapping[str, Any]) -> Key:
    return (binding.get("load_balancer_id"), binding.get("listener_id"), binding.get("location_id"))


def check_hosts(hosts: Sequence[Raw], bindings: Sequence[Raw], remembered: Sequence[Raw]) -> list[str]:
    """What is wrong with where the hosts are bound.

    :param hosts: of the run.
    :param bindings: as read for their selectors.
    :param remembered: what the restore file holds.
    """
    bound = bindings_by_host(hosts, bindings)
    problems = find_disagreement(hosts, ["restore_file"])
    owner: dict[Key, str] = {}
    for host in hosts:
        name = host["name"]
        problems += find_unbound(host, bound[name], remembered)
        others = {owner.setdefault(key_of(binding), name) for binding in bound[name]} - {name}
        problems += [
            f"{name}: its clb_backend is also that of {other}; give each host its own, or a port in each."
            for other in sorted(others)
        ]
    return problems


def find_warnings(hosts: Sequence[Raw], bindings: Sequence[Raw], remembered: Sequence[Raw]) -> list[str]:
    """What is worth knowing, but no reason to stop.

    :param hosts: of the run.
    :param bindings: as read for their selectors.
    :param remembered: what the restore file holds.
    """
    bound = bindings_by_host(hosts, bindings)
    keys = {key_of(entry) for host in hosts for entry in remembered_of(host, bound[host["name"]], remembered)}
    foreign = [entry for entry in remembered if key_of(entry) not in keys]
    warnings = []
    if foreign:
        backends = dict.fromkeys(entry.get("instance_id") or entry.get("eni_ip") for entry in foreign)
        warnings.append(
            f"The restore file also remembers {listed(backends)}, which no host of this run is; they stay as they are."
        )
    drained = [
        host["name"]
        for host in hosts
        if not host["wanted"]
        and any(binding["weight"] == 0 and key_of(binding) not in keys for binding in bound[host["name"]])
    ]
    if drained:
        warnings.append(
            f"{listed(drained)}: bound with weight 0, and the restore file doesn't know another; the weight stays 0."
        )
    return warnings


# --- the guards ---


@dataclass
class _Members:
    """The targets of weight above 0 of one listener or rule."""

    label: str
    standings: dict[Key, Standing] = field(default_factory=dict)
    counts: Counter[Standing] = field(default_factory=Counter)
    told: bool = False

    def put(self, key: Key, standing: Standing) -> None:
        """Add a target, or change what is known of its health."""
        if key in self.standings:
            self.counts[self.standings[key]] -= 1
        self.standings[key] = standing
        self.counts[standing] += 1

    def judge(self, lost: Mapping[Key, int]) -> str:
        """What is wrong with a loss; empty where nothing is.

        :param lost: the keys of targets, each with the ``clb_min_healthy`` of its host.
        """
        minimum = max(lost.values())
        verdict = judge(self.counts, [self.standings[key] for key in lost if key in self.standings], minimum)
        if not minimum or not verdict.refused:
            return ""
        not_known = verdict.traffic.not_known
        if not_known:
            # It keeps every batch from leaving: once is enough.
            known, self.told = self.told, True
            named = [address for (*_, address, _port), standing in self.standings.items() if standing in not_known]
            return "" if known else f"{self.label} serves {listed(named)}, {_NOT_SAID}; nothing can be taken."
        kept = "targets in traffic" if verdict.traffic.counts_sick else "healthy targets"
        why = f" ({_NONE_HEALTHY})" if verdict.traffic.counts_sick else ""
        return (
            f"{self.label} would keep {verdict.left} {kept}{why}, and clb_min_healthy is {minimum}; "
            "take fewer hosts at a time (clb_batch), or lower it."
        )


def check_guards(
    hosts: Sequence[Raw], pools: Sequence[Raw], remembered: Sequence[Raw], batches: Sequence[Sequence[str]]
) -> list[str]:
    """Which batch would leave a listener or rule with too few, when all batches before it have come back.

    :param hosts: of the run.
    :param pools: all that is bound to the listeners and rules of the hosts, with its health.
    :param remembered: what the restore file holds.
    :param batches: the names of the hosts of each.
    """
    minima = {host["name"]: host["min_healthy"] for host in hosts}
    members: dict[Key, _Members] = {}
    for binding in pools:
        key = key_of(binding)
        if key[:3] not in members:
            members[key[:3]] = _Members(label_of(binding))
        if binding["weight"] > 0:
            members[key[:3]].put(key, standing_of(Health.read(binding.get("healthy"), binding.get("health_status"))))
    keys: dict[str, list[Key]] = {}
    # What a host puts back into traffic once its batch is done.
    returned: dict[str, list[Key]] = {}
    bound = bindings_by_host(hosts, pools)
    for host in hosts:
        name = host["name"]
        keys[name] = [key_of(binding) for binding in bound[name]]
        returned[name] = [key_of(binding) for binding in bound[name] if binding["weight"] > 0]
        returned[name] += map(key_of, remembered_of(host, bound[name], remembered))
    problems = []
    for number, batch in enumerate(batches, 1):
        lost: dict[Key, dict[Key, int]] = defaultdict(dict)
        for name in batch:
            for key in keys[name]:
                lost[key[:3]][key] = minima[name]
        found = filter(None, (members[pool].judge(those) for pool, those in lost.items()))
        problems += [f"batch {number} ({listed(batch)}): {problem}" for problem in found]
        for key in (key for name in batch for key in returned[name] if key[:3] in members):
            members[key[:3]].put(key, Standing.HEALTHY)
    more = len(problems) - MAX_PROBLEMS
    return problems if more <= 0 else [*problems[:MAX_PROBLEMS], f"The same goes {more} more times."]


def label_of(binding: Mapping[str, Any]) -> str:
    """A listener or rule as messages call it.

    :param binding: one of its bindings, as a result's ``targets`` have it.
    """
    rule = f" {binding.get('domain')}{binding.get('url')}" if binding.get("location_id") else ""
    return (
        f"{binding.get('load_balancer_id')} {binding.get('listener_id')} "
        f"({binding.get('listener_protocol')}:{binding.get('listener_port')}{rule})"
    )


def plan_check(
    hosts: Sequence[Raw],
    bindings: Sequence[Raw],
    pools: Sequence[Raw],
    remembered: Sequence[Raw],
    batch: object,
) -> Raw:
    """All that the cloud's answers say of a run.

    :param hosts: of the run.
    :param bindings: as read for their selectors.
    :param pools: all that is bound to their listeners and rules, with its health.
    :param remembered: what the restore file holds.
    :param batch: as ``serial`` takes it.
    :returns: ``problems``, ``warnings``, ``order`` (of the hosts' names) and ``targets`` (the way back).
    """
    problems = check_hosts(hosts, bindings, remembered)
    order = order_hosts(hosts, bindings, remembered)
    if not problems:
        problems = check_guards(hosts, pools, remembered, split_into_batches(order, batch))
    return {
        "problems": problems,
        "warnings": find_warnings(hosts, bindings, remembered),
        "order": order,
        "targets": plan_back(hosts, bindings, remembered)["targets"],
    }


# --- the files ---


def check_files(update: str, handlers: str | None) -> list[str]:
    """What of a ``notify`` leads nowhere.

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
