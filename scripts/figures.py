# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Draw the figures of README and of the guides into ``docs/images/``; ``python scripts/figures.py``.

Each figure is 480 units wide, so that its letters can be read on a phone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
WIDTH = 480
HEADER = """<!--
Copyright (c) 2026, the tencentcloud.clb contributors
GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
Drawn by scripts/figures.py.
-->
"""
INK, SOFT, LINE = "#1f2933", "#52606d", "#9aa5b1"
BLUE, GREEN, GREY, AMBER, WHITE = "#cfe3fb", "#c8ecd2", "#e4e7eb", "#fde9b8", "#ffffff"


class Figure:
    """The elements of one figure, added from back to front."""

    def __init__(self, title: str, height: int) -> None:
        self.title = title
        self.height = height
        self.parts = [f'<rect width="{WIDTH}" height="{height}" fill="{WHITE}"/>']

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: int = 15,
        color: str = INK,
        anchor: str = "start",
        bold: bool = False,
    ) -> None:
        """Write one line; ``y`` is its base line."""
        weight = ' font-weight="600"' if bold else ""
        style = f'font-size="{size}" fill="{color}" text-anchor="{anchor}"{weight}'
        self.parts.append(f'<text x="{x:g}" y="{y:g}" {style}>{escape(words)}</text>')

    def box(
        self, x: float, y: float, width: float, height: float, fill: str, *lines: str, dashed: bool = False
    ) -> None:
        """Draw a box with lines in its middle; the first is bold if there are several."""
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill="{fill}"'
            f' stroke="{LINE}"{dash}/>'
        )
        begin = y + height / 2 + 5 - 9 * (len(lines) - 1)
        for number, words in enumerate(lines):
            bold = len(lines) > 1 and not number
            self.text(x + width / 2, begin + 18 * number, words, 15 if bold else 14, anchor="middle", bold=bold)

    def line(self, x1: float, y1: float, x2: float, y2: float, dashed: bool = False, width: float = 1.5) -> None:
        """Draw a line."""
        dash = ' stroke-dasharray="4 4"' if dashed else ""
        self.parts.append(
            f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{SOFT}" stroke-width="{width:g}"{dash}/>'
        )

    def svg(self) -> str:
        """Return the file's text."""
        begin = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}"'
            f' height="{self.height}" role="img" font-family="Helvetica, Arial, sans-serif">\n'
        )
        return HEADER + begin + "\n".join([f"<title>{escape(self.title)}</title>", *self.parts, "</svg>\n"])


def load_balancer() -> Figure:
    """A load balancer, its listeners and rules, and their targets."""
    figure = Figure("A load balancer with a listener, a rule and their targets", 376)
    figure.text(240, 24, "clients", 15, SOFT, "middle")
    figure.line(240, 32, 240, 50)
    figure.box(150, 50, 180, 48, BLUE, "lb-demo", "load balancer")
    columns = [(16, "TCP:443", "listener, layer 4"), (252, "HTTP:80", "listener, layer 7")]
    for x, name, kind in columns:
        figure.line(240, 98, x + 106, 126)
        figure.box(x, 126, 212, 48, BLUE, name, kind)
    figure.line(358, 174, 358, 192)
    figure.box(252, 192, 212, 48, BLUE, "shop.example.com/", "rule")
    figure.line(122, 174, 122, 240)
    for x, ports in ((16, "8443"), (252, "8080")):
        targets = [("web-1", "0", GREY), ("web-2", "10", GREEN), ("web-3", "10", GREEN)]
        for number, (name, weight, fill) in enumerate(targets):
            left = x + number * 72
            figure.line(x + 106, 240, left + 34, 262, dashed=weight == "0")
            figure.box(left, 262, 68, 66, fill, name, f":{ports}", f"weight {weight}", dashed=weight == "0")
    figure.text(16, 356, "Green gets traffic. Grey is drained: bound, but with weight 0.", 15, SOFT)
    return figure


def order() -> Figure:
    """The order of gains, health and losses, as who gets traffic over time."""
    figure = Figure("First gains, then health, then losses", 366)
    left, right = 92, 464
    stages = [("1", "gains", "bind green"), ("2", "health", "checks pass"), ("3", "losses", "unbind blue")]
    step = (right - left) / 3
    for number, (count, stage, what) in enumerate(stages):
        x = left + step * number
        figure.box(x + 3, 14, step - 6, 62, WHITE, f"{count}. {stage}", what)
    for number in (1, 2):
        figure.line(left + step * number, 82, left + step * number, 270, dashed=True, width=1)
    rows = [
        ("blue-1", BLUE, 0.0, 2.5),
        ("blue-2", BLUE, 0.0, 2.5),
        ("green-1", GREEN, 1.6, 3.0),
        ("green-2", GREEN, 1.8, 3.0),
    ]
    for number, (name, fill, begin, end) in enumerate(rows):
        y = 96 + 44 * number
        figure.text(12, y + 21, name, 15)
        if fill == GREEN:
            figure.box(left + step * 0.5, y, step * (begin - 0.5), 32, WHITE, "bound", dashed=True)
        figure.box(left + step * begin, y, step * (end - begin), 32, fill, "gets traffic")
    figure.text(12, 300, "in traffic", 15)
    counts = [(0.0, 1.6, "2"), (1.6, 1.8, "3"), (1.8, 2.5, "4"), (2.5, 3.0, "2")]
    for begin, end, count in counts:
        figure.text(left + step * (begin + end) / 2, 300, count, 16, anchor="middle", bold=True)
    figure.text(12, 332, "Never fewer than before. If green does not become healthy,", 15, SOFT)
    figure.text(12, 352, "step 3 is not done: blue stays.", 15, SOFT)
    return figure


def rolling() -> Figure:
    """A rolling run over six hosts in three batches."""
    figure = Figure("A rolling update, two hosts at a time", 394)
    left, step = 70, 131
    for number in range(3):
        figure.text(left + step * (number + 0.5), 26, f"batch {number + 1}", 15, anchor="middle", bold=True)
    for host in range(6):
        y = 40 + 44 * host
        figure.text(12, y + 21, f"web-{host + 1}", 15)
        for number in range(3):
            x, width = left + step * number, step - 5
            if number != host // 2:
                figure.box(
                    x, y, width, 32, GREEN if number > host // 2 else BLUE, "new" if number > host // 2 else "old"
                )
            else:
                figure.box(x, y, 33, 32, GREY, "out", dashed=True)
                figure.box(x + 33, y, width - 73, 32, AMBER, "update")
                figure.box(x + width - 40, y, 40, 32, GREY, "back", dashed=True)
    legend = [(BLUE, "in traffic, old version"), (GREEN, "in traffic, new version")]
    for number, (fill, words) in enumerate(legend):
        figure.box(12 + 234 * number, 312, 22, 18, fill)
        figure.text(42 + 234 * number, 326, words, 15, SOFT)
    figure.text(12, 356, "Two of six hosts are out at a time. A host comes back with its", 15, SOFT)
    figure.text(12, 376, "former weight, and the next batch waits until it is healthy.", 15, SOFT)
    return figure


def loop() -> Figure:
    """Seconds of one task and of a loop, as the page of measurements has them."""
    page = (FOLDER.parent / "benchmark.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (one task|a loop), .*? \| ([\d.]+) s \|.*?\| ([\d.]+) s \|", page, flags=re.MULTILINE)
    seconds = {who: [float(first), float(again)] for who, first, again in rows}
    longest = max(seconds["a loop"])
    figure = Figure("One task against a loop: seconds", 196)
    for run, name in enumerate(("first run", "run again")):
        figure.text(12, 24 + 94 * run, name, 15, bold=True)
        for bar, (who, fill) in enumerate((("one task", BLUE), ("a loop", GREY))):
            y, value = 34 + 94 * run + 30 * bar, seconds[who][run]
            width = max(3, 290 * value / longest)
            figure.text(12, y + 17, who, 15, SOFT)
            figure.box(90, y, width, 24, fill)
            figure.text(98 + width, y + 17, f"{value:g} s", 15)
    return figure


FIGURES: tuple[Callable[[], Figure], ...] = (load_balancer, order, rolling, loop)


def main() -> None:
    """Write every figure to its file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for draw in FIGURES:
        (FOLDER / f"{draw.__name__}.svg").write_text(draw().svg(), encoding="utf-8")


if __name__ == "__main__":
    main()
