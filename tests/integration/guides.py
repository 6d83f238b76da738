# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The blocks of code that the guides of the documentation show."""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

from .checkout import ROOT

FOLDER = ROOT / "docs" / "docsite" / "rst"


class Block(NamedTuple):
    """One block of code: the heading above it, its language, its text."""

    heading: str
    language: str
    text: str


def blocks(guide: str, language: str | None = None) -> list[Block]:
    """Return the blocks of a guide in their order, of one language or all."""
    lines = (FOLDER / f"guide_{guide}.rst").read_text(encoding="utf-8").splitlines()
    found, heading = [], ""
    for number, line in enumerate(lines):
        if re.fullmatch(r"(-{3,}|={3,}|~{3,})", line):
            heading = lines[number - 1]
        elif match := re.fullmatch(r"\.\. code-block:: (\S+)", line):
            end = number + 1
            while end < len(lines) and (not lines[end] or lines[end].startswith("    ")):
                end += 1
            text = textwrap.dedent("\n".join(lines[number + 1 : end])).strip("\n") + "\n"
            found.append(Block(heading, match.group(1), text))
    return [block for block in found if language in (None, block.language)]


def under(guide: str, heading: str, language: str) -> list[str]:
    """Return the texts of the blocks of a language below a heading."""
    return [block.text for block in blocks(guide, language) if block.heading == heading]


def shown(block: str) -> list[str]:
    """Return the lines of output in a block: without commands, and without what stands for more output."""
    return [line for line in block.splitlines() if line.strip() not in ("", "...") and not line.startswith("$ ")]
