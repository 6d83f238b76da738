# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exceptions with which a call of the emulated cloud can end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answer import Answer


SITUATIONS = (
    "bound_already",
    "busy",
    "duplicate",
    "length",
    "no_rule",
    "quota",
    "range",
    "rule_on_layer4",
    "unknown_filter",
    "unknown_instance",
    "unknown_listener",
    "unknown_load_balancer",
    "unknown_rule",
    "unknown_target",
)
"""Reasons of refusals; README.md tells the code of each."""

DOCUMENTED_CODES: dict[str, Any] = {
    "BatchDeregisterTargets.busy": "FailedOperation",
    "BatchModifyTargetWeight.busy": "FailedOperation",
    "BatchModifyTargetWeight.no_rule": "InvalidParameter",
    "BatchModifyTargetWeight.range": "InvalidParameterValue",
    "BatchModifyTargetWeight.rule_on_layer4": "InvalidParameter",
    "BatchModifyTargetWeight.unknown_listener": "InvalidParameter",
    "BatchModifyTargetWeight.unknown_load_balancer": {"code": "InvalidParameter", "message": "LoadBalancer not exist"},
    "BatchModifyTargetWeight.unknown_rule": "InvalidParameter",
    "DescribeTargets.unknown_filter": "InvalidParameterValue.InvalidFilter",
    "DescribeTargets.unknown_listener": {"code": "InvalidParameter", "message": "some ListenerId `{name}` not found"},
    "DescribeTargets.unknown_load_balancer": {"code": "InvalidParameter", "message": "LB not exist"},
}
"""Action and situation -> a code that the vendor's page of the action lists, where it does not list the usual one."""


class ApiError(Exception):
    """A call is refused.

    :param code: an error code of the API, such as ``InvalidParameter.LBIdNotFound``.
    :param message: the text beside it.
    :param request_id: the call's ``RequestId``, where it is known.
    :param situation: one of SITUATIONS, of which the settings can change the code and the text.
    """

    def __init__(self, code: str, message: str, *, request_id: str | None = None, situation: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.request_id = request_id
        self.situation = situation


class BrokenAnswer(Exception):
    """A call in process got no sound answer; its caller does not know whether it was carried out.

    :param reason: what is wrong with the answer.
    :param answer: what would have been sent over the wire.
    """

    def __init__(self, reason: str, answer: Answer) -> None:
        super().__init__(reason)
        self.answer = answer
