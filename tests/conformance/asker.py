# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What questions are asked with: look at one load balancer, bind, change and unbind targets, wait, and clean up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from .calls import DEREGISTER, HEALTH, REGISTER, STATUS, TARGETS, Answer, Cloud, Kind, NotAsked, Target
from .leftovers import MARK, Bound, Leftovers
from .world import Place, World, as_list, bindings_in, healths_in, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    T = TypeVar("T")

FIRST_PORT = 20001
POLL_SECONDS = 0.3
WAIT_SECONDS = 60.0
"""How long a load balancer may be busy, or a task may take."""
DOUBT_SECONDS = 15.0
"""How long a write of unknown outcome may still take effect."""
CLEAN_SECONDS = 90.0
CHECK_SECONDS = 40.0
"""Seconds in which a health check comes to a result: the default takes 15."""

NOWHERE = {"LoadBalancerId": "lb-zzzzzzzz", "ListenerId": "lbl-zzzzzzzz", "LocationId": "loc-zzzzzzzz"}
"""IDs that no account has."""


class NotClean(Exception):
    """Something that this run has bound could not be unbound; the text says what."""


def first(items: Iterable[T], missing: str) -> T:
    """Return the first item; where there is none, raise NotAsked with the text ``missing``."""
    for item in items:
        return item
    raise NotAsked(missing)


def largest(fits: Callable[[int], bool], first: Sequence[int], maximum: int) -> int:
    """Return the largest amount up to ``maximum`` that fits; some are tried ``first``."""
    most, beyond, known = 0, maximum + 1, list(first)
    while beyond - most > 1:
        amount = known.pop(0) if known else (most + beyond) // 2
        if most < amount < beyond:
            most, beyond = (amount, beyond) if fits(amount) else (most, amount)
    return most


class Looker:
    """Looks at one load balancer; NotAsked says why something can't be seen."""

    def __init__(self, cloud: Cloud, world: World) -> None:
        self.cloud, self.world = cloud, world

    def bindings(self) -> Iterator[tuple[str, str | None, Target]]:
        """Yield what is bound: listener ID, location ID and the target's entry."""
        return bindings_in(self.cloud.known(TARGETS, {"LoadBalancerId": self.world.load_balancer_id}))

    def entries(self, target: Target) -> list[Target]:
        """Return the entries of a target: more than one where it is bound twice."""
        wanted = Bound.of(target)
        found = [shown[-1] for shown in self.bindings() if wanted.is_shown_by(*shown)]
        if found:
            self.world.instances.setdefault(wanted.backend, found[0])
        return found

    def entry(self, target: Target) -> Target:
        return first(self.entries(target), "the target does not show")

    def health(self, target: Target) -> Target:
        answer = self.cloud.read(HEALTH, {"LoadBalancerIds": [self.world.load_balancer_id]})
        wanted = Bound.of(target)
        for listener, rule, entry in healths_in(answer.response):
            location = text(rule, "LocationId") if wanted.location_id else None
            shown = {**entry, "PrivateIpAddresses": [entry.get("IP")], "InstanceId": entry.get("TargetId")}
            if wanted.is_shown_by(text(listener, "ListenerId"), location, shown):
                return {**entry, "LocationId": rule.get("LocationId")}
        raise NotAsked(f"{HEALTH} does not mention the target: {answer.verdict}")

    def polls(self, seconds: float = WAIT_SECONDS) -> Iterator[float]:
        """Yield the seconds since the first look, again and again until the time is up."""
        started = self.cloud.api.now()
        while (passed := self.cloud.api.now() - started) <= seconds:
            yield passed
            self.cloud.api.sleep(POLL_SECONDS)

    def wait_for(self, condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> float | None:
        """Return after how many seconds something holds; None where it does not within ``seconds``."""
        return next((passed for passed in self.polls(seconds) if condition()), None)

    def until_free(self, call: Callable[[], Answer]) -> Answer:
        for _ in self.polls():
            answer = call()
            if answer.kind is not Kind.BUSY:
                return answer
        raise NotAsked(f"the load balancer stays busy: {answer.refusal}")


class Asker(Looker):
    """Asks one load balancer; NotAsked says why something can't be done, or that nobody knows how a write ended."""

    def __init__(self, cloud: Cloud, world: World, leftovers: Leftovers) -> None:
        super().__init__(cloud, world)
        self.leftovers = leftovers
        self.measured: dict[str, float] = {}
        """Seconds that the present question has measured, by name."""
        self.lag = 0.0
        """Seconds by which reads lag behind, as far as it is known."""
        self.check_seconds = CHECK_SECONDS
        """Seconds in which a health check comes to a result, as far as it is known."""
        self.in_doubt = False
        """The last write was not seen to end, and may still take effect."""

    def place(self, *, layer4: bool | None = None) -> Place:
        kind = "layer-4 listener" if layer4 else "rule"
        return first(self.world.open(layer4=layer4), f"the load balancer has no {kind} that takes targets")

    def target(self, port: int = 0, *, backend: str | None = None, place: Place | None = None, **more: Any) -> Target:
        """Return a target as batch calls take it; its port is added to the first port that is used here."""
        usual = (item for item in self.world.backends if ":" not in item)
        chosen = backend or first(usual, "it needs a backend that is no IPv6 address")
        name = "InstanceId" if chosen.startswith("ins-") else "EniIp"
        return {**(place or self.place()).names, name: chosen, "Port": FIRST_PORT + port, **more}

    # Writes

    def once(self, action: str, targets: Iterable[Target]) -> Answer:
        """Send a write once, whatever comes back; what it may have bound is unbound later."""
        params = {"LoadBalancerId": self.world.load_balancer_id, **members(action, targets)}
        fresh = {Bound.of(target) for target in params["Targets"]} if action == REGISTER else set()
        fresh -= self.leftovers.pending
        if fresh:
            self.leftovers.add(fresh)
        self.in_doubt = True
        answer = self.cloud.write(action, params)
        if not answer.accepted:
            self.in_doubt = False
            self.leftovers.remove(fresh)
        return answer

    def begin(self, action: str, targets: Iterable[Target]) -> Answer:
        """Send a write as soon as the load balancer is free, and wait for nothing else."""
        targets = list(targets)
        return self.until_free(lambda: self.once(action, targets))

    def write(self, action: str, targets: Iterable[Target]) -> Answer:
        """Send a write as soon as the load balancer is free, and wait until it is done."""
        return self.settle(self.begin(action, targets))

    def must(self, action: str, *targets: Target, settle: bool = True) -> Answer:
        """Send a write that has to work for a question to make sense, and ``settle`` it."""
        answer = self.begin(action, targets)
        if not answer.accepted:
            raise NotAsked(f"{action} is refused: {answer.refusal}")
        return self.settle(answer) if settle else answer

    def bind(self, *targets: Target) -> Target:
        """Bind targets, see them bound, and return the first one."""
        self.must(REGISTER, *targets)
        if self.wait_for(lambda: all(map(self.entries, targets))) is None:
            raise NotAsked("what is registered does not show as bound")
        return targets[0]

    def settle(self, answer: Answer) -> Answer:
        """Wait until a write that was accepted is done, and shows in reads; return its answer."""
        if not answer.accepted:
            return answer
        task = text(answer.response, "RequestId")
        for _ in self.polls():
            status = self.cloud.read(STATUS, {"TaskId": task})
            if not status.accepted or status.response.get("Status") != 2:
                break
        if self.lag:
            self.cloud.api.sleep(self.lag)
        self.in_doubt = False
        return answer

    # Cleaning up

    def clean(self) -> None:
        """Unbind what this run has bound, however late it is; raise NotClean if some of it is still bound."""
        until, self.cloud.until = self.cloud.until, None
        try:
            if self.leftovers.pending:
                self._clean()
        finally:
            self.cloud.until = until

    def _clean(self) -> None:
        age = time.time() - self.leftovers.changed_at
        unseen = set(self.leftovers.pending) if self.in_doubt else set()
        problem = ""
        for passed in self.polls(CLEAN_SECONDS):
            try:
                # One that was bound by two names shows twice.
                mine = dict.fromkeys(self.mine(self.bindings()))
                targets = [item.target for item in mine]
                unseen -= mine.keys()
                for start in range(0, len(targets), 100):
                    self.write(DEREGISTER, targets[start : start + 100])
                if not targets and (not unseen or passed + age >= DOUBT_SECONDS):
                    self.leftovers.remove(set(self.leftovers.pending))
                    self.in_doubt = False
                    return
            except Exception as error:  # noqa: BLE001  # it cleans up whatever is answered
                problem = f" ({type(error).__name__}: {error})"
                self.cloud.api.sleep(1.0)
        named = sorted({f"{item.backend}:{item.port} on {item.listener_id}" for item in self.leftovers.pending})
        raise NotClean(f"still bound, or not known: {', '.join(named[:10])}{problem}")

    def mine(self, bindings: Iterable[tuple[str, str | None, Target]]) -> Iterator[Bound]:
        """Yield what was bound by this run or a killed one."""
        for listener_id, location_id, entry in bindings:
            known = [item for item in self.leftovers.pending if item.is_shown_by(listener_id, location_id, entry)]
            if known:
                yield known[0]
            elif text(entry, "Tag").startswith(MARK) and isinstance(entry.get("Port"), int):
                addresses = [item for item in as_list(entry.get("PrivateIpAddresses")) if isinstance(item, str)]
                backend = text(entry, "InstanceId") or next(iter(addresses), "")
                yield Bound(listener_id, location_id, backend, entry["Port"])


def members(action: str, targets: Iterable[Target]) -> dict[str, Any]:
    """Return the parameters of a write that name its targets; what is registered is tagged, unless it has a tag."""
    if action == REGISTER:
        return {"Targets": [{"Tag": MARK, **target} for target in targets]}
    if action == DEREGISTER:
        return {"Targets": [{key: item for key, item in target.items() if key != "Weight"} for target in targets]}
    groups: dict[str, dict[str, Any]] = {}
    for target in targets:
        place: Target = {name: target[name] for name in ("ListenerId", "LocationId") if name in target}
        own = {key: item for key, item in target.items() if key not in place}
        groups.setdefault(str(place), {**place, "Targets": []})["Targets"].append(own)
    return {"ModifyList": list(groups.values())}
