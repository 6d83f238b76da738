# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One write to one binding. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from .snapshot import DEFAULT_WEIGHT, Backend, Binding, Pool, Snapshot


class ChangeKind(Enum):
    """What a change does to a binding."""

    REGISTER = "register"
    WEIGHT = "weight"
    TAG = "tag"
    DEREGISTER = "deregister"


@dataclass(frozen=True, eq=False)
class Change:
    """One write to one binding; two changes are never equal, so that each has its own fate.

    :param kind: what it does.
    :param pool: where.
    :param backend: how the call addresses the backend.
    :param port: the backend's port.
    :param weight: to set; None where none was asked for.
    :param tag: to set, empty to clear; None where none was asked for.
    :param before: the binding as it is; None for a new one.
    """

    kind: ChangeKind
    pool: Pool
    backend: Backend
    port: int
    weight: int | None = None
    tag: str | None = None
    before: Binding | None = None

    @property
    def loss(self) -> bool:
        """Whether it takes capacity away: a weight set to 0, or a removal."""
        return self.kind is ChangeKind.DEREGISTER or (self.kind is ChangeKind.WEIGHT and self.weight == 0)

    def in_place(self, snapshot: Snapshot) -> bool:
        """Tell whether a snapshot shows what this change asks for.

        :param snapshot: read at any time.
        """
        found = snapshot.find(self.pool.key, self.backend, self.port)
        if self.kind is ChangeKind.DEREGISTER:
            return found is None
        if found is None:
            return False
        if self.weight is not None and found.weight != self.weight:
            return False
        # Where the cloud tells no tags there is nothing to compare with.
        return self.tag is None or found.tag is None or found.tag == self.tag

    def conflicts_with(self, snapshot: Snapshot) -> bool:
        """Tell whether a binding that this change was to make is there with another weight or tag.

        :param snapshot: read after the change was sent.
        """
        if self.kind is not ChangeKind.REGISTER or self.in_place(snapshot):
            return False
        return snapshot.find(self.pool.key, self.backend, self.port) is not None

    def as_new(self, tag: str | None) -> Binding:
        """The binding that a registration makes.

        :param tag: what a binding has that was given no tag.
        """
        return Binding(
            pool=self.pool,
            backend=self.backend,
            port=self.port,
            weight=DEFAULT_WEIGHT if self.weight is None else self.weight,
            tag=tag if self.tag is None else self.tag,
            aliases=(self.backend.address,),
        )
