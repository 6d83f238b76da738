# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A result of ``targets_info`` as a picture: a tree of text, or Mermaid. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible.errors import AnsibleFilterError

Raw = Mapping[str, Any]
SlotKey = tuple[Any, Any]

_MAX_EDGES = 480
_MAX_CHARACTERS = 48_000
"""Mermaid draws no more than 500 edges and 50,000 characters: its settings ``maxEdges`` and ``maxTextSize``."""
_STYLES = {
    "healthy": "fill:#d3f3da,stroke:#1a7f37,color:#0a3618",
    "unhealthy": "fill:#ffd7d5,stroke:#cf222e,color:#5c0d12",
    "drained": "fill:#eaeef2,stroke:#6e7781,color:#424a53,stroke-dasharray:4 3",
    "bound": "fill:#ddf4ff,stroke:#0969da,color:#0a3069",
}
_NEEDED = ("load_balancer_id", "listeners", "targets")


class _Node(NamedTuple):
    """A part of the picture.

    :param lines: what it says; the tree puts them beside each other.
    :param children: what hangs on it.
    :param look: a key of the styles, or empty.
    """

    lines: tuple[str, ...]
    children: tuple[_Node, ...] = ()
    look: str = ""


def draw_tree(result: object, most: int = 0) -> str:
    """Draw a tree of plain text, a line for each listener, rule and backend.

    :param result: of ``targets_info``.
    :param most: how many backends to show of each listener or rule; 0 for all.
    :raises AnsibleFilterError: it is no such result.
    """
    root = _root(_checked(result, most), most or None)
    return "\n".join(["  ".join(root.lines), *_branches(root, "")]) + "\n"


def draw_mermaid(result: object, most: int = 10) -> str:
    """Draw a Mermaid flow chart, as GitHub and others render it.

    :param result: of ``targets_info``.
    :param most: how many backends to show of each listener or rule, 0 for all; fewer where Mermaid could not draw them.
    :raises AnsibleFilterError: it is no such result.
    """
    checked = _checked(result, most)
    if sum(1 + len(listener["rules"]) for listener in checked["listeners"]) > _MAX_EDGES:
        checked = _without_rules(checked)
    most = _that_fit(checked, most or _MAX_EDGES)
    text = _chart(_root(checked, most))
    while len(text) > _MAX_CHARACTERS and most > 0:
        most -= 1 + most // 4
        text = _chart(_root(checked, most))
    return text


def _chart(root: _Node) -> str:
    nodes: list[str] = []
    edges: list[str] = []
    _flow(root, nodes, edges)
    looks = sorted({node.look for node in _all_nodes(root) if node.look})
    styles = [f"  classDef {look} {_STYLES[look]}" for look in looks]
    return "\n".join(["flowchart LR", *nodes, *edges, *styles]) + "\n"


def _without_rules(result: Raw) -> Raw:
    """The listeners alone, where there are too many rules to draw."""
    return {**result, "listeners": [{**one, "rules": []} for one in result["listeners"]]}


def _checked(result: object, most: Any) -> Raw:
    if not isinstance(result, Mapping) or any(key not in result for key in _NEEDED):
        raise AnsibleFilterError(
            f"The filter takes a result of tencentcloud.clb.targets_info, with {', '.join(_NEEDED)}; "
            f"this is a {type(result).__name__} without."
        )
    if not isinstance(most, int) or isinstance(most, bool) or most < 0:
        raise AnsibleFilterError(f"most must be a whole number of at least 0; it is {most!r}.")
    return result


def _that_fit(result: Raw, most: int) -> int:
    """How many backends of each listener or rule can be drawn without there being too many edges."""
    pools = [pool for listener in result["listeners"] for pool in listener["rules"] or [listener]]
    spent = len(result["listeners"]) + sum(len(listener["rules"]) for listener in result["listeners"])
    # One edge of each pool may lead to the node that says how many more there are.
    while most > 0 and spent + sum(min(pool["bound"], most + 1) for pool in pools) > _MAX_EDGES:
        most -= 1
    return most


def _root(result: Raw, most: int | None) -> _Node:
    bound: dict[SlotKey, list[Raw]] = defaultdict(list)
    for target in result["targets"]:
        bound[target["listener_id"], target["location_id"]].append(target)
    listeners = tuple(_listener(listener, bound, most) for listener in result["listeners"])
    return _Node((_plain(result["load_balancer_id"]),), listeners)


def _listener(listener: Raw, bound: Mapping[SlotKey, Sequence[Raw]], most: int | None) -> _Node:
    listener_id = listener["listener_id"]
    ports = f"{listener['port']}-{listener['end_port']}" if listener["end_port"] else str(listener["port"])
    lines = (f"{_plain(listener['protocol'])}:{ports} ({_plain(listener_id)})", _counts(listener))
    if not listener["rules"]:
        return _Node(lines, tuple(_backends(bound.get((listener_id, None), ()), most)))
    rules = (
        _Node(
            (f"{_plain(rule['domain'])}{_plain(rule['url'])} ({_plain(rule['location_id'])})", _counts(rule)),
            tuple(_backends(bound.get((listener_id, rule["location_id"]), ()), most)),
        )
        for rule in listener["rules"]
    )
    return _Node(lines, tuple(rules))


def _counts(counted: Raw) -> str:
    if not counted["bound"]:
        return "nothing bound"
    healthy = "" if counted["healthy"] is None else f", {counted['healthy']} healthy"
    return f"{counted['bound']} bound, {counted['serving']} serving{healthy}"


def _backends(targets: Sequence[Raw], most: int | None) -> Iterator[_Node]:
    shown = targets if most is None else targets[:most]
    for target in shown:
        address = _plain(target["instance_id"] or target["eni_ip"])
        port = target["port"]
        lines = [f"[{address}]:{port}" if ":" in address else f"{address}:{port}"]
        if target.get("instance_name"):
            lines.append(_plain(target["instance_name"]))
        lines.append(f"weight {target['weight']}")
        if target.get("tag"):
            lines.append(f"tag {_plain(target['tag'])}")
        if target.get("health_status") is not None:
            lines.append(_plain(target["health_status"]))
        yield _Node(tuple(lines), look=_look(target))
    if shown and len(targets) > len(shown):
        yield _Node((f"{len(targets) - len(shown)} more",))


def _look(target: Raw) -> str:
    if target["weight"] == 0:
        return "drained"
    if target.get("healthy") is None:
        return "bound"
    return "healthy" if target["healthy"] else "unhealthy"


def _plain(value: object) -> str:
    """A value from the cloud in one line."""
    return "".join(char if char.isprintable() else " " for char in str(value))


def _branches(node: _Node, indent: str) -> Iterator[str]:
    for number, child in enumerate(node.children, 1):
        last = number == len(node.children)
        yield f"{indent}{'└── ' if last else '├── '}{'  '.join(child.lines)}"
        yield from _branches(child, indent + ("    " if last else "│   "))


def _flow(node: _Node, nodes: list[str], edges: list[str]) -> None:
    """Write a node and all below it; nodes are named by their place in the list."""
    name = f"n{len(nodes)}"
    text = "<br>".join(_quoted(line) for line in node.lines)
    nodes.append(f'  {name}["{text}"]' + (f":::{node.look}" if node.look else ""))
    for child in node.children:
        edges.append(f"  {name} --- n{len(nodes)}")
        _flow(child, nodes, edges)


def _quoted(text: str) -> str:
    """A text inside quotes, in Mermaid's own entity codes, so that no part of it is read as Markdown or HTML."""
    return "".join(char if char.isalnum() or char in " .:/()[],-" else f"#{ord(char)};" for char in text)


def _all_nodes(node: _Node) -> Iterator[_Node]:
    yield node
    for child in node.children:
        yield from _all_nodes(child)
