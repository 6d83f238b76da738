# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large a file, a function and a class may be; who may set an attribute, or a length of time; pinned packages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ("plugins", "extensions")
MAX_FILE, MAX_FUNCTION, MAX_METHODS = 400, 50, 15
DOCUMENTATION = ("plugins/modules/", "plugins/inventory/")
"""Files that are documentation mostly: they may be longer."""

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def too_large(name: str, text: str) -> list[str]:
    lines = len(text.splitlines())
    found = [f"{name} has {lines} lines"] if lines > MAX_FILE and not name.startswith(DOCUMENTATION) else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function) and (length := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION:
            found.append(f"{name}: {node.name} has {length} lines")
        if isinstance(node, ast.ClassDef):
            methods = sum(isinstance(item, Function) for item in node.body)
            found += [f"{name}: {node.name} has {methods} methods"] if methods > MAX_METHODS else []
    return found


def set_from_outside(name: str, text: str) -> list[str]:
    return [
        f"{name} sets {ast.unparse(node)}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, (ast.Store, ast.Del))
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    ]


def read(*folders: str) -> dict[str, str]:
    """Return the Python files below these folders, but for links into them and what ansible-test leaves."""
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    names = {file.relative_to(ROOT).as_posix(): file for file in files}
    own = (name for name in names if not name.startswith(("tests/namespace/", "tests/output/")))
    return {name: names[name].read_text(encoding="utf-8") for name in own}


def test_files_functions_and_classes_are_small() -> None:
    files = read(*SHIPPED, "tests", "scripts")
    assert len(files) > 200
    assert [problem for name, text in files.items() for problem in too_large(name, text)] == []


def test_only_its_class_sets_an_attribute_of_an_object() -> None:
    assert [problem for name, text in read(*SHIPPED).items() for problem in set_from_outside(name, text)] == []


LENGTH_OF_TIME = re.compile(r"^\s*_?[A-Z_]*(SECONDS|WAIT|PAUSE|POLL|DELAY)(: \w+)? = [\d(]", re.MULTILINE)


def test_only_pace_has_lengths_of_time() -> None:
    found = [name for name, text in read("plugins").items() if LENGTH_OF_TIME.search(text)]
    assert found == ["plugins/module_utils/_base/pace.py"]


def packages(name: str) -> set[str]:
    """Return the packages that a file names, not those of files that it includes, spelled as in an index."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {re.sub(r"[-_.]+", "-", line).lower() for line in re.findall(r"^[A-Za-z0-9][\w.-]*", text, re.MULTILINE)}


def test_what_is_installed_is_pinned_and_named_everywhere() -> None:
    files = {file.relative_to(ROOT): file.parent / "constraints.txt" for file in (ROOT / "requirements").rglob("*.txt")}
    assert [str(file) for file, pins in files.items() if not packages(str(file)) <= packages(str(pins))] == []
    assert packages("meta/ee-requirements.txt") <= packages("requirements/demo.txt")
    for folder in ("unit", "integration"):
        assert packages(f"tests/{folder}/requirements.txt") <= packages("requirements/constraints.txt")
