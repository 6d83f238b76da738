# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of the role rotation and of the playbooks. Private: its arguments can change with any release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _everywhere as everywhere
from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _rotation_steps as steps
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_files import asked
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_read import Play, Stop

if TYPE_CHECKING:
    from collections.abc import Callable

Raw = dict[str, Any]

STEPS: dict[str, Callable[..., Raw]] = {
    "asked": asked,
    "check": steps.check,
    "out": steps.out,
    "connections": steps.connections,
    "back": steps.back,
    "summary": steps.summary,
    "where": everywhere.where,
    "leave": everywhere.take_out,
    "return": everywhere.bring_back,
    "dead": everywhere.find_dead,
}


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """One step, which the argument ``step`` names. It runs on localhost; ``connections`` runs on the host."""

    check_mode = False
    _requires_connection = True

    def run(self, tmp: str | None = None, task_vars: Raw | None = None) -> Raw:
        """Return what the step returns; ``failed`` and ``msg`` where it can't be done."""
        result: Raw = super().run(tmp, task_vars)
        self._vars: Raw = task_vars or {}
        self.play = Play(self._vars)
        self.check_mode = bool(self._task.check_mode)
        self._dry = False
        self._changed = False
        self._warnings: list[Any] = []
        arguments = dict(self._task.args)
        try:
            result.update(STEPS[arguments.pop("step")](self, **arguments))
        except Stop as stop:
            result.update(failed=True, msg=str(stop))
        result["changed"] = self._changed
        if self._warnings:
            result["warnings"] = self._warnings
        return result

    def warn(self, text: str) -> None:
        """Show a warning."""
        Display().warning(text)

    def run_module(self, module: str, /, *, check: bool = False, **options: Any) -> Raw:
        """Run a module, with the options that are not null; with ``check``, only as a dry run."""
        self._dry = check or self.check_mode
        own = module.startswith("tencentcloud.clb.")
        defaults = self._defaults(module) if own else {}
        arguments = {**defaults, **{key: value for key, value in options.items() if value is not None}}
        found: Raw = self._execute_module(module_name=module, module_args=arguments, task_vars=self._vars)
        if not own:
            return found
        if "api_calls" not in found:
            # Not the module's own answer: no Python, or no permission to write a temporary file.
            raise Stop(f"{module} could not run: {found.get('msg')} {found.get('module_stderr') or ''}".strip())
        self._changed = self._changed or (bool(found.get("changed")) and self._dry == self.check_mode)
        self._warnings += found.get("warnings") or ()
        return found

    def _defaults(self, module: str) -> Raw:
        """The options of ``module_defaults``."""
        groups = self._task.module_defaults or ()
        found = [group.get(key) or {} for group in groups for key in ("group/tencentcloud.clb.all", module)]
        return {key: value for options in found for key, value in self._templar.template(options).items()}

    def _update_module_args(self, module_name: str, module_args: Raw, *arguments: Any, **more: Any) -> None:
        super()._update_module_args(module_name, module_args, *arguments, **more)
        module_args["_ansible_check_mode"] = self._dry
