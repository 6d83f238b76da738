# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The exceptions with which a call of the emulated cloud can end."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .answer import Answer


class ApiError(Exception):
    """A call is refused.

    :param code: an error code of the API, such as ``InvalidParameter.LBIdNotFound``.
    :param message: the text beside it.
    :param request_id: the call's ``RequestId``, where it is known.
    """

    def __init__(self, code: str, message: str, *, request_id: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.request_id = request_id


class BrokenAnswer(Exception):
    """A call in process got no sound answer; its caller does not know whether it was carried out.

    :param reason: what is wrong with the answer.
    :param answer: what would have been sent over the wire.
    """

    def __init__(self, reason: str, answer: Answer) -> None:
        super().__init__(reason)
        self.answer = answer
