# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of a rotation before the first host is drained. Pure.

``bound`` is always of :func:`bindings_by_host`; ``remembered`` are the entries of the restore file.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from ansible.utils.helpers import pct_to_int

from ..module_utils._base.errors import natural
from ..module_utils._base.refusals import Concern, ruling_for
from ..module_utils._bindings.guard import Standing, judge, standing_of
from ..module_utils._bindings.health import Health
from ._rotation import (
    Host,
    Key,
    Raw,
    backend_of,
    bindings_by_host,
    is_warming,
    key_of,
    label_of,
    listed,
    pool_of,
    remembered_of,
    selector_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Bound = Mapping[str, list[Raw]]

MAX_PROBLEMS = 5
"""Batches that the message about the guards names."""
_NONE_HEALTHY = "none is healthy, so the cloud sends traffic to all of them, and each counts"
_BATCH = re.compile(r"0*[1-9][0-9]*%?")


def find_unread(left_out: Iterable[Mapping[str, Any]]) -> list[str]:
    """Name the load balancers of a result's ``left_out`` that exist and could not be read."""
    return [
        f"{one['load_balancer_id']} can't be read ({one['code']}: {one['message']}), and hosts can be bound there. "
        "Allow these credentials to read it, or choose load balancers with clb_load_balancer_ids."
        for one in left_out
        if ruling_for(one["code"], one["message"]).concern is Concern.PERMISSION
    ]


def check_batch(batch: object) -> list[str]:
    """Return a problem if ``clb_batch`` is not a number, a share such as 25%, or a list of these."""
    sizes = batch if isinstance(batch, list) else [batch]
    wrong = [size for size in sizes if isinstance(size, bool) or not _BATCH.fullmatch(str(size).strip())]
    if sizes and not wrong:
        return []
    shown = f"{wrong[0]!r}" if wrong else "an empty list"
    return [f"clb_batch is {shown}; give a number of hosts from 1, a share from 1%, or a list of these."]


def split_into_batches(names: Sequence[str], batch: object) -> list[list[str]]:
    """Split hosts as ``serial`` does."""
    sizes = [pct_to_int(str(size).strip(), len(names)) for size in (batch if isinstance(batch, list) else [batch])]
    batches, rest = [], list(names)
    while rest:
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        batches.append(rest[:size])
        rest = rest[size:]
    return batches


def pattern_of(name: str) -> str:
    """A pattern of this host alone: Ansible takes ``web 1`` for two patterns, ``web`` and ``1``."""
    plain = re.fullmatch(r"\w[\w.-]*", name)
    return name if plain else "~" + re.sub(r"[^\w-]", lambda found: f"\\U{ord(found[0]):08x}", name) + "$"


def check_answers(names: Iterable[str], present: Iterable[str], answers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name the hosts that don't answer, with the cause.

    :param present: the hosts that have not failed so far.
    :param answers: host -> the result of its ping.
    """
    there = set(present)
    problems = []
    for name in names:
        answer = answers[name]
        if answer.get("unreachable"):
            problems.append(f"{name}: no answer ({_cause(answer)}).")
        elif name not in there:
            problems.append(f"{name}: it failed before the check; its own message says why.")
        elif answer.get("ping") != "pong":
            problems.append(f"{name}: it can't run modules ({_cause(answer)}).")
    return problems


def _cause(answer: Mapping[str, Any]) -> str:
    """The part of a message that says why: ssh's own words, or the last line."""
    lines = [line.strip() for line in str(answer.get("msg") or "").splitlines() if line.strip()]
    line = lines[-1] if lines else "no cause is known"
    return line[max(line.rfind("ssh: "), 0) :].removeprefix("Task failed: ").rstrip(".")


def check_hosts(hosts: Sequence[Host], bound: Bound, remembered: Sequence[Raw]) -> list[str]:
    """Return the problems with the bindings of hosts, and with their restore file."""
    problems = [
        f"clb_restore_file differs between {hosts[0].name} and {host.name}; it must be the same for all hosts."
        for host in hosts
        if host.restore_file != hosts[0].restore_file
    ][:1]
    owner: dict[Key, str] = {}
    for host in hosts:
        mine = bound[host.name]
        if not (mine or host.wanted or remembered_of(host, mine, remembered)):
            port = f" with port {host.backend['port']}" if host.backend.get("port") is not None else ""
            where = f"to {listed(host.balancers)}" if host.balancers else "to any load balancer of the region"
            problems.append(
                f"{host.name}: {host.address}{port} is not bound {where}; check clb_backend, or give clb_listeners."
            )
        others = dict.fromkeys(owner.setdefault(key_of(binding), host.name) for binding in mine)
        problems += [
            f"{host.name}: its clb_backend is also that of {other}; give each host its own, or a port in each."
            for other in others
            if other != host.name
        ]
    return problems


def find_warnings(
    hosts: Sequence[Host], bound: Bound, remembered: Sequence[Raw], listeners: Iterable[Raw], foreseen: Iterable[Raw]
) -> Iterator[str]:
    """Yield what is worth knowing, but no reason to stop.

    :param listeners: of the hosts, with settings where they could be read.
    :param foreseen: the bindings as ``clb_listeners`` makes them.
    """
    keys = {key_of(entry) for host in hosts for entry in remembered_of(host, bound[host.name], remembered)}
    foreign = sorted({backend_of(entry) for entry in remembered if key_of(entry) not in keys}, key=natural)
    if foreign:
        yield f"The restore file also has entries of {listed(foreign)}, which belong to no host of this run. They stay."
    keys.update(key_of(binding) for binding in foreseen if binding["weight"])
    drained = [
        host.name
        for host in hosts
        if any(binding["weight"] == 0 and key_of(binding) not in keys for binding in bound[host.name])
    ]
    if drained:
        yield f"{listed(drained)}: bound with weight 0, and the restore file has no other weight. The weight stays 0."
    yield from _find_short_drains(hosts, bound, listeners)


def _find_short_drains(hosts: Iterable[Host], bound: Bound, listeners: Iterable[Raw]) -> Iterator[str]:
    """Name the listeners and rules whose session persistence is longer than the drain."""
    pools = ({**listener, **pool} for listener in listeners for pool in listener["rules"] or [listener])
    sessions = {pool_of(pool): pool.get("session_seconds") or 0 for pool in pools}
    short: dict[int, dict[str, int]] = defaultdict(dict)
    for host in hosts:
        for binding in () if host.drain_connections else bound[host.name]:
            seconds = sessions.get(pool_of(binding), 0)
            if binding["weight"] and seconds > host.drain_seconds:
                short[host.drain_seconds][label_of(binding)] = seconds
    for given, lasting in short.items():
        shown = listed(f"{label}: {seconds} s" for label, seconds in lasting.items())
        yield (
            f"clb_drain_seconds is {given}, and session persistence lasts longer ({shown}): until it runs out, known "
            f"clients are sent on to a drained target. Give clb_drain_seconds {max(lasting.values())}, or set "
            "clb_drain_connections."
        )


def find_pools(bindings: Iterable[Raw]) -> list[Raw]:
    """Select everything that is bound to the listeners and rules of these bindings."""
    keys = ("load_balancer_id", "listener_id", "location_id")
    return list({pool_of(one): {key: one[key] for key in keys if one.get(key)} for one in bindings}.values())


class _Traffic:
    """The standings of all targets of weight above 0, and for each listener or rule how many have which."""

    def __init__(self) -> None:
        self._standings: dict[Key, Standing] = {}
        self._counts: dict[Key, Counter[Standing]] = defaultdict(Counter)
        self._told: set[Key] = set()

    def put(self, key: Key, standing: Standing) -> None:
        """Add a target, or change what is known of its health."""
        counts = self._counts[key[:3]]
        if key in self._standings:
            counts[self._standings[key]] -= 1
        self._standings[key] = standing
        counts[standing] += 1

    def judge(self, pool: Key, lost: Mapping[Key, int]) -> str:
        """Return what is wrong with a loss in one listener or rule; empty where nothing is.

        :param lost: the keys of targets, each with the ``clb_min_healthy`` of its host.
        """
        minimum = max(lost.values())
        standings = [self._standings[key] for key in lost if key in self._standings]
        verdict = judge(self._counts[pool], standings, minimum)
        not_known = verdict.traffic.not_known
        # It keeps every batch from leaving: once is enough.
        if not minimum or not verdict.refused or (not_known and pool in self._told):
            return ""
        if not_known:
            self._told.add(pool)
            named = [key[3] for key, standing in self._standings.items() if key[:3] == pool and standing in not_known]
            return f"has targets of unknown health ({listed(named)}), so no target can be taken."
        kept = f"targets in traffic ({_NONE_HEALTHY})" if verdict.traffic.counts_sick else "healthy targets"
        return (
            f"would keep {verdict.left} {kept}, and clb_min_healthy is {minimum}; "
            "take fewer hosts at a time (clb_batch), or lower it."
        )


def check_guards(
    hosts: Sequence[Host], pools: Sequence[Raw], remembered: Sequence[Raw], batches: Sequence[Sequence[str]]
) -> list[str]:
    """Name the batches that would leave a listener or rule with too few, when all batches before have come back.

    :param pools: all that is bound to the listeners and rules of the hosts, with its health.
    :param batches: the names of the hosts of each.
    """
    minima = {host.name: host.min_healthy for host in hosts}
    labels = {pool_of(binding): label_of(binding) for binding in pools}
    traffic = _Traffic()
    for binding in pools:
        if binding["weight"] > 0:
            health = Health.read(binding.get("healthy"), binding.get("health_status"))
            traffic.put(key_of(binding), standing_of(health))
    bound = bindings_by_host(hosts, pools)
    # What a host puts back into traffic once its batch is done.
    returned = {
        host.name: [key_of(one) for one in bound[host.name] if one["weight"] > 0]
        + [key_of(entry) for entry in remembered_of(host, bound[host.name], remembered)]
        for host in hosts
    }
    problems = []
    for number, batch in enumerate(batches, 1):
        lost: dict[Key, dict[Key, int]] = defaultdict(dict)
        for name in batch:
            for binding in bound[name]:
                lost[pool_of(binding)][key_of(binding)] = minima[name]
        found = {pool: traffic.judge(pool, those) for pool, those in lost.items()}
        problems += [f"batch {number} ({listed(batch)}): {labels[pool]} {text}" for pool, text in found.items() if text]
        for key in (key for name in batch for key in returned[name]):
            traffic.put(key, Standing.HEALTHY)
    more = len(problems) - MAX_PROBLEMS
    rest = [f"{more} more problem{'' if more == 1 else 's'} of this kind."] if more > 0 else []
    return [*problems[:MAX_PROBLEMS], *rest]


def plan_parts(hosts: Iterable[Host], bound: Bound, remembered: Sequence[Raw]) -> Iterator[tuple[Raw, bool]]:
    """Plan how hosts are drained: one part for each guard, before it what a killed warm-up has left.

    The restore file has the whole weight of a binding that a warm-up has left; with the file, the drain would replace
    it by a share.

    :returns: the module's options of each part, and whether the drain is remembered.
    """
    parts: dict[tuple[bool, int], Raw] = {}
    for host in hosts:
        mine = bound[host.name]
        own = {key_of(entry): entry for entry in remembered_of(host, mine, remembered)}
        left = [one for one in mine if is_warming(host, own.get(key_of(one), {}), one["weight"])]
        # Naming the load balancers spares reading the whole region again.
        whole = host.selectors_on(dict.fromkeys(one["load_balancer_id"] for one in mine))
        for remember, targets in ((False, [selector_of(one) for one in left]), (True, whole)):
            if targets:
                part = parts.setdefault((remember, host.min_healthy), {"targets": [], "wait_timeout": 1})
                part["targets"] += targets
                part["wait_timeout"] = max(part["wait_timeout"], host.wait_timeout)
    for remember, min_healthy in sorted(parts):
        yield {"min_healthy": min_healthy, **parts[remember, min_healthy]}, remember
