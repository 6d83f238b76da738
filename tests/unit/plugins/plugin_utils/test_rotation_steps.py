# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a rotation on an emulated cloud: out, back, warm-up, and what goes wrong between them."""

from __future__ import annotations

import json

import pytest

from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_steps import State, Stop
from harness import Cloud

from ..rotating import Modules, host

NAMES = ["web1", "web2", "web3"]
DENIED = {"kind": "error", "code": "UnauthorizedOperation", "message": "no", "times": -1}


def balancer(number, weight=10, names=NAMES, **settings):
    targets = [{"instance_id": f"ins-{name}", "port": 80, "weight": weight, "tag": f"t-{name}"} for name in names]
    return {
        "id": f"lb-{number}",
        "listeners": [
            {"id": f"lbl-{number}", "protocol": "TCP", "port": 443, "targets": targets, **settings},
            {"id": f"lbl-{number}-b", "protocol": "TCP", "port": 444, "targets": targets},
        ],
    }


class Shop:
    """Two load balancers with the same three hosts, and the steps of a rotation on them."""

    def __init__(self, folder, **settings):
        self.file = folder / "restore.json"
        self.cloud = Cloud({"task_seconds": 1.0, "load_balancers": [balancer(1), balancer(2, 20)], **settings})
        self.modules = Modules(self.cloud)
        self.at_first = self.cloud.bindings()

    def hosts(self, *names, **variables):
        return [host(name, restore_file=str(self.file), **variables) for name in names or NAMES[:2]]

    def out(self, *names, **variables):
        return self.modules.step("take_out", self.hosts(*names, **variables))

    def back(self, state, *names, **variables):
        return self.modules.step("bring_back", self.hosts(*names, **variables), state)

    def check(self, *names, batch=1, **variables):
        return self.modules.step("check", self.hosts(*names, **variables), batch)

    @property
    def remembered(self):
        return json.loads(self.file.read_text()) if self.file.exists() else []

    @property
    def weights(self):
        return {(place[0], place[2]): place[4] for place in self.cloud.bindings()}


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def test_a_batch_leaves_and_comes_back_as_it_was(shop):
    state = shop.out()

    assert {key for key, weight in shop.weights.items() if weight == 0} == {
        (f"lbl-{number}{more}", f"ins-{name}") for number in (1, 2) for more in ("", "-b") for name in NAMES[:2]
    }
    assert len(shop.remembered) == 8
    assert state.ports == {"web1": [80], "web2": [80]}

    state = shop.back(state)

    assert shop.cloud.bindings() == shop.at_first
    assert not shop.file.exists()
    assert state.out == []
    assert state.seconds.keys() == {"web1", "web2"}


def test_what_the_file_does_not_hold_any_more_is_put_back_from_what_the_run_knows(shop):
    state = shop.out()
    shop.file.unlink()

    shop.back(state)

    assert shop.cloud.bindings() == shop.at_first
    assert not shop.file.exists()


def test_what_does_not_serve_at_the_end_fails_by_name(shop, monkeypatch):
    state = shop.out()
    run = shop.modules.targets

    def without_file(**options):
        shop.file.unlink()
        return run(**options)

    monkeypatch.setattr(shop.modules, "targets", without_file)

    with pytest.raises(Stop, match=r"This run has drained ins-web1:80 on lb-1 lbl-1 \(weight 10\), .* and 3 more"):
        shop.back(state)


@pytest.mark.parametrize("gone", ["listener", "load balancer"])
def test_what_is_gone_is_told_and_the_rest_put_back_and_reruns_go_on(shop, gone):
    state = shop.out()
    if gone == "listener":
        shop.cloud.change("delete_listener", {"load_balancer_id": "lb-2", "listener_id": "lbl-2"})
    else:
        shop.cloud.change("delete_load_balancer", {"load_balancer_id": "lb-2"})
    left = {
        binding
        for binding in shop.at_first
        if binding[0].startswith("lbl-1") or (gone == "listener" and binding[0] == "lbl-2-b")
    }

    with pytest.raises(Stop, match="lb-2"):
        shop.back(state)

    assert shop.cloud.bindings() == left
    assert shop.check() == ["web1", "web2"]
    shop.back(shop.out())
    assert shop.cloud.bindings() == left


@pytest.mark.parametrize("action", ["DescribeTargets"])
@pytest.mark.parametrize("fault", [DENIED, {**DENIED, "code": "InternalError"}])
@pytest.mark.parametrize("step", ["check", "out"])
def test_a_load_balancer_that_can_not_be_read_stops(shop, action, fault, step):
    shop.cloud.add_faults({**fault, "action": action, "load_balancers": ["lb-2"]})

    with pytest.raises(Stop, match=f"{fault['code']}.* was drained|{fault['code']}"):
        getattr(shop, step)()

    assert shop.cloud.writes() == []


def test_a_fault_that_lasts_40_seconds_is_waited_for(shop):
    state = shop.out()
    until = shop.cloud.now() + 40

    def fail():
        if shop.cloud.now() < until:
            shop.cloud.add_faults({"kind": "error", "code": "InternalError", "load_balancers": ["lb-2"]})

    shop.cloud.before("*", fail, times=-1)

    shop.back(state)

    assert shop.cloud.bindings() == shop.at_first


def test_a_drain_that_is_refused_on_one_load_balancer_is_undone_on_the_other(shop):
    shop.cloud.add_faults({**DENIED, "action": "BatchModifyTargetWeight", "load_balancers": ["lb-2"]})

    with pytest.raises(Stop, match="No host of the batch was left out of traffic"):
        shop.out()

    assert shop.cloud.bindings() == shop.at_first
    assert not shop.file.exists()


def test_two_runs_share_a_file(shop):
    first, second = shop.out("web1"), shop.out("web2")
    shop.back(first, "web1")

    assert {entry["instance_id"] for entry in shop.remembered} == {"ins-web2"}
    shop.back(second, "web2")
    assert shop.cloud.bindings() == shop.at_first


def test_hosts_that_do_not_get_healthy_are_kept_in_the_file(shop):
    state = shop.out()
    shop.cloud.change("health", {"dead": ["ins-web2"]})

    with pytest.raises(Stop, match="ins-web2"):
        shop.back(state, wait_timeout=5)

    assert shop.cloud.bindings() == shop.at_first
    assert {entry["instance_id"] for entry in shop.remembered} == {"ins-web1", "ins-web2"}
    shop.cloud.change("health", {"alive": ["ins-web2"]})
    assert shop.check("web3", "web2")[0] == "web2"
    shop.back(shop.out())
    assert shop.cloud.bindings() == shop.at_first
    assert not shop.file.exists()


def test_hosts_warm_up_healthy_at_each_step_and_so_long_on_each(tmp_path):
    shop = Shop(tmp_path, health={"after": 2})
    slow = {"warm_up": [1, 25, 60], "warm_up_seconds": 20}
    state = shop.out("web1", **slow)
    file = shop.remembered
    seen = []
    shop.cloud.before("BatchModifyTargetWeight", lambda: seen.append((shop.cloud.now(), shop.remembered)), times=-1)

    began = shop.cloud.now()
    shop.back(state, "web1", **slow)

    steps = [
        sorted({one["Weight"] for entry in call["params"]["ModifyList"] for one in entry["Targets"]})
        for call in shop.cloud.calls("BatchModifyTargetWeight")
        if call["params"]["LoadBalancerId"] == "lb-2"
    ]
    assert steps == [[0], [1], [5], [12], [20]]
    assert {entry["weight"] for entry in file} == {10, 20}
    assert all(remembered == file for _, remembered in seen)
    assert shop.cloud.now() - began >= 60
    assert shop.cloud.bindings() == shop.at_first
    assert not shop.file.exists()


def test_a_warm_up_that_was_killed_is_completed_by_the_next_run(shop):
    slow = {"warm_up": [10, 50], "warm_up_seconds": 20}
    state = shop.out("web1", **slow)
    shop.cloud.change("health", {"dead": ["ins-web1"]})
    with pytest.raises(Stop, match="It stays at a share of its weight; the whole weight is in"):
        shop.back(state, "web1", wait_timeout=3, **slow)
    assert {shop.weights[f"lbl-{number}", "ins-web1"] for number in (1, 2)} == {1, 2}
    shop.cloud.change("health", {"alive": ["ins-web1"]})

    assert shop.check("web2", "web1", **slow)[0] == "web1"
    state = shop.out("web1", **slow)
    assert {entry["weight"] for entry in shop.remembered} == {10, 20}
    shop.back(state, "web1", **slow)

    assert shop.cloud.bindings() == shop.at_first
    assert not shop.file.exists()


def test_a_warm_up_leaves_out_what_is_gone(shop):
    slow = {"warm_up": [50], "warm_up_seconds": 0}
    state = shop.out("web1", **slow)
    shop.cloud.change("delete_listener", {"load_balancer_id": "lb-2", "listener_id": "lbl-2"})

    with pytest.raises(Stop, match="lbl-2"):
        shop.back(state, "web1", **slow)

    assert shop.cloud.bindings() == {binding for binding in shop.at_first if binding[0] != "lbl-2"}


@pytest.mark.parametrize(
    "variables, warned",
    [({}, True), ({"drain_seconds": 60}, True), ({"drain_seconds": 90}, False), ({"drain_connections": True}, False)],
)
def test_a_drain_that_is_shorter_than_session_persistence_is_worth_a_warning(tmp_path, variables, warned):
    shop = Shop(tmp_path, load_balancers=[balancer(1, session_seconds=90), balancer(2)])

    shop.check(**variables)

    assert any("lb-1 lbl-1 (TCP:443): 90 s" in text for text in shop.modules.warnings) is warned


def test_settings_that_may_not_be_read_are_a_warning(shop):
    shop.cloud.add_faults({**DENIED, "action": "DescribeListeners"})

    assert shop.check() == ["web1", "web2"]
    assert "The session persistence of the listeners is not known" in shop.modules.warnings[0]


def test_a_dry_run_writes_nothing_and_foresees_what_the_file_brings_back(shop):
    shop.out("web1")
    before, file = shop.cloud.bindings(), shop.remembered
    shop.modules.check_mode = True

    state = shop.out("web1", "web2", drain_seconds=3600)
    began = shop.cloud.now()
    shop.back(state, "web1", "web2", warm_up=[50], warm_up_seconds=3600)

    assert shop.cloud.now() - began < 60
    assert (shop.cloud.bindings(), shop.remembered) == (before, file)
    assert {entry["instance_id"] for entry in shop.modules.results[-1]["modified"]} == {"ins-web1"}


def test_listeners_bind_what_is_new_and_what_is_remembered_wins(shop):
    wanted = [{"listener_port": 443, "port": 80, "weight": 99}, {"listener_id": "lbl-1-b", "port": 81, "weight": 5}]
    variables = {"load_balancer_id": "lb-1", "listeners": wanted}

    shop.back(shop.out("web1", "web4", **variables), "web1", "web4", **variables)

    assert shop.cloud.bindings() == shop.at_first | {
        ("lbl-1", None, "ins-web4", 80, 99, ""),
        *(("lbl-1-b", None, f"ins-{name}", 81, 5, "") for name in ("web1", "web4")),
    }


def test_states_of_several_hosts_are_one():
    one = State(["web1"], {"web1": 5.0}, seconds={}, batches={"web1": "web1"})
    two = State([], {"web2": 5.0}, seconds={"web2": 3.0}, batches={"web2": "web2"})

    merged = State.of({"web1": one._asdict(), "web2": two._asdict(), "web3": None})

    assert merged == State(
        ["web1"], {"web1": 5.0, "web2": 5.0}, seconds={"web2": 3.0}, batches={"web1": "web1", "web2": "web2"}
    )
