# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about reads: health, the shape of answers, and looking for load balancers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from ..asker import CHECK_SECONDS, first
from ..calls import DEREGISTER, DETAIL, HEALTH, LISTENERS, LISTING, REGISTER, TARGETS, WEIGHT, NotAsked, Target, shape
from ..question import Means, Question, Questions, answered, lookup, measured, refusable
from ..world import healths_in, objects, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

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
    pairs = zip(targets, found, strict=True)
    ask.world.dead.update(target["EniIp"] for target, detail in pairs if detail == "Dead" and "EniIp" in target)
    return found


def _new_settings(found: Found) -> dict[str, Any]:
    after = found.seconds.get("until another result", 0.0)
    return {"health": {"after": round(after, 1), "unchecked": found.answer}} if found.answer != "none" else {}


_NEW = Means("health.after, health.unchecked", _new_settings)


@question(f"What does {HEALTH} say of a target right after it was bound?", _NEW)
def _health_new(ask: Asker) -> str:
    target = ask.bind(ask.target())
    at_first = _detail(ask.health(target))
    passed: float | None = 0.0
    if at_first != "Alive":
        passed = ask.wait_for(lambda: _detail(ask.health(target)) != at_first, CHECK_SECONDS)
        ask.measured["until another result"] = CHECK_SECONDS if passed is None else passed
    ask.check_seconds = CHECK_SECONDS if passed is None else passed + 2
    return at_first


@question("What does health say of a target at weight 0?", answered("health.at_zero"))
def _health_at_zero(ask: Asker) -> str:
    target = ask.target(Weight=20)
    before = _checked(ask, target)
    ask.must(WEIGHT, {**target, "Weight": 0})
    after = _detail(ask.health(target))
    return "as before" if [after] == before else after


def _is_healthy(answer: Mapping[str, Any]) -> bool:
    return answer["HealthStatus"] is True


@question("What does health say where the check is switched off?", answered("health.close_status", _is_healthy))
def _health_unchecked(ask: Asker) -> dict[str, Any]:
    unchecked = (place for place in ask.world.open() if not place.checked)
    place = first(unchecked, "no listener or rule has its health check switched off")
    health = ask.health(ask.bind(ask.target(place=place)))
    return {"HealthStatus": health.get("HealthStatus"), "HealthStatusDetail": _detail(health)}


@question("What is HealthStatus where every target is dead?", answered("health.dead_status", _is_healthy))
def _health_all_dead(ask: Asker) -> dict[str, Any]:
    targets = [ask.target(backend=backend) for backend in ask.world.addresses(4)]
    pairs = list(zip(targets, _checked(ask, *targets), strict=True))
    one = first((target for target, detail in pairs if detail == "Dead"), "no backend is dead")
    alive = [target for target, detail in pairs if detail != "Dead"]
    if alive:
        ask.must(DEREGISTER, *alive)
    return {"HealthStatus": ask.health(one).get("HealthStatus")}


_NUMBERED = lookup("number_layer4_rules", {"null": False, "an ID": True})


@question("Which LocationId has a layer-4 listener in an answer about health?", _NUMBERED)
def _health_layer_4(ask: Asker) -> str:
    target = ask.bind(ask.target(place=ask.place(layer4=True)))
    return "null" if ask.health(target).get("LocationId") is None else "an ID"


# The shape of answers


def _listeners(ask: Asker, **params: Any) -> Mapping[str, Any]:
    return ask.cloud.known(TARGETS, {"LoadBalancerId": ask.world.load_balancer_id, **params})


def _described(answer: Mapping[str, Any], place: Place) -> Iterator[Target]:
    """Yield a listener or rule as an answer describes it, if it does."""
    for listener in objects(answer, "Listeners"):
        if text(listener, "ListenerId") == place.listener_id:
            rules = (rule for rule in objects(listener, "Rules") if text(rule, "LocationId") == place.location_id)
            yield from rules if place.location_id else [listener]


def _null(name: str) -> Means:
    return lookup("sparse", {"null": [name]})


@question("How does Listeners look where DescribeTargets finds none?", _null("Listeners"))
def _no_listeners(ask: Asker) -> str:
    taken = {place.port for place in (*ask.world.places, *ask.world.bare)}
    free = next(port for port in range(1, 65536) if port not in taken)
    return shape(_listeners(ask, Protocol="TCP", Port=free), "Listeners")


def _quic(ask: Asker) -> Place:
    quic = (place for place in ask.world.places if place.protocol == "QUIC" and not place.location_id)
    return first(quic, "the load balancer has no QUIC listener")


def _empty(place: Callable[[Asker], Place], ask: Asker) -> str:
    shown = _described(_listeners(ask), place(ask))
    return shape(first(shown, "the listener or rule does not show"), "Targets")


for named, kind, place_of, means in (
    ("listener", "layer-4 listener", lambda ask: ask.place(layer4=True), _null("Targets")),
    ("rule", "rule", lambda ask: ask.place(layer4=False), _null("Targets")),
    ("quic", "QUIC listener", _quic, lookup("empty_quic_targets", {"null": "null"})),
):
    asks = f"How does Targets look on a {kind} without any?"
    question.append(Question(f"empty-{named}", asks, partial(_empty, place_of), (means,)))


def _fields(entry: Target, names: tuple[str, ...]) -> dict[str, str]:
    """Return which of some fields are null or missing."""
    return {name: "missing" if name not in entry else "null" for name in names if entry.get(name) is None}


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
    return "there" if "Tag" in ask.entry(ask.bind(ask.target())) else "missing"


@question("Does the order of answers change?", lookup("order", {"changes": "random"}))
def _order(ask: Asker) -> str:
    ask.bind(*(ask.target(port) for port in range(8)))
    ids = {"LoadBalancerIds": [ask.world.load_balancer_id]}
    seen = set()
    for _ in range(READS):
        bound = [(listener, entry.get("Port")) for listener, _location, entry in ask.bindings()]
        healths = healths_in(ask.cloud.read(HEALTH, ids).response)
        seen.add((*bound, *((text(listener, "ListenerId"), entry.get("Port")) for listener, _, entry in healths)))
    return "the same each time" if len(seen) == 1 else "changes"


@question("Which fields of a listener's or rule's forwarding are null?", Means("sparse", _null_settings))
def _traits(ask: Asker) -> dict[str, str]:
    place = ask.place()
    answer = ask.cloud.read(LISTENERS, {"LoadBalancerId": ask.world.load_balancer_id})
    pool = first(_described(answer.response, place), f"{LISTENERS} does not show the listener: {answer.verdict}")
    return _fields(pool, TRAITS if place.protocol == "TCP" else TRAITS[:-1])


@question("How is a domain with letters beyond ASCII answered?", lookup("domains", {"in punycode": "punycode"}))
def _domain(ask: Asker) -> str:
    domains = [place.domain for place in ask.world.places]
    if any(not domain.isascii() for domain in domains):
        return "as typed"
    if any("xn--" in domain for domain in domains):
        return "in punycode"
    raise NotAsked("no rule has a domain with letters beyond ASCII")


def _ipv6(ask: Asker) -> Target:
    backend = first(ask.world.addresses(6), "no backend is an IPv6 address")
    return ask.entry(ask.bind(ask.target(backend=backend)))


@question("Which Type has a target that is bound by an IPv6 address?", answered("ipv6_type"))
def _ipv6_type(ask: Asker) -> str:
    return text(_ipv6(ask), "Type").upper() or "none"


@question("Is an IPv6 address answered as it was given?", lookup("ipv6_spelling", {"another": "exploded"}))
def _ipv6_spelling(ask: Asker) -> str:
    addresses = _ipv6(ask).get("PrivateIpAddresses")
    is_given = isinstance(addresses, list) and ask.world.addresses(6)[0] in addresses
    return "as given" if is_given else "another"


# Looking for load balancers


def _own(ask: Asker, **params: Any) -> dict[str, Any]:
    answer = ask.cloud.read(LISTING, {"LoadBalancerIds": [ask.world.load_balancer_id], **params})
    found = objects(answer.response, "LoadBalancerSet")
    return first(found, f"{LISTING} does not show the load balancer: {answer.verdict}")


_BY_TAG = refusable("tag_filters", f"{LISTING}.unknown_filter", {"ignored": "ignore"})


@question(f"Does {LISTING} filter by tag here?", *_BY_TAG)
def _tag_filter(ask: Asker) -> str:
    filters = [{"Name": "tag:clb-conformance", "Values": ["none"]}]
    answer = ask.cloud.read(LISTING, {"LoadBalancerIds": [ask.world.load_balancer_id], "Filters": filters})
    if not answer.accepted:
        return answer.code
    return "ignored" if objects(answer.response, "LoadBalancerSet") else "applied"


@question("How does Tags look on a load balancer without any?", _null("Tags"))
def _tags(ask: Asker) -> str:
    found = shape(_own(ask), "Tags")
    if found == "a list":
        raise NotAsked("the load balancer has tags")
    return found


def _counts(answer: Mapping[str, bool]) -> str | None:
    if answer["elsewhere"]:
        return "always"
    return None if answer["where it is asked for"] else "never"


@question(f"When does {LISTING} tell the TargetCount?", answered("target_count", _counts))
def _target_count(ask: Asker) -> dict[str, bool]:
    asked = {"where it is asked for": {"AdditionalFields": ["TargetCount"]}, "elsewhere": {}}
    return {where: _own(ask, **params).get("TargetCount") is not None for where, params in asked.items()}


_FOUND = measured("detail_lag", "until it is found", usual=600.0)


@question(f"When does the filter target-ip of {DETAIL} find a target?", _FOUND)
def _target_ip(ask: Asker) -> str:
    address = first(ask.world.addresses(4), "no backend is an IPv4 address")
    values = {"target-ip": address, "loadbalancer-id": ask.world.load_balancer_id}
    filters = {"Filters": [{"Name": name, "Values": [value]} for name, value in values.items()]}
    ask.bind(ask.target(backend=address))

    def is_found() -> bool:
        return bool(objects(ask.cloud.known(DETAIL, filters), "LoadBalancerDetailSet"))

    if is_found():
        return "at once"
    passed = ask.wait_for(is_found, TARGET_IP_SECONDS)
    if passed is None:
        return f"not within {TARGET_IP_SECONDS:.0f} seconds"
    ask.measured["until it is found"] = passed
    return "later"
