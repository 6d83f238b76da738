# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of the role rotation and of the playbooks. Private: its arguments can change with any release."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _everywhere as everywhere
from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _rotation_check as checks
from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _rotation_steps as steps
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._drain_dead import plan_drain_dead
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation import Host, parse_host
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_files import check_files
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_summary import summarize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Raw = dict[str, Any]

SPEC = Path(__file__).resolve().parents[2] / "roles" / "rotation" / "meta" / "argument_specs.yml"
NONE_DRAINED = " No host was drained."
TOO_LATE = ("clb_batch", "clb_handlers", "clb_hosts")
"""Variables that the playbook needs before there are hosts."""


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """One step. It runs on localhost; ``connections`` runs on the host."""

    check_mode = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: Raw | None = None) -> Raw:
        """Take the step that the argument ``step`` names.

        :returns: what the step returns; ``failed`` and ``msg`` where it can't be done.
        """
        result: Raw = super().run(tmp, task_vars)
        self._vars: Raw = task_vars or {}
        self._changed = False
        self._warnings: list[Any] = []
        self.check_mode = bool(self._task.check_mode)
        arguments = dict(self._task.args)
        try:
            result.update(getattr(self, f"_step_{arguments.pop('step')}")(**arguments))
        except steps.Stop as stop:
            result.update(failed=True, msg=str(stop))
        result["changed"] = self._changed
        if self._warnings:
            result["warnings"] = self._warnings
        return result

    # -- what the steps need

    def targets(self, *, check: bool = False, **options: Any) -> Raw:
        """Run the module ``targets``; with ``check``, only as a dry run."""
        return self._run("targets", options, check=check or self.check_mode)

    def info(self, **options: Any) -> Raw:
        """Run the module ``targets_info``."""
        return self._run("targets_info", options, check=self.check_mode)

    def warn(self, text: str) -> None:
        """Show a warning."""
        Display().warning(text)

    def _run(self, name: str, options: Mapping[str, Any], *, check: bool) -> Raw:
        module = f"tencentcloud.clb.{name}"
        defaults: Raw = {}
        for group in self._task.module_defaults or ():
            for key in ("group/tencentcloud.clb.all", module):
                defaults.update(self._templar.template(group.get(key) or {}))
        arguments = {**defaults, **{key: value for key, value in options.items() if value is not None}}
        before, self._task.check_mode = self._task.check_mode, check
        try:
            found: Raw = self._execute_module(module_name=module, module_args=arguments, task_vars=self._vars)
        finally:
            self._task.check_mode = before
        if "api_calls" not in found:
            # Not the module's own answer: no Python, or no permission to write a temporary file.
            raise steps.Stop(f"{module} could not run: {found.get('msg')} {found.get('module_stderr') or ''}".strip())
        self._changed = self._changed or (bool(found.get("changed")) and (self.check_mode or not check))
        self._warnings += found.get("warnings") or ()
        return found

    def _of(self, name: str, variable: str) -> Any:
        """A variable of another host; None where it has none."""
        return self._vars["hostvars"][name].get(variable)

    def _hosts(self, names: Iterable[str]) -> list[Host]:
        spec = yaml.safe_load(SPEC.read_text(encoding="utf-8"))["argument_specs"]["check"]["options"]
        given = {name: self._of(name, "__rotation_given") for name in names}
        return [parse_host(name, variables, spec) for name, variables in given.items() if variables]

    def _state(self, names: Iterable[str]) -> steps.State:
        noted = {name: (self._of(name, "__rotation_noted") or {}).get("state") for name in names}
        return steps.State.of(noted)

    # -- the steps

    def _step_asked(self, given: Raw, matched: list[str], limit: str) -> Raw:
        """Check what the playbook needs before there are hosts."""
        hosts = self._vars["ansible_play_hosts_all"]
        late = [
            name
            for name in TOO_LATE
            if any(self._vars["hostvars"][host].get(name, given[name]) != given[name] for host in hosts)
        ]
        if late:
            why = "because there are no hosts yet when it is needed; give it with -e."
            return self._checked([f"{', '.join(late)} can't be set in the inventory, {why}"])
        problems = checks.check_batch(given["clb_batch"])
        if not matched:
            within = f" within --limit {limit}" if limit else ""
            problems.append(
                f"No host matches clb_hosts {given['clb_hosts']}{within}; check the pattern and the inventory."
            )
        return self._checked(problems)

    def _step_files(self, handlers: str) -> Raw:
        """Check the files of the update."""
        names = self._vars["ansible_play_hosts_all"]
        updates = {self._of(name, "clb_update") for name in names}
        if None in updates:
            return self._checked(["clb_update is not given; it names the file with the tasks that update a host."])
        paths = sorted(str(Path(update).expanduser().resolve()) for update in updates)
        answering = str(Path(handlers).expanduser().resolve()) if handlers else None
        return self._checked([problem for path in paths for problem in check_files(path, answering)])

    def _checked(self, problems: list[str]) -> Raw:
        if problems:
            raise steps.Stop(" ".join(problems) + NONE_DRAINED)
        return {}

    def _step_check(self, batch: object) -> Raw:
        everyone, present = self._vars["ansible_play_hosts_all"], self._vars["ansible_play_hosts"]
        if len(self._vars["ansible_play_batch"]) != len(present):
            self._checked(["check runs in a play without serial; run out and back in another."])
        answers = {name: self._of(name, "__rotation_answer") or {} for name in everyone}
        hosts = self._hosts(present)
        problems = checks.check_answers(everyone, present, answers)
        if problems:
            self._checked([*problems, *(text for host in hosts for text in host.problems)])
        try:
            return {"order": steps.check(self, hosts, batch)}
        except steps.Stop as stop:
            raise steps.Stop(f"{stop}{NONE_DRAINED}") from stop

    def _step_out(self) -> Raw:
        everyone, present = self._vars["ansible_play_hosts_all"], self._vars["ansible_play_hosts"]
        batch = self._vars["ansible_play_batch"]
        state = self._state(everyone)
        lost = [name for name in everyone if name not in present]
        if lost:
            stays = " and stays out of traffic" if set(lost) & set(state.out) else ""
            raise steps.Stop(f"{', '.join(lost)} could not be updated{stays}. {' '.join(self._summary(state))}")
        if ended := _ended([name for name in state.out if name not in batch]):
            raise steps.Stop(ended)
        # Ansible registers the result of a task with run_once for all hosts of the play.
        return {"state": state.plus(steps.take_out(self, self._hosts(batch)), batch)._asdict()}

    def _step_dead(self, selectors: list[Raw], min_healthy: object, region: str | None = None) -> Raw:
        """Choose the dead targets that may be drained."""
        found = self.info(region=region, targets=selectors)
        read = (
            found
            if found.get("failed")
            else self.info(region=region, targets=checks.find_pools(found["targets"]), health=True)
        )
        if read.get("failed"):
            raise steps.Stop(read["msg"])
        return plan_drain_dead(found["targets"], read["targets"], min_healthy)

    def _step_where(self, **asked: Any) -> Raw:
        return {"lines": everywhere.where(self, everywhere.parse(asked))}

    def _step_leave(self, **asked: Any) -> Raw:
        lines, problem = everywhere.take_out(self, everywhere.parse(asked))
        return {"lines": lines, "problem": problem}

    def _step_return(self, **asked: Any) -> Raw:
        lines, problem = everywhere.bring_back(self, everywhere.parse(asked))
        return {"lines": lines, "problem": problem}

    def _step_summary(self) -> Raw:
        everyone, present = self._vars["ansible_play_hosts_all"], self._vars["ansible_play_hosts"]
        return {"lines": self._summary(self._state(everyone)), "problem": _ended(self._state(present).out)}

    def _summary(self, state: steps.State) -> list[str]:
        everyone = self._vars["ansible_play_hosts_all"]
        hosts = self._hosts(everyone)
        return summarize(everyone, state, hosts[0].restore_file if hosts else "", dry=self.check_mode)

    def _step_connections(self) -> Raw:
        """Wait on the host until its connections have ended."""
        name = self._vars["inventory_hostname"]
        (host,) = self._hosts([name])
        ports = self._state([name]).ports.get(name, ()) if host.drain_connections else ()
        end = time.monotonic() + host.drain_timeout
        left: dict[str, None] = {}
        # Both families: an IPv4 connection of a server that listens on IPv6 is listed with the IPv6 ones.
        for address, port in [(address, port) for address in ("0.0.0.0", "::") for port in ports]:  # noqa: S104 - no bind
            found = self._execute_module(
                module_name="ansible.builtin.wait_for",
                module_args={
                    "host": address,
                    "port": port,
                    "state": "drained",
                    "active_connection_states": ["ESTABLISHED"],
                    "exclude_hosts": list(host.drain_ignore),
                    "timeout": max(1, int(end - time.monotonic())),
                },
                task_vars=self._vars,
            )
            if "state" not in found:
                left[str(found.get("msg"))] = None
        if not left:
            return {"busy": ""}
        text = f"{name}: connections have not ended after {host.drain_timeout} s ({'; '.join(left)})."
        if host.drain_on_timeout == "fail":
            return {"busy": text}
        self.warn(f"{text} The host is updated all the same.")
        return {"busy": ""}

    def _step_back(self, hosts: list[str] | None = None, warm_up: bool = True) -> Raw:
        names = self._vars["ansible_play_batch"]
        returning = self._hosts(names if hosts is None else hosts)
        state = self._state(self._vars["ansible_play_hosts_all"])
        return {"state": steps.bring_back(self, returning, state, warm_up=warm_up)._asdict()}


def _ended(names: Sequence[str]) -> str:
    """Say which updates have ended their play: hosts that have failed are no longer among those of the play."""
    if not names:
        return ""
    return (
        f"{', '.join(names)}: the update ended the play (end_host, end_batch or end_play) before the run could bring "
        "it back. It stays out of traffic; take that out of the update, and run the same command again."
    )
