# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results as a snapshot in SVG, readable on light and dark pages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measures import Results

WIDTH, LEFT, RIGHT = 860, 180, 150
ROW = 26
SIZE = 'xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.quiet { fill: #57606a }
.axis { stroke: #d0d7de; stroke-width: 1 }
.ours { fill: #0969da } .cloud { fill: #9ec9f5 } .base { fill: #8c959f }
.line { stroke: #0969da; stroke-width: 2; fill: none }
.reference { stroke: #8c959f; stroke-dasharray: 4 4; fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .quiet { fill: #8d96a0 } .axis { stroke: #3d444d }
  .ours { fill: #4493f8 } .cloud { fill: #1f4b80 } .line { stroke: #4493f8 }
}
"""


class Canvas:
    """Elements, and how far down they reach."""

    def __init__(self) -> None:
        self.elements: list[str] = []
        self.y = 0.0

    def text(self, x: float, y: float, words: str, style: str = "", anchor: str = "start") -> None:
        self.elements.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="{style}" text-anchor="{anchor}">{escape(words)}</text>'
        )

    def title(self, words: str, quiet: str) -> None:
        self.y += 34
        self.text(16, self.y, words, "title")
        self.text(16, self.y + 19, quiet, "quiet")
        self.y += 32

    def bar(self, label: str, parts: Sequence[tuple[float, str]], scale: float, told: str) -> None:
        """Draw one row: parts are amounts and styles, side by side; ``scale`` is pixels for 1."""
        self.text(LEFT - 10, self.y + 15, label, anchor="end")
        x = float(LEFT)
        for amount, style in parts:
            width = max(amount * scale, 1.0)
            self.elements.append(
                f'<rect x="{x:.1f}" y="{self.y + 2:.1f}" width="{width:.1f}" height="{ROW - 8}" class="{style}"/>'
            )
            x += width
        self.text(x + 6, self.y + 15, told)
        self.y += ROW

    def line(self, points: Sequence[tuple[float, float]], style: str) -> None:
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.elements.append(f'<polyline points="{places}" class="{style}"/>')

    def legend(self, entries: Sequence[tuple[str, str]]) -> None:
        x = float(LEFT)
        for style, words in entries:
            self.elements.append(f'<rect x="{x:.1f}" y="{self.y + 4:.1f}" width="11" height="11" class="{style}"/>')
            self.text(x + 16, self.y + 14, words, "quiet")
            x += 34 + 7 * len(words)
        self.y += ROW

    def render(self, title: str) -> str:
        height = math.ceil(self.y + 16)
        return "\n".join(
            [
                f'<svg {SIZE.format(width=WIDTH, height=height)} role="img">',
                f"<title>{escape(title)}</title>",
                f"<style>{STYLE}</style>",
                *self.elements,
                "</svg>\n",
            ]
        )


def draw(results: Results) -> str:
    """Return the snapshot."""
    canvas = Canvas()
    _against(canvas, results)
    _added(canvas, results)
    _planning(canvas, results)
    return canvas.render("Measurements of tencentcloud.clb on the emulator")


def _scale(maximum: float) -> float:
    return (WIDTH - LEFT - RIGHT) / maximum


def _against(canvas: Canvas, results: Results) -> None:
    one = results.against
    canvas.title(
        f"{one.shape.targets:,} targets on {one.shape.listeners} listeners: one task, and a loop of RegisterTargets",
        "seconds",
    )
    scale = _scale(one.loop.seconds)
    rows = (
        ("one task", one.ours, "ours"),
        ("loop", one.loop, "base"),
        ("one task, run again", one.ours_again, "ours"),
        ("loop, run again", one.loop_again, "base"),
    )
    for label, timed, style in rows:
        told = f"{timed.seconds:.1f} s, {timed.calls} calls" if timed.calls != 1 else f"{timed.seconds:.1f} s, 1 call"
        canvas.bar(label, [(timed.seconds, style)], scale, told)


def _added(canvas: Canvas, results: Results) -> None:
    canvas.title("A task beside ping", "seconds, medians")
    scale = _scale(max(one.seconds for one in results.added))
    ping = results.added[0].ping
    canvas.bar("ansible.builtin.ping", [(ping, "base")], scale, f"{ping:.2f} s")
    for one in results.added:
        parts = [(one.ping, "base"), (max(one.added, 0.0), "ours"), (one.cloud, "cloud")]
        canvas.bar(f"{one.targets:,} {one.what}", parts, scale, f"{one.seconds:.2f} s, adds {one.added:.2f} s")
    canvas.legend(
        (("base", "as much as ping"), ("ours", "added by the module"), ("cloud", "the cloud's tasks and answers"))
    )


def _planning(canvas: Canvas, results: Results) -> None:
    canvas.title("Planning", "CPU seconds by number of bindings, both axes logarithmic; dashed: linear growth")
    points = sorted(results.planning.items())
    (first, low), (last, _) = points[0], points[-1]
    top, height = canvas.y + 14, 150.0
    decades = math.log10(last / first)
    floor, ceiling = math.floor(math.log10(low)), math.ceil(math.log10(max(seconds for _, seconds in points)))

    def place(bindings: float, seconds: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * math.log10(bindings / first) / decades
        return x, top + height * (ceiling - math.log10(seconds)) / (ceiling - floor)

    for power in range(floor, ceiling + 1):
        _, y = place(first, 10.0**power)
        canvas.line([(LEFT, y), (WIDTH - RIGHT, y)], "axis")
        canvas.text(LEFT - 10, y + 4, f"{10.0**power:g} s", "quiet", anchor="end")
    canvas.line([place(first, low), place(last, low * last / first)], "reference")
    canvas.line([place(*point) for point in points], "line")
    for bindings, seconds in points:
        x, y = place(bindings, seconds)
        canvas.elements.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="ours"/>')
        canvas.text(x, y - 10, f"{seconds:.2g} s", anchor="middle")
        canvas.text(x, top + height + 20, f"{bindings:,}", "quiet", anchor="middle")
    canvas.y = top + height + 24
