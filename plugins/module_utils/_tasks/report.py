# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of a task: the returned keys and the diff. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from .._base.errors import ClbError, GuardRefusedElsewhere, escape, natural
from .._bindings.change import Change, ChangeKind
from .._bindings.plan import apply_changes
from .._bindings.snapshot import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .._apply.outcome import Outcome
    from .._bindings.plan import Plan
    from .._bindings.snapshot import Binding, BindingKey, Pool, PoolKey
    from .balancers import Balancer, Result
    from .request import Request

STATE_NOT_KNOWN = (
    "The API accepted changes here, or may have. They could not be read after that: the state is not known."
)


_POOL_KEYS = ("listener_id", "protocol", "port", "location_id", "domain", "url")


class PoolCounts(NamedTuple):
    """The bindings of one pool by what happened to them; modified are those whose weight or tag changed."""

    registered: int = 0
    modified: int = 0
    deregistered: int = 0


def empty_result() -> Result:
    """The returned keys of ``targets`` where nothing applies."""
    written = ("restore", "registered", "modified", "deregistered", "targets", "listeners")
    lists = ("load_balancers", *written, "failed_listeners", "failed_targets", "left_out", "request_ids")
    first: Result = {"msg": "", "changed": False, "load_balancer_id": None}
    # Ansible leaves a null out, so a diff is never one.
    return {**first, **{name: [] for name in lists}, "api_calls": {}, "error": None, "diff": {}}


def describe_error(error: ClbError) -> Result:
    """The returned key ``error``."""
    return {"action": error.action, "code": error.code, "message": error.api_message, "request_id": error.request_id}


def describe_binding(load_balancer_id: str, binding: Binding) -> Result:
    """One binding as results carry it; valid as an entry of ``targets``."""
    return describe(load_balancer_id, binding.pool, binding.backend, binding.port, binding.weight, binding.tag)


def sort_bindings(bindings: Iterable[Binding]) -> list[Binding]:
    """Bindings of one pool in the order in which results list them."""
    return sorted(bindings, key=lambda binding: (natural(binding.backend.address), binding.port))


def count_by_pool(changes: Iterable[Change]) -> Mapping[PoolKey, PoolCounts]:
    """Count changes by pool; a binding whose weight and tag both change counts once."""
    columns = {ChangeKind.REGISTER: 0, ChangeKind.WEIGHT: 1, ChangeKind.TAG: 1, ChangeKind.DEREGISTER: 2}
    found: dict[PoolKey, tuple[set[BindingKey], ...]] = defaultdict(lambda: (set(), set(), set()))
    for change in changes:
        found[change.pool.key][columns[change.kind]].add(change.key)
    return {key: PoolCounts(*map(len, keys)) for key, keys in found.items()}


def report(ended: Sequence[Balancer], request: Request, *, diff: bool) -> Result:
    """The returned keys that say what became of each load balancer, in the order in which they were chosen.

    Of several load balancers, only the bindings that an entry names or matches, and those changed, are listed.

    :param ended: those that were planned, or failed before.
    """
    result = empty_result()
    several = request.choice.several
    before: list[str] = []
    after: list[str] = []
    for balancer in ended:
        result["failed_targets"] += balancer.failed
        if balancer.plan is None or balancer.outcome is None:
            result["load_balancers"].append(_load_balancer(balancer, []))
            continue
        told = _Described(balancer, balancer.plan, balancer.outcome, several=several)
        listeners = told.listeners()
        result["load_balancers"].append(_load_balancer(balancer, listeners))
        result["changed"] = result["changed"] or balancer.outcome.accepted
        result["listeners"] += listeners
        for key in ("registered", "modified", "deregistered", "failed_targets"):
            result[key] += getattr(told, key)()
        result["restore"] += told.describe(balancer.outcome.restore)
        result["targets"] += told.describe(told.after()) if request.return_targets else []
        result["request_ids"] += balancer.outcome.request_ids
        if diff:
            prefix = escape(f"{balancer.load_balancer_id}  ") if several else ""
            before += _lines(prefix, told.before())
            after += _lines(prefix, told.after())
    failed = (listener["listener_id"] for listener in result["listeners"] if listener["status"] == "failed")
    result["failed_listeners"] = list(dict.fromkeys(failed))
    if diff and any(balancer.plan is not None for balancer in ended):
        result["diff"] = {"before": _in_order(before), "after": _in_order(after)}
    errors = [balancer.error for balancer in ended if balancer.error is not None]
    # One that others stopped comes last.
    own = [error for error in errors if not isinstance(error, GuardRefusedElsewhere)]
    if errors:
        result["error"] = describe_error((own or errors)[0])
    return result


def _lines(prefix: str, bindings: Iterable[Binding]) -> list[str]:
    return [f"{prefix}{_line(binding)}\n" for binding in bindings]


def _in_order(lines: Iterable[str]) -> str:
    return "".join(sorted(lines, key=natural))


def _line(binding: Binding) -> str:
    tag = f"  tag {json.dumps(binding.tag, ensure_ascii=False)}" if binding.tag else ""
    return escape(f"{binding.pool.label}  {binding.address_label}  weight {binding.weight}{tag}")


def _load_balancer(balancer: Balancer, listeners: Sequence[Result]) -> Result:
    """One entry of ``load_balancers``: the sums of its touched listeners and rules."""
    error = balancer.error
    failed = error is not None or any(listener["status"] == "failed" for listener in listeners)
    counts = {
        name: sum(listener[name] or 0 for listener in listeners)
        for name in ("registered", "modified", "deregistered", "unchanged")
    }
    changed = any(counts[name] for name in PoolCounts._fields)
    unknown = balancer.plan is None or any(listener["bound"] is None for listener in listeners)
    return {
        "load_balancer_id": balancer.load_balancer_id,
        "load_balancer_name": balancer.name,
        "status": "failed" if failed else "changed" if changed else "unchanged",
        **counts,
        "bound": None if unknown else sum(listener["bound"] for listener in listeners),
        "message": None if error is None else f"{error.code}: {_extent(balancer.outcome)}",
        "error": None if error is None else describe_error(error),
    }


def _extent(outcome: Outcome | None) -> str:
    """The number of failures on a load balancer; the error has the cause."""
    if outcome is None or not outcome.begun:
        return "nothing was changed."
    if outcome.unknown:
        return "changes were accepted, or may have been, and the state after them is not known."
    if not outcome.failures:
        return "all changes are in place."
    return f"{len(outcome.failures)} of {len({*outcome.failures, *outcome.done})} changes are not in place."


class _Described:
    def __init__(self, balancer: Balancer, plan: Plan, outcome: Outcome, *, several: bool) -> None:
        self._id = balancer.load_balancer_id
        self._plan = plan
        self._outcome = outcome
        self._unknown = {change.pool.key for change in outcome.unknown}
        self._written = {change.key for change in outcome.done}
        self._now = _bindings_at_the_end(plan, outcome)
        self._by_key = {binding.identity: binding for bindings in self._now.values() for binding in bindings}
        self._shown = self._keys_to_show() if several else None

    def _keys_to_show(self) -> set[BindingKey]:
        changes = (*self._plan.changes, *self._outcome.done, *self._outcome.failures)
        before = (change.before.identity for change in changes if change.before is not None)
        return {*self._plan.named, *(change.key for change in changes), *before}

    def describe(self, bindings: Iterable[Binding]) -> list[Result]:
        return [describe_binding(self._id, binding) for binding in bindings]

    def _listed(self, bindings: Iterable[Binding]) -> list[Binding]:
        shown = self._shown
        return sort_bindings(binding for binding in bindings if shown is None or binding.identity in shown)

    def before(self) -> list[Binding]:
        bindings = self._plan.snapshot.bindings
        return [binding for pool in self._plan.touched for binding in self._listed(bindings.get(pool.key, ()))]

    def after(self) -> list[Binding]:
        readable = (pool.key for pool in self._plan.touched if pool.key not in self._unknown)
        return [binding for key in readable for binding in self._listed(self._now[key])]

    def registered(self) -> list[Result]:
        done = (change for change in self._outcome.done if change.kind is ChangeKind.REGISTER)
        return self.describe(self._by_key.get(change.key, change.as_new(None)) for change in done)

    def deregistered(self) -> list[Result]:
        done = self._outcome.done.items()
        return self.describe(before for one, before in done if one.kind is ChangeKind.DEREGISTER and before is not None)

    def modified(self) -> list[Result]:
        """One entry a binding, whether its weight, its tag or both changed."""
        found: dict[BindingKey, Result] = {}
        for change, before in self._outcome.done.items():
            if change.kind not in (ChangeKind.WEIGHT, ChangeKind.TAG) or before is None or before.identity in found:
                continue
            # Somebody may have unbound it since.
            now = self._by_key.get(before.identity) or change.applied_to(before)
            found[before.identity] = {
                **describe_binding(self._id, now),
                "before": {"weight": before.weight, "tag": before.tag},
                "after": {"weight": now.weight, "tag": now.tag},
            }
        return list(found.values())

    def failed_targets(self) -> list[Result]:
        """One entry for each binding that is not as asked: it asks for the same again."""
        by_binding: dict[BindingKey, list[Change]] = defaultdict(list)
        for change in self._outcome.failures:
            by_binding[change.key].append(change)
        return [
            {**self._asked(changes), "code": failure.code, "message": failure.shown}
            for changes in by_binding.values()
            for failure in [self._outcome.failures[changes[0]]]
        ]

    def _asked(self, changes: Sequence[Change]) -> Result:
        first = changes[0]
        if first.kind is ChangeKind.DEREGISTER and first.before is not None:
            return describe_binding(self._id, first.before)
        weight = next((change.weight for change in changes if change.weight is not None), None)
        tag = next((change.tag for change in changes if change.tag is not None), None)
        return describe(self._id, first.pool, first.backend, first.port, weight, tag)

    def listeners(self) -> list[Result]:
        counts = count_by_pool(self._outcome.done)
        failures: dict[PoolKey, list[str]] = defaultdict(list)
        for change, failure in self._outcome.failures.items():
            failures[change.pool.key].append(failure.shown)
        for key in self._unknown:
            failures[key].append(STATE_NOT_KNOWN)
        return [
            self._listener(pool, counts.get(pool.key, PoolCounts()), failures.get(pool.key, ()))
            for pool in self._plan.touched
        ]

    def _listener(self, pool: Pool, counts: PoolCounts, problems: Sequence[str]) -> Result:
        now = None if pool.key in self._unknown else self._now[pool.key]
        others = None if now is None else [binding for binding in now if binding.identity not in self._written]
        return {
            "load_balancer_id": self._id,
            **{name: getattr(pool, name) for name in _POOL_KEYS},
            "status": "failed" if problems else "changed" if any(counts) else "unchanged",
            **counts._asdict(),
            "unchanged": None if others is None else len(others),
            "bound": None if now is None else len(now),
            "message": "; ".join(dict.fromkeys(problems)) or None,
        }


def _bindings_at_the_end(plan: Plan, outcome: Outcome) -> dict[PoolKey, tuple[Binding, ...]]:
    """The bindings of the touched pools at the end, read or predicted.

    A new binding keeps the address that it was asked for by: the cloud may show an address as the instance that it
    belongs to, which no dry run can know.
    """
    snapshot = outcome.snapshot
    if outcome.predicted:
        return apply_changes(snapshot, plan.touched, outcome.done)
    asked: dict[BindingKey, Change] = {}
    for change in outcome.done:
        if change.kind is ChangeKind.REGISTER:
            found = snapshot.find(change.pool.key, change.backend, change.port)
            if found is not None:
                asked[found.identity] = change
    return {
        pool.key: tuple(
            _as_asked(binding, asked.get(binding.identity)) for binding in snapshot.bindings.get(pool.key, ())
        )
        for pool in plan.touched
    }


def _as_asked(found: Binding, change: Change | None) -> Binding:
    if change is None:
        return found
    return found._replace(backend=change.backend, tag=change.tag if found.tag is None else found.tag)
