# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The message of a task: what was done, or what went wrong and what to run then. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from .._apply.ledger import NOT_ATTEMPTED
from .._base.errors import (
    MAX_ITEMS,
    ClbError,
    GuardRefused,
    GuardRefusedElsewhere,
    InvalidArgument,
    Refused,
    WaitTimeout,
    and_more,
    escape,
    sentences,
)
from .._base.refusals import Concern, ruling_for
from .report import PoolCounts, count_by_pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._apply.outcome import Outcome
    from .._bindings.change import Change
    from .balancers import Balancer, Result

NOTHING = "Nothing was changed."
AGAIN = "What is in place stays; once the cause is removed, run the same task again for the rest."
AGAIN_FROM_THE_START = "Once the cause is removed, run the same task again."


def success_message(result: Result, *, several: bool) -> str:
    """The ``msg`` of a task that went well, such as ``registered 2, re-weighted 1 on 2 of 3 listeners of lb-1``.

    In check mode it has the same words.
    """
    weighted = sum(one["before"]["weight"] != one["after"]["weight"] for one in result["modified"])
    done = {
        "registered": len(result["registered"]),
        "re-weighted": weighted,
        "re-tagged": len(result["modified"]) - weighted,
        "deregistered": len(result["deregistered"]),
    }
    told = ", ".join(f"{what} {number}" for what, number in done.items() if number)
    places = result["load_balancers"] if several else result["listeners"]
    kind = "load balancers" if several else _kind(places)
    if told:
        changed = sum(place["status"] == "changed" for place in places)
        return _on(told, f"{changed} of {len(places)} {kind}", result, several)
    nothing = "all changes are gone again" if result["changed"] else "nothing to do"
    return _on(nothing, _count(len(places), kind) if places else "", result, several)


def count_message(result: Result, *, several: bool) -> str:
    """The ``msg`` of a task that only reads, such as ``12 targets on 3 listeners of lb-1``."""
    kind = "load balancers" if several else "listeners"
    return _on(
        _count(len(result["targets"]), "targets"), _count(len(result[kind.replace(" ", "_")]), kind), result, several
    )


def _on(told: str, places: str, result: Result, several: bool) -> str:
    """Add where it was done: on some places, and of which load balancer, where it is the only one."""
    where = [places] if places else []
    if not several and result["load_balancers"]:
        (one,) = result["load_balancers"]
        name = one["load_balancer_name"]
        where.append(f"{one['load_balancer_id']} ({name})" if name else one["load_balancer_id"])
    return escape(f"{told} on {' of '.join(where)}" if where else told)


def _count(number: int, things: str) -> str:
    return f"{number} {things[:-1] if number == 1 else things}"


def _kind(places: Sequence[Result]) -> str:
    rules = [place["location_id"] is not None for place in places]
    return "rules" if all(rules) else "listeners and rules" if any(rules) else "listeners"


def failure_message(ended: Sequence[Balancer], *, several: bool, check_mode: bool) -> str | None:
    """The ``msg`` of a task that failed: what is wrong, what was done, what was not, what to run.

    :returns: None where nothing failed.
    """
    failed = [(balancer, balancer.error) for balancer in ended if balancer.error is not None]
    if not failed:
        return None
    # A single load balancer that was never planned has an error that says all.
    begun = not several and failed[0][0].outcome is None
    begun = begun or any(balancer.outcome is not None and balancer.outcome.begun for balancer in ended)
    told = [(balancer.load_balancer_id, sentences(*_texts(balancer, error))) for balancer, error in failed]
    texts = [_several_failed(told, len(ended)) if several else told[0][1]]
    if not begun:
        texts.append(NOTHING)
    outcomes = [balancer.outcome for balancer, _error in failed if balancer.outcome is not None]
    rest = any(outcome.failures or outcome.unknown for outcome in outcomes)
    # A guard that refuses all says itself what to do.
    if not check_mode and rest and (begun or not all(isinstance(error, GuardRefused) for _balancer, error in failed)):
        texts.append(AGAIN if begun else AGAIN_FROM_THE_START)
    return escape(sentences(*texts))


def _several_failed(texts: Sequence[tuple[str, str]], total: int, rest: str = "are in load_balancers") -> str:
    """Tell what failed on several load balancers, from pairs of ID and text: equal texts once, at most five of them."""
    by_text: dict[str, list[str]] = defaultdict(list)
    for load_balancer_id, text in texts:
        by_text[text].append(load_balancer_id)
    told = [f"{and_more(identities)}: {text}" for text, identities in by_text.items()]
    if len(told) > MAX_ITEMS:
        told[MAX_ITEMS:] = [f"{len(told) - MAX_ITEMS} more {rest}."]
    return sentences(f"{len(texts)} of {total} load balancers failed.", *told)


def tell_failed(
    failed: Sequence[tuple[Balancer, ClbError]], total: int, *, several: bool, region: str, writes: bool
) -> str:
    """Tell of what is wrong on load balancers before anything was written; on one at least."""
    if several:
        texts = [(balancer.load_balancer_id, error.message) for balancer, error in failed]
        if writes:
            return sentences(_several_failed(texts, total), NOTHING)
        return _several_failed(texts, total, "failed in other ways")
    balancer, error = failed[0]
    gone = isinstance(error, Refused) and error.concerns is Concern.GONE
    if not (gone or isinstance(error, InvalidArgument)) or (balancer.load_balancer_id in error.message and gone):
        return error.message
    # Its name may lead to another one than the user thinks of.
    return sentences(error.message, f"The load balancer is {balancer.load_balancer_id} in region {region}")


def _texts(balancer: Balancer, error: ClbError) -> list[str]:
    """The failure of one load balancer, and the changes that were made all the same."""
    plan, outcome = balancer.plan, balancer.outcome
    if plan is None or outcome is None:
        return [error.message]
    where = f" (request ID {error.request_id})" if error.request_id else ""
    complete = isinstance(error, (Refused, WaitTimeout)) or error.action is None
    texts = [error.message if complete else f"{error.action}{where} reported {error.code}: {error.message}"]
    hint = ruling_for(error.code, error.api_message).hint
    if hint not in texts[0]:
        texts.append(hint)
    refused = isinstance(error, GuardRefused) and (not outcome.begun or isinstance(error, GuardRefusedElsewhere))
    if outcome.failures and not refused:
        total = len({*plan.changes, *outcome.failures})
        # Where nothing was begun, the error says all.
        begun = outcome.accepted or any(failure.code != NOT_ATTEMPTED for failure in outcome.failures.values())
        causes = f": {_causes(outcome, error)}" if begun else ""
        texts.append(f"{len(outcome.failures)} of {total} changes are not in place{causes}.")
    if outcome.unknown:
        number = len(outcome.unknown)
        were = f"{_count(number, 'changes')} {'was' if number == 1 else 'were'}"
        texts.append(f"{were} accepted, or may have been, and the state after that is not known.")
    counts = count_by_pool(outcome.done).values()
    totals = {name: sum(getattr(pool_counts, name) for pool_counts in counts) for name in PoolCounts._fields}
    done = ", ".join(f"{total} {name}" for name, total in totals.items() if total)
    if done:
        texts.append(f"Done: {done}.")
    return texts


def _causes(outcome: Outcome, error: ClbError) -> str:
    """The failures in words: those with one cause together."""
    causes: dict[tuple[str, str, bool], list[Change]] = {}
    for change, failure in outcome.failures.items():
        causes.setdefault((failure.code, failure.shown, failure.general), []).append(change)
    texts = []
    for (code, message, general), changes in list(causes.items())[:MAX_ITEMS]:
        names = and_more([change.label for change in changes])
        if general and len(changes) > 1:
            names = f"{len(changes)} changes that were refused together, no single one is the cause"
        reason = code if message in (error.api_message, "") else f"{code}, {message.rstrip('.')}"
        texts.append(f"{names} ({reason})")
    if len(causes) > MAX_ITEMS:
        texts.append(f"{len(causes) - MAX_ITEMS} more causes are in failed_targets")
    return "; ".join(texts)
