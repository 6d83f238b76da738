# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One signed request to the API 3.0, with the retries that are always safe."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from .._base import pace
from .._base.budget import Patience
from .._base.errors import (
    ClbError,
    ConnectionFailed,
    InvalidArgument,
    NotSent,
    OutcomeUnknown,
    Refused,
    UnexpectedAnswer,
    WaitTimeout,
)
from .._base.refusals import Concern, Remedy
from .._base.secrets import Secrets
from .pacer import Pacer
from .response import Cure, Unreadable, parse_response
from .signature import authorization
from .transport import AnswerLost, Tls, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .._base.budget import Budget
    from .._credentials.credentials import CredentialProvider, Credentials
    from .endpoint import Endpoint

CONTENT_TYPE = "application/json; charset=utf-8"
CALLER = "ansible-tencentcloud.clb"
UNKNOWN_KEY = "AuthFailure.SecretIdNotFound"
RENEWABLE = ("AuthFailure.TokenFailure", UNKNOWN_KEY)
"""The codes for temporary credentials that ended before their time; nothing was applied then."""


class CallCounts(Counter[str]):
    """The HTTP requests of one task by action, counted from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def add(self, action: str) -> None:
        """Count one more."""
        with self._lock:
            self[action] += 1


class Client:
    """Signs and sends requests to one endpoint, and sorts what comes back. Threads may share one.

    :param service: its name in the signature, such as ``clb``.
    :param credentials: asked before every request; None sends unsigned requests.
    :param timeout: seconds for one HTTP request.
    :param secrets: masked in every text from elsewhere.
    :param api_calls: counts HTTP requests by action; several clients may share it, and the pacer.
    :param clock: seconds since the epoch, for the signature.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        service: str,
        version: str,
        region: str,
        credentials: CredentialProvider | None,
        budget: Budget,
        timeout: float,
        secrets: Secrets | None = None,
        tls: Tls | None = None,
        api_calls: CallCounts | None = None,
        pacer: Pacer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._service = service
        self._version = version
        self._region = region
        self._credentials = credentials
        self._budget = budget
        self._timeout = timeout
        self._secrets = Secrets() if secrets is None else secrets
        self._pacer = pacer or Pacer()
        self._clock = clock
        self._transport = Transport(endpoint, self._secrets, tls or Tls())
        self.api_calls = CallCounts() if api_calls is None else api_calls
        self._answered = False
        """True once the API has answered here, be it with a refusal."""

    def read(self, action: str, params: Mapping[str, Any], *, last_attempt: bool = False) -> dict[str, Any]:
        """Send a request that changes nothing.

        It is sent again while the cloud is throttling or busy, and after a fault that may pass for up to
        ``pace.PATIENCE_SECONDS``.

        :param last_attempt: send once, even when the budget is used up and only its grace is left.
        :returns: the answer's ``Response``.
        :raises Refused: the cloud refused.
        :raises ConnectionFailed: the endpoint can't be reached.
        :raises UnexpectedAnswer: something else than the API answers.
        :raises WaitTimeout: the time is up.
        """
        body = _encode(params)
        retries = _Retries(self._budget)
        last: ClbError | None = None
        while True:
            if not last_attempt and self._budget.remaining() <= 0:
                raise self._time_is_up(action, last)
            try:
                return self._send_handling_credentials(action, body, write=False, grace=last_attempt)
            except WaitTimeout as up:
                if last is None or up.last is not None:
                    raise
                raise self._time_is_up(action, last) from up
            except (Refused, ConnectionFailed, UnexpectedAnswer) as fault:
                delay = None if last_attempt else retries.delay_after(fault, answered=self._answered)
                if delay is None:
                    raise
                last = fault
            with contextlib.suppress(WaitTimeout):
                self._budget.sleep(delay, "the next attempt")

    def write(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request that changes something, exactly once.

        After 'too many requests' the pause is waited out here, but the caller has to send again: it may have to read
        and plan before. Only where the cloud refuses the credentials as expired, a second request with new ones goes
        out.

        :returns: the answer's ``Response``; it has a ``RequestId``.
        :raises Refused: the cloud refused and applied nothing; throttled and busy are among its remedies.
        :raises OutcomeUnknown: it may have been applied: read back.
        :raises NotSent: no connection could be made; it may be sent again.
        :raises ConnectionFailed: the request can't go out at all, for example because of the certificate.
        :raises WaitTimeout: the time is up; nothing was applied.
        """
        body = _encode(params)
        if self._budget.remaining() <= 0:
            raise self._time_is_up(action, None)
        return self._send_handling_credentials(action, body, write=True, grace=False)

    def _time_is_up(self, action: str, last: ClbError | None) -> ClbError:
        """Say that no time is left; a fault that did not pass is itself the error."""
        if last is None:
            return WaitTimeout(f"{self._budget.label} expired before {action} could be sent.")
        if isinstance(last, Refused) and last.asks_to_wait:
            return WaitTimeout(f"{self._budget.label} expired", last=last)
        last.add(f"It was sent again until {self._budget.label} expired.")
        return last

    def _send_handling_credentials(self, action: str, body: bytes, *, write: bool, grace: bool) -> dict[str, Any]:
        """Send one request; once more, with new credentials, where the cloud says that they have expired."""
        credentials = self._credentials.current() if self._credentials is not None else None
        try:
            return self._send_single_request(credentials, action, body, write=write, grace=grace)
        except Refused as refusal:
            if self._credentials is None or credentials is None or refusal.code not in RENEWABLE:
                raise
            if not self._credentials.invalidate(credentials):
                raise
        return self._send_single_request(self._credentials.current(), action, body, write=write, grace=grace)

    def _send_single_request(
        self, credentials: Credentials | None, action: str, body: bytes, *, write: bool, grace: bool
    ) -> dict[str, Any]:
        lane = self._pacer.lane(action)
        lane.take_turn(self._budget, grace=grace)
        # Only now: waiting for the turn can take longer than the cloud lets a signature live.
        headers = self._sign(credentials, action, body)
        seconds = max(pace.MIN_REQUEST_SECONDS, min(self._timeout, self._budget.until_end()))
        self.api_calls.add(action)
        where = f"{action} at {self._endpoint.url}"
        try:
            status, told, content = self._transport.post(where, headers, body, seconds=seconds, write=write)
            scrub, now = self._secrets.scrub, self._clock()
            content = self._secrets.hide_signature(content)
            response = parse_response(action, status, told, content, write=write, where=where, now=now, scrub=scrub)
        except Refused as refusal:
            # A gateway can throttle, too; its answer has no request ID.
            self._answered = self._answered or refusal.request_id is not None
            refusal.add(self._likely_cause(refusal))
            if refusal.remedy is Remedy.WAIT_THROTTLED:
                lane.throttled(self._budget, refusal, wait=not grace)
            else:
                lane.answered()
            if write and refusal.remedy is Remedy.TRANSIENT:
                raise OutcomeUnknown.of(refusal) from refusal
            raise
        except (AnswerLost, Unreadable) as fault:
            if write:
                raise OutcomeUnknown.of(fault) from fault
            raise
        lane.answered()
        self._answered = True
        return response

    def _likely_cause(self, refusal: Refused) -> str:
        """Name what the request was sent to, where that is what is probably wrong; empty where it is not."""
        if refusal.code == UNKNOWN_KEY:
            return self._endpoint.site_hint
        if self._region and (refusal.concerns is Concern.GONE or refusal.ruling.about_region):
            return f"The region of this request is {self._region}."
        return ""

    def _sign(self, credentials: Credentials | None, action: str, body: bytes) -> dict[str, str]:
        timestamp = int(self._clock())
        headers = {
            "Content-Type": CONTENT_TYPE,
            "Host": self._endpoint.host,
            "User-Agent": CALLER,
            "Accept-Encoding": "gzip",
            "X-TC-Action": action,
            "X-TC-Version": self._version,
            "X-TC-Region": self._region,
            "X-TC-Timestamp": str(timestamp),
            "X-TC-Language": "en-US",
            "X-TC-RequestClient": CALLER,
            "Authorization": "SKIP",
        }
        if credentials is None:
            return headers
        self._secrets.add(credentials.secret_key, credentials.token)
        if credentials.token:
            headers["X-TC-Token"] = credentials.token
        headers["Authorization"] = authorization(
            secret_id=credentials.secret_id,
            secret_key=credentials.secret_key,
            service=self._service,
            host=self._endpoint.host,
            content_type=CONTENT_TYPE,
            body=body,
            timestamp=timestamp,
        )
        self._secrets.remember_signature(headers["Authorization"].rpartition("=")[2])
        return headers


class _Retries:
    """The rule by which one read is sent again."""

    def __init__(self, budget: Budget) -> None:
        self._patience = Patience(budget)
        self._busy, self._transient = pace.BUSY.delays(), pace.FAULT.delays()
        self._faults = 0
        self._was_cut = False

    def delay_after(self, fault: ClbError, *, answered: bool) -> float | None:
        """Seconds to wait after a fault; None where another attempt would not help.

        :param answered: the API has answered at this endpoint before.
        """
        remedy = fault.remedy if isinstance(fault, Refused) else None
        if remedy is Remedy.WAIT_THROTTLED:
            # The lane has waited.
            return 0.0
        if remedy is Remedy.WAIT_BUSY:
            return next(self._busy)
        if isinstance(fault, AnswerLost) and fault.cut and not self._was_cut:
            # An idle connection may have been closing; the next one is new.
            self._was_cut = True
            return 0.0
        cure = _cure(fault)
        if cure is Cure.NEVER:
            return None
        self._faults += 1
        left = self._patience.left()
        if left <= 0:
            fault.add(f"It was sent again for {pace.PATIENCE_SECONDS:g} s.")
            return None
        if cure is Cure.KNOWN_ENDPOINT and not answered and self._faults >= pace.FIRST_ATTEMPTS:
            return None
        return min(next(self._transient), left)


def _cure(fault: ClbError) -> Cure:
    """When another attempt may help after a fault."""
    if isinstance(fault, Unreadable):
        return fault.cure
    if isinstance(fault, NotSent):
        return Cure.KNOWN_ENDPOINT
    lost = isinstance(fault, AnswerLost) or (isinstance(fault, Refused) and fault.remedy is Remedy.TRANSIENT)
    return Cure.TIME if lost else Cure.NEVER


def _encode(params: Mapping[str, Any]) -> bytes:
    """The body of a request: the signature covers these very bytes."""
    try:
        return json.dumps(params, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as exc:
        raise InvalidArgument(
            f"{exc.object[exc.start : exc.end]!r} can't be sent, because it is not encodable as UTF-8."
        ) from exc
