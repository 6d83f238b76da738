# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An emulator at a URL: the addresses of its services, and the way to control it."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from functools import cache
from typing import TYPE_CHECKING, Any

from .accounts import DEFAULT_SECRET_ID, DEFAULT_SECRET_KEY
from .queries import Reads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Access:
    """Where an emulator is, and who may call it."""

    url: str
    scenario: dict[str, Any]

    @property
    def endpoint(self) -> str:
        """What to give as ``endpoint`` (and as ``sts_endpoint``: STS is served at the same address)."""
        return self.url

    @property
    def host(self) -> str:
        """Host and port without the scheme, as the vendor's SDK wants its endpoint."""
        return self.url.partition("://")[2]

    @property
    def region(self) -> str:
        return str(self.scenario.get("region", "ap-guangzhou"))

    @property
    def secret_id(self) -> str:
        return str(self._credential["secret_id"])

    @property
    def secret_key(self) -> str:
        return str(self._credential["secret_key"])

    @property
    def metadata_url(self) -> str:
        """The URL under which the metadata service lists the role."""
        return f"{self.url}/latest/meta-data/cam/security-credentials/"

    @property
    def _credential(self) -> Mapping[str, Any]:
        default = [{"secret_id": DEFAULT_SECRET_ID, "secret_key": DEFAULT_SECRET_KEY}]
        first: Mapping[str, Any] = self.scenario.get("credentials", default)[0]
        return first

    def environ(self) -> dict[str, str]:
        """Return the environment variables that point a client here."""
        variables = {
            "TENCENTCLOUD_SECRET_ID": self.secret_id,
            "TENCENTCLOUD_SECRET_KEY": self.secret_key,
            "TENCENTCLOUD_REGION": self.region,
            "TENCENTCLOUD_CLB_ENDPOINT": self.url,
        }
        token = self._credential.get("token")
        return {**variables, "TENCENTCLOUD_TOKEN": token} if token else variables


class Remote(Reads):
    """Controls the emulator at ``url``."""

    url = ""

    def state(self) -> list[dict[str, Any]]:
        """Return every binding, without any lag; see cloud.Cloud.state."""
        found: list[dict[str, Any]] = self._control("GET", "state")
        return found

    def add_faults(self, *faults: Mapping[str, Any]) -> None:
        """Order faults.

        :raises ValueError: one is malformed.
        """
        self._control("POST", "faults", faults)

    def clear_faults(self) -> None:
        """Drop all orders for faults."""
        self._control("DELETE", "faults")

    def journal(self) -> list[dict[str, Any]]:
        """Return everything that happened, oldest first; see journal.Journal for the entries."""
        entries: list[dict[str, Any]] = self._control("GET", "journal")
        return entries

    def now(self) -> float:
        """Return the present moment in the journal's time, seconds since the server's start."""
        return float(self._control("GET", "now"))

    def clear_journal(self) -> None:
        """Clear the journal."""
        self._control("DELETE", "journal")

    def bind(self, load_balancer_id: str, *targets: Mapping[str, Any]) -> None:
        """Bind targets, given as in BatchRegisterTargets, at once, as another writer would."""
        self._control("POST", "bind", [{"LoadBalancerId": load_balancer_id, **target} for target in targets])

    def unbind(self, load_balancer_id: str, *targets: Mapping[str, Any]) -> None:
        """Unbind targets, given as in BatchDeregisterTargets, at once, as another writer would."""
        self._control("POST", "unbind", [{"LoadBalancerId": load_balancer_id, **target} for target in targets])

    def change(self, name: str, payload: Any = None) -> None:
        """Make a change as another writer would: at once, and without an API call.

        :param name: such as ``weight``, ``delete_listener``, ``stop_listener``; README.md lists all.
        :raises ValueError: the change is unknown or impossible.
        """
        self._control("POST", name, payload)

    def add_events(self, *events: Mapping[str, Any]) -> None:
        """Schedule changes by another writer: after calls, or some seconds from now.

        :raises ValueError: one is malformed.
        """
        self._control("POST", "events", events)

    def clear_events(self) -> None:
        """Drop all scheduled changes that wait for calls."""
        self._control("DELETE", "events")

    def configure(self, **settings: Any) -> None:
        """Change settings from now on, such as ``busy_style`` or ``task_seconds``; all others keep their values.

        :raises ValueError: an unknown setting or value.
        """
        self._control("POST", "settings", settings)

    def set_health(self, *, shown: Mapping[str, Any] | None = None, **marks: Iterable[str]) -> None:
        """Change the results of health checks.

        :param marks: ``dead``, ``alive``, ``unknown``, ``closed``: instances and IPs.
        :param shown: of instances and IPs, fields that replace those of their entries; None: they are not mentioned.
        """
        self._control("POST", "health", {"shown": shown, **{name: list(names) for name, names in marks.items()}})

    def expire_tokens(self) -> None:
        """Let all temporary credentials expire now."""
        self._control("POST", "expire")

    def _control(self, method: str, name: str, payload: Any = None) -> Any:
        body = None if payload is None else json.dumps(payload).encode()
        request = urllib.request.Request(f"{self.url}/_control/{name}", data=body, method=method)
        try:
            with _opener().open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None


@cache
def _opener() -> urllib.request.OpenerDirector:
    # Only the clients under test have to check certificates.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    handler = urllib.request.HTTPSHandler(context=context)
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), handler)
