# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole tasks in this process: the module's ``main`` from options to signature, on an emulated cloud, in milliseconds.

Everything is real but the network and the time. Requests go to an emulator in this process, which checks signatures,
rates and parameters. Time passes only while every thread of a task waits, so that no test depends on the machine::

    cloud = Cloud(scenario)                                  # as in a scenario file; or Cloud.of({"lb-1": [tcp(...)]})
    cloud.add_faults({"action": "Batch*", "kind": "cut_after"})
    run = cloud.run(state="drained", targets=[{"instance_id": "ins-1"}])
    assert not run.failed, run.message
    assert cloud.actions() == ["DescribeTargets", "BatchModifyTargetWeight", "DescribeTargets"]
    assert cloud.now() < 5

``Cloud`` is the emulator's ``InProcess``, which has bindings(), listeners(), calls(), journal(), writes(), count(),
add_faults(), add_events(), change(), configure(), alter(), now() and sleep(). Here are the tasks, with run(),
run_info() and together(), and what meets them: next_writes(), before() and unreachable().
"""

from __future__ import annotations

import atexit
import contextlib
import fnmatch
import functools
import json
import os
import shutil
import sys
import tempfile
from collections import deque
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from unittest import mock

from ansible.module_utils import basic
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import PASS_VARS
from ansible.module_utils.testing import patch_module_args

import ansible_collections.tencentcloud.clb.plugins.module_utils as module_utils
from ansible_collections.tencentcloud.clb.plugins.module_utils._api import transport
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import NotSent
from ansible_collections.tencentcloud.clb.plugins.modules import targets, targets_info
from clb_emulator import api
from clb_emulator.inprocess import InProcess, scenario_of
from clb_emulator.writes import WRITES
from virtual_time import ACTIVE, SAID, Endless, Patch, Said, SharedClock, Stdout, Thread, import_all, shims_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Raw = dict[str, Any]

PLUGINS = "ansible_collections.tencentcloud.clb.plugins."
INSTANCES = "10.1.0.0/16"
"""Where ``ins-<n>`` is in a cloud of Cloud.of: ``10.1.<n // 256>.<n % 256>``."""
MAX_CALLS = 5000
"""Requests of one cloud. A task that sends more goes on without end."""


@dataclass(frozen=True)
class Run:
    """What one run of a module returned; ``seconds`` is the time that it took on the cloud's clock."""

    result: Raw
    warnings: list[str]
    seconds: float

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))

    @property
    def changed(self) -> bool:
        return bool(self.result["changed"])

    @property
    def message(self) -> str:
        return str(self.result.get("msg", ""))

    @property
    def failure(self) -> str | None:
        """``msg`` where it failed."""
        return self.message if self.failed else None

    @property
    def code(self) -> str | None:
        """The code of ``error``; None where there is none."""
        return (self.result["error"] or {}).get("code")

    def __getitem__(self, key: str) -> Any:
        return self.result[key]


class Cloud(InProcess):
    """One emulated cloud, and the tasks that work on it.

    :param scenario: as in a scenario file; ``settings`` replace keys of it.
    :param environ: environment variables of the tasks, beside credentials and region.
    :param seed: of the random pauses that tasks make.
    """

    def __init__(
        self, scenario: Mapping[str, Any], *, environ: Mapping[str, str] | None = None, seed: int = 0, **settings: Any
    ) -> None:
        scenario = {"rate_limit": 20, **scenario, **settings}
        self.shared_clock = SharedClock(scenario.get("clock_offset", 0.0), seed)
        super().__init__(scenario, clock=self.shared_clock)
        self.environ = dict(environ or {})
        self._next_writes = _NextWrites()
        self._before: list[_Hook] = []
        self._requests = 0

    @classmethod
    def of(cls, load_balancers: Mapping[str, Sequence[Raw]], **settings: Any) -> Cloud:
        """A cloud with these load balancers: ID -> its listeners, as DescribeTargets answers them (see builders.py).

        The name of ``lb-1`` is ``name-lb-1``. A task of the cloud takes a second.
        """
        scenario = scenario_of(load_balancers)
        for balancer in scenario["load_balancers"]:
            balancer["name"] = f"name-{balancer['id']}"
        return cls({**scenario, "numbered_instances": INSTANCES, "task_seconds": 1.0}, **settings)

    def run(self, *, check: bool = False, diff: bool = True, verbosity: int = 0, **options: Any) -> Run:
        """Run ``targets``.

        :param options: those of the module. ``load_balancer_id`` is the cloud's only one where none is chosen; an
            option that is None is left out. ``environ`` holds environment variables of this task alone.
        """
        return _main(self, targets.main, {"check_mode": check, "diff": diff, "verbosity": verbosity}, options)

    def run_info(self, *, verbosity: int = 0, **options: Any) -> Run:
        """Run ``targets_info``; options as in run()."""
        return _main(self, targets_info.main, {"verbosity": verbosity}, options)

    def together(self, *tasks: Mapping[str, Any]) -> list[Run]:
        """Run ``targets`` with each of these arguments of run() at once; ``after``: the seconds until it begins."""
        runs: list[Run | None] = [None] * len(tasks)

        def work(number: int) -> None:
            arguments = dict(tasks[number])
            self.sleep(arguments.pop("after", 0))
            runs[number] = self.run(**arguments)

        with _installed(self):
            threads = [Thread(target=work, args=(number,)) for number in range(len(tasks))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return [run for run in runs if run is not None]

    @contextlib.contextmanager
    def inside(self) -> Iterator[dict[str, str]]:
        """Let anything else of the collection work on this cloud for a ``with`` block; give it its environment."""
        with _installed(self):
            yield self.task_environ()

    def next_writes(self, *faults: Raw | None, load_balancer_id: str | None = None) -> None:
        """Order what happens to the next writes that find their load balancer (or only this one) free, one each.

        None lets one pass.
        """
        self._next_writes.add(load_balancer_id, faults)

    def before(self, action: str, function: Callable[[], object], *, nth: int = 1, times: int = 1) -> None:
        """Call a function right before a request is answered.

        :param action: a pattern, such as ``Batch*``.
        :param nth: before the first of such requests, counted from now, the second, ...
        :param times: before how many requests from then on; -1: before all.
        """
        self._before.append(_Hook(action, function, nth, times))

    def unreachable(self, action: str = "*", *, nth: int = 1, times: int = 1) -> None:
        """Let no connection be made for requests; the arguments are those of before()."""

        def refuse() -> None:
            raise NotSent("can't connect: Connection refused. Check endpoint.")

        self.before(action, refuse, nth=nth, times=times)

    def clear_faults(self) -> None:
        """Drop all faults, events, alterations and functions that were ordered."""
        self._next_writes = _NextWrites()
        self._before.clear()
        for orders in (self.cloud.faults, self.cloud.events, self.cloud.alterations):
            orders.clear()

    def clear_journal(self) -> None:
        """Forget what happened so far."""
        self.cloud.restart_journal()

    def actions(self, pattern: str = "*") -> list[str]:
        """Return the actions of the journal's calls, in order."""
        return [call["action"] for call in self.calls() if fnmatch.fnmatchcase(call["action"], pattern)]

    def finish(self) -> None:
        """Wait until every task of the cloud has ended and reads show it."""
        until = max((balancer.locked_until for balancer in self.cloud.load_balancers.values()), default=0.0)
        self.sleep(max(0.0, until - self.now()) + self.cloud.settings.read_lag + 1e-6)

    def answer(self, headers: Mapping[str, str], body: bytes, seconds: float) -> tuple[int, dict[str, str], bytes]:
        """Answer one request within so many seconds, or fail, as the transport does: status, headers and body."""
        self._requests += 1
        if self._requests > MAX_CALLS:
            raise Endless(f"more than {MAX_CALLS} requests")
        action = headers["X-TC-Action"]
        for hook in list(self._before):
            if hook.is_due(action):
                hook.function()
        request = api.Request({name.lower(): value for name, value in headers.items()}, body)
        with self.faults_first(*self._next_writes.take(self, action, body)):
            answer = api.handle(self.cloud, request)
        if answer.stream is not None:
            raise NotImplementedError("an answer without end needs a real connection")
        self.sleep(min(answer.delay, seconds))
        if answer.delay > seconds:
            raise transport.AnswerLost(f"{action}: no answer within {seconds:.3g} s. Check endpoint.")
        if answer.cut:
            raise transport.AnswerLost(f"{action}: the connection was cut. Check endpoint.")
        date = formatdate(self.clock.wall(), usegmt=True)
        return answer.status, {"Content-Type": answer.content_type, "Date": date, **answer.headers}, answer.body

    def task_environ(self) -> dict[str, str]:
        credential = self.cloud.accounts.first
        return {
            "HOME": _home(),
            "TENCENTCLOUD_CLB_LOCK_DIR": f"{_home()}/locks",
            "TENCENTCLOUD_SECRET_ID": credential.secret_id,
            "TENCENTCLOUD_SECRET_KEY": credential.secret_key,
            "TENCENTCLOUD_REGION": self.region,
            **self.environ,
        }


def _main(cloud: Cloud, main: Callable[[], None], flags: Raw, options: Raw) -> Run:
    """Run the ``main`` of a module with these options."""
    environ = {**cloud.task_environ(), **options.pop("environ", {})}
    if len(cloud.cloud.load_balancers) == 1 and not any("load_balancer" in name for name in options):
        options = {"load_balancer_id": next(iter(cloud.cloud.load_balancers)), **options}
    arguments = {
        **{name: value for name, value in options.items() if value is not None},
        **{f"_ansible_{name}": value for name, value in flags.items()},
        # An older ansible-core does not know it, and always adds the invocation.
        **({"_ansible_inject_invocation": True} if "inject_invocation" in PASS_VARS else {}),
        "_ansible_remote_tmp": "/tmp",
        "_ansible_keep_remote_files": False,
    }
    started, said = cloud.now(), Said()
    with patch_module_args(arguments):
        encoded = basic._ANSIBLE_ARGS
    with _installed(cloud):
        SAID.stack.append(said)
        # The module takes both at once, before any other thread gets its turn.
        basic._ANSIBLE_ARGS = encoded
        os.environ = environ  # type: ignore[assignment]  # noqa: B003
        try:
            with contextlib.suppress(SystemExit):
                main()
        finally:
            SAID.stack.pop()
    return Run(json.loads(said.output.getvalue()), said.warnings, round(cloud.now() - started, 9))


class _NextWrites:
    """Faults of the next writes that find their load balancer free."""

    def __init__(self) -> None:
        self._faults: dict[str | None, deque[Raw | None]] = {}

    def add(self, load_balancer_id: str | None, faults: Sequence[Raw | None]) -> None:
        self._faults.setdefault(load_balancer_id, deque()).extend(faults)

    def take(self, cloud: Cloud, action: str, body: bytes) -> list[Raw]:
        """What was ordered for a request."""
        if action not in WRITES or not self._faults:
            return []
        identity = json.loads(body).get("LoadBalancerId")
        balancer = cloud.cloud.load_balancers.get(identity)
        if balancer is None or cloud.now() < balancer.locked_until:
            return []
        for queue in (self._faults.get(identity), self._faults.get(None)):
            if queue:
                fault = queue.popleft()
                return [] if fault is None else [fault]
        return []


@dataclass
class _Hook:
    action: str
    function: Callable[[], object]
    nth: int
    times: int

    def is_due(self, action: str) -> bool:
        if not self.times or not fnmatch.fnmatchcase(action, self.action):
            return False
        if self.nth > 1:
            self.nth -= 1
            return False
        self.times -= 1
        return True


def _post(
    _self: Any, _action: str, headers: Mapping[str, str], body: bytes, *, seconds: float, **_how: Any
) -> transport.Answer:
    return transport.Answer(*_CLOUDS[0].answer(headers, body, seconds))


def _warn(_self: Any, warning: str, **_how: Any) -> None:
    # The real one prints where the controller's code is loaded, and says equal things once in a process.
    SAID.stack[-1].warnings.append(warning)


@functools.lru_cache(maxsize=1)
def _patches(_loaded: int) -> list[Patch]:
    """Everything that is replaced while a task runs."""
    import_all(module_utils)
    patches = [
        Patch(transport.Transport, "post", transport.Transport.post, _post),
        Patch(AnsibleModule, "warn", AnsibleModule.warn, _warn),
    ]
    for name, module in list(sys.modules.items()):
        if name.startswith(PLUGINS) and module is not None:
            patches.extend(shims_in(vars(module), PLUGINS))
    return patches


@functools.cache
def _home() -> str:
    """A home directory without any file, for all tasks of this process; their locks are in it."""
    home = tempfile.mkdtemp(prefix="clb-harness-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


_CLOUDS: list[Cloud] = []
"""The cloud whose tasks run; none, or one."""


@contextlib.contextmanager
def _installed(cloud: Cloud) -> Iterator[None]:
    """Let tasks work on this cloud for a ``with`` block."""
    if _CLOUDS:
        assert [cloud] == _CLOUDS, "a task runs on another cloud"
        yield
        return
    patches = _patches(len(sys.modules))
    _CLOUDS.append(cloud)
    ACTIVE.append(cloud.shared_clock)
    for patch in patches:
        patch.set(patch.shim)
    try:
        with (
            patch_module_args({}),
            mock.patch.object(os, "environ", {}),
            mock.patch.object(sys, "stdout", Stdout(sys.stdout)),
        ):
            yield
    finally:
        for patch in patches:
            patch.set(patch.original)
        ACTIVE.clear()
        _CLOUDS.clear()
