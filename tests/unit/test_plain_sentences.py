# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``ansible-doc`` shows is written in short sentences."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MOST_WORDS = 30
FOLDERS = ("doc_fragments", "filter", "inventory", "modules")
PLUGINS = [path for folder in FOLDERS for path in sorted((ROOT / "plugins" / folder).glob("*.py"))]
FILES = [path for path in PLUGINS if "DOCUMENTATION" in path.read_text(encoding="utf-8")]
FILES += (ROOT / "roles").glob("*/meta/argument_specs.yml")


def texts(item: Any) -> list[str]:
    """Return all descriptions, notes and details, however deep."""
    if isinstance(item, list):
        return [text for one in item for text in texts(one)]
    if not isinstance(item, dict):
        return []
    found = []
    for key, value in item.items():
        if key in ("description", "short_description", "notes", "details") and isinstance(value, (str, list)):
            found += [value] if isinstance(value, str) else [text for text in value if isinstance(text, str)]
        elif key not in ("sample", "default", "choices"):
            found += texts(value)
    return found


def documentation(path: Path) -> list[str]:
    """Return the texts of one plugin's or role's documentation."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".yml":
        return texts(yaml.safe_load(source))
    constants = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assign)]
    values = [node.value for node in constants if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for value in values if "description:" in value for text in texts(yaml.safe_load(value))]


def sentences(text: str) -> list[str]:
    """Split a text; a markup such as ``O(targets[].port)`` is one word."""
    plain = re.sub(r"\b[A-Z]+\(([^)]*)\)", lambda markup: re.sub(r"[\s.]", "_", markup[1]), text)
    return re.split(r"(?<=[.!?])\s+", plain)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_are_short(path: Path) -> None:
    described = documentation(path)

    assert described
    assert [one for text in described for one in sentences(text) if len(one.split()) > MOST_WORDS] == []
