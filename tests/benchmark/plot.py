# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The results as pictures in SVG, readable on light and dark pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pygal
from pygal.style import Style
from report import LICENCE

if TYPE_CHECKING:
    from measures import Results

OURS, CLOUD, BASE = "#0969da", "#7fb3f0", "#8c959f"
# Drawn on nothing, in greys that show on white and on black.
_LINES = ("foreground", "foreground_strong", "foreground_subtle", "guide_stroke_color", "major_guide_stroke_color")
_GREY = dict.fromkeys(_LINES, "#6e7781")
_CLEAR = dict.fromkeys(("background", "plot_background"), "transparent")
_DOTTED = dict.fromkeys(("guide_stroke_dasharray", "major_guide_stroke_dasharray"), "1, 6")
_FONT = {"label_font_size": 12, "font_family": "system-ui, sans-serif"}
CONFIG = {
    "width": 860, "margin": 16, "margin_right": 60, "js": (), "disable_xml_declaration": True,
    "legend_at_bottom": True, "truncate_label": -1, "truncate_legend": -1,
}  # fmt: skip


def style(*colors: str) -> Style:
    return Style(**_GREY, **_CLEAR, **_DOTTED, **_FONT, opacity=1, colors=colors)


def draw(results: Results) -> dict[str, str]:
    """Return the pictures: what each shows, as part of a file's name -> SVG."""
    charts = {"loop": _against(results), "ping": _added(results), "planning": _planning(results)}
    return {name: f"{LICENCE}-->\n{chart.render(is_unicode=True)}\n" for name, chart in charts.items()}


def _against(results: Results) -> Any:
    one = results.against
    title = f"{one.shape.targets:,} targets on {one.shape.listeners} listeners: seconds"
    chart = pygal.HorizontalBar(title=title, height=260, style=style(OURS, BASE), **CONFIG)
    rows = (("run again", one.ours_again, one.loop_again), ("first run", one.ours, one.loop))
    chart.x_labels = [f"{label}: {ours.seconds:.1f} s, {loop.seconds:.1f} s" for label, ours, loop in rows]
    chart.add("one task", [ours.seconds for _, ours, _ in rows])
    chart.add("loop of RegisterTargets", [loop.seconds for _, _, loop in rows])
    return chart


def _added(results: Results) -> Any:
    rows = results.added[::-1]
    look = {"height": 120 + 36 * len(rows), "style": style(BASE, OURS, CLOUD), **CONFIG}
    chart = pygal.HorizontalStackedBar(title="A task beside ping: seconds, medians", **look)
    chart.x_labels = [f"{row.targets:,} {row.what}: {row.seconds:.2f} s, adds {row.added:.2f} s" for row in rows]
    chart.add("as much as ping", [row.ping for row in rows])
    chart.add("added by the module", [max(row.added, 0.0) for row in rows])
    chart.add("the cloud's", [row.cloud for row in rows])
    return chart


def _planning(results: Results) -> Any:
    points = sorted(results.planning.items())
    first, low = points[0]
    look = {"height": 340, "style": style(OURS, BASE), "stroke_style": {"width": 2}, **CONFIG}
    chart = pygal.Line(title="Planning: CPU seconds by number of bindings", logarithmic=True, **look)
    chart.x_labels = [f"{bindings:,}: {seconds:.2g} s" for bindings, seconds in points]
    chart.y_labels = [0.001, 0.01, 0.1, 1, 10]
    chart.add("planning", [seconds for _, seconds in points])
    linear = [low * bindings / first for bindings, _ in points]
    chart.add("linear growth", linear, stroke_style={"width": 2, "dasharray": "4, 4"}, show_dots=False)
    return chart
