# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one exception by which the emulated cloud refuses a call."""

from __future__ import annotations


class ApiError(Exception):
    """A call is refused.

    :param code: an error code of the API, such as ``InvalidParameter.LBIdNotFound``.
    :param message: the text beside it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
