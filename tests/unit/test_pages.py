# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages name exists: files, functions, variables, waits, messages, links; ``ansible-doc`` speaks plainly."""

from __future__ import annotations

import ast
import importlib.util
import re
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.tencentcloud.clb.plugins.module_utils._base import pace

ROOT = Path(__file__).parents[2]
RST = ROOT / "docs" / "docsite" / "rst"

if not (ROOT / "docs" / "development.md").exists():
    pytest.skip("the pages are not in this copy of the work tree", allow_module_level=True)

TEXT = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
CODE = sorted(set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL))))
PICTURE = TEXT.split("```mermaid")[1].split("```")[0]
MODULE_UTILS = ROOT / "plugins" / "module_utils"
PLACES = (MODULE_UTILS, ROOT / "plugins", ROOT, RST, MODULE_UTILS / "_credentials")
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "plugins").rglob("*.py")))


def is_known(word: str) -> bool:
    return re.search(rf"\b{word}\b", SOURCES) is not None


def is_module(name: str) -> bool:
    return (MODULE_UTILS / name).is_dir() or (MODULE_UTILS / name).with_suffix(".py").is_file()


def is_defined(part: str) -> bool:
    return re.search(rf"\b(class|def) {part}\b|^{part}\b", SOURCES, flags=re.MULTILINE) is not None


def test_the_page_on_the_code_names_what_exists() -> None:
    kinds = {
        r"[\w./]+\.(py|rst)": lambda name: any((place / name).is_file() for place in PLACES),
        r"_\w+(/\w+)?/?": lambda name: is_module(name) or is_known(name),
        r"(?=.*[A-Z])[A-Za-z][\w.]*": lambda name: all(map(is_defined, name.split("."))),
        r"[a-z]+(_[a-z]+)+": is_known,
    }
    for pattern, exists in kinds.items():
        named = [code for code in CODE if re.fullmatch(pattern, code)]
        assert [name for name in named if not exists(name)] == []
        assert named


def test_picture_has_every_module() -> None:
    modules = [path.stem for path in (ROOT / "plugins").glob("*_utils/**/*.py") if path.stem != "__init__"]
    assert [name for name in modules if not re.search(rf"\b{name}\b", PICTURE)] == []


NAME = re.compile(r'"((?:TENCENTCLOUD|TCCLI|TKE)_[A-Z_]*[A-Z]|[A-Z]+_CA_BUNDLE)"')


def test_page_on_the_environment_describes_what_the_code_reads() -> None:
    page = (RST / "guide_environment.rst").read_text(encoding="utf-8")
    described = set(re.findall(r"^\.\. envvar:: (\S+)$", page, flags=re.MULTILINE))
    read = {name for source in MODULE_UTILS.rglob("*.py") for name in NAME.findall(source.read_text(encoding="utf-8"))}
    assert read == described
    config = yaml.safe_load((RST.parent / "config.yml").read_text(encoding="utf-8"))
    assert sorted(config["envvar_directives"]) == sorted(described)
    folders = (ROOT / "plugins" / "doc_fragments", ROOT / "plugins" / "modules")
    texts = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.glob("*.py"))
    assert set(re.findall(r"E\((\w+)\)", texts)) == described


def waits() -> str:
    """Return the guide's table of waits, as ``pace`` makes it."""
    rows = [HEAD]
    for wait in vars(pace).values():
        if isinstance(wait, pace.Waits):
            first = f"{wait.first:g}" if wait.least is None else f"{wait.least:g} to {wait.first:g} at random"
            growing = f", then \N{MULTIPLICATION SIGN}{wait.growth:g}, up to {wait.maximum:g}"
            cells = (wait.situation, first + (" each time" if wait.growth == 1 else growing), wait.gives_up)
            rows.append("   * - " + "\n     - ".join(cells) + "\n")
    return "".join(rows)


HEAD = """\
.. list-table:: Waits, in seconds
   :header-rows: 1
   :class: clb-whole-names
   :widths: 36 24 40

   * - situation
     - waits
     - gives up
"""


def test_the_guide_has_the_table_of_waits() -> None:
    page = (RST / "guide_operating.rst").read_text(encoding="utf-8")
    assert waits() in page, f"put this table into guide_operating.rst:\n{waits()}"


EDIT = "https://github.com/ansible-collections/tencentcloud.clb/edit/main/"


# Where Ansible's importer of collections is in place, as under ansible-test, runpy takes any file for a package.
spec = importlib.util.spec_from_file_location("conf", ROOT / "scripts" / "sphinx" / "conf.py")
conf = importlib.util.module_from_spec(spec)
spec.loader.exec_module(conf)


def link(page: str, meta: dict[str, Any] | None = None) -> str | None:
    context: dict[str, Any] = {"meta": meta}
    conf.add_edit_link(None, page, "page.html", context, None)
    return (context["meta"] or {}).get("github_url")


def test_pages_written_by_hand_link_to_their_file() -> None:
    for page in ("index", *(f"docsite/{path.stem}" for path in RST.glob("*.rst"))):
        url = link(page) or ""
        assert url.startswith(EDIT)
        assert (ROOT / url.removeprefix(EDIT)).is_file()
    assert [link(page) for page in ("changelog", "environment_variables", "search")] == [None] * 3
    url = f"{EDIT}plugins/modules/targets.py"
    assert link("targets_module", {"github_url": f"{url}?description=%23"}) == url, "a plugin's page loses the query"


PAGES = [ROOT / "README.md", *sorted(RST.glob("*.rst"))]
VALUE = "\0"
ANSIBLE = re.compile(r"Task failed: \w+ failed: |Failed to parse inventory with 'auto' plugin: ")
"""What Ansible itself writes before a message."""
RUN = 3
"""Words in a row that the code must have for a quoted word to count as known."""
PLAIN = re.compile(r"[A-Za-z][a-z']+[.,:;]?$")
MOST_UNKNOWN = 3
"""Plain words in a row that a quoted message may have beside the code's: words of the cloud, names, numbers."""


@cache
def known_runs() -> frozenset[tuple[str, ...]]:
    """Return every few words in a row that a string of the code has; a value in it is a word of its own."""
    runs: set[tuple[str, ...]] = set()
    sources = {*(ROOT / "plugins").rglob("*.py"), *(ROOT / "tests").rglob("*.py")}
    for source in sources - {Path(__file__)}:
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
    plain = [None if known or not PLAIN.match(word) else word for word, known in zip(found, explained, strict=True)]
    return max(([*filter(None, row)] for _, row in groupby(plain, bool)), key=len, default=[])


def playbooks_of(page: Path) -> str:
    """Return the YAML that a page shows, without line breaks."""
    text = page.read_text(encoding="utf-8")
    return " ".join(" ".join(re.findall(r"^\.\. code-block:: yaml\n\n((?:    .*\n|\n)+)", text, re.MULTILINE)).split())


def quoted(page: Path) -> list[str]:
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


MOST_WORDS = 30
FOLDERS = ("doc_fragments", "filter", "inventory", "modules")
PLUGINS = [path for folder in FOLDERS for path in sorted((ROOT / "plugins" / folder).glob("*.py"))]
FILES = [path for path in PLUGINS if "DOCUMENTATION" in path.read_text(encoding="utf-8")]
FILES += (ROOT / "roles").glob("*/meta/argument_specs.yml")


def texts(item: Any) -> list[str]:
    if isinstance(item, list):
        return [text for one in item for text in texts(one)]
    if not isinstance(item, dict):
        return []
    found = []
    for key, value in item.items():
        if key in ("description", "short_description", "notes", "details") and isinstance(value, (str, list)):
            found += [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
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
