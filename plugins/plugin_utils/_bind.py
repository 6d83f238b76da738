# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every backend on every listener: the work of the filter ``bind``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._bindings.entries import OF_LISTENERS

Entry = dict[str, Any]

_POOL = ("listener_id", "location_id", "domain", "url")
"""The keys that name a listener or rule in an entry of a result's ``listeners``, beside ``protocol`` and ``port``."""
_MAX_SHOWN = 80


def bind(backends: object, listeners: object) -> list[Entry]:
    """Cross backends with listeners: for each backend, in their order, an entry for each listener, in theirs.

    An entry of a result's ``listeners`` stands for the listener or rule that it describes, and one with ``rules`` for
    each of its rules. Keys of a backend win over those of a listener, unless they are null.

    :raises AnsibleFilterError: something is no list, or something in it no dict.
    """
    pools = [pool for entry in _dicts(listeners, "listeners") for pool in _pools(entry)]
    return [
        {**pool, **{key: value for key, value in backend.items() if value is not None or key not in pool}}
        for backend in _dicts(backends, "backends")
        for pool in pools
    ]


def _pools(entry: Entry) -> list[Entry]:
    """The listener or rules that an entry of ``listeners`` stands for, as ``targets`` names them."""
    if "protocol" not in entry or entry.keys().isdisjoint(OF_LISTENERS):
        return [entry]
    named = {"listener_port": entry.get("port"), "listener_protocol": entry["protocol"]}
    if "load_balancer_id" in entry:
        named["load_balancer_id"] = entry["load_balancer_id"]
    rules = [{"listener_id": entry.get("listener_id"), **rule} for rule in _dicts(entry.get("rules") or (), "rules")]
    return [{**named, **{key: pool.get(key) for key in _POOL}} for pool in rules or [entry]]


def _dicts(value: object, what: str) -> list[Entry]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise AnsibleFilterError(f"tencentcloud.clb.bind: {what} must be a list of dicts; it is {_shown(value)}.")
    found = []
    for index, item in enumerate(value):
        if not isinstance(item, Mapping):
            raise AnsibleFilterError(f"tencentcloud.clb.bind: {what}[{index}] must be a dict; it is {_shown(item)}.")
        found.append(dict(item))
    return found


def _shown(value: object) -> str:
    text = repr(value)
    shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
    return f"the {type(value).__name__} {shown}"
