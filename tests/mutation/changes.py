# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changes that can be made to a module: one operator, constant, condition or statement each."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Changed = list[tuple[CodeType, CodeType]]  # functions, as they were and as they are
Edit = tuple[str, "Callable[[], None]"]  # words for a change, and the function that makes it in the tree

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
}  # fmt: skip
MAX_WORDS = 60
"""Characters of code in the words for a change."""
FUNCTIONS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    file: Path
    number: int  # among the changes of this file
    line: int
    last_line: int
    source: str  # the text of the line, stripped
    change: str  # in words

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies it however the lines of its file move."""
        return (self.file.name, self.source, self.change)

    def tree(self) -> ast.Module:
        tree = ast.parse(self.file.read_text(encoding="utf-8"))
        _, (_, edit) = list(_sites(tree))[self.number]
        edit()
        return ast.fix_missing_locations(tree)


def mutants_of(file: Path) -> list[Mutant]:
    """Return every change of a file, in the order of its code."""
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    return [
        Mutant(file, number, node.lineno, node.end_lineno or node.lineno, lines[node.lineno - 1].strip(), change)
        for number, (node, (change, _)) in enumerate(_sites(ast.parse(text)))
    ]


def changed_functions(mutant: Mutant) -> Changed | None:
    """Return the functions that a change concerns; None where it concerns what runs at import."""
    text = mutant.file.read_text(encoding="utf-8")
    old, new = (compile(code, str(mutant.file), "exec", dont_inherit=True) for code in (text, mutant.tree()))
    return _changed(old, new)


def _changed(old: CodeType, new: CodeType) -> Changed | None:
    if old.co_flags & inspect.CO_OPTIMIZED:
        return [] if old == new else [(old, new)]
    inner = [[const for const in code.co_consts if isinstance(const, CodeType)] for code in (old, new)]
    # What is left is the module's own code, or that of a class: it runs at import.
    consts = [tuple(const for const in code.co_consts if not isinstance(const, CodeType)) for code in (old, new)]
    own = [code.replace(co_consts=left) for code, left in zip((old, new), consts, strict=True)]
    pairs = [_changed(*pair) for pair in zip(*inner, strict=False)]
    if own[0] != own[1] or len(inner[0]) != len(inner[1]) or None in pairs:
        return None
    return [pair for found in pairs for pair in found or ()]


def _sites(tree: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, Edit]]:
    """Yield each place of a module and one change of it."""
    for node in _code(tree):
        if isinstance(node, ast.stmt):
            yield from ((node, edit) for edit in _statement(node))
        elif isinstance(node, ast.expr):
            yield from ((node, edit) for edit in _expression(node))
        elif isinstance(node, ast.comprehension):
            yield from ((test, _drop(node.ifs, test, "condition")) for test in node.ifs)


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """Walk over everything that runs: no annotations, no docstrings, nothing that only type checkers see."""
    for name, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else [value]:
            unread = name in ("annotation", "returns", "decorator_list")
            if isinstance(child, ast.AST) and not unread and not _only_for_readers(child):
                yield child
                yield from _code(child)


def _only_for_readers(node: ast.AST) -> bool:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _set(node: ast.AST, name: str, value: object, words: str) -> Edit:
    return words, lambda: setattr(node, name, value)


def _drop(nodes: list[ast.expr], node: ast.expr, what: str) -> Edit:
    return f"drop the {what} `{ast.unparse(node)}`", lambda: nodes.remove(node)


def _become(node: ast.stmt, other: ast.stmt, words: str) -> Edit:
    """Let a statement become another one in its place."""

    def edit() -> None:
        where = {name: getattr(node, name) for name in ("lineno", "col_offset", "end_lineno", "end_col_offset")}
        node.__class__ = other.__class__
        node.__dict__ = {**other.__dict__, **where}

    return words, edit


def _statement(node: ast.stmt) -> Iterator[Edit]:
    if isinstance(node, (ast.If, ast.While)):
        yield from _condition(node)
    targets = node.targets if isinstance(node, ast.Assign) else []
    kept = any(isinstance(target, (ast.Attribute, ast.Subscript)) for target in targets)
    call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    if kept or call or isinstance(node, (ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete)):
        yield _become(node, ast.Pass(), f"drop `{_short(node)}`")
    if isinstance(node, ast.Return) and node.value is not None and not _is_nothing(node.value):
        yield _set(node, "value", ast.Constant(None), f"`{_short(node)}` -> `return None`")


def _is_nothing(node: ast.expr) -> bool:
    """Return whether callers mostly take a value for None: False, 0, an empty text or list."""
    empty = isinstance(node, (ast.List, ast.Tuple)) and not node.elts
    return empty or (isinstance(node, ast.Constant) and not node.value) or ast.unparse(node) == "{}"


def _condition(node: ast.If | ast.While | ast.IfExp) -> Iterator[Edit]:
    for value in (False,) if isinstance(node, ast.While) else (True, False):
        if not isinstance(node.test, ast.Constant):
            yield _set(node, "test", ast.Constant(value), f"condition `{_short(node.test)}` -> `{value}`")


def _expression(node: ast.expr) -> Iterator[Edit]:
    words = _short(node)
    if isinstance(node, ast.IfExp):
        yield from _condition(node)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        other = COMPARISONS[type(node.ops[0])]()
        yield f"`{words}`: {type(other).__name__}", lambda: node.ops.__setitem__(0, other)
    elif isinstance(node, ast.BoolOp):
        op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield _set(node, "op", op, f"`{words}`: {type(op).__name__}")
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS and not _is_text(node):
        operator = OPERATORS[type(node.op)]()
        yield _set(node, "op", operator, f"`{words}`: {type(operator).__name__}")
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield _set(node, "operand", ast.UnaryOp(ast.Not(), node.operand), f"`{words}`: without `not`")
    elif isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
        value = not node.value if isinstance(node.value, bool) else node.value + 1
        yield _set(node, "value", value, f"constant `{words}` -> `{value}`")
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
        yield _set(node.func, "id", FUNCTIONS[node.func.id], f"`{words}`: {FUNCTIONS[node.func.id]}")


def _is_text(node: ast.BinOp) -> bool:
    """Return whether texts are put together, as for a message."""
    parts = (node.left, node.right)
    return any(isinstance(part, ast.JoinedStr) or isinstance(getattr(part, "value", 0), str) for part in parts)


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= MAX_WORDS else f"{text[: MAX_WORDS - 3]}..."
