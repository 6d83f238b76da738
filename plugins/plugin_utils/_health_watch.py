# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Health that is read again and again: the work of the event source ``health``. Knows nothing of ansible-rulebook."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible.module_utils.basic import missing_required_lib
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ..module_utils._api.transport import INSTALL_REQUESTS, REQUESTS_ERROR
from ..module_utils._base import pace
from ..module_utils._base.errors import ClbError, CredentialsNotFound, InvalidArgument, sentences
from ..module_utils._bindings.health import NO_HEALTH
from ..module_utils._tasks.info import run_info
from ..module_utils._tasks.request import CONNECTION_SPEC, LOAD_BALANCER_SPEC, Request, Spec, check_range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..module_utils._tasks.balancers import TaskResult

Raw = dict[str, Any]
_Key = tuple[Any, ...]

WATCH_SPEC: Spec = {
    **CONNECTION_SPEC,
    **LOAD_BALANCER_SPEC,
    "targets": {"type": "list", "elements": "dict"},
    "interval": {"type": "int", "default": pace.INTERVAL_SECONDS},
}
"""The options; documented in ``extensions/eda/plugins/event_source/health.py``."""
_OF_RULEBOOK = "eda_feedback_queue"
"""An option that ansible-rulebook itself adds to those of a source."""
_NOT_BY_WAITING = (
    CredentialsNotFound.default_code,
    InvalidArgument.default_code,
    "AuthFailure",
    "InvalidParameter.LBIdNotFound",
    "InvalidParameter.RegionNotFound",
    "UnauthorizedOperation",
    "UnsupportedOperation",
    "UnsupportedRegion",
)
"""Codes of failures that only other options or rights can mend."""
_IDENTITY = ("load_balancer_id", "listener_id", "location_id", "instance_id", "eni_ip", "port")
_HEALTH = ("healthy", "health_status")
_UNKNOWN = NO_HEALTH.detail
MAX_MISSED = 10
"""Reads in a row without a target, after which it counts as unbound; a single answer can leave something out."""
_TEMPLATE = re.compile(r"\{(?=[{%#])|#(?=jinja2:)")
"""Where an expression of Ansible begins, and a line that lets others begin one."""


class Poll(NamedTuple):
    """The findings of one read.

    :param events: an event for each target whose health has changed; a single one for a read that failed.
    :param warnings: sentences for the user; those of the read before are not told again.
    :param failure: the reason why the read failed, for people.
    :param pause: seconds until the next read.
    """

    events: list[Raw]
    warnings: tuple[str, ...]
    failure: str | None
    pause: int


class _Known(NamedTuple):
    """The known health of a target.

    :param registered: the time of its binding, as the cloud tells it.
    :param missed: reads since then that did not mention the target.
    """

    healthy: bool
    status: str
    registered: str | None = None
    missed: int = 0


class HealthWatch:
    """Reads the health of targets, and compares it with what was known of each last.

    :raises InvalidArgument: an option is wrong or missing.
    :raises ImportError: a library is missing.
    """

    def __init__(self, args: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        if REQUESTS_ERROR is not None:
            raise ImportError(sentences(missing_required_lib("requests"), INSTALL_REQUESTS))
        self._params = _check_options(args)
        self._environ = environ
        self._known: dict[_Key, _Known] | None = None
        self._failures = 0
        self._warned: tuple[str, ...] = ()

    def poll(self) -> Poll:
        """Read once.

        :raises ClbError: no read has succeeded yet, and this one failed for a reason that does not pass by itself.
        """
        done = run_info(self._params, self._environ)
        found: tuple[str, ...] = ()
        if done.connection is not None:
            found = done.connection.warnings
            # Whoever answers may give back what he was sent. Modules leave this to Ansible.
            done = type(done)(*done.connection.secrets.scrub(done))
        warnings = tuple(dict.fromkeys((*found, *done.warnings, *_nothing_known(done))))
        fresh = tuple(warning for warning in warnings if warning not in self._warned)
        self._warned = warnings
        interval: int = self._params["interval"]
        if done.failure is None:
            self._failures = 0
            return Poll(list(self._compare(done)), fresh, None, interval)
        error = done.result["error"]
        if self._known is None and error["code"].startswith(_NOT_BY_WAITING):
            raise ClbError(done.failure, code=error["code"])
        pause = min(interval * 2 ** min(self._failures, 30), max(interval, pace.MAX_FAILED_INTERVAL_SECONDS))
        self._failures += 1
        event = {**error, "summary": done.failure, "failed_reads": self._failures}
        return Poll([{"clb_error": _defused(event)}], fresh, done.failure, pause)

    def _compare(self, done: TaskResult) -> Iterator[Raw]:
        known = self._known or {}
        region = None if done.connection is None else done.connection.region
        self._known = _still_known(known, done)
        for target in done.result["targets"]:
            key = _key_of(target)
            before = known.get(key)
            registered = target["registered_time"] or (before.registered if before is not None else None)
            after = _Known(bool(target["healthy"]), target["health_status"], registered)
            if after.status == _UNKNOWN:
                # A target that the answer does not mention is unknown, too: its last known health still stands.
                continue
            self._known[key] = after
            if before is not None and before.registered not in (None, registered) and not after.healthy:
                # It was bound again since then.
                before = None
            if after.healthy if before is None else after[:2] == before[:2]:
                continue
            described = {name: value for name, value in target.items() if name not in _HEALTH}
            was = None if before is None else before.status
            health = {"health_before": was, "health_after": after.status, "healthy": after.healthy}
            yield {"clb_health": _defused({"region": region, **described, **health})}


def _key_of(target: Raw) -> _Key:
    return tuple(target[name] for name in _IDENTITY)


def _still_known(known: Mapping[_Key, _Known], done: TaskResult) -> dict[_Key, _Known]:
    """The known health, without the targets that have been missing for long."""
    mentioned = set(map(_key_of, done.result["targets"]))
    unread = {left_out["load_balancer_id"] for left_out in done.result["left_out"]}
    counted = {
        key: before._replace(missed=0 if key in mentioned else before.missed + (key[0] not in unread))
        for key, before in known.items()
    }
    return {key: before for key, before in counted.items() if before.missed < MAX_MISSED}


def _nothing_known(done: TaskResult) -> Iterator[str]:
    targets = done.result["targets"]
    if targets and all(target["health_status"] == _UNKNOWN for target in targets):
        yield "The health of every target that is watched is unknown, or the answer says nothing of it."


def _defused(value: Any) -> Any:
    """An event, or a part of one, in which no text is an expression.

    ansible-rulebook gives events to playbooks as extra variables, in which Ansible evaluates expressions. Whoever may
    name an instance must not get one evaluated.
    """
    if isinstance(value, str):
        return _TEMPLATE.sub(r"\g<0> ", value)
    if isinstance(value, dict):
        return {name: _defused(item) for name, item in value.items()}
    return list(map(_defused, value)) if isinstance(value, list) else value


def _check_options(args: Mapping[str, Any]) -> Raw:
    """The options with their defaults, each of its type."""
    given = {name: value for name, value in args.items() if name != _OF_RULEBOOK}
    unknown = sorted(map(str, given.keys() - WATCH_SPEC.keys()))
    if unknown:
        raise InvalidArgument(f"There is no option {', '.join(unknown)}; the options are {', '.join(WATCH_SPEC)}.")
    checked = ArgumentSpecValidator(WATCH_SPEC).validate(given)
    if checked.error_messages:
        raise InvalidArgument(" ".join(f"{message.rstrip('.')}." for message in checked.error_messages))
    params: Raw = {**checked.validated_parameters, "health": True}
    check_range(params, "interval", 1)
    if Request.parse_query(params).entries == ():
        raise InvalidArgument("targets is an empty list, which selects nothing; give a selector, or leave it out.")
    return params
