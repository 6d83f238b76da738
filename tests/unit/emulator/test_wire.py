# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only shows on the wire: connections that are closed, bodies that don't end, many connections at once."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from clb_emulator.answer import Answer
from clb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable

    from tencentcloud.clb.v20180317.clb_client import ClbClient

# The SDK reckons its dates in a way that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

LB = {"LoadBalancerId": "lb-1"}


def refused_call(emulator: Emulator) -> requests.Response:
    """Send a call without a signature: its answer goes through all that distorts answers."""
    return requests.post(emulator.url, json={}, headers={"X-TC-Action": "DescribeTargets"}, timeout=10)


def survives(connection: http.client.HTTPConnection, seconds: float) -> bool:
    """Tell whether a connection can be used once more after a pause."""
    connection.request("POST", "/", b"{}")
    connection.getresponse().read()
    time.sleep(seconds)
    try:
        connection.request("POST", "/", b"{}")
        return connection.getresponse().status == 200
    except (http.client.RemoteDisconnected, ConnectionError):
        return False
    finally:
        connection.close()


@pytest.mark.parametrize(
    "keepalive, pause, alive", [(None, 0.2, True), (20, 0.2, False), (0, 0.1, False), (5000, 0.2, True)]
)
def test_idle_connections_are_closed(
    emulate: Callable[..., Emulator], keepalive: float | None, pause: float, alive: bool
) -> None:
    emulator = emulate()
    emulator.configure(keepalive_ms=keepalive)
    host, _, port = emulator.host.partition(":")
    # A closed connection must not be opened again behind the test's back.
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    connection.connect()
    connection.auto_open = 0
    try:
        assert survives(connection, pause) is alive
    except http.client.NotConnected:
        assert not alive


def test_a_connection_in_use_is_not_closed(emulate: Callable[..., Emulator]) -> None:
    emulator = emulate(keepalive_ms=250, latency_ms=500)
    host, _, port = emulator.host.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=5)
    connection.auto_open = 0
    connection.connect()
    for _ in range(3):
        connection.request("POST", "/", b"{}")
        assert connection.getresponse().read()
    connection.close()


def test_a_function_changes_answers(emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient]) -> None:
    emulator = emulate()
    client = sdk(emulator)

    def rename(answer: Any) -> Any:
        answer["Response"]["Listeners"][0]["ListenerId"] = "lbl-renamed"
        return answer

    emulator.alter("DescribeTargets", rename, times=1)
    seen = [client.call_json("DescribeTargets", LB)["Response"]["Listeners"][0]["ListenerId"] for _ in range(2)]
    assert seen == ["lbl-renamed", "lbl-tcp"]
    emulator.alter("Describe*", lambda _: Answer(b"[1]", 418, "text/plain", {"X-Odd": "yes"}))
    odd = refused_call(emulator)
    assert (odd.status_code, odd.content, odd.headers["X-Odd"]) == (418, b"[1]", "yes")
    emulator.clear_alterations()
    assert refused_call(emulator).status_code == 200


def test_a_spawned_emulator_calls_no_function(shop: dict[str, Any]) -> None:
    with Emulator.spawn(shop) as emulator, pytest.raises(RuntimeError, match="in this process"):
        emulator.alter("*", lambda answer: answer)


def fault(emulator: Emulator, order: dict[str, Any]) -> requests.Response:
    """Order a fault and meet it; the body is still to be read."""
    emulator.add_faults({"action": "MetadataRole", **order})
    return requests.get(emulator.metadata_url, timeout=10, stream=True)


def test_a_gzip_bomb_and_an_endless_body(emulate: Callable[..., Emulator]) -> None:
    emulator = emulate(metadata={"role": "clb-role"})
    bomb = fault(emulator, {"kind": "gzip_bomb", "megabytes": 64})
    assert bomb.headers["Content-Encoding"] == "gzip"
    assert int(bomb.headers["Content-Length"]) < 1 << 20
    assert sum(len(chunk) for chunk in bomb.iter_content(1 << 20)) == 64 << 20
    parts = fault(emulator, {"kind": "gzip_bomb", "megabytes": 2, "members": 3})
    assert len(parts.content) == (2 + 2) << 20
    endless = fault(emulator, {"kind": "endless", "chunk": "x" * 1000})
    assert endless.headers["Transfer-Encoding"] == "chunked"
    received = 0
    for chunk in endless.iter_content(1 << 16):
        received += len(chunk)
        if received > 8 << 20:
            break
    endless.close()
    assert refused_call(emulator).status_code == 200, "the server goes on"


def test_many_connections_at_once(sdk: Callable[..., ClbClient]) -> None:
    generate = {"listeners": 5, "targets": 10}
    balancers = [{"id": f"lb-{number}", "generate": {**generate, "prefix": f"{number}x"}} for number in range(40)]
    with Emulator(load_balancers=balancers, rate_limit=0, latency_ms=50) as emulator, ThreadPoolExecutor(40) as pool:

        def read(number: int) -> int:
            answer = sdk(emulator).call_json("DescribeTargets", {"LoadBalancerId": f"lb-{number}"})
            return len(answer["Response"]["Listeners"])

        assert list(pool.map(read, range(40))) == [5] * 40
