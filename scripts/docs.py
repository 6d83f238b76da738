# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Render the documentation of the installed collection to ``.build/docs/html``; any warning is an error."""

from __future__ import annotations

import os
import shutil
import subprocess

from build_collection import BUILD, ROOT, build_and_install

DOCS = BUILD / "docs"


def main() -> None:
    """Run antsibull-docs, then Sphinx."""
    env = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(build_and_install())}
    shutil.rmtree(DOCS, ignore_errors=True)
    sources = DOCS / "rst"
    sources.mkdir(parents=True)
    sources.chmod(0o700)  # antsibull-docs takes no directory that others could write to
    collect = ["antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error"]
    subprocess.run([*collect, "--dest-dir", str(sources), "tencentcloud.clb"], env=env, check=True)
    # The pages name their figures by the paths that lead to them in the repository, from docs/docsite/rst.
    shutil.copytree(ROOT / "docs" / "images", DOCS / "images")
    render = ["sphinx-build", "--fail-on-warning", "--keep-going", "-q", "-c", str(ROOT / "scripts" / "sphinx")]
    subprocess.run([*render, "-b", "html", str(sources), str(DOCS / "html")], env=env, check=True)
    print(f"Rendered to {DOCS / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
