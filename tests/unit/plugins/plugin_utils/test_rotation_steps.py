# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a rotation on an emulated cloud: check, out, connections, back, and the summary."""

from __future__ import annotations

import json

import pytest

from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _rotation_steps as steps
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._rotation_read import Stop
from harness import Cloud

from ..builders import rows
from ..rotating import Modules, given, play

NAMES = ["web1", "web2", "web3"]
DENIED = {"kind": "error", "code": "UnauthorizedOperation", "message": "no", "times": -1}


def balancer(number, weight=10, **settings):
    targets = [{"instance_id": f"ins-{name}", "port": 80, "weight": weight, "tag": f"t-{name}"} for name in NAMES]
    common = {"protocol": "TCP", "targets": targets}
    listeners = [{"id": f"lbl-{number}", "port": 443, **settings}, {"id": f"lbl-{number}-b", "port": 444}]
    return {"id": f"lb-{number}", "listeners": [{**common, **listener} for listener in listeners]}


class Shop:
    """Two load balancers with the same three hosts, and the steps of a rotation on them."""

    def __init__(self, folder, **settings):
        self.file = folder / "restore.json"
        self.cloud = Cloud({"task_seconds": 1.0, "load_balancers": [balancer(1), balancer(2, 20)], **settings})
        self.modules = Modules(self.cloud)
        self.at_first = self.cloud.bindings()

    def step(self, name, *names, noted=None, answers=(), own=(), batch=None, present=None, arguments=None, **variables):
        """Take a step with a batch, the first hosts of a run; ``noted`` is what the last step has returned.

        :param own: variables of single hosts.
        """
        hostvars = {
            one: {
                "__rotation_given": given(
                    one, **{"restore_file": str(self.file), **variables, **dict(own).get(one, {})}
                ),
                "__rotation_noted": noted,
                "__rotation_answer": {"ping": "pong", **dict(answers).get(one, {})},
            }
            for one in names or NAMES[:2]
        }
        self.modules.play = play(hostvars, batch, present)
        return self.modules.step(getattr(steps, name), **(arguments or {}))

    def out(self, *names, **variables):
        return self.step("out", *names, **variables)

    def back(self, noted, *names, **variables):
        return self.step("back", *names, noted=noted, **variables)

    def check(self, *names, **variables):
        return self.step("check", *names, arguments={"batch": 1}, **variables)["order"]

    @property
    def remembered(self):
        return json.loads(self.file.read_text()) if self.file.exists() else []

    @property
    def weights(self):
        return {(place[0], place[2]): place[4] for place in self.cloud.bindings()}

    def is_as_at_first(self):
        return self.cloud.bindings() == self.at_first and not self.file.exists()

    def health(self, **marks):
        self.cloud.change("health", marks)


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


def test_a_batch_leaves_and_comes_back_as_it_was(shop):
    noted = shop.out()
    assert {key for key, weight in shop.weights.items() if weight == 0} == {
        (f"lbl-{number}{more}", f"ins-{name}") for number in (1, 2) for more in ("", "-b") for name in NAMES[:2]
    }
    assert (len(shop.remembered), noted["out"], noted["left"]["web1"]["ports"]) == (8, ["web1", "web2"], [80])
    noted = shop.back(noted)
    assert (shop.is_as_at_first(), noted["out"]) == (True, [])
    assert all(one["seconds"] > 0 for one in noted["left"].values())


def test_what_the_file_does_not_hold_any_more_is_put_back_from_what_the_run_knows(shop):
    # Between two parts of the drain, during the update and in a warm-up.
    shop.cloud.before("BatchModifyTargetWeight", lambda: shop.file.unlink(missing_ok=True), times=-1)
    noted = shop.out(own={"web1": {"min_healthy": 1}})
    shop.file.unlink()
    shop.back(noted, warm_up=[50], warm_up_seconds=0)
    assert shop.is_as_at_first()


def test_a_module_that_is_killed_leaves_the_hosts_named(shop, monkeypatch):
    noted, run = shop.out(), shop.modules.run_module
    killed = {"failed": True, "msg": "MODULE FAILURE."}
    monkeypatch.setattr(shop.modules, "run_module", lambda name, **how: run(name, **how) if "info" in name else killed)
    with pytest.raises(Stop, match=r"MODULE FAILURE\. This run has drained ins-web1:80 on lb-1"):
        shop.back(noted)


def test_a_file_that_is_damaged_while_a_batch_is_out_keeps_no_host_out(shop):
    noted = shop.out()
    shop.file.write_text("[{")
    shop.cloud.add_faults({**DENIED, "action": "BatchModifyTargetWeight", "load_balancers": ["lb-1"], "times": 1})
    with pytest.raises(Stop, match=r"JSON.* This run has drained ins-web1:80 on lb-1 lbl-1 \(weight 10\), "):
        shop.back(noted)
    with pytest.raises(Stop, match=r"not valid JSON.* What this run has drained is back in traffic"):
        shop.back(noted)
    assert shop.cloud.bindings() == shop.at_first


def test_what_does_not_serve_at_the_end_fails_by_name(shop, monkeypatch):
    noted = shop.out()
    run = shop.modules.run_module

    def without_file(module, /, **options):
        shop.file.unlink()
        return run(module, **options)

    monkeypatch.setattr(shop.modules, "run_module", without_file)
    with pytest.raises(Stop, match=r"This run has drained ins-web1:80 on lb-1 lbl-1 \(weight 10\), .* and 3 more"):
        shop.back(noted)


@pytest.mark.parametrize("more", [{}, {"warm_up": [50]}, {"listeners": [{"listener_port": 443, "port": 80}]}])
@pytest.mark.parametrize("gone, left", [("listener", ["lbl-2-b"]), ("load_balancer", [])])
def test_what_is_gone_is_told_and_the_rest_put_back_and_reruns_go_on(shop, gone, left, more):
    more = {"load_balancer_ids": ["lb-1", "lb-2"], "warm_up_seconds": 0, **more}
    noted = shop.out(**more)
    named = {"listener_id": "lbl-2"} if gone == "listener" else {}
    shop.cloud.change(f"delete_{gone}", {"load_balancer_id": "lb-2", **named})
    rest = {binding for binding in shop.at_first if binding[0] in ["lbl-1", "lbl-1-b", *left]}
    with pytest.raises(Stop, match="This run has drained ins-web1:80 on lb-2 lbl-2 "):
        shop.back(noted, **more)
    assert shop.cloud.bindings() == rest
    shop.modules.warnings.clear()
    assert shop.check() == ["web1", "web2"]
    told = [one for one in shop.modules.warnings if one.startswith("lb-2: ") and "take its entries out" in one]
    assert len(told) == (gone == "load_balancer")
    shop.back(shop.out())
    assert shop.cloud.bindings() == rest


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InternalError"])
@pytest.mark.parametrize("step", ["check", "out"])
def test_a_load_balancer_that_can_not_be_read_stops(shop, code, step):
    shop.cloud.add_faults({**DENIED, "code": code, "action": "DescribeTargets", "load_balancers": ["lb-2"]})
    with pytest.raises(Stop, match=f"{code}.*No host {'of the batch ' if step == 'out' else ''}was drained"):
        getattr(shop, step)()
    assert shop.cloud.writes() == []


@rows(
    "variables, words",
    ({"min_healthy": 3}, r"batch 1 \(web1\): lb-1 lbl-1 \(TCP:443\) would keep 2 healthy targets"),
    ({"load_balancer_id": "lb-9"}, "lb-9"),
    ({"load_balancer_id": "lb-1", "listeners": [{"listener_port": 445, "port": 80}]}, "445"),
    ({"restore_file": "/no/such/folder/r.json"}, "/no/such/folder does not exist"),
)
def test_what_would_fail_is_found_before_anything_is_drained(shop, variables, words):
    with pytest.raises(Stop, match=f"{words}.* No host was drained"):
        shop.check(**variables)


def test_a_fault_that_lasts_40_seconds_is_waited_for(shop):
    noted, until = shop.out(), shop.cloud.now() + 40
    fault = {"kind": "error", "code": "InternalError", "load_balancers": ["lb-2"]}
    shop.cloud.before("*", lambda: shop.cloud.now() < until and shop.cloud.add_faults(fault), times=-1)
    shop.back(noted)
    assert shop.is_as_at_first()


def test_a_drain_that_is_refused_on_one_load_balancer_is_undone_on_the_other(shop):
    shop.cloud.add_faults({**DENIED, "action": "BatchModifyTargetWeight", "load_balancers": ["lb-2"]})
    with pytest.raises(Stop, match="No host of the batch was left out of traffic"):
        shop.out()
    assert shop.is_as_at_first()
    # Where that fails, too, it stays remembered.
    fault = {**DENIED, "action": "BatchModifyTargetWeight", "load_balancers": ["lb-1"]}
    shop.cloud.before("BatchModifyTargetWeight", lambda: shop.cloud.add_faults(fault), nth=3)
    with pytest.raises(Stop, match=r"ins-web1, ins-web2: drained, and could not be put back: .* The weights are in"):
        shop.out()
    assert {entry["load_balancer_id"] for entry in shop.remembered} == {"lb-1"}


def test_runs_share_a_file_and_bring_back_their_own_hosts(shop):
    first, _second = shop.out("web1"), shop.out("web2")
    shop.back(first, "web1")
    assert {entry["instance_id"] for entry in shop.remembered} == {"ins-web2"}
    # A run that has not taken a host out finds it in the file.
    shop.back(None, "web2")
    assert shop.cloud.bindings() == shop.at_first


@rows("own, kept", ({}, ["ins-web1", "ins-web2"]), ({"web1": {"warm_up": [50]}}, ["ins-web2"]))
def test_hosts_that_do_not_get_healthy_are_kept_in_the_file(shop, own, kept):
    noted = shop.out()
    shop.health(dead=["ins-web2"])
    with pytest.raises(Stop, match="ins-web2"):
        shop.back(noted, wait_timeout=5, own=own)
    assert shop.cloud.bindings() == shop.at_first
    assert sorted({entry["instance_id"] for entry in shop.remembered}) == kept
    shop.health(alive=["ins-web2"])
    assert shop.check("web3", "web2")[0] == "web2"
    shop.back(shop.out())
    assert shop.is_as_at_first()


def test_hosts_warm_up_healthy_at_each_step_and_so_long_on_each(tmp_path):
    shop = Shop(tmp_path, health={"after": 2})
    slow = {"warm_up": [1, 25, 60], "warm_up_seconds": 20}
    noted = shop.out("web1", **slow)
    file = shop.remembered
    seen = []
    shop.cloud.before("BatchModifyTargetWeight", lambda: seen.append((shop.cloud.now(), shop.remembered)), times=-1)
    began = shop.cloud.now()
    shop.back(noted, "web1", **slow)
    shares = [
        sorted({one["Weight"] for entry in call["params"]["ModifyList"] for one in entry["Targets"]})
        for call in shop.cloud.calls("BatchModifyTargetWeight")
        if call["params"]["LoadBalancerId"] == "lb-2"
    ]
    assert shares == [[0], [1], [5], [12], [20]]
    assert {entry["weight"] for entry in file} == {10, 20}
    assert all(remembered == file for _, remembered in seen)
    assert shop.cloud.now() - began >= 60
    assert shop.is_as_at_first()


@pytest.mark.parametrize("lost", [False, True])
def test_a_warm_up_that_was_killed_is_completed_by_the_next_run(shop, lost):
    slow = {"warm_up": [10, 50], "warm_up_seconds": 20}
    noted = shop.out("web1", **slow)
    shop.health(dead=["ins-web1"])
    shop.cloud.before("BatchModifyTargetWeight", shop.file.unlink)
    words = r"At a share of their weight now: ins-web1\. The whole weights are in .*; run the same command"
    with pytest.raises(Stop, match=words):
        shop.back(noted, "web1", wait_timeout=3, **slow)
    assert {shop.weights[f"lbl-{number}", "ins-web1"] for number in (1, 2)} == {1, 2}
    shop.health(alive=["ins-web1"])
    assert shop.check("web2", "web1", **slow)[0] == "web1"
    shop.cloud.before("BatchModifyTargetWeight", lambda: lost and shop.file.unlink())
    noted = shop.out("web1", **slow)
    assert {entry["weight"] for entry in shop.remembered} == {10, 20}
    shop.back(noted, "web1", **slow)
    assert shop.is_as_at_first()


@rows("seconds, more, warned", (0, {}, True), (60, {}, True), (90, {}, False), (0, {"drain_connections": True}, False))
def test_a_drain_that_is_shorter_than_session_persistence_is_worth_a_warning(tmp_path, seconds, more, warned):
    shop = Shop(tmp_path, load_balancers=[balancer(1, session_seconds=90), balancer(2)])
    shop.check(drain_seconds=seconds, **more)
    assert any("lb-1 lbl-1 (TCP:443): 90 s" in text for text in shop.modules.warnings) is warned


@rows(
    "listener, warned",
    ({}, True),  # without a weight, a binding keeps what it has
    ({"weight": 5}, False),
    ({"listener_id": None, "listener_port": 443, "listener_protocol": "tcp", "weight": "5"}, False),
    ({"listener_id": "lbl-1-b", "weight": 9}, True),
)
def test_a_weight_of_0_that_clb_listeners_leave_is_worth_a_warning(tmp_path, listener, warned):
    shop = Shop(tmp_path, load_balancers=[balancer(1, weight=0)])
    wanted = [{"listener_id": "lbl-1-b", "port": 80, "weight": 9}, {"listener_id": "lbl-1", "port": 80, **listener}]
    variables = {"load_balancer_id": "lb-1", "listeners": wanted}
    shop.check("web1", **variables)
    assert any(text.startswith("web1: bound with weight 0") for text in shop.modules.warnings) is warned
    shop.back(shop.out("web1", **variables), "web1", **variables)
    assert (shop.weights["lbl-1", "ins-web1"] == 0) is warned


def test_settings_that_may_not_be_read_are_a_warning(shop):
    shop.cloud.add_faults({**DENIED, "action": "DescribeListeners"})
    assert shop.check() == ["web1", "web2"]
    assert "The session persistence of the listeners is not known" in shop.modules.warnings[0]


def test_a_dry_run_writes_nothing_and_foresees_what_the_file_brings_back(shop):
    shop.out("web1")
    before, file = shop.cloud.bindings(), shop.remembered
    shop.modules.check_mode = True
    noted = shop.out("web1", "web2", drain_seconds=3600)
    began = shop.cloud.now()
    noted = shop.back(noted, "web1", "web2", warm_up=[50], warm_up_seconds=3600)
    assert shop.cloud.now() - began < 60
    assert (shop.cloud.bindings(), shop.remembered) == (before, file)
    assert {entry["instance_id"] for entry in shop.modules.results[-1]["modified"]} == {"ins-web1"}
    assert shop.step("summary", "web1", "web2", noted=noted)["lines"] == ["2 of 2 hosts would be updated, in 1 batch."]


def test_listeners_bind_what_is_new_and_what_is_remembered_wins(shop):
    wanted = [{"listener_port": 443, "port": 80, "weight": 99}, {"listener_id": "lbl-1-b", "port": 81, "weight": 5}]
    elsewhere = {"load_balancer_id": "lb-2", "listener_port": 443, "port": 80, "weight": 5}
    variables = {"load_balancer_id": "lb-1", "listeners": [*wanted, elsewhere]}
    bound = {("lbl-1", "ins-web4", 80, 99), ("lbl-1-b", "ins-web1", 81, 5), ("lbl-1-b", "ins-web4", 81, 5)}
    bound.add(("lbl-2", "ins-web4", 80, 5))
    for known in (True, False):
        noted = shop.out("web1", "web4", **variables)
        shop.back(noted if known else None, "web1", "web4", **variables)
        assert shop.cloud.bindings() == shop.at_first | {(one[0], None, *one[1:], "") for one in bound}


def test_hosts_that_do_not_answer_and_variables_that_mean_nothing_are_told_at_once(shop):
    answers = {"web1": {"unreachable": True, "msg": "ssh: refused"}}
    words = r"web1: no answer \(ssh: refused\)\. .*web2: clb_min_healthy -1.* No host was drained"
    with pytest.raises(Stop, match=words):
        shop.check(answers=answers, min_healthy=-1)
    with pytest.raises(Stop, match="check runs in a play without serial; run out and back in another"):
        shop.check(batch=["web1"])


def test_a_host_that_has_failed_stops_the_next_batch(shop):
    noted = shop.back(shop.out(*NAMES, batch=NAMES[:2]), *NAMES, batch=["web1"])
    writes = len(shop.cloud.writes())
    shop.file.unlink()
    with pytest.raises(Stop) as caught:
        shop.out(*NAMES, noted=noted, batch=["web3"], present=["web1", "web3"])
    begin = "web2 could not be updated and stays out of traffic. 1 of 3 hosts updated and back in traffic"
    assert str(caught.value).startswith(begin)
    end = f"Still out of traffic: web2. Their weights are in {shop.file}. Not touched: web3. Remove the cause"
    assert end in str(caught.value)
    assert {entry["instance_id"] for entry in shop.remembered} == {"ins-web2"}
    assert len(shop.cloud.writes()) == writes
    shop.file.write_text("[{")
    lines = shop.step("summary", *NAMES, noted=noted, present=["web1", "web3"])["lines"]
    assert any("Still out of traffic: web2. restore_file" in line and "not valid JSON" in line for line in lines)


def test_an_update_that_has_ended_the_play_is_found_by_the_next_batch_and_at_the_end(shop):
    noted = shop.out(*NAMES, batch=NAMES[:2])
    with pytest.raises(Stop, match=r"web1, web2: the update ended the play \(end_host, end_batch or end_play\)"):
        shop.out(*NAMES, noted=noted, batch=["web3"])
    noted = shop.back(noted, *NAMES, batch=["web1"])
    problem = shop.step("summary", *NAMES, noted=noted)["problem"]
    assert problem.startswith("web2: the update ended the play")
    # Those that have failed are no longer in it.
    assert shop.step("summary", *NAMES, noted=noted, present=["web1", "web3"])["problem"] == ""


def test_a_summary_counts_hosts_and_seconds(shop):
    noted = shop.back(shop.out(*NAMES, batch=NAMES[:2]), *NAMES, batch=NAMES[:2])
    noted = shop.back(shop.out(*NAMES, noted=noted, batch=["web3"], drain_seconds=90), *NAMES, batch=["web3"])
    seconds = {name: one["seconds"] for name, one in noted["left"].items()}
    assert shop.step("summary", *NAMES, noted=noted)["lines"] == [
        "3 of 3 hosts updated and back in traffic, in 2 batches.",
        f"Out of traffic: {sum(seconds.values()) / 3:.0f} s on average, {seconds['web3']:.0f} s at most (web3).",
    ]
    # Put back because of its connections, and failed.
    lines = shop.step("summary", *NAMES, noted=noted, present=NAMES[1:])["lines"]
    assert lines[0] == "2 of 3 hosts updated and back in traffic, in 2 batches."


@rows("busy, fails, warned", ([], False, False), (["::"], False, True), (["0.0.0.0"], True, False))
def test_connections_are_waited_for_over_both_families(shop, busy, fails, warned):
    waiting = {"drain_connections": True, "drain_timeout": 7, "drain_ignore": ["::ffff:127.0.0.9"]}
    waiting["drain_on_timeout"] = "fail" if fails else "continue"
    noted = shop.out(**waiting)
    shop.modules.busy = {(address, 80): "timed out" for address in busy}
    done = shop.step("connections", noted=noted, **waiting)
    seen = [(one["host"], one["port"], one["exclude_hosts"]) for one in shop.modules.waits]
    assert seen == [(family, 80, ["127.0.0.9"]) for family in ("0.0.0.0", "::")]
    assert {one["timeout"] for one in shop.modules.waits} <= {6, 7}
    text = "web1: connections have not ended after 7 s (timed out)."
    assert done == {"busy": text if fails else ""}
    assert shop.modules.warnings == ([f"{text} The host is updated all the same."] if warned else [])
