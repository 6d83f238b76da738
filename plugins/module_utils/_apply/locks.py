# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns among the guarded tasks of one user on one controller: an exclusive lock for each load balancer."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from .._base import pace
from .._base.errors import GuardRefused, printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._base.budget import Budget

FOLDER_VARIABLE = "TENCENTCLOUD_CLB_LOCK_DIR"
"""Names the folder of the locks."""
_BELOW_HOME = Path(".ansible") / "tencentcloud-clb"
_TEMPORARY = Path("/tmp")  # noqa: S108 - owner and mode of what is below are checked
MAX_SHOWN = 200
"""Characters of a wrong value that a message shows."""


def lock_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder of the locks, the same for all tasks of a user; nobody else can hold or replace a lock there.

    :raises GuardRefused: the folder can't be made, or it is not this user's own.
    """
    given = environ.get(FOLDER_VARIABLE)
    folder = _given_folder(given) if given else _usual_folder()
    try:
        folder.mkdir(mode=0o700, parents=folder.parent != _TEMPORARY, exist_ok=True)
        found = folder.lstat()
    except OSError as exc:
        raise GuardRefused(
            f"min_healthy needs a lock, and the folder {folder} can't be made: {exc.strerror}. "
            f"Set {FOLDER_VARIABLE} to a folder that this user can write to."
        ) from exc
    # A folder below one with the setgid bit has that bit, too, which lets nobody in.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise GuardRefused(
            f"min_healthy needs a lock, and {folder} is not a folder of mode 0700 that belongs to this user. "
            f"Remove it, or set {FOLDER_VARIABLE} to such a folder."
        )
    return folder


def _given_folder(given: str) -> Path:
    # Not Path.expanduser(), which raises for a user without a home directory, as containers have them.
    folder = os.path.expanduser(given)  # noqa: PTH111 - as said
    if not os.path.isabs(folder):  # noqa: PTH117 - of the text, to show it as it was given
        problem = "names no home directory that is known" if given.startswith("~") else "is not an absolute path"
        raise GuardRefused(
            f"min_healthy needs a lock, and {FOLDER_VARIABLE} {printable(repr(given), MAX_SHOWN)} {problem}; "
            "give an absolute path, or one that begins with ~/."
        )
    return Path(folder)


def _usual_folder() -> Path:
    """The folder below the home that the password database names; below /tmp for a user who has no home."""
    user = os.getuid()
    try:
        home = Path(pwd.getpwuid(user).pw_dir)
        if home.is_absolute() and home.stat().st_uid == user:
            return home / _BELOW_HOME
    except (KeyError, OSError):
        # Containers often run as a user whom the password database does not know.
        pass
    return _TEMPORARY / f"tencentcloud-clb-{user}"


class GuardLocks:
    """The locks that one task holds. Their folder is made for the first one: a task that loses nothing needs none.

    :param environ: the environment, which may name the folder.
    :param endpoint: of the API: equal IDs at two endpoints are two load balancers.
    """

    def __init__(self, environ: Mapping[str, str], endpoint: str, budget: Budget) -> None:
        self._environ = environ
        self._endpoint = endpoint
        self._budget = budget
        self._held: dict[str, int] = {}

    def acquire(self, load_balancer_id: str) -> None:
        """Wait for the lock of one load balancer; several are taken in the order of their IDs.

        :raises WaitTimeout: another task holds it until the time is up.
        :raises GuardRefused: the folder can't be used, or the lock file can't be opened.
        """
        name = hashlib.sha256(f"{self._endpoint} {load_balancer_id}".encode()).hexdigest()
        path = lock_folder(self._environ) / f"{name}.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as exc:
            raise GuardRefused(f"min_healthy needs a lock, and {path} can't be opened: {exc.strerror}.") from exc
        try:
            waiting_for = f"another task with min_healthy on this controller to leave {load_balancer_id}"
            wait_for_lock(descriptor, self._budget, waiting_for)
        except OSError as exc:
            os.close(descriptor)
            raise GuardRefused(
                f"min_healthy needs a lock, and {path} can't be locked: {exc.strerror}. "
                f"Set {FOLDER_VARIABLE} to a folder on a local file system."
            ) from exc
        except BaseException:
            os.close(descriptor)
            raise
        self._held[load_balancer_id] = descriptor

    @property
    def held(self) -> bool:
        """The task holds at least one."""
        return bool(self._held)

    def release(self, load_balancer_id: str) -> None:
        """Let the next task have its turn, if the lock is held."""
        descriptor = self._held.pop(load_balancer_id, None)
        if descriptor is not None:
            # Closing the only descriptor of the open file gives the lock back.
            os.close(descriptor)

    def release_all(self) -> None:
        """Give back every lock that is still held."""
        for load_balancer_id in list(self._held):
            self.release(load_balancer_id)


def wait_for_lock(descriptor: int, budget: Budget, waiting_for: str, *, grace: bool = False) -> None:
    """Take the exclusive ``flock`` of an open file or folder.

    :param grace: wait even in the budget's grace.
    :raises OSError: its file system has no such locks.
    :raises WaitTimeout: another task holds it until the time is up.
    """
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            budget.sleep(pace.LOCK.first, waiting_for, grace=grace)
        else:
            return
