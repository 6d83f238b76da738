# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run has bound and not yet unbound, kept in a file: the next run cleans up after one that was killed."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from .calls import Unusable
from .world import as_list, same_address

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .calls import Target

MARK = "clb-conformance"
"""The tag of everything that a run binds; other tags begin with it."""


class Bound(NamedTuple):
    listener_id: str
    location_id: str | None
    backend: str
    port: int

    @classmethod
    def of(cls, target: Target) -> Bound:
        backend = target.get("InstanceId") or target.get("EniIp") or ""
        return cls(target["ListenerId"], target.get("LocationId"), backend, target["Port"])

    @property
    def target(self) -> Target:
        rule = {"LocationId": self.location_id} if self.location_id else {}
        name = "InstanceId" if self.backend.startswith("ins-") else "EniIp"
        return {"ListenerId": self.listener_id, **rule, name: self.backend, "Port": self.port}

    def is_shown_by(self, listener_id: str, location_id: str | None, entry: Target) -> bool:
        if (self.port, self.listener_id, self.location_id) != (entry.get("Port"), listener_id, location_id):
            return False
        names = [entry.get("InstanceId"), *as_list(entry.get("PrivateIpAddresses"))]
        return any(same_address(name, self.backend) for name in names if isinstance(name, str))


class Leftovers:
    """All bindings of a run on one ``place`` that may still be there; no ``file`` for a cloud in this process."""

    def __init__(self, file: Path | None = None, place: Iterable[str] = ()) -> None:
        self.pending: set[Bound] = set()
        self.changed_at = 0.0
        """When something was last added, in seconds since 1970."""
        self._file = file
        self._place = list(place)

    def recall(self) -> bool:
        """Take over what a killed run has left on this place; return whether there was anything."""
        if self._file is None or not self._file.exists():
            return False
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            self.pending = {Bound(*item) for item in kept["bound"]}
            self.changed_at = float(kept["changed_at"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise Unusable(f"{self._file} can't be read ({error}): look what it names, and delete it") from error
        if kept["place"] != self._place:
            what_to_do = "run this on the same load balancer again, so that it is cleaned up, or delete the file"
            raise Unusable(f"{self._file} is of a run that was killed, on {', '.join(kept['place'])}: {what_to_do}")
        return True

    def add(self, bindings: Iterable[Bound]) -> None:
        """Note bindings before they are made."""
        self.pending |= set(bindings)
        self.changed_at = time.time()
        self._keep()

    def remove(self, bindings: Iterable[Bound]) -> None:
        self.pending -= set(bindings)
        self._keep()

    def _keep(self) -> None:
        if self._file is not None and self.pending:
            kept = {"place": self._place, "changed_at": self.changed_at, "bound": sorted(self.pending, key=str)}
            draft = self._file.with_name(self._file.name + ".part")
            with draft.open("w", encoding="utf-8") as stream:
                json.dump(kept, stream)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(self._file)
        elif self._file is not None:
            self._file.unlink(missing_ok=True)
