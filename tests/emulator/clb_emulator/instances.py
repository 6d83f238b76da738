# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CVM instances that the emulated cloud knows, by ID and by primary private IP."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable

_INVENTED_NETWORK = int(ipaddress.IPv4Address("10.128.0.0"))
_INVENTED_SIZE = 1 << 23


@dataclass(frozen=True)
class Instance:
    """A CVM. ``ip`` is the canonical primary private address."""

    id: str
    ip: str
    name: str | None = None
    zone: str | None = None
    public_ips: tuple[str, ...] | None = None


class Instances:
    """All known instances.

    :param known: the instances there are.
    :param accept_unknown: make up an instance when an unknown ID is asked for, with an address in 10.128.0.0/9 that
        depends on the ID only (but for rare clashes).
    """

    def __init__(self, known: Iterable[Instance], accept_unknown: bool) -> None:
        self._by_id = {instance.id: instance for instance in known}
        self._by_ip = {instance.ip: instance for instance in self._by_id.values()}
        self._accept_unknown = accept_unknown

    def get(self, instance_id: str) -> Instance:
        """Return the instance of this ID.

        :raises ApiError: there is none and none is made up.
        """
        if instance_id not in self._by_id:
            if not self._accept_unknown:
                raise ApiError("InvalidParameter", f"The instance `{instance_id}` does not exist.")
            instance = Instance(instance_id, self._invent_ip(instance_id), name=instance_id.replace("ins-", "cvm-", 1))
            self._by_id[instance_id] = instance
            self._by_ip[instance.ip] = instance
        return self._by_id[instance_id]

    def at(self, ip: str) -> Instance | None:
        """Return the instance whose primary private address this canonical IP is."""
        return self._by_ip.get(ip)

    def _invent_ip(self, instance_id: str) -> str:
        number = int.from_bytes(hashlib.sha256(instance_id.encode()).digest()[:4], "big") % _INVENTED_SIZE
        while True:
            ip = str(ipaddress.IPv4Address(_INVENTED_NETWORK + number))
            if ip not in self._by_ip:
                return ip
            number = (number + 1) % _INVENTED_SIZE
