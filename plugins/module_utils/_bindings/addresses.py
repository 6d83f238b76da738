# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose address is whose, where several bindings of one pool and port are answered with the same address. Pure.

The API can answer a backend with every address of its network interface, though only one of them is bound.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from collections.abc import Sequence


class Claim(NamedTuple):
    """What one binding is answered with.

    :param instance_id: of a CVM, None for any other backend.
    :param addresses: of a CVM its primary address, of any other backend all that it could be bound with.
    """

    instance_id: Optional[str]
    addresses: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The ID and the addresses."""
        return self.addresses if self.instance_id is None else (self.instance_id, *self.addresses)


class Ownership(NamedTuple):
    """Which name belongs to which binding.

    :param owners: the number of a binding, by instance ID or address.
    :param doubtful: the numbers of bindings that could as well have another's address, or that have none left.
    """

    owners: dict[str, int]
    doubtful: frozenset[int]


def find_owners(claims: Sequence[Claim]) -> Ownership:
    """Find out whose each address is.

    An instance has its primary address. Of any other backend's addresses the first is its own, unless that is
    another's or another's first, too: then it is one that nobody else has. Where that leaves a choice, it is in doubt
    who has which; that they have all of them together is not.

    :param claims: of the bindings of one pool and port.
    """
    owners: dict[str, int] = {}
    doubtful: set[int] = set()
    for number, claim in enumerate(claims):
        if claim.instance_id is not None:
            found = {owners.setdefault(name, number) for name in claim.names}
            if found != {number}:
                doubtful.add(number)
    others = [number for number, claim in enumerate(claims) if claim.instance_id is None]
    firsts = {number: next(iter(_left(claims[number], owners)), None) for number in others}
    rivals = Counter(firsts.values())
    rest = []
    for number, first in firsts.items():
        if first is not None and rivals[first] == 1:
            owners[first] = number
        else:
            rest.append(number)
    # Those with the fewest choices first: then what can be found by elimination is.
    for number in sorted(rest, key=lambda number: len(_left(claims[number], owners))):
        left = _left(claims[number], owners)
        if left:
            owners[left[0]] = number
        if len(left) != 1:
            doubtful.add(number)
    return Ownership(owners, frozenset(doubtful))


def _left(claim: Claim, owners: dict[str, int]) -> list[str]:
    return [address for address in claim.addresses if address not in owners]
