# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backends that the emulated cloud knows: instances by ID and primary address, interfaces, types of addresses."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import ApiError
from .model import canonical_ip, canonical_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
    """All known instances and interfaces.

    :param known: the instances there are.
    :param accept_unknown: make up an instance when an unknown ID is asked for, with an address in 10.128.0.0/9 that
        depends on the ID only (but for rare clashes).
    :param numbered: a network, such as 10.1.0.0/16, whose nth address belongs to the instance ``ins-<n>``.
    :param interfaces: network interfaces by ID, each with all its addresses: a binding of one of them shows them all.
    :param types: the type of what is bound by address and is no CVM, by address; ENI where nothing is said.
    """

    def __init__(
        self,
        known: Iterable[Instance],
        accept_unknown: bool,
        numbered: str | None = None,
        interfaces: Mapping[str, Sequence[str]] | None = None,
        types: Mapping[str, str] | None = None,
    ) -> None:
        self._by_id = {instance.id: instance for instance in known}
        self._by_ip = {instance.ip: instance for instance in self._by_id.values()}
        self._accept_unknown = accept_unknown
        self._numbered = None if numbered is None else ipaddress.ip_network(numbered)
        self._interfaces = {
            canonical_ip(address): tuple(addresses)
            for addresses in (interfaces or {}).values()
            for address in addresses
        }
        self._types = {canonical_ip(address): kind for address, kind in (types or {}).items()}

    def get(self, instance_id: str) -> Instance:
        """Return the instance of this ID.

        :raises ApiError: there is none and none is made up.
        """
        if instance_id not in self._by_id:
            if not self._accept_unknown:
                raise ApiError(
                    "InvalidParameter", f"The instance `{instance_id}` does not exist.", situation="unknown_instance"
                )
            instance = Instance(instance_id, self._invent_ip(instance_id), name=instance_id.replace("ins-", "cvm-", 1))
            self._by_id[instance_id] = instance
            self._by_ip[instance.ip] = instance
        return self._by_id[instance_id]

    def at(self, ip: str) -> Instance | None:
        """Return the instance whose primary private address this canonical IP is."""
        if self._numbered is not None and ip not in self._by_ip:
            address = ipaddress.ip_address(ip)
            if address in self._numbered:
                return self.get(f"ins-{int(address) - int(self._numbered.network_address)}")
        return self._by_ip.get(ip)

    def interface(self, ip: str) -> tuple[str, ...] | None:
        """Return all addresses of the network interface that has this one; None where nothing is known of it."""
        return self._interfaces.get(canonical_name(ip)) if self._interfaces else None

    def type_at(self, ip: str, usual: str = "ENI") -> str:
        """Return the ``Type`` of a backend that is bound by this address, and is no instance that is known by it."""
        return self._types.get(canonical_name(ip), usual) if self._types else usual

    def _invent_ip(self, instance_id: str) -> str:
        number = instance_id.rpartition("-")[2]
        if self._numbered is not None and number.isdigit():
            return str(self._numbered[int(number)])
        index = int.from_bytes(hashlib.sha256(instance_id.encode()).digest()[:4], "big") % _INVENTED_SIZE
        while True:
            ip = str(ipaddress.IPv4Address(_INVENTED_NETWORK + index))
            if ip not in self._by_ip:
                return ip
            index = (index + 1) % _INVENTED_SIZE
