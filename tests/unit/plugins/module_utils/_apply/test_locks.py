# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import pwd
import stat
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply import locks as locks_module
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.locks import (
    FOLDER_VARIABLE,
    GuardLocks,
    lock_folder,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import GuardRefused, WaitTimeout
from clb_emulator.clock import VirtualClock

from ...builders import budget_on, rows

ENDPOINT = "clb.example.com"


@pytest.fixture
def folder(tmp_path):
    return lock_folder({FOLDER_VARIABLE: str(tmp_path / "locks")})


@pytest.fixture
def first(folder):
    """A task that holds the lock of lb-1."""
    locks = GuardLocks({FOLDER_VARIABLE: str(folder)}, ENDPOINT, budget_on(VirtualClock()))
    locks.acquire("lb-1")
    yield locks
    locks.release_all()


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def held(folder, load_balancer_id="lb-1", endpoint=ENDPOINT):
    """Whether another task would have to wait for a lock."""
    locks = GuardLocks({FOLDER_VARIABLE: str(folder)}, endpoint, budget_on(VirtualClock(), 0.2))
    try:
        locks.acquire(load_balancer_id)
    except WaitTimeout:
        return True
    locks.release_all()
    return False


@pytest.fixture
def home(monkeypatch, tmp_path):
    """The home that the password database names; everything else that may name a folder names others."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setattr(pwd, "getpwuid", lambda _user: SimpleNamespace(pw_dir=str(folder)))
    monkeypatch.setattr(locks_module, "_TEMPORARY", tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    for name in ("HOME", "TMPDIR", "TEMP", "XDG_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return folder


def unknown_user(_user):
    raise KeyError("getpwuid(): uid not found: 1001")


@rows("homeless", None, "", "relative", "/nonexistent", "/proc/1/root", "/dev/null", "/dev/null/x")
def test_the_folder_is_below_the_home_of_the_user_or_else_below_tmp(monkeypatch, home, homeless):
    assert lock_folder({}) == home / ".ansible" / "tencentcloud-clb"
    assert stat.S_IMODE(lock_folder({}).lstat().st_mode) == 0o700
    user = os.getuid() + 1
    name = unknown_user if homeless is None else lambda _user: SimpleNamespace(pw_dir=homeless)
    monkeypatch.setattr(pwd, "getpwuid", name)
    monkeypatch.setattr(os, "getuid", lambda: user)
    # The user is another one: the folder is made, and then refused for its owner.
    with pytest.raises(GuardRefused, match=f"/tmp/tencentcloud-clb-{user} is not a folder of mode 0700"):
        lock_folder({})


@rows("given, below", ("{}/far/away", "far/away"), ("~/x", "HOME/x"), ("~", "HOME"))
def test_the_variable_names_another_folder(tmp_path, home, given, below):
    assert lock_folder({FOLDER_VARIABLE: given.format(tmp_path)}) == tmp_path / below
    assert not (home / ".ansible").exists()


@rows(
    "given, words",
    ("locks", "'locks' is not an absolute path; give"),
    ("./locks", "is not an absolute path"),
    (" /tmp/locks", "is not an absolute path"),
    ("$HOME/locks", "is not an absolute path"),
    ("~nobody-has-this-name/x", "names no home directory that is known"),
    ("lo\x1b[31mcks", r"'lo\\x1b\[31mcks' is not an absolute path"),
    ("x" * 300, r"'x{199}\.\.\. \(302 characters in all\) is not an absolute path"),
)
def test_a_folder_that_depends_on_the_working_directory_is_refused(monkeypatch, tmp_path, given, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GuardRefused, match=f"{FOLDER_VARIABLE} .*{words}"):
        lock_folder({FOLDER_VARIABLE: given})
    assert list(tmp_path.iterdir()) == []


def a_loop(path):
    path.symlink_to(path)


@rows(
    "mode, parent, accepted",
    (0o2700, 0o2770, True),
    (0o1700, 0o700, True),
    (0o755, 0o700, False),
    (0o2770, 0o700, False),
    (None, 0o700, False),
    ids=["below setgid", "sticky", "open to others", "open to the group", "a link"],
)
def test_only_a_folder_that_nobody_else_may_enter_is_accepted(tmp_path, mode, parent, accepted):
    path = tmp_path / "locks"
    tmp_path.chmod(parent)
    if mode is None:
        (tmp_path / "elsewhere").mkdir(0o700)
        path.symlink_to("elsewhere")
    else:
        path.mkdir()
        path.chmod(mode)
    if accepted:
        assert lock_folder({FOLDER_VARIABLE: str(path)}) == path
        return
    with pytest.raises(GuardRefused, match=f"not a folder of mode 0700 .* set {FOLDER_VARIABLE}"):
        lock_folder({FOLDER_VARIABLE: str(path)})


def test_a_folder_of_somebody_else_is_refused(monkeypatch, folder):
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(GuardRefused, match="belongs to this user"):
        lock_folder({FOLDER_VARIABLE: str(folder)})


@rows("make, below", (Path.touch, ""), (Path.touch, "below"), (a_loop, ""), (a_loop, "below"))
def test_a_folder_that_cannot_be_made_says_why(tmp_path, make, below):
    make(tmp_path / "locks")
    with pytest.raises(GuardRefused, match=f"can't be made: .*Set {FOLDER_VARIABLE}"):
        lock_folder({FOLDER_VARIABLE: str(tmp_path / "locks" / below)})


@rows("number", errno.EROFS, errno.EACCES, errno.ENOENT, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT)
@rows("homeless", False, True)
def test_a_place_where_nothing_can_be_made_is_refused(monkeypatch, home, number, homeless):
    def mkdir(path, *_args, **_how):
        raise OSError(number, os.strerror(number), str(path))

    if homeless:
        monkeypatch.setattr(pwd, "getpwuid", unknown_user)
    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(GuardRefused, match=f"can't be made: {os.strerror(number)}. Set {FOLDER_VARIABLE}"):
        lock_folder({})


def test_one_task_at_a_time_works_on_a_load_balancer_and_others_do_not_wait(first, folder):
    assert [held(folder), held(folder, "lb-2"), held(folder, endpoint="other.example.com")] == [True, False, False]
    first.acquire("lb-2")
    assert held(folder, "lb-2")
    # Giving back what is not held is fine.
    for name in ("lb-1", "lb-1", "lb-3"):
        first.release(name)
    assert [held(folder), held(folder, "lb-2")] == [False, True]
    first.release_all()
    assert not held(folder, "lb-2")


def test_lock_files_are_of_this_user_alone_and_tell_no_names(first, folder):
    (path,) = folder.iterdir()
    assert (stat.S_IMODE(path.stat().st_mode), "lb-1" in path.name) == (0o600, False)


def test_waiting_ends_with_the_budget_and_leaves_nothing_open(first, folder):
    clock = VirtualClock()
    before = open_files()
    second = GuardLocks({FOLDER_VARIABLE: str(folder)}, ENDPOINT, budget_on(clock, 7))
    with pytest.raises(WaitTimeout, match="another task with min_healthy on this controller to leave lb-1"):
        second.acquire("lb-1")
    assert clock.seconds == pytest.approx(7)
    assert open_files() == before


def test_a_lock_is_taken_as_soon_as_the_other_task_gives_it_back(first, folder):
    second = GuardLocks({FOLDER_VARIABLE: str(folder)}, ENDPOINT, Budget(10, 1))
    waiting = threading.Thread(target=second.acquire, args=("lb-1",))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    first.release("lb-1")
    waiting.join(5)
    assert not waiting.is_alive()
    assert held(folder)
    second.release_all()


def test_a_lock_file_that_is_a_link_is_refused(first, folder):
    (path,) = folder.iterdir()
    first.release_all()
    path.unlink()
    path.symlink_to(folder.parent / "target")
    with pytest.raises(GuardRefused, match="can't be opened"):
        GuardLocks({FOLDER_VARIABLE: str(folder)}, ENDPOINT, budget_on(VirtualClock())).acquire("lb-1")
    assert not (folder.parent / "target").exists()


def test_a_file_system_without_locks_is_refused(monkeypatch, folder):
    def flock(*_args):
        raise OSError(errno.ENOLCK, "No locks available")

    before = open_files()
    monkeypatch.setattr(locks_module.fcntl, "flock", flock)
    with pytest.raises(GuardRefused, match=r"can't be locked: No locks available\. .*on a local file system"):
        GuardLocks({FOLDER_VARIABLE: str(folder)}, ENDPOINT, budget_on(VirtualClock())).acquire("lb-1")
    assert open_files() == before
