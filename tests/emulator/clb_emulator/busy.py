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
    "in_use": (("ResourceInUse", "The resource `{id}` is in use."),),
    "unavailable": (("ResourceUnavailable", "The resource `{id}` is unavailable."),),
}
"""Style -> codes and messages, used in turn. ``{id}`` stands for the load balancer's ID."""


class BusyReplies:
    """Makes the refusals of calls to a busy load balancer, with each text in turn."""

    def __init__(self) -> None:
        self._count = 0

    def refusal(self, load_balancer_id: str, styles: tuple[str, ...]) -> ApiError:
        """Return the refusal of one call.

        :param styles: keys of STYLES, used in turn.
        """
        number, self._count = self._count, self._count + 1
        texts = STYLES[styles[number % len(styles)]]
        code, message = texts[number // len(styles) % len(texts)]
        return ApiError(code, message.format(id=load_balancer_id))
