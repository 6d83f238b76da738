# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the API says that a task is working on a load balancer: all forms that callers have recorded."""

from __future__ import annotations

from .errors import ApiError

STYLES: dict[str, tuple[tuple[str, str], ...]] = {
    "coded": (
        (
            "FailedOperation.ResourceInOperating",
            "Loadbalancer({id}) is not in normal state, maybe some tasks are being processed, please try later.",
        ),
        (
            "FailedOperation.ResourceInOperating",
            "Loadbalancer({id}) is not in normal desState, maybe some tasks are being processed, please try later.",
        ),
    ),
    "text": (("FailedOperation", "Task Check Failed : Same wsName is Working({id}), pls Try Later"),),
    "text2": (("FailedOperation", "Your task is working ({id})."),),
    "working": (
        (
            "FailedOperation",
            "Your task is working (BindTargetGroupDevice). Pls wait for the task to complete and try again.",
        ),
    ),
    "status": (("FailedOperation", "LB {id} is not in normal status"),),
    "des_state": (("FailedOperation", "LB {id} is not in normal desState"),),
    "abnormal": (("FailedOperation", "LB {id} desState is abnormal"),),
    "des_status": (("FailedOperation", "LB {id} des status abnormal"),),
    "in_use": (("ResourceInUse", "The resource `{id}` is in use."),),
    "unavailable": (("ResourceUnavailable", "The resource `{id}` is unavailable."),),
}
"""Style -> codes and messages, used in turn. ``{id}`` stands for the load balancer's ID."""


class BusyReplies:
    """Makes the refusals of calls to a busy load balancer, with each text in turn."""

    def __init__(self) -> None:
        self._count = 0

    def refusal(
        self, load_balancer_id: str, styles: tuple[str, ...], code: str | None = None, message: str | None = None
    ) -> ApiError:
        """Return the refusal of one call.

        :param styles: keys of STYLES, used in turn.
        :param code: given, it replaces that of the style; so does ``message``.
        """
        number, self._count = self._count, self._count + 1
        texts = STYLES[styles[number % len(styles)]]
        usual, text = texts[number // len(styles) % len(texts)]
        situation = "busy" if code is None and message is None else None
        text = (message or text).replace("{id}", load_balancer_id)
        return ApiError(code or usual, text, situation=situation)
