# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One load balancer and somebody else who writes there, tasks with a restore file, and what tests ask of a task."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, Optional

from harness import Cloud

from ..builders import Raw, http, rule, target, tcp

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from harness import Run

HOST: Raw = {"instance_id": "ins-1"}
HERE: Raw = {"listener_id": "lbl-1", **HOST}
ONE: Raw = {"load_balancer_id": "lb-1", "listener_id": "lbl-1", "instance_id": "ins-1", "port": 80}
OLD = "2026-01-02T00:00:00Z"
BUSY = "FailedOperation.ResourceInOperating"
Doing = tuple[Raw, str, Optional[int]]
"""Place (ListenerId, LocationId), address and weight; a weight of None unbinds, -1 gives the tag ``theirs``."""


def order(kind: str, **settings: Any) -> Raw:
    """Order a fault; the emulator's README tells the kinds and their settings."""
    return {"kind": kind, **settings}


def refusal(code: str, message: str = "no", **more: Any) -> Raw:
    return order("error", code=code, message=message, **more)


def unknown_outcome(apply: float = 1.0, **more: Any) -> Raw:
    """A connection that is cut behind a write, of which this share was carried out."""
    return order("cut_after", apply=apply, **more)


def balancer(
    listeners: Iterable[Raw],
    *faults: Raw | None,
    bad: Iterable[str] = (),
    full: Iterable[str] = (),
    rivals: Iterable[Sequence[Doing]] = (),
    **settings: Any,
) -> Cloud:
    """One load balancer, ``lb-1``.

    :param faults: of the next writes that find it free, one each.
    :param bad: backends that no write may name.
    :param full: listeners whose quota is used up.
    :param rivals: what somebody else does before each of the first calls that find it free, one sequence a call.
    """
    cloud = Cloud.of({"lb-1": list(listeners)}, **settings)
    cloud.next_writes(*faults)
    if bad:
        cloud.add_faults(order("refuse_targets", targets=list(bad), message="no such host", times=-1))
    if full:
        where = {"action": "BatchRegisterTargets", "listeners": list(full)}
        cloud.add_faults(order("refuse_listeners", message="too many targets", times=-1, **where))
    waiting = deque(rivals)

    def write() -> None:
        if waiting and not is_locked(cloud):
            for doing in waiting.popleft():
                interfere(cloud, *doing)

    cloud.before("*", write, times=-1)
    return cloud


def is_locked(cloud: Cloud) -> bool:
    return any(cloud.now() < one.locked_until for one in cloud.cloud.load_balancers.values())


def lock(cloud: Cloud, seconds: float) -> None:
    """Let somebody else's task work on lb-1 from now on."""
    cloud.change("lock", {"load_balancer_id": "lb-1", "seconds": seconds})


def interfere(cloud: Cloud, place: Raw, address: str, weight: int | None) -> None:
    """Let somebody else change one binding on port 80 at once."""
    here = (place["ListenerId"], place.get("LocationId"), address, 80)
    bound = here in {binding[:4] for binding in cloud.bindings()}
    part = {**place, "LoadBalancerId": "lb-1", "InstanceId": address, "Port": 80}
    if weight is None:
        if bound:
            cloud.change("unbind", [part])
    elif not bound:
        cloud.change("bind", [{**part, "Weight": max(weight, 0)}])
    elif weight < 0:
        cloud.change("tag", [{**part, "Tag": "theirs"}])
    else:
        cloud.change("weight", [{**part, "Weight": weight}])


def addresses(cloud: Cloud, listener_id: str | None = None) -> set[str]:
    """The addresses that are bound, on one listener where one is named."""
    return {binding[2] for binding in cloud.bindings() if listener_id in (None, binding[0])}


def weights(cloud: Cloud) -> dict[str, int]:
    """Address -> weight."""
    return {binding[2]: binding[4] for binding in cloud.bindings()}


def sent(call: Raw) -> list[Raw]:
    """The targets of a write, each with its listener and rule."""
    return [{**part, **one} for part in call["params"].get("ModifyList") or [call["params"]] for one in part["Targets"]]


def sent_to(call: Raw) -> list[str]:
    """Whose bindings a write is about, in its order."""
    return [one.get("InstanceId") or one["EniIp"] for one in sent(call)]


def accepted(cloud: Cloud) -> list[str]:
    """The actions of the accepted writes."""
    return [call["action"] for call in cloud.writes() if call["accepted"]]


def address_of(entry: Raw) -> str:
    return str(entry["instance_id"] or entry["eni_ip"])


def failed(run: Run) -> dict[str, str]:
    """Address -> code of every change that is not in place."""
    return {address_of(entry): entry["code"] for entry in run["failed_targets"]}


def done(run: Run) -> list[str]:
    """Whose bindings the task has written."""
    return [address_of(entry) for key in ("registered", "modified", "deregistered") for entry in run[key]]


def former(run: Run) -> list[tuple[str, int, str]]:
    """Address, weight and tag of what ``restore`` holds."""
    return [(address_of(entry), entry["weight"], entry["tag"]) for entry in run["restore"]]


def region(count: int = 1, **settings: Any) -> Cloud:
    """Load balancers, each with ins-1 (weight 100, tag a) and an interface on TCP:443, and ins-1 on a rule."""
    return Cloud.of(
        {
            f"lb-{one}": [
                tcp(f"lbl-{one}", 443, target("ins-1", 80, 100, "a"), target("10.9.0.2", 80, 30)),
                http(f"lbl-{one}0", 80, rule(f"loc-{one}", "a.example.com", target("ins-1", 80, 50))),
            ]
            for one in range(1, count + 1)
        },
        **settings,
    )


def held(file: Path) -> list[Raw]:
    return json.loads(file.read_text()) if file.exists() else []


def remembered(file: Path) -> dict[str, int | None]:
    return {
        f"{one['location_id'] or one['listener_id']} {one['instance_id'] or one['eni_ip']}": one["weight"]
        for one in held(file)
    }


def remember(file: Path, *entries: Raw) -> None:
    file.write_text(json.dumps(list(entries)))


def drain(cloud: Cloud, file: Path, *targets: Raw, **options: Any) -> Run:
    run = cloud.run(state="drained", targets=list(targets or [HOST]), restore_file=str(file), **options)
    assert not run.failed, run.message
    return run


def restore(cloud: Cloud, file: Path, **options: Any) -> Run:
    return cloud.run(state="restored", restore_file=str(file), **options)
