# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One HTTP request to an endpoint: connections, TLS, proxies, bounded time and size, and what went wrong."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import sys
import threading
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

try:
    from requests.adapters import HTTPAdapter
    from requests.exceptions import InvalidSchema
    from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy
    from urllib3 import PoolManager
    from urllib3.exceptions import HTTPError, NewConnectionError
    from urllib3.exceptions import TimeoutError as TimedOut
    from urllib3.util import Timeout, parse_url
    from urllib3.util.ssl_ import create_urllib3_context

    REQUESTS_ERROR: ImportError | None = None
except ImportError as exc:
    REQUESTS_ERROR = exc

from .._base import pace
from .._base.errors import ConnectionFailed, InvalidArgument, NotSent, printable, without_context
from .._base.limits import TooLarge, read_file, unpack
from .._base.secrets import MASK
from .._base.threads import DeadlineExceeded, call_within
from .response import Cure, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .._base.secrets import Secrets
    from .endpoint import Endpoint

INSTALL_REQUESTS = f"Install it for the interpreter that ran this: {sys.executable} -m pip install requests."
"""The advice where REQUESTS_ERROR is set."""
NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"})
"""OpenSSL's names for an answer that is not TLS; which of them depends on its release and on the first bytes."""
MAX_REASON = 512
"""Characters that a message shows of the reason that a library gives."""
_PIECE_BYTES = 1 << 17
_OBJECT = re.compile(r"<[\w.]+ object at 0x[0-9a-f]+>(: )?")
"""Older urllib3 begins its messages so."""
_LOGIN = re.compile(r"(?<=//)\S*@")
"""User name and password in a URL."""


class AnswerLost(ConnectionFailed):
    """The request went out, and no whole answer came back: whether it took effect is not known.

    :param cut: the connection ended before its time; an idle one may have been closing.
    """

    def __init__(self, message: str, *, cut: bool = False) -> None:
        super().__init__(message)
        self.cut = cut


class Answer(NamedTuple):
    """Status, headers (by name, in any case) and body."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Tls:
    """The TLS settings of one task: its connections share one context, which takes 15 ms and 0.7 MB to make.

    :param ca_path: file or folder of certificate authorities, None for the usual ones.
    :param origin: the option or variable that names it, for messages.
    """

    def __init__(self, ca_path: str | None = None, origin: str = "ca_path") -> None:
        self._ca_path = ca_path
        self._origin = origin
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """The context, made when it is first needed. It always checks the server's certificate.

        :raises InvalidArgument: the authorities can't be read.
        """
        with self._lock:
            if self._context is None:
                self._context = self._make()
            return self._context

    def _make(self) -> ssl.SSLContext:
        context = create_urllib3_context()
        # Never left to requests: its older releases take an empty CURL_CA_BUNDLE for "do not check".
        path = Path(self._ca_path or DEFAULT_CA_BUNDLE_PATH)
        try:
            if path.is_dir():
                context.load_verify_locations(capath=str(path))
            else:
                context.load_verify_locations(cadata=read_file(path).decode("ascii", "ignore"))
        except (OSError, ValueError) as exc:
            problem = "holds no certificates"
            if isinstance(exc, OSError) and not isinstance(exc, ssl.SSLError):
                problem = f"can't be read: {exc.strerror}"
            raise InvalidArgument(
                f"{self._origin} {printable(repr(str(path)), MAX_REASON)} {problem}; "
                "give a file or folder of PEM certificates."
            ) from None
        return context


class Transport:
    """Sends requests to one endpoint, from any number of threads.

    A write opens a connection of its own: if an idle one is closing, its outcome would be unknown. Reads share the
    open connections, one request at a time on each.

    It stands on urllib3, not on ``requests.Session``: a session unpacks a body of any size, does not say whether the
    request was begun, and gives nobody the socket to close when the time is up.

    :param secrets: taken out of every reason that a library gives.
    :param advice: ends the message where no answer comes.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        secrets: Secrets,
        tls: Tls,
        advice: str = "Check endpoint, the network and the proxy settings.",
    ) -> None:
        self._endpoint = endpoint
        self._secrets = secrets
        self._tls = tls
        self._advice = advice
        self._lock = threading.Lock()
        self._idle: list[_Line] = []

    def post(
        self, where: str, headers: Mapping[str, str], body: bytes, *, seconds: float, write: bool = False
    ) -> Answer:
        """Post one request to the API; see :meth:`send`."""
        return self.send("POST", "/", where, headers, body, seconds=seconds, fresh=write)

    @without_context()
    def send(
        self,
        method: str,
        path: str,
        where: str,
        headers: Mapping[str, str],
        body: bytes = b"",
        *,
        seconds: float,
        fresh: bool,
    ) -> Answer:
        """Send one request and read the whole answer.

        :param where: the request and its address, for messages.
        :param headers: those of the request, without its length.
        :param fresh: on a connection of its own.
        :raises NotSent: no connection could be made.
        :raises ConnectionFailed: the certificate or the proxy setting is wrong, which does not pass.
        :raises AnswerLost: the request went out, and no whole answer came back in time.
        :raises Unreadable: the answer is too large, or can't be unpacked.
        """
        line = self._line(where, fresh=fresh)
        request = _Request(body)
        try:
            answer = call_within(
                seconds + pace.DEADLINE_SLACK_SECONDS, lambda: line.exchange(method, path, headers, request, seconds)
            )
        except (DeadlineExceeded, TooLarge, HTTPError, HTTPException, OSError, ValueError) as exc:
            line.abort()
            fault = self._fault(exc, where, seconds, begun=request.begun)
            if isinstance(fault, AnswerLost) and fault.cut:
                self._close_idle()
            raise fault from None
        if fresh:
            line.abort()
        else:
            with self._lock:
                self._idle.append(line)
        return answer

    def _line(self, where: str, *, fresh: bool) -> _Line:
        with self._lock:
            if self._idle and not fresh:
                return self._idle.pop()
        try:
            return _Line(_open_manager(self._endpoint, self._tls).connection_from_url(self._endpoint.url))
        except (InvalidSchema, HTTPError, ValueError, AssertionError) as exc:
            problem = "the proxy that the environment names is no valid URL; give http://host:port"
            if isinstance(exc, InvalidSchema):
                problem = "the environment names a SOCKS proxy, for which requests needs PySocks"
            raise ConnectionFailed(f"{where}: {problem}. Check HTTPS_PROXY and ALL_PROXY.") from None

    def _close_idle(self) -> None:
        """Close the open connections that no request uses: where the server has closed one, others are as old."""
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            line.abort()

    def _fault(self, exc: Exception, where: str, seconds: float, *, begun: bool) -> Exception:
        """The error to raise for an exception of the libraries below."""
        if isinstance(exc, DeadlineExceeded):
            return self._lost(f"{where}: no full answer within {seconds:.3g} s", begun=begun)
        if isinstance(exc, TooLarge):
            return _unreadable(f"{where}: an answer of {exc}")
        if not isinstance(exc, (HTTPError, HTTPException, OSError)):
            return _unreadable(f"{where}: an answer that can't be unpacked: {exc}")
        # For urllib3, a connection that was refused is a kind of time-out.
        if isinstance(exc, TimedOut) and not isinstance(exc, NewConnectionError):
            return self._lost(f"{where}: no {'answer' if begun else 'connection'} within {seconds:.3g} s", begun=begun)
        reason = _reason(exc)
        shown = _OBJECT.sub("", " ".join(str(reason).split()))
        shown = printable(_LOGIN.sub(f"{MASK}@", self._secrets.scrub(shown)), MAX_REASON)
        if isinstance(reason, ssl.SSLCertVerificationError):
            return ConnectionFailed(
                f"{where}: the certificate was refused: {shown}. "
                "Check endpoint; the certificate of a private authority goes into ca_path."
            )
        if isinstance(reason, ssl.SSLError) and getattr(reason, "reason", None) in NO_TLS:
            return ConnectionFailed(
                f"{where}: the answer is no TLS, so this is http where https was expected: {shown}. "
                "Check the port of endpoint and of any proxy; for an emulator on this host, write http:// before it."
            )
        if isinstance(reason, BadStatusLine) and not isinstance(reason, RemoteDisconnected):
            # Its text is the answer, and whoever answers so may be giving credentials.
            shown = "the answer is no HTTP"
        what = "the connection was cut" if begun else "can't connect"
        return self._lost(f"{where}: {what}: {shown}", begun=begun, cut=True)

    def _lost(self, what: str, *, begun: bool, cut: bool = False) -> ConnectionFailed:
        message = f"{what}. {self._advice}".rstrip()
        return AnswerLost(message, cut=cut) if begun else NotSent(message)


class _Request:
    """A body that knows whether a byte of it was asked for: before that, no server can have begun to act on it."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.begun = False

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        yield self.body


class _Line:
    """A connection, which a request has for itself as long as it is under way.

    :param pool: a pool of one: it finds out whether its connection is still alive, and opens it anew where it is not.
    """

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._opened: list[Any] = []
        make, opened = pool.ConnectionCls, self._opened

        def connection(**how: Any) -> Any:
            opened[:] = [make(**how)]
            return opened[0]

        vars(pool)["ConnectionCls"] = connection

    def exchange(self, method: str, path: str, headers: Mapping[str, str], request: _Request, seconds: float) -> Answer:
        """Send one request and read the whole answer, within the limits of its size."""
        response = self._pool.request(
            method,
            path,
            body=request,
            headers={**headers, "Content-Length": str(len(request.body))},
            retries=False,
            redirect=False,
            timeout=Timeout(total=seconds),
            preload_content=False,
            decode_content=False,
            enforce_content_length=True,
        )
        # Neither stream(), which reads a chunk's size without a limit, nor requests, which unpacks without one.
        pieces = iter(lambda: response.read(_PIECE_BYTES, decode_content=False), b"")
        try:
            content = unpack(pieces, response.headers.get("Content-Encoding", ""))
        finally:
            # One that was read to its end has given the connection back before.
            response.close()
        return Answer(response.status, response.headers, content)

    def abort(self) -> None:
        """Close the connection; a thread that still waits for it wakes up and ends."""
        with contextlib.suppress(OSError, AttributeError, TypeError, IndexError):
            # Of the socket itself, not of TLS, which another thread may be using.
            socket.socket.shutdown(self._opened[0].sock, socket.SHUT_RDWR)
        self._pool.close()


def _open_manager(endpoint: Endpoint, tls: Tls) -> Any:
    """A manager of connections to an endpoint, through the environment's proxy where it has one for it."""
    keys: dict[str, Any] = {}
    if endpoint.scheme == "https":
        keys = {"ssl_context": tls.context(), "cert_reqs": "CERT_REQUIRED"}
    # requests would send loopback through http_proxy, where nobody can answer for this machine.
    proxy = None if endpoint.direct else select_proxy(endpoint.url, get_environ_proxies(endpoint.url))
    if not proxy:
        return PoolManager(num_pools=1, maxsize=1, **keys)
    if "://" not in proxy:
        proxy = f"http://{proxy}"
    parsed = parse_url(proxy)
    if not parsed.host:
        raise ValueError("no host")
    if parsed.scheme == "https":
        keys["proxy_ssl_context"] = tls.context()
    return HTTPAdapter(pool_connections=1, pool_maxsize=1).proxy_manager_for(proxy, **keys)


def _unreadable(what: str) -> Unreadable:
    return Unreadable(f"{what}. Check endpoint, and any proxy or gateway before it.", cure=Cure.NEVER)


def _reason(exc: BaseException) -> BaseException:
    """The innermost exception: most of urllib3's hold another one."""
    inner = exc.args[-1] if exc.args else None
    return _reason(inner) if isinstance(inner, Exception) else exc
