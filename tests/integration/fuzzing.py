# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole tasks in this process on a cloud whose answers can be changed, one node at a time.

Everything is real from the options to the client, which signs and parses; only the transport is not: it calls the
emulated cloud, whose clock passes while the task sleeps. A run takes a few milliseconds.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import threading
import uuid
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.tencentcloud.clb.plugins.module_utils._api import client as client_module
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.connection import connect
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply import writer
from ansible_collections.tencentcloud.clb.plugins.module_utils._base import threads
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError, escape
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks import info
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks import targets as targets_task
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import describe_error, empty_result
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.request import CONNECTION_SPEC, LOAD_BALANCER_SPEC
from ansible_collections.tencentcloud.clb.plugins.modules import targets, targets_info
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._hostnames import HostNames
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._inventory import make_groups, make_hosts
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._reading import InventoryQuery, read_load_balancers
from clb_emulator.errors import ApiError
from clb_emulator.inprocess import InProcess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pytest

    from clb_emulator.queries import Binding

Path = tuple[Any, ...]
MAX_MESSAGE = 20_000
MAX_CALLS = 400
"""More than any of these tasks needs, however long it waits: whoever calls on hangs."""
HANG = "the task calls without end"
OUR_ERROR = "An error of this collection"

ODDITIES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "0": 0,
    "1": 1,
    "-1": -1,
    "2**63": 2**63,
    "10**30": 10**30,
    "1.5": 1.5,
    "1.0": 1.0,
    "NaN": float("nan"),
    "empty text": "",
    "abc": "abc",
    "text 0": "0",
    "space": " ",
    "bidirectional": "\u202e",
    "control": "\x1b[31m",
    "surrogate": "\ud800",
    "long text": "x" * 10_000,
    "[]": [],
    "{}": {},
    "[null]": [None],
    "[[]]": [[]],
    "[text]": ["abc"],
    "object": {"a": 1},
    "objects": [{}, {"a": 1}],
}
MISSING, UNKNOWN_KEY = "missing", "unknown key"


class Change(NamedTuple):
    """One node of the answer to one call, and what happens to it.

    :param call: the number of the call in its task.
    :param path: of the node in the ``Response``.
    :param what: the name of an oddity, or MISSING, or UNKNOWN_KEY.
    """

    call: int
    path: Path
    what: str

    def apply(self, answer: Any) -> Any:
        """The answer with this change."""
        if not self.path:
            if self.what == UNKNOWN_KEY:
                return {**answer, "Unheard": {"Of": [None]}}
            return ODDITIES[self.what]
        around = answer
        for step in self.path[:-1]:
            around = around[step]
        last = self.path[-1]
        if self.what == MISSING:
            del around[last]
        elif self.what == UNKNOWN_KEY:
            around[last]["Unheard"] = {"Of": [None]}
        else:
            around[last] = ODDITIES[self.what]
        return answer

    @property
    def pattern(self) -> str:
        """Its path, such as ``Listeners[].Rules[].Targets[].Weight``."""
        text = "".join("[]" if isinstance(step, int) else f".{step}" for step in self.path)
        return text.lstrip(".") or "Response"


def changes_of(call: int, answer: Any) -> Iterator[Change]:
    """Every change of every node of an answer."""
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
    """How a run ended.

    :param failure: why it failed; None where it did not.
    :param code: of the error; None where there is none.
    :param meaning: what it returned, without messages and what is new in every run.
    :param bindings: what the cloud holds at the end.
    :param trouble: what must never be: an exception, an end that does not come, a result that is not whole or not true.
    """

    failure: str | None
    code: str | None
    meaning: Any
    bindings: frozenset[Binding]
    trouble: str | None = None


class Call(NamedTuple):
    """One call of a task, and what the cloud answered."""

    at: float
    action: str
    body: bytes
    answer: Any


@dataclasses.dataclass(frozen=True)
class Recording:
    """The calls of a task whose answers nobody changed, and what was bound before and at the end."""

    calls: list[Call]
    before: frozenset[Binding]
    bindings: frozenset[Binding]


CREDENTIALS = {
    "Credentials": {"Token": "t" * 40, "TmpSecretId": "AKIDtemporary", "TmpSecretKey": "k" * 32},
    "ExpiredTime": 4_000_000_000,
    "Expiration": "2096-10-02T07:06:40Z",
    "RequestId": "r-1",
}


class World:
    """One cloud and the task on it.

    As long as a task does what it did before, its calls are answered from the recording; then the cloud is made, and
    all that was done so far is done on it.

    :param scenario: the cloud's.
    :param recording: of the same task without the change; None records.
    :param change: of one answer; None for none.
    """

    def __init__(
        self, scenario: Mapping[str, Any], recording: Recording | None = None, change: Change | None = None
    ) -> None:
        self._scenario = scenario
        self._recording = recording
        self._change = change
        self._cloud: InProcess | None = None
        self._now = 0.0
        self.calls: list[Call] = []
        self.hangs = False

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            # As a real sleep, even the shortest moves the clock.
            self._now += max(seconds, 1e-6)

    def cloud(self) -> InProcess:
        """The cloud as it is now."""
        if self._cloud is None:
            self._cloud = InProcess(self._scenario)
            done, self.calls = self.calls, []
            for call in done:
                self.calls.append(call._replace(answer=self._ask(self._cloud, call.at, call.action, call.body)))
        self._cloud.sleep(self._now - self._cloud.now())
        return self._cloud

    def bindings(self) -> frozenset[Binding]:
        if self._cloud is None and self._recording is not None and len(self.calls) == len(self._recording.calls):
            return self._recording.bindings
        return frozenset(self.cloud().bindings())

    def post(self, action: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer one request, as the transport does."""
        number = len(self.calls)
        if number >= MAX_CALLS:
            self.hangs = True
            raise RuntimeError(HANG)
        answer = self._recorded(number, action, body)
        if answer is None:
            answer = self._ask(self.cloud(), self._now, action, body)
        self.calls.append(Call(self._now, action, body, answer))
        if self._change is not None and self._change.call == number:
            answer = self._change.apply(json.loads(json.dumps(answer)))
        return 200, {"Content-Type": "application/json"}, json.dumps({"Response": answer}).encode()

    def _recorded(self, number: int, action: str, body: bytes) -> Any:
        if self._cloud is not None or self._recording is None or number >= len(self._recording.calls):
            return None
        call = self._recording.calls[number]
        return call.answer if (call.at, call.action, call.body) == (self._now, action, body) else None

    @staticmethod
    def _ask(cloud: InProcess, at: float, action: str, body: bytes) -> Any:
        cloud.sleep(at - cloud.now())
        if action == "AssumeRole":
            return CREDENTIALS
        try:
            return cloud.call(action, json.loads(body))
        except ApiError as error:
            return {"Error": {"Code": error.code, "Message": error.message}, "RequestId": error.request_id or "r-1"}


class _OneAfterTheOther:
    """A thread that does its work at once, so that every run of a task makes its calls in the same order."""

    def __init__(self, target: Any, *, daemon: bool) -> None:
        self._target = target

    def start(self) -> None:
        self._target()

    def join(self) -> None:
        pass


class Bench:
    """Runs tasks, each on a cloud of its own.

    :param patch: takes back what this changes.
    :param locks: a folder.
    """

    def __init__(self, patch: pytest.MonkeyPatch, locks: str) -> None:
        self._numbers = itertools.count(1)
        # Recorded answers name tasks that a new cloud must know.
        patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=next(self._numbers)))
        self.environ = {"TENCENTCLOUD_CLB_LOCK_DIR": locks, "HOME": locks}
        self.world = World({})
        bench = self

        class Transport:
            def __init__(self, *_settings: object) -> None:
                pass

            def post(self, action: str, headers: Mapping[str, str], body: bytes, **_how: object) -> Any:
                return bench.world.post(action, body)

        patch.setattr(client_module, "Transport", Transport)
        for module in (targets_task, info):
            patch.setattr(module, "Budget", self._budget)
        patch.setattr(writer, "PACING", writer.PACING._replace(learn=0.0))
        patch.setattr(threads, "threading", SimpleNamespace(Thread=_OneAfterTheOther, Lock=threading.Lock))

    def _budget(self, seconds: float, grace: float, **name: str) -> Budget:
        return Budget(seconds, grace, clock=self.world.now, pause=self.world.sleep, **name)

    def record(self, case: Case) -> tuple[Recording, Outcome]:
        """Run one task on a new cloud, whose answers nobody changes."""
        outcome = self.run(case)
        return Recording(self.world.calls, World(case.scenario).bindings(), outcome.bindings), outcome

    def run(self, case: Case, recording: Recording | None = None, change: Change | None = None) -> Outcome:
        """Run one task on a new cloud.

        :param case: the task.
        :param recording: of the same task; None makes it meet the cloud itself.
        :param change: of one answer.
        """
        self._numbers = itertools.count(1)
        self.world = World(case.scenario, recording, change)
        try:
            failure, result = case.start(self.environ)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the test reports it
            return Outcome(None, None, None, frozenset(), f"{type(exc).__name__}: {str(exc)[:200]}")
        after = self.world.bindings()
        error = result.get("error") or {}
        said = f"{failure} {error.get('message')}"
        trouble = None
        if OUR_ERROR in said or HANG in said:
            trouble = said
        elif failure is not None and not error.get("code"):
            trouble = f"an error without a code: {result}"
        elif case.kind == "targets" and (missing := set(targets_keys()) - set(result)):
            trouble = f"the result lacks {missing}"
        elif recording is not None and after != recording.before and not result.get("changed"):
            trouble = f"changed is not true, but the cloud has changed: {failure}"
        else:
            trouble = next(filter(None, map(_unfit, [failure or "", *_messages(result)])), None)
        return Outcome(failure, error.get("code"), _meaning(result), frozenset(after), trouble)


def targets_keys() -> tuple[str, ...]:
    """The keys of every result."""
    return tuple(empty_result())


def _messages(result: Any) -> Iterator[str]:
    """Every sentence for people in a result."""
    if isinstance(result, dict):
        for key, value in result.items():
            if key in ("message", "warnings", "diff"):
                yield from _texts(value)
            else:
                yield from _messages(value)
    elif isinstance(result, (list, tuple)):
        for value in result:
            yield from _messages(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        # A diff has many lines.
        yield from value.split("\n")
    elif isinstance(value, (list, tuple, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _unfit(text: str) -> str | None:
    """What is wrong with a sentence that goes to a terminal; None where nothing is."""
    if escape(text) != text:
        return f"a message has control or bidirectional characters: {text[:200]!r}"
    return f"a message has {len(text)} characters" if len(text) > MAX_MESSAGE else None


_NOT_MEANT = ("api_calls", "error", "message", "request_ids", "warnings")


def _meaning(result: Any) -> Any:
    """A result without messages and what is new in every run."""
    if isinstance(result, dict):
        return {key: _meaning(value) for key, value in result.items() if key not in _NOT_MEANT}
    if isinstance(result, (list, tuple)):
        return [_meaning(value) for value in result]
    return result


@dataclasses.dataclass(frozen=True)
class Case:
    """A task or an inventory, and the cloud that it meets.

    :param name: for messages.
    :param kind: ``targets``, ``targets_info`` or ``inventory``.
    :param scenario: the cloud's.
    :param options: those of the plugin.
    :param check: whether it is a dry run.
    """

    name: str
    kind: str
    scenario: Mapping[str, Any]
    options: Mapping[str, Any]
    check: bool = False

    def start(self, environ: Mapping[str, str]) -> tuple[str | None, dict[str, Any]]:
        """Run it: why it failed, and what it returned."""
        options = {"region": "ap-guangzhou", "secret_id": "AKIDfuzz", "secret_key": "fuzz" * 8, **self.options}
        if self.kind == "inventory":
            return _run_inventory(options, environ)
        checked = VALIDATORS[self.kind].validate(options)
        if checked.error_messages:
            # Ansible's words, not ours.
            message = escape(" ".join(checked.error_messages))
            return message, {**_EMPTY[self.kind](), "error": {"code": "InvalidArgument", "message": message}}
        params = checked.validated_parameters
        if self.kind == "targets":
            done = targets_task.run_task(params, environ, check_mode=self.check, diff=True)
        else:
            done = info.run_info(params, environ)
        done.result["warnings"] = list(done.warnings)
        # The result goes to Ansible as JSON.
        json.dumps(done.result)
        return done.failure, done.result


_EMPTY = {"targets": empty_result, "targets_info": info.empty_info}
VALIDATORS = {
    "targets": ArgumentSpecValidator({**CONNECTION_SPEC, **LOAD_BALANCER_SPEC, **targets.ARGUMENT_SPEC}),
    "targets_info": ArgumentSpecValidator({**CONNECTION_SPEC, **LOAD_BALANCER_SPEC, **targets_info.ARGUMENT_SPEC}),
}


def _run_inventory(options: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[str | None, dict[str, Any]]:
    given = options.get("targets")
    try:
        query = InventoryQuery(
            options.get("load_balancer_ids"),
            options.get("load_balancer_names"),
            None if given is None else parse_entries(given, selectors=True),
            options.get("health", False),
        )
        budget = info.reading_budget(30)
        reading = read_load_balancers([connect({**options, "timeout": 30}, environ, budget)], query)
        groups = make_groups(reading.balancers)
        hosts = make_hosts(reading.balancers, groups, ["instance_name", "instance_id", "address"], "private_ip")
        names = HostNames(hosts, {}).choose(set())
    except ClbError as error:
        return error.message, {"error": describe_error(error)}
    return None, {"balancers": reading.balancers, "groups": groups.edges, "names": names, "hosts": hosts}
