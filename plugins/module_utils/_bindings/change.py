# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One write to one binding."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from .snapshot import DEFAULT_WEIGHT, Backend, Binding, BindingKey, Pool, Snapshot, address_label


class ChangeKind(Enum):
    """The effect of a change on a binding."""

    REGISTER = "register"
    WEIGHT = "weight"
    TAG = "tag"
    DEREGISTER = "deregister"


@dataclass(frozen=True, eq=False)
class Change:
    """One write to one binding; changes are equal where they ask for the same, whatever they were planned from.

    :param weight: None where none was asked for.
    :param tag: empty to clear it, None where none was asked for.
    :param before: the binding in the snapshot that the change was planned from; None for a new one.
    """

    kind: ChangeKind
    pool: Pool
    backend: Backend
    port: int
    weight: int | None = None
    tag: str | None = None
    before: Binding | None = None
    key: BindingKey = field(init=False)
    """Made once, as the hash is, since every comparison asks for it."""
    _hash: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", (self.pool.key, self.backend.address, self.port))
        object.__setattr__(self, "_hash", hash((self.kind.value, self.key, self.weight, self.tag)))

    def __eq__(self, other: object) -> bool:
        asked = (self.kind, self.key, self.weight, self.tag)
        return isinstance(other, Change) and asked == (other.kind, other.key, other.weight, other.tag)

    def __hash__(self) -> int:
        return self._hash

    @property
    def loss(self) -> bool:
        """It takes capacity away: a weight set to 0, or a removal."""
        return self.kind is ChangeKind.DEREGISTER or (self.kind is ChangeKind.WEIGHT and self.weight == 0)

    @property
    def label(self) -> str:
        """The binding in messages: ``[2001:db8::1]:80 on TCP:80 (lbl-1)``."""
        return f"{address_label(self.backend.address, self.port)} on {self.pool.label}"

    def in_place(self, snapshot: Snapshot) -> bool:
        """A snapshot shows this change; without tags in the answer, the tag is not compared."""
        found = snapshot.find(self.pool.key, self.backend, self.port)
        if self.kind is ChangeKind.DEREGISTER:
            return found is None
        if found is None:
            return False
        return self.weight in (None, found.weight) and (found.tag is None or self.tag in (None, found.tag))

    def applied_to(self, bound: Binding) -> Binding:
        """A binding with the weight and tag that are asked for."""
        return bound._replace(
            weight=bound.weight if self.weight is None else self.weight,
            tag=bound.tag if self.tag is None else self.tag,
        )

    def as_new(self, tag: str | None) -> Binding:
        """The binding that a registration makes; ``tag`` is that of a binding that was given none."""
        return Binding(
            pool=self.pool,
            backend=self.backend,
            port=self.port,
            weight=DEFAULT_WEIGHT if self.weight is None else self.weight,
            tag=tag if self.tag is None else self.tag,
            aliases=(self.backend.address,),
        )
