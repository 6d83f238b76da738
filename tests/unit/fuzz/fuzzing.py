# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole tasks on the harness, and on a cloud whose answers can be changed, one node at a time."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import connect
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError, escape
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.info import reading_budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import describe_error, empty_result
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.request import Choice, Request
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._hostnames import HostNames
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._inventory import make_groups, make_hosts
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._reading import read_load_balancers
from harness import Cloud
from virtual_time import Endless

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from clb_emulator.queries import Binding

Path = tuple[Any, ...]
MAX_MESSAGE = 20_000
MAX_CALLS = 400
"""More than any of these tasks needs, however long it waits: whoever calls on hangs."""
BY_ANSIBLE = re.compile("value of |argument |Elements value ")
"""How the messages begin with which Ansible refuses an option; it shows the value whole, and as it is."""
OUR_ERROR = "An error of this collection"

ODDITIES: dict[str, Any] = {
    "null": None, "true": True, "false": False, "0": 0, "1": 1, "-1": -1, "2**63": 2**63, "10**30": 10**30,
    "1.5": 1.5, "1.0": 1.0, "NaN": float("nan"), "empty text": "", "abc": "abc", "text 0": "0", "space": " ",
    "bidirectional": "\u202e", "control": "\x1b[31m", "surrogate": "\ud800", "long text": "x" * 10_000, "[]": [],
    "{}": {}, "[null]": [None], "[[]]": [[]], "[text]": ["abc"], "object": {"a": 1}, "objects": [{}, {"a": 1}],
}  # fmt: skip
MISSING, UNKNOWN_KEY = "missing", "unknown key"


class Change(NamedTuple):
    """What happens to one node of the answer to one call: the name of an oddity, MISSING, or UNKNOWN_KEY."""

    call: int
    path: Path
    what: str

    def apply(self, answer: Any) -> Any:
        whole = {"": answer}
        around, last = whole, ""
        for step in self.path:
            around, last = around[last], step
        if self.what == MISSING:
            del around[last]
        elif self.what == UNKNOWN_KEY:
            around[last]["Unheard"] = {"Of": [None]}
        else:
            around[last] = ODDITIES[self.what]
        return whole[""]

    @property
    def pattern(self) -> str:
        """Its path, such as ``Listeners[].Rules[].Targets[].Weight``."""
        text = "".join("[]" if isinstance(step, int) else f".{step}" for step in self.path)
        return text.lstrip(".") or "Response"


def changes_of(call: int, answer: Any) -> Iterator[Change]:
    for path, node in _nodes((), answer):
        if isinstance(node, dict):
            yield Change(call, path, UNKNOWN_KEY)
        if path:
            yield Change(call, path, MISSING)
        for name, oddity in ODDITIES.items():
            if type(oddity) is not type(node) or oddity != node:
                yield Change(call, path, name)


def _nodes(path: Path, node: Any) -> Iterator[tuple[Path, Any]]:
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _nodes((*path, key), value)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _nodes((*path, number), value)


class Outcome(NamedTuple):
    failure: str | None
    code: str | None
    meaning: Any
    """What was returned, without messages and what is new in every run."""
    bindings: frozenset[Binding]
    trouble: str | None = None
    """What must never be: an exception, an end that does not come, a result that is not whole or not true."""


class AlteredCloud(Cloud):
    """A cloud of which one answer is changed on its way."""

    def __init__(self, scenario: Mapping[str, Any], change: Change | None = None) -> None:
        super().__init__(scenario)
        self.change = change
        self.answers: list[tuple[str, Any]] = []
        """The action and the ``Response`` of each call, without the change."""

    def answer(self, headers: Mapping[str, str], body: bytes, seconds: float) -> tuple[int, dict[str, str], bytes]:
        number = len(self.answers)
        if number >= MAX_CALLS:
            raise Endless("the task calls without end")
        status, own, content = super().answer(headers, body, seconds)
        response = json.loads(content)["Response"]
        self.answers.append((headers["X-TC-Action"], response))
        if self.change is not None and self.change.call == number:
            changed = self.change.apply(json.loads(json.dumps(response)))
            content = json.dumps({"Response": changed}).encode()
        return status, own, content


def run(case: Case, change: Change | None = None) -> tuple[Outcome, AlteredCloud]:
    cloud = AlteredCloud(case.scenario, change)
    before = frozenset(cloud.bindings())
    try:
        failure, result = case.start(cloud)
    except (Exception, Endless) as exc:  # noqa: BLE001 - whatever it is, the test reports it
        return Outcome(None, None, None, frozenset(), f"{type(exc).__name__}: {str(exc)[:200]}"), cloud
    after = frozenset(cloud.bindings())
    error = result.get("error") or {}
    said = f"{failure} {error.get('message')}"
    trouble = None
    if OUR_ERROR in said:
        trouble = said
    elif failure is not None and not error.get("code"):
        trouble = f"an error without a code: {result}"
    elif case.kind == "targets" and (missing := set(empty_result()) - set(result)):
        trouble = f"the result lacks {missing}"
    elif after != before and not result.get("changed"):
        trouble = f"changed is not true, but the cloud has changed: {failure}"
    else:
        trouble = next(filter(None, map(_unfit, [failure or "", *_messages(result)])), None)
    return Outcome(failure, error.get("code"), _meaning(result), after, trouble), cloud


def _messages(value: Any, *, is_shown: bool = False) -> Iterator[str]:
    """Every line for people in a result."""
    if isinstance(value, str):
        yield from value.split("\n") if is_shown else ()
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _messages(each, is_shown=is_shown or key in ("message", "warnings", "diff"))
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _messages(each, is_shown=is_shown)


def _unfit(text: str) -> str | None:
    """What is wrong with a sentence that goes to a terminal; None where nothing is."""
    if escape(text) != text:
        return f"a message has control or bidirectional characters: {text[:200]!r}"
    return f"a message has {len(text)} characters" if len(text) > MAX_MESSAGE else None


_NOT_MEANT = ("api_calls", "error", "message", "msg", "request_ids", "warnings")


def _meaning(result: Any) -> Any:
    """A result without messages and what is new in every run."""
    if isinstance(result, dict):
        return {key: _meaning(value) for key, value in result.items() if key not in _NOT_MEANT}
    if isinstance(result, (list, tuple)):
        return [_meaning(value) for value in result]
    return result


@dataclasses.dataclass(frozen=True)
class Case:
    """A task or an inventory, and the cloud that it meets; ``check``: as a dry run."""

    name: str
    kind: str
    scenario: Mapping[str, Any]
    options: Mapping[str, Any]
    check: bool = False

    def start(self, cloud: Cloud) -> tuple[str | None, dict[str, Any]]:
        if self.kind == "inventory":
            with cloud.inside() as environ:
                return _run_inventory(self.options, environ)
        done = cloud.run(check=self.check, **self.options) if self.kind == "targets" else cloud.run_info(**self.options)
        if BY_ANSIBLE.match(done.message):
            return escape(done.message), {**done.result, "error": {"code": done.code}}
        result = {key: value for key, value in done.result.items() if key not in ("invocation", "failed")}
        return done.failure, {**result, "warnings": done.warnings}


def _run_inventory(options: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str | None, dict[str, Any]]:
    given = options.get("targets")
    ids, names = (tuple(options.get(f"load_balancer_{kind}", ())) for kind in ("ids", "names"))
    try:
        entries = None if given is None else parse_entries(given, selectors=True)
        request = Request(Choice(ids=ids, names=names), entries, 30, health=options.get("health", False))
        budget = reading_budget(30)
        reading = read_load_balancers([connect({**options, "timeout": 30}, environ, budget)], request)
        groups = make_groups(reading.balancers)
        hosts = make_hosts(reading.balancers, groups, ["instance_name", "instance_id", "address"], "private_ip")
        names = HostNames(hosts, {}).choose(set())
    except ClbError as error:
        return error.message, {"error": describe_error(error)}
    return None, {"balancers": reading.balancers, "groups": groups.edges, "names": names, "hosts": hosts}
