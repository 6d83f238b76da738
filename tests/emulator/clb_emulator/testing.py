# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator for tests: ``Emulator(scenario)`` in a thread, ``Emulator.spawn(scenario)`` as a process."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from . import queries
from . import scenario as scenarios
from .accounts import DEFAULT_SECRET_ID, DEFAULT_SECRET_KEY
from .server import Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from .alterations import Alter, Alterations
    from .clock import Clock
    from .queries import Binding

HOME = Path(__file__).resolve().parent.parent
"""The folder that holds this package; a process that runs the emulator needs it on its import path."""

START_SECONDS = 60.0


class Emulator:
    """A running emulator and the way to control it.

    :param scenario: a mapping, or the path of a YAML file; None is a cloud without load balancers.
    :param like: a conformance report: the cloud behaves as the one that it saw.
    :param tls: serve HTTPS with this certificate and key, both paths of PEM files.
    :param clock: whose time it is; None: the machine's. Only for an emulator in this process.
    :param settings: keys that replace those of the scenario.
    """

    def __init__(
        self,
        scenario: Mapping[str, Any] | str | Path | None = None,
        *,
        like: str | Path | None = None,
        tls: tuple[str | Path, str | Path] | None = None,
        clock: Clock | None = None,
        **settings: Any,
    ) -> None:
        self.scenario = _scenario(scenario, settings)
        if like is not None:
            self.scenario = dict(scenarios.like(self.scenario, Path(like)))
        self._clock = clock
        self.url = ""
        self._tls = tls
        self._runs: _Thread | _Process | None = None
        # Only the clients under test have to check certificates.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        handler = urllib.request.HTTPSHandler(context=context)
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), handler)
        self._as_process = False

    @classmethod
    def spawn(cls, scenario: Mapping[str, Any] | str | Path | None = None, **options: Any) -> Emulator:
        """Return an emulator that runs as a process of its own, not in a thread of this one."""
        emulator = cls(scenario, **options)
        emulator._as_process = True
        return emulator

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Emulator:
        """Start it and wait until it listens.

        :raises RuntimeError: it did not start.
        """
        if self._as_process:
            self._runs = _Process(self.scenario, self._tls)
        else:
            self._runs = _Thread(self.scenario, self._tls, self._clock)
        self.url = self._runs.url
        return self

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._runs is not None:
            self._runs.stop()
            self._runs = None

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
        return str(self._first_credential["secret_id"])

    @property
    def secret_key(self) -> str:
        return str(self._first_credential["secret_key"])

    @property
    def metadata_url(self) -> str:
        """The URL under which the metadata service lists the role."""
        return f"{self.url}/latest/meta-data/cam/security-credentials/"

    @property
    def _first_credential(self) -> Mapping[str, Any]:
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
        token = self._first_credential.get("token")
        return {**variables, "TENCENTCLOUD_TOKEN": token} if token else variables

    def load(self, scenario: Mapping[str, Any] | str | Path, **settings: Any) -> None:
        """Replace everything: load balancers, credentials, settings, faults, tasks and the journal."""
        self.scenario = _scenario(scenario, settings)
        self._control("POST", "scenario", self.scenario)

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

    def calls(self, action: str | None = None) -> list[dict[str, Any]]:
        """Return the journal's calls, of this action only where one is given."""
        return queries.calls(self.journal(), action)

    def count(self, action: str | None = None) -> int:
        """Count the calls of an action, refused ones included."""
        return len(self.calls(action))

    def bindings(self, load_balancer_id: str | None = None) -> set[Binding]:
        """Return all bindings, without any lag; a tag that is not set is ``""``."""
        return queries.bindings(self._control("GET", "state"), load_balancer_id)

    def in_traffic(self, load_balancer_id: str | None = None) -> set[Binding]:
        """Return the bindings that get new clients now: of a pool without a healthy one, all of weight above 0."""
        state = self._control("GET", "state")
        return queries.bindings([item for item in state if item["in_traffic"]], load_balancer_id)

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

    def alter(self, action: str, function: Alter, *, times: int = -1, skip: int = 0) -> None:
        """Let a function change the answers of an action (a name or a pattern); see alterations.Alterations.add.

        :raises RuntimeError: the emulator is not started, or runs in another process; order a fault ``raw`` there.
        """
        self._alterations().add(action, function, times=times, skip=skip)

    def clear_alterations(self) -> None:
        """Remove all functions that change answers."""
        self._alterations().clear()

    def _alterations(self) -> Alterations:
        if not isinstance(self._runs, _Thread):
            raise RuntimeError("only an emulator in this process can call a function: not one that was spawned")
        return self._runs.server.cloud.alterations

    def set_health(self, *, shown: Mapping[str, Any] | None = None, **marks: Iterable[str]) -> None:
        """Change the results of health checks.

        :param marks: ``dead``, ``alive``, ``unknown``, ``closed``: instances and IPs.
        :param shown: of instances and IPs, fields that replace those of their entries; None: they are not mentioned.
        """
        self._control("POST", "health", {"shown": shown, **{name: list(names) for name, names in marks.items()}})

    def expire_tokens(self) -> None:
        """Let all temporary credentials expire now."""
        self._control("POST", "expire")

    def busy_share(self, load_balancer_id: str, since: float | None = None, until: float | None = None) -> float:
        """Return the share of time in which a task worked on the load balancer; see queries.busy_share."""
        return queries.busy_share(self.journal(), load_balancer_id, since, until)

    def min_serving(
        self,
        listener_id: str,
        location_id: str | None = None,
        since: float | None = None,
        *,
        load_balancer_id: str | None = None,
    ) -> int:
        """Return the smallest number of targets that got new clients at any moment; see queries.min_serving."""
        return queries.min_serving(self.journal(), listener_id, location_id, since, load_balancer_id=load_balancer_id)

    def _control(self, method: str, name: str, payload: Any = None) -> Any:
        body = None if payload is None else json.dumps(payload).encode()
        request = urllib.request.Request(f"{self.url}/_control/{name}", data=body, method=method)
        try:
            with self._opener.open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise ValueError(json.load(error)["error"]) from None


def _scenario(scenario: Mapping[str, Any] | str | Path | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    raw = scenarios.load(Path(scenario)) if isinstance(scenario, (str, Path)) else scenario or {}
    return {**raw, **settings}


class _Thread:
    """A server in a thread of this process."""

    def __init__(
        self, scenario: dict[str, Any], tls: tuple[str | Path, str | Path] | None, clock: Clock | None
    ) -> None:
        self.server = Server(scenario, clock)
        context = None
        if tls is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*tls)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="clb_emulator", daemon=True)
        self._thread.start()
        start = self.server.start("127.0.0.1", 0, context)
        self.url = asyncio.run_coroutine_threadsafe(start, self._loop).result(START_SECONDS)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self._loop).result(START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()


class _Process:
    """A server in a process of its own."""

    def __init__(self, scenario: dict[str, Any], tls: tuple[str | Path, str | Path] | None) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="clb_emulator-")
        folder = Path(self._directory.name)
        (folder / "scenario.yml").write_text(yaml.safe_dump(scenario), encoding="utf-8")
        command = [sys.executable, "-m", "clb_emulator", "--scenario", "scenario.yml", "--ready-file", "ready"]
        if tls is not None:
            command += ["--cert", str(Path(tls[0]).resolve()), "--key", str(Path(tls[1]).resolve())]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env={**os.environ, "PYTHONPATH": str(HOME)}, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not (folder / "ready").exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = (folder / "log").read_text(encoding="utf-8", errors="replace")
                self.stop()
                raise RuntimeError(f"the emulator did not start: {text}")
            time.sleep(0.02)
        self.url = (folder / "ready").read_text(encoding="utf-8")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(START_SECONDS)
        self._directory.cleanup()
