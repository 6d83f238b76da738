# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that several plugins share, and the checks of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._base import pace
from .._base.errors import InvalidArgument, printable_number

if TYPE_CHECKING:
    from collections.abc import Mapping

Spec = dict[str, Any]


CONNECTION_SPEC: Spec = {
    "secret_id": {"type": "str", "no_log": True},
    "secret_key": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "profile": {"type": "str"},
    "role_arn": {"type": "str"},
    "role_session_name": {"type": "str"},
    "role_session_duration": {"type": "int"},
    "region": {"type": "str"},
    "endpoint": {"type": "str"},
    "sts_endpoint": {"type": "str"},
    "timeout": {"type": "int", "default": pace.REQUEST_SECONDS},
    "ca_path": {"type": "path"},
}
"""The connection options; documented in the doc fragment of the same name."""


LOAD_BALANCER_SPEC: Spec = {
    "load_balancer_id": {"type": "str"},
    "load_balancer_name": {"type": "str"},
    "load_balancer_ids": {"type": "list", "elements": "str"},
    "load_balancer_names": {"type": "list", "elements": "str"},
    "load_balancer_tags": {"type": "dict"},
    "all_load_balancers": {"type": "bool", "default": False},
}
LOAD_BALANCER_OPTIONS = tuple(LOAD_BALANCER_SPEC)
"""The ways to choose load balancers; documented in the doc fragment ``bindings``."""

MAXIMA = {
    "timeout": pace.MAX_REQUEST_SECONDS,
    "wait_timeout": pace.MAX_TASK_SECONDS,
    "interval": pace.MAX_TASK_SECONDS,
    "min_healthy": 1_000_000,
}
"""The largest values of options; of targets, more than there are."""


def check_minimum(params: Mapping[str, Any], name: str, minimum: int) -> None:
    """Check that a number is neither too small nor, where :data:`MAXIMA` has the option, too large.

    :param params: the options of a module.
    :param minimum: the smallest value that makes sense.
    :raises InvalidArgument: the value is out of this range.
    """
    value, maximum = params[name], MAXIMA.get(name)
    if value < minimum:
        limits = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise InvalidArgument(f"{name} {printable_number(value)} is too small; give a whole number {limits}.")
    if maximum is not None and value > maximum:
        raise InvalidArgument(
            f"{name} {printable_number(value)} is too large; "
            f"give a whole number{'' if name == 'min_healthy' else ' of seconds'} from {minimum} to {maximum}."
        )
