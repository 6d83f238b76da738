# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about reads: health, the shape of answers, and looking for load balancers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..asker import CHECK_SECONDS, first
from ..calls import DEREGISTER, DETAIL, HEALTH, LISTENERS, LISTING, REGISTER, TARGETS, WEIGHT, NotAsked, Target
from ..question import Means, Questions, answered, lookup, measured, refusable, shape
from ..world import healths_in, objects, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..asker import Asker
    from ..question import Found
    from ..world import Place

READS = 6
"""How often an answer is read to see whether its order changes."""
DESCRIBING = ("PublicIpAddresses", "InstanceName", "RegisteredTime", "EniId", "Tag", "Zone")
TRAITS = ("SessionExpireTime", "Scheduler", "HealthCheck", "TargetType", "IdleConnectTimeout")
TARGET_IP_SECONDS = 60.0

question = Questions()

# Health


def _detail(health: Target) -> str:
    return text(health, "HealthStatusDetail") or "none"


def _checked(ask: Asker, *targets: Target) -> list[str]:
    """Bind targets, wait until their first check is over, and return the detail of each one's health."""
    ask.bind(*targets)
    ask.wait_for(lambda: all(_detail(ask.health(target)) == "Alive" for target in targets), ask.check_seconds)
    found = [_detail(ask.health(target)) for target in targets]
    ask.world.dead.update(
        target["EniIp"] for target, detail in zip(targets, found, strict=True) if detail == "Dead" and "EniIp" in target
    )
    return found


def _new_settings(found: Found) -> dict[str, Any]:
    after = found.seconds.get("until another result", 0.0)
    return {"health": {"after": round(after, 1), "unchecked": found.answer}} if found.answer != "none" else {}


@question(
    f"What does {HEALTH} say of a target right after it was bound?",
    Means("health.after, health.unchecked", _new_settings),
    calls=20,
)
def _health_new(ask: Asker) -> str:
    target = ask.target()
    ask.bind(target)
    at_first = _detail(ask.health(target))
    passed: float | None = 0.0
    if at_first != "Alive":
        passed = ask.wait_for(lambda: _detail(ask.health(target)) != at_first, CHECK_SECONDS)
        ask.measured["until another result"] = CHECK_SECONDS if passed is None else passed
    ask.check_seconds = CHECK_SECONDS if passed is None else passed + 2
    return at_first


@question("What does health say of a target at weight 0?", answered("health.at_zero"), calls=12)
def _health_at_zero(ask: Asker) -> str:
    target = ask.target(Weight=20)
    (before,) = _checked(ask, target)
    ask.must(WEIGHT, {**target, "Weight": 0})
    after = _detail(ask.health(target))
    return "as before" if after == before else after


def _is_healthy(answer: Mapping[str, Any]) -> bool:
    return answer["HealthStatus"] is True


@question("What does health say where the check is switched off?", answered("health.close_status", _is_healthy))
def _health_unchecked(ask: Asker) -> dict[str, Any]:
    unchecked = (place for place in ask.world.open() if not place.checked)
    target = ask.target(place=first(unchecked, "no listener or rule has its health check switched off"))
    ask.bind(target)
    health = ask.health(target)
    return {"HealthStatus": health.get("HealthStatus"), "HealthStatusDetail": _detail(health)}


@question("What is HealthStatus where every target is dead?", answered("health.dead_status", _is_healthy), calls=14)
def _health_all_dead(ask: Asker) -> dict[str, Any]:
    targets = [ask.target(backend=backend) for backend in ask.world.addresses(4)]
    details = _checked(ask, *targets)
    dead = [target for target, detail in zip(targets, details, strict=True) if detail == "Dead"]
    one = first(dead, "no backend is dead")
    alive = [target for target in targets if target not in dead]
    if alive:
        ask.must(DEREGISTER, *alive)
    return {"HealthStatus": ask.health(one).get("HealthStatus")}


@question(
    "Which LocationId has a layer-4 listener in an answer about health?",
    lookup("number_layer4_rules", {"null": False, "an ID": True}),
)
def _health_layer_4(ask: Asker) -> str:
    target = ask.target(place=ask.place(layer4=True))
    ask.bind(target)
    return "null" if ask.health(target).get("LocationId") is None else "an ID"


# The shape of answers


def _listeners(ask: Asker, **params: Any) -> Mapping[str, Any]:
    answer = ask.cloud.read(TARGETS, {"LoadBalancerId": ask.world.load_balancer_id, **params})
    if not answer.accepted:
        raise NotAsked(f"{TARGETS} is refused: {answer.refusal}")
    return answer.response


def _described(answer: Mapping[str, Any], place: Place) -> Iterator[Target]:
    """Yield a listener or rule as an answer describes it, if it does."""
    for listener in objects(answer, "Listeners"):
        if text(listener, "ListenerId") == place.listener_id:
            rules = (rule for rule in objects(listener, "Rules") if text(rule, "LocationId") == place.location_id)
            yield from rules if place.location_id else [listener]


def _empty(ask: Asker, place: Place) -> str:
    return shape(first(_described(_listeners(ask), place), "the listener or rule does not show"), "Targets")


def _fields(entry: Target, names: tuple[str, ...]) -> dict[str, str]:
    """Return which of some fields are null or missing."""
    return {name: "missing" if name not in entry else "null" for name in names if entry.get(name) is None}


@question(
    "How does Listeners look where DescribeTargets finds none?", lookup("sparse", {"null": ["Listeners"]}), calls=1
)
def _no_listeners(ask: Asker) -> str:
    taken = {place.port for place in (*ask.world.places, *ask.world.bare)}
    free = next(port for port in range(1, 65536) if port not in taken)
    return shape(_listeners(ask, Protocol="TCP", Port=free), "Listeners")


NULL_TARGETS = lookup("sparse", {"null": ["Targets"]})


@question("How does Targets look on a layer-4 listener without any?", NULL_TARGETS, calls=1)
def _empty_listener(ask: Asker) -> str:
    return _empty(ask, ask.place(layer4=True))


@question("How does Targets look on a rule without any?", NULL_TARGETS, calls=1)
def _empty_rule(ask: Asker) -> str:
    return _empty(ask, ask.place(layer4=False))


@question(
    "How does Targets look on a QUIC listener without any?", lookup("empty_quic_targets", {"null": "null"}), calls=1
)
def _empty_quic(ask: Asker) -> str:
    quic = (place for place in ask.world.places if place.protocol == "QUIC" and not place.location_id)
    return _empty(ask, first(quic, "the load balancer has no QUIC listener"))


def _null_settings(found: Found) -> dict[str, Any]:
    names = sorted(name for name, how in found.answer.items() if how == "null" and name not in found.usual)
    return {"sparse": names} if names else {}


@question("Which describing fields of a bound target are null?", Means("sparse", _null_settings))
def _nulls(ask: Asker) -> dict[str, str]:
    target = ask.target()
    ask.must(REGISTER, target)
    found = _fields(ask.entry(target), DESCRIBING)
    return {name: how for name, how in found.items() if (name, how) != ("Tag", "missing")}


@question("Has a bound target a Tag?", lookup("tags", {"missing": False}))
def _tag(ask: Asker) -> str:
    target = ask.target()
    ask.bind(target)
    return "there" if "Tag" in (ask.find(target) or {}) else "missing"


@question("Does the order of answers change?", lookup("order", {"changes": "random"}), calls=18)
def _order(ask: Asker) -> str:
    ask.bind(*(ask.target(port) for port in range(8)))
    ids = {"LoadBalancerIds": [ask.world.load_balancer_id]}
    seen = set()
    for _ in range(READS):
        bound = tuple((listener, entry.get("Port")) for listener, _location, entry in ask.bindings())
        health = ask.cloud.read(HEALTH, ids).response
        seen.add(
            (bound, *((text(listener, "ListenerId"), entry.get("Port")) for listener, _, entry in healths_in(health)))
        )
    return "the same each time" if len(seen) == 1 else "changes"


@question("Which fields of a listener's or rule's forwarding are null?", Means("sparse", _null_settings), calls=1)
def _traits(ask: Asker) -> dict[str, str]:
    place = ask.place()
    answer = ask.cloud.read(LISTENERS, {"LoadBalancerId": ask.world.load_balancer_id})
    pool = first(_described(answer.response, place), f"{LISTENERS} does not show the listener: {answer.verdict}")
    return _fields(pool, TRAITS if place.protocol == "TCP" else TRAITS[:-1])


@question(
    "How is a domain with letters beyond ASCII answered?", lookup("domains", {"in punycode": "punycode"}), calls=0
)
def _domain(ask: Asker) -> str:
    domains = [place.domain for place in ask.world.places]
    if any(not domain.isascii() for domain in domains):
        return "as typed"
    if any("xn--" in domain for domain in domains):
        return "in punycode"
    raise NotAsked("no rule has a domain with letters beyond ASCII")


def _ipv6(ask: Asker) -> tuple[Target, str]:
    """Bind a backend by its IPv6 address; return its entry and the address."""
    backend = first(ask.world.addresses(6), "no backend is an IPv6 address")
    target = ask.target(backend=backend)
    ask.bind(target)
    return ask.find(target) or {}, backend


@question("Which Type has a target that is bound by an IPv6 address?", answered("ipv6_type"))
def _ipv6_type(ask: Asker) -> str:
    return text(_ipv6(ask)[0], "Type").upper() or "none"


@question("Is an IPv6 address answered as it was given?", lookup("ipv6_spelling", {"another": "exploded"}))
def _ipv6_spelling(ask: Asker) -> str:
    entry, backend = _ipv6(ask)
    addresses = entry.get("PrivateIpAddresses")
    return "as given" if isinstance(addresses, list) and backend in addresses else "another"


# Looking for load balancers


def _own(ask: Asker, **params: Any) -> dict[str, Any]:
    answer = ask.cloud.read(LISTING, {"LoadBalancerIds": [ask.world.load_balancer_id], **params})
    found = objects(answer.response, "LoadBalancerSet")
    return first(found, f"{LISTING} does not show the load balancer: {answer.verdict}")


@question(
    f"Does {LISTING} filter by tag here?",
    *refusable("tag_filters", f"{LISTING}.unknown_filter", {"ignored": "ignore"}),
    calls=1,
)
def _tag_filter(ask: Asker) -> str:
    filters = [{"Name": "tag:clb-conformance", "Values": ["none"]}]
    answer = ask.cloud.read(LISTING, {"LoadBalancerIds": [ask.world.load_balancer_id], "Filters": filters})
    if not answer.accepted:
        return answer.code
    return "ignored" if objects(answer.response, "LoadBalancerSet") else "applied"


@question("How does Tags look on a load balancer without any?", lookup("sparse", {"null": ["Tags"]}), calls=1)
def _tags(ask: Asker) -> str:
    found = shape(_own(ask), "Tags")
    if found == "a list":
        raise NotAsked("the load balancer has tags")
    return found


def _counts(answer: Mapping[str, bool]) -> str | None:
    if answer["elsewhere"]:
        return "always"
    return None if answer["where it is asked for"] else "never"


@question(f"When does {LISTING} tell the TargetCount?", answered("target_count", _counts), calls=2)
def _target_count(ask: Asker) -> dict[str, bool]:
    return {
        "where it is asked for": _own(ask, AdditionalFields=["TargetCount"]).get("TargetCount") is not None,
        "elsewhere": _own(ask).get("TargetCount") is not None,
    }


@question(
    f"When does the filter target-ip of {DETAIL} find a target?",
    measured("detail_lag", "until it is found", usual=600.0),
    calls=10,
)
def _target_ip(ask: Asker) -> str:
    address = first(ask.world.addresses(4), "no backend is an IPv4 address")
    filters = [
        {"Name": "target-ip", "Values": [address]},
        {"Name": "loadbalancer-id", "Values": [ask.world.load_balancer_id]},
    ]
    ask.bind(ask.target(backend=address))

    def is_found() -> bool:
        answer = ask.cloud.read(DETAIL, {"Filters": filters})
        if not answer.accepted:
            raise NotAsked(f"{DETAIL} is refused: {answer.refusal}")
        return bool(objects(answer.response, "LoadBalancerDetailSet"))

    if is_found():
        return "at once"
    passed = ask.wait_for(is_found, TARGET_IP_SECONDS)
    if passed is None:
        return f"not within {TARGET_IP_SECONDS:.0f} seconds"
    ask.measured["until it is found"] = passed
    return "later"
