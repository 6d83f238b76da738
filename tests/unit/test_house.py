# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large a file, a function and a class may be, and who may set an attribute of an object."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ("plugins", "extensions")
MAX_FILE, MAX_FUNCTION, MAX_METHODS = 400, 50, 15
DOCUMENTATION = ("plugins/modules/", "plugins/inventory/")
"""Files that are documentation mostly: they may be longer."""

EXCEPTIONS = {"plugins/module_utils/_api/transport.py": ["self._pool.ConnectionCls"]}
"""urllib3 documents this attribute as the place for a class of connections of one's own."""

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def too_large(name: str, text: str) -> list[str]:
    """Return what is too large in a file."""
    found = []
    lines = len(text.splitlines())
    if lines > MAX_FILE and not name.startswith(DOCUMENTATION):
        found.append(f"{name} has {lines} lines")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            length = (node.end_lineno or 0) - node.lineno + 1
            if length > MAX_FUNCTION:
                found.append(f"{name}: {node.name} has {length} lines")
        if isinstance(node, ast.ClassDef):
            methods = sum(isinstance(item, Function) for item in node.body)
            if methods > MAX_METHODS:
                found.append(f"{name}: {node.name} has {methods} methods")
    return found


def set_from_outside(name: str, text: str) -> list[str]:
    """Return where a file sets an attribute of anything but ``self`` and ``cls``."""
    return [
        f"{name}:{node.lineno} sets {ast.unparse(node)}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, (ast.Store, ast.Del))
        and ast.unparse(node) not in EXCEPTIONS.get(name, ())
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    ]


def read(*folders: str) -> dict[str, str]:
    """Return the Python files below these folders, but for links into them."""
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    names = {file.relative_to(ROOT).as_posix(): file for file in files}
    return {name: file.read_text(encoding="utf-8") for name, file in names.items() if "/namespace/" not in name}


def test_files_functions_and_classes_are_small() -> None:
    files = read(*SHIPPED, "tests", "scripts")
    assert len(files) > 200
    assert [problem for name, text in files.items() for problem in too_large(name, text)] == []


def test_only_its_class_sets_an_attribute_of_an_object() -> None:
    assert [problem for name, text in read(*SHIPPED).items() for problem in set_from_outside(name, text)] == []


def test_what_these_checks_find() -> None:
    method = "    def m{}(self):\n        pass\n"
    text = "class Big:\n" + "".join(method.format(number) for number in range(16))
    assert too_large("plugins/x.py", text) == ["plugins/x.py: Big has 16 methods"]
    text = "def long():\n" + "    pass\n" * 400
    assert too_large("x.py", text) == ["x.py has 401 lines", "x.py: long has 401 lines"]
    assert too_large("plugins/modules/x.py", "pass\n" * 401) == []
    text = "self.a = cls.b = 1\nother.a, self.c = 1, 2\nself.x.y += 1\ndel z.a\nfor z.b in c: pass\n"
    assert sorted(line.partition("sets ")[2] for line in set_from_outside("x.py", text)) == [
        "other.a",
        "self.x.y",
        "z.a",
        "z.b",
    ]
