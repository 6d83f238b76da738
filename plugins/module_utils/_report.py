# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task tells: the returned keys, the diff, the message of a failure. Pure."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from ._bindings.change import Change, ChangeKind
from ._bindings.plan import Plan, predict
from ._bindings.snapshot import PoolKey
from ._errors import ClbError, Refused, hint_for, sentences

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ._apply.reconcile import Outcome
    from ._apply.writer import Failure
    from ._bindings.snapshot import Binding, Pool, PoolKey

Result = dict[str, Any]
_MAX_TOLD = 5


class PoolCounts(NamedTuple):
    """What happened in one pool, counted.

    :param registered: new bindings.
    :param modified: bindings whose weight or tag changed.
    :param deregistered: removed bindings.
    """

    registered: int
    modified: int
    deregistered: int


def count_by_pool(changes: Iterable[Change]) -> Mapping[PoolKey, PoolCounts]:
    """Count changes by pool; a binding whose weight and tag both change counts once.

    :param changes: those that took effect.
    """
    registered: Counter[PoolKey] = Counter()
    deregistered: Counter[PoolKey] = Counter()
    modified: dict[PoolKey, set[tuple[str, int]]] = defaultdict(set)
    for change in changes:
        if change.kind is ChangeKind.REGISTER:
            registered[change.pool.key] += 1
        elif change.kind is ChangeKind.DEREGISTER:
            deregistered[change.pool.key] += 1
        else:
            modified[change.pool.key].add((change.backend.address, change.port))
    keys = registered.keys() | deregistered.keys() | modified.keys()
    return {key: PoolCounts(registered[key], len(modified[key]), deregistered[key]) for key in keys}


_NO_COUNTS = PoolCounts(0, 0, 0)


def empty_result() -> Result:
    """The returned keys of ``targets`` where nothing applies."""
    return {
        "changed": False,
        "load_balancer_id": None,
        "registered": [],
        "modified": [],
        "deregistered": [],
        "targets": [],
        "listeners": [],
        "failed_listeners": [],
        "failed_targets": [],
        "request_ids": [],
        "api_calls": {},
        "error": None,
        # Ansible leaves a null out.
        "diff": {},
    }


def describe_error(error: ClbError) -> Result:
    """The returned key ``error``.

    :param error: what happened.
    """
    return {"action": error.action, "code": error.code, "message": error.api_message, "request_id": error.request_id}


def describe_binding(binding: Binding) -> Result:
    """One binding as results carry it; valid as an entry of ``targets``.

    :param binding: which.
    """
    return _describe(
        binding.pool, binding.backend.instance_id, binding.backend.eni_ip, binding.port, binding.weight, binding.tag
    )


def _describe(
    pool: Pool, instance_id: str | None, eni_ip: str | None, port: int, weight: int | None, tag: str | None
) -> Result:
    return {
        "listener_id": pool.listener_id,
        "location_id": pool.location_id,
        "instance_id": instance_id,
        "eni_ip": eni_ip,
        "port": port,
        "weight": weight,
        "tag": tag,
    }


def sort_bindings(bindings: Iterable[Binding]) -> list[Binding]:
    """Bindings of one pool in the order in which results list them.

    :param bindings: of one pool.
    """
    return sorted(bindings, key=lambda one: (one.backend.address, one.port))


def render(bindings: Mapping[PoolKey, Iterable[Binding]]) -> str:
    """Bindings as sorted text, a line each.

    :param bindings: by pool key.
    """
    return "".join(sorted(f"{_line(binding)}\n" for found in bindings.values() for binding in found))


def _line(binding: Binding) -> str:
    tag = f"  tag {json.dumps(binding.tag, ensure_ascii=False)}" if binding.tag else ""
    return f"{binding.pool.label}  {_address(binding.backend.address, binding.port)}  weight {binding.weight}{tag}"


def _address(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def report(plan: Plan, outcome: Outcome, *, diff: bool) -> Result:
    """The returned keys that tell of a plan and how it went.

    :param plan: what was to be done.
    :param outcome: how it went.
    :param diff: whether the task runs in diff mode.
    """
    after = _after(plan, outcome)
    now = {binding.identity: binding for found in after.values() for binding in found}
    counts = count_by_pool(outcome.done)
    failures: dict[PoolKey, list[Failure]] = {}
    for change, failure in outcome.failures.items():
        failures.setdefault(change.pool.key, []).append(failure)
    result = empty_result()
    result.update(
        changed=outcome.accepted,
        registered=[
            describe_binding(now.get(_identity(one), one.as_new(None)))
            for one in plan.changes
            if one.kind is ChangeKind.REGISTER and one in outcome.done
        ],
        modified=list(_modified(plan, outcome, now)),
        deregistered=[
            describe_binding(one.before)
            for one in plan.changes
            if one.kind is ChangeKind.DEREGISTER and one in outcome.done and one.before is not None
        ],
        targets=[describe_binding(binding) for pool in plan.touched for binding in sort_bindings(after[pool.key])],
        listeners=[
            _listener(pool, counts.get(pool.key, _NO_COUNTS), len(after[pool.key]), failures.get(pool.key, ()))
            for pool in plan.touched
        ],
        failed_listeners=list(dict.fromkeys(one.pool.listener_id for one in plan.changes if one in outcome.failures)),
        failed_targets=list(_failed(outcome)),
        request_ids=list(outcome.request_ids),
    )
    if diff:
        before = {pool.key: plan.snapshot.bindings[pool.key] for pool in plan.touched}
        result["diff"] = {"before": render(before), "after": render(after)}
    return result


def _identity(change: Change) -> tuple[PoolKey, str, int]:
    return (change.pool.key, change.backend.address, change.port)


def _after(plan: Plan, outcome: Outcome) -> dict[PoolKey, tuple[Binding, ...]]:
    """What is bound to the touched pools at the end, read or predicted.

    A new binding keeps the address that it was asked for by: the cloud may show an address as the instance that it
    belongs to, which no dry run can know.
    """
    snapshot = outcome.snapshot
    if snapshot is None:
        return predict(plan, without=outcome.failures.keys())
    asked: dict[tuple[PoolKey, str, int], Change] = {}
    for change in outcome.done:
        if change.kind is ChangeKind.REGISTER:
            found = snapshot.find(change.pool.key, change.backend, change.port)
            if found is not None:
                asked[found.identity] = change
    return {
        pool.key: tuple(_as_asked(one, asked.get(one.identity)) for one in snapshot.bindings.get(pool.key, ()))
        for pool in plan.touched
    }


def _as_asked(found: Binding, change: Change | None) -> Binding:
    if change is None:
        return found
    return found._replace(backend=change.backend, tag=change.tag if found.tag is None else found.tag)


def _failed(outcome: Outcome) -> Iterable[Result]:
    """One entry for each binding that is not as asked: it asks for the same again."""
    by_binding: dict[tuple[PoolKey, str, int], list[Change]] = {}
    for change in outcome.failures:
        by_binding.setdefault(_identity(change), []).append(change)
    for changes in by_binding.values():
        first = changes[0]
        failure = outcome.failures[first]
        if first.kind is ChangeKind.DEREGISTER and first.before is not None:
            asked = describe_binding(first.before)
        else:
            weight = next((one.weight for one in changes if one.weight is not None), None)
            tag = next((one.tag for one in changes if one.tag is not None), None)
            asked = _describe(first.pool, first.backend.instance_id, first.backend.eni_ip, first.port, weight, tag)
        yield {**asked, "code": failure.code, "message": failure.message}


def _modified(plan: Plan, outcome: Outcome, now: Mapping[tuple[PoolKey, str, int], Binding]) -> Iterable[Result]:
    """One entry a binding, whether its weight, its tag or both changed."""
    seen: set[tuple[PoolKey, str, int]] = set()
    for change in plan.changes:
        if change.before is None or change.kind is ChangeKind.DEREGISTER or change not in outcome.done:
            continue
        if change.before.identity in seen:
            continue
        seen.add(change.before.identity)
        binding = now.get(change.before.identity, change.before)
        yield {
            **describe_binding(binding),
            "before": {"weight": change.before.weight, "tag": change.before.tag},
            "after": {"weight": binding.weight, "tag": binding.tag},
        }


def _listener(pool: Pool, counts: PoolCounts, bound: int, failures: Sequence[Failure]) -> Result:
    status = "failed" if failures else "changed" if any(counts) else "unchanged"
    return {
        "listener_id": pool.listener_id,
        "protocol": pool.protocol,
        "port": pool.port,
        "location_id": pool.location_id,
        "domain": pool.domain,
        "url": pool.url,
        "status": status,
        **counts._asdict(),
        "unchanged": bound - counts.registered - counts.modified,
        "bound": bound,
        "message": "; ".join(dict.fromkeys(failure.message for failure in failures)) or None,
    }


def failure_message(plan: Plan, outcome: Outcome, *, check_mode: bool) -> str:
    """The ``msg`` of a task that failed: what is wrong, what was done, what was not, what to run.

    :param plan: what was to be done.
    :param outcome: how it went.
    :param check_mode: whether this was a dry run.
    """
    error = outcome.error
    if error is None:
        return ""
    where = f" (request ID {error.request_id})" if error.request_id else ""
    refused = isinstance(error, Refused) or error.action is None
    parts = [error.message if refused else f"{error.action}{where} reported {error.code}: {error.message}"]
    hint = hint_for(error.code)
    if hint not in parts[0]:
        parts.append(hint)
    if outcome.failures:
        parts.append(
            f"{len(outcome.failures)} of {len(plan.changes)} changes are not in place: {_told(outcome, error)}."
        )
    counts = count_by_pool(outcome.done).values()
    totals = {name: sum(getattr(one, name) for one in counts) for name in PoolCounts._fields}
    done = ", ".join(f"{total} {name}" for name, total in totals.items() if total)
    if done:
        parts.append(f"Done: {done}.")
    elif not outcome.accepted:
        parts.append("Nothing was changed.")
    if not check_mode and outcome.failures:
        parts.append("What is in place stays; once the cause is removed, run the same task again for the rest.")
    return sentences(*parts)


def _told(outcome: Outcome, error: ClbError) -> str:
    """The failures in words: those with one cause together."""
    causes: dict[tuple[str, str], list[Change]] = {}
    for change, failure in outcome.failures.items():
        causes.setdefault((failure.code, failure.message), []).append(change)
    told = []
    for (code, message), changes in list(causes.items())[:_MAX_TOLD]:
        names = [f"{_address(one.backend.address, one.port)} on {one.pool.label}" for one in changes[:_MAX_TOLD]]
        more = f" and {len(changes) - len(names)} more" if len(changes) > len(names) else ""
        api_message = code if message in (error.api_message, "") else f"{code}, {message.rstrip('.')}"
        told.append(f"{', '.join(names)}{more} ({api_message})")
    if len(causes) > _MAX_TOLD:
        told.append(f"{len(causes) - _MAX_TOLD} more causes are in failed_targets")
    return "; ".join(told)
