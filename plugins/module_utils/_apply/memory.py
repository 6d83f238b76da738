# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The restore file: former weights and tags on disk, until they are back. ``remembered`` decides on its entries."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .._base import pace
from .._base.errors import InvalidArgument, WaitTimeout, printable, sentences
from .._base.limits import MAX_BODY_BYTES, parse_json
from .._bindings.remembered import Former, Key, Remembered, Written, parse_remembered, remember, settle
from .locks import wait_for_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from .._base.budget import Budget

MAX_PATH = 500
"""Characters of a path that a message shows."""
CURE = "Correct it. Or set by hand the weights and tags that it holds, and then move it away."


class RestoreFile:
    """Reads a restore file and replaces it as a whole, so that a reader never sees a part of it."""

    def __init__(self, path: str, budget: Budget) -> None:
        self._path = Path(path)
        self._temporary = self._path.with_name(f".{self._path.name}.new") if self._path.name else self._path
        self._budget = budget
        self.shown = printable(path, MAX_PATH)
        """The path in messages."""

    def read(self) -> tuple[Remembered, ...]:
        """Read and check the file.

        :raises InvalidArgument: it is no restore file of this user, or could not be written.
        """
        folder = self._path.parent
        with self._named("can't be read"):
            if not self._path.name:
                raise self._unusable("it names no file. Give the path of a file.")
            if not folder.is_dir():
                raise self._unusable(f"its folder {printable(str(folder), MAX_PATH)} does not exist. Make it first.")
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise self._unusable("this user can't write to its folder. Give another path.")
            return self._read()

    def change(
        self, function: Callable[[tuple[Remembered, ...]], Sequence[Remembered]], *, last_attempt: bool = False
    ) -> None:
        """Replace the entries of the file under its lock; a file without entries is removed.

        :param function: returns the new entries for those that are there.
        :param last_attempt: wait for the lock even in the budget's grace.
        :raises InvalidArgument: it can't be read or written. It is as it was.
        :raises WaitTimeout: another task holds the lock until the time is up.
        """
        with self._named("can't be written"), self._locked(last_attempt) as folder:
            # Left over from a task that was killed.
            self._temporary.unlink(missing_ok=True)
            there = self._read()
            new = function(there)
            if not new:
                self._path.unlink(missing_ok=True)
            elif [item.raw for item in new] != [item.raw for item in there]:
                self._write(new)
            else:
                return
            os.fsync(folder)

    def _read(self) -> tuple[Remembered, ...]:
        content = self._content()
        if content is None:
            return ()
        try:
            return parse_remembered(parse_json(content))
        except ValueError as exc:
            raise self._unusable(f"it is not valid JSON: {exc}. {CURE}") from None
        except InvalidArgument as exc:
            raise self.blame(exc) from None

    def blame(self, problem: InvalidArgument) -> InvalidArgument:
        """The error for a problem with entries of this file; it names them by their number."""
        return self._unusable(f"its entries can't be used (targets[0] is the first): {problem.message} {CURE}")

    def _content(self) -> bytes | None:
        try:
            # Without O_NONBLOCK, opening a pipe waits until somebody writes into it.
            descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as exc:
            if exc.errno == errno.ELOOP:
                raise self._unusable("it is a symbolic link. Give the path of the file itself.") from None
            raise
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise self._unusable("it is not a regular file. Give another path.")
            if found.st_uid != os.geteuid():
                raise self._unusable(f"it belongs to another user (UID {found.st_uid}). Give a path of your own.")
            with open(descriptor, "rb", closefd=False) as file:
                content = file.read(MAX_BODY_BYTES + 1)
        finally:
            os.close(descriptor)
        if len(content) > MAX_BODY_BYTES:
            raise self._unusable(f"it is larger than {MAX_BODY_BYTES >> 20} MB.")
        return content

    def _write(self, items: Sequence[Remembered]) -> None:
        lines = ",\n".join(json.dumps(dict(item.raw)) for item in items)
        content = f"[\n{lines}\n]\n".encode()
        # Nothing is written that could not be read again.
        parse_json(content)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        descriptor = os.open(self._temporary, flags, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, no path
                os.fchmod(descriptor, 0o600)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            self._temporary.replace(self._path)
        finally:
            with suppress(OSError):
                self._temporary.unlink()

    @contextmanager
    def _locked(self, last_attempt: bool) -> Iterator[int]:
        """Hold the lock of the folder; gives its descriptor."""
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            waiting_for = f"another task to leave the restore file {self.shown}"
            wait_for_lock(folder, self._budget, waiting_for, grace=last_attempt)
            yield folder
        finally:
            # Closing the only descriptor of the open folder gives the lock back.
            os.close(folder)

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as exc:
            # ValueError: the path has a null character, or one that the file system can't spell.
            raise self._unusable(f"it {what}: {getattr(exc, 'strerror', None) or exc}.") from exc

    def _unusable(self, why: str) -> InvalidArgument:
        return InvalidArgument(f"restore_file {self.shown}: {why}")


class Memory:
    """The entries that one task has put into its restore file. Threads may share one."""

    def __init__(self, file: RestoreFile) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._written: dict[Key, Written] = {}
        self._safe: set[Key] = set()
        """The bindings whose entry is known to be on disk."""

    def remember(self, formers: Sequence[Former]) -> None:
        """Write the former state of bindings to disk before they are changed.

        :raises ClbError: it can't be written: nothing may be sent.
        """
        with self._lock:
            now = time.time()
            missing = [former for former in formers if not self._is_safe(former, now)]
            if not missing:
                return

            def put(there: tuple[Remembered, ...]) -> list[Remembered]:
                entries, written = remember(there, missing, self._written, now)
                self._written.update(written)
                return entries

            self.file.change(put)
            self._safe.update(former.key for former in missing)

    def _is_safe(self, former: Former, now: float) -> bool:
        if former.key not in self._safe:
            return False
        written = self._written[former.key]
        known, bound = written.former.binding, former.binding
        same = (known.weight, known.tag) == (bound.weight, bound.tag)
        return same and (not written.own or now - (written.entry.at or now) <= pace.FRESH_SECONDS)

    def settle(self, changed: Collection[Key], taken: Sequence[Remembered], unknown: Collection[str] = ()) -> list[str]:
        """Bring the file up to date when the task ends.

        :param changed: the bindings that the task has changed, or may have.
        :param taken: entries, as they were read at the start, that are in place again or lead nowhere.
        :param unknown: IDs of load balancers with changes of unknown outcome: their entries stay.
        :returns: a warning where that was not possible.
        """
        if not self._written and not taken:
            return []
        sure = {*changed, *(key for key in self._written if key[0] in unknown)}
        try:
            self.file.change(lambda there: settle(there, self._written, sure, taken, time.time()), last_attempt=True)
        except (InvalidArgument, WaitTimeout) as exc:
            what = f"The restore file {self.file.shown} could not be brought up to date at the end"
            left = "It may hold entries of bindings that are as they were before; state restored takes these out"
            return [sentences(what, exc.message, left)]
        return []
