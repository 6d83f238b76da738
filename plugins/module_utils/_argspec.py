# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that several plugins share, and the checks of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._errors import InvalidArgument

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
    "timeout": {"type": "int", "default": 30},
    "ca_path": {"type": "path"},
}
"""The connection options; documented in the doc fragment of the same name."""


LOAD_BALANCER_SPEC: Spec = {
    "load_balancer_id": {"type": "str"},
    "load_balancer_name": {"type": "str"},
    "load_balancer_ids": {"type": "list", "elements": "str"},
    "load_balancer_names": {"type": "list", "elements": "str"},
    "all_load_balancers": {"type": "bool", "default": False},
}
LOAD_BALANCER_OPTIONS = tuple(LOAD_BALANCER_SPEC)
"""The ways to choose load balancers; documented in the doc fragment ``bindings``."""


def check_minimum(params: Mapping[str, Any], name: str, minimum: int) -> None:
    """Check a number that must not be too small.

    :param params: the options of a module.
    :param name: which option.
    :param minimum: the smallest value that makes sense.
    :raises InvalidArgument: it is smaller.
    """
    if params[name] < minimum:
        raise InvalidArgument(f"{name} {params[name]} is too small; give a whole number of at least {minimum}.")
