# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about limits of single calls. Everything is sent to IDs that do not exist, so that nothing is changed.

A call that is too long is refused with a code that says so, any other with the code for what does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from clb_emulator.settings import LIMITS

from ..asker import NOWHERE, members
from ..calls import (
    DEREGISTER,
    HEALTH,
    LISTENERS,
    LISTING,
    REGISTER,
    TAG,
    TARGETS,
    WEIGHT,
    Kind,
    Meaning,
    NotAsked,
    Target,
)
from ..question import Question

if TYPE_CHECKING:
    from ..asker import Asker
    from ..question import Found

TOO_LONG = "InvalidParameterValue.Length"

Params = Callable[["Asker", int], Mapping[str, Any]]
"""Takes an amount, and returns parameters of a call with so many members."""


def _largest(ask: Asker, action: str, params: Params, documented: int) -> Any:
    """Find the largest call that is not refused for its length."""
    if not _fits(ask, action, params, 1):
        raise NotAsked(f"{action} refuses even one with {TOO_LONG}")
    if _fits(ask, action, params, documented + 1):
        return f"more than {documented}"
    if _fits(ask, action, params, documented):
        return documented
    if _fits(ask, action, params, documented - 1):
        return documented - 1
    fits, too_long = 1, documented - 1
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        fits, too_long = (middle, too_long) if _fits(ask, action, params, middle) else (fits, middle)
    return fits


def _fits(ask: Asker, action: str, params: Params, amount: int) -> bool:
    is_write = action in (REGISTER, DEREGISTER, WEIGHT, TAG)
    call = ask.cloud.write if is_write else ask.cloud.read
    for _ in ask.polls():
        answer = call(action, params(ask, amount))
        if answer.kind is Kind.LOST:
            raise NotAsked(f"{action} got no answer: {answer.code}: {answer.message}")
        if answer.meaning is not Meaning.BUSY:
            return answer.code != TOO_LONG
    raise NotAsked("the load balancer stays busy")


def _nowhere(ask: Asker, amount: int) -> list[Target]:
    listener = {"ListenerId": NOWHERE["ListenerId"], "EniIp": "192.0.2.1"}
    return [{**listener, "Port": port, "Weight": 20, "Tag": "clb-conformance"} for port in range(1, amount + 1)]


def _batch(action: str, ask: Asker, amount: int) -> Mapping[str, Any]:
    return {"LoadBalancerId": ask.world.load_balancer_id, **members(action, _nowhere(ask, amount))}


def _entries(ask: Asker, amount: int) -> Mapping[str, Any]:
    target = {"EniIp": "192.0.2.1", "Port": 1, "Weight": 20}
    entries = [{"ListenerId": f"lbl-z{number:07}", "Targets": [target]} for number in range(amount)]
    return {"LoadBalancerId": ask.world.load_balancer_id, "ModifyList": entries}


def _entry_targets(ask: Asker, amount: int) -> Mapping[str, Any]:
    own = [{"EniIp": "192.0.2.1", "Port": port, "Weight": 20} for port in range(1, amount + 1)]
    entries = [{"ListenerId": NOWHERE["ListenerId"], "Targets": own}]
    return {"LoadBalancerId": ask.world.load_balancer_id, "ModifyList": entries}


def _listeners(ask: Asker, amount: int) -> Mapping[str, Any]:
    ids = [f"lbl-z{number:07}" for number in range(amount)]
    return {"LoadBalancerId": ask.world.load_balancer_id, "ListenerIds": ids}


def _load_balancers(ask: Asker, amount: int) -> Mapping[str, Any]:
    return {"LoadBalancerIds": [f"lb-z{number:07}" for number in range(amount)]}


def _limit(limit: str, action: str, what: str, params: Params) -> Question:
    def means(found: Found) -> dict[str, Any]:
        usual = LIMITS[limit]
        return {"limits": {limit: found.answer if isinstance(found.answer, int) else 10 * usual}}

    return Question(
        f"limit-{limit.replace('_', '-')}" + (f"-{action}" if limit == "targets" else ""),
        f"How many {what} does {action} take?",
        lambda ask: _largest(ask, action, params, LIMITS[limit]),
        "limits",
        means,
    )


QUESTIONS = (
    _limit("targets", REGISTER, "targets", partial(_batch, REGISTER)),
    _limit("targets", DEREGISTER, "targets", partial(_batch, DEREGISTER)),
    _limit("entries", WEIGHT, "entries", _entries),
    _limit("entry_targets", WEIGHT, "targets in an entry", _entry_targets),
    _limit("targets", TAG, "targets", partial(_batch, TAG)),
    _limit("listener_ids", TARGETS, "listener IDs", _listeners),
    _limit("described_listeners", LISTENERS, "listener IDs", _listeners),
    _limit("load_balancer_ids", LISTING, "load balancer IDs", _load_balancers),
    _limit("health_load_balancers", HEALTH, "load balancer IDs", _load_balancers),
)
