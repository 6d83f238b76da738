# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import CredentialsNotFound
from ansible_collections.tencentcloud.clb.plugins.module_utils._module import ClbModule
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks import info as _targets_info
from ansible_collections.tencentcloud.clb.plugins.modules import targets_info

from ..builders import http, rule, target, tcp
from ..fake_region import FakeRegion

KEYS = {"changed", "load_balancer_id", "load_balancers", "targets", "listeners", "api_calls", "error"}


@pytest.fixture
def region():
    return FakeRegion(
        {
            "lb-1": ("shop", [tcp("lbl-1", 443, target("ins-1"), target("ins-2"))]),
            "lb-2": ("shop-old", [http("lbl-2", 80, rule("loc-1", "a.example.com"))]),
        },
        health={"dead": ["ins-1"]},
    )


@pytest.fixture
def run(region, monkeypatch, capsys):
    """Run the module in this process and return what it prints."""

    def connect(options, environ, budget):
        connection = region.connection()
        # The client counts; this stands in for it.
        connection.api_calls.update({"DescribeTargets": 1})
        return connection

    monkeypatch.setattr(_targets_info, "connect", connect)

    def run(check=False, **options):
        arguments = {**options, "_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp"}
        with patch_module_args({**arguments, "_ansible_keep_remote_files": False}), pytest.raises(SystemExit):
            targets_info.main()
        return json.loads(capsys.readouterr().out)

    return run


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("named", [{"load_balancer_id": "lb-1"}, {"load_balancer_name": "shop"}])
def test_reads(run, named, check):
    result = run(check=check, **named)

    assert result.keys() >= KEYS
    assert result["changed"] is False
    assert result["load_balancer_id"] == "lb-1"
    assert [one["instance_id"] for one in result["targets"]] == ["ins-1", "ins-2"]
    assert [one["bound"] for one in result["listeners"]] == [2]
    assert result["api_calls"] == {"DescribeTargets": 1}
    assert result["error"] is None
    assert "failed" not in result


def test_health(run, region):
    result = run(load_balancer_id="lb-1", health=True)

    assert [(one["healthy"], one["health_status"]) for one in result["targets"]] == [(False, "Dead"), (True, "Alive")]
    assert [action for action, _ in region.calls] == ["DescribeTargets", "DescribeTargetHealth"]


def test_selectors(run, monkeypatch):
    # AnsibleModule.warn prints at once, where another test of this process has loaded the code of the controller.
    warned = []
    monkeypatch.setattr(ClbModule, "warn", lambda _self, text: warned.append(text))

    result = run(load_balancer_id="lb-1", targets=[{"ip": "10.1.0.2"}, {"listener_id": "lbl-9"}])

    assert [one["instance_id"] for one in result["targets"]] == ["ins-2"]
    assert warned == ["targets[1]: there is no listener 'lbl-9'. It selects nothing."]


def test_an_empty_list_of_selectors_selects_nothing(run, region):
    result = run(load_balancer_id="lb-1", targets=[])

    assert (result["targets"], result["listeners"]) == ([], [])
    assert region.calls == []


@pytest.mark.parametrize(
    "options, words",
    [
        ({}, "No load balancer is chosen; give one of load_balancer_id, "),
        (
            {"load_balancer_id": "lb-1", "load_balancer_name": "shop"},
            "load_balancer_id and load_balancer_name are given",
        ),
        ({"load_balancer_id": "lb-1", "targets": [{"port": 80}]}, "no listener, rule or backend is named"),
        ({"load_balancer_id": "lb-1", "targets": [{"listener_id": "lbl-1", "tga": "x"}]}, "tga"),
        ({"load_balancer_id": "lb-1", "timeout": 0}, "timeout 0 is too small"),
        ({"load_balancer_id": "lb-1", "targets": [{"instance_id": "ins-1", "load_balancer_id": "lb-2"}]}, "'lb-2'"),
        ({"load_balancer_name": "sho"}, "No load balancer in region ap-guangzhou has the name 'sho'"),
    ],
)
def test_bad_options(run, options, words):
    result = run(**options)

    assert result["failed"]
    assert words in result["msg"]
    assert result.keys() >= KEYS
    assert result["error"]["code"] == "InvalidArgument"
    assert result["error"]["action"] is None
    assert result["targets"] == []


def test_a_refusal_is_told_with_the_clouds_words(run, region):
    region.deny("lb-1")

    result = run(load_balancer_id="lb-1")

    assert result["failed"]
    assert result["load_balancer_id"] == "lb-1"
    assert result["error"]["action"] == "DescribeTargets"
    assert result["error"]["code"] == "UnauthorizedOperation"
    assert result["error"]["message"] == "not allowed"
    assert result["api_calls"] == {"DescribeTargets": 1}


def test_without_credentials(run, monkeypatch):
    def connect(options, environ, budget):
        raise CredentialsNotFound("No credentials: give some.")

    monkeypatch.setattr(_targets_info, "connect", connect)

    result = run(load_balancer_id="lb-1")

    assert result["msg"] == "No credentials: give some."
    assert result["error"]["code"] == "CredentialsNotFound"
    assert result["api_calls"] == {}
