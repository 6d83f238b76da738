# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of the core start from: answers in the vendor's shapes, and the objects made of them.

By convention ``ins-<n>`` is the CVM with the primary address ``10.1.<n // 256>.<n % 256>``; other addresses are ENIs.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import Refused
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings import plan as planning
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.change import Change, ChangeKind
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.entries import parse_entries
from ansible_collections.tencentcloud.clb.plugins.module_utils._bindings.snapshot import Backend, Pool, parse_targets

Raw = dict[str, Any]
LB = "lb-demo"


def rows(names, *values, **how):
    """Run a test once for each row of values, under these names; what is large has no place in a test's name."""
    how.setdefault("ids", lambda value: f"large {type(value).__name__}" if sys.getsizeof(value) > 1000 else None)
    return pytest.mark.parametrize(names, values, **how)


def in_threads(number, work):
    """Run a function in so many threads, each with its number, until all have ended."""
    threads = [threading.Thread(target=work, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def neighbours(values):
    """Each value with the next one, as ``itertools.pairwise`` gives them on Python 3.10 and newer."""
    return zip(values, values[1:])


def budget_on(clock, seconds=300, grace=30):
    return Budget(seconds, grace, clock=clock.now, pause=clock.sleep)


def ip_of(instance_id):
    """The primary address of ``ins-<n>``."""
    number = int(instance_id.partition("-")[2])
    return f"10.1.{number // 256}.{number % 256}"


def instance_at(address):
    """The instance with this primary address, None where it is none's."""
    parts = address.split(".")
    if len(parts) == 4 and parts[:2] == ["10", "1"]:
        return f"ins-{int(parts[2]) * 256 + int(parts[3])}"
    return None


def backend(address):
    return Backend(address, None) if address.startswith("ins-") else Backend(None, address)


def target(address, port=80, weight=10, tag="", **more):
    """An entry of ``Targets`` in an answer of DescribeTargets."""
    instance_id = address if address.startswith("ins-") else instance_at(address)
    return {
        "Type": "ENI" if instance_id is None else "CVM", "InstanceId": instance_id or "", "Port": port,
        "Weight": weight, "PublicIpAddresses": None, "Tag": tag, "InstanceName": None, "EniId": None, "Zone": None,
        "PrivateIpAddresses": [address if instance_id is None else ip_of(instance_id)],
        "RegisteredTime": "2026-01-01 08:00:00", **more,
    }  # fmt: skip


def tcp(listener_id, port=443, *targets, protocol="TCP", **more):
    """A layer-4 listener of an answer of DescribeTargets."""
    common = {"ListenerId": listener_id, "Protocol": protocol, "Port": port, "EndPort": 0}
    return {**common, "Rules": None, "Targets": list(targets), **more}


def rule(location_id, domain, *targets, url="/"):
    """A rule of a layer-7 listener."""
    return {"LocationId": location_id, "Domain": domain, "Url": url, "Targets": list(targets), "FunctionTargets": None}


def http(listener_id, port=80, *rules, protocol="HTTP", **more):
    """A layer-7 listener of an answer of DescribeTargets."""
    return tcp(listener_id, port, protocol=protocol, **{"Rules": list(rules), "Targets": None, **more})


def snapshot(*listeners):
    return parse_targets({"Listeners": list(listeners)})


def only(bound):
    """The one binding of a snapshot."""
    (found,) = bound.all_bindings()
    return found


def untagged(*listeners):
    """The same from a cloud that does not tell tags."""
    for listener in listeners:
        for place in (listener, *(listener["Rules"] or ())):
            for one in place["Targets"] or ():
                one.pop("Tag", None)
    return snapshot(*listeners)


def pool(listener_id="lbl-1", location_id=None):
    if location_id is None:
        return Pool(listener_id, None, "TCP", 443)
    return Pool(listener_id, location_id, "HTTP", 80, None, "a.example.com", "/")


def want(listener_id, address, port=80, **more):
    """An entry of the option ``targets`` that names one binding."""
    return {"listener_id": listener_id, backend_key(address): address, "port": port, **more}


def backend_key(address):
    return "instance_id" if address.startswith("ins-") else "eni_ip"


def register(address, where=None, port=80, **more):
    return Change(ChangeKind.REGISTER, where or pool(), backend(address), port, **more)


def change(kind, bound, **more):
    """A change of a binding that exists."""
    return Change(kind, bound.pool, bound.backend, bound.port, before=bound, **more)


def plan_for(entries, bound, *, state="present", purge=False):
    """What the module plans for these options, without any call."""
    parsed = parse_entries(list(entries), selectors=state != "present")
    return planning.make_plan(planning.Goal(state, parsed, purge), bound)


def predict(plan):
    """What will be bound to the touched pools once a plan is carried out."""
    return planning.apply_changes(plan.snapshot, plan.touched, plan.changes)


def told(changes):
    """Changes as plain values: kind, listener, rule, address, port, weight, tag."""
    return [
        (one.kind.value, one.pool.listener_id, one.pool.location_id, one.backend.address, one.port, one.weight, one.tag)
        for one in changes
    ]


def refused(
    code: str, api_message: str = "no", action: str = "BatchRegisterTargets", request_id: str | None = "r-refused"
) -> Refused:
    """A refusal as the client raises it."""
    message = f"{action} was refused with {code}: {api_message}"
    return Refused(message, code=code, action=action, request_id=request_id, api_message=api_message)
