# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The HTTP server: aiohttp in front of the emulated cloud. One event loop, so that the cloud needs no locks."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from . import api, control, metadata
from .cloud import Cloud
from .scenario import Raw, parse

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from .answer import Answer
    from .clock import Clock

    Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]

_KEEPALIVE_SECONDS = 75.0
"""The server closes a connection that was idle for so long, unless the setting ``keepalive_ms`` is given."""


class Server:
    """Serves a scenario's cloud.

    :param raw: the scenario as read from its file.
    :param clock: whose time it is; None: the machine's.
    :raises ValueError: the scenario is malformed.
    """

    def __init__(self, raw: Raw, clock: Clock | None = None) -> None:
        self._clock = clock
        self.cloud = Cloud(parse(raw), clock)
        self._runner: web.AppRunner | None = None
        self._closing: dict[asyncio.Transport, asyncio.TimerHandle] = {}

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> str:
        """Listen, and return the URL. Port 0 takes a free one.

        :raises OSError: the address can't be listened on.
        """
        # The API checks its own limit on the body after the signature, and has its own answer.
        app = web.Application(client_max_size=2 * api.MAX_BODY, middlewares=[self._close_when_idle])
        app.router.add_post("/", self._api)
        app.router.add_get(metadata.PATH + "{role:.*}", self._metadata)
        app.router.add_route("*", "/_control/{name}", self._control)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, keepalive_timeout=_KEEPALIVE_SECONDS)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, ssl_context=tls, backlog=1024)
        await site.start()
        address = self._runner.addresses[0]
        return f"{'https' if tls else 'http'}://{address[0]}:{address[1]}"

    async def stop(self) -> None:
        """Stop listening, and close all connections."""
        for timer in self._closing.values():
            timer.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _close_when_idle(self, request: web.Request, handler: Respond) -> web.StreamResponse:
        """Close a connection, without notice, that had no request for ``keepalive_ms``."""
        transport = request.transport
        if transport is None:
            return await handler(request)
        timer = self._closing.pop(transport, None)
        if timer is not None:
            timer.cancel()
        response = await handler(request)
        keepalive = self.cloud.settings.keepalive_ms
        if keepalive is not None and not transport.is_closing() and not request.path.startswith("/_control/"):
            # Send the answer first: the idle time begins after it.
            await response.prepare(request)
            await response.write_eof()

            def close() -> None:
                self._closing.pop(transport, None)
                transport.close()

            self._closing[transport] = asyncio.get_running_loop().call_later(keepalive / 1000, close)
        return response

    async def _api(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        return await _send(request, api.handle(self.cloud, api.Request(_headers(request), body)))

    async def _metadata(self, request: web.Request) -> web.StreamResponse:
        return await _send(request, metadata.handle(self.cloud, request.match_info["role"], _headers(request)))

    async def _control(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        name = request.match_info["name"]
        try:
            payload: Any = json.loads(body) if body else None
            if (request.method, name) == ("POST", "scenario"):
                self.cloud = Cloud(parse(payload), self._clock)
                return web.json_response(None)
            return web.json_response(control.handle(self.cloud, request.method, name, payload))
        except (ValueError, LookupError, TypeError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)


def _headers(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


async def _send(request: web.Request, answer: Answer) -> web.StreamResponse:
    if answer.delay:
        await asyncio.sleep(answer.delay)
    if answer.cut:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    headers = {"Content-Type": answer.content_type, **answer.headers}
    if answer.stream is None:
        return web.Response(body=answer.body, status=answer.status, headers=headers)
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    # The client may go away in the middle: that is what most streams are for.
    with contextlib.suppress(ConnectionResetError):
        for chunk in answer.stream:
            await response.write(chunk)
    return response
