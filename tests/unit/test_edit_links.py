# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each page of the documentation says where it is edited, and that file is there."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CONF = ROOT / "scripts" / "sphinx" / "conf.py"
EDIT = "https://github.com/ansible-collections/tencentcloud.clb/edit/main/"

if not CONF.exists():
    pytest.skip("the settings of Sphinx are not in this copy of the work tree", allow_module_level=True)

GUIDES = sorted(f"docsite/{path.stem}" for path in (ROOT / "docs" / "docsite" / "rst").glob("*.rst"))


def link(page: str, meta: dict[str, Any] | None = None) -> str | None:
    context: dict[str, Any] = {"meta": meta}
    runpy.run_path(str(CONF))["add_edit_link"](None, page, "page.html", context, None)
    found: str | None = (context["meta"] or {}).get("github_url")
    return found


@pytest.mark.parametrize("page", ["index", *GUIDES])
def test_pages_written_by_hand_link_to_their_file(page: str) -> None:
    url = link(page)
    assert url is not None
    assert url.startswith(EDIT)
    assert (ROOT / url.removeprefix(EDIT)).is_file()


def test_pages_of_plugins_keep_their_file_and_lose_the_query() -> None:
    url = f"{EDIT}plugins/modules/targets.py"
    assert link("targets_module", {"github_url": f"{url}?description=%23"}) == url


@pytest.mark.parametrize("page", ["changelog", "environment_variables", "search"])
def test_generated_pages_link_nowhere(page: str) -> None:
    assert link(page) is None
