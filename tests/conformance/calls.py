# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Single calls of the API: what came back, how fast they may follow one another, when to stop asking."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

MAX_RATE = 5
"""Requests in any second."""
MAX_LOST = 4
"""Requests in a row without an answer, after which nothing is asked any more."""
THROTTLED_WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds to wait after each refusal for too many requests."""
REPEAT_SECONDS = 1.0

Raw = Mapping[str, Any]
Target = dict[str, Any]

REGISTER, DEREGISTER = "BatchRegisterTargets", "BatchDeregisterTargets"
WEIGHT, TAG = "BatchModifyTargetWeight", "BatchModifyTargetTag"
TARGETS, HEALTH, STATUS = "DescribeTargets", "DescribeTargetHealth", "DescribeTaskStatus"
LISTENERS, LISTING, DETAIL = "DescribeListeners", "DescribeLoadBalancers", "DescribeLoadBalancersDetail"


class Kind(Enum):
    """How a call ended; the report shows the first word."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    BUSY = "refused: the load balancer is busy"
    THROTTLED = "refused: too many requests"
    LOST = "lost"
    """No sound answer came: whether a write took effect is not known."""


@dataclass(frozen=True)
class Answer:
    """What came back for one call. ``response`` is empty unless it was accepted, ``code`` and ``message`` if it was."""

    kind: Kind
    response: Raw = field(default_factory=dict)
    code: str = ""
    message: str = ""

    @property
    def accepted(self) -> bool:
        return self.kind is Kind.ACCEPTED

    @property
    def verdict(self) -> str:
        return "accepted" if self.accepted else self.code

    @property
    def refusal(self) -> str:
        return f"{self.code}: {self.message}"


def is_code(answer: Any) -> bool:
    return isinstance(answer, str) and answer[:1].isupper() and " " not in answer


def shape(value: Mapping[str, Any], name: str) -> str:
    """Return how a list looks in an answer."""
    if name not in value:
        return "missing"
    found = value[name]
    if isinstance(found, list):
        return "a list" if found else "[]"
    return "null" if found is None else "something else"


class Unusable(Exception):
    """This run can't begin: an option is wrong, or the load balancer does not fit."""


class NotAsked(Exception):
    """This question can't be asked here; the text says why."""


class GaveUp(Exception):
    """Nothing more can be asked; the text says why."""


class Api(Protocol):
    """A cloud that is asked; its clock counts seconds since the start."""

    def call(self, action: str, params: Raw, *, write: bool) -> Answer: ...
    def now(self) -> float: ...
    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Record:
    action: str
    params: Raw
    answer: Answer
    seconds: float


class Cloud:
    """Sends calls, until a moment on the API's clock, at a rate that an account can bear; keeps a record of each.

    NotAsked says that no answer came, or that these credentials may not call it; GaveUp that nobody answers any more.
    """

    def __init__(self, api: Api, until: float | None = None) -> None:
        self.api, self.until = api, until
        self.records: list[Record] = []
        self._sent: deque[float] = deque(maxlen=MAX_RATE)
        """When the last requests were answered."""
        self._lost = 0

    def read(self, action: str, params: Raw) -> Answer:
        """Call an action that changes nothing; again where no answer comes."""
        for pause in (REPEAT_SECONDS, REPEAT_SECONDS, 0.0):
            answer = self._send(action, params, write=False)
            if answer.kind is not Kind.LOST:
                return answer
            self.api.sleep(pause)
        raise NotAsked(f"{action} got no answer: {answer.refusal}")

    def known(self, action: str, params: Raw) -> Raw:
        """Return the response of a read that has to be accepted."""
        answer = self.read(action, params)
        if not answer.accepted:
            raise NotAsked(f"{action} is refused: {answer.refusal}")
        return answer.response

    def write(self, action: str, params: Raw) -> Answer:
        """Call an action that changes something, once."""
        answer = self._send(action, params, write=True)
        if answer.kind is Kind.LOST:
            raise NotAsked(f"nobody knows how {action} ended: {answer.refusal}")
        return answer

    def quiet(self) -> None:
        """Wait until a few calls in a row need not wait for one another."""
        if self._sent:
            self.api.sleep(max(0.0, self._sent[-1] + 1 - self.api.now()))
        self._sent.clear()

    def _send(self, action: str, params: Raw, *, write: bool) -> Answer:
        for seconds in (*THROTTLED_WAITS, None):
            answer = self._send_once(action, params, write=write)
            if answer.kind is not Kind.THROTTLED:
                break
            if seconds is None:
                raise GaveUp(f"{action} is refused again and again: {answer.refusal}")
            self.api.sleep(seconds)
        if answer.code.startswith(("AuthFailure", "UnauthorizedOperation", "InvalidAction")):
            raise NotAsked(f"{action} is not open to these credentials here: {answer.refusal}")
        return answer

    def _send_once(self, action: str, params: Raw, *, write: bool) -> Answer:
        if self.until is not None and self.api.now() >= self.until:
            raise GaveUp("the time is up")
        if len(self._sent) == MAX_RATE:
            self.api.sleep(max(0.0, self._sent[0] + 1 - self.api.now()))
        started = self.api.now()
        answer = self.api.call(action, params, write=write)
        # It was sent at the latest now: the client may have let it wait.
        self._sent.append(self.api.now())
        self.records.append(Record(action, params, answer, self._sent[-1] - started))
        self._lost = self._lost + 1 if answer.kind is Kind.LOST else 0
        if self._lost >= MAX_LOST:
            self._lost = 0
            raise GaveUp(f"{MAX_LOST} requests in a row got no answer, the last one {answer.refusal}")
        return answer
