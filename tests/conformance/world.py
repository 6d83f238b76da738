# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a load balancer has that questions need, and the emulated load balancer that looks like it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .calls import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Raw = Mapping[str, Any]

LAYER4 = ("TCP", "UDP", "TCP_SSL", "QUIC")
NODE = "NODE"


# What is missing, null or of another type in an answer counts as empty.


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def objects(value: Raw, name: str) -> list[dict[str, Any]]:
    return [item for item in as_list(value.get(name)) if isinstance(item, dict)]


def text(value: Raw, name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""


def bindings_in(answer: Raw) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    """Yield listener ID, location ID and entry of each target in an answer of DescribeTargets."""
    for listener in objects(answer, "Listeners"):
        listener_id = text(listener, "ListenerId")
        yield from ((listener_id, None, entry) for entry in objects(listener, "Targets"))
        for rule in objects(listener, "Rules"):
            yield from ((listener_id, text(rule, "LocationId"), entry) for entry in objects(rule, "Targets"))


def healths_in(answer: Raw) -> Iterator[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]]:
    for balancer in objects(answer, "LoadBalancers"):
        for listener in objects(balancer, "Listeners"):
            for rule in objects(listener, "Rules"):
                yield from ((listener, rule, entry) for entry in objects(rule, "Targets"))


def same_address(one: Any, other: str) -> bool:
    try:
        return ipaddress.ip_address(one) == ipaddress.ip_address(other)
    except ValueError:
        return bool(one == other)


@dataclass(frozen=True)
class Place:
    """A layer-4 listener, or a rule, to which targets can be bound; ``target_type`` is NODE, or what manages them."""

    listener_id: str
    protocol: str
    port: int
    location_id: str | None = None
    domain: str = ""
    url: str = ""
    checked: bool = True
    target_type: str = NODE

    @property
    def names(self) -> dict[str, str]:
        return {"ListenerId": self.listener_id, **({"LocationId": self.location_id} if self.location_id else {})}


@dataclass
class World:
    """A load balancer and the backends that may be bound to it; ``dead`` are those that a run has seen dead."""

    load_balancer_id: str
    backends: tuple[str, ...]
    places: list[Place] = field(default_factory=list)
    bare: list[Place] = field(default_factory=list)
    """Layer-7 listeners without any rule."""
    instances: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Backend -> its entry in an answer, as far as a run has seen it."""
    dead: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, load_balancer_id: str, backends: tuple[str, ...], targets: Raw, listeners: Raw) -> World:
        """Make it of the answers to DescribeTargets and DescribeListeners; raise Unusable if it does not fit."""
        world = cls(load_balancer_id, backends)
        described = {text(item, "ListenerId"): item for item in objects(listeners, "Listeners")}
        for listener in objects(targets, "Listeners"):
            world._add(listener, described.get(text(listener, "ListenerId"), {}))
        if not world.open():
            raise Unusable(f"{load_balancer_id} has no listener or rule that takes targets: make a TCP listener first")
        return world

    def _add(self, listener: Raw, described: Raw) -> None:
        port = listener["Port"] if isinstance(listener.get("Port"), int) else 0
        place = Place(text(listener, "ListenerId"), text(listener, "Protocol"), port)
        described_rules = {text(rule, "LocationId"): rule for rule in objects(described, "Rules")}
        rules = objects(listener, "Rules")
        for rule in rules:
            self._check(rule)
            rule_id = text(rule, "LocationId")
            own = replace(place, location_id=rule_id, domain=text(rule, "Domain"), url=text(rule, "Url"))
            self.places.append(replace(own, **_traits(described_rules.get(rule_id, described))))
        if not rules and place.protocol in LAYER4:
            self._check(listener)
            self.places.append(replace(place, **_traits(described)))
        elif not rules:
            self.bare.append(place)

    def _check(self, pool: Raw) -> None:
        if pool.get("Targets") or pool.get("FunctionTargets"):
            usable = "use a load balancer that was made for this, without any target"
            raise Unusable(f"something is bound to {self.load_balancer_id}: {usable}")

    def open(self, *, layer4: bool | None = None) -> list[Place]:
        """Return the listeners, rules or both that take targets, those with a health check and plain TCP first."""
        direct = [place for place in self.places if place.target_type == NODE and place.protocol != "QUIC"]
        found = [place for place in direct if layer4 in (None, place.location_id is None)]
        return sorted(found, key=lambda place: (bool(place.location_id), not place.checked, place.protocol != "TCP"))

    def addresses(self, version: int) -> list[str]:
        return [backend for backend in self.backends if _version(backend) == version]

    def twin(self, region: str) -> dict[str, Any]:
        """Return a scenario of the emulator with a load balancer like this one."""
        listeners: dict[str, dict[str, Any]] = {}
        for place in (*self.places, *self.bare):
            named = {"id": place.listener_id, "protocol": place.protocol, "port": place.port, "rules": []}
            listener = listeners.setdefault(place.listener_id, named)
            own = {"target_type": place.target_type, "health_check": place.checked}
            if place.location_id:
                rule = {"id": place.location_id, "domain": _unicode(place.domain), "url": place.url}
                listener["rules"].append({**rule, **own})
            else:
                listener.update(own)
        instances = {
            text(entry, "InstanceId"): {"ip": ip, "name": "name", "zone": "zone", "public_ips": ["203.0.113.1"]}
            for ip, entry in self.instances.items()
            if text(entry, "Type").upper() == "CVM" and text(entry, "InstanceId") and _version(ip) == 4
        }
        balancers = [{"id": self.load_balancer_id, "listeners": list(listeners.values())}]
        scenario = {"region": region, "rate_limit": 0, "load_balancers": balancers, "instances": instances}
        return {**scenario, "health": {"dead": sorted(self.dead)}}


def _version(backend: str) -> int:
    try:
        return ipaddress.ip_address(backend).version
    except ValueError:
        return 0


def _unicode(domain: str) -> str:
    try:
        return domain.encode("ascii").decode("idna") if "xn--" in domain else domain
    except UnicodeError:
        return domain


def _traits(described: Raw) -> dict[str, Any]:
    check = described.get("HealthCheck")
    is_on = not isinstance(check, dict) or check.get("HealthSwitch") != 0
    return {"checked": is_on, "target_type": text(described, "TargetType") or NODE}


_RULES = [{"id": "loc-plain", "domain": "a.example.com"}, {"id": "loc-idn", "domain": "\u00fc.example.com"}]
_LISTENERS = [
    {"id": "lbl-tcp", "protocol": "TCP", "port": 443},
    {"id": "lbl-udp", "protocol": "UDP", "port": 53, "health_check": False},
    {"id": "lbl-quic", "protocol": "QUIC", "port": 444},
    {"id": "lbl-group", "protocol": "TCP", "port": 445, "target_type": "TARGETGROUP"},
    {"id": "lbl-bare", "protocol": "HTTP", "port": 81},
    {"id": "lbl-http", "protocol": "HTTP", "port": 80, "rules": _RULES},
]
EMULATED_ID = "lb-conformance"
EMULATED: dict[str, Any] = {
    "instances": {
        f"ins-{name}": {"ip": f"10.0.0.{number}", "name": name, "zone": "zone", "public_ips": [f"203.0.113.{number}"]}
        for name, number in (("one", 5), ("two", 6), ("dead", 7))
    },
    "health": {"dead": ["ins-dead"]},
    "load_balancers": [{"id": EMULATED_ID, "listeners": _LISTENERS}],
}
"""The emulated load balancer that is asked where no other is named: it has whatever a question needs."""
EMULATED_BACKENDS = ("10.0.0.5", "10.0.0.6", "10.0.0.7", "2001:db8::5")
