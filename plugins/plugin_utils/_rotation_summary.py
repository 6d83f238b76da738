# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rolling update has done, in a few lines. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._rotation import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._rotation_steps import State


def summarize(names: Sequence[str], state: State, restore_file: str, *, dry: bool) -> list[str]:
    """Sum up a run.

    :param state: what it knows of them.
    """
    back, batches = state.seconds, len(set(state.batches.values()))
    what = "would be updated" if dry else "updated and back in traffic"
    lines = [f"{len(back)} of {len(names)} hosts {what}, in {batches} batch{'' if batches == 1 else 'es'}."]
    if back and not dry:
        slowest = max(back, key=lambda name: back[name])
        mean = sum(back.values()) / len(back)
        lines.append(f"Out of traffic: {mean:.0f} s on average, {back[slowest]:.0f} s at most ({slowest}).")
    if state.out:
        lines.append(f"Still out of traffic: {listed(state.out)}. Their weights are in {restore_file}.")
    rest = [name for name in names if name not in back and name not in state.out]
    if rest:
        lines.append(f"Not touched: {listed(rest)}.")
    if len(back) < len(names):
        lines.append("Remove the cause and run the same command again.")
    return lines
