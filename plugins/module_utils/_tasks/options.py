# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the module ``targets``, checked as far as that goes without the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._base.errors import InvalidArgument, and_more
from .._bindings.entries import Entry, parse_entries
from .choice import check_load_balancers, is_chosen
from .request import check_minimum

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def check_options(params: Mapping[str, Any]) -> tuple[Entry, ...]:
    """Check everything that can be checked without the network.

    :returns: the parsed entries of ``targets``.
    :raises InvalidArgument: which value is wrong, why, and what would be right.
    """
    for name, minimum in (("timeout", 1), ("wait_timeout", 1), ("min_healthy", 0)):
        check_minimum(params, name, minimum)
    state = params["state"]
    if params["restore_file"] is None and state == "restored":
        raise InvalidArgument("state restored needs restore_file: the file that holds what to bring back.")
    if params["targets"] is None and state != "restored":
        raise InvalidArgument(f"targets is missing. State {state} needs it; only state restored does without.")
    if params["purge"] and state != "present":
        raise InvalidArgument(f"purge goes with state present, not with {state}; leave it out.")
    if params["wait_for_health"] and not params["wait"]:
        raise InvalidArgument("wait_for_health needs wait: true; set wait to true, or leave wait_for_health out.")
    entries = parse_entries(params["targets"] or (), selectors=state != "present")
    if state == "restored":
        check_restored(params, entries)
        return entries
    check_load_balancers(params, entries)
    if params["all_load_balancers"]:
        if state == "present":
            raise InvalidArgument(
                "all_load_balancers goes with state absent or drained: what is bound nowhere can't be found. "
                "Give load_balancer_ids or load_balancer_names."
            )
        without = [f"targets[{entry.number}]" for entry in entries if entry.backend is None]
        if without:
            raise InvalidArgument(
                f"With all_load_balancers every entry must name a backend, and {and_more(without, 5)} does not; "
                "give instance_id or eni_ip."
            )
    return entries


def check_restored(params: Mapping[str, Any], selectors: Sequence[Entry]) -> None:
    """Check the options of ``restored``: the restore file names the load balancers, and options only narrow.

    :raises InvalidArgument: which value is wrong, why, and what would be right.
    """
    if params["all_load_balancers"]:
        raise InvalidArgument(
            "all_load_balancers does not go with state restored: the restore file says which load balancers are "
            "meant. Leave it out."
        )
    tagged = [f"targets[{entry.number}]" for entry in selectors if entry.tag]
    if tagged:
        raise InvalidArgument(
            f"{and_more(tagged, 5)}: with state restored, a tag selects nothing. Leave tag out; the restore file "
            "says which tag comes back."
        )
    if is_chosen(params):
        check_load_balancers(params, selectors)
