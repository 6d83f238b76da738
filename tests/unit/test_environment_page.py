# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page on environment variables has every one that the plugins read, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCSITE = ROOT / "docs" / "docsite"
PAGE = DOCSITE / "rst" / "guide_environment.rst"
NAME = re.compile(r'"((?:TENCENTCLOUD|TCCLI|TKE)_[A-Z_]*[A-Z]|[A-Z]+_CA_BUNDLE)"')

if not PAGE.exists():
    pytest.skip("the page is not in this copy of the work tree", allow_module_level=True)

DESCRIBED = re.findall(r"^\.\. envvar:: (\S+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_page_describes_what_the_code_reads() -> None:
    sources = sorted((ROOT / "plugins" / "module_utils").rglob("*.py"))
    read = {name for source in sources for name in NAME.findall(source.read_text(encoding="utf-8"))}

    assert read == set(DESCRIBED)


def test_references_lead_to_the_page() -> None:
    config = yaml.safe_load((DOCSITE / "config.yml").read_text(encoding="utf-8"))

    assert sorted(config["envvar_directives"]) == sorted(DESCRIBED)


def test_plugins_document_them_all() -> None:
    folders = (ROOT / "plugins" / "doc_fragments", ROOT / "plugins" / "modules")
    texts = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.glob("*.py"))

    assert set(re.findall(r"E\((\w+)\)", texts)) == set(DESCRIBED)
