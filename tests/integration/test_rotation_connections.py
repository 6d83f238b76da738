# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real connections keep a host waiting before its update, with ``clb_drain_connections``."""

from __future__ import annotations

import socket
import time

import pytest

from .rolling import Farm, updated

DEADLINE_SECONDS = 120.0
LONGER_THAN_A_POLL = 3.0


def own_address():
    """An IPv4 address of this machine other than loopback; None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])


def serve(address, *, dual=False):
    if dual:
        return socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)


def connect(server, address):
    """A client's and the server's end of one connection."""
    client = socket.create_connection((address, server.getsockname()[1]))
    return client, server.accept()[0]


def farm_on(emulator, playbook, server, **variables):
    """One host that is bound with the port of the server, which waits for connections."""
    farm = Farm(emulator, playbook, hosts=1, clb_drain_connections=True, **variables)
    farm.scenario["load_balancers"][0]["listeners"][0]["targets"][0]["port"] = server.getsockname()[1]
    farm.load()
    return farm


def wait_for(condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def has_begun(run, task):
    """Whether a task has reported a result on a host in the update's play, where nothing is skipped."""
    return run.results.exists() and f'"task": "{task}", "host": "web1", "status": "ok"' in run.results.read_text()


def left_over(server, other, address):
    """Open connections that do not count: one in TIME_WAIT, one of another port, and one of an ignored address."""
    client, accepted = connect(server, address)
    # Who closes first is left in TIME_WAIT: here the server's end.
    accepted.close()
    client.close()
    ends = [*connect(other, address)]
    if address == "127.0.0.1":
        ends += [socket.create_connection((address, server.getsockname()[1]), source_address=("127.0.0.9", 0))]
        ends += [server.accept()[0]]
    return ends


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    "address, dual",
    [("127.0.0.1", False), ("::1", False), (own_address(), False), ("127.0.0.1", True)],
    ids=["IPv4", "IPv6", "not loopback", "IPv4 to a server of both"],
)
def test_a_connection_keeps_its_host_waiting_until_it_ends_and_others_do_not(emulator, playbook, address, dual):
    if address is None:
        pytest.skip("this machine has no address but loopback")
    with serve(address, dual=dual) as server, serve(address) as other:
        others = left_over(server, other, address)
        client, accepted = connect(server, address)
        farm = farm_on(emulator, playbook, server, clb_drain_ignore=["::ffff:127.0.0.9"])
        run = farm.start()
        wait_for(lambda: farm.out)
        wait_for(lambda: has_begun(run, "tencentcloud.clb.rotation : Take the batch out of traffic"))
        time.sleep(LONGER_THAN_A_POLL)

        assert not has_begun(run, "Begin")

        client.close()
        accepted.close()
        done = run.wait()
        for end in others:
            end.close()

    assert done.rc == 0, done.output
    assert updated(done) == ["web1"]
    assert farm.emulator.bindings() == farm.at_first
    assert "connections have not ended" not in done.output


@pytest.mark.sample(2)
@pytest.mark.parametrize("on_timeout", ["continue", "fail"])
def test_a_connection_that_does_not_end(emulator, playbook, on_timeout):
    with serve("127.0.0.1") as server:
        ends = connect(server, "127.0.0.1")
        farm = farm_on(emulator, playbook, server, clb_drain_timeout=2, clb_drain_on_timeout=on_timeout)

        done = farm.roll()

        for end in ends:
            end.close()

    assert farm.emulator.bindings() == farm.at_first
    assert not farm.restore_file.exists()
    assert "web1: connections have not ended after 2 s" in done.output
    if on_timeout == "continue":
        assert done.rc == 0, done.output
        assert "[WARNING]: web1: connections" in done.output
        assert updated(done) == ["web1"]
    else:
        assert done.rc != 0
        assert updated(done) == []
        assert "The host is back in traffic, and not updated." in done.output
