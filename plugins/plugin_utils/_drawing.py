# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A result of ``targets_info`` as a picture: a tree of text, or Mermaid. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
    """A part of the drawing; the tree puts its lines beside each other. ``look`` is a key of the styles, or empty."""

    lines: tuple[str, ...]
    children: tuple[_Node, ...] = ()
    look: str = ""


class _Detail(NamedTuple):
    """The limits of a drawing; None for all load balancers, or all backends of each listener or rule."""

    backends: int | None = None
    rules: bool = True
    listeners: bool = True
    load_balancers: int | None = None


@contextmanager
def _odd_parts_named() -> Iterator[None]:
    """Check what is drawn by drawing it: a result of the module ``targets``, for example, lacks counts."""
    try:
        yield
    except (AttributeError, KeyError, TypeError) as error:
        raise AnsibleFilterError(
            "The filter takes a result of tencentcloud.clb.targets_info; a part of this one is missing, or is of "
            f"another type: {error!r}."
        ) from error


@_odd_parts_named()
def draw_tree(result: object, most: int = 0) -> str:
    """Draw a result of ``targets_info`` as plain text, a line for each load balancer, listener, rule and backend.

    :param most: the number of backends to show of each listener or rule; 0 for all.
    :raises AnsibleFilterError: it is no such result.
    """
    roots = _roots(_checked(result, most), _Detail(most or None))
    return "".join(f"{line}\n" for root in roots for line in ("  ".join(root.lines), *_branches(root, "")))


@_odd_parts_named()
def draw_mermaid(result: object, most: int = 10) -> str:
    """Draw a result of ``targets_info`` as a Mermaid flow chart, as GitHub and others render it.

    Where Mermaid could not draw all, there are fewer backends, then no rules, no listeners, fewer load balancers.

    :param most: the number of backends to show of each listener or rule; 0 for all.
    :raises AnsibleFilterError: it is no such result.
    """
    checked = _checked(result, most)
    text = ""
    for detail in _less_and_less(checked, min(most or _MAX_EDGES, _MAX_EDGES)):
        nodes: list[str] = []
        edges: list[str] = []
        looks: set[str] = set()
        for root in _roots(checked, detail):
            _flow(root, nodes, edges, looks)
        styles = [f"  classDef {look} {_STYLES[look]}" for look in sorted(looks - {""})]
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
    count = max(1, len(_balancers(result)))
    while count > 0:
        yield _Detail(0, rules=False, listeners=False, load_balancers=count)
        count -= 1 + count // 8


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
    """The number of backends of each listener or rule that keeps the edges within their limit."""
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
    listeners: dict[Any, list[_Node]] = defaultdict(list)
    for listener in result["listeners"] if detail.listeners else ():
        owner = listener.get("load_balancer_id", only)
        listeners[owner].append(_listener(owner, listener, bound, detail))
    shown = balancers[: detail.load_balancers]
    roots = [_Node(_title(one), tuple(listeners[one["load_balancer_id"]])) for one in shown]
    more = len(balancers) - len(shown)
    return [*roots, _Node((f"{more} more load balancers",))] if more else roots


def _title(balancer: Raw) -> tuple[str, ...]:
    title = _plain(balancer["load_balancer_id"])
    if balancer.get("load_balancer_name"):
        title = f"{title} ({_plain(balancer['load_balancer_name'])})"
    return (title, _counts(balancer)) if "bound" in balancer else (title,)


def _listener(balancer_id: object, listener: Raw, bound: Mapping[PoolKey, Sequence[Raw]], detail: _Detail) -> _Node:
    listener_id = listener["listener_id"]

    def backends(location_id: object) -> tuple[_Node, ...]:
        return tuple(_backends(bound.get((balancer_id, listener_id, location_id), ()), detail.backends))

    ports = f"{listener['port']}-{listener['end_port']}" if listener["end_port"] else str(listener["port"])
    lines = (f"{_plain(listener['protocol'])}:{ports} ({_plain(listener_id)})", _counts(listener))
    rules = (
        _Node(
            (f"{_plain(rule['domain'])}{_plain(rule['url'])} ({_plain(rule['location_id'])})", _counts(rule)),
            backends(rule["location_id"]),
        )
        for rule in (listener["rules"] if detail.rules else ())
    )
    return _Node(lines, tuple(rules) if listener["rules"] else backends(None))


def _counts(counted: Raw) -> str:
    settings = "".join(f", {text}" for text in _settings(counted))
    if not counted["bound"]:
        return f"nothing bound{settings}"
    healthy = "" if counted["healthy"] is None else f", {counted['healthy']} healthy"
    return f"{counted['bound']} bound, {counted['serving']} serving{healthy}{settings}"


def _settings(pool: Raw) -> Iterator[str]:
    """The settings that matter to those who move backends, as far as they were read."""
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
        texts = (
            f"[{address}]:{target['port']}" if ":" in address else f"{address}:{target['port']}",
            _plain(target.get("instance_name") or ""),
            f"weight {target['weight']}",
            f"tag {_plain(target['tag'])}" if target.get("tag") else "",
            "" if target.get("health_status") is None else _plain(target["health_status"]),
        )
        yield _Node(tuple(text for text in texts if text), look=_look(target))
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


def _flow(node: _Node, nodes: list[str], edges: list[str], looks: set[str]) -> None:
    """Write a node and all below it; nodes are named by their place in the list."""
    name = f"n{len(nodes)}"
    text = "<br>".join(_quoted(line) for line in node.lines)
    nodes.append(f'  {name}["{text}"]' + (f":::{node.look}" if node.look else ""))
    looks.add(node.look)
    for child in node.children:
        edges.append(f"  {name} --- n{len(nodes)}")
        _flow(child, nodes, edges, looks)


def _quoted(text: str) -> str:
    """A text inside quotes, in Mermaid's own entity codes, so that no part of it is read as Markdown or HTML."""
    return "".join(char if char.isalnum() or char in " .:/()[],-" else f"#{ord(char)};" for char in text)
