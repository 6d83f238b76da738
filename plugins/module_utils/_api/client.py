# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One signed POST to the API 3.0, with the retries that are always safe."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections import Counter
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

try:
    import requests
    from requests.exceptions import ConnectionError as RequestsConnectionError
    from requests.exceptions import ConnectTimeout, RequestException, SSLError, Timeout
    from requests.utils import DEFAULT_CA_BUNDLE_PATH
    from urllib3.exceptions import MaxRetryError, NewConnectionError
    from urllib3.util import Timeout as TotalTimeout

    REQUESTS_ERROR: ImportError | None = None
except ImportError as exc:
    REQUESTS_ERROR = exc

from ansible.module_utils.api import generate_jittered_backoff

from .._deadline import DeadlineExceeded, call_within
from .._errors import (
    ClbError,
    ConnectionFailed,
    InvalidArgument,
    OutcomeUnknown,
    Refused,
    Remedy,
    UnexpectedAnswer,
    WaitTimeout,
    hint_for,
    sentences,
)
from .._secrets import Secrets
from .signature import authorization

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .._budget import Budget
    from .._credentials.credentials import CredentialProvider, Credentials
    from .endpoint import Endpoint

CONTENT_TYPE = "application/json; charset=utf-8"
CALLER = "ansible-tencentcloud.clb"
READ_ATTEMPTS = 4
"""How often a read is sent before a transient fault counts as lasting."""
BUSY_ATTEMPTS = 8
"""The same where the fault is one by which a busy cloud shows: InternalError, HTTP 5xx."""
_OBJECT = re.compile(r"<[\w.]+ object at 0x[0-9a-f]+>(: )?")
"""How older urllib3 begins a message."""
RENEWABLE = ("AuthFailure.TokenFailure", "AuthFailure.SecretIdNotFound")
"""How the cloud refuses temporary credentials that ended before their time; nothing was applied then."""
DEADLINE_SLACK = 0.25
"""Seconds beyond a request's time-out, so that the sockets' own time-outs, which tell more, come first."""
SKEW_SECONDS = 60
"""From which difference on a clock is said to be wrong; a request's way takes time as well."""


class _Transient(Exception):
    """A fault that can pass; whether the request took effect is unknown unless it never went out."""

    def __init__(self, cause: ClbError, *, sent: bool = True, attempts: int = READ_ATTEMPTS) -> None:
        super().__init__(cause.message)
        self.cause = cause
        self.sent = sent
        self.attempts = attempts


def _milliseconds(base: int, maximum: int) -> Iterator[float]:
    """Delays in seconds with full jitter: doubling from `base` to `maximum` milliseconds, for ever."""
    for delay in generate_jittered_backoff(retries=16, delay_base=base, delay_threshold=maximum):
        yield delay / 1000
    while True:
        yield from (
            delay / 1000 for delay in generate_jittered_backoff(retries=1, delay_base=maximum, delay_threshold=maximum)
        )


def throttle_delays() -> Iterator[float]:
    """Seconds to wait after each refusal for too many requests: exponential, with full jitter, at most 16 s."""
    return _milliseconds(500, 16000)


def busy_delays() -> Iterator[float]:
    """Seconds to wait while another task holds the load balancer.

    They stay short, so that of many writers one is there soon after the lock is free; the floor keeps 40 of them
    together under the API's 20 requests a second.
    """
    for spread in _milliseconds(500, 3000):
        yield 0.25 + spread


def transient_delays() -> Iterator[float]:
    """Seconds to wait before a read is sent again after a transient fault."""
    return _milliseconds(500, 4000)


class Client:
    """Signs and sends requests to one endpoint and sorts what comes back.

    :param endpoint: where to.
    :param service: the service's name in the signature, such as ``clb``.
    :param version: the API's version, such as ``2018-03-17``.
    :param region: sent with every request.
    :param credentials: asked before every request; None sends unsigned requests.
    :param budget: the time for the whole task.
    :param timeout: seconds for one HTTP request.
    :param secrets: what to mask in every text from elsewhere.
    :param ca_path: file or folder of certificate authorities, None for the usual ones.
    :param api_calls: counts HTTP requests by action; several clients may share one.
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
        ca_path: str | None = None,
        api_calls: Counter[str] | None = None,
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
        # Never just True: older releases of requests take an empty CURL_CA_BUNDLE for "do not check".
        self._verify = ca_path or DEFAULT_CA_BUNDLE_PATH
        self._clock = clock
        self._session = self._open_session()
        self.api_calls: Counter[str] = Counter() if api_calls is None else api_calls

    def _open_session(self) -> requests.Session:
        session = requests.Session()
        # Without an auth of its own, requests puts a ~/.netrc entry over the Authorization header.
        session.auth = _leave_authorization
        if self._endpoint.loopback:
            # requests would send loopback through http_proxy, where nobody can answer for this machine.
            session.trust_env = False
        return session

    def read(self, action: str, params: Mapping[str, Any], *, last_attempt: bool = False) -> dict[str, Any]:
        """Send a request that changes nothing; again on transient faults.

        :param action: such as ``DescribeTargets``.
        :param params: the parameters in the API's own shape.
        :param last_attempt: send once, even when the budget is used up and only its grace is left.
        :returns: the answer's ``Response``.
        :raises Refused: the cloud said no.
        :raises ConnectionFailed: the endpoint can't be reached.
        :raises UnexpectedAnswer: something else than the API answers.
        :raises WaitTimeout: the time is up.
        """
        for attempt, delay in enumerate(transient_delays(), start=1):
            try:
                return self._send_handling_busy(action, params, wait_when_busy=True, once=last_attempt)
            except _Transient as fault:
                if last_attempt:
                    raise fault.cause from fault
                self._before_another(attempt, delay, fault)
        raise AssertionError("transient_delays() does not end")

    def write(self, action: str, params: Mapping[str, Any], *, wait_when_busy: bool = True) -> dict[str, Any]:
        """Send a request that changes something; never again once it may have taken effect.

        :param action: such as ``BatchRegisterTargets``.
        :param params: the parameters in the API's own shape.
        :param wait_when_busy: wait while another task holds the load balancer; False raises instead.
        :returns: the answer's ``Response``.
        :raises Refused: the cloud said no and applied nothing.
        :raises OutcomeUnknown: it may have been applied: read back.
        :raises ConnectionFailed: the request never went out.
        :raises WaitTimeout: the time is up; nothing was applied.
        """
        for attempt, delay in enumerate(transient_delays(), start=1):
            try:
                return self._send_handling_busy(action, params, wait_when_busy=wait_when_busy, once=False)
            except _Transient as fault:
                cause = fault.cause
                if fault.sent:
                    raise OutcomeUnknown(
                        cause.message,
                        code=cause.code,
                        action=cause.action,
                        request_id=cause.request_id,
                        api_message=cause.api_message,
                    ) from fault
                self._before_another(attempt, delay, fault)
        raise AssertionError("transient_delays() does not end")

    def _before_another(self, attempt: int, delay: float, fault: _Transient) -> None:
        """Sleep before a request goes out again; with no attempt or no time left, raise what is wrong."""
        if attempt >= fault.attempts:
            raise fault.cause from fault
        try:
            self._budget.sleep(delay, "another attempt")
        except WaitTimeout:
            raise fault.cause from fault

    def _send_handling_busy(
        self, action: str, params: Mapping[str, Any], *, wait_when_busy: bool, once: bool
    ) -> dict[str, Any]:
        """Send until the answer is something else than 'throttled' or 'busy'."""
        throttled, busy = throttle_delays(), busy_delays()
        last: Refused | None = None
        while True:
            if not once and self._budget.remaining() <= 0:
                raise self._out_of_time(action, last)
            try:
                return self._send_handling_credentials(action, params)
            except Refused as refusal:
                if once:
                    raise
                if refusal.remedy is Remedy.WAIT_THROTTLED:
                    delay = next(throttled)
                elif refusal.remedy is Remedy.WAIT_BUSY and wait_when_busy:
                    # It was let through this time: what slowed this down before is over.
                    throttled = throttle_delays()
                    delay = next(busy)
                else:
                    raise
                last = refusal
            try:
                self._budget.sleep(delay, "the cloud to have time")
            except WaitTimeout as up:
                raise self._out_of_time(action, last) from up

    def _out_of_time(self, action: str, last: Refused | None) -> WaitTimeout:
        """What to raise when the task's time runs out: it tells what kept it waiting."""
        if last is None:
            return WaitTimeout(f"{self._budget.words} is over before {action} could be sent.")
        return WaitTimeout(f"{self._budget.words} is over. The last answer was: {last.message}", refusal=last)

    def _send_handling_credentials(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request and sort its answer; once more, with new credentials, where the cloud says they ended."""
        credentials = self._credentials.current() if self._credentials is not None else None
        try:
            return self._send_single_request(credentials, action, params)
        except Refused as refusal:
            if self._credentials is None or credentials is None or refusal.code not in RENEWABLE:
                raise
            if not self._credentials.invalidate(credentials):
                raise
        return self._send_single_request(self._credentials.current(), action, params)

    def _send_single_request(
        self, credentials: Credentials | None, action: str, params: Mapping[str, Any]
    ) -> dict[str, Any]:
        try:
            # The signature covers these very bytes.
            body = json.dumps(params, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as exc:
            raise InvalidArgument(
                f"{exc.object[exc.start : exc.end]!r} can't be sent: it is half of a character, no text."
            ) from exc
        timestamp = int(self._clock())
        headers = {
            "Content-Type": CONTENT_TYPE,
            "Host": self._endpoint.host,
            "X-TC-Action": action,
            "X-TC-Version": self._version,
            "X-TC-Region": self._region,
            "X-TC-Timestamp": str(timestamp),
            "X-TC-Language": "en-US",
            "X-TC-RequestClient": CALLER,
            "Authorization": "SKIP",
        }
        if credentials is not None:
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
        self.api_calls[action] += 1
        return self._parse_response(action, self._post(action, headers, body))

    def _post(self, action: str, headers: dict[str, str], body: bytes) -> requests.Response:
        where = f"{action} at {self._endpoint.url}"
        seconds = max(0.1, min(self._timeout, self._budget.until_end()))
        remedy = "Check endpoint, the network and the proxy settings."
        session = self._session

        def post() -> requests.Response:
            return session.post(
                self._endpoint.url,
                data=body,
                headers=headers,
                # requests hands a Timeout of urllib3 through as it is; its type stubs know only numbers.
                timeout=cast("float", TotalTimeout(total=seconds)),
                verify=self._verify,
                allow_redirects=False,
            )

        try:
            return call_within(seconds + DEADLINE_SLACK, post)
        except DeadlineExceeded as exc:
            # Its thread may still be using the old one.
            self._session = self._open_session()
            raise _Transient(ConnectionFailed(f"{where}: no full answer within {seconds:.3g} s. {remedy}")) from exc
        except SSLError as exc:
            failed = ConnectionFailed(
                f"{where}: the certificate or TLS failed: {self._plain(exc)}. "
                "Check endpoint; a private certificate authority goes into ca_path."
            )
            if _is_certificate(exc):
                raise failed from exc
            # TLS can also break after the request went out.
            raise _Transient(failed) from exc
        except (RequestsConnectionError, Timeout) as exc:
            sent = not _never_sent(exc)
            if isinstance(exc, Timeout):
                told = f"no answer within {seconds:.3g} s"
            elif sent:
                told = f"the connection was cut: {self._plain(exc)}"
            else:
                told = f"can't connect: {self._plain(exc)}"
            raise _Transient(ConnectionFailed(f"{where}: {told}. {remedy}"), sent=sent) from exc
        except RequestException as exc:
            raise _Transient(UnexpectedAnswer(f"{where}: the answer broke off: {self._plain(exc)}.")) from exc
        except OSError as exc:
            # requests raises a bare OSError for a CA path that is not there.
            raise ConnectionFailed(f"{where}: {self._plain(exc)}. Check ca_path.") from exc

    def _plain(self, exc: Exception) -> str:
        """The innermost reason of an exception, in one line and without secrets."""
        return self._secrets.scrub(_OBJECT.sub("", " ".join(str(_reason(exc)).split())))

    def _parse_response(self, action: str, answer: requests.Response) -> dict[str, Any]:
        """Tell an answer, a refusal and everything that is neither apart."""
        try:
            parsed = json.loads(answer.content)
        except (ValueError, RecursionError) as exc:
            kind = self._secrets.scrub(answer.headers.get("Content-Type", "an unnamed type"))
            told = f"{len(answer.content)} bytes of {kind} that are no JSON"
            raise self._not_the_api(action, answer.status_code, told) from exc
        response = parsed.get("Response") if isinstance(parsed, dict) else None
        if not isinstance(response, dict):
            raise self._not_the_api(action, answer.status_code, "JSON that has no Response")
        request_id = response.get("RequestId")
        error = response.get("Error")
        if not isinstance(error, dict):
            # The API tells its own errors in the body: with another status, a gateway stands in between.
            if not 200 <= answer.status_code < 300:
                raise self._not_the_api(action, answer.status_code, "JSON that tells no error")
            return response
        code = self._secrets.scrub(str(error.get("Code") or "UnknownError"))
        api_message = self._secrets.scrub(str(error.get("Message") or ""))
        message = sentences(
            f"{action} was refused with {code}: {api_message}", hint_for(code), self._skew_hint(code, answer)
        )
        refusal = Refused(message, code=code, action=action, request_id=request_id, api_message=api_message)
        if refusal.remedy is Remedy.TRANSIENT:
            raise _Transient(refusal, attempts=BUSY_ATTEMPTS)
        raise refusal

    def _not_the_api(self, action: str, status: int, told: str) -> Exception:
        """What to raise where something else than the API has answered."""
        where = f"{action} at {self._endpoint.url}"
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Refused(f"{where}: HTTP 429, too many requests.", code="RequestLimitExceeded", action=action)
        if 300 <= status < 400:
            return UnexpectedAnswer(
                f"{where}: HTTP {status} points elsewhere; redirects are not followed. Check endpoint."
            )
        return _Transient(
            UnexpectedAnswer(
                f"{where}: HTTP {status} with {told}. Check endpoint, and any proxy or gateway before it."
            ),
            attempts=BUSY_ATTEMPTS if status >= 500 else READ_ATTEMPTS,
        )

    def _skew_hint(self, code: str, answer: requests.Response) -> str:
        """Measure this host's clock on the answer's ``Date``, where the cloud complains of it."""
        if not code.startswith("AuthFailure.SignatureExpire"):
            return ""
        try:
            skew = self._clock() - parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
        except (TypeError, ValueError):
            return ""
        if abs(skew) < SKEW_SECONDS:
            return ""
        return f"This host's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the server's."


def _leave_authorization(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _reason(exc: Exception) -> object:
    inner = exc.args[0] if exc.args else exc
    return inner.reason if isinstance(inner, MaxRetryError) and inner.reason is not None else inner


def _never_sent(exc: Exception) -> bool:
    """Tell whether a request failed before a byte of it could have reached the server."""
    return isinstance(exc, ConnectTimeout) or isinstance(_reason(exc), NewConnectionError)


def _is_certificate(exc: Exception) -> bool:
    """Tell whether TLS failed on the server's certificate: before the request, and for good."""
    reason = _reason(exc)
    inner = reason.args[0] if isinstance(reason, Exception) and reason.args else reason
    return isinstance(inner, ssl.SSLCertVerificationError)
