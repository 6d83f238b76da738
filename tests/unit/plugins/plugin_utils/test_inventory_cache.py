# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import json

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._reading import Reading, fingerprint, pack, unpack

from ..fake_region import API, SHOP, FakeRegion, read_regions

QUERY = dict.fromkeys(["load_balancer_ids", "load_balancer_names", "load_balancer_tags", "targets"])
OPTIONS = {"region": "ap-guangzhou", "secret_id": None, "secret_key": "key", "timeout": 30, "ca_path": None}


@pytest.fixture
def environ(tmp_path):
    return {"HOME": str(tmp_path), "TENCENTCLOUD_SECRET_ID": "AKIDone", "PATH": "/bin"}


def key(environ, *, query=(), regions=("ap-guangzhou",), options=(), variables=()):
    """The key of the cache; the arguments replace what is usual."""
    query = {**QUERY, "health": False, **dict(query)}
    return fingerprint(query, list(regions), {**OPTIONS, **dict(options)}, {**environ, **dict(variables)})


@pytest.mark.parametrize(
    "changed",
    [
        {"query": {"health": True}},
        {"query": {"load_balancer_ids": ["lb-1"]}},
        {"query": {"load_balancer_names": ["lb-1"]}},
        {"query": {"load_balancer_tags": {"env": ("prod",)}}},
        {"query": {"targets": []}},
        {"query": {"targets": [{"port": 80, "instance_id": "ins-1"}]}},
        *({"regions": regions} for regions in (["ap-beijing"], ["ap-guangzhou", "ap-beijing"], [None])),
        *({"options": {name: "other"}} for name in ("secret_id", "profile", "role_arn", "endpoint", "sts_endpoint")),
        *({"variables": {f"TENCENTCLOUD_{name}": "x"}} for name in ("SECRET_ID", "REGION", "CLB_ENDPOINT", "ROLE_ARN")),
        *({"variables": {name: "other"}} for name in ("TCCLI_PROFILE", "TKE_ROLE_ARN")),
    ],
)
def test_the_key_changes_with_what_is_read(environ, changed):
    assert key(environ, **changed) != key(environ)


@pytest.mark.parametrize(
    "changed",
    [
        {"options": {"timeout": 5}},
        {"options": {"secret_key": "other", "token": "other"}},
        {"variables": {"PATH": "/usr/bin", "TENCENTCLOUD_TOKEN": "t", "TENCENTCLOUD_SECRET_KEY": "k"}},
    ],
)
def test_the_key_stays_where_the_same_is_read(environ, changed):
    assert key(environ, **changed) == key(environ)


@pytest.mark.parametrize("kind, content", [
    ("credential", {"secretId": "AKIDtwo", "secretKey": "k"}),
    ("credential", {"secretId": "AKIDone", "secretKey": "k", "role-arn": "qcs::cam::uin/1:roleName/r"}),
    ("configure", {"_sys_param": {"region": "ap-beijing"}}),
])  # fmt: skip
def test_the_key_changes_with_the_profile(environ, tmp_path, kind, content):
    before = key(environ)
    (tmp_path / ".tccli").mkdir()
    (tmp_path / ".tccli" / f"default.{kind}").write_text(json.dumps(content))
    assert key(environ) != before


def test_a_broken_profile_that_may_not_be_needed_is_no_error(environ, tmp_path):
    (tmp_path / ".tccli").mkdir()
    (tmp_path / ".tccli" / "default.credential").write_text("{")
    assert key(environ) == key(environ)


@pytest.fixture
def reading():
    read = read_regions(FakeRegion({"lb-1": SHOP, "lb-2": API}), health=True)
    return Reading(read.balancers, ["One is missing."])


def test_what_was_kept_comes_back(reading):
    assert unpack(json.loads(json.dumps(pack(reading))), "x") == reading


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: kept["balancers"][0].pop("targets"),
        lambda kept: kept["balancers"][0].update(targets="many"),
        lambda kept: kept["balancers"].pop(),
        dict.clear,
    ],
)
def test_what_was_changed_is_refused(reading, damage):
    kept = copy.deepcopy(pack(reading))
    damage(kept)
    with pytest.raises(InvalidArgument, match=r"^The cache file /x does not .* Delete it, or run .* --flush-cache"):
        unpack(kept, "The cache file /x")


@pytest.mark.parametrize("kept", [None, [], {}, "text", 7, [{"region": "ap-guangzhou"}], {"balancers": []}])
def test_what_was_never_kept_is_refused(kept):
    with pytest.raises(InvalidArgument, match=r"^The cache file /x does not hold"):
        unpack(kept, "The cache file /x")
