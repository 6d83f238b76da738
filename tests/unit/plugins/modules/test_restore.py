# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``restore_file`` and ``state: restored``, as a task sees them."""

from __future__ import annotations

import json
import random
import stat

import pytest

from harness import Cloud

from ..builders import rows
from .tasks import HERE, HOST, OLD, ONE, drain, held, interfere, lock, region, remember, remembered, restore

BOTH = {"lbl-1 ins-1": 100, "loc-1 ins-1": 50}
OTHER = {"load_balancer_id": "lb-2", "listener_id": "lbl-2"}


def error(code, action, **more):
    return {"action": action, "kind": "error", "code": code, **more}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "restore.json"


def test_what_a_task_changes_is_on_disk_before_it_and_until_it_is_back(file):
    cloud = region()
    before, seen = cloud.bindings(), []
    cloud.before("BatchModifyTargetWeight", lambda: seen.append(held(file)))
    out = drain(cloud, file)
    assert [{**one, "remembered": None} for one in seen[0]] == [{**one, "remembered": None} for one in out["restore"]]
    assert (remembered(file), [one["tag"] for one in held(file)]) == (BOTH, ["a", ""])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    foreseen = restore(cloud, file, check=True)
    assert (foreseen.changed, len(held(file))) == (True, 2)
    back = restore(cloud, file)
    assert (back.failed, back.warnings, cloud.bindings()) == (False, [], before)
    assert "DescribeLoadBalancers" not in back["api_calls"]
    assert ([one["weight"] for one in back["restore"]], back["diff"]) == ([0, 0], foreseen["diff"])
    assert list(file.parent.iterdir()) == []
    again = restore(cloud, file)
    assert (again.failed, again.changed, again["api_calls"]) == (False, False, {})


def test_of_two_tasks_the_former_weight_of_the_second_is_remembered(file):
    cloud = region()
    assert not cloud.run(targets=[{**ONE, "weight": 10}], restore_file=str(file)).failed
    assert remembered(file) == {"lbl-1 ins-1": 100}
    for _ in range(2):
        drain(cloud, file, HERE)
        assert remembered(file) == {"lbl-1 ins-1": 10}
    cloud.run(state="absent", targets=[HERE], restore_file=str(file))
    assert remembered(file) == {"lbl-1 ins-1": 10}
    # What is given back by other means is taken out, too, but only once it is in place.
    cloud.run(targets=[{**ONE, "weight": 9}], restore_file=str(file))
    assert remembered(file) == {"lbl-1 ins-1": 10}
    cloud.run(targets=[{**ONE, "weight": 10, "tag": "a"}], restore_file=str(file), wait=False)
    assert remembered(file) == {"lbl-1 ins-1": 10}
    cloud.finish()
    assert not cloud.run(targets=[ONE], restore_file=str(file)).changed
    assert not file.exists()


def test_what_a_task_has_not_changed_it_takes_out_again(file):
    cloud = region()
    cloud.add_faults(error("UnauthorizedOperation", "BatchModifyTargetWeight"))
    remember(file, {**ONE, "weight": 1, "remembered": OLD})
    kept = held(file)
    assert cloud.run(state="drained", targets=[HOST], restore_file=str(file)).failed
    assert held(file) == kept
    file.unlink()
    guarded = cloud.run(state="drained", targets=[HOST], restore_file=str(file), min_healthy=9)
    assert (guarded.code, file.exists()) == ("GuardRefused", False)
    # Nor does it matter that another task has emptied the file meanwhile.
    cloud.add_faults(error("UnauthorizedOperation", "BatchModifyTargetWeight"))
    cloud.before("BatchModifyTargetWeight", file.unlink)
    run = cloud.run(state="drained", targets=[HOST], restore_file=str(file))
    assert (run.code, run.warnings, file.exists()) == ("UnauthorizedOperation", [], False)


def test_what_may_still_happen_stays(file):
    cloud = region(task_seconds=60)
    run = cloud.run(state="drained", targets=[HOST], restore_file=str(file), wait_timeout=10)
    assert (run.code, [one["weight"] for one in run["restore"]], remembered(file)) == ("WaitTimeout", [100, 50], BOTH)


def test_what_another_task_has_taken_out_meanwhile_is_put_back(file):
    cloud = region()
    cloud.before("BatchModifyTargetWeight", file.unlink)
    drain(cloud, file)
    assert remembered(file) == BOTH


def test_a_task_that_removes_nothing_needs_no_memory(file):
    cloud = region()
    cloud.before("Batch*", lambda: None if not file.exists() else pytest.fail("the file was written"))
    assert not cloud.run(targets=[{**ONE, "instance_id": "ins-5"}], restore_file=str(file)).failed
    for options in ({"check": True}, {"targets": []}, {"targets": [{**HOST, "port": 9}]}):
        cloud.run(**{"state": "absent", "targets": [HOST], "restore_file": str(file), **options})
    assert not file.exists()
    nowhere = Cloud.of({}).run(state="drained", targets=[HOST], all_load_balancers=True, restore_file=str(file))
    assert [warning.partition(" in ")[0] for warning in nowhere.warnings] == ["No load balancer"]


def test_many_load_balancers_share_one_file_in_one_task(file):
    cloud = region(30)
    before = cloud.bindings()
    drain(cloud, file, all_load_balancers=True)
    assert len(held(file)) == 60
    back = restore(cloud, file, load_balancer_ids=[f"lb-{one}" for one in range(11, 31)])
    assert (back.failed, len(back["load_balancers"]), len(held(file))) == (False, 20, 20)
    restore(cloud, file)
    assert (cloud.bindings(), file.exists()) == (before, False)


@pytest.mark.parametrize("delay", [0.0, 0.3, 1.0, 2.5, 6.0])
@pytest.mark.parametrize("first", ["drain", "restore"])
@pytest.mark.parametrize("wait", [True, False])
@pytest.mark.parametrize("lead", [0.0, 20.0])
def test_a_drain_beside_a_restored_of_the_same_binding(file, delay, first, wait, lead):
    cloud = region(task_seconds=2)
    remember(file, {**ONE, "weight": 100, "tag": "a", "remembered": OLD})
    if lead:
        lock(cloud, lead)
    tasks = {"drain": {"state": "drained", "targets": [HERE], "wait": wait}, "restore": {"state": "restored"}}
    runs = cloud.together(
        *({**task, "restore_file": str(file), "after": 0 if name == first else delay} for name, task in tasks.items())
    )
    assert [run.failure for run in runs] == [None, None]
    cloud.finish()
    assert_not_forgotten(cloud, file)


def assert_not_forgotten(cloud, file):
    weight = next(one[4] for one in cloud.bindings("lb-1") if one[0] == "lbl-1" and one[2] == "ins-1")
    assert weight == 100 or remembered(file) == {"lbl-1 ins-1": 100}


@pytest.mark.parametrize("seed", range(8))
def test_what_a_restored_has_read_long_ago_it_does_not_take_out(file, seed):
    """While one load balancer is busy, a drain on the other one begins and ends."""
    cloud = region(2, seed=seed, task_seconds=0.2)
    rule = {**ONE, "listener_id": "lbl-10", "location_id": "loc-1", "weight": 7, "remembered": OLD}
    remember(file, rule, {**ONE, **OTHER, "weight": 7, "remembered": OLD})
    lock(cloud, 3)
    cloud.change("lock", {"load_balancer_id": "lb-2", "seconds": 60})
    runs = cloud.together(
        {"state": "drained", "load_balancer_id": "lb-1", "targets": [HERE], "restore_file": str(file)},
        {"state": "restored", "restore_file": str(file), "after": 0.5},
    )
    assert not any(run.failed for run in runs)
    assert_not_forgotten(cloud, file)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("task_seconds", [0.05, 2.0])
def test_tasks_that_take_away_the_same_bindings_at_once(file, seed, task_seconds):
    cloud = region(2, seed=seed, task_seconds=task_seconds)
    before, chance = cloud.bindings(), random.Random(seed)
    others = [
        {"state": "drained", "targets": [HOST]},
        {"state": "absent", "targets": [HOST], "wait": False},
        {"state": "drained", "targets": [HOST], "min_healthy": 1},
        {"load_balancer_ids": None, "targets": [{**ONE, "weight": 3}]},
        {"state": "absent", "targets": [{**HOST, "listener_port": 443}]},
    ]
    chosen = {"load_balancer_ids": ["lb-1", "lb-2"], "restore_file": str(file)}
    cloud.together(*({**chosen, **task, "after": chance.uniform(0, 2)} for task in chance.sample(others, 3)))
    cloud.finish()
    remembered = {one["listener_id"]: one["weight"] for one in held(file)}
    now = {one[0]: one[4] for one in cloud.bindings() if one[2] == "ins-1"}
    for listener_id, weight in (("lbl-1", 100), ("lbl-2", 100), ("lbl-20", 50)):
        assert weight == now.get(listener_id) or remembered[listener_id] in (weight, 3), (listener_id, now, held(file))
    assert not restore(cloud, file).failed
    assert {binding[4] for binding in cloud.bindings() ^ before} <= {3, 100}


def test_selectors_and_options_narrow_what_is_brought_back(file):
    cloud = region(3)
    drain(cloud, file, HOST, {"eni_ip": "10.9.0.2"}, all_load_balancers=True)
    assert len(held(file)) == 9
    nobody = restore(cloud, file, targets=[])
    assert (nobody.failed, nobody.changed, nobody.warnings, nobody["api_calls"]) == (False, False, [], {})
    absent = [{"instance_id": "ins-77"}, {"listener_port": 444}, {"load_balancer_id": "lb-9", **HOST}]
    unmatched = restore(cloud, file, targets=absent)
    assert not unmatched.failed
    assert [warning.partition(" (")[0] for warning in unmatched.warnings] == ["targets[0]", "targets[1]", "targets[2]"]
    assert all("matches nothing in" in warning for warning in unmatched.warnings)
    # An instance by its address, a rule by its names, on one of them.
    by_address = {"ip": "10.1.0.1", "listener_port": 80, "domain": "A.example.com"}
    one = restore(cloud, file, load_balancer_id="lb-2", targets=[by_address])
    assert (one["load_balancer_id"], [bound["location_id"] for bound in one["modified"]]) == ("lb-2", ["loc-2"])
    assert one.warnings == []
    two = restore(cloud, file, load_balancer_names=["name-lb-3", "name-lb-2"], targets=[{"listener_port": 443}])
    assert [part["load_balancer_id"] for part in two["load_balancers"]] == ["lb-3", "lb-2"]
    assert (len(two["modified"]), {entry["load_balancer_id"] for entry in held(file)}) == (4, {"lb-1", "lb-3"})
    assert restore(cloud, file, load_balancer_id="lb-2").changed is False
    assert restore(cloud, file, load_balancer_name="name-lb-1").changed
    assert restore(cloud, file, wait_for_health=True).changed
    assert not file.exists()


@rows(
    "options, problem",
    ({"restore_file": None}, "state restored needs restore_file"),
    ({"all_load_balancers": True}, "all_load_balancers does not go with state restored"),
    ({"targets": [{**HOST, "tag": "a"}]}, "targets[0]: with state restored, a tag selects nothing"),
    ({"targets": [{"port": None, **HOST}]}, "port is null"),
    ({"purge": True}, "purge goes with state present, not with restored"),
    ({"load_balancer_id": "lb-1", "targets": [{"load_balancer_id": "lb-2", **HOST}]}, "lb-2"),
    ({"load_balancer_name": "nobody"}, "No load balancer"),
    ({"targets": [{**HOST, "load_balancer_id": "lb-1", "load_balancer_name": "else"}]}, "is not the name of lb-1"),
    ({"wait_for_health": True, "wait": False}, "wait_for_health needs wait"),
)
def test_options_that_do_not_go_with_restored(file, options, problem):
    cloud = region(2)
    remember(file, {**ONE, "weight": 1})
    run = cloud.run(**{"state": "restored", "restore_file": str(file), **options})
    assert (run.code, problem in run.message) == ("InvalidArgument", True), run.message
    assert cloud.writes() == []


def test_entries_that_lead_nowhere_are_taken_out_and_shown(file):
    cloud = region()
    drain(cloud, file)
    cloud.change("delete_rule", {"load_balancer_id": "lb-1", "listener_id": "lbl-10", "location_id": "loc-1"})
    gone = held(file)[1]
    assert not restore(cloud, file, check=True).failed
    assert len(held(file)) == 2
    run = restore(cloud, file)
    assert (run.failed, len(run["modified"]), file.exists(), len(run.warnings)) == (False, 1, False, 1)
    assert json.dumps(gone) in run.warnings[0]


def test_a_load_balancer_without_listeners_is_looked_up_before_its_entries_go(file):
    cloud = Cloud.of({"lb-1": []})
    nobody = {"LoadBalancerSet": [], "TotalCount": 0, "RequestId": "r-1"}
    for code, failed, left in ((None, 0, 1), ("UnauthorizedOperation", 1, 2), ("InvalidArgument", 1, 2)):
        remember(file, {**ONE, "weight": 100}, {**ONE, "instance_id": None, "ip": "10.9.0.2"})
        if code == "InvalidArgument":
            cloud.alter("DescribeLoadBalancers", lambda _answer: {"Response": nobody})
        elif code:
            cloud.add_faults(error(code, "DescribeLoadBalancers"))
        run = restore(cloud, file, targets=[HOST])
        assert (run.code, len(run["failed_targets"]), len(held(file))) == (code, failed, left)


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("fault", ["gone", "UnauthorizedOperation", "InternalError"])
def test_where_a_load_balancer_can_not_be_read_the_others_are_brought_back(file, fault, check):
    cloud = region(3)
    before = cloud.bindings()
    drain(cloud, file, all_load_balancers=True)
    if fault == "gone":
        cloud.change("delete_load_balancer", {"load_balancer_id": "lb-2"})
    else:
        cloud.add_faults(error(fault, "DescribeTargets", times=-1, load_balancers=["lb-2"]))
    run = restore(cloud, file, check=check)
    assert (run.failed, run.changed) == (True, True)
    assert [part["status"] for part in run["load_balancers"]] == ["changed", "failed", "changed"]
    lost = [(one["load_balancer_id"], one["weight"], one["code"]) for one in run["failed_targets"]]
    assert lost == [("lb-2", weight, run.code) for weight in (100, 50)]
    assert "1 of 3 load balancers failed. lb-2: " in run.message
    stays = f"entries stay in {file}; if the load balancer is gone for good, take its entries out of that file by hand"
    assert stays in run.message
    assert {one["load_balancer_id"] for one in held(file)} == ({"lb-2"} if not check else {"lb-1", "lb-2", "lb-3"})
    # Who asks for a host elsewhere is not troubled.
    for selector in (HERE, *([{"ip": "10.9.0.2"}] if check else [])):
        assert not restore(cloud, file, check=check, targets=[selector]).failed
    if not check and fault != "gone":
        cloud.clear_faults()
        assert not restore(cloud, file).failed
        assert (cloud.bindings(), file.exists()) == (before, False)


def test_an_address_that_is_another_machine_now_does_not_get_the_weight(file):
    cloud = region()
    drain(cloud, file, {"eni_ip": "10.9.0.2"}, HOST)
    new = {"LoadBalancerId": "lb-1", "ListenerId": "lbl-1", "EniIp": "10.9.0.2", "Port": 80, "Weight": 7}
    cloud.change("unbind", [new])
    cloud.sleep(5)
    cloud.change("bind", [new])
    run = restore(cloud, file)
    assert (run.failed, len(run["modified"]), remembered(file)) == (False, 2, {"lbl-1 10.9.0.2": 30})
    (warning,) = run.warnings
    assert "10.9.0.2:80 on listener_id lbl-1" in warning
    assert "is not given its former weight 30: it was bound at" in warning
    (entry,) = held(file)
    remember(file, {**entry, "weight": None, "tag": "theirs"})
    assert "is not given its former tag: it was bound at" in restore(cloud, file).warnings[0]
    remember(file, entry)
    # Once it has that weight all the same, nothing is left to bring back.
    cloud.change("weight", [{**new, "Weight": 30}])
    assert (restore(cloud, file).changed, file.exists()) == (False, False)


def test_entries_that_contradict_what_exists_are_told_and_stay(file):
    cloud = region(2)
    wrong = {**ONE, "listener_port": 444, "weight": 1, "remembered": OLD}
    on_rule = {**ONE, "listener_id": "lbl-10", "location_id": "loc-1", "weight": 1}
    remember(file, wrong, on_rule, {**ONE, **OTHER, "weight": 1})
    run = restore(cloud, file)
    assert (run.failed, len(run["modified"]), held(file)) == (True, 2, [wrong])
    (failed,) = run["failed_targets"]
    assert "listener_port 444 contradicts the ID beside it" in failed["message"]
    assert "remembered" not in failed
    assert [part["status"] for part in run["load_balancers"]] == ["failed", "changed"]
    # By two names of one host, with two weights.
    remember(file, {**ONE, "weight": 1}, {**ONE, "instance_id": None, "ip": "10.1.0.1", "weight": 2})
    run = restore(cloud, file)
    assert (run.failed, run.changed, len(run["failed_targets"])) == (True, False, 2)
    assert "name the same binding" in run.message
    assert f"These are entries of {file}, which stay there; correct them in that file." in run.message


@rows("wrong", {"load_balancer_name": "else"}, {"region": "ap-beijing"})
def test_an_entry_that_names_another_load_balancer_or_region_is_told_with_the_file(file, wrong):
    remember(file, {**ONE, "weight": 1, **wrong})
    run = restore(region(), file)
    assert (run.code, f"restore_file {file}: its entries can't be used" in run.message) == ("InvalidArgument", True)


def test_what_could_not_be_bound_again_stays(file):
    cloud = region()
    removed = cloud.run(state="absent", targets=[HOST], restore_file=str(file))
    assert (removed.failed, len(held(file))) == (False, 2)
    cloud.add_faults({"kind": "refuse_targets", "targets": ["ins-1"], "times": -1})
    run = restore(cloud, file)
    assert (run.failed, len(run["failed_targets"]), len(held(file))) == (True, 2, 2)
    assert "gone for good" not in run.message


def test_an_entry_beside_a_change_that_may_still_happen_stays(file):
    cloud = region()
    remember(file, {**ONE, "weight": 100, "tag": "a", "remembered": OLD})
    cloud.add_faults(error("UnauthorizedOperation", "Describe*", skip=1, times=-1))
    wishes = [{**ONE, "weight": 100, "tag": "a"}, {**ONE, "instance_id": "ins-9"}]
    assert (cloud.run(targets=wishes, restore_file=str(file)).failed, len(held(file))) == (True, 1)


def test_a_guard_holds_for_what_is_brought_back(file):
    cloud = region()
    remember(file, {**ONE, "weight": 0})
    assert (restore(cloud, file, min_healthy=2).code, len(held(file))) == ("GuardRefused", 1)
    assert (restore(cloud, file, min_healthy=1).failed, file.exists()) == (False, False)


def test_what_is_so_new_that_its_task_may_still_write_is_waited_for(file):
    cloud = region(task_seconds=4)
    drain(cloud, file, HERE, wait=False)
    run = restore(cloud, file)
    assert (run.failed, [one["weight"] for one in run["modified"]], file.exists()) == (False, [100], False)
    # Without the time for that, it stays.
    drain(cloud, file, HERE)
    interfere(cloud, {"ListenerId": "lbl-1"}, "ins-1", 100)
    untimed = {**ONE, "listener_id": "lbl-10", "location_id": "loc-1", "weight": 50}
    remember(file, *held(file), untimed)
    run = restore(cloud, file, wait_timeout=5)
    assert (run.failed, run.changed, len(held(file))) == (False, False, 1)
    assert "1 entry stays in" in run.warnings[0]
    assert restore(cloud, file, wait=False).warnings == []
    cloud.sleep(9)
    run = restore(cloud, file)
    assert (run.failed, run.changed, file.exists(), 2 < run.seconds < 8) == (False, False, False, True)
