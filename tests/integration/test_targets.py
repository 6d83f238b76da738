# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What playbooks rely on: check mode, diff, defaults, results that go back in, many hosts and playbooks, containers.

What the module does with each option is tested in ``tests/unit/plugins/modules``.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from clb_emulator.testing import Emulator
from shop import keys, web_shop

from .plays import play, task

TCP = {"listener_id": "lbl-tcp"}


def load(emulator: Any) -> None:
    emulator.load({"task_seconds": 0.05, "rate_limit": 0, "load_balancers": [web_shop("lb-1", "name-lb-1")]})


def test_a_dry_run_is_the_real_run_and_a_second_one_has_nothing_to_do(playbook, emulator):
    load(emulator)
    options = {
        "load_balancer_name": "name-lb-1",
        "purge": True,
        "targets": [
            {**TCP, "instance_id": "ins-n", "port": 8443, "weight": 30, "tag": "grün"},
            {**TCP, "instance_id": "ins-b", "port": 8443},
            {"listener_port": 80, "domain": "SHOP.example.com", "url": "/", "eni_ip": "10.0.9.8", "port": 9000},
        ],
    }
    dry = task("Dry", {"check_mode": True, "diff": True}, **options)
    run = playbook(play(dry, task("Bind", {"diff": True}, **options), task("Again", **options)))

    assert run.rc == 0, run.output
    own = {"api_calls": None, "request_ids": None, "invocation": None}
    assert {**run.result("Dry"), **own} == {**run.result("Bind"), **own}
    assert '+TCP:443 (lbl-tcp)  ins-n:8443  weight 30  tag "grün"' in run.stdout
    assert emulator.bindings("lb-1") >= {
        ("lbl-tcp", None, "ins-n", 8443, 30, "grün"),
        # Neither weight nor tag was given: a drained target stays drained.
        ("lbl-tcp", None, "ins-b", 8443, 0, "blue"),
        ("lbl-http", "loc-shop", "10.0.9.8", 9000, 10, ""),
    }
    assert not run.task("Again").changed
    sent = [call["action"] for call in emulator.calls() if call["action"].startswith("Batch")]
    assert sent == ["BatchRegisterTargets", "BatchDeregisterTargets"]


def test_every_list_of_a_result_goes_back_in(playbook, emulator):
    load(emulator)
    before = emulator.bindings()
    desired = [
        {**TCP, "instance_id": "ins-n", "port": 8443, "tag": "green"},
        {**TCP, "instance_id": "ins-a", "port": 8443, "weight": 1, "tag": "red"},
        {"location_id": "loc-shop", "instance_id": "ins-b", "port": 8080},
    ]
    refusal = {"kind": "fail_listeners", "listeners": ["lbl-tcp"], "message": "Backend is gone"}
    emulator.add_faults({"action": "BatchRegisterTargets", **refusal})
    tasks = [
        task("Refused", {"ignore_errors": True, "register": "refused"}, targets=desired),
        task("failed_targets", targets="{{ refused.failed_targets }}"),
        task("Bind", {"register": "bound"}, targets=desired, purge=True),
        task("targets", targets="{{ bound.targets + bound.registered + bound.modified }}"),
        task("deregistered", targets="{{ bound.deregistered }}"),
        task("listeners", state="drained", targets="{{ bound.listeners }}"),
        task("restore", targets="{{ refused.restore + bound.restore }}"),
    ]
    run = playbook(play(*tasks, module_defaults={"group/tencentcloud.clb.all": {"load_balancer_id": "lb-1"}}))

    assert run.rc == 0, run.output
    assert keys(run.result("failed_targets")["registered"]) == {("lbl-tcp", None, "ins-n", 8443)}
    assert not run.task("targets").changed
    assert keys(run.result("deregistered")["registered"]) == keys(run.result("Bind")["deregistered"])
    assert {entry["after"]["weight"] for entry in run.result("listeners")["modified"]} == {0}
    assert run.task("restore").changed
    assert {binding[:4] for binding in emulator.bindings()} >= {binding[:4] for binding in before}


def test_hosts_that_drain_themselves_take_turns(playbook, emulator):
    """Six hosts, of which four have to serve: two drain, four are refused, and never fewer than four serve."""
    hosts = [f"ins-{number}" for number in range(6)]
    targets = [{"instance_id": host, "port": 8080, "weight": 10} for host in hosts]
    listener = {"id": "lbl-1", "protocol": "TCP", "port": 80, "targets": targets}
    emulator.load({"load_balancers": [{"id": "lb-1", "listeners": [listener]}], "task_seconds": 2.0})
    own = {"state": "drained", "min_healthy": 4, "targets": [{"instance_id": "{{ inventory_hostname }}"}]}
    drain = task("Drain", {"delegate_to": "localhost"}, load_balancer_id="lb-1", **own)
    run = playbook(play(drain, hosts="all"), "-i", ",".join(hosts), "--forks", "6")

    codes = sorted(str((one.result.get("error") or {}).get("code")) for one in run.tasks)
    assert codes == ["GuardRefused"] * 4 + ["None"] * 2, run.output
    assert emulator.min_serving("lbl-1") == 4
    assert sorted(binding[4] for binding in emulator.bindings()) == [0, 0, 10, 10, 10, 10]


@pytest.mark.alone
@pytest.mark.long
def test_forty_playbooks_at_once(playbook, emulator):
    """One load balancer, which takes one task at a time; no listener gets more than the 100 targets of its quota."""
    balancer = {"id": "lb-1", "generate": {"listeners": 4}}
    emulator.load({"task_seconds": 2.0, "rate_limit": 20, "load_balancers": [balancer]})
    places = [{"listener_id": f"lbl-g{writer % 4:04}", "port": 8080} for writer in range(40)]
    wanted = [[{**place, "eni_ip": f"10.1.{n}.{host}"} for host in range(5)] for n, place in enumerate(places)]
    started = [playbook.start(play(task("Bind", load_balancer_id="lb-1", targets=targets))) for targets in wanted]
    runs = [running.wait() for running in started]

    assert [run.rc for run in runs] == [0] * 40, "\n".join(run.output for run in runs if run.rc)
    assert [len(run.result("Bind")["registered"]) for run in runs] == [5] * 40
    desired = {(target["listener_id"], target["eni_ip"]) for targets in wanted for target in targets}
    assert {(binding[0], binding[2]) for binding in emulator.bindings()} == desired
    writes = emulator.calls("BatchRegisterTargets")
    outcomes = [call["outcome"] for call in writes]
    assert outcomes.count("ok") == 40
    # Otherwise this has not tested what it is for.
    assert outcomes.count("FailedOperation.ResourceInOperating") > 40
    last = max(call["applied_at"] for call in writes if call["accepted"])
    assert emulator.busy_share("lb-1", since=writes[0]["time"], until=last) >= 0.5


CHILD = r"""
import contextlib, json, re, sys
from pathlib import Path
from ansible.module_utils.testing import patch_module_args
from ansible_collections.tencentcloud.clb.plugins.modules import targets
with patch_module_args(json.loads(sys.argv[1])), contextlib.suppress(SystemExit):
    targets.main()
# Not ru_maxrss: it begins with what the process that started this one had used.
print(int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024)
"""


@pytest.mark.long
def test_memory_and_result_of_100_load_balancers_with_1000_bindings_each():
    large = {"listeners": 10, "targets": 100}
    balancers = [{"id": f"lb-{number}", "generate": {**large, "prefix": f"n{number}"}} for number in range(100)]
    with Emulator.spawn({"rate_limit": 0, "load_balancers": balancers}) as running:
        named = min(binding[2] for binding in running.bindings("lb-0"))
        backend = {"instance_id" if named.startswith("ins-") else "eni_ip": named}
        options = {"all_load_balancers": True, "state": "drained", "targets": [backend]}
        arguments = {**options, "_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False}
        environment = {**running.environ(), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
        output = subprocess.check_output([sys.executable, "-c", CHILD, json.dumps(arguments)], env=environment)
    *_, result, peak = output.splitlines()

    assert json.loads(result)["error"] is None
    assert int(peak) < 400e6
    assert len(output) < 1e6


USER = 54321
# The user may read everything, since Python may be installed below the home of root; it may write nowhere else.
CAPABILITIES = "-all,+dac_read_search"
# A strict container: an unknown user without a home, on a read-only root, with one folder to write to.
CONTAINER = f"""
set -e
mount --make-rprivate /
mount --rbind / "$1"
mount -o remount,bind,ro "$1"
mount --bind "$2" "$1$2"
cd /
exec chroot "$1" setpriv --reuid {USER} --regid 0 --clear-groups --inh-caps={CAPABILITIES} \\
    --ambient-caps={CAPABILITIES} --bounding-set={CAPABILITIES} "${{@:3}}"
"""
TARGETS = [{"instance_id": "{{ host }}", "listener_port": 443}]
DRAIN = task("Drain", load_balancer_id="lb-demo", state="drained", min_healthy=2, targets=TARGETS)


def can_contain():
    if os.geteuid() or not all(map(shutil.which, ("unshare", "setpriv", "chroot"))):
        return False
    return subprocess.run(["unshare", "-m", "mount", "--make-rprivate", "/"], capture_output=True).returncode == 0


contained = pytest.mark.skipif(not can_contain(), reason="needs root, and mount namespaces")


@pytest.fixture
def container(collections_path, emulator, tmp_path):
    """``container(host, folder)`` starts to drain a host in a container of its own; ``folder`` is that of the locks."""
    # The path of a socket is short, and so must be that of the folder in which Ansible makes one.
    writable = Path(tempfile.mkdtemp(prefix="clb-"))
    writable.chmod(0o1777)
    (tmp_path / "drain.yml").write_text(yaml.safe_dump(play(DRAIN)))

    def start(host, folder=None):
        own = writable / host
        own.mkdir(exist_ok=True)
        own.chmod(0o777)
        (tmp_path / host).mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            # ansible-core 2.19 does not start for a user without a name.
            "LOGNAME": "nobody",
            "ANSIBLE_COLLECTIONS_PATH": str(collections_path),
            **emulator.environ(),
            **dict.fromkeys(("TMPDIR", "ANSIBLE_HOME", "ANSIBLE_REMOTE_TMP"), str(own)),
        }
        if folder:
            environment["TENCENTCLOUD_CLB_LOCK_DIR"] = str(writable / folder)
        command = ["ansible-playbook", str(tmp_path / "drain.yml"), "-e", f"host={host}"]
        within = ["unshare", "-m", "bash", "-c", CONTAINER, "container", tmp_path / host, writable, *command]
        output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(within, env=environment, text=True, **output)

    yield start
    shutil.rmtree(writable)


@contained
def test_guard_names_the_folder_that_it_lacks(container, emulator):
    output, _ = container("ins-web1").communicate(timeout=120)

    told = f"/tmp/tencentcloud-clb-{USER} can't be made: Read-only file system. Set TENCENTCLOUD_CLB_LOCK_DIR"
    assert told in " ".join(output.split()), output
    assert not emulator.count("BatchModifyTargetWeight")


@contained
def test_containers_that_share_a_folder_take_turns(container, emulator):
    running = [container(host, "locks") for host in ("ins-web1", "ins-web2")]
    outputs = [process.communicate(timeout=120)[0] for process in running]

    assert sorted(process.returncode for process in running) == [0, 2], outputs
    assert sum("min_healthy is 2" in output for output in outputs) == 1
    assert sorted(binding[4] for binding in emulator.bindings("lb-demo") if binding[0] == "lbl-tcp443") == [0, 5, 10]
