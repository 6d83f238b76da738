# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError, ConnectionFailed
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._reading import Reading, fingerprint, pack, unpack

from ..builders import refused, rows, target, tcp
from ..fake_region import API, SHOP, FakeRegion, read_regions

GONE = "InvalidParameter.LBIdNotFound"
SOUTH, NORTH = "ap-guangzhou", "ap-beijing"
NOWHERE = "targets[0]: none of the load balancers has a listener 'lbl-77'. It selects nothing."


@pytest.fixture
def region():
    return FakeRegion({"lb-1": SHOP, "lb-2": API})


@pytest.fixture
def both():
    return FakeRegion({"lb-1": SHOP}, SOUTH), FakeRegion({"lb-2": API}, NORTH)


def region_of(count):
    return FakeRegion({f"lb-{n}": (f"n{n}", [tcp(f"lbl-{n}", 443, target("ins-1"))]) for n in range(count)})


def failure(*regions, **what):
    """The message with which reading fails."""
    with pytest.raises(ClbError) as caught:
        read_regions(*regions, **what)
    return caught.value.message


def ids(reading):
    return [balancer["load_balancer_id"] for balancer in reading.balancers]


@rows(
    "what, balancers",
    ({}, ["lb-1", "lb-2", "lb-3", "lb-4"]),
    ({"ids": ["lb-2"]}, ["lb-2"]),
    ({"names": ["shop"]}, ["lb-1", "lb-3"]),
    ({"ids": ["lb-1"], "names": ["api"]}, ["lb-1", "lb-2"]),
)
def test_which_load_balancers_are_read(what, balancers):
    region = FakeRegion({"lb-1": SHOP, "lb-2": API, "lb-3": ("shop", []), "lb-4": ("shop-old", [])})
    assert ids(read_regions(region, **what)) == balancers
    assert region.count("DescribeTargets") == len(balancers)


@pytest.mark.parametrize("health", [False, True])
def test_twenty_load_balancers_take_one_listing_and_one_call_each_and_one_for_all_of_their_health(health):
    region = region_of(20)
    found = read_regions(region, health=health)
    expected = {"DescribeLoadBalancers": 1, "DescribeTargets": 20, **({"DescribeTargetHealth": 1} if health else {})}
    assert {action: region.count(action) for action, _ in region.calls} == expected
    assert ids(found) == [f"lb-{n}" for n in range(20)]


def test_one_name_is_left_to_the_clouds_own_filter():
    region = region_of(250)
    assert ids(read_regions(region, names=["n7"])) == ["lb-7"]
    [(_, params), *_] = region.calls
    assert (params["LoadBalancerName"], params["Offset"]) == ("n7", 0)


@rows(
    "what, named",
    ({"ids": ["lb-1", "lb-77"]}, "'lb-77'"),
    ({"names": ["shop", "lb-77"]}, "'lb-77'"),
    # An ID is no name, and a name no ID.
    ({"ids": ["shop", "lb-2"], "names": ["lb-1"]}, "'shop', 'lb-1'"),
    ({"ids": ["lb-old"]}, "'lb-old'"),
)
def test_a_load_balancer_that_does_not_exist_is_an_error(what, named):
    region = FakeRegion({"lb-1": SHOP, "lb-2": API, "lb-old": API}, own={"lb-old": {"forward": 0}})
    message = failure(region, **what)
    assert message.startswith(f"No load balancer {named} in region ap-guangzhou. Check")
    assert message.endswith("Classic load balancers are not supported.")
    everything = read_regions(region)
    assert (ids(everything), everything.warnings) == (["lb-1", "lb-2"], [])


def test_equal_warnings_come_once_and_name_a_few():
    region = region_of(20)
    region.errors = {f"lb-{n}": refused(GONE, f"lb-{n} is gone", "DescribeTargets") for n in range(12)}
    region.errors["lb-15"] = refused("UnsupportedOperation", "no", "DescribeTargets")
    gone, unsupported = read_regions(region).warnings
    assert "balancers lb-0 (n0), lb-1 (n1), lb-2 (n2), lb-3 (n3), lb-4 (n4) and 7 more were left out in region" in gone
    assert "load balancer lb-15 (n15) was left out in region" in unsupported


def test_after_an_error_that_fails_all_nothing_more_is_read():
    region = region_of(1000)
    region.errors["lb-0"] = ConnectionFailed("no answer")
    assert failure(region) == "region ap-guangzhou, load balancer lb-0 (n0): no answer"
    assert region.count("DescribeTargets") < 1000


def test_several_regions_are_read_in_their_order(both):
    found = read_regions(*both, ids=["lb-1", "lb-2"]).balancers
    assert [(one["region"], one["load_balancer_id"]) for one in found] == [(SOUTH, "lb-1"), (NORTH, "lb-2")]


@rows(
    "selectors, matched, reads, warnings",
    ([], [0, 0], 0, []),
    ([{"load_balancer_id": "lb-2", "instance_id": "ins-1"}], [0, 1], 1, []),
    ([{"listener_id": "lbl-9"}], [0, 1], 2, []),
    ([{"listener_id": "lbl-77"}], [0, 0], 2, [NOWHERE]),
)
def test_a_selector_matches_where_it_says(region, selectors, matched, reads, warnings):
    reading = read_regions(region, targets=selectors)
    assert [len(balancer["targets"]) for balancer in reading.balancers] == matched
    assert region.count("DescribeTargets") == reads
    assert reading.warnings == warnings


@rows(
    "more, message",
    ({"region": NORTH}, "targets[0]: region 'ap-beijing' is not ap-guangzhou"),
    ({"load_balancer_id": "lb-1", "load_balancer_name": "api"}, "targets[0]: load_balancer_name 'api' is not the"),
    ({"load_balancer_name": "api"}, "targets[0]: load_balancer_name 'api' alone does not say which load balancer"),
    ({"listener_id": "lbl-9", "listener_port": 80}, "region ap-guangzhou, load balancer lb-2 (api): "),
    ({"load_balancer_id": "lb-3"}, "targets[0]: load_balancer_id 'lb-3' is none of the load balancers that this"),
)
def test_a_selector_that_can_match_nothing_is_an_error(more, message):
    region = FakeRegion({"lb-1": SHOP, "lb-2": API, "lb-3": API})
    assert failure(region, ids=["lb-1", "lb-2"], targets=[{"instance_id": "ins-1", **more}]).startswith(message)


def test_a_selector_with_a_region_matches_there_only(both):
    reading = read_regions(*both, targets=[{"instance_id": "ins-1", "region": NORTH}])
    assert [len(balancer["targets"]) for balancer in reading.balancers] == [0, 1]
    assert both[0].count("DescribeTargets") == 0


QUERY = dict.fromkeys(["load_balancer_ids", "load_balancer_names", "load_balancer_tags", "targets"])
OPTIONS = {"region": "ap-guangzhou", "secret_id": None, "secret_key": "key", "timeout": 30, "ca_path": None}


@pytest.fixture
def environ(tmp_path):
    return {"HOME": str(tmp_path), "TENCENTCLOUD_SECRET_ID": "AKIDone", "PATH": "/bin"}


def key(environ, *, query=(), regions=("ap-guangzhou",), options=(), variables=()):
    """The key of the cache; the arguments replace what is usual."""
    query = {**QUERY, "health": False, **dict(query)}
    return fingerprint(query, list(regions), {**OPTIONS, **dict(options)}, {**environ, **dict(variables)})


@rows(
    "changed",
    *({"query": one} for one in ({"health": True}, {"load_balancer_ids": ["lb-1"]}, {"load_balancer_names": ["lb-1"]})),
    {"query": {"load_balancer_tags": {"env": ("prod",)}}},
    *({"query": {"targets": one}} for one in ([], [{"port": 80, "instance_id": "ins-1"}])),
    *({"regions": regions} for regions in (["ap-beijing"], ["ap-guangzhou", "ap-beijing"], [None])),
    *({"options": {name: "other"}} for name in ("secret_id", "profile", "role_arn", "endpoint", "sts_endpoint")),
    *({"variables": {f"TENCENTCLOUD_{name}": "x"}} for name in ("SECRET_ID", "REGION", "CLB_ENDPOINT", "ROLE_ARN")),
    *({"variables": {name: "other"}} for name in ("TCCLI_PROFILE", "TKE_ROLE_ARN")),
)
def test_the_key_changes_with_what_is_read(environ, changed):
    assert key(environ, **changed) != key(environ)


@rows(
    "same",
    {"options": {"timeout": 5, "secret_key": "other", "token": "other"}},
    {"variables": {"PATH": "/usr/bin", "TENCENTCLOUD_TOKEN": "t", "TENCENTCLOUD_SECRET_KEY": "k"}},
)
def test_the_key_stays_where_the_same_is_read(environ, same):
    assert key(environ, **same) == key(environ)


@rows(
    "kind, content",
    ("credential", {"secretId": "AKIDtwo", "secretKey": "k"}),
    ("credential", {"secretId": "AKIDone", "secretKey": "k", "role-arn": "qcs::cam::uin/1:roleName/r"}),
    ("configure", {"_sys_param": {"region": "ap-beijing"}}),
    # Broken: that is no error where the profile may not be needed.
    ("credential", None),
)
def test_the_key_changes_with_the_profile(environ, tmp_path, kind, content):
    before = key(environ)
    (tmp_path / ".tccli").mkdir()
    (tmp_path / ".tccli" / f"default.{kind}").write_text(json.dumps(content) if content else "{")
    assert key(environ) != before


@pytest.fixture
def reading():
    read = read_regions(FakeRegion({"lb-1": SHOP, "lb-2": API}), health=True)
    return Reading(read.balancers, ["One is missing."])


def test_what_was_kept_comes_back(reading):
    assert unpack(json.loads(json.dumps(pack(reading))), "x") == reading


DAMAGE = [
    lambda kept: kept["balancers"][0].pop("targets"),
    lambda kept: kept["balancers"][0].update(targets="many"),
    lambda kept: kept["balancers"].pop(),
    dict.clear,
]


@pytest.mark.parametrize("kept", [*DAMAGE, None, [], "text", 7, [{"region": "ap-guangzhou"}], {"balancers": []}])
def test_what_was_changed_or_never_kept_is_refused(reading, kept):
    if kept in DAMAGE:
        damage, kept = kept, copy.deepcopy(pack(reading))
        damage(kept)
    with pytest.raises(ClbError, match=r"^The cache file /x does not hold .* Delete it, or run .* --flush-cache"):
        unpack(kept, "The cache file /x")
