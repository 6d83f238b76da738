# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One call on its way through the emulated cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .faults import Fault
    from .journal import Entry


@dataclass
class Call:
    """One call of an action.

    :param params: its parameters, checked, without nulls.
    :param region: the region that it names.
    :param entry: its entry in the journal.
    :param fault: the fault that it meets, if any.
    :param account: the caller's account.
    :param wait: seconds that its work takes before it can be answered; the action's handler sets it.
    """

    action: str
    params: dict[str, Any]
    region: str
    entry: Entry
    fault: Fault | None
    account: str
    wait: float = 0.0
