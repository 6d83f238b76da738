# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions about looking for load balancers: by tag, by target, and what the listing shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..calls import DETAIL, LISTING, NotAsked
from ..question import Questions, is_code, lookup, shape
from ..world import objects

if TYPE_CHECKING:
    from ..asker import Asker
    from ..question import Found

TARGET_IP_SECONDS = 60.0

question = Questions()


def _own(ask: Asker, **params: Any) -> dict[str, Any]:
    answer = ask.cloud.read(LISTING, {"LoadBalancerIds": [ask.world.load_balancer_id], **params})
    found = objects(answer.response, "LoadBalancerSet")
    if not found:
        raise NotAsked(f"{LISTING} does not show the load balancer: {answer.verdict}")
    return found[0]


def _tag_filter_means(found: Found) -> dict[str, Any]:
    if is_code(found.answer):
        return {"tag_filters": "refuse", "codes": {f"{LISTING}.unknown_filter": found.answer}}
    return {"tag_filters": "ignore"} if found.answer == "ignored" else {}


@question(f"Does {LISTING} filter by tag here?", "tag_filters, codes", _tag_filter_means, calls=1)
def _tag_filter(ask: Asker) -> str:
    filters = [{"Name": "tag:clb-conformance", "Values": ["none"]}]
    answer = ask.cloud.read(LISTING, {"LoadBalancerIds": [ask.world.load_balancer_id], "Filters": filters})
    if not answer.accepted:
        return answer.code
    return "ignored" if objects(answer.response, "LoadBalancerSet") else "applied"


@question("How does Tags look on a load balancer without any?", "sparse", lookup("sparse", {"null": ["Tags"]}), calls=1)
def _tags(ask: Asker) -> str:
    found = shape(_own(ask), "Tags")
    if found == "a list":
        raise NotAsked("the load balancer has tags")
    return found


def _target_count_means(found: Found) -> dict[str, Any]:
    if found.answer["elsewhere"]:
        return {"target_count": "always"}
    return {} if found.answer["where it is asked for"] else {"target_count": "never"}


@question(f"When does {LISTING} tell the TargetCount?", "target_count", _target_count_means, calls=2)
def _target_count(ask: Asker) -> dict[str, bool]:
    return {
        "where it is asked for": _own(ask, AdditionalFields=["TargetCount"]).get("TargetCount") is not None,
        "elsewhere": _own(ask).get("TargetCount") is not None,
    }


@question(
    f"When does the filter target-ip of {DETAIL} find a target?",
    "detail_lag",
    lambda found: {"detail_lag": round(found.seconds.get("until it is found", 600.0), 1)},
    calls=10,
)
def _target_ip(ask: Asker) -> str:
    addresses = ask.world.addresses(4)
    if not addresses:
        raise NotAsked("no backend is an IPv4 address")
    filters = [
        {"Name": "target-ip", "Values": addresses[:1]},
        {"Name": "loadbalancer-id", "Values": [ask.world.load_balancer_id]},
    ]
    target = ask.target(backend=addresses[0])
    ask.bind(target)

    def is_found() -> bool:
        answer = ask.cloud.read(DETAIL, {"Filters": filters})
        if not answer.accepted:
            raise NotAsked(f"{DETAIL} is refused: {answer.code}: {answer.message}")
        return bool(objects(answer.response, "LoadBalancerDetailSet"))

    if is_found():
        return "at once"
    passed = ask.wait_for(is_found, TARGET_IP_SECONDS)
    if passed is None:
        return f"not within {TARGET_IP_SECONDS:.0f} seconds"
    ask.measured["until it is found"] = passed
    return "later"
