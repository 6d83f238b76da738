# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns among the guarded tasks of one user on one controller: an exclusive lock for each load balancer."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .._base.errors import GuardRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._base.budget import Budget

FOLDER_VARIABLE = "TENCENTCLOUD_CLB_LOCK_DIR"
"""Where the locks are, if not in the system's folder for temporary files."""
_POLL_SECONDS = 0.05


def lock_folder(environ: Mapping[str, str]) -> Path:
    """The folder of the locks: of this user alone, so that nobody else can hold or replace one.

    :param environ: the environment variables.
    :raises GuardRefused: the folder can't be made, or it is not this user's own.
    """
    given = environ.get(FOLDER_VARIABLE)
    folder = Path(given) if given else Path(tempfile.gettempdir()) / f"tencentcloud-clb-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, parents=bool(given), exist_ok=True)
        found = folder.lstat()
    except OSError as exc:
        raise GuardRefused(
            f"min_healthy needs a lock, and the folder {folder} can't be made: {exc.strerror}. "
            f"Set {FOLDER_VARIABLE} to a folder that this user can write to."
        ) from exc
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != 0o700:
        raise GuardRefused(
            f"min_healthy needs a lock, and {folder} is not a folder of mode 0700 that belongs to this user. "
            f"Remove it, or set {FOLDER_VARIABLE} to such a folder."
        )
    return folder


class GuardLocks:
    """The locks that one task holds.

    :param folder: of :func:`lock_folder`.
    :param endpoint: of the API: equal IDs at two endpoints are two load balancers.
    :param budget: the time for the whole task.
    """

    def __init__(self, folder: Path, endpoint: str, budget: Budget) -> None:
        self._folder = folder
        self._endpoint = endpoint
        self._budget = budget
        self._held: dict[str, int] = {}

    def acquire(self, load_balancer_id: str) -> None:
        """Wait for the lock of one load balancer; several are taken in the order of their IDs.

        :param load_balancer_id: its ID.
        :raises WaitTimeout: another task holds it until the time is up.
        :raises GuardRefused: the lock file can't be opened.
        """
        name = hashlib.sha256(f"{self._endpoint} {load_balancer_id}".encode()).hexdigest()[:32]
        path = self._folder / f"{name}.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as exc:
            raise GuardRefused(f"min_healthy needs a lock, and {path} can't be opened: {exc.strerror}.") from exc
        try:
            while not _try_lock(descriptor):
                self._budget.sleep(
                    _POLL_SECONDS, f"another task with min_healthy on this controller to leave {load_balancer_id}"
                )
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

    def release(self, load_balancer_id: str) -> None:
        """Let the next task have its turn.

        :param load_balancer_id: its ID; one that is not held is fine.
        """
        descriptor = self._held.pop(load_balancer_id, None)
        if descriptor is not None:
            # Closing the only descriptor of the open file gives the lock back.
            os.close(descriptor)

    def release_all(self) -> None:
        """Give back every lock that is still held."""
        for load_balancer_id in list(self._held):
            self.release(load_balancer_id)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
