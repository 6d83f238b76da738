# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about the shape of answers: nulls, order, fields, spellings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..calls import HEALTH, LISTENERS, REGISTER, TARGETS, NotAsked, Target
from ..question import Questions, lookup, shape
from ..world import objects, text

if TYPE_CHECKING:
    from ..asker import Asker
    from ..question import Found
    from ..world import Place

READS = 6
"""How often an answer is read to see whether its order changes."""
DESCRIBING = ("PublicIpAddresses", "InstanceName", "RegisteredTime", "EniId", "Tag", "Zone")
TRAITS = ("SessionExpireTime", "Scheduler", "HealthCheck", "TargetType", "IdleConnectTimeout")

question = Questions()


def _listeners(ask: Asker, **params: Any) -> dict[str, Any]:
    answer = ask.cloud.read(TARGETS, {"LoadBalancerId": ask.world.load_balancer_id, **params})
    if not answer.accepted:
        raise NotAsked(f"{TARGETS} is refused: {answer.code}: {answer.message}")
    return dict(answer.response)


def _empty(ask: Asker, place: Place) -> str:
    for listener in objects(_listeners(ask), "Listeners"):
        if text(listener, "ListenerId") == place.listener_id:
            pools = objects(listener, "Rules") if place.location_id else [listener]
            for pool in pools:
                if not place.location_id or text(pool, "LocationId") == place.location_id:
                    return shape(pool, "Targets")
    raise NotAsked("the listener or rule does not show")


def _fields(entry: Target, names: tuple[str, ...]) -> dict[str, str]:
    """Return which of some fields are null or missing."""
    return {name: "missing" if name not in entry else "null" for name in names if entry.get(name) is None}


def _health_order(balancer: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(
        (text(listener, "ListenerId"), target.get("Port"))
        for listener in objects(balancer, "Listeners")
        for rule in objects(listener, "Rules")
        for target in objects(rule, "Targets")
    )


def _ipv6(ask: Asker) -> tuple[Target, str]:
    """Bind a backend by its IPv6 address; return its entry and the address."""
    backends = ask.world.addresses(6)
    if not backends:
        raise NotAsked("no backend is an IPv6 address")
    target = ask.target(backend=backends[0])
    ask.bind(target)
    return ask.find(target) or {}, backends[0]


@question(
    "How does Listeners look where DescribeTargets finds none?",
    "sparse",
    lookup("sparse", {"null": ["Listeners"]}),
    calls=1,
)
def _no_listeners(ask: Asker) -> str:
    taken = {place.port for place in (*ask.world.places, *ask.world.bare)}
    free = next(port for port in range(1, 65536) if port not in taken)
    return shape(_listeners(ask, Protocol="TCP", Port=free), "Listeners")


@question(
    "How does Targets look on a layer-4 listener without any?",
    "sparse",
    lookup("sparse", {"null": ["Targets"]}),
    calls=1,
)
def _empty_listener(ask: Asker) -> str:
    return _empty(ask, ask.place(layer4=True))


@question("How does Targets look on a rule without any?", "sparse", lookup("sparse", {"null": ["Targets"]}), calls=1)
def _empty_rule(ask: Asker) -> str:
    return _empty(ask, ask.place(layer4=False))


@question(
    "How does Targets look on a QUIC listener without any?",
    "empty_quic_targets",
    lookup("empty_quic_targets", {"null": "null"}),
    calls=1,
)
def _empty_quic(ask: Asker) -> str:
    place = next((place for place in ask.world.places if place.protocol == "QUIC" and not place.location_id), None)
    if place is None:
        raise NotAsked("the load balancer has no QUIC listener")
    return _empty(ask, place)


def _null_means(found: Found) -> dict[str, Any]:
    names = sorted(name for name, how in found.answer.items() if how == "null" and name not in found.usual)
    return {"sparse": names} if names else {}


@question("Which describing fields of a bound target are null?", "sparse", _null_means)
def _nulls(ask: Asker) -> dict[str, str]:
    target = ask.target()
    ask.must(REGISTER, target)
    entry = ask.find(target)
    if entry is None:
        raise NotAsked("the target does not show")
    return {name: how for name, how in _fields(entry, DESCRIBING).items() if (name, how) != ("Tag", "missing")}


@question("Has a bound target a Tag?", "tags", lookup("tags", {"missing": False}))
def _tag(ask: Asker) -> str:
    target = ask.target()
    ask.bind(target)
    return "there" if "Tag" in (ask.find(target) or {}) else "missing"


@question("Does the order of answers change?", "order", lookup("order", {"changes": "random"}), calls=18)
def _order(ask: Asker) -> str:
    ask.bind(*(ask.target(port) for port in range(8)))
    ids = {"LoadBalancerIds": [ask.world.load_balancer_id]}
    seen = set()
    for _ in range(READS):
        bound = tuple((listener, entry.get("Port")) for listener, _location, entry in ask.bindings())
        health = ask.cloud.read(HEALTH, ids).response
        seen.add((bound, *map(_health_order, objects(health, "LoadBalancers"))))
    return "the same each time" if len(seen) == 1 else "changes"


@question("Which fields of a listener's or rule's forwarding are null?", "sparse", _null_means, calls=1)
def _traits(ask: Asker) -> dict[str, str]:
    """Tell which fields that describe how a listener or rule forwards are null."""
    place = ask.place()
    answer = ask.cloud.read(LISTENERS, {"LoadBalancerId": ask.world.load_balancer_id})
    for listener in objects(answer.response, "Listeners"):
        pools = objects(listener, "Rules") if place.location_id else [listener]
        for pool in pools:
            if {**place.names, **{name: pool.get(name) for name in place.names}} == place.names:
                names = TRAITS if place.protocol == "TCP" else TRAITS[:-1]
                return _fields(pool, names)
    raise NotAsked(f"{LISTENERS} does not show the listener: {answer.verdict}")


@question(
    "How is a domain with letters beyond ASCII answered?",
    "domains",
    lookup("domains", {"in punycode": "punycode"}),
    calls=0,
)
def _domain(ask: Asker) -> str:
    domains = [place.domain for place in ask.world.places]
    if any(not domain.isascii() for domain in domains):
        return "as typed"
    if any("xn--" in domain for domain in domains):
        return "in punycode"
    raise NotAsked("no rule has a domain with letters beyond ASCII")


@question(
    "Which Type has a target that is bound by an IPv6 address?", "ipv6_type", lambda found: {"ipv6_type": found.answer}
)
def _ipv6_type(ask: Asker) -> str:
    return text(_ipv6(ask)[0], "Type").upper() or "none"


@question(
    "Is an IPv6 address answered as it was given?", "ipv6_spelling", lookup("ipv6_spelling", {"another": "exploded"})
)
def _ipv6_spelling(ask: Asker) -> str:
    entry, backend = _ipv6(ask)
    addresses = entry.get("PrivateIpAddresses")
    return "as given" if isinstance(addresses, list) and backend in addresses else "another"
