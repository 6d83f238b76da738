# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The emulator as a server: in a thread, as a process, over HTTPS; what shows only on the wire."""

from __future__ import annotations

import http.client
import re
import select
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
import requests

from clb_emulator.answer import Answer
from clb_emulator.testing import HOME, Emulator

from ..plugins.module_utils.loopback import make_certificate
from .shop import SHOP, B

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Emulate = Callable[..., Emulator]

BOUND = ("lbl-tcp", None, "ins-b", 80, 10, "")


@pytest.fixture
def emulate() -> Iterator[Callable[..., Emulator]]:
    """Start emulators with the shop; arguments replace keys of the scenario."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Emulator(SHOP, **settings))


def refused_call(emulator: Emulator, **how: Any) -> requests.Response:
    """Send a call without a signature: its answer goes through all that distorts answers."""
    return requests.post(emulator.url, json={}, headers={"X-TC-Action": "DescribeTargets"}, timeout=60, **how)


@pytest.mark.parametrize("start", [Emulator, Emulator.spawn])
def test_both_forms_do_the_same(start: Emulate) -> None:
    with start(SHOP, metadata={"role": "clb-role"}) as emulator:
        assert emulator.environ() == {
            "TENCENTCLOUD_SECRET_ID": emulator.secret_id,
            "TENCENTCLOUD_SECRET_KEY": emulator.secret_key,
            "TENCENTCLOUD_REGION": "ap-guangzhou",
            "TENCENTCLOUD_CLB_ENDPOINT": emulator.url,
        }
        begin = emulator.now()
        emulator.bind("lb-1", B)
        assert BOUND in emulator.bindings("lb-1") & emulator.in_traffic("lb-1")
        emulator.unbind("lb-1", B)
        emulator.bind("lb-1", {**B, "Port": 81, "Weight": 5})
        assert ("lbl-tcp", None, "ins-b", 81, 5, "") in emulator.bindings()
        emulator.set_health(dead=["ins-a"])
        assert emulator.min_serving("lbl-tcp") == 1
        emulator.change("weight", [{"LoadBalancerId": "lb-1", **B, "Port": 81, "Weight": 0}])
        emulator.configure(task_seconds=9)
        assert (refused_call(emulator).status_code, emulator.calls()[0]["time"] >= begin) == (200, True)
        emulator.clear_journal()
        assert (emulator.count(), emulator.busy_share("lb-1")) == (0, 0)
        with pytest.raises(ValueError, match="fault kind 'unheard'"):
            emulator.add_faults({"kind": "unheard"})
        with pytest.raises(ValueError, match="unknown keys: regoin"):
            emulator.load({"regoin": "ap-tokyo"})
        emulator.add_faults({"kind": "http", "status": 503, "times": -1})
        emulator.add_events({"change": "bind", "with": [{"LoadBalancerId": "lb-1", **B}], "delay": 0})
        seen = [requests.get(emulator.metadata_url, timeout=60).status_code, BOUND in emulator.bindings()]
        emulator.clear_faults()
        emulator.clear_events()
        assert [*seen, requests.get(emulator.metadata_url, timeout=60).status_code] == [503, True, 200]
        emulator.load({"load_balancers": []})
        assert emulator.bindings() == set()
        if start is Emulator.spawn:
            with pytest.raises(RuntimeError, match="in this process"):
                emulator.alter("*", lambda answer: answer)
    with pytest.raises(requests.ConnectionError):
        requests.get(emulator.url, timeout=60)


def test_gateway_errors_redirects_and_latency(emulate: Emulate) -> None:
    emulator = emulate(metadata={"role": "clb-role"}, latency=0.2)
    emulator.add_faults(
        {"action": "MetadataRole", "kind": "http", "status": 503},
        {"action": "MetadataRole", "kind": "redirect", "location": "http://127.0.0.1:9/x"},
    )
    bad, elsewhere, good = (requests.get(emulator.metadata_url, timeout=60, allow_redirects=False) for _ in range(3))
    assert (bad.status_code, bad.headers["Content-Type"], good.text) == (503, "text/html", "clb-role")
    assert (elsewhere.status_code, elsewhere.headers["Location"]) == (302, "http://127.0.0.1:9/x")
    began = time.monotonic()
    answer = requests.post(emulator.url, json={}, timeout=60)
    assert time.monotonic() - began >= 0.2
    # The SDK looks for errors only under exactly this content type.
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["Response"]["Error"]["Code"] == "MissingParameter"


@pytest.mark.parametrize("start", [Emulator, Emulator.spawn])
def test_https(tmp_path: Path, start: Emulate) -> None:
    certificate = make_certificate(tmp_path)
    with start(SHOP, tls=certificate) as emulator:
        assert emulator.url.startswith("https://127.0.0.1:")
        assert refused_call(emulator, verify=str(certificate[0])).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            refused_call(emulator)
        assert emulator.count() == 1


def run(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "clb_emulator", *arguments]
    return subprocess.Popen(command, cwd=HOME, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_the_command_serves_the_demo(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with run("--ready-file", str(ready)) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
            for name in ("secret_id", "secret_key"):
                assert re.match(rf"{name}: \S+", process.stdout.readline())
            state = requests.get(f"{url}/_control/state", timeout=60).json()
            assert {item["load_balancer_id"] for item in state} == {"lb-demo"}
            assert ready.read_text(encoding="utf-8") == url
        finally:
            process.terminate()
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    "text, message", [("- 1", "no mapping"), ("regoin: x", "unknown keys: regoin"), ("a: [", "YAML")]
)
def test_a_bad_scenario_file(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "scenario.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message), Emulator(path):
        pass


def test_a_process_that_does_not_start_says_why(tmp_path: Path) -> None:
    with run("--scenario", str(tmp_path / "none.yml")) as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, "FileNotFoundError" in errors, "Traceback" in errors) == (1, True, False)
    with pytest.raises(RuntimeError, match="unknown keys: regoin"), Emulator.spawn(SHOP, regoin="x"):
        pass


@pytest.mark.parametrize("keepalive, is_closed", [(None, False), (20, True), (0, True), (60000, False)])
def test_only_idle_connections_are_closed(emulate: Emulate, keepalive: float | None, is_closed: bool) -> None:
    emulator = emulate(keepalive_ms=keepalive, latency_ms=50)
    connection = http.client.HTTPConnection(emulator.host, timeout=30)
    connection.request("POST", "/", b"{}")
    assert connection.getresponse().read()
    # The end of a connection can be read, as data can.
    assert bool(select.select([connection.sock], [], [], 60 if is_closed else 0.2)[0]) is is_closed
    connection.close()


def test_a_function_changes_answers(emulate: Emulate) -> None:
    emulator = emulate()
    emulator.alter("DescribeTargets", lambda answer: {"Response": list(answer["Response"])}, times=1)
    assert [refused_call(emulator).json()["Response"] == ["Error", "RequestId"] for _ in range(2)] == [True, False]
    emulator.alter("Describe*", lambda _: Answer(b"[1]", 418, "text/plain", {"X-Odd": "yes"}))
    odd = refused_call(emulator)
    assert (odd.status_code, odd.content, odd.headers["X-Odd"]) == (418, b"[1]", "yes")
    emulator.clear_alterations()
    assert refused_call(emulator).status_code == 200


def test_a_gzip_bomb_and_an_endless_body(emulate: Emulate) -> None:
    emulator = emulate(metadata={"role": "clb-role"})

    def meet(**order: Any) -> requests.Response:
        emulator.add_faults({"action": "MetadataRole", **order})
        return requests.get(emulator.metadata_url, timeout=60, stream=True)

    bomb = meet(kind="gzip_bomb", megabytes=64)
    assert bomb.headers["Content-Encoding"] == "gzip"
    assert int(bomb.headers["Content-Length"]) < 1 << 20
    assert sum(len(chunk) for chunk in bomb.iter_content(1 << 20)) == 64 << 20
    assert len(meet(kind="gzip_bomb", megabytes=2, members=3).content) == (2 + 2) << 20
    endless = meet(kind="endless", chunk="x" * 1000)
    assert endless.headers["Transfer-Encoding"] == "chunked"
    assert len(endless.raw.read(8 << 20)) == 8 << 20
    endless.close()
    assert refused_call(emulator).status_code == 200, "the server goes on"


def test_many_connections_at_once(emulate: Emulate) -> None:
    emulator = emulate(latency_ms=50)
    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: refused_call(emulator).status_code, range(40)))
    assert (answers, emulator.count()) == ([200] * 40, 40)
