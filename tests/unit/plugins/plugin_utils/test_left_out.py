# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load balancers that can't be read: left out, or an error before any write; the same in modules and inventory."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import (
    ClbError,
    ConnectionFailed,
    Refused,
    UnexpectedAnswer,
)
from harness import Cloud, Run

from ..builders import Raw, refused, target, tcp
from ..fake_region import FakeRegion, read_regions

IDS = ["lb-1", "lb-2", "lb-3"]
HOST: Raw = {"instance_id": "ins-1"}
LISTENERS = {one: [tcp(f"lbl-{one}", 443, target("ins-1"), target("ins-2"))] for one in IDS}


class Seen(NamedTuple):
    """What a plugin made of load balancers that can't be read; `left_out` has a code for each ID."""

    failure: str | None
    code: str | None
    read: list[str]
    left_out: dict[str, str]
    warnings: list[str]


def seen(run: Run) -> Seen:
    return Seen(
        run.failure,
        run.code,
        [one["load_balancer_id"] for one in run["load_balancers"]],
        {one["load_balancer_id"]: one["code"] for one in run["left_out"]},
        run.warnings,
    )


def region(errors: dict[str, ClbError]) -> Cloud:
    """Three load balancers, some of which can't be read."""
    cloud = Cloud.of(LISTENERS)
    for identity, error in errors.items():
        kinds: Raw = {ConnectionFailed: "cut_before", UnexpectedAnswer: "html"}
        order = {"kind": kinds.get(type(error), "error")}
        if isinstance(error, Refused):
            order.update(code=error.code, message=error.api_message)
        cloud.add_faults({"action": "DescribeTargets", "load_balancers": [identity], "times": -1, **order})
    return cloud


def by_targets(errors: dict[str, ClbError], chosen: Raw) -> Seen:
    cloud = region(errors)
    run = cloud.run(targets=[HOST], state="drained", **chosen)
    assert run.failure is None or cloud.writes() == []
    return seen(run)


def by_info(errors: dict[str, ClbError], chosen: Raw) -> Seen:
    return seen(region(errors).run_info(targets=[HOST], health=True, **chosen))


def by_inventory(errors: dict[str, ClbError], chosen: Raw) -> Seen:
    fake = FakeRegion({one: (f"name-{one}", listeners) for one, listeners in LISTENERS.items()})
    fake.errors = errors
    try:
        reading = read_regions(fake, ids=chosen.get("load_balancer_ids"), health=True)
    except ClbError as error:
        return Seen(error.message, error.code, [], {}, [])
    read = [one["load_balancer_id"] for one in reading.balancers]
    # An inventory has no result to show them in.
    gone = {one: error.code for one, error in errors.items() if one not in read}
    return Seen(None, None, read, gone, reading.warnings)


PLUGINS = {"targets": by_targets, "targets_info": by_info, "inventory": by_inventory}
READERS = {"targets_info", "inventory"}
ERRORS: list[tuple[Exception, set[str]]] = [
    (refused("InvalidParameter.LBIdNotFound", "gone"), {*PLUGINS}),
    (refused("ResourceNotFound", "gone"), {*PLUGINS}),
    (refused("InvalidParameter", "LoadBalancer not exist"), {*PLUGINS}),
    (refused("InvalidParameter", "LB not exist"), {*PLUGINS}),
    (refused("InvalidParameterValue", "The load balancer `lb-2` does not exist."), {*PLUGINS}),
    (refused("UnsupportedOperation", "classic"), {*PLUGINS}),
    (refused("UnauthorizedOperation", "not allowed"), READERS),
    (refused("AuthFailure.UnauthorizedOperation", "not allowed"), READERS),
    (refused("AuthFailure.SignatureExpire", "too late"), set()),
    (refused("InternalError", "backend engine down"), set()),
    (refused("FailedOperation.InvalidLBStatus", "isolated"), set()),
    (refused("InvalidParameter", "some ListenerId lbl-2 not found"), set()),
    (refused("InvalidParameter", "Listener lbl-2 of LB lb-2 not found"), set()),
    (refused("InvalidParameter.RegionNotFound", "no such region"), set()),
    (refused("NeverHeardOf", "what?"), set()),
    (ConnectionFailed("can't connect"), set()),
    (UnexpectedAnswer("no JSON"), set()),
]


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("error, leaving", ERRORS, ids=lambda value: getattr(value, "api_message", ""))
def test_what_may_be_left_out_of_a_listing(plugin: str, error: ClbError, leaving: set[str]) -> None:
    result = PLUGINS[plugin]({"lb-2": error}, {"all_load_balancers": True})
    if plugin in leaving:
        assert (result.failure, result.read) == (None, ["lb-1", "lb-3"])
        assert result.left_out == {"lb-2": error.code}
        (warning,) = result.warnings
        assert warning.startswith("The load balancer lb-2 (name-lb-2) was left out")
    else:
        assert "lb-2" in (result.failure or "")
        assert result.code == error.code
        assert result.left_out == {}


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("error, leaving", ERRORS[:8:3])
def test_one_that_is_named_is_never_left_out(plugin: str, error: ClbError, leaving: set[str]) -> None:
    assert leaving
    result = PLUGINS[plugin]({"lb-2": error}, {"load_balancer_ids": IDS})
    assert "lb-2" in (result.failure or "")
    assert (result.code, result.left_out, result.warnings) == (error.code, {}, [])


@pytest.mark.parametrize("plugin", PLUGINS)
def test_all_left_out_is_an_error(plugin: str) -> None:
    result = PLUGINS[plugin](dict.fromkeys(IDS, ERRORS[0][0]), {"all_load_balancers": True})
    assert "No load balancer could be read." in (result.failure or "")
    assert "The load balancers lb-1 (name-lb-1), lb-2 (name-lb-2), lb-3 (name-lb-3) were left out" in (
        result.failure or ""
    )
    assert result.code == "InvalidParameter.LBIdNotFound"
    assert plugin == "inventory" or list(result.left_out) == IDS


def test_errors_on_several_are_told_together_in_the_order_chosen() -> None:
    errors = {"lb-3": refused("InternalError", "down"), "lb-2": refused("InternalError", "down")}
    errors["lb-1"] = ERRORS[0][0]
    for plugin in ("targets", "targets_info"):
        result = PLUGINS[plugin](errors, {"all_load_balancers": True})
        assert (result.failure or "").startswith("2 of 3 load balancers failed. lb-2, lb-3: ")
        assert (result.code, result.left_out) == ("InternalError", {"lb-1": errors["lb-1"].code})
