# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import stat
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._apply import locks as locks_module
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.locks import (
    FOLDER_VARIABLE,
    GuardLocks,
    lock_folder,
)
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import GuardRefused, WaitTimeout

from ...fake_cloud import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDPOINT = "clb.example.com"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return lock_folder({FOLDER_VARIABLE: str(tmp_path / "locks")})


@pytest.fixture
def first(folder: Path) -> Iterator[GuardLocks]:
    """A task that holds the lock of lb-1."""
    locks = GuardLocks(folder, ENDPOINT, Clock().budget())
    locks.acquire("lb-1")
    yield locks
    locks.release_all()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def held(folder: Path, load_balancer_id: str = "lb-1", endpoint: str = ENDPOINT) -> bool:
    """Whether another task would have to wait for a lock."""
    locks = GuardLocks(folder, endpoint, Clock().budget(0.2))
    try:
        locks.acquire(load_balancer_id)
    except WaitTimeout:
        return True
    locks.release_all()
    return False


@pytest.mark.parametrize("given", [True, False])
def test_the_folder_is_of_this_user_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: bool) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environ = {FOLDER_VARIABLE: str(tmp_path / "far" / "away")} if given else {}
    folder = lock_folder(environ)
    assert folder == (tmp_path / "far" / "away" if given else tmp_path / f"tencentcloud-clb-{os.getuid()}")
    assert stat.S_IMODE(folder.lstat().st_mode) == 0o700
    # It may be there already.
    assert lock_folder(environ) == folder


def a_file(path: Path) -> None:
    path.touch(0o700)


def open_to_others(path: Path) -> None:
    path.mkdir()
    path.chmod(0o755)


def a_link(path: Path) -> None:
    (path.parent / "elsewhere").mkdir(0o700)
    path.symlink_to("elsewhere")


@pytest.mark.parametrize("make", [open_to_others, a_link])
def test_a_folder_that_others_could_have_made_is_refused(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "locks")
    with pytest.raises(GuardRefused, match=f"not a folder of mode 0700 .* set {FOLDER_VARIABLE}"):
        lock_folder({FOLDER_VARIABLE: str(tmp_path / "locks")})


def test_a_folder_of_somebody_else_is_refused(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(GuardRefused, match="belongs to this user"):
        lock_folder({FOLDER_VARIABLE: str(folder)})


def test_a_folder_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    a_file(tmp_path / "locks")
    with pytest.raises(GuardRefused, match=f"can't be made: .*Set {FOLDER_VARIABLE}"):
        lock_folder({FOLDER_VARIABLE: str(tmp_path / "locks" / "below")})


def test_one_task_at_a_time_works_on_a_load_balancer(first: GuardLocks, folder: Path) -> None:
    assert held(folder)
    first.release("lb-1")
    assert not held(folder)
    # Giving back what is not held is fine.
    first.release("lb-1")
    first.release("lb-2")


def test_other_load_balancers_and_endpoints_do_not_wait(first: GuardLocks, folder: Path) -> None:
    assert not held(folder, "lb-2")
    assert not held(folder, endpoint="other.example.com")


def test_the_end_of_a_task_gives_everything_back(first: GuardLocks, folder: Path) -> None:
    first.acquire("lb-2")
    assert held(folder, "lb-2")
    first.release_all()
    assert (held(folder), held(folder, "lb-2")) == (False, False)


def test_lock_files_are_of_this_user_alone_and_tell_no_names(first: GuardLocks, folder: Path) -> None:
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "lb-1" not in path.name


def test_waiting_ends_with_the_budget_and_leaves_nothing_open(first: GuardLocks, folder: Path) -> None:
    clock = Clock()
    before = open_files()
    second = GuardLocks(folder, ENDPOINT, clock.budget(7))
    with pytest.raises(WaitTimeout, match="another task with min_healthy on this controller to leave lb-1"):
        second.acquire("lb-1")
    assert clock.seconds == pytest.approx(7)
    assert open_files() == before


def test_a_lock_is_taken_as_soon_as_the_other_task_gives_it_back(first: GuardLocks, folder: Path) -> None:
    second = GuardLocks(folder, ENDPOINT, Budget(10, 1))
    waiting = threading.Thread(target=second.acquire, args=("lb-1",))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    first.release("lb-1")
    waiting.join(5)
    assert not waiting.is_alive()
    assert held(folder)
    second.release_all()


def test_a_lock_file_that_is_a_link_is_refused(first: GuardLocks, folder: Path) -> None:
    (path,) = folder.iterdir()
    first.release_all()
    path.unlink()
    path.symlink_to(folder.parent / "target")
    with pytest.raises(GuardRefused, match="can't be opened"):
        GuardLocks(folder, ENDPOINT, Clock().budget()).acquire("lb-1")
    assert not (folder.parent / "target").exists()


def test_a_file_system_without_locks_is_refused(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def flock(*_args: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    before = open_files()
    monkeypatch.setattr(locks_module.fcntl, "flock", flock)
    with pytest.raises(GuardRefused, match=r"can't be locked: No locks available\. .*on a local file system"):
        GuardLocks(folder, ENDPOINT, Clock().budget()).acquire("lb-1")
    assert open_files() == before
