# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Settings with which scripts/docs.py has Sphinx render the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parent.parent.parent

project = "tencentcloud.clb"
copyright = "the tencentcloud.clb contributors"  # noqa: A001 - the name that Sphinx reads

title = html_title = html_short_title = "Tencent Cloud CLB collection"

extensions = ["sphinx_antsibull_ext"]
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
default_role = "any"

html_theme = "sphinx_ansible_theme"
html_static_path = ["static"]
html_css_files = ["clb.css"]
html_show_sphinx = False
html_use_smartypants = True
html_use_modindex = False
html_use_index = False
html_copy_source = False

# Labels of Ansible's own documentation can't be looked up without a network; they are shown as plain text.
suppress_warnings = ["ref.ref"]


def setup(app: Sphinx) -> None:
    """Connect what this project adds to Sphinx."""
    app.connect("html-page-context", add_edit_link)


def add_edit_link(_app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Say where a page is edited: antsibull-docs knows it of plugins only, and adds a query that typography breaks."""
    edit = yaml.safe_load((ROOT / "docs" / "docsite" / "links.yml").read_text(encoding="utf-8"))["edit_on_github"]
    place = (
        "docs/docsite/extra-docs.yml" if page == "index" else f"docs/docsite/rst/{page.removeprefix('docsite/')}.rst"
    )
    meta = context.get("meta") or {}
    if url := meta.get("github_url"):
        context["meta"] = {**meta, "github_url": url.partition("?")[0]}
    elif (ROOT / place).exists():
        url = f"https://github.com/{edit['repository']}/edit/{edit['branch']}/{place}"
        context["meta"] = {**meta, "github_url": url}
