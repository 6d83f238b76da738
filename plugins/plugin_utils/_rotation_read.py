# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of Ansible that the steps of a rotation use, and their reads of the cloud and the restore file."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import yaml

from ..module_utils._apply.memory import RestoreFile
from ..module_utils._base import pace
from ..module_utils._base.budget import Budget
from ..module_utils._base.errors import ClbError
from ..module_utils._bindings.remembered import parse_remembered
from ._rotation import Host, Raw, bindings_by_host, key_of, parse_host
from ._rotation_check import find_pools, find_unread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SPEC = Path(__file__).resolve().parents[2] / "roles" / "rotation" / "meta" / "argument_specs.yml"


@cache
def read_spec() -> Raw:
    """The variables of the role."""
    found: Raw = yaml.safe_load(SPEC.read_text(encoding="utf-8"))["argument_specs"]["check"]["options"]
    return found


class Stop(Exception):
    """A step can't be done; the message is for the user."""


def stop_if(problems: Iterable[str], end: str = "") -> None:
    """Raise :class:`Stop` with these problems, if there are any, and with a last sentence."""
    if text := " ".join(problems):
        raise Stop(f"{text} {end}".rstrip())


class Left(NamedTuple):
    """The notes of a run about a host that it has taken out of traffic.

    :param since: the time at which its batch left, in seconds since 1970.
    :param ports: that it is bound with.
    :param drained: the entries of the restore file for what was bound when it left.
    :param seconds: its time out of traffic; None until it is back.
    """

    since: float
    ports: list[int]
    drained: list[Raw]
    seconds: float | None = None


class Play:
    """The hosts of a play: all, those that have not failed, and of these the current batch.

    :param variables: of a task.
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._hostvars = variables["hostvars"]
        self.current: str = variables["inventory_hostname"]
        self.everyone: list[str] = variables["ansible_play_hosts_all"]
        self.present: list[str] = variables["ansible_play_hosts"]
        self.batch: list[str] = variables["ansible_play_batch"]

    def of(self, name: str, variable: str, default: Any = None) -> Any:
        """A variable of a host."""
        return self._hostvars[name].get(variable, default)

    def hosts(self, names: Iterable[str]) -> list[Host]:
        """Those of these hosts that have read their variables."""
        given = {name: self.of(name, "__rotation_given") for name in names}
        return [parse_host(name, variables, read_spec()) for name, variables in given.items() if variables]

    def left(self, names: Iterable[str]) -> dict[str, Left]:
        """The notes about those of these hosts that have left."""
        noted = {name: ((self.of(name, "__rotation_noted") or {}).get("left") or {}).get(name) for name in names}
        return {name: Left(**one) for name, one in noted.items() if one}


class Modules(Protocol):
    """The parts of Ansible that a step uses."""

    check_mode: bool
    play: Play

    def run_module(self, module: str, /, *, check: bool = False, **options: Any) -> Raw:
        """Run a module; with ``check``, only as a dry run. If it fails, the result has ``failed``."""

    def warn(self, text: str) -> None:
        """Show a warning."""


def run_targets(modules: Modules, *, check: bool = False, **options: Any) -> Raw:
    """Run the module ``targets``; ``module_defaults`` must not take away what the steps read of its result."""
    result = modules.run_module("tencentcloud.clb.targets", check=check, wait=True, return_targets=True, **options)
    # A module that was killed, or could not start, returns only a message.
    return {"targets": [], "restore": [], "registered": [], "modified": [], **result}


def failure(result: Raw) -> list[str]:
    """The message of a result that has failed."""
    return [result["msg"]] if result.get("failed") else []


def read_file(path: str, more: Sequence[Raw] = ()) -> list[Raw]:
    """Read a restore file, after those entries were put into it that it lacks; stop if it can't be used.

    :raises Stop: it can't be used.
    """
    file = RestoreFile(path, Budget(pace.ROTATION_FILE_SECONDS, 0))

    def add(there: Sequence[Any]) -> list[Any]:
        known = {key_of(item.raw) for item in there}
        return [*there, *parse_remembered([entry for entry in more if key_of(entry) not in known])]

    try:
        if more:
            file.change(add)
        return [dict(item.raw) for item in file.read()]
    except ClbError as error:
        raise Stop(error.message) from error


def read_bound(modules: Modules, hosts: Sequence[Host], **choice: Any) -> dict[str, list[Raw]]:
    """Read the bindings of each host on the chosen load balancers; stop if one can't be read.

    :raises Stop: a load balancer can't be read.
    """
    selectors = [selector for host in hosts for selector in host.selectors]
    found = modules.run_module("tencentcloud.clb.targets_info", targets=selectors, **choice)
    stop_if(failure(found) or find_unread(found["left_out"]))
    return bindings_by_host(hosts, found["targets"])


def read_pools(modules: Modules, bindings: Iterable[Raw], *, settings: bool = False, region: str | None = None) -> Raw:
    """Read all that is bound beside these bindings, with its health; settings that may not be read are a warning.

    :raises Stop: it can't be read.
    """
    options: Raw = {"targets": find_pools(bindings), "health": True, "region": region}
    found = modules.run_module("tencentcloud.clb.targets_info", **options, settings=settings)
    if found.get("failed") and settings and (found.get("error") or {}).get("action") == "DescribeListeners":
        modules.warn(f"The session persistence of the listeners is not known: {found['msg']}")
        found = modules.run_module("tencentcloud.clb.targets_info", **options)
    stop_if(failure(found))
    return found
