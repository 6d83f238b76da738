# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The message of a task: what was done, or what went wrong and what to run then. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from .._apply.ledger import NOT_ATTEMPTED
from .._base.errors import (
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
from .._base.refusals import Concern, hint_for
from .report import PoolCounts, count_by_pool

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._apply.outcome import Outcome
    from .._bindings.change import Change
    from .report import Part, Result

MAX_SHOWN = 5
NOTHING = "Nothing was changed."
AGAIN = "What is in place stays; once the cause is removed, run the same task again for the rest."
AGAIN_FROM_THE_START = "Once the cause is removed, run the same task again."


def success_message(result: Result, *, several: bool) -> str:
    """The ``msg`` of a task that went well, such as ``registered 2, re-weighted 1 on 2 of 3 listeners of lb-1``.

    In check mode it has the same words.

    :param several: whether several load balancers are meant.
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
    if not told:
        what = "nothing is left of what was written" if result["changed"] else "nothing to do"
        return escape(f"{what}{_on(count_of(len(places), _kind(places, several)) if places else '', result, several)}")
    changed = sum(place["status"] == "changed" for place in places)
    return escape(f"{told}{_on(f'{changed} of {len(places)} {_kind(places, several)}', result, several)}")


def count_message(result: Result, *, several: bool) -> str:
    """The ``msg`` of a task that only reads, such as ``12 targets on 3 listeners of lb-1``.

    :param several: whether several load balancers are meant.
    """
    places = result["load_balancers"] if several else result["listeners"]
    found = count_of(len(result["targets"]), "targets")
    return escape(f"{found}{_on(count_of(len(places), 'load balancers' if several else 'listeners'), result, several)}")


def _on(places: str, result: Result, several: bool) -> str:
    """Where it was done; empty where no load balancer was looked at."""
    if several or not result["load_balancers"]:
        return f" on {places}" if places else ""
    return f" on {places} of {label_of(result)}" if places else f" on {label_of(result)}"


def label_of(result: Result) -> str:
    """The one load balancer of a result, with the name where it was chosen by name."""
    (one,) = result["load_balancers"]
    identity: str = one["load_balancer_id"]
    return f"{identity} ({one['load_balancer_name']})" if one["load_balancer_name"] else identity


def count_of(number: int, things: str) -> str:
    """A number of things: ``1 listener``, ``2 listeners``.

    :param things: many of them, such as ``listeners``.
    """
    return f"{number} {things[:-1] if number == 1 else things}"


def _kind(places: Sequence[Result], several: bool) -> str:
    if several:
        return "load balancers"
    rules = [place["location_id"] is not None for place in places]
    return "rules" if all(rules) else "listeners and rules" if any(rules) else "listeners"


def failure_message(parts: Sequence[Part], *, several: bool, check_mode: bool) -> str | None:
    """The ``msg`` of a task that failed: what is wrong, what was done, what was not, what to run.

    :param parts: one for each load balancer.
    :param several: whether several load balancers are meant.
    :param check_mode: whether this was a dry run.
    :returns: None where nothing failed.
    """
    failed = [part for part in parts if part.error is not None]
    if not failed:
        return None
    if not several:
        return _part_message(failed[0], check_mode=check_mode)
    texts = [(part.load_balancer_id, sentences(*_part_texts(part))) for part in failed]
    begun = any(part.outcome is not None and part.outcome.begun for part in parts)
    return escape(sentences(several_failed(texts, len(parts)), *_end(failed, begun=begun, check_mode=check_mode)))


def several_failed(texts: Sequence[tuple[str, str]], total: int, rest: str = "are in load_balancers") -> str:
    """Tell of failures on several load balancers: equal texts once, at most five of them, with at most five IDs each.

    :param texts: pairs of a load balancer's ID and what failed there.
    :param total: how many load balancers are meant.
    :param rest: what to say of further texts.
    """
    by_text: dict[str, list[str]] = defaultdict(list)
    for load_balancer_id, text in texts:
        by_text[text].append(load_balancer_id)
    told = [f"{and_more(identities, MAX_SHOWN)}: {text}" for text, identities in by_text.items()]
    if len(told) > MAX_SHOWN:
        told[MAX_SHOWN:] = [f"{len(told) - MAX_SHOWN} more {rest}."]
    return sentences(f"{len(texts)} of {total} load balancers failed.", *told)


def tell_failed(
    failed: Mapping[str, ClbError], total: int, *, several: bool, region: str | None, writes: bool = False
) -> str:
    """Tell of what is wrong on load balancers before anything was written.

    :param failed: the errors by load balancer ID; at least one.
    :param total: how many load balancers are meant.
    :param region: where they were looked for.
    :param writes: whether the task would have written.
    """
    if several:
        texts = [(load_balancer_id, error.message) for load_balancer_id, error in failed.items()]
        told = several_failed(texts, total) if writes else several_failed(texts, total, "failed in other ways")
        return sentences(told, NOTHING if writes else "")
    load_balancer_id, error = next(iter(failed.items()))
    gone = isinstance(error, Refused) and error.concerns is Concern.GONE
    if not (gone or isinstance(error, InvalidArgument)) or (load_balancer_id in error.message and gone):
        return error.message
    # Its name may lead to another one than the user thinks of.
    where = f" in region {region}" if region else ""
    return sentences(error.message, f"The load balancer is {load_balancer_id}{where}")


def _part_message(part: Part, *, check_mode: bool) -> str:
    # What was never planned has an error that says all.
    begun = part.outcome is None or part.outcome.begun
    return escape(sentences(*_part_texts(part), *_end([part], begun=begun, check_mode=check_mode)))


def _end(failed: Sequence[Part], *, begun: bool, check_mode: bool) -> list[str]:
    """The last sentences of a failure: whether anything was changed, and what to run."""
    texts = [] if begun else [NOTHING]
    rest = [part for part in failed if part.outcome is not None and (part.outcome.failures or part.outcome.unknown)]
    # A guard that refuses all says itself what to do.
    if not check_mode and rest and (begun or not all(isinstance(part.error, GuardRefused) for part in failed)):
        texts.append(AGAIN if begun else AGAIN_FROM_THE_START)
    return texts


def _part_texts(part: Part) -> list[str]:
    """What went wrong on one load balancer, and what was done all the same."""
    error, plan, outcome = part.error, part.plan, part.outcome
    if error is None:
        return []
    if plan is None or outcome is None:
        return [error.message]
    where = f" (request ID {error.request_id})" if error.request_id else ""
    complete = isinstance(error, (Refused, WaitTimeout)) or error.action is None
    texts = [error.message if complete else f"{error.action}{where} reported {error.code}: {error.message}"]
    hint = hint_for(error.code, error.api_message)
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
        texts.append(
            f"{len(outcome.unknown)} changes were accepted, or may have been, and what is in place is not known."
        )
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
    for (code, message, general), changes in list(causes.items())[:MAX_SHOWN]:
        names = and_more([change.label for change in changes], MAX_SHOWN)
        if general and len(changes) > 1:
            names = f"{len(changes)} that were refused together, of which no single one is the cause"
        reason = code if message in (error.api_message, "") else f"{code}, {message.rstrip('.')}"
        texts.append(f"{names} ({reason})")
    if len(causes) > MAX_SHOWN:
        texts.append(f"{len(causes) - MAX_SHOWN} more causes are in failed_targets")
    return "; ".join(texts)
