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
PoolKey = tuple[Any, Any, Any]
"""The IDs of a load balancer, a listener and a rule; the last one is None on layer 4."""

_MAX_EDGES = 480
_MAX_CHARACTERS = 48_000
"""Mermaid draws no more than 500 edges and 50,000 characters: its settings ``maxEdges`` and ``maxTextSize``."""
_STYLES = {
    "healthy": "fill:#d3f3da,stroke:#1a7f37,color:#0a3618",
    "unhealthy": "fill:#ffd7d5,stroke:#cf222e,color:#5c0d12",
    "drained": "fill:#eaeef2,stroke:#6e7781,color:#424a53,stroke-dasharray:4 3",
    "bound": "fill:#ddf4ff,stroke:#0969da,color:#0a3069",
}
_REQUIRED = ("load_balancer_id", "listeners", "targets")


class _Node(NamedTuple):
    """A part of the drawing.

    :param lines: what it says; the tree puts them beside each other.
    """

    lines: tuple[str, ...]
    children: tuple[_Node, ...] = ()
    look: str = ""


class _Detail(NamedTuple):
    """How much of a result is drawn.

    :param backends: how many of each listener or rule; None for all.
    """

    backends: int | None = None
    rules: bool = True
    listeners: bool = True
    load_balancers: int | None = None


def draw_tree(result: object, most: int = 0) -> str:
    """Draw a tree of plain text, a line for each load balancer, listener, rule and backend.

    :param most: how many backends to show of each listener or rule; 0 for all.
    :raises AnsibleFilterError: it is no such result.
    """
    roots = _roots(_checked(result, most), _Detail(most or None))
    return "".join(f"{line}\n" for root in roots for line in ("  ".join(root.lines), *_branches(root, "")))


def draw_mermaid(result: object, most: int = 10) -> str:
    """Draw a Mermaid flow chart, as GitHub and others render it.

    :param most: how many backends to show of each listener or rule, 0 for all. Mermaid cannot draw everything: where
        there is too much, first fewer backends are drawn, then no rules, then no listeners, then fewer load balancers.
    :raises AnsibleFilterError: it is no such result.
    """
    checked = _checked(result, most)
    text = ""
    for detail in _less_and_less(checked, most or _MAX_EDGES):
        nodes, edges, styles = _chart(_roots(checked, detail))
        text = "\n".join(["flowchart LR", *nodes, *edges, *styles]) + "\n"
        if len(edges) <= _MAX_EDGES and len(text) <= _MAX_CHARACTERS:
            break
    return text


def _less_and_less(result: Raw, most: int) -> Iterator[_Detail]:
    """The ways to draw a result, from the one with the most detail on; the last one always fits."""
    most = _that_fit(result, most)
    while most > 0:
        yield _Detail(most)
        most -= 1 + most // 4
    yield _Detail(0)
    yield _Detail(0, rules=False)
    count = len(_balancers(result))
    while count > 1:
        yield _Detail(0, rules=False, listeners=False, load_balancers=count)
        count -= 1 + count // 8
    yield _Detail(0, rules=False, listeners=False, load_balancers=1)


def _chart(roots: Sequence[_Node]) -> tuple[list[str], list[str], list[str]]:
    """Nodes, edges and styles."""
    nodes: list[str] = []
    edges: list[str] = []
    for root in roots:
        _flow(root, nodes, edges)
    looks = sorted({node.look for root in roots for node in _all_nodes(root) if node.look})
    return nodes, edges, [f"  classDef {look} {_STYLES[look]}" for look in looks]


def _checked(result: object, most: Any) -> Raw:
    if not isinstance(result, Mapping) or any(key not in result for key in _REQUIRED):
        raise AnsibleFilterError(
            f"The filter takes a result of tencentcloud.clb.targets_info, with {', '.join(_REQUIRED)}; "
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


def _balancers(result: Raw) -> Sequence[Raw]:
    """The load balancers of a result, each with its ID; where several are meant, also with name and counts."""
    if result["load_balancer_id"] is not None:
        return [{"load_balancer_id": result["load_balancer_id"]}]
    balancers: Sequence[Raw] = result.get("load_balancers") or ()
    return balancers


def _roots(result: Raw, detail: _Detail) -> list[_Node]:
    """A tree for each load balancer."""
    balancers = _balancers(result)
    if not balancers:
        return [_Node(("no load balancer",))]
    only = result["load_balancer_id"]
    bound: dict[PoolKey, list[Raw]] = defaultdict(list)
    for target in result["targets"]:
        bound[target.get("load_balancer_id", only), target["listener_id"], target["location_id"]].append(target)
    listeners: dict[Any, list[Raw]] = defaultdict(list)
    for listener in result["listeners"] if detail.listeners else ():
        listeners[listener.get("load_balancer_id", only)].append(listener)
    roots = [
        _Node(
            _title(balancer),
            tuple(
                _listener(balancer["load_balancer_id"], listener, bound, detail)
                for listener in listeners[balancer["load_balancer_id"]]
            ),
        )
        for balancer in balancers[: detail.load_balancers]
    ]
    if len(balancers) > len(roots):
        roots.append(_Node((f"{len(balancers) - len(roots)} more load balancers",)))
    return roots


def _title(balancer: Raw) -> tuple[str, ...]:
    title = _plain(balancer["load_balancer_id"])
    if balancer.get("load_balancer_name"):
        title = f"{title} ({_plain(balancer['load_balancer_name'])})"
    return (title, _counts(balancer)) if "bound" in balancer else (title,)


def _listener(balancer_id: object, listener: Raw, bound: Mapping[PoolKey, Sequence[Raw]], detail: _Detail) -> _Node:
    listener_id = listener["listener_id"]
    ports = f"{listener['port']}-{listener['end_port']}" if listener["end_port"] else str(listener["port"])
    lines = (f"{_plain(listener['protocol'])}:{ports} ({_plain(listener_id)})", _counts(listener))
    if not listener["rules"]:
        return _Node(lines, tuple(_backends(bound.get((balancer_id, listener_id, None), ()), detail.backends)))
    rules = (
        _Node(
            (f"{_plain(rule['domain'])}{_plain(rule['url'])} ({_plain(rule['location_id'])})", _counts(rule)),
            tuple(_backends(bound.get((balancer_id, listener_id, rule["location_id"]), ()), detail.backends)),
        )
        for rule in listener["rules"]
    )
    return _Node(lines, tuple(rules) if detail.rules else ())


def _counts(counted: Raw) -> str:
    settings = "".join(f", {text}" for text in _settings(counted))
    if not counted["bound"]:
        return f"nothing bound{settings}"
    healthy = "" if counted["healthy"] is None else f", {counted['healthy']} healthy"
    return f"{counted['bound']} bound, {counted['serving']} serving{healthy}{settings}"


def _settings(pool: Raw) -> Iterator[str]:
    """What was read of the settings, as far as it matters to who moves backends."""
    if pool.get("scheduler"):
        yield _plain(pool["scheduler"])
    if pool.get("session_seconds"):
        yield f"sessions {pool['session_seconds']} s"
    if pool.get("idle_seconds"):
        yield f"idle {pool['idle_seconds']} s"
    if pool.get("health_check") is False:
        yield "no health check"
    if pool.get("target_type") not in (None, "NODE"):
        yield _plain(pool["target_type"])


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
