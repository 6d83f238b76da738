# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks where, out and back on an emulated cloud in this process."""

from __future__ import annotations

import json

import pytest

from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _everywhere as everywhere
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_read import Stop
from harness import Cloud

from ..rotating import Modules

WEB1, WEB2 = {"instance_id": "ins-web1", "port": 8443}, {"instance_id": "ins-web2", "port": 8443}
SHOP = {
    "id": "loc-shop", "domain": "shop.example.com", "url": "/", "targets": [{**WEB1, "port": 8080, "weight": 20}],
}  # fmt: skip
UDP = [{"instance_id": "ins-web1", "port": 53, "weight": 7}, {"eni_ip": "2001:db8::1", "port": 53, "weight": 5}]
SCENARIO = {
    "task_seconds": 1.0,
    "instances": {"ins-web1": {"ip": "10.0.0.5", "name": "web-1"}},
    "load_balancers": [
        {
            "id": "lb-1",
            "tags": {"env": "prod"},
            "listeners": [
                {"id": "lbl-tcp", "protocol": "TCP", "port": 443, "targets": [WEB1, WEB2]},
                {"id": "lbl-http", "protocol": "HTTP", "port": 80, "rules": [SHOP]},
            ],
        },
        {"id": "lb-2", "listeners": [{"id": "lbl-udp", "protocol": "UDP", "port": 53, "targets": UDP}]},
    ],
}


class Night:
    def __init__(self, folder):
        self.file = folder / "restore.json"
        self.cloud = Cloud(SCENARIO)
        self.modules = Modules(self.cloud)
        self.at_first = self.cloud.bindings()

    def __call__(self, name, backend=None, **given):
        """Run a command; return its lines and its problem."""
        asked = {"load_balancer_ids": None, "load_balancer_tags": None, "backend": backend, **given}
        if name != "where":
            asked["restore_file"] = str(self.file)
        done = self.modules.step(getattr(everywhere, name), **asked)
        return done["lines"], done.get("problem")

    @property
    def out(self):
        return {(place[0], place[2]) for place in self.cloud.bindings() if place[4] == 0}


@pytest.fixture
def night(tmp_path):
    return Night(tmp_path)


@pytest.mark.parametrize("backend", ["10.0.0.5", ["10.0.0.5"], {"ip": "10.0.0.5"}, '["10.0.0.5"]'])
def test_where_is_a_table_of_each_binding(night, backend):
    lines, _ = night("where", backend)
    assert lines == [
        "10.0.0.5 (web-1)",
        "  lb-1  TCP:443 lbl-tcp                              port 8443  weight 10  Alive  1 other healthy",
        "  lb-1  HTTP:80 lbl-http shop.example.com/ loc-shop  port 8080  weight 20  Alive  0 others healthy",
        "  lb-2  UDP:53 lbl-udp                               port 53    weight 7   Alive  1 other healthy",
        "Take out of traffic everywhere: ansible-playbook tencentcloud.clb.out -e clb_backend=10.0.0.5",
    ]
    assert night.cloud.writes() == []


@pytest.mark.parametrize(
    "backend, more, words",
    [
        (None, {}, "clb_backend is not given"),
        ("ins-web9", {}, "ins-web9: not bound to any load balancer of the region"),
        ("ins-web1,10.9.9.9", {}, "10.9.9.9: not bound to any"),
        ("10.0.0", {}, "is not an IP address"),
        ({"weight": 3}, {}, "exactly one|names nothing|at least one"),
        ("ins-web1", {"load_balancer_ids": ""}, "clb_load_balancer_ids is empty"),
        ("ins-web1", {"load_balancer_ids": []}, "clb_load_balancer_ids is empty"),
        ("ins-web2", {"load_balancer_ids": "lb-2"}, "ins-web2: not bound to these load balancers"),
    ],
)
@pytest.mark.parametrize("name", ["where", "take_out"])
def test_what_can_not_be_meant_is_named(night, name, backend, more, words):
    with pytest.raises(Stop, match=words):
        night(name, backend, **more)
    assert night.cloud.writes() == []


def test_out_and_back(night):
    lines, problem = night("take_out", "ins-web1", min_healthy=0)
    assert problem == ""
    assert lines == [
        "ins-web1 (web-1)",
        "  lb-1  TCP:443 lbl-tcp                              port 8443  weight 10 -> 0  Alive  1 healthy in traffic",
        "  lb-1  HTTP:80 lbl-http shop.example.com/ loc-shop  port 8080  weight 20 -> 0  Alive  0 healthy in traffic",
        "  lb-2  UDP:53 lbl-udp                               port 53    weight 7 -> 0   Alive  1 healthy in traffic",
        f"3 of 3 bindings are out of traffic. Their weights are in {night.file}.",
        "Bring back as it was: ansible-playbook tencentcloud.clb.back -e clb_backend=ins-web1",
    ]
    assert night.out == {("lbl-tcp", "ins-web1"), ("lbl-http", "ins-web1"), ("lbl-udp", "ins-web1")}
    night("take_out", "2001:db8:0::1")
    lines, problem = night("bring_back", "10.0.0.5")
    assert (lines[0], problem) == ("ins-web1 (web-1)", "")
    assert "weight 0 -> 20" in lines[2]
    assert lines[-2:] == [
        "3 bindings were brought back.",
        f"Still remembered in {night.file}: 2001:db8::1 (1 binding).",
    ]
    assert night("bring_back")[0][-1] == "1 binding was brought back."
    assert night.cloud.bindings() == night.at_first
    assert night("bring_back")[0] == [f"Nothing is remembered in {night.file}, so there is nothing to bring back."]


def test_dry_runs_write_nothing(night):
    night.modules.check_mode = True
    lines, problem = night("take_out", "ins-web1")
    assert (lines[-1], problem) == ("3 of 3 bindings would be out of traffic. Nothing was changed.", "")
    assert "weight 10 -> 0" in lines[1]
    assert (night.cloud.writes(), night.file.exists()) == ([], False)
    night.modules.check_mode = False
    night("take_out", "ins-web1")
    night.modules.check_mode = True
    before = night.cloud.bindings()
    lines, problem = night("bring_back")
    assert (lines[-1], problem) == ("3 bindings would be brought back. Nothing was changed.", "")
    assert (night.cloud.bindings(), len(json.loads(night.file.read_text()))) == (before, 3)


def test_a_guard_that_refuses_shows_what_is_in_traffic_and_fails(night):
    lines, problem = night("take_out", "ins-web1", min_healthy="1")
    assert "loc-shop" in problem
    assert lines[-2] == f"0 of 3 bindings are out of traffic. Their weights are in {night.file}."
    assert night.cloud.bindings() == night.at_first
    assert not night.file.exists()


@pytest.mark.parametrize(
    "choice, out",
    [
        ({"load_balancer_ids": "lb-2"}, {"lbl-udp"}),
        ({"load_balancer_ids": ["lb-1", "lb-2"]}, {"lbl-tcp", "lbl-http", "lbl-udp"}),
        ({"load_balancer_tags": {"env": "prod"}}, {"lbl-tcp", "lbl-http"}),
    ],
)
def test_load_balancers_can_be_chosen(night, choice, out):
    night("take_out", "ins-web1", **choice)
    assert {listener for listener, _ in night.out} == out
    night("bring_back", **choice)
    assert night.cloud.bindings() == night.at_first


def test_what_can_not_be_read_stops(night):
    fault = {"kind": "error", "code": "UnauthorizedOperation", "times": -1, "action": "DescribeTargets"}
    night.cloud.add_faults({**fault, "load_balancers": ["lb-2"]})
    for name in ("where", "take_out"):
        with pytest.raises(Stop, match="lb-2 can't be read"):
            night(name, "ins-web1")
    assert night.cloud.writes() == []
