# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The changes of an answer that mean something else: a sound answer of a cloud in another state.

Whatever is not listed here must leave what a task does as it was, or make it fail.
"""

from __future__ import annotations

from typing import Any

from .fuzzing import ODDITIES, UNKNOWN_KEY, Change

TEXT, EMPTY, NUMBER, FALSE, NULL, MISSING, NOTHING, OTHERS = (
    "another text",
    "an empty text",
    "another number",
    "false",
    "null",
    "missing",
    "an empty list",
    "a list of other texts",
)
"""The kinds of change."""
GONE = (NULL, MISSING)
LEFT_OUT = {MISSING}
NAME = {TEXT, EMPTY}
OPTIONAL = {TEXT, EMPTY, *GONE}
NO_ITEMS = {NULL, NOTHING}


def kind_of(change: Change) -> str:
    """What kind of change one is; the name of the oddity where no sound answer has anything like it there."""
    if change.what in (MISSING, UNKNOWN_KEY):
        return change.what
    value: Any = ODDITIES[change.what]
    if isinstance(value, str):
        return TEXT if value else EMPTY
    if value is None:
        return NULL
    if value is False:
        return FALSE
    if type(value) is int:
        return NUMBER
    if value == []:
        return NOTHING
    return OTHERS if value == ["abc"] else change.what


_TARGET: dict[str, set[str]] = {
    "": LEFT_OUT,  # a target less
    ".InstanceId": {TEXT},
    ".InstanceName": OPTIONAL,
    ".Port": {NUMBER},
    ".PrivateIpAddresses": {*NO_ITEMS, OTHERS},
    ".PrivateIpAddresses[]": {TEXT, EMPTY, MISSING},
    ".PublicIpAddresses": {OTHERS},
    ".RegisteredTime": OPTIONAL,
    ".Tag": OPTIONAL,
    ".Type": {TEXT},  # whatever is no CVM is addressed by its IP
    ".Weight": {NUMBER},
    ".Zone": OPTIONAL,
}
_BOUND: dict[str, set[str]] = {
    "Listeners": NO_ITEMS,
    "Listeners[]": LEFT_OUT,
    "Listeners[].EndPort": {NUMBER},
    "Listeners[].ListenerId": {TEXT},
    "Listeners[].Port": {NUMBER},
    "Listeners[].Protocol": {TEXT},
    "Listeners[].Rules": NO_ITEMS,
    "Listeners[].Rules[]": LEFT_OUT,
    "Listeners[].Rules[].Domain": NAME,
    "Listeners[].Rules[].LocationId": {TEXT},
    "Listeners[].Rules[].Url": NAME,
    **{f"{pool}.Targets": NO_ITEMS for pool in ("Listeners[]", "Listeners[].Rules[]")},
    **{
        f"{pool}.Targets[]{name}": kinds
        for pool in ("Listeners[]", "Listeners[].Rules[]")
        for name, kinds in _TARGET.items()
    },
}
_LISTED: dict[str, set[str]] = {
    "LoadBalancerSet[].LoadBalancerId": {TEXT},
    "LoadBalancerSet[].LoadBalancerName": NAME,
    "LoadBalancerSet[].VpcId": OPTIONAL,
    # One without the tags that choose is not chosen.
    "LoadBalancerSet[].Tags": {*GONE, NOTHING},
    "LoadBalancerSet[].Tags[]": LEFT_OUT,
    "LoadBalancerSet[].Tags[].TagKey": {TEXT},
    "LoadBalancerSet[].Tags[].TagValue": OPTIONAL,
}
_HEALTH: dict[str, set[str]] = {
    "LoadBalancers": NO_ITEMS,
    "LoadBalancers[]": LEFT_OUT,
    "LoadBalancers[].LoadBalancerId": {TEXT},
    "LoadBalancers[].Listeners": NO_ITEMS,
    "LoadBalancers[].Listeners[]": LEFT_OUT,
    "LoadBalancers[].Listeners[].ListenerId": {TEXT},
    "LoadBalancers[].Listeners[].Rules": NO_ITEMS,
    "LoadBalancers[].Listeners[].Rules[]": LEFT_OUT,
    "LoadBalancers[].Listeners[].Rules[].LocationId": OPTIONAL,
    "LoadBalancers[].Listeners[].Rules[].Targets": NO_ITEMS,
    "LoadBalancers[].Listeners[].Rules[].Targets[]": LEFT_OUT,
    "LoadBalancers[].Listeners[].Rules[].Targets[].HealthStatus": {FALSE},
    "LoadBalancers[].Listeners[].Rules[].Targets[].HealthStatusDetail": {TEXT},
    "LoadBalancers[].Listeners[].Rules[].Targets[].IP": NAME,
    "LoadBalancers[].Listeners[].Rules[].Targets[].Port": {NUMBER},
}

READ: dict[str, dict[str, set[str]]] = {
    "DescribeTargets": _BOUND,
    "DescribeTargetHealth": _HEALTH,
    "DescribeLoadBalancers": _LISTED,
}
"""What tasks and inventories report otherwise that only read, by action and place."""

_ONLY_SHOWN = (".InstanceName", ".PublicIpAddresses", ".RegisteredTime", ".Zone")
WRITTEN: dict[str, dict[str, set[str]]] = {
    "DescribeTargets": {place: kinds for place, kinds in _BOUND.items() if not place.endswith(_ONLY_SHOWN)},
    "DescribeLoadBalancers": {place: kinds for place, kinds in _LISTED.items() if not place.endswith(".VpcId")},
    # Of the target that is to be lost: it gets no traffic, so that nothing is lost.
    "DescribeTargetHealth": {"LoadBalancers[].Listeners[].Rules[].Targets[].HealthStatus": {FALSE}},
}
"""What tasks do otherwise that write. Of an answer about health nothing else is here: less that is known of it makes a
guard refuse, never pass."""
