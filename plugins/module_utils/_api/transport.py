# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One HTTP POST to an endpoint: connections, TLS, proxies, the deadline, the answer's size, and what went wrong."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import sys
import threading
import weakref
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

try:
    from requests.adapters import HTTPAdapter
    from requests.exceptions import RequestException
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
from .._base.errors import ConnectionFailed, InvalidArgument, NotSent, printable
from .._base.limits import TooLarge, read_file, unpack
from .._base.secrets import MASK
from .._base.threads import DeadlineExceeded, call_within
from .response import Cure, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .._base.secrets import Secrets
    from .endpoint import Endpoint

INSTALL_REQUESTS = f"Install it for the interpreter that ran this: {sys.executable} -m pip install requests."
"""What to do where REQUESTS_ERROR is set."""
NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"})
"""How OpenSSL calls an answer that is not TLS; which of them depends on its release and on the first bytes."""

MAX_REASON = 512
"""Characters that a message shows of the reason that a library gives."""
_PIECE_BYTES = 1 << 17
_OBJECT = re.compile(r"<[\w.]+ object at 0x[0-9a-f]+>(: )?")
"""How older urllib3 begins a message."""
_LOGIN = re.compile(r"(?<=//)\S*@")
"""User name and password in a URL."""


class AnswerLost(ConnectionFailed):
    """The request went out, and no whole answer came back: whether it took effect is not known.

    :param message: what happened, and what would help.
    :param stale: whether it met a connection that the server was closing; a new one is not concerned.
    """

    def __init__(self, message: str, *, stale: bool = False) -> None:
        super().__init__(message)
        self.stale = stale


class Answer(NamedTuple):
    """What came back.

    :param headers: by name, in any case.
    """

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
        except OSError as exc:
            problem = "holds no certificates" if isinstance(exc, ssl.SSLError) else f"can't be read: {exc.strerror}"
        except ValueError:
            problem = "holds no certificates"
        else:
            return context
        raise InvalidArgument(
            f"{self._origin} {printable(repr(str(path)), MAX_REASON)} {problem}; "
            "give a file or folder of PEM certificates."
        )


class Transport:
    """Posts to one endpoint, from any number of threads.

    A write opens a connection of its own: on an idle one that the server is closing, its outcome would be unknown.
    Reads share the connections that are open, one request at a time on each.

    It stands on urllib3, not on ``requests.Session``: a session unpacks a body of any size, does not say whether the
    request was begun, and gives nobody the socket to close when the time is up.

    :param secrets: taken out of every reason that a library gives.
    """

    def __init__(self, endpoint: Endpoint, secrets: Secrets, tls: Tls) -> None:
        self._endpoint = endpoint
        self._secrets = secrets
        self._tls = tls
        self._lock = threading.Lock()
        self._idle: list[_Line] = []

    def post(
        self, action: str, headers: Mapping[str, str], body: bytes, *, seconds: float, write: bool = False
    ) -> Answer:
        """Send one request and read the whole answer.

        :param headers: those of the request, without its length.
        :param seconds: the time for all of it.
        :raises NotSent: no connection could be made.
        :raises ConnectionFailed: the certificate or the proxy setting is wrong, which does not pass.
        :raises AnswerLost: the request went out, and no whole answer came back in time.
        :raises Unreadable: the answer is too large, or can't be unpacked.
        """
        where = f"{action} at {self._endpoint.url}"
        line = self._borrow(where, write=write)
        request = _Request(body)
        try:
            answer = call_within(
                seconds + pace.DEADLINE_SLACK_SECONDS, lambda: line.exchange(headers, request, seconds)
            )
        except DeadlineExceeded:
            line.abort()
            raise _lost(request, f"{where}: no full answer within {seconds:.3g} s") from None
        except TooLarge as exc:
            line.abort()
            raise _unreadable(f"{where}: an answer of {exc}") from None
        except (HTTPError, HTTPException, OSError) as exc:
            line.abort()
            stale = line.reused and request.begun and not _timed_out(exc)
            if stale:
                self._close_idle()
            raise self._failure(exc, request, where, seconds, stale=stale) from None
        except ValueError as exc:
            line.abort()
            raise _unreadable(f"{where}: an answer that can't be unpacked: {exc}") from None
        with self._lock:
            self._idle.append(line)
        return answer

    def _borrow(self, where: str, *, write: bool) -> _Line:
        """An open connection; for a write, or where none is open, a new one."""
        with self._lock:
            line = self._idle.pop() if self._idle else None
        if line is not None and not write:
            line.reuse()
            return line
        if line is not None:
            line.abort()
        problem = "the proxy that the environment names is no valid URL; give http://host:port"
        try:
            return _Line(self._endpoint, self._tls)
        except RequestException as exc:
            if type(exc).__name__ == "InvalidSchema":
                problem = "for a SOCKS proxy, as the environment names one, requests needs PySocks"
        except (HTTPError, ValueError, AssertionError):
            pass
        # Outside of the handlers: these exceptions show the proxy's URL with its password.
        raise ConnectionFailed(f"{where}: {problem}. Check HTTPS_PROXY and ALL_PROXY.")

    def _close_idle(self) -> None:
        """Close the open connections that no request uses: where the server has closed one, others are as old."""
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            line.abort()

    def _failure(self, exc: Exception, request: _Request, where: str, seconds: float, *, stale: bool) -> Exception:
        """What to raise for an exception of the libraries below."""
        reason = self._plain(exc)
        if _timed_out(exc):
            what = "answer" if request.begun else "connection"
            return _lost(request, f"{where}: no {what} within {seconds:.3g} s")
        if _is_certificate(exc):
            return ConnectionFailed(
                f"{where}: the certificate was refused: {reason}. "
                "Check endpoint; the certificate of a private authority goes into ca_path."
            )
        if _is_plain(exc):
            return ConnectionFailed(
                f"{where}: the answer is no TLS, so this is http where https was expected: {reason}. "
                "Check the port of endpoint and of any proxy; for an emulator on this host, write http:// before it."
            )
        what = "the connection was cut" if request.begun else "can't connect"
        return _lost(request, f"{where}: {what}: {reason}", stale=stale)

    def _plain(self, exc: Exception) -> str:
        """The innermost reason of an exception, in one line and without secrets."""
        reason = _OBJECT.sub("", " ".join(str(_reason(exc)).split()))
        return printable(_LOGIN.sub(f"{MASK}@", self._secrets.scrub(reason)), MAX_REASON)


class _Request:
    """A body that knows whether a byte of it was asked for: before that, no server can have begun to act on it."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.begun = False

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        yield self.body


class _Line:
    """A connection, which a request has for itself as long as it is under way."""

    def __init__(self, endpoint: Endpoint, tls: Tls) -> None:
        self.reused = False
        """Whether the request under way met a connection that was open already."""
        self._connection: Any = None
        self._manager = _open_manager(endpoint, tls)
        # A pool of one connection: it finds out whether that is still alive, and opens it anew where it is not.
        self._pool = self._manager.connection_from_url(endpoint.url)
        self._pool.ConnectionCls = _watched(self._pool.ConnectionCls, weakref.ref(self))

    def exchange(self, headers: Mapping[str, str], request: _Request, seconds: float) -> Answer:
        """Send one request and read the whole answer, within the limits of its size."""
        response = self._pool.request(
            "POST",
            "/",
            body=request,
            headers={**headers, "Content-Length": str(len(request.body))},
            retries=False,
            redirect=False,
            assert_same_host=False,
            timeout=Timeout(total=seconds),
            preload_content=False,
            decode_content=False,
            enforce_content_length=True,
        )
        # Neither stream(), which reads a chunk's size without a limit, nor requests, which unpacks without one.
        pieces = iter(lambda: response.read(_PIECE_BYTES, decode_content=False), b"")
        content = None
        try:
            content = unpack(pieces, response.headers.get("Content-Encoding", ""))
        finally:
            # One that was read to its end has given the connection back.
            if content is None:
                response.close()
        return Answer(response.status, response.headers, content)

    def abort(self) -> None:
        """Close the connection; a thread that still waits for it wakes up and ends."""
        with contextlib.suppress(OSError, AttributeError, TypeError):
            # Of the socket itself, not of TLS, which another thread may be using.
            socket.socket.shutdown(self._connection.sock, socket.SHUT_RDWR)
        self._pool.close()

    def reuse(self) -> None:
        """Take note of a request that begins on a connection that may be open already."""
        self.reused = True

    def opening(self, connection: Any) -> None:
        """Take note of a connection that is about to be opened."""
        self.reused = False
        self._connection = connection


def _watched(base: Any, owner: weakref.ref[_Line]) -> Any:
    """A class of connections that say when they are opened.

    :param owner: who wants to know; connections don't keep it alive, so that they are closed when it goes.
    """

    def connect(self: Any) -> None:
        line = owner()
        if line is not None:
            line.opening(self)
        base.connect(self)

    # Exceptions show the name.
    return type(base.__name__, (base,), {"connect": connect, "__module__": base.__module__})


def _open_manager(endpoint: Endpoint, tls: Tls) -> Any:
    """A manager of connections to an endpoint, through the environment's proxy where it has one for it."""
    keys: dict[str, Any] = {}
    if endpoint.scheme == "https":
        keys = {"ssl_context": tls.context(), "cert_reqs": "CERT_REQUIRED"}
    # requests would send loopback through http_proxy, where nobody can answer for this machine.
    proxy = None if endpoint.loopback else select_proxy(endpoint.url, get_environ_proxies(endpoint.url))
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


def _lost(request: _Request, what: str, *, stale: bool = False) -> ConnectionFailed:
    message = f"{what}. Check endpoint, the network and the proxy settings."
    return AnswerLost(message, stale=stale) if request.begun else NotSent(message)


def _unreadable(what: str) -> Unreadable:
    return Unreadable(f"{what}. Check endpoint, and any proxy or gateway before it.", cure=Cure.NEVER)


def _reason(exc: BaseException) -> object:
    """What an exception of urllib3 is about: most hold another one."""
    inner = exc.args[0] if len(exc.args) == 1 else exc.args[1] if len(exc.args) == 2 else exc
    return _reason(inner) if isinstance(inner, Exception) and inner is not exc else exc


def _timed_out(exc: Exception) -> bool:
    # For urllib3, a connection that was refused is a kind of time-out.
    return isinstance(exc, TimedOut) and not isinstance(exc, NewConnectionError)


def _is_plain(exc: BaseException) -> bool:
    """Whether what came in place of TLS was none, as from a server of http."""
    reason = _reason(exc)
    return isinstance(reason, ssl.SSLError) and getattr(reason, "reason", None) in NO_TLS


def _is_certificate(exc: BaseException) -> bool:
    """Whether TLS failed on the server's certificate: before the request, and for good."""
    return isinstance(_reason(exc), ssl.SSLCertVerificationError)
