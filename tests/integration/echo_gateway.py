# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A gateway before the emulator: it learns every secret that passes, and gives them back in its answers."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SIGNATURE = re.compile(r"Signature=([0-9a-f]{64})")
_KEY_ID = re.compile(r"Credential=([^/]+)/")


class EchoGateway:
    """Passes requests on; ``echo`` says how it betrays what it has seen of the client: its keys, token and signature.

    - ``error``: DescribeTargets is refused with a message that holds all of it; ``sts``: AssumeRole is, too,
    - ``data``: the names of instances in DescribeTargets are made of it,
    - ``html``: DescribeTargets is answered with an error page that holds all of it, in its type as well.
    """

    def __init__(self, upstream: str, keys: Mapping[str, str]) -> None:
        self.upstream = upstream
        self.echo: str | None = None
        self.secrets = set(keys.values())  # all that was seen, of all clients
        self._families = {key_id: {key} for key_id, key in keys.items()}
        self.echoed = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.gateway = self  # type: ignore[attr-defined]  # the handler knows only its server
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextlib.contextmanager
    def running(self) -> Iterator[EchoGateway]:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def learn(self, headers: dict[str, str], request: bytes, answer: bytes) -> None:
        """Take the secrets out of a request, and out of what STS or the metadata service hands out."""
        self.secrets.update(_SIGNATURE.findall(headers.get("authorization", "")))
        known = self._family(headers) | {headers.get("x-tc-token", "")} - {""}
        if headers.get("x-tc-action") == "AssumeRoleWithWebIdentity":
            known.add(json.loads(request)["WebIdentityToken"])
        self.secrets |= known
        with contextlib.suppress(ValueError):
            told = json.loads(answer)
            for holder in (told, told.get("Response", {}).get("Credentials") or {}):
                if "TmpSecretId" in holder:
                    family = known | {holder["TmpSecretKey"], holder["Token"]}
                    self._families[holder["TmpSecretId"]] = family
                    self.secrets |= family

    def _family(self, headers: dict[str, str]) -> set[str]:
        """What the client knows that signs with this key: the key, and those with which it got the key."""
        found = _KEY_ID.search(headers.get("authorization", ""))
        return self._families.get(found[1], set()) if found else set()

    def betray(self, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes] | None:
        """What to answer in place of the emulator: status, type and body; None for the emulator's own answer."""
        action, authorization = headers.get("x-tc-action", ""), headers.get("authorization", "")
        own = self._family(headers) | {headers.get("x-tc-token", ""), *_SIGNATURE.findall(authorization)}
        all_of_it = " ".join([*sorted(own), authorization])
        if self.echo is None or (action != "DescribeTargets" and (action, self.echo) != ("AssumeRole", "sts")):
            return None
        self.echoed += 1
        if self.echo in ("error", "sts"):
            error = {"Code": "AuthFailure.UnauthorizedOperation", "Message": all_of_it}
            return 200, "application/json", json.dumps({"Response": {"RequestId": "r-1", "Error": error}}).encode()
        if self.echo == "html":
            return 403, f"text/html; charset={all_of_it}", f"<html>{all_of_it}</html>".encode()
        answer: dict[str, Any] = json.loads(body)
        for listener in answer["Response"].get("Listeners", []):
            for rule in [listener, *(listener.get("Rules") or [])]:
                for target in rule.get("Targets") or []:
                    target["InstanceName"] = all_of_it
        return 200, "application/json", json.dumps(answer).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _pass_on(self) -> None:
        gateway: EchoGateway = self.server.gateway  # type: ignore[attr-defined]  # as above
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        # The signature covers the Host header, so that it has to stay as it is.
        request = urllib.request.Request(gateway.upstream + self.path, body or None, headers, method=self.command)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                status, kind, answer = response.status, response.headers["Content-Type"], response.read()
        except urllib.error.HTTPError as error:
            status, kind, answer = error.code, error.headers["Content-Type"], error.read()
        gateway.learn(headers, body, answer)
        status, kind, answer = gateway.betray(headers, answer) or (status, kind, answer)
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _pass_on  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: Any) -> None:
        """Nothing."""
