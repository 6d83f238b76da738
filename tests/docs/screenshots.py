# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Open each rendered page in Chromium as on a desk and as on a phone, and keep a screenshot of each.

``screenshots.py [PART...]`` takes the pages whose path contains one of these parts, all by default. Run ``make docs``
before. The pictures are in ``.build/screenshots/<width>/``. A page that scrolls sideways, or in which something is cut
off or sticks out, is reported with the elements that cause it; then the exit status is 1. ``make test`` does not run
this: it needs Chromium, and somebody who looks at the pictures.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import shutil
import sys
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = ROOT / ".build" / "docs" / "html"
SCREENSHOTS = ROOT / ".build" / "screenshots"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
WIDTHS = {1200: False, 390: True}
"""Width of the window in pixels, and whether it is a phone's."""
START_SECONDS = 30
MAX_HEIGHT = 16_000

SETTLE = "document.fonts.ready.then(() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 50))))"

# The page's measures, and the elements that reach beyond its text or hide a part of what they hold.
MEASURE = """
(() => {
  const page = document.documentElement, wide = [];
  const edge = document.querySelector('.rst-content').getBoundingClientRect().right;
  const report = (element, needs) =>
    wide.push(`${element.tagName.toLowerCase()}.${element.className} needs ${needs} px: ` +
              element.textContent.trim().replace(/\\s+/g, ' ').slice(0, 60));
  for (const element of document.querySelectorAll('.wy-nav-content *')) {
    const right = element.getBoundingClientRect().right;
    // The width of an inline element is 0.
    if (element.clientWidth && element.scrollWidth > element.clientWidth + 1) report(element, element.scrollWidth);
    else if (right > edge + 1 && element.offsetWidth && !element.closest('.wy-table-responsive, pre'))
      report(element, Math.round(right));
  }
  return {scroll: page.scrollWidth, width: page.clientWidth, height: page.scrollHeight, wide: wide.slice(0, 5)};
})()
"""


class Tab:
    """One tab of the browser, spoken to in the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._events: list[str] = []

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method and return its result. Raises ``RuntimeError`` where the browser refuses."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self._events.append(message.get("method", ""))

    async def open(self, page: Path) -> None:
        """Open a page and wait until it is loaded and its fonts are used."""
        self._events.clear()
        await self.call("Page.navigate", url=page.as_uri())
        while "Page.loadEventFired" not in self._events:
            self._events.append((await self._socket.receive_json()).get("method", ""))
        await self.call("Runtime.evaluate", expression=SETTLE, awaitPromise=True)

    async def resize(self, width: int, height: int, phone: bool) -> None:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        await self.call("Emulation.setDeviceMetricsOverride", **size)

    async def measure(self) -> dict[str, Any]:
        answer = await self.call("Runtime.evaluate", expression=MEASURE, returnByValue=True)
        return answer["result"]["value"]

    async def shoot(self, file: Path) -> None:
        picture = await self.call("Page.captureScreenshot", format="png")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(picture["data"]))


@asynccontextmanager
async def browser(program: str) -> AsyncIterator[Tab]:
    """Run the browser with a profile of its own, and end it at last."""
    with tempfile.TemporaryDirectory() as profile:
        arguments = [*OPTIONS, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"]
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(program, *arguments, stdout=quiet, stderr=quiet)
        try:
            port_file = Path(profile) / "DevToolsActivePort"
            async with asyncio.timeout(START_SECONDS):
                while not port_file.exists() or not port_file.read_text():
                    await asyncio.sleep(0.1)
            port = port_file.read_text().splitlines()[0]
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as listed:
                    address = next(tab["webSocketDebuggerUrl"] for tab in await listed.json() if tab["type"] == "page")
                async with session.ws_connect(address, max_msg_size=0) as socket:
                    tab = Tab(socket)
                    await tab.call("Page.enable")
                    yield tab
        finally:
            process.terminate()
            await process.wait()


async def look(program: str, pages: list[Path]) -> int:
    """Take all pictures and report what is too wide; return how many pages are."""
    too_wide = 0
    async with browser(program) as tab:
        for (width, phone), page in itertools.product(WIDTHS.items(), pages):
            name = page.relative_to(PAGES).with_suffix("")
            await tab.resize(width, 800, phone)
            await tab.open(page)
            found = await tab.measure()
            await tab.resize(width, min(found["height"], MAX_HEIGHT), phone)
            await tab.shoot(SCREENSHOTS / str(width) / f"{'-'.join(name.parts)}.png")
            if found["scroll"] > found["width"] or found["wide"]:
                too_wide += 1
                print(f"{width} px, {name}: is {found['scroll']} px wide", *found["wide"], sep="\n    ")
    print(f"{len(pages)} pages in {SCREENSHOTS}; {too_wide} screenshots are of pages that are too wide")
    return too_wide


def main() -> None:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit(f"No browser: none of {', '.join(BROWSERS)} is on PATH. Nothing was looked at.")
    parts = sys.argv[1:]
    pages = [page for page in sorted(PAGES.rglob("*.html")) if not parts or any(part in str(page) for part in parts)]
    if not pages:
        sys.exit(f"No pages in {PAGES}: run 'make docs' first.")
    sys.exit(1 if asyncio.run(look(program, pages)) else 0)


if __name__ == "__main__":
    main()
