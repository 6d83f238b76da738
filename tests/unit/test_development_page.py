# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page on the code, ``docs/development.md``, names files and functions that exist, and leaves no module out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "development.md"
MODULE_UTILS = ROOT / "plugins" / "module_utils"

if not PAGE.exists():
    pytest.skip("the page is not in this copy of the work tree", allow_module_level=True)

TEXT = PAGE.read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))
PLACES = (MODULE_UTILS, ROOT / "plugins", ROOT, ROOT / "docs" / "docsite" / "rst", MODULE_UTILS / "_credentials")
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "plugins").rglob("*.py")))


@pytest.mark.parametrize("name", sorted({code for code in CODE if re.fullmatch(r"[\w./]+\.(py|rst)", code)}))
def test_files_exist(name: str) -> None:
    assert any((place / name).is_file() for place in PLACES)


@pytest.mark.parametrize("name", sorted({code for code in CODE if re.fullmatch(r"_\w+(/\w+)?/?", code)}))
def test_modules_and_private_names_exist(name: str) -> None:
    module = MODULE_UTILS / name
    assert module.is_dir() or module.with_suffix(".py").is_file() or re.search(rf"\b{name}\b", SOURCES)


@pytest.mark.parametrize("name", sorted({code for code in CODE if re.fullmatch(r"(?=.*[A-Z])[A-Za-z][\w.]*", code)}))
def test_classes_and_methods_exist(name: str) -> None:
    for part in name.split("."):
        assert re.search(rf"\b(class|def) {part}\b|^{part}\b", SOURCES, flags=re.MULTILINE)


@pytest.mark.parametrize("name", sorted({code for code in CODE if re.fullmatch(r"[a-z]+(_[a-z]+)+", code)}))
def test_functions_exist(name: str) -> None:
    assert re.search(rf"\b{name}\b", SOURCES)


@pytest.mark.parametrize(
    "path", sorted(MODULE_UTILS.rglob("*.py")), ids=lambda path: str(path.relative_to(MODULE_UTILS))
)
def test_picture_has_every_module(path: Path) -> None:
    picture = TEXT.split("```mermaid")[1].split("```")[0]
    if path.stem != "__init__":
        assert re.search(rf"\b{path.stem}\b", picture)
