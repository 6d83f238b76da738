# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run the emulator: ``clb-emulator``, or ``python -m clb_emulator``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import ssl
import sys
from pathlib import Path

from .scenario import DEMO, like, load
from .server import Server


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal ends it; return the exit status.

    :param arguments: of the command line; None: those of the process.
    """
    parser = argparse.ArgumentParser(prog="clb-emulator", description="A server that behaves like Tencent Cloud CLB.")
    parser.add_argument("--scenario", type=Path, default=DEMO, help="what the cloud holds (default: the demo)")
    parser.add_argument("--like", type=Path, help="a conformance report (JSON): behave as the cloud that it saw")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--ready-file", type=Path, help="gets the URL as soon as the server listens")
    parser.add_argument("--cert", type=Path, help="serve HTTPS with this certificate (PEM)")
    parser.add_argument("--key", type=Path, help="the certificate's key, where it is in a file of its own")
    options = parser.parse_args(arguments)
    try:
        scenario = load(options.scenario)
        server = Server(like(scenario, options.like) if options.like else scenario)
        asyncio.run(_serve(server, options))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"clb-emulator: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(server: Server, options: argparse.Namespace) -> None:
    tls = None
    if options.cert:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.cert, options.key)
    url = await server.start(options.host, options.port, tls)
    stopped = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    first = server.cloud.accounts.first
    print(f"{url}\nsecret_id: {first.secret_id}\nsecret_key: {first.secret_key}", flush=True)
    if options.ready_file:
        # A program that waits for the file must never read half of it.
        draft = options.ready_file.with_name(options.ready_file.name + ".part")
        draft.write_text(url, encoding="utf-8")
        draft.replace(options.ready_file)
    await stopped.wait()
    await server.stop()


if __name__ == "__main__":
    sys.exit(main())
