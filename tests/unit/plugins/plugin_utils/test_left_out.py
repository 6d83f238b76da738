# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load balancers that can't be read: left out, or an error before any write; the same in modules and inventory."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base import errors as kinds
from harness import Cloud

from ..builders import refused, target, tcp
from ..fake_region import FakeRegion, read_regions

IDS = ["lb-1", "lb-2", "lb-3"]
LISTENERS = {one: [tcp(f"lbl-{one}", 443, target("ins-1"), target("ins-2"))] for one in IDS}
PLUGINS = ["targets", "targets_info", "inventory"]
READERS = PLUGINS[1:]


class Seen(NamedTuple):
    """What a plugin made of load balancers that can't be read; `left_out` has a code for each ID."""

    failure: str
    code: str
    read: list
    left_out: dict
    warnings: list


def run_module(plugin, errors, chosen):
    cloud = Cloud.of(LISTENERS)
    faults = {kinds.ConnectionFailed: "cut_before", kinds.UnexpectedAnswer: "html"}
    for identity, error in errors.items():
        fault = {"kind": faults.get(type(error), "error"), "load_balancers": [identity], "times": -1}
        told = {"code": error.code, "message": error.api_message} if isinstance(error, kinds.Refused) else {}
        cloud.add_faults({"action": "DescribeTargets", **fault, **told})
    options = {"targets": [{"instance_id": "ins-1"}], **chosen}
    run = cloud.run(state="drained", **options) if plugin == "targets" else cloud.run_info(health=True, **options)
    assert run.failure is None or cloud.writes() == []
    left_out = {one["load_balancer_id"]: one["code"] for one in run["left_out"]}
    read = [one["load_balancer_id"] for one in run["load_balancers"]]
    return Seen(run.failure or "", run.code, read, left_out, run.warnings)


def see(plugin, errors, **chosen):
    """Let a plugin read three load balancers, of which some can't be read."""
    if plugin != "inventory":
        return run_module(plugin, errors, chosen or {"all_load_balancers": True})
    fake = FakeRegion({one: (f"name-{one}", listeners) for one, listeners in LISTENERS.items()})
    fake.errors.update(errors)
    try:
        reading = read_regions(fake, ids=chosen.get("load_balancer_ids"), health=True)
    except kinds.ClbError as error:
        return Seen(error.message, error.code, [], {}, [])
    read = [one["load_balancer_id"] for one in reading.balancers]
    # An inventory has no result to show them in.
    return Seen("", None, read, {one: errors[one].code for one in errors if one not in read}, reading.warnings)


ERRORS = [
    (refused("InvalidParameter.LBIdNotFound", "gone"), PLUGINS),
    (refused("ResourceNotFound", "gone"), PLUGINS),
    (refused("InvalidParameter", "LoadBalancer not exist"), PLUGINS),
    (refused("InvalidParameter", "LB not exist"), PLUGINS),
    (refused("InvalidParameterValue", "The load balancer `lb-2` does not exist."), PLUGINS),
    (refused("UnsupportedOperation", "classic"), PLUGINS),
    (refused("UnauthorizedOperation", "not allowed"), READERS),
    (refused("AuthFailure.UnauthorizedOperation", "not allowed"), READERS),
    (refused("AuthFailure.SignatureExpire", "too late"), []),
    (refused("InternalError", "backend engine down"), []),
    (refused("FailedOperation.InvalidLBStatus", "isolated"), []),
    (refused("InvalidParameter", "some ListenerId lbl-2 not found"), []),
    (refused("InvalidParameter", "Listener lbl-2 of LB lb-2 not found"), []),
    (refused("InvalidParameter.RegionNotFound", "no such region"), []),
    (refused("NeverHeardOf", "what?"), []),
    (kinds.ConnectionFailed("can't connect"), []),
    (kinds.UnexpectedAnswer("no JSON"), []),
]


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("error, leaving", ERRORS, ids=lambda value: getattr(value, "api_message", ""))
def test_what_may_be_left_out_of_a_listing(plugin, error, leaving):
    result = see(plugin, {"lb-2": error})
    if plugin in leaving:
        assert result[:4] == ("", None, ["lb-1", "lb-3"], {"lb-2": error.code})
        (warning,) = result.warnings
        assert warning.startswith("The load balancer lb-2 (name-lb-2) was left out")
    else:
        assert ("lb-2" in result.failure, result.code, result.left_out) == (True, error.code, {})


@pytest.mark.parametrize("plugin", PLUGINS)
@pytest.mark.parametrize("error, leaving", ERRORS[:8:3])
def test_one_that_is_named_is_never_left_out(plugin, error, leaving):
    assert leaving
    result = see(plugin, {"lb-2": error}, load_balancer_ids=IDS)
    assert ("lb-2" in result.failure, result.code, result.left_out) == (True, error.code, {})
    assert list(result.warnings) == []


@pytest.mark.parametrize("plugin", PLUGINS)
def test_all_left_out_is_an_error(plugin):
    result = see(plugin, dict.fromkeys(IDS, ERRORS[0][0]))
    assert "No load balancer could be read." in result.failure
    names = ", ".join(f"{one} (name-{one})" for one in IDS)
    assert f"The load balancers {names} were left out" in result.failure
    assert result.code == "InvalidParameter.LBIdNotFound"
    assert plugin == "inventory" or list(result.left_out) == IDS


@pytest.mark.parametrize("plugin", ["targets", "targets_info"])
def test_errors_on_several_are_told_together_in_the_order_chosen(plugin):
    down = refused("InternalError", "down")
    result = see(plugin, {"lb-3": down, "lb-2": down, "lb-1": ERRORS[0][0]})
    assert result.failure.startswith("2 of 3 load balancers failed. lb-2, lb-3: ")
    assert (result.code, result.left_out) == ("InternalError", {"lb-1": ERRORS[0][0].code})
