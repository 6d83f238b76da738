# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restore files that can't be used, can't be written, or are shared; processes that share one, and are killed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply import memory
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.reconcile import Reconciler
from ansible_collections.tencentcloud.clb.plugins.module_utils._base import limits
from clb_emulator.inprocess import scenario_of
from clb_emulator.testing import Emulator

from ..builders import rows, target, tcp
from .tasks import HOST, OLD, ONE, drain, held, interfere, region, remember, remembered, restore


@pytest.fixture
def file(tmp_path):
    return tmp_path / "restore.json"


DRAIN = {"state": "drained", "targets": [HOST]}


def seen(file):
    """What changes of a file with any write to it."""
    found = file.lstat()
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode


def foreign(file):
    remember(file)
    os.chown(file, 12345, 12345)


BAD = {
    "empty": (lambda file: file.write_text(""), "it is not valid JSON"),
    "bytes": (lambda file: file.write_bytes(b"\xff\xfe[]"), "it is not valid JSON: it is not UTF-8"),
    "no entries": (lambda file: remember(file, HOST), "targets[0]: no listener is named"),
    "directory": (lambda file: file.mkdir(), "it is not a regular file"),
    "pipe": (os.mkfifo, "it is not a regular file"),
    "symlink": (lambda file: file.symlink_to("elsewhere"), "it is a symbolic link"),
    "another user's": (foreign, "it belongs to another user (UID 12345)"),
    "large": (lambda file: (file.touch(), os.truncate(file, 25 << 20)), "it is larger than 24 MB"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_restore_file_stops_every_task_and_is_left_alone(file, what):
    make, problem = BAD[what]
    if what == "another user's" and os.geteuid():
        pytest.skip("only root can give a file away")
    make(file)
    descriptors = Path("/proc/self/fd")
    found, cloud, opened = seen(file), region(), len(list(descriptors.iterdir()))
    tasks = [DRAIN, {**DRAIN, "targets": []}, {"targets": [{**ONE, "instance_id": "ins-7"}]}, {"state": "restored"}]
    for options in [*tasks, *({**task, "check": True} for task in tasks)]:
        run = cloud.run(restore_file=str(file), **options)
        assert run.code == "InvalidArgument"
        assert f"restore_file {file}: " in run.message
        assert problem in run.message
    assert (cloud.calls(), seen(file), list(file.parent.iterdir())) == ([], found, [file])
    assert len(list(descriptors.iterdir())) <= opened


def test_a_file_may_be_as_large_as_is_allowed(file, monkeypatch):
    remember(file, ONE)
    monkeypatch.setattr(memory, "MAX_BODY_BYTES", file.stat().st_size)
    assert not region().run(**DRAIN, restore_file=str(file), check=True).failed


@rows(
    "path, problem",
    ("{}/none/restore.json", "does not exist. Make it first"),
    ("{}/x\0y", "null"),
    ("{}/" + "n" * 300, "File name too long"),
    ("/", "it names no file"),
    ("/proc/restore.json", ""),
    ("/dev/null", "it is not a regular file"),
)
def test_paths_that_can_not_be_used(tmp_path, path, problem):
    cloud = region()
    for options in (DRAIN, {"state": "restored"}):
        run = cloud.run(restore_file=path.format(tmp_path), **options)
        if path.startswith("/proc") and options["state"] == "restored":
            continue
        assert (run.code, problem in run.message) == ("InvalidArgument", True), run.message
    assert cloud.writes() == []


@pytest.mark.parametrize("right", [os.R_OK, os.W_OK, os.X_OK])
def test_a_folder_without_a_right_can_not_be_used(file, monkeypatch, right):
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & right)
    assert "this user can't write to its folder" in restore(region(), file).message


def full(*_arguments, **_more):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace", "folder"])
@pytest.mark.parametrize("there", [True, False])
def test_a_full_disk_stops_the_task_before_any_call(file, monkeypatch, step, there):
    if there:
        remember(file, {**ONE, "weight": 1, "remembered": OLD}, {**ONE, "instance_id": "ins-5"})
    left = held(file)
    cloud = region()
    real_open, real_fsync = os.open, os.fsync
    patches = {
        "open": (os, "open", lambda path, how, *mode: full() if how & os.O_CREAT else real_open(path, how, *mode)),
        "write": (os, "fchmod", full),
        "fsync": (os, "fsync", full),
        # Before Python 3.10, paths keep the functions that os had when pathlib was imported.
        "replace": (Path, "replace", full),
        "folder": (os, "fsync", lambda fd: full() if stat.S_ISDIR(os.fstat(fd).st_mode) else real_fsync(fd)),
    }
    # Also where it would begin with a call that takes nothing away.
    new = {"targets": [{**ONE, "instance_id": "ins-9"}], "purge": True}
    with monkeypatch.context() as patch:
        patch.setattr(*patches[step])
        run = cloud.run(restore_file=str(file), **(new if there else DRAIN))
    assert run.code == "InvalidArgument"
    assert f"restore_file {file}: it can't be written: No space left on device" in run.message
    assert (cloud.writes(), held(file), list(file.parent.iterdir())) == ([], left, [file] if there else [])


def test_a_file_that_can_not_be_brought_up_to_date_is_a_warning(file, monkeypatch):
    cloud = region()
    drain(cloud, file)
    cloud.before("BatchModifyTargetWeight", lambda: monkeypatch.setattr(Path, "unlink", full))
    run = restore(cloud, file)
    monkeypatch.undo()
    assert (run.failed, run.changed, len(held(file))) == (False, True, 2)
    assert "could not be brought up to date at the end" in run.warnings[0]
    assert "No space left on device" in run.warnings[0]


def test_what_is_written_is_on_disk_before_the_next_call_and_no_half_of_it_is_left(file, monkeypatch):
    cloud, sizes, real_fsync = region(), [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (sizes.append(os.fstat(fd).st_size), real_fsync(fd)))
    cloud.before("Batch*", lambda: monkeypatch.setattr(os, "fsync", full))
    assert "could not be brought up to date at the end" in drain(cloud, file).warnings[0]
    assert (sizes[0], list(file.parent.iterdir())) == (file.stat().st_size, [file])


def test_the_lock_of_the_folder_is_waited_for(file):
    cloud = region()
    folder = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    run = cloud.run(**DRAIN, restore_file=str(file), wait_timeout=5)
    assert (run.code, cloud.writes(), run.seconds) == ("WaitTimeout", [], pytest.approx(5, abs=0.5))
    assert "another task to leave the restore file" in run.message
    # Neither reading nor a task without changes needs the lock.
    for options in ({"check": True}, {"targets": [{**HOST, "port": 9}]}):
        assert not cloud.run(**{**DRAIN, **options}, restore_file=str(file), wait_timeout=5).failed
    cloud.before("DescribeTargets", lambda: os.close(folder))
    drain(cloud, file)


def test_the_lock_is_waited_for_after_the_time_is_up(file):
    cloud = region(2, task_seconds=60)
    folder = os.open(file.parent, os.O_RDONLY)
    cloud.before("Batch*", lambda: fcntl.flock(folder, fcntl.LOCK_EX))
    cloud.before("DescribeTargets", lambda: fcntl.flock(folder, fcntl.LOCK_UN) if cloud.now() > 6 else None, times=-1)
    tasks = {"restore_file": str(file), "wait_timeout": 5}, {"load_balancer_id": "lb-2", "wait": False, "after": 7}
    late, _other = cloud.together(*({"load_balancer_id": "lb-1", **DRAIN, **task} for task in tasks))
    os.close(folder)
    assert (late.code, late.warnings) == ("WaitTimeout", [])


def test_nothing_is_written_that_could_not_be_read_again(file, monkeypatch):
    remember(file, *({**ONE, "port": port} for port in range(100, 200)))
    left, cloud = held(file), region()
    monkeypatch.setattr(limits, "MAX_VALUES", 505)
    run = cloud.run(**DRAIN, restore_file=str(file))
    assert (run.code, cloud.writes(), held(file)) == ("InvalidArgument", [], left)
    assert "it can't be written: it has more than 505 values" in run.message


def test_what_a_killed_task_has_left_beside_the_file_is_replaced(file):
    beside = file.with_name(".restore.json.new")
    beside.write_text("half")
    beside.chmod(0o644)
    cloud = region()
    drain(cloud, file)
    assert (list(file.parent.iterdir()), stat.S_IMODE(file.stat().st_mode)) == ([file], 0o600)
    # An entry that is kept is not written anew.
    found = seen(file)
    assert (cloud.run(**{**DRAIN, "state": "absent"}, restore_file=str(file)).changed, seen(file)) == (True, found)
    beside.write_text("half")
    restore(cloud, file)
    assert list(file.parent.iterdir()) == []


def test_an_entry_is_made_younger_before_a_late_call(file):
    cloud = region()
    cloud.change("lock", {"load_balancer_id": "lb-1", "seconds": 30})
    seen: list[str] = []
    cloud.before("Batch*", lambda: seen.append(held(file)[0]["remembered"]), times=-1)
    drain(cloud, file)
    assert len(seen) > 3
    assert seen[-1] > seen[0]
    assert len(set(seen)) < len(seen), "not before each call"


def test_after_an_error_of_our_own_all_that_may_have_changed_stays(file, monkeypatch):
    cloud = region(2)
    monkeypatch.setattr(Reconciler, "_conclude", lambda *_arguments: {}["broken"])
    run = cloud.run(**DRAIN, restore_file=str(file), load_balancer_ids=["lb-1", "lb-2"])
    monkeypatch.undo()
    assert (run.failed, len(run["restore"]), len(held(file))) == (True, 4, 4)
    assert not restore(cloud, file).failed
    assert not file.exists()
    # Also what somebody else has bound since the plan was made.
    monkeypatch.setattr(Reconciler, "_conclude", lambda *_arguments: {}["broken"])
    cloud.before("Batch*", lambda: interfere(cloud, {"ListenerId": "lbl-1"}, "ins-9", 77))
    wish = {**ONE, "instance_id": "ins-9", "weight": 5}
    assert cloud.run(targets=[wish], restore_file=str(file), load_balancer_id="lb-1").failed
    assert remembered(file) == {"lbl-1 ins-9": 77}


HOSTS = [f"10.9.0.{number}" for number in range(1, 7)]
MODULE = "from ansible_collections.tencentcloud.clb.plugins.modules import targets; targets.main()"


@pytest.fixture
def emulator():
    bound = [target(host, 80, 10 + number) for number, host in enumerate(HOSTS)]
    scenario = scenario_of({f"lb-{one}": [tcp(f"lbl-{one}", 443, *bound)] for one in (1, 2)})
    with Emulator({**scenario, "task_seconds": 0.2}) as running:
        yield running


def start(emulator, file, **options):
    """Start a task as a process of its own."""
    arguments = {"load_balancer_ids": ["lb-1", "lb-2"], "restore_file": str(file), **options}
    process = subprocess.Popen(
        [sys.executable, "-c", MODULE],
        env={**os.environ, **emulator.environ(), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
    process.stdin.close()
    process.stdin = None
    return process


def result(process):
    return json.loads(process.communicate(timeout=120)[0])


def test_six_processes_share_a_file_and_a_reader_never_sees_a_part(emulator, file):
    before = emulator.bindings()
    read: list[int] = []
    done = threading.Event()

    def look():
        while not done.wait(0.005):
            with contextlib.suppress(FileNotFoundError):
                text = file.read_text()
                read.append(len(json.loads(text)) if text else -1)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        processes = [start(emulator, file, state="drained", targets=[{"eni_ip": host}]) for host in HOSTS]
        runs = [result(process) for process in processes]
    finally:
        done.set()
        reader.join()
    assert not any(run.get("failed") for run in runs)
    assert {one[4] for one in emulator.bindings()} == {0}
    remembered = json.loads(file.read_text())
    assert sorted((one["load_balancer_id"], one["eni_ip"], one["weight"]) for one in remembered) == [
        (f"lb-{one}", host, 10 + number) for one in (1, 2) for number, host in enumerate(HOSTS)
    ]
    assert set(read) <= set(range(1, 13))
    assert len(read) > 10
    halves = [[{"eni_ip": host} for host in half] for half in (HOSTS[:3], HOSTS[3:])]
    processes = [start(emulator, file, state="restored", targets=half) for half in halves]
    assert not any(result(process).get("failed") for process in processes)
    assert (emulator.bindings(), list(file.parent.iterdir())) == (before, [])


# What is not applied may come late: it is waited for 15 s.
LATE = pytest.param("drained", False, marks=pytest.mark.long)


@pytest.mark.parametrize("state, applied", [("drained", True), ("absent", True), LATE])
def test_processes_that_are_killed(emulator, file, state, applied):
    before = emulator.bindings()
    action = "BatchModifyTargetWeight" if state == "drained" else "BatchDeregisterTargets"
    hang = {"action": action, "kind": "hang", "seconds": 3, "apply": applied, "times": -1}
    emulator.add_faults({**hang, "load_balancers": ["lb-2"]})
    process = start(emulator, file, state=state, targets=[{"eni_ip": host} for host in HOSTS[:3]])
    deadline = time.monotonic() + 60
    while emulator.count(action) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert len(json.loads(file.read_text())) == 6
    emulator.clear_faults()
    assert not result(start(emulator, file, state="restored")).get("failed")
    assert (emulator.bindings(), list(file.parent.iterdir())) == (before, [])
