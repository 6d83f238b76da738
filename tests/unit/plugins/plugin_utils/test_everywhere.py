# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks where, out, back and drain_dead on an emulated cloud in this process."""

from __future__ import annotations

import json
import shlex

import pytest

from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _everywhere as everywhere
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_read import Stop
from harness import Cloud

from ..builders import rows, target, tcp
from ..rotating import Modules, bound

WEB1, WEB2 = ({"instance_id": f"ins-web{number}", "port": 8443} for number in (1, 2))
RULE = {"id": "loc-shop", "domain": "shop.example.com", "url": "/", "targets": [{**WEB1, "port": 8080, "weight": 20}]}
SHOP = [
    {"id": "lbl-tcp", "protocol": "TCP", "port": 443, "targets": [WEB1, WEB2]},
    {"id": "lbl-http", "protocol": "HTTP", "port": 80, "rules": [RULE]},
]
UDP_TARGETS = [{**WEB1, "port": 53, "weight": 7}, {"eni_ip": "2001:db8::1", "port": 53, "weight": 5}]
UDP = {"id": "lbl-udp", "protocol": "UDP", "port": 53, "targets": UDP_TARGETS}
SCENARIO = {
    "task_seconds": 1.0,
    "instances": {"ins-web1": {"ip": "10.0.0.5", "name": "web-1"}},
    "load_balancers": [{"id": "lb-1", "tags": {"env": "prod"}, "listeners": SHOP}, {"id": "lb-2", "listeners": [UDP]}],
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


@rows(
    "backend, more, words",
    (None, {}, "clb_backend is not given"),
    ("ins-web9", {}, "ins-web9: not bound to any load balancer of the region"),
    ("ins-web1,10.9.9.9", {}, "10.9.9.9: not bound to any"),
    ("10.0.0", {}, "is not an IP address"),
    ({"weight": 3}, {}, "exactly one|names nothing|at least one"),
    ("ins-web1", {"load_balancer_ids": ""}, "clb_load_balancer_ids is empty"),
    ("ins-web1", {"load_balancer_ids": []}, "clb_load_balancer_ids is empty"),
    ("ins-web2", {"load_balancer_ids": "lb-2"}, "ins-web2: not bound to these load balancers"),
)
@pytest.mark.parametrize("name", ["where", "take_out"])
def test_what_can_not_be_meant_is_named(night, name, backend, more, words):
    with pytest.raises(Stop, match=words):
        night(name, backend, **more)
    assert night.cloud.writes() == []


@pytest.mark.parametrize("backend", [{"instance_id": "ins-web1", "port": 53}, [{"eni_ip": "2001:db8::1", "port": 53}]])
def test_the_commands_that_are_shown_name_the_port(night, backend):
    for name, lines in (("out", night("where", backend)[0]), ("back", night("take_out", backend)[0])):
        command = shlex.split(lines[-1].split(f"tencentcloud.clb.{name} -e ")[1])
        given = json.loads(command[0])
        assert given["clb_backend"] == (backend if isinstance(backend, list) else [backend])
    assert given["clb_restore_file"] == str(night.file)
    night("bring_back", given["clb_backend"])
    assert night.cloud.bindings() == night.at_first


def test_out_and_back(night):
    lines, problem = night("take_out", "ins-web1", min_healthy=0)
    file = f"-e clb_restore_file={night.file}"
    assert problem == ""
    assert lines == [
        "ins-web1 (web-1)",
        "  lb-1  TCP:443 lbl-tcp                              port 8443  weight 10 -> 0  Alive  1 healthy in traffic",
        "  lb-1  HTTP:80 lbl-http shop.example.com/ loc-shop  port 8080  weight 20 -> 0  Alive  0 healthy in traffic",
        "  lb-2  UDP:53 lbl-udp                               port 53    weight 7 -> 0   Alive  1 healthy in traffic",
        f"3 of 3 bindings are out of traffic. The former weights of 3 are in {night.file}.",
        f"Bring back as it was: ansible-playbook tencentcloud.clb.back -e clb_backend=ins-web1 {file}",
    ]
    assert night.out == {("lbl-tcp", "ins-web1"), ("lbl-http", "ins-web1"), ("lbl-udp", "ins-web1")}
    night("take_out", "2001:db8:0::1")
    lines, problem = night("bring_back", "10.0.0.5")
    assert (lines[0], problem) == ("ins-web1 (web-1)", "")
    assert "weight 0 -> 20" in lines[2]
    still = f"Still remembered in {night.file}: 2001:db8::1 (1 binding)."
    assert lines[-2:] == ["3 bindings were brought back.", still]
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
    # Once more: nothing is left to take out, and the file still has the weights.
    assert "The former weights of 3 are in" in night("take_out", "ins-web1")[0][-2]
    night.modules.check_mode = True
    before = night.cloud.bindings()
    lines, problem = night("bring_back")
    assert (lines[-1], problem) == ("3 bindings would be brought back. Nothing was changed.", "")
    assert (night.cloud.bindings(), len(json.loads(night.file.read_text()))) == (before, 3)


def test_a_guard_that_refuses_shows_what_is_in_traffic_and_fails(night):
    lines, problem = night("take_out", "ins-web1", min_healthy="1")
    assert "loc-shop" in problem
    assert lines[-1] == "0 of 3 bindings are out of traffic."
    assert night.cloud.bindings() == night.at_first
    assert not night.file.exists()


def test_only_weights_that_are_in_the_file_are_said_to_be_there(night):
    night("take_out", "ins-web1", load_balancer_ids="lb-2")
    night.file.unlink()
    lines, _ = night("take_out", "ins-web1")
    assert lines[-2] == f"3 of 3 bindings are out of traffic. The former weights of 2 are in {night.file}."


def test_what_could_not_be_read_after_the_drain_is_not_said_to_be_in_traffic(night):
    denied = {
        "kind": "error",
        "code": "UnauthorizedOperation",
        "message": "no",
        "action": "DescribeTargets",
        "times": -1,
    }
    night.cloud.before("BatchModify*", lambda: night.cloud.add_faults(denied))
    lines, problem = night("take_out", "ins-web1", load_balancer_ids="lb-2")
    assert ("the state after that is not known" in problem, "->" in lines[1]) == (True, False)
    told = f"0 of 1 bindings are out of traffic; of 1 it is not known. The former weights of 1 are in {night.file}."
    assert lines[-2] == told


@pytest.mark.parametrize("backend", ["", " , ", [], "[]"])
def test_a_backend_that_is_empty_does_not_mean_all(night, backend):
    night("take_out", "ins-web1")
    with pytest.raises(Stop, match="clb_backend is empty"):
        night("bring_back", backend)
    assert len(night.out) == 3


@rows(
    "choice, out",
    ({"load_balancer_ids": "lb-2"}, {"lbl-udp"}),
    ({"load_balancer_ids": ["lb-1", "lb-2"]}, {"lbl-tcp", "lbl-http", "lbl-udp"}),
    ({"load_balancer_tags": {"env": "prod"}}, {"lbl-tcp", "lbl-http"}),
)
def test_load_balancers_can_be_chosen(night, choice, out):
    night("take_out", "ins-web1", **choice)
    assert {listener for listener, _ in night.out} == out
    night("bring_back", **choice)
    assert night.cloud.bindings() == night.at_first


def test_what_is_back_is_told_also_where_the_table_can_not_be_read(night):
    night("take_out", "ins-web1")
    fault = {"kind": "error", "code": "FailedOperation", "action": "DescribeTargetHealth", "times": -1}
    # The first two are those of the task.
    night.cloud.before("DescribeTargetHealth", lambda: night.cloud.add_faults(fault), nth=3)
    words = r"re-weighted 3 on 2 of 2 load balancers\. The table can't be shown: .*FailedOperation"
    with pytest.raises(Stop, match=words):
        night("bring_back")
    assert night.cloud.bindings() == night.at_first


def test_what_can_not_be_read_stops(night):
    fault = {"kind": "error", "code": "UnauthorizedOperation", "times": -1, "action": "DescribeTargets"}
    night.cloud.add_faults({**fault, "load_balancers": ["lb-2"]})
    for name in ("where", "take_out"):
        with pytest.raises(Stop, match="lb-2 can't be read"):
            night(name, "ins-web1")
    assert night.cloud.writes() == []


def targets(state, **keys):
    """A target for each letter: Healthy, Dead, Unknown, not mentioned (-); after 0 with weight 0."""
    told = {"H": (True, "Alive"), "D": (False, "Dead"), "U": (False, "Unknown"), "-": (None, "Unknown")}
    found = []
    for place, char in enumerate(state):
        if char in told:
            weight = 0 if state[place - 1 : place] == "0" else 10
            healthy, status = told[char]
            found.append(bound(f"ins-{place}", weight, healthy=healthy, health_status=status, **keys))
    return found


@rows(
    "state, required, drained",
    ("HDD", 1, ["ins-1", "ins-2"]),
    ("HD-U", 1, ["ins-1"]),
    ("DDD", 1, []),
    ("0HD-", 1, []),
    ("HDD", 2, []),
    ("HHD", 2, ["ins-2"]),
    ("H0DD", 1, ["ins-3"]),
    ("DD", 0, ["ins-0", "ins-1"]),
)
def test_what_is_dead_is_drained_where_enough_are_healthy(state, required, drained):
    found = targets(state)
    plan = everywhere.plan_drain_dead(found, found, required)
    assert [target["instance_id"] for target in plan["targets"]] == drained
    assert len(plan["kept"]) == (not drained)


def test_only_what_is_asked_for_is_drained_each_listener_by_itself():
    pools = [*targets("HDD"), *targets("DD", listener_id="lbl-2", listener_port=444)]
    plan = everywhere.plan_drain_dead([pools[1], pools[3]], pools, 1)
    kept = "0 targets of weight above 0 are healthy, and clb_min_healthy is 1. Not drained: ins-0."
    assert plan == {"targets": [pools[1]], "kept": [f"lb-1 lbl-2 (TCP:444): {kept}"]}


def test_the_health_is_read_again():
    cloud = Cloud.of({"lb-1": [tcp("lbl-1", 443, target("ins-1"), target("ins-2"))]})
    cloud.change("health", {"dead": ["ins-2"]})
    selectors = [{"load_balancer_id": "lb-1", "instance_id": f"ins-{number}"} for number in (1, 2)]
    plan = Modules(cloud).step(everywhere.find_dead, selectors=selectors, min_healthy="1")
    assert [one["instance_id"] for one in plan["targets"]] == ["ins-2"]


@pytest.mark.parametrize("minimum", [-1, "many", "", None, 1.5, True])
def test_a_minimum_that_is_no_number_is_refused(minimum):
    with pytest.raises(Stop, match="give a whole number from 0"):
        everywhere.find_dead(Modules(), selectors=[], min_healthy=minimum)
