# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How sound answers look where the settings say so: nulls for what is empty, another order, domains in ASCII."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

from .answer import to_json

if TYPE_CHECKING:
    from .answer import Answer
    from .settings import Settings

DESCRIBING = frozenset(
    {
        "AddressIPv6",
        "CreateTime",
        "EniId",
        "HealthCheck",
        "IdleConnectTimeout",
        "InstanceName",
        "ListenerName",
        "PublicIpAddresses",
        "RegisteredTime",
        "Scheduler",
        "SessionExpireTime",
        "StatusTime",
        "SubnetId",
        "TargetRegionInfo",
        "Zone",
    }
)
"""Fields that only describe: the vendor's models say of each, in some version, that it can be null."""

_SHUFFLED = frozenset({"Listeners", "Rules", "Targets", "LoadBalancers"})
"""Lists whose order nobody has promised."""


class Looks:
    """Changes answers as the settings say; the same calls in the same order always look the same."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._random = Random(0)  # it keeps no secret

    def change(self, answer: Answer) -> None:
        """Change a sound answer in place."""
        settings = self._settings
        if settings.sparse or settings.order == "random" or settings.domains == "punycode":
            answer.body = to_json(self._changed(json.loads(answer.body))).encode()

    def _changed(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._field(name, item) for name, item in value.items()}
        return [self._changed(item) for item in value] if isinstance(value, list) else value

    def _field(self, name: str, value: Any) -> Any:
        if self._is_null(name, value):
            return None
        if name == "Domain" and self._settings.domains == "punycode" and isinstance(value, str):
            return value.encode("idna").decode()
        changed = self._changed(value)
        if self._settings.order == "random" and name in _SHUFFLED and isinstance(changed, list):
            self._random.shuffle(changed)
        return changed

    def _is_null(self, name: str, value: Any) -> bool:
        sparse = self._settings.sparse
        if not sparse or (isinstance(sparse, frozenset) and name not in sparse):
            return False
        return value in ("", []) or name in DESCRIBING or (name, value) == ("TargetType", "NODE")
