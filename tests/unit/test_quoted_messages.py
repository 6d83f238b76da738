# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages and names of tasks that README and the guides quote are those of the code."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    path for path in (ROOT / "README.md", *sorted((ROOT / "docs" / "docsite" / "rst").glob("*.rst"))) if path.exists()
]
VALUE = "\0"
ANSIBLE = re.compile(r"Task failed: \w+ failed: |Failed to parse inventory with 'auto' plugin: ")
"""What Ansible itself writes before a message."""
RUN = 3
"""Words in a row that the code must have for a quoted word to count as known."""
PLAIN = re.compile(r"[A-Za-z][a-z']+[.,:;]?$")
MOST_UNKNOWN = 3
"""Plain words in a row that a quoted message may have beside the code's: words of the cloud, names, numbers."""

if not PAGES:
    pytest.skip("the pages are not in this copy of the work tree", allow_module_level=True)


@cache
def known_runs() -> frozenset[tuple[str, ...]]:
    """Return every few words in a row that a string of the code has; a value in it is a word of its own."""
    runs: set[tuple[str, ...]] = set()
    sources = [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    for source in sources:
        if source == Path(__file__):
            continue
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else VALUE for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value
            else:
                continue
            found = text.split()
            runs.update(tuple(found[start : start + RUN]) for start in range(max(1, len(found) - RUN + 1)))
    return frozenset(runs)


def unknown(message: str) -> list[str]:
    """Return the longest row of plain words in a message that no string of the code explains."""
    found = ANSIBLE.sub("", message).split()
    explained = [False] * len(found)
    for start in range(len(found) - RUN + 1):
        if tuple(found[start : start + RUN]) in known_runs():
            explained[start : start + RUN] = [True] * RUN
    rows: list[list[str]] = [[]]
    for word, is_explained in zip(found, explained, strict=True):
        if is_explained or not PLAIN.match(word):
            rows.append([])
        else:
            rows[-1].append(word)
    return max(rows, key=len)


def playbooks_of(page: Path) -> str:
    """Return the YAML that a page shows, without line breaks."""
    text = page.read_text(encoding="utf-8")
    return " ".join(" ".join(re.findall(r"^\.\. code-block:: yaml\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)).split())


def quoted(page: Path) -> list[str]:
    """Return the messages that a page quotes."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^\.\. code-block:: text\n\n((?:    .*\n|\n)+)", text, flags=re.MULTILINE)
    blocks += re.findall(r"^ *\[(?:ERROR|WARNING)\]: ((?:.+\n?)+)", text, flags=re.MULTILINE)
    return blocks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_messages_are_those_of_the_code(page: Path) -> None:
    found = {message: unknown(message) for message in quoted(page)}
    strange = [(row, message) for message, row in found.items() if len(row) > MOST_UNKNOWN]

    assert [(row, message) for row, message in strange if " ".join(row) not in playbooks_of(page)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_names_of_tasks_are_those_of_playbooks_and_of_the_page(page: Path) -> None:
    places = [*(ROOT / "playbooks").rglob("*.yml"), *(ROOT / "roles").rglob("*.yml"), *PAGES]
    places += (ROOT / "tests" / "integration").glob("*.py")
    text = "\n".join(place.read_text(encoding="utf-8") for place in places)
    shown = re.findall(r"^ *TASK \[(?:[\w.]+ : )?(.+?)\] \**$", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted({name for name in shown if not re.search(rf'name"?: "?{re.escape(name)}', text)}) == []
